//! Laws that hold whatever the input: products, row operations, rankings, measures, verdicts, plans, perturbations.
//!
//! Every run draws the same inputs. `PROPTEST_CASES=100000 PROPTEST_RNG_SEED=7 cargo test --test contract` draws more, and others.

use ndarray::{Array2, ArrayView2};
use proptest::prelude::*;
use proptest::test_runner::RngSeed;
use snellen::attack::text::{KINDS, Options as Perturbing, perturb};
use snellen::claim::{Printed, Published, Verdict, judge};
use snellen::data::trec::{Qrels, TrecFile};
use snellen::kernel::isa::Isa;
use snellen::kernel::product::{Columns, Form, Rows, product};
use snellen::kernel::{reference, rows};
use snellen::metric::evaluate::Options;
use snellen::metric::{Dialect, Measure, evaluate};
use snellen::retrieval;
use snellen::transport::{Exact, Matching, Problem, Solver};

/// The cases that are drawn unless the environment says otherwise.
fn drawn(cases: u32) -> ProptestConfig {
    let usual = ProptestConfig { failure_persistence: None, ..ProptestConfig::default() };
    let asked = |name: &str| std::env::var_os(name).is_some();
    ProptestConfig {
        cases: if asked("PROPTEST_CASES") { usual.cases } else { cases },
        rng_seed: if asked("PROPTEST_RNG_SEED") { usual.rng_seed } else { RngSeed::Fixed(1) },
        ..usual
    }
}

/// A row: numbers of one size, so that many of them count on the row's grid, mostly; at times of very different sizes, subnormal ones and both zeros among them.
fn row(width: usize) -> impl Strategy<Value = Vec<f32>> {
    let usual = || prop_oneof![9 => -2.0f32..2.0, 1 => Just(0.0f32), 1 => Just(-0.0f32)];
    let any_size = any::<u32>().prop_map(f32::from_bits).prop_filter("finite", |x| x.is_finite());
    prop_oneof![
        8 => prop::collection::vec(usual(), width),
        3 => (prop::collection::vec(usual(), width), -140i32..120).prop_map(|(row, e)| {
            row.into_iter().map(|x| (f64::from(x) * reference::power_of_two(e)) as f32).collect()
        }),
        2 => prop::collection::vec(prop_oneof![1 => any_size, 3 => usual()], width),
    ]
}

/// Rows of a matrix, all of one length.
fn matrix(rows: std::ops::Range<usize>, width: usize) -> impl Strategy<Value = Vec<f32>> {
    prop::collection::vec(row(width), rows).prop_map(|rows| rows.concat())
}

/// Two matrices with rows of one length, and that length.
fn operands() -> impl Strategy<Value = (Vec<f32>, Vec<f32>, usize)> {
    (1usize..200).prop_flat_map(|k| (matrix(1..9, k), matrix(1..40, k), Just(k)))
}

fn view(matrix: &[f32], k: usize) -> ArrayView2<'_, f32> {
    ArrayView2::from_shape((matrix.len() / k, k), matrix).unwrap()
}

fn multiplied(a: &[f32], b: &[f32], k: usize) -> Vec<u32> {
    let form = Form::active();
    let (rows, columns) = (Rows::of(view(a, k), form).unwrap(), Columns::of(view(b, k), form).unwrap());
    let mut out = Array2::zeros((rows.count(), columns.count()));
    product(&rows, &columns, out.view_mut());
    bits(&out.into_raw_vec_and_offset().0)
}

fn bits(values: &[f32]) -> Vec<u32> {
    values.iter().map(|x| x.to_bits()).collect()
}

/// Rows with their terms in another order, the same for all.
fn turned(matrix: &[f32], k: usize, by: usize) -> Vec<f32> {
    matrix.chunks_exact(k).flat_map(|row| row[by % k..].iter().chain(&row[..by % k]).copied()).collect()
}

