//! Apache Parquet.
//!
//! ```text
//!  properties  options -> how the crate writes; what cannot be written
//!  units       seconds and dates of 64 bits -> what Parquet has
//!  compact     small chunks wait, copied, until they are worth encoding
//!  encode      batches -> row groups: columns in parallel
//!  output      encoded pages -> pieces of the file
//!
//!  footer      the end of a file -> what it holds; thrift: looked at before the crate does
//!  plan        options -> which columns and row groups, and how much at once
//!  prune       what the file tells of its values -> which row groups and pages are needed; rows: which rows
//!  pages       bytes -> pages, decompressed (codec) and held against what may be (header, delta)
//!  decode      pages -> batches: row groups at once, columns in parallel
//!  statistics  what the file tells, as a table
//! ```

mod codec;
mod compact;
mod decode;
mod delta;
mod dictionaries;
mod encode;
mod footer;
mod header;
mod output;
mod pages;
mod plan;
mod properties;
mod prune;
mod rows;
mod statistics;
mod thrift;
mod units;

pub(super) use compact::copy_array;
pub(super) use decode::open;
pub(super) use encode::encoder;

/// How deep columns may be nested.
const MOST_DEPTH: usize = 64;

#[cfg(all(test, not(model)))]
mod reading;
#[cfg(all(test, not(model)))]
pub(super) mod samples;
#[cfg(all(test, not(model)))]
mod writing;
