//! Which types the first records have. A type is taken only if it gives each value back: what could be a name stays
//! text.

use super::cut::Segment;
use super::number;
use super::rows::{Rows, Rules};
use super::time::{self, Zone};
use arrow_array::timezone::Tz;
use arrow_schema::{DataType, TimeUnit};

/// What all values of a column can be.
#[derive(Clone, Copy, Debug)]
struct Guess {
    /// Some value is not null.
    has_value: bool,
    boolean: bool,
    integer: bool,
    float: bool,
    /// Some float has digits: `NaN` alone is a text.
    has_digits: bool,
    date: bool,
    /// By microseconds and nanoseconds, without and with offsets.
    local: [bool; 2],
    offset: [bool; 2],
}

const ANYTHING: Guess = Guess {
    has_value: false,
    boolean: true,
    integer: true,
    float: true,
    has_digits: false,
    date: true,
    local: [true; 2],
    offset: [true; 2],
};

const UNITS: [TimeUnit; 2] = [TimeUnit::Microsecond, TimeUnit::Nanosecond];

impl Guess {
    fn see(&mut self, text: &[u8], utc: &Tz) {
        self.has_value = true;
        self.boolean = self.boolean && number::strict_boolean(text).is_some();
        self.integer = self.integer && number::strict_integer(text).is_some();
        self.float = self.float && number::strict_float(text).is_some();
        self.has_digits |= !number::is_spelled(text.strip_prefix(b"-").unwrap_or(text));
        self.date = self.date && time::date(text).is_some();
        for (index, unit) in UNITS.into_iter().enumerate() {
            let is = |zone| time::timestamp(text, unit, zone).is_some();
            self.local[index] = self.local[index] && is(Zone::StrictNone);
            self.offset[index] = self.offset[index] && is(Zone::StrictUtc(*utc));
        }
    }

    fn data_type(&self) -> DataType {
        let unit = |can: [bool; 2]| UNITS.into_iter().zip(can).find_map(|(unit, can)| can.then_some(unit));
        if !self.has_value {
            return DataType::Utf8;
        }
        if self.boolean {
            return DataType::Boolean;
        }
        if self.integer {
            return DataType::Int64;
        }
        if self.float && self.has_digits {
            return DataType::Float64;
        }
        if self.date {
            return DataType::Date32;
        }
        if let Some(unit) = unit(self.local) {
            return DataType::Timestamp(unit, None);
        }
        match unit(self.offset) {
            Some(unit) => DataType::Timestamp(unit, Some("UTC".into())),
            None => DataType::Utf8,
        }
    }
}

/// The types of all columns, of the first records. What is wrong with a record ends them; it is told when it is read.
pub(super) fn infer<'a>(
    segments: impl IntoIterator<Item = &'a Segment>,
    rules: &Rules,
    mut records: u64,
) -> Vec<DataType> {
    let mut guesses = vec![ANYTHING; rules.width];
    let (Some(utc), mut rows, mut scratch) = (time::utc(), Rows::default(), Vec::new()) else {
        return vec![DataType::Utf8; rules.width];
    };
    for segment in segments {
        rows.find(segment, rules);
        let count = rows.count.min(usize::try_from(records).unwrap_or(usize::MAX));
        for (column, guess) in guesses.iter_mut().enumerate() {
            for field in rows.fields(segment, column).take(count) {
                match field.first() {
                    None => {}
                    Some(first) if Some(*first) == rules.dialect.quote => {
                        guess.see(rules.dialect.content(field, *first, &mut scratch), &utc);
                    }
                    Some(_) if rules.null_texts.iter().any(|text| text == field) => {}
                    Some(_) => guess.see(field, &utc),
                }
            }
        }
        records -= count as u64;
        if records == 0 || rows.fault.is_some() {
            break;
        }
    }
    guesses.iter().map(Guess::data_type).collect()
}
