/*
 * Starting and stopping a server, and its two kinds of threads: one that accepts
 * and one for each connection.
 */
#ifndef TESTS_C_SERVER_LISTEN_H
#define TESTS_C_SERVER_LISTEN_H

#include "exchange.h"

#include <arpa/inet.h>
#include <netinet/tcp.h>

typedef struct server_options {
  int    receive_buffer; /* SO_RCVBUF of its connections; 0 = the system's */
  bool   keeps_bodies;   /* the log keeps the bytes of the bodies */
  size_t breaks;         /* so many connections, the first, are broken (RST) before anything is read */
} server_options_t;

/* -- one connection ------------------------------------------------------------------------------------ */

/* Receives until the head of a request is there; NULL at the end of the connection. The head is owned. */
static inline char *receive_head(exchange_t *exchange) {
  connection_t *connection = exchange->connection;
  for (;;) {
    char  *from = connection->input + connection->begin;
    size_t there = connection->end - connection->begin;
    char  *end = there > 0 ? memmem(from, there, "\r\n\r\n", 4) : NULL;
    if (end != NULL) {
      connection->begin += (size_t)(end - from) + 4;
      return strndup(from, (size_t)(end - from) + 2);
    }
    if (connection->begin > 0) {
      memmove(connection->input, from, there);
      connection->begin = 0;
      connection->end = there;
    }
    if (!receive_more(exchange, 4096)) return NULL;
  }
}

/* Enters a request into the log and counts it as running. */
static inline void log_begin(exchange_t *exchange, record_t *record) {
  server_t *server = exchange->server;
  record->connection = exchange->connection->number;
  record->begun_ms = now_ms();
  exchange->record = record;
  server_lock(server);
  if (server->record_count == server->record_space) {
    server->record_space = server->record_space * 2 + 64;
    server->records = realloc(server->records, server->record_space * sizeof *server->records);
  }
  exchange->number = server->record_count;
  server->records[server->record_count++] = record;
  if (++server->running > server->most_running) server->most_running = server->running;
  server_unlock(server);
}

static inline void log_end(exchange_t *exchange) {
  server_lock(exchange->server);
  exchange->server->running--;
  server_unlock(exchange->server);
}

/* Serves one request; false where the connection is to be closed. */
static inline bool serve_request(connection_t *connection) {
  exchange_t exchange = {connection->server, connection, NULL, 0, false};
  char      *head = receive_head(&exchange);
  if (head == NULL) return false;
  record_t *record = calloc(1, sizeof *record);
  if (!record_parse(record, head)) {
    FAIL("what came is no request of HTTP/1.1: %s", head);
    record_free(record);
    return false;
  }
  log_begin(&exchange, record);
  connection->server->answer(&exchange, connection->server->context);
  const char *wish = record_header(record, "connection");
  bool        is_last = wish != NULL && strcasecmp(wish, "close") == 0;
  if (record->is_chunked || record->status == 0 || is_last || unread_of(&exchange) > 0) finish(&exchange);
  log_end(&exchange);
  return !exchange.has_ended;
}

static inline void *serve_connection(void *argument) {
  connection_t *connection = argument;
  server_t     *server = connection->server;
  connection->input = malloc(INPUT_SIZE);
  if (connection->number < server->breaks) break_when_closed(connection->fd);
  else while (serve_request(connection)) continue;
  free(connection->input);
  server_lock(server);
  close(connection->fd);
  connection->fd = -1;
  connection->has_ended = true;
  server_unlock(server);
  return NULL;
}

/* -- accepting ----------------------------------------------------------------------------------------- */

/* Joins the threads of connections that have ended; at the end, of all. */
static inline void join_connections(server_t *server, bool all) {
  connection_t *ended = NULL, **link = &server->connections;
  server_lock(server);
  while (*link != NULL) {
    connection_t *connection = *link;
    if (all || connection->has_ended) {
      *link = connection->next;
      connection->next = ended;
      ended = connection;
    } else {
      link = &connection->next;
    }
  }
  server_unlock(server);
  while (ended != NULL) {
    connection_t *next = ended->next;
    pthread_join(ended->thread, NULL);
    free(ended);
    ended = next;
  }
}

static inline void begin_connection(server_t *server, int fd) {
  connection_t *connection = calloc(1, sizeof *connection);
  int           at_once = 1;
  connection->server = server;
  connection->fd = fd;
  setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &at_once, sizeof at_once);
  server_lock(server);
  connection->number = server->connection_count++;
  if (server->is_stopping) shutdown(fd, SHUT_RDWR);
  if (pthread_create(&connection->thread, NULL, serve_connection, connection) != 0) abort();
  connection->next = server->connections;
  server->connections = connection;
  server_unlock(server);
}

static inline void *accept_connections(void *argument) {
  server_t *server = argument;
  for (;;) {
    int fd = accept4(server->listener, NULL, NULL, SOCK_CLOEXEC);
    if (fd >= 0) begin_connection(server, fd);
    else if (errno != EINTR && errno != ECONNABORTED) break;
    join_connections(server, false);
  }
  return NULL;
}

/* -- starting and stopping ----------------------------------------------------------------------------- */

