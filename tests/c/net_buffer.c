/*
 * Gets into memory of the library: one request for what is small, no more memory
 * than was allowed whatever the server says, and all of it given back.
 */
#include "server.h"

#include <malloc.h>

enum { MIB = 1 << 20, PART = 10000, SMALL = 1000 };

static const kind_t kinds[] = {HTTP, S3, GCS, AZURE};

enum { KINDS_HERE = sizeof kinds / sizeof kinds[0] };

/* Bytes that the process has from its allocator. */
static size_t heap(void) {
  struct mallinfo2 info = mallinfo2();
  return info.uordblks + info.hblkhd;
}

static blobferry_get_options_t options_of(uint64_t max_size) {
  blobferry_get_options_t options = BLOBFERRY_GET_OPTIONS_INIT;
  options.max_size = max_size;
  return options;
}

static blobferry_completion_t get_buffer(const fixture_t *fixture, const blobferry_get_options_t *options) {
  blobferry_error_t *error = NULL;
  blobferry_status_t submitted =
      blobferry_object_get_buffer(fixture->store, fixture->cq, "key", options, 0, NULL, &error);
  beat();
  blobferry_completion_t completion = outcome_of(fixture, submitted, error);
  if (completion.status != BLOBFERRY_OK) CHECK(completion.buffer == NULL);
  return completion;
}

/* The buffer must be the bytes from `offset` on, with a NUL behind them; releases all of the completion. */
static void check_buffer(blobferry_completion_t completion, size_t size, uint64_t offset) {
  const uint8_t *data = blobferry_buffer_data(completion.buffer);
  if (completion.status == BLOBFERRY_OK) {
    CHECK_INT(completion.result, size);
    CHECK_INT(blobferry_buffer_size(completion.buffer), size);
    CHECK(data != NULL && pattern_is(data, size, 1, offset) && data[size] == 0);
  }
  check_outcome(completion, BLOBFERRY_OK, "");
}

static void answer_object(exchange_t *exchange, void *object) { object_answer(exchange, object); }

/* -- requests ------------------------------------------------------------------------------------------------- */

static void a_small_object_is_one_request(void) {
  static const size_t sizes[] = {0, 1, SMALL, MIB};
  for (size_t k = 0; k < KINDS_HERE; k++)
    for (size_t i = 0; i < sizeof sizes / sizeof sizes[0]; i++) {
      watch(__func__);
      object_t                object = {sizes[i], 1, AN_ETAG, A_DATE};
      server_t               *server = server_start(answer_object, &object);
      fixture_t               fixture = with_server(server, kinds[k], NO_OPTIONS);
      blobferry_get_options_t options = options_of(MIB);
      check_buffer(get_buffer(&fixture, sizes[i] == MIB ? &options : NULL), sizes[i], 0);
      check_requests(server, 1);
      check_count(server, "GET", "", 1);
      if (has_failed_here()) fprintf(stderr, "    (%s, %zu bytes)\n", kind_names[kinds[k]], sizes[i]);
      fixture_free(&fixture);
      server_free(server);
    }
}

static void a_large_object_comes_in_parts(void) {
  for (size_t k = 0; k < KINDS_HERE; k++) {
    watch(__func__);
    object_t                object = {10 * PART + 7, 1, AN_ETAG, A_DATE};
    server_t               *server = server_start(answer_object, &object);
    fixture_t               fixture = with_server(server, kinds[k], NO_OPTIONS);
    blobferry_get_options_t options = options_of(0);
    options.part_size = PART;
    check_buffer(get_buffer(&fixture, &options), (size_t)object.size, 0);
    check_count(server, "GET", "", 11);
    check_requests(server, 11);
    fixture_free(&fixture);
    server_free(server);
  }
}

