/*
 * Readers over a network: how they go on where something broke off, and where they
 * must not, as the object is another.
 */
#include "server/ranges.h"
#include "streams.h"

static void answer(exchange_t *exchange, void *context) { object_answer(exchange, context); }

/* -- what breaks off --------------------------------------------------------------------------------- */

typedef struct breaking {
  object_t    object;
  size_t      every; /* every so many-th request breaks off */
  uint64_t    cut;   /* after so many bytes */
  bool        by_reset, in_whole;
  atomic_bool fails; /* all requests but the first are refused */
} breaking_t;

static void answer_and_break(exchange_t *exchange, void *context) {
  const breaking_t *breaking = context;
  object_answer_t   plan = object_plan(exchange, &breaking->object);
  if (breaking->in_whole && plan.status == 206) plan_whole(&plan);
  if (exchange->number % breaking->every != 0) {
    object_send(exchange, &plan);
    return;
  }
  plan.cut = breaking->cut;
  object_send(exchange, &plan);
  if (plan.count <= plan.cut) return;
  if (breaking->by_reset) reset(exchange);
  else finish(exchange);
}

static void a_part_that_breaks_off_is_resumed(void) {
  static const kind_t kinds[] = {HTTP, S3, AZURE, GCS};
  for (size_t k = 0; k < 4; k++)
    for (int by_reset = 0; by_reset < 2; by_reset++) {
      watch(__func__);
      breaking_t                 breaking = {object_of(20 * PART), 2, 5000, by_reset, false, false};
      server_t                  *server = server_start(answer_and_break, &breaking);
      fixture_t                  fixture = with_server(server, kinds[k], NO_OPTIONS);
      blobferry_reader_options_t options = reader_parts(PART, 0, 3);
      blobferry_reader_t        *reader = reader_with(&fixture, "key", &options);
      for (uint64_t at = 0; at < 20 * PART; at += 2 * PART) check_read(&fixture, reader, 2 * PART, 2 * PART, 1, at);
      check_read(&fixture, reader, 10, 0, 1, 20 * PART);
      blobferry_reader_free(reader);
      fixture_free(&fixture);
      server_free(server);
    }
}

/* A server that knows no ranges sends it all again: the reader goes on where it was, if it is the same object. */
static void a_stream_that_breaks_off_is_resumed(void) {
  watch(__func__);
  breaking_t          breaking = {object_of(20 * PART), 2, 130000, true, true, false};
  server_t           *server = server_start(answer_and_break, &breaking);
  fixture_t           fixture = with_server(server, HTTP, NO_OPTIONS);
  blobferry_reader_t *reader = reader_with(&fixture, "key", NULL);
  for (uint64_t at = 0; at < 20 * PART; at += PART) check_read(&fixture, reader, PART, PART, 1, at);
  check_read(&fixture, reader, 10, 0, 1, 20 * PART);
  CHECK_INT(size_of(reader), 20 * PART);
  check_requests(server, 2);
  must_seek(reader, 5000);
  check_read(&fixture, reader, PART, PART, 1, 5000);
  blobferry_reader_free(reader);
  fixture_free(&fixture);
  server_free(server);
}

static void a_stream_without_a_state_can_only_begin_again(void) {
  watch(__func__);
  breaking_t breaking = {object_of(20 * PART), 2, 130000, true, true, false};
  breaking.object.etag = breaking.object.last_modified = NULL;
  server_t           *server = server_start(answer_and_break, &breaking);
  fixture_t           fixture = with_server(server, HTTP, NO_OPTIONS);
  blobferry_reader_t *reader = reader_with(&fixture, "key", NULL);
  check_read(&fixture, reader, PART, PART, 1, 0);
  for (uint64_t at = PART; at < 13 * PART; at += PART) {
    got_t got = read_some(&fixture, reader, PART);
    if (got.completion.status == BLOBFERRY_E_CHANGED) {
      got_free(&got);
      break;
    }
    check_got(&got, PART, 1, at);
  }
  /* What had come can still be read; no more. */
  must_seek(reader, 15 * PART);
  check_read_fails(&fixture, reader, BLOBFERRY_E_CHANGED, "seek to 0");
  must_seek(reader, 0);
  for (uint64_t at = 0; at < 20 * PART; at += PART) check_read(&fixture, reader, PART, PART, 1, at);
  blobferry_reader_free(reader);
  fixture_free(&fixture);
  server_free(server);
}

static void answer_the_first_alone(exchange_t *exchange, void *context) {
  const breaking_t *breaking = context;
  if (exchange->number > 0 && breaking->fails) reply_error(exchange, 500, "InternalError", "no luck");
  else object_answer(exchange, &breaking->object);
}

/* What fails is told; what had come is not lost, and it goes on when the server does. */
static void a_read_that_fails_leaves_the_position(void) {
  watch(__func__);
  breaking_t                 breaking = {object_of(10 * PART), 1, 0, false, false, true};
  server_t                  *server = server_start(answer_the_first_alone, &breaking);
  fixture_t                  fixture = with_server(server, S3, OPTIONS({"max_retries", "2"}));
  blobferry_reader_options_t options = reader_parts(PART, 0, 1);
  blobferry_reader_t        *reader = reader_with(&fixture, "key", &options);
  check_read(&fixture, reader, PART / 2, PART / 2, 1, 0);
  for (int i = 0; i < 3; i++) {
    got_t got = read_some(&fixture, reader, PART);
    guarded_free(&got.memory);
    CHECK_INT(blobferry_error_attempts(got.completion.error), 3);
    check_outcome(got.completion, BLOBFERRY_E_SERVER, "no luck");
    CHECK_INT(blobferry_reader_position(reader), PART / 2);
    check_read(&fixture, reader, 100, 100, 1, PART / 2);
    must_seek(reader, PART / 2);
  }
  breaking.fails = false;
  check_read(&fixture, reader, 10 * PART, 10 * PART - PART / 2, 1, PART / 2);
  blobferry_reader_free(reader);
  fixture_free(&fixture);
  server_free(server);
}

