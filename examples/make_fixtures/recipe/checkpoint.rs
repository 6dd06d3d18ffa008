//! What both checkpoints have in common: the tensors of a BERT encoder, safetensors files, and the folder's small JSON files.

use std::borrow::Cow;

use half::f16;
use safetensors::{Dtype, View};
use serde_json::{Value, json};
use snellen::kernel::random::Stream;

use super::space::Vector;
use super::{Files, Result, SEED, json_file};

/// The width of a hidden state.
pub(crate) const HIDDEN: usize = 64;
/// The width between the two halves of a feed-forward block.
pub(crate) const INTERMEDIATE: usize = 128;
/// Layers.
pub(crate) const LAYERS: usize = 2;
/// Attention heads.
pub(crate) const HEADS: usize = 4;

/// How large the random weights are: large enough that every part of an encoder shows in its output, small enough that what
/// the embeddings know survives.
mod spread {
    pub(super) const POSITION: f64 = 0.05;
    pub(super) const QUERY_KEY: f64 = 0.15;
    pub(super) const DENSE: f64 = 0.07;
    pub(super) const BIAS: f64 = 0.02;
    pub(super) const NORM: f64 = 0.05;
}

/// A checkpoint: a folder in the Hugging Face layout.
pub(crate) struct Checkpoint {
    /// Its folder.
    pub(crate) folder: &'static str,
    /// Its weights, and tensors that encoders ignore.
    pub(crate) tensors: Vec<Tensor>,
    /// The number of the first tensor of the second file, if there are two.
    pub(crate) second_file: Option<usize>,
    /// Its other files, by their path below the folder.
    pub(crate) others: Files,
}

impl Checkpoint {
    /// All of its files, by their path.
    pub(crate) fn files(&self) -> Result<Files> {
        let mut files: Files =
            self.others.iter().map(|(name, bytes)| (format!("{}/{name}", self.folder), bytes.clone())).collect();
        match self.second_file {
            Some(at) => write_sharded(self.folder, &self.tensors, at, &mut files)?,
            None => {
                files.insert(format!("{}/model.safetensors", self.folder), safetensors(&self.tensors)?);
            }
        }
        Ok(files)
    }
}

/// A tensor of a checkpoint.
pub(crate) struct Tensor {
    pub(crate) name: String,
    dtype: Dtype,
    shape: Vec<usize>,
    bytes: Vec<u8>,
}

/// An encoder whose weights are to be drawn.
pub(crate) struct Encoder {
    /// What its random streams are called.
    pub(crate) name: &'static str,
    /// What its tensors' names begin with.
    pub(crate) prefix: &'static str,
    /// f32 or f16.
    pub(crate) dtype: Dtype,
    /// The rows of its position table.
    pub(crate) positions: usize,
    /// The rows of its token-type table.
    pub(crate) types: usize,
}

impl Encoder {
    /// The tensors before the first layer; `words` is the table of word embeddings.
    pub(crate) fn embeddings(&self, words: &[Vector]) -> Vec<Tensor> {
        let table = |name: &str, rows| self.normal(&format!("embeddings.{name}"), &[rows, HIDDEN], spread::POSITION);
        let words = words.iter().flatten().copied();
        let count = words.clone().count() / HIDDEN;
        let mut tensors = vec![
            self.tensor("embeddings.word_embeddings.weight", &[count, HIDDEN], words),
            table("position_embeddings.weight", self.positions),
            table("token_type_embeddings.weight", self.types),
        ];
        tensors.extend(self.norm("embeddings.LayerNorm"));
        tensors
    }

    /// The tensors of one layer.
    pub(crate) fn layer(&self, number: usize) -> Vec<Tensor> {
        let part = |name: &str| format!("encoder.layer.{number}.{name}");
        [
            self.dense(&part("attention.self.query"), HIDDEN, HIDDEN, spread::QUERY_KEY),
            self.dense(&part("attention.self.key"), HIDDEN, HIDDEN, spread::QUERY_KEY),
            self.dense(&part("attention.self.value"), HIDDEN, HIDDEN, spread::DENSE),
            self.dense(&part("attention.output.dense"), HIDDEN, HIDDEN, spread::DENSE),
            self.norm(&part("attention.output.LayerNorm")),
            self.dense(&part("intermediate.dense"), INTERMEDIATE, HIDDEN, spread::DENSE),
            self.dense(&part("output.dense"), HIDDEN, INTERMEDIATE, spread::DENSE),
            self.norm(&part("output.LayerNorm")),
        ]
        .into_iter()
        .flatten()
        .collect()
    }

    /// A linear map's weight and bias.
    pub(crate) fn dense(&self, name: &str, outputs: usize, inputs: usize, spread: f64) -> [Tensor; 2] {
        let weight = self.normal(&format!("{name}.weight"), &[outputs, inputs], spread);
        [weight, self.normal(&format!("{name}.bias"), &[outputs], spread::BIAS)]
    }

