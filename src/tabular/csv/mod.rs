//! Comma-separated values.
//!
//! ```text
//!  source    what is read, in order                one after the other
//!  decode    encoding -> UTF-8
//!  cut       pieces -> segments of whole records, with their index (index, simd)
//!  rows      a segment's index -> its fields      side by side, on the computing threads
//!  parse     fields -> columns (number, time, text, swar)
//!  head      the header; which types the first records have (infer)
//!  fault     what is wrong, and where
//!  encode    batches -> text
//! ```
//!
//! An unquoted empty field is null, and a quoted one is the empty text. Whether values are quoted does not matter
//! otherwise: `"12"` is a number as `12` is. Empty lines are passed over where a record has several fields, as other
//! programs do. Where it has one, an empty line is a record whose field is null: else a column could not be written
//! and read back.

pub(crate) mod encode;

mod cut;
mod decode;
mod dialect;
mod fault;
mod head;
mod index;
mod infer;
mod number;
mod open;
mod parse;
#[cfg(all(test, not(model)))]
mod round_trip;
mod rows;
mod simd;
mod source;
mod swar;
#[cfg(all(test, not(model)))]
mod tests;
mod text;
mod time;

pub(crate) use open::open;
