//! Short texts as words: several digits are looked at with one instruction.

const ONES: u64 = 0x0101_0101_0101_0101;
const HIGH: u64 = 0x80 * ONES;
const ZEROS: u64 = b'0' as u64 * ONES;
/// The longest text that is a word.
const LONGEST: usize = 16;

/// A text of 1 to 8 bytes, the first the lowest.
#[inline(always)]
fn load(text: &[u8]) -> Option<u64> {
    if let (Some(first), Some(last)) = (text.first_chunk::<4>(), text.last_chunk::<4>()) {
        // Where they overlap they are the same.
        let last = u64::from(u32::from_le_bytes(*last));
        return (text.len() <= 8).then(|| u64::from(u32::from_le_bytes(*first)) | last << (8 * (text.len() - 4)));
    }
    match *text {
        [a] => Some(u64::from(a)),
        [a, b] => Some(u64::from(u16::from_le_bytes([a, b]))),
        [a, b, c] => Some(u64::from(u32::from_le_bytes([a, b, c, 0]))),
        _ => None,
    }
}

/// A text of 9 to 16 bytes: its first 8, and its last 8.
#[inline(always)]
fn load_two(text: &[u8]) -> Option<(u64, u64)> {
    let (first, last) = (text.first_chunk::<8>()?, text.last_chunk::<8>()?);
    (9..=LONGEST).contains(&text.len()).then(|| (u64::from_le_bytes(*first), u64::from_le_bytes(*last)))
}

/// Whether each byte is at most 9.
#[inline(always)]
fn are_digits(bytes: u64) -> bool {
    (bytes.wrapping_add(0x76 * ONES) | bytes) & HIGH == 0
}

/// The number of eight digits, the first the lowest byte and the highest digit.
#[inline(always)]
fn eight(digits: u64) -> u64 {
    const PAIRS: u64 = 0x0000_00FF_0000_00FF;
    let pairs = digits.wrapping_mul(10).wrapping_add(digits >> 8);
    let first = (pairs & PAIRS).wrapping_mul(0x000F_4240_0000_0064);
    let second = (pairs >> 16 & PAIRS).wrapping_mul(0x0000_2710_0000_0001);
    first.wrapping_add(second) >> 32
}

/// The number that the lowest bytes of a word are; 1 to 8 digits.
#[inline(always)]
fn few(word: u64, length: usize) -> Option<u64> {
    let digits = (word ^ ZEROS) << (8 * (8 - length));
    are_digits(digits).then(|| eight(digits))
}

/// The number of 1 to 16 digits. None: it is something else.
#[inline(always)]
pub(super) fn short_integer(text: &[u8]) -> Option<u64> {
    if let Some(word) = load(text) {
        return few(word, text.len());
    }
    let (first, last) = load_two(text)?;
    // What both have is taken from the last.
    let (first, last) = ((first ^ ZEROS) << (8 * (LONGEST - text.len())), last ^ ZEROS);
    (are_digits(first) && are_digits(last)).then(|| eight(first) * 100_000_000 + eight(last))
}

/// The number of at most 16 bytes that are digits, maybe with a point among them, rounded as it has to be. None: it is
/// something else, or takes more care.
#[inline(always)]
pub(super) fn short_float(text: &[u8]) -> Option<f64> {
    /// Whole numbers up to here are floats; and so are these powers of ten. So their quotient is rounded once.
    const EXACT: u64 = 1 << 53;
    const POWERS: [f64; LONGEST] =
        [1e0, 1e1, 1e2, 1e3, 1e4, 1e5, 1e6, 1e7, 1e8, 1e9, 1e10, 1e11, 1e12, 1e13, 1e14, 1e15];
    let (value, behind) = match load(text) {
        Some(word) => few_with_point(word, text.len())?,
        None => many_with_point(text)?,
    };
    (value <= EXACT).then(|| value as f64 / POWERS[behind % LONGEST])
}

/// The place of the first point in a word, or a number that is no place.
#[inline(always)]
fn point(word: u64) -> usize {
    let different = word ^ (u64::from(b'.') * ONES);
    ((different.wrapping_sub(ONES) & !different & HIGH).trailing_zeros() / 8) as usize
}

/// The digits of 1 to 8 bytes as a number, and how many are behind the point.
#[inline(always)]
fn few_with_point(word: u64, length: usize) -> Option<(u64, usize)> {
    let place = point(word);
    if place >= length {
        return Some((few(word, length)?, 0));
    }
    if length == 1 {
        return None;
    }
    let below = (1u64 << (8 * place)) - 1;
    Some((few((word & below) | (word >> 8 & !below), length - 1)?, length - 1 - place))
}

/// The same of 9 to 16 bytes.
#[inline(always)]
fn many_with_point(text: &[u8]) -> Option<(u64, usize)> {
    let (first, last) = load_two(text)?;
    let (behind, before) = (point(last), point(first));
    let length = text.len();
    let place = if before < 8 { before } else { length - 8 + behind };
    if place >= length {
        return Some((short_integer(text)?, 0));
    }
    let word = u128::from(first) | u128::from(last) << (8 * (length - 8));
    let below = (1u128 << (8 * place)) - 1;
    let word = ((word & below) | (word >> 8 & !below)) ^ (u128::from(ZEROS) << 64 | u128::from(ZEROS));
    let word = word << (8 * (LONGEST + 1 - length));
    let (first, last) = (word as u64, (word >> 64) as u64);
    if !are_digits(first) || !are_digits(last) {
        return None;
    }
    Some((eight(first) * 100_000_000 + eight(last), length - 1 - place))
}

