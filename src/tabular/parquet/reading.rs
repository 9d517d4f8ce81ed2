//! Tests of the decoder: what it leaves out, and what it makes of files that are wrong.

use super::samples::{back, decode_options, encode_options, table, types, write};
use crate::error::{Kind, Result};
use crate::service::Service;
use crate::stores::Store;
use crate::tabular::decode::Decode;
use crate::tabular::format::{Codec, ColumnOptions, DecodeOptions, EncodeOptions, Operator, Predicate, Term};
use crate::tabular::predicate::Filter;
use crate::tabular::samples::{put, run};
use crate::trace::Trace;
use arrow_array::cast::AsArray;
use arrow_array::types::{UInt32Type, UInt64Type};
use arrow_array::*;
use arrow_schema::{DataType, Field, Schema};
use arrow_select::concat::concat_batches;
use fastrand::Rng;
use parquet::arrow::ArrowWriter;
use parquet::basic::{Compression, Encoding};
use parquet::file::properties::{EnabledStatistics, WriterProperties, WriterVersion};
use std::sync::Arc;

fn memory(service: &Service) -> Store {
    Store::open(service.shared(), "memory://tables", &[]).unwrap()
}

async fn open(store: &Store, key: &str, options: &DecodeOptions) -> Result<Box<dyn Decode>> {
    super::open(store, &key.into(), options, &Trace::new()).await
}

async fn read_all(store: &Store, key: &str, options: &DecodeOptions) -> Result<Vec<RecordBatch>> {
    let mut decoder = open(store, key, options).await?;
    let mut batches = Vec::new();
    while let Some(batch) = decoder.next().await? {
        batches.push(batch);
    }
    Ok(batches)
}

fn joined(batches: &[RecordBatch]) -> Option<RecordBatch> {
    Some(concat_batches(&Arc::new(Schema::new(batches.first()?.schema().fields().clone())), batches).unwrap())
}

#[test]
fn every_type_is_read_as_it_was_written() {
    let service = Service::new(Default::default()).unwrap();
    let store = memory(&service);
    let all = table(&types(), 2500, 0.2, 11);
    for has_no_dictionary in [false, true] {
        let options = EncodeOptions { row_group_rows: 1000, has_no_dictionary, ..encode_options() };
        run(write(&store, "types", std::slice::from_ref(&all), options)).unwrap();
        for batch_rows in [7, 1000, 65_536] {
            let options = DecodeOptions { batch_rows, ..decode_options() };
            let batches = run(read_all(&store, "types", &options)).unwrap();
            assert!(batches.iter().all(|batch| batch.num_rows() as u64 <= batch_rows));
            assert_eq!(joined(&batches).unwrap(), back(&all));
        }
    }
    service.free();
}

#[test]
fn columns_and_row_groups_are_those_that_were_asked_for() {
    let service = Service::new(Default::default()).unwrap();
    let store = memory(&service);
    let all = back(&table(&types()[..20], 1000, 0.1, 12));
    let pairs = vec![("k".to_string(), "v".to_string())];
    let options = EncodeOptions { row_group_rows: 300, pairs, ..encode_options() };
    run(write(&store, "some", std::slice::from_ref(&all), options)).unwrap();
    let columns = Some(vec!["c7".to_string(), "c2".to_string()]);
    let options = DecodeOptions { columns, row_groups: Some(vec![3, 1, 3]), ..decode_options() };
    let batches = run(read_all(&store, "some", &options)).unwrap();
    let expected = [(900, 100), (300, 300), (900, 100)].map(|(at, rows)| all.slice(at, rows).project(&[2, 7]).unwrap());
    assert_eq!(joined(&batches).unwrap(), joined(&expected).unwrap());

    let options = DecodeOptions { columns: Some(Vec::new()), batch_rows: 170, ..decode_options() };
    let batches = run(read_all(&store, "some", &options)).unwrap();
    assert!(batches.iter().all(|batch| batch.num_columns() == 0 && batch.num_rows() <= 170));
    assert_eq!(batches.iter().map(RecordBatch::num_rows).sum::<usize>(), 1000);

    let decoder = run(open(&store, "some", &decode_options())).unwrap();
    let found = decoder.found();
    assert_eq!((found.rows, found.row_groups), (Some(1000), Some(4)));
    assert_eq!(found.schema.fields(), all.schema().fields());
    assert_eq!(found.schema.metadata().get("k").map(String::as_str), Some("v"));

    let wrong = DecodeOptions { row_groups: Some(vec![4]), ..decode_options() };
    assert_eq!(run(open(&store, "some", &wrong)).err().unwrap().kind, Kind::Argument);
    let wrong = DecodeOptions { columns: Some(vec!["x".to_string()]), ..decode_options() };
    assert_eq!(run(open(&store, "some", &wrong)).err().unwrap().kind, Kind::Argument);
    service.free();
}

