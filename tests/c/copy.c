/*
 * Copy and rename on memory:// and file://: what goes along, when they take effect,
 * what they refuse, and that nothing is left of them that was not asked for.
 */
#include "folder.h"
#include "verbs.h"

typedef blobferry_status_t (*verb_fn)(const blobferry_store_t *, blobferry_cq_t *, const char *, const char *,
                                      const blobferry_copy_options_t *, uint64_t, blobferry_ticket_t *,
                                      blobferry_error_t **);

static const verb_fn verbs[] = {blobferry_object_copy, blobferry_object_rename};
enum { COPY, RENAME, VERBS };

static blobferry_completion_t transfer_with(const fixture_t *fixture, int verb, const char *from, const char *to,
                                            const blobferry_copy_options_t *options) {
  blobferry_error_t *error = NULL;
  blobferry_status_t submitted = verbs[verb](fixture->store, fixture->cq, from, to, options, 7, NULL, &error);
  return outcome_of(fixture, submitted, error);
}

static blobferry_completion_t transfer(const fixture_t *fixture, int verb, const char *from, const char *to,
                                       uint32_t mode) {
  blobferry_copy_options_t options = BLOBFERRY_COPY_OPTIONS_INIT;
  options.mode = mode;
  return transfer_with(fixture, verb, from, to, &options);
}

/* Runs a test on both stores. */
static void on_both(void (*test)(const fixture_t *)) {
  fixture_t fixture = in_memory();
  test(&fixture);
  fixture_free(&fixture);
  fixture = in_folder();
  test(&fixture);
  fixture_free(&fixture);
}

/* -- what they do ----------------------------------------------------------------------------------------- */

static void copy_all_sizes(const fixture_t *fixture) {
  static const size_t sizes[] = {0, 1, 4096, MIB + 1, 20 * MIB};
  for (size_t i = 0; i < sizeof sizes / sizeof sizes[0]; i++) {
    must_put(fixture, "from", sizes[i], i);
    blobferry_completion_t completion = transfer(fixture, COPY, "from", "a/b/to", BLOBFERRY_PUT_OVERWRITE);
    CHECK_INT(completion.result, 0);
    CHECK_INT(completion.user_data, 7);
    CHECK(completion.details == NULL && completion.buffer == NULL);
    check_outcome(completion, BLOBFERRY_OK, "");
    check_object(fixture, "from", sizes[i], i);
    check_object(fixture, "a/b/to", sizes[i], i);
  }
  check_keys(fixture, "", "", "a/b/to\nfrom\n");
}

static void a_copy_is_an_object_of_its_own(void) { on_both(copy_all_sizes); }

static void rename_all_sizes(const fixture_t *fixture) {
  static const size_t sizes[] = {0, 1, MIB + 1};
  for (size_t i = 0; i < sizeof sizes / sizeof sizes[0]; i++) {
    must_put(fixture, "c/from", sizes[i], i);
    blobferry_completion_t completion = transfer(fixture, RENAME, "c/from", "a/b/to", BLOBFERRY_PUT_OVERWRITE);
    CHECK_INT(completion.result, 0);
    check_outcome(completion, BLOBFERRY_OK, "");
    check_object(fixture, "a/b/to", sizes[i], i);
    check_outcome(get(fixture, "c/from"), BLOBFERRY_E_NOT_FOUND, "c/from");
  }
  check_keys(fixture, "", "", "a/b/to\n");
}

static void a_rename_leaves_one_object(void) { on_both(rename_all_sizes); }

/* What is written to one of them afterwards is not in the other. */
static void change_after_copy(const fixture_t *fixture) {
  must_put(fixture, "from", 100, 1);
  check_outcome(transfer(fixture, COPY, "from", "to", BLOBFERRY_PUT_CREATE), BLOBFERRY_OK, "");
  must_put(fixture, "from", 100, 2);
  check_object(fixture, "to", 100, 1);
  must_put(fixture, "to", 50, 3);
  check_object(fixture, "from", 100, 2);
  check_outcome(delete (fixture, "from"), BLOBFERRY_OK, "");
  check_object(fixture, "to", 50, 3);
}

