/*
 * The verbs on one object as a C caller meets them: options that are left out,
 * the flag for details, tickets and user data, options that contradict each
 * other, and the memory beyond what was got. What objects then are is in the
 * behaviour list.
 */
#include "verbs.h"

#define STORES 2

static void new_fixtures(fixture_t fixtures[STORES]) {
  fixtures[0] = in_memory();
  fixtures[1] = in_folder();
}

/* -- results and details --------------------------------------------------------------------------------- */

/* What every completion of these tests must look like, but for its details; they are returned, owned. */
static blobferry_details_t *check_success(blobferry_completion_t completion, uint64_t result) {
  CHECK_STATUS(completion.status, BLOBFERRY_OK);
  CHECK(completion.error == NULL);
  CHECK(completion.ticket != 0);
  CHECK_INT(completion.result, result);
  CHECK_INT(completion.flags, 0);
  CHECK(completion.table == NULL && completion.buffer == NULL);
  blobferry_error_free(completion.error);
  return completion.details;
}

static void check_details(blobferry_details_t *details, bool wanted, uint64_t size) {
  CHECK_INT(details != NULL, wanted);
  if (wanted) {
    CHECK_INT(blobferry_details_size(details), size);
    CHECK(blobferry_details_revision(details) != NULL && *blobferry_details_revision(details) != '\0');
    CHECK(blobferry_details_last_modified_ns(details) != BLOBFERRY_TIME_UNKNOWN);
  }
  blobferry_details_free(details);
}

/* Without options: put, get and delete bring no details, head does. */
static void options_may_be_left_out(void) {
  fixture_t fixtures[STORES];
  new_fixtures(fixtures);
  for (int i = 0; i < STORES; i++) {
    const fixture_t *fixture = &fixtures[i];
    check_details(check_success(put(fixture, "a/b", 1000, 1), 1000), false, 0);
    check_details(check_success(put(fixture, "a/b", 2000, 2), 2000), false, 0); /* it overwrites */
    got_t got = get_with(fixture, "a/b", 2000, NULL);
    guarded_unlock(&got.memory);
    CHECK(pattern_is(got.memory.data, 2000, 2, 0));
    check_details(check_success(got.completion, 2000), false, 0);
    guarded_free(&got.memory);
    check_details(check_success(head(fixture, "a/b"), 2000), true, 2000);
    check_details(check_success(delete(fixture, "a/b"), 0), false, 0);
    check_details(check_success(delete(fixture, "a/b"), 0), false, 0); /* what is not there */
    check_outcome(head(fixture, "a/b"), BLOBFERRY_E_NOT_FOUND, "a/b");
    fixture_free(&fixtures[i]);
  }
}

static void an_empty_object_needs_no_memory(void) {
  fixture_t fixtures[STORES];
  new_fixtures(fixtures);
  for (int i = 0; i < STORES; i++) {
    const fixture_t *fixture = &fixtures[i];
    request_t        put = {VERB_PUT, "empty", NULL, 0, NULL, 0, 1}, get = {VERB_GET, "empty", NULL, 0, NULL, 0, 2};
    must_submit(&put, fixture->store, fixture->cq);
    check_details(check_success(wait_one(fixture->cq), 0), false, 0);
    must_submit(&get, fixture->store, fixture->cq);
    check_details(check_success(wait_one(fixture->cq), 0), false, 0);
    check_details(check_success(head(fixture, "empty"), 0), true, 0);
    fixture_free(&fixtures[i]);
  }
}

static blobferry_completion_t head_with(const fixture_t *fixture, const char *key, uint32_t flags) {
  blobferry_head_options_t options = BLOBFERRY_HEAD_OPTIONS_INIT;
  blobferry_error_t       *error = NULL;
  CHECK_INT(options.flags, BLOBFERRY_REQUEST_DETAILS);
  options.flags = flags;
  blobferry_status_t submitted = blobferry_object_head(fixture->store, fixture->cq, key, &options, 0, NULL, &error);
  return outcome_of(fixture, submitted, error);
}

