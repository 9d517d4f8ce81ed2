//! What the headers say of statuses, stores and options is what the library does: asked of the library itself, by a
//! C program that is written here from the tables of the headers.

use crate::c;
use crate::parse::{Headers, words};
use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write;
use std::sync::OnceLock;

/// The rows of the table in a comment whose head begins with the word `head`, as words; the head is the first.
fn table(text: &str, head: &str) -> Vec<Vec<String>> {
    let lines = text.lines().map(|line| line.trim_start_matches([' ', '*']).trim());
    let rows =
        lines.skip_while(|line| line.split_whitespace().next() != Some(head)).take_while(|line| !line.is_empty());
    rows.map(|line| line.split_whitespace().map(str::to_string).collect()).collect()
}

/// How this test opens a store that a column of the tables is about, with the options that it cannot do without.
fn url(store: &str) -> String {
    match store {
        "memory" => "memory://header".to_string(),
        "file" => format!("file://{}", c::folder("store", &Headers { files: Vec::new() }).display()),
        "s3" | "az" | "gs" => format!("{store}://bucket"),
        "http" => "https://127.0.0.1:1/".to_string(),
        _ => panic!("a table of store.h names the store {store}: say here how to open one"),
    }
}

fn capability_table(headers: &Headers) -> Vec<Vec<String>> {
    table(headers.file("blobferry/store.h"), "capability")
}

fn option_table(headers: &Headers) -> Vec<Vec<String>> {
    table(headers.file("blobferry/store.h"), "option")
}

fn number(headers: &Headers, constant: &str) -> i64 {
    let value = headers.constant(constant);
    value.trim_matches(['(', ')', 'u']).parse().unwrap_or_else(|_| panic!("{constant} is {value}"))
}

/// The names of a vendor's options, as the paragraph of store.h lists them.
fn vendor_options(headers: &Headers, store: &str) -> BTreeSet<String> {
    let text = headers.file("blobferry/store.h");
    let lines = text.lines().map(|line| line.trim_start_matches([' ', '*']).trim());
    let heads = ["s3: ", "az: ", "gs: "];
    let own = format!("{store}: ");
    let lines = lines.skip_while(|line| !line.starts_with(&own)).enumerate();
    let own_lines = lines.take_while(|(index, line)| {
        !line.is_empty() && (*index == 0 || !heads.iter().any(|head| line.starts_with(head)))
    });
    let listed: String = own_lines.map(|(_, line)| format!("{} ", line.strip_prefix(&own).unwrap_or(line))).collect();
    listed.split(',').filter_map(|option| option.split_whitespace().next()).map(str::to_string).collect()
}

const PROGRAM: &str = r#"
/* What a store over a network cannot be opened without. */
static const blobferry_pair_t needed[] = {{"credentials", "anonymous"}, {"account_name", "account"}};

static size_t needs(const char *name) {
  if (strcmp(name, "az") == 0) return 2;
  return strcmp(name, "s3") == 0 || strcmp(name, "gs") == 0 ? 1 : 0;
}

static void ask_options(blobferry_service_t *service, const char *name, const char *url) {
  for (size_t i = 0; i < sizeof options / sizeof options[0]; i++) {
    blobferry_store_t *store = NULL;
    blobferry_error_t *error = NULL;
    blobferry_pair_t   given[3];
    size_t             count = 0;
    for (size_t n = 0; n < needs(name); n++)
      if (strcmp(needed[n].key, options[i].key) != 0) given[count++] = needed[n];
    given[count++] = options[i];
    blobferry_status_t status = blobferry_store_open(service, url, given, count, &store, &error);
    printf("option %s %s=%s: %s %s\n", name, options[i].key, options[i].value, blobferry_status_name(status),
           blobferry_error_message(error));
    blobferry_error_free(error);
    blobferry_store_free(store);
  }
}

int main(void) {
  blobferry_service_t *service = NULL;
  if (blobferry_service_new(NULL, &service, NULL) != BLOBFERRY_OK) return 1;
  printf("version: %s\n", blobferry_version());
  printf("abi: %u\n", blobferry_abi_version());
  for (int status = -300; status <= 100; status++) printf("status %d: %s\n", status, blobferry_status_name(status));
  for (size_t i = 0; i < sizeof stores / sizeof stores[0]; i++) {
    blobferry_store_t *store = NULL;
    size_t             count = needs(stores[i].key);
    if (blobferry_store_open(service, stores[i].value, needed, count, &store, NULL) != BLOBFERRY_OK) return 2;
    printf("capabilities %s: %llu\n", stores[i].key, (unsigned long long)blobferry_store_capabilities(store));
    blobferry_store_free(store);
    ask_options(service, stores[i].key, stores[i].value);
  }
  blobferry_service_free(service);
  return 0;
}
"#;

fn pairs(name: &str, pairs: impl Iterator<Item = (String, String)>) -> String {
    let rows: String = pairs.map(|(key, value)| format!("  {{\"{key}\", \"{value}\"}},\n")).collect();
    format!("static const blobferry_pair_t {name}[] = {{\n{rows}}};\n")
}

/// Everything the library answers, by question; asked once for all tests here.
fn answers() -> &'static BTreeMap<String, String> {
    static ANSWERS: OnceLock<BTreeMap<String, String>> = OnceLock::new();
    ANSWERS.get_or_init(|| {
        let headers = Headers::read();
        let stores = capability_table(&headers)[0][1..].to_vec();
        let options = option_table(&headers)[1..].to_vec();
        let mut code = "#include <blobferry.h>\n#include <stdio.h>\n#include <string.h>\n\n".to_string();
        code += &pairs("stores", stores.into_iter().map(|store| (store.clone(), url(&store))));
        // Each option as it is, then misspelt.
        let spelt = options.iter().map(|row| (row[0].clone(), row[1].clone()));
        let misspelt = options.iter().map(|row| (row[0].clone() + "x", row[1].clone()));
        code += &pairs("options", spelt.chain(misspelt));
        code += PROGRAM;
        let printed = c::run("truth", &code);
        printed
            .lines()
            .filter_map(|line| line.split_once(": "))
            .map(|(question, answer)| (question.to_string(), answer.to_string()))
            .collect()
    })
}

