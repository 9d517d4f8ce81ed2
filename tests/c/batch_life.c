/*
 * What happens to the requests of a batch afterwards: credits, cancel, deadlines,
 * panics, the end of their queue, and many threads at once. Each is as alone as if
 * it had come with a call of its own.
 */
#include "batch.h"

static fixture_t with_faults(const char *place) {
  watch(place);
  return with_url("fault://batch", NULL, 0);
}

static blobferry_request_t a_get_of(const fixture_t *fixture, const char *key, uint64_t user_data) {
  return of_store(BLOBFERRY_VERB_GET, fixture->store, key, user_data);
}

/* -- credits --------------------------------------------------------------------------------------------------- */

static void credits_run_out_in_the_middle(void) {
  enum { CREDITS = 5, COUNT = 12 };
  fixture_t           fixture = with_faults(__func__);
  blobferry_cq_t     *cq = new_cq(fixture.service, CREDITS, BLOBFERRY_WAKE_NONE);
  blobferry_request_t requests[COUNT];
  guarded_t           memory = guarded_new(COUNT);
  for (uint64_t i = 0; i < COUNT; i++)
    requests[i] = with_buffer(a_get_of(&fixture, "never", i), memory.data + i, 1);
  /* A wrong element takes no credit. */
  requests[2].key = NULL;
  CHECK_INT(submit_batch(cq, requests, COUNT), CREDITS);
  check_refused(&requests[2], BLOBFERRY_E_ARGUMENT, "key");
  for (int i = CREDITS + 1; i < COUNT; i++) {
    CHECK(blobferry_error_is_retryable(requests[i].error));
    check_refused(&requests[i], BLOBFERRY_E_BUSY, "never");
  }
  CHECK_INT(live_leases(), CREDITS);
  /* A credit that is free again is found by the next call, and only one. */
  must_cancel(cq, requests[3].ticket);
  expect(cq, BLOBFERRY_E_CANCELLED, 3);
  CHECK_INT(submit_batch(cq, requests + CREDITS + 1, 3), 1);
  CHECK_STATUS(requests[CREDITS + 1].status, BLOBFERRY_OK);
  for (int i = CREDITS + 2; i < CREDITS + 4; i++) check_refused(&requests[i], BLOBFERRY_E_BUSY, "");
  CHECK_STATUS(blobferry_cq_close(cq, NULL), BLOBFERRY_OK);
  CHECK_INT(drain_to_the_end(cq, BLOBFERRY_E_CANCELLED), CREDITS);
  CHECK_INT(live_leases(), 0);
  blobferry_cq_free(cq);
  guarded_free(&memory);
  fixture_free(&fixture);
}

static void a_closed_queue_refuses_every_element(void) {
  enum { COUNT = 7 };
  fixture_t           fixture = with_faults(__func__);
  blobferry_request_t requests[COUNT];
  uint8_t             bytes[COUNT];
  for (uint64_t i = 0; i < COUNT; i++) requests[i] = with_buffer(a_get_of(&fixture, "never", i), bytes + i, 1);
  CHECK_STATUS(blobferry_cq_close(fixture.cq, NULL), BLOBFERRY_OK);
  CHECK_INT(submit_batch(fixture.cq, requests, COUNT), 0);
  for (int i = 0; i < COUNT; i++) check_refused(&requests[i], BLOBFERRY_E_CLOSED, "closed");
  CHECK_INT(live_leases(), 0);
  CHECK_INT(drain_to_the_end(fixture.cq, BLOBFERRY_OK), 0);
  fixture_free(&fixture);
}

/* -- cancel, deadline, panic, end ------------------------------------------------------------------------------- */

