/*
 * The statuses of HTTP: what each becomes, which are tried again and exactly how
 * often, how long Retry-After makes a request wait, and where redirects lead.
 */
#include "server.h"

enum { SIZE = 16, ALWAYS = 1000000 };

/* The first `failures` requests after script_set are answered like this, all others well. */
typedef struct script {
  size_t      failures, served;
  int         status;
  const char *headers; /* whole lines */
  const char *code;    /* of an error document; NULL = no document */
} script_t;

static script_t script;

static void answer(exchange_t *exchange, void *unused) {
  static const object_t object = {SIZE, 1, AN_ETAG, A_DATE};
  (void)unused;
  take_body(exchange);
  server_lock(exchange->server);
  script_t now = script;
  script.served++;
  server_unlock(exchange->server);
  if (now.served >= now.failures) answer_well(exchange, &object);
  else if (now.code != NULL) reply_error(exchange, now.status, now.code, "as the test wants it");
  else reply(exchange, now.status, now.headers, "");
}

static void script_set(server_t *server, script_t next) {
  server_lock(server);
  script = next;
  server_unlock(server);
}

static size_t script_served(server_t *server) {
  server_lock(server);
  size_t served = script.served;
  server_unlock(server);
  return served;
}

/* Asks by a verb, and gives how it ended. */
static blobferry_completion_t ask(const fixture_t *fixture, verb_t verb) {
  beat();
  if (verb == VERB_GET) return get(fixture, "key");
  if (verb == VERB_PUT) return put(fixture, "key", SIZE, 2);
  if (verb == VERB_HEAD) return head(fixture, "key");
  if (verb == VERB_DELETE) return delete (fixture, "key");
  blobferry_list_t      *list = new_list(fixture->store, "");
  blobferry_completion_t completion = next(fixture, list);
  blobferry_list_free(list);
  return completion;
}

/* Whether the server may have done what was asked: where it failed, or something before it that does not know. */
static bool is_in_doubt(verb_t verb) {
  bool is_change = verb == VERB_PUT || verb == VERB_DELETE;
  return is_change && (script.status == 408 || script.status == 500 || (script.status >= 502 && script.status <= 504));
}

/* What the verb must have ended with, and how many requests it must have taken. */
static void check_asked(server_t *server, const fixture_t *fixture, const char *what, verb_t verb,
                        blobferry_status_t wanted, size_t requests) {
  blobferry_completion_t completion = ask(fixture, verb);
  const char            *message = blobferry_error_message(completion.error);
  if (completion.status != wanted)
    FAIL("%s of %s, answered %d: ended with %s, wanted %s: %s", verb_names[verb], what, script.status,
         blobferry_status_name(completion.status), blobferry_status_name(wanted), message);
  if (script_served(server) != requests)
    FAIL("%s of %s, answered %d: %zu requests, wanted %zu", verb_names[verb], what, script.status,
         script_served(server), requests);
  if (wanted != BLOBFERRY_OK) {
    CHECK_INT(blobferry_error_http_status(completion.error), script.status);
    CHECK_INT(blobferry_error_attempts(completion.error), requests);
    CHECK_INT(completion.flags, is_in_doubt(verb) ? BLOBFERRY_COMPLETION_MAYBE_COMMITTED : 0);
  }
  dispose(&completion);
}

/* Asks with every verb but those that are left out, of every kind of store. */
static void check_everywhere(const char *place, const char *retries, script_t next, blobferry_status_t wanted,
                             size_t requests, const bool without[VERB_COUNT]) {
  watch(place);
  server_t *server = server_start(answer, NULL);
  for (kind_t kind = 0; kind < KINDS; kind++) {
    fixture_t fixture = with_server(server, kind, OPTIONS({"max_retries", retries}));
    for (verb_t verb = 0; verb < VERB_COUNT; verb++) {
      if (without && without[verb]) continue;
      if (kind == HTTP && (verb == VERB_LIST || verb == VERB_DELETE)) continue; /* those are WebDAV's */
      /* A put that finds no folder is to make it, and is sent again. */
      if (kind == HTTP && verb == VERB_PUT && next.status == 404) continue;
      script_set(server, next);
      check_asked(server, &fixture, kind_names[kind], verb, wanted, requests);
    }
    fixture_free(&fixture);
  }
  server_free(server);
}

