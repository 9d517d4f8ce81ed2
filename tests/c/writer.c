/*
 * The life of a writer, in memory and in a folder: what writer.h says of finishing
 * and giving up, of requests that end early, of who may use it when.
 * stream_model.c plays many writers by dice; net_stream.c has servers;
 * stream_decode.c what is compressed. The store fault:// has keys that wait for
 * ever and panic.
 */
#include "streams.h"

#include <dirent.h>

static fixture_t fixture_of(int kind) { return kind == 0 ? in_memory() : in_folder(); }
static fixture_t in_faults(void) { return with_url("fault://test", NULL, 0); }

/* How many names there are in the folder of the fixture, whatever they begin with. */
static int names_in(const fixture_t *fixture) {
  int            count = 0;
  DIR           *folder = opendir(fixture->folder);
  struct dirent *entry;
  while (folder != NULL && (entry = readdir(folder)) != NULL)
    if (strcmp(entry->d_name, ".") != 0 && strcmp(entry->d_name, "..") != 0) count++;
  if (folder != NULL) closedir(folder);
  return count;
}

/* -- making one ---------------------------------------------------------------------------------------- */

static void check_refused(const fixture_t *fixture, const char *key, const blobferry_writer_options_t *options,
                          blobferry_status_t status, const char *part) {
  blobferry_error_t  *error = NULL;
  blobferry_writer_t *untouched = (blobferry_writer_t *)&failures_in_test, *writer = untouched;
  CHECK_STATUS(blobferry_writer_new(fixture->store, key, options, &writer, &error), status);
  CHECK(writer == untouched);
  check_error(error, status, part);
}

static void wrong_options_are_refused(void) {
  static const struct {
    uint32_t compression;
    int32_t  level;
  } levels[] = {{BLOBFERRY_COMPRESSION_NONE, 1},  {BLOBFERRY_COMPRESSION_GZIP, 10}, {BLOBFERRY_COMPRESSION_GZIP, -1},
                {BLOBFERRY_COMPRESSION_DEFLATE, 10}, {BLOBFERRY_COMPRESSION_ZSTD, 23}, {BLOBFERRY_COMPRESSION_ZSTD, -8},
                {BLOBFERRY_COMPRESSION_ZSTD, INT32_MIN}};
  const blobferry_pair_t     twice[] = {{"a", "1"}, {"a", "2"}};
  fixture_t                  fixture = in_memory();
  blobferry_writer_options_t options = usual_writer;
  options.compression = BLOBFERRY_COMPRESSION_AUTO;
  check_refused(&fixture, "a", &options, BLOBFERRY_E_ARGUMENT, "compress");
  options.compression = 5;
  check_refused(&fixture, "a", &options, BLOBFERRY_E_ARGUMENT, "compression` is 5");
  for (size_t i = 0; i < sizeof levels / sizeof levels[0]; i++) {
    options = usual_writer;
    options.compression = levels[i].compression;
    options.compression_level = levels[i].level;
    check_refused(&fixture, "a", &options, BLOBFERRY_E_ARGUMENT, "level");
  }
  options = usual_writer;
  options.mode = BLOBFERRY_PUT_UPDATE;
  check_refused(&fixture, "a", &options, BLOBFERRY_E_ARGUMENT, "mode");
  options.mode = 3;
  check_refused(&fixture, "a", &options, BLOBFERRY_E_ARGUMENT, "mode");
  options = usual_writer;
  options.flags = BLOBFERRY_REQUEST_DETAILS;
  check_refused(&fixture, "a", &options, BLOBFERRY_E_ARGUMENT, "flags");
  options = usual_writer;
  options.reserved = 1;
  check_refused(&fixture, "a", &options, BLOBFERRY_E_ARGUMENT, "reserved");
  options = usual_writer;
  options.metadata = twice;
  options.metadata_count = 2;
  check_refused(&fixture, "a", &options, BLOBFERRY_E_ARGUMENT, "twice");
  check_refused(&fixture, "a//b", NULL, BLOBFERRY_E_ARGUMENT, "a//b");
  fixture_free(&fixture);
  fixture = in_folder();
  options = usual_writer;
  options.content_type = "text/plain";
  check_refused(&fixture, "a", &options, BLOBFERRY_E_UNSUPPORTED, "");
  fixture_free(&fixture);
}

