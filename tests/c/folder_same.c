/*
 * BLOBFERRY_FOLDER_SKIP_SAME: what is not moved again, what is, and the file that
 * remembers it.
 */
#include "moving.h"

#define MANIFEST ".blobferry-manifest"
#define SAME BLOBFERRY_FOLDER_SKIP_SAME

static void make_files(char *folder) {
  make_folder(folder);
  make_dir(folder, "in");
  write_file(folder, "a", 1000, 1);
  write_file(folder, "b", 0, 2);
  write_file(folder, "in/c d%\n", 100000, 3);
}

/* A time of its own for a file, so that no test depends on the clock's ticks. */
static void touch(const char *folder, const char *name, time_t seconds) {
  struct timespec times[2] = {{.tv_sec = seconds, .tv_nsec = 123456789}, {.tv_sec = seconds, .tv_nsec = 123456789}};
  must_work(utimensat(AT_FDCWD, path_in(folder, name), times, 0) == 0, "utimensat");
}

static fixture_t store_of_kind(int kind) {
  return kind == 0 ? in_memory() : in_folder();
}

static void what_is_the_same_is_not_moved(void) {
  for (int kind = 0; kind < 2; kind++) {
    fixture_t fixture = store_of_kind(kind);
    char      folder[256];
    make_files(folder);
    expect_counts(upload(&fixture, folder, "p/", SAME), 3, 0, 0);
    CHECK(exists(folder, MANIFEST));
    moved_t moved = upload(&fixture, folder, "p/", SAME);
    check_counts(&moved, 0, 3, 0);
    CHECK_INT(moved.progress.bytes_found, 101000);
    CHECK_INT(moved.progress.bytes_done, 0);
    blobferry_outcome_t outcome = outcome_at(&moved, "p/a");
    CHECK_STATUS(outcome.status, BLOBFERRY_OK);
    CHECK_INT(outcome.flags, BLOBFERRY_OUTCOME_SKIPPED);
    CHECK_INT(outcome.size, 1000);
    CHECK(outcome.revision != NULL && outcome.error == NULL);
    moved_free(&moved);
    /* What went up need not come down. */
    expect_counts(download(&fixture, "p/", folder, SAME), 0, 3, 0);
    /* Without the flag everything is moved. */
    expect_counts(upload(&fixture, folder, "p/", 0), 3, 0, 0);
    check_keys(&fixture, "", NULL, "p/a\np/b\np/in/c d%\n\n");
    remove_tree(folder);
    fixture_free(&fixture);
  }
}

static void what_came_down_need_not_come_again(void) {
  for (int kind = 0; kind < 2; kind++) {
    fixture_t fixture = store_of_kind(kind);
    char      folder[256];
    make_folder(folder);
    must_put(&fixture, "p/a", 1000, 1);
    must_put(&fixture, "p/in/b", 0, 2);
    expect_counts(download(&fixture, "p/", folder, SAME), 2, 0, 0);
    expect_counts(download(&fixture, "p/", folder, SAME), 0, 2, 0);
    expect_counts(upload(&fixture, folder, "p/", SAME), 0, 2, 0);
    check_tree(folder, MANIFEST "\na\nin/\nin/b\n");
    remove_tree(folder);
    fixture_free(&fixture);
  }
}

static void a_changed_file_goes_up_again(void) {
  fixture_t fixture = in_memory();
  char      folder[256];
  make_files(folder);
  expect_counts(upload(&fixture, folder, "", SAME), 3, 0, 0);
  touch(folder, "a", 1000000);
  expect_counts(upload(&fixture, folder, "", SAME), 1, 2, 0);
  /* Other bytes, as many as before, at another time. */
  write_file(folder, "a", 1000, 9);
  touch(folder, "a", 1000001);
  expect_counts(upload(&fixture, folder, "", SAME), 1, 2, 0);
  check_object(&fixture, "a", 1000, 9);
  /* Another size at the same time. */
  write_file(folder, "a", 1001, 9);
  touch(folder, "a", 1000001);
  expect_counts(upload(&fixture, folder, "", SAME), 1, 2, 0);
  check_object(&fixture, "a", 1001, 9);
  expect_counts(upload(&fixture, folder, "", SAME), 0, 3, 0);
  remove_tree(folder);
  fixture_free(&fixture);
}

