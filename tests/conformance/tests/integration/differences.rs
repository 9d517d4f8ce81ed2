//! Where a store of the library differs, by its contract, from what the tests of object_store ask. All of it is printed.

use Outcome::{Fails, NotCalled};

pub struct Difference {
    pub function: &'static str,
    /// Empty: every one.
    pub stores: &'static [&'static str],
    pub outcome: Outcome,
    pub why: &'static str,
}

pub enum Outcome {
    /// It cannot be asked.
    NotCalled,
    /// It is called, and the assertion that fails says this.
    Fails(&'static str),
}

const fn differs(
    function: &'static str,
    stores: &'static [&'static str],
    outcome: Outcome,
    why: &'static str,
) -> Difference {
    Difference { function, stores, outcome, why }
}

const UPLOADS: &str = "the ABI has no uploads by id, whose parts come in any order: a writer is one stream";
const DELETION_IS_THERE: &str = "the server takes the mark of a deletion for an object";
const NO_TLS: &str = "the HTTP client that follows signed URLs here has no TLS; the server is that of s3";

pub const DIFFERENCES: &[Difference] = &[
    differs("multipart", &[], NotCalled, UPLOADS),
    differs("multipart_with_opts", &[], NotCalled, UPLOADS),
    differs("multipart_put_part_out_of_order", &[], NotCalled, UPLOADS),
    differs("response_extensions", &[], NotCalled, "they are values of the crate's own HTTP client in Rust"),
    differs("get_opts", &["http"], Fails("Option::unwrap"), "a put over HTTP does not tell the revision"),
    differs("get_opts", &["gcs"], Fails("NoSuchKey"), "its bucket keeps no older versions; gcs-versions has them"),
    differs("copy_if_not_exists", &["s3-versions"], Fails("PreconditionFailed"), DELETION_IS_THERE),
    differs("put_opts", &["http"], Fails("NotImplemented"), "a put over HTTP has no conditions"),
    differs("signing", &["s3-tls"], NotCalled, NO_TLS),
    differs("tagging", &["s3-tls"], NotCalled, NO_TLS),
];
