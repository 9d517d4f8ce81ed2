//! Tests of the encoder: what it writes is read by the crate's own reader.

use super::samples::{back, encode_options, table, types, write};
use crate::error::Kind;
use crate::service::Service;
use crate::stores::Store;
use crate::tabular::format::{Codec, ColumnOptions, EncodeOptions};
use crate::tabular::samples::{run, sink};
use crate::tabular::source::Source;
use crate::trace::Trace;
use arrow_array::types::{ArrowPrimitiveType, Date64Type, Int32Type, Time32SecondType, TimestampSecondType};
use arrow_array::*;
use arrow_buffer::{Buffer, OffsetBuffer};
use arrow_schema::{DataType, Field, Fields, Schema, SchemaRef, TimeUnit, UnionFields, UnionMode};
use arrow_select::concat::concat_batches;
use bytes::Bytes;
use parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder;
use parquet::arrow::{ARROW_SCHEMA_META_KEY, ArrowWriter};
use parquet::file::metadata::ParquetMetaData;
use parquet::file::properties::WriterProperties;
use parquet::schema::types::ColumnDescPtr;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

fn memory(service: &Service) -> Store {
    Store::open(service.shared(), "memory://tables", &[]).unwrap()
}

pub(super) async fn bytes_of(store: &Store, key: &str) -> Bytes {
    Source::open(store, &key.into(), u64::MAX, &Trace::new()).await.unwrap().1
}

fn read(bytes: Bytes) -> (RecordBatch, Arc<ParquetMetaData>) {
    let builder = ParquetRecordBatchReaderBuilder::try_new(bytes).unwrap();
    let metadata = builder.metadata().clone();
    let batches: Vec<_> = builder.build().unwrap().map(Result::unwrap).collect();
    let schema = metadata.file_metadata().schema_descr();
    let schema =
        parquet::arrow::parquet_to_arrow_schema(schema, metadata.file_metadata().key_value_metadata()).unwrap();
    (concat_batches(&Arc::new(Schema::new(schema.fields().clone())), &batches).unwrap(), metadata)
}

#[test]
fn every_type_comes_back_as_itself() {
    let service = Service::new(Default::default()).unwrap();
    let store = memory(&service);
    for (seed, data_type) in types().into_iter().enumerate() {
        let batch = table(std::slice::from_ref(&data_type), 3000, 0.2, seed as u64);
        let batches = [batch.slice(0, 1), batch.slice(1, 1700), batch.slice(1701, 1299)];
        let options = EncodeOptions { row_group_rows: 1000, ..encode_options() };
        let (totals, _) = run(write(&store, "types", &batches, options)).unwrap();
        assert_eq!((totals.rows, totals.row_groups), (3000, 3));
        let (came, metadata) = read(run(bytes_of(&store, "types")));
        assert_eq!(metadata.num_row_groups(), 3);
        assert_eq!(came, back(&batch), "{data_type}");
        // What readers that know Parquet alone are told.
        let leaves = metadata.file_metadata().schema_descr().columns();
        let is_bare = |leaf: &ColumnDescPtr| leaf.logical_type_ref().is_none();
        let changed = [DataType::Date64, DataType::Time32(TimeUnit::Second)].contains(&data_type);
        if changed || matches!(data_type, DataType::Timestamp(..)) {
            assert!(!leaves.iter().any(is_bare), "{data_type}");
        }
    }
    service.free();
}

#[test]
fn chunks_of_any_size_make_the_same_row_groups() {
    let service = Service::new(Default::default()).unwrap();
    let store = memory(&service);
    let all = table(&[DataType::Int64, DataType::Utf8, DataType::Float64], 400_000, 0.1, 1);
    let mut files = Vec::new();
    for sizes in [vec![400_000], vec![100], vec![1, 150_000, 9], vec![131_072], vec![65_536]] {
        let (mut batches, mut at) = (Vec::new(), 0);
        for size in sizes.iter().cycle() {
            let size = (all.num_rows() - at).min(*size);
            if size == 0 {
                break;
            }
            batches.push(all.slice(at, size));
            at += size;
        }
        let options = EncodeOptions { row_group_rows: 150_000, ..encode_options() };
        let (totals, _) = run(write(&store, "chunks", &batches, options)).unwrap();
        assert_eq!((totals.rows, totals.row_groups), (400_000, 3), "{sizes:?}");
        let (came, metadata) = read(run(bytes_of(&store, "chunks")));
        assert_eq!(came, all, "{sizes:?}");
        files.push(metadata.row_groups().iter().map(|group| group.num_rows()).collect::<Vec<_>>());
    }
    assert!(files.iter().all(|rows| rows == &[150_000, 150_000, 100_000]), "{files:?}");
    service.free();
}

