//! Columns that grow: scalars, and the lists, objects and maps around them.

use super::leaf::{Leaf, leaf};
use arrow_array::{ArrayRef, FixedSizeListArray, GenericListArray, MapArray, OffsetSizeTrait, StructArray};
use arrow_buffer::{NullBuffer, NullBufferBuilder, OffsetBuffer};
use arrow_schema::{ArrowError, DataType, Field, FieldRef, Fields};
use std::collections::HashMap;
use std::sync::Arc;

/// A column, or what is inside one.
pub(super) struct Node {
    pub(super) data_type: DataType,
    pub(super) is_nullable: bool,
    /// Bytes that a value takes at least.
    pub(super) width: usize,
    pub(super) content: Content,
}

pub(super) enum Content {
    Leaf(Box<dyn Leaf>),
    Object(Object),
    List(List),
    Map(Map),
}

/// An object: its members are columns.
pub(super) struct Object {
    pub(super) fields: Fields,
    pub(super) nodes: Vec<Node>,
    /// Members by name; none for those that are known and not wanted.
    pub(super) names: HashMap<String, Option<usize>>,
    /// Names that are not known are an error.
    pub(super) is_closed: bool,
    /// Which object each member was last seen in.
    pub(super) seen: Vec<u64>,
    pub(super) count: u64,
    pub(super) nulls: NullBufferBuilder,
    pub(super) width: usize,
}

pub(super) struct List {
    pub(super) kind: ListKind,
    pub(super) item: FieldRef,
    /// Ends of the lists, in items.
    pub(super) ends: Vec<usize>,
    pub(super) items: usize,
    pub(super) node: Box<Node>,
    pub(super) nulls: NullBufferBuilder,
}

#[derive(Clone, Copy)]
pub(super) enum ListKind {
    Small,
    Large,
    Fixed(usize),
}

pub(super) struct Map {
    pub(super) entries: FieldRef,
    pub(super) fields: Fields,
    pub(super) is_ordered: bool,
    pub(super) ends: Vec<usize>,
    pub(super) items: usize,
    pub(super) keys: Box<dyn Leaf>,
    pub(super) values: Box<Node>,
    pub(super) nulls: NullBufferBuilder,
}

impl Node {
    /// An empty column. None: JSON has no such values.
    pub(super) fn new(field: &Field, is_closed: bool) -> Option<Node> {
        let (content, width) = match field.data_type() {
            DataType::Struct(fields) => {
                let object = Object::new(fields, fields.iter().map(|field| field.name()), is_closed)?;
                let width = object.width;
                (Content::Object(object), width)
            }
            DataType::List(item) => List::content(item, ListKind::Small, is_closed)?,
            DataType::LargeList(item) => List::content(item, ListKind::Large, is_closed)?,
            DataType::FixedSizeList(item, size) => {
                List::content(item, ListKind::Fixed(usize::try_from(*size).ok()?), is_closed)?
            }
            DataType::Map(entries, is_ordered) => (Content::Map(Map::new(entries, *is_ordered, is_closed)?), 4),
            data_type => {
                let (leaf, width) = leaf(data_type)?;
                (Content::Leaf(leaf), width)
            }
        };
        Some(Node { data_type: field.data_type().clone(), is_nullable: field.is_nullable(), width, content })
    }

    pub(super) fn push_null(&mut self) {
        match &mut self.content {
            Content::Leaf(leaf) => leaf.push_null(),
            Content::Object(object) => {
                object.nulls.append_null();
                object.nodes.iter_mut().for_each(Node::push_null);
            }
            Content::List(list) => {
                list.nulls.append_null();
                if let ListKind::Fixed(size) = list.kind {
                    (0..size).for_each(|_| list.node.push_null());
                    list.items += size;
                }
                list.ends.push(list.items);
            }
            Content::Map(map) => {
                map.nulls.append_null();
                map.ends.push(map.items);
            }
        }
    }

    fn finish(&mut self) -> Result<ArrayRef, ArrowError> {
        match &mut self.content {
            Content::Leaf(leaf) => Ok(leaf.finish()),
            Content::Object(object) => {
                let (rows, nulls) = (object.nulls.len(), object.nulls.finish());
                let columns = object.finish()?;
                Ok(Arc::new(StructArray::try_new_with_length(object.fields.clone(), columns, nulls, rows)?))
            }
            Content::List(list) => list.finish(),
            Content::Map(map) => map.finish(),
        }
    }
}

