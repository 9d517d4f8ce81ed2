//! CSV out of batches. What is written is what the reader of this folder reads back, with the same dialect and types.
//!
//! A null is an unquoted empty field, or the first of the null texts; an empty text is `""`. So a row whose only
//! column is null is an empty line. The reader takes it for that row: it passes over empty lines only where there are
//! several columns, as there no row looks so. (Many other programs lose it; a null text helps.)

use super::dialect::Dialect;
use crate::error::{Error, Kind, Result};
use crate::service::Shared;
use crate::tabular::decode::quoted;
use crate::tabular::encode::Encode;
use crate::tabular::format::{CsvOptions, EncodeOptions, Quoting};
use crate::tabular::scalar::{Scalar, Scalars, Shape, shape};
use crate::tabular::text::{self, Lines, TextEncoder};
use arrow_array::RecordBatch;
use arrow_schema::{Schema, SchemaRef};
use encoding_rs::{Encoding, UTF_8};
use std::sync::Arc;

/// Writes batches of a schema as CSV.
pub(crate) fn encoder(service: &Arc<Shared>, schema: &SchemaRef, options: EncodeOptions) -> Result<Box<dyn Encode>> {
    let csv = &options.csv;
    check(schema, csv)?;
    let records = Records::new(csv)?;
    let header = if csv.has_header { records.header(schema)? } else { Vec::new() };
    Ok(Box::new(TextEncoder::new(service, records, header)))
}

fn check(schema: &Schema, options: &CsvOptions) -> Result<()> {
    if let Some(label) = &options.encoding
        && Encoding::for_label(label.as_bytes()) != Some(UTF_8)
    {
        return Err(Error::new(
            Kind::Unsupported,
            format!("CSV is written as UTF-8 alone, and {label:?} was asked for"),
        ));
    }
    if schema.fields().is_empty() {
        return Err(Error::new(Kind::Unsupported, "CSV does not hold a table without columns"));
    }
    for field in schema.fields() {
        let instead = match shape(field.data_type()) {
            Some(Shape::Binary) => "; cast it to text first",
            Some(_) => continue,
            None => "",
        };
        return Err(text::not_held(field, "CSV", instead));
    }
    Ok(())
}

/// Bytes of values that are no texts.
const PLAIN: &[u8] = b"0123456789+-.:TZaefilnrstuN";

/// The dialect, as the writing of a field needs it.
struct Records {
    dialect: Dialect,
    quoting: Quoting,
    end: &'static [u8],
    /// What stands for null.
    null: Vec<u8>,
    /// Texts that stand for null where they are not quoted, besides the empty one.
    null_texts: Vec<Vec<u8>>,
    /// Bytes that make quotes necessary wherever they are.
    special: [bool; 256],
    /// Values that are no texts need no quotes.
    is_plain: bool,
}

impl Records {
    fn new(options: &CsvOptions) -> Result<Records> {
        let dialect = Dialect::new(options)?;
        let mut special = [false; 256];
        // To other readers the escape has its meaning outside of quotes, too.
        let bytes = [Some(dialect.delimiter), dialect.quote, dialect.escape, Some(b'\r'), Some(b'\n')];
        bytes.into_iter().flatten().for_each(|byte| special[usize::from(byte)] = true);
        let null_texts: Vec<_> = options.null_texts.iter().map(|text| text.clone().into_bytes()).collect();
        let is_plain = null_texts.is_empty()
            && !PLAIN.iter().any(|byte| special[usize::from(*byte)] || dialect.comment == Some(*byte));
        let mut records = Records {
            dialect,
            quoting: options.quoting,
            end: if options.is_crlf { b"\r\n" } else { b"\n" },
            null: Vec::new(),
            null_texts: Vec::new(),
            special,
            is_plain,
        };
        // Before the null texts are known, as it would be one of those that need quotes.
        if let Some(first) = null_texts.first().filter(|first| !records.needs_quotes(first, true)) {
            records.null.clone_from(first);
        }
        records.null_texts = null_texts;
        Ok(records)
    }

    fn header(&self, schema: &Schema) -> Result<Vec<u8>> {
        let mut text = Vec::new();
        for (index, field) in schema.fields().iter().enumerate() {
            self.begin(index, &mut text);
            let name = field.name().as_bytes();
            let is_quoted = self.quoting != Quoting::Needed || self.needs_quotes(name, index == 0);
            self.write_field(name, is_quoted, &mut text)
                .map_err(|_| unquoted(&format!("the name of column {}", quoted(field.name()))))?;
        }
        text.extend_from_slice(self.end);
        Ok(text)
    }

