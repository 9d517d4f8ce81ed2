//! String options of a store: each known, none twice, every value understood, and all of them told again.

use crate::error::{Error, Kind, Result};
use std::ops::RangeInclusive;
use std::time::Duration;

/// The options of every store.
pub(super) const OF_ALL: [&str; 2] = ["part_size", "max_in_flight"];
/// Those of file:// besides.
pub(super) const OF_FILE: [&str; 3] = ["create", "fsync", "follow_symlinks"];

/// Names of options that belong to somebody else: the vendor's.
pub(crate) trait Vendor {
    /// What its names may begin with.
    fn prefix(&self) -> &'static str;
    /// The one name of an option that has several.
    fn canonical(&self, name: &str) -> Option<String>;
    /// Why an option that it knows is of no use here.
    fn refusal(&self, name: &str, value: &str) -> Option<String>;
    /// Its names, for suggestions.
    fn names(&self) -> &'static [&'static str];
}

/// The options given, all of them known to the kind of store.
pub(crate) struct Options {
    /// By their canonical names.
    given: Vec<(String, String)>,
    /// Those in force, as they are told again.
    told: Vec<(String, String)>,
}

impl Options {
    pub(crate) fn new(
        kind: &str,
        own: &[&str],
        vendor: Option<&dyn Vendor>,
        pairs: &[(String, String)],
    ) -> Result<Options> {
        let mut options = Options { given: Vec::new(), told: Vec::new() };
        for (written, value) in pairs {
            let Some(name) = canonical(written, own, vendor) else {
                let mut known: Vec<&str> = OF_ALL.iter().chain(own).copied().collect();
                known.extend(vendor.map_or(&[][..], Vendor::names));
                let bare =
                    vendor.map_or(&written[..], |vendor| written.strip_prefix(vendor.prefix()).unwrap_or(written));
                let guess = nearest(bare, &known).map_or(String::new(), |near| format!("did you mean `{near}`? "));
                let known = known.join(", ");
                return Err(Error::argument(format!("unknown option `{written}`; {guess}{kind}:// knows {known}")));
            };
            if let Some(why) = vendor.and_then(|vendor| vendor.refusal(&name, value)) {
                return Err(Error::new(Kind::Unsupported, format!("option `{written}`: {why}")));
            }
            if options.value(&name).is_some() {
                return Err(Error::argument(format!("option `{written}` is given twice")));
            }
            options.given.push((name, value.clone()));
        }
        Ok(options)
    }

    pub(crate) fn value(&self, key: &str) -> Option<&str> {
        self.given.iter().find(|(given, _)| given == key).map(|(_, value)| value.as_str())
    }

    /// Sets an option that is not given.
    pub(crate) fn set(&mut self, key: &str, value: String) {
        if self.value(key).is_none() {
            self.given.push((key.to_string(), value));
        }
    }

    /// Sets an option, whether it is given or not.
    pub(crate) fn put(&mut self, key: &str, value: String) {
        match self.given.iter_mut().find(|(given, _)| given == key) {
            Some((_, old)) => *old = value,
            None => self.given.push((key.to_string(), value)),
        }
    }

    /// Whether an option is given, and does not say that it is not wanted.
    pub(crate) fn is_in_force(&self, key: &str) -> bool {
        self.value(key).is_some_and(|value| value != "false")
    }

    /// The options that are neither of all stores nor among these.
    pub(crate) fn others<'a>(&'a self, own: &'a [&str]) -> impl Iterator<Item = (&'a str, &'a str)> {
        let is_other = |name: &str| !OF_ALL.contains(&name) && !own.contains(&name);
        self.given.iter().filter(move |(name, _)| is_other(name)).map(|(name, value)| (name.as_str(), value.as_str()))
    }

    /// Notes a value that is in force.
    pub(crate) fn tell(&mut self, key: &str, value: impl ToString) {
        self.told.push((key.to_string(), value.to_string()));
    }

    /// Those in force, in order of their names.
    pub(crate) fn told(mut self) -> Vec<(String, String)> {
        self.told.sort();
        self.told
    }

    /// A text, as it is given.
    pub(crate) fn text(&mut self, key: &str) -> Option<String> {
        let value = self.value(key)?.to_string();
        self.tell(key, &value);
        Some(value)
    }

    pub(crate) fn truth(&mut self, key: &str) -> Result<bool> {
        let value = match self.value(key) {
            None | Some("false") => false,
            Some("true") => true,
            Some(other) => return Err(bad(key, other, "`true` or `false`")),
        };
        self.tell(key, value);
        Ok(value)
    }

    /// A number of bytes, at least 1.
    pub(crate) fn size(&mut self, key: &str, default: u64) -> Result<u64> {
        let size = match self.value(key) {
            None => default,
            Some(text) => parse_size(text)
                .filter(|size| *size > 0)
                .ok_or_else(|| bad(key, text, "bytes, as `8388608` or `8MiB`"))?,
        };
        self.tell(key, size);
        Ok(size)
    }

    /// A number, at least `least`.
    pub(crate) fn count(&mut self, key: &str, least: u32, default: u32) -> Result<u32> {
        self.count_up_to(key, least..=u32::MAX, default)
    }

    /// A number, at least the first of the range; what is beyond the last stands for the last.
    pub(crate) fn count_up_to(&mut self, key: &str, range: RangeInclusive<u32>, default: u32) -> Result<u32> {
        let least = *range.start();
        let count = match self.value(key) {
            None => default,
            Some(text) => text
                .parse()
                .ok()
                .filter(|count| *count >= least)
                .ok_or_else(|| bad(key, text, &format!("a number from {least} on")))?,
        };
        let count = count.min(*range.end());
        self.tell(key, count);
        Ok(count)
    }

    /// A time, more than none.
    pub(crate) fn duration(&mut self, key: &str, default: Duration) -> Result<Duration> {
        Ok(self.duration_if_given(key)?.unwrap_or_else(|| {
            self.tell(key, shown(default));
            default
        }))
    }

    pub(crate) fn duration_if_given(&mut self, key: &str) -> Result<Option<Duration>> {
        let Some(text) = self.value(key) else { return Ok(None) };
        let duration = parse_duration(text)
            .filter(|duration| !duration.is_zero())
            .ok_or_else(|| bad(key, text, "a time, as `500ms`, `30s` or `5m`"))?;
        self.tell(key, shown(duration));
        Ok(Some(duration))
    }
}