static void one_of_a_batch_is_cancelled(void) {
  enum { COUNT = 60 };
  fixture_t           fixture = with_faults(__func__);
  blobferry_request_t requests[COUNT];
  guarded_t           memory[COUNT];
  for (uint64_t i = 0; i < COUNT; i++) {
    memory[i] = guarded_new(10);
    requests[i] = with_buffer(a_get_of(&fixture, i % 2 ? "never" : "nothing-here", i), memory[i].data, 10);
  }
  must_submit_batch(fixture.cq, requests, COUNT);
  for (uint64_t i = 1; i < COUNT; i += 2) must_cancel(fixture.cq, requests[i].ticket);
  for (int i = 0; i < COUNT; i++) {
    blobferry_completion_t completion = wait_one(fixture.cq);
    CHECK(completion.user_data < COUNT);
    guarded_lock(&memory[completion.user_data]);
    CHECK(completion.ticket == requests[completion.user_data].ticket);
    CHECK_STATUS(completion.status, completion.user_data % 2 ? BLOBFERRY_E_CANCELLED : BLOBFERRY_E_NOT_FOUND);
    dispose(&completion);
  }
  expect_nothing(fixture.cq, 0);
  for (int i = 0; i < COUNT; i++) guarded_free(&memory[i]);
  fixture_free(&fixture);
}

/* Counted from the call, also for those that wait for a permit behind others of their batch. */
static void each_has_its_own_deadline(void) {
  enum { COUNT = 20 };
  watch(__func__);
  blobferry_service_t    *service = new_service_with(0, 1);
  blobferry_store_t      *store = open_store(service, "fault://deadlines");
  blobferry_cq_t         *cq = new_cq(service, COUNT, BLOBFERRY_WAKE_NONE);
  blobferry_get_options_t soon = BLOBFERRY_GET_OPTIONS_INIT;
  blobferry_request_t     requests[COUNT];
  soon.timeout_ms = 30;
  for (uint64_t i = 0; i < COUNT; i++) {
    requests[i] = of_store(BLOBFERRY_VERB_GET, store, "never", i);
    requests[i].options = i > 0 ? &soon : NULL;
  }
  must_submit_batch(cq, requests, COUNT);
  for (int i = 1; i < COUNT; i++) {
    blobferry_completion_t completion = wait_one(cq);
    CHECK_STATUS(completion.status, BLOBFERRY_E_DEADLINE);
    CHECK(completion.user_data > 0);
    dispose(&completion);
  }
  /* The one that holds the permit has none. */
  expect_nothing(cq, 50);
  must_cancel(cq, requests[0].ticket);
  expect(cq, BLOBFERRY_E_CANCELLED, 0);
  blobferry_store_free(store);
  blobferry_cq_free(cq);
  blobferry_service_free(service);
}

static void a_panic_ends_one_request_alone(void) {
  enum { COUNT = 40 };
  fixture_t           fixture = with_faults(__func__);
  blobferry_request_t requests[COUNT];
  guarded_t           memory[COUNT];
  for (uint64_t i = 0; i < COUNT; i++) {
    memory[i] = guarded_new(10);
    requests[i] = with_buffer(a_get_of(&fixture, i % 4 == 1 ? "panic-in-poll" : "nothing-here", i), memory[i].data, 10);
  }
  must_submit_batch(fixture.cq, requests, COUNT);
  for (int i = 0; i < COUNT; i++) {
    blobferry_completion_t completion = wait_one(fixture.cq);
    CHECK(completion.user_data < COUNT);
    guarded_lock(&memory[completion.user_data]);
    CHECK_STATUS(completion.status, completion.user_data % 4 == 1 ? BLOBFERRY_E_PANIC : BLOBFERRY_E_NOT_FOUND);
    dispose(&completion);
  }
  for (int i = 0; i < COUNT; i++) guarded_free(&memory[i]);
  fixture_free(&fixture);
}

/* A list may be asked for one page at a time: of two in one batch the second is refused, and the first is not hurt. */
static void a_list_gives_one_page_to_a_batch(void) {
  fixture_t           fixture = with_faults(__func__);
  blobferry_list_t   *list = new_list(fixture.store, "never");
  blobferry_request_t requests[2] = {of_list(list, 0), of_list(list, 1)};
  CHECK_INT(submit_batch(fixture.cq, requests, 2), 1);
  check_refused(&requests[1], BLOBFERRY_E_ARGUMENT, "");
  must_cancel(fixture.cq, requests[0].ticket);
  expect(fixture.cq, BLOBFERRY_E_CANCELLED, 0);
  blobferry_list_free(list);
  fixture_free(&fixture);
}

