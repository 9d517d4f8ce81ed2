/*
 * Lost wakes: a hundred thousand ping-pongs with one request in flight, for each
 * way to sleep. One wake lost is a sleep without end, which the watchdog reports
 * with the place and the round.
 *
 * Before it sleeps, the consumer spins for a random while, so that completions
 * arrive before, during and after its arming.
 */
#include "traffic.h"

#include <poll.h>
#include <sys/eventfd.h>

#define PING_PONGS 100000

typedef struct table {
  blobferry_service_t *service;
  blobferry_store_t   *store;
  blobferry_cq_t      *cq;
  uint64_t             dice;
  sem_t                semaphore;
  int                  event_fd;
  uint64_t             sleeps;
} table_t;

static void set_up(table_t *table, const char *place) {
  watch(place);
  memset(table, 0, sizeof *table);
  table->service = new_service();
  table->store = open_store(table->service, "memory://wake");
  table->dice = test_seed();
  sem_init(&table->semaphore, 0, 0);
  table->event_fd = eventfd(0, EFD_CLOEXEC);
}

static void take_down(table_t *table) {
  blobferry_cq_free(table->cq);
  blobferry_store_free(table->store);
  blobferry_service_free(table->service);
  sem_destroy(&table->semaphore);
  close(table->event_fd);
}

/* Up to a few microseconds: about as long as a request takes. */
static void dawdle(table_t *table) {
  spin(roll(&table->dice, 4) == 0 ? 0 : roll(&table->dice, 6000));
}

static bool take_ping(blobferry_cq_t *cq, uint64_t round) {
  blobferry_completion_t completion;
  size_t                 count = 0;
  CHECK_STATUS(blobferry_cq_drain(cq, &completion, 1, &count, NULL), BLOBFERRY_OK);
  if (count == 1) check_ping(&completion, round);
  return count == 1;
}

/* One ping-pong by the loop of the header; `sleep_until_woken` is the consumer's own way to sleep. */
static void play_armed(table_t *table, uint64_t round, void (*sleep_until_woken)(table_t *)) {
  must_ping(table->store, table->cq, round);
  dawdle(table);
  while (!take_ping(table->cq, round)) {
    int armed = -1;
    CHECK_STATUS(blobferry_cq_arm(table->cq, &armed, NULL), BLOBFERRY_OK);
    if (armed == 0) continue;
    table->sleeps++;
    sleep_until_woken(table);
  }
  beat();
}

static void check_some_sleeps(const table_t *table, long played) {
  /* A run that never slept has shown nothing. */
  if (table->sleeps == 0) FAIL("the consumer never slept in %ld rounds", played);
}

static void sleep_by_poll(table_t *table) {
  struct pollfd readable = {blobferry_cq_fd(table->cq), POLLIN, 0};
  uint64_t      value = 0;
  while (poll(&readable, 1, -1) < 0 && errno == EINTR) continue;
  if (read(readable.fd, &value, sizeof value) != sizeof value) FAIL("woken and nothing to read");
}

static void no_wake_is_lost_with_the_fd(void) {
  table_t table;
  set_up(&table, __func__);
  table.cq = new_cq(table.service, 1, BLOBFERRY_WAKE_FD);
  long played = rounds(PING_PONGS);
  for (long round = 0; round < played; round++) play_armed(&table, (uint64_t)round, sleep_by_poll);
  check_some_sleeps(&table, played);
  take_down(&table);
}

static int post_semaphore(void *argument) {
  return sem_post(&((table_t *)argument)->semaphore);
}

static void sleep_by_semaphore(table_t *table) {
  sem_await(&table->semaphore);
}

static void no_wake_is_lost_with_a_function_that_posts(void) {
  table_t table;
  set_up(&table, __func__);
  table.cq = new_fn_cq(table.service, 1, post_semaphore, &table);
  long played = rounds(PING_PONGS);
  for (long round = 0; round < played; round++) play_armed(&table, (uint64_t)round, sleep_by_semaphore);
  check_some_sleeps(&table, played);
  take_down(&table);
}

static int write_event(void *argument) {
  uint64_t one = 1;
  return write(((table_t *)argument)->event_fd, &one, sizeof one) == sizeof one ? 0 : -1;
}

static void sleep_by_read(table_t *table) {
  uint64_t value;
  while (read(table->event_fd, &value, sizeof value) < 0 && errno == EINTR) continue;
}

