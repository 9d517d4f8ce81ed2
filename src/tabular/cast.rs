//! From the columns of a blob to those that were asked for: chosen, put in order, and brought to the types of a schema.
//!
//! Columns and the fields of structs are matched by their names. A value that cannot be had exactly in the new type is
//! an error, with three exceptions, where rounding is what the type is for: to floats from wider floats and from
//! decimals, and from floats to decimals.

use super::decode::{column, needed, quoted, wrong};
use super::format::DecodeOptions;
use super::predicate::Filter;
use crate::error::{Error, Kind, Result};
use arrow_array::cast::AsArray;
use arrow_array::types::{Float16Type, Float32Type, Float64Type};
use arrow_array::{
    Array, ArrayRef, BooleanArray, GenericListArray, OffsetSizeTrait, RecordBatch, RecordBatchOptions, StructArray,
    new_null_array,
};
use arrow_buffer::OffsetBuffer;
use arrow_cast::display::array_value_to_string;
use arrow_cast::{CastOptions, can_cast_types, cast_with_options};
use arrow_schema::{DataType, Field, FieldRef, Fields, Schema, SchemaRef};
use std::sync::Arc;

/// What becomes of the batches of one blob.
#[derive(Debug)]
pub(crate) struct Shape {
    /// Of the batches that are given.
    schema: SchemaRef,
    /// For each column of `schema`, where it stands in the decoder's batches; none = nowhere, so it is null.
    sources: Vec<Option<usize>>,
    /// The columns of the blob that the decoder gives.
    places: Vec<usize>,
    filter: Option<Filter>,
}

impl Shape {
    /// The shape of a blob in which these columns were found.
    pub(crate) fn new(options: &DecodeOptions, found: &Schema) -> Result<Shape> {
        let places = needed(options, found)?;
        let given = options.schema.as_deref();
        let filter = options.predicate.as_ref().map(|predicate| Filter::new(predicate, found, given)).transpose()?;
        let schema = match (&options.schema, &options.columns) {
            (Some(given), None) => given.clone(),
            (given, Some(columns)) => chosen(given.as_deref().unwrap_or(found), columns)?,
            (None, None) => Arc::new(found.clone()),
        };
        let is_all = options.schema.is_none() && options.columns.is_none();
        let mut sources = Vec::with_capacity(schema.fields().len());
        for (index, field) in schema.fields().iter().enumerate() {
            let place = if is_all { Some(index) } else { column(field.name(), found, given)? };
            check(field, place.map(|place| found.field(place)))?;
            sources.push(place.and_then(|place| places.binary_search(&place).ok()));
        }
        Ok(Shape { schema, sources, places, filter })
    }

    /// The same, as the blobs before have it.
    pub(crate) fn like(mut self, schema: &SchemaRef) -> Result<Shape> {
        let own = self.schema.fields();
        let mut sources = Vec::with_capacity(self.sources.len());
        for (index, field) in schema.fields().iter().enumerate() {
            let is_same = |own: &FieldRef| own.name() == field.name();
            let place = if own.get(index).is_some_and(is_same) { Some(index) } else { own.iter().position(is_same) };
            let Some(place) = place else {
                let message = format!("it lacks column {}, which the blobs before have", quoted(field.name()));
                return Err(Error::argument(message));
            };
            let (is, was) = (own[place].data_type(), field.data_type());
            if !is.equals_datatype(was) {
                let message = format!("column {} is {is}, and {was} in the blobs before", quoted(field.name()));
                return Err(Error::argument(format!("{message}; name a schema to read both as")));
            }
            sources.push(self.sources[place]);
        }
        if let Some(more) = own.iter().find(|own| schema.fields().iter().all(|field| field.name() != own.name())) {
            let message = format!("it has column {}, which the blobs before lack", quoted(more.name()));
            return Err(Error::argument(message));
        }
        if own.len() != schema.fields().len() {
            return Err(Error::argument(format!(
                "it has {} columns, and the blobs before {}",
                own.len(),
                sources.len()
            )));
        }
        self.schema = schema.clone();
        self.sources = sources;
        Ok(self)
    }

    /// Of the batches that are given.
    pub(crate) fn schema(&self) -> &SchemaRef {
        &self.schema
    }

