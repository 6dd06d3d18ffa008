//! Products of f64 matrices in one order of operations, for statistics of embeddings.

use ndarray::{Array2, ArrayView2};
use rayon::prelude::*;

use super::double::dot;
use super::isa::compiled_for_each_isa;

/// Rows that are multiplied with each other while they are in the cache.
const TILE: usize = 16;

compiled_for_each_isa! {
    /// The product of each of some rows of `a` with each of some rows of `b`, all `width` long, into rows of `out`.
    fn dots(a: &[f64], b: &[f64], width: usize, out: &mut [&mut [f64]]) {
        for (a, out) in a.chunks_exact(width).zip(out) {
            for (b, out) in b.chunks_exact(width).zip(out.iter_mut()) {
                *out = dot(a, b);
            }
        }
    }
}

/// A·Bᵀ of A [m, k] and B [n, k]: [`super::double::inner`] of every row of A with every row of B.
///
/// # Panics
/// Rows of different lengths.
#[must_use]
pub fn product(a: ArrayView2<'_, f64>, b: ArrayView2<'_, f64>) -> Array2<f64> {
    assert_eq!(a.ncols(), b.ncols(), "rows of one length");
    let (width, columns) = (a.ncols(), b.nrows());
    let mut out = Array2::zeros((a.nrows(), columns));
    if out.is_empty() || width == 0 {
        return out;
    }
    let (a, b) = (a.as_standard_layout(), b.as_standard_layout());
    let (a, b) = (a.as_slice().expect("contiguous"), b.as_slice().expect("contiguous"));
    out.as_slice_mut().expect("contiguous").par_chunks_mut(TILE * columns).zip(a.par_chunks(TILE * width)).for_each(
        |(out, a)| {
            let mut rows: Vec<_> = out.chunks_exact_mut(columns).map(|row| row.chunks_mut(TILE)).collect();
            for b in b.chunks(TILE * width) {
                let mut tile: Vec<&mut [f64]> = rows.iter_mut().filter_map(Iterator::next).collect();
                dots(a, b, width, &mut tile);
            }
        },
    );
    out
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::kernel::double;
    use crate::kernel::isa::Isa;
    use crate::kernel::random::Stream;

    #[test]
    fn products_have_the_bits_of_their_rows_everywhere() {
        let mut stream = Stream::new(1, "matrix", "");
        let mut random = |rows, width| Array2::from_shape_simple_fn((rows, width), || stream.normal());
        for width in [1, 5, 32, 33, 96] {
            let (a, b) = (random(19, width), random(35, width));
            assert!(Isa::Portable.force());
            let inner = |(i, j)| double::inner(a.row(i).to_slice().unwrap(), b.row(j).to_slice().unwrap());
            let expected = Array2::from_shape_fn((19, 35), inner);
            for isa in Isa::ALL.into_iter().filter(|isa| isa.present()) {
                assert!(isa.force());
                for threads in 1..4 {
                    let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
                    assert_eq!(pool.install(|| product(a.view(), b.view())), expected, "{isa} {width} {threads}");
                }
            }
        }
        assert!(Isa::best().force());
    }

    #[test]
    fn nothing_to_multiply_gives_zeros() {
        assert_eq!(product(Array2::zeros((2, 0)).view(), Array2::zeros((3, 0)).view()), Array2::<f64>::zeros((2, 3)));
        assert!(product(Array2::zeros((0, 4)).view(), Array2::zeros((3, 4)).view()).is_empty());
    }
}
