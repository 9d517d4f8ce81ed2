//! What is written is read by the arrow crates as it was, and nothing of a batch is kept.

use super::encoder;
use crate::error::Kind;
use crate::service::Service;
use crate::stores::Store;
use crate::tabular::encode::Totals;
use crate::tabular::format::{Codec, EncodeOptions, Format};
use crate::tabular::parquet::samples::{table, types};
use crate::tabular::samples::{run, sink};
use crate::tabular::source::Source;
use crate::trace::Trace;
use arrow_array::cast::AsArray;
use arrow_array::types::{Int8Type, Int32Type};
use arrow_array::*;
use arrow_ipc::reader::{FileReader, StreamReader};
use arrow_schema::{DataType, Field, Schema, SchemaRef};
use std::io::Cursor;
use std::sync::Arc;

fn options(format: Format, codec: Codec) -> EncodeOptions {
    EncodeOptions { codec, pairs: vec![("made".into(), "by us".into())], ..EncodeOptions::new(format) }
}

/// The bytes of a table; what is wrong with it.
fn written(
    schema: &SchemaRef,
    batches: &[RecordBatch],
    options: EncodeOptions,
) -> crate::error::Result<(Totals, Vec<u8>)> {
    let service = Service::new(Default::default()).unwrap();
    let store = Store::open(service.shared(), "memory://ipc", &[]).unwrap();
    let outcome = run(async {
        let mut encoder = encoder(service.shared(), schema, options)?;
        let mut sink = sink(&store, "table");
        for batch in batches {
            encoder.write(batch.clone(), &mut sink).await?;
        }
        let totals = encoder.finish(&mut sink).await?;
        let position = sink.position();
        sink.finish(false).await.map_err(|error| *error)?;
        let (_, all) = Source::open(&store, &"table".into(), u64::MAX, &Trace::new()).await?;
        assert_eq!(all.len() as u64, position);
        Ok((totals, all.to_vec()))
    });
    service.free();
    outcome
}

fn read(format: Format, bytes: Vec<u8>) -> (SchemaRef, Vec<RecordBatch>) {
    if format == Format::IpcFile {
        let reader = FileReader::try_new(Cursor::new(bytes), None).unwrap();
        (reader.schema(), reader.map(Result::unwrap).collect())
    } else {
        let reader = StreamReader::try_new(Cursor::new(bytes), None).unwrap();
        (reader.schema(), reader.map(Result::unwrap).collect())
    }
}

const FORMATS: [Format; 2] = [Format::IpcFile, Format::IpcStream];

#[test]
fn every_type_comes_back() {
    let mut all = types();
    let item = |data_type| Arc::new(Field::new("item", data_type, true));
    all.push(DataType::Interval(arrow_schema::IntervalUnit::MonthDayNano));
    all.retain(|data_type| !matches!(data_type, DataType::Interval(arrow_schema::IntervalUnit::MonthDayNano)));
    all.push(DataType::FixedSizeList(item(DataType::Utf8View), 3));
    for format in FORMATS {
        for codec in [Codec::None, Codec::Lz4, Codec::Zstd] {
            let whole = table(&all, 300, 0.2, 7);
            // As they are, sliced, and with none.
            let batches = [whole.clone(), whole.slice(13, 100), whole.slice(299, 1), whole.slice(5, 0)];
            let (totals, bytes) = written(&whole.schema(), &batches, options(format, codec)).unwrap();
            assert_eq!((totals.rows, totals.row_groups), (401, 4));
            let (schema, found) = read(format, bytes);
            assert_eq!(schema.fields(), whole.schema().fields());
            assert_eq!(schema.metadata().get("made").map(String::as_str), Some("by us"));
            for (batch, found) in batches.iter().zip(&found) {
                for ((field, column), found) in schema.fields().iter().zip(batch.columns()).zip(found.columns()) {
                    assert_eq!(plain(column).to_data(), plain(found).to_data(), "{format:?} {codec:?} {field}");
                }
            }
            assert_eq!(found.len(), 4);
        }
    }
}

