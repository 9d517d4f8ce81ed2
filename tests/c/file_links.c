/*
 * Symbolic links on file://: those that stay under the root work, those that lead
 * out are refused and touch nothing outside, a loop ends.
 */
#include "folder.h"
#include "verbs.h"

/* A folder with a root in it and, beside the root, what no store may reach. */
typedef struct place {
  char      folder[256];
  fixture_t fixture; /* its folder is the root */
} place_t;

static place_t new_place(const char *follow) {
  place_t          place;
  char             root[300];
  blobferry_pair_t option = {"follow_symlinks", follow};
  make_folder(place.folder);
  make_dir(place.folder, "root");
  make_dir(place.folder, "outside");
  write_file(place.folder, "outside/secret", 1000, 99);
  snprintf(root, sizeof root, "%.250s/root", place.folder);
  place.fixture = in_this_folder(root, &option, follow == NULL ? 0 : 1);
  return place;
}

/* Whatever was done to the store, outside it all must be as it was. */
static void place_free(place_t *place) {
  char *tree = tree_of(path_in(place->folder, "outside"));
  CHECK_TEXT(tree, "secret\n");
  CHECK(file_is(place->folder, "outside/secret", 1000, 99));
  free(tree);
  fixture_free(&place->fixture);
  remove_tree(place->folder);
}

static void a_link_to_a_file_inside_works(void) {
  place_t    place = new_place(NULL);
  fixture_t *fixture = &place.fixture;
  must_put(fixture, "real/object", 1000, 1);
  make_link("real/object", fixture->folder, "near");
  make_link("../real/object", fixture->folder, "real/../real/up-and-down");
  make_dir(fixture->folder, "a");
  make_dir(fixture->folder, "a/b");
  make_link("../../real/object", fixture->folder, "a/b/far");
  static const char *const keys[] = {"near", "real/up-and-down", "a/b/far"};
  for (size_t i = 0; i < 3; i++) {
    check_object(fixture, keys[i], 1000, 1);
    blobferry_completion_t completion = head(fixture, keys[i]);
    CHECK_INT(completion.result, 1000);
    check_outcome(completion, BLOBFERRY_OK, "");
  }
  check_keys(fixture, "", NULL, "a/b/far\nnear\nreal/object\nreal/up-and-down\n");
  check_keys(fixture, "", "/", "a/\nnear\nreal/\n");
  place_free(&place);
}

/* A listed link tells the size of what it leads to, as head does. */
static void a_listed_link_has_the_size_of_its_file(void) {
  place_t           place = new_place(NULL);
  size_t            count = 0;
  blobferry_list_t *list = NULL;
  must_put(&place.fixture, "object", 12345, 1);
  make_link("object", place.fixture.folder, "link");
  must(blobferry_list_new(place.fixture.store, "link", NULL, &list, NULL), NULL, "blobferry_list_new");
  blobferry_completion_t   completion = next(&place.fixture, list);
  const blobferry_entry_t *entries = blobferry_list_entries(list, &count);
  CHECK_INT(count, 1);
  if (count == 1) CHECK_INT(entries[0].size, 12345);
  check_outcome(completion, BLOBFERRY_OK, "");
  blobferry_list_free(list);
  place_free(&place);
}

static void a_link_to_a_folder_inside_works(void) {
  place_t    place = new_place(NULL);
  fixture_t *fixture = &place.fixture;
  must_put(fixture, "real/folder/object", 1000, 1);
  make_link("real/folder", fixture->folder, "alias");
  check_object(fixture, "alias/object", 1000, 1);
  must_put(fixture, "alias/other", 2000, 2);
  check_object(fixture, "real/folder/other", 2000, 2);
  check_keys(fixture, "", NULL, "alias/object\nalias/other\nreal/folder/object\nreal/folder/other\n");
  check_keys(fixture, "", "/", "alias/\nreal/\n");
  check_keys(fixture, "alias/", NULL, "alias/object\nalias/other\n");
  check_outcome(delete(fixture, "alias/other"), BLOBFERRY_OK, "");
  CHECK(!exists(fixture->folder, "real/folder/other"));
  place_free(&place);
}

