/*
 * Servers that cannot be reached, and whom to trust: names that nobody has, ports where nobody listens, handshakes that
 * do not end, certificates. The server that speaks TLS is the one of the program openssl.
 */
#include "opening.h"
#include "server.h"

#include <fcntl.h>
#include <spawn.h>
#include <sys/wait.h>

extern char **environ;

static const object_t object = {16, 1, AN_ETAG, A_DATE};

static void answer(exchange_t *exchange, void *unused) {
  (void)unused;
  answer_well(exchange, &object);
}

/* A get from the store of this URL must fail so; what is not retryable was tried once, else as often as allowed. */
static void check_unreachable(const char *url, const blobferry_pair_t *more, blobferry_status_t wanted, int retryable,
                              const char *part) {
  option_list_t list = {.count = 0};
  set_option(&list, "max_retries", "1");
  set_option(&list, "initial_backoff", "1ms");
  for (; more->key != NULL; more++) set_option(&list, more->key, more->value);
  fixture_t              fixture = with_url(url, list.pairs, list.count);
  blobferry_completion_t completion = get(&fixture, "key");
  CHECK_INT(blobferry_error_is_retryable(completion.error), retryable);
  CHECK_INT(blobferry_error_attempts(completion.error), retryable ? 2 : 1);
  CHECK_INT(blobferry_error_http_status(completion.error), 0);
  check_outcome(completion, wanted, part);
  beat();
  completion = put(&fixture, "key", 100000, 1);
  CHECK_INT(completion.flags, 0); /* what has reached nobody has changed nothing */
  check_outcome(completion, wanted, part);
  fixture_free(&fixture);
  if (has_failed_here()) fprintf(stderr, "    (%s)\n", url);
  beat();
}

/* -- nobody there ----------------------------------------------------------------------------------------- */

static void a_name_that_nobody_has_is_said(void) {
  watch(__func__);
  check_unreachable("http://nobody.invalid/", OPTIONS({"connect_timeout", "40s"}), BLOBFERRY_E_CONNECTION, 1, "DNS");
  check_unreachable("s3://bucket",
                    OPTIONS({"endpoint", "http://nobody.invalid"}, {"allow_http", "true"}, {"credentials", "anonymous"},
                            {"connect_timeout", "40s"}),
                    BLOBFERRY_E_CONNECTION, 1, "DNS");
  check_unreachable("https://nobody.invalid/",
                    OPTIONS({"allow_invalid_certificates", "true"}, {"connect_timeout", "40s"}),
                    BLOBFERRY_E_CONNECTION, 1, "DNS");
}

static void a_port_where_nobody_listens_is_said(void) {
  char url[64];
  int  port, listener = bind_free_port(&port); /* bound, and listens not */
  watch(__func__);
  snprintf(url, sizeof url, "http://127.0.0.1:%d/", port);
  check_unreachable(url, NO_OPTIONS, BLOBFERRY_E_CONNECTION, 1, "refused");
  snprintf(url, sizeof url, "https://127.0.0.1:%d/", port);
  check_unreachable(url, OPTIONS({"allow_invalid_certificates", "true"}), BLOBFERRY_E_CONNECTION, 1, "refused");
  close(listener);
}

/* Addresses that lead nowhere either are refused by the system or time out: each is the same kind of error. */
static void an_address_that_leads_nowhere_is_given_up(void) {
  watch(__func__);
  check_unreachable("http://192.0.2.1:9/", OPTIONS({"connect_timeout", "200ms"}), BLOBFERRY_E_CONNECTION, 1, "");
}

/* -- handshakes ------------------------------------------------------------------------------------------- */

/* To connect is to have TLS, too: whoever takes the connection and then says nothing has not been reached. */
static void a_handshake_that_does_not_end_is_given_up(void) {
  char url[64];
  watch(__func__);
  server_t *server = server_start(answer, NULL);
  snprintf(url, sizeof url, "https://127.0.0.1:%d/", server->port);
  check_unreachable(url, OPTIONS({"allow_invalid_certificates", "true"}, {"connect_timeout", "200ms"}),
                    BLOBFERRY_E_CONNECTION, 1, "connect_timeout");
  check_requests(server, 0);
  server_free(server);
}

/* Answers whatever comes first with the same bytes, and closes. */
typedef struct parrot {
  int         listener, port;
  const char *words;
  pthread_t   thread;
} parrot_t;

