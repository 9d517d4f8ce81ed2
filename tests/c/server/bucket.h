/*
 * A small S3 (and, as far as it goes, GCS's XML): single puts with conditions,
 * multipart uploads, head and delete. It checks what S3 checks: the ETags and the
 * order of the parts that are completed. The server has to keep bodies.
 *
 *   static void answer(exchange_t *exchange, void *context) {
 *     bucket_t *bucket = context;
 *     if (step_of(exchange) == STEP_PART && ...) reply_error(exchange, 500, "InternalError", "no luck");
 *     else bucket_answer(exchange, bucket);
 *   }
 *
 * bucket_do without bucket_say is an answer that is lost.
 */
#ifndef TESTS_C_SERVER_BUCKET_H
#define TESTS_C_SERVER_BUCKET_H

#include "exchange.h"
#include "md5.h"

typedef enum step {
  STEP_PUT,
  STEP_CREATE, /* of a multipart upload */
  STEP_PART,
  STEP_COMPLETE,
  STEP_ABORT,
  STEP_HEAD,
  STEP_DELETE,
  STEP_OTHER,
  STEPS
} step_t;

static const char *const step_names[STEPS] = {"put", "create", "part", "complete", "abort", "head", "delete", "other"};

enum { MOST_OBJECTS = 32, MOST_UPLOADS = 64, MOST_PARTS = 64 };

/* Bytes with the MD5 of them: an object, or a part of an upload. */
typedef struct stored {
  char     key[256];
  uint8_t *data;
  size_t   size;
  uint8_t  digest[MD5_SIZE];
  char     etag[64]; /* with its quotes; "" = there is nothing here */
} stored_t;

typedef struct upload {
  char     key[256];
  stored_t parts[MOST_PARTS]; /* number 1 is at 0 */
  bool     has_ended;         /* completed or aborted */
} upload_t;

typedef struct bucket {
  pthread_mutex_t mutex;
  stored_t        objects[MOST_OBJECTS];
  upload_t        uploads[MOST_UPLOADS]; /* upload-0 is at 0 */
  size_t          upload_count, completed, aborted, puts;
} bucket_t;

/* What is to be said: the document is an error's where `code` is not NULL. */
typedef struct bucket_reply {
  int         status;
  const char *code;
  char        headers[256], document[512];
} bucket_reply_t;

static inline void bucket_init(bucket_t *bucket) {
  memset(bucket, 0, sizeof *bucket);
  pthread_mutex_init(&bucket->mutex, NULL);
}

/* When the server has stopped. */
static inline void bucket_free(bucket_t *bucket) {
  for (size_t i = 0; i < MOST_OBJECTS; i++) free(bucket->objects[i].data);
  for (size_t i = 0; i < MOST_UPLOADS; i++)
    for (size_t k = 0; k < MOST_PARTS; k++) free(bucket->uploads[i].parts[k].data);
  pthread_mutex_destroy(&bucket->mutex);
}

static inline step_t step_of(const exchange_t *exchange) {
  const record_t *record = exchange->record;
  bool            has_upload = record_query(record, "uploadId", NULL, 0);
  if (method_is(exchange, "PUT")) return has_upload ? STEP_PART : STEP_PUT;
  if (method_is(exchange, "POST") && record_query(record, "uploads", NULL, 0)) return STEP_CREATE;
  if (method_is(exchange, "POST") && has_upload) return STEP_COMPLETE;
  if (method_is(exchange, "DELETE")) return has_upload ? STEP_ABORT : STEP_DELETE;
  return method_is(exchange, "HEAD") ? STEP_HEAD : STEP_OTHER;
}

/* -- what is stored ------------------------------------------------------------------------------------ */

static inline void store_bytes(stored_t *stored, const uint8_t *data, size_t size) {
  char text[MD5_TEXT_SIZE];
  free(stored->data);
  stored->data = malloc(size + 1);
  if (size > 0) memcpy(stored->data, data, size);
  stored->size = size;
  md5(stored->data, size, stored->digest);
  md5_text(stored->digest, text);
  snprintf(stored->etag, sizeof stored->etag, "\"%s\"", text);
}