#[test]
fn a_file_is_no_larger_than_the_crate_writes_it() {
    let service = Service::new(Default::default()).unwrap();
    let store = memory(&service);
    let all = table(&[DataType::Int64, DataType::Utf8, DataType::Float64, DataType::Date32], 300_000, 0.1, 2);
    let mut theirs = Vec::new();
    let properties = WriterProperties::builder().set_compression(parquet::basic::Compression::SNAPPY).build();
    let mut writer = ArrowWriter::try_new(&mut theirs, all.schema(), Some(properties)).unwrap();
    writer.write(&all).unwrap();
    writer.close().unwrap();
    // The second is encoded in several slices: there might be no room for all of it.
    for row_group_bytes in [128 << 20, 12 << 20] {
        let options = EncodeOptions { row_group_bytes, ..encode_options() };
        let (totals, size) = run(write(&store, "size", std::slice::from_ref(&all), options)).unwrap();
        assert_eq!(totals.row_groups, 1);
        assert!(size <= theirs.len() as u64, "{size} {}", theirs.len());
    }
    service.free();
}

#[test]
fn a_column_whose_dictionary_was_full_has_none_until_its_values_come_again() {
    let service = Service::new(Default::default()).unwrap();
    let store = memory(&service);
    let (rows, group) = (600_000, 150_000);
    let unique = |n: i64| n.wrapping_mul(0x1e37_79b9_7f4a_7c15);
    let changing = Int64Array::from_iter((0..rows).map(|n| match n {
        _ if n % 20 == 7 => None,
        _ if n < 3 * group => Some(unique(n)),
        _ => Some(n % 10),
    }));
    let texts = StringArray::from_iter_values((0..rows).map(|n| format!("text {}", unique(n))));
    let few = StringArray::from_iter_values((0..rows).map(|n| ["a", "b", "c"][n as usize % 3]));
    let columns: [(&str, ArrayRef); 3] = [("n", Arc::new(changing)), ("t", Arc::new(texts)), ("f", Arc::new(few))];
    let all = RecordBatch::try_from_iter(columns).unwrap();
    let options = EncodeOptions { row_group_rows: group as u64, ..encode_options() };
    let (_, size) = run(write(&store, "unique", std::slice::from_ref(&all), options)).unwrap();
    let (came, metadata) = read(run(bytes_of(&store, "unique")));
    assert_eq!(came, all);
    let has_dictionary = |column: usize| {
        let groups = metadata.row_groups().iter();
        groups.map(|group| group.column(column).dictionary_page_offset().is_some()).collect::<Vec<_>>()
    };
    assert_eq!(has_dictionary(0), [true, false, false, true]);
    assert_eq!(has_dictionary(1), [true, false, false, false]);
    assert_eq!(has_dictionary(2), [true; 4]);
    let mut theirs = Vec::new();
    let properties = WriterProperties::builder().set_compression(parquet::basic::Compression::SNAPPY);
    let properties = properties.set_max_row_group_row_count(Some(group as usize)).build();
    let mut writer = ArrowWriter::try_new(&mut theirs, all.schema(), Some(properties)).unwrap();
    writer.write(&all).unwrap();
    writer.close().unwrap();
    assert!(size <= theirs.len() as u64, "{size} {}", theirs.len());
    service.free();
}

