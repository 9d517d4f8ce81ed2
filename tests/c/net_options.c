/*
 * Options of stores over a network: their names with and without the vendor's before them, which values they take,
 * how each is read back, and what those of the vendors say to a server. Which of them go together is in net_settings.c.
 */
#include "secrets.h"
#include "server.h"
#include "vendors.h"

static void refuse_value(blobferry_service_t *service, int vendor, const char *key, const char *value,
                         blobferry_status_t wanted, const char *part) {
  open_with(service, vendor, "anonymous", OPTIONS({key, value}), wanted, part, "");
}

/* -- names ------------------------------------------------------------------------------------------------ */

/* How an option may be written, and how it is read back; `with` is what it needs besides. */
static const struct {
  int              vendor;
  const char      *written, *value, *name, *told;
  blobferry_pair_t with[2];
} names[] = {
    {ON_S3, "access_key_id", ACCESS_KEY_ID, "access_key_id", "(hidden)",
     {{"secret_access_key", SECRET_ACCESS_KEY}, {"credentials", "static"}}},
    {ON_S3, "aws_secret_access_key", SECRET_ACCESS_KEY, "secret_access_key", "(hidden)", {{"access_key_id", "k"}}},
    {ON_S3, "session_token", SESSION_TOKEN, "token", "(hidden)", {{"access_key_id", "k"}, {"secret_access_key", "s"}}},
    {ON_S3, "token", SESSION_TOKEN, "token", "(hidden)", {{"access_key_id", "k"}, {"secret_access_key", "s"}}},
    {ON_S3, "region", "eu-west-1", "region", "eu-west-1", {{"credentials", "anonymous"}}},
    {ON_S3, "aws_region", "eu-west-1", "region", "eu-west-1", {{"credentials", "anonymous"}}},
    {ON_S3, "aws_part_size", "1MiB", "part_size", "1048576", {{"credentials", "anonymous"}}},
    {ON_S3, "aws_stall_timeout", "7s", "stall_timeout", "7s", {{"credentials", "anonymous"}}},
    {ON_S3, "read_timeout", "7s", "stall_timeout", "7s", {{"credentials", "anonymous"}}},
    {ON_S3, "aws_request_payer", "requester", "request_payer", "requester", {{"credentials", "anonymous"}}},
    {ON_S3, "aws_checksum_algorithm", "SHA256", "checksum_algorithm", "sha256", {{"credentials", "anonymous"}}},
    {ON_AZ, "azure_storage_account_key", ACCOUNT_KEY, "account_key", "(hidden)", {{NULL, NULL}}},
    {ON_AZ, "account_key", ACCOUNT_KEY, "account_key", "(hidden)", {{NULL, NULL}}},
    {ON_AZ, "access_key", ACCOUNT_KEY, "account_key", "(hidden)", {{NULL, NULL}}},
    {ON_AZ, "azure_storage_access_key", ACCOUNT_KEY, "account_key", "(hidden)", {{NULL, NULL}}},
    {ON_AZ, "azure_account_key", ACCOUNT_KEY, "account_key", "(hidden)", {{NULL, NULL}}},
    {ON_AZ, "sas_key", "sv=1&sig=" SAS_SIGNATURE_ESCAPED, "sas_key", "(hidden)", {{NULL, NULL}}},
    {ON_AZ, "azure_storage_sas_token", "?sv=1&sig=" SAS_SIGNATURE_ESCAPED, "sas_key", "(hidden)", {{NULL, NULL}}},
    {ON_AZ, "bearer_token", BEARER_TOKEN, "bearer_token", "(hidden)", {{NULL, NULL}}},
    {ON_AZ, "azure_msi_resource_id", "id", "msi_resource_id", "id", {{"credentials", "instance"}}},
    {ON_AZ, "client_secret", CLIENT_SECRET, "client_secret", "(hidden)", {{"client_id", "me"}, {"tenant_id", "us"}}},
    {ON_AZ, "encryption_key", ENCRYPTION_KEY, "encryption_key", "(hidden)", {{"credentials", "anonymous"}}},
    {ON_GS, "google_bearer_token", BEARER_TOKEN, "bearer_token", "(hidden)", {{NULL, NULL}}},
    {ON_GS, "google_connect_timeout", "1500ms", "connect_timeout", "1500ms", {{"credentials", "anonymous"}}},
    {ON_HTTP, "read_timeout", "2m", "stall_timeout", "120s", {{NULL, NULL}}},
    {ON_HTTP, "default_content_type", "text/plain", "default_content_type", "text/plain", {{NULL, NULL}}},
    {ON_S3, "default_content_type", "text/plain", "default_content_type", "text/plain", {{"credentials", "anonymous"}}},
    {ON_HTTP, "http1_only", "true", "http1_only", "true", {{NULL, NULL}}},
    {ON_HTTP, "timeout", "1h", "timeout", "3600s", {{NULL, NULL}}},
    {ON_HTTP, "proxy_url", "http://me:" PROXY_PASSWORD "@proxy.example:3128", "proxy_url", "http://proxy.example:3128",
     {{NULL, NULL}}},
};

