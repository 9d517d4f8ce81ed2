//! The end of a file: what it holds, and where.

use super::thrift::{self, Thrift, kind};
use super::{MOST_DEPTH, properties};
use crate::error::{Error, Kind, Result};
use crate::stores::Store;
use crate::tabular::source::Source;
use crate::trace::Trace;
use arrow_schema::{DataType, Field, FieldRef, Fields, Schema, SchemaRef};
use bytes::Bytes;
use parquet::arrow::parquet_to_arrow_schema;
use parquet::errors::ParquetError;
use parquet::file::metadata::{ColumnChunkMetaData, ParquetMetaData, ParquetMetaDataReader};
use std::collections::BTreeSet;
use std::ops::Range;
use std::sync::Arc;

/// Bytes of the end that come with the first request.
const TAIL: u64 = 64 << 10;
/// Bytes that metadata may have.
const MOST_BYTES: u64 = 256 << 20;
/// Columns at any depth, and structs in lists: some hundred bytes of memory each.
const MOST_COLUMNS: u64 = 1 << 20;
const MOST_STRUCTS: u64 = 8 << 20;

/// What a file says that it is.
pub(super) struct Footer {
    pub(super) metadata: ParquetMetaData,
    /// All columns, as Arrow has them.
    pub(super) schema: SchemaRef,
    pub(super) rows: u64,
    /// Columns of Parquet that are encrypted, in some row group.
    pub(super) encrypted: BTreeSet<usize>,
    /// Where the data end.
    pub(super) end: u64,
    /// What has come of the end, and where it begins.
    pub(super) tail: (u64, Bytes),
}

/// What the crate says of a file, as an error of ours.
pub(super) fn wrong(error: ParquetError) -> Error {
    let kind = match &error {
        ParquetError::NYI(_) => Kind::Unsupported,
        _ => Kind::Integrity,
    };
    match error {
        // One of ours, which came through the crate.
        ParquetError::External(error) => match error.downcast::<Error>() {
            Ok(error) => *error,
            Err(error) => Error::new(kind, format!("the object is no valid Parquet: {error}")),
        },
        error => Error::new(kind, format!("the object is no valid Parquet: {error}")),
    }
}

/// What a job ended with. The crate may panic on what it did not expect; that is the file's fault.
pub(super) fn contained<T>(outcome: Result<T>) -> Result<T> {
    outcome.map_err(|error| match error.kind {
        Kind::Panic => Error::new(Kind::Integrity, format!("the object is no valid Parquet: {}", error.message)),
        _ => error,
    })
}

fn invalid(message: impl Into<String>) -> Error {
    Error::new(Kind::Integrity, message)
}

/// Opens an object, and reads its end.
pub(super) async fn open(store: &Store, key: &Arc<str>, trace: &Arc<Trace>) -> Result<(Source, Footer)> {
    let (source, tail) = Source::open(store, key, TAIL, trace).await?;
    let size = trailer(source.size(), &tail)?;
    let end = source.size() - 8 - size;
    let metadata = match tail.len() as u64 >= size + 8 {
        true => tail.slice(tail.len() - (size + 8) as usize..tail.len() - 8),
        false => source.read(std::slice::from_ref(&(end..end + size))).await?.pop().unwrap_or_default(),
    };
    let tail = (source.size() - tail.len() as u64, tail);
    let parse = move || parse(&metadata, end, tail);
    let footer = contained(store.service.compute.run(parse).await)?;
    Ok((source, footer))
}

/// How long the metadata are.
fn trailer(size: u64, tail: &[u8]) -> Result<u64> {
    let Some((rest, last)) = tail.split_last_chunk::<4>().filter(|_| size >= 12) else {
        return Err(invalid(format!("the object has {size} bytes: it is no Parquet")));
    };
    match last {
        b"PAR1" => {}
        b"PARE" => return Err(Error::new(Kind::Unsupported, "the object is Parquet with an encrypted footer")),
        _ => return Err(invalid("the object is no Parquet: it does not end with PAR1")),
    }
    let length = rest.last_chunk::<4>().map_or(0, |bytes| u64::from(u32::from_le_bytes(*bytes)));
    if length > size - 12 {
        return Err(invalid(format!("the footer has {length} bytes, and the object has {size}")));
    }
    if length > MOST_BYTES {
        let message = format!("the footer has {length} bytes; at most {MOST_BYTES} are read");
        return Err(Error::new(Kind::NoSpace, message));
    }
    Ok(length)
}

