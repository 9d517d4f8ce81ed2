/*
 * The end of a completion queue: close, the last completion, E_CLOSED, is_drained
 * and free in every state; and the credits that a queue reserves and gives back.
 */
#include "traffic.h"

#include <poll.h>

static blobferry_status_t drain_one(blobferry_cq_t *cq, size_t *count_out) {
  blobferry_completion_t completion;
  blobferry_status_t     status = blobferry_cq_drain(cq, &completion, 1, count_out, NULL);
  if (status == BLOBFERRY_OK && *count_out == 1) dispose(&completion);
  return status;
}

static void close_refuses_and_cancels(void) {
  watch(__func__);
  blobferry_service_t   *service = new_service();
  blobferry_cq_t        *cq = new_cq(service, 16, BLOBFERRY_WAKE_NONE);
  blobferry_store_t     *store = open_store(service, "fault://cq");
  blobferry_list_t      *list = new_list(store, "");
  guarded_t              buffers[8];
  blobferry_completion_t completion;
  size_t                 count = 99;
  for (uint64_t i = 0; i < 8; i++) {
    buffers[i] = guarded_new(1000);
    must_get(store, cq, "never", buffers[i].data, buffers[i].size, i);
  }
  CHECK_INT(blobferry_cq_is_drained(cq), 0);
  CHECK_STATUS(blobferry_cq_close(cq, NULL), BLOBFERRY_OK);
  CHECK_STATUS(blobferry_cq_close(cq, NULL), BLOBFERRY_OK);
  for (int verb = 0; verb < VERB_COUNT; verb++) {
    request_t          late = {(verb_t)verb, "late", NULL, 0, list, 0, 9};
    blobferry_ticket_t ticket = 99;
    blobferry_error_t *error = NULL;
    CHECK_STATUS(submit(&late, store, cq, &ticket, &error), BLOBFERRY_E_CLOSED);
    CHECK_INT(ticket, 99);
    check_error(error, BLOBFERRY_E_CLOSED, "closed");
  }
  for (int i = 0; i < 8; i++) {
    CHECK_INT(blobferry_cq_is_drained(cq), 0);
    completion = wait_one(cq);
    CHECK(completion.user_data < 8);
    guarded_lock(&buffers[completion.user_data % 8]);
    CHECK_STATUS(completion.status, BLOBFERRY_E_CANCELLED);
    dispose(&completion);
  }
  await_drained(cq);
  CHECK_STATUS(drain_one(cq, &count), BLOBFERRY_E_CLOSED);
  blobferry_error_t *error = NULL;
  CHECK_STATUS(blobferry_cq_wait(cq, &completion, 1, -1, &count, &error), BLOBFERRY_E_CLOSED);
  check_error(error, BLOBFERRY_E_CLOSED, "closed");
  CHECK_INT(count, 99);
  CHECK_STATUS(blobferry_cq_close(cq, NULL), BLOBFERRY_OK);
  for (int i = 0; i < 8; i++) guarded_free(&buffers[i]);
  blobferry_list_free(list);
  blobferry_store_free(store);
  blobferry_cq_free(cq);
  blobferry_service_free(service);
}

static void closing_one_queue_leaves_the_others(void) {
  watch(__func__);
  blobferry_service_t *service = new_service();
  blobferry_cq_t      *closed = new_cq(service, 4, BLOBFERRY_WAKE_NONE);
  blobferry_cq_t      *open = new_cq(service, 4, BLOBFERRY_WAKE_NONE);
  blobferry_store_t   *store = open_store(service, "fault://cq");
  must_get(store, closed, "never", NULL, 0, 1);
  blobferry_ticket_t ticket = must_get(store, open, "never", NULL, 0, 2);
  CHECK_STATUS(blobferry_cq_close(closed, NULL), BLOBFERRY_OK);
  expect(closed, BLOBFERRY_E_CANCELLED, 1);
  must_ping(store, open, 3);
  expect(open, BLOBFERRY_E_NOT_FOUND, 3);
  expect_nothing(open, 20);
  must_cancel(open, ticket);
  expect(open, BLOBFERRY_E_CANCELLED, 2);
  blobferry_store_free(store);
  blobferry_cq_free(open);
  blobferry_cq_free(closed);
  blobferry_service_free(service);
}

