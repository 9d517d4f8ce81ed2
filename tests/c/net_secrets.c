/*
 * No secret is ever told: not in a message, a code or a name of a request, whatever the server puts into them, and not
 * in the settings of a store. All of these are printed, so that whoever looks through the logs of the tests for what
 * tests/secrets lists finds the same.
 */
#include "secrets.h"
#include "server.h"
#include "vendors.h"

/* -- what may not be told --------------------------------------------------------------------------------- */

static const char *const all_secrets[] = {
    ACCESS_KEY_ID,         SECRET_ACCESS_KEY, SESSION_TOKEN, ACCOUNT_KEY,    SAS_SIGNATURE,
    SAS_SIGNATURE_ESCAPED, BEARER_TOKEN,      CLIENT_SECRET, METADATA_TOKEN, PROXY_PASSWORD,
    PROXY_PROOF,           CONTAINER_TOKEN,   PRIVATE_KEY,   ENCRYPTION_KEY,
};
enum { SECRETS = sizeof all_secrets / sizeof all_secrets[0], PIECE = 10 };

/* The signature that the server was shown last. */
static char            shown[1024];
static pthread_mutex_t shown_lock = PTHREAD_MUTEX_INITIALIZER;

/* Whether the text has the beginning or the end of a secret. */
static bool has_piece(const char *text, const char *secret) {
  char   piece[PIECE + 1];
  size_t size = strlen(secret);
  if (size < PIECE) return false;
  snprintf(piece, sizeof piece, "%s", secret);
  if (strstr(text, piece) != NULL) return true;
  return strstr(text, secret + size - PIECE) != NULL;
}

/* The text must be free of secrets; it is printed all the same. */
static void check_clean(const char *what, const char *text) {
  bool is_clean = true;
  if (text == NULL) return;
  printf("  %s: %s\n", what, text);
  for (size_t i = 0; i < SECRETS; i++) is_clean = is_clean && !has_piece(text, all_secrets[i]);
  pthread_mutex_lock(&shown_lock);
  is_clean = is_clean && !has_piece(text, shown);
  pthread_mutex_unlock(&shown_lock);
  if (!is_clean) FAIL("%s tells a secret", what);
}

static void check_error_is_clean(const char *what, const blobferry_error_t *error) {
  char name[256];
  check_clean(what, blobferry_error_message(error));
  snprintf(name, sizeof name, "%s, code", what);
  check_clean(name, blobferry_error_server_code(error));
  snprintf(name, sizeof name, "%s, request", what);
  check_clean(name, blobferry_error_request_id(error));
}

static void check_settings_are_clean(const blobferry_store_t *store) {
  size_t                  count = 0;
  const blobferry_pair_t *settings = blobferry_store_settings(store, &count);
  for (size_t i = 0; i < count; i++) check_clean(settings[i].key, settings[i].value);
}

/* -- whose secrets ---------------------------------------------------------------------------------------- */

#define AT_SERVER "@" /* the place of the server */
#define TO_PROXY "^"  /* that, with a password */

/* A store with secrets; those of them that a server could say. */
typedef struct holder {
  const char      *name, *url;
  blobferry_pair_t options[8];
  const char      *secrets[5];
} holder_t;

static const holder_t holders[] = {
    {"s3, static", "s3://bucket",
     {{"endpoint", AT_SERVER}, {"access_key_id", ACCESS_KEY_ID}, {"secret_access_key", SECRET_ACCESS_KEY},
      {"token", SESSION_TOKEN}},
     {ACCESS_KEY_ID, SECRET_ACCESS_KEY, SESSION_TOKEN}},
    {"s3, instance", "s3://bucket",
     {{"endpoint", AT_SERVER}, {"credentials", "instance"}, {"metadata_endpoint", AT_SERVER}},
     {ACCESS_KEY_ID, SESSION_TOKEN}},
    {"az, key", "az://container",
     {{"endpoint", AT_SERVER}, {"account_name", "account"}, {"account_key", ACCOUNT_KEY},
      {"encryption_key", ENCRYPTION_KEY}},
     {ACCOUNT_KEY, ENCRYPTION_KEY}},
    {"az, sas", "az://container",
     {{"endpoint", AT_SERVER}, {"account_name", "account"}, {"sas_key", "?sv=1&sig=" SAS_SIGNATURE_ESCAPED "&se=2"}},
     {SAS_SIGNATURE, SAS_SIGNATURE_ESCAPED}},
    {"az, sas unescaped", "az://container",
     {{"endpoint", AT_SERVER}, {"account_name", "account"}, {"sas_key", "sv=1&sp=rw&sig=" SAS_SIGNATURE}},
     {SAS_SIGNATURE, SAS_SIGNATURE_ESCAPED}},
    {"az, token", "az://container",
     {{"endpoint", AT_SERVER}, {"account_name", "account"}, {"bearer_token", BEARER_TOKEN}},
     {BEARER_TOKEN}},
    {"az, client", "az://container",
     {{"endpoint", AT_SERVER}, {"account_name", "account"}, {"client_id", "me"}, {"client_secret", CLIENT_SECRET},
      {"tenant_id", "us"}, {"authority_host", AT_SERVER}},
     {CLIENT_SECRET, BEARER_TOKEN}},
    {"gs, token", "gs://bucket", {{"base_url", AT_SERVER}, {"bearer_token", BEARER_TOKEN}}, {BEARER_TOKEN}},
    {"gs, instance", "gs://bucket",
     {{"base_url", AT_SERVER}, {"credentials", "instance"}, {"proxy_url", TO_PROXY}},
     {BEARER_TOKEN, PROXY_PASSWORD}},
    {"http, proxy", "http://files.invalid/", {{"proxy_url", TO_PROXY}}, {PROXY_PASSWORD}},
};
enum { HOLDERS = sizeof holders / sizeof holders[0] };

