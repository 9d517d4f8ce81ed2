//! Deletes: of one object, and of as many as the server takes in one request.

use super::super::http::{Answer, Scope};
use super::deleted::{self, Inner};
use super::dialect::Dialect;
use super::refusal::{self, Heard, Verb};
use super::webdav::There;
use super::{RemoteStore, is_known, settle};
use crate::error::{Error, Kind, Result};
use crate::outcome::Done;
use crate::trace::Trace;
use futures_util::StreamExt;
use futures_util::stream;
use object_store::ObjectStore;
use object_store::path::Path;
use std::collections::HashMap;
use std::sync::Arc;

/// What became of one of several deletes.
pub(crate) type Deleted = Result<(), Error>;

/// Is told of several deletes, each by its place among them, as soon as something is known.
pub(crate) trait Told: Send + Sync {
    /// What became of one in the end.
    fn told(&self, index: usize, deleted: Deleted);
    /// One that goes on may have been done by what was tried before.
    fn in_doubt(&self, index: usize);
}

/// Bytes of keys in one request: it is written, signed and hashed at once.
const MOST_OF_KEYS: usize = 128 << 10;

impl RemoteStore {
    /// Deletes an object; one that is not there is deleted already. Tries again.
    pub(crate) async fn delete(&self, key: &str, trace: &Arc<Trace>) -> Result<Done> {
        let mut retry = self.retry(trace);
        loop {
            match self.delete_once(key, trace).await {
                Ok(()) => return Ok(Done::default()),
                Err(error) => {
                    settle(trace, &error);
                    retry.again(error).await?;
                }
            }
        }
    }

    async fn delete_once(&self, key: &str, trace: &Arc<Trace>) -> Result<()> {
        let path = self.path(key)?;
        if self.dialect == Dialect::Web && self.what_is_at(key, &path).await? != There::Object {
            return Ok(());
        }
        let answer = self.ask(Scope::changing(trace), request(&self.client.objects, vec![path])).await?;
        match (self.dialect, answer.status.as_u16()) {
            (Dialect::Azure, 202) => {
                let inner = self.answers_of_batch(answer).await?;
                inner.into_iter().next().map_or(Ok(()), |inner| self.judged(inner.1))
            }
            // What is no answer to a batch says nothing of the object.
            (Dialect::Azure, _) => Err(self.refusal(Verb::Delete, answer).await),
            (_, 200 | 202 | 204) => Ok(()),
            _ => self.unless_missing(self.refusal(Verb::Delete, answer).await),
        }
    }

    /// Only a server that knows the object to be missing is believed.
    fn unless_missing(&self, error: Error) -> Deleted {
        let is_missing = match (self.dialect, error.server_code.as_deref()) {
            (Dialect::Web, _) | (Dialect::Azure, None | Some("BlobNotFound")) => true,
            (_, code) => code == Some("NoSuchKey"),
        };
        if error.kind == Kind::NotFound && is_missing { Ok(()) } else { Err(error) }
    }

    /// Whether one request deletes many objects.
    pub(crate) fn deletes_in_bulk(&self) -> bool {
        self.client.bulk.is_some()
    }

    /// How many of the keys, from the first on, go into one request.
    pub(crate) fn deletes_at_once(&self, keys: &[Arc<str>]) -> usize {
        let most = if self.client.bulk.is_some() { self.dialect.most_deletes() } else { 1 };
        let mut bytes = 0;
        let fits = |key: &&Arc<str>| {
            bytes += key.len() + self.root.len();
            bytes <= MOST_OF_KEYS && self.dialect.is_for_bulk(key)
        };
        keys.iter().take(most).take_while(fits).count().max(1)
    }

    /// Deletes several objects, each with an outcome of its own. Only what may succeed then is tried again.
    pub(crate) async fn delete_several(&self, keys: &[Arc<str>], trace: &Arc<Trace>, teller: &dyn Told) {
        let [key] = keys else { return self.delete_in_bulk(keys, trace, teller).await };
        let deleted = self.delete(key, trace).await.map(drop);
        teller.told(
            0,
            deleted.map_err(|mut error| {
                trace.complete(&mut error, None);
                error
            }),
        );
    }