static void wrong_requests_are_refused(void) {
  fixture_t                 fixture = in_memory();
  blobferry_writer_t       *writer = writer_with(&fixture, "object", NULL);
  blobferry_write_options_t options = BLOBFERRY_WRITE_OPTIONS_INIT;
  uint8_t                   byte = 1;
  options.flags = BLOBFERRY_REQUEST_DETAILS; /* of a finish alone */
  CHECK_STATUS(blobferry_writer_write(writer, fixture.cq, &byte, 1, &options, 0, NULL, NULL), BLOBFERRY_E_ARGUMENT);
  CHECK_STATUS(blobferry_writer_flush(writer, fixture.cq, &options, 0, NULL, NULL), BLOBFERRY_E_ARGUMENT);
  CHECK_STATUS(blobferry_writer_abort(writer, fixture.cq, &options, 0, NULL, NULL), BLOBFERRY_E_ARGUMENT);
  options.flags = 2;
  CHECK_STATUS(blobferry_writer_finish(writer, fixture.cq, &options, 0, NULL, NULL), BLOBFERRY_E_ARGUMENT);
  CHECK_STATUS(blobferry_writer_write(writer, fixture.cq, NULL, 1, NULL, 0, NULL, NULL), BLOBFERRY_E_ARGUMENT);
  CHECK_STATUS(blobferry_writer_write(NULL, fixture.cq, &byte, 1, NULL, 0, NULL, NULL), BLOBFERRY_E_ARGUMENT);
  CHECK_STATUS(blobferry_writer_write(writer, NULL, &byte, 1, NULL, 0, NULL, NULL), BLOBFERRY_E_ARGUMENT);
  /* None of that was the writer's last. */
  check_outcome(write_some(&fixture, writer, 100, 1, 0), BLOBFERRY_OK, "");
  must_finish(&fixture, writer, 100);
  check_object(&fixture, "object", 100, 1);
  fixture_free(&fixture);
}

/* -- finishing ----------------------------------------------------------------------------------------- */

static void the_object_is_there_when_the_finish_has_completed(void) {
  for (int kind = 0; kind < 2; kind++) {
    fixture_t           fixture = fixture_of(kind);
    blobferry_writer_t *writer = writer_with(&fixture, "a/b/object", NULL);
    uint64_t            size = 0;
    for (size_t piece = 0; piece < 3000000; piece = piece * 3 + 1) {
      must_write(&fixture, writer, piece, 1, size);
      size += piece;
      check_absent(&fixture, "a/b/object");
      if (piece > 100000) must_flush(&fixture, writer);
    }
    check_keys(&fixture, "", NULL, "");
    must_finish(&fixture, writer, size);
    check_object(&fixture, "a/b/object", (size_t)size, 1);
    check_keys(&fixture, "", NULL, "a/b/object\n");
    fixture_free(&fixture);
  }
}

static void what_was_there_is_replaced_by_the_finish(void) {
  for (int kind = 0; kind < 2; kind++) {
    fixture_t fixture = fixture_of(kind);
    must_put(&fixture, "object", 500, 1);
    blobferry_writer_t *writer = writer_with(&fixture, "object", NULL);
    must_write(&fixture, writer, 1000, 2, 0);
    check_object(&fixture, "object", 500, 1);
    must_finish(&fixture, writer, 1000);
    check_object(&fixture, "object", 1000, 2);
    fixture_free(&fixture);
  }
}

static void an_object_may_be_empty(void) {
  for (int kind = 0; kind < 2; kind++)
    for (int writes = 0; writes < 3; writes++) {
      fixture_t           fixture = fixture_of(kind);
      blobferry_writer_t *writer = writer_with(&fixture, "object", NULL);
      for (int i = 0; i < writes; i++) must_write(&fixture, writer, 0, 1, 0);
      must_finish(&fixture, writer, 0);
      check_object(&fixture, "object", 0, 1);
      fixture_free(&fixture);
    }
}

