/*
 * Opening stores: which schemes and options there are and how a wrong one is told,
 * what two opens of one name share, what each store says it can do. How a URL is
 * read is in url.c.
 */
#include "opening.h"
#include "own_process.h"

static void an_unknown_scheme_is_named_with_the_nearest(void) {
  static const char *const urls[][3] = {
      {"memoy://x", "memoy", "memory"},
      {"memroy://x", "memroy", "memory"},
      {"mem://x", "mem", "memory"},
      {"fil:///tmp", "fil", "file"},
      {"flie:///tmp", "flie", "file"},
      {"files:///tmp", "files", "file"},
      {"zzzzzzzzzzzz://x", "zzzzzzzzzzzz", ""},
  };
  blobferry_service_t *service = new_service();
  for (size_t i = 0; i < sizeof urls / sizeof urls[0]; i++)
    refuse(service, urls[i][0], NULL, 0, BLOBFERRY_E_ARGUMENT, urls[i][1], urls[i][2]);
  blobferry_service_free(service);
}

/* Stores that other builds have: either is right, a hang or an empty message is not. */
static void a_scheme_that_is_not_known_is_told_clearly(void) {
  static const char *const urls[][2] = {
      {"ftp://host", "ftp"}, {"s4://bucket", "did you mean s3://"}, {"wasb://container", "wasb"}, {"memry://a", "memory://"},
  };
  blobferry_service_t *service = new_service();
  for (size_t i = 0; i < sizeof urls / sizeof urls[0]; i++) {
    blobferry_error_t *error = NULL;
    CHECK_STATUS(try_open(service, urls[i][0], NULL, 0, &error), BLOBFERRY_E_ARGUMENT);
    check_error(error, BLOBFERRY_E_ARGUMENT, urls[i][1]);
  }
  blobferry_service_free(service);
}

static void an_unknown_option_is_named_with_the_nearest(void) {
  static const char *const keys[][2] = {
      {"part_sise", "part_size"},
      {"partsize", "part_size"},
      {"PART_SIZE", "part_size"},
      {"part_size ", "part_size"},
      {"max_inflight", "max_in_flight"},
      {"max_in_fligth", "max_in_flight"},
      {"creat", "create"},
      {"fsnyc", "fsync"},
      {"folow_symlinks", "follow_symlinks"},
      {"zzzzzzzzzzzzzzzzzzzzz", ""},
  };
  blobferry_service_t     *service = new_service();
  for (size_t i = 0; i < sizeof keys / sizeof keys[0]; i++) {
    blobferry_pair_t option = {keys[i][0], "1"};
    bool             only_file = strchr(keys[i][1], 'y') != NULL || strcmp(keys[i][1], "create") == 0;
    refuse(service, "file:///tmp", &option, 1, BLOBFERRY_E_ARGUMENT, keys[i][0], keys[i][1]);
    refuse(service, "memory://x", &option, 1, BLOBFERRY_E_ARGUMENT, keys[i][0], only_file ? "" : keys[i][1]);
  }
  blobferry_pair_t empty = {"", "1"};
  refuse(service, "memory://x", &empty, 1, BLOBFERRY_E_ARGUMENT, "", "");
  blobferry_service_free(service);
}

static void an_option_given_twice_is_refused(void) {
  blobferry_pair_t     same[] = {{"part_size", "64KiB"}, {"max_in_flight", "2"}, {"part_size", "64KiB"}};
  blobferry_pair_t     other[] = {{"create", "true"}, {"create", "false"}};
  blobferry_service_t *service = new_service();
  refuse(service, "memory://x", same, 3, BLOBFERRY_E_ARGUMENT, "part_size", "twice");
  refuse(service, "file:///tmp", other, 2, BLOBFERRY_E_ARGUMENT, "create", "twice");
  CHECK_STATUS(try_open(service, "memory://x", same, 2, NULL), BLOBFERRY_OK);
  blobferry_service_free(service);
}

