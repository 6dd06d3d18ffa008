//! The parts of a `tokenizer.json` that both tokenisers have.

use serde_json::{Value, json};

/// A special token, kept whole and never normalised.
pub(crate) fn special(id: usize, content: &str) -> Value {
    json!({
        "id": id, "content": content,
        "single_word": false, "lstrip": false, "rstrip": false, "normalized": false, "special": true,
    })
}

/// The template that puts `open` before a text and `close` after it; between two texts stand `between`. `ids` are those of
/// `open` and `close`, and `second` is the token type of a pair's second text.
pub(crate) fn template(open: &str, close: &str, ids: [usize; 2], between: &[&str], second: usize) -> Value {
    let token = |text: &str, kind: usize| json!({"SpecialToken": {"id": text, "type_id": kind}});
    let text = |text: &str, kind: usize| json!({"Sequence": {"id": text, "type_id": kind}});
    let mut pair = vec![token(open, 0), text("A", 0)];
    pair.extend(between.iter().map(|t| token(t, 0)));
    pair.extend([text("B", second), token(close, second)]);
    json!({
        "type": "TemplateProcessing",
        "single": [token(open, 0), text("A", 0), token(close, 0)],
        "pair": pair,
        "special_tokens": {
            open: {"id": open, "ids": [ids[0]], "tokens": [open]},
            close: {"id": close, "ids": [ids[1]], "tokens": [close]},
        },
    })
}
