/*
 * Options of stores over a network that go together or do not: certificates, proxies, where credentials come from; how
 * the options in force are read back, and what the store says that it can do.
 */
#include "secrets.h"
#include "vendors.h"

/* -- certificates ----------------------------------------------------------------------------------------- */

static char folder[256];

/* A file in the folder of the test with this text; its path. */
static const char *file_with(const char *name, const char *text) {
  static char paths[8][300];
  static int  next = 0;
  char       *path = paths[next++ % 8];
  snprintf(path, sizeof paths[0], "%s/%s", folder, name);
  FILE *file = fopen(path, "w");
  if (file == NULL || fputs(text, file) < 0 || fclose(file) != 0) {
    perror(path);
    exit(2);
  }
  return path;
}

static void root_certificates_are_a_file_or_its_text(void) {
  make_folder(folder);
  const char *const good[] = {
      CERTIFICATE,
      CERTIFICATE CERTIFICATE,
      "\n\n" CERTIFICATE,
      file_with("one.pem", CERTIFICATE),
      file_with("two.pem", "# two of them\n" CERTIFICATE "and words between\n" CERTIFICATE),
  };
  const char *const bad[] = {
      "",
      " ",
      "/not/there.pem",
      "not there.pem",
      folder,
      file_with("empty.pem", ""),
      file_with("text.pem", "this is no certificate\n"),
      file_with("key.pem", "-----BEGIN PRIVATE KEY-----\nbWU=\n-----END PRIVATE KEY-----\n"),
      file_with("cut.pem", "-----BEGIN CERTIFICATE-----\nMIIBozCC\n"),
      "-----BEGIN CERTIFICATE-----",
      "-----BEGIN CERTIFICATE-----\n!!!!\n-----END CERTIFICATE-----\n",
      "-----BEGIN CERTIFICATE-----\nbm90IERFUg==\n-----END CERTIFICATE-----\n",
      "-----BEGIN CERTIFICATE-----\n-----END CERTIFICATE-----\n",
      "-----BEGIN PRIVATE KEY-----\nbWU=\n-----END PRIVATE KEY-----\n",
  };
  blobferry_service_t *service = new_service();
  for (int vendor = 0; vendor < VENDORS; vendor++) {
    const char *credentials = vendor == ON_HTTP ? NULL : "anonymous";
    for (size_t i = 0; i < sizeof good / sizeof good[0]; i++)
      open_with(service, vendor, credentials, OPTIONS({"root_certificates", good[i]}), BLOBFERRY_OK, "", "");
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++)
      open_with(service, vendor, credentials, OPTIONS({"root_certificates", bad[i]}), BLOBFERRY_E_ARGUMENT,
                "root_certificates", "PEM");
  }
  blobferry_service_free(service);
  remove_tree(folder);
}

/* A store that trusts nobody would open and never work. */
static void tls_needs_somebody_to_trust(void) {
  static const blobferry_pair_t options[] = {
      {"credentials", "anonymous"}, {"disable_system_certificates", "true"}, {"root_certificates", CERTIFICATE}};
  blobferry_service_t *service = new_service();
  refuse(service, "s3://bucket", options, 2, BLOBFERRY_E_ARGUMENT, "root_certificates", "");
  refuse(service, "https://host.invalid/", options + 1, 1, BLOBFERRY_E_ARGUMENT, "root_certificates", "");
  CHECK_STATUS(try_open(service, "s3://bucket", options, 3, NULL), BLOBFERRY_OK);
  CHECK_STATUS(try_open(service, "https://host.invalid/", options + 1, 2, NULL), BLOBFERRY_OK);
  open_with(service, ON_S3, "anonymous", OPTIONS({"disable_system_certificates", "true"}), BLOBFERRY_OK, "", "");
  open_with(service, ON_HTTP, NULL, OPTIONS({"disable_system_certificates", "true"}), BLOBFERRY_OK, "", "");
  blobferry_service_free(service);
}

/* -- proxies ---------------------------------------------------------------------------------------------- */