/// Year, month and day of a text like `2024-02-29`; digits are checked, and nothing else.
#[inline(always)]
pub(super) fn date(text: &[u8; 10]) -> Option<(u32, u32, u32)> {
    const SHAPE: u64 = u64::from_le_bytes(*b"0000-00-");
    // The most that may be, from 0x7F: 9 for digits, 0 for lines.
    const ROOM: u64 = u64::from_le_bytes([0x76, 0x76, 0x76, 0x76, 0x7F, 0x76, 0x76, 0x7F]);
    let [a, b, c, d, e, f, g, h, tens, ones] = *text;
    let word = u64::from_le_bytes([a, b, c, d, e, f, g, h]) ^ SHAPE;
    let (tens, ones) = (u32::from(tens ^ b'0'), u32::from(ones ^ b'0'));
    if (word.wrapping_add(ROOM) | word) & HIGH != 0 || tens > 9 || ones > 9 {
        return None;
    }
    let [a, b, c, d, _, e, f, _] = word.to_le_bytes().map(u32::from);
    Some((a * 1000 + b * 100 + c * 10 + d, e * 10 + f, tens * 10 + ones))
}

/// Seconds of a text like `12:30:00`.
#[inline(always)]
pub(super) fn time(text: &[u8; 8]) -> Option<u32> {
    const SHAPE: u64 = u64::from_le_bytes(*b"00:00:00");
    // Tens of minutes and seconds are at most 5.
    const ROOM: u64 = u64::from_le_bytes([0x7D, 0x76, 0x7F, 0x7A, 0x76, 0x7F, 0x7A, 0x76]);
    let word = u64::from_le_bytes(*text) ^ SHAPE;
    if (word.wrapping_add(ROOM) | word) & HIGH != 0 {
        return None;
    }
    let [a, b, _, c, d, _, e, f] = word.to_le_bytes().map(u32::from);
    let hours = a * 10 + b;
    (hours < 24).then_some(hours * 3600 + (c * 10 + d) * 60 + e * 10 + f)
}

/// Copies a text to the begin of a place that is no shorter.
#[inline(always)]
pub(super) fn put(text: &[u8], to: &mut [u8]) {
    let Some(to) = to.get_mut(..text.len()) else { return };
    if text.len() > LONGEST {
        to.copy_from_slice(text);
        return;
    }
    // The first and the last bytes: a call to copy them takes longer.
    if put_ends::<8>(text, to) || put_ends::<4>(text, to) {
        return;
    }
    for (to, byte) in to.iter_mut().zip(text).take(3) {
        *to = *byte;
    }
}

/// Copies the first bytes of a text and the last, if it is not shorter.
#[inline(always)]
fn put_ends<const SIZE: usize>(text: &[u8], to: &mut [u8]) -> bool {
    let (Some(first), Some(last)) = (text.first_chunk::<SIZE>(), text.last_chunk::<SIZE>()) else { return false };
    if let Some(to) = to.first_chunk_mut::<SIZE>() {
        *to = *first;
    }
    if let Some(to) = to.last_chunk_mut::<SIZE>() {
        *to = *last;
    }
    true
}

#[cfg(all(test, not(model)))]
mod tests {
    use super::*;

    #[test]
    fn integers_are_those_of_the_standard_library() {
        let mut random = fastrand::Rng::with_seed(1);
        for _ in 0..200_000 {
            let mut text: Vec<u8> = (0..random.usize(..19)).map(|_| random.u8(b'0'..=b'9')).collect();
            if random.usize(..3) == 0 && !text.is_empty() {
                let at = random.usize(..text.len());
                text[at] = random.u8(..);
            }
            let wanted = match text.iter().all(u8::is_ascii_digit) && text.len() <= LONGEST {
                true => std::str::from_utf8(&text).unwrap().parse().ok(),
                false => None,
            };
            assert_eq!(short_integer(&text), wanted, "{text:?}");
        }
    }

    #[test]
    fn floats_are_those_of_the_standard_library() {
        let mut random = fastrand::Rng::with_seed(2);
        let mut read = 0;
        for _ in 0..300_000 {
            let mut text: Vec<u8> = (0..random.usize(..19)).map(|_| random.u8(b'0'..=b'9')).collect();
            for _ in 0..random.usize(..3) {
                text.insert(random.usize(..=text.len()), b'.');
            }
            if random.usize(..9) == 0 && !text.is_empty() {
                let at = random.usize(..text.len());
                text[at] = random.u8(..);
            }
            if let Some(found) = short_float(&text) {
                let wanted: f64 = std::str::from_utf8(&text).unwrap().parse().unwrap();
                assert_eq!(found.to_bits(), wanted.to_bits(), "{text:?}");
                read += 1;
            }
        }
        assert!(read > 100_000);
        assert_eq!(short_float(b"."), None);
        assert_eq!(short_float(b"9007199254740993"), None);
    }

    #[test]
    fn texts_are_copied() {
        for size in 0..40u8 {
            let text: Vec<u8> = (1..=size).collect();
            let mut to = [0; 50];
            put(&text, &mut to);
            assert_eq!((&to[..text.len()], to[text.len()]), (&text[..], 0));
        }
    }
}
