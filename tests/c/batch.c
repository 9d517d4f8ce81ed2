/*
 * Many requests with one call: each element is accepted or refused on its own, as
 * its verb's own function would, and what is refused has lent nothing.
 */
#include "batch.h"

/* -- what is accepted ---------------------------------------------------------------------------------------- */

enum { PUTS = 6, SIZE = 3000 };
static const char *const keys[PUTS] = {"a/0", "a/1", "a/2", "b/3", "b/4", "b/5"};

static void put_all(const fixture_t *fixture) {
  blobferry_request_t requests[PUTS];
  guarded_t           memory[PUTS];
  for (int i = 0; i < PUTS; i++) {
    memory[i] = guarded_new(SIZE);
    pattern_fill(memory[i].data, SIZE, (uint64_t)i);
    requests[i] = of_store(BLOBFERRY_VERB_PUT, fixture->store, keys[i], (uint64_t)i);
    requests[i] = with_buffer(requests[i], memory[i].data, SIZE);
  }
  must_submit_batch(fixture->cq, requests, PUTS);
  for (int i = 0; i < PUTS; i++) {
    blobferry_completion_t completion = wait_one(fixture->cq);
    CHECK(completion.user_data < PUTS);
    guarded_lock(&memory[completion.user_data]);
    CHECK_STATUS(completion.status, BLOBFERRY_OK);
    CHECK_INT(completion.result, SIZE);
    CHECK(completion.ticket == requests[completion.user_data].ticket);
    dispose(&completion);
  }
  for (int i = 0; i < PUTS; i++) guarded_free(&memory[i]);
}

enum { GET, SHORT_GET, MISSING, HEAD, PLAIN_HEAD, CREATE, DELETE, PAGE, MIXED };

static void check_mixed(const blobferry_completion_t *completion) {
  switch (completion->user_data) {
    case GET:
      CHECK_STATUS(completion->status, BLOBFERRY_OK);
      CHECK_INT(completion->result, SIZE);
      break;
    case SHORT_GET:
      CHECK_STATUS(completion->status, BLOBFERRY_E_TOO_SMALL);
      CHECK_INT(completion->result, SIZE);
      break;
    case MISSING: CHECK_STATUS(completion->status, BLOBFERRY_E_NOT_FOUND); break;
    case HEAD:
    case PLAIN_HEAD:
      CHECK_STATUS(completion->status, BLOBFERRY_OK);
      CHECK_INT(completion->result, SIZE);
      CHECK((completion->details != NULL) == (completion->user_data == HEAD));
      break;
    case CREATE: CHECK_STATUS(completion->status, BLOBFERRY_E_EXISTS); break;
    case DELETE: CHECK_STATUS(completion->status, BLOBFERRY_OK); break;
    case PAGE:
      CHECK_STATUS(completion->status, BLOBFERRY_OK);
      CHECK_INT(completion->result, 3);
      CHECK(is_last_page(completion));
      break;
    default: FAIL("a completion of nothing that was asked: %llu", (unsigned long long)completion->user_data);
  }
}

/* Every verb that works on objects, with options of its own, in one call. */
static void mixed_verbs(fixture_t fixture) {
  blobferry_head_options_t plain = BLOBFERRY_HEAD_OPTIONS_INIT;
  blobferry_put_options_t  create = BLOBFERRY_PUT_OPTIONS_INIT;
  blobferry_request_t      requests[MIXED];
  blobferry_list_t        *list = new_list(fixture.store, "b/");
  guarded_t                memory = guarded_new(SIZE), small = guarded_new(SIZE / 2);
  uint8_t                  seen[MIXED] = {0};
  plain.flags = 0;
  create.mode = BLOBFERRY_PUT_CREATE;
  put_all(&fixture);
  requests[GET] = with_buffer(of_store(BLOBFERRY_VERB_GET, fixture.store, keys[1], GET), memory.data, SIZE);
  requests[SHORT_GET] =
      with_buffer(of_store(BLOBFERRY_VERB_GET, fixture.store, keys[2], SHORT_GET), small.data, SIZE / 2);
  requests[MISSING] = of_store(BLOBFERRY_VERB_GET, fixture.store, "a/missing", MISSING);
  requests[HEAD] = of_store(BLOBFERRY_VERB_HEAD, fixture.store, keys[0], HEAD);
  requests[PLAIN_HEAD] = of_store(BLOBFERRY_VERB_HEAD, fixture.store, keys[0], PLAIN_HEAD);
  requests[PLAIN_HEAD].options = &plain;
  requests[CREATE] = of_store(BLOBFERRY_VERB_PUT, fixture.store, keys[3], CREATE);
  requests[CREATE].options = &create;
  requests[DELETE] = of_store(BLOBFERRY_VERB_DELETE, fixture.store, "a/nothing", DELETE);
  requests[PAGE] = of_list(list, PAGE);
  must_submit_batch(fixture.cq, requests, MIXED);
  for (int i = 0; i < MIXED; i++) {
    blobferry_completion_t completion = wait_one(fixture.cq);
    check_mixed(&completion);
    if (completion.user_data < MIXED) seen[completion.user_data]++;
    dispose(&completion);
  }
  for (int i = 0; i < MIXED; i++) CHECK_INT(seen[i], 1);
  CHECK(pattern_is(memory.data, SIZE, 1, 0));
  check_keys(&fixture, "", "", "a/0\na/1\na/2\nb/3\nb/4\nb/5\n");
  blobferry_list_free(list);
  guarded_free(&memory);
  guarded_free(&small);
  fixture_free(&fixture);
}