#[test]
fn the_library_tells_the_versions_of_the_header() {
    let headers = Headers::read();
    assert_eq!(format!("\"{}\"", answers()["version"]), headers.constant("BLOBFERRY_VERSION"));
    assert_eq!(answers()["abi"], headers.constant("BLOBFERRY_ABI_VERSION"));
}

#[test]
fn the_library_knows_the_statuses_of_the_header_and_no_others() {
    let headers = Headers::read();
    let is_status = |name: &str| name == "BLOBFERRY_OK" || name.starts_with("BLOBFERRY_E_");
    let names = headers.constants().into_iter().map(|(name, _)| name).filter(|name| is_status(name));
    let declared: BTreeMap<i64, String> = names.map(|name| (number(&headers, &name), name)).collect();
    assert!(declared.len() > 20, "found only {declared:?}");
    for status in -300..=100 {
        let wanted = declared.get(&status).map_or("BLOBFERRY_E_UNKNOWN", String::as_str);
        assert_eq!(answers()[&format!("status {status}")], wanted, "{status}");
    }
}

/// The bits of each store, as the table of store.h says them.
fn bits_of_the_table(headers: &Headers) -> BTreeMap<String, i64> {
    let rows = capability_table(headers);
    let listed: Vec<&String> = rows[1..].iter().map(|row| &row[0]).collect();
    let declared = headers.constants();
    let declared: Vec<&String> =
        declared.iter().map(|(name, _)| name).filter(|name| name.starts_with("BLOBFERRY_CAN_")).collect();
    assert_eq!(listed, declared, "the rows of the capability table");
    let columns = rows[0].iter().enumerate().skip(1);
    columns
        .map(|(column, store)| {
            let can = rows[1..].iter().filter(|row| match row[column].as_str() {
                "yes" => true,
                // The stores are opened here without keys.
                "no" | "keys" => false,
                other => panic!("{other} is neither yes, keys nor no"),
            });
            (store.clone(), can.map(|row| number(headers, &row[0])).sum())
        })
        .collect()
}

fn bits_of_the_library() -> BTreeMap<String, i64> {
    let lines = answers().iter().filter_map(|(question, bits)| Some((question.strip_prefix("capabilities ")?, bits)));
    lines.map(|(store, bits)| (store.to_string(), bits.parse().expect("a number"))).collect()
}

#[test]
fn each_store_can_do_what_its_column_says() {
    let headers = Headers::read();
    assert_eq!(bits_of_the_table(&headers), bits_of_the_library());
    let row = "BLOBFERRY_CAN_PUT_UPDATE               yes     no ";
    let wrong = headers.edited(row, "BLOBFERRY_CAN_PUT_UPDATE               yes     yes");
    assert_ne!(bits_of_the_table(&wrong), bits_of_the_library());
}

/// Answers that differ from what the option table promises.
fn option_problems(headers: &Headers) -> String {
    let rows = option_table(headers);
    let mut problems = String::new();
    for store in bits_of_the_library().keys() {
        let is_net = ["s3", "az", "gs", "http"].contains(&store.as_str());
        let is_of_store = |row: &&Vec<String>| row[2] == "all" || row[2] == *store || (row[2] == "net" && is_net);
        let of_rows: BTreeSet<&str> = rows[1..].iter().filter(is_of_store).map(|row| row[0].as_str()).collect();
        let of_vendor = vendor_options(headers, store);
        let known: BTreeSet<&str> = of_rows.iter().copied().chain(of_vendor.iter().map(String::as_str)).collect();
        for row in &rows[1..] {
            let (option, default) = (&row[0], &row[1]);
            let is_known = of_rows.contains(option.as_str());
            let answer = &answers()[&format!("option {store} {option}={default}")];
            // A row without a default says what is known, not what is good.
            let is_good = answer.starts_with("BLOBFERRY_OK ") || (default == "-" && is_known);
            if is_good != is_known || answer.contains("unknown option") == is_known {
                writeln!(problems, "{store}, {option}={default}: {answer}").expect("text");
            }
            // A misspelt one is refused with the nearest, and with all that the store knows.
            let answer = &answers()[&format!("option {store} {option}x={default}")];
            let all: BTreeSet<&str> = words(answer.split_once(" knows ").unwrap_or_default().1).collect();
            let is_named = !is_known || answer.contains(&format!("`{option}`"));
            if !answer.starts_with("BLOBFERRY_E_ARGUMENT ") || !is_named || all != known {
                writeln!(problems, "{store}, {option}x={default}: {answer}").expect("text");
            }
        }
    }
    problems
}

#[test]
fn each_store_takes_the_options_of_its_rows() {
    let headers = Headers::read();
    assert!(option_table(&headers).len() > 4, "found only {:?}", option_table(&headers));
    assert!(vendor_options(&headers, "s3").contains("region"), "{:?}", vendor_options(&headers, "s3"));
    assert_eq!(option_problems(&headers), "");
    let row = "create                       false    file";
    let wrong = headers.edited(row, "create                       false    all ");
    assert!(option_problems(&wrong).contains("memory, create=false"), "{}", option_problems(&wrong));
    let wrong = headers.edited("service_account (a file)", "service_acount (a file)");
    assert!(option_problems(&wrong).contains("gs, "), "{}", option_problems(&wrong));
}
