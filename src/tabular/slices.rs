//! Batches cut into smaller ones, without a copy.

use arrow_array::cast::AsArray;
use arrow_array::types::{Int16Type, Int32Type, Int64Type, RunEndIndexType};
use arrow_array::{Array, GenericByteViewArray, RecordBatch, types::ByteViewType};
use arrow_schema::{DataType, UnionMode};

/// What is left of a batch, in slices of bounded size. None is empty.
#[derive(Debug)]
pub(crate) struct Slices {
    rest: RecordBatch,
    rows: usize,
    bytes: u64,
}

impl Slices {
    /// Slices of at most so many rows, and, where they have more than one row, at most so many bytes.
    pub(crate) fn new(batch: RecordBatch, rows: u64, bytes: u64) -> Slices {
        Slices { rest: batch, rows: usize::try_from(rows).unwrap_or(usize::MAX).max(1), bytes }
    }
}

impl Iterator for Slices {
    type Item = RecordBatch;

    fn next(&mut self) -> Option<RecordBatch> {
        let mut rows = self.rest.num_rows().min(self.rows);
        if rows == 0 {
            return None;
        }
        let mut slice = self.rest.slice(0, rows);
        while rows > 1 && self.bytes < u64::MAX && measure(&slice) > self.bytes {
            rows = rows.div_ceil(2);
            slice = self.rest.slice(0, rows);
            if rows == 2 && measure(&slice) > self.bytes {
                rows = 1;
                slice = self.rest.slice(0, 1);
            }
        }
        self.rest = self.rest.slice(rows, self.rest.num_rows() - rows);
        Some(slice)
    }
}

/// Bytes of the slices of buffers that a batch consists of. Dictionaries do not count: batches share them.
pub(crate) fn measure(batch: &RecordBatch) -> u64 {
    batch.columns().iter().map(|column| of(column)).sum()
}

fn of(array: &dyn Array) -> u64 {
    use DataType::*;
    let rows = array.len() as u64;
    let nulls = if array.nulls().is_some() { rows.div_ceil(8) } else { 0 };
    let values = match array.data_type() {
        Null => 0,
        Boolean => rows.div_ceil(8),
        Utf8 => span(array.as_string::<i32>().value_offsets()) + rows * 4,
        Binary => span(array.as_binary::<i32>().value_offsets()) + rows * 4,
        LargeUtf8 => span(array.as_string::<i64>().value_offsets()) + rows * 8,
        LargeBinary => span(array.as_binary::<i64>().value_offsets()) + rows * 8,
        Utf8View => views(array.as_string_view()),
        BinaryView => views(array.as_binary_view()),
        FixedSizeBinary(width) => rows * *width as u64,
        List(_) => within(array.as_list::<i32>().values(), array.as_list::<i32>().value_offsets()) + rows * 4,
        LargeList(_) => within(array.as_list::<i64>().values(), array.as_list::<i64>().value_offsets()) + rows * 8,
        Map(..) => within(array.as_map().entries(), array.as_map().value_offsets()) + rows * 4,
        FixedSizeList(..) => of(array.as_fixed_size_list().values()),
        ListView(_) => {
            let list = array.as_list_view::<i32>();
            rows * 8 + share(list.values(), list.sizes().iter().map(|size| *size as u64).sum())
        }
        LargeListView(_) => {
            let list = array.as_list_view::<i64>();
            rows * 16 + share(list.values(), list.sizes().iter().map(|size| *size as u64).sum())
        }
        Struct(_) => array.as_struct().columns().iter().map(|column| of(column)).sum(),
        Dictionary(..) => array.as_any_dictionary_opt().map_or(0, |dictionary| of(dictionary.keys())),
        RunEndEncoded(ends, _) => match ends.data_type() {
            Int16 => runs::<Int16Type>(array),
            Int32 => runs::<Int32Type>(array),
            _ => runs::<Int64Type>(array),
        },
        Union(fields, mode) => {
            let children = fields.iter().map(|(id, _)| array.as_union().child(id));
            match mode {
                UnionMode::Sparse => rows + children.map(|child| of(child)).sum::<u64>(),
                UnionMode::Dense => rows * 5 + children.map(|child| share(child, rows)).max().unwrap_or(0),
            }
        }
        plain => rows * plain.primitive_width().unwrap_or(0) as u64,
    };
    values + nulls
}