static void *say_the_same(void *argument) {
  parrot_t *parrot = argument;
  char      heard[65536];
  for (int fd; (fd = accept4(parrot->listener, NULL, NULL, SOCK_CLOEXEC)) >= 0; close(fd)) {
    if (recv(fd, heard, sizeof heard, 0) <= 0) continue;
    if (send(fd, parrot->words, strlen(parrot->words), MSG_NOSIGNAL) < 0) continue;
    shutdown(fd, SHUT_WR);
    while (recv(fd, heard, sizeof heard, 0) > 0) continue;
  }
  return NULL;
}

static void tls_to_a_server_without_it_is_said(void) {
  static const char *const words[] = {"HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\nConnection: close\r\n\r\n",
                                      "220 mail.example ESMTP\r\n", "\x16\x03"};
  for (size_t i = 0; i < sizeof words / sizeof words[0]; i++) {
    char     url[64];
    parrot_t parrot = {.words = words[i]};
    watch(__func__);
    parrot.listener = bind_free_port(&parrot.port);
    if (listen(parrot.listener, 16) != 0 || pthread_create(&parrot.thread, NULL, say_the_same, &parrot) != 0) abort();
    snprintf(url, sizeof url, "https://127.0.0.1:%d/", parrot.port);
    bool is_cut = i == 2; /* too short to tell what it was */
    check_unreachable(url, OPTIONS({"allow_invalid_certificates", "true"}), BLOBFERRY_E_CONNECTION, is_cut,
                      is_cut ? "" : "does the endpoint speak TLS");
    shutdown(parrot.listener, SHUT_RDWR);
    pthread_join(parrot.thread, NULL);
    close(parrot.listener);
  }
}

/* What ring's code in assembly has computed, a tag, valgrind takes for bytes that nobody wrote. */
static bool without_tls(void) {
  if (under_valgrind()) printf("  not run under valgrind, which does not see what assembly writes\n");
  return under_valgrind();
}

/* -- certificates ----------------------------------------------------------------------------------------- */

/* A server of files with TLS: openssl's, which sends them as they are, heads and all. */
typedef struct vessel {
  char  folder[256];
  pid_t pid;
  FILE *out; /* of its words */
  int   port;
} vessel_t;

static void run(const char *folder, const char *command) {
  char whole[2048];
  snprintf(whole, sizeof whole, "cd '%s' && { %s; } 2>openssl.log", folder, command);
  if (system(whole) == 0) return;
  fprintf(stderr, "  this did not work, and the program openssl is needed: %s\n", whole);
  exit(2);
}

#define NEW_KEY "-newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -noenc -days 30"
/* Signed by itself, for this host; another, for another host; one of an authority, which is given by itself. */
#define SELF_SIGNED "openssl req -x509 " NEW_KEY " -subj /CN=us -addext subjectAltName=IP:127.0.0.1,DNS:localhost "
#define OF_SOMEBODY "openssl req -x509 " NEW_KEY " -subj /CN=them -addext subjectAltName=DNS:other.example "
#define OF_AN_AUTHORITY                                                                                         \
  "printf 'subjectAltName=IP:127.0.0.1\\nbasicConstraints=CA:FALSE\\n' >extensions && "                         \
  "openssl req -x509 " NEW_KEY " -subj /CN=authority -keyout authority.key -out authority.pem && "              \
  "openssl req " NEW_KEY " -subj /CN=us -keyout key.pem -out request && "                                       \
  "openssl x509 -req -in request -CA authority.pem -CAkey authority.key -days 30 -extfile extensions -out cert.pem"

static void write_file(const vessel_t *vessel, const char *name, const char *text) {
  char path[300];
  snprintf(path, sizeof path, "%s/%s", vessel->folder, name);
  FILE *file = fopen(path, "w");
  if (file == NULL || fputs(text, file) < 0 || fclose(file) != 0) FAIL("%s: %s", path, strerror(errno));
}

