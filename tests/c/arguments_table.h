/*
 * Every function of the header as one row: a call that is right, the pointers that
 * it takes, the texts in them, and its option struct. arguments.c then makes each
 * of them wrong, one at a time. A call that succeeds frees what it made and takes
 * the completion that it caused.
 */
#ifndef TESTS_C_ARGUMENTS_TABLE_H
#define TESTS_C_ARGUMENTS_TABLE_H

#include "verbs.h"

/* What a pointer of a call points to. */
typedef enum place {
  NOWHERE, SERVICE, CQ, STORE, LIST, ERROR, DETAILS, TEXT, PREFIX, BUFFER, OPTIONS, PAIRS, COMPLETIONS, COUNT_OUT, OUT,
  TICKET_OUT, ERROR_OUT, PLACES
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
  blobferry_list_options_t    list;
  blobferry_next_options_t    next;
} any_options_t;

/* The arguments of one call; all that it may write to is in `outputs`. */
typedef struct arguments {
  void              *at[PLACES];
  size_t             size; /* of the buffer, or the number of pairs or completions */
  uint32_t           wake;
  fixture_t          fixture;
  any_options_t      options;
  blobferry_pair_t   pairs[1];
  guarded_t          buffer;
  blobferry_error_t *error;
  uint8_t            outputs[512];
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
  if (a->at[OUT] != NULL) blobferry_service_options_init(a->at[OUT]);
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

static inline blobferry_status_t call_object_get(arguments_t *a) {
  return taken(a, blobferry_object_get(a->at[STORE], a->at[CQ], a->at[TEXT], a->at[BUFFER], a->size, a->at[OPTIONS],
                                       4711, a->at[TICKET_OUT], a->at[ERROR_OUT]));
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

static inline blobferry_status_t call_list_entries(arguments_t *a) {
  CHECK(blobferry_list_entries(a->at[LIST], a->at[COUNT_OUT]) == NULL);
  if (a->at[COUNT_OUT] != NULL) CHECK_INT(*(size_t *)a->at[COUNT_OUT], 0);
  return BLOBFERRY_OK;
}

static inline blobferry_status_t call_list_free(arguments_t *a) {
  blobferry_list_free(a->at[LIST] == NULL ? NULL : new_list(a->fixture.store, ""));
  return BLOBFERRY_OK;
}

/* -- option structs -------------------------------------------------------------------------------------------- */

/* The _init function must give what the INIT macro gives, and take NULL. */
#define CALL_INIT(verb, MACRO)                                                                              \
  static inline blobferry_status_t call_##verb##_options_init(arguments_t *a) {                             \
    const blobferry_##verb##_options_t wanted = MACRO;                                                      \
    if (a->at[OPTIONS] != NULL) memset(a->at[OPTIONS], 0xEE, sizeof wanted);                                \
    blobferry_##verb##_options_init(a->at[OPTIONS]);                                                        \
    if (a->at[OPTIONS] != NULL) CHECK(memcmp(a->at[OPTIONS], &wanted, sizeof wanted) == 0);                 \
    return BLOBFERRY_OK;                                                                                    \
  }
CALL_INIT(service, BLOBFERRY_SERVICE_OPTIONS_INIT)
CALL_INIT(cq, BLOBFERRY_CQ_OPTIONS_INIT)
CALL_INIT(get, BLOBFERRY_GET_OPTIONS_INIT)
CALL_INIT(put, BLOBFERRY_PUT_OPTIONS_INIT)
CALL_INIT(head, BLOBFERRY_HEAD_OPTIONS_INIT)
CALL_INIT(delete, BLOBFERRY_DELETE_OPTIONS_INIT)
CALL_INIT(list, BLOBFERRY_LIST_OPTIONS_INIT)
CALL_INIT(next, BLOBFERRY_NEXT_OPTIONS_INIT)

/* -- texts ------------------------------------------------------------------------------------------------------ */

static inline void set_text(arguments_t *a, const char *text) { a->at[TEXT] = (void *)text; }
static inline void set_prefix(arguments_t *a, const char *text) { a->at[PREFIX] = (void *)text; }
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
#define OF_CQ {{"cq", CQ, OPTIONAL}}
#define INIT_OF {{"options", OPTIONS, OPTIONAL}}
#define KEY_TEXT {{"key", set_text, true}}

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
     OPTIONS_OF(service, RESERVED(service), 0), NO_TEXTS},
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
    PLAIN(details_metadata, {{"details", DETAILS, OPTIONAL}, {"count_out", COUNT_OUT, OPTIONAL}}),
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
     OPTIONS_OF(get, 0, BLOBFERRY_REQUEST_DETAILS), KEY_TEXT},
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
    PLAIN(list_entries, {{"list", LIST, OPTIONAL}, {"count_out", COUNT_OUT, OPTIONAL}}),
    PLAIN(list_free, {{"list", LIST, OPTIONAL}}),
};

#define FUNCTIONS (sizeof functions / sizeof functions[0])

#endif
