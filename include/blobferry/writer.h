/* SPDX-License-Identifier: Apache-2.0 OR MIT */
#ifndef BLOBFERRY_WRITER_H
#define BLOBFERRY_WRITER_H

#include "compression.h"
#include "cq.h"
#include "object_put.h"
#include "store.h"

/*
 * A writer makes an object of pieces that come one after the other, whose number
 * need not be known:
 *
 *   blobferry_writer_new(store, "log.zst", &options, &writer, &error);
 *   for (each piece) {
 *     blobferry_writer_write(writer, cq, piece, piece_size, NULL, 0, NULL, &error);
 *     blobferry_cq_wait(cq, &completion, 1, -1, &count, &error);
 *     if (completion.status != BLOBFERRY_OK) { look at, then free, completion.error; stop; }
 *   }
 *   blobferry_writer_finish(writer, cq, NULL, 0, NULL, &error);
 *   wait for its completion as above;
 *   blobferry_writer_free(writer);
 *
 * Nothing of the object is to be seen before the finish has completed; then all of
 * it is. Of a writer that ends in any other way nothing is left.
 *
 * PARTS. Over a network, what is written is collected in parts of `part_size` bytes
 * (s3, gs: 5 MiB at least). An object of one part at most is one put, made by the
 * finish. A larger one is an upload in parts: nothing goes to the server before the
 * first part is full and more follows. Up to `max_in_flight` parts are then under
 * way, each tried again by itself (store.h, ATTEMPTS); when they are, a write waits.
 * An upload has at most 10 000 parts; so that it can be as large as the store allows,
 * the size of its parts doubles after every 1000 parts, up to 2 GiB. (Servers that
 * want parts of one size, as Cloudflare R2 does, take 1000 parts of a writer.) What
 * is over an upload that was not finished says store.h, UPLOADS.
 *
 *   file    the bytes go to a file that has no name before the finish; fsync as store.h says
 *   memory  the bytes are collected in memory, all of them
 *   http    the object is one put: of one part at most, else BLOBFERRY_E_UNSUPPORTED; set
 *           `part_size` as large as the object can be
 *
 * BLOBFERRY_PUT_CREATE holds when the finish completes: BLOBFERRY_E_EXISTS. For
 * objects of more than one part only s3 has it, from a server that minds
 * If-None-Match where an upload is completed, as Amazon's does; on az and gs the
 * write that would need a second part is BLOBFERRY_E_UNSUPPORTED.
 *
 * MEMORY. A writer holds `max_in_flight` + 1 parts at most; those under way count
 * among the bytes in flight of the service, and wait for room there. Small writes to
 * memory and file, and those that are encoded, are collected up to 256 KiB. Encoding
 * takes up to 3 MiB more, and of zstd, at levels above 19, some hundreds of MiB.
 *
 * THE END. A request of a writer that does not end with BLOBFERRY_OK is its last:
 * how many bytes it has taken is not told. The writer is then over, what was there
 * of it is aborted behind the completion, and all that follows (but an abort) ends
 * with the same error, or with BLOBFERRY_E_CANCELLED where that was a cancel, a
 * deadline or a panic. What fails between two requests, a part say, the next one
 * tells.
 *
 * THREADS. A writer is used by one thread at a time, and one request of it at a
 * time: a call while another call or a request of it is under way is refused with
 * BLOBFERRY_E_ARGUMENT.
 */
typedef struct blobferry_writer blobferry_writer_t;

