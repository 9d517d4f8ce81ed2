//! From the encoding of a blob to UTF-8, piece by piece.

use crate::error::{Error, Kind, Result};
use encoding_rs::{Decoder, DecoderResult, Encoding, UTF_8, UTF_16BE, UTF_16LE};

/// Bytes of text that are made at once.
const TEXT: usize = 64 << 10;

/// Gives the text of pieces. UTF-8 goes through as it is: who needs the text of a field checks that.
pub(super) enum Text {
    /// The first bytes, which may be a byte order mark: that of UTF-8, or of UTF-16 as well.
    Begin {
        is_utf8: bool,
        bytes: Vec<u8>,
    },
    Utf8,
    Other {
        decoder: Box<Decoder>,
        read: u64,
        text: Vec<u8>,
    },
}

impl Text {
    /// The encoding has a name of the WHATWG; none = UTF-8, or UTF-16 with its mark.
    pub(super) fn new(label: Option<&str>) -> Result<Text> {
        let Some(label) = label else { return Ok(Text::Begin { is_utf8: false, bytes: Vec::new() }) };
        match Encoding::for_label_no_replacement(label.as_bytes()) {
            Some(encoding) if encoding == UTF_8 => Ok(Text::Begin { is_utf8: true, bytes: Vec::new() }),
            Some(encoding) => Ok(Text::other(encoding)),
            None => {
                let label = crate::tabular::decode::quoted(label);
                Err(Error::argument(format!("CSV: there is no encoding {label}; names are those of the WHATWG")))
            }
        }
    }

    fn other(encoding: &'static Encoding) -> Text {
        let decoder = Box::new(encoding.new_decoder_with_bom_removal());
        Text::Other { decoder, read: 0, text: vec![0; TEXT] }
    }

    /// Gives the text of a piece to `take`. `is_last`: nothing follows.
    pub(super) fn push(
        &mut self,
        piece: &[u8],
        is_last: bool,
        take: &mut impl FnMut(&[u8]) -> Result<()>,
    ) -> Result<()> {
        match self {
            Text::Utf8 => take(piece),
            Text::Other { decoder, read, text } => transcode(decoder, read, text, piece, is_last, take),
            Text::Begin { is_utf8, bytes: begin } => {
                let (first, rest) = piece.split_at(piece.len().min(3 - begin.len()));
                begin.extend_from_slice(first);
                if begin.len() < 3 && !is_last {
                    return Ok(());
                }
                let (is_utf8, begin) = (*is_utf8, std::mem::take(begin));
                *self = match &begin[..] {
                    [0xFF, 0xFE, ..] if !is_utf8 => Text::other(UTF_16LE),
                    [0xFE, 0xFF, ..] if !is_utf8 => Text::other(UTF_16BE),
                    _ => Text::Utf8,
                };
                self.push(&begin, is_last && rest.is_empty(), take)?;
                if rest.is_empty() { Ok(()) } else { self.push(rest, is_last, take) }
            }
        }
    }
}

fn transcode(
    decoder: &mut Decoder,
    read: &mut u64,
    text: &mut [u8],
    mut piece: &[u8],
    is_last: bool,
    take: &mut impl FnMut(&[u8]) -> Result<()>,
) -> Result<()> {
    loop {
        let (result, used, written) = decoder.decode_to_utf8_without_replacement(piece, text, is_last);
        *read += used as u64;
        piece = piece.get(used..).unwrap_or_default();
        take(&text[..written.min(text.len())])?;
        match result {
            DecoderResult::InputEmpty => return Ok(()),
            DecoderResult::OutputFull => {}
            DecoderResult::Malformed(length, behind) => {
                let at = read.saturating_sub(u64::from(length) + u64::from(behind));
                let message = format!("byte {at} of the blob: it is not {}", decoder.encoding().name());
                return Err(Error::new(Kind::Integrity, message));
            }
        }
    }
}

#[cfg(all(test, not(model)))]
mod tests {
    use super::*;

    fn text(label: Option<&str>, bytes: &[u8], size: usize) -> Result<Vec<u8>> {
        let (mut text, mut all) = (Text::new(label)?, Vec::new());
        let mut take = |bytes: &[u8]| {
            all.extend_from_slice(bytes);
            Ok(())
        };
        for piece in bytes.chunks(size) {
            text.push(piece, false, &mut take)?;
        }
        text.push(&[], true, &mut take)?;
        Ok(all)
    }

    #[test]
    fn encodings_become_utf_8() {
        let utf16 = |mark: &[u8], swap: bool| {
            let units =
                "a,é\n😀".encode_utf16().flat_map(|unit| if swap { unit.to_be_bytes() } else { unit.to_le_bytes() });
            mark.iter().copied().chain(units).collect::<Vec<u8>>()
        };
        for size in [1, 2, 3, 100] {
            let of = |label, bytes: &[u8]| text(label, bytes, size).unwrap();
            assert_eq!(of(None, b"a"), b"a");
            assert_eq!(of(None, b""), b"");
            // The mark is bytes like others here: it is passed over where places are counted.
            assert_eq!(of(None, b"\xEF\xBB\xBFa"), b"\xEF\xBB\xBFa");
            assert_eq!(of(None, &utf16(b"\xFF\xFE", false)), "a,é\n😀".as_bytes());
            assert_eq!(of(None, &utf16(b"\xFE\xFF", true)), "a,é\n😀".as_bytes());
            assert_eq!(of(Some("utf-16le"), &utf16(b"", false)), "a,é\n😀".as_bytes());
            assert_eq!(of(Some("latin1"), b"caf\xE9"), "café".as_bytes());
            assert_eq!(of(Some("utf-8"), b"\xFF\xFE"), b"\xFF\xFE");
            let long = "é".repeat(TEXT);
            assert_eq!(of(Some("iso-8859-1"), &vec![0xE9; TEXT]), long.as_bytes());
        }
    }

    #[test]
    fn what_is_no_text_is_an_error() {
        for (label, bytes, wanted) in [
            (Some("utf-16le"), &b"a\0\0\xD8a\0"[..], "byte 2 of the blob: it is not UTF-16LE"),
            (Some("utf-16be"), b"\0a\0", "byte 2 of the blob: it is not UTF-16BE"),
            (Some("shift_jis"), b"ab\x85", "byte 2 of the blob: it is not Shift_JIS"),
        ] {
            for size in [1, 100] {
                assert_eq!(text(label, bytes, size).unwrap_err().message, wanted);
            }
        }
        for label in ["klingon", "hz-gb-2312", ""] {
            assert!(Text::new(Some(label)).is_err());
        }
    }
}