static void check_name(blobferry_service_t *service, size_t i, const char *written) {
  const blobferry_pair_t *with = names[i].with;
  blobferry_pair_t        more[] = {{written, names[i].value}, with[0], with[1], {NULL, NULL}};
  if (with[0].key == NULL) more[1] = more[3];
  blobferry_store_t *store = must_open(service, names[i].vendor, NULL, more);
  const char        *told = setting(store, names[i].name);
  if (told == NULL || strcasecmp(told, names[i].told) != 0)
    FAIL("%s=%.8s… is told as %s=%.8s…", written, names[i].value, names[i].name, told ? told : "(nothing)");
  if (strcmp(written, names[i].name) != 0) CHECK(setting(store, written) == NULL);
  blobferry_store_free(store);
}

static void options_have_one_name_however_they_are_written(void) {
  blobferry_service_t *service = new_service();
  for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
    const char *prefix = vendors[names[i].vendor].prefix;
    char        written[128];
    check_name(service, i, names[i].written);
    snprintf(written, sizeof written, "%s%s", prefix, names[i].written);
    if (strncmp(names[i].written, prefix, strlen(prefix)) != 0) check_name(service, i, written);
  }
  blobferry_service_free(service);
}

/* The names that store.h gives. */
static void every_option_of_the_manual_is_known(void) {
  static const char *const manual[VENDORS] = {
      "region endpoint access_key_id secret_access_key token virtual_hosted_style_request unsigned_payload "
      "checksum_algorithm conditional_put copy_if_not_exists disable_bulk_delete request_payer server_side_encryption sse_kms_key_id sse_bucket_key_enabled "
      "sse_customer_key_base64 skip_signature web_identity_token_file role_arn role_session_name endpoint_url_sts "
      "container_credentials_relative_uri container_credentials_full_uri container_authorization_token_file "
      "metadata_endpoint imdsv1_fallback",
      "account_name account_key sas_key bearer_token client_id client_secret tenant_id authority_host "
      "federated_token_file endpoint use_emulator msi_endpoint object_id msi_resource_id credential_type "
      "encryption_key skip_signature",
      "service_account service_account_key bearer_token application_credentials base_url skip_signature",
      "part_size max_in_flight credentials connect_timeout stall_timeout timeout max_retries retry_timeout "
      "initial_backoff max_backoff max_connections pool_idle_timeout pool_max_idle_per_host allow_http "
      "root_certificates disable_system_certificates allow_invalid_certificates proxy_url proxy_excludes "
      "proxy_ca_certificate system_proxy user_agent default_content_type",
  };
  blobferry_service_t *service = new_service();
  for (int vendor = 0; vendor < VENDORS; vendor++)
    for (int list = 0; list < VENDORS; list++) {
      char *words = strdup(manual[list]), *rest = NULL;
      if (list == vendor || list == ON_HTTP)
        for (char *word = strtok_r(words, " ", &rest); word != NULL; word = strtok_r(NULL, " ", &rest)) {
          blobferry_pair_t   option = {word, "x"};
          blobferry_error_t *error = NULL;
          try_open(service, vendors[vendor].url, &option, 1, &error);
          if (strstr(blobferry_error_message(error), "unknown option")) FAIL("%s: %s", vendors[vendor].url, word);
          blobferry_error_free(error);
        }
      free(words);
    }
  blobferry_service_free(service);
}

