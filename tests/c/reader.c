/*
 * What a reader reads, in memory and in a folder: what reader.h says of positions,
 * of ends and of the state that is read. reader_life.c has requests that end early
 * and who may use a reader when; stream_model.c plays many steps by dice;
 * net_reader.c has servers; stream_decode.c what is compressed.
 */
#include "streams.h"

#include <fcntl.h>

/* -- making one -------------------------------------------------------------------------------------- */

static void check_refused(const fixture_t *fixture, const char *key, const blobferry_reader_options_t *options,
                          blobferry_status_t status, const char *part) {
  blobferry_error_t  *error = NULL;
  blobferry_reader_t *untouched = (blobferry_reader_t *)&failures_in_test, *reader = untouched;
  CHECK_STATUS(blobferry_reader_new(fixture->store, key, options, &reader, &error), status);
  CHECK(reader == untouched);
  check_error(error, status, part);
}

static void nothing_is_read_before_the_first_read(void) {
  for (int kind = 0; kind < 2; kind++) {
    fixture_t           fixture = fixture_of(kind);
    blobferry_reader_t *reader = reader_with(&fixture, "object", NULL);
    check_read_fails(&fixture, reader, BLOBFERRY_E_NOT_FOUND, "read `object`");
    must_put(&fixture, "object", 1000, 1);
    check_read(&fixture, reader, 100, 100, 1, 0);
    blobferry_reader_free(reader);
    blobferry_reader_free(reader_with(&fixture, "another", NULL));
    fixture_free(&fixture);
  }
}

static void wrong_options_are_refused(void) {
  fixture_t                  fixture = in_memory();
  blobferry_reader_options_t options = usual_reader;
  options.compression = 5;
  check_refused(&fixture, "a", &options, BLOBFERRY_E_ARGUMENT, "compression` is 5");
  options = usual_reader;
  options.flags = 1;
  check_refused(&fixture, "a", &options, BLOBFERRY_E_ARGUMENT, "flags");
  options = usual_reader;
  options.reserved = 1;
  check_refused(&fixture, "a", &options, BLOBFERRY_E_ARGUMENT, "reserved");
  options = usual_reader;
  options.version = "1";
  check_refused(&fixture, "a", &options, BLOBFERRY_E_UNSUPPORTED, "version");
  check_refused(&fixture, "a//b", NULL, BLOBFERRY_E_ARGUMENT, "a//b");
  blobferry_reader_t      *reader = reader_with(&fixture, "a", NULL);
  blobferry_read_options_t read = BLOBFERRY_READ_OPTIONS_INIT;
  read.flags = BLOBFERRY_REQUEST_DETAILS;
  CHECK_STATUS(blobferry_reader_read(reader, fixture.cq, NULL, 0, &read, 0, NULL, NULL), BLOBFERRY_E_ARGUMENT);
  CHECK_STATUS(blobferry_reader_read(reader, fixture.cq, NULL, 1, NULL, 0, NULL, NULL), BLOBFERRY_E_ARGUMENT);
  blobferry_service_t *other = new_service();
  blobferry_cq_t      *cq = new_cq(other, 1, BLOBFERRY_WAKE_NONE);
  CHECK_STATUS(blobferry_reader_read(reader, cq, NULL, 0, NULL, 0, NULL, NULL), BLOBFERRY_E_ARGUMENT);
  blobferry_cq_free(cq);
  blobferry_service_free(other);
  blobferry_reader_free(reader);
  fixture_free(&fixture);
}

/* -- positions --------------------------------------------------------------------------------------- */

