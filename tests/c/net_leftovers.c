/*
 * Large puts to real servers that are cancelled, come to their deadline or lose their queue at random moments: each
 * object is afterwards one of those that its completion allows, whole, and nothing of an upload is under way any more.
 * tests/servers/net_leftovers.sh runs it and then asks the servers themselves.
 */
#include "places.h"

enum { SIZE = 20 << 20, KEYS = 8, MOST_ROUNDS = 64, SPREAD_MS = 200, PUTS = 40 };

/* Which states a key may be in: 0 = there is nothing, else the round whose put it is of. */
typedef struct state {
  bool may_be[MOST_ROUNDS + 1];
} state_t;

typedef struct tally {
  long done, ended, uncertain, seen[3];
} tally_t;

/* What the completion of the put of this round says of its key. What may yet come true is possible for good. */
static void note_outcome(state_t *state, long round, blobferry_completion_t *completion, tally_t *tally) {
  bool is_uncertain = (completion->flags & BLOBFERRY_COMPLETION_MAYBE_COMMITTED) != 0;
  if (completion->status == BLOBFERRY_OK) {
    for (long i = 0; i <= MOST_ROUNDS; i++) state->may_be[i] = false;
    state->may_be[round] = true;
    tally->done++;
  } else if (completion->status == BLOBFERRY_E_CANCELLED || completion->status == BLOBFERRY_E_DEADLINE) {
    state->may_be[round] = is_uncertain;
    tally->ended++;
    if (is_uncertain) tally->uncertain++;
  } else {
    FAIL("round %ld: %s: %s", round, blobferry_status_name(completion->status),
         blobferry_error_message(completion->error));
  }
  dispose(completion);
  beat();
}

/* One put, ended in one of three ways at a random moment. Its memory is freed as soon as its completion is there. */
static void play_round(const fixture_t *fixture, state_t *state, long round, uint64_t *dice, tally_t *tally) {
  blobferry_cq_t *cq = new_cq(fixture->service, 4, BLOBFERRY_WAKE_NONE);
  uint64_t        way = roll(dice, 3), moment = roll(dice, SPREAD_MS * 1000);
  uint8_t        *data = malloc(SIZE);
  char            key[32];
  pattern_fill(data, SIZE, (uint64_t)round);
  snprintf(key, sizeof key, "object-%ld", round % KEYS);
  request_t          request = {VERB_PUT, key, data, SIZE, NULL, way == 0 ? 1 + moment / 1000 : 0, 0};
  blobferry_ticket_t ticket = must_submit(&request, fixture->store, cq);
  if (way != 0) sleep_us((long)moment);
  if (way == 1) must_cancel(cq, ticket);
  if (way == 2) CHECK_STATUS(blobferry_cq_close(cq, NULL), BLOBFERRY_OK);
  blobferry_completion_t completion = wait_one(cq);
  free(data);
  if (completion.status != BLOBFERRY_OK) tally->seen[way]++;
  note_outcome(state, round, &completion, tally);
  blobferry_cq_free(cq);
}

/* The object of the key must be whole, and one that may be there. */
static void check_key(const fixture_t *fixture, const state_t *state, long index) {
  char key[32];
  snprintf(key, sizeof key, "object-%ld", index);
  got_t got = get_with(fixture, key, SIZE, NULL);
  guarded_unlock(&got.memory);
  if (got.completion.status == BLOBFERRY_E_NOT_FOUND) {
    if (!state->may_be[0]) FAIL("%s is not there, and was put", key);
  } else if (got.completion.status != BLOBFERRY_OK || got.completion.result != SIZE) {
    FAIL("%s: %llu bytes: %s", key, (unsigned long long)got.completion.result,
         blobferry_error_message(got.completion.error));
  } else {
    long round = 1;
    while (round <= MOST_ROUNDS && !pattern_is(got.memory.data, 4096, (uint64_t)round, 0)) round++;
    if (round > MOST_ROUNDS || !pattern_is(got.memory.data, SIZE, (uint64_t)round, 0)) FAIL("%s is a mixture", key);
    else if (!state->may_be[round]) FAIL("%s is that of round %ld, which had ended without it", key, round);
  }
  got_free(&got);
  beat();
}

static void play(const place_t *place) {
  if (!is_up(place)) return;
  uint64_t  dice = test_seed();
  fixture_t fixture = at_place(place, "leftovers");
  state_t   states[KEYS];
  tally_t   tally = {0, 0, 0, {0, 0, 0}};
  memset(states, 0, sizeof states);
  for (long i = 0; i < KEYS; i++) states[i].may_be[0] = true;
  for (long round = 1; round <= rounds(PUTS); round++) {
    watch(place->variable);
    play_round(&fixture, &states[round % KEYS], round, &dice, &tally);
  }
  CHECK_STATUS(blobferry_service_drain(fixture.service, 60000, NULL), BLOBFERRY_OK);
  CHECK_INT(usage_of(fixture.service).uploads_aborting, 0);
  AWAIT(usage_of(fixture.service).bytes_in_flight == 0);
  CHECK_INT(live_leases(), 0);
  for (long i = 0; i < KEYS; i++) check_key(&fixture, &states[i], i);
  printf("  %s: %ld puts done, %ld ended (%ld by deadline, %ld by cancel, %ld by close), %ld of them uncertain\n",
         place->variable, tally.done, tally.ended, tally.seen[0], tally.seen[1], tally.seen[2], tally.uncertain);
  if (rounds(PUTS) == PUTS) CHECK(tally.ended > 0);
  fixture_free(&fixture);
}

static void puts_to_s3_are_whole_or_nothing(void) { play(&on_s3); }
static void puts_to_gcs_are_whole_or_nothing(void) { play(&on_gcs); }
static void puts_to_azure_are_whole_or_nothing(void) { play(&on_azure); }
static void puts_to_http_are_whole_or_nothing(void) { play(&on_http); }

TESTS(TEST(puts_to_s3_are_whole_or_nothing), TEST(puts_to_gcs_are_whole_or_nothing),
      TEST(puts_to_azure_are_whole_or_nothing), TEST(puts_to_http_are_whole_or_nothing))
