/* SPDX-License-Identifier: Apache-2.0 OR MIT */
#ifndef BLOBFERRY_FORMAT_H
#define BLOBFERRY_FORMAT_H

#include "base.h"

/*
 * The formats that tables are kept in, for writing (table_write.h) and reading
 * (table_reader.h).
 *
 * WHAT A FORMAT HOLDS
 *
 *                              IPC     Parquet   CSV          NDJSON
 *   null, boolean              yes     yes       yes          yes
 *   integers, floats           yes     yes       yes          yes
 *   decimals                   yes     yes       yes          yes
 *   dates, times of a day      yes     yes [4]   yes          yes
 *   timestamps, durations      yes     yes [4]   yes          yes
 *   intervals                  yes     no [1]    no           no
 *   text                       yes     yes       yes          yes
 *   bytes                      yes     yes       no           hex digits
 *   dictionaries               yes     yes [2]   values       values
 *   run ends                   yes     no        values       values
 *   lists, structs             yes     yes [3]   no           yes
 *   maps                       yes     yes       no           keys of text
 *   unions                     yes     no        no           no
 *
 * A table with a column that its format does not hold is refused when the request is
 * made, with BLOBFERRY_E_UNSUPPORTED that names the column, its type and, where there
 * is one, the type to cast it to. "values" are written as what they stand for. CSV and
 * NDJSON keep no types: who reads them gives a schema, or has the types inferred.
 *
 * VALUES AS TEXT, in CSV and NDJSON. What is written is read back as equal values, if
 * the schema says their types; a text that a type cannot hold exactly is an error.
 * Floats have the fewest digits that tell them from all others of their type; those
 * that are no numbers are NaN, inf and -inf, in NDJSON as text. Decimals have all their
 * digits, durations are numbers of their unit. Dates and times are as RFC 3339 has them,
 * with all digits of their unit; a timestamp with a zone is written in its zone, with
 * its offset, and one without has none. A value without such a text (a year that is not
 * in 0 to 9999) is BLOBFERRY_E_UNSUPPORTED and names column and row. Lines of NDJSON
 * have all columns, null or not, and each name once.
 *
 *   [1]  of months, and of days and milliseconds, yes
 *   [2]  of text, bytes, integers, floats of 32 and 64 bits, decimals of 18 digits, dates and times; nothing nested
 *   [3]  a struct without fields, and lists of 0 values each, no
 *   [4]  times of a day and timestamps in seconds become milliseconds, and are read as such; date64 is a DATE of whole
 *        days, which blobferry reads as date64, except in dictionaries. A value that is too large in milliseconds, or no
 *        whole day, is BLOBFERRY_E_UNSUPPORTED and names the column.
 */

/* A writer: as the end of the key says; a reader: as the first bytes say, else the end of the key. The ends are .arrow,
 * .feather, .ipc; .arrows; .parquet, .pq; .csv, .tsv, .txt; .ndjson, .jsonl; each with .gz, .zst, .zstd behind it, or not.
 * (.tsv does not choose the delimiter, nor .gz the compression.) */
#define BLOBFERRY_FORMAT_AUTO 0u
/* Arrow IPC with a footer, which is Feather, version 2. */
#define BLOBFERRY_FORMAT_IPC_FILE 1u
/* Arrow IPC, one message behind the other. */
#define BLOBFERRY_FORMAT_IPC_STREAM 2u
/* Apache Parquet. */
#define BLOBFERRY_FORMAT_PARQUET 3u
/* Comma-separated values, as RFC 4180 has them and as their options say. */
#define BLOBFERRY_FORMAT_CSV 4u
/* A JSON object in each line. */
#define BLOBFERRY_FORMAT_NDJSON 5u

/* How the pages of Parquet and the buffers of IPC are compressed. */
#define BLOBFERRY_CODEC_NONE 0u
/* Parquet alone. */
#define BLOBFERRY_CODEC_SNAPPY 1u
/* Both; levels -7 to 22. */
#define BLOBFERRY_CODEC_ZSTD 2u
/* Parquet alone; levels 1 to 9. */
#define BLOBFERRY_CODEC_GZIP 3u
/* Both: frames in IPC, raw blocks in Parquet. */
#define BLOBFERRY_CODEC_LZ4 4u
/* Parquet alone; levels 1 to 11. */
#define BLOBFERRY_CODEC_BROTLI 5u

