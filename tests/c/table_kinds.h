/*
 * Kinds of structs that are not what the interface asks for, and what is said of them; and some that look wrong and are
 * right. Each is made from a column that is right, by one change.
 */
#ifndef TESTS_C_TABLE_KINDS_H
#define TESTS_C_TABLE_KINDS_H

#include "table_columns.h"

typedef struct kind {
  const char *name;
  void (*column)(given_t *g);
  void (*change)(given_t *g);
  /* What the message says; NULL: it is accepted. */
  const char *part;
  /* OF_STRUCT: found even where values are believed. OF_VALUE: only where they are not. */
  enum { OF_STRUCT, OF_VALUE } of;
} kind_t;

/* -- changes to a schema ------------------------------------------------------------------------------------------- */

#define CHANGE(name, ...) \
  static void name(given_t *g) { __VA_ARGS__; }

CHANGE(nothing, (void)g)
CHANGE(schema_released, g->root_schema->release = NULL)
CHANGE(schema_child_released, g->s->release = NULL)
CHANGE(schema_dictionary_released, g->s->dictionary->release = NULL)
CHANGE(schema_grandchild_released, g->s->children[0]->release = NULL)
CHANGE(format_null, g->s->format = NULL)
CHANGE(format_of_root_null, g->root_schema->format = NULL)
CHANGE(format_not_utf8, g->s->format = "l\xff")
CHANGE(format_empty, g->s->format = "")
CHANGE(format_unknown, g->s->format = "q")
CHANGE(format_unknown_nested, g->s->format = "+q")
CHANGE(format_with_rest, g->s->format = "ll")
CHANGE(name_null, g->s->name = NULL)
CHANGE(name_not_utf8, g->s->name = "\xc3")
CHANGE(schema_n_children_negative, g->root_schema->n_children = -1)
CHANGE(schema_n_children_huge, g->root_schema->n_children = INT64_C(1) << 40)
CHANGE(schema_children_null, g->root_schema->children = NULL)
CHANGE(schema_child_null, g->root_schema->children[0] = NULL)
CHANGE(schema_children_of_int, g->s->n_children = 1; g->s->children = tree_take(&g->tree, 8);
       g->s->children[0] = new_schema(&g->tree, "l", "y", 0))
CHANGE(schema_no_child, g->s->n_children = 0)
CHANGE(root_is_int, g->root_schema->format = "l"; g->root_schema->n_children = 0)
CHANGE(root_is_list, g->root_schema->format = "+l")
CHANGE(schema_contains_itself, g->root_schema->children[0] = g->root_schema)
CHANGE(schema_dictionary_is_itself, g->s->dictionary = g->s)
CHANGE(schema_twice_itself,
       g->s->format = "+s"; g->s->n_children = 2; g->s->children = tree_take(&g->tree, 16);
       g->s->children[0] = g->s->children[1] = g->s)
CHANGE(dictionary_of_floats, g->s->format = "f")
CHANGE(width_negative, g->s->format = "w:-1")
CHANGE(width_none, g->s->format = "w:")
CHANGE(width_no_number, g->s->format = "w:x")
CHANGE(width_too_large, g->s->format = "w:99999999999")
CHANGE(list_size_negative, g->s->format = "+w:-1")
CHANGE(list_size_no_number, g->s->format = "+w:")
CHANGE(precision_99, g->s->format = "d:99,2")
CHANGE(precision_0, g->s->format = "d:0,0")
CHANGE(precision_39, g->s->format = "d:39,2")
CHANGE(precision_10_of_32, g->s->format = "d:10,2,32")
CHANGE(precision_alone, g->s->format = "d:5")
CHANGE(precision_negative, g->s->format = "d:-5,2")
CHANGE(scale_over_precision, g->s->format = "d:5,9")
CHANGE(decimal_of_96_bits, g->s->format = "d:5,2,96")
CHANGE(zone_unknown, g->s->format = "tsn:Nowhere/Land")
CHANGE(zone_of_99_hours, g->s->format = "tsn:+99:99")
CHANGE(zone_not_utf8, g->s->format = "tsn:\xff")
CHANGE(unit_unknown, g->s->format = "tsx:")
CHANGE(map_of_ints, g->s->children[0]->format = "i"; g->s->children[0]->n_children = 0)
CHANGE(map_without_values, g->s->children[0]->n_children = 1)
CHANGE(runs_of_one_child, g->s->n_children = 1)
CHANGE(runs_with_text_ends, g->s->children[0]->format = "u")
CHANGE(runs_with_byte_ends, g->s->children[0]->format = "c")
CHANGE(union_ids_fewer, g->s->format = "+ud:3")
CHANGE(union_ids_equal, g->s->format = "+ud:3,3")
CHANGE(union_ids_negative, g->s->format = "+ud:-1,5")
CHANGE(union_ids_too_large, g->s->format = "+ud:3,128")
CHANGE(union_ids_no_number, g->s->format = "+ud:a,b")
CHANGE(union_of_no_mode, g->s->format = "+ux:3,5")
CHANGE(union_of_nothing, g->s->format = "+ud:"; g->s->n_children = 0)
CHANGE(metadata_count_negative, g->s->metadata = VALUES(&g->tree, int32_t, -1))
CHANGE(metadata_key_negative, g->s->metadata = VALUES(&g->tree, int32_t, 1, -1))
CHANGE(metadata_value_negative, g->s->metadata = VALUES(&g->tree, int32_t, 1, 0, -1))
CHANGE(metadata_not_utf8, g->s->metadata = VALUES(&g->tree, int32_t, 1, 4, -1, 0))
CHANGE(metadata_right, g->s->metadata = VALUES(&g->tree, int32_t, 1, 0, 0))

