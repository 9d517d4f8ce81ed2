//! What the crate's copies lack: it knows no MOVE, it begins and gives up an upload in parts by itself, and it makes
//! the folders of a key only for two of the answers that servers have.

use super::answer::Answer;
use super::scope::{Scope, Webdav};
use http::{HeaderValue, Method, StatusCode};
use object_store::client::{HttpRequest, HttpResponse};

/// The answer to what is not sent, as it was done elsewhere, or will be: an upload in parts that is begun, and given
/// up.
pub(super) fn answered_here(request: &HttpRequest, id: &str) -> Option<HttpResponse> {
    let is_of_upload = request.uri().query().is_some_and(|query| query.contains("uploadId="));
    let (status, body) = match *request.method() {
        Method::POST if !is_of_upload => {
            let id = quick_xml::escape::escape(id);
            let body =
                format!("<InitiateMultipartUploadResult><UploadId>{id}</UploadId></InitiateMultipartUploadResult>");
            (StatusCode::OK, body)
        }
        Method::DELETE => (StatusCode::NO_CONTENT, String::new()),
        _ => return None,
    };
    let mut response = HttpResponse::new(body.into_bytes().into());
    *response.status_mut() = status;
    Some(response)
}

fn is_webdav(method: &Method) -> bool {
    matches!(method.as_str(), "COPY" | "MOVE")
}

/// Adds to a copy by WebDAV what the crate leaves out: servers differ in what they take for granted.
pub(super) fn complete(request: &mut reqwest::Request, scope: &Scope) {
    let Some(webdav) = scope.webdav else { return };
    if request.method().as_str() == "MKCOL" && !request.url().path().ends_with('/') {
        let folder = format!("{}/", request.url().path());
        request.url_mut().set_path(&folder);
    }
    if is_webdav(request.method()) {
        request.headers_mut().entry("overwrite").or_insert(HeaderValue::from_static("T"));
    }
    if is_webdav(request.method())
        && webdav == Webdav::Move
        && let Ok(method) = Method::from_bytes(b"MOVE")
    {
        *request.method_mut() = method;
    }
}

/// Whether a request is the change that was asked for. A folder that is made for an object is not; nor is a part.
pub(super) fn is_change(request: &reqwest::Request, scope: &Scope) -> bool {
    let is_part = scope.begun.is_some() && request.method() == Method::PUT;
    request.method().as_str() != "MKCOL" && !is_part
}

/// The status as the crate is shown it. It makes the folders of a key after a 409; nginx says 500 where they are
/// missing.
pub(super) fn shown_status(answer: &Answer) -> StatusCode {
    match answer.status {
        StatusCode::INTERNAL_SERVER_ERROR if is_webdav(&answer.method) => StatusCode::CONFLICT,
        status => status,
    }
}
