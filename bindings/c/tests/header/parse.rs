//! Reads the hand-written headers: just enough C for the way they are written.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

/// The root of the workspace.
pub fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).ancestors().nth(2).expect("two folders up").to_path_buf()
}

/// The files of the library's source, those in folders among them.
pub fn sources() -> Vec<PathBuf> {
    let mut folders = vec![root().join("bindings/c/src")];
    let mut sources = Vec::new();
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder).expect("bindings/c/src") {
            let path = entry.expect("an entry").path();
            if path.is_dir() { folders.push(path) } else { sources.push(path) }
        }
    }
    sources
}

pub fn read(path: impl AsRef<Path>) -> String {
    fs::read_to_string(root().join(&path)).unwrap_or_else(|error| panic!("{}: {error}", path.as_ref().display()))
}

/// The headers as texts, by their names below `include/`.
#[derive(Clone)]
pub struct Headers {
    pub files: Vec<(String, String)>,
}

pub struct Prototype {
    pub name: String,
    pub returns: String,
    pub parameters: Vec<Parameter>,
    /// The lines of the comment right before it, without their stars.
    pub comment: Vec<String>,
}

pub struct Parameter {
    pub kind: String,
    pub name: String,
}

pub struct Struct {
    /// Its typedef: `blobferry_pair_t`.
    pub name: String,
    pub fields: Vec<String>,
}

impl Headers {
    pub fn read() -> Headers {
        let mut names: Vec<String> = fs::read_dir(root().join("include/blobferry"))
            .expect("include/blobferry")
            .map(|entry| format!("blobferry/{}", entry.expect("an entry").file_name().to_string_lossy()))
            .collect();
        names.sort();
        names.insert(0, "blobferry.h".to_string());
        Headers { files: names.into_iter().map(|name| (name.clone(), read(format!("include/{name}")))).collect() }
    }

    /// A copy with every `from` changed: what a check is seeded with. `from` must be there.
    pub fn edited(&self, from: &str, to: &str) -> Headers {
        assert!(self.files.iter().any(|(_, text)| text.contains(from)), "no header says {from:?}: seed another change");
        Headers { files: self.files.iter().map(|(name, text)| (name.clone(), text.replace(from, to))).collect() }
    }

    pub fn file(&self, name: &str) -> &str {
        &self.files.iter().find(|(file, _)| file == name).expect("a header").1
    }

    pub fn prototypes(&self) -> Vec<Prototype> {
        self.files.iter().flat_map(|(_, text)| prototypes(text)).collect()
    }

    pub fn structs(&self) -> Vec<Struct> {
        self.files.iter().flat_map(|(_, text)| structs(&without_comments(text))).collect()
    }

    /// The names of the types that stand for a number or a function.
    pub fn typedefs(&self) -> Vec<String> {
        let lines = self.files.iter().flat_map(|(_, text)| text.lines());
        lines
            .filter_map(|line| line.strip_prefix("typedef ").filter(|rest| !rest.starts_with("struct ")))
            .map(|rest| {
                rest.split_once("(*").map_or_else(|| split_name(rest.trim_end_matches(';')).1, |(_, name)| name)
            })
            .map(|name| words(name).next().expect("a name").to_string())
            .collect()
    }

    /// Every macro that stands for a number or a text, with what stands behind it.
    pub fn constants(&self) -> Vec<(String, String)> {
        let lines = self.files.iter().flat_map(|(_, text)| text.lines());
        lines
            .filter_map(|line| line.strip_prefix("#define ")?.split_once(' '))
            .filter(|(name, _)| *name != "BLOBFERRY_API" && !name.ends_with("_INIT"))
            .map(|(name, value)| (name.to_string(), value.trim().to_string()))
            .collect()
    }

    pub fn constant(&self, name: &str) -> String {
        self.constants().into_iter().find(|(constant, _)| constant == name).expect(name).1
    }

    /// Every word of ours that the code of the headers, as against their comments, is made of.
    pub fn names(&self) -> BTreeSet<String> {
        let code: String = self.files.iter().map(|(_, text)| without_comments(text)).collect();
        words(&code).filter(|word| is_ours(word)).map(str::to_string).collect()
    }
}

pub fn is_ours(word: &str) -> bool {
    word.starts_with("blobferry_") || word.starts_with("BLOBFERRY_")
}

pub fn words(text: &str) -> impl Iterator<Item = &str> {
    text.split(|letter: char| !is_of_a_name(letter)).filter(|word| !word.is_empty())
}

fn is_of_a_name(letter: char) -> bool {
    letter.is_ascii_alphanumeric() || letter == '_'
}

pub fn without_comments(text: &str) -> String {
    let mut pieces = text.split("/*");
    let mut code = pieces.next().unwrap_or_default().to_string();
    for piece in pieces {
        code.push_str(piece.split_once("*/").expect("a comment that ends").1);
    }
    code
}

/// Splits `const char *key` before its last name.
fn split_name(declaration: &str) -> (&str, &str) {
    let end = declaration.trim_end();
    let start = end.trim_end_matches(is_of_a_name).len();
    (end[..start].trim(), &end[start..])
}

fn prototypes(text: &str) -> Vec<Prototype> {
    let starts = text.match_indices("\nBLOBFERRY_API ").map(|(at, marker)| (at, at + marker.len()));
    starts.map(|(before, after)| prototype(&text[..before], &text[after..])).collect()
}

fn prototype(before: &str, after: &str) -> Prototype {
    let declaration = after.split_once(';').expect("a prototype that ends").0;
    let (head, parameters) = declaration.split_once('(').expect("a prototype with parameters");
    let (returns, name) = split_name(head);
    let parameters = parameters.trim_end().strip_suffix(')').expect("a closing parenthesis");
    let parameters = parameters.split(',').filter(|parameter| *parameter != "void").map(|parameter| {
        let (kind, name) = split_name(parameter);
        Parameter { kind: kind.to_string(), name: name.to_string() }
    });
    Prototype {
        name: name.to_string(),
        returns: returns.to_string(),
        parameters: parameters.collect(),
        comment: comment(before),
    }
}

/// The comment that `before` ends with; empty where it ends with something else.
fn comment(before: &str) -> Vec<String> {
    let Some(body) = before.strip_suffix("*/") else {
        return Vec::new();
    };
    let body = &body[body.rfind("/*").expect("a comment that begins")..];
    let Some(body) = body.strip_prefix("/**") else {
        return Vec::new();
    };
    body.lines().map(|line| line.trim_start().trim_start_matches('*').trim().to_string()).collect()
}

fn structs(code: &str) -> Vec<Struct> {
    let bodies = code.split("typedef struct ").skip(1).filter_map(|rest| {
        let (tag, rest) = rest.split_once([' ', ';'])?;
        let (fields, rest) = rest.strip_prefix('{')?.split_once('}')?;
        let name = rest.split_once(';')?.0.trim();
        assert_eq!(name, format!("{tag}_t"), "a struct's tag and its typedef");
        Some((name, fields))
    });
    bodies
        .map(|(name, fields)| Struct {
            name: name.to_string(),
            fields: fields
                .split(';')
                .map(|field| field.split('[').next().expect("a piece").trim())
                .filter(|field| !field.is_empty())
                .map(|field| split_name(field).1.to_string())
                .collect(),
        })
        .collect()
}
