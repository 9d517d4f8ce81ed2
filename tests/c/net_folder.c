/*
 * Folders to stores over a network: keys that are to lead out, what is asked of the
 * server and what is not, failures of some of many, and cancels. The server of the
 * tests answers; real ones are in net_folder_servers.c.
 */
#include "moving.h"
#include "server.h"
#include "server/bucket.h"

/* -- a server with a tree -------------------------------------------------------------------------------- */

typedef struct leaf {
  const char *key;
  uint64_t    size;
  int         status; /* of every answer but the listing's; 0 = all is well; UNMEASURED: its end alone tells its size */
} leaf_t;

enum { UNMEASURED = 1 };

/* What the server has. Leaf number n has the ETag `"etag-n-revision"` and bytes of the pattern n. */
typedef struct tree {
  const leaf_t *leaves;
  size_t        count, page;
  unsigned      revision;
  size_t        broken_page; /* pages from this one on fail; 0 = none */
  uint64_t      grown;       /* bytes that every object has more than the listing says */
} tree_t;

static void say_key(FILE *out, const char *key) {
  for (; *key != '\0'; key++)
    if (strchr("&<>\"'", *key) || (unsigned char)*key < 0x20) fprintf(out, "&#x%X;", (unsigned char)*key);
    else fputc(*key, out);
}

static void answer_page(exchange_t *exchange, const tree_t *tree) {
  char   token[32] = "", prefix[64] = "";
  char  *document = NULL;
  size_t size = 0, page = 0;
  record_query(exchange->record, "prefix", prefix, sizeof prefix);
  if (record_query(exchange->record, "continuation-token", token, sizeof token)) page = strtoul(token, NULL, 10);
  if (tree->broken_page > 0 && page >= tree->broken_page) {
    reply_error(exchange, 403, "AccessDenied", "no page");
    return;
  }
  FILE *out = open_memstream(&document, &size);
  fprintf(out, "<?xml version=\"1.0\" encoding=\"UTF-8\"?><ListBucketResult><Name>bucket</Name>");
  size_t end = (page + 1) * tree->page;
  for (size_t i = page * tree->page; i < end && i < tree->count; i++) {
    if (strncmp(tree->leaves[i].key, prefix, strlen(prefix)) != 0) continue;
    fprintf(out, "<Contents><Key>");
    say_key(out, tree->leaves[i].key);
    fprintf(out, "</Key><LastModified>2024-02-29T23:59:58.250Z</LastModified><ETag>&quot;etag-%zu-%u&quot;</ETag>"
                 "<Size>%llu</Size></Contents>", i, tree->revision, (unsigned long long)tree->leaves[i].size);
  }
  if (end < tree->count) fprintf(out, "<NextContinuationToken>%zu</NextContinuationToken>", page + 1);
  fprintf(out, "<IsTruncated>%s</IsTruncated></ListBucketResult>", end < tree->count ? "true" : "false");
  fclose(out);
  reply_bytes(exchange, 200, "Content-Type: application/xml\r\n", document, size);
  free(document);
}

static void answer_tree(exchange_t *exchange, void *context) {
  const tree_t *tree = context;
  char          path[1024], etag[64], headers[128];
  if (!take_body(exchange)) return;
  if (is_list(exchange)) {
    answer_page(exchange, tree);
    return;
  }
  record_path(exchange->record, path, sizeof path);
  for (size_t i = 0; i < tree->count; i++) {
    if (strcmp(path + strlen("/bucket/"), tree->leaves[i].key) != 0) continue;
    if (tree->leaves[i].status == UNMEASURED) {
      object_t object = {tree->leaves[i].size + tree->grown, i, NULL, NULL};
      say_status(exchange, 200);
      say(exchange, "Transfer-Encoding: chunked\r\n\r\n%llx\r\n", (unsigned long long)object.size);
      object_send_bytes(exchange, &object, 0, object.size);
      say(exchange, "\r\n0\r\n\r\n");
      return;
    }
    if (tree->leaves[i].status != 0) {
      reply_error(exchange, tree->leaves[i].status, "NotToday", "the tree of the test says no");
      return;
    }
    snprintf(etag, sizeof etag, "\"etag-%zu-%u\"", i, tree->revision);
    snprintf(headers, sizeof headers, "ETag: %s\r\n", etag);
    object_t object = {tree->leaves[i].size + tree->grown, i, etag, A_DATE};
    if (method_is(exchange, "PUT")) reply(exchange, 200, headers, "");
    else object_answer(exchange, &object);
    return;
  }
  FAIL("the server was asked for %s", path);
  reply_error(exchange, 404, "NoSuchKey", "there is no such leaf");
}

