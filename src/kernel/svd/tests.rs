use ndarray::{Array1, Array2, ArrayView2, s};

use super::{SvdError, jacobi, singular_values};
use crate::kernel::isa::Isa;
use crate::kernel::matrix;
use crate::kernel::random::Stream;

/// What an SVD's rounding may come to, relative to the largest singular value: some hundred roundings on the way.
const ROUNDING: f64 = 1e-13;

fn random(rows: usize, columns: usize) -> Array2<f64> {
    let mut stream = Stream::new(5, "svd", format!("{rows} {columns}"));
    Array2::from_shape_simple_fn((rows, columns), || stream.normal())
}

/// H·A of a reflection H, which leaves singular values as they are.
fn reflected(a: &Array2<f64>, item: &str) -> Array2<f64> {
    let mut stream = Stream::new(6, "reflection", item);
    let v = Array1::from_shape_simple_fn(a.nrows(), || stream.normal());
    let shares = a.t().dot(&v) * (2.0 / v.dot(&v));
    a - &(v.insert_axis(ndarray::Axis(1)).dot(&shares.insert_axis(ndarray::Axis(0))))
}

/// A matrix with these singular values, dense on both sides.
fn with_values(rows: usize, columns: usize, values: &[f64]) -> Array2<f64> {
    let mut a = Array2::zeros((rows, columns));
    values.iter().enumerate().for_each(|(i, x)| a[[i, i]] = *x);
    let a = reflected(&reflected(&a, "left 1"), "left 2");
    reflected(&reflected(&a.t().to_owned(), "right 1"), "right 2").t().to_owned()
}

fn graded(n: usize, ratio: f64) -> Vec<f64> {
    std::iter::successors(Some(1.0), |x| Some(x * ratio)).take(n).collect()
}

/// Random, tall, wide, of a deficient rank, graded by columns and by rows, with equal values, narrow.
fn matrices() -> Vec<(&'static str, Array2<f64>)> {
    let scales = Array1::from(graded(60, 0.5));
    vec![
        ("square", random(97, 97)),
        ("tall", random(300, 40)),
        ("wide", random(33, 210)),
        ("rank 7", random(80, 7).dot(&random(7, 65))),
        ("graded columns", random(80, 60) * &scales),
        ("graded rows", random(60, 50) * &scales.clone().insert_axis(ndarray::Axis(1))),
        ("graded spectrum", with_values(70, 60, &graded(60, 0.3))),
        ("equal values", with_values(50, 50, &[3.0; 50])),
        ("one column", random(31, 1)),
        ("one row", random(1, 31)),
    ]
}

#[track_caller]
fn near(ours: &[f64], expected: &[f64], tolerance: f64, what: &str) {
    assert_eq!(ours.len(), expected.len(), "{what}");
    for (x, y) in ours.iter().zip(expected) {
        assert!((x - y).abs() <= tolerance * expected[0], "{what}: {x} {y}");
    }
}

#[test]
fn small_ones_by_hand() {
    let values = |rows: &[[f64; 2]]| singular_values(ndarray::arr2(rows).view()).unwrap();
    near(&values(&[[3.0, 0.0], [0.0, -4.0]]), &[4.0, 3.0], ROUNDING, "diagonal");
    near(&values(&[[1.0, 1.0], [0.0, 1.0]]), &[1.618_033_988_749_895, 0.618_033_988_749_895], ROUNDING, "golden");
    near(&values(&[[1.0, 2.0], [2.0, 4.0], [0.0, 0.0]]), &[5.0, 0.0], ROUNDING, "rank one");
    near(&values(&[[0.0, 0.0]]), &[0.0], 0.0, "zero");
    assert!(values(&[]).is_empty());
}

#[test]
fn known_values_come_back() {
    let even: Vec<f64> = (1..=60).rev().map(f64::from).collect();
    for values in [graded(60, 0.9), graded(60, 0.3), even, [vec![2.0; 30], vec![0.0; 30]].concat()] {
        for (rows, columns) in [(60, 60), (200, 60), (60, 131)] {
            let found = singular_values(with_values(rows, columns, &values).view()).unwrap();
            near(&found, &values, ROUNDING, &format!("{rows} {columns} {}", values[1]));
        }
    }
}

