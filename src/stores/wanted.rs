//! What a request wants of an object: which bytes, of which state.

use crate::error::{Error, Kind, Result};
use crate::outcome::Details;

/// Any revision, where one is named.
pub(crate) const ANY: &str = "*";

/// Some bytes of an object of which the size is not known.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Extent {
    /// So many from an offset on; more than there are = all that follow.
    From {
        /// First byte.
        offset: u64,
        /// Bytes.
        length: u64,
    },
    /// The last ones; more than there are = all.
    Last(u64),
}

impl Extent {
    /// All bytes.
    pub const ALL: Extent = Extent::From { offset: 0, length: u64::MAX };
}

/// A version, and conditions in the order of RFC 9110.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Wanted {
    /// Only at this revision.
    pub if_match: Option<String>,
    /// Only where it is not at this revision.
    pub if_none_match: Option<String>,
    /// Only where it was written after this time. Looked at without `if_none_match`.
    pub if_modified_since_ns: Option<i64>,
    /// Only where it was not written after this time. Looked at without `if_match`.
    pub if_unmodified_since_ns: Option<i64>,
    /// The version; none is the current one.
    pub version: Option<String>,
}

impl Wanted {
    /// Whether any state will do.
    pub(crate) fn is_anything(&self) -> bool {
        *self == Wanted::default()
    }

    /// Refuses an object that is not as it is wanted.
    pub(crate) fn check(&self, object: &Details) -> Result<()> {
        let is_at = |revision: &str| revision == ANY || object.revision.as_deref() == Some(revision);
        let is_newer_than = |then: i64| object.last_modified_ns.map(|time| time > then);
        match (&self.if_match, self.if_unmodified_since_ns) {
            (Some(revision), _) if !is_at(revision) => {
                let now = object.revision.as_deref().unwrap_or("none that the server tells");
                let message = format!("the object is at revision `{now}`, and `{revision}` was wanted");
                return Err(Error::new(Kind::Precondition, message));
            }
            // Where the time is not known, nothing says that it was not written.
            (None, Some(then)) if is_newer_than(then) != Some(false) => {
                return Err(Error::new(Kind::Precondition, "the object was written after the time given"));
            }
            _ => {}
        }
        match (&self.if_none_match, self.if_modified_since_ns) {
            (Some(revision), _) if is_at(revision) => {
                Err(Error::new(Kind::NotModified, "the object is still at the revision given"))
            }
            (None, Some(then)) if is_newer_than(then) == Some(false) => {
                Err(Error::new(Kind::NotModified, "the object was not written after the time given"))
            }
            _ => Ok(()),
        }
    }
}

#[cfg(all(test, not(model)))]
mod tests {
    use super::*;

    #[test]
    fn conditions_come_in_their_order() {
        let object = Details { revision: Some("r".to_string()), last_modified_ns: Some(10), ..Details::default() };
        let kind = |wanted: Wanted| wanted.check(&object).err().map(|error| error.kind);
        let at = |revision: &str| Some(revision.to_string());
        let anything = Wanted::default;
        assert_eq!(kind(anything()), None);
        for (if_match, if_none_match, modified, unmodified, expected) in [
            (at("r"), None, None, None, None),
            (at("*"), None, None, None, None),
            (at("x"), None, None, None, Some(Kind::Precondition)),
            (None, at("r"), None, None, Some(Kind::NotModified)),
            (None, at("*"), None, None, Some(Kind::NotModified)),
            (None, at("x"), None, None, None),
            (None, None, Some(9), None, None),
            (None, None, Some(10), None, Some(Kind::NotModified)),
            (None, None, None, Some(10), None),
            (None, None, None, Some(9), Some(Kind::Precondition)),
            (at("r"), None, None, Some(9), None),
            (None, at("x"), Some(10), None, None),
            (at("x"), at("r"), None, None, Some(Kind::Precondition)),
        ] {
            let wanted = Wanted {
                if_match,
                if_none_match,
                if_modified_since_ns: modified,
                if_unmodified_since_ns: unmodified,
                version: None,
            };
            assert_eq!(kind(wanted.clone()), expected, "{wanted:?}");
        }
        let unknown = Details::default();
        let wanted = Wanted { if_unmodified_since_ns: Some(i64::MAX), ..Wanted::default() };
        assert_eq!(wanted.check(&unknown).unwrap_err().kind, Kind::Precondition);
        let wanted = Wanted { if_modified_since_ns: Some(i64::MAX), ..Wanted::default() };
        assert!(wanted.check(&unknown).is_ok());
    }
}
