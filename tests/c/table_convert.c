/*
 * Tables from one object into another: every format into every other one, what a completion tells, and that nothing is left
 * of what was not done.
 */
#include "table_rows.h"

static const char ROWS[] = "id,name,at\n1,one,2024-02-29T01:02:03.000000\n2,\"\",\n3,,1999-12-31T00:00:00.000000\n";

static const char *const KEYS_OF[] = {"rows.csv", "rows.arrow", "rows.arrows", "rows.parquet", "rows.ndjson"};
enum { KEY_COUNT = sizeof KEYS_OF / sizeof KEYS_OF[0] };

static blobferry_completion_t convert_with(const fixture_t *fixture, blobferry_table_reader_t *reader,
                                           const blobferry_store_t *store, const char *key,
                                           const blobferry_table_write_options_t *options) {
  blobferry_error_t *error = NULL;
  blobferry_status_t status = blobferry_table_convert(reader, fixture->cq, store, key, options, 0, NULL, &error);
  return outcome_of(fixture, status, error);
}

static void every_format_becomes_every_other(void) {
  fixture_t          fixture = in_memory();
  char               folder[256], url[300];
  blobferry_store_t *files = NULL;
  make_folder(folder);
  snprintf(url, sizeof url, "file://%s", folder);
  files = open_store(fixture.service, url);
  put_text(&fixture, KEYS_OF[0], ROWS);
  for (int i = 1; i < KEY_COUNT; i++) convert_to(&fixture, KEYS_OF[0], KEYS_OF[i], NULL);
  for (int from = 0; from < KEY_COUNT; from++)
    for (int to = 0; to < KEY_COUNT; to++) {
      fixture_t                       there = fixture;
      blobferry_table_write_options_t options = BLOBFERRY_TABLE_WRITE_OPTIONS_INIT;
      blobferry_table_reader_t       *reader = rows_of(&fixture, KEYS_OF[from], NULL);
      options.flags = BLOBFERRY_REQUEST_DETAILS;
      there.store = files;
      blobferry_completion_t completion = convert_with(&fixture, reader, files, KEYS_OF[to], &options);
      CHECK_INT(completion.result, 3);
      CHECK_INT(blobferry_details_rows(completion.details), 3);
      check_outcome(completion, BLOBFERRY_OK, "");
      /* The reader is at its end. */
      completion = next_rows(&fixture, reader);
      CHECK(completion.table == NULL && completion.result == 0);
      check_outcome(completion, BLOBFERRY_OK, "");
      blobferry_table_reader_free(reader);
      check_rows(&there, KEYS_OF[to], NULL, ROWS);
    }
  blobferry_store_free(files);
  fixture_free(&fixture);
  remove_tree(folder);
}

static void what_is_left_of_a_reader_is_converted(void) {
  fixture_t                        fixture = in_memory();
  blobferry_table_reader_options_t options = all_rows;
  put_text(&fixture, "a.csv", "x\n1\n2\n3\n");
  options.batch_rows = 1;
  blobferry_table_reader_t *reader = rows_of(&fixture, "a.csv", &options);
  check_outcome(next_rows(&fixture, reader), BLOBFERRY_OK, "");
  blobferry_completion_t completion = convert_with(&fixture, reader, fixture.store, "b.csv", NULL);
  CHECK_INT(completion.result, 2);
  CHECK(completion.details == NULL);
  check_outcome(completion, BLOBFERRY_OK, "");
  check_text_object(&fixture, "b.csv", "x\n2\n3\n");
  blobferry_table_reader_free(reader);
  fixture_free(&fixture);
}

static void what_a_format_does_not_hold_is_told(void) {
  fixture_t fixture = in_memory();
  put_text(&fixture, "a.ndjson", "{\"x\": [1, 2]}\n");
  blobferry_table_reader_t *reader = rows_of(&fixture, "a.ndjson", NULL);
  check_outcome(convert_with(&fixture, reader, fixture.store, "b.csv", NULL), BLOBFERRY_E_UNSUPPORTED, "x");
  check_outcome(head(&fixture, "b.csv"), BLOBFERRY_E_NOT_FOUND, "");
  check_outcome(next_rows(&fixture, reader), BLOBFERRY_E_CANCELLED, "used up the reader");
  blobferry_table_reader_free(reader);
  fixture_free(&fixture);
}

