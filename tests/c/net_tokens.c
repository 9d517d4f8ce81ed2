/*
 * Where the credentials of Azure and Google come from, and those of containers on S3: tokens that a server gives or an
 * option has, signatures that are part of a URL, and that no file of the home folder is read which nobody has named.
 */
#include "opening.h"
#include "secrets.h"
#include "server.h"

static const object_t object = {16, 1, AN_ETAG, A_DATE};

/* What the server of tokens does; the same server may be the store's, as a proxy is for all. */
typedef struct issuer {
  const char *document; /* instead of a good one */
  int         status;
  bool        stalls;
  atomic_long expires_in; /* seconds */
} issuer_t;

static bool is_about_tokens(const exchange_t *exchange) {
  return strstr(exchange->record->target, "token") != NULL || strstr(exchange->record->target, "/creds") != NULL;
}

static void issue(exchange_t *exchange, issuer_t *issuer) {
  char document[1024], moment[64];
  long end = atomic_load(&issuer->expires_in);
  if (!take_body(exchange)) return;
  if (issuer->stalls) stall(exchange);
  if (strstr(exchange->record->target, "/creds") != NULL) {
    time_t    until = time(NULL) + end;
    struct tm parts;
    gmtime_r(&until, &parts);
    strftime(moment, sizeof moment, "%Y-%m-%dT%H:%M:%SZ", &parts);
    snprintf(document, sizeof document,
             "{\"AccessKeyId\": \"%s\", \"SecretAccessKey\": \"%s\", \"Token\": \"%s\", \"Expiration\": \"%s\"}",
             ACCESS_KEY_ID, SECRET_ACCESS_KEY, SESSION_TOKEN, moment);
  } else {
    snprintf(document, sizeof document,
             "{\"access_token\": \"%s\", \"token_type\": \"Bearer\", \"expires_in\": %ld, \"expires_on\": \"%ld\"}",
             BEARER_TOKEN, end, (long)time(NULL) + end);
  }
  reply(exchange, issuer->status, "Content-Type: application/json\r\n", issuer->document ? issuer->document : document);
}

static void answer(exchange_t *exchange, void *context) {
  if (is_about_tokens(exchange)) issue(exchange, context);
  else answer_well(exchange, &object);
}

/* A store whose requests, those for tokens too, come to one server. */
typedef struct office {
  issuer_t  issuer;
  server_t *server;
  fixture_t fixture;
  char      at[64], below[128]; /* http://127.0.0.1:PORT, and a place there */
} office_t;

static office_t *office_new(void) {
  office_t *office = calloc(1, sizeof *office);
  office->issuer.status = 200;
  atomic_store(&office->issuer.expires_in, 3600);
  office->server = server_start(answer, &office->issuer);
  snprintf(office->at, sizeof office->at, "http://127.0.0.1:%d", office->server->port);
  return office;
}

/* A path at the server. */
static const char *at(office_t *office, const char *path) {
  snprintf(office->below, sizeof office->below, "%s%s", office->at, path);
  return office->below;
}

/* How the server of tokens answers from now on. */
static void set_issuer(office_t *office, int status, bool stalls, const char *document) {
  server_lock(office->server); /* which its threads take before they answer */
  office->issuer.status = status;
  office->issuer.stalls = stalls;
  office->issuer.document = document;
  server_unlock(office->server);
}

static void open_store_of(office_t *office, kind_t kind, const blobferry_pair_t *more) {
  static const char *const urls[KINDS] = {[S3] = "s3://bucket", [AZURE] = "az://container", [GCS] = "gs://bucket"};
  option_list_t            list = {.count = 0};
  char                     endpoint[128];
  snprintf(endpoint, sizeof endpoint, "%s%s", office->at, kind == AZURE ? "/account" : "");
  set_option(&list, kind == GCS ? "base_url" : "endpoint", endpoint);
  set_option(&list, "allow_http", "true");
  set_option(&list, "max_retries", "0");
  set_option(&list, "stall_timeout", short_stall());
  if (kind == AZURE) set_option(&list, "account_name", "account");
  for (; more->key != NULL; more++) set_option(&list, more->key, more->value);
  office->fixture = with_url(urls[kind], list.pairs, list.count);
}

static void office_free(office_t *office) {
  fixture_free(&office->fixture);
  server_free(office->server);
  free(office);
}

