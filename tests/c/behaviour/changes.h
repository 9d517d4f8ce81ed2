/*
 * The steps copy, rename and delete_many, and what a report says of many objects.
 */
#ifndef TESTS_C_BEHAVIOUR_CHANGES_H
#define TESTS_C_BEHAVIOUR_CHANGES_H

#include "checks.h"
#include "options.h"

/* -- copy and rename ----------------------------------------------------------------------------- */

static inline void copy_by(run_t *run, const step_t *step, uint32_t verb) {
  blobferry_copy_options_t options = BLOBFERRY_COPY_OPTIONS_INIT;
  const char              *to = argument(step, "to");
  char                    *to_key = key_of(run, false, to != NULL ? to : "", &step->line);
  bool                     plain = argument(step, "mode") == NULL && !has_argument(step, "details");
  options.mode = choice_argument(step, "mode", put_modes);
  options.flags = details_flag(step);
  blobferry_request_t call = call_of(run, step, verb, plain ? NULL : &options);
  call.to = to_key;
  reply_t reply = ask(run, &call);
  if (check_reply(run, step, &reply))
    check_success(run, step, &reply.completion, 0, has_argument(step, "details"));
  reply_free(&reply);
  free(to_key);
}

static inline void copy(run_t *run, const step_t *step) { copy_by(run, step, BLOBFERRY_VERB_COPY); }

static inline void rename_step(run_t *run, const step_t *step) { copy_by(run, step, BLOBFERRY_VERB_RENAME); }

/* -- reports ------------------------------------------------------------------------------------- */

static inline blobferry_report_t *new_report(void) {
  blobferry_report_t *report = NULL;
  blobferry_error_t  *error = NULL;
  blobferry_status_t  status = blobferry_report_new(NULL, &report, &error);
  must(status, error, "blobferry_report_new");
  return report;
}

/* `outcome KEY STATUS [size=N] [skipped]`. */
static inline void check_outcome_line(const run_t *run, const line_t *line, const blobferry_outcome_t *outcome) {
  words_t words = words_of(line);
  if (words.count < 3) unreadable(line, "no key or no status");
  char              *key = key_of(run, false, words.at[1], line);
  blobferry_status_t status = status_named(line, words.at[2]);
  uint32_t           flags = 0;
  if (outcome->key == NULL || strcmp(outcome->key, key) != 0)
    fail_at(run, line, "the key is %s", outcome->key != NULL ? outcome->key : "(none)");
  else if (outcome->key_size != strlen(key)) fail_at(run, line, "key_size is %zu", outcome->key_size);
  if (outcome->status != status)
    fail_at(run, line, "the status is %s: %s", blobferry_status_name(outcome->status),
            blobferry_error_message(outcome->error));
  for (int i = 3; i < words.count; i++) {
    const char *size = value_of(words.at[i], "size", '=');
    if (strcmp(words.at[i], "skipped") == 0) flags = BLOBFERRY_OUTCOME_SKIPPED;
    else if (size == NULL) unreadable(line, words.at[i]);
    else if (outcome->size != strtoull(size, NULL, 10)) fail_at(run, line, "the size is %" PRIu64, outcome->size);
  }
  if (outcome->flags != flags) fail_at(run, line, "the flags are %u", outcome->flags);
  if (outcome->reserved[0] != 0 || outcome->reserved[1] != 0) fail_at(run, line, "a reserved word is set");
  if (status != BLOBFERRY_OK) check_says_why(run, line, outcome->error, status);
  else if (outcome->error != NULL) fail_at(run, line, "a success has an error");
  free(key);
  words_free(&words);
}

/* The outcomes must be those of the lines below the step, in their order. */
static inline void check_outcomes(const run_t *run, const step_t *step, blobferry_report_t *report) {
  size_t                     count = 99;
  const blobferry_outcome_t *outcomes = blobferry_report_outcomes(report, &count);
  for (size_t i = 0; i < step->below_count && i < count; i++)
    check_outcome_line(run, &step->below[i], &outcomes[i]);
  if (count != step->below_count) fail_at(run, &step->line, "there are %zu outcomes", count);
  for (size_t i = step->below_count; i < count; i++)
    fail_at(run, &step->line, "an outcome too many: %s of %s", blobferry_status_name(outcomes[i].status),
            outcomes[i].key);
}

/* -- delete_many --------------------------------------------------------------------------------- */

/* The keys `key=KEY`... and then `many=N` of them that are generated; owned, as is the array. */
static inline char **read_keys(const run_t *run, const step_t *step, size_t *count_out) {
  uint64_t many = number_argument(step, "many", 0);
  char   **keys = must_have(calloc((size_t)step->words.count + many, sizeof *keys));
  size_t   count = 0;
  for (int i = step->arguments; i < step->arrow; i++) {
    const char *word = value_of(step->words.at[i], "key", '=');
    if (word != NULL) keys[count++] = key_of(run, false, word, &step->line);
  }
  for (uint64_t i = 0; i < many; i++) {
    char word[32];
    snprintf(word, sizeof word, "many/%06" PRIu64, i);
    keys[count++] = key_of(run, false, word, &step->line);
  }
  *count_out = count;
  return keys;
}

/* The outcomes stand in the order of the keys. */
static inline void check_order(const run_t *run, const step_t *step, blobferry_report_t *report, char **keys,
                               size_t key_count) {
  size_t                     count = 99;
  const blobferry_outcome_t *outcomes = blobferry_report_outcomes(report, &count);
  if (count != key_count) fail_at(run, &step->line, "there are %zu outcomes of %zu keys", count, key_count);
  for (size_t i = 0; i < count && i < key_count; i++) {
    if (strcmp(outcomes[i].key, keys[i]) == 0 && outcomes[i].status == BLOBFERRY_OK && outcomes[i].flags == 0) continue;
    fail_at(run, &step->line, "the outcome at %zu is %s of %s", i, blobferry_status_name(outcomes[i].status),
            outcomes[i].key);
    return;
  }
}

static inline void delete_many(run_t *run, const step_t *step) {
  size_t              count = 0;
  char              **keys = read_keys(run, step, &count);
  bool                reported = has_argument(step, "report");
  blobferry_report_t *report = reported ? new_report() : NULL;
  blobferry_request_t call = call_of(run, step, BLOBFERRY_VERB_DELETE_MANY, NULL);
  call.items = count > 0 ? keys : NULL;
  call.item_count = count;
  call.report = report;
  reply_t reply = ask(run, &call);
  if (check_reply(run, step, &reply)) {
    if (wish(step, "result") == NULL) unreadable(&step->line, "no result");
    check_success(run, step, &reply.completion, 0, false);
    if (reported) check_order(run, step, report, keys, count);
  }
  for (size_t i = 0; i < count; i++) free(keys[i]);
  free(keys);
  reply_free(&reply);
  blobferry_report_free(report);
}

#endif
