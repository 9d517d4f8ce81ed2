//! Reads: in which state an object is wanted, which state it is, and what it holds.

use super::RemoteStore;
use super::dialect::{Dialect, check_header, digits, number, text};
use super::refusal::Verb;
use crate::error::{Error, Kind, Result};
use crate::outcome::Details;
use crate::stores::http::{Answer, Scope};
use crate::stores::wanted::ANY;
use crate::stores::{Extent, Wanted};
use crate::trace::Trace;
use bytes::{Buf, Bytes};
use chrono::DateTime;
use http::{HeaderMap, StatusCode};
use object_store::{GetOptions, GetRange};
use std::sync::Arc;

/// In nanoseconds.
const SECOND: i64 = 1_000_000_000;

/// What pins a state of an object: as the server's answers tell it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Pin {
    etag: Option<String>,
    last_modified: Option<String>,
    generation: Option<String>,
    total: u64,
}

impl Pin {
    fn of(dialect: Dialect, headers: &HeaderMap, total: u64) -> Pin {
        let owned = |name| text(headers, name).map(str::to_string);
        let generation = if dialect == Dialect::Google { owned("x-goog-generation") } else { None };
        Pin { etag: owned("etag"), last_modified: owned("last-modified"), generation, total }
    }

    /// Whether two states can be told apart at all.
    pub(crate) fn is_known(&self) -> bool {
        self.strong_etag().is_some() || self.last_modified.is_some() || self.generation.is_some()
    }

    fn strong_etag(&self) -> Option<&str> {
        self.etag.as_deref().filter(|etag| !etag.starts_with("W/"))
    }
}

/// What came of asking for a range.
pub(crate) enum Opened {
    /// The bytes come.
    Body(Box<Body>),
    /// No byte of the object is in the range. How many it has, if that was told.
    Nothing(Option<u64>),
}

/// Bytes of an object that are on their way.
pub(crate) struct Body {
    answer: Answer,
    /// Where the next of them stands in the object.
    pub(crate) at: u64,
    /// How many come; none where only the end will tell.
    pub(crate) size: Option<u64>,
    /// Whether the server has sent a range, as it was asked to, and not all of the object.
    pub(crate) is_range: bool,
    pub(crate) pin: Pin,
    dialect: Dialect,
}

impl Body {
    /// The next of them, without those that stand before `from`; none at the end.
    pub(crate) async fn bytes_from(&mut self, from: u64) -> Result<Option<Bytes>> {
        let Some(mut bytes) = self.answer.bytes().await? else { return Ok(None) };
        let size = bytes.len() as u64;
        bytes.advance(from.saturating_sub(self.at).min(size) as usize);
        self.at += size;
        Ok(Some(bytes))
    }

    /// What is known of the object.
    pub(crate) fn details(&self) -> Details {
        self.dialect.details(&self.answer.headers, self.pin.total)
    }

    /// Bytes of the whole object, where that is told.
    pub(crate) fn total(&self) -> Option<u64> {
        self.size.map(|_| self.pin.total)
    }
}

impl RemoteStore {
    /// Asks for some bytes: of the state that is pinned, if one is, and else of one that is as it is wanted.
    pub(crate) async fn open(&self, key: &str, ask: Extent, wanted: &Wanted, pin: Option<&Pin>) -> Result<Opened> {
        let range = match ask {
            Extent::From { offset, length } if offset.saturating_add(length) == offset => {
                // No object is that large.
                return Ok(Opened::Nothing(None));
            }
            Extent::From { offset, length } => GetRange::Bounded(offset..offset.saturating_add(length)),
            Extent::Last(length) => GetRange::Suffix(length),
        };
        let (mut options, scope) = match pin {
            Some(pin) => (pinned(wanted, pin), Scope::reading()),
            None => self.wanting(wanted),
        };
        options.range = Some(range);
        let answer = self.ask(scope, self.client.objects.get_opts(&self.path(key)?, options)).await?;
        let opened = match (answer.status.as_u16(), pin) {
            (206, _) => self.partial(answer, ask, pin)?,
            (200, _) => self.whole(answer, pin)?,
            (404 | 412 | 416, Some(_)) => return Err(changed()),
            (416, None) => Opened::Nothing(unsatisfied(&answer.headers)),
            _ => {
                let error = self.refusal(Verb::Read, answer).await;
                return Err(self.unmet(key, wanted, error).await);
            }
        };
        // Not every server looks at conditions.
        if let Opened::Body(body) = &opened
            && pin.is_none()
            && !wanted.is_anything()
        {
            self.judge(wanted, &body.details())?;
        }
        Ok(opened)
    }

