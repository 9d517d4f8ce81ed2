//! Times as servers write them.

use chrono::{DateTime, NaiveDateTime};
use std::time::{Duration, SystemTime};

/// Nanoseconds since 1970, of a time as listings or as headers write it.
pub(super) fn ns(text: &str) -> Option<i64> {
    let text = text.trim();
    let exact = DateTime::parse_from_rfc3339(text).ok().and_then(|time| time.timestamp_nanos_opt());
    exact.or_else(|| http_date(text)?.checked_mul(1_000_000_000))
}

/// How long from now until a time that a header tells: none if it is over.
pub(super) fn until(text: &str) -> Option<Duration> {
    let then = u64::try_from(http_date(text.trim())?).unwrap_or(0);
    let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).ok()?;
    Some(Duration::from_secs(then).saturating_sub(now))
}

/// Seconds since 1970, as HTTP writes them, or wrote them once. The weekday is not looked at.
fn http_date(text: &str) -> Option<i64> {
    let behind_weekday = text.split_once([',', ' '])?.1.trim_start();
    let forms = ["%d %b %Y %H:%M:%S GMT", "%d-%b-%y %H:%M:%S GMT", "%b %e %H:%M:%S %Y"];
    let time = forms.iter().find_map(|form| NaiveDateTime::parse_from_str(behind_weekday, form).ok())?;
    Some(time.and_utc().timestamp())
}

#[cfg(all(test, not(model)))]
mod tests {
    use super::*;

    #[test]
    fn times_have_several_forms() {
        assert_eq!(ns("1970-01-01T00:00:01.500Z"), Some(1_500_000_000));
        let moment = Some(784_111_777_000_000_000);
        assert_eq!(ns("1994-11-06T08:49:37Z"), moment);
        assert_eq!(ns("1994-11-06T09:49:37+01:00"), moment);
        assert_eq!(ns("Sun, 06 Nov 1994 08:49:37 GMT"), moment);
        assert_eq!(ns("Sunday, 06-Nov-94 08:49:37 GMT"), moment);
        assert_eq!(ns("Sun Nov  6 08:49:37 1994"), moment);
        for wrong in ["", "T", "2009-10-12", "2009-13-12T17:50:30Z", "Sun, 06 Foo 1994 08:49:37 GMT", "9999999999"] {
            assert_eq!(ns(wrong), None, "{wrong}");
        }
    }

    #[test]
    fn what_is_over_is_now() {
        assert_eq!(until("Sun, 06 Nov 1994 08:49:37 GMT"), Some(Duration::ZERO));
        let soon = chrono::DateTime::from_timestamp(now() + 100, 0).unwrap();
        let until = until(&soon.format("%a, %d %b %Y %H:%M:%S GMT").to_string()).unwrap();
        assert!((98..=100).contains(&until.as_secs()));
    }

    fn now() -> i64 {
        SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap().as_secs() as i64
    }
}
