/*
 * An object that changes, or goes, while it is got in parts or resumed: an error,
 * never a mixture of two states.
 */
#include "server/ranges.h"

/* -- between two parts ---------------------------------------------------------------------------- */

typedef enum change {
  NEW_ETAG,         /* and the server minds If-Match */
  NEW_ETAG_UNSEEN,  /* and the server minds no If-Match */
  NEW_ETAG_IN_SIZE, /* besides, the object has grown */
  NEW_DATE,         /* an object without an ETag */
  NEW_DATE_WEAK,    /* an object with a weak ETag, which stays */
  NEW_WEAK_ETAG,
  NEW_TOTAL,
  SMALLER,          /* so that the part is not there any more: 416 */
  ETAG_GONE,
  CHANGES
} change_t;

typedef struct changing {
  change_t change;
  size_t   at; /* the number of the first request that sees the new object */
  object_t before, after;
  bool     minds_if_match;
} changing_t;

static changing_t changing_of(change_t change, size_t at) {
  changing_t it = {change, at, object_of(10 * PART), object_of(10 * PART), true};
  it.after.seed = 2;
  if (change == NEW_ETAG_IN_SIZE) it.after.size = 12 * PART;
  if (change <= NEW_ETAG_IN_SIZE) it.after.etag = ANOTHER_ETAG;
  if (change == NEW_DATE) it.before.etag = it.after.etag = NULL;
  if (change == NEW_DATE_WEAK) it.before.etag = it.after.etag = "W/" AN_ETAG;
  if (change == NEW_DATE || change == NEW_DATE_WEAK) it.after.last_modified = ANOTHER_DATE;
  if (change == NEW_WEAK_ETAG) it.before.etag = "W/" AN_ETAG, it.after.etag = "W/" ANOTHER_ETAG;
  if (change == NEW_TOTAL) it.after.size = 10 * PART + 1;
  if (change == SMALLER) it.after.size = PART;
  if (change == ETAG_GONE) it.after.etag = NULL;
  it.minds_if_match = change == NEW_ETAG;
  return it;
}

static void answer_changing(exchange_t *exchange, void *context) {
  const changing_t *it = context;
  const object_t   *object = exchange->number >= it->at ? &it->after : &it->before;
  object_answer_t   answer = object_plan(exchange, object);
  uint64_t          first, last;
  if (answer.status == 412 && !it->minds_if_match) {
    record_range(exchange->record, &first, &last);
    if (first >= object->size) plan_nothing(&answer, 416);
    else plan_range(&answer, first, last);
  }
  object_send(exchange, &answer);
}

static void two_states_are_never_mixed(void) {
  static const kind_t kinds[] = {HTTP, S3, AZURE, GCS};
  for (change_t change = 0; change < CHANGES; change++)
    for (size_t at = 1; at < 10; at += 4)
      for (size_t k = 0; k < sizeof kinds / sizeof kinds[0]; k++) {
        watch(__func__);
        changing_t              it = changing_of(change, at);
        server_t               *server = server_start(answer_changing, &it);
        fixture_t               fixture = with_server(server, kinds[k], NO_OPTIONS);
        blobferry_get_options_t options = range_of(0, BLOBFERRY_LENGTH_TO_END);
        blobferry_completion_t  completion = get_and_compare(&fixture, 10 * PART, &options, 10 * PART, 1);
        if (completion.status != BLOBFERRY_E_CHANGED)
          FAIL("change %d at request %zu of %s: %s: %s", change, at, kind_names[kinds[k]],
               blobferry_status_name(completion.status), blobferry_error_message(completion.error));
        CHECK_INT(blobferry_error_is_retryable(completion.error), 1);
        dispose(&completion);
        CHECK(server_requests(server) <= 10);
        fixture_free(&fixture);
        server_free(server);
      }
}

/* Between the request that broke off and the one that goes on. */
static void answer_and_change(exchange_t *exchange, void *context) {
  const changing_t *it = context;
  if (exchange->number > 0) {
    answer_changing(exchange, context);
    return;
  }
  object_answer_t answer = object_plan(exchange, &it->before);
  answer.cut = 5000;
  object_send(exchange, &answer);
  finish(exchange);
}

static void what_changes_before_it_is_resumed_is_not_resumed(void) {
  for (change_t change = 0; change < CHANGES; change++) {
    if (change == SMALLER) continue; /* the rest of the first part is there */
    watch(__func__);
    changing_t              it = changing_of(change, 1);
    server_t               *server = server_start(answer_and_change, &it);
    fixture_t               fixture = with_server(server, S3, NO_OPTIONS);
    blobferry_get_options_t options = range_of(0, PART);
    blobferry_completion_t  completion = get_and_compare(&fixture, PART, &options, PART, 1);
    if (completion.status != BLOBFERRY_E_CHANGED)
      FAIL("change %d: %s", change, blobferry_status_name(completion.status));
    dispose(&completion);
    fixture_free(&fixture);
    server_free(server);
  }
}

/* Gone between two parts: it is not there, or it has changed; it is not read on. */
static void answer_and_delete(exchange_t *exchange, void *context) {
  if (exchange->number < 3) object_answer(exchange, context);
  else reply_error(exchange, 404, "NoSuchKey", "gone");
}

static void an_object_may_go_between_two_parts(void) {
  object_t object = object_of(10 * PART);
  watch(__func__);
  server_t               *server = server_start(answer_and_delete, &object);
  fixture_t               fixture = with_server(server, S3, NO_OPTIONS);
  blobferry_get_options_t options = range_of(0, BLOBFERRY_LENGTH_TO_END);
  blobferry_completion_t  completion = get_and_compare(&fixture, 10 * PART, &options, 10 * PART, 1);
  CHECK(completion.status == BLOBFERRY_E_CHANGED || completion.status == BLOBFERRY_E_NOT_FOUND);
  dispose(&completion);
  fixture_free(&fixture);
  server_free(server);
}

TESTS(TEST(two_states_are_never_mixed), TEST(what_changes_before_it_is_resumed_is_not_resumed),
      TEST(an_object_may_go_between_two_parts))
