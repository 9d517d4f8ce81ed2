//! What is a key, on every store.

use crate::error::{Error, Result, shown};

/// Bytes of the longest key.
const LONGEST: usize = 4095;

/// Refuses what some store would read as another key, or not at all: one rule for all of them.
pub(crate) fn check(key: &str) -> Result<()> {
    let refuse = |why: &str| Err(Error::argument(format!("`{}` is not a key: {why}", shown(key))));
    if key.is_empty() {
        return refuse("it is empty");
    }
    if key.len() > LONGEST {
        return refuse(&format!("it has {} bytes, and {LONGEST} is the most", key.len()));
    }
    if key.contains('\0') {
        return refuse("it contains a NUL byte");
    }
    if key.starts_with('/') || key.ends_with('/') {
        return refuse("it begins or ends with `/`");
    }
    for segment in key.split('/') {
        match segment {
            "" => return refuse("it contains `//`"),
            "." | ".." => return refuse("it has a segment `.` or `..`"),
            _ => {}
        }
    }
    Ok(())
}

#[cfg(all(test, not(model)))]
mod tests {
    use super::check;

    #[test]
    fn what_is_a_key() {
        for key in ["a", "a/b", " ", "a b%2F?#\\", "ü/日本", "...", ".a", "a\n\u{1}", &"x".repeat(4095)] {
            assert!(check(key).is_ok(), "{key:?}");
        }
        for key in ["", "/", "/a", "a/", "a//b", ".", "..", "a/./b", "a/..", "a\0b", &"x".repeat(4096)] {
            assert!(check(key).is_err(), "{key:?}");
        }
    }
}
