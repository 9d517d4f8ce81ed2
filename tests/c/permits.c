/*
 * Permits: `max_requests_in_flight` delays requests and never refuses them, and no
 * cancel or deadline, at whatever stage it meets a request, loses or makes one.
 * Every test ends with the proof: exactly so many requests that never end are in
 * flight, and afterwards everything ordinary is done.
 */
#include "traffic.h"

enum { PERMITS = 4, CREDITS = 64, CANCELS = 10000 };

typedef struct narrow {
  blobferry_service_t *service;
  blobferry_store_t   *store;
  blobferry_cq_t      *cq;
  uint64_t             dice;
  blobferry_ticket_t   holders[PERMITS];
} narrow_t;

static narrow_t new_narrow(const char *place) {
  narrow_t narrow;
  watch(place);
  narrow.service = new_service_with(CREDITS, PERMITS);
  narrow.store = open_store(narrow.service, "fault://permits");
  narrow.cq = new_cq(narrow.service, CREDITS, BLOBFERRY_WAKE_NONE);
  narrow.dice = test_seed();
  return narrow;
}

static void free_narrow(narrow_t *narrow) {
  blobferry_store_free(narrow->store);
  blobferry_cq_free(narrow->cq);
  blobferry_service_free(narrow->service);
}

enum { HOLDER = 1000000 }; /* user_data of the requests that hold the permits */

static void hold_all_permits(narrow_t *narrow) {
  for (int i = 0; i < PERMITS; i++)
    narrow->holders[i] = must_get(narrow->store, narrow->cq, "never", NULL, 0, HOLDER);
  await_in_flight(narrow->service, PERMITS);
}

static void release_all_permits(narrow_t *narrow) {
  for (int i = 0; i < PERMITS; i++) must_cancel(narrow->cq, narrow->holders[i]);
  for (int i = 0; i < PERMITS; i++) expect(narrow->cq, BLOBFERRY_E_CANCELLED, HOLDER);
}

static void check_all_permits_are_there(narrow_t *narrow) {
  enum { WAITING = 20 };
  blobferry_ticket_t tickets[PERMITS + WAITING];
  AWAIT(usage_of(narrow->service).requests_in_flight == 0);
  AWAIT(usage_of(narrow->service).credits_used == 0);
  for (int i = 0; i < PERMITS + WAITING; i++)
    tickets[i] = must_get(narrow->store, narrow->cq, "never", NULL, 0, 5);
  await_in_flight(narrow->service, PERMITS);
  /* No more than that, however long one looks. */
  for (int looks = 0; looks < 50; looks++) {
    CHECK_INT(usage_of(narrow->service).requests_in_flight, PERMITS);
    sleep_us(1000);
  }
  CHECK_INT(usage_of(narrow->service).requests_running, PERMITS + WAITING);
  expect_nothing(narrow->cq, 0);
  for (int i = 0; i < PERMITS + WAITING; i++) must_cancel(narrow->cq, tickets[i]);
  for (int i = 0; i < PERMITS + WAITING; i++) expect(narrow->cq, BLOBFERRY_E_CANCELLED, 5);

  for (int lap = 0; lap < 20; lap++) {
    for (int i = 0; i < CREDITS; i++) must_ping(narrow->store, narrow->cq, 6);
    for (int i = 0; i < CREDITS; i++) expect(narrow->cq, BLOBFERRY_E_NOT_FOUND, 6);
  }
  AWAIT(usage_of(narrow->service).requests_in_flight == 0);
  AWAIT(usage_of(narrow->service).requests_running == 0);
  AWAIT(usage_of(narrow->service).credits_used == 0);
}

