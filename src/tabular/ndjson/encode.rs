//! JSON objects out of rows. What is written is what the reader of this folder reads back, with the same types.
//!
//! Nulls are written (`"a":null`), so that a reader that has to find the columns finds them all. What JSON has no
//! number for are the texts `"NaN"`, `"inf"` and `"-inf"`; bytes are text, two hexadecimal digits each.

use crate::error::{Error, Kind, Result};
use crate::service::Shared;
use crate::tabular::decode::quoted;
use crate::tabular::encode::Encode;
use crate::tabular::format::EncodeOptions;
use crate::tabular::ndjson::MOST_LEVELS;
use crate::tabular::scalar::{Scalars, Shape, shape};
use crate::tabular::text::{self, Lines, TextEncoder};
use arrow_array::cast::AsArray;
use arrow_array::{Array, ListLikeArray, RecordBatch};
use arrow_buffer::NullBuffer;
use arrow_schema::{DataType, Field, FieldRef, Fields, SchemaRef};
use std::collections::HashSet;
use std::sync::Arc;

/// Writes batches of a schema as JSON, an object in each line.
pub(crate) fn encoder(service: &Arc<Shared>, schema: &SchemaRef, _options: EncodeOptions) -> Result<Box<dyn Encode>> {
    check_names(schema.fields(), "the table")?;
    for field in schema.fields() {
        check(field, field.data_type(), MOST_LEVELS)?;
    }
    Ok(Box::new(TextEncoder::new(service, Objects, Vec::new())))
}

/// Whether JSON holds a type, of which `column` is or has parts.
fn check(column: &Field, data_type: &DataType, levels: usize) -> Result<()> {
    let Some(levels) = levels.checked_sub(1) else {
        let message = format!("column {} has more than {MOST_LEVELS} levels of nesting", quoted(column.name()));
        return Err(Error::new(Kind::Unsupported, message));
    };
    use DataType::*;
    match data_type {
        Struct(fields) => {
            check_names(fields, &format!("column {}", quoted(column.name())))?;
            fields.iter().try_for_each(|field| check(column, field.data_type(), levels))
        }
        List(item) | LargeList(item) | ListView(item) | LargeListView(item) | FixedSizeList(item, _) => {
            check(column, item.data_type(), levels)
        }
        Map(entries, _) => match entry_fields(entries) {
            Some((key, value)) if shape(key.data_type()) == Some(Shape::Text) => {
                check(column, value.data_type(), levels)
            }
            _ => Err(text::not_held(column, "NDJSON", "; the keys of a map must be text")),
        },
        scalar if shape(scalar).is_some() => Ok(()),
        _ => Err(text::not_held(column, "NDJSON", "")),
    }
}

fn check_names(fields: &Fields, of: &str) -> Result<()> {
    let mut names = HashSet::new();
    match fields.iter().find(|field| !names.insert(field.name())) {
        None => Ok(()),
        Some(field) => {
            let message =
                format!("{of} has {} twice, and an object of NDJSON has each name once", quoted(field.name()));
            Err(Error::new(Kind::Unsupported, message))
        }
    }
}

fn entry_fields(entries: &Field) -> Option<(&FieldRef, &FieldRef)> {
    match entries.data_type() {
        DataType::Struct(fields) => Some((fields.first()?, fields.get(1)?)),
        _ => None,
    }
}

/// A column, or what is inside one.
struct Node<'a> {
    nulls: Option<NullBuffer>,
    values: Values<'a>,
}

