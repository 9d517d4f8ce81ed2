/*
 * A large get in parts: which ranges are asked for, and nothing written outside
 * the bytes that were wanted. What becomes of an object that changes meanwhile is
 * in net_changed.c.
 */
#include "server/ranges.h"

static void answer(exchange_t *exchange, void *context) { object_answer(exchange, context); }

/* -- the plan ------------------------------------------------------------------------------------------ */

/* The ranges asked for must be the first `wanted` bytes from `offset` on, each once, in parts that are cut there. */
static void check_tiles(server_t *server, uint64_t offset, uint64_t wanted) {
  uint64_t covered = 0, first, last;
  for (size_t i = 0; i < server_requests(server); i++) {
    const record_t *record = server_record(server, i);
    CHECK(record_range(record, &first, &last));
    CHECK_INT((first - offset) % PART, 0);
    CHECK(last - first < PART);
    if (i > 0) CHECK_TEXT(record_header(record, "if-match"), AN_ETAG);
    else CHECK_INT(first, offset);
    if (last >= offset + wanted) last = offset + wanted - 1;
    covered += last - first + 1;
  }
  CHECK_INT(covered, wanted);
}

static void check_plan(kind_t kind, uint64_t total, uint64_t offset, uint64_t length, size_t buffer) {
  object_t                object = object_of(total);
  server_t               *server = server_start(answer, &object);
  fixture_t               fixture = with_server(server, kind, NO_OPTIONS);
  blobferry_get_options_t options = range_of(offset, length);
  uint64_t                wanted = total - offset < length ? total - offset : length;
  check_outcome(get_and_compare(&fixture, buffer, &options, (size_t)wanted, 1), BLOBFERRY_OK, "");
  check_tiles(server, offset, wanted);
  check_requests(server, (size_t)((wanted + PART - 1) / PART));
  if (has_failed_here())
    fprintf(stderr, "    (%s: %llu bytes from %llu of %llu into %zu)\n", kind_names[kind], (unsigned long long)length,
            (unsigned long long)offset, (unsigned long long)total, buffer);
  fixture_free(&fixture);
  server_free(server);
}

static void parts_cover_the_object_once(void) {
  static const uint64_t totals[] = {1,        2,        PART - 1,     PART,          PART + 1, 2 * PART - 1,
                                    2 * PART, 2 * PART + 1, 7 * PART + 123};
  static const uint64_t offsets[] = {0, 1, PART - 1, PART, PART + 1};
  watch(__func__);
  for (size_t i = 0; i < sizeof totals / sizeof totals[0]; i++) {
    for (kind_t kind = 0; kind < KINDS; kind++) {
      if (kind == S3_UNSIGNED || kind == S3_ANONYMOUS) continue;
      check_plan(kind, totals[i], 0, BLOBFERRY_LENGTH_TO_END, (size_t)totals[i]);
    }
    for (size_t k = 0; k < sizeof offsets / sizeof offsets[0]; k++) {
      if (offsets[k] >= totals[i]) continue;
      size_t left = (size_t)(totals[i] - offsets[k]);
      check_plan(S3, totals[i], offsets[k], BLOBFERRY_LENGTH_TO_END, left);
      check_plan(S3, totals[i], offsets[k], BLOBFERRY_LENGTH_TO_END, left + 777); /* a buffer may be larger */
      check_plan(S3, totals[i], offsets[k], left + 1000, left + 1000);            /* a range is cut at the end */
      check_plan(S3, totals[i], offsets[k], (left + 1) / 2, left);
      check_plan(S3, totals[i], offsets[k], 1, left);
    }
  }
}

/* The first request asks for no more than the buffer takes. */
static void the_first_request_is_bounded_by_everything(void) {
  static const struct {
    uint64_t length;
    size_t   buffer;
    uint64_t last;
  } cases[] = {
      {BLOBFERRY_LENGTH_TO_END, 100000, PART - 1},
      {BLOBFERRY_LENGTH_TO_END, 777, 776},
      {500, 100000, 499},
      {500, 777, 499},
      {BLOBFERRY_LENGTH_TO_END, 1, 0},
      {BLOBFERRY_LENGTH_TO_END, 0, 0},
  };
  object_t object = object_of(100000);
  for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
    watch(__func__);
    server_t               *server = server_start(answer, &object);
    fixture_t               fixture = with_server(server, S3, NO_OPTIONS);
    blobferry_get_options_t options = range_of(7, cases[i].length);
    uint64_t                first, last;
    got_t                   got = get_with(&fixture, "key", cases[i].buffer, &options);
    CHECK(record_range(server_record(server, 0), &first, &last));
    CHECK_INT(first, 7);
    CHECK_INT(last, 7 + cases[i].last);
    got_free(&got);
    fixture_free(&fixture);
    server_free(server);
  }
}

