//! The files below the root, in order of their keys' bytes.
//!
//! Each folder on the way down is read and sorted by itself, a folder's name as if it ended with `/`: so `a-b` comes
//! before `a/b`, as it does in every other store. Of a very large folder only the next [`MOST_NAMES`] names are
//! held; it is read again for the names behind them.
//!
//! What is no object is not listed. A walk that is to tell what it passes over names it, and why; and a folder that
//! cannot be read is then one of those, and not the end.

use super::root::{Root, failed, no_file};
use super::{MANIFEST, RESERVED, modified_ns, revision};
use crate::error::{Error, Kind, Result, shown};
use crate::stores::{Found, Keys, Stop};
use rustix::fs::{AtFlags, Dir, FileType, FlockOperation, Mode, OFlags, Stat};
use rustix::io::Errno;
use std::collections::BinaryHeap;
use std::os::fd::OwnedFd;
use std::sync::Arc;

/// Names of one folder held at once. blobferry/list.h says the number.
const MOST_NAMES: usize = 16_384;

pub(super) struct Walk {
    root: Arc<Root>,
    prefix: Vec<u8>,
    after: Vec<u8>,
    /// The folders on the way down; none before the first step.
    levels: Vec<Level>,
    has_begun: bool,
    /// Whether what is passed over is told.
    tells_all: bool,
}

/// What a walk comes to.
pub(super) enum Met {
    Object(Found),
    /// The name of what is no object, and why it is none.
    Other(Vec<u8>, Error),
}

/// One folder on the way down.
struct Level {
    folder: OwnedFd,
    /// What its keys begin with: empty, or ending with `/`.
    path: Vec<u8>,
    /// Which folder it is, so that a link back up is not followed in a circle.
    identity: (u64, u64),
    /// The next names, last first.
    names: Vec<Name>,
    /// The last name held, and whether there are more behind it.
    last: Vec<u8>,
    has_more: bool,
}

/// A name in its place: a folder's ends with `/`.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord)]
struct Name {
    sorted: Vec<u8>,
    kind: NameKind,
}

#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum NameKind {
    Plain,
    /// A symbolic link to a file or a folder.
    Link,
    /// Neither a file nor a folder, nor a link to one.
    Other,
}

impl Name {
    fn is_folder(&self) -> bool {
        self.sorted.ends_with(b"/")
    }

    fn bytes(&self) -> &[u8] {
        self.sorted.strip_suffix(b"/").unwrap_or(&self.sorted)
    }
}

impl Walk {
    pub(super) fn new(root: Arc<Root>, prefix: &[u8], after: &[u8]) -> Walk {
        Walk {
            root,
            prefix: prefix.to_vec(),
            after: after.to_vec(),
            levels: Vec::new(),
            has_begun: false,
            tells_all: false,
        }
    }

    /// A walk over all keys that tells what it passes over.
    pub(super) fn over_all(root: Arc<Root>) -> Walk {
        Walk { tells_all: true, ..Walk::new(root, b"", b"") }
    }

    /// Whether some key that begins with `path` can be wanted.
    fn wants_below(&self, path: &[u8]) -> bool {
        let may_match = path.starts_with(&self.prefix) || self.prefix.starts_with(path);
        may_match && (path > self.after.as_slice() || self.after.starts_with(path))
    }

    fn wants(&self, key: &[u8]) -> bool {
        key.starts_with(&self.prefix) && key > self.after.as_slice()
    }

    /// Steps into a folder. False: it is one of those above.
    fn enter(&mut self, folder: OwnedFd, path: Vec<u8>, stop: &Stop) -> Result<bool> {
        let stat = rustix::fs::fstat(&folder).map_err(|errno| unlisted(errno, &path))?;
        let identity = (stat.st_dev, stat.st_ino);
        if self.levels.iter().any(|level| level.identity == identity) {
            return Ok(false);
        }
        let mut level = Level { folder, path, identity, names: Vec::new(), last: Vec::new(), has_more: true };
        self.refill(&mut level, stop)?;
        self.levels.push(level);
        Ok(true)
    }

