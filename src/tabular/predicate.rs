//! Which rows are wanted: an AND of comparisons of a column with a literal.
//!
//! A comparison is exact whatever the types are: the literal is brought into the units of the column, not the column
//! to the literal, and where it falls between two values of the column, or beyond all of them, that is what decides.
//! A null on either side makes a comparison neither true nor false; the row is not wanted.

use super::format::{Operator, Predicate};
use super::literal::{Bound, Value, bound, value_of};
use crate::error::{Error, Kind, Result};
use arrow_array::cast::AsArray;
use arrow_array::types::*;
use arrow_array::{Array, ArrayAccessor, ArrayRef, ArrowPrimitiveType, BooleanArray, PrimitiveArray, RecordBatch};
use arrow_buffer::{BooleanBuffer, i256};
use arrow_schema::{DataType, IntervalUnit, Schema, TimeUnit};
use arrow_select::filter::filter_record_batch;
use arrow_select::take::take;

/// A predicate, for the columns of one blob.
#[derive(Debug)]
pub(crate) struct Filter {
    comparisons: Vec<Comparison>,
}

/// A term, for its column of one blob.
#[derive(Debug)]
pub(crate) struct Comparison {
    /// Which column of the blob; none = it lacks it, so all is null.
    pub(crate) column: Option<usize>,
    pub(crate) operator: Operator,
    /// One row: what the column is compared with.
    pub(crate) literal: Option<ArrayRef>,
    value: Value,
    name: String,
}

impl Filter {
    /// The filter of a blob that has these columns. What cannot be compared is refused here. A column that is not there
    /// must be in `given`, the schema that the caller has asked for.
    pub(crate) fn new(predicate: &Predicate, found: &Schema, given: Option<&Schema>) -> Result<Filter> {
        let mut comparisons = Vec::with_capacity(predicate.terms.len());
        for term in &predicate.terms {
            let column = super::decode::column(&term.column, found, given)?;
            let needs_literal = !matches!(term.operator, Operator::IsNull | Operator::IsNotNull);
            let (mut literal, mut value) = (None, Value::Null);
            if needs_literal {
                let array = predicate.literals.columns().get(term.literal).ok_or_else(|| {
                    let (index, count) = (term.literal, predicate.literals.num_columns());
                    Error::argument(format!(
                        "the term on column {:?} names literal {index}, and there are {count}",
                        term.column
                    ))
                })?;
                value = value_of(array, &term.column)?;
                literal = Some(array.clone());
            }
            let comparison = Comparison { column, operator: term.operator, literal, value, name: term.column.clone() };
            if let (Some(column), true) = (column, needs_literal) {
                comparison.check(found.field(column).data_type())?;
            }
            comparisons.push(comparison);
        }
        Ok(Filter { comparisons })
    }

    /// The comparisons, all of which must be true.
    pub(crate) fn comparisons(&self) -> &[Comparison] {
        &self.comparisons
    }

    /// Tells which of `rows` rows are wanted. `column` gives a column of the blob.
    pub(crate) fn keep(&self, rows: usize, column: impl Fn(usize) -> Result<ArrayRef>) -> Result<BooleanBuffer> {
        let mut kept = BooleanBuffer::new_set(rows);
        for comparison in &self.comparisons {
            let truth = match comparison.column {
                Some(index) => comparison.compare(comparison.operator, &column(index)?)?,
                None => BooleanArray::new(uniform(rows, comparison.operator == Operator::IsNull), None),
            };
            kept = &kept & truth.values();
            if let Some(nulls) = truth.nulls() {
                kept = &kept & nulls.inner();
            }
        }
        Ok(kept)
    }

    /// The rows of a batch that are wanted. `place` tells where a column of the blob stands in the batch.
    pub(crate) fn filter(&self, batch: RecordBatch, place: impl Fn(usize) -> Option<usize>) -> Result<RecordBatch> {
        let column = |index| {
            let lost = || Error::panic(&"a column of the predicate was not read");
            place(index).and_then(|place| batch.columns().get(place).cloned()).ok_or_else(lost)
        };
        let kept = self.keep(batch.num_rows(), column)?;
        if kept.count_set_bits() == batch.num_rows() {
            return Ok(batch);
        }
        filter_record_batch(&batch, &BooleanArray::new(kept, None)).map_err(super::decode::wrong)
    }
}

