/*
 * A call that is right of every function of base.h, error.h, service.h, details.h,
 * buffer.h and cq.h, and what such a call is made of. One that succeeds frees what it
 * made and takes the completion that it caused.
 */
#ifndef TESTS_C_ARGUMENTS_CALLS_H
#define TESTS_C_ARGUMENTS_CALLS_H

#include "verbs.h"

/* What a pointer of a call points to. */
typedef enum place {
  NOWHERE, SERVICE, CQ, STORE, LIST, ERROR, DETAILS, TEXT, PREFIX, BUFFER, OPTIONS, PAIRS, COMPLETIONS, COUNT_OUT, OUT,
  TICKET_OUT, ERROR_OUT, PATH, REPORT, KEYS, SLICES, RANGES, LIBRARY_BUFFER, READER,
  WRITER, TABLE, SCHEMA, ARRAYS, STREAM, TABLE_WRITER, TABLE_READER, PLACES
} place_t;

typedef enum need { OPTIONAL, REQUIRED } need_t;

/* A pointer parameter, by its name in the header. */
typedef struct position {
  const char *name;
  place_t     place;
  need_t      need;
} position_t;

typedef union any_options {
  size_t                      struct_size;
  blobferry_service_options_t service;
  blobferry_cq_options_t      cq;
  blobferry_get_options_t     get;
  blobferry_put_options_t     put;
  blobferry_head_options_t    head;
  blobferry_delete_options_t  delete;
  blobferry_copy_options_t    copy;
  blobferry_sign_options_t    sign;
  blobferry_list_options_t    list;
  blobferry_next_options_t    next;
  blobferry_report_options_t  report;
  blobferry_folder_options_t  folder;
  blobferry_reader_options_t  reader;
  blobferry_read_options_t    read;
  blobferry_writer_options_t  writer;
  blobferry_write_options_t   write;
  blobferry_import_options_t  import;
  blobferry_aggregate_options_t aggregate;
  blobferry_csv_options_t         csv;
  blobferry_table_write_options_t table_write;
  blobferry_chunk_options_t       chunk;
  blobferry_table_reader_options_t table_reader;
} any_options_t;

/* The arguments of one call; all that it may write to is in `outputs`. */
typedef struct arguments {
  void              *at[PLACES];
  size_t             size; /* of the buffer, or the number of pairs or completions */
  uint32_t           wake;
  fixture_t          fixture;
  any_options_t      options;
  blobferry_pair_t   pairs[1];
  const char        *keys[1];
  guarded_t          buffer;
  blobferry_error_t *error;
  uint8_t            outputs[512];
  char               folder[256]; /* only where the call needs one */
  blobferry_slice_t  slice;       /* all of `buffer` */
  blobferry_range_t  range;
} arguments_t;

/* Puts a text at one place of a call. */
typedef struct text_place {
  const char *name;
  void (*set)(arguments_t *arguments, const char *text);
  bool null_is_wrong;
} text_place_t;

#define MOST_POSITIONS 8

typedef struct function {
  const char *name;
  blobferry_status_t (*call)(arguments_t *arguments);
  position_t positions[MOST_POSITIONS];
  /* only where there is an option struct */
  size_t       options_size, flags_at, reserved_at; /* reserved_at = 0: none */
  uint32_t     known_flags;
  text_place_t texts[6];
} function_t;

/* -- calls of base.h and error.h --------------------------------------------------------------------- */

static inline blobferry_status_t call_abi_version(arguments_t *a) {
  (void)a;
  CHECK_INT(blobferry_abi_version(), BLOBFERRY_ABI_VERSION);
  return BLOBFERRY_OK;
}

static inline blobferry_status_t call_version(arguments_t *a) {
  (void)a;
  CHECK_TEXT(blobferry_version(), BLOBFERRY_VERSION);
  return BLOBFERRY_OK;
}

static inline blobferry_status_t call_status_name(arguments_t *a) {
  (void)a;
  CHECK_TEXT(blobferry_status_name(INT32_MIN), "BLOBFERRY_E_UNKNOWN");
  CHECK_TEXT(blobferry_status_name(INT32_MAX), "BLOBFERRY_E_UNKNOWN");
  return BLOBFERRY_OK;
}

static inline blobferry_status_t call_live_counts(arguments_t *a) {
  if (a->at[OUT] != NULL) *(blobferry_live_counts_t *)a->at[OUT] = (blobferry_live_counts_t)BLOBFERRY_LIVE_COUNTS_INIT;
  return blobferry_live_counts(a->at[OUT]);
}

/* A real error, to ask and to free. */
static inline blobferry_error_t *some_error(void) {
  blobferry_error_t *error = NULL;
  CHECK_STATUS(blobferry_service_new(NULL, NULL, &error), BLOBFERRY_E_ARGUMENT);
  CHECK(error != NULL);
  return error;
}

