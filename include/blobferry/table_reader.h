/* SPDX-License-Identifier: Apache-2.0 OR MIT */
#ifndef BLOBFERRY_TABLE_READER_H
#define BLOBFERRY_TABLE_READER_H

#include "arrow.h"
#include "compression.h"
#include "cq.h"
#include "format.h"
#include "reader.h"
#include "store.h"
#include "table.h"

/*
 * A table reader gives the rows of an object, or of several that make one table, as
 * batches, one after the other:
 *
 *   blobferry_table_reader_new(store, &key, 1, &options, &reader, &error);
 *   while (blobferry_table_reader_next(reader, cq, NULL, 0, NULL, &error) == BLOBFERRY_OK) {
 *     blobferry_cq_wait(cq, &completion, 1, -1, &count, &error);
 *     if (completion.status != BLOBFERRY_OK) { look at, then free, completion.error; break; }
 *     if (completion.table == NULL) break;
 *     use the rows of completion.table, and free it;
 *   }
 *   blobferry_table_reader_free(reader);
 *
 * or as an Arrow stream that waits, by blobferry_table_reader_export.
 *
 * From the first batch on it reads ahead of its caller, between requests too. Decoding
 * runs on the computing threads of the service (compute_threads).
 *
 * COLUMNS are named from the top level, and given in the order in which they are named.
 * Of IPC and Parquet no more is fetched than they need. Without a `schema` the types
 * are those that are found: of CSV and NDJSON, which keep none, those that the first
 * records tell.
 *
 * SCHEMA. With a `schema` CSV and NDJSON are parsed as its types, and what is found of
 * other types in other formats is cast to them. Columns, and the fields of structs, are
 * matched by name. A column that the object lacks is null, if its field is nullable;
 * one that the schema lacks is left out. A value that the new type cannot hold exactly
 * is BLOBFERRY_E_INTEGRITY, and the message has the column and the value; only floats
 * are rounded, to smaller floats and to decimals, and decimals to floats.
 *
 * PREDICATE. The rows given are those of which all `terms` are true. A term compares a
 * column, as it is found in the object (CSV and NDJSON: as the schema says), with a
 * literal, whatever the widths, units and scales of both are, and exactly: what a column
 * cannot hold is equal to none of its values, and above or below some. A null on either
 * side makes a term neither true nor false, so that the row is not given, except by
 * BLOBFERRY_OP_IS_NULL. NaN is greater than every number, and equal to itself; -0.0 is
 * equal to 0.0; false is less than true; texts and bytes are compared byte by byte.
 * Comparable are
 *
 *   booleans        with booleans
 *   integers        with integers, floats, decimals
 *   floats          with integers, floats
 *   decimals        with integers, decimals
 *   texts           with texts
 *   bytes           with bytes
 *   dates           with dates, and timestamps without a time zone
 *   timestamps      with timestamps: both have a time zone, or neither
 *   times of a day, and durations: each with its like
 *
 * and dictionaries as their values are. Of Parquet what cannot have a row that is
 * wanted is not fetched, as far as its statistics, page indexes and bloom filters tell.
 *
 * SEVERAL OBJECTS are read one after the other, in the order of their keys. Without a
 * `schema` all must have the columns of the first, with its types
 * (BLOBFERRY_E_ARGUMENT names the object, the column and both types).
 *
 * STATE. All rows of an object are of one state of it, as in reader.h
 * (BLOBFERRY_E_CHANGED).
 *
 * MEMORY. Ahead of its caller a reader holds `max_prefetch` bytes at most, fetched or
 * decoded, and two batches. What is decoded at once must fit into that, too: a row
 * group of Parquet (into 256 MiB, if `max_prefetch` is 0), a batch of IPC with its
 * dictionaries, each as far as its columns are read; one that does not is
 * BLOBFERRY_E_NO_SPACE, and the message has both numbers. While it is decoded it may be
 * held three times: as it came, in one piece, and decoded. Nothing is taken because an
 * object says that it is needed.
 *
 * TRUST. Whatever the bytes of an object are, reading it ends with rows or an error.
 * Only BLOBFERRY_TABLE_TRUSTED leaves values of IPC unchecked.
 *
 * THREADS. A reader is used by one thread at a time, and one request of it at a time: a
 * request while another one is under way is refused with BLOBFERRY_E_ARGUMENT.
 */
