/*
 * Copy, rename and delete many on real servers (tests/servers/with): what they do is what they do on memory:// and
 * file://, but for what store.h says of each.
 */
#include "places.h"

typedef blobferry_status_t (*verb_fn)(const blobferry_store_t *, blobferry_cq_t *, const char *, const char *,
                                      const blobferry_copy_options_t *, uint64_t, blobferry_ticket_t *,
                                      blobferry_error_t **);

static const verb_fn verbs[] = {blobferry_object_copy, blobferry_object_rename};
enum { COPY, RENAME, VERBS };

static blobferry_completion_t transfer_with(const fixture_t *fixture, int verb, const char *from, const char *to,
                                            const blobferry_copy_options_t *options) {
  blobferry_error_t *error = NULL;
  blobferry_status_t submitted = verbs[verb](fixture->store, fixture->cq, from, to, options, 0, NULL, &error);
  return outcome_of(fixture, submitted, error);
}

static blobferry_completion_t transfer(const fixture_t *fixture, int verb, const char *from, const char *to,
                                       uint32_t mode) {
  blobferry_copy_options_t options = BLOBFERRY_COPY_OPTIONS_INIT;
  options.mode = mode;
  return transfer_with(fixture, verb, from, to, &options);
}

/* Runs a test at each place that is up, in a folder of its own. */
static void at_each(const char *folder, void (*test)(const fixture_t *, const place_t *place)) {
  static const place_t *const places[] = {&on_s3, &on_s3_tls, &on_azure, &on_gcs, &on_http};
  for (size_t i = 0; i < sizeof places / sizeof places[0]; i++) {
    const place_t *place = places[i];
    if (!is_up(place)) continue;
    fixture_t fixture = below_place(place, folder, NULL);
    int       failures = atomic_load(&failures_in_test);
    test(&fixture, place);
    if (atomic_load(&failures_in_test) != failures) fprintf(stderr, "    (%s)\n", place->variable);
    fixture_free(&fixture);
  }
}

/* -- copy and rename -------------------------------------------------------------------------------------- */

static void copy_all_sizes(const fixture_t *fixture, const place_t *place) {
  static const size_t sizes[] = {0, 1, 100000, (11 << 20) + 1};
  (void)place;
  for (size_t i = 0; i < sizeof sizes / sizeof sizes[0]; i++) {
    must_put(fixture, "from", sizes[i], i);
    blobferry_completion_t completion = transfer(fixture, COPY, "from", "new/to", BLOBFERRY_PUT_OVERWRITE);
    CHECK_INT(completion.result, 0);
    CHECK_INT(completion.flags, 0);
    check_outcome(completion, BLOBFERRY_OK, "");
    check_object(fixture, "from", sizes[i], i);
    check_object(fixture, "new/to", sizes[i], i);
    check_outcome(transfer(fixture, RENAME, "from", "newer/to", BLOBFERRY_PUT_OVERWRITE), BLOBFERRY_OK, "");
    check_object(fixture, "newer/to", sizes[i], i);
    check_outcome(get(fixture, "from"), BLOBFERRY_E_NOT_FOUND, "");
  }
  check_keys(fixture, "", "", "new/to\nnewer/to\n");
}

static void all_sizes_are_copied_and_renamed(void) { at_each("sizes", copy_all_sizes); }

static void modes_of(const fixture_t *fixture, const place_t *place) {
  (void)place;
  for (int verb = COPY; verb < VERBS; verb++) {
    must_put(fixture, "from", 10, 1);
    must_put(fixture, "to", 20, 2);
    check_outcome(transfer(fixture, verb, "from", "to", BLOBFERRY_PUT_CREATE), BLOBFERRY_E_EXISTS, "");
    check_object(fixture, "from", 10, 1);
    check_object(fixture, "to", 20, 2);
    check_outcome(transfer(fixture, verb, "from", "x/new", BLOBFERRY_PUT_CREATE), BLOBFERRY_OK, "");
    check_object(fixture, "x/new", 10, 1);
    check_outcome(transfer(fixture, verb, "x/new", "to", BLOBFERRY_PUT_OVERWRITE), BLOBFERRY_OK, "");
    check_object(fixture, "to", 10, 1);
    check_outcome(delete (fixture, "x/new"), BLOBFERRY_OK, "");
    check_outcome(transfer(fixture, verb, "none", "to", BLOBFERRY_PUT_OVERWRITE), BLOBFERRY_E_NOT_FOUND, "");
    check_outcome(transfer(fixture, verb, "none", "y/to", BLOBFERRY_PUT_CREATE), BLOBFERRY_E_NOT_FOUND, "");
    check_object(fixture, "to", 10, 1);
  }
  check_keys(fixture, "", "", "to\n");
}

