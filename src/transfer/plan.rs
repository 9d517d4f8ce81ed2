//! Which bytes of an object, in which parts: arithmetic alone.

use crate::error::{Error, Kind, Result};

/// Some bytes of an object.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Span {
    pub(crate) offset: u64,
    pub(crate) size: u64,
}

/// What a get of `length` bytes from `offset` on means for an object of `total` bytes.
pub(crate) fn span(offset: u64, length: u64, total: u64) -> Result<Span> {
    if offset > 0 && offset >= total {
        let message = format!("the range begins at byte {offset}, and the object has {total}; ask for less");
        return Err(Error::new(Kind::Range, message));
    }
    Ok(Span { offset, size: length.min(total - offset) })
}

/// Refuses a span that does not fit into a buffer.
pub(crate) fn check_fits(span: Span, buffer_size: usize) -> Result<()> {
    if span.size <= buffer_size as u64 {
        return Ok(());
    }
    let message =
        format!("the buffer has {buffer_size} bytes and {} are needed; lend more, or ask for a range", span.size);
    Err(Error { result: span.size, ..Error::new(Kind::TooSmall, message) })
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
        assert_eq!(span(0, u64::MAX, 10).unwrap(), Span { offset: 0, size: 10 });
        assert_eq!(span(3, 4, 10).unwrap(), Span { offset: 3, size: 4 });
        assert_eq!(span(9, 4, 10).unwrap(), Span { offset: 9, size: 1 });
        assert_eq!(span(0, u64::MAX, 0).unwrap(), Span { offset: 0, size: 0 });
        assert_eq!(span(10, 1, 10).unwrap_err().kind, Kind::Range);
        assert_eq!(span(1, 0, 0).unwrap_err().kind, Kind::Range);
        assert_eq!(span(u64::MAX, u64::MAX, 10).unwrap_err().kind, Kind::Range);
    }

    #[test]
    fn what_does_not_fit_says_what_is_needed() {
        let error = check_fits(Span { offset: 0, size: 11 }, 10).unwrap_err();
        assert_eq!((error.kind, error.result), (Kind::TooSmall, 11));
        assert!(check_fits(Span { offset: 5, size: 10 }, 10).is_ok());
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
