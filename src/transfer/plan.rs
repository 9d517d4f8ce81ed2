//! Which bytes of an object, in which parts: arithmetic alone.

use crate::error::{Error, Kind, Result};
use crate::stores::Extent;
use smallvec::SmallVec;

/// Things of which there is mostly one: that one takes no memory of its own.
pub(crate) type Few<T> = SmallVec<[T; 1]>;

/// Some bytes of an object.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Span {
    /// First byte.
    pub offset: u64,
    /// Bytes.
    pub size: u64,
}

impl Span {
    pub(crate) fn end(self) -> u64 {
        self.offset.saturating_add(self.size)
    }
}

/// What an extent means for an object of `total` bytes.
pub(crate) fn span(extent: Extent, total: u64) -> Result<Span> {
    let (offset, length) = match extent {
        Extent::From { offset, length } => (offset, length),
        Extent::Last(length) => return Ok(Span { offset: total.saturating_sub(length), size: length.min(total) }),
    };
    if offset > 0 && offset >= total {
        let message = format!("the range begins at byte {offset}, and the object has {total}; ask for less");
        return Err(Error::new(Kind::Range, message));
    }
    Ok(Span { offset, size: length.min(total - offset) })
}

/// A range that must lie whole within an object of `total` bytes.
pub(crate) fn within(range: Span, total: u64) -> Result<Span> {
    if range.offset.checked_add(range.size).is_some_and(|end| end <= total) {
        return Ok(range);
    }
    let Span { offset, size } = range;
    let message = format!("the range of {size} bytes from {offset} on ends behind the object, which has {total}");
    Err(Error::new(Kind::Range, message))
}

/// Refuses bytes that do not fit into a buffer.
pub(crate) fn check_fits(size: u64, buffer_size: u64) -> Result<()> {
    if size <= buffer_size {
        return Ok(());
    }
    let message = format!("the buffer has {buffer_size} bytes and {size} are needed; lend more, or ask for a range");
    Err(Error { result: size, ..Error::new(Kind::TooSmall, message) })
}

/// Divides a span into parts of `part_size` bytes, the last of what is left.
pub(crate) fn parts(span: Span, part_size: u64) -> impl Iterator<Item = Span> {
    let part_size = part_size.max(1);
    (0..span.size.div_ceil(part_size)).map(move |index| {
        let begin = index * part_size;
        Span { offset: span.offset + begin, size: part_size.min(span.size - begin) }
    })
}

#[cfg(all(test, not(model)))]
mod tests {
    use super::*;

    #[test]
    fn a_span_is_cut_at_the_end_of_the_object() {
        let from = |offset, length, total| span(Extent::From { offset, length }, total);
        assert_eq!(from(0, u64::MAX, 10).unwrap(), Span { offset: 0, size: 10 });
        assert_eq!(from(3, 4, 10).unwrap(), Span { offset: 3, size: 4 });
        assert_eq!(from(9, 4, 10).unwrap(), Span { offset: 9, size: 1 });
        assert_eq!(from(0, u64::MAX, 0).unwrap(), Span { offset: 0, size: 0 });
        assert_eq!(from(10, 1, 10).unwrap_err().kind, Kind::Range);
        assert_eq!(from(1, 0, 0).unwrap_err().kind, Kind::Range);
        assert_eq!(from(u64::MAX, u64::MAX, 10).unwrap_err().kind, Kind::Range);
    }

    #[test]
    fn what_does_not_fit_says_what_is_needed() {
        let error = check_fits(11, 10).unwrap_err();
        assert_eq!((error.kind, error.result), (Kind::TooSmall, 11));
        assert!(check_fits(10, 10).is_ok());
    }

    #[test]
    fn the_last_bytes_are_at_most_all() {
        assert_eq!(span(Extent::Last(3), 10).unwrap(), Span { offset: 7, size: 3 });
        assert_eq!(span(Extent::Last(u64::MAX), 10).unwrap(), Span { offset: 0, size: 10 });
        assert_eq!(span(Extent::Last(0), 10).unwrap(), Span { offset: 10, size: 0 });
        assert_eq!(span(Extent::Last(3), 0).unwrap(), Span { offset: 0, size: 0 });
    }

    #[test]
    fn of_several_ranges_none_is_cut() {
        assert!(within(Span { offset: 8, size: 2 }, 10).is_ok());
        assert!(within(Span { offset: 10, size: 0 }, 10).is_ok());
        assert_eq!(within(Span { offset: 8, size: 3 }, 10).unwrap_err().kind, Kind::Range);
        assert_eq!(within(Span { offset: u64::MAX, size: u64::MAX }, 10).unwrap_err().kind, Kind::Range);
    }

    #[test]
    fn parts_cover_the_span_once() {
        for size in [0, 1, 7, 8, 9, 15, 16, 17, 64] {
            let span = Span { offset: 5, size };
            let mut next = span.offset;
            for part in parts(span, 8) {
                assert_eq!(part.offset, next);
                assert!((1..=8).contains(&part.size));
                next += part.size;
            }
            assert_eq!(next, span.offset + size);
            assert_eq!(parts(span, 8).count() as u64, size.div_ceil(8));
        }
    }
}