#[test]
fn row_groups_end_at_their_size() {
    let service = Service::new(Default::default()).unwrap();
    let store = memory(&service);
    let values = Int64Array::from_iter_values((0..1_000_000).map(|n: i64| n.wrapping_mul(0x1e37_79b9_7f4a_7c15)));
    let batch = RecordBatch::try_from_iter([("n", Arc::new(values) as ArrayRef)]).unwrap();
    let options = EncodeOptions { row_group_bytes: 1 << 20, codec: Codec::None, ..encode_options() };
    let (totals, size) = run(write(&store, "groups", std::slice::from_ref(&batch), options)).unwrap();
    assert_eq!(totals.rows, 1_000_000);
    assert!((8..=10).contains(&totals.row_groups), "{} of {size}", totals.row_groups);
    let (came, metadata) = read(run(bytes_of(&store, "groups")));
    assert_eq!(came, batch);
    assert!(metadata.row_groups().iter().all(|group| group.compressed_size() < 3 << 20));
    service.free();
}

#[test]
fn nothing_refers_to_a_chunk_that_was_written() {
    struct Lent(Vec<u8>, Arc<AtomicUsize>);
    impl AsRef<[u8]> for Lent {
        fn as_ref(&self) -> &[u8] {
            &self.0
        }
    }
    impl Drop for Lent {
        fn drop(&mut self) {
            self.1.fetch_sub(1, Ordering::SeqCst);
        }
    }
    let service = Service::new(Default::default()).unwrap();
    let store = memory(&service);
    let living = Arc::new(AtomicUsize::new(0));
    fn lend(data: arrow_data::ArrayData, living: &Arc<AtomicUsize>) -> arrow_data::ArrayData {
        let lent = |buffer: &Buffer| {
            living.fetch_add(1, Ordering::SeqCst);
            Buffer::from(Bytes::from_owner(Lent(buffer.to_vec(), living.clone())))
        };
        let nulls = data.nulls().map(|nulls| lent(nulls.buffer()));
        let (buffers, offset) =
            (data.buffers().iter().map(lent).collect(), data.nulls().map_or(0, |nulls| nulls.offset()));
        assert_eq!(offset, 0);
        let children = data.child_data().iter().map(|child| lend(child.clone(), living)).collect();
        let data = data.into_builder().nulls(None).null_bit_buffer(nulls).buffers(buffers).child_data(children);
        data.align_buffers(true).build().unwrap()
    }
    for rows in [10, 2000, 140_000] {
        let whole = table(&types()[..], rows.min(3000), 0.2, 3);
        let mut encoder = super::encoder(service.shared(), &whole.schema(), encode_options()).unwrap();
        let mut sink = sink(&store, "lent");
        let mut total = 0;
        for _ in 0..(rows.div_ceil(3000)).min(5) {
            let columns = whole.columns().iter().map(|column| make_array(lend(column.to_data(), &living)));
            let batch = RecordBatch::try_new(whole.schema(), columns.collect()).unwrap();
            assert!(living.load(Ordering::SeqCst) > 100);
            total += batch.num_rows() as u64;
            run(encoder.write(batch, &mut sink)).unwrap();
            assert_eq!(living.load(Ordering::SeqCst), 0, "{rows}");
        }
        assert_eq!(run(encoder.finish(&mut sink)).unwrap().rows, total);
        run(sink.finish(false)).unwrap();
    }
    service.free();
}

