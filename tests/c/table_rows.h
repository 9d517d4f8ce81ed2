/*
 * The rows of objects in one line each, written as CSV: what a reader gives is compared with a text.
 */
#ifndef TESTS_C_TABLE_ROWS_H
#define TESTS_C_TABLE_ROWS_H

#include "table_streams.h"

static const blobferry_table_reader_options_t all_rows = BLOBFERRY_TABLE_READER_OPTIONS_INIT;

static inline blobferry_table_reader_t *rows_of(const fixture_t *fixture, const char *key,
                                                const blobferry_table_reader_options_t *options) {
  blobferry_table_reader_t *reader = NULL;
  blobferry_error_t        *error = NULL;
  must(blobferry_table_reader_new(fixture->store, &key, 1, options, &reader, &error), error, key);
  return reader;
}

static inline blobferry_completion_t next_rows(const fixture_t *fixture, blobferry_table_reader_t *reader) {
  blobferry_error_t *error = NULL;
  blobferry_status_t status = blobferry_table_reader_next(reader, fixture->cq, NULL, 0, NULL, &error);
  return outcome_of(fixture, status, error);
}

static inline blobferry_completion_t look_at(const fixture_t *fixture, blobferry_table_reader_t *reader) {
  blobferry_error_t *error = NULL;
  blobferry_status_t status = blobferry_table_reader_open(reader, fixture->cq, NULL, 0, NULL, &error);
  return outcome_of(fixture, status, error);
}

static inline void put_text(const fixture_t *fixture, const char *key, const char *text) {
  blobferry_error_t *error = NULL;
  uint8_t           *copy = malloc(strlen(text) + 1);
  memcpy(copy, text, strlen(text) + 1);
  blobferry_status_t status =
      blobferry_object_put(fixture->store, fixture->cq, key, copy, strlen(text), NULL, 0, NULL, &error);
  check_outcome(outcome_of(fixture, status, error), BLOBFERRY_OK, "");
  free(copy);
}

/* What is left of a reader goes through a table of a stream into an object, whose text is compared. The reader is gone. */
static inline void check_rows_left(const fixture_t *fixture, blobferry_table_reader_t *reader, const char *wanted) {
  struct ArrowArrayStream    stream;
  blobferry_import_options_t any = BLOBFERRY_IMPORT_OPTIONS_INIT;
  blobferry_table_t         *table = NULL;
  blobferry_error_t         *error = NULL;
  any.flags = BLOBFERRY_IMPORT_ANY_THREAD;
  must(blobferry_table_reader_export(reader, &stream, &error), error, "blobferry_table_reader_export");
  blobferry_status_t status = blobferry_table_import_stream(fixture->service, &stream, &any, &table, &error);
  if (status != BLOBFERRY_OK) {
    FAIL("no rows: %s", blobferry_error_message(error));
    blobferry_error_free(error);
    stream.release(&stream);
    return;
  }
  blobferry_table_write_options_t as_csv = in_format(BLOBFERRY_FORMAT_CSV);
  check_outcome(put_table(fixture, "rows-of-a-check", table, &as_csv), BLOBFERRY_OK, "");
  blobferry_table_free(table);
  check_text_object(fixture, "rows-of-a-check", wanted);
}

static inline void check_rows(const fixture_t *fixture, const char *key,
                              const blobferry_table_reader_options_t *options, const char *wanted) {
  check_rows_left(fixture, rows_of(fixture, key, options), wanted);
}

/* The first batch must end so. */
static inline void check_no_rows(const fixture_t *fixture, const char *key,
                                 const blobferry_table_reader_options_t *options, blobferry_status_t status,
                                 const char *part) {
  blobferry_table_reader_t *reader = rows_of(fixture, key, options);
  /* It stays so. */
  check_outcome(next_rows(fixture, reader), status, part);
  check_outcome(next_rows(fixture, reader), status, part);
  blobferry_table_reader_free(reader);
}

/* The object in another format, at another key. */
static inline void convert_to(const fixture_t *fixture, const char *from, const char *to,
                              const blobferry_table_write_options_t *options) {
  blobferry_error_t        *error = NULL;
  blobferry_table_reader_t *reader = rows_of(fixture, from, NULL);
  blobferry_status_t        status =
      blobferry_table_convert(reader, fixture->cq, fixture->store, to, options, 0, NULL, &error);
  check_outcome(outcome_of(fixture, status, error), BLOBFERRY_OK, "");
  blobferry_table_reader_free(reader);
}

#endif
