//! A table from one object into another: as much of it is held as its reader and its writer hold.

use super::format::{Format, by_name};
use super::reader::{TableReader, Turn};
use super::writer::{TableWriteOptions, Writing};
use crate::error::{Error, Kind, Result};
use crate::memory::Loan;
use crate::request::Work;
use crate::stores::Store;
use crate::trace::Trace;
use arrow_schema::Schema;
use std::sync::Arc;

/// Writes what is left of a reader to an object, result: its rows. `loan` is the request's.
pub fn convert(
    reader: &TableReader,
    store: &Store,
    key: Arc<str>,
    options: TableWriteOptions,
    loan: Loan,
) -> Result<Work> {
    if !Arc::ptr_eq(reader.store().service(), store.service()) {
        return Err(Error::argument("the reader's store and `store` are of two services"));
    }
    let format = match options.encode.format {
        Format::Auto => by_name(&key)?,
        format => format,
    };
    let (store, trace) = (store.clone(), Trace::new());
    let mut rest = Rest { turn: reader.turn()?, trace: trace.clone(), is_settled: false };
    Ok(Work::traced(trace.clone(), async move {
        let wants_details = options.put.wants_details;
        let schema = rest.turn.open(&trace).await?;
        let options = with_pairs(options, &schema, format);
        let mut writing = Writing::new(&store, &key, &schema, options)?;
        writing.begin(&loan, &trace);
        while let Some(batch) = rest.turn.next(&trace).await? {
            writing.write(batch).await?;
        }
        let done = writing.finish(wants_details).await?;
        rest.settle();
        Ok(done)
    }))
}

/// The options with the key-value metadata of what is read, where they do not have others. Of IPC the schema has them.
fn with_pairs(mut options: TableWriteOptions, schema: &Schema, format: Format) -> TableWriteOptions {
    if format == Format::Parquet {
        let pairs = &mut options.encode.pairs;
        let mut found: Vec<_> = schema.metadata().iter().filter(|(key, _)| *key != "ARROW:schema").collect();
        found.sort();
        for (key, value) in found {
            if pairs.iter().all(|(given, _)| given != key) {
                pairs.push((key.clone(), value.clone()));
            }
        }
    }
    options
}

/// What is left of a reader. Some of it may have gone into an object that was given up: where that is so, the reader
/// is over.
struct Rest {
    turn: Turn,
    trace: Arc<Trace>,
    is_settled: bool,
}

impl Rest {
    /// All of it is where it was to go.
    fn settle(&mut self) {
        self.is_settled = true;
    }
}

impl Drop for Rest {
    fn drop(&mut self) {
        if !self.is_settled && self.trace.is_accepted() {
            let message = "a conversion has used up the reader, and was not done; make another one";
            self.turn.end(Error::new(Kind::Cancelled, message));
        }
    }
}