static void a_range_comes_alone(void) {
  for (size_t k = 0; k < KINDS_HERE; k++) {
    watch(__func__);
    object_t                object = {SMALL, 1, AN_ETAG, A_DATE};
    server_t               *server = server_start(answer_object, &object);
    fixture_t               fixture = with_server(server, kinds[k], NO_OPTIONS);
    blobferry_get_options_t options = options_of(100);
    options.offset = 300;
    options.length = 100;
    check_buffer(get_buffer(&fixture, &options), 100, 300);
    options.offset = SMALL - 50; /* cut at the end */
    check_buffer(get_buffer(&fixture, &options), 50, SMALL - 50);
    options.offset = SMALL;
    check_outcome(get_buffer(&fixture, &options), BLOBFERRY_E_RANGE, "");
    options.offset = UINT64_MAX;
    check_outcome(get_buffer(&fixture, &options), BLOBFERRY_E_RANGE, "");
    fixture_free(&fixture);
    server_free(server);
  }
}

/* -- how much may come ------------------------------------------------------------------------------------------ */

/* Ways to tell how large the object is, or not. */
typedef enum telling {
  BY_RANGE,   /* 206 with the total */
  BY_LENGTH,  /* 200, the range was ignored */
  BY_CHUNKS,  /* 200, and the end comes when it comes */
  BY_NOTHING, /* 200 until the connection ends */
  TELLINGS
} telling_t;

static const char *const telling_names[TELLINGS] = {"range", "length", "chunks", "nothing"};

typedef struct desk {
  telling_t     telling;
  object_t      object;
  uint64_t      claimed; /* said in place of the size; 0 = the truth */
  atomic_size_t sent;
  gate_t        gate; /* in the middle of the body, if has_gate */
  bool          has_gate;
} desk_t;

static void send_pieces(exchange_t *exchange, desk_t *desk) {
  for (uint64_t at = 0; at < desk->object.size && !exchange->has_ended; at += 4096) {
    uint64_t count = desk->object.size - at < 4096 ? desk->object.size - at : 4096;
    if (desk->telling == BY_CHUNKS) say(exchange, "%llx\r\n", (unsigned long long)count);
    object_send_bytes(exchange, &desk->object, at, count);
    if (desk->telling == BY_CHUNKS) say(exchange, "\r\n");
    atomic_fetch_add(&desk->sent, (size_t)count);
    if (desk->has_gate && at >= desk->object.size / 2 && !await_gate(exchange, &desk->gate)) return;
  }
  if (desk->telling == BY_CHUNKS) say(exchange, "0\r\n\r\n");
  else finish(exchange);
}

static void answer_telling(exchange_t *exchange, void *context) {
  desk_t            *desk = context;
  unsigned long long claimed = desk->claimed ? desk->claimed : desk->object.size;
  uint64_t           first = 0, last = 0;
  bool               has_range = record_range(exchange->record, &first, &last);
  if (desk->telling == BY_RANGE && has_range) {
    if (last >= claimed) last = claimed - 1;
    say_status(exchange, 206);
    say(exchange, "Content-Length: %llu\r\nContent-Range: bytes %llu-%llu/%llu\r\nETag: %s\r\n\r\n",
        (unsigned long long)(last - first + 1), (unsigned long long)first, (unsigned long long)last, claimed, AN_ETAG);
  } else {
    say_status(exchange, 200);
    if (desk->telling == BY_CHUNKS) say(exchange, "Transfer-Encoding: chunked\r\n");
    else if (desk->telling != BY_NOTHING) say(exchange, "Content-Length: %llu\r\n", claimed);
    say(exchange, "ETag: %s\r\n\r\n", AN_ETAG);
  }
  send_pieces(exchange, desk);
}

/* More than is allowed is refused, wherever it shows, and nothing is asked for again. */
static void no_more_comes_than_is_allowed(void) {
  for (size_t k = 0; k < KINDS_HERE; k++)
    for (telling_t telling = 0; telling < BY_NOTHING; telling++) {
      watch(__func__);
      size_t                  before = heap();
      desk_t                  desk = {.telling = telling, .object = {64 * MIB, 1, AN_ETAG, NULL}};
      server_t               *server = server_start(answer_telling, &desk);
      fixture_t               fixture = with_server(server, kinds[k], NO_OPTIONS);
      blobferry_get_options_t options = options_of(MIB);
      blobferry_completion_t  completion = get_buffer(&fixture, &options);
      CHECK_INT(completion.result, telling == BY_CHUNKS ? 0 : 64 * MIB);
      check_outcome(completion, BLOBFERRY_E_TOO_SMALL, "");
      check_requests(server, 1);
      fixture_free(&fixture);
      server_free(server);
      if (heap() > before + 8 * MIB) FAIL("%zu bytes more are held than before", heap() - before);
      if (atomic_load(&desk.sent) > 32 * MIB) FAIL("%zu bytes were read", atomic_load(&desk.sent));
      if (has_failed_here()) fprintf(stderr, "    (%s, by %s)\n", kind_names[kinds[k]], telling_names[telling]);
    }
}

