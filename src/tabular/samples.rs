//! For tests: columns of each scalar type with its ends and null, and what puts and reads them.

use super::sink::Sink;
use crate::stores::{PutMode, PutOptions, Store};
use crate::transfer::{Compression, WriterOptions};
use arrow_array::types::*;
use arrow_array::*;
use arrow_buffer::i256;
use arrow_schema::{Field, Schema};
use bytes::Bytes;
use std::sync::Arc;

/// The last of a year whose text has four digits, in units of a day and a second.
const LAST_DAY: i32 = 2_932_896;
const LAST_SECOND: i64 = 253_402_300_799;
const FIRST_SECOND: i64 = -62_167_219_200;

/// A batch of the columns given.
pub(super) fn batch(columns: Vec<(&str, ArrayRef)>) -> RecordBatch {
    let fields: Vec<_> =
        columns.iter().map(|(name, column)| Field::new(*name, column.data_type().clone(), true)).collect();
    let columns = columns.into_iter().map(|(_, column)| column).collect();
    RecordBatch::try_new(Arc::new(Schema::new(fields)), columns).unwrap()
}

/// Each scalar type but binary and null; four rows, the second of which is null.
pub(super) fn scalars() -> RecordBatch {
    let mut columns: Vec<(&str, ArrayRef)> = vec![
        ("boolean", Arc::new(BooleanArray::from(vec![Some(true), None, Some(false), Some(true)]))),
        ("int8", Arc::new(Int8Array::from(vec![Some(i8::MIN), None, Some(i8::MAX), Some(0)]))),
        ("int16", Arc::new(Int16Array::from(vec![Some(i16::MIN), None, Some(i16::MAX), Some(0)]))),
        ("int32", Arc::new(Int32Array::from(vec![Some(i32::MIN), None, Some(i32::MAX), Some(0)]))),
        ("int64", Arc::new(Int64Array::from(vec![Some(i64::MIN), None, Some(i64::MAX), Some(0)]))),
        ("uint8", Arc::new(UInt8Array::from(vec![Some(0), None, Some(u8::MAX), Some(1)]))),
        ("uint16", Arc::new(UInt16Array::from(vec![Some(0), None, Some(u16::MAX), Some(1)]))),
        ("uint32", Arc::new(UInt32Array::from(vec![Some(0), None, Some(u32::MAX), Some(1)]))),
        ("uint64", Arc::new(UInt64Array::from(vec![Some(0), None, Some(u64::MAX), Some(1)]))),
        ("float32", Arc::new(Float32Array::from(vec![Some(f32::MIN_POSITIVE), None, Some(f32::MAX), Some(-0.0)]))),
        ("float64", Arc::new(Float64Array::from(vec![Some(0.1), None, Some(f64::MAX), Some(5e-324)]))),
        ("odd", Arc::new(Float64Array::from(vec![Some(f64::INFINITY), None, Some(f64::NEG_INFINITY), Some(1e16)]))),
        ("date32", Arc::new(Date32Array::from(vec![Some(-719_528), None, Some(LAST_DAY), Some(0)]))),
        ("date64", Arc::new(Date64Array::from(vec![Some(-86_400_000), None, Some(86_400_000), Some(0)]))),
        ("text", Arc::new(StringArray::from(vec![Some("a,\"b\"\r\nc"), None, Some(""), Some("\u{0}ü\u{1f600}\\")]))),
        ("large", Arc::new(LargeStringArray::from(vec![Some("'#\t"), None, Some(""), Some(" x ")]))),
        ("view", Arc::new(StringViewArray::from(vec![Some("NULL"), None, Some(""), Some("longer than a view")]))),
    ];
    columns.extend(times());
    columns.extend(decimals());
    batch(columns)
}

