/*
 * Signed URLs of stores whose keys a server gives: what becomes of the request where that
 * server fails, and that neither a URL nor an error tells what was given.
 */
#include "secrets.h"
#include "server.h"

static const object_t object = {16, 1, AN_ETAG, A_DATE};

/* What comes in place of a good answer, to requests whose target contains `about`. */
typedef struct failure {
  int         status;
  const char *document;
  bool        stalls, breaks;
  size_t      times; /* 0 = always */
  bool        stays; /* what came is kept, good as it seemed */
} failure_t;

typedef struct office {
  const char      *about;
  const failure_t *failure;
  size_t           failed;
  server_t        *server;
  fixture_t        fixture;
  char             at[64], below[128];
} office_t;

/* Azure's key to sign with, which is good for as long as it was asked for. */
static void give_delegation_key(exchange_t *exchange) {
  char      document[1024], start[32], end[32];
  time_t    now = time(NULL), later = now + 7 * 86400;
  struct tm parts;
  strftime(start, sizeof start, "%Y-%m-%dT%H:%M:%SZ", gmtime_r(&now, &parts));
  strftime(end, sizeof end, "%Y-%m-%dT%H:%M:%SZ", gmtime_r(&later, &parts));
  snprintf(document, sizeof document,
           "<?xml version=\"1.0\" encoding=\"utf-8\"?><UserDelegationKey><SignedOid>an-oid</SignedOid>"
           "<SignedTid>a-tid</SignedTid><SignedStart>%s</SignedStart><SignedExpiry>%s</SignedExpiry>"
           "<SignedService>b</SignedService><SignedVersion>2023-11-03</SignedVersion><Value>%s</Value>"
           "</UserDelegationKey>",
           start, end, DELEGATION_KEY);
  reply(exchange, 200, "Content-Type: application/xml\r\n", document);
}

static void give_keys(exchange_t *exchange) {
  char      document[1024], moment[64];
  time_t    until = time(NULL) + 3600;
  struct tm parts;
  strftime(moment, sizeof moment, "%Y-%m-%dT%H:%M:%SZ", gmtime_r(&until, &parts));
  snprintf(document, sizeof document,
           "{\"AccessKeyId\": \"%s\", \"SecretAccessKey\": \"%s\", \"Token\": \"%s\", \"Expiration\": \"%s\"}",
           ACCESS_KEY_ID, SECRET_ACCESS_KEY, SESSION_TOKEN, moment);
  reply(exchange, 200, "Content-Type: application/json\r\n", document);
}

static void give_token(exchange_t *exchange) {
  char document[512];
  snprintf(document, sizeof document, "{\"access_token\": \"%s\", \"token_type\": \"Bearer\", \"expires_in\": 3600}",
           BEARER_TOKEN);
  reply(exchange, 200, "Content-Type: application/json\r\n", document);
}

static const failure_t *fails_now(exchange_t *exchange, office_t *office) {
  const failure_t *failure = NULL;
  server_lock(exchange->server);
  if (office->failure && strstr(exchange->record->target, office->about) != NULL &&
      (office->failure->times == 0 || office->failed < office->failure->times)) {
    failure = office->failure;
    office->failed++;
  }
  server_unlock(exchange->server);
  return failure;
}

static void answer(exchange_t *exchange, void *context) {
  office_t        *office = context;
  const char      *target = exchange->record->target;
  const failure_t *failure = fails_now(exchange, office);
  take_body(exchange);
  if (failure && failure->stalls) stall(exchange);
  else if (failure && failure->breaks) reset(exchange);
  else if (failure) reply(exchange, failure->status, "", failure->document);
  else if (strstr(target, "userdelegationkey") != NULL) give_delegation_key(exchange);
  else if (strstr(target, "token") != NULL) give_token(exchange);
  else if (strstr(target, "/creds") != NULL) give_keys(exchange);
  else answer_well(exchange, &object);
}

