//! Types that no logical type of Parquet stands for, brought to those that have one: seconds to milliseconds, and dates
//! of 64 bits to days.

use super::properties::refused;
use crate::error::Result;
use arrow_array::cast::AsArray;
use arrow_array::types::{
    ArrowPrimitiveType, Date32Type, Date64Type, Time32MillisecondType, Time32SecondType, TimestampMillisecondType,
    TimestampSecondType,
};
use arrow_array::{
    Array, ArrayRef, FixedSizeListArray, GenericListArray, GenericListViewArray, MapArray, OffsetSizeTrait,
    PrimitiveArray, RecordBatch, StructArray,
};
use arrow_buffer::{BooleanBuffer, BooleanBufferBuilder, NullBuffer, OffsetBuffer};
use arrow_schema::{ArrowError, DataType, Field, FieldRef, Fields, Schema, TimeUnit};
use std::ops::Range;
use std::sync::Arc;

const DAY: i64 = 86_400_000;

/// How dates of 64 bits are told of.
#[derive(Clone, Copy, PartialEq)]
pub(super) enum Dates {
    /// As what they are in the file.
    Days,
    /// As what they were: the crate gives them back.
    Kept,
}

/// The type that stands for another in a file.
pub(super) fn held(data_type: &DataType, dates: Dates) -> DataType {
    use DataType::*;
    let item = |field: &FieldRef| held_field(field, dates);
    match data_type {
        Timestamp(TimeUnit::Second, zone) => Timestamp(TimeUnit::Millisecond, zone.clone()),
        Time32(TimeUnit::Second) => Time32(TimeUnit::Millisecond),
        Date64 if dates == Dates::Days => Date32,
        Dictionary(key, values) => Dictionary(key.clone(), Box::new(held(values, Dates::Days))),
        Struct(fields) => Struct(fields.iter().map(item).collect()),
        List(field) => List(item(field)),
        LargeList(field) => LargeList(item(field)),
        ListView(field) => ListView(item(field)),
        LargeListView(field) => LargeListView(item(field)),
        FixedSizeList(field, size) => FixedSizeList(item(field), *size),
        Map(entries, is_sorted) => Map(item(entries), *is_sorted),
        _ => data_type.clone(),
    }
}

fn held_field(field: &FieldRef, dates: Dates) -> FieldRef {
    let data_type = held(field.data_type(), dates);
    if &data_type == field.data_type() {
        field.clone()
    } else {
        Arc::new(Field::clone(field).with_data_type(data_type))
    }
}

fn held_fields(fields: &Fields) -> Fields {
    fields.iter().map(|field| held_field(field, Dates::Days)).collect()
}

/// The schema of a table as the file has it.
pub(super) fn held_schema(schema: &Schema, dates: Dates) -> Schema {
    let fields: Fields = schema.fields().iter().map(|field| held_field(field, dates)).collect();
    Schema::new_with_metadata(fields, schema.metadata().clone())
}

/// Columns that a file has with another type.
pub(super) fn changed(schema: &Schema) -> Vec<usize> {
    let is_changed = |index: &usize| is_changed(schema.field(*index).data_type());
    (0..schema.fields().len()).filter(is_changed).collect()
}

fn is_changed(data_type: &DataType) -> bool {
    &held(data_type, Dates::Days) != data_type
}

/// A batch as the file has it.
pub(super) fn convert(batch: &RecordBatch, columns: &[usize]) -> Result<RecordBatch> {
    let schema = batch.schema();
    let mut arrays = batch.columns().to_vec();
    for (index, array) in arrays.iter_mut().enumerate().filter(|(index, _)| columns.contains(index)) {
        *array = converted(array, None, schema.field(index).name())?;
    }
    RecordBatch::try_new(Arc::new(held_schema(&schema, Dates::Days)), arrays).map_err(failed)
}

fn failed(error: ArrowError) -> crate::error::Error {
    super::encode::failed(error.into())
}

