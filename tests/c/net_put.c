/*
 * Puts over a network, small ones and such in parts: what arrives, and what
 * becomes of a put when one of its steps fails once, or always.
 */
#include "server.h"
#include "server/bucket.h"

enum { MIB = 1 << 20, LARGE = 10 * MIB + 1 }; /* LARGE is three parts: the smallest of S3 have 5 MiB */

#define PATH "/bucket/key"

static const kind_t kinds_with_uploads[] = {S3, S3_UNSIGNED, GCS};

/* What is put: the same bytes each time, as filling takes time. */
static uint8_t *large_bytes(void) {
  static uint8_t bytes[LARGE];
  static bool    is_filled;
  if (!is_filled) pattern_fill(bytes, LARGE, 7);
  is_filled = true;
  return bytes;
}

static blobferry_completion_t put_bytes(const fixture_t *fixture, size_t size, const blobferry_put_options_t *options) {
  blobferry_error_t *error = NULL;
  blobferry_status_t submitted =
      blobferry_object_put(fixture->store, fixture->cq, "key", large_bytes(), size, options, 0, NULL, &error);
  beat();
  return outcome_of(fixture, submitted, error);
}

/* -- a bucket in which a step goes wrong --------------------------------------------------------------- */

typedef enum mishap {
  REFUSED,    /* 500, and nothing is done */
  THROTTLED,  /* 503 SlowDown, and nothing is done */
  BROKEN,     /* RST when the request has come, and nothing is done */
  LOST,       /* it is done, and then RST */
  FORBIDDEN,  /* 403 */
  NAMELESS,   /* 200 without what the answer must have */
  MISHAPS
} mishap_t;

static const char *const mishap_names[MISHAPS] = {"refused", "throttled", "broken", "lost", "forbidden", "nameless"};

/* The first `failures` requests of a step go wrong. Bodies are kept, and there are buckets to be freed. */
typedef struct desk {
  bucket_t  bucket;
  step_t    step;
  mishap_t  mishap;
  size_t    failures;
  gate_t    gate;
  bool      has_gate; /* before parts */
  server_t *server;
} desk_t;

static bool goes_wrong(exchange_t *exchange, desk_t *desk) {
  server_lock(exchange->server);
  bool wrong = step_of(exchange) == desk->step && desk->failures > 0;
  if (wrong) desk->failures--;
  server_unlock(exchange->server);
  return wrong;
}

static void answer(exchange_t *exchange, void *context) {
  desk_t        *desk = context;
  bucket_reply_t unsaid;
  if (step_of(exchange) == STEP_PART && desk->has_gate && !await_gate(exchange, &desk->gate)) return;
  if (!goes_wrong(exchange, desk)) {
    bucket_answer(exchange, &desk->bucket);
    return;
  }
  if (desk->mishap == LOST) bucket_do(exchange, &desk->bucket, &unsaid);
  else take_body(exchange);
  if (desk->mishap == REFUSED) reply_error(exchange, 500, "InternalError", "try again");
  if (desk->mishap == THROTTLED) reply_error(exchange, 503, "SlowDown", "try again later");
  if (desk->mishap == FORBIDDEN) reply_error(exchange, 403, "AccessDenied", "no");
  if (desk->mishap == NAMELESS) reply(exchange, 200, "", "");
  if (desk->mishap == BROKEN || desk->mishap == LOST) reset(exchange);
}

static desk_t *new_desk_with(step_t step, mishap_t mishap, size_t failures, bool has_gate) {
  desk_t *desk = calloc(1, sizeof *desk);
  bucket_init(&desk->bucket);
  desk->step = step;
  desk->mishap = mishap;
  desk->failures = failures;
  desk->has_gate = has_gate;
  desk->server = server_start_with(answer, desk, (server_options_t){0, true, 0});
  return desk;
}

static desk_t *new_desk(step_t step, mishap_t mishap, size_t failures) {
  return new_desk_with(step, mishap, failures, false);
}

static void free_desk(desk_t *desk) {
  server_free(desk->server);
  bucket_free(&desk->bucket);
  free(desk);
}

