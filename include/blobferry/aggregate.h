/* SPDX-License-Identifier: Apache-2.0 OR MIT */
#ifndef BLOBFERRY_AGGREGATE_H
#define BLOBFERRY_AGGREGATE_H

#include "cq.h"
#include "table.h"

/*
 * A table into one row. Grouping and joining are for a query engine, which can pull
 * the stream of blobferry_table_export.
 *
 *   function     columns of                             gives
 *
 *   COUNT        any type; NULL counts rows             uint64: values that are not null
 *   NULL_COUNT   any type                               uint64: values that are null
 *   SUM          integers                               int64, of unsigned ones uint64
 *                floats                                 double, added up in the order of the rows
 *                decimals                               decimal of 38 digits, of 256 bits 76, and the same scale
 *   MEAN         integers, floats, decimals             double
 *   MIN, MAX     integers, floats, decimals, booleans,  the type of the column
 *                text, bytes, dates, times, timestamps,
 *                durations
 *
 * Values that are null do not count; without any other, SUM, MEAN, MIN and MAX are
 * null. Sums of integers and decimals are exact, whatever the order of the rows: only
 * the result has to fit, else the request is BLOBFERRY_E_RANGE and names the column. NaN is
 * larger than every other float: MAX is NaN if there is one, MIN only if there is
 * nothing else. Text is compared by its bytes. A dictionary is what its values are.
 */

#define BLOBFERRY_AGGREGATE_COUNT 0u
#define BLOBFERRY_AGGREGATE_SUM 1u
#define BLOBFERRY_AGGREGATE_MIN 2u
#define BLOBFERRY_AGGREGATE_MAX 3u
#define BLOBFERRY_AGGREGATE_MEAN 4u
#define BLOBFERRY_AGGREGATE_NULL_COUNT 5u

/* One column of the result. 16 bytes for ever. */
typedef struct blobferry_aggregation {
  const char *column;   /* NUL-terminated; NULL only with BLOBFERRY_AGGREGATE_COUNT */
  uint32_t    function; /* BLOBFERRY_AGGREGATE_… */
  uint32_t    reserved; /* must be 0 */
} blobferry_aggregation_t;

typedef struct blobferry_aggregate_options {
  size_t   struct_size; /* sizeof(blobferry_aggregate_options_t) */
  uint64_t timeout_ms;  /* milliseconds until BLOBFERRY_E_DEADLINE; 0 = none */
  uint32_t flags;       /* must be 0 */
  uint32_t reserved;    /* must be 0 */
} blobferry_aggregate_options_t;

/* clang-format off */
#define BLOBFERRY_AGGREGATE_OPTIONS_INIT { sizeof(blobferry_aggregate_options_t), 0, 0, 0 }
/* clang-format on */

/**
 * Set an option struct to the defaults, for languages without the INIT macro.
 *
 * Equal to assigning BLOBFERRY_AGGREGATE_OPTIONS_INIT.
 *
 * @param options      receives the defaults; NULL does nothing
 * @param struct_size  bytes: sizeof(blobferry_aggregate_options_t)
 *
 * Threads: any, concurrently.
 * Blocks:  never.
 * Since:   0.1
 * See:     blobferry_table_aggregate
 */
BLOBFERRY_API void blobferry_aggregate_options_init(blobferry_aggregate_options_t *options, size_t struct_size);

/**
 * Make one row of a table: counts, sums, means and extremes of its columns.
 *
 * Queues one request. The completion's `table` has one row, with a column for each
 * aggregation in the order asked, called `sum(price)`, `null_count(price)` and so on,
 * and `count()` where rows are counted. Its `result` is the number of rows that were
 * looked at. A table of a stream is pulled to its end, and can then not be used again.
 * cq.h has the statuses that the completion can have; there are no others.
 *
 * @param table              borrowed; the request holds its own reference
 * @param cq                 borrowed; receives the completion; its service does the work
 * @param aggregations       borrowed
 * @param aggregation_count  elements in `aggregations`; 1 to 10 000
 * @param options            borrowed; NULL = BLOBFERRY_AGGREGATE_OPTIONS_INIT
 * @param user_data          returned in the completion; an integer, never dereferenced
 * @param ticket_out         receives the ticket; may be NULL
 * @param error_out          receives an owned error on failure; may be NULL
 *
 * @retval BLOBFERRY_OK             the request is queued
 * @retval BLOBFERRY_E_ARGUMENT     a required pointer was NULL, an option or a function is unknown, there is no such
 *                                  column or it has the name of another, or the table is of a stream that was used
 * @retval BLOBFERRY_E_UNSUPPORTED  there is no such result of the column's type; the message names both
 * @retval BLOBFERRY_E_BUSY         the queue has no credit; take completions, then try again
 * @retval BLOBFERRY_E_CLOSED       the queue or the service is closed
 * @retval BLOBFERRY_E_FORKED       the queue belongs to the parent process
 *
 * Threads: any, concurrently.
 * Blocks:  never.
 * Since:   0.1
 * See:     blobferry_table_import, blobferry_table_export
 */
BLOBFERRY_API blobferry_status_t blobferry_table_aggregate(const blobferry_table_t *table, blobferry_cq_t *cq,
                                                           const blobferry_aggregation_t *aggregations,
                                                           size_t aggregation_count,
                                                           const blobferry_aggregate_options_t *options,
                                                           uint64_t user_data, blobferry_ticket_t *ticket_out,
                                                           blobferry_error_t **error_out);

#endif /* BLOBFERRY_AGGREGATE_H */
