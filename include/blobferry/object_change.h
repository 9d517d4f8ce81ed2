/* SPDX-License-Identifier: Apache-2.0 OR MIT */
#ifndef BLOBFERRY_OBJECT_CHANGE_H
#define BLOBFERRY_OBJECT_CHANGE_H

#include "cq.h"
#include "object_put.h"
#include "report.h"
#include "store.h"

/* The most keys of one blobferry_object_delete_many. */
#define BLOBFERRY_DELETE_MANY_MAX 1000000u

typedef struct blobferry_delete_options {
  size_t   struct_size; /* sizeof(blobferry_delete_options_t) */
  uint64_t timeout_ms;  /* milliseconds until BLOBFERRY_E_DEADLINE; 0 = none */
  uint32_t flags;       /* must be 0 */
  uint32_t reserved;    /* must be 0 */
} blobferry_delete_options_t;

/* clang-format off */
#define BLOBFERRY_DELETE_OPTIONS_INIT { sizeof(blobferry_delete_options_t), 0, 0, 0 }
/* clang-format on */

/* Of blobferry_object_copy and blobferry_object_rename. */
typedef struct blobferry_copy_options {
  size_t   struct_size; /* sizeof(blobferry_copy_options_t) */
  uint64_t timeout_ms;  /* milliseconds until BLOBFERRY_E_DEADLINE; 0 = none */
  uint32_t mode;        /* BLOBFERRY_PUT_OVERWRITE or BLOBFERRY_PUT_CREATE */
  uint32_t flags;       /* BLOBFERRY_REQUEST_DETAILS, of the new object, or 0 */
} blobferry_copy_options_t;

/* clang-format off */
#define BLOBFERRY_COPY_OPTIONS_INIT { sizeof(blobferry_copy_options_t), 0, BLOBFERRY_PUT_OVERWRITE, 0 }
/* clang-format on */

/**
 * Set an option struct to the defaults, for languages without the INIT macro.
 *
 * Equal to assigning BLOBFERRY_DELETE_OPTIONS_INIT.
 *
 * @param options      receives the defaults; NULL does nothing
 * @param struct_size  bytes: sizeof(blobferry_delete_options_t)
 *
 * Threads: any, concurrently.
 * Blocks:  never.
 * Since:   0.1
 * See:     blobferry_object_delete, blobferry_object_delete_many
 */
BLOBFERRY_API void blobferry_delete_options_init(blobferry_delete_options_t *options, size_t struct_size);

/**
 * Set an option struct to the defaults, for languages without the INIT macro.
 *
 * Equal to assigning BLOBFERRY_COPY_OPTIONS_INIT.
 *
 * @param options      receives the defaults; NULL does nothing
 * @param struct_size  bytes: sizeof(blobferry_copy_options_t)
 *
 * Threads: any, concurrently.
 * Blocks:  never.
 * Since:   0.1
 * See:     blobferry_object_copy, blobferry_object_rename
 */
BLOBFERRY_API void blobferry_copy_options_init(blobferry_copy_options_t *options, size_t struct_size);

/**
 * Copy an object to another key of the same store.
 *
 * The store does it: no byte comes to this machine from a server, and memory and
 * file copy none where they can share them. Content, content headers and user
 * metadata go along (s3 with BLOBFERRY_PUT_CREATE, see `copy_if_not_exists`: those
 * that the object had when the copy began). The new object appears whole, or what
 * was there before stays. The completion's `result` is 0; details, if asked for, are
 * of the new object (over a network by another request).
 *
 * On any failure nothing has been copied, unless the completion has the flag
 * BLOBFERRY_COMPLETION_MAYBE_COMMITTED. A copy that az goes on with after its answer
 * is waited for; if the request ends meanwhile, az goes on. Further statuses:
 * BLOBFERRY_E_NOT_FOUND (no object at `from`), BLOBFERRY_E_EXISTS, BLOBFERRY_E_NO_SPACE,
 * BLOBFERRY_E_CHANGED (file: it was written to meanwhile), BLOBFERRY_E_UNSUPPORTED (s3: the
 * object is larger than the 5 GiB that the server copies; file, http: a folder is in
 * the way; file: neither a file nor a folder).
 *
 * @param store       borrowed; the request holds its own reference
 * @param cq          borrowed; receives the completion; must be of the store's service
 * @param from        borrowed; UTF-8, NUL-terminated, the key of the object
 * @param to          borrowed; UTF-8, NUL-terminated, the key of the new object; another than `from`
 * @param options     borrowed; NULL = BLOBFERRY_COPY_OPTIONS_INIT
 * @param user_data   returned in the completion; an integer, never dereferenced
 * @param ticket_out  receives the ticket; may be NULL
 * @param error_out   receives an owned error on failure; may be NULL
 *
 * @retval BLOBFERRY_OK             the request is queued
 * @retval BLOBFERRY_E_ARGUMENT     a required pointer was NULL, a key is none, both keys are the same, or an option is
 *                                  unknown
 * @retval BLOBFERRY_E_UNSUPPORTED  the store has no BLOBFERRY_PUT_CREATE for copies: see its capabilities
 * @retval BLOBFERRY_E_BUSY         the queue has no credit; take completions, then try again
 * @retval BLOBFERRY_E_CLOSED       the queue or the service is closed
 * @retval BLOBFERRY_E_FORKED       the store belongs to the parent process
 *
 * Threads: any, concurrently.
 * Blocks:  never.
 * Since:   0.1
 * See:     blobferry_object_rename, blobferry_store_capabilities
 */
