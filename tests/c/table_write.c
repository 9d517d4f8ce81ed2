/*
 * Tables into objects, all at once: each format, what a completion tells, what is refused, and what becomes of a table
 * whose stream fails, or that is given up. table_writer.c has chunks that come one after the other; what the bytes say is
 * looked at by other programs, in tests/tables.
 */
#include "table_streams.h"

/* Three chunks of four numbers: 1, -2, 3, 4 in each. */
static blobferry_table_t *three_chunks(const fixture_t *fixture, given_t *g) {
  blobferry_table_t *table = NULL;
  struct ArrowArray  arrays[3];
  int64_column(g);
  for (int i = 0; i < 3; i++) copy_of_array(&g->tree, g->root, &arrays[i]);
  must(blobferry_table_import(fixture->service, g->root_schema, arrays, 3, NULL, &table, NULL), NULL, "import");
  return table;
}

static void each_format_is_told_by_its_bytes(void) {
  static const struct {
    uint32_t    format;
    const char *key, *begin, *end;
  } formats[] = {
      {BLOBFERRY_FORMAT_IPC_FILE, "a/table.arrow", "ARROW1", "ARROW1"},
      {BLOBFERRY_FORMAT_IPC_STREAM, "a/table.arrows", "\xff\xff\xff\xff", "\xff\xff\xff\xff"},
      {BLOBFERRY_FORMAT_PARQUET, "a/table.parquet", "PAR1", "PAR1"},
      {BLOBFERRY_FORMAT_CSV, "a/table.csv", "x\n1\n-2\n", "3\n4\n"},
      {BLOBFERRY_FORMAT_NDJSON, "a/table.ndjson", "{\"x\":1}\n", "{\"x\":4}\n"},
  };
  for (int kind = 0; kind < 2; kind++)
    for (size_t i = 0; i < sizeof formats / sizeof formats[0]; i++)
      for (int by_name = 0; by_name < 2; by_name++) {
        fixture_t                       fixture = fixture_of(kind);
        given_t                         g = {0};
        size_t                          size = 0;
        blobferry_table_t              *table = three_chunks(&fixture, &g);
        blobferry_table_write_options_t options = in_format(by_name ? BLOBFERRY_FORMAT_AUTO : formats[i].format);
        const char                     *key = by_name ? formats[i].key : "a/table";
        blobferry_completion_t          completion = put_table(&fixture, key, table, &options);
        CHECK_INT(completion.result, 12);
        CHECK(completion.details == NULL);
        check_outcome(completion, BLOBFERRY_OK, "");
        uint8_t *bytes = object_bytes(&fixture, key, &size);
        size_t   begin = strlen(formats[i].begin), end = strlen(formats[i].end);
        CHECK(size > begin + end && memcmp(bytes, formats[i].begin, begin) == 0);
        /* The stream ends with a marker and a size of 0. */
        size_t behind = formats[i].format == BLOBFERRY_FORMAT_IPC_STREAM ? 4 : 0;
        CHECK(size > begin + end && memcmp(bytes + size - end - behind, formats[i].end, end) == 0);
        free(bytes);
        blobferry_table_free(table);
        CHECK_INT(atomic_load(&g.tree.arrays_released), 3);
        fixture_free(&fixture);
        tree_free(&g.tree);
      }
}

