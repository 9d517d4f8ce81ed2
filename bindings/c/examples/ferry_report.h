/*
 * What 12_ferry.c tells about itself: a table of its steps on standard output,
 * and the progress of the step under way on standard error, if that is a
 * terminal.
 */
#ifndef EXAMPLES_FERRY_REPORT_H
#define EXAMPLES_FERRY_REPORT_H

#include <stdint.h>
#include <stdio.h>
#include <sys/resource.h>
#include <time.h>
#include <unistd.h>

/* One step of the demo: what it moved, and what that took. */
typedef struct step {
  const char *name;
  uint64_t    objects, bytes, requests;
  double      wall, cpu; /* seconds; while the step runs, the clocks at its beginning */
  double      shown;     /* when its progress was last shown */
} step_t;

static double wall_now(void) {
  struct timespec now;
  clock_gettime(CLOCK_MONOTONIC, &now);
  return (double)now.tv_sec + (double)now.tv_nsec / 1e9;
}

/* User and system time of all threads of this process: the library's are in it. */
static double cpu_now(void) {
  struct rusage usage;
  getrusage(RUSAGE_SELF, &usage);
  return (double)(usage.ru_utime.tv_sec + usage.ru_stime.tv_sec) +
         (double)(usage.ru_utime.tv_usec + usage.ru_stime.tv_usec) / 1e6;
}

static step_t step_begin(const char *name) {
  step_t step = {name, 0, 0, 0, 0, 0, 0};
  step.cpu = cpu_now();
  step.wall = wall_now();
  return step;
}

static void step_end(step_t *step) {
  step->wall = wall_now() - step->wall;
  step->cpu = cpu_now() - step->cpu;
  if (step->shown > 0) fprintf(stderr, "\r\033[K");
}

/* Shows how far a step is, on a terminal, a few times a second. */
static void step_progress(step_t *step, uint64_t requests, uint64_t bytes) {
  double now = wall_now();
  if (now - step->shown < 0.1 || !isatty(STDERR_FILENO)) return;
  step->shown = now;
  fprintf(stderr, "\r\033[K%s: %llu requests of %llu, %llu MiB of %llu", step->name, (unsigned long long)requests,
          (unsigned long long)step->requests, (unsigned long long)(bytes >> 20),
          (unsigned long long)(step->bytes >> 20));
  fflush(stderr);
}

static void print_steps(const step_t *steps, size_t count) {
  printf("%-16s %8s %10s %9s %9s %8s %10s\n", "step", "objects", "MiB", "requests", "seconds", "GB/s", "CPU s/GiB");
  for (size_t i = 0; i < count; i++) {
    const step_t *step = &steps[i];
    double        bytes = (double)step->bytes;
    printf("%-16s %8llu ", step->name, (unsigned long long)step->objects);
    if (step->bytes > 0) printf("%10.1f ", bytes / (1 << 20));
    else printf("%10s ", "-");
    if (step->requests > 0) printf("%9llu %9.3f ", (unsigned long long)step->requests, step->wall);
    else printf("%9s %9.3f ", "-", step->wall);
    if (step->bytes > 0) printf("%8.2f %10.3f\n", bytes / step->wall / 1e9, step->cpu / (bytes / (1 << 30)));
    else printf("%8s %10s\n", "-", "-");
  }
}

#endif