static void details_tell_the_new_revision(void) {
  for (int kind = 0; kind < 2; kind++) {
    fixture_t                 fixture = fixture_of(kind);
    blobferry_write_options_t options = BLOBFERRY_WRITE_OPTIONS_INIT;
    blobferry_writer_t       *writer = writer_with(&fixture, "object", NULL);
    options.flags = BLOBFERRY_REQUEST_DETAILS;
    must_write(&fixture, writer, 1000, 1, 0);
    blobferry_completion_t finished = end_with(&fixture, writer, blobferry_writer_finish, &options);
    blobferry_completion_t looked_at = head(&fixture, "object");
    CHECK_INT(blobferry_details_size(finished.details), 1000);
    CHECK_TEXT(blobferry_details_revision(finished.details), blobferry_details_revision(looked_at.details));
    check_outcome(finished, BLOBFERRY_OK, "");
    dispose(&looked_at);
    blobferry_writer_free(writer);
    fixture_free(&fixture);
  }
}

static void headers_and_metadata_are_kept(void) {
  const blobferry_pair_t     metadata[] = {{"colour", "blue"}, {"shape", "round"}};
  fixture_t                  fixture = in_memory();
  blobferry_writer_options_t options = usual_writer;
  options.content_type = "text/csv";
  options.content_encoding = "gzip";
  options.content_language = "de";
  options.content_disposition = "attachment";
  options.cache_control = "no-store";
  options.metadata = metadata;
  options.metadata_count = 2;
  blobferry_writer_t *writer = writer_with(&fixture, "object", &options);
  must_write(&fixture, writer, 10, 1, 0);
  must_finish(&fixture, writer, 10);
  blobferry_completion_t  about = head(&fixture, "object");
  size_t                  count = 0;
  const blobferry_pair_t *pairs = blobferry_details_metadata(about.details, &count);
  CHECK_TEXT(blobferry_details_content_type(about.details), "text/csv");
  CHECK_TEXT(blobferry_details_content_encoding(about.details), "gzip");
  CHECK_TEXT(blobferry_details_content_language(about.details), "de");
  CHECK_TEXT(blobferry_details_content_disposition(about.details), "attachment");
  CHECK_TEXT(blobferry_details_cache_control(about.details), "no-store");
  CHECK_INT(count, 2);
  if (count == 2) CHECK_TEXT(pairs[1].value, "round");
  dispose(&about);
  fixture_free(&fixture);
}

static void compression_sets_no_content_encoding(void) {
  fixture_t                  fixture = in_memory();
  blobferry_writer_options_t options = usual_writer;
  options.compression = BLOBFERRY_COMPRESSION_GZIP;
  blobferry_writer_t *writer = writer_with(&fixture, "object", &options);
  must_write(&fixture, writer, 10, 1, 0);
  check_outcome(finish_writer(&fixture, writer), BLOBFERRY_OK, "");
  blobferry_completion_t about = head(&fixture, "object");
  CHECK(blobferry_details_content_encoding(about.details) == NULL);
  dispose(&about);
  blobferry_writer_free(writer);
  fixture_free(&fixture);
}

static void create_holds_when_the_finish_completes(void) {
  for (int kind = 0; kind < 2; kind++) {
    fixture_t                  fixture = fixture_of(kind);
    blobferry_writer_options_t options = usual_writer;
    options.mode = BLOBFERRY_PUT_CREATE;
    blobferry_writer_t *first = writer_with(&fixture, "object", &options);
    blobferry_writer_t *second = writer_with(&fixture, "object", &options);
    must_write(&fixture, first, 1000, 1, 0);
    must_write(&fixture, second, 2000, 2, 0);
    must_finish(&fixture, second, 2000);
    check_outcome(finish_writer(&fixture, first), BLOBFERRY_E_EXISTS, "object");
    check_object(&fixture, "object", 2000, 2);
    /* That was its last request, and all that follow end so. */
    check_outcome(write_some(&fixture, first, 10, 1, 0), BLOBFERRY_E_EXISTS, "object");
    check_outcome(finish_writer(&fixture, first), BLOBFERRY_E_EXISTS, "object");
    must_abort(&fixture, first);
    blobferry_writer_free(first);
    check_object(&fixture, "object", 2000, 2);
    fixture_free(&fixture);
  }
}