/* Opens the store of a holder, with a further option; NULL, and the error, where it is refused. */
static blobferry_store_t *open_holder(blobferry_service_t *service, const holder_t *holder, const char *place,
                                      const blobferry_pair_t *more, blobferry_error_t **error) {
  option_list_t      list = {.count = 0};
  blobferry_store_t *store = NULL;
  char               proxy[256];
  snprintf(proxy, sizeof proxy, "http://me:%s@%s", PROXY_PASSWORD, strstr(place, "://") + 3);
  set_option(&list, "allow_http", "true");
  set_option(&list, "allow_invalid_certificates", "true");
  set_option(&list, "max_retries", "0");
  for (const blobferry_pair_t *option = holder->options; option->key != NULL; option++)
    set_option(&list, option->key, strcmp(option->value, AT_SERVER) == 0  ? place
                                   : strcmp(option->value, TO_PROXY) == 0 ? proxy
                                                                          : option->value);
  for (; more->key != NULL; more++) list.pairs[list.count++] = *more;
  if (blobferry_store_open(service, holder->url, list.pairs, list.count, &store, error) != BLOBFERRY_OK) return NULL;
  return store;
}

/* -- a server that tells all it knows --------------------------------------------------------------------- */

/* Where it puts it. */
typedef enum spot { IN_MESSAGE, BEHIND_MUCH, IN_CODE, IN_REASON, IN_IDS, IN_PLACE, IN_ENDPOINT, IN_TEXT, SPOTS } spot_t;

static const char *const spot_names[SPOTS] = {"message", "cut message", "code",     "reason",
                                              "ids",     "place",       "endpoint", "text"};

typedef struct echo {
  spot_t      spot;
  const char *secret; /* NULL = what came in this field, or the target */
  const char *field;
} echo_t;

/* What the server says from now on. */
static void set_echo(server_t *server, echo_t *echo, echo_t value) {
  server_lock(server); /* which its threads take before they answer */
  *echo = value;
  server_unlock(server);
}

static void note_shown(const exchange_t *exchange) {
  const char *signature = header(exchange, "authorization");
  const char *begin = signature ? strstr(signature, "Signature=") : NULL;
  if (begin) begin += strlen("Signature=");
  else if (signature && strncmp(signature, "SharedKey", 9) == 0) begin = strchr(signature, ':') + 1;
  pthread_mutex_lock(&shown_lock);
  snprintf(shown, sizeof shown, "%s", begin ? begin : "");
  pthread_mutex_unlock(&shown_lock);
}

/* Credentials, if that is what was asked for. */
static bool answer_for_credentials(exchange_t *exchange) {
  const char *target = exchange->record->target;
  if (strstr(target, "/api/token")) return reply(exchange, 200, "", METADATA_TOKEN);
  if (strstr(target, "credentials/role"))
    return reply(exchange, 200, "",
                 "{\"AccessKeyId\": \"" ACCESS_KEY_ID "\", \"SecretAccessKey\": \"" SECRET_ACCESS_KEY
                 "\", \"Token\": \"" SESSION_TOKEN "\", \"Expiration\": \"2099-01-01T00:00:00Z\"}");
  if (strstr(target, "security-credentials")) return reply(exchange, 200, "", "role");
  if (strstr(target, "token"))
    return reply(exchange, 200, "", "{\"access_token\": \"" BEARER_TOKEN "\", \"expires_in\": 3600}");
  return false;
}

