/* SPDX-License-Identifier: Apache-2.0 OR MIT */
#ifndef BLOBFERRY_OBJECT_GET_H
#define BLOBFERRY_OBJECT_GET_H

#include "cq.h"
#include "store.h"

/* To the end of the object. */
#define BLOBFERRY_LENGTH_TO_END UINT64_MAX

/* A flag of blobferry_get_options_t: the last `length` bytes of the object, or all where there are fewer. */
#define BLOBFERRY_GET_SUFFIX 2u

/*
 * CONDITIONS say in which state an object is wanted, in options of get, head and
 * exists alike. They are looked at in this order:
 *
 *   if_match                only at this revision ("*": any), else BLOBFERRY_E_PRECONDITION;
 *   if_unmodified_since_ns  without if_match: only if it was not written after this time,
 *                           else BLOBFERRY_E_PRECONDITION;
 *   if_none_match           only if it is not at this revision ("*": at none), else
 *                           BLOBFERRY_E_NOT_MODIFIED;
 *   if_modified_since_ns    without if_none_match: only if it was written after this time,
 *                           else BLOBFERRY_E_NOT_MODIFIED.
 *
 * Every store has them: where a server does not look at them, we look at what it
 * answers. An object that is not there is BLOBFERRY_E_NOT_FOUND, whatever the
 * conditions. Servers tell times in whole seconds, and compare them so; a time that a
 * store does not tell passes for later than any.
 *
 * `version` names one of several versions of an object, as blobferry_details_version
 * gives it (BLOBFERRY_CAN_VERSION). A server that keeps none is BLOBFERRY_E_UNSUPPORTED,
 * BLOBFERRY_E_NOT_FOUND or BLOBFERRY_E_ARGUMENT, as it answers.
 */

typedef struct blobferry_get_options {
  size_t      struct_size;            /* sizeof(blobferry_get_options_t) */
  uint64_t    timeout_ms;             /* milliseconds until BLOBFERRY_E_DEADLINE; 0 = none */
  uint64_t    offset;                 /* first byte wanted */
  uint64_t    length;                 /* bytes wanted; BLOBFERRY_LENGTH_TO_END = all that follow */
  uint64_t    part_size;              /* bytes of one parallel part; 0 = the store's setting */
  uint32_t    max_in_flight;          /* parts moved at once, at most 256; 0 = the store's setting */
  uint32_t    flags;                  /* BLOBFERRY_REQUEST_DETAILS, BLOBFERRY_GET_SUFFIX, or 0 */
  const char *if_match;               /* a revision, or "*"; NULL = no condition */
  const char *if_none_match;          /* a revision, or "*"; NULL = no condition */
  int64_t     if_modified_since_ns;   /* since 1970-01-01 UTC; 0 or BLOBFERRY_TIME_UNKNOWN = no condition */
  int64_t     if_unmodified_since_ns; /* since 1970-01-01 UTC; 0 or BLOBFERRY_TIME_UNKNOWN = no condition */
  const char *version;                /* NULL = the current one */
  uint64_t    max_size;               /* blobferry_object_get_buffer: bytes at most, 0 = no limit; else 0 */
} blobferry_get_options_t;

/* clang-format off */
#define BLOBFERRY_GET_OPTIONS_INIT { sizeof(blobferry_get_options_t), 0, 0, BLOBFERRY_LENGTH_TO_END, 0, 0, 0, NULL, NULL, 0, 0, NULL, 0 }
/* clang-format on */

typedef struct blobferry_head_options {
  size_t      struct_size;            /* sizeof(blobferry_head_options_t) */
  uint64_t    timeout_ms;             /* milliseconds until BLOBFERRY_E_DEADLINE; 0 = none */
  uint32_t    flags;                  /* BLOBFERRY_REQUEST_DETAILS, which is the default, or 0 */
  uint32_t    reserved;               /* must be 0 */
  const char *if_match;               /* a revision, or "*"; NULL = no condition */
  const char *if_none_match;          /* a revision, or "*"; NULL = no condition */
  int64_t     if_modified_since_ns;   /* since 1970-01-01 UTC; 0 or BLOBFERRY_TIME_UNKNOWN = no condition */
  int64_t     if_unmodified_since_ns; /* since 1970-01-01 UTC; 0 or BLOBFERRY_TIME_UNKNOWN = no condition */
  const char *version;                /* NULL = the current one */
} blobferry_head_options_t;