static void details_come_with_the_flag_and_only_then(void) {
  fixture_t fixtures[STORES];
  new_fixtures(fixtures);
  for (int i = 0; i < STORES; i++)
    for (uint32_t flags = 0; flags <= BLOBFERRY_REQUEST_DETAILS; flags++) {
      const fixture_t        *fixture = &fixtures[i];
      bool                    wanted = flags == BLOBFERRY_REQUEST_DETAILS;
      blobferry_put_options_t put = BLOBFERRY_PUT_OPTIONS_INIT;
      blobferry_get_options_t get = BLOBFERRY_GET_OPTIONS_INIT;
      put.flags = get.flags = flags;
      check_details(check_success(put_with(fixture, "a", 1000, 1, &put), 1000), wanted, 1000);
      got_t got = get_with(fixture, "a", 1000, &get);
      check_details(check_success(got.completion, 1000), wanted, 1000);
      guarded_free(&got.memory);
      get.offset = 990;
      get.length = 5;
      got = get_with(fixture, "a", 5, &get);
      check_details(check_success(got.completion, 5), wanted, 1000); /* the size of the whole */
      guarded_free(&got.memory);
      check_details(check_success(head_with(fixture, "a", flags), 1000), wanted, 1000);
    }
  for (int i = 0; i < STORES; i++) fixture_free(&fixtures[i]);
}

/* The revision that a put tells is the one that the next update asks for, in C as in the list. */
static void a_put_tells_the_revision_for_the_next(void) {
  fixture_t               fixture = in_memory();
  blobferry_put_options_t options = BLOBFERRY_PUT_OPTIONS_INIT;
  options.flags = BLOBFERRY_REQUEST_DETAILS;
  blobferry_details_t *first = check_success(put_with(&fixture, "a", 10, 1, &options), 10);
  options.mode = BLOBFERRY_PUT_UPDATE;
  options.if_match = blobferry_details_revision(first);
  blobferry_details_t *second = check_success(put_with(&fixture, "a", 20, 2, &options), 20);
  CHECK(strcmp(blobferry_details_revision(first), blobferry_details_revision(second)) != 0);
  blobferry_completion_t late = put_with(&fixture, "a", 30, 3, &options);
  CHECK(late.details == NULL);
  check_outcome(late, BLOBFERRY_E_PRECONDITION, "a");
  check_object(&fixture, "a", 20, 2);
  blobferry_details_free(first);
  blobferry_details_free(second);
  fixture_free(&fixture);
}

/* -- tickets and user data --------------------------------------------------------------------------------- */

static void user_data_comes_back_whole(void) {
  const uint64_t values[] = {0, 1, (uint64_t)1 << 31, UINT32_MAX, (uint64_t)1 << 63, INT64_MAX, UINT64_MAX};
  fixture_t      fixture = in_memory();
  uint8_t        byte = 7;
  put_object(fixture.store, fixture.cq, "a", &byte, 1);
  blobferry_list_t *list = new_list(fixture.store, "");
  for (int verb = 0; verb < VERB_COUNT; verb++)
    for (size_t i = 0; i < sizeof values / sizeof values[0]; i++) {
      request_t              request = {(verb_t)verb, "a", &byte, 1, list, 0, values[i]};
      blobferry_ticket_t     ticket = must_submit(&request, fixture.store, fixture.cq);
      blobferry_completion_t completion = wait_one(fixture.cq);
      CHECK(completion.user_data == values[i]);
      CHECK(completion.ticket == ticket && ticket != 0);
      dispose(&completion);
    }
  blobferry_list_free(list);
  fixture_free(&fixture);
}

static void tickets_of_running_requests_differ(void) {
  enum { RUNNING = 20 };
  fixture_t          fixture = with_url("fault://object", NULL, 0);
  blobferry_ticket_t tickets[RUNNING];
  for (int i = 0; i < RUNNING; i++) {
    request_t request = {(verb_t)(i % VERB_LIST), "never", NULL, 0, NULL, 0, (uint64_t)i};
    tickets[i] = must_submit(&request, fixture.store, fixture.cq);
    CHECK(tickets[i] != 0);
    for (int before = 0; before < i; before++) CHECK(tickets[before] != tickets[i]);
  }
  for (int i = RUNNING - 1; i >= 0; i--) {
    must_cancel(fixture.cq, tickets[i]);
    blobferry_completion_t completion = wait_one(fixture.cq);
    CHECK(completion.ticket == tickets[i]);
    CHECK_INT(completion.user_data, i);
    check_outcome(completion, BLOBFERRY_E_CANCELLED, "");
  }
  fixture_free(&fixture);
}