/* An answer that says these words in this spot. */
typedef struct telling {
  int  status;
  char document[4096], headers[4096], reason[2048];
} telling_t;

static telling_t *compose(spot_t spot, const char *words) {
  static const char *const elements[SPOTS] = {[IN_MESSAGE] = "Message", [BEHIND_MUCH] = "Message", [IN_CODE] = "Code",
                                              [IN_ENDPOINT] = "Endpoint"};
  enum { MUCH = 285 }; /* with it a message is longer than is told of it */
  telling_t *telling = calloc(1, sizeof *telling);
  char       much[MUCH + 1];
  memset(much, '.', MUCH);
  much[spot == BEHIND_MUCH ? MUCH : 0] = '\0';
  telling->status = spot == IN_PLACE || spot == IN_ENDPOINT ? 307 : 403;
  strcpy(telling->reason, "Answer");
  if (elements[spot])
    snprintf(telling->document, sizeof telling->document, "<Error><%s>%s%s</%s></Error>", elements[spot], much, words,
             elements[spot]);
  if (spot == IN_TEXT) snprintf(telling->document, sizeof telling->document, "{\"error\": \"%s\"}", words);
  if (spot == IN_REASON) snprintf(telling->reason, sizeof telling->reason, "%s", words);
  if (spot == IN_CODE) snprintf(telling->headers, sizeof telling->headers, "x-ms-error-code: %s\r\n", words);
  if (spot == IN_PLACE)
    snprintf(telling->headers, sizeof telling->headers, "Location: http://127.0.0.1:9/%s\r\n", words);
  if (spot == IN_IDS)
    snprintf(telling->headers, sizeof telling->headers,
             "x-amz-request-id: %.900s\r\nx-ms-request-id: %.900s\r\nx-request-id: %.900s\r\n"
             "x-guploader-uploadid: %.900s\r\n",
             words, words, words, words);
  return telling;
}

static void tell_all(exchange_t *exchange, void *context) {
  const echo_t *echo = context;
  char          words[2048];
  const char   *came = echo->field ? header(exchange, echo->field) : exchange->record->target;
  take_body(exchange);
  if (answer_for_credentials(exchange)) return;
  note_shown(exchange);
  snprintf(words, sizeof words, "%s", echo->secret ? echo->secret : came ? came : "nothing came");
  for (char *at = words; (at = strchr(at, '&')) != NULL;) *at = ';'; /* which would begin an escape */
  telling_t *telling = compose(echo->spot, words);
  note_status(exchange, telling->status);
  say(exchange, "HTTP/1.1 %d %s\r\nContent-Length: %zu\r\n%s\r\n", telling->status, telling->reason,
      strlen(telling->document), telling->headers);
  if (!method_is(exchange, "HEAD")) say(exchange, "%s", telling->document);
  free(telling);
}

/* Which requests: the last is a put in parts. */
typedef enum verbs { GET_ALONE, EVERY_VERB, PARTS_TOO } verbs_t;

static void ask_all(const fixture_t *fixture, const char *what, verbs_t verbs) {
  blobferry_completion_t completion = get(fixture, "key");
  if (completion.status == BLOBFERRY_OK) FAIL("%s: a get succeeded", what);
  check_error_is_clean(what, completion.error);
  dispose(&completion);
  if (verbs == GET_ALONE) return;
  blobferry_list_t      *list = new_list(fixture->store, "");
  blobferry_completion_t others[] = {put(fixture, "key", 100, 1), head(fixture, "key"), delete (fixture, "key"),
                                     next(fixture, list),
                                     put(fixture, "key", verbs == PARTS_TOO ? (8 << 20) + 1 : 0, 1)};
  for (size_t i = 0; i < sizeof others / sizeof others[0]; i++) {
    check_error_is_clean(what, others[i].error);
    dispose(&others[i]);
  }
  blobferry_list_free(list);
}

/* A signature has other characters every time, some of which may be taken for its end. */
static void check_many_signatures(const fixture_t *fixture, server_t *server, echo_t *echo, const char *name) {
  set_echo(server, echo, (echo_t){IN_MESSAGE, NULL, "authorization"});
  for (long i = 0; i < rounds(40); i++) {
    char key[32];
    snprintf(key, sizeof key, "key-%ld", i);
    blobferry_completion_t completion = get(fixture, key);
    check_error_is_clean(name, completion.error);
    dispose(&completion);
  }
}