static void a_proxy_is_a_url(void) {
  static const char *const bad[] = {"", "proxy", "proxy:3128", "proxy.example:3128", "//proxy", "ftp://proxy:21",
                                    "socks5://proxy:1080", "http://", "http://pro xy", "http://proxy:99999",
                                    "http://me:" PROXY_PASSWORD "@", "me:" PROXY_PASSWORD "@proxy:3128",
                                    "http://me:pass/word" PROXY_PASSWORD "@proxy:3128"};
  static const char *const good[] = {"http://proxy:3128", "https://proxy.example", "http://127.0.0.1:8080/",
                                     "http://[::1]:3128", "http://me:" PROXY_PASSWORD "@proxy:3128"};
  blobferry_service_t     *service = new_service();
  for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
    blobferry_pair_t   option = {"proxy_url", bad[i]};
    blobferry_error_t *error = NULL;
    CHECK_STATUS(try_open(service, ENDPOINT "/", &option, 1, &error), BLOBFERRY_E_ARGUMENT);
    if (strstr(blobferry_error_message(error), "bfProxyPas") != NULL) FAIL("proxy %zu: the password is told", i);
    check_error(error, BLOBFERRY_E_ARGUMENT, "proxy_url");
  }
  for (size_t i = 0; i < sizeof good / sizeof good[0]; i++) {
    blobferry_store_t *store = must_open(service, ON_HTTP, NULL, OPTIONS({"proxy_url", good[i]}));
    const char        *told = setting(store, "proxy_url");
    if (told == NULL || strstr(told, "bfProxyPas") || strstr(told, "me")) FAIL("proxy %zu is told as %.12s…", i, told);
    blobferry_store_free(store);
  }
  blobferry_service_free(service);
}

static void what_is_about_a_proxy_needs_one(void) {
  blobferry_service_t *service = new_service();
  open_with(service, ON_HTTP, NULL, OPTIONS({"proxy_excludes", "localhost"}), BLOBFERRY_E_ARGUMENT, "proxy_excludes",
            "proxy_url");
  open_with(service, ON_HTTP, NULL, OPTIONS({"proxy_ca_certificate", CERTIFICATE}), BLOBFERRY_E_ARGUMENT,
            "proxy_ca_certificate", "proxy_url");
  open_with(service, ON_HTTP, NULL, OPTIONS({"proxy_url", "https://proxy"}, {"proxy_ca_certificate", "/not/there"}),
            BLOBFERRY_E_ARGUMENT, "proxy_ca_certificate", "PEM");
  open_with(service, ON_HTTP, NULL,
            OPTIONS({"proxy_url", "https://proxy"}, {"proxy_ca_certificate", CERTIFICATE}, {"proxy_excludes", "a.b,c"}),
            BLOBFERRY_OK, "", "");
  blobferry_service_free(service);
}

/* -- credentials ------------------------------------------------------------------------------------------ */

/* None of the machine's own may be seen by a test. */
static void forget_the_environment(void) {
  static const char *const variables[] = {
      "AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN", "AWS_WEB_IDENTITY_TOKEN_FILE", "AWS_ROLE_ARN",
      "AWS_CONTAINER_CREDENTIALS_RELATIVE_URI", "AWS_CONTAINER_CREDENTIALS_FULL_URI", "AWS_REGION",
      "AWS_DEFAULT_REGION", "AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE", "AZURE_STORAGE_ACCOUNT_KEY",
      "AZURE_STORAGE_ACCOUNT_NAME", "AZURE_STORAGE_SAS_TOKEN", "AZURE_STORAGE_TOKEN", "AZURE_CLIENT_ID",
      "AZURE_CLIENT_SECRET", "AZURE_TENANT_ID", "AZURE_FEDERATED_TOKEN_FILE", "GOOGLE_SERVICE_ACCOUNT",
      "GOOGLE_SERVICE_ACCOUNT_KEY", "GOOGLE_APPLICATION_CREDENTIALS"};
  for (size_t i = 0; i < sizeof variables / sizeof variables[0]; i++) unsetenv(variables[i]);
}

#define NONE "no credentials"

