/*
 * Tables of streams: pulled once, on a thread of the library, checked as they come; and what becomes of a stream that
 * fails, is cancelled, or is never used.
 */
#include "table_columns.h"
#include "verbs.h"

static blobferry_status_t import_stream(blobferry_service_t *service, struct ArrowArrayStream *stream, uint32_t flags,
                                        blobferry_table_t **table, blobferry_error_t **error) {
  blobferry_import_options_t options = BLOBFERRY_IMPORT_OPTIONS_INIT;
  options.flags = flags;
  return blobferry_table_import_stream(service, stream, &options, table, error);
}

/* A stream of some chunks of a column, and its table. */
typedef struct setting {
  fixture_t               fixture;
  given_t                 given;
  stream_t                stream;
  struct ArrowArrayStream moved;
  blobferry_table_t      *table;
} setting_t;

static void begin(setting_t *s, void (*column)(given_t *g), int chunks) {
  blobferry_error_t *error = NULL;
  memset(s, 0, sizeof *s);
  s->fixture = in_memory();
  column(&s->given);
  s->stream = (stream_t){.given = &s->given, .chunks = chunks};
  s->moved = as_stream(&s->stream);
  blobferry_status_t status =
      import_stream(s->fixture.service, &s->moved, BLOBFERRY_IMPORT_ANY_THREAD, &s->table, &error);
  must(status, error, "blobferry_table_import_stream");
  CHECK(s->moved.release == NULL);
}

static blobferry_completion_t put_table(setting_t *s, const char *key) {
  blobferry_error_t *error = NULL;
  blobferry_status_t submitted =
      blobferry_table_put(s->fixture.store, s->fixture.cq, key, s->table, NULL, 0, NULL, &error);
  return outcome_of(&s->fixture, submitted, error);
}

/* Frees everything; the stream, and each of its chunks, must have been released once. */
static void end(setting_t *s) {
  blobferry_table_free(s->table);
  fixture_free(&s->fixture);
  CHECK_INT(atomic_load(&s->stream.released), 1);
  tree_free(&s->given.tree);
}

static void a_stream_is_pulled_on_a_thread_of_its_own(void) {
  setting_t s;
  begin(&s, text_column, 5);
  CHECK_INT(blobferry_table_rows(s.table), 0);
  CHECK_INT(blobferry_table_chunks(s.table), 0);
  CHECK_INT(atomic_load(&s.stream.calls), 0);
  blobferry_completion_t completion = put_table(&s, "table.arrows");
  CHECK_INT(completion.result, 15);
  check_outcome(completion, BLOBFERRY_OK, "");
  /* The end of the request is the end of the stream. */
  CHECK_INT(atomic_load(&s.stream.calls), 6);
  CHECK_INT(atomic_load(&s.given.tree.arrays_released), 5);
  CHECK(!pthread_equal(s.stream.puller, pthread_self()));
  end(&s);
}

static void a_stream_is_used_once(void) {
  setting_t s;
  begin(&s, int64_column, 1);
  check_outcome(put_table(&s, "table.arrows"), BLOBFERRY_OK, "");
  check_outcome(put_table(&s, "again.arrows"), BLOBFERRY_E_ARGUMENT, "which has been used");
  struct ArrowArrayStream out;
  blobferry_error_t      *error = NULL;
  CHECK_STATUS(blobferry_table_export(s.table, &out, &error), BLOBFERRY_E_ARGUMENT);
  check_error(error, BLOBFERRY_E_ARGUMENT, "which has been used");
  end(&s);
}

static void a_refused_request_leaves_the_stream(void) {
  setting_t s;
  begin(&s, int64_column, 1);
  blobferry_cq_t    *full = new_cq(s.fixture.service, 1, BLOBFERRY_WAKE_NONE);
  blobferry_error_t *error = NULL;
  must(blobferry_object_exists(s.fixture.store, full, "nothing", NULL, 0, NULL, NULL), NULL, "blobferry_object_exists");
  CHECK_STATUS(blobferry_table_put(s.fixture.store, full, "table.arrows", s.table, NULL, 0, NULL, &error),
               BLOBFERRY_E_BUSY);
  check_error(error, BLOBFERRY_E_BUSY, "credits");
  CHECK_INT(atomic_load(&s.stream.calls), 0);
  check_outcome(put_table(&s, "table.arrows"), BLOBFERRY_OK, "");
  blobferry_completion_t completion = wait_one(full);
  dispose(&completion);
  blobferry_cq_free(full);
  end(&s);
}

static void a_stream_that_nobody_pulls_is_released_with_its_table(void) {
  setting_t s;
  begin(&s, int64_column, 3);
  blobferry_table_free(s.table);
  CHECK_INT(atomic_load(&s.stream.released), 1);
  CHECK_INT(atomic_load(&s.stream.calls), 0);
  s.table = NULL;
  end(&s);
}

