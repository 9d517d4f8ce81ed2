/*
 * Deletes of many keys: a server that takes a bulk request apart into the keys it
 * names (S3's document, Azure's batch), and what to say of each of them.
 *
 * Unless a test says otherwise the name of a key tells what becomes of it. The
 * number at its end tells keys apart:
 *
 *   ok-7      it is deleted, and so is every other name
 *   gone-7    it was not there
 *   denied-7  it may not be deleted
 *   broken-7  the server fails, each time
 *   slow-7    the server is busy, each time
 *   once-7    the server fails the first time
 *   left-7    nothing is said of it
 *
 * The server has to keep bodies.
 */
#ifndef TESTS_C_SERVER_BULK_H
#define TESTS_C_SERVER_BULK_H

#include "../server.h"

enum { MOST_ASKED = 1024, MOST_KEYS = 4096, KEY_SIZE = 1100, RETRIES = 2 };

/* The keys that one request names, in its order. */
typedef struct bulk {
  size_t count;
  char (*keys)[KEY_SIZE];
} bulk_t;

typedef enum fate { OK, GONE, DENIED, BROKEN, SLOW, ONCE, LEFT, FATES } fate_t;

static const char *const fate_names[FATES] = {"ok-", "gone-", "denied-", "broken-", "slow-", "once-", "left-"};

/* What the fates are in the words of S3, and in those of Azure. NULL: success, or nothing. */
static const char *const s3_codes[FATES] = {
    NULL, "NoSuchKey", "AccessDenied", "InternalError", "SlowDown", "InternalError", NULL};
static const char *const azure_statuses[FATES] = {"202 Accepted",
                                                  "404 Not Found",
                                                  "403 Forbidden",
                                                  "500 Internal Server Error",
                                                  "503 Service Unavailable",
                                                  "500 Internal Server Error",
                                                  NULL};
static const char *const azure_codes[FATES] = {
    "", "BlobNotFound", "AuthorizationFailure", "InternalError", "ServerBusy", "InternalError", ""};

/* How often each key was asked for, by its number. */
typedef struct tally {
  size_t asks[MOST_KEYS];
} tally_t;

static inline fate_t fate_of_key(const char *key) {
  for (fate_t fate = 0; fate < FATES; fate++)
    if (strncmp(key, fate_names[fate], strlen(fate_names[fate])) == 0) return fate;
  return OK;
}

static inline size_t number_of_key(const char *key) {
  const char *dash = strrchr(key, '-');
  size_t      number = dash ? strtoul(dash + 1, NULL, 10) : 0;
  return number < MOST_KEYS ? number : 0;
}

/* Counts the asking; gives what the server says of the key this time. */
static inline fate_t fate_now(exchange_t *exchange, tally_t *tally, const char *key) {
  fate_t fate = fate_of_key(key);
  server_lock(exchange->server);
  size_t asked = tally->asks[number_of_key(key)]++;
  server_unlock(exchange->server);
  return fate == ONCE && asked > 0 ? OK : fate;
}

/* -- what is asked ----------------------------------------------------------------------------------------- */

/* Resolves the entities of XML, from one place up to another. */
static inline void xml_decode(const char *from, const char *end, char *to, size_t size) {
  static const struct {
    const char *entity;
    char        byte;
  } entities[] = {{"&amp;", '&'}, {"&lt;", '<'}, {"&gt;", '>'}, {"&quot;", '"'}, {"&apos;", '\''}};
  size_t used = 0;
  while (from < end && used + 1 < size) {
    size_t at = 0, step = 1;
    char   byte = *from;
    for (; *from == '&' && at < sizeof entities / sizeof entities[0]; at++)
      if (strncmp(from, entities[at].entity, strlen(entities[at].entity)) == 0) {
        byte = entities[at].byte;
        step = strlen(entities[at].entity);
      }
    if (*from == '&' && step == 1) FAIL("an `&` that begins no entity: %.16s", from);
    to[used++] = byte;
    from += step;
  }
  to[used] = '\0';
}

static inline void xml_encode(FILE *out, const char *text) {
  for (; *text != '\0'; text++)
    if (*text == '&') fputs("&amp;", out);
    else if (*text == '<') fputs("&lt;", out);
    else if (*text == '>') fputs("&gt;", out);
    else fputc(*text, out);
}

/* The next key of a document of S3's; NULL at the end. */
static inline const char *next_s3_key(const char *at, char *key) {
  const char *begin = strstr(at, "<Key>"), *end = begin ? strstr(begin, "</Key>") : NULL;
  if (end == NULL) return NULL;
  xml_decode(begin + 5, end, key, KEY_SIZE);
  return end;
}

/* The next key of a batch of Azure's; NULL at the end. */
static inline const char *next_azure_key(const char *at, char *key) {
  const char *begin = strstr(at, "\nDELETE "), *end = begin ? strstr(begin, " HTTP/1.1") : NULL;
  const char *place = begin ? strstr(begin, "container/") : NULL;
  if (end == NULL || place == NULL || place > end) return NULL;
  percent_decode(place + 10, " ?", false, key, KEY_SIZE);
  return end;
}

