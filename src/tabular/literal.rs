//! The literals of a predicate: values without a width, and where they stand among the values of a column.

use crate::error::{Error, Kind, Result};
use arrow_array::cast::AsArray;
use arrow_array::types::*;
use arrow_array::{Array, ArrayRef, ArrowPrimitiveType};
use arrow_buffer::i256;
use arrow_schema::{DataType, TimeUnit};

/// A literal.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Value {
    Null,
    Boolean(bool),
    /// A number times a power of ten.
    Exact(i256, i8),
    Float(f64),
    Text(Vec<u8>),
    Bytes(Vec<u8>),
    /// Nanoseconds.
    Time(Clock, i128),
}

/// What nanoseconds are counted from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Clock {
    /// 1970 in UTC: timestamps with a time zone.
    World,
    /// 1970 on a wall: dates, and timestamps without a time zone.
    Wall,
    /// Midnight.
    Day,
    /// The beginning of a duration.
    Stop,
}

/// Where a literal stands among whole numbers.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Bound {
    At(i256),
    /// Between this number and the next.
    Above(i256),
    AboveAll,
    BelowAll,
}

impl Value {
    pub(crate) fn is_number(&self) -> bool {
        matches!(self, Value::Exact(..) | Value::Float(_))
    }

    /// The number as a float; or, and false, the greatest float that is less.
    pub(crate) fn as_float(&self) -> Option<(f64, bool)> {
        match self {
            Value::Float(value) => Some((*value, true)),
            Value::Exact(value, 0) => {
                let value = value.to_i128()?;
                let nearest = value as f64;
                // No integer literal is near the ends of an i128.
                match (nearest as i128).cmp(&value) {
                    std::cmp::Ordering::Equal => Some((nearest, true)),
                    std::cmp::Ordering::Less => Some((nearest, false)),
                    std::cmp::Ordering::Greater => Some((nearest.next_down(), false)),
                }
            }
            _ => None,
        }
    }
}

/// The only value of a literal for a column.
pub(crate) fn value_of(literal: &ArrayRef, column: &str) -> Result<Value> {
    if literal.len() != 1 {
        return Err(Error::argument(format!("the literals have {} rows; give one", literal.len())));
    }
    if literal.logical_nulls().is_some_and(|nulls| nulls.is_null(0)) || literal.data_type() == &DataType::Null {
        return Ok(Value::Null);
    }
    match literal.data_type() {
        DataType::Dictionary(_, plain) => {
            let plain = arrow_cast::cast(literal, plain).map_err(super::decode::wrong)?;
            return value_of(&plain, column);
        }
        DataType::RunEndEncoded(_, values) => {
            let plain = arrow_cast::cast(literal, values.data_type()).map_err(super::decode::wrong)?;
            return value_of(&plain, column);
        }
        _ => {}
    }
    plain(literal).ok_or_else(|| {
        let message = format!("the literal for column {column:?} is {}, which nothing compares", literal.data_type());
        Error::new(Kind::Unsupported, message)
    })
}

fn plain(literal: &ArrayRef) -> Option<Value> {
    use DataType::*;
    Some(match literal.data_type() {
        Boolean => Value::Boolean(literal.as_boolean().value(0)),
        Int8 => integer::<Int8Type>(literal),
        Int16 => integer::<Int16Type>(literal),
        Int32 => integer::<Int32Type>(literal),
        Int64 => integer::<Int64Type>(literal),
        UInt8 => integer::<UInt8Type>(literal),
        UInt16 => integer::<UInt16Type>(literal),
        UInt32 => integer::<UInt32Type>(literal),
        UInt64 => integer::<UInt64Type>(literal),
        Float16 => Value::Float(first::<Float16Type>(literal).to_f64()),
        Float32 => Value::Float(first::<Float32Type>(literal).into()),
        Float64 => Value::Float(first::<Float64Type>(literal)),
        Decimal32(_, scale) => Value::Exact(i256::from_i128(first::<Decimal32Type>(literal).into()), *scale),
        Decimal64(_, scale) => Value::Exact(i256::from_i128(first::<Decimal64Type>(literal).into()), *scale),
        Decimal128(_, scale) => Value::Exact(i256::from_i128(first::<Decimal128Type>(literal)), *scale),
        Decimal256(_, scale) => Value::Exact(first::<Decimal256Type>(literal), *scale),
        Utf8 => Value::Text(literal.as_string::<i32>().value(0).into()),
        LargeUtf8 => Value::Text(literal.as_string::<i64>().value(0).into()),
        Utf8View => Value::Text(literal.as_string_view().value(0).into()),
        Binary => Value::Bytes(literal.as_binary::<i32>().value(0).into()),
        LargeBinary => Value::Bytes(literal.as_binary::<i64>().value(0).into()),
        BinaryView => Value::Bytes(literal.as_binary_view().value(0).into()),
        FixedSizeBinary(_) => Value::Bytes(literal.as_fixed_size_binary().value(0).into()),
        temporal => {
            let (clock, unit) = ticks(temporal)?;
            Value::Time(clock, raw(literal)? * unit)
        }
    })
}

fn first<T: ArrowPrimitiveType>(literal: &ArrayRef) -> T::Native {
    literal.as_primitive::<T>().value(0)
}

fn integer<T: ArrowPrimitiveType<Native: Into<i128>>>(literal: &ArrayRef) -> Value {
    Value::Exact(i256::from_i128(first::<T>(literal).into()), 0)
}

