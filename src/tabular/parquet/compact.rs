//! Small chunks that wait to be encoded together, in memory of our own.

use arrow_array::cast::AsArray;
use arrow_array::{Array, ArrayRef, BinaryViewArray, RecordBatch, StringViewArray, make_array};
use arrow_data::ArrayData;
use arrow_data::transform::MutableArrayData;
use arrow_schema::{ArrowError, DataType};
use arrow_select::concat::concat_batches;
use arrow_select::dictionary::garbage_collect_any_dictionary;
use std::sync::Arc;

/// So many chunks are put together: chunks of a few rows would take more memory for their arrays than for their values.
const TOGETHER: usize = 64;

/// Chunks in order.
#[derive(Default)]
pub(super) struct Waiting {
    joined: Vec<RecordBatch>,
    single: Vec<RecordBatch>,
    rows: usize,
    bytes: usize,
}

impl Waiting {
    /// Rows of all.
    pub(super) fn rows(&self) -> usize {
        self.rows
    }

    /// Bytes of their values.
    pub(super) fn bytes(&self) -> usize {
        self.bytes
    }

    /// Copies a chunk behind the others.
    pub(super) fn push(&mut self, batch: &RecordBatch) -> Result<(), ArrowError> {
        self.bytes += size(batch);
        self.rows += batch.num_rows();
        self.single.push(copy(batch)?);
        if self.single.len() < TOGETHER {
            return Ok(());
        }
        let single = std::mem::take(&mut self.single);
        match concat_batches(&batch.schema(), &single) {
            Ok(joined) => self.joined.push(joined),
            // Their dictionaries together may have more values than the keys can name.
            Err(_) => self.joined.extend(single),
        }
        Ok(())
    }

    /// All of them.
    pub(super) fn take(&mut self) -> Vec<RecordBatch> {
        let mut all = std::mem::take(&mut self.joined);
        all.append(&mut self.single);
        (self.rows, self.bytes) = (0, 0);
        all
    }
}

/// Bytes of the values of a batch, about.
pub(super) fn size(batch: &RecordBatch) -> usize {
    batch.columns().iter().map(column_size).sum()
}

/// Bytes of the values of a column, about: of a slice, those of the slice.
pub(super) fn column_size(column: &ArrayRef) -> usize {
    match column.data_type() {
        DataType::Utf8View => column.as_string_view().total_buffer_bytes_used() + 16 * column.len(),
        DataType::BinaryView => column.as_binary_view().total_buffer_bytes_used() + 16 * column.len(),
        _ => column.to_data().get_slice_memory_size().unwrap_or_else(|_| column.get_array_memory_size()),
    }
}

/// A batch that shares no memory with this one.
fn copy(batch: &RecordBatch) -> Result<RecordBatch, ArrowError> {
    let columns: Result<_, _> = batch.columns().iter().map(|column| copy_array(&column.to_data())).collect();
    RecordBatch::try_new(batch.schema(), columns?)
}

/// An array that shares no memory with this one.
pub(in crate::tabular) fn copy_array(data: &ArrayData) -> Result<ArrayRef, ArrowError> {
    let mut copied =
        MutableArrayData::with_capacities(vec![data], false, arrow_data::transform::Capacities::Array(data.len()));
    copied.try_extend(0, 0, data.len())?;
    Ok(make_array(own(copied.freeze())?))
}

/// What the copy above still shares: the values of dictionaries, and the bytes behind views.
fn own(data: ArrayData) -> Result<ArrayData, ArrowError> {
    if !shares(data.data_type()) {
        return Ok(data);
    }
    Ok(match data.data_type() {
        DataType::Utf8View => make_array(data).as_string_view().iter().collect::<StringViewArray>().into_data(),
        DataType::BinaryView => make_array(data).as_binary_view().iter().collect::<BinaryViewArray>().into_data(),
        DataType::Dictionary(..) => {
            let array = make_array(data);
            let mut dictionary: ArrayRef = array.clone();
            if array.as_any_dictionary().values().len() > array.len() {
                dictionary = garbage_collect_any_dictionary(array.as_any_dictionary())?;
            }
            let dictionary = dictionary.as_any_dictionary();
            let values = copy_array(&dictionary.values().to_data())?;
            dictionary.with_values(values).to_data()
        }
        _ => {
            let children: Result<_, _> = data.child_data().iter().cloned().map(own).collect();
            data.into_builder().child_data(children?).build()?
        }
    })
}

fn shares(data_type: &DataType) -> bool {
    match data_type {
        DataType::Utf8View | DataType::BinaryView | DataType::Dictionary(..) => true,
        DataType::Struct(fields) => fields.iter().any(|field| shares(field.data_type())),
        DataType::List(item)
        | DataType::LargeList(item)
        | DataType::ListView(item)
        | DataType::LargeListView(item)
        | DataType::FixedSizeList(item, _)
        | DataType::Map(item, _) => shares(item.data_type()),
        _ => false,
    }
}

/// One column of all pieces.
pub(super) fn column_slices(pieces: &[RecordBatch], column: usize) -> Vec<ArrayRef> {
    pieces.iter().map(|piece| Arc::clone(piece.column(column))).collect()
}
