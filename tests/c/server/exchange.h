/*
 * One request and its answer, as the function sees that a test gives its server:
 * verbs that read the body, that send, and that break the connection. Each does
 * nothing once the connection has broken or the server stops, so that a function
 * is a plain list of what is to happen.
 */
#ifndef TESTS_C_SERVER_EXCHANGE_H
#define TESTS_C_SERVER_EXCHANGE_H

#include "log.h"

#include <netinet/in.h>
#include <stdarg.h>
#include <sys/socket.h>

typedef struct server server_t;

/* One connection of a server. `fd` is closed by its thread, under the mutex of the server. */
typedef struct connection {
  server_t          *server;
  size_t             number;
  int                fd;
  pthread_t          thread;
  bool               has_ended;
  char              *input; /* what was received and not yet looked at */
  size_t             begin, end;
  struct connection *next;
} connection_t;

enum { INPUT_SIZE = 65536 };

typedef struct exchange {
  server_t     *server;
  connection_t *connection;
  record_t     *record;
  size_t        number; /* of the request, from 0 */
  bool          has_ended; /* nothing more comes or goes */
} exchange_t;

/* Answers one request. It runs on the thread of its connection. */
typedef void (*answer_fn)(exchange_t *exchange, void *context);

struct server {
  int             listener;
  int             port;
  answer_fn       answer;
  void           *context;
  bool            keeps_bodies;
  size_t          breaks;
  pthread_t       acceptor;
  pthread_mutex_t mutex; /* of everything below and of the records */
  pthread_cond_t  changed;
  bool            is_stopping, has_stopped;
  connection_t   *connections;
  size_t          connection_count; /* that there ever were */
  record_t      **records;
  size_t          record_count, record_space;
  size_t          running, most_running; /* requests being answered at once */
};

/* Where the threads of a server wait until a test lets them go on. All zero is a closed gate. */
typedef struct gate {
  bool   is_open;
  size_t waiting;
} gate_t;

/* Requests whose answer has not begun. The server's own count goes on until a thread of it has been told that the
 * answer was sent, when the peer may have begun the next. */
typedef struct unanswered {
  size_t now, most; /* at once */
} unanswered_t;

static inline void server_lock(server_t *server) { pthread_mutex_lock(&server->mutex); }
static inline void server_unlock(server_t *server) { pthread_mutex_unlock(&server->mutex); }

static inline void unanswered_begin(exchange_t *exchange, unanswered_t *unanswered) {
  server_lock(exchange->server);
  if (++unanswered->now > unanswered->most) unanswered->most = unanswered->now;
  server_unlock(exchange->server);
}

static inline void unanswered_end(exchange_t *exchange, unanswered_t *unanswered) {
  server_lock(exchange->server);
  unanswered->now--;
  server_unlock(exchange->server);
}

/* -- waiting ------------------------------------------------------------------------------------------- */

/* Waits; false where the server stops meanwhile. */
static inline bool pause_ms(exchange_t *exchange, uint64_t milliseconds) {
  server_t       *server = exchange->server;
  struct timespec until;
  clock_gettime(CLOCK_MONOTONIC, &until);
  uint64_t nanoseconds = (uint64_t)until.tv_nsec + milliseconds % 1000 * 1000000;
  until.tv_sec += (time_t)(milliseconds / 1000 + nanoseconds / 1000000000);
  until.tv_nsec = (long)(nanoseconds % 1000000000);
  server_lock(server);
  while (!server->is_stopping && pthread_cond_timedwait(&server->changed, &server->mutex, &until) != ETIMEDOUT)
    continue;
  if (server->is_stopping) exchange->has_ended = true;
  server_unlock(server);
  return !exchange->has_ended;
}

/* Waits until the gate is open; false where the server stops first. */
static inline bool await_gate(exchange_t *exchange, gate_t *gate) {
  server_t *server = exchange->server;
  server_lock(server);
  gate->waiting++;
  while (!gate->is_open && !server->is_stopping) pthread_cond_wait(&server->changed, &server->mutex);
  gate->waiting--;
  if (server->is_stopping) exchange->has_ended = true;
  server_unlock(server);
  return !exchange->has_ended;
}

/* Neither answers nor reads nor closes, until the server stops. */
static inline void stall(exchange_t *exchange) {
  gate_t never = {false, 0};
  await_gate(exchange, &never);
}

static inline void gate_open(server_t *server, gate_t *gate) {
  server_lock(server);
  gate->is_open = true;
  pthread_cond_broadcast(&server->changed);
  server_unlock(server);
}

static inline size_t gate_waiting(server_t *server, gate_t *gate) {
  server_lock(server);
  size_t waiting = gate->waiting;
  server_unlock(server);
  return waiting;
}

/* -- reading ------------------------------------------------------------------------------------------- */

/* Receives more input behind what is there; false at the end of the connection. */
static inline bool receive_more(exchange_t *exchange, size_t most) {
  connection_t *connection = exchange->connection;
  if (connection->begin == connection->end) connection->begin = connection->end = 0;
  size_t space = INPUT_SIZE - connection->end;
  if (exchange->has_ended || space == 0) return false;
  ssize_t count;
  do count = recv(connection->fd, connection->input + connection->end, most < space ? most : space, 0);
  while (count < 0 && errno == EINTR);
  if (count <= 0) exchange->has_ended = true;
  else connection->end += (size_t)count;
  beat();
  return count > 0;
}

static inline uint64_t unread_of(const exchange_t *exchange) {
  return exchange->record->content_length - exchange->record->received;
}

