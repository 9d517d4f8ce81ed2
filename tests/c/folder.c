/*
 * Folders to memory:// and file://, and back: what becomes a key, what becomes a
 * file, what is refused and told, and how requests end. What is skipped as the same
 * is in folder_same.c, servers in net_folder.c.
 */
#include "moving.h"
#include "server/stores.h"

/* A folder with a file of each sort of name and size. */
static void make_sample(char *folder) {
  make_folder(folder);
  write_file(folder, "a", 1000, 1);
  make_dir(folder, "b");
  write_file(folder, "b/c", 0, 2);
  write_file(folder, "b-", 10, 3);
  make_dir(folder, "b/deep");
  make_dir(folder, "b/deep/er");
  write_file(folder, "b/deep/er/file with blanks, 100%", 100000, 4);
  write_file(folder, "\xC3\xBC\xE6\x97\xA5.#?\\", 5, 5);
  make_dir(folder, "empty");
}

#define SAMPLE_FILES 5

static void stores_of_this_machine(fixture_t fixtures[2]) {
  fixtures[0] = in_memory();
  fixtures[1] = in_folder();
}

static void every_file_becomes_an_object(void) {
  static const char *const prefixes[] = {"", "x/", "x/y/", "x"};
  fixture_t fixtures[2];
  stores_of_this_machine(fixtures);
  for (int i = 0; i < 2; i++) {
    for (int p = 0; p < 4; p++) {
      char folder[256], key[300];
      make_sample(folder);
      moved_t moved = upload(&fixtures[i], folder, prefixes[p], 0);
      check_counts(&moved, SAMPLE_FILES, 0, 0);
      CHECK_INT(moved.progress.bytes_found, 101015);
      CHECK_INT(moved.progress.bytes_done, 101015);
      snprintf(key, sizeof key, "%sb/deep/er/file with blanks, 100%%", prefixes[p]);
      check_object(&fixtures[i], key, 100000, 4);
      blobferry_outcome_t outcome = outcome_at(&moved, key);
      CHECK_INT(outcome.size, 100000);
      CHECK_INT(outcome.flags, 0);
      CHECK_STATUS(outcome.status, BLOBFERRY_OK);
      CHECK(outcome.error == NULL && outcome.revision != NULL);
      CHECK_INT(outcome.key_size, strlen(key));
      snprintf(key, sizeof key, "%sa", prefixes[p]);
      CHECK_TEXT(moved.outcomes[0].key, key);
      check_object(&fixtures[i], key, 1000, 1);
      moved_free(&moved);
      remove_tree(folder);
    }
    check_keys(&fixtures[i], "x", "/", "x/\nxa\nxb-\nxb/\nx\xC3\xBC\xE6\x97\xA5.#?\\\n");
    fixture_free(&fixtures[i]);
  }
}

static void every_object_becomes_a_file(void) {
  fixture_t fixtures[2];
  stores_of_this_machine(fixtures);
  for (int i = 0; i < 2; i++) {
    char folder[256];
    make_folder(folder);
    must_put(&fixtures[i], "x/a", 1000, 1);
    must_put(&fixtures[i], "x/b/c", 0, 2);
    must_put(&fixtures[i], "x/b/d", MIB, 3);
    must_put(&fixtures[i], "y", 10, 4);
    write_file(folder, "kept", 10, 5);
    /* What is missing is made. */
    expect_counts(download(&fixtures[i], "x/", path_in(folder, "new/er"), 0), 3, 0, 0);
    check_tree(path_in(folder, "new/er"), "a\nb/\nb/c\nb/d\n");
    CHECK(file_is(folder, "new/er/b/d", MIB, 3));
    /* What is there is replaced, and what has no object stays. */
    write_file(folder, "y", 2000, 6);
    moved_t moved = download(&fixtures[i], "", folder, 0);
    check_counts(&moved, 4, 0, 0);
    CHECK_TEXT(moved.outcomes[3].key, "y");
    CHECK(moved.outcomes[3].revision != NULL);
    CHECK_INT(moved.progress.bytes_done, MIB + 1010);
    moved_free(&moved);
    check_tree(folder, "kept\nnew/\nnew/er/\nnew/er/a\nnew/er/b/\nnew/er/b/c\nnew/er/b/d\nx/\nx/a\nx/b/\nx/b/c\nx/b/d\ny\n");
    CHECK(file_is(folder, "y", 10, 4));
    /* The prefix is taken as it is written. */
    expect_counts(download(&fixtures[i], "x/b", path_in(folder, "none"), 0), 0, 0, 2);
    expect_counts(download(&fixtures[i], "nothing", path_in(folder, "none"), 0), 0, 0, 0);
    check_tree(path_in(folder, "none"), "");
    remove_tree(folder);
    fixture_free(&fixtures[i]);
  }
}

