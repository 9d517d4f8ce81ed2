/*
 * URLs of stores over a network: which forms there are and which server each of them asks, which are refused, and how
 * the path of a URL becomes part of every key. What is no key, and what no header would carry, is refused at submit.
 */
#include "opening.h"
#include "secrets.h"
#include "server.h"

/* -- forms ------------------------------------------------------------------------------------------------ */

/* A URL, the account that it needs besides (or NULL), the host that it asks, and what its keys begin with. */
typedef struct form {
  const char *url, *account, *host, *prefix;
} form_t;

static const form_t forms[] = {
    {"s3://bucket", NULL, "s3.us-east-1.amazonaws.com:443", ""},
    {"s3://bucket/", NULL, "s3.us-east-1.amazonaws.com:443", ""},
    {"s3://bucket/a/b", NULL, "s3.us-east-1.amazonaws.com:443", "a/b/"},
    {"s3a://bucket/a/b/", NULL, "s3.us-east-1.amazonaws.com:443", "a/b/"},
    {"S3://bucket/a", NULL, "s3.us-east-1.amazonaws.com:443", "a/"},
    {"https://s3.eu-west-1.amazonaws.com/bucket", NULL, "s3.eu-west-1.amazonaws.com:443", ""},
    {"https://s3.eu-west-1.amazonaws.com/bucket/a/b", NULL, "s3.eu-west-1.amazonaws.com:443", "a/b/"},
    {"https://bucket.s3.amazonaws.com/a", NULL, "bucket.s3.us-east-1.amazonaws.com:443", "a/"},
    {"https://bucket.s3.eu-west-1.amazonaws.com", NULL, "bucket.s3.eu-west-1.amazonaws.com:443", ""},
    {"https://bucket.s3.eu-west-1.amazonaws.com/a/", NULL, "bucket.s3.eu-west-1.amazonaws.com:443", "a/"},
    {"https://s3.dualstack.eu-west-1.amazonaws.com/bucket/a", NULL, "s3.dualstack.eu-west-1.amazonaws.com:443", "a/"},
    {"https://bucket.s3.dualstack.eu-west-1.amazonaws.com/a", NULL, "bucket.s3.dualstack.eu-west-1.amazonaws.com:443",
     "a/"},
    {"https://account.r2.cloudflarestorage.com/bucket/a", NULL, "account.r2.cloudflarestorage.com:443", "a/"},
    {"https://account.eu.r2.cloudflarestorage.com/bucket/a", NULL, "account.eu.r2.cloudflarestorage.com:443", "a/"},
    {"az://container", "account", "account.blob.core.windows.net:443", ""},
    {"az://container/a", "account", "account.blob.core.windows.net:443", "a/"},
    {"azure://container/a", "account", "account.blob.core.windows.net:443", "a/"},
    {"adl://container/a", "account", "account.blob.core.windows.net:443", "a/"},
    {"abfs://container/a", "account", "account.blob.core.windows.net:443", "a/"},
    {"abfss://container/a", "account", "account.blob.core.windows.net:443", "a/"},
    {"abfs://container@account.dfs.core.windows.net/a", NULL, "account.blob.core.windows.net:443", "a/"},
    {"abfss://container@account.dfs.core.windows.net", NULL, "account.blob.core.windows.net:443", ""},
    {"abfss://container@account.blob.core.windows.net/a/b", NULL, "account.blob.core.windows.net:443", "a/b/"},
    {"az://container@account.dfs.core.windows.net/a", NULL, "account.blob.core.windows.net:443", "a/"},
    {"https://account.blob.core.windows.net/container/a", NULL, "account.blob.core.windows.net:443", "a/"},
    {"https://account.dfs.core.windows.net/container", NULL, "account.blob.core.windows.net:443", ""},
    {"https://onelake.dfs.fabric.microsoft.com/space/a", NULL, "onelake.blob.fabric.microsoft.com:443", "a/"},
    {"abfss://space@onelake.dfs.fabric.microsoft.com/a", NULL, "onelake.blob.fabric.microsoft.com:443", "a/"},
    {"gs://bucket", NULL, "storage.googleapis.com:443", ""},
    {"gs://bucket/a%20b/c", NULL, "storage.googleapis.com:443", "a b/c/"},
    {"https://files.example", NULL, "files.example:443", ""},
    {"https://files.example:8443/a/b/", NULL, "files.example:8443", ""},
    {"https://[2001:db8::1]/a", NULL, "[2001:db8::1]:443", ""},
    {"http://files.example/a", NULL, "http://files.example/a/key", ""},
    {"http://files.example:8080/a/b/", NULL, "http://files.example:8080/a/b/key", ""},
    {"HTTP://files.example/a", NULL, "http://files.example/a/key", ""},
};

