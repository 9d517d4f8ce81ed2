/* SPDX-License-Identifier: Apache-2.0 OR MIT */
#ifndef BLOBFERRY_OBJECT_GET_H
#define BLOBFERRY_OBJECT_GET_H

#include "cq.h"
#include "store.h"

/* To the end of the object. */
#define BLOBFERRY_LENGTH_TO_END UINT64_MAX

typedef struct blobferry_get_options {
  size_t   struct_size;   /* sizeof(blobferry_get_options_t) */
  uint64_t timeout_ms;    /* milliseconds until BLOBFERRY_E_DEADLINE; 0 = none */
  uint64_t offset;        /* first byte wanted */
  uint64_t length;        /* bytes wanted; BLOBFERRY_LENGTH_TO_END = all that follow */
  uint64_t part_size;     /* bytes of one parallel part; 0 = the store's setting */
  uint32_t max_in_flight; /* parts moved at once, at most 256; 0 = the store's setting */
  uint32_t flags;         /* BLOBFERRY_REQUEST_DETAILS or 0 */
} blobferry_get_options_t;

/* clang-format off */
#define BLOBFERRY_GET_OPTIONS_INIT { sizeof(blobferry_get_options_t), 0, 0, BLOBFERRY_LENGTH_TO_END, 0, 0, 0 }
/* clang-format on */

typedef struct blobferry_head_options {
  size_t   struct_size; /* sizeof(blobferry_head_options_t) */
  uint64_t timeout_ms;  /* milliseconds until BLOBFERRY_E_DEADLINE; 0 = none */
  uint32_t flags;       /* BLOBFERRY_REQUEST_DETAILS, which is the default, or 0 */
  uint32_t reserved;    /* must be 0 */
} blobferry_head_options_t;

/* clang-format off */
#define BLOBFERRY_HEAD_OPTIONS_INIT { sizeof(blobferry_head_options_t), 0, BLOBFERRY_REQUEST_DETAILS, 0 }
/* clang-format on */

/**
 * Set an option struct to the defaults, for languages without the INIT macro.
 *
 * Equal to assigning BLOBFERRY_GET_OPTIONS_INIT.
 *
 * @param options  receives the defaults; NULL does nothing
 *
 * Threads: any, concurrently.
 * Blocks:  never.
 * Since:   0.1
 * See:     blobferry_object_get
 */
BLOBFERRY_API void blobferry_get_options_init(blobferry_get_options_t *options);

/**
 * Set an option struct to the defaults, for languages without the INIT macro.
 *
 * Equal to assigning BLOBFERRY_HEAD_OPTIONS_INIT.
 *
 * @param options  receives the defaults; NULL does nothing
 *
 * Threads: any, concurrently.
 * Blocks:  never.
 * Since:   0.1
 * See:     blobferry_object_head
 */
BLOBFERRY_API void blobferry_head_options_init(blobferry_head_options_t *options);

/**
 * Read an object, or a range of it, into memory the caller lends.
 *
 * A large range is read in parallel parts, each straight to its place in
 * `buffer`, all of one state of the object: where it changes meanwhile, the
 * completion is BLOBFERRY_E_CHANGED. A range that goes past the end of the object
 * is cut there; one that begins at or after the end (other than at 0) is
 * BLOBFERRY_E_RANGE.
 *
 * The completion's `result` is the number of bytes written. If the range does not
 * fit, its status is BLOBFERRY_E_TOO_SMALL and `result` is the size needed (0 where
 * an HTTP server does not tell how large the object is). After
 * any failure the content of `buffer` is undefined; beyond `buffer_size` and
 * beyond the range nothing is ever written. Further statuses: BLOBFERRY_E_NOT_FOUND,
 * BLOBFERRY_E_UNSUPPORTED (file: neither a file nor a folder).
 *
 * @param store        borrowed; the request holds its own reference
 * @param cq           borrowed; receives the completion; must be of the store's service
 * @param key          borrowed; UTF-8, NUL-terminated, relative to the store
 * @param buffer       lent until the completion; may be NULL if buffer_size is 0
 * @param buffer_size  bytes
 * @param options      borrowed; NULL = BLOBFERRY_GET_OPTIONS_INIT
 * @param user_data    returned in the completion; an integer, never dereferenced
 * @param ticket_out   receives the ticket; may be NULL
 * @param error_out    receives an owned error on failure; may be NULL
 *
 * @retval BLOBFERRY_OK           the request is queued
 * @retval BLOBFERRY_E_ARGUMENT   a required pointer was NULL, the key is not one, or an option is unknown
 * @retval BLOBFERRY_E_UNSUPPORTED the store cannot get a range: see its capabilities
 * @retval BLOBFERRY_E_BUSY       the queue has no credit; take completions, then try again
 * @retval BLOBFERRY_E_CLOSED     the queue or the service is closed
 * @retval BLOBFERRY_E_FORKED     the store belongs to the parent process
 *
 * Threads: any, concurrently.
 * Blocks:  never.
 * Since:   0.1
 * See:     blobferry_cq_wait, blobferry_cq_cancel, blobferry_error_free
 */
BLOBFERRY_API blobferry_status_t blobferry_object_get(const blobferry_store_t *store, blobferry_cq_t *cq,
                                                      const char *key, uint8_t *buffer, size_t buffer_size,
                                                      const blobferry_get_options_t *options, uint64_t user_data,
                                                      blobferry_ticket_t *ticket_out, blobferry_error_t **error_out);

/**
 * Learn an object's size and details without reading it.
 *
 * The completion's `result` is the size in bytes; its details are set unless the
 * flag was taken out of the options. Further statuses: BLOBFERRY_E_NOT_FOUND,
 * BLOBFERRY_E_UNSUPPORTED (file: neither a file nor a folder).
 *
 * @param store       borrowed; the request holds its own reference
 * @param cq          borrowed; receives the completion; must be of the store's service
 * @param key         borrowed; UTF-8, NUL-terminated, relative to the store
 * @param options     borrowed; NULL = BLOBFERRY_HEAD_OPTIONS_INIT
 * @param user_data   returned in the completion; an integer, never dereferenced
 * @param ticket_out  receives the ticket; may be NULL
 * @param error_out   receives an owned error on failure; may be NULL
 *
 * @retval BLOBFERRY_OK          the request is queued
 * @retval BLOBFERRY_E_ARGUMENT  a required pointer was NULL, the key is not one, or an option is unknown
 * @retval BLOBFERRY_E_BUSY      the queue has no credit; take completions, then try again
 * @retval BLOBFERRY_E_CLOSED    the queue or the service is closed
 * @retval BLOBFERRY_E_FORKED    the store belongs to the parent process
 *
 * Threads: any, concurrently.
 * Blocks:  never.
 * Since:   0.1
 * See:     blobferry_details_size, blobferry_object_get
 */
BLOBFERRY_API blobferry_status_t blobferry_object_head(const blobferry_store_t *store, blobferry_cq_t *cq,
                                                       const char *key, const blobferry_head_options_t *options,
                                                       uint64_t user_data, blobferry_ticket_t *ticket_out,
                                                       blobferry_error_t **error_out);

#endif /* BLOBFERRY_OBJECT_GET_H */
