//! A file that nobody sees until it is whole.
//!
//! It is made without a name where the file system can do that, and gets its name when all is written: by a link
//! where nothing is there, by a link of a reserved name and a rename over what is there otherwise. Where there are
//! no nameless files it has a reserved name from the beginning. A reserved name is locked for as long as its maker
//! lives, so that a walk can tell a dead one's and take it away.

use super::RESERVED;
use super::root::{ATTEMPTS, Root, failed, folder_in_the_way, is_folder, path_of_open};
use crate::error::{Error, Kind, Result};
use rustix::fs::{AtFlags, CWD, FlockOperation, Mode, OFlags, RenameFlags};
use rustix::io::Errno;
use std::os::fd::OwnedFd;
use std::sync::LazyLock;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::time::SystemTime;

/// Where a put will land: the nearest folder that is there, and what is missing below it.
pub(super) struct Landing<'a> {
    key: &'a str,
    folder: OwnedFd,
    missing: Vec<&'a str>,
    name: &'a str,
}

impl<'a> Landing<'a> {
    pub(super) fn find(root: &Root, key: &'a str) -> Result<Landing<'a>> {
        let (mut folder, name) = key.rsplit_once('/').unwrap_or(("", key));
        let mut missing = Vec::new();
        loop {
            let path = if folder.is_empty() { "." } else { folder };
            match root.try_open_at(path.as_bytes(), OFlags::PATH | OFlags::DIRECTORY) {
                Ok(found) => {
                    missing.reverse();
                    return Ok(Landing { key, folder: found, missing, name });
                }
                Err(Errno::NOENT) if !folder.is_empty() => {
                    let (above, last) = folder.rsplit_once('/').unwrap_or(("", folder));
                    missing.push(last);
                    folder = above;
                }
                Err(Errno::NOTDIR) => return Err(folder_in_the_way()),
                Err(errno) => return Err(failed(errno, "opening the folder")),
            }
        }
    }
}

/// A file being written.
pub(super) struct Staged {
    file: OwnedFd,
    /// Its reserved name, where it has one.
    reserved: Option<Reserved>,
}

struct Reserved {
    folder: OwnedFd,
    name: String,
}

impl Drop for Reserved {
    fn drop(&mut self) {
        // After a rename there is no such name any more.
        let _ = rustix::fs::unlinkat(&self.folder, &self.name, AtFlags::empty());
    }
}

fn new_reserved_name() -> String {
    static PROCESS: LazyLock<u32> = LazyLock::new(std::process::id);
    static NEXT: AtomicU64 = AtomicU64::new(0);
    let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
    format!("{RESERVED}{}-{:x}-{}", *PROCESS, now.as_nanos(), NEXT.fetch_add(1, Relaxed))
}

/// Locks a file against walks; false: a walk has it just now. Where the file system has no locks, no walk takes
/// anything away either.
fn lock(file: &OwnedFd) -> rustix::io::Result<bool> {
    match rustix::fs::flock(file, FlockOperation::NonBlockingLockExclusive) {
        Ok(()) | Err(Errno::NOLCK | Errno::NOSYS | Errno::OPNOTSUPP) => Ok(true),
        Err(Errno::WOULDBLOCK) => Ok(false),
        Err(errno) => Err(errno),
    }
}

fn is_removed(folder: &OwnedFd) -> bool {
    rustix::fs::fstat(folder).is_ok_and(|stat| stat.st_nlink == 0)
}

const NEW_FILE: Mode = Mode::from_raw_mode(0o666);
const NEW_FOLDER: Mode = Mode::from_raw_mode(0o777);

impl Staged {
    /// A new file beside where a key will land, and that landing.
    pub(super) fn new<'a>(root: &Root, key: &'a str) -> Result<(Staged, Landing<'a>)> {
        for _ in 0..ATTEMPTS {
            let landing = Landing::find(root, key)?;
            match Staged::make(root, &landing) {
                Ok(staged) => return Ok((staged, landing)),
                // The folder has just been removed.
                Err(Errno::NOENT) => {}
                Err(errno) => return Err(failed(errno, "making a new file")),
            }
        }
        Err(Error::new(Kind::Io, "a folder on the way is removed again and again"))
    }

    fn make(root: &Root, landing: &Landing<'_>) -> rustix::io::Result<Staged> {
        if root.can_name_open_files() {
            let flags = OFlags::WRONLY | OFlags::TMPFILE | OFlags::CLOEXEC;
            match rustix::fs::openat(&landing.folder, ".", flags, NEW_FILE) {
                Ok(file) => return Ok(Staged { file, reserved: None }),
                // A folder that has been removed, as some systems tell it.
                Err(Errno::PERM) if is_removed(&landing.folder) => return Err(Errno::NOENT),
                // No nameless files on this file system.
                Err(Errno::OPNOTSUPP | Errno::ISDIR | Errno::INVAL | Errno::NOENT) => {}
                Err(errno) => return Err(errno),
            }
        }
        Staged::named(root, landing)
    }

