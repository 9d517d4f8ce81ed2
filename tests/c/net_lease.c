/*
 * The lease of a put over a network: a server that stops reading in the middle,
 * and reads on after the caller has been told that its memory is its own again
 * and has written something else into it. None of the new bytes may arrive, ever.
 */
#include "server.h"
#include "server/bucket.h"

enum { KIB = 1 << 10, MIB = 1 << 20, LARGE = 12 * MIB, PART = 5 * MIB, OVERWRITTEN = 0xEE };

/* How the request ends while the server does not read. */
typedef enum way { BY_STALL, BY_CANCEL, BY_DEADLINE, BY_CLOSE, BY_FREE, WAYS } way_t;

static const char *const way_names[WAYS] = {"a stall", "cancel", "a deadline", "close", "the end of the service"};

typedef struct desk {
  bucket_t  bucket;
  gate_t    gate;
  uint64_t  reads_first; /* bytes of a body that are read before it stops */
  long      slow_us;     /* where there is no gate: between two pieces of what is read */
  server_t *server;
} desk_t;

/* Bodies are read in part; the rest when the gate is open, to the end of the connection or of the body. */
static void answer_behind_a_gate(exchange_t *exchange, void *context) {
  desk_t *desk = context;
  step_t  step = step_of(exchange);
  if (step != STEP_PUT && step != STEP_PART) {
    bucket_answer(exchange, &desk->bucket);
    return;
  }
  take(exchange, desk->reads_first);
  if (!await_gate(exchange, &desk->gate)) return;
  bucket_answer(exchange, &desk->bucket);
}

/* Bodies are read slowly, so that the request can end at any moment of it. */
static void answer_slowly(exchange_t *exchange, void *context) {
  desk_t *desk = context;
  while (take(exchange, 64 * KIB) > 0)
    if (desk->slow_us > 0) sleep_us(desk->slow_us);
  bucket_answer(exchange, &desk->bucket);
}

static desk_t *new_desk(answer_fn answer, uint64_t reads_first, long slow_us) {
  desk_t *desk = calloc(1, sizeof *desk);
  bucket_init(&desk->bucket);
  desk->reads_first = reads_first;
  desk->slow_us = slow_us;
  desk->server = server_start_with(answer, desk, (server_options_t){4096, true, 0});
  return desk;
}

static void free_desk(desk_t *desk) {
  server_free(desk->server);
  bucket_free(&desk->bucket);
  free(desk);
}

/* What is put has no byte like those that are written over it. */
static uint8_t *original(void) {
  static uint8_t bytes[LARGE];
  static bool    is_filled;
  for (size_t at = 0; !is_filled && at < LARGE; at++) {
    bytes[at] = pattern_byte(3, at);
    if (bytes[at] == OVERWRITTEN) bytes[at] = 0;
  }
  is_filled = true;
  return bytes;
}

/* Where in the object the body of a request begins. */
static size_t place_of(const record_t *record) {
  char number[16];
  if (!record_query(record, "partNumber", number, sizeof number)) return 0;
  return (strtoul(number, NULL, 10) - 1) * PART;
}

/* Every byte that has ever come must be the original's. The server has stopped. */
static void check_nothing_new_came(desk_t *desk, size_t size) {
  const record_t *record;
  for (size_t i = 0; (record = server_record(desk->server, i)) != NULL; i++) {
    if (!record_is(record, "PUT", "")) continue;
    size_t place = place_of(record), received = (size_t)record->received;
    if (place + received > size) FAIL("%zu bytes came at %zu of an object of %zu", received, place, size);
    else if (received > 0 && memcmp(record->body, original() + place, received) != 0)
      FAIL("request %zu: of %zu bytes that came some are not the object's%s", i, received,
           memchr(record->body, OVERWRITTEN, received) ? ", but what was written after the completion" : "");
  }
}

/* -- a server that stops ------------------------------------------------------------------------------- */

typedef struct lease {
  kind_t kind;
  way_t  way;
  size_t size;
  bool   in_parts;
  bool   locks; /* the memory may not even be touched any more */
} lease_t;

static blobferry_ticket_t submit_put(const fixture_t *fixture, const guarded_t *memory, uint64_t timeout_ms) {
  request_t request = {VERB_PUT, "key", memory->data, memory->size, NULL, timeout_ms, 5};
  return must_submit(&request, fixture->store, fixture->cq);
}

/* Ends the request, where it does not end by itself, and waits for its completion. */
static blobferry_completion_t end_by(way_t way, fixture_t *fixture, blobferry_ticket_t ticket) {
  if (way == BY_CANCEL) must_cancel(fixture->cq, ticket);
  if (way == BY_CLOSE) CHECK_STATUS(blobferry_cq_close(fixture->cq, NULL), BLOBFERRY_OK);
  if (way == BY_FREE) {
    blobferry_service_free(fixture->service);
    fixture->service = NULL;
  }
  return wait_one(fixture->cq);
}

static void check_completion(blobferry_completion_t completion, const lease_t *lease) {
  static const blobferry_status_t statuses[WAYS] = {BLOBFERRY_E_TIMEOUT, BLOBFERRY_E_CANCELLED, BLOBFERRY_E_DEADLINE,
                                                    BLOBFERRY_E_CANCELLED, BLOBFERRY_E_CANCELLED};
  /* The buffers of two sockets do not take the large ones: they have not been sent to their end. */
  if (lease->size == LARGE) CHECK_INT(completion.flags, 0);
  CHECK_INT(completion.user_data, 5);
  check_outcome(completion, statuses[lease->way], "");
  CHECK_INT(live_leases(), 0);
}

