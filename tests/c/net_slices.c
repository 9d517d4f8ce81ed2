/*
 * Puts from several pieces of memory over a network: the body is their bytes in
 * order, in one request and in parts, again when it is asked for again, and its
 * digest is that of what is sent.
 */
#include "server.h"
#include "server/bucket.h"

enum { MIB = 1 << 20, LARGE = 10 * MIB + 1, MOST_SLICES = 65536 };

#define PATH "/bucket/key"

/* Slices of one object, each in memory of its own. */
typedef struct pieces {
  blobferry_const_slice_t *slices;
  uint8_t                 *whole; /* the object, as it must arrive */
  size_t                   count, size;
} pieces_t;

static pieces_t new_pieces(size_t size, uint64_t seed) {
  pieces_t pieces = {malloc(MOST_SLICES * sizeof *pieces.slices), malloc(size + 1), 0, size};
  pattern_fill(pieces.whole, size, seed);
  return pieces;
}

/* Adds a slice of the next bytes, which lie at an odd address. */
static size_t add_piece(pieces_t *pieces, size_t at, size_t size) {
  if (size > pieces->size - at) size = pieces->size - at;
  uint8_t *data = size > 0 ? (uint8_t *)malloc(size + 1) + 1 : NULL;
  if (size > 0) memcpy(data, pieces->whole + at, size);
  pieces->slices[pieces->count++] = (blobferry_const_slice_t){data, size};
  return at + size;
}

/* Cut at random, with empty ones between, from one byte to `longest`. */
static pieces_t cut(size_t size, size_t longest, uint64_t *dice) {
  pieces_t pieces = new_pieces(size, *dice);
  size_t   at = 0;
  while (at < size && pieces.count < MOST_SLICES - 1) {
    if (roll(dice, 4) == 0) at = add_piece(&pieces, at, 0);
    bool is_last = pieces.count >= MOST_SLICES - 2;
    at = add_piece(&pieces, at, is_last ? size - at : 1 + (size_t)roll(dice, longest));
  }
  return pieces;
}

static void pieces_free(pieces_t *pieces) {
  for (size_t i = 0; i < pieces->count; i++)
    if (pieces->slices[i].size > 0) free((uint8_t *)pieces->slices[i].data - 1);
  free(pieces->slices);
  free(pieces->whole);
}

static blobferry_completion_t put_pieces(const fixture_t *fixture, const pieces_t *pieces,
                                         const blobferry_put_options_t *options) {
  blobferry_error_t *error = NULL;
  blobferry_status_t submitted = blobferry_object_put_slices(fixture->store, fixture->cq, "key", pieces->slices,
                                                             pieces->count, options, 0, NULL, &error);
  beat();
  return outcome_of(fixture, submitted, error);
}

/* -- SHA-256, to know what is signed ----------------------------------------------------------------------------- */

static uint32_t rotated(uint32_t x, int by) { return x >> by | x << (32 - by); }

