/*
 * Several ranges of an object over a network: how many requests are made for them,
 * every byte in its place and none beside it, one state of the object for all, and
 * no byte after the completion.
 */
#include "server.h"

enum { KIB = 1 << 10, MIB = 1 << 20, MOST = 8 };

static const kind_t kinds[] = {HTTP, S3, GCS, AZURE};

enum { KINDS_HERE = sizeof kinds / sizeof kinds[0] };

/* Ranges, and guarded buffers for them. */
typedef struct layout {
  blobferry_range_t ranges[MOST];
  size_t            range_count;
  size_t            sizes[MOST];
  size_t            buffer_count;
} layout_t;

/* A get of ranges under way. */
typedef struct scatter {
  layout_t          layout;
  guarded_t         memory[MOST];
  blobferry_slice_t slices[MOST];
} scatter_t;

static scatter_t new_scatter(layout_t layout) {
  scatter_t scatter = {.layout = layout};
  for (size_t i = 0; i < layout.buffer_count; i++) {
    scatter.memory[i] = guarded_new(layout.sizes[i]);
    scatter.slices[i] = (blobferry_slice_t){scatter.memory[i].data, layout.sizes[i]};
  }
  return scatter;
}

static void scatter_free(scatter_t *scatter) {
  for (size_t i = 0; i < scatter->layout.buffer_count; i++) guarded_free(&scatter->memory[i]);
}

/* Both arrays are borrowed: they are gone when the call has returned. */
static blobferry_ticket_t submit_ranges(const fixture_t *fixture, scatter_t *scatter,
                                        const blobferry_get_options_t *options, blobferry_completion_t *refusal) {
  blobferry_range_t  ranges[MOST];
  blobferry_slice_t  slices[MOST];
  blobferry_error_t *error = NULL;
  blobferry_ticket_t ticket = 0;
  memcpy(ranges, scatter->layout.ranges, sizeof ranges);
  memcpy(slices, scatter->slices, sizeof slices);
  refusal->status = blobferry_object_get_ranges(fixture->store, fixture->cq, "key", ranges, scatter->layout.range_count,
                                                slices, scatter->layout.buffer_count, options, 0, &ticket, &error);
  refusal->error = error;
  memset(ranges, 0xFF, sizeof ranges);
  memset(slices, 0xFF, sizeof slices);
  return ticket;
}

/* The byte of the object that belongs at this place of all buffers together; false behind the last. */
static bool byte_of(const layout_t *layout, uint64_t seed, uint64_t at, uint8_t *byte) {
  for (size_t i = 0; i < layout->range_count; i++) {
    if (at < layout->ranges[i].length) {
      *byte = pattern_byte(seed, layout->ranges[i].offset + at);
      return true;
    }
    at -= layout->ranges[i].length;
  }
  return false;
}

/* Every byte must be right where `is_right`; behind the last that is wanted none may be written. */
static void check_bytes(scatter_t *scatter, bool is_right, uint64_t seed) {
  uint64_t at = 0;
  uint8_t  wanted;
  for (size_t i = 0; i < scatter->layout.buffer_count; i++)
    for (size_t k = 0; k < scatter->layout.sizes[i]; k++, at++) {
      bool is_wanted = byte_of(&scatter->layout, seed, at, &wanted);
      if (is_wanted && !is_right) continue;
      if (scatter->memory[i].data[k] != (is_wanted ? wanted : CANARY)) {
        FAIL("buffer %zu, byte %zu: %u, wanted %u", i, k, scatter->memory[i].data[k], is_wanted ? wanted : CANARY);
        return;
      }
    }
}

static blobferry_completion_t get_ranges(const fixture_t *fixture, layout_t layout,
                                         const blobferry_get_options_t *options, uint64_t seed) {
  scatter_t              scatter = new_scatter(layout);
  blobferry_completion_t completion;
  memset(&completion, 0, sizeof completion);
  if (submit_ranges(fixture, &scatter, options, &completion) != 0) completion = wait_one(fixture->cq);
  for (size_t i = 0; i < layout.buffer_count; i++) guarded_lock(&scatter.memory[i]);
  for (size_t i = 0; i < layout.buffer_count; i++) guarded_unlock(&scatter.memory[i]);
  check_bytes(&scatter, completion.status == BLOBFERRY_OK, seed);
  scatter_free(&scatter);
  beat();
  return completion;
}

static uint64_t wanted_of(const layout_t *layout) {
  uint64_t sum = 0;
  for (size_t i = 0; i < layout->range_count; i++) sum += layout->ranges[i].length;
  return sum;
}

/* -- how many requests -------------------------------------------------------------------------------------- */

static void answer_object(exchange_t *exchange, void *object) { object_answer(exchange, object); }

