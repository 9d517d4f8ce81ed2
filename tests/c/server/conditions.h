/*
 * A server of one object that minds the conditions of a request as RFC 9110 orders
 * them, or minds none; whose object may change between two requests, fail first, or
 * break off.
 */
#ifndef TESTS_C_SERVER_CONDITIONS_H
#define TESTS_C_SERVER_CONDITIONS_H

#include "../server.h"

typedef struct keeper {
  object_t object, after; /* `after` from request number `changes_at` on */
  size_t   changes_at;    /* 0 = never */
  bool     is_deaf;       /* minds no condition and no generation */
  size_t   failures;      /* so many requests, the first, are answered 503 */
  uint64_t cut;           /* of the first answer that is good, so much is sent; 0 = all */
} keeper_t;

/* A time that a header says; -1 where it says none. */
static inline time_t http_time(const char *text) {
  struct tm parts;
  memset(&parts, 0, sizeof parts);
  return text && strptime(text, "%a, %d %b %Y %H:%M:%S GMT", &parts) ? timegm(&parts) : -1;
}

static inline const char *without_weakness(const char *etag) { return strncmp(etag, "W/", 2) == 0 ? etag + 2 : etag; }

static inline bool matches_strongly(const char *condition, const char *etag) {
  return strcmp(condition, "*") == 0 || (etag && etag[0] != 'W' && strcmp(condition, etag) == 0);
}

static inline bool matches_weakly(const char *condition, const char *etag) {
  return strcmp(condition, "*") == 0 || (etag && strcmp(without_weakness(condition), without_weakness(etag)) == 0);
}

/* 412 or 304 where a condition of the request is not met; else 0. */
static inline int unmet(const exchange_t *exchange, const object_t *object, const char *generation) {
  const char *match = header(exchange, "if-match"), *none = header(exchange, "if-none-match");
  const char *at = header(exchange, "x-goog-if-generation-match");
  const char *not_at = header(exchange, "x-goog-if-generation-not-match");
  time_t      unmodified = http_time(header(exchange, "if-unmodified-since"));
  time_t      modified = http_time(header(exchange, "if-modified-since")), now = http_time(object->last_modified);
  if (at != NULL && strcmp(at, generation) != 0) return 412;
  if (match != NULL && !matches_strongly(match, object->etag)) return 412;
  if (match == NULL && unmodified >= 0 && now >= 0 && now > unmodified) return 412;
  if (not_at != NULL && strcmp(not_at, generation) == 0) return 304;
  if (none != NULL && matches_weakly(none, object->etag)) return 304;
  if (none == NULL && modified >= 0 && now >= 0 && now <= modified) return 304;
  return 0;
}

/* The version that a request names, on whichever kind of store; empty where it names none. */
static inline void version_asked(const record_t *record, char *version, size_t size) {
  version[0] = '\0';
  if (!record_query(record, "versionId", version, size)) record_query(record, "versionid", version, size);
}

static inline void answer_keeper(exchange_t *exchange, void *context) {
  keeper_t       *keeper = context;
  bool            has_changed = keeper->changes_at > 0 && exchange->number >= keeper->changes_at;
  const object_t *object = has_changed ? &keeper->after : &keeper->object;
  const char     *generation = has_changed ? "2" : "1";
  char            asked[64], version[64], head[256];
  uint64_t        first, last;
  take_body(exchange);
  server_lock(exchange->server);
  bool     fails = keeper->failures > 0;
  uint64_t cut = fails || keeper->cut == 0 ? UINT64_MAX : keeper->cut;
  if (fails) keeper->failures--;
  else keeper->cut = 0;
  server_unlock(exchange->server);
  if (fails) {
    reply_error(exchange, 503, "SlowDown", "later");
    return;
  }
  int refused = keeper->is_deaf ? 0 : unmet(exchange, object, generation);
  if (!keeper->is_deaf && record_query(exchange->record, "generation", asked, sizeof asked) &&
      strcmp(asked, generation) != 0) {
    reply_error(exchange, 404, "NoSuchKey", "another generation");
    return;
  }
  object_answer_t answer = {.object = object, .cut = cut, .more = head};
  version_asked(exchange->record, version, sizeof version);
  snprintf(head, sizeof head, "x-goog-generation: %s\r\nx-amz-version-id: %s\r\nx-ms-version-id: %s\r\n", generation,
           version, version);
  if (object->etag) snprintf(answer.etag, sizeof answer.etag, "%s", object->etag);
  if (object->last_modified) snprintf(answer.last_modified, sizeof answer.last_modified, "%s", object->last_modified);
  if (refused != 0) plan_nothing(&answer, refused);
  else if (!record_range(exchange->record, &first, &last)) plan_whole(&answer);
  else if (first >= object->size) plan_nothing(&answer, 416);
  else plan_range(&answer, first, last);
  if (answer.status == 304) answer.content_length[0] = '\0';
  object_send(exchange, &answer);
  if (cut < answer.count) finish(exchange);
}

#endif
