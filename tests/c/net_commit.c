/*
 * Whether a put has taken effect: where an answer was lost, where it says one
 * thing and means another, and where a condition fails that the put itself has
 * made fail. "Certainly not" must be true; "maybe" is said where it must be.
 */
#include "server.h"
#include "server/bucket.h"

enum { MIB = 1 << 20, SMALL = 1000, LARGE = 10 * MIB + 1 };

#define PATH "/bucket/key"

/*
 * A bucket whose answers to one step are lost after it was done (`losses` of them), or
 * replaced by a document (`documents` of them).
 */
typedef struct desk {
  bucket_t    bucket;
  step_t      step;
  size_t      losses, documents;
  bool        is_done;    /* what a document replaces the answer to was done */
  bool        breaks_first; /* the first request of the step is broken when little of it has come */
  const char *document;
  server_t   *server;
  uint8_t    *bytes;
} desk_t;

typedef enum fate { WELL, LOSE, REPLACE, BREAK } fate_t;

static fate_t fate_of(exchange_t *exchange, desk_t *desk) {
  fate_t fate = WELL;
  if (step_of(exchange) != desk->step) return WELL;
  server_lock(exchange->server);
  if (desk->breaks_first) desk->breaks_first = false, fate = BREAK;
  else if (desk->losses > 0) desk->losses--, fate = LOSE;
  else if (desk->documents > 0) desk->documents--, fate = REPLACE;
  server_unlock(exchange->server);
  return fate;
}

static void answer(exchange_t *exchange, void *context) {
  desk_t        *desk = context;
  bucket_reply_t unsaid;
  switch (fate_of(exchange, desk)) {
    case WELL:
      bucket_answer(exchange, &desk->bucket);
      break;
    case LOSE:
      bucket_do(exchange, &desk->bucket, &unsaid);
      reset(exchange);
      break;
    case REPLACE:
      if (desk->is_done) bucket_do(exchange, &desk->bucket, &unsaid);
      else take_body(exchange);
      reply(exchange, 200, "Content-Type: application/xml\r\n", desk->document);
      break;
    case BREAK:
      take(exchange, SMALL / 2);
      reset(exchange);
      break;
  }
}

static desk_t *new_desk(desk_t plan) {
  desk_t *desk = calloc(1, sizeof *desk);
  *desk = plan;
  bucket_init(&desk->bucket);
  desk->bytes = malloc(LARGE);
  pattern_fill(desk->bytes, LARGE, 5);
  desk->server = server_start_with(answer, desk, (server_options_t){4096, true, 0});
  return desk;
}

static void free_desk(desk_t *desk) {
  server_free(desk->server);
  bucket_free(&desk->bucket);
  free(desk->bytes);
  free(desk);
}

static blobferry_completion_t put_bytes(const fixture_t *fixture, desk_t *desk, size_t size, uint32_t mode,
                                        const char *if_match) {
  blobferry_put_options_t options = BLOBFERRY_PUT_OPTIONS_INIT;
  blobferry_error_t      *error = NULL;
  options.mode = mode;
  options.if_match = if_match;
  options.flags = BLOBFERRY_REQUEST_DETAILS;
  blobferry_status_t submitted =
      blobferry_object_put(fixture->store, fixture->cq, "key", desk->bytes, size, &options, 0, NULL, &error);
  beat();
  return outcome_of(fixture, submitted, error);
}

/* The completion must have this status and say so, or not, that it may have been committed. */
static void check_commit(blobferry_completion_t completion, blobferry_status_t status, bool maybe) {
  CHECK_INT((completion.flags & BLOBFERRY_COMPLETION_MAYBE_COMMITTED) != 0, maybe);
  CHECK_INT(blobferry_error_is_maybe_committed(completion.error), maybe);
  check_outcome(completion, status, "");
}

/* -- single puts whose answer is lost ------------------------------------------------------------------ */

static const kind_t kinds[] = {S3, S3_UNSIGNED, GCS};

enum { KINDS_HERE = sizeof kinds / sizeof kinds[0] };