/* A server that minds no ranges. */
static void answer_whole(exchange_t *exchange, void *object) {
  object_answer_t answer = object_plan(exchange, object);
  plan_whole(&answer);
  object_send(exchange, &answer);
}

static const struct {
  layout_t layout;
  size_t   requests;
} cases[] = {
    /* Apart by a MiB and no more: one; by more: one each. */
    {{.ranges = {{0, 100}, {200, 100}, {400, 100}}, 3, {100, 100, 100}, 3}, 1},
    {{.ranges = {{0, 100}, {100 + MIB, 100}}, 2, {200}, 1}, 1},
    {{.ranges = {{0, 100}, {101 + MIB, 100}}, 2, {200}, 1}, 2},
    {{.ranges = {{0, 100}, {2 * MIB, 100}, {4 * MIB, 100}}, 3, {300}, 1}, 3},
    /* Backwards, the same twice, one in the other. */
    {{.ranges = {{5 * MIB, 10}, {3 * MIB, 10}, {0, 10}}, 3, {10, 10, 10}, 3}, 3},
    {{.ranges = {{1000, 10}, {1000, 10}}, 2, {7, 13}, 2}, 2},
    {{.ranges = {{1000, 100}, {1050, 10}}, 2, {110}, 1}, 2},
    /* Empty ones, and buffers that are larger, empty, or cut where no range ends. */
    {{.ranges = {{0, 0}, {50, 5}, {70, 0}}, 3, {0, 3, 0, 2, 9}, 5}, 1},
    {{.ranges = {{10, 33}, {43, 33}}, 2, {1, 64, 1, 100}, 4}, 1},
    /* More than a part: one request each. */
    {{.ranges = {{0, 300000}}, 1, {100000, 200000}, 2}, 3},
    {{.ranges = {{0, 60000}, {60000, 60000}}, 2, {120000}, 1}, 2},
};

static void every_byte_is_in_its_place(void) {
  object_t object = {6 * MIB, 1, AN_ETAG, A_DATE};
  for (size_t k = 0; k < KINDS_HERE; k++)
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++)
      for (int whole = 0; whole < 2; whole++) {
        watch(__func__);
        blobferry_get_options_t options = BLOBFERRY_GET_OPTIONS_INIT;
        server_t               *server = server_start(whole ? answer_whole : answer_object, &object);
        fixture_t               fixture = with_server(server, kinds[k], NO_OPTIONS);
        if (i >= 9) options.part_size = 100000;
        blobferry_completion_t completion = get_ranges(&fixture, cases[i].layout, &options, 1);
        CHECK_INT(completion.result, wanted_of(&cases[i].layout));
        check_outcome(completion, BLOBFERRY_OK, "");
        check_requests(server, whole ? 1 : cases[i].requests);
        if (has_failed_here())
          fprintf(stderr, "    (%s, case %zu%s)\n", kind_names[kinds[k]], i, whole ? ", whole" : "");
        fixture_free(&fixture);
        server_free(server);
      }
}

/* One connection is enough for all of them. */
static void one_connection_is_enough(void) {
  static const layout_t far = {.ranges = {{0, 9}, {2 * MIB, 9}, {4 * MIB, 9}, {0, 9}}, 4, {36}, 1};
  object_t              object = {6 * MIB, 1, AN_ETAG, A_DATE};
  for (size_t k = 0; k < KINDS_HERE; k++) {
    watch(__func__);
    server_t *server = server_start(answer_object, &object);
    fixture_t fixture = with_server(server, kinds[k], OPTIONS({"max_connections", "1"}));
    check_outcome(get_ranges(&fixture, far, NULL, 1), BLOBFERRY_OK, "");
    fixture_free(&fixture);
    server_free(server);
  }
}

/* -- what is refused ------------------------------------------------------------------------------------------ */

static void a_range_lies_within_the_object_whole(void) {
  static const layout_t outside[] = {
      {.ranges = {{0, 10}, {995, 6}}, 2, {100}, 1},
      {.ranges = {{995, 6}}, 1, {100}, 1},
      {.ranges = {{1001, 0}}, 1, {100}, 1},
      {.ranges = {{0, 10}, {UINT64_MAX, 0}}, 2, {100}, 1},
      {.ranges = {{0, 10}, {UINT64_MAX, 1}}, 2, {100}, 1},
      {.ranges = {{5000, 1}}, 1, {100}, 1},
      {.ranges = {{UINT64_MAX, 1}}, 1, {100}, 1},
      {.ranges = {{UINT64_MAX - 4, 10}, {0, 1}}, 2, {100}, 1},
  };
  for (size_t k = 0; k < KINDS_HERE; k++)
    for (size_t i = 0; i < sizeof outside / sizeof outside[0]; i++) {
      watch(__func__);
      object_t  object = {1000, 1, AN_ETAG, A_DATE};
      server_t *server = server_start(answer_object, &object);
      fixture_t fixture = with_server(server, kinds[k], NO_OPTIONS);
      check_outcome(get_ranges(&fixture, outside[i], NULL, 1), BLOBFERRY_E_RANGE, "");
      CHECK(server_requests(server) <= 2);
      if (has_failed_here()) fprintf(stderr, "    (%s, case %zu)\n", kind_names[kinds[k]], i);
      fixture_free(&fixture);
      server_free(server);
    }
}