impl Comparison {
    /// Refuses what cannot be compared.
    fn check(&self, column: &DataType) -> Result<()> {
        self.compare(self.operator, &arrow_array::new_empty_array(column)).map(drop)
    }

    /// Compares values of the column's type with the literal, by this operator or another one. Null where either is.
    pub(crate) fn compare(&self, operator: Operator, values: &dyn Array) -> Result<BooleanArray> {
        if let Operator::IsNull | Operator::IsNotNull = operator {
            let valid = match values.logical_nulls() {
                Some(nulls) => nulls.inner().clone(),
                None => uniform(values.len(), true),
            };
            let truth = if operator == Operator::IsNull { !&valid } else { valid };
            return Ok(BooleanArray::new(truth, None));
        }
        if matches!(self.value, Value::Null) || values.data_type() == &DataType::Null {
            return Ok(BooleanArray::new_null(values.len()));
        }
        if let Some(dictionary) = values.as_any_dictionary_opt() {
            let truth = self.compare(operator, dictionary.values())?;
            let taken = take(&truth, dictionary.keys(), None).map_err(super::decode::wrong)?;
            return Ok(taken.as_boolean().clone());
        }
        self.compare_plain(operator, values)
    }

    fn compare_plain(&self, operator: Operator, values: &dyn Array) -> Result<BooleanArray> {
        match (values.data_type(), &self.value) {
            (DataType::Boolean, Value::Boolean(literal)) => {
                Ok(BooleanArray::from_unary(values.as_boolean(), |value| holds(operator, &value, literal)))
            }
            (DataType::Utf8, Value::Text(text)) => Ok(bytes(operator, values.as_string::<i32>(), text)),
            (DataType::LargeUtf8, Value::Text(text)) => Ok(bytes(operator, values.as_string::<i64>(), text)),
            (DataType::Utf8View, Value::Text(text)) => Ok(bytes(operator, values.as_string_view(), text)),
            (DataType::Binary, Value::Bytes(text)) => Ok(bytes(operator, values.as_binary::<i32>(), text)),
            (DataType::LargeBinary, Value::Bytes(text)) => Ok(bytes(operator, values.as_binary::<i64>(), text)),
            (DataType::BinaryView, Value::Bytes(text)) => Ok(bytes(operator, values.as_binary_view(), text)),
            (DataType::FixedSizeBinary(_), Value::Bytes(text)) => {
                Ok(bytes(operator, values.as_fixed_size_binary(), text))
            }
            (DataType::Float16, _) => self.floats::<Float16Type>(operator, values, |value| value.to_f64()),
            (DataType::Float32, _) => self.floats::<Float32Type>(operator, values, f64::from),
            (DataType::Float64, _) => self.floats::<Float64Type>(operator, values, |value| value),
            _ => self.compare_exact(operator, values),
        }
    }

    /// Compares what counts in whole units.
    fn compare_exact(&self, operator: Operator, values: &dyn Array) -> Result<BooleanArray> {
        use DataType::*;
        use TimeUnit::*;
        let data_type = values.data_type();
        let bound = bound(data_type, &self.value).map_err(|why| self.refusal(data_type, why))?;
        let test = Test::of(operator, bound);
        match data_type {
            Int8 => Ok(exact::<Int8Type>(values, test)),
            Int16 => Ok(exact::<Int16Type>(values, test)),
            Int32 => Ok(exact::<Int32Type>(values, test)),
            Int64 => Ok(exact::<Int64Type>(values, test)),
            UInt8 => Ok(exact::<UInt8Type>(values, test)),
            UInt16 => Ok(exact::<UInt16Type>(values, test)),
            UInt32 => Ok(exact::<UInt32Type>(values, test)),
            UInt64 => Ok(exact::<UInt64Type>(values, test)),
            Decimal32(..) => Ok(exact::<Decimal32Type>(values, test)),
            Decimal64(..) => Ok(exact::<Decimal64Type>(values, test)),
            Decimal128(..) => Ok(exact::<Decimal128Type>(values, test)),
            Decimal256(..) => Ok(exact::<Decimal256Type>(values, test)),
            Date32 => Ok(exact::<Date32Type>(values, test)),
            Date64 => Ok(exact::<Date64Type>(values, test)),
            Time32(Second) => Ok(exact::<Time32SecondType>(values, test)),
            Time32(Millisecond) => Ok(exact::<Time32MillisecondType>(values, test)),
            Time64(Microsecond) => Ok(exact::<Time64MicrosecondType>(values, test)),
            Time64(Nanosecond) => Ok(exact::<Time64NanosecondType>(values, test)),
            Timestamp(Second, _) => Ok(exact::<TimestampSecondType>(values, test)),
            Timestamp(Millisecond, _) => Ok(exact::<TimestampMillisecondType>(values, test)),
            Timestamp(Microsecond, _) => Ok(exact::<TimestampMicrosecondType>(values, test)),
            Timestamp(Nanosecond, _) => Ok(exact::<TimestampNanosecondType>(values, test)),
            Duration(Second) => Ok(exact::<DurationSecondType>(values, test)),
            Duration(Millisecond) => Ok(exact::<DurationMillisecondType>(values, test)),
            Duration(Microsecond) => Ok(exact::<DurationMicrosecondType>(values, test)),
            Duration(Nanosecond) => Ok(exact::<DurationNanosecondType>(values, test)),
            _ => Err(self.refusal(data_type, "")),
        }
    }

