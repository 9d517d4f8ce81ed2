/*
 * Writers over a network: what goes to the server and when, what waits, and that
 * nothing is left of an upload that was not finished.
 */
#include "server.h"
#include "server/bucket.h"
#include "streams.h"

enum { MIB = 1 << 20, PART = 5 * MIB };

static const char *const PATH = "/bucket/key";

/* A small S3 behind a gate for its parts, that refuses what a test wants. */
typedef struct behind {
  bucket_t     bucket;
  gate_t       parts;
  atomic_bool  holds_parts;
  atomic_int   refused; /* a step; STEPS = none */
  atomic_int   status;
  unanswered_t unanswered; /* parts */
} behind_t;

static void answer(exchange_t *exchange, void *context) {
  behind_t      *behind = context;
  step_t         step = step_of(exchange);
  bucket_reply_t what;
  if ((int)step == behind->refused) {
    if (take_body(exchange)) reply_error(exchange, behind->status, "Refused", "the test says no");
    return;
  }
  if (step == STEP_PART) unanswered_begin(exchange, &behind->unanswered);
  bool is_held = step == STEP_PART && behind->holds_parts && !await_gate(exchange, &behind->parts);
  bool may_answer = !is_held && bucket_do(exchange, &behind->bucket, &what);
  if (step == STEP_PART) unanswered_end(exchange, &behind->unanswered);
  if (may_answer) bucket_say(exchange, &what);
}

typedef struct setting {
  behind_t  behind;
  server_t *server;
  fixture_t fixture;
} setting_t;

static void begin(setting_t *setting, kind_t kind, const blobferry_pair_t *options) {
  memset(setting, 0, sizeof *setting);
  bucket_init(&setting->behind.bucket);
  setting->behind.refused = STEPS;
  server_options_t server_options = {.keeps_bodies = true};
  setting->server = server_start_with(answer, &setting->behind, server_options);
  setting->fixture = with_server(setting->server, kind, options);
}

static void end(setting_t *setting) {
  fixture_free(&setting->fixture);
  server_free(setting->server);
  bucket_free(&setting->behind.bucket);
}

static blobferry_writer_options_t in_parts(uint32_t max_in_flight) {
  blobferry_writer_options_t options = BLOBFERRY_WRITER_OPTIONS_INIT;
  options.part_size = PART;
  options.max_in_flight = max_in_flight;
  return options;
}

static void drain(const fixture_t *fixture) {
  CHECK_STATUS(blobferry_service_drain(fixture->service, 30000, NULL), BLOBFERRY_OK);
  CHECK_INT(usage_of(fixture->service).uploads_aborting, 0);
}

/* The object must be the pattern; none of its uploads may be left. */
static void check_stored(setting_t *setting, size_t size, uint64_t seed) {
  uint8_t *wanted = malloc(size + 1);
  pattern_fill(wanted, size, seed);
  CHECK(bucket_holds(&setting->behind.bucket, PATH, wanted, size));
  CHECK_INT(bucket_left_behind(&setting->behind.bucket), 0);
  free(wanted);
}

static void check_nothing_is_left(setting_t *setting) {
  drain(&setting->fixture);
  CHECK_INT(bucket_left_behind(&setting->behind.bucket), 0);
  CHECK(!bucket_knows(&setting->behind.bucket, PATH));
  AWAIT(usage_of(setting->fixture.service).bytes_in_flight == 0);
}

/* -- what goes to the server --------------------------------------------------------------------------- */

