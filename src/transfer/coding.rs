//! How the bytes that a store holds are compressed; [`super::decoder`] and [`super::encoder`] do it, a step at a time,
//! for a thread of the pool.

use crate::error::{Error, Kind};

/// How the bytes that a store holds are compressed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Compression {
    /// Not at all.
    None,
    /// RFC 1952.
    Gzip,
    /// RFC 8878.
    Zstd,
    /// RFC 1950, or RFC 1951 where its header is not there.
    Deflate,
    /// As the first bytes say.
    Auto,
}

/// Bytes that tell a compression: none has fewer before its content.
pub(super) const TELLING: usize = 4;

impl Compression {
    /// The compression that the first bytes of an object tell.
    pub(super) fn told_by(first: &[u8]) -> Compression {
        match first {
            [0x1f, 0x8b, 8, ..] => Compression::Gzip,
            [0x28, 0xb5, 0x2f, 0xfd, ..] => Compression::Zstd,
            // A frame that is to be skipped.
            [0x50..=0x5f, 0x2a, 0x4d, 0x18, ..] => Compression::Zstd,
            _ => Compression::None,
        }
    }

    pub(super) fn name(self) -> &'static str {
        match self {
            Compression::Gzip => "gzip",
            Compression::Zstd => "zstd",
            Compression::Deflate => "deflate",
            Compression::None | Compression::Auto => "uncompressed",
        }
    }
}

/// The levels that a compression has, without its default.
pub(super) fn levels(compression: Compression) -> std::ops::RangeInclusive<i32> {
    match compression {
        Compression::Gzip | Compression::Deflate => 1..=9,
        Compression::Zstd => -7..=22,
        Compression::None | Compression::Auto => 0..=0,
    }
}

/// The largest window of deflate, as a power of two.
pub(super) const WINDOW: u8 = 15;

pub(super) fn no_memory() -> Error {
    Error::new(Kind::NoSpace, "there is no memory to decode or encode with")
}

#[cfg(all(test, not(model)))]
mod tests {
    use super::super::decoder::Decoder;
    use super::super::encoder::{Encoder, Then};
    use super::*;
    use crate::error::Result;
    use crate::memory::CHUNK;

    const ALL: [Compression; 3] = [Compression::Gzip, Compression::Zstd, Compression::Deflate];

    fn content(size: usize) -> Vec<u8> {
        (0..size).map(|at| ((at * at / 7) % 251) as u8 ^ (at / 1000) as u8).collect()
    }

    fn encoded(compression: Compression, content: &[u8]) -> Vec<u8> {
        let mut encoder = Encoder::new(compression, 0).unwrap().unwrap();
        let mut output = Vec::new();
        for chunk in content.chunks(70_000) {
            encoder.encode(chunk, Then::GoOn, &mut output).unwrap();
        }
        encoder.encode(&[], Then::End, &mut output).unwrap();
        output
    }

    /// Decodes in pieces of some size.
    fn decoded(compression: Compression, input: &[u8], piece: usize) -> Result<Vec<u8>> {
        let mut decoder = Decoder::new(compression, 0)?;
        let mut all = Vec::new();
        for piece in input.chunks(piece) {
            let mut at = 0;
            loop {
                let mut output = Vec::new();
                let stepped = decoder.step(&piece[at..], &mut output)?;
                assert!(output.len() <= CHUNK);
                all.extend(output);
                at += stepped.used;
                if !stepped.has_more && at == piece.len() {
                    break;
                }
            }
        }
        decoder.finish()?;
        Ok(all)
    }

    #[test]
    fn what_is_encoded_is_decoded() {
        for compression in ALL {
            for size in [0, 1, 100, 200_000, 3 << 20] {
                let content = content(size);
                let input = encoded(compression, &content);
                for piece in [1, 7, 4096, 1 << 20] {
                    if size <= 100 || piece > 7 {
                        assert!(
                            decoded(compression, &input, piece).unwrap() == content,
                            "{compression:?} {size} {piece}"
                        );
                    }
                }
            }
        }
    }

    #[test]
    fn members_and_frames_follow_each_other() {
        let (first, second) = (content(100_000), content(77));
        for compression in [Compression::Gzip, Compression::Zstd] {
            let input =
                [encoded(compression, &first), encoded(compression, b""), encoded(compression, &second)].concat();
            for piece in [13, 1000, 1 << 20] {
                assert!(decoded(compression, &input, piece).unwrap() == [&first[..], &second].concat());
            }
        }
    }

