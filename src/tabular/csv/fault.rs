//! What is wrong with a record, and where it stands.

use crate::error::{Error, Kind};
use std::fmt::Write;

/// Bytes of a value that a message shows at most.
const SHOWN: usize = 64;

/// One thing that is wrong.
#[derive(Clone, Debug)]
pub(super) struct Fault {
    /// The physical line, from 1.
    pub(super) line: u64,
    /// Records before it, of those that its finder knows. None: it is the header.
    pub(super) record: Option<u64>,
    /// From 0.
    pub(super) column: Option<usize>,
    /// Place in the decoded bytes.
    pub(super) byte: u64,
    pub(super) what: String,
}

impl Fault {
    /// `line 12 (record 10), column "price" (3rd), byte 482: "12x" is no Int64`, with the records that came before.
    pub(super) fn error(&self, before: u64, names: &[String]) -> Error {
        let mut message = format!("line {}", self.line);
        // Writing to a string does not fail.
        let _ = match self.record {
            Some(record) => write!(message, " (record {})", before + record + 1),
            None => write!(message, " (header)"),
        };
        if let Some(column) = self.column {
            let name = names.get(column).map_or("", String::as_str);
            let _ = write!(message, ", column {} ({})", shown(name.as_bytes()), ordinal(column + 1));
        }
        let _ = write!(message, ", byte {}: {}", self.byte, self.what);
        Error::new(Kind::Integrity, message)
    }
}

/// A value for a message: at most 64 bytes of it, cut between characters, with what cannot be seen escaped.
pub(super) fn shown(value: &[u8]) -> String {
    let cut = match value.len() <= SHOWN {
        true => value.len(),
        // A character has at most three bytes behind its first.
        false => (SHOWN - 3..=SHOWN).rev().find(|&at| value[at] & 0xC0 != 0x80).unwrap_or(SHOWN),
    };
    let mut text = String::from("\"");
    for chunk in value[..cut].utf8_chunks() {
        for character in chunk.valid().chars() {
            match character {
                '\'' => text.push('\''),
                _ => text.extend(character.escape_debug()),
            }
        }
        for byte in chunk.invalid() {
            let _ = write!(text, "\\x{byte:02X}");
        }
    }
    text.push('"');
    if cut < value.len() {
        text.push('…');
    }
    text
}

fn ordinal(number: usize) -> String {
    let end = match (number % 10, number % 100) {
        (_, 11..=13) => "th",
        (1, _) => "st",
        (2, _) => "nd",
        (3, _) => "rd",
        _ => "th",
    };
    format!("{number}{end}")
}

/// How many: `1 field`, `2 fields`.
pub(super) fn fields(count: usize) -> String {
    format!("{count} field{}", if count == 1 { "" } else { "s" })
}

#[cfg(all(test, not(model)))]
mod tests {
    use super::*;

    #[test]
    fn the_text_tells_where() {
        let names = ["id".to_string(), "na\"me".to_string()];
        let fault = Fault { line: 12, record: Some(9), column: Some(1), byte: 482, what: "\"12x\" is no Int64".into() };
        let error = fault.error(0, &names);
        assert_eq!(error.message, r#"line 12 (record 10), column "na\"me" (2nd), byte 482: "12x" is no Int64"#);
        assert_eq!(error.kind, Kind::Integrity);
        let fault = Fault { record: None, column: None, ..fault };
        assert_eq!(fault.error(3, &names).message, r#"line 12 (header), byte 482: "12x" is no Int64"#);
        let ordinals: Vec<_> = [1, 2, 3, 4, 11, 12, 13, 21, 102, 111].map(ordinal).into();
        assert_eq!(ordinals, ["1st", "2nd", "3rd", "4th", "11th", "12th", "13th", "21st", "102nd", "111th"]);
    }

    #[test]
    fn values_are_cut_and_escaped() {
        assert_eq!(shown("it's\t\0 é".as_bytes()), r#""it's\t\0 é""#);
        assert_eq!(shown(b"a\xFFb"), r#""a\xFFb""#);
        assert_eq!(shown(&[b'x'; 64]), format!("\"{}\"", "x".repeat(64)));
        assert_eq!(shown(&[b'x'; 65]), format!("\"{}\"…", "x".repeat(64)));
        let cut = shown(format!("{}éé", "x".repeat(63)).as_bytes());
        assert_eq!(cut, format!("\"{}\"…", "x".repeat(63)));
    }
}
