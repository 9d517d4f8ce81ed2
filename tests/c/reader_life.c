/*
 * The life of a reader: requests of it that end early, who may use it when, and
 * what is freed before and after it. The store fault:// has keys that wait for
 * ever, hold the memory, and panic.
 */
#include "streams.h"

/* -- requests that end early ------------------------------------------------------------------------- */

/* A read under way that does not end by itself. */
static blobferry_ticket_t begin_read(const fixture_t *fixture, blobferry_reader_t *reader, uint8_t *byte) {
  blobferry_ticket_t ticket = 0;
  must(blobferry_reader_read(reader, fixture->cq, byte, 1, NULL, 1, &ticket, NULL), NULL, "blobferry_reader_read");
  return ticket;
}

static void a_call_while_a_read_is_under_way_is_refused(void) {
  fixture_t           fixture = in_faults();
  blobferry_reader_t *reader = reader_with(&fixture, "never", NULL);
  uint8_t             byte = 7;
  uint64_t            size = 4711;
  blobferry_error_t  *error = NULL;
  blobferry_ticket_t  ticket = begin_read(&fixture, reader, &byte);
  for (int i = 0; i < 3; i++) {
    got_t got = read_some(&fixture, reader, 10);
    guarded_free(&got.memory);
    check_refusal(got.completion, BLOBFERRY_E_ARGUMENT, "under way");
    CHECK_STATUS(blobferry_reader_seek(reader, 5, &error), BLOBFERRY_E_ARGUMENT);
    check_error(error, BLOBFERRY_E_ARGUMENT, "under way");
    CHECK_STATUS(blobferry_reader_size(reader, &size, &error), BLOBFERRY_E_ARGUMENT);
    check_error(error, BLOBFERRY_E_ARGUMENT, "under way");
    CHECK_INT(blobferry_reader_position(reader), 0);
  }
  must_cancel(fixture.cq, ticket);
  expect(fixture.cq, BLOBFERRY_E_CANCELLED, 1);
  must_seek(reader, 5);
  CHECK_INT(size, 4711);
  CHECK_INT(byte, 7);
  blobferry_reader_free(reader);
  fixture_free(&fixture);
}

static void a_read_that_waits_ends_by_cancel_deadline_and_close(void) {
  fixture_t                fixture = in_faults();
  blobferry_reader_t      *reader = reader_with(&fixture, "never", NULL);
  blobferry_read_options_t options = BLOBFERRY_READ_OPTIONS_INIT;
  uint8_t                  byte;
  options.timeout_ms = 20;
  for (int i = 0; i < 5; i++) {
    must(blobferry_reader_read(reader, fixture.cq, &byte, 1, &options, 2, NULL, NULL), NULL, "blobferry_reader_read");
    expect(fixture.cq, BLOBFERRY_E_DEADLINE, 2);
    must_cancel(fixture.cq, begin_read(&fixture, reader, &byte));
    expect(fixture.cq, BLOBFERRY_E_CANCELLED, 1);
  }
  begin_read(&fixture, reader, &byte);
  CHECK_STATUS(blobferry_cq_close(fixture.cq, NULL), BLOBFERRY_OK);
  expect(fixture.cq, BLOBFERRY_E_CANCELLED, 1);
  CHECK_STATUS(blobferry_reader_read(reader, fixture.cq, &byte, 1, NULL, 0, NULL, NULL), BLOBFERRY_E_CLOSED);
  must_seek(reader, 0);
  blobferry_reader_free(reader);
  fixture_free(&fixture);
}

/* A credit that is missing is the only thing that a refused read has to do with the reader. */
static void a_refused_read_changes_nothing(void) {
  fixture_t       fixture = in_faults();
  blobferry_cq_t *small = new_cq(fixture.service, 1, BLOBFERRY_WAKE_NONE);
  uint8_t         byte;
  must_put(&fixture, "object", 100, 1);
  blobferry_reader_t *never = reader_with(&fixture, "never", NULL), *reader = reader_with(&fixture, "object", NULL);
  blobferry_ticket_t  ticket = 0;
  must(blobferry_reader_read(never, small, &byte, 1, NULL, 1, &ticket, NULL), NULL, "blobferry_reader_read");
  for (int i = 0; i < 10; i++)
    CHECK_STATUS(blobferry_reader_read(reader, small, &byte, 1, NULL, 2, NULL, NULL), BLOBFERRY_E_BUSY);
  check_read(&fixture, reader, 200, 100, 1, 0);
  must_cancel(small, ticket);
  expect(small, BLOBFERRY_E_CANCELLED, 1);
  blobferry_reader_free(never);
  blobferry_reader_free(reader);
  blobferry_cq_free(small);
  fixture_free(&fixture);
}