static void undrained_completions_survive_the_close(void) {
  watch(__func__);
  blobferry_service_t *service = new_service();
  blobferry_cq_t      *cq = new_cq(service, 8, BLOBFERRY_WAKE_NONE);
  blobferry_store_t   *store = open_store(service, "memory://cq");
  size_t               count = 0;
  for (uint64_t i = 0; i < 8; i++) {
    must_ping(store, cq, i);
    settle(service);
  }
  CHECK_STATUS(blobferry_cq_close(cq, NULL), BLOBFERRY_OK);
  for (int i = 0; i < 8; i++) expect(cq, BLOBFERRY_E_NOT_FOUND, (uint64_t)i);
  CHECK_STATUS(drain_one(cq, &count), BLOBFERRY_E_CLOSED);
  blobferry_store_free(store);
  blobferry_cq_free(cq);
  blobferry_service_free(service);
}

/* -- sleepers are woken for the end ------------------------------------------------------------------- */

static void *wait_for_the_end(void *argument) {
  blobferry_cq_t        *cq = argument;
  blobferry_completion_t completion;
  size_t                 count = 0, taken = 0;
  while (blobferry_cq_wait(cq, &completion, 1, -1, &count, NULL) == BLOBFERRY_OK) {
    if (count == 1) dispose(&completion);
    taken += count;
  }
  return (void *)taken;
}

static void close_ends_every_wait(void) {
  watch(__func__);
  blobferry_service_t *service = new_service();
  blobferry_store_t   *store = open_store(service, "fault://cq");
  for (long round = rounds(300); round > 0; round--) {
    blobferry_cq_t *cq = new_cq(service, 4, BLOBFERRY_WAKE_NONE);
    pthread_t       waiters[4];
    size_t          taken = 0;
    for (int i = 0; i < 4; i++) pthread_create(&waiters[i], NULL, wait_for_the_end, cq);
    for (uint64_t i = 0; i < (uint64_t)round % 3; i++) must_get(store, cq, "never", NULL, 0, i);
    if (round % 2 == 0) sleep_us(200);
    CHECK_STATUS(blobferry_cq_close(cq, NULL), BLOBFERRY_OK);
    for (int i = 0; i < 4; i++) {
      void *result = NULL;
      pthread_join(waiters[i], &result);
      taken += (size_t)result;
      beat();
    }
    CHECK_INT(taken, round % 3);
    await_drained(cq);
    blobferry_cq_free(cq);
  }
  blobferry_store_free(store);
  blobferry_service_free(service);
}

typedef struct woken {
  sem_t       semaphore;
  atomic_int  calls;
  atomic_bool forbidden; /* the queue has said that no wake will come any more */
} woken_t;

static int wake(void *argument) {
  woken_t *woken = argument;
  if (atomic_load(&woken->forbidden)) FAIL("a wake after blobferry_cq_is_drained said 1");
  atomic_fetch_add(&woken->calls, 1);
  sem_post(&woken->semaphore);
  if (atomic_load(&woken->forbidden)) FAIL("a wake still ran when blobferry_cq_is_drained said 1");
  return 0;
}

/* Sleeps by the header's loop until the queue has come to its end; gives how many completions came. */
static size_t consume_to_the_end(blobferry_cq_t *cq, woken_t *woken) {
  size_t taken = 0, count = 0;
  for (;;) {
    blobferry_status_t status;
    while ((status = drain_one(cq, &count)) == BLOBFERRY_OK && count != 0) taken += count;
    if (status != BLOBFERRY_OK) {
      CHECK_STATUS(status, BLOBFERRY_E_CLOSED);
      return taken;
    }
    int armed = -1;
    CHECK_STATUS(blobferry_cq_arm(cq, &armed, NULL), BLOBFERRY_OK);
    beat();
    if (armed == 0) continue;
    if (woken != NULL) {
      sem_await(&woken->semaphore);
      continue;
    }
    struct pollfd readable = {blobferry_cq_fd(cq), POLLIN, 0};
    uint64_t      value;
    while (poll(&readable, 1, -1) < 0 && errno == EINTR) continue;
    if (read(readable.fd, &value, sizeof value) != sizeof value) FAIL("woken and nothing to read");
  }
}

typedef struct closer {
  blobferry_store_t *store;
  blobferry_cq_t    *cq;
  uint64_t           pause;
} closer_t;

static void *close_soon(void *argument) {
  closer_t *closer = argument;
  spin(closer->pause);
  CHECK_STATUS(blobferry_cq_close(closer->cq, NULL), BLOBFERRY_OK);
  return NULL;
}

