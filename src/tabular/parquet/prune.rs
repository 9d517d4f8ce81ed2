//! Which row groups and pages may have rows that are wanted: by what the file tells of their values. What it does not
//! tell, or what cannot be trusted, never leaves anything out.

use super::footer::flat;
use crate::error::Result;
use crate::tabular::format::Operator;
use crate::tabular::predicate::{Comparison, Filter};
use arrow_array::cast::AsArray;
use arrow_array::types::{Float16Type, Float32Type, Float64Type};
use arrow_array::{Array, ArrayRef, BooleanArray, Float64Array, PrimitiveArray, UInt64Array};
use arrow_schema::{DataType, Schema};
use parquet::arrow::arrow_reader::statistics::StatisticsConverter;
use parquet::basic::{ColumnOrder, SortOrder, Type};
use parquet::bloom_filter::Sbbf;
use parquet::file::metadata::page_index::PageIndexProvider;
use parquet::file::metadata::{ParquetMetaData, RowGroupMetaData};
use std::ops::Range;
use std::sync::Arc;

/// What a file tells of parts of a column.
struct Told {
    mins: ArrayRef,
    maxes: ArrayRef,
    nulls: UInt64Array,
    /// Of floats: those that are no numbers, which the bounds leave out.
    nans: UInt64Array,
    rows: Vec<u64>,
    /// Whether the bounds can be believed.
    has_bounds: Vec<bool>,
}

/// The row groups that may have rows that are wanted.
pub(super) fn row_groups(
    metadata: &ParquetMetaData,
    schema: &Schema,
    filter: &Filter,
    among: Vec<usize>,
) -> Vec<usize> {
    let mut kept = vec![true; among.len()];
    for comparison in filter.comparisons() {
        let told = comparison.column.and_then(|root| told_of_row_groups(metadata, schema, root, &among));
        if let Some(told) = told {
            and(&mut kept, &told.may_hold(comparison));
        }
    }
    among.into_iter().zip(kept).filter_map(|(index, kept)| kept.then_some(index)).collect()
}

fn and(kept: &mut [bool], others: &[bool]) {
    kept.iter_mut().zip(others).for_each(|(kept, other)| *kept &= other);
}

fn told_of_row_groups(metadata: &ParquetMetaData, schema: &Schema, root: usize, among: &[usize]) -> Option<Told> {
    let leaf = flat(metadata, root, schema.field(root))?;
    let converter = converter(metadata, schema, root, leaf)?;
    let groups = || among.iter().map(|index| metadata.row_group(*index));
    let is_ordered = is_ordered(metadata, leaf);
    let has_bounds = |group: &RowGroupMetaData| {
        // The old bounds were compared as if all values were signed.
        is_ordered && group.column(leaf).statistics().is_some_and(|told| !told.is_min_max_deprecated())
    };
    Some(Told {
        mins: converter.row_group_mins(groups()).ok()?,
        maxes: converter.row_group_maxes(groups()).ok()?,
        nulls: converter.row_group_null_counts(groups()).ok()?,
        nans: converter.row_group_nan_counts(groups()).ok()?,
        rows: groups().map(|group| group.num_rows().max(0) as u64).collect(),
        has_bounds: groups().map(has_bounds).collect(),
    })
}

fn converter<'a>(
    metadata: &'a ParquetMetaData,
    schema: &'a Schema,
    root: usize,
    leaf: usize,
) -> Option<StatisticsConverter<'a>> {
    let descriptor = metadata.file_metadata().schema_descr();
    let converter = StatisticsConverter::from_column_index(leaf, schema.field(root), descriptor).ok()?;
    Some(converter.with_missing_null_counts_as_zero(false))
}

/// Whether the bounds of a column are in the order that its values have.
fn is_ordered(metadata: &ParquetMetaData, leaf: usize) -> bool {
    let file = metadata.file_metadata();
    if file.schema_descr().column(leaf).physical_type() == Type::INT96 {
        return false;
    }
    match file.column_orders().and_then(|orders| orders.get(leaf)) {
        Some(ColumnOrder::TYPE_DEFINED_ORDER(order)) => *order != SortOrder::UNDEFINED,
        Some(ColumnOrder::IEEE_754_TOTAL_ORDER) => true,
        _ => false,
    }
}

