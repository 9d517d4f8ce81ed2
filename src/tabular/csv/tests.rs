//! What a blob becomes: its values, and the texts of its errors.

use super::open::{Limits, begin};
use super::source::Pieces;
use crate::error::{Error, Kind, Result};
use crate::service::Service;
use crate::tabular::format::{CsvOptions, DecodeOptions, Format, OnError, Ragged};
use arrow_array::RecordBatch;
use arrow_cast::display::{ArrayFormatter, FormatOptions};
use arrow_schema::{DataType, Field, Schema, SchemaRef, TimeUnit};
use async_trait::async_trait;
use bytes::Bytes;
use std::collections::VecDeque;
use std::sync::Arc;

struct Given(VecDeque<Bytes>);

#[async_trait]
impl Pieces for Given {
    async fn next(&mut self) -> Result<Option<Bytes>> {
        Ok(self.0.pop_front())
    }
}

/// Everything that a blob becomes: a text for each value, with quotes; null is `-`.
#[derive(Debug, PartialEq)]
struct Read {
    schema: SchemaRef,
    rows: Vec<Vec<String>>,
    skipped: u64,
}

/// Reads blobs in one service.
struct Bench {
    service: Service,
}

impl Bench {
    fn new() -> Bench {
        Bench { service: Service::new(Default::default()).unwrap() }
    }

    fn read_cut(
        &self,
        bytes: &[u8],
        options: &DecodeOptions,
        limits: Limits,
        mut piece: impl FnMut() -> usize,
    ) -> Result<Read> {
        let mut pieces = VecDeque::new();
        let mut rest = bytes;
        while !rest.is_empty() {
            let (piece, behind) = rest.split_at(piece().clamp(1, rest.len()));
            pieces.push_back(Bytes::copy_from_slice(piece));
            rest = behind;
        }
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        runtime.block_on(async {
            let mut reader = begin(self.service.shared().clone(), Box::new(Given(pieces)), options, limits).await?;
            let (schema, mut rows) = (reader.found().schema.clone(), Vec::new());
            while let Some(batch) = reader.next().await? {
                assert!(batch.num_rows() > 0);
                rows.extend(texts(&batch));
            }
            Ok(Read { schema, rows, skipped: reader.skipped() })
        })
    }

    fn read(&self, bytes: impl AsRef<[u8]>, options: &DecodeOptions) -> Result<Read> {
        self.read_cut(bytes.as_ref(), options, Limits::new(options, 2), || usize::MAX)
    }

    /// The rows, as one text.
    fn rows(&self, bytes: impl AsRef<[u8]>, options: &DecodeOptions) -> String {
        let rows = self.read(bytes, options).unwrap().rows;
        rows.iter().map(|row| row.join(" ")).collect::<Vec<_>>().join("|")
    }

    fn error(&self, bytes: impl AsRef<[u8]>, options: &DecodeOptions) -> Error {
        self.read(bytes, options).unwrap_err()
    }

    /// What the types of the columns are inferred to be.
    fn types(&self, bytes: impl AsRef<[u8]>) -> String {
        let schema = self.read(bytes, &options(|_| {})).unwrap().schema;
        schema.fields().iter().map(|field| field.data_type().to_string()).collect::<Vec<_>>().join(" ")
    }
}

fn texts(batch: &RecordBatch) -> Vec<Vec<String>> {
    let format = FormatOptions::default();
    let columns: Vec<_> =
        batch.columns().iter().map(|column| ArrayFormatter::try_new(column, &format).unwrap()).collect();
    let text = |column: usize, row: usize| match batch.column(column).is_null(row) {
        true => "-".to_string(),
        false if batch.column(column).data_type().is_string() => {
            format!("{:?}", columns[column].value(row).to_string())
        }
        false => columns[column].value(row).to_string(),
    };
    (0..batch.num_rows()).map(|row| (0..columns.len()).map(|column| text(column, row)).collect()).collect()
}