static void a_bad_value_is_refused(void) {
  static const blobferry_pair_t bad[] = {
      {"part_size", ""},
      {"part_size", "0"},
      {"part_size", "-1"},
      {"part_size", "eight"},
      {"part_size", "8 parrots"},
      {"part_size", "8TiBi"},
      {"part_size", "KiB"},
      {"part_size", "1e6"},
      {"part_size", "0x10"},
      {"part_size", "18446744073709551616"},
      {"part_size", "18446744073709551615GiB"},
      {"part_size", "99999999999999999999999999"},
      {"max_in_flight", ""},
      {"max_in_flight", "0"},
      {"max_in_flight", "-1"},
      {"max_in_flight", "four"},
      {"max_in_flight", "4294967296"},
      {"create", ""},
      {"create", "yes"},
      {"create", "TRUE"},
      {"create", "1"},
      {"fsync", "on"},
      {"follow_symlinks", "maybe"},
  };
  blobferry_service_t *service = new_service();
  for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++)
    refuse(service, "file:///tmp", &bad[i], 1, BLOBFERRY_E_ARGUMENT, bad[i].key, bad[i].value);
  blobferry_service_free(service);
}

static void a_good_value_is_taken(void) {
  static const blobferry_pair_t good[] = {
      {"part_size", "65536"}, {"part_size", "64KiB"},     {"part_size", "8MiB"},
      {"part_size", "2GiB"},  {"max_in_flight", "1"},     {"max_in_flight", "64"},
      {"create", "true"},     {"create", "false"},        {"fsync", "true"},
      {"fsync", "false"},     {"follow_symlinks", "true"}, {"follow_symlinks", "false"},
  };
  blobferry_service_t *service = new_service();
  for (size_t i = 0; i < sizeof good / sizeof good[0]; i++) {
    blobferry_error_t *error = NULL;
    CHECK_STATUS(try_open(service, "file:///tmp", &good[i], 1, &error), BLOBFERRY_OK);
    if (error != NULL) FAIL("%s=%s: %s", good[i].key, good[i].value, blobferry_error_message(error));
    blobferry_error_free(error);
    if (i < 6) CHECK_STATUS(try_open(service, "memory://x", &good[i], 1, NULL), BLOBFERRY_OK);
  }
  blobferry_service_free(service);
}

/* The settings of a store are those of a get without options, and change nothing of what it gives. */
static void the_part_size_of_the_store_is_used(void) {
  blobferry_pair_t options[] = {{"part_size", "1000"}, {"max_in_flight", "3"}};
  fixture_t        fixture = with_url("memory://x", options, 2);
  must_put(&fixture, "a", 10500, 1);
  check_object(&fixture, "a", 10500, 1);
  fixture_free(&fixture);
}

static void a_missing_root_is_told_or_made(void) {
  char                 folder[256], url[512];
  struct stat          what;
  blobferry_pair_t     create = {"create", "true"}, keep = {"create", "false"};
  blobferry_service_t *service = new_service();
  make_folder(folder);
  snprintf(url, sizeof url, "file://%s/not/there", folder);
  refuse(service, url, NULL, 0, BLOBFERRY_E_NOT_FOUND, folder, "create");
  refuse(service, url, &keep, 1, BLOBFERRY_E_NOT_FOUND, folder, "create");
  CHECK(stat(url + strlen("file://"), &what) != 0);
  CHECK_STATUS(try_open(service, url, &create, 1, NULL), BLOBFERRY_OK);
  CHECK(stat(url + strlen("file://"), &what) == 0 && S_ISDIR(what.st_mode));
  CHECK_STATUS(try_open(service, url, &create, 1, NULL), BLOBFERRY_OK);
  CHECK_STATUS(try_open(service, url, NULL, 0, NULL), BLOBFERRY_OK);
  blobferry_service_free(service);
  remove_tree(folder);
}

