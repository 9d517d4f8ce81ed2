/*
 * Completions in an event loop: the queue's eventfd stands in an epoll set
 * beside everything else that the program waits for, here a timer.
 *
 * The loop drains the queue until it is empty, arms it, and sleeps only if it is
 * armed: then no completion can slip in unseen between the two.
 *
 *   usage: 03_event_loop [URL of a store]
 */
#define _GNU_SOURCE
#include <blobferry.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/timerfd.h>
#include <unistd.h>

enum { OBJECTS = 100, SIZE = 64 * 1024 };

typedef struct object {
  char    key[32];
  uint8_t data[SIZE], back[SIZE];
  int     is_stored; /* its put has finished: the next completion is of its get */
} object_t;

static object_t objects[OBJECTS];

/* Ends the program with the error's message, unless all is well. It takes the error's place, not its value: in
 * must(call(..., &error), error) the compiler may read `error` before the call has set it. */
static void must(blobferry_status_t status, blobferry_error_t *const *error) {
  if (status == BLOBFERRY_OK) return;
  fprintf(stderr, "%s: %s\n", blobferry_status_name(status), blobferry_error_message(*error));
  exit(1);
}

static void must_system(int result, const char *what) {
  if (result >= 0) return;
  perror(what);
  exit(1);
}

/* What the program does when one request has finished. A put is followed by a get; gives 1 for a finished get. */
static int on_completion(blobferry_store_t *store, blobferry_cq_t *cq, const blobferry_completion_t *completion) {
  object_t          *object = &objects[completion->user_data];
  blobferry_error_t *error = NULL;
  must(completion->status, &completion->error);
  if (!object->is_stored) {
    object->is_stored = 1;
    /* The credit of the completion just taken is free, so this cannot find the queue busy. */
    must(blobferry_object_get(store, cq, object->key, object->back, SIZE, NULL, completion->user_data, NULL, &error),
         &error);
    return 0;
  }
  if (completion->result != SIZE || memcmp(object->data, object->back, SIZE) != 0) {
    fprintf(stderr, "%s came back changed\n", object->key);
    exit(1);
  }
  return 1;
}

/* Drains and arms the queue. Gives 1 when the loop may sleep, 0 when the queue is closed and empty. */
static int serve_queue(blobferry_store_t *store, blobferry_cq_t *cq, int *finished) {
  for (;;) {
    blobferry_completion_t completions[32];
    blobferry_error_t     *error = NULL;
    size_t                 count = 0;
    blobferry_status_t     status = blobferry_cq_drain(cq, completions, 32, &count, &error);
    if (status == BLOBFERRY_E_CLOSED) {
      blobferry_error_free(error);
      return 0;
    }
    must(status, &error);
    for (size_t i = 0; i < count; i++) *finished += on_completion(store, cq, &completions[i]);
    if (*finished == OBJECTS) must(blobferry_cq_close(cq, &error), &error);
    if (count > 0) continue;

    int armed = 0;
    must(blobferry_cq_arm(cq, &armed, &error), &error);
    if (armed) return 1;
  }
}

static void add_to_epoll(int epoll, int fd) {
  struct epoll_event event = {.events = EPOLLIN, .data.fd = fd};
  must_system(epoll_ctl(epoll, EPOLL_CTL_ADD, fd, &event), "epoll_ctl");
}

/* The loop proper: the queue and a timer, until the queue has come to its end. Gives the ticks seen. */
static uint64_t loop(blobferry_store_t *store, blobferry_cq_t *cq) {
  struct itimerspec each_millisecond = {{0, 1000000}, {0, 1000000}};
  int               epoll = epoll_create1(EPOLL_CLOEXEC);
  int               timer = timerfd_create(CLOCK_MONOTONIC, TFD_NONBLOCK | TFD_CLOEXEC);
  int               queue = blobferry_cq_fd(cq);
  uint64_t          ticks = 0, number;
  int               finished = 0;
  must_system(epoll, "epoll_create1");
  must_system(timer, "timerfd_create");
  must_system(timerfd_settime(timer, 0, &each_millisecond, NULL), "timerfd_settime");
  add_to_epoll(epoll, queue);
  add_to_epoll(epoll, timer);

  while (serve_queue(store, cq, &finished)) {
    struct epoll_event events[2];
    int                ready = epoll_wait(epoll, events, 2, -1);
    for (int i = 0; i < ready; i++) {
      /* Reading 8 bytes resets either descriptor. */
      if (read(events[i].data.fd, &number, sizeof number) != sizeof number) continue;
      if (events[i].data.fd == timer) ticks += number;
    }
  }
  close(timer);
  close(epoll); /* the eventfd is the queue's own: it is closed by blobferry_cq_free */
  return ticks;
}

int main(int argc, char **argv) {
  blobferry_service_t   *service = NULL;
  blobferry_cq_t        *cq = NULL;
  blobferry_store_t     *store = NULL;
  blobferry_error_t     *error = NULL;
  blobferry_cq_options_t options = BLOBFERRY_CQ_OPTIONS_INIT;
  options.capacity = OBJECTS;
  options.wake = BLOBFERRY_WAKE_FD;

  must(blobferry_service_new(NULL, &service, &error), &error);
  must(blobferry_cq_new(service, &options, &cq, &error), &error);
  must(blobferry_store_open(service, argc > 1 ? argv[1] : "memory://loop", NULL, 0, &store, &error), &error);

  for (int i = 0; i < OBJECTS; i++) {
    snprintf(objects[i].key, sizeof objects[i].key, "event-loop/%d", i);
    memset(objects[i].data, i + 1, SIZE);
    must(blobferry_object_put(store, cq, objects[i].key, objects[i].data, SIZE, NULL, (uint64_t)i, NULL, &error),
         &error);
  }
  uint64_t ticks = loop(store, cq);
  printf("%d objects put and got back in an event loop, beside %llu ticks of a timer\n", OBJECTS,
         (unsigned long long)ticks);

  blobferry_store_free(store);
  blobferry_cq_free(cq);
  blobferry_service_free(service);
  return 0;
}
