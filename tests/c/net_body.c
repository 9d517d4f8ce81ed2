/*
 * Connections that break, stall or crawl, at every stage of a get and of a put:
 * what a retry mends is a success with the right bytes, and what never gets
 * better is the right error after exactly the retries that are allowed.
 */
#include "server.h"

enum { SMALL = 1000, BIG = 16 << 20, ALWAYS = 1000000 };

/* How far an answer or the reading of a request comes. */
typedef enum stage {
  NOTHING_READ,  /* of the body of a put */
  HALF_READ,
  ALL_READ,
  IN_THE_STATUS, /* the answer has begun */
  IN_THE_HEAD,
  BEHIND_THE_HEAD,
  IN_THE_BODY,
  AT_THE_LAST_BYTE,
  STAGES
} stage_t;

static const char *const stage_names[STAGES] = {"with nothing read", "with half of the body read", "with all read",
                                                "in the status",     "in the head",                "behind the head",
                                                "in the body",       "at the last byte"};

typedef enum way { BY_FIN, BY_RST, BY_STALL, WAYS } way_t;

static const char *const way_names[WAYS] = {"FIN", "RST", "stall"};

/* The first `failures` requests come as far as `stage` and end in this way. */
typedef struct fault {
  stage_t  stage;
  way_t    way;
  size_t   failures;
  object_t object;
} fault_t;

static void end_by(exchange_t *exchange, way_t way) {
  if (way == BY_FIN) finish(exchange);
  if (way == BY_RST) reset(exchange);
  if (way == BY_STALL) stall(exchange);
}

/* Reads and says all up to the stage. The place of a cut in an object is the same in every attempt. */
static void come_as_far_as(exchange_t *exchange, const fault_t *fault) {
  if (fault->stage == HALF_READ) take(exchange, exchange->record->content_length / 2);
  if (fault->stage >= ALL_READ) take_body(exchange);
  if (fault->stage == IN_THE_STATUS) say(exchange, "HTTP/1.1 20");
  if (fault->stage == IN_THE_HEAD) say(exchange, "HTTP/1.1 206 Answer\r\nContent-Length: 10\r\nETag: \"0");
  if (fault->stage < BEHIND_THE_HEAD) return;
  object_answer_t answer = object_plan(exchange, &fault->object);
  uint64_t        place = fault->stage == IN_THE_BODY        ? fault->object.size / 3
                          : fault->stage == AT_THE_LAST_BYTE ? fault->object.size - 1
                                                             : 0;
  answer.cut = place > answer.first ? place - answer.first : 0;
  object_send(exchange, &answer);
}

static void answer(exchange_t *exchange, void *context) {
  const fault_t *fault = context;
  if (exchange->number >= fault->failures) {
    answer_well(exchange, &fault->object);
    return;
  }
  come_as_far_as(exchange, fault);
  end_by(exchange, fault->way);
}

/* Waiting takes time, and a machine made slow has little: of the stages where it stalls it sees every other one. */
static bool is_left_out(way_t way, stage_t stage) { return way == BY_STALL && slowness() > 4 && stage % 2 == 0; }

static void say_where(const fault_t *fault, kind_t kind, const char *verb) {
  if (has_failed_here())
    fprintf(stderr, "    (a %s of %s, %s %s)\n", verb, kind_names[kind], way_names[fault->way],
            stage_names[fault->stage]);
}

/* -- gets ---------------------------------------------------------------------------------------------- */

static blobferry_status_t get_ends_with(const fault_t *fault) {
  if (fault->way == BY_STALL) return BLOBFERRY_E_TIMEOUT;
  return fault->way == BY_FIN && fault->stage >= BEHIND_THE_HEAD ? BLOBFERRY_E_INTEGRITY : BLOBFERRY_E_CONNECTION;
}

/* The second request goes on where the first broke off, of the same revision. */
static void check_resumed(server_t *server, const fault_t *fault) {
  const record_t *record = server_record(server, 1);
  uint64_t        first = 0, last;
  if (record == NULL) return;
  record_range(record, &first, &last);
  uint64_t place = fault->stage == IN_THE_BODY ? fault->object.size / 3 : fault->object.size - 1;
  if (fault->way == BY_RST) CHECK(first <= place); /* it may have overtaken bytes */
  else CHECK_INT(first, place);
  if (first > 0) CHECK_TEXT(record_header(record, "if-match"), fault->object.etag);
}