/* Places beyond what 32 bits count. */
static void far_offsets_are_exact(void) {
  static const uint64_t offsets[] = {UINT32_MAX - 5, (uint64_t)1 << 32, ((uint64_t)1 << 40) - 1,
                                     ((uint64_t)1 << 41) - 25000};
  watch(__func__);
  for (size_t i = 0; i < sizeof offsets / sizeof offsets[0]; i++)
    check_plan(S3, (uint64_t)1 << 41, offsets[i], 25000, 25000);
}

/* -- how many at once ---------------------------------------------------------------------------------- */

typedef struct slow_object {
  object_t object;
  gate_t   gate;
} slow_object_t;

static void answer_parts_behind_a_gate(exchange_t *exchange, void *context) {
  slow_object_t *slow = context;
  if (exchange->number == 0 || await_gate(exchange, &slow->gate)) object_answer(exchange, &slow->object);
}

static void max_in_flight_is_kept_to(void) {
  static const uint32_t limits[] = {1, 2, 5};
  for (size_t i = 0; i < sizeof limits / sizeof limits[0]; i++) {
    watch(__func__);
    slow_object_t           slow = {object_of(20 * PART), {false, 0}};
    server_t               *server = server_start(answer_parts_behind_a_gate, &slow);
    fixture_t               fixture = with_server(server, S3, NO_OPTIONS);
    blobferry_get_options_t options = range_of(0, BLOBFERRY_LENGTH_TO_END);
    guarded_t               memory = guarded_new(20 * PART);
    options.max_in_flight = limits[i];
    blobferry_status_t submitted = blobferry_object_get(fixture.store, fixture.cq, "key", memory.data, memory.size,
                                                        &options, 0, NULL, NULL);
    CHECK_STATUS(submitted, BLOBFERRY_OK);
    AWAIT(gate_waiting(server, &slow.gate) == limits[i]);
    expect_nothing(fixture.cq, 50);
    CHECK_INT(gate_waiting(server, &slow.gate), limits[i]);
    gate_open(server, &slow.gate);
    expect(fixture.cq, BLOBFERRY_OK, 0);
    CHECK(pattern_is(memory.data, memory.size, 1, 0));
    check_requests(server, 20);
    guarded_free(&memory);
    fixture_free(&fixture);
    server_free(server);
  }
}

/* -- objects without a strong name --------------------------------------------------------------------- */

/* A weak ETag and a date are compared; no If-Match can be made of them. */
static void a_weak_name_is_compared(void) {
  static const object_t objects[] = {{10 * PART, 1, "W/" AN_ETAG, A_DATE},
                                     {10 * PART, 1, "W/" AN_ETAG, NULL},
                                     {10 * PART, 1, NULL, A_DATE}};
  static const kind_t   kinds[] = {HTTP, S3};
  for (size_t i = 0; i < sizeof objects / sizeof objects[0]; i++)
    for (size_t k = 0; k < sizeof kinds / sizeof kinds[0]; k++) {
      watch(__func__);
      object_t                object = objects[i];
      server_t               *server = server_start(answer, &object);
      fixture_t               fixture = with_server(server, kinds[k], NO_OPTIONS);
      blobferry_get_options_t options = range_of(0, BLOBFERRY_LENGTH_TO_END);
      check_outcome(get_and_compare(&fixture, 10 * PART, &options, 10 * PART, 1), BLOBFERRY_OK, "");
      for (size_t request = 0; request < server_requests(server); request++)
        CHECK(record_header(server_record(server, request), "if-match") == NULL);
      fixture_free(&fixture);
      server_free(server);
    }
}

