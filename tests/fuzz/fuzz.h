/*
 * What the fuzz targets share: a service that lives as long as the process, and
 * requests that may fail, but not with a panic, without a status of their own, or
 * never.
 */
#ifndef TESTS_FUZZ_FUZZ_H
#define TESTS_FUZZ_FUZZ_H

#include <blobferry.h>

#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

typedef struct fixture {
  blobferry_service_t *service;
  blobferry_cq_t      *cq;
  blobferry_store_t   *store;
} fixture_t;

static fixture_t fixture;

static void must(bool is_right, const char *what) {
  if (is_right) return;
  fprintf(stderr, "%s\n", what);
  abort();
}

static void fixture_free(void) {
  blobferry_store_free(fixture.store);
  blobferry_cq_free(fixture.cq);
  blobferry_service_free(fixture.service);
}

static void fixture_begin(void) {
  if (fixture.service != NULL) return;
  blobferry_service_options_t options = BLOBFERRY_SERVICE_OPTIONS_INIT;
  options.io_threads = 1;
  options.pool_threads = 1;
  options.compute_threads = 1;
  must(blobferry_service_new(&options, &fixture.service, NULL) == BLOBFERRY_OK, "no service");
  must(blobferry_cq_new(fixture.service, NULL, &fixture.cq, NULL) == BLOBFERRY_OK, "no queue");
  must(blobferry_store_open(fixture.service, "memory://fuzz", NULL, 0, &fixture.store, NULL) == BLOBFERRY_OK, "no store");
  atexit(fixture_free);
}

/* Panics are bugs, and so are failures that nothing describes. */
static void check_status(blobferry_status_t status, const blobferry_error_t *error) {
  if (status == BLOBFERRY_E_PANIC || status == BLOBFERRY_E_UNKNOWN) {
    fprintf(stderr, "%s: %s\n", blobferry_status_name(status), blobferry_error_message(error));
    abort();
  }
  must(status == BLOBFERRY_OK || blobferry_error_message(error)[0] != '\0', "a failure without a message");
}

/* The completion of a request, or nothing where it was refused. Takes the error. */
static blobferry_completion_t outcome_of(blobferry_status_t submitted, blobferry_error_t *refusal) {
  blobferry_completion_t completion;
  size_t                 count = 0;
  memset(&completion, 0, sizeof completion);
  completion.status = submitted;
  completion.error = refusal;
  if (submitted == BLOBFERRY_OK) {
    must(blobferry_cq_wait(fixture.cq, &completion, 1, -1, &count, NULL) == BLOBFERRY_OK && count == 1, "no completion");
  }
  check_status(completion.status, completion.error);
  blobferry_error_free(completion.error);
  blobferry_details_free(completion.details);
  return completion;
}

static inline bool put(const char *key, const uint8_t *data, size_t size) {
  blobferry_error_t *error = NULL;
  blobferry_status_t status =
      blobferry_object_put(fixture.store, fixture.cq, key, data, size, NULL, 0, NULL, &error);
  return outcome_of(status, error).status == BLOBFERRY_OK;
}

/* Writes the table in a format, which may not hold it, so that every value is looked at. */
static inline void put_table(const blobferry_table_t *table, uint32_t format) {
  blobferry_error_t              *error = NULL;
  blobferry_table_write_options_t options;
  blobferry_table_write_options_init(&options, sizeof options);
  options.format = format;
  blobferry_status_t status =
      blobferry_table_put(fixture.store, fixture.cq, "again", table, &options, 0, NULL, &error);
  outcome_of(status, error);
}

/* -- the input's last bytes ----------------------------------------------------------------------- */

typedef struct choices {
  const uint8_t *data;
  size_t         size;
} choices_t;

/* Takes a byte from the end, so that the blob stays where it is when choices are added. */
static inline uint8_t choose(choices_t *choices) {
  if (choices->size == 0) return 0;
  return choices->data[--choices->size];
}

#endif
