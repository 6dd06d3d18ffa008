//! A model: a folder whose configuration was read, and what it computes.

use std::sync::OnceLock;

use ndarray::Array2;
use rayon::prelude::*;

use super::bert::{Bert, Stopped, Text};
use super::cards::Cards;
use super::pieces::Tokenizer;
use super::{Batching, Config, EncoderFault, Pooling, Tokens, Weights, late, tokens, weights};
use crate::Result;
use crate::data::digest::Digest;
use crate::data::folder::Folder;
use crate::data::seen::Seen;
use crate::data::stamp;
use crate::kernel::devices::Devices;
use crate::kernel::team::{Team, gather};
use crate::kernel::{backward, rows};

/// Files that decide an embedding, besides the weights.
pub(super) const DECIDING: [&str; 7] = [
    "config.json",
    "tokenizer.json",
    "tokenizer_config.json",
    "modules.json",
    "sentence_bert_config.json",
    "1_Pooling/config.json",
    late::SETTINGS,
];

/// Texts a card that processors tokenise while others are computed: a batch of short ones.
const AHEAD: usize = 1024;

/// How texts become embeddings.
#[derive(Clone, Debug, PartialEq)]
pub struct Recipe {
    /// Put before every text.
    pub prefix: String,
    /// From token states to one embedding.
    pub pooling: Pooling,
    /// Whether embeddings are divided by their L2 norm.
    pub normalize: bool,
    /// After how many layers the states are taken.
    pub layer: usize,
}

impl Recipe {
    /// Pooling, normalisation and layer as keys of numbers name them: `mean+l2`, `mean@7`.
    #[must_use]
    pub fn name(&self, config: &Config) -> String {
        let layer = if self.layer == config.layers { String::new() } else { format!("@{}", self.layer) };
        let l2 = if self.normalize { "+l2" } else { "" };
        format!("{}{layer}{l2}", self.pooling)
    }

    /// The same with embeddings of length 1, for whoever compares by cosine.
    #[must_use]
    pub fn cosine(&self) -> Self {
        Self { normalize: true, ..self.clone() }
    }

    /// A text's embedding (as wide as its states) from its states (tokens × width).
    #[must_use]
    pub fn embedding(&self, states: &[f32], width: usize) -> Vec<f32> {
        let mut row = vec![0.0; width];
        self.pooling.pool(states, &mut row);
        if self.normalize {
            rows::normalize(&mut row);
        }
        row
    }

    /// From the gradient at a text's embedding to that at its states, into `out`, which is 0 when it comes.
    pub fn back(&self, states: &[f32], mut gradient: Vec<f32>, out: &mut [f32]) {
        if self.normalize {
            let mut row = vec![0.0; gradient.len()];
            self.pooling.pool(states, &mut row);
            backward::normalize(&row, &mut gradient);
        }
        self.pooling.back(states, &gradient, out);
    }
}

/// How a set of texts is computed: what decides the embeddings, and what does not.
pub struct How<'a> {
    /// What decides the embeddings.
    pub recipe: &'a Recipe,
    /// Which texts are computed together, which cannot change a bit.
    pub batching: Batching,
    /// The number of the first text, where the texts are a part of more: messages count from there.
    pub first: usize,
    /// Hears how many more texts are finished, from any thread.
    pub done: &'a (dyn Fn(usize) + Sync),
}

/// An encoder in a folder. Its tokeniser and weights are loaded when they are first needed.
pub struct Model {
    name: String,
    folder: Folder,
    config: Config,
    digest: String,
    /// How the files were when the digest was taken.
    seen: Seen,
    tokenizer: OnceLock<Tokenizer>,
    bert: OnceLock<Bert>,
    /// Where states and embeddings are computed, if not on processors.
    pub(super) cards: Option<Cards>,
    devices: Devices,
}

