/*
 * The life of a writer: requests of it that end early, who may use it when, and
 * what is freed before and after it. The store fault:// has keys that wait for
 * ever and panic.
 */
#include "streams.h"

/* -- requests that end early ------------------------------------------------------------------------- */

/* More than is collected before it is written. */
enum { MUCH = 300000 };
static const uint8_t much[MUCH];

static blobferry_ticket_t begin_write(const fixture_t *fixture, blobferry_writer_t *writer) {
  blobferry_ticket_t ticket = 0;
  must(blobferry_writer_write(writer, fixture->cq, much, MUCH, NULL, 1, &ticket, NULL), NULL, "blobferry_writer_write");
  return ticket;
}

static void a_call_while_a_request_is_under_way_is_refused(void) {
  fixture_t           fixture = in_faults();
  blobferry_writer_t *writer = writer_with(&fixture, "never", NULL);
  blobferry_ticket_t  ticket = begin_write(&fixture, writer);
  for (int i = 0; i < 3; i++) {
    check_refusal(write_some(&fixture, writer, 10, 1, 0), BLOBFERRY_E_ARGUMENT, "under way");
    check_refusal(end_with(&fixture, writer, blobferry_writer_flush, NULL), BLOBFERRY_E_ARGUMENT, "under way");
    check_refusal(finish_writer(&fixture, writer), BLOBFERRY_E_ARGUMENT, "under way");
    check_refusal(end_with(&fixture, writer, blobferry_writer_abort, NULL), BLOBFERRY_E_ARGUMENT, "under way");
  }
  must_cancel(fixture.cq, ticket);
  expect(fixture.cq, BLOBFERRY_E_CANCELLED, 1);
  blobferry_writer_free(writer);
  fixture_free(&fixture);
}

/* Whatever is cancelled is the last of the writer: even where it had not begun. */
static void a_writer_is_over_after_a_request_that_ended_early(void) {
  for (int way = 0; way < 3; way++) {
    fixture_t                 fixture = in_faults();
    blobferry_write_options_t options = BLOBFERRY_WRITE_OPTIONS_INIT;
    blobferry_cq_t           *closing = new_cq(fixture.service, 4, BLOBFERRY_WAKE_NONE);
    blobferry_writer_t       *writer = writer_with(&fixture, "never", NULL);
    if (way == 0) must_cancel(fixture.cq, begin_write(&fixture, writer));
    if (way == 0) expect(fixture.cq, BLOBFERRY_E_CANCELLED, 1);
    options.timeout_ms = 20;
    if (way == 1)
      check_outcome(end_with(&fixture, writer, blobferry_writer_finish, &options), BLOBFERRY_E_DEADLINE, "");
    if (way == 2) {
      must(blobferry_writer_write(writer, closing, much, MUCH, NULL, 1, NULL, NULL), NULL, "blobferry_writer_write");
      CHECK_STATUS(blobferry_cq_close(closing, NULL), BLOBFERRY_OK);
      expect(closing, BLOBFERRY_E_CANCELLED, 1);
    }
    for (int i = 0; i < 2; i++) {
      check_outcome(write_some(&fixture, writer, 10, 1, 0), BLOBFERRY_E_CANCELLED, "never");
      check_outcome(finish_writer(&fixture, writer), BLOBFERRY_E_CANCELLED, "never");
    }
    must_abort(&fixture, writer);
    blobferry_writer_free(writer);
    blobferry_cq_free(closing);
    fixture_free(&fixture);
  }
}

static void a_writer_cancelled_at_any_moment_is_over(void) {
  uint64_t dice = test_seed();
  for (int kind = 0; kind < 2; kind++) {
    fixture_t fixture = fixture_of(kind);
    uint8_t  *data = calloc(1, 1 << 20);
    watch(__func__);
    for (long round = rounds(300); round > 0; round--) {
      blobferry_ticket_t  ticket = 0;
      blobferry_writer_t *writer = writer_with(&fixture, "object", NULL);
      must(blobferry_writer_write(writer, fixture.cq, data, 1 << 20, NULL, 1, &ticket, NULL), NULL, "write");
      spin(roll(&dice, 100000));
      must_cancel(fixture.cq, ticket);
      blobferry_completion_t completion = wait_one(fixture.cq), again;
      bool                   was_done = completion.status == BLOBFERRY_OK;
      dispose(&completion);
      again = write_some(&fixture, writer, 10, 1, 0);
      check_outcome(again, was_done ? BLOBFERRY_OK : BLOBFERRY_E_CANCELLED, "");
      blobferry_writer_free(writer);
      beat();
    }
    check_absent(&fixture, "object");
    CHECK_STATUS(blobferry_service_drain(fixture.service, 10000, NULL), BLOBFERRY_OK);
    if (kind == 1) CHECK_INT(names_in(&fixture), 0);
    free(data);
    fixture_free(&fixture);
  }
}

