//! Cutting numbers into digits, in the order in which they are multiplied.

#![allow(unsafe_code)]

use std::arch::x86_64::*;

use ndarray::{ArrayView2, Axis};

use crate::kernel::NotFinite;
use crate::kernel::product::PANEL;
use crate::kernel::product::grid::{self, each_row, exponent_of, share};
use crate::kernel::team::Team;

/// One vector: 16 pairs of 16-bit digits.
#[derive(Clone, Copy)]
#[repr(C, align(64))]
pub(in crate::kernel::product) struct Line(pub(super) [i32; 16]);

pub(super) const ZERO: Line = Line([0; 16]);

/// Pairs of terms in a [`Line`] of a row.
pub(super) const CHUNK: usize = 16;

/// Lines of a row of k terms: for every 32 terms one of h, one of l, one of h + l.
pub(super) fn row_lines(k: usize) -> usize {
    k.div_ceil(2 * CHUNK) * 3
}

/// Lines of a panel of k rows: for every two terms one of h, one of l.
pub(super) fn panel_lines(k: usize) -> usize {
    k.div_ceil(2) * 2
}

/// Packs rows.
pub(in crate::kernel::product) fn pack_rows(
    team: &Team<'_>,
    matrix: ArrayView2<'_, f32>,
    exponents: &mut [i32],
    lines: &mut Vec<Line>,
) -> Result<(), NotFinite> {
    let (m, k) = matrix.dim();
    let stride = row_lines(k);
    lines.resize(m * stride, ZERO);
    share(team, matrix, (exponents, lines), (1, stride), |matrix, exponents, lines| {
        each_row(matrix, exponents, |i, row| {
            // SAFETY: this form is only chosen where the processor has these instructions.
            unsafe { pack_row(row, &mut lines[i * stride..][..stride]) }
        })
    })
}

/// Packs columns, given as the rows of `transposed`.
pub(in crate::kernel::product) fn pack_columns(
    team: &Team<'_>,
    transposed: ArrayView2<'_, f32>,
    exponents: &mut [i32],
    lines: &mut Vec<Line>,
) -> Result<(), NotFinite> {
    let (n, k) = transposed.dim();
    let size = panel_lines(k);
    lines.resize(n.div_ceil(PANEL) * size, ZERO);
    share(team, transposed, (exponents, lines), (PANEL, size), |transposed, exponents, lines| {
        pack_panels(transposed, exponents, lines, size)
    })
}

