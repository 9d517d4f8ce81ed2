//! Blobs that are not what they should be: whatever their bytes are, reading ends with rows or with an error.

use super::decode::open;
use crate::error::{Kind, Result};
use crate::service::Service;
use crate::stores::Store;
use crate::tabular::format::{DecodeOptions, Format};
use crate::tabular::samples::put;
use crate::trace::Trace;
use arrow_array::builder::*;
use arrow_array::types::{Int8Type, Int32Type};
use arrow_array::*;
use arrow_ipc::CompressionType;
use arrow_ipc::writer::{FileWriter, IpcWriteOptions, StreamWriter};
use arrow_schema::{DataType, Field, Schema, UnionFields};
use std::sync::Arc;

struct Bench {
    service: Option<Service>,
    store: Store,
    runtime: tokio::runtime::Runtime,
}

impl Bench {
    fn new() -> Bench {
        let service = Service::new(Default::default()).unwrap();
        let store = Store::open(service.shared(), "memory://malformed", &[]).unwrap();
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        Bench { service: Some(service), store, runtime }
    }

    fn read(&self, bytes: &[u8], options: &DecodeOptions) -> Result<Vec<RecordBatch>> {
        let key: Arc<str> = "blob".into();
        self.runtime.block_on(async {
            put(&self.store, &key, bytes).await;
            let mut decoder = open(&self.store, &key, options, &Trace::new()).await?;
            let mut batches = Vec::new();
            while let Some(batch) = decoder.next().await? {
                // What is given can be looked at.
                drop(format!("{:?}", batch.slice(0, batch.num_rows().min(10))));
                batches.push(batch);
            }
            Ok(batches)
        })
    }
}

impl Drop for Bench {
    fn drop(&mut self) {
        self.service.take().unwrap().free();
    }
}

fn asked(format: Format, columns: Option<&[&str]>) -> DecodeOptions {
    let columns = columns.map(|columns| columns.iter().map(|name| name.to_string()).collect());
    DecodeOptions { columns, max_prefetch: 16 << 20, ..DecodeOptions::new(format) }
}

fn batch(columns: Vec<(&str, ArrayRef)>) -> RecordBatch {
    let fields: Vec<_> =
        columns.iter().map(|(name, array)| Field::new(*name, array.data_type().clone(), true)).collect();
    RecordBatch::try_new(Arc::new(Schema::new(fields)), columns.into_iter().map(|(_, array)| array).collect()).unwrap()
}

fn plain() -> RecordBatch {
    let texts = StringArray::from_iter((0..20).map(|row| (row % 3 > 0).then(|| "text".repeat(row))));
    let views = StringViewArray::from_iter_values((0..20).map(|row| "a view of a text".repeat(row % 4)));
    batch(vec![
        ("a", Arc::new(Int32Array::from_iter((0..20).map(|row| (row % 4 > 0).then_some(row))))),
        ("b", Arc::new(texts)),
        ("c", Arc::new(BooleanArray::from_iter((0..20).map(|row| Some(row % 2 == 0))))),
        ("d", Arc::new(views)),
        ("e", Arc::new(Decimal128Array::from_iter_values(0..20))),
        ("f", Arc::new(NullArray::new(20))),
        ("g", Arc::new(FixedSizeBinaryArray::try_from_iter((0..20).map(|row| [row as u8; 3])).unwrap())),
    ])
}

fn dictionaries() -> RecordBatch {
    let mut names = StringDictionaryBuilder::<Int8Type>::new();
    names.extend((0..20).map(|row| (row % 5 > 0).then(|| format!("name {}", row % 3))));
    let mut runs = PrimitiveRunBuilder::<Int32Type, Int32Type>::new();
    runs.extend((0..20).map(|row| Some(row / 6)));
    batch(vec![("a", Arc::new(names.finish())), ("b", Arc::new(runs.finish()))])
}

