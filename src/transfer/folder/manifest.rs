//! What is remembered between transfers of one folder: of each object that was moved, what both sides then were. It is
//! kept in the folder, as a text:
//!
//! ```text
//! blobferry-manifest 1
//! store s3://bucket
//! prefix data/
//! 1024 1700000000000000000 r"etag" path/of/file
//! end 1
//! ```
//!
//! A line is the size of the file, its time in nanoseconds, the mark of the object, and the rest of its key behind the
//! prefix; blanks, `%` and whatever is not printable ASCII are written as `%20`. The text is somebody else's to break:
//! one that is not whole, or is of another store or prefix, is as none.

use percent_encoding::{AsciiSet, CONTROLS, percent_decode_str, utf8_percent_encode};
use std::collections::BTreeMap;
use std::fmt::Write;

/// The most bytes of the text. Objects that do not fit are not remembered. blobferry/folder.h says the number.
pub(super) const MOST: u64 = 64 << 20;

const HEAD: &str = "blobferry-manifest 1";
const ESCAPED: AsciiSet = CONTROLS.add(b' ').add(b'%');

/// What the last transfer of an object has left.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Entry {
    pub(super) size: u64,
    /// Of the file.
    pub(super) mtime_ns: i64,
    /// Of the object.
    pub(super) mark: Box<str>,
}

struct Kept {
    entry: Entry,
    /// This transfer has come by the object.
    is_met: bool,
    /// The store's listing tells that the object is still as it was left.
    is_fresh: bool,
}

/// What a listing or an answer tells of an object's state: its revision, or where there is none, its time.
pub(super) fn mark(revision: Option<&str>, last_modified_ns: Option<i64>) -> Option<Box<str>> {
    let mark = revision.map(|revision| format!("r{revision}"));
    Some(mark.or_else(|| Some(format!("t{}", last_modified_ns?)))?.into())
}

/// The objects remembered, by the rest of their keys.
#[derive(Default)]
pub(super) struct Manifest {
    /// The lines that say what it is of.
    head: String,
    by_name: BTreeMap<Box<str>, Kept>,
    /// Bytes of the text as it would be written.
    size: u64,
    has_changed: bool,
}

impl Manifest {
    /// What an earlier text has kept for this store and prefix.
    pub(super) fn read(store: &str, prefix: &str, text: Option<Vec<u8>>) -> Manifest {
        let head = format!("{HEAD}\nstore {}\nprefix {}\n", escaped(store), escaped(prefix));
        let text = text.and_then(|text| String::from_utf8(text).ok());
        let entries = text.and_then(|text| entries(text.strip_prefix(&head)?));
        let mut manifest =
            Manifest { size: head.len() as u64 + 32, head, by_name: BTreeMap::new(), has_changed: false };
        for (name, entry) in entries.unwrap_or_default() {
            manifest.keep(&name, entry, false);
        }
        manifest.has_changed = false;
        manifest
    }

    pub(super) fn is_empty(&self) -> bool {
        self.by_name.is_empty()
    }

    pub(super) fn has_changed(&self) -> bool {
        self.has_changed
    }

    fn keep(&mut self, name: &str, entry: Entry, is_met: bool) {
        self.forget(name);
        let size = line(name, &entry).len() as u64;
        if self.size + size <= MOST {
            self.size += size;
            self.by_name.insert(name.into(), Kept { entry, is_met, is_fresh: false });
        }
    }

    /// An object has been moved.
    pub(super) fn moved(&mut self, name: &str, entry: Entry) {
        self.has_changed = true;
        self.keep(name, entry, true);
    }

    /// Nothing is known of an object any more.
    pub(super) fn forget(&mut self, name: &str) {
        if let Some(old) = self.by_name.remove(name) {
            self.has_changed = true;
            self.size -= line(name, &old.entry).len() as u64;
        }
    }

    /// The listing tells of an object. True: it is as it was left.
    pub(super) fn listed(&mut self, name: &str, size: u64, mark: Option<&str>) -> bool {
        let Some(kept) = self.by_name.get_mut(name) else { return false };
        kept.is_fresh = kept.entry.size == size && Some(&*kept.entry.mark) == mark;
        kept.is_fresh
    }

    /// The transfer comes by an object, whose file is like this. Tells the mark of one that is as it was left, on both
    /// sides.
    pub(super) fn met(&mut self, name: &str, size: u64, mtime_ns: Option<i64>) -> Option<&str> {
        let kept = self.by_name.get_mut(name)?;
        kept.is_met = true;
        let is_same = kept.is_fresh && kept.entry.size == size && Some(kept.entry.mtime_ns) == mtime_ns;
        is_same.then_some(&*kept.entry.mark)
    }

