/*
 * Cancel and deadline on every verb: one completion, the right status, and the
 * memory back with it. Held requests, whose memory cannot come back at once, are
 * in hold.c; panics in panic.c.
 */
#include "traffic.h"

/* A service with one request of each verb ready to be submitted. */
typedef struct desk {
  blobferry_service_t *service;
  blobferry_store_t   *store;
  blobferry_cq_t      *cq;
  blobferry_list_t    *list;
  guarded_t            memory;
} desk_t;

/* `where` is a URL, or a folder. */
static desk_t new_desk(const char *place, uint32_t permits, const char *where, const char *list_prefix) {
  watch(place);
  desk_t desk;
  desk.service = new_service_with(64, permits);
  desk.store = where[0] == '/' ? open_folder(desk.service, where) : open_store(desk.service, where);
  desk.cq = new_cq(desk.service, 32, BLOBFERRY_WAKE_NONE);
  desk.list = new_list(desk.store, list_prefix);
  desk.memory = guarded_new(5000);
  pattern_fill(desk.memory.data, desk.memory.size, 1);
  return desk;
}

static void free_desk(desk_t *desk) {
  guarded_free(&desk->memory);
  blobferry_list_free(desk->list);
  blobferry_store_free(desk->store);
  blobferry_cq_free(desk->cq);
  blobferry_service_free(desk->service);
}

static blobferry_ticket_t submit_verb(desk_t *desk, int verb, const char *key, uint64_t timeout_ms) {
  request_t request = {(verb_t)verb, key, desk->memory.data, desk->memory.size, desk->list, timeout_ms, (uint64_t)verb};
  return must_submit(&request, desk->store, desk->cq);
}

/* The only completion of the queue: how it must have ended, its memory locked at once, nothing after it. */
static void check_ended(desk_t *desk, int verb, blobferry_ticket_t ticket, blobferry_status_t status) {
  blobferry_completion_t completion = wait_one(desk->cq);
  guarded_lock(&desk->memory);
  CHECK(completion.ticket == ticket);
  CHECK_INT(completion.user_data, verb);
  CHECK_STATUS(completion.status, status);
  CHECK(completion.details == NULL);
  CHECK_INT(blobferry_error_is_maybe_committed(completion.error), 0);
  CHECK_INT(completion.flags & BLOBFERRY_COMPLETION_MAYBE_COMMITTED, 0);
  dispose(&completion);
  CHECK_INT(live_leases(), 0);
  expect_nothing(desk->cq, 0);
  AWAIT(usage_of(desk->service).requests_running == 0);
  guarded_unlock(&desk->memory);
  beat();
}

/* -- cancel ----------------------------------------------------------------------------------------------- */

static void cancel_ends_every_verb(void) {
  desk_t desk = new_desk(__func__, 0, "fault://cancel", "never");
  for (int verb = 0; verb < VERB_COUNT; verb++) {
    for (int lap = 0; lap < 20; lap++) {
      blobferry_ticket_t ticket = submit_verb(&desk, verb, "never", 0);
      if (lap % 2 == 0) await_in_flight(desk.service, 1);
      if (lap == 0) expect_nothing(desk.cq, 20);
      must_cancel(desk.cq, ticket);
      check_ended(&desk, verb, ticket, BLOBFERRY_E_CANCELLED);
    }
  }
  free_desk(&desk);
}

static void cancelling_again_changes_nothing(void) {
  desk_t desk = new_desk(__func__, 0, "fault://cancel", "never");
  for (int verb = 0; verb < VERB_COUNT; verb++) {
    blobferry_ticket_t ticket = submit_verb(&desk, verb, "never", 0);
    for (int times = 0; times < 5; times++) must_cancel(desk.cq, ticket);
    check_ended(&desk, verb, ticket, BLOBFERRY_E_CANCELLED);
    for (int times = 0; times < 5; times++) must_cancel(desk.cq, ticket);
    expect_nothing(desk.cq, 10);
  }
  free_desk(&desk);
}

static void cancel_after_the_completion_leaves_its_outcome(void) {
  desk_t desk = new_desk(__func__, 0, "fault://cancel", "");
  for (int verb = 0; verb < VERB_COUNT; verb++) {
    put_object(desk.store, desk.cq, "there", desk.memory.data, desk.memory.size);
    blobferry_ticket_t ticket = submit_verb(&desk, verb, "there", 0);
    settle(desk.service);
    must_cancel(desk.cq, ticket);
    expect(desk.cq, BLOBFERRY_OK, (uint64_t)verb);
    must_cancel(desk.cq, ticket);
    expect_nothing(desk.cq, 10);
  }
  free_desk(&desk);
}