static inline blobferry_status_t call_error_status(arguments_t *a) {
  CHECK_STATUS(blobferry_error_status(a->at[ERROR]), a->at[ERROR] ? BLOBFERRY_E_ARGUMENT : BLOBFERRY_OK);
  return BLOBFERRY_OK;
}

static inline blobferry_status_t call_error_message(arguments_t *a) {
  const char *message = blobferry_error_message(a->at[ERROR]);
  if (a->at[ERROR] == NULL) CHECK_TEXT(message, "");
  else CHECK(strlen(message) > 10);
  return BLOBFERRY_OK;
}

static inline blobferry_status_t call_error_http_status(arguments_t *a) {
  CHECK_INT(blobferry_error_http_status(a->at[ERROR]), 0);
  return BLOBFERRY_OK;
}

static inline blobferry_status_t call_error_server_code(arguments_t *a) {
  CHECK(blobferry_error_server_code(a->at[ERROR]) == NULL);
  return BLOBFERRY_OK;
}

static inline blobferry_status_t call_error_request_id(arguments_t *a) {
  CHECK(blobferry_error_request_id(a->at[ERROR]) == NULL);
  return BLOBFERRY_OK;
}

static inline blobferry_status_t call_error_attempts(arguments_t *a) {
  CHECK_INT(blobferry_error_attempts(a->at[ERROR]), 0);
  return BLOBFERRY_OK;
}

static inline blobferry_status_t call_error_is_retryable(arguments_t *a) {
  CHECK_INT(blobferry_error_is_retryable(a->at[ERROR]), 0);
  return BLOBFERRY_OK;
}

static inline blobferry_status_t call_error_is_maybe_committed(arguments_t *a) {
  CHECK_INT(blobferry_error_is_maybe_committed(a->at[ERROR]), 0);
  return BLOBFERRY_OK;
}

static inline blobferry_status_t call_error_free(arguments_t *a) {
  blobferry_error_free(a->at[ERROR] == NULL ? NULL : some_error());
  return BLOBFERRY_OK;
}

/* -- calls of service.h --------------------------------------------------------------------------------- */

static inline blobferry_status_t call_service_new(arguments_t *a) {
  blobferry_status_t status = blobferry_service_new(a->at[OPTIONS], a->at[OUT], a->at[ERROR_OUT]);
  if (status == BLOBFERRY_OK) blobferry_service_free(*(blobferry_service_t **)a->at[OUT]);
  return status;
}

static inline blobferry_status_t call_service_settings(arguments_t *a) {
  if (a->at[OUT] != NULL) blobferry_service_options_init(a->at[OUT], sizeof(blobferry_service_options_t));
  return blobferry_service_settings(a->at[SERVICE], a->at[OUT], a->at[ERROR_OUT]);
}

static inline blobferry_status_t call_service_usage(arguments_t *a) {
  blobferry_service_usage_t usage = BLOBFERRY_SERVICE_USAGE_INIT;
  if (a->at[OUT] != NULL) memcpy(a->at[OUT], &usage, sizeof usage);
  return blobferry_service_usage(a->at[SERVICE], a->at[OUT], a->at[ERROR_OUT]);
}

static inline blobferry_status_t call_service_drain(arguments_t *a) {
  return blobferry_service_drain(a->at[SERVICE], 60000, a->at[ERROR_OUT]);
}

static inline blobferry_status_t call_service_free(arguments_t *a) {
  blobferry_service_free(a->at[SERVICE] == NULL ? NULL : new_service());
  return BLOBFERRY_OK;
}

/* -- calls of details.h ----------------------------------------------------------------------------------- */

static inline blobferry_status_t call_details_size(arguments_t *a) {
  CHECK_INT(blobferry_details_size(a->at[DETAILS]), a->at[DETAILS] ? 100 : 0);
  return BLOBFERRY_OK;
}

static inline blobferry_status_t call_details_revision(arguments_t *a) {
  CHECK((blobferry_details_revision(a->at[DETAILS]) == NULL) == (a->at[DETAILS] == NULL));
  return BLOBFERRY_OK;
}

static inline blobferry_status_t call_details_last_modified_ns(arguments_t *a) {
  bool unknown = blobferry_details_last_modified_ns(a->at[DETAILS]) == BLOBFERRY_TIME_UNKNOWN;
  CHECK(unknown == (a->at[DETAILS] == NULL));
  return BLOBFERRY_OK;
}

static inline blobferry_status_t call_details_content_type(arguments_t *a) {
  CHECK(blobferry_details_content_type(a->at[DETAILS]) == NULL);
  return BLOBFERRY_OK;
}

static inline blobferry_status_t call_details_version(arguments_t *a) {
  CHECK(blobferry_details_version(a->at[DETAILS]) == NULL);
  return BLOBFERRY_OK;
}

