/*
 * The threads of the library as the rest of the process sees them: their names,
 * the signals that they never take, and that they are gone afterwards.
 */
#include "traffic.h"

#include <dirent.h>

enum { MOST_THREADS = 256 };

typedef struct thread_set {
  long ids[MOST_THREADS];
  int  count;
} thread_set_t;

static thread_set_t threads_now(void) {
  thread_set_t   set = {.count = 0};
  DIR           *folder = opendir("/proc/self/task");
  struct dirent *entry;
  while (folder && (entry = readdir(folder)) != NULL)
    if (entry->d_name[0] != '.' && set.count < MOST_THREADS) set.ids[set.count++] = atol(entry->d_name);
  if (folder) closedir(folder);
  return set;
}

static bool contains(const thread_set_t *set, long id) {
  for (int i = 0; i < set->count; i++)
    if (set->ids[i] == id) return true;
  return false;
}

/* Waits until there are no other threads: one that has been joined can be listed for a moment more. */
static void await_threads(const thread_set_t *wanted) {
  for (int looks = 0;; looks++) {
    thread_set_t now = threads_now();
    int          others = 0;
    for (int i = 0; i < now.count; i++)
      if (!contains(wanted, now.ids[i])) others++;
    if (others == 0) return;
    pause_a_little(looks);
  }
}

static void read_line_of_thread(long id, const char *file, const char *beginning, char *line, size_t size) {
  char path[64];
  snprintf(path, sizeof path, "/proc/self/task/%ld/%s", id, file);
  FILE *stream = fopen(path, "r");
  line[0] = 0;
  while (stream && fgets(line, (int)size, stream))
    if (strncmp(line, beginning, strlen(beginning)) == 0) break;
  if (stream) fclose(stream);
  line[strcspn(line, "\n")] = 0;
}

static void check_signals(long id) {
  static const int blocked[] = {SIGINT,  SIGTERM, SIGHUP,  SIGQUIT, SIGUSR1, SIGUSR2,   SIGPIPE,
                                SIGALRM, SIGPROF, SIGCHLD, SIGIO,   SIGURG,  SIGWINCH,  SIGVTALRM};
  static const int left_open[] = {SIGSEGV, SIGBUS, SIGFPE, SIGILL};
  char             line[256];
  read_line_of_thread(id, "status", "SigBlk:", line, sizeof line);
  if (strncmp(line, "SigBlk:", 7) != 0) {
    FAIL("the signals of thread %ld cannot be read", id);
    return;
  }
  uint64_t mask = strtoull(line + 7, NULL, 16);
  for (size_t i = 0; i < sizeof blocked / sizeof blocked[0]; i++)
    if ((mask >> (blocked[i] - 1) & 1) == 0) FAIL("thread %ld does not block %s", id, strsignal(blocked[i]));
  /* A fault of the thread itself must come through: blocked, it would end the process without its handler. */
  for (size_t i = 0; i < sizeof left_open / sizeof left_open[0]; i++)
    if ((mask >> (left_open[i] - 1) & 1) != 0) FAIL("thread %ld blocks %s", id, strsignal(left_open[i]));
}

static void dispose_all(void *argument, const blobferry_completion_t *completions, size_t count) {
  for (size_t i = 0; i < count; i++) {
    blobferry_completion_t completion = completions[i];
    dispose(&completion);
    sem_post(argument);
  }
}

/* Something of everything, so that whatever makes a thread late has made it. */
static void work_a_little(blobferry_service_t *service, blobferry_cq_t *cq, blobferry_cq_t *callback_cq, sem_t *done) {
  char folder[256];
  make_folder(folder);
  blobferry_store_t *store = open_folder(service, folder);
  size_t             size = 20 << 20;
  uint8_t           *data = malloc(size);
  pattern_fill(data, size, 1);
  put_object(store, cq, "large", data, size);
  must_get(store, cq, "large", data, size, 1);
  expect(cq, BLOBFERRY_OK, 1);
  must_ping(store, callback_cq, 2);
  sem_await(done);
  blobferry_store_free(store);
  free(data);
  remove_tree(folder);
}

