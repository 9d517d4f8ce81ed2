//! Tables: rows as Apache Arrow, and the blobs that they are kept in.
//!
//! ```text
//!  c_data     Arrow structs of a host  <->  batches         what is wrong is found before arrow sees it
//!  table      batches of one schema, or a stream of them
//!  encode     batches -> bytes          one file or folder for each format
//!  decode     bytes -> batches          the same
//!  sink       bytes -> object           in order, in parts; what it holds is bounded
//!  source     object -> bytes           in order, or by ranges of one state
//!  writer, reader, convert, aggregate, listing: what a request does with them
//! ```
//!
//! Encoding and decoding run on the computing threads of the service (`Shared::compute`), never on its I/O threads.

pub mod aggregate;
pub mod c_data;
pub mod format;
pub mod listing;

mod cast;
mod convert;
mod csv;
mod decode;
mod encode;
mod ipc;
mod literal;
mod moment;
mod ndjson;
mod number;
mod parquet;
mod places;
mod predicate;
mod pulled;
mod reader;
#[cfg(all(test, not(model)))]
mod samples;
mod scalar;
#[cfg(all(test, not(model)))]
mod served;
mod sink;
mod slices;
mod source;
mod table;
mod text;
mod writer;

pub use convert::convert;
pub use pulled::Pulled;
pub use reader::TableReader;
pub use table::Table;
pub use writer::{TableWriteOptions, TableWriter, put};