/* Takes the request apart. */
static inline bulk_t bulk_of(exchange_t *exchange) {
  bulk_t bulk = {0, malloc(MOST_ASKED * sizeof *bulk.keys)};
  take_body(exchange);
  bool        is_azure = header(exchange, "x-ms-version") != NULL;
  size_t      size = (size_t)exchange->record->received;
  char       *body = calloc(1, size + 1);
  const char *at = body;
  if (size > 0) memcpy(body, exchange->record->body, size);
  while (bulk.count < MOST_ASKED && (at = (is_azure ? next_azure_key : next_s3_key)(at, bulk.keys[bulk.count])) != NULL)
    bulk.count++;
  if (at != NULL) FAIL("a request for more than %d keys", MOST_ASKED);
  free(body);
  return bulk;
}

static inline bool is_bulk(const exchange_t *exchange) {
  char comp[16] = "";
  return method_is(exchange, "POST") &&
         (record_query(exchange->record, "delete", NULL, 0) ||
          (record_query(exchange->record, "comp", comp, sizeof comp) && strcmp(comp, "batch") == 0));
}

/* -- what is said ------------------------------------------------------------------------------------------ */

#define XML_HEAD "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n"

static inline void tell_deleted(FILE *out, const char *key) {
  fputs("<Deleted><Key>", out);
  xml_encode(out, key);
  fputs("</Key></Deleted>", out);
}

static inline void tell_failed(FILE *out, const char *key, const char *code) {
  fputs("<Error><Key>", out);
  xml_encode(out, key);
  fprintf(out, "</Key><Code>%s</Code><Message>no luck with it</Message></Error>", code);
}

/* An answer of Azure's within the batch. `id` is that of the request it answers, from 0. */
static inline void tell_inner(FILE *out, size_t id, const char *status, const char *code) {
  fprintf(out,
          "--batch\r\nContent-Type: application/http\r\nContent-ID: %zu\r\n\r\nHTTP/1.1 %s\r\n"
          "x-ms-request-id: inner-%zu\r\nx-ms-version: 2023-11-03\r\n",
          id, status, id);
  if (code[0] != '\0')
    fprintf(out, "x-ms-error-code: %s\r\nContent-Type: application/xml\r\n\r\n<Error><Code>%s</Code></Error>\r\n", code,
            code);
  else fprintf(out, "Content-Length: 0\r\n\r\n\r\n");
}

/* A document of S3's, or a batch of Azure's, from what was written between; `text` is freed. */
static inline void reply_s3(exchange_t *exchange, char *text) {
  char  *document = NULL;
  size_t size = 0;
  FILE  *out = open_memstream(&document, &size);
  fprintf(out, XML_HEAD "<DeleteResult xmlns=\"http://s3.amazonaws.com/doc/2006-03-01/\">%s</DeleteResult>", text);
  fclose(out);
  reply(exchange, 200, "Content-Type: application/xml\r\n", document);
  free(document);
  free(text);
}

static inline void reply_azure(exchange_t *exchange, char *text) {
  char  *body = NULL;
  size_t size = 0;
  FILE  *out = open_memstream(&body, &size);
  fprintf(out, "%s--batch--\r\n", text);
  fclose(out);
  reply(exchange, 202, "Content-Type: multipart/mixed; boundary=batch\r\n", body);
  free(body);
  free(text);
}

/* Tells of each key what its name says. */
static inline void answer_bulk(exchange_t *exchange, tally_t *tally) {
  bool   is_azure = header(exchange, "x-ms-version") != NULL;
  bulk_t bulk = bulk_of(exchange);
  char  *text = NULL;
  size_t size = 0;
  FILE  *out = open_memstream(&text, &size);
  for (size_t i = 0; i < bulk.count; i++) {
    fate_t fate = fate_now(exchange, tally, bulk.keys[i]);
    if (fate == LEFT) continue;
    if (is_azure) tell_inner(out, i, azure_statuses[fate], azure_codes[fate]);
    else if (s3_codes[fate] != NULL) tell_failed(out, bulk.keys[i], s3_codes[fate]);
    else tell_deleted(out, bulk.keys[i]);
  }
  fclose(out);
  (is_azure ? reply_azure : reply_s3)(exchange, text);
  free(bulk.keys);
}

/* -- the request ------------------------------------------------------------------------------------------- */

/* Keys with their names: key_at(list, i) for each fate asked for. Owned; to be freed by keys_free. */
typedef struct keys {
  char **at;
  size_t count;
} keys_t;

static inline void add_key(keys_t *keys, const char *key) {
  keys->at = realloc(keys->at, (keys->count + 1) * sizeof *keys->at);
  keys->at[keys->count++] = strdup(key);
}

/* Adds `count` keys of a fate, numbered on from those that are there. */
static inline void add_keys(keys_t *keys, fate_t fate, size_t count) {
  char key[64];
  while (count-- > 0) {
    snprintf(key, sizeof key, "%s%zu", fate_names[fate], keys->count);
    add_key(keys, key);
  }
}

