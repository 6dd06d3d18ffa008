//! The contract's sentence as an experiment: one set of texts, computed in every way that must not matter, and a digest of each.
//!
//! The ways are batch sizes × orders × threads × instruction sets × devices. Every way goes through all that a user's run goes through:
//! tokeniser, token states, pooled embeddings, ranking.

mod outcome;

use std::fmt;
use std::time::Instant;

pub use outcome::{Came, Cell, Digests, Group, Invariance};

use super::Progress;
use crate::Result;
use crate::data::FileFault;
use crate::data::digest::Digest;
use crate::data::shelf::Found;
use crate::encoder::{Batching, How, Model, Order};
use crate::kernel::devices::Devices;
use crate::kernel::isa::Isa;
use crate::retrieval::{self, dense::rank_on};

/// Texts in many scripts, from one character to more than any model here reads, long and short ones in turn.
pub const TEXTS: &str = include_str!("texts.txt");

/// What multiplies and adds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unit {
    /// The processor, with this instruction set.
    Cpu(Isa),
    /// A graphics processor of NVIDIA's.
    Cuda,
}

/// One way to compute the texts. None of it may matter.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Way {
    /// What computes.
    pub unit: Unit,
    /// On how many threads.
    pub threads: usize,
    /// In which order texts are put into batches.
    pub order: Order,
    /// How many texts a batch has.
    pub batch: usize,
}

/// The ways that are tried: all combinations.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Ways {
    /// What computes.
    pub units: Vec<Unit>,
    /// Numbers of threads, each at least 1.
    pub threads: Vec<usize>,
    /// Numbers of texts a batch.
    pub batches: Vec<usize>,
}

/// A model, texts, and the ways to compute them.
pub struct Experiment<'a> {
    /// The model.
    pub model: &'a Found,
    /// The texts.
    pub texts: &'a [String],
    /// The ways.
    pub ways: &'a Ways,
    /// The cards, or why there are none.
    pub cards: Result<&'a Devices, &'a str>,
    /// Hears how it gets on: every text counts twice a way, once for its tokens' states and once for its embedding.
    pub progress: &'a dyn Progress,
}

/// The instruction set that was active, which is active again when this is dropped.
struct Restored(Isa);

impl Drop for Restored {
    fn drop(&mut self) {
        let _ = self.0.force();
    }
}

impl Unit {
    /// Every unit that there could be; whether it is here is found out when it is used.
    #[must_use]
    pub fn all() -> Vec<Self> {
        Isa::ALL.into_iter().map(Self::Cpu).chain([Self::Cuda]).collect()
    }

    /// The device's name.
    #[must_use]
    pub fn device(self) -> &'static str {
        match self {
            Self::Cpu(_) => "cpu",
            Self::Cuda => "cuda",
        }
    }

    /// The processor's instruction set, where the processor computes.
    #[must_use]
    pub fn isa(self) -> Option<Isa> {
        match self {
            Self::Cpu(isa) => Some(isa),
            Self::Cuda => None,
        }
    }

    /// Makes the process compute with it, and says on which devices, or why it cannot.
    fn switch_on(self, cards: Result<&Devices, &str>) -> Result<Devices, String> {
        match self {
            Self::Cpu(isa) if isa.force() => Ok(Devices::processors()),
            Self::Cpu(isa) => Err(isa.absence().unwrap_or("it cannot be had").to_owned()),
            Self::Cuda => cards.cloned().map_err(str::to_owned),
        }
    }
}

impl Default for Ways {
    /// Batches of 1, 2, 7 and 64 texts, 1, 2, 3 and 8 threads, every unit.
    fn default() -> Self {
        Self { units: Unit::all(), threads: vec![1, 2, 3, 8], batches: vec![1, 2, 7, 64] }
    }
}

impl Ways {
    /// All ways on one unit: threads, then orders, then batches.
    fn on(&self, unit: Unit) -> impl Iterator<Item = Way> {
        let batches = move |threads, order| self.batches.iter().map(move |&batch| Way { unit, threads, order, batch });
        let orders =
            move |threads| [Order::Sorted, Order::Shuffled].into_iter().flat_map(move |order| batches(threads, order));
        self.threads.iter().flat_map(move |&threads| orders(threads))
    }
}

