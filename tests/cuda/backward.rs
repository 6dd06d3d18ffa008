//! Derivatives of row operations.

use snellen::kernel::cuda::backward;
use snellen::kernel::cuda::rows::Pool;
use snellen::kernel::cuda::texts::Texts;
use snellen::kernel::product::Activation;
use snellen::kernel::reference;
use snellen::kernel::reference::backward as plain;

use crate::devices::everywhere;
use crate::numbers::{LENGTHS, numbers, ordinary, same};

const ROWS: [usize; 4] = [0, 1, 5, 33];

#[test]
fn layer_norm_and_normalize_have_the_bits_of_the_reference() {
    everywhere(|device| {
        for (n, rows) in LENGTHS.into_iter().flat_map(|n| ROWS.map(|rows| (n, rows))) {
            let (mut x, upstream, weight) = (ordinary("x", rows * n), ordinary("g", rows * n), ordinary("weight", n));
            if rows > 1 {
                // Norms that are too small to divide by, and one that overflows.
                x[..n].fill(1e-20);
                x[n..2 * n].fill(1e30);
            }
            let on_device = device.upload(&x).unwrap();
            let mut gradient = device.upload(&upstream).unwrap();
            let mut expected = upstream.clone();
            for (x, g) in x.chunks_exact(n).zip(expected.chunks_exact_mut(n)) {
                plain::layer_norm(x, g, &weight, 1e-12);
            }
            backward::layer_norm(&on_device, &mut gradient, &device.upload(&weight).unwrap(), 1e-12).unwrap();
            same(&gradient.download().unwrap(), &expected, &format!("LayerNorm of {rows} x {n}"));

            let mut expected = upstream.clone();
            x.chunks_exact(n).zip(expected.chunks_exact_mut(n)).for_each(|(x, g)| plain::normalize(x, g));
            gradient.upload(&upstream).unwrap();
            backward::normalize(&on_device, &mut gradient, n).unwrap();
            same(&gradient.download().unwrap(), &expected, &format!("norms of {rows} x {n}"));
        }
    });
}

#[test]
fn softmax_has_the_bits_of_the_reference() {
    everywhere(|device| {
        for (n, rows) in LENGTHS.into_iter().flat_map(|n| ROWS.map(|rows| (n, rows))) {
            let (mut p, upstream) = (ordinary("p", rows * n), ordinary("g", rows * n));
            p.chunks_exact_mut(n).for_each(reference::softmax);
            let mut expected = upstream.clone();
            p.chunks_exact(n).zip(expected.chunks_exact_mut(n)).for_each(|(p, g)| plain::softmax(p, g, 5.65));
            let mut gradient = device.upload(&upstream).unwrap();
            backward::softmax(&device.upload(&p).unwrap(), &mut gradient, n, 5.65).unwrap();
            same(&gradient.download().unwrap(), &expected, &format!("{rows} x {n}"));
        }
    });
}

#[test]
fn activations_have_the_bits_of_the_reference() {
    type Pair = (Activation, fn(f32, f32) -> f32);
    let kinds: [Pair; 3] =
        [(Activation::Gelu, plain::gelu), (Activation::GeluNew, plain::gelu_new), (Activation::Relu, plain::relu)];
    everywhere(|device| {
        for n in LENGTHS.into_iter().chain([0, 2_000]) {
            let (x, upstream) = (numbers("x", n, 8), ordinary("g", n));
            for (kind, slope) in kinds {
                let mut gradient = device.upload(&upstream).unwrap();
                backward::activation(kind, &device.upload(&x).unwrap(), &mut gradient).unwrap();
                let expected: Vec<f32> = x.iter().zip(&upstream).map(|(x, g)| slope(*x, *g)).collect();
                same(&gradient.download().unwrap(), &expected, &format!("{kind:?} of {n}"));
            }
        }
    });
}

#[test]
fn column_sums_have_the_bits_of_the_reference() {
    everywhere(|device| {
        for (n, rows) in LENGTHS.into_iter().flat_map(|n| [0, 1, 31, 33, 129].map(|rows| (n, rows))) {
            let matrix = ordinary("matrix", rows * n);
            let mut out = device.allocate(n).unwrap();
            backward::column_sums(&device.upload(&matrix).unwrap(), &mut out).unwrap();
            same(&out.download().unwrap(), &plain::column_sums(&matrix, n), &format!("{rows} x {n}"));
        }
    });
}

#[test]
fn pooling_sends_gradients_where_its_values_came_from() {
    let lengths = [1, 17, 2, 33];
    everywhere(|device| {
        for width in LENGTHS {
            // Few values, so that the largest is there twice.
            let states: Vec<f32> = ordinary("states", 53 * width).iter().map(|x| x.round()).collect();
            let upstream = ordinary("g", 4 * width);
            let texts = Texts::new(device, &lengths.map(Into::into)).unwrap();
            let [states_there, gradient] = [&states, &upstream].map(|x| device.upload(x).unwrap());
            for kind in [Pool::Mean, Pool::First, Pool::Largest] {
                let mut expected = Vec::new();
                let mut start = 0;
                for (text, length) in lengths.into_iter().enumerate() {
                    let at = |i: usize, column: usize| states[(start + i) * width + column];
                    let largest =
                        |column| (0..length).reduce(|best, i| if at(i, column) > at(best, column) { i } else { best });
                    for (i, column) in (0..length).flat_map(|i| (0..width).map(move |column| (i, column))) {
                        let slope = upstream[text * width + column];
                        expected.push(match kind {
                            Pool::Mean => slope / length as f32,
                            Pool::First if i == 0 => slope,
                            Pool::Largest if largest(column) == Some(i) => slope,
                            _ => 0.0,
                        });
                    }
                    start += length;
                }
                let mut out = device.allocate(states.len()).unwrap();
                backward::pool(kind, &states_there, &texts, &gradient, &mut out).unwrap();
                same(&out.download().unwrap(), &expected, &format!("{kind:?} of width {width}"));
            }
        }
    });
}
