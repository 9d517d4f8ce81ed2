//! format.h: the formats that tables are kept in.

use crate::cast::{self, Struct};
use blobferry_core::error::{Error, Result};
use blobferry_core::tabular::format::{Codec, CsvOptions, Format, OnError, Quoting, Ragged};
use std::ffi::c_char;
use std::mem::size_of;
use std::ptr::null;

pub(crate) const BLOBFERRY_FORMAT_AUTO: u32 = 0;
const BLOBFERRY_FORMAT_IPC_FILE: u32 = 1;
const BLOBFERRY_FORMAT_IPC_STREAM: u32 = 2;
const BLOBFERRY_FORMAT_PARQUET: u32 = 3;
const BLOBFERRY_FORMAT_CSV: u32 = 4;
const BLOBFERRY_FORMAT_NDJSON: u32 = 5;

pub(crate) const BLOBFERRY_CODEC_NONE: u32 = 0;
const BLOBFERRY_CODEC_SNAPPY: u32 = 1;
const BLOBFERRY_CODEC_ZSTD: u32 = 2;
const BLOBFERRY_CODEC_GZIP: u32 = 3;
const BLOBFERRY_CODEC_LZ4: u32 = 4;
const BLOBFERRY_CODEC_BROTLI: u32 = 5;

const BLOBFERRY_CSV_ERROR_FAIL: u32 = 0;
const BLOBFERRY_CSV_ERROR_NULL: u32 = 1;
const BLOBFERRY_CSV_ERROR_SKIP: u32 = 2;

const BLOBFERRY_CSV_RAGGED_ERROR: u32 = 0;
const BLOBFERRY_CSV_RAGGED_FILL: u32 = 1;
const BLOBFERRY_CSV_RAGGED_CUT: u32 = 2;

const BLOBFERRY_CSV_QUOTE_NEEDED: u32 = 0;
const BLOBFERRY_CSV_QUOTE_TEXTS: u32 = 1;
const BLOBFERRY_CSV_QUOTE_ALL: u32 = 2;

const BLOBFERRY_CSV_NO_HEADER: u32 = 1;
const BLOBFERRY_CSV_CRLF: u32 = 2;

#[repr(C)]
#[derive(Clone, Copy)]
pub struct blobferry_csv_options_t {
    pub struct_size: usize,
    pub delimiter: *const c_char,
    pub quote: *const c_char,
    pub escape: *const c_char,
    pub comment: *const c_char,
    pub null_texts: *const *const c_char,
    pub null_text_count: usize,
    pub encoding: *const c_char,
    pub skip_lines: u64,
    pub max_record: u64,
    pub infer_rows: u64,
    pub ragged: u32,
    pub on_error: u32,
    pub quoting: u32,
    pub flags: u32,
}

// SAFETY: integers and pointers behind the size.
unsafe impl Struct for blobferry_csv_options_t {
    const DEFAULT: Self = Self {
        struct_size: size_of::<Self>(),
        delimiter: null(),
        quote: null(),
        escape: null(),
        comment: null(),
        null_texts: null(),
        null_text_count: 0,
        encoding: null(),
        skip_lines: 0,
        max_record: 0,
        infer_rows: 0,
        ragged: BLOBFERRY_CSV_RAGGED_ERROR,
        on_error: BLOBFERRY_CSV_ERROR_FAIL,
        quoting: BLOBFERRY_CSV_QUOTE_NEEDED,
        flags: 0,
    };
    const FIRST_SIZE: usize = 104;
}

#[unsafe(no_mangle)]
pub unsafe extern "C" fn blobferry_csv_options_init(options: *mut blobferry_csv_options_t, struct_size: usize) {
    // SAFETY: the header's contract.
    unsafe { cast::write_default(options, struct_size) };
}

fn unknown(name: &str, number: u32, of: &str) -> Error {
    Error::argument(format!("`{name}` is {number}, which is none of BLOBFERRY_{of}_…"))
}

/// The format of `options.format`.
pub(crate) fn format(number: u32) -> Result<Format> {
    Ok(match number {
        BLOBFERRY_FORMAT_AUTO => Format::Auto,
        BLOBFERRY_FORMAT_IPC_FILE => Format::IpcFile,
        BLOBFERRY_FORMAT_IPC_STREAM => Format::IpcStream,
        BLOBFERRY_FORMAT_PARQUET => Format::Parquet,
        BLOBFERRY_FORMAT_CSV => Format::Csv,
        BLOBFERRY_FORMAT_NDJSON => Format::Ndjson,
        number => return Err(unknown("options.format", number, "FORMAT")),
    })
}

