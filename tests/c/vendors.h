/*
 * A store of each vendor with all that it needs, so that a test adds the one option that it is about: for the tests of
 * options. Nobody listens at their endpoints.
 */
#ifndef TESTS_C_VENDORS_H
#define TESTS_C_VENDORS_H

#include "opening.h"
#include "server/stores.h"

typedef struct vendor {
  const char      *url, *prefix;
  blobferry_pair_t needed[3];
  size_t           needed_count;
} vendor_t;

#define ENDPOINT "http://127.0.0.1:9"

static const vendor_t vendors[] = {
    {"s3://bucket", "aws_", {{"endpoint", ENDPOINT}, {"allow_http", "true"}}, 2},
    {"az://container", "azure_", {{"endpoint", ENDPOINT}, {"allow_http", "true"}, {"account_name", "account"}}, 3},
    {"gs://bucket", "google_", {{"base_url", ENDPOINT}, {"allow_http", "true"}}, 2},
    {ENDPOINT "/", "", {{NULL, NULL}}, 0},
};
enum { ON_S3, ON_AZ, ON_GS, ON_HTTP, VENDORS };

/* Of nobody.invalid, signed by itself, good for a hundred years. */
#define CERTIFICATE \
  "-----BEGIN CERTIFICATE-----\n" \
  "MIIBozCCAUqgAwIBAgIUIf6xBeDbbkrFqE5twSpN5ML2cB4wCgYIKoZIzj0EAwIw\n" \
  "GTEXMBUGA1UEAwwObm9ib2R5LmludmFsaWQwIBcNMjYxMTIxMTcwMzI2WhgPMjEy\n" \
  "NjEwMjgxNzAzMjZaMBkxFzAVBgNVBAMMDm5vYm9keS5pbnZhbGlkMFkwEwYHKoZI\n" \
  "zj0CAQYIKoZIzj0DAQcDQgAEoTYvLIyYAclLlsPrMrHn8/0cZMXqn8CJApwHV4Ul\n" \
  "tSqcxSm+DL+kCXGopzLlAI/xqy1H9WmE8Uk+83CQKBTww6NuMGwwHQYDVR0OBBYE\n" \
  "FP9Mn/9K8KFbqpDw0QK7XeO1yk5YMB8GA1UdIwQYMBaAFP9Mn/9K8KFbqpDw0QK7\n" \
  "XeO1yk5YMA8GA1UdEwEB/wQFMAMBAf8wGQYDVR0RBBIwEIIObm9ib2R5LmludmFs\n" \
  "aWQwCgYIKoZIzj0EAwIDRwAwRAIgDn7Ek392gVK2IOLtmlJpaMWFs7LHtg82GReR\n" \
  "HTicupACIG2RNrZu5frF/JSX97qyzuWnLnWEb3YS/GeVIReKzTJU\n" \
  "-----END CERTIFICATE-----\n"

/* The names of the first three for their endpoint. */
static const char *const endpoint_names[] = {"endpoint", "endpoint", "base_url"};

/* The vendor's needs, credentials if they are not NULL, and these. */
static inline option_list_t options_of(int vendor, const char *credentials, const blobferry_pair_t *more) {
  option_list_t list = {.count = 0};
  for (size_t i = 0; i < vendors[vendor].needed_count; i++) list.pairs[list.count++] = vendors[vendor].needed[i];
  if (credentials) list.pairs[list.count++] = (blobferry_pair_t){"credentials", credentials};
  for (; more->key != NULL; more++) list.pairs[list.count++] = *more;
  return list;
}

/* The last of the options is wrong, or none is; the message says both parts. */
static inline void open_with(blobferry_service_t *service, int vendor, const char *credentials,
                             const blobferry_pair_t *more, blobferry_status_t wanted, const char *part,
                             const char *other_part) {
  option_list_t      list = options_of(vendor, credentials, more);
  blobferry_error_t *error = NULL;
  blobferry_pair_t   last = list.count ? list.pairs[list.count - 1] : (blobferry_pair_t){"", ""};
  blobferry_status_t status = try_open(service, vendors[vendor].url, list.pairs, list.count, &error);
  const char        *message = blobferry_error_message(error);
  if (status != wanted)
    FAIL("%s with %s=%.12s…: %s, wanted %s: %s", vendors[vendor].url, last.key, last.value,
         blobferry_status_name(status), blobferry_status_name(wanted), message);
  else if (strstr(message, part) == NULL || strstr(message, other_part) == NULL)
    FAIL("%s with %s=%.12s…: \"%s\" does not say \"%s\" and \"%s\"", vendors[vendor].url, last.key, last.value, message,
         part, other_part);
  if (strchr(message, '\n') != NULL) FAIL("%s=%.12s…: the message has more than one line", last.key, last.value);
  blobferry_error_free(error);
}

/* An option as it is read back; NULL where it is not. */
static inline const char *setting(const blobferry_store_t *store, const char *name) {
  size_t                  count = 0;
  const blobferry_pair_t *settings = blobferry_store_settings(store, &count);
  for (size_t i = 0; i < count; i++)
    if (strcmp(settings[i].key, name) == 0) return settings[i].value;
  return NULL;
}

/* Opens a store of this vendor; NULL, and a failure of the test, where it is refused. */
static inline blobferry_store_t *must_open(blobferry_service_t *service, int vendor, const char *credentials,
                                           const blobferry_pair_t *more) {
  option_list_t      list = options_of(vendor, credentials, more);
  blobferry_store_t *store = NULL;
  blobferry_error_t *error = NULL;
  blobferry_status_t status =
      blobferry_store_open(service, vendors[vendor].url, list.pairs, list.count, &store, &error);
  if (status != BLOBFERRY_OK)
    FAIL("%s with %s: %s", vendors[vendor].url, more->key ? more->key : credentials, blobferry_error_message(error));
  blobferry_error_free(error);
  return store;
}

#endif
