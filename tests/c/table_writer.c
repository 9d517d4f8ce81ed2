/*
 * Tables into objects, chunk by chunk: when a chunk's memory is back, what the finish makes of the chunks, and that
 * nothing is left of a writer that ends in any other way. net_table_writer.c has servers.
 */
#include "table_streams.h"

/* Those whose chunks can be told apart by looking at the bytes. */
static void chunks_follow_each_other(void) {
  for (int kind = 0; kind < 2; kind++) {
    fixture_t                       fixture = fixture_of(kind);
    blobferry_table_write_options_t options = in_format(BLOBFERRY_FORMAT_CSV);
    given_t                         g = {0};
    text_column(&g);
    blobferry_table_writer_t *writer = table_writer_with(&fixture, "a/object", &g, &options);
    for (int i = 0; i < 2; i++) {
      given_t chunk = {0};
      text_column(&chunk);
      blobferry_completion_t completion = write_chunk_with(&fixture, writer, &chunk, NULL);
      CHECK_INT(completion.result, 3);
      check_outcome(completion, BLOBFERRY_OK, "");
      tree_free(&chunk.tree);
      check_absent(&fixture, "a/object");
    }
    must_finish_table(&fixture, writer, 6);
    check_text_object(&fixture, "a/object", "x\n\xc3\xa9\xc3\xa9n\n\"\"\ndrie\n\xc3\xa9\xc3\xa9n\n\"\"\ndrie\n");
    fixture_free(&fixture);
    tree_free(&g.tree);
  }
}

/* A large chunk and many small ones: each completion has its memory back, checked by write_chunk_with. */
static void a_chunk_is_back_before_the_next(void) {
  for (int kind = 0; kind < 2; kind++)
    for (int i = 0; i < FORMAT_COUNT; i++) {
      fixture_t                       fixture = fixture_of(kind);
      blobferry_table_write_options_t options = in_format(FORMATS[i]);
      blobferry_table_writer_t       *writer = numbers_writer(&fixture, "object", &options);
      int64_t                         rows = 0;
      watch(__func__);
      for (int64_t chunk = 0; chunk < 40; chunk++) {
        int64_t more = chunk == 20 ? 300000 : chunk % 5 * 100;
        must_write_numbers(&fixture, writer, more, rows);
        CHECK_INT(live_leases(), 0);
        rows += more;
      }
      must_finish_table(&fixture, writer, (uint64_t)rows);
      fixture_free(&fixture);
    }
}

/* A `release` that any thread may call is called as soon as it can be: by the time of the completion. */
static void any_thread_may_release(void) {
  fixture_t                       fixture = in_memory();
  blobferry_table_write_options_t options = in_format(BLOBFERRY_FORMAT_IPC_STREAM);
  blobferry_chunk_options_t       chunk = BLOBFERRY_CHUNK_OPTIONS_INIT;
  blobferry_table_writer_t       *writer = numbers_writer(&fixture, "object", &options);
  chunk.flags = BLOBFERRY_IMPORT_ANY_THREAD | BLOBFERRY_IMPORT_TRUSTED;
  for (int i = 0; i < 10; i++) {
    given_t            g = {0};
    blobferry_error_t *error = NULL;
    numbers_column(&g, 100000, 0);
    must(blobferry_table_writer_write(writer, fixture.cq, g.root, &chunk, 1, NULL, &error), error, "write");
    AWAIT(atomic_load(&g.tree.arrays_released) == 1);
    expect(fixture.cq, BLOBFERRY_OK, 1);
    tree_free(&g.tree);
  }
  must_finish_table(&fixture, writer, 1000000);
  fixture_free(&fixture);
}

static void a_table_may_have_no_chunks(void) {
  for (int kind = 0; kind < 2; kind++)
    for (int i = 0; i < FORMAT_COUNT; i++) {
      fixture_t                       fixture = fixture_of(kind);
      blobferry_table_write_options_t options = in_format(FORMATS[i]);
      must_finish_table(&fixture, numbers_writer(&fixture, "object", &options), 0);
      check_outcome(head(&fixture, "object"), BLOBFERRY_OK, "");
      fixture_free(&fixture);
    }
}