static inline void keys_free(keys_t *keys) {
  for (size_t i = 0; i < keys->count; i++) free(keys->at[i]);
  free(keys->at);
}

/* A delete of many keys that has ended. */
typedef struct many {
  blobferry_completion_t     completion;
  blobferry_report_t        *report;
  const blobferry_outcome_t *outcomes;
  size_t                     count;
} many_t;

static inline blobferry_report_t *new_report(void) {
  blobferry_report_t *report = NULL;
  blobferry_error_t  *error = NULL;
  blobferry_status_t  status = blobferry_report_new(NULL, &report, &error);
  must(status, error, "blobferry_report_new");
  return report;
}

/* The outcomes must be those of the keys, each once and in their order. */
static inline void read_outcomes(many_t *many, const keys_t *keys) {
  many->outcomes = blobferry_report_outcomes(many->report, &many->count);
  if (many->count != keys->count) {
    FAIL("%zu outcomes of %zu keys: %s", many->count, keys->count, blobferry_error_message(many->completion.error));
    many->count = 0;
  }
  for (size_t i = 0; i < many->count; i++) {
    CHECK_TEXT(many->outcomes[i].key, keys->at[i]);
    CHECK_INT(many->outcomes[i].key_size, strlen(keys->at[i]));
    CHECK_STATUS(blobferry_error_status(many->outcomes[i].error), many->outcomes[i].status);
  }
}

static inline many_t delete_keys(const fixture_t *fixture, const keys_t *keys) {
  many_t             many = {.report = new_report()};
  blobferry_error_t *error = NULL;
  blobferry_status_t submitted = blobferry_object_delete_many(
      fixture->store, fixture->cq, (const char *const *)keys->at, keys->count, NULL, many.report, 0, NULL, &error);
  many.completion = outcome_of(fixture, submitted, error);
  if (submitted == BLOBFERRY_OK) read_outcomes(&many, keys);
  beat();
  return many;
}

static inline void many_free(many_t *many) {
  dispose(&many->completion);
  blobferry_report_free(many->report);
}

static inline bool may_be_gone(const blobferry_outcome_t *outcome) {
  bool maybe = (outcome->flags & BLOBFERRY_OUTCOME_MAYBE_COMMITTED) != 0;
  CHECK_INT(blobferry_error_is_maybe_committed(outcome->error), maybe);
  return maybe;
}

/* How many of the outcomes have this status. */
static inline size_t with_status(const many_t *many, blobferry_status_t status) {
  size_t count = 0;
  for (size_t i = 0; i < many->count; i++)
    if (many->outcomes[i].status == status) count++;
  return count;
}

/* The completion counts what is deleted, and is OK only if all is. */
static inline void check_sum(const many_t *many) {
  size_t deleted = with_status(many, BLOBFERRY_OK);
  CHECK_INT(many->completion.status == BLOBFERRY_OK, deleted == many->count);
  CHECK_INT(many->completion.result, deleted);
}

/* The outcome must be what the name of its key says, of a store with RETRIES, and so often was it asked for. */
static inline void check_fate(const many_t *many, size_t at, const tally_t *tally) {
  static const blobferry_status_t statuses[FATES] = {BLOBFERRY_OK,       BLOBFERRY_OK,          BLOBFERRY_E_PERMISSION,
                                                     BLOBFERRY_E_SERVER, BLOBFERRY_E_THROTTLED, BLOBFERRY_OK,
                                                     BLOBFERRY_E_SERVER};
  static const size_t             asks[FATES] = {1, 1, 1, RETRIES + 1, RETRIES + 1, 2, RETRIES + 1};
  const blobferry_outcome_t      *outcome = &many->outcomes[at];
  fate_t                          fate = fate_of_key(outcome->key);
  if (outcome->status != statuses[fate])
    FAIL("%s: %s, wanted %s: %s", outcome->key, blobferry_status_name(outcome->status),
         blobferry_status_name(statuses[fate]), blobferry_error_message(outcome->error));
  if (tally->asks[at] != asks[fate])
    FAIL("%s was asked for %zu times, wanted %zu", outcome->key, tally->asks[at], asks[fate]);
  if (fate == OK || fate == DENIED || fate == SLOW) CHECK(!may_be_gone(outcome));
  if (fate == LEFT) CHECK(may_be_gone(outcome));
}

/* All keys must have ended so, and with them the request. */
static inline void check_all_ended(const many_t *many, blobferry_status_t status, bool maybe) {
  for (size_t i = 0; i < many->count; i++) {
    CHECK_STATUS(many->outcomes[i].status, status);
    CHECK_INT(may_be_gone(&many->outcomes[i]), maybe);
  }
  CHECK_STATUS(many->completion.status, status);
  CHECK_INT((many->completion.flags & BLOBFERRY_COMPLETION_MAYBE_COMMITTED) != 0, maybe);
  check_sum(many);
}

#endif
