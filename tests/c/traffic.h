/*
 * What the tests of the queue and the service share beyond harness.h: rounds that
 * a slow tool may divide, a watchdog that says where a test hangs, dice with a
 * seed, and short ways to submit requests.
 *
 *   BLOBFERRY_TEST_ROUNDS_DIVISOR  divides the rounds of the long tests (1)
 *   BLOBFERRY_TEST_HANG_SECONDS    seconds without progress that are a hang (60)
 *   BLOBFERRY_TEST_SEED            the seed of every random choice (the clock)
 */
#ifndef TESTS_C_TRAFFIC_H
#define TESTS_C_TRAFFIC_H

#include "harness.h"

#include <sched.h>
#include <semaphore.h>
#include <signal.h>

static inline uint64_t number_from_environment(const char *name, uint64_t otherwise) {
  const char *text = getenv(name);
  return text && *text ? strtoull(text, NULL, 10) : otherwise;
}

/* How often a loop runs that would run `full` times on the bare machine. */
static inline long rounds(long full) {
  uint64_t divisor = number_from_environment("BLOBFERRY_TEST_ROUNDS_DIVISOR", 1);
  long     count = divisor > 1 ? full / (long)divisor : full;
  return count > 0 ? count : 1;
}

/* The panics of these tests are made on purpose: their backtraces tell nothing, and take seconds under a sanitizer. */
__attribute__((constructor)) static inline void without_backtraces(void) {
  setenv("RUST_BACKTRACE", "0", 1);
}

/* -- the watchdog --------------------------------------------------------------------------------- */

static _Atomic(const char *) watch_place;
static atomic_ulong          watch_beats;

/* Tells the watchdog that something has moved. */
static inline void beat(void) {
  atomic_fetch_add_explicit(&watch_beats, 1, memory_order_relaxed);
}

static inline void watch_bark(void) {
  blobferry_live_counts_t counts = BLOBFERRY_LIVE_COUNTS_INIT;
  const char             *place = atomic_load(&watch_place);
  blobferry_live_counts(&counts);
  fprintf(stderr, "  HANGS in %s, after %lu steps: %llu requests run, %llu leases, %llu credits, %llu threads\n",
          place ? place : "a test", atomic_load(&watch_beats), (unsigned long long)counts.requests,
          (unsigned long long)counts.leases, (unsigned long long)counts.credits, (unsigned long long)counts.threads);
  abort();
}

static inline void *watch_run(void *unused) {
  uint64_t      limit = number_from_environment("BLOBFERRY_TEST_HANG_SECONDS", 60), quiet = 0;
  unsigned long seen = 0;
  (void)unused;
  for (;;) {
    sleep(1);
    unsigned long beats = atomic_load(&watch_beats);
    quiet = beats == seen ? quiet + 1 : 0;
    seen = beats;
    if (quiet >= limit) watch_bark();
  }
  return NULL;
}

static inline void watch_start(void) {
  pthread_t thread;
  sigset_t  all, before;
  sigfillset(&all);
  pthread_sigmask(SIG_SETMASK, &all, &before);
  if (pthread_create(&thread, NULL, watch_run, NULL) != 0) abort();
  pthread_detach(thread);
  pthread_sigmask(SIG_SETMASK, &before, NULL);
}

/* Names what goes on now. A hang ends the program with this name; it must live for ever. */
static inline void watch(const char *place) {
  static pthread_once_t once = PTHREAD_ONCE_INIT;
  atomic_store(&watch_place, place);
  beat();
  pthread_once(&once, watch_start);
}

/* -- valgrind --------------------------------------------------------------------------------------- */

/* For what cannot be seen under it. Looked up anew each time: it is asked rarely. */
static inline bool under_valgrind(void) {
  FILE *maps = fopen("/proc/self/maps", "r");
  char  line[1024];
  bool  found = false;
  while (maps && fgets(line, sizeof line, maps))
    if (strstr(line, "vgpreload") != NULL) found = true;
  if (maps) fclose(maps);
  return found;
}

/* -- time and chance ------------------------------------------------------------------------------ */

static inline void sleep_us(long microseconds) {
  struct timespec time = {microseconds / 1000000, microseconds % 1000000 * 1000};
  while (nanosleep(&time, &time) != 0 && errno == EINTR) continue;
}

/* Between two looks at something that will soon be true: hardly any wait at first. */
static inline void pause_a_little(int looks) {
  if (looks < 200) sched_yield();
  else sleep_us(200);
}