/* The object of this key, or, where it is to be made, a free place for it. */
static inline stored_t *object_place(bucket_t *bucket, const char *key, bool make) {
  stored_t *place = NULL;
  for (size_t i = 0; i < MOST_OBJECTS; i++) {
    stored_t *object = &bucket->objects[i];
    if (object->etag[0] != '\0' && strcmp(object->key, key) == 0) return object;
    if (object->etag[0] == '\0' && place == NULL) place = object;
  }
  if (!make) return NULL;
  if (place == NULL) abort();
  snprintf(place->key, sizeof place->key, "%s", key);
  return place;
}

/* Whether the object is there and is these bytes. */
static inline bool bucket_holds(bucket_t *bucket, const char *path, const uint8_t *data, size_t size) {
  pthread_mutex_lock(&bucket->mutex);
  const stored_t *object = object_place(bucket, path, false);
  bool            holds = object != NULL && object->size == size && memcmp(object->data, data, size) == 0;
  pthread_mutex_unlock(&bucket->mutex);
  return holds;
}

/* Whether there is an object of this key. */
static inline bool bucket_knows(bucket_t *bucket, const char *path) {
  pthread_mutex_lock(&bucket->mutex);
  bool knows = object_place(bucket, path, false) != NULL;
  pthread_mutex_unlock(&bucket->mutex);
  return knows;
}

/* How many uploads have begun and were neither completed nor aborted. */
static inline size_t bucket_left_behind(bucket_t *bucket) {
  pthread_mutex_lock(&bucket->mutex);
  size_t left = bucket->upload_count - bucket->completed - bucket->aborted;
  pthread_mutex_unlock(&bucket->mutex);
  return left;
}

/* Puts an object there, as another client would. */
static inline void bucket_put(bucket_t *bucket, const char *path, const uint8_t *data, size_t size, char etag[64]) {
  pthread_mutex_lock(&bucket->mutex);
  stored_t *object = object_place(bucket, path, true);
  store_bytes(object, data, size);
  snprintf(etag, 64, "%s", object->etag);
  pthread_mutex_unlock(&bucket->mutex);
}

static inline size_t bucket_aborted(bucket_t *bucket) {
  pthread_mutex_lock(&bucket->mutex);
  size_t aborted = bucket->aborted;
  pthread_mutex_unlock(&bucket->mutex);
  return aborted;
}

/* -- steps --------------------------------------------------------------------------------------------- */

static inline void reply_with(bucket_reply_t *to, int status, const char *code) {
  to->status = status;
  to->code = code;
}

static inline void do_put(bucket_t *bucket, exchange_t *exchange, const char *key, bucket_reply_t *to) {
  stored_t   *object = object_place(bucket, key, false);
  const char *if_match = header(exchange, "if-match"), *generation = header(exchange, "x-goog-if-generation-match");
  bool        creates = header(exchange, "if-none-match") != NULL || (generation && strcmp(generation, "0") == 0);
  if ((creates && object != NULL) || (if_match && object && strcmp(object->etag, if_match) != 0)) {
    reply_with(to, 412, "PreconditionFailed");
  } else if (if_match && object == NULL) {
    reply_with(to, 404, "NoSuchKey");
  } else {
    object = object_place(bucket, key, true);
    store_bytes(object, exchange->record->body, (size_t)exchange->record->received);
    bucket->puts++;
    reply_with(to, 200, NULL);
    snprintf(to->headers, sizeof to->headers, "ETag: %s\r\nx-goog-generation: %zu\r\n", object->etag, bucket->puts);
  }
}