/// The rows of the pages that may have rows that are wanted, one set of ranges for each comparison that can tell.
/// `metadata` are those of the row group alone; `pages` gives the rows of the pages of a column.
pub(super) fn pages(
    metadata: &ParquetMetaData,
    index: &dyn PageIndexProvider,
    schema: &Schema,
    filter: &Filter,
    pages: impl Fn(usize) -> Option<Vec<Range<usize>>>,
) -> Vec<Vec<Range<usize>>> {
    let mut kept = Vec::new();
    for comparison in filter.comparisons() {
        let Some(root) = comparison.column else { continue };
        let Some(leaf) = flat(metadata, root, schema.field(root)) else { continue };
        let Some(rows) = pages(leaf) else { continue };
        let Some(told) = told_of_pages(metadata, index, schema, (root, leaf), &rows) else { continue };
        let may_hold = told.may_hold(comparison);
        kept.push(rows.into_iter().zip(may_hold).filter_map(|(rows, kept)| kept.then_some(rows)).collect());
    }
    kept
}

fn told_of_pages(
    metadata: &ParquetMetaData,
    index: &dyn PageIndexProvider,
    schema: &Schema,
    (root, leaf): (usize, usize),
    rows: &[Range<usize>],
) -> Option<Told> {
    index.column_index(0, leaf)?;
    let converter = converter(metadata, schema, root, leaf)?;
    let told = Told {
        mins: converter.data_page_mins(index, [&0]).ok()?,
        maxes: converter.data_page_maxes(index, [&0]).ok()?,
        nulls: converter.data_page_null_counts(index, [&0]).ok()?,
        nans: converter.data_page_nan_counts(index, [&0]).ok()?,
        rows: rows.iter().map(|rows| rows.len() as u64).collect(),
        has_bounds: vec![is_ordered(metadata, leaf); rows.len()],
    };
    let count = rows.len();
    let fits = told.mins.len() == count && told.maxes.len() == count && told.nulls.len() == count;
    (fits && told.nans.len() == count).then_some(told)
}

impl Told {
    /// For each part, whether the comparison may be true of a row of it.
    fn may_hold(&self, comparison: &Comparison) -> Vec<bool> {
        let is_known = |index: usize| self.nulls.is_valid(index);
        let all_null = |index: usize| is_known(index) && self.nulls.value(index) >= self.rows[index];
        let parts = 0..self.rows.len();
        match comparison.operator {
            Operator::IsNull => parts.map(|index| !is_known(index) || self.nulls.value(index) > 0).collect(),
            Operator::IsNotNull => parts.map(|index| !all_null(index)).collect(),
            _ => {
                let outside = self.outside(comparison).unwrap_or_else(|_| vec![false; self.rows.len()]);
                let is_out = |index: usize| all_null(index) || (self.has_bounds[index] && outside[index]);
                parts.map(|index| !is_out(index)).collect()
            }
        }
    }

    /// For each part, whether the comparison is true of no value between its bounds.
    fn outside(&self, comparison: &Comparison) -> Result<Vec<bool>> {
        use Operator::*;
        let is_float = is_float(self.mins.data_type());
        if is_float && is_nan(comparison) {
            return Ok(vec![false; self.rows.len()]);
        }
        let (mins, maxes) = (without_nan(&self.mins), without_nan(&self.maxes));
        let least = |operator| comparison.compare(operator, &mins);
        let most = |operator| comparison.compare(operator, &maxes);
        let outside = match comparison.operator {
            Equal => either(&least(Greater)?, &most(Less)?),
            NotEqual => both(&least(Equal)?, &most(Equal)?),
            Less => truth(&least(GreaterEqual)?),
            LessEqual => truth(&least(Greater)?),
            Greater => truth(&most(LessEqual)?),
            GreaterEqual => truth(&most(Operator::Less)?),
            IsNull | IsNotNull => vec![false; self.rows.len()],
        };
        // What is no number is above all bounds.
        let needs_numbers = is_float && matches!(comparison.operator, NotEqual | Greater | GreaterEqual);
        let has_numbers = |index: usize| self.nans.is_valid(index) && self.nans.value(index) == 0;
        Ok(outside.into_iter().enumerate().map(|(index, is)| is && (!needs_numbers || has_numbers(index))).collect())
    }
}

fn truth(array: &BooleanArray) -> Vec<bool> {
    array.iter().map(|truth| truth == Some(true)).collect()
}

fn either(one: &BooleanArray, other: &BooleanArray) -> Vec<bool> {
    one.iter().zip(other).map(|pair| pair.0 == Some(true) || pair.1 == Some(true)).collect()
}

fn both(one: &BooleanArray, other: &BooleanArray) -> Vec<bool> {
    one.iter().zip(other).map(|pair| pair == (Some(true), Some(true))).collect()
}

fn is_float(data_type: &DataType) -> bool {
    match data_type {
        DataType::Dictionary(_, values) => is_float(values),
        _ => data_type.is_floating(),
    }
}