typedef struct blobferry_table_reader blobferry_table_reader_t;

/* The column is equal to the literal. */
#define BLOBFERRY_OP_EQ 0u
/* It is another value. */
#define BLOBFERRY_OP_NE 1u
/* It is less. */
#define BLOBFERRY_OP_LT 2u
/* It is less or equal. */
#define BLOBFERRY_OP_LE 3u
/* It is greater. */
#define BLOBFERRY_OP_GT 4u
/* It is greater or equal. */
#define BLOBFERRY_OP_GE 5u
/* It is null; the literal is not looked at. */
#define BLOBFERRY_OP_IS_NULL 6u
/* It is not null; the literal is not looked at. */
#define BLOBFERRY_OP_IS_NOT_NULL 7u

/* IPC: values are believed. One that is not what its type says makes the process do anything. */
#define BLOBFERRY_TABLE_TRUSTED 1u

/* A comparison. */
typedef struct blobferry_term {
  const char *column;  /* of the top level */
  uint32_t    op;      /* BLOBFERRY_OP_… */
  uint32_t    literal; /* which column of the literals it is compared with: from 0 on */
} blobferry_term_t;

typedef struct blobferry_table_reader_options {
  size_t                         struct_size;     /* sizeof(blobferry_table_reader_options_t) */
  uint32_t                       format;          /* BLOBFERRY_FORMAT_… */
  uint32_t                       compression;     /* CSV, NDJSON, IPC streams: BLOBFERRY_COMPRESSION_… */
  const char *const             *columns;         /* NULL = all; not NULL without elements = none, rows are counted */
  size_t                         column_count;    /* elements in `columns` */
  const blobferry_term_t        *terms;           /* NULL if term_count is 0 */
  size_t                         term_count;      /* elements in `terms`; 0 = all rows */
  struct ArrowSchema            *literals_schema; /* a struct ("+s") of the literals; NULL = there are none */
  struct ArrowArray             *literals;        /* its array, of one row; NULL if `literals_schema` is */
  struct ArrowSchema            *schema;          /* a struct ("+s") of what is given; NULL = as found */
  const uint32_t                *row_groups;      /* Parquet: which, in their order; NULL if row_group_count is 0 */
  size_t                         row_group_count; /* elements in `row_groups`; 0 = all */
  uint64_t                       batch_rows;      /* rows of a batch at most; 0 = 65 536 */
  uint64_t                       batch_bytes;     /* bytes of it in memory at most, if it has two rows; 0 = 64 MiB */
  uint64_t                       max_prefetch;    /* bytes held ahead; 0 = 64 MiB */
  const blobferry_csv_options_t *csv;             /* CSV, NDJSON: NULL = BLOBFERRY_CSV_OPTIONS_INIT */
  uint32_t                       flags;           /* BLOBFERRY_TABLE_TRUSTED */
  uint32_t                       reserved;        /* must be 0 */
} blobferry_table_reader_options_t;

/* clang-format off */
#define BLOBFERRY_TABLE_READER_OPTIONS_INIT { sizeof(blobferry_table_reader_options_t), BLOBFERRY_FORMAT_AUTO, BLOBFERRY_COMPRESSION_AUTO, NULL, 0, NULL, 0, NULL, NULL, NULL, NULL, 0, 0, 0, 0, NULL, 0, 0 }
/* clang-format on */

/**
 * Set an option struct to the defaults, for languages without the INIT macro.
 *
 * Equal to assigning BLOBFERRY_TABLE_READER_OPTIONS_INIT.
 *
 * @param options      receives the defaults; NULL does nothing
 * @param struct_size  bytes: sizeof(blobferry_table_reader_options_t)
 *
 * Threads: any, concurrently.
 * Blocks:  never.
 * Since:   0.1
 * See:     blobferry_table_reader_new
 */
BLOBFERRY_API void blobferry_table_reader_options_init(blobferry_table_reader_options_t *options, size_t struct_size);

