/*
 * Where the credentials of S3 come from: the environment, and the machine's own server of them, which is asked once for
 * many requests, again before they end, and whose failures are errors that speak of credentials.
 */
#include "secrets.h"
#include "server.h"

static const object_t object = {16, 1, AN_ETAG, A_DATE};

static void answer(exchange_t *exchange, void *unused) {
  (void)unused;
  answer_well(exchange, &object);
}

/* A store of s3://bucket on a server, with these options and no others that tell credentials (NULL = not said). */
static fixture_t with_credentials(server_t *server, const char *credentials, const blobferry_pair_t *more) {
  option_list_t list = {.count = 0};
  char          endpoint[64];
  snprintf(endpoint, sizeof endpoint, "http://127.0.0.1:%d", server->port);
  set_option(&list, "endpoint", endpoint);
  set_option(&list, "allow_http", "true");
  set_option(&list, "max_retries", "0");
  if (credentials) set_option(&list, "credentials", credentials);
  for (; more->key != NULL; more++) set_option(&list, more->key, more->value);
  return with_url("s3://bucket", list.pairs, list.count);
}

/* Whether a request is signed with this key for this region, and has this token (NULL = none). */
static void check_signed(const record_t *record, const char *key, const char *region, const char *token) {
  char        begin[128], scope[64];
  const char *signature = record ? record_header(record, "authorization") : NULL;
  snprintf(begin, sizeof begin, "AWS4-HMAC-SHA256 Credential=%s/", key);
  snprintf(scope, sizeof scope, "/%s/s3/aws4_request", region);
  if (signature == NULL || strncmp(signature, begin, strlen(begin)) != 0) FAIL("not signed with the key");
  else if (strstr(signature, scope) == NULL) FAIL("not signed for %s", region);
  else if (token != NULL && strstr(signature, "x-amz-security-token") == NULL) FAIL("the token is not signed");
  const char *sent = record ? record_header(record, "x-amz-security-token") : NULL;
  if ((token == NULL) != (sent == NULL) || (token != NULL && strcmp(token, sent) != 0)) FAIL("another token was sent");
}

/* -- the environment -------------------------------------------------------------------------------------- */

static void set_environment(const char *key, const char *secret, const char *token, const char *region) {
  static const char *const others[] = {"AWS_WEB_IDENTITY_TOKEN_FILE", "AWS_CONTAINER_CREDENTIALS_RELATIVE_URI",
                                       "AWS_CONTAINER_CREDENTIALS_FULL_URI", "AWS_DEFAULT_REGION"};
  const blobferry_pair_t   variables[] = {{"AWS_ACCESS_KEY_ID", key}, {"AWS_SECRET_ACCESS_KEY", secret},
                                          {"AWS_SESSION_TOKEN", token}, {"AWS_REGION", region}};
  for (size_t i = 0; i < 4; i++) {
    unsetenv(others[i]);
    if (variables[i].value) setenv(variables[i].key, variables[i].value, 1);
    else unsetenv(variables[i].key);
  }
}

static void the_environment_signs(void) {
  watch(__func__);
  server_t *server = server_start(answer, NULL);
  set_environment(ACCESS_KEY_ID, SECRET_ACCESS_KEY, SESSION_TOKEN, "eu-west-1");
  setenv("AWS_DEFAULT_REGION", "us-west-2", 1);
  fixture_t fixture = with_credentials(server, "env", NO_OPTIONS);
  set_environment("AKIDOFSOMEBODYELSE", "another", NULL, NULL); /* it was read when the store was opened */
  check_object(&fixture, "key", object.size, object.seed);
  check_outcome(put(&fixture, "key", 16, 1), BLOBFERRY_OK, "");
  for (size_t i = 0; i < 2; i++) check_signed(server_record(server, i), ACCESS_KEY_ID, "eu-west-1", SESSION_TOKEN);
  fixture_free(&fixture);
  set_environment(ACCESS_KEY_ID, SECRET_ACCESS_KEY, NULL, NULL);
  setenv("AWS_DEFAULT_REGION", "us-west-2", 1);
  fixture = with_credentials(server, "env", NO_OPTIONS);
  check_object(&fixture, "key", object.size, object.seed);
  check_signed(server_record(server, 2), ACCESS_KEY_ID, "us-west-2", NULL);
  fixture_free(&fixture);
  fixture = with_credentials(server, "env", OPTIONS({"region", "eu-north-1"}));
  check_object(&fixture, "key", object.size, object.seed);
  check_signed(server_record(server, 3), ACCESS_KEY_ID, "eu-north-1", NULL);
  fixture_free(&fixture);
  set_environment(NULL, NULL, NULL, NULL);
  server_free(server);
}