static void a_finished_writer_is_used_no_more(void) {
  for (int kind = 0; kind < 2; kind++) {
    fixture_t           fixture = fixture_of(kind);
    blobferry_writer_t *writer = writer_with(&fixture, "object", NULL);
    must_write(&fixture, writer, 100, 1, 0);
    check_outcome(finish_writer(&fixture, writer), BLOBFERRY_OK, "");
    check_refusal(write_some(&fixture, writer, 10, 1, 0), BLOBFERRY_E_ARGUMENT, "finished");
    check_refusal(finish_writer(&fixture, writer), BLOBFERRY_E_ARGUMENT, "finished");
    check_refusal(end_with(&fixture, writer, blobferry_writer_flush, NULL), BLOBFERRY_E_ARGUMENT, "finished");
    check_refusal(end_with(&fixture, writer, blobferry_writer_abort, NULL), BLOBFERRY_E_ARGUMENT, "finished");
    blobferry_writer_free(writer);
    check_object(&fixture, "object", 100, 1);
    fixture_free(&fixture);
  }
}

/* -- giving up ----------------------------------------------------------------------------------------- */

static void nothing_is_left_of_an_aborted_writer(void) {
  for (int kind = 0; kind < 2; kind++) {
    fixture_t           fixture = fixture_of(kind);
    blobferry_writer_t *writer = writer_with(&fixture, "a/object", NULL);
    must_write(&fixture, writer, 2000000, 1, 0);
    must_abort(&fixture, writer);
    check_absent(&fixture, "a/object");
    check_refusal(write_some(&fixture, writer, 10, 1, 0), BLOBFERRY_E_ARGUMENT, "aborted");
    check_refusal(finish_writer(&fixture, writer), BLOBFERRY_E_ARGUMENT, "aborted");
    must_abort(&fixture, writer);
    blobferry_writer_free(writer);
    settle(fixture.service);
    CHECK_STATUS(blobferry_service_drain(fixture.service, 10000, NULL), BLOBFERRY_OK);
    if (kind == 1) CHECK_INT(names_in(&fixture), 0);
    fixture_free(&fixture);
  }
}

static void nothing_is_left_of_a_dropped_writer(void) {
  for (int kind = 0; kind < 2; kind++) {
    fixture_t fixture = fixture_of(kind);
    must_put(&fixture, "object", 10, 1);
    blobferry_writer_t *writer = writer_with(&fixture, "object", NULL);
    must_write(&fixture, writer, 2000000, 2, 0);
    blobferry_writer_free(writer);
    blobferry_writer_free(writer_with(&fixture, "object", NULL));
    blobferry_writer_free(NULL);
    CHECK_STATUS(blobferry_service_drain(fixture.service, 10000, NULL), BLOBFERRY_OK);
    CHECK_INT(usage_of(fixture.service).uploads_aborting, 0);
    check_object(&fixture, "object", 10, 1);
    if (kind == 1) CHECK_INT(names_in(&fixture), 1);
    fixture_free(&fixture);
  }
}

