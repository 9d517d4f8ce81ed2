//! The pages of one column of one row group, for the crate to decode. What a page says of itself is held against what
//! it is, and against what there may be of it in memory, before anything is made of it.

use super::codec::Unpacker;
use super::delta;
use super::header::{DATA_2, DICTIONARY, Header, INDEX, encoding, split, too_much, wrong};
use crate::error::Error;
use crate::sync::lock;
use bytes::Bytes;
use parquet::basic::{Encoding, Type};
use parquet::column::page::{Page, PageIterator, PageMetadata, PageReader};
use parquet::errors::{ParquetError, Result};
use parquet::file::metadata::ColumnChunkMetaData;
use std::collections::VecDeque;
use std::sync::{Arc, Mutex};

/// Bytes that the values of one batch of one column may have, whatever the file says.
const MOST_BATCH: u64 = 256 << 20;
/// Values of one page: a few bytes can say that there are so many nulls.
const MOST_VALUES: u64 = 32 << 20;
/// Values of one column of a row group in lists, all of which may be in one row.
const MOST_LISTED: u64 = 128 << 20;
/// Bytes that lists may come to, by their longest value.
const MOST_LISTED_BYTES: u64 = 4 << 30;
/// Bytes that a text may have in common with the one before.
const MOST_PREFIX: u64 = 64 << 10;

/// What was wrong, for whoever has asked the crate, which keeps its text alone.
pub(super) type Fault = Arc<Mutex<Option<Error>>>;

/// Where the pages of a column are.
pub(super) enum Extent {
    /// One behind the other, all of them.
    Whole(Bytes),
    /// Those that are needed.
    Some { dictionary: Option<Bytes>, pages: VecDeque<Located> },
}

/// A data page.
pub(super) struct Located {
    pub(super) rows: usize,
    /// None: it is passed over.
    pub(super) bytes: Option<Bytes>,
}

/// The pages of a column, in order.
pub(super) struct Pages {
    extent: Extent,
    unpacker: Unpacker,
    column: Column,
    dictionary: Option<Page>,
    /// The header of the page that follows, and the bytes behind it.
    peeked: Option<(Header, Bytes)>,
    fault: Fault,
}

/// What the footer says of it.
struct Column {
    name: String,
    rows: u64,
    values: u64,
    is_list: bool,
    physical: Type,
    /// Bytes of a value, at least.
    width: u64,
    /// Bytes of the longest value that is known.
    longest: u64,
    /// Of a page.
    most_bytes: u64,
    seen: u64,
    listed_bytes: u64,
    has_prefixes: bool,
    has_dictionary: bool,
    /// The greatest levels of repetition and definition.
    levels: [i16; 2],
}

impl Pages {
    /// Looks at the first page: a dictionary is decoded, and tells how long values may be.
    pub(super) fn open(
        metadata: &ColumnChunkMetaData,
        rows: u64,
        extent: Extent,
        most_bytes: u64,
        fault: &Fault,
    ) -> Result<Pages> {
        let descriptor = metadata.column_descr();
        let values = u64::try_from(metadata.num_values()).map_err(|_| wrong("it has less than no values"))?;
        let width = match descriptor.physical_type() {
            Type::FIXED_LEN_BYTE_ARRAY => u64::try_from(descriptor.type_length()).unwrap_or_default(),
            Type::INT32 | Type::FLOAT => 4,
            Type::INT64 | Type::DOUBLE => 8,
            Type::INT96 => 12,
            Type::BOOLEAN | Type::BYTE_ARRAY => 1,
        };
        let column = Column {
            name: descriptor.path().string(),
            rows,
            values,
            is_list: descriptor.max_rep_level() > 0,
            physical: descriptor.physical_type(),
            width,
            longest: width,
            most_bytes,
            seen: 0,
            listed_bytes: 0,
            has_prefixes: metadata.encodings().any(|encoding| encoding == Encoding::DELTA_BYTE_ARRAY),
            has_dictionary: false,
            levels: [descriptor.max_rep_level(), descriptor.max_def_level()],
        };
        let unpacker = Unpacker::new(metadata.compression());
        let mut pages = Pages { extent, unpacker, column, dictionary: None, peeked: None, fault: fault.clone() };
        pages.check_count().and_then(|()| pages.take_dictionary()).map_err(|error| pages.named(error))?;
        Ok(pages)
    }