/* Begins the server in its folder, and reads from its first words which port it has. */
static void launch(vessel_t *vessel) {
  char *const                arguments[] = {"sh", "-c", "cd \"$1\" && exec openssl s_server -accept 127.0.0.1:0 "
                             "-cert cert.pem -key key.pem -HTTP", "sh", vessel->folder, NULL};
  int                        ends[2];
  char                       line[256];
  posix_spawn_file_actions_t actions;
  if (pipe2(ends, O_CLOEXEC) != 0) abort();
  posix_spawn_file_actions_init(&actions);
  posix_spawn_file_actions_addopen(&actions, 0, "/dev/null", O_RDONLY, 0);
  posix_spawn_file_actions_adddup2(&actions, ends[1], 1);
  posix_spawn_file_actions_addopen(&actions, 2, "/dev/null", O_WRONLY, 0);
  if (posix_spawnp(&vessel->pid, "sh", &actions, NULL, arguments, environ) != 0) abort();
  posix_spawn_file_actions_destroy(&actions);
  close(ends[1]);
  vessel->out = fdopen(ends[0], "r");
  while (vessel->port == 0 && fgets(line, sizeof line, vessel->out) != NULL)
    sscanf(line, "ACCEPT 127.0.0.1:%d", &vessel->port);
  if (vessel->port == 0) {
    fprintf(stderr, "  openssl's server did not begin\n");
    exit(2);
  }
}

/* With this certificate, which `make` makes as cert.pem, with its key.pem. */
static vessel_t vessel_begin(const char *make) {
  vessel_t vessel = {.port = 0};
  char     text[256];
  make_folder(vessel.folder);
  run(vessel.folder, make);
  size_t used = (size_t)snprintf(
      text, sizeof text, "HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 16\r\nETag: %s\r\n\r\n", AN_ETAG);
  write_file(&vessel, "key", text);
  char path[300];
  snprintf(path, sizeof path, "%s/key", vessel.folder);
  FILE   *file = fopen(path, "a");
  uint8_t bytes[16];
  pattern_fill(bytes, sizeof bytes, object.seed);
  if (fwrite(bytes, 1, sizeof bytes, file) != sizeof bytes || fclose(file) != 0 || used >= sizeof text) abort();
  launch(&vessel);
  return vessel;
}

static void vessel_end(vessel_t *vessel) {
  kill(vessel->pid, SIGKILL);
  waitpid(vessel->pid, NULL, 0);
  fclose(vessel->out);
  remove_tree(vessel->folder);
}

/* A get from it: succeeds, or fails for good at the first attempt with these words. */
static void check_trust(const vessel_t *vessel, const char *host, const blobferry_pair_t *options, const char *part) {
  char url[64];
  snprintf(url, sizeof url, "https://%s:%d/", host, vessel->port);
  if (part != NULL) {
    check_unreachable(url, options, BLOBFERRY_E_CONNECTION, 0, part);
    return;
  }
  size_t count = 0;
  while (options[count].key != NULL) count++;
  fixture_t fixture = with_url(url, options, count);
  check_object(&fixture, "key", object.size, object.seed);
  fixture_free(&fixture);
  if (has_failed_here()) fprintf(stderr, "    (%s)\n", url);
}

static const char *file_of(const vessel_t *vessel, const char *name) {
  static char path[300];
  snprintf(path, sizeof path, "%s/%s", vessel->folder, name);
  return path;
}

static char *text_of(const char *path) {
  char *text = calloc(1, 65536);
  FILE *file = fopen(path, "r");
  if (file == NULL || fread(text, 1, 65535, file) == 0) FAIL("%s: %s", path, strerror(errno));
  if (file != NULL) fclose(file);
  return text;
}

static void a_certificate_signed_by_itself_has_to_be_given(void) {
  if (without_tls()) return;
  watch(__func__);
  vessel_t vessel = vessel_begin(SELF_SIGNED "-keyout key.pem -out cert.pem");
  char    *text = text_of(file_of(&vessel, "cert.pem"));
  check_trust(&vessel, "127.0.0.1", NO_OPTIONS, "root_certificates");
  check_trust(&vessel, "127.0.0.1", OPTIONS({"root_certificates", file_of(&vessel, "cert.pem")}), NULL);
  check_trust(&vessel, "127.0.0.1", OPTIONS({"root_certificates", text}), NULL);
  check_trust(&vessel, "localhost",
              OPTIONS({"root_certificates", text}, {"disable_system_certificates", "true"}), NULL);
  check_trust(&vessel, "127.0.0.1", OPTIONS({"allow_invalid_certificates", "true"}), NULL);
  run(vessel.folder, SELF_SIGNED "-keyout other.key -out other.pem"); /* the same names, another key */
  check_trust(&vessel, "127.0.0.1", OPTIONS({"root_certificates", file_of(&vessel, "other.pem")}), "root_certificates");
  free(text);
  vessel_end(&vessel);
}

