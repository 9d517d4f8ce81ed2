/*
 * Deletes of more keys than one request takes, and on stores that take one each:
 * one request that fails fails its own keys and no others, what is cancelled is
 * told apart from what was done, and never are more requests made at once than
 * there may be.
 */
#include "server.h"
#include "server/bulk.h"

enum { BULK = 1000, COUNT = 2500 };

static server_t *start(answer_fn function, void *context) {
  return server_start_with(function, context, (server_options_t){0, true, 0});
}

/* -- one of three requests fails ---------------------------------------------------------------------------- */

/* What becomes of the request that asks for the key number BULK. */
typedef enum mishap { REFUSED, THROTTLED, LOST, GARBLED, MISHAPS } mishap_t;

static const blobferry_status_t mishap_statuses[MISHAPS] = {BLOBFERRY_E_PERMISSION, BLOBFERRY_E_THROTTLED,
                                                            BLOBFERRY_E_CONNECTION, BLOBFERRY_E_INTEGRITY};

typedef struct desk {
  tally_t  tally;
  mishap_t mishap;
  gate_t   gate;
  bool     has_gate; /* before every answer but that to the first keys */
} desk_t;

static bool asks_for(const exchange_t *exchange, const char *key) {
  char wanted[64];
  snprintf(wanted, sizeof wanted, ">%s<", key);
  return memmem(exchange->record->body, (size_t)exchange->record->received, wanted, strlen(wanted)) != NULL;
}

static void answer_but_one(exchange_t *exchange, void *context) {
  desk_t *desk = context;
  take_body(exchange);
  if (!asks_for(exchange, "ok-1000")) answer_bulk(exchange, &desk->tally);
  else if (desk->mishap == REFUSED) reply_error(exchange, 403, "AccessDenied", "not these");
  else if (desk->mishap == THROTTLED) reply_error(exchange, 503, "SlowDown", "not now");
  else if (desk->mishap == LOST) reset(exchange);
  else reply(exchange, 200, "", "<DeleteResult><Deleted>");
}

static void the_keys_of_one_request_fail_alone(void) {
  for (mishap_t mishap = 0; mishap < MISHAPS; mishap++) {
    watch(__func__);
    desk_t    desk = {.mishap = mishap};
    keys_t    keys = {0};
    server_t *server = start(answer_but_one, &desk);
    fixture_t fixture = with_server(server, S3, OPTIONS({"max_retries", "1"}));
    add_keys(&keys, OK, COUNT);
    many_t many = delete_keys(&fixture, &keys);
    for (size_t i = 0; i < many.count; i++) {
      bool fails = i / BULK == 1, maybe = fails && (mishap == LOST || mishap == GARBLED);
      if (many.outcomes[i].status != (fails ? mishap_statuses[mishap] : BLOBFERRY_OK) ||
          may_be_gone(&many.outcomes[i]) != maybe) {
        FAIL("mishap %d: %s: %s", mishap, keys.at[i], blobferry_status_name(many.outcomes[i].status));
        break;
      }
    }
    check_sum(&many);
    CHECK_STATUS(many.completion.status, mishap_statuses[mishap]);
    CHECK(strstr(blobferry_error_message(many.completion.error), "1000") != NULL);
    check_requests(server, mishap == REFUSED ? 3 : 4);
    many_free(&many);
    keys_free(&keys);
    fixture_free(&fixture);
    server_free(server);
  }
}

/* -- cancelled between two ----------------------------------------------------------------------------------- */

static void answer_behind_a_gate(exchange_t *exchange, void *context) {
  desk_t *desk = context;
  take_body(exchange);
  if (!asks_for(exchange, "ok-0") && !await_gate(exchange, &desk->gate)) return;
  answer_bulk(exchange, &desk->tally);
}

static size_t keys_done(const blobferry_report_t *report) {
  blobferry_progress_t progress = BLOBFERRY_PROGRESS_INIT;
  CHECK_STATUS(blobferry_report_progress(report, &progress), BLOBFERRY_OK);
  beat();
  return (size_t)progress.objects_done;
}

