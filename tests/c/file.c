/*
 * What only a folder has, on file://: folders and special files, names that are
 * no text, files that others write, permissions, a disk that is full, and more
 * files than a list holds in memory. Symbolic links: file_links.c; what a put
 * leaves behind: file_atomic.c; files that change while they are read:
 * file_changed.c.
 */
#include "folder.h"
#include "own_process.h"
#include "verbs.h"

#include <sys/mount.h>
#include <sys/resource.h>

static void a_folder_is_no_object(void) {
  fixture_t               fixture = in_folder();
  blobferry_put_options_t create = BLOBFERRY_PUT_OPTIONS_INIT;
  create.mode = BLOBFERRY_PUT_CREATE;
  must_put(&fixture, "folder/object", 1000, 1);
  make_dir(fixture.folder, "empty");
  check_outcome(get(&fixture, "folder"), BLOBFERRY_E_NOT_FOUND, "folder");
  check_outcome(head(&fixture, "folder"), BLOBFERRY_E_NOT_FOUND, "folder");
  check_outcome(put(&fixture, "folder", 10, 2), BLOBFERRY_E_UNSUPPORTED, "folder");
  check_outcome(put(&fixture, "empty", 10, 2), BLOBFERRY_E_UNSUPPORTED, "folder");
  check_outcome(put_with(&fixture, "folder", 10, 2, &create), BLOBFERRY_E_UNSUPPORTED, "folder");
  check_outcome(put(&fixture, "folder", 3 * MIB, 2), BLOBFERRY_E_UNSUPPORTED, "folder");
  check_outcome(delete(&fixture, "folder"), BLOBFERRY_OK, "");
  check_outcome(delete(&fixture, "empty"), BLOBFERRY_OK, "");
  check_object(&fixture, "folder/object", 1000, 1);
  check_tree(fixture.folder, "empty/\nfolder/\nfolder/object\n");
  fixture_free(&fixture);
}

static void nothing_can_be_put_below_a_file(void) {
  fixture_t fixture = in_folder();
  must_put(&fixture, "file", 1000, 1);
  check_outcome(put(&fixture, "file/a", 10, 2), BLOBFERRY_E_UNSUPPORTED, "file");
  check_outcome(put(&fixture, "file/a/b", 10, 2), BLOBFERRY_E_UNSUPPORTED, "file");
  check_outcome(get(&fixture, "file/a"), BLOBFERRY_E_NOT_FOUND, "file/a");
  check_outcome(head(&fixture, "file/a/b"), BLOBFERRY_E_NOT_FOUND, "file/a/b");
  check_outcome(delete(&fixture, "file/a"), BLOBFERRY_OK, "");
  check_keys(&fixture, "file/", NULL, "");
  check_object(&fixture, "file", 1000, 1);
  check_tree(fixture.folder, "file\n");
  fixture_free(&fixture);
}

static void folders_without_objects_are_not_listed(void) {
  fixture_t fixture = in_folder();
  make_dir(fixture.folder, "empty");
  make_dir(fixture.folder, "nested");
  make_dir(fixture.folder, "nested/empty");
  make_dir(fixture.folder, "nested/empty/too");
  make_dir(fixture.folder, "unfinished");
  write_file(fixture.folder, "unfinished/.blobferry-x", 10, 1);
  check_keys(&fixture, "", NULL, "");
  check_keys(&fixture, "", "/", "");
  check_keys(&fixture, "nested/", "/", "");
  must_put(&fixture, "nested/empty/too/object", 10, 1);
  check_keys(&fixture, "", "/", "nested/\n");
  check_keys(&fixture, "nested/", "/", "nested/empty/\n");
  check_keys(&fixture, "", NULL, "nested/empty/too/object\n");
  fixture_free(&fixture);
}

