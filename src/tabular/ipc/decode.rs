//! Arrow IPC into batches.
//!
//! A file is read from its footer: the batches that come next are fetched and decoded at once, as far as the budget
//! goes, and of a batch only the buffers of the columns that are wanted. A stream is read in its order.

use super::file::File;
use super::message::{Survey, broken, message, values_of, within};
use super::stream::Stream;
use super::trusted::skips_validation;
use crate::error::{Error, Kind, Result};
use crate::stores::Store;
use crate::tabular::decode::{Decode, needed, wrong};
use crate::tabular::format::{DecodeOptions, Format};
use crate::tabular::source::copied;
use crate::trace::Trace;
use arrow_array::types::{Decimal32Type, Decimal64Type, Decimal128Type, Decimal256Type, DecimalType};
use arrow_array::{Array, ArrayRef, PrimitiveArray, RecordBatch};
use arrow_buffer::Buffer;
use arrow_data::ArrayData;
use arrow_ipc::MessageHeader;
use arrow_ipc::reader::{RecordBatchDecoder, read_dictionary_impl};
use arrow_schema::{DataType, Schema, SchemaRef};
use bytes::Bytes;
use std::collections::HashMap;
use std::sync::Arc;

/// Of a body. Where it is not so, the crate would copy its buffers one by one.
const ALIGNMENT: usize = 8;

/// Opens a blob of either kind.
pub(crate) async fn open(
    store: &Store,
    key: &Arc<str>,
    options: &DecodeOptions,
    trace: &Arc<Trace>,
) -> Result<Box<dyn Decode>> {
    match options.format {
        Format::IpcStream => Ok(Box::new(Stream::open(store, key, options, trace).await?)),
        _ => Ok(Box::new(File::open(store, key, options, trace).await?)),
    }
}

/// What it takes to decode the messages of a blob.
#[derive(Clone)]
pub(super) struct Book {
    pub(super) schema: SchemaRef,
    /// The columns that are read; none = all.
    places: Option<Vec<usize>>,
    dictionaries: HashMap<i64, ArrayRef>,
    /// Bytes that each dictionary was decoded from.
    sizes: HashMap<i64, u64>,
    is_trusted: bool,
    /// Bytes of a batch, and of all dictionaries, at most.
    pub(super) most: u64,
}

impl Book {
    pub(super) fn new(schema: Schema, options: &DecodeOptions) -> Result<Book> {
        let places = needed(options, &schema)?;
        let places = (places.len() < schema.fields().len()).then_some(places);
        Ok(Book {
            schema: Arc::new(schema),
            places,
            dictionaries: HashMap::new(),
            sizes: HashMap::new(),
            is_trusted: options.is_trusted,
            most: options.max_prefetch,
        })
    }

    pub(super) fn has_all(&self) -> bool {
        self.places.is_none()
    }

    fn is_wanted(&self, column: usize) -> bool {
        self.places.as_ref().is_none_or(|places| places.binary_search(&column).is_ok())
    }

    /// Looks at the metadata of a batch.
    pub(super) fn survey(&self, metadata: &[u8], body: u64) -> Result<Survey> {
        let message = message(metadata)?;
        let batch = message.header_as_record_batch().ok_or_else(|| unexpected(message.header_type()))?;
        Survey::of(batch, message.version(), self.schema.fields(), |column| self.is_wanted(column), body)
    }

    /// Decodes a batch that has been looked at.
    pub(super) fn batch(&self, metadata: &[u8], body: &Buffer) -> Result<RecordBatch> {
        let message = message(metadata)?;
        let batch = message.header_as_record_batch().ok_or_else(|| unexpected(message.header_type()))?;
        let version = message.version();
        let batch = RecordBatchDecoder::try_new(body, batch, self.schema.clone(), &self.dictionaries, &version)
            .map_err(wrong)?
            .with_projection(self.places.as_deref())
            .with_skip_validation(skips_validation(self.is_trusted))
            .read_record_batch()
            .map_err(wrong)?;
        if !self.is_trusted {
            batch.columns().iter().try_for_each(|column| check_decimals(&column.to_data()))?;
        }
        Ok(batch)
    }

