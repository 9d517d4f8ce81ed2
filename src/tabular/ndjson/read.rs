//! How a JSON parser fills columns as it goes.

use super::MOST_LEVELS;
use super::leaf::{Json, Leaf};
use super::node::{Content, List, ListKind, Map, Node, Object};
use crate::tabular::decode::quoted;
use serde::de::{DeserializeSeed, Deserializer, Error as _, MapAccess, SeqAccess, Visitor};
use serde_json::value::RawValue;
use std::fmt;

/// What is said of the place that is read, and of what is wrong there.
pub(super) struct Reading {
    /// Where the line begins in memory.
    pub(super) line: usize,
    /// A value that is none of its column's type is null, if it may be.
    pub(super) is_lenient: bool,
    /// The column that is read.
    pub(super) column: Option<usize>,
    /// Bytes that the columns take.
    pub(super) used: usize,
    /// Bytes that they may take.
    pub(super) most: usize,
    pub(super) fault: Option<Fault>,
}

/// What is wrong with a record.
#[derive(Debug)]
pub(super) struct Fault {
    pub(super) what: String,
    /// Where in the line, if it is not where the parser stands.
    pub(super) at: Option<usize>,
    pub(super) is_too_large: bool,
}

impl Reading {
    /// Notes a fault, and gives what ends the parser.
    fn refuse<E: serde::de::Error>(&mut self, what: String, at: Option<usize>) -> E {
        self.fault.get_or_insert(Fault { what, at, is_too_large: false });
        E::custom("")
    }

    fn take<E: serde::de::Error>(&mut self, bytes: usize) -> Result<(), E> {
        self.used = self.used.saturating_add(bytes);
        if self.used <= self.most {
            return Ok(());
        }
        let what = format!("the record takes more than {} bytes of memory", self.most);
        self.fault.get_or_insert(Fault { what, at: None, is_too_large: true });
        Err(E::custom(""))
    }
}

impl Object {
    fn read<'de, A: MapAccess<'de>>(
        &mut self,
        mut members: A,
        reading: &mut Reading,
        is_root: bool,
    ) -> Result<(), A::Error> {
        self.count += 1;
        self.nulls.append_non_null();
        reading.take(self.width)?;
        // Mostly the members come in order.
        let mut guess = 0;
        while let Some(name) = members.next_key_seed(Name { object: self, guess, reading })? {
            let Some(index) = name else {
                let raw = members.next_value::<&RawValue>()?.get();
                if levels(raw) > MOST_LEVELS {
                    let at = (raw.as_ptr() as usize).saturating_sub(reading.line);
                    return Err(
                        reading.refuse(format!("there are more than {MOST_LEVELS} levels of nesting"), Some(at))
                    );
                }
                continue;
            };
            if is_root {
                reading.column = Some(index);
            }
            if self.seen[index] == self.count {
                return Err(reading.refuse(format!("{} is there twice", quoted(self.fields[index].name())), None));
            }
            self.seen[index] = self.count;
            guess = index + 1;
            members.next_value_seed(Seed { node: &mut self.nodes[index], reading })?;
            if is_root {
                reading.column = None;
            }
        }
        for (index, node) in self.nodes.iter_mut().enumerate() {
            if self.seen[index] != self.count {
                if !node.is_nullable {
                    let name = quoted(self.fields[index].name());
                    return Err(reading.refuse(format!("{name} is missing, and may not be null"), None));
                }
                node.push_null();
            }
        }
        Ok(())
    }
}

/// Levels of lists and objects of a value that is passed over.
fn levels(raw: &str) -> usize {
    let (mut now, mut most, mut is_text, mut is_escaped) = (0usize, 0, false, false);
    for byte in raw.bytes() {
        match byte {
            _ if is_escaped => is_escaped = false,
            b'\\' => is_escaped = true,
            b'"' => is_text = !is_text,
            _ if is_text => {}
            b'[' | b'{' => {
                now += 1;
                most = most.max(now);
            }
            b']' | b'}' => now = now.saturating_sub(1),
            _ => {}
        }
    }
    most
}

impl List {
    fn read<'de, A: SeqAccess<'de>>(&mut self, mut items: A, reading: &mut Reading) -> Result<(), A::Error> {
        let before = self.items;
        loop {
            let item = Seed { node: &mut self.node, reading };
            if items.next_element_seed(item)?.is_none() {
                break;
            }
            self.items += 1;
            // Those of a list of fixed size were counted with it.
            if !matches!(self.kind, ListKind::Fixed(_)) {
                reading.take(self.node.width)?;
            }
        }
        match self.kind {
            ListKind::Fixed(size) if self.items - before != size => {
                let what = format!("the list has {} items, and {size} are wanted", self.items - before);
                return Err(reading.refuse(what, None));
            }
            _ => {}
        }
        self.nulls.append_non_null();
        self.ends.push(self.items);
        Ok(())
    }
}

impl Map {
    fn read<'de, A: MapAccess<'de>>(&mut self, mut members: A, reading: &mut Reading) -> Result<(), A::Error> {
        while let Some(size) = members.next_key_seed(Key(&mut *self.keys))? {
            reading.take(size.saturating_add(8).saturating_add(self.values.width))?;
            members.next_value_seed(Seed { node: &mut self.values, reading })?;
            self.items += 1;
        }
        self.nulls.append_non_null();
        self.ends.push(self.items);
        Ok(())
    }
}

/// Reads a record into the columns of its members.
pub(super) struct Record<'a> {
    pub(super) object: &'a mut Object,
    pub(super) reading: &'a mut Reading,
}