static void check_holder(const holder_t *holder) {
  static const char *const fields[] = {NULL, "authorization", "x-amz-security-token", "x-ms-encryption-key",
                                       "proxy-authorization"};
  echo_t             echo = {IN_MESSAGE, NULL, NULL};
  char               what[128], place[64];
  server_t          *server = server_start(tell_all, &echo);
  blobferry_error_t *error = NULL;
  fixture_t          fixture = {.service = new_service()};
  snprintf(place, sizeof place, "http://127.0.0.1:%d", server->port);
  fixture.cq = new_cq(fixture.service, 64, BLOBFERRY_WAKE_NONE);
  fixture.store = open_holder(fixture.service, holder, place, NO_OPTIONS, &error);
  must(fixture.store ? BLOBFERRY_OK : BLOBFERRY_E_ARGUMENT, error, holder->name);
  check_settings_are_clean(fixture.store);
  for (spot_t spot = 0; spot < SPOTS; spot++) {
    for (size_t i = 0; i < 5; i++) {
      set_echo(server, &echo, (echo_t){spot, NULL, fields[i]});
      snprintf(what, sizeof what, "%s, %s, %s", holder->name, spot_names[spot], fields[i] ? fields[i] : "target");
      ask_all(&fixture, what, spot != IN_MESSAGE ? GET_ALONE : i > 0 ? EVERY_VERB : PARTS_TOO);
    }
    for (size_t i = 0; i < 5 && holder->secrets[i] != NULL; i++) {
      set_echo(server, &echo, (echo_t){spot, holder->secrets[i], NULL});
      snprintf(what, sizeof what, "%s, %s, secret %zu", holder->name, spot_names[spot], i);
      ask_all(&fixture, what, spot == IN_MESSAGE ? EVERY_VERB : GET_ALONE);
    }
    beat();
  }
  check_many_signatures(&fixture, server, &echo, holder->name);
  fixture_free(&fixture);
  server_free(server);
}

static void whatever_a_server_says_is_cleaned(void) {
  for (size_t i = 0; i < HOLDERS; i++) {
    watch(__func__);
    check_holder(&holders[i]);
  }
}

/* -- servers that are not reached ------------------------------------------------------------------------- */

static void say_nothing_well(exchange_t *exchange, void *unused) {
  (void)unused;
  take_body(exchange);
  say(exchange, "this is no HTTP\r\n\r\n");
  finish(exchange);
}

static void servers_that_are_not_reached_are_told_without_secrets(void) {
  char      places[3][64];
  int       port, listener = bind_free_port(&port); /* bound, and listens not */
  server_t *server = server_start(say_nothing_well, NULL);
  snprintf(places[0], sizeof places[0], "http://127.0.0.1:%d", port);
  snprintf(places[1], sizeof places[1], "http://nobody.invalid");
  snprintf(places[2], sizeof places[2], "http://127.0.0.1:%d", server->port);
  for (size_t i = 0; i < HOLDERS; i++)
    for (size_t k = 0; k < 3; k++) {
      blobferry_error_t *error = NULL;
      fixture_t          fixture = {.service = new_service()};
      watch(__func__);
      fixture.cq = new_cq(fixture.service, 64, BLOBFERRY_WAKE_NONE);
      fixture.store = open_holder(fixture.service, &holders[i], places[k], NO_OPTIONS, &error);
      must(fixture.store ? BLOBFERRY_OK : BLOBFERRY_E_ARGUMENT, error, holders[i].name);
      ask_all(&fixture, holders[i].name, k == 1 ? GET_ALONE : EVERY_VERB); /* to look up a name may take long */
      fixture_free(&fixture);
    }
  server_free(server);
  close(listener);
}

/* -- options that are wrong ------------------------------------------------------------------------------- */

