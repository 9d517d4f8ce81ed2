//! A table into one row: counts, sums, means and extremes of its columns.
//!
//! Sums of integers and decimals are exact while they grow, so that the order of the rows does not matter; only what
//! comes out must fit its type. Floats are summed in the order of the rows.

use super::decode::{column, quoted, wrong};
use super::scalar::{Key, Scalars, Shape, shape};
use super::table::Table;
use crate::error::{Error, Kind, Result};
use crate::memory::Loan;
use crate::outcome::Done;
use crate::request::Work;
use crate::service::Shared;
use arrow_array::types::{Float16Type, Float32Type};
use arrow_array::*;
use arrow_buffer::{Buffer, i256};
use arrow_data::ArrayData;
use arrow_schema::{DataType, Field, Schema};
use std::cmp::Ordering;
use std::sync::Arc;

/// What is made of a column.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Function {
    /// Values that are not null; without a column rows.
    Count,
    /// All values added up.
    Sum,
    /// The smallest value.
    Min,
    /// The largest value.
    Max,
    /// The sum divided by the count.
    Mean,
    /// Values that are null.
    NullCount,
}

/// One column of the result.
#[derive(Clone, Debug)]
pub struct Aggregation {
    /// The column that it is made of; none: rows are counted.
    pub column: Option<String>,
    /// What is made of it.
    pub function: Function,
}

impl Aggregation {
    /// What the column of the result is called: `sum(price)`.
    pub fn name(&self) -> String {
        let function = match self.function {
            Function::Count => "count",
            Function::Sum => "sum",
            Function::Min => "min",
            Function::Max => "max",
            Function::Mean => "mean",
            Function::NullCount => "null_count",
        };
        format!("{function}({})", self.column.as_deref().unwrap_or_default())
    }
}

/// Rows that a thread looks at in one go.
const ROWS: usize = 1 << 20;

/// Aggregates a table, result: its rows; with a table of one row. `loan` is the request's.
pub fn aggregate(service: &Arc<Shared>, table: &Table, aggregations: &[Aggregation], loan: &Loan) -> Result<Work> {
    let mut states = aggregations.iter().map(|asked| State::new(asked, table.schema())).collect::<Result<Vec<_>>>()?;
    let mut batches = table.open(loan)?;
    let service = service.clone();
    Ok(Work::new(async move {
        let mut rows = 0;
        while let Some(batch) = batches.next().await? {
            for begin in (0..batch.num_rows()).step_by(ROWS) {
                let slice = batch.slice(begin, ROWS.min(batch.num_rows() - begin));
                let look = move || {
                    states.iter_mut().for_each(|state| state.look_at(&slice));
                    Ok(states)
                };
                states = service.compute.run(look).await?;
            }
            rows += batch.num_rows() as u64;
        }
        let row = result(states)?;
        Ok(Done { result: rows, table: Some(Table::new(row.schema(), vec![row])), ..Done::default() })
    }))
}

fn result(states: Vec<State>) -> Result<RecordBatch> {
    let (mut fields, mut columns) = (Vec::new(), Vec::new());
    for state in states {
        let array = state.finish()?;
        let is_nullable = !matches!(state.function, Function::Count | Function::NullCount);
        fields.push(Field::new(state.name, array.data_type().clone(), is_nullable));
        columns.push(array);
    }
    RecordBatch::try_new(Arc::new(Schema::new(fields)), columns).map_err(wrong)
}

/// One aggregation on its way.
struct State {
    name: String,
    function: Function,
    /// The name of the column.
    of: String,
    /// None: rows are counted.
    column: Option<usize>,
    /// Of the values, without dictionaries and runs.
    data_type: DataType,
    rows: u64,
    /// Values that are not null.
    count: u64,
    so_far: SoFar,
}

enum SoFar {
    Nothing,
    Integer(i128),
    Float(f64),
    /// What is beyond 256 bits is counted beside.
    Decimal(i256, i64),
    Bytes(Vec<u8>),
}

