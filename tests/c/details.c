/*
 * Details: what they answer, that they live on their own, and that nothing of them
 * is borrowed from the caller after the submit call. What they say of an object is
 * in the behaviour list (details.list).
 */
#include "folder.h"
#include "verbs.h"

#define SECOND INT64_C(1000000000)

static blobferry_put_options_t asking(void) {
  blobferry_put_options_t options = BLOBFERRY_PUT_OPTIONS_INIT;
  options.flags = BLOBFERRY_REQUEST_DETAILS;
  return options;
}

/* The details of a head, owned. */
static blobferry_details_t *details_of(const fixture_t *fixture, const char *key) {
  blobferry_completion_t completion = head(fixture, key);
  if (completion.details == NULL) must(BLOBFERRY_E_UNKNOWN, completion.error, "head without details");
  return completion.details;
}

static void no_details_answer_as_for_an_unknown_object(void) {
  size_t count = 99;
  CHECK_INT(blobferry_details_size(NULL), 0);
  CHECK(blobferry_details_revision(NULL) == NULL);
  CHECK_INT(blobferry_details_last_modified_ns(NULL), BLOBFERRY_TIME_UNKNOWN);
  CHECK(blobferry_details_content_type(NULL) == NULL);
  CHECK(blobferry_details_metadata(NULL, &count) == NULL);
  CHECK_INT(count, 0);
  CHECK(blobferry_details_metadata(NULL, NULL) == NULL);
  blobferry_details_free(NULL);
}

static void a_failed_request_has_no_details(void) {
  fixture_t               fixture = in_memory();
  blobferry_get_options_t get = BLOBFERRY_GET_OPTIONS_INIT;
  blobferry_put_options_t create = asking();
  create.mode = BLOBFERRY_PUT_CREATE;
  get.flags = BLOBFERRY_REQUEST_DETAILS;
  must_put(&fixture, "a", 1000, 1);
  blobferry_completion_t completion = head(&fixture, "missing");
  CHECK(completion.details == NULL);
  check_outcome(completion, BLOBFERRY_E_NOT_FOUND, "");
  completion = put_with(&fixture, "a", 10, 2, &create);
  CHECK(completion.details == NULL);
  check_outcome(completion, BLOBFERRY_E_EXISTS, "");
  got_t got = get_with(&fixture, "a", 10, &get);
  CHECK(got.completion.details == NULL);
  CHECK_STATUS(got.completion.status, BLOBFERRY_E_TOO_SMALL);
  got_free(&got);
  fixture_free(&fixture);
}

static void details_outlive_their_service(void) {
  fixture_t               fixtures[] = {in_memory(), in_folder()};
  blobferry_put_options_t options = asking();
  blobferry_pair_t        pair = {"key", "value"};
  for (int i = 0; i < 2; i++) {
    size_t count = 0;
    options.content_type = i == 0 ? "text/plain" : NULL;
    options.metadata = i == 0 ? &pair : NULL;
    options.metadata_count = i == 0 ? 1 : 0;
    check_outcome(put_with(&fixtures[i], "folder/a", 1000, 1, &options), BLOBFERRY_OK, "");
    blobferry_details_t *details = details_of(&fixtures[i], "folder/a");
    char                *revision = strdup(blobferry_details_revision(details));
    fixture_free(&fixtures[i]);
    CHECK_INT(blobferry_details_size(details), 1000);
    CHECK_TEXT(blobferry_details_revision(details), revision);
    CHECK(blobferry_details_last_modified_ns(details) != BLOBFERRY_TIME_UNKNOWN);
    const blobferry_pair_t *pairs = blobferry_details_metadata(details, &count);
    if (i == 0) {
      CHECK_TEXT(blobferry_details_content_type(details), "text/plain");
      CHECK_INT(count, 1);
      if (count == 1) CHECK_TEXT(pairs[0].key, "key");
      if (count == 1) CHECK_TEXT(pairs[0].value, "value");
    }
    blobferry_details_free(details);
    free(revision);
  }
}