    async fn delete_in_bulk(&self, keys: &[Arc<str>], trace: &Arc<Trace>, teller: &dyn Told) {
        let mut retry = self.retry(trace);
        // What is to be asked for, and whether that may have been done already.
        let mut open: Vec<(usize, bool)> = (0..keys.len()).map(|index| (index, false)).collect();
        loop {
            let of_open: Vec<_> = open.iter().map(|(index, _)| &keys[*index]).collect();
            let deleted = match self.delete_all_once(&of_open, trace).await {
                Ok(deleted) => deleted,
                Err(error) => {
                    settle(trace, &error);
                    vec![Err(error); open.len()]
                }
            };
            let failed = self.tell_of(open, deleted, trace, teller);
            // What is known of each is told: the attempt as a whole is over.
            trace.certain();
            let Some(error) = failed.iter().map(|failed| &failed.error).max_by_key(|error| error.retry_after).cloned()
            else {
                return;
            };
            if retry.again(error).await.is_err() {
                failed.into_iter().for_each(|failed| failed.tell(trace, teller));
                return;
            }
            open = failed.into_iter().map(|failed| (failed.index, failed.is_in_doubt)).collect();
        }
    }

    /// Tells what has come to its end; what may succeed when it is tried again is left.
    fn tell_of(
        &self,
        asked: Vec<(usize, bool)>,
        deleted: Vec<Deleted>,
        trace: &Trace,
        teller: &dyn Told,
    ) -> Vec<Failed> {
        let mut left = Vec::new();
        for ((index, was_in_doubt), deleted) in asked.into_iter().zip(deleted) {
            let Err(error) = deleted else {
                teller.told(index, Ok(()));
                continue;
            };
            let is_in_doubt = was_in_doubt || !is_known(&error);
            let failed = Failed { index, error, is_in_doubt };
            if !failed.error.retryable {
                failed.tell(trace, teller);
                continue;
            }
            if is_in_doubt {
                teller.in_doubt(index);
            }
            left.push(failed);
        }
        left
    }

    /// One request for all of the keys; what its answer says of each.
    async fn delete_all_once(&self, keys: &[&Arc<str>], trace: &Arc<Trace>) -> Result<Vec<Deleted>> {
        let bulk = self.client.bulk.as_ref().unwrap_or(&self.client.objects);
        let paths = keys.iter().map(|key| self.path(key)).collect::<Result<Vec<_>>>()?;
        let answer = self.ask(Scope::changing(trace), request(bulk, paths)).await?;
        let told: Vec<(usize, Deleted)> = match (self.dialect, answer.status.as_u16()) {
            (Dialect::Azure, 202) => {
                let malformed = self.lie(&answer, "it has answers to what was not asked".to_string());
                let inner = self.answers_of_batch(answer).await?;
                let assigned = deleted::assigned(inner, keys.len()).ok_or(malformed)?;
                assigned.into_iter().map(|(index, inner)| (index, self.judged(inner))).collect()
            }
            (Dialect::S3, 200) => self.document_of_deletes(answer, keys).await?,
            (Dialect::S3, 405 | 501) => {
                let error = self.refusal(Verb::Delete, answer).await;
                let message = format!("{}; to delete one by one set disable_bulk_delete=true", error.message);
                return Err(Error { message, ..error });
            }
            _ => return Err(self.refusal(Verb::Delete, answer).await),
        };
        Ok(each(keys.len(), told))
    }

    /// What the inner answer of a batch comes to.
    fn judged(&self, inner: Inner) -> Deleted {
        if inner.status.is_success() {
            return Ok(());
        }
        let heard = Heard { dialect: self.dialect, verb: Verb::Delete, secrets: &inner.secrets };
        self.unless_missing(refusal::error(&heard, inner.status, &inner.headers, &inner.document))
    }

