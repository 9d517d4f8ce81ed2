//! The store: what object_store asks, as calls of the library.
#![expect(unsafe_code, reason = "it calls C functions")]

use crate::abi::*;
use crate::failure::Failure;
use crate::handle::{Owned, Pairs, c_text};
use crate::queue::{Finished, Queue, Slot};
use crate::{delete, get, list, put, upload};
use async_trait::async_trait;
use bytes::Bytes;
use futures_util::stream::BoxStream;
use object_store::list::{PaginatedListOptions, PaginatedListResult, PaginatedListStore};
use object_store::path::Path;
use object_store::signer::{Method, Signer, Url};
use object_store::{
    CopyMode, CopyOptions, Error, GetOptions, GetResult, ListResult, MultipartUpload, ObjectMeta, ObjectStore,
    PutMultipartOptions, PutOptions, PutPayload, PutResult, RenameOptions, RenameTargetMode, Result,
};
use std::ffi::CString;
use std::fmt;
use std::ops::Range;
use std::ptr::null;
use std::sync::Arc;
use std::time::Duration;

/// A store of the library. A clone is the same store.
#[derive(Clone)]
pub struct Store(Arc<Inner>);

/// In the order in which they are released.
struct Inner {
    store: Owned<blobferry_store_t>,
    queue: Queue,
    _service: Owned<blobferry_service_t>,
    url: String,
}

impl Store {
    /// Opens a store, with a service and a queue of its own. `credits` is how many requests the queue has at once; 0 is
    /// the library's default. The options are those of the library.
    pub fn open<'a>(
        url: &str,
        options: impl IntoIterator<Item = (&'a str, &'a str)>,
        credits: u32,
    ) -> Result<Store, Failure> {
        // SAFETY: it takes nothing.
        assert_eq!(unsafe { blobferry_abi_version() }, BLOBFERRY_ABI_VERSION, "the library has another ABI");
        let (place, options) = (c_text(url)?, Pairs::new(options)?);
        let pairs = options.array();
        // SAFETY: NULL is the defaults.
        let service = unsafe { Owned::made(|service, error| blobferry_service_new(null(), service, error)) }?;
        let queue = Queue::new(&service, credits)?;
        // SAFETY: the pointers are valid during the call.
        let store = unsafe {
            Owned::made(|store, error| {
                blobferry_store_open(service.get(), place.as_ptr(), pairs.as_ptr(), pairs.len(), store, error)
            })
        };
        Ok(Store(Arc::new(Inner { store: store?, queue, _service: service, url: url.into() })))
    }

    /// Whether it has this `BLOBFERRY_CAN_…`.
    pub fn can(&self, capability: u64) -> bool {
        // SAFETY: the store is there.
        unsafe { blobferry_store_capabilities(self.handle()) & capability != 0 }
    }

    /// For a call that borrows it.
    pub(crate) fn handle(&self) -> *const blobferry_store_t {
        self.0.store.get()
    }

    /// Makes a request: see [`Queue::request`].
    ///
    /// # Safety
    /// As there.
    pub(crate) async unsafe fn request<L: Send + 'static>(
        &self,
        lent: L,
        submit: impl Fn(&mut L, Slot) -> blobferry_status_t,
    ) -> Result<Finished<L>, Failure> {
        // SAFETY: as the caller promises.
        unsafe { self.0.queue.request(lent, submit) }.await
    }

    async fn copy_or_rename(&self, is_rename: bool, from: &Path, to: &Path, mode: u32) -> Result<()> {
        let call = if is_rename { blobferry_object_rename } else { blobferry_object_copy };
        let (source, target) = (key_of(from)?, key_of(to)?);
        // SAFETY: the pointers are valid during the call, and nothing is lent.
        let copied = unsafe {
            self.request((), |(), slot| {
                let options = blobferry_copy_options_t { mode, ..Default::default() };
                let (from, to, cq) = (source.as_ptr(), target.as_ptr(), slot.cq);
                call(self.handle(), cq, from, to, &options, slot.user_data, slot.ticket, slot.error)
            })
        };
        // What is there already is the target; what is missing is the source.
        let at =
            |failure: Failure| if failure.status == BLOBFERRY_E_EXISTS { failure.at(to) } else { failure.at(from) };
        copied.await.map(drop).map_err(at)
    }
}

