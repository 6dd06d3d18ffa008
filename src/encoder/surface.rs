//! From tokens back to text: what a vocabulary's pieces look like, and where a text's tokens lie in it.

use std::ops::Range;

use ndarray::Array2;
use rayon::prelude::*;

use super::tokens::guarded;
use super::{Model, Tokens};
use crate::Result;

/// What stands before a piece that begins a word, of SentencePiece, and before one that does not, of WordPiece.
const BEGINS: &str = "▁";
const CONTINUES: &str = "##";

/// A piece of the vocabulary as it stands in a text.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Piece {
    /// Its letters.
    pub text: String,
    /// Whether it begins a word.
    pub begins: bool,
}

/// A text as tokens that know their places.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Located {
    /// Its token ids, those of the prefix and the tokeniser's own among them.
    pub ids: Vec<u32>,
    /// The bytes of the text that each token stands for; none for tokens that are not the text's alone.
    pub places: Vec<Option<Range<usize>>>,
}

impl Located {
    /// Which of its tokens stand for bytes of the text.
    #[must_use]
    pub fn own(&self) -> Vec<usize> {
        let own = self.places.iter().enumerate().filter(|(_, place)| place.is_some());
        own.map(|(token, _)| token).collect()
    }
}

impl Model {
    /// The vocabulary's pieces by token id; none for special tokens and for those that are no text.
    ///
    /// # Errors
    /// As [`Model::tokenize`].
    pub fn pieces(&self) -> Result<Vec<Option<Piece>>> {
        let tokenizer = self.tokenizer()?;
        let name = |id: usize| tokenizer.id_to_token(id as u32);
        let names: Vec<Option<String>> = (0..self.config().vocabulary).map(name).collect();
        let special = tokenizer.get_added_tokens_decoder();
        let marked = names.iter().flatten().any(|name| name.starts_with(BEGINS));
        let piece = |(id, name): (usize, Option<String>)| {
            let name = name.filter(|_| !special.contains_key(&(id as u32)))?;
            let (text, begins) = if marked {
                (name.strip_prefix(BEGINS).unwrap_or(&name), name.starts_with(BEGINS))
            } else {
                (name.strip_prefix(CONTINUES).unwrap_or(&name), !name.starts_with(CONTINUES))
            };
            (!text.is_empty()).then(|| Piece { text: text.to_owned(), begins })
        };
        Ok(names.into_iter().enumerate().map(piece).collect())
    }

    /// Token ids of `prefix + text` for each text, and where in the text they are.
    ///
    /// # Errors
    /// As [`Model::tokenize`].
    pub fn locate<T: AsRef<str> + Sync>(&self, prefix: &str, texts: &[T]) -> Result<Vec<Located>> {
        let tokenizer = self.tokenizer()?;
        let one = |text: &T| {
            let whole = format!("{prefix}{}", text.as_ref());
            let encoding = guarded(|| tokenizer.encode(whole.as_str(), true))?;
            let places = encoding.get_offsets().iter().zip(encoding.get_special_tokens_mask());
            let place = |((start, end), special): (&(usize, usize), &u32)| {
                let own = *special == 0 && *start >= prefix.len() && start < end && whole.is_char_boundary(*start);
                (own && whole.is_char_boundary(*end)).then(|| start - prefix.len()..end - prefix.len())
            };
            Ok(Located { ids: encoding.get_ids().to_vec(), places: places.map(place).collect() })
        };
        let found: Vec<Result<Located, String>> = texts.par_iter().map(one).collect();
        let refused = |(text, found): (usize, Result<Located, String>)| {
            found.map_err(|what| self.refused((text, what), 0).into())
        };
        found.into_iter().enumerate().map(refused).collect()
    }

    /// Rows of the word embeddings, [ids, hidden].
    ///
    /// # Errors
    /// A checkpoint that cannot be used; a row that is not finite.
    ///
    /// # Panics
    /// An id beyond the vocabulary.
    pub fn word_embeddings(&self, ids: &[u32]) -> Result<Array2<f32>> {
        let bert = self.ready(0)?;
        bert.check_words(ids)?;
        let words = bert.words();
        let mut rows = Array2::zeros((ids.len(), self.config().hidden));
        for (id, mut row) in ids.iter().zip(rows.rows_mut()) {
            words.row(*id, row.as_slice_mut().expect("contiguous"));
        }
        Ok(rows)
    }
}

impl From<&[Located]> for Tokens {
    fn from(texts: &[Located]) -> Self {
        let mut tokens = Self { offsets: vec![0], ..Self::default() };
        for text in texts {
            tokens.ids.extend_from_slice(&text.ids);
            tokens.offsets.push(tokens.ids.len());
        }
        tokens
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::data::folder::Folder;

    fn open(name: &str) -> Model {
        Model::open(name, Folder::Disk(format!("{}/fixtures/{name}", env!("CARGO_MANIFEST_DIR")).into())).unwrap()
    }

    #[test]
    fn tokens_know_their_letters() {
        for name in ["teacher", "student"] {
            let (model, text) = (open(name), "Der Zug, bitte!");
            let pieces = model.pieces().unwrap();
            let found = &model.locate("query: ", &[text]).unwrap()[0];
            assert_eq!(found.ids, model.tokenize("query: ", &[text]).unwrap().text(0), "{name}");
            let mut covered = 0;
            for (id, place) in found.ids.iter().zip(&found.places) {
                let (Some(place), Some(piece)) = (place, &pieces[*id as usize]) else { continue };
                assert_eq!(text[place.clone()].trim_start().to_lowercase(), piece.text.to_lowercase(), "{name}");
                covered += place.len();
            }
            assert!(covered > 8, "{name}: {covered}");
            let words = model.word_embeddings(&found.ids).unwrap();
            assert_eq!(words.dim(), (found.ids.len(), model.config().hidden));
        }
    }
}
