//! Whether values are what their types say: what each type wants, and below it the loops. Loops over all values decide
//! without branches; only where something is wrong is it looked for.

use super::Place;
use crate::error::Result;
use arrow_array::types::RunEndIndexType;
use arrow_array::{ArrowPrimitiveType, OffsetSizeTrait, downcast_integer, downcast_run_end_index};
use arrow_buffer::{ArrowNativeType, Buffer, NullBuffer, ScalarBuffer, i256};
use arrow_data::ArrayData;
use arrow_data::decimal::{
    MAX_DECIMAL32_FOR_EACH_PRECISION, MAX_DECIMAL64_FOR_EACH_PRECISION, MAX_DECIMAL128_FOR_EACH_PRECISION,
    MAX_DECIMAL256_FOR_EACH_PRECISION, MIN_DECIMAL32_FOR_EACH_PRECISION, MIN_DECIMAL64_FOR_EACH_PRECISION,
    MIN_DECIMAL128_FOR_EACH_PRECISION, MIN_DECIMAL256_FOR_EACH_PRECISION,
};
use arrow_schema::{DataType, UnionMode};

/// The last of some offsets, none of which may be before the first; that one is not negative.
pub(super) fn ends<T: OffsetSizeTrait>(
    offsets: &Buffer,
    offset: usize,
    length: usize,
    place: &Place<'_>,
) -> Result<usize> {
    let offsets = ScalarBuffer::<T>::new(offsets.clone(), offset, length + 1);
    let (first, last) = (offsets[0], offsets[length]);
    if first < T::zero() || last < first {
        return Err(place.wrong(format_args!("the offsets begin with {first:?} and end with {last:?}")));
    }
    Ok(last.as_usize())
}

/// What arrow itself relies on where it takes data apart, so it holds for trusted data as well.
pub(super) fn check_ends(data: &ArrayData, place: &Place<'_>) -> Result<()> {
    macro_rules! run_ends {
        ($kind:ty) => {
            run_ends_of::<$kind>(data, place)
        };
    }
    let last = match data.data_type() {
        DataType::List(_) | DataType::Map(..) => ends::<i32>(&data.buffers()[0], data.offset(), data.len(), place)?,
        DataType::LargeList(_) => ends::<i64>(&data.buffers()[0], data.offset(), data.len(), place)?,
        DataType::RunEndEncoded(ends, _) => {
            return downcast_run_end_index!(
                ends.data_type() => (run_ends),
                other => Err(place.wrong(format_args!("run ends of type {other}")))
            );
        }
        _ => return Ok(()),
    };
    let values = data.child_data()[0].len();
    if last > values {
        return Err(place.wrong(format_args!("the offsets end with {last}, and there are {values} values")));
    }
    Ok(())
}

fn run_ends_of<T: RunEndIndexType>(data: &ArrayData, place: &Place<'_>) -> Result<()> {
    let ends = &data.child_data()[0];
    run_ends(&numbers::<T::Native>(ends, 0), data.offset() + data.len(), place)
}

/// A buffer as the numbers that are in it, from the array's offset on.
fn numbers<T: ArrowNativeType>(data: &ArrayData, buffer: usize) -> ScalarBuffer<T> {
    ScalarBuffer::new(data.buffers()[buffer].clone(), data.offset(), data.len())
}

/// Whether the values of one array are what its type says; not those of its children.
pub(super) fn check(data: &ArrayData, place: &Place<'_>) -> Result<()> {
    check_type(data, place)?;
    data.validate_nulls().map_err(|error| place.wrong(error))
}

fn check_type(data: &ArrayData, place: &Place<'_>) -> Result<()> {
    macro_rules! indices {
        ($kind:ty) => {
            check_indices::<$kind>(data, place)
        };
    }
    macro_rules! decimals {
        ($native:ty, $least:ident, $most:ident, $precision:expr) => {{
            let precision = usize::from(*$precision);
            decimals::<$native>(&numbers(data, 0), $least[precision], $most[precision], data.nulls(), place)
        }};
    }
    match data.data_type() {
        DataType::Utf8 => check_bytes::<i32>(data, true, place),
        DataType::LargeUtf8 => check_bytes::<i64>(data, true, place),
        DataType::Binary | DataType::List(_) | DataType::Map(..) => check_bytes::<i32>(data, false, place),
        DataType::LargeBinary | DataType::LargeList(_) => check_bytes::<i64>(data, false, place),
        DataType::Utf8View => views(&numbers(data, 0), &data.buffers()[1..], true, place),
        DataType::BinaryView => views(&numbers(data, 0), &data.buffers()[1..], false, place),
        DataType::ListView(_) => check_list_views::<i32>(data, place),
        DataType::LargeListView(_) => check_list_views::<i64>(data, place),
        DataType::Union(..) => check_union(data, place),
        DataType::Dictionary(keys, _) => downcast_integer!(
            keys.as_ref() => (indices),
            other => Err(place.wrong(format_args!("indices of type {other}")))
        ),
        DataType::Decimal32(precision, _) => {
            decimals!(i32, MIN_DECIMAL32_FOR_EACH_PRECISION, MAX_DECIMAL32_FOR_EACH_PRECISION, precision)
        }
        DataType::Decimal64(precision, _) => {
            decimals!(i64, MIN_DECIMAL64_FOR_EACH_PRECISION, MAX_DECIMAL64_FOR_EACH_PRECISION, precision)
        }
        DataType::Decimal128(precision, _) => {
            decimals!(i128, MIN_DECIMAL128_FOR_EACH_PRECISION, MAX_DECIMAL128_FOR_EACH_PRECISION, precision)
        }
        DataType::Decimal256(precision, _) => {
            decimals!(i256, MIN_DECIMAL256_FOR_EACH_PRECISION, MAX_DECIMAL256_FOR_EACH_PRECISION, precision)
        }
        _ => Ok(()),
    }
}