static void a_panic_is_the_error_of_the_read(void) {
  fixture_t           fixture = in_faults();
  blobferry_reader_t *reader = reader_with(&fixture, "panic-in-poll", NULL);
  for (int i = 0; i < 3; i++) check_read_fails(&fixture, reader, BLOBFERRY_E_PANIC, "asked to panic");
  must_put(&fixture, "object", 100, 1);
  check_object(&fixture, "object", 100, 1);
  blobferry_reader_free(reader);
  fixture_free(&fixture);
}

/* The memory of a cancelled read is back with its completion, though a part of it may still be read ahead. */
static void a_part_may_come_after_its_read_has_ended(void) {
  fixture_t           fixture = in_faults();
  blobferry_reader_t *reader = reader_with(&fixture, "hold-200", NULL);
  blobferry_ticket_t  ticket = 0;
  guarded_t           memory = guarded_new(4096);
  for (int i = 0; i < 3; i++) {
    must(blobferry_reader_read(reader, fixture.cq, memory.data, 4096, NULL, 1, &ticket, NULL), NULL, "read");
    must_cancel(fixture.cq, ticket);
    blobferry_completion_t completion = wait_one(fixture.cq);
    guarded_lock(&memory);
    check_outcome(completion, BLOBFERRY_E_CANCELLED, "");
    guarded_unlock(&memory);
  }
  got_t got = read_some(&fixture, reader, 4096);
  guarded_unlock(&got.memory);
  CHECK_INT(got.completion.result, 4096);
  for (size_t i = 0; i < 4096; i++)
    if (got.memory.data[i] != 0xAA) {
      FAIL("byte %zu is not the object's", i);
      break;
    }
  got_free(&got);
  guarded_free(&memory);
  blobferry_reader_free(reader);
  fixture_free(&fixture);
}

/* -- who uses it, and until when --------------------------------------------------------------------- */

typedef struct user {
  blobferry_reader_t *reader;
  blobferry_cq_t     *cq;
  pthread_barrier_t  *barrier;
  long                rounds, accepted, refused;
} user_t;

static void *use(void *argument) {
  user_t *user = argument;
  uint8_t bytes[64];
  for (long i = 0; i < user->rounds; i++) {
    blobferry_error_t *error = NULL;
    pthread_barrier_wait(user->barrier);
    blobferry_status_t status =
        blobferry_reader_read(user->reader, user->cq, bytes, sizeof bytes, NULL, 0, NULL, &error);
    if (status == BLOBFERRY_OK) {
      blobferry_completion_t completion = wait_one(user->cq);
      CHECK_STATUS(completion.status, BLOBFERRY_OK);
      dispose(&completion);
      user->accepted++;
    } else {
      check_error(error, BLOBFERRY_E_ARGUMENT, "in use");
      user->refused++;
    }
    pthread_barrier_wait(user->barrier);
    if (blobferry_reader_seek(user->reader, 0, &error) != BLOBFERRY_OK)
      check_error(error, BLOBFERRY_E_ARGUMENT, "in use");
    beat();
  }
  return NULL;
}

static void two_threads_at_the_same_instant_are_told(void) {
  fixture_t           fixture = in_memory();
  blobferry_reader_t *reader = NULL;
  user_t              users[2];
  pthread_t           threads[2];
  pthread_barrier_t   barrier;
  watch(__func__);
  must_put(&fixture, "object", 100000, 1);
  reader = reader_with(&fixture, "object", NULL);
  pthread_barrier_init(&barrier, NULL, 2);
  for (int i = 0; i < 2; i++) {
    users[i] = (user_t){reader, new_cq(fixture.service, 4, BLOBFERRY_WAKE_NONE), &barrier, rounds(2000), 0, 0};
    if (pthread_create(&threads[i], NULL, use, &users[i]) != 0) abort();
  }
  for (int i = 0; i < 2; i++) pthread_join(threads[i], NULL);
  CHECK(users[0].accepted + users[1].accepted >= users[0].rounds);
  printf("  %ld accepted, %ld refused\n", users[0].accepted + users[1].accepted, users[0].refused + users[1].refused);
  for (int i = 0; i < 2; i++) blobferry_cq_free(users[i].cq);
  pthread_barrier_destroy(&barrier);
  blobferry_reader_free(reader);
  fixture_free(&fixture);
}