static void refuse_to_connect(exchange_t *exchange, void *unused) {
  (void)unused;
  reply(exchange, 403, "", "");
}

static const char *setting(const blobferry_store_t *store, const char *name) {
  size_t                  count = 0;
  const blobferry_pair_t *settings = blobferry_store_settings(store, &count);
  for (size_t i = 0; i < count; i++)
    if (strcmp(settings[i].key, name) == 0) return settings[i].value;
  return NULL;
}

/* A proxy is told whom the store wants to reach; it lets nobody through. */
static void every_form_asks_its_own_server(void) {
  for (size_t i = 0; i < sizeof forms / sizeof forms[0]; i++) {
    watch(__func__);
    char             proxy[64];
    server_t        *server = server_start(refuse_to_connect, NULL);
    blobferry_pair_t options[] = {{"proxy_url", proxy},
                                  {"disable_system_certificates", "true"},
                                  {"allow_invalid_certificates", "true"},
                                  {"credentials", "anonymous"},
                                  {"max_retries", "0"},
                                  {"account_name", forms[i].account}};
    snprintf(proxy, sizeof proxy, "http://127.0.0.1:%d", server->port);
    fixture_t fixture = with_url(forms[i].url, options, forms[i].account ? 6 : 5);
    CHECK_INT(server_connections(server), 0);
    blobferry_completion_t completion = get(&fixture, "key");
    CHECK(completion.status != BLOBFERRY_OK);
    dispose(&completion);
    check_requests(server, 1);
    const record_t *record = server_record(server, 0);
    if (record != NULL && strcmp(record->target, forms[i].host) != 0)
      FAIL("%s asks %s, wanted %s", forms[i].url, record->target, forms[i].host);
    CHECK_TEXT(setting(fixture.store, "prefix"), forms[i].prefix);
    fixture_free(&fixture);
    server_free(server);
  }
}

/* -- refused ---------------------------------------------------------------------------------------------- */

static const blobferry_pair_t anonymous[] = {{"credentials", "anonymous"}, {"allow_invalid_certificates", "true"}};
static const blobferry_pair_t anonymous_on_azure[] = {
    {"credentials", "anonymous"}, {"allow_invalid_certificates", "true"}, {"account_name", "account"}};

static bool is_of_azure(const char *url) { return strncmp(url, "a", 1) == 0; }

static void refuse_url(blobferry_service_t *service, const char *url, const char *part) {
  if (is_of_azure(url)) refuse(service, url, anonymous_on_azure, 3, BLOBFERRY_E_ARGUMENT, part, "");
  else refuse(service, url, anonymous, 2, BLOBFERRY_E_ARGUMENT, part, "");
}

static void malformed_urls_are_refused(void) {
  static const char *const urls[] = {
      "s3:", "s3:/", "s3:/bucket", "s3://", "s3:///", "s3:///a", "s3:bucket", "s3://bu cket", "s3://[bucket",
      "gs://", "gs:///a", "az://", "az:///a", "abfss://", "azure:///", "http://", "http:///a", "https://",
      "https://:80",
      "http://host:port/", "http://host:99999/", "http://[::1/", "http://ho st/", "http://a b/",
      "s3://bucket/a//b", "s3://bucket//", "s3://bucket//a", "gs://bucket/a//b", "az://container/a//b",
      "http://host/a//b", "s3://bucket/%00", "s3://bucket/a%01b", "s3://bucket/%7F", "gs://bucket/%0D%0A",
      "az://container/a%09", "s3://bucket/%ff", "s3://bucket/%", "s3://bucket/%zz", "s3://bucket/%4",
      "az://container/a%5Cb", "az://a.b/c", "abfss://container@account", "abfss://container@account.example.com/a",
      "abfss://container@.dfs.core.windows.net/a", "https://s3.amazonaws.com/bucket", "https://amazonaws.com/bucket",
      "https://s3.eu-west-1.amazonaws.com", "https://s3.eu-west-1.amazonaws.com/",
      "https://account.r2.cloudflarestorage.com", "https://account.r2.cloudflarestorage.com/",
      "https://account.blob.core.windows.net", "https://account.blob.core.windows.net/",
      "https://onelake.dfs.fabric.microsoft.com/",
  };
  blobferry_service_t *service = new_service();
  for (size_t i = 0; i < sizeof urls / sizeof urls[0]; i++) refuse_url(service, urls[i], urls[i]);
  blobferry_service_free(service);
}

