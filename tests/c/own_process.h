/*
 * For tests that need a process of their own: one that is killed, or that may
 * less. The program runs itself again with the name of a function; forking alone
 * would not do, for the child of a process with a service may not use the library.
 *
 *   static int child_of_mine(char **arguments) { ... return failures; }
 *   int main(int argc, char **argv) {
 *     CHILDREN(argc, argv, CHILD(child_of_mine));
 *     ...
 */
#ifndef TESTS_C_OWN_PROCESS_H
#define TESTS_C_OWN_PROCESS_H

#include "harness.h"

#include <grp.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/wait.h>

#define NOBODY 65534

typedef struct child {
  const char *name;
  int (*run)(char **arguments);
} child_t;

#define CHILD(function) {#function, function}

/* Where the program was begun as a child: runs it and ends. */
#define CHILDREN(argc, argv, ...)                                                  \
  do {                                                                             \
    static const child_t children_[] = {__VA_ARGS__};                              \
    if ((argc) > 2 && strcmp((argv)[1], "--child") == 0)                           \
      return run_child(children_, sizeof children_ / sizeof children_[0], (argv)); \
  } while (0)

static inline int run_child(const child_t *children, size_t count, char **argv) {
  for (size_t i = 0; i < count; i++)
    if (strcmp(children[i].name, argv[2]) == 0) return children[i].run(argv + 3);
  fprintf(stderr, "no child is named %s\n", argv[2]);
  return 2;
}

/* Begins a child with up to two arguments; gives its process id. */
static inline pid_t begin_child(const char *name, const char *first, const char *second) {
  char    program[512];
  ssize_t size = readlink("/proc/self/exe", program, sizeof program - 1);
  if (size < 0) {
    perror("/proc/self/exe");
    exit(2);
  }
  program[size] = '\0';
  fflush(stdout);
  pid_t child = fork();
  if (child == 0) {
    execl(program, program, "--child", name, first, second, (char *)NULL);
    perror(program);
    _exit(127);
  }
  return child;
}

/* Waits for the child and fails where it has failed. */
static inline void child_must_pass(pid_t child, const char *name) {
  int status = 0;
  if (waitpid(child, &status, 0) != child) FAIL("waitpid: %s", strerror(errno));
  else if (!WIFEXITED(status) || WEXITSTATUS(status) != 0) FAIL("%s ended with status %d", name, status);
}

/* Gives up root for good. False where that cannot be. Before the first call of the library. */
static inline bool become_nobody(void) {
  if (geteuid() != 0) return true;
  if (setgroups(0, NULL) != 0 || setresgid(NOBODY, NOBODY, NOBODY) != 0 || setresuid(NOBODY, NOBODY, NOBODY) != 0) {
    perror("giving up root");
    return false;
  }
  prctl(PR_SET_DUMPABLE, 1, 0, 0, 0); /* or the leak checker cannot look at its own process */
  return true;
}

/* What a child returns: 0 where all its checks held and nothing of the library is left. */
static inline int child_result(void) {
  check_nothing_lives();
  return atomic_load(&failures_in_test) == 0 ? 0 : 1;
}

#endif
