/*
 * Memory that cannot come back at once: a thread of the library is in the middle
 * of it when the request is cancelled, expires, or its queue or service closes. The
 * completion waits for that thread, and from it on the memory is the caller's: here
 * it is taken out of reach at that moment, where one more byte would end the program.
 *
 * The keys `hold-N` of the test store keep the memory for N milliseconds; a get
 * writes into all of it meanwhile.
 */
#include "traffic.h"

#include <fcntl.h>

enum { HOLD_MS = 400, SIZE = 300000, HELD_AT_LEAST = 4096 /* the object of a held get */ };
#define HOLD_KEY "hold-400"

typedef struct held {
  blobferry_service_t *service;
  blobferry_store_t   *store;
  blobferry_cq_t      *cq;
  guarded_t            memory;
  blobferry_ticket_t   ticket;
  uint64_t             submitted_ms;
} held_t;

/* A look at lent memory, which only a test may take, through the kernel: no thread of ours reads it. */
static uint8_t peek(const uint8_t *address) {
  uint8_t byte = 0;
  int     memory = open("/proc/self/mem", O_RDONLY | O_CLOEXEC);
  if (pread(memory, &byte, 1, (off_t)(uintptr_t)address) != 1) FAIL("could not look at own memory");
  close(memory);
  return byte;
}

/* A get that is held: when this returns, the thread of the library is writing. */
static held_t hold_a_get(const char *place, uint64_t timeout_ms) {
  watch(place);
  held_t held;
  held.service = new_service();
  held.store = open_store(held.service, "fault://hold");
  held.cq = new_cq(held.service, 8, BLOBFERRY_WAKE_NONE);
  held.memory = guarded_new(SIZE);
  held.submitted_ms = now_ms();
  request_t get = {VERB_GET, HOLD_KEY, held.memory.data, SIZE, NULL, timeout_ms, 1};
  held.ticket = must_submit(&get, held.store, held.cq);
  /* Two looks, as the first writing could happen to write what was there. */
  for (int looks = 0; peek(held.memory.data) == CANARY && peek(held.memory.data + SIZE - 1) == CANARY; looks++)
    pause_a_little(looks);
  return held;
}

/* The completion is there: whoever held the memory has let go, not before its time, and for good. */
static void check_memory_is_back(held_t *held) {
  guarded_lock(&held->memory);
  CHECK(now_ms() - held->submitted_ms + 1 >= HOLD_MS);
  CHECK_INT(live_leases(), 0);
  sleep_us(HOLD_MS * 1000 / 2);
  guarded_unlock(&held->memory);
  guarded_free(&held->memory);
}

static void free_held(held_t *held) {
  blobferry_store_free(held->store);
  blobferry_cq_free(held->cq);
  blobferry_service_free(held->service);
}

static void check_ends_with(held_t *held, blobferry_status_t status) {
  blobferry_completion_t completion = wait_one(held->cq);
  guarded_lock(&held->memory);
  CHECK_STATUS(completion.status, status);
  CHECK(completion.ticket == held->ticket);
  dispose(&completion);
  check_memory_is_back(held);
  expect_nothing(held->cq, 0);
}

static void cancelled_get_completes_when_its_memory_is_back(void) {
  held_t held = hold_a_get(__func__, 0);
  must_cancel(held.cq, held.ticket);
  check_ends_with(&held, BLOBFERRY_E_CANCELLED);
  free_held(&held);
}

static void expired_get_completes_when_its_memory_is_back(void) {
  held_t held = hold_a_get(__func__, HOLD_MS / 2);
  check_ends_with(&held, BLOBFERRY_E_DEADLINE);
  free_held(&held);
}

static void closed_queue_completes_when_the_memory_is_back(void) {
  held_t held = hold_a_get(__func__, 0);
  CHECK_STATUS(blobferry_cq_close(held.cq, NULL), BLOBFERRY_OK);
  CHECK_INT(blobferry_cq_is_drained(held.cq), 0);
  blobferry_completion_t completion = wait_one(held.cq);
  guarded_lock(&held.memory);
  CHECK_STATUS(completion.status, BLOBFERRY_E_CANCELLED);
  dispose(&completion);
  check_memory_is_back(&held);
  free_held(&held);
}

static void freeing_the_queue_waits_for_the_memory(void) {
  held_t held = hold_a_get(__func__, 0);
  blobferry_cq_free(held.cq);
  held.cq = NULL;
  check_memory_is_back(&held);
  free_held(&held);
}

static void freeing_the_service_waits_for_the_memory(void) {
  held_t held = hold_a_get(__func__, 0);
  blobferry_service_free(held.service);
  held.service = NULL;
  check_memory_is_back(&held);
  CHECK_INT(drain_to_the_end(held.cq, BLOBFERRY_E_CANCELLED), 1);
  free_held(&held);
}