static void details_tell_rows_and_row_groups(void) {
  static const uint64_t groups[FORMAT_COUNT] = {3, 3, 1, 0, 0};
  for (int kind = 0; kind < 2; kind++)
    for (int i = 0; i < FORMAT_COUNT; i++) {
      fixture_t                       fixture = fixture_of(kind);
      given_t                         g = {0};
      blobferry_table_t              *table = three_chunks(&fixture, &g);
      blobferry_table_write_options_t options = in_format(FORMATS[i]);
      options.flags = BLOBFERRY_REQUEST_DETAILS;
      blobferry_completion_t completion = put_table(&fixture, "object", table, &options);
      blobferry_completion_t looked_at = head(&fixture, "object");
      CHECK_INT(completion.result, 12);
      CHECK_INT(blobferry_details_rows(completion.details), 12);
      CHECK_INT(blobferry_details_row_groups(completion.details), groups[i]);
      CHECK_INT(blobferry_details_size(completion.details), blobferry_details_size(looked_at.details));
      CHECK_TEXT(blobferry_details_revision(completion.details), blobferry_details_revision(looked_at.details));
      CHECK_INT(blobferry_details_rows(looked_at.details), 0);
      CHECK_INT(blobferry_details_row_groups(looked_at.details), 0);
      check_outcome(completion, BLOBFERRY_OK, "");
      dispose(&looked_at);
      blobferry_table_free(table);
      fixture_free(&fixture);
      tree_free(&g.tree);
    }
  CHECK_INT(blobferry_details_rows(NULL), 0);
  CHECK_INT(blobferry_details_row_groups(NULL), 0);
}

static void a_table_without_rows_is_an_object(void) {
  for (int kind = 0; kind < 2; kind++)
    for (int i = 0; i < FORMAT_COUNT; i++) {
      fixture_t                       fixture = fixture_of(kind);
      given_t                         g = {0};
      blobferry_table_t              *table = NULL;
      blobferry_table_write_options_t options = in_format(FORMATS[i]);
      int64_column(&g);
      must(blobferry_table_import(fixture.service, g.root_schema, NULL, 0, NULL, &table, NULL), NULL, "import");
      blobferry_completion_t completion = put_table(&fixture, "object", table, &options);
      CHECK_INT(completion.result, 0);
      check_outcome(completion, BLOBFERRY_OK, "");
      blobferry_completion_t looked_at = head(&fixture, "object");
      CHECK((looked_at.result > 0) == (FORMATS[i] != BLOBFERRY_FORMAT_NDJSON));
      check_outcome(looked_at, BLOBFERRY_OK, "");
      blobferry_table_free(table);
      fixture_free(&fixture);
      tree_free(&g.tree);
    }
}

static void csv_is_as_its_options_say(void) {
  fixture_t                       fixture = in_memory();
  given_t                         g = {0};
  blobferry_csv_options_t         csv = BLOBFERRY_CSV_OPTIONS_INIT;
  blobferry_table_write_options_t options = in_format(BLOBFERRY_FORMAT_CSV);
  const char *const               null_texts[] = {"NA", "-"};
  text_column(&g);
  blobferry_table_t *table = must_import(fixture.service, &g, 0);
  options.csv = &csv;
  check_outcome(put_table(&fixture, "a", table, &options), BLOBFERRY_OK, "");
  check_text_object(&fixture, "a", "x\n\xc3\xa9\xc3\xa9n\n\"\"\ndrie\n");
  csv.quoting = BLOBFERRY_CSV_QUOTE_TEXTS;
  csv.flags = BLOBFERRY_CSV_NO_HEADER | BLOBFERRY_CSV_CRLF;
  csv.quote = "'";
  csv.delimiter = ";";
  csv.null_texts = null_texts;
  csv.null_text_count = 2;
  check_outcome(put_table(&fixture, "b", table, &options), BLOBFERRY_OK, "");
  check_text_object(&fixture, "b", "'\xc3\xa9\xc3\xa9n'\r\n''\r\n'drie'\r\n");
  blobferry_table_free(table);
  fixture_free(&fixture);
  tree_free(&g.tree);
}