    fn floats<T: ArrowPrimitiveType>(
        &self,
        operator: Operator,
        values: &dyn Array,
        widen: impl Fn(T::Native) -> f64,
    ) -> Result<BooleanArray> {
        let data_type = values.data_type();
        let (literal, is_exact) = self.value.as_float().ok_or_else(|| {
            let why = if self.value.is_number() { "; give the literal as a float or an integer" } else { "" };
            self.refusal(data_type, why)
        })?;
        let values = values.as_primitive::<T>();
        // What is no float lies just above this one.
        let Some(operator) = (if is_exact { Some(operator) } else { beside(operator) }) else {
            return Ok(constant(values, operator == Operator::NotEqual));
        };
        let test: fn(f64, f64) -> bool = match operator {
            Operator::Equal => |x, y| x == y || (x.is_nan() && y.is_nan()),
            Operator::NotEqual => |x, y| x != y && !(x.is_nan() && y.is_nan()),
            Operator::Less => |x, y| x < y || (y.is_nan() && !x.is_nan()),
            Operator::LessEqual => |x, y| x <= y || y.is_nan(),
            Operator::Greater => |x, y| x > y || (x.is_nan() && !y.is_nan()),
            _ => |x, y| x >= y || x.is_nan(),
        };
        Ok(BooleanArray::from_unary(values, |value| test(widen(value), literal)))
    }

    fn refusal(&self, column: &DataType, why: &str) -> Error {
        let literal = self.literal.as_ref().map_or(&DataType::Null, |literal| literal.data_type());
        let message = format!("column {:?} is {column}, which cannot be compared with {literal}{why}", self.name);
        let kind = if is_comparable(column) && why.is_empty() { Kind::Argument } else { Kind::Unsupported };
        Error::new(kind, message)
    }
}

/// Whether there is any literal that the type can be compared with.
fn is_comparable(data_type: &DataType) -> bool {
    !data_type.is_nested()
        && !matches!(
            data_type,
            DataType::Interval(IntervalUnit::YearMonth | IntervalUnit::DayTime | IntervalUnit::MonthDayNano)
        )
}

/// The comparison with what lies between `n` and its successor, as one with `n`. None: it is equal to nothing.
fn beside(operator: Operator) -> Option<Operator> {
    match operator {
        Operator::Less | Operator::LessEqual => Some(Operator::LessEqual),
        Operator::Greater | Operator::GreaterEqual => Some(Operator::Greater),
        _ => None,
    }
}

/// A comparison in the units of its column.
enum Test {
    All(bool),
    Compare(Operator, i256),
}

impl Test {
    fn of(operator: Operator, bound: Bound) -> Test {
        use Operator::*;
        match bound {
            Bound::At(value) => Test::Compare(operator, value),
            Bound::Above(value) => {
                beside(operator).map_or(Test::All(operator == NotEqual), |operator| Test::Compare(operator, value))
            }
            Bound::AboveAll => Test::All(matches!(operator, NotEqual | Less | LessEqual)),
            Bound::BelowAll => Test::All(matches!(operator, NotEqual | Greater | GreaterEqual)),
        }
    }
}

