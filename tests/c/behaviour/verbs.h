/*
 * The steps put, get, head, exists and delete.
 */
#ifndef TESTS_C_BEHAVIOUR_VERBS_H
#define TESTS_C_BEHAVIOUR_VERBS_H

#include "checks.h"
#include "options.h"

static inline void put(run_t *run, const step_t *step) {
  labels_t                labels = read_labels(step);
  char                   *if_match = kept_argument(run, step, "if_match", false);
  const char             *seed = argument(step, "seed");
  blobferry_put_options_t options = put_options_of(step, &labels, if_match);
  blobferry_request_t     call = call_of(run, step, BLOBFERRY_VERB_PUT, &options);
  spent_t spent = full_buffer(step, number_argument(step, "size", 0), content_of(step, seed ? seed : "0"), 0);
  call.buffer = spent.memory.data;
  call.buffer_size = spent.memory.size;
  reply_t reply = ask(run, &call);
  guarded_lock(&spent.memory);
  if (check_reply(run, step, &reply))
    check_success(run, step, &reply.completion, spent.memory.size, has_argument(step, "details"));
  set_aside(run, step, spent);
  reply_free(&reply);
  labels_free(&labels);
  free(if_match);
}

/* A get that is to succeed says what it gets. */
static inline bool succeeds(const step_t *step) {
  bool ok = !step->refused && strcmp(step->outcome, "OK") == 0;
  if (ok && (wish(step, "result") == NULL || wish(step, "content") == NULL))
    unreadable(&step->line, "no result or no content");
  return ok;
}

/* Where in the object the first byte got stands. */
static inline uint64_t first_place(const step_t *step) {
  const char *from = wish(step, "from");
  if (has_argument(step, "suffix") && succeeds(step) && from == NULL) unreadable(&step->line, "from where on?");
  return from != NULL ? number(step, from) : number_argument(step, "offset", 0);
}

static inline void get(run_t *run, const step_t *step) {
  conditions_t            conditions = read_conditions(run, step);
  blobferry_get_options_t options = get_options_of(step, &conditions);
  blobferry_request_t     call = call_of(run, step, BLOBFERRY_VERB_GET, &options);
  const char             *result = wish(step, "result"), *buffer = argument(step, "buffer");
  bool                    ok = succeeds(step), null = buffer != NULL && strcmp(buffer, "null") == 0;
  size_t  size = null ? 0 : buffer != NULL ? number(step, buffer) : ok ? number(step, result) : 16;
  spent_t spent = new_buffer(step, size, first_place(step));
  call.buffer = null ? NULL : spent.memory.data;
  call.buffer_size = size;
  reply_t reply = ask(run, &call);
  guarded_lock(&spent.memory);
  if (check_reply(run, step, &reply) && ok) {
    check_success(run, step, &reply.completion, 0, has_argument(step, "details"));
    if (reply.completion.result == number(step, result))
      expect(&spent, number(step, result), content_of(step, wish(step, "content")));
  }
  set_aside(run, step, spent);
  reply_free(&reply);
  conditions_free(&conditions);
}

/* Without any argument, without options. */
static inline void look(run_t *run, const step_t *step, uint32_t verb) {
  conditions_t             conditions = read_conditions(run, step);
  blobferry_head_options_t options = head_options_of(step, &conditions);
  blobferry_request_t call = call_of(run, step, verb, step->arguments < step->arrow ? &options : NULL);
  reply_t             reply = ask(run, &call);
  if (check_reply(run, step, &reply)) {
    if (wish(step, "result") == NULL) unreadable(&step->line, "no result");
    bool there = verb == BLOBFERRY_VERB_HEAD || number(step, wish(step, "result")) == 1;
    check_success(run, step, &reply.completion, 0, there && !has_argument(step, "plain"));
  }
  reply_free(&reply);
  conditions_free(&conditions);
}

static inline void head(run_t *run, const step_t *step) { look(run, step, BLOBFERRY_VERB_HEAD); }

static inline void exists(run_t *run, const step_t *step) { look(run, step, BLOBFERRY_VERB_EXISTS); }

static inline void delete(run_t *run, const step_t *step) {
  blobferry_request_t call = call_of(run, step, BLOBFERRY_VERB_DELETE, NULL);
  reply_t             reply = ask(run, &call);
  if (check_reply(run, step, &reply)) check_success(run, step, &reply.completion, 0, false);
  reply_free(&reply);
}

#endif