#define LEAVES(leaves) leaves, sizeof leaves / sizeof leaves[0]

/* -- keys that are no paths ------------------------------------------------------------------------------ */

static void hostile_keys_write_nothing(void) {
  static char         long_name[300];
  static const leaf_t leaves[] = {
      {"p/", 0, 0}, {"p/\t", 10, 0}, {"p/.", 10, 0}, {"p/..", 10, 0}, {"p/../escaped", 10, 0}, {"p/./x", 10, 0},
      {"p/.blobferry-1-2-3", 10, 0}, {"p//etc/passwd", 10, 0}, {"p/a", 10, 0}, {"p/a/../../escaped", 10, 0},
      {"p/b//c", 10, 0}, {"p/c/..", 10, 0}, {"p/d/", 0, 0}, {"p/e/", 10, 0}, {"p/good/file", 10, 0},
      {long_name, 10, 0}};
  snprintf(long_name, sizeof long_name, "p/x%0260d", 0);
  tree_t    tree = {LEAVES(leaves), 100, 0, 0, 0};
  server_t *server = server_start(answer_tree, &tree);
  fixture_t fixture = with_server(server, S3, NO_OPTIONS);
  char      folder[256];
  make_folder(folder);
  make_dir(folder, "target");
  moved_t moved = download(&fixture, "p/", path_in(folder, "target"), 0);
  /* Two keys mark folders, and are no objects. */
  check_counts(&moved, 2, 0, 12);
  for (size_t i = 0; i < sizeof leaves / sizeof leaves[0]; i++) {
    bool marks = leaves[i].size == 0, is_good = i == 8 || i == 14;
    if (!marks && !is_good) check_failed(&moved, leaves[i].key, BLOBFERRY_E_ARGUMENT, "");
  }
  CHECK_STATUS(moved.completion.status, BLOBFERRY_E_ARGUMENT);
  moved_free(&moved);
  check_tree(folder, "target/\ntarget/a\ntarget/good/\ntarget/good/file\n");
  CHECK(file_is(folder, "target/a", 10, 8) && file_is(folder, "target/good/file", 10, 14));
  check_requests(server, 3); /* one page, two objects */
  fixture_free(&fixture);
  server_free(server);
  remove_tree(folder);
}

static void names_that_a_server_cannot_have_are_told(void) {
  static const leaf_t leaves[] = {{"good", 0, 0}};
  tree_t    tree = {LEAVES(leaves), 100, 0, 0, 0};
  server_t *server = server_start(answer_tree, &tree);
  fixture_t fixture = with_server(server, S3, NO_OPTIONS);
  char      folder[256];
  make_folder(folder);
  write_file(folder, "good", 10, 1);
  write_file(folder, "line\nbreak", 10, 1);
  write_file(folder, "tab\t", 10, 1);
  moved_t moved = upload(&fixture, folder, "", 0);
  check_counts(&moved, 1, 0, 2);
  check_failed(&moved, "line\nbreak", BLOBFERRY_E_ARGUMENT, "");
  check_failed(&moved, "tab\t", BLOBFERRY_E_ARGUMENT, "");
  moved_free(&moved);
  check_requests(server, 1);
  fixture_free(&fixture);
  server_free(server);
  remove_tree(folder);
}

/* -- what is the same ------------------------------------------------------------------------------------- */