static void text_is_compressed_as_asked(void) {
  static const uint32_t compressions[] = {BLOBFERRY_COMPRESSION_GZIP, BLOBFERRY_COMPRESSION_ZSTD};
  for (int i = 0; i < 2; i++) {
    fixture_t                       fixture = in_memory();
    given_t                         g = {0};
    blobferry_reader_options_t      decode = BLOBFERRY_READER_OPTIONS_INIT;
    blobferry_table_write_options_t options = in_format(BLOBFERRY_FORMAT_CSV);
    size_t                          size = 0;
    blobferry_table_t              *table = three_chunks(&fixture, &g);
    options.compression = compressions[i];
    options.level = 3;
    check_outcome(put_table(&fixture, "a", table, &options), BLOBFERRY_OK, "");
    decode.compression = compressions[i];
    blobferry_reader_t *reader = reader_with(&fixture, "a", &decode);
    uint8_t            *bytes = read_all(&fixture, reader, 1000, &size);
    CHECK(size == 2 + 3 * 9 && memcmp(bytes, "x\n1\n-2\n3\n4\n1\n", 13) == 0);
    free(bytes);
    blobferry_reader_free(reader);
    blobferry_table_free(table);
    fixture_free(&fixture);
    tree_free(&g.tree);
  }
}

static void headers_and_metadata_are_kept(void) {
  const blobferry_pair_t          metadata[] = {{"colour", "blue"}};
  fixture_t                       fixture = in_memory();
  given_t                         g = {0};
  blobferry_table_write_options_t options = in_format(BLOBFERRY_FORMAT_PARQUET);
  size_t                          count = 0;
  blobferry_table_t              *table = three_chunks(&fixture, &g);
  options.content_type = "application/vnd.apache.parquet";
  options.metadata = metadata;
  options.metadata_count = 1;
  check_outcome(put_table(&fixture, "a", table, &options), BLOBFERRY_OK, "");
  blobferry_completion_t  about = head(&fixture, "a");
  const blobferry_pair_t *pairs = blobferry_details_metadata(about.details, &count);
  CHECK_TEXT(blobferry_details_content_type(about.details), "application/vnd.apache.parquet");
  CHECK_INT(count, 1);
  if (count == 1) CHECK_TEXT(pairs[0].value, "blue");
  dispose(&about);
  blobferry_table_free(table);
  fixture_free(&fixture);
  tree_free(&g.tree);
}

static void create_does_not_replace(void) {
  for (int kind = 0; kind < 2; kind++) {
    fixture_t                       fixture = fixture_of(kind);
    given_t                         g = {0};
    blobferry_table_t              *table = three_chunks(&fixture, &g);
    blobferry_table_write_options_t options = in_format(BLOBFERRY_FORMAT_CSV);
    must_put(&fixture, "object", 10, 1);
    options.mode = BLOBFERRY_PUT_CREATE;
    check_outcome(put_table(&fixture, "object", table, &options), BLOBFERRY_E_EXISTS, "object");
    check_object(&fixture, "object", 10, 1);
    check_outcome(put_table(&fixture, "other", table, &options), BLOBFERRY_OK, "");
    options.mode = BLOBFERRY_PUT_OVERWRITE;
    check_outcome(put_table(&fixture, "object", table, &options), BLOBFERRY_OK, "");
    CHECK_STATUS(blobferry_service_drain(fixture.service, 10000, NULL), BLOBFERRY_OK);
    if (kind == 1) CHECK_INT(names_in(&fixture), 2);
    blobferry_table_free(table);
    fixture_free(&fixture);
    tree_free(&g.tree);
  }
}

/* -- what is refused ----------------------------------------------------------------------------------- */

#define REFUSED(fixture, key, table, options, part) \
  check_refusal(put_table(fixture, key, table, options), BLOBFERRY_E_ARGUMENT, part)