/* -- streams that are refused ------------------------------------------------------------------------------------ */

static void check_refused(stream_t *stream, struct ArrowArrayStream given, uint32_t flags, blobferry_status_t status,
                          const char *part) {
  blobferry_service_t    *service = new_service();
  blobferry_table_t      *table = (void *)1;
  blobferry_error_t      *error = NULL;
  struct ArrowArrayStream before = given;
  CHECK_STATUS(import_stream(service, &given, flags, &table, &error), status);
  check_error(error, status, part);
  CHECK(memcmp(&before, &given, sizeof given) == 0);
  CHECK(table == (void *)1);
  CHECK_INT(atomic_load(&stream->released), 0);
  blobferry_service_free(service);
}

static void streams_that_are_wrong_are_refused(void) {
  given_t                 g = {0};
  int64_column(&g);
  stream_t                stream = {.given = &g, .error = "no such \xff place"};
  struct ArrowArrayStream right = as_stream(&stream), wrong = right;
  check_refused(&stream, right, 0, BLOBFERRY_E_UNSUPPORTED, "blobferry_table_writer_write");
  check_refused(&stream, right, BLOBFERRY_IMPORT_TRUSTED, BLOBFERRY_E_UNSUPPORTED, "blobferry_table_writer_write");
  wrong.get_schema = NULL;
  check_refused(&stream, wrong, BLOBFERRY_IMPORT_ANY_THREAD, BLOBFERRY_E_ARGUMENT, "is NULL");
  wrong = right, wrong.get_next = NULL;
  check_refused(&stream, wrong, BLOBFERRY_IMPORT_ANY_THREAD, BLOBFERRY_E_ARGUMENT, "is NULL");
  wrong = right, wrong.get_last_error = NULL;
  check_refused(&stream, wrong, BLOBFERRY_IMPORT_ANY_THREAD, BLOBFERRY_E_ARGUMENT, "is NULL");
  wrong = right, wrong.release = NULL;
  check_refused(&stream, wrong, BLOBFERRY_IMPORT_ANY_THREAD, BLOBFERRY_E_ARGUMENT, "has been released");
  CHECK_INT(atomic_load(&g.tree.schemas_released), 0);
  g.s->format = "q";
  check_refused(&stream, right, BLOBFERRY_IMPORT_ANY_THREAD, BLOBFERRY_E_UNSUPPORTED, "the format \"q\"");
  CHECK_INT(atomic_load(&g.tree.schemas_released), 1);
  stream.is_schema_failing = 1;
  check_refused(&stream, right, BLOBFERRY_IMPORT_ANY_THREAD, BLOBFERRY_E_IO,
                "`get_schema` of the stream failed with 22: no such \xef\xbf\xbd place");
  tree_free(&g.tree);
}

/* -- streams that fail ------------------------------------------------------------------------------------------- */

static void check_failing(const char *text, const char *part) {
  setting_t s;
  begin(&s, int64_column, 2);
  s.stream.fails_with = 5;
  s.stream.error = text;
  blobferry_completion_t completion = put_table(&s, "table.arrows");
  CHECK(strlen(blobferry_error_message(completion.error)) < 5000);
  check_outcome(completion, BLOBFERRY_E_IO, part);
  CHECK_INT(atomic_load(&s.given.tree.arrays_released), 2);
  CHECK_INT(atomic_load(&s.stream.calls), 3);
  check_outcome(get(&s.fixture, "table.arrows"), BLOBFERRY_E_NOT_FOUND, "");
  end(&s);
}

static void an_error_of_the_stream_has_its_text(void) {
  static char long_text[20000];
  memset(long_text, 'x', sizeof long_text - 1);
  check_failing("the disk is gone", "`get_next` of the stream failed with 5: the disk is gone");
  check_failing(NULL, "failed with 5: it says no more");
  check_failing("", "failed with 5: it says no more");
  check_failing("\xff\xfe", "failed with 5: \xef\xbf\xbd\xef\xbf\xbd");
  check_failing(long_text, "xxxxxxxxxx");
}

static void a_wrong_array_of_a_stream_is_an_error_and_released(void) {
  setting_t s;
  begin(&s, text_column, 3);
  s.given.a->buffers[2] = "\xff\xff\xff\xff\xff\xff\xff\xff\xff";
  check_outcome(put_table(&s, "table.arrows"), BLOBFERRY_E_ARGUMENT,
                "`batch 0 of the stream`, column \"x\": the text of row 0 is not UTF-8");
  CHECK_INT(atomic_load(&s.given.tree.arrays_released), 1);
  end(&s);
}

/* -- streams that take long -------------------------------------------------------------------------------------- */