/// A native type that whole numbers may fit into.
trait Whole: Copy + Ord {
    fn of(value: i256) -> Option<Self>;
}

macro_rules! whole {
    ($($native:ty),*) => {
        $(impl Whole for $native {
            fn of(value: i256) -> Option<Self> {
                value.to_i128().and_then(|value| value.try_into().ok())
            }
        })*
    };
}

whole!(i8, i16, i32, i64, i128, u8, u16, u32, u64);

impl Whole for i256 {
    fn of(value: i256) -> Option<Self> {
        Some(value)
    }
}

fn exact<T: ArrowPrimitiveType<Native: Whole>>(values: &dyn Array, test: Test) -> BooleanArray {
    let values: &PrimitiveArray<T> = values.as_primitive();
    let (operator, literal) = match test {
        Test::All(truth) => return constant(values, truth),
        Test::Compare(operator, literal) => (operator, literal),
    };
    let Some(n) = T::Native::of(literal) else {
        let beyond = if literal < i256::ZERO { Bound::BelowAll } else { Bound::AboveAll };
        return exact::<T>(values, Test::of(operator, beyond));
    };
    match operator {
        Operator::Equal => BooleanArray::from_unary(values, |value| value == n),
        Operator::NotEqual => BooleanArray::from_unary(values, |value| value != n),
        Operator::Less => BooleanArray::from_unary(values, |value| value < n),
        Operator::LessEqual => BooleanArray::from_unary(values, |value| value <= n),
        Operator::Greater => BooleanArray::from_unary(values, |value| value > n),
        _ => BooleanArray::from_unary(values, |value| value >= n),
    }
}

fn bytes<A: ArrayAccessor<Item: AsRef<[u8]>>>(operator: Operator, values: A, literal: &[u8]) -> BooleanArray {
    BooleanArray::from_unary(values, |value| holds(operator, value.as_ref(), literal))
}

fn holds<T: Ord + ?Sized>(operator: Operator, value: &T, literal: &T) -> bool {
    match operator {
        Operator::Equal => value == literal,
        Operator::NotEqual => value != literal,
        Operator::Less => value < literal,
        Operator::LessEqual => value <= literal,
        Operator::Greater => value > literal,
        _ => value >= literal,
    }
}

/// The same for every value that is not null.
fn constant(values: &dyn Array, truth: bool) -> BooleanArray {
    BooleanArray::new(uniform(values.len(), truth), values.logical_nulls())
}

fn uniform(rows: usize, truth: bool) -> BooleanBuffer {
    if truth { BooleanBuffer::new_set(rows) } else { BooleanBuffer::new_unset(rows) }
}

#[cfg(all(test, not(model)))]
mod tests {
    use super::super::format::Term;
    use super::*;
    use Operator::*;
    use arrow_array::builder::StringDictionaryBuilder;
    use arrow_array::*;
    use arrow_schema::{Field, Fields};
    use std::sync::Arc;

    fn filter(column: &ArrayRef, operator: Operator, literal: ArrayRef) -> Result<Filter> {
        let fields: Fields = vec![Field::new("", literal.data_type().clone(), true)].into();
        let literals = StructArray::new(fields, vec![literal], None);
        let terms = vec![Term { column: "x".to_string(), operator, literal: 0 }];
        let found = Schema::new(vec![Field::new("x", column.data_type().clone(), true)]);
        Filter::new(&Predicate { terms, literals }, &found, None)
    }

    /// The rows kept by each of the six operators, as digits.
    fn kept(column: impl Array + 'static, literal: impl Array + 'static) -> String {
        let (column, literal): (ArrayRef, ArrayRef) = (Arc::new(column), Arc::new(literal));
        let rows = |operator| {
            let kept = filter(&column, operator, literal.clone()).unwrap().keep(column.len(), |_| Ok(column.clone()));
            kept.unwrap().set_indices().map(|row| row.to_string()).collect::<String>()
        };
        [Equal, NotEqual, Less, LessEqual, Greater, GreaterEqual].map(rows).join(" ")
    }

