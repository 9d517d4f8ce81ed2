//! `file://`: the files of a folder.

mod copy;
mod draft;
mod local;
mod root;
mod staged;
mod walk;

pub(crate) use local::{Near, Wander};

use super::options::Options;
use super::{Backend, Blob, CopyOptions, Draft, Keys, PutMode, PutOptions, Step, can};
use crate::error::{Error, Kind, Result};
use crate::memory::{CHUNK, Lent, LentMut, Loan};
use crate::outcome::{Details, Done};
use root::{Root, failed, no_file};
use rustix::fs::{FileType, OFlags, Stat};
use rustix::io::Errno;
use staged::Staged;
use std::cell::RefCell;
use std::mem::MaybeUninit;
use std::os::fd::OwnedFd;
use std::sync::Arc;

/// File names that begin so are of puts under way. They are no keys.
const RESERVED: &str = ".blobferry-";

/// What stays: it remembers what was transferred between the folder and a store.
const MANIFEST: &str = ".blobferry-manifest";

/// Bytes copied from lent memory at a time: as many as stay in a CPU's cache until they are written.
const WRITE_SIZE: usize = 256 << 10;

pub(crate) struct FileStore {
    root: Arc<Root>,
    is_synced: bool,
}

impl FileStore {
    /// The path is taken from the URL as it was written, as a parsed one can differ (`C|` would become `C:`).
    pub(super) fn open(url: &str, options: &mut Options) -> Result<FileStore> {
        let written = url.split_once("://").map_or("", |(_, rest)| rest.strip_prefix("localhost").unwrap_or(rest));
        if !written.starts_with('/') {
            let message = "a file:// URL has three slashes and an absolute path, as file:///var/data";
            return Err(Error::argument(message));
        }
        let path = percent_encoding::percent_decode_str(written).collect::<Vec<u8>>();
        if path.contains(&0) {
            return Err(Error::argument("the path contains a NUL byte"));
        }
        let root = Root::open(&path, options.truth("create")?, options.truth("follow_symlinks")?)?;
        Ok(FileStore { root: Arc::new(root), is_synced: options.truth("fsync")? })
    }
}

impl Backend for FileStore {
    fn capabilities(&self) -> u64 {
        can::GET_RANGE
            | can::PUT_CREATE
            | can::LIST_ANY_DELIMITER
            | can::LIST_START_AFTER
            | can::COPY_CREATE
            | can::RENAME_CREATE
    }

    fn check_key(&self, key: &str) -> Result<()> {
        for segment in key.split('/') {
            if segment.len() > 255 {
                let message = format!("a segment of the key has {} bytes, and a file name at most 255", segment.len());
                return Err(Error::argument(message));
            }
            if segment.starts_with(RESERVED) {
                let message = format!("file names that begin with `{RESERVED}` are kept for puts under way");
                return Err(Error::argument(message));
            }
        }
        Ok(())
    }

    fn open(&self, key: &Arc<str>) -> Step<Arc<dyn Blob>> {
        let (root, key) = (self.root.clone(), key.clone());
        Step::on_pool(move || {
            // Non-blocking, as opening a FIFO would wait for its writer.
            let file = root.open_at(key.as_bytes(), OFlags::RDONLY | OFlags::NONBLOCK | OFlags::NOCTTY)?;
            let stat = stat_of_object(&file)?;
            Ok(Arc::new(OpenFile { file, stat }) as Arc<dyn Blob>)
        })
    }

    fn head(&self, key: &Arc<str>) -> Step<Details> {
        let (root, key) = (self.root.clone(), key.clone());
        Step::on_pool(move || Ok(details(&stat_of_object(&root.open_at(key.as_bytes(), OFlags::PATH)?)?)))
    }

    fn put_holds(&self, size: u64) -> u64 {
        size.min(WRITE_SIZE as u64)
    }

    fn put(&self, key: &Arc<str>, source: Lent, options: PutOptions) -> Step<()> {
        let (root, key, is_synced) = (self.root.clone(), key.clone(), self.is_synced);
        Step::on_pool(move || {
            let (staged, landing) = Staged::new(&root, &key)?;
            write(&staged, &source)?;
            let details = finished(&staged, is_synced, options.wants_details, source.size() as u64)?;
            let creates = options.mode == PutMode::Create;
            source.loan().commit(|| {
                staged.publish(&root, landing, creates, is_synced)?;
                Ok(options.done(details))
            })?;
            Ok(())
        })
    }

    fn draft(&self, key: &Arc<str>) -> Step<Box<dyn Draft>> {
        let (root, key, is_synced) = (self.root.clone(), key.clone(), self.is_synced);
        Step::on_pool(move || Ok(Box::new(draft::FileDraft::new(&root, &key, is_synced)?) as Box<dyn Draft>))
    }

    fn delete(&self, key: &Arc<str>, loan: Loan) -> Step<()> {
        let (root, key) = (self.root.clone(), key.clone());
        Step::on_pool(move || {
            loan.commit(|| {
                delete(&root, &key)?;
                Ok(Done::default())
            })?;
            Ok(())
        })
    }

    fn delete_now(&self, key: &str) -> Result<()> {
        delete(&self.root, key)
    }

