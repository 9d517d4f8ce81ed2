/*
 * Answers that are wrong: lengths that do not agree, ranges that nobody has asked
 * for, bodies with too few or too many bytes, text that is no HTTP. Each is an
 * error of its own kind, never wrong bytes, and troubles no request after it.
 */
#include "server.h"

enum { SIZE = 1000, PART = 100 };

static const object_t object = {SIZE, 1, AN_ETAG, A_DATE};

/* -- heads that do not fit ----------------------------------------------------------------------------- */

static void more_length(object_answer_t *answer) { strcpy(answer->content_length, "110"); }
static void less_length(object_answer_t *answer) { strcpy(answer->content_length, "90"); }
static void later_range(object_answer_t *answer) { strcpy(answer->content_range, "bytes 1-100/1000"); }
static void longer_range(object_answer_t *answer) { strcpy(answer->content_range, "bytes 0-100/1000"); }
static void shorter_range(object_answer_t *answer) { strcpy(answer->content_range, "bytes 0-98/1000"); }
static void other_range(object_answer_t *answer) { strcpy(answer->content_range, "bytes 100-199/1000"); }
static void unknown_total(object_answer_t *answer) { strcpy(answer->content_range, "bytes 0-99/*"); }
static void smaller_total(object_answer_t *answer) { strcpy(answer->content_range, "bytes 0-99/50"); }
static void total_at_the_end(object_answer_t *answer) { strcpy(answer->content_range, "bytes 0-99/99"); }
static void backward_range(object_answer_t *answer) { strcpy(answer->content_range, "bytes 99-0/1000"); }
static void no_range(object_answer_t *answer) { answer->content_range[0] = '\0'; }
static void other_unit(object_answer_t *answer) { strcpy(answer->content_range, "items 0-99/1000"); }
static void no_numbers(object_answer_t *answer) { strcpy(answer->content_range, "bytes a-b/c"); }
static void negative(object_answer_t *answer) { strcpy(answer->content_range, "bytes -1-98/1000"); }
static void unsatisfied(object_answer_t *answer) { strcpy(answer->content_range, "bytes */1000"); }
static void enormous(object_answer_t *answer) {
  strcpy(answer->content_range, "bytes 0-18446744073709551615/18446744073709551616");
}
static void too_many_digits(object_answer_t *answer) {
  strcpy(answer->content_range, "bytes 0-99/99999999999999999999999999999");
}
static void two_ranges(object_answer_t *answer) {
  answer->content_range[0] = '\0';
  answer->more = "Content-Type: multipart/byteranges; boundary=x\r\n";
}

typedef void (*twist_fn)(object_answer_t *answer);

static const struct twist {
  const char *name;
  twist_fn    twist;
} twists[] = {
    {"more length", more_length},       {"less length", less_length},     {"a later range", later_range},
    {"a longer range", longer_range},   {"a shorter range", shorter_range}, {"another range", other_range},
    {"an unknown total", unknown_total}, {"a smaller total", smaller_total}, {"a total at the end", total_at_the_end},
    {"a backward range", backward_range}, {"no range", no_range},         {"another unit", other_unit},
    {"no numbers", no_numbers},         {"a negative number", negative},  {"an unsatisfied range", unsatisfied},
    {"enormous numbers", enormous},     {"too many digits", too_many_digits}, {"several ranges", two_ranges},
};

/* The first `failures` answers are twisted. */
typedef struct script {
  twist_fn twist;
  size_t   failures;
} script_t;

static void answer_twisted(exchange_t *exchange, void *context) {
  const script_t *script = context;
  object_answer_t answer = object_plan(exchange, &object);
  if (exchange->number < script->failures) script->twist(&answer);
  object_send(exchange, &answer);
  if (exchange->number < script->failures) finish(exchange); /* or more length would be a stall */
}

