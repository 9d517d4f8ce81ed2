/*
 * Deletes of many objects on memory:// and file://: each key has its own outcome, in
 * the order given, whatever becomes of the others and of the request.
 */
#include "folder.h"
#include "verbs.h"

/* Some keys, owned. */
typedef struct keys {
  char **texts;
  size_t count;
} keys_t;

static keys_t keys_new(const char *format, size_t count) {
  keys_t keys = {malloc(count * sizeof(char *)), count};
  for (size_t i = 0; i < count; i++) must_work(asprintf(&keys.texts[i], format, i) > 0, format);
  return keys;
}

static void keys_free(keys_t *keys) {
  for (size_t i = 0; i < keys->count; i++) free(keys->texts[i]);
  free(keys->texts);
}

static blobferry_report_t *new_report(const blobferry_report_options_t *options) {
  blobferry_report_t *report = NULL;
  blobferry_error_t  *error = NULL;
  blobferry_status_t  status = blobferry_report_new(options, &report, &error);
  must(status, error, "blobferry_report_new");
  return report;
}

static blobferry_completion_t delete_many(const fixture_t *fixture, const char *const *keys, size_t count,
                                          blobferry_report_t *report) {
  blobferry_error_t *error = NULL;
  blobferry_status_t submitted =
      blobferry_object_delete_many(fixture->store, fixture->cq, keys, count, NULL, report, 5, NULL, &error);
  return outcome_of(fixture, submitted, error);
}

static void on_both(void (*test)(const fixture_t *)) {
  fixture_t fixture = in_memory();
  test(&fixture);
  fixture_free(&fixture);
  fixture = in_folder();
  test(&fixture);
  fixture_free(&fixture);
}

static void check_progress(const blobferry_report_t *report, uint64_t found, uint64_t done, uint64_t failed) {
  blobferry_progress_t progress = BLOBFERRY_PROGRESS_INIT;
  CHECK_STATUS(blobferry_report_progress(report, &progress), BLOBFERRY_OK);
  CHECK_INT(progress.objects_found, found);
  CHECK_INT(progress.objects_done, done);
  CHECK_INT(progress.objects_failed, failed);
  CHECK_INT(progress.objects_skipped, 0);
  CHECK_INT(progress.bytes_found, 0);
  CHECK_INT(progress.is_listing_done, 1);
}

/* -- what it does ----------------------------------------------------------------------------------------- */

static void delete_some(const fixture_t *fixture) {
  static const char *const keys[] = {"b", "none", "a/b", "a/c"};
  must_put(fixture, "a/b", 10, 1);
  must_put(fixture, "a/c", 10, 1);
  must_put(fixture, "b", 10, 1);
  must_put(fixture, "c", 10, 1);
  blobferry_report_t    *report = new_report(NULL);
  blobferry_completion_t completion = delete_many(fixture, keys, 4, report);
  size_t                 count = 0;
  CHECK_INT(completion.result, 4);
  CHECK_INT(completion.user_data, 5);
  CHECK_INT(completion.flags, 0);
  check_outcome(completion, BLOBFERRY_OK, "");
  const blobferry_outcome_t *outcomes = blobferry_report_outcomes(report, &count);
  CHECK_INT(count, 4);
  for (size_t i = 0; i < count; i++) {
    CHECK_TEXT(outcomes[i].key, keys[i]);
    CHECK_INT(outcomes[i].key_size, strlen(keys[i]));
    CHECK_STATUS(outcomes[i].status, BLOBFERRY_OK);
    CHECK_INT(outcomes[i].flags, 0);
    CHECK(outcomes[i].error == NULL);
  }
  check_progress(report, 4, 4, 0);
  check_keys(fixture, "", "", "c\n");
  /* Once more, and without a report: what is not there is deleted already. */
  completion = delete_many(fixture, keys, 4, NULL);
  CHECK_INT(completion.result, 4);
  check_outcome(completion, BLOBFERRY_OK, "");
  completion = delete_many(fixture, NULL, 0, NULL);
  CHECK_INT(completion.result, 0);
  check_outcome(completion, BLOBFERRY_OK, "");
  check_keys(fixture, "", "", "c\n");
  blobferry_report_free(report);
}

static void each_key_is_deleted(void) { on_both(delete_some); }