/* Wrong ones beside secrets, and secrets in the wrong ones: the open is refused, or the settings are clean. */
static void options_that_are_wrong_are_told_without_secrets(void) {
  static const struct {
    int              vendor;
    const char      *credentials;
    blobferry_pair_t option;
  } slips[] = {
      {ON_S3, NULL, {"secret_acess_key", SECRET_ACCESS_KEY}},
      {ON_S3, NULL, {"aws_secret", SECRET_ACCESS_KEY}},
      {ON_S3, "anonymous", {"endpoint_url_s3", "http://" ACCESS_KEY_ID ":" CLIENT_SECRET "@127.0.0.1:9"}},
      {ON_S3, "anonymous", {"proxy_url", "http://me:12/3" PROXY_PASSWORD "@proxy:3128"}},
      {ON_S3, "anonymous", {"proxy_url", "proxy:3128:" PROXY_PASSWORD}},
      {ON_S3, "anonymous", {"root_certificates", CERTIFICATE "-----BEGIN PRIVATE KEY-----\n" PRIVATE_KEY
                                                             "\n-----END PRIVATE KEY-----\n"}},
      {ON_S3, "instance", {"metadata_endpoint", "http://me:" PROXY_PASSWORD "@127.0.0.1:9"}},
      {ON_S3, "instance", {"container_credentials_full_uri", "http://127.0.0.1:9/?token=" CONTAINER_TOKEN}},
      {ON_AZ, NULL, {"account_key", SAS_SIGNATURE_ESCAPED}},
      {ON_AZ, NULL, {"account_key", "AccountKey=" CLIENT_SECRET ";EndpointSuffix=core.windows.net"}},
      {ON_AZ, NULL, {"sas_key", CLIENT_SECRET}},
      {ON_AZ, "anonymous", {"encryption_key", CLIENT_SECRET}},
      {ON_AZ, "anonymous", {"msi_endpoint", "http://127.0.0.1:9/?secret=" CLIENT_SECRET}},
      {ON_GS, NULL, {"service_account", "{\"private_key\": \"" PRIVATE_KEY "\", \"client_email\": \"me\"}"}},
      {ON_GS, NULL, {"application_credentials", "{\"refresh_token\": \"" CLIENT_SECRET "\"}"}},
      {ON_GS, NULL, {"service_account_key", "{\"private_key\": \"" PRIVATE_KEY "\"}"}},
      {ON_GS, NULL, {"service_account_key", "{\"disable_oauth\": \"" PRIVATE_KEY "\"}"}},
      {ON_GS, NULL, {"service_account_key", "\"" PRIVATE_KEY "\""}},
      {ON_GS, NULL, {"service_account_key",
                     "{\"private_key\": \"" PRIVATE_KEY "\", \"private_key_id\": \"1\", \"client_email\": \"me\"}"}},
      {ON_HTTP, NULL, {"bearer_token", BEARER_TOKEN}},
      {ON_HTTP, NULL, {"authorization", "Bearer " BEARER_TOKEN}},
  };
  blobferry_service_t *service = new_service();
  for (size_t i = 0; i < sizeof slips / sizeof slips[0]; i++) {
    option_list_t      list = options_of(slips[i].vendor, slips[i].credentials, OPTIONS(slips[i].option));
    blobferry_store_t *store = NULL;
    blobferry_error_t *error = NULL;
    char               what[64];
    snprintf(what, sizeof what, "slip %zu, %s", i, slips[i].option.key);
    blobferry_store_open(service, vendors[slips[i].vendor].url, list.pairs, list.count, &store, &error);
    check_clean(what, blobferry_error_message(error));
    if (store != NULL) check_settings_are_clean(store);
    blobferry_error_free(error);
    blobferry_store_free(store);
  }
  static const blobferry_pair_t wrong[] = {{"region", "a"}, {"retry_timeout", "5"}, {"root_certificates", "/not/there"},
                                           {"proxy_excludes", "a"}, {"no_such_option", "1"}, {"timeout", "soon"}};
  for (size_t i = 0; i < HOLDERS; i++)
    for (size_t k = 0; k < sizeof wrong / sizeof wrong[0]; k++) {
      blobferry_error_t *error = NULL;
      blobferry_store_t *store = open_holder(service, &holders[i], "http://127.0.0.1:9", OPTIONS(wrong[k]), &error);
      check_clean(holders[i].name, blobferry_error_message(error));
      if (store != NULL) check_settings_are_clean(store);
      blobferry_error_free(error);
      blobferry_store_free(store);
    }
  blobferry_service_free(service);
}

/* -- the list of them ------------------------------------------------------------------------------------- */

/* What is not in tests/secrets is not looked for in the logs. */
static void every_secret_is_in_the_list(void) {
  char  path[512], *list = calloc(1, 65536);
  snprintf(path, sizeof path, "%.*s../secrets", (int)(strrchr(__FILE__, '/') + 1 - __FILE__), __FILE__);
  FILE *file = fopen(path, "r");
  if (file == NULL || fread(list, 1, 65535, file) == 0)
    FAIL("%s: %s; run it from the root of the tree", path, strerror(errno));
  if (file != NULL) fclose(file);
  for (size_t i = 0; i < SECRETS; i++) {
    const char *at = strstr(list, all_secrets[i]);
    if (at == NULL || at == list || at[-1] != '\n' || at[strlen(all_secrets[i])] != '\n')
      FAIL("secret %zu is not in %s", i, path);
  }
  free(list);
}

TESTS(TEST(whatever_a_server_says_is_cleaned), TEST(servers_that_are_not_reached_are_told_without_secrets),
      TEST(options_that_are_wrong_are_told_without_secrets), TEST(every_secret_is_in_the_list))
