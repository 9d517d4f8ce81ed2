//! Numbers and truth values of fields. What was inferred is read strictly: a text that is given back differently
//! (`007`, `+1`, an identifier that is too long for a float) is no number then.

use super::swar;
use crate::tabular::number::{Unscaled, has_room, read_decimal};
use arrow_array::types::DecimalType;
use arrow_buffer::i256;

/// A whole number that is given back as it was.
pub(super) fn strict_integer(text: &[u8]) -> Option<i64> {
    let (is_negative, digits) = split_sign(text);
    match digits {
        [b'0'] if !is_negative => Some(0),
        [b'1'..=b'9', ..] => match swar::short_integer(digits) {
            // At most 16 digits.
            Some(value) => Some(if is_negative { -(value as i64) } else { value as i64 }),
            None => atoi_simd::parse::<i64, false, false>(text).ok(),
        },
        _ => None,
    }
}

#[inline(always)]
fn split_sign(text: &[u8]) -> (bool, &[u8]) {
    match text {
        [b'-', digits @ ..] => (true, digits),
        digits => (false, digits),
    }
}

/// A whole number; a plus sign and leading zeros may be there.
pub(super) fn integer<T: atoi_simd::Parse>(text: &[u8]) -> Option<T> {
    atoi_simd::parse::<T, true, true>(text).ok()
}

/// Whole numbers below are floats.
const EXACT: f64 = 9_007_199_254_740_992.0;
/// Digits that tell any float from all others.
const MOST_DIGITS: usize = 17;

/// A number that a float holds: not rounded to 0 or beyond all bounds, and of no more digits than a float can tell.
pub(super) fn strict_float(text: &[u8]) -> Option<f64> {
    let (is_negative, digits) = split_sign(text);
    if matches!(digits, [b'0', b'0'..=b'9', ..] | [b'+', ..]) {
        return None;
    }
    if let Some(value) = swar::short_float(digits) {
        return Some(if is_negative { -value } else { value });
    }
    careful_float(text, digits)
}

fn careful_float(text: &[u8], digits: &[u8]) -> Option<f64> {
    if is_spelled(digits) {
        return matches!(digits, b"NaN" | b"nan" | b"inf" | b"Infinity").then(|| float(text)).flatten();
    }
    let value: f64 = float(text)?;
    let exponent = digits.iter().position(|byte| matches!(byte, b'e' | b'E'));
    let mantissa = &digits[..exponent.unwrap_or(digits.len())];
    let is_zero = mantissa.iter().all(|byte| matches!(byte, b'0' | b'.'));
    let is_whole = exponent.is_none() && !mantissa.contains(&b'.');
    // A whole number may be a name: each of its digits counts.
    let is_exact = if is_whole { value.abs() < EXACT } else { significant(mantissa) <= MOST_DIGITS };
    (is_exact && (value != 0.0 || is_zero)).then_some(value)
}

/// Digits without zeros before them, and without those that end a fraction.
fn significant(mantissa: &[u8]) -> usize {
    let is_digit = |byte: &&u8| byte.is_ascii_digit();
    let zeros = match mantissa.contains(&b'.') {
        true => mantissa.iter().rev().filter(is_digit).take_while(|byte| **byte == b'0').count(),
        false => 0,
    };
    let digits = mantissa.iter().filter(is_digit).skip_while(|byte| **byte == b'0').count();
    digits.saturating_sub(zeros)
}

/// Whether it is no number of digits.
pub(super) fn is_spelled(text: &[u8]) -> bool {
    text.first().is_some_and(u8::is_ascii_alphabetic)
}

/// A double; see [`float`].
pub(super) fn double(text: &[u8]) -> Option<f64> {
    let (is_negative, digits) = split_sign(text);
    match swar::short_float(digits) {
        Some(value) => Some(if is_negative { -value } else { value }),
        None => float(text),
    }
}

/// A float; digits that are beyond all bounds are none.
#[inline]
pub(super) fn float<F: fast_float2::FastFloat + IsFinite>(text: &[u8]) -> Option<F> {
    let value: F = fast_float2::parse(text).ok()?;
    if !value.is_finite() && text.iter().any(u8::is_ascii_digit) { None } else { Some(value) }
}

/// What both floats have.
pub(super) trait IsFinite: Copy {
    fn is_finite(self) -> bool;
}

impl IsFinite for f32 {
    fn is_finite(self) -> bool {
        f32::is_finite(self)
    }
}

impl IsFinite for f64 {
    fn is_finite(self) -> bool {
        f64::is_finite(self)
    }
}

/// What a float of 16 bits holds.
pub(super) fn half(text: &[u8]) -> Option<f64> {
    /// From here on the nearest one is infinite.
    const BEYOND: f64 = 65_520.0;
    float::<f64>(text).filter(|value| !value.is_finite() || value.abs() < BEYOND)
}

/// A truth value.
pub(super) fn strict_boolean(text: &[u8]) -> Option<bool> {
    match text {
        b"true" | b"True" | b"TRUE" => Some(true),
        b"false" | b"False" | b"FALSE" => Some(false),
        _ => None,
    }
}

/// A truth value, in any case, or a digit.
pub(super) fn boolean(text: &[u8]) -> Option<bool> {
    match text {
        b"1" => Some(true),
        b"0" => Some(false),
        _ if text.eq_ignore_ascii_case(b"true") => Some(true),
        _ if text.eq_ignore_ascii_case(b"false") => Some(false),
        _ => None,
    }
}

/// An exact decimal of this precision and scale.
pub(super) fn decimal<T: DecimalType>(text: &[u8], precision: u8, scale: i8) -> Option<T::Native>
where
    T::Native: Unscaled,
{
    if let Some(value) = short_decimal(text, scale) {
        let value = T::Native::narrow(i256::from(value))?;
        return T::is_valid_decimal_precision(value, precision).then_some(value);
    }
    let value = read_decimal(text, scale)?;
    if has_room(value, precision) { T::Native::narrow(value) } else { None }
}