    /// What is wanted of a batch of the decoder.
    pub(crate) fn apply(&self, batch: RecordBatch, is_filtered: bool) -> Result<RecordBatch> {
        if batch.num_columns() != self.places.len() {
            return Err(Error::panic(&"a decoder gave other columns than it was asked for"));
        }
        let batch = match &self.filter {
            Some(filter) if !is_filtered => filter.filter(batch, |column| self.places.binary_search(&column).ok())?,
            _ => batch,
        };
        let rows = batch.num_rows();
        let mut columns = Vec::with_capacity(self.sources.len());
        for (field, source) in self.schema.fields().iter().zip(&self.sources) {
            columns.push(match source {
                Some(place) => fit(batch.column(*place), field, field.name())?,
                None => new_null_array(field.data_type(), rows),
            });
        }
        let options = RecordBatchOptions::new().with_row_count(Some(rows));
        RecordBatch::try_new_with_options(self.schema.clone(), columns, &options).map_err(wrong)
    }
}

fn chosen(schema: &Schema, columns: &[String]) -> Result<SchemaRef> {
    let mut fields = Vec::with_capacity(columns.len());
    for name in columns {
        fields.extend(column(name, schema, None)?.map(|place| schema.fields()[place].clone()));
    }
    Ok(Arc::new(Schema::new_with_metadata(fields, schema.metadata().clone())))
}

/// Refuses what can never be cast.
fn check(field: &Field, found: Option<&Field>) -> Result<()> {
    match found {
        Some(found) if is_castable(found.data_type(), field.data_type()) => Ok(()),
        Some(found) => Err(Error::argument(format!(
            "column {} is {}, which cannot become {}",
            quoted(field.name()),
            found.data_type(),
            field.data_type()
        ))),
        None if field.is_nullable() => Ok(()),
        None => Err(Error::argument(format!(
            "there is no column {}, and the schema does not allow it to be null",
            quoted(field.name())
        ))),
    }
}

fn is_castable(from: &DataType, to: &DataType) -> bool {
    match (from, to) {
        _ if from == to => true,
        (DataType::Struct(from), DataType::Struct(to)) => to.iter().all(|to| match named(from, to.name()) {
            Some(place) => is_castable(from[place].data_type(), to.data_type()),
            None => to.is_nullable(),
        }),
        (DataType::List(from), DataType::List(to)) | (DataType::LargeList(from), DataType::LargeList(to)) => {
            is_castable(from.data_type(), to.data_type())
        }
        _ => can_cast_types(from, to),
    }
}

fn named(fields: &Fields, name: &str) -> Option<usize> {
    fields.iter().position(|field| field.name() == name)
}

/// A column as its field says.
fn fit(array: &ArrayRef, field: &Field, name: &str) -> Result<ArrayRef> {
    let array = cast(array, field.data_type(), name)?;
    if !field.is_nullable() && array.null_count() > 0 {
        let message = format!("column {} has a null, and its schema does not allow it", quoted(name));
        return Err(Error::new(Kind::Integrity, message));
    }
    Ok(array)
}

fn cast(array: &ArrayRef, to: &DataType, name: &str) -> Result<ArrayRef> {
    match (array.data_type(), to) {
        (from, to) if from == to => Ok(array.clone()),
        (DataType::Struct(_), DataType::Struct(fields)) => cast_struct(array.as_struct(), fields, name),
        (DataType::List(_), DataType::List(item)) => cast_list(array.as_list::<i32>(), item, name),
        (DataType::LargeList(_), DataType::LargeList(item)) => cast_list(array.as_list::<i64>(), item, name),
        _ => cast_plain(array, to, name),
    }
}

fn cast_struct(array: &StructArray, fields: &Fields, name: &str) -> Result<ArrayRef> {
    let mut columns = Vec::with_capacity(fields.len());
    // What stands where the struct is null may be anything.
    let nulls = array.nulls().map(|nulls| BooleanArray::new(!nulls.inner(), None));
    for field in fields {
        columns.push(match named(array.fields(), field.name()) {
            Some(place) => {
                let column = match &nulls {
                    Some(nulls) => arrow_select::nullif::nullif(array.column(place), nulls).map_err(wrong)?,
                    None => array.column(place).clone(),
                };
                cast(&column, field.data_type(), name)?
            }
            None => new_null_array(field.data_type(), array.len()),
        });
    }
    let nulls = array.nulls().cloned();
    let array = StructArray::try_new_with_length(fields.clone(), columns, nulls, array.len());
    Ok(Arc::new(array.map_err(|error| wrong(error).asked(format!("column {}", quoted(name))))?))
}

fn cast_list<O: OffsetSizeTrait>(array: &GenericListArray<O>, item: &FieldRef, name: &str) -> Result<ArrayRef> {
    let offsets = array.value_offsets();
    let (first, last) = (offsets[0], offsets[array.len()]);
    let values = array.values().slice(first.as_usize(), (last - first).as_usize());
    let values = fit(&values, item, name)?;
    let offsets = OffsetBuffer::new(offsets.iter().map(|offset| *offset - first).collect());
    let array = GenericListArray::try_new(item.clone(), offsets, values, array.nulls().cloned());
    Ok(Arc::new(array.map_err(wrong)?))
}

