/*
 * The completion queue: what a completion says, taking them by drain and wait,
 * sleeping with the eventfd and the wake function, several consumers at once,
 * and the credits that a queue reserves. Callbacks are in cq_callback.c, the end
 * of a queue in cq_close.c.
 */
#include "traffic.h"

#include <fcntl.h>
#include <poll.h>
#include <sys/epoll.h>

_Static_assert(sizeof(blobferry_completion_t) == 64, "a completion is 64 bytes for ever");
_Static_assert(offsetof(blobferry_completion_t, status) == 16 && offsetof(blobferry_completion_t, result) == 24 &&
                   offsetof(blobferry_completion_t, error) == 32 && offsetof(blobferry_completion_t, details) == 40,
               "the places of its fields too");

/* -- what a completion says ------------------------------------------------------------------------ */

static void completion_names_its_request(void) {
  watch(__func__);
  blobferry_service_t *service = new_service();
  blobferry_cq_t      *cq = new_cq(service, 8, BLOBFERRY_WAKE_NONE);
  blobferry_store_t   *store = open_store(service, "memory://cq");
  uint8_t              text[5] = "hello";

  request_t              put = {VERB_PUT, "greeting", text, sizeof text, NULL, 0, UINT64_MAX};
  blobferry_ticket_t     put_ticket = must_submit(&put, store, cq);
  blobferry_completion_t done = wait_one(cq);
  CHECK(put_ticket != 0);
  CHECK(done.ticket == put_ticket);
  CHECK(done.user_data == UINT64_MAX);
  CHECK_STATUS(done.status, BLOBFERRY_OK);
  CHECK_INT(done.flags, 0);
  CHECK_INT(done.result, sizeof text);
  CHECK(done.error == NULL && done.details == NULL);
  CHECK(done.table == NULL && done.buffer == NULL);

  request_t          head = {VERB_HEAD, "greeting", NULL, 0, NULL, 0, 0};
  blobferry_ticket_t head_ticket = must_submit(&head, store, cq);
  CHECK(head_ticket != 0 && head_ticket != put_ticket);
  done = wait_one(cq);
  CHECK(done.ticket == head_ticket);
  CHECK_INT(done.result, sizeof text);
  CHECK_INT(blobferry_details_size(done.details), sizeof text);
  dispose(&done);

  request_t missing = {VERB_HEAD, "missing", NULL, 0, NULL, 0, 7};
  must_submit(&missing, store, cq);
  done = wait_one(cq);
  CHECK_STATUS(done.status, BLOBFERRY_E_NOT_FOUND);
  CHECK(done.error != NULL && done.details == NULL);
  CHECK_INT(done.user_data, 7);
  check_error(done.error, BLOBFERRY_E_NOT_FOUND, "missing");

  blobferry_store_free(store);
  blobferry_cq_free(cq);
  blobferry_service_free(service);
}

static void drain_writes_only_what_it_counts(void) {
  watch(__func__);
  blobferry_service_t   *service = new_service();
  blobferry_cq_t        *cq = new_cq(service, 8, BLOBFERRY_WAKE_NONE);
  blobferry_store_t     *store = open_store(service, "memory://cq");
  blobferry_completion_t completions[4], untouched;
  size_t                 count = 99;
  memset(&untouched, 0xEE, sizeof untouched);

  CHECK_STATUS(blobferry_cq_drain(cq, completions, 4, &count, NULL), BLOBFERRY_OK);
  CHECK_INT(count, 0);
  for (uint64_t i = 0; i < 3; i++) must_ping(store, cq, i);
  settle(service);
  memset(completions, 0xEE, sizeof completions);
  CHECK_STATUS(blobferry_cq_drain(cq, completions, 2, &count, NULL), BLOBFERRY_OK);
  CHECK_INT(count, 2);
  for (size_t i = 0; i < count && i < 2; i++) dispose(&completions[i]);
  CHECK(memcmp(&completions[2], &untouched, sizeof untouched) == 0);
  CHECK(memcmp(&completions[3], &untouched, sizeof untouched) == 0);
  CHECK_STATUS(blobferry_cq_drain(cq, completions, 4, &count, NULL), BLOBFERRY_OK);
  CHECK_INT(count, 1);
  if (count == 1) dispose(&completions[0]);

  blobferry_error_t *error = NULL;
  count = 99;
  CHECK_STATUS(blobferry_cq_drain(cq, completions, 0, &count, &error), BLOBFERRY_E_ARGUMENT);
  check_error(error, BLOBFERRY_E_ARGUMENT, "capacity");
  CHECK_STATUS(blobferry_cq_wait(cq, completions, 0, 0, &count, NULL), BLOBFERRY_E_ARGUMENT);
  CHECK_INT(count, 99);

  blobferry_store_free(store);
  blobferry_cq_free(cq);
  blobferry_service_free(service);
}