#[test]
fn the_options_are_kept() {
    let service = Service::new(Default::default()).unwrap();
    let store = memory(&service);
    let batch = table(&[DataType::Int64, DataType::Utf8, DataType::Utf8], 5000, 0.1, 4);
    let columns = vec![
        ColumnOptions { has_bloom_filter: true, codec: Some(Codec::Brotli), level: 5, ..ColumnOptions::new("c1") },
        ColumnOptions { has_no_dictionary: true, has_no_statistics: true, ..ColumnOptions::new("c2") },
    ];
    let pairs = vec![("made by".to_string(), "a test".to_string())];
    let options = EncodeOptions { codec: Codec::Zstd, level: 3, columns, pairs, ..encode_options() };
    run(write(&store, "options", std::slice::from_ref(&batch), options)).unwrap();
    let (came, metadata) = read(run(bytes_of(&store, "options")));
    assert_eq!(came, batch);
    let group = metadata.row_group(0);
    let codec = |column: usize| format!("{}", group.column(column).compression());
    assert!(codec(0).starts_with("ZSTD") && codec(1).starts_with("BROTLI") && codec(2).starts_with("ZSTD"));
    let bloom = group.column(1).bloom_filter_length().unwrap();
    // Folded to what 5000 values need.
    assert!(bloom < 20_000, "{bloom}");
    assert!(group.column(0).bloom_filter_offset().is_none());
    assert!(group.column(0).statistics().is_some() && group.column(2).statistics().is_none());
    assert!(group.column(0).dictionary_page_offset().is_some() && group.column(2).dictionary_page_offset().is_none());
    let pairs = metadata.file_metadata().key_value_metadata().unwrap();
    let keys: Vec<_> = pairs.iter().map(|pair| pair.key.as_str()).collect();
    assert_eq!(keys, ["made by", ARROW_SCHEMA_META_KEY]);
    for codec in [Codec::None, Codec::Snappy, Codec::Gzip, Codec::Lz4, Codec::Brotli] {
        let options = EncodeOptions { codec, has_no_dictionary: true, has_no_statistics: true, ..encode_options() };
        run(write(&store, "options", std::slice::from_ref(&batch), options)).unwrap();
        let (came, metadata) = read(run(bytes_of(&store, "options")));
        assert_eq!(came, batch);
        assert!(metadata.row_group(0).column(0).statistics().is_none());
        assert!(metadata.row_group(0).column(0).offset_index_offset().is_none());
    }
    service.free();
}

#[test]
fn a_table_without_rows_is_a_file() {
    let service = Service::new(Default::default()).unwrap();
    let store = memory(&service);
    let batch = table(&types(), 0, 0.0, 5);
    let (totals, _) = run(write(&store, "empty", std::slice::from_ref(&batch), encode_options())).unwrap();
    assert_eq!((totals.rows, totals.row_groups), (0, 0));
    assert_eq!(read(run(bytes_of(&store, "empty"))).0.num_rows(), 0);
    service.free();
}

fn refused(data_type: DataType, options: EncodeOptions) -> (Kind, String) {
    let service = Service::new(Default::default()).unwrap();
    let inner = Field::new("inner", data_type, true);
    let schema: SchemaRef =
        Arc::new(Schema::new(vec![Field::new("outer", DataType::Struct(vec![inner].into()), true)]));
    let error = super::encoder(service.shared(), &schema, options).err().unwrap();
    service.free();
    (error.kind, error.message)
}

#[test]
fn what_parquet_does_not_hold_is_refused_by_name() {
    use arrow_schema::IntervalUnit::MonthDayNano;
    let number = || Arc::new(Field::new("values", DataType::Int32, true));
    let ends = Arc::new(Field::new("run_ends", DataType::Int32, false));
    let pair: Fields = vec![Field::new("k", DataType::Utf8, true), Field::new("v", DataType::Int32, true)].into();
    let types = [
        DataType::Union(UnionFields::from_fields(vec![Field::new("a", DataType::Int32, true)]), UnionMode::Sparse),
        DataType::Interval(MonthDayNano),
        DataType::Struct(Fields::empty()),
        DataType::RunEndEncoded(ends, number()),
        DataType::Dictionary(Box::new(DataType::Int32), Box::new(DataType::Struct(vec![number()].into()))),
        DataType::Dictionary(Box::new(DataType::Int32), Box::new(DataType::List(number()))),
        DataType::FixedSizeBinary(0),
        DataType::FixedSizeList(number(), 0),
        DataType::Decimal128(5, -1),
        DataType::Decimal128(5, 6),
        DataType::Time32(arrow_schema::TimeUnit::Nanosecond),
        DataType::Map(Arc::new(Field::new("entries", DataType::Struct(pair), false)), false),
    ];
    for data_type in types {
        let (kind, message) = refused(data_type.clone(), encode_options());
        assert_eq!(kind, Kind::Unsupported, "{message}");
        assert!(message.contains("outer") && message.contains("type"), "{message}");
    }
    let mut deep = DataType::Int32;
    for _ in 0..100 {
        deep = DataType::List(Arc::new(Field::new("item", deep, true)));
    }
    assert!(refused(deep, encode_options()).1.contains("deeper than 64"));
}

