//! Where the writer of Parquet puts encoded pages, and the file.
//!
//! The pages of a row group wait in memory until it ends, then go to the file by `Write`, which lends them as slices.
//! What was just taken out of the waiting room is known to the file by its address, so a page becomes a piece of the
//! file without being copied.

use crate::sync::lock;
use bytes::Bytes;
use parquet::arrow::arrow_writer::{PageKey, PageStore, PageStoreArgs, PageStoreFactory};
use parquet::errors::{ParquetError, Result};
use std::io::Write;
use std::sync::{Arc, Mutex};

/// Bytes of small writes that become one piece.
const PIECE: usize = 1 << 20;

/// The page that was taken out last.
type Taken = Arc<Mutex<Bytes>>;

/// Makes the waiting rooms of columns.
#[derive(Debug, Default)]
pub(super) struct Pages {
    taken: Taken,
}

impl Pages {
    /// The file that these pages go to.
    pub(super) fn file(&self) -> Output {
        Output { pieces: Vec::new(), open: Vec::new(), taken: self.taken.clone() }
    }
}

impl PageStoreFactory for Pages {
    fn create(&self, _args: &PageStoreArgs<'_>) -> Result<Box<dyn PageStore>> {
        Ok(Box::new(Waiting { pages: Vec::new(), size: 0, taken: self.taken.clone() }))
    }
}

struct Waiting {
    pages: Vec<Bytes>,
    size: usize,
    taken: Taken,
}

impl PageStore for Waiting {
    fn put(&mut self, value: Bytes) -> Result<PageKey> {
        self.size += value.len();
        self.pages.push(value);
        Ok(PageKey::new(self.pages.len() as u64 - 1))
    }

    fn take(&mut self, key: PageKey) -> Result<Bytes> {
        let page = self.pages.get_mut(key.get() as usize).map(std::mem::take);
        let page = page.ok_or_else(|| ParquetError::General(format!("no page has the key {}", key.get())))?;
        self.size -= page.len();
        *lock(&self.taken) = page.clone();
        Ok(page)
    }

    fn memory_size(&self) -> usize {
        self.size
    }
}

/// The bytes of a file that were not taken yet.
pub(super) struct Output {
    pieces: Vec<Bytes>,
    open: Vec<u8>,
    taken: Taken,
}

impl Output {
    /// Takes what was written.
    pub(super) fn take(&mut self) -> Vec<Bytes> {
        self.close_piece();
        *lock(&self.taken) = Bytes::new();
        std::mem::take(&mut self.pieces)
    }

    fn close_piece(&mut self) {
        if !self.open.is_empty() {
            self.pieces.push(Bytes::from(std::mem::take(&mut self.open)));
        }
    }
}

impl Write for Output {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        let page = std::mem::take(&mut *lock(&self.taken));
        if page.len() == bytes.len() && std::ptr::eq(page.as_ptr(), bytes.as_ptr()) {
            self.close_piece();
            self.pieces.push(page);
        } else {
            // It may be written yet: what comes before it is.
            *lock(&self.taken) = page;
            self.open.extend_from_slice(bytes);
            if self.open.len() >= PIECE {
                self.close_piece();
            }
        }
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}
