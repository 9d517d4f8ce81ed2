/*
 * Structs that are not what the Arrow interface asks for: each kind is an error that says what is wrong, and leaves the
 * structs as they were; or it looks wrong only, and is taken.
 */
#include "table_kinds.h"

#define WRONG(name, column, part) {#name " of " #column, column##_column, name, part, OF_STRUCT}
#define WRONG_VALUE(name, column, part) {#name " of " #column, column##_column, name, part, OF_VALUE}
#define RIGHT(name, column) {#name " of " #column, column##_column, name, NULL, OF_STRUCT}

static const kind_t schemas[] = {
    WRONG(schema_released, int64, "`schema`: the schema has been released"),
    WRONG(schema_child_released, int64, "`schema`, column \"[0]\": the schema has been released"),
    WRONG(schema_dictionary_released, dictionary, "has been released"),
    WRONG(schema_grandchild_released, list, "column \"[0].[0]\": the schema has been released"),
    WRONG(format_null, int64, "`format` is NULL"),
    WRONG(format_of_root_null, int64, "`schema`: the schema's `format` is NULL"),
    WRONG(format_not_utf8, int64, "`format` is not UTF-8"),
    WRONG(format_empty, int64, "the format \"\" is no type"),
    WRONG(format_unknown, int64, "the format \"q\" is no type"),
    WRONG(format_unknown_nested, list, "the format \"+q\" is no type"),
    WRONG(format_with_rest, int64, "the format \"ll\" is no type"),
    WRONG(format_too_long, int64, "`format` has more than 65536 bytes"),
    WRONG(name_not_utf8, int64, "`name` is not UTF-8"),
    WRONG(name_too_long, int64, "`name` has more than 65536 bytes"),
    WRONG(metadata_count_negative, int64, "count or size of -1"),
    WRONG(metadata_key_negative, int64, "count or size of -1"),
    WRONG(metadata_value_negative, int64, "count or size of -1"),
    WRONG(metadata_not_utf8, int64, "the metadata is not UTF-8"),
    WRONG(schema_n_children_negative, int64, "`n_children` is -1"),
    WRONG(schema_n_children_huge, int64, "1099511627776 children"),
    WRONG(schema_children_null, int64, "`children` is NULL"),
    WRONG(schema_child_null, int64, "the schema is NULL"),
    WRONG(schema_children_of_int, int64, "the format \"l\" has no children"),
    WRONG(root_is_int, int64, "a table is a struct"),
    WRONG(root_is_list, int64, "a table is a struct"),
    WRONG(schema_contains_itself, int64, "contains itself"),
    WRONG(schema_dictionary_is_itself, int64, "contains itself"),
    WRONG(schema_twice_itself, int64, "contains itself"),
    WRONG(nested_65, int64, "nested more than 64 deep"),
    WRONG(nested_100000, int64, "nested more than 64 deep"),
    WRONG(too_many_fields, int64, "more than 65536 fields"),
    WRONG(schema_no_child, list, "it has 1 children, and here are 0"),
    WRONG(schema_no_child, fixed_list, "it has 1 children, and here are 0"),
    WRONG(schema_no_child, map, "it has 1 children, and here are 0"),
    WRONG(schema_no_child, run, "it has 2 children, and here are 0"),
    WRONG(schema_no_child, dense_union, "2 type ids, and 0 children"),
    WRONG(dictionary_of_floats, dictionary, "the indices of a dictionary are integers"),
    WRONG(width_negative, bytes, "-1 bytes a value"),
    WRONG(width_none, bytes, "no type"),
    WRONG(width_no_number, bytes, "no type"),
    WRONG(width_too_large, bytes, "no type"),
    WRONG(list_size_negative, fixed_list, "the number of values in a list is not one"),
    WRONG(list_size_no_number, fixed_list, "the number of values in a list is not one"),
    WRONG(precision_99, decimal, "precision 99 is greater than max 38"),
    WRONG(precision_0, decimal, "precision cannot be 0"),
    WRONG(precision_39, decimal, "precision 39 is greater than max 38"),
    WRONG(precision_10_of_32, decimal, "precision 10 is greater than max 9"),
    WRONG(precision_alone, decimal, "no type"),
    WRONG(precision_negative, decimal, "no type"),
    WRONG(scale_over_precision, decimal, "scale 9 is greater than precision 5"),
    WRONG(decimal_of_96_bits, decimal, "no type"),
    WRONG(zone_unknown, timestamp, "Nowhere/Land"),
    WRONG(zone_of_99_hours, timestamp, "+99:99"),
    WRONG(zone_not_utf8, timestamp, "`format` is not UTF-8"),
    WRONG(unit_unknown, timestamp, "no type"),
    WRONG(map_of_ints, map, "the entries of a map are a struct of key and value"),
    WRONG(map_without_values, map, "the entries of a map are a struct of key and value"),
    WRONG(runs_of_one_child, run, "it has 2 children, and here are 1"),
    WRONG(runs_with_text_ends, run, "run ends are Int16, Int32 or Int64"),
    WRONG(runs_with_byte_ends, run, "run ends are Int16, Int32 or Int64"),
    WRONG(union_ids_fewer, dense_union, "1 type ids, and 2 children"),
    WRONG(union_ids_equal, dense_union, "duplicate type id: 3"),
    WRONG(union_ids_negative, dense_union, "must be non-negative"),
    WRONG(union_ids_too_large, dense_union, "numbers from 0 to 127"),
    WRONG(union_ids_no_number, dense_union, "numbers from 0 to 127"),
    WRONG(union_of_no_mode, dense_union, "a union is dense"),
    WRONG(union_of_nothing, dense_union, "numbers from 0 to 127"),
};

