/*
 * Pages of a listing as tables: the same entries, bounds and ends as in entries, and in either way by turns.
 */
#include "verbs.h"

#include <fcntl.h>

static blobferry_list_t *list_with(const fixture_t *fixture, const char *delimiter, uint32_t page_size) {
  blobferry_list_options_t options = BLOBFERRY_LIST_OPTIONS_INIT;
  blobferry_list_t        *list = NULL;
  blobferry_error_t       *error = NULL;
  options.delimiter = delimiter;
  options.page_size = page_size;
  must(blobferry_list_new(fixture->store, NULL, &options, &list, &error), error, "blobferry_list_new");
  return list;
}

static blobferry_completion_t next_table(const fixture_t *fixture, blobferry_list_t *list) {
  blobferry_error_t *error = NULL;
  blobferry_status_t submitted = blobferry_list_next_table(list, fixture->cq, NULL, 0, NULL, &error);
  return outcome_of(fixture, submitted, error);
}

/* The chunk of a page; disposes of the completion. */
static struct ArrowArray rows_of(blobferry_completion_t completion) {
  struct ArrowArray  rows;
  blobferry_error_t *error = NULL;
  must(completion.status, completion.error, "blobferry_list_next_table");
  CHECK_INT(blobferry_table_chunks(completion.table), 1);
  must(blobferry_table_export_chunk(completion.table, 0, NULL, &rows, &error), error, "export");
  CHECK_INT(rows.length, completion.result);
  dispose(&completion);
  return rows;
}

enum { KEY, SIZE, LAST_MODIFIED, REVISION, IS_PREFIX, IS_UNADDRESSABLE, KEY_BYTES, COLUMNS };

static bool bit_of(const void *bits, int64_t at) { return (((const uint8_t *)bits)[at / 8] >> at % 8 & 1) != 0; }

static bool is_null(const struct ArrowArray *rows, int column, int64_t row) {
  const struct ArrowArray *array = rows->children[column];
  return array->buffers[0] != NULL && !bit_of(array->buffers[0], array->offset + row);
}

static bool flag_of(const struct ArrowArray *rows, int column, int64_t row) {
  return bit_of(rows->children[column]->buffers[1], rows->children[column]->offset + row);
}

static void check_bytes(const struct ArrowArray *rows, int column, int64_t row, const char *wanted, size_t size) {
  const struct ArrowArray *array = rows->children[column];
  const int32_t           *ends = (const int32_t *)array->buffers[1] + array->offset + row;
  if ((size_t)(ends[1] - ends[0]) != size || memcmp((const char *)array->buffers[2] + ends[0], wanted, size) != 0)
    FAIL("row %lld, column %d is \"%.*s\", wanted \"%s\"", (long long)row, column, ends[1] - ends[0],
         (const char *)array->buffers[2] + ends[0], wanted);
}

#define CHECK_KEY(rows, row, wanted) check_bytes(rows, KEY, row, wanted, strlen(wanted))

static uint64_t size_of_row(const struct ArrowArray *rows, int64_t row) {
  return ((const uint64_t *)rows->children[SIZE]->buffers[1])[rows->children[SIZE]->offset + row];
}

static void columns_are_those_of_the_header(void) {
  static const char *const names[] = {"key",       "size",            "last_modified", "revision",
                                      "is_prefix", "is_unaddressable", "key_bytes"};
  static const char *const formats[] = {"u", "L", "tsn:UTC", "u", "b", "b", "z"};
  fixture_t                fixture = in_memory();
  blobferry_list_t        *list = list_with(&fixture, NULL, 0);
  blobferry_completion_t   page = next_table(&fixture, list);
  struct ArrowSchema       schema;
  blobferry_error_t       *error = NULL;
  CHECK(is_last_page(&page));
  CHECK_INT(page.result, 0);
  CHECK_INT(blobferry_table_rows(page.table), 0);
  must(blobferry_table_schema(page.table, &schema, &error), error, "schema");
  CHECK_INT(schema.n_children, COLUMNS);
  for (int i = 0; i < COLUMNS; i++) {
    CHECK_TEXT(schema.children[i]->name, names[i]);
    CHECK_TEXT(schema.children[i]->format, formats[i]);
  }
  schema.release(&schema);
  dispose(&page);
  blobferry_list_free(list);
  fixture_free(&fixture);
}

