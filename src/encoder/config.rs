//! A model's configuration: architecture, sizes, pooling and truncation, as its folder states them.

use std::collections::BTreeMap;
use std::path::{Component, Path};

use serde::Deserialize;
use serde::de::DeserializeOwned;

use super::EncoderFault;
use super::pooling::Pooling;
use crate::Result;
use crate::data::folder::Folder;
use crate::kernel::product::Activation;

/// Which family of encoders.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Architecture {
    /// Positions count from 0.
    Bert,
    /// RoBERTa and XLM-RoBERTa: positions count from the padding token's id plus one.
    Roberta,
}

/// What a model's folder says about it.
#[derive(Clone, Debug, PartialEq)]
pub struct Config {
    /// BERT or RoBERTa.
    pub architecture: Architecture,
    /// Width of a token's hidden state.
    pub hidden: usize,
    /// How many transformer layers.
    pub layers: usize,
    /// Attention heads; each is `hidden / heads` wide.
    pub heads: usize,
    /// Width of the feed-forward layer.
    pub intermediate: usize,
    /// Activation of the feed-forward layer.
    pub activation: Activation,
    /// LayerNorm's epsilon.
    pub epsilon: f32,
    /// Rows of the word embedding.
    pub vocabulary: usize,
    /// Rows of the position embedding.
    pub positions: usize,
    /// The first token's row in the position embedding.
    pub first_position: usize,
    /// Rows of the token-type embedding; every token is of type 0.
    pub types: usize,
    /// Texts are cut to this many tokens, special ones included.
    pub max_tokens: usize,
    /// How token states become a text's embedding.
    pub pooling: Pooling,
    /// Whether embeddings are divided by their L2 norm.
    pub normalize: bool,
}

/// config.json, as far as it decides an embedding.
#[derive(Deserialize)]
struct Transformer {
    model_type: String,
    hidden_size: usize,
    num_hidden_layers: usize,
    num_attention_heads: usize,
    intermediate_size: usize,
    hidden_act: Activation,
    layer_norm_eps: f64,
    vocab_size: usize,
    max_position_embeddings: usize,
    type_vocab_size: usize,
    #[serde(default)]
    pad_token_id: Option<usize>,
    #[serde(default)]
    is_decoder: bool,
    #[serde(default)]
    position_embedding_type: Option<String>,
}

/// The padding token's id of a RoBERTa whose config.json does not state it, as Hugging Face's RobertaConfig has it.
const ROBERTA_PAD: usize = 1;

/// An entry of modules.json.
#[derive(Deserialize)]
struct Module {
    path: String,
    r#type: String,
}

/// A pooling module's config.json.
#[derive(Deserialize)]
struct PoolingModes {
    /// `pooling_mode_…` and others; a mode that this program has never heard of must not pass as another.
    #[serde(flatten)]
    fields: BTreeMap<String, serde_json::Value>,
}

/// sentence_bert_config.json and tokenizer_config.json, as far as they limit a text's length.
#[derive(Deserialize)]
struct Lengths {
    #[serde(default)]
    max_seq_length: Option<f64>,
    #[serde(default)]
    model_max_length: Option<f64>,
    /// sentence-transformers lowers texts itself where this is true; tokenizer_config.json uses the name for what tokenizer.json does.
    #[serde(default)]
    do_lower_case: bool,
}

impl Config {
    /// Reads the configuration of a folder in the Hugging Face layout.
    ///
    /// # Errors
    /// A file that is missing, is not JSON, or says something that this encoder does not do, naming file and place.
    pub fn read(folder: &Folder) -> Result<Self> {
        let raw: Transformer = json(folder, "config.json")?;
        let refuse =
            |what: String| -> crate::Error { EncoderFault::Config { file: folder.label("config.json"), what }.into() };
        let (architecture, first_position) = match raw.model_type.as_str() {
            "bert" => (Architecture::Bert, 0),
            "roberta" | "xlm-roberta" | "camembert" => {
                (Architecture::Roberta, raw.pad_token_id.unwrap_or(ROBERTA_PAD).saturating_add(1))
            }
            other => {
                return Err(refuse(format!("model_type {other} is not one of bert, roberta, xlm-roberta, camembert")));
            }
        };
        if let Some(kind) = raw.position_embedding_type.as_ref().filter(|kind| *kind != "absolute") {
            return Err(refuse(format!("position_embedding_type {kind} is not supported, only absolute")));
        }
        if raw.is_decoder {
            return Err(refuse("is_decoder is true, only encoders are supported".to_owned()));
        }
        check_sizes(&raw).map_err(refuse)?;
        let longest = raw.max_position_embeddings.checked_sub(first_position).filter(|n| *n >= 2);
        let longest = longest.ok_or_else(|| refuse("max_position_embeddings leaves no room for a token".to_owned()))?;
        let (pooling, normalize) = modules(folder)?;
        Ok(Self {
            architecture,
            hidden: raw.hidden_size,
            layers: raw.num_hidden_layers,
            heads: raw.num_attention_heads,
            intermediate: raw.intermediate_size,
            activation: raw.hidden_act,
            epsilon: raw.layer_norm_eps as f32,
            vocabulary: raw.vocab_size,
            positions: raw.max_position_embeddings,
            first_position,
            types: raw.type_vocab_size,
            max_tokens: max_tokens(folder, longest)?,
            pooling,
            normalize,
        })
    }
}