/* What is just small enough comes, however it is told. */
static void what_is_allowed_comes(void) {
  static const size_t sizes[] = {0, 1, 4096, 300000};
  for (telling_t telling = BY_LENGTH; telling <= BY_CHUNKS; telling++)
    for (size_t i = 0; i < 4; i++)
      for (int limited = 0; limited < 2; limited++) {
        watch(__func__);
        desk_t                  desk = {.telling = telling, .object = {sizes[i], 1, AN_ETAG, NULL}};
        server_t               *server = server_start(answer_telling, &desk);
        fixture_t               fixture = with_server(server, HTTP, NO_OPTIONS);
        blobferry_get_options_t options = options_of(limited ? (sizes[i] ? sizes[i] : 1) : 0);
        check_buffer(get_buffer(&fixture, &options), sizes[i], 0);
        if (sizes[i] > 1 && limited) {
          options.max_size = sizes[i] - 1;
          check_outcome(get_buffer(&fixture, &options), BLOBFERRY_E_TOO_SMALL, "");
        }
        if (has_failed_here()) fprintf(stderr, "    (%zu bytes by %s)\n", sizes[i], telling_names[telling]);
        fixture_free(&fixture);
        server_free(server);
      }
}

/* -- sizes that no memory has ---------------------------------------------------------------------------------------
 */

static void a_size_that_no_memory_has_is_an_error(void) {
  static const uint64_t claims[] = {UINT64_C(1) << 60, INT64_MAX, UINT64_C(1) << 63, UINT64_MAX - 1};
  for (size_t k = 0; k < KINDS_HERE; k++)
    for (size_t i = 0; i < sizeof claims / sizeof claims[0]; i++)
      for (telling_t telling = BY_RANGE; telling <= BY_LENGTH; telling++)
        for (int limited = 0; limited < 2; limited++) {
          watch(__func__);
          desk_t    desk = {.telling = telling, .object = {SMALL, 1, AN_ETAG, NULL}, .claimed = claims[i]};
          server_t *server = server_start(answer_telling, &desk);
          fixture_t fixture = with_server(server, kinds[k], OPTIONS({"max_retries", "1"}));
          blobferry_get_options_t options = options_of(limited ? MIB : 0);
          blobferry_completion_t  completion = get_buffer(&fixture, &options);
          if (limited && completion.status == BLOBFERRY_E_TOO_SMALL) CHECK(completion.result == claims[i]);
          else if (completion.status != BLOBFERRY_E_NO_SPACE && completion.status != BLOBFERRY_E_SERVER &&
                   completion.status != BLOBFERRY_E_CONNECTION)
            FAIL("%llu bytes: %s: %s", (unsigned long long)claims[i], blobferry_status_name(completion.status),
                 blobferry_error_message(completion.error));
          if (has_failed_here())
            fprintf(stderr, "    (%s by %s%s)\n", kind_names[kinds[k]], telling_names[telling],
                    limited ? ", limited" : "");
          dispose(&completion);
          fixture_free(&fixture);
          server_free(server);
        }
}

/* -- all of it is given back -----------------------------------------------------------------------------------------
 */

static void settle_heap(size_t before, const char *what) {
  for (int looks = 0; heap() > before + 4 * MIB && looks < 2000; looks++) pause_a_little(looks);
  if (heap() > before + 4 * MIB) FAIL("%s: %zu bytes more are held than before", what, heap() - before);
}

