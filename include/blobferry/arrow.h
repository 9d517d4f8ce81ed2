/* SPDX-License-Identifier: Apache-2.0 OR MIT */
#ifndef BLOBFERRY_ARROW_H
#define BLOBFERRY_ARROW_H

#include "base.h"

/*
 * The structs of the Arrow C Data Interface and the C Stream Interface, through
 * which rows come in and go out without a copy. They are those of
 * https://arrow.apache.org/docs/format/CDataInterface.html, and may come from any
 * other header that has them.
 *
 * A table is a schema and its chunks. The schema is a struct ("+s") with a child
 * for each column; a chunk is an array of that struct, in which values can be null
 * and rows as a whole cannot.
 *
 * WHAT IS CHECKED when structs come in. Always: that nothing has been released,
 * that counts, lengths and offsets are not negative and fit together, that there
 * are exactly the buffers and children of the type and that none which is needed
 * is NULL, that names, formats and metadata are UTF-8 and names and formats at most
 * 64 KiB, that types nest at most 64 deep and have at most 65 536 fields, the
 * parameters of types (widths, precision, time zones), which values are null (the
 * bitmap tells, and `null_count` only whether there must be one), and run ends.
 * Unless the producer is trusted, also every value: offsets, UTF-8, views, indices of
 * dictionaries, types of unions, precision of decimals, and nulls where the schema
 * allows none. What is wrong is BLOBFERRY_E_ARGUMENT, and says where; a format that is
 * not known, BLOBFERRY_E_UNSUPPORTED.
 *
 * WHAT NOBODY CAN CHECK: whether a pointer that is not NULL points to anything, how
 * large a buffer is, where a text without a NUL byte or metadata ends, and whether
 * a callback does what it should. The interface does not carry it.
 *
 * FORMATS AND TYPES
 *
 *   n                    null                          u, U, vu    text: 32 and 64 bit offsets, views
 *   b                    boolean                       z, Z, vz    bytes: the same
 *   c C s S i I l L      integers of 8 to 64 bits      w:N         N bytes each
 *   e f g                floats of 16, 32, 64 bits     +l, +L      lists: 32 and 64 bit offsets
 *   d:P,S[,32|64|256]    decimals                      +vl, +vL    lists as views: the same
 *   tdD, tdm             dates                         +w:N        lists of N values each
 *   tts ttm ttu ttn      times of a day                +s          structs
 *   tss:Z … tsn:Z        timestamps, in a zone Z       +m          maps
 *   tDs … tDn            durations                     +ud:, +us:  unions, dense and sparse
 *   tiM tiD tin          intervals                     +r          run ends
 *
 * and dictionaries, whose format is that of their indices, an integer. Structs
 * without rows may have NULL for every buffer, and buffers that are not aligned to
 * the size of their values are copied, and counted.
 */

#ifndef ARROW_C_DATA_INTERFACE
#define ARROW_C_DATA_INTERFACE

#define ARROW_FLAG_DICTIONARY_ORDERED 1
#define ARROW_FLAG_NULLABLE 2
#define ARROW_FLAG_MAP_KEYS_SORTED 4

struct ArrowSchema {
  const char          *format;
  const char          *name;
  const char          *metadata;
  int64_t              flags;
  int64_t              n_children;
  struct ArrowSchema **children;
  struct ArrowSchema  *dictionary;
  void (*release)(struct ArrowSchema *);
  void *private_data;
};

struct ArrowArray {
  int64_t             length;
  int64_t             null_count;
  int64_t             offset;
  int64_t             n_buffers;
  int64_t             n_children;
  const void        **buffers;
  struct ArrowArray **children;
  struct ArrowArray  *dictionary;
  void (*release)(struct ArrowArray *);
  void *private_data;
};

#endif /* ARROW_C_DATA_INTERFACE */

#ifndef ARROW_C_STREAM_INTERFACE
#define ARROW_C_STREAM_INTERFACE

struct ArrowArrayStream {
  int (*get_schema)(struct ArrowArrayStream *, struct ArrowSchema *);
  int (*get_next)(struct ArrowArrayStream *, struct ArrowArray *);
  const char *(*get_last_error)(struct ArrowArrayStream *);
  void (*release)(struct ArrowArrayStream *);
  void *private_data;
};

#endif /* ARROW_C_STREAM_INTERFACE */

/**
 * Mark a schema, and all that it is made of, as released.
 *
 * Frees nothing. It is a `release` for a producer who keeps the memory himself: he
 * sets it in the struct, its children and its dictionary before he gives the struct
 * away, and frees the memory when `release` is NULL, or when the call that took the
 * struct says that it may be. Managed languages need no callback of their own then.
 * A child with another `release` is released with that.
 *
 * @param schema  borrowed; NULL does nothing
 *
 * Threads: any, one at a time.
 * Blocks:  never.
 * Since:   0.1
 * See:     blobferry_array_release_borrowed, blobferry_table_import
 */
BLOBFERRY_API void blobferry_schema_release_borrowed(struct ArrowSchema *schema);

/**
 * Mark an array, and all that it is made of, as released.
 *
 * As blobferry_schema_release_borrowed.
 *
 * @param array  borrowed; NULL does nothing
 *
 * Threads: any, one at a time.
 * Blocks:  never.
 * Since:   0.1
 * See:     blobferry_schema_release_borrowed, blobferry_table_import
 */
BLOBFERRY_API void blobferry_array_release_borrowed(struct ArrowArray *array);

#endif /* BLOBFERRY_ARROW_H */