/// The number that stands for a point of time.
fn raw(literal: &ArrayRef) -> Option<i128> {
    use DataType::*;
    use TimeUnit::*;
    let number = match literal.data_type() {
        Date32 => first::<Date32Type>(literal).into(),
        Date64 => first::<Date64Type>(literal),
        Time32(Second) => first::<Time32SecondType>(literal).into(),
        Time32(Millisecond) => first::<Time32MillisecondType>(literal).into(),
        Time64(Microsecond) => first::<Time64MicrosecondType>(literal),
        Time64(Nanosecond) => first::<Time64NanosecondType>(literal),
        Timestamp(Second, _) => first::<TimestampSecondType>(literal),
        Timestamp(Millisecond, _) => first::<TimestampMillisecondType>(literal),
        Timestamp(Microsecond, _) => first::<TimestampMicrosecondType>(literal),
        Timestamp(Nanosecond, _) => first::<TimestampNanosecondType>(literal),
        Duration(Second) => first::<DurationSecondType>(literal),
        Duration(Millisecond) => first::<DurationMillisecondType>(literal),
        Duration(Microsecond) => first::<DurationMicrosecondType>(literal),
        Duration(Nanosecond) => first::<DurationNanosecondType>(literal),
        _ => return None,
    };
    Some(number.into())
}

/// The clock of a type of points of time, and the nanoseconds of its unit.
fn ticks(data_type: &DataType) -> Option<(Clock, i128)> {
    Some(match data_type {
        DataType::Date32 => (Clock::Wall, 86_400_000_000_000),
        DataType::Date64 => (Clock::Wall, 1_000_000),
        DataType::Time32(unit) | DataType::Time64(unit) => (Clock::Day, nanoseconds(unit)),
        DataType::Timestamp(unit, Some(_)) => (Clock::World, nanoseconds(unit)),
        DataType::Timestamp(unit, None) => (Clock::Wall, nanoseconds(unit)),
        DataType::Duration(unit) => (Clock::Stop, nanoseconds(unit)),
        _ => return None,
    })
}

fn nanoseconds(unit: &TimeUnit) -> i128 {
    match unit {
        TimeUnit::Second => 1_000_000_000,
        TimeUnit::Millisecond => 1_000_000,
        TimeUnit::Microsecond => 1000,
        TimeUnit::Nanosecond => 1,
    }
}

/// Where a literal stands among the whole numbers of a column; or why it does not, as the end of a sentence.
pub(crate) fn bound(column: &DataType, literal: &Value) -> Result<Bound, &'static str> {
    use DataType::*;
    match (column, literal) {
        (Int8 | Int16 | Int32 | Int64 | UInt8 | UInt16 | UInt32 | UInt64, Value::Exact(value, scale)) => {
            Ok(rescaled(*value, *scale, 0))
        }
        (Int8 | Int16 | Int32 | Int64 | UInt8 | UInt16 | UInt32 | UInt64, Value::Float(value)) => Ok(floor(*value)),
        (
            Decimal32(_, scale) | Decimal64(_, scale) | Decimal128(_, scale) | Decimal256(_, scale),
            Value::Exact(value, from),
        ) => Ok(rescaled(*value, *from, *scale)),
        (Decimal32(..) | Decimal64(..) | Decimal128(..) | Decimal256(..), Value::Float(_)) => {
            Err("; give the literal as a decimal or an integer")
        }
        (_, Value::Time(clock, nanoseconds)) => match ticks(column) {
            Some((same, unit)) if same == *clock => Ok(divided(i256::from_i128(*nanoseconds), i256::from_i128(unit))),
            Some((Clock::World | Clock::Wall, _)) if matches!(clock, Clock::World | Clock::Wall) => {
                Err("; of points of time both need a time zone, or neither")
            }
            _ => Err(""),
        },
        _ => Err(""),
    }
}

/// What is counted in powers of ten, counted in other ones.
fn rescaled(value: i256, from: i8, to: i8) -> Bound {
    let places = i32::from(to) - i32::from(from);
    let factor = i256::from_i128(10).checked_pow(places.unsigned_abs());
    match factor {
        _ if value == i256::ZERO => Bound::At(value),
        Some(factor) if places < 0 => divided(value, factor),
        // It is a fraction of the unit.
        None if places < 0 && value < i256::ZERO => Bound::Above(i256::MINUS_ONE),
        None if places < 0 => Bound::Above(i256::ZERO),
        factor => match factor.and_then(|factor| value.checked_mul(factor)) {
            Some(value) => Bound::At(value),
            None if value < i256::ZERO => Bound::BelowAll,
            None => Bound::AboveAll,
        },
    }
}

fn divided(value: i256, unit: i256) -> Bound {
    let (quotient, rest) = (value.wrapping_div(unit), value.wrapping_rem(unit));
    if rest == i256::ZERO {
        Bound::At(quotient)
    } else if rest < i256::ZERO {
        Bound::Above(quotient.wrapping_sub(i256::ONE))
    } else {
        Bound::Above(quotient)
    }
}

/// NaN is greater than every number.
fn floor(value: f64) -> Bound {
    // Beyond 2^100 a float is beyond every integer of a column, too.
    if value.is_nan() || value >= 2f64.powi(100) {
        Bound::AboveAll
    } else if value <= -(2f64.powi(100)) {
        Bound::BelowAll
    } else if value.floor() == value {
        Bound::At(i256::from_i128(value as i128))
    } else {
        Bound::Above(i256::from_i128(value.floor() as i128))
    }
}