/* Without ETag and date nothing tells two states apart: the bytes come in one stream. */
static void a_nameless_object_comes_in_one_stream(void) {
  static const uint64_t offsets[] = {0, 5, 3 * PART + 1};
  static const kind_t   kinds[] = {HTTP, S3};
  for (size_t i = 0; i < sizeof offsets / sizeof offsets[0]; i++)
    for (size_t k = 0; k < sizeof kinds / sizeof kinds[0]; k++) {
      watch(__func__);
      object_t                object = {10 * PART, 1, NULL, NULL};
      server_t               *server = server_start(answer, &object);
      fixture_t               fixture = with_server(server, kinds[k], NO_OPTIONS);
      blobferry_get_options_t options = range_of(offsets[i], BLOBFERRY_LENGTH_TO_END);
      size_t                  wanted = (size_t)(10 * PART - offsets[i]);
      check_outcome(get_and_compare(&fixture, 11 * PART, &options, wanted, 1), BLOBFERRY_OK, "");
      if (server_requests(server) > 2) check_requests(server, 2); /* the first, and the stream */
      fixture_free(&fixture);
      server_free(server);
    }
}

/* -- 200 and 416 --------------------------------------------------------------------------------------- */

static void answer_whole(exchange_t *exchange, void *context) {
  object_answer_t answer = object_plan(exchange, context);
  if (answer.status != 412) plan_whole(&answer);
  object_send(exchange, &answer);
}

static void a_server_without_ranges_sends_one_stream(void) {
  static const uint64_t offsets[] = {0, 1, PART, 5 * PART + 7, 10 * PART - 1};
  static const kind_t   kinds[] = {HTTP, S3, AZURE, GCS};
  for (size_t i = 0; i < sizeof offsets / sizeof offsets[0]; i++)
    for (size_t k = 0; k < sizeof kinds / sizeof kinds[0]; k++)
      for (int short_length = 0; short_length < 2; short_length++) {
        watch(__func__);
        object_t                object = object_of(10 * PART);
        server_t               *server = server_start(answer_whole, &object);
        fixture_t               fixture = with_server(server, kinds[k], NO_OPTIONS);
        size_t                  left = (size_t)(10 * PART - offsets[i]);
        size_t                  wanted = short_length ? (left + 1) / 2 : left;
        blobferry_get_options_t options = range_of(offsets[i], short_length ? wanted : BLOBFERRY_LENGTH_TO_END);
        check_outcome(get_and_compare(&fixture, 10 * PART, &options, wanted, 1), BLOBFERRY_OK, "");
        check_requests(server, 1);
        fixture_free(&fixture);
        server_free(server);
      }
}

/* Its stream breaks off, and is repeated from the beginning: what was read already is passed over. */
static void answer_whole_in_pieces(exchange_t *exchange, void *context) {
  object_answer_t answer = object_plan(exchange, context);
  plan_whole(&answer);
  if (exchange->number < 3) answer.cut = (exchange->number + 1) * 2 * PART;
  object_send(exchange, &answer);
  if (exchange->number < 3) finish(exchange);
}

static void a_stream_that_breaks_off_is_resumed(void) {
  static const uint64_t offsets[] = {0, 12345};
  for (size_t i = 0; i < sizeof offsets / sizeof offsets[0]; i++) {
    watch(__func__);
    object_t                object = object_of(10 * PART);
    server_t               *server = server_start(answer_whole_in_pieces, &object);
    fixture_t               fixture = with_server(server, HTTP, NO_OPTIONS);
    blobferry_get_options_t options = range_of(offsets[i], BLOBFERRY_LENGTH_TO_END);
    size_t                  wanted = (size_t)(10 * PART - offsets[i]);
    check_outcome(get_and_compare(&fixture, wanted, &options, wanted, 1), BLOBFERRY_OK, "");
    check_requests(server, 4);
    fixture_free(&fixture);
    server_free(server);
  }
}

static void an_empty_object_is_no_range_error(void) {
  for (kind_t kind = 0; kind < KINDS; kind++)
    for (int whole = 0; whole < 2; whole++) {
      watch(__func__);
      object_t                object = object_of(0);
      server_t               *server = server_start(whole ? answer_whole : answer, &object);
      fixture_t               fixture = with_server(server, kind, NO_OPTIONS);
      blobferry_get_options_t options = range_of(0, 10);
      check_outcome(get_and_compare(&fixture, 100, NULL, 0, 1), BLOBFERRY_OK, "");
      check_outcome(get_and_compare(&fixture, 0, NULL, 0, 1), BLOBFERRY_OK, "");
      check_outcome(get_and_compare(&fixture, 100, &options, 0, 1), BLOBFERRY_OK, "");
      check_requests(server, 3);
      options.offset = 1;
      check_outcome(get_and_compare(&fixture, 100, &options, 0, 1), BLOBFERRY_E_RANGE, "");
      fixture_free(&fixture);
      server_free(server);
    }
}