static void sha256_block(uint32_t state[8], const uint8_t *block) {
  static const uint32_t keys[64] = {
      0x428a2f98, 0x71374491, 0xb5c0fbcf, 0xe9b5dba5, 0x3956c25b, 0x59f111f1, 0x923f82a4, 0xab1c5ed5,
      0xd807aa98, 0x12835b01, 0x243185be, 0x550c7dc3, 0x72be5d74, 0x80deb1fe, 0x9bdc06a7, 0xc19bf174,
      0xe49b69c1, 0xefbe4786, 0x0fc19dc6, 0x240ca1cc, 0x2de92c6f, 0x4a7484aa, 0x5cb0a9dc, 0x76f988da,
      0x983e5152, 0xa831c66d, 0xb00327c8, 0xbf597fc7, 0xc6e00bf3, 0xd5a79147, 0x06ca6351, 0x14292967,
      0x27b70a85, 0x2e1b2138, 0x4d2c6dfc, 0x53380d13, 0x650a7354, 0x766a0abb, 0x81c2c92e, 0x92722c85,
      0xa2bfe8a1, 0xa81a664b, 0xc24b8b70, 0xc76c51a3, 0xd192e819, 0xd6990624, 0xf40e3585, 0x106aa070,
      0x19a4c116, 0x1e376c08, 0x2748774c, 0x34b0bcb5, 0x391c0cb3, 0x4ed8aa4a, 0x5b9cca4f, 0x682e6ff3,
      0x748f82ee, 0x78a5636f, 0x84c87814, 0x8cc70208, 0x90befffa, 0xa4506ceb, 0xbef9a3f7, 0xc67178f2};
  uint32_t w[64], s[8];
  for (int i = 0; i < 16; i++)
    w[i] = (uint32_t)block[4 * i] << 24 | (uint32_t)block[4 * i + 1] << 16 | (uint32_t)block[4 * i + 2] << 8 |
           block[4 * i + 3];
  for (int i = 16; i < 64; i++)
    w[i] = w[i - 16] + w[i - 7] + (rotated(w[i - 15], 7) ^ rotated(w[i - 15], 18) ^ w[i - 15] >> 3) +
           (rotated(w[i - 2], 17) ^ rotated(w[i - 2], 19) ^ w[i - 2] >> 10);
  memcpy(s, state, sizeof s);
  for (int i = 0; i < 64; i++) {
    uint32_t a = s[7] + (rotated(s[4], 6) ^ rotated(s[4], 11) ^ rotated(s[4], 25)) + ((s[4] & s[5]) ^ (~s[4] & s[6])) +
                 keys[i] + w[i];
    uint32_t b =
        (rotated(s[0], 2) ^ rotated(s[0], 13) ^ rotated(s[0], 22)) + ((s[0] & s[1]) ^ (s[0] & s[2]) ^ (s[1] & s[2]));
    memmove(s + 1, s, 7 * sizeof *s);
    s[4] += a;
    s[0] = a + b;
  }
  for (int i = 0; i < 8; i++) state[i] += s[i];
}

static void sha256_text(const uint8_t *data, size_t size, char text[65]) {
  uint32_t state[8] = {0x6a09e667, 0xbb67ae85, 0x3c6ef372, 0xa54ff53a, 0x510e527f, 0x9b05688c, 0x1f83d9ab, 0x5be0cd19};
  uint8_t  last[128] = {0};
  size_t   whole = size / 64 * 64, rest = size - whole, padded = rest < 56 ? 64 : 128;
  for (size_t at = 0; at < whole; at += 64) sha256_block(state, data + at);
  if (rest > 0) memcpy(last, data + whole, rest);
  last[rest] = 0x80;
  for (int i = 0; i < 8; i++) last[padded - 1 - (size_t)i] = (uint8_t)((uint64_t)size * 8 >> 8 * i);
  for (size_t at = 0; at < padded; at += 64) sha256_block(state, last + at);
  for (int i = 0; i < 8; i++) sprintf(text + 8 * i, "%08x", state[i]);
}

/* Every body that came must have the digest that its request says. The server has stopped. */
static void check_digests(server_t *server) {
  const record_t *record;
  char            text[65];
  for (size_t i = 0; (record = server_record(server, i)) != NULL; i++) {
    if (!record_is(record, "PUT", "") || record->received < record->content_length) continue;
    sha256_text(record->body, (size_t)record->received, text);
    CHECK_TEXT(record_header(record, "x-amz-content-sha256"), text);
  }
}

/* -- all of it, in order --------------------------------------------------------------------------------------- */

/* The first `failures` puts and parts are refused or broken when half of the body has come, by turns. */
typedef struct desk {
  bucket_t bucket;
  size_t   failures;
} desk_t;