static void a_lost_answer_is_asked_for_again(void) {
  for (size_t k = 0; k < KINDS_HERE; k++) {
    watch(__func__);
    desk_t   *desk = new_desk((desk_t){.step = STEP_PUT, .losses = 2});
    fixture_t fixture = with_server(desk->server, kinds[k], OPTIONS({"max_retries", "2"}));
    check_commit(put_bytes(&fixture, desk, SMALL, BLOBFERRY_PUT_OVERWRITE, NULL), BLOBFERRY_OK, false);
    check_requests(desk->server, 3);
    CHECK(bucket_holds(&desk->bucket, PATH, desk->bytes, SMALL));
    fixture_free(&fixture);
    free_desk(desk);
  }
}

static void an_answer_that_never_comes_leaves_it_open(void) {
  for (size_t k = 0; k < KINDS_HERE; k++) {
    watch(__func__);
    desk_t   *desk = new_desk((desk_t){.step = STEP_PUT, .losses = 1000});
    fixture_t fixture = with_server(desk->server, kinds[k], OPTIONS({"max_retries", "2"}));
    check_commit(put_bytes(&fixture, desk, SMALL, BLOBFERRY_PUT_OVERWRITE, NULL), BLOBFERRY_E_CONNECTION, true);
    check_requests(desk->server, 3);
    fixture_free(&fixture);
    free_desk(desk);
  }
}

/* A delete, too. */
static void a_delete_without_an_answer_is_open(void) {
  static const struct {
    size_t             losses;
    blobferry_status_t status;
  } cases[] = {{1, BLOBFERRY_OK}, {1000, BLOBFERRY_E_CONNECTION}};
  for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
    watch(__func__);
    desk_t   *desk = new_desk((desk_t){.step = STEP_DELETE, .losses = cases[i].losses});
    fixture_t fixture = with_server(desk->server, S3, OPTIONS({"max_retries", "1"}));
    check_commit(delete (&fixture, "key"), cases[i].status, cases[i].status != BLOBFERRY_OK);
    check_requests(desk->server, 2);
    fixture_free(&fixture);
    free_desk(desk);
  }
}

/* Success of a kind that no put has says that something was done, and not what. */
static void answer_with_another_success(exchange_t *exchange, void *context) {
  take_body(exchange);
  reply(exchange, *(int *)context, "ETag: \"e\"\r\n", "");
}

static void another_success_leaves_it_open(void) {
  static const int statuses[] = {202, 203, 206};
  for (size_t i = 0; i < sizeof statuses / sizeof statuses[0]; i++) {
    watch(__func__);
    int       status = statuses[i];
    desk_t   *desk = new_desk((desk_t){.step = STEPS});
    server_t *server = server_start(answer_with_another_success, &status);
    fixture_t fixture = with_server(server, S3, OPTIONS({"max_retries", "1"}));
    check_commit(put_bytes(&fixture, desk, SMALL, BLOBFERRY_PUT_OVERWRITE, NULL), BLOBFERRY_E_SERVER, true);
    fixture_free(&fixture);
    server_free(server);
    free_desk(desk);
  }
}

/* -- conditions ---------------------------------------------------------------------------------------- */

static void what_is_there_already_was_not_made_by_this_put(void) {
  for (size_t k = 0; k < KINDS_HERE; k++) {
    watch(__func__);
    desk_t   *desk = new_desk((desk_t){.step = STEPS});
    fixture_t fixture = with_server(desk->server, kinds[k], NO_OPTIONS);
    check_commit(put_bytes(&fixture, desk, SMALL, BLOBFERRY_PUT_CREATE, NULL), BLOBFERRY_OK, false);
    check_commit(put_bytes(&fixture, desk, 10, BLOBFERRY_PUT_CREATE, NULL), BLOBFERRY_E_EXISTS, false);
    CHECK(bucket_holds(&desk->bucket, PATH, desk->bytes, SMALL));
    check_requests(desk->server, 2);
    fixture_free(&fixture);
    free_desk(desk);
  }
}