static void a_read_fills_the_buffer_unless_the_end_comes(void) {
  for (int kind = 0; kind < 2; kind++) {
    fixture_t fixture = fixture_of(kind);
    must_put(&fixture, "object", 100000, 1);
    for (uint64_t part = 1000; part < 1000000; part *= 7) {
      blobferry_reader_options_t options = reader_parts(part, 0, 0);
      blobferry_reader_t        *reader = reader_with(&fixture, "object", &options);
      uint64_t                   at = 0;
      CHECK_INT(blobferry_reader_position(reader), 0);
      for (size_t size = 1; at < 100000; size = size * 3 + 1) {
        size_t wanted = at + size > 100000 ? 100000 - (size_t)at : size;
        check_read(&fixture, reader, size, wanted, 1, at);
        at += wanted;
        CHECK_INT(blobferry_reader_position(reader), at);
        CHECK_INT(size_of(reader), 100000);
      }
      for (int i = 0; i < 3; i++) check_read(&fixture, reader, 10, 0, 1, at);
      CHECK_INT(blobferry_reader_position(reader), 100000);
      blobferry_reader_free(reader);
    }
    fixture_free(&fixture);
  }
}

static void an_empty_object_ends_at_once(void) {
  for (int kind = 0; kind < 2; kind++) {
    fixture_t fixture = fixture_of(kind);
    must_put(&fixture, "object", 0, 1);
    blobferry_reader_t *reader = reader_with(&fixture, "object", NULL);
    for (int i = 0; i < 3; i++) check_read(&fixture, reader, 10, 0, 1, 0);
    CHECK_INT(size_of(reader), 0);
    blobferry_reader_free(reader);
    fixture_free(&fixture);
  }
}

static void a_read_of_no_bytes_gives_none(void) {
  fixture_t           fixture = in_memory();
  blobferry_reader_t *reader = reader_with(&fixture, "object", NULL);
  check_read(&fixture, reader, 0, 0, 1, 0);
  CHECK(size_of(reader) == UINT64_MAX);
  must_put(&fixture, "object", 100, 1);
  check_read(&fixture, reader, 10, 10, 1, 0);
  check_read(&fixture, reader, 0, 0, 1, 10);
  check_read(&fixture, reader, 10, 10, 1, 10);
  blobferry_reader_free(reader);
  fixture_free(&fixture);
}

static void a_seek_leads_anywhere(void) {
  static const uint64_t places[] = {0, 1, 999, 1000, 1001, 50000, 99999, 100000, 100001, UINT64_MAX, 500, 60000, 0};
  for (int kind = 0; kind < 2; kind++) {
    fixture_t                  fixture = fixture_of(kind);
    blobferry_reader_options_t options = reader_parts(1000, 0, 0);
    must_put(&fixture, "object", 100000, 1);
    blobferry_reader_t *reader = reader_with(&fixture, "object", &options);
    for (size_t i = 0; i < sizeof places / sizeof places[0]; i++) {
      uint64_t left = places[i] < 100000 ? 100000 - places[i] : 0;
      size_t   wanted = left < 1500 ? (size_t)left : 1500;
      must_seek(reader, places[i]);
      check_read(&fixture, reader, 1500, wanted, 1, places[i]);
      CHECK_INT(blobferry_reader_position(reader), (long long)(places[i] + wanted));
      CHECK_INT(size_of(reader), 100000);
    }
    blobferry_reader_free(reader);
    fixture_free(&fixture);
  }
}

/* Before the first read, too: the size is told all the same. */
static void a_seek_may_come_first(void) {
  static const uint64_t places[] = {10, 100, 1000, 5000000000};
  for (int kind = 0; kind < 2; kind++)
    for (size_t i = 0; i < 4; i++) {
      fixture_t fixture = fixture_of(kind);
      must_put(&fixture, "object", 100, 1);
      blobferry_reader_t *reader = reader_with(&fixture, "object", NULL);
      must_seek(reader, places[i]);
      check_read(&fixture, reader, 50, places[i] == 10 ? 50 : 0, 1, places[i]);
      CHECK_INT(size_of(reader), 100);
      must_seek(reader, 0);
      check_read(&fixture, reader, 200, 100, 1, 0);
      blobferry_reader_free(reader);
      fixture_free(&fixture);
    }
}