static void answer(exchange_t *exchange, void *context) {
  desk_t *desk = context;
  step_t  step = step_of(exchange);
  server_lock(exchange->server);
  size_t left = step == STEP_PUT || step == STEP_PART ? desk->failures : 0;
  if (left > 0) desk->failures--;
  server_unlock(exchange->server);
  if (left == 0) bucket_answer(exchange, &desk->bucket);
  else if (left % 2 == 0) take_body(exchange), reply_error(exchange, 500, "InternalError", "again");
  else take(exchange, exchange->record->content_length / 2), reset(exchange);
}

static void check_pieces(kind_t kind, const pieces_t *pieces, size_t failures, size_t puts) {
  desk_t *desk = calloc(1, sizeof *desk);
  bucket_init(&desk->bucket);
  desk->failures = failures;
  server_t              *server = server_start_with(answer, desk, (server_options_t){4096, true, 0});
  fixture_t              fixture = with_server(server, kind, OPTIONS({"part_size", "5MiB"}, {"max_retries", "10"}));
  blobferry_completion_t completion = put_pieces(&fixture, pieces, NULL);
  CHECK_INT(completion.result, pieces->size);
  check_outcome(completion, BLOBFERRY_OK, "");
  fixture_free(&fixture);
  server_stop(server);
  check_count(server, "PUT", "", puts);
  CHECK(bucket_holds(&desk->bucket, PATH, pieces->whole, pieces->size));
  if (kind == S3) check_digests(server);
  if (has_failed_here())
    fprintf(stderr, "    (%s, %zu slices, %zu bytes)\n", kind_names[kind], pieces->count, pieces->size);
  server_free(server);
  bucket_free(&desk->bucket);
  free(desk);
}

static const kind_t kinds[] = {S3, S3_UNSIGNED, GCS};

static void a_small_object_is_its_slices(void) {
  static const size_t sizes[] = {0, 1, 2, 1000, 65536, 65537, 200000, MIB + 1};
  uint64_t            dice = test_seed();
  for (size_t k = 0; k < 3; k++)
    for (size_t i = 0; i < sizeof sizes / sizeof sizes[0]; i++) {
      watch(__func__);
      pieces_t pieces = cut(sizes[i], sizes[i] < 70000 ? 7 : 70000, &dice);
      check_pieces(kinds[k], &pieces, 0, 1);
      pieces_free(&pieces);
    }
}

static void a_large_object_is_its_slices(void) {
  static const size_t longest[] = {400, 3 * MIB, 2 * LARGE};
  uint64_t            dice = test_seed();
  for (size_t k = 0; k < 3; k++)
    for (size_t i = 0; i < 3; i++) {
      watch(__func__);
      pieces_t pieces = cut(LARGE, longest[i], &dice);
      check_pieces(kinds[k], &pieces, 0, 3);
      pieces_free(&pieces);
    }
}

/* Asked for again, it begins at the beginning: of the object, of the part. */
static void what_is_sent_again_is_the_same(void) {
  uint64_t dice = test_seed();
  for (size_t k = 0; k < 3; k++) {
    watch(__func__);
    pieces_t small = cut(300000, 10000, &dice), large = cut(LARGE, 100000, &dice);
    check_pieces(kinds[k], &small, 4, 5);
    check_pieces(kinds[k], &large, 6, 9);
    pieces_free(&small);
    pieces_free(&large);
  }
}

static void as_many_slices_as_there_may_be(void) {
  watch(__func__);
  pieces_t pieces = new_pieces(MOST_SLICES * 3, 5);
  for (size_t at = 0; at < pieces.size;) at = add_piece(&pieces, at, 3);
  CHECK_INT(pieces.count, MOST_SLICES);
  check_pieces(S3, &pieces, 0, 1);
  pieces_free(&pieces);
}

