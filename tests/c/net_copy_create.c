/*
 * Copies that only create: the condition goes with every attempt, what was there
 * stays, and where S3 has a condition only on the end of an upload in parts, no
 * upload is left behind.
 */
#include "server.h"
#include "server/copies.h"

enum { RETRIES = 2 };

/* -- where a copy has a condition -------------------------------------------------------------------------- */

static const kind_t kinds[] = {GCS, AZURE, HTTP};

enum { KINDS_HERE = sizeof kinds / sizeof kinds[0] };

/* A copy that creates must end so, after so many requests for it. */
static void check_create_with(kind_t kind, const blobferry_pair_t *options, copies_t copies, blobferry_status_t status,
                              bool maybe, size_t asked) {
  server_t *server = server_start(answer_copies, &copies);
  fixture_t fixture = with_server(server, kind, options);
  CHECK(blobferry_store_capabilities(fixture.store) & BLOBFERRY_CAN_COPY_CREATE);
  check_commit(copy_with(&fixture, blobferry_object_copy, "from", "to", BLOBFERRY_PUT_CREATE, 0), status, maybe, "");
  CHECK_INT(copies.asked[ASK_COPY], asked);
  if (has_failed_here()) {
    fprintf(stderr, "    (%s)\n", kind_names[kind]);
    server_print(server);
  }
  fixture_free(&fixture);
  server_free(server);
  beat();
}

static void check_create(kind_t kind, copies_t copies, blobferry_status_t status, bool maybe, size_t asked) {
  check_create_with(kind, OPTIONS({"max_retries", "2"}), copies, status, maybe, asked);
}

static void what_is_there_stays(void) {
  for (size_t k = 0; k < KINDS_HERE; k++) {
    kind_t      kind = kinds[k];
    const char *there = kind == AZURE ? "BlobAlreadyExists" : "PreconditionFailed";
    int         status = kind == AZURE ? 409 : 412;
    watch(__func__);
    check_create(kind, (copies_t){0}, BLOBFERRY_OK, false, 1);
    check_create(kind, (copies_t){SAYS(ASK_COPY, {status, .code = there})}, BLOBFERRY_E_EXISTS, false, 1);
    check_create(kind, (copies_t){SAYS(ASK_COPY, {412, .headers = ""})}, BLOBFERRY_E_EXISTS, false, 1);
    /* The attempt whose answer was lost may have made what is there now. */
    check_create(kind, (copies_t){SAYS(ASK_COPY, {.is_lost = true}, {status, .code = there})}, BLOBFERRY_E_EXISTS, true,
                 2);
    check_create(kind, (copies_t){SAYS(ASK_COPY, {.is_lost = true})}, BLOBFERRY_E_CONNECTION, true, RETRIES + 1);
  }
}

static const char *condition_of(const record_t *record, kind_t kind) {
  return record_header(record, kind == GCS    ? "x-goog-if-generation-match"
                               : kind == HTTP ? "overwrite"
                                              : "if-none-match");
}

static void a_create_says_so_in_every_attempt(void) {
  for (size_t k = 0; k < KINDS_HERE; k++) {
    watch(__func__);
    copies_t  copies = {SAYS(ASK_COPY, {503, .code = "SlowDown"}, {0})};
    server_t *server = server_start(answer_copies, &copies);
    fixture_t fixture = with_server(server, kinds[k], NO_OPTIONS);
    check_commit(copy_with(&fixture, blobferry_object_copy, "from", "to", BLOBFERRY_PUT_CREATE, 0), BLOBFERRY_OK, false,
                 "");
    for (size_t i = 0; i < 2; i++) {
      const record_t *record = server_find(server, kinds[k] == HTTP ? "COPY" : "PUT", "", i);
      if (record == NULL) FAIL("no attempt %zu", i);
      else CHECK_TEXT(condition_of(record, kinds[k]), kinds[k] == GCS ? "0" : kinds[k] == HTTP ? "F" : "*");
    }
    fixture_free(&fixture);
    server_free(server);
  }
}

/* -- S3, by a header that a store may know ----------------------------------------------------------------- */

static void s3_takes_the_header_that_its_store_knows(void) {
  const blobferry_pair_t *by_header = OPTIONS({"max_retries", "2"}, {"copy_if_not_exists", "header: cf-copy: none"});
  const blobferry_pair_t *by_status =
      OPTIONS({"max_retries", "2"}, {"copy_if_not_exists", "header-with-status: x-create: yes: 409"});
  watch(__func__);
  check_create_with(S3, by_header, (copies_t){0}, BLOBFERRY_OK, false, 1);
  check_create_with(S3, by_header, (copies_t){SAYS(ASK_COPY, {412, .code = "PreconditionFailed"})}, BLOBFERRY_E_EXISTS,
                    false, 1);
  check_create_with(S3, by_header, (copies_t){SAYS(ASK_COPY, {.is_lost = true}, {412, .code = "PreconditionFailed"})},
                    BLOBFERRY_E_EXISTS, true, 2);
  check_create_with(S3, by_status, (copies_t){SAYS(ASK_COPY, {409, .code = "Conflict"})}, BLOBFERRY_E_EXISTS, false, 1);
  check_create_with(S3, by_status, (copies_t){SAYS(ASK_COPY, {404, .code = "NoSuchKey"})}, BLOBFERRY_E_NOT_FOUND, false,
                    1);
}

