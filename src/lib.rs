//! Blobferry: blobs between object stores and the memory of programs written in any language.
//!
//! This crate is the library without its C boundary, which is `bindings/c`. A reader follows one request from top
//! to bottom without turning back; outer rooms know inner rooms, never the reverse:
//!
//! ```text
//!  C call        bindings/c      arguments -> Request                  the only crate that sees C types
//!   -> request   request         what to do, until when, for whom: a plain value with a boxed future
//!   -> admission queue           credits; none left = refused, nothing lent
//!   -> dispatch  dispatch        permits, deadline, cancel, panic containment
//!   -> work      tabular  ->  transfer  ->  stores
//!   -> completion completion     the promise kept exactly once; where completions arrive; the wake
//!  caller        bindings/c      completions copied out, oldest first
//! ```
//!
//! Beside the street: `service` has the threads and the limits, `pool` the threads for what blocks, `memory` the
//! caller's memory on loan, `ticket` the credits and the names of requests, `ring` what has finished, `outcome`,
//! `settings`, `trace` and `error` the values that all of them speak in.

mod dispatch;
mod origin;
mod pool;
mod ring;
mod sync;
mod ticket;
mod trace;

pub mod completion;
pub mod error;
pub mod live;
pub mod memory;
pub mod outcome;
pub mod queue;
pub mod request;
pub mod returns;
pub mod service;
pub mod settings;
pub mod stores;
#[cfg(feature = "tabular")]
pub mod tabular;
pub mod threads;
pub mod transfer;