static void no_wake_is_lost_with_a_function_that_writes(void) {
  table_t table;
  set_up(&table, __func__);
  table.cq = new_fn_cq(table.service, 1, write_event, &table);
  long played = rounds(PING_PONGS);
  for (long round = 0; round < played; round++) play_armed(&table, (uint64_t)round, sleep_by_read);
  check_some_sleeps(&table, played);
  take_down(&table);
}

/* Waiting sleeps by itself: with every kind of wake that can be waited on. */
static void no_wake_is_lost_in_wait(void) {
  for (uint32_t kind = BLOBFERRY_WAKE_NONE; kind <= BLOBFERRY_WAKE_FN; kind++) {
    table_t table;
    int     calls = -1;
    set_up(&table, __func__);
    table.cq = kind == BLOBFERRY_WAKE_FN ? new_fn_cq(table.service, 1, post_semaphore, &table)
                                         : new_cq(table.service, 1, kind);
    for (long round = 0; round < rounds(PING_PONGS); round++) {
      blobferry_completion_t completion;
      size_t                 count = 0;
      must_ping(table.store, table.cq, (uint64_t)round);
      dawdle(&table);
      CHECK_STATUS(blobferry_cq_wait(table.cq, &completion, 1, -1, &count, NULL), BLOBFERRY_OK);
      CHECK_INT(count, 1);
      check_ping(&completion, (uint64_t)round);
      beat();
    }
    /* Nobody armed, so no wake was for anybody but the one that waits. */
    CHECK_INT(sem_getvalue(&table.semaphore, &calls), 0);
    CHECK_INT(calls, 0);
    take_down(&table);
  }
}

static void post_for_each(void *argument, const blobferry_completion_t *completions, size_t count) {
  table_t *table = argument;
  for (size_t i = 0; i < count; i++) {
    blobferry_completion_t completion = completions[i];
    check_ping(&completion, table->sleeps++);
    sem_post(&table->semaphore);
  }
}

static void no_wake_is_lost_with_a_callback(void) {
  table_t table;
  set_up(&table, __func__);
  /* Two credits: the one of the ping before may be on its way back when its callback already runs. */
  table.cq = new_callback_cq(table.service, 2, post_for_each, &table);
  long played = rounds(PING_PONGS);
  for (long round = 0; round < played; round++) {
    must_ping(table.store, table.cq, (uint64_t)round);
    dawdle(&table);
    sem_await(&table.semaphore);
    beat();
  }
  take_down(&table);
}

/* -- several sleepers ----------------------------------------------------------------------------------- */

static void *wait_and_pass_on(void *argument) {
  table_t               *table = argument;
  blobferry_completion_t completion;
  size_t                 count = 0, taken = 0;
  while (blobferry_cq_wait(table->cq, &completion, 1, -1, &count, NULL) == BLOBFERRY_OK) {
    if (count != 1) continue;
    dispose(&completion);
    taken++;
    sem_post(&table->semaphore);
  }
  return (void *)taken;
}

/* Whichever of the waiting threads is woken, one must be. */
static void no_wake_is_lost_among_several_waiters(void) {
  table_t table;
  set_up(&table, __func__);
  table.cq = new_cq(table.service, 4, BLOBFERRY_WAKE_NONE);
  pthread_t waiters[3];
  size_t    taken = 0;
  long      played = rounds(PING_PONGS / 2), submitted = 0;
  for (int i = 0; i < 3; i++) pthread_create(&waiters[i], NULL, wait_and_pass_on, &table);
  for (long round = 0; round < played; round++) {
    int burst = 1 + (int)roll(&table.dice, 4);
    for (int i = 0; i < burst; i++, submitted++) must_ping(table.store, table.cq, 0);
    dawdle(&table);
    for (int i = 0; i < burst; i++) sem_await(&table.semaphore);
    beat();
  }
  CHECK_STATUS(blobferry_cq_close(table.cq, NULL), BLOBFERRY_OK);
  for (int i = 0; i < 3; i++) {
    void *result = NULL;
    pthread_join(waiters[i], &result);
    taken += (size_t)result;
  }
  CHECK_INT(taken, submitted);
  take_down(&table);
}

enum { ONE_EACH = 4 };

typedef struct once_waiter {
  table_t           *table;
  pthread_barrier_t *barrier;
  long               played;
} once_waiter_t;