fn nested() -> RecordBatch {
    let list = ListArray::from_iter_primitive::<Int32Type, _, _>(
        (0..6).map(|row| (row != 2).then(|| (0..row).map(Some).collect::<Vec<_>>())),
    );
    let numbers: ArrayRef = Arc::new(Int32Array::from(vec![1, 2, 3, 4, 5, 6]));
    let inner = StructArray::from(vec![
        (Arc::new(Field::new("x", DataType::Int32, true)), numbers.clone()),
        (Arc::new(Field::new("y", list.data_type().clone(), true)), Arc::new(list.clone()) as ArrayRef),
    ]);
    let mut map = MapBuilder::new(None, StringBuilder::new(), Int32Builder::new());
    for row in 0..6 {
        map.keys().append_value(format!("key {row}"));
        map.values().append_value(row);
        map.append(row != 3).unwrap();
    }
    let mut fixed = FixedSizeListBuilder::new(Int32Builder::new(), 2);
    for row in 0..6 {
        fixed.values().append_slice(&[row, row]);
        fixed.append(row != 1);
    }
    let fields = |numbers: &ArrayRef| {
        let fields = [("i", numbers.data_type()), ("s", &DataType::Utf8)];
        let fields = fields.map(|(name, data_type)| Field::new(name, data_type.clone(), true));
        UnionFields::try_new([0, 3], fields).unwrap()
    };
    let texts: ArrayRef = Arc::new(StringArray::from(vec!["a", "b", "c", "d", "e", "f"]));
    let children = vec![numbers.clone(), texts];
    let ids: Vec<i8> = vec![0, 3, 0, 3, 3, 0];
    let sparse = UnionArray::try_new(fields(&numbers), ids.clone().into(), None, children.clone()).unwrap();
    let offsets: Vec<i32> = vec![0, 0, 1, 1, 2, 2];
    let dense = UnionArray::try_new(fields(&numbers), ids.into(), Some(offsets.into()), children).unwrap();
    batch(vec![
        ("a", Arc::new(list)),
        ("b", Arc::new(inner)),
        ("c", Arc::new(map.finish())),
        ("d", Arc::new(fixed.finish())),
        ("e", Arc::new(sparse)),
        ("f", Arc::new(dense)),
    ])
}

fn written(batch: &RecordBatch, format: Format, codec: Option<CompressionType>) -> Vec<u8> {
    let options = IpcWriteOptions::default().try_with_compression(codec).unwrap();
    let mut bytes = Vec::new();
    if format == Format::IpcFile {
        let mut writer = FileWriter::try_new_with_options(&mut bytes, &batch.schema(), options).unwrap();
        writer.write_metadata("key", "value");
        writer.write(batch).unwrap();
        writer.write(&batch.slice(1, 3)).unwrap();
        writer.finish().unwrap();
    } else {
        let mut writer = StreamWriter::try_new_with_options(&mut bytes, &batch.schema(), options).unwrap();
        writer.write(batch).unwrap();
        writer.write(&batch.slice(1, 3)).unwrap();
        writer.finish().unwrap();
    }
    bytes
}

const CODECS: [Option<CompressionType>; 3] = [None, Some(CompressionType::LZ4_FRAME), Some(CompressionType::ZSTD)];
const FORMATS: [Format; 2] = [Format::IpcFile, Format::IpcStream];

#[test]
fn what_was_written_is_read() {
    let bench = Bench::new();
    for batch in [plain(), dictionaries(), nested()] {
        for (format, codec) in FORMATS.into_iter().flat_map(|format| CODECS.map(|codec| (format, codec))) {
            let bytes = written(&batch, format, codec);
            let read = bench.read(&bytes, &asked(format, None)).unwrap();
            let rows: Vec<_> = read.iter().map(|batch| batch.columns().to_vec()).collect();
            assert_eq!(rows, [batch.columns().to_vec(), batch.slice(1, 3).columns().to_vec()], "{format:?} {codec:?}");
            let names: Vec<_> = batch.schema().fields().iter().map(|field| field.name().clone()).collect();
            for chosen in [&names[..0], &names[1..2], &[&names[..1], &names[names.len() - 1..]].concat()] {
                let names: Vec<_> = chosen.iter().map(String::as_str).collect();
                let read = bench.read(&bytes, &asked(format, Some(&names))).unwrap();
                assert_eq!((read.len(), read[0].num_rows()), (2, batch.num_rows()));
                assert_eq!(read[0].num_columns(), names.len());
                for name in names {
                    assert_eq!(read[0].column_by_name(name), batch.column_by_name(name), "{format:?} {codec:?} {name}");
                }
            }
        }
    }
}