/* Each of these could be walked for ever. */
static void a_loop_of_links_ends(void) {
  place_t    place = new_place(NULL);
  fixture_t *fixture = &place.fixture;
  must_put(fixture, "folder/object", 1000, 1);
  make_link(".", fixture->folder, "self");
  make_link("..", fixture->folder, "folder/up");
  make_link("folder", fixture->folder, "folder/../twin");
  make_link("me", fixture->folder, "me");
  make_link("you", fixture->folder, "they");
  make_link("they", fixture->folder, "you");
  check_keys(fixture, "", NULL, "folder/object\ntwin/object\n");
  check_keys(fixture, "", "/", "folder/\ntwin/\n");
  blobferry_completion_t completion = get(fixture, "me");
  CHECK(completion.status != BLOBFERRY_OK && completion.status != BLOBFERRY_E_PANIC);
  CHECK(strstr(blobferry_error_message(completion.error), "me") != NULL);
  dispose(&completion);
  completion = head(fixture, "they/object");
  CHECK(completion.status != BLOBFERRY_OK && completion.status != BLOBFERRY_E_PANIC);
  dispose(&completion);
  place_free(&place);
}

static void a_link_to_nothing_is_not_found(void) {
  place_t    place = new_place(NULL);
  fixture_t *fixture = &place.fixture;
  make_link("nothing/here", fixture->folder, "dangling");
  check_outcome(get(fixture, "dangling"), BLOBFERRY_E_NOT_FOUND, "dangling");
  check_outcome(head(fixture, "dangling"), BLOBFERRY_E_NOT_FOUND, "dangling");
  char *keys = keys_of(fixture, "", NULL);
  CHECK(strstr(keys, "BLOBFERRY_E_") == NULL);
  free(keys);
  place_free(&place);
}

static void make_links_out(const place_t *place) {
  const char *root = place->fixture.folder;
  make_link(path_in(place->folder, "outside/secret"), root, "absolute");
  make_link("../outside/secret", root, "relative");
  make_link("/etc/passwd", root, "passwd");
  make_link(path_in(place->folder, "outside"), root, "folder");
  make_link("../outside", root, "up");
  make_link("..", root, "parent");
  make_link("up", root, "second");
}

static const char *const leading_out[] = {"absolute",      "relative",    "passwd",        "folder/secret",
                                          "up/secret",     "parent/outside/secret", "second/secret"};
#define LEADING_OUT (sizeof leading_out / sizeof leading_out[0])

static void a_link_out_of_the_root_is_refused(void) {
  place_t    place = new_place(NULL);
  fixture_t *fixture = &place.fixture;
  make_links_out(&place);
  for (size_t i = 0; i < LEADING_OUT; i++) {
    check_outcome(get(fixture, leading_out[i]), BLOBFERRY_E_PERMISSION, leading_out[i]);
    check_outcome(head(fixture, leading_out[i]), BLOBFERRY_E_PERMISSION, leading_out[i]);
  }
  place_free(&place);
}

/* Links that begin with `/` lead to where the root is today: they count as leading out, wherever they end. */
static void make_absolute_links_inside(const place_t *place) {
  const char *root = place->fixture.folder;
  must_put(&place->fixture, "real/object", 1000, 1);
  make_link(path_in(root, "real/object"), root, "file");
  make_link(path_in(root, "real"), root, "folder");
  make_link(root, root, "root");
  make_link("file", root, "second");
}

static const char *const absolute_inside[] = {"file", "folder/object", "root/real/object", "second"};

static void an_absolute_link_inside_the_root_is_refused(void) {
  place_t    place = new_place(NULL);
  fixture_t *fixture = &place.fixture;
  make_absolute_links_inside(&place);
  for (size_t i = 0; i < 4; i++) {
    check_outcome(get(fixture, absolute_inside[i]), BLOBFERRY_E_PERMISSION, absolute_inside[i]);
    check_outcome(head(fixture, absolute_inside[i]), BLOBFERRY_E_PERMISSION, absolute_inside[i]);
  }
  check_outcome(put(fixture, "folder/new", 10, 2), BLOBFERRY_E_PERMISSION, "folder/new");
  check_outcome(delete(fixture, "folder/object"), BLOBFERRY_E_PERMISSION, "folder/object");
  check_keys(fixture, "", NULL, "real/object\n");
  check_keys(fixture, "", "/", "real/\n");
  check_object(fixture, "real/object", 1000, 1);
  check_tree(path_in(fixture->folder, "real"), "object\n");
  place_free(&place);
}

