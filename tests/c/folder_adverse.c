/*
 * Folders where the system says no: folders that may not be read or written, disks
 * that are full, files that change or go while they are moved.
 */
#include "moving.h"
#include "own_process.h"

#include <sys/mount.h>
#include <sys/resource.h>

/* arguments: a folder of somebody else; one of nobody's own */
static int without_permission(char **arguments) {
  if (!become_nobody()) return 2;
  fixture_t fixture = in_memory();
  moved_t   moved = upload(&fixture, arguments[0], "p/", BLOBFERRY_FOLDER_SKIP_SAME);
  check_counts(&moved, 2, 0, 2);
  check_failed(&moved, "p/locked", BLOBFERRY_E_PERMISSION, "permission");
  check_failed(&moved, "p/secret", BLOBFERRY_E_PERMISSION, "permission");
  moved_free(&moved);
  check_keys(&fixture, "", NULL, "p/a\np/open\n");
  /* Where no manifest can be written, everything is moved again. */
  moved = upload(&fixture, arguments[0], "p/", BLOBFERRY_FOLDER_SKIP_SAME);
  check_counts(&moved, 2, 0, 2);
  moved_free(&moved);
  moved = download(&fixture, "p/", arguments[0], 0);
  check_counts(&moved, 0, 0, 2);
  check_failed(&moved, "p/a", BLOBFERRY_E_PERMISSION, "permission");
  moved_free(&moved);
  moved = upload(&fixture, path_in(arguments[0], "locked"), "", 0);
  CHECK_STATUS(moved.completion.status, BLOBFERRY_E_PERMISSION);
  moved_free(&moved);
  moved = download(&fixture, "p/", path_in(arguments[0], "new"), 0);
  CHECK_STATUS(moved.completion.status, BLOBFERRY_E_PERMISSION);
  CHECK_INT(moved.count, 0);
  moved_free(&moved);
  fixture_free(&fixture);
  return child_result();
}

static void missing_permissions_are_told(void) {
  char folder[256];
  make_folder(folder);
  must_work(chmod(folder, 0755) == 0, folder);
  write_file(folder, "a", 1000, 4);
  make_dir(folder, "locked");
  write_file(folder, "locked/file", 1000, 3);
  write_file(folder, "open", 1000, 1);
  write_file(folder, "secret", 1000, 2);
  must_work(chmod(path_in(folder, "secret"), geteuid() == 0 ? 0600 : 0) == 0, "chmod");
  must_work(chmod(path_in(folder, "locked"), geteuid() == 0 ? 0700 : 0) == 0, "chmod");
  if (geteuid() != 0) must_work(chmod(folder, 0555) == 0, "chmod");
  child_must_pass(begin_child("without_permission", folder, NULL), "without_permission");
  must_work(chmod(folder, 0755) == 0 && chmod(path_in(folder, "locked"), 0755) == 0, "chmod");
  check_tree(folder, "a\nlocked/\nlocked/file\nopen\nsecret\n");
  remove_tree(folder);
}

/* A folder with room for small files only. A failed write keeps what was there. */
static void check_no_room(const char *folder, blobferry_status_t otherwise) {
  fixture_t                  fixture = in_memory();
  blobferry_folder_options_t options = BLOBFERRY_FOLDER_OPTIONS_INIT;
  must_put(&fixture, "big-in-one", 4 * MIB, 1);
  must_put(&fixture, "big-in-parts", 5 * MIB, 1);
  must_put(&fixture, "old", 4 * MIB, 1);
  must_put(&fixture, "small", 1000, 2);
  write_file(folder, "old", 1000, 3);
  options.part_size = 4 * MIB;
  moved_t                  moved = download_with(&fixture, "", folder, &options, NULL);
  static const char *const big[] = {"big-in-one", "big-in-parts", "old"};
  check_counts(&moved, 1, 0, 3);
  for (int i = 0; i < 3; i++) {
    blobferry_outcome_t outcome = outcome_at(&moved, big[i]);
    CHECK(outcome.status == BLOBFERRY_E_NO_SPACE || outcome.status == otherwise);
    CHECK_INT(outcome.flags, 0);
  }
  moved_free(&moved);
  check_tree(folder, "old\nsmall\n");
  CHECK(file_is(folder, "old", 1000, 3) && file_is(folder, "small", 1000, 2));
  fixture_free(&fixture);
}

