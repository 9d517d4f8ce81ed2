/*
 * An object that a server has without holding it: its bytes are a pattern. The
 * right answer to a request for it is planned first and sent then, so that a test
 * can change what it wants to be wrong:
 *
 *   object_answer_t answer = object_plan(exchange, &object);
 *   answer.etag[0] = '\0';
 *   object_send(exchange, &answer);
 */
#ifndef TESTS_C_SERVER_OBJECT_H
#define TESTS_C_SERVER_OBJECT_H

#include "exchange.h"

typedef struct object {
  uint64_t    size;
  uint64_t    seed;          /* of the pattern of its bytes */
  const char *etag;          /* with its quotes; NULL = none */
  const char *last_modified; /* NULL = none */
} object_t;

#define AN_ETAG "\"0123456789abcdef0123456789abcdef\""
#define ANOTHER_ETAG "\"fedcba9876543210fedcba9876543210\""
#define A_DATE "Tue, 15 Nov 1994 08:12:31 GMT"
#define ANOTHER_DATE "Tue, 15 Nov 1994 08:12:32 GMT"

typedef struct object_answer {
  const object_t *object;
  int             status;
  uint64_t        first, count; /* the bytes of the object that are its body */
  uint64_t        cut;          /* so many bytes of the body are sent, and no more */
  char            content_length[32], content_range[96]; /* values of header fields; "" = there is no such field */
  char            etag[96], last_modified[64];
  const char     *more; /* further lines of the head */
} object_answer_t;

/* Makes the plan an answer with the whole, as to a request without a range. */
static inline void plan_whole(object_answer_t *answer) {
  answer->status = 200;
  answer->first = 0;
  answer->count = answer->object->size;
  answer->content_range[0] = '\0';
  snprintf(answer->content_length, sizeof answer->content_length, "%llu", (unsigned long long)answer->count);
}

static inline void plan_range(object_answer_t *answer, uint64_t first, uint64_t last) {
  uint64_t total = answer->object->size;
  if (last >= total) last = total - 1;
  answer->status = 206;
  answer->first = first;
  answer->count = last - first + 1;
  snprintf(answer->content_range, sizeof answer->content_range, "bytes %llu-%llu/%llu", (unsigned long long)first,
           (unsigned long long)last, (unsigned long long)total);
  snprintf(answer->content_length, sizeof answer->content_length, "%llu", (unsigned long long)answer->count);
}

static inline void plan_nothing(object_answer_t *answer, int status) {
  answer->status = status;
  answer->count = 0;
  snprintf(answer->content_length, sizeof answer->content_length, "0");
  if (status == 416)
    snprintf(answer->content_range, sizeof answer->content_range, "bytes */%llu",
             (unsigned long long)answer->object->size);
}

/* The right answer to a GET or HEAD. A weak ETag matches no If-Match. */
static inline object_answer_t object_plan(exchange_t *exchange, const object_t *object) {
  object_answer_t answer = {.object = object, .cut = UINT64_MAX, .more = ""};
  const char     *if_match = header(exchange, "if-match");
  uint64_t        first, last;
  if (object->etag) snprintf(answer.etag, sizeof answer.etag, "%s", object->etag);
  if (object->last_modified) snprintf(answer.last_modified, sizeof answer.last_modified, "%s", object->last_modified);
  if (if_match && (object->etag == NULL || object->etag[0] == 'W' || strcmp(if_match, object->etag) != 0))
    plan_nothing(&answer, 412);
  else if (!record_range(exchange->record, &first, &last)) plan_whole(&answer);
  else if (first >= object->size) plan_nothing(&answer, 416);
  else plan_range(&answer, first, last);
  return answer;
}

static inline void say_field(exchange_t *exchange, const char *name, const char *value) {
  if (value[0] != '\0') say(exchange, "%s: %s\r\n", name, value);
}

static inline bool object_send_head(exchange_t *exchange, const object_answer_t *answer) {
  say_status(exchange, answer->status);
  say_field(exchange, "Content-Length", answer->content_length);
  say_field(exchange, "Content-Range", answer->content_range);
  say_field(exchange, "ETag", answer->etag);
  say_field(exchange, "Last-Modified", answer->last_modified);
  return say(exchange, "%s\r\n", answer->more);
}

