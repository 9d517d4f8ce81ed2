/*
 * What a server says of a failure: its code, its message and its name for the
 * request reach the caller, and nothing else of an error document does, whatever
 * is in it.
 */
#include "server.h"

/* Every request is answered like this. */
typedef struct fault {
  int         status;
  const char *headers; /* whole lines */
  const char *body;
  size_t      size; /* of the body; 0 = it is a text */
} fault_t;

static void answer(exchange_t *exchange, void *context) {
  const fault_t *fault = context;
  take_body(exchange);
  reply_bytes(exchange, fault->status, fault->headers, fault->body, fault->size ? fault->size : strlen(fault->body));
}

/* A get or put on a server that answers so, without retries. */
static blobferry_completion_t ask(kind_t kind, verb_t verb, fault_t fault) {
  server_t              *server = server_start(answer, &fault);
  fixture_t              fixture = with_server(server, kind, OPTIONS({"max_retries", "0"}));
  blobferry_completion_t completion = verb == VERB_GET ? get(&fixture, "key") : put(&fixture, "key", 100, 1);
  if (verb == VERB_HEAD) {
    dispose(&completion);
    completion = head(&fixture, "key");
  }
  fixture_free(&fixture);
  server_free(server);
  beat();
  return completion;
}

/* Whether a text is UTF-8 without control characters. */
static bool is_clean(const char *text) {
  const unsigned char *at = (const unsigned char *)text;
  while (*at != '\0') {
    int following = *at < 0x80 ? 0 : *at >= 0xF0 ? 3 : *at >= 0xE0 ? 2 : *at >= 0xC2 ? 1 : -1;
    if (following < 0 || *at < 0x20 || *at == 0x7F || *at > 0xF4) return false;
    for (at++; following > 0; following--, at++)
      if ((*at & 0xC0) != 0x80) return false;
  }
  return true;
}

/* A message for people, of a decent length, whatever the server has sent. */
static void check_message(const blobferry_error_t *error) {
  const char *message = blobferry_error_message(error), *code = blobferry_error_server_code(error);
  if (!is_clean(message)) FAIL("not clean: %s", message);
  if (strlen(message) > 2000) FAIL("a message of %zu bytes", strlen(message));
  if (code != NULL && (!is_clean(code) || strlen(code) > 200)) FAIL("a code of %zu bytes: %.200s", strlen(code), code);
}

/* -- codes --------------------------------------------------------------------------------------------- */

static void check_code(kind_t kind, verb_t verb, int http, const char *code, blobferry_status_t wanted) {
  char document[512];
  snprintf(document, sizeof document,
           "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<Error>\n  <Code>%s</Code>\n  <Message>Why &amp; how it "
           "failed.</Message>\n  <StringToSign>THE-SECRET</StringToSign><Signature>THE-SECRET</Signature></Error>",
           code);
  blobferry_completion_t completion = ask(kind, verb, (fault_t){http, "", document, 0});
  const blobferry_error_t *error = completion.error;
  const char              *message = blobferry_error_message(error);
  if (completion.status != wanted)
    FAIL("%s, %s answered %d %s: %s, wanted %s: %s", kind_names[kind], verb_names[verb], http, code,
         blobferry_status_name(completion.status), blobferry_status_name(wanted), message);
  CHECK_TEXT(blobferry_error_server_code(error), code);
  if (strstr(message, code) == NULL) FAIL("\"%s\" does not say %s", message, code);
  if (strstr(message, "Why & how it failed.") == NULL) FAIL("\"%s\" does not say why", message);
  if (strstr(message, "SECRET") != NULL) FAIL("\"%s\" says too much", message);
  if (strstr(message, "key") == NULL) FAIL("\"%s\" does not say where", message);
  check_message(error);
  dispose(&completion);
}