/// Whether the literal is no number: infinity is less than it.
fn is_nan(comparison: &Comparison) -> bool {
    let infinity = Float64Array::from(vec![f64::INFINITY]);
    comparison.compare(Operator::Less, &infinity).map_or(true, |truth| truth.is_valid(0) && truth.value(0))
}

/// Bounds that are no numbers are no bounds.
fn without_nan(bounds: &ArrayRef) -> ArrayRef {
    match bounds.data_type() {
        DataType::Float16 => {
            let bounds = bounds.as_primitive::<Float16Type>();
            Arc::new(bounds.unary_opt::<_, Float16Type>(|value| (!value.is_nan()).then_some(value)))
        }
        DataType::Float32 => {
            let bounds = bounds.as_primitive::<Float32Type>();
            Arc::new(bounds.unary_opt::<_, Float32Type>(|value| (!value.is_nan()).then_some(value)))
        }
        DataType::Float64 => {
            let bounds: &PrimitiveArray<Float64Type> = bounds.as_primitive();
            Arc::new(bounds.unary_opt::<_, Float64Type>(|value| (!value.is_nan()).then_some(value)))
        }
        _ => bounds.clone(),
    }
}

/// A value as a bloom filter knows it.
#[derive(Debug)]
pub(super) enum Hashed {
    Bytes(Vec<u8>),
    Four(i32),
    Eight(i64),
}

impl Hashed {
    /// What the filter of a column would know the literal as. None: that cannot be told.
    pub(super) fn of(comparison: &Comparison, column: &DataType, physical: Type) -> Option<Hashed> {
        if comparison.operator != Operator::Equal {
            return None;
        }
        let data_type = match column {
            DataType::Dictionary(_, values) => values,
            _ => column,
        };
        let value = arrow_cast::cast(comparison.literal.as_ref()?, data_type).ok()?;
        // Only where the column's own value is what is looked for.
        let is_same = comparison.compare(Operator::Equal, &value).ok()?;
        if value.len() != 1 || is_same.is_null(0) || !is_same.value(0) {
            return None;
        }
        use DataType::*;
        let integer = || {
            arrow_cast::cast(&value, &Int64)
                .ok()
                .map(|value| value.as_primitive::<arrow_array::types::Int64Type>().value(0))
        };
        match (data_type, physical) {
            (Utf8, Type::BYTE_ARRAY) => Some(Hashed::Bytes(value.as_string::<i32>().value(0).into())),
            (LargeUtf8, Type::BYTE_ARRAY) => Some(Hashed::Bytes(value.as_string::<i64>().value(0).into())),
            (Utf8View, Type::BYTE_ARRAY) => Some(Hashed::Bytes(value.as_string_view().value(0).into())),
            (Binary, Type::BYTE_ARRAY) => Some(Hashed::Bytes(value.as_binary::<i32>().value(0).into())),
            (LargeBinary, Type::BYTE_ARRAY) => Some(Hashed::Bytes(value.as_binary::<i64>().value(0).into())),
            (BinaryView, Type::BYTE_ARRAY) => Some(Hashed::Bytes(value.as_binary_view().value(0).into())),
            (FixedSizeBinary(_), Type::FIXED_LEN_BYTE_ARRAY) => {
                Some(Hashed::Bytes(value.as_fixed_size_binary().value(0).into()))
            }
            (Int8 | Int16 | Int32 | UInt8 | UInt16 | UInt32, Type::INT32) => Some(Hashed::Four(integer()? as i32)),
            (Int64, Type::INT64) => Some(Hashed::Eight(integer()?)),
            (UInt64, Type::INT64) => {
                Some(Hashed::Eight(value.as_primitive::<arrow_array::types::UInt64Type>().value(0) as i64))
            }
            (Date32, Type::INT32) => {
                Some(Hashed::Four(value.as_primitive::<arrow_array::types::Date32Type>().value(0)))
            }
            (Timestamp(..), Type::INT64) => Some(Hashed::Eight(integer()?)),
            _ => None,
        }
    }

    /// Whether the values of a filter may have this one among them.
    pub(super) fn may_be_in(&self, filter: &[u8]) -> bool {
        // What is no filter tells nothing.
        let Ok(filter) = Sbbf::from_bytes(filter) else { return true };
        filter.num_blocks() == 0
            || match self {
                Hashed::Bytes(bytes) => filter.check(&bytes[..]),
                Hashed::Four(value) => filter.check(value),
                Hashed::Eight(value) => filter.check(value),
            }
    }
}
