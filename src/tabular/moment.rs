//! Dates and times as text: RFC 3339, with all digits of their unit; written, and read without losing any.

use super::scalar::NoText;
use arrow_array::timezone::Tz;
use arrow_schema::TimeUnit;
use chrono::{DateTime, Datelike, NaiveDate, NaiveDateTime, Offset, TimeDelta, TimeZone, Timelike};

const DAY_MS: i64 = 24 * 60 * 60 * 1000;

/// The text has four digits for the year.
const YEAR: NoText = NoText("its year is not in 0 to 9999");

/// Appends a date, given in days since 1970.
pub(super) fn write_date(days: i64, text: &mut Vec<u8>) -> Result<(), NoText> {
    let moment = days.checked_mul(DAY_MS).and_then(DateTime::from_timestamp_millis).ok_or(YEAR)?;
    write_day(&moment.naive_utc(), text)
}

/// Appends a date, given in milliseconds since 1970: with the time of the day, if there is one.
pub(super) fn write_date_64(milliseconds: i64, text: &mut Vec<u8>) -> Result<(), NoText> {
    if milliseconds % DAY_MS == 0 {
        return write_date(milliseconds / DAY_MS, text);
    }
    write_timestamp(milliseconds, TimeUnit::Millisecond, None, text)
}

/// Appends a time of the day.
pub(super) fn write_time(value: i64, unit: TimeUnit, text: &mut Vec<u8>) -> Result<(), NoText> {
    let (in_second, digits) = parts(unit);
    let seconds = value.div_euclid(in_second);
    if !(0..24 * 60 * 60).contains(&seconds) {
        return Err(NoText("it is not in 00:00 to 24:00"));
    }
    write_clock(seconds as u32, text);
    write_fraction(value.rem_euclid(in_second), digits, text);
    Ok(())
}

/// Appends a moment: with a zone, as its clocks show it and with what they are ahead of UTC.
pub(super) fn write_timestamp(value: i64, unit: TimeUnit, zone: Option<&Tz>, text: &mut Vec<u8>) -> Result<(), NoText> {
    let (in_second, digits) = parts(unit);
    let utc = DateTime::from_timestamp_secs(value.div_euclid(in_second)).ok_or(YEAR)?.naive_utc();
    let ahead = zone.map_or(0, |zone| zone.offset_from_utc_datetime(&utc).fix().local_minus_utc());
    // Clocks of the nineteenth century were ahead by odd seconds, which have no text.
    let ahead = if ahead % 60 == 0 { ahead } else { 0 };
    let local = utc.checked_add_signed(TimeDelta::seconds(ahead.into())).ok_or(YEAR)?;
    write_day(&local, text)?;
    text.push(b'T');
    write_clock(local.num_seconds_from_midnight(), text);
    write_fraction(value.rem_euclid(in_second), digits, text);
    match zone {
        None => {}
        Some(_) if ahead == 0 => text.push(b'Z'),
        Some(_) => {
            text.push(if ahead < 0 { b'-' } else { b'+' });
            let minutes = ahead.unsigned_abs() / 60;
            write_digits(minutes / 60, 2, text);
            text.push(b':');
            write_digits(minutes % 60, 2, text);
        }
    }
    Ok(())
}

/// How many of the unit are a second, and digits behind its point.
fn parts(unit: TimeUnit) -> (i64, usize) {
    match unit {
        TimeUnit::Second => (1, 0),
        TimeUnit::Millisecond => (1000, 3),
        TimeUnit::Microsecond => (1_000_000, 6),
        TimeUnit::Nanosecond => (1_000_000_000, 9),
    }
}

fn write_day(moment: &NaiveDateTime, text: &mut Vec<u8>) -> Result<(), NoText> {
    let year = u32::try_from(moment.year()).ok().filter(|year| *year <= 9999).ok_or(YEAR)?;
    write_digits(year, 4, text);
    text.push(b'-');
    write_digits(moment.month(), 2, text);
    text.push(b'-');
    write_digits(moment.day(), 2, text);
    Ok(())
}

fn write_clock(seconds: u32, text: &mut Vec<u8>) {
    write_digits(seconds / 3600, 2, text);
    text.push(b':');
    write_digits(seconds / 60 % 60, 2, text);
    text.push(b':');
    write_digits(seconds % 60, 2, text);
}

fn write_fraction(value: i64, digits: usize, text: &mut Vec<u8>) {
    if digits > 0 {
        text.push(b'.');
        // Less than a second.
        write_digits(value as u32, digits, text);
    }
}

