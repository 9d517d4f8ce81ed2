/*
 * Whether an object is there, as far as a server's answer to a HEAD can tell, which
 * has no body to say why something is not.
 */
#include "server.h"

enum { RETRIES = 2, ALWAYS = 1000000 };

static const kind_t kinds[] = {HTTP, S3, S3_UNSIGNED, GCS, AZURE};

enum { KINDS_HERE = sizeof kinds / sizeof kinds[0] };

/* The first `failures` requests are answered so, the others well. */
typedef struct script {
  size_t      failures;
  int         status;
  const char *headers;
  bool        breaks;
} script_t;

static void answer(exchange_t *exchange, void *context) {
  static const object_t object = {16, 1, AN_ETAG, A_DATE};
  script_t             *script = context;
  server_lock(exchange->server);
  bool fails = script->failures > 0;
  if (fails) script->failures--;
  server_unlock(exchange->server);
  if (!method_is(exchange, "HEAD")) FAIL("%s of an object that is only asked about", exchange->record->method);
  if (!fails) object_answer(exchange, &object);
  else if (script->breaks) reset(exchange);
  else {
    say_status(exchange, script->status);
    say(exchange, "Content-Length: 100\r\n%s\r\n", script->headers); /* a document that a HEAD does not bring */
  }
}

static blobferry_completion_t exists(const fixture_t *fixture, const blobferry_head_options_t *options) {
  blobferry_error_t *error = NULL;
  blobferry_status_t submitted = blobferry_object_exists(fixture->store, fixture->cq, "key", options, 0, NULL, &error);
  beat();
  return outcome_of(fixture, submitted, error);
}

/* It must end so, after so many requests; `there` counts where it ends well. */
static void check_exists(kind_t kind, script_t script, blobferry_status_t status, bool there, size_t requests) {
  server_t              *server = server_start(answer, &script);
  fixture_t              fixture = with_server(server, kind, OPTIONS({"max_retries", "2"}));
  blobferry_completion_t completion = exists(&fixture, NULL);
  if (completion.status == BLOBFERRY_OK) {
    CHECK_INT(completion.result, there);
    CHECK_INT(completion.details != NULL, there);
    if (there) CHECK_INT(blobferry_details_size(completion.details), 16);
  }
  CHECK_INT(completion.flags, 0);
  check_outcome(completion, status, "");
  check_requests(server, requests);
  if (has_failed_here()) fprintf(stderr, "    (%s: %d %s)\n", kind_names[kind], script.status, script.headers);
  fixture_free(&fixture);
  server_free(server);
}

static void an_object_is_there_or_not(void) {
  for (size_t k = 0; k < KINDS_HERE; k++) {
    watch(__func__);
    check_exists(kinds[k], (script_t){0, 200, "", false}, BLOBFERRY_OK, true, 1);
    check_exists(kinds[k], (script_t){ALWAYS, 404, "", false}, BLOBFERRY_OK, false, 1);
    check_exists(kinds[k], (script_t){ALWAYS, 403, "", false}, BLOBFERRY_E_PERMISSION, false, 1);
    check_exists(kinds[k], (script_t){ALWAYS, 401, "", false}, BLOBFERRY_E_UNAUTHENTICATED, false, 1);
    check_exists(kinds[k], (script_t){ALWAYS, 400, "", false}, BLOBFERRY_E_ARGUMENT, false, 1);
  }
}

/* Azure says in a header what it is that is not there. */
static void a_container_that_is_missing_is_no_missing_object(void) {
  watch(__func__);
  check_exists(AZURE, (script_t){ALWAYS, 404, "x-ms-error-code: BlobNotFound\r\n", false}, BLOBFERRY_OK, false, 1);
  check_exists(AZURE, (script_t){ALWAYS, 404, "x-ms-error-code: ContainerNotFound\r\n", false}, BLOBFERRY_E_NOT_FOUND,
               false, 1);
  check_exists(AZURE, (script_t){ALWAYS, 404, "x-ms-error-code: ResourceNotFound\r\n", false}, BLOBFERRY_E_NOT_FOUND,
               false, 1);
}

/* What has not been answered is asked again, and never taken for "no". */
static void a_failure_is_no_answer(void) {
  for (size_t k = 0; k < KINDS_HERE; k++) {
    watch(__func__);
    check_exists(kinds[k], (script_t){2, 503, "", false}, BLOBFERRY_OK, true, 3);
    check_exists(kinds[k], (script_t){1, 500, "", false}, BLOBFERRY_OK, true, 2);
    check_exists(kinds[k], (script_t){1, 0, "", true}, BLOBFERRY_OK, true, 2);
    check_exists(kinds[k], (script_t){ALWAYS, 500, "", false}, BLOBFERRY_E_SERVER, false, RETRIES + 1);
    check_exists(kinds[k], (script_t){ALWAYS, 429, "", false}, BLOBFERRY_E_THROTTLED, false, RETRIES + 1);
    check_exists(kinds[k], (script_t){ALWAYS, 0, "", true}, BLOBFERRY_E_CONNECTION, false, RETRIES + 1);
    check_exists(kinds[k], (script_t){ALWAYS, 204, "", false}, BLOBFERRY_E_SERVER, false, 1);
    check_exists(kinds[k], (script_t){ALWAYS, 206, "", false}, BLOBFERRY_E_SERVER, false, 1);
  }
}

/* Details only where they are wanted. */
static void details_may_be_left_out(void) {
  for (size_t k = 0; k < KINDS_HERE; k++) {
    watch(__func__);
    blobferry_head_options_t options = BLOBFERRY_HEAD_OPTIONS_INIT;
    script_t                 script = {0, 200, "", false};
    server_t                *server = server_start(answer, &script);
    fixture_t                fixture = with_server(server, kinds[k], NO_OPTIONS);
    options.flags = 0;
    blobferry_completion_t completion = exists(&fixture, &options);
    CHECK_INT(completion.result, 1);
    CHECK(completion.details == NULL);
    check_outcome(completion, BLOBFERRY_OK, "");
    fixture_free(&fixture);
    server_free(server);
  }
}

/* A condition that is not met is told as such: the object is there. */
static void a_condition_is_no_answer_either(void) {
  for (size_t k = 0; k < KINDS_HERE; k++) {
    watch(__func__);
    blobferry_head_options_t options = BLOBFERRY_HEAD_OPTIONS_INIT;
    script_t                 script = {0, 200, "", false};
    server_t                *server = server_start(answer, &script);
    fixture_t                fixture = with_server(server, kinds[k], NO_OPTIONS);
    options.if_match = ANOTHER_ETAG;
    check_outcome(exists(&fixture, &options), BLOBFERRY_E_PRECONDITION, "");
    options.if_match = NULL;
    options.if_none_match = "*";
    check_outcome(exists(&fixture, &options), BLOBFERRY_E_NOT_MODIFIED, "");
    fixture_free(&fixture);
    server_free(server);
  }
}

TESTS(TEST(an_object_is_there_or_not), TEST(a_container_that_is_missing_is_no_missing_object),
      TEST(a_failure_is_no_answer), TEST(details_may_be_left_out), TEST(a_condition_is_no_answer_either))
