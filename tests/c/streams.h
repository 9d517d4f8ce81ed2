/*
 * Readers and writers in one line each: every call submits a request on guarded
 * memory, waits for its completion, and locks the memory at once. What a submit
 * call refuses looks like a completion whose ticket is 0 (verbs.h).
 */
#ifndef TESTS_C_STREAMS_H
#define TESTS_C_STREAMS_H

#include "verbs.h"

#include <dirent.h>

/* In memory, or in a folder. */
static inline fixture_t fixture_of(int kind) { return kind == 0 ? in_memory() : in_folder(); }
static inline fixture_t in_faults(void) { return with_url("fault://test", NULL, 0); }

static const blobferry_reader_options_t usual_reader = BLOBFERRY_READER_OPTIONS_INIT;
static const blobferry_writer_options_t usual_writer = BLOBFERRY_WRITER_OPTIONS_INIT;

static inline blobferry_reader_options_t reader_parts(uint64_t part_size, uint64_t max_prefetch,
                                                      uint32_t max_in_flight) {
  blobferry_reader_options_t options = BLOBFERRY_READER_OPTIONS_INIT;
  options.part_size = part_size;
  options.max_prefetch = max_prefetch;
  options.max_in_flight = max_in_flight;
  return options;
}

/* -- readers ------------------------------------------------------------------------------------------- */

static inline blobferry_reader_t *reader_with(const fixture_t *fixture, const char *key,
                                              const blobferry_reader_options_t *options) {
  blobferry_reader_t *reader = NULL;
  blobferry_error_t  *error = NULL;
  blobferry_status_t  status = blobferry_reader_new(fixture->store, key, options, &reader, &error);
  must(status, error, "blobferry_reader_new");
  return reader;
}

/* What a read gave: its completion, and its buffer, locked. */
static inline got_t read_some(const fixture_t *fixture, blobferry_reader_t *reader, size_t size) {
  got_t              got;
  blobferry_error_t *error = NULL;
  got.memory = guarded_new(size);
  blobferry_status_t submitted =
      blobferry_reader_read(reader, fixture->cq, got.memory.data, size, NULL, 0, NULL, &error);
  got.completion = outcome_of(fixture, submitted, error);
  guarded_lock(&got.memory);
  return got;
}

/* A read must give the `wanted` bytes of the pattern from `offset` on, and write nothing behind them. */
static inline void check_got(got_t *got, size_t wanted, uint64_t seed, uint64_t offset) {
  guarded_unlock(&got->memory);
  if (got->completion.status != BLOBFERRY_OK)
    FAIL("a read of %zu bytes at %llu: %s", got->memory.size, (unsigned long long)offset,
         blobferry_error_message(got->completion.error));
  else if (got->completion.result != wanted || !pattern_is(got->memory.data, wanted, seed, offset))
    FAIL("a read of %zu bytes at %llu: %llu bytes, wanted %zu, or others", got->memory.size,
         (unsigned long long)offset, (unsigned long long)got->completion.result, wanted);
  got_free(got);
  beat();
}

static inline void check_read(const fixture_t *fixture, blobferry_reader_t *reader, size_t size, size_t wanted,
                              uint64_t seed, uint64_t offset) {
  got_t got = read_some(fixture, reader, size);
  check_got(&got, wanted, seed, offset);
}

/* A read that is to fail. */
static inline void check_read_fails(const fixture_t *fixture, blobferry_reader_t *reader, blobferry_status_t status,
                                    const char *part) {
  uint64_t before = blobferry_reader_position(reader);
  got_t    got = read_some(fixture, reader, 100);
  guarded_free(&got.memory);
  check_outcome(got.completion, status, part);
  CHECK_INT(blobferry_reader_position(reader), before);
}

/* All that follows, in reads of `piece` bytes; owned. */
static inline uint8_t *read_all(const fixture_t *fixture, blobferry_reader_t *reader, size_t piece, size_t *size_out) {
  uint8_t *all = malloc(1);
  *size_out = 0;
  for (;;) {
    got_t got = read_some(fixture, reader, piece);
    guarded_unlock(&got.memory);
    size_t size = got.completion.status == BLOBFERRY_OK ? (size_t)got.completion.result : 0;
    if (got.completion.status != BLOBFERRY_OK) FAIL("a read: %s", blobferry_error_message(got.completion.error));
    all = realloc(all, *size_out + size + 1);
    if (size > 0) memcpy(all + *size_out, got.memory.data, size);
    *size_out += size;
    got_free(&got);
    beat();
    if (size == 0) return all;
  }
}

static inline void must_seek(blobferry_reader_t *reader, uint64_t position) {
  blobferry_error_t *error = NULL;
  blobferry_status_t status = blobferry_reader_seek(reader, position, &error);
  must(status, error, "blobferry_reader_seek");
  CHECK_INT(blobferry_reader_position(reader), position);
}

