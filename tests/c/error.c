/*
 * Errors: what they answer, what their messages say, and that they live on their
 * own. The names of the statuses are checked against base.h: BLOBFERRY_INCLUDE
 * names the folder that holds blobferry.h (without it, include).
 */
#include "folder.h"
#include "verbs.h"

static void no_error_answers_as_if_nothing_had_gone_wrong(void) {
  CHECK_STATUS(blobferry_error_status(NULL), BLOBFERRY_OK);
  CHECK_TEXT(blobferry_error_message(NULL), "");
  CHECK_INT(blobferry_error_http_status(NULL), 0);
  CHECK(blobferry_error_request_id(NULL) == NULL);
  CHECK_INT(blobferry_error_attempts(NULL), 0);
  CHECK_INT(blobferry_error_is_retryable(NULL), 0);
  CHECK_INT(blobferry_error_is_maybe_committed(NULL), 0);
  blobferry_error_free(NULL);
}

static void every_status_of_the_header_has_its_name(void) {
  const char *include = getenv("BLOBFERRY_INCLUDE");
  char        path[512], line[512], name[64];
  int         seen[200] = {0}, count = 0, number = 0;
  snprintf(path, sizeof path, "%s/blobferry/base.h", include && *include ? include : "include");
  FILE *header = fopen(path, "r");
  must_work(header != NULL, path);
  while (fgets(line, sizeof line, header) != NULL) {
    if (sscanf(line, "#define %63s (-%d)", name, &number) != 2 || strstr(name, "BLOBFERRY_E_") != name) continue;
    CHECK_TEXT(blobferry_status_name(-number), name);
    if (number < 200 && seen[number]++ > 0) FAIL("%s has a number that another status has", name);
    count++;
  }
  fclose(header);
  CHECK(count > 20);
  CHECK_TEXT(blobferry_status_name(BLOBFERRY_OK), "BLOBFERRY_OK");
  CHECK_TEXT(blobferry_status_name(1), "BLOBFERRY_E_UNKNOWN");
  CHECK_TEXT(blobferry_status_name(-99), "BLOBFERRY_E_UNKNOWN");
  CHECK_TEXT(blobferry_status_name(-100000), "BLOBFERRY_E_UNKNOWN");
}

/* -- messages ----------------------------------------------------------------------------------------- */

static bool is_utf8(const char *text) {
  for (const unsigned char *at = (const unsigned char *)text; *at;) {
    int more = *at < 0x80 ? 0 : *at >= 0xC2 && *at < 0xE0 ? 1 : *at >= 0xE0 && *at < 0xF0 ? 2 : *at < 0xF5 ? 3 : -1;
    if (more < 0 || (more == 3 && *at < 0xF0)) return false;
    for (at++; more > 0; more--, at++)
      if ((*at & 0xC0) != 0x80) return false;
  }
  return true;
}

/* A sentence that names the verb, the key and, in the words `happened`, what became of it. */
static void check_message(blobferry_completion_t completion, blobferry_status_t status, const char *verb,
                          const char *key, const char *happened) {
  const char *message = blobferry_error_message(completion.error);
  const char *parts[] = {verb, key, happened};
  CHECK_STATUS(completion.status, status);
  CHECK_STATUS(blobferry_error_status(completion.error), status);
  for (int i = 0; i < 3; i++)
    if (strstr(message, parts[i]) == NULL) FAIL("\"%s\" does not say \"%s\"", message, parts[i]);
  if (strlen(message) < 20 || !is_utf8(message)) FAIL("\"%s\" is no sentence", message);
  for (const char *byte = message; *byte; byte++)
    if ((unsigned char)*byte < 0x20 || *byte == 0x7F) FAIL("\"%s\" has a control character", message);
  CHECK_INT(blobferry_error_http_status(completion.error), 0);
  CHECK(blobferry_error_request_id(completion.error) == NULL);
  CHECK_INT(blobferry_error_is_maybe_committed(completion.error), 0);
  CHECK_INT(completion.flags, 0);
  dispose(&completion);
}