static void a_root_that_is_a_file_is_told(void) {
  char                 folder[256], path[300], url[512];
  blobferry_pair_t     create = {"create", "true"};
  blobferry_service_t *service = new_service();
  make_folder(folder);
  snprintf(path, sizeof path, "%s/file", folder);
  FILE *file = fopen(path, "w");
  fputs("here before", file);
  fclose(file);
  for (int below = 0; below < 2; below++)
    for (size_t options = 0; options < 2; options++) {
      blobferry_error_t *error = NULL;
      snprintf(url, sizeof url, "file://%s%s", path, below ? "/folder" : "");
      blobferry_status_t status = try_open(service, url, &create, options, &error);
      if (status == BLOBFERRY_OK || status == BLOBFERRY_E_PANIC || status == BLOBFERRY_E_UNKNOWN)
        FAIL("%s: %s", url, blobferry_status_name(status));
      check_error(error, status, path);
    }
  blobferry_service_free(service);
  remove_tree(folder);
}

/* arguments: a folder that nobody may read */
static int unreadable_root(char **arguments) {
  char                 url[512];
  blobferry_pair_t     create = {"create", "true"};
  if (!become_nobody()) return 2;
  blobferry_service_t *service = new_service();
  snprintf(url, sizeof url, "file://%s/locked/inside", arguments[0]);
  refuse(service, url, NULL, 0, BLOBFERRY_E_PERMISSION, url + strlen("file://"), "");
  refuse(service, url, &create, 1, BLOBFERRY_E_PERMISSION, url + strlen("file://"), "");
  snprintf(url, sizeof url, "file://%s/owned/new", arguments[0]);
  refuse(service, url, &create, 1, BLOBFERRY_E_PERMISSION, url + strlen("file://"), "");
  blobferry_service_free(service);
  return child_result();
}

static void a_root_that_may_not_be_opened_or_made_is_told(void) {
  char folder[256], path[300];
  make_folder(folder);
  chmod(folder, 0755);
  snprintf(path, sizeof path, "%s/owned", folder);
  mkdir(path, 0555);
  snprintf(path, sizeof path, "%s/locked", folder);
  mkdir(path, 0700);
  snprintf(path, sizeof path, "%s/locked/inside", folder);
  mkdir(path, 0700);
  if (geteuid() != 0) {
    snprintf(path, sizeof path, "%s/locked", folder);
    chmod(path, 0);
  }
  child_must_pass(begin_child("unreadable_root", folder, NULL), "unreadable_root");
  remove_tree(folder);
}

static void two_opens_of_one_memory_name_meet(void) {
  fixture_t          one = in_memory(), two = one;
  blobferry_store_t *other = open_store(one.service, "memory://another");
  two.store = open_store(one.service, "memory://test");
  must_put(&one, "a", 1000, 1);
  check_object(&two, "a", 1000, 1);
  must_put(&two, "a", 2000, 2);
  check_object(&one, "a", 2000, 2);
  check_keys(&two, "", NULL, "a\n");
  blobferry_store_t *first = one.store;
  one.store = other;
  check_outcome(get(&one, "a"), BLOBFERRY_E_NOT_FOUND, "");
  check_keys(&one, "", NULL, "");
  one.store = first;
  blobferry_store_free(two.store);
  blobferry_store_free(other);
  fixture_free(&one);
}

static void memory_lives_as_long_as_the_service(void) {
  fixture_t fixture = in_memory();
  must_put(&fixture, "a", 1000, 1);
  blobferry_store_free(fixture.store);
  fixture.store = open_store(fixture.service, "memory://test");
  check_object(&fixture, "a", 1000, 1);
  fixture_free(&fixture);
}