    fn named(root: &Root, landing: &Landing<'_>) -> rustix::io::Result<Staged> {
        for _ in 0..ATTEMPTS {
            let folder = root.try_open(&landing.folder, b".", OFlags::PATH | OFlags::DIRECTORY)?;
            let name = new_reserved_name();
            let flags = OFlags::WRONLY | OFlags::CREATE | OFlags::EXCL | OFlags::NOFOLLOW | OFlags::CLOEXEC;
            let file = rustix::fs::openat(&folder, &name, flags, NEW_FILE)?;
            let reserved = Reserved { folder, name };
            // Between the making and the lock a walk may have taken it for a dead one's.
            if lock(&file)? && rustix::fs::fstat(&file)?.st_nlink > 0 {
                return Ok(Staged { file, reserved: Some(reserved) });
            }
        }
        Err(Errno::BUSY)
    }

    pub(super) fn file(&self) -> &OwnedFd {
        &self.file
    }

    /// Gives the file its name, making the folders that are missing. After an error nothing is left of it.
    pub(super) fn publish(self, root: &Root, landing: Landing<'_>, creates: bool, is_synced: bool) -> Result<()> {
        land(root, landing, creates, is_synced, |folder, name| self.land(folder, name, creates))
    }

    fn land(&self, folder: &OwnedFd, name: &str, creates: bool) -> rustix::io::Result<()> {
        let Some(reserved) = &self.reserved else {
            return match self.link(folder, name) {
                Err(Errno::EXIST) if !creates => self.link_over(folder, name),
                outcome => outcome,
            };
        };
        let flags = if creates { RenameFlags::NOREPLACE } else { RenameFlags::empty() };
        match rustix::fs::renameat_with(&reserved.folder, &reserved.name, folder, name, flags) {
            // No such flag on this file system: a link does the same, and the reserved name goes with `self`.
            Err(Errno::INVAL | Errno::NOSYS) if creates => {
                rustix::fs::linkat(&reserved.folder, &reserved.name, folder, name, AtFlags::empty())
            }
            outcome => outcome,
        }
    }

    fn link(&self, folder: &OwnedFd, name: &str) -> rustix::io::Result<()> {
        rustix::fs::linkat(CWD, path_of_open(&self.file), folder, name, AtFlags::SYMLINK_FOLLOW)
    }

    fn link_over(&self, folder: &OwnedFd, name: &str) -> rustix::io::Result<()> {
        lock(&self.file)?;
        let reserved = new_reserved_name();
        self.link(folder, &reserved)?;
        rustix::fs::renameat(folder, &reserved, folder, name).inspect_err(|_| {
            let _ = rustix::fs::unlinkat(folder, &reserved, AtFlags::empty());
        })
    }
}

/// Makes the folders that are missing and lets `place` give a file its name there. After an error none is left of
/// them.
pub(super) fn land<'a>(
    root: &Root,
    mut landing: Landing<'a>,
    creates: bool,
    is_synced: bool,
    place: impl Fn(&OwnedFd, &str) -> rustix::io::Result<()>,
) -> Result<()> {
    // Once more where somebody removes the folders meanwhile.
    for _ in 0..ATTEMPTS {
        let made = match Folders::make(root, &landing) {
            Ok(made) => made,
            Err(Errno::NOENT) => {
                landing = Landing::find(root, landing.key)?;
                continue;
            }
            Err(Errno::NOTDIR) => return Err(folder_in_the_way()),
            Err(errno) => return Err(failed(errno, "making a folder")),
        };
        match place(made.last(&landing), landing.name) {
            Ok(()) if is_synced => return made.keep_synced(&landing),
            Ok(()) => {
                made.keep();
                return Ok(());
            }
            Err(Errno::NOENT) => {}
            Err(Errno::EXIST) if creates && !is_folder(made.last(&landing), landing.name) => {
                return Err(Error::new(Kind::Exists, "the object exists, and was to be created"));
            }
            Err(Errno::EXIST | Errno::ISDIR | Errno::NOTDIR | Errno::NOTEMPTY) => return Err(folder_in_the_way()),
            Err(errno) => return Err(failed(errno, "giving the file its name")),
        }
        drop(made);
        landing = Landing::find(root, landing.key)?;
    }
    let message = "a folder on the way is removed again and again, or is a symbolic link that leads nowhere";
    Err(Error::new(Kind::Io, message))
}

/// Folders made for a put, to be removed again if it fails.
struct Folders<'a> {
    /// Each folder made, as its parent and name, and itself.
    made: Vec<(OwnedFd, &'a str)>,
    last: Option<OwnedFd>,
}

