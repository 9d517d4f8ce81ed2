//! Listings, a page of the server's after the other.

use super::super::http::{Answer, Scope};
use super::dialect::Dialect;
use super::refusal::Verb;
use super::webdav::Folders;
use super::{RemoteStore, xml};
use crate::error::{Error, Kind, Result};
use crate::stores::Found;
use crate::trace::Trace;
use object_store::list::{PaginatedListOptions, PaginatedListStore};
use std::collections::{HashSet, VecDeque};
use std::sync::Arc;

/// The most bytes of a page.
const MOST_OF_PAGE: usize = 16 << 20;
/// Bytes from which on a page is read on the pool.
const READ_ELSEWHERE: usize = 64 << 10;

/// A walk over the keys of a store, in order of their bytes, with those of one group as one entry.
pub(crate) struct Pages {
    store: Arc<RemoteStore>,
    walk: Walk,
    ready: VecDeque<Found>,
    is_over: bool,
}

enum Walk {
    Tokens(Tokens),
    Folders(Folders),
}

impl Pages {
    pub(crate) fn new(store: &Arc<RemoteStore>, prefix: &str, delimiter: &str, after: &[u8]) -> Pages {
        let walk = if store.client.pages.is_some() {
            let prefix = store.full(prefix);
            Walk::Tokens(Tokens {
                prefix,
                delimiter: delimiter.to_string(),
                after: after.to_vec(),
                ..Tokens::default()
            })
        } else {
            Walk::Folders(Folders::new(prefix, after))
        };
        Pages { store: store.clone(), walk, ready: VecDeque::new(), is_over: false }
    }

    /// The next entry that is here, of those that do not begin with `skip`.
    pub(crate) fn next(&mut self, skip: Option<&[u8]>) -> Option<Found> {
        let is_skipped = |found: &Found| skip.is_some_and(|skip| found.key.starts_with(skip));
        loop {
            let found = self.ready.pop_front();
            if let (None, Walk::Folders(walk), Some(skip)) = (&found, &mut self.walk, skip) {
                walk.skip(skip);
            }
            if !found.as_ref().is_some_and(is_skipped) {
                return found;
            }
        }
    }

    /// Whether another page can be asked for.
    pub(crate) fn is_over(&self) -> bool {
        self.is_over
    }

    /// Asks for more. Tries again.
    pub(crate) async fn fetch(&mut self, trace: &Arc<Trace>) -> Result<()> {
        let mut retry = self.store.retry(trace);
        loop {
            let fetched = match &mut self.walk {
                Walk::Tokens(walk) => walk.fetch(&self.store).await,
                Walk::Folders(walk) => walk.fetch(&self.store).await,
            };
            match fetched {
                Ok((found, is_over)) => {
                    self.ready.extend(found);
                    self.is_over = is_over;
                    return Ok(());
                }
                Err(error) => retry.again(error).await?,
            }
        }
    }
}

impl RemoteStore {
    /// Reads the document of an answer: a long one on the pool.
    pub(super) async fn read_document<T: Send + 'static>(
        &self,
        answer: Answer,
        read: impl FnOnce(&[u8]) -> Result<T> + Send + 'static,
    ) -> Result<T> {
        let body = answer.collect(MOST_OF_PAGE).await?;
        if body.len() < READ_ELSEWHERE {
            return read(&body);
        }
        self.service.pool.run(move || read(&body)).await
    }
}

/// A listing whose server gives a token for the next page.
#[derive(Default)]
struct Tokens {
    prefix: String,
    delimiter: String,
    /// Only entries that sort after this, by their keys in this store.
    after: Vec<u8>,
    /// The token of the next page.
    token: Option<String>,
    /// The last entry given, in the server's words.
    last: Vec<u8>,
    /// The keys of the page before, where the order of keys does not tell whether they come again.
    page_before: HashSet<Vec<u8>>,
    anchor: Anchor,
}

/// A token kept to find a circle of them: it is replaced by a later one each time that twice as many have come.
#[derive(Default)]
struct Anchor {
    token: Option<String>,
    seen: u64,
    until: u64,
}

impl Anchor {
    fn meets(&mut self, token: &str) -> bool {
        if self.token.as_deref() == Some(token) {
            return true;
        }
        if self.seen >= self.until {
            self.token = Some(token.to_string());
            self.until = self.seen * 2 + 1;
        }
        self.seen += 1;
        false
    }
}