static void delete_ten_thousand(const fixture_t *fixture) {
  enum { MANY = 10000, THERE = 500 };
  keys_t                     keys = keys_new("k/%zu", MANY);
  blobferry_report_options_t options = BLOBFERRY_REPORT_OPTIONS_INIT;
  size_t                     count = 0;
  for (size_t i = 0; i < THERE; i++) must_put(fixture, keys.texts[i * (MANY / THERE)], 1, i);
  must_put(fixture, "k/other", 1, 1);
  blobferry_report_t    *report = new_report(&options);
  blobferry_completion_t completion = delete_many(fixture, (const char *const *)keys.texts, MANY, report);
  CHECK_INT(completion.result, MANY);
  check_outcome(completion, BLOBFERRY_OK, "");
  const blobferry_outcome_t *outcomes = blobferry_report_outcomes(report, &count);
  CHECK_INT(count, MANY);
  for (size_t i = 0; i < count && !atomic_load(&failures_in_test); i++) CHECK_TEXT(outcomes[i].key, keys.texts[i]);
  check_progress(report, MANY, MANY, 0);
  check_keys(fixture, "", "", "k/other\n");
  blobferry_report_free(report);
  keys_free(&keys);
}

static void ten_thousand_keys_have_ten_thousand_outcomes(void) { on_both(delete_ten_thousand); }

/* -- what fails ------------------------------------------------------------------------------------------- */

/* A link that leads out is no way to delete what is there: this one fails, and the others do not. */
static void one_that_fails_does_not_keep_the_others(void) {
  static const char *const keys[] = {"a", "out/secret", "b", "out/other"};
  fixture_t                fixture = in_folder();
  char                     outside[256];
  size_t                   count = 0;
  make_folder(outside);
  write_file(outside, "secret", 10, 9);
  make_link(outside, fixture.folder, "out");
  must_put(&fixture, "a", 1, 1);
  must_put(&fixture, "b", 1, 1);
  blobferry_report_t    *report = new_report(NULL);
  blobferry_completion_t completion = delete_many(&fixture, keys, 4, report);
  CHECK_INT(completion.result, 2);
  CHECK_INT(completion.flags, 0);
  CHECK(strstr(blobferry_error_message(completion.error), "2 of 4") != NULL);
  check_outcome(completion, BLOBFERRY_E_PERMISSION, "out/secret");
  const blobferry_outcome_t *outcomes = blobferry_report_outcomes(report, &count);
  CHECK_INT(count, 4);
  for (size_t i = 0; i < count; i++) {
    CHECK_TEXT(outcomes[i].key, keys[i]);
    CHECK_STATUS(outcomes[i].status, i % 2 == 0 ? BLOBFERRY_OK : BLOBFERRY_E_PERMISSION);
    CHECK_STATUS(blobferry_error_status(outcomes[i].error), outcomes[i].status);
  }
  check_progress(report, 4, 2, 2);
  check_tree(fixture.folder, "out\n");
  CHECK(file_is(outside, "secret", 10, 9));
  blobferry_report_free(report);
  remove_tree(outside);
  fixture_free(&fixture);
}

static void refusals(const fixture_t *fixture) {
  static const char *const twice[] = {"a", "b", "a"};
  static const char *const no_key[] = {"a", "b//c"};
  static const char *const null_key[] = {"a", NULL};
  static const char *const no_text[] = {"a", "b", "\xff"};
  static const char *const good[] = {"b"};
  blobferry_delete_options_t options = BLOBFERRY_DELETE_OPTIONS_INIT;
  blobferry_error_t         *error = NULL;
  size_t                     count = 0;
  must_put(fixture, "a", 1, 1);
  blobferry_report_t *report = new_report(NULL);
  check_refusal(delete_many(fixture, twice, 3, report), BLOBFERRY_E_ARGUMENT, "`a` is given twice");
  check_refusal(delete_many(fixture, no_key, 2, report), BLOBFERRY_E_ARGUMENT, "keys[1]");
  check_refusal(delete_many(fixture, null_key, 2, report), BLOBFERRY_E_ARGUMENT, "`keys[1]` is NULL");
  check_refusal(delete_many(fixture, no_text, 3, report), BLOBFERRY_E_ARGUMENT, "keys[2]");
  check_refusal(delete_many(fixture, NULL, 1, report), BLOBFERRY_E_ARGUMENT, "`keys` is NULL");
  check_refusal(delete_many(fixture, good, BLOBFERRY_DELETE_MANY_MAX + 1, report), BLOBFERRY_E_ARGUMENT, "1000001");
  options.flags = 1;
  CHECK_STATUS(blobferry_object_delete_many(fixture->store, fixture->cq, good, 1, &options, report, 0, NULL, &error),
               BLOBFERRY_E_ARGUMENT);
  check_error(error, BLOBFERRY_E_ARGUMENT, "flags");
  CHECK(blobferry_report_outcomes(report, &count) == NULL);
  check_keys(fixture, "", "", "a\n");
  /* A report of refused requests is as new; one that was used is not. */
  check_outcome(delete_many(fixture, good, 1, report), BLOBFERRY_OK, "");
  CHECK(blobferry_report_outcomes(report, &count) != NULL);
  CHECK_INT(count, 1);
  check_progress(report, 1, 1, 0);
  check_refusal(delete_many(fixture, good, 1, report), BLOBFERRY_E_ARGUMENT, "report");
  blobferry_report_free(report);
}

