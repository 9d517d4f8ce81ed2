//! The messages of Arrow IPC, looked at before the crate sees them.
//!
//! The crate believes lengths: it takes memory for as many bytes as a compressed buffer says that it comes to, and
//! slices a body where a message says that a buffer lies. So everything that a message says of its body is checked
//! here: what is wrong is an error, and what is too large is one before anything was taken for it.

use crate::error::{Error, Kind, Result};
use crate::tabular::decode::wrong;
use arrow_array::types::{
    Decimal32Type, Decimal64Type, Decimal128Type, Decimal256Type, validate_decimal_precision_and_scale,
};
use arrow_buffer::Buffer;
use arrow_ipc::convert::try_fb_to_schema;
use arrow_ipc::{CompressionType, Message, MetadataVersion, root_as_message_with_opts};
use arrow_schema::{DataType, Field, Fields, Schema, UnionMode};
use flatbuffers::VerifierOptions;
use std::ops::Range;
use std::sync::Arc;

/// Bytes of the metadata of one message, or of a footer.
pub(super) const MOST_METADATA: u64 = 64 << 20;
/// Rows, and values of one array. No sum of some of them overflows.
const MOST_LENGTH: i64 = 1 << 48;
/// Values of all arrays together that take no bytes.
const MOST_WITHOUT_BYTES: i64 = 1 << 33;

/// What a flatbuffer may be made of.
pub(super) fn limits() -> VerifierOptions {
    VerifierOptions { max_depth: 64, max_tables: 1_000_000, max_apparent_size: 256 << 20, ..Default::default() }
}

pub(super) fn broken(what: impl std::fmt::Display) -> Error {
    Error::new(Kind::Integrity, format!("this is no Arrow IPC: {what}"))
}

/// Reads the metadata of a message.
pub(super) fn message(metadata: &[u8]) -> Result<Message<'_>> {
    let message = root_as_message_with_opts(&limits(), metadata).map_err(broken)?;
    if message.version() < MetadataVersion::V4 || message.version() > MetadataVersion::V5 {
        let message = format!("a message has metadata version {:?}; V4 and V5 are read", message.version());
        return Err(Error::new(Kind::Unsupported, message));
    }
    Ok(message)
}

/// Reads a schema, and refuses types that the crate would stumble over.
pub(super) fn schema(found: arrow_ipc::Schema<'_>) -> Result<Schema> {
    if !found.endianness().equals_to_target_endianness() {
        let message = "the blob has the byte order of another machine; little endian alone is read";
        return Err(Error::new(Kind::Unsupported, message));
    }
    for field in found.fields().into_iter().flatten() {
        check_unions(field)?;
    }
    let schema = try_fb_to_schema(found).map_err(wrong)?;
    for field in schema.fields() {
        let checked = check_type(field.data_type());
        checked.map_err(|error| error.asked(format!("column {}", crate::tabular::decode::quoted(field.name()))))?;
    }
    Ok(schema)
}

/// The crate takes the lowest eight bits for a union's ids, and more children than there are ids.
fn check_unions(field: arrow_ipc::Field<'_>) -> Result<()> {
    let children = field.children();
    if let Some(union) = field.type_as_union() {
        let count = children.map_or(0, |children| children.len());
        let are_ids = union.typeIds().is_none_or(|ids| ids.iter().all(|id| (0..128).contains(&id)));
        if count > 128 || !are_ids {
            return Err(broken("a union has ids beyond 127"));
        }
    }
    children.into_iter().flatten().try_for_each(check_unions)
}