fn check_bytes<T: OffsetSizeTrait>(data: &ArrayData, is_text: bool, place: &Place<'_>) -> Result<()> {
    let offsets = ScalarBuffer::<T>::new(data.buffers()[0].clone(), data.offset(), data.len() + 1);
    rising(&offsets, place)?;
    if is_text { utf8(&offsets, &data.buffers()[1], place) } else { Ok(()) }
}

fn check_list_views<T: OffsetSizeTrait>(data: &ArrayData, place: &Place<'_>) -> Result<()> {
    list_views::<T>(&numbers(data, 0), &numbers(data, 1), data.child_data()[0].len(), place)
}

fn check_indices<K: ArrowPrimitiveType>(data: &ArrayData, place: &Place<'_>) -> Result<()> {
    indices::<K::Native>(&numbers(data, 0), data.child_data()[0].len(), data.nulls(), place)
}

fn check_union(data: &ArrayData, place: &Place<'_>) -> Result<()> {
    let DataType::Union(fields, mode) = data.data_type() else { return Ok(()) };
    let mut counts = [None; 128];
    for ((id, _), child) in fields.iter().zip(data.child_data()) {
        // Ids are not negative, or there would be no such type.
        counts[id.unsigned_abs() as usize % 128] = Some(child.len());
    }
    let offsets = (*mode == UnionMode::Dense).then(|| numbers::<i32>(data, 1));
    union(&numbers::<i8>(data, 0), offsets.as_deref(), &counts, place)
}

/// Whether the slot has a value.
fn is_valid(nulls: Option<&NullBuffer>, index: usize) -> bool {
    nulls.is_none_or(|nulls| nulls.is_valid(index))
}

/// Offsets never fall. The first is not negative and the last within what they point into, as was seen before.
fn rising<T: ArrowNativeType>(offsets: &[T], place: &Place<'_>) -> Result<()> {
    let falls = |pair: &[T]| pair[1] < pair[0];
    if !offsets.windows(2).fold(false, |found, pair| found | falls(pair)) {
        return Ok(());
    }
    let at = offsets.windows(2).position(falls).unwrap_or_default();
    Err(place.wrong(format_args!("the offsets fall from {:?} to {:?} at row {at}", offsets[at], offsets[at + 1])))
}

/// Each text is UTF-8: together they are, and none begins in the middle of a character.
fn utf8<T: ArrowNativeType>(offsets: &[T], bytes: &[u8], place: &Place<'_>) -> Result<()> {
    let (Some(first), Some(last)) = (offsets.first(), offsets.last()) else { return Ok(()) };
    let (first, last) = (first.as_usize(), last.as_usize());
    let all = &bytes[first..last];
    // Between two texts; the outer ends are known to be right.
    let begins = |offset: &T| all.get(offset.as_usize() - first).is_none_or(|byte| *byte as i8 >= -0x40);
    if simdutf8::basic::from_utf8(all).is_ok() && offsets.iter().fold(true, |right, offset| right & begins(offset)) {
        return Ok(());
    }
    let is_wrong = |pair: &[T]| simdutf8::basic::from_utf8(&bytes[pair[0].as_usize()..pair[1].as_usize()]).is_err();
    let row = offsets.windows(2).position(is_wrong).unwrap_or_default();
    Err(place.wrong(format_args!("the text of row {row} is not UTF-8")))
}

/// The most bytes that a view holds itself.
const INLINE: usize = 12;