    /// Rows that may be decoded at once.
    pub(super) fn most_rows(&self) -> u64 {
        let longest = match self.column.has_prefixes {
            true => self.column.longest.max(MOST_PREFIX),
            false => self.column.longest,
        };
        (MOST_BATCH / longest.max(1)).max(1)
    }

    fn check_count(&self) -> Result<()> {
        let Column { rows, values, is_list, longest, .. } = self.column;
        if longest == 0 {
            return Err(wrong("its values have no bytes"));
        }
        if !is_list && values != rows {
            return Err(wrong(format!("it has {values} values, and its row group {rows} rows")));
        }
        let most = MOST_LISTED.min(MOST_LISTED_BYTES / longest.max(1));
        if is_list && values > most {
            return Err(too_much(format!("{values} values in one row group are more than the {most} that are read")));
        }
        Ok(())
    }

    fn take_dictionary(&mut self) -> Result<()> {
        let bytes = match &mut self.extent {
            Extent::Some { dictionary, .. } => match dictionary.take() {
                Some(bytes) if !bytes.is_empty() => bytes,
                _ => return Ok(()),
            },
            Extent::Whole(bytes) if bytes.is_empty() => return Ok(()),
            Extent::Whole(bytes) => {
                if Header::read(bytes)?.0.kind != DICTIONARY {
                    return Ok(());
                }
                bytes.clone()
            }
        };
        let (header, body, rest) = split(bytes)?;
        if let Extent::Whole(bytes) = &mut self.extent {
            *bytes = rest;
        }
        if header.kind != DICTIONARY {
            return Err(wrong("something else lies where its dictionary is"));
        }
        let page = self.column.unpack(&mut self.unpacker, header, body)?;
        self.column.longest = self.column.longest.max(longest(&page, self.column.physical)?);
        self.check_count()?;
        self.column.has_dictionary = true;
        self.dictionary = Some(page);
        Ok(())
    }

    /// The header of the data page that follows.
    fn peek(&mut self) -> Result<Option<&Header>> {
        while self.peeked.is_none() {
            let Extent::Whole(bytes) = &mut self.extent else { return Ok(None) };
            if bytes.is_empty() {
                return Ok(None);
            }
            let (header, body, rest) = split(std::mem::take(bytes))?;
            *bytes = rest;
            match header.kind {
                INDEX => {}
                DICTIONARY => return Err(wrong("it has two dictionaries")),
                _ => self.peeked = Some((header, body)),
            }
        }
        Ok(self.peeked.as_ref().map(|(header, _)| header))
    }

    fn next_page(&mut self) -> Result<Option<Page>> {
        if let Some(dictionary) = self.dictionary.take() {
            return Ok(Some(dictionary));
        }
        let (header, body, rows) = match &mut self.extent {
            Extent::Some { pages, .. } => {
                let Some(page) = pages.pop_front() else { return Ok(None) };
                let bytes = page.bytes.ok_or_else(|| wrong("its page index does not fit its pages"))?;
                let (header, body, _) = split(bytes)?;
                (header, body, Some(page.rows))
            }
            Extent::Whole(_) => {
                self.peek()?;
                let Some((header, body)) = self.peeked.take() else { return Ok(None) };
                (header, body, None)
            }
        };
        if rows.is_some_and(|rows| !self.column.is_list && rows as u64 != u64::from(header.values)) {
            return Err(wrong("its page index does not fit its pages"));
        }
        self.column.unpack(&mut self.unpacker, header, body).map(Some)
    }

