/*
 * Tables into objects in one line each: every call submits a request and waits for its completion. What a submit call
 * refuses looks like a completion whose ticket is 0 (verbs.h).
 */
#ifndef TESTS_C_TABLE_STREAMS_H
#define TESTS_C_TABLE_STREAMS_H

#include "streams.h"
#include "table_columns.h"

static inline blobferry_table_write_options_t in_format(uint32_t format) {
  blobferry_table_write_options_t options = BLOBFERRY_TABLE_WRITE_OPTIONS_INIT;
  options.format = format;
  return options;
}

static const uint32_t FORMATS[] = {BLOBFERRY_FORMAT_IPC_FILE, BLOBFERRY_FORMAT_IPC_STREAM, BLOBFERRY_FORMAT_PARQUET,
                                   BLOBFERRY_FORMAT_CSV, BLOBFERRY_FORMAT_NDJSON};
enum { FORMAT_COUNT = sizeof FORMATS / sizeof FORMATS[0] };

/* `rows` numbers of 64 bits that count from `first` on, so that each byte of a file has its own. */
static inline void numbers_column(given_t *g, int64_t rows, int64_t first) {
  int64_t *values = tree_take(&g->tree, (size_t)rows * sizeof *values);
  for (int64_t i = 0; i < rows; i++) values[i] = (first + i) * 0x9E3779B97F4A7C15LL;
  set_column(g, new_schema(&g->tree, "l", "x", 0), new_array(&g->tree, rows, BUFFERS(NULL, values), 0));
}

/* The bytes of an object; owned. */
static inline uint8_t *object_bytes(const fixture_t *fixture, const char *key, size_t *size_out) {
  blobferry_reader_t *reader = reader_with(fixture, key, NULL);
  uint8_t            *all = read_all(fixture, reader, 1 << 20, size_out);
  blobferry_reader_free(reader);
  return all;
}

static inline void check_text_object(const fixture_t *fixture, const char *key, const char *wanted) {
  size_t   size = 0;
  uint8_t *bytes = object_bytes(fixture, key, &size);
  if (size != strlen(wanted) || memcmp(bytes, wanted, size) != 0)
    FAIL("%s has \"%.*s\", wanted \"%s\"", key, (int)size, (const char *)bytes, wanted);
  free(bytes);
}

static inline blobferry_completion_t put_table(const fixture_t *fixture, const char *key,
                                               const blobferry_table_t               *table,
                                               const blobferry_table_write_options_t *options) {
  blobferry_error_t *error = NULL;
  blobferry_status_t submitted =
      blobferry_table_put(fixture->store, fixture->cq, key, table, options, 0, NULL, &error);
  return outcome_of(fixture, submitted, error);
}

/* -- writers ------------------------------------------------------------------------------------------- */

static inline blobferry_table_writer_t *table_writer_with(const fixture_t *fixture, const char *key, given_t *g,
                                                          const blobferry_table_write_options_t *options) {
  blobferry_table_writer_t *writer = NULL;
  blobferry_error_t        *error = NULL;
  int                       before = atomic_load(&g->tree.schemas_released);
  must(blobferry_table_writer_new(fixture->store, key, g->root_schema, options, &writer, &error), error, key);
  CHECK(g->root_schema->release == NULL);
  CHECK_INT(atomic_load(&g->tree.schemas_released), before + 1);
  return writer;
}

/* A writer of 64-bit numbers. */
static inline blobferry_table_writer_t *numbers_writer(const fixture_t *fixture, const char *key,
                                                       const blobferry_table_write_options_t *options) {
  given_t g = {0};
  numbers_column(&g, 1, 0);
  blobferry_table_writer_t *writer = table_writer_with(fixture, key, &g, options);
  tree_free(&g.tree);
  return writer;
}

/* Writes the chunk. Its memory is back, and released, when the completion is taken. */
static inline blobferry_completion_t write_chunk_with(const fixture_t *fixture, blobferry_table_writer_t *writer,
                                                      given_t *g, const blobferry_chunk_options_t *options) {
  blobferry_error_t *error = NULL;
  int                before = atomic_load(&g->tree.arrays_released);
  blobferry_status_t submitted =
      blobferry_table_writer_write(writer, fixture->cq, g->root, options, 0, NULL, &error);
  CHECK((g->root->release == NULL) == (submitted == BLOBFERRY_OK));
  blobferry_completion_t completion = outcome_of(fixture, submitted, error);
  CHECK_INT(atomic_load(&g->tree.arrays_released), before + (submitted == BLOBFERRY_OK));
  if (submitted == BLOBFERRY_OK) CHECK(pthread_equal(g->tree.releaser, pthread_self()));
  beat();
  return completion;
}

static inline blobferry_completion_t write_numbers(const fixture_t *fixture, blobferry_table_writer_t *writer,
                                                   int64_t rows, int64_t first) {
  given_t g = {0};
  numbers_column(&g, rows, first);
  blobferry_completion_t completion = write_chunk_with(fixture, writer, &g, NULL);
  tree_free(&g.tree);
  return completion;
}

static inline void must_write_numbers(const fixture_t *fixture, blobferry_table_writer_t *writer, int64_t rows,
                                      int64_t first) {
  blobferry_completion_t completion = write_numbers(fixture, writer, rows, first);
  CHECK_INT(completion.result, rows);
  check_outcome(completion, BLOBFERRY_OK, "");
}

typedef blobferry_status_t (*table_writer_verb_t)(blobferry_table_writer_t *, blobferry_cq_t *,
                                                  const blobferry_write_options_t *, uint64_t, blobferry_ticket_t *,
                                                  blobferry_error_t **);

static inline blobferry_completion_t end_table(const fixture_t *fixture, blobferry_table_writer_t *writer,
                                               table_writer_verb_t verb, const blobferry_write_options_t *options) {
  blobferry_error_t *error = NULL;
  blobferry_status_t submitted = verb(writer, fixture->cq, options, 0, NULL, &error);
  return outcome_of(fixture, submitted, error);
}

static inline blobferry_completion_t finish_table(const fixture_t *fixture, blobferry_table_writer_t *writer) {
  return end_table(fixture, writer, blobferry_table_writer_finish, NULL);
}

/* Finishes and frees it. */
static inline void must_finish_table(const fixture_t *fixture, blobferry_table_writer_t *writer, uint64_t rows) {
  blobferry_completion_t completion = finish_table(fixture, writer);
  CHECK_INT(completion.result, rows);
  check_outcome(completion, BLOBFERRY_OK, "");
  blobferry_table_writer_free(writer);
}

static inline void must_abort_table(const fixture_t *fixture, blobferry_table_writer_t *writer) {
  blobferry_completion_t completion = end_table(fixture, writer, blobferry_table_writer_abort, NULL);
  CHECK_INT(completion.result, 0);
  check_outcome(completion, BLOBFERRY_OK, "");
}

#endif
