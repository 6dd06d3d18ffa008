//! Derivatives as plain loops. Each takes what the forward operation was given, and turns the gradient at its output into that at its input, in
//! place. Products have none of their own: what follows from them are exact products again (Rumelhart et al., Nature 323, 1986).

use super::{finite, math, sum};

/// √½, rounded to f32.
const ROOT_HALF: f32 = std::f32::consts::FRAC_1_SQRT_2;
/// 1/√(2π).
const DENSITY: f32 = 0.398_942_3;
/// √(2/π).
const ROOT: f32 = 0.797_884_6;

/// Through [`super::layer_norm`] of the row `x`: with y = x̂·w + b and g = gradient·w it is ((g − Σg/n) − x̂·(Σ g·x̂ / n)) / σ.
pub fn layer_norm(x: &[f32], gradient: &mut [f32], weight: &[f32], epsilon: f32) {
    let n = x.len() as f32;
    let (normal, deviation) = normalized(x, epsilon);
    gradient.iter_mut().zip(weight).for_each(|(g, w)| *g *= w);
    let products: Vec<f32> = gradient.iter().zip(&normal).map(|(g, x)| g * x).collect();
    let (mean, slope) = (sum(gradient) / n, sum(&products) / n);
    gradient.iter_mut().zip(&normal).for_each(|(g, x)| *g = ((*g - mean) - x * slope) / deviation);
}

/// What [`super::layer_norm`] weighs, x̂ = (x − mean)/σ, and σ.
#[must_use]
pub fn normalized(x: &[f32], epsilon: f32) -> (Vec<f32>, f32) {
    let n = x.len() as f32;
    let mean = sum(x) / n;
    let squares: Vec<f32> = x.iter().map(|x| (x - mean) * (x - mean)).collect();
    let deviation = finite((sum(&squares) / n + epsilon).sqrt());
    (x.iter().map(|x| (x - mean) / deviation).collect(), deviation)
}

/// Through [`super::softmax`] of a row divided by `divisor`, whose result was `p`: p·(g − Σ p·g) / divisor.
pub fn softmax(p: &[f32], gradient: &mut [f32], divisor: f32) {
    let products: Vec<f32> = gradient.iter().zip(p).map(|(g, p)| p * g).collect();
    let mean = sum(&products);
    gradient.iter_mut().zip(p).for_each(|(g, p)| *g = (p * (*g - mean)) / divisor);
}

/// Through [`super::gelu`] at `x`: g·(Φ(x) + x·φ(x)), Φ(x) = 0.5·(1 + erf(x·√½)), φ(x) = exp(−0.5·(x·x))/√(2π).
// Inlined so that loops over it are compiled for the instruction set of their caller.
#[inline(always)]
#[must_use]
pub fn gelu(x: f32, gradient: f32) -> f32 {
    let below = 0.5 * (1.0 + math::erf(x * ROOT_HALF));
    let density = math::exp(-0.5 * (x * x)) * DENSITY;
    gradient * (below + x * density)
}

/// Through [`super::gelu_new`] at `x`: with t = tanh(√(2/π)·(x + 0.044715·x³)) it is g·(0.5·(1 + t) + ((0.5·x)·(1 − t·t))·(√(2/π)·(1 + 0.134145·(x·x)))). x is held
/// within ±16, far beyond where t is ±1, so that nothing overflows.
// Inlined so that loops over it are compiled for the instruction set of their caller.
#[inline(always)]
#[must_use]
pub fn gelu_new(x: f32, gradient: f32) -> f32 {
    let x = if x > 16.0 { 16.0 } else { x };
    let x = if x < -16.0 { -16.0 } else { x };
    let t = math::tanh(ROOT * (x + 0.044_715 * ((x * x) * x)));
    let inner = ROOT * (1.0 + 0.134_145 * (x * x));
    gradient * (0.5 * (1.0 + t) + ((0.5 * x) * (1.0 - t * t)) * inner)
}

/// Through [`super::relu`] at `x`.
// Inlined so that loops over it are compiled for the instruction set of their caller.
#[inline(always)]
#[must_use]
pub fn relu(x: f32, gradient: f32) -> f32 {
    if x > 0.0 { gradient } else { 0.0 }
}

/// Through [`super::normalize`] of the row `x`: with y = x/‖x‖ it is (g − y·Σ y·g) / ‖x‖; where the norm was too small to divide by, g / 1e-12.
pub fn normalize(x: &[f32], gradient: &mut [f32]) {
    let squares: Vec<f32> = x.iter().map(|x| x * x).collect();
    let norm = sum(&squares).sqrt();
    if norm > 1e-12 {
        let norm = finite(norm);
        let products: Vec<f32> = x.iter().zip(&*gradient).map(|(x, g)| (x / norm) * g).collect();
        let along = sum(&products);
        gradient.iter_mut().zip(x).for_each(|(g, x)| *g = (*g - (x / norm) * along) / norm);
    } else {
        gradient.iter_mut().for_each(|g| *g /= 1e-12);
    }
}

