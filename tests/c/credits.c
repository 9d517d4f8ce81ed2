/*
 * Credits: the only reason to refuse. A full queue refuses everything and lends
 * nothing, whoever is refused finds a completion coming, and a ticket of an
 * earlier use of a credit never touches the present one. Permits are in permits.c.
 */
#include "traffic.h"

/* -- a full queue --------------------------------------------------------------------------------------- */

enum { CAPACITY = 32 };

typedef struct full_queue {
  blobferry_service_t *service;
  blobferry_store_t   *store;
  blobferry_cq_t      *cq;
  guarded_t            buffers[CAPACITY];
  blobferry_ticket_t   tickets[CAPACITY];
} full_queue_t;

static full_queue_t new_full_queue(void) {
  full_queue_t full;
  /* Fewer permits than credits: a request that waits for one holds its credit just the same. */
  full.service = new_service_with(CAPACITY, CAPACITY / 4);
  full.store = open_store(full.service, "fault://credits");
  full.cq = new_cq(full.service, CAPACITY, BLOBFERRY_WAKE_NONE);
  for (int i = 0; i < CAPACITY; i++) full.buffers[i] = guarded_new(1000);
  return full;
}

static void fill(full_queue_t *full) {
  for (uint64_t i = 0; i < CAPACITY; i++)
    full->tickets[i] = must_get(full->store, full->cq, "never", full->buffers[i].data, 1000, i);
  CHECK_INT(usage_of(full->service).credits_used, CAPACITY);
  CHECK_INT(live_leases(), CAPACITY);
}

static void empty(full_queue_t *full) {
  for (int i = 0; i < CAPACITY; i++) must_cancel(full->cq, full->tickets[i]);
  settle(full->service);
  /* In batches, as each returns as many credits as it takes. */
  for (size_t taken = 0, count = 0; taken < CAPACITY; taken += count) {
    blobferry_completion_t completions[7];
    CHECK_STATUS(blobferry_cq_drain(full->cq, completions, 7, &count, NULL), BLOBFERRY_OK);
    for (size_t i = 0; i < count; i++) {
      CHECK_STATUS(completions[i].status, BLOBFERRY_E_CANCELLED);
      CHECK(completions[i].user_data < CAPACITY);
      guarded_lock(&full->buffers[completions[i].user_data % CAPACITY]);
      dispose(&completions[i]);
    }
  }
  for (int i = 0; i < CAPACITY; i++) guarded_unlock(&full->buffers[i]);
  expect_nothing(full->cq, 0);
  AWAIT(usage_of(full->service).credits_used == 0);
  CHECK_INT(live_leases(), 0);
}

static void free_full_queue(full_queue_t *full) {
  for (int i = 0; i < CAPACITY; i++) guarded_free(&full->buffers[i]);
  blobferry_store_free(full->store);
  blobferry_cq_free(full->cq);
  blobferry_service_free(full->service);
}

static void full_queue_refuses_and_lends_nothing(void) {
  watch(__func__);
  full_queue_t      full = new_full_queue();
  blobferry_list_t *list = new_list(full.store, "");
  for (int lap = 0; lap < 3; lap++) {
    fill(&full);
    for (int i = 0; i < 10 * CAPACITY; i++) {
      guarded_t          refused = guarded_new(1000);
      request_t          request = {(verb_t)(i % VERB_COUNT), "never", refused.data, 1000, list, 0, 77};
      blobferry_ticket_t ticket = 99;
      blobferry_error_t *error = NULL;
      CHECK_STATUS(submit(&request, full.store, full.cq, &ticket, &error), BLOBFERRY_E_BUSY);
      guarded_lock(&refused);
      CHECK_INT(ticket, 99);
      CHECK_INT(blobferry_error_is_retryable(error), 1);
      CHECK_INT(blobferry_error_is_maybe_committed(error), 0);
      CHECK_INT(blobferry_error_attempts(error), 0);
      check_error(error, BLOBFERRY_E_BUSY, "completion");
      guarded_free(&refused);
    }
    CHECK_INT(usage_of(full.service).credits_used, CAPACITY);
    CHECK_INT(usage_of(full.service).requests_running, CAPACITY);
    CHECK_INT(live_leases(), CAPACITY);
    expect_nothing(full.cq, 0);
    empty(&full);
  }
  /* A list that was refused goes on where it was. */
  request_t page = {VERB_LIST, NULL, NULL, 0, list, 0, 1};
  must_submit(&page, full.store, full.cq);
  expect(full.cq, BLOBFERRY_OK, 1);
  blobferry_list_free(list);
  free_full_queue(&full);
}

