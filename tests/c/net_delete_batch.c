/*
 * Deletes of many keys in batches of Azure: each answer within a batch names the
 * request that it answers, and no order of them, no lack and no lie makes a key
 * deleted that the server has not answered for.
 */
#include "server.h"
#include "server/bulk.h"

typedef struct desk {
  tally_t     tally;
  size_t      failures, losses; /* as so many batches, the first, end: refused whole; read, and then broken */
  int         status;
  const char *code, *body; /* of what is refused; `body` NULL: an error document with `code` */
} desk_t;

static void answer(exchange_t *exchange, void *context) {
  desk_t *desk = context;
  if (!is_bulk(exchange)) {
    FAIL("%s %s is no batch", exchange->record->method, exchange->record->target);
    return;
  }
  server_lock(exchange->server);
  bool fails = desk->failures > 0, is_lost = !fails && desk->losses > 0;
  if (fails) desk->failures--;
  if (is_lost) desk->losses--;
  server_unlock(exchange->server);
  if (!fails && !is_lost) {
    answer_bulk(exchange, &desk->tally);
    return;
  }
  take_body(exchange);
  if (is_lost) reset(exchange);
  else if (desk->body == NULL) reply_error(exchange, desk->status, desk->code, "none of it");
  else reply(exchange, desk->status, "Content-Type: multipart/mixed; boundary=batch\r\n", desk->body);
}

static server_t *start(answer_fn function, void *context) {
  return server_start_with(function, context, (server_options_t){0, true, 0});
}

static fixture_t with_retries(server_t *server) { return with_server(server, AZURE, OPTIONS({"max_retries", "2"})); }

/* -- what is said of each key ---------------------------------------------------------------------------- */

/* Half of it fails, each key in its own way, and of some nothing is said. */
static void each_key_has_its_own_outcome(void) {
  watch(__func__);
  desk_t    desk = {.failures = 0};
  keys_t    keys = {0};
  server_t *server = start(answer, &desk);
  fixture_t fixture = with_retries(server);
  for (int round = 0; round < 5; round++)
    for (fate_t fate = 0; fate < FATES; fate++) add_keys(&keys, fate, 1 + (size_t)round % 2);
  many_t many = delete_keys(&fixture, &keys);
  for (size_t i = 0; i < many.count; i++) {
    fate_t fate = fate_of_key(keys.at[i]);
    check_fate(&many, i, &desk.tally);
    if (fate == DENIED || fate == BROKEN)
      CHECK_INT(blobferry_error_http_status(many.outcomes[i].error), fate == DENIED ? 403 : 500);
  }
  check_sum(&many);
  CHECK_STATUS(many.completion.status, BLOBFERRY_E_PERMISSION);
  check_requests(server, RETRIES + 1);
  many_free(&many);
  keys_free(&keys);
  fixture_free(&fixture);
  server_free(server);
}

/* -- answers that lie about which request they answer ----------------------------------------------------- */

typedef enum lie {
  BACKWARDS,  /* all are there, the last first */
  TWICE,      /* the first is answered twice: it is deleted, it is denied */
  TWICE_OVER, /* the same the other way round */
  BEYOND,     /* there is one more, of a request that was not made */
  HUGE,       /* the same, of number 2^64 */
  NAMELESS,   /* none tells which it answers */
  NO_NUMBER,  /* their numbers are none */
  SHIFTED,    /* they count from 1 */
  LIES
} lie_t;

static const char *const lie_names[LIES] = {"backwards", "twice",    "twice over", "beyond",
                                            "huge",      "nameless", "no number",  "shifted"};

static void tell_named(FILE *out, const char *id, const char *status, const char *code) {
  fprintf(out, "--batch\r\nContent-Type: application/http\r\n%s\r\nHTTP/1.1 %s\r\nx-ms-error-code: %s\r\n\r\n\r\n", id,
          status, code);
}

static void tell_key(FILE *out, lie_t lie, size_t at, fate_t fate) {
  char id[64];
  snprintf(id, sizeof id,
           lie == NO_NUMBER  ? "Content-ID: x%zu\r\n"
           : lie == NAMELESS ? ""
                             : "Content-ID: %zu\r\n",
           lie == SHIFTED ? at + 1 : at);
  tell_named(out, id, azure_statuses[fate], azure_codes[fate]);
}