impl Object {
    /// An object with these members. `known` has their names, and those of others that may be there.
    pub(super) fn new<'a>(fields: &Fields, known: impl Iterator<Item = &'a String>, is_closed: bool) -> Option<Object> {
        let nodes = fields.iter().map(|field| Node::new(field, is_closed)).collect::<Option<Vec<_>>>()?;
        let mut names: HashMap<_, _> = known.map(|name| (name.clone(), None)).collect();
        names.extend(fields.iter().enumerate().map(|(index, field)| (field.name().clone(), Some(index))));
        let width = nodes.iter().fold(0usize, |sum, node| sum.saturating_add(node.width)).saturating_add(1);
        let seen = vec![0; nodes.len()];
        let nulls = NullBufferBuilder::new(0);
        Some(Object { fields: fields.clone(), nodes, names, is_closed, seen, count: 0, nulls, width })
    }

    /// The columns, which are empty then.
    pub(super) fn finish(&mut self) -> Result<Vec<ArrayRef>, ArrowError> {
        self.nulls.finish();
        self.count = 0;
        self.seen.fill(0);
        self.nodes.iter_mut().map(Node::finish).collect()
    }
}

impl List {
    /// An empty column of lists, and the bytes that a list takes at least.
    fn content(item: &FieldRef, kind: ListKind, is_closed: bool) -> Option<(Content, usize)> {
        let node = Box::new(Node::new(item, is_closed)?);
        let width = match kind {
            ListKind::Small => 4,
            ListKind::Large => 8,
            ListKind::Fixed(size) => size.saturating_mul(node.width),
        };
        let nulls = NullBufferBuilder::new(0);
        let list = List { kind, item: item.clone(), ends: Vec::new(), items: 0, node, nulls };
        Some((Content::List(list), width))
    }

    fn finish(&mut self) -> Result<ArrayRef, ArrowError> {
        let (values, nulls) = (self.node.finish()?, self.nulls.finish());
        let rows = self.ends.len();
        let ends = std::mem::take(&mut self.ends);
        self.items = 0;
        Ok(match self.kind {
            ListKind::Small => Arc::new(list::<i32>(self.item.clone(), &ends, values, nulls)?),
            ListKind::Large => Arc::new(list::<i64>(self.item.clone(), &ends, values, nulls)?),
            ListKind::Fixed(size) => {
                let item = self.item.clone();
                Arc::new(FixedSizeListArray::try_new_with_length(item, size as i32, values, nulls, rows)?)
            }
        })
    }
}

fn offsets<O: OffsetSizeTrait>(ends: &[usize]) -> Result<OffsetBuffer<O>, ArrowError> {
    let too_many = || ArrowError::MemoryError("a batch has more items of lists than the type can count".to_string());
    let offsets: Option<Vec<O>> = std::iter::once(&0).chain(ends).map(|end| O::from_usize(*end)).collect();
    Ok(OffsetBuffer::new(offsets.ok_or_else(too_many)?.into()))
}

fn list<O: OffsetSizeTrait>(
    item: FieldRef,
    ends: &[usize],
    values: ArrayRef,
    nulls: Option<NullBuffer>,
) -> Result<GenericListArray<O>, ArrowError> {
    GenericListArray::try_new(item, offsets(ends)?, values, nulls)
}

impl Map {
    fn new(entries: &FieldRef, is_ordered: bool, is_closed: bool) -> Option<Map> {
        let DataType::Struct(fields) = entries.data_type() else { return None };
        let (key, value) = (fields.first()?, fields.get(1)?);
        if !matches!(key.data_type(), DataType::Utf8 | DataType::LargeUtf8) {
            return None;
        }
        Some(Map {
            entries: entries.clone(),
            fields: fields.clone(),
            is_ordered,
            ends: Vec::new(),
            items: 0,
            keys: leaf(key.data_type())?.0,
            values: Box::new(Node::new(value, is_closed)?),
            nulls: NullBufferBuilder::new(0),
        })
    }

    fn finish(&mut self) -> Result<ArrayRef, ArrowError> {
        let columns = vec![self.keys.finish(), self.values.finish()?];
        let entries = StructArray::try_new_with_length(self.fields.clone(), columns, None, self.items)?;
        let (ends, nulls) = (std::mem::take(&mut self.ends), self.nulls.finish());
        self.items = 0;
        let offsets = offsets::<i32>(&ends)?;
        Ok(Arc::new(MapArray::try_new(self.entries.clone(), offsets, entries, nulls, self.is_ordered)?))
    }
}