    /// Forgets the objects that are not there any more. All that are have been met.
    pub(super) fn sweep(&mut self) {
        let gone: Vec<_> = self.by_name.iter().filter(|(_, kept)| !kept.is_met).map(|(name, _)| name.clone()).collect();
        gone.iter().for_each(|name| self.forget(name));
    }

    /// The text, if it has to be written anew.
    pub(super) fn text(&self) -> Option<String> {
        if !self.has_changed {
            return None;
        }
        let mut text = self.head.clone();
        for (name, kept) in &self.by_name {
            text += &line(name, &kept.entry);
        }
        text += &format!("end {}\n", self.by_name.len());
        Some(text)
    }
}

fn escaped(text: &str) -> String {
    utf8_percent_encode(text, &ESCAPED).to_string()
}

fn unescaped(text: &str) -> Option<String> {
    percent_decode_str(text).decode_utf8().ok().map(String::from)
}

fn line(name: &str, entry: &Entry) -> String {
    let mut line = String::new();
    // Writing to a text does not fail.
    let _ = writeln!(line, "{} {} {} {}", entry.size, entry.mtime_ns, escaped(&entry.mark), escaped(name));
    line
}

/// The lines behind the head; none unless all of them are good.
fn entries(lines: &str) -> Option<Vec<(String, Entry)>> {
    let mut entries = Vec::new();
    let mut lines = lines.strip_suffix('\n')?.split('\n');
    let last = lines.next_back()?;
    for line in lines {
        let mut words = line.split(' ');
        let entry = Entry {
            size: words.next()?.parse().ok()?,
            mtime_ns: words.next()?.parse().ok()?,
            mark: unescaped(words.next()?)?.into(),
        };
        let name = unescaped(words.next()?)?;
        if words.next().is_some() || name.is_empty() {
            return None;
        }
        entries.push((name, entry));
    }
    (last.strip_prefix("end ")?.parse() == Ok(entries.len())).then_some(entries)
}

#[cfg(all(test, not(model)))]
mod tests {
    use super::*;

    fn entry(size: u64) -> Entry {
        Entry { size, mtime_ns: -5, mark: "r\"e tag\"%".into() }
    }

    fn two() -> Manifest {
        let mut manifest = Manifest::read("s3://bucket", "a b/", None);
        manifest.moved("x\n y/日本%", entry(7));
        manifest.moved("end 1", entry(0));
        manifest
    }

    fn again(text: &str) -> Manifest {
        Manifest::read("s3://bucket", "a b/", Some(text.as_bytes().to_vec()))
    }

    #[test]
    fn what_is_written_is_read_again() {
        let text = two().text().unwrap();
        assert!(text.is_ascii() && text.lines().count() == 6, "{text}");
        let mut read = again(&text);
        assert_eq!(read.text(), None);
        assert!(read.listed("x\n y/日本%", 7, Some("r\"e tag\"%")));
        assert!(!read.listed("end 1", 1, Some("r\"e tag\"%")));
        assert_eq!(read.met("x\n y/日本%", 7, Some(-5)), Some("r\"e tag\"%"));
        assert_eq!(read.met("x\n y/日本%", 7, Some(5)), None);
        assert_eq!(read.met("end 1", 0, Some(-5)), None);
        assert_eq!(read.size, two().size);
    }

    #[test]
    fn another_store_or_prefix_has_nothing() {
        let text = two().text().unwrap().into_bytes();
        for (store, prefix) in [("s3://bucket2", "a b/"), ("s3://bucket", "a b"), ("s3://bucket", "")] {
            assert!(Manifest::read(store, prefix, Some(text.clone())).is_empty());
        }
    }

    #[test]
    fn a_broken_text_is_none() {
        let text = two().text().unwrap();
        for cut in 0..text.len() {
            assert!(again(&text[..cut]).is_empty(), "{cut}");
        }
        for (from, to) in [("7 -5", "x -5"), ("7 -5", "-7 -5"), ("7 -5", "7 5 5"), ("end 2", "end 3"), ("x%0A", "%FF")]
        {
            assert!(again(&text.replacen(from, to, 1)).is_empty(), "{from} {to}");
        }
        assert!(Manifest::read("s3://bucket", "a b/", Some(vec![0xff; 100])).is_empty());
    }

    #[test]
    fn what_was_not_met_is_forgotten() {
        let mut manifest = again(&two().text().unwrap());
        manifest.met("end 1", 0, None);
        manifest.sweep();
        let text = manifest.text().unwrap();
        assert!(text.contains(" end%201\n") && text.ends_with("end 1\n") && !text.contains("%0A"), "{text}");
        manifest.forget("end 1");
        assert_eq!(manifest.size, Manifest::read("s3://bucket", "a b/", None).size);
    }
}
