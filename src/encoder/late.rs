//! The late-interaction head: from the states of a text's tokens to the embeddings that MaxSim compares (ColBERT: Khattab & Zaharia, SIGIR 2020;
//! ColBERTv2: Santhanam et al., NAACL 2022).
//!
//! A ColBERT checkpoint says in `artifact.metadata` how its texts are marked, cut and filled up, and has a projection `linear.weight`. Any other
//! encoder serves too: then a text's token embeddings are its last states. All are divided by their L2 norm.

use ndarray::{Array2, ArrayView2, ArrayViewMut2};
use rayon::prelude::*;
use serde::Deserialize;

use super::pieces::Tokenizer;
use super::tokens::guarded;
use super::{EncoderFault, How, Model, Tokens, config};
use crate::Result;
use crate::data::folder::Folder;
use crate::kernel::product::{Columns, Form, Rows, product};
use crate::kernel::rows;

/// Where a ColBERT checkpoint keeps its settings.
pub(super) const SETTINGS: &str = "artifact.metadata";

/// The projection of a ColBERT checkpoint.
const PROJECTION: &str = "linear.weight";

/// Tokens that are projected together.
const BLOCK: usize = 192;

/// Which side of the interaction a text is on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Side {
    /// Filled up with mask tokens, where the head says so.
    Query,
    /// Punctuation left out, where the head says so.
    Document,
}

/// How token states become token embeddings.
pub struct LateHead {
    projection: Option<Columns>,
    width: usize,
    colbert: Option<Colbert>,
}

/// What a ColBERT checkpoint does to token ids.
struct Colbert {
    /// Put behind the first token.
    query_marker: u32,
    document_marker: u32,
    query_length: usize,
    document_length: usize,
    /// Fills queries up to their length.
    mask: u32,
    /// Whether all tokens look at the masks; if not, only masks look, and at the others.
    attend: bool,
    /// Left out of documents, sorted.
    skipped: Vec<u32>,
}

/// Token embeddings of some texts: text i has the rows `offsets[i]..offsets[i + 1]`.
#[derive(Clone, Debug, PartialEq)]
pub struct TokenEmbeddings {
    /// [total tokens, width], each row of length 1.
    pub tokens: Array2<f32>,
    /// One longer than there are texts.
    pub offsets: Vec<usize>,
}

/// `artifact.metadata`, with ColBERT's defaults.
#[derive(Deserialize)]
#[serde(default)]
struct Settings {
    query_token_id: String,
    doc_token_id: String,
    query_maxlen: usize,
    doc_maxlen: usize,
    mask_punctuation: bool,
    attend_to_mask_tokens: bool,
    similarity: String,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            query_token_id: "[unused0]".to_owned(),
            doc_token_id: "[unused1]".to_owned(),
            query_maxlen: 32,
            doc_maxlen: 220,
            mask_punctuation: true,
            attend_to_mask_tokens: false,
            similarity: "cosine".to_owned(),
        }
    }
}

impl LateHead {
    /// The head of a model.
    ///
    /// # Errors
    /// Settings or a projection that cannot be used.
    pub fn of(model: &Model) -> Result<Self> {
        let folder = model.folder();
        let hidden = model.config().hidden;
        if !folder.has(SETTINGS) {
            return Ok(Self { projection: None, width: hidden, colbert: None });
        }
        let colbert = Colbert::read(folder, model.tokenizer()?, model.config().max_tokens)?;
        let weights = model.weights()?;
        let rows = weights.iter().find(|(name, _)| *name == PROJECTION).and_then(|(_, info)| info.shape.first());
        let width = rows.copied().filter(|rows| *rows > 0);
        let width = width.ok_or_else(|| refuse(folder, format!("the checkpoint has no {PROJECTION}")))?;
        let matrix = weights.read(PROJECTION, &[width, hidden])?;
        let matrix = ArrayView2::from_shape((width, hidden), &matrix).expect("read with this shape");
        let projection = Columns::of(matrix, Form::active()).expect("every value read is finite");
        Ok(Self { projection: Some(projection), width, colbert: Some(colbert) })
    }

    /// What keys of numbers call it: `late`, or `late(q=32,d=180)` of a ColBERT.
    #[must_use]
    pub fn name(&self) -> String {
        match &self.colbert {
            Some(colbert) => format!("late(q={},d={})", colbert.query_length, colbert.document_length),
            None => "late".to_owned(),
        }
    }

    /// How wide token embeddings are.
    #[must_use]
    pub fn width(&self) -> usize {
        self.width
    }