/* -- what each status becomes -------------------------------------------------------------------------- */

static void a_status_that_will_not_change_is_asked_for_once(void) {
  static const struct {
    int                http;
    blobferry_status_t status;
  } statuses[] = {
      {400, BLOBFERRY_E_ARGUMENT},    {401, BLOBFERRY_E_UNAUTHENTICATED}, {403, BLOBFERRY_E_PERMISSION},
      {405, BLOBFERRY_E_UNSUPPORTED}, {501, BLOBFERRY_E_UNSUPPORTED},     {507, BLOBFERRY_E_NO_SPACE},
  };
  for (size_t i = 0; i < sizeof statuses / sizeof statuses[0]; i++) {
    script_t next = {ALWAYS, 0, statuses[i].http, "", NULL};
    check_everywhere(__func__, "3", next, statuses[i].status, 1, NULL);
  }
}

static void a_status_that_may_change_is_asked_for_as_often_as_allowed(void) {
  static const int statuses[] = {429, 500, 502, 503, 504};
  for (size_t i = 0; i < sizeof statuses / sizeof statuses[0]; i++) {
    script_t           next = {ALWAYS, 0, statuses[i], "", NULL};
    blobferry_status_t wanted = statuses[i] == 429 ? BLOBFERRY_E_THROTTLED : BLOBFERRY_E_SERVER;
    check_everywhere(__func__, "0", next, wanted, 1, NULL);
    check_everywhere(__func__, "2", next, wanted, 3, NULL);
  }
}

static void a_retry_that_succeeds_is_a_success(void) {
  static const int statuses[] = {408, 429, 500, 502, 503, 504};
  for (size_t i = 0; i < sizeof statuses / sizeof statuses[0]; i++) {
    script_t next = {2, 0, statuses[i], "", NULL};
    check_everywhere(__func__, "2", next, BLOBFERRY_OK, 3, NULL);
  }
}

static void ten_retries_are_the_default(void) {
  watch(__func__);
  server_t *server = server_start(answer, NULL);
  fixture_t fixture = with_server(server, S3, NO_OPTIONS);
  for (verb_t verb = 0; verb < VERB_COUNT; verb++) {
    script_set(server, (script_t){ALWAYS, 0, 500, "", NULL});
    check_asked(server, &fixture, "s3", verb, BLOBFERRY_E_SERVER, 11);
    script_set(server, (script_t){10, 0, 500, "", NULL});
    check_asked(server, &fixture, "s3", verb, BLOBFERRY_OK, 11);
  }
  fixture_free(&fixture);
  server_free(server);
}

static void what_is_not_there(void) {
  script_t next = {ALWAYS, 0, 404, "", NULL};
  check_everywhere(__func__, "3", next, BLOBFERRY_E_NOT_FOUND, 1, NULL);
}

/* A status that nobody has assigned is a failure like others of its hundred; it is not tried again below 500. */
static void a_strange_status_is_an_error(void) {
  static const int statuses[] = {418, 422, 451, 499};
  for (size_t i = 0; i < sizeof statuses / sizeof statuses[0]; i++)
    for (verb_t verb = 0; verb < VERB_COUNT; verb++) {
      watch(__func__);
      server_t *server = server_start(answer, NULL);
      fixture_t fixture = with_server(server, S3, NO_OPTIONS);
      script_set(server, (script_t){ALWAYS, 0, statuses[i], "", NULL});
      blobferry_completion_t completion = ask(&fixture, verb);
      CHECK(completion.status != BLOBFERRY_OK && completion.status != BLOBFERRY_E_PANIC);
      CHECK_INT(blobferry_error_http_status(completion.error), statuses[i]);
      dispose(&completion);
      check_requests(server, 1);
      fixture_free(&fixture);
      server_free(server);
    }
}