static void a_copy_does_not_follow_its_source(void) { on_both(change_after_copy); }

static void modes_of(const fixture_t *fixture) {
  for (int verb = COPY; verb < VERBS; verb++) {
    must_put(fixture, "from", 10, 1);
    must_put(fixture, "to", 20, 2);
    check_outcome(transfer(fixture, verb, "from", "to", BLOBFERRY_PUT_CREATE), BLOBFERRY_E_EXISTS, "");
    check_object(fixture, "from", 10, 1);
    check_object(fixture, "to", 20, 2);
    check_outcome(transfer(fixture, verb, "from", "new", BLOBFERRY_PUT_CREATE), BLOBFERRY_OK, "");
    check_object(fixture, "new", 10, 1);
    check_outcome(transfer(fixture, verb, "new", "to", BLOBFERRY_PUT_OVERWRITE), BLOBFERRY_OK, "");
    check_object(fixture, "to", 10, 1);
    check_outcome(delete (fixture, "new"), BLOBFERRY_OK, "");
  }
}

static void create_takes_effect_only_where_nothing_is(void) { on_both(modes_of); }

static void missing_source(const fixture_t *fixture) {
  must_put(fixture, "to", 20, 2);
  for (int verb = COPY; verb < VERBS; verb++) {
    check_outcome(transfer(fixture, verb, "none", "to", BLOBFERRY_PUT_OVERWRITE), BLOBFERRY_E_NOT_FOUND, "none");
    check_outcome(transfer(fixture, verb, "no/ne", "new/to", BLOBFERRY_PUT_CREATE), BLOBFERRY_E_NOT_FOUND, "no/ne");
  }
  check_object(fixture, "to", 20, 2);
  check_keys(fixture, "", "", "to\n");
  if (fixture->folder[0] != '\0') check_tree(fixture->folder, "to\n");
}

static void what_is_not_there_is_not_copied(void) { on_both(missing_source); }

/* -- what goes along -------------------------------------------------------------------------------------- */

static void metadata_go_along(void) {
  const blobferry_pair_t   metadata[] = {{"b", "2"}, {"a", "1"}};
  blobferry_put_options_t  put_options = BLOBFERRY_PUT_OPTIONS_INIT;
  blobferry_copy_options_t options = BLOBFERRY_COPY_OPTIONS_INIT;
  fixture_t                fixture = in_memory();
  put_options.content_type = "text/x-test";
  put_options.cache_control = "no-store";
  put_options.metadata = metadata;
  put_options.metadata_count = 2;
  options.flags = BLOBFERRY_REQUEST_DETAILS;
  check_outcome(put_with(&fixture, "from", 10, 1, &put_options), BLOBFERRY_OK, "");
  const char *from = "from";
  for (int verb = COPY; verb < VERBS; verb++) {
    const char            *to = verb == COPY ? "copy" : "rename";
    blobferry_completion_t done = transfer_with(&fixture, verb, from, to, &options);
    blobferry_completion_t known = head(&fixture, to);
    size_t                 count = 0;
    const blobferry_pair_t *pairs = blobferry_details_metadata(known.details, &count);
    CHECK_INT(count, 2);
    if (count == 2) CHECK_TEXT(pairs[0].key, "a");
    if (count == 2) CHECK_TEXT(pairs[1].value, "2");
    CHECK_TEXT(blobferry_details_content_type(known.details), "text/x-test");
    CHECK_TEXT(blobferry_details_cache_control(known.details), "no-store");
    CHECK_TEXT(blobferry_details_revision(done.details), blobferry_details_revision(known.details));
    CHECK_INT(blobferry_details_size(done.details), 10);
    check_outcome(done, BLOBFERRY_OK, "");
    dispose(&known);
    from = to;
  }
  check_keys(&fixture, "", "", "from\nrename\n");
  fixture_free(&fixture);
}