/// The sum of each column of `matrix` (rows of `width` numbers): a row sum of the column, in 32 lanes.
#[must_use]
pub fn column_sums(matrix: &[f32], width: usize) -> Vec<f32> {
    let column = |j: usize| matrix.chunks_exact(width).map(|row| row[j]).collect::<Vec<_>>();
    (0..width).map(|j| sum(&column(j))).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::kernel::reference;

    /// The derivative at `x` of what `f` says there, found from two sides in f64's place of f32: steps are large, so the tolerance is too.
    fn difference(x: &[f32], i: usize, f: impl Fn(&[f32]) -> f64) -> f64 {
        let step = 1.0 / 128.0;
        let at = |by: f32| {
            let mut moved = x.to_vec();
            moved[i] += by;
            f(&moved)
        };
        (at(step) - at(-step)) / (2.0 * f64::from(step))
    }

    /// Weighted sum of a row: the scalar whose gradients are looked at.
    fn weighed(row: &[f32], weights: &[f32]) -> f64 {
        row.iter().zip(weights).map(|(x, w)| f64::from(*x) * f64::from(*w)).sum()
    }

    #[test]
    fn rows_slope_as_differences_do() {
        let x: Vec<f32> = (0..7).map(|i| ((i * 37 + 11) % 13) as f32 / 4.0 - 1.4).collect();
        let (weight, bias) = ([0.7, -1.2, 0.4, 1.5, 0.9, -0.3, 1.1], [0.1; 7]);
        let upstream = [0.3, -0.8, 1.0, 0.2, -0.5, 0.9, -1.1];
        type Forward<'a> = &'a dyn Fn(&mut [f32]);
        type Backward<'a> = &'a dyn Fn(&[f32], &mut [f32]);
        let pairs: [(Forward<'_>, Backward<'_>); 3] = [
            (&|row| reference::layer_norm(row, &weight, &bias, 1e-5), &|x, g| layer_norm(x, g, &weight, 1e-5)),
            (
                &|row| {
                    row.iter_mut().for_each(|x| *x /= 2.5);
                    reference::softmax(row);
                },
                &|x, g| {
                    let mut p: Vec<f32> = x.iter().map(|x| x / 2.5).collect();
                    reference::softmax(&mut p);
                    softmax(&p, g, 2.5);
                },
            ),
            (&reference::normalize, &|x, g| normalize(x, g)),
        ];
        for (n, (forward, backward)) in pairs.into_iter().enumerate() {
            let mut gradient = upstream;
            backward(&x, &mut gradient);
            for (i, gradient) in gradient.iter().enumerate() {
                let scalar = |x: &[f32]| {
                    let mut row = x.to_vec();
                    forward(&mut row);
                    weighed(&row, &upstream)
                };
                let expected = difference(&x, i, scalar);
                // Half a step squared times a third derivative, and the rounding of f32 over the step.
                assert!((f64::from(*gradient) - expected).abs() < 3e-4, "{n}, {i}: {gradient} {expected}");
            }
        }
    }

    #[test]
    fn activations_slope_as_differences_do() {
        type Pair = (fn(f32) -> f32, fn(f32, f32) -> f32);
        let pairs: [Pair; 3] = [(reference::gelu, gelu), (reference::gelu_new, gelu_new), (reference::relu, relu)];
        for (forward, backward) in pairs {
            for x in [-30.0, -5.0, -1.3, -0.4, 0.2, 0.75, 1.0, 3.1, 17.0, 90.0] {
                let expected = difference(&[x], 0, |x| f64::from(forward(x[0])));
                let found = f64::from(backward(x, 2.0)) / 2.0;
                assert!((found - expected).abs() < 2e-3, "{x}: {found} {expected}");
            }
            assert!(backward(3e38, 1.0) == 1.0 && backward(-3e38, 1.0) == 0.0);
        }
    }

    #[test]
    fn a_row_too_short_to_be_normalised_is_only_scaled() {
        let mut gradient = [1.0, 2.0];
        normalize(&[0.0, 0.0], &mut gradient);
        assert_eq!(gradient, [1e12, 2e12]);
    }

    #[test]
    fn columns_are_summed_as_rows_are() {
        assert_eq!(column_sums(&[1.0, 2.0, 3.0, 4.0, 5.0, 6.0], 2), [9.0, 12.0]);
        assert_eq!(column_sums(&[], 2), [0.0, 0.0]);
    }
}