/* -- what arrives -------------------------------------------------------------------------------------- */

static void check_signature(const record_t *record, kind_t kind) {
  const char *hash = record_header(record, "x-amz-content-sha256");
  const char *signature = record_header(record, "authorization");
  if (kind == S3) CHECK(hash != NULL && strlen(hash) == 64);
  if (kind == S3_UNSIGNED) CHECK_TEXT(hash, "UNSIGNED-PAYLOAD");
  if (kind == S3 || kind == S3_UNSIGNED) CHECK(signature && strncmp(signature, "AWS4-HMAC-SHA256 ", 17) == 0);
  if (kind == AZURE) CHECK(signature && strncmp(signature, "SharedKey account:", 18) == 0);
  if (kind == HTTP || kind == S3_ANONYMOUS || kind == GCS) CHECK(signature == NULL);
}

static void answer_well_to_all(exchange_t *exchange, void *unused) {
  static const object_t object = {0, 0, AN_ETAG, A_DATE};
  (void)unused;
  answer_well(exchange, &object);
}

static void a_small_put_is_one_request(void) {
  static const size_t sizes[] = {0, 1, 1000, 65535, 65536, 65537, MIB};
  for (kind_t kind = 0; kind < KINDS; kind++)
    for (size_t i = 0; i < sizeof sizes / sizeof sizes[0]; i++) {
      watch(__func__);
      server_t *server = server_start_with(answer_well_to_all, NULL, (server_options_t){0, true, 0});
      fixture_t fixture = with_server(server, kind, NO_OPTIONS);
      blobferry_completion_t completion = put_bytes(&fixture, sizes[i], NULL);
      CHECK_INT(completion.result, sizes[i]);
      check_outcome(completion, BLOBFERRY_OK, "");
      fixture_free(&fixture);
      server_stop(server);
      check_requests(server, 1);
      const record_t *record = server_find(server, "PUT", "", 0);
      if (record == NULL) abort();
      check_target(record, kind, "key");
      check_signature(record, kind);
      CHECK(record->has_length && !record->is_chunked);
      CHECK_INT(record->content_length, sizes[i]);
      CHECK_INT(record->received, sizes[i]);
      if (sizes[i] > 0) CHECK(memcmp(record->body, large_bytes(), sizes[i]) == 0);
      server_free(server);
    }
}

static void attributes_travel_in_the_head(void) {
  static const blobferry_pair_t metadata[] = {{"color", "blue"}, {"shape", "a b c"}};
  static const struct {
    kind_t      kind;
    const char *color, *shape;
  } names[] = {{S3, "x-amz-meta-color", "x-amz-meta-shape"},
               {AZURE, "x-ms-meta-color", "x-ms-meta-shape"},
               {GCS, "x-goog-meta-color", "x-goog-meta-shape"}};
  for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
    watch(__func__);
    server_t               *server = server_start(answer_well_to_all, NULL);
    fixture_t               fixture = with_server(server, names[i].kind, NO_OPTIONS);
    blobferry_put_options_t options = BLOBFERRY_PUT_OPTIONS_INIT;
    options.content_type = "text/x-test; charset=utf-8";
    options.metadata = metadata;
    options.metadata_count = 2;
    check_outcome(put_bytes(&fixture, 100, &options), BLOBFERRY_OK, "");
    const record_t *record = server_find(server, "PUT", "", 0);
    if (record == NULL) abort();
    CHECK_TEXT(record_header(record, names[i].color), "blue");
    CHECK_TEXT(record_header(record, names[i].shape), "a b c");
    const char *type = record_header(record, "x-ms-blob-content-type");
    CHECK_TEXT(type ? type : record_header(record, "content-type"), "text/x-test; charset=utf-8");
    fixture_free(&fixture);
    server_free(server);
  }
}

/* -- parts --------------------------------------------------------------------------------------------- */

