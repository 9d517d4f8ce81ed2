/*
 * What every test program of this folder shares: checks that name their place,
 * buffers that fault when they are touched at the wrong time, and a `main` that
 * runs a table of tests and asserts after each that nothing of the library is
 * left alive.
 *
 *   static void get_reads_a_range(void) { ... CHECK_INT(result, 5); ... }
 *   TESTS(TEST(get_reads_a_range), ...)
 *
 * A program prints one line per test and ends with "N passed, N failed". An
 * argument runs only the tests whose name contains it.
 */
#ifndef TESTS_C_HARNESS_H
#define TESTS_C_HARNESS_H

#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif

#include <blobferry.h>

#include <errno.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

/* -- checks ------------------------------------------------------------------------------------ */

static atomic_int failures_in_test;

#define FAIL(...)                                              \
  do {                                                         \
    fprintf(stderr, "  %s:%d: ", __FILE__, __LINE__);          \
    fprintf(stderr, __VA_ARGS__);                              \
    fprintf(stderr, "\n");                                     \
    atomic_fetch_add(&failures_in_test, 1);                    \
  } while (0)

#define CHECK(condition)                                  \
  do {                                                    \
    if (!(condition)) FAIL("not true: %s", #condition);   \
  } while (0)

#define CHECK_INT(got, wanted)                                                                  \
  do {                                                                                          \
    long long got_ = (long long)(got), wanted_ = (long long)(wanted);                           \
    if (got_ != wanted_) FAIL("%s is %lld, wanted %s = %lld", #got, got_, #wanted, wanted_);    \
  } while (0)

#define CHECK_STATUS(got, wanted)                                                                    \
  do {                                                                                               \
    blobferry_status_t got_ = (got), wanted_ = (wanted);                                             \
    if (got_ != wanted_)                                                                             \
      FAIL("%s is %s, wanted %s", #got, blobferry_status_name(got_), blobferry_status_name(wanted_)); \
  } while (0)

#define CHECK_TEXT(got, wanted)                                                                      \
  do {                                                                                               \
    const char *got_ = (got), *wanted_ = (wanted);                                                   \
    if (got_ == NULL || strcmp(got_, wanted_) != 0)                                                  \
      FAIL("%s is \"%s\", wanted \"%s\"", #got, got_ ? got_ : "(null)", wanted_);                    \
  } while (0)

/* Checks an owned error's status and that its message contains `part`, and frees it. */
static inline void check_error(blobferry_error_t *error, blobferry_status_t status, const char *part) {
  CHECK_STATUS(blobferry_error_status(error), status);
  if (error == NULL || strstr(blobferry_error_message(error), part) == NULL)
    FAIL("the message \"%s\" does not say \"%s\"", blobferry_error_message(error), part);
  blobferry_error_free(error);
}

/* For set-up that a test cannot go on without: prints the error and ends the program. */
static inline void must(blobferry_status_t status, blobferry_error_t *error, const char *what) {
  if (status == BLOBFERRY_OK) return;
  fprintf(stderr, "  %s: %s: %s\n", what, blobferry_status_name(status), blobferry_error_message(error));
  exit(2);
}

/* -- memory that tells ------------------------------------------------------------------------- */

/*
 * `size` bytes that end at a page nobody may touch, begun by canaries up to the
 * page before. guarded_lock takes all access away: from then on a read or a write
 * of the library is a fault that ends the program.
 */
typedef struct guarded {
  uint8_t *map;
  size_t   map_size; /* without the closing guard page */
  uint8_t *data;
  size_t   size;
} guarded_t;

#define CANARY 0xC5

static inline guarded_t guarded_new(size_t size) {
  size_t    page = (size_t)sysconf(_SC_PAGESIZE);
  guarded_t memory;
  memory.size = size;
  memory.map_size = (size / page + 2) * page;
  memory.map = mmap(NULL, memory.map_size + page, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (memory.map == MAP_FAILED) {
    perror("mmap");
    exit(2);
  }
  memset(memory.map, CANARY, memory.map_size);
  mprotect(memory.map + memory.map_size, page, PROT_NONE);
  memory.data = memory.map + memory.map_size - size;
  return memory;
}

static inline void guarded_lock(guarded_t *memory) {
  mprotect(memory->map, memory->map_size, PROT_NONE);
}

/* Gives access back, and checks the canaries before the data. */
static inline void guarded_unlock(guarded_t *memory) {
  mprotect(memory->map, memory->map_size, PROT_READ | PROT_WRITE);
  for (uint8_t *byte = memory->map; byte < memory->data; byte++)
    if (*byte != CANARY) {
      FAIL("the byte %td before the buffer was overwritten", memory->data - byte);
      break;
    }
}

static inline void guarded_free(guarded_t *memory) {
  munmap(memory->map, memory->map_size + (size_t)sysconf(_SC_PAGESIZE));
}

/* Bytes that differ at every place and for every seed, so that a byte in the wrong place shows. */
static inline uint8_t pattern_byte(uint64_t seed, uint64_t place) {
  uint64_t x = (place + 1) * 0x9E3779B97F4A7C15u ^ (seed + 1) * 0xC2B2AE3D27D4EB4Fu;
  x ^= x >> 29;
  return (uint8_t)(x * 0xBF58476D1CE4E5B9u >> 56);
}

static inline void pattern_fill(uint8_t *data, size_t size, uint64_t seed) {
  for (size_t i = 0; i < size; i++) data[i] = pattern_byte(seed, i);
}

/* `data` must be the bytes from `offset` on of the object filled with `seed`. */
static inline bool pattern_is(const uint8_t *data, size_t size, uint64_t seed, uint64_t offset) {
  for (size_t i = 0; i < size; i++)
    if (data[i] != pattern_byte(seed, offset + i)) return false;
  return true;
}

/* -- short ways to the usual handles ------------------------------------------------------------ */

static inline blobferry_service_t *new_service(void) {
  blobferry_service_t *service = NULL;
  blobferry_error_t   *error = NULL;
  blobferry_status_t   status = blobferry_service_new(NULL, &service, &error);
  must(status, error, "blobferry_service_new");
  return service;
}

static inline blobferry_cq_t *new_cq(blobferry_service_t *service, uint32_t capacity, uint32_t wake) {
  blobferry_cq_options_t options = BLOBFERRY_CQ_OPTIONS_INIT;
  blobferry_cq_t        *cq = NULL;
  blobferry_error_t     *error = NULL;
  options.capacity = capacity;
  options.wake = wake;
  blobferry_status_t status = blobferry_cq_new(service, &options, &cq, &error);
  must(status, error, "blobferry_cq_new");
  return cq;
}

static inline blobferry_store_t *open_store(blobferry_service_t *service, const char *url) {
  blobferry_store_t *store = NULL;
  blobferry_error_t *error = NULL;
  blobferry_status_t status = blobferry_store_open(service, url, NULL, 0, &store, &error);
  must(status, error, url);
  return store;
}

/* Waits for one completion. A queue that gives none within a minute has lost it. */
static inline blobferry_completion_t wait_one(blobferry_cq_t *cq) {
  blobferry_completion_t completion;
  blobferry_error_t     *error = NULL;
  size_t                 count = 0;
  memset(&completion, 0, sizeof completion);
  blobferry_status_t status = blobferry_cq_wait(cq, &completion, 1, 60000, &count, &error);
  must(status, error, "blobferry_cq_wait");
  if (count != 1) {
    fprintf(stderr, "  no completion within a minute\n");
    abort();
  }
  return completion;
}

/* Releases what a completion owns. */
static inline void dispose(blobferry_completion_t *completion) {
  blobferry_error_free(completion->error);
  blobferry_details_free(completion->details);
  blobferry_buffer_free(completion->buffer);
  blobferry_table_free(completion->table);
}

static inline uint64_t now_ms(void) {
  struct timespec now;
  clock_gettime(CLOCK_MONOTONIC, &now);
  return (uint64_t)now.tv_sec * 1000 + (uint64_t)now.tv_nsec / 1000000;
}

/* A new empty folder below $TMPDIR (or /tmp); `path` holds at least 256 bytes. remove_tree takes it away. */
static inline void make_folder(char *path) {
  const char *base = getenv("TMPDIR");
  snprintf(path, 256, "%s/blobferry-test-XXXXXX", base && *base ? base : "/tmp");
  if (mkdtemp(path) == NULL) {
    perror(path);
    exit(2);
  }
}

static inline void remove_tree(const char *path) {
  char command[1024];
  snprintf(command, sizeof command, "chmod -R u+rwX '%s'; rm -rf '%s'", path, path);
  if (system(command) != 0) FAIL("could not remove %s", path);
}

/* -- forked children --------------------------------------------------------------------------------- */

/* Ends a forked child. A leak checker would find what only threads of the parent point to: it becomes another program. */
static inline _Noreturn void leave_as_another(bool is_right) {
  fflush(NULL);
  execlp(is_right ? "true" : "false", "child", (char *)NULL);
  _exit(127);
}

/* -- the runner ----------------------------------------------------------------------------------- */

typedef struct test {
  const char *name;
  void (*run)(void);
} test_t;

#define TEST(function) {#function, function}

static inline void check_nothing_lives(void) {
  blobferry_live_counts_t counts = BLOBFERRY_LIVE_COUNTS_INIT;
  CHECK_STATUS(blobferry_live_counts(&counts), BLOBFERRY_OK);
  CHECK_INT(counts.handles, 0);
  CHECK_INT(counts.leases, 0);
  CHECK_INT(counts.requests, 0);
  CHECK_INT(counts.credits, 0);
  CHECK_INT(counts.threads, 0);
}

static inline int run_tests(const test_t *tests, size_t count, int argc, char **argv) {
  int passed = 0, failed = 0;
  for (size_t i = 0; i < count; i++) {
    if (argc > 1 && strstr(tests[i].name, argv[1]) == NULL) continue;
    atomic_store(&failures_in_test, 0);
    uint64_t begun = now_ms();
    tests[i].run();
    check_nothing_lives();
    bool ok = atomic_load(&failures_in_test) == 0;
    printf("%s %s (%llu ms)\n", ok ? "ok    " : "FAILED", tests[i].name, (unsigned long long)(now_ms() - begun));
    fflush(stdout);
    if (ok) passed++;
    else failed++;
  }
  printf("%d passed, %d failed\n", passed, failed);
  return failed == 0 && passed > 0 ? 0 : 1;
}

#define TESTS(...)                                                            \
  int main(int argc, char **argv) {                                           \
    static const test_t tests[] = {__VA_ARGS__};                              \
    return run_tests(tests, sizeof tests / sizeof tests[0], argc, argv);      \
  }

#endif
