//! Keeps `src/abi.rs` and `src/functions.rs` true, which repeat by hand what they use of the header: a C compiler
//! compares them with it, as cbindgen prints them in C, and is shown mistakes that it must find.

// What the header's own tests read it with; they use more of it.
#[allow(dead_code)]
#[path = "../../../bindings/c/tests/header/c.rs"]
mod c;
#[allow(dead_code)]
#[path = "../../../bindings/c/tests/header/parse.rs"]
mod parse;

use parse::{Headers, read};
use std::fs;

/// What is repeated here, in C; its types under names of their own, as `host_blobferry_pair_t`.
fn declarations() -> String {
    use cbindgen::{Builder, Config, ExportConfig, ItemType, Language, Style};
    let config = Config {
        language: Language::C,
        style: Style::Type,
        usize_is_size_t: true,
        export: ExportConfig {
            item_types: vec![ItemType::Functions, ItemType::Structs, ItemType::Typedefs],
            ..ExportConfig::default()
        },
        ..Config::default()
    };
    let builder = ["abi.rs", "functions.rs"].iter().fold(Builder::new().with_config(config), |builder, source| {
        builder.with_src(parse::root().join("tests/conformance/src").join(source))
    });
    let mut printed = Vec::new();
    builder.generate().expect("source that cbindgen reads").write(&mut printed);
    let printed = String::from_utf8(printed).expect("text");
    printed.lines().map(|line| renamed(line) + "\n").collect()
}

/// A line that names a new type, with the type's own name; any other line as it is.
fn renamed(line: &str) -> String {
    let is_new = line.starts_with("} blobferry_") || line.starts_with("typedef ") && line.contains("blobferry_");
    let name = line.find("(*blobferry_").map(|at| at + "(*".len()).or_else(|| line.rfind("blobferry_"));
    match name.filter(|_| is_new) {
        Some(at) => format!("{}host_{}", &line[..at], &line[at..]),
        None => line.to_string(),
    }
}

/// The constants of abi.rs, with their values as C writes them.
fn constants() -> Vec<(String, String)> {
    let text = read("tests/conformance/src/abi.rs");
    let constants =
        text.lines().filter_map(|line| line.strip_prefix("pub const ")?.strip_suffix(';')?.split_once(" = "));
    let in_c = |value: &str| value.replace("u64::MAX", "UINT64_MAX").replace("i64::MIN", "INT64_MIN");
    constants.map(|(name, value)| (name.split(':').next().expect("a name").to_string(), in_c(value))).collect()
}

/// Compiles the header, what is repeated of it, and an assertion for each type, field and constant.
fn compare(name: &str, headers: &Headers) -> Result<(), String> {
    let (folder, declarations) = (c::folder(name, headers), declarations());
    let is_repeated = |name: &str| declarations.contains(&format!("host_{name}"));
    let same = |what: String, ours: String, theirs: String| {
        format!("_Static_assert(__builtin_types_compatible_p({ours}, {theirs}), \"{what} has another type\");\n")
    };
    let mut code = String::from("#include <blobferry.h>\n#include \"host.h\"\n");
    for name in headers.typedefs().iter().filter(|name| is_repeated(name)) {
        code += &same(name.clone(), name.clone(), format!("host_{name}"));
    }
    for item in headers.structs().iter().filter(|item| is_repeated(&item.name)) {
        let name = &item.name;
        code += &format!("_Static_assert(sizeof({name}) == sizeof(host_{name}), \"{name} has another size\");\n");
        for field in &item.fields {
            let of = |kind: &str| format!("__typeof__((({kind}{name} *)0)->{field})");
            code += &same(format!("{name}.{field}"), of(""), of("host_"));
            code += &format!(
                "_Static_assert(offsetof({name}, {field}) == offsetof(host_{name}, {field}), \"{name}.{field} stands \
                 elsewhere\");\n"
            );
        }
    }
    for (name, value) in constants() {
        code += &format!("_Static_assert({name} == {value}, \"{name} is another number\");\n");
    }
    fs::write(folder.join("host.h"), declarations).expect("host.h written");
    c::check(&folder, c::C11, &code)
}

#[test]
fn what_is_repeated_equals_the_header() {
    compare("conformance", &Headers::read()).unwrap_or_else(|error| panic!("{error}"));
}

#[test]
fn what_differs_is_found() {
    let (headers, declarations) = (Headers::read(), declarations());
    // cbindgen has seen all of it.
    assert!(declarations.matches("blobferry_status_t blobferry_object_").count() >= 8, "{declarations}");
    assert!(declarations.matches("} host_blobferry_").count() >= 15, "{declarations}");
    let seeds = [
        // a change of the header, and what the compiler must say
        ("uint32_t blobferry_abi_version(void)", "uint64_t blobferry_abi_version(void)", "conflicting"),
        ("size_t range_count,", "uint32_t range_count,", "conflicting"),
        ("typedef int32_t blobferry_status_t", "typedef uint32_t blobferry_status_t", "has another type"),
        ("  blobferry_buffer_t  *buffer; ", "  blobferry_details_t *buffer; ", "has another type"),
        ("  uint64_t    max_size; ", "  uint64_t    most, max_size; ", "has another size"),
        ("#define BLOBFERRY_PUT_CREATE 1u", "#define BLOBFERRY_PUT_CREATE 3u", "is another number"),
    ];
    for (from, to, finding) in seeds {
        let error = compare("conformance-seeded", &headers.edited(from, to)).expect_err(&format!("{from} -> {to}"));
        assert!(error.contains(finding), "{from} -> {to} failed for another reason: {error}");
    }
}