/* Moves what is in the input, up to `most` bytes, to the body of the record. */
static inline size_t take_input(exchange_t *exchange, uint64_t most) {
  connection_t *connection = exchange->connection;
  record_t     *record = exchange->record;
  size_t        count = connection->end - connection->begin;
  if (count > most) count = (size_t)most;
  server_lock(exchange->server);
  if (exchange->server->keeps_bodies && count > 0) {
    if (record->body == NULL) record->body = malloc((size_t)record->content_length);
    memcpy(record->body + record->received, connection->input + connection->begin, count);
  }
  record->received += count;
  server_unlock(exchange->server);
  connection->begin += count;
  return count;
}

/* Reads up to `count` further bytes of the body; gives how many came. */
static inline uint64_t take(exchange_t *exchange, uint64_t count) {
  connection_t *connection = exchange->connection;
  uint64_t      taken = 0;
  while (taken < count && unread_of(exchange) > 0) {
    uint64_t wanted = count - taken < unread_of(exchange) ? count - taken : unread_of(exchange);
    size_t   most = wanted < INPUT_SIZE ? (size_t)wanted : INPUT_SIZE;
    if (connection->begin == connection->end && !receive_more(exchange, most)) break;
    taken += take_input(exchange, wanted);
  }
  return taken;
}

/* Reads the rest of the body; false where it did not come whole. */
static inline bool take_body(exchange_t *exchange) {
  take(exchange, UINT64_MAX);
  return unread_of(exchange) == 0;
}

/* Reads on until the peer closes: the rest of the body, then what should not be there, which is counted. */
static inline void take_to_the_end(exchange_t *exchange) {
  connection_t *connection = exchange->connection;
  take_body(exchange);
  do {
    server_lock(exchange->server);
    exchange->record->surplus += connection->end - connection->begin;
    server_unlock(exchange->server);
    connection->begin = connection->end;
  } while (receive_more(exchange, INPUT_SIZE));
}

static inline const char *header(const exchange_t *exchange, const char *name) {
  return record_header(exchange->record, name);
}

static inline bool method_is(const exchange_t *exchange, const char *method) {
  return strcmp(exchange->record->method, method) == 0;
}

/* -- sending ------------------------------------------------------------------------------------------- */

/* Sends bytes as they are; false where the connection has broken. */
static inline bool say_bytes(exchange_t *exchange, const void *bytes, size_t size) {
  const char *at = bytes;
  while (size > 0 && !exchange->has_ended) {
    ssize_t count = send(exchange->connection->fd, at, size, MSG_NOSIGNAL);
    if (count < 0 && errno == EINTR) continue;
    if (count < 0) exchange->has_ended = true;
    else at += count, size -= (size_t)count;
    beat();
  }
  return !exchange->has_ended;
}

__attribute__((format(printf, 2, 3))) static inline bool say(exchange_t *exchange, const char *format, ...) {
  char   *text = NULL;
  va_list arguments;
  va_start(arguments, format);
  int size = vasprintf(&text, format, arguments);
  va_end(arguments);
  if (size < 0) abort();
  bool is_said = say_bytes(exchange, text, (size_t)size);
  free(text);
  return is_said;
}

/* Sends bytes slowly: `piece` of them, then a pause, and so on. */
static inline bool drip(exchange_t *exchange, const void *bytes, size_t size, size_t piece, uint64_t pause) {
  const char *at = bytes;
  for (; size > piece; at += piece, size -= piece)
    if (!say_bytes(exchange, at, piece) || !pause_ms(exchange, pause)) return false;
  return say_bytes(exchange, at, size);
}

/* Tells the log that an answer with this status has begun. */
static inline void note_status(exchange_t *exchange, int status) {
  server_lock(exchange->server);
  exchange->record->status = status;
  server_unlock(exchange->server);
}

/* Sends the first line of an answer. */
static inline bool say_status(exchange_t *exchange, int status) {
  note_status(exchange, status);
  return say(exchange, "HTTP/1.1 %d Answer\r\n", status);
}

/* A whole answer. `headers` are whole lines; a HEAD gets no body, and neither does a status that has none. */
static inline bool reply_bytes(exchange_t *exchange, int status, const char *headers, const void *body, size_t size) {
  say_status(exchange, status);
  if (status != 204 && status != 304) say(exchange, "Content-Length: %zu\r\n", size);
  say(exchange, "%s\r\n", headers);
  return method_is(exchange, "HEAD") || say_bytes(exchange, body, size);
}

static inline bool reply(exchange_t *exchange, int status, const char *headers, const char *body) {
  return reply_bytes(exchange, status, headers, body, strlen(body));
}

/* An error document, as S3, Azure and GCS write it. */
static inline bool reply_error(exchange_t *exchange, int status, const char *code, const char *message) {
  char document[1024];
  snprintf(document, sizeof document,
           "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<Error><Code>%s</Code><Message>%s</Message>"
           "<RequestId>IN-THE-DOCUMENT</RequestId></Error>",
           code, message);
  return reply(exchange, status, "Content-Type: application/xml\r\n", document);
}

/* -- ending -------------------------------------------------------------------------------------------- */

/* Sends the end of the stream (FIN), and takes what still comes until the peer closes. */
static inline void finish(exchange_t *exchange) {
  if (exchange->has_ended) return;
  shutdown(exchange->connection->fd, SHUT_WR);
  take_to_the_end(exchange);
  exchange->has_ended = true;
}

/* Makes close send RST. */
static inline void break_when_closed(int fd) {
  struct linger at_once = {1, 0};
  setsockopt(fd, SOL_SOCKET, SO_LINGER, &at_once, sizeof at_once);
}

/* Breaks the connection (RST). */
static inline void reset(exchange_t *exchange) {
  break_when_closed(exchange->connection->fd);
  exchange->has_ended = true;
}

#endif