static void details_tell_rows_and_row_groups(void) {
  for (int kind = 0; kind < 2; kind++) {
    fixture_t                       fixture = fixture_of(kind);
    blobferry_write_options_t       finish = BLOBFERRY_WRITE_OPTIONS_INIT;
    blobferry_table_write_options_t options = in_format(BLOBFERRY_FORMAT_PARQUET);
    options.row_group_rows = 1000;
    blobferry_table_writer_t *writer = numbers_writer(&fixture, "object", &options);
    finish.flags = BLOBFERRY_REQUEST_DETAILS;
    must_write_numbers(&fixture, writer, 2500, 0);
    blobferry_completion_t finished = end_table(&fixture, writer, blobferry_table_writer_finish, &finish);
    blobferry_completion_t looked_at = head(&fixture, "object");
    CHECK_INT(finished.result, 2500);
    CHECK_INT(blobferry_details_rows(finished.details), 2500);
    CHECK_INT(blobferry_details_row_groups(finished.details), 3);
    CHECK_INT(blobferry_details_size(finished.details), looked_at.result);
    CHECK_TEXT(blobferry_details_revision(finished.details), blobferry_details_revision(looked_at.details));
    check_outcome(finished, BLOBFERRY_OK, "");
    dispose(&looked_at);
    blobferry_table_writer_free(writer);
    fixture_free(&fixture);
  }
}

/* -- what is refused ----------------------------------------------------------------------------------- */

static void check_no_writer(const fixture_t *fixture, given_t *g, const blobferry_table_write_options_t *options,
                            blobferry_status_t status, const char *part) {
  blobferry_error_t        *error = NULL;
  blobferry_table_writer_t *untouched = (blobferry_table_writer_t *)&failures_in_test, *writer = untouched;
  CHECK_STATUS(blobferry_table_writer_new(fixture->store, "object", g->root_schema, options, &writer, &error), status);
  CHECK(writer == untouched);
  CHECK(g->root_schema->release != NULL);
  CHECK_INT(atomic_load(&g->tree.schemas_released), 0);
  check_error(error, status, part);
}

static void wrong_options_leave_the_schema_alone(void) {
  fixture_t                       fixture = in_memory();
  given_t                         g = {0};
  blobferry_table_write_options_t usual = in_format(BLOBFERRY_FORMAT_CSV), options = usual;
  list_column(&g);
  check_no_writer(&fixture, &g, &options, BLOBFERRY_E_UNSUPPORTED, "x");
  options.format = BLOBFERRY_FORMAT_AUTO;
  check_no_writer(&fixture, &g, &options, BLOBFERRY_E_ARGUMENT, "format");
  options = usual, options.timeout_ms = 1;
  check_no_writer(&fixture, &g, &options, BLOBFERRY_E_ARGUMENT, "timeout_ms");
  options = usual, options.flags = BLOBFERRY_REQUEST_DETAILS;
  check_no_writer(&fixture, &g, &options, BLOBFERRY_E_ARGUMENT, "flags");
  tree_free(&g.tree);
  int64_column(&g);
  options = in_format(BLOBFERRY_FORMAT_IPC_FILE);
  g.s->format = "?";
  check_no_writer(&fixture, &g, &options, BLOBFERRY_E_UNSUPPORTED, "?");
  fixture_free(&fixture);
  tree_free(&g.tree);
  fixture = in_folder();
  text_column(&g);
  options = usual, options.content_type = "text/csv";
  check_no_writer(&fixture, &g, &options, BLOBFERRY_E_UNSUPPORTED, "");
  fixture_free(&fixture);
  tree_free(&g.tree);
}