static const blobferry_get_options_t first_part = {sizeof first_part, 0, 0, PART, 0, 0, 0, NULL, NULL, 0, 0, NULL, 0};

/* Gets the first part; what is behind it is never touched. */
static blobferry_completion_t get_part(const fixture_t *fixture, bool *is_right) {
  got_t got = get_with(fixture, "key", SIZE, &first_part);
  guarded_unlock(&got.memory);
  *is_right = got.completion.result == PART && pattern_is(got.memory.data, PART, 1, 0);
  for (size_t at = PART; at < SIZE; at++)
    if (got.memory.data[at] != CANARY) {
      FAIL("byte %zu was written", at);
      break;
    }
  guarded_free(&got.memory);
  return got.completion;
}

static void check_twist(const struct twist *twist, kind_t kind, bool recovers) {
  script_t               script = {twist->twist, recovers ? 1 : 99};
  bool                   is_right;
  server_t              *server = server_start(answer_twisted, &script);
  fixture_t              fixture = with_server(server, kind, OPTIONS({"max_retries", "1"}));
  blobferry_completion_t completion = get_part(&fixture, &is_right);
  if (recovers && completion.status == BLOBFERRY_OK) CHECK(is_right);
  else if (completion.status != BLOBFERRY_E_SERVER)
    FAIL("%s, %s: %s, wanted E_SERVER: %s", twist->name, kind_names[kind], blobferry_status_name(completion.status),
         blobferry_error_message(completion.error));
  dispose(&completion);
  fixture_free(&fixture);
  server_free(server);
  beat();
}

static void a_head_that_does_not_fit_is_an_error_of_the_server(void) {
  watch(__func__);
  for (size_t i = 0; i < sizeof twists / sizeof twists[0]; i++)
    for (kind_t kind = 0; kind < KINDS; kind++) {
      check_twist(&twists[i], kind, true);
      check_twist(&twists[i], kind, false);
    }
}

/* It seldom gets better: what makes no sense is asked for three times, however many retries are allowed. */
static void what_makes_no_sense_is_not_asked_for_for_ever(void) {
  watch(__func__);
  script_t               script = {later_range, 1000};
  bool                   is_right;
  server_t              *server = server_start(answer_twisted, &script);
  fixture_t              fixture = with_server(server, S3, OPTIONS({"max_retries", "10"}));
  blobferry_completion_t completion = get_part(&fixture, &is_right);
  CHECK_INT(blobferry_error_attempts(completion.error), 3);
  check_outcome(completion, BLOBFERRY_E_SERVER, "");
  check_requests(server, 3);
  fixture_free(&fixture);
  server_free(server);
}

/* -- bodies that have not the bytes that were promised ------------------------------------------------- */

/* Without a length, or in chunks, nothing but the range says how many bytes there must be. */
typedef struct body {
  bool     is_chunked;
  int      status;
  uint64_t size;
} body_t;

static void answer_body(exchange_t *exchange, void *context) {
  const body_t   *body = context;
  object_answer_t answer = object_plan(exchange, &object);
  char            bytes[SIZE + 100];
  pattern_fill((uint8_t *)bytes, sizeof bytes, 1);
  if (body->status == 200) plan_whole(&answer);
  answer.content_length[0] = '\0';
  if (body->is_chunked) answer.more = "Transfer-Encoding: chunked\r\n";
  object_send_head(exchange, &answer);
  size_t size = (size_t)body->size > answer.first ? (size_t)(body->size - answer.first) : 0;
  const char *from = bytes + answer.first;
  if (!body->is_chunked) {
    say_bytes(exchange, from, size);
    finish(exchange);
    return;
  }
  for (size_t at = 0; at < size; at += 30) {
    size_t chunk = size - at < 30 ? size - at : 30;
    say(exchange, "%zx;extension=1\r\n", chunk);
    say_bytes(exchange, from + at, chunk);
    say(exchange, "\r\n");
  }
  say(exchange, "0\r\nTrailer: 1\r\n\r\n");
}