    /// Reads the next names of a folder.
    fn refill(&self, level: &mut Level, stop: &Stop) -> Result<()> {
        let failed = |errno| unlisted(errno, &level.path);
        let mut nearest = BinaryHeap::new();
        level.has_more = false;
        for entry in Dir::read_from(&level.folder).map_err(failed)? {
            stop.check()?;
            let entry = entry.map_err(failed)?;
            let name = entry.file_name().to_bytes();
            if matches!(name, b"." | b"..") {
                continue;
            }
            if name.starts_with(RESERVED.as_bytes()) {
                if name != MANIFEST.as_bytes() {
                    sweep(&level.folder, name);
                }
                continue;
            }
            let Some(name) = self.name(level, name, entry.file_type()) else { continue };
            if name.sorted <= level.last {
                continue;
            }
            nearest.push(name);
            if nearest.len() > MOST_NAMES {
                nearest.pop();
                level.has_more = true;
            }
        }
        level.names = nearest.into_sorted_vec();
        if let Some(last) = level.names.last() {
            level.last.clone_from(&last.sorted);
        }
        level.names.reverse();
        Ok(())
    }

    /// A name in its place, if it leads to keys that are wanted.
    fn name(&self, level: &Level, name: &[u8], mut kind: FileType) -> Option<Name> {
        let mut path = [level.path.as_slice(), name].concat();
        if kind == FileType::Unknown {
            kind = FileType::from_raw_mode(
                rustix::fs::statat(&level.folder, name, AtFlags::SYMLINK_NOFOLLOW).ok()?.st_mode,
            );
        }
        let is_link = kind == FileType::Symlink;
        if is_link {
            // One that leads nowhere, or out of the root, leads to no object.
            kind = self.stat(&path).map_or(FileType::Unknown, |stat| FileType::from_raw_mode(stat.st_mode));
        }
        let name_kind = if is_link { NameKind::Link } else { NameKind::Plain };
        match kind {
            FileType::RegularFile if self.wants(&path) => Some(Name { sorted: name.to_vec(), kind: name_kind }),
            FileType::RegularFile => None,
            FileType::Directory => {
                path.push(b'/');
                self.wants_below(&path).then(|| Name { sorted: [name, b"/"].concat(), kind: name_kind })
            }
            _ => self.tells_all.then(|| Name { sorted: name.to_vec(), kind: NameKind::Other }),
        }
    }

    /// Why what stands at a path is no object.
    fn why_not(&self, path: &[u8]) -> Option<Error> {
        match self.stat(path) {
            Ok(stat) => Some(no_file(&format!("{:?}", FileType::from_raw_mode(stat.st_mode)))),
            Err(Errno::NOENT) => {
                // It may have gone meanwhile: then there is nothing to tell.
                let name = self.root.try_open_at(path, OFlags::PATH | OFlags::NOFOLLOW);
                name.ok().map(|_| Error::new(Kind::NotFound, "it is a symbolic link that leads nowhere"))
            }
            Err(errno) => Some(failed(errno, "opening the file")),
        }
    }

    fn stat(&self, path: &[u8]) -> rustix::io::Result<Stat> {
        rustix::fs::fstat(self.root.try_open_at(path, OFlags::PATH)?)
    }

    /// Steps into a folder, or says what stands at a file. None where it has gone meanwhile.
    fn visit(&mut self, name: &Name, stop: &Stop) -> Result<Option<Met>> {
        let Some(level) = self.levels.last() else { return Ok(None) };
        let path = [level.path.as_slice(), &name.sorted].concat();
        if name.is_folder() {
            return self.visit_folder(name, path, stop);
        }
        let outcome = match name.kind {
            NameKind::Other => return Ok(self.why_not(&path).map(|error| Met::Other(path, error))),
            NameKind::Link => self.stat(&path),
            NameKind::Plain => rustix::fs::statat(&level.folder, name.bytes(), AtFlags::SYMLINK_NOFOLLOW),
        };
        match outcome {
            Ok(stat) if FileType::from_raw_mode(stat.st_mode) == FileType::RegularFile => Ok(Some(found(path, &stat))),
            Ok(_) => Ok(None),
            Err(errno) => self.pass_over(errno, path),
        }
    }

    fn visit_folder(&mut self, name: &Name, path: Vec<u8>, stop: &Stop) -> Result<Option<Met>> {
        let Some(level) = self.levels.last() else { return Ok(None) };
        let folder = match open_folder(&self.root, level, name, &path) {
            Ok(folder) => folder,
            Err(errno) => return self.pass_over(errno, path),
        };
        let of_folder = |mut path: Vec<u8>, error| {
            path.pop();
            Ok(Some(Met::Other(path, error)))
        };
        match self.enter(folder, path.clone(), stop) {
            Ok(false) if self.tells_all => {
                let message = "it is a symbolic link that leads back to a folder above it";
                of_folder(path, Error::new(Kind::Unsupported, message))
            }
            Ok(_) => Ok(None),
            Err(error) if self.tells_all && stop.check().is_ok() => of_folder(path, error),
            Err(error) => Err(error),
        }
    }

