//! Published alignment error rates: of awesome-align (its README) and of fast_align and Giza (lilt/alignment-scripts, `*-results.txt`), on the same English–French and
//! Romanian–English sentences.

use std::collections::BTreeMap;
use std::io::Write as _;
use std::path::{Path, PathBuf};

use snellen::data::links::{Links, Reading, pharaoh};
use snellen::metric::alignment::Counts;

fn data() -> Option<PathBuf> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../shared/data/wordalign");
    if !folder.is_dir() {
        let _ = writeln!(std::io::stderr(), "skipped: word alignments need {}", folder.display());
        return None;
    }
    Some(folder)
}

fn gold(folder: &Path, pair: &str) -> Vec<Links> {
    let from_one = Reading { from_one: true, reversed: false };
    pharaoh(&folder.join(format!("awesome-align/{pair}.gold")), from_one).unwrap()
}

fn agreement(found: &[Links], gold: &[Links]) -> Counts {
    assert_eq!(found.len(), gold.len());
    let mut agreement = Counts::default();
    found.iter().zip(gold).for_each(|(found, gold)| agreement.add(found, gold));
    agreement
}

#[test]
fn awesome_aligns_error_rates() {
    let Some(folder) = data() else { return };
    for (pair, expected) in [("enfr", "4.1"), ("roen", "20.7")] {
        let found = folder.join(format!("awesome-align/{pair}.awesome-align.out"));
        let found = pharaoh(&found, Reading::default()).unwrap();
        assert_eq!(format!("{:.1}", 100.0 * agreement(&found, &gold(&folder, pair)).error_rate()), expected);
    }
}

/// `name: 12.1% (87.7%/88.3%/5818)`, by name: error rate, precision, recall and number of links as printed.
fn published(text: &str) -> BTreeMap<&str, [&str; 4]> {
    let line = |line| -> Option<(&str, [&str; 4])> {
        let (name, rest): (&str, &str) = str::split_once(line, ": ")?;
        let mut numbers = rest.split(['%', '(', '/', ')']).map(str::trim).filter(|part| !part.is_empty());
        Some((name, [numbers.next()?, numbers.next()?, numbers.next()?, numbers.next()?]))
    };
    text.lines().filter_map(line).collect()
}

#[test]
fn fast_aligns_and_gizas_error_rates() {
    let Some(folder) = data() else { return };
    let (mut compared, mut whole, mut same) = (0, 0, 0);
    for (system, pair) in [("fastalign", "enfr"), ("fastalign", "roen"), ("giza", "enfr"), ("giza", "roen")] {
        let folder_of = folder.join("lilt").join(system);
        let text = std::fs::read_to_string(folder_of.join(format!("{pair}-results.txt"))).unwrap();
        let gold = gold(&folder, pair);
        for (name, expected) in published(&text) {
            let path = folder_of.join(name);
            if !path.exists() {
                continue;
            }
            // These files have the other side first.
            let reading = Reading { from_one: false, reversed: name.contains(".reverse.") };
            let found = agreement(&pharaoh(&path, reading).unwrap(), &gold);
            let [rate, precision, recall] =
                [found.error_rate(), found.precision(), found.recall()].map(|x| format!("{:.1}", 100.0 * x));
            // Some of fast_align's files have a few links more or less than were published, other runs of it; and one rate, 34.4, does not follow
            // from the precision and recall printed beside it (34.3). They come within a digit.
            let published: f64 = expected[0].parse().unwrap();
            assert!((100.0 * found.error_rate() - published).abs() < 0.15, "{system} {name}: {rate} {published}");
            if found.found.to_string() == expected[3] {
                assert_eq!([precision, recall], expected[1..3], "{system} {name}");
                same += usize::from(rate == expected[0]);
                whole += 1;
            }
            compared += 1;
        }
    }
    assert_eq!((compared, whole, same), (24, 16, 15));
}