/* Details are of a moment: what happens to the object later does not change them. */
static void details_stay_as_they_were(void) {
  fixture_t            fixture = in_memory();
  blobferry_details_t *first, *second;
  must_put(&fixture, "a", 1000, 1);
  first = details_of(&fixture, "a");
  char *revision = strdup(blobferry_details_revision(first));
  must_put(&fixture, "a", 2000, 2);
  second = details_of(&fixture, "a");
  CHECK_INT(blobferry_details_size(first), 1000);
  CHECK_TEXT(blobferry_details_revision(first), revision);
  CHECK_INT(blobferry_details_size(second), 2000);
  CHECK(strcmp(blobferry_details_revision(second), revision) != 0);
  CHECK(blobferry_details_last_modified_ns(second) >= blobferry_details_last_modified_ns(first));
  blobferry_details_free(first);
  blobferry_details_free(second);
  free(revision);
  fixture_free(&fixture);
}

static void every_put_has_a_revision_of_its_own(void) {
  fixture_t               fixtures[] = {in_memory(), in_folder()};
  blobferry_put_options_t options = asking();
  for (int i = 0; i < 2; i++) {
    char last[256] = "";
    for (long round = rounds(300) + 1; round > 0; round--) {
      blobferry_completion_t completion = put_with(&fixtures[i], "a", 100, (uint64_t)round, &options);
      const char            *revision = blobferry_details_revision(completion.details);
      if (revision == NULL || *revision == '\0' || strcmp(revision, last) == 0)
        FAIL("the revision after \"%s\" is \"%s\"", last, revision ? revision : "(null)");
      snprintf(last, sizeof last, "%s", revision ? revision : "");
      check_outcome(completion, BLOBFERRY_OK, "");
    }
    fixture_free(&fixtures[i]);
  }
}

/* A change behind the library's back is a change too, even one that keeps the size. */
static void a_file_written_in_place_has_another_revision(void) {
  fixture_t fixture = in_folder();
  write_file(fixture.folder, "a", 1000, 1);
  blobferry_details_t *first = details_of(&fixture, "a");
  usleep(20000); /* more than the coarsest clock of a file system of today */
  int file = open(path_in(fixture.folder, "a"), O_WRONLY);
  must_work(file >= 0 && pwrite(file, "x", 1, 500) == 1, "pwrite");
  close(file);
  blobferry_details_t *second = details_of(&fixture, "a");
  CHECK(strcmp(blobferry_details_revision(first), blobferry_details_revision(second)) != 0);
  blobferry_details_free(first);
  blobferry_details_free(second);
  fixture_free(&fixture);
}

static void the_time_is_that_of_the_put(void) {
  fixture_t fixtures[] = {in_memory(), in_folder()};
  for (int i = 0; i < 2; i++) {
    struct timespec before, after;
    clock_gettime(CLOCK_REALTIME, &before);
    must_put(&fixtures[i], "a", 100, 1);
    clock_gettime(CLOCK_REALTIME, &after);
    blobferry_details_t *details = details_of(&fixtures[i], "a");
    int64_t              modified = blobferry_details_last_modified_ns(details);
    CHECK(modified >= (int64_t)before.tv_sec * SECOND - SECOND);
    CHECK(modified <= ((int64_t)after.tv_sec + 1) * SECOND);
    blobferry_details_free(details);
    fixture_free(&fixtures[i]);
  }
}

