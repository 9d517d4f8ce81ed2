/*
 * A column of each type that the Arrow interface has, made by hand, with values that are right.
 */
#ifndef TESTS_C_TABLE_COLUMNS_H
#define TESTS_C_TABLE_COLUMNS_H

#include "arrow_structs.h"

static inline void fixed_column(given_t *g, const char *format, int64_t length, const void *values) {
  set_column(g, new_schema(&g->tree, format, "x", 0), new_array(&g->tree, length, BUFFERS(NULL, values), 0));
}

static inline void large_text_column(given_t *g) {
  set_column(g, new_schema(&g->tree, "U", "x", 0),
             new_array(&g->tree, 2, BUFFERS(NULL, VALUES(&g->tree, int64_t, 0, 1, 3), TEXT_BYTES(&g->tree, "abc")), 0));
}

/* "kort", and 16 bytes that begin at the second of a buffer. */
static inline void view_column(given_t *g) {
  struct { int32_t size; char inside[12]; } inside = {4, "kort"};
  struct { int32_t size; char prefix[4]; int32_t buffer, offset; } outside = {16, {'z', 'e', 's', 't'}, 0, 1};
  uint8_t *views = tree_take(&g->tree, 32);
  memcpy(views, &inside, 16);
  memcpy(views + 16, &outside, 16);
  set_column(g, new_schema(&g->tree, "vu", "x", 0),
             new_array(&g->tree, 2,
                       BUFFERS(NULL, views, TEXT_BYTES(&g->tree, "-zestien letters!"), VALUES(&g->tree, int64_t, 17)),
                       0));
}

static inline struct ArrowArray *four_ints(given_t *g) {
  return new_array(&g->tree, 4, BUFFERS(NULL, VALUES(&g->tree, int32_t, 1, 2, 3, 4)), 0);
}

static inline void list_column(given_t *g) {
  set_column(g, new_schema(&g->tree, "+l", "x", 1, new_schema(&g->tree, "i", "item", 0)),
             new_array(&g->tree, 3, BUFFERS(NULL, VALUES(&g->tree, int32_t, 0, 2, 2, 4)), 1, four_ints(g)));
}

static inline void list_view_column(given_t *g) {
  set_column(g, new_schema(&g->tree, "+vl", "x", 1, new_schema(&g->tree, "i", "item", 0)),
             new_array(&g->tree, 2,
                       BUFFERS(NULL, VALUES(&g->tree, int32_t, 2, 0), VALUES(&g->tree, int32_t, 2, 3)), 1,
                       four_ints(g)));
}

static inline void fixed_list_column(given_t *g) {
  set_column(g, new_schema(&g->tree, "+w:2", "x", 1, new_schema(&g->tree, "i", "item", 0)),
             new_array(&g->tree, 2, BUFFERS(NULL), 1, four_ints(g)));
}

static inline void struct_column(given_t *g) {
  set_column(g, new_schema(&g->tree, "+s", "x", 1, new_schema(&g->tree, "i", "y", 0)),
             new_array(&g->tree, 4, BUFFERS(NULL), 1, four_ints(g)));
}

static inline void map_column(given_t *g) {
  struct ArrowSchema *entries = new_schema(&g->tree, "+s", "entries", 2, new_schema(&g->tree, "i", "key", 0),
                                           new_schema(&g->tree, "i", "value", 0));
  set_column(g, new_schema(&g->tree, "+m", "x", 1, entries),
             new_array(&g->tree, 2, BUFFERS(NULL, VALUES(&g->tree, int32_t, 0, 1, 4)), 1,
                       new_array(&g->tree, 4, BUFFERS(NULL), 2, four_ints(g), four_ints(g))));
}

static inline void run_column(given_t *g) {
  struct ArrowArray *ends = new_array(&g->tree, 2, BUFFERS(NULL, VALUES(&g->tree, int32_t, 2, 5)), 0);
  struct ArrowArray *values = new_array(&g->tree, 2, BUFFERS(NULL, VALUES(&g->tree, int32_t, 7, 8)), 0);
  set_column(g,
             new_schema(&g->tree, "+r", "x", 2, new_schema(&g->tree, "i", "run_ends", 0),
                        new_schema(&g->tree, "i", "values", 0)),
             new_array(&g->tree, 5, NO_BUFFERS, 2, ends, values));
}

static inline void dense_union_column(given_t *g) {
  set_column(g,
             new_schema(&g->tree, "+ud:3,5", "x", 2, new_schema(&g->tree, "i", "a", 0),
                        new_schema(&g->tree, "i", "b", 0)),
             new_array(&g->tree, 3, BUFFERS(VALUES(&g->tree, int8_t, 3, 5, 3), VALUES(&g->tree, int32_t, 0, 3, 1)), 2,
                       four_ints(g), four_ints(g)));
}

static inline void sparse_union_column(given_t *g) {
  set_column(g,
             new_schema(&g->tree, "+us:0,1", "x", 2, new_schema(&g->tree, "i", "a", 0),
                        new_schema(&g->tree, "i", "b", 0)),
             new_array(&g->tree, 4, BUFFERS(VALUES(&g->tree, int8_t, 0, 1, 1, 0)), 2, four_ints(g), four_ints(g)));
}

static inline void dictionary_column(given_t *g) {
  set_column(g, new_schema(&g->tree, "c", "x", 0),
             new_array(&g->tree, 3, BUFFERS(NULL, VALUES(&g->tree, int8_t, 0, 1, 1)), 0));
  g->s->dictionary = new_schema(&g->tree, "u", "", 0);
  g->a->dictionary =
      new_array(&g->tree, 2, BUFFERS(NULL, VALUES(&g->tree, int32_t, 0, 1, 2), TEXT_BYTES(&g->tree, "ab")), 0);
}

static inline void decimal_column(given_t *g) {
  fixed_column(g, "d:3,1", 2, VALUES(&g->tree, int64_t, 999, 0, -999, -1));
}
static inline void decimal32_column(given_t *g) {
  fixed_column(g, "d:3,1,32", 2, VALUES(&g->tree, int32_t, 999, -999));
}
static inline void decimal64_column(given_t *g) {
  fixed_column(g, "d:3,1,64", 2, VALUES(&g->tree, int64_t, 999, -999));
}
static inline void decimal256_column(given_t *g) {
  fixed_column(g, "d:3,1,256", 2, VALUES(&g->tree, int64_t, 999, 0, 0, 0, -999, -1, -1, -1));
}
static inline void timestamp_column(given_t *g) {
  fixed_column(g, "tsn:Europe/Amsterdam", 2, VALUES(&g->tree, int64_t, 1, 2));
}
static inline void bytes_column(given_t *g) { fixed_column(g, "w:2", 2, TEXT_BYTES(&g->tree, "abcd")); }
static inline void null_column(given_t *g) {
  set_column(g, new_schema(&g->tree, "n", "x", 0), new_array(&g->tree, 3, NO_BUFFERS, 0));
}

/* A buffer that does not begin where its values may. */
static inline void not_aligned(given_t *g) {
  uint8_t *bytes = tree_take(&g->tree, 33);
  memcpy(bytes + 1, g->a->buffers[1], 32);
  g->a->buffers[1] = bytes + 1;
}

#endif
