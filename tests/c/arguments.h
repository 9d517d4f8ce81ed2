/*
 * One call of the table with its arguments right, or with one of them changed: what
 * it says, and that a refusal writes nothing and lends nothing.
 */
#ifndef TESTS_C_ARGUMENTS_H
#define TESTS_C_ARGUMENTS_H

#include "arguments_table.h"

#define UNTOUCHED 0xEE

/* The options of a row at their defaults, as its _init function gives them. */
static inline void default_options(arguments_t *a, const function_t *function) {
  any_options_t *options = &a->options;
  memset(options, 0, sizeof *options);
  if (function->call == call_service_new) blobferry_service_options_init(&options->service, sizeof options->service);
  if (function->call == call_cq_new) blobferry_cq_options_init(&options->cq, sizeof options->cq);
  if (function->call == call_object_get || function->call == call_object_get_buffer ||
      function->call == call_object_get_ranges)
    blobferry_get_options_init(&options->get, sizeof options->get);
  if (function->call == call_object_put || function->call == call_object_put_slices)
    blobferry_put_options_init(&options->put, sizeof options->put);
  if (function->call == call_object_head || function->call == call_object_exists)
    blobferry_head_options_init(&options->head, sizeof options->head);
  if (function->call == call_object_delete || function->call == call_object_delete_many)
    blobferry_delete_options_init(&options->delete, sizeof options->delete);
  if (function->call == call_object_copy || function->call == call_object_rename)
    blobferry_copy_options_init(&options->copy, sizeof options->copy);
  if (function->call == call_object_sign) blobferry_sign_options_init(&options->sign, sizeof options->sign);
  if (function->call == call_reader_new) blobferry_reader_options_init(&options->reader, sizeof options->reader);
  if (function->call == call_reader_read) blobferry_read_options_init(&options->read, sizeof options->read);
  if (function->call == call_writer_new) blobferry_writer_options_init(&options->writer, sizeof options->writer);
  if (function->call == call_writer_write || function->call == call_writer_flush ||
      function->call == call_writer_finish || function->call == call_writer_abort)
    blobferry_write_options_init(&options->write, sizeof options->write);
  if (function->call == call_list_new) blobferry_list_options_init(&options->list, sizeof options->list);
  if (function->call == call_list_next || function->call == call_list_next_table)
    blobferry_next_options_init(&options->next, sizeof options->next);
  if (function->call == call_cq_new) options->cq.capacity = 4;
  if (function->call == call_report_new) blobferry_report_options_init(&options->report, sizeof options->report);
  if (function->call == call_folder_upload || function->call == call_folder_download)
    blobferry_folder_options_init(&options->folder, sizeof options->folder);
  if (function->call == call_table_put || function->call == call_table_writer_new || function->call == call_table_convert)
    blobferry_table_write_options_init(&options->table_write, sizeof options->table_write);
  if (function->call == call_table_writer_write) blobferry_chunk_options_init(&options->chunk, sizeof options->chunk);
  if (function->call == call_table_writer_finish || function->call == call_table_writer_abort)
    blobferry_write_options_init(&options->write, sizeof options->write);
  if (function->call == call_table_reader_new)
    blobferry_table_reader_options_init(&options->table_reader, sizeof options->table_reader);
  if (function->call == call_table_reader_open || function->call == call_table_reader_next)
    blobferry_read_options_init(&options->read, sizeof options->read);
  if (function->call == call_table_aggregate)
    blobferry_aggregate_options_init(&options->aggregate, sizeof options->aggregate);
  if (function->call == call_table_import) blobferry_import_options_init(&options->import, sizeof options->import);
}