#[test]
fn wrong_options_are_refused() {
    for (codec, level, range) in [
        (Codec::Zstd, 23, "-7 to 22"),
        (Codec::Gzip, 10, "1 to 9"),
        (Codec::Brotli, -1, "1 to 11"),
        (Codec::Snappy, 1, "no levels"),
    ] {
        let (kind, message) = refused(DataType::Int32, EncodeOptions { codec, level, ..encode_options() });
        assert_eq!(kind, Kind::Argument);
        assert!(message.contains(range), "{message}");
    }
    let columns = vec![ColumnOptions::new("out")];
    let (kind, message) = refused(DataType::Int32, EncodeOptions { columns, ..encode_options() });
    assert!(kind == Kind::Argument && message.contains("\"out\""), "{message}");
}

/// A list of which the first row is null and has items, and the second shows `last`.
fn list_behind_a_null<T: ArrowPrimitiveType>(hidden: T::Native, last: T::Native) -> RecordBatch {
    let values = PrimitiveArray::<T>::from_iter_values([hidden, last]);
    let item = Arc::new(Field::new("item", T::DATA_TYPE, true));
    let nulls = arrow_buffer::NullBuffer::from(vec![false, true]);
    let list = ListArray::new(item, OffsetBuffer::from_lengths([1, 1]), Arc::new(values), Some(nulls));
    RecordBatch::try_from_iter([("list", Arc::new(list) as ArrayRef)]).unwrap()
}

#[test]
fn seconds_and_dates_that_do_not_fit_are_refused_where_they_are_seen() {
    let service = Service::new(Default::default()).unwrap();
    let store = memory(&service);
    let outcome = |batch: RecordBatch| {
        let error = run(write(&store, "units", std::slice::from_ref(&batch), encode_options())).err()?;
        assert_eq!(error.kind, Kind::Unsupported);
        Some(error.message)
    };
    const DAY: i64 = 86_400_000;
    for (good, bad) in [(-DAY, 1), (DAY, -1), (0, DAY << 32)] {
        assert_eq!(outcome(list_behind_a_null::<Date64Type>(bad, good)), None);
        let message = outcome(list_behind_a_null::<Date64Type>(good, bad)).unwrap();
        assert!(message.contains("\"list.item\"") && message.contains("cast it to timestamp[ms]"), "{message}");
    }
    assert_eq!(outcome(list_behind_a_null::<TimestampSecondType>(i64::MAX, i64::MIN / 1000)), None);
    let message = outcome(list_behind_a_null::<TimestampSecondType>(0, i64::MAX / 1000 + 1)).unwrap();
    assert!(message.contains("\"list.item\"") && message.contains("milliseconds"), "{message}");
    let message = outcome(list_behind_a_null::<Time32SecondType>(0, i32::MAX)).unwrap();
    assert!(message.contains("\"list.item\"") && message.contains("milliseconds"), "{message}");
    service.free();
}

#[test]
fn nulls_where_there_must_be_none_are_an_error() {
    let service = Service::new(Default::default()).unwrap();
    let store = memory(&service);
    let inner = Fields::from(vec![Field::new("n", DataType::Int32, false)]);
    let nulls = arrow_buffer::NullBuffer::from(vec![true, false]);
    let number = PrimitiveArray::<Int32Type>::from_iter([Some(1), None]);
    let hidden = StructArray::try_new(inner.clone(), vec![Arc::new(number)], Some(nulls)).unwrap();
    let schema = Arc::new(Schema::new(vec![Field::new("s", DataType::Struct(inner), true)]));
    let batch = RecordBatch::try_new(schema, vec![Arc::new(hidden)]).unwrap();
    // A null below a null is none.
    run(write(&store, "nulls", std::slice::from_ref(&batch), encode_options())).unwrap();
    service.free();
}
