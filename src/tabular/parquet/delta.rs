//! Lengths of texts that are kept as differences (DELTA_LENGTH_BYTE_ARRAY, DELTA_BYTE_ARRAY): the crate makes room for
//! as many of them as they say that they are, and for texts of any length that begin as the one before.

/// What is wrong.
type Wrong = &'static str;

const CUT: Wrong = "the lengths of a page end too early";

/// Numbers that were kept as differences.
pub(super) struct Lengths {
    /// The greatest.
    pub(super) most: i64,
    /// Bytes that they have.
    pub(super) size: usize,
}

/// How many numbers there are.
pub(super) fn count(bytes: &[u8]) -> Result<u64, Wrong> {
    let mut bits = Bits { bytes, at: 0 };
    bits.varint()?;
    bits.varint()?;
    bits.varint()
}

/// Looks through all numbers, `most` of them.
pub(super) fn lengths(bytes: &[u8], most: u64) -> Result<Lengths, Wrong> {
    let mut bits = Bits { bytes, at: 0 };
    let (block, parts, count) = (bits.varint()?, bits.varint()?, bits.varint()?);
    let mut value = bits.signed()?;
    if count > most {
        return Err("a page has more lengths than values");
    }
    let is_whole =
        parts > 0 && block.is_multiple_of(128) && block.is_multiple_of(parts) && (block / parts).is_multiple_of(32);
    if !is_whole || block == 0 || block > 1 << 20 {
        return Err("the lengths of a page are in blocks that cannot be");
    }
    let mut lengths = Lengths { most: if count > 0 { value } else { 0 }, size: 0 };
    let mut left = count.saturating_sub(1);
    while left > 0 {
        let least = bits.signed()?;
        let widths = bits.take(parts as usize)?;
        for width in widths {
            if left == 0 {
                break;
            }
            let packed = bits.take((u64::from(*width) * (block / parts) / 8) as usize)?;
            let mut packed = Bits { bytes: packed, at: 0 };
            for _ in 0..left.min(block / parts) {
                value = value.wrapping_add(least).wrapping_add(packed.bits(*width)? as i64);
                // As the crate has them.
                value = i64::from(value as i32);
                lengths.most = lengths.most.max(value);
                left -= 1;
            }
        }
    }
    lengths.size = bytes.len() - bits.bytes.len();
    Ok(lengths)
}

struct Bits<'a> {
    bytes: &'a [u8],
    /// Bits of the first byte that were read.
    at: u32,
}

impl<'a> Bits<'a> {
    fn take(&mut self, count: usize) -> Result<&'a [u8], Wrong> {
        let (first, rest) = self.bytes.split_at_checked(count).ok_or(CUT)?;
        self.bytes = rest;
        Ok(first)
    }

    fn varint(&mut self) -> Result<u64, Wrong> {
        let mut value = 0;
        for shift in (0..64).step_by(7) {
            let byte = self.take(1)?[0];
            value |= u64::from(byte & 0x7f) << shift;
            if byte & 0x80 == 0 {
                return Ok(value);
            }
        }
        Err(CUT)
    }

    fn signed(&mut self) -> Result<i64, Wrong> {
        let value = self.varint()?;
        Ok((value >> 1) as i64 ^ -((value & 1) as i64))
    }

    /// A number of at most 32 bits.
    fn bits(&mut self, width: u8) -> Result<u64, Wrong> {
        if width > 32 {
            return Err("the lengths of a page are too wide");
        }
        let mut window = [0; 8];
        let some = self.bytes.len().min(8);
        window[..some].copy_from_slice(&self.bytes[..some]);
        let end = self.at + u32::from(width);
        if end as usize > some * 8 {
            return Err(CUT);
        }
        let value = (u64::from_le_bytes(window) >> self.at) & ((1 << width) - 1);
        self.bytes = &self.bytes[(end / 8) as usize..];
        self.at = end % 8;
        Ok(value)
    }
}
