//! What went wrong on the way to a server and back, as errors of ours.

use super::scope::Scope;
use crate::error::{Error, Kind};
use std::error::Error as StdError;
use std::io;
use std::time::Duration;

/// The peer has not moved a byte for so long.
pub(super) fn stalled(limit: Duration, what: &str) -> Error {
    Error::new(Kind::Timeout, format!("the server {what} for {limit:?}, which is the stall_timeout"))
}

/// One attempt took longer than was asked for.
pub(super) fn too_slow(limit: Duration) -> Error {
    Error::new(Kind::Timeout, format!("the server took longer than {limit:?}, which is the timeout of one attempt"))
}

/// Why a request brought no answer.
pub(super) fn of(error: reqwest::Error, scope: &Scope) -> Error {
    if error.is_connect()
        && let Some(trace) = scope.doubt()
    {
        // What was never connected was never sent.
        trace.certain();
    }
    let error = error.without_url();
    if let Some(tls) = cause::<rustls::Error>(&error) {
        return of_tls(tls);
    }
    if error.is_builder() {
        return Error::argument(format!("the request could not be written: {}", deepest(&error)));
    }
    if error.is_connect() {
        return of_connecting(&error);
    }
    if cause::<hyper::Error>(&error).is_some_and(hyper::Error::is_parse) {
        let message = format!("what the server answered is not HTTP: {}", deepest(&error));
        return Error::new(Kind::Server, message);
    }
    let message = format!("the connection broke before an answer came: {}", deepest(&error));
    Error::new(Kind::Connection, message)
}

fn of_connecting(error: &reqwest::Error) -> Error {
    let why = deepest(error);
    let is_dns = chain(error).any(|cause| cause.to_string().starts_with("dns error"));
    let message = match (is_dns, error.is_timeout()) {
        (true, _) => format!("the server's name could not be looked up (DNS): {why}; is the endpoint right?"),
        (_, true) => "the server could not be reached within the connect_timeout".to_string(),
        _ => format!("the server could not be reached: {why}; is the endpoint right, and the proxy?"),
    };
    Error::new(Kind::Connection, message)
}

fn of_tls(error: &rustls::Error) -> Error {
    let advice = match error {
        rustls::Error::InvalidCertificate(_) => "; set root_certificates if it is signed by an authority of your own",
        rustls::Error::InvalidMessage(_) => "; does the endpoint speak TLS at all?",
        _ => "",
    };
    Error { retryable: false, ..Error::new(Kind::Connection, format!("TLS failed: {error}{advice}")) }
}

/// Why the body of an answer broke off.
pub(super) fn of_body(error: &reqwest::Error) -> Error {
    let is_early_end = chain(error).any(|cause| {
        let io = cause.downcast_ref::<io::Error>().map(io::Error::kind);
        io == Some(io::ErrorKind::UnexpectedEof)
            || cause.downcast_ref::<hyper::Error>().is_some_and(hyper::Error::is_incomplete_message)
    });
    if is_early_end {
        let message = "the answer ended before it was whole: the connection was closed";
        return Error { retryable: true, ..Error::new(Kind::Integrity, message) };
    }
    if cause::<hyper::Error>(error).is_some_and(hyper::Error::is_parse) {
        return Error::new(Kind::Server, format!("the answer is not HTTP: {}", deepest(error)));
    }
    Error::new(Kind::Connection, format!("the connection broke in the middle of the answer: {}", deepest(error)))
}

type Cause<'a> = &'a (dyn StdError + 'static);

fn chain(error: Cause<'_>) -> impl Iterator<Item = Cause<'_>> {
    std::iter::successors(Some(error), |error| cause_of(*error))
}

/// An io::Error holds its cause as its content, and tells only that one's cause.
fn cause_of(error: Cause<'_>) -> Option<Cause<'_>> {
    match error.downcast_ref::<io::Error>().and_then(io::Error::get_ref) {
        Some(content) => Some(content),
        None => error.source(),
    }
}

fn cause<'a, E: StdError + 'static>(error: &'a (dyn StdError + 'static)) -> Option<&'a E> {
    chain(error).find_map(|cause| cause.downcast_ref())
}

/// The text of the innermost cause: what the others wrap.
fn deepest(error: &(dyn StdError + 'static)) -> String {
    chain(error).last().map_or_else(String::new, ToString::to_string)
}
