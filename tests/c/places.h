/*
 * Stores on the servers that tests/servers/with starts, by the variables that tell
 * where they are.
 */
#ifndef TESTS_C_PLACES_H
#define TESTS_C_PLACES_H

#include "verbs.h"

/* A server of tests/servers/with, by the variable that tells its place. */
typedef struct place {
  const char      *variable, *url;
  blobferry_pair_t options[6]; /* values that begin with BLOBFERRY_TEST_ are variables */
} place_t;

static const place_t on_s3 = {"BLOBFERRY_TEST_S3", "s3://blobferry",
                              {{"endpoint", "BLOBFERRY_TEST_S3"},
                               {"access_key_id", "BLOBFERRY_TEST_S3_KEY"},
                               {"secret_access_key", "BLOBFERRY_TEST_S3_SECRET"}}};
static const place_t on_s3_tls = {"BLOBFERRY_TEST_S3_TLS", "s3://blobferry",
                                  {{"endpoint", "BLOBFERRY_TEST_S3_TLS"},
                                   {"root_certificates", "BLOBFERRY_TEST_S3_CA"},
                                   {"access_key_id", "BLOBFERRY_TEST_S3_KEY"},
                                   {"secret_access_key", "BLOBFERRY_TEST_S3_SECRET"}}};
static const place_t on_gcs = {"BLOBFERRY_TEST_GCS", "gs://blobferry",
                               {{"base_url", "BLOBFERRY_TEST_GCS"}, {"credentials", "anonymous"}}};
static const place_t on_azure = {"BLOBFERRY_TEST_AZURE", "az://blobferry",
                                 {{"endpoint", "BLOBFERRY_TEST_AZURE"},
                                  {"account_name", "devstoreaccount1"},
                                  {"account_key", "BLOBFERRY_TEST_AZURE_KEY"}}};
static const place_t on_http = {"BLOBFERRY_TEST_HTTP", "BLOBFERRY_TEST_HTTP", {{NULL, NULL}}};

static inline const char *value_of(const char *text) {
  return strncmp(text, "BLOBFERRY_TEST_", 15) == 0 ? getenv(text) : text;
}

/* Whether the server is up; says so where it is not. */
static inline bool is_up(const place_t *place) {
  if (value_of(place->variable) != NULL && *value_of(place->variable) != '\0') return true;
  printf("not run: %s is not set; tests/servers/with sets it\n", place->variable);
  return false;
}

/* A store whose keys are below `folder`, with another option where `more` is not NULL. */
static inline fixture_t below_place(const place_t *place, const char *folder, const blobferry_pair_t *more) {
  blobferry_pair_t options[10] = {{"allow_http", "true"}, {"part_size", "5MiB"}};
  size_t           count = 2;
  char             url[256];
  for (const blobferry_pair_t *option = place->options; option->key != NULL; option++)
    options[count++] = (blobferry_pair_t){option->key, value_of(option->value)};
  if (more != NULL) options[count++] = *more;
  snprintf(url, sizeof url, "%s%s%s", value_of(place->url), place == &on_http ? "" : "/", folder);
  return with_url(url, options, count);
}

/* A store whose keys are below `folder` of the bucket; on plain HTTP they are at its root. */
static inline fixture_t at_place(const place_t *place, const char *folder) {
  return below_place(place, place == &on_http ? "" : folder, NULL);
}

#endif
