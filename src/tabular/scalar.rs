//! The values of a column one by one: as text, for the formats that are text, exactly, so that what reads them has equal
//! values; and to be compared and added up.

use super::moment;
use super::places::Places;
use arrow_array::cast::AsArray;
use arrow_array::timezone::Tz;
use arrow_array::types::*;
use arrow_array::{Array, ArrowPrimitiveType, BooleanArray};
use arrow_buffer::{ArrowNativeType, i256};
use arrow_schema::{DataType, TimeUnit};
use std::io::Write;

/// How the text of a column is to be taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Shape {
    /// Nothing but nulls.
    Null,
    /// `true` or `false`.
    Boolean,
    /// Digits, with a sign, a point or an exponent: what JSON has as a number.
    Number,
    /// As a number, or `NaN`, `inf`, `-inf`.
    Float,
    /// A date, a time or both.
    Moment,
    /// Characters, as they are.
    Text,
    /// Bytes; their text has two hexadecimal digits for each.
    Binary,
}

/// What the text of a type is; none where its values are no scalars, or have no text that is agreed on.
pub(super) fn shape(data_type: &DataType) -> Option<Shape> {
    use DataType::*;
    Some(match data_type {
        Null => Shape::Null,
        Boolean => Shape::Boolean,
        Int8 | Int16 | Int32 | Int64 | UInt8 | UInt16 | UInt32 | UInt64 | Duration(_) => Shape::Number,
        Decimal32(..) | Decimal64(..) | Decimal128(..) | Decimal256(..) => Shape::Number,
        Float16 | Float32 | Float64 => Shape::Float,
        Date32 | Date64 | Time32(_) | Time64(_) | Timestamp(_, None) => Shape::Moment,
        Timestamp(_, Some(zone)) => zone.parse::<Tz>().ok().map(|_| Shape::Moment)?,
        Utf8 | LargeUtf8 | Utf8View => Shape::Text,
        Binary | LargeBinary | BinaryView | FixedSizeBinary(_) => Shape::Binary,
        Dictionary(_, values) => shape(values)?,
        RunEndEncoded(_, values) => shape(values.data_type())?,
        _ => return None,
    })
}

/// What a value is compared and added up by.
pub(super) enum Key<'a> {
    /// Also of booleans, dates and times.
    Integer(i128),
    Float(f64),
    Decimal(i256),
    Bytes(&'a [u8]),
}

/// A value that has no text.
#[derive(Debug)]
pub(super) struct NoText(pub(super) &'static str);

/// A column whose values have text.
pub(super) struct Scalars<'a> {
    pub(super) shape: Shape,
    places: Places<'a>,
    values: Values<'a>,
}