fn times() -> Vec<(&'static str, ArrayRef)> {
    let (day, ends) = (86_400, [Some(FIRST_SECOND), None, Some(LAST_SECOND)]);
    let of_unit = |scale: i64, odd: i64| -> Vec<Option<i64>> {
        ends.iter().map(|end| end.map(|end| end * scale)).chain([Some(-odd)]).collect()
    };
    let nanoseconds = vec![Some(i64::MIN), None, Some(i64::MAX), Some(-1)];
    let berlin = || -> Arc<str> { "Europe/Berlin".into() };
    vec![
        ("time_s", Arc::new(Time32SecondArray::from(vec![Some(0), None, Some(day - 1), Some(60)]))),
        ("time_ms", Arc::new(Time32MillisecondArray::from(vec![Some(0), None, Some(day * 1000 - 1), Some(1)]))),
        ("time_us", Arc::new(Time64MicrosecondArray::from(vec![Some(0), None, Some(86_399_999_999), Some(1)]))),
        ("time_ns", Arc::new(Time64NanosecondArray::from(vec![Some(0), None, Some(86_399_999_999_999), Some(1)]))),
        ("s", Arc::new(TimestampSecondArray::from(of_unit(1, 1)))),
        ("ms", Arc::new(TimestampMillisecondArray::from(of_unit(1000, 1)))),
        ("us", Arc::new(TimestampMicrosecondArray::from(of_unit(1_000_000, 1)))),
        ("ns", Arc::new(TimestampNanosecondArray::from(nanoseconds.clone()))),
        ("utc", Arc::new(TimestampMillisecondArray::from(of_unit(1000, 1)).with_timezone("UTC"))),
        ("offset", Arc::new(TimestampNanosecondArray::from(nanoseconds.clone()).with_timezone("-03:30"))),
        ("berlin", Arc::new(TimestampNanosecondArray::from(nanoseconds).with_timezone(berlin()))),
        ("summer", {
            // The hour that a clock shows twice, both times; and long ago, when it was ahead by odd seconds.
            let twice = vec![Some(1_729_989_000), None, Some(1_729_992_600), Some(-3_000_000_000)];
            Arc::new(TimestampSecondArray::from(twice).with_timezone(berlin()))
        }),
        ("duration_s", Arc::new(DurationSecondArray::from(vec![Some(i64::MIN), None, Some(i64::MAX), Some(0)]))),
        ("duration_ns", Arc::new(DurationNanosecondArray::from(vec![Some(-1), None, Some(1), Some(0)]))),
    ]
}

fn decimals() -> Vec<(&'static str, ArrayRef)> {
    let huge = |digits: usize| i256::from_string(&"9".repeat(digits)).unwrap();
    let most = 10i128.pow(38) - 1;
    vec![
        ("decimal32", decimal::<Decimal32Type>([-999_999_999, 999_999_999, 5], 9, 3)),
        ("decimal64", decimal::<Decimal64Type>([-(10i64.pow(18) - 1), 10i64.pow(18) - 1, 5], 18, 18)),
        ("decimal128", decimal::<Decimal128Type>([-most, most, 0], 38, 0)),
        ("decimal256", decimal::<Decimal256Type>([-huge(76), huge(76), i256::ONE], 76, 40)),
        ("thousands", decimal::<Decimal128Type>([-12, 0, 345], 5, -3)),
    ]
}

fn decimal<T: DecimalType>(values: [T::Native; 3], precision: u8, scale: i8) -> ArrayRef {
    let [first, third, last] = values;
    let array = PrimitiveArray::<T>::from_iter([Some(first), None, Some(third), Some(last)]);
    Arc::new(array.with_precision_and_scale(precision, scale).unwrap())
}

/// Runs what is asynchronous to its end.
pub(super) fn run<T>(future: impl Future<Output = T>) -> T {
    tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap().block_on(future)
}

/// An object that is to be written.
pub(super) fn sink(store: &Store, key: &str) -> Sink {
    let put = PutOptions {
        mode: PutMode::Overwrite,
        headers: Default::default(),
        metadata: Vec::new(),
        tags: Vec::new(),
        wants_details: false,
        rows: None,
    };
    let options = WriterOptions { put, part_size: 0, max_in_flight: 0, compression: Compression::None, level: 0 };
    Sink::new(store, &key.into(), options).unwrap()
}

/// Puts bytes.
pub(super) async fn put(store: &Store, key: &str, content: &[u8]) {
    let mut sink = sink(store, key);
    sink.write(vec![Bytes::copy_from_slice(content)]).await.unwrap();
    sink.finish(false).await.unwrap();
}