static void a_range_behind_the_end_is_an_error(void) {
  static const uint64_t offsets[] = {1000, 1001, UINT32_MAX, (uint64_t)1 << 62, UINT64_MAX};
  for (size_t i = 0; i < sizeof offsets / sizeof offsets[0]; i++)
    for (kind_t kind = 0; kind < KINDS; kind++)
      for (int whole = 0; whole < 2; whole++) {
        watch(__func__);
        object_t                object = object_of(1000);
        server_t               *server = server_start(whole ? answer_whole : answer, &object);
        fixture_t               fixture = with_server(server, kind, NO_OPTIONS);
        blobferry_get_options_t options = range_of(offsets[i], i % 2 ? 10 : BLOBFERRY_LENGTH_TO_END);
        check_outcome(get_and_compare(&fixture, 100, &options, 0, 1), BLOBFERRY_E_RANGE, "");
        CHECK(server_requests(server) <= 1);
        fixture_free(&fixture);
        server_free(server);
      }
}

/* Nothing is wanted: whether the object is there, and reaches so far, is asked all the same. */
static void a_range_of_nothing_is_empty(void) {
  for (kind_t kind = 0; kind < KINDS; kind++)
    for (int whole = 0; whole < 2; whole++) {
      watch(__func__);
      object_t                object = object_of(1000);
      server_t               *server = server_start(whole ? answer_whole : answer, &object);
      fixture_t               fixture = with_server(server, kind, NO_OPTIONS);
      blobferry_get_options_t options = range_of(0, 0);
      check_outcome(get_and_compare(&fixture, 100, &options, 0, 1), BLOBFERRY_OK, "");
      check_outcome(get_and_compare(&fixture, 0, &options, 0, 1), BLOBFERRY_OK, "");
      options.offset = 999;
      check_outcome(get_and_compare(&fixture, 100, &options, 0, 1), BLOBFERRY_OK, "");
      options.offset = 1000;
      check_outcome(get_and_compare(&fixture, 100, &options, 0, 1), BLOBFERRY_E_RANGE, "");
      fixture_free(&fixture);
      server_free(server);
    }
}

/* -- buffers that are too small ------------------------------------------------------------------------ */

static void too_small_says_what_is_needed(void) {
  static const size_t buffers[] = {0, 1, PART - 1, PART, PART + 1, 3 * PART - 1};
  for (size_t i = 0; i < sizeof buffers / sizeof buffers[0]; i++)
    for (kind_t kind = 0; kind < KINDS; kind++)
      for (int whole = 0; whole < 2; whole++) {
        watch(__func__);
        object_t                object = object_of(3 * PART + 5);
        server_t               *server = server_start(whole ? answer_whole : answer, &object);
        fixture_t               fixture = with_server(server, kind, NO_OPTIONS);
        blobferry_get_options_t options = range_of(5, BLOBFERRY_LENGTH_TO_END);
        blobferry_completion_t  completion = get_and_compare(&fixture, buffers[i], &options, buffers[i], 1);
        CHECK_INT(completion.result, 3 * PART);
        check_outcome(completion, BLOBFERRY_E_TOO_SMALL, "");
        check_requests(server, 1);
        fixture_free(&fixture);
        server_free(server);
      }
}

TESTS(TEST(parts_cover_the_object_once), TEST(the_first_request_is_bounded_by_everything), TEST(far_offsets_are_exact),
      TEST(max_in_flight_is_kept_to), TEST(a_weak_name_is_compared), TEST(a_nameless_object_comes_in_one_stream),
      TEST(a_server_without_ranges_sends_one_stream), TEST(a_stream_that_breaks_off_is_resumed),
      TEST(an_empty_object_is_no_range_error), TEST(a_range_behind_the_end_is_an_error),
      TEST(a_range_of_nothing_is_empty), TEST(too_small_says_what_is_needed))
