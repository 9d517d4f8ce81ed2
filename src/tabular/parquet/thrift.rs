//! Thrift's compact protocol, as far as it is needed to look at what a file says before the crate does: it makes room
//! for as many elements as a list says that it has, and goes down as deep as a schema does.

/// How deep structs and lists may lie in each other.
const MOST_DEPTH: u8 = 32;

/// What is wrong.
pub(super) type Wrong = &'static str;

const CUT: Wrong = "its metadata end too early";

/// A type, as fields have it.
pub(super) mod kind {
    pub(in super::super) const TRUE: u8 = 1;
    pub(in super::super) const FALSE: u8 = 2;
    pub(in super::super) const LIST: u8 = 9;
    pub(in super::super) const STRUCT: u8 = 12;
}

/// Where it is read.
pub(super) struct Thrift<'a> {
    bytes: &'a [u8],
    /// Structs in lists so far.
    pub(super) structs: u64,
}

impl<'a> Thrift<'a> {
    pub(super) fn new(bytes: &'a [u8]) -> Thrift<'a> {
        Thrift { bytes, structs: 0 }
    }

    /// Bytes that are left.
    pub(super) fn left(&self) -> usize {
        self.bytes.len()
    }

    fn byte(&mut self) -> Result<u8, Wrong> {
        let (first, rest) = self.bytes.split_first().ok_or(CUT)?;
        self.bytes = rest;
        Ok(*first)
    }

    fn pass(&mut self, count: u64) -> Result<(), Wrong> {
        let count = usize::try_from(count).map_err(|_| CUT)?;
        self.bytes = self.bytes.get(count..).ok_or(CUT)?;
        Ok(())
    }

    fn varint(&mut self) -> Result<u64, Wrong> {
        let mut value = 0;
        for shift in (0..64).step_by(7) {
            let byte = self.byte()?;
            value |= u64::from(byte & 0x7f) << shift;
            if byte & 0x80 == 0 {
                return Ok(value);
            }
        }
        Err("its metadata have a number that is too long")
    }

    pub(super) fn integer(&mut self) -> Result<i64, Wrong> {
        let value = self.varint()?;
        Ok((value >> 1) as i64 ^ -((value & 1) as i64))
    }

    /// The next field of a struct: its number and its type. None: the end of the struct.
    pub(super) fn field(&mut self, last: &mut i64) -> Result<Option<(i64, u8)>, Wrong> {
        let byte = self.byte()?;
        if byte & 0xf == 0 {
            return Ok(None);
        }
        *last = match byte >> 4 {
            0 => self.integer()?,
            step => last.saturating_add(step.into()),
        };
        Ok(Some((*last, byte & 0xf)))
    }

    /// The beginning of a list: how many elements it has, and of which type.
    pub(super) fn list(&mut self) -> Result<(u64, u8), Wrong> {
        let byte = self.byte()?;
        let count = if byte >> 4 == 15 { self.varint()? } else { u64::from(byte >> 4) };
        // Each has a byte at least.
        if count > self.left() as u64 || count > i32::MAX as u64 {
            return Err("its metadata have a list that is longer than they are");
        }
        if byte & 0xf == kind::STRUCT {
            self.structs += count;
        }
        Ok((count, byte & 0xf))
    }

    /// Passes over a value of a field.
    pub(super) fn skip(&mut self, kind: u8) -> Result<(), Wrong> {
        match kind {
            kind::TRUE | kind::FALSE => Ok(()),
            _ => self.skip_element(kind, MOST_DEPTH),
        }
    }

    fn skip_element(&mut self, kind: u8, depth: u8) -> Result<(), Wrong> {
        let depth = depth.checked_sub(1).ok_or("its metadata are nested too deeply")?;
        match kind {
            // Of a list, these have a byte.
            1..=3 => self.pass(1),
            4..=6 => self.varint().map(drop),
            7 => self.pass(8),
            8 => {
                let size = self.varint()?;
                self.pass(size)
            }
            9 | 10 => {
                let (count, kind) = self.list()?;
                (0..count).try_for_each(|_| self.skip_element(kind, depth))
            }
            11 => self.skip_map(depth),
            12 => {
                let mut last = 0;
                while let Some((_, kind)) = self.field(&mut last)? {
                    if kind > kind::FALSE {
                        self.skip_element(kind, depth)?;
                    }
                }
                Ok(())
            }
            13 => self.pass(16),
            _ => Err("its metadata have a value of an unknown type"),
        }
    }

    fn skip_map(&mut self, depth: u8) -> Result<(), Wrong> {
        let count = self.varint()?;
        if count == 0 {
            return Ok(());
        }
        if count > self.left() as u64 {
            return Err(CUT);
        }
        let kinds = self.byte()?;
        for _ in 0..count {
            self.skip_element(kinds >> 4, depth)?;
            self.skip_element(kinds & 0xf, depth)?;
        }
        Ok(())
    }
}