/* Files of others are objects too: their bytes, size and time are told as they are. */
static void a_file_of_somebody_else_is_an_object(void) {
  fixture_t   fixture = in_folder();
  struct stat what;
  make_dir(fixture.folder, "folder");
  write_file(fixture.folder, "folder/file", 70000, 1);
  must_work(stat(path_in(fixture.folder, "folder/file"), &what) == 0, "stat");
  check_object(&fixture, "folder/file", 70000, 1);
  blobferry_completion_t completion = head(&fixture, "folder/file");
  CHECK_INT(completion.result, 70000);
  CHECK_INT(blobferry_details_size(completion.details), 70000);
  CHECK_INT(blobferry_details_last_modified_ns(completion.details),
            (int64_t)what.st_mtim.tv_sec * 1000000000 + what.st_mtim.tv_nsec);
  dispose(&completion);
  must_put(&fixture, "folder/file", 10, 2);
  CHECK(file_is(fixture.folder, "folder/file", 10, 2));
  fixture_free(&fixture);
}

static void a_put_makes_a_file_of_the_usual_mode(void) {
  fixture_t   fixture = in_folder();
  struct stat file, folder;
  mode_t      mask = umask(027);
  must_put(&fixture, "folder/file", 10, 1);
  umask(mask);
  must_work(stat(path_in(fixture.folder, "folder/file"), &file) == 0, "stat");
  must_work(stat(path_in(fixture.folder, "folder"), &folder) == 0, "stat");
  CHECK_INT(file.st_mode & 07777, 0640);
  CHECK_INT(folder.st_mode & 07777, 0750);
  fixture_free(&fixture);
}

static void offsets_past_4_gib_work(void) {
  fixture_t               fixture = in_folder();
  const uint64_t          size = ((uint64_t)5 << 30) + 123, at = ((uint64_t)4 << 30) + 77;
  blobferry_get_options_t options = BLOBFERRY_GET_OPTIONS_INIT;
  uint8_t                 data[1000];
  int                     file = open(path_in(fixture.folder, "sparse"), O_CREAT | O_WRONLY, 0644);
  must_work(file >= 0 && ftruncate(file, (off_t)size) == 0, "a sparse file");
  pattern_fill(data, sizeof data, 7);
  must_work(pwrite(file, data, sizeof data, (off_t)at) == sizeof data, "pwrite");
  close(file);
  blobferry_completion_t completion = head(&fixture, "sparse");
  CHECK_INT(completion.result, size);
  dispose(&completion);
  options.offset = at;
  options.length = sizeof data;
  got_t got = get_with(&fixture, "sparse", sizeof data, &options);
  CHECK_STATUS(got.completion.status, BLOBFERRY_OK);
  guarded_unlock(&got.memory);
  CHECK(pattern_is(got.memory.data, sizeof data, 7, 0));
  got_free(&got);
  got = get_with(&fixture, "sparse", 16, NULL);
  CHECK_STATUS(got.completion.status, BLOBFERRY_E_TOO_SMALL);
  CHECK_INT(got.completion.result, size);
  got_free(&got);
  options.offset = size;
  got = get_with(&fixture, "sparse", 16, &options);
  CHECK_STATUS(got.completion.status, BLOBFERRY_E_RANGE);
  got_free(&got);
  fixture_free(&fixture);
}

/* A FIFO that nobody writes to would keep who opens it for ever. */
static void special_files_are_no_objects(void) {
  fixture_t fixture = in_folder();
  must_work(mkfifo(path_in(fixture.folder, "fifo"), 0644) == 0, "mkfifo");
  must_work(mknod(path_in(fixture.folder, "socket"), S_IFSOCK | 0644, 0) == 0, "mknod");
  must_put(&fixture, "object", 10, 1);
  check_outcome(get(&fixture, "fifo"), BLOBFERRY_E_UNSUPPORTED, "fifo");
  check_outcome(head(&fixture, "fifo"), BLOBFERRY_E_UNSUPPORTED, "fifo");
  check_outcome(get(&fixture, "socket"), BLOBFERRY_E_UNSUPPORTED, "socket");
  check_outcome(head(&fixture, "socket"), BLOBFERRY_E_UNSUPPORTED, "socket");
  char *keys = keys_of(&fixture, "", NULL);
  CHECK(strstr(keys, "object\n") != NULL);
  CHECK(strstr(keys, "BLOBFERRY_E_") == NULL);
  free(keys);
  fixture_free(&fixture);
}