impl State {
    fn new(asked: &Aggregation, schema: &Schema) -> Result<State> {
        let name = asked.name();
        let Some(column_name) = &asked.column else {
            if asked.function != Function::Count {
                return Err(Error::argument(format!("`{name}` names no column; only the count of rows needs none")));
            }
            return Ok(State::at_begin(asked, None, DataType::Null));
        };
        let Some(place) = column(column_name, schema, None)? else {
            return Err(Error::argument(format!("there is no column {}", quoted(column_name))));
        };
        let data_type = schema.field(place).data_type();
        let values = values(data_type);
        let is_known = match asked.function {
            Function::Count | Function::NullCount => true,
            Function::Sum | Function::Mean => values.is_integer() || values.is_floating() || values.is_decimal(),
            Function::Min | Function::Max => shape(values).is_some_and(|shape| shape != Shape::Null),
        };
        if !is_known {
            let what = name.split('(').next().unwrap_or_default();
            let message = format!("column {} is {data_type}, which has no {what}", quoted(column_name));
            return Err(Error::new(Kind::Unsupported, message));
        }
        Ok(State::at_begin(asked, Some(place), values.clone()))
    }

    fn at_begin(asked: &Aggregation, column: Option<usize>, data_type: DataType) -> State {
        let (name, function, of) = (asked.name(), asked.function, asked.column.clone().unwrap_or_default());
        State { name, function, of, column, data_type, rows: 0, count: 0, so_far: SoFar::Nothing }
    }

    fn look_at(&mut self, batch: &RecordBatch) {
        let rows = batch.num_rows();
        self.rows += rows as u64;
        let Some(array) = self.column.map(|column| batch.column(column)) else { return };
        if matches!(self.function, Function::Count | Function::NullCount) {
            let nulls = array.logical_nulls().map_or(0, |nulls| nulls.null_count());
            self.count += (rows - nulls) as u64;
            return;
        }
        let Some(scalars) = Scalars::new(array.as_ref()) else { return };
        let keys = (0..rows).filter_map(|row| scalars.get(row)).map(|value| value.key());
        match self.function {
            Function::Min => keys.for_each(|key| self.so_far.keep(key, Ordering::Less)),
            Function::Max => keys.for_each(|key| self.so_far.keep(key, Ordering::Greater)),
            _ => keys.for_each(|key| {
                self.count += 1;
                self.so_far.add(key);
            }),
        }
    }

    fn finish(&self) -> Result<ArrayRef> {
        Ok(match self.function {
            Function::Count => Arc::new(UInt64Array::from(vec![self.column.map_or(self.rows, |_| self.count)])),
            Function::NullCount => Arc::new(UInt64Array::from(vec![self.rows - self.count])),
            Function::Sum => self.sum()?,
            Function::Mean => Arc::new(Float64Array::from(vec![self.mean()])),
            Function::Min | Function::Max => self.so_far.array(&self.data_type)?,
        })
    }

    fn sum(&self) -> Result<ArrayRef> {
        let data_type = match &self.data_type {
            DataType::Decimal256(_, scale) => DataType::Decimal256(76, *scale),
            DataType::Decimal32(_, scale) | DataType::Decimal64(_, scale) | DataType::Decimal128(_, scale) => {
                DataType::Decimal128(38, *scale)
            }
            data_type if data_type.is_unsigned_integer() => DataType::UInt64,
            data_type if data_type.is_integer() => DataType::Int64,
            _ => DataType::Float64,
        };
        let fits = match self.so_far {
            SoFar::Integer(sum) if data_type == DataType::UInt64 => u64::try_from(sum).is_ok(),
            SoFar::Integer(sum) => i64::try_from(sum).is_ok(),
            SoFar::Decimal(sum, beyond) => {
                let digits = if matches!(data_type, DataType::Decimal256(..)) { 76 } else { 38 };
                beyond == 0 && super::number::has_room(sum, digits)
            }
            _ => true,
        };
        if !fits {
            let message = format!("column {}: the sum is beyond what {data_type} holds", quoted(&self.of));
            return Err(Error::new(Kind::Range, message));
        }
        self.so_far.array(&data_type)
    }

    fn mean(&self) -> Option<f64> {
        let count = self.count as f64;
        match self.so_far {
            SoFar::Integer(sum) => Some(sum as f64 / count),
            SoFar::Float(sum) => Some(sum / count),
            SoFar::Decimal(sum, beyond) => {
                let (DataType::Decimal32(_, scale)
                | DataType::Decimal64(_, scale)
                | DataType::Decimal128(_, scale)
                | DataType::Decimal256(_, scale)) = self.data_type
                else {
                    return None;
                };
                let sum: f64 = sum.to_string().parse().ok()?;
                Some((sum + beyond as f64 * 256f64.exp2()) / 10f64.powi(scale.into()) / count)
            }
            SoFar::Nothing | SoFar::Bytes(_) => None,
        }
    }
}

