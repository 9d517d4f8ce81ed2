//! Links against the shared library: that of the folder `BLOBFERRY_LIBRARY`, else the one that cargo has built beside
//! this package (`cargo build -p blobferry-c`).

use std::env;
use std::path::{Path, PathBuf};

fn main() {
    println!("cargo:rerun-if-env-changed=BLOBFERRY_LIBRARY");
    let folder = env::var_os("BLOBFERRY_LIBRARY").map_or_else(profile, PathBuf::from);
    println!("cargo:rustc-link-search=native={}", folder.display());
    println!("cargo:rustc-link-lib=dylib=blobferry");
    // DT_RPATH and not DT_RUNPATH: cargo runs tests with an LD_LIBRARY_PATH that may lead to another build of it.
    println!("cargo:rustc-link-arg=-Wl,--disable-new-dtags,-rpath,{}", folder.display());
}

/// The folder of the profile that is being built: its OUT_DIR is …/PROFILE/build/PACKAGE/out.
fn profile() -> PathBuf {
    let out = env::var_os("OUT_DIR").expect("cargo sets it");
    Path::new(&out).ancestors().nth(3).expect("cargo builds below a profile's folder").to_path_buf()
}
