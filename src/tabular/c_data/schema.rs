//! From the struct of a schema to a schema.

use super::abi::ArrowSchema;
use super::{MAX_DEPTH, MAX_FIELDS, MAX_METADATA, MAX_TEXT, Place, cut};
use crate::error::{Error, Kind, Result};
use arrow_array::timezone::Tz;
use arrow_array::types::{
    Decimal32Type, Decimal64Type, Decimal128Type, Decimal256Type, validate_decimal_precision_and_scale,
};
use arrow_schema::ffi::FFI_ArrowSchema;
use arrow_schema::{DataType, Field, FieldRef, Fields, Schema, SchemaRef, UnionFields, UnionMode};
use std::collections::BTreeMap;
use std::ffi::c_char;
use std::sync::Arc;

const DICTIONARY_ORDERED: i64 = 1;
const NULLABLE: i64 = 2;
const MAP_KEYS_SORTED: i64 = 4;

/// Reads the schema of a table: its root is a struct.
///
/// # Safety
///
/// `schema` is NULL or at a struct, whose pointers are NULL or point to what the interface says.
pub(super) unsafe fn read(schema: *const ArrowSchema, name: &str) -> Result<SchemaRef> {
    let place = Place::root(name);
    let mut reader = Reader { fields: 0 };
    // SAFETY: the caller's.
    let root = unsafe { reader.field(schema, &place, 0) }?;
    let metadata = root.metadata().clone();
    match root.data_type() {
        DataType::Struct(fields) => Ok(Arc::new(Schema::new(fields.clone()).with_metadata(metadata))),
        other => Err(place.wrong(format_args!("a table is a struct (\"+s\") of its columns, and this is {other}"))),
    }
}

struct Reader {
    /// How many were read: a struct that contains itself ends here, or by its depth.
    fields: usize,
}

impl Reader {
    /// # Safety
    ///
    /// As [`read`].
    unsafe fn field(&mut self, at: *const ArrowSchema, place: &Place<'_>, depth: usize) -> Result<Field> {
        if at.is_null() {
            return Err(place.wrong("the schema is NULL"));
        }
        if depth > MAX_DEPTH {
            return Err(Error::argument(format!("a schema is nested more than {MAX_DEPTH} deep, or contains itself")));
        }
        self.fields += 1;
        if self.fields > MAX_FIELDS {
            return Err(Error::argument(format!("a schema has more than {MAX_FIELDS} fields, or contains itself")));
        }
        // SAFETY: not NULL, so a struct, as the caller says.
        let schema = unsafe { at.read_unaligned() };
        if schema.release.is_none() {
            return Err(place.wrong("the schema has been released: its `release` is NULL"));
        }
        // SAFETY: the caller's.
        let (format, name) = unsafe { (text(schema.format, place, "format")?, text(schema.name, place, "name")?) };
        let format = format.ok_or_else(|| place.wrong("the schema's `format` is NULL"))?;
        // SAFETY: the caller's.
        let data_type = unsafe { self.data_type(&schema, &format, place, depth) }?;
        // SAFETY: the caller's.
        let metadata = unsafe { metadata(schema.metadata.cast(), place) }?;
        Ok(Field::new(name.unwrap_or_default(), data_type, schema.flags & NULLABLE != 0)
            .with_dict_is_ordered(schema.flags & DICTIONARY_ORDERED != 0)
            .with_metadata(metadata))
    }

    /// # Safety
    ///
    /// As [`read`].
    unsafe fn data_type(
        &mut self,
        schema: &ArrowSchema,
        format: &str,
        place: &Place<'_>,
        depth: usize,
    ) -> Result<DataType> {
        // SAFETY: the caller's.
        let children = unsafe { self.children(schema, place, depth) }?;
        let data_type = if format.starts_with('+') {
            nested(format, children, schema.flags, place)?
        } else {
            if !children.is_empty() {
                return Err(place.wrong(format_args!("the format {format:?} has no children, and here are some")));
            }
            flat(format, place)?
        };
        if schema.dictionary.is_null() {
            return Ok(data_type);
        }
        if !data_type.is_dictionary_key_type() {
            return Err(place.wrong(format_args!("the indices of a dictionary are integers, and not {data_type}")));
        }
        // SAFETY: the caller's.
        let values = unsafe { self.field(schema.dictionary, &place.within("dictionary"), depth + 1) }?;
        Ok(DataType::Dictionary(Box::new(data_type), Box::new(values.data_type().clone())))
    }