static void an_option_given_twice_is_refused_by_whichever_name(void) {
  static const struct {
    int         vendor;
    const char *first, *second;
  } twins[] = {
      {ON_S3, "region", "region"},
      {ON_S3, "region", "aws_region"},
      {ON_S3, "endpoint", "aws_endpoint_url"},
      {ON_S3, "token", "session_token"},
      {ON_S3, "aws_access_key_id", "access_key_id"},
      {ON_S3, "max_retries", "aws_max_retries"},
      {ON_S3, "part_size", "aws_part_size"},
      {ON_S3, "read_timeout", "stall_timeout"},
      {ON_AZ, "account_key", "access_key"},
      {ON_AZ, "azure_storage_account_key", "master_key"},
      {ON_AZ, "sas_key", "azure_storage_sas_token"},
      {ON_AZ, "tenant_id", "azure_authority_id"},
      {ON_AZ, "msi_endpoint", "identity_endpoint"},
      {ON_AZ, "token", "bearer_token"},
      {ON_GS, "service_account", "google_service_account_path"},
      {ON_GS, "bearer_token", "google_bearer_token"},
      {ON_HTTP, "read_timeout", "stall_timeout"},
      {ON_HTTP, "allow_http", "allow_http"},
  };
  blobferry_service_t *service = new_service();
  for (size_t i = 0; i < sizeof twins / sizeof twins[0]; i++) {
    blobferry_pair_t pairs[] = {{twins[i].first, "1"}, {twins[i].second, "1"}};
    refuse(service, vendors[twins[i].vendor].url, pairs, 2, BLOBFERRY_E_ARGUMENT, twins[i].second, "twice");
  }
  blobferry_service_free(service);
}

static void an_unknown_option_is_named_with_the_nearest(void) {
  static const struct {
    int         vendor;
    const char *written, *nearest;
  } unknown[] = {
      {ON_S3, "regoin", "did you mean `region`"},
      {ON_S3, "aws_regoin", "did you mean `region`"},
      {ON_S3, "REGION", "region"},
      {ON_S3, "acces_key_id", "did you mean `access_key_id`"},
      {ON_S3, "aws_secret_key", "did you mean `secret_access_key`"},
      {ON_S3, "endpiont", "did you mean `endpoint`"},
      {ON_S3, "stall_timout", "did you mean `stall_timeout`"},
      {ON_S3, "aws_ max_retries", "did you mean `max_retries`"},
      {ON_S3, "account_name", ""},
      {ON_S3, "azure_storage_account_key", ""},
      {ON_S3, "google_bearer_token", ""},
      {ON_S3, "create", ""},
      {ON_S3, "", ""},
      {ON_AZ, "acount_name", "did you mean `account_name`"},
      {ON_AZ, "azure_sas_kay", "did you mean `sas_key`"},
      {ON_AZ, "access_key_id", ""},
      {ON_AZ, "aws_region", ""},
      {ON_GS, "service_acount", "did you mean `service_account`"},
      {ON_GS, "base_ur1", "did you mean `base_url`"},
      {ON_GS, "region", ""},
      {ON_HTTP, "user_agnet", "did you mean `user_agent`"},
      {ON_HTTP, "region", ""},
      {ON_HTTP, "aws_timeout", ""},
      {ON_HTTP, "skip_signature", ""},
  };
  static const char *const not_local[] = {"region", "credentials", "connect_timeout", "max_retries", "allow_http"};
  blobferry_service_t     *service = new_service();
  for (size_t i = 0; i < sizeof unknown / sizeof unknown[0]; i++)
    open_with(service, unknown[i].vendor, "anonymous", OPTIONS({unknown[i].written, "1"}), BLOBFERRY_E_ARGUMENT,
              "unknown option", unknown[i].nearest);
  for (size_t i = 0; i < sizeof not_local / sizeof not_local[0]; i++) {
    blobferry_pair_t option = {not_local[i], "1"};
    refuse(service, "memory://x", &option, 1, BLOBFERRY_E_ARGUMENT, "unknown option", not_local[i]);
    refuse(service, "file:///tmp", &option, 1, BLOBFERRY_E_ARGUMENT, "unknown option", not_local[i]);
  }
  blobferry_service_free(service);
}

