//! Which bytes of an object go where: pieces of lent memory, and the runs of them that one answer fills.

use super::plan::{Few, Span};
use crate::memory::{LentMut, Revoked};
use smallvec::smallvec;

/// The most bytes between two pieces that are asked for and thrown away to save a request.
const MOST_GAP: u64 = 1 << 20;

/// Bytes that lie together in the object and in memory.
pub(crate) struct Piece {
    /// Where they begin in the object.
    pub(crate) offset: u64,
    pub(crate) place: LentMut,
}

impl Piece {
    fn size(&self) -> u64 {
        self.place.size() as u64
    }

    fn end(&self) -> u64 {
        self.offset.saturating_add(self.size())
    }

    /// Divides it in two, the first of `size` bytes.
    fn split_at(self, size: u64) -> (Piece, Piece) {
        let (first, rest) = self.place.split_at(size as usize);
        (Piece { offset: self.offset, place: first }, Piece { offset: self.offset + size, place: rest })
    }
}

/// Pours spans, in their order, into buffers, in theirs, which have room for them.
pub(crate) fn lay(spans: &[Span], buffers: Few<LentMut>) -> Few<Piece> {
    let mut pieces = Few::new();
    let mut buffers = buffers.into_iter();
    let mut room: Option<LentMut> = None;
    for span in spans {
        let (mut offset, mut size) = (span.offset, span.size);
        while size > 0 {
            let Some(buffer) = room.take().filter(|buffer| buffer.size() > 0).or_else(|| buffers.next()) else {
                return pieces;
            };
            let taken = size.min(buffer.size() as u64);
            let (place, rest) = buffer.split_at(taken as usize);
            room = Some(rest);
            if place.size() > 0 {
                size -= place.size() as u64;
                pieces.push(Piece { offset, place });
                offset = span.end() - size;
            }
        }
    }
    pieces
}

/// Pieces that one answer fills.
pub(crate) struct Run {
    /// From the first byte of them to behind the last.
    pub(crate) span: Span,
    pub(crate) pieces: Few<Piece>,
}

impl Run {
    /// All of the pieces, in whichever order.
    pub(crate) fn of(pieces: Few<Piece>) -> Run {
        let offset = pieces.iter().map(|piece| piece.offset).min().unwrap_or_default();
        let end = pieces.iter().map(Piece::end).max().unwrap_or_default();
        Run { span: Span { offset, size: end - offset }, pieces }
    }

    /// Puts bytes of the object from `offset` on into every place that they belong to.
    pub(crate) fn copy(&mut self, offset: u64, bytes: &[u8]) -> Result<(), Revoked> {
        let end = offset + bytes.len() as u64;
        for piece in &mut self.pieces {
            let (from, until) = (piece.offset.max(offset), piece.end().min(end));
            if from < until {
                let wanted = &bytes[(from - offset) as usize..(until - offset) as usize];
                piece.place.copy_from((from - piece.offset) as usize, wanted)?;
            }
        }
        Ok(())
    }
}

/// Makes runs of pieces, in their order: of `part_size` bytes at most, and with small gaps at most.
pub(crate) struct Runs {
    /// The piece that comes next, where a part of it has gone already.
    ahead: Option<Piece>,
    behind: smallvec::IntoIter<[Piece; 1]>,
    part_size: u64,
}

impl Runs {
    pub(crate) fn new(pieces: Few<Piece>, part_size: u64) -> Runs {
        Runs { ahead: None, behind: pieces.into_iter(), part_size: part_size.max(1) }
    }

    /// What is left, in one run.
    pub(crate) fn rest(self) -> Few<Piece> {
        self.ahead.into_iter().chain(self.behind).collect()
    }

    fn take(&mut self) -> Option<Piece> {
        self.ahead.take().or_else(|| self.behind.next())
    }

    /// At most `size` bytes of a piece; the rest of it comes next.
    fn cut(&mut self, piece: Piece, size: u64) -> Piece {
        if piece.size() <= size {
            return piece;
        }
        let (first, rest) = piece.split_at(size);
        self.ahead = Some(rest);
        first
    }
}

impl Iterator for Runs {
    type Item = Run;

