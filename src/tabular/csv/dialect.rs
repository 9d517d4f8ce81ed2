//! The bytes that have a meaning.

use crate::error::{Error, Result};
use crate::tabular::format::CsvOptions;

/// What divides fields and records. Lines end with LF or CRLF; a CR that stands elsewhere is a byte like others.
#[derive(Clone, Copy, Debug)]
pub(super) struct Dialect {
    pub(super) delimiter: u8,
    pub(super) quote: Option<u8>,
    /// Never the quote itself: that is doubled in any case.
    pub(super) escape: Option<u8>,
    pub(super) comment: Option<u8>,
}

impl Dialect {
    /// Checks what is asked for.
    pub(super) fn new(options: &CsvOptions) -> Result<Dialect> {
        let escape = options.escape.filter(|escape| Some(*escape) != options.quote);
        if escape.is_some() && options.quote.is_none() {
            return Err(Error::argument("CSV: an escape byte is of use inside quotes alone, and there is no quote"));
        }
        let named = [
            ("delimiter", Some(options.delimiter)),
            ("quote", options.quote),
            ("escape", escape),
            ("comment", options.comment),
        ];
        for (index, (name, byte)) in named.iter().enumerate() {
            let Some(byte) = byte else { continue };
            if !byte.is_ascii() || matches!(byte, b'\r' | b'\n') {
                let message = format!("CSV: the {name} is one ASCII byte, and neither CR nor LF");
                return Err(Error::argument(message));
            }
            if let Some((other, _)) = named[..index].iter().find(|(_, other)| *other == Some(*byte)) {
                let message = format!("CSV: {:?} is both the {other} and the {name}", char::from(*byte));
                return Err(Error::argument(message));
            }
        }
        Ok(Dialect { delimiter: options.delimiter, quote: options.quote, escape, comment: options.comment })
    }

    /// The content of a field that begins with a quote: up to the closing quote, and what stands behind that as it
    /// is (`"abc"def` is `abcdef`).
    #[inline]
    pub(super) fn content<'a>(&self, field: &'a [u8], quote: u8, scratch: &'a mut Vec<u8>) -> &'a [u8] {
        if let [_, inner @ .., last] = field
            && *last == quote
            && memchr::memchr2(quote, self.escape.unwrap_or(quote), inner).is_none()
        {
            return inner;
        }
        self.unquote(field, quote, scratch);
        scratch
    }

    #[cold]
    fn unquote(&self, field: &[u8], quote: u8, content: &mut Vec<u8>) {
        content.clear();
        let mut rest = field.get(1..).unwrap_or_default().iter();
        while let Some(byte) = rest.next() {
            if *byte == quote {
                match rest.next() {
                    Some(next) if *next == quote => content.push(quote),
                    Some(next) => {
                        content.push(*next);
                        content.extend_from_slice(rest.as_slice());
                        return;
                    }
                    None => return,
                }
            } else if Some(*byte) == self.escape {
                content.extend(rest.next());
            } else {
                content.push(*byte);
            }
        }
    }
}

#[cfg(all(test, not(model)))]
mod tests {
    use super::*;

    #[test]
    fn bytes_have_one_meaning_each() {
        let of = |change: fn(&mut CsvOptions)| {
            let mut options = CsvOptions::default();
            change(&mut options);
            Dialect::new(&options).map(|dialect| dialect.escape).map_err(|error| error.message)
        };
        assert_eq!(of(|_| {}), Ok(None));
        assert_eq!(of(|options| options.escape = Some(b'"')), Ok(None));
        assert_eq!(of(|options| options.escape = Some(b'\\')), Ok(Some(b'\\')));
        for (change, wanted) in [
            ((|options| options.delimiter = b'\n') as fn(&mut CsvOptions), "neither CR nor LF"),
            (|options| options.quote = Some(0xFF), "one ASCII byte"),
            (|options| options.quote = Some(b','), "both the delimiter and the quote"),
            (|options| options.comment = Some(b'"'), "both the quote and the comment"),
            (|options| (options.quote, options.escape) = (None, Some(b'\\')), "there is no quote"),
        ] {
            let message = of(change).unwrap_err();
            assert!(message.contains(wanted), "{message}");
        }
    }

    #[test]
    fn quotes_go_and_what_is_behind_them_stays() {
        let dialect = |escape| Dialect { delimiter: b',', quote: Some(b'"'), escape, comment: None };
        for (field, escape, wanted) in [
            (r#""""#, None, ""),
            (r#""abc""#, None, "abc"),
            (r#""a""b""#, None, "a\"b"),
            (r#""""""#, None, "\""),
            (r#""abc"def"#, None, "abcdef"),
            (r#""abc"d"e""#, None, "abcd\"e\""),
            (r#""a\"b""#, Some(b'\\'), "a\"b"),
            (r#""a\\""#, Some(b'\\'), "a\\"),
            (r#""a""b""#, Some(b'\\'), "a\"b"),
        ] {
            let mut scratch = Vec::new();
            assert_eq!(dialect(escape).content(field.as_bytes(), b'"', &mut scratch), wanted.as_bytes(), "{field}");
        }
    }
}