fn check_type(data_type: &DataType) -> Result<()> {
    use DataType::*;
    match data_type {
        FixedSizeBinary(width) if *width < 0 => Err(broken(format!("values have {width} bytes"))),
        Decimal32(precision, scale) => {
            validate_decimal_precision_and_scale::<Decimal32Type>(*precision, *scale).map_err(wrong)
        }
        Decimal64(precision, scale) => {
            validate_decimal_precision_and_scale::<Decimal64Type>(*precision, *scale).map_err(wrong)
        }
        Decimal128(precision, scale) => {
            validate_decimal_precision_and_scale::<Decimal128Type>(*precision, *scale).map_err(wrong)
        }
        Decimal256(precision, scale) => {
            validate_decimal_precision_and_scale::<Decimal256Type>(*precision, *scale).map_err(wrong)
        }
        FixedSizeList(_, size) if *size < 0 => Err(broken(format!("lists have {size} values"))),
        Map(entries, _) => match entries.data_type() {
            Struct(fields) if fields.len() == 2 => check_type(entries.data_type()),
            other => Err(broken(format!("a map has entries of {other}"))),
        },
        List(item) | LargeList(item) | ListView(item) | LargeListView(item) | FixedSizeList(item, _) => {
            check_type(item.data_type())
        }
        Struct(fields) => fields.iter().try_for_each(|field| check_type(field.data_type())),
        Union(fields, _) => fields.iter().try_for_each(|(_, field)| check_type(field.data_type())),
        Dictionary(_, values) => check_type(values),
        RunEndEncoded(ends, values) => match ends.data_type() {
            Int16 | Int32 | Int64 if !ends.is_nullable() => check_type(values.data_type()),
            other => Err(broken(format!("runs end at {other}"))),
        },
        _ => Ok(()),
    }
}

/// A buffer of a body that is wanted.
#[derive(Clone, Debug)]
struct Wanted {
    range: Range<u64>,
    /// Bytes that it must have, once it is decompressed.
    least: u64,
    /// Bytes of one value, of which it must have a whole number.
    unit: u64,
}

/// What a message says of its body.
#[derive(Clone, Debug)]
pub(super) struct Survey {
    wanted: Vec<Wanted>,
    codec: Option<CompressionType>,
}

impl Survey {
    /// Looks at a batch whose columns have these types; `is_wanted` tells which of them are read.
    pub(super) fn of(
        batch: arrow_ipc::RecordBatch<'_>,
        version: MetadataVersion,
        fields: &Fields,
        is_wanted: impl Fn(usize) -> bool,
        body: u64,
    ) -> Result<Survey> {
        if !(0..=MOST_LENGTH).contains(&batch.length()) {
            return Err(broken(format!("a batch has {} rows", batch.length())));
        }
        let codec = batch.compression().map(|compression| compression.codec());
        if let Some(CompressionType(codec @ 2..)) = codec {
            return Err(Error::new(Kind::Unsupported, format!("the blob is compressed by codec {codec} of IPC")));
        }
        let (Some(nodes), Some(buffers)) = (batch.nodes(), batch.buffers()) else {
            return Err(broken("a batch has no nodes or no buffers"));
        };
        let mut walk = Walk {
            nodes: nodes.iter(),
            buffers: buffers.iter(),
            counts: batch.variadicBufferCounts().into_iter().flatten().collect::<Vec<_>>().into_iter(),
            has_validity_of_unions: version < MetadataVersion::V5,
            body,
            taken: 0,
            without_bytes: 0,
            is_wanted: false,
            wanted: Vec::new(),
        };
        for (index, field) in fields.iter().enumerate() {
            walk.is_wanted = is_wanted(index);
            walk.array(field.data_type())?;
        }
        Ok(Survey { wanted: walk.wanted, codec })
    }

    /// Where in the body the buffers lie that are wanted.
    pub(super) fn ranges(&self) -> impl Iterator<Item = Range<u64>> {
        self.wanted.iter().map(|wanted| wanted.range.clone()).filter(|range| !range.is_empty())
    }

    /// Bytes of the body up to the end of the last of them.
    pub(super) fn end(&self) -> u64 {
        self.wanted.iter().map(|wanted| wanted.range.end).max().unwrap_or(0)
    }

    /// Bytes of these buffers.
    pub(super) fn size(&self) -> u64 {
        self.ranges().map(|range| range.end - range.start).sum()
    }