static const kind_t arrays[] = {
    WRONG(array_released, int64, "`array`: the array has been released"),
    WRONG(array_child_released, int64, "`array`, column \"x\": the array has been released"),
    WRONG(array_dictionary_released, dictionary, "column \"x.dictionary\": the array has been released"),
    WRONG(array_grandchild_released, list, "column \"x.item\": the array has been released"),
    WRONG(length_minus_1, int64, "`length` is -1"),
    WRONG(length_minus_1, text, "`length` is -1"),
    WRONG(length_minus_2, text, "`length` is -2"),
    WRONG(length_of_root_minus_1, int64, "`length` is -1"),
    WRONG(length_least, int64, "`length` is -9223372036854775808"),
    WRONG(length_of_child_short, int64, "child 0 has 3 rows, and 4 are wanted"),
    WRONG(length_too_large, int64, "too many"),
    WRONG(length_times_width_too_large, int64, "too many"),
    WRONG(offset_negative, int64, "`offset` is -1"),
    WRONG(offset_of_root_negative, int64, "`offset` is -1"),
    WRONG(offset_plus_length_too_large, int64, "too many"),
    WRONG(offset_of_root_beyond, int64, "child 0 has 4 rows, and 5 are wanted"),
    WRONG(null_count_minus_2, int64, "`null_count` is -2"),
    WRONG(null_count_over_length, int64, "`null_count` is 5"),
    WRONG(null_count_without_bitmap, int64, "`null_count` is 3, and no buffer tells which"),
    WRONG(root_has_nulls, int64, "2 rows are null as a whole"),
    WRONG(root_has_null_count, int64, "`null_count` is 1, and no buffer tells which"),
    WRONG(nulls_where_none_may_be, int64, "null"),
    WRONG_VALUE(nested_nulls_where_none_may_be, struct, "null"),
    WRONG_VALUE(nested_nulls_where_none_may_be, list, "null"),
    WRONG_VALUE(nested_nulls_where_none_may_be, fixed_list, "null"),
    WRONG(n_buffers_negative, int64, "`n_buffers` is -1"),
    WRONG(n_buffers_fewer, int64, "`n_buffers` is 1"),
    WRONG(n_buffers_more, int64, "`n_buffers` is 3"),
    WRONG(n_buffers_fewer, text, "`n_buffers` is 2"),
    WRONG(n_buffers_more, null, "`n_buffers` is 1"),
    WRONG(n_buffers_huge, view, "`n_buffers` is 9223372036854775807"),
    WRONG(n_buffers_of_root_0, int64, "`n_buffers` is 0"),
    WRONG(buffers_null, int64, "`buffers` is NULL"),
    WRONG(buffers_of_root_null, int64, "`buffers` is NULL"),
    WRONG(buffer_1_null, int64, "buffers[1] is NULL, and 32 bytes are wanted"),
    WRONG(buffer_1_null, text, "buffers[1] is NULL, and 16 bytes are wanted"),
    WRONG(buffer_2_null, text, "buffers[2] is NULL, and 9 bytes are wanted"),
    WRONG(buffer_1_null, list, "buffers[1] is NULL"),
    WRONG(buffer_2_null, list_view, "buffers[2] is NULL"),
    WRONG(buffer_0_null, dense_union, "buffers[0] is NULL"),
    WRONG(buffer_1_null, dense_union, "buffers[1] is NULL"),
    WRONG(buffer_1_null, decimal, "buffers[1] is NULL"),
    WRONG(buffer_1_null, dictionary, "buffers[1] is NULL"),
    WRONG(array_n_children_negative, int64, "`n_children` is -1"),
    WRONG(array_n_children_fewer, int64, "`n_children` is 0"),
    WRONG(array_n_children_more, int64, "`n_children` is 2"),
    WRONG(array_children_null, int64, "`children` is NULL"),
    WRONG(array_child_null, int64, "the array is NULL"),
    WRONG(array_children_of_int, int64, "`n_children` is 1"),
    WRONG(array_contains_itself, int64, "`n_buffers` is 1"),
    WRONG(array_no_grandchild, list, "`n_children` is 0"),
    WRONG(array_no_grandchild, run, "`n_children` is 0"),
    WRONG(array_no_grandchild, sparse_union, "`n_children` is 0"),
    WRONG(dictionary_missing, dictionary, "the array has no dictionary"),
    WRONG(dictionary_unasked, int64, "the array has a dictionary"),
    WRONG(dictionary_is_the_array, dictionary, "`n_buffers` is 2"),
    WRONG(offsets_begin_negative, text, "the offsets begin with -1"),
    WRONG(offsets_end_negative, text, "end with -4"),
    WRONG_VALUE(offsets_fall, list, "the offsets fall from 4 to 2 at row 1"),
    WRONG_VALUE(offsets_rise_and_fall, text, "the offsets fall from 900 to 2 at row 1"),
    WRONG(offsets_begin_negative, list, "the offsets begin with -1"),
    WRONG(offsets_beyond, list, "the offsets end with 5, and there are 4 values"),
    WRONG(large_offsets_negative, large_text, "the offsets begin with -9223372036854775808"),
    WRONG(large_offsets_huge, large_text, "more than memory has"),
    WRONG_VALUE(large_offsets_fall, large_text, "the offsets fall from 3 to 2"),
    WRONG_VALUE(text_not_utf8, text, "the text of row 0 is not UTF-8"),
    WRONG_VALUE(text_cut_in_a_character, text, "the text of row 0 is not UTF-8"),
    WRONG_VALUE(text_ends_in_a_character, text, "the text of row 2 is not UTF-8"),
    WRONG(buffer_3_null, view, "which has the sizes of the others, is NULL"),
    WRONG(buffer_2_null, view, "buffers[2] is NULL, and 17 bytes are wanted"),
    WRONG_VALUE(n_buffers_fewer, view, "the view of row 1"),
    WRONG(n_buffers_2, view, "`n_buffers` is 2"),
    WRONG(view_size_negative, view, "buffers[2] is said to have -1 bytes"),
    WRONG(view_size_least, view, "buffers[2] is said to have -9223372036854775808 bytes"),
    WRONG_VALUE(view_bytes_fewer, view, "the view of row 1 is of 16 bytes from 1 on in buffer 0"),
    WRONG_VALUE(view_of_no_buffer, view, "the view of row 1"),
    WRONG_VALUE(view_of_negative_buffer, view, "the view of row 1"),
    WRONG_VALUE(view_offset_beyond, view, "the view of row 1"),
    WRONG_VALUE(view_offset_negative, view, "the view of row 1"),
    WRONG_VALUE(view_length_negative, view, "the view of row 1"),
    WRONG_VALUE(view_prefix_differs, view, "does not repeat how its bytes begin"),
    WRONG_VALUE(view_padding, view, "has something behind its 4 bytes"),
    WRONG_VALUE(view_not_utf8_inside, view, "the text of row 0 is not UTF-8"),
    WRONG_VALUE(view_not_utf8_outside, view, "the text of row 1 is not UTF-8"),
    WRONG_VALUE(list_view_beyond, list_view, "the list of row 0"),
    WRONG_VALUE(list_view_size_negative, list_view, "the list of row 0"),
    WRONG_VALUE(list_view_offset_negative, list_view, "the list of row 0"),
    WRONG(grandchild_shorter, fixed_list, "child 0 has 3 rows, and 4 are wanted"),
    WRONG(grandchild_shorter, struct, "child 0 has 3 rows, and 4 are wanted"),
    WRONG(grandchild_shorter, sparse_union, "child 0 has 3 rows, and 4 are wanted"),
    WRONG_VALUE(map_key_null, map, "null"),
    WRONG_VALUE(map_entry_null, map, "null"),
    WRONG(map_offsets_beyond, map, "the offsets end with 5, and there are 4 values"),
    WRONG(run_ends_equal, run, "the end of run 1 is 5"),
    WRONG(run_ends_fall, run, "the end of run 1 is 5"),
    WRONG(run_ends_0, run, "the end of run 0 is 0"),
    WRONG(run_ends_negative, run, "the end of run 0 is -1"),
    WRONG(run_ends_short, run, "the runs end at 4, and there are 5 rows"),
    WRONG(run_ends_null, run, "a run end is null"),
    WRONG(run_values_fewer, run, "2 run ends and 1 values"),
    WRONG(runs_with_a_buffer, run, "`n_buffers` is 1"),
    WRONG_VALUE(union_id_unknown, dense_union, "the type id of row 1 is 4"),
    WRONG_VALUE(union_id_negative, dense_union, "the type id of row 1 is -128"),
    WRONG_VALUE(union_offset_beyond, dense_union, "the offset of row 1 is 4"),
    WRONG_VALUE(union_offset_negative, dense_union, "the offset of row 1 is -1"),
    WRONG(union_with_validity, dense_union, "`n_buffers` is 3"),
    WRONG_VALUE(index_beyond, dictionary, "the index of row 2 is 2, and the dictionary has 2 values"),
    WRONG_VALUE(index_negative, dictionary, "the index of row 1 is -1"),
    WRONG_VALUE(decimal_too_large, decimal, "the decimal of row 1, 1000 without its point"),
    WRONG_VALUE(decimal_too_small, decimal, "the decimal of row 0, -1000 without its point"),
    WRONG_VALUE(decimal32_too_large, decimal32, "the decimal of row 0"),
    WRONG_VALUE(decimal64_too_large, decimal64, "the decimal of row 1"),
    WRONG_VALUE(decimal256_too_large, decimal256, "the decimal of row 0"),
    WRONG(empty_behind_an_offset, text, "buffers[1] is NULL"),
};

