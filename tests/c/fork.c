/*
 * A forked child has none of the library's threads: every call says so, frees do
 * nothing, nothing hangs, and the parent goes on. Programs that the host starts
 * inherit nothing.
 */
#include "own_process.h"
#include "traffic.h"

#include <dirent.h>
#include <fcntl.h>

/* -- fork ---------------------------------------------------------------------------------------------------- */

/* What a parent has when it forks: something of everything, and requests in flight. */
typedef struct parent {
  blobferry_service_t   *service;
  blobferry_store_t     *store;
  blobferry_cq_t        *cq, *fd_cq;
  blobferry_list_t      *list;
  blobferry_reader_t    *reader; /* in the middle of what it fetches ahead */
  blobferry_writer_t    *writer; /* not finished */
  blobferry_ticket_t     never;
  blobferry_completion_t failed, found;
} parent_t;

static parent_t new_parent(void) {
  parent_t parent;
  uint8_t  byte = 1;
  parent.service = new_service();
  parent.store = open_store(parent.service, "fault://fork");
  parent.cq = new_cq(parent.service, 64, BLOBFERRY_WAKE_NONE);
  parent.fd_cq = new_cq(parent.service, 64, BLOBFERRY_WAKE_FD);
  parent.list = new_list(parent.store, "");
  put_object(parent.store, parent.cq, "object", &byte, 1);
  must(blobferry_reader_new(parent.store, "object", NULL, &parent.reader, NULL), NULL, "blobferry_reader_new");
  must(blobferry_writer_new(parent.store, "written", NULL, &parent.writer, NULL), NULL, "blobferry_writer_new");
  must(blobferry_reader_read(parent.reader, parent.cq, &byte, 1, NULL, 2, NULL, NULL), NULL, "blobferry_reader_read");
  expect(parent.cq, BLOBFERRY_OK, 2);
  must(blobferry_writer_write(parent.writer, parent.cq, &byte, 1, NULL, 3, NULL, NULL), NULL, "blobferry_writer_write");
  expect(parent.cq, BLOBFERRY_OK, 3);
  request_t head = {VERB_HEAD, "object", NULL, 0, NULL, 0, 0};
  must_submit(&head, parent.store, parent.cq);
  parent.found = wait_one(parent.cq);
  must_ping(parent.store, parent.cq, 0);
  parent.failed = wait_one(parent.cq);
  parent.never = must_get(parent.store, parent.cq, "never", NULL, 0, 1);
  return parent;
}

/* The parent goes on as if nothing had happened. */
static void free_parent(parent_t *parent) {
  uint8_t byte = 0;
  for (uint64_t i = 0; i < 100; i++) {
    must_get(parent->store, parent->fd_cq, "object", &byte, 1, i);
    expect(parent->fd_cq, BLOBFERRY_OK, i);
  }
  CHECK_INT(byte, 1);
  must_cancel(parent->cq, parent->never);
  expect(parent->cq, BLOBFERRY_E_CANCELLED, 1);
  must(blobferry_writer_finish(parent->writer, parent->cq, NULL, 4, NULL, NULL), NULL, "blobferry_writer_finish");
  expect(parent->cq, BLOBFERRY_OK, 4);
  CHECK_STATUS(blobferry_reader_seek(parent->reader, 0, NULL), BLOBFERRY_OK);
  must(blobferry_reader_read(parent->reader, parent->cq, &byte, 1, NULL, 5, NULL, NULL), NULL, "blobferry_reader_read");
  expect(parent->cq, BLOBFERRY_OK, 5);
  dispose(&parent->found);
  dispose(&parent->failed);
  blobferry_reader_free(parent->reader);
  blobferry_writer_free(parent->writer);
  blobferry_list_free(parent->list);
  blobferry_store_free(parent->store);
  blobferry_cq_free(parent->cq);
  blobferry_cq_free(parent->fd_cq);
  blobferry_service_free(parent->service);
}

#define CHECK_FORKED(call)                              \
  do {                                                  \
    blobferry_error_t *error = NULL;                    \
    CHECK_STATUS(call, BLOBFERRY_E_FORKED);             \
    check_error(error, BLOBFERRY_E_FORKED, "fork");     \
  } while (0)