#[test]
fn statistics_are_a_table() {
    let service = Service::new(Default::default()).unwrap();
    let store = memory(&service);
    let numbers = Int32Array::from(vec![Some(3), None, Some(-5), Some(8)]);
    let texts = StringArray::from(vec!["b", "a", "d", "c"]);
    let batch = RecordBatch::try_from_iter([("n", Arc::new(numbers) as ArrayRef), ("t", Arc::new(texts))]).unwrap();
    let columns = vec![ColumnOptions { has_bloom_filter: true, ..ColumnOptions::new("t") }];
    let options = EncodeOptions { row_group_rows: 2, columns, ..encode_options() };
    run(write(&store, "told", std::slice::from_ref(&batch), options)).unwrap();
    let decoder = run(open(&store, "told", &decode_options())).unwrap();
    let told = decoder.found().statistics.clone().unwrap();
    let text = |name: &str| told[name].as_string::<i32>().iter().map(|text| text.unwrap_or("-").to_string());
    assert_eq!(told["row_group"].as_primitive::<UInt32Type>().values()[..], [0, 0, 1, 1]);
    assert_eq!(text("column").collect::<Vec<_>>(), ["n", "t", "n", "t"]);
    assert_eq!(text("min").collect::<Vec<_>>(), ["3", "a", "-5", "c"]);
    assert_eq!(text("max").collect::<Vec<_>>(), ["3", "b", "8", "d"]);
    assert_eq!(told["null_count"].as_primitive::<UInt64Type>().values()[..], [1, 0, 0, 0]);
    assert_eq!(told["has_bloom_filter"].as_boolean(), &BooleanArray::from(vec![false, true, false, true]));
    assert!(told["is_exact"].as_boolean().iter().all(|is| is == Some(true)));
    service.free();
}

#[test]
fn a_row_group_over_the_budget_names_both_numbers() {
    let service = Service::new(Default::default()).unwrap();
    let store = memory(&service);
    let all = table(&[DataType::Int64, DataType::Utf8], 50_000, 0.0, 13);
    run(write(&store, "large", std::slice::from_ref(&all), encode_options())).unwrap();
    let options = DecodeOptions { max_row_group: 10_000, ..decode_options() };
    let error = run(read_all(&store, "large", &options)).unwrap_err();
    assert_eq!(error.kind, Kind::NoSpace);
    assert!(error.message.contains(" 10000 ") && error.message.contains("row group 0 has"), "{}", error.message);
    service.free();
}

/// Writes a table with options drawn by lot, small pages among them.
fn drawn(batch: &RecordBatch, rng: &mut Rng) -> Vec<u8> {
    let mut properties = WriterProperties::builder()
        .set_data_page_row_count_limit(rng.usize(1..80))
        .set_write_batch_size(rng.usize(1..40))
        .set_max_row_group_row_count(Some(rng.usize(40..400)))
        .set_dictionary_enabled(rng.bool())
        .set_bloom_filter_enabled(rng.u8(0..4) == 0)
        .set_statistics_truncate_length([None, Some(1), Some(8), Some(64)][rng.usize(..4)])
        .set_column_index_truncate_length([None, Some(1), Some(8), Some(64)][rng.usize(..4)])
        .set_compression([Compression::UNCOMPRESSED, Compression::SNAPPY][rng.usize(..2)])
        .set_statistics_enabled(
            [EnabledStatistics::Page, EnabledStatistics::Page, EnabledStatistics::Chunk, EnabledStatistics::None]
                [rng.usize(..4)],
        );
    if rng.bool() {
        properties = properties.set_writer_version(WriterVersion::PARQUET_2_0);
    }
    if rng.bool() {
        for (index, field) in batch.schema().fields().iter().enumerate() {
            let encoding = match field.data_type() {
                DataType::Utf8 | DataType::LargeUtf8 | DataType::Utf8View | DataType::Binary => {
                    [Encoding::DELTA_BYTE_ARRAY, Encoding::DELTA_LENGTH_BYTE_ARRAY][rng.usize(..2)]
                }
                DataType::Int64 | DataType::UInt32 => Encoding::DELTA_BINARY_PACKED,
                DataType::Float64 | DataType::FixedSizeBinary(_) => Encoding::BYTE_STREAM_SPLIT,
                _ => continue,
            };
            properties = properties.set_column_encoding(format!("c{index}").into(), encoding);
        }
    }
    if rng.u8(0..4) == 0 {
        properties = properties.set_offset_index_disabled(true).set_statistics_enabled(EnabledStatistics::Chunk);
    }
    let mut bytes = Vec::new();
    let mut writer = ArrowWriter::try_new(&mut bytes, batch.schema(), Some(properties.build())).unwrap();
    writer.write(batch).unwrap();
    writer.close().unwrap();
    bytes
}

