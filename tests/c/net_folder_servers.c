/*
 * Folders to real servers and back: everything that goes up comes down again, and
 * what is the same is moved neither way. tests/servers/with starts the servers.
 */
#include "moving.h"
#include "places.h"

enum { FILES = 120 };

static const char *const names[] = {"a b", "a%20b", "b+c", "caf\xC3\xA9", "d#e?f&g=h", "e'\"(x)", "f:g@h,i;j",
                                    "g/deep/er/and/deeper", "h.txt"};

#define NAMES (sizeof names / sizeof names[0])
#define ALL (FILES + NAMES + 1)

static void make_files(char *folder, size_t large) {
  make_folder(folder);
  make_dir(folder, "many");
  for (int i = 0; i < FILES; i++) {
    char name[32];
    snprintf(name, sizeof name, "many/%04d", i);
    write_file(folder, name, (size_t)i * 37, (uint64_t)i);
  }
  make_dir(folder, "g");
  make_dir(folder, "g/deep");
  make_dir(folder, "g/deep/er");
  make_dir(folder, "g/deep/er/and");
  for (size_t i = 0; i < NAMES; i++) write_file(folder, names[i], 1000, i);
  write_file(folder, "large", large, 99);
}

/* Everything is up and down already; the listing of the server tells revisions. */
static void move_by_revision(const fixture_t *store, const char *prefix, const char *from, const char *to) {
  char key[128];
  watch("the same");
  expect_counts(upload(store, from, prefix, BLOBFERRY_FOLDER_SKIP_SAME), 0, ALL, 0);
  expect_counts(download(store, prefix, to, BLOBFERRY_FOLDER_SKIP_SAME), 0, ALL, 0);
  expect_counts(upload(store, to, prefix, BLOBFERRY_FOLDER_SKIP_SAME), 0, ALL, 0);
  watch("what has changed");
  write_file(from, "h.txt", 2000, 5);
  expect_counts(upload(store, from, prefix, BLOBFERRY_FOLDER_SKIP_SAME), 1, ALL - 1, 0);
  expect_counts(download(store, prefix, to, BLOBFERRY_FOLDER_SKIP_SAME), 1, ALL - 1, 0);
  CHECK(file_is(to, "h.txt", 2000, 5));
  snprintf(key, sizeof key, "%smany/0005", prefix);
  must_put(store, key, 77, 7);
  expect_counts(download(store, prefix, to, BLOBFERRY_FOLDER_SKIP_SAME), 1, ALL - 1, 0);
  CHECK(file_is(to, "many/0005", 77, 7));
}

/* The listing of this server tells times and no revisions: they serve a download, and an upload moves everything. */
static void move_by_time(const fixture_t *store, const char *prefix, const char *from, const char *to) {
  watch("the same, by time");
  expect_counts(download(store, prefix, to, BLOBFERRY_FOLDER_SKIP_SAME), 0, ALL, 0);
  must_work(unlink(path_in(to, "h.txt")) == 0, "unlink");
  expect_counts(download(store, prefix, to, BLOBFERRY_FOLDER_SKIP_SAME), 1, ALL - 1, 0);
  expect_counts(upload(store, from, prefix, BLOBFERRY_FOLDER_SKIP_SAME), ALL, 0, 0);
}

static void move_both_ways(const place_t *place) {
  if (!is_up(place)) return;
  char      from[256], to[256], prefix[64], key[128];
  fixture_t fixture = at_place(place, "folders");
  make_files(from, 21 * MIB);
  make_folder(to);
  snprintf(prefix, sizeof prefix, "run-%llx/", (unsigned long long)now_ms());
  watch(place->variable);
  moved_t moved = upload(&fixture, from, prefix, BLOBFERRY_FOLDER_SKIP_SAME);
  check_counts(&moved, ALL, 0, 0);
  CHECK_INT(moved.progress.bytes_done, moved.progress.bytes_found);
  moved_free(&moved);
  watch("download");
  expect_counts(download(&fixture, prefix, to, BLOBFERRY_FOLDER_SKIP_SAME), ALL, 0, 0);
  CHECK(same_trees(from, to));
  if (place == &on_http) move_by_time(&fixture, prefix, from, to);
  else move_by_revision(&fixture, prefix, from, to);
  watch("deletes");
  for (size_t i = 0; i < ALL; i++) {
    char name[32];
    snprintf(name, sizeof name, "many/%04zu", i);
    snprintf(key, sizeof key, "%s%s", prefix, i < FILES ? name : i < FILES + NAMES ? names[i - FILES] : "large");
    check_outcome(delete(&fixture, key), BLOBFERRY_OK, "");
  }
  expect_counts(download(&fixture, prefix, to, 0), 0, 0, 0);
  fixture_free(&fixture);
  remove_tree(from);
  remove_tree(to);
}

static void a_tree_to_s3_and_back(void) { move_both_ways(&on_s3); }
static void a_tree_to_gcs_and_back(void) { move_both_ways(&on_gcs); }
static void a_tree_to_azure_and_back(void) { move_both_ways(&on_azure); }
static void a_tree_to_http_and_back(void) { move_both_ways(&on_http); }

TESTS(TEST(a_tree_to_s3_and_back), TEST(a_tree_to_gcs_and_back), TEST(a_tree_to_azure_and_back),
      TEST(a_tree_to_http_and_back))