/* The size that a reader tells; a refusal is UINT64_MAX. */
static inline uint64_t size_of(const blobferry_reader_t *reader) {
  uint64_t           size = 0;
  blobferry_error_t *error = NULL;
  if (blobferry_reader_size(reader, &size, &error) == BLOBFERRY_OK) return size;
  blobferry_error_free(error);
  return UINT64_MAX;
}

/* -- writers ------------------------------------------------------------------------------------------- */

static inline blobferry_writer_t *writer_with(const fixture_t *fixture, const char *key,
                                              const blobferry_writer_options_t *options) {
  blobferry_writer_t *writer = NULL;
  blobferry_error_t  *error = NULL;
  blobferry_status_t  status = blobferry_writer_new(fixture->store, key, options, &writer, &error);
  must(status, error, "blobferry_writer_new");
  return writer;
}

/* Writes bytes as they are. */
static inline blobferry_completion_t write_bytes(const fixture_t *fixture, blobferry_writer_t *writer,
                                                 const void *bytes, size_t size) {
  guarded_t          memory = guarded_new(size);
  blobferry_error_t *error = NULL;
  if (size > 0) memcpy(memory.data, bytes, size);
  blobferry_status_t submitted =
      blobferry_writer_write(writer, fixture->cq, memory.data, size, NULL, 0, NULL, &error);
  blobferry_completion_t completion = outcome_of(fixture, submitted, error);
  guarded_lock(&memory);
  if (completion.status == BLOBFERRY_OK) CHECK_INT(completion.result, size);
  guarded_unlock(&memory);
  CHECK(size == 0 || memcmp(memory.data, bytes, size) == 0);
  guarded_free(&memory);
  beat();
  return completion;
}

/* Writes the bytes of the pattern from `offset` on. */
static inline blobferry_completion_t write_some(const fixture_t *fixture, blobferry_writer_t *writer, size_t size,
                                                uint64_t seed, uint64_t offset) {
  uint8_t *bytes = malloc(size + 1);
  for (size_t i = 0; i < size; i++) bytes[i] = pattern_byte(seed, offset + i);
  blobferry_completion_t completion = write_bytes(fixture, writer, bytes, size);
  free(bytes);
  return completion;
}

static inline void must_write(const fixture_t *fixture, blobferry_writer_t *writer, size_t size, uint64_t seed,
                              uint64_t offset) {
  check_outcome(write_some(fixture, writer, size, seed, offset), BLOBFERRY_OK, "");
}

typedef blobferry_status_t (*writer_verb_t)(blobferry_writer_t *, blobferry_cq_t *, const blobferry_write_options_t *,
                                            uint64_t, blobferry_ticket_t *, blobferry_error_t **);

/* Flushes, finishes or aborts. */
static inline blobferry_completion_t end_with(const fixture_t *fixture, blobferry_writer_t *writer, writer_verb_t verb,
                                              const blobferry_write_options_t *options) {
  blobferry_error_t     *error = NULL;
  blobferry_status_t     submitted = verb(writer, fixture->cq, options, 0, NULL, &error);
  blobferry_completion_t completion = outcome_of(fixture, submitted, error);
  beat();
  return completion;
}

static inline blobferry_completion_t finish_writer(const fixture_t *fixture, blobferry_writer_t *writer) {
  return end_with(fixture, writer, blobferry_writer_finish, NULL);
}

static inline void must_flush(const fixture_t *fixture, blobferry_writer_t *writer) {
  blobferry_completion_t completion = end_with(fixture, writer, blobferry_writer_flush, NULL);
  CHECK_INT(completion.result, 0);
  check_outcome(completion, BLOBFERRY_OK, "");
}

static inline void must_abort(const fixture_t *fixture, blobferry_writer_t *writer) {
  blobferry_completion_t completion = end_with(fixture, writer, blobferry_writer_abort, NULL);
  CHECK_INT(completion.result, 0);
  check_outcome(completion, BLOBFERRY_OK, "");
}

/* The finish must end well and tell this many bytes; frees the writer. */
static inline void must_finish(const fixture_t *fixture, blobferry_writer_t *writer, uint64_t size) {
  blobferry_completion_t completion = finish_writer(fixture, writer);
  if (completion.status == BLOBFERRY_OK) CHECK_INT(completion.result, size);
  CHECK(completion.details == NULL);
  check_outcome(completion, BLOBFERRY_OK, "");
  blobferry_writer_free(writer);
}

/* How many names there are in the folder of the fixture, whatever they begin with. */
static inline int names_in(const fixture_t *fixture) {
  int            count = 0;
  DIR           *folder = opendir(fixture->folder);
  struct dirent *entry;
  while (folder != NULL && (entry = readdir(folder)) != NULL)
    if (strcmp(entry->d_name, ".") != 0 && strcmp(entry->d_name, "..") != 0) count++;
  if (folder != NULL) closedir(folder);
  return count;
}

/* There must be no such object. */
static inline void check_absent(const fixture_t *fixture, const char *key) {
  check_outcome(head(fixture, key), BLOBFERRY_E_NOT_FOUND, "");
}

#endif