static void an_absolute_link_inside_the_root_works_where_it_was_asked_for(void) {
  place_t    place = new_place("true");
  fixture_t *fixture = &place.fixture;
  make_absolute_links_inside(&place);
  for (size_t i = 0; i < 4; i++) {
    check_object(fixture, absolute_inside[i], 1000, 1);
    blobferry_completion_t completion = head(fixture, absolute_inside[i]);
    CHECK_INT(completion.result, 1000);
    check_outcome(completion, BLOBFERRY_OK, "");
  }
  check_keys(fixture, "", NULL, "file\nfolder/object\nreal/object\nsecond\n"); /* `root` would never end */
  check_keys(fixture, "folder/", "/", "folder/object\n");
  must_put(fixture, "folder/new", 10, 2);
  check_object(fixture, "real/new", 10, 2);
  check_outcome(delete(fixture, "folder/new"), BLOBFERRY_OK, "");
  CHECK(!exists(fixture->folder, "real/new"));
  place_free(&place);
}

static void nothing_is_put_through_a_link_out(void) {
  static const char *const keys[] = {"folder/new", "up/new", "up/deep/new", "parent/outside/new", "parent/new",
                                     "folder/secret", "up/secret"};
  place_t    place = new_place(NULL);
  fixture_t *fixture = &place.fixture;
  make_links_out(&place);
  for (size_t i = 0; i < sizeof keys / sizeof keys[0]; i++)
    check_outcome(put(fixture, keys[i], 10, 2), BLOBFERRY_E_PERMISSION, keys[i]);
  CHECK(!exists(place.folder, "new"));
  place_free(&place);
}

/* The link is what is at the key, so the link is what is replaced. */
static void a_put_replaces_a_link_and_not_its_file(void) {
  place_t    place = new_place(NULL);
  fixture_t *fixture = &place.fixture;
  must_put(fixture, "object", 1000, 1);
  make_link("object", fixture->folder, "inside");
  make_links_out(&place);
  must_put(fixture, "inside", 10, 2);
  check_object(fixture, "inside", 10, 2);
  check_object(fixture, "object", 1000, 1);
  must_put(fixture, "absolute", 20, 3);
  check_object(fixture, "absolute", 20, 3);
  must_put(fixture, "relative", 30, 4);
  check_object(fixture, "relative", 30, 4);
  place_free(&place);
}

static void a_link_out_of_the_root_is_not_listed(void) {
  place_t    place = new_place(NULL);
  fixture_t *fixture = &place.fixture;
  must_put(fixture, "object", 10, 1);
  make_links_out(&place);
  check_keys(fixture, "", NULL, "object\n");
  check_keys(fixture, "", "/", "object\n");
  char *keys = keys_of(fixture, "up/", NULL);
  CHECK(strstr(keys, "secret") == NULL);
  free(keys);
  keys = keys_of(fixture, "parent/outside/", "/");
  CHECK(strstr(keys, "secret") == NULL);
  free(keys);
  place_free(&place);
}

static void a_delete_takes_the_link_away_and_not_its_file(void) {
  place_t    place = new_place(NULL);
  fixture_t *fixture = &place.fixture;
  must_put(fixture, "object", 1000, 1);
  make_link("object", fixture->folder, "inside");
  make_link("nothing", fixture->folder, "dangling");
  make_links_out(&place);
  static const char *const links[] = {"inside", "dangling", "absolute", "relative"};
  for (size_t i = 0; i < 4; i++) {
    check_outcome(delete(fixture, links[i]), BLOBFERRY_OK, "");
    CHECK(!exists(fixture->folder, links[i]));
  }
  check_object(fixture, "object", 1000, 1);
  check_outcome(delete(fixture, "folder/secret"), BLOBFERRY_E_PERMISSION, "folder/secret");
  check_outcome(delete(fixture, "up/secret"), BLOBFERRY_E_PERMISSION, "up/secret");
  place_free(&place);
}