static void check_lease(lease_t lease, uint64_t reads_first) {
  desk_t                 *desk = new_desk(answer_behind_a_gate, reads_first, 0);
  const char             *stall = lease.way == BY_STALL ? short_stall() : "10m";
  const blobferry_pair_t *options = OPTIONS({"part_size", lease.in_parts ? "5MiB" : "64MiB"}, {"max_retries", "1"},
                                            {"stall_timeout", stall});
  fixture_t               fixture = with_server(desk->server, lease.kind, options);
  guarded_t               memory = guarded_new(lease.size);
  memcpy(memory.data, original(), lease.size);
  blobferry_ticket_t ticket = submit_put(&fixture, &memory, lease.way == BY_DEADLINE ? 300 * slowness() : 0);
  if (lease.way != BY_STALL && lease.way != BY_DEADLINE) {
    AWAIT(gate_waiting(desk->server, &desk->gate) > 0);
    sleep_us(20000); /* until the buffers of the sockets are full */
  }
  blobferry_completion_t completion = end_by(lease.way, &fixture, ticket);
  memset(memory.data, OVERWRITTEN, memory.size);
  if (lease.locks) guarded_lock(&memory);
  check_completion(completion, &lease);
  gate_open(desk->server, &desk->gate);
  if (fixture.service != NULL) settle(fixture.service);
  CHECK_INT(bucket_left_behind(&desk->bucket), 0);
  fixture_free(&fixture);
  guarded_free(&memory);
  AWAIT(server_idle(desk->server)); /* all that was on its way has come */
  server_stop(desk->server);
  check_nothing_new_came(desk, lease.size);
  if (has_failed_here())
    fprintf(stderr, "    (%s, ended by %s: %zu bytes%s, %llu of them read first)\n", kind_names[lease.kind],
            way_names[lease.way], lease.size, lease.in_parts ? " in parts" : "", (unsigned long long)reads_first);
  free_desk(desk);
}

static void check_leases(const char *place, size_t size, bool in_parts) {
  static const kind_t kinds[] = {S3, S3_UNSIGNED, HTTP};
  for (size_t k = 0; k < sizeof kinds / sizeof kinds[0]; k++)
    for (way_t way = 0; way < WAYS; way++)
      for (int locks = 0; locks < 2; locks++) {
        if (kinds[k] == HTTP && in_parts) continue;
        watch(place);
        lease_t lease = {kinds[k], way, size, in_parts, locks != 0};
        check_lease(lease, locks ? 1000 : size / 3);
      }
}

static void a_small_put_sends_nothing_new(void) { check_leases(__func__, 256 * KIB, false); }

static void a_large_put_sends_nothing_new(void) { check_leases(__func__, LARGE, false); }

static void parts_send_nothing_new(void) { check_leases(__func__, LARGE, true); }

/* -- a server that reads all the time ------------------------------------------------------------------ */

/* Cancelled at a random moment: what the server has read by then, and reads afterwards, is the original. */
static void cancelled_at_any_moment_nothing_new_is_sent(void) {
  static const kind_t kinds[] = {S3, S3_UNSIGNED, HTTP};
  uint64_t            dice = test_seed();
  long                cancelled = 0, played = rounds(80);
  for (long round = 0; round < played; round++) {
    watch(__func__);
    kind_t    kind = kinds[round % 3];
    bool      in_parts = round % 2 == 0 && kind != HTTP;
    size_t    size = round % 4 == 3 ? 256 * KIB : LARGE;
    desk_t   *desk = new_desk(answer_slowly, 0, 50);
    fixture_t fixture = with_server(desk->server, kind, OPTIONS({"part_size", in_parts ? "5MiB" : "64MiB"}));
    guarded_t memory = guarded_new(size);
    memcpy(memory.data, original(), size);
    blobferry_ticket_t ticket = submit_put(&fixture, &memory, 0);
    sleep_us((long)roll(&dice, size == LARGE ? 250000 : 6000));
    blobferry_completion_t completion = end_by(BY_CANCEL, &fixture, ticket);
    memset(memory.data, OVERWRITTEN, size);
    if (completion.status == BLOBFERRY_E_CANCELLED) cancelled++;
    else CHECK_STATUS(completion.status, BLOBFERRY_OK);
    bool maybe = (completion.flags & BLOBFERRY_COMPLETION_MAYBE_COMMITTED) != 0;
    bool done = completion.status == BLOBFERRY_OK;
    dispose(&completion);
    settle(fixture.service);
    CHECK_INT(bucket_left_behind(&desk->bucket), 0);
    fixture_free(&fixture);
    guarded_free(&memory);
    AWAIT(server_idle(desk->server));
    server_stop(desk->server);
    check_nothing_new_came(desk, size);
    const char *path = kind == HTTP ? "/base/key" : "/bucket/key";
    bool        is_there = bucket_holds(&desk->bucket, path, original(), size);
    if (done ? !is_there : is_there && !maybe) FAIL("done: %d, maybe: %d, there: %d", done, maybe, is_there);
    free_desk(desk);
  }
  printf("  of %ld puts, %ld were cancelled\n", played, cancelled);
  if (cancelled == 0) FAIL("no put was still there to be cancelled");
}

TESTS(TEST(a_small_put_sends_nothing_new), TEST(a_large_put_sends_nothing_new), TEST(parts_send_nothing_new),
      TEST(cancelled_at_any_moment_nothing_new_is_sent))