static void what_is_the_same_is_asked_for_by_one_listing(void) {
  static const leaf_t leaves[] = {{"a", 0, 0}, {"b", 100, 0}, {"c/d", 100000, 0}};
  tree_t    tree = {LEAVES(leaves), 2, 0, 0, 0};
  server_t *server = server_start(answer_tree, &tree);
  fixture_t fixture = with_server(server, S3, NO_OPTIONS);
  char      folder[256];
  make_folder(folder);
  expect_counts(download(&fixture, "", folder, BLOBFERRY_FOLDER_SKIP_SAME), 3, 0, 0);
  check_count(server, "GET", "list-type=2", 2);
  size_t before = server_requests(server);
  expect_counts(download(&fixture, "", folder, BLOBFERRY_FOLDER_SKIP_SAME), 0, 3, 0);
  expect_counts(upload(&fixture, folder, "", BLOBFERRY_FOLDER_SKIP_SAME), 0, 3, 0);
  check_requests(server, before + 4);
  check_count(server, "GET", "list-type=2", 6);
  check_count(server, "PUT", "", 0);
  /* Another revision of all of them. */
  tree.revision = 1;
  expect_counts(upload(&fixture, folder, "", BLOBFERRY_FOLDER_SKIP_SAME), 3, 0, 0);
  check_count(server, "PUT", "", 3);
  expect_counts(download(&fixture, "", folder, BLOBFERRY_FOLDER_SKIP_SAME), 0, 3, 0);
  fixture_free(&fixture);
  server_free(server);
  remove_tree(folder);
}

/* -- failures --------------------------------------------------------------------------------------------- */

static void some_of_many_may_fail(void) {
  static const leaf_t leaves[] = {{"a", 10, 0}, {"b", 10, 403}, {"c", 10, 404}, {"d", 10, 0}};
  tree_t    tree = {LEAVES(leaves), 100, 0, 0, 0};
  server_t *server = server_start(answer_tree, &tree);
  fixture_t fixture = with_server(server, S3, NO_OPTIONS);
  char      folder[256];
  make_folder(folder);
  moved_t moved = download(&fixture, "", folder, 0);
  check_counts(&moved, 2, 0, 2);
  check_failed(&moved, "b", BLOBFERRY_E_PERMISSION, "NotToday");
  check_failed(&moved, "c", BLOBFERRY_E_NOT_FOUND, "NotToday");
  blobferry_outcome_t outcome = outcome_at(&moved, "b");
  CHECK_INT(blobferry_error_http_status(outcome.error), 403);
  CHECK_INT(blobferry_error_attempts(outcome.error), 1);
  CHECK_TEXT(blobferry_error_server_code(outcome.error), "NotToday");
  CHECK_STATUS(moved.completion.status, BLOBFERRY_E_PERMISSION);
  CHECK_INT(blobferry_error_http_status(moved.completion.error), 403);
  CHECK(strstr(blobferry_error_message(moved.completion.error), "2 of 4 objects failed; the first, `b`: ") != NULL);
  moved_free(&moved);
  check_tree(folder, "a\nd\n");
  fixture_free(&fixture);
  server_free(server);
  remove_tree(folder);
}

static void a_listing_that_breaks_off_ends_it_with_its_error(void) {
  static const leaf_t leaves[] = {{"a", 10, 0}, {"b", 10, 0}, {"c", 10, 0}, {"d", 10, 0}};
  tree_t    tree = {LEAVES(leaves), 2, 0, 1, 0};
  server_t *server = server_start(answer_tree, &tree);
  fixture_t fixture = with_server(server, S3, NO_OPTIONS);
  char      folder[256];
  make_folder(folder);
  moved_t moved = download(&fixture, "", folder, 0);
  CHECK_STATUS(moved.completion.status, BLOBFERRY_E_PERMISSION);
  CHECK(strstr(blobferry_error_message(moved.completion.error), "AccessDenied") != NULL);
  CHECK_INT(moved.progress.is_listing_done, 0);
  CHECK_INT(moved.completion.result, moved.progress.objects_done);
  CHECK_INT(moved.progress.objects_failed, 0);
  moved_free(&moved);
  fixture_free(&fixture);
  server_free(server);
  remove_tree(folder);
}