static void check_uploaded(desk_t *desk, size_t size, size_t creates, size_t parts, size_t completes) {
  CHECK(bucket_holds(&desk->bucket, PATH, large_bytes(), size));
  check_count(desk->server, "POST", "?uploads", creates);
  check_count(desk->server, "PUT", "partNumber=", parts);
  if (completes > 0) check_count(desk->server, "POST", "uploadId=", completes);
  check_count(desk->server, "DELETE", "", 0);
}

static void a_large_put_goes_in_parts(void) {
  static const struct {
    size_t size, parts; /* 0 = one request */
  } sizes[] = {{5 * MIB, 0}, {5 * MIB + 1, 2}, {10 * MIB, 2}, {LARGE, 3}};
  for (size_t k = 0; k < sizeof kinds_with_uploads / sizeof kinds_with_uploads[0]; k++)
    for (size_t i = 0; i < sizeof sizes / sizeof sizes[0]; i++) {
      watch(__func__);
      desk_t                 *desk = new_desk(STEPS, REFUSED, 0);
      kind_t                  kind = kinds_with_uploads[k];
      fixture_t               fixture = with_server(desk->server, kind, OPTIONS({"part_size", "1MiB"}));
      blobferry_put_options_t options = BLOBFERRY_PUT_OPTIONS_INIT;
      options.flags = BLOBFERRY_REQUEST_DETAILS;
      blobferry_completion_t completion = put_bytes(&fixture, sizes[i].size, &options);
      CHECK_INT(completion.result, sizes[i].size);
      CHECK_INT(blobferry_details_size(completion.details), sizes[i].size);
      CHECK(blobferry_details_revision(completion.details) != NULL);
      check_outcome(completion, BLOBFERRY_OK, "");
      size_t uploads = sizes[i].parts > 0 ? 1 : 0;
      check_uploaded(desk, sizes[i].size, uploads, sizes[i].parts, uploads);
      fixture_free(&fixture);
      free_desk(desk);
    }
}

static void parts_go_at_once_as_many_as_allowed(void) {
  for (int limit = 1; limit <= 3; limit++) {
    char text[16];
    watch(__func__);
    snprintf(text, sizeof text, "%d", limit);
    desk_t   *desk = new_desk_with(STEPS, REFUSED, 0, true);
    fixture_t fixture = with_server(desk->server, S3, OPTIONS({"part_size", "5MiB"}, {"max_in_flight", text}));
    request_t request = {VERB_PUT, "key", large_bytes(), LARGE, NULL, 0, 0};
    must_submit(&request, fixture.store, fixture.cq);
    AWAIT(gate_waiting(desk->server, &desk->gate) == (size_t)limit);
    expect_nothing(fixture.cq, 50);
    CHECK_INT(gate_waiting(desk->server, &desk->gate), limit);
    gate_open(desk->server, &desk->gate);
    expect(fixture.cq, BLOBFERRY_OK, 0);
    check_uploaded(desk, LARGE, 1, 3, 1);
    fixture_free(&fixture);
    free_desk(desk);
  }
}

/* -- steps that fail ----------------------------------------------------------------------------------- */

static void say_where(kind_t kind, step_t step, mishap_t mishap) {
  if (has_failed_here())
    fprintf(stderr, "    (%s: the %s is %s)\n", kind_names[kind], step_names[step], mishap_names[mishap]);
}

static void check_mended(kind_t kind, step_t step, mishap_t mishap) {
  desk_t   *desk = new_desk(step, mishap, 1);
  fixture_t fixture = with_server(desk->server, kind, OPTIONS({"part_size", "5MiB"}, {"max_retries", "1"}));
  bool      is_lost_completion = step == STEP_COMPLETE && mishap == LOST;
  check_outcome(put_bytes(&fixture, LARGE, NULL), BLOBFERRY_OK, "");
  check_uploaded(desk, LARGE, step == STEP_CREATE ? 2 : 1, step == STEP_PART ? 4 : 3,
                 is_lost_completion ? 0 : step == STEP_COMPLETE ? 2 : 1);
  settle(fixture.service);
  /* A create whose answer was lost has made an upload that nobody knows. */
  CHECK_INT(bucket_left_behind(&desk->bucket), step == STEP_CREATE && mishap == LOST);
  say_where(kind, step, mishap);
  fixture_free(&fixture);
  free_desk(desk);
}