/* Readers of URLs that mend them would open another store than was written. */
static void urls_that_other_readers_repair_are_refused(void) {
  static const char *const urls[] = {
      " s3://bucket", "s3://bucket ", "\ts3://bucket", "s3://bucket\n", "s3://buc\nket", "s3://bucket/a\tb",
      "s3://bucket\\a", "s3:\\\\bucket", "s3://bucket/a\\b", "s3://bucket/.", "s3://bucket/..", "s3://bucket/a/../b",
      "s3://bucket/./a", "s3://bucket/%2e%2E/a", "gs://bucket/..", "az://container/../a", "http://host/a/../b",
      "http://host/%2e./b", "http://host\\a", "https://host/a/..",
  };
  blobferry_service_t *service = new_service();
  for (size_t i = 0; i < sizeof urls / sizeof urls[0]; i++) refuse_url(service, urls[i], "");
  blobferry_service_free(service);
}

/* A port that nobody heeds would be dropped from what was written. */
static void what_a_form_has_no_place_for_is_refused(void) {
  static const char *const urls[] = {
      "s3://bucket:9000", "s3://bucket:9000/a", "gs://bucket:443/a", "az://container:10000/a", "azure://container:1",
      "abfss://container@account.dfs.core.windows.net:8443/a", "https://s3.eu-west-1.amazonaws.com:8443/bucket",
      "https://bucket.s3.eu-west-1.amazonaws.com:8443", "https://account.blob.core.windows.net:8443/container",
      "https://account.r2.cloudflarestorage.com:8443/bucket",
  };
  blobferry_service_t *service = new_service();
  for (size_t i = 0; i < sizeof urls / sizeof urls[0]; i++) refuse_url(service, urls[i], "port");
  blobferry_service_free(service);
}

/* Credentials are options; and a query or fragment that is dropped may have been what mattered. */
static void a_user_a_query_and_a_fragment_are_refused(void) {
  static const struct {
    const char *url, *part;
  } urls[] = {
      {"s3://" ACCESS_KEY_ID ":" SESSION_TOKEN "@bucket", "user"},
      {"s3://" ACCESS_KEY_ID "@bucket/a", "user"},
      {"s3://:" PROXY_PASSWORD "@bucket/a", "user"},
      {"gs://me:" PROXY_PASSWORD "@bucket", "user"},
      {"http://me:" PROXY_PASSWORD "@host/a", "user"},
      {"https://me:" PROXY_PASSWORD "@host/a", "user"},
      {"https://me@host/a", "user"},
      {"azure://me@container", "user"},
      {"adl://me:" PROXY_PASSWORD "@container", "user"},
      {"az://container:" PROXY_PASSWORD "@account.dfs.core.windows.net/a", "user"},
      {"https://me:" PROXY_PASSWORD "@bucket.s3.eu-west-1.amazonaws.com/a", "user"},
      {"s3://bucket?versionId=1", "query"},
      {"s3://bucket/a?", "query"},
      {"http://host/a?sig=" SAS_SIGNATURE_ESCAPED, "query"},
      {"https://account.blob.core.windows.net/container?sv=2023&sig=" SAS_SIGNATURE_ESCAPED, "query"},
      {"az://container/a?sig=" SAS_SIGNATURE_ESCAPED, "query"},
      {"s3://bucket#a", "fragment"},
      {"gs://bucket/a#", "fragment"},
      {"http://host/a#b", "fragment"},
  };
  blobferry_service_t *service = new_service();
  for (size_t i = 0; i < sizeof urls / sizeof urls[0]; i++) {
    blobferry_error_t *error = NULL;
    CHECK_STATUS(try_open(service, urls[i].url, anonymous, 2, &error), BLOBFERRY_E_ARGUMENT);
    const char *message = blobferry_error_message(error);
    if (strstr(message, "bfProxyPas") || strstr(message, "bfSasSigna") || strstr(message, ACCESS_KEY_ID))
      FAIL("of URL %zu the message tells a secret", i);
    check_error(error, BLOBFERRY_E_ARGUMENT, urls[i].part);
  }
  blobferry_service_free(service);
}

