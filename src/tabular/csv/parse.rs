//! From records to a batch: each column on its own, segment after segment.

use super::cut::Segment;
use super::fault::{Fault, shown};
use super::number;
use super::rows::{Rows, Rules};
use super::text::{Dictionary, Nulls, Texts, nulls};
use super::time::{self, Zone};
use crate::error::{Error, Kind, Result};
use crate::tabular::decode::{quoted, wrong};
use crate::tabular::format::OnError;
use crate::tabular::moment;
use crate::tabular::number::Unscaled;
use arrow_array::builder::GenericByteDictionaryBuilder;
use arrow_array::types::*;
use arrow_array::{ArrayRef, BooleanArray, PrimitiveArray, RecordBatch, RecordBatchOptions};
use arrow_buffer::BooleanBuffer;
use arrow_schema::{ArrowError, DataType, Field, FieldRef, SchemaRef, TimeUnit};
use std::sync::Arc;

/// A column that is given.
#[derive(Clone, Debug)]
pub(super) struct Target {
    /// Its place among the fields of a record.
    pub(super) place: usize,
    pub(super) field: FieldRef,
    /// The type was inferred: what differs from the first records is an error.
    pub(super) is_inferred: bool,
}

/// What is made of records.
#[derive(Debug)]
pub(super) struct Plan {
    pub(super) rules: Rules,
    /// In the order of their places.
    pub(super) targets: Vec<Target>,
    /// Of the targets.
    pub(super) schema: SchemaRef,
}

/// What was made of segments.
pub(super) struct Parsed {
    pub(super) batch: RecordBatch,
    /// With those that were left out.
    pub(super) records: u64,
    pub(super) skipped: u64,
    /// To be filled again.
    pub(super) segments: Vec<Segment>,
}

/// Makes the values of a column.
pub(super) trait Column: Send {
    /// Takes all fields that there are, or stops at one that is wrong.
    fn take(&mut self, fields: &mut Fields<'_>);

    fn finish(self: Box<Self>) -> Result<ArrayRef, ArrowError>;
}

/// The fields of a column in a segment.
pub(super) struct Fields<'a> {
    segment: &'a Segment,
    rows: &'a Rows,
    rules: &'a Rules,
    target: &'a Target,
    /// The whole segment is UTF-8.
    pub(super) is_utf8: bool,
    /// Rows that are left out.
    bad: Vec<usize>,
    /// The row that is wrong, and what is wrong with it.
    wrong: Option<(usize, String)>,
}

impl Fields<'_> {
    /// How many there are.
    pub(super) fn count(&self) -> usize {
        self.rows.count
    }

    /// Bytes of all of them, and more.
    pub(super) fn bytes(&self) -> usize {
        self.rows.fields(self.segment, self.target.place).map(<[u8]>::len).sum()
    }

    /// Gives the content of each field to `take`, which tells whether it can be what it should be; if not, it has
    /// taken a null. None is null.
    #[inline]
    pub(super) fn each(&mut self, mut take: impl FnMut(Option<&[u8]>) -> bool) {
        let (rules, is_nullable) = (self.rules, self.target.field.is_nullable());
        let (quote, dialect) = (rules.dialect.quote, rules.dialect);
        let mut scratch = Vec::new();
        for (row, field) in self.rows.fields(self.segment, self.target.place).enumerate() {
            let is_right = match field.first() {
                None => take(None) && is_nullable,
                Some(first) if Some(*first) == quote => take(Some(dialect.content(field, *first, &mut scratch))),
                Some(_) if rules.null_texts.iter().any(|text| text == field) => take(None) && is_nullable,
                Some(_) => take(Some(field)),
            };
            if !is_right {
                match rules.on_error {
                    OnError::Skip => self.bad.push(row),
                    OnError::Null if is_nullable => {}
                    _ => {
                        self.wrong = Some((row, self.what(field)));
                        return;
                    }
                }
            }
        }
    }

    /// What is wrong with a field.
    #[cold]
    fn what(&self, field: &[u8]) -> String {
        let mut scratch = Vec::new();
        let is_quoted = field.first().is_some_and(|first| Some(*first) == self.rules.dialect.quote);
        let content = match field {
            [quote, ..] if is_quoted => self.rules.dialect.content(field, *quote, &mut scratch),
            _ => field,
        };
        if !is_quoted && (field.is_empty() || self.rules.null_texts.iter().any(|text| text == field)) {
            return "it is null, and the column must not be".to_string();
        }
        let data_type = self.target.field.data_type();
        match (std::str::from_utf8(content), data_type) {
            (Err(_), _) => format!("{} is not UTF-8", shown(content)),
            (Ok(_), DataType::Dictionary(keys, _)) => {
                format!("{} is one text more than there are keys of {keys}", shown(content))
            }
            _ if self.target.is_inferred => {
                let more = "as the first records of the column are; a schema that is given can say otherwise";
                format!("{} is no {data_type}, {more}", shown(content))
            }
            _ => format!("{} is no {data_type}", shown(content)),
        }
    }
}