static void check_body(body_t body, kind_t kind) {
  bool                   is_right;
  server_t              *server = server_start(answer_body, &body);
  fixture_t              fixture = with_server(server, kind, OPTIONS({"max_retries", "1"}));
  bool                   is_whole = body.status == 200 ? body.size >= SIZE : body.size == PART;
  blobferry_completion_t completion = get_part(&fixture, &is_right);
  if (is_whole) CHECK(is_right);
  check_outcome(completion, is_whole ? BLOBFERRY_OK : BLOBFERRY_E_INTEGRITY, "");
  fixture_free(&fixture);
  server_free(server);
  beat();
}

static void a_body_with_other_bytes_than_promised_is_no_object(void) {
  static const uint64_t sizes[] = {0, 1, PART - 1, PART, PART + 1, PART + 60};
  watch(__func__);
  for (size_t i = 0; i < sizeof sizes / sizeof sizes[0]; i++)
    for (int is_chunked = 0; is_chunked < 2; is_chunked++) {
      check_body((body_t){is_chunked != 0, 206, sizes[i]}, HTTP);
      check_body((body_t){is_chunked != 0, 206, sizes[i]}, S3);
    }
  check_body((body_t){true, 200, SIZE}, HTTP); /* the whole, without a length: all that comes is all there is */
}

/* -- text that is no answer ---------------------------------------------------------------------------- */

static const char *const raw_answers[] = {
    "NOT HTTP AT ALL\r\n\r\n",
    "HTTP/1.1 abc OK\r\n\r\n",
    "HTTP/1.1 99999 OK\r\nContent-Length: 0\r\n\r\n",
    "HTTP/1.1\r\n\r\n",
    "HTTP/9.9 200 OK\r\nContent-Length: 0\r\n\r\n",
    "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
    "HTTP/1.1 206 OK\r\nContent-Length: -5\r\n\r\nabcde",
    "HTTP/1.1 206 OK\r\nContent-Length: 99999999999999999999999\r\n\r\nabcde",
    "HTTP/1.1 206 OK\r\nContent-Length: 5\r\nContent-Length: 6\r\n\r\nabcdef",
    "HTTP/1.1 206 OK\r\nTransfer-Encoding: chunked\r\nContent-Range: bytes 0-99/1000\r\n\r\nzz\r\nabc\r\n",
    "HTTP/1.1 206 OK\r\nTransfer-Encoding: chunked\r\nContent-Range: bytes 0-99/1000\r\n\r\nffffffffffffffffff\r\nabc",
    "HTTP/1.1 206 OK\r\nno colon here\r\n\r\n",
    "HTTP/1.1 206 OK\r\n: no name\r\n\r\n",
    "\r\n\r\n\r\n\r\n\r\n\r\n",
    "<html>500</html>",
    "220 smtp.example.org ESMTP\r\n",
    "\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03",
    "SSH-2.0-OpenSSH_9.2\r\n",
};

static void answer_raw(exchange_t *exchange, void *context) {
  take_body(exchange);
  say(exchange, "%s", *(const char *const *)context);
  finish(exchange);
}

static void what_is_no_http_is_an_error(void) {
  watch(__func__);
  for (size_t i = 0; i < sizeof raw_answers / sizeof raw_answers[0]; i++)
    for (verb_t verb = VERB_GET; verb <= VERB_HEAD; verb++) {
      const char            *text = raw_answers[i];
      server_t              *server = server_start(answer_raw, &text);
      fixture_t              fixture = with_server(server, i % 2 == 0 ? S3 : HTTP, OPTIONS({"max_retries", "1"}));
      blobferry_completion_t completion = verb == VERB_GET   ? get(&fixture, "key")
                                          : verb == VERB_PUT ? put(&fixture, "key", SIZE, 1)
                                                             : head(&fixture, "key");
      blobferry_status_t     status = completion.status;
      if (status != BLOBFERRY_E_SERVER && status != BLOBFERRY_E_CONNECTION && status != BLOBFERRY_E_INTEGRITY)
        FAIL("%s answered \"%s\": %s: %s", verb_names[verb], text, blobferry_status_name(status),
             blobferry_error_message(completion.error));
      dispose(&completion);
      fixture_free(&fixture);
      server_free(server);
      beat();
    }
}