/* Reads a listing without a page boundary; each entry is "KEY FLAGS" on a line. */
static char *keys_with_flags(const fixture_t *fixture, const char *prefix, const char *delimiter) {
  blobferry_list_options_t options = BLOBFERRY_LIST_OPTIONS_INIT;
  blobferry_list_t        *list = NULL;
  char                    *text = NULL;
  size_t                   size = 0, count = 0;
  FILE                    *out = open_memstream(&text, &size);
  options.delimiter = delimiter;
  must(blobferry_list_new(fixture->store, prefix, &options, &list, NULL), NULL, "blobferry_list_new");
  blobferry_completion_t   completion = next(fixture, list);
  const blobferry_entry_t *entries = blobferry_list_entries(list, &count);
  CHECK(is_last_page(&completion));
  for (size_t i = 0; i < count; i++) {
    CHECK_INT(entries[i].key_size, strlen(entries[i].key));
    fprintf(out, "%s %u\n", entries[i].key, entries[i].flags);
  }
  check_outcome(completion, BLOBFERRY_OK, "");
  blobferry_list_free(list);
  fclose(out);
  return text;
}

static void names_that_are_no_text_are_listed_as_they_are(void) {
  fixture_t fixture = in_folder();
  make_dir(fixture.folder, "d\xfe");
  write_file(fixture.folder, "bad\xff", 10, 1);
  write_file(fixture.folder, "d\xfe/x", 10, 1);
  write_file(fixture.folder, "good", 10, 1);
  write_file(fixture.folder, "\xc3\xa9", 10, 1);
  write_file(fixture.folder, "\xed\xa0\x80", 10, 1);
  char *all = keys_with_flags(&fixture, "", NULL), *folders = keys_with_flags(&fixture, "", "/");
  CHECK_TEXT(all, "bad\xff 2\nd\xfe/x 2\ngood 0\n\xc3\xa9 0\n\xed\xa0\x80 2\n");
  CHECK_TEXT(folders, "bad\xff 2\nd\xfe/ 3\ngood 0\n\xc3\xa9 0\n\xed\xa0\x80 2\n");
  check_refusal(get(&fixture, "bad\xff"), BLOBFERRY_E_ARGUMENT, "UTF-8");
  check_object(&fixture, "good", 10, 1);
  free(all);
  free(folders);
  fixture_free(&fixture);
}

static void names_of_unfinished_files_are_kept_from_keys(void) {
  static const char *const keys[] = {".blobferry-", ".blobferry-x", "a/.blobferry-x", ".blobferry-x/a",
                                     "a/.blobferry-/b"};
  fixture_t                fixture = in_folder();
  for (size_t i = 0; i < sizeof keys / sizeof keys[0]; i++) {
    check_refusal(put(&fixture, keys[i], 10, 1), BLOBFERRY_E_ARGUMENT, ".blobferry-");
    check_refusal(get(&fixture, keys[i]), BLOBFERRY_E_ARGUMENT, ".blobferry-");
    check_refusal(head(&fixture, keys[i]), BLOBFERRY_E_ARGUMENT, ".blobferry-");
    check_refusal(delete(&fixture, keys[i]), BLOBFERRY_E_ARGUMENT, ".blobferry-");
  }
  check_tree(fixture.folder, "");
  must_put(&fixture, ".blobferry", 10, 1);
  must_put(&fixture, "a.blobferry-x", 10, 1);
  write_file(fixture.folder, ".blobferry-left", 10, 1);
  check_keys(&fixture, "", NULL, ".blobferry\na.blobferry-x\n");
  check_keys(&fixture, ".b", "/", ".blobferry\n");
  check_keys(&fixture, ".blobferry-", NULL, "");
  fixture_free(&fixture);
}

