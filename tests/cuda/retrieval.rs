//! Dense retrieval and late interaction on the emulator: the rankings of the processors, to the last bit of a score.

use ndarray::{Array2, Axis};
use snellen::kernel::cuda::Device;
use snellen::kernel::devices::Devices;
use snellen::retrieval::dense::Search;
use snellen::retrieval::late::{self, Ragged};
use snellen::retrieval::{Hit, digest};

use crate::devices::{card, each_architecture};

/// Rows of few small integers, so that many scores are equal, both zeros and whole rows of zeros among them.
fn matrix(rows: usize, salt: usize) -> Array2<f32> {
    let value = |i: usize| [0.0, -0.0, 1.0, -1.0, 2.0, 0.1][(i * 7919 + salt) % 997 % 6];
    Array2::from_shape_fn((rows, 7), |(i, j)| if i % 17 == 3 { -0.0 } else { value(7 * i + j) })
}

fn devices(device: &Device) -> Devices {
    Devices::of(vec![device.clone()]).unwrap()
}

fn searched(devices: &Devices, queries: &Array2<f32>, corpus: &Array2<f32>, k: usize, block: usize) -> Vec<Vec<Hit>> {
    let mut search = Search::on(devices, queries.view(), k).unwrap();
    corpus.axis_chunks_iter(Axis(0), block).for_each(|block| search.add(block).unwrap());
    search.finish()
}

#[test]
fn rankings_are_those_of_the_processors() {
    let (queries, corpus) = (matrix(13, 1), matrix(301, 5));
    each_architecture(|device| {
        for (k, block) in [(1, 301), (5, 100), (64, 7), (301, 150), (400, 301), (5000, 301), (0, 301)] {
            let there = searched(&devices(device), &queries, &corpus, k, block);
            let here = searched(&Devices::processors(), &queries, &corpus, k, block);
            assert_eq!(digest(&there), digest(&here), "k = {k}, blocks of {block}");
        }
        let none = searched(&devices(device), &matrix(0, 1), &corpus, 3, 301);
        assert!(none.is_empty());
        let none = searched(&devices(device), &queries, &matrix(0, 1), 3, 301);
        assert!(none.len() == 13 && none.iter().all(Vec::is_empty));
    });
}

#[test]
fn what_cannot_be_ranked_is_named_as_on_processors() {
    let (queries, mut corpus) = (matrix(5, 1), matrix(90, 5));
    corpus[[71, 2]] = f32::INFINITY;
    corpus[[34, 1]] = f32::NAN;
    each_architecture(|device| {
        let faults = [devices(device), Devices::processors()].map(|devices| {
            let of_query = Search::on(&devices, corpus.view(), 3).map(drop).unwrap_err().to_string();
            let mut search = Search::on(&devices, queries.view(), 3).unwrap();
            search.add(matrix(20, 9).view()).unwrap();
            (of_query, search.add(corpus.view()).unwrap_err().to_string())
        });
        assert_eq!(faults[0], faults[1]);
        assert!(faults[0].1.contains("row 54"), "{faults:?}");
    });
}

/// Where texts of these lengths end, and their tokens.
fn tokens(lengths: &[usize], salt: usize) -> (Array2<f32>, Vec<usize>) {
    let mut offsets = vec![0];
    lengths.iter().for_each(|length| offsets.push(offsets[offsets.len() - 1] + length));
    (matrix(offsets[lengths.len()], salt), offsets)
}

#[test]
fn late_interaction_ranks_as_on_processors() {
    let (queries, offsets) = tokens(&[3, 0, 17, 33, 1], 1);
    let queries = Ragged::of(queries.view(), &offsets).unwrap();
    let parts =
        [&[1, 16, 0, 65, 7, 7, 0][..], &[], &[0], &[40, 2, 2, 2, 1]].map(|lengths| tokens(lengths, lengths.len()));
    each_architecture(|device| {
        for k in [1, 4, 100, 5000, 0] {
            let ranked = |devices: &Devices| {
                let mut search = late::Search::on(devices, queries, k).unwrap();
                parts.iter().for_each(|(tokens, offsets)| {
                    search.add(Ragged::of(tokens.view(), offsets).unwrap()).unwrap();
                });
                search.finish()
            };
            assert_eq!(digest(&ranked(&devices(device))), digest(&ranked(&Devices::processors())), "k = {k}");
        }
    });
}