static void offset_and_length_are_all_that_is_read(void) {
  static const struct {
    uint64_t offset, length, wanted;
  } cases[] = {{0, 0, 0},   {0, 1, 1},           {10, 20, 20},        {90, 20, 10},
               {0, 100, 100}, {99, UINT64_MAX, 1}, {1, UINT64_MAX, 99}};
  for (int kind = 0; kind < 2; kind++) {
    fixture_t fixture = fixture_of(kind);
    must_put(&fixture, "object", 100, 1);
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
      blobferry_reader_options_t options = reader_parts(7, 0, 0);
      options.offset = cases[i].offset;
      options.length = cases[i].length;
      blobferry_reader_t *reader = reader_with(&fixture, "object", &options);
      check_read(&fixture, reader, 200, cases[i].wanted, 1, cases[i].offset);
      CHECK_INT(size_of(reader), cases[i].wanted);
      must_seek(reader, cases[i].wanted / 2);
      check_read(&fixture, reader, 200, cases[i].wanted - cases[i].wanted / 2, 1,
                 cases[i].offset + cases[i].wanted / 2);
      blobferry_reader_free(reader);
    }
    for (uint64_t offset = 100; offset < 102; offset++) {
      blobferry_reader_options_t options = usual_reader;
      options.offset = offset;
      blobferry_reader_t *reader = reader_with(&fixture, "object", &options);
      for (int i = 0; i < 2; i++) check_read_fails(&fixture, reader, BLOBFERRY_E_RANGE, "object");
      blobferry_reader_free(reader);
    }
    fixture_free(&fixture);
  }
}

static void the_size_is_told_after_the_first_read(void) {
  fixture_t           fixture = in_memory();
  uint64_t            size = 4711;
  blobferry_error_t  *error = NULL;
  blobferry_reader_t *reader = reader_with(&fixture, "object", NULL);
  CHECK_STATUS(blobferry_reader_size(reader, &size, &error), BLOBFERRY_E_ARGUMENT);
  check_error(error, BLOBFERRY_E_ARGUMENT, "no read");
  check_read_fails(&fixture, reader, BLOBFERRY_E_NOT_FOUND, "");
  CHECK_STATUS(blobferry_reader_size(reader, &size, NULL), BLOBFERRY_E_ARGUMENT);
  CHECK_INT(size, 4711);
  must_put(&fixture, "object", 10, 1);
  check_read(&fixture, reader, 1, 1, 1, 0);
  CHECK_INT(size_of(reader), 10);
  CHECK_STATUS(blobferry_reader_size(reader, NULL, NULL), BLOBFERRY_E_ARGUMENT);
  CHECK_INT(blobferry_reader_position(NULL), 0);
  blobferry_reader_free(reader);
  fixture_free(&fixture);
}

/* -- states ------------------------------------------------------------------------------------------ */

static char *revision_of(const fixture_t *fixture, const char *key) {
  blobferry_completion_t completion = head(fixture, key);
  char                  *revision = strdup(blobferry_details_revision(completion.details));
  dispose(&completion);
  return revision;
}

static void if_match_is_looked_at_by_the_first_read(void) {
  for (int kind = 0; kind < 2; kind++) {
    fixture_t                  fixture = fixture_of(kind);
    blobferry_reader_options_t options = usual_reader;
    must_put(&fixture, "object", 100, 1);
    char *revision = revision_of(&fixture, "object");
    options.if_match = revision;
    blobferry_reader_t *reader = reader_with(&fixture, "object", &options);
    check_read(&fixture, reader, 10, 10, 1, 0);
    must_put(&fixture, "object", 101, 2);
    check_read(&fixture, reader, 100, 90, 1, 10);
    blobferry_reader_free(reader);
    reader = reader_with(&fixture, "object", &options);
    for (int i = 0; i < 2; i++) check_read_fails(&fixture, reader, BLOBFERRY_E_PRECONDITION, "revision");
    blobferry_reader_free(reader);
    free(revision);
    fixture_free(&fixture);
  }
}