static void what_this_build_does_not_have_is_unsupported(void) {
  static const struct {
    int         vendor;
    const char *key, *value;
  } absent[] = {
      {ON_S3, "s3_express", "true"},
      {ON_S3, "aws_s3_express", "false"},
      {ON_S3, "checksum_algorithm", "crc64nvme"},
      {ON_S3, "bucket", "bucket"},
      {ON_S3, "aws_bucket_name", "another"},
      {ON_S3, "disable_tagging", "true"},
      {ON_S3, "http2_only", "true"},
      {ON_S3, "http1_only", "false"},
      {ON_S3, "randomize_addresses", "true"},
      {ON_AZ, "use_azure_cli", "true"},
      {ON_AZ, "azure_use_azure_cli", "true"},
      {ON_AZ, "credential_type", "azure_cli"},
      {ON_AZ, "container_name", "container"},
      {ON_AZ, "disable_tagging", "true"},
      {ON_GS, "bucket", "bucket"},
      {ON_GS, "google_bucket_name", "bucket"},
      {ON_GS, "http2_keep_alive_interval", "5s"},
      {ON_HTTP, "http2_only", "true"},
      {ON_HTTP, "http2_keep_alive_timeout", "5s"},
      {ON_HTTP, "http2_keep_alive_while_idle", "true"},
      {ON_HTTP, "http2_max_frame_size", "16384"},
  };
  blobferry_service_t *service = new_service();
  for (size_t i = 0; i < sizeof absent / sizeof absent[0]; i++)
    open_with(service, absent[i].vendor, "anonymous", OPTIONS({absent[i].key, absent[i].value}),
              BLOBFERRY_E_UNSUPPORTED, absent[i].key, "");
  for (int vendor = 0; vendor < VENDORS; vendor++) {
    open_with(service, vendor, "profile", NO_OPTIONS, BLOBFERRY_E_UNSUPPORTED, "credentials", "");
    open_with(service, vendor, "callback", NO_OPTIONS, BLOBFERRY_E_UNSUPPORTED, "credentials", "");
  }
  blobferry_service_free(service);
}

/* -- values ----------------------------------------------------------------------------------------------- */