    fn refused(column: impl Array + 'static, literal: impl Array + 'static) -> Kind {
        let column: ArrayRef = Arc::new(column);
        let error = filter(&column, Equal, Arc::new(literal)).unwrap_err();
        assert!(error.message.contains("\"x\""), "{}", error.message);
        error.kind
    }

    #[test]
    fn integers_of_any_width_compare_exactly() {
        let column = || Int8Array::from(vec![Some(-128), Some(44), None, Some(127)]);
        assert_eq!(kept(column(), Int64Array::from(vec![44])), "1 03 0 01 3 13");
        // 300 would be 44, and 511 -1, in eight bits.
        assert_eq!(kept(column(), Int64Array::from(vec![300])), " 013 013 013  ");
        assert_eq!(kept(column(), Int64Array::from(vec![-300])), " 013   013 013");
        assert_eq!(kept(column(), UInt64Array::from(vec![u64::MAX])), " 013 013 013  ");
        assert_eq!(kept(UInt64Array::from(vec![0, u64::MAX]), Int8Array::from(vec![-1])), " 01   01 01");
        assert_eq!(kept(UInt64Array::from(vec![0, u64::MAX]), UInt64Array::from(vec![u64::MAX])), "1 0 0 01  1");
    }

    #[test]
    fn integers_compare_with_what_is_none() {
        let column = || Int32Array::from(vec![-2, -1, 0, 1]);
        assert_eq!(kept(column(), Float64Array::from(vec![-0.5])), " 0123 01 01 23 23");
        assert_eq!(kept(column(), Float64Array::from(vec![-1.0])), "1 023 0 01 23 123");
        assert_eq!(kept(column(), Float32Array::from(vec![1e30])), " 0123 0123 0123  ");
        assert_eq!(kept(column(), Float64Array::from(vec![f64::NEG_INFINITY])), " 0123   0123 0123");
        assert_eq!(kept(column(), Float64Array::from(vec![f64::NAN])), " 0123 0123 0123  ");
        let half = Decimal128Array::from(vec![-15]).with_precision_and_scale(10, 1).unwrap();
        assert_eq!(kept(column(), half), " 0123 0 0 123 123");
    }

    #[test]
    fn floats_are_ordered_with_nan_above_all() {
        let nan = f64::NAN;
        let column =
            || Float64Array::from(vec![Some(-0.0), Some(0.0), Some(nan), Some(-nan), None, Some(f64::INFINITY)]);
        assert_eq!(kept(column(), Float64Array::from(vec![0.0])), "01 235  01 235 01235");
        assert_eq!(kept(column(), Float64Array::from(vec![nan])), "23 015 015 01235  23");
        assert_eq!(kept(column(), Float32Array::from(vec![f32::INFINITY])), "5 0123 01 015 23 235");
    }

    #[test]
    fn floats_compare_with_what_they_cannot_hold() {
        let column = || Float32Array::from(vec![0.1, f32::MAX, f32::INFINITY]);
        // 0.1 in 32 bits is a little more than 0.1 in 64.
        assert_eq!(kept(column(), Float64Array::from(vec![0.1])), " 012   012 012");
        assert_eq!(kept(column(), Float64Array::from(vec![1e300])), " 012 01 01 2 2");
        let two53 = 9_007_199_254_740_992.0;
        let column = || Float64Array::from(vec![two53, two53 + 2.0]);
        assert_eq!(kept(column(), Int64Array::from(vec![9_007_199_254_740_993])), " 01 0 0 1 1");
        assert_eq!(kept(column(), Int64Array::from(vec![9_007_199_254_740_994])), "1 0 0 01  1");
        assert_eq!(kept(column(), Int64Array::from(vec![9_007_199_254_740_995])), " 01 01 01  ");
    }

    #[test]
    fn decimals_compare_whatever_their_scale() {
        let column = || Decimal128Array::from(vec![-150, 149, 150, 151]).with_precision_and_scale(10, 2).unwrap();
        assert_eq!(
            kept(column(), Decimal128Array::from(vec![15]).with_precision_and_scale(3, 1).unwrap()),
            "2 013 01 012 3 23"
        );
        assert_eq!(
            kept(column(), Decimal128Array::from(vec![1505]).with_precision_and_scale(9, 3).unwrap()),
            " 0123 012 012 3 3"
        );
        assert_eq!(kept(column(), Int64Array::from(vec![i64::MIN])), " 0123   0123 0123");
        let huge = Decimal256Array::from(vec![i256::MAX]).with_precision_and_scale(76, -10).unwrap();
        assert_eq!(kept(column(), huge), " 0123 0123 0123  ");
        assert_eq!(refused(column(), Float64Array::from(vec![1.5])), Kind::Unsupported);
    }

