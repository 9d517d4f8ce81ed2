//! Records through the encoder, a store and the decoder.

use super::decode::open;
use crate::error::{Error, Kind, Result};
use crate::service::Service;
use crate::stores::Store;
use crate::tabular::encode::encoder;
use crate::tabular::format::{DecodeOptions, EncodeOptions, Format, OnError};
use crate::tabular::samples::{self, run};
use crate::trace::Trace;
use arrow_array::builder::*;
use arrow_array::types::Int8Type;
use arrow_array::*;
use arrow_cast::cast;
use arrow_schema::DataType::{self, *};
use arrow_schema::{Field, Fields, Schema, SchemaRef};
use arrow_select::concat::concat_batches;
use std::sync::Arc;

struct Fixture {
    service: Service,
    store: Store,
    key: Arc<str>,
}

impl Fixture {
    fn new() -> Fixture {
        let service = Service::new(Default::default()).unwrap();
        let store = Store::open(service.shared(), "memory://ndjson", &[]).unwrap();
        Fixture { service, store, key: "a.ndjson".into() }
    }

    fn text(&self, text: impl AsRef<[u8]>) -> &Self {
        run(samples::put(&self.store, &self.key, text.as_ref()));
        self
    }

    fn write(&self, batches: &[RecordBatch]) -> Result<&Self> {
        let options = EncodeOptions::new(Format::Ndjson);
        let mut encoder = encoder(self.service.shared(), batches[0].schema_ref(), options)?;
        run(async {
            let mut sink = samples::sink(&self.store, &self.key);
            for batch in batches {
                encoder.write(batch.clone(), &mut sink).await?;
            }
            let rows: usize = batches.iter().map(|batch| batch.num_rows()).sum();
            assert_eq!(encoder.finish(&mut sink).await?.rows, rows as u64);
            sink.finish(false).await.map_err(|error| *error)
        })?;
        Ok(self)
    }

    fn read(&self, options: &DecodeOptions) -> Result<Vec<RecordBatch>> {
        run(async {
            let mut decoder = open(&self.store, &self.key, options, &Trace::new()).await?;
            let mut batches = Vec::new();
            while let Some(batch) = decoder.next().await? {
                batches.push(batch);
            }
            assert!(decoder.next().await?.is_none());
            Ok(batches)
        })
    }

    /// All of it in one batch; of no columns, if it is empty.
    fn all(&self, options: &DecodeOptions) -> Result<RecordBatch> {
        let batches = self.read(options)?;
        let schema = batches.first().map_or(Arc::new(Schema::empty()), |batch| batch.schema());
        Ok(concat_batches(&schema, &batches).unwrap())
    }

    fn refused(&self, text: impl AsRef<[u8]>, options: &DecodeOptions) -> Error {
        self.text(text).read(options).unwrap_err()
    }
}

fn with_schema(schema: SchemaRef) -> DecodeOptions {
    DecodeOptions { schema: Some(schema), ..DecodeOptions::new(Format::Ndjson) }
}

fn as_types(types: Vec<(&str, DataType)>) -> DecodeOptions {
    let fields: Vec<_> = types.into_iter().map(|(name, data_type)| Field::new(name, data_type, true)).collect();
    with_schema(Arc::new(Schema::new(fields)))
}

#[test]
fn every_scalar_comes_back() {
    let fixture = Fixture::new();
    let batch = samples::scalars();
    let read = fixture.write(&[batch.clone(), batch.slice(1, 3)]).unwrap().all(&with_schema(batch.schema()));
    let wanted = concat_batches(&batch.schema(), &[batch.clone(), batch.slice(1, 3)]).unwrap();
    assert_eq!(read.unwrap(), wanted);
    // A type more: those whose texts are bytes, and what is not compared as equal.
    let binary = BinaryArray::from(vec![Some(&b"\x00\xff"[..]), None, Some(b"")]);
    let fixed = FixedSizeBinaryArray::try_from_sparse_iter_with_size([Some(b"ab"), None, Some(b"cd")].into_iter(), 2);
    let odd = Float64Array::from(vec![f64::NAN, f64::INFINITY, f64::NEG_INFINITY]);
    let batch = samples::batch(vec![
        ("binary", Arc::new(binary.clone())),
        ("view", cast(&binary, &BinaryView).unwrap()),
        ("wide", cast(&binary, &LargeBinary).unwrap()),
        ("fixed", Arc::new(fixed.unwrap())),
        ("odd", Arc::new(odd)),
        ("nulls", Arc::new(NullArray::new(3))),
        ("dictionary", cast(&StringArray::from(vec!["b", "a", "b"]), &Dictionary(Int8.into(), Utf8.into())).unwrap()),
    ]);
    let read = fixture.write(std::slice::from_ref(&batch)).unwrap().all(&with_schema(batch.schema())).unwrap();
    assert_eq!(format!("{read:?}"), format!("{batch:?}"));
    fixture.service.free();
}