/// The codec of what has this name.
pub(crate) fn codec(number: u32, name: &str) -> Result<Codec> {
    Ok(match number {
        BLOBFERRY_CODEC_NONE => Codec::None,
        BLOBFERRY_CODEC_SNAPPY => Codec::Snappy,
        BLOBFERRY_CODEC_ZSTD => Codec::Zstd,
        BLOBFERRY_CODEC_GZIP => Codec::Gzip,
        BLOBFERRY_CODEC_LZ4 => Codec::Lz4,
        BLOBFERRY_CODEC_BROTLI => Codec::Brotli,
        number => return Err(unknown(name, number, "CODEC")),
    })
}

/// The dialect of `options.csv`.
pub(crate) unsafe fn csv_options(given: *const blobferry_csv_options_t) -> Result<CsvOptions> {
    // SAFETY: the header's contract.
    let given = unsafe { cast::options(given, "options.csv") }?;
    cast::check_flags(given.flags, BLOBFERRY_CSV_NO_HEADER | BLOBFERRY_CSV_CRLF, "options.csv->flags")?;
    let default = CsvOptions::default();
    // SAFETY: the header's contract.
    let (delimiter, quote, escape, comment) = unsafe {
        (
            byte(given.delimiter, "delimiter", Some(default.delimiter))?,
            byte(given.quote, "quote", default.quote)?,
            byte(given.escape, "escape", default.escape)?,
            byte(given.comment, "comment", default.comment)?,
        )
    };
    let delimiter = delimiter.ok_or_else(|| Error::argument("`options.csv->delimiter` is empty, and one is needed"))?;
    // SAFETY: the header's contract.
    let null_texts = unsafe { cast::array(given.null_texts, given.null_text_count, "options.csv->null_texts") }?;
    let null_text = |(index, text): (usize, &*const c_char)| {
        // SAFETY: the header's contract.
        unsafe { cast::text(*text, &format!("options.csv->null_texts[{index}]")) }.map(str::to_string)
    };
    Ok(CsvOptions {
        delimiter,
        quote,
        escape,
        comment,
        has_header: given.flags & BLOBFERRY_CSV_NO_HEADER == 0,
        skip_lines: given.skip_lines,
        null_texts: null_texts.iter().enumerate().map(null_text).collect::<Result<_>>()?,
        ragged: match given.ragged {
            BLOBFERRY_CSV_RAGGED_ERROR => Ragged::Error,
            BLOBFERRY_CSV_RAGGED_FILL => Ragged::Fill,
            BLOBFERRY_CSV_RAGGED_CUT => Ragged::FillAndCut,
            number => return Err(unknown("options.csv->ragged", number, "CSV_RAGGED")),
        },
        // SAFETY: the header's contract.
        encoding: unsafe { cast::optional_text(given.encoding, "options.csv->encoding") }?.map(str::to_string),
        on_error: match given.on_error {
            BLOBFERRY_CSV_ERROR_FAIL => OnError::Fail,
            BLOBFERRY_CSV_ERROR_NULL => OnError::Null,
            BLOBFERRY_CSV_ERROR_SKIP => OnError::Skip,
            number => return Err(unknown("options.csv->on_error", number, "CSV_ERROR")),
        },
        max_record: cast::or(given.max_record, default.max_record),
        infer_rows: given.infer_rows,
        is_crlf: given.flags & BLOBFERRY_CSV_CRLF != 0,
        quoting: match given.quoting {
            BLOBFERRY_CSV_QUOTE_NEEDED => Quoting::Needed,
            BLOBFERRY_CSV_QUOTE_TEXTS => Quoting::Texts,
            BLOBFERRY_CSV_QUOTE_ALL => Quoting::All,
            number => return Err(unknown("options.csv->quoting", number, "CSV_QUOTE")),
        },
    })
}

/// One byte; none, if the text is empty.
unsafe fn byte(given: *const c_char, name: &str, default: Option<u8>) -> Result<Option<u8>> {
    // SAFETY: as the caller's.
    match unsafe { cast::optional_text(given, &format!("options.csv->{name}")) }?.map(str::as_bytes) {
        None => Ok(default),
        Some([]) => Ok(None),
        Some([byte]) => Ok(Some(*byte)),
        Some(_) => Err(Error::argument(format!("`options.csv->{name}` is more than one ASCII byte"))),
    }
}
