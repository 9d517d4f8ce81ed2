/*
 * Copies and renames: a server that answers each kind of request as a list says, one
 * entry after the other and the last for ever, and the calls that ask for them.
 */
#ifndef TESTS_C_SERVER_COPIES_H
#define TESTS_C_SERVER_COPIES_H

#include "../server.h"

/* ASK_COPY is a copy of any kind, of a part of an upload, too; the three before ASK_OTHER are of such an upload. */
typedef enum ask {
  ASK_COPY,
  ASK_MOVE,
  ASK_DELETE,
  ASK_HEAD,
  ASK_BEGIN,
  ASK_COMPLETE,
  ASK_ABORT,
  ASK_OTHER,
  ASKS
} ask_t;

/* One answer. `code` makes it an error document; all zero is the right answer. */
typedef struct said {
  int         status;
  const char *code, *headers, *body;
  bool        is_lost; /* read, and then the connection is broken */
  bool        is_cut;  /* the body ends in the middle of what was told to come */
  const char *inner;   /* for a delete of Azure: the first line of the answer in the batch */
} said_t;

enum { MOST_SAID = 4 };

typedef struct copies {
  said_t said[ASKS][MOST_SAID];
  size_t said_count[ASKS], asked[ASKS];
} copies_t;

#define SAYS(ask, ...) .said[ask] = {__VA_ARGS__}, .said_count[ask] = sizeof((said_t[]){__VA_ARGS__}) / sizeof(said_t)

static inline const char *copy_source(const exchange_t *exchange) {
  static const char *const names[] = {"x-amz-copy-source", "x-ms-copy-source", "x-goog-copy-source"};
  for (size_t i = 0; i < 3; i++)
    if (header(exchange, names[i]) != NULL) return header(exchange, names[i]);
  return NULL;
}

static inline ask_t ask_of(const exchange_t *exchange) {
  char comp[16] = "";
  bool has_upload = record_query(exchange->record, "uploadId", NULL, 0);
  record_query(exchange->record, "comp", comp, sizeof comp);
  if (method_is(exchange, "POST") && record_query(exchange->record, "uploads", NULL, 0)) return ASK_BEGIN;
  if (has_upload && method_is(exchange, "POST")) return ASK_COMPLETE;
  if (has_upload && method_is(exchange, "DELETE")) return ASK_ABORT;
  if (method_is(exchange, "COPY") || (method_is(exchange, "PUT") && copy_source(exchange) != NULL)) return ASK_COPY;
  if (method_is(exchange, "MOVE")) return ASK_MOVE;
  if (method_is(exchange, "DELETE") || strcmp(comp, "batch") == 0) return ASK_DELETE;
  return method_is(exchange, "HEAD") ? ASK_HEAD : ASK_OTHER;
}

#define COPIED \
  "<?xml version=\"1.0\" " \
  "encoding=\"UTF-8\"?>\n<CopyObjectResult><LastModified>1994-11-15T08:12:31.000Z</LastModified>" \
  "<ETag>&quot;0123456789abcdef0123456789abcdef&quot;</ETag></CopyObjectResult>"

#define UPLOAD_BEGUN "<InitiateMultipartUploadResult><UploadId>upload-%zu</UploadId></InitiateMultipartUploadResult>"

#define PART_COPIED "<CopyPartResult><ETag>&quot;0123456789abcdef0123456789abcdef&quot;</ETag></CopyPartResult>"

#define UPLOAD_COMPLETED \
  "<CompleteMultipartUploadResult><ETag>&quot;0123456789abcdef0123456789abcdef-1&quot;</ETag></" \
  "CompleteMultipartUploadResult>"

#define SEEN "ETag: " AN_ETAG "\r\nLast-Modified: " A_DATE "\r\nx-goog-generation: 1\r\n"

/* What a WebDAV server says of an object, under the name that it was asked for. */
static inline void answer_there(exchange_t *exchange) {
  char  *body = NULL;
  size_t size = 0;
  FILE  *out = open_memstream(&body, &size);
  fprintf(out, "<D:multistatus xmlns:D=\"DAV:\"><D:response><D:href>");
  for (const char *at = exchange->record->target; *at != '\0'; at++) fprintf(out, *at == '&' ? "&amp;" : "%c", *at);
  fprintf(out, "</D:href><D:propstat><D:prop><D:resourcetype/><D:getcontentlength>10</D:getcontentlength></D:prop>"
               "<D:status>HTTP/1.1 200 OK</D:status></D:propstat></D:response></D:multistatus>");
  fclose(out);
  reply(exchange, 207, "Content-Type: application/xml\r\n", body);
  free(body);
}

