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

use ndarray::{ArrayView2, Axis};

use super::epilogue::{Epilogue, Out};
use super::grid::{each_row, exponent, exponent_of};
use super::{Columns, PANEL, Rows};
use crate::kernel::NotFinite;

/// One vector: 16 pairs of 16-bit digits.
#[derive(Clone, Copy)]
#[repr(C, align(64))]
pub(super) struct Line([i32; 16]);

const ZERO: Line = Line([0; 16]);

/// Pairs of terms in a [`Line`] of a row.
const CHUNK: usize = 16;

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

/// Lines of a row of k terms: for every 32 terms one of h, one of l, one of h + l.
fn row_lines(k: usize) -> usize {
    k.div_ceil(2 * CHUNK) * 3
}

/// Lines of a panel of k rows: for every two terms one of h, one of l.
fn panel_lines(k: usize) -> usize {
    k.div_ceil(2) * 2
}

/// Packs rows.
pub(super) fn pack_rows(
    matrix: ArrayView2<'_, f32>,
    exponents: &mut Vec<i32>,
    lines: &mut Vec<Line>,
) -> Result<(), NotFinite> {
    let (m, k) = matrix.dim();
    let stride = row_lines(k);
    lines.resize(m * stride, ZERO);
    each_row(matrix, exponents, |i, row| {
        // SAFETY: this form is only chosen where the processor has these instructions.
        unsafe { pack_row(row, &mut lines[i * stride..][..stride]) }
    })
}

/// Packs columns, given as the rows of `transposed`.
pub(super) fn pack_columns(
    transposed: ArrayView2<'_, f32>,
    exponents: &mut Vec<i32>,
    lines: &mut Vec<Line>,
) -> Result<(), NotFinite> {
    let (n, k) = transposed.dim();
    let size = panel_lines(k);
    lines.resize(n.div_ceil(PANEL) * size, ZERO);
    if k > 1 && transposed.strides()[0] == 1 {
        for (i, panel) in transposed.axis_chunks_iter(Axis(0), PANEL).enumerate() {
            let lines = &mut lines[i * size..][..size];
            // SAFETY: this form is only chosen where the processor has these instructions.
            let packed = unsafe { pack_panel_of_terms(&panel, exponents, lines) };
            packed.map_err(|e| NotFinite { row: i * PANEL + e.row })?;
        }
        return Ok(());
    }
    each_row(transposed, exponents, |i, row| {
        let panel = &mut lines[i / PANEL * size..][..size];
        if i % PANEL == 0 && n - i < PANEL {
            panel.fill(ZERO);
        }
        // SAFETY: as above.
        unsafe { pack_column(row, panel, i % PANEL) }
    })
}

/// The digits h and l of 16 numbers on the grids whose −e are given.
#[inline]
#[target_feature(enable = "avx512f")]
fn cut(x: __m512, scale: __m512) -> (__m512i, __m512i) {
    const NEAREST: i32 = _MM_FROUND_TO_NEAREST_INT | _MM_FROUND_NO_EXC;
    let q = _mm512_cvt_roundps_epi32::<NEAREST>(_mm512_scalef_ps(x, scale));
    let h = _mm512_srai_epi32::<12>(_mm512_add_epi32(q, _mm512_set1_epi32(1 << 11)));
    (h, _mm512_sub_epi32(q, _mm512_slli_epi32::<12>(h)))
}

/// Up to 16 numbers of a row, zeros beyond it.
#[inline]
#[target_feature(enable = "avx512f")]
fn some_of(row: &[f32], first: usize) -> __m512 {
    let left = row.len().saturating_sub(first).min(16);
    let mask = ((1u32 << left) - 1) as __mmask16;
    // SAFETY: only lanes within the row are read.
    unsafe { _mm512_maskz_loadu_ps(mask, row.as_ptr().wrapping_add(first)) }
}

/// The digits h and l of 32 consecutive terms, two terms a 32-bit lane. Beyond the row terms are zero.
#[inline]
#[target_feature(enable = "avx512f,avx512dq,avx512vl,avx512bw")]
fn digits(row: &[f32], first: usize, scale: __m512) -> (__m512i, __m512i) {
    let (h0, l0) = cut(some_of(row, first), scale);
    let (h1, l1) = cut(some_of(row, first + 16), scale);
    (
        join(_mm512_cvtepi32_epi16(h0), _mm512_cvtepi32_epi16(h1)),
        join(_mm512_cvtepi32_epi16(l0), _mm512_cvtepi32_epi16(l1)),
    )
}

#[inline]
#[target_feature(enable = "avx512f")]
fn join(low: __m256i, high: __m256i) -> __m512i {
    _mm512_inserti64x4::<1>(_mm512_castsi256_si512(low), high)
}