/* -- prefixes --------------------------------------------------------------------------------------------- */

/* A store of this kind, whose URL has a path. */
static fixture_t with_prefix(server_t *server, kind_t kind, const char *path) {
  static const char *const urls[KINDS] = {[S3] = "s3://bucket", [AZURE] = "az://container", [GCS] = "gs://bucket"};
  blobferry_pair_t         options[6] = {{"credentials", "anonymous"}, {"allow_http", "true"}, {"max_retries", "0"}};
  char                     url[256], endpoint[64];
  snprintf(url, sizeof url, "%s%s", urls[kind], path);
  snprintf(endpoint, sizeof endpoint, "http://127.0.0.1:%d%s", server->port, kind == AZURE ? "/account" : "");
  options[3] = (blobferry_pair_t){kind == GCS ? "base_url" : "endpoint", endpoint};
  options[4] = (blobferry_pair_t){"account_name", "account"};
  return with_url(url, options, kind == AZURE ? 5 : 4);
}

static const kind_t vendors[] = {S3, AZURE, GCS};
enum { VENDORS = sizeof vendors / sizeof vendors[0] };

static void answer_with_an_object(exchange_t *exchange, void *context) { answer_well(exchange, context); }

static void keys_are_behind_the_prefix(void) {
  static const object_t object = {16, 1, AN_ETAG, A_DATE};
  static const struct {
    const char *path, *key, *full;
  } prefixes[] = {
      {"", "key", "key"},
      {"/p", "key", "p/key"},
      {"/p/", "key", "p/key"},
      {"/p/q", "a/b", "p/q/a/b"},
      {"/a%20b", "c d", "a b/c d"},
      {"/a b", "key", "a b/key"},
      {"/a%252e%252e", "%2e%2e", "a%2e%2e/%2e%2e"},
      {"/%41%2B+", "key", "A++/key"},
      {"/%C3%A9", "\xc3\xa9", "\xc3\xa9/\xc3\xa9"},
      {"/a%3Fb%23c", "d?e#f", "a?b#c/d?e#f"},
      {"/...", "..a", ".../..a"},
      {"/a%2Fb", "key", "a/b/key"},
  };
  for (size_t i = 0; i < sizeof prefixes / sizeof prefixes[0]; i++)
    for (size_t k = 0; k < VENDORS; k++) {
      watch(__func__);
      server_t *server = server_start(answer_with_an_object, (void *)&object);
      fixture_t fixture = with_prefix(server, vendors[k], prefixes[i].path);
      check_object(&fixture, prefixes[i].key, object.size, object.seed);
      check_outcome(head(&fixture, prefixes[i].key), BLOBFERRY_OK, "");
      check_outcome(put(&fixture, prefixes[i].key, 16, 1), BLOBFERRY_OK, "");
      check_requests(server, 3);
      for (size_t n = 0; n < 3; n++) check_target(server_record(server, n), vendors[k], prefixes[i].full);
      fixture_free(&fixture);
      server_free(server);
    }
}

/* What is listed are the keys of the store: those behind its prefix, without it. */
static void answer_with_a_list(exchange_t *exchange, void *unused) {
  (void)unused;
  reply(exchange, 200, "Content-Type: application/xml\r\n",
        "<?xml version=\"1.0\" encoding=\"UTF-8\"?><ListBucketResult><Name>bucket</Name>"
        "<IsTruncated>false</IsTruncated><KeyCount>2</KeyCount>"
        "<Contents><Key>p/a</Key><LastModified>2026-01-02T03:04:05.000Z</LastModified>"
        "<ETag>\"1\"</ETag><Size>1</Size></Contents><Contents><Key>p/b/c</Key>"
        "<LastModified>2026-01-02T03:04:05.000Z</LastModified><ETag>\"2\"</ETag><Size>1</Size></Contents>"
        "</ListBucketResult>");
}