/* What lies about in the environment is not used by whoever has not named it. */
static void nobody_else_signs(void) {
  watch(__func__);
  server_t *server = server_start(answer, NULL);
  set_environment("AKIDOFTHEENVIRONMENT", "another", "token-of-the-environment", "eu-west-1");
  fixture_t fixture = with_credentials(server, "anonymous", NO_OPTIONS);
  check_object(&fixture, "key", object.size, object.seed);
  check_outcome(put(&fixture, "key", 16, 1), BLOBFERRY_OK, "");
  check_outcome(head(&fixture, "key"), BLOBFERRY_OK, "");
  check_outcome(delete (&fixture, "key"), BLOBFERRY_OK, "");
  check_keys(&fixture, "", NULL, "");
  for (size_t i = 0; i < 5; i++) CHECK(record_header(server_record(server, i), "authorization") == NULL);
  for (size_t i = 0; i < 5; i++) CHECK(record_header(server_record(server, i), "x-amz-security-token") == NULL);
  fixture_free(&fixture);
  fixture = with_server(server, S3, NO_OPTIONS);
  check_object(&fixture, "key", object.size, object.seed);
  check_signed(server_record(server, 5), "AKIDEXAMPLE", "us-east-1", NULL);
  fixture_free(&fixture);
  fixture = with_credentials(server, NULL, OPTIONS({"skip_signature", "true"}));
  check_object(&fixture, "key", object.size, object.seed);
  CHECK(record_header(server_record(server, 6), "authorization") == NULL);
  fixture_free(&fixture);
  set_environment(NULL, NULL, NULL, NULL);
  server_free(server);
}

/* -- the machine's own server ----------------------------------------------------------------------------- */

/* The steps of asking it: for a token, for the name of the role, for the role's credentials. */
typedef enum asking { ASK_TOKEN, ASK_ROLE, ASK_KEYS, ASKINGS } asking_t;

/* What it answers; the counts are of its log. */
typedef struct vault {
  asking_t    fails_at; /* ASKINGS = nowhere */
  int         status;   /* of the failure; 0 = no answer at all */
  const char *body;
  size_t      size;       /* of the body; 0 = it is a text */
  atomic_long expires_in; /* seconds */
} vault_t;

static void say_keys(exchange_t *exchange, long expires_in) {
  char      document[1024], moment[64];
  time_t    end = time(NULL) + expires_in;
  struct tm parts;
  gmtime_r(&end, &parts);
  strftime(moment, sizeof moment, "%Y-%m-%dT%H:%M:%SZ", &parts);
  snprintf(document, sizeof document,
           "{\"Code\": \"Success\", \"Type\": \"AWS-HMAC\", \"AccessKeyId\": \"%s\", \"SecretAccessKey\": \"%s\", "
           "\"Token\": \"%s\", \"Expiration\": \"%s\"}",
           ACCESS_KEY_ID, SECRET_ACCESS_KEY, SESSION_TOKEN, moment);
  reply(exchange, 200, "Content-Type: application/json\r\n", document);
}