const OPERATORS: [Operator; 8] = [
    Operator::Equal,
    Operator::NotEqual,
    Operator::Less,
    Operator::LessEqual,
    Operator::Greater,
    Operator::GreaterEqual,
    Operator::IsNull,
    Operator::IsNotNull,
];

/// Terms on columns of a table, with values of it or others as literals.
fn predicate(batch: &RecordBatch, rng: &mut Rng) -> Predicate {
    let (mut terms, mut fields, mut literals) = (Vec::new(), Vec::new(), Vec::new());
    for literal in 0..rng.usize(1..4) {
        let column = rng.usize(..batch.num_columns());
        let mut value = batch.column(column).slice(rng.usize(..batch.num_rows()), 1);
        if rng.u8(0..4) == 0 {
            let data_type = value.data_type().clone();
            value = super::samples::column(&data_type, 1, 0.1, rng);
        }
        if let Some(dictionary) = value.as_any_dictionary_opt() {
            value = arrow_select::take::take(dictionary.values(), dictionary.keys(), None).unwrap();
        }
        terms.push(Term { column: format!("c{column}"), operator: OPERATORS[rng.usize(..8)], literal });
        fields.push(Field::new("literal", value.data_type().clone(), true));
        literals.push(value);
    }
    Predicate { terms, literals: StructArray::new(fields.into(), literals, None) }
}

#[test]
fn what_is_left_out_was_not_wanted() {
    let service = Service::new(Default::default()).unwrap();
    let store = memory(&service);
    let mut rng = Rng::with_seed(14);
    let (mut asked, mut found) = (0, 0);
    for round in 0..120 {
        let all = types();
        let types: Vec<DataType> = (0..4).map(|_| all[rng.usize(..all.len())].clone()).collect();
        let null_share = [0.0, 0.1, 0.9, 1.0][rng.usize(..4)];
        let rows = rng.usize(1..1200);
        let batch = table(&types, rows, null_share, round);
        run(put(&store, "drawn", &drawn(&batch, &mut rng)));
        for _ in 0..12 {
            let predicate = predicate(&batch, &mut rng);
            let Ok(filter) = Filter::new(&predicate, &batch.schema(), None) else { continue };
            let expected = filter.filter(batch.clone(), Some).unwrap();
            let batch_rows = rng.u64(1..200);
            let options = DecodeOptions { predicate: Some(predicate.clone()), batch_rows, ..decode_options() };
            let came = run(read_all(&store, "drawn", &options)).unwrap();
            let came = joined(&came).unwrap_or_else(|| batch.slice(0, 0));
            assert_eq!(came, expected, "{types:?} {:?}", predicate);
            asked += 1;
            found += usize::from(expected.num_rows() > 0 && expected.num_rows() < rows);
        }
    }
    assert!(asked > 500 && found > 200, "{asked} {found}");
    service.free();
}

#[test]
fn pages_that_are_not_needed_are_not_read() {
    let service = Service::new(Default::default()).unwrap();
    let store = memory(&service);
    let numbers = Int64Array::from_iter_values(0..100_000);
    let texts = StringArray::from_iter_values((0..100_000).map(|n| format!("{n} {}", n * 7919 % 100_003)));
    let batch = RecordBatch::try_from_iter([("n", Arc::new(numbers) as ArrayRef), ("t", Arc::new(texts))]).unwrap();
    let options = EncodeOptions { has_no_dictionary: true, ..encode_options() };
    run(write(&store, "pages", std::slice::from_ref(&batch), options)).unwrap();
    let literals = StructArray::new(
        vec![Field::new("n", DataType::Int64, false)].into(),
        vec![Arc::new(Int64Array::from(vec![50_000]))],
        None,
    );
    let term = Term { column: "n".to_string(), operator: Operator::Equal, literal: 0 };
    let predicate = Some(Predicate { terms: vec![term], literals });
    // Five pages of each column: with one of each the budget holds.
    let options = DecodeOptions { predicate, max_row_group: 600_000, ..decode_options() };
    let came = joined(&run(read_all(&store, "pages", &options)).unwrap()).unwrap();
    assert_eq!(came, batch.slice(50_000, 1));
    let all = DecodeOptions { predicate: None, ..options };
    assert_eq!(run(read_all(&store, "pages", &all)).unwrap_err().kind, Kind::NoSpace);
    service.free();
}

