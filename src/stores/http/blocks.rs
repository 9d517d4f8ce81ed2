//! What the crate's lists of blocks lack: it gives attributes only to a list of blocks that it has put itself, under
//! names that it has made up. So it is told that it has put as many as there are, and the names of those that are at
//! the server take their place in the list. It is as long then as it was when it was signed.

use crate::error::{Error, Kind, Result};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use http::{HeaderMap, Method, StatusCode, header};
use object_store::client::{HttpRequest, HttpResponse};

/// The answer to a block that is not sent, as another one was.
pub(super) fn answered_here(request: &HttpRequest) -> Option<HttpResponse> {
    let is_block = request.method() == Method::PUT
        && request.uri().query().is_some_and(|query| query.split('&').any(|pair| pair == "comp=block"));
    is_block.then(|| {
        let mut response = HttpResponse::new(Vec::new().into());
        *response.status_mut() = StatusCode::CREATED;
        response
    })
}

/// The list of these blocks, in place of the one that was written, of which the head tells how long it is.
pub(super) fn list(head: &HeaderMap, blocks: &[String]) -> Result<Bytes> {
    let mut list = "<?xml version=\"1.0\" encoding=\"utf-8\"?>\n<BlockList>\n".to_string();
    for block in blocks {
        list += &format!("\t<Uncommitted>{}</Uncommitted>\n", STANDARD.encode(block));
    }
    list += "</BlockList>";
    let signed = head.get(header::CONTENT_LENGTH).and_then(|length| length.to_str().ok()).unwrap_or_default();
    if *signed == list.len().to_string() {
        return Ok(list.into());
    }
    let message = format!("a list of blocks has {} bytes, and {signed} were to be sent", list.len());
    Err(Error::new(Kind::Unknown, message))
}
