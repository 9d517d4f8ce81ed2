//! Tables for tests, the same ones in every run.

use super::units::{Dates, held_schema};
use crate::stores::Store;
use crate::tabular::encode::{Encode, Totals};
use crate::tabular::format::{Codec, DecodeOptions, EncodeOptions, Format};
use crate::tabular::samples::sink;
use arrow_array::types::*;
use arrow_array::*;
use arrow_buffer::{NullBuffer, OffsetBuffer, ScalarBuffer, i256};
use arrow_schema::{DataType, Field, FieldRef, Fields, IntervalUnit, Schema, TimeUnit};
use fastrand::Rng;
use std::sync::Arc;

/// How tests write.
pub(in crate::tabular) fn encode_options() -> EncodeOptions {
    EncodeOptions { codec: Codec::Snappy, ..EncodeOptions::new(Format::Parquet) }
}

/// How tests read.
pub(in crate::tabular) fn decode_options() -> DecodeOptions {
    DecodeOptions::new(Format::Parquet)
}

/// Writes a table, and gives how many bytes it has.
pub(in crate::tabular) async fn write(
    store: &Store,
    key: &str,
    batches: &[RecordBatch],
    options: EncodeOptions,
) -> crate::error::Result<(Totals, u64)> {
    let mut encoder: Box<dyn Encode> = super::encoder(&store.service, &batches[0].schema(), options)?;
    let mut sink = sink(store, key);
    for batch in batches {
        encoder.write(batch.clone(), &mut sink).await?;
    }
    let totals = encoder.finish(&mut sink).await?;
    let done = sink.finish(false).await.map_err(|error| *error)?;
    Ok((totals, done.result))
}

/// Every type that Parquet holds.
pub(in crate::tabular) fn types() -> Vec<DataType> {
    use DataType::*;
    let item = |data_type: DataType| Arc::new(Field::new("item", data_type, true));
    let entries = Fields::from(vec![Field::new("keys", Utf8, false), Field::new("values", Int32, true)]);
    let mut types = vec![
        Null,
        Boolean,
        Int8,
        Int16,
        Int32,
        Int64,
        UInt8,
        UInt16,
        UInt32,
        UInt64,
        Float16,
        Float32,
        Float64,
        Date32,
        Date64,
        Time32(TimeUnit::Second),
        Time32(TimeUnit::Millisecond),
        Time64(TimeUnit::Microsecond),
        Time64(TimeUnit::Nanosecond),
        Interval(IntervalUnit::YearMonth),
        Interval(IntervalUnit::DayTime),
        Utf8,
        LargeUtf8,
        Utf8View,
        Binary,
        LargeBinary,
        BinaryView,
        FixedSizeBinary(3),
        Decimal32(7, 2),
        Decimal64(15, 3),
        Decimal128(5, 1),
        Decimal128(12, 0),
        Decimal128(38, 10),
        Decimal256(6, 2),
        Decimal256(70, 5),
    ];
    for unit in [TimeUnit::Second, TimeUnit::Millisecond, TimeUnit::Microsecond, TimeUnit::Nanosecond] {
        types.push(Timestamp(unit, None));
        types.push(Timestamp(unit, Some("UTC".into())));
        types.push(Timestamp(unit, Some("Europe/Berlin".into())));
        types.push(Duration(unit));
    }
    for key in [Int8, Int16, Int32, UInt8, UInt32, UInt64] {
        types.push(Dictionary(Box::new(key), Box::new(Utf8)));
    }
    for value in [LargeUtf8, Binary, Int64, Float64, FixedSizeBinary(3), Date32, Utf8View, BinaryView] {
        types.push(Dictionary(Box::new(Int32), Box::new(value)));
    }
    types.push(List(item(Int32)));
    types.push(LargeList(item(Utf8View)));
    types.push(FixedSizeList(item(Float32), 2));
    types.push(ListView(item(Utf8)));
    types.push(LargeListView(item(Int16)));
    types.push(List(item(Dictionary(Box::new(Int32), Box::new(Utf8)))));
    types.push(List(item(List(item(Utf8)))));
    types.push(Struct(vec![Field::new("a", Int32, true), Field::new("b", List(item(Utf8)), false)].into()));
    types.push(Map(Arc::new(Field::new("entries", Struct(entries), false)), false));
    let seconds = || Timestamp(TimeUnit::Second, Some("Europe/Berlin".into()));
    let entries = Fields::from(vec![Field::new("keys", Date64, false), Field::new("values", seconds(), true)]);
    types.push(Map(Arc::new(Field::new("entries", Struct(entries), false)), false));
    types.push(Struct(vec![Field::new("a", seconds(), true), Field::new("b", List(item(Date64)), false)].into()));
    types.push(LargeList(item(Time32(TimeUnit::Second))));
    types.push(FixedSizeList(item(seconds()), 2));
    types.push(ListView(item(Date64)));
    types.push(Dictionary(Box::new(Int32), Box::new(seconds())));
    types.push(Dictionary(Box::new(UInt32), Box::new(Date64)));
    types
}

