//! A file that is written piece by piece, and seen when it is whole.

use super::staged::{Landing, Staged};
use super::{Root, finished, write_all};
use crate::error::Result;
use crate::memory::Loan;
use crate::stores::{Draft, PutMode, PutOptions};
use std::sync::Arc;

/// See the module.
pub(super) struct FileDraft {
    pub(super) root: Arc<Root>,
    pub(super) key: Arc<str>,
    pub(super) is_synced: bool,
    staged: Staged,
    size: u64,
}

impl FileDraft {
    pub(super) fn new(root: &Arc<Root>, key: &Arc<str>, is_synced: bool) -> Result<FileDraft> {
        let (staged, _) = Staged::new(root, key)?;
        Ok(FileDraft { root: root.clone(), key: key.clone(), is_synced, staged, size: 0 })
    }
}

impl Draft for FileDraft {
    fn append(&mut self, bytes: &[u8]) -> Result<()> {
        write_all(self.staged.file(), bytes)?;
        self.size += bytes.len() as u64;
        Ok(())
    }

    fn publish(self: Box<Self>, options: &PutOptions, loan: &Loan) -> Result<()> {
        let FileDraft { root, key, is_synced, staged, size } = *self;
        let details = finished(&staged, is_synced, options.wants_details, size)?;
        // Where it was begun there may be other folders now.
        let landing = Landing::find(&root, &key)?;
        let creates = options.mode == PutMode::Create;
        loan.commit(|| {
            staged.publish(&root, landing, creates, is_synced)?;
            Ok(options.done(details))
        })?;
        Ok(())
    }
}
