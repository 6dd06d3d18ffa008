use ndarray::{Array2, ArrayView2, arr2, concatenate, s};

use super::{Options, Representation, Shared, representation};
use crate::kernel::isa::Isa;
use crate::kernel::random::Stream;

/// Rounding of f64 through a few hundred sums and an SVD.
const ROUNDING: f64 = 1e-12;
/// What inputs lose that are turned and then rounded to f32 once more.
const F32: f64 = 1e-6;

fn random(rows: usize, columns: usize, item: &str) -> Array2<f32> {
    let mut stream = Stream::new(8, "representation", item);
    Array2::from_shape_simple_fn((rows, columns), || stream.normal() as f32)
}

/// A student's embeddings: the teacher's, a shift, and noise.
fn pairs(rows: usize, columns: usize) -> [Array2<f32>; 2] {
    let x = random(rows, columns, "teacher");
    let y = &x + &(random(rows, columns, "student") * 0.8) + 0.3;
    [x, y]
}

fn options(neighbours: usize) -> Options {
    Options { neighbours, ..Options::default() }
}

fn of(x: &Array2<f32>, y: &Array2<f32>, neighbours: usize) -> Representation {
    representation(x.view(), y.view(), &options(neighbours)).unwrap()
}

#[track_caller]
fn near(x: f64, expected: f64, tolerance: f64) {
    assert!((x - expected).abs() <= tolerance, "{x} {expected}");
}

/// Four quarter turns in two planes, exact in f32.
fn turned(x: &Array2<f32>) -> Array2<f32> {
    let mut y = x.clone();
    y.column_mut(0).assign(&x.column(1));
    y.column_mut(1).assign(&-&x.column(0));
    y
}

#[test]
fn a_space_is_like_itself_turned_scaled_and_moved() {
    // With more rows than columns, and with fewer.
    for (rows, columns) in [(40, 6), (12, 20)] {
        let x = random(rows, columns, "x");
        for y in [x.clone(), turned(&x), turned(&x) * 4.0] {
            let found = of(&x, &y, 3);
            near(found.linear_cka, 1.0, ROUNDING);
            near(found.rbf_cka, 1.0, ROUNDING);
            near(found.shared.unwrap().procrustes, 0.0, ROUNDING);
            near(found.y.isoscore, found.x.isoscore, ROUNDING);
            near(found.y.effective_rank, found.x.effective_rank, 10.0 * ROUNDING);
        }
        let moved = of(&x, &(turned(&x) + 3.0), 3);
        near(moved.linear_cka, 1.0, F32);
        near(moved.rbf_cka, 1.0, F32);
        near(moved.shared.unwrap().procrustes, 0.0, F32);
        assert!(moved.y.mean_cosine > 0.8 && moved.shared.unwrap().gap > 0.5);
    }
}

#[test]
fn alignment_by_hand() {
    // Centred columns (1, −1, 0) and (1, 0, −1): YᵀX = 1, XᵀX = YᵀY = 2.
    let (x, y) = (arr2(&[[3.0], [1.0], [2.0]]), arr2(&[[3.0], [2.0], [1.0]]));
    let found = of(&x, &y, 1);
    near(found.linear_cka, 0.25, ROUNDING);
    near(found.shared.unwrap().procrustes, 2.0 - 2.0 * 0.5, ROUNDING);
    // Squared distances of X: 4, 1, 1 twice each and 0 three times, so the median is 1; of Y: 1, 4, 1. With a = e^(-1/2) and b = e^(-2) the kernels are
    // [1 b a; b 1 a; a a 1] and [1 a b; a 1 a; b a 1].
    let (a, b) = (0.606_530_659_712_633_4, 0.135_335_283_236_612_7);
    let (k, l) = ([[1.0, b, a], [b, 1.0, a], [a, a, 1.0]], [[1.0, a, b], [a, 1.0, a], [b, a, 1.0]]);
    let centre = |k: [[f64; 3]; 3]| {
        let means = k.map(|row| row.iter().sum::<f64>() / 3.0);
        let mean = means.iter().sum::<f64>() / 3.0;
        (0..9).map(|i| k[i / 3][i % 3] - means[i / 3] - means[i % 3] + mean).collect::<Vec<f64>>()
    };
    let (k, l) = (centre(k), centre(l));
    let inner = |k: &[f64], l: &[f64]| k.iter().zip(l).map(|(x, y)| x * y).sum::<f64>();
    near(found.rbf_cka, inner(&k, &l) / (inner(&k, &k) * inner(&l, &l)).sqrt(), ROUNDING);
}

