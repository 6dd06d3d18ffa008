//! Products against the reference, in every form that this processor can use.

use ndarray::{Array2, ArrayView2, s};

use super::*;
use crate::kernel::team::gather;
use crate::kernel::{isa::Isa, reference};

/// Numbers of very different sizes, signs and a few zeros, from a linear congruential generator.
fn awkward(len: usize, seed: u64) -> Vec<f32> {
    let mut state = seed;
    let mut next = || {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (state >> 33) as u32
    };
    (0..len)
        .map(|_| match next() % 16 {
            0 => 0.0,
            1 => -0.0,
            2 => f32::from_bits(next() & 0x007f_ffff), // subnormal
            3 => 1e30 * (next() as f32 / 2e9 - 0.5),
            _ => next() as f32 / 1e9 - 1.0,
        })
        .collect()
}

/// Every form under every instruction set that can use it. The form of AMX is everywhere: with tiles in plain Rust where the processor has none.
fn everywhere(check: impl Fn(Form, &str)) {
    for isa in Isa::ALL.into_iter().filter(|isa| isa.present()) {
        assert!(isa.force());
        check(Form(Kind::Float), &format!("{isa}, f64"));
        if Form::active() != Form(Kind::Float) {
            check(Form::active(), &format!("{isa}, {:?}", Form::active()));
        }
        #[cfg(target_arch = "x86_64")]
        if Form::active() != Form(Kind::Int8) {
            check(Form(Kind::Int8), &format!("{isa}, emulated tiles"));
        }
    }
    assert!(Isa::best().force());
}

fn rows(form: Form, matrix: ArrayView2<'_, f32>) -> Rows {
    let mut rows = Rows::new(form);
    rows.fill(matrix).unwrap();
    rows
}

fn columns(form: Form, transposed: ArrayView2<'_, f32>) -> Columns {
    let mut columns = Columns::new(form);
    columns.fill(transposed).unwrap();
    columns
}

fn view(matrix: &[f32], k: usize) -> ArrayView2<'_, f32> {
    ArrayView2::from_shape((matrix.len() / k, k), matrix).unwrap()
}

fn assert_bits(ours: &Array2<f32>, expected: &[f32], what: &str) {
    let differs = ours.iter().zip(expected).position(|(x, y)| x.to_bits() != y.to_bits());
    assert_eq!((differs, ours.len()), (None, expected.len()), "{what}");
}

#[test]
fn products_of_awkward_shapes_equal_the_reference() {
    let shapes =
        [(1, 1, 1), (1, 384, 1), (3, 127, 5), (2, 128, 193), (5, 129, 7), (31, 257, 49), (17, 1536, 13), (9, 31, 16)];
    // Whole tiles; rows so long that sums are taken in blocks; so many that their tiles are taken in groups.
    let large = [(48, 64, 32), (2, 33_000, 3), (17, 16_400, 2), (17, 33_000, 17)];
    for (m, k, n) in shapes.into_iter().chain(large) {
        let (a, b) = (awkward(m * k, 1 + k as u64), awkward(n * k, 2 + n as u64));
        let expected = reference::product(&a, &b, k).unwrap();
        // The same columns, each term's columns side by side.
        let turned = Array2::from_shape_fn((k, n), |(p, j)| b[j * k + p]);
        everywhere(|form, name| {
            let a = rows(form, view(&a, k));
            for b in [columns(form, view(&b, k)), columns(form, turned.t())] {
                let mut out = Array2::zeros((m, n));
                product(&a, &b, out.view_mut());
                assert_bits(&out, &expected, &format!("{name}: {m}×{k}×{n}"));
            }
        });
    }
}

#[test]
fn the_largest_sums_are_exact() {
    // Every product is the largest possible, or both digits are: blocks reach their bounds and the sum needs i64.
    for value in [8_355_711.0f32, -8_355_711.0, 8_355_584.0, 8_353_792.0, -8_353_793.0, 6_144.0 - 8_355_840.0] {
        // The longer one has a block of 32,768 terms and all but 5,767 of another.
        let k = if value == 8_355_711.0 { 59_769 } else { 4099 };
        let mut a = vec![value; k];
        a[k / 2] = 8_355_711.0; // so that e is 0 and the digits are those of `value`
        let b: Vec<f32> = a.iter().enumerate().map(|(i, x)| if i < 1000 { -x } else { *x }).collect();
        let all = [a, b].concat();
        let expected = reference::product(&all, &all, k).unwrap();
        everywhere(|form, name| {
            let mut out = Array2::zeros((2, 2));
            product(&rows(form, view(&all, k)), &columns(form, view(&all, k)), out.view_mut());
            assert_bits(&out, &expected, &format!("{name}: {value}"));
        });
    }
}

