/*
 * Deletes of many keys in bulk requests of S3: what the server says of each key is
 * its outcome, what may yet succeed is asked for again and nothing else is, and no
 * answer, however wrong, makes a key deleted that the server has not named.
 */
#include "server.h"
#include "server/bulk.h"

typedef struct desk {
  tally_t     tally;
  const char *body;     /* the document of every answer; NULL = what the keys say */
  int         status;   /* of every answer that is not what the keys say */
  size_t      failures; /* so many bulk requests, the first, are answered with `status` and `code` */
  const char *code;
  size_t      losses; /* so many are lost behind these: read, and then the connection is broken */
} desk_t;

static void answer(exchange_t *exchange, void *context) {
  desk_t *desk = context;
  if (!is_bulk(exchange)) {
    FAIL("%s %s is no bulk request", exchange->record->method, exchange->record->target);
    return;
  }
  server_lock(exchange->server);
  bool fails = desk->failures > 0, is_lost = !fails && desk->losses > 0;
  if (fails) desk->failures--;
  if (is_lost) desk->losses--;
  server_unlock(exchange->server);
  if (!fails && !is_lost && desk->body == NULL) {
    answer_bulk(exchange, &desk->tally);
    return;
  }
  take_body(exchange);
  if (is_lost) reset(exchange);
  else if (fails) reply_error(exchange, desk->status, desk->code, "none of it");
  else reply(exchange, desk->status, "Content-Type: application/xml\r\n", desk->body);
}

static fixture_t with_retries(server_t *server) { return with_server(server, S3, OPTIONS({"max_retries", "2"})); }

static server_t *start(answer_fn function, void *context) {
  return server_start_with(function, context, (server_options_t){0, true, 0});
}

/* -- what is said of each key --------------------------------------------------------------------------- */

/* Half of it fails, each key in its own way. */
static void each_key_has_its_own_outcome(void) {
  watch(__func__);
  desk_t    desk = {.failures = 0};
  keys_t    keys = {0};
  server_t *server = start(answer, &desk);
  fixture_t fixture = with_retries(server);
  for (int round = 0; round < 5; round++)
    for (fate_t fate = 0; fate < LEFT; fate++) add_keys(&keys, fate, 1 + (size_t)round % 2);
  many_t many = delete_keys(&fixture, &keys);
  for (size_t i = 0; i < many.count; i++) check_fate(&many, i, &desk.tally);
  check_sum(&many);
  CHECK_STATUS(many.completion.status, BLOBFERRY_E_PERMISSION); /* why the first was not */
  check_requests(server, RETRIES + 1);
  many_free(&many);
  keys_free(&keys);
  fixture_free(&fixture);
  server_free(server);
}

static void a_key_that_is_left_out_is_not_deleted(void) {
  watch(__func__);
  desk_t    desk = {.failures = 0};
  keys_t    keys = {0};
  server_t *server = start(answer, &desk);
  fixture_t fixture = with_retries(server);
  add_keys(&keys, OK, 2);
  add_keys(&keys, LEFT, 1);
  add_keys(&keys, OK, 2);
  many_t many = delete_keys(&fixture, &keys);
  for (size_t i = 0; i < many.count; i++) check_fate(&many, i, &desk.tally);
  check_sum(&many);
  many_free(&many);
  keys_free(&keys);
  fixture_free(&fixture);
  server_free(server);
}

/* Names keys that nobody asked for, in place of one that was asked for and besides. */
static void answer_with_strangers(exchange_t *exchange, void *context) {
  const char *instead = context;
  bulk_t      bulk = bulk_of(exchange);
  char       *text = NULL;
  size_t      size = 0;
  FILE       *out = open_memstream(&text, &size);
  tell_deleted(out, "stranger");
  for (size_t i = 0; i < bulk.count; i++)
    tell_deleted(out, strcmp(bulk.keys[i], instead) == 0 ? "another-stranger" : bulk.keys[i]);
  tell_failed(out, "a third", "AccessDenied");
  fclose(out);
  reply_s3(exchange, text);
  free(bulk.keys);
}

