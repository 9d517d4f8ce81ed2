//! Listing, a page at a time.
#![expect(unsafe_code, reason = "it calls C functions and reads what they give")]

use crate::abi::*;
use crate::details::time;
use crate::failure::Failure;
use crate::handle::{Owned, array, c_text, pointer, text};
use crate::store::Store;
use futures_util::stream::{self, BoxStream};
use futures_util::{StreamExt, TryStreamExt};
use object_store::list::{PaginatedListOptions, PaginatedListResult};
use object_store::path::Path;
use object_store::{Error, ListResult, ObjectMeta, Result};
use std::ptr::null;

/// A walk over the keys of a store.
struct Walk {
    store: Store,
    list: Owned<blobferry_list_t>,
    is_over: bool,
}

/// The entries of one page.
#[derive(Default)]
struct Page {
    objects: Vec<ObjectMeta>,
    common_prefixes: Vec<Path>,
    /// The text of the last entry: a walk that begins after it goes on there.
    last: Option<String>,
}

impl Walk {
    fn new(
        store: &Store,
        prefix: &str,
        delimiter: Option<&str>,
        start_after: Option<&str>,
        page_size: u32,
    ) -> Result<Walk, Failure> {
        let prefix = c_text(prefix)?;
        let (delimiter, start_after) = (delimiter.map(c_text).transpose()?, start_after.map(c_text).transpose()?);
        let options = blobferry_list_options_t {
            delimiter: pointer(&delimiter),
            start_after: pointer(&start_after),
            page_size,
            ..Default::default()
        };
        // SAFETY: the pointers are valid during the call.
        let list = unsafe {
            Owned::made(|list, error| blobferry_list_new(store.handle(), prefix.as_ptr(), &options, list, error))
        };
        Ok(Walk { store: store.clone(), list: list?, is_over: false })
    }

    /// The next page; the last one sets `is_over`.
    async fn next(&mut self) -> Result<Page> {
        let list = &self.list;
        // SAFETY: the pointers are valid during the call, the request has a reference of its own to the list, and
        // nothing is lent.
        let page = unsafe {
            self.store.request((), |(), slot| {
                blobferry_list_next(list.get(), slot.cq, null(), slot.user_data, slot.ticket, slot.error)
            })
        };
        let page = page.await.map_err(|failure| failure.at(&self.store))?;
        self.is_over = page.flags & BLOBFERRY_COMPLETION_LAST_PAGE != 0;
        let mut count = 0;
        // SAFETY: the entries are valid until the next page is asked for, which needs `self`.
        let entries = unsafe { array(blobferry_list_entries(self.list.get(), &mut count), count) };
        let mut page = Page::default();
        entries.iter().try_for_each(|entry| page.add(entry))?;
        Ok(page)
    }
}

impl Page {
    fn add(&mut self, entry: &blobferry_entry_t) -> Result<()> {
        // SAFETY: the texts are valid as long as the entry is.
        let (key, revision) = unsafe { (text(entry.key).unwrap_or_default(), text(entry.revision)) };
        let location = Path::parse(&key)?;
        self.last = Some(key);
        if entry.flags & BLOBFERRY_ENTRY_PREFIX != 0 {
            self.common_prefixes.push(location);
        } else {
            let (last_modified, size) = (time(entry.last_modified_ns), entry.size);
            self.objects.push(ObjectMeta { location, last_modified, size, e_tag: revision, version: None });
        }
        Ok(())
    }
}

/// The first bytes of all keys below a path.
fn below(prefix: Option<&Path>) -> String {
    prefix.filter(|path| !path.is_root()).map_or_else(String::new, |path| format!("{path}/"))
}

/// Every object below a path whose key sorts after `offset`.
pub(crate) fn list(
    store: &Store,
    prefix: Option<&Path>,
    offset: Option<&Path>,
) -> BoxStream<'static, Result<ObjectMeta>> {
    let walk = Walk::new(store, &below(prefix), None, offset.map(Path::as_ref), 0);
    let walk = match walk {
        Ok(walk) => walk,
        Err(failure) => return stream::iter([Err(failure.at(store))]).boxed(),
    };
    let pages = stream::try_unfold(walk, |mut walk| async move {
        if walk.is_over {
            return Ok::<_, Error>(None);
        }
        let page = walk.next().await?;
        Ok(Some((stream::iter(page.objects.into_iter().map(Ok)), walk)))
    });
    pages.try_flatten().boxed()
}

/// What is right below a path: objects, and the first names of what is further down.
pub(crate) async fn list_with_delimiter(store: &Store, prefix: Option<&Path>) -> Result<ListResult> {
    let walk = Walk::new(store, &below(prefix), Some("/"), None, 0);
    let mut walk = walk.map_err(|failure| failure.at(store))?;
    let mut all = Page::default();
    while !walk.is_over {
        let page = walk.next().await?;
        all.objects.extend(page.objects);
        all.common_prefixes.extend(page.common_prefixes);
    }
    Ok(all.into())
}

/// One page, and where the next begins. The library's walks are bound to no page of a server: the token is a key.
pub(crate) async fn list_paginated(
    store: &Store,
    prefix: Option<&str>,
    options: PaginatedListOptions,
) -> Result<PaginatedListResult> {
    let start_after = options.page_token.as_deref().or(options.offset.as_deref());
    let page_size = options.max_keys.map_or(0, |most| u32::try_from(most).unwrap_or(u32::MAX));
    let walk = Walk::new(store, prefix.unwrap_or_default(), options.delimiter.as_deref(), start_after, page_size);
    let mut walk = walk.map_err(|failure| failure.at(store))?;
    let mut page = walk.next().await?;
    let page_token = page.last.take().filter(|_| !walk.is_over);
    Ok(PaginatedListResult { result: page.into(), page_token })
}

impl From<Page> for ListResult {
    fn from(page: Page) -> ListResult {
        let Page { objects, common_prefixes, .. } = page;
        ListResult { objects, common_prefixes, extensions: Default::default() }
    }
}
