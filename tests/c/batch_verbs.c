/*
 * Each verb as an element of a batch does what its own function does, with the
 * fields that the table of batch.h gives it and with no other.
 */
#include "batch.h"

#include <stddef.h>

/* -- what each verb does -------------------------------------------------------------------------------------- */

/* Submits one request and gives its completion. */
static blobferry_completion_t ask(const fixture_t *fixture, blobferry_request_t request) {
  must_submit_batch(fixture->cq, &request, 1);
  blobferry_completion_t completion = wait_one(fixture->cq);
  CHECK(completion.ticket == request.ticket);
  CHECK_INT(completion.user_data, request.user_data);
  return completion;
}

static void must_ask(const fixture_t *fixture, blobferry_request_t request, uint64_t result) {
  blobferry_completion_t completion = ask(fixture, request);
  if (completion.status == BLOBFERRY_OK) CHECK_INT(completion.result, result);
  check_outcome(completion, BLOBFERRY_OK, "");
}

static blobferry_request_t of_key(const fixture_t *fixture, uint32_t verb, const char *key) {
  return of_store(verb, fixture->store, key, verb);
}

static void objects_are_got(void) {
  fixture_t           fixture = in_memory();
  guarded_t           memory = guarded_new(100), first = guarded_new(10), second = guarded_new(20);
  blobferry_range_t   ranges[2] = {{90, 10}, {0, 20}};
  blobferry_slice_t   slices[2] = {{first.data, 10}, {second.data, 20}};
  must_put(&fixture, "object", 100, 1);
  must_ask(&fixture, with_buffer(of_key(&fixture, BLOBFERRY_VERB_GET, "object"), memory.data, 100), 100);
  CHECK(pattern_is(memory.data, 100, 1, 0));

  blobferry_completion_t got = ask(&fixture, of_key(&fixture, BLOBFERRY_VERB_GET_BUFFER, "object"));
  CHECK_STATUS(got.status, BLOBFERRY_OK);
  CHECK_INT(blobferry_buffer_size(got.buffer), 100);
  CHECK(pattern_is(blobferry_buffer_data(got.buffer), blobferry_buffer_size(got.buffer), 1, 0));
  dispose(&got);

  blobferry_request_t parts = with_buffer(of_key(&fixture, BLOBFERRY_VERB_GET_RANGES, "object"), slices, 2);
  parts.items = ranges;
  parts.item_count = 2;
  must_ask(&fixture, parts, 30);
  CHECK(pattern_is(first.data, 10, 1, 90));
  CHECK(pattern_is(second.data, 20, 1, 0));

  must_ask(&fixture, of_key(&fixture, BLOBFERRY_VERB_HEAD, "object"), 100);
  must_ask(&fixture, of_key(&fixture, BLOBFERRY_VERB_EXISTS, "object"), 1);
  must_ask(&fixture, of_key(&fixture, BLOBFERRY_VERB_EXISTS, "nothing"), 0);
  guarded_free(&memory);
  guarded_free(&first);
  guarded_free(&second);
  fixture_free(&fixture);
}

static void objects_are_put(void) {
  fixture_t               fixture = in_memory();
  guarded_t               memory = guarded_new(100);
  blobferry_const_slice_t slices[2] = {{memory.data, 60}, {memory.data + 60, 40}};
  pattern_fill(memory.data, 100, 2);
  must_ask(&fixture, with_buffer(of_key(&fixture, BLOBFERRY_VERB_PUT, "whole"), memory.data, 100), 100);
  blobferry_request_t pieces = of_key(&fixture, BLOBFERRY_VERB_PUT_SLICES, "pieces");
  pieces.items = slices;
  pieces.item_count = 2;
  must_ask(&fixture, pieces, 100);
  check_object(&fixture, "whole", 100, 2);
  check_object(&fixture, "pieces", 100, 2);
  guarded_free(&memory);
  fixture_free(&fixture);
}