static void oldest_come_first(void) {
  watch(__func__);
  blobferry_service_t   *service = new_service();
  blobferry_cq_t        *cq = new_cq(service, 64, BLOBFERRY_WAKE_NONE);
  blobferry_store_t     *store = open_store(service, "memory://cq");
  blobferry_completion_t completions[7];
  uint64_t               submitted = 0, taken = 0;
  /* More laps than the queue has places, and never quite the same number waiting. */
  for (int lap = 0; lap < 20; lap++) {
    for (int i = 0; i < 40 + lap; i++) {
      must_ping(store, cq, submitted++);
      settle(service);
    }
    for (size_t count = 1; count != 0;) {
      CHECK_STATUS(blobferry_cq_drain(cq, completions, 7, &count, NULL), BLOBFERRY_OK);
      CHECK(count == 7 || count == submitted - taken);
      for (size_t i = 0; i < count; i++) check_ping(&completions[i], taken++);
    }
    CHECK_INT(taken, submitted);
  }
  blobferry_store_free(store);
  blobferry_cq_free(cq);
  blobferry_service_free(service);
}

/* -- waiting ---------------------------------------------------------------------------------------- */

static void wait_ends_with_its_time(void) {
  watch(__func__);
  blobferry_service_t *service = new_service();
  for (uint32_t wake = BLOBFERRY_WAKE_NONE; wake <= BLOBFERRY_WAKE_FN; wake++) {
    blobferry_cq_t    *cq = new_waitable_cq(service, 4, wake);
    blobferry_store_t *store = open_store(service, "fault://cq");
    expect_nothing(cq, 0);
    uint64_t begun = now_ms();
    expect_nothing(cq, 60);
    CHECK(now_ms() - begun >= 60);
    /* What runs is not there to take. */
    blobferry_ticket_t ticket = must_get(store, cq, "never", NULL, 0, 1);
    expect_nothing(cq, 60);
    must_cancel(cq, ticket);
    expect(cq, BLOBFERRY_E_CANCELLED, 1);
    blobferry_store_free(store);
    blobferry_cq_free(cq);
  }
  blobferry_service_free(service);
}

typedef struct late_ping {
  blobferry_store_t *store;
  blobferry_cq_t    *cq;
} late_ping_t;

static void *ping_late(void *argument) {
  late_ping_t *late = argument;
  sleep_us(50000);
  must_ping(late->store, late->cq, 5);
  return NULL;
}

static void wait_without_limit_is_woken(void) {
  watch(__func__);
  blobferry_service_t   *service = new_service();
  blobferry_completion_t completions[4];
  size_t                 count = 0;
  for (uint32_t wake = BLOBFERRY_WAKE_NONE; wake <= BLOBFERRY_WAKE_FN; wake++) {
    late_ping_t late = {open_store(service, "memory://cq"), new_waitable_cq(service, 4, wake)};
    pthread_t   thread;
    pthread_create(&thread, NULL, ping_late, &late);
    CHECK_STATUS(blobferry_cq_wait(late.cq, completions, 4, -1, &count, NULL), BLOBFERRY_OK);
    CHECK_INT(count, 1);
    check_ping(&completions[0], 5);
    pthread_join(thread, NULL);
    blobferry_store_free(late.store);
    blobferry_cq_free(late.cq);
  }
  blobferry_service_free(service);
}

/* -- sleeping with a descriptor or a function --------------------------------------------------------- */

/* The value of an eventfd, 0 if it is not readable. */
static uint64_t read_wakes(int fd) {
  uint64_t value = 0;
  return read(fd, &value, sizeof value) == sizeof value ? value : 0;
}

static void sleep_on(int fd) {
  struct pollfd readable = {fd, POLLIN, 0};
  while (poll(&readable, 1, -1) < 0 && errno == EINTR) continue;
}

static void fd_is_a_good_descriptor(void) {
  watch(__func__);
  blobferry_service_t *service = new_service();
  blobferry_cq_t      *with = new_cq(service, 4, BLOBFERRY_WAKE_FD);
  blobferry_cq_t      *without = new_cq(service, 4, BLOBFERRY_WAKE_NONE);
  int                  fd = blobferry_cq_fd(with), armed = 7;
  CHECK(fd >= 0);
  CHECK((fcntl(fd, F_GETFL) & O_NONBLOCK) != 0);
  CHECK((fcntl(fd, F_GETFD) & FD_CLOEXEC) != 0);
  CHECK_INT(blobferry_cq_fd(without), -1);
  CHECK_INT(blobferry_cq_fd(NULL), -1);
  CHECK_STATUS(blobferry_cq_arm(without, &armed, NULL), BLOBFERRY_E_ARGUMENT);
  CHECK_INT(armed, 7);
  blobferry_cq_free(with);
  CHECK_INT(fcntl(fd, F_GETFD), -1);
  blobferry_cq_free(without);
  blobferry_service_free(service);
}

