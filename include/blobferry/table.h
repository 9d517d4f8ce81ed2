/* SPDX-License-Identifier: Apache-2.0 OR MIT */
#ifndef BLOBFERRY_TABLE_H
#define BLOBFERRY_TABLE_H

#include "arrow.h"
#include "cq.h"
#include "error.h"
#include "service.h"

/*
 * A table is rows as Apache Arrow: chunks of one schema, in memory (arrow.h says how
 * they look). It is imported from the structs of a producer, or comes with a
 * completion. It is never changed; any number of requests may use it at once, and
 * each keeps what it uses. Every accessor takes NULL.
 *
 * MOVING. A call that takes Arrow structs moves them if it returns BLOBFERRY_OK, and
 * only then: their `release` is NULL afterwards, and the library calls the one that
 * was there, exactly once. If it returns anything else, all of them are as they were,
 * and still the caller's.
 *
 * RELEASING. A schema is released before the call returns. An array is released when
 * nothing refers to its memory any more: no table, no request, and no array that was
 * exported from it. It is released on a thread that the caller has called the library
 * with: inside blobferry_table_free, blobferry_cq_drain, _wait or _free,
 * blobferry_service_drain or _free of its service, inside the `release` of an array
 * that was exported, or on the thread of a queue's completion callback. Where the last
 * user is a thread of the library, it waits for the next of these calls. With
 * BLOBFERRY_IMPORT_ANY_THREAD it may be released on any thread, and is so as soon as
 * it can be; after blobferry_service_free always. A `release` may free tables, and
 * must not wait for the library.
 */

/* The values are not validated: for a producer who is certain of them, as a wrong offset or index, or a text that is
 * not UTF-8, is a fault of memory then. The structs are checked all the same. */
#define BLOBFERRY_IMPORT_TRUSTED 1u
/* `release`, and the callbacks of a stream, may be called on any thread. */
#define BLOBFERRY_IMPORT_ANY_THREAD 2u

typedef struct blobferry_import_options {
  size_t   struct_size; /* sizeof(blobferry_import_options_t) */
  uint32_t flags;       /* BLOBFERRY_IMPORT_… */
  uint32_t reserved;    /* must be 0 */
} blobferry_import_options_t;

/* clang-format off */
#define BLOBFERRY_IMPORT_OPTIONS_INIT { sizeof(blobferry_import_options_t), 0, 0 }
/* clang-format on */

/**
 * Set an option struct to the defaults, for languages without the INIT macro.
 *
 * Equal to assigning BLOBFERRY_IMPORT_OPTIONS_INIT.
 *
 * @param options      receives the defaults; NULL does nothing
 * @param struct_size  bytes: sizeof(blobferry_import_options_t)
 *
 * Threads: any, concurrently.
 * Blocks:  never.
 * Since:   0.1
 * See:     blobferry_table_import
 */
BLOBFERRY_API void blobferry_import_options_init(blobferry_import_options_t *options, size_t struct_size);

/**
 * Make a table of chunks in memory of the caller.
 *
 * Nothing is copied but buffers that are not aligned: the table refers to the memory
 * of the arrays until it has been freed and nothing else uses it.
 *
 * @param service      borrowed; the one whose requests will use the table
 * @param schema       given if the call succeeds, else untouched; a struct ("+s") of the columns
 * @param arrays       given if the call succeeds, else untouched; one struct behind the other, each a chunk; may be
 *                     NULL if `array_count` is 0
 * @param array_count  elements in `arrays`; 0 is a table without rows
 * @param options      borrowed; NULL = BLOBFERRY_IMPORT_OPTIONS_INIT
 * @param table_out    receives an owned table: release it with blobferry_table_free
 * @param error_out    receives an owned error on failure; may be NULL
 *
 * @retval BLOBFERRY_OK             the structs were moved
 * @retval BLOBFERRY_E_ARGUMENT     a required pointer was NULL, an option is unknown, or a struct or a value is not
 *                                  what arrow.h asks for; the message says which
 * @retval BLOBFERRY_E_UNSUPPORTED  a format is of no type that the library knows
 * @retval BLOBFERRY_E_NO_SPACE     there is no memory for the copy of a buffer that is not aligned
 * @retval BLOBFERRY_E_FORKED       the service belongs to the parent process
 *
 * Threads: any, concurrently; the structs belong to this call alone.
 * Blocks:  while texts, offsets, indices and decimals are validated, which takes one to three times as long as copying
 *          them; with BLOBFERRY_IMPORT_TRUSTED hardly.
 * Since:   0.1
 * See:     blobferry_table_import_stream, blobferry_table_export, blobferry_table_free
 */
