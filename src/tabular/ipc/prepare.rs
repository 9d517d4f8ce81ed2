//! A batch made ready to be written: with dictionaries of our own, and views of no more bytes than they need.

use crate::error::{Error, Kind, Result};
use crate::tabular::parquet::copy_array;
use arrow_array::cast::AsArray;
use arrow_array::types::ArrowDictionaryKeyType;
use arrow_array::{
    Array, ArrayRef, DictionaryArray, FixedSizeListArray, LargeListArray, LargeListViewArray, ListArray, ListViewArray,
    MapArray, PrimitiveArray, RecordBatch, RecordBatchOptions, StructArray, UInt64Array, downcast_dictionary_array,
    new_empty_array,
};
use arrow_buffer::{ArrowNativeType, Buffer};
use arrow_schema::{ArrowError, DataType, Field, FieldRef, Schema, SchemaRef};
use arrow_select::concat::concat;
use arrow_select::take::take;
use std::collections::HashMap;
use std::sync::Arc;

/// Views may refer to so many bytes more than they need, besides as many again as they need.
const MOST_SPARE: usize = 1 << 20;

/// What was written of the dictionaries, which readers know from then on.
pub(super) struct Preparer {
    /// A file has one dictionary for a column, which grows; a stream has one after the other.
    is_file: bool,
    /// By their order in the schema.
    known: Vec<Known>,
    /// How many of them the batch that is looked at has had so far.
    next: usize,
    has_changed: bool,
    has_views: bool,
}

#[derive(Default)]
struct Known {
    values: Option<ArrayRef>,
    /// Which value stands where; only once it was needed.
    places: Option<HashMap<Option<Vec<u8>>, usize>>,
}

/// A batch that is ready.
pub(super) struct Prepared {
    pub(super) batch: RecordBatch,
    /// A batch without rows that has dictionaries which readers do not know yet.
    pub(super) dictionaries: Option<RecordBatch>,
}

impl Preparer {
    pub(super) fn new(schema: &Schema, is_file: bool) -> Result<Preparer> {
        schema.fields().iter().try_for_each(|field| check(field))?;
        let has_views = schema.fields().iter().any(|field| has_views(field.data_type()));
        Ok(Preparer { is_file, known: Vec::new(), next: 0, has_changed: false, has_views })
    }

    /// Whether a few rows of a batch may refer to all of its memory.
    pub(super) fn has_views(&self) -> bool {
        self.has_views
    }

    pub(super) fn prepare(&mut self, batch: RecordBatch) -> Result<Prepared> {
        let schema = batch.schema();
        if !schema.fields().iter().any(|field| is_looked_at(field.data_type())) {
            return Ok(Prepared { batch, dictionaries: None });
        }
        (self.next, self.has_changed) = (0, false);
        let columns = schema.fields().iter().zip(batch.columns());
        let columns = columns.map(|(field, column)| self.look(column, field.name())).collect::<Result<Vec<_>>>()?;
        let options = RecordBatchOptions::new().with_row_count(Some(batch.num_rows()));
        let batch = RecordBatch::try_new_with_options(schema, columns, &options).map_err(failed)?;
        let dictionaries = match self.has_changed {
            true => Some(self.empty(batch.schema_ref())?),
            false => None,
        };
        Ok(Prepared { batch, dictionaries })
    }

    fn look(&mut self, array: &ArrayRef, name: &str) -> Result<ArrayRef> {
        if !is_looked_at(array.data_type()) {
            return Ok(array.clone());
        }
        let rebuilt: ArrayRef = match array.data_type() {
            DataType::Dictionary(..) => return self.dictionary(array, name),
            DataType::Utf8View => {
                let views = array.as_string_view();
                let is_spare = is_spare(views.data_buffers(), || views.total_buffer_bytes_used());
                if is_spare { Arc::new(views.gc()) } else { array.clone() }
            }
            DataType::BinaryView => {
                let views = array.as_binary_view();
                let is_spare = is_spare(views.data_buffers(), || views.total_buffer_bytes_used());
                if is_spare { Arc::new(views.gc()) } else { array.clone() }
            }
            DataType::Struct(_) => {
                let (fields, columns, nulls) = array.as_struct().clone().into_parts();
                let looked: Result<Vec<_>> = columns.iter().map(|column| self.look(column, name)).collect();
                Arc::new(StructArray::try_new_with_length(fields, looked?, nulls, array.len()).map_err(failed)?)
            }
            DataType::List(_) => {
                let (field, offsets, values, nulls) = array.as_list::<i32>().clone().into_parts();
                Arc::new(ListArray::try_new(field, offsets, self.look(&values, name)?, nulls).map_err(failed)?)
            }
            DataType::LargeList(_) => {
                let (field, offsets, values, nulls) = array.as_list::<i64>().clone().into_parts();
                Arc::new(LargeListArray::try_new(field, offsets, self.look(&values, name)?, nulls).map_err(failed)?)
            }
            DataType::ListView(_) => {
                let (field, offsets, sizes, values, nulls) = array.as_list_view::<i32>().clone().into_parts();
                let values = self.look(&values, name)?;
                Arc::new(ListViewArray::try_new(field, offsets, sizes, values, nulls).map_err(failed)?)
            }
            DataType::LargeListView(_) => {
                let (field, offsets, sizes, values, nulls) = array.as_list_view::<i64>().clone().into_parts();
                let values = self.look(&values, name)?;
                Arc::new(LargeListViewArray::try_new(field, offsets, sizes, values, nulls).map_err(failed)?)
            }
            DataType::FixedSizeList(..) => {
                let (field, size, values, nulls) = array.as_fixed_size_list().clone().into_parts();
                let values = self.look(&values, name)?;
                let list = FixedSizeListArray::try_new_with_length(field, size, values, nulls, array.len());
                Arc::new(list.map_err(failed)?)
            }
            DataType::Map(..) => {
                let (field, offsets, entries, nulls, is_ordered) = array.as_map().clone().into_parts();
                let entries: ArrayRef = Arc::new(entries);
                let entries = self.look(&entries, name)?.as_struct().clone();
                Arc::new(MapArray::try_new(field, offsets, entries, nulls, is_ordered).map_err(failed)?)
            }
            _ => array.clone(),
        };
        Ok(rebuilt)
    }