static void pages_have_the_entries_in_order(void) {
  for (int kind = 0; kind < 2; kind++) {
    fixture_t fixture = kind == 0 ? in_memory() : in_folder();
    char      key[32];
    for (int i = 0; i < 25; i++) {
      snprintf(key, sizeof key, "k/%02d", i);
      must_put(&fixture, key, (size_t)i, 1);
    }
    blobferry_list_t *list = list_with(&fixture, NULL, 10);
    for (int begin = 0; begin < 25;) {
      blobferry_completion_t page = next_table(&fixture, list);
      CHECK((begin == 20) == is_last_page(&page));
      size_t count = 99;
      CHECK(blobferry_list_entries(list, &count) == NULL);
      CHECK_INT(count, 0);
      struct ArrowArray rows = rows_of(page);
      CHECK_INT(rows.length, begin == 20 ? 5 : 10);
      for (int64_t row = 0; row < rows.length; row++) {
        snprintf(key, sizeof key, "k/%02d", begin + (int)row);
        CHECK_KEY(&rows, row, key);
        CHECK_INT(size_of_row(&rows, row), begin + row);
        CHECK(!is_null(&rows, LAST_MODIFIED, row) && !is_null(&rows, REVISION, row) && is_null(&rows, KEY_BYTES, row));
        CHECK(!flag_of(&rows, IS_PREFIX, row) && !flag_of(&rows, IS_UNADDRESSABLE, row));
      }
      begin += (int)rows.length;
      rows.release(&rows);
    }
    blobferry_completion_t behind = next_table(&fixture, list);
    CHECK(is_last_page(&behind) && behind.result == 0);
    dispose(&behind);
    blobferry_list_free(list);
    fixture_free(&fixture);
  }
}

static void prefixes_have_no_size(void) {
  fixture_t fixture = in_memory();
  must_put(&fixture, "a", 3, 1);
  must_put(&fixture, "b/c", 3, 1);
  must_put(&fixture, "b/d", 3, 1);
  blobferry_list_t *list = list_with(&fixture, "/", 0);
  struct ArrowArray rows = rows_of(next_table(&fixture, list));
  CHECK_INT(rows.length, 2);
  CHECK_KEY(&rows, 0, "a");
  CHECK_KEY(&rows, 1, "b/");
  CHECK(flag_of(&rows, IS_PREFIX, 1) && !flag_of(&rows, IS_PREFIX, 0));
  CHECK(is_null(&rows, SIZE, 1) && is_null(&rows, LAST_MODIFIED, 1) && is_null(&rows, REVISION, 1));
  rows.release(&rows);
  blobferry_list_free(list);
  fixture_free(&fixture);
}

static void a_key_that_is_no_text_keeps_its_bytes(void) {
  fixture_t fixture = in_folder();
  char      path[400];
  snprintf(path, sizeof path, "%s/od\xff" "d", fixture.folder);
  int file = open(path, O_CREAT | O_WRONLY, 0600);
  CHECK(file >= 0 && close(file) == 0);
  blobferry_list_t *list = list_with(&fixture, NULL, 0);
  struct ArrowArray rows = rows_of(next_table(&fixture, list));
  CHECK_INT(rows.length, 1);
  CHECK_KEY(&rows, 0, "od\xef\xbf\xbd" "d");
  check_bytes(&rows, KEY_BYTES, 0, "od\xff" "d", 4);
  CHECK(!is_null(&rows, KEY_BYTES, 0) && flag_of(&rows, IS_UNADDRESSABLE, 0));
  rows.release(&rows);
  blobferry_list_free(list);
  fixture_free(&fixture);
}

static void pages_come_in_either_way_by_turns(void) {
  fixture_t fixture = in_memory();
  char      key[32];
  for (int i = 0; i < 6; i++) {
    snprintf(key, sizeof key, "%d", i);
    must_put(&fixture, key, 1, 1);
  }
  blobferry_list_t *list = list_with(&fixture, NULL, 1);
  for (int i = 0; i < 6; i++) {
    snprintf(key, sizeof key, "%d", i);
    if (i % 2 == 0) {
      struct ArrowArray rows = rows_of(next_table(&fixture, list));
      CHECK_INT(rows.length, 1);
      CHECK_KEY(&rows, 0, key);
      rows.release(&rows);
    } else {
      size_t                 count = 0;
      blobferry_completion_t page = next(&fixture, list);
      CHECK(page.table == NULL);
      dispose(&page);
      const blobferry_entry_t *entries = blobferry_list_entries(list, &count);
      CHECK_INT(count, 1);
      CHECK_TEXT(entries[0].key, key);
    }
  }
  blobferry_list_free(list);
  fixture_free(&fixture);
}

/* And its rows outlive the service. */
static void what_is_under_way_outlives_the_list(void) {
  fixture_t              fixture = in_memory();
  blobferry_list_t      *list = list_with(&fixture, NULL, 0);
  blobferry_error_t     *error = NULL;
  must_put(&fixture, "a", 1, 1);
  must(blobferry_list_next_table(list, fixture.cq, NULL, 7, NULL, &error), error, "next_table");
  blobferry_list_free(list);
  blobferry_completion_t page = wait_one(fixture.cq);
  CHECK_INT(page.user_data, 7);
  struct ArrowArray rows = rows_of(page);
  CHECK_INT(rows.length, 1);
  blobferry_store_free(fixture.store);
  blobferry_cq_free(fixture.cq);
  blobferry_service_free(fixture.service);
  CHECK_KEY(&rows, 0, "a"); /* nothing of it is the service's */
  rows.release(&rows);
}

TESTS(TEST(columns_are_those_of_the_header), TEST(pages_have_the_entries_in_order), TEST(prefixes_have_no_size),
      TEST(a_key_that_is_no_text_keeps_its_bytes), TEST(pages_come_in_either_way_by_turns), TEST(what_is_under_way_outlives_the_list))