/**
 * Make a reader of a table, at its beginning; nothing is read yet.
 *
 * The structs in the options are given if the call succeeds, and else untouched: they
 * are copied and released before it returns.
 *
 * @param store       borrowed; the reader holds its own reference
 * @param keys        borrowed; each UTF-8, NUL-terminated, relative to the store
 * @param key_count   elements in `keys`; at least 1
 * @param options     borrowed, but for its structs; NULL = BLOBFERRY_TABLE_READER_OPTIONS_INIT
 * @param reader_out  receives an owned reader: release it with blobferry_table_reader_free
 * @param error_out   receives an owned error on failure; may be NULL
 *
 * @retval BLOBFERRY_OK             the reader is there
 * @retval BLOBFERRY_E_ARGUMENT     a required pointer was NULL, a key is not one, an option is unknown, or a struct is not
 *                                  what arrow.h asks for
 * @retval BLOBFERRY_E_FORKED       the store belongs to the parent process
 * @retval BLOBFERRY_E_UNSUPPORTED  a struct has a format of no type that the library knows
 *
 * Threads: any, concurrently.
 * Blocks:  never.
 * Since:   0.1
 * See:     blobferry_table_reader_next, blobferry_table_reader_free
 */
BLOBFERRY_API blobferry_status_t blobferry_table_reader_new(const blobferry_store_t *store, const char *const *keys,
                                                            size_t key_count,
                                                            const blobferry_table_reader_options_t *options,
                                                            blobferry_table_reader_t **reader_out,
                                                            blobferry_error_t **error_out);

/**
 * Look at the first object, and read no data of it where its format has a footer.
 *
 * Queues one request. After it blobferry_table_reader_schema and its like know what
 * the object is; the completion's `result` is its number of rows, or 0 where the format
 * does not tell. It may be left out: the first batch tells as well. Further statuses are
 * those of blobferry_table_reader_next.
 *
 * @param reader      borrowed; the request holds its own reference
 * @param cq          borrowed; receives the completion; must be of the store's service
 * @param options     borrowed; NULL = BLOBFERRY_READ_OPTIONS_INIT
 * @param user_data   returned in the completion; an integer, never dereferenced
 * @param ticket_out  receives the ticket; may be NULL
 * @param error_out   receives an owned error on failure; may be NULL
 *
 * @retval BLOBFERRY_OK          the request is queued
 * @retval BLOBFERRY_E_ARGUMENT  a required pointer was NULL, an option is unknown, or the reader is in use
 * @retval BLOBFERRY_E_BUSY      the queue has no credit; take completions, then try again
 * @retval BLOBFERRY_E_CLOSED    the queue or the service is closed
 * @retval BLOBFERRY_E_FORKED    the reader belongs to the parent process
 *
 * Threads: one at a time per reader.
 * Blocks:  never.
 * Since:   0.1
 * See:     blobferry_table_reader_schema, blobferry_table_reader_rows
 */
BLOBFERRY_API blobferry_status_t blobferry_table_reader_open(blobferry_table_reader_t *reader, blobferry_cq_t *cq,
                                                             const blobferry_read_options_t *options,
                                                             uint64_t user_data, blobferry_ticket_t *ticket_out,
                                                             blobferry_error_t **error_out);

/**
 * Read the next batch.
 *
 * Queues one request. The completion's `table` is an owned table of one chunk, and its
 * `result` the rows of it, at least 1; at the end `table` is NULL and `result` 0.
 * A request that is cancelled or comes to its deadline loses nothing: the next one
 * gives the batch. Any other error is the end of the reader, and all further requests
 * end with it. Further statuses: BLOBFERRY_E_ARGUMENT (there is no such column, the
 * schema or the predicate does not fit, or nothing tells the format),
 * BLOBFERRY_E_CHANGED, BLOBFERRY_E_INTEGRITY (the object is not what its format says, or
 * a value does not fit), BLOBFERRY_E_NO_SPACE, BLOBFERRY_E_NOT_FOUND,
 * BLOBFERRY_E_UNSUPPORTED (a type that cannot be read, or compared).
 *
 * @param reader      borrowed; the request holds its own reference
 * @param cq          borrowed; receives the completion; must be of the store's service
 * @param options     borrowed; NULL = BLOBFERRY_READ_OPTIONS_INIT
 * @param user_data   returned in the completion; an integer, never dereferenced
 * @param ticket_out  receives the ticket; may be NULL
 * @param error_out   receives an owned error on failure; may be NULL
 *
 * @retval BLOBFERRY_OK          the request is queued
 * @retval BLOBFERRY_E_ARGUMENT  a required pointer was NULL, an option is unknown, or the reader is in use
 * @retval BLOBFERRY_E_BUSY      the queue has no credit; take completions, then try again
 * @retval BLOBFERRY_E_CLOSED    the queue or the service is closed
 * @retval BLOBFERRY_E_FORKED    the reader belongs to the parent process
 *
 * Threads: one at a time per reader.
 * Blocks:  never.
 * Since:   0.1
 * See:     blobferry_table_export, blobferry_table_free
 */
