/*
 * The steps upload and download, of whole folders.
 */
#ifndef TESTS_C_BEHAVIOUR_FOLDERS_H
#define TESTS_C_BEHAVIOUR_FOLDERS_H

#include "changes.h"
#include "files.h"

/* The report has come to its end, and counts what the result counts. */
static inline void check_progress(const run_t *run, const step_t *step, const blobferry_report_t *report) {
  blobferry_progress_t progress = BLOBFERRY_PROGRESS_INIT;
  uint64_t             result = number(step, wish(step, "result"));
  CHECK_STATUS(blobferry_report_progress(report, &progress), BLOBFERRY_OK);
  if (progress.objects_done + progress.objects_skipped != result || progress.objects_failed != 0 ||
      progress.objects_found != result)
    fail_at(run, &step->line,
            "%" PRIu64 " found, %" PRIu64 " done, %" PRIu64 " skipped, %" PRIu64 " failed", progress.objects_found,
            progress.objects_done, progress.objects_skipped, progress.objects_failed);
  if (progress.bytes_done > progress.bytes_found) fail_at(run, &step->line, "more bytes done than found");
  if (progress.is_listing_done != 1) fail_at(run, &step->line, "the listing is not done");
  if (progress.outcomes_dropped != 0) fail_at(run, &step->line, "outcomes were dropped");
}

static inline reply_t ask_folder(run_t *run, const step_t *step, bool up, const void *options,
                                 blobferry_report_t *report) {
  const char *prefix = argument(step, "prefix");
  char       *keys = key_of(run, false, prefix != NULL ? prefix : "", &step->line);
  char       *path = case_path(run, step, subject(step));
  blobferry_request_t call;
  memset(&call, 0, sizeof call);
  call.verb = up ? BLOBFERRY_VERB_FOLDER_UPLOAD : BLOBFERRY_VERB_FOLDER_DOWNLOAD;
  call.handle = run->store;
  call.key = up ? path : keys;
  call.to = up ? keys : path;
  call.options = options;
  call.report = report;
  reply_t reply = ask(run, &call);
  free(keys);
  free(path);
  return reply;
}

static inline void move_folder(run_t *run, const step_t *step, bool up) {
  blobferry_folder_options_t options = BLOBFERRY_FOLDER_OPTIONS_INIT;
  bool                       reported = has_argument(step, "report");
  blobferry_report_t        *report = reported ? new_report() : NULL;
  options.part_size = number_argument(step, "part", 0);
  options.max_in_flight = (uint32_t)number_argument(step, "in_flight", 0);
  if (has_argument(step, "skip-same")) options.flags |= BLOBFERRY_FOLDER_SKIP_SAME;
  if (has_argument(step, "stop-on-error")) options.flags |= BLOBFERRY_FOLDER_STOP_ON_ERROR;
  reply_t reply = ask_folder(run, step, up, &options, report);
  if (check_reply(run, step, &reply)) {
    if (wish(step, "result") == NULL) unreadable(&step->line, "no result");
    check_success(run, step, &reply.completion, 0, false);
    if (reported) check_progress(run, step, report);
  }
  if (reported && reply.submitted == BLOBFERRY_OK) check_outcomes(run, step, report);
  if (!reported && step->below_count > 0) unreadable(&step->line, "outcomes without a report");
  reply_free(&reply);
  blobferry_report_free(report);
}

static inline void upload(run_t *run, const step_t *step) { move_folder(run, step, true); }

static inline void download(run_t *run, const step_t *step) { move_folder(run, step, false); }

#endif
