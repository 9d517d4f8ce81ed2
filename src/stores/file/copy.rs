//! Copies and renames of files.

use super::root::{Root, failed, no_file};
use super::staged::{self, Landing, Staged};
use super::{COPY, WRITE_SIZE, changed, details, finished, revision, stat_of_object, write_all};
use crate::error::{Error, Kind, Result};
use crate::memory::Loan;
use crate::outcome::Details;
use crate::stores::CopyOptions;
use rustix::fs::{AtFlags, FileType, OFlags, RenameFlags, Stat};
use rustix::io::Errno;
use std::cell::Cell;
use std::os::fd::OwnedFd;

/// Bytes copied by the kernel at a time, between looks at whether anybody still waits for them.
const STRIDE: u64 = 16 << 20;

/// Copies a file: as a put of its content, which the kernel moves, or shares, where it can.
pub(super) fn copy(
    root: &Root,
    from: &str,
    to: &str,
    is_synced: bool,
    options: CopyOptions,
    loan: &Loan,
) -> Result<()> {
    let source = root.open_at(from.as_bytes(), OFlags::RDONLY | OFlags::NONBLOCK | OFlags::NOCTTY)?;
    let stat = stat_of_object(&source)?;
    let size = stat.st_size as u64;
    let (staged, landing) = Staged::new(root, to)?;
    pour(&source, staged.file(), size, loan)?;
    let now = rustix::fs::fstat(&source).map_err(|errno| failed(errno, "reading the file"))?;
    if revision(&now) != revision(&stat) {
        return Err(changed());
    }
    let details = finished(&staged, is_synced, options.wants_details, size)?;
    loan.commit(|| {
        staged.publish(root, landing, options.creates, is_synced)?;
        Ok(options.done(details))
    })?;
    Ok(())
}

/// Copies the first `size` bytes of a file to the beginning of another.
fn pour(source: &OwnedFd, target: &OwnedFd, size: u64, loan: &Loan) -> Result<()> {
    let mut offset = 0;
    while offset < size {
        loan.during(|| ())?;
        let most = STRIDE.min(size - offset) as usize;
        match rustix::fs::copy_file_range(source, Some(&mut offset), target, None, most) {
            Ok(0) => return Err(changed()),
            Ok(_) | Err(Errno::INTR) => {}
            // Not on this system, or not between these two.
            Err(Errno::XDEV | Errno::INVAL | Errno::NOSYS | Errno::OPNOTSUPP | Errno::PERM) => {
                return pour_through_memory(source, target, offset, size, loan);
            }
            Err(errno) => return Err(failed(errno, "copying the file")),
        }
    }
    Ok(())
}

fn pour_through_memory(source: &OwnedFd, target: &OwnedFd, mut offset: u64, size: u64, loan: &Loan) -> Result<()> {
    COPY.with_borrow_mut(|copy| {
        copy.resize(WRITE_SIZE, 0);
        while offset < size {
            loan.during(|| ())?;
            let most = (size - offset).min(WRITE_SIZE as u64) as usize;
            match rustix::io::pread(source, &mut copy[..most], offset) {
                Ok(0) => return Err(changed()),
                Ok(read) => {
                    write_all(target, &copy[..read])?;
                    offset += read as u64;
                }
                Err(Errno::INTR) => {}
                Err(errno) => return Err(failed(errno, "reading the file")),
            }
        }
        Ok(())
    })
}

/// Gives a file another name.
pub(super) fn rename(root: &Root, from: &str, to: &str, is_synced: bool, options: CopyOptions) -> Result<Details> {
    let (folder, name) = root.parent_of(from).map_err(|errno| match errno {
        Errno::NOENT | Errno::NOTDIR => no_object(),
        other => failed(other, "opening the folder"),
    })?;
    let source = Source { folder, name, stat: Cell::new(None), refused: Cell::new(None) };
    let stat = source.look()?;
    let landing = Landing::find(root, to)?;
    let place = |folder: &OwnedFd, name: &str| source.move_to(folder, name, options.creates);
    staged::land(root, landing, options.creates, is_synced, place).map_err(|error| source.explained(error))?;
    let is_moved_elsewhere = is_synced && from.rsplit_once('/').map(|at| at.0) != to.rsplit_once('/').map(|at| at.0);
    if is_moved_elsewhere {
        staged::sync_folder(&source.folder).map_err(|errno| {
            let error = failed(errno, "making the loss of the old name lasting");
            Error { maybe_committed: true, ..error }
        })?;
    }
    Ok(details(&stat))
}

fn no_object() -> Error {
    Error::new(Kind::NotFound, "there is no such object")
}

/// A name that a file is to lose.
struct Source<'a> {
    folder: OwnedFd,
    name: &'a str,
    /// The file as it was last seen.
    stat: Cell<Option<Stat>>,
    /// Why it was not moved.
    refused: Cell<Option<Refused>>,
}