/// Each view is of bytes that are there, and repeats their beginning.
fn views(views: &[u128], buffers: &[Buffer], is_text: bool, place: &Place<'_>) -> Result<()> {
    for (row, view) in views.iter().enumerate() {
        let size = *view as u32 as usize;
        let inside = view.to_le_bytes();
        let bytes = if size <= INLINE {
            if inside[4 + size..].iter().any(|byte| *byte != 0) {
                return Err(place.wrong(format_args!("the view of row {row} has something behind its {size} bytes")));
            }
            &inside[4..4 + size]
        } else {
            let (buffer, offset) = ((*view >> 64) as u32 as usize, (*view >> 96) as usize);
            let bytes = buffers.get(buffer).and_then(|bytes| bytes.get(offset..offset.checked_add(size)?));
            let Some(bytes) = bytes else {
                let message = format_args!(
                    "the view of row {row} is of {size} bytes from {offset} on in buffer {buffer}, which are not there"
                );
                return Err(place.wrong(message));
            };
            if bytes[..4] != inside[4..8] {
                return Err(place.wrong(format_args!("the view of row {row} does not repeat how its bytes begin")));
            }
            bytes
        };
        if is_text && !bytes.is_ascii() && simdutf8::basic::from_utf8(bytes).is_err() {
            return Err(place.wrong(format_args!("the text of row {row} is not UTF-8")));
        }
    }
    Ok(())
}

/// Offsets and sizes of lists lie within their values.
fn list_views<T: ArrowNativeType>(offsets: &[T], sizes: &[T], values: usize, place: &Place<'_>) -> Result<()> {
    for (row, (offset, size)) in offsets.iter().zip(sizes).enumerate() {
        let end = offset.to_usize().zip(size.to_usize()).and_then(|(offset, size)| offset.checked_add(size));
        if end.is_none_or(|end| end > values) {
            let message =
                format_args!("the list of row {row} has {size:?} values from {offset:?} on, and there are {values}");
            return Err(place.wrong(message));
        }
    }
    Ok(())
}

/// Each index that is not null is one of the dictionary's.
fn indices<T: ArrowNativeType>(
    indices: &[T],
    values: usize,
    nulls: Option<&NullBuffer>,
    place: &Place<'_>,
) -> Result<()> {
    // A negative one becomes a large one.
    let is_wrong = |index: &T| index.as_usize() >= values;
    if !indices.iter().fold(false, |found, index| found | is_wrong(index)) {
        return Ok(());
    }
    let wrong = indices.iter().enumerate().find(|(row, index)| is_wrong(index) && is_valid(nulls, *row));
    match wrong {
        None => Ok(()),
        Some((row, index)) => {
            let message = format_args!("the index of row {row} is {index:?}, and the dictionary has {values} values");
            Err(place.wrong(message))
        }
    }
}

/// No value that is not null is outside of the limits, which are those of its precision.
fn decimals<T: Copy + PartialOrd + std::fmt::Display>(
    values: &[T],
    least: T,
    most: T,
    nulls: Option<&NullBuffer>,
    place: &Place<'_>,
) -> Result<()> {
    let is_wrong = |value: &T| (*value < least) | (*value > most);
    if !values.iter().fold(false, |found, value| found | is_wrong(value)) {
        return Ok(());
    }
    match values.iter().enumerate().find(|(row, value)| is_wrong(value) && is_valid(nulls, *row)) {
        None => Ok(()),
        Some((row, value)) => {
            Err(place.wrong(format_args!("the decimal of row {row}, {value} without its point, is over its precision")))
        }
    }
}

/// Each row of a union is of one of its types, and, where they have offsets, within that type's values.
fn union(ids: &[i8], offsets: Option<&[i32]>, values: &[Option<usize>; 128], place: &Place<'_>) -> Result<()> {
    for (row, id) in ids.iter().enumerate() {
        let Some(count) = usize::try_from(*id).ok().and_then(|id| values[id]) else {
            return Err(place.wrong(format_args!("the type id of row {row} is {id}, which the union has not")));
        };
        let Some(offset) = offsets.map(|offsets| offsets[row]) else { continue };
        if usize::try_from(offset).map_or(true, |offset| offset >= count) {
            let message = format_args!("the offset of row {row} is {offset}, and its type has {count} values");
            return Err(place.wrong(message));
        }
    }
    Ok(())
}

/// Run ends rise from above 0 to `rows` at least.
fn run_ends<T: ArrowNativeType>(ends: &[T], rows: usize, place: &Place<'_>) -> Result<()> {
    let mut before = 0;
    for (run, end) in ends.iter().enumerate() {
        match end.to_usize() {
            Some(end) if end > before => before = end,
            _ => return Err(place.wrong(format_args!("the end of run {run} is {end:?}, not behind the one before"))),
        }
    }
    if before < rows {
        return Err(place.wrong(format_args!("the runs end at {before}, and there are {rows} rows")));
    }
    Ok(())
}