/* A chunk of another schema, or with values that are wrong, stays the caller's; the writer goes on. */
static void wrong_chunks_are_refused(void) {
  fixture_t                       fixture = in_memory();
  given_t                         g = {0};
  blobferry_chunk_options_t       chunk = BLOBFERRY_CHUNK_OPTIONS_INIT;
  blobferry_table_write_options_t options = in_format(BLOBFERRY_FORMAT_CSV);
  text_column(&g);
  blobferry_table_writer_t *writer = table_writer_with(&fixture, "object", &g, &options);
  given_t                   numbers = {0}, broken = {0}, good = {0};
  int64_column(&numbers);
  check_refusal(write_chunk_with(&fixture, writer, &numbers, NULL), BLOBFERRY_E_ARGUMENT, "x");
  text_column(&broken);
  broken.a->buffers[1] = VALUES(&broken.tree, int32_t, 0, 3, 5, 9);
  check_refusal(write_chunk_with(&fixture, writer, &broken, NULL), BLOBFERRY_E_ARGUMENT, "x");
  text_column(&good);
  chunk.flags = 4;
  check_refusal(write_chunk_with(&fixture, writer, &good, &chunk), BLOBFERRY_E_ARGUMENT, "flags");
  chunk.flags = 0, chunk.reserved = 1;
  check_refusal(write_chunk_with(&fixture, writer, &good, &chunk), BLOBFERRY_E_ARGUMENT, "reserved");
  check_outcome(write_chunk_with(&fixture, writer, &good, NULL), BLOBFERRY_OK, "");
  must_finish_table(&fixture, writer, 3);
  CHECK_INT(live_leases(), 0);
  tree_free(&numbers.tree);
  tree_free(&broken.tree);
  tree_free(&good.tree);
  fixture_free(&fixture);
  tree_free(&g.tree);
}

static void create_holds_when_the_finish_completes(void) {
  for (int kind = 0; kind < 2; kind++) {
    fixture_t                       fixture = fixture_of(kind);
    blobferry_table_write_options_t options = in_format(BLOBFERRY_FORMAT_IPC_FILE);
    options.mode = BLOBFERRY_PUT_CREATE;
    blobferry_table_writer_t *writer = numbers_writer(&fixture, "object", &options);
    must_write_numbers(&fixture, writer, 10, 0);
    must_put(&fixture, "object", 10, 1);
    for (int i = 0; i < 2; i++) check_outcome(finish_table(&fixture, writer), BLOBFERRY_E_EXISTS, "object");
    check_outcome(write_numbers(&fixture, writer, 10, 0), BLOBFERRY_E_EXISTS, "object");
    must_abort_table(&fixture, writer);
    blobferry_table_writer_free(writer);
    check_object(&fixture, "object", 10, 1);
    fixture_free(&fixture);
  }
}

/* -- the end ------------------------------------------------------------------------------------------- */

static void a_finished_writer_is_used_no_more(void) {
  fixture_t                       fixture = in_memory();
  blobferry_table_write_options_t options = in_format(BLOBFERRY_FORMAT_PARQUET);
  blobferry_table_writer_t       *writer = numbers_writer(&fixture, "object", &options);
  must_write_numbers(&fixture, writer, 10, 0);
  check_outcome(finish_table(&fixture, writer), BLOBFERRY_OK, "");
  check_refusal(write_numbers(&fixture, writer, 10, 0), BLOBFERRY_E_ARGUMENT, "finished");
  check_refusal(finish_table(&fixture, writer), BLOBFERRY_E_ARGUMENT, "finished");
  check_refusal(end_table(&fixture, writer, blobferry_table_writer_abort, NULL), BLOBFERRY_E_ARGUMENT, "finished");
  blobferry_table_writer_free(writer);
  blobferry_table_writer_free(NULL);
  CHECK_INT(live_leases(), 0);
  fixture_free(&fixture);
}

static void nothing_is_left_of_a_writer_that_is_given_up(void) {
  for (int kind = 0; kind < 2; kind++)
    for (int i = 0; i < FORMAT_COUNT; i++)
      for (int is_dropped = 0; is_dropped < 2; is_dropped++) {
        fixture_t                       fixture = fixture_of(kind);
        blobferry_table_write_options_t options = in_format(FORMATS[i]);
        blobferry_table_writer_t       *writer = numbers_writer(&fixture, "a/object", &options);
        must_write_numbers(&fixture, writer, 50000, 0);
        if (!is_dropped) {
          must_abort_table(&fixture, writer);
          check_refusal(write_numbers(&fixture, writer, 10, 0), BLOBFERRY_E_ARGUMENT, "aborted");
        }
        blobferry_table_writer_free(writer);
        CHECK_STATUS(blobferry_service_drain(fixture.service, 10000, NULL), BLOBFERRY_OK);
        check_absent(&fixture, "a/object");
        if (kind == 1) CHECK_INT(names_in(&fixture), 0);
        fixture_free(&fixture);
      }
}