BLOBFERRY_API blobferry_status_t blobferry_table_import(blobferry_service_t *service, struct ArrowSchema *schema,
                                                        struct ArrowArray *arrays, size_t array_count,
                                                        const blobferry_import_options_t *options,
                                                        blobferry_table_t **table_out, blobferry_error_t **error_out);

/**
 * Make a table of the arrays that a stream gives, as they are needed.
 *
 * The stream's schema is asked for in this call. Its arrays are pulled by the one
 * request that uses the table, on a thread made for it, at most two ahead; each is
 * checked as by blobferry_table_import. When the request is cancelled, its completion
 * comes after the `get_next` that is running. An error of the stream, with its text, is
 * BLOBFERRY_E_IO of the request. The table can be used once; a second use is
 * BLOBFERRY_E_ARGUMENT. It has no rows or chunks to be counted.
 *
 * @param service    borrowed; the one whose requests will use the table
 * @param stream     given if the call succeeds, else untouched, but for the schema that was asked of it
 * @param options    borrowed; must have BLOBFERRY_IMPORT_ANY_THREAD
 * @param table_out  receives an owned table: release it with blobferry_table_free
 * @param error_out  receives an owned error on failure; may be NULL
 *
 * @retval BLOBFERRY_OK             the stream was moved
 * @retval BLOBFERRY_E_ARGUMENT     a required pointer was NULL, an option is unknown, or the stream or its schema is
 *                                  not what arrow.h asks for; the message says what
 * @retval BLOBFERRY_E_UNSUPPORTED  the callbacks are not allowed on any thread: give the chunks one by one, to
 *                                  blobferry_table_writer_write; or a format is of no type that the library knows
 * @retval BLOBFERRY_E_IO           the stream failed to give its schema; the message has its own text
 * @retval BLOBFERRY_E_FORKED       the service belongs to the parent process
 *
 * Threads: any, concurrently; the stream belongs to this call alone.
 * Blocks:  while the stream gives its schema.
 * Since:   0.1
 * See:     blobferry_table_import, blobferry_table_free
 */
BLOBFERRY_API blobferry_status_t blobferry_table_import_stream(blobferry_service_t *service,
                                                               struct ArrowArrayStream *stream,
                                                               const blobferry_import_options_t *options,
                                                               blobferry_table_t **table_out,
                                                               blobferry_error_t **error_out);

/**
 * Give the chunks of a table as a stream.
 *
 * Nothing is copied. The stream, and every array pulled from it, keep what they need:
 * the table and its service may be freed before them. The table stays as it is; only
 * one that is itself of a stream is used up, and pulls on the threads that pull this
 * one.
 *
 * @param table       borrowed
 * @param stream_out  receives an owned stream; what was there is overwritten: release it with its `release`
 * @param error_out   receives an owned error on failure; may be NULL
 *
 * @retval BLOBFERRY_OK          the stream can be pulled
 * @retval BLOBFERRY_E_ARGUMENT  a required pointer was NULL, or the table is of a stream that has been used
 * @retval BLOBFERRY_E_FORKED    the table is of a stream of the parent process
 *
 * Threads: any, concurrently; the stream on one thread at a time.
 * Blocks:  never.
 * Since:   0.1
 * See:     blobferry_table_export_chunk, blobferry_table_free
 */
