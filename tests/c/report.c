/*
 * A report: what it tells before, during and after its request, how much it keeps,
 * and that it serves one request only. What deletes and folders put into it is in
 * delete_many.c and folder.c.
 */
#include "moving.h"

#include <sys/wait.h>

_Static_assert(sizeof(blobferry_outcome_t) == 64, "an outcome has 64 bytes for ever");

/* A folder of `good` files and as many FIFOs as `bad`, which fail. */
static void make_mixed(char *folder, int good, int bad) {
  make_folder(folder);
  for (int i = 0; i < good + bad; i++) {
    char name[32];
    snprintf(name, sizeof name, "%04d", i);
    if (i < good) write_file(folder, name, 100, (uint64_t)i);
    else must_work(mkfifo(path_in(folder, name), 0600) == 0, "mkfifo");
  }
}

static void check_untouched(blobferry_report_t *report) {
  blobferry_progress_t wanted = BLOBFERRY_PROGRESS_INIT, progress = progress_of(report);
  size_t               count = 99;
  CHECK(memcmp(&progress, &wanted, sizeof wanted) == 0);
  CHECK(blobferry_report_outcomes(report, &count) == NULL);
  CHECK_INT(count, 0);
}

static void a_new_report_has_nothing_to_tell(void) {
  blobferry_report_t *report = new_report(NULL);
  check_untouched(report);
  blobferry_report_free(report);
}

static void a_request_of_nothing_has_no_outcomes(void) {
  fixture_t fixture = in_memory();
  char      folder[256];
  make_folder(folder);
  moved_t moved = upload(&fixture, folder, "", 0);
  check_counts(&moved, 0, 0, 0);
  CHECK(moved.outcomes == NULL);
  CHECK_INT(moved.count, 0);
  moved_free(&moved);
  remove_tree(folder);
  fixture_free(&fixture);
}

static void no_more_outcomes_are_kept_than_asked_for(void) {
  fixture_t fixture = in_memory();
  char      folder[256];
  make_mixed(folder, 30, 20);
  static const struct {
    uint64_t most;
    uint32_t flags;
    size_t   kept;
  } cases[] = {{0, 0, 50}, {50, 0, 50}, {49, 0, 49}, {1, 0, 1}, {UINT64_MAX, 0, 50},
               {0, BLOBFERRY_REPORT_FAILURES_ONLY, 20}, {7, BLOBFERRY_REPORT_FAILURES_ONLY, 7}};
  for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
    blobferry_report_options_t options = BLOBFERRY_REPORT_OPTIONS_INIT;
    options.max_outcomes = cases[i].most;
    options.flags = cases[i].flags;
    moved_t moved = upload_with(&fixture, folder, "", NULL, &options);
    size_t  told = cases[i].flags ? 20 : 50;
    CHECK_INT(moved.count, cases[i].kept);
    CHECK_INT(moved.progress.outcomes_dropped, told - cases[i].kept);
    CHECK_INT(moved.progress.objects_done, 30);
    CHECK_INT(moved.progress.objects_failed, 20);
    CHECK_INT(moved.completion.result, 30);
    for (size_t at = 0; at < moved.count; at++) {
      if (cases[i].flags) CHECK_STATUS(moved.outcomes[at].status, BLOBFERRY_E_UNSUPPORTED);
      if (at > 0) CHECK(strcmp(moved.outcomes[at - 1].key, moved.outcomes[at].key) < 0);
    }
    moved_free(&moved);
  }
  remove_tree(folder);
  fixture_free(&fixture);
}

static void a_report_serves_one_request(void) {
  fixture_t          fixture = in_memory();
  blobferry_error_t *error = NULL;
  char               folder[256];
  make_mixed(folder, 3, 0);
  moved_t            moved = upload(&fixture, folder, "", 0);
  blobferry_status_t again =
      blobferry_folder_upload(fixture.store, fixture.cq, folder, "", NULL, moved.report, 0, NULL, &error);
  CHECK_STATUS(again, BLOBFERRY_E_ARGUMENT);
  check_error(error, BLOBFERRY_E_ARGUMENT, "another request");
  expect_nothing(fixture.cq, 0);
  /* What it told it tells still. */
  CHECK_INT(progress_of(moved.report).objects_done, 3);
  CHECK(blobferry_report_outcomes(moved.report, NULL) == moved.outcomes);
  check_counts(&moved, 3, 0, 0);
  moved_free(&moved);
  remove_tree(folder);
  fixture_free(&fixture);
}

static void a_refused_request_leaves_it_new(void) {
  fixture_t           fixture = in_memory();
  blobferry_report_t *report = new_report(NULL);
  blobferry_cq_t     *full = new_cq(fixture.service, 1, BLOBFERRY_WAKE_NONE);
  char                folder[256];
  make_mixed(folder, 3, 0);
  must_ping(fixture.store, full, 1);
  CHECK_STATUS(blobferry_folder_upload(fixture.store, full, folder, "", NULL, report, 0, NULL, NULL),
               BLOBFERRY_E_BUSY);
  check_untouched(report);
  CHECK_STATUS(blobferry_folder_upload(fixture.store, fixture.cq, folder, "/", NULL, report, 0, NULL, NULL),
               BLOBFERRY_E_ARGUMENT);
  CHECK_STATUS(blobferry_folder_upload(fixture.store, NULL, folder, "", NULL, report, 0, NULL, NULL),
               BLOBFERRY_E_ARGUMENT);
  CHECK_STATUS(blobferry_cq_close(full, NULL), BLOBFERRY_OK);
  CHECK_STATUS(blobferry_folder_download(fixture.store, full, "", folder, NULL, report, 0, NULL, NULL),
               BLOBFERRY_E_CLOSED);
  check_untouched(report);
  CHECK_STATUS(blobferry_folder_upload(fixture.store, fixture.cq, folder, "", NULL, report, 2, NULL, NULL),
               BLOBFERRY_OK);
  expect(fixture.cq, BLOBFERRY_OK, 2);
  CHECK_INT(progress_of(report).objects_done, 3);
  blobferry_report_free(report);
  blobferry_cq_free(full);
  remove_tree(folder);
  fixture_free(&fixture);
}

