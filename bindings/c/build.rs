//! What the linker must know of the shared library.

fn main() {
    let header = "../../include/blobferry/base.h";
    println!("cargo:rerun-if-changed={header}");
    let text = std::fs::read_to_string(header).expect("the header stands beside the crate");
    let abi = text
        .lines()
        .find_map(|line| line.strip_prefix("#define BLOBFERRY_ABI_VERSION "))
        .expect("the header has the ABI version");
    println!("cargo:rustc-cdylib-link-arg=-Wl,-soname,libblobferry.so.{abi}");
    // Its threads outlive a dlclose, so its code must.
    println!("cargo:rustc-cdylib-link-arg=-Wl,-z,nodelete");
    link_by_soname(abi);
    println!("cargo:rustc-env=BLOBFERRY_ABI_VERSION={abi}");
}

/// Programs linked against the library where cargo builds it look for it by its SONAME.
fn link_by_soname(abi: &str) {
    let out = std::env::var("OUT_DIR").expect("cargo sets it");
    // …/PROFILE/build/PACKAGE/out
    let profile = std::path::Path::new(&out).ancestors().nth(3).expect("cargo builds below a profile's folder");
    let link = profile.join(format!("libblobferry.so.{abi}"));
    if link.symlink_metadata().is_err() {
        std::os::unix::fs::symlink("libblobferry.so", &link).expect("the profile's folder can be written");
    }
}