/* Details are of the new object, and tell when it is another one. */
static void details_are_of_the_new_object(const fixture_t *fixture) {
  blobferry_copy_options_t options = BLOBFERRY_COPY_OPTIONS_INIT;
  options.flags = BLOBFERRY_REQUEST_DETAILS;
  must_put(fixture, "from", 10, 1);
  blobferry_completion_t old = head(fixture, "from");
  blobferry_completion_t done = transfer_with(fixture, COPY, "from", "to", &options);
  blobferry_completion_t known = head(fixture, "to");
  CHECK_INT(blobferry_details_size(done.details), 10);
  CHECK_TEXT(blobferry_details_revision(done.details), blobferry_details_revision(known.details));
  CHECK(strcmp(blobferry_details_revision(done.details), blobferry_details_revision(old.details)) != 0);
  CHECK(blobferry_details_last_modified_ns(done.details) >= blobferry_details_last_modified_ns(old.details));
  check_outcome(done, BLOBFERRY_OK, "");
  dispose(&known);
  dispose(&old);
  done = transfer_with(fixture, RENAME, "to", "new", &options);
  known = head(fixture, "new");
  CHECK_TEXT(blobferry_details_revision(done.details), blobferry_details_revision(known.details));
  check_outcome(done, BLOBFERRY_OK, "");
  dispose(&known);
}

static void a_copy_tells_its_details(void) { on_both(details_are_of_the_new_object); }

/* -- what is refused -------------------------------------------------------------------------------------- */

static void refusals(const fixture_t *fixture) {
  blobferry_copy_options_t options = BLOBFERRY_COPY_OPTIONS_INIT;
  must_put(fixture, "from", 10, 1);
  for (int verb = COPY; verb < VERBS; verb++) {
    check_refusal(transfer(fixture, verb, "from", "from", 0), BLOBFERRY_E_ARGUMENT, "same key");
    check_refusal(transfer(fixture, verb, "from", "a//b", 0), BLOBFERRY_E_ARGUMENT, "a//b");
    check_refusal(transfer(fixture, verb, "from", "", 0), BLOBFERRY_E_ARGUMENT, "");
    check_refusal(transfer(fixture, verb, "from/", "to", 0), BLOBFERRY_E_ARGUMENT, "from/");
    check_refusal(transfer(fixture, verb, "from", "\xff", 0), BLOBFERRY_E_ARGUMENT, "`to` is not UTF-8");
    check_refusal(transfer(fixture, verb, NULL, "to", 0), BLOBFERRY_E_ARGUMENT, "`from` is NULL");
    check_refusal(transfer(fixture, verb, "from", NULL, 0), BLOBFERRY_E_ARGUMENT, "`to` is NULL");
    check_refusal(transfer(fixture, verb, "from", "to", BLOBFERRY_PUT_UPDATE), BLOBFERRY_E_ARGUMENT, "mode");
    check_refusal(transfer(fixture, verb, "from", "to", 3), BLOBFERRY_E_ARGUMENT, "mode");
    options.flags = 2;
    check_refusal(transfer_with(fixture, verb, "from", "to", &options), BLOBFERRY_E_ARGUMENT, "flags");
  }
  check_keys(fixture, "", "", "from\n");
}

static void bad_arguments_change_nothing(void) { on_both(refusals); }

/* -- files ------------------------------------------------------------------------------------------------ */

static unsigned long links_of(const fixture_t *fixture, const char *key) {
  struct stat what = {0};
  CHECK(lstat(path_in(fixture->folder, key), &what) == 0);
  return (unsigned long)what.st_nlink;
}