static void wrong_options_are_refused(void) {
  const blobferry_pair_t          twice[] = {{"a", "1"}, {"a", "2"}};
  fixture_t                       fixture = in_memory();
  given_t                         g = {0};
  blobferry_table_t              *table = three_chunks(&fixture, &g);
  blobferry_table_write_options_t usual = in_format(BLOBFERRY_FORMAT_PARQUET), options = usual;
  blobferry_column_options_t      column = {"x", 0, 0, 0, 0};
  REFUSED(&fixture, "a//b", table, &options, "a//b");
  REFUSED(&fixture, "table", table, NULL, "format");
  options.format = 6;
  REFUSED(&fixture, "a", table, &options, "`options.format` is 6");
  options = usual, options.codec = 6;
  REFUSED(&fixture, "a", table, &options, "`options.codec` is 6");
  options = usual, options.level = 3;
  REFUSED(&fixture, "a", table, &options, "level");
  options = usual, options.compression = BLOBFERRY_COMPRESSION_GZIP;
  REFUSED(&fixture, "a", table, &options, "compression");
  options.format = BLOBFERRY_FORMAT_CSV, options.compression = BLOBFERRY_COMPRESSION_AUTO;
  REFUSED(&fixture, "a", table, &options, "compress");
  options = usual, options.format = BLOBFERRY_FORMAT_CSV, options.codec = BLOBFERRY_CODEC_ZSTD;
  REFUSED(&fixture, "a", table, &options, "codec");
  options = usual, options.format = BLOBFERRY_FORMAT_CSV, options.pairs = twice, options.pair_count = 1;
  REFUSED(&fixture, "a", table, &options, "pairs");
  options = usual, options.pairs = twice, options.pair_count = 2;
  REFUSED(&fixture, "a", table, &options, "twice");
  options = usual, options.mode = BLOBFERRY_PUT_UPDATE;
  REFUSED(&fixture, "a", table, &options, "mode");
  options = usual, options.flags = 0x400;
  REFUSED(&fixture, "a", table, &options, "flags");
  options = usual, options.reserved = 1;
  REFUSED(&fixture, "a", table, &options, "reserved");
  options = usual, options.columns = &column, options.column_count = 1;
  column.path = "y";
  REFUSED(&fixture, "a", table, &options, "\"y\"");
  column.path = NULL;
  REFUSED(&fixture, "a", table, &options, "options.columns[0].path");
  column.path = "x", column.flags = 16;
  REFUSED(&fixture, "a", table, &options, "options.columns[0].flags");
  column.flags = BLOBFERRY_COLUMN_CODEC, column.codec = 9;
  REFUSED(&fixture, "a", table, &options, "options.columns[0].codec");
  column.flags = 0, column.codec = 0, options.format = BLOBFERRY_FORMAT_IPC_FILE;
  REFUSED(&fixture, "a", table, &options, "columns");
  CHECK_INT(live_leases(), 3);
  blobferry_table_free(table);
  CHECK_INT(atomic_load(&g.tree.arrays_released), 3);
  check_keys(&fixture, "", NULL, "");
  fixture_free(&fixture);
  tree_free(&g.tree);
}

static void wrong_dialects_are_refused(void) {
  fixture_t                       fixture = in_memory();
  given_t                         g = {0};
  blobferry_table_t              *table = three_chunks(&fixture, &g);
  blobferry_csv_options_t         usual = BLOBFERRY_CSV_OPTIONS_INIT, csv = usual;
  blobferry_table_write_options_t options = in_format(BLOBFERRY_FORMAT_CSV);
  const char *const               null_texts[] = {"NA", NULL};
  options.csv = &csv;
  csv.delimiter = "";
  REFUSED(&fixture, "a", table, &options, "options.csv->delimiter");
  csv.delimiter = ";;";
  REFUSED(&fixture, "a", table, &options, "options.csv->delimiter");
  csv = usual, csv.quote = "\xc3\xa9";
  REFUSED(&fixture, "a", table, &options, "options.csv->quote");
  csv = usual, csv.ragged = 3;
  REFUSED(&fixture, "a", table, &options, "options.csv->ragged");
  csv = usual, csv.on_error = 3;
  REFUSED(&fixture, "a", table, &options, "options.csv->on_error");
  csv = usual, csv.quoting = 3;
  REFUSED(&fixture, "a", table, &options, "options.csv->quoting");
  csv = usual, csv.flags = 4;
  REFUSED(&fixture, "a", table, &options, "options.csv->flags");
  csv = usual, csv.null_texts = null_texts, csv.null_text_count = 2;
  REFUSED(&fixture, "a", table, &options, "options.csv->null_texts[1]");
  csv = usual, csv.struct_size = 3;
  REFUSED(&fixture, "a", table, &options, "options.csv");
  blobferry_table_free(table);
  fixture_free(&fixture);
  tree_free(&g.tree);
}

