//! Attacks as a library's user meets them: what a flip is, and that the strong ones are strong.

use std::path::Path;

use snellen::attack::Flips;
use snellen::attack::ball::{Ball, Norm};
use snellen::attack::search::{Method, Outcome, Search, State};
use snellen::attack::text::{Kind, Options};
use snellen::attack::victim::{Objective, Query, Victim};
use snellen::data::folder::Folder;
use snellen::encoder::{Batching, How, Model};
use snellen::transport::{Exact, Solver};

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// A side of the fixture's bitext.
fn side(side: &str) -> String {
    std::fs::read_to_string(root().join(format!("fixtures/bitext/v1/tatoeba.deu-eng.{side}"))).unwrap()
}

/// A fixture's model, and the German sentences of the fixture's bitext with their translations as documents.
fn with_victim(name: &str, test: impl FnOnce(&Victim<'_>, &[Query])) {
    let model = Model::open(name, Folder::Disk(root().join("fixtures").join(name))).unwrap();
    let (german, english) = (side("deu"), side("eng"));
    let recipe = model.recipe();
    let english: Vec<&str> = english.lines().collect();
    let how = How { recipe: &recipe, batching: Batching::default(), first: 0, done: &|_| () };
    let documents = model.embed(&model.tokenize("", &english).unwrap(), &how).unwrap();
    let query = |(i, text): (usize, &str)| Query { id: i.to_string(), text: text.to_owned(), relevant: vec![i] };
    let queries: Vec<Query> = german.lines().enumerate().map(query).collect();
    let victim = Victim::new(&model, &recipe, Batching::default(), documents).unwrap();
    assert!(queries.iter().all(|query| query.suits(victim.documents())));
    test(&victim, &queries);
}

fn search<'a>(victim: &'a Victim<'a>, method: Method<'a>) -> Search<'a> {
    // Never ends before the budget is spent.
    let until = usize::MAX;
    Search { victim, method, kind: Kind::Typo, options: Options::default(), budget: 3, until, seed: 1 }
}

/// The sum of all margins in the end.
fn total(outcomes: &[Outcome]) -> f32 {
    outcomes.iter().map(|outcome| outcome.last().standing.margin).sum()
}

#[test]
fn a_flip_is_one_token_that_the_text_shows() {
    for name in ["teacher", "student"] {
        with_victim(name, |victim, queries| {
            let flips = Flips::of(victim.model()).unwrap();
            let outcomes = search(victim, Method::HotFlip(&flips, 8)).run(queries).unwrap();
            let mut made = 0;
            for outcome in &outcomes {
                let ids = |text: &String| victim.model().tokenize("", &[text]).unwrap().text(0).to_vec();
                let first = ids(&outcome.states[0].text);
                for pair in outcome.states.windows(2) {
                    let [before, after] = [&pair[0], &pair[1]].map(|state| ids(&state.text));
                    let flipped = before.iter().zip(&after).filter(|(a, b)| a != b).count();
                    assert_eq!(
                        (before.len(), flipped),
                        (after.len(), pair[1].edits - pair[0].edits),
                        "{name}: {pair:?}"
                    );
                    made += flipped;
                }
                let last = outcome.last();
                let away = first.iter().zip(ids(&last.text)).filter(|(a, b)| **a != *b).count();
                assert!(away <= last.edits && last.edits <= 3, "{name}: {outcome:?}");
            }
            assert!(made > queries.len(), "{name}: {made}");
        });
    }
}

#[test]
fn gradients_propose_better_flips_than_chance() {
    with_victim("teacher", |victim, queries| {
        let flips = Flips::of(victim.model()).unwrap();
        let margin = |method: Method<'_>| total(&search(victim, method).run(queries).unwrap());
        let random = margin(Method::Random);
        for method in [Method::Worst(8), Method::Greedy(8), Method::HotFlip(&flips, 8)] {
            assert!(margin(method) < random - 1.0, "{method}");
        }
    });
}

#[test]
fn balls_at_real_tokens_exchange_tokens_once_they_are_large() {
    with_victim("student", |victim, queries| {
        let flips = Flips::of(victim.model()).unwrap();
        let edits = |radius: f64| -> usize {
            let found = Ball::pgd(Norm::Token, radius, 4).attack(victim, queries, Some(&flips)).unwrap();
            // What was exchanged without making it worse does not count.
            let sound = |pair: &[State]| pair[1] == pair[0] || pair[1].standing.margin < pair[0].standing.margin;
            assert!(found.iter().all(|found| found.states.windows(2).all(sound)));
            found.iter().map(|found| found.last().edits).sum()
        };
        // A thousandth of a token's length is nearer to no other token.
        assert_eq!(edits(1e-3), 0);
        assert!(edits(2.0) > queries.len());
    });
}

#[test]
fn gradients_of_the_transport_loss_propose_better_flips_than_chance() {
    let solver = Solver::Exact(Exact::default());
    with_victim("teacher", |victim, queries| {
        let flips = Flips::of(victim.model()).unwrap();
        let random = total(&search(victim, Method::Random).run(queries).unwrap());
        let recipe = victim.model().recipe();
        let english = side("eng");
        let english: Vec<&str> = english.lines().collect();
        let (batching, asked) = (Batching::default(), (0..english.len()).collect());
        let objective = Objective::transport(&solver, victim.model(), &recipe, batching, &english, &asked).unwrap();
        let how = How { recipe: &recipe, batching, first: 0, done: &|_| () };
        let documents = victim.model().embed(&victim.model().tokenize("", &english).unwrap(), &how).unwrap();
        let victim = Victim::new(victim.model(), &recipe, batching, documents).unwrap().against(objective);
        let flipped = total(&search(&victim, Method::HotFlip(&flips, 8)).run(queries).unwrap());
        assert!(flipped < random - 1.0, "{flipped} {random}");
        let shifted = |radius| total(&Ball::pgd(Norm::Token, radius, 4).attack(&victim, queries, None).unwrap());
        let [small, large] = [0.01, 0.3].map(shifted);
        assert!(large < small - 0.5, "{large} {small}");
    });
}

#[test]
fn larger_balls_hurt_more_and_the_first_step_is_the_clean_one() {
    with_victim("student", |victim, queries| {
        let margin = |ball: Ball| {
            let found = ball.attack(victim, queries, None).unwrap();
            let relevant: Vec<&[usize]> = queries.iter().map(|query| query.relevant.as_slice()).collect();
            let texts: Vec<&str> = queries.iter().map(|query| query.text.as_str()).collect();
            let clean = victim.look(&texts, &relevant).unwrap();
            let states = found.iter().map(|found| &found.states);
            assert!(
                states.zip(clean).all(|(states, clean)| states[0].standing == clean && states.len() == ball.steps + 1)
            );
            total(&found)
        };
        for of_radius in [
            Ball::fgsm as fn(f64) -> Ball,
            |radius| Ball::pgd(Norm::Token, radius, 4),
            |radius| Ball::pgd(Norm::Number, radius, 4),
            |radius| Ball::free_lb(radius, 4, 1),
        ] {
            let [small, large] = [0.01, 0.3].map(|radius| margin(of_radius(radius)));
            assert!(large < small - 0.5, "{}: {large} {small}", of_radius(0.3));
        }
    });
}
