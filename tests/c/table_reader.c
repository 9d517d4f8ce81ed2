/*
 * Rows out of objects: what table_reader.h says of columns, predicates, schemas, several objects, and of what an object is
 * found to be. table_reader_life.c has requests that end early, and readers that are given away; what each format makes
 * of its bytes is looked at by the tests of the formats, and by other programs in tests/tables.
 */
#include "table_rows.h"

/* Five rows with what there is to tell apart: nulls, empty texts, numbers that sort otherwise than their texts. */
static const char ROWS[] = "id,name,price,day\n1,one,1.5,2024-02-29\n2,\"\",,\n3,,-2.25,1999-12-31\n"
                           "10,ten,100.0,2024-03-01\n11,\"a, b\",0.5,1970-01-01\n";

/* The rows as an object of each format. */
static const char *const KEYS_OF[] = {"rows.csv", "rows.arrow", "rows.arrows", "rows.parquet", "rows.ndjson"};
enum { KEY_COUNT = sizeof KEYS_OF / sizeof KEYS_OF[0] };

static fixture_t with_rows(void) {
  fixture_t fixture = in_memory();
  put_text(&fixture, KEYS_OF[0], ROWS);
  for (int i = 1; i < KEY_COUNT; i++) convert_to(&fixture, KEYS_OF[0], KEYS_OF[i], NULL);
  return fixture;
}

static void every_format_gives_what_it_was_made_of(void) {
  fixture_t fixture = with_rows();
  for (int i = 0; i < KEY_COUNT; i++) {
    blobferry_table_reader_options_t options = all_rows;
    check_rows(&fixture, KEYS_OF[i], NULL, ROWS);
    options.batch_rows = 2;
    check_rows(&fixture, KEYS_OF[i], &options, ROWS);
  }
  fixture_free(&fixture);
}

static void the_first_bytes_tell_the_format_and_else_the_name_does(void) {
  fixture_t fixture = with_rows();
  for (int i = 1; i < 4; i++) {
    blobferry_table_write_options_t options = in_format(FORMATS[i - 1]);
    convert_to(&fixture, KEYS_OF[0], "misnamed.csv", &options);
    check_rows(&fixture, "misnamed.csv", NULL, ROWS);
  }
  put_text(&fixture, "nameless", ROWS);
  check_no_rows(&fixture, "nameless", NULL, BLOBFERRY_E_ARGUMENT, "nameless");
  blobferry_table_reader_options_t options = all_rows;
  options.format = BLOBFERRY_FORMAT_CSV;
  check_rows(&fixture, "nameless", &options, ROWS);
  options.format = BLOBFERRY_FORMAT_IPC_FILE;
  check_no_rows(&fixture, "nameless", &options, BLOBFERRY_E_INTEGRITY, "ARROW1");
  options.format = BLOBFERRY_FORMAT_IPC_STREAM;
  check_no_rows(&fixture, "nameless", &options, BLOBFERRY_E_INTEGRITY, "nameless");
  options.format = BLOBFERRY_FORMAT_PARQUET;
  check_no_rows(&fixture, "nameless", &options, BLOBFERRY_E_INTEGRITY, "nameless");
  check_no_rows(&fixture, "nothing.csv", NULL, BLOBFERRY_E_NOT_FOUND, "nothing.csv");
  fixture_free(&fixture);
}

static void what_is_packed_is_unpacked(void) {
  fixture_t fixture = with_rows();
  static const uint32_t packings[] = {BLOBFERRY_COMPRESSION_GZIP, BLOBFERRY_COMPRESSION_ZSTD};
  for (int i = 0; i < 2; i++) {
    blobferry_table_write_options_t options = in_format(BLOBFERRY_FORMAT_CSV);
    options.compression = packings[i];
    convert_to(&fixture, KEYS_OF[0], "packed.csv.gz", &options);
    check_rows(&fixture, "packed.csv.gz", NULL, ROWS);
  }
  static const uint32_t codecs[] = {BLOBFERRY_CODEC_LZ4, BLOBFERRY_CODEC_ZSTD};
  for (int i = 0; i < 4; i++) {
    blobferry_table_write_options_t options = in_format(i % 2 ? BLOBFERRY_FORMAT_IPC_FILE : BLOBFERRY_FORMAT_IPC_STREAM);
    options.codec = codecs[i / 2];
    convert_to(&fixture, KEYS_OF[0], "packed", &options);
    check_rows(&fixture, "packed", NULL, ROWS);
  }
  fixture_free(&fixture);
}