static void a_key_that_was_not_asked_for_changes_nothing(void) {
  watch(__func__);
  keys_t    keys = {0};
  server_t *server = start(answer_with_strangers, (char *)"ok-1");
  fixture_t fixture = with_retries(server);
  add_keys(&keys, OK, 3);
  many_t many = delete_keys(&fixture, &keys);
  for (size_t i = 0; i < many.count; i++) {
    blobferry_status_t status = many.outcomes[i].status;
    if (i == 1) CHECK_STATUS(status, BLOBFERRY_E_SERVER);
    if (i == 1) CHECK(may_be_gone(&many.outcomes[i]));
    if (i != 1) CHECK(status == BLOBFERRY_OK || status == BLOBFERRY_E_SERVER);
  }
  check_sum(&many);
  many_free(&many);
  keys_free(&keys);
  fixture_free(&fixture);
  server_free(server);
}

/* Says the same of a key twice, or two things, in either order. */
static void answer_twice(exchange_t *exchange, void *unused) {
  (void)unused;
  bulk_t bulk = bulk_of(exchange);
  char  *text = NULL;
  size_t size = 0;
  FILE  *out = open_memstream(&text, &size);
  for (size_t i = 0; i < bulk.count; i++) {
    fate_t fate = fate_of_key(bulk.keys[i]);
    if (fate == BROKEN) tell_failed(out, bulk.keys[i], "AccessDenied");
    tell_deleted(out, bulk.keys[i]);
    if (fate == OK) tell_deleted(out, bulk.keys[i]);
    if (fate == DENIED) tell_failed(out, bulk.keys[i], "AccessDenied");
  }
  fclose(out);
  reply_s3(exchange, text);
  free(bulk.keys);
}

static void a_key_that_is_named_twice_is_one(void) {
  watch(__func__);
  keys_t    keys = {0};
  server_t *server = start(answer_twice, NULL);
  fixture_t fixture = with_retries(server);
  add_keys(&keys, OK, 2);
  add_keys(&keys, DENIED, 1);
  add_keys(&keys, BROKEN, 1);
  many_t many = delete_keys(&fixture, &keys);
  for (size_t i = 0; i < many.count; i++)
    if (i < 2) CHECK(many.outcomes[i].status == BLOBFERRY_OK || many.outcomes[i].status == BLOBFERRY_E_SERVER);
    else CHECK(many.outcomes[i].status != BLOBFERRY_OK);
  check_sum(&many);
  many_free(&many);
  keys_free(&keys);
  fixture_free(&fixture);
  server_free(server);
}

/* -- answers that are about no key ------------------------------------------------------------------------ */

/* All keys must end so, after `asked` requests. */
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
  check_all((desk_t){.status = 404, .failures = 100, .code = "NoSuchBucket"}, BLOBFERRY_E_NOT_FOUND, false, 1);
  check_all((desk_t){.status = 403, .failures = 100, .code = "AccessDenied"}, BLOBFERRY_E_PERMISSION, false, 1);
  check_all((desk_t){.status = 503, .failures = 100, .code = "SlowDown"}, BLOBFERRY_E_THROTTLED, false, RETRIES + 1);
  check_all((desk_t){.status = 503, .failures = 2, .code = "SlowDown"}, BLOBFERRY_OK, false, 3);
  check_all((desk_t){.status = 500, .failures = 1, .code = "InternalError"}, BLOBFERRY_OK, false, 2);
  check_all((desk_t){.status = 500, .failures = 100, .code = "InternalError"}, BLOBFERRY_E_SERVER, true, RETRIES + 1);
}

static void a_connection_lost_leaves_every_key_open(void) {
  watch(__func__);
  check_all((desk_t){.losses = 1}, BLOBFERRY_OK, false, 2);
  check_all((desk_t){.losses = 100}, BLOBFERRY_E_CONNECTION, true, RETRIES + 1);
  /* The doubt of the first attempt outlives a refusal that is certain. */
  check_all((desk_t){.losses = 0, .status = 403, .failures = 1, .code = "AccessDenied"}, BLOBFERRY_E_PERMISSION, false,
            1);
}

#define ERROR_DOCUMENT(code) XML_HEAD "<Error><Code>" code "</Code><Message>really no</Message></Error>"

static void an_error_within_a_success_is_an_error(void) {
  watch(__func__);
  check_all((desk_t){.status = 200, .body = ERROR_DOCUMENT("AccessDenied")}, BLOBFERRY_E_PERMISSION, false, 1);
  check_all((desk_t){.status = 200, .body = ERROR_DOCUMENT("InternalError")}, BLOBFERRY_E_SERVER, true, RETRIES + 1);
}

