//! String options of a store: each known, none twice, every value understood.

use crate::error::{Error, Result};

/// The options of every store.
const OF_ALL: [&str; 2] = ["part_size", "max_in_flight"];
/// Those of file:// besides.
const OF_FILE: [&str; 3] = ["create", "fsync", "follow_symlinks"];

/// The options given, all of them known to the kind of store.
pub(crate) struct Options<'a> {
    pairs: &'a [(String, String)],
}

impl<'a> Options<'a> {
    pub(crate) fn new(kind: &str, pairs: &'a [(String, String)]) -> Result<Options<'a>> {
        let mut known = OF_ALL.to_vec();
        if kind == "file" {
            known.extend(OF_FILE);
        }
        for (index, (key, _)) in pairs.iter().enumerate() {
            if !known.contains(&key.as_str()) {
                let guess = nearest(key, &known).map_or(String::new(), |near| format!("did you mean `{near}`? "));
                let known = known.join(", ");
                return Err(Error::argument(format!("unknown option `{key}`; {guess}{kind}:// knows {known}")));
            }
            if pairs[..index].iter().any(|(earlier, _)| earlier == key) {
                return Err(Error::argument(format!("option `{key}` is given twice")));
            }
        }
        Ok(Options { pairs })
    }

    fn value(&self, key: &str) -> Option<&'a str> {
        self.pairs.iter().find(|(given, _)| given == key).map(|(_, value)| value.as_str())
    }

    pub(crate) fn truth(&mut self, key: &str) -> Result<bool> {
        match self.value(key) {
            None | Some("false") => Ok(false),
            Some("true") => Ok(true),
            Some(other) => Err(bad(key, other, "`true` or `false`")),
        }
    }

    /// A number of bytes, at least 1.
    pub(crate) fn size(&mut self, key: &str, default: u64) -> Result<u64> {
        let Some(text) = self.value(key) else { return Ok(default) };
        parse_size(text).filter(|size| *size > 0).ok_or_else(|| bad(key, text, "bytes, as `8388608` or `8MiB`"))
    }

    /// A number, at least 1.
    pub(crate) fn count(&mut self, key: &str, default: u32) -> Result<u32> {
        let Some(text) = self.value(key) else { return Ok(default) };
        text.parse().ok().filter(|count| *count > 0).ok_or_else(|| bad(key, text, "a number from 1 on"))
    }
}

fn bad(key: &str, value: &str, wanted: &str) -> Error {
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

/// The known word nearest to what was written, if one is near enough to have been meant.
pub(crate) fn nearest<'a>(written: &str, known: &[&'a str]) -> Option<&'a str> {
    let distance = |word: &&str| strsim::damerau_levenshtein(written, word);
    let near = known.iter().copied().min_by_key(distance)?;
    (distance(&near) <= near.len().max(written.len()) / 2).then_some(near)
}

#[cfg(all(test, not(loom)))]
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
    fn an_unknown_option_names_the_nearest() {
        let pairs = [("part_sise".to_string(), "1".to_string())];
        let error = Options::new("memory", &pairs).err().unwrap();
        assert!(error.message.contains("`part_sise`; did you mean `part_size`?"), "{error}");
        let pairs = [("fsync".to_string(), "true".to_string())];
        assert!(Options::new("memory", &pairs).is_err());
        assert!(Options::new("file", &pairs).is_ok());
    }
}