enum Values<'a> {
    Null,
    Boolean(&'a BooleanArray),
    Int8(&'a [i8]),
    Int16(&'a [i16]),
    Int32(&'a [i32]),
    Int64(&'a [i64]),
    UInt8(&'a [u8]),
    UInt16(&'a [u16]),
    UInt32(&'a [u32]),
    UInt64(&'a [u64]),
    Float16(&'a [<Float16Type as ArrowPrimitiveType>::Native]),
    Float32(&'a [f32]),
    Float64(&'a [f64]),
    Decimal32(&'a [i32], i8),
    Decimal64(&'a [i64], i8),
    Decimal128(&'a [i128], i8),
    Decimal256(&'a [i256], i8),
    Date32(&'a [i32]),
    Date64(&'a [i64]),
    Time32(&'a [i32], TimeUnit),
    Time64(&'a [i64], TimeUnit),
    Timestamp(&'a [i64], TimeUnit, Option<Tz>),
    Bytes(Bytes<'a>),
}

/// Characters or bytes, in any layout.
enum Bytes<'a> {
    Small { offsets: &'a [i32], data: &'a [u8] },
    Large { offsets: &'a [i64], data: &'a [u8] },
    Fixed { size: usize, data: &'a [u8] },
    Text(&'a arrow_array::StringViewArray),
    Binary(&'a arrow_array::BinaryViewArray),
}

impl<'a> Scalars<'a> {
    /// The values of an array; none where [`shape`] is none.
    pub(super) fn new(array: &'a dyn Array) -> Option<Scalars<'a>> {
        let shape = shape(array.data_type())?;
        let places = Places::new(array);
        let values = Values::new(places.array)?;
        Some(Scalars { shape, places, values })
    }

    /// The value of a row; none: it is null.
    pub(super) fn get(&self, row: usize) -> Option<Scalar<'_, 'a>> {
        let place = self.places.of(row).filter(|_| self.shape != Shape::Null)?;
        Some(Scalar { of: self, place })
    }
}

/// One value.
pub(super) struct Scalar<'s, 'a> {
    of: &'s Scalars<'a>,
    place: usize,
}

impl<'a> Scalar<'_, 'a> {
    pub(super) fn shape(&self) -> Shape {
        self.of.shape
    }

    /// The bytes of characters or bytes; empty for other shapes.
    pub(super) fn bytes(&self) -> &'a [u8] {
        match &self.of.values {
            Values::Bytes(bytes) => bytes.at(self.place),
            _ => &[],
        }
    }

    /// What values are compared and added up by.
    #[inline]
    pub(super) fn key(&self) -> Key<'a> {
        self.of.values.key(self.place)
    }

    /// Appends the text.
    pub(super) fn write(&self, text: &mut Vec<u8>) -> Result<(), NoText> {
        if self.of.shape == Shape::Binary {
            self.bytes().iter().for_each(|byte| text.extend_from_slice(&[digit(byte >> 4), digit(byte & 15)]));
            return Ok(());
        }
        self.of.values.write(self.place, text)
    }
}

impl<'a> Values<'a> {
    fn new(array: &'a dyn Array) -> Option<Values<'a>> {
        use DataType as D;
        Some(match array.data_type() {
            D::Null => Values::Null,
            D::Boolean => Values::Boolean(array.as_boolean()),
            D::Int8 => Values::Int8(array.as_primitive::<Int8Type>().values()),
            D::Int16 => Values::Int16(array.as_primitive::<Int16Type>().values()),
            D::Int32 => Values::Int32(array.as_primitive::<Int32Type>().values()),
            D::Int64 => Values::Int64(array.as_primitive::<Int64Type>().values()),
            D::UInt8 => Values::UInt8(array.as_primitive::<UInt8Type>().values()),
            D::UInt16 => Values::UInt16(array.as_primitive::<UInt16Type>().values()),
            D::UInt32 => Values::UInt32(array.as_primitive::<UInt32Type>().values()),
            D::UInt64 => Values::UInt64(array.as_primitive::<UInt64Type>().values()),
            D::Float16 => Values::Float16(array.as_primitive::<Float16Type>().values()),
            D::Float32 => Values::Float32(array.as_primitive::<Float32Type>().values()),
            D::Float64 => Values::Float64(array.as_primitive::<Float64Type>().values()),
            D::Decimal32(_, scale) => Values::Decimal32(array.as_primitive::<Decimal32Type>().values(), *scale),
            D::Decimal64(_, scale) => Values::Decimal64(array.as_primitive::<Decimal64Type>().values(), *scale),
            D::Decimal128(_, scale) => Values::Decimal128(array.as_primitive::<Decimal128Type>().values(), *scale),
            D::Decimal256(_, scale) => Values::Decimal256(array.as_primitive::<Decimal256Type>().values(), *scale),
            D::Date32 => Values::Date32(array.as_primitive::<Date32Type>().values()),
            D::Date64 => Values::Date64(array.as_primitive::<Date64Type>().values()),
            D::Time32(TimeUnit::Second) => {
                Values::Time32(array.as_primitive::<Time32SecondType>().values(), TimeUnit::Second)
            }
            D::Time32(unit) => Values::Time32(array.as_primitive::<Time32MillisecondType>().values(), *unit),
            D::Time64(TimeUnit::Microsecond) => {
                Values::Time64(array.as_primitive::<Time64MicrosecondType>().values(), TimeUnit::Microsecond)
            }
            D::Time64(unit) => Values::Time64(array.as_primitive::<Time64NanosecondType>().values(), *unit),
            D::Duration(unit) => Values::Int64(match unit {
                TimeUnit::Second => array.as_primitive::<DurationSecondType>().values(),
                TimeUnit::Millisecond => array.as_primitive::<DurationMillisecondType>().values(),
                TimeUnit::Microsecond => array.as_primitive::<DurationMicrosecondType>().values(),
                TimeUnit::Nanosecond => array.as_primitive::<DurationNanosecondType>().values(),
            }),
            D::Timestamp(unit, zone) => {
                let values: &[i64] = match unit {
                    TimeUnit::Second => array.as_primitive::<TimestampSecondType>().values(),
                    TimeUnit::Millisecond => array.as_primitive::<TimestampMillisecondType>().values(),
                    TimeUnit::Microsecond => array.as_primitive::<TimestampMicrosecondType>().values(),
                    TimeUnit::Nanosecond => array.as_primitive::<TimestampNanosecondType>().values(),
                };
                let zone = zone.as_ref().map(|zone| zone.parse()).transpose().ok()?;
                Values::Timestamp(values, *unit, zone)
            }
            _ => Values::Bytes(Bytes::new(array)?),
        })
    }

    #[inline]
    fn key(&self, at: usize) -> Key<'a> {
        match self {
            Values::Null => Key::Bytes(&[]),
            Values::Boolean(values) => Key::Integer(values.value(at).into()),
            Values::Int8(values) => Key::Integer(values[at].into()),
            Values::Int16(values) => Key::Integer(values[at].into()),
            Values::Int32(values) | Values::Date32(values) | Values::Time32(values, _) => {
                Key::Integer(values[at].into())
            }
            Values::Int64(values)
            | Values::Date64(values)
            | Values::Time64(values, _)
            | Values::Timestamp(values, ..) => Key::Integer(values[at].into()),
            Values::UInt8(values) => Key::Integer(values[at].into()),
            Values::UInt16(values) => Key::Integer(values[at].into()),
            Values::UInt32(values) => Key::Integer(values[at].into()),
            Values::UInt64(values) => Key::Integer(values[at].into()),
            Values::Float16(values) => Key::Float(values[at].to_f64()),
            Values::Float32(values) => Key::Float(values[at].into()),
            Values::Float64(values) => Key::Float(values[at]),
            Values::Decimal32(values, _) => Key::Decimal(i256::from_i128(values[at].into())),
            Values::Decimal64(values, _) => Key::Decimal(i256::from_i128(values[at].into())),
            Values::Decimal128(values, _) => Key::Decimal(i256::from_i128(values[at])),
            Values::Decimal256(values, _) => Key::Decimal(values[at]),
            Values::Bytes(bytes) => Key::Bytes(bytes.at(at)),
        }
    }

    fn write(&self, at: usize, text: &mut Vec<u8>) -> Result<(), NoText> {
        match self {
            Values::Null => {}
            Values::Boolean(values) => text.extend_from_slice(if values.value(at) { b"true" } else { b"false" }),
            Values::Int8(values) => write_integer(values[at], text),
            Values::Int16(values) => write_integer(values[at], text),
            Values::Int32(values) => write_integer(values[at], text),
            Values::Int64(values) => write_integer(values[at], text),
            Values::UInt8(values) => write_integer(values[at], text),
            Values::UInt16(values) => write_integer(values[at], text),
            Values::UInt32(values) => write_integer(values[at], text),
            Values::UInt64(values) => write_integer(values[at], text),
            // The shortest text that is this value and no other of its type. Writing to memory cannot fail.
            Values::Float16(values) => drop(write!(text, "{:?}", values[at].to_f32())),
            Values::Float32(values) => drop(write!(text, "{:?}", values[at])),
            Values::Float64(values) => drop(write!(text, "{:?}", values[at])),
            Values::Decimal32(values, scale) => write_decimal(itoa::Buffer::new().format(values[at]), *scale, text),
            Values::Decimal64(values, scale) => write_decimal(itoa::Buffer::new().format(values[at]), *scale, text),
            Values::Decimal128(values, scale) => write_decimal(itoa::Buffer::new().format(values[at]), *scale, text),
            Values::Decimal256(values, scale) => write_decimal(&values[at].to_string(), *scale, text),
            Values::Date32(values) => moment::write_date(values[at].into(), text)?,
            Values::Date64(values) => moment::write_date_64(values[at], text)?,
            Values::Time32(values, unit) => moment::write_time(values[at].into(), *unit, text)?,
            Values::Time64(values, unit) => moment::write_time(values[at], *unit, text)?,
            Values::Timestamp(values, unit, zone) => moment::write_timestamp(values[at], *unit, zone.as_ref(), text)?,
            Values::Bytes(bytes) => text.extend_from_slice(bytes.at(at)),
        }
        Ok(())
    }
}

impl<'a> Bytes<'a> {
    fn new(array: &'a dyn Array) -> Option<Bytes<'a>> {
        Some(match array.data_type() {
            DataType::Utf8 => {
                let array = array.as_string::<i32>();
                Bytes::Small { offsets: array.value_offsets(), data: array.values() }
            }
            DataType::Binary => {
                let array = array.as_binary::<i32>();
                Bytes::Small { offsets: array.value_offsets(), data: array.values() }
            }
            DataType::LargeUtf8 => {
                let array = array.as_string::<i64>();
                Bytes::Large { offsets: array.value_offsets(), data: array.values() }
            }
            DataType::LargeBinary => {
                let array = array.as_binary::<i64>();
                Bytes::Large { offsets: array.value_offsets(), data: array.values() }
            }
            DataType::FixedSizeBinary(size) => {
                Bytes::Fixed { size: usize::try_from(*size).ok()?, data: array.as_fixed_size_binary().value_data() }
            }
            DataType::Utf8View => Bytes::Text(array.as_string_view()),
            DataType::BinaryView => Bytes::Binary(array.as_binary_view()),
            _ => return None,
        })
    }

    fn at(&self, at: usize) -> &'a [u8] {
        match self {
            Bytes::Small { offsets, data } => &data[offsets[at].as_usize()..offsets[at + 1].as_usize()],
            Bytes::Large { offsets, data } => &data[offsets[at].as_usize()..offsets[at + 1].as_usize()],
            Bytes::Fixed { size, data } => &data[size * at..size * (at + 1)],
            Bytes::Text(array) => array.value(at).as_bytes(),
            Bytes::Binary(array) => array.value(at),
        }
    }
}

fn digit(value: u8) -> u8 {
    b"0123456789abcdef"[usize::from(value & 15)]
}

fn write_integer(value: impl itoa::Integer, text: &mut Vec<u8>) {
    text.extend_from_slice(itoa::Buffer::new().format(value).as_bytes());
}

/// Appends digits with the point where the scale wants it.
fn write_decimal(digits: &str, scale: i8, text: &mut Vec<u8>) {
    let (sign, digits) = digits.strip_prefix('-').map_or(("", digits), |digits| ("-", digits));
    text.extend_from_slice(sign.as_bytes());
    let scale = isize::from(scale);
    if scale <= 0 {
        text.extend_from_slice(digits.as_bytes());
        let zeros = if digits == "0" { 0 } else { scale.unsigned_abs() };
        return text.resize(text.len() + zeros, b'0');
    }
    let behind = scale.unsigned_abs();
    let (whole, part) = digits.split_at(digits.len().saturating_sub(behind));
    text.extend_from_slice(if whole.is_empty() { b"0" } else { whole.as_bytes() });
    text.push(b'.');
    text.resize(text.len() + behind - part.len(), b'0');
    text.extend_from_slice(part.as_bytes());
}
