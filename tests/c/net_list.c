/*
 * Listings over a network: every key as its server has it, in order, page after
 * page; and pages that are wrong in some way are errors, never listings that
 * leave something out or do not end.
 */
#include "server.h"

/* -- a server that lists well -------------------------------------------------------------------------- */

typedef struct listing {
  const char *const *keys; /* in order */
  size_t             count, page;
  size_t             failures, failed_at; /* so many requests fail, from this one on */
} listing_t;

static void say_escaped(FILE *out, const char *text, size_t size) {
  for (size_t i = 0; i < size; i++)
    if (strchr("&<>\"'", text[i]) || (unsigned char)text[i] < 0x20) fprintf(out, "&#x%X;", (unsigned char)text[i]);
    else fputc(text[i], out);
}

/* How much of a key stands in the listing: up to the first delimiter behind the prefix, or all of it. */
static size_t shown_size(const char *key, const char *prefix, const char *delimiter) {
  const char *at = delimiter[0] ? strstr(key + strlen(prefix), delimiter) : NULL;
  return at ? (size_t)(at - key) + strlen(delimiter) : strlen(key);
}

static void say_entry(FILE *out, const char *key, size_t shown) {
  bool is_group = shown < strlen(key);
  fprintf(out, is_group ? "<CommonPrefixes><Prefix>" : "<Contents><Key>");
  say_escaped(out, key, shown);
  if (is_group) fprintf(out, "</Prefix></CommonPrefixes>");
  else
    fprintf(out, "</Key><LastModified>2024-02-29T23:59:58.250Z</LastModified><ETag>&quot;etag-%zu&quot;</ETag>"
                 "<Size>%zu</Size><StorageClass>STANDARD</StorageClass></Contents>", strlen(key), strlen(key));
}

/* One page, of the keys from `at` on that are wanted; gives where the next one begins, `count` at the end. */
static size_t say_page(FILE *out, const listing_t *listing, size_t at, const char *prefix, const char *delimiter,
                       const char *after) {
  const char *group = "";
  size_t      group_size = 0, said = 0;
  for (; at < listing->count; at++) {
    const char *key = listing->keys[at];
    if (strncmp(key, prefix, strlen(prefix)) != 0 || strcmp(key, after) <= 0) continue;
    if (group_size > 0 && strncmp(key, group, group_size) == 0) continue;
    if (said++ == listing->page) break;
    size_t shown = shown_size(key, prefix, delimiter);
    group = key;
    group_size = shown < strlen(key) ? shown : 0;
    say_entry(out, key, shown);
  }
  return at;
}

static void answer_listing(exchange_t *exchange, void *context) {
  const listing_t *listing = context;
  char             prefix[256] = "", delimiter[16] = "", after[256] = "", token[64] = "";
  char            *document = NULL;
  size_t           size = 0, begin = 0;
  if (exchange->number >= listing->failed_at && exchange->number - listing->failed_at < listing->failures) {
    if (exchange->number % 2) reset(exchange);
    else reply_error(exchange, 500, "InternalError", "no page");
    return;
  }
  record_query(exchange->record, "prefix", prefix, sizeof prefix);
  record_query(exchange->record, "delimiter", delimiter, sizeof delimiter);
  record_query(exchange->record, "start-after", after, sizeof after);
  if (record_query(exchange->record, "continuation-token", token, sizeof token)) sscanf(token, "page from=%zu", &begin);
  FILE *out = open_memstream(&document, &size);
  fprintf(out, "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n"
               "<ListBucketResult xmlns=\"http://s3.amazonaws.com/doc/2006-03-01/\">"
               "<Name>bucket</Name><MaxKeys>1000</MaxKeys>");
  size_t end = say_page(out, listing, begin, prefix, delimiter, after);
  if (end < listing->count) fprintf(out, "<NextContinuationToken>page from=%zu</NextContinuationToken>", end);
  fprintf(out, "<IsTruncated>%s</IsTruncated></ListBucketResult>", end < listing->count ? "true" : "false");
  fclose(out);
  reply_bytes(exchange, 200, "Content-Type: application/xml\r\n", document, size);
  free(document);
}

/* -- good listings ------------------------------------------------------------------------------------- */

enum { MANY = 500 };

