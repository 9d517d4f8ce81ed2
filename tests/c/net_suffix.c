/*
 * The last bytes of an object over a network: how they are asked for, and what
 * becomes of it where the server answers with other bytes, or does not tell which.
 */
#include "server.h"

enum { PART = 10000, SIZE = 5 * PART + 17 };

static const kind_t kinds[] = {HTTP, S3, GCS, AZURE};

enum { KINDS_HERE = sizeof kinds / sizeof kinds[0] };

/* What a server does that is asked for the last bytes. Other ranges it answers well. */
typedef enum manner {
  WELL,
  WHOLE,          /* all of the object, 200 */
  WHOLE_CHUNKED,  /* the same, and how much that is only the end tells */
  FROM_THE_START, /* as many bytes, but the first */
  SHORTER,        /* a byte less than is asked for */
  LONGER,         /* a byte more */
  NOT_THE_LAST,   /* as many bytes, but the end of the object is not among them */
  WITHOUT_RANGE,  /* 206 that does not say which bytes these are */
  WITHOUT_TOTAL,  /* nor how many there are in all */
  LYING_LENGTH,   /* its Content-Length is another than its range has */
  MANNERS
} manner_t;

static const char *const manner_names[MANNERS] = {"well",          "whole",       "whole, chunked", "from the start",
                                                  "shorter",       "longer",      "not the last",   "without range",
                                                  "without total", "lying length"};

typedef struct desk {
  manner_t manner;
  object_t object, after;
  size_t   changes_at; /* 0 = never */
  uint64_t cut;        /* of the first answer with a body; 0 = all */
} desk_t;

/* The number of a range `bytes=-N`; false where the request has no such range. */
static bool asks_for_last(const record_t *record, uint64_t *count) {
  const char *range = record_header(record, "range");
  if (range == NULL || strncmp(range, "bytes=-", 7) != 0) return false;
  *count = strtoull(range + 7, NULL, 10);
  return true;
}

static void plan_last(object_answer_t *answer, manner_t manner, uint64_t count) {
  uint64_t size = answer->object->size;
  if (size == 0 || count == 0) {
    plan_nothing(answer, 416);
    return;
  }
  if (count > size) count = size;
  uint64_t first = size - count, last = size - 1;
  if (manner == FROM_THE_START) first = 0, last = count - 1;
  if (manner == SHORTER && count > 1) first++;
  if (manner == LONGER && first > 0) first--;
  if (manner == NOT_THE_LAST && first > 0) first--, last--;
  plan_range(answer, first, last);
  if (manner == WITHOUT_RANGE) answer->content_range[0] = '\0';
  if (manner == WITHOUT_TOTAL) strcpy(strchr(answer->content_range, '/'), "/*");
  if (manner == LYING_LENGTH)
    snprintf(answer->content_length, sizeof answer->content_length, "%llu", (unsigned long long)answer->count + 1);
}

static void send_chunked(exchange_t *exchange, const object_t *object) {
  say_status(exchange, 200);
  say(exchange, "ETag: %s\r\nTransfer-Encoding: chunked\r\n\r\n", object->etag);
  for (uint64_t at = 0; at < object->size; at += 1000) {
    uint64_t count = object->size - at < 1000 ? object->size - at : 1000;
    say(exchange, "%llx\r\n", (unsigned long long)count);
    object_send_bytes(exchange, object, at, count);
    say(exchange, "\r\n");
  }
  say(exchange, "0\r\n\r\n");
}

static void answer(exchange_t *exchange, void *context) {
  desk_t         *desk = context;
  bool            has_changed = desk->changes_at > 0 && exchange->number >= desk->changes_at;
  object_answer_t answer = {.object = has_changed ? &desk->after : &desk->object, .cut = UINT64_MAX, .more = ""};
  uint64_t        count, first, last;
  snprintf(answer.etag, sizeof answer.etag, "%s", answer.object->etag);
  snprintf(answer.last_modified, sizeof answer.last_modified, "%s", answer.object->last_modified);
  bool is_last = asks_for_last(exchange->record, &count);
  if (method_is(exchange, "GET") && desk->manner == WHOLE_CHUNKED) {
    send_chunked(exchange, answer.object);
    return;
  }
  if (is_last && desk->manner != WHOLE) plan_last(&answer, desk->manner, count);
  else if (is_last || !record_range(exchange->record, &first, &last) || desk->manner == WHOLE) plan_whole(&answer);
  else if (first >= answer.object->size) plan_nothing(&answer, 416);
  else plan_range(&answer, first, last);
  server_lock(exchange->server);
  if (method_is(exchange, "GET") && desk->cut > 0) answer.cut = desk->cut, desk->cut = 0;
  server_unlock(exchange->server);
  object_send(exchange, &answer);
  if (answer.cut < answer.count) finish(exchange);
}

