//! The contract against its reference on the machine at hand, in milliseconds.

use ndarray::{Array2, ArrayView2};

use super::product::{Columns, Form, Rows, product};
use super::{reference, rows};

/// Whether products and row operations, with the instruction set in use, have the reference's bits on awkward shapes.
#[must_use]
pub fn passes() -> bool {
    // Miri, which interprets, would take minutes for more.
    let shapes: &[(usize, usize, usize)] = if cfg!(miri) {
        &[(1, 1, 1), (3, 129, 5), (7, 33, 17)]
    } else {
        &[(1, 1, 1), (3, 129, 5), (2, 300, 197), (7, 64, 31)]
    };
    shapes.iter().all(|&(m, k, n)| product_agrees(m, k, n) && rows_agree(k))
}

/// Numbers of different sizes and signs.
pub(super) fn numbers(len: usize, step: usize) -> Vec<f32> {
    (0..len).map(|i| (((i * step + 13) % 2003) as f32 / 97.0 - 10.0) * if i % 7 == 0 { 1e-6 } else { 1.0 }).collect()
}

fn product_agrees(m: usize, k: usize, n: usize) -> bool {
    let (a, b) = (numbers(m * k, 7919), numbers(n * k, 104_729));
    let Ok(expected) = reference::product(&a, &b, k) else { return false };
    let view = |matrix, rows| ArrayView2::from_shape((rows, k), matrix).expect("rows of k numbers");
    let form = Form::active();
    let (Ok(a), Ok(b)) = (Rows::of(view(&a, m), form), Columns::of(view(&b, n), form)) else { return false };
    let mut out = Array2::zeros((m, n));
    product(&a, &b, out.view_mut());
    out.iter().zip(&expected).all(|(x, y)| x.to_bits() == y.to_bits())
}

fn rows_agree(n: usize) -> bool {
    let (x, weight, bias) = (numbers(n, 7919), numbers(n, 31), numbers(n, 17));
    let same = |fast: &dyn Fn(&mut [f32]), slow: &dyn Fn(&mut [f32])| {
        let (mut a, mut b) = (x.clone(), x.clone());
        fast(&mut a);
        slow(&mut b);
        a.iter().zip(&b).all(|(a, b)| a.to_bits() == b.to_bits())
    };
    same(&|r| rows::layer_norm(r, &weight, &bias, 1e-12), &|r| reference::layer_norm(r, &weight, &bias, 1e-12))
        && same(&|r| rows::softmax(r, n, 1.0), &reference::softmax)
        && same(&rows::gelu, &|r| r.iter_mut().for_each(|x| *x = reference::gelu(*x)))
        && same(&rows::gelu_new, &|r| r.iter_mut().for_each(|x| *x = reference::gelu_new(*x)))
        && same(&rows::normalize, &reference::normalize)
}

#[cfg(test)]
mod tests {
    #[test]
    fn this_machine_keeps_the_contract() {
        assert!(super::passes());
    }
}