static void files_are_left_with_one_name(void) {
  fixture_t fixture = in_folder();
  write_file(fixture.folder, "from", 1000, 1);
  write_file(fixture.folder, "there", 10, 2);
  check_outcome(transfer(&fixture, COPY, "from", "a/copy", BLOBFERRY_PUT_CREATE), BLOBFERRY_OK, "");
  check_outcome(transfer(&fixture, COPY, "from", "there", BLOBFERRY_PUT_OVERWRITE), BLOBFERRY_OK, "");
  CHECK_INT(links_of(&fixture, "from"), 1);
  CHECK_INT(links_of(&fixture, "a/copy"), 1);
  CHECK_INT(links_of(&fixture, "there"), 1);
  check_outcome(transfer(&fixture, RENAME, "from", "b/moved", BLOBFERRY_PUT_CREATE), BLOBFERRY_OK, "");
  CHECK_INT(links_of(&fixture, "b/moved"), 1);
  check_tree(fixture.folder, "a/\na/copy\nb/\nb/moved\nthere\n");
  CHECK(file_is(fixture.folder, "there", 1000, 1));
  fixture_free(&fixture);
}

/* The system leaves both names of one file alone when one is to become the other. */
static void both_names_of_a_file_become_one(void) {
  fixture_t fixture = in_folder();
  write_file(fixture.folder, "from", 1000, 1);
  CHECK(link(path_in(fixture.folder, "from"), path_in(fixture.folder, "to")) == 0);
  check_outcome(transfer(&fixture, RENAME, "from", "to", BLOBFERRY_PUT_CREATE), BLOBFERRY_E_EXISTS, "");
  check_outcome(transfer(&fixture, RENAME, "from", "to", BLOBFERRY_PUT_OVERWRITE), BLOBFERRY_OK, "");
  check_tree(fixture.folder, "to\n");
  CHECK(file_is(fixture.folder, "to", 1000, 1));
  CHECK(link(path_in(fixture.folder, "to"), path_in(fixture.folder, "other")) == 0);
  check_outcome(transfer(&fixture, COPY, "to", "other", BLOBFERRY_PUT_OVERWRITE), BLOBFERRY_OK, "");
  CHECK_INT(links_of(&fixture, "to"), 1);
  CHECK_INT(links_of(&fixture, "other"), 1);
  fixture_free(&fixture);
}

static void a_rename_leaves_the_emptied_folder(void) {
  fixture_t fixture = in_folder();
  must_put(&fixture, "a/b/from", 10, 1);
  check_outcome(transfer(&fixture, RENAME, "a/b/from", "c/d/to", BLOBFERRY_PUT_CREATE), BLOBFERRY_OK, "");
  check_tree(fixture.folder, "a/\na/b/\nc/\nc/d/\nc/d/to\n");
  fixture_free(&fixture);
}

static void folders_are_not_objects(void) {
  fixture_t fixture = in_folder();
  must_put(&fixture, "a/b", 10, 1);
  must_put(&fixture, "from", 20, 2);
  for (int verb = COPY; verb < VERBS; verb++)
    for (uint32_t mode = BLOBFERRY_PUT_OVERWRITE; mode <= BLOBFERRY_PUT_CREATE; mode++) {
      check_outcome(transfer(&fixture, verb, "a", "to", mode), BLOBFERRY_E_NOT_FOUND, "folder");
      check_outcome(transfer(&fixture, verb, "from", "a", mode), BLOBFERRY_E_UNSUPPORTED, "folder");
      check_outcome(transfer(&fixture, verb, "from", "from/to", mode), BLOBFERRY_E_UNSUPPORTED, "folder");
      check_outcome(transfer(&fixture, verb, "a/b", "a", mode), BLOBFERRY_E_UNSUPPORTED, "folder");
    }
  check_tree(fixture.folder, "a/\na/b\nfrom\n");
  check_object(&fixture, "a/b", 10, 1);
  check_object(&fixture, "from", 20, 2);
  fixture_free(&fixture);
}