/* With up to two requests in flight, armed or about to arm: the end always wakes. */
static void check_the_end_wakes(uint32_t kind) {
  blobferry_service_t *service = new_service();
  blobferry_store_t   *store = open_store(service, "fault://cq");
  uint64_t             dice = test_seed();
  for (long round = 0; round < rounds(3000); round++) {
    woken_t woken = {.calls = 0};
    sem_init(&woken.semaphore, 0, 0);
    blobferry_cq_t *cq = kind == BLOBFERRY_WAKE_FD ? new_cq(service, 4, kind) : new_fn_cq(service, 4, wake, &woken);
    for (uint64_t i = 0; i < (uint64_t)round % 3; i++) must_get(store, cq, "never", NULL, 0, i);
    closer_t  closer = {store, cq, roll(&dice, 60000)};
    pthread_t thread;
    pthread_create(&thread, NULL, close_soon, &closer);
    CHECK_INT(consume_to_the_end(cq, kind == BLOBFERRY_WAKE_FN ? &woken : NULL), round % 3);
    int armed = -1;
    CHECK_STATUS(blobferry_cq_arm(cq, &armed, NULL), BLOBFERRY_OK);
    CHECK_INT(armed, 0);
    await_drained(cq);
    atomic_store(&woken.forbidden, true);
    pthread_join(thread, NULL);
    blobferry_cq_free(cq);
    sem_destroy(&woken.semaphore);
  }
  blobferry_store_free(store);
  blobferry_service_free(service);
}

static void the_end_wakes_the_fd(void) {
  watch(__func__);
  check_the_end_wakes(BLOBFERRY_WAKE_FD);
}

static void the_end_wakes_the_function_and_no_wake_follows(void) {
  watch(__func__);
  check_the_end_wakes(BLOBFERRY_WAKE_FN);
}

/* -- on whose thread the end wakes ------------------------------------------------------------------------ */

typedef struct caller {
  pthread_t   thread;
  atomic_int  calls, elsewhere; /* elsewhere: those on another thread */
  atomic_bool forbidden;
} caller_t;

static int wake_the_caller(void *argument) {
  caller_t *caller = argument;
  if (atomic_load(&caller->forbidden)) FAIL("a wake after the last one");
  if (!pthread_equal(pthread_self(), caller->thread)) atomic_fetch_add(&caller->elsewhere, 1);
  atomic_fetch_add(&caller->calls, 1);
  return 0;
}

static blobferry_cq_t *new_armed_cq(blobferry_service_t *service, caller_t *caller) {
  int armed = -1;
  *caller = (caller_t){.thread = pthread_self()};
  blobferry_cq_t *cq = new_fn_cq(service, 4, wake_the_caller, caller);
  CHECK_STATUS(blobferry_cq_arm(cq, &armed, NULL), BLOBFERRY_OK);
  CHECK_INT(armed, 1);
  return cq;
}

static void check_woken_by_the_caller(const caller_t *caller) {
  CHECK_INT(atomic_load(&caller->calls), 1);
  CHECK_INT(atomic_load(&caller->elsewhere), 0);
}

/* There is no completion whose thread could wake: the one that closes does, before it returns. */
static void closing_an_idle_queue_wakes_on_the_callers_thread(void) {
  watch(__func__);
  blobferry_service_t *service = new_service();
  for (long round = rounds(300); round > 0; round--) {
    caller_t        caller;
    size_t          count = 0;
    int             armed = -1;
    blobferry_cq_t *cq = new_armed_cq(service, &caller);
    CHECK_STATUS(blobferry_cq_close(cq, NULL), BLOBFERRY_OK);
    check_woken_by_the_caller(&caller);
    CHECK_STATUS(drain_one(cq, &count), BLOBFERRY_E_CLOSED);
    CHECK_INT(blobferry_cq_is_drained(cq), 1);
    atomic_store(&caller.forbidden, true);
    CHECK_STATUS(blobferry_cq_arm(cq, &armed, NULL), BLOBFERRY_OK);
    CHECK_INT(armed, 0);
    CHECK_STATUS(blobferry_cq_close(cq, NULL), BLOBFERRY_OK);
    CHECK_INT(blobferry_cq_is_drained(cq), 1);
    blobferry_cq_free(cq);
    beat();
  }
  blobferry_service_free(service);
}

static void closing_an_idle_queue_that_nobody_armed_wakes_nobody(void) {
  watch(__func__);
  blobferry_service_t *service = new_service();
  caller_t             caller = {.thread = pthread_self(), .forbidden = true};
  blobferry_cq_t      *cq = new_fn_cq(service, 4, wake_the_caller, &caller);
  CHECK_STATUS(blobferry_cq_close(cq, NULL), BLOBFERRY_OK);
  CHECK_INT(blobferry_cq_is_drained(cq), 1);
  blobferry_cq_free(cq);
  blobferry_service_free(service);
  CHECK_INT(atomic_load(&caller.calls), 0);
}