/* No ticket is asked for: the completion has one all the same. A refusal writes none, and brings no completion. */
static void the_ticket_may_be_left_out(void) {
  fixture_t         fixture = in_memory();
  blobferry_list_t *list = new_list(fixture.store, "");
  for (int verb = 0; verb < VERB_COUNT; verb++) {
    request_t          request = {(verb_t)verb, "a", NULL, 0, list, 0, 9};
    blobferry_ticket_t ticket = 4711;
    blobferry_error_t *error = NULL;
    CHECK_STATUS(submit(&request, fixture.store, fixture.cq, NULL, NULL), BLOBFERRY_OK);
    blobferry_completion_t completion = wait_one(fixture.cq);
    CHECK(completion.ticket != 0);
    CHECK_INT(completion.user_data, 9);
    dispose(&completion);
    if (verb == VERB_LIST) continue;
    request.key = "a//b";
    CHECK_STATUS(submit(&request, fixture.store, fixture.cq, &ticket, &error), BLOBFERRY_E_ARGUMENT);
    CHECK_INT(ticket, 4711);
    check_error(error, BLOBFERRY_E_ARGUMENT, "a//b");
    CHECK_STATUS(submit(&request, fixture.store, fixture.cq, NULL, NULL), BLOBFERRY_E_ARGUMENT);
    expect_nothing(fixture.cq, 0);
  }
  blobferry_list_free(list);
  fixture_free(&fixture);
}

/* -- options that contradict each other --------------------------------------------------------------------- */

/* Refused at submit, saying what is wrong; nothing stays lent, nothing changes. */
static void check_refused_put(const fixture_t *fixture, const blobferry_put_options_t *options, const char *part) {
  CHECK_INT(live_leases(), 0);
  check_refusal(put_with(fixture, "a", 20, 2, options), BLOBFERRY_E_ARGUMENT, part);
  CHECK_INT(live_leases(), 0);
  expect_nothing(fixture->cq, 0);
  check_object(fixture, "a", 10, 1);
}

static void a_mode_that_contradicts_if_match_is_refused(void) {
  const size_t                  size = sizeof(blobferry_put_options_t);
  const blobferry_put_options_t bad[] = {
      {size, 0, "revision", NULL, NULL, 0, BLOBFERRY_PUT_OVERWRITE, 0, NULL, NULL, NULL, NULL, NULL, 0},
      {size, 0, "", NULL, NULL, 0, BLOBFERRY_PUT_OVERWRITE, 0, NULL, NULL, NULL, NULL, NULL, 0},
      {size, 0, "revision", NULL, NULL, 0, BLOBFERRY_PUT_CREATE, 0, NULL, NULL, NULL, NULL, NULL, 0},
      {size, 0, NULL, NULL, NULL, 0, BLOBFERRY_PUT_UPDATE, 0, NULL, NULL, NULL, NULL, NULL, 0},
  };
  const blobferry_put_options_t unknown = {size, 0, NULL, NULL, NULL, 0, 3, 0, NULL, NULL, NULL, NULL, NULL, 0};
  fixture_t                     fixtures[STORES];
  new_fixtures(fixtures);
  for (int i = 0; i < STORES; i++) {
    must_put(&fixtures[i], "a", 10, 1);
    for (size_t k = 0; k < sizeof bad / sizeof bad[0]; k++) check_refused_put(&fixtures[i], &bad[k], "if_match");
    check_refused_put(&fixtures[i], &unknown, "mode");
  }
  for (int i = 0; i < STORES; i++) fixture_free(&fixtures[i]);
}

static void metadata_keys_are_neither_empty_nor_repeated(void) {
  static const blobferry_pair_t empty[] = {{"", "value"}, {"key", "value"}};
  static const blobferry_pair_t last_empty[] = {{"key", "value"}, {"", ""}};
  static const blobferry_pair_t beside[] = {{"key", "one"}, {"key", "two"}};
  static const blobferry_pair_t apart[] = {{"key", "same"}, {"a", "1"}, {"z", "2"}, {"key", "same"}};
  static const blobferry_pair_t good[] = {{"key", "same"}, {"KEY", "same"}, {"key ", "same"}, {"ke", "same"}};
  blobferry_put_options_t       options = BLOBFERRY_PUT_OPTIONS_INIT;
  fixture_t                     fixture = in_memory();
  must_put(&fixture, "a", 10, 1);
  options.metadata = empty;
  options.metadata_count = 2;
  check_refused_put(&fixture, &options, "metadata");
  options.metadata = last_empty;
  check_refused_put(&fixture, &options, "metadata");
  options.metadata = beside;
  check_refused_put(&fixture, &options, "key");
  options.metadata = apart;
  options.metadata_count = 4;
  check_refused_put(&fixture, &options, "key");
  options.metadata = NULL;
  check_refused_put(&fixture, &options, "metadata");
  /* Without elements the pointer does not matter; keys that are merely alike are different. */
  options.metadata = empty;
  options.metadata_count = 0;
  check_outcome(put_with(&fixture, "b", 10, 1, &options), BLOBFERRY_OK, "");
  options.metadata = good;
  options.metadata_count = 4;
  check_outcome(put_with(&fixture, "a", 10, 1, &options), BLOBFERRY_OK, "");
  fixture_free(&fixture);
}

