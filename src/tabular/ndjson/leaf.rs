//! Columns of scalars, filled value by value from their JSON texts. A value that would not be kept whole is refused.

use crate::tabular::moment;
use crate::tabular::number::{Unscaled, has_room, read_decimal, read_integer};
use arrow_array::builder::*;
use arrow_array::timezone::Tz;
use arrow_array::types::*;
use arrow_array::{ArrayRef, ArrowPrimitiveType, NullArray};
use arrow_schema::{DataType, TimeUnit};
use std::borrow::Cow;
use std::sync::Arc;

/// A scalar of JSON.
pub(super) enum Json<'a> {
    Null,
    /// `true`, `false`, or a number, as it is written.
    Plain(&'a str),
    /// A string, without its quotes and escapes.
    Text(Cow<'a, str>),
    /// An object or an array, as it is written.
    Nested(&'a str),
}

impl<'a> Json<'a> {
    /// Of what a parser has found to be a JSON value. None: an escape in it stands for no character.
    pub(super) fn of(raw: &'a str) -> Option<Json<'a>> {
        Some(match raw.as_bytes().first()? {
            b'n' => Json::Null,
            b'{' | b'[' => Json::Nested(raw),
            b'"' if raw.contains('\\') => Json::Text(Cow::Owned(serde_json::from_str(raw).ok()?)),
            b'"' => Json::Text(Cow::Borrowed(raw.get(1..raw.len() - 1)?)),
            _ => Json::Plain(raw),
        })
    }

    /// As a message shows it.
    pub(super) fn shown(&self) -> &str {
        match self {
            Json::Null => "null",
            Json::Plain(text) | Json::Nested(text) => text,
            Json::Text(text) => text,
        }
    }

    /// A scalar as text.
    fn text(&self) -> Option<&str> {
        match self {
            Json::Plain(text) => Some(text),
            Json::Text(text) => Some(text),
            Json::Null | Json::Nested(_) => None,
        }
    }
}

/// A column that grows.
pub(super) trait Leaf: Send {
    /// Appends a value that is not null, and gives what it takes beside its width. None: it is none of the type.
    fn push(&mut self, value: &Json<'_>) -> Option<usize>;

    fn push_null(&mut self);

    fn finish(&mut self) -> ArrayRef;
}

/// The column of a type, and the bytes that a value takes of it at least; none where JSON has no such values.
pub(super) fn leaf(data_type: &DataType) -> Option<(Box<dyn Leaf>, usize)> {
    use DataType::*;
    Some(match data_type {
        Null => (Box::new(Nulls(0)), 0),
        Boolean => (Box::new(BooleanBuilder::new()), 1),
        Int8 => integer::<Int8Type>(),
        Int16 => integer::<Int16Type>(),
        Int32 => integer::<Int32Type>(),
        Int64 => integer::<Int64Type>(),
        UInt8 => integer::<UInt8Type>(),
        UInt16 => integer::<UInt16Type>(),
        UInt32 => integer::<UInt32Type>(),
        UInt64 => integer::<UInt64Type>(),
        Float16 => float::<Float16Type>(|value| {
            let half = <Float16Type as ArrowPrimitiveType>::Native::from_f64(value);
            (half.is_finite() || !value.is_finite()).then_some(half)
        }),
        Float32 => primitive::<Float32Type>(data_type, |value| finite(value, fast_float2::parse(value.text()?).ok()?)),
        Float64 => float::<Float64Type>(Some),
        Decimal32(precision, scale) => decimal::<Decimal32Type>(data_type, *precision, *scale),
        Decimal64(precision, scale) => decimal::<Decimal64Type>(data_type, *precision, *scale),
        Decimal128(precision, scale) => decimal::<Decimal128Type>(data_type, *precision, *scale),
        Decimal256(precision, scale) => decimal::<Decimal256Type>(data_type, *precision, *scale),
        Date32 => moment::<Date32Type>(data_type, |text| moment::read_date(text)?.try_into().ok()),
        Date64 => moment::<Date64Type>(data_type, moment::read_date_64),
        Time32(TimeUnit::Second) => time_32::<Time32SecondType>(data_type, TimeUnit::Second),
        Time32(unit) => time_32::<Time32MillisecondType>(data_type, *unit),
        Time64(TimeUnit::Microsecond) => time_64::<Time64MicrosecondType>(data_type, TimeUnit::Microsecond),
        Time64(unit) => time_64::<Time64NanosecondType>(data_type, *unit),
        Timestamp(unit, zone) => {
            let zone = zone.as_ref().map(|zone| zone.parse::<Tz>()).transpose().ok()?;
            match unit {
                TimeUnit::Second => timestamp::<TimestampSecondType>(data_type, *unit, zone),
                TimeUnit::Millisecond => timestamp::<TimestampMillisecondType>(data_type, *unit, zone),
                TimeUnit::Microsecond => timestamp::<TimestampMicrosecondType>(data_type, *unit, zone),
                TimeUnit::Nanosecond => timestamp::<TimestampNanosecondType>(data_type, *unit, zone),
            }
        }
        Duration(TimeUnit::Second) => integer::<DurationSecondType>(),
        Duration(TimeUnit::Millisecond) => integer::<DurationMillisecondType>(),
        Duration(TimeUnit::Microsecond) => integer::<DurationMicrosecondType>(),
        Duration(TimeUnit::Nanosecond) => integer::<DurationNanosecondType>(),
        Utf8 => (Box::new(StringBuilder::new()), 4),
        LargeUtf8 => (Box::new(LargeStringBuilder::new()), 8),
        Binary => (Box::new(BinaryBuilder::new()), 4),
        LargeBinary => (Box::new(LargeBinaryBuilder::new()), 8),
        FixedSizeBinary(size) => {
            let bytes = usize::try_from(*size).ok()?;
            (Box::new(Fixed { builder: FixedSizeBinaryBuilder::new(*size), size: bytes }), bytes)
        }
        _ => return None,
    })
}

struct Nulls(usize);

impl Leaf for Nulls {
    fn push(&mut self, _: &Json<'_>) -> Option<usize> {
        None
    }

    fn push_null(&mut self) {
        self.0 += 1;
    }

    fn finish(&mut self) -> ArrayRef {
        Arc::new(NullArray::new(self.0))
    }
}

impl Leaf for BooleanBuilder {
    fn push(&mut self, value: &Json<'_>) -> Option<usize> {
        match value {
            Json::Plain("true") => self.append_value(true),
            Json::Plain("false") => self.append_value(false),
            _ => return None,
        }
        Some(0)
    }

    fn push_null(&mut self) {
        self.append_null();
    }

    fn finish(&mut self) -> ArrayRef {
        Arc::new(BooleanBuilder::finish(self))
    }
}

/// How a type takes its values.
type Read<T> = Box<dyn Fn(&Json<'_>) -> Option<<T as ArrowPrimitiveType>::Native> + Send>;

struct Primitive<T: ArrowPrimitiveType> {
    builder: PrimitiveBuilder<T>,
    read: Read<T>,
}

impl<T: ArrowPrimitiveType> Leaf for Primitive<T> {
    fn push(&mut self, value: &Json<'_>) -> Option<usize> {
        self.builder.append_value((self.read)(value)?);
        Some(0)
    }

    fn push_null(&mut self) {
        self.builder.append_null();
    }

    fn finish(&mut self) -> ArrayRef {
        Arc::new(self.builder.finish())
    }
}

fn primitive<T: ArrowPrimitiveType>(
    data_type: &DataType,
    read: impl Fn(&Json<'_>) -> Option<T::Native> + Send + 'static,
) -> (Box<dyn Leaf>, usize) {
    // It panics if the type is none of `T`, so it is made of nothing but what `leaf` has matched.
    let builder = PrimitiveBuilder::<T>::new().with_data_type(data_type.clone());
    (Box::new(Primitive { builder, read: Box::new(read) }), size_of::<T::Native>())
}

fn integer<T: ArrowPrimitiveType>() -> (Box<dyn Leaf>, usize)
where
    T::Native: TryFrom<i128>,
{
    primitive::<T>(&T::DATA_TYPE, |value| whole(value.text()?))
}

fn whole<T: TryFrom<i128>>(text: &str) -> Option<T> {
    match text.parse::<i64>() {
        Ok(value) => i128::from(value).try_into().ok(),
        // Beyond 64 bits with a sign, or with a point or an exponent.
        Err(_) => read_integer(text.as_bytes()),
    }
}

fn float<T: ArrowPrimitiveType>(convert: impl Fn(f64) -> Option<T::Native> + Send + 'static) -> (Box<dyn Leaf>, usize) {
    primitive::<T>(&T::DATA_TYPE, move |value| {
        let read: f64 = finite(value, fast_float2::parse(value.text()?).ok()?)?;
        convert(read)
    })
}

/// A number too large for its type is not infinite; a text that says so is.
fn finite<T: Copy + Into<f64>>(value: &Json<'_>, read: T) -> Option<T> {
    let is_number = value.text()?.bytes().any(|byte| byte.is_ascii_digit());
    if is_number && !read.into().is_finite() { None } else { Some(read) }
}

fn decimal<T: DecimalType>(data_type: &DataType, precision: u8, scale: i8) -> (Box<dyn Leaf>, usize)
where
    T::Native: Unscaled,
{
    primitive::<T>(data_type, move |value| {
        let read = read_decimal(value.text()?.as_bytes(), scale)?;
        if has_room(read, precision) { T::Native::narrow(read) } else { None }
    })
}

/// A date or a time: a text, or how many of its unit.
fn moment<T: ArrowPrimitiveType>(
    data_type: &DataType,
    read: impl Fn(&[u8]) -> Option<T::Native> + Send + 'static,
) -> (Box<dyn Leaf>, usize)
where
    T::Native: TryFrom<i128>,
{
    primitive::<T>(data_type, move |value| match value {
        Json::Text(text) => read(text.as_bytes()),
        Json::Plain(text) => whole(text),
        Json::Null | Json::Nested(_) => None,
    })
}

fn time_32<T: ArrowPrimitiveType<Native = i32>>(data_type: &DataType, unit: TimeUnit) -> (Box<dyn Leaf>, usize) {
    moment::<T>(data_type, move |text| moment::read_time(text, unit)?.try_into().ok())
}

fn time_64<T: ArrowPrimitiveType<Native = i64>>(data_type: &DataType, unit: TimeUnit) -> (Box<dyn Leaf>, usize) {
    moment::<T>(data_type, move |text| moment::read_time(text, unit))
}

fn timestamp<T: ArrowPrimitiveType<Native = i64>>(
    data_type: &DataType,
    unit: TimeUnit,
    zone: Option<Tz>,
) -> (Box<dyn Leaf>, usize) {
    moment::<T>(data_type, move |text| moment::read_timestamp(text, unit, zone.as_ref()))
}

impl<T: ByteArrayType> Leaf for GenericByteBuilder<T>
where
    Self: Bytes,
{
    fn push(&mut self, value: &Json<'_>) -> Option<usize> {
        self.append(value)
    }

    fn push_null(&mut self) {
        self.append_null();
    }

    fn finish(&mut self) -> ArrayRef {
        Arc::new(GenericByteBuilder::finish(self))
    }
}

/// Columns of characters take numbers and booleans as they are written; columns of bytes take hexadecimal digits.
trait Bytes {
    fn append(&mut self, value: &Json<'_>) -> Option<usize>;
}

macro_rules! characters {
    ($($builder:ty),*) => {$(
        impl Bytes for $builder {
            fn append(&mut self, value: &Json<'_>) -> Option<usize> {
                let text = value.text()?;
                self.append_value(text);
                Some(text.len())
            }
        }
    )*};
}

macro_rules! binary {
    ($($builder:ty),*) => {$(
        impl Bytes for $builder {
            fn append(&mut self, value: &Json<'_>) -> Option<usize> {
                let bytes = unhex(value)?;
                self.append_value(&bytes);
                Some(bytes.len())
            }
        }
    )*};
}

characters!(StringBuilder, LargeStringBuilder);
binary!(BinaryBuilder, LargeBinaryBuilder);

struct Fixed {
    builder: FixedSizeBinaryBuilder,
    size: usize,
}

impl Leaf for Fixed {
    fn push(&mut self, value: &Json<'_>) -> Option<usize> {
        let bytes = unhex(value).filter(|bytes| bytes.len() == self.size)?;
        self.builder.append_value(&bytes).ok()?;
        Some(0)
    }

    fn push_null(&mut self) {
        self.builder.append_null();
    }

    fn finish(&mut self) -> ArrayRef {
        Arc::new(self.builder.finish())
    }
}

fn unhex(value: &Json<'_>) -> Option<Vec<u8>> {
    let Json::Text(text) = value else { return None };
    let (pairs, []) = text.as_bytes().as_chunks::<2>() else { return None };
    let digit = |byte: u8| char::from(byte).to_digit(16).map(|digit| digit as u8);
    pairs.iter().map(|[high, low]| Some(digit(*high)? << 4 | digit(*low)?)).collect()
}