/* A link is followed to what it leads to; one that is moved would lead elsewhere. */
static void links_are_copied_and_not_renamed(void) {
  fixture_t fixture = in_folder();
  char      outside[256];
  make_folder(outside);
  write_file(outside, "secret", 10, 9);
  make_dir(fixture.folder, "a");
  write_file(fixture.folder, "a/file", 100, 1);
  make_link("a/file", fixture.folder, "link");
  make_link("a", fixture.folder, "folder");
  make_link(path_in(outside, "secret"), fixture.folder, "out");
  check_outcome(transfer(&fixture, COPY, "link", "copy", BLOBFERRY_PUT_CREATE), BLOBFERRY_OK, "");
  CHECK(file_is(fixture.folder, "copy", 100, 1));
  check_outcome(transfer(&fixture, RENAME, "link", "moved", BLOBFERRY_PUT_CREATE), BLOBFERRY_E_UNSUPPORTED, "link");
  check_outcome(transfer(&fixture, COPY, "out", "stolen", BLOBFERRY_PUT_CREATE), BLOBFERRY_E_PERMISSION, "link");
  check_outcome(transfer(&fixture, RENAME, "folder/file", "a/file", BLOBFERRY_PUT_OVERWRITE), BLOBFERRY_E_ARGUMENT,
                "same file");
  CHECK(file_is(fixture.folder, "a/file", 100, 1));
  /* A copy over a link replaces the link. */
  check_outcome(transfer(&fixture, COPY, "copy", "out", BLOBFERRY_PUT_OVERWRITE), BLOBFERRY_OK, "");
  CHECK(file_is(outside, "secret", 10, 9) && file_is(fixture.folder, "out", 100, 1));
  CHECK_INT(mkfifo(path_in(fixture.folder, "fifo"), 0600), 0);
  check_outcome(transfer(&fixture, COPY, "fifo", "x", BLOBFERRY_PUT_CREATE), BLOBFERRY_E_UNSUPPORTED, "Fifo");
  check_outcome(transfer(&fixture, RENAME, "fifo", "x", BLOBFERRY_PUT_CREATE), BLOBFERRY_E_UNSUPPORTED, "Fifo");
  check_tree(fixture.folder, "a/\na/file\ncopy\nfifo\nfolder\nlink\nout\n");
  remove_tree(outside);
  fixture_free(&fixture);
}

static void they_are_made_lasting(void) {
  const blobferry_pair_t fsync_on[] = {{"fsync", "true"}};
  char                   folder[256];
  make_folder(folder);
  fixture_t fixture = in_this_folder(folder, fsync_on, 1);
  must_put(&fixture, "from", 1000, 1);
  check_outcome(transfer(&fixture, COPY, "from", "a/copy", BLOBFERRY_PUT_CREATE), BLOBFERRY_OK, "");
  check_outcome(transfer(&fixture, RENAME, "from", "b/moved", BLOBFERRY_PUT_OVERWRITE), BLOBFERRY_OK, "");
  check_tree(folder, "a/\na/copy\nb/\nb/moved\n");
  fixture_free(&fixture);
}

/* -- many at once ----------------------------------------------------------------------------------------- */

/* Of many that create one key, one does; nothing is ever half there. */
static void race_to_create(const fixture_t *fixture) {
  enum { RACERS = 32 };
  blobferry_copy_options_t options = BLOBFERRY_COPY_OPTIONS_INIT;
  options.mode = BLOBFERRY_PUT_CREATE;
  for (int verb = COPY; verb < VERBS; verb++) {
    int won = -1, lost = 0;
    for (int i = 0; i < RACERS; i++) {
      char from[32];
      snprintf(from, sizeof from, "from/%d", i);
      must_put(fixture, from, 5000, (uint64_t)i);
    }
    for (int i = 0; i < RACERS; i++) {
      char from[32];
      snprintf(from, sizeof from, "from/%d", i);
      must(verbs[verb](fixture->store, fixture->cq, from, "one/to", &options, (uint64_t)i, NULL, NULL), NULL, from);
    }
    for (int i = 0; i < RACERS; i++) {
      blobferry_completion_t completion = wait_one(fixture->cq);
      if (completion.status == BLOBFERRY_OK) won = (int)completion.user_data;
      else {
        CHECK_STATUS(completion.status, BLOBFERRY_E_EXISTS);
        lost++;
      }
      dispose(&completion);
    }
    CHECK_INT(lost, RACERS - 1);
    if (won >= 0) check_object(fixture, "one/to", 5000, (uint64_t)won);
    check_outcome(delete (fixture, "one/to"), BLOBFERRY_OK, "");
  }
}