/// The type of the values behind dictionaries and runs.
fn values(data_type: &DataType) -> &DataType {
    match data_type {
        DataType::Dictionary(_, inner) => values(inner),
        DataType::RunEndEncoded(_, inner) => values(inner.data_type()),
        other => other,
    }
}

/// NaN is the largest.
fn compare(left: f64, right: f64) -> Ordering {
    left.partial_cmp(&right).unwrap_or_else(|| left.is_nan().cmp(&right.is_nan()))
}

impl SoFar {
    fn add(&mut self, key: Key<'_>) {
        match (&mut *self, key) {
            (SoFar::Integer(sum), Key::Integer(value)) => *sum += value,
            (SoFar::Float(sum), Key::Float(value)) => *sum += value,
            (SoFar::Decimal(sum, beyond), Key::Decimal(value)) => match sum.checked_add(value) {
                Some(more) => *sum = more,
                None => {
                    *sum = sum.wrapping_add(value);
                    *beyond += if value.is_negative() { -1 } else { 1 };
                }
            },
            (SoFar::Nothing, first) => self.set(first),
            _ => {}
        }
    }

    /// Keeps the one that is `wanted` than the other; the first of equal ones.
    fn keep(&mut self, key: Key<'_>, wanted: Ordering) {
        let order = match (&*self, &key) {
            (SoFar::Nothing, _) => wanted,
            (SoFar::Integer(kept), Key::Integer(value)) => value.cmp(kept),
            (SoFar::Float(kept), Key::Float(value)) => compare(*value, *kept),
            (SoFar::Decimal(kept, _), Key::Decimal(value)) => value.cmp(kept),
            (SoFar::Bytes(kept), Key::Bytes(value)) => (*value).cmp(kept.as_slice()),
            _ => return,
        };
        if order == wanted {
            self.set(key);
        }
    }

    fn set(&mut self, key: Key<'_>) {
        *self = match key {
            Key::Integer(value) => SoFar::Integer(value),
            Key::Float(value) => SoFar::Float(value),
            Key::Decimal(value) => SoFar::Decimal(value, 0),
            Key::Bytes(value) => SoFar::Bytes(value.to_vec()),
        };
    }

    /// One row of a type that the value fits.
    fn array(&self, data_type: &DataType) -> Result<ArrayRef> {
        Ok(match self {
            SoFar::Nothing => new_null_array(data_type, 1),
            SoFar::Integer(value) if *data_type == DataType::Boolean => Arc::new(BooleanArray::from(vec![*value != 0])),
            SoFar::Integer(value) => primitive(data_type, &value.to_le_bytes())?,
            SoFar::Decimal(value, _) => primitive(data_type, &value.to_le_bytes())?,
            SoFar::Float(value) => match data_type {
                DataType::Float16 => {
                    let value = <Float16Type as ArrowPrimitiveType>::Native::from_f64(*value);
                    Arc::new(Float16Array::from(vec![value]))
                }
                DataType::Float32 => Arc::new(PrimitiveArray::<Float32Type>::from(vec![*value as f32])),
                _ => Arc::new(Float64Array::from(vec![*value])),
            },
            SoFar::Bytes(value) => {
                let binary = LargeBinaryArray::from(vec![value.as_slice()]);
                arrow_cast::cast(&binary, data_type).map_err(wrong)?
            }
        })
    }
}

/// One row of a type whose values are so many of these bytes, which are in the order of the machine.
fn primitive(data_type: &DataType, bytes: &[u8]) -> Result<ArrayRef> {
    let width = data_type.primitive_width().unwrap_or(0).min(bytes.len());
    let values = Buffer::from_slice_ref(&bytes[..width]);
    let data = ArrayData::builder(data_type.clone()).len(1).add_buffer(values).align_buffers(true).build();
    Ok(make_array(data.map_err(wrong)?))
}

#[cfg(all(test, not(model)))]
mod tests {
    use super::Function::*;
    use super::*;
    use crate::service::Service;
    use crate::tabular::samples::{self, run};
    use arrow_array::types::Int8Type;
    use arrow_cast::cast;

    fn asked(function: Function, column: &str) -> Aggregation {
        Aggregation { column: (!column.is_empty()).then(|| column.to_string()), function }
    }

    fn aggregated(batches: &[RecordBatch], asked: &[Aggregation]) -> Result<RecordBatch> {
        let service = Service::new(Default::default())?;
        let table = Table::new(batches[0].schema(), batches.to_vec());
        let done = aggregate(service.shared(), &table, asked, &Loan::new()).map(|work| run(work.future));
        service.free();
        let done = done?.map_err(|error| *error)?;
        assert_eq!(done.result, table.rows());
        Ok(done.table.unwrap().batches()[0].clone())
    }