/* -- columns ----------------------------------------------------------------------------------------------------- */

static void columns_are_given_as_they_are_named(void) {
  static const char *const some[] = {"price", "id"}, *const none[] = {""}, *const wrong[] = {"id", "nome"};
  fixture_t                fixture = with_rows();
  for (int i = 0; i < KEY_COUNT; i++) {
    blobferry_table_reader_options_t options = all_rows;
    options.columns = some;
    options.column_count = 2;
    check_rows(&fixture, KEYS_OF[i], &options, "price,id\n1.5,1\n,2\n-2.25,3\n100.0,10\n0.5,11\n");
    options.columns = wrong;
    check_no_rows(&fixture, KEYS_OF[i], &options, BLOBFERRY_E_ARGUMENT, "no column \"nome\"");
    options.columns = none;
    options.column_count = 0;
    blobferry_table_reader_t *reader = rows_of(&fixture, KEYS_OF[i], &options);
    blobferry_completion_t    completion = next_rows(&fixture, reader);
    CHECK_INT(completion.result, 5);
    CHECK_INT(blobferry_table_rows(completion.table), 5);
    check_outcome(completion, BLOBFERRY_OK, "");
    blobferry_table_reader_free(reader);
  }
  fixture_free(&fixture);
}

/* -- predicates --------------------------------------------------------------------------------------------------- */

/* The rows of which a column has this relation to a number of 64 bits must be these. */
static void check_kept(const fixture_t *fixture, const char *key, const char *column, uint32_t op, int64_t number,
                       const char *wanted) {
  given_t                          g = {0};
  static const char *const         id[] = {"id"};
  blobferry_table_reader_options_t options = all_rows;
  blobferry_term_t                 term = {column, op, 0};
  set_column(&g, new_schema(&g.tree, "l", "literal", 0),
             new_array(&g.tree, 1, BUFFERS(NULL, VALUES(&g.tree, int64_t, number)), 0));
  options.columns = id;
  options.column_count = 1;
  options.terms = &term;
  options.term_count = 1;
  options.literals_schema = g.root_schema;
  options.literals = g.root;
  blobferry_table_reader_t *reader = rows_of(fixture, key, &options);
  /* They are copied and released by the call. */
  CHECK(g.root->release == NULL && g.root_schema->release == NULL);
  CHECK_INT(atomic_load(&g.tree.arrays_released), 1);
  tree_free(&g.tree);
  check_rows_left(fixture, reader, wanted);
}

static void rows_are_kept_of_which_a_term_is_true(void) {
  fixture_t fixture = with_rows();
  for (int i = 0; i < KEY_COUNT; i++) {
    check_kept(&fixture, KEYS_OF[i], "id", BLOBFERRY_OP_EQ, 10, "id\n10\n");
    check_kept(&fixture, KEYS_OF[i], "id", BLOBFERRY_OP_NE, 10, "id\n1\n2\n3\n11\n");
    check_kept(&fixture, KEYS_OF[i], "id", BLOBFERRY_OP_LT, 3, "id\n1\n2\n");
    check_kept(&fixture, KEYS_OF[i], "id", BLOBFERRY_OP_LE, 3, "id\n1\n2\n3\n");
    check_kept(&fixture, KEYS_OF[i], "price", BLOBFERRY_OP_GT, 0, "id\n1\n10\n11\n");
    check_kept(&fixture, KEYS_OF[i], "price", BLOBFERRY_OP_GE, 1, "id\n1\n10\n");
    check_kept(&fixture, KEYS_OF[i], "price", BLOBFERRY_OP_NE, 1, "id\n1\n3\n10\n11\n");
    check_kept(&fixture, KEYS_OF[i], "price", BLOBFERRY_OP_IS_NULL, 7, "id\n2\n");
    check_kept(&fixture, KEYS_OF[i], "name", BLOBFERRY_OP_IS_NOT_NULL, 7, "id\n1\n2\n10\n11\n");
  }
  fixture_free(&fixture);
}