    /// # Safety
    ///
    /// As [`read`].
    unsafe fn children(&mut self, schema: &ArrowSchema, place: &Place<'_>, depth: usize) -> Result<Vec<FieldRef>> {
        let count = usize::try_from(schema.n_children)
            .map_err(|_| place.wrong(format_args!("the schema's `n_children` is {}", schema.n_children)))?;
        if count > MAX_FIELDS {
            return Err(place.wrong(format_args!("{count} children are more than the {MAX_FIELDS} that are read")));
        }
        if count > 0 && schema.children.is_null() {
            return Err(place.wrong(format_args!("the schema has {count} children, and `children` is NULL")));
        }
        let mut children = Vec::with_capacity(count);
        for index in 0..count {
            // SAFETY: the caller's: `n_children` pointers are there.
            let child = unsafe { schema.children.add(index).read_unaligned() };
            let name = format!("[{index}]");
            // SAFETY: the caller's.
            children.push(Arc::new(unsafe { self.field(child, &place.within(&name), depth + 1) }?));
        }
        Ok(children)
    }
}

/// A type without children.
fn flat(format: &str, place: &Place<'_>) -> Result<DataType> {
    let unknown = || {
        let message = format!("{place}: the format {:?} is no type that is known here", cut(format, 100));
        Error::new(Kind::Unsupported, message)
    };
    let alone = FFI_ArrowSchema::try_new(format, Vec::new(), None).map_err(|_| unknown())?;
    let data_type = DataType::try_from(&alone).map_err(|_| unknown())?;
    let checked = match &data_type {
        DataType::FixedSizeBinary(size) if *size < 0 => return Err(place.wrong(format_args!("{size} bytes a value"))),
        DataType::Decimal32(precision, scale) => {
            validate_decimal_precision_and_scale::<Decimal32Type>(*precision, *scale)
        }
        DataType::Decimal64(precision, scale) => {
            validate_decimal_precision_and_scale::<Decimal64Type>(*precision, *scale)
        }
        DataType::Decimal128(precision, scale) => {
            validate_decimal_precision_and_scale::<Decimal128Type>(*precision, *scale)
        }
        DataType::Decimal256(precision, scale) => {
            validate_decimal_precision_and_scale::<Decimal256Type>(*precision, *scale)
        }
        DataType::Timestamp(_, Some(zone)) => zone.parse::<Tz>().map(drop),
        _ => Ok(()),
    };
    checked.map_err(|error| place.wrong(format_args!("the format {:?}: {error}", cut(format, 100))))?;
    Ok(data_type)
}

/// A type with children.
fn nested(format: &str, mut children: Vec<FieldRef>, flags: i64, place: &Place<'_>) -> Result<DataType> {
    let count = children.len();
    let wrong = |what: String| Err(place.wrong(format_args!("the format {:?}: {what}", cut(format, 100))));
    let wants = match format {
        "+s" => count,
        "+r" => 2,
        _ if format.starts_with("+u") => count,
        _ => 1,
    };
    if count != wants {
        return wrong(format!("it has {wants} children, and here are {count}"));
    }
    if let Some(rest) = format.strip_prefix("+u") {
        return union(rest, children, place);
    }
    if format == "+s" {
        return Ok(DataType::Struct(Fields::from(children)));
    }
    // One or two; a child that is taken is there.
    let first = children.swap_remove(0);
    Ok(match format {
        "+l" => DataType::List(first),
        "+L" => DataType::LargeList(first),
        "+vl" => DataType::ListView(first),
        "+vL" => DataType::LargeListView(first),
        "+m" => return map(&first, flags & MAP_KEYS_SORTED != 0, place),
        "+r" => match (first.data_type(), children.pop()) {
            (DataType::Int16 | DataType::Int32 | DataType::Int64, Some(values)) => {
                // Run ends cannot be null, whatever the flag says.
                DataType::RunEndEncoded(Arc::new(first.as_ref().clone().with_nullable(false)), values)
            }
            (other, _) => return wrong(format!("run ends are Int16, Int32 or Int64, and not {other}")),
        },
        _ => match format.strip_prefix("+w:").map(str::parse::<i32>) {
            Some(Ok(size)) if size >= 0 => DataType::FixedSizeList(first, size),
            Some(_) => return wrong("the number of values in a list is not one".to_string()),
            None => {
                let message = format!("{place}: the format {:?} is no type that is known here", cut(format, 100));
                return Err(Error::new(Kind::Unsupported, message));
            }
        },
    })
}