fn parse(bytes: &Bytes, end: u64, tail: (u64, Bytes)) -> Result<Footer> {
    let encrypted = check(bytes)?;
    let metadata = ParquetMetaDataReader::decode_metadata(bytes).map_err(|error| match encrypted.is_empty() {
        true => wrong(error),
        false => Error::new(Kind::Unsupported, format!("the object has encrypted columns: {error}")),
    })?;
    let mut rows: u64 = 0;
    for row_group in metadata.row_groups() {
        let own = u64::try_from(row_group.num_rows()).ok();
        let sum = own.and_then(|own| rows.checked_add(own)).filter(|rows| *rows <= i64::MAX as u64);
        rows = sum.ok_or_else(|| invalid("the rows of the row groups cannot be counted"))?;
        if row_group.num_columns() != metadata.file_metadata().schema_descr().num_columns() {
            return Err(invalid("a row group has other columns than the schema"));
        }
    }
    let schema = Arc::new(schema(&metadata)?);
    Ok(Footer { metadata, schema, rows, encrypted, end, tail })
}

/// The columns as Arrow has them.
fn schema(metadata: &ParquetMetaData) -> Result<Schema> {
    let file = metadata.file_metadata();
    let schema = parquet_to_arrow_schema(file.schema_descr(), file.key_value_metadata()).map_err(wrong)?;
    if schema.fields().len() != file.schema_descr().root_schema().get_fields().len() {
        return Err(Error::new(Kind::Unsupported, "the object has a column without any columns below it"));
    }
    let fields: Fields = schema.fields().iter().map(readable).collect();
    Ok(Schema::new_with_metadata(fields, schema.metadata().clone()))
}

/// A field as it can be read: some dictionaries that writers tell of can be read as their values alone.
fn readable(field: &FieldRef) -> FieldRef {
    let data_type = match field.data_type() {
        DataType::Dictionary(_, values) if !properties::is_dictionary_kept(values) => values.as_ref().clone(),
        DataType::Struct(fields) => DataType::Struct(fields.iter().map(readable).collect()),
        DataType::List(item) => DataType::List(readable(item)),
        DataType::LargeList(item) => DataType::LargeList(readable(item)),
        DataType::ListView(item) => DataType::ListView(readable(item)),
        DataType::LargeListView(item) => DataType::LargeListView(readable(item)),
        DataType::FixedSizeList(item, size) => DataType::FixedSizeList(readable(item), *size),
        DataType::Map(entries, is_sorted) => DataType::Map(readable(entries), *is_sorted),
        _ => return field.clone(),
    };
    if &data_type == field.data_type() {
        field.clone()
    } else {
        Arc::new(field.as_ref().clone().with_data_type(data_type))
    }
}

/// The leaves of columns, in the order in which Parquet has them.
pub(super) fn leaves(fields: &Fields) -> Vec<FieldRef> {
    fn walk(field: &FieldRef, leaves: &mut Vec<FieldRef>) {
        match field.data_type() {
            DataType::Struct(fields) => fields.iter().for_each(|field| walk(field, leaves)),
            DataType::List(item)
            | DataType::LargeList(item)
            | DataType::ListView(item)
            | DataType::LargeListView(item)
            | DataType::FixedSizeList(item, _)
            | DataType::Map(item, _) => walk(item, leaves),
            _ => leaves.push(field.clone()),
        }
    }
    let mut leaves = Vec::new();
    fields.iter().for_each(|field| walk(field, &mut leaves));
    leaves
}

/// Where the pages of a column lie.
pub(super) fn extent(column: &ColumnChunkMetaData, end: u64) -> Result<Range<u64>> {
    let name = column.column_path().string();
    if column.file_path().is_some() {
        let message = format!("column {name:?} lies in another file, which is not supported");
        return Err(Error::new(Kind::Unsupported, message));
    }
    let first = match column.dictionary_page_offset() {
        // Some writers say 0 where there is none.
        Some(dictionary @ 1..) => dictionary.min(column.data_page_offset()),
        _ => column.data_page_offset(),
    };
    let start = u64::try_from(first).ok();
    let range = start.zip(u64::try_from(column.compressed_size()).ok());
    let range = range.and_then(|(start, size)| Some(start..start.checked_add(size)?)).filter(|range| range.end <= end);
    range.ok_or_else(|| {
        let size = column.compressed_size();
        invalid(format!("column {name:?} lies at {first} with {size} bytes, and the data end at {end}"))
    })
}

