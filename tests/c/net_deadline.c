/*
 * Deadline, cancel and close at every stage of a request over a network: one
 * completion, promptly, the memory back with it; and no upload left behind. All
 * timeouts of the store are far too long to be what ends a request here.
 */
#include "server.h"
#include "server/bucket.h"

#include <fcntl.h>

enum { SIZE = 100000, LARGE = 10 * (1 << 20) + 1, PROMPT_MS = 20000 };

#define PATH "/bucket/key"
#define PATIENCE {"connect_timeout", "10m"}, {"stall_timeout", "10m"}, {"retry_timeout", "10m"}, {"part_size", "5MiB"}

typedef enum way { BY_DEADLINE, BY_CANCEL, BY_CLOSE, WAYS } way_t;

static const char *const way_names[WAYS] = {"deadline", "cancel", "close"};

static blobferry_status_t status_of(way_t way) {
  return way == BY_DEADLINE ? BLOBFERRY_E_DEADLINE : BLOBFERRY_E_CANCELLED;
}

/* A request of one verb on memory of its own. */
typedef struct trial {
  fixture_t          fixture;
  blobferry_list_t  *list;
  guarded_t          memory;
  blobferry_ticket_t ticket;
  uint64_t           begun;
  way_t              way;
} trial_t;

static uint64_t time_of(way_t way) { return way == BY_DEADLINE ? 200 * slowness() : 0; }

static trial_t begin_within(fixture_t fixture, verb_t verb, size_t size, way_t way, uint64_t timeout_ms) {
  trial_t trial = {.fixture = fixture, .list = new_list(fixture.store, ""), .memory = guarded_new(size), .way = way};
  trial.begun = now_ms();
  request_t request = {verb, "key", trial.memory.data, size, trial.list, timeout_ms, 11};
  trial.ticket = must_submit(&request, fixture.store, fixture.cq);
  return trial;
}

static trial_t begin(fixture_t fixture, verb_t verb, size_t size, way_t way) {
  return begin_within(fixture, verb, size, way, time_of(way));
}

/* Ends the request and takes its completion, the only one; its memory is locked at once. */
static blobferry_completion_t end(trial_t *trial) {
  if (trial->way != BY_DEADLINE) trial->begun = now_ms();
  if (trial->way == BY_CANCEL) must_cancel(trial->fixture.cq, trial->ticket);
  if (trial->way == BY_CLOSE) CHECK_STATUS(blobferry_cq_close(trial->fixture.cq, NULL), BLOBFERRY_OK);
  blobferry_completion_t completion = wait_one(trial->fixture.cq);
  guarded_lock(&trial->memory);
  uint64_t took = now_ms() - trial->begun;
  if (took > PROMPT_MS) FAIL("it took %llu ms to end", (unsigned long long)took);
  CHECK(completion.ticket == trial->ticket);
  CHECK_INT(completion.user_data, 11);
  CHECK_INT(live_leases(), 0);
  if (trial->way != BY_CLOSE) expect_nothing(trial->fixture.cq, 0);
  AWAIT(usage_of(trial->fixture.service).requests_running == 0);
  return completion;
}

static void free_trial(trial_t *trial) {
  blobferry_list_free(trial->list);
  fixture_free(&trial->fixture);
  guarded_free(&trial->memory);
}

static void say_where(const char *what, verb_t verb, way_t way) {
  if (has_failed_here()) fprintf(stderr, "    (%s of a %s %s)\n", way_names[way], verb_names[verb], what);
}

/* -- connections that are not made --------------------------------------------------------------------- */

/* A listener whose queue is full: to connect to it takes for ever. */
typedef struct blackhole {
  int listener, port, fillers[4];
} blackhole_t;

static blackhole_t blackhole_open(void) {
  blackhole_t        hole;
  struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
  hole.listener = bind_free_port(&hole.port);
  address.sin_port = htons((uint16_t)hole.port);
  if (listen(hole.listener, 0) != 0) abort();
  for (size_t i = 0; i < sizeof hole.fillers / sizeof hole.fillers[0]; i++) {
    hole.fillers[i] = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (connect(hole.fillers[i], (struct sockaddr *)&address, sizeof address) != 0) CHECK_INT(errno, EINPROGRESS);
  }
  sleep_us(50000);
  return hole;
}

