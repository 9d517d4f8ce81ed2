//! A store of the crate object_store that does everything through `libblobferry.so` and its C ABI, as a program in Rust
//! that links against it would.
//!
//! It is there for `tests/integration`, which runs that crate's own tests on it, and as an example. From the bottom:
//!
//! ```text
//!  abi, functions   the header in Rust
//!  handle, failure  what is owned is released; a status that is not OK is an error; details reads what is known
//!  queue            a request is a future; what it lends is kept until its completion, also if nobody waits any more
//!  store            the verbs of object_store, each one call: get, put, delete, list, upload have what takes more
//! ```

pub mod abi;
pub mod details;
pub mod failure;
pub mod functions;
pub mod handle;
pub mod queue;
pub mod store;

mod delete;
mod get;
mod list;
mod put;
mod upload;

pub use store::Store;
