/*
 * A call that is right of every function of format.h and table_write.h, as arguments_calls.h has those of the others.
 * Structs, tables and writers are made for each call, as in arguments_arrow.h.
 */
#ifndef TESTS_C_ARGUMENTS_TABLE_WRITE_H
#define TESTS_C_ARGUMENTS_TABLE_WRITE_H

#include "arguments_arrow.h"

static inline blobferry_status_t call_details_rows(arguments_t *a) {
  CHECK_INT(blobferry_details_rows(a->at[DETAILS]), 0);
  return BLOBFERRY_OK;
}

static inline blobferry_status_t call_details_row_groups(arguments_t *a) {
  CHECK_INT(blobferry_details_row_groups(a->at[DETAILS]), 0);
  return BLOBFERRY_OK;
}

static inline blobferry_status_t call_table_put(arguments_t *a) {
  given_t            g;
  blobferry_table_t *table = asked_table(a, &g);
  blobferry_status_t status = taken(a, blobferry_table_put(a->at[STORE], a->at[CQ], a->at[TEXT], table, a->at[OPTIONS],
                                                           4711, a->at[TICKET_OUT], a->at[ERROR_OUT]));
  asked(table, &g);
  return status;
}

static inline blobferry_status_t call_table_writer_new(arguments_t *a) {
  given_t g = {0};
  int64_column(&g);
  blobferry_status_t status =
      blobferry_table_writer_new(a->at[STORE], a->at[TEXT], IF_GIVEN(SCHEMA, g.root_schema), a->at[OPTIONS],
                                 a->at[OUT], a->at[ERROR_OUT]);
  CHECK((g.root_schema->release == NULL) == (status == BLOBFERRY_OK));
  if (status == BLOBFERRY_OK) blobferry_table_writer_free(*(blobferry_table_writer_t **)a->at[OUT]);
  tree_free(&g.tree);
  return status;
}

/* A writer to be asked, where one is given. */
static inline blobferry_table_writer_t *asked_table_writer(arguments_t *a) {
  blobferry_table_writer_t *writer = NULL;
  given_t                   g = {0};
  if (a->at[TABLE_WRITER] == NULL) return NULL;
  int64_column(&g);
  must(blobferry_table_writer_new(a->fixture.store, "rows.csv", g.root_schema, NULL, &writer, NULL), NULL,
       "blobferry_table_writer_new");
  tree_free(&g.tree);
  return writer;
}

static inline blobferry_status_t call_table_writer_write(arguments_t *a) {
  blobferry_table_writer_t *writer = asked_table_writer(a);
  given_t                   g = {0};
  int64_column(&g);
  blobferry_status_t status =
      taken(a, blobferry_table_writer_write(writer, a->at[CQ], IF_GIVEN(ARRAYS, g.root), a->at[OPTIONS], 4711,
                                            a->at[TICKET_OUT], a->at[ERROR_OUT]));
  CHECK((g.root->release == NULL) == (status == BLOBFERRY_OK));
  blobferry_table_writer_free(writer);
  tree_free(&g.tree);
  return status;
}

static inline blobferry_status_t call_table_writer_finish(arguments_t *a) {
  blobferry_table_writer_t *writer = asked_table_writer(a);
  blobferry_status_t        status = taken(a, blobferry_table_writer_finish(writer, a->at[CQ], a->at[OPTIONS], 4711,
                                                                            a->at[TICKET_OUT], a->at[ERROR_OUT]));
  blobferry_table_writer_free(writer);
  return status;
}

static inline blobferry_status_t call_table_writer_abort(arguments_t *a) {
  blobferry_table_writer_t *writer = asked_table_writer(a);
  blobferry_status_t        status = taken(a, blobferry_table_writer_abort(writer, a->at[CQ], a->at[OPTIONS], 4711,
                                                                           a->at[TICKET_OUT], a->at[ERROR_OUT]));
  blobferry_table_writer_free(writer);
  return status;
}

static inline blobferry_status_t call_table_writer_free(arguments_t *a) {
  blobferry_table_writer_free(asked_table_writer(a));
  return BLOBFERRY_OK;
}

/* -- texts ----------------------------------------------------------------------------------------------- */

static inline void set_table_content_type(arguments_t *a, const char *text) {
  a->options.table_write.content_type = text;
}

static inline void set_table_metadata_value(arguments_t *a, const char *text) {
  a->pairs[0] = (blobferry_pair_t){"key", text};
  a->options.table_write.metadata = a->pairs;
  a->options.table_write.metadata_count = 1;
}

static inline void set_table_pair_key(arguments_t *a, const char *text) {
  a->pairs[0] = (blobferry_pair_t){text, "value"};
  a->options.table_write.format = BLOBFERRY_FORMAT_PARQUET;
  a->options.table_write.pairs = a->pairs;
  a->options.table_write.pair_count = 1;
}

#endif