static size_t issued(office_t *office) {
  return server_count(office->server, NULL, "token") + server_count(office->server, NULL, "/creds");
}

static void write_text(const char *path, const char *text) {
  FILE *file = fopen(path, "w");
  if (file == NULL || fputs(text, file) < 0 || fclose(file) != 0) FAIL("%s: %s", path, strerror(errno));
}

/* Gets, asks and puts: each with this Authorization (NULL = none). */
static void check_authorization(office_t *office, const char *wanted) {
  size_t before = server_requests(office->server), tokens = issued(office);
  check_object(&office->fixture, "key", object.size, object.seed);
  check_outcome(head(&office->fixture, "key"), BLOBFERRY_OK, "");
  check_outcome(put(&office->fixture, "key", 16, 1), BLOBFERRY_OK, "");
  CHECK_INT(server_requests(office->server) - before, 3 + issued(office) - tokens);
  for (size_t i = before; i < server_requests(office->server); i++) {
    const record_t *record = server_record(office->server, i);
    const char     *sent = record_header(record, "authorization");
    if (strstr(record->target, "key") == NULL) continue;
    if ((wanted == NULL) != (sent == NULL) || (wanted != NULL && strcmp(wanted, sent) != 0))
      FAIL("%s of the key: %s Authorization than wanted", record->method, sent ? "another" : "no other");
  }
}

/* Many requests, one token; another when it ends soon. */
static void check_fetching(office_t *office, const char *authorization) {
  enum { COUNT = 50 };
  uint8_t buffers[COUNT][16];
  for (size_t i = 0; i < COUNT; i++)
    must_get(office->fixture.store, office->fixture.cq, "key", buffers[i], sizeof buffers[i], i);
  for (size_t i = 0; i < COUNT; i++) check_outcome(wait_one(office->fixture.cq), BLOBFERRY_OK, "");
  CHECK_INT(issued(office), 1);
  check_authorization(office, authorization);
  CHECK_INT(issued(office), 1);
}

/* Whatever comes in its place, the request fails with words about credentials; once it is good, so is the store. */
static void check_failures(office_t *office) {
  static const struct {
    int         status;
    bool        stalls;
    const char *document;
  } failures[] = {
      {403, false, "{\"error\": \"forbidden\"}"},
      {500, false, ""},
      {429, false, ""},
      {200, false, ""},
      {200, false, "{"},
      {200, false, "[]"},
      {200, false, "{\"error\": \"no\"}"},
      {200, false, "<html></html>"},
      {200, false, "\"" BEARER_TOKEN "\""},
      {200, false, "{\"access_token\": \"a\\r\\nb\", \"expires_in\": 3600, \"expires_on\": \"4102444800\"}"},
      {200, false, "{\"access_token\": \"a\", \"expires_in\": -1, \"expires_on\": \"never\"}"},
      {200, false, "{\"access_token\": \"a\", \"expires_in\": \"soon\", \"expires_on\": 5}"},
      {200, true, ""},
  };
  for (size_t i = 0; i < sizeof failures / sizeof failures[0]; i++) {
    set_issuer(office, failures[i].status, failures[i].stalls, failures[i].document);
    size_t                 before = server_requests(office->server) - issued(office);
    blobferry_completion_t completion = get(&office->fixture, "key");
    const char            *message = blobferry_error_message(completion.error);
    if (completion.status != BLOBFERRY_E_UNAUTHENTICATED && completion.status != BLOBFERRY_E_SERVER &&
        completion.status != BLOBFERRY_E_TIMEOUT)
      FAIL("failure %zu: %s: %.300s", i, blobferry_status_name(completion.status), message);
    if (strstr(message, "credentials") == NULL) FAIL("failure %zu: \"%.300s\" speaks not of credentials", i, message);
    if (strstr(message, "bfBearerTo") != NULL) FAIL("failure %zu: the message tells the token", i);
    CHECK_INT(server_requests(office->server) - issued(office), before);
    dispose(&completion);
    beat();
  }
  set_issuer(office, 200, false, NULL);
  check_object(&office->fixture, "key", object.size, object.seed);
}

