/*
 * Requests of a table reader that end early, who may use it when, and readers that are given away as streams.
 */
#include "table_rows.h"

enum { ROW_COUNT = 2000 };

/* A column x that counts from 0 on. */
static fixture_t with_numbers(const char *key) {
  fixture_t fixture = in_memory();
  char     *text = malloc(16 * ROW_COUNT), *end = text + sprintf(text, "x\n");
  for (int i = 0; i < ROW_COUNT; i++) end += sprintf(end, "%d\n", i);
  put_text(&fixture, "numbers.csv", text);
  free(text);
  if (strcmp(key, "numbers.csv") != 0) convert_to(&fixture, "numbers.csv", key, NULL);
  return fixture;
}

/* The first value of a batch of one column of 64 bits. */
static int64_t first_number(const blobferry_table_t *table) {
  struct ArrowArray array;
  must(blobferry_table_export_chunk(table, 0, NULL, &array, NULL), NULL, "blobferry_table_export_chunk");
  int64_t number = ((const int64_t *)array.children[0]->buffers[1])[array.children[0]->offset + array.offset];
  array.release(&array);
  return number;
}

static void a_cancelled_request_loses_no_row(void) {
  static const char *const keys[] = {"numbers.csv", "numbers.arrow", "numbers.arrows", "numbers.parquet",
                                     "numbers.ndjson"};
  for (size_t k = 0; k < sizeof keys / sizeof keys[0]; k++) {
    fixture_t                        fixture = with_numbers(keys[k]);
    blobferry_table_reader_options_t options = all_rows;
    int64_t                          wanted = 0;
    int                              cancelled = 0;
    bool                             is_over = false;
    options.batch_rows = 1;
    blobferry_table_reader_t *reader = rows_of(&fixture, keys[k], &options);
    for (int i = 0; !is_over; i++) {
      blobferry_ticket_t ticket = 0;
      must(blobferry_table_reader_next(reader, fixture.cq, NULL, 0, &ticket, NULL), NULL, "next");
      if (i % 3 > 0) must(blobferry_cq_cancel(fixture.cq, ticket, NULL), NULL, "cancel");
      blobferry_completion_t completion = wait_one(fixture.cq);
      if (completion.status == BLOBFERRY_E_CANCELLED) {
        cancelled++;
        CHECK(completion.table == NULL);
      } else {
        CHECK_STATUS(completion.status, BLOBFERRY_OK);
        is_over = completion.status != BLOBFERRY_OK || completion.table == NULL;
        if (!is_over) CHECK_INT(first_number(completion.table), wanted++);
      }
      dispose(&completion);
    }
    CHECK_INT(wanted, ROW_COUNT);
    CHECK(cancelled > 0);
    blobferry_table_reader_free(reader);
    fixture_free(&fixture);
  }
}

static void a_deadline_ends_a_request_alone(void) {
  fixture_t                 fixture = with_url("fault://test", NULL, 0);
  blobferry_read_options_t  options = BLOBFERRY_READ_OPTIONS_INIT;
  blobferry_table_reader_options_t csv = all_rows;
  csv.format = BLOBFERRY_FORMAT_CSV;
  blobferry_table_reader_t *reader = rows_of(&fixture, "never", &csv);
  blobferry_error_t        *error = NULL;
  options.timeout_ms = 20;
  for (int i = 0; i < 2; i++) {
    must(blobferry_table_reader_next(reader, fixture.cq, &options, 0, NULL, NULL), NULL, "next");
    check_outcome(wait_one(fixture.cq), BLOBFERRY_E_DEADLINE, "read `never`");
    must(blobferry_table_reader_open(reader, fixture.cq, &options, 0, NULL, NULL), NULL, "open");
    check_outcome(wait_one(fixture.cq), BLOBFERRY_E_DEADLINE, "open `never`");
  }
  /* One request at a time, and no stream beside it. */
  blobferry_ticket_t      ticket = 0;
  struct ArrowArrayStream stream;
  must(blobferry_table_reader_next(reader, fixture.cq, NULL, 0, &ticket, NULL), NULL, "next");
  CHECK_STATUS(blobferry_table_reader_open(reader, fixture.cq, NULL, 0, NULL, &error), BLOBFERRY_E_ARGUMENT);
  check_error(error, BLOBFERRY_E_ARGUMENT, "in use");
  CHECK_STATUS(blobferry_table_reader_export(reader, &stream, &error), BLOBFERRY_E_ARGUMENT);
  check_error(error, BLOBFERRY_E_ARGUMENT, "in use");
  must(blobferry_cq_cancel(fixture.cq, ticket, NULL), NULL, "cancel");
  check_outcome(wait_one(fixture.cq), BLOBFERRY_E_CANCELLED, "");
  blobferry_table_reader_free(reader);
  fixture_free(&fixture);
}

static void a_reader_may_be_freed_at_any_time(void) {
  fixture_t fixture = with_numbers("numbers.arrow");
  for (int i = 0; i < 4; i++) {
    blobferry_table_reader_options_t options = all_rows;
    options.batch_rows = 100;
    blobferry_table_reader_t *reader = rows_of(&fixture, "numbers.arrow", &options);
    if (i == 1) check_outcome(look_at(&fixture, reader), BLOBFERRY_OK, "");
    if (i >= 2) must(blobferry_table_reader_next(reader, fixture.cq, NULL, 0, NULL, NULL), NULL, "next");
    if (i == 2) check_outcome(wait_one(fixture.cq), BLOBFERRY_OK, "");
    blobferry_table_reader_free(reader);
    if (i == 3) {
      blobferry_completion_t completion = wait_one(fixture.cq);
      CHECK_INT(completion.result, 100);
      check_outcome(completion, BLOBFERRY_OK, "");
    }
  }
  blobferry_table_reader_free(NULL);
  fixture_free(&fixture);
}

