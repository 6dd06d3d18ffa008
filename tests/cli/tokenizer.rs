//! Tokenizers that are damaged or belong to another model.

use serde_json::{Value, json};

use crate::test::{Test, assert_refused};

const TOKENIZER: &str = "model/tokenizer.json";

fn teacher() -> Test {
    Test::encode("teacher")
}

fn with(edit: impl FnOnce(&mut Value)) -> Test {
    teacher().json(TOKENIZER, edit)
}

fn template(edit: impl FnOnce(&mut Value)) -> Test {
    with(|tokenizer| edit(&mut tokenizer["post_processor"]))
}

/// Cuts the file off within its decoder.
fn broken_decoder(bytes: &mut Vec<u8>) {
    let at = bytes.windows(9).position(|word| word == b"\"decoder\"").unwrap();
    bytes.truncate(at + 20);
}

#[test]
fn files_that_are_not_tokenizers() {
    let cases = [
        ("no file", teacher().remove(TOKENIZER)),
        ("empty", teacher().write(TOKENIZER, "")),
        ("broken JSON", teacher().bytes(TOKENIZER, |bytes| bytes.truncate(2000))),
        ("not UTF-8", teacher().bytes(TOKENIZER, |bytes| bytes[20] = 0xff)),
        ("broken JSON in the decoder", teacher().bytes(TOKENIZER, broken_decoder)),
        (
            "a broken map of characters",
            with(|t| t["normalizer"] = json!({"type": "Precompiled", "precompiled_charsmap": "AAA"})),
        ),
        ("an unknown kind", with(|t| t["model"]["type"] = json!("Morse"))),
        ("no model", with(|t| t["model"] = Value::Null)),
    ];
    assert_refused("errors-tokenizer-files", cases);
}

#[test]
fn tokens_that_the_model_has_no_rows_for() {
    let unknown_special = template(|p| p["special_tokens"] = json!({}));
    let second = json!([{"Sequence": {"id": "B", "type_id": 0}}]);
    let twice = json!([{"Sequence": {"id": "A", "type_id": 0}}, {"Sequence": {"id": "A", "type_id": 0}}]);
    let nested = with(|t| {
        t["post_processor"] = json!({"type": "Sequence", "processors": [
        {"type": "TemplateProcessing", "single": second.clone(), "pair": [], "special_tokens": {}}]})
    });
    let cases = [
        ("a word too many", with(|t| t["model"]["vocab"]["zebra"] = json!(176))),
        ("an id of 32 bits", with(|t| t["model"]["vocab"]["zebra"] = json!(u32::MAX))),
        ("a special token without a row", template(|p| p["special_tokens"]["[CLS]"]["ids"] = json!([176]))),
        ("a special token that is not there", unknown_special),
        ("more special tokens than room", template(|p| p["special_tokens"]["[CLS]"]["ids"] = json!(vec![2; 40]))),
        ("a second text", template(|p| p["single"] = second)),
        ("a second text, nested", nested),
        ("no token", template(|p| p["single"] = json!([]))),
        (
            "the text again and again",
            template(|p| p["single"] = twice)
                .write("texts.txt", "dog ".repeat(1000))
                .remove("model/sentence_bert_config.json"),
        ),
        (
            "no [UNK]",
            with(|t| _ = t["model"]["vocab"].as_object_mut().unwrap().remove("[UNK]")).write("texts.txt", "日本"),
        ),
    ];
    assert_refused("errors-tokenizer", cases);
}