    fn begin(&self, index: usize, text: &mut Vec<u8>) {
        if index > 0 {
            text.push(self.dialect.delimiter);
        }
    }

    /// Whether a field would be read as something else without quotes.
    fn needs_quotes(&self, field: &[u8], is_first: bool) -> bool {
        field.is_empty()
            || field.iter().any(|byte| self.special[usize::from(*byte)])
            || self.null_texts.iter().any(|text| text == field)
            // At the begin of a line it is a comment; at the begin of the blob the mark of UTF-8 is no part of it.
            || is_first && (self.dialect.comment == field.first().copied() || field.starts_with("\u{feff}".as_bytes()))
    }

    fn write_field(&self, field: &[u8], is_quoted: bool, text: &mut Vec<u8>) -> Result<(), Unquoted> {
        if !is_quoted {
            text.extend_from_slice(field);
            return Ok(());
        }
        let Some(quote) = self.dialect.quote else { return Err(Unquoted) };
        text.push(quote);
        match self.dialect.escape {
            None => {
                let mut parts = field.split(|byte| *byte == quote);
                text.extend_from_slice(parts.next().unwrap_or_default());
                for part in parts {
                    text.extend_from_slice(&[quote, quote]);
                    text.extend_from_slice(part);
                }
            }
            Some(escape) => {
                for byte in field {
                    if *byte == quote || *byte == escape {
                        text.push(escape);
                    }
                    text.push(*byte);
                }
            }
        }
        text.push(quote);
        Ok(())
    }

    /// Appends a value that is not null; `scratch` is for one that is no text.
    fn write_value(&self, value: &Scalar<'_, '_>, is_first: bool, to: &mut Buffers<'_>) -> Result<(), Fault> {
        let is_text = value.shape() == Shape::Text;
        let is_quoted = self.quoting == Quoting::All || is_text && self.quoting == Quoting::Texts;
        if is_text {
            let field = value.bytes();
            let is_quoted = is_quoted || self.needs_quotes(field, is_first);
            return self.write_field(field, is_quoted, to.text).map_err(|_| Fault::Unquoted);
        }
        if self.is_plain && !is_quoted {
            return value.write(to.text).map_err(|fault| Fault::NoText(fault.0));
        }
        to.scratch.clear();
        value.write(to.scratch).map_err(|fault| Fault::NoText(fault.0))?;
        let is_quoted = is_quoted || self.needs_quotes(to.scratch, is_first);
        self.write_field(to.scratch, is_quoted, to.text).map_err(|_| Fault::Unquoted)
    }
}

struct Buffers<'a> {
    text: &'a mut Vec<u8>,
    scratch: &'a mut Vec<u8>,
}

/// A field needs quotes, and the dialect has none.
struct Unquoted;

enum Fault {
    Unquoted,
    NoText(&'static str),
}

fn unquoted(what: &str) -> Error {
    let message = format!("{what} can only be told from others in quotes, and `csv.quote` says that there are none");
    Error::new(Kind::Unsupported, message)
}

impl Lines for Records {
    fn write(&self, rows: &RecordBatch, first: u64, text: &mut Vec<u8>) -> Result<usize> {
        let mut columns = Vec::with_capacity(rows.num_columns());
        for (field, column) in rows.schema_ref().fields().iter().zip(rows.columns()) {
            columns.push(Scalars::new(column.as_ref()).ok_or_else(|| text::not_held(field, "CSV", ""))?);
        }
        let mut scratch = Vec::new();
        for row in 0..rows.num_rows() {
            if text::is_full(text) {
                return Ok(row);
            }
            for (index, column) in columns.iter().enumerate() {
                self.begin(index, text);
                let Some(value) = column.get(row) else {
                    text.extend_from_slice(&self.null);
                    continue;
                };
                let mut buffers = Buffers { text, scratch: &mut scratch };
                self.write_value(&value, index == 0, &mut buffers).map_err(|fault| {
                    let (field, at) = (rows.schema_ref().field(index), first + row as u64);
                    match fault {
                        Fault::NoText(why) => text::value_not_held(field.name(), field.data_type(), at, why),
                        Fault::Unquoted => {
                            unquoted(&format!("column {}, row {}: the value", quoted(field.name()), at + 1))
                        }
                    }
                })?;
            }
            text.extend_from_slice(self.end);
        }
        Ok(rows.num_rows())
    }
}

#[cfg(all(test, not(model)))]
mod tests {
    use super::*;
    use crate::tabular::samples;
    use arrow_array::types::Int8Type;
    use arrow_array::*;