impl Model {
    /// Reads a folder's configuration and the digest of everything in it that decides an embedding.
    ///
    /// # Errors
    /// A file is missing or says something that this encoder does not do.
    pub fn open(name: impl Into<String>, folder: Folder) -> Result<Self> {
        let names = deciding(&folder)?;
        let seen = Seen::of(&folder, &names);
        let config = Config::read(&folder)?;
        let digest = digest(&folder, &names)?;
        let (tokenizer, bert) = (OnceLock::new(), OnceLock::new());
        Ok(Self {
            name: name.into(),
            folder,
            config,
            digest,
            seen,
            tokenizer,
            bert,
            cards: None,
            devices: Devices::processors(),
        })
    }

    /// The same model, whose states and embeddings are computed there: the same bits. Gradients are computed on processors all the same.
    #[must_use]
    pub fn on(mut self, devices: &Devices) -> Self {
        self.cards = Cards::on(devices);
        self.devices = devices.clone();
        self
    }

    /// Where it computes.
    #[must_use]
    pub fn devices(&self) -> &Devices {
        &self.devices
    }

    /// The name that it was opened under.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Its configuration.
    #[must_use]
    pub fn config(&self) -> &Config {
        &self.config
    }

    /// SHA-256 over the name and content of every file that decides an embedding.
    #[must_use]
    pub fn digest(&self) -> &str {
        &self.digest
    }

    /// The recipe that the model's own folder asks for.
    #[must_use]
    pub fn recipe(&self) -> Recipe {
        let config = &self.config;
        Recipe { prefix: String::new(), pooling: config.pooling, normalize: config.normalize, layer: config.layers }
    }

    /// The checkpoint's tensors.
    ///
    /// # Errors
    /// As [`Weights::open`].
    pub fn weights(&self) -> Result<Weights> {
        Weights::open(&self.folder)
    }

    /// Token ids of `prefix + text` for each text.
    ///
    /// # Errors
    /// A tokeniser that cannot be read or does not fit the model.
    pub fn tokenize<T: AsRef<str> + Sync>(&self, prefix: &str, texts: &[T]) -> Result<Tokens> {
        tokens::tokenize(self.tokenizer()?, prefix, texts).map_err(|refused| self.refused(refused, 0).into())
    }

    /// Token ids as `how` wants them.
    ///
    /// # Errors
    /// As [`Self::tokenize`].
    pub fn tokenize_for<T: AsRef<str> + Sync>(&self, how: &How<'_>, texts: &[T]) -> Result<Tokens> {
        let tokens = tokens::tokenize(self.tokenizer()?, &how.recipe.prefix, texts);
        tokens.map_err(|refused| self.refused(refused, how.first).into())
    }

    /// Loads tokeniser and weights side by side, for whoever is about to need both; each would be loaded when it is first needed.
    ///
    /// # Errors
    /// As [`Self::tokenize`] and [`Self::embed`].
    pub fn load(&self, layer: usize) -> Result<()> {
        let (tokenizer, weights) = rayon::join(|| self.tokenizer().map(drop), || self.ready(layer).map(drop));
        tokenizer.and(weights)
    }

    /// The encoder, which computes on processors from now on.
    ///
    /// # Panics
    /// It is not loaded.
    pub(super) fn on_processors(&mut self) -> &mut Bert {
        (self.cards, self.devices) = (None, Devices::processors());
        self.bert.get_mut().expect("it is loaded")
    }

    pub(super) fn folder(&self) -> &Folder {
        &self.folder
    }

    pub(super) fn tokenizer(&self) -> Result<&Tokenizer> {
        if let Some(tokenizer) = self.tokenizer.get() {
            return Ok(tokenizer);
        }
        let read = tokens::read_tokenizer(&self.folder, &self.config)?;
        Ok(self.tokenizer.get_or_init(|| read))
    }

    /// A text whose tokens cannot be used.
    pub(super) fn refused(&self, (text, what): (usize, String), first: usize) -> EncoderFault {
        EncoderFault::Text { file: self.folder.label("tokenizer.json"), text: first + text, what }
    }

