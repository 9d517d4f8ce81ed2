/*
 * Exit with requests in flight, in every way: the process ends with its own status
 * at once. Each way is a process of its own, which begins with child_.
 */
#include "own_process.h"
#include "traffic.h"

#include <dirent.h>

enum { IN_FLIGHT = 64, FILE_SIZE = 8 << 20 };

/* -- the children ------------------------------------------------------------------------------ */

/* What a child has at its exit: static, as in a program that means to keep it all its life. */
static struct belongings {
  blobferry_service_t *service;
  blobferry_store_t   *store;
  blobferry_cq_t      *cq, *other;
  uint8_t             *memory;
  sem_t                entered;
} mine;

static void child_set_up(const char *url) {
  alarm((unsigned)number_from_environment("BLOBFERRY_TEST_HANG_SECONDS", 60));
  mine.service = new_service();
  mine.store = open_store(mine.service, url);
  mine.memory = malloc((size_t)IN_FLIGHT * 4096);
}

static void child_gets(const char *key) {
  for (uint64_t i = 0; i < IN_FLIGHT; i++) must_get(mine.store, mine.cq, key, mine.memory + i * 4096, 4096, i);
  /* Not vacuous: they are in flight. 3 tells the parent that they are not. */
  if (usage_of(mine.service).requests_running != IN_FLIGHT) _exit(3);
}

static int child_with_gets(char **arguments) {
  (void)arguments;
  child_set_up("fault://exit");
  mine.cq = new_cq(mine.service, IN_FLIGHT, BLOBFERRY_WAKE_NONE);
  child_gets("never");
  exit(0);
}

static int child_with_held_gets(char **arguments) {
  (void)arguments;
  child_set_up("fault://exit");
  mine.cq = new_cq(mine.service, IN_FLIGHT, BLOBFERRY_WAKE_FD);
  child_gets("hold-500");
  sleep_us(20000);
  exit(0);
}

static int child_with_puts(char **arguments) {
  char url[400];
  snprintf(url, sizeof url, "file://%s", arguments[0]);
  child_set_up(url);
  mine.cq = new_cq(mine.service, IN_FLIGHT, BLOBFERRY_WAKE_NONE);
  uint8_t *data = malloc(FILE_SIZE);
  pattern_fill(data, FILE_SIZE, 8);
  for (uint64_t i = 0; i < IN_FLIGHT; i++) {
    char key[16];
    snprintf(key, sizeof key, "file-%d", (int)i);
    request_t put = {VERB_PUT, key, data, FILE_SIZE, NULL, 0, i};
    must_submit(&put, mine.store, mine.cq);
  }
  blobferry_completion_t first = wait_one(mine.cq);
  if (first.status != BLOBFERRY_OK) _exit(4);
  if (usage_of(mine.service).requests_running == 0) _exit(3);
  exit(0);
}

/* Stays inside the callback until the process is gone. */
static void linger(void *argument, const blobferry_completion_t *completions, size_t count) {
  (void)argument;
  (void)completions;
  (void)count;
  sem_post(&mine.entered);
  for (;;) sleep(1);
}

static int child_with_a_callback_running(char **arguments) {
  (void)arguments;
  child_set_up("fault://exit");
  sem_init(&mine.entered, 0, 0);
  mine.cq = new_callback_cq(mine.service, IN_FLIGHT + 8, linger, NULL);
  for (int i = 0; i < 8; i++) must_ping(mine.store, mine.cq, 0);
  sem_await(&mine.entered);
  for (uint64_t i = 0; i < IN_FLIGHT; i++) must_get(mine.store, mine.cq, "never", mine.memory, 64, i);
  exit(0);
}

static void leave(void *argument, const blobferry_completion_t *completions, size_t count) {
  (void)argument;
  (void)completions;
  (void)count;
  exit(0);
}

static int child_inside_a_callback(char **arguments) {
  (void)arguments;
  child_set_up("fault://exit");
  mine.cq = new_cq(mine.service, IN_FLIGHT, BLOBFERRY_WAKE_NONE);
  child_gets("never");
  mine.other = new_callback_cq(mine.service, 8, leave, NULL);
  must_ping(mine.store, mine.other, 0);
  sleep(3600);
  return 5;
}

static void *exit_elsewhere(void *unused) {
  (void)unused;
  sleep_us(10000);
  exit(0);
}