static void format_too_long(given_t *g) {
  char *format = tree_take(&g->tree, 70000);
  memset(format, 'l', 69999);
  g->s->format = format;
}

static void name_too_long(given_t *g) {
  format_too_long(g);
  g->s->name = g->s->format;
  g->s->format = "l";
}

static void too_many_fields(given_t *g) {
  struct ArrowSchema **children = tree_take(&g->tree, 65536 * sizeof *children);
  for (int i = 0; i < 65536; i++) children[i] = g->s;
  g->root_schema->n_children = 65536;
  g->root_schema->children = children;
}

/* Lists of lists, the column among them, to this depth of the whole. */
static void nest(given_t *g, int depth) {
  struct ArrowSchema *schema = new_schema(&g->tree, "i", "item", 0);
  struct ArrowArray  *array = new_array(&g->tree, 0, BUFFERS(NULL, NULL), 0);
  for (int i = 1; i < depth; i++) {
    schema = new_schema(&g->tree, "+l", "item", 1, schema);
    array = new_array(&g->tree, 0, BUFFERS(NULL, NULL), 1, array);
  }
  set_column(g, schema, array);
}

CHANGE(nested_64, nest(g, 64))
CHANGE(nested_65, nest(g, 65))
CHANGE(nested_100000, nest(g, 100000))

/* -- changes to an array ------------------------------------------------------------------------------------------- */

static void set_buffer(struct ArrowArray *array, int index, const void *buffer) { array->buffers[index] = buffer; }

CHANGE(array_released, g->root->release = NULL)
CHANGE(array_child_released, g->a->release = NULL)
CHANGE(array_dictionary_released, g->a->dictionary->release = NULL; g->a->dictionary->buffers = (void *)16)
CHANGE(array_grandchild_released, g->a->children[0]->release = NULL; g->a->children[0]->buffers = (void *)16)
CHANGE(length_minus_1, g->a->length = -1)
CHANGE(length_minus_2, g->a->length = -2)
CHANGE(length_of_root_minus_1, g->root->length = -1)
CHANGE(length_least, g->a->length = INT64_MIN)
CHANGE(length_of_child_short, g->a->length = 3)
CHANGE(length_too_large, g->a->length = INT64_MAX)
CHANGE(length_times_width_too_large, g->a->length = INT64_C(1) << 61)
CHANGE(offset_negative, g->a->offset = -1)
CHANGE(offset_of_root_negative, g->root->offset = -1)
CHANGE(offset_plus_length_too_large, g->a->offset = INT64_MAX)
CHANGE(offset_of_root_beyond, g->root->offset = 1)
CHANGE(null_count_minus_2, g->a->null_count = -2)
CHANGE(null_count_over_length, g->a->null_count = g->a->length + 1)
CHANGE(null_count_without_bitmap, g->a->null_count = 3)
CHANGE(null_count_0_and_nulls, g->a->null_count = 0; set_buffer(g->a, 0, VALUES(&g->tree, uint8_t, 5)))
CHANGE(null_count_4_and_nulls, g->a->null_count = 4; set_buffer(g->a, 0, VALUES(&g->tree, uint8_t, 5)))
CHANGE(root_has_nulls, set_buffer(g->root, 0, VALUES(&g->tree, uint8_t, 5)))
CHANGE(root_has_null_count, g->root->null_count = 1)
CHANGE(root_has_bitmap, set_buffer(g->root, 0, VALUES(&g->tree, uint8_t, 255)))
CHANGE(nulls_where_none_may_be, g->s->flags = 0; set_buffer(g->a, 0, VALUES(&g->tree, uint8_t, 5)))
CHANGE(nested_nulls_where_none_may_be, g->s->children[0]->flags = 0;
       set_buffer(g->a->children[0], 0, VALUES(&g->tree, uint8_t, 5)))