/* No clock counts so far. */
static void check_endless_token(office_t *office, const char *end) {
  char document[256];
  snprintf(document, sizeof document, "{\"access_token\": \"a\", \"expires_in\": %s, \"expires_on\": \"%s\"}", end,
           end);
  set_issuer(office, 200, false, document);
  blobferry_completion_t completion = get(&office->fixture, "key");
  if (completion.status != BLOBFERRY_OK && completion.status != BLOBFERRY_E_UNAUTHENTICATED)
    FAIL("a token until %s: %s: %s", end, blobferry_status_name(completion.status),
         blobferry_error_message(completion.error));
  dispose(&completion);
  set_issuer(office, 200, false, NULL);
}

#define BEARER "Bearer " BEARER_TOKEN

/* -- Azure ------------------------------------------------------------------------------------------------ */

static void open_managed(office_t *office) {
  open_store_of(office, AZURE, OPTIONS({"credentials", "instance"}, {"msi_endpoint", at(office, "/token")}));
}

static void azure_a_managed_identity_gives_a_token(void) {
  watch(__func__);
  office_t *office = office_new();
  open_managed(office);
  check_fetching(office, BEARER);
  const record_t *record = server_find(office->server, "GET", "/token", 0);
  CHECK(record_query(record, "api-version", NULL, 0) && record_query(record, "resource", NULL, 0));
  CHECK_TEXT(record_header(record, "metadata"), "true");
  office_free(office);
  office = office_new();
  open_managed(office);
  check_failures(office);
  office_free(office);
  office = office_new();
  open_managed(office);
  check_endless_token(office, "18446744073709551615");
  office_free(office);
}

static void open_client_secret(office_t *office) {
  open_store_of(office, AZURE, OPTIONS({"client_id", "the-client"}, {"client_secret", CLIENT_SECRET},
                                       {"tenant_id", "the-tenant"}, {"authority_host", office->at}));
}

static void azure_a_client_secret_buys_a_token(void) {
  watch(__func__);
  office_t *office = office_new();
  open_client_secret(office);
  check_fetching(office, BEARER);
  CHECK(server_find(office->server, "POST", "/the-tenant/oauth2/v2.0/token", 0) != NULL);
  office_free(office);
  office = office_new();
  open_client_secret(office);
  check_failures(office);
  office_free(office);
  office = office_new();
  open_client_secret(office);
  check_endless_token(office, "18446744073709551615");
  office_free(office);
}

/* Such a token is a file, which the environment names. */
static void azure_a_federated_token_buys_a_token(void) {
  char folder[256], path[300];
  watch(__func__);
  make_folder(folder);
  snprintf(path, sizeof path, "%s/token", folder);
  write_text(path, CONTAINER_TOKEN);
  setenv("AZURE_FEDERATED_TOKEN_FILE", path, 1);
  setenv("AZURE_CLIENT_ID", "the-client", 1);
  setenv("AZURE_TENANT_ID", "the-tenant", 1);
  office_t *office = office_new();
  open_store_of(office, AZURE, OPTIONS({"credentials", "env"}, {"authority_host", office->at}));
  unsetenv("AZURE_FEDERATED_TOKEN_FILE");
  unsetenv("AZURE_CLIENT_ID");
  unsetenv("AZURE_TENANT_ID");
  check_fetching(office, BEARER);
  CHECK(server_find(office->server, "POST", "/the-tenant/oauth2/v2.0/token", 0) != NULL);
  office_free(office);
  remove_tree(folder);
}

static void azure_a_token_is_sent_as_it_is(void) {
  watch(__func__);
  office_t *office = office_new();
  open_store_of(office, AZURE, OPTIONS({"bearer_token", BEARER_TOKEN}));
  check_authorization(office, BEARER);
  CHECK_INT(issued(office), 0);
  office_free(office);
}

/* The signature is in the query, escaped once, of every request; it comes as it was given or already escaped. */
static void azure_a_shared_access_signature_is_part_of_the_url(void) {
  static const char *const keys[] = {"sv=2023-11-03&sp=rw&sig=" SAS_SIGNATURE_ESCAPED,
                                     "?sv=2023-11-03&sp=rw&sig=" SAS_SIGNATURE_ESCAPED};
  for (size_t i = 0; i < sizeof keys / sizeof keys[0]; i++) {
    watch(__func__);
    office_t *office = office_new();
    open_store_of(office, AZURE, OPTIONS({"sas_key", keys[i]}));
    check_authorization(office, NULL);
    for (size_t n = 0; n < server_requests(office->server); n++) {
      char signature[128] = "", permissions[8] = "";
      record_query(server_record(office->server, n), "sig", signature, sizeof signature);
      record_query(server_record(office->server, n), "sp", permissions, sizeof permissions);
      if (strcmp(signature, SAS_SIGNATURE) != 0) FAIL("another signature was sent");
      CHECK_TEXT(permissions, "rw");
    }
    office_free(office);
  }
}

