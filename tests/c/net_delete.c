/*
 * Deletes over a network: what is not there is deleted already, but only a server
 * that knows the object to be missing is believed; every kind of server says it
 * in its own way.
 */
#include "server.h"

enum { ALWAYS = 1000000 };

/* The first `failures` requests of a method are answered so, all others well. */
typedef struct script {
  const char *method;
  size_t      failures;
  int         status;
  const char *code;  /* of an error document; NULL = none */
  const char *inner; /* for Azure's batch: the first line of the answer within */
  const char *body;  /* if not NULL, in place of all of them */
} script_t;

static void answer(exchange_t *exchange, void *context) {
  static const object_t object = {16, 1, AN_ETAG, A_DATE};
  script_t             *script = context;
  char                  document[256];
  take_body(exchange);
  server_lock(exchange->server);
  bool fails = method_is(exchange, script->method) && script->failures > 0;
  if (fails) script->failures--;
  server_unlock(exchange->server);
  snprintf(document, sizeof document, "<Error><Code>%s</Code></Error>", script->code ? script->code : "");
  if (!fails) answer_well(exchange, &object);
  else if (script->body != NULL) reply(exchange, script->status, "Location: /base/key/\r\n", script->body);
  else if (script->inner != NULL) answer_batch(exchange, script->inner, script->code ? document : "");
  else reply(exchange, script->status, "", script->code ? document : "");
}

/* The delete must end so, after this many requests of the method and of all. */
static void check_delete(kind_t kind, script_t script, blobferry_status_t status, size_t asked, size_t requests) {
  server_t              *server = server_start(answer, &script);
  fixture_t              fixture = with_server(server, kind, OPTIONS({"max_retries", "2"}));
  blobferry_completion_t completion = delete (&fixture, "key");
  if (completion.status == BLOBFERRY_OK) CHECK_INT(completion.result, 0);
  check_outcome(completion, status, "");
  check_count(server, script.method, "", asked);
  check_requests(server, requests);
  if (has_failed_here())
    fprintf(stderr, "    (%s: %d %s %s)\n", kind_names[kind], script.status, script.code ? script.code : "",
            script.inner ? script.inner : "");
  fixture_free(&fixture);
  server_free(server);
  beat();
}

/* -- s3 and gs -------------------------------------------------------------------------------------------- */

static void only_a_missing_key_is_deleted_already(void) {
  static const kind_t kinds[] = {S3, S3_UNSIGNED, GCS};
  watch(__func__);
  for (size_t k = 0; k < sizeof kinds / sizeof kinds[0]; k++) {
    check_delete(kinds[k], (script_t){"DELETE", 0, 204, NULL, NULL, NULL}, BLOBFERRY_OK, 1, 1);
    check_delete(kinds[k], (script_t){"DELETE", ALWAYS, 200, NULL, NULL, NULL}, BLOBFERRY_OK, 1, 1);
    check_delete(kinds[k], (script_t){"DELETE", ALWAYS, 404, "NoSuchKey", NULL, NULL}, BLOBFERRY_OK, 1, 1);
    check_delete(kinds[k], (script_t){"DELETE", ALWAYS, 404, "NoSuchBucket", NULL, NULL}, BLOBFERRY_E_NOT_FOUND, 1, 1);
    check_delete(kinds[k], (script_t){"DELETE", ALWAYS, 404, "NoSuchProxy", NULL, NULL}, BLOBFERRY_E_NOT_FOUND, 1, 1);
    check_delete(kinds[k], (script_t){"DELETE", ALWAYS, 404, NULL, NULL, NULL}, BLOBFERRY_E_NOT_FOUND, 1, 1);
    check_delete(kinds[k], (script_t){"DELETE", 2, 500, NULL, NULL, NULL}, BLOBFERRY_OK, 3, 3);
    check_delete(kinds[k], (script_t){"DELETE", ALWAYS, 500, NULL, NULL, NULL}, BLOBFERRY_E_SERVER, 3, 3);
  }
}

/* -- az --------------------------------------------------------------------------------------------------- */

/* The answer to the delete is in that to the batch; the batch's own says nothing of the object. */
static void the_answer_within_a_batch_counts(void) {
  static const struct {
    const char        *inner, *code;
    blobferry_status_t status;
    size_t             requests;
  } answers[] = {
      {"202 Accepted", NULL, BLOBFERRY_OK, 1},
      {"404 Not Found", "BlobNotFound", BLOBFERRY_OK, 1},
      {"404 Not Found", NULL, BLOBFERRY_OK, 1},
      {"404 Not Found", "ContainerNotFound", BLOBFERRY_E_NOT_FOUND, 1},
      {"403 Forbidden", "AuthorizationFailure", BLOBFERRY_E_PERMISSION, 1},
      {"503 Server Busy", "ServerBusy", BLOBFERRY_E_THROTTLED, 3},
      {"500 Error", "InternalError", BLOBFERRY_E_SERVER, 3},
  };
  watch(__func__);
  for (size_t i = 0; i < sizeof answers / sizeof answers[0]; i++) {
    script_t script = {"POST", ALWAYS, 202, answers[i].code, answers[i].inner, NULL};
    check_delete(AZURE, script, answers[i].status, answers[i].requests, answers[i].requests);
  }
  check_delete(AZURE, (script_t){"POST", 2, 202, "ServerBusy", "503 Busy", NULL}, BLOBFERRY_OK, 3, 3);
  check_delete(AZURE, (script_t){"POST", 2, 503, "ServerBusy", NULL, NULL}, BLOBFERRY_OK, 3, 3);
}

