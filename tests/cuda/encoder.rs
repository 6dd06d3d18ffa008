//! Whole encoders on the emulator: the bits of the processors, however texts are put into batches and however little memory there is.

use std::sync::Mutex;

use snellen::claim::Progress;
use snellen::claim::invariance::{Experiment, TEXTS, Unit, Ways};
use snellen::data::folder::Folder;
use snellen::data::shelf::Found;
use snellen::encoder::{Batching, How, Model, Order, Pooling};
use snellen::kernel::devices::Devices;
use snellen::kernel::isa::Isa;

use crate::devices::{card, each_architecture};

fn fixture(name: &str) -> Folder {
    Folder::Disk(format!("{}/fixtures/{name}", env!("CARGO_MANIFEST_DIR")).into())
}

/// Texts in many scripts, none longer than a few words: the emulator is slow.
fn texts() -> Vec<String> {
    TEXTS.lines().step_by(4).map(|text| text.chars().take(25).collect()).collect()
}

fn how<'a>(recipe: &'a snellen::encoder::Recipe, batching: Batching, done: &'a (dyn Fn(usize) + Sync)) -> How<'a> {
    How { recipe, batching, first: 0, done }
}

fn bits(values: &ndarray::Array2<f32>) -> Vec<u32> {
    values.iter().map(|x| x.to_bits()).collect()
}

#[test]
fn states_and_embeddings_are_those_of_the_processors() {
    each_architecture(|device| {
        // Two of them share the batches.
        let devices = Devices::of(vec![device.clone(), device.clone()]).unwrap();
        for (name, pooling) in [("student", Pooling::Mean), ("teacher", Pooling::Cls), ("teacher", Pooling::Max)] {
            let here = Model::open(name, fixture(name)).unwrap();
            let there = Model::open(name, fixture(name)).unwrap().on(&devices);
            let tokens = here.tokenize("query: ", &texts()).unwrap();
            for layer in [0, here.config().layers] {
                let recipe = snellen::encoder::Recipe { pooling, layer, normalize: layer > 0, ..here.recipe() };
                for batching in [
                    Batching { tokens: usize::MAX, ..Batching::default() },
                    Batching { texts: 5, order: Order::Shuffled, ..Batching::default() },
                ] {
                    let how = how(&recipe, batching, &|_| ());
                    let [ours, theirs] = [&here, &there].map(|model| model.embed(&tokens, &how).unwrap());
                    assert_eq!(bits(&ours), bits(&theirs), "{name}, {pooling}, layer {layer}");
                    let [ours, theirs] = [&here, &there].map(|model| model.embed_tokens(&tokens, &how).unwrap());
                    assert_eq!(bits(&ours), bits(&theirs), "{name}, layer {layer}");
                }
            }
        }
    });
}

#[test]
fn texts_are_tokenised_part_by_part() {
    each_architecture(|device| {
        let here = Model::open("teacher", fixture("teacher")).unwrap();
        let there = Model::open("teacher", fixture("teacher")).unwrap().on(&Devices::of(vec![device.clone()]).unwrap());
        let recipe = snellen::encoder::Recipe { layer: 0, ..here.recipe() };
        // More than two parts; and none, which is refused where some would be.
        let texts: Vec<String> = (0..2049).map(|i| (i % 97).to_string()).collect();
        for texts in [&texts[..], &[]] {
            let done = std::sync::atomic::AtomicUsize::new(0);
            let count = |texts: usize| {
                done.fetch_add(texts, std::sync::atomic::Ordering::Relaxed);
            };
            let [ours, theirs] =
                [&here, &there].map(|model| model.embed_texts(&how(&recipe, Batching::default(), &count), texts));
            assert_eq!(bits(&ours.unwrap()), bits(&theirs.unwrap()));
            assert_eq!(done.into_inner(), 2 * texts.len());
            let none = snellen::encoder::Recipe { pooling: Pooling::None, ..recipe.clone() };
            let how = how(&none, Batching::default(), &|_| ());
            let [ours, theirs] = [&here, &there].map(|model| model.embed_texts(&how, texts).unwrap_err().to_string());
            assert_eq!(ours, theirs);
        }
    });
}

#[cfg(target_arch = "x86_64")]
#[test]
fn a_card_that_does_not_keep_the_contract_is_refused() {
    let Some(device) = crate::devices::fused() else { return };
    let refused = Devices::of(vec![device]).unwrap_err().to_string();
    assert!(refused.starts_with("emulator FAILS THE CONTRACT'S SELF-TEST"), "{refused}");
}

#[test]
fn batches_are_halved_where_memory_does_not_suffice() {
    // Other tests need the card's memory, too.
    if card().is_some() {
        return;
    }
    each_architecture(|device| {
        let devices = Devices::of(vec![device.clone()]).unwrap();
        let model = Model::open("student", fixture("student")).unwrap();
        // Sixteen short texts, then sixteen long ones.
        let text = |i: usize| if i < 16 { "ja".to_owned() } else { format!("{i} {}", "ndiyo ".repeat(40)) };
        let tokens = model.tokenize("", &(0..32).map(text).collect::<Vec<_>>()).unwrap();
        let batching = Batching { texts: 16, ..Batching::default() };
        let recipe = model.recipe();
        let expected = model.embed(&tokens, &how(&recipe, batching, &|_| ())).unwrap();

        // After the first batch somebody else takes nearly all of the memory.
        let hog = Mutex::new(None);
        let batches = Mutex::new(Vec::new());
        let done = |texts: usize| {
            batches.lock().unwrap().push(texts);
            let (free, _) = device.memory().unwrap();
            hog.lock().unwrap().get_or_insert_with(|| device.allocate::<i8>(free - (1 << 20)).unwrap());
        };
        let found = model.on(&devices).embed(&tokens, &how(&recipe, batching, &done)).unwrap();
        assert_eq!(bits(&found), bits(&expected));
        let batches = batches.into_inner().unwrap();
        assert!(batches[0] == 16 && batches.len() > 2 && batches.iter().sum::<usize>() == 32, "{batches:?}");
        // With none left, it is said what is missing.
        let (free, _) = device.memory().unwrap();
        let _rest = device.allocate::<i8>(free - (1 << 17)).unwrap();
        let model = Model::open("student", fixture("student")).unwrap();
        let fault =
            model.on(&devices).embed(&tokens, &how(&recipe, batching, &|_| ())).map(drop).unwrap_err().to_string();
        assert!(fault.starts_with("out of memory on emulator, "), "{fault}");
    });
}

#[test]
fn the_experiment_finds_one_digest_on_both() {
    struct Nobody;
    impl Progress for Nobody {
        fn begin(&self, _: &str, _: usize) {}
        fn advance(&self, _: usize) {}
    }
    each_architecture(|device| {
        let devices = Devices::of(vec![device.clone()]).unwrap();
        let model = Found { name: "fixture-teacher".to_owned(), digest: String::new(), folder: fixture("teacher") };
        let ways = Ways { units: vec![Unit::Cpu(Isa::best()), Unit::Cuda], threads: vec![1], batches: vec![2, 64] };
        let texts = texts();
        let experiment =
            Experiment { model: &model, texts: &texts, ways: &ways, cards: Ok(&devices), progress: &Nobody };
        let outcome = experiment.run().unwrap();
        assert!(outcome.holds(), "{}", outcome.summary());
        assert_eq!(outcome.groups()[0].ways.len(), 8, "{}", outcome.summary());
    });
}