/// An array as the file has it. `seen` are the values that a row shows: what lies below a null may be anything.
fn converted(array: &ArrayRef, seen: Option<&NullBuffer>, path: &str) -> Result<ArrayRef> {
    if !is_changed(array.data_type()) {
        return Ok(array.clone());
    }
    let no = |why: &str| refused(path, array.data_type(), why);
    let too_large = || no("has a value that is too large in milliseconds, and Parquet has no seconds");
    let no_day = || no("has a value that is no whole day, which Parquet has alone; cast it to timestamp[ms]");
    Ok(match array.data_type() {
        DataType::Timestamp(_, zone) => {
            let values = array.as_primitive::<TimestampSecondType>();
            let values: PrimitiveArray<TimestampMillisecondType> =
                each(values, seen, |value| value.checked_mul(1000)).ok_or_else(too_large)?;
            Arc::new(values.with_timezone_opt(zone.clone()))
        }
        DataType::Time32(_) => {
            let values = array.as_primitive::<Time32SecondType>();
            let values = each::<_, Time32MillisecondType>(values, seen, |value| value.checked_mul(1000));
            Arc::new(values.ok_or_else(too_large)?)
        }
        DataType::Date64 => {
            let day = |value: i64| (value % DAY == 0).then(|| i32::try_from(value / DAY).ok()).flatten();
            let values = each::<_, Date32Type>(array.as_primitive::<Date64Type>(), seen, day);
            Arc::new(values.ok_or_else(no_day)?)
        }
        DataType::Dictionary(..) => dictionary(array, seen, path)?,
        DataType::Struct(_) => Arc::new(structs(array.as_struct(), seen, path)?),
        DataType::List(item) => list(array.as_list::<i32>(), item, seen, path)?,
        DataType::LargeList(item) => list(array.as_list::<i64>(), item, seen, path)?,
        DataType::ListView(item) => views(array.as_list_view::<i32>(), item, seen, path)?,
        DataType::LargeListView(item) => views(array.as_list_view::<i64>(), item, seen, path)?,
        DataType::FixedSizeList(item, _) => fixed(array.as_fixed_size_list(), item, seen, path)?,
        DataType::Map(entries, is_sorted) => map(array.as_map(), entries, *is_sorted, seen, path)?,
        _ => array.clone(),
    })
}

/// Each value as another. None: one that is seen has no other.
fn each<F: ArrowPrimitiveType, T: ArrowPrimitiveType>(
    array: &PrimitiveArray<F>,
    seen: Option<&NullBuffer>,
    other: impl Fn(F::Native) -> Option<T::Native>,
) -> Option<PrimitiveArray<T>> {
    let mut is_lost = false;
    let or_lost = |value: &F::Native| {
        let other = other(*value);
        is_lost |= other.is_none();
        other.unwrap_or_default()
    };
    let values: Vec<T::Native> = array.values().iter().map(or_lost).collect();
    if is_lost {
        let seen = NullBuffer::union(array.nulls(), seen);
        let is_seen = |row: usize| seen.as_ref().is_none_or(|seen| seen.is_valid(row));
        if array.values().iter().enumerate().any(|(row, value)| other(*value).is_none() && is_seen(row)) {
            return None;
        }
    }
    PrimitiveArray::try_new(values.into(), array.nulls().cloned()).ok()
}

fn dictionary(array: &ArrayRef, seen: Option<&NullBuffer>, path: &str) -> Result<ArrayRef> {
    let dictionary = array.as_any_dictionary();
    let values = dictionary.values();
    let shown = NullBuffer::union(array.nulls(), seen);
    let mut named = vec![false; values.len()];
    if !values.is_empty() {
        for (row, key) in dictionary.normalized_keys().into_iter().enumerate() {
            named[key] |= shown.as_ref().is_none_or(|shown| shown.is_valid(row));
        }
    }
    let values = converted(values, Some(&NullBuffer::from(named)), path)?;
    Ok(dictionary.with_values(values))
}

fn structs(array: &StructArray, seen: Option<&NullBuffer>, path: &str) -> Result<StructArray> {
    let seen = NullBuffer::union(array.nulls(), seen);
    let column =
        |(field, column): (&FieldRef, &ArrayRef)| converted(column, seen.as_ref(), &format!("{path}.{}", field.name()));
    let columns = array.fields().iter().zip(array.columns()).map(column).collect::<Result<Vec<_>>>()?;
    let nulls = array.nulls().cloned();
    StructArray::try_new_with_length(held_fields(array.fields()), columns, nulls, array.len()).map_err(failed)
}

/// Which of the items the rows show, if these are theirs.
fn items(rows: impl Iterator<Item = Range<usize>>, count: usize, shown: Option<&NullBuffer>) -> NullBuffer {
    let mut items = BooleanBufferBuilder::new(count);
    items.append_n(count, false);
    for (row, range) in rows.enumerate() {
        if shown.is_none_or(|shown| shown.is_valid(row)) {
            range.for_each(|item| items.set_bit(item, true));
        }
    }
    NullBuffer::new(items.finish())
}

