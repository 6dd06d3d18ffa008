//! Loops over a block of scores while it is in the cache: which reach their threshold, and the largest of each column.
//!
//! A block is [rows, columns], rows contiguous; what belongs to a column (a threshold, a maximum) lies side by side, so that sixteen
//! scores are looked at with one instruction. Comparisons are exact and maxima free of order: nothing here rounds.

use super::isa::compiled_for_each_isa;

/// Columns that are looked at together: two AVX-512 registers, or eight of the least.
const STRIP: usize = 32;

compiled_for_each_isa! {
    /// Appends to `found` where the scores lie, as positions in `scores`, that are at least the threshold of their column. `scores`
    /// has rows as long as `thresholds`. A NaN never reaches a threshold.
    pub fn reaching(scores: &[f32], thresholds: &[f32], found: &mut Vec<u32>) {
        if thresholds.is_empty() {
            return;
        }
        let mut start = 0;
        for row in scores.chunks_exact(thresholds.len()) {
            let (strips, rest) = row.as_chunks::<STRIP>();
            let (bounds, last) = thresholds.as_chunks::<STRIP>();
            for (strip, bounds) in strips.iter().zip(bounds) {
                // Nearly always none does.
                let mut any = false;
                for (score, bound) in strip.iter().zip(bounds) {
                    any |= score >= bound;
                }
                if any {
                    push_reaching(strip, bounds, start, found);
                }
                start += STRIP;
            }
            push_reaching(rest, last, start, found);
            start += rest.len();
        }
    }

    /// Raises each of `maxima` to the largest score of its column. `scores` has rows as long as `maxima`, without NaN.
    pub fn raise_maxima(scores: &[f32], maxima: &mut [f32]) {
        let width = maxima.len();
        let (strips, rest) = maxima.as_chunks_mut::<STRIP>();
        let whole = strips.len() * STRIP;
        for (i, maxima) in strips.iter_mut().enumerate() {
            // A copy, so that the maxima stay in registers while the rows pass by.
            let mut largest = *maxima;
            for row in scores.chunks_exact(width) {
                for (m, x) in largest.iter_mut().zip(&row[i * STRIP..][..STRIP]) {
                    *m = if *x > *m { *x } else { *m };
                }
            }
            *maxima = largest;
        }
        if !rest.is_empty() {
            for row in scores.chunks_exact(width) {
                for (m, x) in rest.iter_mut().zip(&row[whole..]) {
                    *m = if *x > *m { *x } else { *m };
                }
            }
        }
    }
}

/// [`reaching`] of a piece of a row that begins at position `start`.
#[inline(always)]
fn push_reaching(scores: &[f32], thresholds: &[f32], start: usize, found: &mut Vec<u32>) {
    for (i, (score, bound)) in scores.iter().zip(thresholds).enumerate() {
        if score >= bound {
            found.push((start + i) as u32);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::kernel::isa::Isa;
    use crate::kernel::random::Stream;

    /// Runs `check` with every instruction set on blocks of awkward shapes: scores of few values, infinities and both zeros among them.
    fn everywhere(check: impl Fn(&[f32], usize, &mut Stream)) {
        for isa in Isa::ALL.into_iter().filter(|isa| isa.present()) {
            assert!(isa.force());
            for (item, (rows, width)) in
                [(0, 5), (1, 1), (3, 31), (7, 32), (5, 33), (2, 64), (9, 100)].into_iter().enumerate()
            {
                let mut stream = Stream::new(6, "scores", item.to_le_bytes());
                let scores: Vec<f32> = (0..rows * width).map(|_| value(&mut stream)).collect();
                check(&scores, width, &mut stream);
            }
        }
        assert!(Isa::best().force());
    }

    fn value(stream: &mut Stream) -> f32 {
        match stream.index(12) {
            Some(0) => f32::INFINITY,
            Some(1) => f32::NEG_INFINITY,
            Some(2) => -0.0,
            Some(i) => i as f32 - 7.0,
            None => 0.0,
        }
    }

    #[test]
    fn what_reaches_its_threshold_is_found_in_order() {
        everywhere(|scores, width, stream| {
            let thresholds: Vec<f32> = (0..width).map(|_| value(stream)).collect();
            let expected: Vec<u32> =
                (0..scores.len()).filter(|i| scores[*i] >= thresholds[i % width]).map(|i| i as u32).collect();
            let mut found = Vec::new();
            reaching(scores, &thresholds, &mut found);
            assert_eq!(found, expected, "{width}");
        });
    }

    #[test]
    fn maxima_are_those_of_the_columns() {
        everywhere(|scores, width, stream| {
            let mut maxima: Vec<f32> = (0..width).map(|_| value(stream)).collect();
            let expected: Vec<f32> = (0..width)
                .map(|column| scores.iter().skip(column).step_by(width).copied().fold(maxima[column], f32::max))
                .collect();
            raise_maxima(scores, &mut maxima);
            assert_eq!(maxima, expected, "{width}");
        });
    }
}