/* Options that say no credentials, half of some, or two kinds at once; what the message has to name. */
static const struct {
  int              vendor;
  const char      *credentials;
  blobferry_pair_t options[4];
  const char      *part;
} wrong[] = {
    {ON_S3, NULL, {{NULL, NULL}}, NONE},
    {ON_AZ, NULL, {{NULL, NULL}}, NONE},
    {ON_GS, NULL, {{NULL, NULL}}, NONE},
    {ON_S3, "static", {{NULL, NULL}}, NONE},
    {ON_GS, "static", {{NULL, NULL}}, NONE},
    {ON_S3, NULL, {{"token", SESSION_TOKEN}}, NONE},
    {ON_AZ, NULL, {{"use_emulator", "false"}}, NONE},
    {ON_AZ, NULL, {{"client_id", "me"}, {"tenant_id", "us"}}, NONE},
    {ON_S3, NULL, {{"access_key_id", ACCESS_KEY_ID}}, "Secret"},
    {ON_S3, NULL, {{"secret_access_key", SECRET_ACCESS_KEY}}, "Access"},
    {ON_S3, "", {{NULL, NULL}}, "credentials"},
    {ON_S3, "ENV", {{NULL, NULL}}, "credentials"},
    {ON_S3, "somewhere", {{NULL, NULL}}, "credentials"},
    {ON_S3, "anonymous", {{"access_key_id", ACCESS_KEY_ID}, {"secret_access_key", SECRET_ACCESS_KEY}}, "access_key_id"},
    {ON_S3, "env", {{"secret_access_key", SECRET_ACCESS_KEY}}, "secret_access_key"},
    {ON_S3, "instance", {{"access_key_id", ACCESS_KEY_ID}}, "access_key_id"},
    {ON_AZ, "anonymous", {{"account_key", ACCOUNT_KEY}}, "account_key"},
    {ON_AZ, "instance", {{"sas_key", "sig=" SAS_SIGNATURE_ESCAPED}}, "sas_key"},
    {ON_AZ, "env", {{"bearer_token", BEARER_TOKEN}}, "token"},
    {ON_GS, "anonymous", {{"bearer_token", BEARER_TOKEN}}, "bearer_token"},
    {ON_GS, "instance", {{"service_account", "/not/there"}}, "service_account"},
    {ON_AZ, NULL, {{"account_key", "not base64 " CLIENT_SECRET}}, ""},
    {ON_AZ, NULL, {{"sas_key", CLIENT_SECRET}}, ""},
    {ON_AZ, NULL, {{"client_secret", CLIENT_SECRET}}, "client_secret"},
    {ON_AZ, NULL, {{"client_secret", CLIENT_SECRET}, {"client_id", "me"}}, "tenant_id"},
    {ON_AZ, NULL, {{"client_secret", CLIENT_SECRET}, {"tenant_id", "us"}}, "client_id"},
    {ON_AZ, NULL, {{"account_key", ACCOUNT_KEY}, {"sas_key", "sig=" SAS_SIGNATURE_ESCAPED}}, "sas_key"},
    {ON_AZ, NULL, {{"account_key", ACCOUNT_KEY}, {"bearer_token", BEARER_TOKEN}}, "token"},
    {ON_AZ, NULL, {{"account_key", ACCOUNT_KEY}, {"credential_type", "managed_identity"}}, "credential_type"},
    {ON_AZ, NULL, {{"account_key", ACCOUNT_KEY}, {"credential_type", "sas_token"}}, ""},
    {ON_GS, NULL, {{"service_account", "/not/there.json"}}, "/not/there.json"},
    {ON_GS, NULL, {{"application_credentials", "/not/there.json"}}, "/not/there.json"},
    {ON_GS, NULL, {{"service_account_key", "{\"private_key\": \"" PRIVATE_KEY "\"}"}}, ""},
    {ON_GS, NULL, {{"service_account_key", PRIVATE_KEY}}, ""},
    {ON_GS, NULL, {{"service_account_key", "{}"}, {"service_account", "/not/there.json"}}, ""},
    {ON_GS, NULL, {{"service_account_key", "{}"}, {"bearer_token", BEARER_TOKEN}}, ""},
    {ON_HTTP, "static", {{NULL, NULL}}, "anonymous"},
    {ON_HTTP, "env", {{NULL, NULL}}, "anonymous"},
    {ON_HTTP, "instance", {{NULL, NULL}}, "anonymous"},
    {ON_S3, "env", {{NULL, NULL}}, "AWS_ACCESS_KEY_ID"},
    {ON_AZ, "env", {{NULL, NULL}}, "AZURE_STORAGE_ACCOUNT_KEY"},
    {ON_GS, "env", {{NULL, NULL}}, "GOOGLE_SERVICE_ACCOUNT"},
};

static void credentials_are_one_whole_kind_of_them(void) {
  forget_the_environment();
  blobferry_service_t *service = new_service();
  for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++)
    open_with(service, wrong[i].vendor, wrong[i].credentials, wrong[i].options, BLOBFERRY_E_ARGUMENT, wrong[i].part,
              "");
  blobferry_service_free(service);
}

