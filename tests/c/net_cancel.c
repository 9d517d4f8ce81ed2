/*
 * The verbs of many pieces, cancelled at any moment over a network: exactly one
 * completion follows, no byte of the caller's is touched after it, and of many
 * objects each has one outcome, which is true.
 */
#include "server.h"
#include "server/bulk.h"

enum { KIB = 1 << 10, PIECES = 5, PIECE = 40 * KIB, DELETED = 30 };

typedef enum what { GET_RANGES, GET_BUFFER, PUT_SLICES, COPY, RENAME, MANY, EXISTS, SIGN, WHATS } what_t;

static const char *const what_names[WHATS] = {"get_ranges", "get_buffer",  "put_slices", "copy",
                                              "rename",     "delete_many", "exists",     "sign"};

/* A request under way, with the memory that it is lent. */
typedef struct flight {
  what_t              what;
  guarded_t           memory[PIECES];
  blobferry_report_t *report;
  keys_t              keys;
  blobferry_ticket_t  ticket;
} flight_t;

/* Answers in its own time: at once, or in pieces. */
static void answer(exchange_t *exchange, void *context) {
  static const object_t object = {4 << 20, 1, AN_ETAG, A_DATE};
  uint64_t              dice = exchange->number * 7919 + *(uint64_t *)context;
  tally_t               tally = {{0}};
  if (roll(&dice, 2) == 0 && !pause_ms(exchange, roll(&dice, 3))) return;
  if (is_bulk(exchange)) {
    answer_bulk(exchange, &tally);
  } else if (header(exchange, "x-amz-copy-source") != NULL) {
    take_body(exchange);
    reply(exchange, 200, "", "<CopyObjectResult><ETag>&quot;0&quot;</ETag></CopyObjectResult>");
  } else if (roll(&dice, 8) == 0) {
    take(exchange, 10000);
    reset(exchange);
  } else {
    answer_well(exchange, &object);
  }
}

static flight_t new_flight(what_t what, long round) {
  flight_t flight = {.what = what};
  char     key[64];
  for (size_t i = 0; i < PIECES; i++) flight.memory[i] = guarded_new(PIECE);
  if (what == MANY) {
    flight.report = new_report();
    for (int i = 0; i < DELETED; i++) {
      snprintf(key, sizeof key, "%ld-%d", round, i);
      add_key(&flight.keys, key);
    }
  }
  return flight;
}

static blobferry_status_t submit_flight(flight_t *flight, const fixture_t *fixture) {
  blobferry_store_t      *store = fixture->store;
  blobferry_cq_t         *cq = fixture->cq;
  blobferry_ticket_t     *ticket = &flight->ticket;
  blobferry_range_t       ranges[PIECES];
  blobferry_slice_t       buffers[PIECES];
  blobferry_const_slice_t slices[PIECES];
  for (size_t i = 0; i < PIECES; i++) {
    ranges[i] = (blobferry_range_t){i * 800 * KIB, PIECE};
    buffers[i] = (blobferry_slice_t){flight->memory[i].data, PIECE};
    slices[i] = (blobferry_const_slice_t){flight->memory[i].data, PIECE};
  }
  switch (flight->what) {
  case GET_RANGES:
    return blobferry_object_get_ranges(store, cq, "key", ranges, PIECES, buffers, PIECES, NULL, 0, ticket, NULL);
  case GET_BUFFER:
    return blobferry_object_get_buffer(store, cq, "key", NULL, 0, ticket, NULL);
  case PUT_SLICES:
    return blobferry_object_put_slices(store, cq, "key", slices, PIECES, NULL, 0, ticket, NULL);
  case COPY:
    return blobferry_object_copy(store, cq, "from", "to", NULL, 0, ticket, NULL);
  case RENAME:
    return blobferry_object_rename(store, cq, "from", "to", NULL, 0, ticket, NULL);
  case EXISTS:
    return blobferry_object_exists(store, cq, "key", NULL, 0, ticket, NULL);
  case SIGN:
    return blobferry_object_sign(store, cq, "key", NULL, 0, ticket, NULL);
  default:
    return blobferry_object_delete_many(store, cq, (const char *const *)flight->keys.at, flight->keys.count, NULL,
                                        flight->report, 0, ticket, NULL);
  }
}

/* Of each key of each round: it is told to be there for certain. */
static bool *is_certain;

/* Each key has one outcome; a request that is cancelled before its deletes are done says so, and where it must,
 * "maybe". */