    fn one(batches: &[ArrayRef], function: Function) -> Result<ArrayRef> {
        let batches: Vec<_> = batches.iter().map(|array| samples::batch(vec![("x", array.clone())])).collect();
        Ok(aggregated(&batches, &[asked(function, "x")])?.column(0).clone())
    }

    #[test]
    fn columns_are_named_by_what_they_are() {
        let batch = samples::scalars();
        let row = aggregated(
            &[batch.clone(), batch],
            &[
                asked(Count, ""),
                asked(Count, "int8"),
                asked(NullCount, "int8"),
                asked(Mean, "int8"),
                asked(Max, "text"),
            ],
        );
        let wanted = RecordBatch::try_new(
            Arc::new(Schema::new(vec![
                Field::new("count()", DataType::UInt64, false),
                Field::new("count(int8)", DataType::UInt64, false),
                Field::new("null_count(int8)", DataType::UInt64, false),
                Field::new("mean(int8)", DataType::Float64, true),
                Field::new("max(text)", DataType::Utf8, true),
            ])),
            vec![
                Arc::new(UInt64Array::from(vec![8])),
                Arc::new(UInt64Array::from(vec![6])),
                Arc::new(UInt64Array::from(vec![2])),
                Arc::new(Float64Array::from(vec![-1.0 / 3.0])),
                Arc::new(StringArray::from(vec!["a,\"b\"\r\nc"])),
            ],
        );
        assert_eq!(row.unwrap(), wanted.unwrap());
    }

    #[test]
    fn extremes_are_of_the_type_of_the_column() {
        let batch = samples::scalars();
        for (field, column) in batch.schema().fields().iter().zip(batch.columns()) {
            let (min, max) =
                (one(std::slice::from_ref(column), Min).unwrap(), one(std::slice::from_ref(column), Max).unwrap());
            assert_eq!((min.data_type(), max.data_type()), (field.data_type(), field.data_type()));
            let sorted = arrow_ord::sort::sort(column, None).unwrap();
            assert_eq!((&min, &max), (&sorted.slice(1, 1), &sorted.slice(3, 1)), "{}", field.name());
        }
        let bytes = cast(&StringArray::from(vec!["b", "a"]), &DataType::BinaryView).unwrap();
        assert_eq!(one(std::slice::from_ref(&bytes), Min).unwrap().as_ref(), bytes.slice(1, 1).as_ref());
    }

    #[test]
    fn integers_do_not_wrap() {
        let halves: [ArrayRef; 3] = [
            Arc::new(Int64Array::from(vec![i64::MAX, i64::MAX])),
            Arc::new(Int64Array::from(vec![-1, i64::MIN])),
            Arc::new(Int64Array::from(vec![i64::MIN + 1])),
        ];
        assert_eq!(one(&halves, Sum).unwrap().as_ref(), &Int64Array::from(vec![-2]) as &dyn Array);
        let error = one(&halves[..1], Sum).unwrap_err();
        assert_eq!((error.kind, error.message.contains("column \"x\": the sum")), (Kind::Range, true));
        assert_eq!(one(&halves[..1], Mean).unwrap().as_ref(), &Float64Array::from(vec![i64::MAX as f64]) as &dyn Array);
        let small: ArrayRef = Arc::new(Int32Array::from(vec![i32::MAX, 1]));
        assert_eq!(one(&[small], Sum).unwrap().as_ref(), &Int64Array::from(vec![1 << 31]) as &dyn Array);
        let unsigned: ArrayRef = Arc::new(UInt64Array::from(vec![u64::MAX - 1, 1]));
        assert_eq!(
            one(std::slice::from_ref(&unsigned), Sum).unwrap().as_ref(),
            &UInt64Array::from(vec![u64::MAX]) as &dyn Array
        );
        assert_eq!(one(&[unsigned.clone(), unsigned], Sum).unwrap_err().kind, Kind::Range);
    }