    /// Azure deletes in batches, be it of one: the answer holds others, of the deletes in it.
    async fn answers_of_batch(&self, answer: Answer) -> Result<Vec<(Option<usize>, Inner)>> {
        let malformed = self.lie(&answer, "it is no answer to a batch of deletes".to_string());
        let (secrets, headers) = (self.secrets_of(&answer), answer.headers.clone());
        let inner = self.read_document(answer, move |body| Ok(deleted::batch(&headers, body, &secrets))).await?;
        if inner.is_empty() { Err(malformed) } else { Ok(inner) }
    }

    /// What S3's document says of the keys, by their place.
    async fn document_of_deletes(&self, answer: Answer, keys: &[&Arc<str>]) -> Result<Vec<(usize, Deleted)>> {
        let malformed = self.lie(&answer, "it is no answer to a delete of many objects".to_string());
        let (secrets, headers) = (self.secrets_of(&answer), answer.headers.clone());
        let entries = self.read_document(answer, |body| Ok(deleted::document(body))).await?;
        let heard = Heard { dialect: self.dialect, verb: Verb::Delete, secrets: &secrets };
        let entries = match entries {
            Ok(entries) => entries,
            Err(said) if said.code.is_some() => return Err(refusal::error_within_success(&heard, &headers, said)),
            Err(_) => return Err(Error { http_status: 0, kind: Kind::Integrity, ..malformed }),
        };
        let places: HashMap<Vec<u8>, usize> =
            keys.iter().enumerate().map(|(index, key)| (self.full(key).into_bytes(), index)).collect();
        let told = entries.into_iter().filter_map(|entry| {
            let index = *places.get(&entry.key)?;
            let refused = entry.error.map(|said| refusal::error_within_success(&heard, &headers, said));
            Some((index, refused.map_or(Ok(()), |error| self.unless_missing(error))))
        });
        Ok(told.collect())
    }
}

/// Has the crate delete these, by one request where it can.
async fn request(objects: &Arc<dyn ObjectStore>, paths: Vec<Path>) -> object_store::Result<Path> {
    let mut deleting = objects.delete_stream(stream::iter(paths.into_iter().map(Ok)).boxed());
    deleting.next().await.unwrap_or_else(|| Ok(Path::default()))
}

/// What was told of each of several deletes. A server that says nothing of one, or says two things, has said nothing.
fn each(count: usize, told: Vec<(usize, Deleted)>) -> Vec<Deleted> {
    let nonsense = |why: &str| {
        let message = format!("the server's answer makes no sense: it {why} what became of this object");
        Err(Error { retryable: true, ..Error::new(Kind::Server, message) })
    };
    let mut deleted: Vec<Option<Deleted>> = vec![None; count];
    for (index, now) in told {
        let is_other = deleted[index].as_ref().is_some_and(|before| before.is_ok() != now.is_ok());
        deleted[index] = Some(if is_other { nonsense("contradicts itself about") } else { now });
    }
    deleted.into_iter().map(|deleted| deleted.unwrap_or_else(|| nonsense("does not say"))).collect()
}

/// A delete that has failed.
struct Failed {
    index: usize,
    error: Error,
    /// It may have been done all the same.
    is_in_doubt: bool,
}

impl Failed {
    fn tell(self, trace: &Trace, teller: &dyn Told) {
        let (attempts, error) = (trace.attempts(), self.error);
        let message = match attempts {
            2.. => format!("{}; tried {attempts} times", error.message),
            _ => error.message,
        };
        teller.told(self.index, Err(Error { message, attempts, maybe_committed: self.is_in_doubt, ..error }));
    }
}

#[cfg(all(test, not(model)))]
mod tests {
    use super::*;

    #[test]
    fn each_has_what_was_said_of_it() {
        let denied = || Err(Error::new(Kind::Permission, "no"));
        let kinds = |told| -> Vec<Option<Kind>> {
            each(3, told).into_iter().map(|deleted| deleted.err().map(|error| error.kind)).collect()
        };
        assert_eq!(kinds(vec![(2, Ok(())), (0, denied())]), [Some(Kind::Permission), Some(Kind::Server), None]);
        let twice = vec![(0, denied()), (0, Ok(())), (1, Ok(())), (1, denied()), (2, Ok(())), (2, Ok(()))];
        assert_eq!(kinds(twice), [Some(Kind::Server), Some(Kind::Server), None]);
    }
}