static void what_cannot_be_converted_is_refused(void) {
  fixture_t                 fixture = in_memory(), other = in_memory();
  blobferry_table_reader_t *reader = rows_of(&fixture, "a.csv", NULL);
  put_text(&fixture, "a.csv", "x\n1\n");
  check_refusal(convert_with(&fixture, reader, other.store, "b.csv", NULL), BLOBFERRY_E_ARGUMENT, "service");
  check_refusal(convert_with(&fixture, reader, fixture.store, "b", NULL), BLOBFERRY_E_ARGUMENT, "format");
  check_refusal(convert_with(&fixture, reader, fixture.store, "b//c.csv", NULL), BLOBFERRY_E_ARGUMENT, "b//c");
  /* None of that has used the reader. */
  check_rows_left(&fixture, reader, "x\n1\n");
  blobferry_table_write_options_t create = BLOBFERRY_TABLE_WRITE_OPTIONS_INIT;
  create.mode = BLOBFERRY_PUT_CREATE;
  reader = rows_of(&fixture, "a.csv", NULL);
  check_outcome(convert_with(&fixture, reader, fixture.store, "a.csv", &create), BLOBFERRY_E_EXISTS, "");
  blobferry_table_reader_free(reader);
  check_text_object(&fixture, "a.csv", "x\n1\n");
  fixture_free(&other);
  fixture_free(&fixture);
}

/* An error of the data comes out as it is, and nothing is left of the object. */
static void what_goes_wrong_leaves_nothing(void) {
  fixture_t fixture = in_memory();
  char     *text = malloc(400000), *end = text + sprintf(text, "x\n");
  for (int i = 0; i < 50000; i++) end += sprintf(end, "%d\n", i);
  sprintf(end, "no number\n");
  put_text(&fixture, "a.csv", text);
  free(text);
  blobferry_table_reader_options_t options = all_rows;
  options.batch_rows = 1000;
  blobferry_csv_options_t csv = BLOBFERRY_CSV_OPTIONS_INIT;
  csv.infer_rows = 10;
  options.csv = &csv;
  blobferry_table_reader_t *reader = rows_of(&fixture, "a.csv", &options);
  check_outcome(convert_with(&fixture, reader, fixture.store, "b.arrow", NULL), BLOBFERRY_E_INTEGRITY, "no number");
  check_outcome(head(&fixture, "b.arrow"), BLOBFERRY_E_NOT_FOUND, "");
  blobferry_table_reader_free(reader);
  fixture_free(&fixture);
}

static void a_cancelled_conversion_leaves_nothing(void) {
  fixture_t                        fixture = with_url("fault://test", NULL, 0);
  blobferry_table_reader_options_t options = all_rows;
  blobferry_ticket_t               ticket = 0;
  static const char *const         keys[] = {"a.csv", "never"};
  blobferry_table_reader_t        *reader = NULL;
  blobferry_error_t               *error = NULL;
  put_text(&fixture, "a.csv", "x\n1\n");
  options.format = BLOBFERRY_FORMAT_CSV;
  must(blobferry_table_reader_new(fixture.store, keys, 2, &options, &reader, NULL), NULL, "new");
  must(blobferry_table_convert(reader, fixture.cq, fixture.store, "b.csv", NULL, 0, &ticket, NULL), NULL, "convert");
  CHECK_STATUS(blobferry_table_reader_next(reader, fixture.cq, NULL, 0, NULL, &error), BLOBFERRY_E_ARGUMENT);
  check_error(error, BLOBFERRY_E_ARGUMENT, "in use");
  must(blobferry_cq_cancel(fixture.cq, ticket, NULL), NULL, "cancel");
  check_outcome(wait_one(fixture.cq), BLOBFERRY_E_CANCELLED, "convert `b.csv`");
  must(blobferry_service_drain(fixture.service, 10000, NULL), NULL, "drain");
  check_outcome(head(&fixture, "b.csv"), BLOBFERRY_E_NOT_FOUND, "");
  check_outcome(next_rows(&fixture, reader), BLOBFERRY_E_CANCELLED, "used up the reader");
  blobferry_table_reader_free(reader);
  fixture_free(&fixture);
}

TESTS(TEST(every_format_becomes_every_other), TEST(what_is_left_of_a_reader_is_converted),
      TEST(what_a_format_does_not_hold_is_told), TEST(what_cannot_be_converted_is_refused),
      TEST(what_goes_wrong_leaves_nothing), TEST(a_cancelled_conversion_leaves_nothing))