/* -- more names than a list holds ------------------------------------------------------------------ */

#define MANY 20000

/* Walks the list and checks that the names from `first` on come, each once and in order. */
static void check_numbered(const fixture_t *fixture, const char *start_after, uint32_t page_size, size_t first) {
  blobferry_list_options_t options = BLOBFERRY_LIST_OPTIONS_INIT;
  blobferry_list_t        *list = NULL;
  size_t                   number = first, wrong = 0;
  options.start_after = start_after;
  options.page_size = page_size;
  must(blobferry_list_new(fixture->store, "many/", &options, &list, NULL), NULL, "blobferry_list_new");
  for (bool more = true; more;) {
    blobferry_completion_t   completion = next(fixture, list);
    size_t                   count = 0;
    const blobferry_entry_t *entries = blobferry_list_entries(list, &count);
    for (size_t i = 0; i < count; i++, number++) {
      char wanted[32];
      snprintf(wanted, sizeof wanted, "many/%08zu", number);
      if (strcmp(entries[i].key, wanted) != 0 && wrong++ == 0) FAIL("%s, wanted %s", entries[i].key, wanted);
    }
    more = completion.status == BLOBFERRY_OK && !is_last_page(&completion) && wrong == 0;
    check_outcome(completion, BLOBFERRY_OK, "");
  }
  CHECK_INT(number, MANY);
  blobferry_list_free(list);
}

static void a_folder_with_very_many_files_is_listed_in_order(void) {
  fixture_t fixture = in_folder();
  make_dir(fixture.folder, "many");
  int folder = open(path_in(fixture.folder, "many"), O_RDONLY | O_DIRECTORY);
  for (size_t i = 0; i < MANY; i++) {
    char name[32];
    snprintf(name, sizeof name, "%08zu", (i * 7919) % MANY); /* not in order: 7919 and MANY share no factor */
    int file = openat(folder, name, O_CREAT | O_WRONLY, 0644);
    must_work(file >= 0, name);
    close(file);
  }
  close(folder);
  check_numbered(&fixture, NULL, 0, 0);
  check_numbered(&fixture, NULL, 10000, 0);
  check_numbered(&fixture, NULL, 777, 0);
  check_numbered(&fixture, "many/00012344", 1000, 12345);
  check_numbered(&fixture, "many/00017999x", 1000, 18000);
  check_keys(&fixture, "", "/", "many/\n");
  check_keys(&fixture, "many/0001999", NULL,
             "many/00019990\nmany/00019991\nmany/00019992\nmany/00019993\nmany/00019994\n"
             "many/00019995\nmany/00019996\nmany/00019997\nmany/00019998\nmany/00019999\n");
  fixture_free(&fixture);
}

/* -- permissions ------------------------------------------------------------------------------------ */