/// Packs some panels, of `size` lines each.
fn pack_panels(
    transposed: ArrayView2<'_, f32>,
    exponents: &mut [i32],
    lines: &mut [Line],
    size: usize,
) -> Result<(), NotFinite> {
    let panels = transposed.axis_chunks_iter(Axis(0), PANEL).zip(exponents.chunks_mut(PANEL));
    for (i, (panel, exponents)) in panels.enumerate() {
        let lines = &mut lines[i * size..][..size];
        // SAFETY: this form is only chosen where the processor has these instructions.
        let packed = unsafe {
            match transposed.ncols() > 1 && transposed.strides()[0] == 1 {
                true => pack_panel_of_terms(&panel, exponents, lines),
                false => pack_panel(panel, exponents, lines),
            }
        };
        packed.map_err(|e| NotFinite { row: i * PANEL + e.row })?;
    }
    Ok(())
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
pub(super) fn join(low: __m256i, high: __m256i) -> __m512i {
    _mm512_inserti64x4::<1>(_mm512_castsi256_si512(low), high)
}

#[inline]
#[target_feature(enable = "avx512f")]
fn store(line: &mut Line, value: __m512i) {
    // SAFETY: a line is 64 bytes, aligned.
    unsafe { _mm512_store_si512(std::ptr::from_mut(line).cast(), value) };
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

/// Packs a panel of which each column's terms lie side by side: `panel` is [columns, k].
#[target_feature(enable = "avx2,fma,avx512f,avx512dq,avx512vl,avx512bw")]
fn pack_panel(panel: ArrayView2<'_, f32>, exponents: &mut [i32], lines: &mut [Line]) -> Result<(), NotFinite> {
    let copy = (panel.ncols() > 1 && panel.strides()[1] != 1).then(|| panel.as_standard_layout());
    let panel = copy.as_ref().map_or(panel, |copy| copy.view());
    let mut columns = [(&[][..], _mm512_setzero_ps()); PANEL];
    for (i, ((column, scale), exponent)) in columns.iter_mut().zip(exponents).enumerate() {
        *column = panel.index_axis_move(Axis(0), i).to_slice().expect("in one piece, or copied");
        *exponent = exponent_of(column).ok_or(NotFinite { row: i })?;
        *scale = _mm512_set1_ps(-*exponent as f32);
    }
    for (i, pairs) in lines.chunks_mut(2 * CHUNK).enumerate() {
        let mut high = [_mm512_setzero_si512(); PANEL];
        let mut low = high;
        for ((h, l), (column, scale)) in high.iter_mut().zip(&mut low).zip(columns) {
            (*h, *l) = digits(column, i * 2 * CHUNK, scale);
        }
        let (high, low) = (across(high), across(low));
        for ((pair, h), l) in pairs.as_chunks_mut::<2>().0.iter_mut().zip(high).zip(low) {
            store(&mut pair[0], h);
            store(&mut pair[1], l);
        }
    }
    Ok(())
}

/// A square of 16 · 16 lanes, its rows made columns.
#[inline]
#[target_feature(enable = "avx512f")]
fn across(rows: [__m512i; 16]) -> [__m512i; 16] {
    let (mut twos, mut fours, mut out) = (rows, rows, rows);
    // Lanes of two rows side by side, then of four: of rows 4i to 4i + 3, column 4L + c is the L-th quarter of fours[4i + c].
    for i in (0..16).step_by(2) {
        twos[i] = _mm512_unpacklo_epi32(rows[i], rows[i + 1]);
        twos[i + 1] = _mm512_unpackhi_epi32(rows[i], rows[i + 1]);
    }
    for i in (0..16).step_by(4) {
        for (j, c) in [(0, 0), (1, 2)] {
            fours[i + c] = _mm512_unpacklo_epi64(twos[i + j], twos[i + j + 2]);
            fours[i + c + 1] = _mm512_unpackhi_epi64(twos[i + j], twos[i + j + 2]);
        }
    }
    // The quarters 0 and 2 of two vectors, or 1 and 3.
    const EVEN: i32 = 0b10_00_10_00;
    const ODD: i32 = 0b11_01_11_01;
    for c in 0..4 {
        let [a, b, d, e] = [fours[c], fours[4 + c], fours[8 + c], fours[12 + c]];
        let even = [_mm512_shuffle_i32x4::<EVEN>(a, b), _mm512_shuffle_i32x4::<EVEN>(d, e)];
        let odd = [_mm512_shuffle_i32x4::<ODD>(a, b), _mm512_shuffle_i32x4::<ODD>(d, e)];
        out[c] = _mm512_shuffle_i32x4::<EVEN>(even[0], even[1]);
        out[4 + c] = _mm512_shuffle_i32x4::<EVEN>(odd[0], odd[1]);
        out[8 + c] = _mm512_shuffle_i32x4::<ODD>(even[0], even[1]);
        out[12 + c] = _mm512_shuffle_i32x4::<ODD>(odd[0], odd[1]);
    }
    out
}

/// Packs a panel of which each term's 16 columns lie side by side: `panel` is [columns, k] with the columns contiguous.
#[target_feature(enable = "avx2,fma,avx512f,avx512dq,avx512vl,avx512bw")]
fn pack_panel_of_terms(
    panel: &ArrayView2<'_, f32>,
    exponents: &mut [i32],
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
    for (column, (exponent, (bits, scale))) in exponents.iter_mut().zip(bits.0.iter().zip(&mut scale)).enumerate() {
        *exponent = grid::exponent(*bits as u32).ok_or(NotFinite { row: column })?;
        *scale = -*exponent as f32;
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