    fn named(&self, error: ParquetError) -> ParquetError {
        let ParquetError::External(error) = error else { return error };
        match error.downcast::<Error>() {
            Ok(error) => {
                let error = error.asked(format!("column {:?}", self.column.name));
                *lock(&self.fault) = Some(error.clone());
                ParquetError::External(Box::new(error))
            }
            Err(error) => ParquetError::External(error),
        }
    }
}

impl PageReader for Pages {
    fn get_next_page(&mut self) -> Result<Option<Page>> {
        self.next_page().map_err(|error| self.named(error))
    }

    fn peek_next_page(&mut self) -> Result<Option<PageMetadata>> {
        if self.dictionary.is_some() {
            return Ok(Some(PageMetadata { num_rows: None, num_levels: None, is_dict: true }));
        }
        if let Extent::Some { pages, .. } = &self.extent {
            let next = pages.front().map(|page| page.rows);
            return Ok(next.map(|rows| PageMetadata { num_rows: Some(rows), num_levels: None, is_dict: false }));
        }
        let next = self.peek().map(|header| {
            header.map(|header| PageMetadata {
                num_rows: (header.kind == DATA_2).then_some(header.rows as usize),
                num_levels: Some(header.values as usize),
                is_dict: false,
            })
        });
        next.map_err(|error| self.named(error))
    }

    fn skip_next_page(&mut self) -> Result<()> {
        if self.dictionary.is_some() {
            return Ok(());
        }
        match &mut self.extent {
            Extent::Some { pages, .. } => drop(pages.pop_front()),
            Extent::Whole(_) => {
                self.peek().map(drop).map_err(|error| self.named(error))?;
                self.peeked = None;
            }
        }
        Ok(())
    }
}

impl Iterator for Pages {
    type Item = Result<Page>;

    fn next(&mut self) -> Option<Result<Page>> {
        self.get_next_page().transpose()
    }
}

/// Gives the pages of a column once.
pub(super) struct Once(pub(super) Option<Pages>);

impl Iterator for Once {
    type Item = Result<Box<dyn PageReader>>;

    fn next(&mut self) -> Option<Self::Item> {
        self.0.take().map(|pages| Ok(Box::new(pages) as Box<dyn PageReader>))
    }
}

impl PageIterator for Once {}

impl Column {
    fn unpack(&mut self, unpacker: &mut Unpacker, header: Header, body: Bytes) -> Result<Page> {
        self.check(&header, &body)?;
        // Of the second version, levels are not compressed.
        let levels = match header.kind {
            DATA_2 => header.definition_bytes as usize + header.repetition_bytes as usize,
            _ => 0,
        };
        if levels > body.len() || levels > header.unpacked {
            return Err(wrong("the levels of a page are longer than the page"));
        }
        let is_plain = unpacker.is_plain() || (header.kind == DATA_2 && !header.is_compressed);
        if is_plain && body.len() != header.unpacked {
            return Err(wrong("a page that is not compressed has two sizes"));
        }
        let bytes = if is_plain {
            body
        } else {
            let mut room = Vec::new();
            if levels > 0 {
                let no_space = |_| too_much(format!("there is no memory for a page of {} bytes", header.unpacked));
                room.try_reserve_exact(header.unpacked).map_err(no_space)?;
                room.extend_from_slice(&body[..levels]);
            }
            // No values have no bytes, compressed or not.
            if header.unpacked > levels {
                let failed = |error| wrong(format!("a page cannot be decompressed: {error}"));
                unpacker.unpack(&body[levels..], header.unpacked - levels, &mut room).map_err(failed)?;
            }
            Bytes::from(room)
        };
        if header.kind != DICTIONARY {
            self.check_lengths(&header, &bytes)?;
        }
        header.page(bytes)
    }

