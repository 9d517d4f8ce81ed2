/*
 * Readers over a network: what they ask for, how far ahead, how they go on where
 * something broke off, and where they must not.
 */
#include "server/ranges.h"
#include "streams.h"

static blobferry_reader_options_t in_parts(uint64_t max_prefetch, uint32_t max_in_flight) {
  blobferry_reader_options_t options = BLOBFERRY_READER_OPTIONS_INIT;
  options.part_size = PART;
  options.max_prefetch = max_prefetch;
  options.max_in_flight = max_in_flight;
  return options;
}

static void answer(exchange_t *exchange, void *context) { object_answer(exchange, context); }

/* The ranges asked for must be these bytes, each once, in parts. */
static void check_tiles(server_t *server, uint64_t offset, uint64_t wanted) {
  uint64_t covered = 0, first, last;
  for (size_t i = 0; i < server_requests(server); i++) {
    const record_t *record = server_record(server, i);
    CHECK(record_range(record, &first, &last));
    CHECK_INT((first - offset) % PART, 0);
    CHECK(last - first < PART);
    if (i > 0) CHECK_TEXT(record_header(record, "if-match"), AN_ETAG);
    if (last >= offset + wanted) last = offset + wanted - 1;
    covered += last - first + 1;
  }
  CHECK_INT(covered, wanted);
}

/* -- what is asked for --------------------------------------------------------------------------------- */

static void every_byte_is_asked_for_once(void) {
  static const kind_t   kinds[] = {HTTP, S3, AZURE, GCS};
  static const uint64_t totals[] = {1, PART - 1, PART, PART + 1, 7 * PART + 123};
  static const size_t   reads[] = {777, PART, 3 * PART + 1, 100 * PART};
  for (size_t k = 0; k < 4; k++)
    for (size_t t = 0; t < 5; t++)
      for (size_t r = 0; r < 4; r++) {
        watch(__func__);
        object_t                   object = object_of(totals[t]);
        server_t                  *server = server_start(answer, &object);
        fixture_t                  fixture = with_server(server, kinds[k], NO_OPTIONS);
        blobferry_reader_options_t options = in_parts(0, 3);
        blobferry_reader_t        *reader = reader_with(&fixture, "key", &options);
        uint64_t                   at = 0;
        for (; at < totals[t]; at += reads[r]) {
          uint64_t left = totals[t] - at;
          check_read(&fixture, reader, reads[r], left < reads[r] ? (size_t)left : reads[r], 1, at);
          CHECK_INT(size_of(reader), totals[t]);
        }
        check_read(&fixture, reader, 10, 0, 1, totals[t]);
        check_requests(server, (size_t)((totals[t] + PART - 1) / PART));
        if (kinds[k] == S3) check_tiles(server, 0, totals[t]);
        blobferry_reader_free(reader);
        fixture_free(&fixture);
        server_free(server);
      }
}

static void an_empty_object_ends_at_once(void) {
  static const kind_t kinds[] = {HTTP, S3, AZURE, GCS};
  for (size_t k = 0; k < 4; k++) {
    watch(__func__);
    object_t            object = object_of(0);
    server_t           *server = server_start(answer, &object);
    fixture_t           fixture = with_server(server, kinds[k], NO_OPTIONS);
    blobferry_reader_t *reader = reader_with(&fixture, "key", NULL);
    for (int i = 0; i < 3; i++) check_read(&fixture, reader, 10, 0, 1, 0);
    CHECK_INT(size_of(reader), 0);
    check_requests(server, 1);
    blobferry_reader_free(reader);
    fixture_free(&fixture);
    server_free(server);
  }
}

typedef struct gated {
  object_t object;
  gate_t   gate;
  size_t   free_requests; /* so many requests are answered before the gate */
} gated_t;

static void answer_behind_a_gate(exchange_t *exchange, void *context) {
  gated_t *gated = context;
  if (method_is(exchange, "PUT")) answer_well(exchange, &gated->object);
  else if (exchange->number < gated->free_requests || await_gate(exchange, &gated->gate))
    object_answer(exchange, &gated->object);
}

