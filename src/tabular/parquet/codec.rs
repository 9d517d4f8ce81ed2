//! Decompresses pages, each into exactly the room that its header says that it needs.

use parquet::basic::Compression;
use std::io::Read;
use zstd::bulk::Decompressor;

/// What is wrong with a page.
type Wrong = String;

/// Decompresses the pages of one column.
pub(super) struct Unpacker {
    codec: Compression,
    zstd: Option<Decompressor<'static>>,
}

impl Unpacker {
    pub(super) fn new(codec: Compression) -> Unpacker {
        Unpacker { codec, zstd: None }
    }

    pub(super) fn is_plain(&self) -> bool {
        self.codec == Compression::UNCOMPRESSED
    }

    /// Appends the `size` bytes that these must become.
    pub(super) fn unpack(&mut self, bytes: &[u8], size: usize, room: &mut Vec<u8>) -> Result<(), Wrong> {
        let at = room.len();
        room.try_reserve_exact(size).map_err(|_| format!("there is no memory for a page of {size} bytes"))?;
        match self.codec {
            Compression::UNCOMPRESSED => read(bytes, room, size)?,
            Compression::GZIP(_) => read(flate2::read::MultiGzDecoder::new(bytes), room, size)?,
            Compression::BROTLI(_) => read(brotli::Decompressor::new(bytes, 4096), room, size)?,
            Compression::LZO => return Err("it is compressed with LZO, which is not supported".to_string()),
            Compression::ZSTD(_) if at == 0 => {
                let zstd = self.zstd.take().map_or_else(Decompressor::new, Ok).map_err(said)?;
                self.zstd.insert(zstd).decompress_to_buffer(bytes, room).map_err(said)?;
            }
            _ => {
                room.resize(at + size, 0);
                let came = self.unpack_into(bytes, &mut room[at..])?;
                room.truncate(at + came);
            }
        }
        let came = room.len() - at;
        if came == size { Ok(()) } else { Err(format!("it has {came} bytes, and says {size}")) }
    }

    fn unpack_into(&mut self, bytes: &[u8], room: &mut [u8]) -> Result<usize, Wrong> {
        match self.codec {
            Compression::SNAPPY => snap::raw::Decoder::new().decompress(bytes, room).map_err(said),
            Compression::ZSTD(_) => zstd::bulk::decompress_to_buffer(bytes, room).map_err(said),
            Compression::LZ4 => old_lz4(bytes, room),
            _ => lz4_flex::block::decompress_into(bytes, room).map_err(said),
        }
    }
}

fn said(error: impl std::fmt::Display) -> Wrong {
    error.to_string()
}

/// Reads no more than a byte too many, whatever the compressed bytes say.
fn read(packed: impl Read, room: &mut Vec<u8>, size: usize) -> Result<(), Wrong> {
    packed.take(size as u64 + 1).read_to_end(room).map(drop).map_err(said)
}

/// What was called LZ4 before it was said what that is: blocks as Hadoop has them, or a frame, or one block.
fn old_lz4(bytes: &[u8], room: &mut [u8]) -> Result<usize, Wrong> {
    if let Some(came) = hadoop_lz4(bytes, room) {
        return Ok(came);
    }
    let mut frame = lz4_flex::frame::FrameDecoder::new(bytes);
    let mut at = 0;
    while at < room.len() {
        match frame.read(&mut room[at..]) {
            Ok(came @ 1..) => at += came,
            _ => break,
        }
    }
    if at == room.len() && at > 0 { Ok(at) } else { lz4_flex::block::decompress_into(bytes, room).map_err(said) }
}

fn hadoop_lz4(mut bytes: &[u8], room: &mut [u8]) -> Option<usize> {
    let mut at = 0usize;
    while !bytes.is_empty() {
        let number = |at: usize| Some(u32::from_be_bytes(*bytes.get(at..)?.first_chunk()?) as usize);
        let (size, packed) = (number(0)?, number(4)?);
        let block = bytes.get(8..8usize.checked_add(packed)?)?;
        let place = room.get_mut(at..at.checked_add(size)?)?;
        (lz4_flex::block::decompress_into(block, place).ok()? == size).then_some(())?;
        at += size;
        bytes = &bytes[8 + packed..];
    }
    Some(at)
}

#[cfg(all(test, not(model)))]
mod tests {
    use super::*;
    use parquet::basic::{BrotliLevel, GzipLevel, ZstdLevel};
    use std::io::Write;

    /// Zeros, packed.
    fn packed(codec: Compression, size: usize) -> Vec<u8> {
        let zeros = vec![0; size];
        let mut room = Vec::new();
        match codec {
            Compression::GZIP(_) => {
                let mut packer = flate2::write::GzEncoder::new(&mut room, flate2::Compression::best());
                packer.write_all(&zeros).unwrap();
                packer.finish().unwrap();
            }
            Compression::BROTLI(_) => {
                brotli::CompressorWriter::new(&mut room, 4096, 9, 22).write_all(&zeros).unwrap();
            }
            Compression::ZSTD(_) => room = zstd::bulk::compress(&zeros, 1).unwrap(),
            Compression::SNAPPY => room = snap::raw::Encoder::new().compress_vec(&zeros).unwrap(),
            Compression::LZ4_RAW => room = lz4_flex::block::compress(&zeros),
            Compression::LZ4 => {
                let block = lz4_flex::block::compress(&zeros);
                room.extend_from_slice(&(size as u32).to_be_bytes());
                room.extend_from_slice(&(block.len() as u32).to_be_bytes());
                room.extend_from_slice(&block);
            }
            _ => room = zeros,
        }
        room
    }

    #[test]
    fn a_page_takes_no_more_room_than_it_says() {
        let codecs = [
            Compression::UNCOMPRESSED,
            Compression::GZIP(GzipLevel::default()),
            Compression::BROTLI(BrotliLevel::default()),
            Compression::ZSTD(ZstdLevel::default()),
            Compression::SNAPPY,
            Compression::LZ4_RAW,
            Compression::LZ4,
        ];
        for codec in codecs {
            let bomb = packed(codec, 20_000_000);
            let small = packed(codec, 1000);
            for levels in [&b""[..], b"levels"] {
                let mut room = levels.to_vec();
                Unpacker::new(codec).unpack(&small, 1000, &mut room).unwrap();
                assert_eq!(room, [levels, &[0; 1000]].concat(), "{codec}");
                for (bytes, size) in [(&bomb, 1000), (&small, 999), (&small, 1001), (&bomb, 0)] {
                    let mut room = levels.to_vec();
                    let outcome = Unpacker::new(codec).unpack(bytes, size, &mut room);
                    assert!(outcome.is_err() && room.capacity() < 10_000, "{codec} {size} {}", room.capacity());
                }
            }
            let old = packed(Compression::LZ4_RAW, 1000);
            let mut room = Vec::new();
            Unpacker::new(Compression::LZ4).unpack(&old, 1000, &mut room).unwrap();
        }
        assert!(Unpacker::new(Compression::LZO).unpack(b"", 0, &mut Vec::new()).is_err());
    }
}
