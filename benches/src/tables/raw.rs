//! The crates that the library wraps, as their own documentation shows them.
#![expect(unsafe_code, reason = "the C Data Interface")]

use std::fs::File;
use std::io::{BufReader, Write};
use std::path::Path;
use std::{iter, thread};

use arrow_array::ffi::{self, FFI_ArrowArray, FFI_ArrowSchema};
use arrow_array::{Array, RecordBatch, StructArray};
use arrow_csv::ReaderBuilder;
use arrow_ipc::reader::FileReader;
use arrow_ipc::writer::FileWriter;
use parquet::arrow::ArrowWriter;
use parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder;
use parquet::basic::{Compression, ZstdLevel};
use parquet::file::properties::WriterProperties;

use super::data::{self, ROWS};
use super::{BATCH, ROW_GROUP, Scene, Verb};
use crate::worker::{Plain, Work};

/// The work of one case.
pub fn of(scene: Scene) -> Box<dyn Work> {
    match scene.verb {
        Verb::CsvToArrow => Box::new(Plain(move || {
            let rows: usize = csv(&scene.csv()).map(|batch| batch.num_rows()).sum();
            assert_eq!(rows, ROWS);
        })),
        Verb::CsvToParquet => Box::new(Plain(move || {
            write_parquet(&scene.made("arrow-rs.parquet"), csv(&scene.csv()), Compression::SNAPPY);
        })),
        Verb::WriteSnappy | Verb::WriteChunks => write(scene, Compression::SNAPPY),
        Verb::WriteZstd => write(scene, Compression::ZSTD(ZstdLevel::try_new(1).expect("a level"))),
        Verb::ReadParquet => Box::new(Plain(move || assert_eq!(read_parquet(&scene.parquet()), ROWS))),
        Verb::WriteIpc | Verb::WriteIpcChecked => {
            let batches = load(&scene);
            let mut bytes = Vec::new();
            Box::new(Plain(move || {
                bytes.clear();
                write_ipc(&mut bytes, &batches);
            }))
        }
        Verb::ReadIpc => Box::new(Plain(move || {
            let rows: usize = ipc(&scene.ipc()).map(|batch| batch.num_rows()).sum();
            assert_eq!(rows, ROWS);
        })),
        Verb::Import | Verb::ImportChecked | Verb::Export => interface(&scene),
    }
}

/// The floor of the cases in memory: the bytes of the table, copied into memory that is there.
pub fn memcpy(scene: &Scene) -> Box<dyn Work> {
    let bytes = std::fs::read(scene.ipc()).expect("the table as IPC");
    let mut copy = vec![1; bytes.len()];
    Box::new(Plain(move || std::hint::black_box(&mut copy[..]).copy_from_slice(std::hint::black_box(&bytes))))
}

/// The same, into memory that is new each time.
pub fn memcpy_to_new(scene: &Scene) -> Box<dyn Work> {
    let bytes = std::fs::read(scene.ipc()).expect("the table as IPC");
    Box::new(Plain(move || drop(std::hint::black_box(std::hint::black_box(&bytes).clone()))))
}

/// The table, as CSV tells it.
pub fn csv(path: &Path) -> impl Iterator<Item = RecordBatch> {
    let file = File::open(path).expect("the table as CSV");
    let reader = ReaderBuilder::new(data::schema()).with_header(true).with_batch_size(BATCH).build(file);
    reader.expect("a reader").map(|batch| batch.expect("a batch"))
}

/// The table, as IPC tells it.
pub fn ipc(path: &Path) -> impl Iterator<Item = RecordBatch> + use<> {
    let file = BufReader::new(File::open(path).expect("the table as IPC"));
    FileReader::try_new(file, None).expect("a reader").map(|batch| batch.expect("a batch"))
}

/// The table in memory.
pub fn load(scene: &Scene) -> Vec<RecordBatch> {
    ipc(&scene.ipc()).collect()
}

/// Writes it as IPC.
pub fn write_ipc(to: impl Write, batches: &[RecordBatch]) {
    let mut writer = FileWriter::try_new(to, &data::schema()).expect("a writer");
    batches.iter().for_each(|batch| writer.write(batch).expect("room for the table"));
    writer.finish().expect("room for the table");
}

/// Writes it as Parquet.
pub fn write_parquet(path: &Path, batches: impl Iterator<Item = RecordBatch>, compression: Compression) {
    let properties =
        WriterProperties::builder().set_compression(compression).set_max_row_group_row_count(Some(ROW_GROUP)).build();
    let file = File::create(path).expect("a file in the folder of the run");
    let mut writer = ArrowWriter::try_new(file, data::schema(), Some(properties)).expect("a writer");
    batches.for_each(|batch| writer.write(&batch).expect("room for the table"));
    writer.close().expect("room for the table");
}

fn write(scene: Scene, compression: Compression) -> Box<dyn Work> {
    let batches = load(&scene);
    Box::new(Plain(move || write_parquet(&scene.made("arrow-rs.parquet"), batches.iter().cloned(), compression)))
}

/// Each batch through the C Data Interface, as far as the case goes.
fn interface(scene: &Scene) -> Box<dyn Work> {
    let (batches, verb) = (load(scene), scene.verb);
    Box::new(Plain(move || {
        for batch in iter::repeat_n(&batches, verb.rounds()).flatten() {
            let array = FFI_ArrowArray::new(&StructArray::from(batch.clone()).to_data());
            if verb == Verb::Export {
                continue;
            }
            let schema = FFI_ArrowSchema::try_from(batch.schema_ref().as_ref()).expect("a schema");
            // SAFETY: both are of the crate itself.
            let data = unsafe { ffi::from_ffi(array, &schema) }.expect("an array");
            if verb == Verb::ImportChecked {
                data.validate_full().expect("an array");
            }
        }
    }))
}

/// Each of two threads reads every other row group.
fn read_parquet(path: &Path) -> usize {
    let read = |first: usize| {
        let builder = ParquetRecordBatchReaderBuilder::try_new(File::open(path).expect("the table as Parquet"));
        let builder = builder.expect("a reader").with_batch_size(BATCH);
        let groups = (first..builder.metadata().num_row_groups()).step_by(2).collect();
        let reader = builder.with_row_groups(groups).build().expect("a reader");
        reader.map(|batch| batch.expect("a batch").num_rows()).sum::<usize>()
    };
    thread::scope(|scope| {
        let other = scope.spawn(|| read(1));
        read(0) + other.join().expect("a thread")
    })
}