/* Half of what a program has been given through its environment is not enough, and empty is nothing. */
static void the_environment_has_to_have_all_of_them(void) {
  static const struct {
    int              vendor;
    blobferry_pair_t variables[2];
    const char      *part;
  } halves[] = {
      {ON_S3, {{"AWS_ACCESS_KEY_ID", ""}, {"AWS_SECRET_ACCESS_KEY", ""}}, "AWS_ACCESS_KEY_ID"},
      {ON_S3, {{"AWS_ACCESS_KEY_ID", ACCESS_KEY_ID}, {NULL, NULL}}, "secret"},
      {ON_S3, {{"AWS_SECRET_ACCESS_KEY", SECRET_ACCESS_KEY}, {NULL, NULL}}, "AWS_ACCESS_KEY_ID"},
      {ON_S3, {{"AWS_SESSION_TOKEN", SESSION_TOKEN}, {"AWS_REGION", "eu-west-1"}}, "AWS_ACCESS_KEY_ID"},
      {ON_S3, {{"AWS_WEB_IDENTITY_TOKEN_FILE", "/not/there"}, {NULL, NULL}}, "AWS_ROLE_ARN"},
      {ON_S3, {{"AWS_CONTAINER_CREDENTIALS_FULL_URI", "http://127.0.0.1:9/"}, {NULL, NULL}},
       "AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE"},
      {ON_AZ, {{"AZURE_TENANT_ID", "us"}, {"AZURE_STORAGE_ACCOUNT_NAME", "me"}}, "AZURE_STORAGE_ACCOUNT_KEY"},
      {ON_AZ, {{"AZURE_CLIENT_ID", "me"}, {"AZURE_CLIENT_SECRET", CLIENT_SECRET}}, "AZURE_TENANT_ID"},
      {ON_GS, {{"GOOGLE_SERVICE_ACCOUNT", ""}, {"GOOGLE_SERVICE_ACCOUNT_KEY", ""}}, "GOOGLE_SERVICE_ACCOUNT"},
  };
  blobferry_service_t *service = new_service();
  for (size_t i = 0; i < sizeof halves / sizeof halves[0]; i++) {
    forget_the_environment();
    for (size_t k = 0; k < 2; k++)
      if (halves[i].variables[k].key) setenv(halves[i].variables[k].key, halves[i].variables[k].value, 1);
    blobferry_error_t *error = NULL;
    option_list_t      list = options_of(halves[i].vendor, "env", NO_OPTIONS);
    blobferry_status_t status = try_open(service, vendors[halves[i].vendor].url, list.pairs, list.count, &error);
    const char        *message = blobferry_error_message(error);
    if (status != BLOBFERRY_E_ARGUMENT || strcasestr(message, halves[i].part) == NULL)
      FAIL("with %s alone: %s: \"%s\" does not name %s", halves[i].variables[0].key, blobferry_status_name(status),
           message, halves[i].part);
    blobferry_error_free(error);
  }
  forget_the_environment();
  blobferry_service_free(service);
}

/* Of a file whose last line ends, it is often the end of the line, too, that becomes a variable or an option. */
static void a_credential_that_no_header_carries_is_refused(void) {
  static const struct {
    int              vendor;
    blobferry_pair_t options[4];
  } bad[] = {
      {ON_S3, {{"secret_access_key", SECRET_ACCESS_KEY}, {"access_key_id", ACCESS_KEY_ID "\n"}}},
      {ON_S3, {{"access_key_id", ACCESS_KEY_ID}, {"secret_access_key", SECRET_ACCESS_KEY "\r\n"}}},
      {ON_S3, {{"secret_access_key", SECRET_ACCESS_KEY}, {"access_key_id", ""}}},
      {ON_S3, {{"secret_access_key", SECRET_ACCESS_KEY}, {"access_key_id", "caf\xc3\xa9"}}},
      {ON_S3, {{"access_key_id", "a"}, {"secret_access_key", "b"}, {"token", SESSION_TOKEN "\n"}}},
      {ON_S3, {{"access_key_id", "a"}, {"secret_access_key", "b"}, {"token", "a\r\nx-amz-acl: public-read"}}},
      {ON_S3, {{"access_key_id", "a"}, {"secret_access_key", "b"}, {"region", "us-east-1\n"}}},
      {ON_S3, {{"access_key_id", "a"}, {"secret_access_key", "b"}, {"region", ""}}},
      {ON_AZ, {{"account_key", ACCOUNT_KEY "\n"}}},
      {ON_AZ, {{"account_key", ""}}},
      {ON_AZ, {{"bearer_token", BEARER_TOKEN "\n"}}},
      {ON_AZ, {{"bearer_token", "caf\xc3\xa9"}}},
      {ON_AZ, {{"bearer_token", ""}}},
      {ON_AZ, {{"sas_key", ""}}},
      {ON_GS, {{"bearer_token", BEARER_TOKEN "\n"}}},
      {ON_GS, {{"bearer_token", ""}}},
  };
  blobferry_service_t *service = new_service();
  for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++)
    open_with(service, bad[i].vendor, NULL, bad[i].options, BLOBFERRY_E_ARGUMENT, "", "");
  static const blobferry_pair_t account[] = {
      {"account_name", "acc\nount"}, {"account_key", ACCOUNT_KEY}, {"endpoint", ENDPOINT}, {"allow_http", "true"}};
  refuse(service, "az://container", account, 4, BLOBFERRY_E_ARGUMENT, "account_name", "");
  blobferry_service_free(service);
}