static void an_object_that_has_grown_comes_whole(void) {
  static const leaf_t leaves[] = {{"a", 0, 0}, {"b", 100, 0}, {"c", 1000000, 0}};
  tree_t    tree = {LEAVES(leaves), 100, 0, 0, 4321};
  server_t *server = server_start(answer_tree, &tree);
  fixture_t fixture = with_server(server, S3, OPTIONS({"part_size", "500KiB"}));
  char      folder[256];
  make_folder(folder);
  expect_counts(download(&fixture, "", folder, 0), 3, 0, 0);
  for (size_t i = 0; i < 3; i++) CHECK(file_is(folder, leaves[i].key, leaves[i].size + 4321, i));
  fixture_free(&fixture);
  server_free(server);
  remove_tree(folder);
}

static void an_object_of_unknown_size_comes_whole(void) {
  static const leaf_t leaves[] = {{"a", 100, UNMEASURED}, {"b", 1000000, UNMEASURED}};
  for (uint64_t grown = 0; grown <= 1000000; grown += 1000000) {
    tree_t    tree = {LEAVES(leaves), 100, 0, 0, grown};
    server_t *server = server_start(answer_tree, &tree);
    fixture_t fixture = with_server(server, S3, OPTIONS({"part_size", "500KiB"}));
    char      folder[256];
    make_folder(folder);
    expect_counts(download(&fixture, "", folder, 0), 2, 0, 0);
    for (size_t i = 0; i < 2; i++) CHECK(file_is(folder, leaves[i].key, leaves[i].size + grown, i));
    fixture_free(&fixture);
    server_free(server);
    remove_tree(folder);
  }
}

/* -- large objects ----------------------------------------------------------------------------------------- */

typedef struct slow_bucket {
  bucket_t bucket;
  gate_t   gate; /* the third part waits here */
} slow_bucket_t;

static void answer_slowly(exchange_t *exchange, void *context) {
  slow_bucket_t *slow = context;
  char           part[8] = "";
  record_query(exchange->record, "partNumber", part, sizeof part);
  if (strcmp(part, "3") == 0 && !await_gate(exchange, &slow->gate)) return;
  bucket_answer(exchange, &slow->bucket);
}

static void a_large_file_goes_up_in_parts(void) {
  slow_bucket_t       slow = {.gate = {false, 0}};
  blobferry_report_t *report = new_report(NULL);
  char                folder[256];
  bucket_init(&slow.bucket);
  server_t *server = server_start_with(answer_slowly, &slow, (server_options_t){.keeps_bodies = true});
  fixture_t fixture = with_server(server, S3, OPTIONS({"part_size", "5MiB"}));
  make_folder(folder);
  write_file(folder, "large", 12 * MIB, 1);
  write_file(folder, "one-part", 5 * MIB, 2);
  CHECK_STATUS(blobferry_folder_upload(fixture.store, fixture.cq, folder, "p/", NULL, report, 0, NULL, NULL),
               BLOBFERRY_OK);
  AWAIT(progress_of(report).bytes_done == 15 * MIB); /* it grows before the object is done */
  CHECK_INT(progress_of(report).objects_done, 1);
  gate_open(server, &slow.gate);
  expect(fixture.cq, BLOBFERRY_OK, 0);
  CHECK_INT(progress_of(report).bytes_done, 17 * MIB);
  check_count(server, "PUT", "partNumber", 3);
  check_count(server, "PUT", "", 4);
  check_requests(server, 6);
  CHECK_INT(slow.bucket.completed, 1);
  const blobferry_outcome_t *outcomes = blobferry_report_outcomes(report, NULL);
  const stored_t            *object = object_place(&slow.bucket, "/bucket/p/large", false);
  CHECK(object != NULL && object->size == 12 * MIB && pattern_is(object->data, object->size, 1, 0));
  CHECK(object != NULL && outcomes != NULL && strcmp(outcomes[0].revision, object->etag) == 0);
  blobferry_report_free(report);
  fixture_free(&fixture);
  server_free(server);
  bucket_free(&slow.bucket);
  remove_tree(folder);
}