static const kind_t legal[] = {
    RIGHT(nothing, int64),
    RIGHT(nothing, text),
    RIGHT(nothing, large_text),
    RIGHT(nothing, view),
    RIGHT(nothing, list),
    RIGHT(nothing, list_view),
    RIGHT(nothing, fixed_list),
    RIGHT(nothing, struct),
    RIGHT(nothing, map),
    RIGHT(nothing, run),
    RIGHT(nothing, dense_union),
    RIGHT(nothing, sparse_union),
    RIGHT(nothing, dictionary),
    RIGHT(nothing, decimal),
    RIGHT(nothing, decimal32),
    RIGHT(nothing, decimal64),
    RIGHT(nothing, decimal256),
    RIGHT(nothing, timestamp),
    RIGHT(nothing, bytes),
    RIGHT(nothing, null),
    RIGHT(name_null, int64),
    RIGHT(metadata_right, int64),
    RIGHT(nested_64, int64),
    RIGHT(null_count_0_and_nulls, int64),
    RIGHT(null_count_4_and_nulls, int64),
    RIGHT(root_has_bitmap, int64),
    RIGHT(grandchild_longer, list),
    RIGHT(index_beyond_in_a_null, dictionary),
    RIGHT(decimal_in_a_null_too_large, decimal),
    RIGHT(view_without_buffers, view),
    RIGHT(not_aligned, int64),
    RIGHT(empty, int64),
    RIGHT(empty, text),
    RIGHT(empty, large_text),
    RIGHT(empty, list),
    RIGHT(empty, list_view),
    RIGHT(empty, fixed_list),
    RIGHT(empty, struct),
    RIGHT(empty, map),
    RIGHT(empty, dense_union),
    RIGHT(empty, sparse_union),
    RIGHT(empty, decimal),
    RIGHT(empty, view),
    RIGHT(empty, run),
    RIGHT(empty, bytes),
    RIGHT(empty, null),
    RIGHT(empty_dictionary, dictionary),
    RIGHT(no_bytes_each, bytes),
    RIGHT(lists_of_nothing, fixed_list),
};

