//! What the options of a request mean to the writer of Parquet, and what cannot be written at all.

use crate::error::{Error, Kind, Result};
use crate::tabular::format::{Codec, ColumnOptions, EncodeOptions};
use arrow_schema::{DataType, Field, IntervalUnit, Schema, SchemaRef, TimeUnit};
use parquet::arrow::{ARROW_SCHEMA_META_KEY, ArrowSchemaConverter, add_encoded_arrow_schema_to_metadata};
use parquet::basic::{BrotliLevel, Compression, GzipLevel, ZstdLevel};
use parquet::file::metadata::KeyValue;
use parquet::file::properties::{EnabledStatistics, WriterProperties, WriterPropertiesBuilder};
use parquet::schema::types::SchemaDescriptor;
use std::sync::Arc;

use super::MOST_DEPTH;
use super::units::{Dates, held_schema};

/// A bloom filter begins with room for so many values, and is folded to what came when its row group ends.
const MOST_BLOOM_VALUES: u64 = 4 << 20;

/// A table as it is written.
pub(super) struct Written {
    pub(super) descriptor: SchemaDescriptor,
    pub(super) properties: WriterProperties,
    /// Its columns, of the types that the file has.
    pub(super) schema: SchemaRef,
}

/// How a table is written.
pub(super) fn properties(schema: &Schema, options: &EncodeOptions) -> Result<Written> {
    if schema.fields().is_empty() {
        return Err(Error::new(Kind::Unsupported, "Parquet holds no table without columns"));
    }
    schema.fields().iter().try_for_each(|field| check(field.name(), field.data_type(), 1))?;
    let held = Arc::new(held_schema(schema, Dates::Days));
    let descriptor = descriptor(&held)?;
    let mut builder = WriterProperties::builder()
        .set_compression(compression(options.codec, options.level)?)
        .set_dictionary_enabled(!options.has_no_dictionary)
        .set_statistics_enabled(statistics(!options.has_no_statistics))
        .set_offset_index_disabled(options.has_no_statistics)
        .set_key_value_metadata(key_values(schema, options));
    for column in &options.columns {
        builder = with_column(builder, column, &descriptor, options.row_group_rows)?;
    }
    let mut properties = builder.build();
    // What a reader makes of the file: the crate makes dates of 64 bits of days again, but no seconds.
    add_encoded_arrow_schema_to_metadata(&held_schema(schema, Dates::Kept), &mut properties);
    Ok(Written { descriptor, properties, schema: held })
}

/// The pairs of the request, and those of the schema that they do not replace: other readers look for both here.
fn key_values(schema: &Schema, options: &EncodeOptions) -> Option<Vec<KeyValue>> {
    let pair = |key: &String, value: &String| KeyValue { key: key.clone(), value: Some(value.clone()) };
    let mut pairs: Vec<_> = options.pairs.iter().map(|(key, value)| pair(key, value)).collect();
    let is_new = |key: &str| key != ARROW_SCHEMA_META_KEY && options.pairs.iter().all(|(other, _)| other != key);
    let mut own: Vec<_> = schema.metadata().iter().filter(|(key, _)| is_new(key)).collect();
    own.sort_unstable();
    pairs.extend(own.into_iter().map(|(key, value)| pair(key, value)));
    (!pairs.is_empty()).then_some(pairs)
}

fn statistics(is_wanted: bool) -> EnabledStatistics {
    if is_wanted { EnabledStatistics::Page } else { EnabledStatistics::None }
}

/// What a column's options say holds for all leaves at or below its path.
fn with_column(
    mut builder: WriterPropertiesBuilder,
    column: &ColumnOptions,
    descriptor: &SchemaDescriptor,
    row_group_rows: u64,
) -> Result<WriterPropertiesBuilder> {
    let mut is_known = false;
    for leaf in descriptor.columns() {
        let path = leaf.path().string();
        let rest = path.strip_prefix(&column.path);
        if !rest.is_some_and(|rest| rest.is_empty() || rest.starts_with('.')) {
            continue;
        }
        is_known = true;
        if let Some(codec) = column.codec {
            builder = builder.set_column_compression(leaf.path().clone(), compression(codec, column.level)?);
        }
        if column.has_bloom_filter {
            let most = row_group_rows.min(MOST_BLOOM_VALUES);
            builder = builder.set_column_bloom_filter_max_ndv(leaf.path().clone(), most);
        }
        if column.has_no_dictionary {
            builder = builder.set_column_dictionary_enabled(leaf.path().clone(), false);
        }
        if column.has_no_statistics {
            builder = builder.set_column_statistics_enabled(leaf.path().clone(), EnabledStatistics::None);
        }
    }
    if is_known {
        return Ok(builder);
    }
    Err(Error::argument(format!("column options name {:?}, which is no column of the table", column.path)))
}

