/*
 * Connections over a network: how many there are, when one is used again and when it is not, and the ways round that
 * they take: proxies and redirects.
 */
#include "secrets.h"
#include "server.h"

static const object_t object = {16, 1, AN_ETAG, A_DATE};

static void answer(exchange_t *exchange, void *unused) {
  (void)unused;
  answer_well(exchange, &object);
}

/* A store of plain HTTP on a server, in a service with this many I/O threads. */
static fixture_t with_io_threads(server_t *server, uint32_t io_threads, const blobferry_pair_t *options) {
  blobferry_service_options_t service_options = BLOBFERRY_SERVICE_OPTIONS_INIT;
  blobferry_error_t          *error = NULL;
  fixture_t                   fixture;
  size_t                      count = 0;
  char                        url[64];
  memset(&fixture, 0, sizeof fixture);
  service_options.io_threads = io_threads;
  must(blobferry_service_new(&service_options, &fixture.service, &error), error, "blobferry_service_new");
  fixture.cq = new_cq(fixture.service, 64, BLOBFERRY_WAKE_NONE);
  while (options[count].key != NULL) count++;
  snprintf(url, sizeof url, "http://127.0.0.1:%d/", server->port);
  must(blobferry_store_open(fixture.service, url, options, count, &fixture.store, &error), error, url);
  return fixture;
}

/* -- how many --------------------------------------------------------------------------------------------- */

enum { GETS = 20 };

static void get_at_once(const fixture_t *fixture) {
  static uint8_t buffers[GETS][16];
  for (size_t i = 0; i < GETS; i++) must_get(fixture->store, fixture->cq, "key", buffers[i], sizeof buffers[i], i);
  for (size_t i = 0; i < GETS; i++) check_outcome(wait_one(fixture->cq), BLOBFERRY_OK, "");
}

/* Requests on the wire: each is counted out before its answer begins, so that no next one can have come before. */
static atomic_size_t on_the_wire, most_on_the_wire;

static void answer_slowly(exchange_t *exchange, void *unused) {
  size_t now = atomic_fetch_add(&on_the_wire, 1) + 1, most = atomic_load(&most_on_the_wire);
  (void)unused;
  while (most < now && !atomic_compare_exchange_weak(&most_on_the_wire, &most, now)) continue;
  pause_ms(exchange, 20);
  atomic_fetch_sub(&on_the_wire, 1);
  answer_well(exchange, &object);
}

static void no_more_connections_than_allowed(void) {
  static const struct {
    uint32_t    io_threads;
    const char *most;
  } cases[] = {{1, "1"}, {1, "2"}, {2, "2"}, {4, "3"}};
  for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
    watch(__func__);
    size_t    most = strtoul(cases[i].most, NULL, 10);
    server_t *server = server_start(answer_slowly, NULL);
    fixture_t fixture = with_io_threads(server, cases[i].io_threads, OPTIONS({"max_connections", cases[i].most}));
    atomic_store(&most_on_the_wire, 0);
    get_at_once(&fixture);
    check_requests(server, GETS);
    CHECK(atomic_load(&most_on_the_wire) <= most);
    if (cases[i].io_threads == 1) CHECK(server_connections(server) <= most); /* else each thread has some, idle */
    fixture_free(&fixture);
    server_free(server);
  }
}

static void answer_together(exchange_t *exchange, void *gate) {
  if (await_gate(exchange, gate)) answer_well(exchange, &object);
}

/* Without a limit of its own a store lets them all go at once. */
static void many_connections_are_the_default(void) {
  static uint8_t buffers[GETS][16];
  gate_t         gate = {false, 0};
  watch(__func__);
  server_t *server = server_start(answer_together, &gate);
  fixture_t fixture = with_io_threads(server, 2, NO_OPTIONS);
  for (size_t i = 0; i < GETS; i++) must_get(fixture.store, fixture.cq, "key", buffers[i], sizeof buffers[i], i);
  AWAIT(gate_waiting(server, &gate) == GETS);
  gate_open(server, &gate);
  for (size_t i = 0; i < GETS; i++) check_outcome(wait_one(fixture.cq), BLOBFERRY_OK, "");
  fixture_free(&fixture);
  server_free(server);
}

/* -- used again ------------------------------------------------------------------------------------------- */

