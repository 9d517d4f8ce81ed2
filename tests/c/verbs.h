/*
 * The verbs in one line each, for tests that ask one thing after the other: each
 * call submits a request on guarded memory, waits for its completion, and locks
 * the memory at once. What a submit call refuses looks like a completion whose
 * ticket is 0.
 */
#ifndef TESTS_C_VERBS_H
#define TESTS_C_VERBS_H

#include "traffic.h"

/* A service with one queue and one store; a folder where the store is one. */
typedef struct fixture {
  blobferry_service_t *service;
  blobferry_cq_t      *cq;
  blobferry_store_t   *store;
  char                 folder[300];
} fixture_t;

/* What a get gave: its completion, and its buffer, locked. */
typedef struct got {
  blobferry_completion_t completion;
  guarded_t              memory;
} got_t;

static inline fixture_t with_url(const char *url, const blobferry_pair_t *options, size_t option_count) {
  fixture_t          fixture;
  blobferry_error_t *error = NULL;
  memset(&fixture, 0, sizeof fixture);
  fixture.service = new_service();
  fixture.cq = new_cq(fixture.service, 64, BLOBFERRY_WAKE_NONE);
  blobferry_status_t status = blobferry_store_open(fixture.service, url, options, option_count, &fixture.store, &error);
  must(status, error, url);
  return fixture;
}

static inline fixture_t in_memory(void) { return with_url("memory://test", NULL, 0); }

static inline fixture_t in_this_folder(const char *folder, const blobferry_pair_t *options, size_t option_count) {
  char url[512];
  snprintf(url, sizeof url, "file://%s", folder);
  fixture_t fixture = with_url(url, options, option_count);
  snprintf(fixture.folder, sizeof fixture.folder, "%s", folder);
  return fixture;
}

static inline fixture_t in_folder(void) {
  char folder[256];
  make_folder(folder);
  return in_this_folder(folder, NULL, 0);
}

static inline void fixture_free(fixture_t *fixture) {
  blobferry_store_free(fixture->store);
  blobferry_cq_free(fixture->cq);
  blobferry_service_free(fixture->service);
  if (fixture->folder[0] != '\0') remove_tree(fixture->folder);
}

/* The completion of a request, or the refusal of its submit call in the shape of one. */
static inline blobferry_completion_t outcome_of(const fixture_t *fixture, blobferry_status_t submitted,
                                                blobferry_error_t *error) {
  blobferry_completion_t refusal;
  if (submitted == BLOBFERRY_OK) {
    CHECK(error == NULL);
    return wait_one(fixture->cq);
  }
  memset(&refusal, 0, sizeof refusal);
  refusal.status = submitted;
  refusal.error = error;
  return refusal;
}

static inline bool refused(const blobferry_completion_t *completion) { return completion->ticket == 0; }

/* The status must be this one and the message must contain `part`; releases what the completion owns. */
static inline void check_outcome(blobferry_completion_t completion, blobferry_status_t status, const char *part) {
  const char *message = blobferry_error_message(completion.error);
  if (completion.status != status)
    FAIL("ended with %s, wanted %s: %s", blobferry_status_name(completion.status), blobferry_status_name(status),
         message);
  CHECK_STATUS(blobferry_error_status(completion.error), completion.status);
  if (part[0] != '\0' && strstr(message, part) == NULL) FAIL("the message \"%s\" does not say \"%s\"", message, part);
  dispose(&completion);
}

/* As check_outcome, of a submit call that must have refused. */
static inline void check_refusal(blobferry_completion_t completion, blobferry_status_t status, const char *part) {
  CHECK(refused(&completion));
  check_outcome(completion, status, part);
}

static inline blobferry_completion_t put_with(const fixture_t *fixture, const char *key, size_t size, uint64_t seed,
                                              const blobferry_put_options_t *options) {
  guarded_t          memory = guarded_new(size);
  blobferry_error_t *error = NULL;
  pattern_fill(memory.data, size, seed);
  blobferry_status_t submitted =
      blobferry_object_put(fixture->store, fixture->cq, key, memory.data, size, options, 0, NULL, &error);
  blobferry_completion_t completion = outcome_of(fixture, submitted, error);
  guarded_lock(&memory);
  if (completion.status == BLOBFERRY_OK) CHECK_INT(completion.result, size);
  guarded_unlock(&memory);
  CHECK(pattern_is(memory.data, size, seed, 0));
  guarded_free(&memory);
  return completion;
}

