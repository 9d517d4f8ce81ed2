/* SPDX-License-Identifier: Apache-2.0 OR MIT */
#ifndef BLOBFERRY_TABLE_WRITE_H
#define BLOBFERRY_TABLE_WRITE_H

#include "compression.h"
#include "format.h"
#include "object_put.h"
#include "store.h"
#include "table.h"
#include "table_reader.h"
#include "writer.h"

/*
 * Tables into objects: all at once, by blobferry_table_put, or chunk by chunk, by a
 * writer, whose use is that of a writer of bytes (writer.h):
 *
 *   blobferry_table_writer_new(store, "rows.parquet", &schema, &options, &writer, &error);
 *   for (each chunk) {
 *     blobferry_table_writer_write(writer, cq, &array, NULL, 0, NULL, &error);
 *     blobferry_cq_wait(cq, &completion, 1, -1, &count, &error);
 *     if (completion.status != BLOBFERRY_OK) { look at, then free, completion.error; stop; }
 *   }
 *   blobferry_table_writer_finish(writer, cq, NULL, 0, NULL, &error);
 *   wait for its completion as above;
 *   blobferry_table_writer_free(writer);
 *
 * When the completion of a chunk comes, its memory is back: it has been copied or
 * encoded, and released. That never waits for a chunk that comes later, so a producer
 * who waits for each completion has as much ahead of him as the store takes. Encoding
 * runs on the computing threads of the service.
 *
 * Parts, memory, the end of a writer, its threads, and what BLOBFERRY_PUT_CREATE is
 * worth are as in writer.h: nothing of the object is to be seen before all of it is,
 * and of one that ends in any other way nothing is left.
 *
 * IPC. Buffers go into the parts of the object as they are, and are copied once. A
 * chunk is a batch of the blob; compressed, one of more than 64 MiB is several, so that
 * not much more than that is held (with views, all of a chunk). A file has one
 * dictionary for a column: where the chunks' dictionaries differ, it is one of all
 * their values, as far as the type of its keys can name them
 * (BLOBFERRY_E_UNSUPPORTED), and what comes later is added as delta dictionaries, which
 * not every program reads (polars does not). A stream has a new dictionary instead.
 * Views leave behind most of what they do not refer to.
 *
 * PARQUET. Small chunks are collected, copied, to at least 128k rows or 16 MiB, so
 * that they are encoded well. A row group ends at `row_group_rows`, or when what is
 * encoded of it would exceed `row_group_bytes`; until then it is held in memory,
 * encoded, as a row group is columns one behind the other. A column whose dictionary was
 * full in one row group has none in the next, if the values that begin it are nearly all
 * different.
 *
 * CSV, NDJSON. All of the blob may be compressed with gzip or zstd (`compression`).
 */

/* Parquet: columns are written without dictionaries. */
#define BLOBFERRY_TABLE_NO_DICTIONARY 0x100u
/* Parquet: columns are written without statistics and page indexes. */
#define BLOBFERRY_TABLE_NO_STATISTICS 0x200u

/* Parquet: a bloom filter of the column's values in each row group. */
#define BLOBFERRY_COLUMN_BLOOM_FILTER 1u
/* Without a dictionary: for values that are nearly all different. */
#define BLOBFERRY_COLUMN_NO_DICTIONARY 2u
/* Without statistics and page indexes. */
#define BLOBFERRY_COLUMN_NO_STATISTICS 4u
/* `codec` and `level` hold for this column; without the flag, those of the options do. */
#define BLOBFERRY_COLUMN_CODEC 8u

/* What differs for a column of Parquet, and for all that is below it. */
typedef struct blobferry_column_options {
  const char *path;     /* names from the root on, divided by dots */
  uint32_t    flags;    /* BLOBFERRY_COLUMN_… */
  uint32_t    codec;    /* BLOBFERRY_CODEC_…, with BLOBFERRY_COLUMN_CODEC */
  int32_t     level;    /* of the codec; 0 = its default */
  uint32_t    reserved; /* must be 0 */
} blobferry_column_options_t;

