//! What a server says when it does not do what was asked, as errors of ours.

use super::config::without;
use super::dialect::{Dialect, text};
use super::{moment, xml};
use crate::error::{Error, Kind};
use http::{HeaderMap, StatusCode};
use std::time::Duration;

/// The most bytes of an error document that are read.
pub(super) const MOST_OF_ERROR: usize = 64 << 10;
/// The most characters of a server's words in a message.
const MOST_OF_MESSAGE: usize = 300;

/// What was asked of the server.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Verb {
    Read,
    Write,
    /// A write where nothing is.
    Create,
    Delete,
    List,
}

/// What an answer is an answer to.
pub(super) struct Heard<'a> {
    pub(super) dialect: Dialect,
    pub(super) verb: Verb,
    /// What must not be shown, though the server says it.
    pub(super) secrets: &'a [String],
}

impl Heard<'_> {
    /// A server's words, fit for a message: nothing of what is secret, which is looked for before they are cut.
    fn words(&self, words: &str) -> String {
        plain(&without(self.secrets, words.to_string()))
    }
}

/// The error of an answer that is none, from its head and the beginning of its body.
pub(super) fn error(heard: &Heard<'_>, status: StatusCode, headers: &HeaderMap, body: &[u8]) -> Error {
    of_said(heard, status, headers, xml::error_document(body))
}

fn of_said(heard: &Heard<'_>, status: StatusCode, headers: &HeaderMap, mut said: xml::Said) -> Error {
    let Heard { dialect, verb, .. } = *heard;
    if let Some(code) = text(headers, "x-ms-error-code") {
        said.code = Some(code.to_string());
    }
    for words in [&mut said.code, &mut said.message, &mut said.region, &mut said.endpoint] {
        *words = words.take().map(|words| heard.words(&words)).filter(|words| !words.is_empty());
    }
    let code = said.code.as_deref().unwrap_or_default();
    let (kind, advice) = meaning(dialect, verb, status, code);
    let mut message = format!("the server answered {}", status.as_u16());
    if let Some(reason) = status.canonical_reason() {
        message = format!("{message} {reason}");
    }
    for (separator, words) in [(", ", &said.code), (": ", &said.message)] {
        if let Some(words) = words {
            message = format!("{message}{separator}{words}");
        }
    }
    if let Some(advice) = advice.or_else(|| wrong_place(heard, status, headers, &said)) {
        message = format!("{message}; {advice}");
    }
    Error {
        http_status: status.as_u16(),
        request_id: dialect.request_id(headers).map(|id| heard.words(id).into()),
        retry_after: text(headers, "retry-after").and_then(retry_after),
        retryable: is_retryable(status, code),
        server_code: said.code.map(Into::into),
        ..Error::new(kind, message)
    }
}

/// A 200 whose document says that it is none, or none for all that was asked.
pub(super) fn error_within_success(heard: &Heard<'_>, headers: &HeaderMap, said: xml::Said) -> Error {
    let status = match said.code.as_deref() {
        Some("InternalError") => StatusCode::INTERNAL_SERVER_ERROR,
        Some("SlowDown" | "ServiceUnavailable" | "ServerBusy") => StatusCode::SERVICE_UNAVAILABLE,
        Some("AccessDenied") => StatusCode::FORBIDDEN,
        Some("NoSuchKey" | "NoSuchBucket") => StatusCode::NOT_FOUND,
        Some("PreconditionFailed") => StatusCode::PRECONDITION_FAILED,
        Some("NotImplemented") => StatusCode::NOT_IMPLEMENTED,
        _ => StatusCode::BAD_REQUEST,
    };
    let error = of_said(heard, status, headers, said);
    Error {
        message: error.message.replacen(
            &format!("answered {}", status.as_u16()),
            "answered 200 with an error, as of",
            1,
        ),
        http_status: 200,
        ..error
    }
}

