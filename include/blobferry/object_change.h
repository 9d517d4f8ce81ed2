/* SPDX-License-Identifier: Apache-2.0 OR MIT */
#ifndef BLOBFERRY_OBJECT_CHANGE_H
#define BLOBFERRY_OBJECT_CHANGE_H

#include "cq.h"
#include "store.h"

typedef struct blobferry_delete_options {
  size_t   struct_size; /* sizeof(blobferry_delete_options_t) */
  uint64_t timeout_ms;  /* milliseconds until BLOBFERRY_E_DEADLINE; 0 = none */
  uint32_t flags;       /* must be 0 */
  uint32_t reserved;    /* must be 0 */
} blobferry_delete_options_t;

/* clang-format off */
#define BLOBFERRY_DELETE_OPTIONS_INIT { sizeof(blobferry_delete_options_t), 0, 0, 0 }
/* clang-format on */

/**
 * Set an option struct to the defaults, for languages without the INIT macro.
 *
 * Equal to assigning BLOBFERRY_DELETE_OPTIONS_INIT.
 *
 * @param options  receives the defaults; NULL does nothing
 *
 * Threads: any, concurrently.
 * Blocks:  never.
 * Since:   0.1
 * See:     blobferry_object_delete
 */
BLOBFERRY_API void blobferry_delete_options_init(blobferry_delete_options_t *options);

/**
 * Delete an object.
 *
 * Deleting what is not there succeeds, on every store. On any failure the object
 * is still there, unless the completion has the flag
 * BLOBFERRY_COMPLETION_MAYBE_COMMITTED. The completion's `result` is 0.
 *
 * @param store       borrowed; the request holds its own reference
 * @param cq          borrowed; receives the completion; must be of the store's service
 * @param key         borrowed; UTF-8, NUL-terminated, relative to the store
 * @param options     borrowed; NULL = BLOBFERRY_DELETE_OPTIONS_INIT
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
 * See:     blobferry_object_put
 */
BLOBFERRY_API blobferry_status_t blobferry_object_delete(const blobferry_store_t *store, blobferry_cq_t *cq,
                                                         const char *key, const blobferry_delete_options_t *options,
                                                         uint64_t user_data, blobferry_ticket_t *ticket_out,
                                                         blobferry_error_t **error_out);

#endif /* BLOBFERRY_OBJECT_CHANGE_H */