#[test]
fn features_and_rows_give_the_same_alignment() {
    // Columns of zeros add nothing but make the features more than the rows.
    let [x, y] = pairs(30, 8);
    let widened = |x: &Array2<f32>| concatenate![ndarray::Axis(1), x.view(), Array2::<f32>::zeros((30, 40))];
    let (narrow, wide) = (of(&x, &y, 3), of(&widened(&x), &widened(&y), 3));
    near(narrow.linear_cka, wide.linear_cka, ROUNDING);
    near(narrow.shared.unwrap().procrustes, wide.shared.unwrap().procrustes, ROUNDING);
    near(narrow.x.effective_rank, wide.x.effective_rank, 10.0 * ROUNDING);
    // Eight of forty-eight dimensions are used: the participation ratio is the same.
    near(narrow.x.isoscore * 7.0, wide.x.isoscore * 47.0, 10.0 * ROUNDING);
}

#[test]
fn even_directions_fill_the_space_and_a_line_does_not() {
    // ± each axis: the mean is 0, all variances are equal, all cosines are 0 but those of opposites.
    let axes = Array2::<f32>::eye(7);
    let axes = concatenate![ndarray::Axis(0), axes.view(), (-&axes).view()];
    let usage = of(&axes, &axes, 3).x;
    near(usage.effective_rank, 7.0, ROUNDING);
    near(usage.isoscore, 1.0, ROUNDING);
    near(usage.mean_cosine, -1.0 / 13.0, ROUNDING);

    let line = Array2::from_shape_fn((9, 5), |(i, j)| (i + 1) as f32 * if j % 2 == 0 { 1.0 } else { 2.0 });
    let usage = of(&line, &line, 3).x;
    near(usage.effective_rank, 1.0, ROUNDING);
    near(usage.isoscore, 0.0, ROUNDING);
    near(usage.mean_cosine, 1.0, ROUNDING);

    let column = of(&arr2(&[[1.0], [2.0], [-1.0]]), &arr2(&[[1.0], [2.0], [5.0]]), 1).x;
    assert_eq!((column.isoscore, column.effective_rank), (1.0, 1.0));
}

#[test]
fn margin_gap_and_hubs_by_hand() {
    let x = arr2(&[[1.0, 0.0], [0.0, 2.0], [3.0, 4.0]]);
    let y = arr2(&[[5.0, 0.0], [3.0, 4.0], [0.0, 1.0]]);
    // Cosines of the rows of X with those of Y: 1 .6 0; 0 .8 1; .6 1 .8.
    let Shared { gap, forward, backward, .. } = of(&x, &y, 1).shared.unwrap();
    near(forward.margin, (0.4 - 0.2 - 0.2) / 3.0, ROUNDING);
    near(forward.ahead, 1.0 / 3.0, 0.0);
    near(backward.margin, (0.4 - 0.2 - 0.2) / 3.0, ROUNDING);
    // Nearest are 0, 2, 1: each once. Centroids are the same.
    assert_eq!((forward.hubness, backward.hubness), (0.0, 0.0));
    near(gap, 0.0, ROUNDING);

    let x = arr2(&[[1.0, 0.0], [3.0, 4.0], [4.0, 3.0]]);
    let y = arr2(&[[1.0, 0.0], [-3.0, 4.0], [4.0, -3.0]]);
    // Cosines: 1 −.6 .8; .6 .28 0; .8 0 .28. The first of Y is nearest to all of X; back, they are the first, the second, the first.
    let Shared { gap, forward, backward, .. } = of(&x, &y, 1).shared.unwrap();
    // Deviations 2, −1, −1: variance 2, third moment 2.
    near(forward.hubness, 2.0 / (2.0 * 2f64.sqrt()), ROUNDING);
    near(backward.hubness, 0.0, ROUNDING);
    near(forward.ahead, 1.0 / 3.0, 0.0);
    // Centroids (2.4, 1.4)/3 and (1.2, 0.2)/3.
    near(gap, 1.2 * 2f64.sqrt() / 3.0, ROUNDING);
}