    /// Token embeddings of `texts`. Pooling and normalisation of `how.recipe` are not looked at.
    ///
    /// # Errors
    /// As [`Model::tokenize`] and [`Model::embed_tokens`].
    pub fn embed<T: AsRef<str> + Sync>(
        &self,
        model: &Model,
        side: Side,
        texts: &[T],
        how: &How<'_>,
    ) -> Result<TokenEmbeddings> {
        model.load(how.recipe.layer)?;
        let tokens = model.tokenize_for(how, texts)?;
        let tokens = match &self.colbert {
            Some(colbert) => colbert.mark(&tokens, side),
            None => tokens,
        };
        let states = model.embed_tokens(&tokens, how)?;
        let (states, offsets) = match (&self.colbert, side) {
            (Some(colbert), Side::Document) => colbert.without_skipped(&states, &tokens),
            _ => (states, tokens.offsets().to_vec()),
        };
        let mut embedded = match &self.projection {
            Some(projection) => project(&states, projection),
            None => states,
        };
        let values = embedded.as_slice_mut().expect("embeddings are contiguous");
        values.par_chunks_mut(self.width).for_each(rows::normalize);
        Ok(TokenEmbeddings { tokens: embedded, offsets })
    }
}

impl Colbert {
    fn read(folder: &Folder, tokenizer: &Tokenizer, longest: usize) -> Result<Self> {
        let settings: Settings = config::json(folder, SETTINGS)?;
        if settings.similarity != "cosine" {
            return Err(refuse(folder, format!("similarity {} is not supported, only cosine", settings.similarity)));
        }
        for (name, length) in [("query_maxlen", settings.query_maxlen), ("doc_maxlen", settings.doc_maxlen)] {
            if length < 4 || length > longest {
                return Err(refuse(folder, format!("{name} is {length}, not between 4 and {longest}")));
            }
        }
        let id = |token: &str| {
            let found = tokenizer.token_to_id(token);
            found.ok_or_else(|| refuse(folder, format!("the tokeniser has no token {token}")))
        };
        let mut skipped = Vec::new();
        if settings.mask_punctuation {
            for symbol in (0..=127u8).map(char::from).filter(char::is_ascii_punctuation) {
                let pieces = guarded(|| Ok(tokenizer.encode_fast(symbol.to_string(), false)?.get_ids().to_vec()));
                let pieces = pieces.map_err(|e| refuse(folder, format!("the tokeniser refuses {symbol}: {e}")))?;
                skipped.extend(pieces.first());
            }
        }
        skipped.sort_unstable();
        skipped.dedup();
        Ok(Self {
            query_marker: id(&settings.query_token_id)?,
            document_marker: id(&settings.doc_token_id)?,
            query_length: settings.query_maxlen,
            document_length: settings.doc_maxlen,
            mask: id("[MASK]").or_else(|_| id("<mask>"))?,
            attend: settings.attend_to_mask_tokens,
            skipped,
        })
    }

    /// Puts the marker behind every text's first token, cuts what is too long before its last, and fills queries up.
    fn mark(&self, tokens: &Tokens, side: Side) -> Tokens {
        let (marker, length) = match side {
            Side::Query => (self.query_marker, self.query_length),
            Side::Document => (self.document_marker, self.document_length),
        };
        let mut marked = Tokens { offsets: vec![0], ..Tokens::default() };
        for text in 0..tokens.texts() {
            let start = marked.ids.len();
            if let [first, rest @ ..] = tokens.text(text) {
                marked.ids.extend([*first, marker]);
                match rest {
                    [kept @ .., last] if rest.len() + 2 > length => {
                        marked.ids.extend(kept[..length - 3].iter().chain([last]));
                    }
                    _ => marked.ids.extend(rest),
                }
            }
            let own = marked.ids.len() - start;
            if side == Side::Query {
                marked.ids.resize(start + length, self.mask);
            }
            marked.attended.push(if self.attend { marked.ids.len() - start } else { own });
            marked.offsets.push(marked.ids.len());
        }
        marked
    }

    /// The states of the tokens that are not skipped, and where each text's are.
    fn without_skipped(&self, states: &Array2<f32>, tokens: &Tokens) -> (Array2<f32>, Vec<usize>) {
        let keeps = |row: &usize| self.skipped.binary_search(&tokens.ids[*row]).is_err();
        let kept: Vec<usize> = (0..tokens.ids.len()).filter(keeps).collect();
        let offset = |offset: &usize| kept.partition_point(|row| row < offset);
        (states.select(ndarray::Axis(0), &kept), tokens.offsets.iter().map(offset).collect())
    }
}

/// states · projectionᵀ.
fn project(states: &Array2<f32>, projection: &Columns) -> Array2<f32> {
    let width = projection.count();
    let mut out = Array2::zeros((states.nrows(), width));
    let blocks = out.as_slice_mut().expect("contiguous").par_chunks_mut(BLOCK * width);
    blocks.enumerate().for_each_init(
        || Rows::new(projection.form()),
        |rows, (i, out)| {
            let count = out.len() / width;
            let block = states.slice(ndarray::s![i * BLOCK..i * BLOCK + count, ..]);
            rows.fill(block).expect("states are finite");
            product(rows, projection, ArrayViewMut2::from_shape((count, width), out).expect("a block"));
        },
    );
    out
}

fn refuse(folder: &Folder, what: String) -> crate::Error {
    EncoderFault::Config { file: folder.label(SETTINGS), what }.into()
}
