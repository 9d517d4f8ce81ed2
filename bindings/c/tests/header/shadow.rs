//! The prototypes and structs of the library, as cbindgen reads them from its source, beside those of the headers. C
//! takes two equal declarations of a function and refuses different ones, so a compiler does the comparing.

use crate::c;
use crate::parse::{Headers, sources};
use std::fs;

/// What cbindgen prints, with its types under names of their own: `shadow_blobferry_pair_t`.
fn shadow() -> String {
    use cbindgen::{Builder, Config, ExportConfig, ItemType, Language, Style};
    let config = Config {
        language: Language::C,
        cpp_compat: true,
        style: Style::Type,
        usize_is_size_t: true,
        export: ExportConfig {
            item_types: vec![ItemType::Functions, ItemType::Structs, ItemType::Typedefs],
            ..ExportConfig::default()
        },
        ..Config::default()
    };
    let bindings =
        sources().into_iter().fold(Builder::new().with_config(config), |builder, source| builder.with_src(source));
    let mut printed = Vec::new();
    bindings.generate().expect("source that cbindgen reads").write(&mut printed);
    let printed = String::from_utf8(printed).expect("text");
    printed.lines().map(|line| renamed(line) + "\n").collect()
}

/// A line that names a new type, with the type's own name; any other line as it is.
fn renamed(line: &str) -> String {
    let mut line = line.to_string();
    let is_new = line.starts_with("} blobferry_") || line.starts_with("typedef ") && line.contains("blobferry_");
    if is_new {
        let function = line.find("(*blobferry_").map(|at| at + "(*".len());
        let name = function.or_else(|| line.rfind("blobferry_")).expect("what was just found");
        line.insert_str(name, "shadow_");
    }
    // Those of the Arrow interface have no typedef.
    for name in ["ArrowSchema", "ArrowArray", "ArrowArrayStream"] {
        line = line.replace(&format!("{name} *"), &format!("struct {name} *"));
    }
    line
}

/// Compiles the headers and the shadow into one file, in every language; what went wrong first.
fn compare(name: &str, headers: &Headers) -> Result<(), String> {
    let folder = c::folder(name, headers);
    fs::write(folder.join("shadow.h"), shadow()).expect("shadow.h written");
    let code = "#include <blobferry.h>\n#include \"shadow.h\"\nint main(void) { return 0; }\n";
    c::LANGUAGES
        .iter()
        .try_for_each(|language| c::check(&folder, *language, code).map_err(|error| format!("{}: {error}", language.2)))
}

#[test]
fn prototypes_equal_those_of_the_library() {
    let headers = Headers::read();
    compare("shadow", &headers).unwrap_or_else(|error| panic!("{error}"));
    let shadow = shadow();
    for prototype in headers.prototypes() {
        assert!(shadow.contains(&format!("{}(", prototype.name)), "the library has no {}", prototype.name);
    }
}

#[test]
fn prototypes_that_differ_do_not_compile() {
    let headers = Headers::read();
    let seeds = [
        ("const uint8_t *buffer, size_t buffer_size", "const uint8_t *buffer, uint32_t buffer_size"),
        ("blobferry_cq_fd(const blobferry_cq_t *cq)", "blobferry_cq_fd(blobferry_cq_t *cq)"),
        ("blobferry_service_t *service, int64_t timeout_ms", "blobferry_service_t *service, int timeout_ms"),
        ("blobferry_cq_close(blobferry_cq_t *cq", "blobferry_cq_close(const blobferry_cq_t *cq"),
        ("uint32_t blobferry_abi_version(void)", "uint64_t blobferry_abi_version(void)"),
    ];
    for (from, to) in seeds {
        let error = compare("shadow-seeded", &headers.edited(from, to));
        let error = error.expect_err(&format!("{from} -> {to} compiled"));
        assert!(error.contains("conflicting"), "{from} -> {to} failed for another reason: {error}");
    }
}

/// Compiles an assertion for every type and field that the headers declare: it is what the library has.
fn compare_types(name: &str, headers: &Headers) -> Result<(), String> {
    let folder = c::folder(name, headers);
    fs::write(folder.join("shadow.h"), shadow()).expect("shadow.h written");
    let assertion = |what: String, ours: String, theirs: String| {
        format!("_Static_assert(__builtin_types_compatible_p({ours}, {theirs}), \"{what} has another type\");\n")
    };
    let typedefs = headers.typedefs();
    let of_typedefs = typedefs.iter().map(|name| assertion(name.clone(), name.clone(), format!("shadow_{name}")));
    let structs = headers.structs();
    let fields = structs.iter().flat_map(|item| item.fields.iter().map(|field| (&item.name, field)));
    let of_fields = fields.map(|(name, field)| {
        let of = |kind: &str| format!("__typeof__((({kind}{name} *)0)->{field})");
        assertion(format!("{name}.{field}"), of(""), of("shadow_"))
    });
    let assertions: String = of_typedefs.chain(of_fields).collect();
    c::check(&folder, c::C11, &format!("#include <blobferry.h>\n#include \"shadow.h\"\n{assertions}"))
}

#[test]
fn types_and_fields_equal_those_of_the_library() {
    let headers = Headers::read();
    compare_types("types", &headers).unwrap_or_else(|error| panic!("{error}"));
    let seeds = [
        ("typedef int32_t blobferry_status_t", "typedef uint32_t blobferry_status_t"),
        ("typedef int (*blobferry_wake_fn)(void *argument)", "typedef void (*blobferry_wake_fn)(void *argument)"),
        ("uint64_t timeout_ms;  ", "int64_t timeout_ms;  "),
        ("  const char *key;   /", "  char *key;   /"),
        ("  blobferry_wake_fn       wake_fn; ", "  blobferry_completion_fn wake_fn; "),
        ("uint64_t                 reserved[2];", "uint64_t             reserved[3];"),
    ];
    for (from, to) in seeds {
        let error = compare_types("types-seeded", &headers.edited(from, to)).expect_err(&format!("{from} -> {to}"));
        assert!(error.contains("has another type"), "{from} -> {to} failed for another reason: {error}");
    }
}