/* A socket that is bound to a free port of this host, and not yet listens. */
static inline int bind_free_port(int *port) {
  struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
  socklen_t          size = sizeof address;
  int                fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  if (fd < 0 || bind(fd, (struct sockaddr *)&address, size) != 0 ||
      getsockname(fd, (struct sockaddr *)&address, &size) != 0) {
    perror("a socket of the test's server");
    exit(2);
  }
  *port = ntohs(address.sin_port);
  return fd;
}

static inline server_t *server_start_with(answer_fn answer, void *context, server_options_t options) {
  server_t          *server = calloc(1, sizeof *server);
  pthread_condattr_t attributes;
  sigset_t           all, before;
  server->answer = answer;
  server->context = context;
  server->keeps_bodies = options.keeps_bodies;
  server->breaks = options.breaks;
  pthread_mutex_init(&server->mutex, NULL);
  pthread_condattr_init(&attributes);
  pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC);
  pthread_cond_init(&server->changed, &attributes);
  pthread_condattr_destroy(&attributes);
  server->listener = bind_free_port(&server->port);
  if (options.receive_buffer > 0)
    setsockopt(server->listener, SOL_SOCKET, SO_RCVBUF, &options.receive_buffer, sizeof options.receive_buffer);
  if (listen(server->listener, 512) != 0) abort();
  sigfillset(&all);
  pthread_sigmask(SIG_SETMASK, &all, &before);
  if (pthread_create(&server->acceptor, NULL, accept_connections, server) != 0) abort();
  pthread_sigmask(SIG_SETMASK, &before, NULL);
  return server;
}

static inline server_t *server_start(answer_fn answer, void *context) {
  return server_start_with(answer, context, (server_options_t){0, false, 0});
}

/* Ends every connection and every thread. The log stays. */
static inline void server_stop(server_t *server) {
  if (server->has_stopped) return;
  server_lock(server);
  server->is_stopping = true;
  pthread_cond_broadcast(&server->changed);
  for (connection_t *connection = server->connections; connection != NULL; connection = connection->next)
    if (connection->fd >= 0) shutdown(connection->fd, SHUT_RDWR);
  server_unlock(server);
  shutdown(server->listener, SHUT_RDWR);
  pthread_join(server->acceptor, NULL);
  join_connections(server, true);
  close(server->listener);
  server->has_stopped = true;
}

/* Stops the server and frees it with its log. */
static inline void server_free(server_t *server) {
  server_stop(server);
  for (size_t i = 0; i < server->record_count; i++) record_free(server->records[i]);
  free(server->records);
  pthread_cond_destroy(&server->changed);
  pthread_mutex_destroy(&server->mutex);
  free(server);
}

/* -- asking the log ------------------------------------------------------------------------------------ */

/* Requests with this method (NULL = any) whose target contains `part`. */
static inline size_t server_count(server_t *server, const char *method, const char *part) {
  size_t count = 0;
  server_lock(server);
  for (size_t i = 0; i < server->record_count; i++)
    if (record_is(server->records[i], method, part)) count++;
  server_unlock(server);
  return count;
}

/* All requests. */
static inline size_t server_requests(server_t *server) { return server_count(server, NULL, ""); }

/* The request with this number, from 0; NULL where there have not been so many. */
static inline const record_t *server_record(server_t *server, size_t number) {
  server_lock(server);
  const record_t *record = number < server->record_count ? server->records[number] : NULL;
  server_unlock(server);
  return record;
}

/* The `nth` request, from 0, with this method whose target contains `part`; NULL where there is none. */
static inline const record_t *server_find(server_t *server, const char *method, const char *part, size_t nth) {
  const record_t *found = NULL;
  server_lock(server);
  for (size_t i = 0; i < server->record_count && found == NULL; i++)
    if (record_is(server->records[i], method, part) && nth-- == 0) found = server->records[i];
  server_unlock(server);
  return found;
}

/* How much of the body of a request has come by now. */
static inline uint64_t server_received(server_t *server, const record_t *record) {
  server_lock(server);
  uint64_t received = record->received;
  server_unlock(server);
  return received;
}

/* How many requests were answered at once, at most. */
static inline size_t server_most_running(server_t *server) {
  server_lock(server);
  size_t most = server->most_running;
  server_unlock(server);
  return most;
}

/* Whether no connection is open: all that was on its way has come, and was answered. */
static inline bool server_idle(server_t *server) {
  bool is_idle = true;
  server_lock(server);
  for (connection_t *connection = server->connections; connection != NULL; connection = connection->next)
    if (!connection->has_ended) is_idle = false;
  server_unlock(server);
  return is_idle;
}

/* How many connections there have been. */
static inline size_t server_connections(server_t *server) {
  server_lock(server);
  size_t count = server->connection_count;
  server_unlock(server);
  return count;
}

/* For checks that failed: what was asked, one line for each request. */
static inline void server_print(server_t *server) {
  server_lock(server);
  for (size_t i = 0; i < server->record_count; i++) {
    const record_t *record = server->records[i];
    const char     *range = record_header(record, "range");
    fprintf(stderr, "    %zu: connection %zu: %s %s %s: status %d, %llu of %llu bytes came\n", i, record->connection,
            record->method, record->target, range ? range : "", record->status, (unsigned long long)record->received,
            (unsigned long long)record->content_length);
  }
  server_unlock(server);
}

#endif
