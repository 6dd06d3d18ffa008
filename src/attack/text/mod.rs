//! Perturbations of texts: slips of typing, other scripts and forms, words moved, dropped, repeated or translated.
//!
//! ```
//! use snellen::attack::text::{Options, Spec, perturb};
//!
//! let spec: Spec = "typo=2+unspace=1".parse()?;
//! let perturbed = perturb(&spec, 1, "query-17", "Where is the nearest station?", &Options::default());
//! assert_eq!((perturbed.edits, perturbed.asked), (3, 3));
//! # Ok::<(), snellen::Error>(())
//! ```
//!
//! - **What is drawn** comes from the stream `perturb KIND` of the text's id (`perturb KIND n` the n-th time that a spec has the kind, from 2), so that a result depends on seed, spec, options, id and text and on
//!   nothing else. Units are edited in a random order until there are enough: of two amounts the greater edits what the smaller does, and more.
//! - **Graphemes** are never split and never melt: an edit that would is not made, and another unit is edited instead.
//! - **Normal form**: an edited text is in NFC (but for what `nfd` did). A text that is not is brought to it first, and that does not count
//!   as an edit; a text without an edit stays as it was.
//! - **Words** are what stands between blanks, without the marks around it. Scripts without blanks have words as long as a clause: letters are edited in them, words mostly not.
//! - **Left alone**: words with a digit, by edits of letters; and by slips of typing the first letters of a word (`protect`), by which readers know a word, so
//!   that studies of typing errors keep them.

mod chain;
mod confusable;
mod editor;
mod keyboard;
mod kind;
mod language;
mod layouts;
mod letters;
mod lexicon;
mod moving;
mod replacing;
mod romanise;
mod spec;
mod typing;
mod words;

pub use kind::{Facts, KINDS, Kind, table};
pub use language::Language;
pub use lexicon::Lexicon;
pub use spec::{Amount, Spec, Step};

use std::borrow::Cow;

use unicode_normalization::{UnicodeNormalization as _, is_nfc};

use crate::kernel::random::Streams;
use editor::{Made, apply};
use keyboard::Keyboard;

/// What holds for all steps of a spec.
#[derive(Clone, Debug)]
pub struct Options<'a> {
    /// The texts' language.
    pub language: Language,
    /// Translations, for `code-switch`.
    pub lexicon: Option<&'a Lexicon>,
    /// How many graphemes at the beginning of a word slips of typing leave alone.
    pub protect: usize,
    /// How many edits, for steps that do not say; where this does not either, the table's rate.
    pub amount: Option<Amount>,
}

impl Default for Options<'_> {
    fn default() -> Self {
        Self { language: Language::default(), lexicon: None, protect: 1, amount: None }
    }
}

/// A text after its edits.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Perturbed {
    /// The text.
    pub text: String,
    /// How many edits were made.
    pub edits: usize,
    /// How many were to be made: more, where the text has not as many places.
    pub asked: usize,
}

/// What is done to texts: a spec, a seed and options, made ready once for many texts.
#[derive(Clone, Debug)]
pub struct Perturber<'o> {
    steps: Vec<Ready>,
    options: Options<'o>,
}

/// A step of which all is known but the text.
#[derive(Clone, Debug)]
struct Ready {
    kind: Kind,
    amount: Amount,
    streams: Streams,
    keyboard: &'static Keyboard,
}

impl<'o> Perturber<'o> {
    /// Makes ready.
    #[must_use]
    pub fn new(spec: &Spec, seed: u64, options: &Options<'o>) -> Self {
        let keyboard = Keyboard::of(&options.language);
        let ready = |(i, step): (usize, &Step)| {
            let before = spec.steps()[..i].iter().filter(|other| other.kind == step.kind).count();
            let times = if before == 0 { String::new() } else { format!(" {}", before + 1) };
            let amount = step.amount.or(options.amount).unwrap_or(Amount::Share(step.kind.facts().rate));
            let streams = Streams::new(seed, &format!("perturb {}{times}", step.kind));
            Ready { kind: step.kind, amount, streams, keyboard }
        };
        Self { steps: spec.steps().iter().enumerate().map(ready).collect(), options: options.clone() }
    }

    /// Perturbs a text.
    #[must_use]
    pub fn perturb(&self, id: &str, text: &str) -> Perturbed {
        let mut now = composed(text);
        let mut all = Made::default();
        for step in &self.steps {
            let (made, new) = step.edit(id, &now, &self.options);
            all = Made { asked: all.asked.saturating_add(made.asked), edits: all.edits + made.edits };
            if let Some(new) = new {
                now = Cow::Owned(new);
            }
        }
        let text = if all.edits > 0 { now.into_owned() } else { text.to_owned() };
        Perturbed { text, edits: all.edits, asked: all.asked }
    }
}

/// Perturbs a text; of many texts see [`Perturber`].
#[must_use]
pub fn perturb(spec: &Spec, seed: u64, id: &str, text: &str, options: &Options<'_>) -> Perturbed {
    Perturber::new(spec, seed, options).perturb(id, text)
}

impl Ready {
    /// The text after the step, if there is an edit.
    fn edit(&self, id: &str, text: &str, options: &Options<'_>) -> (Made, Option<String>) {
        let (amount, stream) = (self.amount, &mut self.streams.of(id));
        match self.kind {
            Kind::Neighbour | Kind::Swap | Kind::Delete | Kind::Insert | Kind::Duplicate | Kind::Typo => {
                apply(typing::Typing::new(self.kind, text, self.keyboard, options), amount, stream)
            }
            Kind::ZeroWidth | Kind::Split => apply(moving::Between::new(self.kind, text), amount, stream),
            Kind::WordOrder => apply(moving::Exchanging::new(text), amount, stream),
            Kind::DropWord => apply(moving::Dropping::new(text), amount, stream),
            _ => apply(replacing::Replacing::new(self.kind, text, options), amount, stream),
        }
    }
}

/// A text in NFC.
fn composed(text: &str) -> Cow<'_, str> {
    // Before U+0300, whose first byte this is, nothing composes.
    let inert = text.bytes().fold(0, u8::max) < 0xcc;
    if inert || is_nfc(text) { Cow::Borrowed(text) } else { Cow::Owned(text.nfc().collect()) }
}