    /// Looks at the buffers themselves. Gives the bytes that they take once they are decompressed.
    pub(super) fn check(&self, body: &Buffer, most: u64) -> Result<u64> {
        let mut all = 0u64;
        for Wanted { range, least, unit } in &self.wanted {
            let bytes = body.get(range.start as usize..range.end as usize).ok_or_else(|| broken("a body is short"))?;
            let size = match self.codec {
                Some(codec) if !bytes.is_empty() => decompressed(codec, bytes)?,
                _ => bytes.len() as u64,
            };
            if size < *least {
                return Err(broken(format!("a buffer of {size} bytes stands where {least} are needed")));
            }
            if !size.is_multiple_of(*unit) {
                return Err(broken(format!("a buffer of {size} bytes has values of {unit}")));
            }
            all = all.saturating_add(size);
        }
        within(all, most, "a batch comes to")?;
        if self.codec.is_some() {
            // The crate takes the memory without asking whether it is there.
            let mut probe = Vec::<u8>::new();
            let no_memory = |_| Error::new(Kind::NoSpace, format!("there is no memory for {all} bytes of a batch"));
            probe.try_reserve_exact(all as usize).map_err(no_memory)?;
        }
        Ok(all)
    }
}

/// Refuses what does not fit into what may be held.
pub(super) fn within(bytes: u64, most: u64, what: &str) -> Result<()> {
    if bytes <= most {
        return Ok(());
    }
    let message = format!("{what} {bytes} bytes, and `max_prefetch` allows {most}; allow more, or read fewer columns");
    Err(Error::new(Kind::NoSpace, message))
}

/// The bytes that a buffer says it decompresses to, if it can.
fn decompressed(codec: CompressionType, bytes: &[u8]) -> Result<u64> {
    let Some((prefix, rest)) = bytes.split_first_chunk::<8>() else {
        return Err(broken("a compressed buffer does not tell its size"));
    };
    match i64::from_le_bytes(*prefix) {
        // It is not compressed.
        -1 => Ok(rest.len() as u64),
        size @ 0.. => {
            let size = size as u64;
            // No byte of LZ4 stands for more than 255.
            if codec == CompressionType::LZ4_FRAME && size > 255 * rest.len() as u64 {
                let message = format!("{} bytes of LZ4 are said to come to {size}, and cannot", rest.len());
                return Err(broken(message));
            }
            Ok(size)
        }
        size => Err(broken(format!("a compressed buffer has {size} bytes"))),
    }
}

/// Goes through the arrays of a batch in the order in which their nodes and buffers are told.
struct Walk<N, B> {
    nodes: N,
    buffers: B,
    /// Buffers of each array of views.
    counts: std::vec::IntoIter<i64>,
    has_validity_of_unions: bool,
    body: u64,
    /// Bytes of the buffers so far.
    taken: u64,
    without_bytes: i64,
    is_wanted: bool,
    wanted: Vec<Wanted>,
}