static void a_code_and_its_message_reach_the_caller(void) {
  static const struct {
    int                http;
    const char        *code;
    blobferry_status_t status;
  } codes[] = {
      {403, "AccessDenied", BLOBFERRY_E_PERMISSION},
      {403, "InvalidAccessKeyId", BLOBFERRY_E_UNAUTHENTICATED},
      {403, "SignatureDoesNotMatch", BLOBFERRY_E_UNAUTHENTICATED},
      {403, "ExpiredToken", BLOBFERRY_E_UNAUTHENTICATED},
      {400, "ExpiredToken", BLOBFERRY_E_UNAUTHENTICATED},
      {400, "InvalidArgument", BLOBFERRY_E_ARGUMENT},
      {404, "NoSuchBucket", BLOBFERRY_E_NOT_FOUND},
      {500, "InternalError", BLOBFERRY_E_SERVER},
      {503, "SlowDown", BLOBFERRY_E_THROTTLED},
      {503, "ServiceUnavailable", BLOBFERRY_E_SERVER},
      {400, "NobodyKnowsThisCode", BLOBFERRY_E_ARGUMENT},
  };
  watch(__func__);
  for (size_t i = 0; i < sizeof codes / sizeof codes[0]; i++)
    for (int verb = VERB_GET; verb <= VERB_PUT; verb++)
      check_code(S3, (verb_t)verb, codes[i].http, codes[i].code, codes[i].status);
  check_code(S3, VERB_GET, 404, "NoSuchKey", BLOBFERRY_E_NOT_FOUND);
  for (int verb = VERB_GET; verb <= VERB_PUT; verb++) {
    check_code(GCS, (verb_t)verb, 503, "SlowDown", BLOBFERRY_E_THROTTLED);
    check_code(AZURE, (verb_t)verb, 503, "ServerBusy", BLOBFERRY_E_THROTTLED);
    check_code(AZURE, (verb_t)verb, 403, "AuthorizationFailure", BLOBFERRY_E_PERMISSION);
    check_code(AZURE, (verb_t)verb, 404, "ContainerNotFound", BLOBFERRY_E_NOT_FOUND);
  }
}

/* An answer to a HEAD has no document; Azure says the code in a field of the head, too. */
static void a_code_may_come_in_the_head(void) {
  watch(__func__);
  blobferry_completion_t completion = ask(S3, VERB_HEAD, (fault_t){403, "", "<Error><Code>Never</Code></Error>", 0});
  CHECK_STATUS(completion.status, BLOBFERRY_E_PERMISSION);
  CHECK(blobferry_error_server_code(completion.error) == NULL);
  dispose(&completion);
  completion = ask(AZURE, VERB_HEAD, (fault_t){404, "x-ms-error-code: BlobNotFound\r\n", "", 0});
  CHECK_TEXT(blobferry_error_server_code(completion.error), "BlobNotFound");
  check_outcome(completion, BLOBFERRY_E_NOT_FOUND, "BlobNotFound");
}

static void without_a_document_there_is_no_code(void) {
  watch(__func__);
  for (kind_t kind = 0; kind < KINDS; kind++) {
    blobferry_completion_t completion = ask(kind, VERB_GET, (fault_t){403, "", "", 0});
    CHECK_STATUS(completion.status, BLOBFERRY_E_PERMISSION);
    CHECK(blobferry_error_server_code(completion.error) == NULL);
    CHECK_INT(blobferry_error_http_status(completion.error), 403);
    check_message(completion.error);
    dispose(&completion);
  }
  CHECK(blobferry_error_server_code(NULL) == NULL);
}

/* What a bucket that is not there says of a delete is no success. */
static void a_delete_in_no_bucket_fails(void) {
  static const char document[] = "<Error><Code>NoSuchBucket</Code><Message>no</Message></Error>";
  watch(__func__);
  fault_t   fault = {404, "", document, 0};
  server_t *server = server_start(answer, &fault);
  fixture_t fixture = with_server(server, S3, NO_OPTIONS);
  check_outcome(delete (&fixture, "key"), BLOBFERRY_E_NOT_FOUND, "NoSuchBucket");
  check_requests(server, 1);
  fixture_free(&fixture);
  server_free(server);
}

/* -- the request's name -------------------------------------------------------------------------------- */

static void the_name_of_the_request_reaches_the_caller(void) {
  static const struct {
    kind_t      kind;
    const char *line;
  } names[] = {
      {S3, "x-amz-request-id: THIS-REQUEST\r\n"},
      {S3_UNSIGNED, "X-Amz-Request-Id: THIS-REQUEST\r\n"},
      {AZURE, "x-ms-request-id: THIS-REQUEST\r\n"},
      {GCS, "x-guploader-uploadid: THIS-REQUEST\r\n"},
  };
  watch(__func__);
  for (size_t i = 0; i < sizeof names / sizeof names[0]; i++)
    for (verb_t verb = VERB_GET; verb <= VERB_HEAD; verb++)
      for (int status = 403; status <= 500; status += 97) {
        blobferry_completion_t completion = ask(names[i].kind, verb, (fault_t){status, names[i].line, "", 0});
        CHECK_TEXT(blobferry_error_request_id(completion.error), "THIS-REQUEST");
        CHECK_INT(blobferry_error_http_status(completion.error), status);
        CHECK_INT(blobferry_error_is_retryable(completion.error), status == 500);
        dispose(&completion);
      }
  blobferry_completion_t completion = ask(S3, VERB_GET, (fault_t){403, "x-amz-request-id: a\x80\xff" "b\r\n", "", 0});
  const char            *name = blobferry_error_request_id(completion.error);
  CHECK(name == NULL || is_clean(name));
  check_outcome(completion, BLOBFERRY_E_PERMISSION, "");
}

