//! Bytes in order, cut into blocks of whole lines.

use crate::error::{Error, Kind, Result};
use crate::tabular::source::Flow;
use bytes::Bytes;
use memchr::memrchr;

/// Whole lines: pieces that lie one behind the other.
pub(super) struct Block {
    pub(super) pieces: Vec<Bytes>,
    /// Where it begins in the decoded bytes of the blob.
    pub(super) begin: u64,
}

/// Cuts what flows.
pub(super) struct Lines {
    flow: Flow,
    /// What has come and is in no block yet, and what of it are whole lines.
    pieces: Vec<Bytes>,
    size: usize,
    whole: usize,
    begin: u64,
    is_at_end: bool,
    failed: Option<Error>,
    /// Bytes that a block is to have, and that a line may have.
    block: usize,
    most_line: u64,
}

impl Lines {
    pub(super) fn new(flow: Flow, block: usize, most_line: u64) -> Lines {
        let (pieces, is_at_end, failed) = (Vec::new(), false, None);
        Lines { flow, pieces, size: 0, whole: 0, begin: 0, is_at_end, failed, block, most_line }
    }

    /// The block that follows; none at the end. Dropped while it waits, it has lost nothing.
    pub(super) async fn next(&mut self) -> Result<Option<Block>> {
        while self.whole < self.block && !self.is_at_end && self.failed.is_none() {
            if let Err(error) = self.fetch().await {
                self.failed = Some(error);
            }
        }
        // What came before a failure is given before it.
        match (self.cut(), &self.failed) {
            (Some(block), _) => Ok(Some(block)),
            (None, Some(error)) => Err(error.clone()),
            (None, None) => Ok(None),
        }
    }

    /// Fetches until there are whole lines of at least `size` bytes, or all of the blob, and gives them; they stay.
    pub(super) async fn look(&mut self, size: usize) -> Result<Block> {
        while self.whole < size && !self.is_at_end {
            self.fetch().await?;
        }
        Ok(Block { pieces: first(&self.pieces, self.whole), begin: self.begin })
    }

    /// Whether all of the blob has come.
    pub(super) fn is_at_end(&self) -> bool {
        self.is_at_end
    }

    async fn fetch(&mut self) -> Result<()> {
        match self.flow.next().await? {
            None => {
                self.is_at_end = true;
                self.whole = self.size;
            }
            Some(piece) => {
                if let Some(end) = memrchr(b'\n', &piece) {
                    self.whole = self.size + end + 1;
                }
                self.size += piece.len();
                self.pieces.push(piece);
            }
        }
        let line = (self.size - self.whole) as u64;
        if line > self.most_line {
            let message = format!(
                "the record that begins at byte {} has more than {} bytes; raise `csv.max_record`",
                self.begin + self.whole as u64,
                self.most_line
            );
            return Err(Error::new(Kind::NoSpace, message));
        }
        Ok(())
    }

    fn cut(&mut self) -> Option<Block> {
        if self.whole == 0 {
            return None;
        }
        let block = Block { pieces: first(&self.pieces, self.whole), begin: self.begin };
        let mut skip = self.whole;
        self.pieces.retain_mut(|piece| {
            let cut = skip.min(piece.len());
            skip -= cut;
            *piece = piece.slice(cut..);
            !piece.is_empty()
        });
        self.begin += self.whole as u64;
        self.size -= self.whole;
        self.whole = 0;
        Some(block)
    }
}

/// The first bytes of pieces.
fn first(pieces: &[Bytes], mut size: usize) -> Vec<Bytes> {
    let mut taken = Vec::new();
    for piece in pieces {
        let part = piece.slice(..size.min(piece.len()));
        size -= part.len();
        if part.is_empty() {
            break;
        }
        taken.push(part);
    }
    taken
}
