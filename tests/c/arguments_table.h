/*
 * Every function of the header as one row: a call that is right, the pointers that
 * it takes, the texts in them, and its option struct. arguments.c then makes each
 * of them wrong, one at a time.
 */
#ifndef TESTS_C_ARGUMENTS_TABLE_H
#define TESTS_C_ARGUMENTS_TABLE_H

#include "arguments_arrow.h"
#include "arguments_table_reader.h"

/* -- option structs -------------------------------------------------------------------------------------------- */

/* The _init function must give what the INIT macro gives, as far as the caller's struct goes and zeros behind, and take
 * NULL. */
static inline void check_init(void *options, const void *wanted, size_t size) {
  uint8_t longer[1024] = {0};
  memcpy(longer, wanted, size);
  size_t told = size + 16;
  CHECK(told <= sizeof longer);
  memcpy(longer, &told, sizeof told);
  CHECK(memcmp(options, longer, told) == 0);
  CHECK_INT(((uint8_t *)options)[told], 0xEE);
}

#define CALL_INIT(verb, MACRO)                                                                              \
  static inline blobferry_status_t call_##verb##_options_init(arguments_t *a) {                             \
    const blobferry_##verb##_options_t wanted = MACRO;                                                      \
    uint8_t                            longer[1024];                                                        \
    memset(longer, 0xEE, sizeof longer);                                                                    \
    blobferry_##verb##_options_init((void *)longer, sizeof wanted + 16);                                    \
    check_init(longer, &wanted, sizeof wanted);                                                             \
    if (a->at[OPTIONS] != NULL) memset(a->at[OPTIONS], 0xEE, sizeof wanted);                                \
    blobferry_##verb##_options_init(a->at[OPTIONS], sizeof wanted);                                         \
    if (a->at[OPTIONS] != NULL) CHECK(memcmp(a->at[OPTIONS], &wanted, sizeof wanted) == 0);                 \
    return BLOBFERRY_OK;                                                                                    \
  }
CALL_INIT(service, BLOBFERRY_SERVICE_OPTIONS_INIT)
CALL_INIT(cq, BLOBFERRY_CQ_OPTIONS_INIT)
CALL_INIT(get, BLOBFERRY_GET_OPTIONS_INIT)
CALL_INIT(put, BLOBFERRY_PUT_OPTIONS_INIT)
CALL_INIT(head, BLOBFERRY_HEAD_OPTIONS_INIT)
CALL_INIT(delete, BLOBFERRY_DELETE_OPTIONS_INIT)
CALL_INIT(copy, BLOBFERRY_COPY_OPTIONS_INIT)
CALL_INIT(sign, BLOBFERRY_SIGN_OPTIONS_INIT)
CALL_INIT(list, BLOBFERRY_LIST_OPTIONS_INIT)
CALL_INIT(next, BLOBFERRY_NEXT_OPTIONS_INIT)
CALL_INIT(report, BLOBFERRY_REPORT_OPTIONS_INIT)
CALL_INIT(folder, BLOBFERRY_FOLDER_OPTIONS_INIT)
CALL_INIT(reader, BLOBFERRY_READER_OPTIONS_INIT)
CALL_INIT(read, BLOBFERRY_READ_OPTIONS_INIT)
CALL_INIT(writer, BLOBFERRY_WRITER_OPTIONS_INIT)
CALL_INIT(write, BLOBFERRY_WRITE_OPTIONS_INIT)
CALL_INIT(import, BLOBFERRY_IMPORT_OPTIONS_INIT)
CALL_INIT(aggregate, BLOBFERRY_AGGREGATE_OPTIONS_INIT)
CALL_INIT(csv, BLOBFERRY_CSV_OPTIONS_INIT)
CALL_INIT(table_write, BLOBFERRY_TABLE_WRITE_OPTIONS_INIT)
CALL_INIT(chunk, BLOBFERRY_CHUNK_OPTIONS_INIT)
CALL_INIT(table_reader, BLOBFERRY_TABLE_READER_OPTIONS_INIT)

/* -- texts ------------------------------------------------------------------------------------------------------ */

static inline void set_text(arguments_t *a, const char *text) { a->at[TEXT] = (void *)text; }
static inline void set_prefix(arguments_t *a, const char *text) { a->at[PREFIX] = (void *)text; }
static inline void set_key(arguments_t *a, const char *text) { a->keys[0] = text; }
static inline void set_path(arguments_t *a, const char *text) { a->at[PATH] = (void *)text; }
static inline void set_delimiter(arguments_t *a, const char *text) { a->options.list.delimiter = text; }
static inline void set_start_after(arguments_t *a, const char *text) { a->options.list.start_after = text; }
static inline void set_content_type(arguments_t *a, const char *text) { a->options.put.content_type = text; }