#[inline]
#[target_feature(enable = "avx512f")]
fn store(line: &mut Line, value: __m512i) {
    // SAFETY: a line is 64 bytes, aligned.
    unsafe { _mm512_store_si512(std::ptr::from_mut(line).cast(), value) };
}

#[inline]
#[target_feature(enable = "avx512f")]
fn load(line: &Line) -> __m512i {
    // SAFETY: a line is 64 bytes, aligned.
    unsafe { _mm512_load_si512(std::ptr::from_ref(line).cast()) }
}

/// Packs one row; returns its e.
#[target_feature(enable = "avx2,fma,avx512f,avx512dq,avx512vl,avx512bw")]
fn pack_row(row: &[f32], lines: &mut [Line]) -> Option<i32> {
    let e = exponent_of(row)?;
    let scale = _mm512_set1_ps(-e as f32);
    for (i, chunk) in lines.as_chunks_mut::<3>().0.iter_mut().enumerate() {
        let (h, l) = digits(row, i * 2 * CHUNK, scale);
        store(&mut chunk[0], h);
        store(&mut chunk[1], l);
        store(&mut chunk[2], _mm512_add_epi16(h, l));
    }
    Some(e)
}

/// Packs one column of a panel; returns its e.
#[target_feature(enable = "avx2,fma,avx512f,avx512dq,avx512vl,avx512bw")]
fn pack_column(column: &[f32], panel: &mut [Line], lane: usize) -> Option<i32> {
    let e = exponent_of(column)?;
    let scale = _mm512_set1_ps(-e as f32);
    let lane = lane % PANEL;
    for (i, pairs) in panel.chunks_mut(2 * CHUNK).enumerate() {
        let (mut high, mut low) = (ZERO, ZERO);
        let (h, l) = digits(column, i * 2 * CHUNK, scale);
        store(&mut high, h);
        store(&mut low, l);
        for ((pair, h), l) in pairs.as_chunks_mut::<2>().0.iter_mut().zip(high.0).zip(low.0) {
            pair[0].0[lane] = h;
            pair[1].0[lane] = l;
        }
    }
    Some(e)
}

/// Packs a panel of which each term's 16 columns lie side by side: `panel` is [columns, k] with the columns contiguous.
#[target_feature(enable = "avx2,fma,avx512f,avx512dq,avx512vl,avx512bw")]
fn pack_panel_of_terms(
    panel: &ArrayView2<'_, f32>,
    exponents: &mut Vec<i32>,
    lines: &mut [Line],
) -> Result<(), NotFinite> {
    let (columns, k) = panel.dim();
    let mask = ((1u32 << columns) - 1) as __mmask16;
    let (first, stride) = (panel.as_ptr(), panel.strides()[1]);
    let mut largest = _mm512_setzero_si512();
    for p in 0..k {
        // SAFETY: term p's columns are within the view; lanes beyond them are not read. So below.
        let x = unsafe { _mm512_maskz_loadu_ps(mask, first.wrapping_offset(p as isize * stride)) };
        let magnitude = _mm512_and_si512(_mm512_castps_si512(x), _mm512_set1_epi32(0x7fff_ffff));
        largest = _mm512_max_epu32(largest, magnitude);
    }
    let mut bits = ZERO;
    store(&mut bits, largest);
    let mut scale = [0.0f32; PANEL];
    for (column, (bits, scale)) in bits.0.iter().zip(&mut scale).take(columns).enumerate() {
        let e = exponent(*bits as u32).ok_or(NotFinite { row: column })?;
        exponents.push(e);
        *scale = -e as f32;
    }
    // SAFETY: 16 numbers are read of 16.
    let scale = unsafe { _mm512_loadu_ps(scale.as_ptr()) };
    for (i, lines) in lines.as_chunks_mut::<2>().0.iter_mut().enumerate() {
        let second = if 2 * i + 1 < k { mask } else { 0 };
        let at = first.wrapping_offset(2 * i as isize * stride);
        // SAFETY: as above; of a term beyond the last nothing is read.
        let (even, odd) =
            unsafe { (_mm512_maskz_loadu_ps(mask, at), _mm512_maskz_loadu_ps(second, at.wrapping_offset(stride))) };
        let ((h0, l0), (h1, l1)) = (cut(even, scale), cut(odd, scale));
        store(&mut lines[0], pair(h0, h1));
        store(&mut lines[1], pair(l0, l1));
    }
    Ok(())
}

/// Two terms a lane: the even one in the low half, the odd one in the high half.
#[inline]
#[target_feature(enable = "avx512f,avx512bw")]
fn pair(even: __m512i, odd: __m512i) -> __m512i {
    _mm512_mask_blend_epi16(0xaaaa_aaaa, even, _mm512_slli_epi32::<16>(odd))
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