/* An option that would not be heeded was meant to be. */
static void what_does_nothing_or_contradicts_is_refused(void) {
  static const struct {
    int              vendor;
    const char      *credentials;
    blobferry_pair_t options[3];
  } idle[] = {
      {ON_S3, NULL, {{"access_key_id", "a"}, {"secret_access_key", "b"}, {"skip_signature", "true"}}},
      {ON_S3, "env", {{"skip_signature", "true"}}},
      {ON_S3, "instance", {{"skip_signature", "true"}}},
      {ON_S3, "anonymous", {{"token", SESSION_TOKEN}}},
      {ON_S3, "anonymous", {{"metadata_endpoint", ENDPOINT}}},
      {ON_S3, "anonymous", {{"role_arn", "me"}}},
      {ON_S3, "instance", {{"role_arn", "me"}}},
      {ON_S3, "instance", {{"web_identity_token_file", "/not/there"}}},
      {ON_S3, "instance", {{"container_credentials_full_uri", ENDPOINT}}},
      {ON_S3, "instance", {{"container_authorization_token_file", "/not/there"}}},
      {ON_S3, "anonymous", {{"sse_kms_key_id", "k"}}},
      {ON_S3, "anonymous", {{"endpoint_url_s3", ENDPOINT}}},
      {ON_S3, "anonymous", {{"part_size", "6GiB"}}},
      {ON_GS, "anonymous", {{"part_size", "6GiB"}}},
      {ON_AZ, "anonymous", {{"part_size", "4001MiB"}}},
      {ON_AZ, "anonymous", {{"msi_endpoint", ENDPOINT}}},
      {ON_AZ, "anonymous", {{"client_id", "me"}}},
      {ON_AZ, "anonymous", {{"use_emulator", "true"}}},
      {ON_AZ, NULL, {{"use_emulator", "true"}}}, /* which has an endpoint of its own */
      {ON_S3, "anonymous", {{"region", " us-east-1"}}},
      {ON_AZ, "instance", {{"client_id", "me "}}},
  };
  blobferry_service_t *service = new_service();
  for (size_t i = 0; i < sizeof idle / sizeof idle[0]; i++) {
    blobferry_pair_t options[4] = {idle[i].options[0], idle[i].options[1], idle[i].options[2], {NULL, NULL}};
    open_with(service, idle[i].vendor, idle[i].credentials, options, BLOBFERRY_E_ARGUMENT, "", "");
  }
  static const blobferry_pair_t others[] = {{"allow_invalid_certificates", "true"}, {"credentials", "anonymous"},
                                            {"account_name", "another"}, {"endpoint", "https://another.example"}};
  refuse(service, "abfss://container@account.dfs.core.windows.net/a", others, 3, BLOBFERRY_E_ARGUMENT, "account", "");
  const blobferry_pair_t endpoint[] = {others[0], others[1], others[3]};
  refuse(service, "https://account.r2.cloudflarestorage.com/bucket", endpoint, 3, BLOBFERRY_E_ARGUMENT, "endpoint", "");
  blobferry_service_free(service);
}

