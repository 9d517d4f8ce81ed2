/* SPDX-License-Identifier: Apache-2.0 OR MIT */
#ifndef BLOBFERRY_OBJECT_PUT_H
#define BLOBFERRY_OBJECT_PUT_H

#include "cq.h"
#include "store.h"

/* Replace what is there. */
#define BLOBFERRY_PUT_OVERWRITE 0u
/* Only where nothing is there; else BLOBFERRY_E_EXISTS. */
#define BLOBFERRY_PUT_CREATE 1u
/* Only where the object is at the revision `if_match`; else BLOBFERRY_E_PRECONDITION. */
#define BLOBFERRY_PUT_UPDATE 2u

/* Bytes that the library reads. */
typedef struct blobferry_const_slice {
  const uint8_t *data; /* may be NULL if size is 0 */
  size_t         size; /* bytes */
} blobferry_const_slice_t;

typedef struct blobferry_put_options {
  size_t                  struct_size;    /* sizeof(blobferry_put_options_t) */
  uint64_t                timeout_ms;     /* milliseconds until BLOBFERRY_E_DEADLINE; 0 = none */
  const char             *if_match;       /* for BLOBFERRY_PUT_UPDATE: a revision; else NULL */
  const char             *content_type;   /* NULL = none */
  const blobferry_pair_t *metadata;       /* user metadata; NULL if metadata_count is 0 */
  size_t                  metadata_count; /* elements in `metadata`; keys differ */
  uint32_t                mode;           /* BLOBFERRY_PUT_… */
  uint32_t                flags;          /* BLOBFERRY_REQUEST_DETAILS or 0 */
  const char             *content_encoding;    /* as gzip, of bytes that are packed already; NULL = none */
  const char             *content_language;    /* NULL = none */
  const char             *content_disposition; /* NULL = none */
  const char             *cache_control;       /* NULL = none */
  const blobferry_pair_t *tags;                /* for the rules of the bucket; NULL if tag_count is 0 */
  size_t                  tag_count;           /* elements in `tags`; keys differ */
} blobferry_put_options_t;

/* clang-format off */
#define BLOBFERRY_PUT_OPTIONS_INIT { sizeof(blobferry_put_options_t), 0, NULL, NULL, NULL, 0, BLOBFERRY_PUT_OVERWRITE, 0, NULL, NULL, NULL, NULL, NULL, 0 }
/* clang-format on */

/**
 * Set an option struct to the defaults, for languages without the INIT macro.
 *
 * Equal to assigning BLOBFERRY_PUT_OPTIONS_INIT.
 *
 * @param options      receives the defaults; NULL does nothing
 * @param struct_size  bytes: sizeof(blobferry_put_options_t)
 *
 * Threads: any, concurrently.
 * Blocks:  never.
 * Since:   0.1
 * See:     blobferry_object_put
 */
BLOBFERRY_API void blobferry_put_options_init(blobferry_put_options_t *options, size_t struct_size);

/**
 * Write an object from memory the caller lends.
 *
 * The object appears whole, or what was there before stays. On any failure it
 * has not been written, unless the completion has the flag
 * BLOBFERRY_COMPLETION_MAYBE_COMMITTED.
 *
 * The completion's `result` is the number of bytes written: `buffer_size`. Details,
 * if asked for, hold the new revision. Further statuses: BLOBFERRY_E_EXISTS,
 * BLOBFERRY_E_PRECONDITION, BLOBFERRY_E_NO_SPACE, BLOBFERRY_E_NOT_FOUND (an update of nothing),
 * BLOBFERRY_E_UNSUPPORTED (file: a folder is in the way).
 *
 * @param store        borrowed; the request holds its own reference
 * @param cq           borrowed; receives the completion; must be of the store's service
 * @param key          borrowed; UTF-8, NUL-terminated, relative to the store
 * @param buffer       lent until the completion; may be NULL if buffer_size is 0
 * @param buffer_size  bytes
 * @param options      borrowed; NULL = BLOBFERRY_PUT_OPTIONS_INIT
 * @param user_data    returned in the completion; an integer, never dereferenced
 * @param ticket_out   receives the ticket; may be NULL
 * @param error_out    receives an owned error on failure; may be NULL
 *
 * @retval BLOBFERRY_OK             the request is queued
 * @retval BLOBFERRY_E_ARGUMENT     a required pointer was NULL, the key is not one, or an option is unknown;
 *                                  `mode` and `if_match` contradict; a key of metadata or tags is empty or given twice
 * @retval BLOBFERRY_E_UNSUPPORTED  the store cannot do what an option asks: see its capabilities
 * @retval BLOBFERRY_E_BUSY         the queue has no credit; take completions, then try again
 * @retval BLOBFERRY_E_CLOSED       the queue or the service is closed
 * @retval BLOBFERRY_E_FORKED       the store belongs to the parent process
 *
 * Threads: any, concurrently.
 * Blocks:  never.
 * Since:   0.1
 * See:     blobferry_store_capabilities, blobferry_cq_wait, blobferry_details_revision
 */
BLOBFERRY_API blobferry_status_t blobferry_object_put(const blobferry_store_t *store, blobferry_cq_t *cq,
                                                      const char *key, const uint8_t *buffer, size_t buffer_size,
                                                      const blobferry_put_options_t *options, uint64_t user_data,
                                                      blobferry_ticket_t *ticket_out, blobferry_error_t **error_out);

/**
 * Write an object from several pieces of memory, one behind the other.
 *
 * As blobferry_object_put in all else, its statuses included. The completion's
 * `result` is the sum of the sizes. No slices, and empty ones, write an empty
 * object.
 *
 * @param store        borrowed; the request holds its own reference
 * @param cq           borrowed; receives the completion; must be of the store's service
 * @param key          borrowed; UTF-8, NUL-terminated, relative to the store
 * @param slices       borrowed; what they point to is lent until the completion; may be NULL if slice_count is 0
 * @param slice_count  elements in `slices`; at most 65536
 * @param options      borrowed; NULL = BLOBFERRY_PUT_OPTIONS_INIT
 * @param user_data    returned in the completion; an integer, never dereferenced
 * @param ticket_out   receives the ticket; may be NULL
 * @param error_out    receives an owned error on failure; may be NULL
 *
 * @retval BLOBFERRY_OK             the request is queued
 * @retval BLOBFERRY_E_ARGUMENT     a required pointer was NULL, there are too many slices, the key is not one, or an option is unknown;
 *                                  `mode` and `if_match` contradict; a key of metadata or tags is empty or given twice
 * @retval BLOBFERRY_E_UNSUPPORTED  the store cannot do what an option asks: see its capabilities
 * @retval BLOBFERRY_E_BUSY         the queue has no credit; take completions, then try again
 * @retval BLOBFERRY_E_CLOSED       the queue or the service is closed
 * @retval BLOBFERRY_E_FORKED       the store belongs to the parent process
 *
 * Threads: any, concurrently.
 * Blocks:  never.
 * Since:   0.1
 * See:     blobferry_object_put, blobferry_object_get_ranges
 */
BLOBFERRY_API blobferry_status_t blobferry_object_put_slices(const blobferry_store_t *store, blobferry_cq_t *cq,
                                                      const char *key, const blobferry_const_slice_t *slices, size_t slice_count,
                                                      const blobferry_put_options_t *options, uint64_t user_data,
                                                      blobferry_ticket_t *ticket_out, blobferry_error_t **error_out);

#endif /* BLOBFERRY_OBJECT_PUT_H */
