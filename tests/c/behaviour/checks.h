/*
 * What holds for every request: see the top of objects.list. Each check prints
 * the line of the list that it was made for.
 */
#ifndef TESTS_C_BEHAVIOUR_CHECKS_H
#define TESTS_C_BEHAVIOUR_CHECKS_H

#include "buffers.h"
#include "submit.h"

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
    fail_at(run, &step->line, "the call returned %s (and the request %s), wanted it refused with %s: %s",
            blobferry_status_name(reply->submitted), blobferry_status_name(completion->status),
            blobferry_status_name(wanted), blobferry_error_message(reply->error));
    return;
  }
  check_says_why(run, &step->line, reply->error, wanted);
  if (reply->ticket != UNTOUCHED) fail_at(run, &step->line, "a refused call wrote a ticket");
}

static inline void check_result(const run_t *run, const step_t *step, const blobferry_completion_t *completion,
                                uint64_t wanted) {
  if (completion->result != wanted)
    fail_at(run, &step->line, "the result is %" PRIu64 ", wanted %" PRIu64, completion->result, wanted);
}

static inline void check_failure(const run_t *run, const step_t *step, const blobferry_completion_t *completion) {
  const char *result = wish(step, "result");
  check_says_why(run, &step->line, completion->error, completion->status);
  if (completion->details != NULL) fail_at(run, &step->line, "a failure has details");
  if (completion->buffer != NULL) fail_at(run, &step->line, "a failure has a buffer");
  if (completion->flags != 0) fail_at(run, &step->line, "the flags are %u", completion->flags);
  if (result != NULL) check_result(run, step, completion, number(step, result));
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
  if (completion->table) fail_at(run, line, "a table comes with no table asked for");
  if (!may_end_with(step, completion->status)) {
    fail_at(run, line, "ended with %s, result %" PRIu64 ": %s", blobferry_status_name(completion->status),
            completion->result, blobferry_error_message(completion->error));
    return false;
  }
  if (completion->status != BLOBFERRY_OK) {
    check_failure(run, step, completion);
    return false;
  }
  if (completion->error != NULL) fail_at(run, line, "a success has an error");
  return true;
}

/* -- details ------------------------------------------------------------------------------------- */

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
static inline void check_revision(run_t *run, const step_t *step, const blobferry_details_t *details) {
  const char *revision = blobferry_details_revision(details);
  const char *same = wish(step, "revision"), *name = wish(step, "keep");
  for (int i = step->wishes; i < step->words.count; i++) {
    const char *other = value_of(step->words.at[i], "revision!", '=');
    if (other == NULL) continue;
    other = kept_revision(run, &step->line, other);
    if (revision == NULL || strcmp(other, NO_REVISION) == 0) fail_at(run, &step->line, "a revision is not known");
    else if (strcmp(revision, other) == 0) fail_at(run, &step->line, "the revision is still %s", revision);
  }
  if (same != NULL && (revision == NULL || strcmp(revision, kept_revision(run, &step->line, same)) != 0))
    fail_at(run, &step->line, "the revision is %s, wanted %s", revision ? revision : NO_REVISION,
            kept_revision(run, &step->line, same));
  if (name != NULL) keep(run, step, name, details);
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

/* The content headers but for the content type, which a server may make up. */
static inline void check_headers(const run_t *run, const step_t *step, const blobferry_details_t *details) {
  const struct {
    const char *name, *got;
  } headers[] = {
      {"content_encoding", blobferry_details_content_encoding(details)},
      {"content_language", blobferry_details_content_language(details)},
      {"content_disposition", blobferry_details_content_disposition(details)},
      {"cache_control", blobferry_details_cache_control(details)},
  };
  for (size_t i = 0; i < sizeof headers / sizeof headers[0]; i++) {
    const char *got = headers[i].got, *word = wish(step, headers[i].name);
    char       *wanted = word == NULL ? NULL : decode("", word, &step->line);
    bool        none = wanted == NULL && has_wish(step, "no-headers");
    if ((none && got != NULL) || (wanted != NULL && (got == NULL || strcmp(got, wanted) != 0)))
      fail_at(run, &step->line, "%s is %s, wanted %s", headers[i].name, got == NULL ? "(none)" : got,
              none ? "(none)" : wanted);
    free(wanted);
  }
}

static inline void check_details(run_t *run, const step_t *step, const blobferry_completion_t *completion, bool asked) {
  const blobferry_details_t *details = completion->details;
  const char                *size = wish(step, "size");
  if ((details != NULL) != asked) {
    fail_at(run, &step->line, asked ? "there are no details" : "there are details that nobody asked for");
    return;
  }
  if (!asked) { /* what is wished of details would be a check that is never made */
    check_words(step, step->wishes, step->words.count, WISHES);
    return;
  }
  if (size != NULL && blobferry_details_size(details) != number(step, size))
    fail_at(run, &step->line, "the size is %" PRIu64, blobferry_details_size(details));
  check_modified(run, &step->line, blobferry_details_last_modified_ns(details), has_wish(step, "modified"));
  check_revision(run, step, details);
  check_type(run, step, blobferry_details_content_type(details));
  check_headers(run, step, details);
  check_metadata(run, step, details);
}

/* Of a step that succeeded: its result, as it is wished or else `otherwise`, its details, and no buffer. */
static inline void check_success(run_t *run, const step_t *step, const blobferry_completion_t *completion,
                                 uint64_t otherwise, bool details) {
  const char *result = wish(step, "result");
  check_result(run, step, completion, result != NULL ? number(step, result) : otherwise);
  check_details(run, step, completion, details);
  if (completion->buffer != NULL) fail_at(run, &step->line, "there is a buffer that the verb does not bring");
}

#endif