static void answer_of_vault(exchange_t *exchange, void *context) {
  vault_t    *vault = context;
  const char *token = header(exchange, "x-aws-ec2-metadata-token");
  asking_t    asking = method_is(exchange, "PUT")                                 ? ASK_TOKEN
                       : strstr(exchange->record->target, "credentials/") == NULL ? ASKINGS
                       : strstr(exchange->record->target, "credentials/role")     ? ASK_KEYS
                                                                                  : ASK_ROLE;
  take_body(exchange);
  if (asking == vault->fails_at && vault->status == 0) stall(exchange);
  else if (asking == vault->fails_at)
    reply_bytes(exchange, vault->status, "", vault->body, vault->size ? vault->size : strlen(vault->body));
  else if (asking == ASK_TOKEN) reply(exchange, 200, "", METADATA_TOKEN);
  else if (token == NULL || strcmp(token, METADATA_TOKEN) != 0) reply(exchange, 401, "", "no token");
  else if (asking == ASK_ROLE) reply(exchange, 200, "", "role");
  else if (asking == ASK_KEYS) say_keys(exchange, atomic_load(&vault->expires_in));
  else reply(exchange, 404, "", "no such thing");
}

/* A store whose credentials come from a vault. */
typedef struct house {
  vault_t   vault;
  server_t *vault_server, *server;
  fixture_t fixture;
} house_t;

static house_t *house_new(const blobferry_pair_t *more) {
  house_t      *house = calloc(1, sizeof *house);
  option_list_t list = {.count = 0};
  char          endpoint[64];
  house->vault.fails_at = ASKINGS;
  atomic_store(&house->vault.expires_in, 3600);
  house->vault_server = server_start(answer_of_vault, &house->vault);
  house->server = server_start(answer, NULL);
  snprintf(endpoint, sizeof endpoint, "http://127.0.0.1:%d", house->vault_server->port);
  set_option(&list, "metadata_endpoint", endpoint);
  for (; more->key != NULL; more++) set_option(&list, more->key, more->value);
  list.pairs[list.count] = (blobferry_pair_t){NULL, NULL};
  house->fixture = with_credentials(house->server, "instance", list.pairs);
  return house;
}

/* How the vault answers from now on. */
static void set_vault(house_t *house, asking_t fails_at, int status, const char *body, size_t size) {
  server_lock(house->vault_server); /* which its threads take before they answer */
  house->vault.fails_at = fails_at;
  house->vault.status = status;
  house->vault.body = body;
  house->vault.size = size;
  server_unlock(house->vault_server);
}

static void mend_vault(house_t *house) { set_vault(house, ASKINGS, 200, "", 0); }

static void house_free(house_t *house) {
  fixture_free(&house->fixture);
  server_free(house->server);
  server_free(house->vault_server);
  free(house);
}

static void the_machines_own_server_gives_keys(void) {
  watch(__func__);
  house_t *house = house_new(NO_OPTIONS);
  check_requests(house->vault_server, 0);
  for (int i = 0; i < 3; i++) check_object(&house->fixture, "key", object.size, object.seed);
  check_outcome(put(&house->fixture, "key", 16, 1), BLOBFERRY_OK, "");
  check_requests(house->vault_server, 3);
  CHECK(server_find(house->vault_server, "PUT", "/latest/api/token", 0) != NULL);
  CHECK(server_find(house->vault_server, "GET", "/latest/meta-data/iam/security-credentials/role", 0) != NULL);
  for (size_t i = 0; i < 4; i++)
    check_signed(server_record(house->server, i), ACCESS_KEY_ID, "us-east-1", SESSION_TOKEN);
  house_free(house);
}

/* Submits so many gets at once; their buffers are given back by finish_gets. */
static uint8_t *begin_gets(house_t *house, size_t count) {
  uint8_t *buffers = calloc(count, 16);
  for (size_t i = 0; i < count; i++)
    must_get(house->fixture.store, house->fixture.cq, "key", buffers + 16 * i, 16, i);
  return buffers;
}

static void finish_gets(house_t *house, uint8_t *buffers, size_t count, blobferry_status_t wanted) {
  for (size_t i = 0; i < count; i++) {
    blobferry_completion_t completion = wait_one(house->fixture.cq);
    if (wanted == BLOBFERRY_OK) CHECK(pattern_is(buffers + 16 * completion.user_data, 16, object.seed, 0));
    check_outcome(completion, wanted, "");
  }
  expect_nothing(house->fixture.cq, 0);
  free(buffers);
}

static void many_requests_ask_once(void) {
  for (int few = 0; few < 2; few++) {
    watch(__func__);
    house_t *house = few ? house_new(OPTIONS({"max_connections", "1"})) : house_new(NO_OPTIONS);
    uint8_t *buffers = begin_gets(house, 50);
    finish_gets(house, buffers, 50, BLOBFERRY_OK);
    check_requests(house->vault_server, 3);
    check_requests(house->server, 50);
    house_free(house);
  }
}

