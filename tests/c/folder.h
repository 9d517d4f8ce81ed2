/*
 * What tests of file:// do to the folder behind the library's back: write, look,
 * and watch how far an unfinished file has come.
 */
#ifndef TESTS_C_FOLDER_H
#define TESTS_C_FOLDER_H

#include "harness.h"

#include <dirent.h>
#include <fcntl.h>

#define MIB ((size_t)1 << 20)

/* `folder`/`name`, in a place of this thread that lives until the fourth call after this one. */
static inline const char *path_in(const char *folder, const char *name) {
  static _Thread_local char paths[4][1024];
  static _Thread_local int  turn;
  turn = (turn + 1) % 4;
  snprintf(paths[turn], sizeof paths[turn], "%s/%s", folder, name);
  return paths[turn];
}

static inline void must_work(bool ok, const char *what) {
  if (ok) return;
  fprintf(stderr, "  %s: %s\n", what, strerror(errno));
  exit(2);
}

static inline void make_dir(const char *folder, const char *name) {
  const char *path = path_in(folder, name);
  must_work(mkdir(path, 0755) == 0, path);
}

static inline void make_link(const char *target, const char *folder, const char *name) {
  const char *path = path_in(folder, name);
  must_work(symlink(target, path) == 0, path);
}

static inline bool exists(const char *folder, const char *name) {
  struct stat what;
  return lstat(path_in(folder, name), &what) == 0;
}

static inline void write_file(const char *folder, const char *name, size_t size, uint64_t seed) {
  const char *path = path_in(folder, name);
  uint8_t    *data = malloc(size + 1);
  FILE       *file = fopen(path, "w");
  must_work(file != NULL && data != NULL, path);
  pattern_fill(data, size, seed);
  must_work(fwrite(data, 1, size, file) == size && fclose(file) == 0, path);
  free(data);
}

/* The file's bytes, owned, and how many there are; NULL where it cannot be read. */
static inline uint8_t *read_whole(const char *path, size_t *size_out) {
  int      file = open(path, O_RDONLY);
  size_t   size = 0, room = MIB;
  uint8_t *data = malloc(room);
  if (file < 0) {
    free(data);
    return NULL;
  }
  for (ssize_t more; (more = read(file, data + size, room - size)) > 0;) {
    size += (size_t)more;
    if (size == room) data = realloc(data, room *= 2);
  }
  close(file);
  *size_out = size;
  return data;
}

static inline bool file_is(const char *folder, const char *name, size_t size, uint64_t seed) {
  size_t   found = 0;
  uint8_t *data = read_whole(path_in(folder, name), &found);
  bool     same = data != NULL && found == size && pattern_is(data, size, seed, 0);
  free(data);
  return same;
}

static inline void tree_into(FILE *out, const char *folder, const char *below) {
  struct dirent **names = NULL;
  int             count = scandir(folder, &names, NULL, alphasort);
  for (int i = 0; i < count; i++) {
    const char *name = names[i]->d_name;
    if (strcmp(name, ".") != 0 && strcmp(name, "..") != 0) {
      char *path = NULL, *inner = NULL;
      must_work(asprintf(&path, "%s/%s", folder, name) > 0 && asprintf(&inner, "%s%s/", below, name) > 0, name);
      bool is_folder = names[i]->d_type == DT_DIR;
      fprintf(out, "%s%s%s\n", below, name, is_folder ? "/" : "");
      if (is_folder) tree_into(out, path, inner);
      free(path);
      free(inner);
    }
    free(names[i]);
  }
  free(names);
}

/* Everything in the folder, one name to a line, folders with a `/`; owned. */
static inline char *tree_of(const char *folder) {
  char  *text = NULL;
  size_t size = 0;
  FILE  *out = open_memstream(&text, &size);
  tree_into(out, folder, "");
  fclose(out);
  return text;
}

static inline void check_tree(const char *folder, const char *wanted) {
  char *tree = tree_of(folder);
  CHECK_TEXT(tree, wanted);
  free(tree);
}

/* Bytes of the largest regular file below `folder` that the process has open, or -1 where it has none open. */
static inline long long open_file_size(pid_t process, const char *folder, const char *name_part) {
  char           fds[64];
  long long      largest = -1;
  struct dirent *entry;
  snprintf(fds, sizeof fds, "/proc/%d/fd", (int)process);
  DIR *descriptors = opendir(fds);
  if (descriptors == NULL) return -1;
  while ((entry = readdir(descriptors)) != NULL) {
    char        target[1024];
    struct stat what;
    ssize_t     size = readlinkat(dirfd(descriptors), entry->d_name, target, sizeof target - 1);
    if (size <= 0) continue;
    target[size] = '\0';
    if (strncmp(target, folder, strlen(folder)) != 0 || strstr(target, name_part) == NULL) continue;
    if (fstatat(dirfd(descriptors), entry->d_name, &what, 0) != 0 || !S_ISREG(what.st_mode)) continue;
    if ((long long)what.st_blocks * 512 > largest) largest = (long long)what.st_blocks * 512;
  }
  closedir(descriptors);
  return largest;
}

/* As pattern_fill, for many MiB: the pattern of the first one again and again, each with a number of its own. */
static inline void fill_big(uint8_t *data, size_t size, uint64_t seed) {
  size_t first = size < MIB ? size : MIB;
  pattern_fill(data, first, seed);
  for (uint64_t at = MIB; at < size; at += MIB) {
    memcpy(data + at, data, size - at < MIB ? size - at : MIB);
    if (size - at >= sizeof at) memcpy(data + at, &at, sizeof at);
  }
}

/* A big size: enough that a request takes a while, less where the tool is slow. */
static inline size_t big_size(size_t full, size_t least) {
  const char *divisor = getenv("BLOBFERRY_TEST_ROUNDS_DIVISOR");
  size_t      size = full / (divisor && *divisor ? strtoull(divisor, NULL, 10) : 1);
  return size < least ? least : size;
}

#endif