static void check_outcomes(flight_t *flight, const blobferry_completion_t *completion, long round) {
  many_t many = {.completion = *completion, .report = flight->report};
  bool   maybe = (completion->flags & BLOBFERRY_COMPLETION_MAYBE_COMMITTED) != 0;
  read_outcomes(&many, &flight->keys);
  size_t deleted = with_status(&many, BLOBFERRY_OK);
  if (completion->status == BLOBFERRY_OK) CHECK_INT(deleted, flight->keys.count);
  else if (deleted > 0) CHECK(maybe);
  for (size_t i = 0; i < many.count; i++) {
    bool may_be = may_be_gone(&many.outcomes[i]);
    if (may_be && !maybe) FAIL("%s may be gone, and the request says no", many.outcomes[i].key);
    is_certain[round * DELETED + (long)i] = many.outcomes[i].status != BLOBFERRY_OK && !may_be;
  }
}

/* What has come to the server may have been deleted by it: none of it may be told to be there. It has stopped. */
static void check_what_came(server_t *server) {
  const record_t *record;
  char            key[KEY_SIZE];
  for (size_t i = 0; (record = server_record(server, i)) != NULL; i++) {
    if (record->received == 0 || record->received < record->content_length || !record_is(record, "POST", "")) continue;
    char       *body = strndup((const char *)record->body, (size_t)record->received);
    const char *at = body;
    while ((at = next_s3_key(at, key)) != NULL) {
      long round = strtol(key, NULL, 10), index = strtol(strchr(key, '-') + 1, NULL, 10);
      if (is_certain[round * DELETED + index]) {
        FAIL("%s was told to be there for certain, and its delete has come", key);
        break;
      }
    }
    free(body);
  }
}

static void end_flight(flight_t *flight, const fixture_t *fixture, long round) {
  blobferry_completion_t completion = wait_one(fixture->cq);
  for (size_t i = 0; i < PIECES; i++)
    guarded_lock(&flight->memory[i]); /* a byte that is touched now ends the program */
  CHECK_INT(completion.ticket, flight->ticket);
  CHECK_INT(completion.buffer != NULL,
            completion.status == BLOBFERRY_OK && (flight->what == GET_BUFFER || flight->what == SIGN));
  if (completion.status != BLOBFERRY_OK) CHECK_STATUS(completion.status, BLOBFERRY_E_CANCELLED);
  if (flight->what == MANY) check_outcomes(flight, &completion, round);
  if (flight->what == GET_BUFFER && completion.buffer != NULL)
    CHECK(pattern_is(blobferry_buffer_data(completion.buffer), blobferry_buffer_size(completion.buffer), 1, 0));
  dispose(&completion);
}

static void free_flight(flight_t *flight) {
  for (size_t i = 0; i < PIECES; i++) guarded_free(&flight->memory[i]);
  blobferry_report_free(flight->report);
  keys_free(&flight->keys);
}

/* One store for all of them; its threads have what was cancelled before still in their hands. */
static void cancelled_at_any_moment(void) {
  enum { KEPT = 16 };
  uint64_t   dice = test_seed();
  uint64_t   seed = dice;
  flight_t   flights[KEPT];
  server_t  *server = server_start_with(answer, &seed, (server_options_t){0, true, 0});
  fixture_t  fixture = with_server(server, S3, OPTIONS({"part_size", "5MiB"}, {"max_retries", "20"}));
  long const count = rounds(1500);
  is_certain = calloc((size_t)count * DELETED, sizeof *is_certain);
  for (long round = 0; round < count; round++) {
    flight_t *flight = &flights[round % KEPT];
    watch(__func__);
    if (round >= KEPT) free_flight(flight);
    *flight = new_flight((what_t)roll(&dice, WHATS), round);
    CHECK_STATUS(submit_flight(flight, &fixture), BLOBFERRY_OK);
    if (roll(&dice, 3) == 0) spin(roll(&dice, 20000));
    else sleep_us((long)roll(&dice, 4000));
    if (roll(&dice, 8) != 0) must_cancel(fixture.cq, flight->ticket);
    end_flight(flight, &fixture, round);
    if (has_failed_here()) fprintf(stderr, "    (round %ld: %s)\n", round, what_names[flight->what]);
    beat();
  }
  fixture_free(&fixture);
  server_stop(server);
  check_what_came(server);
  server_free(server);
  free(is_certain);
  for (long i = 0; i < KEPT && i < count; i++) free_flight(&flights[i]);
}

TESTS(TEST(cancelled_at_any_moment))