static void requests_wait_for_a_permit_and_are_not_refused(void) {
  narrow_t narrow = new_narrow(__func__);
  hold_all_permits(&narrow);
  for (int i = 0; i < CREDITS - PERMITS; i++) must_ping(narrow.store, narrow.cq, 1);
  expect_nothing(narrow.cq, 30);
  CHECK_INT(usage_of(narrow.service).requests_running, CREDITS);
  /* One permit back is enough for all that wait. */
  must_cancel(narrow.cq, narrow.holders[0]);
  for (int i = 0; i < CREDITS - PERMITS + 1; i++) {
    blobferry_completion_t completion = wait_one(narrow.cq);
    CHECK_STATUS(completion.status, completion.user_data == HOLDER ? BLOBFERRY_E_CANCELLED : BLOBFERRY_E_NOT_FOUND);
    dispose(&completion);
  }
  expect_nothing(narrow.cq, 0);
  for (int i = 1; i < PERMITS; i++) must_cancel(narrow.cq, narrow.holders[i]);
  for (int i = 1; i < PERMITS; i++) expect(narrow.cq, BLOBFERRY_E_CANCELLED, HOLDER);
  check_all_permits_are_there(&narrow);
  free_narrow(&narrow);
}

static void cancelled_while_waiting_for_a_permit(void) {
  enum { BATCH = CREDITS - PERMITS };
  narrow_t           narrow = new_narrow(__func__);
  blobferry_ticket_t tickets[BATCH];
  hold_all_permits(&narrow);
  for (long left = rounds(CANCELS); left > 0; left -= BATCH) {
    for (int i = 0; i < BATCH; i++) tickets[i] = must_get(narrow.store, narrow.cq, "missing", NULL, 0, 1);
    /* From either end of the line, and from its middle. */
    for (int i = 0; i < BATCH; i++) must_cancel(narrow.cq, tickets[left % 2 == 0 ? i : (i * 7 + 3) % BATCH]);
    for (int i = 0; i < BATCH; i++) must_cancel(narrow.cq, tickets[i]);
    for (int i = 0; i < BATCH; i++) expect(narrow.cq, BLOBFERRY_E_CANCELLED, 1);
    CHECK_INT(usage_of(narrow.service).requests_in_flight, PERMITS);
  }
  release_all_permits(&narrow);
  check_all_permits_are_there(&narrow);
  free_narrow(&narrow);
}

static void expired_while_waiting_for_a_permit(void) {
  enum { BATCH = CREDITS - PERMITS };
  narrow_t narrow = new_narrow(__func__);
  hold_all_permits(&narrow);
  for (long left = rounds(CANCELS); left > 0; left -= BATCH) {
    for (uint64_t i = 0; i < BATCH; i++) {
      request_t request = {VERB_GET, "missing", NULL, 0, NULL, 1 + i % 3, 1};
      must_submit(&request, narrow.store, narrow.cq);
    }
    for (int i = 0; i < BATCH; i++) expect(narrow.cq, BLOBFERRY_E_DEADLINE, 1);
  }
  release_all_permits(&narrow);
  check_all_permits_are_there(&narrow);
  free_narrow(&narrow);
}

static void cancelled_while_running(void) {
  narrow_t narrow = new_narrow(__func__);
  for (long left = rounds(CANCELS); left > 0; left -= PERMITS) {
    hold_all_permits(&narrow);
    release_all_permits(&narrow);
  }
  check_all_permits_are_there(&narrow);
  free_narrow(&narrow);
}

/* Each cancelled one hands its permit to one that waits, which is cancelled at that moment itself. */
static void cancelled_while_a_permit_is_handed_over(void) {
  enum { BATCH = 3 * PERMITS };
  narrow_t           narrow = new_narrow(__func__);
  blobferry_ticket_t tickets[BATCH];
  for (long left = rounds(CANCELS); left > 0; left -= BATCH) {
    for (int i = 0; i < BATCH; i++) tickets[i] = must_get(narrow.store, narrow.cq, "never", NULL, 0, 1);
    if (left % 2 == 0) await_in_flight(narrow.service, PERMITS);
    for (int i = 0; i < BATCH; i++) {
      must_cancel(narrow.cq, tickets[i]);
      spin(roll(&narrow.dice, 2000));
    }
    for (int i = 0; i < BATCH; i++) expect(narrow.cq, BLOBFERRY_E_CANCELLED, 1);
  }
  check_all_permits_are_there(&narrow);
  free_narrow(&narrow);
}

