/*
 * The steps put, get, head and delete.
 */
#ifndef TESTS_C_BEHAVIOUR_VERBS_H
#define TESTS_C_BEHAVIOUR_VERBS_H

#include "checks.h"

static inline void set_aside(run_t *run, const step_t *step, spent_t spent) {
  if (run->spent_count == MOST_SPENT) unreadable(&step->line, "too many buffers in one case");
  spent.line = step->line;
  run->spent[run->spent_count++] = spent;
}

static inline size_t read_metadata(const step_t *step, blobferry_pair_t *pairs) {
  size_t count = 0;
  for (int i = step->arguments; i < step->arrow; i++) {
    if (!begins_with(step->words.at[i], "meta:")) continue;
    if (count == MOST_META) unreadable(&step->line, "too much metadata");
    char *key = decode("", step->words.at[i] + strlen("meta:"), &step->line);
    key[strcspn(key, "=")] = '\0';
    pairs[count].key = key;
    pairs[count++].value = decode("", strchr(step->words.at[i], '=') + 1, &step->line);
  }
  return count;
}

static inline uint32_t mode_of(const step_t *step) {
  const char *mode = argument(step, "mode");
  if (mode == NULL) return BLOBFERRY_PUT_OVERWRITE;
  if (strcmp(mode, "create") == 0) return BLOBFERRY_PUT_CREATE;
  if (strcmp(mode, "update") != 0) unreadable(&step->line, "no such mode");
  return BLOBFERRY_PUT_UPDATE;
}

static inline void put(run_t *run, const step_t *step) {
  blobferry_put_options_t options = BLOBFERRY_PUT_OPTIONS_INIT;
  blobferry_pair_t        pairs[MOST_META];
  reply_t                 reply;
  size_t                  size = number_argument(step, "size", 0);
  guarded_t               memory = guarded_new(size);
  const char             *match = argument(step, "if_match"), *type = argument(step, "content_type");
  char                   *type_text = type == NULL ? NULL : decode("", type, &step->line);
  spent_t spent = {memory, step->line, number_argument(step, "seed", 0), 0, size, true};
  pattern_fill(memory.data, size, spent.seed);
  options.mode = mode_of(step);
  options.if_match = match != NULL && match[0] == '$' ? kept(run, &step->line, match + 1) : match;
  options.content_type = type_text;
  options.metadata_count = read_metadata(step, pairs);
  options.metadata = options.metadata_count > 0 ? pairs : NULL;
  if (has_argument(step, "details")) options.flags = BLOBFERRY_REQUEST_DETAILS;

  begin_reply(run, &reply);
  reply.submitted = blobferry_object_put(run->store, run->cq, step->key, memory.data, size, &options, reply.user_data,
                                         &reply.ticket, &reply.error);
  take(run, &reply);
  guarded_lock(&memory);
  if (check_reply(run, step, &reply)) {
    if (reply.completion.result != size) fail_at(run, &step->line, "the result is %" PRIu64, reply.completion.result);
    check_details(run, step, &reply.completion, has_argument(step, "details"));
  }
  set_aside(run, step, spent);
  reply_free(&reply);
  free(type_text);
  for (size_t i = 0; i < options.metadata_count; i++) {
    free((char *)pairs[i].key);
    free((char *)pairs[i].value);
  }
}

static inline void get(run_t *run, const step_t *step) {
  blobferry_get_options_t options = BLOBFERRY_GET_OPTIONS_INIT;
  reply_t                 reply;
  const char             *result = wish(step, "result"), *buffer = argument(step, "buffer");
  bool                    ok = strcmp(step->outcome, "OK") == 0, null = buffer != NULL && strcmp(buffer, "null") == 0;
  if (ok && (result == NULL || wish(step, "content") == NULL)) unreadable(&step->line, "no result or no content");
  size_t size = null ? 0 : buffer != NULL ? number(step, buffer) : ok ? number(step, result) : 16;
  spent_t spent = {guarded_new(size), step->line, 0, number_argument(step, "offset", 0), 0, false};
  options.offset = spent.offset;
  options.length = number_argument(step, "length", BLOBFERRY_LENGTH_TO_END);
  options.part_size = number_argument(step, "part", 0);
  options.max_in_flight = (uint32_t)number_argument(step, "in_flight", 0);
  if (has_argument(step, "details")) options.flags = BLOBFERRY_REQUEST_DETAILS;

  begin_reply(run, &reply);
  reply.submitted = blobferry_object_get(run->store, run->cq, step->key, null ? NULL : spent.memory.data, size,
                                         &options, reply.user_data, &reply.ticket, &reply.error);
  take(run, &reply);
  guarded_lock(&spent.memory);
  if (check_reply(run, step, &reply) && ok) {
    spent.looked_at = reply.completion.result == number(step, result);
    if (!spent.looked_at) fail_at(run, &step->line, "the result is %" PRIu64, reply.completion.result);
    spent.seed = number(step, wish(step, "content"));
    spent.filled = number(step, result);
    check_details(run, step, &reply.completion, has_argument(step, "details"));
  }
  set_aside(run, step, spent);
  reply_free(&reply);
}

static inline void head(run_t *run, const step_t *step) {
  blobferry_head_options_t options = BLOBFERRY_HEAD_OPTIONS_INIT;
  reply_t                  reply;
  bool                     plain = has_argument(step, "plain");
  if (plain) options.flags = 0;
  begin_reply(run, &reply);
  reply.submitted = blobferry_object_head(run->store, run->cq, step->key, plain ? &options : NULL, reply.user_data,
                                          &reply.ticket, &reply.error);
  take(run, &reply);
  if (check_reply(run, step, &reply)) {
    if (wish(step, "result") == NULL) unreadable(&step->line, "no result");
    if (reply.completion.result != number(step, wish(step, "result")))
      fail_at(run, &step->line, "the result is %" PRIu64, reply.completion.result);
    check_details(run, step, &reply.completion, !plain);
  }
  reply_free(&reply);
}

static inline void delete(run_t *run, const step_t *step) {
  reply_t reply;
  begin_reply(run, &reply);
  reply.submitted = blobferry_object_delete(run->store, run->cq, step->key, NULL, reply.user_data, &reply.ticket,
                                            &reply.error);
  take(run, &reply);
  if (check_reply(run, step, &reply)) {
    if (reply.completion.result != 0) fail_at(run, &step->line, "the result is %" PRIu64, reply.completion.result);
    check_details(run, step, &reply.completion, false);
  }
  reply_free(&reply);
}

#endif