static void mixed_verbs_in_memory(void) { mixed_verbs(in_memory()); }

static void mixed_verbs_in_a_folder(void) { mixed_verbs(in_folder()); }

/* More than are handed to a thread at once. */
static void thousands_of_requests(void) {
  enum { COUNT = 3000, BYTES = 100 };
  watch(__func__);
  blobferry_service_t *service = new_service();
  blobferry_store_t   *store = open_store(service, "memory://thousands");
  blobferry_cq_t      *cq = new_cq(service, COUNT, BLOBFERRY_WAKE_NONE);
  blobferry_request_t *requests = calloc(COUNT, sizeof *requests);
  uint8_t             *bytes = malloc(COUNT * BYTES);
  char(*names)[16] = malloc(COUNT * sizeof *names);
  pattern_fill(bytes, COUNT * BYTES, 7);
  for (uint64_t i = 0; i < COUNT; i++) {
    snprintf(names[i], sizeof *names, "%llu", (unsigned long long)i);
    requests[i] = with_buffer(of_store(BLOBFERRY_VERB_PUT, store, names[i], i), bytes + i * BYTES, BYTES);
  }
  for (int turn = 0; turn < 2; turn++) {
    must_submit_batch(cq, requests, COUNT);
    uint8_t *seen = calloc(COUNT, 1);
    for (int i = 0; i < COUNT; i++) {
      blobferry_completion_t completion = wait_one(cq);
      CHECK_STATUS(completion.status, BLOBFERRY_OK);
      CHECK_INT(completion.result, BYTES);
      CHECK(completion.user_data < COUNT && seen[completion.user_data]++ == 0);
      dispose(&completion);
    }
    free(seen);
    CHECK(pattern_is(bytes, COUNT * BYTES, 7, 0));
    /* Then all of them back. */
    memset(bytes, 0, turn == 0 ? COUNT * BYTES : 0);
    for (uint64_t i = 0; i < COUNT; i++) requests[i].verb = BLOBFERRY_VERB_GET;
  }
  free(names);
  free(bytes);
  free(requests);
  blobferry_store_free(store);
  blobferry_cq_free(cq);
  blobferry_service_free(service);
}

/* One thread, one at a time: then nothing hides the order in which they are begun, which is that of the array. */
static void requests_are_begun_in_their_order(void) {
  enum { COUNT = 600 };
  watch(__func__);
  blobferry_service_options_t options = BLOBFERRY_SERVICE_OPTIONS_INIT;
  blobferry_service_t        *service = NULL;
  options.io_threads = options.max_requests_in_flight = 1;
  must(blobferry_service_new(&options, &service, NULL), NULL, "blobferry_service_new");
  blobferry_store_t  *store = open_store(service, "memory://order");
  blobferry_cq_t     *cq = new_cq(service, COUNT, BLOBFERRY_WAKE_NONE);
  blobferry_request_t requests[COUNT];
  for (uint64_t i = 0; i < COUNT; i++) requests[i] = a_ping(store, i);
  must_submit_batch(cq, requests, COUNT);
  for (uint64_t i = 0; i < COUNT; i++) {
    blobferry_completion_t completion = wait_one(cq);
    check_ping(&completion, i);
  }
  blobferry_store_free(store);
  blobferry_cq_free(cq);
  blobferry_service_free(service);
}

/* -- what is refused ----------------------------------------------------------------------------------------- */

static void nothing_is_asked_with_no_elements(void) {
  fixture_t fixture = in_memory();
  size_t    accepted = 99;
  CHECK_STATUS(blobferry_cq_submit(fixture.cq, NULL, 0, &accepted, NULL), BLOBFERRY_OK);
  CHECK_INT(accepted, 0);
  CHECK_STATUS(blobferry_cq_submit(fixture.cq, NULL, 0, NULL, NULL), BLOBFERRY_OK);
  expect_nothing(fixture.cq, 0);
  fixture_free(&fixture);
}