/// The values, whichever dictionary names them.
fn plain(column: &ArrayRef) -> ArrayRef {
    match column.data_type() {
        DataType::Dictionary(_, values) => arrow_cast::cast(column, values).unwrap(),
        DataType::List(item) if matches!(item.data_type(), DataType::Dictionary(..)) => {
            arrow_cast::cast(column, &DataType::List(Arc::new(Field::new("item", DataType::Utf8, true)))).unwrap()
        }
        _ => column.clone(),
    }
}

#[test]
fn a_table_without_batches_has_its_schema() {
    let schema: SchemaRef = Arc::new(Schema::new(vec![Field::new("a", DataType::Utf8, true)]));
    for format in FORMATS {
        let (totals, bytes) = written(&schema, &[], options(format, Codec::None)).unwrap();
        assert_eq!((totals.rows, totals.row_groups), (0, 0));
        let (found, batches) = read(format, bytes);
        assert_eq!((found.fields(), batches.len()), (schema.fields(), 0));
    }
}

fn dictionary<K: types::ArrowDictionaryKeyType>(keys: Vec<Option<K::Native>>, values: &[&str]) -> RecordBatch {
    let keys = PrimitiveArray::<K>::from_iter(keys);
    let column = DictionaryArray::new(keys, Arc::new(StringArray::from(values.to_vec())));
    RecordBatch::try_from_iter([("d", Arc::new(column) as ArrayRef)]).unwrap()
}

fn texts(batches: &[RecordBatch]) -> Vec<Option<String>> {
    let plain = |batch: &RecordBatch| {
        let column = arrow_cast::cast(batch.column(0), &DataType::Utf8).unwrap();
        column.as_string::<i32>().iter().map(|text| text.map(str::to_string)).collect::<Vec<_>>()
    };
    batches.iter().flat_map(plain).collect()
}

#[test]
fn dictionaries_may_differ() {
    let batches = [
        dictionary::<Int32Type>(vec![Some(0), None, Some(1)], &["a", "b"]),
        // The same, a part of it, more of it, others, others in another order, and none.
        dictionary::<Int32Type>(vec![Some(1), Some(0)], &["a", "b"]),
        dictionary::<Int32Type>(vec![Some(0)], &["a"]),
        dictionary::<Int32Type>(vec![Some(2), Some(0)], &["a", "b", "c"]),
        dictionary::<Int32Type>(vec![Some(0), Some(1), None], &["x", "a"]),
        dictionary::<Int32Type>(vec![Some(2), Some(1), Some(0)], &["b", "a", "y"]),
        dictionary::<Int32Type>(vec![None], &[]),
    ];
    let wanted = texts(&batches);
    for format in FORMATS {
        for codec in [Codec::None, Codec::Zstd] {
            let (_, bytes) = written(&batches[0].schema(), &batches, options(format, codec)).unwrap();
            assert_eq!(texts(&read(format, bytes).1), wanted, "{format:?}");
        }
    }
}

#[test]
fn keys_that_cannot_name_all_values_of_a_file_are_refused() {
    let names: Vec<String> = (0..200).map(|number| number.to_string()).collect();
    let names: Vec<&str> = names.iter().map(String::as_str).collect();
    let batches =
        [dictionary::<Int8Type>(vec![Some(0)], &names[..100]), dictionary::<Int8Type>(vec![Some(99)], &names[100..])];
    let error = written(&batches[0].schema(), &batches, options(Format::IpcFile, Codec::None)).err().unwrap();
    assert_eq!(error.kind, Kind::Unsupported);
    assert!(error.message.contains("column \"d\"") && error.message.contains("IPC stream"), "{}", error.message);
    let (_, bytes) = written(&batches[0].schema(), &batches, options(Format::IpcStream, Codec::None)).unwrap();
    assert_eq!(texts(&read(Format::IpcStream, bytes).1), texts(&batches));
}

#[test]
fn views_leave_behind_what_they_do_not_need() {
    let long: Vec<String> = (0..40_000).map(|number| format!("a text that fits into no view: {number:09}")).collect();
    let column: ArrayRef = Arc::new(long.iter().map(Some).collect::<StringViewArray>());
    let batch = RecordBatch::try_from_iter([("v", column)]).unwrap();
    for format in FORMATS {
        let batches = [batch.slice(20_000, 10), batch.slice(39_999, 1)];
        let (_, bytes) = written(&batch.schema(), &batches, options(format, Codec::None)).unwrap();
        assert!(bytes.len() < 20_000, "{}", bytes.len());
        for (found, batch) in read(format, bytes).1.iter().zip(&batches) {
            assert_eq!(found.columns(), batch.columns());
        }
    }
}