static void terms_hold_together(void) {
  fixture_t                        fixture = with_rows();
  static const char *const         id[] = {"id"};
  const blobferry_term_t           terms[] = {{"id", BLOBFERRY_OP_GT, 1}, {"name", BLOBFERRY_OP_LT, 0},
                                              {"price", BLOBFERRY_OP_IS_NOT_NULL, 99}};
  for (int i = 0; i < KEY_COUNT; i++) {
    given_t                          g = {0};
    blobferry_table_reader_options_t options = all_rows;
    struct ArrowSchema *schemas[] = {new_schema(&g.tree, "u", "text", 0), new_schema(&g.tree, "g", "number", 0)};
    struct ArrowArray  *arrays[] = {
        new_array(&g.tree, 1, BUFFERS(NULL, VALUES(&g.tree, int32_t, 0, 1), TEXT_BYTES(&g.tree, "b")), 0),
        new_array(&g.tree, 1, BUFFERS(NULL, VALUES(&g.tree, double, 10.5)), 0)};
    options.literals_schema = new_schema(&g.tree, "+s", "", 2, schemas[0], schemas[1]);
    options.literals = new_array(&g.tree, 1, BUFFERS(NULL), 2, arrays[0], arrays[1]);
    options.terms = terms;
    options.term_count = 3;
    options.columns = id;
    options.column_count = 1;
    check_rows(&fixture, KEYS_OF[i], &options, "id\n11\n");
    tree_free(&g.tree);
  }
  fixture_free(&fixture);
}

static void what_cannot_be_compared_is_refused(void) {
  fixture_t                        fixture = with_rows();
  given_t                          g = {0};
  blobferry_table_reader_options_t options = all_rows;
  blobferry_term_t                 term = {"name", BLOBFERRY_OP_EQ, 0};
  blobferry_table_reader_t        *reader = NULL;
  blobferry_error_t               *error = NULL;
  const char                      *key = KEYS_OF[1];
  options.terms = &term;
  options.term_count = 1;
  check_no_rows(&fixture, key, &options, BLOBFERRY_E_ARGUMENT, "\"name\" names literal 0");
  int64_column(&g); /* four rows */
  options.literals_schema = g.root_schema;
  options.literals = g.root;
  CHECK_STATUS(blobferry_table_reader_new(fixture.store, &key, 1, &options, &reader, &error), BLOBFERRY_E_ARGUMENT);
  check_error(error, BLOBFERRY_E_ARGUMENT, "4 rows");
  g.root->length = g.a->length = 1;
  options.literals_schema = NULL;
  CHECK_STATUS(blobferry_table_reader_new(fixture.store, &key, 1, &options, &reader, &error), BLOBFERRY_E_ARGUMENT);
  check_error(error, BLOBFERRY_E_ARGUMENT, "literals_schema");
  options.literals_schema = g.root_schema;
  term.op = 8;
  CHECK_STATUS(blobferry_table_reader_new(fixture.store, &key, 1, &options, &reader, &error), BLOBFERRY_E_ARGUMENT);
  check_error(error, BLOBFERRY_E_ARGUMENT, "op` is 8");
  /* Nothing of that has taken the structs. */
  CHECK(g.root->release != NULL && g.root_schema->release != NULL && reader == NULL);
  term.op = BLOBFERRY_OP_EQ;
  check_no_rows(&fixture, key, &options, BLOBFERRY_E_ARGUMENT, "column \"name\" is Utf8");
  tree_free(&g.tree);
  fixture_free(&fixture);
}

/* -- schemas ------------------------------------------------------------------------------------------------------ */

/* The columns are read as these formats. Frees the structs behind the reader. */
static blobferry_table_reader_t *read_as(const fixture_t *fixture, const char *key, tree_t *tree,
                                         struct ArrowSchema *schema) {
  blobferry_table_reader_options_t options = all_rows;
  options.schema = schema;
  blobferry_table_reader_t *reader = rows_of(fixture, key, &options);
  CHECK(schema->release == NULL);
  tree_free(tree);
  return reader;
}

static void rows_are_cast_to_a_schema(void) {
  fixture_t fixture = with_rows();
  for (int i = 0; i < KEY_COUNT; i++) {
    tree_t              tree = {0};
    struct ArrowSchema *schema =
        new_schema(&tree, "+s", "", 3, new_schema(&tree, "u", "more", 0), new_schema(&tree, "vu", "name", 0),
                   new_schema(&tree, "c", "id", 0));
    check_rows_left(&fixture, read_as(&fixture, KEYS_OF[i], &tree, schema),
                    "more,name,id\n,one,1\n,\"\",2\n,,3\n,ten,10\n,\"a, b\",11\n");
  }
  fixture_free(&fixture);
}

