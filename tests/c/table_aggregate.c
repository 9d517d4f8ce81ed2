/*
 * Aggregates of tables and streams through the ABI: names, types and values of the row, what is refused, and requests that
 * end early. src/tabular/aggregate.rs has every type; tests/tables compares with pyarrow.
 */
#include "table_columns.h"
#include "verbs.h"

static blobferry_completion_t aggregate_with(const fixture_t *fixture, const blobferry_table_t *table,
                                             const blobferry_aggregation_t *asked, size_t count,
                                             const blobferry_aggregate_options_t *options) {
  blobferry_error_t *error = NULL;
  blobferry_status_t submitted =
      blobferry_table_aggregate(table, fixture->cq, asked, count, options, 0, NULL, &error);
  return outcome_of(fixture, submitted, error);
}

#define ASKED(...) (const blobferry_aggregation_t[]){__VA_ARGS__}, sizeof((const blobferry_aggregation_t[]){__VA_ARGS__}) / sizeof(blobferry_aggregation_t)
#define AGGREGATE(fixture, table, ...) aggregate_with(fixture, table, ASKED(__VA_ARGS__), NULL)

#define COUNT {NULL, BLOBFERRY_AGGREGATE_COUNT, 0}
#define OF_X(function) {"x", BLOBFERRY_AGGREGATE_##function, 0}

/* Takes the one row of a completion out: a struct with a child for each aggregation. */
static struct ArrowArray row_of(blobferry_completion_t completion, uint64_t rows, struct ArrowSchema *schema_out) {
  struct ArrowArray  row;
  blobferry_error_t *error = NULL;
  must(completion.status, completion.error, "blobferry_table_aggregate");
  CHECK_INT(completion.result, rows);
  CHECK_INT(blobferry_table_rows(completion.table), 1);
  CHECK_INT(blobferry_table_chunks(completion.table), 1);
  must(blobferry_table_export_chunk(completion.table, 0, schema_out, &row, &error), error, "export");
  dispose(&completion);
  return row;
}

static void check_column(const struct ArrowSchema *schema, int64_t column, const char *name, const char *format) {
  CHECK_TEXT(schema->children[column]->name, name);
  CHECK_TEXT(schema->children[column]->format, format);
}

static int64_t integer_of(const struct ArrowArray *row, int64_t column) {
  return ((const int64_t *)row->children[column]->buffers[1])[row->children[column]->offset];
}

static double float_of(const struct ArrowArray *row, int64_t column) {
  return ((const double *)row->children[column]->buffers[1])[row->children[column]->offset];
}

static void every_function_of_integers(void) {
  given_t           g = {0};
  fixture_t         fixture = in_memory();
  struct ArrowSchema schema;
  int64_column(&g);
  static const uint8_t  valid[] = {0x0D};
  g.a->buffers[0] = valid; /* without -2 */
  blobferry_table_t *table = must_import(fixture.service, &g, 0);
  struct ArrowArray  row = row_of(AGGREGATE(&fixture, table, COUNT, OF_X(COUNT), OF_X(NULL_COUNT), OF_X(SUM), OF_X(MIN),
                                            OF_X(MAX), OF_X(MEAN)),
                                  4, &schema);
  blobferry_table_free(table);
  CHECK_INT(atomic_load(&g.tree.arrays_released), 1); /* the row needs nothing of it */
  static const char *const names[] = {"count()", "count(x)", "null_count(x)", "sum(x)", "min(x)", "max(x)"};
  static const char *const formats[] = {"L", "L", "L", "l", "l", "l"};
  static const int64_t     wanted[] = {4, 3, 1, 8, 1, 4};
  for (int64_t i = 0; i < 6; i++) {
    check_column(&schema, i, names[i], formats[i]);
    CHECK_INT(integer_of(&row, i), wanted[i]);
  }
  check_column(&schema, 6, "mean(x)", "g");
  CHECK(float_of(&row, 6) > 2.66 && float_of(&row, 6) < 2.67);
  row.release(&row);
  schema.release(&schema);
  fixture_free(&fixture);
  tree_free(&g.tree);
}

/* What is smallest and largest of a column of any type that has an order is one of its values. */
static void extremes_keep_the_type(void) {
  static void (*const columns[])(given_t *) = {text_column,      large_text_column, view_column,     dictionary_column,
                                               decimal_column,   decimal32_column,  decimal64_column, decimal256_column,
                                               timestamp_column, bytes_column,      int64_column,     run_column};
  for (size_t i = 0; i < sizeof columns / sizeof *columns; i++) {
    given_t            g = {0};
    fixture_t          fixture = in_memory();
    struct ArrowSchema schema;
    columns[i](&g);
    const char *format = g.s->dictionary != NULL    ? g.s->dictionary->format
                         : g.s->n_children > 0 ? g.s->children[1]->format
                                               : g.s->format;
    blobferry_table_t *table = must_import(fixture.service, &g, 0);
    struct ArrowArray  row = row_of(AGGREGATE(&fixture, table, OF_X(MIN), OF_X(MAX)), (uint64_t)g.a->length, &schema);
    for (int64_t c = 0; c < 2; c++) {
      CHECK(strncmp(schema.children[c]->format, format, 3) == 0);
      CHECK_INT(row.children[c]->null_count, 0);
    }
    row.release(&row);
    schema.release(&schema);
    blobferry_table_free(table);
    fixture_free(&fixture);
    tree_free(&g.tree);
  }
}