/// The usual case: few digits, and none beyond the scale.
fn short_decimal(text: &[u8], scale: i8) -> Option<i64> {
    let (is_negative, digits) = match text {
        [b'-', digits @ ..] => (true, digits),
        digits => (false, digits),
    };
    let scale = usize::try_from(scale).ok()?;
    if digits.is_empty() || digits.len() + scale > 18 {
        return None;
    }
    let (mut value, mut behind) = (0i64, None);
    for byte in digits {
        match byte {
            b'0'..=b'9' => {
                value = value * 10 + i64::from(byte - b'0');
                behind = behind.map(|behind| behind + 1);
            }
            b'.' if behind.is_none() && digits.len() > 1 => behind = Some(0),
            _ => return None,
        }
    }
    let value = value * 10i64.pow(scale.checked_sub(behind.unwrap_or(0))? as u32);
    Some(if is_negative { -value } else { value })
}

#[cfg(all(test, not(model)))]
mod tests {
    use super::*;
    use arrow_array::types::{Decimal32Type, Decimal128Type, Decimal256Type};

    #[test]
    fn strict_numbers_are_given_back_as_they_were() {
        for (text, wanted) in [
            ("0", Some(0)),
            ("-1", Some(-1)),
            ("9223372036854775807", Some(i64::MAX)),
            ("-9223372036854775808", Some(i64::MIN)),
            ("9223372036854775808", None),
            ("00123", None),
            ("-0", None),
            ("-01", None),
            ("+1", None),
            ("", None),
            ("-", None),
            (" 1", None),
            ("1 ", None),
            ("1.0", None),
            ("1_000", None),
        ] {
            assert_eq!(strict_integer(text.as_bytes()), wanted, "{text}");
        }
        for (text, wanted) in [
            ("1.5", Some(1.5)),
            ("-1.5", Some(-1.5)),
            ("0", Some(0.0)),
            ("-0", Some(-0.0)),
            ("0.0", Some(0.0)),
            ("0e5", Some(0.0)),
            ("1e5", Some(1e5)),
            ("1E-5", Some(1e-5)),
            (".5", Some(0.5)),
            ("5.", Some(5.0)),
            ("-.5", Some(-0.5)),
            ("1e400", None),
            ("1e-400", None),
            ("-1e-400", None),
            ("007.5", None),
            ("-00.5", None),
            ("+1.5", None),
            ("inf", Some(f64::INFINITY)),
            ("-inf", Some(f64::NEG_INFINITY)),
            ("INF", None),
            ("infinity", None),
            ("9007199254740992", Some(9007199254740992.0)),
            ("9007199254740993", None),
            ("12345678901234567890", None),
            ("0.30000000000000004", Some(0.30000000000000004)),
            ("123456.12345678901", "123456.12345678901".parse().ok()),
            ("1.234567890123456789", None),
            ("0.50000000000000000000", Some(0.5)),
            ("0.000000000000000000012345678901234567", Some(0.000000000000000000012345678901234567)),
            ("1.2345678901234567e-10", Some(1.2345678901234567e-10)),
            ("1.797693134862315708145e308", None),
            (".", None),
            ("-", None),
            ("e5", None),
            ("1e", None),
            ("1.5 ", None),
            ("0x10", None),
        ] {
            let found = strict_float(text.as_bytes());
            assert_eq!(found.map(f64::to_bits), wanted.map(f64::to_bits), "{text}");
        }
        assert!(strict_float(b"NaN").is_some_and(f64::is_nan));
        assert_eq!(strict_boolean(b"tRue"), None);
    }

    #[test]
    fn given_types_take_more_and_change_nothing() {
        assert_eq!(integer::<i64>(b"+007"), Some(7));
        assert_eq!(integer::<u8>(b"255"), Some(255));
        assert_eq!(integer::<u8>(b"256"), None);
        assert_eq!(integer::<u8>(b"-1"), None);
        assert_eq!(integer::<i8>(b"-128"), Some(-128));
        assert_eq!(integer::<i16>(b"1e3"), None);
        assert_eq!(float::<f64>(b"1e400"), None);
        assert_eq!(float::<f32>(b"1e39"), None);
        assert_eq!(float::<f32>(b"-Infinity"), Some(f32::NEG_INFINITY));
        assert_eq!(half(b"65519"), Some(65519.0));
        assert_eq!(half(b"65520"), None);
        assert_eq!([&b"tRUE"[..], b"0", b"1", b"yes"].map(boolean), [Some(true), Some(false), Some(true), None]);
    }

    #[test]
    fn decimals_are_exact() {
        let narrow = |text: &str| decimal::<Decimal32Type>(text.as_bytes(), 5, 2);
        for (text, wanted) in [
            ("1", Some(100)),
            ("-1.5", Some(-150)),
            ("999.99", Some(99999)),
            ("1000", None),
            ("1.005", None),
            ("1.500", Some(150)),
            ("1e1", Some(1000)),
            (".", None),
            ("-", None),
            ("1.2.3", None),
            ("", None),
        ] {
            assert_eq!(narrow(text), wanted, "{text}");
        }
        let nines = "9".repeat(38);
        assert_eq!(decimal::<Decimal128Type>(nines.as_bytes(), 38, 0), nines.parse().ok());
        assert_eq!(
            decimal::<Decimal256Type>(format!("{nines}.5").as_bytes(), 76, 1),
            i256::from_string(&format!("{nines}5"))
        );
        assert_eq!(decimal::<Decimal128Type>(b"12000", 38, -3), Some(12));
    }
}