impl<'de> DeserializeSeed<'de> for Record<'_> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_map(self)
    }
}

impl<'de> Visitor<'de> for Record<'_> {
    type Value = ();

    fn expecting(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str("an object")
    }

    fn visit_map<A: MapAccess<'de>>(self, members: A) -> Result<(), A::Error> {
        self.object.read(members, self.reading, true)
    }
}

/// Reads the name of a member, and gives which one it is; none for one that is passed over.
struct Name<'a> {
    object: &'a Object,
    guess: usize,
    reading: &'a mut Reading,
}

impl<'de> DeserializeSeed<'de> for Name<'_> {
    type Value = Option<usize>;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Option<usize>, D::Error> {
        deserializer.deserialize_str(self)
    }
}

impl Visitor<'_> for Name<'_> {
    type Value = Option<usize>;

    fn expecting(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str("a name")
    }

    fn visit_str<E: serde::de::Error>(self, name: &str) -> Result<Option<usize>, E> {
        if self.object.fields.get(self.guess).is_some_and(|field| field.name() == name) {
            return Ok(Some(self.guess));
        }
        match self.object.names.get(name) {
            Some(index) => Ok(*index),
            None if self.object.is_closed => {
                let what = format!(
                    "{} is not among the columns that were inferred from the first records; give a schema, or raise \
                     `csv.infer_rows`",
                    quoted(name)
                );
                Err(self.reading.refuse(what, None))
            }
            None => Ok(None),
        }
    }
}

/// Reads the key of an entry of a map, and gives its bytes.
struct Key<'a>(&'a mut dyn Leaf);

impl<'de> DeserializeSeed<'de> for Key<'_> {
    type Value = usize;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<usize, D::Error> {
        deserializer.deserialize_str(self)
    }
}

impl Visitor<'_> for Key<'_> {
    type Value = usize;

    fn expecting(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str("a key")
    }

    fn visit_str<E: serde::de::Error>(self, key: &str) -> Result<usize, E> {
        self.0.push(&Json::Text(key.into())).ok_or_else(|| E::custom("a key that is no text"))
    }
}

/// Reads a value into its column.
struct Seed<'a> {
    node: &'a mut Node,
    reading: &'a mut Reading,
}

impl Seed<'_> {
    fn null<E: serde::de::Error>(self, at: Option<usize>) -> Result<(), E> {
        if !self.node.is_nullable {
            return Err(self.reading.refuse("it is null, and may not be".to_string(), at));
        }
        self.node.push_null();
        Ok(())
    }

    fn scalar<E: serde::de::Error>(self, raw: &str) -> Result<(), E> {
        let at = Some((raw.as_ptr() as usize).saturating_sub(self.reading.line));
        let Content::Leaf(leaf) = &mut self.node.content else { return Ok(()) };
        let Some(value) = Json::of(raw) else {
            let what = format!("{} has an escape that stands for no character", quoted(raw));
            return self.wrong(what, at);
        };
        if matches!(value, Json::Null) {
            return self.null(at);
        }
        match leaf.push(&value) {
            Some(bytes) => self.reading.take(bytes),
            None => {
                let what = format!("{} is no {}", quoted(value.shown()), self.node.data_type);
                self.wrong(what, at)
            }
        }
    }

    fn wrong<E: serde::de::Error>(self, what: String, at: Option<usize>) -> Result<(), E> {
        if !(self.reading.is_lenient && self.node.is_nullable) {
            return Err(self.reading.refuse(what, at));
        }
        self.node.push_null();
        Ok(())
    }

    /// What is no object or list is looked at before it is parsed as one.
    fn nested<E: serde::de::Error>(self, raw: &str) -> Result<(), E> {
        let opening = if matches!(self.node.content, Content::List(_)) { '[' } else { '{' };
        if !raw.starts_with([opening, 'n']) {
            let what = format!("{} is no {}", quoted(raw), self.node.data_type);
            let at = (raw.as_ptr() as usize).saturating_sub(self.reading.line);
            return self.wrong(what, Some(at));
        }
        serde_json::Deserializer::from_str(raw).deserialize_any(self).map_err(|error| E::custom(super::said(&error)))
    }
}

impl<'de> DeserializeSeed<'de> for Seed<'_> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        match self.node.content {
            Content::Leaf(_) => {
                let raw = <&RawValue as serde::Deserialize>::deserialize(deserializer)?;
                self.scalar(raw.get())
            }
            _ if self.reading.is_lenient => {
                let raw = <&RawValue as serde::Deserialize>::deserialize(deserializer)?;
                self.nested(raw.get())
            }
            _ => deserializer.deserialize_any(self),
        }
    }
}

impl<'de> Visitor<'de> for Seed<'_> {
    type Value = ();

    fn expecting(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(match self.node.content {
            Content::List(_) => "a list",
            _ => "an object",
        })
    }

    fn visit_unit<E: serde::de::Error>(self) -> Result<(), E> {
        self.null(None)
    }

    fn visit_map<A: MapAccess<'de>>(self, members: A) -> Result<(), A::Error> {
        match &mut self.node.content {
            Content::Object(object) => object.read(members, self.reading, false),
            Content::Map(map) => map.read(members, self.reading),
            _ => Err(A::Error::invalid_type(serde::de::Unexpected::Map, &"a list")),
        }
    }

    fn visit_seq<A: SeqAccess<'de>>(self, items: A) -> Result<(), A::Error> {
        match &mut self.node.content {
            Content::List(list) => list.read(items, self.reading),
            _ => Err(A::Error::invalid_type(serde::de::Unexpected::Seq, &"an object")),
        }
    }
}