#[test]
fn what_is_compressed_is_written_in_parts() {
    let numbers: ArrayRef = Arc::new(Int64Array::from_iter_values(0..20_000_000));
    let batch = RecordBatch::try_from_iter([("n", numbers)]).unwrap();
    let (totals, bytes) =
        written(&batch.schema(), std::slice::from_ref(&batch), options(Format::IpcFile, Codec::Lz4)).unwrap();
    assert!(totals.row_groups > 1, "{}", totals.row_groups);
    let found = read(Format::IpcFile, bytes).1;
    let rows: usize = found.iter().map(RecordBatch::num_rows).sum();
    assert_eq!(rows, batch.num_rows());
    let last = found.last().unwrap().column(0).as_primitive::<types::Int64Type>();
    assert_eq!(last.value(last.len() - 1), 19_999_999);
}

#[test]
fn wrong_options_are_refused() {
    let schema: SchemaRef = Arc::new(Schema::new(vec![Field::new("a", DataType::Utf8, true)]));
    for (codec, level) in [(Codec::Snappy, 0), (Codec::Gzip, 0), (Codec::Lz4, 3), (Codec::Zstd, 23), (Codec::None, 1)] {
        let options = EncodeOptions { level, ..options(Format::IpcFile, codec) };
        assert_eq!(written(&schema, &[], options).err().unwrap().kind, Kind::Argument, "{codec:?} {level}");
    }
    let within = DataType::Dictionary(
        Box::new(DataType::Int8),
        Box::new(DataType::Dictionary(Box::new(DataType::Int8), Box::new(DataType::Utf8))),
    );
    let schema: SchemaRef = Arc::new(Schema::new(vec![Field::new("a", within, true)]));
    for format in FORMATS {
        assert_eq!(written(&schema, &[], options(format, Codec::None)).err().unwrap().kind, Kind::Unsupported);
    }
}

/// Nothing waits: the memory of a batch is free once the write of it has ended.
#[test]
fn nothing_of_a_batch_is_kept() {
    for format in FORMATS {
        let service = Service::new(Default::default()).unwrap();
        let store = Store::open(service.shared(), "memory://kept", &[]).unwrap();
        run(async {
            let first = table(&types(), 50, 0.1, 3);
            let mut encoder = encoder(service.shared(), &first.schema(), options(format, Codec::None)).unwrap();
            let mut sink = sink(&store, "kept");
            for seed in 0..3 {
                let owned: Vec<Arc<()>> = (0..first.num_columns()).map(|_| Arc::new(())).collect();
                let batch = table(&types(), 50, 0.1, seed);
                let columns: Vec<ArrayRef> =
                    batch.columns().iter().zip(&owned).map(|(column, owner)| watched(column, owner)).collect();
                let batch = RecordBatch::try_new(batch.schema(), columns).unwrap();
                encoder.write(batch, &mut sink).await.unwrap();
                for (owner, field) in owned.iter().zip(first.schema().fields()) {
                    assert_eq!(Arc::strong_count(owner), 1, "{format:?} {field}");
                }
            }
        });
        service.free();
    }
}

/// The column in memory that tells when it is let go.
fn watched(column: &ArrayRef, owner: &Arc<()>) -> ArrayRef {
    fn watch(data: arrow_data::ArrayData, owner: &Arc<()>) -> arrow_data::ArrayData {
        struct Watched(arrow_buffer::Buffer, #[expect(dead_code, reason = "it is counted")] Arc<()>);
        impl AsRef<[u8]> for Watched {
            fn as_ref(&self) -> &[u8] {
                self.0.as_slice()
            }
        }
        let buffer = |buffer: &arrow_buffer::Buffer| -> arrow_buffer::Buffer {
            bytes::Bytes::from_owner(Watched(buffer.clone(), owner.clone())).into()
        };
        let buffers = data.buffers().iter().map(buffer).collect();
        let children = data.child_data().iter().map(|child| watch(child.clone(), owner)).collect();
        data.into_builder().buffers(buffers).child_data(children).build().unwrap()
    }
    make_array(watch(column.to_data(), owner))
}