static void memory_and_file_read_on_whatever_happens_to_the_key(void) {
  for (int kind = 0; kind < 2; kind++) {
    fixture_t                  fixture = fixture_of(kind);
    blobferry_reader_options_t options = reader_parts(1000, 0, 0);
    options.max_prefetch = 1000;
    must_put(&fixture, "object", 50000, 1);
    blobferry_reader_t *reader = reader_with(&fixture, "object", &options);
    check_read(&fixture, reader, 10, 10, 1, 0);
    must_put(&fixture, "object", 60000, 2);
    check_read(&fixture, reader, 20000, 20000, 1, 10);
    check_outcome(delete(&fixture, "object"), BLOBFERRY_OK, "");
    check_read(&fixture, reader, 50000, 29990, 1, 20010);
    must_seek(reader, 5);
    check_read(&fixture, reader, 100, 100, 1, 5);
    CHECK_INT(size_of(reader), 50000);
    blobferry_reader_free(reader);
    fixture_free(&fixture);
  }
}

static void a_file_that_is_written_to_in_its_place_has_changed(void) {
  fixture_t                  fixture = in_folder();
  blobferry_reader_options_t options = reader_parts(1000, 0, 0);
  char                       path[512];
  options.max_prefetch = 1000;
  must_put(&fixture, "object", 50000, 1);
  blobferry_reader_t *reader = reader_with(&fixture, "object", &options);
  check_read(&fixture, reader, 10, 10, 1, 0);
  snprintf(path, sizeof path, "%s/object", fixture.folder);
  FILE *file = fopen(path, "r+");
  CHECK(file != NULL && fwrite("changed", 1, 7, file) == 7 && fclose(file) == 0);
  struct timespec past[2] = {{1, 0}, {1, 0}};
  CHECK_INT(utimensat(AT_FDCWD, path, past, 0), 0);
  must_seek(reader, 30000);
  for (int i = 0; i < 3; i++) check_read_fails(&fixture, reader, BLOBFERRY_E_CHANGED, "object");
  must_seek(reader, 0);
  check_read_fails(&fixture, reader, BLOBFERRY_E_CHANGED, "object");
  blobferry_reader_free(reader);
  fixture_free(&fixture);
}

static void what_is_no_object_cannot_be_read(void) {
  fixture_t fixture = in_folder();
  char      path[512];
  must_put(&fixture, "folder/object", 10, 1);
  snprintf(path, sizeof path, "%s/fifo", fixture.folder);
  CHECK_INT(mkfifo(path, 0600), 0);
  blobferry_reader_t *folder = reader_with(&fixture, "folder", NULL), *fifo = reader_with(&fixture, "fifo", NULL);
  check_read_fails(&fixture, folder, BLOBFERRY_E_NOT_FOUND, "folder");
  check_read_fails(&fixture, fifo, BLOBFERRY_E_UNSUPPORTED, "");
  blobferry_reader_free(folder);
  blobferry_reader_free(fifo);
  fixture_free(&fixture);
}

TESTS(TEST(nothing_is_read_before_the_first_read), TEST(wrong_options_are_refused),
      TEST(a_read_fills_the_buffer_unless_the_end_comes), TEST(an_empty_object_ends_at_once),
      TEST(a_read_of_no_bytes_gives_none), TEST(a_seek_leads_anywhere), TEST(a_seek_may_come_first),
      TEST(offset_and_length_are_all_that_is_read), TEST(the_size_is_told_after_the_first_read),
      TEST(if_match_is_looked_at_by_the_first_read), TEST(memory_and_file_read_on_whatever_happens_to_the_key),
      TEST(a_file_that_is_written_to_in_its_place_has_changed), TEST(what_is_no_object_cannot_be_read))
