//! What the servers of one kind say in their own words: names of headers, limits, what can be asked of them.

use super::super::can;
use super::moment;
use crate::error::{Error, Kind, Result, shown};
use crate::outcome::{ContentHeaders, Details, Rows};
use http::{HeaderMap, HeaderValue};

/// The kinds of servers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Dialect {
    S3,
    Azure,
    Google,
    /// Plain HTTP, and WebDAV where the server has it.
    Web,
}

/// Bytes of the longest key that the three object stores take.
const LONGEST_KEY: usize = 1024;

impl Dialect {
    pub(super) fn capabilities(self) -> u64 {
        let all =
            can::GET_RANGE | can::LIST_ANY_DELIMITER | can::LIST_START_AFTER | can::COPY_CREATE | can::RENAME_CREATE;
        let of_clouds = can::PUT_CREATE | can::PUT_UPDATE | can::CONTENT_TYPE | can::METADATA | can::VERSION;
        let of_clouds = of_clouds | can::SIGN;
        match self {
            Dialect::Web => all,
            Dialect::Google => all | of_clouds,
            Dialect::S3 | Dialect::Azure => all | of_clouds | can::TAGS,
        }
    }

    /// What the names of its headers of user metadata begin with.
    fn metadata_prefix(self) -> Option<&'static str> {
        match self {
            Dialect::S3 => Some("x-amz-meta-"),
            Dialect::Azure => Some("x-ms-meta-"),
            Dialect::Google => Some("x-goog-meta-"),
            Dialect::Web => None,
        }
    }

    fn request_ids(self) -> &'static [&'static str] {
        match self {
            Dialect::S3 => &["x-amz-request-id", "x-request-id"],
            Dialect::Azure => &["x-ms-request-id"],
            Dialect::Google => &["x-guploader-uploadid", "x-goog-request-id"],
            Dialect::Web => &["x-request-id"],
        }
    }

    /// What vendors put before the names of options.
    pub(super) fn option_prefix(self) -> &'static str {
        match self {
            Dialect::S3 => "aws_",
            Dialect::Azure => "azure_",
            Dialect::Google => "google_",
            Dialect::Web => "",
        }
    }

    pub(super) fn name(self) -> &'static str {
        match self {
            Dialect::S3 => "s3",
            Dialect::Azure => "az",
            Dialect::Google => "gs",
            Dialect::Web => "http",
        }
    }

    /// Bytes of the largest object that one request writes.
    pub(super) fn largest_put(self) -> u64 {
        match self {
            Dialect::S3 => 5 << 30,
            Dialect::Azure => 5000 << 20,
            Dialect::Google => 5 << 40,
            Dialect::Web => u64::MAX,
        }
    }

    /// Objects that one request deletes.
    pub(super) fn most_deletes(self) -> usize {
        match self {
            Dialect::S3 => 1000,
            Dialect::Azure => 256,
            Dialect::Google | Dialect::Web => 1,
        }
    }

    /// Whether a request that deletes several objects can name a key: XML has no way to write some characters.
    pub(super) fn is_for_bulk(self, key: &str) -> bool {
        self != Dialect::S3 || !key.contains(['\u{fffe}', '\u{ffff}'])
    }

    /// Bytes of the smallest part of a multipart upload, its last one apart.
    pub(super) fn smallest_part(self) -> u64 {
        match self {
            Dialect::S3 | Dialect::Google => 5 << 20,
            Dialect::Azure | Dialect::Web => 1,
        }
    }

    /// Whether its listings come in order of the bytes of keys. Azure's come in some order of characters.
    pub(super) fn lists_in_order(self) -> bool {
        self != Dialect::Azure
    }

    pub(super) fn check_key(self, key: &str) -> Result<()> {
        let refuse = |why: String| Err(Error::argument(format!("`{}` is no key of this store: {why}", shown(key))));
        if key.chars().any(|c| c.is_ascii_control()) {
            return refuse("it has a control character".to_string());
        }
        if self == Dialect::Azure && key.contains('\\') {
            return refuse("Azure would take its `\\` for a `/`".to_string());
        }
        if self != Dialect::Web && key.len() > LONGEST_KEY {
            return refuse(format!(
                "with the prefix of the store it has {} bytes, and {LONGEST_KEY} is the most",
                key.len()
            ));
        }
        Ok(())
    }

    /// Refuses metadata that would not come back as they were put.
    pub(super) fn check_metadata(self, metadata: &[(String, String)]) -> Result<()> {
        let is_named_well = |name: &str| {
            let is_good = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_';
            match self {
                Dialect::Azure => name.chars().all(is_good) && !name.starts_with(|c: char| c.is_ascii_digit()),
                _ => name.chars().all(|c| is_good(c) || c == '-'),
            }
        };
        for (name, value) in metadata {
            if !is_named_well(name) {
                let allowed = match self {
                    Dialect::Azure => "a-z, 0-9 and `_`, not beginning with a digit",
                    _ => "a-z, 0-9, `-` and `_`",
                };
                let message =
                    format!("the metadata name `{}` is not one that this store keeps; it takes {allowed}", shown(name));
                return Err(Error::argument(message));
            }
            check_header(value, "metadata value")?;
        }
        Ok(())
    }

    /// The revision that an answer tells.
    pub(super) fn revision(self, headers: &HeaderMap) -> Option<String> {
        let name = if self == Dialect::Google { "x-goog-generation" } else { "etag" };
        Some(text(headers, name)?.to_string())
    }

    /// Bytes of the object that an answer to a head tells.
    pub(super) fn size(self, headers: &HeaderMap) -> Result<Option<u64>> {
        match number(headers, "content-length")? {
            // Of what it might unpack on the way, Google tells no other size than that of what it keeps.
            None if self == Dialect::Google => number(headers, "x-goog-stored-content-length"),
            told => Ok(told),
        }
    }

    /// The version that an answer tells, where the server keeps several.
    pub(super) fn version(self, headers: &HeaderMap) -> Option<String> {
        let name = match self {
            Dialect::S3 => "x-amz-version-id",
            Dialect::Azure => "x-ms-version-id",
            Dialect::Google => "x-goog-generation",
            Dialect::Web => return None,
        };
        Some(text(headers, name)?.to_string())
    }

    /// What is known of an object from the head of an answer.
    pub(super) fn details(self, headers: &HeaderMap, size: u64) -> Details {
        let mut metadata: Vec<_> = headers
            .iter()
            .filter_map(|(name, value)| {
                let name = name.as_str().strip_prefix(self.metadata_prefix()?)?;
                Some((name.to_string(), String::from_utf8_lossy(value.as_bytes()).into_owned()))
            })
            .collect();
        metadata.sort();
        Details {
            size,
            revision: self.revision(headers),
            last_modified_ns: text(headers, "last-modified").and_then(moment::ns),
            version: self.version(headers),
            headers: content_headers(headers),
            metadata,
            rows: Rows::default(),
        }
    }

    pub(super) fn request_id(self, headers: &HeaderMap) -> Option<&str> {
        self.request_ids().iter().find_map(|name| text(headers, name))
    }
}