fn nested() -> RecordBatch {
    let mut lists = ListBuilder::new(Int64Builder::new());
    lists.append_value([Some(1), None]);
    lists.append_null();
    lists.append_value([]);
    let mut large = LargeListBuilder::new(FixedSizeListBuilder::new(Float32Builder::new(), 2));
    large.values().values().append_slice(&[0.5, 1.0]);
    large.values().append(true);
    large.append(true);
    large.append(false);
    large.values().values().append_nulls(2);
    large.values().append(false);
    large.append(true);
    let mut map = MapBuilder::new(None, StringBuilder::new(), Int8Builder::new());
    map.keys().append_value("a\"b");
    map.values().append_null();
    map.append(true).unwrap();
    map.append(true).unwrap();
    map.append(false).unwrap();
    let lists: ArrayRef = Arc::new(lists.finish());
    let object = StructArray::try_new(
        vec![Field::new("inner", lists.data_type().clone(), true)].into(),
        vec![lists.clone()],
        Some(vec![true, false, true].into()),
    );
    samples::batch(vec![
        ("view", cast(&lists, &DataType::ListView(Field::new("item", Int64, true).into())).unwrap()),
        ("list", lists),
        ("large", Arc::new(large.finish())),
        ("map", Arc::new(map.finish())),
        ("object", Arc::new(object.unwrap())),
    ])
}

#[test]
fn nested_values_come_back() {
    let fixture = Fixture::new();
    let batch = nested();
    let read = |batch: &RecordBatch| {
        fixture.write(std::slice::from_ref(batch)).unwrap().all(&with_schema(batch.schema())).unwrap()
    };
    assert_eq!(read(&batch), batch);
    assert_eq!(read(&batch.slice(1, 2)), batch.slice(1, 2));
    fixture.service.free();
}

#[test]
fn a_null_in_a_dictionary_stays_null() {
    let keys = Int8Array::from(vec![Some(0), Some(1), None]);
    let values = Arc::new(StringArray::from(vec![None, Some("b")]));
    let dictionary = DictionaryArray::<Int8Type>::try_new(keys, values).unwrap();
    let fixture = Fixture::new();
    fixture.write(&[samples::batch(vec![("a", Arc::new(dictionary))])]).unwrap();
    let read = fixture.all(&DecodeOptions::new(Format::Ndjson)).unwrap();
    assert_eq!(read.column(0).as_ref(), &StringArray::from(vec![None, Some("b"), None]) as &dyn Array);
    fixture.service.free();
}

#[test]
fn records_are_as_people_write_them() {
    let fixture = Fixture::new();
    let text = "\u{feff}{\"a\":1,\"b\":\"x\\u00e9\\n\"}\r\n\r\n  \n{ \"b\" : null } \n{\"\\u0061\":2}";
    let wanted = samples::batch(vec![
        ("a", Arc::new(Int64Array::from(vec![Some(1), None, Some(2)]))),
        ("b", Arc::new(StringArray::from(vec![Some("xé\n"), None, None]))),
    ]);
    assert_eq!(fixture.text(text).all(&DecodeOptions::new(Format::Ndjson)).unwrap(), wanted);
    let columns = |names: &[&str]| DecodeOptions {
        columns: Some(names.iter().map(|name| name.to_string()).collect()),
        ..DecodeOptions::new(Format::Ndjson)
    };
    assert_eq!(fixture.all(&columns(&["b"])).unwrap(), wanted.project(&[1]).unwrap());
    assert_eq!(fixture.all(&columns(&[])).unwrap().num_rows(), 3);
    assert_eq!(fixture.read(&columns(&["c"])).unwrap_err().kind, Kind::Argument);
    assert_eq!(fixture.all(&as_types(vec![("b", Utf8)])).unwrap(), wanted.project(&[1]).unwrap());
    let empty = |text| fixture.text(text).all(&DecodeOptions::new(Format::Ndjson)).unwrap();
    assert_eq!((empty("").num_rows(), empty("\n\r\n").num_rows(), empty("{}\n{}").num_rows()), (0, 0, 2));
    fixture.service.free();
}