/* A connection is back a moment after its last byte: once in a while the next request has begun another by then. */
static void one_connection_serves_request_after_request(void) {
  long gets = rounds(100);
  for (uint32_t threads = 1; threads <= 2; threads++) {
    watch(__func__);
    server_t *server = server_start(answer, NULL);
    fixture_t fixture = with_io_threads(server, threads, NO_OPTIONS);
    for (long i = 0; i < gets; i++) check_object(&fixture, "key", object.size, object.seed);
    for (long i = 0; i < gets; i++) check_outcome(put(&fixture, "key", 100, 1), BLOBFERRY_OK, "");
    for (long i = 0; i < gets; i++) check_outcome(head(&fixture, "key"), BLOBFERRY_OK, "");
    check_requests(server, 3 * (size_t)gets);
    if (server_connections(server) > threads + (size_t)gets / 20)
      FAIL("%zu connections for %u I/O threads", server_connections(server), threads);
    fixture_free(&fixture);
    server_free(server);
  }
}

static void no_connection_is_kept_where_none_may_be_idle(void) {
  watch(__func__);
  server_t *server = server_start(answer, NULL);
  fixture_t fixture = with_io_threads(server, 1, OPTIONS({"pool_max_idle_per_host", "0"}));
  for (int i = 0; i < 3; i++) check_object(&fixture, "key", object.size, object.seed);
  CHECK_INT(server_connections(server), 3);
  AWAIT(server_idle(server));
  fixture_free(&fixture);
  server_free(server);
}

static void an_idle_connection_is_closed_in_time(void) {
  watch(__func__);
  server_t *server = server_start(answer, NULL);
  fixture_t fixture = with_io_threads(server, 1, OPTIONS({"pool_idle_timeout", "300ms"}));
  check_object(&fixture, "key", object.size, object.seed);
  CHECK_INT(server_connections(server), 1);
  AWAIT(server_idle(server));
  check_object(&fixture, "key", object.size, object.seed);
  CHECK_INT(server_connections(server), 2);
  fixture_free(&fixture);
  server_free(server);
}

/* The server closes what is idle, too: the next request takes another connection and does not fail. */
static void answer_and_close(exchange_t *exchange, void *unused) {
  (void)unused;
  answer_well(exchange, &object);
  finish(exchange);
}

static void a_connection_that_was_closed_is_not_used_again(void) {
  watch(__func__);
  server_t *server = server_start(answer_and_close, NULL);
  fixture_t fixture = with_io_threads(server, 1, OPTIONS({"initial_backoff", "1ms"}));
  for (int i = 0; i < 20; i++) check_object(&fixture, "key", object.size, object.seed);
  fixture_free(&fixture);
  server_free(server);
}

/* -- more than was asked for ------------------------------------------------------------------------------ */

/* Behind the answer to `first` comes what could be taken for the answer to the next request. */
static void answer_with_surplus(exchange_t *exchange, void *context) {
  static const char *const surplus[] = {
      "HTTP/1.1 200 OK\r\nContent-Length: 16\r\nETag: \"evil\"\r\n\r\nEVILEVILEVILEVIL",
      "HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n", "EVILEVILEVILEVIL", "\r\n", "x"};
  char bytes[512], body[16];
  if (strstr(exchange->record->target, "first") == NULL) {
    answer_well(exchange, &object);
    return;
  }
  pattern_fill((uint8_t *)body, sizeof body, object.seed);
  int size = snprintf(bytes, sizeof bytes, "HTTP/1.1 200 OK\r\nContent-Length: 16\r\nETag: %s\r\n\r\n", AN_ETAG);
  memcpy(bytes + size, body, sizeof body);
  strcpy(bytes + size + sizeof body, surplus[*(size_t *)context]);
  note_status(exchange, 200);
  say_bytes(exchange, bytes, (size_t)size + sizeof body + strlen(surplus[*(size_t *)context]));
}

/* It was never asked for, so it is nobody's: the connection that carried it is given up. */
static void what_was_not_asked_for_is_nobodys_answer(void) {
  for (size_t kind = 0; kind < 5; kind++) {
    watch(__func__);
    server_t *server = server_start(answer_with_surplus, &kind);
    fixture_t fixture = with_io_threads(server, 1, OPTIONS({"initial_backoff", "1ms"}));
    for (int i = 0; i < 10; i++) {
      check_object(&fixture, "first", object.size, object.seed);
      check_object(&fixture, "second", object.size, object.seed);
    }
    const record_t *first = server_find(server, "GET", "first", 0), *second = server_find(server, "GET", "second", 0);
    if (kind != 3) CHECK(first->connection != second->connection); /* an empty line is allowed for */
    fixture_free(&fixture);
    server_free(server);
  }
}