/* No more than `max_in_flight` requests at once. */
static void max_in_flight_is_kept_to(void) {
  for (uint32_t limit = 1; limit < 6; limit += 2) {
    watch(__func__);
    gated_t                    gated = {object_of(20 * PART), {false, 0}, 1};
    server_t                  *server = server_start(answer_behind_a_gate, &gated);
    fixture_t                  fixture = with_server(server, S3, NO_OPTIONS);
    blobferry_reader_options_t options = in_parts(20 * PART, limit);
    blobferry_reader_t        *reader = reader_with(&fixture, "key", &options);
    check_read(&fixture, reader, 100, 100, 1, 0);
    AWAIT(gate_waiting(server, &gated.gate) == limit);
    gate_open(server, &gated.gate);
    check_read(&fixture, reader, 20 * PART, 20 * PART - 100, 1, 100);
    CHECK(server_most_running(server) <= limit + 1); /* an answer that is read may not be known to be over yet */
    check_requests(server, 20);
    blobferry_reader_free(reader);
    fixture_free(&fixture);
    server_free(server);
  }
}

/* It is fetched ahead up to the bound, between reads; and on as bytes are read. */
static void max_prefetch_is_kept_to(void) {
  watch(__func__);
  object_t                   object = object_of(20 * PART);
  server_t                  *server = server_start(answer, &object);
  fixture_t                  fixture = with_server(server, S3, NO_OPTIONS);
  blobferry_reader_options_t options = in_parts(5 * PART, 2);
  blobferry_reader_t        *reader = reader_with(&fixture, "key", &options);
  check_requests(server, 0);
  for (size_t part = 0; part < 20; part++) {
    /* What has been read, and five parts behind it. */
    size_t wanted = part + 6 < 20 ? part + 6 : 20;
    check_read(&fixture, reader, PART, PART, 1, part * PART);
    AWAIT(server_requests(server) >= wanted);
    check_requests(server, wanted);
  }
  check_read(&fixture, reader, 10, 0, 1, 20 * PART);
  check_requests(server, 20);
  CHECK_INT(usage_of(fixture.service).bytes_in_flight, 0);
  blobferry_reader_free(reader);
  fixture_free(&fixture);
  server_free(server);
}

/* -- seeks --------------------------------------------------------------------------------------------- */

static void a_seek_keeps_what_fits_and_asks_for_the_rest(void) {
  watch(__func__);
  object_t                   object = object_of(50 * PART);
  server_t                  *server = server_start(answer, &object);
  fixture_t                  fixture = with_server(server, S3, NO_OPTIONS);
  blobferry_reader_options_t options = in_parts(5 * PART, 5);
  blobferry_reader_t        *reader = reader_with(&fixture, "key", &options);
  uint64_t                   first, last;
  check_read(&fixture, reader, 100, 100, 1, 0);
  AWAIT(server_requests(server) == 5);
  must_seek(reader, 50); /* back, within what is held */
  check_read(&fixture, reader, 100, 100, 1, 50);
  check_requests(server, 5);
  must_seek(reader, 3 * PART + 5); /* ahead, within what was asked for */
  check_read(&fixture, reader, 100, 100, 1, 3 * PART + 5);
  AWAIT(server_requests(server) == 8);
  CHECK(server_find(server, "GET", "key", 5) != NULL && record_range(server_find(server, "GET", "key", 5), &first, &last));
  CHECK(first >= 5 * PART);
  must_seek(reader, 40 * PART + 5); /* far: what follows begins there */
  check_read(&fixture, reader, 100, 100, 1, 40 * PART + 5);
  CHECK(record_range(server_find(server, "GET", "key", 8), &first, &last));
  CHECK(first >= 8 * PART);
  AWAIT(server_requests(server) >= 13);
  must_seek(reader, 60 * PART); /* behind the end */
  check_read(&fixture, reader, 100, 0, 1, 60 * PART);
  must_seek(reader, 0); /* back: again from the beginning, of the same state */
  check_read(&fixture, reader, 2 * PART, 2 * PART, 1, 0);
  blobferry_reader_free(reader);
  fixture_free(&fixture);
  server_free(server);
}

/* -- what breaks off ----------------------------------------------------------------------------------- */