BLOBFERRY_API blobferry_status_t blobferry_object_copy(const blobferry_store_t *store, blobferry_cq_t *cq,
                                                       const char *from, const char *to,
                                                       const blobferry_copy_options_t *options, uint64_t user_data,
                                                       blobferry_ticket_t *ticket_out, blobferry_error_t **error_out);

/**
 * Give an object another key of the same store.
 *
 * On memory, file and http it is one step. On s3, az and gs it is a copy, as by
 * blobferry_object_copy, and then a delete: whoever looks in between sees both, and
 * what is written to `from` in between is lost. If the delete fails, both stay, the
 * error says so, and the completion has the flag
 * BLOBFERRY_COMPLETION_MAYBE_COMMITTED. All else is as with blobferry_object_copy. On
 * file the emptied folder of `from` stays, and a key that is itself a symbolic link,
 * or one on another file system than `to`, is BLOBFERRY_E_UNSUPPORTED.
 *
 * @param store       borrowed; the request holds its own reference
 * @param cq          borrowed; receives the completion; must be of the store's service
 * @param from        borrowed; UTF-8, NUL-terminated, the key of the object
 * @param to          borrowed; UTF-8, NUL-terminated, its new key; another than `from`
 * @param options     borrowed; NULL = BLOBFERRY_COPY_OPTIONS_INIT
 * @param user_data   returned in the completion; an integer, never dereferenced
 * @param ticket_out  receives the ticket; may be NULL
 * @param error_out   receives an owned error on failure; may be NULL
 *
 * @retval BLOBFERRY_OK             the request is queued
 * @retval BLOBFERRY_E_ARGUMENT     a required pointer was NULL, a key is none, both keys are the same, or an option is
 *                                  unknown
 * @retval BLOBFERRY_E_UNSUPPORTED  the store has no BLOBFERRY_PUT_CREATE for renames: see its capabilities
 * @retval BLOBFERRY_E_BUSY         the queue has no credit; take completions, then try again
 * @retval BLOBFERRY_E_CLOSED       the queue or the service is closed
 * @retval BLOBFERRY_E_FORKED       the store belongs to the parent process
 *
 * Threads: any, concurrently.
 * Blocks:  never.
 * Since:   0.1
 * See:     blobferry_object_copy, blobferry_store_capabilities
 */
BLOBFERRY_API blobferry_status_t blobferry_object_rename(const blobferry_store_t *store, blobferry_cq_t *cq,
                                                         const char *from, const char *to,
                                                         const blobferry_copy_options_t *options, uint64_t user_data,
                                                         blobferry_ticket_t *ticket_out, blobferry_error_t **error_out);

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

/**
 * Delete many objects by one request.
 *
 * By requests of up to 1000 keys on s3 and 256 on az, `max_in_flight` of the store at
 * once; one by one, a few at once, elsewhere. Each key has an outcome of its own:
 * one that fails does not keep the others. What may succeed then is tried again, and
 * only that. Deleting what is not there succeeds.
 *
 * The completion's `result` is the number of keys deleted, those that were not there
 * among them. It is BLOBFERRY_OK only if every key is; else its error says how many are
 * not, and why the first. `report` has the outcome of each, in the order of `keys`. A
 * request that is cancelled, or comes to its deadline, deletes no more: the outcome
 * of the rest is BLOBFERRY_E_CANCELLED or BLOBFERRY_E_DEADLINE, and the completion has the
 * flag BLOBFERRY_COMPLETION_MAYBE_COMMITTED if any may be deleted.
 *
 * @param store       borrowed; the request holds its own reference
 * @param cq          borrowed; receives the completion; must be of the store's service
 * @param keys        borrowed; UTF-8, NUL-terminated, relative to the store; may be NULL if key_count is 0
 * @param key_count   elements in `keys`; at most BLOBFERRY_DELETE_MANY_MAX
 * @param options     borrowed; NULL = BLOBFERRY_DELETE_OPTIONS_INIT
 * @param report      borrowed; the request holds its own reference; may be NULL
 * @param user_data   returned in the completion; an integer, never dereferenced
 * @param ticket_out  receives the ticket; may be NULL
 * @param error_out   receives an owned error on failure; may be NULL
 *
 * @retval BLOBFERRY_OK          the request is queued
 * @retval BLOBFERRY_E_ARGUMENT  a required pointer was NULL, a key is none or given twice, there are too many of them,
 *                               an option is unknown, or `report` has been used
 * @retval BLOBFERRY_E_BUSY      the queue has no credit; take completions, then try again
 * @retval BLOBFERRY_E_CLOSED    the queue or the service is closed
 * @retval BLOBFERRY_E_FORKED    the store belongs to the parent process
 *
 * Threads: any, concurrently.
 * Blocks:  never; it copies the keys.
 * Since:   0.1
 * See:     blobferry_report_outcomes, blobferry_object_delete
 */
BLOBFERRY_API blobferry_status_t blobferry_object_delete_many(const blobferry_store_t *store, blobferry_cq_t *cq,
                                                              const char *const *keys, size_t key_count,
                                                              const blobferry_delete_options_t *options,
                                                              blobferry_report_t *report, uint64_t user_data,
                                                              blobferry_ticket_t *ticket_out,
                                                              blobferry_error_t **error_out);

#endif /* BLOBFERRY_OBJECT_CHANGE_H */