fn canonical(written: &str, own: &[&str], vendor: Option<&dyn Vendor>) -> Option<String> {
    let bare = vendor.map_or(written, |vendor| written.strip_prefix(vendor.prefix()).unwrap_or(written));
    if OF_ALL.contains(&bare) || own.contains(&bare) {
        return Some(bare.to_string());
    }
    vendor.and_then(|vendor| vendor.canonical(written))
}

pub(super) fn bad(key: &str, value: &str, wanted: &str) -> Error {
    Error::argument(format!("option `{key}` is `{value}`; it takes {wanted}"))
}

fn parse_size(text: &str) -> Option<u64> {
    let digits = text.bytes().take_while(u8::is_ascii_digit).count();
    let unit: u64 = match text[digits..].trim_start() {
        "" => 1,
        "KiB" => 1 << 10,
        "MiB" => 1 << 20,
        "GiB" => 1 << 30,
        _ => return None,
    };
    text[..digits].parse::<u64>().ok()?.checked_mul(unit)
}

fn parse_duration(text: &str) -> Option<Duration> {
    let digits = text.bytes().take_while(u8::is_ascii_digit).count();
    let milliseconds: u64 = match text[digits..].trim_start() {
        "ms" => 1,
        "s" => 1000,
        "m" => 60_000,
        "h" => 3_600_000,
        _ => return None,
    };
    // A year is enough for anybody, and can be added to any clock.
    let parsed = text[..digits].parse::<u64>().ok()?.checked_mul(milliseconds)?;
    (parsed <= 365 * 24 * 3_600_000).then(|| Duration::from_millis(parsed))
}

fn shown(duration: Duration) -> String {
    let milliseconds = duration.as_millis();
    if milliseconds.is_multiple_of(1000) { format!("{}s", milliseconds / 1000) } else { format!("{milliseconds}ms") }
}

/// The known word nearest to what was written, if one is near enough to have been meant.
pub(crate) fn nearest<'a>(written: &str, known: &[&'a str]) -> Option<&'a str> {
    let distance = |word: &&str| strsim::damerau_levenshtein(written, word);
    let is_near = |word: &&str| distance(word) <= word.len().max(written.len()) / 2;
    known.iter().copied().filter(is_near).min_by_key(distance)
}

#[cfg(all(test, not(model)))]
mod tests {
    use super::*;

    #[test]
    fn sizes_are_bytes_or_have_a_unit() {
        assert_eq!(parse_size("17"), Some(17));
        assert_eq!(parse_size("8MiB"), Some(8 << 20));
        assert_eq!(parse_size("2 GiB"), Some(2 << 30));
        for wrong in ["", "MiB", "8M", "-1", "1.5MiB", "99999999999999GiB", "8miB"] {
            assert_eq!(parse_size(wrong), None, "{wrong:?}");
        }
    }

    #[test]
    fn times_have_a_unit() {
        assert_eq!(parse_duration("250ms"), Some(Duration::from_millis(250)));
        assert_eq!(parse_duration("30s"), Some(Duration::from_secs(30)));
        assert_eq!(parse_duration("3m"), Some(Duration::from_secs(180)));
        for wrong in ["", "s", "30", "1.5s", "-1s", "9999999999999999999s", "9999999h", "30 seconds"] {
            assert_eq!(parse_duration(wrong), None, "{wrong:?}");
        }
        assert_eq!(
            (shown(Duration::from_millis(250)), shown(Duration::from_secs(180))),
            ("250ms".into(), "180s".into())
        );
    }

    #[test]
    fn an_unknown_option_names_the_nearest() {
        let pairs = [("part_sise".to_string(), "1".to_string())];
        let error = Options::new("memory", &[], None, &pairs).err().unwrap();
        assert!(error.message.contains("`part_sise`; did you mean `part_size`?"), "{error}");
        let pairs = [("fsync".to_string(), "true".to_string())];
        assert!(Options::new("memory", &[], None, &pairs).is_err());
        assert!(Options::new("file", &OF_FILE, None, &pairs).is_ok());
    }
}