static void one_part_is_one_put_made_by_the_finish(void) {
  static const size_t sizes[] = {0, 1, 100000, PART - 1, PART};
  static const kind_t kinds[] = {S3, S3_UNSIGNED, GCS};
  for (size_t k = 0; k < 3; k++)
    for (size_t i = 0; i < 5; i++) {
      watch(__func__);
      static setting_t setting;
      begin(&setting, kinds[k], NO_OPTIONS);
      blobferry_writer_options_t options = in_parts(2);
      blobferry_writer_t        *writer = writer_with(&setting.fixture, "key", &options);
      for (size_t at = 0; at < sizes[i]; at += MIB)
        must_write(&setting.fixture, writer, sizes[i] - at < MIB ? sizes[i] - at : MIB, 1, at);
      check_requests(setting.server, 0);
      must_finish(&setting.fixture, writer, sizes[i]);
      check_requests(setting.server, 1);
      check_count(setting.server, "PUT", "/key", 1);
      check_stored(&setting, sizes[i], 1);
      end(&setting);
    }
}

static void more_is_an_upload_in_parts(void) {
  static const size_t sizes[] = {PART + 1, 2 * PART, 4 * PART + 12345};
  static const size_t pieces[] = {333333, PART, 3 * PART + 7};
  static const kind_t kinds[] = {S3, GCS};
  for (size_t k = 0; k < 2; k++)
    for (size_t i = 0; i < 3; i++)
      for (size_t p = 0; p < 3; p++) {
        if (slowness() > 1 && p != i) continue; /* each once */
        watch(__func__);
        static setting_t setting;
        begin(&setting, kinds[k], NO_OPTIONS);
        blobferry_writer_options_t options = in_parts(3);
        blobferry_writer_t        *writer = writer_with(&setting.fixture, "key", &options);
        for (size_t at = 0; at < sizes[i]; at += pieces[p])
          must_write(&setting.fixture, writer, sizes[i] - at < pieces[p] ? sizes[i] - at : pieces[p], 1, at);
        CHECK(!bucket_knows(&setting.behind.bucket, PATH));
        must_finish(&setting.fixture, writer, sizes[i]);
        size_t parts = (sizes[i] + PART - 1) / PART;
        check_requests(setting.server, parts + 2);
        CHECK(setting.behind.unanswered.most <= 3);
        check_stored(&setting, sizes[i], 1);
        end(&setting);
      }
}

static void details_tell_the_new_revision(void) {
  for (int parts = 0; parts < 3; parts += 2) {
    watch(__func__);
    static setting_t setting;
    begin(&setting, S3, NO_OPTIONS);
    blobferry_write_options_t  finish = BLOBFERRY_WRITE_OPTIONS_INIT;
    blobferry_writer_options_t options = in_parts(2);
    blobferry_writer_t        *writer = writer_with(&setting.fixture, "key", &options);
    size_t                     size = (size_t)parts * PART + 1;
    finish.flags = BLOBFERRY_REQUEST_DETAILS;
    must_write(&setting.fixture, writer, size, 1, 0);
    blobferry_completion_t finished = end_with(&setting.fixture, writer, blobferry_writer_finish, &finish);
    blobferry_completion_t looked_at = head(&setting.fixture, "key");
    CHECK_INT(blobferry_details_size(finished.details), size);
    CHECK_TEXT(blobferry_details_revision(finished.details), blobferry_details_revision(looked_at.details));
    check_outcome(finished, BLOBFERRY_OK, "");
    dispose(&looked_at);
    blobferry_writer_free(writer);
    end(&setting);
  }
}

/* -- what waits ---------------------------------------------------------------------------------------- */

/* Parts under way and the one that fills; a write that needs another waits. */
static void a_write_waits_for_the_parts_under_way(void) {
  for (uint32_t limit = 1; limit < 4; limit++) {
    watch(__func__);
    static setting_t setting;
    begin(&setting, S3, NO_OPTIONS);
    setting.behind.holds_parts = true;
    blobferry_writer_options_t options = in_parts(limit);
    blobferry_writer_t        *writer = writer_with(&setting.fixture, "key", &options);
    uint8_t                    byte = pattern_byte(1, (limit + 1) * PART);
    must_write(&setting.fixture, writer, (limit + 1) * PART, 1, 0);
    AWAIT(gate_waiting(setting.server, &setting.behind.parts) == limit);
    CHECK_INT(usage_of(setting.fixture.service).bytes_in_flight, (long long)limit * PART);
    must(blobferry_writer_write(writer, setting.fixture.cq, &byte, 1, NULL, 7, NULL, NULL), NULL, "write");
    expect_nothing(setting.fixture.cq, 50);
    CHECK_INT(gate_waiting(setting.server, &setting.behind.parts), limit);
    gate_open(setting.server, &setting.behind.parts);
    expect(setting.fixture.cq, BLOBFERRY_OK, 7);
    must_finish(&setting.fixture, writer, (limit + 1) * PART + 1);
    check_stored(&setting, (limit + 1) * PART + 1, 1);
    AWAIT(usage_of(setting.fixture.service).bytes_in_flight == 0);
    end(&setting);
  }
}