static void *cancel_it(void *argument) {
  void             **queue_and_ticket = argument;
  blobferry_ticket_t ticket = *(blobferry_ticket_t *)queue_and_ticket[1];
  for (int times = 0; times < 10; times++) must_cancel(queue_and_ticket[0], ticket);
  return NULL;
}

static void cancelled_by_many_threads_it_completes_once(void) {
  desk_t desk = new_desk(__func__, 0, "fault://cancel", "never");
  for (long round = rounds(300); round > 0; round--) {
    int                verb = (int)(round % VERB_COUNT);
    blobferry_ticket_t ticket = submit_verb(&desk, verb, "never", 0);
    void              *queue_and_ticket[2] = {desk.cq, &ticket};
    pthread_t          threads[4];
    for (int i = 0; i < 4; i++) pthread_create(&threads[i], NULL, cancel_it, queue_and_ticket);
    check_ended(&desk, verb, ticket, BLOBFERRY_E_CANCELLED);
    for (int i = 0; i < 4; i++) pthread_join(threads[i], NULL);
    expect_nothing(desk.cq, 0);
  }
  free_desk(&desk);
}

/* -- deadline ---------------------------------------------------------------------------------------------- */

static void deadline_ends_every_verb(void) {
  desk_t desk = new_desk(__func__, 0, "fault://cancel", "never");
  for (int verb = 0; verb < VERB_COUNT; verb++) {
    for (uint64_t timeout_ms = 1; timeout_ms <= 64; timeout_ms *= 4) {
      uint64_t           begun = now_ms();
      blobferry_ticket_t ticket = submit_verb(&desk, verb, "never", timeout_ms);
      check_ended(&desk, verb, ticket, BLOBFERRY_E_DEADLINE);
      /* The clock of the library and ours may disagree by the rounding of a millisecond. */
      CHECK(now_ms() - begun + 1 >= timeout_ms);
    }
  }
  free_desk(&desk);
}

static void deadline_in_the_future_does_nothing(void) {
  desk_t desk = new_desk(__func__, 0, "fault://cancel", "");
  for (int verb = 0; verb < VERB_COUNT; verb++) {
    put_object(desk.store, desk.cq, "there", desk.memory.data, desk.memory.size);
    submit_verb(&desk, verb, "there", 600000);
    expect(desk.cq, BLOBFERRY_OK, (uint64_t)verb);
    submit_verb(&desk, verb, "there", UINT64_MAX); /* half a billion years */
    expect(desk.cq, BLOBFERRY_OK, (uint64_t)verb);
  }
  free_desk(&desk);
}

static void cancel_beats_a_distant_deadline(void) {
  desk_t desk = new_desk(__func__, 0, "fault://cancel", "never");
  for (int verb = 0; verb < VERB_COUNT; verb++) {
    blobferry_ticket_t ticket = submit_verb(&desk, verb, "never", 600000);
    must_cancel(desk.cq, ticket);
    check_ended(&desk, verb, ticket, BLOBFERRY_E_CANCELLED);
  }
  free_desk(&desk);
}

/* -- while waiting for a permit ------------------------------------------------------------------------------ */

static blobferry_cq_t *hold_the_only_permit(desk_t *desk, blobferry_ticket_t *ticket) {
  blobferry_cq_t *holder = new_cq(desk->service, 1, BLOBFERRY_WAKE_NONE);
  *ticket = must_get(desk->store, holder, "never", NULL, 0, 0);
  await_in_flight(desk->service, 1);
  return holder;
}

static void give_the_permit_back(blobferry_cq_t *holder, blobferry_ticket_t ticket) {
  must_cancel(holder, ticket);
  expect(holder, BLOBFERRY_E_CANCELLED, 0);
  blobferry_cq_free(holder);
}

/* What never began was never tried, and has certainly not taken effect. */
static void check_never_begun(desk_t *desk, blobferry_status_t status) {
  blobferry_completion_t completion = wait_one(desk->cq);
  guarded_lock(&desk->memory);
  CHECK_STATUS(completion.status, status);
  CHECK_INT(blobferry_error_attempts(completion.error), 0);
  CHECK_INT(blobferry_error_is_maybe_committed(completion.error), 0);
  dispose(&completion);
  CHECK_INT(usage_of(desk->service).requests_in_flight, 1);
  guarded_unlock(&desk->memory);
}