    /// How a state that is wanted is asked for.
    fn wanting(&self, wanted: &Wanted) -> (GetOptions, Scope) {
        // One condition is sent, of those that are given the first. Servers do not agree on how several go together;
        // the others are judged by what the answer tells.
        let Wanted { if_match, if_none_match, if_modified_since_ns, if_unmodified_since_ns, version } = wanted;
        let alone = if_match.is_none() && if_unmodified_since_ns.is_none();
        // A server may compare more exactly than it tells times: a second more, for us to look at.
        let unmodified = if_unmodified_since_ns.filter(|_| if_match.is_none()).map(|ns| ns.saturating_add(SECOND));
        let modified = if_modified_since_ns.filter(|_| alone && if_none_match.is_none());
        let mut options = GetOptions {
            if_modified_since: modified.map(DateTime::from_timestamp_nanos),
            if_unmodified_since: unmodified.map(DateTime::from_timestamp_nanos),
            version: version.clone(),
            ..GetOptions::default()
        };
        // A weak revision matches nothing by the book.
        let is_exact = |revision: &String| revision != ANY && !revision.starts_with("W/");
        let matching = if_match.clone().filter(is_exact);
        let others = if_none_match.clone().filter(|revision| alone && is_exact(revision));
        if self.dialect != Dialect::Google {
            options.if_match = matching;
            options.if_none_match = others;
            return (options, Scope::reading());
        }
        // A revision is a generation there, which the crate knows of for writing alone.
        let mut scope = Scope::reading();
        for (name, revision) in [("x-goog-if-generation-match", matching), ("x-goog-if-generation-not-match", others)] {
            if let Some(generation) = revision.as_deref().and_then(digits) {
                scope = scope.header(name, generation);
            }
        }
        (options, scope)
    }

    /// Refuses what no header carries.
    pub(crate) fn check_wanted(&self, wanted: &Wanted) -> Result<()> {
        for (value, what) in
            [(&wanted.if_match, "revision"), (&wanted.if_none_match, "revision"), (&wanted.version, "version")]
        {
            value.as_deref().map_or(Ok(()), |value| check_header(value, what))?;
        }
        Ok(())
    }

    /// A condition that was not met, told as every store tells it: where nothing is, nothing is found.
    async fn unmet(&self, key: &str, wanted: &Wanted, error: Error) -> Error {
        if error.kind != Kind::Precondition || wanted.if_match.is_none() {
            return error;
        }
        match Box::pin(self.head_once(key)).await {
            Err(absent) if absent.kind == Kind::NotFound => absent,
            _ => error,
        }
    }

    /// Refuses an object that is not as it is wanted, whatever its server made of that.
    fn judge(&self, wanted: &Wanted, details: &Details) -> Result<()> {
        if wanted.version.is_some() && details.version != wanted.version {
            let message = "the server was asked for a version and does not say that this is it; does it keep any?";
            return Err(Error::new(Kind::Unsupported, message));
        }
        wanted.check(details)
    }

    /// Whether its servers can be asked for the last bytes of an object.
    pub(crate) fn knows_last(&self) -> bool {
        self.dialect != Dialect::Azure
    }

    /// An answer with a range: the one that was asked for.
    fn partial(&self, answer: Answer, ask: Extent, pin: Option<&Pin>) -> Result<Opened> {
        let lie = |why: String| self.lie(&answer, why);
        let length = number(&answer.headers, "content-length")?;
        if length == Some(0) {
            // Where others say 416, Azurite sends a part that is nothing.
            return Ok(Opened::Nothing(None));
        }
        let range = text(&answer.headers, "content-range").and_then(content_range);
        let Some((begin, end, total)) = range else {
            return Err(lie("it sent a part of the object and no Content-Range that says which".to_string()));
        };
        let (first, behind) = match ask {
            Extent::From { offset, length } => (offset, offset.saturating_add(length).min(total)),
            Extent::Last(length) => (total.saturating_sub(length), total),
        };
        if (begin, end) != (first, behind) {
            return Err(lie(format!("it was asked for bytes {first} to {behind} and sent {begin} to {end}")));
        }
        if length.is_some_and(|length| length != end - begin) {
            return Err(lie("its Content-Length and its Content-Range contradict each other".to_string()));
        }
        self.body(answer, begin, Some(end - begin), total, pin)
    }