static inline blobferry_completion_t put(const fixture_t *fixture, const char *key, size_t size, uint64_t seed) {
  return put_with(fixture, key, size, seed, NULL);
}

static inline void must_put(const fixture_t *fixture, const char *key, size_t size, uint64_t seed) {
  check_outcome(put(fixture, key, size, seed), BLOBFERRY_OK, "");
}

static inline got_t get_with(const fixture_t *fixture, const char *key, size_t size,
                             const blobferry_get_options_t *options) {
  got_t              got;
  blobferry_error_t *error = NULL;
  got.memory = guarded_new(size);
  blobferry_status_t submitted =
      blobferry_object_get(fixture->store, fixture->cq, key, got.memory.data, size, options, 0, NULL, &error);
  got.completion = outcome_of(fixture, submitted, error);
  guarded_lock(&got.memory);
  return got;
}

static inline void got_free(got_t *got) {
  dispose(&got->completion);
  guarded_free(&got->memory);
}

/* A get that is to fail, or whose bytes do not matter. */
static inline blobferry_completion_t get(const fixture_t *fixture, const char *key) {
  got_t got = get_with(fixture, key, 16, NULL);
  guarded_free(&got.memory);
  return got.completion;
}

/* The object must be these bytes. */
static inline void check_object(const fixture_t *fixture, const char *key, size_t size, uint64_t seed) {
  got_t got = get_with(fixture, key, size, NULL);
  guarded_unlock(&got.memory);
  if (got.completion.status != BLOBFERRY_OK)
    FAIL("get of %s: %s", key, blobferry_error_message(got.completion.error));
  else if (got.completion.result != size || !pattern_is(got.memory.data, size, seed, 0))
    FAIL("get of %s: %llu bytes, or others than wanted", key, (unsigned long long)got.completion.result);
  got_free(&got);
}

static inline blobferry_completion_t head(const fixture_t *fixture, const char *key) {
  blobferry_error_t *error = NULL;
  blobferry_status_t submitted = blobferry_object_head(fixture->store, fixture->cq, key, NULL, 0, NULL, &error);
  return outcome_of(fixture, submitted, error);
}

static inline blobferry_completion_t delete(const fixture_t *fixture, const char *key) {
  blobferry_error_t *error = NULL;
  blobferry_status_t submitted = blobferry_object_delete(fixture->store, fixture->cq, key, NULL, 0, NULL, &error);
  return outcome_of(fixture, submitted, error);
}

static inline blobferry_completion_t next(const fixture_t *fixture, blobferry_list_t *list) {
  blobferry_error_t *error = NULL;
  blobferry_status_t submitted = blobferry_list_next(list, fixture->cq, NULL, 0, NULL, &error);
  return outcome_of(fixture, submitted, error);
}

static inline bool is_last_page(const blobferry_completion_t *completion) {
  return (completion->flags & BLOBFERRY_COMPLETION_LAST_PAGE) != 0;
}

/* Every entry of a list, one to a line, in the order they came; owned. A page that fails is a line with its status. */
static inline char *keys_of(const fixture_t *fixture, const char *prefix, const char *delimiter) {
  blobferry_list_options_t options = BLOBFERRY_LIST_OPTIONS_INIT;
  blobferry_list_t        *list = NULL;
  blobferry_error_t       *error = NULL;
  char                    *text = NULL;
  size_t                   size = 0;
  FILE                    *out = open_memstream(&text, &size);
  options.delimiter = delimiter;
  blobferry_status_t status = blobferry_list_new(fixture->store, prefix, &options, &list, &error);
  must(status, error, "blobferry_list_new");
  for (bool more = true; more;) {
    blobferry_completion_t   completion = next(fixture, list);
    size_t                   count = 0;
    const blobferry_entry_t *entries = blobferry_list_entries(list, &count);
    more = completion.status == BLOBFERRY_OK && !is_last_page(&completion);
    for (size_t i = 0; i < count; i++) fprintf(out, "%s\n", entries[i].key);
    if (completion.status != BLOBFERRY_OK) fprintf(out, "%s\n", blobferry_status_name(completion.status));
    dispose(&completion);
  }
  blobferry_list_free(list);
  fclose(out);
  return text;
}

static inline void check_keys(const fixture_t *fixture, const char *prefix, const char *delimiter,
                              const char *wanted) {
  char *keys = keys_of(fixture, prefix, delimiter);
  CHECK_TEXT(keys, wanted);
  free(keys);
}

#endif