static void check_service_and_queue_are_forked(parent_t *parent) {
  blobferry_service_options_t settings = BLOBFERRY_SERVICE_OPTIONS_INIT;
  blobferry_service_usage_t   usage = BLOBFERRY_SERVICE_USAGE_INIT;
  blobferry_completion_t      completion;
  blobferry_request_t         request = {.verb = BLOBFERRY_VERB_HEAD, .ticket = 99};
  blobferry_cq_t             *cq = NULL;
  size_t                      count = 99;
  int                         armed = 99;
  request.handle = parent->store;
  request.key = "object";
  CHECK_FORKED(blobferry_service_settings(parent->service, &settings, &error));
  CHECK_FORKED(blobferry_service_usage(parent->service, &usage, &error));
  CHECK_FORKED(blobferry_service_drain(parent->service, -1, &error));
  CHECK_FORKED(blobferry_cq_new(parent->service, NULL, &cq, &error));
  CHECK_FORKED(blobferry_cq_drain(parent->cq, &completion, 1, &count, &error));
  CHECK_FORKED(blobferry_cq_wait(parent->cq, &completion, 1, -1, &count, &error));
  CHECK_FORKED(blobferry_cq_arm(parent->fd_cq, &armed, &error));
  CHECK_FORKED(blobferry_cq_submit(parent->cq, &request, 1, &count, &error));
  CHECK_INT(request.ticket, 99);
  CHECK_FORKED(blobferry_cq_cancel(parent->cq, parent->never, &error));
  CHECK_FORKED(blobferry_cq_close(parent->cq, &error));
  CHECK_INT(blobferry_cq_is_drained(parent->cq), 1);
  CHECK(cq == NULL);
  CHECK_INT(count, 99);
  CHECK_INT(armed, 99);
}

static void check_store_is_forked(parent_t *parent) {
  blobferry_store_t *store = NULL;
  blobferry_list_t  *list = NULL;
  uint8_t            byte = 77;
  CHECK_FORKED(blobferry_store_open(parent->service, "memory://fork", NULL, 0, &store, &error));
  CHECK_FORKED(blobferry_list_new(parent->store, "", NULL, &list, &error));
  for (int verb = 0; verb < VERB_COUNT; verb++) {
    request_t          request = {(verb_t)verb, "object", &byte, 1, parent->list, 0, 1};
    blobferry_ticket_t ticket = 99;
    CHECK_FORKED(submit(&request, parent->store, parent->cq, &ticket, &error));
    CHECK(ticket == 99);
  }
  CHECK(store == NULL && list == NULL);
  CHECK_INT(byte, 77);
}

static void check_streams_are_forked(parent_t *parent) {
  blobferry_reader_t *reader = NULL;
  blobferry_writer_t *writer = NULL;
  uint8_t             byte = 77;
  uint64_t            size = 77;
  CHECK_FORKED(blobferry_reader_new(parent->store, "object", NULL, &reader, &error));
  CHECK_FORKED(blobferry_reader_read(parent->reader, parent->cq, &byte, 1, NULL, 0, NULL, &error));
  CHECK_FORKED(blobferry_reader_seek(parent->reader, 0, &error));
  CHECK_FORKED(blobferry_reader_size(parent->reader, &size, &error));
  CHECK_FORKED(blobferry_writer_new(parent->store, "object", NULL, &writer, &error));
  CHECK_FORKED(blobferry_writer_write(parent->writer, parent->cq, &byte, 1, NULL, 0, NULL, &error));
  CHECK_FORKED(blobferry_writer_flush(parent->writer, parent->cq, NULL, 0, NULL, &error));
  CHECK_FORKED(blobferry_writer_finish(parent->writer, parent->cq, NULL, 0, NULL, &error));
  CHECK_FORKED(blobferry_writer_abort(parent->writer, parent->cq, NULL, 0, NULL, &error));
  CHECK(reader == NULL && writer == NULL);
  CHECK_INT(blobferry_reader_position(parent->reader), 0);
  CHECK_INT(byte, 77);
  CHECK_INT(size, 77);
}

