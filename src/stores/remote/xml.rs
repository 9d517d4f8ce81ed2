//! The documents of servers, read as they come: a key is whatever bytes stand there.

use super::dialect::{Dialect, digits};
use super::moment;
use crate::error::{Error, Kind, Result};
use crate::stores::Found;
use quick_xml::Reader;
use quick_xml::escape::resolve_predefined_entity;
use quick_xml::events::{BytesRef, BytesStart, Event};

/// No document of a server has elements deeper in each other.
const DEEPEST: usize = 32;

/// What an error document says.
#[derive(Debug, Default)]
pub(super) struct Said {
    pub(super) code: Option<String>,
    pub(super) message: Option<String>,
    pub(super) region: Option<String>,
    pub(super) endpoint: Option<String>,
}

/// Reads an error document as far as it can be read.
pub(super) fn error_document(body: &[u8]) -> Said {
    let mut said = Said::default();
    let mut path = Path::default();
    let mut reader = Reader::from_reader(body);
    while let Ok(Some(element)) = path.next_element(&mut reader) {
        let place = match element.name.as_str() {
            "Code" => &mut said.code,
            "Message" => &mut said.message,
            "Region" => &mut said.region,
            "Endpoint" => &mut said.endpoint,
            _ => continue,
        };
        place.get_or_insert_with(|| String::from_utf8_lossy(&element.text).into_owned());
    }
    said
}

/// The text of the first element of this name in a document whose root has this name. None: the root has another.
pub(super) fn text_in(body: &[u8], root: &str, name: &str) -> Result<Option<String>> {
    let mut path = Path::default();
    let mut reader = Reader::from_reader(body);
    let mut found = None;
    while let Some(element) = path.next_element(&mut reader)? {
        if path.root != root {
            return Ok(None);
        }
        if element.name == name && found.is_none() {
            found = Some(String::from_utf8_lossy(&element.text).into_owned());
        }
    }
    Ok(found.or_else(|| (path.root == root).then(String::new)))
}

/// One page of a listing.
#[derive(Debug, Default)]
pub(super) struct Page {
    pub(super) found: Vec<Found>,
    /// Where the next page begins, if there is one.
    pub(super) token: Option<String>,
}

/// Reads a page of a listing. What is not one, or not whole, is an error.
pub(super) fn page(dialect: Dialect, body: &[u8]) -> Result<Page> {
    let azure = dialect == Dialect::Azure;
    let root = if azure { "EnumerationResults" } else { "ListBucketResult" };
    let mut page = Page::default();
    let mut entry = Entry::default();
    let mut is_truncated = azure.then_some(false);
    let mut path = Path::default();
    let mut reader = Reader::from_reader(body);
    while let Some(element) = path.next_element(&mut reader)? {
        if path.root != root {
            return Err(no_listing("its root is another element"));
        }
        let parent = path.parent();
        match (parent, element.name.as_str()) {
            (_, "Contents" | "Blob") => page.found.extend(std::mem::take(&mut entry).finish(dialect)?),
            (_, "CommonPrefixes" | "BlobPrefix") => page.found.push(std::mem::take(&mut entry).finish_prefix()?),
            ("Contents" | "CommonPrefixes" | "Blob" | "BlobPrefix" | "Properties", _) => entry.take(element)?,
            (_, "IsTruncated") if path.depth() == 1 => {
                is_truncated = match element.text.trim_ascii() {
                    b"true" => Some(true),
                    b"false" => Some(false),
                    _ => None,
                };
            }
            (_, "NextContinuationToken" | "NextMarker") if path.depth() == 1 && !element.text.is_empty() => {
                page.token = Some(String::from_utf8(element.text).map_err(|_| no_listing("its token is no text"))?);
            }
            _ => {}
        }
    }
    if path.root != root {
        return Err(no_listing("there is no document"));
    }
    match (is_truncated, &page.token) {
        (None, _) => Err(no_listing("it does not say whether more follows")),
        (Some(true), None) => Err(no_listing("more follows, and nothing says how to ask for it")),
        (Some(false), Some(_)) if !azure => Err(no_listing("it names the next page, and says that there is none")),
        _ => Ok(page),
    }
}