/* A finish that is cancelled has taken effect if it says so, and else not. */
static void a_cancelled_finish_has_not_taken_effect(void) {
  uint64_t dice = test_seed();
  for (int kind = 0; kind < 2; kind++) {
    fixture_t fixture = fixture_of(kind);
    long      done = 0, ended = 0;
    watch(__func__);
    for (long round = rounds(500); round > 0; round--) {
      blobferry_ticket_t  ticket = 0;
      blobferry_writer_t *writer = writer_with(&fixture, "object", NULL);
      must_write(&fixture, writer, 1000, 1, 0);
      must(blobferry_writer_finish(writer, fixture.cq, NULL, 1, &ticket, NULL), NULL, "blobferry_writer_finish");
      spin(roll(&dice, 30000));
      must_cancel(fixture.cq, ticket);
      blobferry_completion_t completion = wait_one(fixture.cq);
      CHECK_INT(completion.flags, 0);
      if (completion.status == BLOBFERRY_OK) done++, check_object(&fixture, "object", 1000, 1);
      else ended++, check_absent(&fixture, "object");
      dispose(&completion);
      blobferry_writer_free(writer);
      check_outcome(delete(&fixture, "object"), BLOBFERRY_OK, "");
      beat();
    }
    printf("  %ld finished, %ld cancelled\n", done, ended);
    fixture_free(&fixture);
  }
}

static void a_refused_request_changes_nothing(void) {
  fixture_t           fixture = in_faults();
  blobferry_cq_t     *small = new_cq(fixture.service, 1, BLOBFERRY_WAKE_NONE);
  uint8_t             byte = 1;
  blobferry_ticket_t  ticket = 0;
  blobferry_writer_t *never = writer_with(&fixture, "never", NULL), *writer = writer_with(&fixture, "object", NULL);
  must(blobferry_writer_write(never, small, much, MUCH, NULL, 1, &ticket, NULL), NULL, "blobferry_writer_write");
  must_write(&fixture, writer, 100, 1, 0);
  for (int i = 0; i < 10; i++) {
    CHECK_STATUS(blobferry_writer_write(writer, small, &byte, 1, NULL, 2, NULL, NULL), BLOBFERRY_E_BUSY);
    CHECK_STATUS(blobferry_writer_finish(writer, small, NULL, 2, NULL, NULL), BLOBFERRY_E_BUSY);
    CHECK_STATUS(blobferry_writer_abort(writer, small, NULL, 2, NULL, NULL), BLOBFERRY_E_BUSY);
  }
  must_write(&fixture, writer, 100, 1, 100);
  must_finish(&fixture, writer, 200);
  check_object(&fixture, "object", 200, 1);
  must_cancel(small, ticket);
  expect(small, BLOBFERRY_E_CANCELLED, 1);
  blobferry_writer_free(never);
  blobferry_cq_free(small);
  fixture_free(&fixture);
}

static void a_panic_is_the_error_of_the_writer(void) {
  fixture_t           fixture = in_faults();
  blobferry_writer_t *writer = writer_with(&fixture, "panic-in-poll", NULL);
  check_outcome(write_some(&fixture, writer, MUCH, 1, 0), BLOBFERRY_E_PANIC, "asked to panic");
  check_outcome(write_some(&fixture, writer, 10, 1, 0), BLOBFERRY_E_CANCELLED, "panic-in-poll");
  blobferry_writer_free(writer);
  must_put(&fixture, "object", 10, 1);
  fixture_free(&fixture);
}

/* -- who uses it, and until when --------------------------------------------------------------------- */

typedef struct user {
  blobferry_writer_t *writer;
  blobferry_cq_t     *cq;
  pthread_barrier_t  *barrier;
  long                rounds, accepted, refused;
} user_t;

static void *use(void *argument) {
  user_t       *user = argument;
  const uint8_t byte = 7;
  for (long i = 0; i < user->rounds; i++) {
    blobferry_error_t *error = NULL;
    pthread_barrier_wait(user->barrier);
    blobferry_status_t status = blobferry_writer_write(user->writer, user->cq, &byte, 1, NULL, 0, NULL, &error);
    if (status == BLOBFERRY_OK) {
      blobferry_completion_t completion = wait_one(user->cq);
      CHECK_STATUS(completion.status, BLOBFERRY_OK);
      dispose(&completion);
      user->accepted++;
    } else {
      check_error(error, BLOBFERRY_E_ARGUMENT, "in use");
      user->refused++;
    }
    beat();
  }
  return NULL;
}