#[test]
fn numbers_lose_nothing() {
    let fixture = Fixture::new();
    let read = |value: &str, data_type: DataType| {
        let batch = fixture.text(format!("{{\"a\":{value}}}")).all(&as_types(vec![("a", data_type)]))?;
        Ok(arrow_cast::display::array_value_to_string(batch.column(0), 0).unwrap())
    };
    for (value, data_type, wanted) in [
        ("9223372036854775807", Int64, "9223372036854775807"),
        ("1.0", Int64, "1"),
        ("12e2", Int16, "1200"),
        ("\"12\"", Int8, "12"),
        ("18446744073709551615", UInt64, "18446744073709551615"),
        ("12345678901234567890.12345678", Decimal128(38, 8), "12345678901234567890.12345678"),
        ("\"1.50\"", Decimal32(9, 2), "1.50"),
        ("1e2", Float32, "100.0"),
        ("\"-Infinity\"", Float64, "-inf"),
        ("1000", Timestamp(arrow_schema::TimeUnit::Millisecond, None), "1970-01-01T00:00:01"),
        (
            "\"2024-02-29T12:00:00+02:00\"",
            Timestamp(arrow_schema::TimeUnit::Second, Some("UTC".into())),
            "2024-02-29T10:00:00Z",
        ),
        ("12.50", Utf8, "12.50"),
        ("true", Utf8, "true"),
    ] {
        assert_eq!(read(value, data_type.clone()).unwrap(), wanted, "{value} as {data_type}");
    }
    for (value, data_type) in [
        ("9223372036854775808", Int64),
        ("1.5", Int64),
        ("-1", UInt8),
        ("true", Int64),
        ("1e400", Float64),
        ("1e39", Float32),
        ("65520", Float16),
        ("1.234", Decimal128(38, 2)),
        ("1000", Decimal32(3, 0)),
        ("\"2024-02-30\"", Date32),
        ("\"2024-02-29T00:00:00.0001\"", Timestamp(arrow_schema::TimeUnit::Millisecond, None)),
        ("\"2024-02-29T00:00:00Z\"", Timestamp(arrow_schema::TimeUnit::Second, None)),
        ("\"abc\"", Binary),
        ("\"0g\"", Binary),
        ("\"00\"", FixedSizeBinary(2)),
        ("1", Boolean),
        ("{}", Utf8),
        ("1", Null),
    ] {
        let error: Error = read(value, data_type.clone()).unwrap_err();
        assert_eq!(error.kind, Kind::Integrity);
        let shown = value.trim_matches('"');
        assert!(
            error.message.starts_with(&format!("line 1, column \"a\", byte 5: \"{shown}\" is no {data_type}")),
            "{}",
            error.message
        );
    }
    fixture.service.free();
}

