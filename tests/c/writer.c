/*
 * What a writer makes, in memory and in a folder: what writer.h says of finishing
 * and of giving up. writer_life.c has requests that end early and who may use a
 * writer when; stream_model.c plays many writers by dice; net_writer.c has servers;
 * stream_decode.c what is compressed.
 */
#include "streams.h"

/* -- making one -------------------------------------------------------------------------------------- */

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

/* -- finishing --------------------------------------------------------------------------------------- */

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

/* -- giving up --------------------------------------------------------------------------------------- */

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

TESTS(TEST(wrong_options_are_refused), TEST(wrong_requests_are_refused),
      TEST(the_object_is_there_when_the_finish_has_completed), TEST(what_was_there_is_replaced_by_the_finish),
      TEST(an_object_may_be_empty), TEST(details_tell_the_new_revision), TEST(headers_and_metadata_are_kept),
      TEST(compression_sets_no_content_encoding), TEST(create_holds_when_the_finish_completes),
      TEST(a_finished_writer_is_used_no_more), TEST(nothing_is_left_of_an_aborted_writer),
      TEST(nothing_is_left_of_a_dropped_writer), TEST(a_file_in_the_way_ends_the_writer))