/* What else a URL could have is no part of these. */
static void a_place_is_a_host_and_no_more(void) {
  static const char *const tails[] = {"http://me:" PROXY_PASSWORD "@127.0.0.1:9", "http://me@127.0.0.1:9",
                                      ENDPOINT "/?sig=" SAS_SIGNATURE_ESCAPED, ENDPOINT "/#a"};
  blobferry_service_t     *service = new_service();
  for (size_t i = 0; i < sizeof tails / sizeof tails[0]; i++) {
    for (int vendor = ON_S3; vendor <= ON_GS; vendor++) {
      const char      *name = endpoint_names[vendor];
      blobferry_pair_t options[] = {
          {name, tails[i]}, {"allow_http", "true"}, {"credentials", "anonymous"}, {"account_name", "a"}};
      refuse(service, vendors[vendor].url, options, vendor == ON_AZ ? 4 : 3, BLOBFERRY_E_ARGUMENT, name, "");
    }
    open_with(service, ON_S3, "instance", OPTIONS({"metadata_endpoint", tails[i]}), BLOBFERRY_E_ARGUMENT, "", "");
    open_with(service, ON_AZ, "instance", OPTIONS({"msi_endpoint", tails[i]}), BLOBFERRY_E_ARGUMENT, "", "");
  }
  blobferry_service_free(service);
}

/* -- read back -------------------------------------------------------------------------------------------- */

static void check_settings(const blobferry_store_t *store, const char *wanted) {
  size_t                  count = 0, size = 0;
  char                   *text = NULL;
  FILE                   *out = open_memstream(&text, &size);
  const blobferry_pair_t *settings = blobferry_store_settings(store, &count);
  for (size_t i = 0; i < count; i++) fprintf(out, "%s=%s\n", settings[i].key, settings[i].value);
  fclose(out);
  CHECK_TEXT(text, wanted);
  for (size_t i = 1; i < count; i++)
    if (strcmp(settings[i - 1].key, settings[i].key) >= 0)
      FAIL("%s stands behind %s", settings[i].key, settings[i - 1].key);
  CHECK(blobferry_store_settings(store, NULL) == settings);
  free(text);
}

#define FROM_INITIAL_BACKOFF_ON(in_flight, part) \
  "initial_backoff=100ms\nmax_backoff=15s\nmax_connections=256\nmax_in_flight=" in_flight \
  "\nmax_retries=10\npart_size=" part "\npool_idle_timeout=90s\npool_max_idle_per_host=64\n"

static void defaults_are_written_out_in_order(void) {
  blobferry_service_t *service = new_service();
  blobferry_store_t   *store = must_open(service, ON_HTTP, NULL, NO_OPTIONS);
  check_settings(store, "allow_http=true\nallow_invalid_certificates=false\nconnect_timeout=5s\n"
                        "credentials=anonymous\ndisable_system_certificates=false\n"
                        FROM_INITIAL_BACKOFF_ON("4", "8388608")
                        "prefix=\nretry_timeout=180s\nstall_timeout=30s\nsystem_proxy=false\n"
                        "user_agent=blobferry/" BLOBFERRY_VERSION "\n");
  blobferry_store_free(store);
  store = must_open(service, ON_S3, NULL,
                    OPTIONS({"aws_secret_access_key", SECRET_ACCESS_KEY}, {"aws_access_key_id", ACCESS_KEY_ID},
                            {"session_token", SESSION_TOKEN}, {"part_size", "5MiB"}, {"max_in_flight", "2"}));
  check_settings(store, "access_key_id=(hidden)\nallow_http=true\nallow_invalid_certificates=false\n"
                        "connect_timeout=5s\ncopy_if_not_exists=multipart\ncredentials=static\n"
                        "disable_system_certificates=false\nendpoint=" ENDPOINT
                        "\n" FROM_INITIAL_BACKOFF_ON("2", "5242880") "prefix=\nregion=us-east-1\nretry_timeout=180s\n"
                        "secret_access_key=(hidden)\nstall_timeout=30s\nsystem_proxy=false\ntoken=(hidden)\n"
                        "user_agent=blobferry/" BLOBFERRY_VERSION "\n");
  blobferry_store_free(store);
  blobferry_service_free(service);
}

