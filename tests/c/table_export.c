/*
 * What goes out: the structs and streams that the library makes are those of the interface, refer to the memory that
 * came in, and can be given back to it.
 */
#include "table_columns.h"

/* -- columns of every type --------------------------------------------------------------------------------------- */

typedef void (*column_fn)(given_t *g);

static const column_fn columns[] = {
    int64_column,    text_column,       large_text_column,   view_column,       list_column,      list_view_column,
    fixed_list_column, struct_column,   map_column,          run_column,        dense_union_column, sparse_union_column,
    dictionary_column, decimal_column,  decimal32_column,    decimal64_column,  decimal256_column,
    timestamp_column, bytes_column,     null_column,
};
#define COLUMNS (sizeof columns / sizeof columns[0])

static void check_schema(const struct ArrowSchema *got, const struct ArrowSchema *wanted) {
  CHECK_TEXT(got->format, wanted->format);
  CHECK(got->release != NULL);
  CHECK_INT(got->n_children, wanted->n_children);
  CHECK((got->dictionary != NULL) == (wanted->dictionary != NULL));
  for (int64_t i = 0; i < wanted->n_children; i++) {
    CHECK_TEXT(got->children[i]->name, wanted->children[i]->name);
    check_schema(got->children[i], wanted->children[i]);
  }
  if (wanted->dictionary != NULL) check_schema(got->dictionary, wanted->dictionary);
}

/* The same buffers at the same addresses; the one with the sizes of views is the library's own. */
static void check_array(const struct ArrowSchema *schema, const struct ArrowArray *got,
                        const struct ArrowArray *wanted) {
  bool    is_view = schema->format[0] == 'v';
  int64_t last = wanted->n_buffers - 1;
  CHECK(got->release != NULL);
  CHECK_INT(got->length, wanted->length);
  CHECK_INT(got->n_buffers, wanted->n_buffers);
  CHECK_INT(got->n_children, wanted->n_children);
  for (int64_t i = 0; i < wanted->n_buffers - is_view; i++) CHECK(got->buffers[i] == wanted->buffers[i]);
  if (is_view)
    CHECK_INT(*(const int64_t *)got->buffers[last], *(const int64_t *)wanted->buffers[last]);
  for (int64_t i = 0; i < wanted->n_children; i++)
    check_array(schema->children[i], got->children[i], wanted->children[i]);
  CHECK((got->dictionary != NULL) == (wanted->dictionary != NULL));
  if (wanted->dictionary != NULL) check_array(schema->dictionary, got->dictionary, wanted->dictionary);
}

static void every_type_goes_out_as_it_came_in(void) {
  blobferry_service_t *service = new_service();
  for (size_t i = 0; i < COLUMNS; i++) {
    given_t            g = {0};
    struct ArrowSchema schema;
    struct ArrowArray  array;
    blobferry_error_t *error = NULL;
    int                failures = atomic_load(&failures_in_test);
    columns[i](&g);
    blobferry_table_t *table = must_import(service, &g, 0);
    must(blobferry_table_export_chunk(table, 0, &schema, &array, &error), error, "blobferry_table_export_chunk");
    blobferry_table_free(table);
    check_schema(&schema, g.root_schema);
    check_array(g.root_schema, &array, g.root);
    if (atomic_load(&failures_in_test) != failures) FAIL("^ that was a column of \"%s\"", g.s->format);
    CHECK_INT(atomic_load(&g.tree.arrays_released), columns[i] == null_column); /* nothing lies in memory of it */
    array.release(&array);
    schema.release(&schema);
    CHECK_INT(atomic_load(&g.tree.arrays_released), 1);
    tree_free(&g.tree);
  }
  blobferry_service_free(service);
}

/* What went out comes in again, as often as one likes. */
static void what_went_out_comes_in(void) {
  blobferry_service_t *service = new_service();
  for (size_t i = 0; i < COLUMNS; i++) {
    given_t            g = {0};
    struct ArrowSchema schema;
    struct ArrowArray  array;
    columns[i](&g);
    blobferry_table_t *table = must_import(service, &g, 0);
    for (int again = 0; again < 3; again++) {
      blobferry_error_t *error = NULL;
      must(blobferry_table_export_chunk(table, 0, &schema, &array, &error), error, "blobferry_table_export_chunk");
      blobferry_table_free(table);
      must(blobferry_table_import(service, &schema, &array, 1, NULL, &table, &error), error, "blobferry_table_import");
      CHECK(schema.release == NULL && array.release == NULL);
      CHECK_INT(blobferry_table_rows(table), g.root->length);
    }
    CHECK_INT(atomic_load(&g.tree.arrays_released), columns[i] == null_column); /* nothing lies in memory of it */
    blobferry_table_free(table);
    CHECK_INT(atomic_load(&g.tree.arrays_released), 1);
    tree_free(&g.tree);
  }
  blobferry_service_free(service);
}