static void objects_are_changed(void) {
  static const char *const keys[] = {"a", "nothing", "b"};
  fixture_t                fixture = in_memory();
  blobferry_report_t      *report = NULL;
  size_t                   outcomes = 0;
  must_put(&fixture, "a", 10, 1);
  blobferry_request_t request = of_key(&fixture, BLOBFERRY_VERB_COPY, "a");
  request.to = "b";
  must_ask(&fixture, request, 0);
  request.verb = (uint32_t)(request.user_data = BLOBFERRY_VERB_RENAME);
  request.to = "c";
  must_ask(&fixture, request, 0);
  check_keys(&fixture, "", "", "b\nc\n");
  must_ask(&fixture, of_key(&fixture, BLOBFERRY_VERB_DELETE, "c"), 0);

  must(blobferry_report_new(NULL, &report, NULL), NULL, "blobferry_report_new");
  request = of_key(&fixture, BLOBFERRY_VERB_DELETE_MANY, NULL);
  request.items = keys;
  request.item_count = 3;
  request.report = report;
  must_ask(&fixture, request, 3);
  CHECK(blobferry_report_outcomes(report, &outcomes) != NULL);
  CHECK_INT(outcomes, 3);
  check_keys(&fixture, "", "", "");
  blobferry_report_free(report);
  fixture_free(&fixture);
}

static void an_url_is_signed(void) {
  static const blobferry_pair_t options[] = {
      {"access_key_id", "key"}, {"secret_access_key", "secret"}, {"region", "us-east-1"}};
  fixture_t              fixture = with_url("s3://bucket", options, 3);
  blobferry_completion_t completion = ask(&fixture, of_key(&fixture, BLOBFERRY_VERB_SIGN, "object"));
  CHECK_STATUS(completion.status, BLOBFERRY_OK);
  CHECK(strstr((const char *)blobferry_buffer_data(completion.buffer), "/object?X-Amz-") != NULL);
  dispose(&completion);
  fixture_free(&fixture);
}

static void lists_and_readers_go_on(void) {
  fixture_t           fixture = in_memory();
  guarded_t           memory = guarded_new(60);
  blobferry_reader_t *reader = NULL;
  size_t              count = 0;
  must_put(&fixture, "object", 100, 3);
  blobferry_list_t *list = new_list(fixture.store, "");
  must_ask(&fixture, of_list(list, 1), 1);
  CHECK(blobferry_list_entries(list, &count) != NULL);
  CHECK_INT(count, 1);

  must(blobferry_reader_new(fixture.store, "object", NULL, &reader, NULL), NULL, "blobferry_reader_new");
  blobferry_request_t request = with_buffer(of_store(BLOBFERRY_VERB_READER_READ, NULL, NULL, 2), memory.data, 60);
  request.handle = reader;
  must_ask(&fixture, request, 60);
  CHECK(pattern_is(memory.data, 60, 3, 0));
  must_ask(&fixture, request, 40);
  CHECK(pattern_is(memory.data, 40, 3, 60));
  must_ask(&fixture, request, 0);
  blobferry_reader_free(reader);
  blobferry_list_free(list);
  guarded_free(&memory);
  fixture_free(&fixture);
}

static blobferry_request_t of_writer(const blobferry_writer_t *writer, uint32_t verb) {
  blobferry_request_t request = of_store(verb, NULL, NULL, verb);
  request.handle = writer;
  return request;
}