impl fmt::Display for Way {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.unit.device())?;
        if let Some(isa) = self.unit.isa() {
            write!(f, " {isa}")?;
        }
        let plural = |n: usize| if n == 1 { "" } else { "s" };
        let (threads, batch) = (self.threads, self.batch);
        let order = self.order;
        write!(f, ", {threads} thread{}, {order}, {batch} text{} a batch", plural(threads), plural(batch))
    }
}

impl Experiment<'_> {
    /// Computes the texts in every way that this machine can. While it runs, the whole process computes with the instruction set whose turn it
    /// is.
    ///
    /// # Errors
    /// A model that cannot be used; a text that it has no tokens for; threads that cannot be started.
    pub fn run(&self) -> Result<Invariance> {
        let _restored = Restored(Isa::active());
        let model = self.open()?;
        let (name, digest) = (model.name().to_owned(), model.digest().to_owned());
        let here = self.ways.units.iter().filter(|unit| unit.switch_on(self.cards).is_ok()).count();
        let ways = here * self.ways.on(Unit::Cuda).count();
        self.progress.begin(&name, 2 * ways * self.texts.len());
        let cells = self.ways.units.iter().map(|unit| self.on(*unit)).collect::<Result<Vec<_>>>()?.concat();
        let mut texts = Digest::new();
        self.texts.iter().for_each(|text| {
            texts.field(text);
        });
        Ok(Invariance { model: name, model_sha256: digest, texts: self.texts.len(), texts_sha256: texts.hex(), cells })
    }

    fn open(&self) -> Result<Model> {
        Model::open(self.model.name.clone(), self.model.folder.clone())
    }

    /// Every way on one unit. The model is opened anew: its weights may be kept in a form that only this unit reads.
    fn on(&self, unit: Unit) -> Result<Vec<Cell>> {
        let devices = match unit.switch_on(self.cards) {
            Ok(devices) => devices,
            Err(why) => {
                return Ok(self.ways.on(unit).map(|way| Cell { way, came: Came::NotRun(why.clone()) }).collect());
            }
        };
        let model = self.open()?.on(&devices);
        self.ways
            .on(unit)
            .map(|way| {
                let pool = rayon::ThreadPoolBuilder::new().num_threads(way.threads).build();
                let pool = pool.map_err(|e| FileFault::content(way, format!("cannot start the threads: {e}")))?;
                let start = Instant::now();
                let digests = pool.install(|| self.compute(&model, way))?;
                Ok(Cell { way, came: Came::Ran { digests, seconds: start.elapsed().as_secs_f64() } })
            })
            .collect()
    }

    fn compute(&self, model: &Model, way: Way) -> Result<Digests> {
        let recipe = model.recipe();
        let done = |texts| self.progress.advance(texts);
        let batching = Batching { tokens: usize::MAX, texts: way.batch, order: way.order };
        let how = How { recipe: &recipe, batching, first: 0, done: &done };
        let tokens = model.tokenize(&recipe.prefix, self.texts)?;
        let states = model.embed_tokens(&tokens, &how)?;
        let embeddings = model.embed(&tokens, &how)?;
        let rankings = rank_on(model.devices(), embeddings.view(), embeddings.view(), self.texts.len())?;
        let content = |values: &ndarray::Array2<f32>| {
            Digest::new().f32s(values.as_slice().expect("a model's output is contiguous")).hex()
        };
        Ok(Digests {
            token_ids: tokens.digest(),
            states: content(&states),
            embeddings: content(&embeddings),
            ranking: retrieval::digest(&rankings),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_texts_differ_in_length_and_script() {
        let lengths: Vec<usize> = TEXTS.lines().map(|line| line.chars().count()).collect();
        assert!(lengths.len() >= 48 && lengths.iter().min() == Some(&1) && lengths.iter().max() > Some(&1000));
        let scripts = ['a', 'я', 'α', 'א', 'ا', 'न', 'আ', 'த', 'ສ', 'ส', 'ქ', 'գ', 'ለ', 'の', '한', '水', '🙂'];
        assert_eq!(scripts.into_iter().find(|c| !TEXTS.contains(*c)), None);
        assert!(TEXTS.lines().all(|line| !line.trim().is_empty()));
    }
}