static void blackhole_close(blackhole_t *hole) {
  for (size_t i = 0; i < sizeof hole->fillers / sizeof hole->fillers[0]; i++) close(hole->fillers[i]);
  close(hole->listener);
}

/* No byte of a put was sent: it was not done. Of a delete, which has no body, the library need not know that. */
static void check_unconnected(const char *what, int port) {
  for (verb_t verb = 0; verb < VERB_COUNT; verb++)
    for (way_t way = 0; way < WAYS; way++) {
      trial_t trial = begin(with_port(port, S3, OPTIONS(PATIENCE)), verb, SIZE, way);
      if (way != BY_DEADLINE) sleep_us(20000);
      blobferry_completion_t completion = end(&trial);
      if (verb != VERB_DELETE) CHECK_INT(completion.flags, 0);
      check_outcome(completion, status_of(way), "");
      say_where(what, verb, way);
      free_trial(&trial);
    }
}

static void while_it_connects(void) {
  watch(__func__);
  blackhole_t hole = blackhole_open();
  check_unconnected("while it connects", hole.port);
  blackhole_close(&hole);
}

static void a_connection_that_takes_too_long_is_an_error(void) {
  watch(__func__);
  blackhole_t hole = blackhole_open();
  for (verb_t verb = VERB_GET; verb <= VERB_PUT; verb++) {
    fixture_t fixture = with_port(hole.port, S3, OPTIONS({"connect_timeout", "100ms"}, {"max_retries", "2"}));
    blobferry_completion_t completion = verb == VERB_GET ? get(&fixture, "key") : put(&fixture, "key", SIZE, 1);
    CHECK_INT(completion.flags, 0);
    CHECK_INT(blobferry_error_attempts(completion.error), 3);
    check_outcome(completion, BLOBFERRY_E_CONNECTION, "connect_timeout");
    fixture_free(&fixture);
  }
  blackhole_close(&hole);
}

/* -- answers that do not come -------------------------------------------------------------------------- */

typedef enum stage { UNREAD, READ, IN_HEAD, IN_BODY, IN_ERROR, STAGES } stage_t;

static const char *const stage_names[STAGES] = {"whose request is not read", "that is read and not answered",
                                                "in the head of the answer", "in the body of the answer",
                                                "in an error document"};

typedef struct halting {
  stage_t stage;
  gate_t  gate;
} halting_t;

static void answer_and_halt(exchange_t *exchange, void *context) {
  halting_t *halting = context;
  int        status = method_is(exchange, "PROPFIND") ? 207 : 200;
  if (halting->stage >= READ) take_body(exchange);
  if (halting->stage == IN_HEAD) say(exchange, "HTTP/1.1 200 OK\r\nContent-Le");
  if (halting->stage == IN_BODY)
    say(exchange, "HTTP/1.1 %d OK\r\nContent-Length: 50000\r\nETag: \"1\"\r\n\r\n<?xml", status);
  if (halting->stage == IN_ERROR) say(exchange, "HTTP/1.1 503 No\r\nContent-Length: 5000\r\n\r\n<Error>");
  await_gate(exchange, &halting->gate);
}

/* A HEAD's answer has no body to halt in, nor has a good put's one that matters; a delete's is its status. */
static bool has_stage(verb_t verb, stage_t stage) {
  return stage < IN_BODY || (stage == IN_BODY ? verb == VERB_GET || verb == VERB_LIST : verb != VERB_HEAD);
}