static void answer_with_a_lie(exchange_t *exchange, void *context) {
  lie_t  lie = *(lie_t *)context;
  bulk_t bulk = bulk_of(exchange);
  char  *text = NULL;
  size_t size = 0;
  FILE  *out = open_memstream(&text, &size);
  bool   is_twice = lie == TWICE || lie == TWICE_OVER;
  if (is_twice) tell_key(out, lie, 0, lie == TWICE ? OK : DENIED);
  if (is_twice) tell_key(out, lie, 0, lie == TWICE ? DENIED : OK);
  for (size_t i = is_twice; i < bulk.count; i++) {
    size_t at = lie == BACKWARDS ? bulk.count - 1 - i : i;
    tell_key(out, lie, at, fate_of_key(bulk.keys[at]));
  }
  if (lie == BEYOND) tell_named(out, "Content-ID: 4000000000\r\n", "202 Accepted", "");
  if (lie == HUGE) tell_named(out, "Content-ID: 18446744073709551616\r\n", "404 Not Found", "BlobNotFound");
  fclose(out);
  reply_azure(exchange, text);
  free(bulk.keys);
}

static void no_answer_is_taken_for_another(void) {
  for (lie_t lie = 0; lie < LIES; lie++) {
    watch(__func__);
    keys_t    keys = {0};
    server_t *server = start(answer_with_a_lie, &lie);
    fixture_t fixture = with_server(server, AZURE, OPTIONS({"max_retries", "1"}));
    add_keys(&keys, OK, 2);
    add_keys(&keys, DENIED, 1);
    add_keys(&keys, OK, 2);
    many_t many = delete_keys(&fixture, &keys);
    /* What was denied is never told to be deleted; answered twice, that is the first. */
    for (size_t i = 0; i < many.count; i++) {
      blobferry_status_t status = many.outcomes[i].status;
      bool               is_denied = i == 2 || ((lie == TWICE || lie == TWICE_OVER) && i == 0);
      if (is_denied) CHECK(status == BLOBFERRY_E_PERMISSION || status == BLOBFERRY_E_SERVER);
      else CHECK(status == BLOBFERRY_OK || status == BLOBFERRY_E_SERVER);
      if (lie == BACKWARDS) CHECK_STATUS(status, is_denied ? BLOBFERRY_E_PERMISSION : BLOBFERRY_OK);
      if (status == BLOBFERRY_E_SERVER) CHECK(may_be_gone(&many.outcomes[i]));
    }
    check_sum(&many);
    if (has_failed_here()) fprintf(stderr, "    (%s)\n", lie_names[lie]);
    many_free(&many);
    keys_free(&keys);
    fixture_free(&fixture);
    server_free(server);
  }
}

/* -- answers that are about no key ------------------------------------------------------------------------- */

static void check_all(desk_t desk, blobferry_status_t status, bool maybe, size_t asked) {
  keys_t    keys = {0};
  server_t *server = start(answer, &desk);
  fixture_t fixture = with_retries(server);
  add_keys(&keys, OK, 3);
  many_t many = delete_keys(&fixture, &keys);
  check_all_ended(&many, status, maybe);
  check_requests(server, asked);
  if (has_failed_here())
    fprintf(stderr, "    (%d %s, %s: %s)\n", desk.status, desk.code ? desk.code : "", desk.body ? desk.body : "",
            blobferry_error_message(many.completion.error));
  many_free(&many);
  keys_free(&keys);
  fixture_free(&fixture);
  server_free(server);
}

static void a_refusal_of_all_is_one_of_each(void) {
  watch(__func__);
  check_all((desk_t){.failures = 100, .status = 404, .code = "ContainerNotFound"}, BLOBFERRY_E_NOT_FOUND, false, 1);
  check_all((desk_t){.failures = 100, .status = 403, .code = "AuthorizationFailure"}, BLOBFERRY_E_PERMISSION, false, 1);
  check_all((desk_t){.failures = 100, .status = 503, .code = "ServerBusy"}, BLOBFERRY_E_THROTTLED, false, RETRIES + 1);
  check_all((desk_t){.failures = 2, .status = 503, .code = "ServerBusy"}, BLOBFERRY_OK, false, 3);
  check_all((desk_t){.failures = 100, .status = 500, .code = "InternalError"}, BLOBFERRY_E_SERVER, true, RETRIES + 1);
}

static void a_connection_lost_leaves_every_key_open(void) {
  watch(__func__);
  check_all((desk_t){.losses = 1}, BLOBFERRY_OK, false, 2);
  check_all((desk_t){.losses = 100}, BLOBFERRY_E_CONNECTION, true, RETRIES + 1);
}

