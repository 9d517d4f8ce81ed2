//! The C and C++ compilers, and the library as a program meets it.

use crate::parse::{Headers, root};
use std::fs;
use std::path::PathBuf;
use std::process::{Command, Output};
use std::sync::OnceLock;

/// Every language that the headers must be good for, as compiler and flags.
pub const LANGUAGES: [(&str, &str, &str); 4] =
    [("cc", "-xc", "-std=c99"), ("cc", "-xc", "-std=c11"), ("cc", "-xc", "-std=c17"), ("c++", "-xc++", "-std=c++11")];
pub const C11: (&str, &str, &str) = LANGUAGES[1];

/// A folder of its own below `target/header`, with a copy of the headers in `include`.
pub fn folder(name: &str, headers: &Headers) -> PathBuf {
    let folder = root().join("target/header").join(name);
    fs::create_dir_all(folder.join("include/blobferry")).expect("a folder for the headers");
    for (file, text) in &headers.files {
        fs::write(folder.join("include").join(file), text).expect("a header written");
    }
    folder
}

/// Compiles `code` beside the headers of `folder`, every warning an error.
pub fn check(folder: &PathBuf, language: (&str, &str, &str), code: &str) -> Result<(), String> {
    fs::write(folder.join("check.c"), code).expect("a source written");
    let (compiler, kind, standard) = language;
    let output = Command::new(compiler)
        .args([kind, standard, "-Wall", "-Wextra", "-Wpedantic", "-Werror", "-fsyntax-only", "-Iinclude", "check.c"])
        .current_dir(folder)
        .output()
        .unwrap_or_else(|error| panic!("{compiler}: {error}"));
    if output.status.success() { Ok(()) } else { Err(String::from_utf8_lossy(&output.stderr).into_owned()) }
}

/// The shared library, as it is shipped, built once.
pub fn library() -> &'static PathBuf {
    static LIBRARY: OnceLock<PathBuf> = OnceLock::new();
    LIBRARY.get_or_init(|| {
        let target = root().join("target");
        let build = Command::new(env!("CARGO"))
            .args(["build", "--quiet", "--release", "-p", env!("CARGO_PKG_NAME"), "--target-dir"])
            .arg(&target)
            .current_dir(root())
            .status();
        assert!(build.expect("cargo").success(), "the library does not build");
        target.join("release/libblobferry.so")
    })
}

/// Compiles and runs `code`, linked to the library, and gives what it prints.
pub fn run(name: &str, code: &str) -> String {
    let folder = folder(name, &Headers::read());
    fs::write(folder.join("main.c"), code).expect("a source written");
    let library = library();
    let rpath = format!("-Wl,-rpath,{}", library.parent().expect("a folder").display());
    let compiled = Command::new("cc")
        .args(["-std=c11", "-Wall", "-Wextra", "-Werror", "-Iinclude", "main.c", "-o", "main", &rpath])
        .arg(library)
        .current_dir(&folder)
        .output();
    text_of(compiled.expect("cc"));
    text_of(Command::new("./main").current_dir(&folder).output().expect("the program"))
}

/// What a command has printed; it must have succeeded.
pub fn text_of(output: Output) -> String {
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{}: {errors}", output.status);
    String::from_utf8(output.stdout).expect("text")
}