static void what_a_format_does_not_hold_is_refused(void) {
  static const struct {
    uint32_t format;
    void (*column)(given_t *);
  } not_held[] = {{BLOBFERRY_FORMAT_PARQUET, sparse_union_column}, {BLOBFERRY_FORMAT_PARQUET, run_column},
                  {BLOBFERRY_FORMAT_CSV, list_column},             {BLOBFERRY_FORMAT_CSV, bytes_column},
                  {BLOBFERRY_FORMAT_NDJSON, dense_union_column}};
  fixture_t fixture = in_memory();
  for (size_t i = 0; i < sizeof not_held / sizeof not_held[0]; i++) {
    given_t                         g = {0};
    blobferry_table_write_options_t options = in_format(not_held[i].format);
    not_held[i].column(&g);
    blobferry_table_t *table = must_import(fixture.service, &g, 0);
    check_refusal(put_table(&fixture, "a", table, &options), BLOBFERRY_E_UNSUPPORTED, "x");
    blobferry_table_free(table);
    tree_free(&g.tree);
  }
  fixture_free(&fixture);
}

/* -- streams ------------------------------------------------------------------------------------------- */

static blobferry_table_t *must_stream(const fixture_t *fixture, stream_t *stream) {
  struct ArrowArrayStream    given = as_stream(stream);
  blobferry_import_options_t options = BLOBFERRY_IMPORT_OPTIONS_INIT;
  blobferry_table_t         *table = NULL;
  blobferry_error_t         *error = NULL;
  options.flags = BLOBFERRY_IMPORT_ANY_THREAD;
  must(blobferry_table_import_stream(fixture->service, &given, &options, &table, &error), error, "import_stream");
  return table;
}

static void a_stream_is_written_and_used_up(void) {
  for (int kind = 0; kind < 2; kind++)
    for (int i = 0; i < FORMAT_COUNT; i++) {
      fixture_t                       fixture = fixture_of(kind);
      given_t                         g = {0};
      blobferry_table_write_options_t options = in_format(FORMATS[i]);
      int64_column(&g);
      stream_t           stream = {.given = &g, .chunks = 20};
      blobferry_table_t *table = must_stream(&fixture, &stream);
      watch(__func__);
      blobferry_completion_t completion = put_table(&fixture, "object", table, &options);
      CHECK_INT(completion.result, 80);
      check_outcome(completion, BLOBFERRY_OK, "");
      CHECK_INT(atomic_load(&g.tree.arrays_released), 20);
      REFUSED(&fixture, "object", table, &options, "used");
      blobferry_table_free(table);
      CHECK_INT(atomic_load(&stream.released), 1);
      fixture_free(&fixture);
      tree_free(&g.tree);
    }
}

static void a_stream_that_fails_leaves_nothing(void) {
  for (int kind = 0; kind < 2; kind++)
    for (int i = 0; i < FORMAT_COUNT; i++) {
      fixture_t                       fixture = fixture_of(kind);
      given_t                         g = {0};
      blobferry_table_write_options_t options = in_format(FORMATS[i]);
      int64_column(&g);
      stream_t           stream = {.given = &g, .chunks = 3, .fails_with = 5, .error = "the disk is on fire"};
      blobferry_table_t *table = must_stream(&fixture, &stream);
      check_outcome(put_table(&fixture, "object", table, &options), BLOBFERRY_E_IO, "the disk is on fire");
      check_absent(&fixture, "object");
      blobferry_table_free(table);
      CHECK_STATUS(blobferry_service_drain(fixture.service, 10000, NULL), BLOBFERRY_OK);
      CHECK_INT(atomic_load(&g.tree.arrays_released), 3);
      if (kind == 1) CHECK_INT(names_in(&fixture), 0);
      fixture_free(&fixture);
      tree_free(&g.tree);
    }
}