#[test]
fn what_is_wrong_is_told_with_its_place() {
    let fixture = Fixture::new();
    let good = "{\"a\":1,\"b\":{\"c\":[true]}}\n";
    for (line, part) in [
        ("{\"a\":}", ": expected value"),
        ("{\"a\":1 \"b\":2}", "expected `,` or `}`"),
        ("{\"a\":1,}", "trailing comma"),
        ("{\"a\":1}{}", "trailing characters"),
        ("{\"a\":01}", "invalid number"),
        ("{\"a\":1", "EOF"),
        ("[1]", "invalid type: sequence, expected an object"),
        ("1", "invalid type: integer `1`, expected an object"),
        ("{\"a\":\"\u{1}\"}", "control character"),
        ("{\"a\":1,\"a\":2}", "column \"a\", byte 986: \"a\" is there twice"),
        ("{\"b\":[]}", "column \"b\", byte 983: invalid type: sequence, expected an object"),
        ("{\"b\":{\"c\":{}}}", "column \"b\", byte 988: invalid type: map, expected a list"),
        ("{\"b\":{\"c\":[1]}}", "column \"b\", byte 988: \"1\" is no Boolean"),
        ("{\"d\":1}", "\"d\" is not among the columns that were inferred"),
        ("{\"b\":{\"e\":1}}", "\"e\" is not among the columns that were inferred"),
        ("{\"a\":\"\\ud800\"}", "an escape that stands for no character"),
    ] {
        // The sample ends before.
        let mut options = DecodeOptions::new(Format::Ndjson);
        options.csv.infer_rows = 3;
        let text = format!("{}\n\n{line}\n", good.repeat(39));
        let error = fixture.refused(text, &options);
        assert_eq!(error.kind, Kind::Integrity, "{}", error.message);
        assert!(error.message.starts_with("line 42, ") && error.message.contains(part), "{line}: {}", error.message);
    }
    let error = fixture.refused(b"{\"a\":1}\n{\"a\":\"\xff\"}\n", &DecodeOptions::new(Format::Ndjson));
    assert_eq!(error.message, "line 2, byte 14: the bytes are not UTF-8");
    let error = fixture.refused("{\"a\":1}\n{\"a\":\n2}\n", &DecodeOptions::new(Format::Ndjson));
    assert!(error.message.starts_with("line 2, byte 12: EOF while parsing a value"), "{}", error.message);
    fixture.service.free();
}

#[test]
fn columns_that_may_not_be_null_are_not() {
    let fixture = Fixture::new();
    let inner = Fields::from(vec![Field::new("b", Int8, false)]);
    let schema = Schema::new(vec![Field::new("a", Int8, false), Field::new("s", Struct(inner), true)]);
    let options = with_schema(Arc::new(schema));
    assert_eq!(fixture.text("{\"a\":1}\n{\"a\":2,\"s\":null}").all(&options).unwrap().num_rows(), 2);
    for (line, part) in [
        ("{\"s\":null}", "\"a\" is missing"),
        ("{\"a\":null}", "column \"a\", byte 5: it is null, and may not be"),
        ("{\"a\":1,\"s\":{}}", "column \"s\", byte 12: \"b\" is missing"),
    ] {
        assert!(fixture.refused(line, &options).message.contains(part), "{line}");
    }
    fixture.service.free();
}

#[test]
fn long_blobs_come_in_order_and_in_bounded_batches() {
    let fixture = Fixture::new();
    let rows = 300_000;
    let text: String = (0..rows).map(|row| format!("{{\"row\":{row},\"text\":\"{row:>50}\"}}\n")).collect();
    fixture.text(text);
    for (batch_rows, batch_bytes) in [(65_536, 64 << 20), (1000, 64 << 20), (65_536, 100_000)] {
        let options = DecodeOptions { batch_rows, batch_bytes, ..DecodeOptions::new(Format::Ndjson) };
        let mut next = 0;
        for batch in fixture.read(&options).unwrap() {
            assert!(batch.num_rows() as u64 <= batch_rows);
            assert!(batch_bytes > 100_000 || batch.num_rows() < 2000);
            let column = batch.column(0).as_any().downcast_ref::<Int64Array>().unwrap();
            for row in column.values() {
                assert_eq!(*row, next);
                next += 1;
            }
        }
        assert_eq!(next, rows);
    }
    fixture.service.free();
}