static void services_do_not_share_memory(void) {
  fixture_t one = in_memory(), two = in_memory();
  must_put(&one, "a", 1000, 1);
  check_outcome(get(&two, "a"), BLOBFERRY_E_NOT_FOUND, "");
  must_put(&two, "a", 10, 2);
  check_object(&one, "a", 1000, 1);
  fixture_free(&two);
  check_object(&one, "a", 1000, 1);
  fixture_free(&one);
}

static void two_stores_of_one_folder_meet(void) {
  fixture_t one = in_folder();
  char      url[512];
  snprintf(url, sizeof url, "file://%s/", one.folder);
  fixture_t two = with_url(url, NULL, 0);
  must_put(&one, "a/b", 1000, 1);
  check_object(&two, "a/b", 1000, 1);
  check_keys(&two, "", NULL, "a/b\n");
  snprintf(url, sizeof url, "file://%s/a", one.folder);
  fixture_t below = with_url(url, NULL, 0);
  check_object(&below, "b", 1000, 1);
  fixture_free(&below);
  fixture_free(&two);
  fixture_free(&one);
}

static void each_store_says_what_it_can_do(void) {
  const uint64_t both = BLOBFERRY_CAN_GET_RANGE | BLOBFERRY_CAN_PUT_CREATE | BLOBFERRY_CAN_LIST_ANY_DELIMITER |
                        BLOBFERRY_CAN_LIST_START_AFTER | BLOBFERRY_CAN_COPY_CREATE | BLOBFERRY_CAN_RENAME_CREATE;
  const uint64_t memory_only = BLOBFERRY_CAN_PUT_UPDATE | BLOBFERRY_CAN_CONTENT_TYPE | BLOBFERRY_CAN_METADATA;
  fixture_t      memory = in_memory(), file = in_folder();
  CHECK_INT(blobferry_store_capabilities(memory.store), both | memory_only);
  CHECK_INT(blobferry_store_capabilities(file.store), both);
  CHECK_INT(blobferry_store_capabilities(NULL), 0);
  fixture_free(&memory);
  fixture_free(&file);
}

static void the_texts_of_an_open_are_copied(void) {
  guarded_t            memory = guarded_new(64);
  char                *text = (char *)memory.data;
  blobferry_service_t *service = new_service();
  blobferry_store_t   *store = NULL;
  strcpy(text, "memory://borrowed");
  strcpy(text + 20, "part_size");
  strcpy(text + 40, "1000");
  blobferry_pair_t option = {text + 20, text + 40};
  CHECK_STATUS(blobferry_store_open(service, text, &option, 1, &store, NULL), BLOBFERRY_OK);
  guarded_lock(&memory);
  fixture_t fixture = {service, new_cq(service, 4, BLOBFERRY_WAKE_NONE), store, ""};
  must_put(&fixture, "a", 2500, 1);
  check_object(&fixture, "a", 2500, 1);
  guarded_free(&memory);
  fixture_free(&fixture);
}

int main(int argc, char **argv) {
  CHILDREN(argc, argv, CHILD(unreadable_root));
  static const test_t tests[] = {
      TEST(an_unknown_scheme_is_named_with_the_nearest),
      TEST(a_scheme_that_is_not_known_is_told_clearly),
      TEST(an_unknown_option_is_named_with_the_nearest),
      TEST(an_option_given_twice_is_refused),
      TEST(a_bad_value_is_refused),
      TEST(a_good_value_is_taken),
      TEST(the_part_size_of_the_store_is_used),
      TEST(a_missing_root_is_told_or_made),
      TEST(a_root_that_is_a_file_is_told),
      TEST(a_root_that_may_not_be_opened_or_made_is_told),
      TEST(two_opens_of_one_memory_name_meet),
      TEST(memory_lives_as_long_as_the_service),
      TEST(services_do_not_share_memory),
      TEST(two_stores_of_one_folder_meet),
      TEST(each_store_says_what_it_can_do),
      TEST(the_texts_of_an_open_are_copied),
  };
  return run_tests(tests, sizeof tests / sizeof tests[0], argc, argv);
}
