//! What a file tells of its columns, as a table.

use super::footer::leaves;
use crate::tabular::scalar::Scalars;
use arrow_array::builder::{BooleanBuilder, StringBuilder, UInt32Builder, UInt64Builder};
use arrow_array::{ArrayRef, RecordBatch};
use arrow_schema::{DataType, FieldRef, Schema};
use parquet::arrow::arrow_reader::statistics::StatisticsConverter;
use parquet::file::metadata::{ParquetMetaData, RowGroupMetaData};
use std::sync::Arc;

/// Rows that the table may have: more are not looked through when a file is opened.
const MOST_ROWS: usize = 100_000;

/// The table: a row for each row group and column. None: the file tells nothing that can be shown.
pub(super) fn of(metadata: &ParquetMetaData, schema: &Schema) -> Option<RecordBatch> {
    let descriptor = metadata.file_metadata().schema_descr();
    let (groups, columns) = (metadata.row_groups(), descriptor.num_columns());
    let fields = leaves(schema.fields());
    if fields.len() != columns || groups.len().checked_mul(columns)? > MOST_ROWS {
        return None;
    }
    let bounds: Vec<Option<Bounds>> =
        fields.iter().enumerate().map(|(leaf, field)| Bounds::of(metadata, field, leaf)).collect();
    let mut table = Table::default();
    for (index, group) in groups.iter().enumerate() {
        for (leaf, bounds) in bounds.iter().enumerate() {
            table.push(index, group, leaf, bounds.as_ref());
        }
    }
    table.finish()
}

/// The least and the greatest value of a column in each row group.
struct Bounds {
    mins: ArrayRef,
    maxes: ArrayRef,
}

impl Bounds {
    fn of(metadata: &ParquetMetaData, field: &FieldRef, leaf: usize) -> Option<Bounds> {
        let descriptor = metadata.file_metadata().schema_descr();
        let values = match field.data_type() {
            DataType::Dictionary(_, values) => Arc::new(field.as_ref().clone().with_data_type(values.as_ref().clone())),
            _ => field.clone(),
        };
        let converter = StatisticsConverter::from_column_index(leaf, &values, descriptor).ok()?;
        let mins = converter.row_group_mins(metadata.row_groups()).ok()?;
        let maxes = converter.row_group_maxes(metadata.row_groups()).ok()?;
        let count = metadata.num_row_groups();
        (mins.len() == count && maxes.len() == count).then_some(Bounds { mins, maxes })
    }
}

#[derive(Default)]
struct Table {
    row_group: UInt32Builder,
    column: StringBuilder,
    rows: UInt64Builder,
    compressed_size: UInt64Builder,
    uncompressed_size: UInt64Builder,
    null_count: UInt64Builder,
    distinct_count: UInt64Builder,
    min: StringBuilder,
    max: StringBuilder,
    is_exact: BooleanBuilder,
    has_bloom_filter: BooleanBuilder,
}

impl Table {
    fn push(&mut self, index: usize, group: &RowGroupMetaData, leaf: usize, bounds: Option<&Bounds>) {
        let column = group.column(leaf);
        let told = column.statistics();
        let count = |number: i64| u64::try_from(number).unwrap_or_default();
        self.row_group.append_value(index as u32);
        self.column.append_value(column.column_path().string());
        self.rows.append_value(count(group.num_rows()));
        self.compressed_size.append_value(count(column.compressed_size()));
        self.uncompressed_size.append_value(count(column.uncompressed_size()));
        self.null_count.append_option(told.and_then(|told| told.null_count_opt()));
        self.distinct_count.append_option(told.and_then(|told| told.distinct_count_opt()));
        let min = bounds.and_then(|bounds| text(&bounds.mins, index));
        let max = bounds.and_then(|bounds| text(&bounds.maxes, index));
        let is_exact = told.is_some_and(|told| told.min_is_exact() && told.max_is_exact());
        self.is_exact.append_value(is_exact && min.is_some() && max.is_some());
        self.min.append_option(min);
        self.max.append_option(max);
        self.has_bloom_filter.append_value(column.bloom_filter_offset().is_some());
    }

    fn finish(mut self) -> Option<RecordBatch> {
        let columns: [(&str, ArrayRef, bool); 11] = [
            ("row_group", Arc::new(self.row_group.finish()), false),
            ("column", Arc::new(self.column.finish()), false),
            ("rows", Arc::new(self.rows.finish()), false),
            ("compressed_size", Arc::new(self.compressed_size.finish()), false),
            ("uncompressed_size", Arc::new(self.uncompressed_size.finish()), false),
            ("null_count", Arc::new(self.null_count.finish()), true),
            ("distinct_count", Arc::new(self.distinct_count.finish()), true),
            ("min", Arc::new(self.min.finish()), true),
            ("max", Arc::new(self.max.finish()), true),
            ("is_exact", Arc::new(self.is_exact.finish()), false),
            ("has_bloom_filter", Arc::new(self.has_bloom_filter.finish()), false),
        ];
        RecordBatch::try_from_iter_with_nullable(columns).ok()
    }
}

/// A value as CSV has it.
fn text(values: &ArrayRef, index: usize) -> Option<String> {
    let mut text = Vec::new();
    Scalars::new(values)?.get(index)?.write(&mut text).ok()?;
    String::from_utf8(text).ok()
}