#[test]
fn what_would_take_too_much_is_refused() {
    let fixture = Fixture::new();
    let mut options = DecodeOptions::new(Format::Ndjson);
    options.csv.max_record = 100;
    let long = format!("{{\"a\":1}}\n{{\"a\":\"{}\"}}\n", "x".repeat(200));
    let error = fixture.refused(&long, &options);
    assert_eq!(
        (error.kind, error.message.starts_with("line 2, byte 8: the record has more than 100 bytes")),
        (Kind::NoSpace, true)
    );
    options.max_prefetch = 2;
    let error = fixture.refused("x".repeat(3 << 20), &options);
    assert_eq!(error.kind, Kind::NoSpace, "{}", error.message);
    // Few bytes that stand for much memory.
    let wide = Fields::from(vec![Field::new("b", FixedSizeBinary(1 << 20), true)]);
    let schema = as_types(vec![("a", DataType::new_list(Struct(wide), true))]);
    let error = fixture.refused(format!("{{\"a\":[{}{{}}]}}", "{},".repeat(300)), &schema);
    assert!(error.kind == Kind::NoSpace && error.message.contains("268435456 bytes of memory"), "{}", error.message);
    let fixed = as_types(vec![("a", FixedSizeList(Field::new("item", Int64, true).into(), i32::MAX))]);
    assert_eq!(fixture.refused("{}", &fixed).kind, Kind::NoSpace);
    let deep = as_types(vec![("a", Utf8)]);
    let nested = |levels: usize| format!("{{\"b\":{}\"[\"{},\"a\":1}}", "[".repeat(levels), "]".repeat(levels));
    assert_eq!(fixture.text(nested(64)).all(&deep).unwrap().num_rows(), 1);
    for levels in [65, 100_000] {
        let error = fixture.refused(nested(levels), &deep);
        assert!(error.kind == Kind::Integrity && error.message.contains("more than 64 levels"), "{}", error.message);
    }
    fixture.service.free();
}

#[test]
fn what_json_does_not_hold_is_refused() {
    let fixture = Fixture::new();
    let refused = |batch: RecordBatch, part: &str| {
        let error = fixture.write(&[batch]).map(drop).unwrap_err();
        assert_eq!(error.kind, Kind::Unsupported);
        assert!(error.message.contains(part), "{}", error.message);
    };
    let one: ArrayRef = Arc::new(Int8Array::from(vec![1]));
    refused(samples::batch(vec![("x", Arc::new(IntervalYearMonthArray::from(vec![1])))]), "column \"x\" is Interval");
    refused(samples::batch(vec![("x", one.clone()), ("x", one)]), "has \"x\" twice");
    refused(
        samples::batch(vec![("x", Arc::new(Date32Array::from(vec![0, i32::MAX])))]),
        "column \"x\" (Date32), row 2",
    );
    let interval = as_types(vec![("x", Interval(arrow_schema::IntervalUnit::YearMonth))]);
    assert_eq!(fixture.text("{}").read(&interval).unwrap_err().kind, Kind::Unsupported);
    fixture.service.free();
}

#[test]
fn wrong_records_are_what_is_asked_for() {
    let fixture = Fixture::new();
    let text = "{\"a\":1,\"b\":[1]}\n{\"a\":\"x\",\"b\":[1,\"y\"]}\nnothing\n{\"a\":4,\"b\":7}\n{\"a\":5}\n";
    let with = |on_error| {
        let mut options = as_types(vec![("a", Int64), ("b", DataType::new_list(Int64, true))]);
        options.csv.on_error = on_error;
        options
    };
    let (options, text_without) = (with(OnError::Skip), text.replace("nothing\n", ""));
    let skipped = run(async {
        samples::put(&fixture.store, &fixture.key, text.as_bytes()).await;
        let mut decoder = open(&fixture.store, &fixture.key, &options, &Trace::new()).await.unwrap();
        let batch = decoder.next().await.unwrap().unwrap();
        assert_eq!(batch.column(0).as_ref(), &Int64Array::from(vec![1, 5]) as &dyn Array);
        assert!(decoder.next().await.unwrap().is_none());
        decoder.skipped()
    });
    assert_eq!(skipped, 3);
    let options = with(OnError::Null);
    assert!(fixture.read(&options).unwrap_err().message.starts_with("line 3, byte 39: expected ident"));
    let batch = fixture.text(text_without).all(&options).unwrap();
    assert_eq!(batch.column(0).as_ref(), &Int64Array::from(vec![Some(1), None, Some(4), Some(5)]) as &dyn Array);
    let lists = [Some(vec![Some(1)]), Some(vec![Some(1), None]), None, None];
    let lists = ListArray::from_iter_primitive::<arrow_array::types::Int64Type, _, _>(lists);
    assert_eq!(batch.column(1).as_ref(), &lists as &dyn Array);
    let mut options = DecodeOptions::new(Format::Ndjson);
    options.csv.on_error = OnError::Skip;
    assert_eq!(fixture.text("{\"a\":1}\n{\"a\":\n\n{\"a\":2}").all(&options).unwrap().num_rows(), 2);
    fixture.service.free();
}
