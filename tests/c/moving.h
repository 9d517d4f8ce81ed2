/*
 * Folders up and down in one line each, as verbs.h has it for one object: each call
 * submits a request with a report of its own and waits for its completion.
 */
#ifndef TESTS_C_MOVING_H
#define TESTS_C_MOVING_H

#include "folder.h"
#include "verbs.h"

/* What became of a request: its completion, its report, and what that tells. */
typedef struct moved {
  blobferry_completion_t     completion;
  blobferry_report_t        *report;
  blobferry_progress_t       progress;
  const blobferry_outcome_t *outcomes;
  size_t                     count;
} moved_t;

static inline blobferry_report_t *new_report(const blobferry_report_options_t *options) {
  blobferry_report_t *report = NULL;
  blobferry_error_t  *error = NULL;
  blobferry_status_t  status = blobferry_report_new(options, &report, &error);
  must(status, error, "blobferry_report_new");
  return report;
}

static inline blobferry_progress_t progress_of(const blobferry_report_t *report) {
  blobferry_progress_t progress = BLOBFERRY_PROGRESS_INIT;
  CHECK_STATUS(blobferry_report_progress(report, &progress), BLOBFERRY_OK);
  return progress;
}

static inline blobferry_folder_options_t folder_options(uint32_t flags) {
  blobferry_folder_options_t options = BLOBFERRY_FOLDER_OPTIONS_INIT;
  options.flags = flags;
  return options;
}

static inline moved_t moved_of(const fixture_t *fixture, blobferry_report_t *report, blobferry_status_t submitted,
                               blobferry_error_t *error) {
  moved_t moved;
  moved.completion = outcome_of(fixture, submitted, error);
  moved.report = report;
  moved.progress = progress_of(report);
  moved.outcomes = blobferry_report_outcomes(report, &moved.count);
  beat();
  return moved;
}

static inline moved_t upload_with(const fixture_t *fixture, const char *path, const char *prefix,
                                  const blobferry_folder_options_t *options,
                                  const blobferry_report_options_t *report_options) {
  blobferry_report_t *report = new_report(report_options);
  blobferry_error_t  *error = NULL;
  blobferry_status_t  submitted = blobferry_folder_upload(fixture->store, fixture->cq, path, prefix, options, report, 0,
                                                          NULL, &error);
  return moved_of(fixture, report, submitted, error);
}

static inline moved_t download_with(const fixture_t *fixture, const char *prefix, const char *path,
                                    const blobferry_folder_options_t *options,
                                    const blobferry_report_options_t *report_options) {
  blobferry_report_t *report = new_report(report_options);
  blobferry_error_t  *error = NULL;
  blobferry_status_t  submitted = blobferry_folder_download(fixture->store, fixture->cq, prefix, path, options, report,
                                                            0, NULL, &error);
  return moved_of(fixture, report, submitted, error);
}

static inline moved_t upload(const fixture_t *fixture, const char *path, const char *prefix, uint32_t flags) {
  blobferry_folder_options_t options = folder_options(flags);
  return upload_with(fixture, path, prefix, &options, NULL);
}

static inline moved_t download(const fixture_t *fixture, const char *prefix, const char *path, uint32_t flags) {
  blobferry_folder_options_t options = folder_options(flags);
  return download_with(fixture, prefix, path, &options, NULL);
}

static inline void moved_free(moved_t *moved) {
  dispose(&moved->completion);
  blobferry_report_free(moved->report);
}

/* The outcome of a key; an empty one where there is none. */
static inline blobferry_outcome_t outcome_at(const moved_t *moved, const char *key) {
  blobferry_outcome_t none;
  memset(&none, 0, sizeof none);
  for (size_t i = 0; i < moved->count; i++)
    if (strcmp(moved->outcomes[i].key, key) == 0) return moved->outcomes[i];
  FAIL("%s has no outcome", key);
  return none;
}

/* The key must have failed with this status, and its message say `part`. */
static inline void check_failed(const moved_t *moved, const char *key, blobferry_status_t status, const char *part) {
  blobferry_outcome_t outcome = outcome_at(moved, key);
  if (outcome.status != status)
    FAIL("%s: %s, wanted %s: %s", key, blobferry_status_name(outcome.status), blobferry_status_name(status),
         blobferry_error_message(outcome.error));
  CHECK_STATUS(blobferry_error_status(outcome.error), outcome.status);
  if (strstr(blobferry_error_message(outcome.error), part) == NULL)
    FAIL("%s: the message \"%s\" does not say \"%s\"", key, blobferry_error_message(outcome.error), part);
}

/* So many objects were moved, skipped and failed, and everything else says the same. */
static inline void check_counts(const moved_t *moved, size_t done, size_t skipped, size_t failed) {
  const blobferry_progress_t *progress = &moved->progress;
  if (failed == 0 && moved->completion.status != BLOBFERRY_OK)
    FAIL("%s", blobferry_error_message(moved->completion.error));
  CHECK_INT(progress->objects_done, done);
  CHECK_INT(progress->objects_skipped, skipped);
  CHECK_INT(progress->objects_failed, failed);
  CHECK_INT(progress->objects_found, done + skipped + failed);
  CHECK_INT(progress->is_listing_done, 1);
  CHECK_INT(moved->completion.status == BLOBFERRY_OK, failed == 0);
  CHECK_INT(moved->completion.result, done + skipped);
  CHECK_INT(moved->count + progress->outcomes_dropped, done + skipped + failed);
  CHECK(moved->completion.details == NULL);
}

/* As check_counts, and frees. */
static inline void expect_counts(moved_t moved, size_t done, size_t skipped, size_t failed) {
  check_counts(&moved, done, skipped, failed);
  moved_free(&moved);
}

/* Whether two folders hold the same files with the same bytes. */
static inline bool same_trees(const char *one, const char *other) {
  char command[1200];
  snprintf(command, sizeof command, "diff -r -q --exclude='.blobferry-*' '%s' '%s'", one, other);
  return system(command) == 0;
}

#endif