static void texts_are_ordered_by_their_bytes(void) {
  given_t            g = {0};
  fixture_t          fixture = in_memory();
  struct ArrowSchema schema;
  text_column(&g);
  blobferry_table_t *table = must_import(fixture.service, &g, 0);
  struct ArrowArray  row = row_of(AGGREGATE(&fixture, table, OF_X(MAX), OF_X(MIN)), 3, &schema);
  const int32_t     *ends = row.children[0]->buffers[1];
  CHECK_INT(ends[row.children[0]->offset + 1] - ends[row.children[0]->offset], 5);
  CHECK(memcmp((const char *)row.children[0]->buffers[2] + ends[row.children[0]->offset], "\xc3\xa9\xc3\xa9n", 5) == 0);
  ends = row.children[1]->buffers[1];
  CHECK_INT(ends[row.children[1]->offset + 1] - ends[row.children[1]->offset], 0);
  row.release(&row);
  schema.release(&schema);
  blobferry_table_free(table);
  fixture_free(&fixture);
  tree_free(&g.tree);
}

static void a_table_without_rows_has_no_sum(void) {
  given_t            g = {0};
  fixture_t          fixture = in_memory();
  struct ArrowSchema schema;
  blobferry_table_t *table = NULL;
  blobferry_error_t *error = NULL;
  int64_column(&g);
  must(blobferry_table_import(fixture.service, g.root_schema, NULL, 0, NULL, &table, &error), error, "import");
  struct ArrowArray row = row_of(AGGREGATE(&fixture, table, COUNT, OF_X(SUM), OF_X(MIN), OF_X(MEAN)), 0, &schema);
  CHECK_INT(integer_of(&row, 0), 0);
  for (int64_t i = 1; i < 4; i++) CHECK_INT(row.children[i]->null_count, 1);
  row.release(&row);
  schema.release(&schema);
  blobferry_table_free(table);
  fixture_free(&fixture);
  tree_free(&g.tree);
}

static void a_sum_beyond_64_bits_is_an_error(void) {
  given_t   g = {0};
  fixture_t fixture = in_memory();
  set_column(&g, new_schema(&g.tree, "l", "x", 0),
             new_array(&g.tree, 3, BUFFERS(NULL, VALUES(&g.tree, int64_t, INT64_MAX, 1, -1)), 0));
  blobferry_table_t *once = NULL, *twice = NULL;
  blobferry_error_t *error = NULL;
  struct ArrowSchema schemas[2];
  copy_of_schema(&g.tree, g.root_schema, &schemas[0]);
  copy_of_schema(&g.tree, g.root_schema, &schemas[1]);
  struct ArrowArray more[3];
  for (int i = 0; i < 3; i++) copy_of_array(&g.tree, g.root, &more[i]);
  must(blobferry_table_import(fixture.service, &schemas[0], more, 1, NULL, &once, &error), error, "import");
  must(blobferry_table_import(fixture.service, &schemas[1], more + 1, 2, NULL, &twice, &error), error, "import");
  /* On the way it is beyond them; in the end it is not. */
  struct ArrowSchema schema;
  struct ArrowArray  row = row_of(AGGREGATE(&fixture, once, OF_X(SUM)), 3, &schema);
  CHECK(integer_of(&row, 0) == INT64_MAX);
  row.release(&row);
  schema.release(&schema);
  check_outcome(AGGREGATE(&fixture, twice, OF_X(SUM)), BLOBFERRY_E_RANGE,
                "aggregate `sum(x)`: column \"x\": the sum is beyond what Int64 holds");
  row = row_of(AGGREGATE(&fixture, twice, OF_X(MEAN)), 6, &schema);
  CHECK(float_of(&row, 0) > 3e18);
  row.release(&row);
  schema.release(&schema);
  blobferry_table_free(once);
  blobferry_table_free(twice);
  fixture_free(&fixture);
  tree_free(&g.tree);
}

