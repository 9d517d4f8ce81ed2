/*
 * Completions delivered to a function, in batches, on a thread that the library
 * keeps for the queue. The function may block (only its own queue waits for it)
 * and may submit: here every finished put submits the get that checks it.
 *
 *   usage: 04_callback [URL of a store]
 */
#include <blobferry.h>

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { OBJECTS = 200 };

/* user_data of a put is the number of its object, that of a get the same plus this. */
#define IS_GET (1ull << 32)

typedef struct ferry {
  blobferry_store_t *store;
  blobferry_cq_t    *cq;
  char               keys[OBJECTS][32];
  uint8_t            data[OBJECTS][1000];
  uint8_t            back[OBJECTS][1000];
  pthread_mutex_t    mutex; /* the callback runs on another thread than main: what both see is guarded */
  pthread_cond_t     changed;
  int                batches, verified;
} ferry_t;

/* Ends the program with the error's message, unless all is well. It takes the error's place, not its value: in
 * must(call(..., &error), error) the compiler may read `error` before the call has set it. */
static void must(blobferry_status_t status, blobferry_error_t *const *error) {
  if (status == BLOBFERRY_OK) return;
  fprintf(stderr, "%s: %s\n", blobferry_status_name(status), blobferry_error_message(*error));
  exit(1); /* exit is safe with requests in flight, on any thread */
}

/* Handles one completion: a finished put is followed by a get; gives 1 for a get that brought the right bytes. */
static int on_completion(ferry_t *ferry, const blobferry_completion_t *completion) {
  blobferry_error_t *error = NULL;
  size_t             i = (size_t)(completion->user_data & ~IS_GET), size = sizeof ferry->data[0];
  must(completion->status, &completion->error);
  if (!(completion->user_data & IS_GET)) {
    must(blobferry_object_get(ferry->store, ferry->cq, ferry->keys[i], ferry->back[i], size, NULL, i | IS_GET, NULL,
                              &error),
         &error);
    return 0;
  }
  if (completion->result != size || memcmp(ferry->back[i], ferry->data[i], size) != 0) {
    fprintf(stderr, "%s came back changed\n", ferry->keys[i]);
    exit(1);
  }
  return 1;
}

/* The array is valid only until this returns; an `error` or `details` in it would be ours to free. */
static void on_batch(void *argument, const blobferry_completion_t *completions, size_t count) {
  ferry_t *ferry = argument;
  int      verified = 0;
  for (size_t i = 0; i < count; i++) verified += on_completion(ferry, &completions[i]);
  pthread_mutex_lock(&ferry->mutex);
  ferry->batches++;
  ferry->verified += verified;
  pthread_cond_signal(&ferry->changed);
  pthread_mutex_unlock(&ferry->mutex);
}

int main(int argc, char **argv) {
  static ferry_t         ferry = {.mutex = PTHREAD_MUTEX_INITIALIZER, .changed = PTHREAD_COND_INITIALIZER};
  blobferry_service_t   *service = NULL;
  blobferry_error_t     *error = NULL;
  blobferry_cq_options_t options = BLOBFERRY_CQ_OPTIONS_INIT;
  options.capacity = 2 * OBJECTS; /* room for every put and every get, so that no submit call finds the queue busy */
  options.wake = BLOBFERRY_WAKE_CALLBACK;
  options.completion_fn = on_batch;
  options.completion_argument = &ferry;

  must(blobferry_service_new(NULL, &service, &error), &error);
  must(blobferry_cq_new(service, &options, &ferry.cq, &error), &error);
  must(blobferry_store_open(service, argc > 1 ? argv[1] : "memory://callback", NULL, 0, &ferry.store, &error), &error);

  for (int i = 0; i < OBJECTS; i++) {
    snprintf(ferry.keys[i], sizeof ferry.keys[i], "callback/%d", i);
    memset(ferry.data[i], i + 1, sizeof ferry.data[i]);
    must(blobferry_object_put(ferry.store, ferry.cq, ferry.keys[i], ferry.data[i], sizeof ferry.data[i], NULL,
                              (uint64_t)i, NULL, &error),
         &error);
  }

  pthread_mutex_lock(&ferry.mutex);
  while (ferry.verified < OBJECTS) pthread_cond_wait(&ferry.changed, &ferry.mutex);
  printf("%d objects put, got back and verified in %d batches\n", ferry.verified, ferry.batches);
  pthread_mutex_unlock(&ferry.mutex);

  blobferry_cq_free(ferry.cq); /* returns when the callback has ended for good */
  blobferry_store_free(ferry.store);
  blobferry_service_free(service);
  return 0;
}