    /// What cannot be opened: it has gone, or leads nowhere by now, or may not be read.
    fn pass_over(&self, errno: Errno, mut path: Vec<u8>) -> Result<Option<Met>> {
        if matches!(errno, Errno::NOENT | Errno::NOTDIR | Errno::LOOP | Errno::XDEV) {
            return Ok(None);
        }
        let error = unlisted(errno, &path);
        if !self.tells_all {
            return Err(error);
        }
        if path.ends_with(b"/") {
            path.pop();
        }
        Ok(Some(Met::Other(path, error)))
    }

    /// Reads on in a folder of many names.
    fn read_on(&mut self, mut level: Level, stop: &Stop) -> Result<Option<Met>> {
        match self.refill(&mut level, stop) {
            Ok(()) => {
                self.levels.push(level);
                Ok(None)
            }
            Err(error) if self.tells_all && stop.check().is_ok() => {
                level.path.pop();
                Ok(Some(Met::Other(level.path, error)))
            }
            Err(error) => Err(error),
        }
    }

    /// The next that is met, of what does not begin with `skip`.
    pub(super) fn step(&mut self, skip: Option<&[u8]>, stop: &Stop) -> Result<Option<Met>> {
        if !self.has_begun {
            let folder = self.root.open_at(b".", OFlags::RDONLY | OFlags::DIRECTORY)?;
            self.enter(folder, Vec::new(), stop)?;
            self.has_begun = true;
        }
        while let Some(mut level) = self.levels.pop() {
            // All that is left of this folder is passed over.
            if skip.is_some_and(|skip| level.path.starts_with(skip)) {
                continue;
            }
            let name = level.names.pop();
            let met = if let Some(name) = name {
                let is_skipped = skip.is_some_and(|skip| [&level.path, &*name.sorted].concat().starts_with(skip));
                self.levels.push(level);
                if is_skipped { None } else { self.visit(&name, stop)? }
            } else if level.has_more {
                self.read_on(level, stop)?
            } else {
                None
            };
            if met.is_some() {
                return Ok(met);
            }
        }
        Ok(None)
    }
}

fn found(path: Vec<u8>, stat: &Stat) -> Met {
    Met::Object(Found {
        key: path,
        size: stat.st_size as u64,
        last_modified_ns: modified_ns(stat),
        revision: Some(revision(stat)),
        is_prefix: false,
    })
}

fn open_folder(root: &Root, level: &Level, name: &Name, path: &[u8]) -> rustix::io::Result<OwnedFd> {
    let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC;
    if name.kind == NameKind::Link {
        return root.try_open_at(path, flags);
    }
    rustix::fs::openat(&level.folder, name.bytes(), flags | OFlags::NOFOLLOW, Mode::empty())
}

impl Keys for Walk {
    fn next(&mut self, skip: Option<&[u8]>, stop: &Stop) -> Result<Option<Found>> {
        loop {
            match self.step(skip, stop)? {
                Some(Met::Object(found)) => return Ok(Some(found)),
                Some(Met::Other(..)) => {}
                None => return Ok(None),
            }
        }
    }
}

/// Takes a reserved name away whose maker has died: its lock is free.
fn sweep(folder: &OwnedFd, name: &[u8]) {
    let flags = OFlags::RDONLY | OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::CLOEXEC;
    let is_dead = |file: OwnedFd| {
        rustix::fs::flock(&file, FlockOperation::NonBlockingLockExclusive)?;
        let (opened, named) = (rustix::fs::fstat(&file)?, rustix::fs::statat(folder, name, AtFlags::SYMLINK_NOFOLLOW)?);
        let is_file = FileType::from_raw_mode(opened.st_mode) == FileType::RegularFile;
        if is_file && (opened.st_dev, opened.st_ino) == (named.st_dev, named.st_ino) {
            rustix::fs::unlinkat(folder, name, AtFlags::empty())?;
        }
        Ok::<(), Errno>(())
    };
    // What cannot be swept is not listed all the same.
    let _ = rustix::fs::openat(folder, name, flags, Mode::empty()).and_then(is_dead);
}

fn unlisted(errno: Errno, path: &[u8]) -> Error {
    failed(errno, &format!("listing the folder `/{}`", shown(&String::from_utf8_lossy(path))))
}