    fn next(&mut self) -> Option<Run> {
        let first = self.take()?;
        let first = self.cut(first, self.part_size);
        let mut span = Span { offset: first.offset, size: first.size() };
        let mut pieces = smallvec![first];
        while let Some(piece) = self.take() {
            let room = self.part_size - span.size;
            let piece = match piece.offset.checked_sub(span.end()) {
                Some(0) if room > 0 => self.cut(piece, room),
                Some(gap) if gap <= MOST_GAP && gap.saturating_add(piece.size()) <= room => piece,
                _ => {
                    self.ahead = Some(piece);
                    break;
                }
            };
            span.size = piece.end() - span.offset;
            pieces.push(piece);
        }
        Some(Run { span, pieces })
    }
}

#[cfg(all(test, not(model)))]
mod tests {
    use super::*;
    use crate::memory::Memory;

    fn buffers(sizes: &[usize]) -> (Vec<Memory>, Few<LentMut>) {
        sizes.iter().map(|size| Memory::reserve(*size).unwrap()).unzip()
    }

    fn spans(of: &[(u64, u64)]) -> Vec<Span> {
        of.iter().map(|(offset, size)| Span { offset: *offset, size: *size }).collect()
    }

    /// The runs of an object whose byte at an offset is that offset, once they are all filled.
    fn filled(ranges: &[(u64, u64)], sizes: &[usize], part_size: u64) -> (Vec<(u64, u64)>, Vec<u8>) {
        let (memories, buffers) = buffers(sizes);
        let object: Vec<u8> = (0..=255).collect();
        let mut runs = Vec::new();
        for mut run in Runs::new(lay(&spans(ranges), buffers), part_size) {
            let Span { offset, size } = run.span;
            runs.push((offset, size));
            // In two steps, as bytes come.
            let middle = offset + size / 2;
            run.copy(offset, &object[offset as usize..middle as usize]).unwrap();
            run.copy(middle, &object[middle as usize..(offset + size) as usize]).unwrap();
        }
        (runs, memories.iter().flat_map(|memory| memory.bytes().to_vec()).collect())
    }

    #[test]
    fn one_span_is_divided_into_parts() {
        let (runs, bytes) = filled(&[(10, 20)], &[20], 8);
        assert_eq!(runs, [(10, 8), (18, 8), (26, 4)]);
        assert_eq!(bytes, (10..30).collect::<Vec<u8>>());
    }

    #[test]
    fn parts_do_not_mind_where_buffers_end() {
        let (runs, bytes) = filled(&[(10, 20)], &[3, 0, 9, 5, 3], 8);
        assert_eq!(runs, [(10, 8), (18, 8), (26, 4)]);
        assert_eq!(bytes, (10..30).collect::<Vec<u8>>());
    }

    #[test]
    fn ranges_that_are_near_each_other_share_a_run() {
        let (runs, bytes) = filled(&[(10, 2), (14, 2), (100, 3), (50, 2)], &[9], 64);
        assert_eq!(runs, [(10, 6), (100, 3), (50, 2)]);
        assert_eq!(bytes, [10, 11, 14, 15, 100, 101, 102, 50, 51]);
        let (runs, bytes) = filled(&[(5, 4), (7, 4)], &[8], 64);
        assert_eq!(runs, [(5, 4), (7, 4)]);
        assert_eq!(bytes, [5, 6, 7, 8, 7, 8, 9, 10]);
    }

    #[test]
    fn one_stream_fills_all_pieces_in_any_order() {
        let (memories, buffers) = buffers(&[4, 4]);
        let mut run = Run::of(lay(&spans(&[(7, 4), (5, 4)]), buffers));
        assert_eq!(run.span, Span { offset: 5, size: 6 });
        run.copy(5, &[5, 6, 7, 8, 9, 10]).unwrap();
        drop(run);
        assert_eq!((memories[0].bytes(), memories[1].bytes()), (&[7, 8, 9, 10][..], &[5, 6, 7, 8][..]));
    }

    #[test]
    fn nothing_is_no_run() {
        assert_eq!(filled(&[(10, 0)], &[], 8), (vec![], vec![]));
        assert_eq!(filled(&[], &[4], 8).0, []);
    }
}
