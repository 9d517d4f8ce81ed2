//! compression.h: how readers and writers compress.

use blobferry_core::error::{Error, Result};
use blobferry_core::transfer::Compression;

pub const BLOBFERRY_COMPRESSION_NONE: u32 = 0;
const BLOBFERRY_COMPRESSION_GZIP: u32 = 1;
const BLOBFERRY_COMPRESSION_ZSTD: u32 = 2;
const BLOBFERRY_COMPRESSION_DEFLATE: u32 = 3;
pub(crate) const BLOBFERRY_COMPRESSION_AUTO: u32 = 4;

/// The compression of `options.compression`.
pub(crate) fn compression(number: u32) -> Result<Compression> {
    Ok(match number {
        BLOBFERRY_COMPRESSION_NONE => Compression::None,
        BLOBFERRY_COMPRESSION_GZIP => Compression::Gzip,
        BLOBFERRY_COMPRESSION_ZSTD => Compression::Zstd,
        BLOBFERRY_COMPRESSION_DEFLATE => Compression::Deflate,
        BLOBFERRY_COMPRESSION_AUTO => Compression::Auto,
        unknown => {
            let message = format!("`options.compression` is {unknown}, which is none of BLOBFERRY_COMPRESSION_…");
            return Err(Error::argument(message));
        }
    })
}
