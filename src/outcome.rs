//! How requests end: plain values.

use crate::error::Error;
use crate::memory::Memory;
use crate::returns::Return;
#[cfg(feature = "tabular")]
use crate::tabular::Table;

/// What an object's server tells whoever reads it about how to.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ContentHeaders {
    /// What the bytes are.
    pub content_type: Option<String>,
    /// How they are packed.
    pub content_encoding: Option<String>,
    /// For whom they are written.
    pub content_language: Option<String>,
    /// How they are shown, and under which name kept.
    pub content_disposition: Option<String>,
    /// How long they may be kept.
    pub cache_control: Option<String>,
}

impl ContentHeaders {
    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        *self == ContentHeaders::default()
    }

    /// Those that are there, by the names that they have in HTTP.
    pub(crate) fn each(&self) -> impl Iterator<Item = (&'static str, &String)> {
        let all = [
            ("content-type", &self.content_type),
            ("content-encoding", &self.content_encoding),
            ("content-language", &self.content_language),
            ("content-disposition", &self.content_disposition),
            ("cache-control", &self.cache_control),
        ];
        all.into_iter().filter_map(|(name, value)| Some((name, value.as_ref()?)))
    }
}

/// What is known of one object.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Details {
    /// Bytes of the whole object.
    pub size: u64,
    /// An opaque text that changes with the content.
    pub revision: Option<String>,
    /// Nanoseconds since 1970-01-01 UTC.
    pub last_modified_ns: Option<i64>,
    /// The name of this version, where the store keeps several.
    pub version: Option<String>,
    /// The content headers that the object was put with.
    pub headers: ContentHeaders,
    /// The user metadata that the object was put with, in order of keys.
    pub metadata: Vec<(String, String)>,
    /// Of a table that was written.
    pub rows: Rows,
}

/// What a table has.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Rows {
    /// Rows.
    pub count: u64,
    /// Row groups of Parquet, batches of IPC; else 0.
    pub groups: u64,
}

/// How a request went well.
#[derive(Debug, Default)]
pub struct Done {
    /// Bytes or entries, as the verb says.
    pub result: u64,
    /// Of a page: no page follows.
    pub is_last_page: bool,
    /// What is known of the object, if it was asked for.
    pub details: Option<Box<Details>>,
    /// Bytes that were asked for without memory to put them into.
    pub buffer: Option<Memory>,
    /// Rows that were asked for.
    #[cfg(feature = "tabular")]
    pub table: Option<Table>,
}

impl Done {
    /// A result, with the details if they are wanted.
    pub fn new(result: u64, details: Details, wanted: bool) -> Done {
        Done { result, details: wanted.then(|| Box::new(details)), ..Done::default() }
    }

    /// The same of an object that is a table: the result is its rows.
    pub(crate) fn of_table(mut self, rows: Option<Rows>) -> Done {
        let Some(rows) = rows else { return self };
        self.result = rows.count;
        if let Some(details) = &mut self.details {
            details.rows = rows;
        }
        self
    }
}

/// How a request ended.
pub type Outcome = Result<Done, Box<Error>>;

/// One finished request.
#[derive(Debug)]
pub struct Completion {
    /// As the submit call gave it.
    pub ticket: u64,
    /// As the submit call took it.
    pub user_data: u64,
    /// How the request ended.
    pub outcome: Outcome,
    /// What the host gave with the request, to be given back before it has the completion.
    pub(crate) back: Vec<Return>,
}