static void one_arm_brings_one_wake_of_the_fd(void) {
  watch(__func__);
  blobferry_service_t *service = new_service();
  blobferry_cq_t      *cq = new_cq(service, 64, BLOBFERRY_WAKE_FD);
  blobferry_store_t   *store = open_store(service, "memory://cq");
  int                  fd = blobferry_cq_fd(cq), armed = -1;

  /* Nobody armed: nobody is woken. */
  must_ping(store, cq, 0);
  settle(service);
  expect(cq, BLOBFERRY_E_NOT_FOUND, 0);
  CHECK_INT(read_wakes(fd), 0);

  for (int lap = 0; lap < 50; lap++) {
    CHECK_STATUS(blobferry_cq_arm(cq, &armed, NULL), BLOBFERRY_OK);
    CHECK_INT(armed, 1);
    for (uint64_t i = 0; i < 40; i++) must_ping(store, cq, 3);
    sleep_on(fd);
    settle(service);
    CHECK_INT(read_wakes(fd), 1);
    /* While there is something to drain, nobody may sleep. */
    CHECK_STATUS(blobferry_cq_arm(cq, &armed, NULL), BLOBFERRY_OK);
    CHECK_INT(armed, 0);
    for (uint64_t i = 0; i < 40; i++) expect(cq, BLOBFERRY_E_NOT_FOUND, 3);
    read_wakes(fd);
  }
  blobferry_store_free(store);
  blobferry_cq_free(cq);
  blobferry_service_free(service);
}

typedef struct woken {
  sem_t      semaphore;
  atomic_int calls;
} woken_t;

static int count_wake(void *argument) {
  woken_t *woken = argument;
  atomic_fetch_add(&woken->calls, 1);
  sem_post(&woken->semaphore);
  return -1; /* ignored */
}

static void one_arm_brings_one_wake_of_the_function(void) {
  watch(__func__);
  woken_t woken = {.calls = 0};
  sem_init(&woken.semaphore, 0, 0);
  blobferry_service_t *service = new_service();
  blobferry_cq_t      *cq = new_fn_cq(service, 64, count_wake, &woken);
  blobferry_store_t   *store = open_store(service, "memory://cq");
  int                  armed = -1;
  CHECK_INT(blobferry_cq_fd(cq), -1);

  must_ping(store, cq, 0);
  settle(service);
  expect(cq, BLOBFERRY_E_NOT_FOUND, 0);
  CHECK_INT(atomic_load(&woken.calls), 0);

  for (int lap = 1; lap <= 50; lap++) {
    CHECK_STATUS(blobferry_cq_arm(cq, &armed, NULL), BLOBFERRY_OK);
    CHECK_INT(armed, 1);
    for (uint64_t i = 0; i < 40; i++) must_ping(store, cq, 3);
    sem_await(&woken.semaphore);
    settle(service);
    CHECK_INT(atomic_load(&woken.calls), lap);
    for (uint64_t i = 0; i < 40; i++) expect(cq, BLOBFERRY_E_NOT_FOUND, 3);
  }
  blobferry_store_free(store);
  blobferry_cq_free(cq);
  blobferry_service_free(service);
  sem_destroy(&woken.semaphore);
}

typedef struct producer {
  blobferry_store_t *store;
  blobferry_cq_t    *cq;
  uint64_t           first, count;
} producer_t;

/* Submits `count` pings with user_data from `first` on, yielding while the queue is full. */
static void *produce(void *argument) {
  producer_t *producer = argument;
  for (uint64_t i = 0; i < producer->count;) {
    blobferry_status_t status = try_ping(producer->store, producer->cq, producer->first + i);
    if (status == BLOBFERRY_OK) i++;
    else if (status == BLOBFERRY_E_BUSY) sched_yield();
    else must(status, NULL, "a ping");
  }
  return NULL;
}