fn meaning(dialect: Dialect, verb: Verb, status: StatusCode, code: &str) -> (Kind, Option<String>) {
    let told = |kind, advice: &str| (kind, Some(advice.to_string()));
    match code {
        "InvalidAccessKeyId" | "SignatureDoesNotMatch" | "AuthenticationFailed" | "InvalidAuthenticationInfo" => {
            return told(Kind::Unauthenticated, "check the credentials, and the clock");
        }
        "ExpiredToken" | "InvalidToken" | "TokenRefreshRequired" => {
            return told(Kind::Unauthenticated, "the token has expired or is wrong");
        }
        "RequestTimeTooSkewed" => return told(Kind::Unauthenticated, "set this machine's clock"),
        "NoSuchBucket" | "ContainerNotFound" => {
            return told(Kind::NotFound, "there is no such bucket or container; check its name, and the endpoint");
        }
        "RequestTimeout" => return (Kind::Timeout, None),
        "SlowDown" | "ServerBusy" | "TooManyRequests" => return (Kind::Throttled, None),
        "AuthorizationHeaderMalformed" | "PermanentRedirect" | "TemporaryRedirect" => return (Kind::Argument, None),
        "BlobAlreadyExists" => return (Kind::Exists, None),
        "BadDigest" | "InvalidDigest" | "XAmzContentSHA256Mismatch" | "Md5Mismatch" | "IncompleteBody" => {
            return (Kind::Integrity, None);
        }
        "OperationAborted" | "ConditionalRequestConflict" | "ContainerBeingDeleted" => return (Kind::Server, None),
        // Something stands in the way, and it is not the object.
        _ if status == StatusCode::CONFLICT && !code.is_empty() => return (Kind::Precondition, None),
        _ => {}
    }
    (of_status(dialect, verb, status), None)
}

fn of_status(dialect: Dialect, verb: Verb, status: StatusCode) -> Kind {
    match status.as_u16() {
        304 if verb == Verb::Create => Kind::Exists,
        304 => Kind::NotModified,
        300..400 if dialect == Dialect::Web => Kind::Server,
        300..400 | 400 | 411 | 413 | 414 => Kind::Argument,
        401 | 407 => Kind::Unauthenticated,
        403 | 423 | 451 => Kind::Permission,
        404 | 410 => Kind::NotFound,
        405 | 501 => Kind::Unsupported,
        408 => Kind::Timeout,
        409 | 412 if verb == Verb::Create => Kind::Exists,
        409 | 412 => Kind::Precondition,
        416 => Kind::Range,
        429 => Kind::Throttled,
        507 => Kind::NoSpace,
        _ => Kind::Server,
    }
}

/// Whether the same request may succeed soon.
fn is_retryable(status: StatusCode, code: &str) -> bool {
    matches!(status.as_u16(), 408 | 429 | 500 | 502 | 503 | 504)
        || matches!(code, "RequestTimeout" | "SlowDown" | "IncompleteBody")
        || matches!(code, "OperationAborted" | "ConditionalRequestConflict" | "ContainerBeingDeleted")
}

/// Which setting to change where the server says that it is not the right one.
fn wrong_place(heard: &Heard<'_>, status: StatusCode, headers: &HeaderMap, said: &xml::Said) -> Option<String> {
    let region = text(headers, "x-amz-bucket-region").or(said.region.as_deref());
    let is_elsewhere = status.is_redirection() && status != StatusCode::NOT_MODIFIED;
    let is_wrong_region = said.code.as_deref() == Some("AuthorizationHeaderMalformed") || is_elsewhere;
    match (heard.dialect, region, &said.endpoint, text(headers, "location")) {
        (Dialect::S3, Some(region), _, _) if is_wrong_region => {
            Some(format!("the bucket is in another region: set region={}", heard.words(region)))
        }
        (_, _, Some(endpoint), _) if is_elsewhere => Some(format!("set the endpoint to {endpoint}")),
        (_, _, _, Some(location)) if is_elsewhere => {
            let place = location.split(['?', '#']).next().unwrap_or_default();
            Some(format!("it is at {}: change the endpoint or the URL", heard.words(place)))
        }
        _ if is_elsewhere => Some("the endpoint, or the region, is not the right one".to_string()),
        _ => None,
    }
}