static void free_of_the_service_ends_a_batch(void) {
  enum { COUNT = 500 };
  for (long round = rounds(50); round > 0; round--) {
    watch(__func__);
    blobferry_service_t *service = new_service();
    blobferry_store_t   *store = open_store(service, "fault://end");
    blobferry_cq_t      *cq = new_cq(service, COUNT, BLOBFERRY_WAKE_NONE);
    blobferry_request_t *requests = calloc(COUNT, sizeof *requests);
    guarded_t            memory = guarded_new(COUNT);
    for (uint64_t i = 0; i < COUNT; i++) {
      requests[i] = of_store(BLOBFERRY_VERB_GET, store, i % 3 ? "never" : "nothing-here", i);
      requests[i] = with_buffer(requests[i], memory.data + i, 1);
    }
    must_submit_batch(cq, requests, COUNT);
    blobferry_service_free(service);
    guarded_lock(&memory);
    CHECK(drain_to_the_end(cq, BLOBFERRY_E_CANCELLED) >= COUNT / 3 * 2);
    blobferry_store_free(store);
    blobferry_cq_free(cq);
    free(requests);
    guarded_free(&memory);
  }
}

/* -- threads --------------------------------------------------------------------------------------------------- */

enum { THREADS = 2, BATCH = 40, CREDITS = 100 };

typedef struct crowd {
  blobferry_store_t *store;
  blobferry_cq_t    *cq;
  atomic_ulong       accepted, taken, busy;
  atomic_bool        is_over;
} crowd_t;

/* Submits batches until as many requests as it is to submit have been accepted. */
static void *submit_batches(void *argument) {
  crowd_t            *crowd = argument;
  blobferry_request_t requests[BATCH];
  for (long left = rounds(20000); left > 0;) {
    size_t count = left < BATCH ? (size_t)left : BATCH;
    for (size_t i = 0; i < count; i++) requests[i] = a_ping(crowd->store, 1);
    size_t accepted = submit_batch(crowd->cq, requests, count);
    for (size_t i = 0; i < count; i++)
      if (requests[i].status != BLOBFERRY_OK) check_refused(&requests[i], BLOBFERRY_E_BUSY, "");
    atomic_fetch_add(&crowd->accepted, accepted);
    atomic_fetch_add(&crowd->busy, count - accepted);
    left -= (long)accepted;
    if (accepted < count) sched_yield();
  }
  return NULL;
}

static void *take_completions(void *argument) {
  crowd_t               *crowd = argument;
  blobferry_completion_t completions[64];
  while (!atomic_load(&crowd->is_over)) {
    size_t count = 0;
    CHECK_STATUS(blobferry_cq_wait(crowd->cq, completions, 64, 20, &count, NULL), BLOBFERRY_OK);
    for (size_t i = 0; i < count; i++) check_ping(&completions[i], 1);
    atomic_fetch_add(&crowd->taken, count);
    beat();
  }
  return NULL;
}

static void many_threads_submit_while_others_drain(void) {
  watch(__func__);
  blobferry_service_t *service = new_service();
  crowd_t              crowd = {.store = open_store(service, "memory://crowd"),
                                .cq = new_cq(service, CREDITS, BLOBFERRY_WAKE_NONE)};
  pthread_t            submitters[THREADS], takers[THREADS];
  for (int i = 0; i < THREADS; i++)
    if (pthread_create(&submitters[i], NULL, submit_batches, &crowd) != 0 ||
        pthread_create(&takers[i], NULL, take_completions, &crowd) != 0)
      exit(2);
  for (int i = 0; i < THREADS; i++) pthread_join(submitters[i], NULL);
  AWAIT(atomic_load(&crowd.taken) == atomic_load(&crowd.accepted));
  atomic_store(&crowd.is_over, true);
  for (int i = 0; i < THREADS; i++) pthread_join(takers[i], NULL);
  CHECK_INT(atomic_load(&crowd.accepted), THREADS * rounds(20000));
  expect_nothing(crowd.cq, 0);
  AWAIT(usage_of(service).credits_used == 0);
  blobferry_store_free(crowd.store);
  blobferry_cq_free(crowd.cq);
  blobferry_service_free(service);
}

