/*
 * A thousand small objects through a queue of 64 credits: submit until the queue
 * is busy, take what has finished, go on. Nothing blocks but the wait, and at
 * any moment up to 64 requests are under way.
 *
 *   usage: 02_many_at_once [URL of a store]
 */
#include <blobferry.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { OBJECTS = 1000, CREDITS = 64, BATCH = 16 };

/* Each request needs memory of its own until its completion, so each object has its record. */
typedef struct record {
  char    key[32];
  char    text[64];
  uint8_t back[64];
} record_t;

static record_t records[OBJECTS];

/* Ends the program with the error's message, unless all is well. It takes the error's place, not its value: in
 * must(call(..., &error), error) the compiler may read `error` before the call has set it. */
static void must(blobferry_status_t status, blobferry_error_t *const *error) {
  if (status == BLOBFERRY_OK) return;
  fprintf(stderr, "%s: %s\n", blobferry_status_name(status), blobferry_error_message(*error));
  exit(1);
}

typedef blobferry_status_t (*submit_fn)(blobferry_store_t *, blobferry_cq_t *, uint64_t, blobferry_error_t **);

static blobferry_status_t submit_put(blobferry_store_t *store, blobferry_cq_t *cq, uint64_t i,
                                     blobferry_error_t **error) {
  record_t *record = &records[i];
  return blobferry_object_put(store, cq, record->key, (const uint8_t *)record->text, strlen(record->text), NULL, i,
                              NULL, error);
}

static blobferry_status_t submit_get(blobferry_store_t *store, blobferry_cq_t *cq, uint64_t i,
                                     blobferry_error_t **error) {
  record_t *record = &records[i];
  return blobferry_object_get(store, cq, record->key, record->back, sizeof record->back, NULL, i, NULL, error);
}

/* Submits one request per record and returns when all have finished. Gives the bytes moved. */
static uint64_t run(blobferry_store_t *store, blobferry_cq_t *cq, submit_fn submit) {
  size_t   submitted = 0, finished = 0;
  uint64_t bytes = 0;
  while (finished < OBJECTS) {
    while (submitted < OBJECTS) {
      blobferry_error_t *error = NULL;
      blobferry_status_t status = submit(store, cq, submitted, &error);
      if (status == BLOBFERRY_E_BUSY) {
        /* No credit is free. That is no failure: completions are certain to come. Take some, then submit again. */
        blobferry_error_free(error);
        break;
      }
      must(status, &error);
      submitted++;
    }

    blobferry_completion_t completions[BATCH];
    blobferry_error_t     *error = NULL;
    size_t                 count = 0;
    must(blobferry_cq_wait(cq, completions, BATCH, -1, &count, &error), &error);
    for (size_t i = 0; i < count; i++) {
      /* Completions come in any order; where it matters, `user_data` tells which record this one is of. */
      must(completions[i].status, &completions[i].error);
      bytes += completions[i].result;
    }
    finished += count;
  }
  return bytes;
}

int main(int argc, char **argv) {
  blobferry_service_t   *service = NULL;
  blobferry_cq_t        *cq = NULL;
  blobferry_store_t     *store = NULL;
  blobferry_error_t     *error = NULL;
  blobferry_cq_options_t options = BLOBFERRY_CQ_OPTIONS_INIT;
  options.capacity = CREDITS;

  must(blobferry_service_new(NULL, &service, &error), &error);
  must(blobferry_cq_new(service, &options, &cq, &error), &error);
  must(blobferry_store_open(service, argc > 1 ? argv[1] : "memory://many", NULL, 0, &store, &error), &error);

  for (int i = 0; i < OBJECTS; i++) {
    snprintf(records[i].key, sizeof records[i].key, "records/%04d.txt", i);
    snprintf(records[i].text, sizeof records[i].text, "record %d, whose square is %d", i, i * i);
  }
  uint64_t put = run(store, cq, submit_put);
  uint64_t got = run(store, cq, submit_get);
  for (int i = 0; i < OBJECTS; i++)
    if (memcmp(records[i].back, records[i].text, strlen(records[i].text)) != 0) {
      fprintf(stderr, "%s came back changed\n", records[i].key);
      return 1;
    }
  printf("%d objects through %d credits: %llu bytes put, %llu got back\n", OBJECTS, CREDITS, (unsigned long long)put,
         (unsigned long long)got);

  blobferry_store_free(store);
  blobferry_cq_free(cq);
  blobferry_service_free(service);
  return put == got ? 0 : 1;
}
