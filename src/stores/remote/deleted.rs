//! Answers to deletes of many objects: a document of S3's, and Azure's answers within an answer.

use super::dialect::text;
use super::xml::{Path, Said};
use http::{HeaderMap, StatusCode};
use quick_xml::Reader;

/// What S3's document says of one key.
pub(super) struct Entry {
    pub(super) key: Vec<u8>,
    /// Why it is not deleted.
    pub(super) error: Option<Said>,
}

/// The entries of a document. One that is none, or not whole, brings the error that it tells of, if it does.
pub(super) fn document(body: &[u8]) -> Result<Vec<Entry>, Said> {
    entries(body).ok_or_else(|| super::xml::error_document(body))
}

fn entries(body: &[u8]) -> Option<Vec<Entry>> {
    let mut entries = Vec::new();
    let mut entry = Entry { key: Vec::new(), error: None };
    let mut is_encoded = false;
    let mut path = Path::default();
    let mut reader = Reader::from_reader(body);
    while let Some(element) = path.next_element(&mut reader).ok()? {
        if path.root != "DeleteResult" {
            return None;
        }
        let words = || String::from_utf8_lossy(&element.text).into_owned();
        match (path.parent(), element.name.as_str()) {
            ("DeleteResult", "EncodingType") => is_encoded = element.text == b"url",
            ("DeleteResult", "Deleted" | "Error") => {
                if element.name == "Error" {
                    entry.error.get_or_insert_default();
                }
                entries.push(std::mem::replace(&mut entry, Entry { key: Vec::new(), error: None }));
            }
            ("Deleted" | "Error", "Key") => entry.key = element.text,
            ("Error", "Code") => entry.error.get_or_insert_default().code = Some(words()),
            ("Error", "Message") => entry.error.get_or_insert_default().message = Some(words()),
            _ => {}
        }
    }
    if path.root != "DeleteResult" {
        return None;
    }
    if is_encoded {
        entries.iter_mut().for_each(|entry| entry.key = percent_encoding::percent_decode(&entry.key).collect());
    }
    Some(entries)
}

/// An answer within an answer.
#[derive(Clone)]
pub(super) struct Inner {
    pub(super) status: StatusCode,
    pub(super) headers: HeaderMap,
    pub(super) document: Vec<u8>,
    /// What its words must not show.
    pub(super) secrets: Vec<String>,
}

/// The answers within a multipart/mixed body, each with the number of the request that it is to, if it says it.
pub(super) fn batch(headers: &HeaderMap, body: &[u8], secrets: &[String]) -> Vec<(Option<usize>, Inner)> {
    let parts = match boundary(headers) {
        Some(boundary) => divide(body, format!("--{boundary}").as_bytes()),
        None => vec![body],
    };
    parts.into_iter().filter_map(|part| inner(part, secrets)).collect()
}

fn boundary(headers: &HeaderMap) -> Option<&str> {
    let (_, boundary) = text(headers, "content-type")?.split_once("boundary=")?;
    let boundary = boundary.split(';').next()?.trim().trim_matches('"');
    (!boundary.is_empty()).then_some(boundary)
}

/// What stands between the marks, or in a body without any.
fn divide<'a>(body: &'a [u8], mark: &[u8]) -> Vec<&'a [u8]> {
    let mut parts = Vec::new();
    let mut rest = body;
    while let Some(at) = rest.windows(mark.len()).position(|window| window == mark) {
        parts.push(&rest[..at]);
        rest = &rest[at + mark.len()..];
    }
    parts.push(rest);
    parts
}

/// The answer within a part: status, headers and what follows them.
fn inner(part: &[u8], secrets: &[String]) -> Option<(Option<usize>, Inner)> {
    let at = part.windows(7).position(|window| window == b"HTTP/1.")?;
    let number = fields(&part[..at]).get("content-id").and_then(|id| id.to_str().ok()?.trim().parse().ok());
    let inner = &part[at..];
    let end = inner.windows(4).position(|window| window == b"\r\n\r\n").unwrap_or(inner.len());
    let line_end = inner[..end].windows(2).position(|window| window == b"\r\n").unwrap_or(end);
    let status = std::str::from_utf8(&inner[..line_end]).ok()?.split(' ').nth(1)?.parse().ok()?;
    let headers = fields(&inner[line_end..end]);
    let document = inner.get(end..).unwrap_or_default().to_vec();
    Some((number, Inner { status, headers, document, secrets: secrets.to_vec() }))
}