static void bad_arguments_change_nothing(void) { on_both(refusals); }

/* A queue without a credit refuses: the report is as new. */
static void a_refused_request_has_not_used_its_report(void) {
  static const char *const keys[] = {"a", "b"};
  blobferry_service_t     *service = new_service();
  blobferry_cq_t          *cq = new_cq(service, 1, BLOBFERRY_WAKE_NONE);
  blobferry_store_t       *store = open_store(service, "fault://test");
  blobferry_report_t      *report = new_report(NULL);
  blobferry_ticket_t       ticket = 0;
  size_t                   count = 0;
  must(blobferry_object_head(store, cq, "never", NULL, 0, &ticket, NULL), NULL, "head");
  CHECK_STATUS(blobferry_object_delete_many(store, cq, keys, 2, NULL, report, 0, NULL, NULL), BLOBFERRY_E_BUSY);
  blobferry_progress_t progress = BLOBFERRY_PROGRESS_INIT;
  CHECK_STATUS(blobferry_report_progress(report, &progress), BLOBFERRY_OK);
  CHECK_INT(progress.objects_found, 0);
  CHECK_INT(progress.objects_failed, 0);
  blobferry_cq_cancel(cq, ticket, NULL);
  blobferry_completion_t completion = wait_one(cq);
  dispose(&completion);
  CHECK_STATUS(blobferry_object_delete_many(store, cq, keys, 2, NULL, report, 0, NULL, NULL), BLOBFERRY_OK);
  completion = wait_one(cq);
  CHECK_STATUS(completion.status, BLOBFERRY_OK);
  dispose(&completion);
  check_progress(report, 2, 2, 0);
  CHECK(blobferry_report_outcomes(report, &count) != NULL);
  CHECK_INT(count, 2);
  blobferry_report_free(report);
  blobferry_store_free(store);
  blobferry_cq_free(cq);
  blobferry_service_free(service);
}

/* -- cancel ----------------------------------------------------------------------------------------------- */

/* What the outcomes say is so: deleted are those that say it, and no others. */
static void check_told(const fixture_t *fixture, const keys_t *keys, blobferry_report_t *report,
                       blobferry_status_t of_rest, size_t least) {
  size_t                     count = 0, deleted = 0;
  const blobferry_outcome_t *outcomes = blobferry_report_outcomes(report, &count);
  CHECK_INT(count, keys->count);
  for (size_t i = 0; i < count && !atomic_load(&failures_in_test); i++) {
    blobferry_completion_t known = head(fixture, keys->texts[i]);
    CHECK_TEXT(outcomes[i].key, keys->texts[i]);
    bool is_hold = strncmp(keys->texts[i], "hold-", 5) == 0;
    if (outcomes[i].status == BLOBFERRY_OK) {
      if (!is_hold) CHECK_STATUS(known.status, BLOBFERRY_E_NOT_FOUND);
      deleted++;
    } else {
      CHECK_STATUS(outcomes[i].status, of_rest);
      CHECK_INT(outcomes[i].flags, 0);
      if (!is_hold) CHECK_STATUS(known.status, BLOBFERRY_OK);
    }
    dispose(&known);
  }
  check_progress(report, keys->count, deleted, keys->count - deleted);
  CHECK(deleted >= least && deleted < keys->count);
}

