/*
 * Copies at a server: whether they have taken effect where the server says one thing
 * and means another, says it late, or says nothing; and what exactly is copied.
 */
#include "server.h"
#include "server/copies.h"

enum { RETRIES = 2 };

static const kind_t kinds[] = {S3, S3_UNSIGNED, GCS, AZURE, HTTP};

enum { KINDS_HERE = sizeof kinds / sizeof kinds[0] };

/* A copy must end so, after so many requests for it. */
static void check_copy(kind_t kind, copies_t copies, blobferry_status_t status, bool maybe, size_t asked) {
  server_t *server = server_start(answer_copies, &copies);
  fixture_t fixture = with_server(server, kind, OPTIONS({"max_retries", "2"}));
  check_commit(copy_with(&fixture, blobferry_object_copy, "from", "to", BLOBFERRY_PUT_OVERWRITE, 0), status, maybe, "");
  CHECK_INT(copies.asked[ASK_COPY], asked);
  CHECK_INT(copies.asked[ASK_DELETE] + copies.asked[ASK_MOVE], 0);
  if (has_failed_here()) {
    fprintf(stderr, "    (%s)\n", kind_names[kind]);
    server_print(server);
  }
  fixture_free(&fixture);
  server_free(server);
  beat();
}

static void what_is_said_in_the_head_counts(void) {
  for (size_t k = 0; k < KINDS_HERE; k++) {
    const char *missing = kinds[k] == AZURE ? "BlobNotFound" : "NoSuchKey";
    watch(__func__);
    check_copy(kinds[k], (copies_t){0}, BLOBFERRY_OK, false, 1);
    check_copy(kinds[k], (copies_t){SAYS(ASK_COPY, {403, .code = "AccessDenied"})}, BLOBFERRY_E_PERMISSION, false, 1);
    check_copy(kinds[k], (copies_t){SAYS(ASK_COPY, {503, .code = "SlowDown"}, {0})}, BLOBFERRY_OK, false, 2);
    /* nginx says 500 where a folder is missing, which is made then. */
    check_copy(kinds[k], (copies_t){SAYS(ASK_COPY, {kinds[k] == HTTP ? 502 : 500, .code = "InternalError"})},
               BLOBFERRY_E_SERVER, true, RETRIES + 1);
    check_copy(kinds[k], (copies_t){SAYS(ASK_COPY, {503, .code = "SlowDown"})}, BLOBFERRY_E_THROTTLED, false,
               RETRIES + 1);
    if (kinds[k] != HTTP) /* a folder may be what is missing there */
      check_copy(kinds[k], (copies_t){SAYS(ASK_COPY, {404, .code = missing})}, BLOBFERRY_E_NOT_FOUND, false, 1);
  }
}

static void an_answer_that_is_lost_leaves_it_open(void) {
  for (size_t k = 0; k < KINDS_HERE; k++) {
    watch(__func__);
    check_copy(kinds[k], (copies_t){SAYS(ASK_COPY, {.is_lost = true}, {0})}, BLOBFERRY_OK, false, 2);
    check_copy(kinds[k], (copies_t){SAYS(ASK_COPY, {.is_lost = true})}, BLOBFERRY_E_CONNECTION, true, RETRIES + 1);
    /* A later refusal that is certain takes the doubt about the first attempt not away. */
    check_copy(kinds[k], (copies_t){SAYS(ASK_COPY, {.is_lost = true}, {503, .code = "SlowDown"})},
               BLOBFERRY_E_THROTTLED, true, RETRIES + 1);
    check_copy(kinds[k], (copies_t){SAYS(ASK_COPY, {.is_lost = true}, {403, .code = "AccessDenied"})},
               BLOBFERRY_E_PERMISSION, true, 2);
  }
}

/* -- 200 that is none ---------------------------------------------------------------------------------------- */

#define ERROR_DOCUMENT(code) \
  "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n\n<Error><Code>" code "</Code><Message>really no</Message></Error>"

/* S3 sends the head of its answer before it has copied. */
static void an_error_within_a_success_is_an_error(void) {
  static const kind_t with_documents[] = {S3, GCS};
  for (size_t k = 0; k < 2; k++) {
    kind_t kind = with_documents[k];
    watch(__func__);
    check_copy(kind, (copies_t){SAYS(ASK_COPY, {200, .body = ERROR_DOCUMENT("InternalError")}, {0})}, BLOBFERRY_OK,
               false, 2);
    check_copy(kind, (copies_t){SAYS(ASK_COPY, {200, .body = ERROR_DOCUMENT("InternalError")})}, BLOBFERRY_E_SERVER,
               true, RETRIES + 1);
    check_copy(kind, (copies_t){SAYS(ASK_COPY, {200, .body = ERROR_DOCUMENT("SlowDown")})}, BLOBFERRY_E_THROTTLED,
               false, RETRIES + 1);
    check_copy(kind, (copies_t){SAYS(ASK_COPY, {200, .body = "  \n" ERROR_DOCUMENT("AccessDenied")})},
               BLOBFERRY_E_PERMISSION, false, 1);
    check_copy(kind, (copies_t){SAYS(ASK_COPY, {200, .body = ERROR_DOCUMENT("NoSuchKey")})}, BLOBFERRY_E_NOT_FOUND,
               false, 1);
  }
}