/* -- streams ----------------------------------------------------------------------------------------------------- */

static void a_stream_gives_every_chunk_and_then_the_end(void) {
  blobferry_service_t    *service = new_service();
  given_t                 g[3] = {{.s = NULL}};
  struct ArrowArray       chunks[3], out;
  struct ArrowSchema      schema;
  struct ArrowArrayStream stream;
  blobferry_table_t      *table = NULL;
  for (int i = 0; i < 3; i++) {
    int64_column(&g[i]);
    chunks[i] = *g[i].root;
  }
  must(blobferry_table_import(service, g[0].root_schema, chunks, 3, NULL, &table, NULL), NULL,
       "blobferry_table_import");
  must(blobferry_table_export(table, &stream, NULL), NULL, "blobferry_table_export");
  blobferry_table_free(table);
  blobferry_service_free(service);
  CHECK(stream.get_last_error(&stream) == NULL);
  for (int i = 0; i < 2; i++) {
    CHECK_INT(stream.get_schema(&stream, &schema), 0);
    check_schema(&schema, g[0].root_schema);
    schema.release(&schema);
  }
  for (int i = 0; i < 3; i++) {
    CHECK_INT(stream.get_next(&stream, &out), 0);
    check_array(g[0].root_schema, &out, g[i].root);
    out.release(&out);
  }
  for (int i = 0; i < 2; i++) {
    memset(&out, 0xEE, sizeof out);
    CHECK_INT(stream.get_next(&stream, &out), 0);
    CHECK(out.release == NULL);
  }
  CHECK_INT(stream.get_schema(&stream, NULL), EINVAL);
  CHECK(strstr(stream.get_last_error(&stream), "no place for the schema") != NULL);
  CHECK_INT(stream.get_next(&stream, NULL), EINVAL);
  stream.release(&stream);
  CHECK(stream.release == NULL);
  for (int i = 0; i < 3; i++) {
    CHECK_INT(atomic_load(&g[i].tree.arrays_released), 1);
    tree_free(&g[i].tree);
  }
}

/* A stream that is moved is used at its new place. */
static void a_stream_may_be_moved_and_left_unread(void) {
  blobferry_service_t    *service = new_service();
  given_t                 g = {0};
  struct ArrowArrayStream stream, moved;
  struct ArrowArray       out;
  int64_column(&g);
  blobferry_table_t *table = must_import(service, &g, 0);
  must(blobferry_table_export(table, &stream, NULL), NULL, "blobferry_table_export");
  moved = stream;
  memset(&stream, 0xEE, sizeof stream);
  CHECK_INT(moved.get_next(&moved, &out), 0);
  out.release(&out);
  moved.release(&moved);
  must(blobferry_table_export(table, &stream, NULL), NULL, "blobferry_table_export");
  stream.release(&stream);
  CHECK_INT(atomic_load(&g.tree.arrays_released), 0);
  blobferry_table_free(table);
  CHECK_INT(atomic_load(&g.tree.arrays_released), 1);
  blobferry_service_free(service);
  tree_free(&g.tree);
}

static void metadata_and_flags_go_through(void) {
  blobferry_service_t *service = new_service();
  given_t              g = {0};
  struct ArrowSchema   schema;
  uint8_t              metadata[32];
  int32_t              numbers[] = {1, 3, 5};
  dictionary_column(&g);
  memcpy(metadata, &numbers[0], 4);
  memcpy(metadata + 4, &numbers[1], 4);
  memcpy(metadata + 8, "key", 3);
  memcpy(metadata + 11, &numbers[2], 4);
  memcpy(metadata + 15, "value", 5);
  g.s->metadata = g.root_schema->metadata = tree_copy(&g.tree, metadata, 20);
  g.s->flags = ARROW_FLAG_DICTIONARY_ORDERED;
  blobferry_table_t *table = must_import(service, &g, 0);
  must(blobferry_table_schema(table, &schema, NULL), NULL, "blobferry_table_schema");
  CHECK(schema.metadata != NULL && memcmp(schema.metadata, metadata, 20) == 0);
  CHECK(schema.children[0]->metadata != NULL && memcmp(schema.children[0]->metadata, metadata, 20) == 0);
  CHECK_INT(schema.children[0]->flags, ARROW_FLAG_DICTIONARY_ORDERED);
  schema.release(&schema);
  blobferry_table_free(table);
  blobferry_service_free(service);
  tree_free(&g.tree);
}

TESTS(TEST(every_type_goes_out_as_it_came_in), TEST(what_went_out_comes_in),
      TEST(a_stream_gives_every_chunk_and_then_the_end), TEST(a_stream_may_be_moved_and_left_unread),
      TEST(metadata_and_flags_go_through))