/* Whether a request that has come names this key. The server has stopped. */
static bool was_asked(server_t *server, const char *key) {
  const record_t *record;
  char            wanted[64];
  snprintf(wanted, sizeof wanted, ">%s<", key);
  for (size_t i = 0; (record = server_record(server, i)) != NULL; i++)
    if (memmem(record->body, (size_t)record->received, wanted, strlen(wanted)) != NULL) return true;
  return false;
}

static void what_is_cancelled_is_told_apart(void) {
  enum { MANY = 4000 };
  watch(__func__);
  desk_t             desk = {.has_gate = true};
  keys_t             keys = {0};
  blobferry_ticket_t ticket = 0;
  server_t          *server = start(answer_behind_a_gate, &desk);
  fixture_t          fixture = with_server(server, S3, OPTIONS({"max_retries", "1"}, {"max_in_flight", "2"}));
  many_t             many = {.report = new_report()};
  add_keys(&keys, OK, MANY);
  must(blobferry_object_delete_many(fixture.store, fixture.cq, (const char *const *)keys.at, keys.count, NULL,
                                    many.report, 0, &ticket, NULL),
       NULL, "a delete of many");
  AWAIT(keys_done(many.report) == BULK);
  AWAIT(gate_waiting(server, &desk.gate) > 0);
  must_cancel(fixture.cq, ticket);
  many.completion = wait_one(fixture.cq);
  CHECK_STATUS(many.completion.status, BLOBFERRY_E_CANCELLED);
  CHECK(many.completion.flags & BLOBFERRY_COMPLETION_MAYBE_COMMITTED);
  read_outcomes(&many, &keys);
  fixture_free(&fixture);
  server_stop(server);
  for (size_t i = 0; i < many.count; i++) {
    bool maybe = i >= BULK && was_asked(server, keys.at[i / BULK * BULK]);
    if (many.outcomes[i].status != (i < BULK ? BLOBFERRY_OK : BLOBFERRY_E_CANCELLED) ||
        may_be_gone(&many.outcomes[i]) != maybe) {
      FAIL("%s: %s, flags %u", keys.at[i], blobferry_status_name(many.outcomes[i].status), many.outcomes[i].flags);
      break;
    }
  }
  many_free(&many);
  keys_free(&keys);
  server_free(server);
}

/* A deadline is no other end than a cancel. */
static void answer_never(exchange_t *exchange, void *unused) {
  (void)unused;
  take_body(exchange);
  stall(exchange);
}

static void a_deadline_leaves_what_was_sent_open(void) {
  watch(__func__);
  blobferry_delete_options_t options = BLOBFERRY_DELETE_OPTIONS_INIT;
  keys_t                     keys = {0};
  server_t                  *server = start(answer_never, NULL);
  fixture_t                  fixture = with_server(server, S3, NO_OPTIONS);
  many_t                     many = {.report = new_report()};
  options.timeout_ms = 300 * slowness();
  add_keys(&keys, OK, 10);
  must(blobferry_object_delete_many(fixture.store, fixture.cq, (const char *const *)keys.at, keys.count, &options,
                                    many.report, 0, NULL, NULL),
       NULL, "a delete of many");
  many.completion = wait_one(fixture.cq);
  CHECK_STATUS(many.completion.status, BLOBFERRY_E_DEADLINE);
  CHECK(many.completion.flags & BLOBFERRY_COMPLETION_MAYBE_COMMITTED);
  read_outcomes(&many, &keys);
  for (size_t i = 0; i < many.count; i++) {
    CHECK(many.outcomes[i].status == BLOBFERRY_E_DEADLINE || many.outcomes[i].status == BLOBFERRY_E_CANCELLED);
    CHECK(may_be_gone(&many.outcomes[i]));
  }
  many_free(&many);
  keys_free(&keys);
  fixture_free(&fixture);
  server_free(server);
}