static void a_bad_value_is_refused(void) {
  static const char *const times[] = {"connect_timeout", "stall_timeout",   "timeout",     "retry_timeout",
                                      "initial_backoff", "max_backoff",     "pool_idle_timeout"};
  static const char *const bad_times[] = {"",   "30",  "0s",   "0ms",  "-1s",  "1.5s",       "s",    "1d", "30 seconds",
                                          "1S", "+1s", "1e3s", "\xd9\xa3s", "1s1s", "1 s ", "99999999h",
                                          "18446744073709551616ms"};
  static const char *const counts[] = {"max_retries", "max_connections", "pool_max_idle_per_host", "max_in_flight"};
  static const char *const bad_counts[] = {"", "-1", "1.5", "many", "4294967296", "0x10", "1 ", " 1"};
  static const char *const truths[] = {"allow_http", "allow_invalid_certificates", "disable_system_certificates",
                                       "system_proxy"};
  static const char *const bad_truths[] = {"", "TRUE", "True", "1", "0", "yes", "on", "false ", "maybe"};
  blobferry_service_t     *service = new_service();
  for (size_t i = 0; i < sizeof times / sizeof times[0]; i++)
    for (size_t k = 0; k < sizeof bad_times / sizeof bad_times[0]; k++)
      refuse_value(service, ON_HTTP, times[i], bad_times[k], BLOBFERRY_E_ARGUMENT, times[i]);
  for (size_t i = 0; i < sizeof counts / sizeof counts[0]; i++)
    for (size_t k = 0; k < sizeof bad_counts / sizeof bad_counts[0]; k++)
      refuse_value(service, ON_HTTP, counts[i], bad_counts[k], BLOBFERRY_E_ARGUMENT, counts[i]);
  refuse_value(service, ON_HTTP, "max_connections", "0", BLOBFERRY_E_ARGUMENT, "max_connections");
  for (size_t i = 0; i < sizeof truths / sizeof truths[0]; i++)
    for (size_t k = 0; k < sizeof bad_truths / sizeof bad_truths[0]; k++)
      refuse_value(service, ON_HTTP, truths[i], bad_truths[k], BLOBFERRY_E_ARGUMENT, truths[i]);
  blobferry_service_free(service);
}

static void a_good_value_is_told_in_its_own_units(void) {
  static const struct {
    const char *key, *value, *told;
  } values[] = {
      {"connect_timeout", "1ms", "1ms"},         {"connect_timeout", "1000ms", "1s"},
      {"stall_timeout", "8760h", "31536000s"},   {"retry_timeout", "10 m", "600s"},
      {"max_retries", "0", "0"},                 {"max_retries", "4294967295", "4294967295"},
      {"max_connections", "1", "1"},             {"pool_max_idle_per_host", "0", "0"},
      {"part_size", "5 MiB", "5242880"},         {"user_agent", "me/1.0 (x)", "me/1.0 (x)"},
  };
  blobferry_service_t *service = new_service();
  for (size_t i = 0; i < sizeof values / sizeof values[0]; i++) {
    blobferry_store_t *store = must_open(service, ON_HTTP, NULL, OPTIONS({values[i].key, values[i].value}));
    CHECK_TEXT(setting(store, values[i].key), values[i].told);
    blobferry_store_free(store);
  }
  blobferry_service_free(service);
}

/* Truths are true and false, whoever has named the option. */
static void a_bad_value_of_a_vendors_option_is_refused(void) {
  static const struct {
    int         vendor;
    const char *key, *value;
  } bad[] = {
      {ON_S3, "virtual_hosted_style_request", "maybe"}, {ON_S3, "virtual_hosted_style_request", "1"},
      {ON_S3, "unsigned_payload", "yes"},               {ON_S3, "unsigned_payload", "TRUE"},
      {ON_S3, "skip_signature", "1"},                   {ON_S3, "skip_signature", ""},
      {ON_S3, "imdsv1_fallback", "on"},                 {ON_S3, "request_payer", "somebody"},
      {ON_S3, "conditional_put", "sometimes"},          {ON_S3, "checksum_algorithm", ""},
      {ON_S3, "checksum_algorithm", "md5"},             {ON_S3, "server_side_encryption", "rot13"},
      {ON_S3, "endpoint_url_s3", "nowhere"},            {ON_AZ, "use_emulator", "maybe"},
      {ON_AZ, "use_fabric_endpoint", "1"},              {ON_AZ, "credential_type", "guessed"},
      {ON_AZ, "encryption_key", "not base64!"},         {ON_GS, "skip_signature", "1"},
      {ON_HTTP, "http1_only", "1"},                     {ON_HTTP, "default_content_type", "text/plain\r\nX: y"},
      {ON_S3, "default_content_type", "caf\xc3\xa9"},   {ON_HTTP, "user_agent", "a\r\nb"},
      {ON_HTTP, "user_agent", "caf\xc3\xa9"},           {ON_S3, "region", "a\r\nb"},
      {ON_S3, "region", ""},                            {ON_S3, "disable_bulk_delete", "1"},
      {ON_S3, "copy_if_not_exists", ""},                {ON_S3, "copy_if_not_exists", "header"},
      {ON_S3, "copy_if_not_exists", "header: a b: c"},  {ON_S3, "copy_if_not_exists", "header: a: "},
      {ON_S3, "copy_if_not_exists", "dynamo: table"},   {ON_S3, "copy_if_not_exists", "header-with-status: a: b: 200"},
  };
  blobferry_service_t *service = new_service();
  for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
    blobferry_error_t *error = NULL;
    option_list_t      list = options_of(bad[i].vendor, "anonymous", OPTIONS({bad[i].key, bad[i].value}));
    blobferry_status_t status = try_open(service, vendors[bad[i].vendor].url, list.pairs, list.count, &error);
    if (status != BLOBFERRY_E_ARGUMENT && status != BLOBFERRY_E_UNSUPPORTED)
      FAIL("%s=%s: %s: %s", bad[i].key, bad[i].value, blobferry_status_name(status), blobferry_error_message(error));
    blobferry_error_free(error);
  }
  blobferry_service_free(service);
}

