/*
 * A panic inside the library, which the test store makes on demand, is an error of
 * that one request: it says so, gives the memory back, and everything else goes on.
 */
#include "traffic.h"

typedef struct bench {
  blobferry_service_t *service;
  blobferry_store_t   *store;
  blobferry_cq_t      *cq;
} bench_t;

static bench_t new_bench(const char *place) {
  watch(place);
  bench_t bench;
  bench.service = new_service();
  bench.store = open_store(bench.service, "fault://panic");
  bench.cq = new_cq(bench.service, 128, BLOBFERRY_WAKE_NONE);
  return bench;
}

/* Ordinary work of every verb still succeeds, with the right bytes. */
static void check_goes_on(bench_t *bench) {
  guarded_t memory = guarded_new(10000);
  for (uint64_t seed = 1; seed <= 5; seed++) {
    pattern_fill(memory.data, memory.size, seed);
    put_object(bench->store, bench->cq, "ordinary", memory.data, memory.size);
    memset(memory.data, 0, memory.size);
    must_get(bench->store, bench->cq, "ordinary", memory.data, memory.size, seed);
    expect(bench->cq, BLOBFERRY_OK, seed);
    CHECK(pattern_is(memory.data, memory.size, seed, 0));
  }
  CHECK(object_exists(bench->store, bench->cq, "ordinary"));
  blobferry_list_t *list = new_list(bench->store, "ordinary");
  request_t         page = {VERB_LIST, NULL, NULL, 0, list, 0, 6};
  must_submit(&page, bench->store, bench->cq);
  expect(bench->cq, BLOBFERRY_OK, 6);
  size_t count = 0;
  blobferry_list_entries(list, &count);
  CHECK_INT(count, 1);
  blobferry_list_free(list);
  request_t delete = {VERB_DELETE, "ordinary", NULL, 0, NULL, 0, 7};
  must_submit(&delete, bench->store, bench->cq);
  expect(bench->cq, BLOBFERRY_OK, 7);
  guarded_free(&memory);
}

static void free_bench(bench_t *bench) {
  check_goes_on(bench);
  AWAIT(usage_of(bench->service).requests_running == 0);
  AWAIT(usage_of(bench->service).requests_in_flight == 0);
  AWAIT(usage_of(bench->service).bytes_in_flight == 0);
  blobferry_store_free(bench->store);
  blobferry_cq_free(bench->cq);
  blobferry_service_free(bench->service);
}

/* Takes the next completion, which must be a panic, and the memory of its request out of reach. */
static void expect_panic(bench_t *bench, guarded_t *memory, size_t count) {
  blobferry_completion_t completion = wait_one(bench->cq);
  CHECK(completion.user_data < count);
  guarded_lock(&memory[completion.user_data % count]);
  CHECK_STATUS(completion.status, BLOBFERRY_E_PANIC);
  CHECK(completion.details == NULL);
  CHECK_STATUS(blobferry_error_status(completion.error), BLOBFERRY_E_PANIC);
  CHECK(strlen(blobferry_error_message(completion.error)) > 0);
  CHECK_INT(blobferry_error_is_retryable(completion.error), 0);
  dispose(&completion);
  beat();
}

static void panic_in_poll_of_every_verb(void) {
  bench_t bench = new_bench(__func__);
  for (int verb = VERB_GET; verb <= VERB_DELETE; verb++) {
    guarded_t memory = guarded_new(2000);
    request_t request = {(verb_t)verb, "panic-in-poll", memory.data, memory.size, NULL, 0, 0};
    must_submit(&request, bench.store, bench.cq);
    expect_panic(&bench, &memory, 1);
    CHECK_INT(live_leases(), 0);
    guarded_free(&memory);
    check_goes_on(&bench);
  }
  free_bench(&bench);
}

static void panic_in_drop_of_a_cancelled_request(void) {
  bench_t bench = new_bench(__func__);
  for (int verb = VERB_GET; verb <= VERB_DELETE; verb++) {
    guarded_t          memory = guarded_new(2000);
    request_t          request = {(verb_t)verb, "panic-in-drop", memory.data, memory.size, NULL, 0, 0};
    blobferry_ticket_t ticket = must_submit(&request, bench.store, bench.cq);
    await_in_flight(bench.service, 1);
    expect_nothing(bench.cq, 10);
    must_cancel(bench.cq, ticket);
    expect_panic(&bench, &memory, 1);
    CHECK_INT(live_leases(), 0);
    guarded_free(&memory);
    check_goes_on(&bench);
  }
  free_bench(&bench);
}