static void azure_keys_sign_and_nobody_does_not(void) {
  watch(__func__);
  office_t *office = office_new();
  open_store_of(office, AZURE, OPTIONS({"account_key", ACCOUNT_KEY}));
  check_object(&office->fixture, "key", object.size, object.seed);
  const char *sent = record_header(server_record(office->server, 0), "authorization");
  CHECK(sent != NULL && strncmp(sent, "SharedKey account:", 18) == 0);
  office_free(office);
  office = office_new();
  open_store_of(office, AZURE, OPTIONS({"credentials", "anonymous"}, {"proxy_url", office->at})); /* all comes to us */
  check_authorization(office, NULL);
  CHECK_INT(issued(office), 0);
  office_free(office);
}

/* -- Google ----------------------------------------------------------------------------------------------- */

static void google_a_token_is_sent_as_it_is(void) {
  watch(__func__);
  office_t *office = office_new();
  open_store_of(office, GCS, OPTIONS({"bearer_token", BEARER_TOKEN}));
  check_authorization(office, BEARER);
  office_free(office);
}

/* Its place is metadata.google.internal, which only a proxy can be for us. */
static void open_machine(office_t *office) {
  open_store_of(office, GCS, OPTIONS({"credentials", "instance"}, {"proxy_url", office->at}));
}

static void google_the_machine_gives_a_token(void) {
  watch(__func__);
  office_t *office = office_new();
  open_machine(office);
  check_fetching(office, BEARER);
  const record_t *record = server_find(office->server, "GET", "token", 0);
  CHECK_TEXT(record->target,
             "http://metadata.google.internal/computeMetadata/v1/instance/service-accounts/default/token");
  CHECK_TEXT(record_header(record, "metadata-flavor"), "Google");
  office_free(office);
  office = office_new();
  open_machine(office);
  check_failures(office);
  office_free(office);
  office = office_new();
  open_machine(office);
  check_endless_token(office, "18446744073709551615");
  office_free(office);
}

static void google_a_service_account_signs_tokens(void) {
  char folder[256], command[1024], key[8192] = "{\"private_key_id\": \"k1\", \"client_email\": \"me@example\", "
                                              "\"private_key\": \"";
  watch(__func__);
  make_folder(folder);
  snprintf(command, sizeof command,
           "openssl genpkey -algorithm RSA -pkeyopt rsa_keygen_bits:2048 -out %s/key 2>/dev/null", folder);
  if (system(command) != 0) FAIL("openssl, which makes a key, is needed");
  snprintf(command, sizeof command, "%s/key", folder);
  FILE *file = fopen(command, "r");
  for (int byte; file != NULL && (byte = fgetc(file)) != EOF;)
    snprintf(key + strlen(key), sizeof key - strlen(key), byte == '\n' ? "\\n" : "%c", byte);
  if (file != NULL) fclose(file);
  strcat(key, "\"}");
  office_t *office = office_new();
  open_store_of(office, GCS, OPTIONS({"service_account_key", key}));
  check_object(&office->fixture, "key", object.size, object.seed);
  const char *sent = record_header(server_record(office->server, 0), "authorization");
  CHECK(sent != NULL && strncmp(sent, "Bearer eyJ", 10) == 0 && strlen(sent) > 400);
  check_requests(office->server, 1);
  office_free(office);
  remove_tree(folder);
}

