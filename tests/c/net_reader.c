/*
 * Readers over a network: what they ask for, how far ahead, and what becomes of it
 * when they end. net_reader_state.c has what breaks off and what changes.
 */
#include "server/ranges.h"
#include "streams.h"

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

/* -- what is asked for ------------------------------------------------------------------------------- */

static void every_byte_is_asked_for_once(void) {
  static const kind_t   kinds[] = {HTTP, S3, AZURE, GCS};
  static const uint64_t totals[] = {1, PART - 1, PART, PART + 1, 7 * PART + 123};
  static const size_t   reads[] = {777, PART, 3 * PART + 1, 100 * PART};
  for (size_t k = 0; k < 4; k++)
    for (size_t t = 0; t < 5; t++)
      for (size_t r = 0; r < 4; r++) {
        if (slowness() > 1 && (t + r) % 4 != k) continue; /* each of them, not each with each */
        watch(__func__);
        object_t                   object = object_of(totals[t]);
        server_t                  *server = server_start(answer, &object);
        fixture_t                  fixture = with_server(server, kinds[k], NO_OPTIONS);
        blobferry_reader_options_t options = reader_parts(PART, 0, 3);
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
  object_t     object;
  gate_t       gate;
  size_t       free_requests; /* so many requests are answered before the gate */
  unanswered_t unanswered;
} gated_t;

static void answer_behind_a_gate(exchange_t *exchange, void *context) {
  gated_t *gated = context;
  unanswered_begin(exchange, &gated->unanswered);
  bool may_answer = exchange->number < gated->free_requests || await_gate(exchange, &gated->gate);
  unanswered_end(exchange, &gated->unanswered);
  if (may_answer) object_answer(exchange, &gated->object);
}

/* No more than `max_in_flight` requests at once. */
static void max_in_flight_is_kept_to(void) {
  for (uint32_t limit = 1; limit < 6; limit += 2) {
    watch(__func__);
    gated_t                    gated = {.object = object_of(20 * PART), .free_requests = 1};
    server_t                  *server = server_start(answer_behind_a_gate, &gated);
    fixture_t                  fixture = with_server(server, S3, NO_OPTIONS);
    blobferry_reader_options_t options = reader_parts(PART, 20 * PART, limit);
    blobferry_reader_t        *reader = reader_with(&fixture, "key", &options);
    check_read(&fixture, reader, 100, 100, 1, 0);
    AWAIT(gate_waiting(server, &gated.gate) == limit);
    gate_open(server, &gated.gate);
    check_read(&fixture, reader, 20 * PART, 20 * PART - 100, 1, 100);
    CHECK_INT(gated.unanswered.most, limit);
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
  blobferry_reader_options_t options = reader_parts(PART, 5 * PART, 2);
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
  AWAIT(usage_of(fixture.service).bytes_in_flight == 0);
  blobferry_reader_free(reader);
  fixture_free(&fixture);
  server_free(server);
}

/* -- seeks ------------------------------------------------------------------------------------------- */

static void a_seek_keeps_what_fits_and_asks_for_the_rest(void) {
  watch(__func__);
  object_t                   object = object_of(50 * PART);
  server_t                  *server = server_start(answer, &object);
  fixture_t                  fixture = with_server(server, S3, NO_OPTIONS);
  blobferry_reader_options_t options = reader_parts(PART, 5 * PART, 5);
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
  CHECK(record_range(server_record(server, 5), &first, &last));
  CHECK(first >= 5 * PART);
  must_seek(reader, 40 * PART + 5); /* far: what follows begins there */
  check_read(&fixture, reader, 100, 100, 1, 40 * PART + 5);
  CHECK(record_range(server_record(server, 8), &first, &last));
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

/* -- streams ----------------------------------------------------------------------------------------- */

typedef struct endless {
  object_t      object;
  bool          is_chunked;
  atomic_ullong sent;
} endless_t;

static void answer_in_whole(exchange_t *exchange, void *context) {
  enum { PIECE = 10000 };
  uint8_t    piece[PIECE];
  endless_t *it = context;
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
    blobferry_reader_options_t options = reader_parts(PART, 1 << 20, 1);
    blobferry_reader_t        *reader = reader_with(&fixture, "key", &options);
    check_read(&fixture, reader, 100, 100, 1, 0);
    for (uint64_t before = 1; before != atomic_load(&it.sent); sleep_us(100000)) before = atomic_load(&it.sent);
    CHECK(atomic_load(&it.sent) < 40 << 20); /* the rest is in buffers of the system */
    must_seek(reader, 63 << 20);
    check_read(&fixture, reader, 2 << 20, 1 << 20, 1, 63 << 20);
    blobferry_reader_free(reader);
    fixture_free(&fixture);
    server_free(server);
  }
}

/* A caller who takes nothing keeps no connection from others, where the object can be asked for again. */
static void an_idle_stream_gives_its_connection_up(void) {
  watch(__func__);
  endless_t                  it = {.object = object_of(20 << 20)};
  server_t                  *server = server_start(answer_in_whole, &it);
  fixture_t                  fixture = with_server(server, HTTP, OPTIONS({"max_connections", "1"}));
  blobferry_reader_options_t options = reader_parts(PART, 1 << 20, 1);
  blobferry_reader_t        *reader = reader_with(&fixture, "key", &options);
  check_read(&fixture, reader, 100, 100, 1, 0);
  check_outcome(get(&fixture, "another"), BLOBFERRY_E_TOO_SMALL, "");
  check_read(&fixture, reader, 20 << 20, (20 << 20) - 100, 1, 100);
  check_requests(server, 3);
  blobferry_reader_free(reader);
  fixture_free(&fixture);
  server_free(server);
}

/* -- ends -------------------------------------------------------------------------------------------- */

typedef struct held {
  object_t      object;
  atomic_size_t open; /* connections with a request that is not answered */
} held_t;

/* Answers the first request and puts, and holds the others until their connections are closed. */
static void answer_and_hold(exchange_t *exchange, void *context) {
  held_t *held = context;
  if (exchange->number == 0 || method_is(exchange, "PUT")) {
    answer_well(exchange, &held->object);
    return;
  }
  atomic_fetch_add(&held->open, 1);
  take_to_the_end(exchange);
  exchange->has_ended = true;
  atomic_fetch_sub(&held->open, 1);
}

/* The connections of a freed reader are closed, and nothing more is asked for. */
static void a_freed_reader_stops_asking(void) {
  watch(__func__);
  held_t                     held = {.object = object_of(20 * PART)};
  server_t                  *server = server_start(answer_and_hold, &held);
  fixture_t                  fixture = with_server(server, S3, NO_OPTIONS);
  blobferry_reader_options_t options = reader_parts(PART, 20 * PART, 3);
  blobferry_reader_t        *reader = reader_with(&fixture, "key", &options);
  check_read(&fixture, reader, 100, 100, 1, 0);
  AWAIT(atomic_load(&held.open) == 3);
  blobferry_reader_free(reader);
  AWAIT(atomic_load(&held.open) == 0);
  must_put(&fixture, "another", 0, 1); /* whatever was to be asked before is asked by now */
  check_count(server, "GET", "key", 4);
  fixture_free(&fixture);
  server_free(server);
}

static void a_cancelled_read_loses_nothing(void) {
  watch(__func__);
  gated_t                    gated = {.object = object_of(4 * PART), .free_requests = 1};
  server_t                  *server = server_start(answer_behind_a_gate, &gated);
  fixture_t                  fixture = with_server(server, S3, NO_OPTIONS);
  blobferry_reader_options_t options = reader_parts(PART, 0, 2);
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
    blobferry_reader_options_t options = reader_parts(PART, 20 * PART, 3);
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
      TEST(what_has_no_length_is_one_stream), TEST(a_stream_waits_for_its_caller),
      TEST(an_idle_stream_gives_its_connection_up), TEST(a_freed_reader_stops_asking),
      TEST(a_cancelled_read_loses_nothing), TEST(a_service_is_freed_beside_a_reader))