/* A flush waits for every full part, and for no other. */
static void a_flush_waits_for_every_full_part(void) {
  watch(__func__);
  static setting_t setting;
  begin(&setting, S3, NO_OPTIONS);
  setting.behind.holds_parts = true;
  blobferry_writer_options_t options = in_parts(4);
  blobferry_writer_t        *writer = writer_with(&setting.fixture, "key", &options);
  must_write(&setting.fixture, writer, 3 * PART, 1, 0);
  must(blobferry_writer_flush(writer, setting.fixture.cq, NULL, 7, NULL, NULL), NULL, "blobferry_writer_flush");
  AWAIT(gate_waiting(setting.server, &setting.behind.parts) == 3);
  expect_nothing(setting.fixture.cq, 20);
  gate_open(setting.server, &setting.behind.parts);
  expect(setting.fixture.cq, BLOBFERRY_OK, 7);
  check_count(setting.server, "PUT", "partNumber", 3);
  must_write(&setting.fixture, writer, PART - 1, 1, 3 * PART);
  must_flush(&setting.fixture, writer);
  check_count(setting.server, "PUT", "partNumber", 3);
  must_finish(&setting.fixture, writer, 4 * PART - 1);
  check_stored(&setting, 4 * PART - 1, 1);
  end(&setting);
}

/* The budget of the service is for all: with room for one part, one part at a time is sent. */
static void parts_wait_for_the_budget_of_the_service(void) {
  watch(__func__);
  static setting_t                   setting;
  blobferry_service_options_t service = BLOBFERRY_SERVICE_OPTIONS_INIT;
  blobferry_store_t          *store = NULL;
  char                        base[64];
  begin(&setting, S3, NO_OPTIONS);
  setting.behind.holds_parts = true;
  fixture_t small = setting.fixture;
  service.max_bytes_in_flight = PART;
  must(blobferry_service_new(&service, &small.service, NULL), NULL, "blobferry_service_new");
  small.cq = new_cq(small.service, 4, BLOBFERRY_WAKE_NONE);
  snprintf(base, sizeof base, "http://127.0.0.1:%d", setting.server->port);
  const blobferry_pair_t pairs[] = {{"endpoint", base},
                                    {"allow_http", "true"},
                                    {"access_key_id", "AKIDEXAMPLE"},
                                    {"secret_access_key", "secret"},
                                    {"region", "us-east-1"}};
  must(blobferry_store_open(small.service, "s3://bucket", pairs, 5, &store, NULL), NULL, "blobferry_store_open");
  small.store = store;
  blobferry_writer_options_t options = in_parts(4);
  blobferry_writer_t        *writer = writer_with(&small, "key", &options);
  must_write(&small, writer, 4 * PART, 1, 0);
  AWAIT(gate_waiting(setting.server, &setting.behind.parts) == 1);
  CHECK_INT(usage_of(small.service).bytes_in_flight, PART);
  gate_open(setting.server, &setting.behind.parts);
  must_finish(&small, writer, 4 * PART);
  check_stored(&setting, 4 * PART, 1);
  CHECK_INT(setting.behind.unanswered.most, 1);
  fixture_free(&small);
  end(&setting);
}