/* Garbage there makes whoever reads it fail. */
static void google_nobody_reads_the_home_folder(void) {
  char  folder[256], path[512], *home = getenv("HOME") ? strdup(getenv("HOME")) : NULL;
  make_folder(folder);
  snprintf(path, sizeof path, "mkdir -p '%s/.config/gcloud'", folder);
  CHECK(system(path) == 0);
  snprintf(path, sizeof path, "%s/.config/gcloud/application_default_credentials.json", folder);
  write_text(path, "garbage");
  setenv("HOME", folder, 1);
  for (int way = 0; way < 3; way++) {
    watch(__func__);
    office_t *office = office_new();
    if (way == 0) open_store_of(office, GCS, OPTIONS({"credentials", "anonymous"}));
    if (way == 1) open_store_of(office, GCS, OPTIONS({"bearer_token", BEARER_TOKEN}));
    if (way == 2) open_machine(office);
    check_authorization(office, way == 0 ? NULL : BEARER);
    office_free(office);
  }
  if (home) setenv("HOME", home, 1);
  else unsetenv("HOME");
  free(home);
  remove_tree(folder);
}

/* -- containers, on S3 ------------------------------------------------------------------------------------ */

static void a_container_is_given_keys_for_its_token(void) {
  char folder[256], path[300];
  watch(__func__);
  make_folder(folder);
  snprintf(path, sizeof path, "%s/token", folder);
  write_text(path, CONTAINER_TOKEN);
  for (int missing = 0; missing < 2; missing++) {
    office_t *office = office_new();
    open_store_of(office, S3, OPTIONS({"credentials", "instance"},
                                      {"container_credentials_full_uri", at(office, "/creds")},
                                      {"container_authorization_token_file", path}));
    if (missing) {
      check_outcome(get(&office->fixture, "key"), BLOBFERRY_E_UNAUTHENTICATED, path);
      check_requests(office->server, 0);
    } else {
      check_object(&office->fixture, "key", object.size, object.seed);
      check_object(&office->fixture, "key", object.size, object.seed);
      CHECK_INT(issued(office), 1);
      CHECK_TEXT(record_header(server_record(office->server, 0), "authorization"), CONTAINER_TOKEN);
      CHECK_TEXT(record_header(server_record(office->server, 1), "x-amz-security-token"), SESSION_TOKEN);
    }
    office_free(office);
    unlink(path);
  }
  remove_tree(folder);
}

/* The server of an ECS task has an address of its own, which only a proxy can be for us. */
static void a_task_is_given_keys(void) {
  watch(__func__);
  office_t *office = office_new();
  open_store_of(office, S3, OPTIONS({"credentials", "instance"}, {"container_credentials_relative_uri", "/creds/1"},
                                    {"proxy_url", office->at}));
  check_object(&office->fixture, "key", object.size, object.seed);
  CHECK_TEXT(server_record(office->server, 0)->target, "http://169.254.170.2/creds/1");
  CHECK_TEXT(record_header(server_record(office->server, 1), "x-amz-security-token"), SESSION_TOKEN);
  office_free(office);
}

/* A web identity is shown to nobody over plain HTTP, so the answer of such a server is not tested here. */
static void a_web_identity_is_not_shown_over_plain_http(void) {
  static const blobferry_pair_t options[] = {{"credentials", "instance"},
                                             {"web_identity_token_file", "/not/there"},
                                             {"role_arn", "me"},
                                             {"endpoint", "http://127.0.0.1:9"},
                                             {"allow_http", "true"},
                                             {"endpoint_url_sts", "http://127.0.0.1:9"}};
  blobferry_service_t          *service = new_service();
  CHECK_STATUS(try_open(service, "s3://bucket", options, 5, NULL), BLOBFERRY_OK);
  refuse(service, "s3://bucket", options, 6, BLOBFERRY_E_ARGUMENT, "endpoint_url_sts", "https");
  blobferry_service_free(service);
}

TESTS(TEST(azure_a_managed_identity_gives_a_token), TEST(azure_a_client_secret_buys_a_token),
      TEST(azure_a_federated_token_buys_a_token),
      TEST(azure_a_token_is_sent_as_it_is), TEST(azure_a_shared_access_signature_is_part_of_the_url),
      TEST(azure_keys_sign_and_nobody_does_not), TEST(google_a_token_is_sent_as_it_is),
      TEST(google_the_machine_gives_a_token), TEST(google_a_service_account_signs_tokens),
      TEST(google_nobody_reads_the_home_folder), TEST(a_container_is_given_keys_for_its_token),
      TEST(a_task_is_given_keys), TEST(a_web_identity_is_not_shown_over_plain_http))