/* Whatever ends it: all of the stream's arrays are back, and nothing is there. */
static void a_put_that_ends_early_leaves_nothing(void) {
  for (int kind = 0; kind < 2; kind++)
    for (int way = 0; way < 3; way++) {
      fixture_t                       fixture = fixture_of(kind);
      given_t                         g = {0};
      blobferry_cq_t                 *closing = new_cq(fixture.service, 4, BLOBFERRY_WAKE_NONE);
      blobferry_table_write_options_t options = in_format(BLOBFERRY_FORMAT_IPC_STREAM);
      blobferry_ticket_t              ticket = 0;
      int64_column(&g);
      stream_t           stream = {.given = &g, .chunks = 1000000, .is_slow = 1};
      blobferry_table_t *table = must_stream(&fixture, &stream);
      blobferry_cq_t    *cq = way == 2 ? closing : fixture.cq;
      watch(__func__);
      options.timeout_ms = way == 1 ? 50 : 0;
      must(blobferry_table_put(fixture.store, cq, "object", table, &options, 1, &ticket, NULL), NULL, "put");
      AWAIT(atomic_load(&stream.calls) > 5);
      if (way == 0) must_cancel(cq, ticket);
      if (way == 2) CHECK_STATUS(blobferry_cq_close(cq, NULL), BLOBFERRY_OK);
      expect(cq, way == 1 ? BLOBFERRY_E_DEADLINE : BLOBFERRY_E_CANCELLED, 1);
      CHECK_INT(atomic_load(&stream.running), 0);
      blobferry_table_free(table);
      CHECK_STATUS(blobferry_service_drain(fixture.service, 10000, NULL), BLOBFERRY_OK);
      CHECK_INT(atomic_load(&stream.released), 1);
      check_absent(&fixture, "object");
      if (kind == 1) CHECK_INT(names_in(&fixture), 0);
      blobferry_cq_free(closing);
      fixture_free(&fixture);
      CHECK_INT(atomic_load(&g.tree.arrays_released) + stream.chunks, 1000000);
      tree_free(&g.tree);
    }
}

/* The table of the caller may be freed while the request runs, and so may the store. */
static void a_put_keeps_what_it_uses(void) {
  fixture_t                       fixture = in_memory();
  given_t                         g = {0};
  blobferry_table_write_options_t options = in_format(BLOBFERRY_FORMAT_PARQUET);
  for (long round = rounds(200); round > 0; round--) {
    blobferry_table_t *table = three_chunks(&fixture, &g);
    must(blobferry_table_put(fixture.store, fixture.cq, "object", table, &options, 1, NULL, NULL), NULL, "put");
    blobferry_table_free(table);
    expect(fixture.cq, BLOBFERRY_OK, 1);
    settle(fixture.service);
    CHECK_INT(atomic_load(&g.tree.arrays_released), 3);
    CHECK(pthread_equal(g.tree.releaser, pthread_self()));
    tree_free(&g.tree);
  }
  fixture_free(&fixture);
}

TESTS(TEST(each_format_is_told_by_its_bytes), TEST(details_tell_rows_and_row_groups),
      TEST(a_table_without_rows_is_an_object), TEST(csv_is_as_its_options_say), TEST(text_is_compressed_as_asked),
      TEST(headers_and_metadata_are_kept), TEST(create_does_not_replace), TEST(wrong_options_are_refused),
      TEST(wrong_dialects_are_refused), TEST(what_a_format_does_not_hold_is_refused),
      TEST(a_stream_is_written_and_used_up), TEST(a_stream_that_fails_leaves_nothing),
      TEST(a_put_that_ends_early_leaves_nothing), TEST(a_put_keeps_what_it_uses))
