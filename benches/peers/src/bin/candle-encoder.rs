//! candle as a player, its default backend on the processor, batches of 32: MODEL TEXTS. Threads: RAYON_NUM_THREADS.

use candle_core::{D, DType, Device, Tensor};
use candle_nn::VarBuilder;
use candle_transformers::models::bert::{BertModel, Config};
use peers::{Fault, encoder_answer, read_texts, serve};
use tokenizers::{Tokenizer, TruncationParams};

const BATCH: usize = 32;

fn main() -> Result<(), Fault> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [folder, texts] = &arguments[..] else { return Err("MODEL TEXTS".into()) };
    let config = config(folder)?;
    let checkpoint = std::fs::read(format!("{folder}/model.safetensors"))?;
    let weights = VarBuilder::from_buffered_safetensors(checkpoint, DType::F32, &Device::Cpu)?;
    let bert = BertModel::load(weights, &config)?;
    let tokenizer = tokenizer(folder)?;
    let texts = read_texts(texts)?;
    let mut embed = |order: &str, texts: &[String]| embed(&bert, &tokenizer, order, texts);
    serve(|words| encoder_answer(words, &texts, &mut embed))
}

/// The model's configuration. candle also asks for settings of training, which not every model states.
fn config(folder: &str) -> Result<Config, Fault> {
    let mut config: serde_json::Value =
        serde_json::from_str(&std::fs::read_to_string(format!("{folder}/config.json"))?)?;
    for setting in ["hidden_dropout_prob", "initializer_range"] {
        if config[setting].is_null() {
            config[setting] = 0.0.into();
        }
    }
    Ok(serde_json::from_value(config)?)
}

/// The model's own tokeniser, which cuts where the model's configuration says.
fn tokenizer(folder: &str) -> Result<Tokenizer, Fault> {
    let settings: serde_json::Value =
        serde_json::from_str(&std::fs::read_to_string(format!("{folder}/sentence_bert_config.json"))?)?;
    let longest = settings["max_seq_length"].as_u64().ok_or("no max_seq_length")?;
    let mut tokenizer = Tokenizer::from_file(format!("{folder}/tokenizer.json")).map_err(|e| e.to_string())?;
    let truncation = TruncationParams { max_length: usize::try_from(longest)?, ..TruncationParams::default() };
    tokenizer.with_truncation(Some(truncation)).map_err(|e| e.to_string())?.with_padding(None);
    Ok(tokenizer)
}

/// Every text's embedding, row after row.
fn embed(bert: &BertModel, tokenizer: &Tokenizer, order: &str, texts: &[String]) -> Result<Vec<f32>, Fault> {
    let lines: Vec<&str> = texts.iter().map(String::as_str).collect();
    let encodings = tokenizer.encode_batch_fast(lines, true).map_err(|e| e.to_string())?;
    let ids: Vec<&[u32]> = encodings.iter().map(|encoding| encoding.get_ids()).collect();
    let mut order_of: Vec<usize> = (0..ids.len()).collect();
    if order == "sorted" {
        order_of.sort_by_key(|text| std::cmp::Reverse(ids[*text].len()));
    }
    let mut out = Vec::new();
    for batch in order_of.chunks(BATCH) {
        let rows = embed_batch(bert, &batch.iter().map(|text| ids[*text]).collect::<Vec<_>>())?;
        let width = rows.len() / batch.len();
        out.resize(ids.len() * width, 0.0);
        for (text, row) in batch.iter().zip(rows.chunks_exact(width)) {
            out[text * width..][..width].copy_from_slice(row);
        }
    }
    Ok(out)
}

/// A padded batch through the model, its mean pooling and L2.
fn embed_batch(bert: &BertModel, texts: &[&[u32]]) -> Result<Vec<f32>, Fault> {
    let longest = texts.iter().map(|ids| ids.len()).max().unwrap_or(0);
    let (mut ids, mut mask) = (Vec::new(), Vec::new());
    for text in texts {
        let padding = longest - text.len();
        ids.extend(text.iter().copied().chain(std::iter::repeat_n(0, padding)));
        mask.extend(std::iter::repeat_n(1u32, text.len()).chain(std::iter::repeat_n(0, padding)));
    }
    let shape = (texts.len(), longest);
    let (ids, mask) = (Tensor::from_vec(ids, shape, &Device::Cpu)?, Tensor::from_vec(mask, shape, &Device::Cpu)?);
    let states = bert.forward(&ids, &ids.zeros_like()?, Some(&mask))?;
    let weight = mask.to_dtype(DType::F32)?.unsqueeze(2)?;
    let mean = states.broadcast_mul(&weight)?.sum(1)?.broadcast_div(&weight.sum(1)?)?;
    let norm = mean.sqr()?.sum_keepdim(D::Minus1)?.sqrt()?;
    Ok(mean.broadcast_div(&norm)?.flatten_all()?.to_vec1()?)
}
