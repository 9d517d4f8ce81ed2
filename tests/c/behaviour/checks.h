/*
 * What holds for every request: see the top of objects.list. Each check prints
 * the line of the list that it was made for.
 */
#ifndef TESTS_C_BEHAVIOUR_CHECKS_H
#define TESTS_C_BEHAVIOUR_CHECKS_H

#include "step.h"

static inline void begin_reply(run_t *run, reply_t *reply) {
  memset(reply, 0, sizeof *reply);
  reply->ticket = UNTOUCHED;
  reply->user_data = ++run->requests;
}

/* Waits for the completion where there will be one. */
static inline void take(run_t *run, reply_t *reply) {
  if (reply->submitted == BLOBFERRY_OK) reply->completion = wait_one(run->cq);
}

static inline void reply_free(reply_t *reply) {
  blobferry_error_free(reply->error);
  dispose(&reply->completion);
}

static inline void check_says_why(const run_t *run, const line_t *line, const blobferry_error_t *error,
                                  blobferry_status_t status) {
  const char *message = blobferry_error_message(error);
  if (error == NULL) fail_at(run, line, "there is no error");
  if (blobferry_error_status(error) != status)
    fail_at(run, line, "the error says %s", blobferry_status_name(blobferry_error_status(error)));
  if (strlen(message) < 10 || strchr(message, '\n') != NULL)
    fail_at(run, line, "the message is no sentence: \"%s\"", message);
}

static inline void check_refused(const run_t *run, const step_t *step, const reply_t *reply,
                                 blobferry_status_t wanted) {
  if (reply->submitted != wanted) {
    const blobferry_completion_t *completion = &reply->completion;
    fail_at(run, &step->line, "the call returned %s (and the request %s), wanted it refused with %s",
            blobferry_status_name(reply->submitted), blobferry_status_name(completion->status),
            blobferry_status_name(wanted));
    return;
  }
  check_says_why(run, &step->line, reply->error, wanted);
  if (reply->ticket != UNTOUCHED) fail_at(run, &step->line, "a refused call wrote a ticket");
}

/* True where the request was accepted and ended with the OK that was expected. */
static inline bool check_reply(const run_t *run, const step_t *step, const reply_t *reply) {
  const blobferry_completion_t *completion = &reply->completion;
  const line_t                 *line = &step->line;
  if (run->lacking || step->refused) {
    check_refused(run, step, reply, run->lacking ? BLOBFERRY_E_UNSUPPORTED : status_of(step));
    return false;
  }
  if (reply->submitted != BLOBFERRY_OK) {
    fail_at(run, line, "refused with %s: %s", blobferry_status_name(reply->submitted),
            blobferry_error_message(reply->error));
    return false;
  }
  if (reply->error != NULL) fail_at(run, line, "an accepted request wrote an error");
  if (completion->ticket != reply->ticket || reply->ticket == 0) fail_at(run, line, "the ticket is another one");
  if (completion->user_data != reply->user_data) fail_at(run, line, "the user data is another one");
  if (completion->reserved[0] != 0 || completion->reserved[1] != 0) fail_at(run, line, "a reserved word is set");
  if (completion->status != status_of(step)) {
    fail_at(run, line, "ended with %s: %s", blobferry_status_name(completion->status),
            blobferry_error_message(completion->error));
    return false;
  }
  if (completion->status != BLOBFERRY_OK) {
    check_says_why(run, line, completion->error, completion->status);
    if (completion->details != NULL) fail_at(run, line, "a failure has details");
    if (completion->flags != 0) fail_at(run, line, "the flags are %u", completion->flags);
    const char *result = wish(step, "result");
    if (result != NULL && completion->result != number(step, result))
      fail_at(run, line, "the result is %" PRIu64, completion->result);
    return false;
  }
  if (completion->error != NULL) fail_at(run, line, "a success has an error");
  return true;
}