impl Plan {
    /// Makes a batch of segments, or finds the first thing that is wrong with them.
    pub(super) fn parse(&self, segments: Vec<Segment>) -> Result<Result<Parsed, Fault>> {
        let capacity = segments.iter().map(|segment| segment.records).sum();
        let mut columns = self.targets.iter().map(|target| column(target, capacity)).collect::<Result<Vec<_>>>()?;
        let has_texts = self.targets.iter().any(|target| is_text(target.field.data_type()));
        let (mut rows, mut bad) = (Rows::default(), Vec::new());
        let (mut count, mut records, mut skipped) = (0, 0, 0);
        for segment in &segments {
            rows.find(segment, &self.rules);
            let text = &segment.bytes[segment.start..segment.end];
            let is_utf8 = has_texts && simdutf8::basic::from_utf8(text).is_ok();
            let mut wrong: Option<(usize, usize, String)> = None;
            for (target, column) in self.targets.iter().zip(&mut columns) {
                let mut fields =
                    Fields { segment, rows: &rows, rules: &self.rules, target, is_utf8, bad: Vec::new(), wrong: None };
                column.take(&mut fields);
                bad.extend(fields.bad.into_iter().map(|row| count + row));
                if let Some((row, what)) = fields.wrong
                    && wrong.as_ref().is_none_or(|(first, ..)| row < *first)
                {
                    wrong = Some((row, target.place, what));
                }
            }
            let fault = wrong.map(|(row, place, what)| {
                let at = rows.place(row, place).min(segment.end);
                Fault {
                    line: segment.line_at(at),
                    record: Some(rows.number(row)),
                    column: Some(place),
                    byte: segment.offset + at as u64,
                    what,
                }
            });
            // What is wrong with a whole record comes after all rows.
            if let Some(fault) = fault.or_else(|| rows.fault.take()) {
                return Ok(Err(Fault { record: fault.record.map(|record| records + record), ..fault }));
            }
            count += rows.count;
            records += rows.records;
            skipped += rows.skipped;
        }
        let arrays = columns.into_iter().map(|column| column.finish()).collect::<Result<Vec<_>, _>>().map_err(wrong)?;
        let options = RecordBatchOptions::new().with_row_count(Some(count));
        let mut batch = RecordBatch::try_new_with_options(self.schema.clone(), arrays, &options).map_err(wrong)?;
        if !bad.is_empty() {
            bad.sort_unstable();
            bad.dedup();
            skipped += bad.len() as u64;
            batch = without(&batch, &bad).map_err(wrong)?;
        }
        Ok(Ok(Parsed { batch, records, skipped, segments }))
    }
}

/// A batch without some rows.
fn without(batch: &RecordBatch, bad: &[usize]) -> Result<RecordBatch, ArrowError> {
    let mut keep = vec![true; batch.num_rows()];
    bad.iter().filter_map(|row| keep.get_mut(*row).map(|keep| *keep = false)).count();
    arrow_select::filter::filter_record_batch(batch, &BooleanArray::from(keep))
}

fn is_text(data_type: &DataType) -> bool {
    matches!(data_type, DataType::Utf8 | DataType::LargeUtf8 | DataType::Utf8View)
}

/// Numbers, and what is kept as numbers.
struct Values<T: ArrowPrimitiveType, P> {
    values: Vec<T::Native>,
    nulls: Vec<usize>,
    parse: P,
    data_type: DataType,
}

impl<T: ArrowPrimitiveType, P: Fn(&[u8]) -> Option<T::Native> + Send> Column for Values<T, P> {
    fn take(&mut self, fields: &mut Fields<'_>) {
        let Values { values, nulls, parse, .. } = self;
        let mut place = values.len();
        values.resize(place + fields.count(), T::Native::default());
        fields.each(|content| {
            let value = content.and_then(&*parse);
            match (value, values.get_mut(place)) {
                (Some(value), Some(slot)) => *slot = value,
                _ => nulls.push(place),
            }
            place += 1;
            value.is_some() || content.is_none()
        });
    }

