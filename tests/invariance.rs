//! The experiment of `snellen invariance` as a library's user meets it. Alone in its process, as it switches instruction sets.

use std::sync::atomic::{AtomicUsize, Ordering};

use snellen::claim::Progress;
use snellen::claim::invariance::{Came, Cell, Experiment, TEXTS, Unit, Ways};
use snellen::data::catalogue::Catalogue;
use snellen::data::shelf::Shelf;
use snellen::data::store::Store;
use snellen::kernel::isa::Isa;

#[derive(Default)]
struct Heard {
    promised: AtomicUsize,
    done: AtomicUsize,
}

impl Progress for Heard {
    fn begin(&self, _: &str, sentences: usize) {
        self.promised.fetch_add(sentences, Ordering::Relaxed);
    }

    fn advance(&self, sentences: usize) {
        self.done.fetch_add(sentences, Ordering::Relaxed);
    }
}

#[test]
fn every_way_is_tried_once_or_named_and_all_progress_is_heard() {
    let folder = tempfile::tempdir().unwrap();
    let shelf = Shelf::new(Store::new(folder.path(), Catalogue::built_in().unwrap()).unwrap());
    let model = shelf.find("fixture-student").unwrap();
    let texts: Vec<String> = TEXTS.lines().take(5).map(str::to_owned).collect();
    let ways = Ways { threads: vec![1, 3], batches: vec![2, 64], ..Ways::default() };
    let heard = Heard::default();
    assert!(Isa::Portable.force());
    let outcome =
        Experiment { model: &model, texts: &texts, ways: &ways, cards: Err("no card here"), progress: &heard }
            .run()
            .unwrap();
    assert_eq!(Isa::active(), Isa::Portable, "what was active is active again");

    assert_eq!(outcome.cells.len(), Unit::all().len() * 2 * 2 * 2);
    let ran: Vec<&Cell> = outcome.cells.iter().filter(|cell| matches!(cell.came, Came::Ran { .. })).collect();
    assert_eq!(ran.len(), Isa::ALL.into_iter().filter(|isa| isa.present()).count() * 8);
    for (i, cell) in outcome.cells.iter().enumerate() {
        assert!(outcome.cells[..i].iter().all(|other| other.way != cell.way), "{}", cell.way);
    }
    assert_eq!(heard.done.into_inner(), ran.len() * 2 * texts.len());
    assert_eq!(heard.promised.into_inner(), ran.len() * 2 * texts.len());
    assert!(outcome.holds(), "{}", outcome.summary());
}