static void a_wrong_call_touches_no_element(void) {
  fixture_t           fixture = in_memory();
  blobferry_request_t request = a_ping(fixture.store, 0), before = request;
  blobferry_error_t  *error = NULL;
  size_t              accepted = 99;
  CHECK_STATUS(blobferry_cq_submit(NULL, &request, 1, &accepted, &error), BLOBFERRY_E_ARGUMENT);
  check_error(error, BLOBFERRY_E_ARGUMENT, "cq");
  CHECK_STATUS(blobferry_cq_submit(fixture.cq, NULL, 1, &accepted, &error), BLOBFERRY_E_ARGUMENT);
  check_error(error, BLOBFERRY_E_ARGUMENT, "requests");
  CHECK_STATUS(blobferry_cq_submit(fixture.cq, &request, SIZE_MAX, &accepted, &error), BLOBFERRY_E_ARGUMENT);
  check_error(error, BLOBFERRY_E_ARGUMENT, "requests");
  CHECK_INT(accepted, 99);
  CHECK(memcmp(&request, &before, sizeof request) == 0);
  expect_nothing(fixture.cq, 0);
  fixture_free(&fixture);
}

static void refused_ones_in_the_middle_stop_nobody(void) {
  enum { COUNT = 13 };
  fixture_t                fixture = in_memory(), other = in_memory();
  uint8_t                  byte = 0;
  blobferry_get_options_t  wrong_size = BLOBFERRY_GET_OPTIONS_INIT, wrong_flags = BLOBFERRY_GET_OPTIONS_INIT;
  blobferry_request_t      requests[COUNT];
  uint64_t                 good = 0;
  for (uint64_t i = 0; i < COUNT; i++) requests[i] = a_ping(fixture.store, i);
  wrong_size.struct_size = 3;
  wrong_flags.flags = 0x80000000u;
  requests[1].handle = NULL;
  requests[2].key = NULL;
  requests[3].key = "a//b";
  requests[4].key = "\xff";
  requests[5].buffer_size = 1;
  requests[6] = with_buffer(requests[6], &byte, SIZE_MAX);
  requests[7].options = &wrong_size;
  requests[8].options = &wrong_flags;
  requests[9].handle = other.store;
  requests[10].verb = 0;
  requests[11].flags = 1;
  CHECK_INT(submit_batch(fixture.cq, requests, COUNT), 2);
  check_refused(&requests[1], BLOBFERRY_E_ARGUMENT, "store");
  check_refused(&requests[2], BLOBFERRY_E_ARGUMENT, "key");
  check_refused(&requests[3], BLOBFERRY_E_ARGUMENT, "a//b");
  check_refused(&requests[4], BLOBFERRY_E_ARGUMENT, "UTF-8");
  check_refused(&requests[5], BLOBFERRY_E_ARGUMENT, "buffer");
  check_refused(&requests[6], BLOBFERRY_E_ARGUMENT, "buffer_size");
  check_refused(&requests[7], BLOBFERRY_E_ARGUMENT, "struct_size");
  check_refused(&requests[8], BLOBFERRY_E_ARGUMENT, "options.flags");
  check_refused(&requests[9], BLOBFERRY_E_ARGUMENT, "service");
  check_refused(&requests[10], BLOBFERRY_E_ARGUMENT, "verb");
  check_refused(&requests[11], BLOBFERRY_E_ARGUMENT, "flags");
  for (int i = 0; i < 2; i++) {
    blobferry_completion_t completion = wait_one(fixture.cq);
    good |= 1u << completion.user_data;
    dispose(&completion);
  }
  CHECK_INT(good, 1u << 0 | 1u << 12);
  expect_nothing(fixture.cq, 20);
  CHECK_INT(live_leases(), 0);
  fixture_free(&fixture);
  fixture_free(&other);
}

/* What an element is refused with, its verb's own function says, too. */
static void a_refusal_is_that_of_the_verbs_own_function(void) {
  fixture_t fixture = in_memory();
  char      long_key[2000];
  memset(long_key, 'k', sizeof long_key);
  long_key[sizeof long_key - 1] = '\0';
  const char *const wrong[] = {"", "/", "a/", "/a", "a//b", ".", "a/../b", "\xc3", long_key};
  for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++) {
    blobferry_request_t    request = of_store(BLOBFERRY_VERB_HEAD, fixture.store, wrong[i], 1);
    blobferry_completion_t own = head(&fixture, wrong[i]);
    size_t                 accepted = submit_batch(fixture.cq, &request, 1);
    CHECK_INT(accepted, !refused(&own));
    if (refused(&own)) {
      CHECK_STATUS(request.status, own.status);
      CHECK_TEXT(blobferry_error_message(request.error), blobferry_error_message(own.error));
      blobferry_error_free(request.error);
    } else {
      expect(fixture.cq, own.status, 1);
    }
    dispose(&own);
  }
  fixture_free(&fixture);
}

TESTS(TEST(mixed_verbs_in_memory), TEST(mixed_verbs_in_a_folder), TEST(thousands_of_requests),
      TEST(requests_are_begun_in_their_order), TEST(nothing_is_asked_with_no_elements),
      TEST(a_wrong_call_touches_no_element), TEST(refused_ones_in_the_middle_stop_nobody),
      TEST(a_refusal_is_that_of_the_verbs_own_function))