/* No slice at all, and empty ones, are an empty object. */
static void no_bytes_are_an_object(void) {
  pieces_t pieces = new_pieces(0, 5);
  watch(__func__);
  check_pieces(S3, &pieces, 0, 1);
  for (int i = 0; i < 5; i++) add_piece(&pieces, 0, 0);
  check_pieces(S3, &pieces, 1, 2);
  pieces_free(&pieces);
}

/* -- sizes that cannot be ----------------------------------------------------------------------------------------- */

static void sizes_that_no_memory_has_are_refused(void) {
  static uint8_t                byte;
  const blobferry_const_slice_t too_large[] = {{&byte, SIZE_MAX / 2}, {&byte, SIZE_MAX / 2}, {&byte, SIZE_MAX / 2}};
  const blobferry_const_slice_t overflows[] = {{&byte, SIZE_MAX}, {&byte, 2}};
  const blobferry_const_slice_t nothing[] = {{NULL, 1}};
  const struct {
    const blobferry_const_slice_t *slices;
    size_t                         count;
  } cases[] = {{too_large, 3}, {overflows, 2}, {overflows, 1}, {nothing, 1}, {too_large, MOST_SLICES + 1}, {NULL, 1}};
  for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
    watch(__func__);
    bucket_t *bucket = calloc(1, sizeof *bucket);
    server_t *server = server_start(answer, bucket);
    fixture_t fixture = with_server(server, S3, NO_OPTIONS);
    pieces_t  pieces = {(blobferry_const_slice_t *)cases[i].slices, NULL, cases[i].count, 0};
    check_refusal(put_pieces(&fixture, &pieces, NULL), BLOBFERRY_E_ARGUMENT, "");
    if (has_failed_here()) fprintf(stderr, "    (case %zu)\n", i);
    check_requests(server, 0);
    fixture_free(&fixture);
    server_free(server);
    free(bucket);
  }
}

/* -- the lease is on each of them -----------------------------------------------------------------------------------
 */

/* The server stops reading in the middle; after the cancel no slice may be touched. */
static void answer_half(exchange_t *exchange, void *context) {
  take(exchange, exchange->record->content_length / 3);
  if (await_gate(exchange, context)) finish(exchange);
}

static void no_slice_is_touched_after_the_completion(void) {
  enum { SLICES = 64, EACH = 200000 };
  for (size_t k = 0; k < 3; k++) {
    watch(__func__);
    gate_t                  gate = {false, 0};
    guarded_t               memory[SLICES];
    blobferry_const_slice_t slices[SLICES];
    blobferry_ticket_t      ticket = 0;
    server_t               *server = server_start_with(answer_half, &gate, (server_options_t){4096, false, 0});
    fixture_t               fixture = with_server(server, kinds[k], OPTIONS({"part_size", "100MiB"}));
    for (size_t i = 0; i < SLICES; i++) {
      memory[i] = guarded_new(EACH);
      slices[i] = (blobferry_const_slice_t){memory[i].data, EACH};
    }
    must(blobferry_object_put_slices(fixture.store, fixture.cq, "key", slices, SLICES, NULL, 0, &ticket, NULL), NULL,
         "a put of slices");
    memset(slices, 0, sizeof slices); /* the array itself is only borrowed */
    AWAIT(gate_waiting(server, &gate) > 0);
    must_cancel(fixture.cq, ticket);
    check_outcome(wait_one(fixture.cq), BLOBFERRY_E_CANCELLED, "");
    for (size_t i = 0; i < SLICES; i++) guarded_lock(&memory[i]);
    gate_open(server, &gate);
    fixture_free(&fixture);
    server_free(server);
    for (size_t i = 0; i < SLICES; i++) guarded_free(&memory[i]);
  }
}

TESTS(TEST(a_small_object_is_its_slices), TEST(a_large_object_is_its_slices), TEST(what_is_sent_again_is_the_same),
      TEST(as_many_slices_as_there_may_be), TEST(no_bytes_are_an_object), TEST(sizes_that_no_memory_has_are_refused),
      TEST(no_slice_is_touched_after_the_completion))