static void a_certificate_of_an_authority_needs_the_authority(void) {
  if (without_tls()) return;
  watch(__func__);
  vessel_t vessel = vessel_begin(OF_AN_AUTHORITY);
  check_trust(&vessel, "127.0.0.1", NO_OPTIONS, "root_certificates");
  check_trust(&vessel, "127.0.0.1", OPTIONS({"root_certificates", file_of(&vessel, "authority.pem")}), NULL);
  check_trust(&vessel, "localhost", OPTIONS({"root_certificates", file_of(&vessel, "authority.pem")}), "name");
  vessel_end(&vessel);
}

static void a_certificate_of_somebody_else_is_no_use(void) {
  if (without_tls()) return;
  watch(__func__);
  vessel_t vessel = vessel_begin(OF_SOMEBODY "-keyout key.pem -out cert.pem");
  check_trust(&vessel, "127.0.0.1", OPTIONS({"root_certificates", file_of(&vessel, "cert.pem")}), "name");
  check_trust(&vessel, "localhost", OPTIONS({"root_certificates", file_of(&vessel, "cert.pem")}), "name");
  check_trust(&vessel, "localhost", OPTIONS({"allow_invalid_certificates", "true"}), NULL);
  vessel_end(&vessel);
}

/* -- between the two -------------------------------------------------------------------------------------- */

/* Its bytes are no HTTP, or it breaks off: an error of the server or of the connection, and no hang. */
static void plain_http_to_a_server_with_tls_fails(void) {
  char url[64];
  watch(__func__);
  vessel_t vessel = vessel_begin(SELF_SIGNED "-keyout key.pem -out cert.pem");
  snprintf(url, sizeof url, "http://127.0.0.1:%d/", vessel.port);
  fixture_t              fixture = with_url(url, OPTIONS({"max_retries", "0"}), 1);
  blobferry_completion_t completion = get(&fixture, "key");
  if (completion.status != BLOBFERRY_E_SERVER && completion.status != BLOBFERRY_E_CONNECTION)
    FAIL("%s: %s", blobferry_status_name(completion.status), blobferry_error_message(completion.error));
  dispose(&completion);
  fixture_free(&fixture);
  vessel_end(&vessel);
}

/* A redirect may lead from TLS to TLS, and never to a place without it. */
static void a_redirect_does_not_lose_tls(void) {
  char text[256], url[64];
  if (without_tls()) return;
  watch(__func__);
  server_t *server = server_start(answer, NULL);
  vessel_t  vessel = vessel_begin(SELF_SIGNED "-keyout key.pem -out cert.pem");
  write_file(&vessel, "again",
             "HTTP/1.1 302 Found\r\nConnection: close\r\nLocation: /key\r\nContent-Length: 0\r\n\r\n");
  snprintf(text, sizeof text,
           "HTTP/1.1 302 Found\r\nConnection: close\r\nLocation: http://127.0.0.1:%d/key\r\nContent-Length: 0\r\n\r\n",
           server->port);
  write_file(&vessel, "away", text);
  snprintf(url, sizeof url, "https://127.0.0.1:%d/", vessel.port);
  fixture_t fixture = with_url(url, OPTIONS({"allow_invalid_certificates", "true"}, {"allow_http", "true"}), 2);
  check_object(&fixture, "again", object.size, object.seed);
  check_outcome(get(&fixture, "away"), BLOBFERRY_E_SERVER, "302");
  check_requests(server, 0);
  fixture_free(&fixture);
  vessel_end(&vessel);
  server_free(server);
}

TESTS(TEST(a_name_that_nobody_has_is_said), TEST(a_port_where_nobody_listens_is_said),
      TEST(an_address_that_leads_nowhere_is_given_up), TEST(a_handshake_that_does_not_end_is_given_up),
      TEST(tls_to_a_server_without_it_is_said), TEST(a_certificate_signed_by_itself_has_to_be_given),
      TEST(a_certificate_of_an_authority_needs_the_authority), TEST(a_certificate_of_somebody_else_is_no_use),
      TEST(plain_http_to_a_server_with_tls_fails), TEST(a_redirect_does_not_lose_tls))
