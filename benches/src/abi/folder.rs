//! A folder that is uploaded or downloaded by one request.

use std::ffi::{CStr, CString};
use std::os::unix::ffi::OsStrExt;
use std::path::Path;
use std::ptr::{null, null_mut};

use super::library::FolderMove;
use super::{Queue, Store};

impl Queue {
    /// Uploads all files below a folder. Gives how many there were.
    pub fn upload_folder(&self, store: &Store, folder: &Path, prefix: &CStr) -> u64 {
        self.move_folder(self.library.folder_upload, store, &path(folder), prefix)
    }

    /// Downloads all objects below a prefix. Gives how many there were.
    pub fn download_folder(&self, store: &Store, prefix: &CStr, folder: &Path) -> u64 {
        self.move_folder(self.library.folder_download, store, prefix, &path(folder))
    }

    fn move_folder(&self, call: FolderMove, store: &Store, from: &CStr, to: &CStr) -> u64 {
        let (from, to, mut error) = (from.as_ptr(), to.as_ptr(), null_mut());
        // SAFETY: the handles and the texts are alive during the call; nothing is lent.
        let status =
            unsafe { call(store.handle, self.handle, from, to, null(), null_mut(), 0, null_mut(), &mut error) };
        self.library.must(status, error, "submitting a folder");
        self.wait_for_one("a folder").result
    }
}

fn path(path: &Path) -> CString {
    CString::new(path.as_os_str().as_bytes()).expect("no NUL in paths")
}