static void of_many_that_create_one_does(void) { on_both(race_to_create); }

/* Of many that rename one object, one finds it. */
static void race_to_rename(const fixture_t *fixture) {
  enum { RACERS = 32 };
  int won = -1;
  must_put(fixture, "from", 5000, 1);
  for (int i = 0; i < RACERS; i++) {
    char to[32];
    snprintf(to, sizeof to, "to/%d/object", i);
    must(blobferry_object_rename(fixture->store, fixture->cq, "from", to, NULL, (uint64_t)i, NULL, NULL), NULL, to);
  }
  for (int i = 0; i < RACERS; i++) {
    blobferry_completion_t completion = wait_one(fixture->cq);
    if (completion.status != BLOBFERRY_OK) CHECK_STATUS(completion.status, BLOBFERRY_E_NOT_FOUND);
    else {
      CHECK_INT(won, -1);
      won = (int)completion.user_data;
    }
    dispose(&completion);
  }
  char to[32], wanted[64];
  snprintf(to, sizeof to, "to/%d/object", won);
  snprintf(wanted, sizeof wanted, "%s\n", to);
  check_keys(fixture, "", "", wanted);
  if (won >= 0) check_object(fixture, to, 5000, 1);
}

static void of_many_that_rename_one_finds_it(void) { on_both(race_to_rename); }

/* -- cancel ----------------------------------------------------------------------------------------------- */

/* Cancelled at any time: it has taken effect and says so, or it has not. */
static void cancel_at_any_time(const fixture_t *fixture) {
  size_t size = 4 * MIB;
  int    cancelled = 0;
  for (int round = 0; round < 60; round++) {
    blobferry_ticket_t ticket = 0;
    int                verb = round % 2;
    must_put(fixture, "from", size, 1);
    check_outcome(delete (fixture, "new/to"), BLOBFERRY_OK, "");
    must(verbs[verb](fixture->store, fixture->cq, "from", "new/to", NULL, 0, &ticket, NULL), NULL, "submit");
    if (round % 3 != 0) usleep((useconds_t)(round * 37));
    CHECK_STATUS(blobferry_cq_cancel(fixture->cq, ticket, NULL), BLOBFERRY_OK);
    blobferry_completion_t completion = wait_one(fixture->cq);
    bool                   done = completion.status == BLOBFERRY_OK;
    if (!done) CHECK_STATUS(completion.status, BLOBFERRY_E_CANCELLED);
    CHECK_INT(completion.flags, 0);
    dispose(&completion);
    cancelled += !done;
    if (done) check_object(fixture, "new/to", size, 1);
    else check_outcome(get(fixture, "new/to"), BLOBFERRY_E_NOT_FOUND, "");
    if (!done || verb == COPY) check_object(fixture, "from", size, 1);
    else check_outcome(get(fixture, "from"), BLOBFERRY_E_NOT_FOUND, "");
  }
  if (cancelled == 0) FAIL("none of 60 requests was cancelled in time");
}

static void a_cancelled_one_has_not_taken_effect(void) { on_both(cancel_at_any_time); }

TESTS(TEST(a_copy_is_an_object_of_its_own), TEST(a_rename_leaves_one_object), TEST(a_copy_does_not_follow_its_source),
      TEST(create_takes_effect_only_where_nothing_is), TEST(what_is_not_there_is_not_copied), TEST(metadata_go_along),
      TEST(a_copy_tells_its_details), TEST(bad_arguments_change_nothing), TEST(files_are_left_with_one_name),
      TEST(both_names_of_a_file_become_one), TEST(a_rename_leaves_the_emptied_folder), TEST(folders_are_not_objects),
      TEST(links_are_copied_and_not_renamed), TEST(they_are_made_lasting), TEST(of_many_that_create_one_does),
      TEST(of_many_that_rename_one_finds_it), TEST(a_cancelled_one_has_not_taken_effect))