static void *wait_once_a_round(void *argument) {
  once_waiter_t *waiter = argument;
  for (long round = 0; round < waiter->played; round++) {
    blobferry_completion_t completion;
    size_t                 count = 0;
    CHECK_STATUS(blobferry_cq_wait(waiter->table->cq, &completion, 1, -1, &count, NULL), BLOBFERRY_OK);
    CHECK_INT(count, 1);
    dispose(&completion);
    pthread_barrier_wait(waiter->barrier);
  }
  return NULL;
}

/* As many completions as threads that wait, and whoever has taken one does not come back: nobody may be left asleep. */
static void no_wake_is_lost_when_each_waiter_takes_one(void) {
  table_t           table;
  pthread_barrier_t barrier;
  pthread_t         threads[ONE_EACH];
  set_up(&table, __func__);
  table.cq = new_cq(table.service, ONE_EACH, BLOBFERRY_WAKE_NONE);
  pthread_barrier_init(&barrier, NULL, ONE_EACH + 1);
  once_waiter_t waiter = {&table, &barrier, rounds(PING_PONGS / 5)};
  for (int i = 0; i < ONE_EACH; i++) pthread_create(&threads[i], NULL, wait_once_a_round, &waiter);
  for (long round = 0; round < waiter.played; round++) {
    dawdle(&table);
    for (int i = 0; i < ONE_EACH; i++) {
      must_ping(table.store, table.cq, 0);
      if (roll(&table.dice, 2) == 0) dawdle(&table);
    }
    pthread_barrier_wait(&barrier);
    beat();
  }
  for (int i = 0; i < ONE_EACH; i++) pthread_join(threads[i], NULL);
  pthread_barrier_destroy(&barrier);
  take_down(&table);
}

static void *wait_and_write(void *argument) {
  table_t               *table = argument;
  blobferry_completion_t completion;
  size_t                 count = 0;
  while (blobferry_cq_wait(table->cq, &completion, 1, -1, &count, NULL) == BLOBFERRY_OK) {
    if (count != 1) continue;
    dispose(&completion);
    write_event(table);
  }
  return NULL;
}

/* True when the waiter has taken the ping, false when the descriptor of the queue is readable. */
static bool sleep_on_both(table_t *table) {
  struct pollfd readable[2] = {{table->event_fd, POLLIN, 0}, {blobferry_cq_fd(table->cq), POLLIN, 0}};
  uint64_t      value;
  while (poll(readable, 2, -1) < 0 && errno == EINTR) continue;
  if (readable[1].revents != 0 && read(readable[1].fd, &value, sizeof value) < 0) FAIL("woken and nothing to read");
  return readable[0].revents != 0 && read(readable[0].fd, &value, sizeof value) == sizeof value;
}

/* One thread waits, another sleeps on the descriptor: a completion never leaves both asleep. */
static void no_wake_is_lost_between_a_waiter_and_the_fd(void) {
  table_t table;
  set_up(&table, __func__);
  table.cq = new_cq(table.service, 2, BLOBFERRY_WAKE_FD);
  pthread_t waiter;
  long      played = rounds(PING_PONGS / 2);
  pthread_create(&waiter, NULL, wait_and_write, &table);
  for (long round = 0; round < played; round++) {
    must_ping(table.store, table.cq, (uint64_t)round);
    dawdle(&table);
    while (!take_ping(table.cq, (uint64_t)round)) {
      int armed = -1;
      CHECK_STATUS(blobferry_cq_arm(table.cq, &armed, NULL), BLOBFERRY_OK);
      if (armed == 1 && sleep_on_both(&table)) break;
    }
    beat();
  }
  CHECK_STATUS(blobferry_cq_close(table.cq, NULL), BLOBFERRY_OK);
  pthread_join(waiter, NULL);
  take_down(&table);
}

TESTS(TEST(no_wake_is_lost_with_the_fd), TEST(no_wake_is_lost_with_a_function_that_posts),
      TEST(no_wake_is_lost_with_a_function_that_writes), TEST(no_wake_is_lost_in_wait),
      TEST(no_wake_is_lost_with_a_callback), TEST(no_wake_is_lost_among_several_waiters),
      TEST(no_wake_is_lost_when_each_waiter_takes_one),
      TEST(no_wake_is_lost_between_a_waiter_and_the_fd))
