/*
 * Signed URLs, used by curl with the real servers of tests/servers/with: each is good for its method and its object, and
 * for its time. The test's server for Google Cloud Storage lets anybody do anything, so there openssl looks at the
 * signature.
 */
#include "places.h"

#include <stdarg.h>
#include <sys/wait.h>

static char folder[256];

static blobferry_completion_t sign_with(const fixture_t *fixture, const char *key,
                                        const blobferry_sign_options_t *options) {
  blobferry_error_t *error = NULL;
  blobferry_status_t submitted = blobferry_object_sign(fixture->store, fixture->cq, key, options, 0, NULL, &error);
  return outcome_of(fixture, submitted, error);
}

/* The URL, owned. */
static char *sign(const fixture_t *fixture, const char *key, uint32_t method, uint32_t expires_s) {
  blobferry_sign_options_t options = BLOBFERRY_SIGN_OPTIONS_INIT;
  options.method = method;
  options.expires_s = expires_s;
  blobferry_completion_t completion = sign_with(fixture, key, &options);
  char                  *url = strdup("");
  if (completion.status == BLOBFERRY_OK) {
    free(url);
    url = strdup((const char *)blobferry_buffer_data(completion.buffer));
    CHECK_INT(completion.result, strlen(url));
    CHECK_INT(blobferry_buffer_size(completion.buffer), strlen(url));
    CHECK(completion.details == NULL);
  }
  check_outcome(completion, BLOBFERRY_OK, "");
  return url;
}

/* Runs a command of the shell; its status. */
static int run(const char *format, ...) __attribute__((format(printf, 1, 2)));