    /// An answer with all of the object, whatever was asked for.
    fn whole(&self, answer: Answer, pin: Option<&Pin>) -> Result<Opened> {
        let length = number(&answer.headers, "content-length")?;
        // Where the body has a coding, its end is what tells, and no number.
        let is_coded = answer.headers.contains_key("transfer-encoding");
        let length = length.filter(|_| !is_coded);
        if length.is_none() && !is_coded {
            return Err(self.lie(&answer, "it does not say how long the object is".to_string()));
        }
        self.body(answer, 0, length, length.unwrap_or_default(), pin)
    }

    fn body(&self, answer: Answer, at: u64, size: Option<u64>, total: u64, pin: Option<&Pin>) -> Result<Opened> {
        let now = Pin::of(self.dialect, &answer.headers, total);
        if pin.is_some_and(|pin| *pin != now) {
            return Err(changed());
        }
        let is_range = answer.status == StatusCode::PARTIAL_CONTENT;
        Ok(Opened::Body(Box::new(Body { answer, at, size, is_range, pin: now, dialect: self.dialect })))
    }

    /// What is known of an object that is as it is wanted. Tries again.
    pub(crate) async fn head(&self, key: &str, wanted: &Wanted, trace: &Arc<Trace>) -> Result<Details> {
        let mut retry = self.retry(trace);
        loop {
            match self.head_as(key, wanted).await {
                Err(error) => retry.again(error).await?,
                details => return details,
            }
        }
    }

    /// What is known of an object now.
    pub(super) async fn head_once(&self, key: &str) -> Result<Details> {
        self.head_as(key, &Wanted::default()).await
    }

    async fn head_as(&self, key: &str, wanted: &Wanted) -> Result<Details> {
        let (mut options, scope) = self.wanting(wanted);
        options.head = true;
        let answer = self.ask(scope, self.client.objects.get_opts(&self.path(key)?, options)).await?;
        if answer.status != StatusCode::OK {
            let error = self.refusal(Verb::Read, answer).await;
            return Err(self.unmet(key, wanted, error).await);
        }
        let Some(size) = self.dialect.size(&answer.headers)? else {
            return Err(self.lie(&answer, "it does not say how long the object is".to_string()));
        };
        let details = self.dialect.details(&answer.headers, size);
        self.judge(wanted, &details)?;
        Ok(details)
    }
}

/// How a state that has been seen is asked for again.
fn pinned(wanted: &Wanted, pin: &Pin) -> GetOptions {
    GetOptions {
        if_match: pin.strong_etag().map(str::to_string),
        version: wanted.version.clone().or_else(|| pin.generation.clone()),
        ..GetOptions::default()
    }
}

pub(crate) fn changed() -> Error {
    Error::new(Kind::Changed, "the object was changed while it was being read; get it again")
}

/// `bytes A-B/TOTAL`, as A, B + 1 and TOTAL.
fn content_range(value: &str) -> Option<(u64, u64, u64)> {
    let (range, total) = value.strip_prefix("bytes ")?.split_once('/')?;
    let (first, last) = range.split_once('-')?;
    let (first, end, total) = (digits(first)?, digits(last)?.checked_add(1)?, digits(total)?);
    (first < end && end <= total).then_some((first, end, total))
}

/// Of `bytes */TOTAL`, the total.
fn unsatisfied(headers: &HeaderMap) -> Option<u64> {
    digits(text(headers, "content-range")?.strip_prefix("bytes */")?)
}

#[cfg(all(test, not(model)))]
mod tests {
    use super::*;

    #[test]
    fn a_content_range_is_exact_or_none() {
        assert_eq!(content_range("bytes 0-9/10"), Some((0, 10, 10)));
        assert_eq!(content_range("bytes 5-5/10"), Some((5, 6, 10)));
        for wrong in [
            "",
            "bytes",
            "bytes 0-9",
            "bytes 0-9/*",
            "bytes */10",
            "bytes 9-0/10",
            "bytes 0-10/10",
            "bytes -1/2",
            "bytes +0-9/10",
            "bytes 0-18446744073709551615/18446744073709551615",
            "items 0-9/10",
        ] {
            assert_eq!(content_range(wrong), None, "{wrong:?}");
        }
    }
}
