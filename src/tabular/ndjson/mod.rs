//! Newline-delimited JSON: an object in each line.

pub(crate) mod decode;
pub(crate) mod encode;

mod infer;
mod leaf;
mod lines;
mod node;
mod parse;
mod read;
#[cfg(all(test, not(model)))]
mod tests;

/// Nesting of a column at most.
const MOST_LEVELS: usize = 64;

/// What a parser of one line has to say, without the line, which is always the first.
fn said(error: &serde_json::Error) -> String {
    let text = error.to_string();
    text.rsplit_once(" at line ").map_or(&*text, |(said, _)| said).to_string()
}