static void a_value_that_does_not_fit_is_named(void) {
  fixture_t fixture = in_memory();
  put_text(&fixture, "large.csv", "x\n1\n300\n");
  for (int i = 1; i < KEY_COUNT; i++) {
    char key[32];
    snprintf(key, sizeof key, "large%s", KEYS_OF[i] + 4);
    convert_to(&fixture, "large.csv", key, NULL);
    tree_t                    tree = {0};
    struct ArrowSchema       *schema = new_schema(&tree, "+s", "", 1, new_schema(&tree, "c", "x", 0));
    blobferry_table_reader_t *reader = read_as(&fixture, key, &tree, schema);
    blobferry_completion_t    completion = next_rows(&fixture, reader);
    CHECK(strstr(blobferry_error_message(completion.error), "300") != NULL);
    check_outcome(completion, BLOBFERRY_E_INTEGRITY, "\"x\"");
    blobferry_table_reader_free(reader);
  }
  tree_t              tree = {0};
  struct ArrowSchema *schema = new_schema(&tree, "+s", "", 1, new_schema(&tree, "u", "y", 0));
  schema->children[0]->flags = 0;
  blobferry_table_reader_t *reader = read_as(&fixture, "large.arrow", &tree, schema);
  check_outcome(next_rows(&fixture, reader), BLOBFERRY_E_ARGUMENT, "no column \"y\"");
  blobferry_table_reader_free(reader);
  fixture_free(&fixture);
}

/* -- several objects ------------------------------------------------------------------------------------------------ */

static void several_objects_are_one_table(void) {
  fixture_t                 fixture = in_memory();
  static const char *const  keys[] = {"b.csv", "a.arrow", "empty.csv", "c.parquet"};
  blobferry_table_reader_t *reader = NULL;
  put_text(&fixture, "b.csv", "x,y\n1,one\n");
  put_text(&fixture, "empty.csv", "x,y\n");
  put_text(&fixture, "turned.csv", "y,x\ntwo,2\n");
  convert_to(&fixture, "turned.csv", "a.arrow", NULL);
  convert_to(&fixture, "turned.csv", "c.parquet", NULL);
  /* Nothing tells types where there are no rows. */
  tree_t                           tree = {0};
  blobferry_table_reader_options_t options = all_rows;
  options.schema = new_schema(&tree, "+s", "", 2, new_schema(&tree, "l", "x", 0), new_schema(&tree, "u", "y", 0));
  must(blobferry_table_reader_new(fixture.store, keys, 4, &options, &reader, NULL), NULL, "several");
  tree_free(&tree);
  check_rows_left(&fixture, reader, "x,y\n1,one\n2,two\n2,two\n");
  static const char *const turned[] = {"b.csv", "a.arrow", "c.parquet"};
  must(blobferry_table_reader_new(fixture.store, turned, 3, NULL, &reader, NULL), NULL, "several");
  check_rows_left(&fixture, reader, "x,y\n1,one\n2,two\n2,two\n");
  fixture_free(&fixture);
}

static void objects_of_two_schemas_are_told(void) {
  static const struct {
    const char *other, *part;
  } others[] = {{"x,y\na,one\n", "column \"x\" is Utf8, and Int64"},
                {"x\n1\n", "lacks column \"y\""},
                {"x,y,z\n1,one,\n", "has column \"z\""}};
  fixture_t                fixture = in_memory();
  static const char *const keys[] = {"first.csv", "other.csv"};
  put_text(&fixture, "first.csv", "x,y\n1,one\n");
  for (size_t i = 0; i < 3; i++) {
    blobferry_table_reader_t *reader = NULL;
    put_text(&fixture, "other.csv", others[i].other);
    must(blobferry_table_reader_new(fixture.store, keys, 2, NULL, &reader, NULL), NULL, "two");
    blobferry_completion_t completion = next_rows(&fixture, reader);
    CHECK_INT(completion.result, 1);
    check_outcome(completion, BLOBFERRY_OK, "");
    completion = next_rows(&fixture, reader);
    CHECK(strstr(blobferry_error_message(completion.error), "other.csv") != NULL);
    check_outcome(completion, BLOBFERRY_E_ARGUMENT, others[i].part);
    blobferry_table_reader_free(reader);
  }
  fixture_free(&fixture);
}