static const char *below(office_t *office, const char *path) {
  snprintf(office->below, sizeof office->below, "%s%s", office->at, path);
  return office->below;
}

/* Ways to have keys to sign with. */
typedef enum way { BY_CONTAINER, BY_CLIENT, BY_TOKEN, WAYS } way_t;

static const char *const way_names[WAYS] = {"s3, a container's keys", "az, a client's token", "az, a token"};

/* What each asks its servers for. */
static const char *const way_asks[WAYS] = {"/creds", "token", "userdelegationkey"};

/* The file of a token of a container; it is written by the first test that needs it. */
static char token_file[300], token_folder[256];

static const char *container_token(void) {
  if (token_folder[0] == '\0') make_folder(token_folder);
  snprintf(token_file, sizeof token_file, "%s/token", token_folder);
  FILE *file = fopen(token_file, "w");
  if (file == NULL || fputs(CONTAINER_TOKEN, file) < 0 || fclose(file) != 0)
    FAIL("%s: %s", token_file, strerror(errno));
  return token_file;
}

static office_t *office_new(way_t way, const char *about, const failure_t *failure) {
  static const kind_t kinds[WAYS] = {S3, AZURE, AZURE};
  office_t           *office = calloc(1, sizeof *office);
  option_list_t       list = {.count = 0};
  char                endpoint[128];
  office->about = about;
  office->failure = failure;
  office->server = server_start(answer, office);
  snprintf(office->at, sizeof office->at, "http://127.0.0.1:%d", office->server->port);
  snprintf(endpoint, sizeof endpoint, "%s%s", office->at, kinds[way] == AZURE ? "/account" : "");
  set_option(&list, "endpoint", endpoint);
  set_option(&list, "allow_http", "true");
  set_option(&list, "max_retries", "2");
  set_option(&list, "initial_backoff", "1ms");
  set_option(&list, "stall_timeout", short_stall());
  if (kinds[way] == AZURE) set_option(&list, "account_name", "account");
  if (way == BY_CONTAINER) {
    set_option(&list, "credentials", "instance");
    set_option(&list, "container_credentials_full_uri", below(office, "/creds"));
    set_option(&list, "container_authorization_token_file", container_token());
  } else if (way == BY_CLIENT) {
    set_option(&list, "client_id", "the-client");
    set_option(&list, "client_secret", CLIENT_SECRET);
    set_option(&list, "tenant_id", "the-tenant");
    set_option(&list, "authority_host", office->at);
  } else {
    set_option(&list, "bearer_token", BEARER_TOKEN);
  }
  office->fixture = with_url(kinds[way] == S3 ? "s3://bucket" : "az://container", list.pairs, list.count);
  return office;
}

static void office_free(office_t *office) {
  fixture_free(&office->fixture);
  server_free(office->server);
  free(office);
  if (token_folder[0] != '\0') remove_tree(token_folder);
  token_folder[0] = '\0';
}

static blobferry_completion_t sign(const fixture_t *fixture, uint64_t timeout_ms) {
  blobferry_sign_options_t options = BLOBFERRY_SIGN_OPTIONS_INIT;
  blobferry_error_t       *error = NULL;
  options.timeout_ms = timeout_ms;
  options.expires_s = 77;
  blobferry_status_t submitted = blobferry_object_sign(fixture->store, fixture->cq, "a b", &options, 0, NULL, &error);
  beat();
  blobferry_completion_t completion = outcome_of(fixture, submitted, error);
  if (completion.status != BLOBFERRY_OK) CHECK(completion.buffer == NULL);
  return completion;
}

/* No text may tell what is secret: not in whole, and not escaped. */
static void check_tells_nothing(const char *text) {
  static const char *const secrets[] = {"bfSecretKe", "bfBearerTo", "bfClientSe", "YmZEZWxlZ2"};
  for (size_t i = 0; i < sizeof secrets / sizeof secrets[0]; i++)
    if (strstr(text, secrets[i]) != NULL) FAIL("a text tells a secret that begins with %.4s", secrets[i]);
}