typedef struct breaking {
  object_t object;
  size_t   every; /* every so many-th request breaks off */
  uint64_t cut;   /* after so many bytes */
  bool     by_reset, in_whole;
  bool     fails; /* all requests but the first are refused */
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
      blobferry_reader_options_t options = in_parts(0, 3);
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
  blobferry_reader_options_t options = in_parts(0, 1);
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
  blobferry_reader_options_t options = in_parts(0, 1);
  blobferry_read_options_t   read = BLOBFERRY_READ_OPTIONS_INIT;
  blobferry_reader_t        *reader = reader_with(&fixture, "key", &options);
  guarded_t                  memory = guarded_new(PART);
  check_read(&fixture, reader, PART, PART, 1, 0);
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

/* -- one state ----------------------------------------------------------------------------------------- */

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
        blobferry_reader_options_t options = in_parts(2 * PART, 2);
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
  blobferry_reader_options_t options = in_parts(0, 2);
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

/* -- streams ------------------------------------------------------------------------------------------- */

typedef struct endless {
  object_t      object;
  bool          is_chunked;
  atomic_ullong sent;
} endless_t;

static void answer_in_whole(exchange_t *exchange, void *context) {
  enum { PIECE = 10000 };
  static uint8_t piece[PIECE];
  endless_t     *it = context;
  say_status(exchange, 200);
  if (it->is_chunked) say(exchange, "Transfer-Encoding: chunked\r\n");
  else say(exchange, "Content-Length: %llu\r\n", (unsigned long long)it->object.size);
  say(exchange, "ETag: %s\r\n\r\n", AN_ETAG);
  for (uint64_t at = 0; at < it->object.size && !exchange->has_ended; at += PIECE) {
    size_t size = it->object.size - at < PIECE ? (size_t)(it->object.size - at) : PIECE;
    for (size_t i = 0; i < size; i++) piece[i] = pattern_byte(1, at + i);
    if (it->is_chunked) say(exchange, "%zx\r\n", size);
    say_bytes(exchange, piece, size);
    if (it->is_chunked) say(exchange, "\r\n");
    atomic_store(&it->sent, at + size);
  }
  if (it->is_chunked) say(exchange, "0\r\n\r\n");
}

static void what_has_no_length_is_one_stream(void) {
  watch(__func__);
  endless_t           it = {.object = object_of(20 * PART + 7), .is_chunked = true};
  server_t           *server = server_start(answer_in_whole, &it);
  fixture_t           fixture = with_server(server, HTTP, NO_OPTIONS);
  blobferry_reader_t *reader = reader_with(&fixture, "key", NULL);
  uint64_t            size;
  for (uint64_t at = 0; at < 20 * PART; at += 2 * PART) {
    blobferry_error_t *error = NULL;
    check_read(&fixture, reader, 2 * PART, 2 * PART, 1, at);
    CHECK_STATUS(blobferry_reader_size(reader, &size, &error), BLOBFERRY_E_UNSUPPORTED);
    check_error(error, BLOBFERRY_E_UNSUPPORTED, "does not tell");
  }
  check_read(&fixture, reader, 100, 7, 1, 20 * PART);
  CHECK_INT(size_of(reader), 20 * PART + 7);
  check_read(&fixture, reader, 100, 0, 1, 20 * PART + 7);
  check_requests(server, 1);
  must_seek(reader, 19 * PART);
  check_read(&fixture, reader, 2 * PART, PART + 7, 1, 19 * PART);
  check_requests(server, 2);
  blobferry_reader_free(reader);
  fixture_free(&fixture);
  server_free(server);
}

/* A stream is read no faster than it is taken. */
static void a_stream_waits_for_its_caller(void) {
  for (int is_chunked = 0; is_chunked < 2; is_chunked++) {
    watch(__func__);
    endless_t                  it = {.object = object_of(64 << 20), .is_chunked = is_chunked};
    server_t                  *server = server_start(answer_in_whole, &it);
    fixture_t                  fixture = with_server(server, HTTP, NO_OPTIONS);
    blobferry_reader_options_t options = in_parts(1 << 20, 1);
    blobferry_reader_t        *reader = reader_with(&fixture, "key", &options);
    check_read(&fixture, reader, 100, 100, 1, 0);
    for (uint64_t before = 1; before != atomic_load(&it.sent); sleep_us(100000)) before = atomic_load(&it.sent);
    CHECK(atomic_load(&it.sent) < 40 << 20); /* the rest is in buffers of the system */
    must_seek(reader, 63 << 20);
    check_read(&fixture, reader, 2 << 20, 1 << 20, 1, 63 << 20);
    check_requests(server, 1);
    blobferry_reader_free(reader);
    fixture_free(&fixture);
    server_free(server);
  }
}

/* -- ends ---------------------------------------------------------------------------------------------- */

/* The connections of a freed reader are closed, and nothing more is asked for. */
static void a_freed_reader_stops_asking(void) {
  watch(__func__);
  gated_t                    gated = {object_of(20 * PART), {false, 0}, 1};
  server_t                  *server = server_start(answer_behind_a_gate, &gated);
  fixture_t                  fixture = with_server(server, S3, NO_OPTIONS);
  blobferry_reader_options_t options = in_parts(20 * PART, 3);
  blobferry_reader_t        *reader = reader_with(&fixture, "key", &options);
  check_read(&fixture, reader, 100, 100, 1, 0);
  AWAIT(gate_waiting(server, &gated.gate) == 3);
  blobferry_reader_free(reader);
  gate_open(server, &gated.gate);
  must_put(&fixture, "another", 0, 1); /* whatever was to be asked before is asked by now */
  check_count(server, "GET", "key", 4);
  fixture_free(&fixture);
  server_free(server);
}

static void a_cancelled_read_loses_nothing(void) {
  watch(__func__);
  gated_t                    gated = {object_of(4 * PART), {false, 0}, 1};
  server_t                  *server = server_start(answer_behind_a_gate, &gated);
  fixture_t                  fixture = with_server(server, S3, NO_OPTIONS);
  blobferry_reader_options_t options = in_parts(0, 2);
  blobferry_reader_t        *reader = reader_with(&fixture, "key", &options);
  uint8_t                   *data = malloc(2 * PART);
  for (int i = 0; i < 5; i++) {
    blobferry_ticket_t ticket = 0;
    must(blobferry_reader_read(reader, fixture.cq, data, 2 * PART, NULL, 1, &ticket, NULL), NULL, "read");
    AWAIT(gate_waiting(server, &gated.gate) == 2);
    must_cancel(fixture.cq, ticket);
    expect(fixture.cq, BLOBFERRY_E_CANCELLED, 1);
    CHECK_INT(blobferry_reader_position(reader), 0);
  }
  gate_open(server, &gated.gate);
  check_read(&fixture, reader, 4 * PART, 4 * PART, 1, 0);
  check_requests(server, 4);
  free(data);
  blobferry_reader_free(reader);
  fixture_free(&fixture);
  server_free(server);
}

static void answer_and_stall(exchange_t *exchange, void *context) {
  if (exchange->number == 0) object_answer(exchange, context);
  else stall(exchange);
}

/* In the middle of what is fetched ahead, which never comes. */
static void a_service_is_freed_beside_a_reader(void) {
  for (int reader_first = 0; reader_first < 2; reader_first++) {
    watch(__func__);
    object_t                   object = object_of(20 * PART);
    server_t                  *server = server_start(answer_and_stall, &object);
    fixture_t                  fixture = with_server(server, S3, NO_OPTIONS);
    blobferry_reader_options_t options = in_parts(20 * PART, 3);
    blobferry_reader_t        *reader = reader_with(&fixture, "key", &options);
    check_read(&fixture, reader, 100, 100, 1, 0);
    AWAIT(server_requests(server) == 4);
    if (reader_first) blobferry_reader_free(reader);
    fixture_free(&fixture);
    if (!reader_first) blobferry_reader_free(reader);
    server_free(server);
  }
}

TESTS(TEST(every_byte_is_asked_for_once), TEST(an_empty_object_ends_at_once), TEST(max_in_flight_is_kept_to),
      TEST(max_prefetch_is_kept_to), TEST(a_seek_keeps_what_fits_and_asks_for_the_rest),
      TEST(a_part_that_breaks_off_is_resumed), TEST(a_stream_that_breaks_off_is_resumed),
      TEST(a_stream_without_a_state_can_only_begin_again), TEST(a_read_that_fails_leaves_the_position),
      TEST(a_deadline_tells_what_it_was_waiting_for), TEST(two_states_are_never_mixed), TEST(if_match_is_asked_for),
      TEST(what_has_no_length_is_one_stream), TEST(a_stream_waits_for_its_caller), TEST(a_freed_reader_stops_asking),
      TEST(a_cancelled_read_loses_nothing), TEST(a_service_is_freed_beside_a_reader))