/* Begins an upload in parts, whose name no other has. */
static inline void answer_begun(exchange_t *exchange) {
  char document[256];
  snprintf(document, sizeof document, UPLOAD_BEGUN, exchange->number);
  reply(exchange, 200, "", document);
}

/* The right answer. */
static inline void answer_copy_well(exchange_t *exchange, ask_t ask) {
  static const object_t object = {10, 1, AN_ETAG, A_DATE};
  bool                  is_azure = header(exchange, "x-ms-version") != NULL;
  bool                  is_part = record_query(exchange->record, "partNumber", NULL, 0);
  if (ask == ASK_BEGIN) answer_begun(exchange);
  else if (ask == ASK_COMPLETE) reply(exchange, 200, "", UPLOAD_COMPLETED);
  else if (ask == ASK_ABORT) reply(exchange, 204, "", "");
  else if (ask == ASK_COPY && is_part) reply(exchange, 200, SEEN, PART_COPIED);
  else if (method_is(exchange, "PROPFIND")) answer_there(exchange);
  else if (ask == ASK_MOVE || method_is(exchange, "COPY")) reply(exchange, 201, "", "");
  else if (ask == ASK_COPY && is_azure)
    reply(exchange, 202, SEEN "x-ms-copy-id: 1\r\nx-ms-copy-status: success\r\n", "");
  else if (ask == ASK_COPY) reply(exchange, 200, SEEN "Content-Type: application/xml\r\n", COPIED);
  else answer_well(exchange, &object);
}

static inline void answer_as_said(exchange_t *exchange, const said_t *said) {
  const char *body = said->body ? said->body : "", *headers = said->headers ? said->headers : "";
  char        document[256];
  snprintf(document, sizeof document, "<Error><Code>%s</Code></Error>", said->code ? said->code : "");
  if (said->inner != NULL) answer_batch(exchange, said->inner, said->code ? document : "");
  else if (said->code != NULL) reply_error(exchange, said->status, said->code, "the server of the test says no");
  else if (said->is_cut) {
    say_status(exchange, said->status);
    say(exchange, "Content-Length: %zu\r\n%s\r\n%s", strlen(body) + 100, headers, body);
    finish(exchange);
  } else if (method_is(exchange, "HEAD")) {
    say_status(exchange, said->status);
    say(exchange, "Content-Length: %d\r\n%s\r\n", said->status == 200 ? 10 : 0, headers);
  } else {
    reply(exchange, said->status, headers, body);
  }
}

static inline void answer_copies(exchange_t *exchange, void *context) {
  copies_t *copies = context;
  ask_t     ask = ask_of(exchange);
  said_t    said = {.status = 0};
  if (!take_body(exchange)) return;
  server_lock(exchange->server);
  size_t asked = copies->asked[ask]++, count = copies->said_count[ask];
  if (count > 0) said = copies->said[ask][asked < count ? asked : count - 1];
  server_unlock(exchange->server);
  if (said.is_lost) reset(exchange);
  else if (said.status == 0 && said.inner == NULL) answer_copy_well(exchange, ask);
  else answer_as_said(exchange, &said);
}

typedef blobferry_status_t (*copy_fn)(const blobferry_store_t *store, blobferry_cq_t *cq, const char *from,
                                      const char *to, const blobferry_copy_options_t *options, uint64_t user_data,
                                      blobferry_ticket_t *ticket_out, blobferry_error_t **error_out);

static inline blobferry_completion_t copy_with(const fixture_t *fixture, copy_fn function, const char *from,
                                               const char *to, uint32_t mode, uint64_t timeout_ms) {
  blobferry_copy_options_t options = BLOBFERRY_COPY_OPTIONS_INIT;
  blobferry_error_t       *error = NULL;
  options.mode = mode;
  options.timeout_ms = timeout_ms;
  blobferry_status_t submitted = function(fixture->store, fixture->cq, from, to, &options, 0, NULL, &error);
  beat();
  return outcome_of(fixture, submitted, error);
}

/* The completion must have this status and say so, or not, that it may have been committed. */
static inline void check_commit(blobferry_completion_t completion, blobferry_status_t status, bool maybe,
                                const char *part) {
  CHECK_INT((completion.flags & BLOBFERRY_COMPLETION_MAYBE_COMMITTED) != 0, maybe);
  CHECK_INT(blobferry_error_is_maybe_committed(completion.error), maybe);
  CHECK_INT(completion.result, 0);
  check_outcome(completion, status, part);
}

#endif