typedef struct blobferry_table_write_options {
  size_t                            struct_size;     /* sizeof(blobferry_table_write_options_t) */
  uint64_t                          timeout_ms;      /* of a put: milliseconds until BLOBFERRY_E_DEADLINE; 0 = none */
  uint32_t                          format;          /* BLOBFERRY_FORMAT_… */
  uint32_t                          codec;           /* IPC, Parquet: BLOBFERRY_CODEC_… */
  int32_t                           level;           /* of the codec or the compression; 0 = its default */
  uint32_t                          compression;     /* CSV, NDJSON: BLOBFERRY_COMPRESSION_NONE, _GZIP or _ZSTD */
  uint64_t                          row_group_rows;  /* Parquet: rows of a row group at most; 0 = 1 048 576 */
  uint64_t                          row_group_bytes; /* Parquet: bytes of it in memory at most; 0 = 128 MiB */
  const blobferry_column_options_t *columns;         /* Parquet: what differs; NULL if column_count is 0 */
  size_t                            column_count;    /* elements in `columns` */
  const blobferry_pair_t           *pairs;           /* IPC, Parquet: key-value metadata; NULL if pair_count is 0 */
  size_t                            pair_count;      /* elements in `pairs`; keys differ */
  const blobferry_csv_options_t    *csv;             /* CSV: NULL = BLOBFERRY_CSV_OPTIONS_INIT */
  uint64_t                          part_size;       /* bytes of one part; 0 = the store's setting */
  uint32_t                          max_in_flight;   /* parts moved at once, at most 256; 0 = the store's setting */
  uint32_t                          mode;            /* BLOBFERRY_PUT_OVERWRITE or BLOBFERRY_PUT_CREATE */
  const char                       *content_type;    /* NULL = none */
  const blobferry_pair_t           *metadata;        /* user metadata; NULL if metadata_count is 0 */
  size_t                            metadata_count;  /* elements in `metadata`; keys differ */
  uint32_t                          flags;           /* BLOBFERRY_TABLE_…, and of a put BLOBFERRY_REQUEST_DETAILS */
  uint32_t                          reserved;        /* must be 0 */
} blobferry_table_write_options_t;

/* clang-format off */
#define BLOBFERRY_TABLE_WRITE_OPTIONS_INIT { sizeof(blobferry_table_write_options_t), 0, BLOBFERRY_FORMAT_AUTO, BLOBFERRY_CODEC_NONE, 0, BLOBFERRY_COMPRESSION_NONE, 0, 0, NULL, 0, NULL, 0, NULL, 0, 0, BLOBFERRY_PUT_OVERWRITE, NULL, NULL, 0, 0, 0 }
/* clang-format on */

typedef struct blobferry_chunk_options {
  size_t   struct_size; /* sizeof(blobferry_chunk_options_t) */
  uint64_t timeout_ms;  /* milliseconds until BLOBFERRY_E_DEADLINE; 0 = none */
  uint32_t flags;       /* BLOBFERRY_IMPORT_… */
  uint32_t reserved;    /* must be 0 */
} blobferry_chunk_options_t;

/* clang-format off */
#define BLOBFERRY_CHUNK_OPTIONS_INIT { sizeof(blobferry_chunk_options_t), 0, 0, 0 }
/* clang-format on */

/* Makes an object of chunks that come one after the other. */
typedef struct blobferry_table_writer blobferry_table_writer_t;

/**
 * Set an option struct to the defaults, for languages without the INIT macro.
 *
 * Equal to assigning BLOBFERRY_TABLE_WRITE_OPTIONS_INIT.
 *
 * @param options      receives the defaults; NULL does nothing
 * @param struct_size  bytes: sizeof(blobferry_table_write_options_t)
 *
 * Threads: any, concurrently.
 * Blocks:  never.
 * Since:   0.1
 * See:     blobferry_table_put, blobferry_table_writer_new
 */
BLOBFERRY_API void blobferry_table_write_options_init(blobferry_table_write_options_t *options, size_t struct_size);

/**
 * Set an option struct to the defaults, for languages without the INIT macro.
 *
 * Equal to assigning BLOBFERRY_CHUNK_OPTIONS_INIT.
 *
 * @param options      receives the defaults; NULL does nothing
 * @param struct_size  bytes: sizeof(blobferry_chunk_options_t)
 *
 * Threads: any, concurrently.
 * Blocks:  never.
 * Since:   0.1
 * See:     blobferry_table_writer_write
 */
BLOBFERRY_API void blobferry_chunk_options_init(blobferry_chunk_options_t *options, size_t struct_size);