static inline void do_create(bucket_t *bucket, const char *key, bucket_reply_t *to) {
  size_t number = bucket->upload_count++;
  if (number == MOST_UPLOADS) abort();
  snprintf(bucket->uploads[number].key, sizeof bucket->uploads[number].key, "%s", key);
  reply_with(to, 200, NULL);
  snprintf(to->document, sizeof to->document,
           "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<InitiateMultipartUploadResult><Bucket>bucket</Bucket>"
           "<Key>key</Key><UploadId>upload-%zu</UploadId></InitiateMultipartUploadResult>",
           number);
}

/* The upload that a request names; NULL where there is none, or none any more. */
static inline upload_t *upload_of(bucket_t *bucket, const exchange_t *exchange) {
  char   id[64] = "";
  size_t number;
  record_query(exchange->record, "uploadId", id, sizeof id);
  if (sscanf(id, "upload-%zu", &number) != 1 || number >= bucket->upload_count) return NULL;
  return bucket->uploads[number].has_ended ? NULL : &bucket->uploads[number];
}

static inline void do_part(upload_t *upload, exchange_t *exchange, bucket_reply_t *to) {
  char text[16] = "";
  record_query(exchange->record, "partNumber", text, sizeof text);
  long number = strtol(text, NULL, 10);
  if (number < 1 || number > MOST_PARTS) {
    FAIL("a part with the number %s", text);
    reply_with(to, 400, "InvalidArgument");
    return;
  }
  stored_t *part = &upload->parts[number - 1];
  store_bytes(part, exchange->record->body, (size_t)exchange->record->received);
  reply_with(to, 200, NULL);
  snprintf(to->headers, sizeof to->headers, "ETag: %s\r\n", part->etag);
}

/* The text of the next element of this name in a document, whose end is given; NULL where there is none. */
static inline const char *element_text(const char *document, const char *name, char *text, size_t size) {
  char        tag[64];
  const char *begin, *end;
  snprintf(tag, sizeof tag, "<%s>", name);
  if ((begin = strstr(document, tag)) == NULL) return NULL;
  begin += strlen(tag);
  snprintf(tag, sizeof tag, "</%s>", name);
  if ((end = strstr(begin, tag)) == NULL) return NULL;
  snprintf(text, size, "%.*s", (int)(end - begin), begin);
  return end;
}

/* Whether an ETag in a document, where its quotes may be escaped, is this one. */
static inline bool is_etag(const char *written, const char *etag) {
  size_t      size = strlen(etag) - 2;
  const char *at = strstr(written, "&quot;") == written ? written + 6 : written + (written[0] == '"');
  return strncmp(at, etag + 1, size) == 0;
}

/* The part that an element `Part` names, which must have this number; NULL where it has another, or is not there. */
static inline stored_t *named_part(upload_t *upload, const char *element, size_t number) {
  char      text[32], etag[128];
  stored_t *part = number <= MOST_PARTS ? &upload->parts[number - 1] : NULL;
  if (element_text(element, "PartNumber", text, sizeof text) == NULL || strtoul(text, NULL, 10) != number) return NULL;
  if (element_text(element, "ETag", etag, sizeof etag) == NULL || part == NULL || part->etag[0] == '\0') return NULL;
  return is_etag(etag, part->etag) ? part : NULL;
}

/* Joins the parts that the document names into the object; gives the error code, NULL where all is well. */
static inline const char *join_parts(bucket_t *bucket, upload_t *upload, const char *document) {
  uint8_t digests[MOST_PARTS * MD5_SIZE], digest[MD5_SIZE], *data = NULL;
  char    element[512], text[MD5_TEXT_SIZE];
  size_t  size = 0, count = 0;
  while ((document = element_text(document, "Part", element, sizeof element)) != NULL) {
    stored_t *part = named_part(upload, element, count + 1);
    if (part == NULL) {
      free(data);
      return "InvalidPart";
    }
    data = realloc(data, size + part->size + 1);
    memcpy(data + size, part->data, part->size);
    size += part->size;
    memcpy(digests + count++ * MD5_SIZE, part->digest, MD5_SIZE);
  }
  if (count == 0) return "MalformedXML";
  stored_t *object = object_place(bucket, upload->key, true);
  free(object->data);
  object->data = data;
  object->size = size;
  md5(digests, count * MD5_SIZE, digest);
  md5_text(digest, text);
  snprintf(object->etag, sizeof object->etag, "\"%s-%zu\"", text, count);
  return NULL;
}

