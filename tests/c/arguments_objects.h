/*
 * A call that is right of every function on stores, objects, lists, folders, readers
 * and writers, as arguments_calls.h has those of the others.
 */
#ifndef TESTS_C_ARGUMENTS_OBJECTS_H
#define TESTS_C_ARGUMENTS_OBJECTS_H

#include "arguments_calls.h"

/* -- calls of store.h, object.h and list.h ------------------------------------------------------------------- */

static inline blobferry_status_t call_store_open(arguments_t *a) {
  blobferry_status_t status =
      blobferry_store_open(a->at[SERVICE], a->at[TEXT], a->at[PAIRS], a->size, a->at[OUT], a->at[ERROR_OUT]);
  if (status == BLOBFERRY_OK) blobferry_store_free(*(blobferry_store_t **)a->at[OUT]);
  return status;
}

static inline blobferry_status_t call_store_settings(arguments_t *a) {
  CHECK((blobferry_store_settings(a->at[STORE], a->at[COUNT_OUT]) != NULL) == (a->at[STORE] != NULL));
  if (a->at[COUNT_OUT] != NULL) CHECK((*(size_t *)a->at[COUNT_OUT] > 0) == (a->at[STORE] != NULL));
  return BLOBFERRY_OK;
}

static inline blobferry_status_t call_store_capabilities(arguments_t *a) {
  CHECK((blobferry_store_capabilities(a->at[STORE]) != 0) == (a->at[STORE] != NULL));
  return BLOBFERRY_OK;
}

static inline blobferry_status_t call_store_free(arguments_t *a) {
  blobferry_store_free(a->at[STORE] == NULL ? NULL : open_store(a->fixture.service, "memory://other"));
  return BLOBFERRY_OK;
}

/* Takes the completion of a call that was accepted: it must have succeeded, and carry the user data. */
static inline blobferry_status_t taken(arguments_t *a, blobferry_status_t status) {
  if (status != BLOBFERRY_OK) return status;
  blobferry_completion_t completion = wait_one(a->fixture.cq);
  CHECK_STATUS(completion.status, BLOBFERRY_OK);
  CHECK_INT(completion.user_data, 4711);
  dispose(&completion);
  return status;
}

/* One request, which is accepted if the call is right. */
static inline blobferry_status_t call_cq_submit(arguments_t *a) {
  blobferry_request_t request = {.verb = BLOBFERRY_VERB_HEAD, .handle = a->fixture.store, .key = "object"};
  request.user_data = 4711;
  blobferry_status_t status = blobferry_cq_submit(a->at[CQ], a->at[OUT] == NULL ? NULL : &request, 1,
                                                  a->at[COUNT_OUT], a->at[ERROR_OUT]);
  if (status == BLOBFERRY_OK && a->at[COUNT_OUT] != NULL) CHECK_INT(*(size_t *)a->at[COUNT_OUT], 1);
  CHECK_STATUS(request.status, BLOBFERRY_OK);
  CHECK((request.ticket != 0) == (status == BLOBFERRY_OK));
  return taken(a, status);
}

static inline blobferry_status_t call_object_get(arguments_t *a) {
  return taken(a, blobferry_object_get(a->at[STORE], a->at[CQ], a->at[TEXT], a->at[BUFFER], a->size, a->at[OPTIONS],
                                       4711, a->at[TICKET_OUT], a->at[ERROR_OUT]));
}

static inline blobferry_status_t call_object_get_buffer(arguments_t *a) {
  return taken(a, blobferry_object_get_buffer(a->at[STORE], a->at[CQ], a->at[TEXT], a->at[OPTIONS], 4711,
                                              a->at[TICKET_OUT], a->at[ERROR_OUT]));
}

static inline blobferry_status_t call_object_get_ranges(arguments_t *a) {
  return taken(a, blobferry_object_get_ranges(a->at[STORE], a->at[CQ], a->at[TEXT], a->at[RANGES], 1, a->at[SLICES], 1,
                                              a->at[OPTIONS], 4711, a->at[TICKET_OUT], a->at[ERROR_OUT]));
}

/* The bytes are read, and the slice says so with another type of the same layout. */
static inline blobferry_status_t call_object_put_slices(arguments_t *a) {
  return taken(a, blobferry_object_put_slices(a->at[STORE], a->at[CQ], a->at[TEXT], a->at[SLICES], 1, a->at[OPTIONS],
                                              4711, a->at[TICKET_OUT], a->at[ERROR_OUT]));
}

static inline blobferry_status_t call_object_exists(arguments_t *a) {
  return taken(a, blobferry_object_exists(a->at[STORE], a->at[CQ], a->at[TEXT], a->at[OPTIONS], 4711, a->at[TICKET_OUT],
                                          a->at[ERROR_OUT]));
}

static inline blobferry_status_t call_object_put(arguments_t *a) {
  return taken(a, blobferry_object_put(a->at[STORE], a->at[CQ], a->at[TEXT], a->at[BUFFER], a->size, a->at[OPTIONS],
                                       4711, a->at[TICKET_OUT], a->at[ERROR_OUT]));
}

