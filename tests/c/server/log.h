/*
 * What a server remembers of each request: its first line, its header fields, and
 * how much of its body came, with the bytes where they are asked for.
 *
 * A record is made when the head of a request has come and lives as long as its
 * server. `received`, `body` and `status` change while it is answered: read them
 * when the server has stopped, or through server_received and server_status.
 */
#ifndef TESTS_C_SERVER_LOG_H
#define TESTS_C_SERVER_LOG_H

#include "../traffic.h"

#include <strings.h>

enum { MOST_FIELDS = 64 };

typedef struct field {
  const char *name, *value;
} field_t;

typedef struct record {
  char       *text; /* the head; what follows points into it */
  const char *method;
  const char *target; /* as it was sent */
  field_t     fields[MOST_FIELDS];
  size_t      field_count;
  size_t      connection;     /* the number of its connection, from 0 */
  bool        has_length;     /* there is a Content-Length */
  bool        is_chunked;     /* there is a Transfer-Encoding: such a body is not read */
  uint64_t    content_length; /* 0 where there is none */
  uint64_t    begun_ms;       /* when the head had come */
  uint64_t    received;       /* bytes of the body that came */
  uint64_t    surplus;        /* bytes that came behind the body of the last request of a connection */
  uint8_t    *body;           /* these bytes, where bodies are kept */
  int         status;         /* of the answer; 0 = none was begun */
} record_t;

/* The value of a header field, NULL where there is none. */
static inline const char *record_header(const record_t *record, const char *name) {
  for (size_t i = 0; i < record->field_count; i++)
    if (strcasecmp(record->fields[i].name, name) == 0) return record->fields[i].value;
  return NULL;
}

static inline int hex_digit(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  if (c >= 'a' && c <= 'f') return c - 'a' + 10;
  if (c >= 'A' && c <= 'F') return c - 'A' + 10;
  return -1;
}

/*
 * Decodes percent escapes, and in a query `+`, up to one of `ends`; gives where it
 * stopped. What does not fit is left out.
 */
static inline const char *percent_decode(const char *from, const char *ends, bool in_query, char *to, size_t size) {
  size_t used = 0;
  for (; *from != '\0' && strchr(ends, *from) == NULL; from++) {
    char byte = in_query && *from == '+' ? ' ' : *from;
    if (byte == '%' && hex_digit(from[1]) >= 0 && hex_digit(from[2]) >= 0) {
      byte = (char)(hex_digit(from[1]) * 16 + hex_digit(from[2]));
      from += 2;
    }
    if (used + 1 < size) to[used++] = byte;
  }
  if (size > 0) to[used] = '\0';
  return from;
}

/* The path of a target, decoded. */
static inline void record_path(const record_t *record, char *path, size_t size) {
  percent_decode(record->target, "?", false, path, size);
}

/* Whether the query has a parameter of this name; `value` receives it, decoded, and may be NULL. */
static inline bool record_query(const record_t *record, const char *name, char *value, size_t size) {
  const char *at = strchr(record->target, '?');
  char        found[64];
  while (at != NULL && *at != '\0') {
    at = percent_decode(at + 1, "=&", true, found, sizeof found);
    const char *end = *at == '=' ? strchr(at, '&') : at;
    if (strcmp(found, name) == 0) {
      if (value != NULL) percent_decode(*at == '=' ? at + 1 : "", "&", true, value, size);
      return true;
    }
    at = end;
  }
  return false;
}

/* Cuts the head of a request, which the record takes over, into its fields. False where it is no HTTP/1.1 request. */
static inline bool record_parse(record_t *record, char *text) {
  char *rest = NULL, *line = strtok_r(text, "\r\n", &rest), *words = NULL;
  record->text = text;
  record->method = line ? strtok_r(line, " ", &words) : NULL;
  record->target = words ? strtok_r(NULL, " ", &words) : NULL;
  const char *version = record->target ? strtok_r(NULL, " ", &words) : NULL;
  if (version == NULL || strcmp(version, "HTTP/1.1") != 0) return false;
  while ((line = strtok_r(NULL, "\r\n", &rest)) != NULL) {
    char *colon = strchr(line, ':');
    if (colon == NULL || record->field_count == MOST_FIELDS) return false;
    *colon = '\0';
    record->fields[record->field_count++] = (field_t){line, colon + 1 + strspn(colon + 1, " ")};
  }
  const char *length = record_header(record, "content-length");
  record->has_length = length != NULL;
  record->content_length = length ? strtoull(length, NULL, 10) : 0;
  record->is_chunked = record_header(record, "transfer-encoding") != NULL;
  return true;
}

/* The range `bytes=first-last` that a request asks for; without an end `last` is UINT64_MAX. False: it has none. */
static inline bool record_range(const record_t *record, uint64_t *first, uint64_t *last) {
  const char *range = record_header(record, "range");
  char       *end = NULL;
  *first = 0;
  *last = UINT64_MAX;
  if (range == NULL) return false;
  if (strncmp(range, "bytes=", 6) != 0 || range[6] < '0' || range[6] > '9') {
    FAIL("a range that is none, or a suffix: %s", range);
    return false;
  }
  *first = strtoull(range + 6, &end, 10);
  if (end[0] == '-' && end[1] != '\0') *last = strtoull(end + 1, &end, 10);
  else if (end[0] == '-') end++;
  if (*end != '\0' || *last < *first) FAIL("a range that is none: %s", range);
  return true;
}

/* The method must be this one (NULL = any) and the target must contain `part`. */
static inline bool record_is(const record_t *record, const char *method, const char *part) {
  return (method == NULL || strcmp(record->method, method) == 0) && strstr(record->target, part) != NULL;
}

static inline void record_free(record_t *record) {
  free(record->text);
  free(record->body);
  free(record);
}

#endif