static void lists_are_of_what_is_behind_the_prefix(void) {
  static const kind_t kinds[] = {S3, GCS};
  for (size_t k = 0; k < 2; k++) {
    char prefix[64] = "";
    watch(__func__);
    server_t *server = server_start(answer_with_a_list, NULL);
    fixture_t fixture = with_prefix(server, kinds[k], "/p");
    check_keys(&fixture, "", NULL, "a\nb/c\n");
    CHECK(record_query(server_record(server, 0), "prefix", prefix, sizeof prefix));
    CHECK_TEXT(prefix, "p/");
    fixture_free(&fixture);
    server_free(server);
  }
}

/* -- at submit -------------------------------------------------------------------------------------------- */

static void refuse_key(const fixture_t *fixture, const char *key) {
  check_refusal(get(fixture, key), BLOBFERRY_E_ARGUMENT, "");
  check_refusal(head(fixture, key), BLOBFERRY_E_ARGUMENT, "");
  check_refusal(put(fixture, key, 1, 1), BLOBFERRY_E_ARGUMENT, "");
  check_refusal(delete (fixture, key), BLOBFERRY_E_ARGUMENT, "");
}

static void what_is_no_key_is_refused_at_submit(void) {
  static const object_t    object = {16, 1, AN_ETAG, A_DATE};
  static const char *const keys[] = {"a\x01", "\x1f" "a", "a\x7f" "b", "a\tb", "a\n", "\ra", "\x1b[31m",
                                     "",      "/a",       "a/",        "a//b", ".",   "a/..", "./a"};
  for (size_t k = 0; k < VENDORS + 1; k++) {
    watch(__func__);
    kind_t    kind = k < VENDORS ? vendors[k] : HTTP;
    server_t *server = server_start(answer_with_an_object, (void *)&object);
    fixture_t fixture = kind == HTTP ? with_server(server, HTTP, NO_OPTIONS) : with_prefix(server, kind, "/p");
    for (size_t i = 0; i < sizeof keys / sizeof keys[0]; i++) refuse_key(&fixture, keys[i]);
    if (kind == AZURE) {
      refuse_key(&fixture, "a\\b");
      refuse_key(&fixture, "\\");
    } else {
      check_outcome(head(&fixture, "a\\b"), BLOBFERRY_OK, "");
    }
    check_requests(server, kind == AZURE ? 0 : 1);
    fixture_free(&fixture);
    server_free(server);
  }
}

/* 1024 bytes, of which the prefix takes two. Names of files on plain HTTP may be longer. */
static void a_key_is_too_long_together_with_its_prefix(void) {
  static const object_t object = {16, 1, AN_ETAG, A_DATE};
  char                  key[4100];
  for (size_t k = 0; k < VENDORS + 1; k++) {
    watch(__func__);
    kind_t    kind = k < VENDORS ? vendors[k] : HTTP;
    size_t    most = kind == HTTP ? 4095 : 1022;
    server_t *server = server_start(answer_with_an_object, (void *)&object);
    fixture_t fixture = kind == HTTP ? with_server(server, HTTP, NO_OPTIONS) : with_prefix(server, kind, "/p");
    memset(key, 'k', sizeof key);
    key[most] = '\0';
    check_outcome(head(&fixture, key), BLOBFERRY_OK, "");
    key[most - 1] = '\xa9'; /* bytes are counted, not characters */
    key[most - 2] = '\xc3';
    check_outcome(head(&fixture, key), BLOBFERRY_OK, "");
    key[most] = 'k';
    key[most + 1] = '\0';
    refuse_key(&fixture, key);
    check_requests(server, 2);
    fixture_free(&fixture);
    server_free(server);
  }
}

/* -- headers ---------------------------------------------------------------------------------------------- */

static blobferry_completion_t put_with_headers(const fixture_t *fixture, const char *content_type, const char *name,
                                               const char *value) {
  blobferry_put_options_t options = BLOBFERRY_PUT_OPTIONS_INIT;
  blobferry_pair_t        metadata = {name, value};
  options.content_type = content_type;
  options.metadata = name ? &metadata : NULL;
  options.metadata_count = name ? 1 : 0;
  return put_with(fixture, "key", 16, 1, &options);
}

