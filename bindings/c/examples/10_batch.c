/*
 * Submits many requests with one call, copies and renames objects, and deletes
 * many of them with one request that tells of each what became of it.
 *
 *   usage: 10_batch [URL of a store]
 */
#include <blobferry.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { OBJECTS = 64 };

static char keys[OBJECTS][32];

/* Ends the program with the error's message, unless all is well. */
static void must(blobferry_status_t status, blobferry_error_t *const *error) {
  if (status == BLOBFERRY_OK) return;
  fprintf(stderr, "%s: %s\n", blobferry_status_name(status), blobferry_error_message(*error));
  exit(1);
}

/* Waits for `count` requests, each of which must have gone well; gives the sum of their results. */
static uint64_t wait_for(blobferry_cq_t *cq, size_t count) {
  blobferry_completion_t batch[OBJECTS];
  blobferry_error_t     *error = NULL;
  uint64_t               sum = 0;
  for (size_t taken = 0; count > 0; count -= taken) {
    must(blobferry_cq_wait(cq, batch, OBJECTS, -1, &taken, &error), &error);
    for (size_t i = 0; i < taken; i++) {
      must(batch[i].status, &batch[i].error);
      sum += batch[i].result;
    }
  }
  return sum;
}

/* Each request is accepted or refused on its own; a queue has 1024 credits unless it is made with more. */
static void submit(blobferry_cq_t *cq, blobferry_request_t *requests, size_t count) {
  blobferry_error_t *error = NULL;
  size_t             accepted = 0;
  must(blobferry_cq_submit(cq, requests, count, &accepted, &error), &error);
  for (size_t i = 0; i < count; i++) must(requests[i].status, &requests[i].error);
}

static void put_and_get(blobferry_store_t *store, blobferry_cq_t *cq) {
  static uint8_t      bodies[OBJECTS][16], back[OBJECTS][16];
  blobferry_request_t puts[OBJECTS], gets[OBJECTS];
  memset(puts, 0, sizeof puts);
  for (int i = 0; i < OBJECTS; i++) {
    snprintf(keys[i], sizeof keys[i], "batch/object-%02d", i);
    snprintf((char *)bodies[i], sizeof bodies[i], "body %02d", i);
    puts[i].verb = BLOBFERRY_VERB_PUT;
    puts[i].handle = store;
    puts[i].key = keys[i];
    puts[i].buffer = bodies[i];
    puts[i].buffer_size = sizeof bodies[i];
  }
  memcpy(gets, puts, sizeof gets);
  for (int i = 0; i < OBJECTS; i++) {
    gets[i].verb = BLOBFERRY_VERB_GET;
    gets[i].buffer = back[i];
  }
  submit(cq, puts, OBJECTS);
  printf("put      %llu bytes in one batch\n", (unsigned long long)wait_for(cq, OBJECTS));
  submit(cq, gets, OBJECTS);
  printf("got      %llu bytes in one batch\n", (unsigned long long)wait_for(cq, OBJECTS));
  if (memcmp(bodies, back, sizeof back) != 0) exit(1);
}

/* At the store, without the bytes coming here. */
static void copy_and_rename(blobferry_store_t *store, blobferry_cq_t *cq) {
  blobferry_error_t *error = NULL;
  must(blobferry_object_copy(store, cq, keys[0], "batch/copy", NULL, 0, NULL, &error), &error);
  wait_for(cq, 1);
  must(blobferry_object_rename(store, cq, "batch/copy", "batch/renamed", NULL, 0, NULL, &error), &error);
  wait_for(cq, 1);
  must(blobferry_object_exists(store, cq, "batch/renamed", NULL, 0, NULL, &error), &error);
  uint64_t there = wait_for(cq, 1);
  must(blobferry_object_exists(store, cq, "batch/copy", NULL, 0, NULL, &error), &error);
  uint64_t gone = wait_for(cq, 1);
  printf("renamed  the new key is%s there, the old one is%s\n", there ? "" : " not", gone ? "" : " not");
}

static void delete_all(blobferry_store_t *store, blobferry_cq_t *cq) {
  blobferry_error_t  *error = NULL;
  blobferry_report_t *report = NULL;
  const char         *doomed[OBJECTS + 1];
  size_t              count = 0, well = 0;
  for (int i = 0; i < OBJECTS; i++) doomed[i] = keys[i];
  doomed[OBJECTS] = "batch/renamed";
  must(blobferry_report_new(NULL, &report, &error), &error);
  must(blobferry_object_delete_many(store, cq, doomed, OBJECTS + 1, NULL, report, 0, NULL, &error), &error);
  wait_for(cq, 1);
  const blobferry_outcome_t *outcomes = blobferry_report_outcomes(report, &count);
  for (size_t i = 0; i < count; i++) well += outcomes[i].status == BLOBFERRY_OK;
  printf("deleted  %zu of %zu\n", well, count);
  blobferry_report_free(report);
}

int main(int argc, char **argv) {
  blobferry_service_t *service = NULL;
  blobferry_cq_t      *cq = NULL;
  blobferry_store_t   *store = NULL;
  blobferry_error_t   *error = NULL;

  must(blobferry_service_new(NULL, &service, &error), &error);
  must(blobferry_cq_new(service, NULL, &cq, &error), &error);
  must(blobferry_store_open(service, argc > 1 ? argv[1] : "memory://batch", NULL, 0, &store, &error), &error);

  put_and_get(store, cq);
  copy_and_rename(store, cq);
  delete_all(store, cq);

  blobferry_store_free(store);
  blobferry_cq_free(cq);
  blobferry_service_free(service);
  return 0;
}