#[derive(Clone, Copy)]
enum Refused {
    /// There is nothing any more.
    Gone,
    /// Both names are the same entry of one folder.
    Same,
    /// The folders are on different file systems.
    Apart,
}

impl Source<'_> {
    /// The facts of the file; what is none has no other name to get.
    fn look(&self) -> Result<Stat> {
        let stat = self.stat().map_err(|errno| match errno {
            Errno::NOENT => no_object(),
            other => failed(other, "looking at the file"),
        })?;
        match FileType::from_raw_mode(stat.st_mode) {
            FileType::RegularFile => {
                self.stat.set(Some(stat));
                Ok(stat)
            }
            FileType::Directory => Err(Error::new(Kind::NotFound, "there is a folder of this name, and no object")),
            FileType::Symlink => {
                let message = "a symbolic link that is moved can lead elsewhere; copy it, then delete it";
                Err(Error::new(Kind::Unsupported, message))
            }
            other => Err(no_file(&format!("{other:?}"))),
        }
    }

    fn stat(&self) -> rustix::io::Result<Stat> {
        rustix::fs::statat(&self.folder, self.name, AtFlags::SYMLINK_NOFOLLOW)
    }

    fn move_to(&self, folder: &OwnedFd, name: &str, creates: bool) -> rustix::io::Result<()> {
        let refuse = |why, errno| {
            self.refused.set(Some(why));
            Err(errno)
        };
        if self.name == name && is_one(&rustix::fs::fstat(&self.folder)?, &rustix::fs::fstat(folder)?) {
            return refuse(Refused::Same, Errno::INVAL);
        }
        let flags = if creates { RenameFlags::NOREPLACE } else { RenameFlags::empty() };
        let mut is_linked = false;
        let moved = match rustix::fs::renameat_with(&self.folder, self.name, folder, name, flags) {
            // No such flag on this file system: a link does the same, and then there are two names.
            Err(Errno::INVAL | Errno::NOSYS) if creates => {
                is_linked = true;
                rustix::fs::linkat(&self.folder, self.name, folder, name, AtFlags::empty())
            }
            outcome => outcome,
        };
        match moved {
            Ok(()) => self.leave().inspect_err(|_| {
                if is_linked {
                    let _ = rustix::fs::unlinkat(folder, name, AtFlags::empty());
                }
            }),
            Err(Errno::XDEV) => refuse(Refused::Apart, Errno::XDEV),
            Err(Errno::NOENT) if self.stat().is_err_and(|errno| errno == Errno::NOENT) => {
                refuse(Refused::Gone, Errno::STALE)
            }
            outcome => outcome,
        }
    }

    /// Where both names were of one file, the system takes none of them away.
    fn leave(&self) -> rustix::io::Result<()> {
        let Some(before) = self.stat.get() else { return Ok(()) };
        match self.stat() {
            Ok(now) if is_one(&before, &now) && now.st_nlink > 1 => {
                rustix::fs::unlinkat(&self.folder, self.name, AtFlags::empty())
            }
            _ => Ok(()),
        }
    }

    fn explained(&self, error: Error) -> Error {
        match self.refused.get() {
            None => error,
            Some(Refused::Gone) => no_object(),
            Some(Refused::Same) => Error::argument("both keys are the same file, by a symbolic link on the way"),
            Some(Refused::Apart) => {
                let message = "the two are on different file systems; copy the object, then delete it";
                Error::new(Kind::Unsupported, message)
            }
        }
    }
}

fn is_one(a: &Stat, b: &Stat) -> bool {
    (a.st_dev, a.st_ino) == (b.st_dev, b.st_ino)
}

#[cfg(all(test, not(model)))]
mod tests {
    use super::*;

    /// Where the kernel does not copy.
    #[test]
    fn a_file_is_copied_through_memory() {
        let folder = tempfile::tempdir().unwrap();
        let content: Vec<u8> = (0..3 * WRITE_SIZE as u32 + 17).map(|at| ((at * 31) >> 3) as u8).collect();
        let open =
            |name: &str| std::fs::OpenOptions::new().read(true).write(true).open(folder.path().join(name)).unwrap();
        std::fs::write(folder.path().join("source"), &content).unwrap();
        std::fs::write(folder.path().join("target"), b"").unwrap();
        let (source, target) = (OwnedFd::from(open("source")), OwnedFd::from(open("target")));
        let size = content.len() as u64;
        pour_through_memory(&source, &target, 0, size, &Loan::new()).unwrap();
        assert_eq!(std::fs::read(folder.path().join("target")).unwrap(), content);
        let shorter = pour_through_memory(&source, &target, 0, size + 1, &Loan::new()).unwrap_err();
        assert_eq!(shorter.kind, Kind::Changed);
    }
}
