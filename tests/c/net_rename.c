/*
 * Renames at a server: a copy and then a delete, or one step where there is WebDAV.
 * Whatever goes wrong, the bytes are under one of the two names, and what is said
 * of them is true.
 */
#include "server.h"
#include "server/copies.h"

enum { RETRIES = 2 };

static const kind_t two_steps[] = {S3, GCS, AZURE};

enum { TWO_STEPS = sizeof two_steps / sizeof two_steps[0] };

/* A rename must end so, after so many requests. */
static void check_rename_with(kind_t kind, copies_t copies, uint32_t mode, blobferry_status_t status, bool maybe,
                              size_t copied, size_t deleted, const char *part) {
  server_t *server = server_start(answer_copies, &copies);
  fixture_t fixture = with_server(server, kind, OPTIONS({"max_retries", "2"}));
  check_commit(copy_with(&fixture, blobferry_object_rename, "from", "to", mode, 0), status, maybe, part);
  CHECK_INT(copies.asked[ASK_COPY] + copies.asked[ASK_MOVE], copied);
  CHECK_INT(copies.asked[ASK_DELETE], deleted);
  if (has_failed_here()) {
    fprintf(stderr, "    (%s)\n", kind_names[kind]);
    server_print(server);
  }
  fixture_free(&fixture);
  server_free(server);
  beat();
}

static void check_rename(kind_t kind, copies_t copies, blobferry_status_t status, bool maybe, size_t copied,
                         size_t deleted, const char *part) {
  check_rename_with(kind, copies, BLOBFERRY_PUT_OVERWRITE, status, maybe, copied, deleted, part);
}

/* -- a copy, then a delete ----------------------------------------------------------------------------------- */

/* What was not copied for certain is never deleted. */
static void nothing_is_deleted_that_was_not_copied(void) {
  static const said_t refusals[] = {
      {403, .code = "AccessDenied"},
      {404, .code = "NoSuchKey"},
      {500, .code = "InternalError"},
      {503, .code = "SlowDown"},
      {.is_lost = true},
      {202, .headers = ""},
      {200, .body = "<Error><Code>InternalError</Code></Error>"},
      {200, .body = "<Error><Code>AccessDenied</Code></Error>"},
      {200, .body = ""},
      {204, .body = ""},
      {301, .headers = "Location: http://127.0.0.1:1/\r\n"},
  };
  for (size_t k = 0; k < TWO_STEPS; k++)
    for (size_t i = 0; i < sizeof refusals / sizeof refusals[0]; i++) {
      watch(__func__);
      copies_t copies = {.said_count[ASK_COPY] = 1};
      copies.said[ASK_COPY][0] = refusals[i];
      server_t              *server = server_start(answer_copies, &copies);
      fixture_t              fixture = with_server(server, two_steps[k], OPTIONS({"max_retries", "1"}));
      blobferry_completion_t completion =
          copy_with(&fixture, blobferry_object_rename, "from", "to", BLOBFERRY_PUT_OVERWRITE, 0);
      if (completion.status == BLOBFERRY_OK || copies.asked[ASK_DELETE] > 0)
        FAIL("%s, answer %zu (%d %s): %s, %zu deletes", kind_names[two_steps[k]], i, refusals[i].status,
             refusals[i].body ? refusals[i].body : "", blobferry_status_name(completion.status),
             copies.asked[ASK_DELETE]);
      dispose(&completion);
      fixture_free(&fixture);
      server_free(server);
      beat();
    }
}

/* Azure's copy that is pending: the source is needed until it has ended. */
static void nothing_is_deleted_that_is_still_being_copied(void) {
#define COPY_IS(status) SEEN "x-ms-copy-id: 1\r\nx-ms-copy-status: " status "\r\n"
  const said_t pending = {202, .headers = COPY_IS("pending")};
  watch(__func__);
  copies_t  fails = {SAYS(ASK_COPY, pending),
                     SAYS(ASK_HEAD, {200, .headers = COPY_IS("pending")}, {200, .headers = COPY_IS("failed")})};
  server_t *server = server_start(answer_copies, &fails);
  fixture_t fixture = with_server(server, AZURE, NO_OPTIONS);
  blobferry_completion_t completion =
      copy_with(&fixture, blobferry_object_rename, "from", "to", BLOBFERRY_PUT_OVERWRITE, 0);
  CHECK(completion.status != BLOBFERRY_OK);
  CHECK_INT(fails.asked[ASK_DELETE], 0);
  dispose(&completion);
  fixture_free(&fixture);
  server_free(server);
  check_rename(AZURE,
               (copies_t){SAYS(ASK_COPY, pending),
                          SAYS(ASK_HEAD, {200, .headers = COPY_IS("pending")}, {200, .headers = COPY_IS("success")})},
               BLOBFERRY_OK, false, 1, 1, "");
}