    fn dictionary(&mut self, array: &ArrayRef, name: &str) -> Result<ArrayRef> {
        let dictionary = array.as_any_dictionary();
        let given = dictionary.values();
        if self.known.len() == self.next {
            self.known.push(Known::default());
        }
        let known = &mut self.known[self.next];
        self.next += 1;
        match &known.values {
            // What readers know begins with what is given: its keys mean the same.
            Some(values) if begins_with(values, given) => return Ok(dictionary.with_values(values.clone())),
            Some(values) if self.is_file && !begins_with(given, values) => {}
            _ => {
                let values = copy_array(&given.to_data()).map_err(failed)?;
                *known = Known { values: Some(values.clone()), places: None };
                self.has_changed = true;
                return Ok(dictionary.with_values(values));
            }
        }
        let (values, places, has_grown) = known.take_in(given, name)?;
        self.has_changed |= has_grown;
        rekeyed(array, &places, &values, name)
    }

    /// A batch without rows that has the dictionaries that are known now, and no memory of another.
    fn empty(&mut self, schema: &SchemaRef) -> Result<RecordBatch> {
        self.next = 0;
        let fields = schema.fields().iter();
        let columns = fields.map(|field| self.look(&new_empty_array(field.data_type()), field.name()));
        let columns = columns.collect::<Result<Vec<_>>>()?;
        let options = RecordBatchOptions::new().with_row_count(Some(0));
        RecordBatch::try_new_with_options(schema.clone(), columns, &options).map_err(failed)
    }
}

impl Known {
    /// Puts those of the given values behind the others that are not among them. Gives all, where each of those given
    /// stands, and whether there are more now.
    fn take_in(&mut self, given: &ArrayRef, name: &str) -> Result<(ArrayRef, Vec<usize>, bool)> {
        let values = self.values.clone().unwrap_or_else(|| new_empty_array(given.data_type()));
        let known = match &mut self.places {
            Some(places) => places,
            empty => {
                let mut places = HashMap::new();
                for (index, value) in texts(&values, name)?.into_iter().enumerate() {
                    places.entry(value).or_insert(index);
                }
                empty.insert(places)
            }
        };
        let (mut places, mut added) = (Vec::with_capacity(given.len()), Vec::new());
        for (index, value) in texts(given, name)?.into_iter().enumerate() {
            places.push(*known.entry(value).or_insert_with(|| {
                added.push(index as u64);
                values.len() + added.len() - 1
            }));
        }
        if added.is_empty() {
            return Ok((values, places, false));
        }
        let added = take(given, &UInt64Array::from(added), None).map_err(failed)?;
        let all = concat(&[&values, &added]).map_err(failed)?;
        let all = copy_array(&all.to_data()).map_err(failed)?;
        self.values = Some(all.clone());
        Ok((all, places, true))
    }
}

/// Whether the first values of one are all of the other.
fn begins_with(values: &ArrayRef, first: &ArrayRef) -> bool {
    values.len() >= first.len() && values.slice(0, first.len()).to_data() == first.to_data()
}