    /// What the values of a page may come to.
    fn check_lengths(&self, header: &Header, bytes: &Bytes) -> Result<()> {
        let is_coded = matches!(encoding(header.encoding)?, Encoding::PLAIN_DICTIONARY | Encoding::RLE_DICTIONARY);
        if is_coded && !self.has_dictionary {
            return Err(wrong("a page needs a dictionary, and there is none"));
        }
        let is_prefixed = header.encoding == 7;
        if self.physical == Type::INT32 || self.physical == Type::INT64 || !(is_prefixed || header.encoding == 6) {
            return Ok(());
        }
        let mut values = self.after_levels(header, bytes).ok_or_else(|| wrong("a page ends in its levels"))?;
        if is_prefixed {
            if !self.has_prefixes {
                return Err(wrong("a page is encoded as the footer says that none is"));
            }
            let prefixes = delta::lengths(values, header.values.into()).map_err(wrong)?;
            if prefixes.most > MOST_PREFIX as i64 {
                return Err(too_much(format!("a text has {} bytes in common with the one before", prefixes.most)));
            }
            values = &values[prefixes.size..];
        }
        match delta::count(values).map_err(wrong)? {
            count if count > u64::from(header.values) => Err(wrong("a page has more lengths than values")),
            _ => Ok(()),
        }
    }

    fn after_levels<'a>(&self, header: &Header, bytes: &'a [u8]) -> Option<&'a [u8]> {
        if header.kind == DATA_2 {
            return bytes.get(header.definition_bytes as usize + header.repetition_bytes as usize..);
        }
        let mut rest = bytes;
        for (most, encoding) in self.levels.into_iter().zip([header.repetition_encoding, header.definition_encoding]) {
            let width = 16 - most.leading_zeros() as usize;
            let size = match encoding {
                _ if most == 0 => 0,
                3 => u32::from_le_bytes(*rest.first_chunk()?) as usize + 4,
                _ => (header.values as usize * width).div_ceil(8),
            };
            rest = rest.get(size..)?;
        }
        Some(rest)
    }

    fn check(&mut self, header: &Header, body: &Bytes) -> Result<()> {
        if header.unpacked as u64 > self.most_bytes {
            let (size, most) = (header.unpacked, self.most_bytes);
            return Err(too_much(format!("a page has {size} bytes, and {most} may be in memory; raise max_prefetch")));
        }
        if let Some(expected) = header.crc {
            let mut crc = flate2::Crc::new();
            crc.update(body);
            if crc.sum() != expected {
                return Err(wrong("the checksum of a page is not that of its bytes"));
            }
        }
        let values = u64::from(header.values);
        if u64::from(header.nulls) > values {
            return Err(wrong("a page has more nulls than values"));
        }
        if header.kind == DICTIONARY {
            // Of texts, each has its length.
            let width = if self.physical == Type::BYTE_ARRAY { 4 } else { self.width };
            return match values > header.unpacked as u64 / width.max(1) {
                true => Err(wrong(format!("its dictionary has {values} values in {} bytes", header.unpacked))),
                false => Ok(()),
            };
        }
        if values > MOST_VALUES {
            return Err(too_much(format!("{values} values in one page are more than the {MOST_VALUES} that are read")));
        }
        self.seen += values;
        if self.seen > self.values {
            return Err(wrong(format!("its pages have more than the {} values that the footer tells of", self.values)));
        }
        self.listed_bytes += if self.is_list { values.saturating_mul(self.longest) } else { 0 };
        if self.listed_bytes > MOST_LISTED_BYTES {
            return Err(too_much("the lists of one row group may come to more than 4 GiB"));
        }
        Ok(())
    }
}

/// Bytes of the longest value of a dictionary.
fn longest(dictionary: &Page, physical: Type) -> Result<u64> {
    if physical != Type::BYTE_ARRAY {
        return Ok(0);
    }
    let (mut bytes, mut longest) = (&dictionary.buffer()[..], 0);
    for _ in 0..dictionary.num_values() {
        let cut = || wrong("its dictionary ends in a value");
        let size = u32::from_le_bytes(*bytes.first_chunk().ok_or_else(cut)?);
        bytes = bytes.get(4..).and_then(|rest| rest.get(size as usize..)).ok_or_else(cut)?;
        longest = longest.max(size);
    }
    Ok(longest.into())
}
