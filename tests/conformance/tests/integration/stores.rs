//! The stores of `tests/behaviour/stores.list`, which says what its lines mean; `BLOBFERRY_BEHAVIOUR` names another
//! folder of the list. Traits are not looked at.

use std::env;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{SystemTime, UNIX_EPOCH};
use tempfile::TempDir;

/// A line of the list: a URL, and the options with their names.
pub struct Listed {
    pub name: String,
    url: String,
    options: Vec<(String, String)>,
}

/// What the line says in one test.
pub struct Opening {
    pub url: String,
    pub options: Vec<(String, String)>,
    /// Removed with it.
    pub _folder: TempDir,
}

/// All of them.
pub fn read() -> Vec<Listed> {
    let beside = || Path::new(env!("CARGO_MANIFEST_DIR")).join("../behaviour");
    let path = env::var_os("BLOBFERRY_BEHAVIOUR").map_or_else(beside, PathBuf::from).join("stores.list");
    let text = std::fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    let lines = text.lines().filter(|line| !line.starts_with('#'));
    let words = lines.flat_map(str::split_whitespace).collect::<Vec<_>>();
    let stores: Vec<Listed> =
        words.split(|word| *word == "store").filter(|line| !line.is_empty()).map(listed).collect();
    assert!(!stores.is_empty(), "no store in {}", path.display());
    stores
}

fn listed(words: &[&str]) -> Listed {
    let [name, url, rest @ ..] = words else { panic!("a store without a URL: {words:?}") };
    // `only` chooses among the cases of the behaviour list.
    let options = rest.iter().filter_map(|word| word.split_once('=')).filter(|(key, _)| *key != "only");
    let options = options.map(|(key, value)| (key.to_string(), value.to_string())).collect();
    Listed { name: name.to_string(), url: url.to_string(), options }
}

impl Listed {
    /// The first variable of the line that is not set.
    pub fn lacks(&self) -> Option<String> {
        let texts = std::iter::once(&self.url).chain(self.options.iter().map(|(_, value)| value));
        let pieces = texts.flat_map(|text| text.split("{env:").skip(1));
        let names = pieces.filter_map(|piece| Some(variable(piece.split_once('}')?.0)));
        names.into_iter().find(|name| env::var(name).is_err())
    }

    /// Fills in what the line leaves open: another place each time.
    pub fn filled(&self) -> Opening {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let unique = unique();
        let filled = |text: &str| {
            let text = text.replace("{folder}", &folder.path().to_string_lossy()).replace("{unique}", &unique);
            let mut pieces = text.split("{env:");
            let mut out = pieces.next().unwrap_or_default().to_string();
            for piece in pieces {
                let (name, rest) = piece.split_once('}').expect("a closing brace");
                out += &env::var(variable(name)).expect("a variable that was found before");
                out += rest;
            }
            out
        };
        let url = filled(&self.url);
        let options = self.options.iter().map(|(key, value)| (key.clone(), filled(value))).collect();
        Opening { url, options, _folder: folder }
    }
}

fn variable(name: &str) -> String {
    format!("BLOBFERRY_TEST_{name}")
}

fn unique() -> String {
    static MADE: AtomicU32 = AtomicU32::new(0);
    let now = SystemTime::now().duration_since(UNIX_EPOCH).expect("a clock after 1970").as_micros() as u64;
    format!("{:010x}{:06x}", now & 0xff_ffff_ffff, MADE.fetch_add(1, Ordering::Relaxed))
}