/* -- S3, by an upload whose single part is the object ----------------------------------------------------------- */

/* Uploads that were begun and neither completed, as far as the server has said so, nor given up. It has stopped. */
static size_t left_behind(server_t *server) {
  const record_t *record;
  size_t          left = 0;
  char            part[64];
  for (size_t i = 0; (record = server_record(server, i)) != NULL; i++) {
    if (!record_is(record, "POST", "uploads") || record->status != 200) continue;
    snprintf(part, sizeof part, "uploadId=upload-%zu", i);
    const record_t *end = server_find(server, "POST", part, 0);
    if ((end == NULL || end->status != 200) && server_count(server, "DELETE", part) == 0) left++;
  }
  return left;
}

/* The copy must end so; whatever has begun is completed or given up. `begun` uploads there were. */
static void check_upload(copies_t copies, blobferry_status_t status, bool maybe, size_t begun) {
  server_t *server = server_start(answer_copies, &copies);
  fixture_t fixture = with_server(server, S3, OPTIONS({"max_retries", "2"}));
  check_commit(copy_with(&fixture, blobferry_object_copy, "from", "to", BLOBFERRY_PUT_CREATE, 0), status, maybe, "");
  settle(fixture.service);
  fixture_free(&fixture);
  server_stop(server);
  CHECK_INT(copies.asked[ASK_BEGIN], begun);
  CHECK(copies.asked[ASK_COPY] <= begun && copies.asked[ASK_COMPLETE] <= begun);
  CHECK_INT(copies.asked[ASK_DELETE] + copies.asked[ASK_OTHER], 0);
  if (copies.said_count[ASK_BEGIN] == 0) CHECK_INT(left_behind(server), 0);
  if (has_failed_here()) server_print(server);
  server_free(server);
  beat();
}

#define ERROR_DOCUMENT(code) "<Error><Code>" code "</Code><Message>really no</Message></Error>"

static void an_upload_ends_with_its_condition(void) {
  watch(__func__);
  copies_t  copies = {0};
  server_t *server = server_start(answer_copies, &copies);
  fixture_t fixture = with_server(server, S3, NO_OPTIONS);
  check_commit(copy_with(&fixture, blobferry_object_copy, "a b/from+", "to", BLOBFERRY_PUT_CREATE, 0), BLOBFERRY_OK,
               false, "");
  const record_t *part = server_find(server, "PUT", "partNumber=1", 0),
                 *end = server_find(server, "POST", "uploadId=", 0);
  char source[64];
  if (part == NULL || end == NULL) FAIL("no part was copied, or nothing was completed");
  else {
    const char *said = record_header(part, "x-amz-copy-source");
    percent_decode(said ? said : "", "", false, source, sizeof source);
    CHECK_TEXT(source[0] == '/' ? source + 1 : source, "bucket/a b/from+");
    CHECK_TEXT(record_header(end, "if-none-match"), "*");
    check_target(end, S3, "to");
  }
  fixture_free(&fixture);
  server_free(server);
}

static void an_upload_tells_what_became_of_it(void) {
  watch(__func__);
  check_upload((copies_t){0}, BLOBFERRY_OK, false, 1);
  check_upload((copies_t){SAYS(ASK_HEAD, {404, .headers = ""})}, BLOBFERRY_E_NOT_FOUND, false, 0);
  check_upload((copies_t){SAYS(ASK_HEAD, {403, .headers = ""})}, BLOBFERRY_E_PERMISSION, false, 0);
  check_upload((copies_t){SAYS(ASK_COPY, {404, .code = "NoSuchKey"})}, BLOBFERRY_E_NOT_FOUND, false, 1);
  check_upload((copies_t){SAYS(ASK_COPY, {403, .code = "AccessDenied"})}, BLOBFERRY_E_PERMISSION, false, 1);
  check_upload((copies_t){SAYS(ASK_COMPLETE, {412, .code = "PreconditionFailed"})}, BLOBFERRY_E_EXISTS, false, 1);
  check_upload((copies_t){SAYS(ASK_COMPLETE, {409, .code = "ConditionalRequestConflict"}, {0})}, BLOBFERRY_OK, false,
               2);
  check_upload((copies_t){SAYS(ASK_COPY, {503, .code = "SlowDown"}, {0})}, BLOBFERRY_OK, false, 2);
  check_upload((copies_t){SAYS(ASK_COPY, {.is_lost = true}, {0})}, BLOBFERRY_OK, false, 2);
  check_upload((copies_t){SAYS(ASK_COPY, {.is_lost = true})}, BLOBFERRY_E_CONNECTION, false, RETRIES + 1);
}

