//! Arrow IPC: files, which have a footer, and streams.

pub(super) mod decode;
mod encode;
mod file;
#[cfg(all(test, not(model)))]
mod malformed;
mod message;
mod prepare;
mod stream;
mod trusted;

pub(crate) use encode::encoder;

#[cfg(all(test, not(model)))]
mod writing;