static void check_halted(kind_t kind, verb_t verb, stage_t stage, way_t way) {
  halting_t halting = {stage, {false, 0}};
  server_t *server = server_start_with(answer_and_halt, &halting, (server_options_t){4096, false, 0});
  trial_t   trial = begin(with_server(server, kind, OPTIONS(PATIENCE)), verb, SIZE, way);
  if (way != BY_DEADLINE) AWAIT(gate_waiting(server, &halting.gate) > 0);
  blobferry_completion_t completion = end(&trial);
  bool                   maybe = (completion.flags & BLOBFERRY_COMPLETION_MAYBE_COMMITTED) != 0;
  bool                   looks_first = kind == HTTP && verb == VERB_DELETE; /* that was not the delete yet */
  bool                   changes = (verb == VERB_PUT || verb == VERB_DELETE) && !looks_first;
  if (!changes) CHECK(!maybe);
  if (changes && (stage == READ || stage == IN_HEAD)) CHECK(maybe);
  CHECK_INT(blobferry_error_is_maybe_committed(completion.error), maybe);
  check_outcome(completion, status_of(way), "");
  gate_open(server, &halting.gate); /* it goes on, and finds nobody */
  check_requests(server, 1);
  say_where(stage_names[stage], verb, way);
  free_trial(&trial);
  server_free(server);
}

static void while_it_waits_for_an_answer(void) {
  static const kind_t kinds[] = {S3, HTTP, AZURE, GCS};
  for (size_t k = 0; k < sizeof kinds / sizeof kinds[0]; k++)
    for (verb_t verb = 0; verb < VERB_COUNT; verb++)
      for (stage_t stage = 0; stage < STAGES; stage++)
        for (way_t way = k > 0 ? BY_CANCEL : BY_DEADLINE; way < WAYS; way++) {
          watch(__func__);
          if (has_stage(verb, stage)) check_halted(kinds[k], verb, stage, way);
        }
}

/* -- between two attempts ------------------------------------------------------------------------------ */

static void answer_later(exchange_t *exchange, void *context) {
  take_body(exchange);
  reply(exchange, 429, context, "");
}

/* Ends a request `pause` microseconds after the server has it. False where that was before its answer came. */
static bool check_between_attempts(const char *headers, verb_t verb, way_t way, long pause) {
  const char *backoff = headers[0] ? "1ms" : "5m";
  server_t   *server = server_start(answer_later, (void *)headers);
  fixture_t   fixture =
      with_server(server, S3, OPTIONS(PATIENCE, {"initial_backoff", backoff}, {"max_backoff", backoff}));
  trial_t trial = begin_within(fixture, verb, SIZE, way, way == BY_DEADLINE ? 60000 : 0);
  if (way != BY_DEADLINE) AWAIT(server_requests(server) == 1);
  if (way != BY_DEADLINE) sleep_us(pause);
  blobferry_completion_t completion = end(&trial);
  bool                   had_answer = strstr(blobferry_error_message(completion.error), "429") != NULL;
  bool                   is_last = way == BY_DEADLINE || pause > 5000000;
  if (had_answer || is_last) {
    CHECK_INT(completion.flags, 0);
    check_outcome(completion, way == BY_DEADLINE ? BLOBFERRY_E_THROTTLED : BLOBFERRY_E_CANCELLED, "429");
    check_requests(server, 1);
    say_where(headers[0] ? "while it waits as asked" : "between attempts", verb, way);
  } else {
    dispose(&completion);
  }
  free_trial(&trial);
  server_free(server);
  return had_answer || is_last;
}

/* A wait that goes past the deadline is not begun; cancel and close end one that has begun. */
static void while_it_waits_to_try_again(void) {
  static const char *const headers[] = {"", "Retry-After: 300\r\n"};
  for (size_t i = 0; i < sizeof headers / sizeof headers[0]; i++)
    for (verb_t verb = 0; verb < VERB_COUNT; verb++)
      for (way_t way = 0; way < WAYS; way++) {
        watch(__func__);
        long pause = 5000;
        while (!check_between_attempts(headers[i], verb, way, pause)) pause *= 2; /* nothing tells when it waits */
      }
}

/* -- uploads in parts ---------------------------------------------------------------------------------- */

typedef struct desk {
  bucket_t bucket;
  step_t   step;
  bool     has_done_it; /* before it halts */
  gate_t   gate;
} desk_t;