/* The settings are those in force: what the URL says of the region is one of them, and what contradicts it is not. */
static void the_url_may_say_the_region(void) {
  static const blobferry_pair_t options[] = {
      {"credentials", "anonymous"}, {"allow_invalid_certificates", "true"}, {"region", "us-west-2"}};
  static const char *const urls[] = {"https://bucket.s3.eu-west-1.amazonaws.com/a",
                                     "https://s3.eu-west-1.amazonaws.com/b"};
  blobferry_service_t     *service = new_service();
  for (size_t i = 0; i < 2; i++) {
    blobferry_store_t *store = NULL;
    CHECK_STATUS(blobferry_store_open(service, urls[i], options, 2, &store, NULL), BLOBFERRY_OK);
    CHECK_TEXT(setting(store, "region"), "eu-west-1");
    blobferry_store_free(store);
    if (blobferry_store_open(service, urls[i], options, 3, &store, NULL) != BLOBFERRY_OK) continue;
    CHECK_TEXT(setting(store, "region"), "eu-west-1");
    blobferry_store_free(store);
  }
  blobferry_service_free(service);
}

static void stores_of_this_machine_have_settings_too(void) {
  fixture_t memory = in_memory(), file = in_folder();
  check_settings(memory.store, "max_in_flight=4\npart_size=8388608\n");
  check_settings(file.store, "create=false\nfollow_symlinks=false\nfsync=false\nmax_in_flight=4\npart_size=8388608\n");
  size_t count = 4711;
  CHECK(blobferry_store_settings(NULL, &count) == NULL);
  CHECK_INT(count, 0);
  CHECK(blobferry_store_settings(NULL, NULL) == NULL);
  fixture_free(&memory);
  fixture_free(&file);
}

/* -- what it can do --------------------------------------------------------------------------------------- */

static void each_store_says_what_it_can_do(void) {
  const uint64_t copies = BLOBFERRY_CAN_COPY_CREATE | BLOBFERRY_CAN_RENAME_CREATE;
  const uint64_t web =
      BLOBFERRY_CAN_GET_RANGE | BLOBFERRY_CAN_LIST_ANY_DELIMITER | BLOBFERRY_CAN_LIST_START_AFTER | copies;
  const uint64_t conditions = BLOBFERRY_CAN_PUT_CREATE | BLOBFERRY_CAN_PUT_UPDATE;
  const uint64_t all =
      web | conditions | BLOBFERRY_CAN_CONTENT_TYPE | BLOBFERRY_CAN_METADATA | BLOBFERRY_CAN_VERSION;
  blobferry_service_t *service = new_service();
  for (int vendor = 0; vendor < VENDORS; vendor++) {
    blobferry_store_t *store = must_open(service, vendor, vendor == ON_HTTP ? NULL : "anonymous", NO_OPTIONS);
    const uint64_t tags = vendor == ON_S3 || vendor == ON_AZ ? BLOBFERRY_CAN_TAGS : 0;
    CHECK_INT(blobferry_store_capabilities(store), vendor == ON_HTTP ? web : all | tags);
    blobferry_store_free(store);
  }
  blobferry_store_t *store = must_open(service, ON_S3, "anonymous", OPTIONS({"conditional_put", "etag"}));
  CHECK_INT(blobferry_store_capabilities(store), all | BLOBFERRY_CAN_TAGS);
  blobferry_store_free(store);
  store = must_open(service, ON_S3, "anonymous", OPTIONS({"conditional_put", "disabled"}));
  CHECK_INT(blobferry_store_capabilities(store), (all | BLOBFERRY_CAN_TAGS) & ~(conditions | copies));
  blobferry_store_free(store);
  store = must_open(service, ON_S3, "anonymous", OPTIONS({"conditional_put", "disabled"},
                                                         {"copy_if_not_exists", "header: if-none-match: *"}));
  CHECK_INT(blobferry_store_capabilities(store), (all | BLOBFERRY_CAN_TAGS) & ~conditions);
  blobferry_store_free(store);
  blobferry_service_free(service);
}

TESTS(TEST(root_certificates_are_a_file_or_its_text), TEST(tls_needs_somebody_to_trust), TEST(a_proxy_is_a_url),
      TEST(what_is_about_a_proxy_needs_one), TEST(credentials_are_one_whole_kind_of_them),
      TEST(the_environment_has_to_have_all_of_them), TEST(a_credential_that_no_header_carries_is_refused),
      TEST(what_does_nothing_or_contradicts_is_refused), TEST(a_place_is_a_host_and_no_more),
      TEST(defaults_are_written_out_in_order),
      TEST(the_url_may_say_the_region), TEST(stores_of_this_machine_have_settings_too),
      TEST(each_store_says_what_it_can_do))