static inline void check_metadata(const run_t *run, const step_t *step, const blobferry_details_t *details) {
  size_t                  count = 99, found = 0;
  const blobferry_pair_t *pairs = blobferry_details_metadata(details, &count);
  bool                    wanted = has_wish(step, "no-meta");
  if ((pairs == NULL) != (count == 0)) fail_at(run, &step->line, "%zu pairs at %p", count, (const void *)pairs);
  for (int i = step->wishes; i < step->words.count; i++) {
    if (!begins_with(step->words.at[i], "meta:")) continue;
    wanted = true;
    const char *equals = strchr(step->words.at[i], '=');
    char       *key = decode("", step->words.at[i] + strlen("meta:"), &step->line);
    char       *value = decode("", equals == NULL ? "" : equals + 1, &step->line);
    key[strcspn(key, "=")] = '\0';
    if (found >= count || strcmp(pairs[found].key, key) != 0 || strcmp(pairs[found].value, value) != 0)
      fail_at(run, &step->line, "the metadata at %zu is %s=%s, wanted %s=%s", found,
              found < count ? pairs[found].key : "(none)", found < count ? pairs[found].value : "", key, value);
    found++;
    free(key);
    free(value);
  }
  if (wanted && found != count) fail_at(run, &step->line, "there are %zu pairs of metadata, wanted %zu", count, found);
}

static inline void check_modified(const run_t *run, const line_t *line, int64_t modified_ns, bool must_be_known) {
  if (modified_ns == BLOBFERRY_TIME_UNKNOWN && !must_be_known) return;
  if (modified_ns < run->begun_ns - 10 * SECOND || modified_ns > time_ns() + 10 * SECOND)
    fail_at(run, line, "last modified at %" PRId64 ", which is not within this run", modified_ns);
}

/* A revision that is not known is neither equal to another nor different from it. */
static inline void check_revision(run_t *run, const step_t *step, const char *revision) {
  const char *same = wish(step, "revision"), *name = wish(step, "keep");
  for (int i = step->wishes; i < step->words.count; i++) {
    if (!begins_with(step->words.at[i], "revision!=")) continue;
    const char *other = kept(run, &step->line, step->words.at[i] + strlen("revision!="));
    if (revision == NULL || strcmp(other, NO_REVISION) == 0) fail_at(run, &step->line, "a revision is not known");
    else if (strcmp(revision, other) == 0) fail_at(run, &step->line, "the revision is still %s", revision);
  }
  if (same != NULL && (revision == NULL || strcmp(revision, kept(run, &step->line, same)) != 0))
    fail_at(run, &step->line, "the revision is %s, wanted %s", revision ? revision : NO_REVISION,
            kept(run, &step->line, same));
  if (name != NULL) keep(run, step, name, revision == NULL ? NO_REVISION : revision);
}

static inline void check_type(const run_t *run, const step_t *step, const char *got) {
  const char *type = wish(step, "type"), *other = wish(step, "type!");
  if (has_wish(step, "no-type") && got != NULL) fail_at(run, &step->line, "the content type is %s", got);
  if (type == NULL && other == NULL) return;
  char *word = decode("", type ? type : other, &step->line);
  bool  equal = got != NULL && strcmp(got, word) == 0;
  if (equal != (type != NULL)) fail_at(run, &step->line, "the content type is %s", got == NULL ? "(none)" : got);
  free(word);
}

static inline void check_details(run_t *run, const step_t *step, const blobferry_completion_t *completion, bool asked) {
  const blobferry_details_t *details = completion->details;
  const char                *size = wish(step, "size");
  if ((details != NULL) != asked) {
    fail_at(run, &step->line, asked ? "there are no details" : "there are details that nobody asked for");
    return;
  }
  if (!asked) return;
  if (size != NULL && blobferry_details_size(details) != number(step, size))
    fail_at(run, &step->line, "the size is %" PRIu64, blobferry_details_size(details));
  check_modified(run, &step->line, blobferry_details_last_modified_ns(details), has_wish(step, "modified"));
  check_revision(run, step, blobferry_details_revision(details));
  check_type(run, step, blobferry_details_content_type(details));
  check_metadata(run, step, details);
}

#endif