static void ended_before_it_began_it_has_done_nothing(void) {
  desk_t             desk = new_desk(__func__, 1, "fault://cancel", "");
  blobferry_ticket_t held;
  put_object(desk.store, desk.cq, "there", desk.memory.data, desk.memory.size);
  for (int way = 0; way < 2; way++) {
    blobferry_cq_t *holder = hold_the_only_permit(&desk, &held);
    for (int verb = 0; verb < VERB_COUNT; verb++) {
      const char        *key = verb == VERB_PUT ? "new" : "there";
      blobferry_ticket_t ticket = submit_verb(&desk, verb, key, way == 0 ? 0 : 20);
      if (way == 0) must_cancel(desk.cq, ticket);
      check_never_begun(&desk, way == 0 ? BLOBFERRY_E_CANCELLED : BLOBFERRY_E_DEADLINE);
    }
    give_the_permit_back(holder, held);
    CHECK(!object_exists(desk.store, desk.cq, "new"));
    CHECK(object_exists(desk.store, desk.cq, "there"));
  }
  /* The list stands where it stood: its first page, with the one object. */
  submit_verb(&desk, VERB_LIST, NULL, 0);
  expect(desk.cq, BLOBFERRY_OK, VERB_LIST);
  size_t                   count = 0;
  const blobferry_entry_t *entries = blobferry_list_entries(desk.list, &count);
  CHECK_INT(count, 1);
  if (count == 1) CHECK_TEXT(entries[0].key, "there");
  free_desk(&desk);
}

/* -- puts ------------------------------------------------------------------------------------------------------ */

enum { BIG = 24 << 20 };

/* The object `key` is `BIG` bytes of the pattern `seed`. */
static void check_content(desk_t *desk, const char *key, uint8_t *buffer, uint64_t seed) {
  request_t get = {VERB_GET, key, buffer, BIG, NULL, 0, 0};
  must_submit(&get, desk->store, desk->cq);
  blobferry_completion_t completion = wait_one(desk->cq);
  CHECK_STATUS(completion.status, BLOBFERRY_OK);
  CHECK_INT(completion.result, BIG);
  CHECK(pattern_is(buffer, BIG, seed, 0));
  dispose(&completion);
}

/*
 * A put cancelled after a random while: completed means the whole new object,
 * cancelled means what was there before, with the only way between them said by
 * the flag.
 */
static void check_cancelled_puts(const char *place, const char *where) {
  desk_t   desk = new_desk(place, 0, where, "");
  uint64_t dice = test_seed();
  uint8_t *data = malloc(BIG), *back = malloc(BIG);
  long     cancelled = 0;
  pattern_fill(data, BIG, 100);
  put_object(desk.store, desk.cq, "replaced", data, BIG);
  uint64_t present = 100;
  for (long round = 0; round < rounds(30); round++) {
    uint64_t seed = 101 + (uint64_t)round;
    bool     replace = round % 2 == 0;
    pattern_fill(data, BIG, seed);
    request_t          put = {VERB_PUT, replace ? "replaced" : "new", data, BIG, NULL, 0, 0};
    blobferry_ticket_t ticket = must_submit(&put, desk.store, desk.cq);
    if (round > 3) sleep_us((long)roll(&dice, 20000));
    must_cancel(desk.cq, ticket);
    blobferry_completion_t completion = wait_one(desk.cq);
    memset(data, 0, BIG); /* ours again: the library must not look at it any more */
    if (completion.status == BLOBFERRY_E_CANCELLED) {
      cancelled++;
      CHECK_INT(blobferry_error_is_maybe_committed(completion.error),
                (completion.flags & BLOBFERRY_COMPLETION_MAYBE_COMMITTED) != 0);
      CHECK_INT(completion.flags, 0); /* these stores always know */
    } else {
      CHECK_STATUS(completion.status, BLOBFERRY_OK);
    }
    if (replace) {
      if (completion.status == BLOBFERRY_OK) present = seed;
      check_content(&desk, "replaced", back, present);
    } else {
      CHECK_INT(object_exists(desk.store, desk.cq, "new"), completion.status == BLOBFERRY_OK);
      if (completion.status == BLOBFERRY_OK) {
        check_content(&desk, "new", back, seed);
        request_t delete = {VERB_DELETE, "new", NULL, 0, NULL, 0, 9};
        must_submit(&delete, desk.store, desk.cq);
        expect(desk.cq, BLOBFERRY_OK, 9);
      }
    }
    dispose(&completion);
    beat();
  }
  printf("  of %ld puts, %ld were cancelled\n", rounds(30), cancelled);
  if (cancelled == 0) FAIL("no put was still there to be cancelled");
  free(data);
  free(back);
  free_desk(&desk);
}