#[test]
fn late_interaction_names_what_it_cannot_rank_as_on_processors() {
    type Break = fn(&mut Array2<f32>, &mut Array2<f32>);
    let cases: [(Break, &str); 3] = [
        (|queries, _| queries[[4, 0]] = f32::INFINITY, "query 2: token 1 has a value that is not finite"),
        (|_, passages| passages[[4, 1]] = f32::NAN, "passage 6: token 3 has a value that is not finite"),
        (
            |queries, passages| {
                queries.row_mut(3).fill(1e30);
                queries.row_mut(4).fill(-1e30);
                passages.row_mut(5).fill(1e30);
            },
            "passage 7 has no score for query 2: products beyond the range of f32 of both signs",
        ),
    ];
    let first = tokens(&[1, 0, 3, 0], 3);
    let fault = |devices: &Devices, hurt: Break| {
        let ((mut queries, before), (mut passages, after)) = (tokens(&[3, 0, 2], 1), tokens(&[1, 0, 4, 1], 2));
        hurt(&mut queries, &mut passages);
        let mut search = late::Search::on(devices, Ragged::of(queries.view(), &before)?, 2)?;
        search.add(Ragged::of(first.0.view(), &first.1)?)?;
        search.add(Ragged::of(passages.view(), &after)?)
    };
    each_architecture(|device| {
        for (hurt, said) in cases {
            for devices in [devices(device), Devices::processors()] {
                assert_eq!(fault(&devices, hurt).unwrap_err().to_string(), said);
            }
        }
    });
}

#[test]
fn queries_that_do_not_fit_are_searched_for_on_processors() {
    if card().is_some() {
        return;
    }
    let (queries, corpus) = (matrix(300, 1), matrix(50, 5));
    let offsets: Vec<usize> = (0..=300).collect();
    each_architecture(|device| {
        let (free, _) = device.memory().unwrap();
        let here = searched(&Devices::processors(), &queries, &corpus, 3, 50);
        let on = devices(device);
        let hog = device.allocate::<i8>(free - (1 << 13)).unwrap();
        assert_eq!(searched(&on, &queries, &corpus, 3, 50), here);
        let ragged = Ragged::of(queries.view(), &offsets).unwrap();
        let there = late::Search::on(&on, ragged, 3).unwrap();
        drop(hog);
        let search = |mut search: late::Search| {
            search.add(Ragged::of(corpus.view(), &[0, 20, 50]).unwrap()).unwrap();
            search.finish()
        };
        assert_eq!(search(there), search(late::Search::of(ragged, 3).unwrap()));
    });
}

#[test]
fn memory_that_is_short_for_much_is_enough_for_less() {
    if card().is_some() {
        return;
    }
    let (queries, corpus) = (matrix(13, 1), matrix(4000, 5));
    let (asked, given) = (tokens(&[3, 4, 1], 1), tokens(&[100; 40], 5));
    each_architecture(|device| {
        let on = devices(device);
        let mut dense = Search::on(&on, queries.view(), 3).unwrap();
        let mut late = late::Search::on(&on, Ragged::of(asked.0.view(), &asked.1).unwrap(), 3).unwrap();
        let (free, _) = device.memory().unwrap();
        let _hog = device.allocate::<i8>(free - (1 << 17)).unwrap();
        dense.add(corpus.view()).unwrap();
        late.add(Ragged::of(given.0.view(), &given.1).unwrap()).unwrap();
        assert_eq!(digest(&dense.finish()), digest(&searched(&Devices::processors(), &queries, &corpus, 3, 4000)));
        let mut here = late::Search::of(Ragged::of(asked.0.view(), &asked.1).unwrap(), 3).unwrap();
        here.add(Ragged::of(given.0.view(), &given.1).unwrap()).unwrap();
        assert_eq!(late.finish(), here.finish());
    });
}