/* -- one kind ---------------------------------------------------------------------------------------------------- */

static void check_kind(blobferry_service_t *service, const kind_t *kind, uint32_t flags) {
  given_t            g = {0};
  blobferry_table_t *table = (void *)1;
  blobferry_error_t *error = NULL;
  int                failures = atomic_load(&failures_in_test);
  kind->column(&g);
  kind->change(&g);
  struct ArrowSchema schema = *g.root_schema;
  struct ArrowArray  array = *g.root;
  blobferry_status_t status = import_with(service, &g, flags, &table, &error);
  if (kind->part != NULL) {
    CHECK(status == BLOBFERRY_E_ARGUMENT || status == BLOBFERRY_E_UNSUPPORTED);
    check_error(error, status, kind->part);
    CHECK(table == (void *)1);
    CHECK(memcmp(&schema, g.root_schema, sizeof schema) == 0);
    CHECK(memcmp(&array, g.root, sizeof array) == 0);
    CHECK_INT(atomic_load(&g.tree.schemas_released), 0);
    CHECK_INT(atomic_load(&g.tree.arrays_released), 0);
  } else if (status != BLOBFERRY_OK) {
    FAIL("refused: %s", blobferry_error_message(error));
    blobferry_error_free(error);
  } else {
    CHECK_INT(blobferry_table_rows(table), array.length);
    CHECK(g.root_schema->release == NULL && g.root->release == NULL);
    blobferry_table_free(table);
    CHECK_INT(atomic_load(&g.tree.schemas_released), 1);
    CHECK_INT(atomic_load(&g.tree.arrays_released), 1);
  }
  if (atomic_load(&failures_in_test) != failures) FAIL("^ that was %s, with flags %u", kind->name, flags);
  tree_free(&g.tree);
}