static void a_document_that_says_nothing_leaves_it_open(void) {
  static const said_t nothing[] = {
      {200, .body = ""},
      {200, .body = " "},
      {200, .body = "<html><body>200 OK</body></html>"},
      {200, .body = "<?xml version=\"1.0\"?><CopyObjectResult><ETag>&quot;0", .is_cut = true},
      {200, .body = "<?xml version=\"1.0\"?><CopyObjectResult><ETag>&quot;0"},
      {200, .body = "{\"etag\": \"0\"}"},
      {202, .body = COPIED},
      {206, .body = COPIED},
  };
  for (size_t i = 0; i < sizeof nothing / sizeof nothing[0]; i++) {
    watch(__func__);
    copies_t copies = {.said_count[ASK_COPY] = 1};
    copies.said[ASK_COPY][0] = nothing[i];
    server_t              *server = server_start(answer_copies, &copies);
    fixture_t              fixture = with_server(server, S3, OPTIONS({"max_retries", "2"}));
    blobferry_completion_t completion =
        copy_with(&fixture, blobferry_object_copy, "from", "to", BLOBFERRY_PUT_OVERWRITE, 0);
    CHECK(completion.status == BLOBFERRY_E_SERVER || completion.status == BLOBFERRY_E_INTEGRITY ||
          completion.status == BLOBFERRY_E_CONNECTION);
    CHECK(completion.flags & BLOBFERRY_COMPLETION_MAYBE_COMMITTED);
    CHECK(copies.asked[ASK_COPY] <= RETRIES + 1);
    if (has_failed_here()) fprintf(stderr, "    (%d %s)\n", nothing[i].status, nothing[i].body);
    dispose(&completion);
    fixture_free(&fixture);
    server_free(server);
  }
}

/* -- Azure copies behind its answer --------------------------------------------------------------------------- */

#define COPY_IS(status) SEEN "x-ms-copy-id: 1\r\nx-ms-copy-status: " status "\r\n"
#define COPY_HAS_FAILED SEEN "x-ms-copy-id: 1\r\nx-ms-copy-status: failed\r\nx-ms-copy-status-description: 500 disk\r\n"

static void a_copy_that_is_pending_is_waited_for(void) {
  const said_t pending = {202, .headers = COPY_IS("pending")};
  watch(__func__);
  check_copy(AZURE,
             (copies_t){SAYS(ASK_COPY, pending),
                        SAYS(ASK_HEAD, {200, .headers = COPY_IS("pending")}, {200, .headers = COPY_IS("success")})},
             BLOBFERRY_OK, false, 1);
  check_copy(
      AZURE,
      (copies_t){SAYS(ASK_COPY, pending), SAYS(ASK_HEAD, {503, .headers = ""}, {200, .headers = COPY_IS("pending")},
                                               {.is_lost = true}, {200, .headers = COPY_IS("success")})},
      BLOBFERRY_OK, false, 1);
}

/* What has failed behind is an error, whose text says what the server says. */
static void a_copy_that_fails_behind_is_an_error(void) {
  static const said_t ends[] = {
      {200, .headers = COPY_HAS_FAILED},
      {200, .headers = COPY_IS("aborted")},
      {200, .headers = SEEN "x-ms-copy-id: 2\r\nx-ms-copy-status: success\r\n"}, /* somebody else's */
      {200, .headers = SEEN},                                                    /* overwritten meanwhile */
      {200, .headers = COPY_IS("nonsense")},
      {404, .headers = ""},
  };
  for (size_t i = 0; i < sizeof ends / sizeof ends[0]; i++) {
    watch(__func__);
    copies_t copies = {SAYS(ASK_COPY, {202, .headers = COPY_IS("pending")}), .said_count[ASK_HEAD] = 1};
    copies.said[ASK_HEAD][0] = ends[i];
    server_t              *server = server_start(answer_copies, &copies);
    fixture_t              fixture = with_server(server, AZURE, OPTIONS({"max_retries", "2"}));
    blobferry_completion_t completion =
        copy_with(&fixture, blobferry_object_copy, "from", "to", BLOBFERRY_PUT_OVERWRITE, 20000);
    CHECK(completion.status != BLOBFERRY_OK && completion.status != BLOBFERRY_E_DEADLINE);
    if (i == 0) CHECK(strstr(blobferry_error_message(completion.error), "500 disk") != NULL);
    if (i >= 2) CHECK(completion.flags & BLOBFERRY_COMPLETION_MAYBE_COMMITTED);
    if (has_failed_here())
      fprintf(stderr, "    (%d %s: %s)\n", ends[i].status, ends[i].headers, blobferry_error_message(completion.error));
    dispose(&completion);
    fixture_free(&fixture);
    server_free(server);
  }
}

