//! Dates and timestamps of fields. The usual forms are read here, quickly; others by [`moment`].

use super::swar;
use crate::tabular::moment;
use arrow_array::timezone::Tz;
use arrow_schema::TimeUnit;

/// A date as days since 1970: `2024-02-29`.
pub(super) fn date(text: &[u8]) -> Option<i32> {
    days(text.try_into().ok()?)
}

fn days(text: &[u8; 10]) -> Option<i32> {
    let (year, month, day) = swar::date(text)?;
    if !(1..=12).contains(&month) || day == 0 || (day > 28 && day > days_of(year, month)) {
        return None;
    }
    // Years begin in March here, so that the day that comes and goes is the last one.
    let year = if month > 2 { year + 4800 } else { year + 4799 };
    let month = (month + 9) % 12;
    let days = year * 365 + year / 4 - year / 100 + year / 400 + (month * 153 + 2) / 5 + day;
    // From March of the year -4800 to 1970.
    Some(days as i32 - 2_472_633)
}

fn days_of(year: u32, month: u32) -> u32 {
    match month {
        2 if year.is_multiple_of(4) && (!year.is_multiple_of(100) || year.is_multiple_of(400)) => 29,
        2 => 28,
        4 | 6 | 9 | 11 => 30,
        _ => 31,
    }
}

/// A clock's time: seconds since 1970 and billionths, of a text like `2024-02-29T12:30:00.5`.
fn clock(text: &[u8]) -> Option<(i64, u32)> {
    let (date, rest) = text.split_first_chunk::<10>()?;
    let (time, fraction) = rest.split_first_chunk::<9>()?;
    let [b'T' | b' ', time @ ..] = time else { return None };
    let seconds = i64::from(days(date)?) * 86_400 + i64::from(swar::time(time)?);
    let [b'.', digits @ ..] = fraction else { return fraction.is_empty().then_some((seconds, 0)) };
    if digits.is_empty() || digits.len() > 9 {
        return None;
    }
    let value = swar::short_integer(digits)? as u32;
    Some((seconds, value * 10u32.pow(9 - digits.len() as u32)))
}

/// How many of the unit are a second.
fn in_second(unit: TimeUnit) -> i64 {
    match unit {
        TimeUnit::Second => 1,
        TimeUnit::Millisecond => 1000,
        TimeUnit::Microsecond => 1_000_000,
        TimeUnit::Nanosecond => 1_000_000_000,
    }
}

/// None as well where it has digits that the unit has not.
fn quick(text: &[u8], unit: TimeUnit) -> Option<i64> {
    let (seconds, nanoseconds) = clock(text)?;
    let in_unit = 1_000_000_000 / in_second(unit);
    let nanoseconds = i64::from(nanoseconds);
    if nanoseconds % in_unit != 0 {
        return None;
    }
    seconds.checked_mul(in_second(unit))?.checked_add(nanoseconds / in_unit)
}

/// How moments are given.
#[derive(Clone, Copy, Debug)]
pub(super) enum Zone {
    /// By a clock of no zone, without an offset.
    None,
    /// By a clock of this zone, or with an offset.
    Of(Tz),
    /// The same for UTC.
    Utc(Tz),
    /// Inferred: by a clock, without an offset.
    StrictNone,
    /// Inferred: with an offset.
    StrictUtc(Tz),
}

/// The zone of Arrow's name for UTC.
pub(super) fn utc() -> Option<Tz> {
    "UTC".parse().ok()
}

/// A moment.
pub(super) fn timestamp(text: &[u8], unit: TimeUnit, zone: Zone) -> Option<i64> {
    match zone {
        Zone::None => quick(text, unit).or_else(|| moment::read_timestamp(text, unit, None)),
        Zone::Of(zone) => moment::read_timestamp(text, unit, Some(&zone)),
        Zone::Utc(utc) => {
            let clock = text.strip_suffix(b"Z").unwrap_or(text);
            quick(clock, unit).or_else(|| moment::read_timestamp(text, unit, Some(&utc)))
        }
        Zone::StrictNone => {
            let has_time = text.len() > "2024-02-29".len();
            quick(text, unit).or_else(|| moment::read_timestamp(text, unit, None).filter(|_| has_time))
        }
        Zone::StrictUtc(utc) => match text {
            [clock @ .., b'Z'] => quick(clock, unit).or_else(|| moment::read_timestamp(text, unit, Some(&utc))),
            _ if moment::read_timestamp(text, unit, None).is_some() => None,
            _ => moment::read_timestamp(text, unit, Some(&utc)),
        },
    }
}

#[cfg(all(test, not(model)))]
mod tests {
    use super::*;

    #[test]
    fn dates_are_those_of_the_calendar() {
        for day in moment::read_date(b"0000-01-01").unwrap()..=moment::read_date(b"9999-12-31").unwrap() {
            let mut text = Vec::new();
            moment::write_date(day, &mut text).ok().unwrap();
            assert_eq!(date(&text).map(i64::from), Some(day));
        }
        for text in [
            "2024-13-45",
            "2023-02-29",
            "1900-02-29",
            "2024-00-01",
            "2024-01-00",
            "2024-04-31",
            "2024-1-01",
            "",
            "2024/01/01",
            "2024-01-0:",
        ] {
            assert_eq!(date(text.as_bytes()), None, "{text}");
        }
    }

    #[test]
    fn the_quick_way_is_the_same() {
        let mut random = fastrand::Rng::with_seed(9);
        let units = [TimeUnit::Second, TimeUnit::Millisecond, TimeUnit::Microsecond, TimeUnit::Nanosecond];
        let mut read = 0;
        for _ in 0..100_000 {
            let mut text = b"2024-02-29T12:30:01.123456789".to_vec();
            text.truncate(random.usize(9..=text.len()));
            for _ in 0..random.usize(..3) {
                let at = random.usize(..text.len());
                text[at] = b"0123456789-:.TZ "[random.usize(..16)];
            }
            for unit in units {
                let (quick, slow) = (quick(&text, unit), moment::read_timestamp(&text, unit, None));
                assert!(quick == slow || (quick.is_none() && slow.is_some()), "{text:?}: {quick:?} {slow:?}");
                read += usize::from(quick.is_some());
            }
        }
        assert!(read > 10_000);
    }

    #[test]
    fn moments_are_in_their_zone() {
        let utc = utc().unwrap();
        let of = |text: &str, zone| timestamp(text.as_bytes(), TimeUnit::Second, zone);
        let berlin = Zone::Of("Europe/Berlin".parse().unwrap());
        assert_eq!(of("1970-01-01 01:00:00", Zone::None), Some(3600));
        assert_eq!(of("1970-01-01", Zone::None), Some(0));
        assert_eq!(of("1970-01-01T03:00:00+02:00", Zone::None), None);
        assert_eq!(of("1970-01-01T02:00:00", berlin), Some(3600));
        assert_eq!(of("1970-01-01T02:00:00Z", berlin), Some(7200));
        assert_eq!(of("1970-01-01T02:00", Zone::StrictNone), Some(7200));
        assert_eq!(of("1970-01-01", Zone::StrictNone), None);
        assert_eq!(of("1970-01-01T02:00:00Z", Zone::StrictNone), None);
        assert_eq!(of("1970-01-01T02:00:00Z", Zone::StrictUtc(utc)), Some(7200));
        assert_eq!(of("1970-01-01T02:00:00+02:00", Zone::StrictUtc(utc)), Some(0));
        assert_eq!(of("1970-01-01T02:00:00", Zone::StrictUtc(utc)), None);
        assert_eq!(of("1970-01-01", Zone::StrictUtc(utc)), None);
    }
}