/* Arguments with which the call succeeds. */
static inline void begin(arguments_t *a, const function_t *function) {
  memset(a, 0, sizeof *a);
  memset(a->outputs, UNTOUCHED, sizeof a->outputs);
  a->fixture = in_memory();
  blobferry_cq_free(a->fixture.cq);
  a->fixture.cq = new_cq(a->fixture.service, 4, BLOBFERRY_WAKE_FD);
  must_put(&a->fixture, "object", 100, 1);
  blobferry_completion_t about = head(&a->fixture, "object");
  a->buffer = guarded_new(100);
  pattern_fill(a->buffer.data, 100, 1);
  default_options(a, function);
  a->size = 100;
  if (function->call == call_store_open) a->size = 1;
  if (function->call == call_cq_drain || function->call == call_cq_wait) a->size = 2;
  a->pairs[0] = (blobferry_pair_t){"part_size", "64KiB"};
  a->at[SERVICE] = a->fixture.service;
  a->at[CQ] = a->fixture.cq;
  a->at[STORE] = a->fixture.store;
  a->at[LIST] = new_list(a->fixture.store, "");
  a->at[ERROR] = some_error();
  a->at[DETAILS] = about.details;
  a->at[TEXT] = function->call == call_store_open ? "memory://test" : "object";
  if (function->call == call_table_put || function->call == call_table_writer_new || function->call == call_table_convert)
    a->at[TEXT] = "object.csv";
  if (function->call == call_table_aggregate) a->at[TEXT] = "x";
  a->at[PREFIX] = "o";
  a->at[BUFFER] = a->buffer.data;
  a->at[OPTIONS] = &a->options;
  a->at[PAIRS] = a->pairs;
  a->at[COMPLETIONS] = a->outputs;
  a->at[COUNT_OUT] = a->outputs + 256;
  a->at[TICKET_OUT] = a->outputs + 264;
  a->at[OUT] = a->outputs + 272;
  a->at[ERROR_OUT] = &a->error;
  if (function->call == call_folder_upload || function->call == call_folder_download) make_folder(a->folder);
  a->at[PATH] = a->folder;
  a->slice = (blobferry_slice_t){a->buffer.data, 100};
  a->at[SLICES] = &a->slice;
  a->range = (blobferry_range_t){0, 1};
  a->at[RANGES] = &a->range;
  a->at[TABLE] = a->at[SCHEMA] = a->at[ARRAYS] = a->at[STREAM] = a->at[TABLE_WRITER] = a->at[TABLE_READER] =
      a; /* the calls make their own */
  must(blobferry_object_get_buffer(a->fixture.store, a->fixture.cq, "object", NULL, 0, NULL, NULL), NULL,
       "blobferry_object_get_buffer");
  a->at[LIBRARY_BUFFER] = wait_one(a->fixture.cq).buffer;
  must(blobferry_reader_new(a->fixture.store, "object", NULL, (blobferry_reader_t **)&a->at[READER], NULL), NULL,
       "blobferry_reader_new");
  must(blobferry_writer_new(a->fixture.store, "written", NULL, (blobferry_writer_t **)&a->at[WRITER], NULL), NULL,
       "blobferry_writer_new");
  a->keys[0] = "object";
  a->at[KEYS] = a->keys;
  must(blobferry_report_new(NULL, (blobferry_report_t **)&a->at[REPORT], NULL), NULL, "blobferry_report_new");
  a->error = (blobferry_error_t *)a; /* not NULL: success must write that */
}

/* What begin made; what a test put elsewhere in `at` is its own. */
typedef struct made {
  void *list, *error, *details, *report, *buffer, *reader, *writer;
} made_t;

static inline void end(arguments_t *a, const made_t *made) {
  blobferry_list_free(made->list);
  blobferry_error_free(made->error);
  blobferry_report_free(made->report);
  blobferry_buffer_free(made->buffer);
  blobferry_reader_free(made->reader);
  blobferry_writer_free(made->writer);
  if (a->folder[0] != '\0') remove_tree(a->folder);
  if (made->details != NULL) blobferry_details_free(made->details);
  expect_nothing(a->fixture.cq, 0);
  fixture_free(&a->fixture);
  guarded_free(&a->buffer);
}

/* The call must succeed, or fail as told and leave every output as it was. */
static inline void check_call(arguments_t *a, const function_t *function, blobferry_status_t wanted, const char *what) {
  uint8_t before[sizeof a->outputs];
  bool    sized = function->call == call_live_counts || function->call == call_service_settings ||
               function->call == call_service_usage || function->call == call_report_progress;
  memcpy(before, a->outputs, sizeof before);
  blobferry_status_t status = function->call(a);
  bool               written = a->at[ERROR_OUT] != NULL && a->error != (blobferry_error_t *)a;
  if (status != wanted)
    FAIL("%s with %s: %s, wanted %s: %s", function->name, what, blobferry_status_name(status),
         blobferry_status_name(wanted), written ? blobferry_error_message(a->error) : "");
  if (status != BLOBFERRY_OK && !sized && memcmp(before, a->outputs, sizeof before) != 0)
    FAIL("%s with %s: a refused call wrote an output", function->name, what);
  if (!written) return;
  CHECK_STATUS(blobferry_error_status(a->error), status);
  if (status != BLOBFERRY_OK && strlen(blobferry_error_message(a->error)) < 10)
    FAIL("%s with %s: the message is \"%s\"", function->name, what, blobferry_error_message(a->error));
  blobferry_error_free(a->error);
}

/* Changes arguments that are right. */
typedef void (*change_fn)(arguments_t *arguments, const void *how);

static inline void try_with(const function_t *function, change_fn change, const void *how,
                            blobferry_status_t wanted, const char *what) {
  arguments_t a;
  begin(&a, function);
  made_t made = {a.at[LIST],   a.at[ERROR],          a.at[DETAILS], a.at[REPORT],
                 a.at[LIBRARY_BUFFER], a.at[READER], a.at[WRITER]};
  if (change != NULL) change(&a, how);
  bool asks_error = a.at[ERROR_OUT] != NULL && function->positions[0].name != NULL;
  check_call(&a, function, wanted, what);
  for (int i = 0; asks_error && i < MOST_POSITIONS && function->positions[i].name != NULL; i++)
    if (function->positions[i].place == ERROR_OUT && a.error == (blobferry_error_t *)&a)
      FAIL("%s with %s: error_out was not written", function->name, what);
  if (function->call == call_details_free && a.at[DETAILS] == NULL && change == NULL) made.details = NULL;
  end(&a, &made);
}

static inline const function_t *row_of(const char *name) {
  for (size_t i = 0; i < FUNCTIONS; i++)
    if (strcmp(functions[i].name, name) == 0) return &functions[i];
  return NULL;
}

#endif