/* -- what an object is found to be ------------------------------------------------------------------------------------ */

static void an_object_tells_what_it_is(void) {
  fixture_t                       fixture = with_rows();
  blobferry_table_write_options_t write = in_format(BLOBFERRY_FORMAT_AUTO);
  const blobferry_pair_t          pairs[] = {{"second", "2"}, {"first", "1"}};
  write.pairs = pairs;
  write.pair_count = 2;
  for (int i = 1; i < 4; i++) {
    blobferry_error_t      *error = NULL;
    const blobferry_pair_t *found = NULL;
    struct ArrowSchema      schema;
    size_t                  count = 0;
    uint64_t                number = 77;
    bool                    is_parquet = i == 3;
    convert_to(&fixture, KEYS_OF[0], KEYS_OF[i], &write);
    blobferry_table_reader_t *reader = rows_of(&fixture, KEYS_OF[i], NULL);
    CHECK_STATUS(blobferry_table_reader_rows(reader, &number, &error), BLOBFERRY_E_ARGUMENT);
    check_error(error, BLOBFERRY_E_ARGUMENT, "no request of this reader has ended well yet");
    CHECK_STATUS(blobferry_table_reader_schema(reader, &schema, NULL), BLOBFERRY_E_ARGUMENT);
    blobferry_completion_t completion = look_at(&fixture, reader);
    CHECK_INT(completion.result, is_parquet ? 5 : 0);
    CHECK(completion.table == NULL);
    check_outcome(completion, BLOBFERRY_OK, "");
    CHECK_STATUS(blobferry_table_reader_rows(reader, &number, NULL),
                 is_parquet ? BLOBFERRY_OK : BLOBFERRY_E_UNSUPPORTED);
    CHECK_INT(number, is_parquet ? 5 : 77);
    CHECK_STATUS(blobferry_table_reader_row_groups(reader, &number, NULL),
                 i != 2 ? BLOBFERRY_OK : BLOBFERRY_E_UNSUPPORTED);
    if (i != 2) CHECK_INT(number, 1);
    CHECK_STATUS(blobferry_table_reader_pairs(reader, &found, &count, NULL), BLOBFERRY_OK);
    CHECK_INT(count, 2);
    if (count == 2) CHECK_TEXT(found[0].key, "first");
    if (count == 2) CHECK_TEXT(found[1].value, "2");
    CHECK_STATUS(blobferry_table_reader_schema(reader, &schema, NULL), BLOBFERRY_OK);
    CHECK_INT(schema.n_children, 4);
    CHECK_TEXT(schema.children[3]->name, "day");
    CHECK_TEXT(schema.children[3]->format, "tdD");
    schema.release(&schema);
    blobferry_table_t *statistics = NULL;
    CHECK_STATUS(blobferry_table_reader_statistics(reader, &statistics, NULL),
                 is_parquet ? BLOBFERRY_OK : BLOBFERRY_E_UNSUPPORTED);
    CHECK_INT(blobferry_table_rows(statistics), is_parquet ? 4 : 0);
    blobferry_table_free(statistics);
    /* To have looked changes nothing. */
    check_outcome(look_at(&fixture, reader), BLOBFERRY_OK, "");
    check_rows_left(&fixture, reader, ROWS);
  }
  fixture_free(&fixture);
}

static void records_left_out_are_counted(void) {
  fixture_t                        fixture = in_memory();
  blobferry_csv_options_t          csv = BLOBFERRY_CSV_OPTIONS_INIT;
  blobferry_table_reader_options_t options = all_rows;
  put_text(&fixture, "some.csv", "x,y\n1,2\n3\n4,5,6\n7,8\n");
  csv.on_error = BLOBFERRY_CSV_ERROR_SKIP;
  options.csv = &csv;
  blobferry_table_reader_t *reader = rows_of(&fixture, "some.csv", &options);
  CHECK_INT(blobferry_table_reader_skipped(reader), 0);
  blobferry_completion_t completion = next_rows(&fixture, reader);
  CHECK_INT(completion.result, 2);
  check_outcome(completion, BLOBFERRY_OK, "");
  for (int i = 0; i < 2; i++) {
    completion = next_rows(&fixture, reader);
    CHECK(completion.result == 0 && completion.table == NULL);
    check_outcome(completion, BLOBFERRY_OK, "");
  }
  CHECK_INT(blobferry_table_reader_skipped(reader), 2);
  CHECK_INT(blobferry_table_reader_skipped(NULL), 0);
  blobferry_table_reader_free(reader);
  fixture_free(&fixture);
}