BLOBFERRY_API blobferry_status_t blobferry_table_export(const blobferry_table_t *table,
                                                        struct ArrowArrayStream *stream_out,
                                                        blobferry_error_t **error_out);

/**
 * Give one chunk of a table as an array.
 *
 * Nothing is copied. The array keeps what it needs: the table and its service may be
 * freed before it.
 *
 * @param table       borrowed
 * @param index       elements before it: from 0 on
 * @param schema_out  receives an owned schema; what was there is overwritten: release it with its `release`; may be
 *                    NULL
 * @param array_out   receives an owned array; what was there is overwritten: release it with its `release`
 * @param error_out   receives an owned error on failure; may be NULL
 *
 * @retval BLOBFERRY_OK             the chunk was given
 * @retval BLOBFERRY_E_ARGUMENT     a required pointer was NULL, or the table has no such chunk
 * @retval BLOBFERRY_E_UNSUPPORTED  a column's name has a NUL byte in it, which the interface cannot say
 *
 * Threads: any, concurrently.
 * Blocks:  never.
 * Since:   0.1
 * See:     blobferry_table_chunks, blobferry_table_export
 */
BLOBFERRY_API blobferry_status_t blobferry_table_export_chunk(const blobferry_table_t *table, size_t index,
                                                              struct ArrowSchema *schema_out,
                                                              struct ArrowArray *array_out,
                                                              blobferry_error_t **error_out);

/**
 * Give the schema of a table.
 *
 * @param table       borrowed
 * @param schema_out  receives an owned schema; what was there is overwritten: release it with its `release`
 * @param error_out   receives an owned error on failure; may be NULL
 *
 * @retval BLOBFERRY_OK             the schema was given
 * @retval BLOBFERRY_E_ARGUMENT     a required pointer was NULL
 * @retval BLOBFERRY_E_UNSUPPORTED  a column's name has a NUL byte in it, which the interface cannot say
 *
 * Threads: any, concurrently.
 * Blocks:  never.
 * Since:   0.1
 * See:     blobferry_table_export
 */
BLOBFERRY_API blobferry_status_t blobferry_table_schema(const blobferry_table_t *table, struct ArrowSchema *schema_out,
                                                        blobferry_error_t **error_out);

/**
 * Count the rows of a table.
 *
 * @param table  borrowed; NULL is 0
 *
 * @return rows of all chunks; 0 of a stream
 *
 * Threads: any, concurrently.
 * Blocks:  never.
 * Since:   0.1
 * See:     blobferry_table_chunks
 */
BLOBFERRY_API uint64_t blobferry_table_rows(const blobferry_table_t *table);

/**
 * Count the chunks of a table.
 *
 * @param table  borrowed; NULL is 0
 *
 * @return chunks; 0 of a stream
 *
 * Threads: any, concurrently.
 * Blocks:  never.
 * Since:   0.1
 * See:     blobferry_table_export_chunk
 */
BLOBFERRY_API size_t blobferry_table_chunks(const blobferry_table_t *table);

/**
 * Count the buffers that were copied when a table was imported.
 *
 * They were not aligned to the size of their values. A producer of large tables may
 * want to know.
 *
 * @param table  borrowed; NULL is 0
 *
 * @return buffers; 0 of a table that was not imported, and of a stream
 *
 * Threads: any, concurrently.
 * Blocks:  never.
 * Since:   0.1
 * See:     blobferry_table_import
 */
BLOBFERRY_API uint64_t blobferry_table_copied_buffers(const blobferry_table_t *table);

/**
 * Release a table.
 *
 * If nothing else uses the memory that it was imported from, that is released before
 * this returns; so is whatever else waits for a thread of the caller.
 *
 * @param table  given; NULL does nothing
 *
 * Threads: any; once.
 * Blocks:  never; a stream that nobody pulled may, in its `release`.
 * Since:   0.1
 * See:     blobferry_table_import
 */
BLOBFERRY_API void blobferry_table_free(blobferry_table_t *table);

#endif /* BLOBFERRY_TABLE_H */