static void a_step_that_fails_once_is_repeated(void) {
  for (size_t k = 0; k < sizeof kinds_with_uploads / sizeof kinds_with_uploads[0]; k++)
    for (step_t step = STEP_CREATE; step <= STEP_COMPLETE; step++)
      for (mishap_t mishap = REFUSED; mishap <= LOST; mishap++) {
        watch(__func__);
        if (kinds_with_uploads[k] == GCS && step == STEP_COMPLETE && mishap == LOST) continue; /* see net_commit.c */
        check_mended(kinds_with_uploads[k], step, mishap);
      }
}

static blobferry_status_t ends_with(mishap_t mishap) {
  static const blobferry_status_t statuses[MISHAPS] = {BLOBFERRY_E_SERVER,     BLOBFERRY_E_THROTTLED,
                                                       BLOBFERRY_E_CONNECTION, BLOBFERRY_E_CONNECTION,
                                                       BLOBFERRY_E_PERMISSION, BLOBFERRY_E_SERVER};
  return statuses[mishap];
}

/* A step that always fails: the right error after the right number of requests, and nothing is left behind. */
static void check_given_up(kind_t kind, step_t step, mishap_t mishap) {
  static const char *const parts[STEPS] = {
      [STEP_CREATE] = "?uploads", [STEP_PART] = "partNumber=", [STEP_COMPLETE] = "uploadId="};
  desk_t   *desk = new_desk(step, mishap, 1000);
  fixture_t fixture =
      with_server(desk->server, kind, OPTIONS({"part_size", "5MiB"}, {"max_retries", "2"}, {"max_in_flight", "1"}));
  blobferry_completion_t completion = put_bytes(&fixture, LARGE, NULL);
  bool                   maybe = (completion.flags & BLOBFERRY_COMPLETION_MAYBE_COMMITTED) != 0;
  if (step != STEP_COMPLETE || mishap == FORBIDDEN || mishap == THROTTLED) CHECK(!maybe);
  if (step == STEP_COMPLETE && mishap == BROKEN) CHECK(maybe);
  CHECK_INT(blobferry_error_attempts(completion.error), mishap == FORBIDDEN ? 1 : 3);
  check_outcome(completion, ends_with(mishap), "key");
  check_count(desk->server, step == STEP_PART ? "PUT" : "POST", parts[step], mishap == FORBIDDEN ? 1 : 3);
  settle(fixture.service);
  CHECK_INT(bucket_left_behind(&desk->bucket), 0);
  CHECK_INT(bucket_aborted(&desk->bucket), step == STEP_CREATE ? 0 : 1);
  if (step == STEP_CREATE) check_count(desk->server, "DELETE", "", 0);
  CHECK(!bucket_knows(&desk->bucket, PATH));
  say_where(kind, step, mishap);
  fixture_free(&fixture);
  free_desk(desk);
}

static void a_put_that_fails_leaves_no_upload(void) {
  static const mishap_t mishaps[] = {REFUSED, THROTTLED, BROKEN, FORBIDDEN};
  for (size_t k = 0; k < sizeof kinds_with_uploads / sizeof kinds_with_uploads[0]; k++)
    for (step_t step = STEP_CREATE; step <= STEP_COMPLETE; step++)
      for (size_t i = 0; i < sizeof mishaps / sizeof mishaps[0]; i++) {
        watch(__func__);
        check_given_up(kinds_with_uploads[k], step, mishaps[i]);
      }
}

/* A create without a name of the upload, and a part without an ETag. */
static void an_answer_without_its_name_is_an_error(void) {
  watch(__func__);
  check_given_up(S3, STEP_CREATE, NAMELESS);
  check_given_up(S3, STEP_PART, NAMELESS);
}