/// Reads something wrong. No bug of ours or of the crate's is met.
fn attempt(bench: &Bench, bytes: &[u8], format: Format, what: &str) -> bool {
    for columns in [None, Some(&["b"][..])] {
        if let Err(error) = bench.read(bytes, &asked(format, columns)) {
            let is_told = matches!(error.kind, Kind::Integrity | Kind::NoSpace | Kind::Unsupported | Kind::Argument);
            assert!(is_told, "{what}: {:?} {}", error.kind, error.message);
            return false;
        }
    }
    true
}

/// Of the bytes of each blob, one in so many is changed. All of them take some minutes.
const STEP: usize = 11;

#[test]
fn no_flipped_byte_and_no_end_does_harm() {
    let bench = Bench::new();
    let (mut refused, mut flipped) = (0, 0);
    for (name, batch) in [("plain", plain()), ("dictionaries", dictionaries()), ("nested", nested())] {
        for (format, codec) in FORMATS.into_iter().flat_map(|format| CODECS.map(|codec| (format, codec))) {
            let bytes = written(&batch, format, codec);
            let what = |change: &str, at: usize| format!("{name} {format:?} {codec:?} {change} {at}");
            for end in (0..bytes.len()).step_by(29) {
                let is_read = attempt(&bench, &bytes[..end], format, &what("cut at", end));
                assert!(!is_read || format == Format::IpcStream, "{}", what("cut at", end));
            }
            for at in (flipped % STEP..bytes.len()).step_by(STEP) {
                let flip = [0x01, 0x80, 0xff, 0x10][at % 4];
                let mut bytes = bytes.clone();
                bytes[at] ^= flip;
                refused += u32::from(!attempt(&bench, &bytes, format, &what("flipped", at)));
            }
            flipped += 1;
        }
    }
    assert!(refused > 1000, "{refused}");
}

#[test]
fn what_is_said_to_be_large_takes_no_memory() {
    let bench = Bench::new();
    for codec in &CODECS[1..] {
        for format in FORMATS {
            let bytes = written(&plain(), format, *codec);
            let mut found = 0;
            for at in (0..bytes.len() - 8).step_by(8) {
                let size = i64::from_le_bytes(bytes[at..at + 8].try_into().unwrap());
                if !(8..=4000).contains(&size) {
                    continue;
                }
                // Among these are the prefixes of compressed buffers.
                for lie in [1i64 << 36, i64::MAX, i64::MIN, -2, size + 1] {
                    let mut bytes = bytes.clone();
                    bytes[at..at + 8].copy_from_slice(&lie.to_le_bytes());
                    found += u32::from(!attempt(&bench, &bytes, format, "a lie"));
                }
            }
            assert!(found > 20, "{found}");
        }
    }
}

#[test]
fn what_does_not_fit_into_the_budget_names_both_numbers() {
    let bench = Bench::new();
    let numbers = batch(vec![("a", Arc::new(Int64Array::from(vec![7; 100_000])) as ArrayRef)]);
    for codec in CODECS {
        for format in FORMATS {
            let options = DecodeOptions { max_prefetch: 100_000, ..asked(format, None) };
            let error = bench.read(&written(&numbers, format, codec), &options).unwrap_err();
            assert_eq!(error.kind, Kind::NoSpace, "{}", error.message);
            assert!(error.message.contains("100000") && error.message.contains("800"), "{}", error.message);
        }
    }
}

#[test]
fn other_formats_are_told() {
    let bench = Bench::new();
    let file = written(&plain(), Format::IpcFile, None);
    let stream = written(&plain(), Format::IpcStream, None);
    for (bytes, format) in [(&file, Format::IpcStream), (&stream, Format::IpcFile), (&vec![], Format::IpcFile)] {
        let error = bench.read(bytes, &asked(format, None)).unwrap_err();
        assert_eq!(error.kind, Kind::Integrity, "{}", error.message);
    }
    assert_eq!(bench.read(&[], &asked(Format::IpcStream, None)).unwrap_err().kind, Kind::Integrity);
    let error = bench.read(&[stream.clone(), stream].concat(), &asked(Format::IpcStream, None)).unwrap_err();
    assert!(error.message.contains("more bytes follow"), "{}", error.message);
}