/// Sizes that make no model, or one that would overflow its exact sums or the memory of any machine.
fn check_sizes(raw: &Transformer) -> Result<(), String> {
    let sizes = [
        ("hidden_size", raw.hidden_size, 1 << 16),
        ("num_hidden_layers", raw.num_hidden_layers, 1 << 12),
        ("num_attention_heads", raw.num_attention_heads, 1 << 12),
        ("intermediate_size", raw.intermediate_size, 1 << 17),
        ("vocab_size", raw.vocab_size, 1 << 28),
        ("max_position_embeddings", raw.max_position_embeddings, 1 << 17),
        ("type_vocab_size", raw.type_vocab_size, 1 << 16),
    ];
    for (name, size, limit) in sizes {
        if size == 0 || size > limit {
            return Err(format!("{name} is {size}, not between 1 and {limit}"));
        }
    }
    if !raw.hidden_size.is_multiple_of(raw.num_attention_heads) {
        return Err(format!(
            "hidden_size {} is not a multiple of num_attention_heads {}",
            raw.hidden_size, raw.num_attention_heads
        ));
    }
    if !(raw.layer_norm_eps >= 0.0 && raw.layer_norm_eps < 1.0) {
        return Err(format!("layer_norm_eps is {}, not between 0 and 1", raw.layer_norm_eps));
    }
    Ok(())
}

/// Pooling and normalisation from modules.json; without one, sentence-transformers' default: mean, not normalised.
fn modules(folder: &Folder) -> Result<(Pooling, bool)> {
    if !folder.has("modules.json") {
        return Ok((Pooling::Mean, false));
    }
    let modules: Vec<Module> = json(folder, "modules.json")?;
    let (mut pooling, mut normalize) = (Pooling::None, false);
    for module in modules {
        if normalize {
            let what = "a module after Normalize is not supported".to_owned();
            return Err(EncoderFault::Config { file: folder.label("modules.json"), what }.into());
        }
        match module.r#type.rsplit('.').next().unwrap_or_default() {
            "Transformer" => {}
            "Pooling" => pooling = pooling_of(folder, &format!("{}/config.json", module.path))?,
            "Normalize" => normalize = true,
            other => {
                let what = format!("module {other} is not supported, only Transformer, Pooling and Normalize");
                return Err(EncoderFault::Config { file: folder.label("modules.json"), what }.into());
            }
        }
    }
    Ok((pooling, normalize))
}

fn pooling_of(folder: &Folder, name: &str) -> Result<Pooling> {
    if !Path::new(name).components().all(|part| matches!(part, Component::Normal(_))) {
        let what = format!("module {name} is not in this folder");
        return Err(EncoderFault::Config { file: folder.label("modules.json"), what }.into());
    }
    let modes: PoolingModes = json(folder, name)?;
    let chosen = |(name, value): (&String, &serde_json::Value)| {
        let mode = name.strip_prefix("pooling_mode_")?;
        (*value == serde_json::Value::Bool(true)).then(|| mode.to_owned())
    };
    let chosen: Vec<String> = modes.fields.iter().filter_map(chosen).collect();
    match chosen.iter().map(String::as_str).collect::<Vec<_>>()[..] {
        ["cls_token"] => Ok(Pooling::Cls),
        ["mean_tokens"] => Ok(Pooling::Mean),
        ["max_tokens"] => Ok(Pooling::Max),
        _ => {
            let what = "exactly one of cls, mean and max pooling must be chosen".to_owned();
            Err(EncoderFault::Config { file: folder.label(name), what }.into())
        }
    }
}

/// The model's own limit on a text's length: sentence_bert_config.json, else tokenizer_config.json, else what positions allow.
/// What tokenizer.json has baked in is not asked: published checkpoints carry limits there that their evaluations did not use.
fn max_tokens(folder: &Folder, positions: usize) -> Result<usize> {
    for (file, field) in
        [("sentence_bert_config.json", "max_seq_length"), ("tokenizer_config.json", "model_max_length")]
    {
        if !folder.has(file) {
            continue;
        }
        let lengths: Lengths = json(folder, file)?;
        if lengths.do_lower_case && field == "max_seq_length" {
            let what = "do_lower_case is true, which is not supported".to_owned();
            return Err(EncoderFault::Config { file: folder.label(file), what }.into());
        }
        let Some(length) = (if field == "max_seq_length" { lengths.max_seq_length } else { lengths.model_max_length })
        else {
            continue;
        };
        if length.is_nan() || length < 2.0 {
            let what = format!("{field} is {length}, which leaves no room for the two special tokens");
            return Err(EncoderFault::Config { file: folder.label(file), what }.into());
        }
        // Tokenisers write 1e30 for "no limit".
        return Ok(if length < positions as f64 { length as usize } else { positions });
    }
    Ok(positions)
}

/// A JSON file of the folder.
pub(super) fn json<T: DeserializeOwned>(folder: &Folder, name: &str) -> Result<T> {
    let text = folder.text(name)?;
    serde_json::from_str(&text)
        .map_err(|e| EncoderFault::Config { file: folder.label(name), what: e.to_string() }.into())
}