static void a_copy_that_is_pending_for_ever_ends_at_its_deadline(void) {
  watch(__func__);
  copies_t  copies = {SAYS(ASK_COPY, {202, .headers = COPY_IS("pending")}),
                      SAYS(ASK_HEAD, {200, .headers = COPY_IS("pending")})};
  server_t *server = server_start(answer_copies, &copies);
  fixture_t fixture = with_server(server, AZURE, NO_OPTIONS);
  check_commit(copy_with(&fixture, blobferry_object_copy, "from", "to", BLOBFERRY_PUT_OVERWRITE, 1000),
               BLOBFERRY_E_DEADLINE, true, "");
  if (copies.asked[ASK_HEAD] > 100) FAIL("it was looked at %zu times in a second", copies.asked[ASK_HEAD]);
  fixture_free(&fixture);
  server_free(server);
}

static void a_copy_that_is_pending_can_be_cancelled(void) {
  watch(__func__);
  copies_t           copies = {SAYS(ASK_COPY, {202, .headers = COPY_IS("pending")}),
                               SAYS(ASK_HEAD, {200, .headers = COPY_IS("pending")})};
  blobferry_ticket_t ticket = 0;
  server_t          *server = server_start(answer_copies, &copies);
  fixture_t          fixture = with_server(server, AZURE, NO_OPTIONS);
  must(blobferry_object_copy(fixture.store, fixture.cq, "from", "to", NULL, 0, &ticket, NULL), NULL, "a copy");
  AWAIT(server_count(server, "HEAD", "") > 0);
  must_cancel(fixture.cq, ticket);
  check_commit(wait_one(fixture.cq), BLOBFERRY_E_CANCELLED, true, "");
  fixture_free(&fixture);
  server_free(server);
}

/* -- names ------------------------------------------------------------------------------------------------------- */

/* What a header or a target says, decoded once, must end in the name, behind the path of the store. */
static void check_name(const char *said, kind_t kind, const char *key) {
  char        decoded[2048], wanted[2048];
  const char *path = kind_paths[kind];
  for (const char *byte = said; *byte != '\0'; byte++)
    if (*byte <= ' ' || *byte > '~') {
      FAIL("\"%s\" is not escaped", said);
      break;
    }
  percent_decode(said, "?", false, decoded, sizeof decoded);
  snprintf(wanted, sizeof wanted, "%s%s", is_s3(kind) || kind == GCS ? path + 1 : path, key);
  size_t size = strlen(decoded), end = strlen(wanted);
  if (size < end || strcmp(decoded + size - end, wanted) != 0) FAIL("%s is not %s", said, wanted);
}

static void names_are_escaped_once(void) {
  static const char *const odd[] = {"a&b", "a b", "\xC3\xBC", "+",       "100%",   "%41",
                                    "a?b", "a#b", "\"'",      "a=b;c:d", "a/b c/d"};
  for (size_t k = 0; k < KINDS_HERE; k++)
    for (size_t i = 0; i < sizeof odd / sizeof odd[0]; i++) {
      char to[64];
      watch(__func__);
      copies_t  copies = {0};
      server_t *server = server_start(answer_copies, &copies);
      fixture_t fixture = with_server(server, kinds[k], NO_OPTIONS);
      snprintf(to, sizeof to, "%s to", odd[i]);
      check_commit(copy_with(&fixture, blobferry_object_copy, odd[i], to, BLOBFERRY_PUT_OVERWRITE, 0), BLOBFERRY_OK,
                   false, "");
      const record_t *record = server_find(server, kinds[k] == HTTP ? "COPY" : "PUT", "", 0);
      exchange_t      asked = {.record = (record_t *)record};
      if (record == NULL) FAIL("no copy was asked for");
      else if (kinds[k] == HTTP) {
        check_name(record->target, HTTP, odd[i]);
        check_name(record_header(record, "destination"), HTTP, to);
      } else {
        check_name(copy_source(&asked), kinds[k], odd[i]);
        check_target(record, kinds[k], to);
      }
      if (has_failed_here()) fprintf(stderr, "    (%s: %s)\n", kind_names[kinds[k]], odd[i]);
      fixture_free(&fixture);
      server_free(server);
      beat();
    }
}

TESTS(TEST(what_is_said_in_the_head_counts), TEST(an_answer_that_is_lost_leaves_it_open),
      TEST(an_error_within_a_success_is_an_error), TEST(a_document_that_says_nothing_leaves_it_open),
      TEST(a_copy_that_is_pending_is_waited_for), TEST(a_copy_that_fails_behind_is_an_error),
      TEST(a_copy_that_is_pending_for_ever_ends_at_its_deadline), TEST(a_copy_that_is_pending_can_be_cancelled),
      TEST(names_are_escaped_once))
