//! Where bytes of a kind are in a block of 64, as a bit mask; and where the bits of masks are. With the instructions
//! that the processor has: AVX2 where it is found, else SSE2, else words of 8 bytes.

/// Bytes that are looked at together.
pub(super) const BLOCK: usize = 64;

/// What is done with the masks of blocks.
pub(super) trait Walk {
    /// `equal` gives the mask of the bytes of a block that are the one wanted.
    fn walk(self, equal: impl Fn(&[u8; BLOCK], u8) -> u64);
}

/// Lets a walk run with the best masks there are.
pub(super) fn run(walk: impl Walk) {
    #[cfg(target_arch = "x86_64")]
    x86::run(walk);
    #[cfg(not(target_arch = "x86_64"))]
    walk.walk(by_words);
}

/// With nothing but integers.
#[cfg_attr(all(target_arch = "x86_64", not(test)), expect(dead_code, reason = "for other processors"))]
fn by_words(block: &[u8; BLOCK], wanted: u8) -> u64 {
    const ONES: u64 = 0x0101_0101_0101_0101;
    const LOW: u64 = 0x7F7F_7F7F_7F7F_7F7F;
    let mut mask = 0;
    let (words, _) = block.as_chunks::<8>();
    for (index, word) in words.iter().enumerate() {
        let different = u64::from_le_bytes(*word) ^ (u64::from(wanted) * ONES);
        // The high bit of each byte that is 0.
        let same = !(((different & LOW) + LOW) | different | LOW);
        // The high bits, one beside the other.
        let bits = (same >> 7).wrapping_mul(0x0102_0408_1020_4080) >> 56;
        mask |= bits << (8 * index);
    }
    mask
}

#[cfg(target_arch = "x86_64")]
mod x86 {
    use super::Walk;
    use std::arch::x86_64::*;

    pub(super) fn run(walk: impl Walk) {
        let has_avx2 =
            is_x86_feature_detected!("avx2") && is_x86_feature_detected!("bmi1") && is_x86_feature_detected!("popcnt");
        #[expect(unsafe_code, reason = "instructions that not all processors have")]
        // SAFETY: the processor has what each function is compiled for: that was just found, and all of this kind
        // have SSE2.
        unsafe {
            if has_avx2 { by_avx2(walk) } else { by_sse2(walk) }
        }
    }

    /// As on a processor without AVX2.
    #[cfg(test)]
    pub(super) fn run_least(walk: impl Walk) {
        #[expect(unsafe_code, reason = "instructions that are not in all builds")]
        // SAFETY: all processors of this kind have SSE2.
        unsafe {
            by_sse2(walk)
        }
    }

    #[target_feature(enable = "avx2,bmi1,popcnt")]
    fn by_avx2(walk: impl Walk) {
        walk.walk(|block, wanted| {
            let wanted = _mm256_set1_epi8(wanted as i8);
            let (halves, _) = block.as_chunks::<32>();
            let mut mask = 0;
            for (index, half) in halves.iter().enumerate() {
                let (words, _) = half.as_chunks::<8>();
                let [a, b, c, d] = [0, 1, 2, 3].map(|word| i64::from_le_bytes(words[word]));
                let same = _mm256_cmpeq_epi8(_mm256_set_epi64x(d, c, b, a), wanted);
                mask |= u64::from(_mm256_movemask_epi8(same) as u32) << (32 * index);
            }
            mask
        });
    }

    #[target_feature(enable = "sse2")]
    fn by_sse2(walk: impl Walk) {
        walk.walk(|block, wanted| {
            let wanted = _mm_set1_epi8(wanted as i8);
            let (quarters, _) = block.as_chunks::<16>();
            let mut mask = 0;
            for (index, quarter) in quarters.iter().enumerate() {
                let (words, _) = quarter.as_chunks::<8>();
                let [a, b] = [0, 1].map(|word| i64::from_le_bytes(words[word]));
                let same = _mm_cmpeq_epi8(_mm_set_epi64x(b, a), wanted);
                mask |= u64::from(_mm_movemask_epi8(same) as u32) << (16 * index);
            }
            mask
        });
    }
}

