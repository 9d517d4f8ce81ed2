//! Encoding: gzip, zstd and deflate, a step at a time.

use super::coding::{Compression, WINDOW, no_memory};
use crate::error::{Error, Kind, Result};
use flate2::{Compress, FlushCompress, Status};
use zstd::zstd_safe::zstd_sys::ZSTD_EndDirective as Directive;
use zstd::zstd_safe::{CCtx, CParameter, InBuffer, OutBuffer, get_error_name};

/// Bytes of room that a call of an encoder is given.
const STEP: usize = 64 << 10;

/// Compresses.
pub(super) enum Encoder {
    Deflate(Box<Compress>),
    Zstd(CCtx<'static>),
}

/// What is to be done with what an encoder still holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Then {
    /// Kept, for better compression.
    GoOn,
    /// Given out, so that all can be decoded that was put in.
    Flush,
    /// Given out, with the end of the stream.
    End,
}

impl Encoder {
    /// With a level, 0 for the default. None where nothing is compressed.
    pub(super) fn new(compression: Compression, level: i32) -> Result<Option<Encoder>> {
        let deflate_level = match u32::try_from(level) {
            Ok(0) | Err(_) => flate2::Compression::default(),
            Ok(level) => flate2::Compression::new(level),
        };
        Ok(Some(match compression {
            Compression::None | Compression::Auto => return Ok(None),
            Compression::Gzip => Encoder::Deflate(Box::new(Compress::new_gzip(deflate_level, WINDOW))),
            Compression::Deflate => Encoder::Deflate(Box::new(Compress::new(deflate_level, true))),
            Compression::Zstd => {
                let mut context = CCtx::try_create().ok_or_else(no_memory)?;
                for parameter in [CParameter::CompressionLevel(level), CParameter::ChecksumFlag(true)] {
                    context.set_parameter(parameter).map_err(|_| no_memory())?;
                }
                Encoder::Zstd(context)
            }
        }))
    }

    /// Appends to `output` what the input, a chunk at most, comes to.
    pub(super) fn encode(&mut self, mut input: &[u8], then: Then, output: &mut Vec<u8>) -> Result<()> {
        loop {
            output.try_reserve(STEP).map_err(|_| no_memory())?;
            let begin = output.len();
            output.resize(begin + STEP, 0);
            let (used, written, is_done) = self.step(input, then, &mut output[begin..])?;
            output.truncate(begin + written);
            input = &input[used..];
            if is_done {
                return Ok(());
            }
        }
    }

    /// Gives the bytes used, the bytes written, and whether all is done that is to be done.
    fn step(&mut self, input: &[u8], then: Then, output: &mut [u8]) -> Result<(usize, usize, bool)> {
        match self {
            Encoder::Deflate(stream) => {
                let flush = match then {
                    Then::GoOn => FlushCompress::None,
                    Then::Flush => FlushCompress::Sync,
                    Then::End => FlushCompress::Finish,
                };
                let before = (stream.total_in(), stream.total_out());
                let status = stream.compress(input, output, flush).map_err(|error| failed(&error.to_string()))?;
                let (used, written) =
                    ((stream.total_in() - before.0) as usize, (stream.total_out() - before.1) as usize);
                let has_room = written < output.len();
                let is_done = match then {
                    Then::End => status == Status::StreamEnd,
                    _ => used == input.len() && has_room,
                };
                Ok((used, written, is_done))
            }
            Encoder::Zstd(context) => {
                let directive = match then {
                    Then::GoOn => Directive::ZSTD_e_continue,
                    Then::Flush => Directive::ZSTD_e_flush,
                    Then::End => Directive::ZSTD_e_end,
                };
                let mut source = InBuffer::around(input);
                let mut target = OutBuffer::around(output);
                let left = context
                    .compress_stream2(&mut target, &mut source, directive)
                    .map_err(|code| failed(get_error_name(code)))?;
                let is_done = match then {
                    Then::GoOn => source.pos == input.len(),
                    _ => left == 0,
                };
                Ok((source.pos, target.pos(), is_done))
            }
        }
    }
}

fn failed(why: &str) -> Error {
    Error::new(Kind::Unknown, format!("the bytes could not be encoded: {why}"))
}