fn compression(codec: Codec, level: i32) -> Result<Compression> {
    let (name, levels) = match codec {
        Codec::None => ("none", 0..=0),
        Codec::Snappy => ("snappy", 0..=0),
        Codec::Lz4 => ("lz4", 0..=0),
        Codec::Gzip => ("gzip", 1..=9),
        Codec::Brotli => ("brotli", 1..=11),
        Codec::Zstd => ("zstd", -7..=22),
    };
    if level != 0 && !levels.contains(&level) {
        let message = match levels.end() {
            0 => format!("codec {name} has no levels, and level is {level}; 0 is its default"),
            most => format!("level is {level}; {name} has levels {} to {most}, and 0 is its default", levels.start()),
        };
        return Err(Error::argument(message));
    }
    let wrong = |error| Error::argument(format!("level {level} of {name}: {error}"));
    Ok(match codec {
        Codec::None => Compression::UNCOMPRESSED,
        Codec::Snappy => Compression::SNAPPY,
        Codec::Lz4 => Compression::LZ4_RAW,
        Codec::Gzip if level == 0 => Compression::GZIP(GzipLevel::default()),
        Codec::Gzip => Compression::GZIP(GzipLevel::try_new(level.unsigned_abs()).map_err(wrong)?),
        Codec::Brotli if level == 0 => Compression::BROTLI(BrotliLevel::default()),
        Codec::Brotli => Compression::BROTLI(BrotliLevel::try_new(level.unsigned_abs()).map_err(wrong)?),
        Codec::Zstd if level == 0 => Compression::ZSTD(ZstdLevel::default()),
        Codec::Zstd => Compression::ZSTD(ZstdLevel::try_new(level).map_err(wrong)?),
    })
}

/// The schema as Parquet has it. Each column is converted alone first, so that an error can name it.
fn descriptor(schema: &Schema) -> Result<SchemaDescriptor> {
    for field in schema.fields() {
        let alone = Schema::new(vec![field.clone()]);
        if let Err(error) = ArrowSchemaConverter::new().convert(&alone) {
            return Err(refused(field.name(), field.data_type(), &format!("is not held by Parquet: {error}")));
        }
    }
    let failed = |error| Error::new(Kind::Unsupported, format!("the table is not held by Parquet: {error}"));
    let descriptor = ArrowSchemaConverter::new().convert(schema).map_err(failed)?;
    // A list is two levels of Parquet.
    match descriptor.columns().iter().find(|leaf| leaf.path().parts().len() > MOST_DEPTH) {
        Some(leaf) => Err(too_deep(&leaf.path().parts()[0])),
        None => Ok(descriptor),
    }
}

pub(super) fn refused(path: &str, data_type: &DataType, why: &str) -> Error {
    Error::new(Kind::Unsupported, format!("column {path:?} of type {data_type} {why}"))
}

fn too_deep(path: &str) -> Error {
    Error::new(Kind::Unsupported, format!("column {path:?} is nested deeper than {MOST_DEPTH} levels of Parquet"))
}

/// Refuses what would panic in the crate, and what would come back as another type.
fn check(path: &str, data_type: &DataType, depth: usize) -> Result<()> {
    let no = |why: &str| Err(refused(path, data_type, why));
    if depth > MOST_DEPTH {
        return Err(too_deep(path));
    }
    let below = |field: &Field| check(&format!("{path}.{}", field.name()), field.data_type(), depth + 1);
    match data_type {
        DataType::Union(..) => no("is not held by Parquet; cast it to a Struct"),
        DataType::Interval(IntervalUnit::MonthDayNano) => no("is not held by Parquet; cast it to a Duration"),
        DataType::Struct(fields) if fields.is_empty() => no("is not held by Parquet: it has no fields"),
        DataType::RunEndEncoded(_, values) => {
            no(&format!("would become {} in Parquet; cast it to that", values.data_type()))
        }
        DataType::Dictionary(_, values) if !is_dictionary_kept(values) => {
            no(&format!("would become {values} in Parquet; cast it to that"))
        }
        DataType::Dictionary(_, values) => check(path, values, depth + 1),
        DataType::FixedSizeBinary(size) if *size <= 0 => no("is not held by Parquet: its values have no bytes"),
        DataType::FixedSizeList(_, size) if *size <= 0 => no("is not held by Parquet: its lists have no items"),
        DataType::Time32(TimeUnit::Microsecond | TimeUnit::Nanosecond)
        | DataType::Time64(TimeUnit::Second | TimeUnit::Millisecond) => no("is no type of Arrow"),
        DataType::Decimal32(0, _)
        | DataType::Decimal64(0, _)
        | DataType::Decimal128(0, _)
        | DataType::Decimal256(0, _) => no("has no digits"),
        DataType::Struct(fields) => fields.iter().try_for_each(|field| below(field)),
        DataType::List(item)
        | DataType::LargeList(item)
        | DataType::ListView(item)
        | DataType::LargeListView(item)
        | DataType::FixedSizeList(item, _)
        | DataType::Map(item, _) => below(item),
        _ => Ok(()),
    }
}

/// Whether a dictionary of such values is one when it is read again.
pub(super) fn is_dictionary_kept(values: &DataType) -> bool {
    use DataType::*;
    match values {
        Dictionary(..) | RunEndEncoded(..) | Null | Boolean | Float16 | Interval(_) => false,
        // Parquet has these as bytes of a fixed size.
        Decimal32(precision, _) | Decimal64(precision, _) | Decimal128(precision, _) | Decimal256(precision, _) => {
            *precision <= 18
        }
        values => !values.is_nested(),
    }
}