static inline blobferry_status_t call_details_content_encoding(arguments_t *a) {
  CHECK(blobferry_details_content_encoding(a->at[DETAILS]) == NULL);
  return BLOBFERRY_OK;
}

static inline blobferry_status_t call_details_content_language(arguments_t *a) {
  CHECK(blobferry_details_content_language(a->at[DETAILS]) == NULL);
  return BLOBFERRY_OK;
}

static inline blobferry_status_t call_details_content_disposition(arguments_t *a) {
  CHECK(blobferry_details_content_disposition(a->at[DETAILS]) == NULL);
  return BLOBFERRY_OK;
}

static inline blobferry_status_t call_details_cache_control(arguments_t *a) {
  CHECK(blobferry_details_cache_control(a->at[DETAILS]) == NULL);
  return BLOBFERRY_OK;
}

static inline blobferry_status_t call_buffer_data(arguments_t *a) {
  CHECK((blobferry_buffer_data(a->at[LIBRARY_BUFFER]) != NULL) == (a->at[LIBRARY_BUFFER] != NULL));
  return BLOBFERRY_OK;
}

static inline blobferry_status_t call_buffer_size(arguments_t *a) {
  CHECK_INT(blobferry_buffer_size(a->at[LIBRARY_BUFFER]), a->at[LIBRARY_BUFFER] != NULL ? 100 : 0);
  return BLOBFERRY_OK;
}

/* What is in the table is freed where it was made. */
static inline blobferry_status_t call_buffer_free(arguments_t *a) {
  if (a->at[LIBRARY_BUFFER] == NULL) blobferry_buffer_free(NULL);
  return BLOBFERRY_OK;
}

static inline blobferry_status_t call_details_metadata(arguments_t *a) {
  CHECK(blobferry_details_metadata(a->at[DETAILS], a->at[COUNT_OUT]) == NULL);
  if (a->at[COUNT_OUT] != NULL) CHECK_INT(*(size_t *)a->at[COUNT_OUT], 0);
  return BLOBFERRY_OK;
}

static inline blobferry_status_t call_details_free(arguments_t *a) {
  blobferry_details_free(a->at[DETAILS]);
  a->at[DETAILS] = NULL;
  return BLOBFERRY_OK;
}

/* -- calls of cq.h ------------------------------------------------------------------------------------------- */

static inline blobferry_status_t call_cq_new(arguments_t *a) {
  blobferry_status_t status = blobferry_cq_new(a->at[SERVICE], a->at[OPTIONS], a->at[OUT], a->at[ERROR_OUT]);
  if (status == BLOBFERRY_OK) blobferry_cq_free(*(blobferry_cq_t **)a->at[OUT]);
  return status;
}

static inline blobferry_status_t call_cq_fd(arguments_t *a) {
  CHECK((blobferry_cq_fd(a->at[CQ]) >= 0) == (a->at[CQ] != NULL));
  return BLOBFERRY_OK;
}

static inline blobferry_status_t call_cq_drain(arguments_t *a) {
  return blobferry_cq_drain(a->at[CQ], a->at[COMPLETIONS], a->size, a->at[COUNT_OUT], a->at[ERROR_OUT]);
}

static inline blobferry_status_t call_cq_wait(arguments_t *a) {
  return blobferry_cq_wait(a->at[CQ], a->at[COMPLETIONS], a->size, 1, a->at[COUNT_OUT], a->at[ERROR_OUT]);
}

static inline blobferry_status_t call_cq_arm(arguments_t *a) {
  return blobferry_cq_arm(a->at[CQ], a->at[OUT], a->at[ERROR_OUT]);
}

static inline blobferry_status_t call_cq_cancel(arguments_t *a) {
  return blobferry_cq_cancel(a->at[CQ], 12345, a->at[ERROR_OUT]);
}

/* A queue of its own is closed: that of the fixture is still asked whether anything came. */
static inline blobferry_status_t call_cq_close(arguments_t *a) {
  if (a->at[CQ] == NULL) return blobferry_cq_close(NULL, a->at[ERROR_OUT]);
  blobferry_cq_t    *cq = new_cq(a->fixture.service, 4, BLOBFERRY_WAKE_NONE);
  blobferry_status_t status = blobferry_cq_close(cq, a->at[ERROR_OUT]);
  blobferry_cq_free(cq);
  return status;
}

static inline blobferry_status_t call_cq_is_drained(arguments_t *a) {
  CHECK_INT(blobferry_cq_is_drained(a->at[CQ]), a->at[CQ] == NULL);
  return BLOBFERRY_OK;
}

static inline blobferry_status_t call_cq_free(arguments_t *a) {
  blobferry_cq_free(a->at[CQ] == NULL ? NULL : new_cq(a->fixture.service, 4, BLOBFERRY_WAKE_NONE));
  return BLOBFERRY_OK;
}

#endif
