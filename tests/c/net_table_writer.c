/*
 * Tables into objects over a network: chunks wait for the parts under way, a part that fails ends the writer, and
 * nothing is left of an upload that was not finished.
 */
#include "server.h"
#include "server/bucket.h"
#include "table_streams.h"

enum { MIB = 1 << 20, PART = 5 * MIB, ROWS = PART / 8 };

static const char *const PATH = "/bucket/key";

/* A small S3 behind a gate for its parts, that refuses what a test wants. */
typedef struct behind {
  bucket_t    bucket;
  gate_t      parts;
  atomic_bool holds_parts;
  atomic_int  refused; /* a step; STEPS = none */
} behind_t;

static void answer(exchange_t *exchange, void *context) {
  behind_t      *behind = context;
  step_t         step = step_of(exchange);
  bucket_reply_t what;
  if ((int)step == behind->refused) {
    if (take_body(exchange)) reply_error(exchange, 500, "Refused", "the test says no");
    return;
  }
  if (step == STEP_PART && behind->holds_parts && !await_gate(exchange, &behind->parts)) return;
  if (bucket_do(exchange, &behind->bucket, &what)) bucket_say(exchange, &what);
}

typedef struct setting {
  behind_t  behind;
  server_t *server;
  fixture_t fixture;
} setting_t;

static void begin(setting_t *setting) {
  memset(setting, 0, sizeof *setting);
  bucket_init(&setting->behind.bucket);
  setting->behind.refused = STEPS;
  server_options_t server_options = {.keeps_bodies = true};
  setting->server = server_start_with(answer, &setting->behind, server_options);
  setting->fixture = with_server(setting->server, S3, OPTIONS({"max_retries", "2"}));
}

static void end(setting_t *setting) {
  fixture_free(&setting->fixture);
  server_free(setting->server);
  bucket_free(&setting->behind.bucket);
}

static blobferry_table_write_options_t in_parts(uint32_t format, uint32_t max_in_flight) {
  blobferry_table_write_options_t options = in_format(format);
  options.part_size = PART;
  options.max_in_flight = max_in_flight;
  return options;
}

static void check_nothing_is_left(setting_t *setting) {
  CHECK_STATUS(blobferry_service_drain(setting->fixture.service, 30000, NULL), BLOBFERRY_OK);
  CHECK_INT(bucket_left_behind(&setting->behind.bucket), 0);
  CHECK(!bucket_knows(&setting->behind.bucket, PATH));
  AWAIT(usage_of(setting->fixture.service).bytes_in_flight == 0);
  CHECK_INT(live_leases(), 0);
}

/* -- what goes to the server --------------------------------------------------------------------------- */

/* What is written in memory is what is written to a server, in one put or in parts. */
static void the_object_is_the_same_on_every_store(void) {
  static const int64_t rows[] = {1000, 2 * ROWS + 12345};
  for (int i = 0; i < FORMAT_COUNT; i++)
    for (int r = 0; r < 2; r++) {
      watch(__func__);
      static setting_t setting;
      begin(&setting);
      fixture_t                       memory = in_memory();
      blobferry_table_write_options_t options = in_parts(FORMATS[i], 3);
      blobferry_table_writer_t       *there = numbers_writer(&setting.fixture, "key", &options);
      blobferry_table_writer_t       *here = numbers_writer(&memory, "key", &options);
      for (int64_t at = 0; at < rows[r]; at += 300000) {
        int64_t some = rows[r] - at < 300000 ? rows[r] - at : 300000;
        must_write_numbers(&setting.fixture, there, some, at);
        must_write_numbers(&memory, here, some, at);
      }
      CHECK(!bucket_knows(&setting.behind.bucket, PATH));
      must_finish_table(&setting.fixture, there, (uint64_t)rows[r]);
      must_finish_table(&memory, here, (uint64_t)rows[r]);
      size_t   size = 0;
      uint8_t *bytes = object_bytes(&memory, "key", &size);
      CHECK(bucket_holds(&setting.behind.bucket, PATH, bytes, size));
      CHECK_INT(bucket_left_behind(&setting.behind.bucket), 0);
      check_count(setting.server, "PUT", "partNumber", size <= PART ? 0 : (size + PART - 1) / PART);
      free(bytes);
      fixture_free(&memory);
      end(&setting);
    }
}