/* An ordinary request, cancelled somewhere between its submit and its completion. */
static void cancelled_while_finishing(void) {
  enum { BATCH = 2 * PERMITS };
  narrow_t narrow = new_narrow(__func__);
  long     submitted = 0, done = 0, cancelled = 0;
  for (long left = rounds(CANCELS); left > 0; left -= BATCH) {
    blobferry_ticket_t tickets[BATCH];
    for (int i = 0; i < BATCH; i++) {
      tickets[i] = must_get(narrow.store, narrow.cq, "missing", NULL, 0, 1);
      submitted++;
      spin(roll(&narrow.dice, 4000));
      must_cancel(narrow.cq, tickets[roll(&narrow.dice, (uint64_t)i + 1)]);
    }
    for (int i = 0; i < BATCH; i++) {
      blobferry_completion_t completion = wait_one(narrow.cq);
      if (completion.status == BLOBFERRY_E_CANCELLED) cancelled++;
      if (completion.status == BLOBFERRY_E_NOT_FOUND) done++;
      CHECK_INT(completion.user_data, 1);
      dispose(&completion);
    }
    beat();
  }
  printf("  of %ld requests, %ld were still there to be cancelled\n", submitted, cancelled);
  /* Each ended exactly once and in one of the two ways, and nothing is left over. */
  CHECK_INT(cancelled + done, submitted);
  expect_nothing(narrow.cq, 20);
  check_all_permits_are_there(&narrow);
  free_narrow(&narrow);
}

static void cancelled_just_after_completing(void) {
  narrow_t narrow = new_narrow(__func__);
  for (long left = rounds(CANCELS); left > 0; left -= CREDITS) {
    blobferry_ticket_t tickets[CREDITS];
    for (int i = 0; i < CREDITS; i++) tickets[i] = must_get(narrow.store, narrow.cq, "missing", NULL, 0, 1);
    settle(narrow.service);
    for (int i = 0; i < CREDITS; i++) must_cancel(narrow.cq, tickets[i]);
    for (int i = 0; i < CREDITS; i++) expect(narrow.cq, BLOBFERRY_E_NOT_FOUND, 1);
    for (int i = 0; i < CREDITS; i++) must_cancel(narrow.cq, tickets[i]);
  }
  check_all_permits_are_there(&narrow);
  free_narrow(&narrow);
}

static void panicking_requests_return_their_permits(void) {
  narrow_t narrow = new_narrow(__func__);
  for (int lap = 0; lap < 3; lap++) {
    blobferry_ticket_t tickets[PERMITS];
    for (int i = 0; i < 2 * PERMITS; i++) must_get(narrow.store, narrow.cq, "panic-in-poll", NULL, 0, 1);
    for (int i = 0; i < 2 * PERMITS; i++) expect(narrow.cq, BLOBFERRY_E_PANIC, 1);
    for (int i = 0; i < PERMITS; i++) tickets[i] = must_get(narrow.store, narrow.cq, "panic-in-drop", NULL, 0, 2);
    await_in_flight(narrow.service, PERMITS);
    for (int i = 0; i < PERMITS; i++) must_cancel(narrow.cq, tickets[i]);
    for (int i = 0; i < PERMITS; i++) expect(narrow.cq, BLOBFERRY_E_PANIC, 2);
  }
  check_all_permits_are_there(&narrow);
  free_narrow(&narrow);
}

TESTS(TEST(requests_wait_for_a_permit_and_are_not_refused), TEST(cancelled_while_waiting_for_a_permit),
      TEST(expired_while_waiting_for_a_permit), TEST(cancelled_while_running),
      TEST(cancelled_while_a_permit_is_handed_over), TEST(cancelled_while_finishing),
      TEST(cancelled_just_after_completing), TEST(panicking_requests_return_their_permits))