/// Reads what a WebDAV server tells of the inside of a folder. `base` is where the store is at the server.
pub(super) fn folder(body: &[u8], base: &[u8], folder: &[u8]) -> Result<Vec<Found>> {
    let mut found = Vec::new();
    let mut entry = Entry::default();
    let mut path = Path::default();
    let mut reader = Reader::from_reader(body);
    while let Some(element) = path.next_element(&mut reader)? {
        if path.root != "multistatus" {
            return Err(no_listing("its root is another element"));
        }
        match element.name.as_str() {
            "href" if path.parent() == "response" => entry.key = Some(key_of_href(&element.text, base)?),
            "response" => found.extend(std::mem::take(&mut entry).finish_inside(folder)?),
            _ => entry.take_property(element)?,
        }
    }
    if path.root.is_empty() { Err(no_listing("there is no document")) } else { Ok(found) }
}

/// Whether a WebDAV server tells that a key is a folder.
pub(super) fn is_folder(body: &[u8], base: &[u8], key: &[u8]) -> Result<bool> {
    let mut entry = Entry::default();
    let mut path = Path::default();
    let mut reader = Reader::from_reader(body);
    while let Some(element) = path.next_element(&mut reader)? {
        match element.name.as_str() {
            "href" if path.parent() == "response" => entry.key = Some(key_of_href(&element.text, base)?),
            "response" => {
                let told = std::mem::take(&mut entry);
                if told.is_folder && told.key.is_some_and(|told| told.strip_suffix(b"/").unwrap_or(&told) == key) {
                    return Ok(true);
                }
            }
            _ => entry.take_property(element)?,
        }
    }
    if path.root == "multistatus" { Ok(false) } else { Err(no_listing("its root is another element")) }
}

/// The key of a path, or of a whole URL, at the server.
fn key_of_href(href: &[u8], base: &[u8]) -> Result<Vec<u8>> {
    let href = String::from_utf8_lossy(href);
    let path = match href.split_once("://") {
        Some((_, rest)) => rest.find('/').map_or("/", |at| &rest[at..]),
        None => &href,
    };
    let path: Vec<u8> = percent_encoding::percent_decode_str(path).collect();
    // The folder of the store itself may be told without its `/`.
    if base.strip_suffix(b"/") == Some(&path) {
        return Ok(Vec::new());
    }
    path.strip_prefix(base).map(<[u8]>::to_vec).ok_or_else(|| no_listing("it tells of what is elsewhere"))
}

fn no_listing(why: &str) -> Error {
    Error { retryable: true, ..Error::new(Kind::Server, format!("the server's answer is no whole listing: {why}")) }
}

/// What is said of one entry of a page.
#[derive(Default)]
struct Entry {
    key: Option<Vec<u8>>,
    size: Option<u64>,
    last_modified_ns: Option<i64>,
    etag: Option<String>,
    generation: Option<String>,
    is_folder: bool,
}

impl Entry {
    fn take(&mut self, element: Element) -> Result<()> {
        let text = || String::from_utf8_lossy(&element.text);
        match element.name.as_str() {
            "Key" | "Prefix" => self.key = Some(element.text),
            "Name" if element.is_encoded => {
                self.key = Some(percent_encoding::percent_decode(&element.text).collect());
            }
            "Name" => self.key = Some(element.text),
            "Size" | "Content-Length" => {
                self.size = Some(digits(&text()).ok_or_else(|| no_listing("a size is no number"))?);
            }
            "LastModified" | "Last-Modified" => self.last_modified_ns = moment::ns(&text()),
            "ETag" | "Etag" => self.etag = Some(quoted(text().into_owned())),
            "Generation" => self.generation = Some(text().into_owned()),
            "ResourceType" => self.is_folder = element.text == b"directory",
            _ => {}
        }
        Ok(())
    }

    /// The object; none where the entry is a folder of a store that has them.
    fn finish(self, dialect: Dialect) -> Result<Option<Found>> {
        let key = self.key.filter(|key| !key.is_empty()).ok_or_else(|| no_listing("an entry has no key"))?;
        if self.is_folder {
            return Ok(None);
        }
        let size = self.size.ok_or_else(|| no_listing("an entry has no size"))?;
        let revision = if dialect == Dialect::Google { self.generation } else { self.etag };
        Ok(Some(Found { key, size, last_modified_ns: self.last_modified_ns, revision, is_prefix: false }))
    }

    fn take_property(&mut self, element: Element) -> Result<()> {
        let text = String::from_utf8_lossy(&element.text);
        match element.name.as_str() {
            "collection" => self.is_folder = true,
            "getcontentlength" if !text.is_empty() => {
                self.size = Some(digits(&text).ok_or_else(|| no_listing("a size is no number"))?);
            }
            "getlastmodified" => self.last_modified_ns = moment::ns(&text),
            "getetag" if !text.is_empty() => self.etag = Some(quoted(text.into_owned())),
            _ => {}
        }
        Ok(())
    }

