/*
 * Stores opened on a server of the tests, of every kind that speaks HTTP, with
 * retries that take no time.
 */
#ifndef TESTS_C_SERVER_STORES_H
#define TESTS_C_SERVER_STORES_H

#include "../verbs.h"
#include "listen.h"

/* The kinds of stores. S3_UNSIGNED signs requests without a hash of their body; S3_ANONYMOUS signs nothing. */
typedef enum kind { HTTP, S3, S3_UNSIGNED, S3_ANONYMOUS, AZURE, GCS, KINDS } kind_t;

static const char *const kind_names[KINDS] = {"http", "s3", "s3, unsigned payload", "s3, anonymous", "azure", "gcs"};

/* What stands before a key in the target of a request. */
static const char *const kind_paths[KINDS] = {"/base/", "/bucket/", "/bucket/", "/bucket/", "/account/container/",
                                              "/bucket/"};

static inline bool is_s3(kind_t kind) { return kind == S3 || kind == S3_UNSIGNED || kind == S3_ANONYMOUS; }

/* Whether a check has failed since this was asked last: to say of which of many cases it was. */
static inline bool has_failed_here(void) {
  static int before = 0;
  int        now = atomic_load(&failures_in_test);
  bool       has_failed = now > before || (now < before && now > 0); /* fewer: another test has begun */
  before = now;
  return has_failed;
}

/* How much longer good answers may take on a machine as slow as the tool that watches makes it. */
static inline uint64_t slowness(void) {
  uint64_t divisor = number_from_environment("BLOBFERRY_TEST_ROUNDS_DIVISOR", 1);
  return divisor >= 100 ? 10 : divisor >= 10 ? 4 : 1;
}

/* A stall timeout that good answers keep to. */
static inline const char *short_stall(void) {
  static char text[32];
  snprintf(text, sizeof text, "%dms", (int)(500 * slowness()));
  return text;
}

/* For options of a store: OPTIONS({"max_retries", "0"}, ...); NO_OPTIONS for none. */
#define OPTIONS(...) (const blobferry_pair_t[]){__VA_ARGS__, {NULL, NULL}}
#define NO_OPTIONS (const blobferry_pair_t[]){{NULL, NULL}}

enum { MOST_OPTIONS = 32 };

typedef struct option_list {
  blobferry_pair_t pairs[MOST_OPTIONS];
  size_t           count;
} option_list_t;

/* Adds an option, or changes one that is there. */
static inline void set_option(option_list_t *list, const char *key, const char *value) {
  size_t at = 0;
  while (at < list->count && strcmp(list->pairs[at].key, key) != 0) at++;
  if (at == MOST_OPTIONS) abort();
  if (at == list->count) list->count++;
  list->pairs[at] = (blobferry_pair_t){key, value};
}

/* Opens a store of this kind on a port. `more` are further options, and win over those of here. */
static inline fixture_t with_port(int port, kind_t kind, const blobferry_pair_t *more) {
  static const char *const urls[KINDS] = {NULL,          "s3://bucket",    "s3://bucket",
                                          "s3://bucket", "az://container", "gs://bucket"};
  option_list_t            list = {.count = 0};
  char                     base[64], url[64];
  snprintf(base, sizeof base, "http://127.0.0.1:%d%s", port, kind == AZURE ? "/account" : "");
  snprintf(url, sizeof url, "http://127.0.0.1:%d/base/", port);
  set_option(&list, "allow_http", "true");
  set_option(&list, "initial_backoff", "1ms");
  set_option(&list, "max_backoff", "20ms");
  if (kind != HTTP) set_option(&list, kind == GCS ? "base_url" : "endpoint", base);
  if (is_s3(kind)) set_option(&list, "region", "us-east-1");
  if (kind == S3 || kind == S3_UNSIGNED) {
    set_option(&list, "access_key_id", "AKIDEXAMPLE");
    set_option(&list, "secret_access_key", "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY");
  }
  if (kind == S3_UNSIGNED) set_option(&list, "unsigned_payload", "true");
  if (kind == S3_ANONYMOUS || kind == GCS) set_option(&list, "credentials", "anonymous");
  if (kind == AZURE) {
    set_option(&list, "account_name", "account");
    set_option(&list, "account_key", "c2VjcmV0IGtleSBvZiB0aGUgdGVzdHM=");
  }
  for (; more->key != NULL; more++) set_option(&list, more->key, more->value);
  return with_url(kind == HTTP ? url : urls[kind], list.pairs, list.count);
}

static inline fixture_t with_server(server_t *server, kind_t kind, const blobferry_pair_t *more) {
  return with_port(server->port, kind, more);
}

/* The target of a request for a key must be this one; a query may follow. */
static inline void check_target(const record_t *record, kind_t kind, const char *key) {
  char wanted[512], path[512];
  snprintf(wanted, sizeof wanted, "%s%s", kind_paths[kind], key);
  record_path(record, path, sizeof path);
  CHECK_TEXT(path, wanted);
}

/* Checks how many requests there were in all, and shows them where there were others. */
static inline void check_requests(server_t *server, size_t wanted) {
  if (server_requests(server) == wanted) return;
  FAIL("%zu requests came, wanted %zu", server_requests(server), wanted);
  server_print(server);
}

/* As check_requests, of those with this method whose target contains `part`. */
static inline void check_count(server_t *server, const char *method, const char *part, size_t wanted) {
  if (server_count(server, method, part) == wanted) return;
  FAIL("%zu requests %s %s came, wanted %zu", server_count(server, method, part), method ? method : "", part, wanted);
  server_print(server);
}

#endif