#define AS_TEXT(tokens) #tokens
#define LINE_AS_TEXT(line) AS_TEXT(line)

/*
 * Waits for what will be true soon. A service's usage is a snapshot: where a completion
 * has been taken, the thread that published it may still be on its way to counting the
 * request out. A condition that never holds is a hang at this place.
 */
#define AWAIT(condition)                                                       \
  do {                                                                         \
    const char *before_ = atomic_load(&watch_place);                           \
    watch(__FILE__ ":" LINE_AS_TEXT(__LINE__) ": waiting for " #condition);    \
    for (int looks_ = 0; !(condition); looks_++) pause_a_little(looks_);       \
    watch(before_);                                                            \
  } while (0)

static inline void sem_await(sem_t *semaphore) {
  while (sem_wait(semaphore) != 0 && errno == EINTR) continue;
}

/* The seed of the run, printed when it is first asked for. */
static inline uint64_t test_seed(void) {
  static uint64_t seed = 0;
  if (seed == 0) {
    seed = number_from_environment("BLOBFERRY_TEST_SEED", 0);
    if (seed == 0) seed = now_ms() ^ (uint64_t)getpid() << 32;
    printf("seed: BLOBFERRY_TEST_SEED=%llu\n", (unsigned long long)seed);
    fflush(stdout);
  }
  return seed;
}

/* A number below `sides`; each thread has dice of its own. */
static inline uint64_t roll(uint64_t *dice, uint64_t sides) {
  uint64_t x = *dice += 0x9E3779B97F4A7C15u;
  x = (x ^ x >> 30) * 0xBF58476D1CE4E5B9u;
  x = (x ^ x >> 27) * 0x94D049BB133111EBu;
  return (x ^ x >> 31) % sides;
}

/* Busy for `turns` turns: far shorter than any sleep, to meet another thread at every point of its way. */
static inline void spin(uint64_t turns) {
  for (volatile uint64_t turn = 0; turn < turns; turn++) continue;
}

/* -- services and their numbers ------------------------------------------------------------------- */

static inline blobferry_service_t *new_service_with(uint32_t max_credits, uint32_t max_requests_in_flight) {
  blobferry_service_options_t options = BLOBFERRY_SERVICE_OPTIONS_INIT;
  blobferry_service_t        *service = NULL;
  blobferry_error_t          *error = NULL;
  options.max_credits = max_credits;
  options.max_requests_in_flight = max_requests_in_flight;
  blobferry_status_t status = blobferry_service_new(&options, &service, &error);
  must(status, error, "blobferry_service_new");
  return service;
}

static inline blobferry_cq_t *new_callback_cq(blobferry_service_t *service, uint32_t capacity,
                                              blobferry_completion_fn function, void *argument) {
  blobferry_cq_options_t options = BLOBFERRY_CQ_OPTIONS_INIT;
  blobferry_cq_t        *cq = NULL;
  blobferry_error_t     *error = NULL;
  options.capacity = capacity;
  options.wake = BLOBFERRY_WAKE_CALLBACK;
  options.completion_fn = function;
  options.completion_argument = argument;
  blobferry_status_t status = blobferry_cq_new(service, &options, &cq, &error);
  must(status, error, "blobferry_cq_new with a callback");
  return cq;
}

static inline blobferry_cq_t *new_fn_cq(blobferry_service_t *service, uint32_t capacity, blobferry_wake_fn function,
                                        void *argument) {
  blobferry_cq_options_t options = BLOBFERRY_CQ_OPTIONS_INIT;
  blobferry_cq_t        *cq = NULL;
  blobferry_error_t     *error = NULL;
  options.capacity = capacity;
  options.wake = BLOBFERRY_WAKE_FN;
  options.wake_fn = function;
  options.wake_argument = argument;
  blobferry_status_t status = blobferry_cq_new(service, &options, &cq, &error);
  must(status, error, "blobferry_cq_new with a wake function");
  return cq;
}

static inline int ignore_wake(void *argument) {
  (void)argument;
  return 0;
}

/* A queue that can be waited on: any kind but CALLBACK. */
static inline blobferry_cq_t *new_waitable_cq(blobferry_service_t *service, uint32_t capacity, uint32_t kind) {
  if (kind == BLOBFERRY_WAKE_FN) return new_fn_cq(service, capacity, ignore_wake, NULL);
  return new_cq(service, capacity, kind);
}

static inline blobferry_store_t *open_folder(blobferry_service_t *service, const char *folder) {
  char url[512];
  snprintf(url, sizeof url, "file://%s", folder);
  return open_store(service, url);
}

static inline blobferry_service_usage_t usage_of(const blobferry_service_t *service) {
  blobferry_service_usage_t usage = BLOBFERRY_SERVICE_USAGE_INIT;
  CHECK_STATUS(blobferry_service_usage(service, &usage, NULL), BLOBFERRY_OK);
  return usage;
}

/* Waits until `count` requests are past the wait for a permit. */
static inline void await_in_flight(const blobferry_service_t *service, uint64_t count) {
  AWAIT(usage_of(service).requests_in_flight == count);
}

/* Every completion of the service is visible when this returns. */
static inline void settle(blobferry_service_t *service) {
  CHECK_STATUS(blobferry_service_drain(service, 60000, NULL), BLOBFERRY_OK);
  beat();
}

/* Where the last free is left to a thread of the library, nothing tells its end but the counts. */
static inline bool something_lives(void) {
  blobferry_live_counts_t counts = BLOBFERRY_LIVE_COUNTS_INIT;
  CHECK_STATUS(blobferry_live_counts(&counts), BLOBFERRY_OK);
  return counts.handles + counts.leases + counts.requests + counts.credits + counts.threads != 0;
}

static inline void await_nothing_lives(void) {
  AWAIT(!something_lives());
}

static inline uint64_t live_leases(void) {
  blobferry_live_counts_t counts = BLOBFERRY_LIVE_COUNTS_INIT;
  CHECK_STATUS(blobferry_live_counts(&counts), BLOBFERRY_OK);
  return counts.leases;
}

/* -- requests ------------------------------------------------------------------------------------- */

typedef enum verb { VERB_GET, VERB_PUT, VERB_HEAD, VERB_DELETE, VERB_LIST, VERB_COUNT } verb_t;

static const char *const verb_names[VERB_COUNT] = {"get", "put", "head", "delete", "list"};

typedef struct request {
  verb_t            verb;
  const char       *key;
  uint8_t          *buffer; /* get and put */
  size_t            size;
  blobferry_list_t *list; /* list: made for the prefix before */
  uint64_t          timeout_ms;
  uint64_t          user_data;
} request_t;

static inline blobferry_status_t submit(const request_t *request, blobferry_store_t *store, blobferry_cq_t *cq,
                                        blobferry_ticket_t *ticket_out, blobferry_error_t **error_out) {
  blobferry_get_options_t    get = BLOBFERRY_GET_OPTIONS_INIT;
  blobferry_put_options_t    put = BLOBFERRY_PUT_OPTIONS_INIT;
  blobferry_head_options_t   head = BLOBFERRY_HEAD_OPTIONS_INIT;
  blobferry_delete_options_t delete = BLOBFERRY_DELETE_OPTIONS_INIT;
  blobferry_next_options_t   next = BLOBFERRY_NEXT_OPTIONS_INIT;
  get.timeout_ms = put.timeout_ms = head.timeout_ms = delete.timeout_ms = next.timeout_ms = request->timeout_ms;
  switch (request->verb) {
    case VERB_GET:
      return blobferry_object_get(store, cq, request->key, request->buffer, request->size, &get, request->user_data,
                                  ticket_out, error_out);
    case VERB_PUT:
      return blobferry_object_put(store, cq, request->key, request->buffer, request->size, &put, request->user_data,
                                  ticket_out, error_out);
    case VERB_HEAD:
      return blobferry_object_head(store, cq, request->key, &head, request->user_data, ticket_out, error_out);
    case VERB_DELETE:
      return blobferry_object_delete(store, cq, request->key, &delete, request->user_data, ticket_out, error_out);
    default:
      return blobferry_list_next(request->list, cq, &next, request->user_data, ticket_out, error_out);
  }
}

static inline blobferry_ticket_t must_submit(const request_t *request, blobferry_store_t *store, blobferry_cq_t *cq) {
  blobferry_ticket_t ticket = 0;
  blobferry_error_t *error = NULL;
  blobferry_status_t status = submit(request, store, cq, &ticket, &error);
  must(status, error, verb_names[request->verb]);
  return ticket;
}

static inline blobferry_ticket_t must_get(blobferry_store_t *store, blobferry_cq_t *cq, const char *key,
                                          uint8_t *buffer, size_t size, uint64_t user_data) {
  request_t request = {VERB_GET, key, buffer, size, NULL, 0, user_data};
  return must_submit(&request, store, cq);
}

/* A get of 0 bytes of a key that is not there: the shortest request of all. It completes with NOT_FOUND. */
static inline blobferry_status_t try_ping(blobferry_store_t *store, blobferry_cq_t *cq, uint64_t user_data) {
  return blobferry_object_get(store, cq, "nothing-here", NULL, 0, NULL, user_data, NULL, NULL);
}

static inline void must_ping(blobferry_store_t *store, blobferry_cq_t *cq, uint64_t user_data) {
  must(try_ping(store, cq, user_data), NULL, "a ping");
}

static inline void check_ping(blobferry_completion_t *completion, uint64_t user_data) {
  CHECK_STATUS(completion->status, BLOBFERRY_E_NOT_FOUND);
  CHECK_INT(completion->user_data, user_data);
  dispose(completion);
}

/* Waits for one completion that must have this status and user_data, and disposes of it. */
static inline void expect(blobferry_cq_t *cq, blobferry_status_t status, uint64_t user_data) {
  blobferry_completion_t completion = wait_one(cq);
  CHECK_STATUS(completion.status, status);
  CHECK_STATUS(blobferry_error_status(completion.error), status);
  CHECK_INT(completion.user_data, user_data);
  dispose(&completion);
  beat();
}

/* Nothing may be there to take, now and for `milliseconds`. */
static inline void expect_nothing(blobferry_cq_t *cq, int64_t milliseconds) {
  blobferry_completion_t completion;
  size_t                 count = 0;
  CHECK_STATUS(blobferry_cq_wait(cq, &completion, 1, milliseconds, &count, NULL), BLOBFERRY_OK);
  CHECK_INT(count, 0);
}

static inline void must_cancel(blobferry_cq_t *cq, blobferry_ticket_t ticket) {
  CHECK_STATUS(blobferry_cq_cancel(cq, ticket, NULL), BLOBFERRY_OK);
}

/* Puts an object and waits for it; the queue must have nothing else in it. */
static inline void put_object(blobferry_store_t *store, blobferry_cq_t *cq, const char *key, uint8_t *data,
                              size_t size) {
  request_t request = {VERB_PUT, key, data, size, NULL, 0, 0};
  must_submit(&request, store, cq);
  expect(cq, BLOBFERRY_OK, 0);
}

/* Whether head finds the key; the queue must have nothing else in it. */
static inline bool object_exists(blobferry_store_t *store, blobferry_cq_t *cq, const char *key) {
  request_t request = {VERB_HEAD, key, NULL, 0, NULL, 0, 0};
  must_submit(&request, store, cq);
  blobferry_completion_t completion = wait_one(cq);
  bool                   exists = completion.status == BLOBFERRY_OK;
  if (!exists) CHECK_STATUS(completion.status, BLOBFERRY_E_NOT_FOUND);
  dispose(&completion);
  return exists;
}

static inline blobferry_list_t *new_list(blobferry_store_t *store, const char *prefix) {
  blobferry_list_t  *list = NULL;
  blobferry_error_t *error = NULL;
  blobferry_status_t status = blobferry_list_new(store, prefix, NULL, &list, &error);
  must(status, error, "blobferry_list_new");
  return list;
}

/*
 * A closed queue whose last completion was taken says that it is drained, soon: the
 * thread that woke the taker may be still about to leave the wake.
 */
static inline void await_drained(const blobferry_cq_t *cq) {
  AWAIT(blobferry_cq_is_drained(cq));
}

/* Takes completions until the closed queue says its end; gives how many had `status`. */
static inline size_t drain_to_the_end(blobferry_cq_t *cq, blobferry_status_t status) {
  blobferry_completion_t completions[16];
  size_t                 matching = 0, count = 0;
  while (blobferry_cq_wait(cq, completions, 16, 60000, &count, NULL) == BLOBFERRY_OK) {
    if (count == 0) {
      FAIL("a closed queue gave neither a completion nor its end within a minute");
      break;
    }
    for (size_t i = 0; i < count; i++) {
      if (completions[i].status == status) matching++;
      dispose(&completions[i]);
    }
    beat();
  }
  return matching;
}

#endif
