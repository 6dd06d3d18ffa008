//! The student: an XLM-RoBERTa of all the bitext's languages, laid out as the masked language model's checkpoints are: names
//! that begin with `roberta.`, in f16, in two files, positions counted from 2.

use serde_json::{Value, json};

use super::bitext::{Bitext, Occurrences, by_frequency, runs};
use super::checkpoint::{self, Checkpoint, Encoder, HEADS, HIDDEN, INTERMEDIATE, LAYERS};
use super::{Files, json_file, space, tokenizer};

const SPECIAL: [&str; 4] = ["<s>", "<pad>", "</s>", "<unk>"];
const PAD: usize = 1;
const MASK: &str = "<mask>";
/// 64 of them can be used: the first is the one after padding's.
const POSITIONS: usize = 64 + PAD + 1;
/// What SentencePiece writes for a space.
const SPACE: char = '▁';
/// How often a character counts that is there only so that every text can be spelt.
const RARE: f64 = 0.02;

/// The student before it has learnt anything: its words are noise.
pub(crate) fn untaught(bitext: &Bitext) -> Checkpoint {
    let vocabulary = vocabulary(bitext);
    let encoder =
        Encoder { name: "student", prefix: "roberta.", dtype: safetensors::Dtype::F16, positions: POSITIONS, types: 1 };
    let mut words: Vec<_> = vocabulary.iter().map(|(piece, _)| space::noise("student", piece)).collect();
    words[PAD] = [0.0; HIDDEN];
    let mut tensors = encoder.embeddings(&words);
    tensors.extend(encoder.layer(0));
    let second_file = Some(tensors.len());
    tensors.extend((1..LAYERS).flat_map(|number| encoder.layer(number)));
    let mut others = Files::from([
        ("config.json".to_owned(), json_file(&config(vocabulary.len()))),
        ("tokenizer.json".to_owned(), json_file(&tokenizer(&vocabulary))),
    ]);
    checkpoint::sentence_transformer(&mut others);
    Checkpoint { folder: "student", tensors, second_file, others }
}

/// Special tokens, the words of the indexed sentences in every language, and every character.
fn vocabulary(bitext: &Bitext) -> Vec<(String, Occurrences)> {
    let words = bitext.pieces(false, split);
    let bare = |piece: String| (piece, Occurrences::default());
    let characters: Vec<String> = bitext
        .characters()
        .into_iter()
        .chain([SPACE])
        .map(String::from)
        .filter(|character| !words.contains_key(character))
        .collect();
    let mut vocabulary: Vec<_> = SPECIAL.map(|token| bare(token.to_owned())).into();
    vocabulary.extend(by_frequency(words));
    vocabulary.extend(characters.into_iter().chain([MASK.to_owned()]).map(bare));
    vocabulary
}

/// A text's pieces: words, the space before them included, and punctuation.
fn split(text: &str) -> Vec<String> {
    let piece = |(number, run): (usize, &str)| if number == 0 { format!("{SPACE}{run}") } else { run.to_owned() };
    text.split_whitespace().flat_map(|word| runs(word).into_iter().enumerate().map(piece)).collect()
}

fn config(vocabulary: usize) -> Value {
    json!({
        "architectures": ["XLMRobertaModel"],
        "attention_probs_dropout_prob": 0.1,
        "bos_token_id": 0,
        "eos_token_id": 2,
        "hidden_act": "gelu_new",
        "hidden_dropout_prob": 0.1,
        "hidden_size": HIDDEN,
        "initializer_range": 0.02,
        "intermediate_size": INTERMEDIATE,
        "layer_norm_eps": 1e-5,
        "max_position_embeddings": POSITIONS,
        "model_type": "xlm-roberta",
        "num_attention_heads": HEADS,
        "num_hidden_layers": LAYERS,
        "pad_token_id": PAD,
        "position_embedding_type": "absolute",
        "torch_dtype": "float16",
        "type_vocab_size": 1,
        "vocab_size": vocabulary,
    })
}

fn tokenizer(vocabulary: &[(String, Occurrences)]) -> Value {
    let mut specials: Vec<_> = SPECIAL.iter().enumerate().map(|(id, token)| tokenizer::special(id, token)).collect();
    specials.push(tokenizer::special(vocabulary.len() - 1, MASK));
    json!({
        "version": "1.0",
        "truncation": null,
        "padding": null,
        "added_tokens": specials,
        "normalizer": {"type": "NFKC"},
        "pre_tokenizer": {"type": "Metaspace", "replacement": SPACE, "prepend_scheme": "always", "split": true},
        "post_processor": tokenizer::template("<s>", "</s>", [0, 2], &["</s>", "</s>"], 0),
        "decoder": {"type": "Metaspace", "replacement": SPACE, "prepend_scheme": "always", "split": true},
        "model": {"type": "Unigram", "unk_id": 3, "vocab": log_probabilities(vocabulary), "byte_fallback": false},
    })
}

/// Each piece with the logarithm of its share of all occurrences, to four decimals; special tokens have 0.
fn log_probabilities(vocabulary: &[(String, Occurrences)]) -> Vec<(&str, f64)> {
    let total: u32 = vocabulary.iter().map(|(_, seen)| seen.count).sum();
    let score = |(id, (piece, seen)): (usize, &(String, Occurrences))| -> f64 {
        if id < SPECIAL.len() || piece == MASK {
            return 0.0;
        }
        let count = if seen.count == 0 { RARE } else { f64::from(seen.count) };
        (ln(count / f64::from(total)) * 1e4).round() / 1e4
    };
    vocabulary.iter().enumerate().map(|entry| (entry.1.0.as_str(), score(entry))).collect()
}

/// The natural logarithm of a positive, normal number to about 14 digits, by arithmetic alone: x = m·2^e with m in [1, 2), and
/// ln m = 2 artanh((m − 1)/(m + 1)) as a power series.
fn ln(x: f64) -> f64 {
    let exponent = ((x.to_bits() >> 52) & 0x7ff) as i32 - 1023;
    let mantissa = f64::from_bits((x.to_bits() & ((1 << 52) - 1)) | (1023 << 52));
    let t = (mantissa - 1.0) / (mantissa + 1.0);
    let (mut power, mut series) = (t, 0.0);
    for odd in (1..32).step_by(2) {
        series += power / f64::from(odd);
        power = power * t * t;
    }
    f64::from(exponent) * std::f64::consts::LN_2 + 2.0 * series
}