/* A server that asks for less, by its name for it, has done nothing; a 503 without a name may come from anywhere. */
static void a_server_that_slows_down_has_done_nothing(void) {
  watch(__func__);
  server_t *server = server_start(answer, NULL);
  for (kind_t kind = S3; kind < KINDS; kind++) {
    fixture_t fixture = with_server(server, kind, OPTIONS({"max_retries", "2"}));
    for (verb_t verb = VERB_PUT; verb <= VERB_DELETE; verb += VERB_DELETE - VERB_PUT) {
      script_set(server, (script_t){ALWAYS, 0, 503, "", kind == AZURE ? "ServerBusy" : "SlowDown"});
      blobferry_completion_t completion = ask(&fixture, verb);
      CHECK_INT(completion.flags, 0);
      CHECK_INT(blobferry_error_attempts(completion.error), 3);
      check_outcome(completion, BLOBFERRY_E_THROTTLED, "");
      CHECK_INT(script_served(server), 3);
    }
    fixture_free(&fixture);
  }
  server_free(server);
}

/* -- conditions ---------------------------------------------------------------------------------------- */

static void a_condition_that_fails_says_which(void) {
  watch(__func__);
  server_t               *server = server_start(answer, NULL);
  blobferry_put_options_t create = BLOBFERRY_PUT_OPTIONS_INIT, update = BLOBFERRY_PUT_OPTIONS_INIT;
  create.mode = BLOBFERRY_PUT_CREATE;
  update.mode = BLOBFERRY_PUT_UPDATE;
  for (kind_t kind = 0; kind < KINDS; kind++) {
    fixture_t fixture = with_server(server, kind, NO_OPTIONS);
    uint64_t  can = blobferry_store_capabilities(fixture.store);
    update.if_match = kind == GCS ? "1" : AN_ETAG;
    for (int status = 409; status <= 412; status += 3) {
      script_set(server, (script_t){ALWAYS, 0, status, "", NULL});
      blobferry_completion_t created = put_with(&fixture, "key", SIZE, 1, &create);
      CHECK_INT(created.flags, 0);
      check_outcome(created, can & BLOBFERRY_CAN_PUT_CREATE ? BLOBFERRY_E_EXISTS : BLOBFERRY_E_UNSUPPORTED, "");
      if (status == 409) continue; /* of an update it is a race with another, and may be tried again */
      blobferry_completion_t updated = put_with(&fixture, "key", SIZE, 1, &update);
      CHECK_INT(updated.flags, 0);
      check_outcome(updated, can & BLOBFERRY_CAN_PUT_UPDATE ? BLOBFERRY_E_PRECONDITION : BLOBFERRY_E_UNSUPPORTED, "");
    }
    fixture_free(&fixture);
  }
  check_count(server, "PUT", "", 3 * (KINDS - 1)); /* none by HTTP */
  server_free(server);
}

/* A 409 says by its name whether the object is there, or somebody else is at it, which passes. */
static void a_conflict_says_which(void) {
  static const struct {
    const char        *code;
    blobferry_status_t status;
    size_t             requests;
  } codes[] = {
      {"BlobAlreadyExists", BLOBFERRY_E_EXISTS, 1},         {"OperationAborted", BLOBFERRY_E_SERVER, 3},
      {"ConditionalRequestConflict", BLOBFERRY_E_SERVER, 3}, {"BucketHasNoTaste", BLOBFERRY_E_PRECONDITION, 1},
  };
  blobferry_put_options_t create = BLOBFERRY_PUT_OPTIONS_INIT;
  create.mode = BLOBFERRY_PUT_CREATE;
  watch(__func__);
  server_t *server = server_start(answer, NULL);
  fixture_t fixture = with_server(server, S3, OPTIONS({"max_retries", "2"}));
  for (size_t i = 0; i < sizeof codes / sizeof codes[0]; i++) {
    script_set(server, (script_t){ALWAYS, 0, 409, "", codes[i].code});
    blobferry_completion_t completion = put_with(&fixture, "key", SIZE, 1, &create);
    CHECK_INT(completion.flags, 0);
    check_outcome(completion, codes[i].status, codes[i].code);
    CHECK_INT(script_served(server), codes[i].requests);
  }
  fixture_free(&fixture);
  server_free(server);
}

/* -- Retry-After --------------------------------------------------------------------------------------- */