    /// One embedding a text, [texts, hidden]. `done` hears how many more texts are finished, from any thread.
    ///
    /// # Errors
    /// A checkpoint that cannot be used; pooling `none`; a layer that the model has not; a value that is not finite.
    pub fn embed(&self, tokens: &Tokens, how: &How<'_>) -> Result<Array2<f32>> {
        let recipe = how.recipe;
        self.check_pooling(recipe)?;
        let width = self.config.hidden;
        let pooled = match &self.cards {
            Some(cards) => cards.embed(self, tokens, how).and_then(|pooled| self.seen.vouch(pooled)),
            None => self.each_text(tokens, how, |text, states| (text, recipe.embedding(states, width))),
        }?;
        let mut out = vec![0.0; tokens.texts() * width];
        pooled.into_iter().for_each(|(text, row)| out[text * width..][..width].copy_from_slice(&row));
        if let Some(i) = out.iter().position(|x| !x.is_finite()) {
            return Err(self.not_finite("pooling".to_owned(), how.first + i / width).into());
        }
        Ok(Array2::from_shape_vec((tokens.texts(), width), out).expect("a row a text"))
    }

    /// One embedding a text, [texts, hidden]: as [`Self::tokenize_for`] and [`Self::embed`]. While cards compute some texts, processors tokenise the next.
    ///
    /// # Errors
    /// As these.
    pub fn embed_texts<T: AsRef<str> + Sync>(&self, how: &How<'_>, texts: &[T]) -> Result<Array2<f32>> {
        self.load(how.recipe.layer)?;
        let ahead = self.cards.as_ref().map_or(texts.len(), |cards| AHEAD * cards.count());
        let part = |first: usize| &texts[first..texts.len().min(first + ahead)];
        let how = |first: usize| How { first: how.first + first, ..*how };
        let mut embeddings = Vec::with_capacity(texts.len() * self.config.hidden);
        // Of no texts there is one part too, so that what cannot be done is refused.
        let (mut first, mut tokens) = (0, self.tokenize_for(&how(0), part(0))?);
        loop {
            let next = first + part(first).len();
            let tokenize = || (next < texts.len()).then(|| self.tokenize_for(&how(next), part(next))).transpose();
            let (embedded, following) = rayon::join(|| self.embed(&tokens, &how(first)), tokenize);
            embeddings.extend(embedded?);
            match following? {
                Some(following) => (first, tokens) = (next, following),
                None => break,
            }
        }
        Ok(Array2::from_shape_vec((texts.len(), self.config.hidden), embeddings).expect("a row a text"))
    }

    /// The state of every token, [total tokens, hidden], as the layer gives it: neither pooled nor normalised.
    ///
    /// # Errors
    /// As [`Self::embed`].
    pub fn embed_tokens(&self, tokens: &Tokens, how: &How<'_>) -> Result<Array2<f32>> {
        let width = self.config.hidden;
        let states = self.each_text(tokens, how, |text, states| (text, states.to_vec()))?;
        let mut out = vec![0.0; tokens.ids.len() * width];
        states
            .into_iter()
            .for_each(|(text, states)| out[tokens.offsets[text] * width..][..states.len()].copy_from_slice(&states));
        Ok(Array2::from_shape_vec((tokens.ids.len(), width), out).expect("a row a token"))
    }

    /// Runs the batches in parallel and gives `finish` each text with its states (tokens × hidden); what that returns comes in no order.
    fn each_text<T: Send>(
        &self,
        tokens: &Tokens,
        how: &How<'_>,
        finish: impl Fn(usize, &[f32]) -> T + Sync,
    ) -> Result<Vec<T>> {
        if let Some(cards) = &self.cards {
            return self.seen.vouch(cards.each_text(self, tokens, how, finish)?);
        }
        let batches = self.each_batch(tokens, how, |bert, texts, given, team| {
            let take = |mut rest: &[f32]| {
                let each = texts.iter().zip(given).map(|(text, given)| {
                    let (states, after) = rest.split_at(given.ids.len() * self.config.hidden);
                    rest = after;
                    finish(*text, states)
                });
                each.collect::<Vec<_>>()
            };
            bert.forward(given, how.recipe.layer, team, take)
        })?;
        Ok(batches.into_iter().flatten().collect())
    }