#[test]
fn squares_sum_to_the_squared_frobenius_norm() {
    for (what, a) in matrices() {
        let squares: f64 = singular_values(a.view()).unwrap().iter().map(|x| x * x).sum();
        let expected: f64 = a.iter().map(|x| x * x).sum();
        assert!((squares - expected).abs() <= ROUNDING * expected, "{what}: {squares} {expected}");
    }
}

#[test]
fn small_values_of_graded_columns_are_accurate_by_themselves() {
    // Orthogonal columns of lengths from 1 to 1e-90: nothing is lost beside the long ones.
    let lengths = graded(31, 1e-3);
    let q = with_values(40, 31, &[1.0; 31]);
    let found = jacobi::singular_values((q * &Array1::from(lengths.clone())).view()).unwrap();
    for (x, y) in found.iter().zip(&lengths) {
        assert!((x - y).abs() <= ROUNDING * y, "{x} {y}");
    }
}

#[test]
fn scale_does_not_matter() {
    let a = random(20, 12);
    let values = jacobi::singular_values(a.view()).unwrap();
    for power in [f64::MIN_POSITIVE, f64::from_bits(1), f64::from_bits(2030 << 52)] {
        // Rounded to multiples of 2^-10, so that no bit is lost among subnormal numbers.
        let found = jacobi::singular_values((a.mapv(|x| (x * 1024.0).round()) * power).view()).unwrap();
        let expected: Vec<f64> = values.iter().map(|x| x * 1024.0 * power).collect();
        // Rounded entries are off by a thousandth.
        near(&found, &expected, 1e-3, &format!("{power}"));
    }
}

#[test]
fn transposing_and_turning_leave_them() {
    for (what, a) in matrices() {
        let values = singular_values(a.view()).unwrap();
        near(&singular_values(a.t()).unwrap(), &values, ROUNDING, what);
        near(&singular_values(reflected(&a, "turn").view()).unwrap(), &values, ROUNDING, what);
        near(&singular_values(a.slice(s![..;-1, ..;-1])).unwrap(), &values, ROUNDING, what);
    }
}

#[test]
fn values_that_are_not_finite_are_named() {
    for bad in [f64::NAN, f64::INFINITY] {
        let mut a = random(4, 3);
        a[[2, 1]] = bad;
        let error = singular_values(a.view()).unwrap_err();
        assert!(matches!(&error, SvdError::NotFinite(e) if e.row == 2), "{error}");
    }
}

#[test]
fn threads_and_instruction_sets_do_not_change_a_bit() {
    let bits = |a: ArrayView2<'_, f64>| -> Vec<u64> {
        jacobi::singular_values(a).unwrap().iter().map(|x| x.to_bits()).collect()
    };
    let matrices = matrices();
    let first: Vec<_> = matrices.iter().map(|(_, a)| bits(a.view())).collect();
    for isa in Isa::ALL.into_iter().filter(|isa| isa.present()) {
        assert!(isa.force());
        for threads in 1..4 {
            let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
            for ((what, a), expected) in matrices.iter().zip(&first) {
                assert_eq!(&pool.install(|| bits(a.view())), expected, "{what} {isa} {threads}");
            }
        }
    }
    assert!(Isa::best().force());
}

#[test]
fn products_have_the_singular_values_of_their_gram_matrix() {
    let a = random(50, 30);
    let squares: Vec<f64> = singular_values(a.view()).unwrap().iter().map(|x| x * x).collect();
    near(&singular_values(matrix::product(a.t(), a.t()).view()).unwrap(), &squares, ROUNDING, "Gram");
}

#[cfg(feature = "lapack")]
#[test]
fn lapack_agrees() {
    for (what, a) in matrices() {
        let (ours, theirs) = (jacobi::singular_values(a.view()), super::lapack::singular_values(a.view()));
        near(&ours.unwrap(), &theirs.unwrap(), 1e-10, what);
    }
}