impl<'a> Folders<'a> {
    fn make(root: &Root, landing: &Landing<'a>) -> rustix::io::Result<Folders<'a>> {
        let mut folders = Folders { made: Vec::new(), last: None };
        for name in &landing.missing {
            folders.make_one(root, landing, name)?;
        }
        Ok(folders)
    }

    fn make_one(&mut self, root: &Root, landing: &Landing<'_>, name: &'a str) -> rustix::io::Result<()> {
        let parent = rustix::io::dup(self.last(landing))?;
        let made = rustix::fs::mkdirat(&parent, name, NEW_FOLDER);
        let folder = match made {
            Ok(()) | Err(Errno::EXIST) => root.try_open(&parent, name.as_bytes(), OFlags::PATH | OFlags::DIRECTORY),
            Err(errno) => Err(errno),
        };
        if made.is_ok() {
            self.made.push((parent, name));
        }
        self.last = Some(folder?);
        Ok(())
    }

    fn last<'b>(&'b self, landing: &'b Landing<'_>) -> &'b OwnedFd {
        self.last.as_ref().unwrap_or(&landing.folder)
    }

    fn keep(mut self) {
        self.made.clear();
    }

    /// Makes the new names lasting.
    fn keep_synced(mut self, landing: &Landing<'_>) -> Result<()> {
        let synced = self.sync(landing).map_err(|errno| {
            let error = failed(errno, "making the name lasting");
            Error { maybe_committed: true, ..error }
        });
        self.made.clear();
        synced
    }

    fn sync(&self, landing: &Landing<'_>) -> rustix::io::Result<()> {
        let folders = self.made.iter().map(|(parent, _)| parent).chain(std::iter::once(self.last(landing)));
        for folder in folders {
            sync_folder(folder)?;
        }
        Ok(())
    }
}

/// Makes the names in a folder lasting.
pub(super) fn sync_folder(folder: &OwnedFd) -> rustix::io::Result<()> {
    let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC;
    rustix::fs::fsync(rustix::fs::openat(folder, ".", flags, Mode::empty())?)
}

impl Drop for Folders<'_> {
    fn drop(&mut self) {
        for (parent, name) in self.made.drain(..).rev() {
            // Somebody may have put something there meanwhile: then it stays.
            let _ = rustix::fs::unlinkat(&parent, name, AtFlags::REMOVEDIR);
        }
    }
}

#[cfg(all(test, not(model)))]
mod tests {
    use super::*;
    use crate::error::Kind;
    use crate::stores::file::walk::Walk;
    use crate::stores::{Keys, Stop};
    use std::os::unix::ffi::OsStrExt;
    use std::sync::Arc;

    fn folder() -> (tempfile::TempDir, Arc<Root>) {
        let folder = tempfile::tempdir().unwrap();
        let root = Root::open(folder.path().as_os_str().as_bytes(), false, false).unwrap();
        (folder, Arc::new(root))
    }

    /// A file as it is made where the file system has no nameless ones.
    fn named(root: &Root, key: &str, content: &[u8]) -> Staged {
        let staged = Staged::named(root, &Landing::find(root, key).unwrap()).unwrap();
        assert_eq!(rustix::io::write(staged.file(), content), Ok(content.len()));
        staged
    }

    fn publish(staged: Staged, root: &Root, key: &str, creates: bool) -> Result<()> {
        staged.publish(root, Landing::find(root, key)?, creates, true)
    }

    fn names(folder: &tempfile::TempDir) -> Vec<String> {
        let entries = std::fs::read_dir(folder.path()).unwrap();
        let mut names: Vec<_> = entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
        names.sort();
        names
    }

    #[test]
    fn a_named_file_lands_whole_or_not_at_all() {
        let (folder, root) = folder();
        publish(named(&root, "a", b"first"), &root, "a", true).unwrap();
        let exists = publish(named(&root, "a", b"second"), &root, "a", true).unwrap_err();
        assert_eq!(exists.kind, Kind::Exists);
        assert_eq!(std::fs::read(folder.path().join("a")).unwrap(), b"first");
        publish(named(&root, "a", b"third"), &root, "a", false).unwrap();
        assert_eq!(std::fs::read(folder.path().join("a")).unwrap(), b"third");
        drop(named(&root, "b", b"never published"));
        assert_eq!(names(&folder), ["a"]);
    }

    #[test]
    fn folders_made_for_nothing_are_removed() {
        let (folder, root) = folder();
        std::fs::create_dir(folder.path().join("a")).unwrap();
        let in_the_way = publish(named(&root, "a", b""), &root, "a", false).unwrap_err();
        assert_eq!(in_the_way.kind, Kind::Unsupported);
        let landing = Landing::find(&root, "a/b/c/d").unwrap();
        drop(Folders::make(&root, &landing).unwrap());
        assert_eq!(std::fs::read_dir(folder.path().join("a")).unwrap().count(), 0);
    }

    #[test]
    fn a_walk_takes_away_what_the_dead_have_left_and_nothing_else() {
        let (folder, root) = folder();
        let living = named(&root, "a", b"under way");
        let left = format!("{RESERVED}left-by-a-dead-process");
        std::fs::write(folder.path().join(&left), b"").unwrap();
        assert_eq!(names(&folder).len(), 2);
        assert!(Walk::new(root.clone(), b"", b"").next(None, &Stop::default()).unwrap().is_none());
        assert_eq!(names(&folder).len(), 1);
        assert!(!folder.path().join(left).exists());
        publish(living, &root, "a", false).unwrap();
        assert_eq!(names(&folder), ["a"]);
    }
}