/* clang-format off */
#define BLOBFERRY_HEAD_OPTIONS_INIT { sizeof(blobferry_head_options_t), 0, BLOBFERRY_REQUEST_DETAILS, 0, NULL, NULL, 0, 0, NULL }
/* clang-format on */

/* Some bytes of an object. */
typedef struct blobferry_range {
  uint64_t offset; /* first byte */
  uint64_t length; /* bytes */
} blobferry_range_t;

/* Bytes that the library writes. */
typedef struct blobferry_slice {
  uint8_t *data; /* may be NULL if size is 0 */
  size_t   size; /* bytes */
} blobferry_slice_t;

/**
 * Set an option struct to the defaults, for languages without the INIT macro.
 *
 * Equal to assigning BLOBFERRY_GET_OPTIONS_INIT.
 *
 * @param options      receives the defaults; NULL does nothing
 * @param struct_size  bytes: sizeof(blobferry_get_options_t)
 *
 * Threads: any, concurrently.
 * Blocks:  never.
 * Since:   0.1
 * See:     blobferry_object_get
 */
BLOBFERRY_API void blobferry_get_options_init(blobferry_get_options_t *options, size_t struct_size);

/**
 * Set an option struct to the defaults, for languages without the INIT macro.
 *
 * Equal to assigning BLOBFERRY_HEAD_OPTIONS_INIT.
 *
 * @param options      receives the defaults; NULL does nothing
 * @param struct_size  bytes: sizeof(blobferry_head_options_t)
 *
 * Threads: any, concurrently.
 * Blocks:  never.
 * Since:   0.1
 * See:     blobferry_object_head
 */
BLOBFERRY_API void blobferry_head_options_init(blobferry_head_options_t *options, size_t struct_size);

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
 * BLOBFERRY_E_PRECONDITION and BLOBFERRY_E_NOT_MODIFIED (of conditions),
 * BLOBFERRY_E_UNSUPPORTED (file: neither a file nor a folder; of a suffix: the server does
 * not tell how large the object is).
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
 * @retval BLOBFERRY_E_UNSUPPORTED the store cannot get a range, or a version: see its capabilities
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
 * Read an object, or a range of it, into memory of the library.
 *
 * For whom does not know how large it is: one request, without a head before it. The
 * bytes come with the completion, as its `buffer`, which the caller releases; its
 * `result` is their number. Where there are more than `max_size` of them, the status is
 * BLOBFERRY_E_TOO_SMALL and `result` the size needed (0 where an HTTP server does not tell
 * how large the object is); where they do not fit into memory it is BLOBFERRY_E_NO_SPACE.
 * All else is as with blobferry_object_get.
 *
 * @param store       borrowed; the request holds its own reference
 * @param cq          borrowed; receives the completion; must be of the store's service
 * @param key         borrowed; UTF-8, NUL-terminated, relative to the store
 * @param options     borrowed; NULL = BLOBFERRY_GET_OPTIONS_INIT
 * @param user_data   returned in the completion; an integer, never dereferenced
 * @param ticket_out  receives the ticket; may be NULL
 * @param error_out   receives an owned error on failure; may be NULL
 *
 * @retval BLOBFERRY_OK            the request is queued
 * @retval BLOBFERRY_E_ARGUMENT    a required pointer was NULL, the key is not one, or an option is unknown
 * @retval BLOBFERRY_E_UNSUPPORTED the store cannot get a range, or a version: see its capabilities
 * @retval BLOBFERRY_E_BUSY        the queue has no credit; take completions, then try again
 * @retval BLOBFERRY_E_CLOSED      the queue or the service is closed
 * @retval BLOBFERRY_E_FORKED      the store belongs to the parent process
 *
 * Threads: any, concurrently.
 * Blocks:  never.
 * Since:   0.1
 * See:     blobferry_buffer_data, blobferry_object_get
 */
BLOBFERRY_API blobferry_status_t blobferry_object_get_buffer(const blobferry_store_t *store, blobferry_cq_t *cq,
                                                             const char *key, const blobferry_get_options_t *options,
                                                             uint64_t user_data, blobferry_ticket_t *ticket_out,
                                                             blobferry_error_t **error_out);