/* -- bounds ------------------------------------------------------------------------------------------------------- */

static void batches_are_as_small_as_is_asked(void) {
  fixture_t fixture = in_memory();
  given_t   g = {0};
  numbers_column(&g, 100000, 1);
  blobferry_table_t *table = must_import(fixture.service, &g, 0);
  for (int i = 0; i < FORMAT_COUNT; i++) {
    blobferry_table_write_options_t  write = in_format(FORMATS[i]);
    blobferry_table_reader_options_t options = all_rows;
    options.format = FORMATS[i];
    check_outcome(put_table(&fixture, "numbers", table, &write), BLOBFERRY_OK, "");
    for (int by_bytes = 0; by_bytes < 2; by_bytes++) {
      uint64_t rows = 0;
      bool     is_over = false;
      options.batch_rows = by_bytes ? 0 : 999;
      options.batch_bytes = by_bytes ? 8 * 1000 : 0;
      blobferry_table_reader_t *reader = rows_of(&fixture, "numbers", &options);
      while (!is_over) {
        blobferry_completion_t completion = next_rows(&fixture, reader);
        CHECK(completion.result <= (by_bytes ? 1000 : 999));
        CHECK_INT(completion.result, blobferry_table_rows(completion.table));
        CHECK_INT(blobferry_table_chunks(completion.table), completion.table != NULL);
        rows += completion.result;
        is_over = completion.table == NULL;
        check_outcome(completion, BLOBFERRY_OK, "");
      }
      CHECK_INT(rows, 100000);
      blobferry_table_reader_free(reader);
    }
  }
  blobferry_table_free(table);
  tree_free(&g.tree);
  fixture_free(&fixture);
}

static void what_is_over_the_budget_names_both_numbers(void) {
  static const uint32_t formats[] = {BLOBFERRY_FORMAT_IPC_FILE, BLOBFERRY_FORMAT_IPC_STREAM, BLOBFERRY_FORMAT_PARQUET};
  fixture_t             fixture = in_memory();
  given_t               g = {0};
  numbers_column(&g, 100000, 1);
  blobferry_table_t *table = must_import(fixture.service, &g, 0);
  for (int i = 0; i < 3; i++) {
    blobferry_table_write_options_t  write = in_format(formats[i]);
    blobferry_table_reader_options_t options = all_rows;
    options.max_prefetch = 100000;
    check_outcome(put_table(&fixture, "numbers", table, &write), BLOBFERRY_OK, "");
    check_no_rows(&fixture, "numbers", &options, BLOBFERRY_E_NO_SPACE, "100000");
  }
  blobferry_table_free(table);
  tree_free(&g.tree);
  fixture_free(&fixture);
}

static void what_is_trusted_is_read_the_same(void) {
  fixture_t                        fixture = with_rows();
  blobferry_table_reader_options_t options = all_rows;
  options.flags = BLOBFERRY_TABLE_TRUSTED;
  for (int i = 0; i < KEY_COUNT; i++) check_rows(&fixture, KEYS_OF[i], &options, ROWS);
  fixture_free(&fixture);
}

TESTS(TEST(every_format_gives_what_it_was_made_of), TEST(the_first_bytes_tell_the_format_and_else_the_name_does),
      TEST(what_is_packed_is_unpacked), TEST(columns_are_given_as_they_are_named),
      TEST(rows_are_kept_of_which_a_term_is_true), TEST(terms_hold_together), TEST(what_cannot_be_compared_is_refused),
      TEST(rows_are_cast_to_a_schema), TEST(a_value_that_does_not_fit_is_named), TEST(several_objects_are_one_table),
      TEST(objects_of_two_schemas_are_told), TEST(an_object_tells_what_it_is), TEST(records_left_out_are_counted),
      TEST(batches_are_as_small_as_is_asked), TEST(what_is_over_the_budget_names_both_numbers),
      TEST(what_is_trusted_is_read_the_same))
