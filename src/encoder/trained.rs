//! A model whose weights change: taken over, and written as a folder that other programs load.

use std::collections::BTreeMap;
use std::path::Path;

use serde_json::{Value, json};

use super::model::DECIDING;
use super::{EncoderFault, Model, Parameters, Wanted, config, weights};
use crate::Result;
use crate::data::tensors::{self, Dtype, Layout};
use crate::data::{FileFault, atomic};

/// What loaders of other programs read besides. A checkpoint's folder may hold more: its model card, other forms of its weights, the log of its own training.
const BESIDE: [&str; 5] = [
    "added_tokens.json",
    "config_sentence_transformers.json",
    "sentencepiece.bpe.model",
    "special_tokens_map.json",
    "vocab.txt",
];

const CONFIG: &str = "config.json";
const TOKENIZER: &str = "tokenizer_config.json";

impl Model {
    /// The tensors whose gradients are wanted, as the checkpoint has them; of the word embeddings none.
    ///
    /// # Errors
    /// A checkpoint that cannot be used.
    pub fn parameters(&self, wanted: Wanted) -> Result<Parameters> {
        self.ready(0)?.parameters(wanted)
    }

    /// Takes over other values of tensors and of words, on top of those that were taken over before. Their digest is the checkpoint's nevertheless, so that
    /// what this model computes is not to be cached; and it computes on processors from now on.
    ///
    /// # Errors
    /// A value that is not finite.
    ///
    /// # Panics
    /// Tensors that the model has not, or has with another number of values.
    pub fn assign(&mut self, values: &Parameters) -> Result<()> {
        self.ready(0)?;
        let file = self.name().to_owned();
        let refuse = |tensor| EncoderFault::Weights { file, what: format!("{tensor} has a value that is not finite") };
        Ok(self.on_processors().assign(values).map_err(refuse)?)
    }

    /// What transformers wants to know of a tokenizer.json besides: that it needs no other code, how texts are filled up, how long they may be.
    fn tokenizer_settings(&self) -> Result<String> {
        let tokenizer = self.tokenizer()?;
        let token = |id: u32| tokenizer.id_to_token(id);
        let padding = tokenizer.get_padding().map(|padding| padding.pad_token.clone());
        let padding = padding.or_else(|| {
            ["<pad>", "[PAD]"].map(str::to_owned).into_iter().find(|pad| tokenizer.token_to_id(pad).is_some())
        });
        let settings = json!({
            "tokenizer_class": "PreTrainedTokenizerFast",
            "model_max_length": self.config().max_tokens,
            "pad_token": padding.or_else(|| token(0)),
        });
        Ok(format!("{settings:#}\n"))
    }

    /// Writes a folder with this model's configuration, tokeniser and tensors of floats, `values` instead of those of the checkpoint: f32, in one file, which is written last.
    ///
    /// # Errors
    /// A folder that cannot be written; a tensor of another size.
    pub fn save(&self, values: &Parameters, folder: &Path) -> Result<()> {
        let (weights, bert) = (self.weights()?, self.ready(0)?);
        for name in DECIDING.iter().chain(&BESIDE).filter(|name| **name != CONFIG && self.folder().has(name)) {
            atomic::write(&folder.join(name), &self.folder().read(name)?)?;
        }
        if !self.folder().has(TOKENIZER) {
            atomic::write(&folder.join(TOKENIZER), self.tokenizer_settings()?.as_bytes())?;
        }
        let mut settings: BTreeMap<String, Value> = config::json(self.folder(), CONFIG)?;
        // Loaders that believe it would round what was trained.
        for name in ["torch_dtype", "dtype"] {
            settings.get_mut(name).into_iter().for_each(|dtype| *dtype = "float32".into());
        }
        let text = serde_json::to_string_pretty(&settings).expect("JSON goes on being JSON");
        atomic::write(&folder.join(CONFIG), format!("{text}\n").as_bytes())?;

        let floats: Vec<_> = weights.iter().filter(|(_, info)| weights::is_float(info.dtype)).collect();
        let layout: Vec<_> =
            floats.iter().map(|(name, info)| Layout { name, dtype: Dtype::F32, shape: &info.shape }).collect();
        let path = folder.join(weights::SINGLE);
        atomic::write_with(&path, |out| {
            // As transformers wants it.
            tensors::stream(out, &layout, &[("format", "pt".to_owned())], |i, out| {
                let (name, info) = floats[i];
                let mut put = |values: &[f32]| {
                    let bytes: Vec<u8> = values.iter().flat_map(|x| x.to_le_bytes()).collect();
                    out.write_all(&bytes).map_err(FileFault::io("write", &path))
                };
                if let Some(values) = values.tensors.get(name) {
                    assert_eq!(values.len(), info.shape.iter().product::<usize>(), "as many values as {name} has");
                    return Ok(put(values)?);
                }
                let none = BTreeMap::new();
                let changed = if name == bert.word_tensor() { &values.words } else { &none };
                let tensor = weights.tensor(name, &info.shape)?;
                let mut row = vec![0.0; info.shape.last().copied().unwrap_or(1)];
                for id in 0..info.shape.iter().product::<usize>() / row.len().max(1) {
                    match u32::try_from(id).ok().and_then(|id| changed.get(&id)) {
                        Some(changed) => put(changed)?,
                        None => {
                            tensor.row(id, &mut row);
                            put(&row)?;
                        }
                    }
                }
                Ok(())
            })
        })
    }
}
