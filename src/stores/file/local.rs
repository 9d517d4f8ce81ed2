//! A folder as one end of a transfer of many files: the walk that tells what it passes over, and the manifest.

use super::root::Root;
use super::staged::Staged;
use super::walk::{Met, Walk};
use super::{FileStore, MANIFEST, modified_ns, stat_of_object, write_all};
use crate::error::{Error, Result};
use crate::memory::CHUNK;
use crate::stores::{Found, Stop};
use rustix::fs::OFlags;
use rustix::io::Errno;
use std::sync::Arc;

/// What a walk over a folder comes to: a file, or the name of something else and why it cannot be moved.
pub(crate) enum Near {
    File(Found),
    Other(Vec<u8>, Error),
}

/// A walk over a folder. It runs on the pool.
pub(crate) struct Wander(Walk);

impl Wander {
    /// The next files, at most so many; none at the end.
    pub(crate) fn next(&mut self, most: usize, stop: &Stop) -> Result<Vec<Near>> {
        let mut found = Vec::new();
        while found.len() < most
            && let Some(met) = self.0.step(None, stop)?
        {
            found.push(match met {
                Met::Object(file) => Near::File(file),
                Met::Other(path, error) => Near::Other(path, error),
            });
        }
        Ok(found)
    }
}

/// All of these run on the pool.
impl FileStore {
    /// The files of the folder at a path, which may have to be made.
    pub(crate) fn at(path: &[u8], create: bool) -> Result<FileStore> {
        Ok(FileStore { root: Arc::new(Root::open(path, create, false)?), is_synced: false })
    }

    pub(crate) fn wander(&self) -> Wander {
        Wander(Walk::over_all(self.root.clone()))
    }

    /// Size and time of a key's file, if it is there.
    pub(crate) fn look(&self, key: &str) -> Option<(u64, Option<i64>)> {
        let stat = stat_of_object(&self.root.open_at(key.as_bytes(), OFlags::PATH).ok()?).ok()?;
        Some((stat.st_size as u64, modified_ns(&stat)))
    }

    /// What the manifest holds; nothing where there is none that can be read, or it is larger than `most` bytes.
    pub(crate) fn read_manifest(&self, most: u64) -> Option<Vec<u8>> {
        // Not through a link, and without waiting for a FIFO's writer.
        let flags = OFlags::RDONLY | OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::NOCTTY;
        let file = self.root.open_at(MANIFEST.as_bytes(), flags).ok()?;
        let stat = stat_of_object(&file).ok()?;
        let size = u64::try_from(stat.st_size).ok().filter(|size| *size <= most)?;
        let mut content = Vec::new();
        content.try_reserve_exact(size as usize + 1).ok()?;
        while (content.len() as u64) <= size {
            match rustix::io::read(&file, rustix::buffer::spare_capacity(&mut content)) {
                Ok(0) => return Some(content),
                Ok(_) | Err(Errno::INTR) => {}
                Err(_) => return None,
            }
        }
        None
    }

    /// Replaces the manifest, whole.
    pub(crate) fn write_manifest(&self, content: &[u8]) -> Result<()> {
        let (staged, landing) = Staged::new(&self.root, MANIFEST)?;
        content.chunks(CHUNK).try_for_each(|chunk| write_all(staged.file(), chunk))?;
        staged.publish(&self.root, landing, false, self.is_synced)
    }
}