/* The loop of the header, in an event loop of several queues: one epoll set, any of them may wake it. */
static void epoll_serves_two_queues(void) {
  enum { PINGS = 2000 };
  watch(__func__);
  blobferry_service_t   *service = new_service();
  blobferry_store_t     *store = open_store(service, "memory://cq");
  blobferry_completion_t completions[8];
  producer_t             producers[2];
  pthread_t              threads[2];
  int                    set = epoll_create1(EPOLL_CLOEXEC);
  size_t                 taken[2] = {0, 0}, count = 0;
  for (uint32_t i = 0; i < 2; i++) {
    producers[i] = (producer_t){store, new_cq(service, 16, BLOBFERRY_WAKE_FD), 0, PINGS};
    struct epoll_event event = {.events = EPOLLIN, .data.u32 = i};
    CHECK_INT(epoll_ctl(set, EPOLL_CTL_ADD, blobferry_cq_fd(producers[i].cq), &event), 0);
    pthread_create(&threads[i], NULL, produce, &producers[i]);
  }
  while (taken[0] + taken[1] < 2 * PINGS) {
    bool asleep = true;
    for (int i = 0; i < 2; i++) {
      int armed = 0;
      CHECK_STATUS(blobferry_cq_drain(producers[i].cq, completions, 8, &count, NULL), BLOBFERRY_OK);
      for (size_t k = 0; k < count; k++) dispose(&completions[k]);
      taken[i] += count;
      CHECK_STATUS(blobferry_cq_arm(producers[i].cq, &armed, NULL), BLOBFERRY_OK);
      if (armed == 0) asleep = false;
    }
    beat();
    if (!asleep || taken[0] + taken[1] >= 2 * PINGS) continue;
    struct epoll_event event;
    if (epoll_wait(set, &event, 1, -1) == 1) read_wakes(blobferry_cq_fd(producers[event.data.u32].cq));
  }
  for (int i = 0; i < 2; i++) {
    pthread_join(threads[i], NULL);
    CHECK_INT(taken[i], PINGS);
    blobferry_cq_free(producers[i].cq);
  }
  close(set);
  blobferry_store_free(store);
  blobferry_service_free(service);
}

/* -- several consumers ------------------------------------------------------------------------------- */

#define SHARED_PINGS 20000

typedef struct consumer {
  blobferry_cq_t *cq;
  bool            waits;
  size_t          taken;
} consumer_t;

static atomic_uchar  seen[SHARED_PINGS];
static atomic_size_t seen_count;
static size_t        seen_wanted;

static void *consume(void *argument) {
  consumer_t            *consumer = argument;
  blobferry_completion_t completions[5];
  size_t                 count = 0;
  while (atomic_load(&seen_count) < seen_wanted) {
    blobferry_status_t status = consumer->waits ? blobferry_cq_wait(consumer->cq, completions, 5, 20, &count, NULL)
                                                : blobferry_cq_drain(consumer->cq, completions, 5, &count, NULL);
    CHECK_STATUS(status, BLOBFERRY_OK);
    for (size_t i = 0; i < count; i++) {
      if (completions[i].user_data >= seen_wanted) FAIL("user_data of nobody");
      else if (atomic_fetch_add(&seen[completions[i].user_data], 1) != 0) FAIL("a completion came twice");
      dispose(&completions[i]);
    }
    consumer->taken += count;
    atomic_fetch_add(&seen_count, count);
    if (count != 0) beat();
    else if (!consumer->waits) sched_yield();
  }
  return NULL;
}

static void each_completion_goes_to_one_consumer(void) {
  watch(__func__);
  blobferry_service_t *service = new_service();
  blobferry_cq_t      *cq = new_cq(service, 64, BLOBFERRY_WAKE_NONE);
  blobferry_store_t   *store = open_store(service, "memory://cq");
  producer_t           producers[2];
  consumer_t           consumers[4];
  pthread_t            threads[6];
  uint64_t             each = (uint64_t)rounds(SHARED_PINGS) / 2;
  size_t               taken = 0;
  seen_wanted = 2 * each;
  atomic_store(&seen_count, 0);
  for (size_t i = 0; i < seen_wanted; i++) atomic_store(&seen[i], 0);
  for (int i = 0; i < 4; i++) {
    consumers[i] = (consumer_t){cq, i % 2 == 0, 0};
    pthread_create(&threads[i], NULL, consume, &consumers[i]);
  }
  for (int i = 0; i < 2; i++) {
    producers[i] = (producer_t){store, cq, (uint64_t)i * each, each};
    pthread_create(&threads[4 + i], NULL, produce, &producers[i]);
  }
  for (int i = 0; i < 6; i++) pthread_join(threads[i], NULL);
  for (int i = 0; i < 4; i++) taken += consumers[i].taken;
  CHECK_INT(taken, seen_wanted);
  for (size_t i = 0; i < seen_wanted; i++)
    if (atomic_load(&seen[i]) != 1) FAIL("completion %zu came %d times", i, atomic_load(&seen[i]));
  expect_nothing(cq, 0);
  blobferry_store_free(store);
  blobferry_cq_free(cq);
  blobferry_service_free(service);
}

TESTS(TEST(completion_names_its_request), TEST(drain_writes_only_what_it_counts), TEST(oldest_come_first),
      TEST(wait_ends_with_its_time), TEST(wait_without_limit_is_woken), TEST(fd_is_a_good_descriptor),
      TEST(one_arm_brings_one_wake_of_the_fd), TEST(one_arm_brings_one_wake_of_the_function),
      TEST(epoll_serves_two_queues), TEST(each_completion_goes_to_one_consumer))