    fn finish(self: Box<Self>) -> Result<ArrayRef, ArrowError> {
        let nulls = nulls(self.values.len(), &self.nulls);
        Ok(Arc::new(PrimitiveArray::<T>::try_new(self.values.into(), nulls)?.with_data_type(self.data_type)))
    }
}

/// Truth values.
struct Booleans {
    values: Vec<bool>,
    nulls: Vec<usize>,
    parse: fn(&[u8]) -> Option<bool>,
}

impl Column for Booleans {
    fn take(&mut self, fields: &mut Fields<'_>) {
        let Booleans { values, nulls, parse } = self;
        fields.each(|content| {
            let value = content.and_then(&*parse);
            if value.is_none() {
                nulls.push(values.len());
            }
            values.push(value.unwrap_or_default());
            value.is_some() || content.is_none()
        });
    }

    fn finish(self: Box<Self>) -> Result<ArrayRef, ArrowError> {
        let nulls = nulls(self.values.len(), &self.nulls);
        Ok(Arc::new(BooleanArray::new(BooleanBuffer::from(self.values), nulls)))
    }
}

/// A column that is parsed as one type and becomes another.
struct Cast {
    column: Box<dyn Column>,
    to: DataType,
}

impl Column for Cast {
    fn take(&mut self, fields: &mut Fields<'_>) {
        self.column.take(fields);
    }

    fn finish(self: Box<Self>) -> Result<ArrayRef, ArrowError> {
        arrow_cast::cast(&self.column.finish()?, &self.to)
    }
}

fn values<T: ArrowPrimitiveType>(
    rows: usize,
    data_type: &DataType,
    parse: impl Fn(&[u8]) -> Option<T::Native> + Send + 'static,
) -> Box<dyn Column> {
    let values = Vec::with_capacity(rows);
    Box::new(Values::<T, _> { values, nulls: Vec::new(), parse, data_type: data_type.clone() })
}

fn integers<T: ArrowPrimitiveType<Native: atoi_simd::Parse>>(rows: usize, data_type: &DataType) -> Box<dyn Column> {
    values::<T>(rows, data_type, number::integer)
}

fn decimals<T: DecimalType>(rows: usize, data_type: &DataType, precision: u8, scale: i8) -> Box<dyn Column>
where
    T::Native: Unscaled,
{
    values::<T>(rows, data_type, move |text| number::decimal::<T>(text, precision, scale))
}

fn dictionary<K: ArrowDictionaryKeyType>() -> Box<dyn Column> {
    Box::new(Dictionary::<K>(GenericByteDictionaryBuilder::new()))
}

/// The column of a target, with room for so many rows. A type that text is not parsed to is refused.
pub(super) fn column(target: &Target, rows: usize) -> Result<Box<dyn Column>> {
    use DataType::*;
    let data_type = target.field.data_type();
    Ok(match data_type {
        Int64 if target.is_inferred => values::<Int64Type>(rows, data_type, number::strict_integer),
        Float64 if target.is_inferred => values::<Float64Type>(rows, data_type, number::strict_float),
        Boolean => {
            let parse = if target.is_inferred { number::strict_boolean } else { number::boolean };
            Box::new(Booleans { values: Vec::with_capacity(rows), nulls: Vec::new(), parse })
        }
        Int8 => integers::<Int8Type>(rows, data_type),
        Int16 => integers::<Int16Type>(rows, data_type),
        Int32 => integers::<Int32Type>(rows, data_type),
        Int64 => integers::<Int64Type>(rows, data_type),
        UInt8 => integers::<UInt8Type>(rows, data_type),
        UInt16 => integers::<UInt16Type>(rows, data_type),
        UInt32 => integers::<UInt32Type>(rows, data_type),
        UInt64 => integers::<UInt64Type>(rows, data_type),
        Float16 => {
            Box::new(Cast { column: values::<Float64Type>(rows, &Float64, number::half), to: data_type.clone() })
        }
        Float32 => values::<Float32Type>(rows, data_type, number::float),
        Float64 => values::<Float64Type>(rows, data_type, number::double),
        Decimal32(precision, scale) => decimals::<Decimal32Type>(rows, data_type, *precision, *scale),
        Decimal64(precision, scale) => decimals::<Decimal64Type>(rows, data_type, *precision, *scale),
        Decimal128(precision, scale) => decimals::<Decimal128Type>(rows, data_type, *precision, *scale),
        Decimal256(precision, scale) => decimals::<Decimal256Type>(rows, data_type, *precision, *scale),
        Utf8 => Box::new(Texts::<Utf8Type>::new(rows)),
        LargeUtf8 => Box::new(Texts::<LargeUtf8Type>::new(rows)),
        Utf8View => Box::new(Cast { column: Box::new(Texts::<Utf8Type>::new(rows)), to: data_type.clone() }),
        Null => Box::new(Nulls(0)),
        Dictionary(keys, texts) if **texts == Utf8 => match **keys {
            Int8 => dictionary::<Int8Type>(),
            Int16 => dictionary::<Int16Type>(),
            Int32 => dictionary::<Int32Type>(),
            Int64 => dictionary::<Int64Type>(),
            UInt8 => dictionary::<UInt8Type>(),
            UInt16 => dictionary::<UInt16Type>(),
            UInt32 => dictionary::<UInt32Type>(),
            UInt64 => dictionary::<UInt64Type>(),
            _ => return Err(not_held(&target.field)),
        },
        _ => return times(target, rows),
    })
}