/* How many bytes are wanted is known without any request. */
static void too_little_room_is_told_at_once(void) {
  static const layout_t tight[] = {
      {.ranges = {{0, 10}, {2 * MIB, 10}}, 2, {19}, 1},
      {.ranges = {{0, 10}, {2 * MIB, 10}}, 2, {10, 0, 9}, 3},
      {.ranges = {{0, UINT64_MAX}, {0, UINT64_MAX}}, 2, {9}, 1},
      {.ranges = {{0, 1}}, 1, {0}, 0},
  };
  static const uint64_t needed[] = {20, 20, UINT64_MAX, 1};
  for (size_t k = 0; k < KINDS_HERE; k++)
    for (size_t i = 0; i < 4; i++) {
      watch(__func__);
      object_t               object = {6 * MIB, 1, AN_ETAG, A_DATE};
      server_t              *server = server_start(answer_object, &object);
      fixture_t              fixture = with_server(server, kinds[k], NO_OPTIONS);
      blobferry_completion_t completion = get_ranges(&fixture, tight[i], NULL, 1);
      CHECK(completion.result == needed[i]);
      check_outcome(completion, BLOBFERRY_E_TOO_SMALL, "");
      CHECK(server_requests(server) <= 1);
      fixture_free(&fixture);
      server_free(server);
    }
}

/* -- faults in one of them -------------------------------------------------------------------------------------- */

typedef enum fault { NO_FAULT, LIES, SHIFTS, STALLS, BREAKS, SHORT, CHANGES, GOES, FAULTS } fault_t;

static const char *const fault_names[FAULTS] = {
    "none", "another range", "other bytes than it says", "stalls", "breaks off", "short", "changes", "goes"};

static const blobferry_status_t fault_ends[FAULTS] = {BLOBFERRY_OK,        BLOBFERRY_E_SERVER, BLOBFERRY_E_SERVER,
                                                      BLOBFERRY_OK,        BLOBFERRY_OK,       BLOBFERRY_OK,
                                                      BLOBFERRY_E_CHANGED, BLOBFERRY_E_CHANGED};

/* The range that begins at `place` is answered wrongly: always where it lies, else once. */
typedef struct desk {
  object_t object, after;
  fault_t  fault;
  uint64_t place;
  size_t   failures;
} desk_t;

static void answer_wrongly(exchange_t *exchange, desk_t *desk, object_answer_t *answer) {
  if (desk->fault == LIES) {
    answer->first += 10;
    snprintf(answer->content_range, sizeof answer->content_range, "bytes %llu-%llu/%llu",
             (unsigned long long)answer->first, (unsigned long long)(answer->first + answer->count - 1),
             (unsigned long long)answer->object->size);
  } else if (desk->fault == SHIFTS) {
    answer->content_range[0] = '\0';
  } else if (desk->fault == SHORT) {
    answer->count /= 2;
    answer->cut = answer->count;
  } else {
    answer->cut = answer->count / 2;
  }
  object_send(exchange, answer);
  if (desk->fault == STALLS) stall(exchange);
  if (desk->fault == BREAKS) reset(exchange);
  if (desk->fault == SHORT) finish(exchange);
}

static void answer_faulty(exchange_t *exchange, void *context) {
  desk_t  *desk = context;
  uint64_t first = 0, last;
  record_range(exchange->record, &first, &last);
  server_lock(exchange->server);
  bool fails = first == desk->place && desk->failures > 0;
  if (fails) desk->failures--;
  server_unlock(exchange->server);
  object_answer_t answer = object_plan(exchange, &desk->object);
  if (!fails) {
    object_send(exchange, &answer);
  } else if (desk->fault == GOES) {
    reply_error(exchange, 404, "NoSuchKey", "gone");
  } else if (desk->fault == CHANGES) {
    answer = object_plan(exchange, &desk->after);
    object_send(exchange, &answer);
  } else {
    answer_wrongly(exchange, desk, &answer);
  }
}