impl<'a, N, B> Walk<N, B>
where
    N: Iterator<Item = &'a arrow_ipc::FieldNode>,
    B: Iterator<Item = &'a arrow_ipc::Buffer>,
{
    fn array(&mut self, data_type: &DataType) -> Result<()> {
        use DataType::*;
        let (length, nulls) = self.node()?;
        match data_type {
            Null => self.nothing(length)?,
            Utf8 | Binary => self.texts(length, nulls, 4)?,
            LargeUtf8 | LargeBinary => self.texts(length, nulls, 8)?,
            Utf8View | BinaryView => {
                let count = self.counts.next().and_then(|count| u64::try_from(count).ok());
                let count = count.ok_or_else(|| broken("a column of views does not tell its buffers"))?;
                self.validity(length, nulls)?;
                self.buffer(0, 16)?;
                (0..count).try_for_each(|_| self.buffer(0, 1))?;
            }
            List(item) | Map(item, _) => self.list(length, nulls, &[4], item)?,
            LargeList(item) => self.list(length, nulls, &[8], item)?,
            ListView(item) => self.list(length, nulls, &[4, 4], item)?,
            LargeListView(item) => self.list(length, nulls, &[8, 8], item)?,
            FixedSizeList(item, _) => {
                self.validity(length, nulls)?;
                self.array(item.data_type())?;
            }
            Struct(fields) => {
                self.validity(length, nulls)?;
                fields.iter().try_for_each(|field| self.array(field.data_type()))?;
            }
            RunEndEncoded(ends, values) => {
                self.nothing(length)?;
                self.array(ends.data_type())?;
                self.array(values.data_type())?;
            }
            Union(fields, mode) => {
                if self.has_validity_of_unions {
                    self.buffer(0, 1)?;
                }
                self.buffer(length, 1)?;
                if *mode == UnionMode::Dense {
                    self.offsets_of_union(length)?;
                }
                fields.iter().try_for_each(|(_, field)| self.array(field.data_type()))?;
            }
            Dictionary(keys, _) => {
                self.validity(length, nulls)?;
                self.buffer(0, keys.primitive_width().unwrap_or(1) as u64)?;
            }
            other => {
                self.validity(length, nulls)?;
                self.buffer(0, other.primitive_width().unwrap_or(1) as u64)?;
            }
        }
        Ok(())
    }

    fn texts(&mut self, length: u64, has_nulls: bool, offset: u64) -> Result<()> {
        self.validity(length, has_nulls)?;
        self.buffer(0, offset)?;
        self.buffer(0, 1)
    }

    fn list(&mut self, length: u64, has_nulls: bool, units: &[u64], item: &Field) -> Result<()> {
        self.validity(length, has_nulls)?;
        units.iter().try_for_each(|unit| self.buffer(0, *unit))?;
        self.array(item.data_type())
    }

    fn node(&mut self) -> Result<(u64, bool)> {
        let node = self.nodes.next().ok_or_else(|| broken("a batch has fewer nodes than its schema"))?;
        if !(0..=MOST_LENGTH).contains(&node.length()) || !(0..=node.length()).contains(&node.null_count()) {
            let message = format!("an array has {} values, of which {} are null", node.length(), node.null_count());
            return Err(broken(message));
        }
        Ok((node.length() as u64, node.null_count() > 0))
    }

    /// An array that takes no bytes, whatever its length; what is made of it may take some.
    fn nothing(&mut self, length: u64) -> Result<()> {
        self.without_bytes = self.without_bytes.saturating_add(length as i64);
        if length > i32::MAX as u64 || self.without_bytes > MOST_WITHOUT_BYTES {
            let message = format!("a batch has {length} values that take no bytes; at most {} are read", i32::MAX);
            return Err(Error::new(Kind::Unsupported, message));
        }
        Ok(())
    }

    /// The crate moves other buffers to where they are aligned, and not these.
    fn offsets_of_union(&mut self, length: u64) -> Result<()> {
        self.buffer(length * 4, 4)?;
        match self.wanted.last() {
            Some(offsets) if self.is_wanted && !offsets.range.start.is_multiple_of(8) => {
                Err(broken(format!("the offsets of a union lie at byte {} of a body", offsets.range.start)))
            }
            _ => Ok(()),
        }
    }

    fn validity(&mut self, length: u64, has_nulls: bool) -> Result<()> {
        self.buffer(if has_nulls { length.div_ceil(8) } else { 0 }, 1)
    }

    fn buffer(&mut self, least: u64, unit: u64) -> Result<()> {
        let buffer = self.buffers.next().ok_or_else(|| broken("a batch has fewer buffers than its schema"))?;
        let (offset, length) = (u64::try_from(buffer.offset()), u64::try_from(buffer.length()));
        let range = match (offset, length) {
            (Ok(offset), Ok(length)) => offset.checked_add(length).map(|end| offset..end),
            _ => None,
        };
        let range = range.filter(|range| range.end <= self.body).ok_or_else(|| {
            let (offset, length) = (buffer.offset(), buffer.length());
            broken(format!("a buffer of {length} bytes lies at {offset} in a body of {}", self.body))
        })?;
        // Each may be copied, so that together they must be no more than what is there.
        self.taken += range.end - range.start;
        if self.taken > self.body {
            return Err(broken("buffers lie over each other"));
        }
        if self.is_wanted {
            self.wanted.push(Wanted { range, least, unit });
        }
        Ok(())
    }
}

/// The type of the values of a dictionary.
pub(super) fn values_of(schema: &Schema, id: i64) -> Result<Fields> {
    #[expect(deprecated, reason = "the crate that reads dictionaries finds them so")]
    let fields = schema.fields_with_dict_id(id);
    match fields.first().map(|field| field.data_type()) {
        Some(DataType::Dictionary(_, values)) => {
            Ok(Fields::from(vec![Arc::new(Field::new("", values.as_ref().clone(), true))]))
        }
        _ => Err(broken(format!("there is no column of dictionary {id}"))),
    }
}