/* Freeing closes: what a wake needs may be gone as soon as the free has returned. */
static void freeing_an_idle_queue_wakes_on_the_callers_thread(void) {
  watch(__func__);
  blobferry_service_t *service = new_service();
  for (long round = rounds(300); round > 0; round--) {
    caller_t caller;
    blobferry_cq_free(new_armed_cq(service, &caller));
    atomic_store(&caller.forbidden, true);
    check_woken_by_the_caller(&caller);
    beat();
  }
  blobferry_service_free(service);
}

static void freeing_the_service_wakes_on_the_callers_thread(void) {
  watch(__func__);
  for (long round = rounds(50); round > 0; round--) {
    caller_t             first, second;
    size_t               count = 0;
    blobferry_service_t *service = new_service();
    blobferry_cq_t      *queues[] = {new_armed_cq(service, &first), new_armed_cq(service, &second)};
    blobferry_service_free(service);
    check_woken_by_the_caller(&first);
    check_woken_by_the_caller(&second);
    atomic_store(&first.forbidden, true);
    atomic_store(&second.forbidden, true);
    for (int i = 0; i < 2; i++) {
      CHECK_STATUS(drain_one(queues[i], &count), BLOBFERRY_E_CLOSED);
      CHECK_INT(blobferry_cq_is_drained(queues[i]), 1);
      blobferry_cq_free(queues[i]);
    }
    beat();
  }
}

/* -- free ---------------------------------------------------------------------------------------------- */

static void free_disposes_of_what_nobody_took(void) {
  watch(__func__);
  blobferry_service_t *service = new_service();
  blobferry_store_t   *store = open_store(service, "memory://cq");
  blobferry_cq_t      *cq = new_cq(service, 16, BLOBFERRY_WAKE_NONE);
  uint8_t              byte = 1;
  put_object(store, cq, "here", &byte, 1);
  /* Half of them own an error, half own details. */
  for (uint64_t i = 0; i < 16; i++) {
    request_t head = {VERB_HEAD, i % 2 == 0 ? "here" : "missing", NULL, 0, NULL, 0, i};
    must_submit(&head, store, cq);
  }
  settle(service);
  blobferry_cq_free(cq);
  blobferry_live_counts_t counts = BLOBFERRY_LIVE_COUNTS_INIT;
  CHECK_STATUS(blobferry_live_counts(&counts), BLOBFERRY_OK);
  CHECK_INT(counts.handles, 2); /* service and store */
  CHECK_INT(counts.credits, 0);
  blobferry_store_free(store);
  blobferry_service_free(service);
}

static void free_waits_for_the_memory(void) {
  watch(__func__);
  blobferry_service_t *service = new_service();
  blobferry_store_t   *store = open_store(service, "fault://cq");
  for (uint32_t kind = BLOBFERRY_WAKE_NONE; kind <= BLOBFERRY_WAKE_FD; kind++) {
    blobferry_cq_t *cq = new_cq(service, 16, kind);
    guarded_t       buffers[16];
    for (uint64_t i = 0; i < 16; i++) {
      buffers[i] = guarded_new(100000);
      must_get(store, cq, i % 4 == 0 ? "hold-50" : "never", buffers[i].data, buffers[i].size, i);
    }
    blobferry_cq_free(cq);
    for (int i = 0; i < 16; i++) guarded_lock(&buffers[i]);
    CHECK_INT(live_leases(), 0);
    sleep_us(60000);
    for (int i = 0; i < 16; i++) guarded_free(&buffers[i]);
  }
  blobferry_store_free(store);
  blobferry_service_free(service);
}

static void null_is_drained_and_free(void) {
  CHECK_INT(blobferry_cq_is_drained(NULL), 1);
  blobferry_cq_free(NULL);
  blobferry_service_free(NULL);
  blobferry_store_free(NULL);
  blobferry_list_free(NULL);
  blobferry_error_free(NULL);
  blobferry_details_free(NULL);
}

/* -- credits are reserved ------------------------------------------------------------------------------- */

static void check_no_credits_for(blobferry_service_t *service, uint32_t capacity) {
  blobferry_cq_options_t options = BLOBFERRY_CQ_OPTIONS_INIT;
  blobferry_cq_t        *cq = NULL;
  blobferry_error_t     *error = NULL;
  options.capacity = capacity;
  CHECK_STATUS(blobferry_cq_new(service, &options, &cq, &error), BLOBFERRY_E_BUSY);
  CHECK(cq == NULL);
  CHECK_INT(blobferry_error_is_retryable(error), 1);
  check_error(error, BLOBFERRY_E_BUSY, "credit");
}