/* What becomes of a record of CSV or NDJSON that is wrong: the request fails. */
#define BLOBFERRY_CSV_ERROR_FAIL 0u
/* A value that cannot be parsed is null, if its column may be; a record with other faults fails the request. */
#define BLOBFERRY_CSV_ERROR_NULL 1u
/* It is left out, and counted. */
#define BLOBFERRY_CSV_ERROR_SKIP 2u

/* What becomes of a record that has not as many fields as the header: it is wrong. */
#define BLOBFERRY_CSV_RAGGED_ERROR 0u
/* Missing fields are null; with more it is wrong. */
#define BLOBFERRY_CSV_RAGGED_FILL 1u
/* Missing fields are null, and more are left out. */
#define BLOBFERRY_CSV_RAGGED_CUT 2u

/* Written fields are quoted if they have to be: empty texts, and those with a delimiter, a quote or a line break. */
#define BLOBFERRY_CSV_QUOTE_NEEDED 0u
/* All texts are. */
#define BLOBFERRY_CSV_QUOTE_TEXTS 1u
/* All values are, but nulls. */
#define BLOBFERRY_CSV_QUOTE_ALL 2u

/* There is no record with the names. Read columns are `column_1`, … */
#define BLOBFERRY_CSV_NO_HEADER 1u
/* Written lines end with CRLF, not with LF. Both are read. */
#define BLOBFERRY_CSV_CRLF 2u

/*
 * The dialect of a blob of comma-separated values. An unquoted empty field is null
 * and a quoted one is an empty text, read and written.
 */
typedef struct blobferry_csv_options {
  size_t             struct_size;     /* sizeof(blobferry_csv_options_t) */
  const char        *delimiter;       /* one ASCII byte; NULL = "," */
  const char        *quote;           /* one ASCII byte, "" = nothing is quoted; NULL = "\"" */
  const char        *escape;          /* one ASCII byte before a quote inside quotes; NULL = the quote is doubled */
  const char        *comment;         /* one ASCII byte that begins a line which is passed over; NULL = none */
  const char *const *null_texts;      /* what is null besides the empty field, unquoted; written: the first of them */
  size_t             null_text_count; /* elements in `null_texts` */
  const char        *encoding;        /* read: as https://encoding.spec.whatwg.org names it; NULL = UTF-8 */
  uint64_t           skip_lines;      /* read: lines passed over before anything else */
  uint64_t           max_record;      /* read: bytes of a record at most; 0 = 16 MiB */
  uint64_t           infer_rows;      /* read: records that types are inferred from; 0 = those of the first 1 MiB */
  uint32_t           ragged;          /* read: BLOBFERRY_CSV_RAGGED_… */
  uint32_t           on_error;        /* read: BLOBFERRY_CSV_ERROR_… */
  uint32_t           quoting;         /* written: BLOBFERRY_CSV_QUOTE_… */
  uint32_t           flags;           /* BLOBFERRY_CSV_NO_HEADER, BLOBFERRY_CSV_CRLF */
} blobferry_csv_options_t;

/* clang-format off */
#define BLOBFERRY_CSV_OPTIONS_INIT { sizeof(blobferry_csv_options_t), NULL, NULL, NULL, NULL, NULL, 0, NULL, 0, 0, 0, BLOBFERRY_CSV_RAGGED_ERROR, BLOBFERRY_CSV_ERROR_FAIL, BLOBFERRY_CSV_QUOTE_NEEDED, 0 }
/* clang-format on */

/**
 * Set an option struct to the defaults, for languages without the INIT macro.
 *
 * Equal to assigning BLOBFERRY_CSV_OPTIONS_INIT.
 *
 * @param options      receives the defaults; NULL does nothing
 * @param struct_size  bytes: sizeof(blobferry_csv_options_t)
 *
 * Threads: any, concurrently.
 * Blocks:  never.
 * Since:   0.1
 * See:     blobferry_table_put
 */
BLOBFERRY_API void blobferry_csv_options_init(blobferry_csv_options_t *options, size_t struct_size);

#endif /* BLOBFERRY_FORMAT_H */