/* Small puts, whose commit is most of what they do: cancelled in the midst of it they say whether it was done. */
static void check_cancelled_small_puts(const char *place, const char *where, uint64_t longest_spin) {
  desk_t   desk = new_desk(place, 0, where, "");
  uint64_t dice = test_seed();
  long     done = 0, played = rounds(5000);
  for (long round = 0; round < played; round++) {
    char key[32];
    snprintf(key, sizeof key, "small-%ld", round);
    request_t          put = {VERB_PUT, key, desk.memory.data, 10, NULL, 0, 3};
    blobferry_ticket_t ticket = must_submit(&put, desk.store, desk.cq);
    spin(roll(&dice, longest_spin));
    must_cancel(desk.cq, ticket);
    blobferry_completion_t completion = wait_one(desk.cq);
    if (completion.status == BLOBFERRY_OK) done++;
    else CHECK_STATUS(completion.status, BLOBFERRY_E_CANCELLED);
    CHECK_INT(completion.flags, 0);
    if (object_exists(desk.store, desk.cq, key) != (completion.status == BLOBFERRY_OK))
      FAIL("%s completed with %s", key, blobferry_status_name(completion.status));
    dispose(&completion);
    beat();
  }
  printf("  of %ld small puts, %ld were done before they were cancelled\n", played, done);
  free_desk(&desk);
}

static void cancelled_put_leaves_memory_as_it_was(void) {
  check_cancelled_puts(__func__, "memory://cancel");
  check_cancelled_small_puts(__func__, "memory://cancel", 20000);
}

static void cancelled_put_leaves_files_as_they_were(void) {
  char folder[256];
  make_folder(folder);
  check_cancelled_puts(__func__, folder);
  check_cancelled_small_puts(__func__, folder, 200000);
  remove_tree(folder);
}

/* A put that never ends has not taken effect when it is cancelled, expired or closed. */
static void put_that_never_ends_leaves_no_object(void) {
  desk_t desk = new_desk(__func__, 0, "fault://cancel", "never");
  submit_verb(&desk, VERB_PUT, "never", 20);
  expect(desk.cq, BLOBFERRY_E_DEADLINE, VERB_PUT);
  must_cancel(desk.cq, submit_verb(&desk, VERB_PUT, "never", 0));
  expect(desk.cq, BLOBFERRY_E_CANCELLED, VERB_PUT);
  blobferry_list_t *all = new_list(desk.store, "");
  request_t         page = {VERB_LIST, NULL, NULL, 0, all, 0, 0};
  must_submit(&page, desk.store, desk.cq);
  blobferry_completion_t completion = wait_one(desk.cq);
  CHECK_STATUS(completion.status, BLOBFERRY_OK);
  CHECK_INT(completion.result, 0);
  dispose(&completion);
  blobferry_list_free(all);
  free_desk(&desk);
}

/* -- close and free ---------------------------------------------------------------------------------------------- */

static void close_ends_every_verb(void) {
  for (int by_service = 0; by_service < 2; by_service++) {
    desk_t    desk = new_desk(__func__, 0, "fault://cancel", "never");
    guarded_t memory[VERB_COUNT];
    for (int verb = 0; verb < VERB_COUNT; verb++) {
      memory[verb] = guarded_new(3000);
      request_t request = {(verb_t)verb, "never", memory[verb].data, 3000, desk.list, 0, (uint64_t)verb};
      must_submit(&request, desk.store, desk.cq);
    }
    await_in_flight(desk.service, VERB_COUNT);
    if (by_service == 0) CHECK_STATUS(blobferry_cq_close(desk.cq, NULL), BLOBFERRY_OK);
    else {
      blobferry_service_free(desk.service);
      desk.service = NULL;
      for (int verb = 0; verb < VERB_COUNT; verb++) guarded_lock(&memory[verb]);
    }
    CHECK_INT(drain_to_the_end(desk.cq, BLOBFERRY_E_CANCELLED), VERB_COUNT);
    for (int verb = 0; verb < VERB_COUNT; verb++) guarded_lock(&memory[verb]);
    for (int verb = 0; verb < VERB_COUNT; verb++) guarded_free(&memory[verb]);
    free_desk(&desk);
  }
}

TESTS(TEST(cancel_ends_every_verb), TEST(cancelling_again_changes_nothing),
      TEST(cancel_after_the_completion_leaves_its_outcome), TEST(cancelled_by_many_threads_it_completes_once),
      TEST(deadline_ends_every_verb), TEST(deadline_in_the_future_does_nothing), TEST(cancel_beats_a_distant_deadline),
      TEST(ended_before_it_began_it_has_done_nothing), TEST(cancelled_put_leaves_memory_as_it_was),
      TEST(cancelled_put_leaves_files_as_they_were), TEST(put_that_never_ends_leaves_no_object),
      TEST(close_ends_every_verb))
