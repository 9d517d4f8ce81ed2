//! What is written is read back: through a store, in different dialects.

use super::encode::encoder;
use super::open;
use crate::service::Service;
use crate::stores::Store;
use crate::tabular::format::{CsvOptions, DecodeOptions, EncodeOptions, Format, Quoting};
use crate::tabular::samples;
use crate::trace::Trace;
use crate::transfer::Compression;
use arrow_array::RecordBatch;
use std::sync::Arc;

async fn write_and_read(store: &Store, batch: &RecordBatch, csv: &CsvOptions, compression: Compression) -> RecordBatch {
    let key: Arc<str> = "table".into();
    let options = EncodeOptions { csv: csv.clone(), ..EncodeOptions::new(Format::Csv) };
    let mut sink = samples::sink(store, &key);
    let mut encoder = encoder(store.service(), &batch.schema(), options).unwrap();
    encoder.write(batch.clone(), &mut sink).await.unwrap();
    encoder.finish(&mut sink).await.unwrap();
    sink.finish(false).await.map_err(|error| *error).unwrap();
    let options = DecodeOptions {
        csv: csv.clone(),
        schema: Some(batch.schema()),
        compression,
        ..DecodeOptions::new(Format::Csv)
    };
    let mut reader = open(store, &key, &options, &Trace::new()).await.unwrap();
    let read = reader.next().await.unwrap().unwrap();
    assert!(reader.next().await.unwrap().is_none());
    read
}

#[test]
fn all_types_come_back() {
    let service = Service::new(Default::default()).unwrap();
    let store = Store::open(service.shared(), "memory://round-trips", &[]).unwrap();
    let batch = samples::scalars();
    let plain = CsvOptions::default();
    let dialects = [
        plain.clone(),
        CsvOptions { is_crlf: true, quoting: Quoting::All, ..plain.clone() },
        CsvOptions { has_header: false, quoting: Quoting::Texts, null_texts: vec!["NULL".into()], ..plain.clone() },
        CsvOptions { delimiter: b'\t', quote: Some(b'\''), comment: Some(b'#'), ..plain.clone() },
        CsvOptions { delimiter: b'-', escape: Some(b'\\'), ..plain.clone() },
        CsvOptions { delimiter: b'1', comment: Some(b'2'), ..plain.clone() },
    ];
    for csv in dialects {
        samples::run(async {
            assert_eq!(write_and_read(&store, &batch, &csv, Compression::None).await, batch, "{csv:?}");
            for column in 0..batch.num_columns() {
                let alone = batch.project(&[column]).unwrap();
                assert_eq!(write_and_read(&store, &alone, &csv, Compression::Auto).await, alone, "{csv:?}");
            }
        });
    }
    service.free();
}