static inline blobferry_status_t call_object_head(arguments_t *a) {
  return taken(a, blobferry_object_head(a->at[STORE], a->at[CQ], a->at[TEXT], a->at[OPTIONS], 4711, a->at[TICKET_OUT],
                                        a->at[ERROR_OUT]));
}

static inline blobferry_status_t call_object_delete(arguments_t *a) {
  return taken(a, blobferry_object_delete(a->at[STORE], a->at[CQ], a->at[TEXT], a->at[OPTIONS], 4711, a->at[TICKET_OUT],
                                          a->at[ERROR_OUT]));
}

static inline blobferry_status_t call_object_copy(arguments_t *a) {
  return taken(a, blobferry_object_copy(a->at[STORE], a->at[CQ], a->at[TEXT], a->at[PREFIX], a->at[OPTIONS], 4711,
                                        a->at[TICKET_OUT], a->at[ERROR_OUT]));
}

static inline blobferry_status_t call_object_rename(arguments_t *a) {
  return taken(a, blobferry_object_rename(a->at[STORE], a->at[CQ], a->at[TEXT], a->at[PREFIX], a->at[OPTIONS], 4711,
                                          a->at[TICKET_OUT], a->at[ERROR_OUT]));
}

static inline blobferry_status_t call_object_delete_many(arguments_t *a) {
  return taken(a, blobferry_object_delete_many(a->at[STORE], a->at[CQ], a->at[KEYS], 1, a->at[OPTIONS], a->at[REPORT],
                                               4711, a->at[TICKET_OUT], a->at[ERROR_OUT]));
}

/* A store of its own: that of the fixture cannot sign. No server is asked. */
static inline blobferry_status_t call_object_sign(arguments_t *a) {
  const blobferry_pair_t keys[] = {{"access_key_id", "AKID"}, {"secret_access_key", "SECRET"},
                                   {"endpoint", "http://127.0.0.1:1"}, {"allow_http", "true"}};
  blobferry_store_t     *store = NULL;
  if (a->at[STORE] != NULL)
    must(blobferry_store_open(a->fixture.service, "s3://bucket", keys, 4, &store, NULL), NULL, "s3://bucket");
  blobferry_status_t status = taken(a, blobferry_object_sign(store, a->at[CQ], a->at[TEXT], a->at[OPTIONS], 4711,
                                                             a->at[TICKET_OUT], a->at[ERROR_OUT]));
  blobferry_store_free(store);
  return status;
}

static inline blobferry_status_t call_list_new(arguments_t *a) {
  blobferry_status_t status =
      blobferry_list_new(a->at[STORE], a->at[PREFIX], a->at[OPTIONS], a->at[OUT], a->at[ERROR_OUT]);
  if (status == BLOBFERRY_OK) blobferry_list_free(*(blobferry_list_t **)a->at[OUT]);
  return status;
}

static inline blobferry_status_t call_list_next(arguments_t *a) {
  return taken(a, blobferry_list_next(a->at[LIST], a->at[CQ], a->at[OPTIONS], 4711, a->at[TICKET_OUT],
                                      a->at[ERROR_OUT]));
}

static inline blobferry_status_t call_list_next_table(arguments_t *a) {
  return taken(a, blobferry_list_next_table(a->at[LIST], a->at[CQ], a->at[OPTIONS], 4711, a->at[TICKET_OUT],
                                            a->at[ERROR_OUT]));
}

static inline blobferry_status_t call_list_entries(arguments_t *a) {
  CHECK(blobferry_list_entries(a->at[LIST], a->at[COUNT_OUT]) == NULL);
  if (a->at[COUNT_OUT] != NULL) CHECK_INT(*(size_t *)a->at[COUNT_OUT], 0);
  return BLOBFERRY_OK;
}

static inline blobferry_status_t call_list_free(arguments_t *a) {
  blobferry_list_free(a->at[LIST] == NULL ? NULL : new_list(a->fixture.store, ""));
  return BLOBFERRY_OK;
}

/* -- calls of report.h and folder.h --------------------------------------------------------------------------- */

static inline blobferry_status_t call_report_new(arguments_t *a) {
  blobferry_status_t status = blobferry_report_new(a->at[OPTIONS], a->at[OUT], a->at[ERROR_OUT]);
  if (status == BLOBFERRY_OK) blobferry_report_free(*(blobferry_report_t **)a->at[OUT]);
  return status;
}

static inline blobferry_status_t call_report_progress(arguments_t *a) {
  blobferry_progress_t progress = BLOBFERRY_PROGRESS_INIT;
  if (a->at[OUT] != NULL) memcpy(a->at[OUT], &progress, sizeof progress);
  return blobferry_report_progress(a->at[REPORT], a->at[OUT]);
}

static inline blobferry_status_t call_report_outcomes(arguments_t *a) {
  CHECK(blobferry_report_outcomes(a->at[REPORT], a->at[COUNT_OUT]) == NULL);
  if (a->at[COUNT_OUT] != NULL) CHECK_INT(*(size_t *)a->at[COUNT_OUT], 0);
  return BLOBFERRY_OK;
}

