/*
 * Content headers and tags of a put: which header fields go over the wire, with one
 * request and in parts, that no value can end its field and begin another, and what
 * comes back of them in details.
 */
#include "server.h"
#include "server/bucket.h"

enum { MIB = 1 << 20, SMALL = 100, LARGE = 10 * MIB + 1 };

static const kind_t kinds[] = {S3, S3_UNSIGNED, AZURE, GCS};

enum { KINDS_HERE = sizeof kinds / sizeof kinds[0], FIELDS = 5 };

typedef struct content {
  const char *values[FIELDS];
} content_t;

static const char *const names[FIELDS] = {"content-type", "content-encoding", "content-language", "content-disposition",
                                          "cache-control"};
static const char *const azure_names[FIELDS] = {"x-ms-blob-content-type", "x-ms-blob-content-encoding",
                                                "x-ms-blob-content-language", "x-ms-blob-content-disposition",
                                                "x-ms-blob-cache-control"};

static const content_t usual = {
    {"text/csv; charset=utf-8", "gzip", "de-AT, en", "attachment; filename=\"a b.csv\"", "no-cache, max-age=0"}};

static void set_content(blobferry_put_options_t *options, const content_t *content) {
  options->content_type = content->values[0];
  options->content_encoding = content->values[1];
  options->content_language = content->values[2];
  options->content_disposition = content->values[3];
  options->cache_control = content->values[4];
}

static blobferry_completion_t put_bytes(const fixture_t *fixture, size_t size, const blobferry_put_options_t *options) {
  static uint8_t     bytes[LARGE];
  blobferry_error_t *error = NULL;
  blobferry_status_t submitted =
      blobferry_object_put(fixture->store, fixture->cq, "key", bytes, size, options, 0, NULL, &error);
  beat();
  return outcome_of(fixture, submitted, error);
}

static void answer_all_well(exchange_t *exchange, void *unused) {
  static const object_t object = {0, 0, AN_ETAG, A_DATE};
  (void)unused;
  answer_well(exchange, &object);
}

/* How many fields of this name a request has. */
static size_t fields_of(const record_t *record, const char *name) {
  size_t count = 0;
  for (size_t i = 0; i < record->field_count; i++)
    if (strcasecmp(record->fields[i].name, name) == 0) count++;
  return count;
}

/* -- content headers ------------------------------------------------------------------------------------------ */

static void check_fields(const record_t *record, kind_t kind, const content_t *content) {
  for (size_t i = 0; i < FIELDS; i++) {
    const char *name = kind == AZURE ? azure_names[i] : names[i];
    if (content->values[i] != NULL) CHECK_TEXT(record_header(record, name), content->values[i]);
    else if (i > 0) CHECK(record_header(record, name) == NULL);
    CHECK(fields_of(record, name) <= 1);
    /* On az these would be about the body of the request, and not of the object. */
    if (kind == AZURE && i > 0) CHECK(record_header(record, names[i]) == NULL);
  }
}

/* Each alone, and all of them. */
static void content_headers_travel_in_the_head(void) {
  for (size_t k = 0; k < KINDS_HERE; k++)
    for (size_t only = 0; only <= FIELDS; only++) {
      watch(__func__);
      content_t               content = usual;
      blobferry_put_options_t options = BLOBFERRY_PUT_OPTIONS_INIT;
      for (size_t i = 0; i < FIELDS; i++)
        if (only < FIELDS && i != only) content.values[i] = NULL;
      set_content(&options, &content);
      server_t *server = server_start(answer_all_well, NULL);
      fixture_t fixture = with_server(server, kinds[k], NO_OPTIONS);
      check_outcome(put_bytes(&fixture, SMALL, &options), BLOBFERRY_OK, "");
      check_requests(server, 1);
      const record_t *record = server_find(server, "PUT", "", 0);
      if (record != NULL) check_fields(record, kinds[k], &content);
      if (has_failed_here()) fprintf(stderr, "    (%s, header %zu)\n", kind_names[kinds[k]], only);
      fixture_free(&fixture);
      server_free(server);
    }
}

/* In parts they go with the request that begins the upload, and no other. */
static void answer_bucket(exchange_t *exchange, void *bucket) { bucket_answer(exchange, bucket); }

static void content_headers_begin_an_upload(void) {
  static const kind_t with_uploads[] = {S3, GCS};
  for (size_t k = 0; k < 2; k++) {
    watch(__func__);
    static const blobferry_pair_t metadata[] = {{"color", "blue"}};
    blobferry_put_options_t       options = BLOBFERRY_PUT_OPTIONS_INIT;
    bucket_t                     *bucket = calloc(1, sizeof *bucket);
    bucket_init(bucket);
    server_t *server = server_start_with(answer_bucket, bucket, (server_options_t){0, true, 0});
    fixture_t fixture = with_server(server, with_uploads[k], OPTIONS({"part_size", "5MiB"}));
    set_content(&options, &usual);
    options.metadata = metadata;
    options.metadata_count = 1;
    check_outcome(put_bytes(&fixture, LARGE, &options), BLOBFERRY_OK, "");
    const record_t *begun = server_find(server, "POST", "uploads", 0), *part = server_find(server, "PUT", "", 0);
    if (begun == NULL || part == NULL) FAIL("no upload has begun");
    else {
      check_fields(begun, with_uploads[k], &usual);
      CHECK(record_header(part, "content-encoding") == NULL && record_header(part, "cache-control") == NULL);
    }
    fixture_free(&fixture);
    server_free(server);
    bucket_free(bucket);
    free(bucket);
  }
}

