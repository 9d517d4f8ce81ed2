/*
 * The step sign: a URL that lets anybody make one request, and that request, made
 * by curl.
 */
#ifndef TESTS_C_BEHAVIOUR_LINKS_H
#define TESTS_C_BEHAVIOUR_LINKS_H

#include "files.h"

static const char *const sign_methods[] = {"get", "put", "head", "delete", NULL};

/* The keys that the stores are opened with must not stand in a URL that goes to others. */
static inline void check_tells_no_secret(const run_t *run, const step_t *step, const char *url) {
  static const char *const variables[] = {"BLOBFERRY_TEST_S3_SECRET", "BLOBFERRY_TEST_AZURE_KEY"};
  for (size_t i = 0; i < sizeof variables / sizeof variables[0]; i++) {
    const char *secret = getenv(variables[i]);
    char        part[9];
    if (secret == NULL || strlen(secret) < 16) continue;
    snprintf(part, sizeof part, "%s", secret + 4); /* letters and digits, which no escaping changes */
    if (strstr(url, part) != NULL) fail_at(run, &step->line, "the URL holds the secret of %s", variables[i]);
  }
}

/* Makes the request; what it brings goes to `into`. Azure wants to be told what kind of blob is put. */
static inline int status_by_curl(const run_t *run, const char *url, const char *method, const char *from,
                                 const char *into) {
  char        config[512], command[1200];
  const char *certificate = getenv("BLOBFERRY_TEST_S3_CA");
  snprintf(config, sizeof config, "%s/curl", run->folder);
  FILE *file = fopen(config, "w");
  if (file == NULL) return -1;
  fprintf(file, "url = \"%s\"\noutput = \"%s\"\nwrite-out = \"%%{http_code}\"\nnoproxy = \"*\"\nsilent\n", url, into);
  fprintf(file, "max-time = 30\n");
  if (certificate != NULL) fprintf(file, "cacert = \"%s\"\n", certificate);
  if (strcmp(method, "put") == 0) fprintf(file, "upload-file = \"%s\"\nheader = \"x-ms-blob-type: BlockBlob\"\n", from);
  if (strcmp(method, "head") == 0) fprintf(file, "head\n");
  if (strcmp(method, "delete") == 0) fprintf(file, "request = \"DELETE\"\n");
  fclose(file);
  snprintf(command, sizeof command, "curl --config '%s'", config);
  FILE *curl = popen(command, "r");
  int   status = -1;
  if (curl == NULL || fscanf(curl, "%d", &status) != 1) status = -1;
  if (curl != NULL) pclose(curl);
  return status;
}

/* Uses the URL as somebody would who has nothing else: `answers=2xx` is what the server must say to it. */
static inline void use(run_t *run, const step_t *step, const char *url) {
  const char *method = argument(step, "use"), *content = wish(step, "content");
  char        from[512], into[512], text[16];
  if (method == NULL) method = argument(step, "method");
  if (method == NULL) method = "get";
  case_folder(run);
  snprintf(from, sizeof from, "%s/sent", run->folder);
  snprintf(into, sizeof into, "%s/received", run->folder);
  if (argument(step, "size") != NULL)
    write_file(run, step, from, number_argument(step, "size", 0), content_of(step, argument(step, "seed")));
  snprintf(text, sizeof text, "%03d", status_by_curl(run, url, method, from, into));
  const char *wanted = wish(step, "answers");
  for (int i = 0; i < 3; i++)
    if (wanted[i] != 'x' && wanted[i] != text[i]) {
      fail_at(run, &step->line, "the server answers %s", text);
      return;
    }
  if (content != NULL) check_file(run, step, into, number(step, wish(step, "size")), content_of(step, content));
}

static inline void sign(run_t *run, const step_t *step) {
  blobferry_sign_options_t options = BLOBFERRY_SIGN_OPTIONS_INIT;
  blobferry_request_t      call =
      call_of(run, step, BLOBFERRY_VERB_SIGN, step->arguments < step->arrow ? &options : NULL);
  options.method = choice_argument(step, "method", sign_methods);
  options.expires_s = (uint32_t)number_argument(step, "expires", 0);
  reply_t reply = ask(run, &call);
  if (check_reply(run, step, &reply)) {
    const char *url = (const char *)blobferry_buffer_data(reply.completion.buffer), *holds = wish(step, "holds");
    if (url == NULL) {
      fail_at(run, &step->line, "there is no URL");
    } else {
      check_result(run, step, &reply.completion, strlen(url));
      if (blobferry_buffer_size(reply.completion.buffer) != strlen(url))
        fail_at(run, &step->line, "a NUL byte is in the URL");
      if (!begins_with(url, "http://") && !begins_with(url, "https://")) fail_at(run, &step->line, "no URL: %s", url);
      if (holds != NULL && strstr(url, holds) == NULL) fail_at(run, &step->line, "the URL has no %s: %s", holds, url);
      check_tells_no_secret(run, step, url);
      if (wish(step, "answers") != NULL) use(run, step, url);
    }
  }
  reply_free(&reply);
}

#endif