/* arguments: a folder of somebody else */
static int without_permission(char **arguments) {
  if (!become_nobody()) return 2;
  fixture_t fixture = in_this_folder(arguments[0], NULL, 0);
  check_object(&fixture, "open", 1000, 1);
  check_outcome(get(&fixture, "secret"), BLOBFERRY_E_PERMISSION, "secret");
  check_outcome(get(&fixture, "locked/file"), BLOBFERRY_E_PERMISSION, "locked/file");
  check_outcome(head(&fixture, "locked/file"), BLOBFERRY_E_PERMISSION, "locked/file");
  check_outcome(put(&fixture, "new", 10, 2), BLOBFERRY_E_PERMISSION, "new");
  check_outcome(put(&fixture, "new/folder", 10, 2), BLOBFERRY_E_PERMISSION, "new/folder");
  check_outcome(put(&fixture, "open", 10, 2), BLOBFERRY_E_PERMISSION, "open");
  check_outcome(put(&fixture, "locked/file", 10, 2), BLOBFERRY_E_PERMISSION, "locked/file");
  check_outcome(delete(&fixture, "open"), BLOBFERRY_E_PERMISSION, "open");
  check_outcome(delete(&fixture, "locked/file"), BLOBFERRY_E_PERMISSION, "locked/file");
  check_keys(&fixture, "locked/", NULL, "BLOBFERRY_E_PERMISSION\n");
  char *keys = keys_of(&fixture, "", NULL);
  CHECK_TEXT(keys, "a\nBLOBFERRY_E_PERMISSION\n"); /* what is before it, and not a list without what may not be read */
  free(keys);
  check_keys(&fixture, "open", NULL, "open\n");
  fixture.folder[0] = '\0'; /* the parent takes it away */
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
  CHECK(file_is(folder, "open", 1000, 1));
  CHECK(file_is(folder, "locked/file", 1000, 3));
  remove_tree(folder);
}

/* -- full disks --------------------------------------------------------------------------------------- */

/* A store in which 100 kB are and 4 MiB more have no room. */
static void check_no_room(fixture_t *fixture, blobferry_status_t otherwise) {
  static const char *const keys[] = {"old", "new", "folder/new"};
  must_put(fixture, "old", 100000, 1);
  for (size_t i = 0; i < 3; i++) {
    blobferry_completion_t completion = put(fixture, keys[i], 4 * MIB, 2);
    if (completion.status == otherwise) completion.status = BLOBFERRY_E_NO_SPACE;
    CHECK_STATUS(completion.status, BLOBFERRY_E_NO_SPACE);
    CHECK(strstr(blobferry_error_message(completion.error), keys[i]) != NULL);
    CHECK_INT(blobferry_error_is_maybe_committed(completion.error), 0);
    dispose(&completion);
  }
  check_object(fixture, "old", 100000, 1);
  check_keys(fixture, "", NULL, "old\n");
  check_tree(fixture->folder, "old\n");
  must_put(fixture, "small", 1000, 3);
  check_object(fixture, "small", 1000, 3);
}

static void a_full_disk_is_told_and_keeps_the_old(void) {
  char folder[256];
  make_folder(folder);
  if (mount("tmpfs", folder, "tmpfs", 0, "size=1m") != 0) {
    printf("(no tmpfs can be mounted here, %s: only the limit of a file's size is tried)\n", strerror(errno));
    remove_tree(folder);
    return;
  }
  fixture_t fixture = in_this_folder(folder, NULL, 0);
  check_no_room(&fixture, BLOBFERRY_E_NO_SPACE);
  fixture.folder[0] = '\0';
  fixture_free(&fixture);
  must_work(umount2(folder, MNT_DETACH) == 0, "umount");
  remove_tree(folder);
}

/* arguments: an empty folder */
static int with_limited_file_size(char **arguments) {
  struct rlimit limit = {MIB, MIB};
  signal(SIGXFSZ, SIG_IGN);
  must_work(setrlimit(RLIMIT_FSIZE, &limit) == 0, "setrlimit");
  fixture_t fixture = in_this_folder(arguments[0], NULL, 0);
  check_no_room(&fixture, BLOBFERRY_E_IO);
  fixture.folder[0] = '\0';
  fixture_free(&fixture);
  return child_result();
}

static void a_file_that_may_not_grow_is_told_and_keeps_the_old(void) {
  char folder[256];
  make_folder(folder);
  child_must_pass(begin_child("with_limited_file_size", folder, NULL), "with_limited_file_size");
  remove_tree(folder);
}

/* -- the rest ------------------------------------------------------------------------------------------- */