/* -- proxies ---------------------------------------------------------------------------------------------- */

static void forget_system_proxies(void) {
  static const char *const variables[] = {"http_proxy", "HTTP_PROXY", "https_proxy", "HTTPS_PROXY", "all_proxy",
                                          "ALL_PROXY",  "no_proxy",   "NO_PROXY",    "REQUEST_METHOD"};
  for (size_t i = 0; i < sizeof variables / sizeof variables[0]; i++) unsetenv(variables[i]);
}

/* The name of the host is the proxy's to look up: nobody has this one. */
static void a_proxy_is_asked_for_everything(void) {
  char proxy[128];
  watch(__func__);
  server_t *server = server_start(answer, NULL);
  snprintf(proxy, sizeof proxy, "http://me:%s@127.0.0.1:%d", PROXY_PASSWORD, server->port);
  fixture_t fixture = with_url("http://files.invalid/a", OPTIONS({"proxy_url", proxy}), 1);
  check_object(&fixture, "key", object.size, object.seed);
  check_outcome(put(&fixture, "key", 100000, 1), BLOBFERRY_OK, "");
  check_outcome(head(&fixture, "key"), BLOBFERRY_OK, "");
  check_requests(server, 3);
  for (size_t i = 0; i < 3; i++) {
    const record_t *record = server_record(server, i);
    const char     *permit = record_header(record, "proxy-authorization");
    CHECK_TEXT(record->target, "http://files.invalid/a/key");
    CHECK_TEXT(record_header(record, "host"), "files.invalid");
    CHECK(permit != NULL && strncmp(permit, "Basic bWU6", 10) == 0); /* `me:` and what follows */
  }
  fixture_free(&fixture);
  server_free(server);
}

static void a_host_that_is_excluded_is_asked_by_ourselves(void) {
  static const char *const excludes[] = {"127.0.0.1", "other.example,127.0.0.1", "127.0.0.0/8", "other.example", ""};
  for (size_t i = 0; i < sizeof excludes / sizeof excludes[0]; i++) {
    char proxy[64], url[64];
    bool is_excluded = strstr(excludes[i], "127.") != NULL;
    watch(__func__);
    server_t *proxy_server = server_start(answer, NULL), *server = server_start(answer, NULL);
    snprintf(proxy, sizeof proxy, "http://127.0.0.1:%d", proxy_server->port);
    snprintf(url, sizeof url, "http://127.0.0.1:%d/", server->port);
    fixture_t fixture = with_url(url, OPTIONS({"proxy_url", proxy}, {"proxy_excludes", excludes[i]}), 2);
    check_object(&fixture, "key", object.size, object.seed);
    check_requests(proxy_server, is_excluded ? 0 : 1);
    check_requests(server, is_excluded ? 1 : 0);
    fixture_free(&fixture);
    server_free(proxy_server);
    server_free(server);
  }
}

/* Nobody is asked who was not named: the environment's proxy only where it is wanted. */
static void the_systems_proxy_is_used_where_it_is_wanted(void) {
  static const struct {
    const char *wanted, *excluded;
    bool        is_used;
  } cases[] = {{NULL, "", false}, {"false", "", false}, {"true", "", true}, {"true", "127.0.0.1", false}};
  for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
    char proxy[64], url[64];
    watch(__func__);
    server_t *proxy_server = server_start(answer, NULL), *server = server_start(answer, NULL);
    snprintf(proxy, sizeof proxy, "http://127.0.0.1:%d", proxy_server->port);
    snprintf(url, sizeof url, "http://127.0.0.1:%d/", server->port);
    setenv("http_proxy", proxy, 1);
    setenv("no_proxy", cases[i].excluded, 1);
    fixture_t fixture = with_url(url, OPTIONS({"system_proxy", cases[i].wanted}), cases[i].wanted ? 1 : 0);
    check_object(&fixture, "key", object.size, object.seed);
    check_requests(proxy_server, cases[i].is_used ? 1 : 0);
    check_requests(server, cases[i].is_used ? 0 : 1);
    fixture_free(&fixture);
    server_free(proxy_server);
    server_free(server);
    forget_system_proxies();
  }
}