fn span<O: arrow_array::OffsetSizeTrait>(offsets: &[O]) -> u64 {
    match offsets {
        [first, .., last] => (*last - *first).as_usize() as u64,
        _ => 0,
    }
}

fn within<O: arrow_array::OffsetSizeTrait>(values: &dyn Array, offsets: &[O]) -> u64 {
    let first = offsets.first().map_or(0, |first| first.as_usize());
    of(&values.slice(first, span(offsets) as usize))
}

fn views<T: ByteViewType + ?Sized>(array: &GenericByteViewArray<T>) -> u64 {
    let long = array.views().iter().map(|view| *view as u32).filter(|length| *length > 12);
    array.len() as u64 * 16 + long.map(u64::from).sum::<u64>()
}

/// About the bytes of so many of the values.
fn share(values: &dyn Array, count: u64) -> u64 {
    (u128::from(of(values)) * u128::from(count) / (values.len() as u128).max(1)) as u64
}

fn runs<R: RunEndIndexType>(array: &dyn Array) -> u64 {
    let Some(array) = array.as_run_opt::<R>() else { return 0 };
    let (first, last) = (array.get_start_physical_index(), array.get_end_physical_index());
    if array.is_empty() {
        return 0;
    }
    let count = last + 1 - first;
    of(&array.values().slice(first, count)) + (count * size_of::<R::Native>()) as u64
}

#[cfg(all(test, not(model)))]
mod tests {
    use super::*;
    use arrow_array::*;
    use arrow_schema::{Field, Schema};
    use std::sync::Arc;

    fn batch(column: impl Array + 'static) -> RecordBatch {
        let schema = Schema::new(vec![Field::new("x", column.data_type().clone(), true)]);
        RecordBatch::try_new(Arc::new(schema), vec![Arc::new(column)]).unwrap()
    }

    #[test]
    fn slices_have_bounded_rows_and_bytes() {
        let texts = StringArray::from_iter_values((0..1000).map(|row| "x".repeat(row % 10)));
        let whole = batch(texts);
        for (rows, bytes) in [(7, u64::MAX), (1000, 100), (u64::MAX, 5000), (64, 64), (1, 1), (2, 1), (3, 1)] {
            let mut at = 0;
            for slice in Slices::new(whole.clone(), rows, bytes) {
                let size = slice.num_rows();
                assert!(size as u64 <= rows && (size == 1 || measure(&slice) <= bytes), "{size} {}", measure(&slice));
                assert_eq!(slice, whole.slice(at, size));
                at += size;
            }
            assert_eq!(at, 1000);
        }
    }

    #[test]
    fn rows_without_bytes_are_cut_one_slice_at_a_time() {
        let mut slices = Slices::new(batch(NullArray::new(usize::MAX >> 1)), 65_536, 1);
        assert_eq!(slices.next().unwrap().num_rows(), 65_536);
        assert_eq!(Slices::new(batch(NullArray::new(0)), 10, 10).count(), 0);
    }

    #[test]
    fn only_what_a_slice_refers_to_is_measured() {
        let list = ListArray::from_iter_primitive::<types::Int64Type, _, _>(
            (0..100).map(|row| Some(vec![Some(1); if row == 50 { 10_000 } else { 1 }])),
        );
        assert!(measure(&batch(list.slice(0, 50))) < 700);
        assert!(measure(&batch(list.slice(50, 1))) > 80_000);
        let views = StringViewArray::from_iter_values((0..100).map(|row| "long".repeat(row)));
        assert!(measure(&batch(views.slice(0, 4))) == 64);
        let nested = StructArray::from(vec![(
            Arc::new(Field::new("a", DataType::Int32, true)),
            Arc::new(Int32Array::from(vec![1; 1000])) as ArrayRef,
        )]);
        assert_eq!(measure(&batch(nested.slice(10, 10))), 40);
    }
}