static desk_t desk_of(manner_t manner, uint64_t size) {
  return (desk_t){
      .manner = manner, .object = {size, 1, AN_ETAG, A_DATE}, .after = {size, 2, ANOTHER_ETAG, ANOTHER_DATE}};
}

static blobferry_get_options_t last_of(uint64_t length) {
  blobferry_get_options_t options = BLOBFERRY_GET_OPTIONS_INIT;
  options.flags = BLOBFERRY_GET_SUFFIX;
  options.length = length;
  options.part_size = PART;
  return options;
}

/* Gets the last bytes into `size` bytes. What is right must be right, and behind it nothing may be written. */
static blobferry_completion_t get_last(const fixture_t *fixture, uint64_t length, size_t size, uint64_t total) {
  blobferry_get_options_t options = last_of(length);
  uint64_t                wanted = length < total ? length : total;
  got_t                   got = get_with(fixture, "key", size, &options);
  guarded_unlock(&got.memory);
  if (got.completion.status == BLOBFERRY_OK) {
    CHECK_INT(got.completion.result, wanted);
    CHECK(wanted <= size && pattern_is(got.memory.data, (size_t)wanted, 1, total - wanted));
  }
  for (size_t at = (size_t)wanted; at < size; at++)
    if (got.memory.data[at] != CANARY) {
      FAIL("byte %zu of the buffer was written, of which %llu were wanted", at, (unsigned long long)wanted);
      break;
    }
  guarded_free(&got.memory);
  beat();
  return got.completion;
}

/* -- what is asked ------------------------------------------------------------------------------------------ */

static void the_last_bytes_come(void) {
  static const uint64_t lengths[] = {1, 100, PART, PART + 1, SIZE - 1, SIZE, SIZE + 1, UINT64_MAX - 1, UINT64_MAX};
  for (size_t k = 0; k < KINDS_HERE; k++)
    for (size_t i = 0; i < sizeof lengths / sizeof lengths[0]; i++)
      for (manner_t manner = WELL; manner <= WHOLE; manner++) {
        watch(__func__);
        desk_t    desk = desk_of(manner, SIZE);
        server_t *server = server_start(answer, &desk);
        fixture_t fixture = with_server(server, kinds[k], NO_OPTIONS);
        check_outcome(get_last(&fixture, lengths[i], SIZE + 100, SIZE), BLOBFERRY_OK, "");
        if (has_failed_here()) {
          fprintf(stderr, "    (%s, the last %llu, %s)\n", kind_names[kinds[k]], (unsigned long long)lengths[i],
                  manner_names[manner]);
          server_print(server);
        }
        fixture_free(&fixture);
        server_free(server);
      }
}

/* Few bytes are one request, with a range that Azure does not know: there the size is asked for first. */
static void few_bytes_are_one_request(void) {
  for (size_t k = 0; k < KINDS_HERE; k++) {
    watch(__func__);
    desk_t    desk = desk_of(WELL, SIZE);
    server_t *server = server_start(answer, &desk);
    fixture_t fixture = with_server(server, kinds[k], NO_OPTIONS);
    check_outcome(get_last(&fixture, 100, 100, SIZE), BLOBFERRY_OK, "");
    check_requests(server, kinds[k] == AZURE ? 2 : 1);
    const record_t *record = server_find(server, "GET", "key", 0);
    if (record != NULL && kinds[k] != AZURE) CHECK_TEXT(record_header(record, "range"), "bytes=-100");
    fixture_free(&fixture);
    server_free(server);
  }
}

/* Many servers read the number into 63 bits. */
static void no_number_is_larger_than_servers_read(void) {
  for (size_t k = 0; k < KINDS_HERE; k++) {
    watch(__func__);
    uint64_t  count;
    desk_t    desk = desk_of(WELL, 100);
    server_t *server = server_start(answer, &desk);
    fixture_t fixture = with_server(server, kinds[k], NO_OPTIONS);
    check_outcome(get_last(&fixture, BLOBFERRY_LENGTH_TO_END, 100, 100), BLOBFERRY_OK, "");
    const record_t *record = server_find(server, "GET", "key", 0);
    if (record != NULL && asks_for_last(record, &count) && count > INT64_MAX)
      FAIL("the range %s", record_header(record, "range"));
    fixture_free(&fixture);
    server_free(server);
  }
}