static void every_key_is_listed_once(void) {
  static const size_t pages[] = {1, 7, MANY - 1, MANY, MANY + 1};
  char               *names[MANY], *wanted = NULL;
  size_t              size = 0;
  FILE               *out = open_memstream(&wanted, &size);
  for (size_t i = 0; i < MANY; i++) {
    if (asprintf(&names[i], "some/%04zu", i) < 0) abort();
    fprintf(out, "%s\n", names[i]);
  }
  fclose(out);
  for (size_t i = 0; i < sizeof pages / sizeof pages[0]; i++)
    for (int kind = 0; kind < 2; kind++) {
      watch(__func__);
      listing_t listing = {(const char *const *)names, MANY, pages[i], 0, 0};
      server_t *server = server_start(answer_listing, &listing);
      fixture_t fixture = with_server(server, kind ? GCS : S3, NO_OPTIONS);
      check_keys(&fixture, "", NULL, wanted);
      check_requests(server, (MANY + pages[i] - 1) / pages[i]);
      check_keys(&fixture, "other", NULL, "");
      fixture_free(&fixture);
      server_free(server);
    }
  for (size_t i = 0; i < MANY; i++) free(names[i]);
  free(wanted);
}

static void a_key_is_given_as_its_server_has_it(void) {
  static const struct {
    const char *key;
    bool        is_addressable;
  } keys[] = {
      {"\tb", false},   {"\nb", false},    {" ", true},    {" a ", true},    {"!\"#$%&'()*+,-", true},
      {"../x", false},  {"./x", false},    {"/x", false},  {"a%20b", true},  {"a%2Fb", true},
      {"a+b", true},    {"a..b", true},    {"a//b", false}, {"a:;<=>?@[\\]^_`{|}~", true},
      {"x/", false},    {"z\x7f", false},  {"\xc3\xa9", true}, {"\xe2\x82\xac", true}, {"\xf0\x9f\x92\xbe", true},
  };
  enum { COUNT = sizeof keys / sizeof keys[0] };
  const char *texts[COUNT];
  size_t      count = 0;
  watch(__func__);
  for (size_t i = 0; i < COUNT; i++) texts[i] = keys[i].key;
  listing_t                listing = {texts, COUNT, 1000, 0, 0};
  server_t                *server = server_start(answer_listing, &listing);
  fixture_t                fixture = with_server(server, S3, NO_OPTIONS);
  blobferry_list_t        *list = new_list(fixture.store, "");
  blobferry_completion_t   completion = next(&fixture, list);
  const blobferry_entry_t *entries = blobferry_list_entries(list, &count);
  CHECK(is_last_page(&completion));
  check_outcome(completion, BLOBFERRY_OK, "");
  CHECK_INT(count, COUNT);
  for (size_t i = 0; i < count && i < COUNT; i++) {
    CHECK_TEXT(entries[i].key, keys[i].key);
    CHECK_INT(entries[i].key_size, strlen(keys[i].key));
    CHECK_INT(entries[i].size, strlen(keys[i].key));
    CHECK_INT(entries[i].last_modified_ns, 1709251198250000000);
    CHECK(entries[i].revision != NULL && strncmp(entries[i].revision, "\"etag-", 6) == 0);
    if (entries[i].flags != (keys[i].is_addressable ? 0 : BLOBFERRY_ENTRY_UNADDRESSABLE))
      FAIL("\"%s\" has the flags %u", keys[i].key, entries[i].flags);
  }
  blobferry_list_free(list);
  fixture_free(&fixture);
  server_free(server);
}

static void prefixes_groups_and_starts(void) {
  static const char *const keys[] = {"a", "b/1", "b/2", "b/c/3", "b0", "c/1", "c/d/2", "d"};
  for (size_t page = 1; page < 10; page += 2) {
    watch(__func__);
    listing_t listing = {keys, sizeof keys / sizeof keys[0], page, 0, 0};
    server_t *server = server_start(answer_listing, &listing);
    fixture_t fixture = with_server(server, S3, NO_OPTIONS);
    check_keys(&fixture, "", "/", "a\nb/\nb0\nc/\nd\n");
    check_keys(&fixture, "b", "/", "b/\nb0\n");
    check_keys(&fixture, "b/", "/", "b/1\nb/2\nb/c/\n");
    check_keys(&fixture, "b/", NULL, "b/1\nb/2\nb/c/3\n");
    check_keys(&fixture, "", "0", "a\nb/1\nb/2\nb/c/3\nb0\nc/1\nc/d/2\nd\n");
    check_keys(&fixture, "c/d/2", NULL, "c/d/2\n");
    fixture_free(&fixture);
    server_free(server);
  }
}