static void a_freed_reader_ends_its_read_by_a_completion(void) {
  fixture_t           fixture = in_faults();
  blobferry_reader_t *reader = reader_with(&fixture, "never", NULL);
  uint8_t             byte;
  blobferry_ticket_t  ticket = begin_read(&fixture, reader, &byte);
  blobferry_reader_free(reader);
  expect_nothing(fixture.cq, 20);
  must_cancel(fixture.cq, ticket);
  expect(fixture.cq, BLOBFERRY_E_CANCELLED, 1);
  blobferry_reader_free(NULL);
  fixture_free(&fixture);
}

/* In any order with what it was made of; in the middle of what it fetches ahead. */
static void a_reader_may_be_freed_first_or_last(void) {
  for (int kind = 0; kind < 2; kind++)
    for (int order = 0; order < 4; order++) {
      fixture_t                  fixture = fixture_of(kind);
      blobferry_reader_options_t options = reader_parts(500000, 0, 0);
      must_put(&fixture, "object", 10000000, 1);
      blobferry_reader_t *reader = reader_with(&fixture, "object", &options);
      check_read(&fixture, reader, 10, 10, 1, 0);
      if (order == 0) blobferry_reader_free(reader);
      blobferry_store_free(fixture.store);
      if (order == 1) check_read(&fixture, reader, 100, 100, 1, 10), blobferry_reader_free(reader);
      blobferry_cq_free(fixture.cq);
      if (order == 2) blobferry_reader_free(reader);
      blobferry_service_free(fixture.service);
      if (order == 3) {
        must_seek(reader, 20);
        CHECK_INT(size_of(reader), 10000000);
        blobferry_reader_free(reader);
      }
      if (fixture.folder[0] != '\0') remove_tree(fixture.folder);
      check_nothing_lives();
    }
}

static void a_freed_service_leaves_a_reader_that_says_so(void) {
  fixture_t fixture = in_memory();
  uint8_t   byte;
  must_put(&fixture, "object", 100, 1);
  blobferry_reader_t *reader = reader_with(&fixture, "object", NULL);
  check_read(&fixture, reader, 10, 10, 1, 0);
  blobferry_service_free(fixture.service);
  CHECK_STATUS(blobferry_reader_read(reader, fixture.cq, &byte, 1, NULL, 0, NULL, NULL), BLOBFERRY_E_CLOSED);
  blobferry_reader_free(reader);
  blobferry_store_free(fixture.store);
  blobferry_cq_free(fixture.cq);
}

static void a_reader_counts_as_a_handle(void) {
  fixture_t               fixture = in_memory();
  blobferry_live_counts_t before = BLOBFERRY_LIVE_COUNTS_INIT, after = BLOBFERRY_LIVE_COUNTS_INIT;
  blobferry_live_counts(&before);
  blobferry_reader_t *reader = reader_with(&fixture, "object", NULL);
  blobferry_live_counts(&after);
  CHECK_INT(after.handles, before.handles + 1);
  CHECK_INT(after.leases, 0);
  blobferry_reader_free(reader);
  fixture_free(&fixture);
}

TESTS(TEST(a_call_while_a_read_is_under_way_is_refused), TEST(a_read_that_waits_ends_by_cancel_deadline_and_close),
      TEST(a_refused_read_changes_nothing), TEST(a_panic_is_the_error_of_the_read),
      TEST(a_part_may_come_after_its_read_has_ended), TEST(two_threads_at_the_same_instant_are_told),
      TEST(a_freed_reader_ends_its_read_by_a_completion), TEST(a_reader_may_be_freed_first_or_last),
      TEST(a_freed_service_leaves_a_reader_that_says_so), TEST(a_reader_counts_as_a_handle))