/**
 * Read several ranges of an object, into several buffers, as one request.
 *
 * The bytes of all ranges, in their order, are poured into the buffers, in theirs:
 * one range can be scattered into many buffers, many ranges can be packed into one,
 * and of as many ranges as buffers, of the same sizes, each has its own. Ranges may
 * overlap and be in any order. Those that follow each other closely (at most 1 MiB
 * between them, at most `part_size` together) share a request to the server.
 *
 * All bytes are of one state of the object. Without ranges, those are read that
 * `options` say, and cut at the end of the object as with blobferry_object_get; of
 * several, or one, given here each must lie within the object whole, else the
 * completion is BLOBFERRY_E_RANGE. If the buffers are too small for all of them it is
 * BLOBFERRY_E_TOO_SMALL and `result` is the size needed; where the ranges alone tell that,
 * a store over a network is not asked whether they are there. Else `result` is the
 * number of bytes written; what is left of the buffers is not touched.
 *
 * @param store         borrowed; the request holds its own reference
 * @param cq            borrowed; receives the completion; must be of the store's service
 * @param key           borrowed; UTF-8, NUL-terminated, relative to the store
 * @param ranges        borrowed; may be NULL if range_count is 0
 * @param range_count   elements in `ranges`; at most 65536; 0 = the range in `options`
 * @param buffers       borrowed; what they point to is lent until the completion, and does not overlap; may be NULL if
 *                      buffer_count is 0
 * @param buffer_count  elements in `buffers`; at most 65536
 * @param options       borrowed; NULL = BLOBFERRY_GET_OPTIONS_INIT; `offset`, `length` and BLOBFERRY_GET_SUFFIX only without ranges
 * @param user_data     returned in the completion; an integer, never dereferenced
 * @param ticket_out    receives the ticket; may be NULL
 * @param error_out     receives an owned error on failure; may be NULL
 *
 * @retval BLOBFERRY_OK            the request is queued
 * @retval BLOBFERRY_E_ARGUMENT    a required pointer was NULL, the key is not one, or an option is unknown,
 *                                 or there are too many ranges or buffers
 * @retval BLOBFERRY_E_UNSUPPORTED the store cannot get a range, or a version: see its capabilities
 * @retval BLOBFERRY_E_BUSY        the queue has no credit; take completions, then try again
 * @retval BLOBFERRY_E_CLOSED      the queue or the service is closed
 * @retval BLOBFERRY_E_FORKED      the store belongs to the parent process
 *
 * Threads: any, concurrently.
 * Blocks:  never.
 * Since:   0.1
 * See:     blobferry_object_get, blobferry_object_put_slices
 */
BLOBFERRY_API blobferry_status_t blobferry_object_get_ranges(
    const blobferry_store_t *store, blobferry_cq_t *cq, const char *key, const blobferry_range_t *ranges,
    size_t range_count, const blobferry_slice_t *buffers, size_t buffer_count, const blobferry_get_options_t *options,
    uint64_t user_data, blobferry_ticket_t *ticket_out, blobferry_error_t **error_out);

/**
 * Learn an object's size and details without reading it.
 *
 * The completion's `result` is the size in bytes; its details are set unless the
 * flag was taken out of the options. Further statuses: BLOBFERRY_E_NOT_FOUND,
 * BLOBFERRY_E_PRECONDITION and BLOBFERRY_E_NOT_MODIFIED (of conditions),
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
 * @retval BLOBFERRY_E_UNSUPPORTED the store has no versions: see its capabilities
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

/**
 * Learn whether an object is there.
 *
 * The completion's `result` is 1 if it is, with details unless the flag was taken out
 * of the options, and 0 if it is not. A bucket that is not there is
 * BLOBFERRY_E_NOT_FOUND where the server tells the two apart (az), else 0. Further
 * statuses: BLOBFERRY_E_PRECONDITION and BLOBFERRY_E_NOT_MODIFIED (of conditions),
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
 * @retval BLOBFERRY_OK            the request is queued
 * @retval BLOBFERRY_E_ARGUMENT    a required pointer was NULL, the key is not one, or an option is unknown
 * @retval BLOBFERRY_E_UNSUPPORTED the store has no versions: see its capabilities
 * @retval BLOBFERRY_E_BUSY        the queue has no credit; take completions, then try again
 * @retval BLOBFERRY_E_CLOSED      the queue or the service is closed
 * @retval BLOBFERRY_E_FORKED      the store belongs to the parent process
 *
 * Threads: any, concurrently.
 * Blocks:  never.
 * Since:   0.1
 * See:     blobferry_object_head
 */
BLOBFERRY_API blobferry_status_t blobferry_object_exists(const blobferry_store_t *store, blobferry_cq_t *cq,
                                                         const char *key, const blobferry_head_options_t *options,
                                                         uint64_t user_data, blobferry_ticket_t *ticket_out,
                                                         blobferry_error_t **error_out);

#endif /* BLOBFERRY_OBJECT_GET_H */