/// The product of one row and one column, in every form.
fn check_dot(a: &[f32], b: &[f32], what: &str) {
    let k = a.len();
    let expected = reference::product(a, b, k).unwrap();
    everywhere(|form, name| {
        let mut out = Array2::zeros((1, 1));
        product(&rows(form, view(a, k)), &columns(form, view(b, k)), out.view_mut());
        assert_bits(&out, &expected, &format!("{name}: {what}"));
    });
}

#[test]
fn sums_half_way_between_two_numbers_are_rounded_once() {
    // 2^bits and half a unit of f32's last place, and then nothing or the least that can be added or taken away.
    for (terms, more, sign) in [(16, 1.0, 1.0), (16, -1.0, -1.0), (15, -1.0, 1.0), (12, 0.0, 1.0), (10, 1.0, -1.0f32)] {
        let half = 44 + terms - 24;
        let (mut a, mut b) = (vec![4_194_304.0; 1 << terms], vec![4_194_304.0 * sign; 1 << terms]);
        a.extend([(1u32 << (half / 2)) as f32, 1.0]);
        b.extend([(1u32 << (half - half / 2)) as f32 * sign, more * sign]);
        check_dot(&a, &b, &format!("2^{terms} products, {more} more, sign {sign}"));
    }
}

#[test]
fn what_is_left_of_large_sums_that_cancel_is_exact() {
    // The same products with both signs, in opposite orders and in different blocks, and one small one.
    for (seed, count) in [(21, 401), (22, 129), (23, 300), (24, 700)] {
        let large =
            |seed| awkward(count, seed).iter().map(|x| (x.clamp(-1.0, 1.0) * 8_355_711.0).round()).collect::<Vec<_>>();
        let (u, w) = if seed == 21 {
            (vec![8_355_711.0; count], vec![8_355_711.0; count])
        } else {
            (large(seed), large(seed + 9))
        };
        let gap = vec![0.0; seed as usize];
        let a = [&[8_355_711.0, 0.0], &u[..], &gap[..], &u.iter().rev().copied().collect::<Vec<_>>()[..], &[613.0]]
            .concat();
        let b = [&[0.0, 8_355_711.0], &w[..], &gap[..], &w.iter().rev().map(|y| -y).collect::<Vec<_>>()[..], &[7.0]]
            .concat();
        assert_eq!(reference::product(&a, &b, a.len()).unwrap(), [613.0 * 7.0]);
        check_dot(&a, &b, &format!("{count} products"));
    }
}

#[test]
fn operands_of_different_forms_are_no_product() {
    let one = Array2::from_elem((1, 1), 1.0);
    let multiply = |a, b| product(&rows(a, one.view()), &columns(b, one.view()), Array2::zeros((1, 1)).view_mut());
    everywhere(|form, name| {
        let float = Form(Kind::Float);
        let refused = std::panic::catch_unwind(|| multiply(form, float)).is_err();
        assert_eq!(refused, form != float, "{name}");
    });
}

#[test]
fn without_terms_all_sums_are_zero() {
    let (a, b, bias) = (Array2::zeros((3, 0)), Array2::zeros((5, 0)), [1.0, 2.0, 3.0, 4.0, 5.0]);
    everywhere(|form, name| {
        let mut out = Array2::from_elem((3, 5), 7.0);
        let epilogue = Epilogue { bias: Some(&bias), ..Epilogue::default() };
        product_then(&Team::alone(), &rows(form, a.view()), &columns(form, b.view()), &epilogue, out.view_mut());
        assert_bits(&out, &[bias; 3].concat(), name);
    });
}

#[test]
fn bias_activation_and_residual_follow_in_this_order() {
    let (m, k, n) = (21, 70, 37);
    let (a, b, residual) = (awkward(m * k, 3), awkward(n * k, 4), awkward(m * n, 5));
    let bias = awkward(n, 6);
    type Pair = (Option<Activation>, fn(f32) -> f32);
    let activations: [Pair; 4] = [
        (None, |x| x),
        (Some(Activation::Gelu), reference::gelu),
        (Some(Activation::GeluNew), reference::gelu_new),
        (Some(Activation::Relu), reference::relu),
    ];
    for (activation, function) in activations {
        let products = reference::product(&a, &b, k).unwrap();
        let expected: Vec<f32> =
            products.iter().enumerate().map(|(i, x)| function(x + bias[i % n]) + residual[i]).collect();
        everywhere(|form, name| {
            let epilogue = Epilogue { bias: Some(&bias), activation, residual: Some(view(&residual, n)) };
            let mut out = Array2::zeros((m, n));
            let (a, b) = (rows(form, view(&a, k)), columns(form, view(&b, k)));
            product_then(&Team::alone(), &a, &b, &epilogue, out.view_mut());
            assert_bits(&out, &expected, &format!("{name}: {activation:?}"));
        });
    }
}

