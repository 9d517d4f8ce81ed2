//! Keeps `include/` true: the headers are written by hand, so that they can be a manual, and everything that they say
//! and a machine can check is checked here against the library. Each check is also run on a copy with a mistake in
//! it, which it must find.
#![expect(unsafe_code, non_camel_case_types, reason = "as in the library's lib.rs")]

mod c;
mod layout;
mod lint;
mod parse;
mod shadow;
mod symbols;
mod truth;

// The library's own source, compiled once more: a test cannot be linked to a cdylib, and wants to see its structs.
#[path = "../../src/aggregate.rs"]
mod aggregate;
#[path = "../../src/arrow.rs"]
mod arrow;
#[path = "../../src/base.rs"]
mod base;
#[path = "../../src/batch.rs"]
mod batch;
#[path = "../../src/boundary.rs"]
mod boundary;
#[path = "../../src/buffer.rs"]
mod buffer;
#[path = "../../src/cast.rs"]
mod cast;
#[path = "../../src/compression.rs"]
mod compression;
#[path = "../../src/cq.rs"]
mod cq;
#[path = "../../src/details.rs"]
mod details;
#[path = "../../src/error.rs"]
mod error;
#[path = "../../src/folder.rs"]
mod folder;
#[path = "../../src/format.rs"]
mod format;
#[path = "../../src/list.rs"]
mod list;
#[path = "../../src/object/mod.rs"]
mod object;
#[path = "../../src/reader.rs"]
mod reader;
#[path = "../../src/report.rs"]
mod report;
#[path = "../../src/service.rs"]
mod service;
#[path = "../../src/store.rs"]
mod store;
#[path = "../../src/submit.rs"]
mod submit;
#[path = "../../src/table.rs"]
mod table;
#[path = "../../src/table_convert.rs"]
mod table_convert;
#[path = "../../src/table_reader.rs"]
mod table_reader;
#[path = "../../src/table_write.rs"]
mod table_write;
#[path = "../../src/writer.rs"]
mod writer;

use parse::{Headers, read};

#[test]
fn each_header_compiles_alone_in_every_language() {
    let headers = Headers::read();
    let folder = c::folder("alone", &headers);
    for (name, _) in &headers.files {
        // Included twice: the guard must hold.
        let code = format!("#include <{name}>\n#include <{name}>\nint main(void) {{ return 0; }}\n");
        for language in c::LANGUAGES {
            c::check(&folder, language, &code).unwrap_or_else(|error| panic!("{name}, {}: {error}", language.2));
        }
    }
}

#[test]
fn init_macros_give_a_whole_struct_in_every_language() {
    let headers = Headers::read();
    let folder = c::folder("init", &headers);
    let macros: Vec<&str> = headers
        .files
        .iter()
        .flat_map(|(_, text)| text.lines())
        .filter_map(|line| line.strip_prefix("#define ")?.split(' ').next().filter(|name| name.ends_with("_INIT")))
        .collect();
    assert!(macros.len() >= 9, "found only {macros:?}");
    let declarations: String = macros
        .iter()
        .map(|name| {
            let kind = name.trim_end_matches("_INIT").to_lowercase() + "_t";
            format!("  {kind} of_{kind} = {name};\n  sum += of_{kind}.struct_size - sizeof({kind});\n")
        })
        .collect();
    let code =
        format!("#include <blobferry.h>\nint main(void) {{\n  size_t sum = 0;\n{declarations}  return (int)sum;\n}}\n");
    // -Wextra warns of an initializer that leaves a field out.
    for language in c::LANGUAGES {
        c::check(&folder, language, &code).unwrap_or_else(|error| panic!("{}: {error}", language.2));
    }
    let shorter = headers.edited("(blobferry_next_options_t), 0, 0, 0 }", "(blobferry_next_options_t), 0, 0 }");
    let folder = c::folder("init-seeded", &shorter);
    assert!(c::check(&folder, c::C11, &code).is_err(), "a field left out of an INIT macro was not noticed");
}

#[test]
fn version_macros_equal_the_package() {
    let headers = Headers::read();
    let number = |part: &str| headers.constant(&format!("BLOBFERRY_VERSION_{part}"));
    let numbers = format!("{}.{}.{}", number("MAJOR"), number("MINOR"), number("PATCH"));
    assert_eq!(numbers, env!("CARGO_PKG_VERSION"));
    assert_eq!(headers.constant("BLOBFERRY_VERSION"), format!("\"{numbers}\""));
    let changes = read("CHANGELOG.md");
    let newest = changes.lines().find_map(|line| line.strip_prefix("## [")).expect("a version in CHANGELOG.md");
    assert!(newest.starts_with(&numbers), "CHANGELOG.md begins with {newest}, the package is {numbers}");
}

#[test]
fn comments_have_their_shape() {
    let headers = Headers::read();
    assert!(headers.prototypes().len() >= 40, "found only {} prototypes", headers.prototypes().len());
    assert_eq!(lint::shape_problems(&headers), Vec::<String>::new());
}

#[test]
fn comments_out_of_shape_are_found() {
    let headers = Headers::read();
    let seeds = [
        // a change, and what the finding must say
        (" * @param prefix     borrowed; ", " * @param prefix     used; ", "@param prefix begins with \"used\""),
        (" * @param timeout_ms  milliseconds; 0 = only", " * @param timeout_ms  0 = only", "@param timeout_ms"),
        (" * @param ticket     the ticket", " * @param ticket     some", "@param ticket"),
        ("size_t *count_out,\n", "size_t *counted_out,\n", "its @params are"),
        (" * @param list_out   receives", " * list_out   receives", "its @params are"),
        (" * @retval BLOBFERRY_OK             the list stands", " * @retval BLOBFERRY_E_IO the list", "can fail"),
        (" * @return bytes\n", "", "0 @return, wanted 1"),
        (" * Threads: any; once per list.\n", "", "its labels are"),
        (" * Blocks:  never; CALLBACK makes a thread.\n", " * Blocks: never\n", "Blocks:"),
        (" * See:     blobferry_list_next, blobferry_list_free\n", " * See:     blobferry_lists\n", "See:"),
        (" * Open a store.\n", " * Opens a store.\n", "imperative"),
        (" * Open a store.\n", " * Open a store. Or two.\n", "imperative"),
        (
            " */\nBLOBFERRY_API void blobferry_list_free",
            " */\n\nBLOBFERRY_API void blobferry_list_free",
            "no /** comment",
        ),
    ];
    for (from, to, finding) in seeds {
        let problems = lint::shape_problems(&headers.edited(from, to));
        assert!(problems.iter().any(|problem| problem.contains(finding)), "{from:?} -> {to:?}: {problems:#?}");
    }
}

#[test]
fn names_that_are_mentioned_exist() {
    let headers = Headers::read();
    let mut texts = headers.files.clone();
    texts.extend(["README.md", "CHANGELOG.md"].map(|name| (name.to_string(), read(name))));
    for (name, text) in &texts {
        assert_eq!(lint::mention_problems(&headers, text), Vec::<String>::new(), "in {name}");
    }
    for seed in ["blobferry_object_fetch", "BLOBFERRY_E_NOTFOUND", "BLOBFERRY_CANNOT_", "see _retry"] {
        let problems = lint::mention_problems(&headers, &format!("{} {seed}.", headers.file("blobferry.h")));
        assert_eq!(problems.len(), 1, "{seed}: {problems:?}");
    }
}