static void library_threads_have_names_and_block_signals(void) {
  watch(__func__);
  sem_t    done;
  sigset_t before, after, odd;
  bool     real = !under_valgrind(); /* where the kernel's mask of a thread is valgrind's, not the program's */
  sem_init(&done, 0, 0);
  /* A mask that the library would have to notice to leave it as it is. */
  sigemptyset(&odd);
  sigaddset(&odd, SIGUSR2);
  pthread_sigmask(SIG_SETMASK, &odd, NULL);
  pthread_sigmask(SIG_SETMASK, NULL, &before);
  thread_set_t ours = threads_now();

  blobferry_service_t *service = new_service();
  blobferry_cq_t      *cq = new_cq(service, 8, BLOBFERRY_WAKE_NONE);
  blobferry_cq_t      *callback_cq = new_callback_cq(service, 8, dispose_all, &done);
  work_a_little(service, cq, callback_cq, &done);
  pthread_sigmask(SIG_SETMASK, NULL, &after);
  for (int number = 1; number < 65; number++)
    if (sigismember(&before, number) != sigismember(&after, number))
      FAIL("the caller's mask has changed in %s", strsignal(number));

  thread_set_t            all = threads_now();
  blobferry_live_counts_t counts = BLOBFERRY_LIVE_COUNTS_INIT;
  int                     found = 0;
  blobferry_live_counts(&counts);
  for (int i = 0; i < all.count; i++) {
    char name[256];
    if (contains(&ours, all.ids[i])) continue;
    found++;
    read_line_of_thread(all.ids[i], "comm", "", name, sizeof name);
    if (strncmp(name, "blobferry-", 10) != 0) FAIL("a thread of the library is named %s", name);
    if (real) check_signals(all.ids[i]);
  }
  if (!real) printf("  the signals of threads cannot be seen under valgrind\n");
  CHECK_INT(found, counts.threads);
  CHECK(found >= 3); /* one that does requests, one of the pool, one for the callback */

  blobferry_cq_free(cq);
  blobferry_cq_free(callback_cq);
  blobferry_service_free(service);
  await_threads(&ours);
  sigemptyset(&odd);
  pthread_sigmask(SIG_SETMASK, &odd, NULL);
  sem_destroy(&done);
}

static atomic_int signals_taken, signals_astray;
static pthread_t  taker;

static void take_signal(int number) {
  (void)number;
  if (pthread_equal(pthread_self(), taker)) atomic_fetch_add(&signals_taken, 1);
  else atomic_fetch_add(&signals_astray, 1);
}

/* Signals sent to the process reach the one thread that takes them, whatever the library's threads do. */
static void signals_reach_the_host(void) {
  watch(__func__);
  struct sigaction action = {.sa_handler = take_signal, .sa_flags = SA_RESTART}, before;
  sigaction(SIGUSR1, &action, &before);
  taker = pthread_self();
  atomic_store(&signals_taken, 0);
  blobferry_service_t *service = new_service();
  blobferry_store_t   *store = open_store(service, "memory://signals");
  blobferry_cq_t      *cq = new_cq(service, 8, BLOBFERRY_WAKE_NONE);
  for (int i = 0; i < 200; i++) {
    must_ping(store, cq, 1);
    kill(getpid(), SIGUSR1);
    expect(cq, BLOBFERRY_E_NOT_FOUND, 1);
  }
  for (int looks = 0; atomic_load(&signals_taken) == 0; looks++) pause_a_little(looks);
  CHECK_INT(atomic_load(&signals_astray), 0);
  blobferry_store_free(store);
  blobferry_cq_free(cq);
  blobferry_service_free(service);
  sigaction(SIGUSR1, &before, NULL);
}

/* The dispositions of the whole process are the host's alone. */
static void signal_handlers_are_left_alone(void) {
  watch(__func__);
  struct sigaction before[65], after;
  memset(before, 0, sizeof before);
  for (int number = 1; number < 65; number++) sigaction(number, NULL, &before[number]);
  blobferry_service_t *service = new_service();
  blobferry_store_t   *store = open_store(service, "memory://signals");
  blobferry_cq_t      *cq = new_cq(service, 8, BLOBFERRY_WAKE_FD);
  must_ping(store, cq, 1);
  expect(cq, BLOBFERRY_E_NOT_FOUND, 1);
  for (int lap = 0; lap < 2; lap++) {
    for (int number = 1; number < 65; number++) {
      memset(&after, 0, sizeof after);
      if (sigaction(number, NULL, &after) != 0) continue;
      if (before[number].sa_handler != after.sa_handler) FAIL("the handler of %s has changed", strsignal(number));
    }
    if (lap == 1) break;
    blobferry_store_free(store);
    blobferry_cq_free(cq);
    blobferry_service_free(service);
  }
}

TESTS(TEST(library_threads_have_names_and_block_signals), TEST(signals_reach_the_host),
      TEST(signal_handlers_are_left_alone))