/* -- pages that fail ----------------------------------------------------------------------------------- */

static const char *const four_keys[] = {"a", "b", "c", "d"};

static void a_page_that_fails_is_asked_for_again(void) {
  for (size_t at = 0; at < 4; at++) {
    watch(__func__);
    listing_t listing = {four_keys, 4, 1, 2, at};
    server_t *server = server_start(answer_listing, &listing);
    fixture_t fixture = with_server(server, S3, OPTIONS({"max_retries", "2"}));
    check_keys(&fixture, "", NULL, "a\nb\nc\nd\n");
    check_requests(server, 6);
    fixture_free(&fixture);
    server_free(server);
  }
}

/* A page that fails in the end leaves the list where it was. */
static void a_list_goes_on_where_it_failed(void) {
  watch(__func__);
  listing_t                listing = {four_keys, 4, 2, 3, 1};
  server_t                *server = server_start(answer_listing, &listing);
  fixture_t                fixture = with_server(server, S3, OPTIONS({"max_retries", "2"}));
  blobferry_list_options_t options = BLOBFERRY_LIST_OPTIONS_INIT;
  blobferry_list_t        *list = NULL;
  size_t                   count = 7;
  options.page_size = 2;
  must(blobferry_list_new(fixture.store, "", &options, &list, NULL), NULL, "blobferry_list_new");
  blobferry_completion_t completion = next(&fixture, list);
  CHECK_INT(completion.result, 2);
  check_outcome(completion, BLOBFERRY_OK, "");
  completion = next(&fixture, list);
  CHECK(completion.status == BLOBFERRY_E_SERVER || completion.status == BLOBFERRY_E_CONNECTION);
  check_requests(server, 4);
  dispose(&completion);
  CHECK(blobferry_list_entries(list, &count) == NULL);
  CHECK_INT(count, 0);
  completion = next(&fixture, list);
  CHECK(is_last_page(&completion));
  check_outcome(completion, BLOBFERRY_OK, "");
  const blobferry_entry_t *entries = blobferry_list_entries(list, &count);
  CHECK_INT(count, 2);
  if (count == 2) {
    CHECK_TEXT(entries[0].key, "c");
    CHECK_TEXT(entries[1].key, "d");
  }
  blobferry_list_free(list);
  fixture_free(&fixture);
  server_free(server);
}

/* -- documents that are no pages ----------------------------------------------------------------------- */

/* Each request is answered with the next document, the last over and over; of it `cut` bytes, where that is not 0. */
typedef struct documents {
  const char *texts[3];
  size_t      count, cut;
} documents_t;

static void answer_documents(exchange_t *exchange, void *context) {
  const documents_t *documents = context;
  size_t             number = exchange->number < documents->count ? exchange->number : documents->count - 1;
  const char        *text = documents->texts[number];
  size_t             size = documents->cut > 0 ? documents->cut : strlen(text);
  reply_bytes(exchange, 200, "Content-Type: application/xml\r\n", text, size);
}

#define PAGE(content, is_truncated) \
  "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<ListBucketResult><Name>bucket</Name>" content \
  "<IsTruncated>" is_truncated "</IsTruncated></ListBucketResult>"
#define KEY(name) \
  "<Contents><Key>" name "</Key><LastModified>2024-01-01T00:00:00Z</LastModified><ETag>e</ETag><Size>1</Size>" \
  "</Contents>"
#define TOKEN(text) "<NextContinuationToken>" text "</NextContinuationToken>"

/* Lists to the end or to the first error, which must be of the server, and come within a number of requests. */
static void check_senseless(const char *what, documents_t documents, const char *prefix) {
  server_t         *server = server_start(answer_documents, &documents);
  fixture_t         fixture = with_server(server, S3, OPTIONS({"max_retries", "1"}));
  blobferry_list_t *list = new_list(fixture.store, prefix);
  size_t            count = 7;
  for (int pages = 0;; pages++) {
    blobferry_completion_t completion = next(&fixture, list);
    bool                   is_over = completion.status != BLOBFERRY_OK || is_last_page(&completion) || pages == 10;
    if (is_over && completion.status != BLOBFERRY_E_SERVER)
      FAIL("%s: %s after %d pages: %s", what, blobferry_status_name(completion.status), pages,
           blobferry_error_message(completion.error));
    dispose(&completion);
    beat();
    if (is_over) break;
  }
  if (atomic_load(&failures_in_test) == 0) CHECK(blobferry_list_entries(list, &count) == NULL);
  CHECK(server_requests(server) <= 6);
  blobferry_list_free(list);
  fixture_free(&fixture);
  server_free(server);
}