#[test]
fn of_equal_cosines_the_first_is_nearer() {
    let x = arr2(&[[1.0, 0.0], [1.0, 0.0], [1.0, 1.0], [0.0, 1.0]]);
    let y = arr2(&[[2.0, 0.0], [3.0, 0.0], [4.0, 0.0], [0.0, 1.0]]);
    let forward = of(&x, &y, 1).shared.unwrap().forward;
    // Row 0 of Y is nearest to rows 0, 1 and 2 of X (to the last all four are equally near), row 3 to its own: N is 3, 0, 0, 1, its variance and third moment 1.5.
    near(forward.hubness, 1.0 / 1.5f64.sqrt(), ROUNDING);
    // A row whose partner has equals is not ahead.
    assert_eq!(forward.ahead, 0.25);
}

#[test]
fn sides_of_different_widths_have_no_cosines() {
    let (x, y) = (random(30, 8, "x"), random(30, 5, "y"));
    let found = of(&x, &y, 3);
    assert_eq!(found.shared, None);
    assert!((0.0..1.0).contains(&found.linear_cka) && (0.0..1.0).contains(&found.rbf_cka));
    assert!((1.0..=5.0).contains(&found.y.effective_rank));
}

#[test]
fn what_cannot_be_compared_is_said() {
    let [x, y] = pairs(20, 4);
    let says = |x: &Array2<f32>, y: &Array2<f32>, options: &Options| {
        representation(x.view(), y.view(), options).unwrap_err().to_string()
    };
    let of = |x: ArrayView2<'_, f32>| says(&x.to_owned(), &y.slice(s![..x.nrows(), ..]).to_owned(), &options(1));
    assert!(says(&x, &random(19, 4, "short"), &options(3)).contains("X has 20 rows, Y 19"));
    assert!(of(x.slice(s![..1, ..])).contains("2 or more"));
    assert!(of(x.slice(s![.., ..0])).contains("row 0 of X is zero"));
    assert!(of(Array2::ones((20, 4)).view()).contains("all rows of X are the same"));
    let with = |row: usize, value: f32| {
        let mut x = x.clone();
        x.row_mut(row).fill(value);
        x
    };
    assert!(of(with(3, f32::NAN).view()).contains("row 3 of X has a value that is not finite"));
    assert!(says(&x, &with(4, 0.0), &options(1)).contains("row 4 of Y is zero"));
    let mut same = Array2::ones((20, 4));
    same[[7, 0]] = 2.0;
    assert!(says(&x, &same, &options(1)).contains("half of the distances between rows of Y are 0"));
    assert!(says(&x, &y, &options(20)).contains("20 neighbours among 20 rows"));
    assert!(says(&x, &y, &options(0)).contains("at least 1"));
    let bandwidth = |bandwidth| says(&x, &y, &Options { bandwidth, ..Options::default() });
    assert!([0.0, -1.0, f64::NAN].into_iter().all(|b| bandwidth(b).contains("a positive number")));
    assert!(bandwidth(1e30).contains("the same everywhere"));
}

#[cfg(not(feature = "lapack"))]
const JACOBI: super::Svd = super::singular_values;
#[cfg(feature = "lapack")]
const JACOBI: super::Svd = crate::kernel::svd::jacobi::singular_values;

#[test]
fn threads_and_instruction_sets_do_not_change_a_bit() {
    let [x, y] = pairs(70, 45);
    let all = || format!("{:?}", super::diagnose(x.view(), y.view(), &options(10), JACOBI).unwrap());
    let first = all();
    for isa in Isa::ALL.into_iter().filter(|isa| isa.present()) {
        assert!(isa.force());
        for threads in 1..4 {
            let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
            assert_eq!(pool.install(all), first, "{isa} {threads}");
        }
    }
    assert!(Isa::best().force());
}

#[cfg(feature = "lapack")]
#[test]
fn lapack_agrees() {
    use crate::kernel::svd::lapack;
    for (rows, columns) in [(90, 40), (40, 90)] {
        let [x, y] = pairs(rows, columns);
        let of = |svd| super::diagnose(x.view(), y.view(), &options(10), svd).unwrap();
        let (ours, theirs) = (of(JACOBI), of(lapack::singular_values));
        let spectral = |r: &Representation| {
            let shared = r.shared.unwrap();
            [r.x.isoscore, r.x.effective_rank, r.y.isoscore, r.y.effective_rank, shared.procrustes]
        };
        for (a, b) in spectral(&ours).into_iter().zip(spectral(&theirs)) {
            assert!((a - b).abs() <= 1e-10 * a, "{a} {b}");
        }
        assert_eq!((ours.linear_cka, ours.rbf_cka), (theirs.linear_cka, theirs.rbf_cka));
    }
}