/* What ends within five minutes is fetched again before a request that may last longer. */
static void keys_that_end_soon_are_fetched_again(void) {
  watch(__func__);
  house_t *house = house_new(NO_OPTIONS);
  atomic_store(&house->vault.expires_in, 60);
  check_object(&house->fixture, "key", object.size, object.seed);
  check_requests(house->vault_server, 3);
  sleep_us(200000); /* not more often than every 100 ms */
  atomic_store(&house->vault.expires_in, 3600);
  check_object(&house->fixture, "key", object.size, object.seed);
  check_requests(house->vault_server, 6);
  sleep_us(200000);
  check_object(&house->fixture, "key", object.size, object.seed);
  check_requests(house->vault_server, 6);
  house_free(house);
}

/* -- failures --------------------------------------------------------------------------------------------- */

/* The get must fail with one of these, and say that it is about credentials; nothing is sent to the store's server. */
static void check_failure(house_t *house, const char *what) {
  blobferry_completion_t completion = get(&house->fixture, "key");
  const char            *message = blobferry_error_message(completion.error);
  bool                   is_apt = completion.status == BLOBFERRY_E_UNAUTHENTICATED ||
                completion.status == BLOBFERRY_E_CONNECTION || completion.status == BLOBFERRY_E_SERVER ||
                completion.status == BLOBFERRY_E_TIMEOUT;
  if (!is_apt) FAIL("%s: %s: %s", what, blobferry_status_name(completion.status), message);
  if (strstr(message, "credentials") == NULL) FAIL("%s: \"%s\" does not speak of credentials", what, message);
  if (strlen(message) > 2000) FAIL("%s: a message of %zu bytes", what, strlen(message));
  CHECK_INT(completion.flags, 0);
  dispose(&completion);
  check_requests(house->server, 0);
  beat();
}

static void check_fault(asking_t step, int status, const char *body, size_t size, const char *what) {
  char     where[128];
  house_t *house = house_new(OPTIONS({"stall_timeout", short_stall()}));
  set_vault(house, step, status, body, size);
  snprintf(where, sizeof where, "%s in step %d", what, (int)step);
  check_failure(house, where);
  mend_vault(house);
  check_object(&house->fixture, "key", object.size, object.seed); /* as soon as it works, so does the store */
  house_free(house);
}

static void a_server_of_credentials_that_fails_is_an_error(void) {
  size_t huge = (1 << 20) + 100000;
  char  *body = malloc(huge);
  memset(body, ' ', huge);
  for (asking_t step = ASK_TOKEN; step < ASKINGS; step++) {
    watch(__func__);
    check_fault(step, 403, "<Error>forbidden</Error>", 0, "403");
    check_fault(step, 404, "", 0, "404");
    check_fault(step, 429, "", 0, "429");
    check_fault(step, 500, "no", 0, "500");
    check_fault(step, 200, body, huge, "more than 1 MiB");
    check_fault(step, 0, NULL, 0, "no answer");
    check_fault(step, 200, "\r\n\x01\xff\xfe", 0, "garbage");
  }
  free(body);
}

static void documents_without_keys_are_an_error(void) {
  static const char *const documents[] = {
      "",
      "{",
      "null",
      "[]",
      "{}",
      "\"" SECRET_ACCESS_KEY "\"",
      "<html>not here</html>",
      "{\"Code\": \"Failed\", \"Message\": \"no role\"}",
      "{\"AccessKeyId\": \"" ACCESS_KEY_ID "\", \"SecretAccessKey\": \"" SECRET_ACCESS_KEY "\"}",
      "{\"AccessKeyId\": \"a\", \"SecretAccessKey\": \"b\", \"Token\": \"c\", \"Expiration\": \"soon\"}",
      "{\"AccessKeyId\": \"a\", \"SecretAccessKey\": \"b\", \"Token\": \"c\\r\\nX: y\", \"Expiration\": "
      "\"2099-01-01T00:00:00Z\"}",
      "{\"AccessKeyId\": \"a\\nb\", \"SecretAccessKey\": \"b\", \"Token\": \"c\", \"Expiration\": "
      "\"2099-01-01T00:00:00Z\"}",
      "{\"AccessKeyId\": 1, \"SecretAccessKey\": 2, \"Token\": 3, \"Expiration\": 4}",
  };
  for (size_t i = 0; i < sizeof documents / sizeof documents[0]; i++) {
    char what[32];
    watch(__func__);
    snprintf(what, sizeof what, "document %zu", i);
    check_fault(ASK_KEYS, 200, documents[i], 0, what);
  }
}