/// A table as it comes back.
pub(super) fn back(table: &RecordBatch) -> RecordBatch {
    let schema = Arc::new(held_schema(&table.schema(), Dates::Kept));
    let cast = |(column, field): (&ArrayRef, &FieldRef)| arrow_cast::cast(column, field.data_type()).unwrap();
    let columns = table.columns().iter().zip(schema.fields()).map(cast).collect();
    RecordBatch::try_new(schema, columns).unwrap()
}

/// Random values: few different ones or many, in bands as sorted data has them, edges among them.
pub(in crate::tabular) fn column(data_type: &DataType, rows: usize, null_share: f64, rng: &mut Rng) -> ArrayRef {
    use DataType::*;
    let spread = [3, 50, 1 << 40][rng.usize(..3)];
    let slope = if rng.bool() { 7 } else { 0 };
    let mut number = |at: usize| -> Option<i64> {
        let is_null = rng.f64() < null_share;
        let value = at as i64 * slope + rng.i64(-spread..=spread);
        (!is_null).then_some(value)
    };
    let numbers: Vec<Option<i64>> = (0..rows).map(&mut number).collect();
    macro_rules! primitive {
        ($arrow:ty, $make:expr) => {{
            let make = $make;
            let values = numbers.iter().map(|value| value.map(|value| make(value)));
            Arc::new(PrimitiveArray::<$arrow>::from_iter(values).with_data_type(data_type.clone()))
        }};
    }
    let text = |value: i64| match value.rem_euclid(5) {
        0 => String::new(),
        1 => format!("{value:05}"),
        2 => format!("ä{value} a text that does not fit into a view, nor into seventy bytes of statistics {value}"),
        3 => format!("{}{value}", "\u{10ffff}".repeat(20)),
        _ => format!("{}", value.rem_euclid(7)),
    };
    let texts = || numbers.iter().map(move |value| value.map(text));
    let bytes =
        |value: i64| [vec![0xff; 30 * (value.rem_euclid(4) == 0) as usize], value.to_be_bytes().to_vec()].concat();
    match data_type {
        Null => Arc::new(NullArray::new(rows)),
        Boolean => Arc::new(numbers.iter().map(|value| value.map(|value| value > slope * 3)).collect::<BooleanArray>()),
        Int8 => primitive!(Int8Type, |value| value as i8),
        Int16 => primitive!(Int16Type, |value| value as i16),
        Int32 => primitive!(Int32Type, |value| value as i32),
        Int64 => primitive!(Int64Type, |value| value),
        UInt8 => primitive!(UInt8Type, |value| value as u8),
        UInt16 => primitive!(UInt16Type, |value| value as u16),
        UInt32 => primitive!(UInt32Type, |value| value as u32),
        UInt64 => primitive!(UInt64Type, |value| value as u64),
        Float16 => primitive!(Float16Type, |value| <Float16Type as ArrowPrimitiveType>::Native::from_f64(float(value))),
        Float32 => primitive!(Float32Type, |value| float(value) as f32),
        Float64 => primitive!(Float64Type, float),
        Date32 => primitive!(Date32Type, |value| value as i32),
        Date64 => primitive!(Date64Type, |value: i64| (value % 100_000) * 86_400_000),
        Time32(TimeUnit::Second) => primitive!(Time32SecondType, |value: i64| value.rem_euclid(86_400) as i32),
        Time32(_) => primitive!(Time32MillisecondType, |value: i64| value.rem_euclid(86_400_000) as i32),
        Time64(TimeUnit::Microsecond) => {
            primitive!(Time64MicrosecondType, |value: i64| value.rem_euclid(86_400_000_000))
        }
        Time64(_) => primitive!(Time64NanosecondType, |value: i64| value.rem_euclid(86_400_000_000_000)),
        Timestamp(TimeUnit::Second, _) => primitive!(TimestampSecondType, |value| value),
        Timestamp(TimeUnit::Millisecond, _) => primitive!(TimestampMillisecondType, |value| value),
        Timestamp(TimeUnit::Microsecond, _) => primitive!(TimestampMicrosecondType, |value| value),
        Timestamp(TimeUnit::Nanosecond, _) => primitive!(TimestampNanosecondType, |value| value),
        Duration(TimeUnit::Second) => primitive!(DurationSecondType, |value| value),
        Duration(TimeUnit::Millisecond) => primitive!(DurationMillisecondType, |value| value),
        Duration(TimeUnit::Microsecond) => primitive!(DurationMicrosecondType, |value| value),
        Duration(TimeUnit::Nanosecond) => primitive!(DurationNanosecondType, |value| value),
        Interval(IntervalUnit::YearMonth) => primitive!(IntervalYearMonthType, |value| value as i32),
        Interval(_) => {
            primitive!(IntervalDayTimeType, |value: i64| arrow_buffer::IntervalDayTime::new(value as i32, 5))
        }
        Decimal32(..) => primitive!(Decimal32Type, |value: i64| (value % 10_000_000) as i32),
        Decimal64(..) => primitive!(Decimal64Type, |value: i64| value % 1_000_000_000_000_000),
        Decimal128(precision, _) => {
            let most = 10i64.pow(u32::from(*precision).min(18));
            primitive!(Decimal128Type, |value: i64| i128::from(value % most))
        }
        Decimal256(precision, _) => {
            let most = 10i64.pow(u32::from(*precision).min(18));
            primitive!(Decimal256Type, |value: i64| i256::from_i128(i128::from(value % most)))
        }
        Utf8 => Arc::new(texts().collect::<StringArray>()),
        LargeUtf8 => Arc::new(texts().collect::<LargeStringArray>()),
        Utf8View => Arc::new(texts().collect::<StringViewArray>()),
        Binary => Arc::new(numbers.iter().map(|value| value.map(bytes)).collect::<BinaryArray>()),
        LargeBinary => Arc::new(numbers.iter().map(|value| value.map(bytes)).collect::<LargeBinaryArray>()),
        BinaryView => Arc::new(numbers.iter().map(|value| value.map(bytes)).collect::<BinaryViewArray>()),
        FixedSizeBinary(size) => {
            let fixed = |value: i64| value.to_be_bytes()[8 - *size as usize..].to_vec();
            let values = numbers.iter().map(|value| value.map(fixed));
            Arc::new(FixedSizeBinaryArray::try_from_sparse_iter_with_size(values, *size).unwrap())
        }
        Dictionary(_, values) => {
            // Not more values than an Int8 can name.
            let distinct = column(values, rows.clamp(1, 100), 0.0, rng);
            let keys = numbers.iter().map(|key| key.map(|key| key.rem_euclid(distinct.len() as i64)));
            let keys = arrow_cast::cast(&keys.collect::<Int64Array>(), dictionary_key(data_type)).unwrap();
            let data = keys.to_data().into_builder().data_type(data_type.clone()).child_data(vec![distinct.to_data()]);
            make_array(data.build().unwrap())
        }
        _ => nested(data_type, &numbers),
    }
}

