//! The folder of a store, and everything that is looked up below it.
//!
//! Every path is resolved by the kernel below the root's descriptor, with `openat2` and `RESOLVE_BENEATH`, so that
//! no link and no race leads out; unless links may.

use crate::error::{Error, Kind, Result};
use rustix::fs::{AtFlags, CWD, Mode, OFlags, ResolveFlags};
use rustix::io::Errno;
use std::ffi::OsStr;
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::ffi::OsStrExt;

pub(super) struct Root {
    folder: OwnedFd,
    follows_links: bool,
    has_proc: bool,
}

/// How often is repeated what somebody else's renames or removals have disturbed.
pub(super) const ATTEMPTS: usize = 64;

impl Root {
    pub(super) fn open(path: &[u8], create: bool, follows_links: bool) -> Result<Root> {
        let path = OsStr::from_bytes(path);
        if create {
            std::fs::create_dir_all(path).map_err(|error| match Errno::from_io_error(&error).unwrap_or(Errno::IO) {
                Errno::EXIST | Errno::NOTDIR => no_folder(),
                errno => failed(errno, "making the folder"),
            })?;
        }
        let flags = OFlags::PATH | OFlags::DIRECTORY | OFlags::CLOEXEC;
        let folder = rustix::fs::open(path, flags, Mode::empty()).map_err(|errno| match errno {
            Errno::NOENT => Error::new(Kind::NotFound, "there is no such folder; make it, or set create=true"),
            Errno::NOTDIR => no_folder(),
            other => failed(other, "opening the folder"),
        })?;
        let has_proc = rustix::fs::statat(CWD, path_of_open(&folder), AtFlags::empty()).is_ok();
        let root = Root { folder, follows_links, has_proc };
        // Whether the folder can be entered, and the system look up below it.
        match root.open_at(b".", OFlags::PATH) {
            Err(error) if error.kind == Kind::Io && error.message.contains("openat2") => {
                Err(Error { kind: Kind::Unsupported, ..error })
            }
            outcome => outcome.map(|_| root),
        }
    }

    /// Whether `/proc` is there to name open files by.
    pub(super) fn can_name_open_files(&self) -> bool {
        self.has_proc
    }

    /// Opens what is at a path below the root.
    pub(super) fn open_at(&self, path: &[u8], flags: OFlags) -> Result<OwnedFd> {
        self.try_open(&self.folder, path, flags).map_err(|errno| match errno {
            Errno::NOENT | Errno::NOTDIR => Error::new(Kind::NotFound, "there is no such object"),
            // A socket, which cannot be opened.
            Errno::NXIO => no_file("Socket"),
            other => failed(other, "opening the file"),
        })
    }

    pub(super) fn try_open_at(&self, path: &[u8], flags: OFlags) -> rustix::io::Result<OwnedFd> {
        self.try_open(&self.folder, path, flags)
    }

    /// Opens what is at a path below a folder that is below the root.
    pub(super) fn try_open(&self, folder: impl AsFd, path: &[u8], flags: OFlags) -> rustix::io::Result<OwnedFd> {
        let flags = flags | OFlags::CLOEXEC;
        if self.follows_links {
            return rustix::fs::openat(folder, path, flags, Mode::empty());
        }
        let resolve = ResolveFlags::BENEATH | ResolveFlags::NO_MAGICLINKS;
        let mut outcome = Err(Errno::AGAIN);
        for _ in 0..ATTEMPTS {
            outcome = rustix::fs::openat2(folder.as_fd(), path, flags, Mode::empty(), resolve);
            if !matches!(outcome, Err(Errno::AGAIN | Errno::INTR)) {
                break;
            }
        }
        outcome
    }

    /// The folder that holds a key's last segment, and that segment.
    pub(super) fn parent_of<'a>(&self, key: &'a str) -> rustix::io::Result<(OwnedFd, &'a str)> {
        let (folder, name) = key.rsplit_once('/').unwrap_or((".", key));
        Ok((self.try_open_at(folder.as_bytes(), OFlags::PATH | OFlags::DIRECTORY)?, name))
    }

    /// Removes a key's file. A folder is none, and stays.
    pub(super) fn remove(&self, key: &str) -> Result<()> {
        let removed = self.parent_of(key).and_then(|(folder, name)| {
            match rustix::fs::unlinkat(&folder, name, AtFlags::empty()) {
                // Some file systems say of a folder that it is not permitted to unlink it.
                Err(Errno::PERM) if is_folder(&folder, name) => Err(Errno::ISDIR),
                outcome => outcome,
            }
        });
        removed.map_err(|errno| match errno {
            Errno::NOENT | Errno::NOTDIR | Errno::ISDIR => Error::new(Kind::NotFound, "there is no such object"),
            other => failed(other, "deleting the file"),
        })
    }
}

pub(super) fn is_folder(folder: &OwnedFd, name: &str) -> bool {
    rustix::fs::statat(folder, name, AtFlags::SYMLINK_NOFOLLOW)
        .is_ok_and(|stat| rustix::fs::FileType::from_raw_mode(stat.st_mode) == rustix::fs::FileType::Directory)
}

/// The path that names an open file whatever became of its name.
pub(super) fn path_of_open(file: &OwnedFd) -> String {
    use std::os::fd::AsRawFd;
    format!("/proc/self/fd/{}", file.as_raw_fd())
}

fn no_folder() -> Error {
    Error::argument("the path is not a folder's")
}

pub(super) fn no_file(kind: &str) -> Error {
    Error::new(Kind::Unsupported, format!("it is neither a file nor a folder, but a {kind}"))
}

pub(super) fn folder_in_the_way() -> Error {
    let message = "a folder cannot hold both an object and objects below its name, and one of the two is there; \
                   choose another key, or delete what is in the way";
    Error::new(Kind::Unsupported, message)
}

/// What the system refused, in the words of a caller who can do something about it.
pub(super) fn failed(errno: Errno, doing: &str) -> Error {
    let (kind, advice) = match errno {
        Errno::NOENT => (Kind::NotFound, "it is not there (any more)"),
        Errno::ACCESS | Errno::PERM => (Kind::Permission, "give this process's user the permission it needs"),
        Errno::ROFS => (Kind::Permission, "the file system is mounted read-only"),
        Errno::XDEV | Errno::LOOP => (
            Kind::Permission,
            "a symbolic link on the way leads out of the store's folder, or in a circle; to allow links that lead \
             out, open the store with follow_symlinks=true",
        ),
        Errno::NOSPC | Errno::DQUOT => (Kind::NoSpace, "the disk or the quota is full; make room, then try again"),
        Errno::FBIG => (Kind::NoSpace, "the file is larger than the file system or this process's limit allows"),
        Errno::NAMETOOLONG => (Kind::Argument, "the file system takes no names as long as this key's"),
        Errno::INVAL | Errno::ILSEQ => (Kind::Argument, "the file system does not take this name"),
        Errno::MFILE | Errno::NFILE => (Kind::Io, "the limit on open files is reached; raise it, or do less at once"),
        Errno::NOSYS => {
            (Kind::Io, "openat2 is missing: Linux 5.6 or newer is needed, or follow_symlinks=true, which does without")
        }
        _ => (Kind::Io, "the system's own words are all there is"),
    };
    Error::new(kind, format!("{doing} failed: {errno}: {advice}"))
}
