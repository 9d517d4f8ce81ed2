/*
 * Files beside the store, in a folder of the case: the step file, which writes
 * one, and the step see, which looks at one.
 */
#ifndef TESTS_C_BEHAVIOUR_FILES_H
#define TESTS_C_BEHAVIOUR_FILES_H

#include "checks.h"

/* Makes the folder of the case where it is not there yet. */
static inline void case_folder(run_t *run) {
  if (run->folder[0] == '\0') make_folder(run->folder);
}

static inline void case_folder_free(run_t *run) {
  if (run->folder[0] != '\0') remove_tree(run->folder);
  run->folder[0] = '\0';
}

/* The path of the file or folder NAME of the case; owned. */
static inline char *case_path(run_t *run, const step_t *step, const char *name) {
  char before[sizeof run->folder + 1];
  case_folder(run);
  snprintf(before, sizeof before, "%s/", run->folder);
  return decode(before, name, &step->line);
}

/* Makes the folders that stand above a file. */
static inline void make_folders_of(char *path) {
  for (char *slash = strchr(path + 1, '/'); slash != NULL; slash = strchr(slash + 1, '/')) {
    *slash = '\0';
    mkdir(path, 0777);
    *slash = '/';
  }
}

static inline void write_file(const run_t *run, const step_t *step, const char *path, size_t size, content_t content) {
  uint8_t *data = must_have(malloc(size + 1));
  FILE    *file = fopen(path, "w");
  content_fill(data, size, content, 0);
  if (file == NULL || fwrite(data, 1, size, file) != size || fclose(file) != 0)
    fail_at(run, &step->line, "%s could not be written: %s", path, strerror(errno));
  free(data);
}

/* The file must have this size and this content. */
static inline void check_file(const run_t *run, const step_t *step, const char *path, size_t size, content_t content) {
  uint8_t *data = must_have(malloc(size + 1));
  FILE    *file = fopen(path, "r");
  if (file == NULL) {
    fail_at(run, &step->line, "%s: %s", path, strerror(errno));
  } else {
    size_t got = fread(data, 1, size + 1, file);
    if (got != size) fail_at(run, &step->line, "the file has %s bytes than %zu", got < size ? "fewer" : "more", size);
    else if (!content_is(data, size, content, 0)) fail_at(run, &step->line, "the bytes in the file are wrong");
    fclose(file);
  }
  free(data);
}

/* `file NAME size=N seed=N`, a file; `folder`, an empty folder; `link=TEXT`, a link to that; `gone`, no more. */
static inline void file(run_t *run, const step_t *step) {
  const char *seed = argument(step, "seed"), *link = argument(step, "link");
  char       *path = case_path(run, step, subject(step));
  int         failed = 0;
  make_folders_of(path);
  if (has_argument(step, "folder")) failed = mkdir(path, 0777);
  else if (has_argument(step, "gone")) failed = unlink(path);
  else if (link != NULL) failed = symlink(link, path);
  else write_file(run, step, path, number_argument(step, "size", 0), content_of(step, seed ? seed : "0"));
  if (failed != 0) fail_at(run, &step->line, "%s: %s", path, strerror(errno));
  free(path);
}

/* `see NAME -> OK result=SIZE content=SEED`, or `-> E_NOT_FOUND`; without a content it has to be there. */
static inline void see(run_t *run, const step_t *step) {
  char *path = case_path(run, step, subject(step));
  if (strcmp(step->outcome, "OK") == 0 && wish(step, "content") == NULL) {
    if (access(path, F_OK) != 0) fail_at(run, &step->line, "%s is not there", path);
  } else if (strcmp(step->outcome, "OK") == 0)
    check_file(run, step, path, number(step, wish(step, "result")), content_of(step, wish(step, "content")));
  else if (access(path, F_OK) == 0) fail_at(run, &step->line, "%s is there", path);
  free(path);
}

#endif