/* -- one key a request ---------------------------------------------------------------------------------------- */

static void answer_bulk_of_desk(exchange_t *exchange, void *context) {
  answer_bulk(exchange, &((desk_t *)context)->tally);
}

static const struct {
  int         status;
  const char *code;
} single_answers[FATES] = {{204, NULL},
                           {404, "NoSuchKey"},
                           {403, "AccessDenied"},
                           {500, "InternalError"},
                           {503, "SlowDown"},
                           {500, "InternalError"},
                           {204, NULL}};

/* A server without bulk requests; and without WebDAV. */
static void answer_singly(exchange_t *exchange, void *context) {
  desk_t     *desk = context;
  char        path[512];
  const char *key;
  record_path(exchange->record, path, sizeof path);
  key = strrchr(path, '/') + 1;
  take_body(exchange);
  if (!method_is(exchange, "DELETE")) {
    reply(exchange, 405, "", "");
    return;
  }
  fate_t fate = fate_now(exchange, &desk->tally, key);
  if (single_answers[fate].code == NULL) reply(exchange, single_answers[fate].status, "", "");
  else reply_error(exchange, single_answers[fate].status, single_answers[fate].code, "no luck");
}

static void each_key_may_be_a_request(void) {
  static const kind_t             kinds[] = {GCS, HTTP};
  static const blobferry_status_t statuses[FATES] = {
      BLOBFERRY_OK,          BLOBFERRY_OK, BLOBFERRY_E_PERMISSION, BLOBFERRY_E_SERVER,
      BLOBFERRY_E_THROTTLED, BLOBFERRY_OK, BLOBFERRY_OK,
  };
  static const size_t asks[FATES] = {1, 1, 1, 2, 2, 2, 1};
  for (size_t k = 0; k < sizeof kinds / sizeof kinds[0]; k++) {
    watch(__func__);
    desk_t    desk = {.has_gate = false};
    keys_t    keys = {0};
    server_t *server = start(answer_singly, &desk);
    fixture_t fixture = with_server(server, kinds[k], OPTIONS({"max_retries", "1"}));
    for (int round = 0; round < 5; round++)
      for (fate_t fate = 0; fate < FATES; fate++) add_keys(&keys, fate, 1);
    many_t many = delete_keys(&fixture, &keys);
    for (size_t i = 0; i < many.count; i++) {
      fate_t fate = fate_of_key(keys.at[i]);
      if (many.outcomes[i].status != statuses[fate] || desk.tally.asks[i] != asks[fate])
        FAIL("%s: %s, asked for %zu times: %s", keys.at[i], blobferry_status_name(many.outcomes[i].status),
             desk.tally.asks[i], blobferry_error_message(many.outcomes[i].error));
      if (fate != BROKEN) CHECK(!may_be_gone(&many.outcomes[i]));
    }
    check_sum(&many);
    if (has_failed_here()) fprintf(stderr, "    (%s)\n", kind_names[kinds[k]]);
    many_free(&many);
    keys_free(&keys);
    fixture_free(&fixture);
    server_free(server);
  }
}

/* However many keys there are, so many are asked for at once and no more. */
static void answer_deletes_behind_a_gate(exchange_t *exchange, void *gate) {
  if (await_gate(exchange, gate)) reply(exchange, 204, "", "");
}