static void a_large_object_comes_down_in_parts(void) {
  static const leaf_t leaves[] = {{"large", 12 << 20, 0}};
  tree_t    tree = {LEAVES(leaves), 100, 0, 0, 0};
  server_t *server = server_start(answer_tree, &tree);
  fixture_t fixture = with_server(server, S3, OPTIONS({"part_size", "5MiB"}));
  char      folder[256];
  make_folder(folder);
  moved_t moved = download(&fixture, "", folder, 0);
  check_counts(&moved, 1, 0, 0);
  CHECK_INT(moved.progress.bytes_done, 12 * MIB);
  CHECK_TEXT(moved.outcomes[0].revision, "\"etag-0-0\"");
  moved_free(&moved);
  check_count(server, "GET", "large", 3);
  CHECK(file_is(folder, "large", 12 * MIB, 0));
  fixture_free(&fixture);
  server_free(server);
  remove_tree(folder);
}

/* -- cancels ---------------------------------------------------------------------------------------------- */

typedef struct held_bucket {
  bucket_t     bucket;
  gate_t       gate;
  step_t       step; /* that waits at the gate: a part when it has come, a put before it is taken */
  unanswered_t unanswered;
} held_bucket_t;

static void answer_held(exchange_t *exchange, void *context) {
  held_bucket_t *held = context;
  if (step_of(exchange) == held->step) {
    if (held->step == STEP_PUT) take_body(exchange);
    unanswered_begin(exchange, &held->unanswered);
    bool is_open = await_gate(exchange, &held->gate);
    unanswered_end(exchange, &held->unanswered);
    if (!is_open) return;
  }
  bucket_answer(exchange, &held->bucket);
}

static void a_cancelled_upload_leaves_no_upload_in_parts(void) {
  held_bucket_t       held = {.gate = {false, 0}, .step = STEP_PART};
  blobferry_report_t *report = new_report(NULL);
  blobferry_ticket_t  ticket = 0;
  char                folder[256];
  size_t              count = 0;
  bucket_init(&held.bucket);
  server_t *server = server_start_with(answer_held, &held, (server_options_t){.keeps_bodies = true});
  fixture_t fixture = with_server(server, S3, OPTIONS({"part_size", "5MiB"}));
  make_folder(folder);
  write_file(folder, "large", 12 * MIB, 1);
  write_file(folder, "small", 100, 2);
  CHECK_STATUS(blobferry_folder_upload(fixture.store, fixture.cq, folder, "", NULL, report, 0, &ticket, NULL),
               BLOBFERRY_OK);
  AWAIT(gate_waiting(server, &held.gate) > 0 && progress_of(report).objects_done == 1);
  must_cancel(fixture.cq, ticket);
  expect(fixture.cq, BLOBFERRY_E_CANCELLED, 0);
  gate_open(server, &held.gate);
  settle(fixture.service);
  const blobferry_outcome_t *outcomes = blobferry_report_outcomes(report, &count);
  CHECK_INT(count, 2);
  if (count == 2) {
    CHECK_TEXT(outcomes[0].key, "large");
    CHECK_STATUS(outcomes[0].status, BLOBFERRY_E_CANCELLED);
    CHECK_INT(outcomes[0].flags, 0);
    CHECK_STATUS(outcomes[1].status, BLOBFERRY_OK);
  }
  CHECK_INT(bucket_aborted(&held.bucket), 1);
  CHECK_INT(held.bucket.upload_count, 1);
  CHECK_INT(held.bucket.completed, 0);
  AWAIT(usage_of(fixture.service).bytes_in_flight == 0);
  blobferry_report_free(report);
  fixture_free(&fixture);
  server_free(server);
  bucket_free(&held.bucket);
  remove_tree(folder);
}