/* A credit is held until its completion is taken, not until the request has ended; each take gives one back. */
static void each_completion_taken_returns_one_credit(void) {
  watch(__func__);
  full_queue_t full = new_full_queue();
  for (uint64_t i = 0; i < CAPACITY; i++) must_ping(full.store, full.cq, i);
  settle(full.service);
  CHECK_INT(usage_of(full.service).requests_running, 0);
  CHECK_INT(usage_of(full.service).credits_used, CAPACITY);
  for (int i = 0; i < 5 * CAPACITY; i++) {
    CHECK_STATUS(try_ping(full.store, full.cq, 1), BLOBFERRY_E_BUSY);
    blobferry_completion_t completion = wait_one(full.cq);
    dispose(&completion);
    CHECK_STATUS(try_ping(full.store, full.cq, 1), BLOBFERRY_OK);
  }
  for (int i = 0; i < CAPACITY; i++) {
    blobferry_completion_t completion = wait_one(full.cq);
    dispose(&completion);
  }
  fill(&full);
  empty(&full);
  free_full_queue(&full);
}

/* -- whoever is refused finds a completion coming ---------------------------------------------------------- */

static void refused_alone_a_completion_comes(void) {
  watch(__func__);
  blobferry_service_t *service = new_service();
  blobferry_store_t   *store = open_store(service, "memory://credits");
  blobferry_cq_t      *cq = new_cq(service, 2, BLOBFERRY_WAKE_NONE);
  uint64_t             submitted = 0, taken = 0, refused = 0;
  for (uint64_t wanted = (uint64_t)rounds(50000); submitted < wanted;) {
    blobferry_status_t status = try_ping(store, cq, submitted);
    if (status == BLOBFERRY_OK) {
      submitted++;
      continue;
    }
    CHECK_STATUS(status, BLOBFERRY_E_BUSY);
    refused++;
    blobferry_completion_t completion = wait_one(cq);
    dispose(&completion);
    taken++;
    beat();
  }
  CHECK(refused > 0);
  for (; taken < submitted; taken++) {
    blobferry_completion_t completion = wait_one(cq);
    dispose(&completion);
  }
  expect_nothing(cq, 0);
  blobferry_store_free(store);
  blobferry_cq_free(cq);
  blobferry_service_free(service);
}

typedef struct crowd {
  blobferry_store_t *store;
  blobferry_cq_t    *cq;
  long               wanted;
  atomic_long        submitted, taken, refused;
} crowd_t;

static void take_one_within(crowd_t *crowd, int64_t milliseconds) {
  blobferry_completion_t completion;
  size_t                 count = 0;
  CHECK_STATUS(blobferry_cq_wait(crowd->cq, &completion, 1, milliseconds, &count, NULL), BLOBFERRY_OK);
  if (count == 0) return;
  dispose(&completion);
  atomic_fetch_add(&crowd->taken, 1);
  beat();
}

/* Another thread may take the completion that this one was promised; then that thread goes on, and the
 * watchdog sees if nobody does. */
static void *submit_or_take(void *argument) {
  crowd_t *crowd = argument;
  while (atomic_load(&crowd->submitted) < crowd->wanted) {
    blobferry_status_t status = try_ping(crowd->store, crowd->cq, 0);
    if (status == BLOBFERRY_OK) {
      atomic_fetch_add(&crowd->submitted, 1);
      continue;
    }
    CHECK_STATUS(status, BLOBFERRY_E_BUSY);
    atomic_fetch_add(&crowd->refused, 1);
    take_one_within(crowd, 100);
  }
  return NULL;
}