static void links_out_work_where_they_were_asked_for(void) {
  place_t    place = new_place("true");
  fixture_t *fixture = &place.fixture;
  make_links_out(&place);
  for (size_t i = 0; i < LEADING_OUT; i++)
    if (strcmp(leading_out[i], "passwd") != 0) check_object(fixture, leading_out[i], 1000, 99);
  blobferry_completion_t completion = head(fixture, "passwd");
  CHECK(completion.result > 0);
  check_outcome(completion, BLOBFERRY_OK, "");
  must_put(fixture, "folder/new", 10, 2);
  CHECK(file_is(place.folder, "outside/new", 10, 2));
  check_outcome(delete(fixture, "up/new"), BLOBFERRY_OK, "");
  char *keys = keys_of(fixture, "", NULL);
  CHECK(strstr(keys, "absolute\n") != NULL);
  CHECK(strstr(keys, "relative\n") != NULL);
  CHECK(strstr(keys, "BLOBFERRY_E_") == NULL);
  free(keys);
  place_free(&place);
}

static void a_root_that_is_a_link_works(void) {
  place_t place = new_place(NULL);
  char    url[400];
  must_put(&place.fixture, "object", 1000, 1);
  make_link("root", place.folder, "link");
  snprintf(url, sizeof url, "file://%s/link", place.folder);
  fixture_t through = with_url(url, NULL, 0);
  check_object(&through, "object", 1000, 1);
  must_put(&through, "other", 10, 2);
  check_object(&place.fixture, "other", 10, 2);
  fixture_free(&through);
  place_free(&place);
}

/* The folder becomes a link between the requests, over and over: no request may be led out. */
static _Atomic bool swapping;

static void *swap(void *folder) {
  while (atomic_load(&swapping))
    if (renameat2(AT_FDCWD, path_in(folder, "folder"), AT_FDCWD, path_in(folder, "out"), RENAME_EXCHANGE) != 0) {
      FAIL("renameat2: %s", strerror(errno));
      break;
    }
  return NULL;
}

static void a_folder_that_turns_into_a_link_leads_nowhere(void) {
  place_t    place = new_place(NULL);
  fixture_t *fixture = &place.fixture;
  pthread_t  thread;
  must_put(fixture, "folder/secret", 1000, 1);
  make_link("../outside", fixture->folder, "out");
  atomic_store(&swapping, true);
  must_work(pthread_create(&thread, NULL, swap, fixture->folder) == 0, "pthread_create");
  int led = 0, refused_out = 0;
  for (long round = rounds(2000); round > 0; round--) {
    got_t got = get_with(fixture, "folder/secret", 1000, NULL);
    guarded_unlock(&got.memory);
    if (got.completion.status == BLOBFERRY_OK) CHECK(pattern_is(got.memory.data, 1000, 1, 0));
    if (got.completion.status == BLOBFERRY_OK) led++;
    if (got.completion.status == BLOBFERRY_E_PERMISSION) refused_out++;
    got_free(&got);
    blobferry_completion_t completion = put(fixture, "folder/new", 10, 2);
    dispose(&completion);
    completion = delete(fixture, "folder/secret2");
    dispose(&completion);
  }
  atomic_store(&swapping, false);
  pthread_join(thread, NULL);
  if (rounds(2000) >= 100) CHECK(led > 0 && refused_out > 0); /* or the swap was never met */
  place_free(&place);
}

TESTS(TEST(a_link_to_a_file_inside_works), TEST(a_listed_link_has_the_size_of_its_file),
      TEST(a_link_to_a_folder_inside_works), TEST(a_loop_of_links_ends), TEST(a_link_to_nothing_is_not_found),
      TEST(a_link_out_of_the_root_is_refused), TEST(an_absolute_link_inside_the_root_is_refused),
      TEST(an_absolute_link_inside_the_root_works_where_it_was_asked_for), TEST(nothing_is_put_through_a_link_out),
      TEST(a_put_replaces_a_link_and_not_its_file), TEST(a_link_out_of_the_root_is_not_listed),
      TEST(a_delete_takes_the_link_away_and_not_its_file), TEST(links_out_work_where_they_were_asked_for),
      TEST(a_root_that_is_a_link_works), TEST(a_folder_that_turns_into_a_link_leads_nowhere))