static void a_batch_stays_when_all_else_has_gone(void) {
  fixture_t                 fixture = with_numbers("numbers.arrow");
  blobferry_table_reader_t *reader = rows_of(&fixture, "numbers.arrow", NULL);
  blobferry_completion_t    completion = next_rows(&fixture, reader);
  blobferry_table_reader_free(reader);
  fixture_free(&fixture);
  CHECK_INT(first_number(completion.table), 0);
  CHECK_INT(blobferry_table_rows(completion.table), ROW_COUNT);
  dispose(&completion);
}

/* -- streams ------------------------------------------------------------------------------------------------------ */

static struct ArrowArrayStream stream_of(const fixture_t *fixture, const char *key,
                                         const blobferry_table_reader_options_t *options) {
  struct ArrowArrayStream stream;
  must(blobferry_table_reader_export(rows_of(fixture, key, options), &stream, NULL), NULL, "export");
  return stream;
}

static void a_stream_waits_for_its_rows(void) {
  fixture_t                        fixture = with_numbers("numbers.parquet");
  blobferry_table_reader_options_t options = all_rows;
  struct ArrowSchema               schema;
  struct ArrowArray                array;
  int64_t                          rows = 0;
  options.batch_rows = 300;
  struct ArrowArrayStream stream = stream_of(&fixture, "numbers.parquet", &options);
  for (int i = 0; i < 2; i++) {
    CHECK_INT(stream.get_schema(&stream, &schema), 0);
    CHECK_TEXT(schema.children[0]->format, "l");
    schema.release(&schema);
  }
  for (;;) {
    CHECK_INT(stream.get_next(&stream, &array), 0);
    if (array.release == NULL) break;
    CHECK(array.length <= 300);
    CHECK_INT(((const int64_t *)array.children[0]->buffers[1])[array.children[0]->offset + array.offset], rows);
    rows += array.length;
    array.release(&array);
  }
  CHECK_INT(rows, ROW_COUNT);
  CHECK_INT(stream.get_next(&stream, &array), 0);
  CHECK(array.release == NULL);
  stream.release(&stream);
  fixture_free(&fixture);
}

static void a_stream_goes_on_where_its_reader_was(void) {
  fixture_t                        fixture = in_memory();
  blobferry_table_reader_options_t options = all_rows;
  put_text(&fixture, "a.csv", "x\n1\n2\n3\n");
  options.batch_rows = 1;
  blobferry_table_reader_t *reader = rows_of(&fixture, "a.csv", &options);
  check_outcome(next_rows(&fixture, reader), BLOBFERRY_OK, "");
  check_rows_left(&fixture, reader, "x\n2\n3\n");
  fixture_free(&fixture);
}

static void a_stream_tells_what_went_wrong(void) {
  fixture_t          fixture = in_memory();
  struct ArrowSchema schema;
  struct ArrowArray  array;
  put_text(&fixture, "wrong.arrow", "ARROW1 and nothing else");
  struct ArrowArrayStream stream = stream_of(&fixture, "wrong.arrow", NULL);
  CHECK(stream.get_schema(&stream, &schema) != 0);
  CHECK(strstr(stream.get_last_error(&stream), "wrong.arrow") != NULL);
  CHECK(stream.get_next(&stream, &array) != 0);
  CHECK(strstr(stream.get_last_error(&stream), "no Arrow IPC") != NULL);
  stream.release(&stream);
  fixture_free(&fixture);
}

static void a_stream_outlives_its_service(void) {
  static const char *const keys[] = {"numbers.arrow", "numbers.csv", "numbers.arrows"};
  for (int i = 0; i < 3; i++) {
    fixture_t                        fixture = with_numbers(keys[i]);
    blobferry_table_reader_options_t options = all_rows;
    struct ArrowArray                array;
    int64_t                          rows = 0;
    int                              code = 0;
    options.batch_rows = 100;
    struct ArrowArrayStream stream = stream_of(&fixture, keys[i], &options);
    CHECK_INT(stream.get_next(&stream, &array), 0);
    fixture_free(&fixture);
    do {
      rows += array.length;
      array.release(&array);
      code = stream.get_next(&stream, &array);
    } while (code == 0 && array.release != NULL);
    /* What was decoded is given, in order; the rest is not there. */
    CHECK(rows >= 100 && rows % 100 == 0 && rows < ROW_COUNT);
    CHECK(code != 0);
    CHECK(strstr(stream.get_last_error(&stream), "freed") != NULL);
    stream.release(&stream);
    /* Another one that was never pulled. */
    fixture = with_numbers(keys[i]);
    stream = stream_of(&fixture, keys[i], NULL);
    fixture_free(&fixture);
    CHECK(stream.get_next(&stream, &array) != 0);
    stream.release(&stream);
  }
}

TESTS(TEST(a_cancelled_request_loses_no_row), TEST(a_deadline_ends_a_request_alone),
      TEST(a_reader_may_be_freed_at_any_time), TEST(a_batch_stays_when_all_else_has_gone),
      TEST(a_stream_waits_for_its_rows), TEST(a_stream_goes_on_where_its_reader_was),
      TEST(a_stream_tells_what_went_wrong), TEST(a_stream_outlives_its_service))
