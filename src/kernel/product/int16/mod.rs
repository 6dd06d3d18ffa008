//! Exact products of 12-bit digits: AVX-512 VNNI.
//!
//! A grid value is q = h·2^12 + l with |h| ≤ 2,040 and |l| ≤ 2,048. Of a product's four parts three are multiplied (Karatsuba): Σ hh', Σ ll' and
//! Σ (h + l)(h' + l'), for the middle one is hl' + lh' = (h + l)(h' + l') − hh' − ll'. `vpdpwssd` multiplies 32 pairs of 16-bit numbers and adds them, two by two,
//! into 16 sums of 32 bits that wrap. Over a block of 256 terms no sum that is wanted leaves 32 bits: |Σ hh'| ≤ 256·2,040² < 2^31, |Σ ll'| ≤ 256·2,048² = 2^30,
//! |Σ hl' + lh'| ≤ 256·2·2,040·2,048 = 2,139,095,040 < 2^31. The sum of (h + l)(h' + l') may wrap, and the subtraction wraps back.
//! Blocks are joined in i64.
//!
//! Three products of 32 terms are 10.7 terms an instruction; the f64 form has 8 in the same time.

#![allow(unsafe_code)]

use std::arch::x86_64::*;
use std::ops::Range;

mod pack;

use pack::{CHUNK, ZERO, join, panel_lines, row_lines};
pub(super) use pack::{Line, pack_columns, pack_rows};

use super::epilogue::{Epilogue, Out};
use super::{Columns, PANEL, Rows};

/// Chunks of a block: 256 terms.
const BLOCK: usize = 8;

/// Rows of a tile: with three sums each, 24 of 32 registers.
const TILE: usize = 8;

/// Bytes of packed rows that stay in the second-level cache while all panels pass by.
const GROUP: usize = 384 << 10;

/// Whether this processor can.
pub(super) fn present() -> bool {
    is_x86_feature_detected!("avx512vnni")
}

/// The outputs of some panels.
pub(super) fn panels(a: &Rows, b: &Columns, epilogue: &Epilogue<'_>, out: &Out<'_>, range: Range<usize>) {
    // SAFETY: this form is only chosen where the processor has these instructions.
    unsafe { groups(a, b, epilogue, out, range) }
}

/// Rows in groups that stay in the second-level cache; panel by panel, so that a panel stays in the first; tiles of rows, all about
/// equally high.
#[target_feature(enable = "avx2,fma,avx512f,avx512dq,avx512vl,avx512bw,avx512vnni")]
fn groups(a: &Rows, b: &Columns, epilogue: &Epilogue<'_>, out: &Out<'_>, range: Range<usize>) {
    let (m, size) = (a.count(), panel_lines(a.k));
    let most = (GROUP / (row_lines(a.k).max(1) * size_of::<Line>())).max(TILE);
    let groups = m.div_ceil(most);
    for group in 0..groups {
        let rows = m * group / groups..m * (group + 1) / groups;
        let tiles = rows.len().div_ceil(TILE);
        for panel in range.clone() {
            let lines = &b.int16[panel * size..][..size];
            let next = b.int16.get((panel + 1) * size..).unwrap_or_default();
            for tile in 0..tiles {
                let part = |i: usize| rows.start + rows.len() * i / tiles;
                let rows = part(tile)..part(tile + 1);
                let at = At { panel, first: rows.start };
                let ahead = Ahead::of(tile, tiles, lines, next);
                match rows.len() {
                    1 => one_tile::<1>(a, b, lines, at, ahead, epilogue, out),
                    2 => one_tile::<2>(a, b, lines, at, ahead, epilogue, out),
                    3 => one_tile::<3>(a, b, lines, at, ahead, epilogue, out),
                    4 => one_tile::<4>(a, b, lines, at, ahead, epilogue, out),
                    5 => one_tile::<5>(a, b, lines, at, ahead, epilogue, out),
                    6 => one_tile::<6>(a, b, lines, at, ahead, epilogue, out),
                    7 => one_tile::<7>(a, b, lines, at, ahead, epilogue, out),
                    _ => one_tile::<8>(a, b, lines, at, ahead, epilogue, out),
                }
            }
        }
    }
}

/// Where a tile is.
#[derive(Clone, Copy)]
struct At {
    panel: usize,
    first: usize,
}

/// What a tile fetches from memory for the next panel while it computes, a line of each for every two terms. A sentence has few tiles, and its
/// weights come from far: without this the first tile of a panel waits for memory and the others leave it idle.
#[derive(Clone, Copy)]
struct Ahead([*const Line; 2]);

impl Ahead {
    /// The only tile fetches both halves of the next panel, the first and second of several one each; all else points to what is near already.
    fn of(tile: usize, tiles: usize, panel: &[Line], next: &[Line]) -> Self {
        let halves = next.split_at(next.len().min(panel.len() / 2));
        let (near, first, second) = (panel.as_ptr(), halves.0.as_ptr(), halves.1.as_ptr());
        Self(match tile {
            _ if next.is_empty() => [near, near],
            0 if tiles == 1 => [first, second],
            0 => [first, near],
            1 => [second, near],
            _ => [near, near],
        })
    }

    /// Fetches the lines of term pair `i`.
    #[inline(always)]
    fn fetch(self, i: usize) {
        for line in self.0 {
            // SAFETY: prefetching touches no memory that a program could see, wherever the address is.
            unsafe { _mm_prefetch::<_MM_HINT_T1>(line.wrapping_add(i).cast()) };
        }
    }
}

