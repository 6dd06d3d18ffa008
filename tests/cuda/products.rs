//! Grids and products.

use snellen::kernel::cuda::grids::{Grids, Reading};
use snellen::kernel::cuda::product::{Epilogue, Unit, product, product_by};
use snellen::kernel::cuda::{Device, Faults};
use snellen::kernel::product::Activation;
use snellen::kernel::reference;

use crate::devices::{each_architecture, everywhere};
use crate::numbers::{numbers, ordinary, same, transposed};

/// m, k and n.
const SHAPES: [(usize, usize, usize); 12] = [
    (1, 1, 1),
    (0, 3, 5),
    (5, 3, 0),
    (15, 3, 17),
    (16, 32, 16),
    (17, 33, 31),
    (1, 384, 129),
    (33, 384, 65),
    (129, 65, 63),
    (63, 1, 129),
    (65, 129, 1),
    (130, 64, 66),
];

/// The product of a [m, k] and b [n, k] with every unit of the device, and what follows it.
fn check(device: &Device, (m, k, n): (usize, usize, usize), a: &[f32], b: &[f32], activation: Option<Activation>) {
    let faults = Faults::new(device, 1).unwrap();
    let grids = |x: &[f32], rows| Grids::of(&device.upload(x).unwrap(), rows, k, faults.stage(0)).unwrap();
    let (left, right) = (grids(a, m), grids(b, n));
    let (bias, residual) = (ordinary("bias", n), ordinary("residual", m * n));
    let plain = reference::product(a, b, k).unwrap();
    let mut expected = plain.clone();
    for (i, x) in expected.iter_mut().enumerate() {
        *x += bias[i % n];
        *x = match activation {
            None => *x,
            Some(Activation::Gelu) => reference::gelu(*x),
            Some(Activation::GeluNew) => reference::gelu_new(*x),
            Some(Activation::Relu) => reference::relu(*x),
        };
        *x += residual[i];
    }
    let (bias, residual) = (device.upload(&bias).unwrap(), device.upload(&residual).unwrap());
    let epilogue = Epilogue { bias: Some(&bias), activation, residual: Some(&residual) };
    for unit in Unit::ALL.into_iter().filter(|unit| unit.present(device.capability())) {
        let mut out = device.allocate(m * n).unwrap();
        product_by(unit, &left, &right, &Epilogue::default(), &mut out).unwrap();
        same(&out.download().unwrap(), &plain, &format!("{unit:?} {m} {k} {n}"));
        product_by(unit, &left, &right, &epilogue, &mut out).unwrap();
        same(&out.download().unwrap(), &expected, &format!("{unit:?} {m} {k} {n} {activation:?}"));
    }
    assert_eq!(faults.first().unwrap(), None);
}

#[test]
fn products_have_the_bits_of_the_reference() {
    let activations = [None, Some(Activation::Gelu), Some(Activation::GeluNew), Some(Activation::Relu)];
    everywhere(|device| {
        for (i, shape @ (m, k, n)) in SHAPES.into_iter().enumerate() {
            check(device, shape, &ordinary("a", m * k), &ordinary("b", n * k), activations[i % 4]);
        }
    });
}

#[test]
fn tiny_and_huge_numbers_are_scaled_as_the_reference_does() {
    let (m, k, n) = (17, 33, 9);
    let scaled = |name, len, by: f32| {
        numbers(name, len, 20).iter().map(|x| (x * by).clamp(-f32::MAX, f32::MAX)).collect::<Vec<f32>>()
    };
    each_architecture(|device| {
        for (left, right) in [(1e-25, 1e-18), (1e-30, 1e-12), (1e25, 1e25), (1e-38, 1e38), (1e-38, 1.0)] {
            check(device, (m, k, n), &scaled("a", m * k, left), &scaled("b", n * k, right), None);
        }
        let least = vec![f32::from_bits(1); m * k];
        check(device, (m, k, n), &least, &vec![f32::MAX; n * k], None);
        check(device, (m, k, n), &vec![-0.0; m * k], &least[..n * k], None);
    });
}

#[test]
fn long_rows_of_the_largest_digits_do_not_overflow() {
    let (m, k, n) = (2, 44_500, 3);
    // All digits are ±127: without blocks the middle sum would be beyond int32.
    assert!(3i64 * 127 * 127 * k as i64 > i64::from(i32::MAX));
    let largest = reference::GRID_MAX as f32;
    let signed =
        |rows: usize| (0..rows * k).map(|i| if i / k % 2 == 0 { largest } else { -largest }).collect::<Vec<_>>();
    each_architecture(|device| {
        check(device, (m, k, n), &signed(m), &signed(n), None);
        check(device, (m, k, n), &ordinary("a", m * k), &ordinary("b", n * k), None);
    });
}

#[test]
fn rows_may_lie_apart_and_columns_are_read_as_rows() {
    let (rows, heads, width) = (19, 3, 5);
    // Of rows of 2·15 numbers the second half, in heads.
    let matrix = ordinary("apart", rows * 2 * heads * width);
    let reading =
        Reading { offset: 15, rows: rows * heads, k: width, inner: heads, outer: 2 * heads * width, between: width };
    let half: Vec<f32> = matrix.chunks(30).flat_map(|row| &row[15..]).copied().collect();
    everywhere(|device| {
        let faults = Faults::new(device, 1).unwrap();
        let x = device.upload(&matrix).unwrap();
        let mut apart = Grids::new(device).unwrap();
        apart.fill(&x, reading, Some(faults.stage(0))).unwrap();
        let mut out = device.allocate((rows * heads) * (rows * heads)).unwrap();
        product(&apart, &apart, &Epilogue::default(), &mut out).unwrap();
        same(&out.download().unwrap(), &reference::product(&half, &half, width).unwrap(), "apart");

        for (rows, columns) in [(1, 1), (19, 30), (31, 33), (33, 31), (64, 65), (570, 1)] {
            let matrix = ordinary("turned", rows * columns);
            let turned = transposed(&matrix, columns);
            let mut columns_of = Grids::new(device).unwrap();
            columns_of.fill_transposed(&device.upload(&matrix).unwrap(), rows, columns, faults.stage(0)).unwrap();
            let mut out = device.allocate(columns * columns).unwrap();
            product(&columns_of, &columns_of, &Epilogue::default(), &mut out).unwrap();
            let expected = reference::product(&turned, &turned, rows).unwrap();
            same(&out.download().unwrap(), &expected, &format!("columns of {rows} x {columns}"));
        }
        assert_eq!(faults.first().unwrap(), None);
    });
}
