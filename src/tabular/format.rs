//! What is written and read, and how: plain values.

use crate::error::{Error, Result};
use crate::transfer::Compression;
use arrow_array::{RecordBatch, StructArray};
use arrow_schema::SchemaRef;

/// How a table is kept in a blob.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Format {
    /// Readers alone: what the first bytes, else the end of the key, say.
    Auto,
    /// Arrow IPC with a footer: "Feather 2".
    IpcFile,
    /// Arrow IPC, one message behind the other.
    IpcStream,
    /// Apache Parquet.
    Parquet,
    /// Comma-separated values.
    Csv,
    /// A JSON object in each line.
    Ndjson,
}

/// How the columns of a Parquet blob, or the buffers of an IPC one, are compressed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Codec {
    /// Not at all.
    None,
    /// Parquet alone.
    Snappy,
    /// Both.
    Zstd,
    /// Parquet alone.
    Gzip,
    /// A frame for each buffer of IPC, a raw block for each page of Parquet.
    Lz4,
    /// Parquet alone.
    Brotli,
}

/// What differs for one column of a Parquet blob.
#[derive(Clone, Debug)]
pub struct ColumnOptions {
    /// The column: names from the root on, divided by dots.
    pub path: String,
    /// How it is compressed; none = as the others.
    pub codec: Option<Codec>,
    /// How well; 0 = the default of the codec.
    pub level: i32,
    /// With a bloom filter of its values in each row group.
    pub has_bloom_filter: bool,
    /// Without a dictionary.
    pub has_no_dictionary: bool,
    /// Without statistics.
    pub has_no_statistics: bool,
}

impl ColumnOptions {
    /// A column that is as the others.
    pub fn new(path: &str) -> ColumnOptions {
        ColumnOptions {
            path: path.to_string(),
            codec: None,
            level: 0,
            has_bloom_filter: false,
            has_no_dictionary: false,
            has_no_statistics: false,
        }
    }
}

/// How the bytes of a table are made.
#[derive(Clone, Debug)]
pub struct EncodeOptions {
    /// Never [`Format::Auto`].
    pub format: Format,
    /// Of IPC and Parquet.
    pub codec: Codec,
    /// How well; 0 = the default of the codec.
    pub level: i32,
    /// Of CSV and NDJSON: the whole blob. None, gzip or zstd.
    pub compression: Compression,
    /// Rows of a row group at most.
    pub row_group_rows: u64,
    /// Bytes of a row group in memory, encoded, at most.
    pub row_group_bytes: u64,
    /// Parquet: without dictionaries.
    pub has_no_dictionary: bool,
    /// Parquet: without statistics and page index.
    pub has_no_statistics: bool,
    /// Parquet: what differs.
    pub columns: Vec<ColumnOptions>,
    /// Key-value metadata of a Parquet or IPC file.
    pub pairs: Vec<(String, String)>,
    /// For CSV.
    pub csv: CsvOptions,
}

impl EncodeOptions {
    /// What holds if nothing else is asked for.
    pub fn new(format: Format) -> EncodeOptions {
        EncodeOptions {
            format,
            codec: Codec::None,
            level: 0,
            compression: Compression::None,
            row_group_rows: 1 << 20,
            row_group_bytes: 128 << 20,
            has_no_dictionary: false,
            has_no_statistics: false,
            columns: Vec::new(),
            pairs: Vec::new(),
            csv: CsvOptions::default(),
        }
    }
}

/// How an operator of a predicate compares a column with a literal.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Operator {
    /// Equal; null is not.
    Equal,
    /// Not equal; null is not.
    NotEqual,
    /// Less.
    Less,
    /// Less or equal.
    LessEqual,
    /// Greater.
    Greater,
    /// Greater or equal.
    GreaterEqual,
    /// Null; the literal is not looked at.
    IsNull,
    /// Not null; the literal is not looked at.
    IsNotNull,
}

/// One comparison.
#[derive(Clone, Debug)]
pub struct Term {
    /// A top-level column.
    pub column: String,
    /// How.
    pub operator: Operator,
    /// Which column of [`Predicate::literals`] it is compared with.
    pub literal: usize,
}

/// All terms must be true of a row for it to be given.
#[derive(Clone, Debug)]
pub struct Predicate {
    /// At least one.
    pub terms: Vec<Term>,
    /// One row, with a column for each literal.
    pub literals: StructArray,
}

impl Predicate {
    /// Terms, and the literals that they name, if they name any.
    pub fn new(terms: Vec<Term>, literals: Option<RecordBatch>) -> Result<Predicate> {
        let literals = match literals {
            Some(literals) if literals.num_rows() != 1 => {
                let message = format!("the literals have {} rows; give one", literals.num_rows());
                return Err(Error::argument(message));
            }
            Some(literals) => StructArray::from(literals),
            None => StructArray::new_empty_fields(1, None),
        };
        Ok(Predicate { terms, literals })
    }
}