/* One failure with these headers, then success: gives how long it took. */
static uint64_t time_with(const char *headers, int status) {
  server_t *server = server_start(answer, NULL);
  fixture_t fixture = with_server(server, S3, NO_OPTIONS);
  script_set(server, (script_t){1, 0, status, headers, NULL});
  uint64_t begun = now_ms();
  check_asked(server, &fixture, headers, VERB_GET, BLOBFERRY_OK, 2);
  uint64_t took = now_ms() - begun;
  script_set(server, (script_t){1, 0, status, headers, NULL});
  check_asked(server, &fixture, headers, VERB_PUT, BLOBFERRY_OK, 2);
  fixture_free(&fixture);
  server_free(server);
  return took;
}

static void retry_after_is_waited_for(void) {
  char      date[128];
  time_t    then;
  struct tm parts;
  watch(__func__);
  CHECK(time_with("Retry-After: 1\r\n", 503) >= 1000);
  CHECK(time_with("Retry-After: 1\r\n", 429) >= 1000);
  then = time(NULL) + 3; /* of which up to one has begun already */
  strftime(date, sizeof date, "Retry-After: %a, %d %b %Y %H:%M:%S GMT\r\n", gmtime_r(&then, &parts));
  CHECK(time_with(date, 503) >= 1500);
}

static void a_retry_after_that_says_nothing_changes_nothing(void) {
  static const char *const lines[] = {
      "Retry-After: 0\r\n",
      "Retry-After: soon\r\n",
      "Retry-After: -5\r\n",
      "Retry-After: 1.5e3 \r\n",
      "Retry-After:\r\n",
      "Retry-After: Sun, 06 Nov 1994 08:49:37 GMT\r\n",
      "Retry-After: Sun, 99 Nov 1994 08:49:37 GMT\r\n",
  };
  watch(__func__);
  for (size_t i = 0; i < sizeof lines / sizeof lines[0]; i++) time_with(lines[i], 503);
}

/* A wait that goes past the end of the request would be for nothing: the error comes at once. */
static void check_fails_at_once(script_t next, const char *retry_timeout, uint64_t timeout_ms) {
  server_t               *server = server_start(answer, NULL);
  fixture_t               fixture = with_server(server, S3, OPTIONS({"retry_timeout", retry_timeout}));
  blobferry_get_options_t options = BLOBFERRY_GET_OPTIONS_INIT;
  script_set(server, next);
  options.timeout_ms = timeout_ms;
  uint64_t begun = now_ms();
  got_t    got = get_with(&fixture, "key", SIZE, &options);
  CHECK(now_ms() - begun < 30000);
  CHECK_STATUS(got.completion.status, next.status == 429 ? BLOBFERRY_E_THROTTLED : BLOBFERRY_E_SERVER);
  CHECK_INT(blobferry_error_attempts(got.completion.error), 1);
  CHECK_INT(script_served(server), 1);
  got_free(&got);
  fixture_free(&fixture);
  server_free(server);
}

static void a_retry_after_beyond_the_end_fails_at_once(void) {
  static const char *const lines[] = {
      "Retry-After: 3600\r\n",
      "Retry-After: 18446744073709551615\r\n",
      "Retry-After: Fri, 31 Dec 9999 23:59:59 GMT\r\n",
  };
  for (size_t i = 0; i < sizeof lines / sizeof lines[0]; i++)
    for (int status = 429; status <= 503; status += 503 - 429) {
      watch(__func__);
      script_t next = {ALWAYS, 0, status, lines[i], NULL};
      check_fails_at_once(next, "1m", 0);
      check_fails_at_once(next, "100h", 50000);
    }
}

/* -- redirects ----------------------------------------------------------------------------------------- */

/* Redirects `hops` times, each to another path, then answers. */
typedef struct redirects {
  size_t hops;
  int    status;
} redirects_t;

static void redirect(exchange_t *exchange, void *context) {
  static const object_t    object = {SIZE, 1, AN_ETAG, A_DATE};
  const redirects_t *const redirects = context;
  char                     headers[128];
  size_t                   hop = 0;
  take_body(exchange);
  sscanf(exchange->record->target, "/hop/%zu", &hop);
  if (hop >= redirects->hops) {
    answer_well(exchange, &object);
    return;
  }
  if (hop % 2 == 0) snprintf(headers, sizeof headers, "Location: /hop/%zu\r\n", hop + 1);
  else snprintf(headers, sizeof headers, "Location: http://127.0.0.1:%d/hop/%zu\r\n", exchange->server->port, hop + 1);
  reply(exchange, redirects->status, headers, "gone elsewhere");
}

