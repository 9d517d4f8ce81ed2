/*
 * The cargo of 12_ferry.c: source files of very different sizes, made by the
 * demo itself with content that is the same on every run, and the folders that
 * the demo makes and takes away again.
 */
#ifndef EXAMPLES_FERRY_FILES_H
#define EXAMPLES_FERRY_FILES_H

#include <fcntl.h>
#include <ftw.h>
#include <limits.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define KIB ((uint64_t)1024)
#define MIB (1024 * KIB)

enum { FEW_FILES = 7, SMALL_FILES = 48, FILES = FEW_FILES + SMALL_FILES };

typedef struct source_file {
  char     name[48]; /* below the source folder, and as the end of its key */
  uint64_t size;
  uint8_t *data; /* what the file holds; lent to the puts */
  uint8_t *back; /* where the gets write; `size` bytes */
} source_file_t;

static void fail(const char *what) {
  perror(what);
  exit(1);
}

/* -- folders ------------------------------------------------------------------------------------ */

/* A new empty folder below $TMPDIR, or /tmp. */
static void make_folder(char path[PATH_MAX], const char *purpose) {
  const char *base = getenv("TMPDIR");
  snprintf(path, PATH_MAX, "%s/blobferry-%s-XXXXXX", base != NULL && *base != 0 ? base : "/tmp", purpose);
  if (mkdtemp(path) == NULL) fail(path);
}

static int remove_entry(const char *path, const struct stat *status, int kind, struct FTW *place) {
  (void)status, (void)kind, (void)place;
  return remove(path);
}

static void remove_folder(const char *path) {
  if (*path != 0) nftw(path, remove_entry, 16, FTW_DEPTH | FTW_PHYS);
}

/* -- what the files are --------------------------------------------------------------------------- */

static void describe_file(source_file_t *file, const char *name, uint64_t size) {
  snprintf(file->name, sizeof file->name, "%s", name);
  file->size = size;
}

/* Fills in names and sizes: a few of every kind, and some dozens of small ones. */
static void describe_files(source_file_t files[FILES], int small_demo) {
  describe_file(&files[0], "empty", 0);
  describe_file(&files[1], "a-few-bytes", 5);
  describe_file(&files[2], "one-mib-less-1", MIB - 1);
  describe_file(&files[3], "one-mib", MIB);
  describe_file(&files[4], "one-mib-and-1", MIB + 1);
  describe_file(&files[5], "medium.bin", small_demo ? 2 * MIB + 17 : 24 * MIB + 17);
  describe_file(&files[6], "large.bin", small_demo ? 20 * MIB + 3 : 384 * MIB + 3);
  for (uint64_t i = 0; i < SMALL_FILES; i++) {
    char name[48];
    snprintf(name, sizeof name, "small/%02d.dat", (int)i);
    describe_file(&files[FEW_FILES + i], name, 1 + i * i * i * 97 % (64 * KIB));
  }
}

static uint64_t total_size(const source_file_t files[FILES]) {
  uint64_t total = 0;
  for (int i = 0; i < FILES; i++) total += files[i].size;
  return total;
}

/* -- making and loading them ------------------------------------------------------------------------ */

/* The next of a row of numbers that does not repeat within any file (xorshift64*). */
static uint64_t next_word(uint64_t *state) {
  *state ^= *state >> 12;
  *state ^= *state << 25;
  *state ^= *state >> 27;
  return *state * 0x2545F4914F6CDD1Du;
}

static void write_file(const char *folder, const source_file_t *file, uint64_t seed) {
  static uint64_t block[128 * 1024]; /* 1 MiB */
  char            path[PATH_MAX + 64];
  uint64_t        state = seed * 0x9E3779B97F4A7C15u;
  snprintf(path, sizeof path, "%s/%s", folder, file->name);
  FILE *out = fopen(path, "wb");
  if (out == NULL) fail(path);
  for (uint64_t left = file->size; left > 0;) {
    size_t size = left < sizeof block ? (size_t)left : sizeof block;
    for (size_t i = 0; i < (size + 7) / 8; i++) block[i] = next_word(&state);
    if (fwrite(block, 1, size, out) != size) fail(path);
    left -= size;
  }
  if (fclose(out) != 0) fail(path);
}

static void make_files(const char *folder, const source_file_t files[FILES]) {
  char small[PATH_MAX + 8];
  snprintf(small, sizeof small, "%s/small", folder);
  if (mkdir(small, 0777) != 0) fail(small);
  for (int i = 0; i < FILES; i++) write_file(folder, &files[i], (uint64_t)i + 1);
}

/* Reads a file into memory of ours, and makes the memory that its object comes back to. */
static void load_file(const char *folder, source_file_t *file) {
  char path[PATH_MAX + 64];
  snprintf(path, sizeof path, "%s/%s", folder, file->name);
  FILE *in = fopen(path, "rb");
  file->data = malloc(file->size + 1); /* one more, as malloc(0) may give NULL */
  file->back = malloc(file->size + 1);
  if (in == NULL || file->data == NULL || file->back == NULL) fail(path);
  if (fread(file->data, 1, file->size + 1, in) != file->size) fail(path);
  fclose(in);
}

static void load_files(const char *folder, source_file_t files[FILES]) {
  for (int i = 0; i < FILES; i++) load_file(folder, &files[i]);
}

static void free_files(source_file_t files[FILES]) {
  for (int i = 0; i < FILES; i++) {
    free(files[i].data);
    free(files[i].back);
  }
}

/* Overwrites the memory that the gets write to, so that only new bytes can pass the check after them. */
static void spoil_files(source_file_t files[FILES]) {
  for (int i = 0; i < FILES; i++)
    for (uint64_t place = 0; place < files[i].size; place++) files[i].back[place] = (uint8_t)~files[i].data[place];
}

/* Compares every byte that came back with the file that was sent. */
static void verify_files(const source_file_t files[FILES]) {
  for (int i = 0; i < FILES; i++)
    for (uint64_t place = 0; place < files[i].size; place++)
      if (files[i].back[place] != files[i].data[place]) {
        fprintf(stderr, "%s came back changed at byte %llu\n", files[i].name, (unsigned long long)place);
        exit(1);
      }
}

#endif