/* What a proxy answers for itself. */
static void refuse(exchange_t *exchange, void *context) {
  take_body(exchange);
  reply(exchange, *(int *)context, "Proxy-Authenticate: Basic realm=\"here\"\r\n", "the proxy says no");
}

static void a_proxy_that_refuses_is_an_error(void) {
  static const int statuses[] = {407, 403, 502};
  for (size_t i = 0; i < sizeof statuses / sizeof statuses[0]; i++)
    for (int with_tls = 0; with_tls < 2; with_tls++) {
      char proxy[128];
      int  status = statuses[i];
      watch(__func__);
      server_t *server = server_start(refuse, &status);
      snprintf(proxy, sizeof proxy, "http://me:%s@127.0.0.1:%d", PROXY_PASSWORD, server->port);
      fixture_t fixture = with_url(with_tls ? "https://files.invalid/" : "http://files.invalid/",
                                   OPTIONS({"proxy_url", proxy}, {"max_retries", "0"},
                                           {"allow_invalid_certificates", "true"}), 3);
      blobferry_completion_t completion = get(&fixture, "key");
      const char            *message = blobferry_error_message(completion.error);
      blobferry_status_t     wanted = with_tls        ? BLOBFERRY_E_CONNECTION
                                      : status == 407 ? BLOBFERRY_E_UNAUTHENTICATED
                                      : status == 403 ? BLOBFERRY_E_PERMISSION
                                                      : BLOBFERRY_E_SERVER;
      if (completion.status != wanted) FAIL("%d: %s: %s", status, blobferry_status_name(completion.status), message);
      if (with_tls) CHECK(strstr(message, "proxy") != NULL);
      CHECK(strstr(message, "bfProxyPas") == NULL);
      dispose(&completion);
      fixture_free(&fixture);
      server_free(server);
    }
}

/* -- redirects -------------------------------------------------------------------------------------------- */

static void lead_on(exchange_t *exchange, void *context) {
  char headers[128];
  take_body(exchange);
  snprintf(headers, sizeof headers, "Location: %s\r\n", (const char *)context);
  reply(exchange, 302, headers, "");
}

/* It ends after five, wherever it leads; a place that is none is not gone to. */
static void a_redirect_that_leads_nowhere_ends(void) {
  static const struct {
    const char *place;
    size_t      requests;
  } places[] = {{"/key", 6},         {"", 6},      {"?again", 6},        {"http://[::1", 1}, {"ftp://127.0.0.1/key", 1},
                {"http:///", 1},     {"\x80", 1},  {"javascript:1", 1},  {"/base/key/", 1}};
  for (size_t i = 0; i < sizeof places / sizeof places[0]; i++) {
    watch(__func__);
    server_t *server = server_start(lead_on, (void *)places[i].place);
    fixture_t fixture = with_server(server, HTTP, OPTIONS({"max_retries", "0"}));
    blobferry_completion_t completion = get(&fixture, "key");
    if (completion.status != BLOBFERRY_E_SERVER && completion.status != BLOBFERRY_E_NOT_FOUND &&
        completion.status != BLOBFERRY_E_CONNECTION)
      FAIL("%s: %s: %s", places[i].place, blobferry_status_name(completion.status),
           blobferry_error_message(completion.error));
    dispose(&completion);
    if (server_requests(server) > places[i].requests)
      FAIL("%s: %zu requests", places[i].place, server_requests(server));
    fixture_free(&fixture);
    server_free(server);
  }
}

int main(int argc, char **argv) {
  static const test_t tests[] = {
      TEST(no_more_connections_than_allowed),
      TEST(many_connections_are_the_default),
      TEST(one_connection_serves_request_after_request),
      TEST(no_connection_is_kept_where_none_may_be_idle),
      TEST(an_idle_connection_is_closed_in_time),
      TEST(a_connection_that_was_closed_is_not_used_again),
      TEST(what_was_not_asked_for_is_nobodys_answer),
      TEST(a_proxy_is_asked_for_everything),
      TEST(a_host_that_is_excluded_is_asked_by_ourselves),
      TEST(the_systems_proxy_is_used_where_it_is_wanted),
      TEST(a_proxy_that_refuses_is_an_error),
      TEST(a_redirect_that_leads_nowhere_ends),
  };
  forget_system_proxies();
  return run_tests(tests, sizeof tests / sizeof tests[0], argc, argv);
}