/* An abort that fails is tried again; one that always fails is given up, and the completion has come long before. */
static void an_abort_may_fail_too(void) {
  static const size_t failures[] = {1, 1000};
  for (size_t i = 0; i < sizeof failures / sizeof failures[0]; i++)
    for (mishap_t mishap = REFUSED; mishap <= LOST; mishap++) {
      if (failures[i] > 1 && mishap != BROKEN) continue; /* it takes seconds to give up */
      watch(__func__);
      desk_t   *desk = new_desk_with(STEP_ABORT, mishap, failures[i], true);
      fixture_t fixture = with_server(desk->server, S3, OPTIONS({"part_size", "5MiB"}, {"max_retries", "2"}));
      request_t request = {VERB_PUT, "key", large_bytes(), LARGE, NULL, 0, 0};
      blobferry_ticket_t ticket = must_submit(&request, fixture.store, fixture.cq);
      AWAIT(gate_waiting(desk->server, &desk->gate) > 0);
      must_cancel(fixture.cq, ticket);
      expect(fixture.cq, BLOBFERRY_E_CANCELLED, 0);
      gate_open(desk->server, &desk->gate);
      settle(fixture.service);
      if (failures[i] == 1 || mishap == LOST) CHECK_INT(bucket_left_behind(&desk->bucket), 0);
      CHECK(server_count(desk->server, "DELETE", "uploadId=") > 1);
      CHECK(server_count(desk->server, "DELETE", "uploadId=") < 20);
      fixture_free(&fixture);
      free_desk(desk);
    }
}

/* -- Azure's blocks ------------------------------------------------------------------------------------ */

/* Blocks and their list; every `third` request fails once. */
static void answer_blocks(exchange_t *exchange, void *context) {
  bool fails = *(bool *)context && exchange->number % 3 == 0;
  take_body(exchange);
  if (fails) reply_error(exchange, 500, "InternalError", "try again");
  else reply(exchange, 201, "ETag: \"0x1\"\r\nLast-Modified: " A_DATE "\r\n", "");
}

/* Puts the blocks together that the last list names, and compares. */
static void check_blocks(server_t *server, size_t size) {
  const record_t *list = NULL, *record;
  char            id[128], written[512];
  size_t          at = 0;
  for (size_t i = 0; (record = server_record(server, i)) != NULL; i++)
    if (record_is(record, "PUT", "comp=blocklist") && record->status == 201) list = record;
  if (list == NULL) {
    FAIL("there is no list of blocks");
    return;
  }
  char *text = strndup((const char *)list->body, (size_t)list->received);
  for (const char *rest = text; (rest = strstr(rest, ">")) != NULL;) {
    if (sscanf(++rest, "%127[A-Za-z0-9+/=]<", id) != 1) continue;
    for (size_t i = 0; (record = server_record(server, i)) != NULL; i++)
      if (record->status == 201 && record_query(record, "blockid", written, sizeof written) && !strcmp(written, id)) {
        size_t received = (size_t)record->received;
        CHECK(at + received <= size && memcmp(record->body, large_bytes() + at, received) == 0);
        at += received;
      }
  }
  CHECK_INT(at, size);
  free(text);
}

static void azure_puts_blocks_together(void) {
  for (int fails = 0; fails < 2; fails++) {
    watch(__func__);
    bool      some_fail = fails != 0;
    server_t *server = server_start_with(answer_blocks, &some_fail, (server_options_t){0, true, 0});
    fixture_t fixture = with_server(server, AZURE, OPTIONS({"part_size", "1MiB"}));
    check_outcome(put_bytes(&fixture, LARGE, NULL), BLOBFERRY_OK, "");
    fixture_free(&fixture);
    server_stop(server);
    if (!some_fail) check_requests(server, 12);
    check_count(server, "DELETE", "", 0);
    check_blocks(server, LARGE);
    server_free(server);
  }
}

TESTS(TEST(a_small_put_is_one_request), TEST(attributes_travel_in_the_head), TEST(a_large_put_goes_in_parts),
      TEST(parts_go_at_once_as_many_as_allowed), TEST(a_step_that_fails_once_is_repeated),
      TEST(a_put_that_fails_leaves_no_upload), TEST(an_answer_without_its_name_is_an_error),
      TEST(an_abort_may_fail_too), TEST(azure_puts_blocks_together))
