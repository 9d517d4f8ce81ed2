//! Listings of plain HTTP servers that know WebDAV: a folder after the other, in order of the bytes of keys.

use super::super::http::Scope;
use super::refusal::Verb;
use super::{RemoteStore, xml};
use crate::error::{Error, Kind, Result};
use crate::stores::Found;
use object_store::path::Path;

/// What a server tells of a key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum There {
    Nothing,
    Folder,
    /// Or whatever it has in place of one.
    Object,
}

/// A walk over folders: one page for each.
pub(super) struct Folders {
    prefix: Vec<u8>,
    after: Vec<u8>,
    /// What is still to be given, the last of it first. Folders are entered when their turn comes.
    ahead: Vec<Found>,
    has_begun: bool,
}

impl Folders {
    pub(super) fn new(prefix: &str, after: &[u8]) -> Folders {
        Folders { prefix: prefix.as_bytes().to_vec(), after: after.to_vec(), ahead: Vec::new(), has_begun: false }
    }

    /// Passes over what begins so.
    pub(super) fn skip(&mut self, group: &[u8]) {
        self.ahead.retain(|found| !found.key.starts_with(group));
    }

    /// The entries up to the next folder that has to be entered, and whether there is none.
    pub(super) async fn fetch(&mut self, store: &RemoteStore) -> Result<(Vec<Found>, bool)> {
        if !self.has_begun {
            let folder = self.prefix.iter().rposition(|byte| *byte == b'/').map_or(0, |at| at + 1);
            let folder = self.prefix[..folder].to_vec();
            self.enter(store, &folder).await?;
            self.has_begun = true;
        } else if let Some(folder) = self.ahead.last().filter(|next| next.is_prefix) {
            let folder = folder.key.clone();
            let behind = self.ahead.len() - 1;
            self.enter(store, &folder).await?;
            self.ahead.remove(behind);
        }
        let mut found = Vec::new();
        while let Some(next) = self.ahead.pop_if(|next| !next.is_prefix) {
            found.push(next);
        }
        Ok((found, self.ahead.is_empty()))
    }

    /// Puts what is in a folder and wanted before what is ahead.
    async fn enter(&mut self, store: &RemoteStore, folder: &[u8]) -> Result<()> {
        let mut inside = self.look_into(store, folder).await?;
        inside.retain(|found| self.is_wanted(found));
        inside.sort_by(|a, b| b.key.cmp(&a.key));
        inside.dedup_by(|a, b| a.key == b.key);
        self.ahead.extend(inside);
        Ok(())
    }

    fn is_wanted(&self, found: &Found) -> bool {
        let shared = found.key.len().min(self.prefix.len());
        let leads_on =
            found.key.starts_with(&self.prefix) || (found.is_prefix && found.key[..shared] == self.prefix[..shared]);
        // A folder may hold what sorts after a key of its own.
        let is_behind = found.key > self.after || (found.is_prefix && self.after.starts_with(&found.key));
        leads_on && is_behind
    }

    async fn look_into(&self, store: &RemoteStore, folder: &[u8]) -> Result<Vec<Found>> {
        // A folder that has no address here holds nothing that could be listed.
        let Some(path) = std::str::from_utf8(folder).ok().and_then(|folder| Path::parse(folder).ok()) else {
            return Ok(Vec::new());
        };
        let is_root = folder.is_empty() && path.as_ref().is_empty();
        if !is_root && folder.strip_suffix(b"/") != Some(path.as_ref().as_bytes()).filter(|path| !path.is_empty()) {
            return Ok(Vec::new());
        }
        let place = (!path.as_ref().is_empty()).then_some(&path);
        let answer = store.ask(Scope::reading().of_folder(), store.client.objects.list_with_delimiter(place)).await?;
        match answer.status.as_u16() {
            207 => {
                let (base, folder) = (store.client.base_path.clone(), folder.to_vec());
                store.read_document(answer, move |body| xml::folder(body, &base, &folder)).await
            }
            404 => Ok(Vec::new()),
            405 | 501 => {
                let error = store.refusal(Verb::List, answer).await;
                let message = format!("{}; to be listed it has to know WebDAV's PROPFIND", error.message);
                Err(Error { kind: Kind::Unsupported, message, ..error })
            }
            _ => Err(store.refusal(Verb::List, answer).await),
        }
    }
}

impl RemoteStore {
    /// What there is at a key, before a server is asked to change it: with a folder it would change all that is in it.
    /// A server that cannot tell has no folders.
    pub(super) async fn what_is_at(&self, key: &str, path: &Path) -> Result<There> {
        let answer = self.ask(Scope::reading(), self.client.objects.list_with_delimiter(Some(path))).await?;
        match answer.status.as_u16() {
            _ if answer.leads_to_folder => Ok(There::Folder),
            207 => {
                let (base, key) = (self.client.base_path.clone(), self.full(key).into_bytes());
                let is_folder = self.read_document(answer, move |body| xml::is_folder(body, &base, &key)).await?;
                Ok(if is_folder { There::Folder } else { There::Object })
            }
            404 => Ok(There::Nothing),
            400 | 403 | 405 | 501 => Ok(There::Object),
            _ => Err(self.refusal(Verb::Delete, answer).await),
        }
    }
}
