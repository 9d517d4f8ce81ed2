//! Decimal numbers as text, read without losing a digit.

use arrow_array::types::{Decimal256Type, DecimalType};
use arrow_buffer::i256;

/// Digits of the largest number there is.
const MOST_DIGITS: usize = 76;

/// The number that a text is, in units of 10 to the power of minus `scale`: `12.50` is 125 at scale 1. None: it is no
/// number, is too large, or has digits beyond the scale.
pub(super) fn read_decimal(text: &[u8], scale: i8) -> Option<i256> {
    let (is_negative, text) = match text {
        [b'-', text @ ..] => (true, text),
        [b'+', text @ ..] => (false, text),
        text => (false, text),
    };
    let (mantissa, exponent) = match text.iter().position(|byte| matches!(byte, b'e' | b'E')) {
        Some(at) => (&text[..at], std::str::from_utf8(&text[at + 1..]).ok()?.parse::<i32>().ok()?),
        None => (text, 0),
    };
    let (whole, part) = match mantissa.iter().position(|byte| *byte == b'.') {
        Some(at) => (&mantissa[..at], &mantissa[at + 1..]),
        None => (mantissa, &[][..]),
    };
    let mut digits = Digits::default();
    if whole.is_empty() && part.is_empty() {
        return None;
    }
    whole.iter().chain(part).try_for_each(|digit| digits.push(*digit))?;
    digits.finish(is_negative, i64::from(exponent) - part.len() as i64 + i64::from(scale))
}

/// The number that a text is, if it is a whole one of these bounds.
pub(super) fn read_integer<T: TryFrom<i128>>(text: &[u8]) -> Option<T> {
    read_decimal(text, 0)?.to_i128()?.try_into().ok()
}

/// Digits without zeros before or behind them.
#[derive(Default)]
struct Digits {
    text: Vec<u8>,
    /// Zeros behind them.
    zeros: i64,
}

impl Digits {
    fn push(&mut self, digit: u8) -> Option<()> {
        match digit {
            b'0' if self.text.is_empty() => {}
            b'0' => self.zeros += 1,
            b'1'..=b'9' => {
                if self.text.len() as i64 + self.zeros >= MOST_DIGITS as i64 {
                    return None;
                }
                self.text.resize(self.text.len() + self.zeros as usize, b'0');
                self.zeros = 0;
                self.text.push(digit);
            }
            _ => return None,
        }
        Some(())
    }

    /// The number, times 10 to the power of `exponent`, where that is a whole one.
    fn finish(mut self, is_negative: bool, exponent: i64) -> Option<i256> {
        if self.text.is_empty() {
            return Some(i256::ZERO);
        }
        let behind = usize::try_from(exponent.checked_add(self.zeros)?).ok()?;
        if self.text.len().checked_add(behind)? > MOST_DIGITS {
            return None;
        }
        self.text.resize(self.text.len() + behind, b'0');
        let value = i256::from_string(std::str::from_utf8(&self.text).ok()?)?;
        Some(if is_negative { value.wrapping_neg() } else { value })
    }
}

/// An integer that decimals are kept in.
pub(super) trait Unscaled: Sized {
    fn narrow(value: i256) -> Option<Self>;
}

impl Unscaled for i32 {
    fn narrow(value: i256) -> Option<i32> {
        value.to_i128()?.try_into().ok()
    }
}

impl Unscaled for i64 {
    fn narrow(value: i256) -> Option<i64> {
        value.to_i128()?.try_into().ok()
    }
}

impl Unscaled for i128 {
    fn narrow(value: i256) -> Option<i128> {
        value.to_i128()
    }
}

impl Unscaled for i256 {
    fn narrow(value: i256) -> Option<i256> {
        Some(value)
    }
}

/// Whether a decimal of this many digits holds a number.
pub(super) fn has_room(value: i256, precision: u8) -> bool {
    Decimal256Type::is_valid_decimal_precision(value, precision)
}

#[cfg(all(test, not(model)))]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_exact() {
        let read = |text: &str, scale| read_decimal(text.as_bytes(), scale).and_then(|value| value.to_i128());
        for (text, scale, wanted) in [
            ("0", 0, Some(0)),
            ("-0.000", 0, Some(0)),
            ("12.50", 1, Some(125)),
            ("12.50", 0, None),
            ("12.5e1", 0, Some(125)),
            ("1250e-1", 0, Some(125)),
            ("1250e-2", 0, None),
            ("-12000", -3, Some(-12)),
            ("12001", -3, None),
            ("+.5", 1, Some(5)),
            ("5.", 0, Some(5)),
            ("0e999999999", 0, Some(0)),
            ("1e999999999", 0, None),
            ("1e-999999999", 0, None),
            ("1e9999999999", 0, None),
            ("", 0, None),
            (".", 0, None),
            ("-", 0, None),
            ("1 ", 0, None),
            ("0x1", 0, None),
            ("1e", 0, None),
            ("170141183460469231731687303715884105727", 0, Some(i128::MAX)),
        ] {
            assert_eq!(read(text, scale), wanted, "{text}");
        }
        assert_eq!(read_integer::<i64>(b"9223372036854775807.0"), Some(i64::MAX));
        assert_eq!(read_integer::<i64>(b"9223372036854775808"), None);
        assert_eq!(read_integer::<u8>(b"-1"), None);
        let nines = "9".repeat(76);
        assert_eq!(read_decimal(nines.as_bytes(), 0), i256::from_string(&nines));
        assert_eq!(read_decimal(format!("{nines}9").as_bytes(), 0), None);
        assert!(has_room(i256::from(999), 3) && !has_room(i256::from(1000), 3));
    }
}