/* A head that does not end, in one field or in many. */
static void answer_with_an_endless_head(exchange_t *exchange, void *context) {
  bool in_one_field = *(bool *)context;
  char piece[4096];
  memset(piece, 'x', sizeof piece);
  take_body(exchange);
  say(exchange, "HTTP/1.1 206 OK\r\nX: ");
  note_status(exchange, 206);
  for (long times = 0; times < 100000 && !exchange->has_ended; times++) {
    say_bytes(exchange, piece, sizeof piece);
    if (!in_one_field) say(exchange, "\r\nX-%ld: ", times);
  }
}

static void an_endless_head_is_not_read(void) {
  for (int in_one_field = 0; in_one_field < 2; in_one_field++) {
    watch(__func__);
    bool                   one = in_one_field != 0;
    server_t              *server = server_start(answer_with_an_endless_head, &one);
    fixture_t              fixture = with_server(server, S3, OPTIONS({"max_retries", "0"}));
    blobferry_completion_t completion = get(&fixture, "key");
    CHECK(completion.status == BLOBFERRY_E_SERVER || completion.status == BLOBFERRY_E_CONNECTION);
    dispose(&completion);
    fixture_free(&fixture);
    server_free(server);
  }
}

/* Statuses that are no answer to what was asked. */
static void answer_with_status(exchange_t *exchange, void *context) {
  take_body(exchange);
  reply(exchange, *(int *)context, "Upgrade: other\r\nConnection: upgrade\r\n", "");
}

static void a_status_that_is_no_answer_is_an_error(void) {
  static const int statuses[] = {101, 203, 204, 205, 207, 226, 300, 304, 305, 399};
  watch(__func__);
  for (size_t i = 0; i < sizeof statuses / sizeof statuses[0]; i++) {
    int                    status = statuses[i];
    server_t              *server = server_start(answer_with_status, &status);
    fixture_t              fixture = with_server(server, S3, OPTIONS({"max_retries", "1"}, {"stall_timeout", "1s"}));
    blobferry_completion_t completion = get(&fixture, "key");
    if (completion.status == BLOBFERRY_OK) FAIL("a get answered %d has succeeded", status);
    dispose(&completion);
    fixture_free(&fixture);
    server_free(server);
    beat();
  }
}

/* -- what is more than an answer ----------------------------------------------------------------------- */

#define STRANGER "HTTP/1.1 206 OK\r\nContent-Length: 100\r\nContent-Range: bytes 0-99/1000\r\nETag: \"x\"\r\n\r\n"

/* Behind the answer, in the same piece, comes another that nobody has asked for. */
static void answer_and_more(exchange_t *exchange, void *unused) {
  object_answer_t answer = object_plan(exchange, &object);
  uint8_t         body[SIZE];
  (void)unused;
  take_body(exchange);
  pattern_fill(body, SIZE, 1);
  note_status(exchange, answer.status);
  if (method_is(exchange, "PUT")) say(exchange, "HTTP/1.1 200 OK\r\nETag: \"x\"\r\nContent-Length: 0\r\n\r\n" STRANGER);
  char head[512];
  int  size = snprintf(head, sizeof head,
                       "HTTP/1.1 206 OK\r\nContent-Length: %s\r\nContent-Range: %s\r\nETag: %s\r\n\r\n",
                       answer.content_length, answer.content_range, answer.etag);
  char piece[4096];
  memcpy(piece, head, (size_t)size);
  memcpy(piece + size, body + answer.first, (size_t)answer.count);
  memcpy(piece + size + answer.count, STRANGER, sizeof STRANGER - 1);
  memset(piece + size + answer.count + sizeof STRANGER - 1, 'x', 100);
  if (!method_is(exchange, "PUT")) say_bytes(exchange, piece, (size_t)size + answer.count + sizeof STRANGER + 99);
}

