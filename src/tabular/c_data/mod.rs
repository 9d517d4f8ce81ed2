//! Arrow structs of a host: what comes in as batches, and batches that go out.
//!
//! ```text
//!  abi      the structs, as the C Data and C Stream Interface define them
//!  schema   a schema's struct -> a schema       every string, count and parameter is checked
//!  array    an array's struct -> its data       along the schema; every count and pointer is checked
//!  values   whether the values are what their types say
//!  owner    who releases what was moved, when, and on which thread
//!  import, stream, export
//! ```
//!
//! No code of the arrow crates sees a struct of a host: what they read was built here. Nothing is taken from the host
//! before everything has been checked; then all of it is, by [`Moves::commit`].
#![expect(unsafe_code, reason = "memory of a host is reached by the addresses that its structs hold")]

mod abi;
mod array;
mod export;
mod import;
mod owner;
mod schema;
mod stream;
#[cfg(all(test, not(model)))]
mod tests;
mod values;

pub use abi::{ArrowArray, ArrowArrayStream, ArrowSchema};
pub use export::{Pull, export_batch, export_schema, export_stream};
pub use import::{ImportOptions, import_chunk, import_record, import_schema, import_stream, import_table};
pub use owner::Moves;
pub(super) use stream::{Source, StreamBatches};

use crate::error::Error;

/// Nested types are walked to this depth.
const MAX_DEPTH: usize = 64;
/// Fields that a schema may have, nested ones and dictionaries among them.
const MAX_FIELDS: usize = 65_536;
/// Bytes of a format or a name.
const MAX_TEXT: usize = 64 << 10;
/// Bytes of the metadata of one field.
const MAX_METADATA: usize = 256 << 20;
/// Bytes of a buffer: more than any machine has.
const MAX_BYTES: usize = 1 << 48;
/// Buffers of one array of views.
const MAX_BUFFERS: usize = 1 << 20;

/// Where in a struct something is wrong.
#[derive(Clone, Copy)]
struct Place<'a> {
    /// The struct that it is in; none: it is the root.
    parent: Option<&'a Place<'a>>,
    /// The name of the field; of the root, what the caller calls it.
    name: &'a str,
}

impl<'a> Place<'a> {
    fn root(name: &'a str) -> Place<'a> {
        Place { parent: None, name }
    }

    fn within(&'a self, name: &'a str) -> Place<'a> {
        Place { parent: Some(self), name }
    }

    fn wrong(&self, what: impl std::fmt::Display) -> Error {
        Error::argument(format!("{self}: {what}"))
    }
}

impl std::fmt::Display for Place<'_> {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let mut names = vec![self.name];
        let mut place = self;
        while let Some(parent) = place.parent {
            place = parent;
            names.push(place.name);
        }
        write!(out, "`{}`", names.pop().unwrap_or_default())?;
        if names.is_empty() {
            return Ok(());
        }
        names.reverse();
        write!(out, ", column {:?}", cut(&names.join("."), 200))
    }
}

/// The beginning of a text that is too long for a message.
fn cut(text: &str, most: usize) -> &str {
    let end = (0..=most.min(text.len())).rev().find(|end| text.is_char_boundary(*end));
    &text[..end.unwrap_or(0)]
}