/// From the first item of a list on, up to the last: the items of a slice alone.
fn own_items<O: OffsetSizeTrait>(offsets: &OffsetBuffer<O>) -> (OffsetBuffer<O>, Range<usize>) {
    let (first, last) = (offsets[0], offsets[offsets.len() - 1]);
    let own = OffsetBuffer::new(offsets.iter().map(|offset| *offset - first).collect());
    (own, first.as_usize()..last.as_usize())
}

fn rows_of<O: OffsetSizeTrait>(offsets: &OffsetBuffer<O>) -> impl Iterator<Item = Range<usize>> {
    offsets.windows(2).map(|pair| pair[0].as_usize()..pair[1].as_usize())
}

fn list<O: OffsetSizeTrait>(
    array: &GenericListArray<O>,
    item: &FieldRef,
    seen: Option<&NullBuffer>,
    path: &str,
) -> Result<ArrayRef> {
    let (offsets, own) = own_items(array.offsets());
    let values = array.values().slice(own.start, own.len());
    let shown = NullBuffer::union(array.nulls(), seen);
    let seen = items(rows_of(&offsets), values.len(), shown.as_ref());
    let values = converted(&values, Some(&seen), &format!("{path}.{}", item.name()))?;
    let item = held_field(item, Dates::Days);
    Ok(Arc::new(GenericListArray::try_new(item, offsets, values, array.nulls().cloned()).map_err(failed)?))
}

fn views<O: OffsetSizeTrait>(
    array: &GenericListViewArray<O>,
    item: &FieldRef,
    seen: Option<&NullBuffer>,
    path: &str,
) -> Result<ArrayRef> {
    let (offsets, sizes) = (array.offsets(), array.sizes());
    // The items of a slice alone. Of lists that have none, the places may be anywhere.
    let used = || offsets.iter().zip(sizes).filter(|(_, size)| **size > O::zero());
    let first = used().map(|(offset, _)| *offset).min().unwrap_or(O::zero());
    let last = used().map(|(offset, size)| *offset + *size).max().unwrap_or(first);
    let place = |(offset, size): (&O, &O)| if *size > O::zero() { *offset - first } else { O::zero() };
    let own: Vec<O> = offsets.iter().zip(sizes).map(place).collect();
    let values = array.values().slice(first.as_usize(), (last - first).as_usize());
    let shown = NullBuffer::union(array.nulls(), seen);
    let rows = own.iter().zip(sizes).map(|(start, size)| start.as_usize()..(*start + *size).as_usize());
    let seen = items(rows, values.len(), shown.as_ref());
    let values = converted(&values, Some(&seen), &format!("{path}.{}", item.name()))?;
    let (item, nulls) = (held_field(item, Dates::Days), array.nulls().cloned());
    let array = GenericListViewArray::try_new(item, own.into(), sizes.clone(), values, nulls);
    Ok(Arc::new(array.map_err(failed)?))
}

fn fixed(array: &FixedSizeListArray, item: &FieldRef, seen: Option<&NullBuffer>, path: &str) -> Result<ArrayRef> {
    let size = usize::try_from(array.value_length()).unwrap_or_default();
    let shown = NullBuffer::union(array.nulls(), seen);
    let is_shown = |at: usize| shown.as_ref().is_none_or(|shown| shown.is_valid(at / size));
    let values = array.values().slice(0, array.len() * size);
    let seen = NullBuffer::new(BooleanBuffer::collect_bool(values.len(), is_shown));
    let values = converted(&values, Some(&seen), &format!("{path}.{}", item.name()))?;
    let (item, nulls) = (held_field(item, Dates::Days), array.nulls().cloned());
    Ok(Arc::new(FixedSizeListArray::try_new(item, array.value_length(), values, nulls).map_err(failed)?))
}

fn map(
    array: &MapArray,
    entries: &FieldRef,
    is_sorted: bool,
    seen: Option<&NullBuffer>,
    path: &str,
) -> Result<ArrayRef> {
    let (offsets, own) = own_items(array.offsets());
    let values = array.entries().slice(own.start, own.len());
    let shown = NullBuffer::union(array.nulls(), seen);
    let seen = items(rows_of(&offsets), values.len(), shown.as_ref());
    let values = structs(&values, Some(&seen), path)?;
    let (entries, nulls) = (held_field(entries, Dates::Days), array.nulls().cloned());
    Ok(Arc::new(MapArray::try_new(entries, offsets, values, nulls, is_sorted).map_err(failed)?))
}