/* All that a put was told lies in memory that is taken away when its submit call has returned. */
static void the_texts_of_a_put_are_copied(void) {
  fixture_t               fixture = with_url("fault://test", NULL, 0);
  blobferry_put_options_t options = asking();
  guarded_t               memory = guarded_new(256);
  char                   *text = (char *)memory.data;
  uint8_t                 data[100];
  pattern_fill(data, sizeof data, 1);
  strcpy(text, "key");
  strcpy(text + 50, "text/csv");
  strcpy(text + 100, "rows");
  strcpy(text + 150, "17");
  blobferry_pair_t *pair = (blobferry_pair_t *)(void *)(memory.data + 200);
  *pair = (blobferry_pair_t){text + 100, text + 150};
  options.content_type = text + 50;
  options.metadata = pair;
  options.metadata_count = 1;
  must(blobferry_object_put(fixture.store, fixture.cq, text, data, sizeof data, &options, 0, NULL, NULL), NULL, "put");
  guarded_lock(&memory);
  check_outcome(wait_one(fixture.cq), BLOBFERRY_OK, "");
  check_object(&fixture, "key", sizeof data, 1);
  blobferry_details_t    *details = details_of(&fixture, "key");
  size_t                  count = 0;
  const blobferry_pair_t *pairs = blobferry_details_metadata(details, &count);
  CHECK_TEXT(blobferry_details_content_type(details), "text/csv");
  CHECK_INT(count, 1);
  if (count == 1) CHECK_TEXT(pairs[0].key, "rows");
  if (count == 1) CHECK_TEXT(pairs[0].value, "17");
  blobferry_details_free(details);
  guarded_free(&memory);
  fixture_free(&fixture);
}

/* What a put lends is its own again with the completion: the object must not change with it. */
static void the_bytes_of_a_put_are_copied(void) {
  fixture_t fixtures[] = {in_memory(), in_folder()};
  for (int i = 0; i < 2; i++) {
    uint8_t *data = malloc(300000);
    pattern_fill(data, 300000, 1);
    put_object(fixtures[i].store, fixtures[i].cq, "a", data, 300000);
    memset(data, 0, 300000);
    free(data);
    check_object(&fixtures[i], "a", 300000, 1);
    fixture_free(&fixtures[i]);
  }
}

static void a_hundred_pairs_come_back_in_order(void) {
  fixture_t               fixture = in_memory();
  blobferry_put_options_t options = asking();
  blobferry_pair_t        pairs[100];
  char                    texts[100][32];
  for (int i = 0; i < 100; i++) {
    snprintf(texts[i], sizeof texts[i], "key-%02d", i * 37 % 100);
    pairs[i] = (blobferry_pair_t){texts[i], texts[i] + 4};
  }
  options.metadata = pairs;
  options.metadata_count = 100;
  check_outcome(put_with(&fixture, "a", 10, 1, &options), BLOBFERRY_OK, "");
  blobferry_details_t    *details = details_of(&fixture, "a");
  size_t                  count = 0;
  const blobferry_pair_t *got = blobferry_details_metadata(details, &count);
  CHECK_INT(count, 100);
  CHECK(got == blobferry_details_metadata(details, NULL));
  for (size_t i = 0; i < count && i < 100; i++) {
    char key[32];
    snprintf(key, sizeof key, "key-%02zu", i);
    CHECK_TEXT(got[i].key, key);
    CHECK_TEXT(got[i].value, key + 4);
  }
  blobferry_details_free(details);
  fixture_free(&fixture);
}

static void *look(void *argument) {
  const blobferry_details_t *details = argument;
  for (int i = 0; i < 1000; i++) {
    CHECK_INT(blobferry_details_size(details), 1000);
    CHECK(blobferry_details_revision(details) != NULL);
    CHECK(blobferry_details_metadata(details, NULL) == NULL);
  }
  return NULL;
}

static void many_threads_may_look_at_once(void) {
  fixture_t fixture = in_memory();
  pthread_t threads[8];
  must_put(&fixture, "a", 1000, 1);
  blobferry_details_t *details = details_of(&fixture, "a");
  for (int i = 0; i < 8; i++) must_work(pthread_create(&threads[i], NULL, look, details) == 0, "pthread_create");
  for (int i = 0; i < 8; i++) pthread_join(threads[i], NULL);
  blobferry_details_free(details);
  fixture_free(&fixture);
}

TESTS(TEST(no_details_answer_as_for_an_unknown_object), TEST(a_failed_request_has_no_details),
      TEST(details_outlive_their_service), TEST(details_stay_as_they_were), TEST(every_put_has_a_revision_of_its_own),
      TEST(a_file_written_in_place_has_another_revision), TEST(the_time_is_that_of_the_put),
      TEST(the_texts_of_a_put_are_copied), TEST(the_bytes_of_a_put_are_copied),
      TEST(a_hundred_pairs_come_back_in_order), TEST(many_threads_may_look_at_once))