static void an_endpoint_that_is_none_is_refused(void) {
  static const char *const endpoints[] = {"", "nowhere", "127.0.0.1:9000", "ftp://127.0.0.1", "http://",
                                          "http://host:port", "https://ho st", "//host", "file:///tmp",
                                          "http://127.0.0.1:99999"};
  blobferry_service_t     *service = new_service();
  for (size_t i = 0; i < sizeof endpoints / sizeof endpoints[0]; i++)
    for (int vendor = ON_S3; vendor <= ON_GS; vendor++) {
      blobferry_pair_t options[] = {{endpoint_names[vendor], endpoints[i]},
                                    {"allow_http", "true"},
                                    {"credentials", "anonymous"},
                                    {"allow_invalid_certificates", "true"},
                                    {"account_name", "account"}};
      refuse(service, vendors[vendor].url, options, vendor == ON_AZ ? 5 : 4, BLOBFERRY_E_ARGUMENT, "", "");
    }
  blobferry_service_free(service);
}

/* Plain HTTP shows everything to everybody: whoever wants that for a vendor's store has to say so. */
static void plain_http_has_to_be_allowed(void) {
  static const char *const endpoints[] = {ENDPOINT, "HTTP://127.0.0.1:9", "Http://localhost:9"};
  blobferry_service_t     *service = new_service();
  for (size_t i = 0; i < sizeof endpoints / sizeof endpoints[0]; i++)
    for (int vendor = ON_S3; vendor <= ON_GS; vendor++)
      for (size_t says_no = 0; says_no < 2; says_no++) {
        bool             is_azure = vendor == ON_AZ;
        blobferry_pair_t options[] = {{endpoint_names[vendor], endpoints[i]},
                                      {"credentials", "anonymous"},
                                      {is_azure ? "account_name" : "max_retries", is_azure ? "account" : "1"},
                                      {"allow_http", "false"}};
        refuse(service, vendors[vendor].url, options, 3 + says_no, BLOBFERRY_E_ARGUMENT, "allow_http", "HTTP");
      }
  blobferry_pair_t never = {"allow_http", "false"};
  refuse(service, ENDPOINT "/", &never, 1, BLOBFERRY_E_ARGUMENT, "allow_http", "HTTP");
  blobferry_store_t *store = must_open(service, ON_HTTP, NULL, NO_OPTIONS);
  CHECK_TEXT(setting(store, "allow_http"), "true");
  blobferry_store_free(store);
  blobferry_service_free(service);
}

/* -- on the wire ------------------------------------------------------------------------------------------ */

static void answer(exchange_t *exchange, void *unused) {
  static const object_t object = {16, 1, AN_ETAG, A_DATE};
  (void)unused;
  answer_well(exchange, &object);
}