    #[test]
    fn decimals_are_summed_exactly() {
        let most = i256::from_string(&"9".repeat(76)).unwrap();
        let of = |values: Vec<i256>| -> ArrayRef {
            Arc::new(Decimal256Array::from(values).with_precision_and_scale(76, 2).unwrap())
        };
        // On the way there it is beyond 256 bits.
        let way = of(vec![most, most, most, -most, -most, -i256::ONE]);
        assert_eq!(one(&[way], Sum).unwrap().as_ref(), of(vec![most - i256::ONE]).as_ref());
        for sign in [most, -most] {
            assert_eq!(one(&[of(vec![sign; 7])], Sum).unwrap_err().kind, Kind::Range);
            assert_eq!(one(&[of(vec![sign; 2])], Sum).unwrap_err().kind, Kind::Range);
        }
        let small: ArrayRef = Arc::new(Decimal32Array::from(vec![150, 250]).with_precision_and_scale(9, 2).unwrap());
        let wanted = Decimal128Array::from(vec![400]).with_precision_and_scale(38, 2).unwrap();
        assert_eq!(one(std::slice::from_ref(&small), Sum).unwrap().as_ref(), &wanted as &dyn Array);
        assert_eq!(one(&[small], Mean).unwrap().as_ref(), &Float64Array::from(vec![2.0]) as &dyn Array);
    }

    #[test]
    fn floats_are_summed_in_order_and_nan_is_the_largest() {
        let column: ArrayRef = Arc::new(Float64Array::from(vec![1e16, 1.0, -1e16]));
        assert_eq!(one(&[column], Sum).unwrap().as_ref(), &Float64Array::from(vec![0.0]) as &dyn Array);
        let column: ArrayRef = Arc::new(Float32Array::from(vec![Some(-f32::NAN), Some(2.0), None, Some(-1.0)]));
        let value = |function| {
            let array = one(std::slice::from_ref(&column), function).unwrap();
            assert_eq!(array.data_type(), &DataType::Float32);
            cast(&array, &DataType::Float64).unwrap().as_any().downcast_ref::<Float64Array>().unwrap().value(0)
        };
        assert_eq!(value(Min), -1.0);
        assert!(value(Max).is_nan());
        let nothing: ArrayRef = Arc::new(Float64Array::from(vec![f64::NAN; 2]));
        assert!(one(&[nothing], Min).unwrap().as_any().downcast_ref::<Float64Array>().unwrap().value(0).is_nan());
    }

    #[test]
    fn dictionaries_are_their_values() {
        let keys = Int8Array::from(vec![Some(1), None, Some(3), Some(1)]);
        let values: ArrayRef = Arc::new(Int64Array::from(vec![Some(-100), Some(5), Some(100), None]));
        let column: ArrayRef = Arc::new(DictionaryArray::<Int8Type>::try_new(keys, values).unwrap());
        let number = |function| {
            let array = cast(&one(std::slice::from_ref(&column), function).unwrap(), &DataType::Int64).unwrap();
            array.as_any().downcast_ref::<Int64Array>().unwrap().value(0)
        };
        assert_eq!([number(Sum), number(Min), number(Max), number(Count), number(NullCount)], [10, 5, 5, 2, 2]);
    }

    #[test]
    fn nothing_is_null() {
        for column in [Arc::new(Int64Array::from(vec![None, None])) as ArrayRef, Arc::new(StringArray::new_null(0))] {
            for function in [Min, Max] {
                let wanted = new_null_array(column.data_type(), 1);
                assert_eq!(one(std::slice::from_ref(&column), function).unwrap().as_ref(), wanted.as_ref());
            }
        }
        let column: ArrayRef = Arc::new(Int8Array::new_null(2));
        assert_eq!(
            one(std::slice::from_ref(&column), Sum).unwrap().as_ref(),
            new_null_array(&DataType::Int64, 1).as_ref()
        );
        assert_eq!(one(&[column], Mean).unwrap().as_ref(), new_null_array(&DataType::Float64, 1).as_ref());
    }

    #[test]
    fn what_makes_no_sense_is_refused() {
        let batch = [samples::scalars()];
        let refused = |function, column: &str| {
            let error = aggregated(&batch, &[asked(function, column)]).unwrap_err();
            (error.kind, error.message)
        };
        assert_eq!(refused(Sum, "").0, Kind::Argument);
        assert_eq!(refused(Count, "nowhere").0, Kind::Argument);
        for column in ["text", "boolean", "utc", "duration_s"] {
            let (kind, message) = refused(Sum, column);
            assert!(kind == Kind::Unsupported && message.contains(&format!("column \"{column}\" is ")), "{message}");
        }
        let interval: ArrayRef = Arc::new(IntervalYearMonthArray::from(vec![1]));
        assert_eq!(one(std::slice::from_ref(&interval), Max).unwrap_err().kind, Kind::Unsupported);
        assert_eq!(one(&[interval], Count).unwrap().as_ref(), &UInt64Array::from(vec![1]) as &dyn Array);
    }
}