static void check_url(office_t *office, way_t way) {
  blobferry_completion_t completion = sign(&office->fixture, 0);
  const char            *url = completion.buffer ? (const char *)blobferry_buffer_data(completion.buffer) : "";
  record_t               parts = {.target = url};
  char                   value[256] = "";
  check_tells_nothing(url);
  CHECK_INT(completion.result, strlen(url));
  CHECK(strncmp(url, office->at, strlen(office->at)) == 0 && strstr(url, "/a%20b?") != NULL);
  if (completion.status == BLOBFERRY_OK && way == BY_CONTAINER) {
    CHECK(record_query(&parts, "X-Amz-Security-Token", value, sizeof value) && strcmp(value, SESSION_TOKEN) == 0);
    CHECK(record_query(&parts, "X-Amz-Expires", value, sizeof value) && strcmp(value, "77") == 0);
    CHECK(record_query(&parts, "X-Amz-Signature", value, sizeof value) && strlen(value) == 64);
  } else if (completion.status == BLOBFERRY_OK) {
    CHECK(record_query(&parts, "skoid", value, sizeof value) && strcmp(value, "an-oid") == 0);
    CHECK(record_query(&parts, "sp", value, sizeof value) && strcmp(value, "r") == 0);
    CHECK(record_query(&parts, "sig", value, sizeof value) && strlen(value) > 40);
  }
  check_outcome(completion, BLOBFERRY_OK, "");
}

/* What is fetched is fetched once, however many URLs are made of it; the object is never asked for. */
static void what_is_fetched_signs_many_urls(void) {
  for (way_t way = 0; way < WAYS; way++) {
    watch(__func__);
    office_t *office = office_new(way, "", NULL);
    for (int i = 0; i < 10; i++) check_url(office, way);
    CHECK_INT(server_count(office->server, NULL, way_asks[way]), 1);
    check_requests(office->server, way == BY_CLIENT ? 2 : 1);
    if (has_failed_here()) fprintf(stderr, "    (%s)\n", way_names[way]);
    office_free(office);
  }
}

/* -- servers that fail ----------------------------------------------------------------------------------------- */

static const failure_t failures[] = {
    {403, "no", false, false, 0, false},
    {500, "", false, false, 0, false},
    {429, "", false, false, 0, false},
    {404, "<Error><Code>ResourceNotFound</Code></Error>", false, false, 0, false},
    {200, "", false, false, 0, false},
    {200, "{", false, false, 0, false},
    {200, "[]", false, false, 0, false},
    {200, "<html>" BEARER_TOKEN DELEGATION_KEY "</html>", false, false, 0, false},
    {200, "<UserDelegationKey></UserDelegationKey>", false, false, 0, false},
    {200, "<UserDelegationKey><Value>" DELEGATION_KEY "</Value>", false, false, 0, false},
    {200,
     "<UserDelegationKey><SignedOid>o</SignedOid><SignedTid>t</SignedTid><SignedStart>never</SignedStart>"
     "<SignedExpiry>never</SignedExpiry><SignedService>b</SignedService><SignedVersion>v</SignedVersion>"
     "<Value>no base64!</Value></UserDelegationKey>",
     false, false, 0, true},
    {200, "{\"error\": \"" BEARER_TOKEN "\"}", false, false, 0, false},
    {0, "", true, false, 0, false},
    {0, "", false, true, 0, false},
};

enum { FAILURES = sizeof failures / sizeof failures[0] };