    /// Runs the batches in parallel: `pass` gets each batch's texts, by number and as tokens, and a team to share each step with.
    pub(super) fn each_batch<T: Send>(
        &self,
        tokens: &Tokens,
        how: &How<'_>,
        pass: impl Fn(&Bert, &[usize], &[Text<'_>], &Team<'_>) -> Result<T, Stopped> + Sync,
    ) -> Result<Vec<T>> {
        let bert = self.fit(tokens, how)?;
        let batches = how.batching.batches(tokens);
        // Where there are too few batches for the threads, several share one.
        let threads = rayon::current_num_threads().div_ceil(batches.len().max(1));
        let finished = batches
            .into_par_iter()
            .map(|texts| {
                let given = |text: &usize| Text { ids: tokens.text(*text), attended: tokens.attended(*text) };
                let given: Vec<Text<'_>> = texts.iter().map(given).collect();
                let out =
                    gather(threads, |team| pass(bert, &texts, &given, team)).map_err(|Stopped { stage, text }| {
                        (texts[text], self.not_finite(stage, how.first + texts[text]))
                    })?;
                (how.done)(texts.len());
                Ok(out)
            })
            .collect::<Vec<Result<T, (usize, EncoderFault)>>>();
        // The first text that failed, whichever batch met its fault first.
        let (good, bad): (Vec<_>, Vec<_>) = finished.into_iter().partition(Result::is_ok);
        if let Some((_, fault)) = bad.into_iter().filter_map(Result::err).min_by_key(|(text, _)| *text) {
            return Err(fault.into());
        }
        self.seen.vouch(good.into_iter().flatten().collect())
    }

    /// Refuses a recipe that makes no embedding of a text.
    pub(super) fn check_pooling(&self, recipe: &Recipe) -> Result<()> {
        if recipe.pooling == Pooling::None {
            let what = "pooling none gives no embedding of a text; ask for token embeddings".to_owned();
            return Err(EncoderFault::Config { file: self.name.clone(), what }.into());
        }
        Ok(())
    }

    /// The weights, loaded, once it is known that the tokens can be used.
    pub(super) fn fit(&self, tokens: &Tokens, how: &How<'_>) -> Result<&Bert> {
        let bert = self.ready(how.recipe.layer)?;
        tokens.check(&self.config).map_err(|refused| self.refused(refused, how.first))?;
        bert.check_words(&tokens.ids)?;
        Ok(bert)
    }

    pub(super) fn not_finite(&self, stage: String, text: usize) -> EncoderFault {
        EncoderFault::NotFinite { model: self.name.clone(), stage, text }
    }

    /// The weights, loaded, of a model that has this hidden layer.
    pub(super) fn ready(&self, layer: usize) -> Result<&Bert> {
        let layers = self.config.layers;
        if layer > layers {
            return Err(EncoderFault::Layer { model: self.name.clone(), layer, layers }.into());
        }
        if let Some(bert) = self.bert.get() {
            return Ok(bert);
        }
        let bert = Bert::load(self.config.clone(), self.weights()?)?;
        Ok(self.bert.get_or_init(|| bert))
    }
}

/// The files of a folder that decide an embedding.
fn deciding(folder: &Folder) -> Result<Vec<String>> {
    let deciding = DECIDING.iter().filter(|name| folder.has(name)).map(|name| (*name).to_owned());
    let index = weights::index(folder).map(str::to_owned);
    Ok(deciding.chain(index).chain(weights::files(folder)?).collect())
}

fn digest(folder: &Folder, names: &[String]) -> Result<String> {
    stamp::remember(folder, names, || {
        let mut digest = Digest::new();
        for name in names {
            digest.field(name).field(&folder.read(name)?[..]);
        }
        Ok(digest.hex())
    })
}