/* Each answer is one that could be read as a deletion of all three by somebody in a hurry. */
static void what_is_no_answer_deletes_nothing(void) {
  static const char *const bodies[] = {
      "",
      "--batch--\r\n",
      "--batch\r\n\r\nHTTP/1.1\r\n",
      "<Error/>",
      "--batch\r\nContent-ID: 0\r\n\r\nHTTP/1.1 abc\r\n\r\n--batch--\r\n",
      "--batch\r\nContent-ID: 0\r\n\r\nHTTP/1.1 \r\n\r\n--batch--\r\n",
      "--batch\r\nContent-ID: 0\r\n\r\n202 Accepted\r\n\r\n--batch--\r\n",
      "--batch\r\nContent-ID: 0",
      "--batch\r\nContent-ID: 0\r\n\r\nHTTP/1.1 2",
      "--another\r\nContent-ID: 0\r\n\r\nHTTP/1.1 999999999999 Accepted\r\n\r\n--another--\r\n",
      "--batch\r\nContent-Type: application/http\r\n\r\nHTTP/1.1 400 Bad\r\nx-ms-error-code: "
      "InvalidInput\r\n\r\n--batch--",
  };
  for (size_t i = 0; i < sizeof bodies / sizeof bodies[0]; i++) {
    watch(__func__);
    desk_t    desk = {.failures = 100, .status = 202, .body = bodies[i]};
    keys_t    keys = {0};
    server_t *server = start(answer, &desk);
    fixture_t fixture = with_retries(server);
    add_keys(&keys, OK, 3);
    many_t many = delete_keys(&fixture, &keys);
    CHECK_INT(with_status(&many, BLOBFERRY_OK), 0);
    CHECK(server_requests(server) <= RETRIES + 1);
    check_sum(&many);
    if (has_failed_here()) fprintf(stderr, "    (%s)\n", bodies[i]);
    many_free(&many);
    keys_free(&keys);
    fixture_free(&fixture);
    server_free(server);
  }
}

/* -- keys in a batch ---------------------------------------------------------------------------------------- */

static void a_key_survives_the_batch(void) {
  static const char *const odd[] = {"a&b",   "a b", "\xC3\xBC", "+",       "100%", "%41",
                                    "a<b>c", "\"'", "a?b#c",    "a=b;c:d", "a/b"};
  watch(__func__);
  desk_t    desk = {.failures = 0};
  keys_t    keys = {0};
  server_t *server = start(answer, &desk);
  fixture_t fixture = with_retries(server);
  for (size_t i = 0; i < sizeof odd / sizeof odd[0]; i++) add_key(&keys, odd[i]);
  many_t many = delete_keys(&fixture, &keys);
  CHECK_STATUS(many.completion.status, BLOBFERRY_OK);
  check_sum(&many);
  check_requests(server, 1);
  fixture_free(&fixture);
  server_stop(server);
  /* What was asked is what was written: the server here only said yes. */
  const record_t *record = server_record(server, 0);
  char           *body = record ? strndup((const char *)record->body, (size_t)record->received) : strdup("");
  const char     *at = body;
  char            key[KEY_SIZE];
  for (size_t i = 0; i < keys.count; i++)
    if ((at = next_azure_key(at, key)) == NULL) {
      FAIL("%zu keys in the batch", i);
      break;
    } else {
      CHECK_TEXT(key, keys.at[i]);
    }
  free(body);
  many_free(&many);
  keys_free(&keys);
  server_free(server);
}

/* 600 keys are three batches: the store takes 256 in one. */
static void a_batch_has_at_most_256(void) {
  watch(__func__);
  desk_t    desk = {.failures = 0};
  keys_t    keys = {0};
  server_t *server = start(answer, &desk);
  fixture_t fixture = with_retries(server);
  add_keys(&keys, OK, 600);
  many_t many = delete_keys(&fixture, &keys);
  CHECK_STATUS(many.completion.status, BLOBFERRY_OK);
  check_sum(&many);
  check_requests(server, 3);
  for (size_t i = 0; i < keys.count; i++) CHECK_INT(desk.tally.asks[i], 1);
  many_free(&many);
  keys_free(&keys);
  fixture_free(&fixture);
  server_free(server);
}

TESTS(TEST(each_key_has_its_own_outcome), TEST(no_answer_is_taken_for_another), TEST(a_refusal_of_all_is_one_of_each),
      TEST(a_connection_lost_leaves_every_key_open), TEST(what_is_no_answer_deletes_nothing),
      TEST(a_key_survives_the_batch), TEST(a_batch_has_at_most_256))