/* -- documents that are none --------------------------------------------------------------------------- */

#define TEXT_FAULT(status, text) {status, "", text, sizeof text - 1}

static void a_strange_document_fails_like_its_status(void) {
  static const fault_t faults[] = {
      TEXT_FAULT(403, "<Error><Code>Acc\0ess</Code><Message>a\0b</Message></Error>"),
      TEXT_FAULT(403, "<Error><Code>A\xff\xfe</Code><Message>\xc3\x28 \xed\xa0\x80 \xf5</Message></Error>"),
      TEXT_FAULT(403, "<Error><Code>A\r\nB</Code><Message>a\r\n\tb\x1b[31mc\x7f\xc2\x85</Message></Error>"),
      TEXT_FAULT(403, "<html><body><h1>403 Forbidden</h1></body></html>"),
      TEXT_FAULT(403, "<Error><Code>Access"),
      TEXT_FAULT(403, "<Error><Code>AccessDenied</Code><Message>"),
      TEXT_FAULT(403, "<Error></Error>"),
      TEXT_FAULT(403, "<Error/>"),
      TEXT_FAULT(403, "<Error><Code/><Message/></Error>"),
      TEXT_FAULT(403, "<Error><Code><Code><Code>deep</Code></Code></Code></Error>"),
      TEXT_FAULT(403, "<Error><Code><![CDATA[<A&B>]]></Code><Message>&lt;b&gt; &#65; &#x42;</Message></Error>"),
      TEXT_FAULT(403, "<Error><Code>&#0;&#xD800;&#x110000;&unknown;&</Code><Message>&#0;</Message></Error>"),
      TEXT_FAULT(403, "<!DOCTYPE a [<!ENTITY b \"ha\"><!ENTITY c \"&b;&b;&b;\">]><Error><Code>&c;</Code></Error>"),
      TEXT_FAULT(403, "\xef\xbb\xbf<?xml version=\"1.0\"?><Error><Code>A</Code></Error>"),
      TEXT_FAULT(403, "\xff\xfe<\0E\0r\0r\0o\0r\0>\0"),
      TEXT_FAULT(403, "{\"error\": {\"code\": 403, \"message\": \"no\"}}"),
      TEXT_FAULT(403, "\0\0\0\0"),
      TEXT_FAULT(403, "<"),
      TEXT_FAULT(403, "</Error>"),
      TEXT_FAULT(403, "<<<<>>>>&&&&;;;;"),
  };
  watch(__func__);
  for (size_t i = 0; i < sizeof faults / sizeof faults[0]; i++)
    for (kind_t kind = 0; kind < KINDS; kind++) {
      blobferry_completion_t completion = ask(kind, i % 2 == 0 ? VERB_GET : VERB_PUT, faults[i]);
      if (completion.status != BLOBFERRY_E_PERMISSION)
        FAIL("document %zu, %s: %s", i, kind_names[kind], blobferry_error_message(completion.error));
      check_message(completion.error);
      dispose(&completion);
    }
}

static void a_long_document_is_cut(void) {
  static const char *const heads[] = {
      "<Error><Code>", "<Error><Code>A</Code><Message>", "<Error><Host>", "", "<", "<a>",
  };
  size_t                   size = 1 << 20;
  char                    *body = malloc(size);
  watch(__func__);
  for (size_t i = 0; i < sizeof heads / sizeof heads[0]; i++) {
    if (i < 5) memset(body, 'x', size);
    else
      for (size_t at = 0; at < size; at++) body[at] = "<a>"[at % 3]; /* nested a third of a million deep */
    memcpy(body, heads[i], strlen(heads[i]));
    blobferry_completion_t completion = ask(S3, VERB_GET, (fault_t){403, "", body, size});
    CHECK_STATUS(completion.status, BLOBFERRY_E_PERMISSION);
    check_message(completion.error);
    dispose(&completion);
  }
  free(body);
}