static void check_kinds(const kind_t *kinds, size_t count) {
  blobferry_service_t *service = new_service();
  for (size_t i = 0; i < count; i++) {
    check_kind(service, &kinds[i], 0);
    if (kinds[i].of == OF_STRUCT) check_kind(service, &kinds[i], BLOBFERRY_IMPORT_TRUSTED);
  }
  blobferry_service_free(service);
}

#define COUNT(kinds) (sizeof(kinds) / sizeof((kinds)[0]))

static void schemas_that_are_wrong_are_refused(void) { check_kinds(schemas, COUNT(schemas)); }
static void arrays_that_are_wrong_are_refused(void) { check_kinds(arrays, COUNT(arrays)); }
static void what_is_legal_is_taken(void) { check_kinds(legal, COUNT(legal)); }

/* -- what a kind alone does not show ----------------------------------------------------------------------------- */

static void nulls_are_counted_whatever_the_struct_says(void) {
  blobferry_service_t *service = new_service();
  given_t              g = {0};
  struct ArrowArray    out;
  int64_column(&g);
  null_count_0_and_nulls(&g);
  blobferry_table_t *table = must_import(service, &g, BLOBFERRY_IMPORT_TRUSTED);
  must(blobferry_table_export_chunk(table, 0, NULL, &out, NULL), NULL, "export");
  CHECK_INT(out.children[0]->null_count, 2);
  CHECK_INT(*(const uint8_t *)out.children[0]->buffers[0] & 0xf, 5);
  out.release(&out);
  blobferry_table_free(table);
  blobferry_service_free(service);
  tree_free(&g.tree);
}

