//! What servers of credentials answer: looked through before the crate reads it, as the crate keeps whatever it can read
//! and unwraps what it makes of that.

use crate::error::{Error, Kind, Result};
use bytes::Bytes;
use http::StatusCode;
use serde_json::Value;

/// What becomes a part of a request, by its names in JSON and in XML.
const SENT: [&str; 5] = ["AccessKeyId", "SecretAccessKey", "Token", "SessionToken", "access_token"];

/// Why an answer of this status has no credentials, if it has none. It is the crate's to see all the same: for one of
/// them it asks in an older way.
pub(super) fn refusal(status: StatusCode) -> Option<Error> {
    if status.is_success() {
        return None;
    }
    let kind = if status.is_server_error() { Kind::Server } else { Kind::Unauthenticated };
    let retryable = status.is_server_error() || matches!(status.as_u16(), 408 | 429);
    let message = format!("their server answered {status}");
    Some(Error { http_status: status.as_u16(), retryable, ..Error::new(kind, message) })
}

/// The answer of one who is willing, where the crate can make something of it.
pub(super) fn readable(body: &Bytes) -> Result<Bytes> {
    let text = std::str::from_utf8(body).unwrap_or_default().trim();
    let is_readable = match serde_json::from_str(text) {
        Ok(Value::Object(object)) => SENT.iter().filter_map(|name| object.get(*name)?.as_str()).all(is_sendable),
        _ if text.starts_with("<?xml") || text.starts_with("<AssumeRole") => {
            SENT.iter().filter_map(|name| element(text, name)).all(|value| is_sendable(value) && !value.contains('&'))
        }
        // One word goes into the next request.
        _ => !text.is_empty() && text.chars().all(|c| c.is_ascii_graphic() && !"\"<>[\\]^`{|}".contains(c)),
    };
    if is_readable {
        return Ok(body.slice_ref(text.as_bytes()));
    }
    Err(Error::new(Kind::Unauthenticated, "what their server answered is no document with credentials in it"))
}

fn is_sendable(value: &str) -> bool {
    !value.is_empty() && value.chars().all(|c| c.is_ascii_graphic())
}

/// The text of the first element of this name.
fn element<'a>(document: &'a str, name: &str) -> Option<&'a str> {
    let (_, rest) = document.split_once(&format!("<{name}>"))?;
    Some(rest.split_once("</")?.0)
}

#[cfg(all(test, not(model)))]
mod tests {
    use super::*;

    fn read(text: &'static str) -> Option<Bytes> {
        readable(&Bytes::from_static(text.as_bytes())).ok()
    }

    #[test]
    fn documents_and_words_are_readable() {
        for text in [
            r#"{"AccessKeyId": "a", "SecretAccessKey": "b/+", "Token": "c=", "Message": "two\nlines"}"#,
            r#"{"access_token": "a.b", "expires_in": 3600}"#,
            "<AssumeRoleWithWebIdentityResponse>\n <SessionToken>a</SessionToken>\n</AssumeRoleWithWebIdentityResponse>",
            "a-role_of.us",
        ] {
            assert_eq!(read(text).unwrap(), text);
        }
        assert_eq!(read("word\n").unwrap(), "word");
    }

    #[test]
    fn what_no_request_carries_is_not_readable() {
        for text in [
            "",
            "{",
            "null\u{1}",
            "[]",
            "\"a secret\"",
            "<html>not here</html>",
            "two words",
            "w\u{e4}rd",
            r#"{"AccessKeyId": "a\nb", "SecretAccessKey": "b"}"#,
            r#"{"Token": "a\r\nb"}"#,
            r#"{"access_token": ""}"#,
            "<?xml version=\"1.0\"?><SessionToken>a\nb</SessionToken>",
            "<?xml version=\"1.0\"?><SessionToken>a&#10;b</SessionToken>",
        ] {
            assert!(read(text).is_none(), "{text:?}");
        }
        let error = refusal(StatusCode::FORBIDDEN).unwrap();
        assert_eq!((error.http_status, error.kind, error.retryable), (403, Kind::Unauthenticated, false));
        assert!(refusal(StatusCode::SERVICE_UNAVAILABLE).unwrap().retryable && refusal(StatusCode::OK).is_none());
    }
}