    #[test]
    fn gzip_may_be_padded_with_zeros_alone() {
        let mut input = encoded(Compression::Gzip, b"content");
        input.extend([0; 100]);
        assert_eq!(decoded(Compression::Gzip, &input, 9).unwrap(), b"content");
        input.push(1);
        assert_eq!(decoded(Compression::Gzip, &input, 9).unwrap_err().kind, Kind::Integrity);
    }

    #[test]
    fn deflate_may_lack_its_header() {
        let content = content(10_000);
        let whole = encoded(Compression::Deflate, &content);
        let raw = &whole[2..whole.len() - 4];
        for piece in [1, 2, 3, 1 << 20] {
            assert!(decoded(Compression::Deflate, raw, piece).unwrap() == content);
        }
        // The shortest there is.
        assert_eq!(decoded(Compression::Deflate, &[3, 0], 1).unwrap(), b"");
    }

    #[test]
    fn what_breaks_off_or_goes_on_is_told() {
        for compression in ALL {
            let input = encoded(compression, &content(10_000));
            for size in [0, 1, 2, 5, input.len() / 2, input.len() - 1] {
                let error = decoded(compression, &input[..size], 100).unwrap_err();
                assert_eq!(error.kind, Kind::Integrity, "{compression:?} {size}");
                assert!(error.message.contains("break off"), "{}", error.message);
            }
            let error = decoded(compression, &[&input[..], b"more"].concat(), 100).unwrap_err();
            assert_eq!(error.kind, Kind::Integrity, "{compression:?}");
        }
    }

    #[test]
    fn what_is_corrupt_is_told() {
        for compression in ALL {
            let good = encoded(compression, &content(10_000));
            for at in [0, 1, good.len() / 2, good.len() - 1] {
                let mut input = good.clone();
                input[at] ^= 0x55;
                let outcome = decoded(compression, &input, 1000);
                // Without its header deflate has no checksum, and what is behind it may decode to anything.
                if compression == Compression::Deflate && at < 2 {
                    continue;
                }
                assert_eq!(outcome.err().map(|error| error.kind), Some(Kind::Integrity), "{compression:?} {at}");
            }
        }
    }

    #[test]
    fn a_bomb_takes_no_more_than_a_chunk_at_a_time() {
        for compression in ALL {
            let input = encoded(compression, &vec![0; 8 << 20]);
            let mut decoder = Decoder::new(compression, 0).unwrap();
            let mut output = Vec::new();
            let stepped = decoder.step(&input, &mut output).unwrap();
            assert_eq!(output.len(), CHUNK);
            assert!(stepped.has_more);
        }
    }

    #[test]
    fn what_comes_to_nothing_is_taken_a_little_at_a_time() {
        for (compression, nothing) in [
            (Compression::Gzip, encoded(Compression::Gzip, b"")),
            (Compression::Zstd, vec![0x50, 0x2a, 0x4d, 0x18, 0, 0, 0, 0]),
        ] {
            let input = nothing.repeat(3000);
            let mut decoder = Decoder::new(compression, 0).unwrap();
            let mut output = Vec::new();
            let stepped = decoder.step(&input, &mut output).unwrap();
            assert!(stepped.has_more && stepped.used < input.len(), "{stepped:?}");
            assert!(output.is_empty());
            assert_eq!(decoded(compression, &input, input.len()).unwrap(), b"");
        }
    }

    #[test]
    fn flushed_is_decodable() {
        for compression in ALL {
            let mut encoder = Encoder::new(compression, 0).unwrap().unwrap();
            let (mut stream, mut output) = (Vec::new(), Vec::new());
            encoder.encode(b"first", Then::Flush, &mut stream).unwrap();
            Decoder::new(compression, 0).unwrap().step(&stream, &mut output).unwrap();
            assert_eq!(output, b"first");
        }
    }

    #[test]
    fn the_first_bytes_tell() {
        for compression in ALL {
            let told = Compression::told_by(&encoded(compression, b"x")[..TELLING]);
            assert_eq!(told, if compression == Compression::Deflate { Compression::None } else { compression });
        }
        for plain in [&b""[..], b"\x1f", b"\x1f\x8b", b"x^2 + y", b"text"] {
            assert_eq!(Compression::told_by(plain), Compression::None);
        }
    }
}