fn fields(lines: &[u8]) -> HeaderMap {
    let mut headers = HeaderMap::new();
    for (name, value) in String::from_utf8_lossy(lines).split("\r\n").filter_map(|line| line.split_once(':')) {
        if let (Ok(name), Ok(value)) = (name.trim().parse::<http::HeaderName>(), value.trim().parse()) {
            // More than a map of them holds are nobody's.
            let _ = headers.try_insert(name, value);
        }
    }
    headers
}

/// The answers by the requests that they are to. A single one that does not say it is to all of them. None: one is to
/// what was not asked.
pub(super) fn assigned(inner: Vec<(Option<usize>, Inner)>, count: usize) -> Option<Vec<(usize, Inner)>> {
    if let [(None, to_all)] = &inner[..] {
        return Some((0..count).map(|number| (number, to_all.clone())).collect());
    }
    inner.into_iter().map(|(number, inner)| Some((number.filter(|number| *number < count)?, inner))).collect()
}

#[cfg(all(test, not(model)))]
mod tests {
    use super::*;

    #[test]
    fn entries_are_as_they_stand() {
        let body = b"<DeleteResult xmlns='http://s3.amazonaws.com/doc/2006-03-01/'>\
            <Deleted><Key> a &amp; b</Key><DeleteMarker>true</DeleteMarker></Deleted>\
            <Error><Key>c%20d</Key><Code>AccessDenied</Code><Message>No</Message></Error></DeleteResult>";
        let entries = document(body).ok().unwrap();
        assert_eq!((&entries[0].key[..], entries[0].error.is_none()), (&b" a & b"[..], true));
        let said = entries[1].error.as_ref().unwrap();
        assert_eq!((&entries[1].key[..], said.code.as_deref()), (&b"c%20d"[..], Some("AccessDenied")));
        let encoded =
            "<DeleteResult><Deleted><Key>a%20b</Key></Deleted><EncodingType>url</EncodingType></DeleteResult>";
        assert_eq!(document(encoded.as_bytes()).ok().unwrap()[0].key, b"a b");
    }

    #[test]
    fn what_is_no_document_of_deletes_is_none() {
        let error = document(b"<Error><Code>SlowDown</Code></Error>").err().unwrap();
        assert_eq!(error.code.as_deref(), Some("SlowDown"));
        for wrong in [&b""[..], b"<html/>", b"{}", b"<DeleteResult><Deleted>", b"<DeleteResult>&x;</DeleteResult>"] {
            assert!(document(wrong).is_err_and(|said| said.code.is_none()));
        }
    }

    fn parts(content_type: &str, body: &[u8]) -> Vec<(Option<usize>, Inner)> {
        let mut headers = HeaderMap::new();
        headers.insert("content-type", content_type.parse().unwrap());
        batch(&headers, body, &[])
    }

    #[test]
    fn the_answers_within_a_batch() {
        let body = b"--b\r\nContent-Type: application/http\r\nContent-ID: 1\r\n\r\nHTTP/1.1 404 Not here\r\n\
            x-ms-error-code: BlobNotFound\r\n\r\n<Error/>\r\n--b\r\ncontent-id: 0\r\n\r\nHTTP/1.1 202 Accepted\r\n\r\n--b--";
        let parts = parts("multipart/mixed; boundary=b", body);
        assert_eq!(parts.iter().map(|part| part.0).collect::<Vec<_>>(), [Some(1), Some(0)]);
        let inner = &parts[0].1;
        assert_eq!((inner.status.as_u16(), text(&inner.headers, "x-ms-error-code")), (404, Some("BlobNotFound")));
        assert!(inner.document.starts_with(b"\r\n\r\n<Error/>") && parts[1].1.status.is_success());
        assert!(assigned(parts.clone(), 1).is_none());
        let numbers: Vec<_> = assigned(parts, 2).unwrap().into_iter().map(|(number, _)| number).collect();
        assert_eq!(numbers, [1, 0]);
    }

    #[test]
    fn what_is_no_batch_has_no_answers() {
        for wrong in [&b""[..], b"HTTP/1.", b"--b\r\n\r\nHTTP/1.1\r\n", b"HTTP/1.1 abc\r\n\r\n"] {
            assert!(parts("multipart/mixed; boundary=b", wrong).is_empty());
        }
        let to_all = parts("text/plain", b"HTTP/1.1 403 Forbidden\r\n\r\n");
        assert_eq!(assigned(to_all, 3).unwrap().into_iter().map(|(number, _)| number).collect::<Vec<_>>(), [0, 1, 2]);
    }

    #[test]
    fn more_fields_than_any_are_no_panic() {
        let lines: String = (0..40_000).map(|number| format!("x-{number}: 1\r\n")).collect();
        assert!(fields(lines.as_bytes()).len() > 1000);
    }
}