    /// The pooler that BERT checkpoints carry and encoders ignore.
    pub(crate) fn pooler(&self) -> [Tensor; 2] {
        self.dense("pooler.dense", HIDDEN, HIDDEN, spread::DENSE)
    }

    /// A LayerNorm's weight, about one, and bias, about zero.
    fn norm(&self, name: &str) -> [Tensor; 2] {
        let weight = format!("{name}.weight");
        let mut stream = Stream::new(SEED, self.name, &weight);
        let ones = (0..HIDDEN).map(|_| 1.0 + spread::NORM * stream.normal());
        [self.tensor(&weight, &[HIDDEN], ones), self.normal(&format!("{name}.bias"), &[HIDDEN], spread::BIAS)]
    }

    /// A tensor of normal numbers times `spread`, from a stream of its own.
    fn normal(&self, name: &str, shape: &[usize], spread: f64) -> Tensor {
        let mut stream = Stream::new(SEED, self.name, name);
        self.tensor(name, shape, (0..shape.iter().product()).map(|_| spread * stream.normal()))
    }

    /// A tensor of `values`, each rounded once.
    fn tensor(&self, name: &str, shape: &[usize], values: impl Iterator<Item = f64>) -> Tensor {
        let bytes = match self.dtype {
            Dtype::F16 => values.flat_map(|x| f16::from_f64(x).to_le_bytes()).collect(),
            _ => values.flat_map(|x| (x as f32).to_le_bytes()).collect(),
        };
        Tensor { name: format!("{}{name}", self.prefix), dtype: self.dtype, shape: shape.to_vec(), bytes }
    }
}

impl Tensor {
    /// The buffer that older BERT checkpoints carry: 0, 1, 2, …, which encoders ignore.
    pub(crate) fn position_ids(name: &str, n: usize) -> Self {
        let bytes = (0..n as i64).flat_map(i64::to_le_bytes).collect();
        Self { name: name.into(), dtype: Dtype::I64, shape: vec![1, n], bytes }
    }
}

impl View for &Tensor {
    fn dtype(&self) -> Dtype {
        self.dtype
    }
    fn shape(&self) -> &[usize] {
        &self.shape
    }
    fn data(&self) -> Cow<'_, [u8]> {
        Cow::Borrowed(&self.bytes)
    }
    fn data_len(&self) -> usize {
        self.bytes.len()
    }
}

impl Tensor {
    /// With other values, each rounded once if it has to be.
    pub(crate) fn with(self, values: impl Iterator<Item = f32>) -> Self {
        let bytes = match self.dtype {
            Dtype::F16 => values.flat_map(|x| f16::from_f32(x).to_le_bytes()).collect(),
            _ => values.flat_map(f32::to_le_bytes).collect(),
        };
        Self { bytes, ..self }
    }
}

/// A safetensors file. Its one entry of metadata is the one that the transformers library insists on.
fn safetensors(tensors: &[Tensor]) -> Result<Vec<u8>> {
    let metadata = [("format".to_owned(), "pt".to_owned())].into();
    Ok(safetensors::serialize(tensors.iter().map(|t| (t.name.as_str(), t)), Some(metadata))?)
}

/// Writes `tensors` in two files, split before the tensor number `at`, with the index that says which is where.
fn write_sharded(folder: &str, tensors: &[Tensor], at: usize, files: &mut Files) -> Result<()> {
    let (first, second) = tensors.split_at(at);
    let mut places = std::collections::BTreeMap::new();
    for (number, shard) in [(1, first), (2, second)] {
        let file = format!("model-{number:05}-of-00002.safetensors");
        files.insert(format!("{folder}/{file}"), safetensors(shard)?);
        places.extend(shard.iter().map(|t| (t.name.as_str(), file.clone())));
    }
    let size: usize = tensors.iter().map(|t| t.bytes.len()).sum();
    let index = json!({"metadata": {"total_size": size}, "weight_map": places});
    files.insert(format!("{folder}/model.safetensors.index.json"), json_file(&index));
    Ok(())
}

/// What sentence-transformers adds to a folder: mean pooling, normalisation, and the length at which texts are cut.
pub(crate) fn sentence_transformer(files: &mut Files) {
    let module = |number: usize, path: &str, kind: &str| -> Value {
        let kind = format!("sentence_transformers.models.{kind}");
        json!({"idx": number, "name": number.to_string(), "path": path, "type": kind})
    };
    let modules =
        json!([module(0, "", "Transformer"), module(1, "1_Pooling", "Pooling"), module(2, "2_Normalize", "Normalize")]);
    let pooling = json!({
        "word_embedding_dimension": HIDDEN,
        "pooling_mode_cls_token": false,
        "pooling_mode_mean_tokens": true,
        "pooling_mode_max_tokens": false,
        "pooling_mode_mean_sqrt_len_tokens": false,
    });
    let length = json!({"max_seq_length": 32, "do_lower_case": false});
    for (name, value) in
        [("modules.json", modules), ("1_Pooling/config.json", pooling), ("sentence_bert_config.json", length)]
    {
        files.insert(name.to_owned(), json_file(&value));
    }
}