static void create_takes_effect_only_where_nothing_is(void) { at_each("modes", modes_of); }

static void what_goes_along(const fixture_t *fixture, const place_t *place) {
  static const blobferry_pair_t metadata[] = {{"a", "1"}, {"b", "two words"}};
  blobferry_put_options_t       put_options = BLOBFERRY_PUT_OPTIONS_INIT;
  blobferry_copy_options_t      options = BLOBFERRY_COPY_OPTIONS_INIT;
  if (place == &on_http) return;
  put_options.content_type = "text/x-test";
  put_options.content_language = "en";
  put_options.metadata = metadata;
  put_options.metadata_count = 2;
  options.flags = BLOBFERRY_REQUEST_DETAILS;
  check_outcome(put_with(fixture, "from", 10, 1, &put_options), BLOBFERRY_OK, "");
  for (int i = 0; i < 2 * VERBS; i++) {
    const char *from = i < 2 ? "from" : i == 2 ? "to0" : "to2";
    char        to[16];
    snprintf(to, sizeof to, "to%d", i);
    options.mode = i % 2 == 0 ? BLOBFERRY_PUT_OVERWRITE : BLOBFERRY_PUT_CREATE;
    blobferry_completion_t  done = transfer_with(fixture, i / 2, from, to, &options);
    size_t                  count = 0;
    const blobferry_pair_t *pairs = blobferry_details_metadata(done.details, &count);
    CHECK_INT(blobferry_details_size(done.details), 10);
    CHECK_TEXT(blobferry_details_content_type(done.details), "text/x-test");
    CHECK_TEXT(blobferry_details_content_language(done.details), "en");
    CHECK(blobferry_details_revision(done.details) != NULL);
    CHECK_INT(count, 2);
    if (count == 2) CHECK_TEXT(pairs[1].value, "two words");
    check_outcome(done, BLOBFERRY_OK, "");
    check_object(fixture, to, 10, 1);
  }
}

static void headers_and_metadata_go_along(void) { at_each("along", what_goes_along); }

static const char *const odd_keys[] = {
    "a b", "a&b<c>'\"", "a+b%20c", "\xc3\xa4/\xe2\x82\xac", "=?x;y,z@$!*()", "a/b.c/~d_e-f", "{x}[y]^|`",
};
enum { ODD_KEYS = sizeof odd_keys / sizeof odd_keys[0] };

static void copy_odd_keys(const fixture_t *fixture, const place_t *place) {
  (void)place;
  for (size_t i = 0; i < ODD_KEYS; i++) {
    const char *from = odd_keys[i], *to = odd_keys[(i + 1) % ODD_KEYS];
    must_put(fixture, from, 100, i);
    check_outcome(transfer(fixture, COPY, from, to, BLOBFERRY_PUT_CREATE), BLOBFERRY_OK, "");
    check_object(fixture, to, 100, i);
    check_outcome(transfer(fixture, RENAME, to, from, BLOBFERRY_PUT_OVERWRITE), BLOBFERRY_OK, "");
    check_object(fixture, from, 100, i);
    check_outcome(delete (fixture, from), BLOBFERRY_OK, "");
  }
  check_keys(fixture, "", "", "");
}

static void odd_keys_are_copied(void) { at_each("odd", copy_odd_keys); }

/* What a server takes for a folder is not copied, and is not replaced. */
static void webdav_leaves_folders_alone(void) {
  if (!is_up(&on_http)) return;
  fixture_t fixture = below_place(&on_http, "folders", NULL);
  must_put(&fixture, "a/b", 10, 1);
  must_put(&fixture, "from", 20, 2);
  for (int verb = COPY; verb < VERBS; verb++)
    for (uint32_t mode = BLOBFERRY_PUT_OVERWRITE; mode <= BLOBFERRY_PUT_CREATE; mode++) {
      check_outcome(transfer(&fixture, verb, "a", "to", mode), BLOBFERRY_E_NOT_FOUND, "folder");
      check_outcome(transfer(&fixture, verb, "from", "a", mode), BLOBFERRY_E_UNSUPPORTED, "folder");
    }
  check_keys(&fixture, "", "", "a/b\nfrom\n");
  check_object(&fixture, "a/b", 10, 1);
  fixture_free(&fixture);
}