/// Appends a number with zeros in front, so that it has so many digits; at most nine.
fn write_digits(mut value: u32, digits: usize, text: &mut Vec<u8>) {
    let mut written = [b'0'; 9];
    for digit in written[..digits].iter_mut().rev() {
        *digit += (value % 10) as u8;
        value /= 10;
    }
    text.extend_from_slice(&written[..digits]);
}

/// Reads a date as days since 1970: `2024-02-29`.
pub(super) fn read_date(text: &[u8]) -> Option<i64> {
    let (date, rest) = Reader(text).date()?;
    rest.end()?;
    Some(i64::from(date.num_days_from_ce()) - EPOCH_DAYS)
}

/// Reads a date with or without a time as milliseconds since 1970.
pub(super) fn read_date_64(text: &[u8]) -> Option<i64> {
    match read_date(text) {
        Some(days) => days.checked_mul(DAY_MS),
        None => read_timestamp(text, TimeUnit::Millisecond, None),
    }
}

/// Reads a time of the day: `12:30`, `12:30:00`, `12:30:00.25`.
pub(super) fn read_time(text: &[u8], unit: TimeUnit) -> Option<i64> {
    let (seconds, nanoseconds, rest) = Reader(text).clock()?;
    rest.end()?;
    in_unit(seconds.into(), nanoseconds, unit)
}

/// Reads a moment: a date and a time with `T` or a space between, or a date alone. With a zone, what is ahead of UTC may
/// follow; without it the clock is the zone's. Without a zone nothing may follow.
pub(super) fn read_timestamp(text: &[u8], unit: TimeUnit, zone: Option<&Tz>) -> Option<i64> {
    let (date, rest) = Reader(text).date()?;
    let (seconds, nanoseconds, rest) = match rest.0.first() {
        Some(b'T' | b't' | b' ') => Reader(&rest.0[1..]).clock()?,
        _ => (0, 0, rest),
    };
    let local = date.and_hms_opt(0, 0, 0)?.checked_add_signed(TimeDelta::seconds(seconds.into()))?;
    let local_seconds = local.and_utc().timestamp();
    let utc = match (zone, rest.0.is_empty()) {
        (None, true) => local_seconds,
        (None, false) => return None,
        (Some(zone), true) => zone.from_local_datetime(&local).single()?.timestamp(),
        (Some(_), false) => local_seconds - rest.ahead()?,
    };
    in_unit(utc, nanoseconds, unit)
}

/// Days from the year 1 to 1970.
const EPOCH_DAYS: i64 = 719_163;

/// None where it is too far away, or has digits that the unit has not.
fn in_unit(seconds: i64, nanoseconds: u32, unit: TimeUnit) -> Option<i64> {
    let (in_second, _) = parts(unit);
    let in_unit = 1_000_000_000 / in_second;
    if i64::from(nanoseconds) % in_unit != 0 {
        return None;
    }
    let value = i128::from(seconds) * i128::from(in_second) + i128::from(i64::from(nanoseconds) / in_unit);
    value.try_into().ok()
}

/// A text that is read from its begin.
#[derive(Clone, Copy)]
struct Reader<'a>(&'a [u8]);

impl<'a> Reader<'a> {
    fn end(self) -> Option<()> {
        self.0.is_empty().then_some(())
    }

    fn digits(self, count: usize) -> Option<(u32, Reader<'a>)> {
        let (digits, rest) = self.0.split_at_checked(count)?;
        let mut value = 0;
        for digit in digits {
            value = value * 10 + u32::from(digit.checked_sub(b'0').filter(|digit| *digit < 10)?);
        }
        Some((value, Reader(rest)))
    }