static void check_get(kind_t kind, fault_t fault, const blobferry_pair_t *options, size_t requests, bool recovers) {
  server_t *server = server_start(answer, &fault);
  fixture_t fixture = with_server(server, kind, options);
  if (recovers) {
    check_object(&fixture, "key", (size_t)fault.object.size, 1);
    if (fault.stage >= IN_THE_BODY) check_resumed(server, &fault);
  } else {
    got_t got = get_with(&fixture, "key", (size_t)fault.object.size, NULL);
    CHECK_INT(blobferry_error_attempts(got.completion.error), requests);
    CHECK_INT(blobferry_error_is_retryable(got.completion.error), 1);
    check_outcome(got.completion, get_ends_with(&fault), "key");
    guarded_free(&got.memory);
  }
  check_requests(server, requests);
  say_where(&fault, kind, "get");
  fixture_free(&fixture);
  server_free(server);
}

static void check_gets(const char *place, way_t way, const blobferry_pair_t *options) {
  static const kind_t kinds[] = {HTTP, S3, AZURE, GCS};
  size_t              count = way == BY_STALL ? 1 : 4; /* waiting takes time, and the kind makes no difference to it */
  for (size_t i = 0; i < count; i++)
    for (stage_t stage = ALL_READ; stage < STAGES; stage++) {
      fault_t fault = {stage, way, 0, {30000, 1, AN_ETAG, A_DATE}};
      watch(place);
      if (is_left_out(way, stage)) continue;
      fault.failures = 1;
      check_get(kinds[i], fault, options, 2, true);
      fault.failures = ALWAYS;
      check_get(kinds[i], fault, options, 3, false);
    }
}

static void a_get_that_breaks_off(void) {
  check_gets(__func__, BY_FIN, OPTIONS({"max_retries", "2"}));
  check_gets(__func__, BY_RST, OPTIONS({"max_retries", "2"}));
}

static void a_get_that_stalls(void) {
  check_gets(__func__, BY_STALL, OPTIONS({"max_retries", "2"}, {"stall_timeout", short_stall()}));
}

/* Every part of a large object breaks off once. */
static void answer_each_part_twice(exchange_t *exchange, void *context) {
  const fault_t  *fault = context;
  object_answer_t plan = object_plan(exchange, &fault->object);
  if (plan.count == fault->object.size / 10) plan.cut = plan.count / 2; /* a part as it was planned */
  object_send(exchange, &plan);
  if (plan.cut < plan.count) end_by(exchange, fault->way);
}

static void every_part_may_break_off(void) {
  for (way_t way = BY_FIN; way <= BY_STALL; way++) {
    watch(__func__);
    fault_t   fault = {IN_THE_BODY, way, 0, {1000000, 1, AN_ETAG, A_DATE}};
    server_t *server = server_start(answer_each_part_twice, &fault);
    fixture_t fixture = with_server(server, S3, OPTIONS({"part_size", "100000"}, {"stall_timeout", short_stall()}));
    check_object(&fixture, "key", 1000000, 1);
    if (way == BY_RST) CHECK(server_requests(server) >= 20);
    else check_requests(server, 20);
    fixture_free(&fixture);
    server_free(server);
  }
}

/* A connection that ends behind a good answer, without saying so: the next request is not troubled. */
static void answer_and_finish(exchange_t *exchange, void *context) {
  answer_well(exchange, context);
  finish(exchange);
}

static void answer_and_reset(exchange_t *exchange, void *context) {
  answer_well(exchange, context);
  reset(exchange);
}

static void a_connection_may_end_between_requests(void) {
  object_t object = {SMALL, 1, AN_ETAG, A_DATE};
  watch(__func__);
  for (int way = 0; way < 2; way++) {
    server_t *server = server_start(way == 0 ? answer_and_finish : answer_and_reset, &object);
    fixture_t fixture = with_server(server, S3, NO_OPTIONS);
    for (long round = 0; round < rounds(100); round++) {
      check_object(&fixture, "key", SMALL, 1);
      must_put(&fixture, "key", SMALL, 1);
      beat();
    }
    fixture_free(&fixture);
    server_free(server);
  }
}

/* -- puts ---------------------------------------------------------------------------------------------- */

static blobferry_status_t put_ends_with(const fault_t *fault) {
  return fault->way == BY_STALL ? BLOBFERRY_E_TIMEOUT : BLOBFERRY_E_CONNECTION;
}

/*
 * Whether it may have been committed: where all was sent and no answer came. A large
 * body of which the server has not read the half was not all sent; what the sockets
 * hold of it is far less.
 */
static void check_maybe(const blobferry_completion_t *completion, const fault_t *fault, size_t size) {
  int maybe = (completion->flags & BLOBFERRY_COMPLETION_MAYBE_COMMITTED) != 0;
  CHECK_INT(blobferry_error_is_maybe_committed(completion->error), maybe);
  if (fault->stage >= ALL_READ) CHECK_INT(maybe, 1);
  else if (size == BIG && fault->way != BY_FIN) CHECK_INT(maybe, 0); /* behind a FIN the server reads on */
}