static void fill_folder(const char *folder, int count) {
  for (int i = 0; i < count; i++) {
    char name[32];
    snprintf(name, sizeof name, "%d", i % 20);
    if (i < 20) make_dir(folder, name);
    snprintf(name, sizeof name, "%d/%d", i % 20, i);
    write_file(folder, name, (size_t)i % 5000, (uint64_t)i);
  }
}

static void what_goes_up_comes_down_again(void) {
  fixture_t fixtures[2];
  stores_of_this_machine(fixtures);
  size_t large = big_size(40 * MIB, 9 * MIB);
  int    count = (int)rounds(2000) + 20;
  for (int i = 0; i < 2; i++) {
    char from[256], to[256];
    make_folder(from);
    make_folder(to);
    fill_folder(from, count);
    uint8_t *data = malloc(large);
    fill_big(data, large, 7);
    FILE *file = fopen(path_in(from, "large"), "w");
    must_work(file != NULL && fwrite(data, 1, large, file) == large && fclose(file) == 0, "large");
    free(data);
    expect_counts(upload(&fixtures[i], from, "p/", 0), (size_t)count + 1, 0, 0);
    expect_counts(download(&fixtures[i], "p/", to, 0), (size_t)count + 1, 0, 0);
    CHECK(same_trees(from, to));
    remove_tree(from);
    remove_tree(to);
    fixture_free(&fixtures[i]);
  }
}

static void outcomes_are_in_the_order_of_the_keys(void) {
  fixture_t fixture = in_memory();
  char      folder[256];
  make_folder(folder);
  fill_folder(folder, 500);
  moved_t moved = upload(&fixture, folder, "", 0);
  check_counts(&moved, 500, 0, 0);
  for (size_t i = 1; i < moved.count; i++) CHECK(strcmp(moved.outcomes[i - 1].key, moved.outcomes[i].key) < 0);
  moved_free(&moved);
  remove_tree(folder);
  fixture_free(&fixture);
}

/* -- what is no file ------------------------------------------------------------------------------------ */

static void what_is_no_file_is_told_and_left_alone(void) {
  fixture_t fixture = in_memory();
  char      folder[256], outside[256];
  make_folder(folder);
  make_folder(outside);
  write_file(outside, "secret", 10, 1);
  write_file(folder, "file", 10, 2);
  must_work(mkfifo(path_in(folder, "fifo"), 0600) == 0, "mkfifo");
  must_work(mknod(path_in(folder, "socket"), S_IFSOCK | 0600, 0) == 0, "mknod");
  make_link(path_in(outside, "secret"), folder, "link-out");
  make_link("../..", folder, "link-up-and-out");
  make_link("nothing-here", folder, "link-nowhere");
  make_link("link-circle", folder, "link-circle");
  make_dir(folder, "in");
  make_link("..", folder, "in/link-back");
  write_file(folder, "\xFF", 1, 1);
  moved_t moved = upload(&fixture, folder, "p/", 0);
  check_counts(&moved, 1, 0, 8);
  check_failed(&moved, "p/fifo", BLOBFERRY_E_UNSUPPORTED, "Fifo");
  check_failed(&moved, "p/socket", BLOBFERRY_E_UNSUPPORTED, "Socket");
  check_failed(&moved, "p/link-out", BLOBFERRY_E_PERMISSION, "leads out");
  check_failed(&moved, "p/link-up-and-out", BLOBFERRY_E_PERMISSION, "leads out");
  check_failed(&moved, "p/link-nowhere", BLOBFERRY_E_NOT_FOUND, "leads nowhere");
  check_failed(&moved, "p/link-circle", BLOBFERRY_E_PERMISSION, "circle");
  check_failed(&moved, "p/in/link-back", BLOBFERRY_E_UNSUPPORTED, "back to a folder above");
  check_failed(&moved, "p/\xFF", BLOBFERRY_E_ARGUMENT, "not UTF-8");
  CHECK(strstr(blobferry_error_message(moved.completion.error), "8 of 9 objects failed; the first, `p/fifo`: ") != NULL);
  CHECK_STATUS(moved.completion.status, BLOBFERRY_E_UNSUPPORTED);
  moved_free(&moved);
  check_keys(&fixture, "", NULL, "p/file\n");
  remove_tree(folder);
  remove_tree(outside);
  fixture_free(&fixture);
}