/* -- what cannot be done ------------------------------------------------------------------------------- */

static void create_of_more_than_a_part_is_for_s3(void) {
  static const kind_t kinds[] = {AZURE, GCS};
  for (size_t k = 0; k < 2; k++) {
    watch(__func__);
    static setting_t setting;
    begin(&setting, kinds[k], NO_OPTIONS);
    blobferry_writer_options_t options = in_parts(2);
    options.mode = BLOBFERRY_PUT_CREATE;
    blobferry_writer_t *writer = writer_with(&setting.fixture, "key", &options);
    must_write(&setting.fixture, writer, PART, 1, 0);
    must_flush(&setting.fixture, writer);
    check_outcome(write_some(&setting.fixture, writer, 1, 1, PART), BLOBFERRY_E_UNSUPPORTED, "part_size");
    check_outcome(finish_writer(&setting.fixture, writer), BLOBFERRY_E_UNSUPPORTED, "part_size");
    check_requests(setting.server, 0);
    blobferry_writer_free(writer);
    end(&setting);
  }
  static setting_t setting;
  begin(&setting, HTTP, NO_OPTIONS);
  blobferry_writer_options_t options = in_parts(2);
  blobferry_writer_t        *writer = writer_with(&setting.fixture, "key", &options);
  check_outcome(write_some(&setting.fixture, writer, PART + 1, 1, 0), BLOBFERRY_E_UNSUPPORTED, "part_size");
  check_requests(setting.server, 0);
  blobferry_writer_free(writer);
  end(&setting);
}

static void create_says_so_where_the_upload_is_completed(void) {
  for (int is_there = 0; is_there < 2; is_there++) {
    watch(__func__);
    static setting_t setting;
    begin(&setting, S3, NO_OPTIONS);
    blobferry_writer_options_t options = in_parts(2);
    options.mode = BLOBFERRY_PUT_CREATE;
    blobferry_writer_t *writer = writer_with(&setting.fixture, "key", &options);
    must_write(&setting.fixture, writer, 2 * PART, 1, 0);
    if (is_there) {
      setting.behind.status = 412;
      setting.behind.refused = STEP_COMPLETE;
    }
    blobferry_completion_t completion = finish_writer(&setting.fixture, writer);
    CHECK_TEXT(record_header(server_find(setting.server, "POST", "uploadId", 0), "if-none-match"), "*");
    CHECK_INT(completion.flags, 0);
    check_outcome(completion, is_there ? BLOBFERRY_E_EXISTS : BLOBFERRY_OK, is_there ? "key" : "");
    blobferry_writer_free(writer);
    if (is_there) check_nothing_is_left(&setting);
    else check_stored(&setting, 2 * PART, 1);
    end(&setting);
  }
}

static void a_part_is_not_larger_than_the_store_takes(void) {
  static setting_t          setting;
  blobferry_error_t *error = NULL;
  begin(&setting, S3, NO_OPTIONS);
  blobferry_writer_options_t options = in_parts(2);
  blobferry_writer_t        *writer = NULL;
  options.part_size = ((uint64_t)5 << 30) + 1;
  CHECK_STATUS(blobferry_writer_new(setting.fixture.store, "key", &options, &writer, &error), BLOBFERRY_E_ARGUMENT);
  check_error(error, BLOBFERRY_E_ARGUMENT, "part_size");
  end(&setting);
}

/* -- what fails ---------------------------------------------------------------------------------------- */

