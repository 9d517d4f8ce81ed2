/* SPDX-License-Identifier: Apache-2.0 OR MIT */
#ifndef BLOBFERRY_DETAILS_H
#define BLOBFERRY_DETAILS_H

#include "base.h"

/*
 * What is known of one object. A completion carries details when its request
 * asked for them (BLOBFERRY_REQUEST_DETAILS in the flags of its options) and
 * succeeded. They are owned by whoever takes the completion, refer to nothing
 * else and may outlive their service. Every accessor takes NULL and answers as
 * for an object of which nothing is known.
 */
typedef struct blobferry_details blobferry_details_t;

/* A flag of request options: bring details with the completion. */
#define BLOBFERRY_REQUEST_DETAILS 1u

/* The time of an object whose store does not tell it. */
#define BLOBFERRY_TIME_UNKNOWN INT64_MIN

/**
 * Tell the size of the whole object, whatever range of it was got.
 *
 * @param details  borrowed; NULL is 0
 *
 * @return bytes
 *
 * Threads: any, concurrently.
 * Blocks:  never.
 * Since:   0.1
 * See:     blobferry_object_head
 */
BLOBFERRY_API uint64_t blobferry_details_size(const blobferry_details_t *details);

/**
 * Give the revision of the object: an opaque text that changes with its content.
 *
 * Pass it as `if_match` of a later put. It is an ETag, a generation or what the
 * store has of that kind; on file:// it is made of inode, time and size, and so
 * does not tell a file that somebody else has rewritten in place, to the same
 * size, within one tick of the file system's clock. (A put makes a new file.)
 *
 * @param details  borrowed; NULL is NULL
 *
 * @return a view (valid until blobferry_details_free), or NULL where the store has none
 *
 * Threads: any, concurrently.
 * Blocks:  never.
 * Since:   0.1
 * See:     blobferry_object_put
 */
BLOBFERRY_API const char *blobferry_details_revision(const blobferry_details_t *details);

/**
 * Name this version of the object, where its store keeps several.
 *
 * Pass it as `version` of a later get. A server that keeps no versions names none.
 * On gs it is the revision.
 *
 * @param details  borrowed; NULL is NULL
 *
 * @return a view (valid until blobferry_details_free), or NULL where it has none
 *
 * Threads: any, concurrently.
 * Blocks:  never.
 * Since:   0.1
 * See:     blobferry_object_get
 */
BLOBFERRY_API const char *blobferry_details_version(const blobferry_details_t *details);

/**
 * Tell when the object was last written.
 *
 * @param details  borrowed; NULL is BLOBFERRY_TIME_UNKNOWN
 *
 * @return nanoseconds since 1970-01-01 UTC, or BLOBFERRY_TIME_UNKNOWN
 *
 * Threads: any, concurrently.
 * Blocks:  never.
 * Since:   0.1
 * See:     blobferry_details_revision
 */
BLOBFERRY_API int64_t blobferry_details_last_modified_ns(const blobferry_details_t *details);

/**
 * Give the content type that the object was put with.
 *
 * @param details  borrowed; NULL is NULL
 *
 * @return a view (valid until blobferry_details_free), or NULL where it has none
 *
 * Threads: any, concurrently.
 * Blocks:  never.
 * Since:   0.1
 * See:     blobferry_details_metadata
 */
BLOBFERRY_API const char *blobferry_details_content_type(const blobferry_details_t *details);

/**
 * Give the content encoding that the object was put with, as "gzip".
 *
 * It says how the bytes are packed; a get gives them as they are.
 *
 * @param details  borrowed; NULL is NULL
 *
 * @return a view (valid until blobferry_details_free), or NULL where it has none
 *
 * Threads: any, concurrently.
 * Blocks:  never.
 * Since:   0.1
 * See:     blobferry_details_content_type
 */
BLOBFERRY_API const char *blobferry_details_content_encoding(const blobferry_details_t *details);

/**
 * Give the content language that the object was put with.
 *
 * @param details  borrowed; NULL is NULL
 *
 * @return a view (valid until blobferry_details_free), or NULL where it has none
 *
 * Threads: any, concurrently.
 * Blocks:  never.
 * Since:   0.1
 * See:     blobferry_details_content_type
 */
BLOBFERRY_API const char *blobferry_details_content_language(const blobferry_details_t *details);

/**
 * Give the content disposition that the object was put with.
 *
 * @param details  borrowed; NULL is NULL
 *
 * @return a view (valid until blobferry_details_free), or NULL where it has none
 *
 * Threads: any, concurrently.
 * Blocks:  never.
 * Since:   0.1
 * See:     blobferry_details_content_type
 */
BLOBFERRY_API const char *blobferry_details_content_disposition(const blobferry_details_t *details);

/**
 * Give the cache control that the object was put with.
 *
 * @param details  borrowed; NULL is NULL
 *
 * @return a view (valid until blobferry_details_free), or NULL where it has none
 *
 * Threads: any, concurrently.
 * Blocks:  never.
 * Since:   0.1
 * See:     blobferry_details_content_type
 */
BLOBFERRY_API const char *blobferry_details_cache_control(const blobferry_details_t *details);

/**
 * Give the user metadata that the object was put with, in order of its keys.
 *
 * @param details    borrowed; NULL is an empty array
 * @param count_out  receives the number of pairs; may be NULL
 *
 * @return a view (valid until blobferry_details_free); NULL where there are no pairs
 *
 * Threads: any, concurrently.
 * Blocks:  never.
 * Since:   0.1
 * See:     blobferry_object_put
 */
BLOBFERRY_API const blobferry_pair_t *blobferry_details_metadata(const blobferry_details_t *details,
                                                                 size_t *count_out);

/**
 * Tell how many rows were written.
 *
 * @param details  borrowed; NULL is 0
 *
 * @return rows; 0 where it was no table that was written
 *
 * Threads: any, concurrently.
 * Blocks:  never.
 * Since:   0.1
 * See:     blobferry_table_put, blobferry_table_writer_finish
 */
BLOBFERRY_API uint64_t blobferry_details_rows(const blobferry_details_t *details);

/**
 * Tell how many row groups were written.
 *
 * @param details  borrowed; NULL is 0
 *
 * @return row groups of Parquet, batches of IPC; else 0
 *
 * Threads: any, concurrently.
 * Blocks:  never.
 * Since:   0.1
 * See:     blobferry_details_rows
 */
BLOBFERRY_API uint64_t blobferry_details_row_groups(const blobferry_details_t *details);

/**
 * Release details.
 *
 * Views of them end here.
 *
 * @param details  given; NULL does nothing
 *
 * Threads: any; once.
 * Blocks:  never.
 * Since:   0.1
 * See:     blobferry_details_size
 */
BLOBFERRY_API void blobferry_details_free(blobferry_details_t *details);

#endif /* BLOBFERRY_DETAILS_H */