/// The bytes of each value; none where it is null.
fn texts(values: &ArrayRef, name: &str) -> Result<Vec<Option<Vec<u8>>>> {
    fn of<T: AsRef<[u8]>>(values: impl Iterator<Item = Option<T>>) -> Vec<Option<Vec<u8>>> {
        values.map(|value| Some(value?.as_ref().to_vec())).collect()
    }
    Ok(match values.data_type() {
        DataType::Utf8 => of(values.as_string::<i32>().iter()),
        DataType::LargeUtf8 => of(values.as_string::<i64>().iter()),
        DataType::Utf8View => of(values.as_string_view().iter()),
        DataType::Binary => of(values.as_binary::<i32>().iter()),
        DataType::LargeBinary => of(values.as_binary::<i64>().iter()),
        DataType::BinaryView => of(values.as_binary_view().iter()),
        DataType::FixedSizeBinary(_) => of(values.as_fixed_size_binary().iter()),
        other => {
            let Some(width) = other.primitive_width() else { return Err(differs(name)) };
            let data = values.to_data();
            let bytes = data.buffers()[0].as_slice()[data.offset() * width..].chunks_exact(width);
            let valued = bytes.take(data.len()).enumerate();
            of(valued.map(|(index, bytes)| data.is_valid(index).then_some(bytes)))
        }
    })
}

/// The dictionary with other values, of which `places` tells where those of each key stand.
fn rekeyed(array: &ArrayRef, places: &[usize], values: &ArrayRef, name: &str) -> Result<ArrayRef> {
    fn typed<K: ArrowDictionaryKeyType>(
        dictionary: &DictionaryArray<K>,
        places: &[usize],
        values: &ArrayRef,
        name: &str,
    ) -> Result<ArrayRef> {
        let keys = dictionary.keys_iter().map(|key| match key.and_then(|key| places.get(key)) {
            None => Ok(None),
            Some(place) => K::Native::from_usize(*place).map(Some).ok_or_else(|| differs(name)),
        });
        let keys = keys.collect::<Result<PrimitiveArray<K>>>()?;
        Ok(Arc::new(DictionaryArray::try_new(keys, values.clone()).map_err(failed)?))
    }
    downcast_dictionary_array! {
        array => typed(array, places, values, name),
        _ => Ok(array.clone())
    }
}

fn differs(name: &str) -> Error {
    let message = format!(
        "column {name:?}: the chunks have dictionaries that differ, and keys of its type cannot name the values of all \
         of them, as one dictionary for the whole of an IPC file must; write an IPC stream, which has a dictionary for \
         each chunk"
    );
    Error::new(Kind::Unsupported, message)
}

/// Whether buffers of views hold much that no view refers to.
fn is_spare(buffers: &[Buffer], needed: impl FnOnce() -> usize) -> bool {
    let held = buffers.iter().map(Buffer::len).sum::<usize>();
    held > MOST_SPARE && held / 2 > needed().saturating_add(MOST_SPARE / 2)
}

/// Whether arrays of this type are looked at.
fn is_looked_at(data_type: &DataType) -> bool {
    match data_type {
        DataType::Dictionary(..) | DataType::Utf8View | DataType::BinaryView => true,
        DataType::Union(..) | DataType::RunEndEncoded(..) => false,
        other => children(other).iter().any(|field| is_looked_at(field.data_type())),
    }
}

fn has_views(data_type: &DataType) -> bool {
    use DataType::{BinaryView, LargeListView, ListView, Utf8View};
    matches!(data_type, Utf8View | BinaryView | ListView(_) | LargeListView(_))
        || children(data_type).iter().any(|field| has_views(field.data_type()))
}

fn has_dictionary(data_type: &DataType) -> bool {
    matches!(data_type, DataType::Dictionary(..))
        || children(data_type).iter().any(|field| has_dictionary(field.data_type()))
}

fn children(data_type: &DataType) -> Vec<&FieldRef> {
    match data_type {
        DataType::Struct(fields) => fields.iter().collect(),
        DataType::List(field)
        | DataType::LargeList(field)
        | DataType::ListView(field)
        | DataType::LargeListView(field)
        | DataType::FixedSizeList(field, _)
        | DataType::Map(field, _) => vec![field],
        DataType::Union(fields, _) => fields.iter().map(|(_, field)| field).collect(),
        DataType::RunEndEncoded(_, values) => vec![values],
        _ => Vec::new(),
    }
}

/// Refuses dictionaries where they cannot be followed.
fn check(field: &Field) -> Result<()> {
    let holds = |what: &str| {
        let (name, held) = (field.name(), field.data_type());
        let message = format!("column {name:?} is {held}: {what} is written to no IPC; cast it to its values");
        Err(Error::new(Kind::Unsupported, message))
    };
    match field.data_type() {
        DataType::Dictionary(_, values) if has_dictionary(values) => holds("a dictionary within a dictionary"),
        DataType::Union(..) if has_dictionary(field.data_type()) => holds("a dictionary within a union"),
        DataType::RunEndEncoded(..) if has_dictionary(field.data_type()) => holds("a dictionary within runs"),
        other => children(other).into_iter().try_for_each(|field| check(field)),
    }
}

/// What the arrow crates refuse of a batch that was looked at before.
pub(super) fn failed(error: ArrowError) -> Error {
    let kind = match error {
        ArrowError::MemoryError(_) => Kind::NoSpace,
        ArrowError::NotYetImplemented(_) => Kind::Unsupported,
        _ => Kind::Argument,
    };
    Error::new(kind, format!("the rows cannot be written: {error}"))
}