fn options(change: impl FnOnce(&mut CsvOptions)) -> DecodeOptions {
    let mut options = DecodeOptions::new(Format::Csv);
    change(&mut options.csv);
    options
}

fn schema(fields: &[(&str, DataType)]) -> Option<SchemaRef> {
    let fields: Vec<_> = fields.iter().map(|(name, data_type)| Field::new(*name, data_type.clone(), true)).collect();
    Some(Arc::new(Schema::new(fields)))
}

fn with_schema(fields: &[(&str, DataType)], change: impl FnOnce(&mut CsvOptions)) -> DecodeOptions {
    DecodeOptions { schema: schema(fields), ..options(change) }
}

#[test]
fn nulls_and_empty_texts_are_told_apart() {
    let bench = Bench::new();
    let plain = options(|_| {});
    assert_eq!(bench.rows("a,b\n,\"\"\nx,\"y\"\n", &plain), r#"- ""|"x" "y""#);
    let named = options(|csv| csv.null_texts = vec!["NA".to_string(), "-".to_string()]);
    assert_eq!(bench.rows("a,b\nNA,\"NA\"\n-,\n1,x\n", &named), "- \"NA\"|- -|1 \"x\"");
    // Empty lines are records of one column, and nothing where there are more.
    assert_eq!(bench.rows("a\n1\n\n2\n\n", &plain), "1|-|2|-");
    assert_eq!(bench.rows("\n\na,b\n\n1,2\r\n\r\n3,4\n\n", &plain), "1 2|3 4");
}

#[test]
fn line_ends_quotes_and_dialects() {
    let bench = Bench::new();
    let plain = options(|_| {});
    assert_eq!(bench.rows("a,b\r\n1,x\r\n2,\"y\r\nz\"\r\n3,w", &plain), r#"1 "x"|2 "y\r\nz"|3 "w""#);
    assert_eq!(bench.rows("a,b\n1\rx,2\r\n3\r,\"4\r\"", &plain), r#""1\rx" "2"|"3\r" "4\r""#);
    assert_eq!(
        bench.rows("a,b\n5\" disk,\"abc\"def\n\"a\"\"b\",x\"y\"\n", &plain),
        r#""5\" disk" "abcdef"|"a\"b" "x\"y\"""#
    );
    let other = options(|csv| {
        (csv.delimiter, csv.quote, csv.escape, csv.comment) = (b'\t', Some(b'\''), Some(b'\\'), Some(b'#'));
        csv.skip_lines = 2;
    });
    let text = "one\n'two\n# it's\na\tb\n#x\n'it\\'s'\t\"#\n'#y'\t'\\\\'\n# the end";
    assert_eq!(bench.rows(text, &other), r##""it's" "\"#"|"#y" "\\""##);
    let bare = options(|csv| csv.quote = None);
    assert_eq!(bench.rows("a,b\n\"1,2\"\n", &bare), r#""\"1" "2\"""#);
    assert_eq!(bench.rows(b"\xEF\xBB\xBF\"a\",b\n1,2\n", &plain), "1 2");
    assert_eq!(bench.read(b"\xEF\xBB\xBFa,b\n1,2\n", &plain).unwrap().schema.field(0).name(), "a");
    let utf16: Vec<u8> = "\u{FEFF}a,b\n1,é\n".encode_utf16().flat_map(u16::to_le_bytes).collect();
    assert_eq!(bench.rows(utf16, &plain), "1 \"é\"");
    assert_eq!(bench.rows(b"a\ncaf\xE9\n", &options(|csv| csv.encoding = Some("latin1".to_string()))), "\"café\"");
}

#[test]
fn headers() {
    let bench = Bench::new();
    let names = |text: &str, options: &DecodeOptions| {
        let schema = bench.read(text, options).unwrap().schema;
        schema.fields().iter().map(|field| field.name().clone()).collect::<Vec<_>>()
    };
    let (plain, bare) = (options(|_| {}), options(|csv| csv.has_header = false));
    assert_eq!(names("a,\"b\"\"c\n\",,a\n", &plain), ["a", "b\"c\n", "", "a"]);
    assert_eq!(names("x,y", &bare), ["column_1", "column_2"]);
    assert_eq!(bench.rows("1,x\n2,y\n", &bare), "1 \"x\"|2 \"y\"");
    assert_eq!(bench.rows("a,b\n", &plain), "");
    for text in ["", "\n\n", "\r\n"] {
        let error = bench.error(text, &plain);
        assert!(error.kind == Kind::Integrity && error.message.contains("has no header"), "{error}");
        assert_eq!(bench.rows(text, &with_schema(&[("a", DataType::Int8), ("b", DataType::Utf8)], |_| {})), "");
    }
    let twice = |columns: &[&str]| DecodeOptions {
        columns: Some(columns.iter().map(|name| name.to_string()).collect()),
        ..options(|_| {})
    };
    assert_eq!(bench.rows("a,b,a\n1,2,3\n", &twice(&["b"])), "2");
    assert_eq!(bench.rows("a,b,c\n1,2,3\n4,5,6\n", &twice(&["c", "a"])), "1 3|4 6");
    assert_eq!(bench.error("a,b,a\n1,2,3\n", &twice(&["a"])).kind, Kind::Argument);
    assert_eq!(bench.error("a,b\n1,2\n", &twice(&["c"])).kind, Kind::Argument);
    // Nothing but the number of rows.
    assert_eq!(bench.read("a,b\n1,2\n3,4\n", &twice(&[])).unwrap().rows.len(), 2);
}

#[test]
fn inferred_types_give_the_bytes_back() {
    let bench = Bench::new();
    for (values, wanted) in [
        ("1,-5,0", "Int64"),
        ("00123,1", "Utf8"),
        ("+1,2", "Utf8"),
        ("1,2.5", "Float64"),
        ("9007199254740993,2.5", "Utf8"),
        ("9223372036854775807", "Int64"),
        ("9223372036854775808", "Utf8"),
        ("1.5,NaN,-inf", "Float64"),
        ("NaN,inf", "Utf8"),
        ("true,FALSE,True", "Boolean"),
        ("true,1", "Utf8"),
        ("2024-02-29,1970-01-01", "Date32"),
        ("2024-13-45,2024-01-01", "Utf8"),
        ("2024-01-01T10:00:00,2024-01-01 10:00:00.5", "Timestamp(µs)"),
        ("2024-01-01T10:00:00.123456789", "Timestamp(ns)"),
        ("2024-01-01T10:00:00.123456789,1600-01-01T00:00:00", "Utf8"),
        ("2024-01-01T10:00:00+02:00,2024-01-01T10:00:00Z", "Timestamp(µs, \"UTC\")"),
        ("2024-01-01T10:00:00+02:00,2024-01-01T10:00:00", "Utf8"),
        ("2024-01-01,2024-01-01T10:00:00", "Utf8"),
        ("10:00:00", "Utf8"),
        (",", "Utf8"),
        ("1,\"\"", "Utf8"),
        ("1,,\"2\"", "Int64"),
        (" 1", "Utf8"),
    ] {
        let text = format!("a,b\n{}", values.split(',').map(|value| format!("{value},x\n")).collect::<String>());
        assert_eq!(bench.types(&text), format!("{wanted} Utf8"), "{values}");
    }
    assert_eq!(bench.rows("t,u\n2024-01-01T10:00:00+02:00,1\n", &options(|_| {})), "2024-01-01T08:00:00Z 1");
    // The sample is the first mebibyte, or so many records.
    let long = format!("a,b\n{}x,1\n", "1,1\n".repeat(1 << 20));
    let error = bench.error(&long, &options(|_| {}));
    let line = (1 << 20) + 2;
    let start =
        format!("line {line} (record {}), column \"a\" (1st), byte {}: \"x\" is no Int64", line - 1, 4 * (line - 1));
    assert!(error.message.starts_with(&start) && error.message.contains("schema"), "{error}");
    let first = options(|csv| csv.infer_rows = 2);
    assert_eq!(bench.read("a\n1\n2\n3\n", &first).unwrap().schema.field(0).data_type(), &DataType::Int64);
    assert!(bench.error("a\n1\n2\n007\n", &first).message.starts_with("line 4 (record 3), column \"a\" (1st), byte 6"));
    let all = options(|csv| csv.infer_rows = u64::MAX);
    assert_eq!(bench.read(&long, &all).unwrap().schema.field(0).data_type(), &DataType::Utf8);
}

#[test]
fn given_types() {
    use DataType::*;
    let bench = Bench::new();
    let of = |data_type: DataType, values: &str| {
        let text = format!("a,b\n{}", values.split('|').map(|value| format!("{value},\n")).collect::<String>());
        let options = DecodeOptions {
            columns: Some(vec!["a".to_string()]),
            ..with_schema(&[("b", Utf8), ("a", data_type)], |_| {})
        };
        bench.read(text, &options).map(|read| read.rows.concat().join("|")).map_err(|error| error.message)
    };
    let dictionary = Dictionary(Int8.into(), Utf8.into());
    let zone = |unit, name: &str| Timestamp(unit, Some(name.into()));
    for (data_type, values, wanted) in [
        (Int8, "-128||+007", "-128|-|7"),
        (UInt64, "18446744073709551615", "18446744073709551615"),
        (Float16, "1.5|-2", "1.5|-2"),
        (Float32, "0.1|1e3", "0.1|1000.0"),
        (Float64, "0.1|NaN|", "0.1|NaN|-"),
        (Boolean, "tRue|0", "true|false"),
        (LargeUtf8, "\"\"|é|", "\"\"|\"é\"|-"),
        (Utf8View, "a|a text that is longer than twelve bytes", "\"a\"|\"a text that is longer than twelve bytes\""),
        (Null, "|", "|"),
        (Date32, "2024-02-29", "2024-02-29"),
        (Date64, "2024-02-29|1970-01-02T00:00:01", "2024-02-29T00:00:00|1970-01-02T00:00:01"),
        (Time32(TimeUnit::Millisecond), "12:30:00.5|01:02", "12:30:00.500|01:02:00"),
        (Time64(TimeUnit::Nanosecond), "00:00:00.000000001", "00:00:00.000000001"),
        (
            Timestamp(TimeUnit::Second, None),
            "2024-01-01|2024-01-01T02:00:00",
            "2024-01-01T00:00:00|2024-01-01T02:00:00",
        ),
        (zone(TimeUnit::Millisecond, "Europe/Berlin"), "2024-07-01T12:00:00", "2024-07-01T12:00:00+02:00"),
        (zone(TimeUnit::Millisecond, "UTC"), "2024-07-01T12:00:00.25+02:00", "2024-07-01T10:00:00.250Z"),
        (Duration(TimeUnit::Second), "90", "PT90S"),
        (Decimal32(5, 2), "999.99|-1", "999.99|-1.00"),
        (Decimal128(38, 10), "1234567890123456789012345678.0123456789", "1234567890123456789012345678.0123456789"),
        (
            Decimal256(76, 0),
            "12345678901234567890123456789012345678901234567890",
            "12345678901234567890123456789012345678901234567890",
        ),
        (dictionary.clone(), "x|y||x", "x|y|-|x"),
    ] {
        assert_eq!(of(data_type.clone(), values).as_deref(), Ok(wanted), "{data_type}");
    }
    for (data_type, value) in [
        (Int8, "128"),
        (UInt8, "-1"),
        (Int64, "\"\""),
        (Int64, "1.0"),
        (Float64, "1e999"),
        (Float16, "65520"),
        (Null, "x"),
        (Timestamp(TimeUnit::Second, None), "2024-01-01T02:00:00+02:00"),
        (Boolean, "yes"),
        (Date32, "2024-02-30"),
        (Time32(TimeUnit::Second), "12:30:00.5"),
        (Timestamp(TimeUnit::Millisecond, None), "2024-01-01T00:00:00.0001"),
        (Timestamp(TimeUnit::Nanosecond, None), "2300-01-01T00:00:00"),
        (zone(TimeUnit::Second, "Europe/Berlin"), "2024-03-31T02:30:00"),
        (Decimal32(5, 2), "1000"),
        (Decimal128(38, 2), "0.001"),
    ] {
        let shown = value.trim_matches('"');
        let wanted = format!("line 3 (record 2), column \"a\" (1st), byte 6: {shown:?} is no {data_type}");
        assert_eq!(of(data_type, &format!("|{value}")).unwrap_err(), wanted);
    }
    let many: Vec<_> = (0..129).map(|number| number.to_string()).collect();
    assert!(
        of(dictionary, &many.join("|")).unwrap_err().ends_with("\"128\" is one text more than there are keys of Int8")
    );
    for data_type in [Binary, Interval(arrow_schema::IntervalUnit::DayTime), Struct(Default::default())] {
        let error = bench.error("a\n1\n", &with_schema(&[("a", data_type.clone())], |_| {}));
        assert!(error.kind == Kind::Unsupported && error.message.contains(&data_type.to_string()), "{error}");
    }
    assert_eq!(
        bench.error("a\n1\n", &with_schema(&[("a", zone(TimeUnit::Second, "Mars/Base"))], |_| {})).kind,
        Kind::Argument
    );
}

#[test]
fn schemas_meet_headers_by_name_and_records_by_place() {
    use DataType::*;
    let bench = Bench::new();
    let fields = [("b", Utf8), ("a", Int8), ("none", Int8)];
    assert_eq!(bench.rows("a,c,b\n1,2,3\n", &with_schema(&fields, |_| {})), "1 \"3\"");
    assert_eq!(bench.rows("3,1,\n", &with_schema(&fields, |csv| csv.has_header = false)), "\"3\" 1 -");
    assert_eq!(bench.rows("\n1\n", &with_schema(&fields[1..2], |csv| csv.has_header = false)), "-|1");
    let found = bench.read("a,c,b\n1,2,3\n", &with_schema(&fields, |_| {})).unwrap().schema;
    assert_eq!(found.fields().iter().map(|field| field.data_type().clone()).collect::<Vec<_>>(), [Int8, Int64, Utf8]);
    let strict: SchemaRef = Arc::new(Schema::new(vec![Field::new("a", Int8, false)]));
    let strict = DecodeOptions { schema: Some(strict), ..options(|_| {}) };
    assert_eq!(
        bench.error("a\n1\n\n", &strict).message,
        "line 3 (record 2), column \"a\" (1st), byte 4: it is null, and the column must not be"
    );
}

#[test]
fn errors_tell_where() {
    use DataType::*;
    let bench = Bench::new();
    let types = [("id", Int64), ("price", Float64), ("name", Utf8)];
    let message = |text: &[u8], change: fn(&mut CsvOptions)| {
        let error = bench.error(text, &with_schema(&types, change));
        assert_eq!(error.kind, Kind::Integrity);
        error.message
    };
    let text = b"#c\n\nid,price,name\n1,2,\"x\ny\"\n\n2,12x,y\n3,4,z\n";
    let wanted = "line 7 (record 2), column \"price\" (2nd), byte 31: \"12x\" is no Float64";
    assert_eq!(message(text, |csv| csv.comment = Some(b'#')), wanted);
    // The first record with something wrong, and the first thing in it; however long the columns before are.
    let text = b"id,price,name\n1,2,\xFF\nx,y,z\n";
    assert_eq!(message(text, |_| {}), "line 2 (record 1), column \"name\" (3rd), byte 18: \"\\xFF\" is not UTF-8");
    let text = b"id,price,name\n1,2,a\nx,y,\xFF\n1,2\n";
    assert_eq!(message(text, |_| {}), "line 3 (record 2), column \"id\" (1st), byte 20: \"x\" is no Int64");
    let text = b"id,price,name\n1,2,a\n1,2\n1,2,3,4\n";
    assert_eq!(message(text, |_| {}), "line 3 (record 2), byte 20: the record has 2 fields, and the header has 3");
    assert_eq!(
        message(text, |csv| csv.ragged = Ragged::Fill),
        "line 4 (record 3), byte 24: the record has 4 fields, and the header has 3"
    );
    // It names the line of the quote, not that of the record.
    let text = b"id,price,name\n1,2,a\n3,\"\n4\",\"6\n";
    assert_eq!(message(text, |_| {}), "line 4 (record 2), byte 27: the quote that opens here is never closed");
    let text = format!("id,price,name\n1,2,{}\n", "x".repeat(100));
    let wanted = "line 2 (record 1), byte 14: the record has more than 50 bytes, which is the most a record may have \
                  (max_record)";
    assert_eq!(message(text.as_bytes(), |csv| csv.max_record = 50), wanted);
    let text = format!("id,price,name\n1,2,\"{}", "x\n".repeat(100));
    let wanted = format!("{wanted}; a quote that opens in line 2 is not closed in them");
    assert_eq!(message(text.as_bytes(), |csv| csv.max_record = 50), wanted);
    assert!(message(b"id,price,name\n1,2,\"x", |_| {}).starts_with("line 2 (record 1), byte 18: the quote"));
    let error = bench.error("x\"\ny\"\n\"z", &options(|_| {}));
    assert_eq!(error.message, "line 3 (record 2), byte 6: the quote that opens here is never closed");
    let long = format!("id,price,name\n{},2,3\n", "é".repeat(40));
    let wanted = format!("line 2 (record 1), column \"id\" (1st), byte 14: \"{}\"… is no Int64", "é".repeat(32));
    assert_eq!(message(long.as_bytes(), |_| {}), wanted);
}

#[test]
fn what_is_wrong_is_null_or_left_out() {
    use DataType::*;
    let bench = Bench::new();
    let types = [("a", Int64), ("b", Utf8)];
    let of = |change: fn(&mut CsvOptions)| {
        let read = bench.read(b"a,b\n1,x\ny,y\n2,\xFF\n3\n4,z,w\ny,\xFF\n5,e\n", &with_schema(&types, change));
        read.map(|read| (read.rows.iter().map(|row| row.join(" ")).collect::<Vec<_>>().join("|"), read.skipped))
            .map_err(|error| error.message)
    };
    assert_eq!(of(|csv| csv.on_error = OnError::Skip), Ok(("1 \"x\"|5 \"e\"".to_string(), 5)));
    assert!(
        of(|csv| csv.on_error = OnError::Null)
            .unwrap_err()
            .starts_with("line 5 (record 4), byte 16: the record has 1 field")
    );
    let (rows, skipped) = of(|csv| (csv.on_error, csv.ragged) = (OnError::Null, Ragged::FillAndCut)).unwrap();
    assert_eq!((rows.as_str(), skipped), ("1 \"x\"|- \"y\"|2 -|3 -|4 \"z\"|- -|5 \"e\"", 0));
    let (rows, skipped) = of(|csv| (csv.on_error, csv.ragged) = (OnError::Skip, Ragged::Fill)).unwrap();
    assert_eq!((rows.as_str(), skipped), ("1 \"x\"|3 -|5 \"e\"", 4));
}

/// A field: whether it was quoted, and its content.
type Plain = (bool, Vec<u8>);

/// The records, by the rules and nothing else; none where a quote is left open.
fn reference(bytes: &[u8], csv: &CsvOptions) -> Option<Vec<Vec<Plain>>> {
    let (mut records, mut at) = (Vec::new(), 0);
    while at < bytes.len() {
        if csv.comment == Some(bytes[at]) {
            at += bytes[at..].iter().position(|byte| *byte == b'\n').map_or(bytes.len() - at, |end| end + 1);
            continue;
        }
        let mut record = Vec::new();
        loop {
            let (mut content, mut is_quoted) = (Vec::new(), false);
            if at < bytes.len() && csv.quote == Some(bytes[at]) {
                is_quoted = true;
                at += 1;
                loop {
                    let byte = *bytes.get(at)?;
                    at += 1;
                    if Some(byte) == csv.quote {
                        if bytes.get(at).copied() != csv.quote {
                            break;
                        }
                        at += 1;
                    } else if Some(byte) == csv.escape {
                        content.push(*bytes.get(at)?);
                        at += 1;
                        continue;
                    }
                    content.push(byte);
                }
            }
            let rest = &bytes[at..];
            let end =
                rest.iter().position(|byte| matches!(byte, b'\n') || *byte == csv.delimiter).unwrap_or(rest.len());
            at += end;
            let is_last = rest.get(end).copied() != Some(csv.delimiter);
            let rest = if is_last { rest[..end].strip_suffix(b"\r").unwrap_or(&rest[..end]) } else { &rest[..end] };
            content.extend_from_slice(rest);
            record.push((is_quoted, content));
            at += 1;
            if is_last {
                break;
            }
        }
        records.push(record);
    }
    Some(records)
}

/// The rows that a table of texts has of these records.
fn wanted(records: Vec<Vec<Plain>>, width: usize) -> (Vec<Vec<String>>, u64) {
    let (mut rows, mut skipped) = (Vec::new(), 0);
    for record in records {
        if width != 1 && record.len() == 1 && record[0] == (false, Vec::new()) {
            continue;
        }
        if record.len() > width {
            skipped += 1;
            continue;
        }
        let text = |field: Option<&Plain>| match field {
            Some((is_quoted, content)) if *is_quoted || !content.is_empty() => {
                format!("{:?}", String::from_utf8_lossy(content))
            }
            _ => "-".to_string(),
        };
        rows.push((0..width).map(|column| text(record.get(column))).collect());
    }
    (rows, skipped)
}

#[test]
fn what_is_read_does_not_depend_on_how_it_comes() {
    let bench = Bench::new();
    let mut random = fastrand::Rng::with_seed(77);
    let (mut read, mut refused) = (0, 0);
    for round in 0..1500 {
        let width = random.usize(1..4);
        let fields: Vec<_> = ["a", "b", "c"][..width].iter().map(|name| (*name, DataType::Utf8)).collect();
        let options = with_schema(&fields, |csv| {
            (csv.has_header, csv.ragged, csv.on_error) = (false, Ragged::Fill, OnError::Skip);
            csv.comment = (round % 3 == 0).then_some(b'#');
            csv.escape = (round % 4 == 0).then_some(b'\\');
            csv.quote = (csv.escape.is_some() || round % 7 != 0).then_some(b'"');
        });
        // Well-formed records for the most part, so that they are long enough; and some that are not.
        let mut bytes = Vec::new();
        while bytes.len() < random.usize(1..900) {
            for column in 0..width {
                match random.usize(..if round % 2 == 0 { 40 } else { 400 }) {
                    0 => bytes.extend((0..random.usize(..6)).map(|_| b"a,\"\n\r\\#"[random.usize(..7)])),
                    pick if pick % 3 == 1 => bytes.extend_from_slice(b"\"x, \"\"y\"\"\n\r\nz\""),
                    pick if pick % 3 == 2 => bytes.extend_from_slice(b"5\" disk"),
                    _ => bytes.extend(std::iter::repeat_n(b'v', random.usize(..30))),
                }
                bytes.extend_from_slice(if column + 1 < width {
                    b","
                } else {
                    [&b"\n"[..], b"\r\n"][random.usize(..2)]
                });
            }
        }
        bytes.truncate(bytes.len() - random.usize(..3).min(bytes.len()));
        let whole = bench.read(&bytes, &options).map_err(|error| error.message);
        let mut limits = Limits::new(&options, 2);
        (limits.segment, limits.group, limits.rows) =
            (64 * random.usize(1..5), random.usize(1..500), random.usize(1..20));
        let largest = random.usize(1..200);
        let cut = bench.read_cut(&bytes, &options, limits, || random.usize(1..=largest)).map_err(|error| error.message);
        assert_eq!(whole, cut, "{:?}", String::from_utf8_lossy(&bytes));
        match (reference(&bytes, &options.csv), cut) {
            (Some(records), Ok(cut)) => {
                assert_eq!((cut.rows, cut.skipped), wanted(records, width), "{:?}", String::from_utf8_lossy(&bytes));
                read += 1;
            }
            (None, Err(message)) => {
                assert!(message.ends_with("never closed"), "{message}");
                refused += 1;
            }
            (records, cut) => panic!("{:?}: {records:?}, {cut:?}", String::from_utf8_lossy(&bytes)),
        }
    }
    assert!(read > 1000 && refused > 40, "{read} {refused}");
}

#[test]
fn errors_do_not_depend_on_how_the_bytes_come() {
    let bench = Bench::new();
    let mut random = fastrand::Rng::with_seed(78);
    let types = [("a", DataType::Int64), ("b", DataType::Utf8), ("c", DataType::Date32)];
    let mut failed = 0;
    for _ in 0..300 {
        let options = with_schema(&types, |csv| csv.max_record = if random.bool() { 60 } else { 1000 });
        let mut bytes = b"a,b,c\n".to_vec();
        for _ in 0..random.usize(..40) {
            let a = ["1", "22", "", "x"][random.usize(..40).saturating_sub(36)];
            let b =
                [&b"x"[..], b"\"y\nz\"", b"", b"5\" disk", b"\xFF", &[b'l'; 61]][random.usize(..40).saturating_sub(34)];
            let c = ["2024-01-01", "", "2024-1-1"][random.usize(..40).saturating_sub(37)];
            bytes.extend_from_slice(&[a.as_bytes(), b, c.as_bytes()].join(&b','));
            bytes.extend_from_slice(if random.usize(..50) == 0 { b",\n" } else { b"\n" });
        }
        let whole = bench.read(&bytes, &options).map_err(|error| error.message);
        let mut limits = Limits::new(&options, 2);
        (limits.segment, limits.group, limits.rows) =
            (64 * random.usize(1..5), random.usize(1..500), random.usize(1..20));
        let largest = random.usize(1..200);
        let cut = bench.read_cut(&bytes, &options, limits, || random.usize(1..=largest)).map_err(|error| error.message);
        failed += usize::from(cut.is_err());
        assert_eq!(whole, cut, "{:?}", String::from_utf8_lossy(&bytes));
    }
    assert!(failed > 100, "{failed}");
}

#[test]
fn few_fields_of_many_columns_stay_small() {
    let bench = Bench::new();
    let names: Vec<_> = (0..20_000).map(|number| format!("c{number}")).collect();
    let text = format!("{}\n{}", names.join(","), "1\n".repeat(1000));
    let columns = Some(vec!["c0".to_string(), "c19999".to_string()]);
    let options = DecodeOptions { columns, ..options(|csv| csv.ragged = Ragged::Fill) };
    assert_eq!(bench.read(&text, &options).unwrap().rows, vec![vec!["1".to_string(), "-".to_string()]; 1000]);
}