static void links_below_the_folder_are_followed(void) {
  fixture_t fixture = in_memory();
  char      folder[256];
  make_folder(folder);
  make_dir(folder, "real");
  write_file(folder, "real/file", 100, 1);
  make_link("real/file", folder, "to-file");
  make_link("real", folder, "to-folder");
  expect_counts(upload(&fixture, folder, "", 0), 3, 0, 0);
  check_object(&fixture, "to-file", 100, 1);
  check_object(&fixture, "to-folder/file", 100, 1);
  remove_tree(folder);
  fixture_free(&fixture);
}

static void names_of_ours_are_not_moved(void) {
  fixture_t fixture = in_memory();
  char      folder[256];
  make_folder(folder);
  write_file(folder, ".blobferry-manifest", 10, 1);
  make_dir(folder, "in");
  write_file(folder, "in/.blobferry-manifest", 10, 1);
  write_file(folder, "in/file", 10, 1);
  expect_counts(upload(&fixture, folder, "", 0), 1, 0, 0);
  check_keys(&fixture, "", NULL, "in/file\n");
  check_tree(folder, ".blobferry-manifest\nin/\nin/.blobferry-manifest\nin/file\n");
  remove_tree(folder);
  fixture_free(&fixture);
}

/* -- what is no path ------------------------------------------------------------------------------------ */

static void keys_that_are_no_paths_are_told(void) {
  fixture_t fixture = in_memory();
  char      folder[256], too_long[400];
  make_folder(folder);
  snprintf(too_long, sizeof too_long, "p/%0300d", 0);
  must_put(&fixture, "p", 1, 1);
  must_put(&fixture, "p/.blobferry-x", 1, 2);
  must_put(&fixture, "p/in/.blobferry-manifest", 1, 3);
  must_put(&fixture, too_long, 1, 4);
  must_put(&fixture, "p/good", 1, 5);
  must_put(&fixture, "p/control \x01\n", 1, 6);
  moved_t moved = download(&fixture, "p/", folder, 0);
  check_counts(&moved, 2, 0, 3);
  check_failed(&moved, "p/.blobferry-x", BLOBFERRY_E_ARGUMENT, ".blobferry-");
  check_failed(&moved, "p/in/.blobferry-manifest", BLOBFERRY_E_ARGUMENT, ".blobferry-");
  check_failed(&moved, too_long, BLOBFERRY_E_ARGUMENT, "300 bytes");
  moved_free(&moved);
  check_tree(folder, "control \x01\n\ngood\n");
  /* Without its slash the prefix leaves nothing, or a path that is not relative. */
  moved = download(&fixture, "p", path_in(folder, "other"), 0);
  check_counts(&moved, 0, 0, 6);
  check_failed(&moved, "p", BLOBFERRY_E_ARGUMENT, "it is empty");
  check_failed(&moved, "p/good", BLOBFERRY_E_ARGUMENT, "begins or ends with `/`");
  moved_free(&moved);
  remove_tree(folder);
  fixture_free(&fixture);
}

static void a_key_that_is_file_and_folder_is_told(void) {
  fixture_t fixture = in_memory();
  char      folder[256];
  make_folder(folder);
  must_put(&fixture, "a", 10, 1);
  must_put(&fixture, "a/b", 10, 2);
  must_put(&fixture, "c", 10, 3);
  make_dir(folder, "c");
  write_file(folder, "c/d", 10, 4);
  moved_t moved = download(&fixture, "", folder, 0);
  check_counts(&moved, 1, 0, 2);
  check_failed(&moved, "c", BLOBFERRY_E_UNSUPPORTED, "folder");
  bool first_is_file = outcome_at(&moved, "a").status == BLOBFERRY_OK;
  check_failed(&moved, first_is_file ? "a/b" : "a", BLOBFERRY_E_UNSUPPORTED, "folder");
  moved_free(&moved);
  CHECK(file_is(folder, "c/d", 10, 4));
  CHECK(first_is_file ? file_is(folder, "a", 10, 1) : file_is(folder, "a/b", 10, 2));
  remove_tree(folder);
  fixture_free(&fixture);
}

