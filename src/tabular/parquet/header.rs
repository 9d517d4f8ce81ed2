//! What a page says of itself.

use super::thrift::{Thrift, Wrong, kind};
use crate::error::{Error, Kind};
use bytes::Bytes;
use parquet::basic::Encoding;
use parquet::column::page::Page;
use parquet::errors::{ParquetError, Result};

/// What is wrong, as the crate passes it on.
pub(super) fn wrong(message: impl Into<String>) -> ParquetError {
    ParquetError::External(Box::new(Error::new(Kind::Integrity, message)))
}

pub(super) fn too_much(message: impl Into<String>) -> ParquetError {
    ParquetError::External(Box::new(Error::new(Kind::NoSpace, message)))
}

/// The header of a page.
pub(super) struct Header {
    pub(super) kind: i64,
    pub(super) unpacked: usize,
    pub(super) packed: usize,
    pub(super) crc: Option<u32>,
    pub(super) values: u32,
    pub(super) encoding: i64,
    pub(super) definition_encoding: i64,
    pub(super) repetition_encoding: i64,
    pub(super) nulls: u32,
    pub(super) rows: u32,
    pub(super) definition_bytes: u32,
    pub(super) repetition_bytes: u32,
    pub(super) is_compressed: bool,
    pub(super) is_sorted: bool,
}

/// Kinds of pages.
pub(super) const DATA: i64 = 0;
pub(super) const INDEX: i64 = 1;
pub(super) const DICTIONARY: i64 = 2;
pub(super) const DATA_2: i64 = 3;

/// The first page, and what is behind it.
pub(super) fn split(bytes: Bytes) -> Result<(Header, Bytes, Bytes)> {
    let (header, at) = Header::read(&bytes)?;
    let end = at.checked_add(header.packed).filter(|end| *end <= bytes.len());
    let end = end.ok_or_else(|| wrong("a page is longer than the column"))?;
    Ok((header, bytes.slice(at..end), bytes.slice(end..)))
}

/// An encoding by its number.
pub(super) fn encoding(number: i64) -> Result<Encoding> {
    #[expect(deprecated, reason = "old files have it")]
    let encoding = match number {
        0 => Encoding::PLAIN,
        2 => Encoding::PLAIN_DICTIONARY,
        3 => Encoding::RLE,
        4 => Encoding::BIT_PACKED,
        5 => Encoding::DELTA_BINARY_PACKED,
        6 => Encoding::DELTA_LENGTH_BYTE_ARRAY,
        7 => Encoding::DELTA_BYTE_ARRAY,
        8 => Encoding::RLE_DICTIONARY,
        9 => Encoding::BYTE_STREAM_SPLIT,
        _ => return Err(wrong(format!("a page has the unknown encoding {number}"))),
    };
    Ok(encoding)
}

impl Header {
    /// The header that bytes begin with, and how many it has.
    pub(super) fn read(bytes: &[u8]) -> Result<(Header, usize)> {
        let mut thrift = Thrift::new(bytes);
        let header = Header::parse(&mut thrift).map_err(|why| wrong(format!("a page cannot be read: {why}")))?;
        Ok((header, bytes.len() - thrift.left()))
    }

    fn parse(thrift: &mut Thrift) -> Result<Header, Wrong> {
        const NEGATIVE: &str = "its header has a number that is out of range";
        let mut numbers = [None; 5];
        // By the number of the field: what the header of a page of this kind says.
        let mut inner = [[None; 8]; 9];
        let mut last = 0;
        while let Some((field, kind)) = thrift.field(&mut last)? {
            match (field, kind) {
                (1..=4, 4..=6) => numbers[field as usize] = Some(thrift.integer()?),
                (5 | 7 | 8, kind::STRUCT) => {
                    let mut last = 0;
                    while let Some((below, kind)) = thrift.field(&mut last)? {
                        match (below, kind) {
                            (1..=7, 4..=6) => inner[field as usize][below as usize] = Some(thrift.integer()?),
                            (1..=7, kind::TRUE) => inner[field as usize][below as usize] = Some(1),
                            (1..=7, kind::FALSE) => inner[field as usize][below as usize] = Some(0),
                            _ => thrift.skip(kind)?,
                        }
                    }
                }
                _ => thrift.skip(kind)?,
            }
        }
        let size = |at: usize| numbers[at].and_then(|size| i32::try_from(size).ok()?.try_into().ok()).ok_or(NEGATIVE);
        let kind = numbers[1].ok_or(NEGATIVE)?;
        let (table, is_second) = match kind {
            DATA => (inner[5], false),
            DICTIONARY => (inner[7], false),
            DATA_2 => (inner[8], true),
            INDEX => ([Some(0); 8], false),
            _ => return Err("it is of an unknown kind"),
        };
        let number = |at: usize| table[at].ok_or("its header is not complete");
        let count = |at: usize| number(at)?.try_into().ok().filter(|n: &u32| *n <= i32::MAX as u32).ok_or(NEGATIVE);
        let second = |at: usize| if is_second { count(at) } else { Ok(0) };
        let first = |at: usize| if kind == DATA { number(at) } else { Ok(3) };
        Ok(Header {
            kind,
            unpacked: size(2)?,
            packed: size(3)?,
            crc: numbers[4].map(|crc| crc as u32),
            values: count(1)?,
            encoding: number(if is_second { 4 } else { 2 })?,
            definition_encoding: first(3)?,
            repetition_encoding: first(4)?,
            nulls: second(2)?,
            rows: second(3)?,
            definition_bytes: second(5)?,
            repetition_bytes: second(6)?,
            is_compressed: table[7] != Some(0),
            is_sorted: kind == DICTIONARY && table[3] == Some(1),
        })
    }

    /// The page, of its bytes.
    pub(super) fn page(&self, buf: Bytes) -> Result<Page> {
        let num_values = self.values;
        let encoding = encoding(self.encoding)?;
        Ok(match self.kind {
            DICTIONARY => Page::DictionaryPage { buf, num_values, encoding, is_sorted: self.is_sorted },
            DATA_2 => Page::DataPageV2 {
                buf,
                num_values,
                encoding,
                num_nulls: self.nulls,
                num_rows: self.rows,
                def_levels_byte_len: self.definition_bytes,
                rep_levels_byte_len: self.repetition_bytes,
                is_compressed: self.is_compressed,
                statistics: None,
            },
            _ => Page::DataPage {
                buf,
                num_values,
                encoding,
                def_level_encoding: self::encoding(self.definition_encoding)?,
                rep_level_encoding: self::encoding(self.repetition_encoding)?,
                statistics: None,
            },
        })
    }
}