static void a_changed_object_is_moved_again(void) {
  for (int kind = 0; kind < 2; kind++) {
    fixture_t fixture = store_of_kind(kind);
    char      folder[256];
    make_files(folder);
    expect_counts(upload(&fixture, folder, "", SAME), 3, 0, 0);
    must_put(&fixture, "a", 1000, 7);
    expect_counts(download(&fixture, "", folder, SAME), 1, 2, 0);
    CHECK(file_is(folder, "a", 1000, 7));
    must_put(&fixture, "a", 1000, 8);
    expect_counts(upload(&fixture, folder, "", SAME), 1, 2, 0);
    check_object(&fixture, "a", 1000, 7);
    /* What is missing on one side comes from the other. */
    check_outcome(delete(&fixture, "b"), BLOBFERRY_OK, "");
    expect_counts(upload(&fixture, folder, "", SAME), 1, 2, 0);
    must_work(unlink(path_in(folder, "b")) == 0, "unlink");
    expect_counts(download(&fixture, "", folder, SAME), 1, 2, 0);
    CHECK(file_is(folder, "b", 0, 0));
    remove_tree(folder);
    fixture_free(&fixture);
  }
}

static void another_store_or_prefix_is_another_matter(void) {
  fixture_t fixture = in_memory();
  fixture_t other = with_url("memory://other", NULL, 0);
  char      folder[256];
  make_files(folder);
  expect_counts(upload(&fixture, folder, "p/", SAME), 3, 0, 0);
  expect_counts(upload(&fixture, folder, "q/", SAME), 3, 0, 0);
  expect_counts(upload(&fixture, folder, "q/", SAME), 0, 3, 0);
  expect_counts(upload(&other, folder, "q/", SAME), 3, 0, 0);
  expect_counts(upload(&other, folder, "q/", SAME), 0, 3, 0);
  expect_counts(upload(&fixture, folder, "q/", SAME), 3, 0, 0);
  remove_tree(folder);
  fixture_free(&other);
  fixture_free(&fixture);
}

/* A name in memory that is taken anew has nothing in common with the one before. */
static void a_store_in_memory_is_known_by_its_revisions(void) {
  char folder[256];
  make_files(folder);
  for (int i = 0; i < 2; i++) {
    fixture_t fixture = in_memory();
    if (i == 1) {
      must_put(&fixture, "a", 1000, 1);
      must_put(&fixture, "b", 0, 1);
      must_put(&fixture, "in/c d%\n", 100000, 1);
    }
    expect_counts(upload(&fixture, folder, "", SAME), 3, 0, 0);
    fixture_free(&fixture);
  }
  remove_tree(folder);
}

static void a_broken_manifest_is_as_none(void) {
  fixture_t fixture = in_memory();
  char      folder[256];
  make_files(folder);
  expect_counts(upload(&fixture, folder, "", SAME), 3, 0, 0);
  const char *path = path_in(folder, MANIFEST);
  char        manifest[1024];
  snprintf(manifest, sizeof manifest, "%s", path);
  size_t   size = 0;
  uint8_t *good = read_whole(manifest, &size);
  for (size_t cut = 0; cut < size; cut += 7) {
    must_work(truncate(manifest, (off_t)cut) == 0, "truncate");
    expect_counts(upload(&fixture, folder, "", SAME), 3, 0, 0);
  }
  write_file(folder, MANIFEST, 5000, 1);
  expect_counts(upload(&fixture, folder, "", SAME), 3, 0, 0);
  must_work(truncate(manifest, (off_t)1 << 40) == 0, "truncate");
  expect_counts(upload(&fixture, folder, "", SAME), 3, 0, 0);
  expect_counts(upload(&fixture, folder, "", SAME), 0, 3, 0);
  /* A FIFO, a link out and a folder are no manifest either. */
  must_work(unlink(manifest) == 0 && mkfifo(manifest, 0600) == 0, "mkfifo");
  expect_counts(upload(&fixture, folder, "", SAME), 3, 0, 0);
  must_work(unlink(manifest) == 0, "unlink");
  make_link("/etc/passwd", folder, MANIFEST);
  expect_counts(upload(&fixture, folder, "", SAME), 3, 0, 0);
  expect_counts(upload(&fixture, folder, "", SAME), 0, 3, 0);
  must_work(unlink(manifest) == 0, "unlink");
  make_dir(folder, MANIFEST);
  expect_counts(upload(&fixture, folder, "", SAME), 3, 0, 0);
  expect_counts(upload(&fixture, folder, "", SAME), 3, 0, 0);
  CHECK(good != NULL && size > 100);
  free(good);
  remove_tree(folder);
  fixture_free(&fixture);
}