/* Without conditions s3 cannot create by a copy, unless it is said how. */
static void s3_needs_a_way_to_create(void) {
  static const blobferry_pair_t disabled = {"conditional_put", "disabled"};
  if (!is_up(&on_s3)) return;
  fixture_t fixture = below_place(&on_s3, "ways", &disabled);
  CHECK((blobferry_store_capabilities(fixture.store) & (BLOBFERRY_CAN_COPY_CREATE | BLOBFERRY_CAN_RENAME_CREATE)) == 0);
  must_put(&fixture, "from", 10, 1);
  for (int verb = COPY; verb < VERBS; verb++) {
    check_refusal(transfer(&fixture, verb, "from", "to", BLOBFERRY_PUT_CREATE), BLOBFERRY_E_UNSUPPORTED, "create");
  }
  check_outcome(transfer(&fixture, RENAME, "from", "to", BLOBFERRY_PUT_OVERWRITE), BLOBFERRY_OK, "");
  check_object(&fixture, "to", 10, 1);
  fixture_free(&fixture);
}

/* -- delete many ------------------------------------------------------------------------------------------ */

static void delete_all(const fixture_t *fixture, const char *const *keys, size_t count) {
  blobferry_report_t *report = NULL;
  blobferry_error_t  *error = NULL;
  size_t              told = 0;
  must(blobferry_report_new(NULL, &report, NULL), NULL, "blobferry_report_new");
  blobferry_status_t submitted =
      blobferry_object_delete_many(fixture->store, fixture->cq, keys, count, NULL, report, 0, NULL, &error);
  blobferry_completion_t completion = outcome_of(fixture, submitted, error);
  CHECK_INT(completion.result, count);
  CHECK_INT(completion.flags, 0);
  check_outcome(completion, BLOBFERRY_OK, "");
  const blobferry_outcome_t *outcomes = blobferry_report_outcomes(report, &told);
  CHECK_INT(told, count);
  for (size_t i = 0; i < told && !atomic_load(&failures_in_test); i++) {
    CHECK_TEXT(outcomes[i].key, keys[i]);
    CHECK_STATUS(outcomes[i].status, BLOBFERRY_OK);
  }
  blobferry_report_free(report);
}

static void delete_many_keys(const fixture_t *fixture, const place_t *place) {
  enum { MANY = 2500, THERE = 50 };
  size_t count = place == &on_http ? 200 : MANY;
  char **keys = malloc((count + ODD_KEYS) * sizeof(char *));
  for (size_t i = 0; i < count; i++) {
    if (asprintf(&keys[i], "k/%zu", i) < 0) exit(2);
    if (i % (count / THERE) == 0) must_put(fixture, keys[i], 10, i);
  }
  for (size_t i = 0; i < ODD_KEYS; i++) {
    keys[count + i] = strdup(odd_keys[i]);
    must_put(fixture, odd_keys[i], 10, i);
  }
  must_put(fixture, "other", 10, 1);
  delete_all(fixture, (const char *const *)keys, count + ODD_KEYS);
  check_keys(fixture, "", "", "other\n");
  for (size_t i = 0; i < count + ODD_KEYS; i++) free(keys[i]);
  free(keys);
}

static void many_are_deleted(void) { at_each("many", delete_many_keys); }

static void one_by_one_where_it_is_asked_for(void) {
  static const blobferry_pair_t disabled = {"disable_bulk_delete", "true"};
  static const char *const      keys[] = {"a", "b", "c", "none"};
  if (!is_up(&on_s3)) return;
  fixture_t fixture = below_place(&on_s3, "single", &disabled);
  for (int i = 0; i < 3; i++) must_put(&fixture, keys[i], 10, 1);
  delete_all(&fixture, keys, 4);
  check_keys(&fixture, "", "", "");
  fixture_free(&fixture);
}

TESTS(TEST(all_sizes_are_copied_and_renamed), TEST(create_takes_effect_only_where_nothing_is),
      TEST(headers_and_metadata_go_along), TEST(odd_keys_are_copied), TEST(webdav_leaves_folders_alone),
      TEST(s3_needs_a_way_to_create), TEST(many_are_deleted), TEST(one_by_one_where_it_is_asked_for))