static inline blobferry_status_t call_report_free(arguments_t *a) {
  blobferry_report_t *report = NULL;
  if (a->at[REPORT] != NULL) must(blobferry_report_new(NULL, &report, NULL), NULL, "blobferry_report_new");
  blobferry_report_free(report);
  return BLOBFERRY_OK;
}

static inline blobferry_status_t call_folder_upload(arguments_t *a) {
  return taken(a, blobferry_folder_upload(a->at[STORE], a->at[CQ], a->at[PATH], a->at[PREFIX], a->at[OPTIONS],
                                          a->at[REPORT], 4711, a->at[TICKET_OUT], a->at[ERROR_OUT]));
}

static inline blobferry_status_t call_folder_download(arguments_t *a) {
  return taken(a, blobferry_folder_download(a->at[STORE], a->at[CQ], a->at[PREFIX], a->at[PATH], a->at[OPTIONS],
                                            a->at[REPORT], 4711, a->at[TICKET_OUT], a->at[ERROR_OUT]));
}

/* -- calls of reader.h and writer.h --------------------------------------------------------------------------- */

static inline blobferry_status_t call_reader_new(arguments_t *a) {
  blobferry_status_t status =
      blobferry_reader_new(a->at[STORE], a->at[TEXT], a->at[OPTIONS], a->at[OUT], a->at[ERROR_OUT]);
  if (status == BLOBFERRY_OK) blobferry_reader_free(*(blobferry_reader_t **)a->at[OUT]);
  return status;
}

static inline blobferry_status_t call_reader_read(arguments_t *a) {
  return taken(a, blobferry_reader_read(a->at[READER], a->at[CQ], a->at[BUFFER], a->size, a->at[OPTIONS], 4711,
                                        a->at[TICKET_OUT], a->at[ERROR_OUT]));
}

static inline blobferry_status_t call_reader_seek(arguments_t *a) {
  return blobferry_reader_seek(a->at[READER], 50, a->at[ERROR_OUT]);
}

static inline blobferry_status_t call_reader_position(arguments_t *a) {
  CHECK_INT(blobferry_reader_position(a->at[READER]), 0);
  return BLOBFERRY_OK;
}

/* It is known after a read. */
static inline blobferry_status_t call_reader_size(arguments_t *a) {
  uint8_t byte;
  if (a->at[READER] != NULL)
    taken(a, blobferry_reader_read(a->at[READER], a->fixture.cq, &byte, 1, NULL, 4711, NULL, NULL));
  return blobferry_reader_size(a->at[READER], a->at[OUT], a->at[ERROR_OUT]);
}

static inline blobferry_status_t call_reader_free(arguments_t *a) {
  blobferry_reader_t *reader = NULL;
  if (a->at[READER] != NULL)
    must(blobferry_reader_new(a->fixture.store, "object", NULL, &reader, NULL), NULL, "blobferry_reader_new");
  blobferry_reader_free(reader);
  return BLOBFERRY_OK;
}

static inline blobferry_status_t call_writer_new(arguments_t *a) {
  blobferry_status_t status =
      blobferry_writer_new(a->at[STORE], a->at[TEXT], a->at[OPTIONS], a->at[OUT], a->at[ERROR_OUT]);
  if (status == BLOBFERRY_OK) blobferry_writer_free(*(blobferry_writer_t **)a->at[OUT]);
  return status;
}

static inline blobferry_status_t call_writer_write(arguments_t *a) {
  return taken(a, blobferry_writer_write(a->at[WRITER], a->at[CQ], a->at[BUFFER], a->size, a->at[OPTIONS], 4711,
                                         a->at[TICKET_OUT], a->at[ERROR_OUT]));
}

static inline blobferry_status_t call_writer_flush(arguments_t *a) {
  return taken(a, blobferry_writer_flush(a->at[WRITER], a->at[CQ], a->at[OPTIONS], 4711, a->at[TICKET_OUT],
                                         a->at[ERROR_OUT]));
}

static inline blobferry_status_t call_writer_finish(arguments_t *a) {
  return taken(a, blobferry_writer_finish(a->at[WRITER], a->at[CQ], a->at[OPTIONS], 4711, a->at[TICKET_OUT],
                                          a->at[ERROR_OUT]));
}

static inline blobferry_status_t call_writer_abort(arguments_t *a) {
  return taken(a, blobferry_writer_abort(a->at[WRITER], a->at[CQ], a->at[OPTIONS], 4711, a->at[TICKET_OUT],
                                         a->at[ERROR_OUT]));
}

static inline blobferry_status_t call_writer_free(arguments_t *a) {
  blobferry_writer_t *writer = NULL;
  if (a->at[WRITER] != NULL)
    must(blobferry_writer_new(a->fixture.store, "new", NULL, &writer, NULL), NULL, "blobferry_writer_new");
  blobferry_writer_free(writer);
  return BLOBFERRY_OK;
}

#endif
