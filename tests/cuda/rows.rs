//! Functions, row operations, pooling and embeddings.

use snellen::kernel::cuda::embed::{Tables, Tokens, embed};
use snellen::kernel::cuda::rows::{Function, Pool, activation, function, layer_norm, normalize, pool, softmax};
use snellen::kernel::cuda::texts::Texts;
use snellen::kernel::product::Activation;
use snellen::kernel::reference;

use crate::devices::{each_architecture, everywhere};
use crate::numbers::{LENGTHS, numbers, ordinary, same};

/// Rows of a matrix.
const ROWS: [usize; 4] = [0, 1, 5, 33];

#[test]
fn functions_have_the_bits_of_the_processor() {
    // Every 16,411th bit pattern, the ends, and where functions are not flat.
    let ends =
        [0.0, -0.0, 1.0, -1.0, f32::INFINITY, f32::NEG_INFINITY, f32::NAN, f32::MAX, f32::MIN_POSITIVE, 88.72284];
    let sample = (0..=u32::MAX).step_by(16_411).map(f32::from_bits);
    let near = (0..20_000).map(|i| (i - 10_000) as f32 / 900.0);
    let x: Vec<f32> = ends.into_iter().chain(sample).chain(near).collect();
    each_architecture(|device| {
        let on_device = device.upload(&x).unwrap();
        let mut out = device.allocate(x.len()).unwrap();
        for kind in Function::ALL {
            function(kind, &on_device, &mut out).unwrap();
            let expected: Vec<f32> = x.iter().map(|x| kind.of(*x)).collect();
            same(&out.download().unwrap(), &expected, &format!("{kind:?}"));
        }
    });
}

#[test]
fn layer_norm_has_the_bits_of_the_reference() {
    everywhere(|device| {
        for (n, rows) in LENGTHS.into_iter().flat_map(|n| ROWS.map(|rows| (n, rows))) {
            let (x, weight, bias) = (ordinary("x", rows * n), ordinary("weight", n), ordinary("bias", n));
            let mut expected = x.clone();
            expected.chunks_exact_mut(n).for_each(|row| reference::layer_norm(row, &weight, &bias, 1e-12));
            let [x, weight, bias] = [x, weight, bias].map(|x| device.upload(&x).unwrap());
            let mut out = device.allocate(x.len()).unwrap();
            layer_norm(&x, &weight, &bias, 1e-12, &mut out).unwrap();
            same(&out.download().unwrap(), &expected, &format!("{rows} x {n}"));
        }
        // Sums of squares that overflow make NaN and not zeros.
        let [x, weight, bias] = [[1e30, -1e30], [1.0; 2], [0.0; 2]].map(|x| device.upload(&x).unwrap());
        let mut out = device.allocate(2).unwrap();
        layer_norm(&x, &weight, &bias, 1e-12, &mut out).unwrap();
        assert!(out.download().unwrap().iter().all(|x| x.is_nan()));
    });
}

#[test]
fn softmax_and_norms_have_the_bits_of_the_reference() {
    everywhere(|device| {
        for (n, rows) in LENGTHS.into_iter().flat_map(|n| ROWS.map(|rows| (n, rows))) {
            let x = ordinary("x", rows * n);
            let mut expected = x.clone();
            for row in expected.chunks_exact_mut(n) {
                row.iter_mut().for_each(|x| *x /= 5.65);
                reference::softmax(row);
            }
            let mut out = device.upload(&x).unwrap();
            softmax(&mut out, n, 5.65).unwrap();
            same(&out.download().unwrap(), &expected, &format!("softmax of {rows} x {n}"));

            let mut expected = x.clone();
            expected.chunks_exact_mut(n).for_each(reference::normalize);
            out.upload(&x).unwrap();
            normalize(&mut out, n).unwrap();
            same(&out.download().unwrap(), &expected, &format!("norms of {rows} x {n}"));
        }
        for row in [[f32::INFINITY, 0.0], [f32::NEG_INFINITY, 1.0], [1e20, 1.0], [0.0, -0.0], [1e-30, 0.0]] {
            let mut expected = row;
            reference::softmax(&mut expected);
            let mut out = device.upload(&row).unwrap();
            softmax(&mut out, 2, 1.0).unwrap();
            same(&out.download().unwrap(), &expected, &format!("softmax of {row:?}"));
            if row[0].is_finite() {
                let mut expected = row;
                reference::normalize(&mut expected);
                out.upload(&row).unwrap();
                normalize(&mut out, 2).unwrap();
                same(&out.download().unwrap(), &expected, &format!("norm of {row:?}"));
            }
        }
    });
}