static void a_request_needs_no_report(void) {
  fixture_t fixture = in_memory();
  char      folder[256];
  make_mixed(folder, 2, 1);
  CHECK_STATUS(blobferry_folder_upload(fixture.store, fixture.cq, folder, "", NULL, NULL, 9, NULL, NULL), BLOBFERRY_OK);
  blobferry_completion_t completion = wait_one(fixture.cq);
  CHECK_INT(completion.result, 2);
  check_outcome(completion, BLOBFERRY_E_UNSUPPORTED, "1 of 3 objects failed; the first, `0002`: ");
  remove_tree(folder);
  fixture_free(&fixture);
}

static void the_request_holds_its_own_reference(void) {
  fixture_t           fixture = in_memory();
  blobferry_report_t *report = new_report(NULL);
  char                folder[256];
  make_mixed(folder, 50, 0);
  CHECK_STATUS(blobferry_folder_upload(fixture.store, fixture.cq, folder, "", NULL, report, 3, NULL, NULL),
               BLOBFERRY_OK);
  blobferry_report_free(report);
  expect(fixture.cq, BLOBFERRY_OK, 3);
  remove_tree(folder);
  fixture_free(&fixture);
}

static void what_it_told_outlives_the_service(void) {
  fixture_t fixture = in_memory();
  char      folder[256];
  make_mixed(folder, 1, 1);
  moved_t moved = upload(&fixture, folder, "", 0);
  dispose(&moved.completion);
  remove_tree(folder);
  fixture_free(&fixture);
  blobferry_outcome_t outcome = outcome_at(&moved, "0001");
  CHECK(strlen(blobferry_error_message(outcome.error)) > 10);
  CHECK(outcome_at(&moved, "0000").revision != NULL);
  CHECK_INT(progress_of(moved.report).objects_found, 2);
  blobferry_report_free(moved.report);
}

/* A child has the counts, and none of the outcomes; what it frees is its own copy. */
static void a_forked_child_has_no_outcomes(void) {
  fixture_t fixture = in_memory();
  char      folder[256];
  int       status = 0;
  make_mixed(folder, 2, 0);
  moved_t moved = upload(&fixture, folder, "", 0);
  pid_t   child = fork();
  if (child == 0) {
    size_t count = 99;
    bool   is_right = blobferry_report_outcomes(moved.report, &count) == NULL && count == 0;
    is_right = is_right && progress_of(moved.report).objects_done == 2;
    is_right = is_right && blobferry_folder_upload(fixture.store, fixture.cq, folder, "", NULL, NULL, 0, NULL, NULL) ==
                               BLOBFERRY_E_FORKED;
    blobferry_report_free(moved.report);
    leave_as_another(is_right);
  }
  CHECK(waitpid(child, &status, 0) == child && status == 0);
  CHECK_INT(moved.count, 2);
  moved_free(&moved);
  remove_tree(folder);
  fixture_free(&fixture);
}

static void *ask_all_the_time(void *argument) {
  blobferry_report_t  *report = argument;
  blobferry_progress_t last = BLOBFERRY_PROGRESS_INIT, now;
  for (bool is_over = false; !is_over;) {
    size_t count = 0;
    is_over = blobferry_report_outcomes(report, &count) != NULL;
    now = progress_of(report);
    uint64_t ended = now.objects_done + now.objects_skipped + now.objects_failed;
    CHECK(ended <= now.objects_found);
    CHECK(now.objects_done >= last.objects_done && now.objects_found >= last.objects_found);
    CHECK(now.bytes_done >= last.bytes_done && now.bytes_found >= last.bytes_found);
    CHECK(now.is_listing_done >= last.is_listing_done);
    if (is_over) CHECK_INT(now.objects_found, 400);
    last = now;
    sched_yield();
  }
  return NULL;
}

static void it_may_be_asked_by_any_thread_at_any_time(void) {
  fixture_t           fixture = in_memory();
  blobferry_report_t *report = new_report(NULL);
  pthread_t           threads[3];
  char                folder[256];
  make_mixed(folder, 300, 100);
  for (int i = 0; i < 3; i++)
    must_work(pthread_create(&threads[i], NULL, ask_all_the_time, report) == 0, "pthread_create");
  CHECK_STATUS(blobferry_folder_upload(fixture.store, fixture.cq, folder, "", NULL, report, 0, NULL, NULL),
               BLOBFERRY_OK);
  expect(fixture.cq, BLOBFERRY_E_UNSUPPORTED, 0);
  for (int i = 0; i < 3; i++) pthread_join(threads[i], NULL);
  blobferry_report_free(report);
  remove_tree(folder);
  fixture_free(&fixture);
}

TESTS(TEST(a_new_report_has_nothing_to_tell), TEST(a_request_of_nothing_has_no_outcomes),
      TEST(no_more_outcomes_are_kept_than_asked_for), TEST(a_report_serves_one_request),
      TEST(a_refused_request_leaves_it_new), TEST(a_request_needs_no_report),
      TEST(the_request_holds_its_own_reference), TEST(what_it_told_outlives_the_service),
      TEST(a_forked_child_has_no_outcomes),
      TEST(it_may_be_asked_by_any_thread_at_any_time))
