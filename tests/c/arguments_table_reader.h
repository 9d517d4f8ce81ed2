/*
 * A call that is right of every function of table_reader.h, and of the conversion, as arguments_calls.h has those of the
 * others. Readers are made for each call, as structs are in arguments_arrow.h.
 */
#ifndef TESTS_C_ARGUMENTS_TABLE_READER_H
#define TESTS_C_ARGUMENTS_TABLE_READER_H

#include "arguments_table_write.h"

static inline blobferry_status_t call_table_reader_new(arguments_t *a) {
  blobferry_status_t status = blobferry_table_reader_new(a->at[STORE], (const char *const *)a->at[KEYS], 1,
                                                         a->at[OPTIONS], a->at[OUT], a->at[ERROR_OUT]);
  if (status == BLOBFERRY_OK) blobferry_table_reader_free(*(blobferry_table_reader_t **)a->at[OUT]);
  return status;
}

/* A reader to be asked, where one is given. It has looked at its object if that is wanted. */
static inline blobferry_table_reader_t *asked_table_reader(arguments_t *a, bool is_open) {
  blobferry_table_reader_t *reader = NULL;
  const char               *key = "rows.parquet";
  given_t                   g = {0};
  if (a->at[TABLE_READER] == NULL) return NULL;
  int64_column(&g);
  blobferry_table_t *table = must_import(a->fixture.service, &g, 0);
  must(blobferry_table_put(a->fixture.store, a->fixture.cq, key, table, NULL, 0, NULL, NULL), NULL,
       "blobferry_table_put");
  check_outcome(wait_one(a->fixture.cq), BLOBFERRY_OK, "");
  blobferry_table_free(table);
  tree_free(&g.tree);
  must(blobferry_table_reader_new(a->fixture.store, &key, 1, NULL, &reader, NULL), NULL, "blobferry_table_reader_new");
  if (is_open) {
    must(blobferry_table_reader_open(reader, a->fixture.cq, NULL, 0, NULL, NULL), NULL, "blobferry_table_reader_open");
    check_outcome(wait_one(a->fixture.cq), BLOBFERRY_OK, "");
  }
  return reader;
}

/* The call on a reader, which is freed behind it. */
#define ASK_TABLE_READER(is_open, ...)                                   \
  do {                                                                   \
    blobferry_table_reader_t *reader = asked_table_reader(a, (is_open)); \
    blobferry_status_t        status = __VA_ARGS__;                      \
    blobferry_table_reader_free(reader);                                 \
    return status;                                                       \
  } while (0)

static inline blobferry_status_t call_table_reader_open(arguments_t *a) {
  ASK_TABLE_READER(false, taken(a, blobferry_table_reader_open(reader, a->at[CQ], a->at[OPTIONS], 4711,
                                                               a->at[TICKET_OUT], a->at[ERROR_OUT])));
}

static inline blobferry_status_t call_table_reader_next(arguments_t *a) {
  ASK_TABLE_READER(false, taken(a, blobferry_table_reader_next(reader, a->at[CQ], a->at[OPTIONS], 4711,
                                                               a->at[TICKET_OUT], a->at[ERROR_OUT])));
}

static inline blobferry_status_t call_table_reader_schema(arguments_t *a) {
  blobferry_table_reader_t *reader = asked_table_reader(a, true);
  blobferry_status_t        status = blobferry_table_reader_schema(reader, a->at[OUT], a->at[ERROR_OUT]);
  if (status == BLOBFERRY_OK) ((struct ArrowSchema *)a->at[OUT])->release(a->at[OUT]);
  blobferry_table_reader_free(reader);
  return status;
}

static inline blobferry_status_t call_table_reader_rows(arguments_t *a) {
  ASK_TABLE_READER(true, blobferry_table_reader_rows(reader, a->at[OUT], a->at[ERROR_OUT]));
}

static inline blobferry_status_t call_table_reader_row_groups(arguments_t *a) {
  ASK_TABLE_READER(true, blobferry_table_reader_row_groups(reader, a->at[OUT], a->at[ERROR_OUT]));
}

static inline blobferry_status_t call_table_reader_pairs(arguments_t *a) {
  ASK_TABLE_READER(true, blobferry_table_reader_pairs(reader, a->at[OUT], a->at[COUNT_OUT], a->at[ERROR_OUT]));
}

static inline blobferry_status_t call_table_reader_statistics(arguments_t *a) {
  blobferry_table_reader_t *reader = asked_table_reader(a, true);
  blobferry_status_t        status = blobferry_table_reader_statistics(reader, a->at[OUT], a->at[ERROR_OUT]);
  if (status == BLOBFERRY_OK) blobferry_table_free(*(blobferry_table_t **)a->at[OUT]);
  blobferry_table_reader_free(reader);
  return status;
}

static inline blobferry_status_t call_table_reader_skipped(arguments_t *a) {
  blobferry_table_reader_t *reader = asked_table_reader(a, false);
  CHECK_INT(blobferry_table_reader_skipped(reader), 0);
  blobferry_table_reader_free(reader);
  return BLOBFERRY_OK;
}

static inline blobferry_status_t call_table_reader_export(arguments_t *a) {
  blobferry_table_reader_t *reader = asked_table_reader(a, false);
  blobferry_status_t        status = blobferry_table_reader_export(reader, a->at[OUT], a->at[ERROR_OUT]);
  if (status == BLOBFERRY_OK)
    ((struct ArrowArrayStream *)a->at[OUT])->release(a->at[OUT]);
  else
    blobferry_table_reader_free(reader);
  return status;
}

static inline blobferry_status_t call_table_reader_free(arguments_t *a) {
  blobferry_table_reader_free(asked_table_reader(a, false));
  return BLOBFERRY_OK;
}

static inline blobferry_status_t call_table_convert(arguments_t *a) {
  ASK_TABLE_READER(false, taken(a, blobferry_table_convert(reader, a->at[CQ], a->at[STORE], a->at[TEXT], a->at[OPTIONS],
                                                           4711, a->at[TICKET_OUT], a->at[ERROR_OUT])));
}

#endif
