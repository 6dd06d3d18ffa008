//! The best of many, and late interaction.

use snellen::kernel::cuda::Faults;
use snellen::kernel::cuda::grids::Grids;
use snellen::kernel::cuda::select::{MAX_BEST, best, max_sim};
use snellen::kernel::cuda::texts::Texts;
use snellen::kernel::reference;

use crate::devices::{each_architecture, everywhere};
use crate::numbers::{ordinary, same};

/// Places by score descending, then ascending.
fn sorted(row: &[f32]) -> Vec<usize> {
    let mut places: Vec<usize> = (0..row.len()).collect();
    places.sort_by(|a, b| row[*b].partial_cmp(&row[*a]).unwrap().then(a.cmp(b)));
    places
}

#[test]
fn the_best_are_those_of_a_sort() {
    each_architecture(|device| {
        for (rows, n, k) in [
            (1, 1, 1),
            (3, 2, 1),
            (2, 2, 2),
            (5, 33, 15),
            (2, 257, 16),
            (2, 257, 257),
            (1, 1000, 17),
            (2, 6000, 600),
            (1, 5000, MAX_BEST),
        ] {
            // Few values, so that there are ties; infinities and both zeros among them.
            let few = |x: &f32| match (*x * 2.0).round() {
                x if x > 9.0 => f32::INFINITY,
                x if x < -9.0 => f32::NEG_INFINITY,
                x => x,
            };
            let many = ordinary("scores", rows * n);
            let scores: Vec<f32> = many.iter().map(few).collect();
            for scores in [scores, many, vec![-1.5; rows * n]] {
                let (places, values) = best(&device.upload(&scores).unwrap(), n, k).unwrap();
                let expected = |row: &[f32]| sorted(row)[..k].to_vec();
                let expected: Vec<usize> = scores.chunks_exact(n).flat_map(expected).collect();
                let ours: Vec<usize> = places.download().unwrap().iter().map(|place| *place as usize).collect();
                assert_eq!(ours, expected, "{k} of {n}");
                let at = |(i, place): (usize, &usize)| scores[i / k * n + place];
                let expected: Vec<f32> = expected.iter().enumerate().map(at).collect();
                same(&values.download().unwrap(), &expected, &format!("{k} of {n}"));
            }
        }
    });
}

#[test]
fn late_interaction_has_the_bits_of_the_reference() {
    let (queries, passages) = ([3, 0, 17, 33], [1, 16, 0, 65, 7]);
    everywhere(|device| {
        for width in [1, 3, 32, 33, 129] {
            let faults = Faults::new(device, 1).unwrap();
            let tokens = |name, lengths: &[usize]| ordinary(name, lengths.iter().sum::<usize>() * width);
            let (left, right) = (tokens("queries", &queries), tokens("passages", &passages));
            let grids =
                |x: &[f32]| Grids::of(&device.upload(x).unwrap(), x.len() / width, width, faults.stage(0)).unwrap();
            let texts = |lengths: &[usize]| {
                Texts::new(device, &lengths.iter().map(|length| (*length).into()).collect::<Vec<_>>()).unwrap()
            };
            let ours = max_sim(&grids(&left), &texts(&queries), &grids(&right), &texts(&passages)).unwrap();
            let split = |x: &[f32], lengths: &[usize]| {
                let mut rest = x.to_vec();
                lengths.iter().map(|length| rest.drain(..length * width).collect()).collect::<Vec<Vec<f32>>>()
            };
            let (left, right) = (split(&left, &queries), split(&right, &passages));
            let pair = |query: &Vec<f32>| {
                right.iter().map(|passage| reference::max_sim(query, passage, width).unwrap()).collect::<Vec<_>>()
            };
            let expected: Vec<f32> = left.iter().flat_map(pair).collect();
            same(&ours.download().unwrap(), &expected, &format!("tokens of width {width}"));
        }
    });
}

#[test]
fn products_beyond_f32_of_both_signs_are_not_a_number() {
    each_architecture(|device| {
        let faults = Faults::new(device, 1).unwrap();
        let (query, passage) = ([3e38, 0.0, -3e38, 0.0], [3e38, 0.0]);
        let grids = |x: &[f32]| Grids::of(&device.upload(x).unwrap(), x.len() / 2, 2, faults.stage(0)).unwrap();
        let texts = |tokens: usize| Texts::new(device, &[tokens.into()]).unwrap();
        let ours = max_sim(&grids(&query), &texts(2), &grids(&passage), &texts(1)).unwrap();
        assert!(ours.download().unwrap()[0].is_nan());
    });
}
