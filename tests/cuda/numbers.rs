//! Awkward numbers, and what it means that they are the same.

use snellen::kernel::random::Stream;

/// Lengths around those at which kernels change their ways.
pub(crate) const LENGTHS: [usize; 12] = [1, 2, 15, 16, 17, 31, 32, 33, 63, 65, 129, 384];

/// Numbers of many kinds: zeros of both signs, subnormals, integers that tie, and normals of the given spread of exponents.
pub(crate) fn numbers(name: &str, len: usize, spread: i32) -> Vec<f32> {
    let mut stream = Stream::new(7, name, (len as u64).to_le_bytes());
    let number = |_| match stream.index(13).unwrap() {
        0 => -0.0,
        1 => 0.0,
        2 => f32::from_bits(1 + stream.index(1 << 22).unwrap() as u32),
        3 => stream.index(9).unwrap() as f32 - 4.5,
        _ => {
            let power = stream.index(2 * spread as usize + 1).unwrap() as i32 - spread;
            stream.normal() as f32 * 2f32.powi(power)
        }
    };
    (0..len).map(number).collect()
}

/// Ordinary numbers.
pub(crate) fn ordinary(name: &str, len: usize) -> Vec<f32> {
    numbers(name, len, 3)
}

/// The same bits; a NaN is a NaN, as processors and cards have different ones.
#[track_caller]
pub(crate) fn same(ours: &[f32], expected: &[f32], what: &str) {
    assert_eq!(ours.len(), expected.len(), "{what}");
    for (i, (x, y)) in ours.iter().zip(expected).enumerate() {
        assert!(x.to_bits() == y.to_bits() || x.is_nan() && y.is_nan(), "{what}: number {i} is {x:e} and not {y:e}");
    }
}

/// A matrix turned around: [columns, rows].
pub(crate) fn transposed(matrix: &[f32], columns: usize) -> Vec<f32> {
    (0..columns).flat_map(|j| matrix.iter().skip(j).step_by(columns).copied()).collect()
}