#[test]
fn row_groups_without_a_row_that_is_wanted_are_not_read() {
    let service = Service::new(Default::default()).unwrap();
    let store = memory(&service);
    let numbers = Int32Array::from_iter_values((0..20_000).map(|n| n * 2));
    let batch = RecordBatch::try_from_iter([("n", Arc::new(numbers) as ArrayRef)]).unwrap();
    let columns = vec![ColumnOptions { has_bloom_filter: true, has_no_dictionary: true, ..ColumnOptions::new("n") }];
    for (has_no_statistics, wanted, kind) in [
        // Beyond the greatest.
        (false, 40_000, None),
        // Among them, but in no page, and not in the bloom filter.
        (true, 10_001, None),
        (true, 10_002, Some(Kind::NoSpace)),
        (false, 10_002, Some(Kind::NoSpace)),
    ] {
        let options = EncodeOptions { has_no_statistics, columns: columns.clone(), ..encode_options() };
        run(write(&store, "none", std::slice::from_ref(&batch), options)).unwrap();
        let field = Field::new("n", DataType::Int32, false);
        let literals = StructArray::new(vec![field].into(), vec![Arc::new(Int32Array::from(vec![wanted]))], None);
        let term = Term { column: "n".to_string(), operator: Operator::Equal, literal: 0 };
        let predicate = Some(Predicate { terms: vec![term], literals });
        // No page has room.
        let options = DecodeOptions { predicate, max_row_group: 1000, ..decode_options() };
        match (run(read_all(&store, "none", &options)), kind) {
            (Ok(batches), None) => assert!(batches.is_empty()),
            (outcome, kind) => assert_eq!(outcome.err().map(|error| error.kind), kind, "{wanted}"),
        }
    }
    service.free();
}

#[test]
fn broken_files_are_errors() {
    let service = Service::new(Default::default()).unwrap();
    let store = memory(&service);
    let mut rng = Rng::with_seed(15);
    let codecs = [Codec::None, Codec::Snappy, Codec::Zstd, Codec::Gzip, Codec::Lz4, Codec::Brotli];
    let mut failed = 0;
    for (round, codec) in codecs.into_iter().cycle().take(12).enumerate() {
        let all = types();
        let types: Vec<DataType> = (0..6).map(|_| all[rng.usize(..all.len())].clone()).collect();
        let batch = table(&types, 60, 0.2, round as u64);
        let columns = vec![ColumnOptions { has_bloom_filter: true, ..ColumnOptions::new("c0") }];
        let options = EncodeOptions { codec, columns, row_group_rows: 40, ..encode_options() };
        run(write(&store, "good", std::slice::from_ref(&batch), options)).unwrap();
        let good = run(super::writing::bytes_of(&store, "good"));
        let footer = u32::from_le_bytes(*good[..good.len() - 4].last_chunk().unwrap()) as usize + 8;
        for case in 0..250 {
            let mut bad = good.to_vec();
            match case % 5 {
                0 => bad.truncate(rng.usize(..bad.len())),
                1 => {
                    let at = bad.len() - 8 - footer.min(bad.len() - 8) + rng.usize(..footer.max(1));
                    let at = at.min(bad.len() - 1);
                    bad[at] = rng.u8(..);
                }
                2 => {
                    let at = bad.len() - 1 - rng.usize(..footer);
                    bad[at] ^= 1 << rng.u8(..8);
                }
                3 => (0..rng.usize(1..20)).for_each(|_| {
                    let at = rng.usize(..bad.len());
                    bad[at] = rng.u8(..);
                }),
                _ => {
                    let at = rng.usize(4..bad.len() - footer);
                    bad[at] = [0, 0x7f, 0x80, 0xff][rng.usize(..4)];
                }
            }
            run(put(&store, "bad", &bad));
            let predicate = rng.bool().then(|| predicate(&batch, &mut rng));
            let options = DecodeOptions { predicate, ..decode_options() };
            match run(read_all(&store, "bad", &options)) {
                Ok(_) => {}
                Err(error) => {
                    failed += 1;
                    assert!(
                        matches!(error.kind, Kind::Integrity | Kind::NoSpace | Kind::Unsupported | Kind::Argument),
                        "{error:?}"
                    );
                }
            }
        }
    }
    assert!(failed > 1000, "{failed}");
    service.free();
}