/* The answer to a create is lost; asked again the server says that it is there: by whom, nobody knows. */
static void a_create_may_find_itself(void) {
  for (size_t k = 0; k < KINDS_HERE; k++)
    for (int large = 0; large < 2; large++) {
      watch(__func__);
      desk_t   *desk = new_desk((desk_t){.step = STEP_PUT, .losses = 1});
      fixture_t fixture = with_server(desk->server, kinds[k], OPTIONS({"part_size", "5MiB"}));
      size_t    size = large ? LARGE : SMALL;
      check_commit(put_bytes(&fixture, desk, size, BLOBFERRY_PUT_CREATE, NULL), BLOBFERRY_E_EXISTS, true);
      /* A condition is one request, however large: S3 has none for uploads. */
      check_count(desk->server, "PUT", "", 2);
      check_count(desk->server, "POST", "", 0);
      CHECK(bucket_holds(&desk->bucket, PATH, desk->bytes, size));
      fixture_free(&fixture);
      free_desk(desk);
    }
}

/* An attempt of which only a part was sent has made nothing: what is there was there before. */
static void a_create_that_broke_off_did_not_find_itself(void) {
  char etag[64];
  for (size_t k = 0; k < KINDS_HERE; k++) {
    watch(__func__);
    desk_t   *desk = new_desk((desk_t){.step = STEP_PUT, .breaks_first = true});
    fixture_t fixture = with_server(desk->server, kinds[k], OPTIONS({"max_retries", "3"}));
    bucket_put(&desk->bucket, PATH, desk->bytes, 10, etag);
    check_commit(put_bytes(&fixture, desk, LARGE, BLOBFERRY_PUT_CREATE, NULL), BLOBFERRY_E_EXISTS, false);
    check_count(desk->server, "PUT", "", 2);
    fixture_free(&fixture);
    free_desk(desk);
  }
}

static void an_update_may_find_itself(void) {
  static const kind_t signed_kinds[] = {S3, S3_UNSIGNED}; /* Google's revisions are numbers of its own */
  for (size_t k = 0; k < sizeof signed_kinds / sizeof signed_kinds[0]; k++)
    for (size_t losses = 0; losses < 2; losses++) {
      watch(__func__);
      desk_t   *desk = new_desk((desk_t){.step = STEP_PUT, .losses = losses});
      fixture_t fixture = with_server(desk->server, signed_kinds[k], NO_OPTIONS);
      char      before[64];
      bucket_put(&desk->bucket, PATH, desk->bytes, 10, before);
      check_commit(put_bytes(&fixture, desk, SMALL, BLOBFERRY_PUT_UPDATE, before),
                   losses ? BLOBFERRY_E_PRECONDITION : BLOBFERRY_OK, losses);
      check_commit(put_bytes(&fixture, desk, SMALL, BLOBFERRY_PUT_UPDATE, before), BLOBFERRY_E_PRECONDITION, false);
      CHECK(bucket_holds(&desk->bucket, PATH, desk->bytes, SMALL));
      fixture_free(&fixture);
      free_desk(desk);
    }
}

/* -- what completes an upload -------------------------------------------------------------------------- */

/* The upload is there no more when the completion is asked for again: the object tells. */
static void a_lost_completion_is_found(void) {
  for (size_t losses = 1; losses <= 2; losses++) {
    watch(__func__);
    desk_t   *desk = new_desk((desk_t){.step = STEP_COMPLETE, .losses = losses});
    fixture_t fixture = with_server(desk->server, S3, OPTIONS({"part_size", "5MiB"}));
    blobferry_completion_t completion = put_bytes(&fixture, desk, LARGE, BLOBFERRY_PUT_OVERWRITE, NULL);
    const char            *revision = blobferry_details_revision(completion.details);
    CHECK_INT(completion.result, LARGE);
    CHECK(revision != NULL && strstr(revision, "-3") != NULL);
    check_commit(completion, BLOBFERRY_OK, false);
    settle(fixture.service);
    CHECK(bucket_holds(&desk->bucket, PATH, desk->bytes, LARGE));
    CHECK_INT(bucket_left_behind(&desk->bucket), 0);
    CHECK_INT(bucket_aborted(&desk->bucket), 0);
    fixture_free(&fixture);
    free_desk(desk);
  }
}