const UNCHECKED: CastOptions<'static> =
    CastOptions { safe: true, format_options: arrow_cast::display::FormatOptions::new() };

/// Casts what is not nested in a way that this file knows.
fn cast_plain(array: &ArrayRef, to: &DataType, name: &str) -> Result<ArrayRef> {
    // What does not fit comes out as null.
    let cast = cast_with_options(array, to, &UNCHECKED).map_err(|error| cannot(array, to, name, error))?;
    if to.is_nested() {
        // Within, only the crate can tell.
        let checked = CastOptions { safe: false, ..UNCHECKED };
        return cast_with_options(array, to, &checked).map_err(|error| cannot(array, to, name, error));
    }
    let is_lost = |row| array.is_valid(row) && cast.is_null(row);
    if cast.logical_null_count() > array.logical_null_count()
        && let Some(row) = (0..array.len()).find(|&row| is_lost(row))
    {
        return Err(misfit(array, row, to, name));
    }
    match inexact(array, &cast)? {
        Some(row) => Err(misfit(array, row, to, name)),
        None => Ok(cast),
    }
}

/// The first value that is another one after the cast.
fn inexact(array: &ArrayRef, cast: &ArrayRef) -> Result<Option<usize>> {
    use DataType::*;
    let (from, to) = (array.data_type(), cast.data_type());
    if from.is_floating() && to.is_integer() {
        return Ok(fractional(array));
    }
    if matches!((from, to), (Float64, Float32 | Float16) | (Float32, Float16)) {
        return Ok(first(array, |row| {
            let is_finite = |array: &ArrayRef| float(array, row).is_finite();
            is_finite(array) && !is_finite(cast)
        }));
    }
    let is_lossy = match (from, to) {
        (from, to) if from.is_integer() => to.is_floating() || to.is_decimal(),
        (from, to) if from.is_decimal() => to.is_integer() || to.is_decimal(),
        (Timestamp(..), Timestamp(..) | Date32 | Date64) | (Date64, Date32 | Timestamp(..)) => true,
        (Time32(_) | Time64(_), Time32(_) | Time64(_)) | (Duration(_), Duration(_)) => true,
        _ => false,
    };
    if !is_lossy || !can_cast_types(to, from) {
        return Ok(None);
    }
    let back = cast_with_options(cast, from, &UNCHECKED).map_err(wrong)?;
    let same = arrow_ord::cmp::not_distinct(&back, array).map_err(wrong)?;
    Ok((0..same.len()).find(|&row| !same.value(row)))
}

fn fractional(array: &ArrayRef) -> Option<usize> {
    first(array, |row| float(array, row).trunc() != float(array, row))
}

fn first(array: &ArrayRef, test: impl Fn(usize) -> bool) -> Option<usize> {
    (0..array.len()).find(|&row| array.is_valid(row) && test(row))
}

/// A value of an array of floats.
fn float(array: &ArrayRef, row: usize) -> f64 {
    match array.data_type() {
        DataType::Float16 => array.as_primitive::<Float16Type>().value(row).to_f64(),
        DataType::Float32 => array.as_primitive::<Float32Type>().value(row).into(),
        _ => array.as_primitive::<Float64Type>().value(row),
    }
}

fn misfit(array: &ArrayRef, row: usize, to: &DataType, name: &str) -> Error {
    let value = array_value_to_string(array, row).unwrap_or_else(|_| array.data_type().to_string());
    let message = format!("column {}: {} does not fit {to}", quoted(name), quoted(&value));
    Error::new(Kind::Integrity, message)
}

fn cannot(array: &ArrayRef, to: &DataType, name: &str, error: arrow_schema::ArrowError) -> Error {
    wrong(error).asked(format!("column {}, from {} to {to}", quoted(name), array.data_type()))
}

#[cfg(all(test, not(model)))]
mod tests {
    use super::super::format::Format;
    use super::*;
    use arrow_array::*;
    use arrow_schema::TimeUnit;

    /// Casts one column.
    fn casted(array: impl Array + 'static, to: DataType) -> Result<ArrayRef> {
        let found = Schema::new(vec![Field::new("x", array.data_type().clone(), true)]);
        let given = Arc::new(Schema::new(vec![Field::new("x", to, true)]));
        let options = DecodeOptions { schema: Some(given), ..DecodeOptions::new(Format::Auto) };
        let batch = RecordBatch::try_new(Arc::new(found.clone()), vec![Arc::new(array)]).unwrap();
        Ok(Shape::new(&options, &found)?.apply(batch, false)?.column(0).clone())
    }