    #[test]
    fn points_of_time_compare_whatever_their_unit() {
        let dates = || Date32Array::from(vec![-1, 0, 1]);
        let noon = TimestampMillisecondArray::from(vec![43_200_000]);
        assert_eq!(kept(dates(), noon), " 012 01 01 2 2");
        assert_eq!(kept(dates(), Date64Array::from(vec![86_400_000])), "2 01 01 012  2");
        let zoned = || TimestampSecondArray::from(vec![0, 1]).with_timezone("Europe/Berlin");
        let utc = |ns| TimestampNanosecondArray::from(vec![ns]).with_timezone("UTC");
        assert_eq!(kept(zoned(), utc(1)), " 01 0 0 1 1");
        assert_eq!(kept(zoned(), utc(-1)), " 01   01 01");
        assert_eq!(refused(zoned(), TimestampSecondArray::from(vec![0])), Kind::Unsupported);
        assert_eq!(refused(dates(), Int32Array::from(vec![0])), Kind::Argument);
        let times = Time32SecondArray::from(vec![59, 60]);
        assert_eq!(kept(times, Time64NanosecondArray::from(vec![60_000_000_000])), "1 0 0 01  1");
        let durations = DurationMicrosecondArray::from(vec![999, 1000]);
        assert_eq!(kept(durations, DurationMillisecondArray::from(vec![1])), "1 0 0 01  1");
    }

    #[test]
    fn texts_and_bytes_compare_by_their_bytes() {
        let texts = || StringArray::from(vec![Some(""), Some("a"), None, Some("ä"), Some("b")]);
        assert_eq!(kept(texts(), LargeStringArray::from(vec!["b"])), "4 013 01 014 3 34");
        assert_eq!(kept(texts(), StringViewArray::from(vec!["a much longer text than fits"])), " 0134 01 01 34 34");
        let mut dictionary = StringDictionaryBuilder::<types::Int8Type>::new();
        dictionary.extend([Some("b"), None, Some("a"), Some("b")]);
        assert_eq!(kept(dictionary.finish(), StringArray::from(vec!["a"])), "2 03  2 03 023");
        let fixed = FixedSizeBinaryArray::try_from_iter([[1u8, 2], [1, 3]].into_iter()).unwrap();
        assert_eq!(kept(fixed, BinaryArray::from(vec![&[1u8, 2, 0][..]])), " 01 0 0 1 1");
        assert_eq!(refused(texts(), BinaryArray::from(vec![&b"a"[..]])), Kind::Argument);
        assert_eq!(kept(BooleanArray::from(vec![false, true]), BooleanArray::from(vec![true])), "1 0 0 01  1");
    }

    #[test]
    fn null_is_neither_equal_nor_different() {
        let column = || Int32Array::from(vec![Some(1), None]);
        assert_eq!(kept(column(), Int32Array::from(vec![None::<i32>])), "     ");
        assert_eq!(kept(column(), NullArray::new(1)), "     ");
        assert_eq!(kept(NullArray::new(2), Int32Array::from(vec![1])), "     ");
        let column: ArrayRef = Arc::new(column());
        for (operator, rows) in [(IsNull, vec![1]), (IsNotNull, vec![0])] {
            // Its literal is not looked at.
            let kept = filter(&column, operator, Arc::new(StringArray::from(vec!["?"]))).unwrap();
            let kept = kept.keep(2, |_| Ok(column.clone())).unwrap();
            assert_eq!(kept.set_indices().collect::<Vec<_>>(), rows);
        }
    }

    #[test]
    fn what_has_no_order_is_refused_with_its_name() {
        let list = ListArray::from_iter_primitive::<types::Int32Type, _, _>([Some([Some(1)])]);
        assert_eq!(refused(list, Int32Array::from(vec![1])), Kind::Unsupported);
        assert_eq!(refused(IntervalYearMonthArray::from(vec![1]), Int32Array::from(vec![1])), Kind::Unsupported);
    }
}