static void a_fault_in_the_third_is_mended_or_told(void) {
  static const layout_t three = {
      .ranges = {{100, 1000}, {2 * MIB, 1000}, {4 * MIB, 100000}, {9, 1000}}, 4, {500, 1600, 100900, 1000}, 4};
  for (size_t k = 0; k < KINDS_HERE; k++)
    for (fault_t fault = 0; fault < FAULTS; fault++) {
      watch(__func__);
      bool      is_lasting = fault == LIES || fault == SHIFTS || fault == CHANGES || fault == GOES;
      desk_t    desk = {.object = {6 * MIB, 1, AN_ETAG, A_DATE},
                        .after = {6 * MIB, 2, ANOTHER_ETAG, ANOTHER_DATE},
                        .fault = fault,
                        .place = 4 * MIB,
                        .failures = fault == NO_FAULT ? 0
                                    : is_lasting      ? 1000
                                                      : 1};
      server_t *server = server_start(answer_faulty, &desk);
      fixture_t fixture =
          with_server(server, kinds[k], OPTIONS({"max_retries", "2"}, {"stall_timeout", short_stall()}));
      check_outcome(get_ranges(&fixture, three, NULL, 1), fault_ends[fault], "");
      if (has_failed_here()) fprintf(stderr, "    (%s: %s)\n", kind_names[kinds[k]], fault_names[fault]);
      fixture_free(&fixture);
      server_free(server);
    }
}

/* The state that the first answer tells is that of all. */
static void answer_changing(exchange_t *exchange, void *context) {
  desk_t *desk = context;
  object_answer(exchange, exchange->number == 0 ? &desk->object : &desk->after);
}

static void what_changes_between_two_has_changed(void) {
  static const layout_t far = {.ranges = {{0, 10}, {2 * MIB, 10}, {4 * MIB, 10}}, 3, {30}, 1};
  static const struct {
    const char *etag, *date;
  } afters[] = {{ANOTHER_ETAG, A_DATE}, {NULL, A_DATE}, {AN_ETAG, ANOTHER_DATE}, {"W/" AN_ETAG, A_DATE}};
  for (size_t k = 0; k < KINDS_HERE; k++)
    for (size_t i = 0; i < sizeof afters / sizeof afters[0]; i++) {
      watch(__func__);
      desk_t    desk = {.object = {6 * MIB, 1, AN_ETAG, A_DATE}, .after = {6 * MIB, 2, afters[i].etag, afters[i].date}};
      server_t *server = server_start(answer_changing, &desk);
      fixture_t fixture = with_server(server, kinds[k], NO_OPTIONS);
      check_outcome(get_ranges(&fixture, far, NULL, 1), BLOBFERRY_E_CHANGED, "");
      fixture_free(&fixture);
      server_free(server);
    }
}

/* -- no byte after the completion --------------------------------------------------------------------------------- */

typedef struct slow {
  object_t object;
  gate_t   gate;
} slow_t;

static void answer_behind_a_gate(exchange_t *exchange, void *context) {
  slow_t         *slow = context;
  object_answer_t answer = object_plan(exchange, &slow->object);
  uint64_t        half = answer.count / 2;
  object_send_head(exchange, &answer);
  object_send_bytes(exchange, &slow->object, answer.first, half);
  if (await_gate(exchange, &slow->gate))
    object_send_bytes(exchange, &slow->object, answer.first + half, answer.count - half);
}

static void nothing_is_written_after_the_completion(void) {
  static const layout_t far = {
      .ranges = {{0, 100 * KIB}, {2 * MIB, 100 * KIB}, {4 * MIB, 100 * KIB}}, 3, {50 * KIB, 150 * KIB, 100 * KIB}, 3};
  for (size_t k = 0; k < KINDS_HERE; k++) {
    watch(__func__);
    slow_t                 slow = {.object = {6 * MIB, 1, AN_ETAG, A_DATE}};
    server_t              *server = server_start(answer_behind_a_gate, &slow);
    fixture_t              fixture = with_server(server, kinds[k], NO_OPTIONS);
    scatter_t              scatter = new_scatter(far);
    blobferry_completion_t completion;
    blobferry_ticket_t     ticket = submit_ranges(&fixture, &scatter, NULL, &completion);
    AWAIT(gate_waiting(server, &slow.gate) == 3);
    must_cancel(fixture.cq, ticket);
    check_outcome(wait_one(fixture.cq), BLOBFERRY_E_CANCELLED, "");
    for (size_t i = 0; i < 3; i++) guarded_lock(&scatter.memory[i]);
    gate_open(server, &slow.gate);
    fixture_free(&fixture); /* waits for all that still runs */
    server_free(server);
    scatter_free(&scatter);
  }
}

TESTS(TEST(every_byte_is_in_its_place), TEST(one_connection_is_enough), TEST(a_range_lies_within_the_object_whole),
      TEST(too_little_room_is_told_at_once), TEST(a_fault_in_the_third_is_mended_or_told),
      TEST(what_changes_between_two_has_changed), TEST(nothing_is_written_after_the_completion))