/// Seconds, or a date.
fn retry_after(value: &str) -> Option<Duration> {
    if let Ok(seconds) = value.trim().parse() {
        return Some(Duration::from_secs(seconds));
    }
    moment::until(value)
}

/// A server's words in one line of a message.
pub(super) fn plain(words: &str) -> String {
    let is_bad = |c: char| c.is_control() || c == char::REPLACEMENT_CHARACTER;
    let line: String = words.trim().chars().map(|c| if is_bad(c) { ' ' } else { c }).collect();
    match line.char_indices().nth(MOST_OF_MESSAGE) {
        Some((cut, _)) => format!("{}…", &line[..cut]),
        None => line,
    }
}

#[cfg(all(test, not(model)))]
mod tests {
    use super::*;
    use http::HeaderValue;

    fn told(dialect: Dialect, verb: Verb, status: u16, headers: &[(&'static str, &str)], body: &[u8]) -> Error {
        let headers =
            headers.iter().map(|(name, value)| (name.parse().unwrap(), HeaderValue::from_str(value).unwrap()));
        let heard = Heard { dialect, verb, secrets: &["very secret".to_string()] };
        error(&heard, StatusCode::from_u16(status).unwrap(), &headers.collect(), body)
    }

    #[test]
    fn a_code_says_more_than_a_status() {
        let body = b"<Error><Code>SignatureDoesNotMatch</Code><Message>The signature\nis wrong</Message></Error>";
        let error = told(Dialect::S3, Verb::Read, 403, &[("x-amz-request-id", "r1")], body);
        assert_eq!((error.kind, error.http_status, error.retryable), (Kind::Unauthenticated, 403, false));
        assert_eq!(error.server_code.as_deref(), Some("SignatureDoesNotMatch"));
        assert_eq!(error.request_id.as_deref(), Some("r1"));
        assert!(error.message.contains("403 Forbidden, SignatureDoesNotMatch: The signature is wrong"), "{error}");
    }

    #[test]
    fn a_secret_is_not_told_and_not_cut_in_two() {
        let long = "x".repeat(MOST_OF_MESSAGE - 4);
        let body = format!("<Error><Code>a very secret b</Code><Message>{long}very secret</Message></Error>");
        let error = told(Dialect::S3, Verb::Read, 400, &[("x-amz-request-id", "very secret")], body.as_bytes());
        let shown = format!("{} {:?} {:?}", error.message, error.server_code, error.request_id);
        assert!(!shown.contains("very"), "{shown}");
    }

    #[test]
    fn a_wrong_region_says_which_is_right() {
        let body =
            b"<Error><Code>AuthorizationHeaderMalformed</Code><Message>m</Message><Region>eu-west-1</Region></Error>";
        let error = told(Dialect::S3, Verb::Read, 400, &[], body);
        assert_eq!(error.kind, Kind::Argument);
        assert!(error.message.ends_with("set region=eu-west-1"), "{error}");
        let error = told(Dialect::S3, Verb::Read, 301, &[("x-amz-bucket-region", "eu-north-1")], b"");
        assert_eq!(error.kind, Kind::Argument);
        assert!(error.message.ends_with("set region=eu-north-1"), "{error}");
    }

    #[test]
    fn retry_after_has_two_forms() {
        assert_eq!(retry_after("17"), Some(Duration::from_secs(17)));
        assert_eq!(retry_after("Sun, 06 Nov 1994 08:49:37 GMT"), Some(Duration::ZERO));
        assert_eq!(retry_after("soon"), None);
    }

    #[test]
    fn what_a_server_says_is_one_bounded_line() {
        assert_eq!(plain(" a\0b\r\nc "), "a b  c");
        assert_eq!(plain(&"ü".repeat(400)).chars().count(), MOST_OF_MESSAGE + 1);
    }
}