static void writers_go_on(void) {
  fixture_t           fixture = in_memory();
  guarded_t           memory = guarded_new(100);
  blobferry_writer_t *writer = NULL;
  pattern_fill(memory.data, 100, 4);
  must(blobferry_writer_new(fixture.store, "object", NULL, &writer, NULL), NULL, "blobferry_writer_new");
  must_ask(&fixture, with_buffer(of_writer(writer, BLOBFERRY_VERB_WRITER_WRITE), memory.data, 30), 30);
  must_ask(&fixture, of_writer(writer, BLOBFERRY_VERB_WRITER_FLUSH), 0);
  must_ask(&fixture, with_buffer(of_writer(writer, BLOBFERRY_VERB_WRITER_WRITE), memory.data + 30, 70), 70);
  must_ask(&fixture, of_writer(writer, BLOBFERRY_VERB_WRITER_FINISH), 100);
  check_object(&fixture, "object", 100, 4);
  blobferry_writer_free(writer);

  must(blobferry_writer_new(fixture.store, "other", NULL, &writer, NULL), NULL, "blobferry_writer_new");
  must_ask(&fixture, with_buffer(of_writer(writer, BLOBFERRY_VERB_WRITER_WRITE), memory.data, 100), 100);
  must_ask(&fixture, of_writer(writer, BLOBFERRY_VERB_WRITER_ABORT), 0);
  check_keys(&fixture, "", "", "object\n");
  blobferry_writer_free(writer);
  guarded_free(&memory);
  fixture_free(&fixture);
}

static void folders_go_up_and_down(void) {
  fixture_t fixture = in_folder(), other = in_memory();
  char      below[512], back[600];
  must_put(&fixture, "up/one", 10, 1);
  must_put(&fixture, "up/two", 20, 2);
  snprintf(below, sizeof below, "%s/up", fixture.folder);
  snprintf(back, sizeof back, "%s/down", fixture.folder);
  blobferry_request_t request = of_key(&other, BLOBFERRY_VERB_FOLDER_UPLOAD, below);
  request.to = "there/";
  must_ask(&other, request, 2);
  check_keys(&other, "", "", "there/one\nthere/two\n");
  request = of_key(&other, BLOBFERRY_VERB_FOLDER_DOWNLOAD, "there/");
  request.to = back;
  must_ask(&other, request, 2);
  check_object(&fixture, "down/one", 10, 1);
  check_object(&fixture, "down/two", 20, 2);
  fixture_free(&fixture);
  fixture_free(&other);
}

/* -- the fields ------------------------------------------------------------------------------------------------ */

enum { KEY = 1, TO = 2, BUFFER = 4, ITEMS = 8, OPTIONS = 16, REPORT = 32 };

/* The table of batch.h. */
static const struct row {
  uint32_t verb;
  unsigned fields;
} rows[] = {
    {BLOBFERRY_VERB_GET, KEY | BUFFER | OPTIONS},
    {BLOBFERRY_VERB_GET_BUFFER, KEY | OPTIONS},
    {BLOBFERRY_VERB_GET_RANGES, KEY | ITEMS | BUFFER | OPTIONS},
    {BLOBFERRY_VERB_HEAD, KEY | OPTIONS},
    {BLOBFERRY_VERB_EXISTS, KEY | OPTIONS},
    {BLOBFERRY_VERB_PUT, KEY | BUFFER | OPTIONS},
    {BLOBFERRY_VERB_PUT_SLICES, KEY | ITEMS | OPTIONS},
    {BLOBFERRY_VERB_DELETE, KEY | OPTIONS},
    {BLOBFERRY_VERB_DELETE_MANY, ITEMS | OPTIONS | REPORT},
    {BLOBFERRY_VERB_COPY, KEY | TO | OPTIONS},
    {BLOBFERRY_VERB_RENAME, KEY | TO | OPTIONS},
    {BLOBFERRY_VERB_SIGN, KEY | OPTIONS},
    {BLOBFERRY_VERB_LIST_NEXT, OPTIONS},
    {BLOBFERRY_VERB_READER_READ, BUFFER | OPTIONS},
    {BLOBFERRY_VERB_WRITER_WRITE, BUFFER | OPTIONS},
    {BLOBFERRY_VERB_WRITER_FLUSH, OPTIONS},
    {BLOBFERRY_VERB_WRITER_FINISH, OPTIONS},
    {BLOBFERRY_VERB_WRITER_ABORT, OPTIONS},
    {BLOBFERRY_VERB_FOLDER_UPLOAD, KEY | TO | OPTIONS | REPORT},
    {BLOBFERRY_VERB_FOLDER_DOWNLOAD, KEY | TO | OPTIONS | REPORT},
};
enum { ROWS = sizeof rows / sizeof rows[0] };

