//! What a writer writes on this machine: on the pool, into what the store shows nobody before it is published.

use super::encoder::{Encoder, Then};
use super::verdict;
use super::writer::{Gone, Told};
use crate::error::Result;
use crate::memory::{CHUNK, Lent, Loan};
use crate::outcome::Outcome;
use crate::service::Shared;
use crate::stores::{Backend, Draft, PutOptions};
use std::sync::Arc;

/// Bytes copied from lent memory at a time: as many as stay in a CPU's cache until they are written.
const COPY_SIZE: usize = 256 << 10;

/// See the module.
pub(super) struct DraftTarget {
    service: Arc<Shared>,
    backend: Arc<dyn Backend>,
    key: Arc<str>,
    options: PutOptions,
    /// None before the first byte, and while a job on the pool has it.
    draft: Option<Box<dyn Draft>>,
}

/// What a job on the pool works with, and gives back.
struct Desk {
    draft: Box<dyn Draft>,
    encoder: Option<Encoder>,
    encoded: Vec<u8>,
}

impl Desk {
    fn append(&mut self, bytes: &[u8], then: Then) -> Result<()> {
        let Some(encoder) = &mut self.encoder else { return self.draft.append(bytes) };
        self.encoded.clear();
        encoder.encode(bytes, then, &mut self.encoded)?;
        self.draft.append(&self.encoded)
    }

    fn copy(&mut self, source: &Lent) -> Result<()> {
        if source.is_shared() {
            return self.append_shared(source);
        }
        let mut copy = Vec::new();
        for offset in (0..source.size()).step_by(COPY_SIZE) {
            copy.clear();
            source.append_to(offset, COPY_SIZE.min(source.size() - offset), &mut copy)?;
            self.append(&copy, Then::GoOn)?;
        }
        Ok(())
    }

    /// What nobody writes may be read for as long as the system takes to write it.
    fn append_shared(&mut self, source: &Lent) -> Result<()> {
        for offset in (0..source.size()).step_by(CHUNK) {
            let mut appended = Ok(());
            source.look_at(offset, CHUNK.min(source.size() - offset), |bytes| {
                if appended.is_ok() {
                    appended = self.append(bytes, Then::GoOn);
                }
            })?;
            appended?;
        }
        Ok(())
    }
}

impl DraftTarget {
    pub(super) fn new(
        service: &Arc<Shared>,
        backend: &Arc<dyn Backend>,
        key: &Arc<str>,
        options: PutOptions,
    ) -> DraftTarget {
        DraftTarget { service: service.clone(), backend: backend.clone(), key: key.clone(), options, draft: None }
    }

    async fn desk(&mut self, encoder: &mut Option<Encoder>) -> Result<Desk> {
        let draft = match self.draft.take() {
            Some(draft) => draft,
            None => self.backend.draft(&self.key).run(&self.service.pool).await?,
        };
        Ok(Desk { draft, encoder: encoder.take(), encoded: Vec::new() })
    }

    /// Does something on the pool. Dropped meanwhile, or failed, it leaves nothing to go on with.
    async fn work(
        &mut self,
        encoder: &mut Option<Encoder>,
        job: impl FnOnce(&mut Desk) -> Result<()> + Send + 'static,
    ) -> Result<()> {
        let mut desk = self.desk(encoder).await?;
        let job = move || {
            job(&mut desk)?;
            Ok(desk)
        };
        let desk = self.service.pool.run(job).await?;
        (self.draft, *encoder) = (Some(desk.draft), desk.encoder);
        Ok(())
    }

    /// Writes what was collected before, and the source.
    pub(super) async fn write(
        &mut self,
        encoder: &mut Option<Encoder>,
        pending: Vec<u8>,
        source: &Arc<Lent>,
    ) -> Result<()> {
        let source = source.clone();
        let write = move |desk: &mut Desk| {
            desk.append(&pending, Then::GoOn)?;
            desk.copy(&source)
        };
        self.work(encoder, write).await
    }

    pub(super) async fn flush(&mut self, encoder: &mut Option<Encoder>, pending: Vec<u8>) -> Result<()> {
        self.work(encoder, move |desk| desk.append(&pending, Then::Flush)).await
    }

    pub(super) async fn finish(
        &mut self,
        encoder: &mut Option<Encoder>,
        pending: Vec<u8>,
        loan: &Loan,
        told: Told,
    ) -> Outcome {
        let mut desk = self.desk(encoder).await?;
        let options = PutOptions { wants_details: told.details, rows: told.rows, ..self.options.clone() };
        let committed = loan.clone();
        let job = move || {
            desk.append(&pending, Then::End)?;
            desk.draft.publish(&options, &committed)
        };
        let ended = self.service.pool.run(job).await;
        verdict(loan, ended)
    }

    pub(super) fn give_up(self) -> Gone {
        drop(self);
        Box::pin(async { Ok(()) })
    }
}

impl Drop for DraftTarget {
    fn drop(&mut self) {
        // To free a large object, or a large file, takes its time.
        if let Some(draft) = self.draft.take() {
            let service = self.service.clone();
            self.service.spawn_behind(async move {
                let let_go = move || {
                    drop(draft);
                    Ok(())
                };
                // Where there is no pool any more it has been dropped all the same.
                let _ = service.pool.run(let_go).await;
            });
        }
    }
}