/* What would not come back as it was put, and what would be another header. */
static void what_no_header_carries_is_refused_at_submit(void) {
  static const object_t    object = {16, 1, AN_ETAG, A_DATE};
  static const char *const values[] = {"a\r\nx-amz-acl: public-read", "a\nb", "a\rb", "\r\n", "a\x01", "a\x7f", "a\tb",
                                       "caf\xc3\xa9", " a", "a ", "\ta", " "};
  static const char *const names[] = {"Name", "a b", "a:b", "a\r\nb", "caf\xc3\xa9", "", "a.b", "a/b",
                                      "\xc4\xb0", "a\x01"};
  for (size_t k = 0; k < VENDORS; k++) {
    watch(__func__);
    server_t *server = server_start(answer_with_an_object, (void *)&object);
    fixture_t fixture = with_prefix(server, vendors[k], "");
    for (size_t i = 0; i < sizeof values / sizeof values[0]; i++) {
      check_refusal(put_with_headers(&fixture, values[i], NULL, NULL), BLOBFERRY_E_ARGUMENT, "content type");
      check_refusal(put_with_headers(&fixture, NULL, "name", values[i]), BLOBFERRY_E_ARGUMENT, "metadata");
    }
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++)
      check_refusal(put_with_headers(&fixture, NULL, names[i], "value"), BLOBFERRY_E_ARGUMENT, "metadata");
    if (vendors[k] == AZURE) {
      check_refusal(put_with_headers(&fixture, NULL, "my-name", "value"), BLOBFERRY_E_ARGUMENT, "my-name");
      check_refusal(put_with_headers(&fixture, NULL, "1name", "value"), BLOBFERRY_E_ARGUMENT, "1name");
    }
    check_requests(server, 0);
    fixture_free(&fixture);
    server_free(server);
  }
}

static void what_a_header_carries_arrives(void) {
  static const object_t    object = {16, 1, AN_ETAG, A_DATE};
  static const char *const prefixes[KINDS] = {[S3] = "x-amz-meta-", [AZURE] = "x-ms-meta-", [GCS] = "x-goog-meta-"};
  static const char *const types[KINDS] = {[S3] = "content-type", [AZURE] = "x-ms-blob-content-type",
                                           [GCS] = "content-type"};
  for (size_t k = 0; k < VENDORS; k++) {
    char name[64];
    watch(__func__);
    server_t *server = server_start(answer_with_an_object, (void *)&object);
    fixture_t fixture = with_prefix(server, vendors[k], "");
    check_outcome(put_with_headers(&fixture, "text/plain; charset=utf-8", "a_1", "!~ \"b\"; c=%0D%0A"), BLOBFERRY_OK,
                  "");
    check_outcome(put_with_headers(&fixture, NULL, vendors[k] == AZURE ? "a" : "a-b-1", ""), BLOBFERRY_OK, "");
    snprintf(name, sizeof name, "%sa_1", prefixes[vendors[k]]);
    CHECK_TEXT(record_header(server_record(server, 0), name), "!~ \"b\"; c=%0D%0A");
    const char *type = record_header(server_record(server, 0), types[vendors[k]]);
    if (type == NULL) type = record_header(server_record(server, 0), "content-type");
    CHECK_TEXT(type, "text/plain; charset=utf-8");
    snprintf(name, sizeof name, "%s%s", prefixes[vendors[k]], vendors[k] == AZURE ? "a" : "a-b-1");
    CHECK_TEXT(record_header(server_record(server, 1), name), "");
    fixture_free(&fixture);
    server_free(server);
  }
}

TESTS(TEST(every_form_asks_its_own_server), TEST(malformed_urls_are_refused),
      TEST(urls_that_other_readers_repair_are_refused), TEST(what_a_form_has_no_place_for_is_refused),
      TEST(a_user_a_query_and_a_fragment_are_refused), TEST(keys_are_behind_the_prefix),
      TEST(lists_are_of_what_is_behind_the_prefix), TEST(what_is_no_key_is_refused_at_submit),
      TEST(a_key_is_too_long_together_with_its_prefix), TEST(what_no_header_carries_is_refused_at_submit),
      TEST(what_a_header_carries_arrives))