typedef struct blobferry_writer_options {
  size_t                  struct_size;         /* sizeof(blobferry_writer_options_t) */
  const char             *content_type;        /* NULL = none */
  const char             *content_encoding;    /* NULL = none; `compression` does not set it */
  const char             *content_language;    /* NULL = none */
  const char             *content_disposition; /* NULL = none */
  const char             *cache_control;       /* NULL = none */
  const blobferry_pair_t *metadata;            /* user metadata; NULL if metadata_count is 0 */
  size_t                  metadata_count;      /* elements in `metadata`; keys differ */
  const blobferry_pair_t *tags;                /* NULL if tag_count is 0 */
  size_t                  tag_count;           /* elements in `tags`; keys differ */
  uint64_t                part_size;           /* bytes of one part; 0 = the store's setting */
  uint32_t                max_in_flight;       /* parts moved at once, at most 256; 0 = the store's setting */
  uint32_t                mode;                /* BLOBFERRY_PUT_OVERWRITE or BLOBFERRY_PUT_CREATE */
  uint32_t                compression;         /* BLOBFERRY_COMPRESSION_…, but AUTO */
  int32_t                 compression_level;   /* gzip, deflate 1 to 9, zstd -7 to 22; 0 = the default: 6, 3 */
  uint32_t                flags;               /* must be 0 */
  uint32_t                reserved;            /* must be 0 */
} blobferry_writer_options_t;

/* clang-format off */
#define BLOBFERRY_WRITER_OPTIONS_INIT { sizeof(blobferry_writer_options_t), NULL, NULL, NULL, NULL, NULL, NULL, 0, NULL, 0, 0, 0, BLOBFERRY_PUT_OVERWRITE, BLOBFERRY_COMPRESSION_NONE, 0, 0, 0 }
/* clang-format on */

typedef struct blobferry_write_options {
  size_t   struct_size; /* sizeof(blobferry_write_options_t) */
  uint64_t timeout_ms;  /* milliseconds until BLOBFERRY_E_DEADLINE; 0 = none */
  uint32_t flags;       /* of a finish: BLOBFERRY_REQUEST_DETAILS or 0; else must be 0 */
  uint32_t reserved;    /* must be 0 */
} blobferry_write_options_t;

/* clang-format off */
#define BLOBFERRY_WRITE_OPTIONS_INIT { sizeof(blobferry_write_options_t), 0, 0, 0 }
/* clang-format on */

/**
 * Set an option struct to the defaults, for languages without the INIT macro.
 *
 * Equal to assigning BLOBFERRY_WRITER_OPTIONS_INIT.
 *
 * @param options      receives the defaults; NULL does nothing
 * @param struct_size  bytes: sizeof(blobferry_writer_options_t)
 *
 * Threads: any, concurrently.
 * Blocks:  never.
 * Since:   0.1
 * See:     blobferry_writer_new
 */
BLOBFERRY_API void blobferry_writer_options_init(blobferry_writer_options_t *options, size_t struct_size);

/**
 * Set an option struct to the defaults, for languages without the INIT macro.
 *
 * Equal to assigning BLOBFERRY_WRITE_OPTIONS_INIT.
 *
 * @param options      receives the defaults; NULL does nothing
 * @param struct_size  bytes: sizeof(blobferry_write_options_t)
 *
 * Threads: any, concurrently.
 * Blocks:  never.
 * Since:   0.1
 * See:     blobferry_writer_write
 */
BLOBFERRY_API void blobferry_write_options_init(blobferry_write_options_t *options, size_t struct_size);

/**
 * Make a writer of an object; nothing is asked of the store yet.
 *
 * @param store       borrowed; the writer holds its own reference
 * @param key         borrowed; UTF-8, NUL-terminated, relative to the store
 * @param options     borrowed; NULL = BLOBFERRY_WRITER_OPTIONS_INIT
 * @param writer_out  receives an owned writer: release it with blobferry_writer_free
 * @param error_out   receives an owned error on failure; may be NULL
 *
 * @retval BLOBFERRY_OK             the writer is there
 * @retval BLOBFERRY_E_ARGUMENT     a required pointer was NULL, the key is not one, or an option is unknown; the
 *                                  compression has no such level; a key of metadata or tags is empty or given twice
 * @retval BLOBFERRY_E_FORKED       the store belongs to the parent process
 * @retval BLOBFERRY_E_NO_SPACE     there is no memory to encode with
 * @retval BLOBFERRY_E_UNSUPPORTED  the store cannot do what an option asks: see its capabilities
 *
 * Threads: any, concurrently.
 * Blocks:  never.
 * Since:   0.1
 * See:     blobferry_writer_write, blobferry_writer_finish, blobferry_writer_free
 */