CHANGE(n_buffers_negative, g->a->n_buffers = -1)
CHANGE(n_buffers_fewer, g->a->n_buffers--)
CHANGE(n_buffers_more, g->a->n_buffers++)
CHANGE(n_buffers_2, g->a->n_buffers = 2)
CHANGE(n_buffers_huge, g->a->n_buffers = INT64_MAX)
CHANGE(n_buffers_of_root_0, g->root->n_buffers = 0)
CHANGE(buffers_null, g->a->buffers = NULL)
CHANGE(buffers_of_root_null, g->root->buffers = NULL)
CHANGE(buffer_0_null, set_buffer(g->a, 0, NULL))
CHANGE(buffer_1_null, set_buffer(g->a, 1, NULL))
CHANGE(buffer_2_null, set_buffer(g->a, 2, NULL))
CHANGE(buffer_3_null, set_buffer(g->a, 3, NULL))
CHANGE(array_n_children_negative, g->root->n_children = -1)
CHANGE(array_n_children_fewer, g->root->n_children = 0)
CHANGE(array_n_children_more, g->root->n_children = 2)
CHANGE(array_children_null, g->root->children = NULL)
CHANGE(array_child_null, g->root->children[0] = NULL)
CHANGE(array_no_grandchild, g->a->n_children = 0)
CHANGE(array_contains_itself, g->root->children[0] = g->root)
CHANGE(array_children_of_int, g->a->n_children = 1)
CHANGE(dictionary_missing, g->a->dictionary = NULL)
CHANGE(dictionary_unasked, g->a->dictionary = four_ints(g))
CHANGE(dictionary_is_the_array, g->a->dictionary = g->a)
CHANGE(offsets_begin_negative, set_buffer(g->a, 1, VALUES(&g->tree, int32_t, -1, 0, 0, 0)))
CHANGE(offsets_end_negative, set_buffer(g->a, 1, VALUES(&g->tree, int32_t, 0, 0, 0, -4)))
CHANGE(offsets_fall, set_buffer(g->a, 1, VALUES(&g->tree, int32_t, 0, 4, 2, 4)))
CHANGE(offsets_rise_and_fall, set_buffer(g->a, 1, VALUES(&g->tree, int32_t, 0, 900, 2, 4)))
CHANGE(offsets_beyond, set_buffer(g->a, 1, VALUES(&g->tree, int32_t, 0, 2, 4, 5)))
CHANGE(large_offsets_negative, set_buffer(g->a, 1, VALUES(&g->tree, int64_t, INT64_MIN, 1, 3)))
CHANGE(large_offsets_fall, set_buffer(g->a, 1, VALUES(&g->tree, int64_t, 0, 3, 2)))
CHANGE(large_offsets_huge, set_buffer(g->a, 1, VALUES(&g->tree, int64_t, 0, 1, INT64_MAX)))
CHANGE(text_not_utf8, set_buffer(g->a, 2, TEXT_BYTES(&g->tree, "\xc3\xa9\xffndrie!")))
CHANGE(text_cut_in_a_character, set_buffer(g->a, 1, VALUES(&g->tree, int32_t, 0, 3, 5, 9)))
CHANGE(text_ends_in_a_character, set_buffer(g->a, 1, VALUES(&g->tree, int32_t, 0, 0, 0, 3)))
CHANGE(view_size_negative, set_buffer(g->a, 3, VALUES(&g->tree, int64_t, -1)))
CHANGE(view_size_least, set_buffer(g->a, 3, VALUES(&g->tree, int64_t, INT64_MIN)))
CHANGE(view_bytes_fewer, set_buffer(g->a, 3, VALUES(&g->tree, int64_t, 16)))

static uint8_t *view(given_t *g, int row) { return (uint8_t *)g->a->buffers[1] + row * 16; }