static void http_follows_five_redirects_to_read(void) {
  static const int statuses[] = {301, 302, 307, 308};
  for (size_t i = 0; i < sizeof statuses / sizeof statuses[0]; i++)
    for (size_t hops = 1; hops <= 6; hops++) {
      watch(__func__);
      redirects_t redirects = {hops, statuses[i]};
      server_t   *server = server_start(redirect, &redirects);
      fixture_t   fixture = with_server(server, HTTP, NO_OPTIONS);
      if (hops <= 5) {
        check_object(&fixture, "key", SIZE, 1);
        check_outcome(head(&fixture, "key"), BLOBFERRY_OK, "");
      } else {
        check_outcome(get(&fixture, "key"), BLOBFERRY_E_SERVER, "hop/6");
      }
      check_requests(server, hops <= 5 ? 2 * (hops + 1) : 6);
      fixture_free(&fixture);
      server_free(server);
    }
}

/* A put goes where it was sent or nowhere. */
static void http_follows_no_redirect_to_write(void) {
  static const int statuses[] = {301, 302, 307, 308};
  for (size_t i = 0; i < sizeof statuses / sizeof statuses[0]; i++) {
    watch(__func__);
    redirects_t redirects = {1, statuses[i]};
    server_t   *server = server_start(redirect, &redirects);
    fixture_t   fixture = with_server(server, HTTP, NO_OPTIONS);
    for (int verb = 0; verb < 2; verb++) {
      blobferry_completion_t completion = ask(&fixture, verb == 0 ? VERB_PUT : VERB_DELETE);
      CHECK(completion.status != BLOBFERRY_OK);
      CHECK_INT(blobferry_error_http_status(completion.error), statuses[i]);
      dispose(&completion);
    }
    check_requests(server, 2);
    fixture_free(&fixture);
    server_free(server);
  }
}

static void s3_says_which_region_is_right(void) {
  static const int statuses[] = {301, 307, 308};
  static const struct {
    const char *headers, *part;
  } answers[] = {
      {"x-amz-bucket-region: eu-central-1\r\n", "eu-central-1"},
      {"Location: http://bucket.s3.eu-west-3.amazonaws.com/key\r\n", "bucket.s3.eu-west-3.amazonaws.com"},
  };
  watch(__func__);
  server_t *server = server_start(answer, NULL);
  fixture_t fixture = with_server(server, S3, NO_OPTIONS);
  for (size_t i = 0; i < sizeof statuses / sizeof statuses[0]; i++)
    for (size_t k = 0; k < sizeof answers / sizeof answers[0]; k++)
      for (verb_t verb = 0; verb < VERB_COUNT; verb++) {
        script_set(server, (script_t){ALWAYS, 0, statuses[i], answers[k].headers, NULL});
        check_outcome(ask(&fixture, verb), BLOBFERRY_E_ARGUMENT, answers[k].part);
        CHECK_INT(script_served(server), 1);
      }
  fixture_free(&fixture);
  server_free(server);
}

TESTS(TEST(a_status_that_will_not_change_is_asked_for_once),
      TEST(a_status_that_may_change_is_asked_for_as_often_as_allowed), TEST(a_retry_that_succeeds_is_a_success),
      TEST(ten_retries_are_the_default), TEST(what_is_not_there), TEST(a_strange_status_is_an_error),
      TEST(a_server_that_slows_down_has_done_nothing),
      TEST(a_condition_that_fails_says_which), TEST(a_conflict_says_which), TEST(retry_after_is_waited_for),
      TEST(a_retry_after_that_says_nothing_changes_nothing), TEST(a_retry_after_beyond_the_end_fails_at_once),
      TEST(http_follows_five_redirects_to_read), TEST(http_follows_no_redirect_to_write),
      TEST(s3_says_which_region_is_right))
