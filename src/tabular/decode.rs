//! From bytes to batches.

use super::format::{DecodeOptions, Format, by_name};
use super::source::Flow;
use crate::error::{Error, Kind, Result};
use crate::stores::Store;
use crate::trace::Trace;
use crate::transfer::Compression;
use arrow_array::RecordBatch;
use arrow_schema::{ArrowError, Schema, SchemaRef};
use async_trait::async_trait;
use std::sync::Arc;

/// What a blob is found to be, before its data is read.
#[derive(Clone, Debug)]
pub(crate) struct Found {
    /// All columns of the blob, as found; with its key-value metadata.
    pub(crate) schema: SchemaRef,
    /// Rows, where the blob tells.
    pub(crate) rows: Option<u64>,
    /// Row groups of Parquet, batches of IPC files; else none.
    pub(crate) row_groups: Option<u64>,
    /// Parquet: one row for each row group and leaf column, as table_reader.h says.
    pub(crate) statistics: Option<RecordBatch>,
}

/// Reads the batches of one blob.
#[async_trait]
pub(crate) trait Decode: Send {
    /// What the blob is.
    fn found(&self) -> &Found;

    /// The batches that follow, in order; none at the end. They have the columns that [`DecodeOptions::columns`] and
    /// the predicate name (those of the blob, in its order, where they name none); whoever asked narrows and orders them.
    async fn next(&mut self) -> Result<Option<RecordBatch>>;

    /// Whether the rows that the predicate does not want are left out already.
    fn has_filtered(&self) -> bool {
        false
    }

    /// Records left out so far, as [`super::format::OnError::Skip`] says.
    fn skipped(&self) -> u64 {
        0
    }
}

/// Opens a blob.
pub(crate) async fn decoder(
    store: &Store,
    key: &Arc<str>,
    options: &DecodeOptions,
    trace: &Arc<Trace>,
) -> Result<Box<dyn Decode>> {
    let format = match options.format {
        Format::Auto => told(store, key, trace).await?,
        format => format,
    };
    let options = &DecodeOptions { format, ..options.clone() };
    match format {
        Format::IpcFile | Format::IpcStream => super::ipc::decode::open(store, key, options, trace).await,
        Format::Csv => super::csv::open(store, key, options, trace).await,
        Format::Ndjson => super::ndjson::decode::open(store, key, options, trace).await,
        Format::Parquet => super::parquet::open(store, key, options, trace).await,
        Format::Auto => Err(Error::panic(&"a format that nothing tells")),
    }
}

/// The format that the first bytes of a blob tell, or else its name.
async fn told(store: &Store, key: &Arc<str>, trace: &Arc<Trace>) -> Result<Format> {
    let mut first = Vec::new();
    let mut flow = Flow::open(store, key, Compression::None, 64, trace);
    while first.len() < 8
        && let Some(piece) = flow.next().await?
    {
        first.extend(piece.iter().take(8));
    }
    match first.as_slice() {
        [b'A', b'R', b'R', b'O', b'W', b'1', ..] => Ok(Format::IpcFile),
        [b'P', b'A', b'R', b'1' | b'E', ..] => Ok(Format::Parquet),
        [0xff, 0xff, 0xff, 0xff, ..] => Ok(Format::IpcStream),
        _ => by_name(key),
    }
}

/// Where the column of this name is among those found. None: nowhere, but the schema that the caller asks for has it,
/// so that it is null in this blob.
pub(crate) fn column(name: &str, found: &Schema, given: Option<&Schema>) -> Result<Option<usize>> {
    let mut places = (0..found.fields().len()).filter(|&place| found.field(place).name() == name);
    match (places.next(), places.next()) {
        (Some(place), None) => Ok(Some(place)),
        (Some(_), Some(_)) => Err(Error::argument(format!("several columns have the name {}", quoted(name)))),
        (None, _) if given.is_some_and(|given| given.fields().iter().any(|field| field.name() == name)) => Ok(None),
        (None, _) => Err(Error::argument(format!("there is no column {}; there are: {}", quoted(name), names(found)))),
    }
}

/// The columns of a blob that a decoder has to give: those that are asked for, and those of the predicate; in the order
/// of the blob. A name that is unknown, or not the only one of its kind, is refused here.
pub(crate) fn needed(options: &DecodeOptions, found: &Schema) -> Result<Vec<usize>> {
    let given = options.schema.as_deref();
    let asked: Vec<&str> = match (&options.columns, given) {
        (Some(columns), _) => columns.iter().map(String::as_str).collect(),
        (None, Some(given)) => given.fields().iter().map(|field| field.name().as_str()).collect(),
        (None, None) => return Ok((0..found.fields().len()).collect()),
    };
    let terms = options.predicate.iter().flat_map(|predicate| &predicate.terms).map(|term| term.column.as_str());
    let mut places = Vec::new();
    for name in asked.into_iter().chain(terms) {
        places.extend(column(name, found, given)?);
    }
    places.sort_unstable();
    places.dedup();
    Ok(places)
}

fn names(found: &Schema) -> String {
    let mut names: Vec<_> = found.fields().iter().take(20).map(|field| quoted(field.name())).collect();
    if found.fields().len() > names.len() {
        names.push("…".to_string());
    }
    names.join(", ")
}

/// A text for a message: at most 64 bytes of it, whatever they are.
pub(crate) fn quoted(text: &str) -> String {
    let cut = (0..=text.len().min(64)).rev().find(|&at| text.is_char_boundary(at)).unwrap_or(0);
    format!("{:?}{}", &text[..cut], if cut < text.len() { "…" } else { "" })
}

/// What a crate says of data that are not what they should be.
pub(crate) fn wrong(error: ArrowError) -> Error {
    let kind = match error {
        ArrowError::MemoryError(_) => Kind::NoSpace,
        ArrowError::NotYetImplemented(_) => Kind::Unsupported,
        _ => Kind::Integrity,
    };
    Error::new(kind, error.to_string())
}