static void answer_and_halt_at_a_step(exchange_t *exchange, void *context) {
  desk_t        *desk = context;
  bucket_reply_t what;
  bool           halts = step_of(exchange) == desk->step;
  if (halts && !desk->has_done_it && !await_gate(exchange, &desk->gate)) return;
  if (!bucket_do(exchange, &desk->bucket, &what)) return;
  if (halts && desk->has_done_it && !await_gate(exchange, &desk->gate)) return;
  bucket_say(exchange, &what);
}

static void check_upload(kind_t kind, step_t step, bool has_done_it, way_t way) {
  desk_t *desk = calloc(1, sizeof *desk);
  bucket_init(&desk->bucket);
  desk->step = step;
  desk->has_done_it = has_done_it;
  server_t *server = server_start_with(answer_and_halt_at_a_step, desk, (server_options_t){0, true, 0});
  trial_t   trial = begin(with_server(server, kind, OPTIONS(PATIENCE)), VERB_PUT, LARGE, way);
  if (way != BY_DEADLINE) AWAIT(gate_waiting(server, &desk->gate) > 0);
  blobferry_completion_t completion = end(&trial);
  bool                   maybe = (completion.flags & BLOBFERRY_COMPLETION_MAYBE_COMMITTED) != 0;
  if (way != BY_DEADLINE) CHECK_INT(maybe, step == STEP_COMPLETE); /* a deadline may have come before the step */
  check_outcome(completion, status_of(way), "");
  gate_open(server, &desk->gate);
  settle(trial.fixture.service);
  if (way != BY_DEADLINE) CHECK_INT(bucket_left_behind(&desk->bucket), 0);
  if (!maybe) CHECK(!bucket_knows(&desk->bucket, PATH));
  CHECK_INT(usage_of(trial.fixture.service).uploads_aborting, 0);
  if (has_failed_here())
    fprintf(stderr, "    (%s at the %s of an upload to %s, which is%s done)\n", way_names[way], step_names[step],
            kind_names[kind], has_done_it ? "" : " not");
  free_trial(&trial);
  server_free(server);
  bucket_free(&desk->bucket);
  free(desk);
}

static void at_every_step_of_an_upload(void) {
  static const kind_t kinds[] = {S3, GCS};
  for (size_t k = 0; k < sizeof kinds / sizeof kinds[0]; k++)
    for (step_t step = STEP_CREATE; step <= STEP_COMPLETE; step++)
      for (int done = 0; done < 2; done++)
        for (way_t way = 0; way < WAYS; way++) {
          watch(__func__);
          check_upload(kinds[k], step, done != 0, way);
        }
}

/* An abort that is never answered holds up neither the completion nor, for ever, the end of the service. */
static void an_abort_without_an_answer_does_not_hold_up_the_end(void) {
  watch(__func__);
  desk_t *desk = calloc(1, sizeof *desk);
  bucket_init(&desk->bucket);
  desk->step = STEP_ABORT;
  server_t *server = server_start_with(answer_and_halt_at_a_step, desk, (server_options_t){0, true, 0});
  trial_t   trial = begin(with_server(server, S3, OPTIONS(PATIENCE)), VERB_PUT, LARGE, BY_CANCEL);
  AWAIT(server_count(server, "PUT", "partNumber=") > 0);
  check_outcome(end(&trial), BLOBFERRY_E_CANCELLED, "");
  AWAIT(gate_waiting(server, &desk->gate) > 0);
  CHECK_INT(usage_of(trial.fixture.service).uploads_aborting, 1);
  CHECK_STATUS(blobferry_service_drain(trial.fixture.service, 100, NULL), BLOBFERRY_E_DEADLINE);
  uint64_t begun = now_ms();
  free_trial(&trial);
  CHECK(now_ms() - begun < 40000); /* ten seconds are what it waits */
  server_free(server);
  bucket_free(&desk->bucket);
  free(desk);
}

TESTS(TEST(while_it_connects), TEST(a_connection_that_takes_too_long_is_an_error), TEST(while_it_waits_for_an_answer),
      TEST(while_it_waits_to_try_again), TEST(at_every_step_of_an_upload),
      TEST(an_abort_without_an_answer_does_not_hold_up_the_end))