    fn copy(&self, from: &Arc<str>, to: &Arc<str>, options: CopyOptions, loan: Loan) -> Step<()> {
        let (root, from, to, is_synced) = (self.root.clone(), from.clone(), to.clone(), self.is_synced);
        Step::on_pool(move || copy::copy(&root, &from, &to, is_synced, options, &loan))
    }

    fn rename(&self, from: &Arc<str>, to: &Arc<str>, options: CopyOptions, loan: Loan) -> Step<()> {
        let (root, from, to, is_synced) = (self.root.clone(), from.clone(), to.clone(), self.is_synced);
        Step::on_pool(move || {
            loan.commit(|| Ok(options.done(copy::rename(&root, &from, &to, is_synced, options)?)))?;
            Ok(())
        })
    }

    fn keys(&self, prefix: &[u8], after: &[u8]) -> Step<Box<dyn Keys>> {
        Step::Now(Ok(Box::new(walk::Walk::new(self.root.clone(), prefix, after))))
    }
}

struct OpenFile {
    file: OwnedFd,
    stat: Stat,
}

impl Blob for OpenFile {
    fn size(&self) -> u64 {
        self.stat.st_size as u64
    }

    fn details(&self) -> Details {
        details(&self.stat)
    }

    fn read(&self, offset: u64, target: &mut LentMut) -> Result<()> {
        for begin in (0..target.size()).step_by(CHUNK) {
            let size = CHUNK.min(target.size() - begin);
            target.fill(begin, size, |place| read_exactly(&self.file, offset + begin as u64, place))??;
        }
        let now = rustix::fs::fstat(&self.file).map_err(|errno| failed(errno, "reading the file"))?;
        if revision(&now) == revision(&self.stat) { Ok(()) } else { Err(changed()) }
    }
}

fn read_exactly(file: &OwnedFd, mut offset: u64, mut place: &mut [MaybeUninit<u8>]) -> Result<()> {
    while !place.is_empty() {
        match rustix::io::pread(file, &mut *place, offset) {
            Ok(([], _)) => return Err(changed()),
            Ok((read, _)) => {
                let size = read.len();
                offset += size as u64;
                place = &mut place[size..];
            }
            Err(Errno::INTR) => {}
            Err(errno) => return Err(failed(errno, "reading the file")),
        }
    }
    Ok(())
}

fn changed() -> Error {
    Error::new(Kind::Changed, "the file was written to while it was being read; get it again")
}

thread_local! {
    /// What a thread of the pool copies lent memory into before it writes.
    static COPY: RefCell<Vec<u8>> = const { RefCell::new(Vec::new()) };
}

fn write(staged: &Staged, source: &Lent) -> Result<()> {
    COPY.with_borrow_mut(|copy| {
        for offset in (0..source.size()).step_by(WRITE_SIZE) {
            copy.clear();
            source.append_to(offset, WRITE_SIZE.min(source.size() - offset), copy)?;
            write_all(staged.file(), copy)?;
        }
        Ok(())
    })
}

fn write_all(file: &OwnedFd, mut bytes: &[u8]) -> Result<()> {
    while !bytes.is_empty() {
        match rustix::io::write(file, bytes) {
            Ok(0) => return Err(failed(Errno::NOSPC, "writing the file")),
            Ok(size) => bytes = &bytes[size..],
            Err(Errno::INTR) => {}
            Err(errno) => return Err(failed(errno, "writing the file")),
        }
    }
    Ok(())
}

/// Deletes a key's file; one that is not there is deleted already.
fn delete(root: &Root, key: &str) -> Result<()> {
    match root.remove(key) {
        Err(error) if error.kind != Kind::NotFound => Err(error),
        _ => Ok(()),
    }
}

/// What is told of a file that is written whole, before it has its name.
fn finished(staged: &Staged, is_synced: bool, wants_details: bool, size: u64) -> Result<Details> {
    if is_synced {
        rustix::fs::fsync(staged.file()).map_err(|errno| failed(errno, "making the bytes lasting"))?;
    }
    if !wants_details {
        return Ok(Details { size, ..Details::default() });
    }
    Ok(details(&rustix::fs::fstat(staged.file()).map_err(|errno| failed(errno, "looking at the new file"))?))
}

/// The facts of a file; what is no file is no object.
fn stat_of_object(file: &OwnedFd) -> Result<Stat> {
    let stat = rustix::fs::fstat(file).map_err(|errno| failed(errno, "looking at the file"))?;
    match FileType::from_raw_mode(stat.st_mode) {
        FileType::RegularFile => Ok(stat),
        FileType::Directory => Err(Error::new(Kind::NotFound, "there is a folder of this name, and no object")),
        other => Err(no_file(&format!("{other:?}"))),
    }
}

fn details(stat: &Stat) -> Details {
    Details {
        size: stat.st_size as u64,
        revision: Some(revision(stat)),
        last_modified_ns: modified_ns(stat),
        ..Details::default()
    }
}

fn modified_ns(stat: &Stat) -> Option<i64> {
    stat.st_mtime.checked_mul(1_000_000_000)?.checked_add(stat.st_mtime_nsec as i64)
}

/// Changes with the content: another file, another time, another size.
fn revision(stat: &Stat) -> String {
    format!("{:x}-{:x}.{:x}-{:x}", stat.st_ino, stat.st_mtime, stat.st_mtime_nsec, stat.st_size)
}
