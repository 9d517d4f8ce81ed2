//! Where the bytes of a table go: one object, in order, in parts.

use crate::error::Result;
use crate::memory::{Lent, Loan};
use crate::outcome::{Outcome, Rows};
use crate::stores::Store;
use crate::trace::Trace;
use crate::transfer::{Begun, Gone, Open, Told, WriterOptions};
use bytes::Bytes;
use std::sync::Arc;

/// An object that is being written.
pub(crate) struct Sink {
    open: Open,
    /// Of the request that writes now.
    loan: Loan,
    trace: Arc<Trace>,
    position: u64,
    rows: Option<Rows>,
}

impl Sink {
    /// An object at its beginning. What the store cannot do is refused here.
    pub(crate) fn new(store: &Store, key: &Arc<str>, options: WriterOptions) -> Result<Sink> {
        let open = Open::new(store, key, options)?;
        Ok(Sink { open, loan: Loan::of_nobody(), trace: Trace::new(), position: 0, rows: None })
    }

    /// What follows is for this request: once it has ended, nothing more is read of what it has brought.
    pub(crate) fn begin(&mut self, loan: &Loan, trace: &Arc<Trace>) {
        (self.loan, self.trace) = (loan.clone(), trace.clone());
    }

    /// Appends pieces, one behind the other. When it returns they were copied or sent: nothing of ours refers to
    /// their memory. It waits while too much is on its way.
    pub(crate) async fn write(&mut self, pieces: Vec<Bytes>) -> Result<()> {
        let source = Arc::new(Lent::of_bytes(&self.loan, pieces));
        if source.size() > 0 {
            self.open.write(&source, &self.trace).await?;
            self.position += source.size() as u64;
        }
        Ok(())
    }

    /// Bytes appended so far.
    pub(crate) fn position(&self) -> u64 {
        self.position
    }

    /// All has been appended, and it is a table of so many rows: that is told when the object is there.
    pub(crate) fn has_all(&mut self, rows: Rows) {
        self.rows = Some(rows);
    }

    /// Makes the object. A request that has ended before is one that has not taken effect.
    pub(crate) async fn finish(&mut self, wants_details: bool) -> Outcome {
        let told = Told { details: wants_details, rows: self.rows };
        self.open.finish(&self.loan, told, &self.trace).await
    }

    /// Leaves nothing of the object.
    pub(crate) fn give_up(self) -> Gone {
        self.open.give_up()
    }
}