/// Refuses metadata that would make the crate reserve more than they are worth, or go deeper than its stack.
/// Gives the columns that are encrypted, which the crate passes over.
fn check(bytes: &[u8]) -> Result<BTreeSet<usize>> {
    let mut thrift = Thrift::new(bytes);
    let mut encrypted = BTreeSet::new();
    let outcome = check_metadata(&mut thrift, &mut encrypted);
    if thrift.structs > MOST_STRUCTS {
        return Err(Error::new(Kind::NoSpace, format!("the footer tells of more than {MOST_STRUCTS} things")));
    }
    outcome.map_err(|why| invalid(format!("the object is no valid Parquet: {why}")))?;
    Ok(encrypted)
}

fn check_metadata(thrift: &mut Thrift, encrypted: &mut BTreeSet<usize>) -> Result<(), thrift::Wrong> {
    let mut last = 0;
    while let Some((field, kind)) = thrift.field(&mut last)? {
        match (field, kind) {
            (2, kind::LIST) => check_schema(thrift)?,
            (4, kind::LIST) => check_row_groups(thrift, encrypted)?,
            _ => thrift.skip(kind)?,
        }
        if thrift.structs > MOST_STRUCTS {
            return Ok(());
        }
    }
    Ok(())
}

fn check_row_groups(thrift: &mut Thrift, encrypted: &mut BTreeSet<usize>) -> Result<(), thrift::Wrong> {
    for _ in 0..structs(thrift)? {
        let mut last = 0;
        while let Some((field, kind)) = thrift.field(&mut last)? {
            match (field, kind) {
                (1, kind::LIST) => check_columns(thrift, encrypted)?,
                _ => thrift.skip(kind)?,
            }
        }
        if thrift.structs > MOST_STRUCTS {
            return Ok(());
        }
    }
    Ok(())
}

fn check_columns(thrift: &mut Thrift, encrypted: &mut BTreeSet<usize>) -> Result<(), thrift::Wrong> {
    for column in 0..structs(thrift)? {
        let mut last = 0;
        while let Some((field, kind)) = thrift.field(&mut last)? {
            // How it is encrypted, and its metadata that are.
            if matches!(field, 8 | 9) {
                encrypted.insert(column as usize);
            }
            thrift.skip(kind)?;
        }
    }
    Ok(())
}

/// How many structs a list has.
fn structs(thrift: &mut Thrift) -> Result<u64, thrift::Wrong> {
    match thrift.list()? {
        (count, kind::STRUCT) if count <= MOST_STRUCTS => Ok(count),
        (0, _) => Ok(0),
        _ => Err("its row groups are no structs"),
    }
}

fn check_schema(thrift: &mut Thrift) -> Result<(), thrift::Wrong> {
    let (count, kind) = thrift.list()?;
    if kind != kind::STRUCT || count > MOST_COLUMNS {
        return Err("its schema has too many columns");
    }
    // Of each group that is open, the children that are still to come.
    let mut open: Vec<i64> = vec![1];
    let mut left = count as i64;
    for _ in 0..count {
        while open.last() == Some(&0) {
            open.pop();
        }
        *open.last_mut().ok_or("its schema has columns outside of it")? -= 1;
        left -= 1;
        let (mut last, mut children) = (0, 0);
        while let Some((field, kind)) = thrift.field(&mut last)? {
            match (field, kind) {
                (5, 4..=6) => children = thrift.integer()?,
                _ => thrift.skip(kind)?,
            }
        }
        if !(0..=left).contains(&children) {
            return Err("its schema has columns without end");
        }
        if children > 0 {
            open.push(children);
        }
        // The table itself, and what surrounds it, are the first two; a column is below the last.
        if open.len() > MOST_DEPTH + 1 {
            return Err("its columns are nested deeper than 64 levels");
        }
    }
    if open.iter().any(|children| *children > 0) { Err("its schema ends too early") } else { Ok(()) }
}