/* The completion of a cancelled write, too, has the memory back; and the writer is over. */
static void a_writer_cancelled_at_any_moment_is_over(void) {
  uint64_t dice = test_seed();
  for (int kind = 0; kind < 2; kind++)
    for (int i = 0; i < FORMAT_COUNT; i++) {
      fixture_t                       fixture = fixture_of(kind);
      blobferry_table_write_options_t options = in_format(FORMATS[i]);
      long                            done = 0, ended = 0;
      watch(__func__);
      for (long round = rounds(60); round > 0; round--) {
        given_t                   g = {0};
        blobferry_ticket_t        ticket = 0;
        blobferry_table_writer_t *writer = numbers_writer(&fixture, "object", &options);
        numbers_column(&g, 100000, 0);
        must(blobferry_table_writer_write(writer, fixture.cq, g.root, NULL, 1, &ticket, NULL), NULL, "write");
        spin(roll(&dice, 300000));
        must_cancel(fixture.cq, ticket);
        blobferry_completion_t completion = wait_one(fixture.cq);
        CHECK_INT(atomic_load(&g.tree.arrays_released), 1);
        CHECK(pthread_equal(g.tree.releaser, pthread_self()));
        bool was_done = completion.status == BLOBFERRY_OK;
        if (was_done) done++;
        else ended++;
        dispose(&completion);
        tree_free(&g.tree);
        check_outcome(write_numbers(&fixture, writer, 10, 0), was_done ? BLOBFERRY_OK : BLOBFERRY_E_CANCELLED, "");
        blobferry_table_writer_free(writer);
        beat();
      }
      printf("  %ld done, %ld cancelled\n", done, ended);
      check_absent(&fixture, "object");
      CHECK_STATUS(blobferry_service_drain(fixture.service, 10000, NULL), BLOBFERRY_OK);
      if (kind == 1) CHECK_INT(names_in(&fixture), 0);
      CHECK_INT(live_leases(), 0);
      fixture_free(&fixture);
    }
}

/* A finish that is cancelled has taken effect if it says so, and tells rows then; else not. */
static void a_cancelled_finish_has_not_taken_effect(void) {
  uint64_t dice = test_seed();
  for (int kind = 0; kind < 2; kind++) {
    fixture_t                       fixture = fixture_of(kind);
    blobferry_table_write_options_t options = in_format(BLOBFERRY_FORMAT_IPC_FILE);
    long                            done = 0, ended = 0;
    watch(__func__);
    for (long round = rounds(300); round > 0; round--) {
      blobferry_ticket_t        ticket = 0;
      blobferry_table_writer_t *writer = numbers_writer(&fixture, "object", &options);
      must_write_numbers(&fixture, writer, 100, 0);
      must(blobferry_table_writer_finish(writer, fixture.cq, NULL, 1, &ticket, NULL), NULL, "finish");
      spin(roll(&dice, 100000));
      must_cancel(fixture.cq, ticket);
      blobferry_completion_t completion = wait_one(fixture.cq);
      CHECK_INT(completion.flags, 0);
      if (completion.status == BLOBFERRY_OK) {
        done++;
        CHECK_INT(completion.result, 100);
        check_outcome(head(&fixture, "object"), BLOBFERRY_OK, "");
      } else {
        ended++;
        check_absent(&fixture, "object");
      }
      dispose(&completion);
      blobferry_table_writer_free(writer);
      check_outcome(delete(&fixture, "object"), BLOBFERRY_OK, "");
      beat();
    }
    printf("  %ld finished, %ld cancelled\n", done, ended);
    fixture_free(&fixture);
  }
}

static void a_call_while_a_request_is_under_way_is_refused(void) {
  fixture_t                       fixture = in_faults();
  blobferry_table_write_options_t options = in_format(BLOBFERRY_FORMAT_IPC_STREAM);
  blobferry_table_writer_t       *writer = numbers_writer(&fixture, "never", &options);
  given_t                         g = {0};
  blobferry_ticket_t              ticket = 0;
  numbers_column(&g, 100000, 0);
  must(blobferry_table_writer_write(writer, fixture.cq, g.root, NULL, 1, &ticket, NULL), NULL, "write");
  for (int i = 0; i < 3; i++) {
    check_refusal(write_numbers(&fixture, writer, 10, 0), BLOBFERRY_E_ARGUMENT, "under way");
    check_refusal(finish_table(&fixture, writer), BLOBFERRY_E_ARGUMENT, "under way");
    check_refusal(end_table(&fixture, writer, blobferry_table_writer_abort, NULL), BLOBFERRY_E_ARGUMENT, "under way");
  }
  /* It waits for ever, with the memory. */
  CHECK_INT(atomic_load(&g.tree.arrays_released), 0);
  must_cancel(fixture.cq, ticket);
  expect(fixture.cq, BLOBFERRY_E_CANCELLED, 1);
  CHECK_INT(atomic_load(&g.tree.arrays_released), 1);
  tree_free(&g.tree);
  blobferry_table_writer_free(writer);
  fixture_free(&fixture);
}