/* Where the delete fails both are there, and the error says so. */
static void a_delete_that_fails_leaves_both(void) {
  for (size_t k = 0; k < TWO_STEPS; k++) {
    kind_t      kind = two_steps[k];
    bool        is_azure = kind == AZURE;
    const char *denied = is_azure ? "403 Forbidden" : NULL, *busy = is_azure ? "503 Busy" : NULL;
    watch(__func__);
    check_rename(kind, (copies_t){SAYS(ASK_DELETE, {403, .code = "AccessDenied", .inner = denied})},
                 BLOBFERRY_E_PERMISSION, true, 1, 1, "both");
    check_rename(kind, (copies_t){SAYS(ASK_DELETE, {503, .code = "SlowDown", .inner = busy})}, BLOBFERRY_E_THROTTLED,
                 true, 1, RETRIES + 1, "both");
    check_rename(kind, (copies_t){SAYS(ASK_DELETE, {.is_lost = true})}, BLOBFERRY_E_CONNECTION, true, 1, RETRIES + 1,
                 "");
  }
}

static void a_delete_that_fails_once_is_repeated(void) {
  for (size_t k = 0; k < TWO_STEPS; k++) {
    kind_t      kind = two_steps[k];
    const char *busy = kind == AZURE ? "503 Busy" : NULL, *gone = kind == AZURE ? "404 Not Found" : NULL;
    const char *missing = kind == AZURE ? "BlobNotFound" : "NoSuchKey";
    watch(__func__);
    check_rename(kind, (copies_t){0}, BLOBFERRY_OK, false, 1, 1, "");
    check_rename(kind, (copies_t){SAYS(ASK_DELETE, {503, .code = "SlowDown", .inner = busy}, {0})}, BLOBFERRY_OK, false,
                 1, 2, "");
    /* Deleted by the attempt whose answer was lost; or by somebody else: it is gone, and that was wanted. */
    check_rename(kind, (copies_t){SAYS(ASK_DELETE, {.is_lost = true}, {404, .code = missing, .inner = gone})},
                 BLOBFERRY_OK, false, 1, 2, "");
    check_rename(kind, (copies_t){SAYS(ASK_COPY, {.is_lost = true}, {0})}, BLOBFERRY_OK, false, 2, 1, "");
  }
}

/* The copy comes first, and what is deleted is the source. */
static void the_source_is_deleted_and_nothing_else(void) {
  static const kind_t singly[] = {S3, GCS};
  for (size_t k = 0; k < 2; k++) {
    watch(__func__);
    copies_t  copies = {0};
    server_t *server = server_start(answer_copies, &copies);
    fixture_t fixture = with_server(server, singly[k], NO_OPTIONS);
    check_commit(copy_with(&fixture, blobferry_object_rename, "a b/from+", "to%20", BLOBFERRY_PUT_OVERWRITE, 0),
                 BLOBFERRY_OK, false, "");
    const record_t *copied = server_find(server, "PUT", "", 0), *deleted = server_find(server, "DELETE", "", 0);
    if (copied == NULL || deleted == NULL) FAIL("no copy, or no delete, was asked for");
    else {
      check_target(copied, singly[k], "to%20");
      check_target(deleted, singly[k], "a b/from+");
      CHECK(copied->begun_ms <= deleted->begun_ms);
    }
    fixture_free(&fixture);
    server_free(server);
  }
}

/* Cancelled while the source is being deleted: the copy is there. */
static void answer_and_stall(exchange_t *exchange, void *context) {
  if (ask_of(exchange) == ASK_DELETE) stall(exchange);
  else answer_copies(exchange, context);
}

static void a_rename_cancelled_between_is_open(void) {
  for (size_t k = 0; k < TWO_STEPS; k++) {
    watch(__func__);
    copies_t           copies = {0};
    blobferry_ticket_t ticket = 0;
    server_t          *server = server_start(answer_and_stall, &copies);
    fixture_t          fixture = with_server(server, two_steps[k], NO_OPTIONS);
    must(blobferry_object_rename(fixture.store, fixture.cq, "from", "to", NULL, 0, &ticket, NULL), NULL, "a rename");
    AWAIT(server_requests(server) >= 2 && server_find(server, two_steps[k] == AZURE ? "POST" : "DELETE", "", 0));
    must_cancel(fixture.cq, ticket);
    check_commit(wait_one(fixture.cq), BLOBFERRY_E_CANCELLED, true, "");
    fixture_free(&fixture);
    server_free(server);
  }
}