    /// What is directly in a folder; none for the folder itself.
    fn finish_inside(mut self, folder: &[u8]) -> Result<Option<Found>> {
        let mut key = self.key.take().ok_or_else(|| no_listing("an entry has no name"))?;
        if self.is_folder && !key.ends_with(b"/") && !key.is_empty() {
            key.push(b'/');
        }
        if folder.strip_suffix(b"/") == Some(&key) {
            // It is no folder at all, but an object.
            return Ok(None);
        }
        let Some(name) = key.strip_prefix(folder) else { return Err(no_listing("it tells of another folder")) };
        let name = name.strip_suffix(b"/").unwrap_or(name);
        if name.is_empty() {
            return Ok(None);
        }
        if name.contains(&b'/') {
            return Err(no_listing("it tells of more than one folder"));
        }
        self.key = Some(key);
        if self.is_folder {
            return self.finish_prefix().map(Some);
        }
        self.finish(Dialect::Web)
    }

    fn finish_prefix(self) -> Result<Found> {
        let key = self.key.filter(|key| !key.is_empty()).ok_or_else(|| no_listing("a group has no name"))?;
        Ok(Found { key, size: 0, last_modified_ns: None, revision: None, is_prefix: true })
    }
}

/// Listings give some ETags without the quotation marks that answers have.
fn quoted(etag: String) -> String {
    if etag.ends_with('"') || etag.is_empty() { etag } else { format!("\"{etag}\"") }
}

/// One element, at its end.
pub(super) struct Element {
    pub(super) name: String,
    /// What stands in it, entities resolved.
    pub(super) text: Vec<u8>,
    /// Azure writes names that XML cannot hold with percent escapes, and says so.
    is_encoded: bool,
}

/// Where in a document a reader stands.
#[derive(Default)]
pub(super) struct Path {
    pub(super) root: String,
    open: Vec<Element>,
}

impl Path {
    /// The element that ends next; none at the end of the document. A document that breaks off is an error.
    pub(super) fn next_element(&mut self, reader: &mut Reader<&[u8]>) -> Result<Option<Element>> {
        loop {
            match reader.read_event().map_err(|_| no_listing("it is not XML, or breaks off"))? {
                Event::Start(start) => self.open(&start)?,
                Event::Empty(start) => {
                    self.open(&start)?;
                    return Ok(self.open.pop());
                }
                Event::End(_) => return Ok(self.open.pop()),
                Event::Text(text) => self.add(&text),
                Event::CData(text) => self.add(&text),
                Event::GeneralRef(entity) => self.add(&resolved(&entity)?),
                Event::Eof if self.open.is_empty() => return Ok(None),
                Event::Eof => return Err(no_listing("it breaks off")),
                _ => {}
            }
        }
    }

    fn open(&mut self, start: &BytesStart<'_>) -> Result<()> {
        if self.open.len() >= DEEPEST {
            return Err(no_listing("its elements lie too deep in each other"));
        }
        let name = String::from_utf8_lossy(start.local_name().as_ref()).into_owned();
        if self.root.is_empty() {
            self.root.clone_from(&name);
        }
        let is_encoded =
            start.try_get_attribute("Encoded").is_ok_and(|found| found.is_some_and(|a| &*a.value == b"true"));
        self.open.push(Element { name, text: Vec::new(), is_encoded });
        Ok(())
    }

    fn add(&mut self, text: &[u8]) {
        if let Some(element) = self.open.last_mut() {
            element.text.extend_from_slice(text);
        }
    }

    /// The name of the element around the one that has just ended.
    pub(super) fn parent(&self) -> &str {
        self.open.last().map_or("", |element| &element.name)
    }

    fn depth(&self) -> usize {
        self.open.len()
    }
}

fn resolved(entity: &BytesRef<'_>) -> Result<Vec<u8>> {
    let unknown = || no_listing("it has an entity that XML does not know");
    if matches!(&**entity, b"#0" | b"#x0" | b"#x00") {
        // No document may have one, and a key can.
        return Ok(vec![0]);
    }
    if let Some(character) = entity.resolve_char_ref().map_err(|_| unknown())? {
        return Ok(character.to_string().into_bytes());
    }
    let name = std::str::from_utf8(entity).map_err(|_| unknown())?;
    resolve_predefined_entity(name).map(|text| text.as_bytes().to_vec()).ok_or_else(unknown)
}

