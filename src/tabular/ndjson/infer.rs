//! Types out of records: so that no value that was seen loses anything.

use super::MOST_LEVELS;
use crate::tabular::decode::quoted;
use arrow_schema::{DataType, Field, Fields, Schema};
use serde::de::{Deserializer, Error as _, MapAccess, SeqAccess, Visitor};
use serde_json::value::RawValue;
use std::collections::HashMap;
use std::fmt;

/// What the values of one column were so far.
#[derive(Default)]
pub(super) struct Guess {
    has_booleans: bool,
    has_texts: bool,
    /// Texts that stand for a float which JSON has no number for.
    has_odd_floats: bool,
    has_floats: bool,
    has_integers: bool,
    has_negatives: bool,
    /// Digits of the longest integer that is beyond 64 bits with a sign, and whether one is beyond those without.
    wide_digits: usize,
    is_beyond_64_bits: bool,
    list: Option<Box<Guess>>,
    object: Option<Members>,
}

/// The members of objects, in the order in which they first came.
#[derive(Default)]
struct Members {
    places: HashMap<String, usize>,
    members: Vec<(String, Guess)>,
}

/// Digits that a decimal of 128 bits holds.
const DECIMAL_DIGITS: u8 = 38;

impl Guess {
    /// Looks at one record.
    pub(super) fn look_at_record(&mut self, line: &str) -> Result<(), serde_json::Error> {
        if !line.trim_start().starts_with('{') {
            // Said in the parser's words, and with its place.
            return serde_json::from_str::<HashMap<String, &RawValue>>(line).map(drop);
        }
        self.look_at(line, MOST_LEVELS + 1)
    }

    fn look_at(&mut self, raw: &str, levels: usize) -> Result<(), serde_json::Error> {
        let Some(levels) = levels.checked_sub(1) else {
            return Err(serde_json::Error::custom(format!("there are more than {MOST_LEVELS} levels of nesting")));
        };
        let mut parser = serde_json::Deserializer::from_str(raw);
        match raw.trim_start().as_bytes().first() {
            Some(b'n') => {}
            Some(b't' | b'f') => self.has_booleans = true,
            Some(b'"') => match raw {
                r#""NaN""# | r#""inf""# | r#""-inf""# | r#""Infinity""# | r#""-Infinity""# => {
                    self.has_odd_floats = true
                }
                _ => self.has_texts = true,
            },
            Some(b'{') => {
                let members = self.object.get_or_insert_default();
                parser.deserialize_map(Inside { object: Some(members), list: None, levels })?;
                parser.end()?;
            }
            Some(b'[') => {
                let items = self.list.get_or_insert_default();
                parser.deserialize_seq(Inside { object: None, list: Some(items), levels })?;
            }
            _ => self.look_at_number(raw),
        }
        Ok(())
    }

    fn look_at_number(&mut self, raw: &str) {
        if raw.contains(['.', 'e', 'E']) {
            self.has_floats = true;
            return;
        }
        self.has_integers = true;
        self.has_negatives |= raw.starts_with('-');
        if raw.parse::<i64>().is_err() {
            self.wide_digits = self.wide_digits.max(raw.trim_start_matches('-').len());
            self.is_beyond_64_bits |= raw.parse::<u64>().is_err();
        }
    }

    /// The columns, each with the type that holds all that was seen. What is wrong names its column.
    pub(super) fn schema(&self) -> Result<Schema, String> {
        Ok(Schema::new(self.object.as_ref().map_or(Ok(Fields::empty()), |members| members.fields(""))?))
    }

    fn data_type(&self, path: &str) -> Result<DataType, String> {
        let has_numbers = self.has_integers || self.has_floats || self.has_odd_floats;
        let has_scalars = has_numbers || self.has_booleans || self.has_texts;
        if [self.object.is_some(), self.list.is_some(), has_scalars].iter().filter(|has| **has).count() > 1 {
            return Err(format!("{} is a list or an object in some records and not in others", quoted(path)));
        }
        if let Some(members) = &self.object {
            return Ok(DataType::Struct(members.fields(path)?));
        }
        if let Some(items) = &self.list {
            return Ok(DataType::new_list(items.data_type(path)?, true));
        }
        let is_only_odd = self.has_odd_floats && !self.has_integers && !self.has_floats;
        Ok(if self.has_texts || is_only_odd || self.has_booleans && has_numbers {
            DataType::Utf8
        } else if self.has_booleans {
            DataType::Boolean
        } else if self.has_floats || self.has_odd_floats {
            DataType::Float64
        } else if self.has_integers {
            self.integer()
        } else {
            DataType::Null
        })
    }

    fn integer(&self) -> DataType {
        match self.wide_digits {
            0 => DataType::Int64,
            _ if !self.has_negatives && !self.is_beyond_64_bits => DataType::UInt64,
            digits if digits <= DECIMAL_DIGITS.into() => DataType::Decimal128(DECIMAL_DIGITS, 0),
            _ => DataType::Utf8,
        }
    }
}

impl Members {
    fn fields(&self, path: &str) -> Result<Fields, String> {
        let field = |(name, guess): &(String, Guess)| {
            let path = if path.is_empty() { name.clone() } else { format!("{path}.{name}") };
            Ok(Field::new(name, guess.data_type(&path)?, true))
        };
        self.members.iter().map(field).collect()
    }

