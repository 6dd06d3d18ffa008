//! The teacher: a BERT of English alone, laid out as all-MiniLM-L6-v2 is, traps included. Its `tokenizer.json` cuts and pads to
//! 16 tokens, which the folder's `max_seq_length` overrides, and it carries a pooler and position ids that nobody uses.

use serde_json::{Map, Value, json};

use super::bitext::{Bitext, Occurrences, by_frequency, runs};
use super::checkpoint::{self, Checkpoint, Encoder, HEADS, HIDDEN, INTERMEDIATE, LAYERS, Tensor};
use super::space::Vector;
use super::{Files, json_file, tokenizer};

const SPECIAL: [&str; 5] = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"];
const POSITIONS: usize = 64;

/// A teacher whose words are what `embed` makes of them.
pub(crate) fn checkpoint(bitext: &Bitext, embed: impl Fn(&str, &Occurrences) -> Vector) -> Checkpoint {
    let vocabulary = vocabulary(bitext);
    let encoder =
        Encoder { name: "teacher", prefix: "", dtype: safetensors::Dtype::F32, positions: POSITIONS, types: 2 };
    let words: Vec<_> = vocabulary.iter().map(|(piece, seen)| embed(piece, seen)).collect();
    let mut tensors = encoder.embeddings(&words);
    tensors.push(Tensor::position_ids("embeddings.position_ids", POSITIONS));
    tensors.extend((0..LAYERS).flat_map(|number| encoder.layer(number)));
    tensors.extend(encoder.pooler());
    let mut others = Files::from([
        ("config.json".to_owned(), json_file(&config(vocabulary.len()))),
        ("tokenizer.json".to_owned(), json_file(&tokenizer(&vocabulary))),
    ]);
    checkpoint::sentence_transformer(&mut others);
    Checkpoint { folder: "teacher", tensors, second_file: None, others }
}

/// Special tokens, the words of the indexed English sentences, and the letters that other words fall apart into.
fn vocabulary(bitext: &Bitext) -> Vec<(String, Occurrences)> {
    let words = bitext
        .pieces(true, |text| text.split_whitespace().flat_map(runs).map(str::to_lowercase).collect::<Vec<String>>());
    let bare = |piece: String| (piece, Occurrences::default());
    let letters: Vec<String> = ('a'..='z').map(String::from).filter(|letter| !words.contains_key(letter)).collect();
    let mut vocabulary: Vec<_> = SPECIAL.map(|token| bare(token.to_owned())).into();
    vocabulary.extend(by_frequency(words));
    vocabulary.extend(letters.into_iter().map(bare));
    vocabulary.extend(('a'..='z').map(|letter| bare(format!("##{letter}"))));
    vocabulary
}

fn config(vocabulary: usize) -> Value {
    json!({
        "architectures": ["BertModel"],
        "attention_probs_dropout_prob": 0.1,
        "hidden_act": "gelu",
        "hidden_dropout_prob": 0.1,
        "hidden_size": HIDDEN,
        "initializer_range": 0.02,
        "intermediate_size": INTERMEDIATE,
        "layer_norm_eps": 1e-12,
        "max_position_embeddings": POSITIONS,
        "model_type": "bert",
        "num_attention_heads": HEADS,
        "num_hidden_layers": LAYERS,
        "pad_token_id": 0,
        "position_embedding_type": "absolute",
        "torch_dtype": "float32",
        "type_vocab_size": 2,
        "vocab_size": vocabulary,
    })
}

fn tokenizer(vocabulary: &[(String, Occurrences)]) -> Value {
    let ids: Map<String, Value> = vocabulary.iter().enumerate().map(|(id, (p, _))| (p.clone(), id.into())).collect();
    json!({
        "version": "1.0",
        "truncation": {"direction": "Right", "max_length": 16, "strategy": "LongestFirst", "stride": 0},
        "padding": {
            "strategy": {"Fixed": 16}, "direction": "Right", "pad_to_multiple_of": null,
            "pad_id": 0, "pad_type_id": 0, "pad_token": "[PAD]",
        },
        "added_tokens": SPECIAL.iter().enumerate().map(|(id, t)| tokenizer::special(id, t)).collect::<Vec<_>>(),
        "normalizer": {
            "type": "BertNormalizer",
            "clean_text": true, "handle_chinese_chars": true, "strip_accents": null, "lowercase": true,
        },
        "pre_tokenizer": {"type": "BertPreTokenizer"},
        "post_processor": tokenizer::template("[CLS]", "[SEP]", [2, 3], &["[SEP]"], 1),
        "decoder": {"type": "WordPiece", "prefix": "##", "cleanup": true},
        "model": {
            "type": "WordPiece", "unk_token": "[UNK]", "continuing_subword_prefix": "##",
            "max_input_chars_per_word": 100, "vocab": ids,
        },
    })
}