static void the_manifest_is_no_object(void) {
  fixture_t remote = in_folder();
  char      folder[256];
  make_files(folder);
  expect_counts(upload(&remote, folder, "", SAME), 3, 0, 0);
  fixture_t here = in_this_folder(folder, NULL, 0);
  check_keys(&here, "", NULL, "a\nb\nin/c d%\n\n");
  CHECK(exists(folder, MANIFEST)); /* a listing takes away what dead puts have left, and not this */
  check_refusal(put(&here, MANIFEST, 1, 1), BLOBFERRY_E_ARGUMENT, ".blobferry-");
  expect_counts(upload(&remote, folder, "", SAME), 0, 3, 0);
  here.folder[0] = '\0';
  fixture_free(&here);
  remove_tree(folder);
  fixture_free(&remote);
}

static void what_was_moved_counts_whatever_came_after(void) {
  fixture_t fixture = in_memory();
  char      folder[256];
  make_files(folder);
  must_work(mkfifo(path_in(folder, "fifo"), 0600) == 0, "mkfifo");
  expect_counts(upload(&fixture, folder, "", SAME), 3, 0, 1);
  expect_counts(upload(&fixture, folder, "", SAME), 0, 3, 1);
  must_work(unlink(path_in(folder, "fifo")) == 0, "unlink");
  expect_counts(upload(&fixture, folder, "", SAME), 0, 3, 0);
  remove_tree(folder);
  fixture_free(&fixture);
}

static void a_cancel_keeps_what_was_moved(void) {
  fixture_t                  fixture = with_url("fault://test", NULL, 0);
  blobferry_folder_options_t options = folder_options(SAME);
  blobferry_report_t        *report = new_report(NULL);
  blobferry_ticket_t         ticket = 0;
  char                       folder[256];
  make_files(folder);
  write_file(folder, "never", 10, 1);
  CHECK_STATUS(blobferry_folder_upload(fixture.store, fixture.cq, folder, "", &options, report, 0, &ticket, NULL),
               BLOBFERRY_OK);
  AWAIT(progress_of(report).objects_done == 3);
  must_cancel(fixture.cq, ticket);
  expect(fixture.cq, BLOBFERRY_E_CANCELLED, 0);
  settle(fixture.service);
  must_work(unlink(path_in(folder, "never")) == 0, "unlink");
  expect_counts(upload(&fixture, folder, "", SAME), 0, 3, 0);
  blobferry_report_free(report);
  remove_tree(folder);
  fixture_free(&fixture);
}

static void what_is_gone_is_forgotten(void) {
  fixture_t fixture = in_memory();
  char      folder[256];
  size_t    size = 0;
  make_files(folder);
  expect_counts(upload(&fixture, folder, "", SAME), 3, 0, 0);
  must_work(unlink(path_in(folder, "a")) == 0, "unlink");
  expect_counts(upload(&fixture, folder, "", SAME), 0, 2, 0);
  uint8_t *manifest = read_whole(path_in(folder, MANIFEST), &size);
  CHECK(manifest != NULL && memmem(manifest, size, " a\n", 3) == NULL);
  CHECK(manifest != NULL && memmem(manifest, size, " b\n", 3) != NULL);
  free(manifest);
  remove_tree(folder);
  fixture_free(&fixture);
}

TESTS(TEST(what_is_the_same_is_not_moved), TEST(what_came_down_need_not_come_again),
      TEST(a_changed_file_goes_up_again), TEST(a_changed_object_is_moved_again),
      TEST(another_store_or_prefix_is_another_matter), TEST(a_store_in_memory_is_known_by_its_revisions),
      TEST(a_broken_manifest_is_as_none), TEST(the_manifest_is_no_object),
      TEST(what_was_moved_counts_whatever_came_after), TEST(a_cancel_keeps_what_was_moved),
      TEST(what_is_gone_is_forgotten))