static void a_listing_that_makes_no_sense_is_an_error(void) {
  static const struct {
    const char *what;
    documents_t documents;
  } cases[] = {
      {"a token comes again", {{PAGE(KEY("a") TOKEN("t"), "true"), PAGE(KEY("b") TOKEN("t"), "true")}, 2, 0}},
      {"no token", {{PAGE(KEY("a"), "true")}, 1, 0}},
      {"an empty token", {{PAGE(KEY("a") TOKEN(""), "true")}, 1, 0}},
      {"an earlier token",
       {{PAGE(KEY("a") TOKEN("1"), "true"), PAGE(KEY("b") TOKEN("2"), "true"), PAGE(KEY("c") TOKEN("1"), "true")},
        3, 0}},
      {"a token at the end", {{PAGE(KEY("a") TOKEN("1"), "false")}, 1, 0}},
      {"neither an end nor more", {{"<ListBucketResult>" KEY("a") "</ListBucketResult>"}, 1, 0}},
      {"an end that is none", {{PAGE(KEY("a"), "perhaps")}, 1, 0}},
      {"a page comes again", {{PAGE(KEY("a") TOKEN("1"), "true"), PAGE(KEY("a") TOKEN("2"), "true")}, 2, 0}},
      {"a page goes back", {{PAGE(KEY("b") TOKEN("1"), "true"), PAGE(KEY("a"), "false")}, 2, 0}},
      {"twins", {{PAGE(KEY("a") KEY("a"), "false")}, 1, 0}},
      {"a stranger", {{PAGE(KEY("zebra"), "false")}, 1, 0}},
      {"no key", {{PAGE("<Contents><Size>1</Size></Contents>", "false")}, 1, 0}},
      {"no size", {{PAGE("<Contents><Key>a</Key></Contents>", "false")}, 1, 0}},
      {"a negative size", {{PAGE("<Contents><Key>a</Key><Size>-1</Size></Contents>", "false")}, 1, 0}},
      {"a size that is none", {{PAGE("<Contents><Key>a</Key><Size>big</Size></Contents>", "false")}, 1, 0}},
      {"an enormous size",
       {{PAGE("<Contents><Key>a</Key><Size>99999999999999999999</Size></Contents>", "false")}, 1, 0}},
      {"nothing", {{""}, 1, 0}},
      {"blanks", {{"   \n "}, 1, 0}},
      {"HTML", {{"<!DOCTYPE html><html><body>please log in</body></html>"}, 1, 0}},
      {"JSON", {{"{\"keys\": []}"}, 1, 0}},
      {"text", {{"no listing today"}, 1, 0}},
      {"an error", {{"<Error><Code>InternalError</Code></Error>"}, 1, 0}},
      {"another element", {{"<ListAllMyBucketsResult></ListAllMyBucketsResult>"}, 1, 0}},
      {"a wrong end", {{"<ListBucketResult><Contents></ListBucketResult></Contents>"}, 1, 0}},
      {"an unknown entity", {{PAGE(KEY("a&nosuch;b"), "false")}, 1, 0}},
      {"entities of its own",
       {{"<!DOCTYPE x [<!ENTITY a \"aa\"><!ENTITY b \"&a;&a;\">]>" PAGE(KEY("a&b;"), "false")}, 1, 0}},
  };
  watch(__func__);
  for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++)
    check_senseless(cases[i].what, cases[i].documents, strcmp(cases[i].what, "a stranger") == 0 ? "a" : "");
}

/* A document that ends early is no shorter listing. */
static void half_a_page_is_no_page(void) {
  static const char document[] = PAGE(KEY("a") KEY("b") TOKEN("t"), "true");
  size_t            stride = slowness();
  for (size_t cut = 1; cut < sizeof document - 1; cut += stride) {
    watch(__func__);
    documents_t       documents = {{document}, 1, cut};
    server_t         *server = server_start(answer_documents, &documents);
    fixture_t         fixture = with_server(server, S3, OPTIONS({"max_retries", "0"}));
    blobferry_list_t *list = new_list(fixture.store, "");
    blobferry_completion_t completion = next(&fixture, list);
    if (completion.status != BLOBFERRY_E_SERVER)
      FAIL("cut at %zu: %s", cut, blobferry_status_name(completion.status));
    dispose(&completion);
    blobferry_list_free(list);
    fixture_free(&fixture);
    server_free(server);
  }
}