/* All of a small object has been sent, and nothing was heard of it. */
static void a_put_that_may_have_come_through_says_so(void) {
  held_bucket_t       held = {.gate = {false, 0}, .step = STEP_PUT};
  blobferry_report_t *report = new_report(NULL);
  blobferry_ticket_t  ticket = 0;
  char                folder[256];
  size_t              count = 0;
  bucket_init(&held.bucket);
  server_t *server = server_start_with(answer_held, &held, (server_options_t){.keeps_bodies = true});
  fixture_t fixture = with_server(server, S3, NO_OPTIONS);
  make_folder(folder);
  write_file(folder, "empty", 0, 1);
  write_file(folder, "small", 100, 2);
  CHECK_STATUS(blobferry_folder_upload(fixture.store, fixture.cq, folder, "", NULL, report, 0, &ticket, NULL),
               BLOBFERRY_OK);
  AWAIT(gate_waiting(server, &held.gate) == 2);
  must_cancel(fixture.cq, ticket);
  blobferry_completion_t completion = wait_one(fixture.cq);
  CHECK_STATUS(completion.status, BLOBFERRY_E_CANCELLED);
  CHECK_INT(completion.flags, BLOBFERRY_COMPLETION_MAYBE_COMMITTED);
  dispose(&completion);
  const blobferry_outcome_t *outcomes = blobferry_report_outcomes(report, &count);
  CHECK_INT(count, 2);
  for (size_t i = 0; i < count; i++) {
    CHECK_STATUS(outcomes[i].status, BLOBFERRY_E_CANCELLED);
    CHECK_INT(outcomes[i].flags, BLOBFERRY_OUTCOME_MAYBE_COMMITTED);
    CHECK_INT(blobferry_error_is_maybe_committed(outcomes[i].error), 1);
  }
  blobferry_report_free(report);
  fixture_free(&fixture);
  server_free(server);
  bucket_free(&held.bucket);
  remove_tree(folder);
}

static void as_many_objects_are_moved_at_once_as_asked_for(void) {
  held_bucket_t              held = {.gate = {false, 0}, .step = STEP_PUT};
  blobferry_folder_options_t options = BLOBFERRY_FOLDER_OPTIONS_INIT;
  char                       folder[256];
  bucket_init(&held.bucket);
  server_t *server = server_start_with(answer_held, &held, (server_options_t){.keeps_bodies = true});
  fixture_t fixture = with_server(server, S3, NO_OPTIONS);
  make_folder(folder);
  for (int i = 0; i < 20; i++) {
    char name[16];
    snprintf(name, sizeof name, "%02d", i);
    write_file(folder, name, 100, (uint64_t)i);
  }
  options.max_in_flight = 5;
  CHECK_STATUS(blobferry_folder_upload(fixture.store, fixture.cq, folder, "", &options, NULL, 0, NULL, NULL),
               BLOBFERRY_OK);
  AWAIT(gate_waiting(server, &held.gate) == 5);
  expect_nothing(fixture.cq, 50);
  CHECK_INT(gate_waiting(server, &held.gate), 5);
  gate_open(server, &held.gate);
  expect(fixture.cq, BLOBFERRY_OK, 0);
  CHECK_INT(held.unanswered.most, 5);
  fixture_free(&fixture);
  server_free(server);
  bucket_free(&held.bucket);
  remove_tree(folder);
}

TESTS(TEST(hostile_keys_write_nothing), TEST(names_that_a_server_cannot_have_are_told),
      TEST(what_is_the_same_is_asked_for_by_one_listing), TEST(some_of_many_may_fail),
      TEST(a_listing_that_breaks_off_ends_it_with_its_error), TEST(an_object_that_has_grown_comes_whole),
      TEST(an_object_of_unknown_size_comes_whole),
      TEST(a_large_file_goes_up_in_parts), TEST(a_large_object_comes_down_in_parts),
      TEST(a_cancelled_upload_leaves_no_upload_in_parts), TEST(a_put_that_may_have_come_through_says_so),
      TEST(as_many_objects_are_moved_at_once_as_asked_for))