/// How many bits there are.
pub(super) fn count(masks: &[u64]) -> usize {
    let mut count = 0;
    run(Count(masks, &mut count));
    count
}

struct Count<'a>(&'a [u64], &'a mut usize);

impl Walk for Count<'_> {
    #[inline(always)]
    fn walk(self, _: impl Fn(&[u8; BLOCK], u8) -> u64) {
        *self.1 = self.0.iter().map(|mask| mask.count_ones() as usize).sum();
    }
}

/// Appends the places of the bits of masks, 64 to a mask. There are `count` in all.
pub(super) fn places(masks: &[u64], count: usize, places: &mut Vec<u32>) {
    let from = places.len();
    places.resize(from + count + BLOCK, 0);
    let mut written = 0;
    run(Places { masks, places: &mut places[from..], written: &mut written });
    places.truncate(from + written.min(count));
}

struct Places<'a> {
    masks: &'a [u64],
    places: &'a mut [u32],
    written: &'a mut usize,
}

impl Walk for Places<'_> {
    #[inline(always)]
    fn walk(self, _: impl Fn(&[u8; BLOCK], u8) -> u64) {
        let mut written = 0;
        for (index, mask) in self.masks.iter().enumerate() {
            let mut mask = *mask;
            let count = mask.count_ones() as usize;
            let Some(places) = self.places.get_mut(written..).and_then(|places| places.first_chunk_mut::<BLOCK>())
            else {
                break;
            };
            let first = (index * BLOCK) as u32;
            // Eight at once: more than there are is overwritten by the next mask.
            let (groups, _) = places.as_chunks_mut::<8>();
            for group in groups.iter_mut().take(count.div_ceil(8)) {
                for place in group {
                    *place = first + mask.trailing_zeros();
                    mask &= mask.wrapping_sub(1);
                }
            }
            written += count;
        }
        *self.written = written;
    }
}

#[cfg(all(test, not(model)))]
mod tests {
    use super::*;

    struct Compare<'a>(&'a [[u8; BLOCK]], &'a mut usize);

    impl Walk for Compare<'_> {
        fn walk(self, equal: impl Fn(&[u8; BLOCK], u8) -> u64) {
            for block in self.0 {
                for wanted in [0, b',', 0x7F, 0x80, 0xFF, block[0]] {
                    let slow = (0..BLOCK).map(|at| u64::from(block[at] == wanted) << at).sum::<u64>();
                    assert_eq!(equal(block, wanted), slow);
                    *self.1 += 1;
                }
            }
        }
    }

    #[test]
    fn all_ways_give_the_same_masks() {
        let mut random = fastrand::Rng::with_seed(7);
        let few = [0, b',', 0x7F, 0x80, 0xFF, 0x81, 1, b'-'];
        let blocks: Vec<[u8; BLOCK]> = (0..500)
            .map(|round| std::array::from_fn(|_| if round % 2 == 0 { random.u8(..) } else { few[random.usize(..8)] }))
            .collect();
        let mut compared = 0;
        run(Compare(&blocks, &mut compared));
        Compare(&blocks, &mut compared).walk(by_words);
        #[cfg(target_arch = "x86_64")]
        x86::run_least(Compare(&blocks, &mut compared));
        assert!(compared >= 6000);
    }

    #[test]
    fn places_are_those_of_the_bits() {
        let mut random = fastrand::Rng::with_seed(8);
        let masks: Vec<u64> =
            (0..300).map(|round| [random.u64(..), 0, u64::MAX, random.u64(..) & random.u64(..)][round % 4]).collect();
        let wanted: Vec<u32> =
            (0..masks.len() as u32 * 64).filter(|at| masks[*at as usize / 64] >> (at % 64) & 1 == 1).collect();
        let mut found = vec![u32::MAX];
        places(&masks, wanted.len(), &mut found);
        assert_eq!(found[1..], wanted);
        assert_eq!(count(&masks), wanted.len());
    }
}