BLOBFERRY_API blobferry_status_t blobferry_table_reader_next(blobferry_table_reader_t *reader, blobferry_cq_t *cq,
                                                             const blobferry_read_options_t *options,
                                                             uint64_t user_data, blobferry_ticket_t *ticket_out,
                                                             blobferry_error_t **error_out);

/**
 * Give the schema of the batches.
 *
 * It is known from the first request on that has ended well.
 *
 * @param reader      borrowed
 * @param schema_out  receives an owned schema; what was there is overwritten: release it with its `release`
 * @param error_out   receives an owned error on failure; may be NULL
 *
 * @retval BLOBFERRY_OK             the schema was given
 * @retval BLOBFERRY_E_ARGUMENT     a required pointer was NULL, or no request has ended well yet
 * @retval BLOBFERRY_E_FORKED       the reader belongs to the parent process
 * @retval BLOBFERRY_E_UNSUPPORTED  a column's name has a NUL byte in it, which the interface cannot say
 *
 * Threads: any, concurrently.
 * Blocks:  never.
 * Since:   0.1
 * See:     blobferry_table_reader_open
 */
BLOBFERRY_API blobferry_status_t blobferry_table_reader_schema(const blobferry_table_reader_t *reader,
                                                               struct ArrowSchema *schema_out,
                                                               blobferry_error_t **error_out);

/**
 * Tell how many rows the first object has, whatever is asked for of them.
 *
 * It is known from the first request on that has ended well. Only Parquet tells.
 *
 * @param reader     borrowed
 * @param rows_out   receives the number of rows
 * @param error_out  receives an owned error on failure; may be NULL
 *
 * @retval BLOBFERRY_OK             `*rows_out` was written
 * @retval BLOBFERRY_E_ARGUMENT     a required pointer was NULL, or no request has ended well yet
 * @retval BLOBFERRY_E_FORKED       the reader belongs to the parent process
 * @retval BLOBFERRY_E_UNSUPPORTED  the format does not tell; count the rows of the batches, read without columns
 *
 * Threads: any, concurrently.
 * Blocks:  never.
 * Since:   0.1
 * See:     blobferry_table_reader_open
 */
BLOBFERRY_API blobferry_status_t blobferry_table_reader_rows(const blobferry_table_reader_t *reader,
                                                             uint64_t *rows_out, blobferry_error_t **error_out);

/**
 * Tell how many row groups the first object has, or, of an IPC file, batches.
 *
 * It is known from the first request on that has ended well.
 *
 * @param reader          borrowed
 * @param row_groups_out  receives the number of row groups
 * @param error_out       receives an owned error on failure; may be NULL
 *
 * @retval BLOBFERRY_OK             `*row_groups_out` was written
 * @retval BLOBFERRY_E_ARGUMENT     a required pointer was NULL, or no request has ended well yet
 * @retval BLOBFERRY_E_FORKED       the reader belongs to the parent process
 * @retval BLOBFERRY_E_UNSUPPORTED  the format has none, or does not tell
 *
 * Threads: any, concurrently.
 * Blocks:  never.
 * Since:   0.1
 * See:     blobferry_table_reader_open
 */
BLOBFERRY_API blobferry_status_t blobferry_table_reader_row_groups(const blobferry_table_reader_t *reader,
                                                                   uint64_t *row_groups_out,
                                                                   blobferry_error_t **error_out);

/**
 * Give the key-value metadata of the first object, in the order of its keys.
 *
 * It is known from the first request on that has ended well. CSV and NDJSON have none.
 *
 * @param reader     borrowed
 * @param pairs_out  receives a view, valid until the reader is freed; NULL where there are none
 * @param count_out  receives the number of pairs
 * @param error_out  receives an owned error on failure; may be NULL
 *
 * @retval BLOBFERRY_OK          `*pairs_out` and `*count_out` were written
 * @retval BLOBFERRY_E_ARGUMENT  a required pointer was NULL, or no request has ended well yet
 * @retval BLOBFERRY_E_FORKED    the reader belongs to the parent process
 *
 * Threads: any, concurrently.
 * Blocks:  never.
 * Since:   0.1
 * See:     blobferry_table_reader_open
 */