static void check_frees_do_nothing(parent_t *parent) {
  /* Errors and details refer to nothing else, so they can still be read. */
  CHECK(strlen(blobferry_error_message(parent->failed.error)) > 0);
  CHECK_INT(blobferry_details_size(parent->found.details), 1);
  blobferry_error_free(parent->failed.error);
  blobferry_details_free(parent->found.details);
  blobferry_reader_free(parent->reader);
  blobferry_writer_free(parent->writer);
  blobferry_list_free(parent->list);
  blobferry_cq_free(parent->cq);
  blobferry_cq_free(parent->fd_cq);
  blobferry_store_free(parent->store);
  blobferry_service_free(parent->service);
}

/* A service made in the child is the child's own and works. */
static void use_a_service_of_its_own(void) {
#ifndef __SANITIZE_THREAD__ /* which ends a child of fork that makes a thread */
  uint8_t              byte = 5;
  blobferry_service_t *service = new_service();
  blobferry_store_t   *store = open_store(service, "memory://child");
  blobferry_cq_t      *cq = new_cq(service, 8, BLOBFERRY_WAKE_NONE);
  put_object(store, cq, "object", &byte, 1);
  byte = 0;
  must_get(store, cq, "object", &byte, 1, 1);
  expect(cq, BLOBFERRY_OK, 1);
  CHECK_INT(byte, 5);
  blobferry_store_free(store);
  blobferry_cq_free(cq);
  blobferry_service_free(service);
#endif
}

/* Ends the child by exit, which runs what the library has at exit, if anything. */
static _Noreturn void leave(int status) {
#ifdef __SANITIZE_ADDRESS__
  bool leaks_are_looked_for = true;
#else
  bool leaks_are_looked_for = under_valgrind();
#endif
  if (leaks_are_looked_for) leave_as_another(status == 0);
  exit(status);
}

/* The life of a forked child. */
static _Noreturn void live_as_a_child(parent_t *parent) {
  alarm((unsigned)number_from_environment("BLOBFERRY_TEST_HANG_SECONDS", 60));
  atomic_store(&failures_in_test, 0);
  check_service_and_queue_are_forked(parent);
  check_store_is_forked(parent);
  check_streams_are_forked(parent);
  check_frees_do_nothing(parent);
  use_a_service_of_its_own();
  leave(atomic_load(&failures_in_test) == 0 ? 0 : 1);
}

static void fork_and_check(parent_t *parent) {
  fflush(NULL);
  pid_t pid = fork();
  if (pid == 0) live_as_a_child(parent);
  child_must_pass(pid, "a forked child");
  beat();
}

static parent_t the_parent; /* static, so that a leak checker in the child finds what it leaves */

static void forked_child_is_told_and_exits(void) {
  watch(__func__);
  the_parent = new_parent();
  for (long round = rounds(20); round > 0; round--) fork_and_check(&the_parent);
  free_parent(&the_parent);
}

static atomic_bool traffic_over;

static void *keep_traffic_going(void *unused) {
  (void)unused;
  blobferry_cq_t *cq = new_cq(the_parent.service, 16, BLOBFERRY_WAKE_NONE);
  while (!atomic_load(&traffic_over)) {
    blobferry_completion_t completion;
    size_t                 count = 0;
    try_ping(the_parent.store, cq, 0);
    CHECK_STATUS(blobferry_cq_drain(cq, &completion, 1, &count, NULL), BLOBFERRY_OK);
    if (count == 1) dispose(&completion);
  }
  blobferry_cq_free(cq);
  return NULL;
}

/* At the fork any lock may be held by a thread that the child does not have. */
static void forked_in_full_traffic_the_child_does_not_hang(void) {
#ifdef __SANITIZE_ADDRESS__ /* whose malloc is not made for that: a lock of it stays taken in the child */
  printf("  not under AddressSanitizer, whose own malloc hangs in such a child\n");
  return;
#endif
  watch(__func__);
  pthread_t threads[2];
  the_parent = new_parent();
  atomic_store(&traffic_over, false);
  for (int i = 0; i < 2; i++) pthread_create(&threads[i], NULL, keep_traffic_going, NULL);
  for (long round = rounds(200); round > 0; round--) fork_and_check(&the_parent);
  atomic_store(&traffic_over, true);
  for (int i = 0; i < 2; i++) pthread_join(threads[i], NULL);
  free_parent(&the_parent);
}