/// Dates, times, timestamps, durations.
fn times(target: &Target, rows: usize) -> Result<Box<dyn Column>> {
    use DataType::*;
    use TimeUnit::*;
    let data_type = target.field.data_type();
    Ok(match data_type {
        Date32 => values::<Date32Type>(rows, data_type, time::date),
        Date64 => values::<Date64Type>(rows, data_type, moment::read_date_64),
        Time32(Second) => values::<Time32SecondType>(rows, data_type, |text| small(moment::read_time(text, Second))),
        Time32(Millisecond) => {
            values::<Time32MillisecondType>(rows, data_type, |text| small(moment::read_time(text, Millisecond)))
        }
        Time64(Microsecond) => {
            values::<Time64MicrosecondType>(rows, data_type, |text| moment::read_time(text, Microsecond))
        }
        Time64(Nanosecond) => {
            values::<Time64NanosecondType>(rows, data_type, |text| moment::read_time(text, Nanosecond))
        }
        Duration(Second) => integers::<DurationSecondType>(rows, data_type),
        Duration(Millisecond) => integers::<DurationMillisecondType>(rows, data_type),
        Duration(Microsecond) => integers::<DurationMicrosecondType>(rows, data_type),
        Duration(Nanosecond) => integers::<DurationNanosecondType>(rows, data_type),
        Timestamp(unit, zone) => {
            let zone = zone_of(&target.field, zone.as_deref(), target.is_inferred)?;
            match unit {
                Second => timestamps::<TimestampSecondType>(rows, data_type, Second, zone),
                Millisecond => timestamps::<TimestampMillisecondType>(rows, data_type, Millisecond, zone),
                Microsecond => timestamps::<TimestampMicrosecondType>(rows, data_type, Microsecond, zone),
                Nanosecond => timestamps::<TimestampNanosecondType>(rows, data_type, Nanosecond, zone),
            }
        }
        _ => return Err(not_held(&target.field)),
    })
}

fn small(value: Option<i64>) -> Option<i32> {
    value?.try_into().ok()
}

fn timestamps<T: ArrowPrimitiveType<Native = i64>>(
    rows: usize,
    data_type: &DataType,
    unit: TimeUnit,
    zone: Zone,
) -> Box<dyn Column> {
    values::<T>(rows, data_type, move |text| time::timestamp(text, unit, zone))
}

fn zone_of(field: &Field, zone: Option<&str>, is_inferred: bool) -> Result<Zone> {
    let Some(name) = zone else { return Ok(if is_inferred { Zone::StrictNone } else { Zone::None }) };
    let zone = name.parse().map_err(|_| {
        let name = quoted(name);
        Error::argument(format!("column `{}`: there is no time zone {name}", field.name()))
    })?;
    Ok(match name {
        _ if is_inferred => Zone::StrictUtc(zone),
        "UTC" | "Z" | "+00:00" => Zone::Utc(zone),
        _ => Zone::Of(zone),
    })
}

fn not_held(field: &Field) -> Error {
    let message = format!("column `{}` is to be {}, which CSV is not parsed to", field.name(), field.data_type());
    Error::new(Kind::Unsupported, message)
}