/**
 * Write a table to an object.
 *
 * Queues one request. When it completes with BLOBFERRY_OK the object is there, whole.
 * The completion's `result` is the number of rows. Details, if asked for, hold the
 * size, the revision, the rows and the row groups. On any failure it has not been
 * written, unless the completion has the flag BLOBFERRY_COMPLETION_MAYBE_COMMITTED.
 * A table of a stream is used up; an error of the stream is BLOBFERRY_E_IO, and what is
 * wrong in one of its arrays BLOBFERRY_E_ARGUMENT. Further statuses: BLOBFERRY_E_EXISTS,
 * BLOBFERRY_E_NO_SPACE, BLOBFERRY_E_NOT_FOUND (no such bucket),
 * BLOBFERRY_E_UNSUPPORTED (the format does not hold a value; the object would need more
 * parts than the store allows).
 *
 * @param store       borrowed; the request holds its own reference
 * @param cq          borrowed; receives the completion; must be of the store's service
 * @param key         borrowed; UTF-8, NUL-terminated, relative to the store
 * @param table       borrowed; the request holds its own reference
 * @param options     borrowed; NULL = BLOBFERRY_TABLE_WRITE_OPTIONS_INIT
 * @param user_data   returned in the completion; an integer, never dereferenced
 * @param ticket_out  receives the ticket; may be NULL
 * @param error_out   receives an owned error on failure; may be NULL
 *
 * @retval BLOBFERRY_OK             the request is queued
 * @retval BLOBFERRY_E_ARGUMENT     a required pointer was NULL, the key is not one, an option is unknown or goes with
 *                                  another format, the key does not tell the format, or the table is of a stream that
 *                                  has been used
 * @retval BLOBFERRY_E_UNSUPPORTED  the format does not hold a column, or the store cannot do what an option asks
 * @retval BLOBFERRY_E_BUSY         the queue has no credit; take completions, then try again
 * @retval BLOBFERRY_E_CLOSED       the queue or the service is closed
 * @retval BLOBFERRY_E_FORKED       the store belongs to the parent process
 *
 * Threads: any, concurrently.
 * Blocks:  never.
 * Since:   0.1
 * See:     blobferry_table_import, blobferry_details_rows
 */
BLOBFERRY_API blobferry_status_t blobferry_table_put(const blobferry_store_t *store, blobferry_cq_t *cq,
                                                     const char *key, const blobferry_table_t *table,
                                                     const blobferry_table_write_options_t *options,
                                                     uint64_t user_data, blobferry_ticket_t *ticket_out,
                                                     blobferry_error_t **error_out);

/**
 * Make a writer of a table; nothing is asked of the store yet.
 *
 * @param store       borrowed; the writer holds its own reference
 * @param key         borrowed; UTF-8, NUL-terminated, relative to the store
 * @param schema      given if the call succeeds, else untouched; a struct ("+s") of the columns of all chunks
 * @param options     borrowed; NULL = BLOBFERRY_TABLE_WRITE_OPTIONS_INIT
 * @param writer_out  receives an owned writer: release it with blobferry_table_writer_free
 * @param error_out   receives an owned error on failure; may be NULL
 *
 * @retval BLOBFERRY_OK             the writer is there
 * @retval BLOBFERRY_E_ARGUMENT     a required pointer was NULL, the key is not one, the schema is not what arrow.h asks
 *                                  for, an option is unknown or goes with another format, or the key does not tell the
 *                                  format
 * @retval BLOBFERRY_E_UNSUPPORTED  the format does not hold a column, or the store cannot do what an option asks
 * @retval BLOBFERRY_E_NO_SPACE     there is no memory to encode with
 * @retval BLOBFERRY_E_FORKED       the store belongs to the parent process
 *
 * Threads: any, concurrently; the schema belongs to this call alone.
 * Blocks:  never.
 * Since:   0.1
 * See:     blobferry_table_writer_write, blobferry_table_writer_finish, blobferry_table_writer_free
 */
BLOBFERRY_API blobferry_status_t blobferry_table_writer_new(const blobferry_store_t *store, const char *key,
                                                            struct ArrowSchema *schema,
                                                            const blobferry_table_write_options_t *options,
                                                            blobferry_table_writer_t **writer_out,
                                                            blobferry_error_t **error_out);

/**
 * Write a chunk behind those that were written before.
 *
 * Queues one request. It completes when nothing refers to the chunk's memory any more,
 * which is released by whoever takes the completion, before he has it; with
 * BLOBFERRY_IMPORT_ANY_THREAD before that, on a thread of the library. The completion's
 * `result` is the number of its rows. Where too many parts are under way it waits for
 * them. Further statuses: BLOBFERRY_E_NO_SPACE, BLOBFERRY_E_NOT_FOUND (no such bucket),
 * BLOBFERRY_E_UNSUPPORTED (the format does not hold a value; the object would need more
 * parts than the store allows).
 *
 * @param writer      borrowed; the request holds its own reference
 * @param cq          borrowed; receives the completion; must be of the store's service
 * @param array       given if the call succeeds, else untouched; a struct of the writer's schema
 * @param options     borrowed; NULL = BLOBFERRY_CHUNK_OPTIONS_INIT
 * @param user_data   returned in the completion; an integer, never dereferenced
 * @param ticket_out  receives the ticket; may be NULL
 * @param error_out   receives an owned error on failure; may be NULL
 *
 * @retval BLOBFERRY_OK          the request is queued, and the array was moved
 * @retval BLOBFERRY_E_ARGUMENT  a required pointer was NULL, an option is unknown, the array is not what arrow.h asks
 *                               for, or the writer is in use, finished or aborted
 * @retval BLOBFERRY_E_NO_SPACE  there is no memory for the copy of a buffer that is not aligned
 * @retval BLOBFERRY_E_BUSY      the queue has no credit; take completions, then try again
 * @retval BLOBFERRY_E_CLOSED    the queue or the service is closed
 * @retval BLOBFERRY_E_FORKED    the writer belongs to the parent process
 *
 * Threads: one at a time per writer; the array belongs to this call alone.
 * Blocks:  while values are validated, as blobferry_table_import.
 * Since:   0.1
 * See:     blobferry_table_writer_finish
 */