static void a_part_that_fails_is_told_by_the_next_request(void) {
  static const writer_verb_t verbs[] = {NULL, blobferry_writer_flush, blobferry_writer_finish};
  for (int way = 0; way < 3; way++) {
    watch(__func__);
    static setting_t setting;
    begin(&setting, S3, OPTIONS({"max_retries", "2"}));
    blobferry_writer_options_t options = in_parts(2);
    blobferry_writer_t        *writer = writer_with(&setting.fixture, "key", &options);
    setting.behind.status = 500;
    setting.behind.refused = STEP_PART;
    must_write(&setting.fixture, writer, PART + 1, 1, 0);
    AWAIT(server_count(setting.server, "PUT", "partNumber") == 3);
    blobferry_completion_t completion = {0};
    /* A write tells it once it is known. */
    for (int i = 0; way == 0 && completion.status == BLOBFERRY_OK && i < 1000; i++, sleep_us(1000))
      completion = write_some(&setting.fixture, writer, 1, 1, 0);
    if (way > 0) completion = end_with(&setting.fixture, writer, verbs[way], NULL);
    CHECK_INT(blobferry_error_attempts(completion.error), 3);
    CHECK_INT(completion.flags, 0);
    check_outcome(completion, BLOBFERRY_E_SERVER, "the test says no");
    check_outcome(write_some(&setting.fixture, writer, 1, 1, 0), BLOBFERRY_E_SERVER, "the test says no");
    check_outcome(finish_writer(&setting.fixture, writer), BLOBFERRY_E_SERVER, "the test says no");
    check_nothing_is_left(&setting);
    must_abort(&setting.fixture, writer);
    blobferry_writer_free(writer);
    end(&setting);
  }
}

static void an_upload_that_cannot_begin_ends_the_writer(void) {
  watch(__func__);
  static setting_t setting;
  begin(&setting, S3, NO_OPTIONS);
  blobferry_writer_options_t options = in_parts(2);
  blobferry_writer_t        *writer = writer_with(&setting.fixture, "key", &options);
  setting.behind.status = 403;
  setting.behind.refused = STEP_CREATE;
  check_outcome(write_some(&setting.fixture, writer, PART + 1, 1, 0), BLOBFERRY_E_PERMISSION, "the test says no");
  check_outcome(finish_writer(&setting.fixture, writer), BLOBFERRY_E_PERMISSION, "the test says no");
  blobferry_writer_free(writer);
  check_requests(setting.server, 1);
  end(&setting);
}

/* -- giving up ----------------------------------------------------------------------------------------- */

typedef enum way { DROP, ABORT, CANCEL, DEADLINE, FREE_SERVICE, WAYS } way_t;

static void nothing_is_left_of_an_upload(void) {
  for (way_t way = 0; way < WAYS; way++)
    for (int in_the_middle = 0; in_the_middle < 2; in_the_middle++) {
      watch(__func__);
      static setting_t setting;
      begin(&setting, S3, NO_OPTIONS);
      setting.behind.holds_parts = in_the_middle;
      blobferry_writer_options_t options = in_parts(2);
      blobferry_writer_t        *writer = writer_with(&setting.fixture, "key", &options);
      uint8_t                   *more = calloc(1, 4 * PART);
      blobferry_write_options_t  write = BLOBFERRY_WRITE_OPTIONS_INIT;
      blobferry_ticket_t         ticket = 0;
      must_write(&setting.fixture, writer, 2 * PART + 1, 1, 0);
      AWAIT(!in_the_middle || gate_waiting(setting.server, &setting.behind.parts) == 2);
      if (way == ABORT) {
        must_abort(&setting.fixture, writer);
        CHECK_INT(bucket_left_behind(&setting.behind.bucket), 0); /* the completion says so */
        CHECK_INT(bucket_aborted(&setting.behind.bucket), 1);
      }
      if (way == CANCEL || way == DEADLINE) {
        setting.behind.holds_parts = true;
        write.timeout_ms = way == DEADLINE ? 30 : 0;
        must(blobferry_writer_write(writer, setting.fixture.cq, more, 4 * PART, &write, 1, &ticket, NULL), NULL,
             "write");
        if (way == CANCEL) {
          AWAIT(gate_waiting(setting.server, &setting.behind.parts) == 2);
          must_cancel(setting.fixture.cq, ticket);
        }
        expect(setting.fixture.cq, way == CANCEL ? BLOBFERRY_E_CANCELLED : BLOBFERRY_E_DEADLINE, 1);
      }
      if (way == FREE_SERVICE) {
        blobferry_service_free(setting.fixture.service);
        CHECK_INT(bucket_left_behind(&setting.behind.bucket), 0);
        blobferry_writer_free(writer);
        blobferry_store_free(setting.fixture.store);
        blobferry_cq_free(setting.fixture.cq);
        server_free(setting.server);
        bucket_free(&setting.behind.bucket);
      } else {
        blobferry_writer_free(writer);
        check_nothing_is_left(&setting);
        end(&setting);
      }
      free(more);
    }
}

