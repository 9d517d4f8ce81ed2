//! What is known of an object, and the memory that a completion brings.
#![expect(unsafe_code, reason = "it reads memory of the library")]

use crate::abi::*;
use crate::handle::{Owned, array, text};
use bytes::Bytes;
use chrono::{DateTime, Utc};
use object_store::path::Path;
use object_store::{Attribute, AttributeValue, Attributes, ObjectMeta, PutResult};
use std::ffi::c_char;
use std::ptr::null;

/// What is known of an object; nothing, where a request has not asked for it.
pub struct Details(Option<Owned<blobferry_details_t>>);

type TextOf = unsafe extern "C" fn(*const blobferry_details_t) -> *const c_char;

impl Details {
    /// # Safety
    /// `details` is NULL or owned by nobody else.
    pub(crate) unsafe fn new(details: *mut blobferry_details_t) -> Details {
        // SAFETY: as the caller promises.
        Details(unsafe { Owned::new(details) })
    }

    /// Every accessor takes NULL, and answers as for an object of which nothing is known.
    fn get(&self) -> *const blobferry_details_t {
        self.0.as_ref().map_or(null(), |details| details.get())
    }

    fn text(&self, of: TextOf) -> Option<String> {
        // SAFETY: the text is valid as long as the details are.
        unsafe { text(of(self.get())) }
    }

    /// The bytes of the whole object.
    pub fn size(&self) -> u64 {
        // SAFETY: the details are NULL or valid.
        unsafe { blobferry_details_size(self.get()) }
    }

    /// What object_store calls the metadata.
    pub fn meta(&self, path: &Path) -> ObjectMeta {
        // SAFETY: the details are NULL or valid.
        let last_modified = unsafe { blobferry_details_last_modified_ns(self.get()) };
        ObjectMeta {
            location: path.clone(),
            last_modified: time(last_modified),
            size: self.size(),
            e_tag: self.text(blobferry_details_revision),
            version: self.text(blobferry_details_version),
        }
    }

    /// What a put has made.
    pub fn put_result(&self) -> PutResult {
        let (e_tag, version) = (self.text(blobferry_details_revision), self.text(blobferry_details_version));
        PutResult { e_tag, version, extensions: Default::default() }
    }

    /// The content headers and the user metadata.
    pub fn attributes(&self) -> Attributes {
        let headers: [(Attribute, TextOf); 5] = [
            (Attribute::ContentType, blobferry_details_content_type),
            (Attribute::ContentEncoding, blobferry_details_content_encoding),
            (Attribute::ContentLanguage, blobferry_details_content_language),
            (Attribute::ContentDisposition, blobferry_details_content_disposition),
            (Attribute::CacheControl, blobferry_details_cache_control),
        ];
        let headers = headers.into_iter().filter_map(|(header, of)| Some((header, self.text(of)?)));
        let mut count = 0;
        // SAFETY: the pairs and their texts are valid as long as the details are.
        let pairs = unsafe { array(blobferry_details_metadata(self.get(), &mut count), count) };
        let metadata = pairs.iter().filter_map(|pair| {
            // SAFETY: as above.
            let (key, value) = unsafe { (text(pair.key)?, text(pair.value)?) };
            Some((Attribute::Metadata(key.into()), value))
        });
        headers.chain(metadata).map(|(attribute, value)| (attribute, AttributeValue::from(value))).collect()
    }
}

/// A time of the library; object_store has no word for one that is not known.
pub(crate) fn time(ns: i64) -> DateTime<Utc> {
    if ns == BLOBFERRY_TIME_UNKNOWN { DateTime::UNIX_EPOCH } else { DateTime::from_timestamp_nanos(ns) }
}

/// The bytes of a buffer of the library, which is released with the last of them; no buffer is no bytes.
///
/// # Safety
/// `buffer` is NULL or owned by nobody else.
pub(crate) unsafe fn bytes_of(buffer: *mut blobferry_buffer_t) -> Bytes {
    struct Content(Owned<blobferry_buffer_t>);

    impl AsRef<[u8]> for Content {
        fn as_ref(&self) -> &[u8] {
            // SAFETY: they are valid, and do not change, until the buffer is released.
            unsafe { array(blobferry_buffer_data(self.0.get()), blobferry_buffer_size(self.0.get())) }
        }
    }
    // SAFETY: as the caller promises.
    let buffer = unsafe { Owned::new(buffer) };
    buffer.map(|buffer| Bytes::from_owner(Content(buffer))).unwrap_or_default()
}