static void a_file_in_the_way_ends_the_writer(void) {
  fixture_t fixture = in_folder();
  must_put(&fixture, "a", 10, 1);
  blobferry_writer_t    *writer = writer_with(&fixture, "a/b", NULL);
  blobferry_completion_t completion = write_some(&fixture, writer, 100, 1, 0);
  if (completion.status == BLOBFERRY_OK) {
    dispose(&completion);
    completion = finish_writer(&fixture, writer);
  }
  check_outcome(completion, BLOBFERRY_E_UNSUPPORTED, "a/b");
  for (int i = 0; i < 2; i++) {
    check_outcome(write_some(&fixture, writer, 100, 1, 0), BLOBFERRY_E_UNSUPPORTED, "a/b");
    check_outcome(end_with(&fixture, writer, blobferry_writer_flush, NULL), BLOBFERRY_E_UNSUPPORTED, "a/b");
    check_outcome(finish_writer(&fixture, writer), BLOBFERRY_E_UNSUPPORTED, "a/b");
  }
  must_abort(&fixture, writer);
  blobferry_writer_free(writer);
  check_object(&fixture, "a", 10, 1);
  fixture_free(&fixture);
}

/* -- requests that end early --------------------------------------------------------------------------- */

static blobferry_ticket_t begin_write(const fixture_t *fixture, blobferry_writer_t *writer, const uint8_t *byte) {
  blobferry_ticket_t ticket = 0;
  must(blobferry_writer_write(writer, fixture->cq, byte, 1, NULL, 1, &ticket, NULL), NULL, "blobferry_writer_write");
  return ticket;
}

static void a_call_while_a_request_is_under_way_is_refused(void) {
  fixture_t           fixture = in_faults();
  blobferry_writer_t *writer = writer_with(&fixture, "never", NULL);
  uint8_t             byte = 1;
  blobferry_ticket_t  ticket = begin_write(&fixture, writer, &byte);
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
    uint8_t                   byte = 1;
    if (way == 0) must_cancel(fixture.cq, begin_write(&fixture, writer, &byte));
    if (way == 0) expect(fixture.cq, BLOBFERRY_E_CANCELLED, 1);
    options.timeout_ms = 20;
    if (way == 1) check_outcome(end_with(&fixture, writer, blobferry_writer_finish, &options), BLOBFERRY_E_DEADLINE, "");
    if (way == 2) {
      must(blobferry_writer_write(writer, closing, &byte, 1, NULL, 1, NULL, NULL), NULL, "blobferry_writer_write");
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
  must(blobferry_writer_write(never, small, &byte, 1, NULL, 1, &ticket, NULL), NULL, "blobferry_writer_write");
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
  check_outcome(write_some(&fixture, writer, 10, 1, 0), BLOBFERRY_E_PANIC, "asked to panic");
  check_outcome(write_some(&fixture, writer, 10, 1, 0), BLOBFERRY_E_CANCELLED, "panic-in-poll");
  blobferry_writer_free(writer);
  must_put(&fixture, "object", 10, 1);
  fixture_free(&fixture);
}

/* -- who uses it, and until when ----------------------------------------------------------------------- */

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
  uint8_t             byte = 1;
  blobferry_ticket_t  ticket = begin_write(&fixture, writer, &byte);
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

TESTS(TEST(wrong_options_are_refused), TEST(wrong_requests_are_refused),
      TEST(the_object_is_there_when_the_finish_has_completed), TEST(what_was_there_is_replaced_by_the_finish),
      TEST(an_object_may_be_empty), TEST(details_tell_the_new_revision), TEST(headers_and_metadata_are_kept),
      TEST(compression_sets_no_content_encoding), TEST(create_holds_when_the_finish_completes),
      TEST(a_finished_writer_is_used_no_more), TEST(nothing_is_left_of_an_aborted_writer),
      TEST(nothing_is_left_of_a_dropped_writer), TEST(a_file_in_the_way_ends_the_writer),
      TEST(a_call_while_a_request_is_under_way_is_refused), TEST(a_writer_is_over_after_a_request_that_ended_early),
      TEST(a_writer_cancelled_at_any_moment_is_over), TEST(a_cancelled_finish_has_not_taken_effect),
      TEST(a_refused_request_changes_nothing), TEST(a_panic_is_the_error_of_the_writer),
      TEST(two_threads_at_the_same_instant_are_told), TEST(a_freed_writer_ends_its_request_by_a_completion),
      TEST(a_writer_may_be_freed_first_or_last), TEST(a_freed_service_leaves_a_writer_that_says_so))