/* Azure's blocks have no headers: they come with the list of the blocks. */
static void azure_is_told_with_the_list_of_blocks(void) {
  for (size_t only = 0; only < FIELDS; only++) {
    watch(__func__);
    content_t               content = {{NULL}};
    blobferry_put_options_t options = BLOBFERRY_PUT_OPTIONS_INIT;
    content.values[only] = usual.values[only];
    set_content(&options, &content);
    server_t *server = server_start(answer_all_well, NULL);
    fixture_t fixture = with_server(server, AZURE, OPTIONS({"part_size", "5MiB"}));
    check_outcome(put_bytes(&fixture, LARGE, &options), BLOBFERRY_OK, "");
    const record_t *list = server_find(server, "PUT", "comp=blocklist", 0);
    if (list == NULL) FAIL("no list of blocks came");
    else check_fields(list, AZURE, &content);
    fixture_free(&fixture);
    server_free(server);
  }
}

/* What a server tells of them comes back as it was said. */
static void answer_with_content(exchange_t *exchange, void *unused) {
  (void)unused;
  say_status(exchange, 200);
  say(exchange, "Content-Length: 0\r\nETag: %s\r\nLast-Modified: %s\r\n", AN_ETAG, A_DATE);
  for (size_t i = 0; i < FIELDS; i++) say(exchange, "%s: %s\r\n", names[i], usual.values[i]);
  say(exchange, "x-amz-version-id: v 1\r\nx-ms-version-id: v 1\r\nx-goog-generation: 1\r\n\r\n");
}

static void content_headers_come_back(void) {
  for (size_t k = 0; k < KINDS_HERE; k++) {
    watch(__func__);
    server_t              *server = server_start(answer_with_content, NULL);
    fixture_t              fixture = with_server(server, kinds[k], NO_OPTIONS);
    blobferry_completion_t completion = head(&fixture, "key");
    CHECK_TEXT(blobferry_details_content_type(completion.details), usual.values[0]);
    CHECK_TEXT(blobferry_details_content_encoding(completion.details), usual.values[1]);
    CHECK_TEXT(blobferry_details_content_language(completion.details), usual.values[2]);
    CHECK_TEXT(blobferry_details_content_disposition(completion.details), usual.values[3]);
    CHECK_TEXT(blobferry_details_cache_control(completion.details), usual.values[4]);
    CHECK_TEXT(blobferry_details_version(completion.details), kinds[k] == GCS ? "1" : "v 1");
    check_outcome(completion, BLOBFERRY_OK, "");
    fixture_free(&fixture);
    server_free(server);
  }
}

/* -- what a value must not do ------------------------------------------------------------------------------------ */

/* A put with these options is refused at once; nothing goes over the wire. */
static void check_refused(kind_t kind, const blobferry_put_options_t *options, const char *what) {
  server_t *server = server_start(answer_all_well, NULL);
  fixture_t fixture = with_server(server, kind, NO_OPTIONS);
  check_refusal(put_bytes(&fixture, SMALL, options), BLOBFERRY_E_ARGUMENT, "");
  check_requests(server, 0);
  if (has_failed_here()) fprintf(stderr, "    (%s: %s)\n", kind_names[kind], what);
  fixture_free(&fixture);
  server_free(server);
}

static void no_value_ends_its_field(void) {
  static const char *const evil[] = {
      "a\r\nx-amz-acl: public-read", "a\nb", "a\rb", "a\x01b", "a\x7F", "\xC3\xBC",
      "a\r\n\r\nGET / HTTP/1.1",     " a",   "a ",
  };
  for (size_t k = 0; k < KINDS_HERE; k++)
    for (size_t i = 0; i < sizeof evil / sizeof evil[0]; i++)
      for (size_t only = 0; only < FIELDS; only++) {
        watch(__func__);
        content_t               content = {{NULL}};
        blobferry_put_options_t options = BLOBFERRY_PUT_OPTIONS_INIT;
        content.values[only] = evil[i];
        set_content(&options, &content);
        check_refused(kinds[k], &options, names[only]);
        beat();
      }
}

/* What is not UTF-8 is refused, too. */
static void no_value_is_any_bytes(void) {
  for (size_t only = 0; only < FIELDS; only++) {
    content_t               content = {{NULL}};
    blobferry_put_options_t options = BLOBFERRY_PUT_OPTIONS_INIT;
    watch(__func__);
    content.values[only] = "a\xFF";
    set_content(&options, &content);
    check_refused(S3, &options, names[only]);
  }
  static const blobferry_pair_t tags[] = {{"a", "\xFF"}, {"\xFF", "a"}};
  for (size_t i = 0; i < 2; i++) {
    blobferry_put_options_t options = BLOBFERRY_PUT_OPTIONS_INIT;
    options.tags = &tags[i];
    options.tag_count = 1;
    check_refused(S3, &options, "tags");
  }
}