BLOBFERRY_API blobferry_status_t blobferry_writer_new(const blobferry_store_t *store, const char *key,
                                                      const blobferry_writer_options_t *options,
                                                      blobferry_writer_t **writer_out, blobferry_error_t **error_out);

/**
 * Write bytes behind those that were written before.
 *
 * Queues one request. It completes when all bytes have been copied, so that the
 * buffer can be used again; the completion's `result` is their number:
 * `buffer_size`. Where too many parts are under way it waits for them. Further
 * statuses: BLOBFERRY_E_NO_SPACE, BLOBFERRY_E_NOT_FOUND (no such bucket),
 * BLOBFERRY_E_UNSUPPORTED (the object would need more parts than the store allows;
 * file: a folder is in the way).
 *
 * @param writer       borrowed; the request holds its own reference
 * @param cq           borrowed; receives the completion; must be of the store's service
 * @param buffer       lent until the completion; may be NULL if buffer_size is 0
 * @param buffer_size  bytes
 * @param options      borrowed; NULL = BLOBFERRY_WRITE_OPTIONS_INIT
 * @param user_data    returned in the completion; an integer, never dereferenced
 * @param ticket_out   receives the ticket; may be NULL
 * @param error_out    receives an owned error on failure; may be NULL
 *
 * @retval BLOBFERRY_OK          the request is queued
 * @retval BLOBFERRY_E_ARGUMENT  a required pointer was NULL, an option is unknown, or the writer is in use, finished or
 *                               aborted
 * @retval BLOBFERRY_E_BUSY      the queue has no credit; take completions, then try again
 * @retval BLOBFERRY_E_CLOSED    the queue or the service is closed
 * @retval BLOBFERRY_E_FORKED    the writer belongs to the parent process
 *
 * Threads: one at a time per writer.
 * Blocks:  never.
 * Since:   0.1
 * See:     blobferry_writer_flush, blobferry_writer_finish
 */
BLOBFERRY_API blobferry_status_t blobferry_writer_write(blobferry_writer_t *writer, blobferry_cq_t *cq,
                                                        const uint8_t *buffer, size_t buffer_size,
                                                        const blobferry_write_options_t *options, uint64_t user_data,
                                                        blobferry_ticket_t *ticket_out, blobferry_error_t **error_out);

/**
 * Wait until every full part is at the server.
 *
 * Queues one request. What is less than a part stays in memory, and so does a
 * first part of which the store could make no object of several
 * (BLOBFERRY_PUT_CREATE, http). Where the writer compresses, all that was written
 * is put into parts first, in a way that can be decoded up to there; doing so often
 * makes the object larger. The completion's
 * `result` is 0; its statuses are those of blobferry_writer_write.
 *
 * @param writer      borrowed; the request holds its own reference
 * @param cq          borrowed; receives the completion; must be of the store's service
 * @param options     borrowed; NULL = BLOBFERRY_WRITE_OPTIONS_INIT
 * @param user_data   returned in the completion; an integer, never dereferenced
 * @param ticket_out  receives the ticket; may be NULL
 * @param error_out   receives an owned error on failure; may be NULL
 *
 * @retval BLOBFERRY_OK          the request is queued
 * @retval BLOBFERRY_E_ARGUMENT  a required pointer was NULL, an option is unknown, or the writer is in use, finished or
 *                               aborted
 * @retval BLOBFERRY_E_BUSY      the queue has no credit; take completions, then try again
 * @retval BLOBFERRY_E_CLOSED    the queue or the service is closed
 * @retval BLOBFERRY_E_FORKED    the writer belongs to the parent process
 *
 * Threads: one at a time per writer.
 * Blocks:  never.
 * Since:   0.1
 * See:     blobferry_writer_write
 */
BLOBFERRY_API blobferry_status_t blobferry_writer_flush(blobferry_writer_t *writer, blobferry_cq_t *cq,
                                                        const blobferry_write_options_t *options, uint64_t user_data,
                                                        blobferry_ticket_t *ticket_out, blobferry_error_t **error_out);