static void panic_in_drop_of_an_expired_request(void) {
  bench_t   bench = new_bench(__func__);
  guarded_t memory = guarded_new(2000);
  request_t request = {VERB_GET, "panic-in-drop", memory.data, memory.size, NULL, 30, 0};
  must_submit(&request, bench.store, bench.cq);
  expect_panic(&bench, &memory, 1);
  guarded_free(&memory);
  free_bench(&bench);
}

static void panic_in_a_list(void) {
  bench_t           bench = new_bench(__func__);
  blobferry_list_t *list = new_list(bench.store, "panic-in-list");
  for (int times = 0; times < 3; times++) {
    request_t page = {VERB_LIST, NULL, NULL, 0, list, 0, 4};
    must_submit(&page, bench.store, bench.cq);
    expect(bench.cq, BLOBFERRY_E_PANIC, 4);
    size_t count = 99;
    CHECK(blobferry_list_entries(list, &count) == NULL);
    CHECK_INT(count, 0);
  }
  blobferry_list_free(list);
  free_bench(&bench);
}

enum { MANY = 96 };

static const struct {
  const char        *key;
  blobferry_status_t status;
} mixed[] = {{"panic-in-poll", BLOBFERRY_E_PANIC},
             {"panic-in-drop", BLOBFERRY_E_PANIC},
             {"missing", BLOBFERRY_E_NOT_FOUND}};

/* Takes `count` completions of mixed requests, and their memory out of reach. */
static void take_some(bench_t *bench, guarded_t *memory, int count) {
  for (int i = 0; i < count; i++) {
    blobferry_completion_t completion = wait_one(bench->cq);
    CHECK(completion.user_data < MANY);
    guarded_lock(&memory[completion.user_data % MANY]);
    CHECK_STATUS(completion.status, mixed[completion.user_data % 3].status);
    dispose(&completion);
    beat();
  }
}

/* Panics of both kinds among requests that never end and ordinary ones, all in flight at once. */
static void many_panics_at_once(void) {
  bench_t bench = new_bench(__func__);
  for (long lap = 0; lap < rounds(10); lap++) {
    guarded_t          memory[MANY];
    blobferry_ticket_t tickets[MANY];
    blobferry_ticket_t never = must_get(bench.store, bench.cq, "never", NULL, 0, MANY);
    for (uint64_t i = 0; i < MANY; i++) {
      memory[i] = guarded_new(100 * i);
      tickets[i] = must_get(bench.store, bench.cq, mixed[i % 3].key, memory[i].data, memory[i].size, i);
    }
    take_some(&bench, memory, 2 * MANY / 3);
    /* Those that panic in drop do so only when their future is there to be dropped. */
    await_in_flight(bench.service, MANY / 3 + 1);
    for (int i = 1; i < MANY; i += 3) must_cancel(bench.cq, tickets[i]);
    take_some(&bench, memory, MANY / 3);
    expect_nothing(bench.cq, 0);
    must_cancel(bench.cq, never);
    expect(bench.cq, BLOBFERRY_E_CANCELLED, MANY);
    for (int i = 0; i < MANY; i++) guarded_free(&memory[i]);
  }
  free_bench(&bench);
}

/* Nobody cancels them: closing the queue, or freeing the service, is what drops them. */
static void panics_while_closing(void) {
  for (int by_service = 0; by_service < 2; by_service++) {
    enum { FEW = 8 };
    bench_t   bench = new_bench(__func__);
    guarded_t memory[FEW];
    for (uint64_t i = 0; i < FEW; i++) {
      memory[i] = guarded_new(3000);
      must_get(bench.store, bench.cq, "panic-in-drop", memory[i].data, memory[i].size, i);
    }
    await_in_flight(bench.service, FEW);
    if (by_service == 0) CHECK_STATUS(blobferry_cq_close(bench.cq, NULL), BLOBFERRY_OK);
    else blobferry_service_free(bench.service);
    for (int i = 0; i < FEW; i++) expect_panic(&bench, memory, FEW);
    blobferry_cq_free(bench.cq);
    if (by_service == 0) {
      bench.cq = new_cq(bench.service, 8, BLOBFERRY_WAKE_NONE);
      free_bench(&bench);
    } else {
      blobferry_store_free(bench.store);
    }
    for (int i = 0; i < FEW; i++) guarded_free(&memory[i]);
  }
}

TESTS(TEST(panic_in_poll_of_every_verb), TEST(panic_in_drop_of_a_cancelled_request),
      TEST(panic_in_drop_of_an_expired_request), TEST(panic_in_a_list), TEST(many_panics_at_once),
      TEST(panics_while_closing))