typedef struct field {
  const char *name;
  unsigned    bit; /* 0: no verb's */
  size_t      offset, size;
} field_t;

#define FIELD(name, bit) {#name, bit, offsetof(blobferry_request_t, name), sizeof((blobferry_request_t *)0)->name}

static const field_t fields[] = {
    FIELD(flags, 0),         FIELD(key, KEY),     FIELD(to, TO),
    FIELD(buffer, BUFFER),   FIELD(items, ITEMS), FIELD(buffer_size, BUFFER),
    FIELD(item_count, ITEMS), FIELD(options, OPTIONS), FIELD(report, REPORT),
    FIELD(reserved_status, 0), FIELD(reserved, 0),
};

/*
 * One field is set, each of its bytes in turn, and the handle is NULL: where the verb
 * uses the field something else is wrong, and no pointer is followed before that is seen.
 */
static void a_field_that_the_verb_does_not_use_is_refused(void) {
  fixture_t fixture = in_memory();
  for (size_t r = 0; r < ROWS; r++)
    for (size_t f = 0; f < sizeof fields / sizeof fields[0]; f++) {
      if ((rows[r].fields & fields[f].bit) != 0) continue;
      for (size_t byte = 0; byte < fields[f].size; byte++) {
        blobferry_request_t request = of_store(rows[r].verb, NULL, NULL, 0);
        ((uint8_t *)&request)[fields[f].offset + byte] = 1;
        CHECK_INT(submit_batch(fixture.cq, &request, 1), 0);
        const char *message = blobferry_error_message(request.error);
        if (strstr(message, fields[f].name) == NULL || strstr(message, "does not use") == NULL)
          FAIL("verb %u with %s: %s", rows[r].verb, fields[f].name, message);
        check_refused(&request, BLOBFERRY_E_ARGUMENT, "");
      }
    }
  expect_nothing(fixture.cq, 0);
  fixture_free(&fixture);
}

static void a_handle_that_is_null_is_refused_for_every_verb(void) {
  fixture_t fixture = in_memory();
  for (size_t r = 0; r < ROWS; r++) {
    blobferry_request_t request = of_store(rows[r].verb, NULL, NULL, 0);
    CHECK_INT(submit_batch(fixture.cq, &request, 1), 0);
    check_refused(&request, BLOBFERRY_E_ARGUMENT, "NULL");
  }
  fixture_free(&fixture);
}

/* What is not in the table is no verb: 0, what is behind the last, and a verb's number with a higher bit. */
static void every_verb_is_in_the_table(void) {
  fixture_t fixture = in_memory();
  for (uint32_t bits = 0; bits < 300; bits++) {
    uint32_t verb = bits < 200 ? bits : 1u << bits % 32 | BLOBFERRY_VERB_GET;
    bool     is_known = false;
    for (size_t r = 0; r < ROWS; r++) is_known = is_known || rows[r].verb == verb;
    blobferry_request_t request = of_store(verb, NULL, NULL, 0);
    CHECK_INT(submit_batch(fixture.cq, &request, 1), 0);
    CHECK((strstr(blobferry_error_message(request.error), "BLOBFERRY_VERB_") == NULL) == is_known);
    check_refused(&request, BLOBFERRY_E_ARGUMENT, "");
  }
  fixture_free(&fixture);
}

TESTS(TEST(objects_are_got), TEST(objects_are_put), TEST(objects_are_changed), TEST(an_url_is_signed),
      TEST(lists_and_readers_go_on), TEST(writers_go_on), TEST(folders_go_up_and_down),
      TEST(a_field_that_the_verb_does_not_use_is_refused), TEST(a_handle_that_is_null_is_refused_for_every_verb),
      TEST(every_verb_is_in_the_table))