static inline void do_complete(bucket_t *bucket, upload_t *upload, exchange_t *exchange, bucket_reply_t *to) {
  size_t      size = (size_t)exchange->record->received;
  char       *document = size > 0 ? strndup((const char *)exchange->record->body, size) : strdup("");
  const char *code = join_parts(bucket, upload, document);
  free(document);
  if (code != NULL) {
    reply_with(to, 400, code);
    return;
  }
  bucket->completed++;
  upload->has_ended = true;
  reply_with(to, 200, NULL);
  const char *etag = object_place(bucket, upload->key, false)->etag;
  snprintf(to->headers, sizeof to->headers, "x-goog-generation: %zu\r\n", ++bucket->puts);
  snprintf(to->document, sizeof to->document,
           "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<CompleteMultipartUploadResult><Location>here</Location>"
           "<Bucket>bucket</Bucket><Key>key</Key><ETag>&quot;%.*s&quot;</ETag></CompleteMultipartUploadResult>",
           (int)strlen(etag) - 2, etag + 1);
}

static inline void do_head(bucket_t *bucket, const char *key, bucket_reply_t *to) {
  const stored_t *object = object_place(bucket, key, false);
  reply_with(to, object ? 200 : 404, NULL);
  if (object != NULL)
    snprintf(to->headers, sizeof to->headers, "Content-Length: %zu\r\nETag: %s\r\nLast-Modified: %s\r\n", object->size,
             object->etag, "Tue, 15 Nov 1994 08:12:31 GMT");
}

static inline void do_upload_step(bucket_t *bucket, exchange_t *exchange, step_t step, bucket_reply_t *to) {
  upload_t *upload = upload_of(bucket, exchange);
  if (upload == NULL) {
    reply_with(to, 404, "NoSuchUpload");
  } else if (step == STEP_PART) {
    do_part(upload, exchange, to);
  } else if (step == STEP_COMPLETE) {
    do_complete(bucket, upload, exchange, to);
  } else {
    bucket->aborted++;
    upload->has_ended = true;
    reply_with(to, 204, NULL);
  }
}

/* Reads the whole request and does what it asks; false where it has not come whole, and then nothing is done. */
static inline bool bucket_do(exchange_t *exchange, bucket_t *bucket, bucket_reply_t *to) {
  char   path[256];
  step_t step = step_of(exchange);
  memset(to, 0, sizeof *to);
  record_path(exchange->record, path, sizeof path);
  if (!take_body(exchange)) return false;
  pthread_mutex_lock(&bucket->mutex);
  if (step == STEP_PUT) do_put(bucket, exchange, path, to);
  else if (step == STEP_CREATE) do_create(bucket, path, to);
  else if (step == STEP_PART || step == STEP_COMPLETE || step == STEP_ABORT) do_upload_step(bucket, exchange, step, to);
  else if (step == STEP_HEAD) do_head(bucket, path, to);
  else if (step == STEP_DELETE) reply_with(to, 204, NULL);
  else reply_with(to, 501, "NotImplemented");
  pthread_mutex_unlock(&bucket->mutex);
  return true;
}

static inline void bucket_say(exchange_t *exchange, const bucket_reply_t *what) {
  if (what->code != NULL) {
    reply_error(exchange, what->status, what->code, "the bucket of the test says no");
  } else if (strstr(what->headers, "Content-Length") != NULL) {
    say_status(exchange, what->status);
    say(exchange, "%s\r\n", what->headers);
  } else {
    reply(exchange, what->status, what->headers, what->document);
  }
}

/* The right answer. */
static inline void bucket_answer(exchange_t *exchange, bucket_t *bucket) {
  bucket_reply_t what;
  if (bucket_do(exchange, bucket, &what)) bucket_say(exchange, &what);
}

#endif
