//! Sizes, offsets and constants as Rust has them, asserted by a C compiler of the headers.

use crate::c;
use crate::object::{self, change, get, put, sign};
use crate::parse::{Headers, is_ours, sources};
use crate::{
    aggregate, base, batch, cq, folder, format, list, reader, report, service, table, table_reader, table_write, writer,
};
use std::collections::BTreeMap;
use std::fmt::Write;
use std::fs;
use std::mem::{align_of, offset_of, size_of};

struct Layout {
    name: &'static str,
    size: usize,
    align: usize,
    fields: Vec<(&'static str, usize)>,
}

macro_rules! layouts {
    ($($module:ident :: $name:ident { $($field:ident),* })*) => {
        vec![$(Layout {
            name: stringify!($name),
            size: size_of::<$module::$name>(),
            align: align_of::<$module::$name>(),
            fields: vec![$((stringify!($field), offset_of!($module::$name, $field))),*],
        }),*]
    };
}

fn layouts() -> Vec<Layout> {
    layouts! {
        base::blobferry_pair_t { key, value }
        base::blobferry_live_counts_t { struct_size, handles, leases, requests, credits, threads }
        batch::blobferry_request_t {
            verb, flags, handle, key, to, buffer, buffer_size, items, item_count, options, report, user_data, ticket,
            status, reserved_status, error, reserved
        }
        cq::blobferry_completion_t { ticket, user_data, status, flags, result, error, details, buffer, table }
        cq::blobferry_cq_options_t {
            struct_size, capacity, wake, wake_fn, wake_argument, completion_fn, completion_argument, flags, reserved
        }
        list::blobferry_entry_t {
            key, key_size, size, last_modified_ns, revision, flags, reserved_flags, reserved
        }
        list::blobferry_list_options_t { struct_size, delimiter, start_after, page_size, flags }
        list::blobferry_next_options_t { struct_size, timeout_ms, flags, reserved }
        change::blobferry_delete_options_t { struct_size, timeout_ms, flags, reserved }
        change::blobferry_copy_options_t { struct_size, timeout_ms, mode, flags }
        get::blobferry_range_t { offset, length }
        get::blobferry_get_options_t {
            struct_size, timeout_ms, offset, length, part_size, max_in_flight, flags, if_match, if_none_match,
            if_modified_since_ns, if_unmodified_since_ns, version, max_size
        }
        get::blobferry_head_options_t {
            struct_size, timeout_ms, flags, reserved, if_match, if_none_match, if_modified_since_ns,
            if_unmodified_since_ns, version
        }
        object::blobferry_slice_t { data, size }
        object::blobferry_const_slice_t { data, size }
        put::blobferry_put_options_t {
            struct_size, timeout_ms, if_match, content_type, metadata, metadata_count, mode, flags, content_encoding,
            content_language, content_disposition, cache_control, tags, tag_count
        }
        sign::blobferry_sign_options_t { struct_size, timeout_ms, method, expires_s, flags, reserved }
        reader::blobferry_reader_options_t {
            struct_size, offset, length, part_size, max_prefetch, max_in_flight, compression, if_match, version, flags,
            reserved
        }
        reader::blobferry_read_options_t { struct_size, timeout_ms, flags, reserved }
        writer::blobferry_writer_options_t {
            struct_size, content_type, content_encoding, content_language, content_disposition, cache_control,
            metadata, metadata_count, tags, tag_count, part_size, max_in_flight, mode, compression, compression_level,
            flags, reserved
        }
        writer::blobferry_write_options_t { struct_size, timeout_ms, flags, reserved }
        folder::blobferry_folder_options_t { struct_size, timeout_ms, part_size, max_in_flight, flags }
        report::blobferry_report_options_t { struct_size, max_outcomes, flags, reserved }
        report::blobferry_progress_t {
            struct_size, objects_found, objects_done, objects_skipped, objects_failed, bytes_found, bytes_done,
            outcomes_dropped, is_listing_done, reserved
        }
        report::blobferry_outcome_t { key, key_size, size, status, flags, error, revision, reserved }
        format::blobferry_csv_options_t {
            struct_size, delimiter, quote, escape, comment, null_texts, null_text_count, encoding, skip_lines, max_record,
            infer_rows, ragged, on_error, quoting, flags
        }
        aggregate::blobferry_aggregate_options_t { struct_size, timeout_ms, flags, reserved }
        aggregate::blobferry_aggregation_t { column, function, reserved }
        table::blobferry_import_options_t { struct_size, flags, reserved }
        table_write::blobferry_column_options_t { path, flags, codec, level, reserved }
        table_write::blobferry_table_write_options_t {
            struct_size, timeout_ms, format, codec, level, compression, row_group_rows, row_group_bytes, columns,
            column_count, pairs, pair_count, csv, part_size, max_in_flight, mode, content_type, metadata, metadata_count,
            flags, reserved
        }
        table_write::blobferry_chunk_options_t { struct_size, timeout_ms, flags, reserved }
        table_reader::blobferry_term_t { column, op, literal }
        table_reader::blobferry_table_reader_options_t {
            struct_size, format, compression, columns, column_count, terms, term_count, literals_schema, literals, schema,
            row_groups, row_group_count, batch_rows, batch_bytes, max_prefetch, csv, flags, reserved
        }
        service::blobferry_service_options_t {
            struct_size, io_threads, pool_threads, max_credits, max_requests_in_flight, max_bytes_in_flight, flags,
            compute_threads
        }
        service::blobferry_service_usage_t {
            struct_size, credits_reserved, credits_used, requests_running, requests_in_flight, bytes_in_flight,
            uploads_aborting
        }
    }
}

#[test]
fn every_struct_of_the_headers_is_compared() {
    let compared: BTreeMap<String, Vec<String>> = layouts()
        .into_iter()
        .map(|layout| (layout.name.to_string(), layout.fields.iter().map(|(field, _)| field.to_string()).collect()))
        .collect();
    let declared = Headers::read().structs().into_iter().map(|item| (item.name, item.fields)).collect();
    assert_eq!(compared, declared);
}

/// Compiles the numbers of Rust into assertions beside the headers.
fn compare_layouts(name: &str, headers: &Headers) -> Result<(), String> {
    let mut code = "#include <blobferry.h>\n".to_string();
    for Layout { name, size, align, fields } in layouts() {
        let mut assert = |what: String, number: usize| {
            writeln!(code, "_Static_assert({what} == {number}, \"{name}: Rust has another number\");").expect("text");
        };
        assert(format!("sizeof({name})"), size);
        assert(format!("_Alignof({name})"), align);
        fields.iter().for_each(|(field, offset)| assert(format!("offsetof({name}, {field})"), *offset));
    }
    c::check(&c::folder(name, headers), c::C11, &code)
}

#[test]
fn sizes_and_offsets_equal_those_of_the_library() {
    let headers = Headers::read();
    compare_layouts("layout", &headers).unwrap_or_else(|error| panic!("{error}"));
    let seeds = [
        ("  uint32_t                capacity; ", "  uint64_t                capacity; "),
        ("  size_t   struct_size;            /", "  uint32_t struct_size;            /"),
    ];
    for (from, to) in seeds {
        let error = compare_layouts("layout-seeded", &headers.edited(from, to)).expect_err(&format!("{from} -> {to}"));
        assert!(error.contains("Rust has another number"), "{from} -> {to} failed for another reason: {error}");
    }
}

/// The constants that stand in the source of the library, by name: they are private, so they are read.
fn constants() -> BTreeMap<String, String> {
    let texts = sources().into_iter().map(|path| fs::read_to_string(path).expect("a source"));
    let lines: Vec<String> = texts.flat_map(|text| text.lines().map(str::to_string).collect::<Vec<_>>()).collect();
    lines
        .iter()
        .filter_map(|line| line.split_once("const BLOBFERRY_")?.1.strip_suffix(';')?.split_once(" = "))
        .map(|(name, value)| {
            let name = name.split(':').next().expect("a name");
            let value = match value {
                "u64::MAX" => "UINT64_MAX".to_string(),
                "i64::MIN" => "INT64_MIN".to_string(),
                number => number.replace('_', ""),
            };
            (format!("BLOBFERRY_{name}"), value)
        })
        .collect()
}

fn compare_constants(name: &str, headers: &Headers) -> Result<(), String> {
    let assertions = constants().into_iter().map(|(constant, value)| {
        format!("_Static_assert({constant} == {value}, \"{constant}: Rust has another number\");\n")
    });
    let code: String = assertions.collect();
    c::check(&c::folder(name, headers), c::C11, &format!("#include <blobferry.h>\n{code}"))
}

#[test]
fn constants_equal_those_of_the_library() {
    let headers = Headers::read();
    let in_rust = constants();
    // What the library itself answers for is asked of it: see truth.rs.
    let is_asked = |name: &str| {
        ["BLOBFERRY_E_", "BLOBFERRY_CAN_", "BLOBFERRY_VERSION", "BLOBFERRY_ABI_"]
            .iter()
            .any(|kind| name.starts_with(kind))
    };
    // Those of the Arrow interface are not ours.
    for (name, _) in headers.constants().into_iter().filter(|(name, _)| is_ours(name)) {
        assert!(in_rust.contains_key(&name) || is_asked(&name), "{name} is not in the library's source");
    }
    compare_constants("constants", &headers).unwrap_or_else(|error| panic!("{error}"));
    for (from, to) in [("WAKE_CALLBACK 3u", "WAKE_CALLBACK 4u"), ("TO_END UINT64_MAX", "TO_END INT64_MAX")] {
        let error = compare_constants("constants-seeded", &headers.edited(from, to)).expect_err(from);
        assert!(error.contains("Rust has another number"), "{from} -> {to} failed for another reason: {error}");
    }
}