    fn written(options: &CsvOptions, batch: &RecordBatch) -> Result<String> {
        check(batch.schema_ref(), options)?;
        let records = Records::new(options)?;
        let mut text = if options.has_header { records.header(batch.schema_ref())? } else { Vec::new() };
        assert_eq!(records.write(batch, 0, &mut text)?, batch.num_rows());
        Ok(String::from_utf8(text).unwrap())
    }

    fn texts(name: &str, values: Vec<Option<&str>>) -> RecordBatch {
        samples::batch(vec![(name, Arc::new(StringArray::from(values)))])
    }

    #[test]
    fn fields_are_quoted_where_they_need_it() {
        let options = CsvOptions { comment: Some(b'#'), null_texts: vec!["NA".into()], ..CsvOptions::default() };
        let values = ["plain", "", "a,b", "say \"so\"", "a\r", "\nb", "NA", "#1", "1#", " x "];
        let batch = texts("#name", values.into_iter().map(Some).chain([None]).collect());
        let wanted =
            "\"#name\"\nplain\n\"\"\n\"a,b\"\n\"say \"\"so\"\"\"\n\"a\r\"\n\"\nb\"\n\"NA\"\n\"#1\"\n1#\n x \nNA\n";
        assert_eq!(written(&options, &batch).unwrap(), wanted);
        let twice = samples::batch(vec![("a", batch.column(0).clone()), ("b", batch.column(0).clone())]);
        assert!(written(&options, &twice).unwrap().contains("\n\"#1\",#1\n"));
        let mark = texts("\u{feff}a", vec![Some("\u{feff}")]);
        assert_eq!(written(&CsvOptions::default(), &mark).unwrap(), "\"\u{feff}a\"\n\"\u{feff}\"\n");
    }

    #[test]
    fn dialects_are_kept() {
        let options = CsvOptions {
            delimiter: b'-',
            quote: Some(b'\''),
            escape: Some(b'\\'),
            has_header: false,
            is_crlf: true,
            ..CsvOptions::default()
        };
        let numbers: ArrayRef = Arc::new(Int64Array::from(vec![Some(-1), None, Some(2)]));
        let batch = samples::batch(vec![
            ("a", numbers.clone()),
            ("b", Arc::new(StringArray::from(vec![Some("it's"), Some("\\"), Some("\\-")]))),
        ]);
        assert_eq!(written(&options, &batch).unwrap(), "'-1'-'it\\'s'\r\n-'\\\\'\r\n2-'\\\\-'\r\n");
        let all = CsvOptions { quoting: Quoting::All, ..CsvOptions::default() };
        assert_eq!(written(&all, &batch).unwrap(), "\"a\",\"b\"\n\"-1\",\"it's\"\n,\"\\\"\n\"2\",\"\\-\"\n");
        let some = CsvOptions { quoting: Quoting::Texts, has_header: false, ..CsvOptions::default() };
        assert_eq!(written(&some, &batch).unwrap(), "-1,\"it's\"\n,\"\\\"\n2,\"\\-\"\n");
        let nulls = CsvOptions { null_texts: vec!["-1".into()], has_header: false, ..CsvOptions::default() };
        let alone = samples::batch(vec![("a", numbers)]);
        assert_eq!(written(&nulls, &alone).unwrap(), "\"-1\"\n-1\n2\n");
        // What cannot stand for null without quotes does not.
        let odd = CsvOptions { null_texts: vec!["a,b".into()], has_header: false, ..CsvOptions::default() };
        assert_eq!(written(&odd, &alone).unwrap(), "-1\n\n2\n");
    }