static void an_answer_that_nobody_asked_for_is_nobodys(void) {
  watch(__func__);
  server_t *server = server_start(answer_and_more, NULL);
  fixture_t fixture = with_server(server, S3, OPTIONS({"max_connections", "1"}));
  for (long round = 0; round < rounds(50); round++) {
    bool                   is_right;
    blobferry_completion_t completion = get_part(&fixture, &is_right);
    CHECK(is_right);
    check_outcome(completion, BLOBFERRY_OK, "");
    must_put(&fixture, "key", SIZE, 2);
    beat();
  }
  fixture_free(&fixture);
  server_free(server);
}

/* A HEAD whose answer has a body, against the rules. */
static void answer_head_with_a_body(exchange_t *exchange, void *unused) {
  (void)unused;
  if (!method_is(exchange, "HEAD")) {
    object_answer(exchange, &object);
    return;
  }
  note_status(exchange, 200);
  say(exchange, "HTTP/1.1 200 OK\r\nContent-Length: %zu\r\nETag: \"x\"\r\nLast-Modified: %s\r\n\r\n" STRANGER,
      sizeof STRANGER - 1, A_DATE);
}

static void a_head_with_a_body_troubles_nobody(void) {
  watch(__func__);
  server_t *server = server_start(answer_head_with_a_body, NULL);
  fixture_t fixture = with_server(server, S3, OPTIONS({"max_connections", "1"}));
  for (long round = 0; round < rounds(50); round++) {
    blobferry_completion_t completion = head(&fixture, "key");
    CHECK_INT(completion.result, sizeof STRANGER - 1);
    check_outcome(completion, BLOBFERRY_OK, "");
    check_object(&fixture, "key", SIZE, 1);
    beat();
  }
  fixture_free(&fixture);
  server_free(server);
}

/* Interim answers come before the answer, and are none. */
static void answer_after_interim_ones(exchange_t *exchange, void *unused) {
  (void)unused;
  say(exchange, "HTTP/1.1 100 Continue\r\n\r\n");
  take_body(exchange);
  say(exchange, "HTTP/1.1 102 Processing\r\n\r\nHTTP/1.1 103 Early Hints\r\nLink: </x>\r\nETag: \"other\"\r\n\r\n");
  answer_well(exchange, &object);
}

static void an_interim_answer_is_passed_over(void) {
  static const kind_t kinds[] = {HTTP, S3};
  for (size_t i = 0; i < sizeof kinds / sizeof kinds[0]; i++) {
    watch(__func__);
    server_t *server = server_start(answer_after_interim_ones, NULL);
    fixture_t fixture = with_server(server, kinds[i], OPTIONS({"max_retries", "0"}));
    for (int times = 0; times < 3; times++) {
      check_object(&fixture, "key", SIZE, 1);
      must_put(&fixture, "key", SIZE, 2);
    }
    check_requests(server, 6);
    fixture_free(&fixture);
    server_free(server);
  }
}

TESTS(TEST(a_head_that_does_not_fit_is_an_error_of_the_server), TEST(what_makes_no_sense_is_not_asked_for_for_ever),
      TEST(a_body_with_other_bytes_than_promised_is_no_object), TEST(what_is_no_http_is_an_error),
      TEST(an_endless_head_is_not_read), TEST(a_status_that_is_no_answer_is_an_error),
      TEST(an_answer_that_nobody_asked_for_is_nobodys), TEST(a_head_with_a_body_troubles_nobody),
      TEST(an_interim_answer_is_passed_over))