/* Somebody else has written the object meanwhile: it is not ours, and ours may have been there. */
static void answer_and_overwrite(exchange_t *exchange, void *context) {
  desk_t        *desk = context;
  bucket_reply_t unsaid;
  char           etag[64];
  if (step_of(exchange) != STEP_COMPLETE) {
    bucket_answer(exchange, &desk->bucket);
    return;
  }
  bucket_do(exchange, &desk->bucket, &unsaid);
  bucket_put(&desk->bucket, PATH, (const uint8_t *)"other", 5, etag);
  if (unsaid.status == 200) reset(exchange);
  else bucket_say(exchange, &unsaid);
}

static void a_lost_completion_may_be_overwritten(void) {
  static const kind_t uploading[] = {S3, GCS};
  for (size_t k = 0; k < sizeof uploading / sizeof uploading[0]; k++) {
    watch(__func__);
    desk_t   *desk = new_desk((desk_t){.step = STEPS});
    server_t *server = server_start_with(answer_and_overwrite, desk, (server_options_t){0, true, 0});
    fixture_t fixture = with_server(server, uploading[k], OPTIONS({"part_size", "5MiB"}, {"max_retries", "3"}));
    blobferry_completion_t completion = put_bytes(&fixture, desk, LARGE, BLOBFERRY_PUT_OVERWRITE, NULL);
    CHECK(completion.flags & BLOBFERRY_COMPLETION_MAYBE_COMMITTED);
    CHECK(completion.status != BLOBFERRY_OK && completion.status != BLOBFERRY_E_NOT_FOUND);
    dispose(&completion);
    fixture_free(&fixture);
    server_free(server);
    free_desk(desk);
  }
}

/* -- a completion answered 200 ------------------------------------------------------------------------- */

#define ERROR_DOCUMENT(code) \
  "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n\n<Error><Code>" code "</Code><Message>really no</Message></Error>"

static void check_document(const char *document, size_t documents, blobferry_status_t status, size_t completes) {
  desk_t   *desk = new_desk((desk_t){.step = STEP_COMPLETE, .documents = documents, .document = document});
  fixture_t fixture = with_server(desk->server, S3, OPTIONS({"part_size", "5MiB"}, {"max_retries", "2"}));
  blobferry_completion_t completion = put_bytes(&fixture, desk, LARGE, BLOBFERRY_PUT_OVERWRITE, NULL);
  if (status != BLOBFERRY_OK) {
    CHECK_INT(blobferry_error_http_status(completion.error), 200);
    CHECK(strstr(blobferry_error_message(completion.error), "really no") != NULL);
  }
  check_outcome(completion, status, "");
  check_count(desk->server, "POST", "uploadId=", completes);
  settle(fixture.service);
  CHECK_INT(bucket_left_behind(&desk->bucket), 0);
  CHECK_INT(bucket_knows(&desk->bucket, PATH), status == BLOBFERRY_OK);
  if (has_failed_here()) fprintf(stderr, "    (%zu times: %s)\n", documents, document);
  fixture_free(&fixture);
  free_desk(desk);
}

static void an_error_within_a_success_is_an_error(void) {
  watch(__func__);
  check_document(ERROR_DOCUMENT("InternalError"), 2, BLOBFERRY_OK, 3);
  check_document(ERROR_DOCUMENT("SlowDown"), 2, BLOBFERRY_OK, 3);
  check_document(ERROR_DOCUMENT("InternalError"), 1000, BLOBFERRY_E_SERVER, 3);
  check_document(ERROR_DOCUMENT("SlowDown"), 1000, BLOBFERRY_E_THROTTLED, 3);
  check_document(ERROR_DOCUMENT("InvalidPart"), 1000, BLOBFERRY_E_ARGUMENT, 1);
  check_document("  \n \n" "<Error><Code>InternalError</Code><Message>really no</Message></Error>", 1000,
                 BLOBFERRY_E_SERVER, 3);
}