/* -- documents that do not end ------------------------------------------------------------------------- */

enum { ENDLESS = 256 << 20 };

static atomic_ulong sent;

/* The first answer is an error with a document that does not end, the next are good. */
static void answer_endlessly(exchange_t *exchange, void *context) {
  static const object_t object = {16, 1, AN_ETAG, A_DATE};
  static const char     piece[65536];
  bool                  has_length = *(bool *)context;
  if (exchange->number > 0) {
    answer_well(exchange, &object);
    return;
  }
  take_body(exchange);
  say_status(exchange, 403);
  if (has_length) say(exchange, "Content-Length: %d\r\n", ENDLESS);
  say(exchange, "\r\n<Error><Code>AccessDenied</Code><Message>no</Message>");
  while (atomic_load(&sent) < ENDLESS && say_bytes(exchange, piece, sizeof piece))
    atomic_fetch_add(&sent, sizeof piece);
}

/* It is not read on: what is sent is what the buffers of two sockets hold, and the next request is not troubled. */
static void an_endless_document_is_not_read(void) {
  for (int has_length = 0; has_length < 2; has_length++) {
    watch(__func__);
    bool      length = has_length != 0;
    server_t *server = server_start(answer_endlessly, &length);
    fixture_t fixture = with_server(server, S3, NO_OPTIONS);
    atomic_store(&sent, 0);
    blobferry_completion_t completion = get(&fixture, "key");
    check_message(completion.error);
    check_outcome(completion, BLOBFERRY_E_PERMISSION, "");
    check_object(&fixture, "key", 16, 1);
    fixture_free(&fixture);
    server_free(server);
    CHECK(atomic_load(&sent) < ENDLESS / 2);
  }
}

/* The document stops half-way: the status is known all the same. */
static void answer_half(exchange_t *exchange, void *context) {
  take_body(exchange);
  say_status(exchange, *(int *)context);
  say(exchange, "Content-Length: 1000\r\n\r\n<Error><Code>Half");
  if (exchange->number % 2 == 0) finish(exchange);
  else stall(exchange);
}

static void half_a_document_is_no_reason_to_wait(void) {
  for (int status = 403; status <= 503; status += 100) {
    watch(__func__);
    server_t *server = server_start(answer_half, &status);
    fixture_t fixture = with_server(server, S3, OPTIONS({"max_retries", "1"}, {"stall_timeout", short_stall()}));
    for (int i = 0; i < 2; i++) {
      blobferry_completion_t completion = i == 0 ? get(&fixture, "key") : put(&fixture, "key", 100, 1);
      CHECK_INT(blobferry_error_http_status(completion.error), status);
      check_message(completion.error);
      check_outcome(completion, status == 403 ? BLOBFERRY_E_PERMISSION : BLOBFERRY_E_SERVER, "");
    }
    check_requests(server, status == 403 ? 2 : 4);
    fixture_free(&fixture);
    server_free(server);
  }
}

/* A document that comes byte by byte moves all the time, and is not waited for all the same. */
static void answer_drop_by_drop(exchange_t *exchange, void *unused) {
  (void)unused;
  take_body(exchange);
  say_status(exchange, 403);
  say(exchange, "Content-Length: 60000\r\n\r\n");
  while (say(exchange, "x") && pause_ms(exchange, 20)) continue;
}

static void a_document_that_crawls_is_not_waited_for(void) {
  watch(__func__);
  server_t              *server = server_start(answer_drop_by_drop, NULL);
  fixture_t              fixture = with_server(server, S3, NO_OPTIONS);
  blobferry_completion_t completion = get(&fixture, "key"); /* all of it would take twenty minutes */
  check_message(completion.error);
  check_outcome(completion, BLOBFERRY_E_PERMISSION, "");
  check_requests(server, 1);
  fixture_free(&fixture);
  server_free(server);
}

TESTS(TEST(a_code_and_its_message_reach_the_caller), TEST(a_code_may_come_in_the_head),
      TEST(without_a_document_there_is_no_code), TEST(a_delete_in_no_bucket_fails),
      TEST(the_name_of_the_request_reaches_the_caller), TEST(a_strange_document_fails_like_its_status),
      TEST(a_long_document_is_cut), TEST(an_endless_document_is_not_read), TEST(half_a_document_is_no_reason_to_wait),
      TEST(a_document_that_crawls_is_not_waited_for))