enum Values<'a> {
    Scalars(Scalars<'a>),
    Object(Vec<Member<'a>>),
    List(&'a dyn ListLikeArray, Box<Node<'a>>),
    /// Offsets, keys and values.
    Map(&'a [i32], Scalars<'a>, Box<Node<'a>>),
}

struct Member<'a> {
    /// As it is written, with the colon.
    name: Vec<u8>,
    node: Node<'a>,
}

impl<'a> Member<'a> {
    fn new(field: &Field, array: &'a dyn Array) -> Result<Member<'a>, Unheld> {
        let mut name = Vec::new();
        write_text(field.name().as_bytes(), &mut name)?;
        name.push(b':');
        Ok(Member { name, node: Node::new(array)? })
    }
}

/// What has no place in JSON; the type was looked at before, so it is a bug of ours or of a trusted producer.
struct Unheld(&'static str);

impl<'a> Node<'a> {
    fn new(array: &'a dyn Array) -> Result<Node<'a>, Unheld> {
        let list = |list: &'a dyn ListLikeArray| -> Result<Values<'a>, Unheld> {
            Ok(Values::List(list, Box::new(Node::new(list.values().as_ref())?)))
        };
        let values = match array.data_type() {
            DataType::Struct(fields) => {
                let columns = fields.iter().zip(array.as_struct().columns());
                Values::Object(columns.map(|(field, column)| Member::new(field, column)).collect::<Result<_, _>>()?)
            }
            DataType::List(_) => list(array.as_list::<i32>())?,
            DataType::LargeList(_) => list(array.as_list::<i64>())?,
            DataType::ListView(_) => list(array.as_list_view::<i32>())?,
            DataType::LargeListView(_) => list(array.as_list_view::<i64>())?,
            DataType::FixedSizeList(..) => list(array.as_fixed_size_list())?,
            DataType::Map(..) => {
                let map = array.as_map();
                let keys = Scalars::new(map.keys().as_ref()).ok_or(Unheld("its type"))?;
                Values::Map(map.value_offsets(), keys, Box::new(Node::new(map.values().as_ref())?))
            }
            _ => Values::Scalars(Scalars::new(array).ok_or(Unheld("its type"))?),
        };
        Ok(Node { nulls: array.nulls().cloned(), values })
    }

    fn write(&self, row: usize, text: &mut Vec<u8>) -> Result<(), Unheld> {
        if self.nulls.as_ref().is_some_and(|nulls| nulls.is_null(row)) {
            text.extend_from_slice(b"null");
            return Ok(());
        }
        match &self.values {
            Values::Scalars(scalars) => write_scalar(scalars, row, text),
            Values::Object(members) => write_object(members, row, text),
            Values::List(list, items) => {
                text.push(b'[');
                for (index, row) in list.element_range(row).enumerate() {
                    separate(index, text);
                    items.write(row, text)?;
                }
                text.push(b']');
                Ok(())
            }
            Values::Map(offsets, keys, values) => {
                text.push(b'{');
                for (index, row) in (offsets[row] as usize..offsets[row + 1] as usize).enumerate() {
                    separate(index, text);
                    let key = keys.get(row).ok_or(Unheld("a key of the map is null"))?;
                    write_text(key.bytes(), text)?;
                    text.push(b':');
                    values.write(row, text)?;
                }
                text.push(b'}');
                Ok(())
            }
        }
    }
}

fn separate(index: usize, text: &mut Vec<u8>) {
    if index > 0 {
        text.push(b',');
    }
}

fn write_object(members: &[Member<'_>], row: usize, text: &mut Vec<u8>) -> Result<(), Unheld> {
    text.push(b'{');
    for (index, member) in members.iter().enumerate() {
        separate(index, text);
        text.extend_from_slice(&member.name);
        member.node.write(row, text)?;
    }
    text.push(b'}');
    Ok(())
}

fn write_scalar(scalars: &Scalars<'_>, row: usize, text: &mut Vec<u8>) -> Result<(), Unheld> {
    let Some(value) = scalars.get(row) else {
        text.extend_from_slice(b"null");
        return Ok(());
    };
    let begin = text.len();
    match scalars.shape {
        Shape::Text => return write_text(value.bytes(), text),
        Shape::Moment | Shape::Binary => text.push(b'"'),
        _ => {}
    }
    value.write(text).map_err(|fault| Unheld(fault.0))?;
    match scalars.shape {
        Shape::Moment | Shape::Binary => text.push(b'"'),
        Shape::Float if matches!(text.last(), Some(b'N' | b'f')) => {
            text.insert(begin, b'"');
            text.push(b'"');
        }
        _ => {}
    }
    Ok(())
}

/// Appends characters between quotes.
fn write_text(characters: &[u8], text: &mut Vec<u8>) -> Result<(), Unheld> {
    let characters = simdutf8::basic::from_utf8(characters).map_err(|_| Unheld("it is not UTF-8"))?;
    serde_json::to_writer(text, characters).map_err(|_| Unheld("it cannot be written"))
}

struct Objects;

impl Lines for Objects {
    fn write(&self, rows: &RecordBatch, first: u64, text: &mut Vec<u8>) -> Result<usize> {
        let columns = rows.schema_ref().fields().iter().zip(rows.columns());
        let members = columns
            .map(|(field, column)| Member::new(field, column.as_ref()).map_err(|_| text::not_held(field, "NDJSON", "")))
            .collect::<Result<Vec<_>>>()?;
        for row in 0..rows.num_rows() {
            if text::is_full(text) {
                return Ok(row);
            }
            let begin = text.len();
            if let Err(fault) = write_object(&members, row, text) {
                let fields = rows.schema_ref().fields();
                // Found again, as only here it matters in which column it is.
                text.truncate(begin);
                let at = members.iter().position(|member| member.node.write(row, text).is_err()).unwrap_or(0);
                let field = &fields[at];
                return Err(text::value_not_held(field.name(), field.data_type(), first + row as u64, fault.0));
            }
            text.push(b'\n');
        }
        Ok(rows.num_rows())
    }
}