    fn byte(self, wanted: u8) -> Option<Reader<'a>> {
        self.0.strip_prefix(&[wanted]).map(Reader)
    }

    fn date(self) -> Option<(NaiveDate, Reader<'a>)> {
        let (year, rest) = self.digits(4)?;
        let (month, rest) = rest.byte(b'-')?.digits(2)?;
        let (day, rest) = rest.byte(b'-')?.digits(2)?;
        Some((NaiveDate::from_ymd_opt(year as i32, month, day)?, rest))
    }

    /// Seconds and nanoseconds.
    fn clock(self) -> Option<(u32, u32, Reader<'a>)> {
        let (hours, rest) = self.digits(2)?;
        let (minutes, rest) = rest.byte(b':')?.digits(2)?;
        let (seconds, rest) = match rest.byte(b':') {
            Some(rest) => rest.digits(2)?,
            None => (0, rest),
        };
        if hours > 23 || minutes > 59 || seconds > 59 {
            return None;
        }
        let (nanoseconds, rest) = rest.fraction()?;
        Some((hours * 3600 + minutes * 60 + seconds, nanoseconds, rest))
    }

    fn fraction(self) -> Option<(u32, Reader<'a>)> {
        let Some(Reader(rest)) = self.byte(b'.') else { return Some((0, self)) };
        let count = rest.iter().take_while(|byte| byte.is_ascii_digit()).count();
        let (digits, rest) = rest.split_at(count);
        let (kept, beyond) = digits.split_at(count.min(9));
        if kept.is_empty() || beyond.iter().any(|digit| *digit != b'0') {
            return None;
        }
        let (value, _) = Reader(kept).digits(kept.len())?;
        Some((value * 10u32.pow(9 - kept.len() as u32), Reader(rest)))
    }

    /// Seconds that a clock is ahead of UTC: `Z`, `+01:00`, `+0100`, `+01`.
    fn ahead(self) -> Option<i64> {
        let (sign, rest) = match self.0.split_first()? {
            (b'Z' | b'z', []) => return Some(0),
            (b'+', rest) => (1, Reader(rest)),
            (b'-', rest) => (-1, Reader(rest)),
            _ => return None,
        };
        let (hours, rest) = rest.digits(2)?;
        let (minutes, rest) = match rest.0 {
            [] => (0, rest),
            [b':', rest @ ..] => Reader(rest).digits(2)?,
            _ => rest.digits(2)?,
        };
        rest.end()?;
        if hours > 23 || minutes > 59 {
            return None;
        }
        Some(sign * i64::from(hours * 3600 + minutes * 60))
    }
}

#[cfg(all(test, not(model)))]
mod tests {
    use super::*;
    use TimeUnit::*;

    #[test]
    fn dates_are_those_of_the_calendar() {
        assert_eq!(read_date(b"1970-01-01"), Some(0));
        assert_eq!(read_date(b"2024-02-29"), Some(19_782));
        assert_eq!(read_date(b"0000-01-01"), Some(-719_528));
        let wrong =
            ["2023-02-29", "2024-13-01", "2024-1-01", "2024-01-01 ", "+024-01-01", "20240101", "", "2024-01-0a"];
        wrong.iter().for_each(|text| assert_eq!(read_date(text.as_bytes()), None, "{text}"));
        assert_eq!(read_date_64(b"1970-01-02"), Some(DAY_MS));
        assert_eq!(read_date_64(b"1970-01-02T00:00:00.001"), Some(DAY_MS + 1));
    }

    #[test]
    fn times_are_exact() {
        assert_eq!(read_time(b"23:59:59.999", Millisecond), Some(DAY_MS - 1));
        assert_eq!(read_time(b"00:01", Second), Some(60));
        assert_eq!(read_time(b"00:00:00.1000", Millisecond), Some(100));
        assert_eq!(read_time(b"00:00:00.0000000010", Nanosecond), Some(1));
        for text in ["24:00:00", "00:60:00", "00:00:60", "00:00:00.", "1:00", "00:00:00.0001", "00:00:00Z"] {
            assert_eq!(read_time(text.as_bytes(), Millisecond), None, "{text}");
        }
    }

    #[test]
    fn moments_are_in_their_zone() {
        let utc: Tz = "UTC".parse().unwrap();
        let berlin: Tz = "Europe/Berlin".parse().unwrap();
        let read = |text: &str, zone: Option<&Tz>| read_timestamp(text.as_bytes(), Second, zone);
        for text in ["1970-01-01T01:00:00", "1970-01-01 01:00", "1970-01-01T01:00:00.000"] {
            assert_eq!(read(text, None), Some(3600), "{text}");
            assert_eq!(read(text, Some(&utc)), Some(3600), "{text}");
            assert_eq!(read(text, Some(&berlin)), Some(0), "{text}");
        }
        for text in
            ["1970-01-01T02:00:00+01:00", "1970-01-01 01:00:00Z", "1969-12-31T23:30-0130", "1970-01-01T03:00+02"]
        {
            assert_eq!(read(text, Some(&berlin)), Some(3600), "{text}");
            assert_eq!(read(text, None), None, "{text}");
        }
        // A clock shows this hour twice, and that one never.
        assert_eq!(read("2024-10-27T02:30:00", Some(&berlin)), None);
        assert_eq!(read("2024-03-31T02:30:00", Some(&berlin)), None);
        assert_eq!(read_timestamp(b"2263-01-01T00:00:00", Nanosecond, None), None);
        assert_eq!(read_timestamp(b"1677-09-21T00:12:43.145224192", Nanosecond, None), Some(i64::MIN));
        for text in ["1970-01-01T", "1970-01-01T00:00:00+1", "1970-01-01T00:00:00+24:00", "1970-01-01T00:00:00ZZ"] {
            assert_eq!(read(text, Some(&utc)), None, "{text}");
        }
    }
}