/// A map: neither its entries nor their keys can be null, whatever their flags say.
fn map(entries: &Field, is_sorted: bool, place: &Place<'_>) -> Result<DataType> {
    match entries.data_type() {
        DataType::Struct(fields) if fields.len() == 2 => {
            let key = Arc::new(fields[0].as_ref().clone().with_nullable(false));
            let fields = Fields::from(vec![key, fields[1].clone()]);
            let entries = entries.clone().with_data_type(DataType::Struct(fields)).with_nullable(false);
            Ok(DataType::Map(Arc::new(entries), is_sorted))
        }
        other => Err(place.wrong(format_args!("the entries of a map are a struct of key and value, and not {other}"))),
    }
}

fn union(rest: &str, children: Vec<FieldRef>, place: &Place<'_>) -> Result<DataType> {
    let wrong = |what: &str| place.wrong(format_args!("the format \"+u{}\": {what}", cut(rest, 100)));
    let (mode, ids) = match rest.split_once(':') {
        Some(("d", ids)) => (UnionMode::Dense, ids),
        Some(("s", ids)) => (UnionMode::Sparse, ids),
        _ => return Err(wrong("a union is dense (\"+ud:\") or sparse (\"+us:\")")),
    };
    let ids: Vec<i8> = ids
        .split(',')
        .map(str::parse)
        .collect::<std::result::Result<_, _>>()
        .map_err(|_| wrong("its type ids are not numbers from 0 to 127, with commas between them"))?;
    if ids.len() != children.len() {
        return Err(wrong(&format!("it has {} type ids, and {} children", ids.len(), children.len())));
    }
    let fields = UnionFields::try_new(ids, children).map_err(|error| wrong(&error.to_string()))?;
    Ok(DataType::Union(fields, mode))
}

/// # Safety
///
/// `at` is NULL or at a text that ends with a NUL byte.
unsafe fn text(at: *const c_char, place: &Place<'_>, what: &str) -> Result<Option<String>> {
    if at.is_null() {
        return Ok(None);
    }
    let mut bytes = Vec::new();
    loop {
        // SAFETY: the text has not ended yet.
        match unsafe { at.cast::<u8>().add(bytes.len()).read() } {
            0 => break,
            byte => bytes.push(byte),
        }
        if bytes.len() > MAX_TEXT {
            return Err(place.wrong(format_args!("the schema's `{what}` has more than {MAX_TEXT} bytes")));
        }
    }
    String::from_utf8(bytes).map(Some).map_err(|_| place.wrong(format_args!("the schema's `{what}` is not UTF-8")))
}

/// Keys and values: a count, then sizes and bytes in turns. How many bytes are there, the interface does not tell.
///
/// # Safety
///
/// `at` is NULL or at metadata that is as long as it says.
unsafe fn metadata(at: *const u8, place: &Place<'_>) -> Result<BTreeMap<String, String>> {
    let mut metadata = BTreeMap::new();
    if at.is_null() {
        return Ok(metadata);
    }
    let mut read = 0;
    let number = |read: &mut usize| {
        // SAFETY: the caller's.
        let number = unsafe { at.add(*read).cast::<i32>().read_unaligned() };
        *read += size_of::<i32>();
        usize::try_from(number).map_err(|_| place.wrong(format_args!("the metadata has a count or size of {number}")))
    };
    let text = |read: &mut usize, size: usize| {
        if *read + size > MAX_METADATA {
            return Err(place.wrong(format_args!("the metadata has more than {MAX_METADATA} bytes")));
        }
        // SAFETY: the caller's.
        let bytes = unsafe { std::slice::from_raw_parts(at.add(*read), size) };
        *read += size;
        String::from_utf8(bytes.to_vec()).map_err(|_| place.wrong("the metadata is not UTF-8"))
    };
    for _ in 0..number(&mut read)? {
        let size = number(&mut read)?;
        let key = text(&mut read, size)?;
        let size = number(&mut read)?;
        metadata.insert(key, text(&mut read, size)?);
    }
    Ok(metadata)
}