static void queues_share_the_credits_of_the_service(void) {
  watch(__func__);
  blobferry_service_t *service = new_service_with(10, 0);
  check_no_credits_for(service, 11);
  check_no_credits_for(service, UINT32_MAX);
  CHECK_INT(usage_of(service).credits_reserved, 0);
  blobferry_cq_t *all = new_cq(service, 0, BLOBFERRY_WAKE_NONE); /* 1024, or what there is */
  CHECK_INT(usage_of(service).credits_reserved, 10);
  check_no_credits_for(service, 0);
  blobferry_cq_free(all);
  blobferry_cq_t *six = new_cq(service, 6, BLOBFERRY_WAKE_NONE);
  check_no_credits_for(service, 5);
  blobferry_cq_t *four = new_cq(service, 4, BLOBFERRY_WAKE_FD);
  check_no_credits_for(service, 1);
  CHECK_INT(usage_of(service).credits_reserved, 10);
  /* Closing gives nothing back, freeing does. */
  CHECK_STATUS(blobferry_cq_close(six, NULL), BLOBFERRY_OK);
  check_no_credits_for(service, 1);
  blobferry_cq_free(six);
  CHECK_INT(usage_of(service).credits_reserved, 4);
  check_no_credits_for(service, 7);
  six = new_cq(service, 6, BLOBFERRY_WAKE_NONE);
  blobferry_cq_free(six);
  blobferry_cq_free(four);
  blobferry_cq_t *ten = new_cq(service, 10, BLOBFERRY_WAKE_NONE);
  blobferry_cq_free(ten);
  blobferry_service_free(service);
}

static void default_capacity_is_1024(void) {
  watch(__func__);
  blobferry_service_t   *service = new_service();
  blobferry_cq_options_t from_macro = BLOBFERRY_CQ_OPTIONS_INIT, from_function;
  memset(&from_function, 0xEE, sizeof from_function);
  blobferry_cq_options_init(&from_function, sizeof from_function);
  CHECK(from_function.struct_size == from_macro.struct_size && from_function.capacity == from_macro.capacity &&
        from_function.wake == from_macro.wake && from_function.wake_fn == NULL && from_function.completion_fn == NULL);
  blobferry_cq_t *cq = NULL;
  CHECK_STATUS(blobferry_cq_new(service, NULL, &cq, NULL), BLOBFERRY_OK);
  CHECK_INT(usage_of(service).credits_reserved, 1024);
  CHECK_INT(usage_of(service).credits_used, 0);
  blobferry_cq_free(cq);
  blobferry_service_free(service);
}

static void *make_and_free_queues(void *argument) {
  blobferry_service_t   *service = argument;
  blobferry_cq_options_t options = BLOBFERRY_CQ_OPTIONS_INIT;
  for (long round = rounds(5000); round > 0; round--) {
    blobferry_cq_t *cq = NULL;
    options.capacity = 1 + (uint32_t)round % 7;
    blobferry_status_t status = blobferry_cq_new(service, &options, &cq, NULL);
    if (status != BLOBFERRY_E_BUSY) CHECK_STATUS(status, BLOBFERRY_OK);
    if (usage_of(service).credits_reserved > 10) FAIL("more credits reserved than there are");
    blobferry_cq_free(cq);
    beat();
  }
  return NULL;
}

static void reserving_from_many_threads_loses_no_credit(void) {
  watch(__func__);
  blobferry_service_t *service = new_service_with(10, 0);
  pthread_t            threads[4];
  for (int i = 0; i < 4; i++) pthread_create(&threads[i], NULL, make_and_free_queues, service);
  for (int i = 0; i < 4; i++) pthread_join(threads[i], NULL);
  CHECK_INT(usage_of(service).credits_reserved, 0);
  blobferry_cq_free(new_cq(service, 10, BLOBFERRY_WAKE_NONE));
  blobferry_service_free(service);
}

TESTS(TEST(close_refuses_and_cancels), TEST(closing_one_queue_leaves_the_others),
      TEST(undrained_completions_survive_the_close), TEST(close_ends_every_wait), TEST(the_end_wakes_the_fd),
      TEST(the_end_wakes_the_function_and_no_wake_follows), TEST(closing_an_idle_queue_wakes_on_the_callers_thread),
      TEST(closing_an_idle_queue_that_nobody_armed_wakes_nobody),
      TEST(freeing_an_idle_queue_wakes_on_the_callers_thread), TEST(freeing_the_service_wakes_on_the_callers_thread),
      TEST(free_disposes_of_what_nobody_took),
      TEST(free_waits_for_the_memory), TEST(null_is_drained_and_free),
      TEST(queues_share_the_credits_of_the_service), TEST(default_capacity_is_1024),
      TEST(reserving_from_many_threads_loses_no_credit))