proptest! {
    #![proptest_config(drawn(400))]

    #[test]
    fn a_product_is_the_references_under_every_instruction_set((a, b, k) in operands()) {
        let expected = bits(&reference::product(&a, &b, k).unwrap());
        for isa in Isa::ALL.into_iter().filter(|isa| isa.present()) {
            assert!(isa.force());
            prop_assert_eq!(multiplied(&a, &b, k), expected.clone(), "{}", isa);
        }
        assert!(Isa::best().force());
    }

    /// What floating-point sums do not have.
    #[test]
    fn a_product_does_not_depend_on_the_order_of_its_terms((a, b, k) in operands(), by in 0usize..200) {
        prop_assert_eq!(multiplied(&turned(&a, k, by), &turned(&b, k, by), k), multiplied(&a, &b, k));
    }

    #[test]
    fn zeros_add_nothing_to_a_product((a, b, k) in operands(), zeros in 1usize..70) {
        let longer = |matrix: &[f32]| -> Vec<f32> {
            matrix.chunks_exact(k).flat_map(|row| row.iter().copied().chain(std::iter::repeat_n(0.0, zeros))).collect()
        };
        prop_assert_eq!(multiplied(&longer(&a), &longer(&b), k + zeros), multiplied(&a, &b, k));
    }

    /// So that batches may be cut anywhere.
    #[test]
    fn a_row_of_a_product_is_that_row_alone((a, b, k) in operands()) {
        let one_by_one: Vec<u32> = a.chunks_exact(k).flat_map(|row| multiplied(row, &b, k)).collect();
        prop_assert_eq!(one_by_one, multiplied(&a, &b, k));
    }

    #[test]
    fn the_other_way_round_a_product_is_transposed((a, b, k) in operands()) {
        let (m, n) = (a.len() / k, b.len() / k);
        let (ab, ba) = (multiplied(&a, &b, k), multiplied(&b, &a, k));
        prop_assert!((0..m).all(|i| (0..n).all(|j| ab[i * n + j] == ba[j * m + i])));
    }

    #[test]
    fn row_operations_are_the_references(drawn in prop::collection::vec((-80.0f32..80.0, -2.0f32..2.0, -2.0f32..2.0), 1..300)) {
        let column = |of: fn(&(f32, f32, f32)) -> f32| -> Vec<f32> { drawn.iter().map(of).collect() };
        let (row, weight, bias) = (column(|x| x.0), column(|x| x.1), column(|x| x.2));
        let (mut softmax, mut norm) = (row.clone(), row.clone());
        reference::softmax(&mut softmax);
        reference::layer_norm(&mut norm, &weight, &bias, 1e-12);
        for isa in Isa::ALL.into_iter().filter(|isa| isa.present()) {
            assert!(isa.force());
            let mut ours = row.clone();
            rows::softmax(&mut ours, row.len(), 1.0);
            prop_assert_eq!(bits(&ours), bits(&softmax), "{}", isa);
            prop_assert_eq!(rows::sum(&row).to_bits(), reference::sum(&row).to_bits(), "{}", isa);
            ours.copy_from_slice(&row);
            rows::layer_norm(&mut ours, &weight, &bias, 1e-12);
            prop_assert_eq!(bits(&ours), bits(&norm), "{}", isa);
        }
        assert!(Isa::best().force());
    }

    /// Ties and both zeros among the scores, the corpus in blocks of any size: sorted by score, then by row.
    #[test]
    fn a_ranking_is_the_sorted_list((queries, corpus) in (matrix(1..4, 3), matrix(1..200, 3)), k in 0usize..70, block in 1usize..50) {
        let scores = reference::product(&queries, &corpus, 3).unwrap();
        let mut search = retrieval::dense::Search::of(view(&queries, 3), k).unwrap();
        for part in corpus.chunks(block * 3) {
            search.add(view(part, 3)).unwrap();
        }
        for (hits, scores) in search.finish().iter().zip(scores.chunks_exact(corpus.len() / 3)) {
            let mut order: Vec<usize> = (0..scores.len()).collect();
            order.sort_by(|i, j| (scores[*j] + 0.0).total_cmp(&(scores[*i] + 0.0)).then(i.cmp(j)));
            order.truncate(k);
            prop_assert_eq!(hits.iter().map(|hit| hit.document).collect::<Vec<_>>(), order);
        }
    }

    /// A value holds at every precision at which it can be printed, and not when the last digit is another.
    #[test]
    fn a_printed_value_holds_and_its_neighbour_does_not(value in 0.0f64..1.0, decimals in 1usize..12, up in any::<bool>()) {
        let text = format!("{value:.decimals$}");
        // The digits as a whole number, one up or down.
        let digits: u64 = text.replace('.', "").parse().unwrap();
        let other = format!("{:0>width$}", if up || digits == 0 { digits + 1 } else { digits - 1 }, width = decimals + 1);
        let other = format!("{}.{}", &other[..other.len() - decimals], &other[other.len() - decimals..]);
        let verdict = |value_printed: &str| {
            let published = Published {
                language: "x".into(), measure: "y".into(), value: value_printed.into(), digits: decimals, printed: Printed::Rounded, digest: None,
            };
            judge(&published, value, None, None, false).0
        };
        prop_assert_eq!(verdict(&text), Verdict::Reproduced);
        prop_assert!(!verdict(&other).passes());
    }

    #[test]
    fn a_plan_moves_all_mass_at_no_more_than_any_assignment_costs(
        (side, cost) in (1usize..12).prop_flat_map(|n| (Just(n), prop::collection::vec(0.0f64..9.0, n * n))), by in 0usize..12,
    ) {
        let cost = Array2::from_shape_vec((side, side), cost).unwrap();
        let problem = Problem::uniform(cost.view()).unwrap();
        let solve = |solver: Solver| solver.solve(&problem).unwrap();
        let (exact, matched) = (solve(Solver::Exact(Exact::default())), solve(Solver::Matching(Matching::Hungarian)));
        let share = 1.0 / side as f64;
        for line in exact.plan.rows().into_iter().chain(exact.plan.columns()) {
            prop_assert!((line.sum() - share).abs() < 1e-14);
        }
        // With equal masses the best plan is an assignment (Birkhoff), and no cyclic one beats it. Sums of a dozen numbers round.
        let cyclic: f64 = (0..side).map(|i| cost[[i, (i + by) % side]] * share).sum();
        let of = |plan: &Array2<f64>| (plan * &cost).sum() / plan.sum();
        prop_assert!(of(&exact.plan) <= cyclic + 1e-12);
        prop_assert!((of(&exact.plan) - of(&matched.plan)).abs() < 1e-12);
    }

    /// Code-switching has no lexicon here, and leaves all texts as they are.
    #[test]
    fn a_perturbed_text_is_the_same_again_and_changes_only_by_edits(text in any::<String>(), words in "[a-zéñß ]{0,40}", kind in 0..KINDS.len(), seed in any::<u64>()) {
        let spec = format!("{}=2", KINDS[kind].name).parse().unwrap();
        for text in [&text, &words] {
            let once = perturb(&spec, seed, "q", text, &Perturbing::default());
            prop_assert_eq!(&once, &perturb(&spec, seed, "q", text, &Perturbing::default()));
            prop_assert!(once.edits <= once.asked);
            prop_assert!(once.edits > 0 || once.text == *text);
        }
    }
}

