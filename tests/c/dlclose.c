/*
 * A host that loads the library at run time and unloads it while its threads run:
 * the code must stay where it is (it is linked with -z nodelete), and a second load
 * finds the same library. Linked with nothing of ours:
 *
 *   dlclose /path/to/libblobferry.so
 */
#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif

#include <blobferry.h>

#include <dlfcn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

/* The part of the interface that this program calls, under the names of the header without their prefix. */
static struct api {
  blobferry_status_t (*service_new)(const blobferry_service_options_t *, blobferry_service_t **, blobferry_error_t **);
  void (*service_free)(blobferry_service_t *);
  blobferry_status_t (*cq_new)(blobferry_service_t *, const blobferry_cq_options_t *, blobferry_cq_t **,
                               blobferry_error_t **);
  blobferry_status_t (*cq_wait)(blobferry_cq_t *, blobferry_completion_t *, size_t, int64_t, size_t *,
                                blobferry_error_t **);
  blobferry_status_t (*cq_cancel)(blobferry_cq_t *, blobferry_ticket_t, blobferry_error_t **);
  void (*cq_free)(blobferry_cq_t *);
  blobferry_status_t (*store_open)(blobferry_service_t *, const char *, const blobferry_pair_t *, size_t,
                                   blobferry_store_t **, blobferry_error_t **);
  void (*store_free)(blobferry_store_t *);
  blobferry_status_t (*object_get)(const blobferry_store_t *, blobferry_cq_t *, const char *, uint8_t *, size_t,
                                   const blobferry_get_options_t *, uint64_t, blobferry_ticket_t *,
                                   blobferry_error_t **);
  void (*error_free)(blobferry_error_t *);
  blobferry_status_t (*live_counts)(blobferry_live_counts_t *);
} api;

static int check(int condition, const char *what) {
  if (condition) return 1;
  fprintf(stderr, "dlclose: %s\n", what);
  exit(1);
}

static void find(void *library, const char *name, void *function) {
  void *symbol = dlsym(library, name);
  check(symbol != NULL, name);
  memcpy(function, &symbol, sizeof symbol); /* C has no cast between data and functions */
}

static void *load(const char *path) {
  void *library = dlopen(path, RTLD_NOW | RTLD_LOCAL);
  if (library == NULL) fprintf(stderr, "%s\n", dlerror());
  check(library != NULL, "the library does not load");
  find(library, "blobferry_service_new", &api.service_new);
  find(library, "blobferry_service_free", &api.service_free);
  find(library, "blobferry_cq_new", &api.cq_new);
  find(library, "blobferry_cq_wait", &api.cq_wait);
  find(library, "blobferry_cq_cancel", &api.cq_cancel);
  find(library, "blobferry_cq_free", &api.cq_free);
  find(library, "blobferry_store_open", &api.store_open);
  find(library, "blobferry_store_free", &api.store_free);
  find(library, "blobferry_object_get", &api.object_get);
  find(library, "blobferry_error_free", &api.error_free);
  find(library, "blobferry_live_counts", &api.live_counts);
  return library;
}

static blobferry_live_counts_t count(void) {
  blobferry_live_counts_t counts = BLOBFERRY_LIVE_COUNTS_INIT;
  check(api.live_counts(&counts) == BLOBFERRY_OK, "live_counts");
  return counts;
}

static void sleep_ms(long milliseconds) {
  struct timespec time = {milliseconds / 1000, milliseconds % 1000 * 1000000};
  nanosleep(&time, NULL);
}

static blobferry_completion_t wait_one(blobferry_cq_t *cq) {
  blobferry_completion_t completion;
  size_t                 taken = 0;
  check(api.cq_wait(cq, &completion, 1, 60000, &taken, NULL) == BLOBFERRY_OK && taken == 1, "no completion");
  return completion;
}

/* The library is unloaded with threads and requests of its own running, and they go on. */
static void unload_with_threads_running(const char *path) {
  blobferry_service_t *service = NULL;
  blobferry_cq_t      *cq = NULL;
  blobferry_store_t   *store = NULL;
  blobferry_ticket_t   ticket = 0;
  static uint8_t       buffer[4096];
  void                *library = load(path);
  check(api.service_new(NULL, &service, NULL) == BLOBFERRY_OK, "service_new");
  check(api.cq_new(service, NULL, &cq, NULL) == BLOBFERRY_OK, "cq_new");
  check(api.store_open(service, "fault://dlclose", NULL, 0, &store, NULL) == BLOBFERRY_OK, "store_open");
  check(api.object_get(store, cq, "never", buffer, sizeof buffer, NULL, 1, &ticket, NULL) == BLOBFERRY_OK, "get");
  check(api.object_get(store, cq, "hold-100", buffer, sizeof buffer, NULL, 2, NULL, NULL) == BLOBFERRY_OK, "get");
  check(count().threads > 0, "there are no threads that an unloading could hurt");

  check(dlclose(library) == 0, "dlclose");
  blobferry_completion_t completion = wait_one(cq); /* the held one ends on a thread whose library was unloaded */
  check(completion.user_data == 2, "the wrong request has ended");
  api.error_free(completion.error);
  sleep_ms(50);

  void *again = load(path);
  check(count().requests == 1, "the second load is another library");
  check(api.cq_cancel(cq, ticket, NULL) == BLOBFERRY_OK, "cancel");
  completion = wait_one(cq);
  check(completion.user_data == 1 && completion.status == BLOBFERRY_E_CANCELLED, "not cancelled");
  api.error_free(completion.error);
  api.cq_free(cq);
  api.store_free(store);
  api.service_free(service);
  blobferry_live_counts_t counts = count();
  check(counts.handles + counts.leases + counts.requests + counts.credits + counts.threads == 0, "something lives");
  check(dlclose(again) == 0, "dlclose");
}

/* Nothing was freed at all: the process ends with the library unloaded and its threads running. */
static void exit_unloaded(const char *path) {
  static blobferry_service_t *service;
  void                       *library = load(path);
  check(api.service_new(NULL, &service, NULL) == BLOBFERRY_OK, "service_new");
  check(dlclose(library) == 0, "dlclose");
  sleep_ms(20);
}

int main(int argc, char **argv) {
  if (argc != 2) {
    fprintf(stderr, "usage: dlclose /path/to/libblobferry.so\n");
    return 2;
  }
  for (int round = 0; round < 10; round++) unload_with_threads_running(argv[1]);
  exit_unloaded(argv[1]);
  printf("ok     dlclose with threads running\n1 passed, 0 failed\n");
  return 0;
}