    fn member(&mut self, name: String) -> &mut Guess {
        let place = *self.places.entry(name).or_insert_with_key(|name| {
            self.members.push((name.clone(), Guess::default()));
            self.members.len() - 1
        });
        &mut self.members[place].1
    }
}

/// What is inside an object or a list.
struct Inside<'a> {
    object: Option<&'a mut Members>,
    list: Option<&'a mut Guess>,
    levels: usize,
}

impl<'de> Visitor<'de> for Inside<'_> {
    type Value = ();

    fn expecting(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str("an object or a list")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut members: A) -> Result<(), A::Error> {
        let Some(object) = self.object else { return Ok(()) };
        while let Some((name, raw)) = members.next_entry::<String, &RawValue>()? {
            object.member(name).look_at(raw.get(), self.levels).map_err(inner)?;
        }
        Ok(())
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<(), A::Error> {
        let Some(item) = self.list else { return Ok(()) };
        while let Some(raw) = items.next_element::<&RawValue>()? {
            item.look_at(raw.get(), self.levels).map_err(inner)?;
        }
        Ok(())
    }
}

/// What is wrong inside, said at the place that the parser outside stands at.
fn inner<E: serde::de::Error>(error: serde_json::Error) -> E {
    E::custom(super::said(&error))
}

#[cfg(all(test, not(model)))]
mod tests {
    use super::*;

    fn guessed(lines: &[&str]) -> Result<Schema, String> {
        let mut guess = Guess::default();
        for line in lines {
            guess.look_at_record(line).map_err(|error| error.to_string())?;
        }
        guess.schema()
    }

    fn type_of(values: &[&str]) -> String {
        let lines: Vec<_> = values.iter().map(|value| format!(" {{ \"a\" : {value} }} ")).collect();
        let lines: Vec<_> = lines.iter().map(String::as_str).collect();
        guessed(&lines).unwrap().field(0).data_type().to_string()
    }

    #[test]
    fn types_hold_what_was_seen() {
        for (values, wanted) in [
            (&["1", "null", "-1"][..], "Int64"),
            (&["1", "0.5"], "Float64"),
            (&["1e3"], "Float64"),
            (&["9223372036854775807"], "Int64"),
            (&["9223372036854775808", "1"], "UInt64"),
            (&["9223372036854775808", "-1"], "Decimal128(38, 0)"),
            (&["18446744073709551616"], "Decimal128(38, 0)"),
            (&["999999999999999999999999999999999999999"], "Utf8"),
            (&["true", "null"], "Boolean"),
            (&["true", "1"], "Utf8"),
            (&["\"x\"", "1"], "Utf8"),
            (&["\"NaN\"", "1"], "Float64"),
            (&["\"NaN\""], "Utf8"),
            (&["null"], "Null"),
            (&["[]", "null"], "List(Null)"),
            (&["[1]", "[0.5, null]"], "List(Float64)"),
            (&["[[true]]"], "List(List(Boolean))"),
        ] {
            assert_eq!(type_of(values), wanted, "{values:?}");
        }
        let nested = guessed(&[r#"{"b":{"x":1},"a":[]}"#, r#"{"a":[{"y":"z"}],"b":{"w":true}}"#, "{}"]).unwrap();
        assert_eq!(nested.field(0).name(), "b");
        let wanted = r#"Struct("x": Int64, "w": Boolean)"#;
        assert_eq!(nested.field(0).data_type().to_string(), wanted);
        assert_eq!(nested.field(1).data_type().to_string(), r#"List(Struct("y": Utf8))"#);
    }

    #[test]
    fn what_cannot_be_one_column_is_named() {
        for values in [[r#"{"a":{"b":1}}"#, r#"{"a":{"b":[]}}"#], [r#"{"a":{"b":{}}}"#, r#"{"a":{"b":[]}}"#]] {
            assert!(guessed(&values).unwrap_err().contains("\"a.b\" is a list or an object in some"));
        }
    }

    #[test]
    fn nesting_is_bounded() {
        let deep = |levels: usize| format!("{{\"a\":{}{}}}", "[".repeat(levels), "]".repeat(levels));
        assert!(guessed(&[&deep(MOST_LEVELS - 1)]).is_ok());
        assert!(guessed(&[&deep(MOST_LEVELS + 1)]).unwrap_err().contains("64 levels"));
        assert!(guessed(&[&deep(1_000_000)]).is_err());
        assert!(guessed(&["[".repeat(1_000_000).as_str()]).is_err());
        let objects = format!("{}1{}", "{\"a\":".repeat(1000), "}".repeat(1000));
        assert!(guessed(&[&objects]).unwrap_err().contains("64 levels"));
    }

    #[test]
    fn what_is_no_record_is_refused() {
        for line in ["1", "[]", "nul", "{", "{}x", "{\"a\":1,}", "{\"a\" 1}", "{\"a\":01}", "{\"a\":[1 2]}", "\u{0}"] {
            assert!(guessed(&[line]).is_err(), "{line}");
        }
    }
}