/// The key of a path.
pub(crate) fn key_of(path: &Path) -> Result<CString> {
    c_text(path.as_ref()).map_err(|failure| failure.at(path))
}

impl fmt::Display for Store {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "blobferry({})", self.0.url)
    }
}

impl fmt::Debug for Store {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, out)
    }
}

#[async_trait]
impl ObjectStore for Store {
    async fn put_opts(&self, location: &Path, payload: PutPayload, options: PutOptions) -> Result<PutResult> {
        put::put(self, location, payload, options).await
    }

    async fn put_multipart_opts(
        &self,
        location: &Path,
        options: PutMultipartOptions,
    ) -> Result<Box<dyn MultipartUpload>> {
        Ok(Box::new(upload::Upload::new(self, location, &options)?))
    }

    async fn get_opts(&self, location: &Path, options: GetOptions) -> Result<GetResult> {
        if options.head { get::head(self, location, options).await } else { get::get(self, location, options).await }
    }

    async fn get_ranges(&self, location: &Path, ranges: &[Range<u64>]) -> Result<Vec<Bytes>> {
        get::get_ranges(self, location, ranges).await
    }

    fn delete_stream(&self, locations: BoxStream<'static, Result<Path>>) -> BoxStream<'static, Result<Path>> {
        delete::delete_stream(self, locations)
    }

    fn list(&self, prefix: Option<&Path>) -> BoxStream<'static, Result<ObjectMeta>> {
        list::list(self, prefix, None)
    }

    fn list_with_offset(&self, prefix: Option<&Path>, offset: &Path) -> BoxStream<'static, Result<ObjectMeta>> {
        list::list(self, prefix, Some(offset))
    }

    async fn list_with_delimiter(&self, prefix: Option<&Path>) -> Result<ListResult> {
        list::list_with_delimiter(self, prefix).await
    }

    async fn copy_opts(&self, from: &Path, to: &Path, options: CopyOptions) -> Result<()> {
        let mode = match options.mode {
            CopyMode::Overwrite => BLOBFERRY_PUT_OVERWRITE,
            CopyMode::Create => BLOBFERRY_PUT_CREATE,
        };
        self.copy_or_rename(false, from, to, mode).await
    }

    async fn rename_opts(&self, from: &Path, to: &Path, options: RenameOptions) -> Result<()> {
        let mode = match options.target_mode {
            RenameTargetMode::Overwrite => BLOBFERRY_PUT_OVERWRITE,
            RenameTargetMode::Create => BLOBFERRY_PUT_CREATE,
        };
        self.copy_or_rename(true, from, to, mode).await
    }
}

#[async_trait]
impl PaginatedListStore for Store {
    async fn list_paginated(&self, prefix: Option<&str>, options: PaginatedListOptions) -> Result<PaginatedListResult> {
        list::list_paginated(self, prefix, options).await
    }
}

#[async_trait]
impl Signer for Store {
    async fn signed_url(&self, method: Method, path: &Path, expires_in: Duration) -> Result<Url> {
        let method = match method {
            Method::GET => BLOBFERRY_SIGN_GET,
            Method::PUT => BLOBFERRY_SIGN_PUT,
            Method::HEAD => BLOBFERRY_SIGN_HEAD,
            Method::DELETE => BLOBFERRY_SIGN_DELETE,
            _ => return Err(Error::NotSupported { source: format!("a URL for {method} cannot be signed").into() }),
        };
        let expires_s = u32::try_from(expires_in.as_secs()).unwrap_or(u32::MAX);
        let key = key_of(path)?;
        // SAFETY: the pointers are valid during the call, and nothing is lent.
        let signed = unsafe {
            self.request((), |(), slot| {
                let options = blobferry_sign_options_t { method, expires_s, ..Default::default() };
                let (store, cq, key) = (self.handle(), slot.cq, key.as_ptr());
                blobferry_object_sign(store, cq, key, &options, slot.user_data, slot.ticket, slot.error)
            })
        };
        let signed = signed.await.map_err(|failure| failure.at(path))?;
        let url = String::from_utf8_lossy(&signed.bytes).into_owned();
        Url::parse(&url).map_err(|error| Error::Generic { store: "blobferry", source: error.into() })
    }
}