static int child_while_another_thread_waits(char **arguments) {
  (void)arguments;
  pthread_t              thread;
  blobferry_completion_t completion;
  size_t                 count;
  child_set_up("fault://exit");
  mine.cq = new_cq(mine.service, IN_FLIGHT, BLOBFERRY_WAKE_NONE);
  child_gets("never");
  pthread_create(&thread, NULL, exit_elsewhere, NULL);
  blobferry_cq_wait(mine.cq, &completion, 1, -1, &count, NULL);
  _exit(5); /* nothing can have completed */
}

static void free_everything(void) {
  blobferry_live_counts_t counts = BLOBFERRY_LIVE_COUNTS_INIT;
  blobferry_cq_free(mine.cq);
  blobferry_store_free(mine.store);
  blobferry_service_free(mine.service);
  free(mine.memory);
  blobferry_live_counts(&counts);
  if (counts.handles + counts.leases + counts.requests + counts.credits + counts.threads != 0) _exit(6);
}

/* As the finalizers of a managed host and the destructors of C++ do. */
static int child_that_frees_at_exit(char **arguments) {
  (void)arguments;
  atexit(free_everything);
  child_set_up("fault://exit");
  mine.cq = new_cq(mine.service, IN_FLIGHT, BLOBFERRY_WAKE_NONE);
  child_gets("never");
  exit(0);
}

/* -- their parent ------------------------------------------------------------------------------------------ */

static void check_exits(const char *place, const char *child_name) {
  watch(place);
  for (long round = rounds(20); round > 0; round--) {
    child_must_pass(begin_child(child_name, NULL, NULL), child_name);
    beat();
  }
}

static void exit_with_gets_that_never_end(void) {
  check_exits(__func__, "child_with_gets");
}

static void exit_while_memory_is_written(void) {
  check_exits(__func__, "child_with_held_gets");
}

static void exit_while_a_callback_runs(void) {
  check_exits(__func__, "child_with_a_callback_running");
}

static void exit_inside_a_callback(void) {
  check_exits(__func__, "child_inside_a_callback");
}

static void exit_while_another_thread_waits(void) {
  check_exits(__func__, "child_while_another_thread_waits");
}

static void handles_may_be_freed_at_exit(void) {
  check_exits(__func__, "child_that_frees_at_exit");
}

/* The files that are there are whole. */
static int check_files(const char *folder) {
  int            files = 0;
  DIR           *directory = opendir(folder);
  struct dirent *entry;
  while (directory && (entry = readdir(directory)) != NULL) {
    char        path[600];
    struct stat facts;
    if (strncmp(entry->d_name, "file-", 5) != 0) continue;
    snprintf(path, sizeof path, "%s/%s", folder, entry->d_name);
    if (stat(path, &facts) != 0 || facts.st_size != FILE_SIZE)
      FAIL("%s has %lld bytes of %d", entry->d_name, (long long)facts.st_size, FILE_SIZE);
    files++;
  }
  if (directory) closedir(directory);
  return files;
}

static void exit_with_puts_leaves_whole_files_only(void) {
  watch(__func__);
  for (long round = rounds(5); round > 0; round--) {
    char folder[256];
    make_folder(folder);
    child_must_pass(begin_child("child_with_puts", folder, NULL), "child_with_puts");
    beat();
    int files = check_files(folder);
    CHECK(files >= 1);
    CHECK(files < IN_FLIGHT);
    remove_tree(folder);
  }
}

int main(int argc, char **argv) {
  static const test_t tests[] = {
      TEST(exit_with_gets_that_never_end),   TEST(exit_while_memory_is_written),
      TEST(exit_while_a_callback_runs),      TEST(exit_inside_a_callback),
      TEST(exit_while_another_thread_waits), TEST(handles_may_be_freed_at_exit),
      TEST(exit_with_puts_leaves_whole_files_only)};
  CHILDREN(argc, argv, CHILD(child_with_gets), CHILD(child_with_held_gets), CHILD(child_with_a_callback_running),
           CHILD(child_inside_a_callback), CHILD(child_while_another_thread_waits), CHILD(child_that_frees_at_exit),
           CHILD(child_with_puts));
  return run_tests(tests, sizeof tests / sizeof tests[0], argc, argv);
}