    fn refused(array: impl Array + 'static, to: DataType, value: &str) {
        let error = casted(array, to).unwrap_err();
        assert_eq!(error.kind, Kind::Integrity, "{}", error.message);
        assert!(error.message.contains("column \"x\"") && error.message.contains(value), "{}", error.message);
    }

    #[test]
    fn what_fits_is_cast() {
        let wide = casted(Int8Array::from(vec![Some(-1), None]), DataType::Int64).unwrap();
        assert_eq!(wide.as_ref(), &Int64Array::from(vec![Some(-1), None]) as &dyn Array);
        let narrow = casted(Int64Array::from(vec![127]), DataType::Int8).unwrap();
        assert_eq!(narrow.as_ref(), &Int8Array::from(vec![127]) as &dyn Array);
        let whole = casted(Float64Array::from(vec![-0.0, 3.0]), DataType::Int32).unwrap();
        assert_eq!(whole.as_ref(), &Int32Array::from(vec![0, 3]) as &dyn Array);
        let parsed = casted(StringArray::from(vec!["17"]), DataType::UInt8).unwrap();
        assert_eq!(parsed.as_ref(), &UInt8Array::from(vec![17]) as &dyn Array);
        let plain = DictionaryArray::<types::Int8Type>::from_iter([Some("a"), None]);
        let plain = casted(plain, DataType::Utf8).unwrap();
        assert_eq!(plain.as_ref(), &StringArray::from(vec![Some("a"), None]) as &dyn Array);
        let seconds = casted(TimestampMillisecondArray::from(vec![-2000]), DataType::Timestamp(TimeUnit::Second, None));
        assert_eq!(seconds.unwrap().as_ref(), &TimestampSecondArray::from(vec![-2]) as &dyn Array);
    }

    #[test]
    fn what_does_not_fit_is_named() {
        refused(Int64Array::from(vec![1, 300]), DataType::Int8, "\"300\"");
        refused(StringArray::from(vec![Some("1"), None, Some("12x")]), DataType::Int64, "\"12x\"");
        refused(Float64Array::from(vec![1.5]), DataType::Int64, "\"1.5\"");
        refused(Float64Array::from(vec![f64::NAN]), DataType::Int64, "\"NaN\"");
        refused(Float64Array::from(vec![1e300]), DataType::Float32, "\"1e300\"");
        refused(Int64Array::from(vec![9_007_199_254_740_993]), DataType::Float64, "\"9007199254740993\"");
        refused(Int64Array::from(vec![i64::MAX]), DataType::Float64, "\"9223372036854775807\"");
        refused(TimestampNanosecondArray::from(vec![1]), DataType::Timestamp(TimeUnit::Second, None), "000000001");
        refused(TimestampSecondArray::from(vec![60]), DataType::Date32, "00:01:00");
        let decimal = Decimal128Array::from(vec![125]).with_precision_and_scale(5, 2).unwrap();
        refused(decimal, DataType::Decimal128(5, 1), "\"1.25\"");
        refused(BinaryArray::from(vec![&b"\xff"[..]]), DataType::Utf8, "");
        refused(StringArray::from(vec!["ä".repeat(100)]), DataType::Int64, "ä\"… does not fit");
    }

    #[test]
    fn what_is_nested_is_cast_by_name() {
        let inner = |names: [&str; 2], types: [DataType; 2]| -> Fields {
            names.iter().zip(types).map(|(name, data_type)| Field::new(*name, data_type, true)).collect()
        };
        let fields = inner(["a", "b"], [DataType::Utf8, DataType::Int32]);
        // What is under a null is not looked at.
        let nulls = arrow_buffer::NullBuffer::from(vec![true, false]);
        let columns: Vec<ArrayRef> =
            vec![Arc::new(StringArray::from(vec!["7", ""])), Arc::new(Int32Array::from(vec![1, 2]))];
        let array = StructArray::new(fields, columns, Some(nulls));
        let turned = inner(["c", "a"], [DataType::Utf8, DataType::Int64]);
        let cast = casted(array.clone(), DataType::Struct(turned)).unwrap();
        let cast = cast.as_struct();
        assert!(cast.is_null(1) && cast.column(0).is_null(0));
        assert_eq!(cast.column(1).as_primitive::<types::Int64Type>().value(0), 7);
        let error =
            casted(array, DataType::Struct(inner(["a", "b"], [DataType::Utf8, DataType::Struct(Fields::empty())])));
        assert_eq!(error.unwrap_err().kind, Kind::Argument);

        let list = ListArray::from_iter_primitive::<types::Int64Type, _, _>([
            Some(vec![Some(1000)]),
            Some(vec![Some(1), None]),
            None,
        ]);
        let item = DataType::new_list(DataType::Int8, true);
        let cast = casted(list.slice(1, 2), item.clone()).unwrap();
        assert_eq!(cast.as_list::<i32>().value(0).as_primitive::<types::Int8Type>().value(0), 1);
        refused(list, item, "\"1000\"");
    }