/* Sends bytes of the object. */
static inline bool object_send_bytes(exchange_t *exchange, const object_t *object, uint64_t first, uint64_t count) {
  enum { PIECE = 65536 };
  uint8_t *piece = malloc(PIECE);
  while (count > 0 && !exchange->has_ended) {
    size_t size = count < PIECE ? (size_t)count : PIECE;
    for (size_t i = 0; i < size; i++) piece[i] = pattern_byte(object->seed, first + i);
    say_bytes(exchange, piece, size);
    first += size;
    count -= size;
  }
  free(piece);
  return !exchange->has_ended;
}

/* Sends the head and the body up to the cut. Behind a cut the function of the test says how it goes on. */
static inline bool object_send(exchange_t *exchange, const object_answer_t *answer) {
  uint64_t count = answer->count < answer->cut ? answer->count : answer->cut;
  object_send_head(exchange, answer);
  return method_is(exchange, "HEAD") || object_send_bytes(exchange, answer->object, answer->first, count);
}

/* The right answer. */
static inline bool object_answer(exchange_t *exchange, const object_t *object) {
  object_answer_t answer = object_plan(exchange, object);
  return object_send(exchange, &answer);
}

/* -- every verb ---------------------------------------------------------------------------------------- */

static inline bool is_list(const exchange_t *exchange) {
  char value[16] = "";
  return record_query(exchange->record, "list-type", NULL, 0) ||
         (record_query(exchange->record, "comp", value, sizeof value) && strcmp(value, "list") == 0);
}

static inline void answer_list_of_nothing(exchange_t *exchange) {
  bool is_azure = record_query(exchange->record, "comp", NULL, 0);
  reply(exchange, 200, "Content-Type: application/xml\r\n",
        is_azure ? "<?xml version=\"1.0\" encoding=\"utf-8\"?><EnumerationResults ContainerName=\"container\"><Blobs />"
                   "<NextMarker /></EnumerationResults>"
                 : "<?xml version=\"1.0\" encoding=\"UTF-8\"?><ListBucketResult><Name>bucket</Name><Prefix></Prefix>"
                   "<KeyCount>0</KeyCount><MaxKeys>1000</MaxKeys><IsTruncated>false</IsTruncated></ListBucketResult>");
}

/* The answer to an Azure batch of one delete: another answer is in it, whose first line and document these are. */
static inline void answer_batch(exchange_t *exchange, const char *inner_status, const char *document) {
  char body[1024];
  snprintf(body, sizeof body,
           "--batch\r\nContent-Type: application/http\r\nContent-ID: 0\r\n\r\n"
           "HTTP/1.1 %s\r\nx-ms-version: 2023-11-03\r\nContent-Length: %zu\r\n\r\n%s\r\n--batch--\r\n",
           inner_status, strlen(document), document);
  reply(exchange, 202, "Content-Type: multipart/mixed; boundary=batch\r\n", body);
}

/* The answer of a WebDAV server that is asked what an object is. */
static inline void answer_properties(exchange_t *exchange, const object_t *object) {
  char path[512], body[1024];
  record_path(exchange->record, path, sizeof path);
  snprintf(body, sizeof body,
           "<?xml version=\"1.0\"?><D:multistatus xmlns:D=\"DAV:\"><D:response><D:href>%s</D:href><D:propstat><D:prop>"
           "<D:resourcetype/><D:getcontentlength>%llu</D:getcontentlength></D:prop><D:status>HTTP/1.1 200 OK</D:status>"
           "</D:propstat></D:response></D:multistatus>",
           path, (unsigned long long)object->size);
  reply(exchange, 207, "Content-Type: application/xml\r\n", body);
}

/* The right answer to every verb, of any kind of store: each key has this object, and lists are empty. */
static inline void answer_well(exchange_t *exchange, const object_t *object) {
  char headers[512];
  bool is_azure = header(exchange, "x-ms-version") != NULL;
  snprintf(headers, sizeof headers, "ETag: %s\r\nLast-Modified: %s\r\nx-goog-generation: 1\r\n", AN_ETAG, A_DATE);
  if (!take_body(exchange)) return;
  if (is_list(exchange)) answer_list_of_nothing(exchange);
  else if (method_is(exchange, "PROPFIND")) answer_properties(exchange, object);
  else if (method_is(exchange, "PUT")) reply(exchange, is_azure ? 201 : 200, headers, "");
  else if (method_is(exchange, "DELETE")) reply(exchange, 204, "", "");
  else if (method_is(exchange, "POST") && is_azure) answer_batch(exchange, "202 Accepted", "");
  else object_answer(exchange, object);
}

#endif