fn content_headers(headers: &HeaderMap) -> ContentHeaders {
    let owned = |name| text(headers, name).map(str::to_string);
    ContentHeaders {
        content_type: owned("content-type"),
        content_encoding: owned("content-encoding"),
        content_language: owned("content-language"),
        content_disposition: owned("content-disposition"),
        cache_control: owned("cache-control"),
    }
}

/// Refuses what a header would not carry unchanged.
pub(super) fn check_header(value: &str, what: &str) -> Result<()> {
    let is_plain = value.chars().all(|c| c.is_ascii() && !c.is_ascii_control()) && value.trim() == value;
    if is_plain && HeaderValue::from_str(value).is_ok() {
        return Ok(());
    }
    let message = format!("a {what} travels in an HTTP header: printable ASCII without blanks at its ends");
    Err(Error::argument(message))
}

pub(super) fn text<'a>(headers: &'a HeaderMap, name: &str) -> Option<&'a str> {
    headers.get(name)?.to_str().ok()
}

/// The value of a header that is a number; an error where it is something else.
pub(super) fn number(headers: &HeaderMap, name: &str) -> Result<Option<u64>> {
    let Some(value) = headers.get(name) else { return Ok(None) };
    match value.to_str().ok().and_then(digits) {
        Some(number) => Ok(Some(number)),
        None => Err(Error::new(Kind::Server, format!("the server's {name} is no number"))),
    }
}

/// A number as servers write it: digits alone.
pub(super) fn digits(text: &str) -> Option<u64> {
    text.bytes().all(|byte| byte.is_ascii_digit()).then(|| text.parse().ok()).flatten()
}