/// `R` rows times one panel.
#[target_feature(enable = "avx2,fma,avx512f,avx512dq,avx512vl,avx512bw,avx512vnni")]
fn one_tile<const R: usize>(
    a: &Rows,
    b: &Columns,
    panel: &[Line],
    at: At,
    ahead: Ahead,
    epilogue: &Epilogue<'_>,
    out: &Out<'_>,
) {
    let stride = row_lines(a.k);
    let rows = &a.int16[at.first * stride..][..R * stride];
    let mut totals = [[_mm512_setzero_si512(); 2]; R];
    for (i, panel) in panel.chunks(BLOCK * CHUNK * 2).enumerate() {
        let sums = block::<R>(rows, stride, i * BLOCK, panel, ahead);
        for (total, sums) in totals.iter_mut().zip(&sums) {
            let [low, high] = joined(sums);
            total[0] = _mm512_add_epi64(total[0], low);
            total[1] = _mm512_add_epi64(total[1], high);
        }
    }
    let column = at.panel * PANEL;
    let mut exponents = [0; PANEL];
    let width = PANEL.min(b.count() - column);
    exponents[..width].copy_from_slice(&b.exponents[column..column + width]);
    // SAFETY: 16 numbers are read of 16.
    let exponents = unsafe { _mm512_loadu_si512(exponents.as_ptr().cast()) };
    let mut tile = [[0.0f32; PANEL]; R];
    for (r, (values, [low, high])) in tile.iter_mut().zip(&totals).enumerate() {
        let (low, high) = (_mm512_cvtepi64_ps(*low), _mm512_cvtepi64_ps(*high));
        let rounded = _mm512_castsi512_ps(join(_mm256_castps_si256(low), _mm256_castps_si256(high)));
        let e = _mm512_add_epi32(exponents, _mm512_set1_epi32(a.exponents[at.first + r]));
        // SAFETY: 16 numbers are written to 16.
        unsafe { _mm512_storeu_ps(values.as_mut_ptr(), _mm512_scalef_ps(rounded, _mm512_cvtepi32_ps(e))) };
    }
    finish(&mut tile, at.first, column, epilogue, out);
}

/// Not inlined, so that the activations are compiled once and not once for every height of a tile.
#[inline(never)]
#[target_feature(enable = "avx2,fma,avx512f,avx512dq,avx512vl,avx512bw")]
fn finish(tile: &mut [[f32; PANEL]], row: usize, column: usize, epilogue: &Epilogue<'_>, out: &Out<'_>) {
    // SAFETY: rows and columns come from the operands, whose counts are the output's shape; a panel is one thread's.
    unsafe { out.store(tile, row, column, epilogue) }
}

#[inline]
#[target_feature(enable = "avx512f")]
fn load(line: &Line) -> __m512i {
    // SAFETY: a line is 64 bytes, aligned.
    unsafe { _mm512_load_si512(std::ptr::from_ref(line).cast()) }
}

/// Σ hh', Σ ll' and Σ (h + l)(h' + l') of at most 256 terms, modulo 2^32, for each of `R` rows of `stride` lines, from chunk `first` on, and the
/// panel's 16 columns.
// Plain loops: the closures of `array::from_fn` and `map` are not compiled for these instructions.
#[inline]
#[target_feature(enable = "avx512f,avx512bw,avx512vnni")]
fn block<const R: usize>(
    rows: &[Line],
    stride: usize,
    first: usize,
    panel: &[Line],
    ahead: Ahead,
) -> [[__m512i; 3]; R] {
    let mut sums = [[_mm512_setzero_si512(); 3]; R];
    for (i, chunk) in panel.chunks(CHUNK * 2).enumerate() {
        let mut digits = [&[ZERO; 3]; R];
        for (r, digits) in digits.iter_mut().enumerate() {
            *digits = rows[r * stride + (first + i) * 3..].first_chunk().expect("three lines a chunk");
        }
        for (p, pair) in chunk.as_chunks::<2>().0.iter().enumerate() {
            let (h, l) = (load(&pair[0]), load(&pair[1]));
            let both = _mm512_add_epi16(h, l);
            ahead.fetch((first + i) * CHUNK + p);
            for (sums, row) in sums.iter_mut().zip(&digits) {
                let [high, low, sum] = [row[0].0[p % CHUNK], row[1].0[p % CHUNK], row[2].0[p % CHUNK]];
                sums[0] = _mm512_dpwssd_epi32(sums[0], _mm512_set1_epi32(high), h);
                sums[1] = _mm512_dpwssd_epi32(sums[1], _mm512_set1_epi32(low), l);
                sums[2] = _mm512_dpwssd_epi32(sums[2], _mm512_set1_epi32(sum), both);
            }
        }
    }
    sums
}

/// The 16 sums of products q·q' in i64.
#[inline]
#[target_feature(enable = "avx512f,avx512bw")]
fn joined(sums: &[__m512i; 3]) -> [__m512i; 2] {
    let [high, low, both] = *sums;
    let middle = _mm512_sub_epi32(_mm512_sub_epi32(both, high), low);
    [
        wide(_mm512_castsi512_si256(high), _mm512_castsi512_si256(middle), _mm512_castsi512_si256(low)),
        wide(upper_half(high), upper_half(middle), upper_half(low)),
    ]
}

#[inline]
#[target_feature(enable = "avx512f")]
fn upper_half(x: __m512i) -> __m256i {
    _mm512_extracti64x4_epi64::<1>(x)
}

/// h·2^24 + m·2^12 + l of eight sums, in i64.
#[inline]
#[target_feature(enable = "avx512f")]
fn wide(h: __m256i, m: __m256i, l: __m256i) -> __m512i {
    let upper = _mm512_add_epi64(_mm512_slli_epi64::<12>(_mm512_cvtepi32_epi64(h)), _mm512_cvtepi32_epi64(m));
    _mm512_add_epi64(_mm512_slli_epi64::<12>(upper), _mm512_cvtepi32_epi64(l))
}