    #[test]
    fn columns_are_chosen_by_name() {
        let found = Schema::new(vec![Field::new("a", DataType::Int8, false), Field::new("b", DataType::Utf8, true)]);
        let batch = RecordBatch::try_new(
            Arc::new(found.clone()),
            vec![Arc::new(Int8Array::from(vec![1, 2])), Arc::new(StringArray::from(vec!["x", "y"]))],
        );
        let batch = batch.unwrap();
        let columns = |names: &[&str]| Some(names.iter().map(|name| name.to_string()).collect::<Vec<_>>());
        let shape =
            Shape::new(&DecodeOptions { columns: columns(&["b", "a"]), ..DecodeOptions::new(Format::Auto) }, &found)
                .unwrap();
        assert_eq!(shape.apply(batch.clone(), false).unwrap(), batch.project(&[1, 0]).unwrap());
        let none =
            Shape::new(&DecodeOptions { columns: columns(&[]), ..DecodeOptions::new(Format::Auto) }, &found).unwrap();
        assert_eq!(none.apply(batch.project(&[]).unwrap(), false).unwrap().num_rows(), 2);
        let error = Shape::new(&DecodeOptions { columns: columns(&["c"]), ..DecodeOptions::new(Format::Auto) }, &found)
            .unwrap_err();
        assert_eq!(
            (error.kind, error.message.as_str()),
            (Kind::Argument, "there is no column \"c\"; there are: \"a\", \"b\"")
        );
    }

    #[test]
    fn what_a_blob_lacks_is_null_if_it_may_be() {
        let found = Schema::new(vec![Field::new("a", DataType::Int8, true)]);
        let asked = |is_nullable| {
            let more = Field::new("more", DataType::Utf8, is_nullable);
            DecodeOptions { schema: Some(Arc::new(Schema::new(vec![more]))), ..DecodeOptions::new(Format::Auto) }
        };
        let batch = RecordBatch::try_new(Arc::new(found.clone()), vec![Arc::new(Int8Array::from(vec![1]))]).unwrap();
        let shape = Shape::new(&asked(true), &found).unwrap();
        assert!(shape.apply(batch.project(&[]).unwrap(), false).unwrap().column(0).is_null(0));
        assert_eq!(Shape::new(&asked(false), &found).unwrap_err().kind, Kind::Argument);
        let required = Schema::new(vec![Field::new("a", DataType::Int8, false)]);
        let shape =
            Shape::new(&DecodeOptions { schema: Some(Arc::new(required)), ..DecodeOptions::new(Format::Auto) }, &found)
                .unwrap();
        assert!(shape.apply(batch.clone(), false).is_ok());
        let null = RecordBatch::try_new(Arc::new(found), vec![Arc::new(Int8Array::from(vec![None]))]).unwrap();
        assert_eq!(shape.apply(null, false).unwrap_err().kind, Kind::Integrity);
    }

    #[test]
    fn blobs_of_one_table_have_one_schema() {
        let schema = |fields: &[(&str, DataType)]| {
            Schema::new(fields.iter().map(|(name, t)| Field::new(*name, t.clone(), true)).collect::<Vec<_>>())
        };
        let first = Arc::new(schema(&[("a", DataType::Int8), ("b", DataType::Utf8)]));
        let like = |fields: &[(&str, DataType)]| {
            Shape::new(&DecodeOptions::new(Format::Auto), &schema(fields)).unwrap().like(&first)
        };
        let turned = like(&[("b", DataType::Utf8), ("a", DataType::Int8)]).unwrap();
        assert_eq!(turned.sources, [Some(1), Some(0)]);
        for (fields, told) in [
            (vec![("a", DataType::Int8)], "lacks column \"b\""),
            (vec![("a", DataType::Int16), ("b", DataType::Utf8)], "column \"a\" is Int16, and Int8"),
            (vec![("a", DataType::Int8), ("b", DataType::Utf8), ("c", DataType::Utf8)], "has column \"c\""),
        ] {
            let error = like(&fields).unwrap_err();
            assert!(error.kind == Kind::Argument && error.message.contains(told), "{}", error.message);
        }
    }
}