    /// Takes a dictionary in, or what is added to one. `is_file`: none is replaced.
    pub(super) fn dictionary(&mut self, metadata: &[u8], body: &Buffer, is_file: bool) -> Result<()> {
        let message = message(metadata)?;
        let dictionary = message.header_as_dictionary_batch().ok_or_else(|| unexpected(message.header_type()))?;
        let values = dictionary.data().ok_or_else(|| broken("a dictionary has no values"))?;
        let id = dictionary.id();
        if is_file && !dictionary.isDelta() && self.dictionaries.contains_key(&id) {
            return Err(broken(format!("dictionary {id} is there twice, and a file has one for all its batches")));
        }
        let fields = values_of(&self.schema, id)?;
        let survey = Survey::of(values, message.version(), &fields, |_| true, body.len() as u64)?;
        let size = survey.check(body, self.most)?;
        let before = if dictionary.isDelta() { self.sizes.get(&id).copied().unwrap_or(0) } else { 0 };
        self.sizes.insert(id, before.saturating_add(size));
        let all = self.sizes.values().fold(0, |all: u64, size| all.saturating_add(*size));
        within(all, self.most, "the dictionaries come to")?;
        let (version, flag) = (message.version(), skips_validation(self.is_trusted));
        read_dictionary_impl(body, dictionary, &self.schema, &mut self.dictionaries, &version, false, flag)
            .map_err(wrong)
    }

    /// Whether a column that is read refers to a dictionary.
    pub(super) fn needs_dictionaries(&self) -> bool {
        let fields = self.schema.fields().iter().enumerate();
        fields.filter(|(column, _)| self.is_wanted(*column)).any(|(_, field)| has_dictionary(field.data_type()))
    }
}

/// The crate checks all values but these.
pub(in crate::tabular) fn check_decimals(data: &ArrayData) -> Result<()> {
    match data.data_type() {
        DataType::Decimal32(precision, _) => check_digits::<Decimal32Type>(data, *precision)?,
        DataType::Decimal64(precision, _) => check_digits::<Decimal64Type>(data, *precision)?,
        DataType::Decimal128(precision, _) => check_digits::<Decimal128Type>(data, *precision)?,
        DataType::Decimal256(precision, _) => check_digits::<Decimal256Type>(data, *precision)?,
        _ => {}
    }
    data.child_data().iter().try_for_each(check_decimals)
}

/// The scale has no part in it, and the crate takes a negative one for a large one.
fn check_digits<T: DecimalType>(data: &ArrayData, precision: u8) -> Result<()> {
    let unscaled = PrimitiveArray::<T>::from(data.clone()).with_precision_and_scale(precision, 0).map_err(wrong)?;
    unscaled.validate_decimal_precision(precision).map_err(wrong)
}

fn has_dictionary(data_type: &DataType) -> bool {
    use DataType::*;
    match data_type {
        Dictionary(..) => true,
        List(item) | LargeList(item) | ListView(item) | LargeListView(item) | FixedSizeList(item, _) | Map(item, _) => {
            has_dictionary(item.data_type())
        }
        Struct(fields) => fields.iter().any(|field| has_dictionary(field.data_type())),
        Union(fields, _) => fields.iter().any(|(_, field)| has_dictionary(field.data_type())),
        RunEndEncoded(_, values) => has_dictionary(values.data_type()),
        _ => false,
    }
}

pub(super) fn unexpected(header: MessageHeader) -> Error {
    broken(format!("a message is {header:?} where another was to follow"))
}

/// Pieces as one buffer, at a place where a body may be.
pub(super) fn joined(mut pieces: Vec<Bytes>) -> Result<Buffer> {
    match pieces.as_slice() {
        [] => Ok(Buffer::from(Bytes::new())),
        [only] if (only.as_ptr() as usize).is_multiple_of(ALIGNMENT) => Ok(Buffer::from(pieces.swap_remove(0))),
        _ => Ok(Buffer::from(copied(pieces)?)),
    }
}

pub(super) fn no_memory(error: impl std::fmt::Display) -> Error {
    Error::new(Kind::NoSpace, format!("there is no memory for a batch: {error}"))
}