static void requests_at_once_are_bounded(void) {
  static const struct {
    const char *max_connections;
    size_t      most;
  } bounds[] = {{"1", 1}, {"3", 3}, {"1000", 16}};
  for (size_t i = 0; i < 3; i++) {
    watch(__func__);
    gate_t    gate = {false, 0};
    keys_t    keys = {0};
    many_t    many = {.report = new_report()};
    server_t *server = start(answer_deletes_behind_a_gate, &gate);
    fixture_t fixture = with_server(server, GCS, OPTIONS({"max_connections", bounds[i].max_connections}));
    add_keys(&keys, OK, 100);
    must(blobferry_object_delete_many(fixture.store, fixture.cq, (const char *const *)keys.at, keys.count, NULL,
                                      many.report, 0, NULL, NULL),
         NULL, "a delete of many");
    AWAIT(gate_waiting(server, &gate) == bounds[i].most);
    sleep_us(20000);
    CHECK_INT(gate_waiting(server, &gate), bounds[i].most);
    gate_open(server, &gate);
    many.completion = wait_one(fixture.cq);
    CHECK_STATUS(many.completion.status, BLOBFERRY_OK);
    read_outcomes(&many, &keys);
    check_sum(&many);
    check_requests(server, 100);
    many_free(&many);
    keys_free(&keys);
    fixture_free(&fixture);
    server_free(server);
  }
}

/*
 * What was deleted already when the request is cancelled is never told to be there
 * for certain: here while the rest of the same bulk request waits to be tried again.
 */
static void what_was_deleted_is_not_told_to_be_there(void) {
  for (int round = 0; round < 3; round++) {
    watch(__func__);
    desk_t             desk = {.has_gate = false};
    keys_t             keys = {0};
    blobferry_ticket_t ticket = 0;
    many_t             many = {.report = new_report()};
    server_t          *server = start(answer_bulk_of_desk, &desk);
    fixture_t          fixture =
        with_server(server, S3, OPTIONS({"max_retries", "5"}, {"initial_backoff", "30s"}, {"max_backoff", "30s"}));
    add_keys(&keys, OK, 2);
    add_keys(&keys, SLOW, 1);
    must(blobferry_object_delete_many(fixture.store, fixture.cq, (const char *const *)keys.at, keys.count, NULL,
                                      many.report, 0, &ticket, NULL),
         NULL, "a delete of many");
    AWAIT(server_requests(server) == 1);
    sleep_us(round * 50000); /* until the answer has come, or not */
    must_cancel(fixture.cq, ticket);
    many.completion = wait_one(fixture.cq);
    CHECK_STATUS(many.completion.status, BLOBFERRY_E_CANCELLED);
    CHECK(many.completion.flags & BLOBFERRY_COMPLETION_MAYBE_COMMITTED);
    read_outcomes(&many, &keys);
    for (size_t i = 0; i < many.count && i < 2; i++)
      CHECK(many.outcomes[i].status == BLOBFERRY_OK || may_be_gone(&many.outcomes[i]));
    many_free(&many);
    keys_free(&keys);
    fixture_free(&fixture);
    server_free(server);
  }
}

/* Without a report: the completion alone tells. */
static void a_report_is_not_needed(void) {
  watch(__func__);
  desk_t             desk = {.has_gate = false};
  keys_t             keys = {0};
  blobferry_error_t *error = NULL;
  server_t          *server = start(answer_singly, &desk);
  fixture_t          fixture = with_server(server, GCS, OPTIONS({"max_retries", "0"}));
  add_keys(&keys, OK, 5);
  add_keys(&keys, DENIED, 2);
  blobferry_status_t submitted = blobferry_object_delete_many(fixture.store, fixture.cq, (const char *const *)keys.at,
                                                              keys.count, NULL, NULL, 0, NULL, &error);
  blobferry_completion_t completion = outcome_of(&fixture, submitted, error);
  CHECK_INT(completion.result, 5);
  check_outcome(completion, BLOBFERRY_E_PERMISSION, "2");
  keys_free(&keys);
  fixture_free(&fixture);
  server_free(server);
}

TESTS(TEST(the_keys_of_one_request_fail_alone), TEST(what_is_cancelled_is_told_apart),
      TEST(a_deadline_leaves_what_was_sent_open), TEST(each_key_may_be_a_request), TEST(requests_at_once_are_bounded),
      TEST(what_was_deleted_is_not_told_to_be_there), TEST(a_report_is_not_needed))