CHANGE(view_of_no_buffer, view(g, 1)[8] = 1)
CHANGE(view_of_negative_buffer, memset(view(g, 1) + 8, 0xff, 4))
CHANGE(view_offset_beyond, view(g, 1)[12] = 2)
CHANGE(view_offset_negative, memset(view(g, 1) + 12, 0xff, 4))
CHANGE(view_length_negative, memset(view(g, 1), 0xff, 4))
CHANGE(view_prefix_differs, view(g, 1)[4] = 'Z')
CHANGE(view_padding, view(g, 0)[15] = 1)
CHANGE(view_not_utf8_inside, view(g, 0)[4] = 0xff)
CHANGE(view_not_utf8_outside, ((uint8_t *)g->a->buffers[2])[8] = 0xff)
CHANGE(list_view_beyond, set_buffer(g->a, 1, VALUES(&g->tree, int32_t, 3, 0)))
CHANGE(list_view_size_negative, set_buffer(g->a, 2, VALUES(&g->tree, int32_t, -1, 0)))
CHANGE(list_view_offset_negative, set_buffer(g->a, 1, VALUES(&g->tree, int32_t, -1, 0)))
CHANGE(grandchild_shorter, g->a->children[0]->length = 3)
CHANGE(grandchild_longer, g->a->children[0]->length = 5)
CHANGE(map_key_null, set_buffer(g->a->children[0]->children[0], 0, VALUES(&g->tree, uint8_t, 5)))
CHANGE(map_entry_null, set_buffer(g->a->children[0], 0, VALUES(&g->tree, uint8_t, 5)))
CHANGE(map_offsets_beyond, set_buffer(g->a, 1, VALUES(&g->tree, int32_t, 0, 1, 5)))
CHANGE(run_ends_equal, set_buffer(g->a->children[0], 1, VALUES(&g->tree, int32_t, 5, 5)))
CHANGE(run_ends_fall, set_buffer(g->a->children[0], 1, VALUES(&g->tree, int32_t, 6, 5)))
CHANGE(run_ends_0, set_buffer(g->a->children[0], 1, VALUES(&g->tree, int32_t, 0, 5)))
CHANGE(run_ends_negative, set_buffer(g->a->children[0], 1, VALUES(&g->tree, int32_t, -1, 5)))
CHANGE(run_ends_short, set_buffer(g->a->children[0], 1, VALUES(&g->tree, int32_t, 2, 4)))
CHANGE(run_ends_null, set_buffer(g->a->children[0], 0, VALUES(&g->tree, uint8_t, 1)))
CHANGE(run_values_fewer, g->a->children[1]->length = 1)
CHANGE(runs_with_a_buffer, g->a->n_buffers = 1)
CHANGE(union_id_unknown, set_buffer(g->a, 0, VALUES(&g->tree, int8_t, 3, 4, 3)))
CHANGE(union_id_negative, set_buffer(g->a, 0, VALUES(&g->tree, int8_t, 3, -128, 3)))
CHANGE(union_offset_beyond, set_buffer(g->a, 1, VALUES(&g->tree, int32_t, 0, 4, 1)))
CHANGE(union_offset_negative, set_buffer(g->a, 1, VALUES(&g->tree, int32_t, 0, -1, 1)))
CHANGE(union_with_validity, g->a->n_buffers = 3)
CHANGE(index_beyond, set_buffer(g->a, 1, VALUES(&g->tree, int8_t, 0, 1, 2)))
CHANGE(index_negative, set_buffer(g->a, 1, VALUES(&g->tree, int8_t, 0, -1, 1)))
CHANGE(index_beyond_in_a_null, set_buffer(g->a, 1, VALUES(&g->tree, int8_t, 0, -1, 1));
       set_buffer(g->a, 0, VALUES(&g->tree, uint8_t, 5)))
CHANGE(decimal_too_large, set_buffer(g->a, 1, VALUES(&g->tree, int64_t, 999, 0, 1000, 0)))
CHANGE(decimal_too_small, set_buffer(g->a, 1, VALUES(&g->tree, int64_t, -1000, -1, 1, 0)))
CHANGE(decimal_in_a_null_too_large, decimal_too_large(g); set_buffer(g->a, 0, VALUES(&g->tree, uint8_t, 1)))
CHANGE(decimal32_too_large, set_buffer(g->a, 1, VALUES(&g->tree, int32_t, 1000, 0)))
CHANGE(decimal64_too_large, set_buffer(g->a, 1, VALUES(&g->tree, int64_t, 0, 1000)))
CHANGE(decimal256_too_large, set_buffer(g->a, 1, VALUES(&g->tree, uint64_t, 0, 0, 1, 0, 0, 0, 0, 0)))

static void empty(given_t *g) {
  g->a->length = g->root->length = 0;
  for (int64_t i = 0; i < g->a->n_buffers; i++) set_buffer(g->a, (int)i, NULL);
}

CHANGE(no_bytes_each, g->s->format = "w:0"; set_buffer(g->a, 1, NULL))
CHANGE(lists_of_nothing, g->s->format = "+w:0")
CHANGE(empty_behind_an_offset, empty(g); g->a->offset = 1)
CHANGE(empty_dictionary, empty(g); g->a->dictionary->length = 0; set_buffer(g->a->dictionary, 1, NULL);
       set_buffer(g->a->dictionary, 2, NULL))

static void view_without_buffers(given_t *g) {
  g->a->length = g->root->length = 1;
  g->a->n_buffers = 3;
  set_buffer(g->a, 2, NULL);
}

#endif