#[cfg(all(test, not(model)))]
mod tests {
    use super::*;

    const HEAD: &str = "<?xml version='1.0'?><ListBucketResult xmlns='http://s3.amazonaws.com/doc/2006-03-01/'>";

    fn s3(rest: &str) -> Result<Page> {
        page(Dialect::S3, format!("{HEAD}{rest}").as_bytes())
    }

    #[test]
    fn keys_are_whatever_stands_there() {
        let entry = |key: &str| format!("<Contents><Key>{key}</Key><Size>1</Size></Contents>");
        let end = "<IsTruncated>false</IsTruncated></ListBucketResult>";
        for (written, key) in [
            ("a//b", "a//b"),
            ("a&amp;b&lt;&#228;&#xE4;", "a&b<ää"),
            (" a ", " a "),
            ("<![CDATA[<a>]]>", "<a>"),
            ("a/", "a/"),
            ("&#13;\u{1}", "\r\u{1}"),
            ("a&#x0;b", "a\0b"),
        ] {
            let page = s3(&(entry(written) + end)).unwrap();
            assert_eq!(page.found[0].key, key.as_bytes(), "{written}");
        }
    }

    #[test]
    fn a_page_is_whole_or_an_error() {
        assert!(s3("<IsTruncated>false</IsTruncated></ListBucketResult>").unwrap().found.is_empty());
        let more = "<IsTruncated>true</IsTruncated><NextContinuationToken>t</NextContinuationToken></ListBucketResult>";
        assert_eq!(s3(more).unwrap().token.as_deref(), Some("t"));
        for wrong in [
            "",
            "</ListBucketResult>",
            "<IsTruncated>true</IsTruncated></ListBucketResult>",
            "<IsTruncated>yes</IsTruncated></ListBucketResult>",
            "<IsTruncated>false</IsTruncated><NextContinuationToken>t</NextContinuationToken></ListBucketResult>",
            "<Contents><Key>a</Key></Contents></ListBucketResult>",
            "<Contents><Size>1</Size></Contents></ListBucketResult>",
            "<Contents><Key>a</Key><Size>-1</Size></Contents></ListBucketResult>",
            "<Contents><Key>&unknown;</Key><Size>1</Size></Contents></ListBucketResult>",
            "<Contents></ListBucketResult>",
        ] {
            assert!(s3(wrong).is_err(), "{wrong}");
        }
        for wrong in [&b""[..], b"<html></html>", b"{}", b"\xff\xfe", b"<Error><Code>x</Code></Error>"] {
            assert!(page(Dialect::S3, wrong).is_err());
        }
    }

    #[test]
    fn a_document_without_bottom_is_an_error() {
        assert!(page(Dialect::S3, "<a>".repeat(1 << 20).as_bytes()).is_err());
        assert!(error_document("<a>".repeat(1 << 20).as_bytes()).code.is_none());
    }

    #[test]
    fn azure_encodes_names_that_xml_cannot_hold() {
        let body = b"<EnumerationResults><Blobs><Blob><Name Encoded=\"true\">a%01</Name><Properties>\
            <Content-Length>3</Content-Length><Etag>0x1</Etag></Properties></Blob>\
            <BlobPrefix><Name>b/</Name></BlobPrefix></Blobs><NextMarker/></EnumerationResults>";
        let page = page(Dialect::Azure, body).unwrap();
        assert_eq!((&page.found[0].key[..], page.found[0].revision.as_deref()), (&b"a\x01"[..], Some("\"0x1\"")));
        assert!(page.found[1].is_prefix && page.token.is_none());
    }

    #[test]
    fn folders_tell_what_is_directly_in_them() {
        let inside = |href: &str| {
            let body = format!(
                "<D:multistatus xmlns:D='DAV:'><D:response><D:href>{href}</D:href><D:propstat><D:prop>\
                 <D:getcontentlength>1</D:getcontentlength></D:prop></D:propstat></D:response></D:multistatus>"
            );
            folder(body.as_bytes(), b"/base/", b"a/")
        };
        assert_eq!(inside("/base/a/b%20c").unwrap()[0].key, b"a/b c");
        assert_eq!(inside("http://host/base/a/b").unwrap()[0].key, b"a/b");
        assert!(inside("/base/a/").unwrap().is_empty() && inside("/base/a").unwrap().is_empty());
        for wrong in ["/elsewhere/a/b", "/base/c/b", "/base/a/b/c"] {
            assert!(inside(wrong).is_err(), "{wrong}");
        }
    }
}