/**
 * Make the object of what was written.
 *
 * Queues one request. When it completes with BLOBFERRY_OK the object is there,
 * whole; it may be empty. The completion's `result` is the number of its bytes, as
 * they are stored. Details, if asked for, hold the revision. On any failure it has
 * not been written, unless the completion has the flag
 * BLOBFERRY_COMPLETION_MAYBE_COMMITTED. Further statuses: BLOBFERRY_E_EXISTS, and
 * those of blobferry_writer_write.
 *
 * @param writer      borrowed; the request holds its own reference
 * @param cq          borrowed; receives the completion; must be of the store's service
 * @param options     borrowed; NULL = BLOBFERRY_WRITE_OPTIONS_INIT
 * @param user_data   returned in the completion; an integer, never dereferenced
 * @param ticket_out  receives the ticket; may be NULL
 * @param error_out   receives an owned error on failure; may be NULL
 *
 * @retval BLOBFERRY_OK          the request is queued
 * @retval BLOBFERRY_E_ARGUMENT  a required pointer was NULL, an option is unknown, or the writer is in use, finished or
 *                               aborted
 * @retval BLOBFERRY_E_BUSY      the queue has no credit; take completions, then try again
 * @retval BLOBFERRY_E_CLOSED    the queue or the service is closed
 * @retval BLOBFERRY_E_FORKED    the writer belongs to the parent process
 *
 * Threads: one at a time per writer.
 * Blocks:  never.
 * Since:   0.1
 * See:     blobferry_details_revision, blobferry_writer_free
 */
BLOBFERRY_API blobferry_status_t blobferry_writer_finish(blobferry_writer_t *writer, blobferry_cq_t *cq,
                                                         const blobferry_write_options_t *options, uint64_t user_data,
                                                         blobferry_ticket_t *ticket_out,
                                                         blobferry_error_t **error_out);

/**
 * Give up what was written.
 *
 * Queues one request. It completes when nothing of it is left at the server, or
 * with the error that kept it from that; it is tried for some seconds, also behind
 * a completion that comes before. Its `result` is 0. A writer that is over already
 * can be aborted, which waits until what was there of it has gone. (az removes by
 * itself, after a week, what no object was made of.)
 *
 * @param writer      borrowed; the request holds its own reference
 * @param cq          borrowed; receives the completion; must be of the store's service
 * @param options     borrowed; NULL = BLOBFERRY_WRITE_OPTIONS_INIT
 * @param user_data   returned in the completion; an integer, never dereferenced
 * @param ticket_out  receives the ticket; may be NULL
 * @param error_out   receives an owned error on failure; may be NULL
 *
 * @retval BLOBFERRY_OK          the request is queued
 * @retval BLOBFERRY_E_ARGUMENT  a required pointer was NULL, an option is unknown, or the writer is in use or finished
 * @retval BLOBFERRY_E_BUSY      the queue has no credit; take completions, then try again
 * @retval BLOBFERRY_E_CLOSED    the queue or the service is closed
 * @retval BLOBFERRY_E_FORKED    the writer belongs to the parent process
 *
 * Threads: one at a time per writer.
 * Blocks:  never.
 * Since:   0.1
 * See:     blobferry_writer_free
 */
BLOBFERRY_API blobferry_status_t blobferry_writer_abort(blobferry_writer_t *writer, blobferry_cq_t *cq,
                                                        const blobferry_write_options_t *options, uint64_t user_data,
                                                        blobferry_ticket_t *ticket_out, blobferry_error_t **error_out);

/**
 * Free a writer.
 *
 * One that is not finished is aborted, behind this call: blobferry_service_drain
 * waits for that. So is one that is not finished when its service is freed. A
 * request under way is not cancelled by this; its completion still comes.
 *
 * @param writer  given; NULL does nothing
 *
 * Threads: any; once per writer.
 * Blocks:  never.
 * Since:   0.1
 * See:     blobferry_writer_new, blobferry_writer_abort
 */
BLOBFERRY_API void blobferry_writer_free(blobferry_writer_t *writer);

#endif /* BLOBFERRY_WRITER_H */