static void links_in_the_folder_lead_nothing_out(void) {
  fixture_t fixture = in_memory();
  char      folder[256], outside[256];
  make_folder(folder);
  make_folder(outside);
  write_file(outside, "victim", 10, 9);
  make_link(outside, folder, "out");
  make_link(path_in(outside, "victim"), folder, "file");
  make_link(path_in(outside, "new"), folder, "dangling");
  make_dir(folder, "real");
  make_link("real", folder, "inside");
  must_put(&fixture, "out/victim", 20, 1);
  must_put(&fixture, "out/new", 20, 1);
  must_put(&fixture, "file", 20, 2);
  must_put(&fixture, "dangling", 20, 3);
  must_put(&fixture, "inside/x", 20, 4);
  moved_t moved = download(&fixture, "", folder, 0);
  check_counts(&moved, 3, 0, 2);
  check_failed(&moved, "out/victim", BLOBFERRY_E_PERMISSION, "leads out");
  check_failed(&moved, "out/new", BLOBFERRY_E_PERMISSION, "leads out");
  moved_free(&moved);
  check_tree(outside, "victim\n");
  CHECK(file_is(outside, "victim", 10, 9));
  CHECK(file_is(folder, "file", 20, 2));
  CHECK(file_is(folder, "dangling", 20, 3));
  CHECK(file_is(folder, "real/x", 20, 4));
  remove_tree(folder);
  remove_tree(outside);
  fixture_free(&fixture);
}

/* -- what is wrong as a whole --------------------------------------------------------------------------- */

static void a_folder_that_is_none_is_told(void) {
  fixture_t fixture = in_memory();
  char      folder[256];
  make_folder(folder);
  write_file(folder, "file", 10, 1);
  moved_t moved = upload(&fixture, path_in(folder, "missing"), "", 0);
  CHECK_STATUS(moved.completion.status, BLOBFERRY_E_NOT_FOUND);
  CHECK(strstr(blobferry_error_message(moved.completion.error), "there is no such folder") != NULL);
  CHECK(strstr(blobferry_error_message(moved.completion.error), "/missing") != NULL);
  CHECK_INT(moved.completion.result, 0);
  CHECK_INT(moved.count, 0);
  moved_free(&moved);
  moved = upload(&fixture, path_in(folder, "file"), "", 0);
  CHECK_STATUS(moved.completion.status, BLOBFERRY_E_ARGUMENT);
  moved_free(&moved);
  moved = download(&fixture, "", path_in(folder, "file/below"), 0);
  CHECK_STATUS(moved.completion.status, BLOBFERRY_E_ARGUMENT);
  moved_free(&moved);
  check_tree(folder, "file\n");
  remove_tree(folder);
  fixture_free(&fixture);
}

static void a_path_is_from_the_working_directory_on(void) {
  fixture_t fixture = in_memory();
  char      folder[256], before[512];
  make_folder(folder);
  make_dir(folder, "in");
  write_file(folder, "in/file", 10, 1);
  must_work(getcwd(before, sizeof before) != NULL && chdir(folder) == 0, "chdir");
  expect_counts(upload(&fixture, "in", "", 0), 1, 0, 0);
  expect_counts(upload(&fixture, ".", "", 0), 1, 0, 0);
  expect_counts(download(&fixture, "in/", "out", 0), 1, 0, 0);
  must_work(chdir(before) == 0, "chdir");
  check_keys(&fixture, "", NULL, "file\nin/file\n");
  CHECK(file_is(folder, "out/file", 10, 1));
  remove_tree(folder);
  fixture_free(&fixture);
}

static void what_is_wrong_is_refused(void) {
  fixture_t                  fixture = in_memory();
  blobferry_folder_options_t options = BLOBFERRY_FOLDER_OPTIONS_INIT;
  moved_t                    moved;
  static const char *const   bad_prefixes[] = {"/", "/a", "a//", "..", "a/../", "./"};
  for (size_t i = 0; i < sizeof bad_prefixes / sizeof bad_prefixes[0]; i++) {
    bool is_key = strcmp(bad_prefixes[i], "..") == 0; /* with a name behind it: `..a` */
    moved = upload(&fixture, "/nothing/here", bad_prefixes[i], 0);
    CHECK_INT(refused(&moved.completion), !is_key);
    CHECK_STATUS(moved.completion.status, is_key ? BLOBFERRY_E_NOT_FOUND : BLOBFERRY_E_ARGUMENT);
    moved_free(&moved);
  }
  moved = upload(&fixture, "", "", 0);
  check_refusal(moved.completion, BLOBFERRY_E_ARGUMENT, "`path` is empty");
  blobferry_report_free(moved.report);
  options.max_in_flight = 257;
  moved = download_with(&fixture, "", "/nothing/here", &options, NULL);
  check_refusal(moved.completion, BLOBFERRY_E_ARGUMENT, "at most 256");
  blobferry_report_free(moved.report);
  options.max_in_flight = 0;
  options.flags = 4;
  moved = download_with(&fixture, "", "/nothing/here", &options, NULL);
  check_refusal(moved.completion, BLOBFERRY_E_ARGUMENT, "flags");
  blobferry_report_free(moved.report);
  fixture_free(&fixture);
}