static void what_is_cancelled_is_given_back(void) {
  for (telling_t telling = BY_RANGE; telling <= BY_CHUNKS; telling++) {
    watch(__func__);
    desk_t             desk = {.telling = telling, .object = {64 * MIB, 1, AN_ETAG, NULL}, .has_gate = true};
    blobferry_ticket_t ticket = 0;
    server_t          *server = server_start(answer_telling, &desk);
    fixture_t          fixture = with_server(server, HTTP, OPTIONS({"part_size", "128MiB"}));
    size_t             before = heap();
    must(blobferry_object_get_buffer(fixture.store, fixture.cq, "key", NULL, 0, &ticket, NULL), NULL, "a get");
    AWAIT(gate_waiting(server, &desk.gate) > 0);
    must_cancel(fixture.cq, ticket);
    blobferry_completion_t completion = wait_one(fixture.cq);
    CHECK(completion.buffer == NULL);
    check_outcome(completion, BLOBFERRY_E_CANCELLED, "");
    settle_heap(before, telling_names[telling]);
    fixture_free(&fixture);
    server_free(server);
  }
}

/* A completion that nobody takes gives its buffer back with its queue. */
static void what_nobody_takes_is_given_back(void) {
  watch(__func__);
  object_t  object = {16 * MIB, 1, AN_ETAG, A_DATE};
  server_t *server = server_start(answer_object, &object);
  size_t    before = heap();
  fixture_t fixture = with_server(server, S3, NO_OPTIONS);
  for (int i = 0; i < 3; i++)
    must(blobferry_object_get_buffer(fixture.store, fixture.cq, "key", NULL, 0, NULL, NULL), NULL, "a get");
  settle(fixture.service);
  fixture_free(&fixture);
  server_free(server);
  settle_heap(before, "a queue that was freed");
}

/* What has failed in the middle, too; and a buffer may outlive all else. */
static void answer_changing(exchange_t *exchange, void *context) {
  object_t object = *(object_t *)context;
  if (exchange->number == 3) object.etag = ANOTHER_ETAG;
  object_answer(exchange, &object);
}

static void what_has_changed_is_given_back(void) {
  watch(__func__);
  object_t  object = {40 * MIB, 1, AN_ETAG, A_DATE};
  server_t *server = server_start(answer_changing, &object);
  fixture_t fixture = with_server(server, S3, NO_OPTIONS);
  size_t    before = heap();
  check_outcome(get_buffer(&fixture, NULL), BLOBFERRY_E_CHANGED, "");
  settle_heap(before, "a get of what has changed");
  fixture_free(&fixture);
  server_free(server);
}

static void a_buffer_outlives_its_service(void) {
  watch(__func__);
  object_t               object = {SMALL, 1, AN_ETAG, A_DATE};
  server_t              *server = server_start(answer_object, &object);
  fixture_t              fixture = with_server(server, S3, NO_OPTIONS);
  blobferry_completion_t completion = get_buffer(&fixture, NULL);
  fixture_free(&fixture);
  server_free(server);
  check_buffer(completion, SMALL, 0);
}

/* What breaks off goes on where it was. */
static void answer_cut(exchange_t *exchange, void *object) {
  object_answer_t answer = object_plan(exchange, object);
  if (exchange->number == 0) answer.cut = SMALL / 3;
  object_send(exchange, &answer);
  if (exchange->number == 0) finish(exchange);
}

static void what_breaks_off_goes_on(void) {
  for (size_t k = 0; k < KINDS_HERE; k++) {
    watch(__func__);
    object_t  object = {SMALL, 1, AN_ETAG, A_DATE};
    server_t *server = server_start(answer_cut, &object);
    fixture_t fixture = with_server(server, kinds[k], NO_OPTIONS);
    check_buffer(get_buffer(&fixture, NULL), SMALL, 0);
    check_requests(server, 2);
    fixture_free(&fixture);
    server_free(server);
  }
}

TESTS(TEST(a_small_object_is_one_request), TEST(a_large_object_comes_in_parts), TEST(a_range_comes_alone),
      TEST(no_more_comes_than_is_allowed), TEST(what_is_allowed_comes), TEST(a_size_that_no_memory_has_is_an_error),
      TEST(what_is_cancelled_is_given_back), TEST(what_nobody_takes_is_given_back),
      TEST(what_has_changed_is_given_back), TEST(a_buffer_outlives_its_service), TEST(what_breaks_off_goes_on))