static void a_suffix_has_no_offset(void) {
  for (size_t k = 0; k < KINDS_HERE; k++) {
    watch(__func__);
    desk_t                  desk = desk_of(WELL, SIZE);
    server_t               *server = server_start(answer, &desk);
    fixture_t               fixture = with_server(server, kinds[k], NO_OPTIONS);
    blobferry_get_options_t options = last_of(10);
    options.offset = 1;
    got_t got = get_with(&fixture, "key", 100, &options);
    guarded_free(&got.memory);
    check_refusal(got.completion, BLOBFERRY_E_ARGUMENT, "");
    check_requests(server, 0);
    fixture_free(&fixture);
    server_free(server);
  }
}

/* -- nothing is there ----------------------------------------------------------------------------------------- */

static void of_nothing_the_last_bytes_are_none(void) {
  static const uint64_t lengths[] = {0, 1, 100, UINT64_MAX};
  for (size_t k = 0; k < KINDS_HERE; k++)
    for (size_t i = 0; i < sizeof lengths / sizeof lengths[0]; i++)
      for (manner_t manner = WELL; manner <= WHOLE; manner++) {
        watch(__func__);
        desk_t    desk = desk_of(manner, 0);
        server_t *server = server_start(answer, &desk);
        fixture_t fixture = with_server(server, kinds[k], NO_OPTIONS);
        check_outcome(get_last(&fixture, lengths[i], 10, 0), BLOBFERRY_OK, "");
        CHECK(server_requests(server) <= 2);
        if (has_failed_here())
          fprintf(stderr, "    (%s, the last %llu)\n", kind_names[kinds[k]], (unsigned long long)lengths[i]);
        fixture_free(&fixture);
        server_free(server);
      }
}

static void no_bytes_are_asked_for(void) {
  for (size_t k = 0; k < KINDS_HERE; k++) {
    watch(__func__);
    desk_t    desk = desk_of(WELL, SIZE);
    server_t *server = server_start(answer, &desk);
    fixture_t fixture = with_server(server, kinds[k], NO_OPTIONS);
    check_outcome(get_last(&fixture, 0, 10, SIZE), BLOBFERRY_OK, "");
    fixture_free(&fixture);
    server_free(server);
  }
}

static void answer_missing(exchange_t *exchange, void *unused) {
  (void)unused;
  reply_error(exchange, 404, header(exchange, "x-ms-version") ? "BlobNotFound" : "NoSuchKey", "not here");
}

static void what_is_not_there_has_no_last_bytes(void) {
  static const uint64_t lengths[] = {0, 10, UINT64_MAX};
  for (size_t k = 0; k < KINDS_HERE; k++)
    for (size_t i = 0; i < 3; i++) {
      watch(__func__);
      server_t *server = server_start(answer_missing, NULL);
      fixture_t fixture = with_server(server, kinds[k], NO_OPTIONS);
      check_outcome(get_last(&fixture, lengths[i], 10, 0), BLOBFERRY_E_NOT_FOUND, "");
      fixture_free(&fixture);
      server_free(server);
    }
}

/* -- too many --------------------------------------------------------------------------------------------------- */

static void too_many_are_told(void) {
  static const struct {
    uint64_t length, needed;
  } cases[] = {{101, 101}, {PART * 2, PART * 2}, {SIZE, SIZE}, {SIZE + 5, SIZE}, {UINT64_MAX, SIZE}};
  for (size_t k = 0; k < KINDS_HERE; k++)
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++)
      for (manner_t manner = WELL; manner <= WHOLE; manner++) {
        watch(__func__);
        desk_t                  desk = desk_of(manner, SIZE);
        server_t               *server = server_start(answer, &desk);
        fixture_t               fixture = with_server(server, kinds[k], NO_OPTIONS);
        blobferry_get_options_t options = last_of(cases[i].length);
        got_t                   got = get_with(&fixture, "key", 100, &options);
        CHECK_INT(got.completion.result, cases[i].needed);
        guarded_unlock(&got.memory);
        guarded_free(&got.memory);
        check_outcome(got.completion, BLOBFERRY_E_TOO_SMALL, "");
        CHECK(server_requests(server) <= 2);
        if (has_failed_here())
          fprintf(stderr, "    (%s, %s, the last %llu)\n", kind_names[kinds[k]], manner_names[manner],
                  (unsigned long long)cases[i].length);
        fixture_free(&fixture);
        server_free(server);
      }
}