BLOBFERRY_API blobferry_status_t blobferry_table_reader_pairs(const blobferry_table_reader_t *reader,
                                                              const blobferry_pair_t **pairs_out, size_t *count_out,
                                                              blobferry_error_t **error_out);

/**
 * Give the statistics of the first object: a row for each row group and leaf column.
 *
 * It is known from the first request on that has ended well. The columns are
 * row_group (uint32), column (utf8: names from the root on, divided by dots), rows,
 * compressed_size, uncompressed_size, null_count, distinct_count (uint64), min, max
 * (utf8, as CSV would have them), is_exact, has_bloom_filter (boolean). What the object
 * does not tell is null.
 *
 * @param reader     borrowed
 * @param table_out  receives an owned table: release it with blobferry_table_free
 * @param error_out  receives an owned error on failure; may be NULL
 *
 * @retval BLOBFERRY_OK             the table was given
 * @retval BLOBFERRY_E_ARGUMENT     a required pointer was NULL, or no request has ended well yet
 * @retval BLOBFERRY_E_FORKED       the reader belongs to the parent process
 * @retval BLOBFERRY_E_UNSUPPORTED  the object is no Parquet
 *
 * Threads: any, concurrently.
 * Blocks:  never.
 * Since:   0.1
 * See:     blobferry_table_reader_open
 */
BLOBFERRY_API blobferry_status_t blobferry_table_reader_statistics(const blobferry_table_reader_t *reader,
                                                                   blobferry_table_t **table_out,
                                                                   blobferry_error_t **error_out);

/**
 * Tell how many records were left out so far, as BLOBFERRY_CSV_ERROR_SKIP says.
 *
 * It counts what has been decoded, which may be ahead of the batches that were given;
 * at the end it is the number of all.
 *
 * @param reader  borrowed; NULL is 0
 *
 * @return records
 *
 * Threads: any, concurrently.
 * Blocks:  never.
 * Since:   0.1
 * See:     blobferry_table_reader_next
 */
BLOBFERRY_API uint64_t blobferry_table_reader_skipped(const blobferry_table_reader_t *reader);

/**
 * Give a reader away as a stream whose callbacks wait.
 *
 * The stream begins where the reader is. Its `get_schema` looks at the first object, if
 * that was not done, and its `get_next` waits for the next batch, each on the thread
 * that calls it, which must not be one that the library waits for: that of a wake
 * function or of a callback for credentials. The store and the service may be freed
 * before the stream; it then gives what is decoded, and after that an error.
 *
 * @param reader      given if the call succeeds, else untouched
 * @param stream_out  receives an owned stream; what was there is overwritten: release it with its `release`
 * @param error_out   receives an owned error on failure; may be NULL
 *
 * @retval BLOBFERRY_OK          the stream can be pulled, and the reader is gone
 * @retval BLOBFERRY_E_ARGUMENT  a required pointer was NULL, or the reader is in use
 * @retval BLOBFERRY_E_FORKED    the reader belongs to the parent process
 *
 * Threads: one at a time per reader; the stream on one thread at a time.
 * Blocks:  never; the stream's callbacks do.
 * Since:   0.1
 * See:     blobferry_table_reader_new
 */
BLOBFERRY_API blobferry_status_t blobferry_table_reader_export(blobferry_table_reader_t *reader,
                                                               struct ArrowArrayStream *stream_out,
                                                               blobferry_error_t **error_out);

/**
 * Free a table reader.
 *
 * What it was reading ahead ends at once. A request under way is not cancelled by this;
 * its completion still comes.
 *
 * @param reader  given; NULL does nothing
 *
 * Threads: any; once per reader.
 * Blocks:  never.
 * Since:   0.1
 * See:     blobferry_table_reader_new
 */
BLOBFERRY_API void blobferry_table_reader_free(blobferry_table_reader_t *reader);

#endif /* BLOBFERRY_TABLE_READER_H */
