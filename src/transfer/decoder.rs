//! Decoding: gzip, zstd and deflate, a step at a time.

use super::coding::{Compression, WINDOW, no_memory};
use crate::error::{Error, Kind, Result};
use crate::memory::CHUNK;
use flate2::{Decompress, FlushDecompress, Status};
use zstd::zstd_safe::{DCtx, DParameter, InBuffer, OutBuffer, get_error_name};

/// The most bytes that a frame of zstd may refer back to, as a power of two.
const ZSTD_WINDOW: u32 = 27;
/// The most calls of a decoder in one step: it may be given very many members or frames that come to nothing.
const MOST_CALLS: u32 = 1000;

/// Undoes a compression.
pub(super) struct Decoder {
    compression: Compression,
    form: Decoding,
    /// Where in the object the bytes stand that come next.
    at: u64,
}

enum Decoding {
    /// Within a member of gzip, which is boxed as it is large.
    Member(Box<Decompress>),
    /// Between members, after some.
    BetweenMembers,
    /// Behind the last member, where only zeros may stand.
    Padding,
    /// Before the first two bytes of deflate, which tell whether it has a header.
    Headless(Vec<u8>),
    Deflate(Box<Decompress>),
    /// The one stream of deflate is over.
    Over,
    Zstd {
        context: DCtx<'static>,
        is_within_frame: bool,
    },
}

/// What a step has come to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Stepped {
    /// Bytes of the input that were used.
    pub(super) used: usize,
    /// More may come without further input.
    pub(super) has_more: bool,
}

impl Decoder {
    /// For bytes that stand from `at` on in their object.
    pub(super) fn new(compression: Compression, at: u64) -> Result<Decoder> {
        let form = match compression {
            Compression::Zstd => {
                let mut context = DCtx::try_create().ok_or_else(no_memory)?;
                context.set_parameter(DParameter::WindowLogMax(ZSTD_WINDOW)).map_err(|_| no_memory())?;
                Decoding::Zstd { context, is_within_frame: true }
            }
            Compression::Deflate => Decoding::Headless(Vec::new()),
            _ => Decoding::Member(member()),
        };
        Ok(Decoder { compression, form, at })
    }

    /// Appends to `output` what the input decodes to, a chunk at most.
    pub(super) fn step(&mut self, input: &[u8], output: &mut Vec<u8>) -> Result<Stepped> {
        output.try_reserve_exact(CHUNK).map_err(|_| no_memory())?;
        let mut used = 0;
        for _ in 0..MOST_CALLS {
            let before = (used, output.len());
            used += self.decode(&input[used..], output)?;
            if output.len() == output.capacity() {
                break;
            }
            if (used, output.len()) == before {
                return Ok(Stepped { used, has_more: false });
            }
        }
        Ok(Stepped { used, has_more: true })
    }

    /// One call of a decoder: appends as far as there is room, and gives the bytes used.
    fn decode(&mut self, input: &[u8], output: &mut Vec<u8>) -> Result<usize> {
        let used = match &mut self.form {
            Decoding::Member(member) => match inflate(member, input, output) {
                Ok((used, is_over)) => {
                    if is_over {
                        self.form = Decoding::BetweenMembers;
                    }
                    used
                }
                Err(why) => return Err(self.corrupt(&why)),
            },
            Decoding::BetweenMembers => {
                self.form = match input.first() {
                    None => return Ok(0),
                    Some(0) => Decoding::Padding,
                    Some(_) => Decoding::Member(member()),
                };
                return self.decode(input, output);
            }
            Decoding::Padding if input.iter().all(|byte| *byte == 0) => input.len(),
            Decoding::Padding | Decoding::Over if !input.is_empty() => {
                return Err(self.corrupt("bytes that do not belong to it stand behind its end"));
            }
            Decoding::Padding | Decoding::Over => 0,
            Decoding::Headless(head) => {
                let used = input.len().min(2 - head.len());
                head.extend_from_slice(&input[..used]);
                if head.len() == 2 {
                    self.begin_deflate(output)?;
                }
                used
            }
            Decoding::Deflate(stream) => match inflate(stream, input, output) {
                Ok((used, is_over)) => {
                    if is_over {
                        self.form = Decoding::Over;
                    }
                    used
                }
                Err(why) => return Err(self.corrupt(&why)),
            },
            Decoding::Zstd { context, is_within_frame } => match decompress(context, is_within_frame, input, output) {
                Ok(used) => used,
                Err(code) => return Err(self.corrupt(get_error_name(code))),
            },
        };
        self.at += used as u64;
        Ok(used)
    }

    /// Takes the first two bytes of deflate for its header, if they can be one.
    fn begin_deflate(&mut self, output: &mut Vec<u8>) -> Result<()> {
        let Decoding::Headless(head) = &self.form else { return Ok(()) };
        let head = [head[0], head[1]];
        let is_header = head[0] & 0x0f == 8 && head[0] >> 4 <= 7 && u16::from_be_bytes(head) % 31 == 0;
        let mut stream = Box::new(Decompress::new(is_header));
        // Two bytes are taken whole: what they may decode to is less than there is room for.
        let (used, is_over) = inflate(&mut stream, &head, output).map_err(|why| self.corrupt(&why))?;
        if used < head.len() {
            return Err(self.corrupt("bytes that do not belong to it stand behind its end"));
        }
        self.form = if is_over { Decoding::Over } else { Decoding::Deflate(stream) };
        Ok(())
    }

    /// The input has come to its end: refuses one that has broken off.
    pub(super) fn finish(&self) -> Result<()> {
        let is_whole = match &self.form {
            Decoding::BetweenMembers | Decoding::Padding | Decoding::Over => true,
            Decoding::Member(_) | Decoding::Headless(_) | Decoding::Deflate(_) => false,
            Decoding::Zstd { is_within_frame, .. } => !is_within_frame,
        };
        if is_whole { Ok(()) } else { Err(self.corrupt("they break off")) }
    }

    fn corrupt(&self, why: &str) -> Error {
        let (name, at) = (self.compression.name(), self.at);
        let message = format!("from byte {at} of the object on its {name} data cannot be decoded: {why}");
        Error::new(Kind::Integrity, message)
    }
}

fn member() -> Box<Decompress> {
    Box::new(Decompress::new_gzip(WINDOW))
}

/// Gives the bytes used, and whether the stream has come to its end.
fn inflate(stream: &mut Decompress, input: &[u8], output: &mut Vec<u8>) -> std::result::Result<(usize, bool), String> {
    let before = stream.total_in();
    match stream.decompress_vec(input, output, FlushDecompress::None) {
        Ok(status) => Ok(((stream.total_in() - before) as usize, status == Status::StreamEnd)),
        Err(error) if error.needs_dictionary().is_some() => Err("they need a dictionary".to_string()),
        Err(error) => Err(error.message().unwrap_or("they are corrupt").to_string()),
    }
}

fn decompress(
    context: &mut DCtx<'static>,
    is_within_frame: &mut bool,
    input: &[u8],
    output: &mut Vec<u8>,
) -> std::result::Result<usize, usize> {
    let begin = output.len();
    let mut source = InBuffer::around(input);
    let mut target = OutBuffer::around_pos(output, begin);
    let hint = context.decompress_stream(&mut target, &mut source)?;
    let (used, written) = (source.pos, target.pos() - begin);
    // Where nothing went in or out, it is where it was.
    if used > 0 || written > 0 {
        *is_within_frame = hint != 0;
    }
    Ok(used)
}