/// Documents of a query with their scores, or their grades.
type Marks = Vec<(usize, i32)>;

/// A run and judgements of one query.
fn judged() -> impl Strategy<Value = (Marks, Marks)> {
    let hits = prop::collection::btree_map(0usize..40, -5i32..5, 1..30);
    let judgements = prop::collection::btree_map(0usize..40, -1i32..4, 1..30);
    (hits, judgements).prop_map(|(hits, judgements)| (hits.into_iter().collect(), judgements.into_iter().collect()))
}

fn values(hits: &[(usize, i32)], judgements: &[(usize, i32)], dialect: Dialect) -> Vec<f64> {
    let measures = ["AP", "nDCG", "nDCG@10", "RR", "RR@3", "P@5", "R@10", "Rprec", "Success@1"];
    let measures: Vec<Measure> = measures.map(|name| name.parse().unwrap()).to_vec();
    let run: String = hits.iter().map(|(document, score)| format!("q Q0 d{document:02} 1 {score} t\n")).collect();
    let qrels: String = judgements.iter().map(|(document, grade)| format!("q 0 d{document:02} {grade}\n")).collect();
    let qrels = Qrels::read(&TrecFile::of("qrels", &qrels)).unwrap();
    let options = Options { dialect, ..Options::default() };
    evaluate(&qrels, &TrecFile::of("run", &run), &measures, &options).unwrap().means()
}