static void a_put_tells_its_revision(void) {
  for (int is_large = 0; is_large < 2; is_large++) {
    watch(__func__);
    static setting_t setting;
    begin(&setting);
    given_t                         g = {0};
    blobferry_table_write_options_t options = in_parts(BLOBFERRY_FORMAT_IPC_FILE, 2);
    numbers_column(&g, is_large ? 2 * ROWS : 10, 0);
    blobferry_table_t *table = must_import(setting.fixture.service, &g, 0);
    options.flags = BLOBFERRY_REQUEST_DETAILS;
    blobferry_completion_t completion = put_table(&setting.fixture, "key", table, &options);
    blobferry_completion_t looked_at = head(&setting.fixture, "key");
    CHECK_INT(completion.result, is_large ? 2 * ROWS : 10);
    CHECK_INT(blobferry_details_rows(completion.details), completion.result);
    CHECK_INT(blobferry_details_row_groups(completion.details), 1);
    CHECK_INT(blobferry_details_size(completion.details), looked_at.result);
    CHECK_TEXT(blobferry_details_revision(completion.details), blobferry_details_revision(looked_at.details));
    check_outcome(completion, BLOBFERRY_OK, "");
    dispose(&looked_at);
    blobferry_table_free(table);
    end(&setting);
    tree_free(&g.tree);
  }
}

/* -- what waits ---------------------------------------------------------------------------------------- */

/* As many parts as are allowed are under way and one fills: the chunk that needs another waits, with its memory. */
static void a_chunk_waits_for_the_parts_under_way(void) {
  for (uint32_t limit = 1; limit < 3; limit++) {
    watch(__func__);
    static setting_t setting;
    begin(&setting);
    setting.behind.holds_parts = true;
    blobferry_table_write_options_t options = in_parts(BLOBFERRY_FORMAT_IPC_STREAM, limit);
    blobferry_table_writer_t       *writer = numbers_writer(&setting.fixture, "key", &options);
    given_t                         g = {0};
    int64_t                         rows = (int64_t)(limit + 1) * ROWS - 1000;
    must_write_numbers(&setting.fixture, writer, rows, 0);
    AWAIT(gate_waiting(setting.server, &setting.behind.parts) == limit);
    CHECK_INT(usage_of(setting.fixture.service).bytes_in_flight, (long long)limit * PART);
    numbers_column(&g, 2 * ROWS, rows);
    must(blobferry_table_writer_write(writer, setting.fixture.cq, g.root, NULL, 7, NULL, NULL), NULL, "write");
    expect_nothing(setting.fixture.cq, 50);
    CHECK_INT(atomic_load(&g.tree.arrays_released), 0);
    CHECK_INT(gate_waiting(setting.server, &setting.behind.parts), limit);
    gate_open(setting.server, &setting.behind.parts);
    expect(setting.fixture.cq, BLOBFERRY_OK, 7);
    CHECK_INT(atomic_load(&g.tree.arrays_released), 1);
    tree_free(&g.tree);
    must_finish_table(&setting.fixture, writer, (uint64_t)(rows + 2 * ROWS));
    AWAIT(usage_of(setting.fixture.service).bytes_in_flight == 0);
    end(&setting);
  }
}

/* -- what fails ---------------------------------------------------------------------------------------- */

static void a_part_that_fails_ends_the_writer(void) {
  for (int by_finish = 0; by_finish < 2; by_finish++) {
    watch(__func__);
    static setting_t setting;
    begin(&setting);
    blobferry_table_write_options_t options = in_parts(BLOBFERRY_FORMAT_IPC_FILE, 2);
    blobferry_table_writer_t       *writer = numbers_writer(&setting.fixture, "key", &options);
    setting.behind.refused = STEP_PART;
    must_write_numbers(&setting.fixture, writer, ROWS + 1000, 0);
    AWAIT(server_count(setting.server, "PUT", "partNumber") == 3);
    blobferry_completion_t completion = {0};
    for (int i = 0; !by_finish && completion.status == BLOBFERRY_OK && i < 1000; i++, sleep_us(1000))
      completion = write_numbers(&setting.fixture, writer, 1, 0);
    if (by_finish) completion = finish_table(&setting.fixture, writer);
    CHECK_INT(blobferry_error_attempts(completion.error), 3);
    check_outcome(completion, BLOBFERRY_E_SERVER, "the test says no");
    check_outcome(write_numbers(&setting.fixture, writer, 1, 0), BLOBFERRY_E_SERVER, "the test says no");
    check_outcome(finish_table(&setting.fixture, writer), BLOBFERRY_E_SERVER, "the test says no");
    check_nothing_is_left(&setting);
    must_abort_table(&setting.fixture, writer);
    blobferry_table_writer_free(writer);
    end(&setting);
  }
}