/* -- other bytes than those --------------------------------------------------------------------------------------- */

/* A server may be told to be wrong; it is never believed. */
static void other_bytes_are_never_taken_for_them(void) {
  static const kind_t with_suffixes[] = {HTTP, S3, GCS};
  for (size_t k = 0; k < 3; k++)
    for (manner_t manner = FROM_THE_START; manner < MANNERS; manner++) {
      watch(__func__);
      desk_t                 desk = desk_of(manner, SIZE);
      server_t              *server = server_start(answer, &desk);
      fixture_t              fixture = with_server(server, with_suffixes[k], NO_OPTIONS);
      blobferry_completion_t completion = get_last(&fixture, 100, 100, SIZE);
      if (manner != WITHOUT_TOTAL || completion.status != BLOBFERRY_OK)
        CHECK_STATUS(completion.status, manner == LYING_LENGTH && completion.status == BLOBFERRY_E_INTEGRITY
                                            ? BLOBFERRY_E_INTEGRITY
                                            : BLOBFERRY_E_SERVER);
      CHECK(server_requests(server) <= 3); /* what makes no sense is asked for again, but not for ever */
      if (has_failed_here())
        fprintf(stderr, "    (%s, %s: %s)\n", kind_names[with_suffixes[k]], manner_names[manner],
                blobferry_error_message(completion.error));
      dispose(&completion);
      fixture_free(&fixture);
      server_free(server);
    }
}

/* Of an answer whose length nobody knows the last bytes come, or an error; never others. */
static void of_an_unknown_length_the_last_bytes_are_right_or_none(void) {
  static const uint64_t lengths[] = {1, 100, SIZE, SIZE + 5};
  for (size_t k = 0; k < 3; k++)
    for (size_t i = 0; i < 4; i++) {
      watch(__func__);
      desk_t                 desk = desk_of(WHOLE_CHUNKED, SIZE);
      server_t              *server = server_start(answer, &desk);
      fixture_t              fixture = with_server(server, kinds[k], NO_OPTIONS);
      blobferry_completion_t completion = get_last(&fixture, lengths[i], SIZE, SIZE);
      CHECK(completion.status == BLOBFERRY_OK || completion.status == BLOBFERRY_E_SERVER ||
            completion.status == BLOBFERRY_E_UNSUPPORTED);
      if (has_failed_here())
        fprintf(stderr, "    (%s, the last %llu: %s)\n", kind_names[kinds[k]], (unsigned long long)lengths[i],
                blobferry_error_message(completion.error));
      dispose(&completion);
      fixture_free(&fixture);
      server_free(server);
    }
}

/* -- in parts, and on from where it broke off ------------------------------------------------------------------------
 */

static void a_suffix_is_of_one_state(void) {
  for (size_t k = 0; k < KINDS_HERE; k++)
    for (int cut = 0; cut < 2; cut++)
      for (int changes = 0; changes < 2; changes++) {
        watch(__func__);
        desk_t desk = desk_of(WELL, SIZE);
        desk.cut = cut ? 50 : 0;
        desk.changes_at = changes ? 1 : 0;
        server_t *server = server_start(answer, &desk);
        fixture_t fixture = with_server(server, kinds[k], NO_OPTIONS);
        uint64_t  length = cut ? 100 : 4 * PART + 3;
        check_outcome(get_last(&fixture, length, SIZE, SIZE), changes ? BLOBFERRY_E_CHANGED : BLOBFERRY_OK, "");
        if (has_failed_here()) {
          fprintf(stderr, "    (%s%s%s)\n", kind_names[kinds[k]], cut ? ", broken off" : ", in parts",
                  changes ? ", changed" : "");
          server_print(server);
        }
        fixture_free(&fixture);
        server_free(server);
      }
}

TESTS(TEST(the_last_bytes_come), TEST(few_bytes_are_one_request), TEST(no_number_is_larger_than_servers_read),
      TEST(a_suffix_has_no_offset), TEST(of_nothing_the_last_bytes_are_none), TEST(no_bytes_are_asked_for),
      TEST(what_is_not_there_has_no_last_bytes), TEST(too_many_are_told), TEST(other_bytes_are_never_taken_for_them),
      TEST(of_an_unknown_length_the_last_bytes_are_right_or_none), TEST(a_suffix_is_of_one_state))