/* -- tags ---------------------------------------------------------------------------------------------------------- */

static const kind_t with_tags[] = {S3, S3_UNSIGNED, AZURE};

/* The tags in a header, as `key=value&…`, must be these after decoding; it is ASCII without blanks. */
static void check_tags(const char *header_value, const blobferry_pair_t *tags, size_t count) {
  if (header_value == NULL) {
    FAIL("there is no header with tags");
    return;
  }
  for (const char *byte = header_value; *byte != '\0'; byte++)
    if (*byte <= ' ' || *byte > '~') FAIL("\"%s\" is not escaped", header_value);
  const char *at = header_value;
  for (size_t i = 0; i < count; i++) {
    char key[256], value[512];
    at = percent_decode(at, "=&", true, key, sizeof key);
    if (*at != '=') FAIL("no `=` behind a tag: %s", header_value);
    at = percent_decode(*at == '=' ? at + 1 : at, "&", true, value, sizeof value);
    CHECK_TEXT(key, tags[i].key);
    CHECK_TEXT(value, tags[i].value);
    if (*at == '&') at++;
  }
  CHECK(*at == '\0');
}

static const blobferry_pair_t odd_tags[] = {
    {"plain", "value"}, {"a b", "c d"}, {"x+y", "1+1=2"}, {"key/a:b", "-.@"}, {"empty", ""}};

enum { ODD_TAGS = sizeof odd_tags / sizeof odd_tags[0] };

static void tags_are_escaped_once(void) {
  for (size_t k = 0; k < sizeof with_tags / sizeof with_tags[0]; k++) {
    watch(__func__);
    blobferry_put_options_t options = BLOBFERRY_PUT_OPTIONS_INIT;
    server_t               *server = server_start(answer_all_well, NULL);
    fixture_t               fixture = with_server(server, with_tags[k], NO_OPTIONS);
    options.tags = odd_tags;
    options.tag_count = ODD_TAGS;
    CHECK(blobferry_store_capabilities(fixture.store) & BLOBFERRY_CAN_TAGS);
    check_outcome(put_bytes(&fixture, SMALL, &options), BLOBFERRY_OK, "");
    const record_t *record = server_find(server, "PUT", "", 0);
    if (record != NULL)
      check_tags(record_header(record, with_tags[k] == AZURE ? "x-ms-tags" : "x-amz-tagging"), odd_tags, ODD_TAGS);
    if (has_failed_here()) fprintf(stderr, "    (%s)\n", kind_names[with_tags[k]]);
    fixture_free(&fixture);
    server_free(server);
  }
}

static void tags_begin_an_upload(void) {
  watch(__func__);
  blobferry_put_options_t options = BLOBFERRY_PUT_OPTIONS_INIT;
  bucket_t               *bucket = calloc(1, sizeof *bucket);
  bucket_init(bucket);
  server_t *server = server_start_with(answer_bucket, bucket, (server_options_t){0, true, 0});
  fixture_t fixture = with_server(server, S3, OPTIONS({"part_size", "5MiB"}));
  options.tags = odd_tags;
  options.tag_count = ODD_TAGS;
  check_outcome(put_bytes(&fixture, LARGE, &options), BLOBFERRY_OK, "");
  const record_t *begun = server_find(server, "POST", "uploads", 0), *part = server_find(server, "PUT", "", 0);
  if (begun != NULL) check_tags(record_header(begun, "x-amz-tagging"), odd_tags, ODD_TAGS);
  CHECK(part != NULL && record_header(part, "x-amz-tagging") == NULL);
  fixture_free(&fixture);
  server_free(server);
  bucket_free(bucket);
  free(bucket);
}

static void where_there_are_no_tags_they_are_refused(void) {
  static const kind_t           without[] = {GCS, HTTP};
  static const blobferry_pair_t tags[] = {{"a", "b"}};
  for (size_t k = 0; k < 2; k++) {
    watch(__func__);
    blobferry_put_options_t options = BLOBFERRY_PUT_OPTIONS_INIT;
    server_t               *server = server_start(answer_all_well, NULL);
    fixture_t               fixture = with_server(server, without[k], NO_OPTIONS);
    options.tags = tags;
    options.tag_count = 1;
    CHECK(!(blobferry_store_capabilities(fixture.store) & BLOBFERRY_CAN_TAGS));
    check_refusal(put_bytes(&fixture, SMALL, &options), BLOBFERRY_E_UNSUPPORTED, "");
    check_requests(server, 0);
    fixture_free(&fixture);
    server_free(server);
  }
}

TESTS(TEST(content_headers_travel_in_the_head), TEST(content_headers_begin_an_upload),
      TEST(azure_is_told_with_the_list_of_blocks), TEST(content_headers_come_back), TEST(no_value_ends_its_field),
      TEST(no_value_is_any_bytes), TEST(tags_are_escaped_once), TEST(tags_begin_an_upload),
      TEST(where_there_are_no_tags_they_are_refused))