static void two_threads_at_the_same_instant_are_told(void) {
  fixture_t           fixture = in_memory();
  blobferry_writer_t *writer = writer_with(&fixture, "object", NULL);
  user_t              users[2];
  pthread_t           threads[2];
  pthread_barrier_t   barrier;
  watch(__func__);
  pthread_barrier_init(&barrier, NULL, 2);
  for (int i = 0; i < 2; i++) {
    users[i] = (user_t){writer, new_cq(fixture.service, 4, BLOBFERRY_WAKE_NONE), &barrier, rounds(2000), 0, 0};
    if (pthread_create(&threads[i], NULL, use, &users[i]) != 0) abort();
  }
  for (int i = 0; i < 2; i++) pthread_join(threads[i], NULL);
  long accepted = users[0].accepted + users[1].accepted;
  CHECK(accepted >= users[0].rounds);
  printf("  %ld accepted, %ld refused\n", accepted, users[0].refused + users[1].refused);
  must_finish(&fixture, writer, (uint64_t)accepted);
  for (int i = 0; i < 2; i++) blobferry_cq_free(users[i].cq);
  pthread_barrier_destroy(&barrier);
  fixture_free(&fixture);
}

static void a_freed_writer_ends_its_request_by_a_completion(void) {
  fixture_t           fixture = in_faults();
  blobferry_writer_t *writer = writer_with(&fixture, "never", NULL);
  blobferry_ticket_t  ticket = begin_write(&fixture, writer);
  blobferry_writer_free(writer);
  expect_nothing(fixture.cq, 20);
  must_cancel(fixture.cq, ticket);
  expect(fixture.cq, BLOBFERRY_E_CANCELLED, 1);
  /* One that goes on to its end makes its object. */
  writer = writer_with(&fixture, "object", NULL);
  must_write(&fixture, writer, 100, 1, 0);
  must(blobferry_writer_finish(writer, fixture.cq, NULL, 2, NULL, NULL), NULL, "blobferry_writer_finish");
  blobferry_writer_free(writer);
  expect(fixture.cq, BLOBFERRY_OK, 2);
  check_object(&fixture, "object", 100, 1);
  fixture_free(&fixture);
}

static void a_writer_may_be_freed_first_or_last(void) {
  for (int kind = 0; kind < 2; kind++)
    for (int order = 0; order < 4; order++) {
      fixture_t           fixture = fixture_of(kind);
      blobferry_writer_t *writer = writer_with(&fixture, "object", NULL);
      must_write(&fixture, writer, 1000000, 1, 0);
      if (order == 0) blobferry_writer_free(writer);
      blobferry_store_free(fixture.store);
      if (order == 1) must_write(&fixture, writer, 10, 1, 1000000), blobferry_writer_free(writer);
      blobferry_cq_free(fixture.cq);
      if (order == 2) blobferry_writer_free(writer);
      blobferry_service_free(fixture.service);
      if (kind == 1) CHECK_INT(names_in(&fixture), 0);
      if (order == 3) blobferry_writer_free(writer);
      if (fixture.folder[0] != '\0') remove_tree(fixture.folder);
      check_nothing_lives();
    }
}

static void a_freed_service_leaves_a_writer_that_says_so(void) {
  fixture_t           fixture = in_memory();
  uint8_t             byte = 1;
  blobferry_writer_t *writer = writer_with(&fixture, "object", NULL);
  must_write(&fixture, writer, 10, 1, 0);
  blobferry_service_free(fixture.service);
  CHECK_STATUS(blobferry_writer_write(writer, fixture.cq, &byte, 1, NULL, 0, NULL, NULL), BLOBFERRY_E_CLOSED);
  CHECK_STATUS(blobferry_writer_finish(writer, fixture.cq, NULL, 0, NULL, NULL), BLOBFERRY_E_CLOSED);
  blobferry_writer_free(writer);
  blobferry_store_free(fixture.store);
  blobferry_cq_free(fixture.cq);
}

TESTS(TEST(a_call_while_a_request_is_under_way_is_refused), TEST(a_writer_is_over_after_a_request_that_ended_early),
      TEST(a_writer_cancelled_at_any_moment_is_over), TEST(a_cancelled_finish_has_not_taken_effect),
      TEST(a_refused_request_changes_nothing), TEST(a_panic_is_the_error_of_the_writer),
      TEST(two_threads_at_the_same_instant_are_told), TEST(a_freed_writer_ends_its_request_by_a_completion),
      TEST(a_writer_may_be_freed_first_or_last), TEST(a_freed_service_leaves_a_writer_that_says_so))
