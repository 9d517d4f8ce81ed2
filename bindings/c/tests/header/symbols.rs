//! What the library exports, what the headers declare and what `blobferry.symbols` lists is one and the same.

use crate::parse::{Headers, read};
use crate::{c, lint};
use std::collections::BTreeSet;
use std::process::Command;

/// The list as (version, symbol), in its order.
fn listed() -> Vec<(String, String)> {
    let text = read("include/blobferry.symbols");
    let lines = text.lines().filter(|line| !line.is_empty() && !line.starts_with('#'));
    lines
        .map(|line| line.split_once(' ').expect("a version and a symbol"))
        .map(|(version, symbol)| (version.to_string(), symbol.to_string()))
        .collect()
}

fn declared(headers: &Headers) -> BTreeSet<String> {
    headers.prototypes().into_iter().map(|prototype| prototype.name).collect()
}

#[test]
fn the_library_exports_what_the_headers_declare_and_nothing_else() {
    let nm = Command::new("nm").args(["-D", "--defined-only"]).arg(c::library()).output();
    let symbols = c::text_of(nm.expect("nm"));
    let exported: BTreeSet<String> = symbols
        .lines()
        .filter_map(|line| line.split_whitespace().last())
        .map(|symbol| symbol.split('@').next().expect("a name").to_string())
        .collect();
    assert!(exported.iter().all(|symbol| symbol.starts_with("blobferry_")), "without the prefix: {exported:?}");
    let headers = Headers::read();
    assert_eq!(exported, declared(&headers));
    // The comparison is of the real thing: a name changed in a header must show.
    assert_ne!(exported, declared(&headers.edited("blobferry_cq_arm(", "blobferry_cq_rearm(")));
}

#[test]
fn the_list_of_symbols_is_whole_and_in_order() {
    let listed = listed();
    let headers = Headers::read();
    let declared: BTreeSet<(String, String)> =
        headers.prototypes().iter().map(|prototype| (lint::since(prototype), prototype.name.clone())).collect();
    assert_eq!(listed.iter().cloned().collect::<BTreeSet<_>>(), declared);
    // Later versions come below, so that the file only ever grows at its end.
    let number =
        |version: &str| version.split('.').map(|part| part.parse::<u32>().expect("a number")).collect::<Vec<_>>();
    let order = |(version, symbol): &(String, String)| (number(version), symbol.clone());
    assert!(listed.is_sorted_by(|earlier, later| order(earlier) < order(later)), "out of order: {listed:#?}");
}