static void check_put(kind_t kind, fault_t fault, size_t size, const blobferry_pair_t *options, bool recovers) {
  server_t *server = server_start_with(answer, &fault, (server_options_t){4096, true, 0});
  fixture_t fixture = with_server(server, kind, options);
  if (recovers) {
    must_put(&fixture, "key", size, 7);
    check_requests(server, 2);
    server_stop(server);
    const record_t *record = server_record(server, 1);
    CHECK(record && record->received == size && pattern_is(record->body, size, 7, 0));
  } else {
    blobferry_completion_t completion = put(&fixture, "key", size, 7);
    CHECK_INT(blobferry_error_attempts(completion.error), 2);
    check_maybe(&completion, &fault, size);
    check_outcome(completion, put_ends_with(&fault), "key");
    check_requests(server, 2);
  }
  say_where(&fault, kind, "put");
  fixture_free(&fixture);
  server_free(server);
}

/* Single puts, small ones and such as no buffer of a socket takes. */
static void check_puts(const char *place, way_t way) {
  static const kind_t     kinds[] = {S3, HTTP, S3_UNSIGNED, AZURE, GCS};
  size_t                  count = way == BY_STALL ? 2 : 5;
  const blobferry_pair_t *options =
      OPTIONS({"max_retries", "1"}, {"stall_timeout", short_stall()}, {"part_size", "64MiB"});
  for (size_t i = 0; i < count; i++)
    for (stage_t stage = NOTHING_READ; stage <= IN_THE_HEAD; stage++)
      for (int large = 0; large < (kinds[i] == S3 ? 2 : 1); large++) {
        size_t  size = large ? BIG : SMALL;
        fault_t fault = {stage, way, 0, {SMALL, 1, AN_ETAG, A_DATE}};
        watch(place);
        if (is_left_out(way, stage)) continue;
        fault.failures = 1;
        check_put(kinds[i], fault, size, options, true);
        fault.failures = ALWAYS;
        check_put(kinds[i], fault, size, options, false);
      }
}

static void a_put_that_breaks_off(void) {
  check_puts(__func__, BY_FIN);
  check_puts(__func__, BY_RST);
}

static void a_put_that_stalls(void) { check_puts(__func__, BY_STALL); }

/* -- connections that are broken at once, and ports without a server ----------------------------------- */

static blobferry_completion_t ask(const fixture_t *fixture, verb_t verb) {
  if (verb == VERB_PUT) return put(fixture, "key", SMALL, 1);
  got_t got = get_with(fixture, "key", SMALL, NULL);
  guarded_free(&got.memory);
  return got.completion;
}

static void a_connection_may_break_at_once(void) {
  for (int always = 0; always < 2; always++)
    for (verb_t verb = VERB_GET; verb <= VERB_PUT; verb++) {
      watch(__func__);
      fault_t                fault = {NOTHING_READ, BY_RST, 0, {SMALL, 1, AN_ETAG, A_DATE}};
      server_t              *server = server_start_with(answer, &fault, (server_options_t){0, false, always ? 99 : 3});
      fixture_t              fixture = with_server(server, S3, OPTIONS({"max_retries", "3"}));
      blobferry_completion_t completion = ask(&fixture, verb);
      if (always) CHECK_INT(blobferry_error_attempts(completion.error), 4);
      check_outcome(completion, always ? BLOBFERRY_E_CONNECTION : BLOBFERRY_OK, "");
      CHECK_INT(server_connections(server), 4);
      fixture_free(&fixture);
      server_free(server);
    }
}

static void nobody_listens(void) {
  int port;
  watch(__func__);
  int       bound = bind_free_port(&port); /* and does not listen: every connection is refused */
  fixture_t fixture = with_port(port, S3, OPTIONS({"max_retries", "3"}));
  for (verb_t verb = VERB_GET; verb <= VERB_PUT; verb++) {
    blobferry_completion_t completion = ask(&fixture, verb);
    CHECK_INT(completion.flags, 0);
    CHECK_INT(blobferry_error_attempts(completion.error), 4);
    CHECK_INT(blobferry_error_is_retryable(completion.error), 1);
    CHECK_INT(blobferry_error_http_status(completion.error), 0);
    check_outcome(completion, BLOBFERRY_E_CONNECTION, "refused");
  }
  fixture_free(&fixture);
  close(bound);
}

/* -- slow is not stalled ------------------------------------------------------------------------------- */