static void puts_that_end_on_the_disk(void) {
  char             folder[256];
  blobferry_pair_t fsync = {"fsync", "true"};
  make_folder(folder);
  fixture_t fixture = in_this_folder(folder, &fsync, 1);
  must_put(&fixture, "a", 1000, 1);
  must_put(&fixture, "new/folders/a", 3 * MIB, 2);
  must_put(&fixture, "a", 0, 3);
  check_object(&fixture, "a", 0, 3);
  check_object(&fixture, "new/folders/a", 3 * MIB, 2);
  check_outcome(delete(&fixture, "a"), BLOBFERRY_OK, "");
  check_tree(fixture.folder, "new/\nnew/folders/\nnew/folders/a\n");
  fixture_free(&fixture);
}

/* All make the same folders at once. */
static void many_puts_into_one_new_folder(void) {
  fixture_t fixture = in_folder();
  uint8_t   byte = 'x';
  for (long round = rounds(20); round > 0; round--) {
    for (int i = 0; i < 64; i++) {
      char      key[64];
      request_t request = {VERB_PUT, key, &byte, 1, NULL, 0, (uint64_t)i};
      snprintf(key, sizeof key, "r%ld/a/b/c/%d", round, i);
      must_submit(&request, fixture.store, fixture.cq);
    }
    for (int i = 0; i < 64; i++) check_outcome(wait_one(fixture.cq), BLOBFERRY_OK, "");
    for (int i = 0; i < 64; i++) {
      char key[64];
      snprintf(key, sizeof key, "r%ld/a/b/c/%d", round, i);
      CHECK(exists(fixture.folder, key));
    }
  }
  fixture_free(&fixture);
}

/* A create is one of a kind, however many try at once. */
static void one_of_many_creates_wins(void) {
  fixture_t               fixture = in_folder();
  blobferry_put_options_t options = BLOBFERRY_PUT_OPTIONS_INIT;
  uint8_t                 data[32][64];
  options.mode = BLOBFERRY_PUT_CREATE;
  for (long round = rounds(50); round > 0; round--) {
    char   key[32];
    int    winner = -1, losers = 0;
    snprintf(key, sizeof key, "new/%ld", round);
    for (int i = 0; i < 32; i++) {
      pattern_fill(data[i], 64, (uint64_t)i);
      must(blobferry_object_put(fixture.store, fixture.cq, key, data[i], 64, &options, (uint64_t)i, NULL, NULL), NULL,
           "blobferry_object_put");
    }
    for (int i = 0; i < 32; i++) {
      blobferry_completion_t completion = wait_one(fixture.cq);
      if (completion.status == BLOBFERRY_OK) winner = (int)completion.user_data;
      else if (completion.status == BLOBFERRY_E_EXISTS) losers++;
      dispose(&completion);
    }
    CHECK_INT(losers, 31);
    if (winner >= 0) CHECK(file_is(fixture.folder, key, 64, (uint64_t)winner));
    else FAIL("no create has won");
  }
  fixture_free(&fixture);
}

int main(int argc, char **argv) {
  CHILDREN(argc, argv, CHILD(without_permission), CHILD(with_limited_file_size));
  static const test_t tests[] = {
      TEST(a_folder_is_no_object),
      TEST(nothing_can_be_put_below_a_file),
      TEST(folders_without_objects_are_not_listed),
      TEST(a_file_of_somebody_else_is_an_object),
      TEST(a_put_makes_a_file_of_the_usual_mode),
      TEST(offsets_past_4_gib_work),
      TEST(special_files_are_no_objects),
      TEST(names_that_are_no_text_are_listed_as_they_are),
      TEST(names_of_unfinished_files_are_kept_from_keys),
      TEST(a_folder_with_very_many_files_is_listed_in_order),
      TEST(missing_permissions_are_told),
      TEST(a_full_disk_is_told_and_keeps_the_old),
      TEST(a_file_that_may_not_grow_is_told_and_keeps_the_old),
      TEST(puts_that_end_on_the_disk),
      TEST(many_puts_into_one_new_folder),
      TEST(one_of_many_creates_wins),
  };
  return run_tests(tests, sizeof tests / sizeof tests[0], argc, argv);
}