static void a_refused_request_changes_nothing(void) {
  fixture_t                       fixture = in_memory();
  fixture_t                       faults = in_faults();
  blobferry_table_write_options_t options = in_format(BLOBFERRY_FORMAT_PARQUET);
  blobferry_cq_t                 *small = new_cq(fixture.service, 1, BLOBFERRY_WAKE_NONE);
  blobferry_store_t              *never = open_store(fixture.service, "fault://small");
  blobferry_ticket_t              ticket = must_get(never, small, "never", NULL, 0, 1);
  blobferry_table_writer_t       *writer = numbers_writer(&fixture, "object", &options);
  given_t                         g = {0};
  numbers_column(&g, 1000, 0);
  for (int i = 0; i < 10; i++) {
    CHECK_STATUS(blobferry_table_writer_write(writer, small, g.root, NULL, 2, NULL, NULL), BLOBFERRY_E_BUSY);
    CHECK_STATUS(blobferry_table_writer_finish(writer, small, NULL, 2, NULL, NULL), BLOBFERRY_E_BUSY);
    /* A queue of another service. */
    CHECK_STATUS(blobferry_table_writer_write(writer, faults.cq, g.root, NULL, 2, NULL, NULL), BLOBFERRY_E_ARGUMENT);
    CHECK(g.root->release != NULL);
  }
  CHECK_INT(atomic_load(&g.tree.arrays_released), 0);
  must_write_numbers(&fixture, writer, 1000, 0);
  must_finish_table(&fixture, writer, 1000);
  must_cancel(small, ticket);
  expect(small, BLOBFERRY_E_CANCELLED, 1);
  blobferry_store_free(never);
  blobferry_cq_free(small);
  fixture_free(&fixture);
  fixture_free(&faults);
  tree_free(&g.tree);
}

static void a_writer_ends_with_its_service(void) {
  for (int kind = 0; kind < 2; kind++) {
    fixture_t                       fixture = fixture_of(kind);
    blobferry_table_write_options_t options = in_format(BLOBFERRY_FORMAT_IPC_FILE);
    blobferry_table_writer_t       *writer = numbers_writer(&fixture, "object", &options);
    given_t                         g = {0};
    must_write_numbers(&fixture, writer, 100000, 0);
    blobferry_service_free(fixture.service);
    numbers_column(&g, 10, 0);
    CHECK_STATUS(blobferry_table_writer_write(writer, fixture.cq, g.root, NULL, 1, NULL, NULL), BLOBFERRY_E_CLOSED);
    CHECK(g.root->release != NULL);
    if (kind == 1) CHECK_INT(names_in(&fixture), 0);
    blobferry_table_writer_free(writer);
    blobferry_store_free(fixture.store);
    blobferry_cq_free(fixture.cq);
    if (kind == 1) remove_tree(fixture.folder);
    tree_free(&g.tree);
    await_nothing_lives();
  }
}

TESTS(TEST(chunks_follow_each_other), TEST(a_chunk_is_back_before_the_next), TEST(any_thread_may_release),
      TEST(a_table_may_have_no_chunks), TEST(details_tell_rows_and_row_groups),
      TEST(wrong_options_leave_the_schema_alone), TEST(wrong_chunks_are_refused),
      TEST(create_holds_when_the_finish_completes), TEST(a_finished_writer_is_used_no_more),
      TEST(nothing_is_left_of_a_writer_that_is_given_up), TEST(a_writer_cancelled_at_any_moment_is_over),
      TEST(a_cancelled_finish_has_not_taken_effect), TEST(a_call_while_a_request_is_under_way_is_refused),
      TEST(a_refused_request_changes_nothing), TEST(a_writer_ends_with_its_service))