/* -- exec ------------------------------------------------------------------------------------------------------ */
/* A host that makes and frees services, and counts what lives, while it forks. */
static atomic_bool busy;

static void *make_and_free(void *unused) {
  while (atomic_load(&busy)) {
    blobferry_live_counts_t counts = BLOBFERRY_LIVE_COUNTS_INIT;
    blobferry_service_free(new_service());
    blobferry_live_counts(&counts);
  }
  return unused;
}

static void forked_while_services_come_and_go_the_child_has_its_own(void) {
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
  printf("  not under a sanitizer, which does not let such a child allocate or make threads\n");
  return;
#endif
  watch(__func__);
  pthread_t maker;
  atomic_store(&busy, true);
  if (pthread_create(&maker, NULL, make_and_free, NULL) != 0) exit(2);
  for (long i = rounds(300); i > 0; i--) {
    pid_t child = fork();
    if (child == 0) {
      alarm(30); /* a child that hangs ends by this signal */
      blobferry_live_counts_t counts = BLOBFERRY_LIVE_COUNTS_INIT;
      blobferry_service_t    *service = NULL;
      bool ok = blobferry_live_counts(&counts) == BLOBFERRY_OK &&
                blobferry_service_new(NULL, &service, NULL) == BLOBFERRY_OK;
      blobferry_service_free(service);
      /* What the maker's stack held when it forked is lost here: no leak, and one that valgrind would find. */
      if (under_valgrind()) leave(ok ? 0 : 1);
      _exit(ok ? 0 : 1);
    }
    int status = -1;
    CHECK(child > 0 && waitpid(child, &status, 0) == child);
    CHECK_INT(status, 0);
    beat();
  }
  atomic_store(&busy, false);
  pthread_join(maker, NULL);
}

static int highest_descriptor(void) {
  int            highest = 0;
  DIR           *folder = opendir("/proc/self/fd");
  struct dirent *entry;
  while (folder && (entry = readdir(folder)) != NULL)
    if (atoi(entry->d_name) > highest && atoi(entry->d_name) != dirfd(folder)) highest = atoi(entry->d_name);
  if (folder) closedir(folder);
  return highest;
}

static void descriptors_are_closed_on_exec(void) {
  watch(__func__);
  char folder[256];
  bool open_before[1024];
  int  found = 0;
  make_folder(folder);
  for (int fd = 0; fd < 1024; fd++) open_before[fd] = fcntl(fd, F_GETFD) >= 0;
  blobferry_service_t *service = new_service();
  blobferry_store_t   *store = open_folder(service, folder);
  blobferry_cq_t      *cq = new_cq(service, 8, BLOBFERRY_WAKE_FD);
  uint8_t              byte = 1;
  put_object(store, cq, "object", &byte, 1);
  for (int fd = 0; fd <= highest_descriptor() && fd < 1024; fd++) {
    int flags = fcntl(fd, F_GETFD);
    if (flags < 0 || open_before[fd]) continue;
    found++;
    if ((flags & FD_CLOEXEC) == 0) FAIL("descriptor %d goes on into programs that the host starts", fd);
  }
  CHECK(found >= 1);
  blobferry_store_free(store);
  blobferry_cq_free(cq);
  blobferry_service_free(service);
  for (int fd = 0; fd <= highest_descriptor() && fd < 1024; fd++)
    if (!open_before[fd] && fcntl(fd, F_GETFD) >= 0) FAIL("descriptor %d is left open", fd);
  remove_tree(folder);
}

TESTS(TEST(forked_child_is_told_and_exits), TEST(forked_in_full_traffic_the_child_does_not_hang),
      TEST(forked_while_services_come_and_go_the_child_has_its_own),
      TEST(descriptors_are_closed_on_exec))