/* What can be read neither as success nor as failure: it is asked for again, and if it stays so it is open. */
static void a_document_that_says_nothing_leaves_it_open(void) {
  static const char *const documents[] = {
      "",
      " ",
      "<html><body>200 OK</body></html>",
      "<?xml version=\"1.0\"?><CompleteMultipartUploadResult><ETag>&quot;0",
      "<?xml version=\"1.0\"?>",
      "<?xml version=\"1.0\"?><Err",
      "{\"etag\": \"0\"}",
  };
  for (size_t i = 0; i < sizeof documents / sizeof documents[0]; i++)
    for (int is_done = 0; is_done < 2; is_done++)
      for (int always = 0; always < 2; always++) {
        watch(__func__);
        desk_t   *desk = new_desk((desk_t){.step = STEP_COMPLETE,
                                           .documents = always ? 1000 : 1,
                                           .is_done = is_done != 0,
                                           .document = documents[i]});
        fixture_t fixture = with_server(desk->server, S3, OPTIONS({"part_size", "5MiB"}, {"max_retries", "2"}));
        blobferry_completion_t completion = put_bytes(&fixture, desk, LARGE, BLOBFERRY_PUT_OVERWRITE, NULL);
        bool                   maybe = (completion.flags & BLOBFERRY_COMPLETION_MAYBE_COMMITTED) != 0;
        settle(fixture.service);
        bool is_there = bucket_holds(&desk->bucket, PATH, desk->bytes, LARGE);
        if (completion.status == BLOBFERRY_OK ? !is_there : is_there && !maybe)
          FAIL("\"%s\": %s, and the object is%s there: %s", documents[i], blobferry_status_name(completion.status),
               is_there ? "" : " not", blobferry_error_message(completion.error));
        if (!always && !is_done) CHECK_STATUS(completion.status, BLOBFERRY_OK);
        dispose(&completion);
        CHECK_INT(bucket_left_behind(&desk->bucket), 0);
        fixture_free(&fixture);
        free_desk(desk);
      }
}

/* S3 keeps the connection alive with blanks while it works; they are progress. */
static void answer_slowly(exchange_t *exchange, void *context) {
  desk_t        *desk = context;
  bucket_reply_t what;
  if (step_of(exchange) != STEP_COMPLETE) {
    bucket_answer(exchange, &desk->bucket);
    return;
  }
  if (!bucket_do(exchange, &desk->bucket, &what) || what.code != NULL) return;
  say_status(exchange, what.status);
  say(exchange, "Transfer-Encoding: chunked\r\nContent-Type: application/xml\r\n\r\n");
  for (int blanks = 0; blanks < 15; blanks++) {
    say(exchange, "1\r\n \r\n");
    pause_ms(exchange, 250);
  }
  const char *rest = strchr(what.document, '\n'); /* the declaration of XML stood before the blanks */
  say(exchange, "%zx\r\n%s\r\n0\r\n\r\n", strlen(rest), rest);
}

static void a_completion_may_take_its_time(void) {
  watch(__func__);
  desk_t   *desk = new_desk((desk_t){.step = STEPS});
  server_t *server = server_start_with(answer_slowly, desk, (server_options_t){0, true, 0});
  fixture_t fixture =
      with_server(server, S3, OPTIONS({"part_size", "5MiB"}, {"max_retries", "0"}, {"stall_timeout", "3s"}));
  check_commit(put_bytes(&fixture, desk, LARGE, BLOBFERRY_PUT_OVERWRITE, NULL), BLOBFERRY_OK, false);
  CHECK(bucket_holds(&desk->bucket, PATH, desk->bytes, LARGE));
  check_count(server, "POST", "uploadId=", 1);
  fixture_free(&fixture);
  server_free(server);
  free_desk(desk);
}

TESTS(TEST(a_lost_answer_is_asked_for_again), TEST(an_answer_that_never_comes_leaves_it_open),
      TEST(a_delete_without_an_answer_is_open), TEST(another_success_leaves_it_open),
      TEST(what_is_there_already_was_not_made_by_this_put),
      TEST(a_create_may_find_itself), TEST(a_create_that_broke_off_did_not_find_itself),
      TEST(an_update_may_find_itself), TEST(a_lost_completion_is_found), TEST(a_lost_completion_may_be_overwritten),
      TEST(an_error_within_a_success_is_an_error), TEST(a_document_that_says_nothing_leaves_it_open),
      TEST(a_completion_may_take_its_time))
