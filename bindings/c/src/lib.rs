//! The C boundary: one file per noun of the header, `cast` for pointers, `boundary` for panics.
//!
//! Each exported function is thin: it turns arguments into values with `cast`, calls the crate below, and writes
//! its outputs. The header is the contract for all of them: a pointer is NULL or what the header says it is.
#![expect(unsafe_code, reason = "C hands in pointers")]
#![expect(non_camel_case_types, reason = "types have the names of the header")]

#[cfg(feature = "tabular")]
mod aggregate;
#[cfg(feature = "tabular")]
mod arrow;
mod base;
mod batch;
mod boundary;
mod buffer;
mod cast;
mod compression;
mod cq;
mod details;
mod error;
mod folder;
#[cfg(feature = "tabular")]
mod format;
mod hidden;
mod list;
mod object;
mod reader;
mod report;
mod service;
mod store;
mod submit;
#[cfg(feature = "tabular")]
mod table;
#[cfg(feature = "tabular")]
mod table_convert;
#[cfg(feature = "tabular")]
mod table_reader;
#[cfg(feature = "tabular")]
mod table_write;
mod writer;