/// How bytes become a table.
#[derive(Clone, Debug)]
pub struct DecodeOptions {
    /// What the blob is.
    pub format: Format,
    /// Of CSV and NDJSON: the whole blob.
    pub compression: Compression,
    /// The columns that are given, in this order; none = all.
    pub columns: Option<Vec<String>>,
    /// The rows that are given; none = all.
    pub predicate: Option<Predicate>,
    /// The types that are given: CSV and NDJSON are parsed as these, others cast to them. None = as found.
    pub schema: Option<SchemaRef>,
    /// Parquet: the row groups that are read, in this order; none = all.
    pub row_groups: Option<Vec<u32>>,
    /// Rows of a batch at most.
    pub batch_rows: u64,
    /// Bytes of a batch in memory at most, if it has more than one row.
    pub batch_bytes: u64,
    /// Bytes held ahead of the caller, read and decoded.
    pub max_prefetch: u64,
    /// Parquet: bytes of a row group at most, as it is kept, in the columns that are read.
    pub max_row_group: u64,
    /// IPC: what the blob says is believed.
    pub is_trusted: bool,
    /// For CSV.
    pub csv: CsvOptions,
}

impl DecodeOptions {
    /// What holds if nothing else is asked for.
    pub fn new(format: Format) -> DecodeOptions {
        DecodeOptions {
            format,
            compression: Compression::None,
            columns: None,
            predicate: None,
            schema: None,
            row_groups: None,
            batch_rows: 65_536,
            batch_bytes: 64 << 20,
            max_prefetch: 64 << 20,
            max_row_group: 256 << 20,
            is_trusted: false,
            csv: CsvOptions::default(),
        }
    }
}

/// What becomes of a record that is not what it should be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum OnError {
    /// The request fails.
    Fail,
    /// A value that cannot be parsed is null, if its column may be; a record with other faults fails.
    Null,
    /// The record is left out, and counted.
    Skip,
}

/// What becomes of a record that has not as many fields as the header.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ragged {
    /// It is an error, and `on_error` says what becomes of it.
    Error,
    /// Missing fields are null; more are an error.
    Fill,
    /// Missing fields are null; more are left out.
    FillAndCut,
}

/// Which fields of a written CSV blob are quoted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Quoting {
    /// Those that need it: empty texts, and those with a delimiter, a quote or a line break.
    Needed,
    /// All texts.
    Texts,
    /// All values but nulls.
    All,
}

/// The dialect of a CSV blob.
#[derive(Clone, Debug)]
pub struct CsvOptions {
    /// Between fields.
    pub delimiter: u8,
    /// Around fields; none = no field is quoted.
    pub quote: Option<u8>,
    /// Before a quote inside quotes; none = the quote is doubled.
    pub escape: Option<u8>,
    /// First byte of a line that is passed over; none = there are no comments.
    pub comment: Option<u8>,
    /// The first record has the names.
    pub has_header: bool,
    /// Physical lines passed over before anything else.
    pub skip_lines: u64,
    /// Unquoted fields that are null, besides the empty one.
    pub null_texts: Vec<String>,
    /// Records with too few or too many fields.
    pub ragged: Ragged,
    /// The encoding, as WHATWG names it; none = UTF-8.
    pub encoding: Option<String>,
    /// Records that are wrong.
    pub on_error: OnError,
    /// Bytes of a record at most.
    pub max_record: u64,
    /// Records that the types are inferred from; 0 = those of the first 1 MiB.
    pub infer_rows: u64,
    /// Written: lines end with CRLF.
    pub is_crlf: bool,
    /// Written: which fields are quoted.
    pub quoting: Quoting,
}

impl Default for CsvOptions {
    fn default() -> CsvOptions {
        CsvOptions {
            delimiter: b',',
            quote: Some(b'"'),
            escape: None,
            comment: None,
            has_header: true,
            skip_lines: 0,
            null_texts: Vec::new(),
            ragged: Ragged::Error,
            encoding: None,
            on_error: OnError::Fail,
            max_record: 16 << 20,
            infer_rows: 0,
            is_crlf: false,
            quoting: Quoting::Needed,
        }
    }
}

/// The format that the end of a key tells.
pub fn by_name(key: &str) -> Result<Format> {
    let name = key.rsplit('/').next().unwrap_or(key).to_ascii_lowercase();
    let name = [".gz", ".zst", ".zstd"].iter().find_map(|end| name.strip_suffix(end)).unwrap_or(&name);
    match name.rsplit_once('.').map(|(_, end)| end) {
        Some("arrow" | "feather" | "ipc") => Ok(Format::IpcFile),
        Some("arrows") => Ok(Format::IpcStream),
        Some("parquet" | "pq") => Ok(Format::Parquet),
        Some("csv" | "tsv" | "txt") => Ok(Format::Csv),
        Some("ndjson" | "jsonl") => Ok(Format::Ndjson),
        _ => Err(Error::argument(format!("neither the bytes of {key:?} nor its name tell its format; name it"))),
    }
}
