/*
 * Many gets over few connections, some cancelled, some broken off and tried
 * again: every object that arrives is the one that was asked for.
 */
#include "server.h"

enum { SLOTS = 48, MOST = 20000, KEYS = 5000 };

/* The object of a key is derived from its number alone. */
static uint64_t size_of(uint64_t number) {
  uint64_t dice = number;
  return roll(&dice, MOST);
}

static void answer(exchange_t *exchange, void *unused) {
  char path[256], etag[64];
  (void)unused;
  record_path(exchange->record, path, sizeof path); /* a `/` of a key may be sent as %2F */
  const char *name = strrchr(path, '/');
  uint64_t    number = name ? strtoull(name + 1, NULL, 10) : 0;
  snprintf(etag, sizeof etag, "\"etag-%llu\"", (unsigned long long)number);
  object_t        object = {size_of(number), number, etag, A_DATE};
  object_answer_t plan = object_plan(exchange, &object);
  if (exchange->number % 89 == 88) { /* breaks off somewhere in the body */
    plan.cut = plan.count / 2;
    object_send(exchange, &plan);
    if (exchange->number % 2) reset(exchange);
    else finish(exchange);
  } else if (exchange->number % 97 == 96) {
    reply_error(exchange, 503, "SlowDown", "too many of them");
  } else {
    object_send(exchange, &plan);
  }
}

/* A get under way, with a buffer of its own. */
typedef struct slot {
  uint8_t            buffer[MOST + 64];
  uint64_t           number;
  blobferry_ticket_t ticket;
  bool               is_busy, is_cancelled;
} slot_t;

typedef struct tally {
  long submitted, completed, cancelled, compared;
} tally_t;

static void begin(const fixture_t *fixture, slot_t *slots, size_t index, uint64_t *dice, tally_t *tally) {
  slot_t                 *slot = &slots[index];
  blobferry_get_options_t options = BLOBFERRY_GET_OPTIONS_INIT;
  char                    key[32];
  slot->number = roll(dice, KEYS);
  slot->is_busy = true;
  slot->is_cancelled = false;
  memset(slot->buffer, CANARY, sizeof slot->buffer);
  snprintf(key, sizeof key, "some/%llu", (unsigned long long)slot->number);
  if (roll(dice, 3) == 0) options.part_size = 4096;
  blobferry_status_t status = blobferry_object_get(fixture->store, fixture->cq, key, slot->buffer, MOST, &options,
                                                   index, &slot->ticket, NULL);
  must(status, NULL, "a get");
  tally->submitted++;
}

static void cancel_some(const fixture_t *fixture, slot_t *slots, uint64_t *dice) {
  slot_t *slot = &slots[roll(dice, SLOTS)];
  if (!slot->is_busy || roll(dice, 8) != 0) return;
  slot->is_cancelled = true;
  must_cancel(fixture->cq, slot->ticket);
}

/* What has arrived must be the object that was asked for, whole, and nothing behind it. */
static void compare(const slot_t *slot, const blobferry_completion_t *completion) {
  uint64_t size = size_of(slot->number);
  CHECK_INT(completion->result, size);
  if (!pattern_is(slot->buffer, (size_t)size, slot->number, 0))
    FAIL("what was got as some/%llu is another object", (unsigned long long)slot->number);
  for (size_t at = (size_t)size; at < sizeof slot->buffer; at++)
    if (slot->buffer[at] != CANARY) {
      FAIL("byte %zu was written behind an object of %llu", at, (unsigned long long)size);
      break;
    }
}

static void end(slot_t *slots, blobferry_completion_t *completion, tally_t *tally) {
  slot_t *slot = &slots[completion->user_data];
  CHECK(slot->is_busy && completion->ticket == slot->ticket);
  slot->is_busy = false;
  tally->completed++;
  if (completion->status == BLOBFERRY_OK) {
    compare(slot, completion);
    tally->compared++;
  } else if (completion->status == BLOBFERRY_E_CANCELLED && slot->is_cancelled) {
    tally->cancelled++;
    memset(slot->buffer, 0, sizeof slot->buffer); /* ours again */
  } else {
    FAIL("some/%llu: %s", (unsigned long long)slot->number, blobferry_error_message(completion->error));
  }
  dispose(completion);
  beat();
}

static void play(kind_t kind, const char *connections, long gets) {
  uint64_t  dice = test_seed();
  server_t *server = server_start(answer, NULL);
  fixture_t fixture = with_server(server, kind, OPTIONS({"max_connections", connections}, {"max_retries", "20"}));
  slot_t   *slots = calloc(SLOTS, sizeof *slots);
  tally_t   tally = {0, 0, 0, 0};
  while (tally.completed < gets) {
    for (size_t i = 0; i < SLOTS && tally.submitted < gets; i++)
      if (!slots[i].is_busy) begin(&fixture, slots, i, &dice, &tally);
    cancel_some(&fixture, slots, &dice);
    blobferry_completion_t completion = wait_one(fixture.cq);
    end(slots, &completion, &tally);
  }
  printf("  %s, %s connections: %ld gets compared, %ld cancelled, over %zu connections, %zu requests at once\n",
         kind_names[kind], connections, tally.compared, tally.cancelled, server_connections(server),
         server_most_running(server));
  CHECK(tally.compared > 0);
  expect_nothing(fixture.cq, 0);
  free(slots);
  fixture_free(&fixture);
  server_free(server);
}

static void ten_thousand_gets_over_four_connections(void) {
  watch(__func__);
  play(S3, "4", rounds(10000));
}

static void every_kind_keeps_its_objects_apart(void) {
  static const kind_t kinds[] = {HTTP, AZURE, GCS};
  for (size_t i = 0; i < sizeof kinds / sizeof kinds[0]; i++) {
    watch(__func__);
    play(kinds[i], i == 0 ? "1" : "16", rounds(2000));
  }
}

TESTS(TEST(ten_thousand_gets_over_four_connections), TEST(every_kind_keeps_its_objects_apart))