/* Keys of which every 40th takes its time, so that the request is under way for a while; the others are there. */
static keys_t slow_keys(const fixture_t *fixture, size_t count) {
  keys_t keys = keys_new("key/%zu", count);
  for (size_t i = 0; i < count; i++) {
    if (i % 40 != 39) must_put(fixture, keys.texts[i], 1, i);
    else {
      free(keys.texts[i]);
      must_work(asprintf(&keys.texts[i], "hold-%zu", 30 + i / 40) > 0, "hold");
    }
  }
  return keys;
}

static void a_cancelled_request_tells_what_it_has_deleted(void) {
  fixture_t           fixture = with_url("fault://test", NULL, 0);
  keys_t              keys = slow_keys(&fixture, 800);
  blobferry_report_t *report = new_report(NULL);
  blobferry_ticket_t  ticket = 0;
  size_t              count = 0;
  must(blobferry_object_delete_many(fixture.store, fixture.cq, (const char *const *)keys.texts, keys.count, NULL, report,
                                    0, &ticket, NULL),
       NULL, "delete many");
  blobferry_progress_t progress = BLOBFERRY_PROGRESS_INIT;
  while (progress.objects_done < 30) CHECK_STATUS(blobferry_report_progress(report, &progress), BLOBFERRY_OK);
  CHECK(blobferry_report_outcomes(report, &count) == NULL);
  CHECK_STATUS(blobferry_cq_cancel(fixture.cq, ticket, NULL), BLOBFERRY_OK);
  blobferry_completion_t completion = wait_one(fixture.cq);
  CHECK_INT(completion.flags, BLOBFERRY_COMPLETION_MAYBE_COMMITTED);
  check_outcome(completion, BLOBFERRY_E_CANCELLED, "");
  check_told(&fixture, &keys, report, BLOBFERRY_E_CANCELLED, 30);
  blobferry_report_free(report);
  keys_free(&keys);
  fixture_free(&fixture);
}

static void a_late_request_tells_what_it_has_deleted(void) {
  fixture_t                  fixture = with_url("fault://test", NULL, 0);
  keys_t                     keys = slow_keys(&fixture, 800);
  blobferry_report_t        *report = new_report(NULL);
  blobferry_delete_options_t options = BLOBFERRY_DELETE_OPTIONS_INIT;
  options.timeout_ms = 45;
  must(blobferry_object_delete_many(fixture.store, fixture.cq, (const char *const *)keys.texts, keys.count, &options,
                                    report, 0, NULL, NULL),
       NULL, "delete many");
  check_outcome(wait_one(fixture.cq), BLOBFERRY_E_DEADLINE, "");
  check_told(&fixture, &keys, report, BLOBFERRY_E_DEADLINE, 0);
  blobferry_report_free(report);
  keys_free(&keys);
  fixture_free(&fixture);
}

/* The report may be freed, and the store, while the request is under way. */
static void the_request_holds_what_it_needs(void) {
  fixture_t           fixture = with_url("fault://test", NULL, 0);
  keys_t              keys = slow_keys(&fixture, 200);
  blobferry_report_t *report = new_report(NULL);
  must(blobferry_object_delete_many(fixture.store, fixture.cq, (const char *const *)keys.texts, keys.count, NULL, report,
                                    0, NULL, NULL),
       NULL, "delete many");
  keys_free(&keys);
  blobferry_report_free(report);
  blobferry_store_free(fixture.store);
  fixture.store = NULL;
  blobferry_completion_t completion = wait_one(fixture.cq);
  CHECK_INT(completion.result, 200);
  check_outcome(completion, BLOBFERRY_OK, "");
  fixture_free(&fixture);
}

TESTS(TEST(each_key_is_deleted), TEST(ten_thousand_keys_have_ten_thousand_outcomes),
      TEST(one_that_fails_does_not_keep_the_others), TEST(bad_arguments_change_nothing),
      TEST(a_refused_request_has_not_used_its_report), TEST(a_cancelled_request_tells_what_it_has_deleted),
      TEST(a_late_request_tells_what_it_has_deleted), TEST(the_request_holds_what_it_needs))