static void a_deadline_tells_what_it_was_waiting_for(void) {
  watch(__func__);
  breaking_t                 breaking = {object_of(10 * PART), 1, 0, false, false, true};
  server_t                  *server = server_start(answer_the_first_alone, &breaking);
  fixture_t                  fixture = with_server(server, S3, OPTIONS({"max_retries", "1000"}));
  blobferry_reader_options_t options = reader_parts(PART, 0, 1);
  blobferry_read_options_t   read = BLOBFERRY_READ_OPTIONS_INIT;
  blobferry_reader_t        *reader = reader_with(&fixture, "key", &options);
  guarded_t                  memory = guarded_new(PART);
  check_read(&fixture, reader, PART, PART, 1, 0);
  AWAIT(server_requests(server) > 2); /* what is fetched ahead has failed by now */
  read.timeout_ms = 200;
  must(blobferry_reader_read(reader, fixture.cq, memory.data, PART, &read, 0, NULL, NULL), NULL, "read");
  check_outcome(wait_one(fixture.cq), BLOBFERRY_E_DEADLINE, "no luck");
  breaking.fails = false;
  check_read(&fixture, reader, PART, PART, 1, PART);
  guarded_free(&memory);
  blobferry_reader_free(reader);
  fixture_free(&fixture);
  server_free(server);
}

/* -- one state --------------------------------------------------------------------------------------- */

typedef struct changing {
  object_t before, after;
  size_t   at;
  bool     in_whole;
} changing_t;

static void answer_changing(exchange_t *exchange, void *context) {
  const changing_t *it = context;
  object_answer_t   plan = object_plan(exchange, exchange->number >= it->at ? &it->after : &it->before);
  if (it->in_whole) plan_whole(&plan);
  if (it->in_whole && exchange->number == 0) plan.cut = 5 * PART;
  object_send(exchange, &plan);
  if (it->in_whole && exchange->number == 0) reset(exchange);
}

static void two_states_are_never_mixed(void) {
  static const kind_t kinds[] = {HTTP, S3, AZURE, GCS};
  for (size_t k = 0; k < 4; k++)
    for (size_t at = 1; at < 8; at += 3)
      for (int in_whole = 0; in_whole < 2; in_whole++) {
        watch(__func__);
        changing_t                 it = {object_of(10 * PART), object_of(10 * PART), in_whole ? 1 : at, in_whole};
        blobferry_reader_options_t options = reader_parts(PART, 2 * PART, 2);
        uint64_t                   position = 0;
        it.after.seed = 2;
        it.after.etag = ANOTHER_ETAG;
        server_t           *server = server_start(answer_changing, &it);
        fixture_t           fixture = with_server(server, kinds[k], NO_OPTIONS);
        blobferry_reader_t *reader = reader_with(&fixture, "key", &options);
        for (int reads = 0; reads < 10; reads++) {
          got_t got = read_some(&fixture, reader, PART);
          if (got.completion.status != BLOBFERRY_OK) {
            guarded_free(&got.memory);
            check_outcome(got.completion, BLOBFERRY_E_CHANGED, "changed");
            break;
          }
          check_got(&got, PART, 1, position);
          position += PART;
        }
        CHECK(position < 10 * PART);
        check_read_fails(&fixture, reader, BLOBFERRY_E_CHANGED, "changed");
        must_seek(reader, 0);
        if (in_whole) check_read_fails(&fixture, reader, BLOBFERRY_E_CHANGED, "changed");
        blobferry_reader_free(reader);
        fixture_free(&fixture);
        server_free(server);
      }
}

static void if_match_is_asked_for(void) {
  watch(__func__);
  object_t                   object = object_of(5 * PART);
  server_t                  *server = server_start(answer, &object);
  fixture_t                  fixture = with_server(server, S3, NO_OPTIONS);
  blobferry_reader_options_t options = reader_parts(PART, 0, 2);
  options.if_match = ANOTHER_ETAG;
  blobferry_reader_t *reader = reader_with(&fixture, "key", &options);
  check_read_fails(&fixture, reader, BLOBFERRY_E_PRECONDITION, "key");
  CHECK_TEXT(record_header(server_record(server, 0), "if-match"), ANOTHER_ETAG);
  blobferry_reader_free(reader);
  options.if_match = AN_ETAG;
  reader = reader_with(&fixture, "key", &options);
  check_read(&fixture, reader, 5 * PART, 5 * PART, 1, 0);
  blobferry_reader_free(reader);
  fixture_free(&fixture);
  server_free(server);
}

TESTS(TEST(a_part_that_breaks_off_is_resumed), TEST(a_stream_that_breaks_off_is_resumed),
      TEST(a_stream_without_a_state_can_only_begin_again), TEST(a_read_that_fails_leaves_the_position),
      TEST(a_deadline_tells_what_it_was_waiting_for), TEST(two_states_are_never_mixed), TEST(if_match_is_asked_for))
