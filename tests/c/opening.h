/*
 * Opening stores that are refused, for the tests of their URLs and their options.
 */
#ifndef TESTS_C_OPENING_H
#define TESTS_C_OPENING_H

#include "verbs.h"

/* Opens a store and frees it again; gives the status, and the error where it is asked for. */
static inline blobferry_status_t try_open(blobferry_service_t *service, const char *url,
                                          const blobferry_pair_t *options, size_t count,
                                          blobferry_error_t **error_out) {
  blobferry_store_t *untouched = (blobferry_store_t *)&failures_in_test, *store = untouched;
  blobferry_status_t status = blobferry_store_open(service, url, options, count, &store, error_out);
  if (status == BLOBFERRY_OK) blobferry_store_free(store);
  else if (store != untouched) FAIL("a refused open of \"%s\" wrote a store", url);
  return status;
}

/* The open must fail with this status and its message must contain both parts. */
static inline void refuse(blobferry_service_t *service, const char *url, const blobferry_pair_t *options, size_t count,
                          blobferry_status_t wanted, const char *part, const char *other_part) {
  blobferry_error_t *error = NULL;
  blobferry_status_t status = try_open(service, url, options, count, &error);
  const char        *message = blobferry_error_message(error);
  if (status != wanted || blobferry_error_status(error) != wanted)
    FAIL("opening \"%s\" (%s=%s): %s, wanted %s: %s", url, count ? options[0].key : "", count ? options[0].value : "",
         blobferry_status_name(status), blobferry_status_name(wanted), message);
  if (strstr(message, part) == NULL || strstr(message, other_part) == NULL)
    FAIL("opening \"%s\": \"%s\" does not say \"%s\" and \"%s\"", url, message, part, other_part);
  if (strchr(message, '\n') != NULL) FAIL("opening \"%s\": the message has more than one line", url);
  blobferry_error_free(error);
}

#endif