    #[test]
    fn values_are_written_exactly() {
        let batch = samples::scalars();
        for (column, wanted) in [
            ("float32", "1.1754944e-38\n\n3.4028235e38\n-0.0\n"),
            ("float64", "0.1\n\n1.7976931348623157e308\n5e-324\n"),
            ("odd", "inf\n\n-inf\n1e16\n"),
            ("date32", "0000-01-01\n\n9999-12-31\n1970-01-01\n"),
            ("time_ms", "00:00:00.000\n\n23:59:59.999\n00:00:00.001\n"),
            ("ns", "1677-09-21T00:12:43.145224192\n\n2262-04-11T23:47:16.854775807\n1969-12-31T23:59:59.999999999\n"),
            ("utc", "0000-01-01T00:00:00.000Z\n\n9999-12-31T23:59:59.000Z\n1969-12-31T23:59:59.999Z\n"),
            ("summer", "2024-10-27T02:30:00+02:00\n\n2024-10-27T02:30:00+01:00\n1874-12-07T18:40:00Z\n"),
            ("duration_ns", "-1\n\n1\n0\n"),
            ("decimal32", "-999999.999\n\n999999.999\n0.005\n"),
            ("thousands", "-12000\n\n0\n345000\n"),
        ] {
            let alone = samples::batch(vec![(column, batch.column_by_name(column).unwrap().clone())]);
            let options = CsvOptions { has_header: false, ..CsvOptions::default() };
            assert_eq!(written(&options, &alone).unwrap(), wanted, "{column}");
        }
    }

    #[test]
    fn dictionaries_and_runs_are_their_values() {
        let keys = Int8Array::from(vec![Some(1), None, Some(0), Some(2)]);
        let values = Arc::new(StringArray::from(vec![Some("a"), Some("b"), None]));
        let runs = RunArray::<types::Int16Type>::try_new(&Int16Array::from(vec![1, 4]), &Int8Array::from(vec![7, 8]));
        let batch = samples::batch(vec![
            ("d", Arc::new(DictionaryArray::<Int8Type>::try_new(keys, values).unwrap())),
            ("r", Arc::new(runs.unwrap())),
        ]);
        assert_eq!(written(&CsvOptions::default(), &batch).unwrap(), "d,r\nb,7\n,8\na,8\n,8\n");
        assert_eq!(written(&CsvOptions::default(), &batch.slice(1, 2)).unwrap(), "d,r\n,8\na,8\n");
        let nothing =
            DictionaryArray::<Int8Type>::new(Int8Array::from(vec![None]), Arc::new(Int64Array::from(vec![0; 0])));
        assert_eq!(written(&CsvOptions::default(), &samples::batch(vec![("d", Arc::new(nothing))])).unwrap(), "d\n\n");
    }

    #[test]
    fn what_has_no_text_is_refused() {
        let refused = |batch: &RecordBatch, options: &CsvOptions, part: &str| {
            let error = written(options, batch).unwrap_err();
            assert_eq!(error.kind, Kind::Unsupported);
            assert!(error.message.contains(part), "{}", error.message);
        };
        let plain = CsvOptions::default();
        let one = |column: ArrayRef| samples::batch(vec![("x", column)]);
        refused(&one(Arc::new(BinaryArray::from(vec![&b"a"[..]]))), &plain, "column \"x\" is Binary");
        refused(&one(Arc::new(IntervalYearMonthArray::from(vec![1]))), &plain, "column \"x\" is Interval");
        refused(&one(Arc::new(Date32Array::from(vec![0, 2_932_897]))), &plain, "row 2");
        refused(&one(Arc::new(TimestampSecondArray::from(vec![i64::MAX]))), &plain, "year");
        refused(&one(Arc::new(Time32SecondArray::from(vec![86_400]))), &plain, "24:00");
        refused(&RecordBatch::new_empty(Arc::new(Schema::empty())), &plain, "without columns");
        let bare = CsvOptions { quote: None, ..CsvOptions::default() };
        refused(&texts("x", vec![Some("a"), Some("")]), &bare, "column \"x\", row 2");
        refused(&texts("a,b", vec![]), &bare, "name of column \"a,b\"");
        assert_eq!(written(&bare, &texts("x", vec![Some("\"a")])).unwrap(), "x\n\"a\n");
        let twice = CsvOptions { comment: Some(b','), ..CsvOptions::default() };
        assert_eq!(written(&twice, &texts("x", vec![])).unwrap_err().kind, Kind::Argument);
        let latin = CsvOptions { encoding: Some("latin1".into()), ..CsvOptions::default() };
        refused(&texts("x", vec![]), &latin, "latin1");
    }

    #[test]
    fn a_piece_ends_after_a_row() {
        let records = Records::new(&CsvOptions::default()).unwrap();
        let long = "x".repeat(400_000);
        let batch = texts("x", vec![Some(&long); 5]);
        let mut text = Vec::new();
        assert_eq!(records.write(&batch, 0, &mut text).unwrap(), 3);
        assert_eq!(text.len(), 3 * 400_001);
    }
}