static void a_server_of_credentials_that_is_not_there_is_an_error(void) {
  char endpoint[64];
  int  port, listener = bind_free_port(&port); /* bound, and listens not */
  watch(__func__);
  snprintf(endpoint, sizeof endpoint, "http://127.0.0.1:%d", port);
  house_t *house = house_new(OPTIONS({"metadata_endpoint", endpoint}));
  check_failure(house, "a port where nobody listens");
  house_free(house);
  house = house_new(OPTIONS({"metadata_endpoint", "http://nobody.invalid"}));
  check_failure(house, "a name that nobody has");
  house_free(house);
  close(listener);
}

/* Whoever waits for keys can be cancelled, and leaves nobody else behind. */
static void waiting_for_credentials_can_be_cancelled(void) {
  enum { COUNT = 20 };
  watch(__func__);
  house_t           *house = house_new(OPTIONS({"stall_timeout", "10m"}));
  blobferry_ticket_t tickets[COUNT];
  uint8_t            buffer[16];
  request_t          request = {VERB_GET, "key", buffer, sizeof buffer, NULL, 0, 0};
  set_vault(house, ASK_KEYS, 0, NULL, 0);
  for (size_t i = 0; i < COUNT; i++) {
    request.timeout_ms = i % 2 ? 300 * slowness() : 0;
    tickets[i] = must_submit(&request, house->fixture.store, house->fixture.cq);
  }
  AWAIT(server_count(house->vault_server, "GET", "role") > 0);
  for (size_t i = 0; i < COUNT; i += 2) must_cancel(house->fixture.cq, tickets[i]);
  for (size_t i = 0; i < COUNT; i++) {
    blobferry_completion_t completion = wait_one(house->fixture.cq);
    if (completion.status != BLOBFERRY_E_CANCELLED && completion.status != BLOBFERRY_E_DEADLINE)
      FAIL("it ended with %s", blobferry_status_name(completion.status));
    dispose(&completion);
  }
  mend_vault(house);
  check_object(&house->fixture, "key", object.size, object.seed);
  check_requests(house->server, 1);
  house_free(house);
}

/* A server that does not answer holds all up for as long as one, not for as long as all of them one after the other. */
static void many_that_wait_in_vain_wait_together(void) {
  enum { COUNT = 40 };
  watch(__func__);
  house_t *house = house_new(OPTIONS({"stall_timeout", "500ms"}));
  set_vault(house, ASK_TOKEN, 0, NULL, 0);
  uint64_t begun = now_ms();
  uint8_t *buffers = begin_gets(house, COUNT);
  for (size_t i = 0; i < COUNT; i++) {
    blobferry_completion_t completion = wait_one(house->fixture.cq);
    CHECK(completion.status != BLOBFERRY_OK);
    dispose(&completion);
    beat();
  }
  uint64_t took = now_ms() - begun;
  if (took > 10000) FAIL("%d requests waited for %llu ms", COUNT, (unsigned long long)took);
  free(buffers);
  house_free(house);
}

TESTS(TEST(the_environment_signs), TEST(nobody_else_signs), TEST(the_machines_own_server_gives_keys),
      TEST(many_requests_ask_once), TEST(keys_that_end_soon_are_fetched_again),
      TEST(a_server_of_credentials_that_fails_is_an_error), TEST(documents_without_keys_are_an_error),
      TEST(a_server_of_credentials_that_is_not_there_is_an_error), TEST(waiting_for_credentials_can_be_cancelled),
      TEST(many_that_wait_in_vain_wait_together))
