//! Writing objects in one piece, and what is said of them.
#![expect(unsafe_code, reason = "it calls C functions")]

use crate::abi::*;
use crate::failure::Failure;
use crate::handle::{Pairs, c_text, pointer};
use crate::store::{Store, key_of};
use object_store::path::Path;
use object_store::{Attribute, Attributes, PutMode, PutOptions, PutPayload, PutResult, Result, TagSet};
use std::ffi::CString;
use url::form_urlencoded;

/// What is said of an object that is written, as the library takes it.
#[derive(Default)]
pub(crate) struct Headers {
    pub content_type: Option<CString>,
    pub content_encoding: Option<CString>,
    pub content_language: Option<CString>,
    pub content_disposition: Option<CString>,
    pub cache_control: Option<CString>,
    pub metadata: Pairs,
    pub tags: Pairs,
}

impl Headers {
    pub fn new(attributes: &Attributes, tags: &TagSet) -> Result<Headers, Failure> {
        let (mut headers, mut metadata) = (Headers::default(), Vec::new());
        for (attribute, value) in attributes {
            let header = match attribute {
                Attribute::ContentType => &mut headers.content_type,
                Attribute::ContentEncoding => &mut headers.content_encoding,
                Attribute::ContentLanguage => &mut headers.content_language,
                Attribute::ContentDisposition => &mut headers.content_disposition,
                Attribute::CacheControl => &mut headers.cache_control,
                Attribute::Metadata(name) => {
                    metadata.push((name, value));
                    continue;
                }
                other => return Err(Failure::unsupported(format!("the library does not know {other:?}"))),
            };
            *header = Some(c_text(value)?);
        }
        headers.metadata = Pairs::new(metadata)?;
        headers.tags = Pairs::new(form_urlencoded::parse(tags.encoded().as_bytes()))?;
        Ok(headers)
    }
}

/// An object in one piece; the pieces of the payload are lent as they are.
pub(crate) async fn put(store: &Store, path: &Path, payload: PutPayload, options: PutOptions) -> Result<PutResult> {
    let at = |failure: Failure| failure.at(path);
    let (mode, if_match) = match options.mode {
        PutMode::Overwrite => (BLOBFERRY_PUT_OVERWRITE, None),
        PutMode::Create => (BLOBFERRY_PUT_CREATE, None),
        PutMode::Update(version) => (BLOBFERRY_PUT_UPDATE, version.e_tag),
    };
    let (key, headers) = (key_of(path)?, Headers::new(&options.attributes, &options.tags).map_err(at)?);
    let if_match = if_match.as_deref().map(c_text).transpose().map_err(at)?;
    // SAFETY: the pointers are valid during the call; the payload's memory stays where it is, and is only read.
    let put = unsafe {
        store.request(payload, |payload, slot| {
            let slices =
                payload.iter().map(|piece| blobferry_const_slice_t { data: piece.as_ptr(), size: piece.len() });
            let slices: Vec<blobferry_const_slice_t> = slices.collect();
            let (metadata, tags) = (headers.metadata.array(), headers.tags.array());
            let options = blobferry_put_options_t {
                mode,
                flags: BLOBFERRY_REQUEST_DETAILS,
                if_match: pointer(&if_match),
                content_type: pointer(&headers.content_type),
                content_encoding: pointer(&headers.content_encoding),
                content_language: pointer(&headers.content_language),
                content_disposition: pointer(&headers.content_disposition),
                cache_control: pointer(&headers.cache_control),
                metadata: metadata.as_ptr(),
                metadata_count: metadata.len(),
                tags: tags.as_ptr(),
                tag_count: tags.len(),
                ..Default::default()
            };
            let (store, cq, key, first) = (store.handle(), slot.cq, key.as_ptr(), slices.as_ptr());
            let (count, user_data) = (slices.len(), slot.user_data);
            blobferry_object_put_slices(store, cq, key, first, count, &options, user_data, slot.ticket, slot.error)
        })
    };
    let put = put.await.map_err(|mut failure| {
        if mode == BLOBFERRY_PUT_UPDATE && failure.status == BLOBFERRY_E_NOT_FOUND {
            // What is to be updated and is not there is for object_store at another version.
            failure.status = BLOBFERRY_E_PRECONDITION;
        }
        at(failure)
    });
    Ok(put?.details.put_result())
}