static void what_is_not_aligned_is_copied_and_counted(void) {
  blobferry_service_t *service = new_service();
  given_t              g = {0};
  struct ArrowArray    out;
  int64_column(&g);
  const int64_t *before = g.a->buffers[1];
  not_aligned(&g);
  blobferry_table_t *table = must_import(service, &g, 0);
  CHECK_INT(blobferry_table_copied_buffers(table), 1);
  /* Nothing refers to the producer's memory any more. */
  CHECK_INT(atomic_load(&g.tree.arrays_released), 1);
  must(blobferry_table_export_chunk(table, 0, NULL, &out, NULL), NULL, "export");
  CHECK(memcmp(out.children[0]->buffers[1], before, 32) == 0);
  out.release(&out);
  blobferry_table_free(table);
  blobferry_service_free(service);
  tree_free(&g.tree);
}

static void one_wrong_chunk_leaves_all_of_them(void) {
  blobferry_service_t *service = new_service();
  given_t              g = {0}, other = {0};
  struct ArrowArray    both[2];
  blobferry_table_t   *table = NULL;
  blobferry_error_t   *error = NULL;
  int64_column(&g);
  int64_column(&other);
  length_minus_1(&other);
  both[0] = *g.root;
  both[1] = *other.root;
  CHECK_STATUS(blobferry_table_import(service, g.root_schema, both, 2, NULL, &table, &error), BLOBFERRY_E_ARGUMENT);
  check_error(error, BLOBFERRY_E_ARGUMENT, "`arrays[1]`, column \"x\": the array's `length` is -1");
  CHECK(both[0].release != NULL && both[1].release != NULL && g.root_schema->release != NULL);
  CHECK_INT(atomic_load(&g.tree.arrays_released) + atomic_load(&g.tree.schemas_released), 0);
  other.a->length = 4;
  CHECK_STATUS(blobferry_table_import(service, g.root_schema, both, 2, NULL, &table, NULL), BLOBFERRY_OK);
  CHECK(both[0].release == NULL && both[1].release == NULL && g.root_schema->release == NULL);
  CHECK_INT(blobferry_table_rows(table), 8);
  CHECK_INT(blobferry_table_chunks(table), 2);
  blobferry_table_free(table);
  CHECK_INT(atomic_load(&g.tree.arrays_released), 1);
  CHECK_INT(atomic_load(&other.tree.arrays_released), 1);
  blobferry_service_free(service);
  tree_free(&g.tree);
  tree_free(&other.tree);
}

TESTS(TEST(schemas_that_are_wrong_are_refused), TEST(arrays_that_are_wrong_are_refused), TEST(what_is_legal_is_taken),
      TEST(nulls_are_counted_whatever_the_struct_says), TEST(what_is_not_aligned_is_copied_and_counted),
      TEST(one_wrong_chunk_leaves_all_of_them))