static void a_full_disk_is_told_and_keeps_the_old(void) {
  char folder[256];
  make_folder(folder);
  if (mount("tmpfs", folder, "tmpfs", 0, "size=1m") != 0) {
    printf("(no tmpfs can be mounted here, %s: only the limit of a file's size is tried)\n", strerror(errno));
    remove_tree(folder);
    return;
  }
  check_no_room(folder, BLOBFERRY_E_NO_SPACE);
  must_work(umount2(folder, MNT_DETACH) == 0, "umount");
  remove_tree(folder);
}

/* arguments: an empty folder */
static int with_limited_file_size(char **arguments) {
  struct rlimit limit = {MIB, MIB};
  signal(SIGXFSZ, SIG_IGN);
  must_work(setrlimit(RLIMIT_FSIZE, &limit) == 0, "setrlimit");
  check_no_room(arguments[0], BLOBFERRY_E_IO);
  return child_result();
}

static void a_file_that_may_not_grow_is_told_and_keeps_the_old(void) {
  char folder[256];
  make_folder(folder);
  child_must_pass(begin_child("with_limited_file_size", folder, NULL), "with_limited_file_size");
  remove_tree(folder);
}

static atomic_bool writing;

/* Writes a file anew, again and again, and makes and removes others. */
static void *disturb(void *folder) {
  for (uint64_t turn = 0; atomic_load(&writing); turn++) {
    write_file(folder, "restless", (turn % 5) * 100000, turn % 5);
    write_file(folder, "coming", 1000, 7);
    unlink(path_in(folder, "going"));
    rename(path_in(folder, "coming"), path_in(folder, "going"));
    sleep_us(100);
  }
  return NULL;
}

static void files_that_change_are_moved_whole_or_told(void) {
  fixture_t fixture = in_memory();
  pthread_t thread;
  char      folder[256];
  long      moved_restless = 0;
  make_folder(folder);
  write_file(folder, "calm", 1000, 1);
  atomic_store(&writing, true);
  must_work(pthread_create(&thread, NULL, disturb, folder) == 0, "pthread_create");
  for (long turn = rounds(200); turn > 0; turn--) {
    moved_t moved = upload(&fixture, folder, "", 0);
    for (size_t i = 0; i < moved.count; i++) {
      const blobferry_outcome_t *outcome = &moved.outcomes[i];
      if (strcmp(outcome->key, "calm") == 0) CHECK_STATUS(outcome->status, BLOBFERRY_OK);
      bool is_good = outcome->status == BLOBFERRY_OK || outcome->status == BLOBFERRY_E_CHANGED ||
                     outcome->status == BLOBFERRY_E_NOT_FOUND;
      if (!is_good) FAIL("%s: %s", outcome->key, blobferry_error_message(outcome->error));
      if (outcome->status != BLOBFERRY_OK || strcmp(outcome->key, "restless") != 0) continue;
      /* Written in place by somebody else, it may be cut short, but not longer or mixed with an older one's end. */
      CHECK(outcome->size <= 400000);
      moved_restless++;
    }
    moved_free(&moved);
  }
  atomic_store(&writing, false);
  pthread_join(thread, NULL);
  if (rounds(200) == 200) CHECK(moved_restless > 0);
  check_object(&fixture, "calm", 1000, 1);
  remove_tree(folder);
  fixture_free(&fixture);
}

int main(int argc, char **argv) {
  CHILDREN(argc, argv, CHILD(without_permission), CHILD(with_limited_file_size));
  static const test_t tests[] = {
      TEST(missing_permissions_are_told),
      TEST(a_full_disk_is_told_and_keeps_the_old),
      TEST(a_file_that_may_not_grow_is_told_and_keeps_the_old),
      TEST(files_that_change_are_moved_whole_or_told),
  };
  return run_tests(tests, sizeof tests / sizeof tests[0], argc, argv);
}