static void options_say_what_they_promise(void) {
  static const struct {
    kind_t      kind;
    const char *key, *value, *header, *wanted;
  } said[] = {
      {S3, "user_agent", "me/1.0", "user-agent", "me/1.0"},
      {HTTP, "user_agent", "me/1.0", "user-agent", "me/1.0"},
      {S3, "max_retries", "1", "user-agent", "blobferry/" BLOBFERRY_VERSION},
      {S3, "default_content_type", "text/x-test", "content-type", "text/x-test"},
      {AZURE, "default_content_type", "text/x-test", "x-ms-blob-content-type", "text/x-test"},
      {GCS, "default_content_type", "text/x-test", "content-type", "text/x-test"},
      {HTTP, "default_content_type", "text/x-test", "content-type", "text/x-test"},
      {S3, "request_payer", "requester", "x-amz-request-payer", "requester"},
      {S3, "server_side_encryption", "AES256", "x-amz-server-side-encryption", "AES256"},
      {S3, "unsigned_payload", "true", "x-amz-content-sha256", "UNSIGNED-PAYLOAD"},
      {AZURE, "encryption_key", ENCRYPTION_KEY, "x-ms-encryption-key", ENCRYPTION_KEY},
  };
  for (size_t i = 0; i < sizeof said / sizeof said[0]; i++) {
    watch(__func__);
    server_t *server = server_start(answer, NULL);
    fixture_t fixture = with_server(server, said[i].kind, OPTIONS({said[i].key, said[i].value}));
    check_outcome(put(&fixture, "key", 16, 1), BLOBFERRY_OK, "");
    const char *told = record_header(server_record(server, 0), said[i].header);
    if (told == NULL || strcmp(told, said[i].wanted) != 0)
      FAIL("%s, %s: %s is %s", kind_names[said[i].kind], said[i].key, said[i].header, told ? told : "not sent");
    fixture_free(&fixture);
    server_free(server);
  }
}

/* The bucket is in the name of the host, so in the endpoint, and not in the path. */
static void a_virtual_host_is_the_bucket(void) {
  watch(__func__);
  server_t *server = server_start(answer, NULL);
  fixture_t fixture = with_server(server, S3, OPTIONS({"virtual_hosted_style_request", "true"}));
  check_object(&fixture, "key", 16, 1);
  CHECK_TEXT(server_record(server, 0)->target, "/key");
  fixture_free(&fixture);
  server_free(server);
}

/* A server without conditions must not be asked for them: it would overwrite. */
static void conditions_that_are_disabled_are_not_sent(void) {
  watch(__func__);
  server_t               *server = server_start(answer, NULL);
  fixture_t               fixture = with_server(server, S3, OPTIONS({"conditional_put", "disabled"}));
  blobferry_put_options_t options = BLOBFERRY_PUT_OPTIONS_INIT;
  options.mode = BLOBFERRY_PUT_CREATE;
  check_outcome(put_with(&fixture, "key", 16, 1, &options), BLOBFERRY_E_UNSUPPORTED, "");
  options.mode = BLOBFERRY_PUT_UPDATE;
  options.if_match = AN_ETAG;
  check_outcome(put_with(&fixture, "key", 16, 1, &options), BLOBFERRY_E_UNSUPPORTED, "");
  check_requests(server, 0);
  check_outcome(put(&fixture, "key", 16, 1), BLOBFERRY_OK, "");
  fixture_free(&fixture);
  server_free(server);
}

TESTS(TEST(options_have_one_name_however_they_are_written), TEST(every_option_of_the_manual_is_known),
      TEST(an_option_given_twice_is_refused_by_whichever_name),
      TEST(an_unknown_option_is_named_with_the_nearest), TEST(what_this_build_does_not_have_is_unsupported),
      TEST(a_bad_value_is_refused), TEST(a_good_value_is_told_in_its_own_units),
      TEST(a_bad_value_of_a_vendors_option_is_refused), TEST(an_endpoint_that_is_none_is_refused),
      TEST(plain_http_has_to_be_allowed),
      TEST(options_say_what_they_promise), TEST(a_virtual_host_is_the_bucket),
      TEST(conditions_that_are_disabled_are_not_sent))