static void a_server_that_fails_is_an_error(void) {
  for (way_t way = 0; way < WAYS; way++)
    for (size_t i = 0; i < FAILURES; i++) {
      watch(__func__);
      if (failures[i].stalls && slowness() > 4) continue;
      office_t              *office = office_new(way, way_asks[way], &failures[i]);
      blobferry_completion_t completion = sign(&office->fixture, 0);
      const char            *message = blobferry_error_message(completion.error);
      if (completion.status == BLOBFERRY_OK || completion.status == BLOBFERRY_E_PANIC ||
          completion.status == BLOBFERRY_E_UNKNOWN)
        FAIL("%s, failure %zu: %s: %.300s", way_names[way], i, blobferry_status_name(completion.status), message);
      check_tells_nothing(message);
      CHECK(!(completion.flags & BLOBFERRY_COMPLETION_MAYBE_COMMITTED));
      dispose(&completion);
      CHECK(server_requests(office->server) <= 12);
      CHECK_INT(server_count(office->server, NULL, "a%20b"), 0);
      server_lock(office->server);
      office->failure = NULL;
      server_unlock(office->server);
      if (!failures[i].stays) check_url(office, way); /* once it is good, so is the store */
      if (has_failed_here()) {
        fprintf(stderr, "    (%s, failure %zu)\n", way_names[way], i);
        server_print(office->server);
      }
      office_free(office);
    }
}

static void a_server_that_fails_once_is_asked_again(void) {
  static const failure_t once[] = {{503, "", false, false, 1, false}, {0, "", false, true, 1, false}};
  for (size_t i = 0; i < 2; i++) {
    watch(__func__);
    office_t *office = office_new(BY_TOKEN, way_asks[BY_TOKEN], &once[i]);
    check_url(office, BY_TOKEN);
    check_requests(office->server, 2);
    office_free(office);
  }
}

/* Neither a deadline nor a cancel waits for it. */
static void a_server_that_stalls_is_not_waited_for(void) {
  static const failure_t stalls = {0, "", true, false, 0, false};
  for (way_t way = 0; way < WAYS; way++) {
    watch(__func__);
    office_t          *office = office_new(way, way_asks[way], &stalls);
    blobferry_ticket_t ticket = 0;
    check_outcome(sign(&office->fixture, 50), BLOBFERRY_E_DEADLINE, "");
    must(blobferry_object_sign(office->fixture.store, office->fixture.cq, "key", NULL, 0, &ticket, NULL), NULL,
         "a URL");
    must_cancel(office->fixture.cq, ticket);
    blobferry_completion_t completion = wait_one(office->fixture.cq);
    CHECK(completion.buffer == NULL);
    check_outcome(completion, BLOBFERRY_E_CANCELLED, "");
    office_free(office);
  }
}

/* An answer without end is not read to its end. */
static void answer_without_end(exchange_t *exchange, void *unused) {
  char piece[4096];
  (void)unused;
  take_body(exchange);
  memset(piece, ' ', sizeof piece);
  say_status(exchange, 200);
  say(exchange, "Content-Length: 1099511627776\r\n\r\n<UserDelegationKey>");
  for (size_t i = 0; i < 16384 && say_bytes(exchange, piece, sizeof piece); i++) continue;
  reset(exchange);
}

static void an_answer_without_end_is_not_read_to_its_end(void) {
  watch(__func__);
  char      endpoint[64];
  server_t *server = server_start(answer_without_end, NULL);
  snprintf(endpoint, sizeof endpoint, "http://127.0.0.1:%d/account", server->port);
  const blobferry_pair_t options[] = {{"endpoint", endpoint},
                                      {"allow_http", "true"},
                                      {"account_name", "account"},
                                      {"bearer_token", BEARER_TOKEN},
                                      {"max_retries", "0"}};
  fixture_t              fixture = with_url("az://container", options, 5);
  check_outcome(sign(&fixture, 0), BLOBFERRY_E_SERVER, "");
  check_requests(server, 1);
  fixture_free(&fixture);
  server_free(server);
}

TESTS(TEST(what_is_fetched_signs_many_urls), TEST(a_server_that_fails_is_an_error),
      TEST(a_server_that_fails_once_is_asked_again), TEST(a_server_that_stalls_is_not_waited_for),
      TEST(an_answer_without_end_is_not_read_to_its_end))