BLOBFERRY_API blobferry_status_t blobferry_table_writer_write(blobferry_table_writer_t *writer, blobferry_cq_t *cq,
                                                              struct ArrowArray *array,
                                                              const blobferry_chunk_options_t *options,
                                                              uint64_t user_data, blobferry_ticket_t *ticket_out,
                                                              blobferry_error_t **error_out);

/**
 * Make the object of the chunks that were written.
 *
 * Queues one request. When it completes with BLOBFERRY_OK the object is there, whole;
 * it may have no rows. The completion's `result` is the number of rows. Details, if
 * asked for, hold the size, the revision, the rows and the row groups. On any failure
 * it has not been written, unless the completion has the flag
 * BLOBFERRY_COMPLETION_MAYBE_COMMITTED. Further statuses: BLOBFERRY_E_EXISTS, and those
 * of blobferry_table_writer_write.
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
 * See:     blobferry_details_rows, blobferry_table_writer_free
 */
BLOBFERRY_API blobferry_status_t blobferry_table_writer_finish(blobferry_table_writer_t *writer, blobferry_cq_t *cq,
                                                               const blobferry_write_options_t *options,
                                                               uint64_t user_data, blobferry_ticket_t *ticket_out,
                                                               blobferry_error_t **error_out);

/**
 * Give up what was written.
 *
 * Queues one request, which does what blobferry_writer_abort does.
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
 * See:     blobferry_table_writer_free
 */
BLOBFERRY_API blobferry_status_t blobferry_table_writer_abort(blobferry_table_writer_t *writer, blobferry_cq_t *cq,
                                                              const blobferry_write_options_t *options,
                                                              uint64_t user_data, blobferry_ticket_t *ticket_out,
                                                              blobferry_error_t **error_out);

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
 * See:     blobferry_table_writer_new, blobferry_table_writer_abort
 */
BLOBFERRY_API void blobferry_table_writer_free(blobferry_table_writer_t *writer);

/**
 * Write what is left of a table reader to an object, of whichever format and store.
 *
 * Queues one request, which ends as that of blobferry_table_put does; as much is held at
 * once as a reader and a writer hold. The schema of the reader's batches is looked at
 * within it: what the format does not hold is then its BLOBFERRY_E_UNSUPPORTED. The
 * reader is in use until the completion, and then at its end: also where the request
 * fails or is cancelled, after which nothing is left of the object. Further statuses are
 * those of blobferry_table_reader_next and blobferry_table_put.
 *
 * @param reader      borrowed; the request holds its own reference
 * @param cq          borrowed; receives the completion; must be of the stores' service
 * @param store       borrowed; where the object is written; the request holds its own reference
 * @param key         borrowed; UTF-8, NUL-terminated, relative to the store
 * @param options     borrowed; NULL = BLOBFERRY_TABLE_WRITE_OPTIONS_INIT
 * @param user_data   returned in the completion; an integer, never dereferenced
 * @param ticket_out  receives the ticket; may be NULL
 * @param error_out   receives an owned error on failure; may be NULL
 *
 * @retval BLOBFERRY_OK          the request is queued
 * @retval BLOBFERRY_E_ARGUMENT  a required pointer was NULL, the key is not one, an option is unknown, the key does not
 *                               tell the format, the reader is in use, or the two stores are of two services
 * @retval BLOBFERRY_E_BUSY      the queue has no credit; take completions, then try again
 * @retval BLOBFERRY_E_CLOSED    the queue or the service is closed
 * @retval BLOBFERRY_E_FORKED    the reader or the store belongs to the parent process
 *
 * Threads: one at a time per reader.
 * Blocks:  never.
 * Since:   0.1
 * See:     blobferry_table_reader_new, blobferry_table_put
 */
BLOBFERRY_API blobferry_status_t blobferry_table_convert(blobferry_table_reader_t *reader, blobferry_cq_t *cq,
                                                         const blobferry_store_t *store, const char *key,
                                                         const blobferry_table_write_options_t *options,
                                                         uint64_t user_data, blobferry_ticket_t *ticket_out,
                                                         blobferry_error_t **error_out);

#endif /* BLOBFERRY_TABLE_WRITE_H */