/* -- documents of no end ------------------------------------------------------------------------------- */

enum { ENDLESS = 256 << 20 };

static atomic_ulong sent;

static void answer_endlessly(exchange_t *exchange, void *context) {
  const char *piece = context;
  size_t      size = strlen(piece);
  say_status(exchange, 200);
  say(exchange, "Transfer-Encoding: chunked\r\n\r\n");
  const char *begin = "<?xml version=\"1.0\"?><ListBucketResult>";
  say(exchange, "%zx\r\n%s\r\n", strlen(begin), begin);
  while (atomic_load(&sent) < ENDLESS && say(exchange, "%zx\r\n%s\r\n", size, piece)) atomic_fetch_add(&sent, size);
}

static char *repeated(const char *text, size_t times) {
  size_t size = strlen(text);
  char  *all = malloc(size * times + 1);
  for (size_t i = 0; i < times; i++) memcpy(all + i * size, text, size);
  all[size * times] = '\0';
  return all;
}

static void an_endless_page_is_not_read(void) {
  static const char *const pieces[] = {KEY("a"), "x", "<deeper>", "<!-- comment -->", "&amp;"};
  for (size_t i = 0; i < sizeof pieces / sizeof pieces[0]; i++) {
    watch(__func__);
    char                  *piece = repeated(pieces[i], 65536 / strlen(pieces[i]));
    server_t              *server = server_start(answer_endlessly, piece);
    fixture_t              fixture = with_server(server, S3, OPTIONS({"max_retries", "3"}));
    blobferry_list_t      *list = new_list(fixture.store, "");
    blobferry_completion_t completion = next(&fixture, list);
    check_outcome(completion, BLOBFERRY_E_SERVER, "");
    check_requests(server, 1); /* it would be as long again */
    blobferry_list_free(list);
    fixture_free(&fixture);
    server_free(server);
    CHECK(atomic_load(&sent) < ENDLESS / 2);
    atomic_store(&sent, 0);
    free(piece);
  }
}

/* Pages without a key, each with another token, without an end: the deadline ends it, or cancel. */
static void answer_empty_pages(exchange_t *exchange, void *unused) {
  char document[512];
  (void)unused;
  snprintf(document, sizeof document, PAGE(TOKEN("%zu"), "true"), exchange->number);
  reply(exchange, 200, "Content-Type: application/xml\r\n", document);
}

static void empty_pages_without_end_can_be_ended(void) {
  watch(__func__);
  server_t         *server = server_start(answer_empty_pages, NULL);
  fixture_t         fixture = with_server(server, S3, NO_OPTIONS);
  blobferry_list_t *list = new_list(fixture.store, "");
  for (int way = 0; way < 2; way++) {
    size_t             before = server_requests(server);
    request_t          request = {VERB_LIST, NULL, NULL, 0, list, way == 0 ? 100 : 0, 1};
    blobferry_ticket_t ticket = must_submit(&request, fixture.store, fixture.cq);
    AWAIT(server_requests(server) > before + 2);
    if (way == 1) must_cancel(fixture.cq, ticket);
    expect(fixture.cq, way == 0 ? BLOBFERRY_E_DEADLINE : BLOBFERRY_E_CANCELLED, 1);
  }
  blobferry_list_free(list);
  fixture_free(&fixture);
  server_free(server);
}

static void an_empty_page_is_not_the_last(void) {
  documents_t documents = {{PAGE(TOKEN("1"), "true"), PAGE(KEY("a") TOKEN("2"), "true"), PAGE("", "false")}, 3, 0};
  watch(__func__);
  server_t *server = server_start(answer_documents, &documents);
  fixture_t fixture = with_server(server, S3, NO_OPTIONS);
  check_keys(&fixture, "", NULL, "a\n");
  check_requests(server, 3);
  fixture_free(&fixture);
  server_free(server);
}

TESTS(TEST(every_key_is_listed_once), TEST(a_key_is_given_as_its_server_has_it), TEST(prefixes_groups_and_starts),
      TEST(a_page_that_fails_is_asked_for_again), TEST(a_list_goes_on_where_it_failed),
      TEST(a_listing_that_makes_no_sense_is_an_error), TEST(half_a_page_is_no_page), TEST(an_endless_page_is_not_read),
      TEST(empty_pages_without_end_can_be_ended), TEST(an_empty_page_is_not_the_last))
