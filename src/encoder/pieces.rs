//! The model inside a tokeniser: our own for Unigram, the tokenizer library's for all else.

use std::collections::HashMap;
use std::path::{Path, PathBuf};

use serde::de::{Deserialize, Deserializer, Error, MapAccess, SeqAccess, Visitor};
use serde_json::{Map, Value};
use tokenizers::models::TrainerWrapper;
use tokenizers::{
    DecoderWrapper, Model, ModelWrapper, NormalizerWrapper, PostProcessorWrapper, PreTokenizerWrapper, Token,
    TokenizerImpl,
};

use super::unigram::Unigram;

/// The tokenizer library's pipeline around [`Pieces`].
pub(super) type Tokenizer =
    TokenizerImpl<Pieces, NormalizerWrapper, PreTokenizerWrapper, PostProcessorWrapper, DecoderWrapper>;

/// What splits a word or text into pieces.
pub(super) enum Pieces {
    Unigram(Unigram),
    Other(Box<ModelWrapper>),
}

/// `vocab` of tokenizer.json: a list of pieces and scores, or anything else.
enum Vocabulary {
    Scored(Vec<(String, f64)>),
    Other(Value),
}

impl Vocabulary {
    fn value(self) -> Value {
        match self {
            Self::Scored(pieces) => Value::from_iter(
                pieces.into_iter().map(|(piece, score)| Value::Array(vec![piece.into(), score.into()])),
            ),
            Self::Other(value) => value,
        }
    }
}

impl<'de> Deserialize<'de> for Vocabulary {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Any;
        impl<'de> Visitor<'de> for Any {
            type Value = Vocabulary;

            fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str("pieces with scores or numbers")
            }

            fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<Vocabulary, A::Error> {
                let mut pieces = Vec::new();
                while let Some(piece) = list.next_element()? {
                    pieces.push(piece);
                }
                Ok(Vocabulary::Scored(pieces))
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Vocabulary, A::Error> {
                let mut all = Map::new();
                while let Some((piece, number)) = map.next_entry::<String, Value>()? {
                    all.insert(piece, number);
                }
                Ok(Vocabulary::Other(all.into()))
            }
        }
        deserializer.deserialize_any(Any)
    }
}

impl<'de> Deserialize<'de> for Pieces {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Description;
        impl<'de> Visitor<'de> for Description {
            type Value = Pieces;

            fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str("a model of pieces")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Pieces, A::Error> {
                let (mut vocabulary, mut rest) = (None, Map::new());
                while let Some(name) = map.next_key::<String>()? {
                    if name == "vocab" {
                        vocabulary = Some(map.next_value()?);
                    } else {
                        rest.insert(name, map.next_value()?);
                    }
                }
                pieces(vocabulary, rest).map_err(Error::custom)
            }
        }
        deserializer.deserialize_map(Description)
    }
}

/// The model of a vocabulary and of what else its description says.
fn pieces(vocabulary: Option<Vocabulary>, mut rest: Map<String, Value>) -> Result<Pieces, String> {
    let said = |name: &str| rest.get(name).cloned().unwrap_or_default();
    match vocabulary {
        Some(Vocabulary::Scored(scored)) if said("type") == "Unigram" => {
            let unknown = serde_json::from_value(said("unk_id")).map_err(|e| format!("unk_id: {e}"))?;
            let bytes: Option<bool> =
                serde_json::from_value(said("byte_fallback")).map_err(|e| format!("byte_fallback: {e}"))?;
            Unigram::new(scored, unknown, bytes.unwrap_or(false)).map(Pieces::Unigram)
        }
        other => {
            rest.extend(other.map(|vocabulary| ("vocab".to_owned(), vocabulary.value())));
            let model = serde_json::from_value(rest.into()).map_err(|e| e.to_string())?;
            Ok(Pieces::Other(Box::new(model)))
        }
    }
}

impl Pieces {
    /// The largest number that a piece has.
    pub(super) fn largest_id(&self) -> Option<u32> {
        match self {
            // Its numbers are places in a list; a copy of a quarter of a million pieces would only be counted.
            Self::Unigram(unigram) => u32::try_from(unigram.get_vocab_size()).ok()?.checked_sub(1),
            Self::Other(model) => model.get_vocab().into_values().max(),
        }
    }
}

/// Calls the model that it is.
macro_rules! either {
    ($pieces:expr, $model:ident => $call:expr) => {
        match $pieces {
            Pieces::Unigram($model) => $call,
            Pieces::Other($model) => $call,
        }
    };
}

impl Model for Pieces {
    type Trainer = TrainerWrapper;

    fn tokenize(&self, text: &str) -> tokenizers::Result<Vec<Token>> {
        either!(self, model => model.tokenize(text))
    }

    fn token_to_id(&self, token: &str) -> Option<u32> {
        either!(self, model => model.token_to_id(token))
    }

    fn id_to_token(&self, id: u32) -> Option<String> {
        either!(self, model => model.id_to_token(id))
    }

    fn get_vocab(&self) -> HashMap<String, u32> {
        either!(self, model => model.get_vocab())
    }

    fn get_vocab_size(&self) -> usize {
        either!(self, model => model.get_vocab_size())
    }

    fn save(&self, folder: &Path, prefix: Option<&str>) -> tokenizers::Result<Vec<PathBuf>> {
        either!(self, model => model.save(folder, prefix))
    }

    fn get_trainer(&self) -> Self::Trainer {
        either!(self, model => model.get_trainer())
    }
}