static void messages_say_what_was_asked_and_what_happened(void) {
  fixture_t               fixtures[] = {in_memory(), in_folder()};
  blobferry_put_options_t create = BLOBFERRY_PUT_OPTIONS_INIT;
  create.mode = BLOBFERRY_PUT_CREATE;
  for (int i = 0; i < 2; i++) {
    const fixture_t *fixture = &fixtures[i];
    must_put(fixture, "here/object", 1000, 1);
    check_message(get(fixture, "reports/2024.csv"), BLOBFERRY_E_NOT_FOUND, "get", "reports/2024.csv", "no such");
    check_message(head(fixture, "reports/2024.csv"), BLOBFERRY_E_NOT_FOUND, "head", "reports/2024.csv", "no such");
    check_message(put_with(fixture, "here/object", 10, 2, &create), BLOBFERRY_E_EXISTS, "put", "here/object", "exists");
    check_message(get(fixture, "here/object"), BLOBFERRY_E_TOO_SMALL, "get", "here/object", "1000");
    check_message(get(fixture, "a//b"), BLOBFERRY_E_ARGUMENT, "get", "a//b", "//");
    check_message(put(fixture, "a/../b", 10, 1), BLOBFERRY_E_ARGUMENT, "put", "a/../b", "..");
    check_message(delete(fixture, ""), BLOBFERRY_E_ARGUMENT, "delete", "", "key");
    fixture_free(&fixtures[i]);
  }
}

static void a_message_says_the_range_and_the_size(void) {
  fixture_t               fixture = in_memory();
  blobferry_get_options_t options = BLOBFERRY_GET_OPTIONS_INIT;
  options.offset = 123456;
  must_put(&fixture, "object", 777, 1);
  got_t got = get_with(&fixture, "object", 10, &options);
  CHECK(strstr(blobferry_error_message(got.completion.error), "123456") != NULL);
  check_message(got.completion, BLOBFERRY_E_RANGE, "get", "object", "777");
  guarded_free(&got.memory);
  fixture_free(&fixture);
}

static void a_message_is_one_line_of_text_whatever_the_key(void) {
  static const char *const keys[] = {"a\nb",  "a\r\nb", "\x01", "\x1b[31mred", "a\x7f", "\xc2\x85next",
                                     "%s%n%s", "`quoted`", "\"quoted\"", "{}{0}"};
  fixture_t fixture = in_memory();
  for (size_t i = 0; i < sizeof keys / sizeof keys[0]; i++)
    check_message(get(&fixture, keys[i]), BLOBFERRY_E_NOT_FOUND, "get", "", "no such");
  char long_key[4096];
  memset(long_key, 'x', sizeof long_key);
  long_key[4095] = '\0';
  check_message(get(&fixture, long_key), BLOBFERRY_E_NOT_FOUND, "get", "xxxx", "no such");
  check_message(get(&fixture, "bad\xff"), BLOBFERRY_E_ARGUMENT, "key", "", "UTF-8");
  fixture_free(&fixture);
}

/* -- fields --------------------------------------------------------------------------------------------- */

static void what_can_succeed_unchanged_is_retryable(void) {
  fixture_t fixture = in_memory();
  blobferry_completion_t completion = get(&fixture, "missing");
  CHECK_INT(blobferry_error_is_retryable(completion.error), 0);
  dispose(&completion);
  completion = get(&fixture, "a//b");
  CHECK_INT(blobferry_error_is_retryable(completion.error), 0);
  dispose(&completion);
  blobferry_cq_t    *narrow = new_cq(fixture.service, 1, BLOBFERRY_WAKE_NONE);
  blobferry_error_t *error = NULL;
  must_ping(fixture.store, narrow, 1);
  CHECK_STATUS(blobferry_object_head(fixture.store, narrow, "a", NULL, 0, NULL, &error), BLOBFERRY_E_BUSY);
  CHECK_INT(blobferry_error_is_retryable(error), 1);
  CHECK_INT(blobferry_error_attempts(error), 0);
  check_error(error, BLOBFERRY_E_BUSY, "");
  completion = wait_one(narrow);
  check_ping(&completion, 1);
  blobferry_cq_free(narrow);
  fixture_free(&fixture);
}

static void attempts_are_counted(void) {
  fixture_t              fixture = in_memory();
  blobferry_completion_t completion = get(&fixture, "missing");
  CHECK_INT(blobferry_error_attempts(completion.error), 1);
  dispose(&completion);
  completion = get(&fixture, "a//b"); /* refused: it was never tried */
  CHECK_INT(blobferry_error_attempts(completion.error), 0);
  dispose(&completion);
  fixture_free(&fixture);
}