static void a_put_with_a_part_that_fails_leaves_nothing(void) {
  watch(__func__);
  static setting_t setting;
  begin(&setting);
  given_t                         g = {0};
  blobferry_table_write_options_t options = in_parts(BLOBFERRY_FORMAT_PARQUET, 2);
  options.flags = BLOBFERRY_TABLE_NO_DICTIONARY;
  numbers_column(&g, 4 * ROWS, 0);
  blobferry_table_t *table = must_import(setting.fixture.service, &g, 0);
  setting.behind.refused = STEP_PART;
  check_outcome(put_table(&setting.fixture, "key", table, &options), BLOBFERRY_E_SERVER, "the test says no");
  blobferry_table_free(table);
  check_nothing_is_left(&setting);
  end(&setting);
  tree_free(&g.tree);
}

/* -- giving up ----------------------------------------------------------------------------------------- */

typedef enum way { DROP, ABORT, CANCEL, DEADLINE, FREE_SERVICE, WAYS } way_t;

static void nothing_is_left_of_an_upload(void) {
  for (way_t way = 0; way < WAYS; way++) {
    watch(__func__);
    static setting_t setting;
    begin(&setting);
    blobferry_table_write_options_t options = in_parts(BLOBFERRY_FORMAT_IPC_STREAM, 2);
    blobferry_table_writer_t       *writer = numbers_writer(&setting.fixture, "key", &options);
    blobferry_chunk_options_t       chunk = BLOBFERRY_CHUNK_OPTIONS_INIT;
    blobferry_ticket_t              ticket = 0;
    given_t                         g = {0};
    must_write_numbers(&setting.fixture, writer, 2 * ROWS, 0);
    if (way == ABORT) {
      must_abort_table(&setting.fixture, writer);
      CHECK_INT(bucket_left_behind(&setting.behind.bucket), 0); /* the completion says so */
      CHECK_INT(bucket_aborted(&setting.behind.bucket), 1);
    }
    if (way == CANCEL || way == DEADLINE) {
      setting.behind.holds_parts = true;
      chunk.timeout_ms = way == DEADLINE ? 50 : 0;
      numbers_column(&g, 4 * ROWS, 0);
      must(blobferry_table_writer_write(writer, setting.fixture.cq, g.root, &chunk, 1, &ticket, NULL), NULL, "write");
      AWAIT(way == DEADLINE || gate_waiting(setting.server, &setting.behind.parts) == 2);
      if (way == CANCEL) must_cancel(setting.fixture.cq, ticket);
      expect(setting.fixture.cq, way == CANCEL ? BLOBFERRY_E_CANCELLED : BLOBFERRY_E_DEADLINE, 1);
      CHECK_INT(atomic_load(&g.tree.arrays_released), 1);
    }
    if (way == FREE_SERVICE) {
      blobferry_service_free(setting.fixture.service);
      CHECK_INT(bucket_left_behind(&setting.behind.bucket), 0);
      blobferry_table_writer_free(writer);
      blobferry_store_free(setting.fixture.store);
      blobferry_cq_free(setting.fixture.cq);
      server_free(setting.server);
      bucket_free(&setting.behind.bucket);
    } else {
      blobferry_table_writer_free(writer);
      check_nothing_is_left(&setting);
      end(&setting);
    }
    tree_free(&g.tree);
  }
}

TESTS(TEST(the_object_is_the_same_on_every_store), TEST(a_put_tells_its_revision),
      TEST(a_chunk_waits_for_the_parts_under_way), TEST(a_part_that_fails_ends_the_writer),
      TEST(a_put_with_a_part_that_fails_leaves_nothing), TEST(nothing_is_left_of_an_upload))