typedef enum slow { SLOW_READING, SLOW_HEAD, SLOW_BODY, SLOWS } slow_t;

static const char *const slow_names[SLOWS] = {"reading of the body", "head of the answer", "body of the answer"};

/* One of them comes bit by bit, and takes far longer than the stall timeout, though no bit does. */
static void answer_slowly(exchange_t *exchange, void *context) {
  slow_t  slow = *(slow_t *)context;
  char    head[512];
  uint8_t body[SMALL];
  size_t  size = method_is(exchange, "GET") ? SMALL : 0;
  while (slow == SLOW_READING && take(exchange, 1 << 20) > 0) pause_ms(exchange, 250);
  take_body(exchange);
  snprintf(head, sizeof head, "HTTP/1.1 200 Answer\r\nContent-Length: %zu\r\nETag: %s\r\nLast-Modified: %s\r\n\r\n",
           size, AN_ETAG, A_DATE);
  note_status(exchange, 200);
  drip(exchange, head, strlen(head), slow == SLOW_HEAD ? strlen(head) / 16 : strlen(head), 250);
  pattern_fill(body, sizeof body, 1);
  drip(exchange, body, size, slow == SLOW_BODY ? SMALL / 16 : SMALL, 250);
}

/* What a head is of is known when it is whole: one that takes too long is none. */
static void what_crawls_is_waited_for(void) {
  for (slow_t slow = 0; slow < SLOWS; slow++) {
    watch(__func__);
    blobferry_status_t wanted = slow == SLOW_HEAD ? BLOBFERRY_E_TIMEOUT : BLOBFERRY_OK;
    server_t          *server = server_start_with(answer_slowly, &slow, (server_options_t){65536, false, 0});
    fixture_t          fixture =
        with_server(server, S3, OPTIONS({"stall_timeout", "3s"}, {"max_retries", "0"}, {"part_size", "64MiB"}));
    got_t got = get_with(&fixture, "key", SMALL, NULL);
    guarded_unlock(&got.memory);
    if (wanted == BLOBFERRY_OK) CHECK(pattern_is(got.memory.data, SMALL, 1, 0));
    check_outcome(got.completion, wanted, "");
    guarded_free(&got.memory);
    beat();
    check_outcome(put(&fixture, "key", slow == SLOW_READING ? BIG : SMALL, 1), wanted, "");
    if (has_failed_here()) fprintf(stderr, "    (a slow %s)\n", slow_names[slow]);
    check_requests(server, 2);
    fixture_free(&fixture);
    server_free(server);
  }
}

/* -- answers that come early --------------------------------------------------------------------------- */

/* The first answer comes when hardly anything of the body was read, and the rest is read or not. */
typedef struct early {
  int  status;
  bool reads_on;
} early_t;

static void answer_early(exchange_t *exchange, void *context) {
  static const object_t object = {SMALL, 1, AN_ETAG, A_DATE};
  const early_t        *early = context;
  if (exchange->number > 0) {
    answer_well(exchange, &object);
    return;
  }
  take(exchange, 1000);
  reply_error(exchange, early->status, "Early", "it will not be read");
  if (early->reads_on) finish(exchange);
  else stall(exchange);
}

static void an_early_answer_is_an_answer(void) {
  static const kind_t kinds[] = {HTTP, S3, S3_UNSIGNED};
  for (size_t i = 0; i < sizeof kinds / sizeof kinds[0]; i++)
    for (int reads_on = 0; reads_on < 2; reads_on++)
      for (int status = 403; status <= 503; status += 100) {
        early_t early = {status, reads_on != 0};
        watch(__func__);
        server_t *server = server_start_with(answer_early, &early, (server_options_t){4096, false, 0});
        fixture_t fixture = with_server(server, kinds[i], OPTIONS({"part_size", "64MiB"}));
        blobferry_completion_t completion = put(&fixture, "key", BIG, 1);
        CHECK_INT(completion.flags, 0);
        check_outcome(completion, status == 403 ? BLOBFERRY_E_PERMISSION : BLOBFERRY_OK, "");
        check_requests(server, status == 403 ? 1 : 2);
        fixture_free(&fixture);
        server_free(server);
      }
}

TESTS(TEST(a_get_that_breaks_off), TEST(a_get_that_stalls), TEST(every_part_may_break_off),
      TEST(a_connection_may_end_between_requests), TEST(a_put_that_breaks_off), TEST(a_put_that_stalls),
      TEST(a_connection_may_break_at_once), TEST(nobody_listens), TEST(what_crawls_is_waited_for),
      TEST(an_early_answer_is_an_answer))