static void refused_in_a_crowd_a_completion_comes(void) {
  watch(__func__);
  blobferry_service_t *service = new_service();
  blobferry_store_t   *store = open_store(service, "memory://credits");
  for (uint32_t capacity = 1; capacity <= 3; capacity++) {
    crowd_t   crowd = {.store = store, .wanted = rounds(30000)};
    pthread_t threads[4];
    crowd.cq = new_cq(service, capacity, BLOBFERRY_WAKE_NONE);
    for (int i = 0; i < 4; i++) pthread_create(&threads[i], NULL, submit_or_take, &crowd);
    for (int i = 0; i < 4; i++) pthread_join(threads[i], NULL);
    CHECK(atomic_load(&crowd.refused) > 0);
    while (atomic_load(&crowd.taken) < atomic_load(&crowd.submitted)) take_one_within(&crowd, 60000);
    expect_nothing(crowd.cq, 0);
    AWAIT(usage_of(service).credits_used == 0);
    blobferry_cq_free(crowd.cq);
  }
  blobferry_store_free(store);
  blobferry_service_free(service);
}

/* -- stale tickets ------------------------------------------------------------------------------------------ */

static void stale_ticket_leaves_the_present_request_alone(void) {
  enum { USES = 1000 };
  watch(__func__);
  blobferry_service_t *service = new_service();
  blobferry_store_t   *store = open_store(service, "fault://credits");
  blobferry_cq_t      *cq = new_cq(service, 1, BLOBFERRY_WAKE_NONE);
  blobferry_ticket_t   used[USES];
  long                 uses = rounds(USES);
  for (long use = 0; use < uses; use++) {
    bool never = use % 2 == 1;
    used[use] = must_get(store, cq, never ? "never" : "missing", NULL, 0, (uint64_t)use);
    CHECK(used[use] != 0);
    for (long earlier = 0; earlier < use; earlier++) {
      CHECK(used[earlier] != used[use]);
      must_cancel(cq, used[earlier]);
    }
    must_cancel(cq, 0);
    must_cancel(cq, UINT64_MAX);
    if (never) {
      expect_nothing(cq, 0);
      AWAIT(usage_of(service).requests_running == 1);
      must_cancel(cq, used[use]);
    }
    expect(cq, never ? BLOBFERRY_E_CANCELLED : BLOBFERRY_E_NOT_FOUND, (uint64_t)use);
  }
  /* Given time, too, the present one stays. */
  used[0] = must_get(store, cq, "never", NULL, 0, 1);
  for (long earlier = 1; earlier < uses; earlier++) must_cancel(cq, used[earlier]);
  expect_nothing(cq, 50);
  must_cancel(cq, used[0]);
  expect(cq, BLOBFERRY_E_CANCELLED, 1);
  blobferry_store_free(store);
  blobferry_cq_free(cq);
  blobferry_service_free(service);
}

typedef struct canceller {
  blobferry_cq_t              *cq;
  _Atomic(blobferry_ticket_t)  stale;
  atomic_bool                  over;
  atomic_long                  cancelled;
} canceller_t;

static void *cancel_stale(void *argument) {
  canceller_t *canceller = argument;
  while (!atomic_load(&canceller->over)) {
    must_cancel(canceller->cq, atomic_load(&canceller->stale));
    atomic_fetch_add(&canceller->cancelled, 1);
  }
  return NULL;
}

/* The ticket becomes stale and its credit is used again while another thread is cancelling it. */
static void stale_ticket_is_harmless_at_any_time(void) {
  watch(__func__);
  blobferry_service_t *service = new_service();
  blobferry_store_t   *store = open_store(service, "memory://credits");
  canceller_t          canceller = {.cq = new_cq(service, 1, BLOBFERRY_WAKE_NONE)};
  pthread_t            threads[2];
  for (int i = 0; i < 2; i++) pthread_create(&threads[i], NULL, cancel_stale, &canceller);
  AWAIT(atomic_load(&canceller.cancelled) > 0);
  for (long round = rounds(50000); round > 0; round--) {
    blobferry_ticket_t ticket = must_get(store, canceller.cq, "missing", NULL, 0, 4);
    expect(canceller.cq, BLOBFERRY_E_NOT_FOUND, 4);
    atomic_store(&canceller.stale, ticket);
  }
  atomic_store(&canceller.over, true);
  for (int i = 0; i < 2; i++) pthread_join(threads[i], NULL);
  blobferry_store_free(store);
  blobferry_cq_free(canceller.cq);
  blobferry_service_free(service);
}

TESTS(TEST(full_queue_refuses_and_lends_nothing), TEST(each_completion_taken_returns_one_credit),
      TEST(refused_alone_a_completion_comes), TEST(refused_in_a_crowd_a_completion_comes),
      TEST(stale_ticket_leaves_the_present_request_alone), TEST(stale_ticket_is_harmless_at_any_time))