/* -- one step ---------------------------------------------------------------------------------------------------- */

static void webdav_renames_in_one_step(void) {
  watch(__func__);
  check_rename(HTTP, (copies_t){0}, BLOBFERRY_OK, false, 1, 0, "");
  check_rename(HTTP, (copies_t){SAYS(ASK_MOVE, {204, .headers = ""})}, BLOBFERRY_OK, false, 1, 0, "");
  check_rename(HTTP, (copies_t){SAYS(ASK_MOVE, {403, .headers = ""})}, BLOBFERRY_E_PERMISSION, false, 1, 0, "");
  check_rename(HTTP, (copies_t){SAYS(ASK_MOVE, {503, .headers = ""}, {0})}, BLOBFERRY_OK, false, 2, 0, "");
  check_rename(HTTP, (copies_t){SAYS(ASK_MOVE, {.is_lost = true})}, BLOBFERRY_E_CONNECTION, true, RETRIES + 1, 0, "");
  check_rename(HTTP, (copies_t){SAYS(ASK_MOVE, {405, .headers = ""})}, BLOBFERRY_E_UNSUPPORTED, false, 1, 0, "");
  /* Some of it could not be moved. */
  check_rename(
      HTTP,
      (copies_t){SAYS(ASK_MOVE, {207, .body = "<?xml version=\"1.0\"?><D:multistatus xmlns:D=\"DAV:\"><D:response>"
                                              "<D:href>/base/to</D:href><D:status>HTTP/1.1 423 Locked</D:status>"
                                              "</D:response></D:multistatus>"})},
      BLOBFERRY_E_SERVER, true, 1, 0, "");
}

/* The source of a move that was done is gone when it is asked for again. */
static void a_move_may_miss_its_own_source(void) {
  watch(__func__);
  copies_t               copies = {SAYS(ASK_MOVE, {.is_lost = true}, {404, .headers = ""})};
  server_t              *server = server_start(answer_copies, &copies);
  fixture_t              fixture = with_server(server, HTTP, OPTIONS({"max_retries", "2"}));
  blobferry_completion_t completion =
      copy_with(&fixture, blobferry_object_rename, "from", "to", BLOBFERRY_PUT_OVERWRITE, 0);
  CHECK_STATUS(completion.status, BLOBFERRY_E_NOT_FOUND);
  CHECK(completion.flags & BLOBFERRY_COMPLETION_MAYBE_COMMITTED);
  dispose(&completion);
  fixture_free(&fixture);
  server_free(server);
}

static void webdav_overwrites_only_if_it_may(void) {
  static const struct {
    uint32_t    mode;
    const char *overwrite;
  } modes[] = {{BLOBFERRY_PUT_OVERWRITE, "T"}, {BLOBFERRY_PUT_CREATE, "F"}};
  for (size_t i = 0; i < 2; i++) {
    watch(__func__);
    copies_t  copies = {SAYS(ASK_MOVE, {412, .headers = ""})};
    server_t *server = server_start(answer_copies, &copies);
    fixture_t fixture = with_server(server, HTTP, NO_OPTIONS);
    check_commit(copy_with(&fixture, blobferry_object_rename, "from", "to", modes[i].mode, 0),
                 i == 1 ? BLOBFERRY_E_EXISTS : BLOBFERRY_E_PRECONDITION, false, "");
    const record_t *record = server_find(server, "MOVE", "/base/from", 0);
    const char     *overwrite = record ? record_header(record, "overwrite") : NULL;
    if (record == NULL) FAIL("nothing was moved");
    else if (i == 1 || overwrite != NULL) CHECK_TEXT(overwrite, modes[i].overwrite);
    fixture_free(&fixture);
    server_free(server);
  }
}

TESTS(TEST(nothing_is_deleted_that_was_not_copied), TEST(nothing_is_deleted_that_is_still_being_copied),
      TEST(a_delete_that_fails_leaves_both), TEST(a_delete_that_fails_once_is_repeated),
      TEST(the_source_is_deleted_and_nothing_else), TEST(a_rename_cancelled_between_is_open),
      TEST(webdav_renames_in_one_step), TEST(a_move_may_miss_its_own_source), TEST(webdav_overwrites_only_if_it_may))