/* Only what completes an upload can have taken effect. */
static void a_completion_that_is_lost_leaves_it_open(void) {
  watch(__func__);
  check_upload((copies_t){SAYS(ASK_COMPLETE, {.is_lost = true})}, BLOBFERRY_E_CONNECTION, true, RETRIES + 1);
  check_upload((copies_t){SAYS(ASK_COMPLETE, {.is_lost = true}, {412, .code = "PreconditionFailed"})},
               BLOBFERRY_E_EXISTS, true, 2);
  check_upload((copies_t){SAYS(ASK_COMPLETE, {200, .body = ERROR_DOCUMENT("InternalError")})}, BLOBFERRY_E_SERVER, true,
               RETRIES + 1);
  check_upload((copies_t){SAYS(ASK_COMPLETE, {200, .body = ERROR_DOCUMENT("PreconditionFailed")})}, BLOBFERRY_E_EXISTS,
               false, 1);
}

/* A part of an upload, too, may be an error within a success. */
static void a_part_that_was_not_copied_is_no_part(void) {
  static const char *const documents[] = {"", "<html/>", ERROR_DOCUMENT("InternalError"),
                                          "<CopyPartResult></CopyPartResult>", "<CopyPartResult><ETag>&quot;0"};
  for (size_t i = 0; i < sizeof documents / sizeof documents[0]; i++) {
    watch(__func__);
    copies_t               copies = {SAYS(ASK_COPY, {200, .body = documents[i]})};
    server_t              *server = server_start(answer_copies, &copies);
    fixture_t              fixture = with_server(server, S3, OPTIONS({"max_retries", "2"}));
    blobferry_completion_t completion =
        copy_with(&fixture, blobferry_object_copy, "from", "to", BLOBFERRY_PUT_CREATE, 0);
    CHECK(completion.status != BLOBFERRY_OK && !(completion.flags & BLOBFERRY_COMPLETION_MAYBE_COMMITTED));
    CHECK(blobferry_error_http_status(completion.error) == 200 || completion.status == BLOBFERRY_E_SERVER);
    dispose(&completion);
    settle(fixture.service);
    fixture_free(&fixture);
    server_stop(server);
    CHECK_INT(copies.asked[ASK_COMPLETE], 0);
    CHECK_INT(left_behind(server), 0);
    if (has_failed_here()) {
      fprintf(stderr, "    (%s)\n", documents[i]);
      server_print(server);
    }
    server_free(server);
  }
}

/* As often as was allowed, and no oftener. */
static void retries_do_not_multiply(void) {
  watch(__func__);
  check_upload((copies_t){SAYS(ASK_BEGIN, {503, .code = "SlowDown"})}, BLOBFERRY_E_THROTTLED, false, RETRIES + 1);
  check_upload((copies_t){SAYS(ASK_BEGIN, {200, .body = ""})}, BLOBFERRY_E_SERVER, false, RETRIES + 1);
}

static void answer_and_stall(exchange_t *exchange, void *context) {
  if (ask_of(exchange) == ASK_COPY) stall(exchange);
  else answer_copies(exchange, context);
}

static void a_copy_that_is_cancelled_leaves_no_upload(void) {
  watch(__func__);
  copies_t                 copies = {0};
  blobferry_copy_options_t options = BLOBFERRY_COPY_OPTIONS_INIT;
  blobferry_ticket_t       ticket = 0;
  server_t                *server = server_start(answer_and_stall, &copies);
  fixture_t                fixture = with_server(server, S3, NO_OPTIONS);
  options.mode = BLOBFERRY_PUT_CREATE;
  must(blobferry_object_copy(fixture.store, fixture.cq, "from", "to", &options, 0, &ticket, NULL), NULL, "a copy");
  AWAIT(server_count(server, "PUT", "partNumber") > 0);
  must_cancel(fixture.cq, ticket);
  check_commit(wait_one(fixture.cq), BLOBFERRY_E_CANCELLED, false, "");
  AWAIT(server_count(server, "DELETE", "uploadId=upload-1") > 0);
  fixture_free(&fixture);
  server_free(server);
}

TESTS(TEST(what_is_there_stays), TEST(a_create_says_so_in_every_attempt),
      TEST(s3_takes_the_header_that_its_store_knows), TEST(an_upload_ends_with_its_condition),
      TEST(an_upload_tells_what_became_of_it), TEST(a_completion_that_is_lost_leaves_it_open),
      TEST(a_part_that_was_not_copied_is_no_part), TEST(retries_do_not_multiply),
      TEST(a_copy_that_is_cancelled_leaves_no_upload))