static void what_makes_no_sense_is_refused(void) {
  given_t   g = {0}, text = {0}, lists = {0};
  fixture_t fixture = in_memory();
  int64_column(&g);
  text_column(&text);
  list_column(&lists);
  blobferry_table_t *table = must_import(fixture.service, &g, 0), *texts = must_import(fixture.service, &text, 0),
                    *list = must_import(fixture.service, &lists, 0);
  check_refusal(AGGREGATE(&fixture, table, {"y", BLOBFERRY_AGGREGATE_SUM, 0}), BLOBFERRY_E_ARGUMENT, "no column \"y\"");
  check_refusal(AGGREGATE(&fixture, table, {NULL, BLOBFERRY_AGGREGATE_SUM, 0}), BLOBFERRY_E_ARGUMENT, "names no column");
  check_refusal(AGGREGATE(&fixture, table, {"x", 6, 0}), BLOBFERRY_E_ARGUMENT, "function` is 6");
  check_refusal(AGGREGATE(&fixture, table, {"x", 0, 1}), BLOBFERRY_E_ARGUMENT, "reserved");
  check_refusal(AGGREGATE(&fixture, table, {"\xff", 0, 0}), BLOBFERRY_E_ARGUMENT, "UTF-8");
  check_refusal(aggregate_with(&fixture, table, NULL, 1, NULL), BLOBFERRY_E_ARGUMENT, "aggregations");
  check_refusal(aggregate_with(&fixture, table, NULL, 0, NULL), BLOBFERRY_E_ARGUMENT, "aggregation_count");
  check_refusal(AGGREGATE(&fixture, texts, COUNT, OF_X(SUM)), BLOBFERRY_E_UNSUPPORTED, "column \"x\" is Utf8");
  check_refusal(AGGREGATE(&fixture, texts, OF_X(MEAN)), BLOBFERRY_E_UNSUPPORTED, "column \"x\" is Utf8");
  check_refusal(AGGREGATE(&fixture, list, OF_X(MIN)), BLOBFERRY_E_UNSUPPORTED, "column \"x\" is List");
  struct ArrowSchema schema;
  struct ArrowArray  row = row_of(AGGREGATE(&fixture, list, OF_X(COUNT)), 3, &schema);
  CHECK_INT(integer_of(&row, 0), 3);
  row.release(&row);
  schema.release(&schema);
  blobferry_table_free(table);
  blobferry_table_free(texts);
  blobferry_table_free(list);
  fixture_free(&fixture);
  tree_free(&g.tree);
  tree_free(&text.tree);
  tree_free(&lists.tree);
}

static void a_stream_is_aggregated_once(void) {
  given_t                    g = {0};
  fixture_t                  fixture = in_memory();
  blobferry_import_options_t options = BLOBFERRY_IMPORT_OPTIONS_INIT;
  blobferry_table_t         *table = NULL;
  blobferry_error_t         *error = NULL;
  int64_column(&g);
  stream_t                stream = {.given = &g, .chunks = 50};
  struct ArrowArrayStream moved = as_stream(&stream);
  options.flags = BLOBFERRY_IMPORT_ANY_THREAD;
  must(blobferry_table_import_stream(fixture.service, &moved, &options, &table, &error), error, "import_stream");
  check_refusal(AGGREGATE(&fixture, table, {"y", BLOBFERRY_AGGREGATE_SUM, 0}), BLOBFERRY_E_ARGUMENT, "no column \"y\"");
  struct ArrowSchema schema;
  struct ArrowArray  row = row_of(AGGREGATE(&fixture, table, OF_X(SUM), COUNT), 200, &schema);
  CHECK_INT(integer_of(&row, 0), 50 * 6);
  CHECK_INT(integer_of(&row, 1), 200);
  row.release(&row);
  schema.release(&schema);
  check_refusal(AGGREGATE(&fixture, table, COUNT), BLOBFERRY_E_ARGUMENT, "stream");
  blobferry_table_free(table);
  fixture_free(&fixture);
  CHECK_INT(atomic_load(&stream.released), 1);
  tree_free(&g.tree);
}

static void a_stream_that_fails_or_is_left_ends_the_request(void) {
  for (int is_cancelled = 0; is_cancelled < 2; is_cancelled++) {
    given_t                       g = {0};
    fixture_t                     fixture = in_memory();
    blobferry_import_options_t    options = BLOBFERRY_IMPORT_OPTIONS_INIT;
    blobferry_aggregate_options_t limit = BLOBFERRY_AGGREGATE_OPTIONS_INIT;
    blobferry_table_t            *table = NULL;
    blobferry_error_t            *error = NULL;
    int64_column(&g);
    stream_t stream = {.given = &g, .chunks = 3, .fails_with = 5, .error = "the well is dry"};
    if (is_cancelled) stream.chunks = 1000000, stream.is_slow = 5, limit.timeout_ms = 50;
    struct ArrowArrayStream moved = as_stream(&stream);
    options.flags = BLOBFERRY_IMPORT_ANY_THREAD;
    must(blobferry_table_import_stream(fixture.service, &moved, &options, &table, &error), error, "import_stream");
    check_outcome(aggregate_with(&fixture, table, ASKED(COUNT), &limit),
                  is_cancelled ? BLOBFERRY_E_DEADLINE : BLOBFERRY_E_IO, is_cancelled ? "" : "the well is dry");
    CHECK_INT(atomic_load(&stream.running), 0);
    blobferry_table_free(table);
    fixture_free(&fixture);
    CHECK_INT(atomic_load(&stream.released), 1);
    tree_free(&g.tree);
  }
}

TESTS(TEST(every_function_of_integers), TEST(extremes_keep_the_type), TEST(texts_are_ordered_by_their_bytes),
      TEST(a_table_without_rows_has_no_sum), TEST(a_sum_beyond_64_bits_is_an_error),
      TEST(what_makes_no_sense_is_refused), TEST(a_stream_is_aggregated_once),
      TEST(a_stream_that_fails_or_is_left_ends_the_request))