#[test]
fn parts_of_a_wider_matrix_can_be_written() {
    let (m, k, n) = (5, 40, 20);
    let (a, b) = (awkward(m * k, 7), awkward(n * k, 8));
    let expected = reference::product(&a, &b, k).unwrap();
    everywhere(|form, name| {
        let mut wide = Array2::from_elem((m, 3 * n), 7.0);
        product(&rows(form, view(&a, k)), &columns(form, view(&b, k)), wide.slice_mut(s![.., n..2 * n]));
        assert_bits(&wide.slice(s![.., n..2 * n]).to_owned(), &expected, name);
        let around = wide.slice(s![.., ..n]).iter().chain(wide.slice(s![.., 2 * n..]).iter()).all(|x| *x == 7.0);
        assert!(around, "{name} wrote beside its columns");
    });
}

#[test]
fn memory_that_held_another_operand_leaves_no_trace() {
    let (a, b) = (awkward(40 * 90, 9), awkward(50 * 90, 10));
    everywhere(|form, name| {
        let (mut r, mut c) = (rows(form, view(&a, 90)), columns(form, view(&b, 90)));
        for k in [7, 33, 90] {
            let (a, b) = (&a[..3 * k], &b[..5 * k]);
            r.fill(view(a, k)).unwrap();
            c.fill(view(b, k)).unwrap();
            let mut out = Array2::zeros((3, 5));
            product(&r, &c, out.view_mut());
            assert_bits(&out, &reference::product(a, b, k).unwrap(), name);
        }
    });
}

#[test]
fn threads_do_not_change_a_product() {
    let (m, k, n) = (70, 200, 300);
    let (a, b) = (awkward(m * k, 11), awkward(n * k, 12));
    everywhere(|form, name| {
        let (a, b) = (rows(form, view(&a, k)), columns(form, view(&b, k)));
        let (mut one, mut all) = (Array2::zeros((m, n)), Array2::zeros((m, n)));
        product(&a, &b, one.view_mut());
        gather(2, |team| product_then(team, &a, &b, &Epilogue::default(), all.view_mut()));
        assert_bits(&all, one.as_slice().unwrap(), name);
    });
}

#[test]
fn grids_equal_the_reference_at_the_edges() {
    for largest in [f32::from_bits(1), f32::MIN_POSITIVE, 1.0, 8_355_711.0, 8_355_711.5, 8_355_712.0, f32::MAX] {
        for row in [[largest, -0.3 * largest, 0.5], [-largest, largest / 3.0, -0.0]] {
            if row.iter().any(|x| x.abs() > largest) {
                continue;
            }
            // A product with 1 shows a grid value: 1 is q = 2^22 with e = -22.
            let unit = [1.0f32, 0.0, 0.0, 0.0, 1.0, 0.0, 0.0, 0.0, 1.0];
            let expected = reference::product(&row, &unit, 3).unwrap();
            everywhere(|form, name| {
                let mut out = Array2::zeros((1, 3));
                let a = rows(form, view(&row, 3));
                assert_eq!(a.exponents, [reference::grid(&row).unwrap().1], "{name}");
                product(&a, &columns(form, view(&unit, 3)), out.view_mut());
                assert_bits(&out, &expected, &format!("{name}: {row:?}"));
            });
        }
    }
}

#[test]
fn a_value_that_is_not_finite_is_named_by_its_row() {
    let mut matrix = Array2::from_elem((20, 40), 1.0f32);
    matrix[[17, 39]] = f32::INFINITY;
    matrix[[18, 2]] = f32::NAN;
    everywhere(|form, name| {
        let turned = matrix.t().as_standard_layout().into_owned();
        assert_eq!(Rows::new(form).fill(matrix.view()), Err(NotFinite { row: 17 }), "{name}");
        assert_eq!(Columns::new(form).fill(matrix.view()), Err(NotFinite { row: 17 }), "{name}");
        assert_eq!(Columns::new(form).fill(turned.t()), Err(NotFinite { row: 17 }), "{name}");
    });
}

#[test]
fn a_product_without_rows_is_empty() {
    everywhere(|form, name| {
        let b = columns(form, view(&[1.0; 60], 20));
        let mut out = Array2::zeros((0, 3));
        product(&rows(form, Array2::zeros((0, 20)).view()), &b, out.view_mut());
        assert_eq!(out.dim(), (0, 3), "{name}");
    });
}