static void what_is_no_answer_to_a_batch_is_an_error(void) {
  static const int         statuses[] = {200, 201, 204, 404};
  static const char *const bodies[] = {
      "", "--batch--\r\n", "--batch\r\n\r\nHTTP/1.1\r\n", "<Error/>", "HTTP/1.1 abc\r\n\r\n",
  };
  watch(__func__);
  for (size_t i = 0; i < sizeof statuses / sizeof statuses[0]; i++) {
    script_t               script = {"POST", ALWAYS, statuses[i], NULL, NULL, NULL};
    server_t              *server = server_start(answer, &script);
    fixture_t              fixture = with_server(server, AZURE, OPTIONS({"max_retries", "0"}));
    blobferry_completion_t completion = delete (&fixture, "key");
    check_outcome(completion, statuses[i] == 404 ? BLOBFERRY_E_NOT_FOUND : BLOBFERRY_E_SERVER, "");
    fixture_free(&fixture);
    server_free(server);
  }
  for (size_t i = 0; i < sizeof bodies / sizeof bodies[0]; i++)
    check_delete(AZURE, (script_t){"POST", ALWAYS, 202, NULL, NULL, bodies[i]}, BLOBFERRY_E_SERVER, 3, 3);
}

/* -- http ------------------------------------------------------------------------------------------------- */

#define FOLDER \
  "<?xml version=\"1.0\"?><D:multistatus xmlns:D=\"DAV:\"><D:response><D:href>/base/key/</D:href><D:propstat><D:prop>" \
  "<D:resourcetype><D:collection/></D:resourcetype></D:prop><D:status>HTTP/1.1 200 OK</D:status></D:propstat>"         \
  "</D:response></D:multistatus>"

/* A DELETE would take a folder away with all that is in it: the server is asked first what there is. */
static void http_deletes_no_folder(void) {
  watch(__func__);
  check_delete(HTTP, (script_t){"PROPFIND", 0, 207, NULL, NULL, NULL}, BLOBFERRY_OK, 1, 2);
  check_delete(HTTP, (script_t){"PROPFIND", ALWAYS, 207, NULL, NULL, FOLDER}, BLOBFERRY_OK, 1, 1);
  check_delete(HTTP, (script_t){"PROPFIND", ALWAYS, 404, NULL, NULL, NULL}, BLOBFERRY_OK, 1, 1);
  check_delete(HTTP, (script_t){"PROPFIND", 2, 500, NULL, NULL, NULL}, BLOBFERRY_OK, 3, 4);
  check_delete(HTTP, (script_t){"PROPFIND", ALWAYS, 500, NULL, NULL, NULL}, BLOBFERRY_E_SERVER, 3, 3);
}

/* A server without WebDAV has no folders that a DELETE could take away. */
static void http_deletes_where_there_is_no_webdav(void) {
  static const int statuses[] = {400, 403, 405, 501};
  watch(__func__);
  for (size_t i = 0; i < sizeof statuses / sizeof statuses[0]; i++)
    check_delete(HTTP, (script_t){"PROPFIND", ALWAYS, statuses[i], NULL, NULL, NULL}, BLOBFERRY_OK, 1, 2);
  check_delete(HTTP, (script_t){"DELETE", ALWAYS, 404, NULL, NULL, NULL}, BLOBFERRY_OK, 1, 2);
  check_delete(HTTP, (script_t){"DELETE", ALWAYS, 403, NULL, NULL, NULL}, BLOBFERRY_E_PERMISSION, 1, 2);
  check_delete(HTTP, (script_t){"DELETE", ALWAYS, 500, NULL, NULL, NULL}, BLOBFERRY_E_SERVER, 3, 6);
  check_delete(HTTP, (script_t){"DELETE", 2, 503, NULL, NULL, NULL}, BLOBFERRY_OK, 3, 6);
}

TESTS(TEST(only_a_missing_key_is_deleted_already), TEST(the_answer_within_a_batch_counts),
      TEST(what_is_no_answer_to_a_batch_is_an_error), TEST(http_deletes_no_folder),
      TEST(http_deletes_where_there_is_no_webdav))