/* Submits batches until the queue is closed: from the first element that is refused for that on, all are. */
static void *submit_until_closed(void *argument) {
  crowd_t            *crowd = argument;
  blobferry_request_t requests[BATCH];
  for (bool is_closed = false; !is_closed;) {
    for (int i = 0; i < BATCH; i++) requests[i] = of_store(BLOBFERRY_VERB_GET, crowd->store, "never", 1);
    atomic_fetch_add(&crowd->accepted, submit_batch(crowd->cq, requests, BATCH));
    for (int i = 0; i < BATCH; i++) {
      if (requests[i].status == BLOBFERRY_E_CLOSED) is_closed = true;
      else if (is_closed) FAIL("element %d after a closed one: %s", i, blobferry_status_name(requests[i].status));
      blobferry_error_free(requests[i].error);
    }
  }
  return NULL;
}

static void a_queue_is_closed_in_the_middle_of_a_batch(void) {
  uint64_t dice = test_seed();
  for (long round = rounds(300); round > 0; round--) {
    watch(__func__);
    blobferry_service_t *service = new_service();
    crowd_t              crowd = {.store = open_store(service, "fault://closed"),
                                  .cq = new_cq(service, CREDITS, BLOBFERRY_WAKE_NONE)};
    pthread_t            submitters[THREADS];
    for (int i = 0; i < THREADS; i++)
      if (pthread_create(&submitters[i], NULL, submit_until_closed, &crowd) != 0) exit(2);
    spin(roll(&dice, 200000));
    CHECK_STATUS(blobferry_cq_close(crowd.cq, NULL), BLOBFERRY_OK);
    for (int i = 0; i < THREADS; i++) pthread_join(submitters[i], NULL);
    CHECK_INT(drain_to_the_end(crowd.cq, BLOBFERRY_E_CANCELLED), atomic_load(&crowd.accepted));
    blobferry_store_free(crowd.store);
    blobferry_cq_free(crowd.cq);
    blobferry_service_free(service);
  }
}

/* What the thread of a callback sees of the elements: `user_data` is their address. */
static void check_element(void *argument, const blobferry_completion_t *completions, size_t count) {
  for (size_t i = 0; i < count; i++) {
    const blobferry_request_t *request = (const blobferry_request_t *)(uintptr_t)completions[i].user_data;
    CHECK(request->ticket == completions[i].ticket);
    CHECK_STATUS(request->status, BLOBFERRY_OK);
    CHECK(request->error == NULL);
    blobferry_completion_t completion = completions[i];
    dispose(&completion);
    atomic_fetch_add((atomic_ulong *)argument, 1);
  }
}

/* The completion may come before the submit call has returned, but not before its element has been written. */
static void an_element_is_written_before_its_completion_comes(void) {
  enum { COUNT = 1500 };
  watch(__func__);
  blobferry_service_t *service = new_service();
  blobferry_store_t   *store = open_store(service, "memory://written");
  atomic_ulong         seen = 0;
  blobferry_cq_t      *cq = new_callback_cq(service, COUNT, check_element, &seen);
  blobferry_request_t *requests = calloc(COUNT, sizeof *requests);
  for (long round = rounds(100); round > 0; round--) {
    size_t accepted = 0;
    atomic_store(&seen, 0);
    for (size_t i = 0; i < COUNT; i++) requests[i] = a_ping(store, (uint64_t)(uintptr_t)&requests[i]);
    CHECK_STATUS(blobferry_cq_submit(cq, requests, COUNT, &accepted, NULL), BLOBFERRY_OK);
    CHECK_INT(accepted, COUNT);
    AWAIT(atomic_load(&seen) == COUNT);
    AWAIT(usage_of(service).credits_used == 0);
  }
  free(requests);
  blobferry_store_free(store);
  blobferry_cq_free(cq);
  blobferry_service_free(service);
}

TESTS(TEST(credits_run_out_in_the_middle), TEST(a_closed_queue_refuses_every_element),
      TEST(one_of_a_batch_is_cancelled), TEST(each_has_its_own_deadline), TEST(a_panic_ends_one_request_alone),
      TEST(a_list_gives_one_page_to_a_batch), TEST(free_of_the_service_ends_a_batch),
      TEST(many_threads_submit_while_others_drain), TEST(a_queue_is_closed_in_the_middle_of_a_batch),
      TEST(an_element_is_written_before_its_completion_comes))