fn dictionary_key(data_type: &DataType) -> &DataType {
    match data_type {
        DataType::Dictionary(key, _) => key,
        _ => data_type,
    }
}

fn float(value: i64) -> f64 {
    match value.rem_euclid(23) {
        0 => -0.0,
        1 => 0.0,
        2 => f64::NAN,
        3 => f64::INFINITY,
        4 => f64::NEG_INFINITY,
        _ => value as f64 / 8.0,
    }
}

fn nested(data_type: &DataType, numbers: &[Option<i64>]) -> ArrayRef {
    use DataType::*;
    let mut rng = Rng::with_seed(numbers.len() as u64);
    let nulls = NullBuffer::from_iter(numbers.iter().map(Option::is_some));
    let nulls = (nulls.null_count() > 0).then_some(nulls);
    let lengths = numbers.iter().map(|number| number.map_or(0, |number| number.rem_euclid(4) as usize));
    let offsets = OffsetBuffer::<i32>::from_lengths(lengths.clone());
    let large = OffsetBuffer::<i64>::from_lengths(lengths.clone());
    let total: usize = lengths.clone().sum();
    let mut values =
        |field: &Field, rows| column(field.data_type(), rows, 0.1 * f64::from(u8::from(field.is_nullable())), &mut rng);
    match data_type {
        List(item) => Arc::new(ListArray::new(item.clone(), offsets, values(item, total), nulls)),
        LargeList(item) => Arc::new(LargeListArray::new(item.clone(), large, values(item, total), nulls)),
        FixedSizeList(item, size) => {
            let all = values(item, numbers.len() * *size as usize);
            Arc::new(FixedSizeListArray::new(item.clone(), *size, all, nulls))
        }
        ListView(item) => {
            let starts = ScalarBuffer::from(offsets[..numbers.len()].to_vec());
            let sizes = ScalarBuffer::from(lengths.map(|length| length as i32).collect::<Vec<_>>());
            Arc::new(ListViewArray::new(item.clone(), starts, sizes, values(item, total), nulls))
        }
        LargeListView(item) => {
            let starts = ScalarBuffer::from(large[..numbers.len()].to_vec());
            let sizes = ScalarBuffer::from(lengths.map(|length| length as i64).collect::<Vec<_>>());
            Arc::new(LargeListViewArray::new(item.clone(), starts, sizes, values(item, total), nulls))
        }
        Struct(fields) => {
            let columns = fields.iter().map(|field| values(field, numbers.len())).collect();
            Arc::new(StructArray::new(fields.clone(), columns, nulls))
        }
        Map(entries, is_sorted) => {
            let Struct(fields) = entries.data_type() else { panic!("no map") };
            let columns = fields.iter().map(|field| values(field, total)).collect();
            let all = StructArray::new(fields.clone(), columns, None);
            Arc::new(MapArray::new(entries.clone(), offsets, all, nulls, *is_sorted))
        }
        other => panic!("no column of {other}"),
    }
}

/// A table with a column of each type.
pub(in crate::tabular) fn table(types: &[DataType], rows: usize, null_share: f64, seed: u64) -> RecordBatch {
    let mut rng = Rng::with_seed(seed);
    let fields: Vec<Field> = types
        .iter()
        .enumerate()
        .map(|(index, data_type)| Field::new(format!("c{index}"), data_type.clone(), true))
        .collect();
    let columns = types.iter().map(|data_type| column(data_type, rows, null_share, &mut rng)).collect();
    RecordBatch::try_new(Arc::new(Schema::new(fields)), columns).unwrap()
}