static void an_abort_that_fails_says_why(void) {
  watch(__func__);
  static setting_t setting;
  begin(&setting, S3, NO_OPTIONS);
  blobferry_writer_options_t options = in_parts(2);
  blobferry_writer_t        *writer = writer_with(&setting.fixture, "key", &options);
  must_write(&setting.fixture, writer, 2 * PART, 1, 0);
  setting.behind.status = 403;
  setting.behind.refused = STEP_ABORT;
  check_outcome(end_with(&setting.fixture, writer, blobferry_writer_abort, NULL), BLOBFERRY_E_PERMISSION, "says no");
  CHECK_INT(bucket_left_behind(&setting.behind.bucket), 1);
  blobferry_writer_free(writer);
  end(&setting);
}

/* Takes a little of the body of a put, and the rest when the gate is open. */
typedef struct reluctant {
  gate_t   gate;
  uint64_t taken;
} reluctant_t;

static void take_reluctantly(exchange_t *exchange, void *context) {
  reluctant_t *it = context;
  take(exchange, 1000);
  await_gate(exchange, &it->gate);
  take_body(exchange);
  it->taken = server_received(exchange->server, exchange->record);
}

/* The memory of it is the library's own: what has not been sent when the request ends is not sent afterwards. */
static void a_cancelled_finish_is_not_put_afterwards(void) {
  watch(__func__);
  reluctant_t                it = {{false, 0}, 0};
  server_options_t           small = {.receive_buffer = 4096};
  server_t                  *server = server_start_with(take_reluctantly, &it, small);
  fixture_t                  fixture = with_server(server, S3, NO_OPTIONS);
  blobferry_writer_options_t options = in_parts(2);
  options.part_size = 64 * MIB;
  blobferry_writer_t *writer = writer_with(&fixture, "key", &options);
  blobferry_ticket_t  ticket = 0;
  must_write(&fixture, writer, 32 * MIB, 1, 0);
  must(blobferry_writer_finish(writer, fixture.cq, NULL, 1, &ticket, NULL), NULL, "blobferry_writer_finish");
  AWAIT(gate_waiting(server, &it.gate) == 1);
  must_cancel(fixture.cq, ticket);
  blobferry_completion_t completion = wait_one(fixture.cq);
  CHECK_INT(completion.flags, 0);
  check_outcome(completion, BLOBFERRY_E_CANCELLED, "");
  gate_open(server, &it.gate);
  blobferry_writer_free(writer);
  fixture_free(&fixture);
  server_stop(server);
  CHECK(it.taken < 32 * MIB);
  server_free(server);
}

TESTS(TEST(one_part_is_one_put_made_by_the_finish), TEST(more_is_an_upload_in_parts),
      TEST(details_tell_the_new_revision), TEST(a_write_waits_for_the_parts_under_way),
      TEST(a_flush_waits_for_every_full_part), TEST(parts_wait_for_the_budget_of_the_service),
      TEST(create_of_more_than_a_part_is_for_s3), TEST(create_says_so_where_the_upload_is_completed),
      TEST(a_part_is_not_larger_than_the_store_takes), TEST(a_part_that_fails_is_told_by_the_next_request),
      TEST(an_upload_that_cannot_begin_ends_the_writer), TEST(nothing_is_left_of_an_upload),
      TEST(an_abort_that_fails_says_why), TEST(a_cancelled_finish_is_not_put_afterwards))