/* Only one request may run and that one never ends: the next is cancelled before it began. */
static void a_request_cancelled_before_it_began_has_no_attempt(void) {
  fixture_t fixture;
  memset(&fixture, 0, sizeof fixture);
  fixture.service = new_service_with(0, 1);
  fixture.cq = new_cq(fixture.service, 4, BLOBFERRY_WAKE_NONE);
  fixture.store = open_store(fixture.service, "fault://test");
  request_t          blocker = {VERB_HEAD, "never", NULL, 0, NULL, 0, 1};
  request_t          second = {VERB_HEAD, "a", NULL, 0, NULL, 0, 2};
  blobferry_ticket_t first = must_submit(&blocker, fixture.store, fixture.cq);
  await_in_flight(fixture.service, 1);
  must_cancel(fixture.cq, must_submit(&second, fixture.store, fixture.cq));
  blobferry_completion_t completion = wait_one(fixture.cq);
  CHECK_INT(completion.user_data, 2);
  CHECK_INT(blobferry_error_attempts(completion.error), 0);
  check_message(completion, BLOBFERRY_E_CANCELLED, "head", "", "cancel");
  must_cancel(fixture.cq, first);
  completion = wait_one(fixture.cq);
  CHECK_INT(completion.user_data, 1);
  check_message(completion, BLOBFERRY_E_CANCELLED, "head", "never", "cancel");
  fixture_free(&fixture);
}

static void a_late_request_says_so(void) {
  fixture_t                fixture = with_url("fault://test", NULL, 0);
  blobferry_head_options_t options = BLOBFERRY_HEAD_OPTIONS_INIT;
  options.timeout_ms = 20;
  must(blobferry_object_head(fixture.store, fixture.cq, "never", &options, 0, NULL, NULL), NULL, "head");
  check_message(wait_one(fixture.cq), BLOBFERRY_E_DEADLINE, "head", "never", "deadline");
  fixture_free(&fixture);
}

static void a_panic_asks_to_be_reported(void) {
  fixture_t fixture = with_url("fault://test", NULL, 0);
  check_message(get(&fixture, "panic-in-poll"), BLOBFERRY_E_PANIC, "get", "panic-in-poll", "report");
  must_put(&fixture, "a", 10, 1);
  check_object(&fixture, "a", 10, 1);
  fixture_free(&fixture);
}

/* -- life ------------------------------------------------------------------------------------------------- */

static void an_error_outlives_its_service(void) {
  fixture_t              fixture = in_folder();
  blobferry_completion_t completion = get(&fixture, "missing/object"), refusal = get(&fixture, "a//b");
  char                  *message = strdup(blobferry_error_message(completion.error));
  fixture_free(&fixture);
  CHECK_TEXT(blobferry_error_message(completion.error), message);
  CHECK(strstr(message, "missing/object") != NULL);
  CHECK(strstr(blobferry_error_message(refusal.error), "a//b") != NULL);
  free(message);
  dispose(&completion);
  dispose(&refusal);
}

static void *look_and_free(void *argument) {
  blobferry_error_t *error = argument;
  CHECK_STATUS(blobferry_error_status(error), BLOBFERRY_E_NOT_FOUND);
  CHECK(strstr(blobferry_error_message(error), "missing") != NULL);
  blobferry_error_free(error);
  return NULL;
}

static void an_error_moves_between_threads(void) {
  fixture_t fixture = in_memory();
  pthread_t threads[8];
  for (int i = 0; i < 8; i++) {
    blobferry_completion_t completion = get(&fixture, "missing");
    must_work(pthread_create(&threads[i], NULL, look_and_free, completion.error) == 0, "pthread_create");
  }
  for (int i = 0; i < 8; i++) pthread_join(threads[i], NULL);
  fixture_free(&fixture);
}

static void a_live_error_is_counted(void) {
  blobferry_live_counts_t counts = BLOBFERRY_LIVE_COUNTS_INIT;
  blobferry_error_t      *error = NULL;
  CHECK_STATUS(blobferry_service_new(NULL, NULL, &error), BLOBFERRY_E_ARGUMENT);
  CHECK_STATUS(blobferry_live_counts(&counts), BLOBFERRY_OK);
  CHECK_INT(counts.handles, 1);
  blobferry_error_free(error);
  CHECK_STATUS(blobferry_live_counts(&counts), BLOBFERRY_OK);
  CHECK_INT(counts.handles, 0);
}

TESTS(TEST(no_error_answers_as_if_nothing_had_gone_wrong), TEST(every_status_of_the_header_has_its_name),
      TEST(messages_say_what_was_asked_and_what_happened), TEST(a_message_says_the_range_and_the_size),
      TEST(a_message_is_one_line_of_text_whatever_the_key), TEST(what_can_succeed_unchanged_is_retryable),
      TEST(attempts_are_counted), TEST(a_request_cancelled_before_it_began_has_no_attempt),
      TEST(a_late_request_says_so), TEST(a_panic_asks_to_be_reported), TEST(an_error_outlives_its_service),
      TEST(an_error_moves_between_threads), TEST(a_live_error_is_counted))