proptest! {
    #![proptest_config(drawn(400))]

    #[test]
    fn a_measure_is_a_share_and_no_order_of_lines_moves_it((hits, judgements) in judged(), by in 0usize..30) {
        for dialect in [Dialect::Snellen, Dialect::TrecEval9, Dialect::TrecEval10] {
            let found = values(&hits, &judgements, dialect);
            prop_assert!(found.iter().all(|value| (0.0..=1.0).contains(value)), "{:?}", found);
            let (mut turned_hits, mut turned) = (hits.clone(), judgements.clone());
            turned_hits.rotate_left(by % hits.len());
            turned.rotate_left(by % judgements.len());
            prop_assert_eq!(values(&turned_hits, &turned, dialect), found);
        }
    }

    /// A relevant document that rises hurts no measure.
    #[test]
    fn a_relevant_document_that_rises_hurts_nothing((hits, judgements) in judged(), which in 0usize..30) {
        let relevant = |document: usize| judgements.iter().any(|(other, grade)| *other == document && *grade > 0);
        let relevant: Vec<usize> = (0..hits.len()).filter(|i| relevant(hits[*i].0)).collect();
        prop_assume!(!relevant.is_empty());
        let which = relevant[which % relevant.len()];
        let before = values(&hits, &judgements, Dialect::Snellen);
        let mut risen = hits.clone();
        risen[which].1 += 20;
        // The grades above it may be higher: binary measures only.
        let after = values(&risen, &judgements, Dialect::Snellen);
        for i in [0, 3, 4, 5, 6, 7, 8] {
            prop_assert!(after[i] >= before[i], "measure {}: {} after {}", i, after[i], before[i]);
        }
    }

    /// However a run is cut, by queries or by documents, merging gives the whole.
    #[test]
    fn parts_of_a_run_merge_to_the_whole(scores in prop::collection::vec((0usize..4, 0usize..60, -9i32..9), 1..80), parts in 1usize..5, k in 1usize..30) {
        let hits: std::collections::BTreeMap<(usize, usize), i32> = scores.into_iter().map(|(q, d, s)| ((q, d), s)).collect();
        let line = |(&(query, document), score): (&(usize, usize), &i32)| format!("q{query} Q0 d{document:02} 1 {score} dense\n");
        let merged = |texts: &[String]| {
            let files: Vec<TrecFile> = texts.iter().map(|text| TrecFile::of("part", text)).collect();
            let mut out = Vec::new();
            retrieval::merge(&files, k).unwrap().write(&mut out).unwrap();
            let mut lines: Vec<String> = String::from_utf8(out).unwrap().lines().map(str::to_owned).collect();
            // Queries stand as they are first met.
            lines.sort_by_key(|line| line.split(' ').next().map(str::to_owned));
            lines
        };
        let expected: Vec<String> = (0..4)
            .flat_map(|query| {
                let mut ranking: Vec<(i32, usize)> =
                    hits.iter().filter(|((q, _), _)| *q == query).map(|((_, document), score)| (-score, *document)).collect();
                ranking.sort_unstable();
                let line = move |(rank, (score, document)): (usize, (i32, usize))| {
                    format!("q{query} Q0 d{document:02} {} {} dense", rank + 1, -score)
                };
                ranking.into_iter().take(k).enumerate().map(line)
            })
            .collect();
        let whole: String = hits.iter().map(line).collect();
        let cut = |by: &dyn Fn(&(usize, usize)) -> usize| -> Vec<String> {
            (0..parts).map(|part| hits.iter().filter(|(key, _)| by(key) % parts == part).map(line).collect()).collect()
        };
        prop_assert_eq!(merged(&[whole]), expected.clone());
        prop_assert_eq!(merged(&cut(&|(query, _)| *query)), expected.clone());
        prop_assert_eq!(merged(&cut(&|(_, document)| *document)), expected);
    }
}