/* -- how requests end ------------------------------------------------------------------------------------ */

static void a_failure_ends_it_only_where_it_is_to(void) {
  for (int stops = 0; stops < 2; stops++) {
    fixture_t                  fixture = in_memory();
    blobferry_folder_options_t options = folder_options(stops ? BLOBFERRY_FOLDER_STOP_ON_ERROR : 0);
    char                       folder[256];
    make_folder(folder);
    fill_folder(folder, 300);
    must_work(mkfifo(path_in(folder, "0/fifo"), 0600) == 0, "mkfifo");
    options.max_in_flight = 1;
    moved_t moved = upload_with(&fixture, folder, "", &options, NULL);
    CHECK_STATUS(moved.completion.status, BLOBFERRY_E_UNSUPPORTED);
    if (stops) {
      /* The files of the folder `0` come first. */
      CHECK_INT(moved.progress.objects_done, 15);
      CHECK_INT(moved.progress.objects_failed, 1);
      CHECK_INT(moved.completion.result, 15);
      CHECK_INT(moved.count, 16);
    } else {
      check_counts(&moved, 300, 0, 1);
    }
    moved_free(&moved);
    remove_tree(folder);
    fixture_free(&fixture);
  }
}

/* One object of many that are up never comes to an end. */
static void a_request_is_cancelled_in_the_middle(void) {
  for (int deadline = 0; deadline < 2; deadline++) {
    fixture_t                  fixture = with_url("fault://test", NULL, 0);
    blobferry_folder_options_t options = BLOBFERRY_FOLDER_OPTIONS_INIT;
    blobferry_report_t        *report = new_report(NULL);
    blobferry_ticket_t         ticket = 0;
    char                       folder[256];
    size_t                     count = 0;
    make_folder(folder);
    write_file(folder, "a", 100, 1);
    write_file(folder, "never", 100, 2);
    write_file(folder, "z", 100, 3);
    options.max_in_flight = 2;
    options.timeout_ms = deadline ? 300 * slowness() : 0;
    CHECK_STATUS(blobferry_folder_upload(fixture.store, fixture.cq, folder, "", &options, report, 5, &ticket, NULL),
                 BLOBFERRY_OK);
    if (!deadline) {
      AWAIT(progress_of(report).objects_done == 2);
      CHECK(blobferry_report_outcomes(report, &count) == NULL);
      CHECK_INT(count, 0);
      must_cancel(fixture.cq, ticket);
    }
    blobferry_completion_t completion = wait_one(fixture.cq);
    CHECK_STATUS(completion.status, deadline ? BLOBFERRY_E_DEADLINE : BLOBFERRY_E_CANCELLED);
    CHECK_INT(completion.user_data, 5);
    CHECK_INT(completion.flags, BLOBFERRY_COMPLETION_MAYBE_COMMITTED); /* two were moved */
    dispose(&completion);
    const blobferry_outcome_t *outcomes = blobferry_report_outcomes(report, &count);
    CHECK_INT(count, 3);
    if (count == 3) {
      CHECK_STATUS(outcomes[0].status, BLOBFERRY_OK);
      CHECK_TEXT(outcomes[1].key, "never");
      CHECK_STATUS(outcomes[1].status, deadline ? BLOBFERRY_E_DEADLINE : BLOBFERRY_E_CANCELLED);
      CHECK_INT(outcomes[1].flags, 0);
      CHECK_STATUS(outcomes[2].status, BLOBFERRY_OK);
    }
    CHECK_INT(progress_of(report).objects_failed, 1);
    blobferry_report_free(report);
    settle(fixture.service);
    check_keys(&fixture, "", NULL, "a\nz\n");
    remove_tree(folder);
    fixture_free(&fixture);
  }
}