/* What can be read as no result at all leaves every key open. */
static void what_is_no_result_deletes_nothing(void) {
  static const char *const documents[] = {
      "",
      " ",
      "OK",
      "{\"Deleted\": []}",
      "<html><body>200 OK</body></html>",
      XML_HEAD,
      XML_HEAD "<DeleteResult></DeleteResult>",
      XML_HEAD "<DeleteResult><Deleted><Key>ok-0</Key></Deleted><Deleted><Key>ok-1</Key></Deleted>"
               "<Deleted><Key>ok-2</Key></Deleted>",
      XML_HEAD "<DeleteResult><Deleted><Key>ok-0</Ke",
      XML_HEAD "<DeleteResult><Deleted><Key>ok-0&nonsense;</Key></Deleted></DeleteResult>",
      XML_HEAD "<Other><Deleted><Key>ok-0</Key></Deleted><Deleted><Key>ok-1</Key></Deleted>"
               "<Deleted><Key>ok-2</Key></Deleted></Other>",
      XML_HEAD "<DeleteResult><Deleted></Deleted><Deleted/><Error/><Error></Error></DeleteResult>",
  };
  for (size_t i = 0; i < sizeof documents / sizeof documents[0]; i++) {
    watch(__func__);
    bool is_result = strstr(documents[i], "</DeleteResult>") != NULL && strchr(documents[i], '&') == NULL;
    check_all((desk_t){.status = 200, .body = documents[i]}, is_result ? BLOBFERRY_E_SERVER : BLOBFERRY_E_INTEGRITY,
              true, RETRIES + 1);
  }
}

/* An answer without end is not read to its end. */
static void answer_without_end(exchange_t *exchange, void *sent) {
  char piece[4096];
  take_body(exchange);
  say_status(exchange, 200);
  say(exchange, "Content-Type: application/xml\r\nContent-Length: 1099511627776\r\n\r\n");
  say(exchange, XML_HEAD "<DeleteResult>");
  snprintf(piece, sizeof piece, "<Deleted><Key>ok-0</Key><VersionId>%04000d</VersionId></Deleted>", 0);
  for (size_t i = 0; i < 65536 && say(exchange, "%s", piece); i++) atomic_fetch_add((atomic_size_t *)sent, 1);
  reset(exchange);
}

static void an_answer_without_end_is_not_read_to_its_end(void) {
  watch(__func__);
  atomic_size_t sent = 0;
  keys_t        keys = {0};
  server_t     *server = start(answer_without_end, &sent);
  fixture_t     fixture = with_server(server, S3, OPTIONS({"max_retries", "0"}));
  add_keys(&keys, OK, 3);
  many_t many = delete_keys(&fixture, &keys);
  CHECK_INT(with_status(&many, BLOBFERRY_OK), 0);
  for (size_t i = 0; i < many.count; i++) CHECK(may_be_gone(&many.outcomes[i]));
  many_free(&many);
  keys_free(&keys);
  fixture_free(&fixture);
  server_free(server);
  if (atomic_load(&sent) >= 16384) FAIL("%zu pieces of 4 KiB were read", atomic_load(&sent));
}

/* -- keys in a document ----------------------------------------------------------------------------------- */

static void a_key_survives_the_document(void) {
  static const char *const odd[] = {"a&b",   "a b", "\xC3\xBC", "+",       "100%", "%41",
                                    "a<b>c", "\"'", "&amp;",    "a=b;c:d", "a/b"};
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
  many_free(&many);
  keys_free(&keys);
  fixture_free(&fixture);
  server_free(server);
}

TESTS(TEST(each_key_has_its_own_outcome), TEST(a_key_that_is_left_out_is_not_deleted),
      TEST(a_key_that_was_not_asked_for_changes_nothing), TEST(a_key_that_is_named_twice_is_one),
      TEST(a_refusal_of_all_is_one_of_each), TEST(a_connection_lost_leaves_every_key_open),
      TEST(an_error_within_a_success_is_an_error), TEST(what_is_no_result_deletes_nothing),
      TEST(an_answer_without_end_is_not_read_to_its_end), TEST(a_key_survives_the_document))