static int run(const char *format, ...) {
  char    command[8192];
  va_list arguments;
  va_start(arguments, format);
  int size = vsnprintf(command, sizeof command, format, arguments);
  va_end(arguments);
  CHECK(size > 0 && (size_t)size < sizeof command);
  int status = system(command);
  return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

/* What curl gets for an answer with these arguments; its body is in the file `body` of the folder. */
static int answer_of(const char *arguments, const char *url) {
  const char *ca = getenv("BLOBFERRY_TEST_S3_CA");
  char        path[300];
  int         status = 0;
  int         ended = run("curl --noproxy '*' --silent --max-time 60 --cacert '%s' --output '%s/body' "
                          "--write-out '%%{http_code}' %s '%s' >'%s/status'",
                          ca, folder, arguments, url, folder);
  CHECK_INT(ended, 0);
  snprintf(path, sizeof path, "%s/status", folder);
  FILE *file = fopen(path, "r");
  if (file == NULL || fscanf(file, "%d", &status) != 1) FAIL("curl told no status");
  if (file != NULL) fclose(file);
  return status;
}

static bool is_success(int status) { return status >= 200 && status < 300; }

static void use_all_methods(const place_t *place) {
  int         failures = atomic_load(&failures_in_test);
  fixture_t   fixture = below_place(place, "signed", NULL);
  const char *key = "a b/\xc3\xa4+&%20?.txt";
  char       *put_url = sign(&fixture, key, BLOBFERRY_SIGN_PUT, 60);
  char       *get_url = sign(&fixture, key, BLOBFERRY_SIGN_GET, 0);
  char       *head_url = sign(&fixture, key, BLOBFERRY_SIGN_HEAD, BLOBFERRY_SIGN_MAX_EXPIRES_S);
  char       *delete_url = sign(&fixture, key, BLOBFERRY_SIGN_DELETE, 600);
  CHECK(run("head -c 100000 /dev/urandom >'%s/sent'", folder) == 0);
  char put_arguments[400];
  snprintf(put_arguments, sizeof put_arguments, "--upload-file '%s/sent' --header 'x-ms-blob-type: BlockBlob'", folder);
  CHECK(is_success(answer_of(put_arguments, put_url)));
  CHECK_INT(answer_of("", get_url), 200);
  CHECK(run("cmp --silent '%s/sent' '%s/body'", folder, folder) == 0);
  CHECK_INT(answer_of("--head", head_url), 200);
  blobferry_completion_t known = head(&fixture, key);
  CHECK_INT(known.result, 100000);
  dispose(&known);
  /* Good for its own method, and for no other. */
  CHECK_INT(answer_of("--request DELETE", get_url), 403);
  CHECK_INT(answer_of(put_arguments, get_url), 403);
  CHECK_INT(answer_of("--request DELETE", put_url), 403);
  CHECK_INT(answer_of("", delete_url), 403);
  known = head(&fixture, key);
  CHECK_STATUS(known.status, BLOBFERRY_OK);
  dispose(&known);
  CHECK(is_success(answer_of("--request DELETE", delete_url)));
  check_outcome(head(&fixture, key), BLOBFERRY_E_NOT_FOUND, "");
  free(put_url);
  free(get_url);
  free(head_url);
  free(delete_url);
  fixture_free(&fixture);
  if (atomic_load(&failures_in_test) != failures) fprintf(stderr, "    (%s)\n", place->variable);
}

static const place_t *const signers[] = {&on_s3, &on_s3_tls, &on_azure};
enum { SIGNERS = sizeof signers / sizeof signers[0] };

static void each_method_has_its_url(void) {
  make_folder(folder);
  for (int i = 0; i < SIGNERS; i++)
    if (is_up(signers[i])) use_all_methods(signers[i]);
  remove_tree(folder);
}

/* A URL for another object, or that was changed, is good for nothing. */
static void a_url_is_for_one_object(void) {
  make_folder(folder);
  for (int i = 0; i < SIGNERS; i++) {
    if (!is_up(signers[i])) continue;
    fixture_t fixture = below_place(signers[i], "objects", NULL);
    must_put(&fixture, "one", 10, 1);
    must_put(&fixture, "two", 10, 1);
    char *url = sign(&fixture, "one", BLOBFERRY_SIGN_GET, 60);
    CHECK_INT(answer_of("", url), 200);
    char *name = strstr(url, "/one?");
    CHECK(name != NULL);
    if (name != NULL) memcpy(name, "/two", 4);
    CHECK_INT(answer_of("", url), 403);
    free(url);
    fixture_free(&fixture);
  }
  remove_tree(folder);
}

static void a_url_ends_with_its_time(void) {
  make_folder(folder);
  for (int i = 0; i < SIGNERS; i++) {
    if (!is_up(signers[i])) continue;
    fixture_t fixture = below_place(signers[i], "time", NULL);
    must_put(&fixture, "key", 10, 1);
    char *url = sign(&fixture, "key", BLOBFERRY_SIGN_GET, 1);
    char *longer = sign(&fixture, "key", BLOBFERRY_SIGN_GET, 600);
    sleep(3);
    CHECK_INT(answer_of("", url), 403);
    CHECK_INT(answer_of("", longer), 200);
    free(url);
    free(longer);
    fixture_free(&fixture);
  }
  remove_tree(folder);
}

/* -- gs --------------------------------------------------------------------------------------------------- */

/* Makes a service account's key, and its document, which nobody at the server knows. */
static void make_account(void) {
  const char *document = "{\"type\":\"service_account\",\"private_key_id\":\"1\",\"client_email\":\"me@example.com\","
                         "\"private_key\":\"%s\"}";
  CHECK_INT(run("cd '%s' && openssl genpkey -quiet -algorithm RSA -pkeyopt rsa_keygen_bits:2048 -out key.pem 2>/dev/null ||"
                " openssl genpkey -algorithm RSA -pkeyopt rsa_keygen_bits:2048 -out '%s/key.pem' 2>/dev/null",
                folder, folder),
            0);
  CHECK_INT(run("cd '%s' && openssl pkey -in key.pem -pubout -out public.pem && "
                "printf '%s' \"$(awk '{printf \"%%s\\\\n\", $0}' key.pem)\" >account.json",
                folder, document),
            0);
}

/* Whether the URL's signature is one of the account's for this method, as Google's documentation says it is made. */
static bool is_signed_for(const char *method, const char *url) {
  return run("set -e; cd '%s'; url='%s'; path=/${url#*://*/}; path=${path%%%%\\?*}; query=${url#*\\?};\n"
             "signature=${query##*X-Goog-Signature=}; query=${query%%%%&X-Goog-Signature=*};\n"
             "date=${query#*X-Goog-Date=}; date=${date%%%%&*}; day=${date%%%%T*};\n"
             "printf '%s\\n%%s\\n%%s\\nhost:storage.googleapis.com\\n\\nhost\\nUNSIGNED-PAYLOAD' \"$path\" \"$query\" >request;\n"
             "hash=$(openssl dgst -sha256 -r request); hash=${hash%%%% *};\n"
             "printf 'GOOG4-RSA-SHA256\\n%%s\\n%%s/auto/storage/goog4_request\\n%%s' \"$date\" \"$day\" \"$hash\" >text;\n"
             "printf %%s \"$signature\" | sed 's/../\\\\x&/g' | xargs -0 printf >signature;\n"
             "openssl dgst -sha256 -verify public.pem -signature signature text >/dev/null 2>&1",
             folder, url, method) == 0;
}

static void gs_signs_with_the_accounts_key(void) {
  char path[300];
  if (!is_up(&on_gcs)) return;
  make_folder(folder);
  make_account();
  snprintf(path, sizeof path, "%s/account.json", folder);
  const blobferry_pair_t options[] = {
      {"base_url", getenv("BLOBFERRY_TEST_GCS")}, {"allow_http", "true"}, {"service_account", path}};
  fixture_t anybody = below_place(&on_gcs, "signed", NULL);
  fixture_t account = with_url("gs://blobferry/signed", options, 3);
  char     *put_url = sign(&account, "key", BLOBFERRY_SIGN_PUT, 60);
  char     *get_url = sign(&account, "key", BLOBFERRY_SIGN_GET, 77);
  CHECK_INT(run("printf 'the bytes' >'%s/sent'", folder), 0);
  char put_arguments[400];
  snprintf(put_arguments, sizeof put_arguments, "--upload-file '%s/sent'", folder);
  CHECK(is_success(answer_of(put_arguments, put_url)));
  CHECK_INT(answer_of("", get_url), 200);
  CHECK(run("cmp --silent '%s/sent' '%s/body'", folder, folder) == 0);
  CHECK(strstr(get_url, "X-Goog-Expires=77&") != NULL);
  CHECK(is_signed_for("GET", get_url) && is_signed_for("PUT", put_url));
  CHECK(!is_signed_for("PUT", get_url) && !is_signed_for("GET", put_url));
  check_refusal(sign_with(&anybody, "key", NULL), BLOBFERRY_E_UNSUPPORTED, "signed URL");
  free(put_url);
  free(get_url);
  fixture_free(&account);
  fixture_free(&anybody);
  remove_tree(folder);
}

/* -- what is refused -------------------------------------------------------------------------------------- */

static void check_cannot_sign(const char *url, const blobferry_pair_t *options, size_t count) {
  fixture_t fixture = with_url(url, options, count);
  CHECK((blobferry_store_capabilities(fixture.store) & BLOBFERRY_CAN_SIGN) == 0);
  check_refusal(sign_with(&fixture, "key", NULL), BLOBFERRY_E_UNSUPPORTED, "signed URL");
  fixture_free(&fixture);
}

#define OPTIONS_OF(...) (const blobferry_pair_t[]){__VA_ARGS__}, \
                        sizeof((blobferry_pair_t[]){__VA_ARGS__}) / sizeof(blobferry_pair_t)

static void who_cannot_sign_says_so(void) {
  check_cannot_sign("memory://test", NULL, 0);
  check_cannot_sign("https://127.0.0.1:1/", NULL, 0);
  check_cannot_sign("s3://bucket", OPTIONS_OF({"credentials", "anonymous"}));
  check_cannot_sign("gs://bucket", OPTIONS_OF({"credentials", "anonymous"}));
  check_cannot_sign("gs://bucket", OPTIONS_OF({"bearer_token", "token"}));
  check_cannot_sign("az://container", OPTIONS_OF({"credentials", "anonymous"}, {"account_name", "a"}));
  check_cannot_sign("az://container", OPTIONS_OF({"sas_key", "sv=1&sig=abcdefghijklmnop"}, {"account_name", "a"}));
}

/* No server is asked: the options are enough. */
static void bad_arguments_are_refused(void) {
  blobferry_sign_options_t options = BLOBFERRY_SIGN_OPTIONS_INIT, defaults;
  fixture_t fixture = with_url("s3://bucket", OPTIONS_OF({"access_key_id", "AKIDAKIDAKIDAKID"},
                                                         {"secret_access_key", "SECRETSECRETSECRET"},
                                                         {"endpoint", "https://127.0.0.1:1"}));
  blobferry_sign_options_init(&defaults, sizeof defaults);
  CHECK(memcmp(&options, &defaults, sizeof options) == 0);
  CHECK((blobferry_store_capabilities(fixture.store) & BLOBFERRY_CAN_SIGN) != 0);
  check_refusal(sign_with(&fixture, NULL, NULL), BLOBFERRY_E_ARGUMENT, "NULL");
  check_refusal(sign_with(&fixture, "a//b", NULL), BLOBFERRY_E_ARGUMENT, "a//b");
  options.method = 4;
  check_refusal(sign_with(&fixture, "key", &options), BLOBFERRY_E_ARGUMENT, "method");
  options.method = BLOBFERRY_SIGN_GET;
  options.expires_s = BLOBFERRY_SIGN_MAX_EXPIRES_S + 1;
  check_refusal(sign_with(&fixture, "key", &options), BLOBFERRY_E_ARGUMENT, "604801");
  options.expires_s = 5;
  char *url = sign(&fixture, "key", BLOBFERRY_SIGN_GET, 5);
  CHECK(strstr(url, "https://127.0.0.1:1/bucket/key?") == url && strstr(url, "X-Amz-Expires=5") != NULL);
  CHECK(strstr(url, "SECRETSECRETSECRET") == NULL);
  free(url);
  fixture_free(&fixture);
}

TESTS(TEST(each_method_has_its_url), TEST(a_url_is_for_one_object), TEST(a_url_ends_with_its_time),
      TEST(gs_signs_with_the_accounts_key), TEST(who_cannot_sign_says_so), TEST(bad_arguments_are_refused))