/* Cancelled at any moment, a download leaves whole files only, and tells which. */
static void a_cancelled_download_leaves_whole_files(void) {
  fixture_t fixture = in_memory();
  for (int i = 0; i < 40; i++) {
    char key[32];
    snprintf(key, sizeof key, "%02d", i);
    must_put(&fixture, key, 2 * MIB, (uint64_t)i);
  }
  uint64_t dice = test_seed();
  for (long turn = 0; turn < rounds(20); turn++) {
    blobferry_report_t *report = new_report(NULL);
    blobferry_ticket_t  ticket = 0;
    char                folder[256];
    size_t              count = 0;
    make_folder(folder);
    CHECK_STATUS(blobferry_folder_download(fixture.store, fixture.cq, "", folder, NULL, report, 0, &ticket, NULL),
                 BLOBFERRY_OK);
    uint64_t wanted = roll(&dice, 41);
    AWAIT(progress_of(report).objects_done >= wanted);
    must_cancel(fixture.cq, ticket);
    blobferry_completion_t completion = wait_one(fixture.cq);
    CHECK(completion.status == BLOBFERRY_E_CANCELLED || completion.status == BLOBFERRY_OK);
    dispose(&completion);
    const blobferry_outcome_t *outcomes = blobferry_report_outcomes(report, &count);
    settle(fixture.service);
    for (size_t i = 0; i < count; i++) {
      bool is_there = exists(folder, outcomes[i].key);
      bool in_doubt = (outcomes[i].flags & BLOBFERRY_OUTCOME_MAYBE_COMMITTED) != 0;
      CHECK(outcomes[i].status == BLOBFERRY_OK || outcomes[i].status == BLOBFERRY_E_CANCELLED);
      if (!in_doubt) CHECK_INT(is_there, outcomes[i].status == BLOBFERRY_OK);
      if (is_there) CHECK(file_is(folder, outcomes[i].key, 2 * MIB, strtoull(outcomes[i].key, NULL, 10)));
    }
    blobferry_report_free(report);
    remove_tree(folder);
    beat();
  }
  fixture_free(&fixture);
}

static void a_small_budget_is_enough(void) {
  blobferry_service_options_t service_options = BLOBFERRY_SERVICE_OPTIONS_INIT;
  blobferry_folder_options_t  options = BLOBFERRY_FOLDER_OPTIONS_INIT;
  char                        folder[256], back[256];
  fixture_t                   fixture;
  memset(&fixture, 0, sizeof fixture);
  service_options.max_bytes_in_flight = MIB;
  must(blobferry_service_new(&service_options, &fixture.service, NULL), NULL, "blobferry_service_new");
  fixture.cq = new_cq(fixture.service, 16, BLOBFERRY_WAKE_NONE);
  fixture.store = open_store(fixture.service, "memory://test");
  make_folder(folder);
  make_folder(back);
  fill_folder(folder, 200);
  for (int i = 0; i < 6; i++) {
    char name[24];
    snprintf(name, sizeof name, "large%d", i);
    write_file(folder, name, 3 * MIB + (size_t)i, (uint64_t)i);
  }
  options.max_in_flight = 256;
  options.part_size = MIB;
  moved_t moved = upload_with(&fixture, folder, "", &options, NULL);
  check_counts(&moved, 206, 0, 0);
  moved_free(&moved);
  moved = download_with(&fixture, "", back, &options, NULL);
  check_counts(&moved, 206, 0, 0);
  moved_free(&moved);
  CHECK(same_trees(folder, back));
  remove_tree(folder);
  remove_tree(back);
  fixture_free(&fixture);
}

TESTS(TEST(every_file_becomes_an_object), TEST(every_object_becomes_a_file), TEST(what_goes_up_comes_down_again),
      TEST(outcomes_are_in_the_order_of_the_keys), TEST(what_is_no_file_is_told_and_left_alone),
      TEST(links_below_the_folder_are_followed), TEST(names_of_ours_are_not_moved),
      TEST(keys_that_are_no_paths_are_told), TEST(a_key_that_is_file_and_folder_is_told),
      TEST(links_in_the_folder_lead_nothing_out), TEST(a_folder_that_is_none_is_told),
      TEST(a_path_is_from_the_working_directory_on), TEST(what_is_wrong_is_refused),
      TEST(a_failure_ends_it_only_where_it_is_to), TEST(a_request_is_cancelled_in_the_middle),
      TEST(a_cancelled_download_leaves_whole_files), TEST(a_small_budget_is_enough))