/* -- the memory that was lent -------------------------------------------------------------------------------- */

static void check_canaries(const guarded_t *memory, size_t from, const char *what) {
  for (size_t at = from; at < memory->size; at++)
    if (memory->data[at] != CANARY) {
      FAIL("%s: byte %zu of a buffer was written, and only %zu may be", what, at, from);
      return;
    }
}

static void a_larger_buffer_keeps_its_tail(void) {
  static const size_t sizes[] = {0, 1, 1000, 65536, 65537, 300000};
  static const size_t tails[] = {1, 4097, 500000};
  fixture_t           fixtures[STORES];
  new_fixtures(fixtures);
  for (int i = 0; i < STORES; i++)
    for (size_t k = 0; k < sizeof sizes / sizeof sizes[0]; k++) {
      must_put(&fixtures[i], "a", sizes[k], k);
      for (size_t t = 0; t < 2 * sizeof tails / sizeof tails[0]; t++) {
        blobferry_get_options_t options = BLOBFERRY_GET_OPTIONS_INIT;
        options.part_size = t % 2 == 0 ? 0 : 65536;
        got_t got = get_with(&fixtures[i], "a", sizes[k] + tails[t / 2], &options);
        guarded_unlock(&got.memory);
        CHECK(pattern_is(got.memory.data, sizes[k], k, 0));
        check_canaries(&got.memory, sizes[k], "a get of the whole");
        check_details(check_success(got.completion, sizes[k]), false, 0);
        guarded_free(&got.memory);
      }
    }
  for (int i = 0; i < STORES; i++) fixture_free(&fixtures[i]);
}

/* What a get that failed left in the range is undefined; beyond it nothing was written. */
static void a_failed_get_keeps_what_is_beyond_its_range(void) {
  enum { RANGE = 100, BUFFER = 1000 };
  fixture_t fixtures[STORES];
  new_fixtures(fixtures);
  for (int i = 0; i < STORES; i++) {
    blobferry_get_options_t options = BLOBFERRY_GET_OPTIONS_INIT;
    must_put(&fixtures[i], "a", 500, 1);
    options.length = RANGE;
    got_t got = get_with(&fixtures[i], "missing", BUFFER, &options);
    guarded_unlock(&got.memory);
    check_canaries(&got.memory, RANGE, "a get of nothing");
    check_outcome(got.completion, BLOBFERRY_E_NOT_FOUND, "missing");
    guarded_free(&got.memory);
    options.offset = 500;
    got = get_with(&fixtures[i], "a", BUFFER, &options);
    guarded_unlock(&got.memory);
    check_canaries(&got.memory, RANGE, "a get behind the end");
    check_outcome(got.completion, BLOBFERRY_E_RANGE, "a");
    guarded_free(&got.memory);
    options.offset = 0;
    got = get_with(&fixtures[i], "a", RANGE - 1, &options);
    CHECK_INT(got.completion.result, RANGE);
    check_outcome(got.completion, BLOBFERRY_E_TOO_SMALL, "");
    guarded_free(&got.memory);
  }
  for (int i = 0; i < STORES; i++) fixture_free(&fixtures[i]);
}

TESTS(TEST(options_may_be_left_out), TEST(an_empty_object_needs_no_memory),
      TEST(details_come_with_the_flag_and_only_then), TEST(a_put_tells_the_revision_for_the_next),
      TEST(user_data_comes_back_whole), TEST(tickets_of_running_requests_differ), TEST(the_ticket_may_be_left_out),
      TEST(a_mode_that_contradicts_if_match_is_refused), TEST(metadata_keys_are_neither_empty_nor_repeated),
      TEST(a_larger_buffer_keeps_its_tail), TEST(a_failed_get_keeps_what_is_beyond_its_range))