static inline void set_if_match(arguments_t *a, const char *text) {
  a->options.put.mode = BLOBFERRY_PUT_UPDATE;
  a->options.put.if_match = text;
}

static inline void set_option(arguments_t *a, const char *key, const char *value) {
  a->pairs[0] = (blobferry_pair_t){key, value};
  a->at[PAIRS] = a->pairs;
  a->size = 1;
}

static inline void set_option_key(arguments_t *a, const char *text) { set_option(a, text, "64KiB"); }
static inline void set_option_value(arguments_t *a, const char *text) { set_option(a, "part_size", text); }

static inline void set_metadata(arguments_t *a, const char *key, const char *value) {
  a->pairs[0] = (blobferry_pair_t){key, value};
  a->options.put.metadata = a->pairs;
  a->options.put.metadata_count = 1;
}

static inline void set_metadata_key(arguments_t *a, const char *text) { set_metadata(a, text, "value"); }
static inline void set_metadata_value(arguments_t *a, const char *text) { set_metadata(a, "key", text); }

/* -- the table --------------------------------------------------------------------------------------------------- */

#define OPTIONS_OF(verb, reserved, known)                                                              \
  sizeof(blobferry_##verb##_options_t), offsetof(blobferry_##verb##_options_t, flags), reserved, known
#define RESERVED(verb) offsetof(blobferry_##verb##_options_t, reserved)
#define NO_OPTIONS 0, 0, 0, 0
#define NO_TEXTS {{NULL, NULL, false}}
#define PLAIN(function, ...) {"blobferry_" #function, call_##function, __VA_ARGS__, NO_OPTIONS, NO_TEXTS}
#define OF_ERROR {{"error", ERROR, OPTIONAL}}
#define OF_DETAILS {{"details", DETAILS, OPTIONAL}}
#define OF_BUFFER {{"buffer", LIBRARY_BUFFER, OPTIONAL}}
#define OF_TABLE {{"table", TABLE, OPTIONAL}}
#define OF_A_READ                                                                                    \
  {{"reader", TABLE_READER, REQUIRED}, {"cq", CQ, REQUIRED}, {"options", OPTIONS, OPTIONAL},         \
   {"ticket_out", TICKET_OUT, OPTIONAL}, {"error_out", ERROR_OUT, OPTIONAL}}
#define OF_CQ {{"cq", CQ, OPTIONAL}}
#define INIT_OF {{"options", OPTIONS, OPTIONAL}}
#define KEY_TEXT {{"key", set_text, true}}
#define TABLE_FLAGS (BLOBFERRY_TABLE_NO_DICTIONARY | BLOBFERRY_TABLE_NO_STATISTICS)
#define TABLE_TEXTS                                                                      \
  {{"key", set_text, true}, {"content_type", set_table_content_type, false},             \
   {"a metadata value", set_table_metadata_value, true}, {"a pair's key", set_table_pair_key, true}}
#define GET_FLAGS (BLOBFERRY_REQUEST_DETAILS | BLOBFERRY_GET_SUFFIX)

static const function_t functions[] = {
    PLAIN(abi_version, {{NULL, NOWHERE, OPTIONAL}}),
    PLAIN(version, {{NULL, NOWHERE, OPTIONAL}}),
    PLAIN(status_name, {{NULL, NOWHERE, OPTIONAL}}),
    PLAIN(live_counts, {{"counts_out", OUT, REQUIRED}}),
    PLAIN(error_status, OF_ERROR),
    PLAIN(error_message, OF_ERROR),
    PLAIN(error_http_status, OF_ERROR),
    PLAIN(error_request_id, OF_ERROR),
    PLAIN(error_server_code, OF_ERROR),
    PLAIN(error_attempts, OF_ERROR),
    PLAIN(error_is_retryable, OF_ERROR),
    PLAIN(error_is_maybe_committed, OF_ERROR),
    PLAIN(error_free, OF_ERROR),
    PLAIN(service_options_init, INIT_OF),
    {"blobferry_service_new", call_service_new,
     {{"options", OPTIONS, OPTIONAL}, {"service_out", OUT, REQUIRED}, {"error_out", ERROR_OUT, OPTIONAL}},
     OPTIONS_OF(service, 0, 0), NO_TEXTS},
    PLAIN(service_settings,
          {{"service", SERVICE, REQUIRED}, {"settings_out", OUT, REQUIRED}, {"error_out", ERROR_OUT, OPTIONAL}}),
    PLAIN(service_usage,
          {{"service", SERVICE, REQUIRED}, {"usage_out", OUT, REQUIRED}, {"error_out", ERROR_OUT, OPTIONAL}}),
    PLAIN(service_drain, {{"service", SERVICE, REQUIRED}, {"error_out", ERROR_OUT, OPTIONAL}}),
    PLAIN(service_free, {{"service", SERVICE, OPTIONAL}}),
    PLAIN(details_size, OF_DETAILS),
    PLAIN(details_revision, OF_DETAILS),
    PLAIN(details_last_modified_ns, OF_DETAILS),
    PLAIN(details_content_type, OF_DETAILS),
    PLAIN(details_version, OF_DETAILS),
    PLAIN(details_content_encoding, OF_DETAILS),
    PLAIN(details_content_language, OF_DETAILS),
    PLAIN(details_content_disposition, OF_DETAILS),
    PLAIN(details_cache_control, OF_DETAILS),
    PLAIN(buffer_data, OF_BUFFER),
    PLAIN(buffer_size, OF_BUFFER),
    PLAIN(buffer_free, OF_BUFFER),
    PLAIN(details_metadata, {{"details", DETAILS, OPTIONAL}, {"count_out", COUNT_OUT, OPTIONAL}}),
    PLAIN(details_rows, OF_DETAILS),
    PLAIN(details_row_groups, OF_DETAILS),
    PLAIN(details_free, OF_DETAILS),
    PLAIN(cq_options_init, INIT_OF),
    {"blobferry_cq_new", call_cq_new,
     {{"service", SERVICE, REQUIRED}, {"options", OPTIONS, OPTIONAL}, {"cq_out", OUT, REQUIRED},
      {"error_out", ERROR_OUT, OPTIONAL}},
     OPTIONS_OF(cq, RESERVED(cq), 0), NO_TEXTS},
    PLAIN(cq_fd, OF_CQ),
    PLAIN(cq_drain, {{"cq", CQ, REQUIRED}, {"completions_out", COMPLETIONS, REQUIRED},
                     {"count_out", COUNT_OUT, REQUIRED}, {"error_out", ERROR_OUT, OPTIONAL}}),
    PLAIN(cq_wait, {{"cq", CQ, REQUIRED}, {"completions_out", COMPLETIONS, REQUIRED},
                    {"count_out", COUNT_OUT, REQUIRED}, {"error_out", ERROR_OUT, OPTIONAL}}),
    PLAIN(cq_arm, {{"cq", CQ, REQUIRED}, {"armed_out", OUT, REQUIRED}, {"error_out", ERROR_OUT, OPTIONAL}}),
    PLAIN(cq_submit, {{"cq", CQ, REQUIRED}, {"requests", OUT, REQUIRED}, {"accepted_out", COUNT_OUT, OPTIONAL},
                      {"error_out", ERROR_OUT, OPTIONAL}}),
    PLAIN(cq_cancel, {{"cq", CQ, REQUIRED}, {"error_out", ERROR_OUT, OPTIONAL}}),
    PLAIN(cq_close, {{"cq", CQ, REQUIRED}, {"error_out", ERROR_OUT, OPTIONAL}}),
    PLAIN(cq_is_drained, OF_CQ),
    PLAIN(cq_free, OF_CQ),
    {"blobferry_store_open", call_store_open,
     {{"service", SERVICE, REQUIRED}, {"url", TEXT, REQUIRED}, {"options", PAIRS, REQUIRED},
      {"store_out", OUT, REQUIRED}, {"error_out", ERROR_OUT, OPTIONAL}},
     NO_OPTIONS,
     {{"url", set_text, true}, {"an option's key", set_option_key, true},
      {"an option's value", set_option_value, true}}},
    PLAIN(store_capabilities, {{"store", STORE, OPTIONAL}}),
    PLAIN(store_settings, {{"store", STORE, OPTIONAL}, {"count_out", COUNT_OUT, OPTIONAL}}),
    PLAIN(store_free, {{"store", STORE, OPTIONAL}}),
    PLAIN(get_options_init, INIT_OF),
    PLAIN(put_options_init, INIT_OF),
    PLAIN(head_options_init, INIT_OF),
    PLAIN(delete_options_init, INIT_OF),
    {"blobferry_object_get", call_object_get,
     {{"store", STORE, REQUIRED}, {"cq", CQ, REQUIRED}, {"key", TEXT, REQUIRED}, {"buffer", BUFFER, REQUIRED},
      {"options", OPTIONS, OPTIONAL}, {"ticket_out", TICKET_OUT, OPTIONAL}, {"error_out", ERROR_OUT, OPTIONAL}},
     OPTIONS_OF(get, 0, GET_FLAGS), KEY_TEXT},
    {"blobferry_object_get_buffer", call_object_get_buffer,
     {{"store", STORE, REQUIRED}, {"cq", CQ, REQUIRED}, {"key", TEXT, REQUIRED}, {"options", OPTIONS, OPTIONAL},
      {"ticket_out", TICKET_OUT, OPTIONAL}, {"error_out", ERROR_OUT, OPTIONAL}},
     OPTIONS_OF(get, 0, GET_FLAGS), KEY_TEXT},
    {"blobferry_object_get_ranges", call_object_get_ranges,
     {{"store", STORE, REQUIRED}, {"cq", CQ, REQUIRED}, {"key", TEXT, REQUIRED}, {"ranges", RANGES, REQUIRED},
      {"buffers", SLICES, REQUIRED}, {"options", OPTIONS, OPTIONAL}, {"ticket_out", TICKET_OUT, OPTIONAL},
      {"error_out", ERROR_OUT, OPTIONAL}},
     OPTIONS_OF(get, 0, BLOBFERRY_REQUEST_DETAILS), KEY_TEXT},
    {"blobferry_object_put_slices", call_object_put_slices,
     {{"store", STORE, REQUIRED}, {"cq", CQ, REQUIRED}, {"key", TEXT, REQUIRED}, {"slices", SLICES, REQUIRED},
      {"options", OPTIONS, OPTIONAL}, {"ticket_out", TICKET_OUT, OPTIONAL}, {"error_out", ERROR_OUT, OPTIONAL}},
     OPTIONS_OF(put, 0, BLOBFERRY_REQUEST_DETAILS), KEY_TEXT},
    {"blobferry_object_exists", call_object_exists,
     {{"store", STORE, REQUIRED}, {"cq", CQ, REQUIRED}, {"key", TEXT, REQUIRED}, {"options", OPTIONS, OPTIONAL},
      {"ticket_out", TICKET_OUT, OPTIONAL}, {"error_out", ERROR_OUT, OPTIONAL}},
     OPTIONS_OF(head, RESERVED(head), BLOBFERRY_REQUEST_DETAILS), KEY_TEXT},
    {"blobferry_object_put", call_object_put,
     {{"store", STORE, REQUIRED}, {"cq", CQ, REQUIRED}, {"key", TEXT, REQUIRED}, {"buffer", BUFFER, REQUIRED},
      {"options", OPTIONS, OPTIONAL}, {"ticket_out", TICKET_OUT, OPTIONAL}, {"error_out", ERROR_OUT, OPTIONAL}},
     OPTIONS_OF(put, 0, BLOBFERRY_REQUEST_DETAILS),
     {{"key", set_text, true}, {"content_type", set_content_type, false}, {"if_match", set_if_match, true},
      {"a metadata key", set_metadata_key, true}, {"a metadata value", set_metadata_value, true}}},
    {"blobferry_object_head", call_object_head,
     {{"store", STORE, REQUIRED}, {"cq", CQ, REQUIRED}, {"key", TEXT, REQUIRED}, {"options", OPTIONS, OPTIONAL},
      {"ticket_out", TICKET_OUT, OPTIONAL}, {"error_out", ERROR_OUT, OPTIONAL}},
     OPTIONS_OF(head, RESERVED(head), BLOBFERRY_REQUEST_DETAILS), KEY_TEXT},
    {"blobferry_object_delete", call_object_delete,
     {{"store", STORE, REQUIRED}, {"cq", CQ, REQUIRED}, {"key", TEXT, REQUIRED}, {"options", OPTIONS, OPTIONAL},
      {"ticket_out", TICKET_OUT, OPTIONAL}, {"error_out", ERROR_OUT, OPTIONAL}},
     OPTIONS_OF(delete, RESERVED(delete), 0), KEY_TEXT},
    PLAIN(copy_options_init, INIT_OF),
    {"blobferry_object_copy", call_object_copy,
     {{"store", STORE, REQUIRED}, {"cq", CQ, REQUIRED}, {"from", TEXT, REQUIRED}, {"to", PREFIX, REQUIRED},
      {"options", OPTIONS, OPTIONAL}, {"ticket_out", TICKET_OUT, OPTIONAL}, {"error_out", ERROR_OUT, OPTIONAL}},
     OPTIONS_OF(copy, 0, BLOBFERRY_REQUEST_DETAILS), {{"from", set_text, true}, {"to", set_prefix, true}}},
    {"blobferry_object_rename", call_object_rename,
     {{"store", STORE, REQUIRED}, {"cq", CQ, REQUIRED}, {"from", TEXT, REQUIRED}, {"to", PREFIX, REQUIRED},
      {"options", OPTIONS, OPTIONAL}, {"ticket_out", TICKET_OUT, OPTIONAL}, {"error_out", ERROR_OUT, OPTIONAL}},
     OPTIONS_OF(copy, 0, BLOBFERRY_REQUEST_DETAILS), {{"from", set_text, true}, {"to", set_prefix, true}}},
    {"blobferry_object_delete_many", call_object_delete_many,
     {{"store", STORE, REQUIRED}, {"cq", CQ, REQUIRED}, {"keys", KEYS, REQUIRED}, {"options", OPTIONS, OPTIONAL},
      {"report", REPORT, OPTIONAL}, {"ticket_out", TICKET_OUT, OPTIONAL}, {"error_out", ERROR_OUT, OPTIONAL}},
     OPTIONS_OF(delete, RESERVED(delete), 0), {{"keys[0]", set_key, true}}},
    PLAIN(sign_options_init, INIT_OF),
    {"blobferry_object_sign", call_object_sign,
     {{"store", STORE, REQUIRED}, {"cq", CQ, REQUIRED}, {"key", TEXT, REQUIRED}, {"options", OPTIONS, OPTIONAL},
      {"ticket_out", TICKET_OUT, OPTIONAL}, {"error_out", ERROR_OUT, OPTIONAL}},
     OPTIONS_OF(sign, RESERVED(sign), 0), KEY_TEXT},
    PLAIN(list_options_init, INIT_OF),
    PLAIN(next_options_init, INIT_OF),
    {"blobferry_list_new", call_list_new,
     {{"store", STORE, REQUIRED}, {"prefix", PREFIX, OPTIONAL}, {"options", OPTIONS, OPTIONAL},
      {"list_out", OUT, REQUIRED}, {"error_out", ERROR_OUT, OPTIONAL}},
     OPTIONS_OF(list, 0, 0),
     {{"prefix", set_prefix, false}, {"delimiter", set_delimiter, false}, {"start_after", set_start_after, false}}},
    {"blobferry_list_next", call_list_next,
     {{"list", LIST, REQUIRED}, {"cq", CQ, REQUIRED}, {"options", OPTIONS, OPTIONAL},
      {"ticket_out", TICKET_OUT, OPTIONAL}, {"error_out", ERROR_OUT, OPTIONAL}},
     OPTIONS_OF(next, RESERVED(next), 0), NO_TEXTS},
    {"blobferry_list_next_table", call_list_next_table,
     {{"list", LIST, REQUIRED}, {"cq", CQ, REQUIRED}, {"options", OPTIONS, OPTIONAL},
      {"ticket_out", TICKET_OUT, OPTIONAL}, {"error_out", ERROR_OUT, OPTIONAL}},
     OPTIONS_OF(next, RESERVED(next), 0), NO_TEXTS},
    PLAIN(list_entries, {{"list", LIST, OPTIONAL}, {"count_out", COUNT_OUT, OPTIONAL}}),
    PLAIN(list_free, {{"list", LIST, OPTIONAL}}),
    PLAIN(reader_options_init, INIT_OF),
    PLAIN(read_options_init, INIT_OF),
    {"blobferry_reader_new", call_reader_new,
     {{"store", STORE, REQUIRED}, {"key", TEXT, REQUIRED}, {"options", OPTIONS, OPTIONAL},
      {"reader_out", OUT, REQUIRED}, {"error_out", ERROR_OUT, OPTIONAL}},
     OPTIONS_OF(reader, RESERVED(reader), 0), KEY_TEXT},
    {"blobferry_reader_read", call_reader_read,
     {{"reader", READER, REQUIRED}, {"cq", CQ, REQUIRED}, {"buffer", BUFFER, REQUIRED}, {"options", OPTIONS, OPTIONAL},
      {"ticket_out", TICKET_OUT, OPTIONAL}, {"error_out", ERROR_OUT, OPTIONAL}},
     OPTIONS_OF(read, RESERVED(read), 0), NO_TEXTS},
    PLAIN(reader_seek, {{"reader", READER, REQUIRED}, {"error_out", ERROR_OUT, OPTIONAL}}),
    PLAIN(reader_position, {{"reader", READER, OPTIONAL}}),
    PLAIN(reader_size, {{"reader", READER, REQUIRED}, {"size_out", OUT, REQUIRED}, {"error_out", ERROR_OUT, OPTIONAL}}),
    PLAIN(reader_free, {{"reader", READER, OPTIONAL}}),
    PLAIN(writer_options_init, INIT_OF),
    PLAIN(write_options_init, INIT_OF),
    {"blobferry_writer_new", call_writer_new,
     {{"store", STORE, REQUIRED}, {"key", TEXT, REQUIRED}, {"options", OPTIONS, OPTIONAL},
      {"writer_out", OUT, REQUIRED}, {"error_out", ERROR_OUT, OPTIONAL}},
     OPTIONS_OF(writer, RESERVED(writer), 0), KEY_TEXT},
    {"blobferry_writer_write", call_writer_write,
     {{"writer", WRITER, REQUIRED}, {"cq", CQ, REQUIRED}, {"buffer", BUFFER, REQUIRED}, {"options", OPTIONS, OPTIONAL},
      {"ticket_out", TICKET_OUT, OPTIONAL}, {"error_out", ERROR_OUT, OPTIONAL}},
     OPTIONS_OF(write, RESERVED(write), 0), NO_TEXTS},
    {"blobferry_writer_flush", call_writer_flush,
     {{"writer", WRITER, REQUIRED}, {"cq", CQ, REQUIRED}, {"options", OPTIONS, OPTIONAL},
      {"ticket_out", TICKET_OUT, OPTIONAL}, {"error_out", ERROR_OUT, OPTIONAL}},
     OPTIONS_OF(write, RESERVED(write), 0), NO_TEXTS},
    {"blobferry_writer_finish", call_writer_finish,
     {{"writer", WRITER, REQUIRED}, {"cq", CQ, REQUIRED}, {"options", OPTIONS, OPTIONAL},
      {"ticket_out", TICKET_OUT, OPTIONAL}, {"error_out", ERROR_OUT, OPTIONAL}},
     OPTIONS_OF(write, RESERVED(write), BLOBFERRY_REQUEST_DETAILS), NO_TEXTS},
    {"blobferry_writer_abort", call_writer_abort,
     {{"writer", WRITER, REQUIRED}, {"cq", CQ, REQUIRED}, {"options", OPTIONS, OPTIONAL},
      {"ticket_out", TICKET_OUT, OPTIONAL}, {"error_out", ERROR_OUT, OPTIONAL}},
     OPTIONS_OF(write, RESERVED(write), 0), NO_TEXTS},
    PLAIN(writer_free, {{"writer", WRITER, OPTIONAL}}),
    PLAIN(report_options_init, INIT_OF),
    {"blobferry_report_new", call_report_new,
     {{"options", OPTIONS, OPTIONAL}, {"report_out", OUT, REQUIRED}, {"error_out", ERROR_OUT, OPTIONAL}},
     OPTIONS_OF(report, RESERVED(report), BLOBFERRY_REPORT_FAILURES_ONLY), NO_TEXTS},
    PLAIN(report_progress, {{"report", REPORT, REQUIRED}, {"progress_out", OUT, REQUIRED}}),
    PLAIN(report_outcomes, {{"report", REPORT, OPTIONAL}, {"count_out", COUNT_OUT, OPTIONAL}}),
    PLAIN(report_free, {{"report", REPORT, OPTIONAL}}),
    PLAIN(folder_options_init, INIT_OF),
    {"blobferry_folder_upload", call_folder_upload,
     {{"store", STORE, REQUIRED}, {"cq", CQ, REQUIRED}, {"path", PATH, REQUIRED}, {"prefix", PREFIX, OPTIONAL},
      {"options", OPTIONS, OPTIONAL}, {"report", REPORT, OPTIONAL}, {"ticket_out", TICKET_OUT, OPTIONAL},
      {"error_out", ERROR_OUT, OPTIONAL}},
     OPTIONS_OF(folder, 0, BLOBFERRY_FOLDER_SKIP_SAME | BLOBFERRY_FOLDER_STOP_ON_ERROR),
     {{"path", set_path, true}, {"prefix", set_prefix, false}}},
    {"blobferry_folder_download", call_folder_download,
     {{"store", STORE, REQUIRED}, {"cq", CQ, REQUIRED}, {"prefix", PREFIX, OPTIONAL}, {"path", PATH, REQUIRED},
      {"options", OPTIONS, OPTIONAL}, {"report", REPORT, OPTIONAL}, {"ticket_out", TICKET_OUT, OPTIONAL},
      {"error_out", ERROR_OUT, OPTIONAL}},
     OPTIONS_OF(folder, 0, BLOBFERRY_FOLDER_SKIP_SAME | BLOBFERRY_FOLDER_STOP_ON_ERROR),
     {{"prefix", set_prefix, false}, {"path", set_path, true}}},
    PLAIN(schema_release_borrowed, {{"schema", SCHEMA, OPTIONAL}}),
    PLAIN(array_release_borrowed, {{"array", ARRAYS, OPTIONAL}}),
    PLAIN(import_options_init, INIT_OF),
    {"blobferry_table_import", call_table_import,
     {{"service", SERVICE, REQUIRED}, {"schema", SCHEMA, REQUIRED}, {"arrays", ARRAYS, REQUIRED},
      {"options", OPTIONS, OPTIONAL}, {"table_out", OUT, REQUIRED}, {"error_out", ERROR_OUT, OPTIONAL}},
     OPTIONS_OF(import, RESERVED(import), BLOBFERRY_IMPORT_TRUSTED | BLOBFERRY_IMPORT_ANY_THREAD), NO_TEXTS},
    /* Its options are those of the call above, and one of them is a must. */
    PLAIN(table_import_stream, {{"service", SERVICE, REQUIRED}, {"stream", STREAM, REQUIRED},
                                {"options", NOWHERE, OPTIONAL}, {"table_out", OUT, REQUIRED},
                                {"error_out", ERROR_OUT, OPTIONAL}}),
    PLAIN(table_export, {{"table", TABLE, REQUIRED}, {"stream_out", OUT, REQUIRED}, {"error_out", ERROR_OUT, OPTIONAL}}),
    PLAIN(table_export_chunk, {{"table", TABLE, REQUIRED}, {"schema_out", SCHEMA, OPTIONAL},
                               {"array_out", OUT, REQUIRED}, {"error_out", ERROR_OUT, OPTIONAL}}),
    PLAIN(table_schema, {{"table", TABLE, REQUIRED}, {"schema_out", OUT, REQUIRED}, {"error_out", ERROR_OUT, OPTIONAL}}),
    PLAIN(table_rows, OF_TABLE),
    PLAIN(table_chunks, OF_TABLE),
    PLAIN(table_copied_buffers, OF_TABLE),
    PLAIN(table_free, OF_TABLE),
    PLAIN(aggregate_options_init, INIT_OF),
    {"blobferry_table_aggregate", call_table_aggregate,
     {{"table", TABLE, REQUIRED}, {"cq", CQ, REQUIRED}, {"aggregations", ARRAYS, REQUIRED},
      {"options", OPTIONS, OPTIONAL}, {"ticket_out", TICKET_OUT, OPTIONAL}, {"error_out", ERROR_OUT, OPTIONAL}},
     OPTIONS_OF(aggregate, RESERVED(aggregate), 0), {{"column", set_text, true}}},
    PLAIN(csv_options_init, INIT_OF),
    PLAIN(table_write_options_init, INIT_OF),
    PLAIN(chunk_options_init, INIT_OF),
    {"blobferry_table_put", call_table_put,
     {{"store", STORE, REQUIRED}, {"cq", CQ, REQUIRED}, {"key", TEXT, REQUIRED}, {"table", TABLE, REQUIRED},
      {"options", OPTIONS, OPTIONAL}, {"ticket_out", TICKET_OUT, OPTIONAL}, {"error_out", ERROR_OUT, OPTIONAL}},
     OPTIONS_OF(table_write, RESERVED(table_write), TABLE_FLAGS | BLOBFERRY_REQUEST_DETAILS), TABLE_TEXTS},
    {"blobferry_table_writer_new", call_table_writer_new,
     {{"store", STORE, REQUIRED}, {"key", TEXT, REQUIRED}, {"schema", SCHEMA, REQUIRED},
      {"options", OPTIONS, OPTIONAL}, {"writer_out", OUT, REQUIRED}, {"error_out", ERROR_OUT, OPTIONAL}},
     OPTIONS_OF(table_write, RESERVED(table_write), TABLE_FLAGS), TABLE_TEXTS},
    {"blobferry_table_writer_write", call_table_writer_write,
     {{"writer", TABLE_WRITER, REQUIRED}, {"cq", CQ, REQUIRED}, {"array", ARRAYS, REQUIRED},
      {"options", OPTIONS, OPTIONAL}, {"ticket_out", TICKET_OUT, OPTIONAL}, {"error_out", ERROR_OUT, OPTIONAL}},
     OPTIONS_OF(chunk, RESERVED(chunk), BLOBFERRY_IMPORT_TRUSTED | BLOBFERRY_IMPORT_ANY_THREAD), NO_TEXTS},
    {"blobferry_table_writer_finish", call_table_writer_finish,
     {{"writer", TABLE_WRITER, REQUIRED}, {"cq", CQ, REQUIRED}, {"options", OPTIONS, OPTIONAL},
      {"ticket_out", TICKET_OUT, OPTIONAL}, {"error_out", ERROR_OUT, OPTIONAL}},
     OPTIONS_OF(write, RESERVED(write), BLOBFERRY_REQUEST_DETAILS), NO_TEXTS},
    {"blobferry_table_writer_abort", call_table_writer_abort,
     {{"writer", TABLE_WRITER, REQUIRED}, {"cq", CQ, REQUIRED}, {"options", OPTIONS, OPTIONAL},
      {"ticket_out", TICKET_OUT, OPTIONAL}, {"error_out", ERROR_OUT, OPTIONAL}},
     OPTIONS_OF(write, RESERVED(write), 0), NO_TEXTS},
    PLAIN(table_writer_free, {{"writer", TABLE_WRITER, OPTIONAL}}),
    {"blobferry_table_convert", call_table_convert,
     {{"reader", TABLE_READER, REQUIRED}, {"cq", CQ, REQUIRED}, {"store", STORE, REQUIRED}, {"key", TEXT, REQUIRED},
      {"options", OPTIONS, OPTIONAL}, {"ticket_out", TICKET_OUT, OPTIONAL}, {"error_out", ERROR_OUT, OPTIONAL}},
     OPTIONS_OF(table_write, RESERVED(table_write), TABLE_FLAGS | BLOBFERRY_REQUEST_DETAILS), TABLE_TEXTS},
    PLAIN(table_reader_options_init, INIT_OF),
    {"blobferry_table_reader_new", call_table_reader_new,
     {{"store", STORE, REQUIRED}, {"keys", KEYS, REQUIRED}, {"options", OPTIONS, OPTIONAL},
      {"reader_out", OUT, REQUIRED}, {"error_out", ERROR_OUT, OPTIONAL}},
     OPTIONS_OF(table_reader, RESERVED(table_reader), BLOBFERRY_TABLE_TRUSTED), {{"keys[0]", set_key, true}}},
    {"blobferry_table_reader_open", call_table_reader_open, OF_A_READ, OPTIONS_OF(read, RESERVED(read), 0), NO_TEXTS},
    {"blobferry_table_reader_next", call_table_reader_next, OF_A_READ, OPTIONS_OF(read, RESERVED(read), 0), NO_TEXTS},
    PLAIN(table_reader_schema, {{"reader", TABLE_READER, REQUIRED}, {"schema_out", OUT, REQUIRED},
                                {"error_out", ERROR_OUT, OPTIONAL}}),
    PLAIN(table_reader_rows, {{"reader", TABLE_READER, REQUIRED}, {"rows_out", OUT, REQUIRED},
                              {"error_out", ERROR_OUT, OPTIONAL}}),
    PLAIN(table_reader_row_groups, {{"reader", TABLE_READER, REQUIRED}, {"row_groups_out", OUT, REQUIRED},
                                    {"error_out", ERROR_OUT, OPTIONAL}}),
    PLAIN(table_reader_pairs, {{"reader", TABLE_READER, REQUIRED}, {"pairs_out", OUT, REQUIRED},
                               {"count_out", COUNT_OUT, REQUIRED}, {"error_out", ERROR_OUT, OPTIONAL}}),
    PLAIN(table_reader_statistics, {{"reader", TABLE_READER, REQUIRED}, {"table_out", OUT, REQUIRED},
                                    {"error_out", ERROR_OUT, OPTIONAL}}),
    PLAIN(table_reader_skipped, {{"reader", TABLE_READER, OPTIONAL}}),
    PLAIN(table_reader_export, {{"reader", TABLE_READER, REQUIRED}, {"stream_out", OUT, REQUIRED},
                                {"error_out", ERROR_OUT, OPTIONAL}}),
    PLAIN(table_reader_free, {{"reader", TABLE_READER, OPTIONAL}}),
};

#define FUNCTIONS (sizeof functions / sizeof functions[0])

#endif