static void wait_until_pulled(setting_t *s) {
  while (atomic_load(&s->stream.calls) == 0) usleep(1000);
}

static void a_cancelled_request_completes_after_the_call_that_runs(void) {
  setting_t          s;
  blobferry_ticket_t ticket = 0;
  begin(&s, int64_column, 1000000);
  s.stream.is_slow = 300;
  must(blobferry_table_put(s.fixture.store, s.fixture.cq, "table.arrows", s.table, NULL, 0, &ticket, NULL), NULL,
       "blobferry_table_put");
  wait_until_pulled(&s);
  CHECK_STATUS(blobferry_cq_cancel(s.fixture.cq, ticket, NULL), BLOBFERRY_OK);
  blobferry_completion_t completion = wait_one(s.fixture.cq);
  CHECK_INT(atomic_load(&s.stream.running), 0);
  int calls = atomic_load(&s.stream.calls);
  check_outcome(completion, BLOBFERRY_E_CANCELLED, "");
  usleep(400000);
  CHECK_INT(atomic_load(&s.stream.calls), calls);
  CHECK_INT(atomic_load(&s.given.tree.arrays_released), calls);
  end(&s);
}

static void a_service_may_be_freed_while_a_stream_is_pulled(void) {
  setting_t s;
  begin(&s, int64_column, 1000000);
  s.stream.is_slow = 20;
  must(blobferry_table_put(s.fixture.store, s.fixture.cq, "table.arrows", s.table, NULL, 0, NULL, NULL), NULL,
       "blobferry_table_put");
  blobferry_table_free(s.table);
  s.table = NULL;
  wait_until_pulled(&s);
  blobferry_service_free(s.fixture.service);
  s.fixture.service = NULL;
  CHECK_INT(atomic_load(&s.stream.running), 0);
  CHECK_INT(atomic_load(&s.stream.released), 1);
  CHECK_INT(atomic_load(&s.given.tree.arrays_released), atomic_load(&s.stream.calls));
  blobferry_completion_t completion = wait_one(s.fixture.cq);
  check_outcome(completion, BLOBFERRY_E_CANCELLED, "");
  end(&s);
}

/* -- streams that go through ------------------------------------------------------------------------------------- */

static void an_exported_stream_is_pulled_on_the_thread_that_pulls_it(void) {
  setting_t               s;
  struct ArrowArrayStream out;
  struct ArrowArray       array;
  begin(&s, int64_column, 2);
  s.stream.fails_with = 5;
  s.stream.error = "gone";
  must(blobferry_table_export(s.table, &out, NULL), NULL, "blobferry_table_export");
  blobferry_table_free(s.table);
  s.table = NULL;
  for (int i = 0; i < 2; i++) {
    CHECK_INT(out.get_next(&out, &array), 0);
    CHECK(pthread_equal(s.stream.puller, pthread_self()));
    CHECK(array.children[0]->buffers[1] == s.given.a->buffers[1]);
    array.release(&array);
  }
  CHECK_INT(out.get_next(&out, &array), EIO);
  CHECK(strstr(out.get_last_error(&out), "gone") != NULL);
  CHECK_INT(out.get_next(&out, &array), 0);
  CHECK(array.release == NULL);
  CHECK_INT(atomic_load(&s.stream.released), 0);
  out.release(&out);
  end(&s);
}

static void an_exported_stream_comes_in(void) {
  setting_t               s;
  struct ArrowArrayStream out;
  begin(&s, dictionary_column, 3);
  must(blobferry_table_export(s.table, &out, NULL), NULL, "blobferry_table_export");
  blobferry_table_free(s.table);
  blobferry_status_t status =
      import_stream(s.fixture.service, &out, BLOBFERRY_IMPORT_ANY_THREAD, &s.table, NULL);
  CHECK_STATUS(status, BLOBFERRY_OK);
  blobferry_completion_t completion = put_table(&s, "table.arrows");
  CHECK_INT(completion.result, 9);
  check_outcome(completion, BLOBFERRY_OK, "");
  end(&s);
}

TESTS(TEST(a_stream_is_pulled_on_a_thread_of_its_own), TEST(a_stream_is_used_once),
      TEST(a_refused_request_leaves_the_stream), TEST(a_stream_that_nobody_pulls_is_released_with_its_table),
      TEST(streams_that_are_wrong_are_refused), TEST(an_error_of_the_stream_has_its_text),
      TEST(a_wrong_array_of_a_stream_is_an_error_and_released),
      TEST(a_cancelled_request_completes_after_the_call_that_runs),
      TEST(a_service_may_be_freed_while_a_stream_is_pulled),
      TEST(an_exported_stream_is_pulled_on_the_thread_that_pulls_it), TEST(an_exported_stream_comes_in))