impl Tokens {
    async fn fetch(&mut self, store: &RemoteStore) -> Result<(Vec<Found>, bool)> {
        let Some(pages) = &store.client.pages else {
            return Err(Error::new(Kind::Unsupported, "this store has no listing"));
        };
        let mut page = self.page(store, pages.as_ref()).await?;
        let dialect_lists_in_order = store.dialect.lists_in_order();
        page.found.sort_by(|a, b| a.key.cmp(&b.key));
        self.check_order(store.dialect, &page.found)?;
        if page.token.as_ref().is_some_and(|token| self.anchor.meets(token)) {
            return Err(self.repeats("the name of the next page is that of an earlier one"));
        }
        if let Some(last) = page.found.last() {
            self.last.clone_from(&last.key);
        }
        if !dialect_lists_in_order {
            self.page_before = page.found.iter().map(|found| found.key.clone()).collect();
        }
        self.token = page.token;
        let found = page.found.into_iter().filter_map(|found| self.kept(store, found)).collect();
        Ok((found, self.token.is_none()))
    }

    async fn page(&self, store: &RemoteStore, pages: &dyn PaginatedListStore) -> Result<xml::Page> {
        let offset = (!self.after.is_empty()).then(|| [store.root.as_bytes(), &self.after].concat());
        let options = PaginatedListOptions {
            // The server's own way is a help; what it gives is looked at all the same.
            offset: offset.and_then(|offset| String::from_utf8(offset).ok()).filter(|_| self.token.is_none()),
            delimiter: self.delimiter_of_server(store.dialect).map(|delimiter| delimiter.to_string().into()),
            page_token: self.token.clone(),
            ..PaginatedListOptions::default()
        };
        let prefix = (!self.prefix.is_empty()).then_some(self.prefix.as_str());
        let answer = store.ask(Scope::reading(), pages.list_paginated(prefix, options)).await?;
        if answer.status != http::StatusCode::OK {
            return Err(store.refusal(Verb::List, answer).await);
        }
        let dialect = store.dialect;
        store.read_document(answer, move |body| xml::page(dialect, body)).await
    }

    /// The delimiter, where the server can be trusted with it. Azurite looks at its first character only; what it is
    /// not told is put into groups here.
    fn delimiter_of_server(&self, dialect: Dialect) -> Option<&str> {
        let is_good = !self.delimiter.is_empty() && (dialect != Dialect::Azure || self.delimiter.len() == 1);
        is_good.then_some(&self.delimiter)
    }

    fn check_order(&self, dialect: Dialect, found: &[Found]) -> Result<()> {
        let is_behind = found.first().is_none_or(|first| self.last.is_empty() || first.key > self.last);
        let is_unseen = || found.iter().all(|found| !self.page_before.contains(&found.key));
        let is_new = if dialect.lists_in_order() { is_behind } else { is_unseen() };
        let has_twins = found.windows(2).any(|pair| pair[0].key == pair[1].key);
        if !is_new || has_twins {
            return Err(self.repeats("a key comes again, or before one that came already"));
        }
        if self.delimiter.is_empty() && found.iter().any(|found| found.is_prefix) {
            return Err(self.repeats("it has groups, and was asked for none"));
        }
        if let Some(stranger) = found.iter().find(|found| !found.key.starts_with(self.prefix.as_bytes())) {
            let key = String::from_utf8_lossy(&stranger.key).into_owned();
            return Err(self.repeats(&format!("`{}` does not begin as was asked", crate::error::shown(&key))));
        }
        Ok(())
    }

    fn repeats(&self, why: &str) -> Error {
        Error { retryable: false, ..Error::new(Kind::Server, format!("the server's listing makes no sense: {why}")) }
    }

    /// The entry by its key in this store, if it is wanted.
    fn kept(&self, store: &RemoteStore, mut found: Found) -> Option<Found> {
        found.key.drain(..store.root.len());
        // What is left of the marker of the root's own folder has no name.
        (!found.key.is_empty() && found.key > self.after).then_some(found)
    }
}

#[cfg(all(test, not(model)))]
mod tests {
    use super::*;

    #[test]
    fn a_circle_of_tokens_is_found() {
        for (before, around) in [(0, 1), (0, 2), (3, 5), (17, 100)] {
            let mut anchor = Anchor::default();
            let tokens = (0..before).chain((0..).map(|index| before + index % around));
            let found = tokens.take(10_000).position(|token| anchor.meets(&token.to_string()));
            assert!(found.is_some_and(|at| at >= before + around), "{before} {around}: {found:?}");
        }
        let mut anchor = Anchor::default();
        assert!(!(0..10_000).any(|token| anchor.meets(&token.to_string())));
    }
}