/// A column of the table that is a single column of Parquet, if it is one: statistics tell of its values then.
pub(super) fn flat(metadata: &ParquetMetaData, root: usize, field: &Field) -> Option<usize> {
    let descriptor = metadata.file_metadata().schema_descr();
    let is_primitive = descriptor.root_schema().get_fields().get(root)?.is_primitive();
    let leaf = (0..descriptor.num_columns()).find(|leaf| descriptor.get_column_root_idx(*leaf) == root)?;
    (is_primitive && descriptor.column(leaf).max_rep_level() == 0 && !field.data_type().is_nested()).then_some(leaf)
}

#[cfg(all(test, not(model)))]
mod tests {
    use super::*;

    /// A number as Thrift has it.
    fn number(value: i64) -> Vec<u8> {
        let mut left = ((value << 1) ^ (value >> 63)) as u64;
        let mut bytes = Vec::new();
        while left > 0x7f {
            bytes.push(left as u8 | 0x80);
            left >>= 7;
        }
        bytes.push(left as u8);
        bytes
    }

    /// One without a sign.
    fn unsigned(value: i64) -> Vec<u8> {
        number((value >> 1) ^ -(value & 1))
    }

    /// An element of a schema; a leaf without children.
    fn element(children: Option<i64>) -> Vec<u8> {
        match children {
            Some(children) => [&[0x35][..], &number(1), &[0x18, 1, b'n', 0x15], &number(children), &[0]].concat(),
            // INT32, optional.
            None => [&[0x15][..], &number(1), &[0x25], &number(1), &[0x18, 1, b'n', 0]].concat(),
        }
    }

    fn metadata(count: i64, elements: &[Vec<u8>]) -> Bytes {
        let head = [&[0x15][..], &number(1), &[0x19, 0xfc], &unsigned(count)].concat();
        let tail = [&[0x16][..], &number(0), &[0x19, 0x0c, 0]].concat();
        Bytes::from([head, elements.concat(), tail].concat())
    }

    fn nested(depth: usize) -> Bytes {
        let mut elements = vec![element(Some(1)); depth + 1];
        elements.push(element(None));
        metadata(depth as i64 + 2, &elements)
    }

    fn outcome(bytes: &Bytes) -> Result<Footer> {
        parse(bytes, 0, (0, Bytes::new()))
    }

    #[test]
    fn schemas_have_an_end() {
        let found = outcome(&nested(3)).unwrap();
        assert_eq!((found.rows, found.schema.fields().len()), (0, 1));
        assert!(outcome(&nested(63)).is_ok());
        for depth in [64, 200, 200_000] {
            let error = outcome(&nested(depth)).err().unwrap();
            assert!(error.kind == Kind::Integrity && error.message.contains("deeper"), "{}", error.message);
        }
        let wrong = [
            metadata(i64::from(i32::MAX), &[element(Some(1)), element(None)]),
            metadata(2, &[element(Some(i64::from(i32::MAX))), element(None)]),
            metadata(2, &[element(Some(-1)), element(None)]),
            metadata(3, &[element(Some(1)), element(None), element(None)]),
            metadata(2, &[element(Some(2)), element(None)]),
            Bytes::from_static(&[0x19, 0xfc, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x01]),
            Bytes::from(vec![0x1c; 100_000]),
            Bytes::new(),
        ];
        for bytes in wrong {
            assert_eq!(outcome(&bytes).err().map(|error| error.kind), Some(Kind::Integrity));
        }
    }

    #[test]
    fn what_is_no_parquet_is_told() {
        let told = |size: u64, tail: &[u8]| trailer(size, tail).unwrap_err();
        assert!(told(3, b"abc").message.contains("3 bytes"));
        assert!(told(100, b"\x01\0\0\0PAR2").message.contains("PAR1"));
        assert_eq!(told(100, b"\x01\0\0\0PARE").kind, Kind::Unsupported);
        assert_eq!(told(100, b"\x59\0\0\0PAR1").kind, Kind::Integrity);
        assert_eq!(told(1 << 40, b"\0\0\0\x20PAR1").kind, Kind::NoSpace);
        assert_eq!(trailer(100, b"\x58\0\0\0PAR1").unwrap(), 88);
    }
}