/* Cancelled, the request waits for its memory only: others go on, and draining the service waits for it. */
static void others_go_on_while_one_is_held(void) {
  held_t held = hold_a_get(__func__, 0);
  blobferry_cq_t *other = new_cq(held.service, 4, BLOBFERRY_WAKE_NONE);
  must_cancel(held.cq, held.ticket);
  for (uint64_t i = 0; i < 100; i++) {
    must_ping(held.store, other, i);
    expect(other, BLOBFERRY_E_NOT_FOUND, i);
  }
  settle(held.service);
  blobferry_completion_t completion;
  size_t                 count = 0;
  CHECK_STATUS(blobferry_cq_drain(held.cq, &completion, 1, &count, NULL), BLOBFERRY_OK);
  CHECK_INT(count, 1);
  guarded_lock(&held.memory);
  if (count == 1) {
    CHECK_STATUS(completion.status, BLOBFERRY_E_CANCELLED);
    dispose(&completion);
  }
  check_memory_is_back(&held);
  blobferry_cq_free(other);
  free_held(&held);
}

/* Many held puts and gets, cancelled while their threads are anywhere between beginning and letting go. */
static void many_held_requests_cancelled_at_any_time(void) {
  enum { MANY = 16 };
  watch(__func__);
  blobferry_service_t *service = new_service();
  blobferry_store_t   *store = open_store(service, "fault://hold");
  blobferry_cq_t      *cq = new_cq(service, MANY, BLOBFERRY_WAKE_NONE);
  uint64_t             dice = test_seed();
  for (long round = rounds(30); round > 0; round--) {
    guarded_t          memory[MANY];
    blobferry_ticket_t tickets[MANY];
    for (uint64_t i = 0; i < MANY; i++) {
      memory[i] = guarded_new(HELD_AT_LEAST + roll(&dice, 100000));
      request_t request = {i % 2 == 0 ? VERB_GET : VERB_PUT, i % 3 == 0 ? "hold-2" : "hold-5", memory[i].data,
                           memory[i].size, NULL, roll(&dice, 3) == 0 ? 3 : 0, i};
      tickets[i] = must_submit(&request, store, cq);
    }
    for (int i = 0; i < MANY; i++) {
      sleep_us((long)roll(&dice, 1500));
      must_cancel(cq, tickets[i]);
    }
    for (int i = 0; i < MANY; i++) {
      blobferry_completion_t completion = wait_one(cq);
      guarded_lock(&memory[completion.user_data % MANY]);
      if (completion.status != BLOBFERRY_E_CANCELLED && completion.status != BLOBFERRY_E_DEADLINE)
        CHECK_STATUS(completion.status, BLOBFERRY_OK);
      dispose(&completion);
    }
    CHECK_INT(live_leases(), 0);
    beat();
    for (int i = 0; i < MANY; i++) guarded_free(&memory[i]);
  }
  blobferry_store_free(store);
  blobferry_cq_free(cq);
  blobferry_service_free(service);
}

/* A put that was not cancelled takes effect when its hold is over; a cancelled one leaves no object. */
static void held_put_is_whole_or_not_there(void) {
  watch(__func__);
  blobferry_service_t *service = new_service();
  blobferry_store_t   *store = open_store(service, "fault://hold");
  blobferry_cq_t      *cq = new_cq(service, 4, BLOBFERRY_WAKE_NONE);
  guarded_t            memory = guarded_new(SIZE);
  pattern_fill(memory.data, SIZE, 3);
  request_t          put = {VERB_PUT, "hold-30", memory.data, SIZE, NULL, 0, 1};
  blobferry_ticket_t ticket = must_submit(&put, store, cq);
  await_in_flight(service, 1);
  must_cancel(cq, ticket);
  blobferry_completion_t completion = wait_one(cq);
  guarded_lock(&memory);
  CHECK_STATUS(completion.status, BLOBFERRY_E_CANCELLED);
  dispose(&completion);
  CHECK(!object_exists(store, cq, "hold-30"));
  guarded_free(&memory);
  blobferry_store_free(store);
  blobferry_cq_free(cq);
  blobferry_service_free(service);
}

TESTS(TEST(cancelled_get_completes_when_its_memory_is_back), TEST(expired_get_completes_when_its_memory_is_back),
      TEST(closed_queue_completes_when_the_memory_is_back), TEST(freeing_the_queue_waits_for_the_memory),
      TEST(freeing_the_service_waits_for_the_memory), TEST(others_go_on_while_one_is_held),
      TEST(many_held_requests_cancelled_at_any_time), TEST(held_put_is_whole_or_not_there))
