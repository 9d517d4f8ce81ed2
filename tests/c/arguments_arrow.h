/*
 * A call that is right of every function of arrow.h and table.h, as arguments_calls.h has those of the others. Structs
 * are made for each call: at the places of a call stands only whether they are given.
 */
#ifndef TESTS_C_ARGUMENTS_ARROW_H
#define TESTS_C_ARGUMENTS_ARROW_H

#include "arguments_objects.h"
#include "arrow_structs.h"

#define IF_GIVEN(place, pointer) (a->at[place] == NULL ? NULL : (pointer))

static inline blobferry_status_t call_schema_release_borrowed(arguments_t *a) {
  given_t g = {0};
  int64_column(&g);
  g.root_schema->release = g.s->release = blobferry_schema_release_borrowed;
  blobferry_schema_release_borrowed(IF_GIVEN(SCHEMA, g.root_schema));
  CHECK((g.s->release == NULL) == (a->at[SCHEMA] != NULL));
  tree_free(&g.tree);
  return BLOBFERRY_OK;
}

static inline blobferry_status_t call_array_release_borrowed(arguments_t *a) {
  given_t g = {0};
  int64_column(&g);
  g.root->release = g.a->release = blobferry_array_release_borrowed;
  blobferry_array_release_borrowed(IF_GIVEN(ARRAYS, g.root));
  CHECK((g.a->release == NULL) == (a->at[ARRAYS] != NULL));
  tree_free(&g.tree);
  return BLOBFERRY_OK;
}

static inline blobferry_status_t call_table_import(arguments_t *a) {
  given_t g = {0};
  int64_column(&g);
  blobferry_status_t status =
      blobferry_table_import(a->at[SERVICE], IF_GIVEN(SCHEMA, g.root_schema), IF_GIVEN(ARRAYS, g.root), 1,
                             a->at[OPTIONS], a->at[OUT], a->at[ERROR_OUT]);
  CHECK((g.root->release == NULL) == (status == BLOBFERRY_OK));
  CHECK((g.root_schema->release == NULL) == (status == BLOBFERRY_OK));
  if (status == BLOBFERRY_OK) blobferry_table_free(*(blobferry_table_t **)a->at[OUT]);
  tree_free(&g.tree);
  return status;
}

static inline blobferry_status_t call_table_import_stream(arguments_t *a) {
  given_t g = {0};
  int64_column(&g);
  stream_t                   stream = {.given = &g};
  struct ArrowArrayStream    given = as_stream(&stream);
  blobferry_import_options_t options = BLOBFERRY_IMPORT_OPTIONS_INIT;
  options.flags = BLOBFERRY_IMPORT_ANY_THREAD;
  blobferry_status_t status = blobferry_table_import_stream(a->at[SERVICE], IF_GIVEN(STREAM, &given), &options,
                                                            a->at[OUT], a->at[ERROR_OUT]);
  CHECK((given.release == NULL) == (status == BLOBFERRY_OK));
  if (status == BLOBFERRY_OK) blobferry_table_free(*(blobferry_table_t **)a->at[OUT]);
  CHECK_INT(atomic_load(&stream.released), status == BLOBFERRY_OK);
  tree_free(&g.tree);
  return status;
}

/* A table to be asked, where one is given; and what its memory is of. */
static inline blobferry_table_t *asked_table(arguments_t *a, given_t *g) {
  memset(g, 0, sizeof *g);
  int64_column(g);
  return a->at[TABLE] == NULL ? NULL : must_import(a->fixture.service, g, 0);
}

static inline void asked(blobferry_table_t *table, given_t *g) {
  blobferry_table_free(table);
  tree_free(&g->tree);
}

static inline blobferry_status_t call_table_export(arguments_t *a) {
  given_t            g;
  blobferry_table_t *table = asked_table(a, &g);
  blobferry_status_t status = blobferry_table_export(table, a->at[OUT], a->at[ERROR_OUT]);
  if (status == BLOBFERRY_OK) ((struct ArrowArrayStream *)a->at[OUT])->release(a->at[OUT]);
  asked(table, &g);
  return status;
}

static inline blobferry_status_t call_table_export_chunk(arguments_t *a) {
  given_t            g;
  blobferry_table_t *table = asked_table(a, &g);
  struct ArrowSchema schema;
  blobferry_status_t status =
      blobferry_table_export_chunk(table, 0, IF_GIVEN(SCHEMA, &schema), a->at[OUT], a->at[ERROR_OUT]);
  if (status == BLOBFERRY_OK && a->at[SCHEMA] != NULL) schema.release(&schema);
  if (status == BLOBFERRY_OK) ((struct ArrowArray *)a->at[OUT])->release(a->at[OUT]);
  asked(table, &g);
  return status;
}

static inline blobferry_status_t call_table_schema(arguments_t *a) {
  given_t            g;
  blobferry_table_t *table = asked_table(a, &g);
  blobferry_status_t status = blobferry_table_schema(table, a->at[OUT], a->at[ERROR_OUT]);
  if (status == BLOBFERRY_OK) ((struct ArrowSchema *)a->at[OUT])->release(a->at[OUT]);
  asked(table, &g);
  return status;
}

static inline blobferry_status_t call_table_aggregate(arguments_t *a) {
  given_t                 g;
  blobferry_table_t      *table = asked_table(a, &g);
  blobferry_aggregation_t sum = {a->at[TEXT], BLOBFERRY_AGGREGATE_SUM, 0};
  blobferry_status_t      status = taken(a, blobferry_table_aggregate(table, a->at[CQ], IF_GIVEN(ARRAYS, &sum), 1,
                                                                      a->at[OPTIONS], 4711, a->at[TICKET_OUT],
                                                                      a->at[ERROR_OUT]));
  asked(table, &g);
  return status;
}

static inline blobferry_status_t call_table_rows(arguments_t *a) {
  given_t            g;
  blobferry_table_t *table = asked_table(a, &g);
  CHECK_INT(blobferry_table_rows(table), table == NULL ? 0 : 4);
  asked(table, &g);
  return BLOBFERRY_OK;
}

static inline blobferry_status_t call_table_chunks(arguments_t *a) {
  given_t            g;
  blobferry_table_t *table = asked_table(a, &g);
  CHECK_INT(blobferry_table_chunks(table), table == NULL ? 0 : 1);
  asked(table, &g);
  return BLOBFERRY_OK;
}

static inline blobferry_status_t call_table_copied_buffers(arguments_t *a) {
  given_t            g;
  blobferry_table_t *table = asked_table(a, &g);
  CHECK_INT(blobferry_table_copied_buffers(table), 0);
  asked(table, &g);
  return BLOBFERRY_OK;
}

static inline blobferry_status_t call_table_free(arguments_t *a) {
  given_t            g;
  blobferry_table_t *table = asked_table(a, &g);
  asked(table, &g);
  return BLOBFERRY_OK;
}

#endif