#[test]
fn activations_have_the_bits_of_the_reference() {
    type Pair = (Activation, fn(f32) -> f32);
    let kinds: [Pair; 3] = [
        (Activation::Gelu, reference::gelu),
        (Activation::GeluNew, reference::gelu_new),
        (Activation::Relu, reference::relu),
    ];
    everywhere(|device| {
        for n in LENGTHS.into_iter().chain([0, 2_000]) {
            let x = numbers("x", n, 12);
            for (kind, reference) in kinds {
                let mut out = device.upload(&x).unwrap();
                activation(kind, &mut out).unwrap();
                let expected: Vec<f32> = x.iter().map(|x| reference(*x)).collect();
                same(&out.download().unwrap(), &expected, &format!("{kind:?} of {n}"));
            }
        }
    });
}

#[test]
fn pooling_has_the_bits_of_plain_loops() {
    let lengths = [1, 17, 2, 33];
    everywhere(|device| {
        for width in LENGTHS {
            let tokens: usize = lengths.iter().sum();
            let states = ordinary("states", tokens * width);
            let texts = Texts::new(device, &lengths.map(Into::into)).unwrap();
            let on_device = device.upload(&states).unwrap();
            for kind in [Pool::Mean, Pool::First, Pool::Largest] {
                let mut expected = Vec::new();
                let mut rows = states.chunks_exact(width);
                for length in lengths {
                    let mut pooled = rows.next().unwrap().to_vec();
                    for row in rows.by_ref().take(length - 1) {
                        for (x, y) in pooled.iter_mut().zip(row) {
                            match kind {
                                Pool::Mean => *x += y,
                                Pool::First => {}
                                Pool::Largest => *x = if *y > *x { *y } else { *x },
                            }
                        }
                    }
                    let divisor = if kind == Pool::Mean { length as f32 } else { 1.0 };
                    expected.extend(pooled.iter().map(|x| x / divisor));
                }
                let mut out = device.allocate(lengths.len() * width).unwrap();
                pool(kind, &on_device, &texts, width, &mut out).unwrap();
                same(&out.download().unwrap(), &expected, &format!("{kind:?} of width {width}"));
            }
        }
    });
}

#[test]
fn embeddings_have_the_bits_of_plain_loops() {
    let (vocabulary, positions) = (11, 9);
    everywhere(|device| {
        for (width, tokens) in LENGTHS.into_iter().flat_map(|n| [0, 1, 33].map(|tokens| (n, tokens))) {
            let ids: Vec<u32> = (0..tokens as u32).map(|i| i * 7 % vocabulary).collect();
            let places: Vec<u32> = (0..tokens as u32).map(|i| i % positions).collect();
            let table = |name, rows: u32| ordinary(name, rows as usize * width);
            let (words, positions) = (table("words", vocabulary), table("positions", positions));
            let [kind, weight, bias] = ["type", "weight", "bias"].map(|name| table(name, 1));
            let shift = ordinary("shift", tokens * width);
            let up = |x: &[f32]| device.upload(x).unwrap();
            let tables = Tables::new(up(&words), up(&positions), up(&kind), [up(&weight), up(&bias)], 1e-12);
            for shifted in [false, true] {
                let number = |(token, i): (usize, usize)| {
                    let word = words[ids[token] as usize * width + i];
                    let word = if shifted { word + shift[token * width + i] } else { word };
                    (word + kind[i]) + positions[places[token] as usize * width + i]
                };
                let sums: Vec<f32> = (0..tokens).flat_map(|t| (0..width).map(move |i| (t, i))).map(number).collect();
                let mut expected = sums.clone();
                expected.chunks_exact_mut(width).for_each(|row| reference::layer_norm(row, &weight, &bias, 1e-12));
                let shift = shifted.then(|| up(&shift));
                let (mut kept, mut out) = (device.allocate(sums.len()).unwrap(), device.allocate(sums.len()).unwrap());
                let given = Tokens::new(&ids, &places);
                embed(&tables, &given, shift.as_ref(), Some(&mut kept), &mut out).unwrap();
                same(&kept.download().unwrap(), &sums, &format!("sums of {tokens} x {width}"));
                same(&out.download().unwrap(), &expected, &format!("{tokens} x {width}"));
            }
        }
    });
}
