//! How requests end: plain values.

use crate::error::Error;

/// What is known of one object.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Details {
    /// Bytes of the whole object.
    pub size: u64,
    /// An opaque text that changes with the content.
    pub revision: Option<String>,
    /// Nanoseconds since 1970-01-01 UTC.
    pub last_modified_ns: Option<i64>,
    /// The content type that the object was put with.
    pub content_type: Option<String>,
    /// The user metadata that the object was put with, in order of keys.
    pub metadata: Vec<(String, String)>,
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
}

impl Done {
    /// A result, with the details if they are wanted.
    pub fn new(result: u64, details: Details, wanted: bool) -> Done {
        Done { result, is_last_page: false, details: wanted.then(|| Box::new(details)) }
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
}
