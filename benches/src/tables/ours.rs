//! The library.

use std::ffi::CString;
use std::rc::Rc;
use std::{iter, slice};

use super::data::{self, ROWS};
use super::{BATCH, ROW_GROUP, Scene, Verb, raw};
use crate::abi::{Library, Queue, Service, ServiceOptions, Store, Wake, WriteOptions};
use crate::worker::{Plain, Work};

const SNAPPY: WriteOptions = WriteOptions::snappy(ROW_GROUP as u64);
const ZSTD: WriteOptions = WriteOptions::zstd(1, ROW_GROUP as u64);

/// What it is asked with. The fields are dropped in this order: the service goes last.
struct Ours {
    queue: Queue,
    files: Store,
    memory: Store,
    service: Service,
}

/// The work of one case.
pub fn of(library: &'static Library, scene: Scene) -> Box<dyn Work> {
    let service = Service::new(library, &ServiceOptions::default());
    let files = service.open(&format!("file://{}", scene.folder().display()), &[]);
    let memory = service.open("memory://tables", &[]);
    // Shared, so that a closure that uses one of the fields keeps all of them.
    let ours = Rc::new(Ours { queue: service.queue(8, Wake::None), files, memory, service });
    let key = |name: &str| CString::new(name).expect("no NUL");
    let (csv, ipc, parquet) = (key("table.csv"), key("table.arrow"), key("table.parquet"));
    let made = key("blobferry.parquet");
    let schema = data::schema();
    match scene.verb {
        Verb::CsvToArrow => Box::new(Plain(move || {
            let reader = ours.files.table_reader(&csv, Some(&schema), BATCH as u64);
            assert_eq!(ours.queue.read_table(&reader), ROWS as u64);
        })),
        Verb::CsvToParquet => Box::new(Plain(move || {
            let reader = ours.files.table_reader(&csv, Some(&schema), BATCH as u64);
            assert_eq!(ours.queue.convert(&reader, &ours.files, &made, &SNAPPY), ROWS as u64);
        })),
        Verb::WriteSnappy | Verb::WriteZstd => {
            let table = ours.service.import(&schema, &raw::load(&scene), true);
            let options = if scene.verb == Verb::WriteZstd { &ZSTD } else { &SNAPPY };
            Box::new(Plain(move || {
                assert_eq!(ours.queue.put_table(&ours.files, &made, &table, options), ROWS as u64);
            }))
        }
        Verb::WriteChunks => {
            let batches = raw::load(&scene);
            Box::new(Plain(move || {
                let rows = ours.queue.put_chunks(&ours.files, &made, &schema, &batches, &SNAPPY);
                assert_eq!(rows, ROWS as u64);
            }))
        }
        Verb::ReadParquet => Box::new(Plain(move || {
            let reader = ours.files.table_reader(&parquet, None, BATCH as u64);
            assert_eq!(ours.queue.read_table(&reader), ROWS as u64);
        })),
        Verb::WriteIpc | Verb::WriteIpcChecked => {
            let (batches, is_trusted) = (raw::load(&scene), scene.verb == Verb::WriteIpc);
            Box::new(Plain(move || {
                let table = ours.service.import(&schema, &batches, is_trusted);
                assert_eq!(ours.queue.put_table(&ours.memory, &ipc, &table, &WriteOptions::IPC_FILE), ROWS as u64);
            }))
        }
        Verb::ReadIpc => Box::new(Plain(move || {
            let reader = ours.files.table_reader(&ipc, None, BATCH as u64);
            assert_eq!(ours.queue.read_table(&reader), ROWS as u64);
        })),
        Verb::Import | Verb::ImportChecked => {
            let (batches, is_trusted) = (raw::load(&scene), scene.verb == Verb::Import);
            Box::new(Plain(move || {
                for batch in iter::repeat_n(&batches, scene.verb.rounds()).flatten() {
                    drop(ours.service.import(&schema, slice::from_ref(batch), is_trusted));
                }
            }))
        }
        Verb::Export => {
            let batches = raw::load(&scene);
            let table = ours.service.import(&schema, &batches, true);
            Box::new(Plain(move || {
                for index in iter::repeat_n(0..batches.len(), scene.verb.rounds()).flatten() {
                    drop(table.export(index));
                }
            }))
        }
    }
}
