//! Configurations that make no model, or none that this program computes.

use serde_json::{Value, json};

use crate::test::{OUT, Test, assert_refused, numbers};

const CONFIG: &str = "model/config.json";
const MODULES: &str = "model/modules.json";
const LENGTHS: &str = "model/sentence_bert_config.json";

fn teacher() -> Test {
    Test::encode("teacher")
}

fn with(field: &'static str, value: Value) -> Test {
    teacher().json(CONFIG, |config| config[field] = value)
}

fn student_with(field: &'static str, value: Value) -> Test {
    Test::encode("student").json(CONFIG, |config| config[field] = value)
}

fn without(field: &'static str) -> Test {
    teacher().json(CONFIG, |config| _ = config.as_object_mut().unwrap().remove(field))
}

#[test]
fn files_that_are_not_configurations() {
    let deep = "[".repeat(100_000);
    let cases = [
        ("no file", teacher().remove(CONFIG)),
        ("empty", teacher().write(CONFIG, "")),
        ("broken JSON", teacher().write(CONFIG, "{\n  \"model_type\": \"bert\",\n}")),
        ("not UTF-8", teacher().write(CONFIG, b"{\"model_type\": \"b\xe9rt\"}")),
        ("a list", teacher().write(CONFIG, "[1]")),
        ("nested without end", teacher().write(CONFIG, deep)),
        ("no model_type", without("model_type")),
        ("no hidden_size", without("hidden_size")),
        ("no layer_norm_eps", without("layer_norm_eps")),
        ("a line end in a name", with("model_type", json!("gpt\n2"))),
    ];
    assert_refused("errors-config-files", cases);
}

#[test]
fn sizes_and_kinds_that_make_no_model() {
    let cases = [
        ("unknown model_type", with("model_type", json!("t5"))),
        ("unknown activation", with("hidden_act", json!("swish"))),
        ("relative positions", with("position_embedding_type", json!("relative_key"))),
        ("hidden_size 0", with("hidden_size", json!(0))),
        ("hidden_size 10^18", with("hidden_size", json!(1_000_000_000_000_000_000u64))),
        ("hidden_size 1e18", with("hidden_size", json!(1e18))),
        ("hidden_size -64", with("hidden_size", json!(-64))),
        ("heads do not divide", with("num_attention_heads", json!(5))),
        ("no heads", with("num_attention_heads", json!(0))),
        ("layers without end", with("num_hidden_layers", json!(u64::MAX))),
        ("a layer too many", with("num_hidden_layers", json!(3))),
        ("another intermediate_size", with("intermediate_size", json!(1 << 17))),
        ("another width", with("hidden_size", json!(1 << 16))),
        ("another vocabulary", with("vocab_size", json!(1 << 28))),
        ("no positions", with("max_position_embeddings", json!(1))),
        ("more positions", with("max_position_embeddings", json!(1 << 17))),
        ("more types", with("type_vocab_size", json!(1 << 16))),
        ("a pad_token_id that overflows", student_with("pad_token_id", json!(u64::MAX))),
        ("a pad_token_id beyond the positions", student_with("pad_token_id", json!(65))),
        ("a negative epsilon", with("layer_norm_eps", json!(-1e-12))),
    ];
    assert_refused("errors-config", cases);
}

/// The largest sizes that are allowed are still refused by the weights' shapes, before any memory is asked for.
#[test]
fn the_largest_sizes_ask_for_no_memory() {
    let sizes = [("hidden_size", 1 << 16), ("vocab_size", 1 << 28), ("intermediate_size", 1 << 17)];
    let lie = |config: &mut Value| sizes.iter().for_each(|(field, size)| config[field] = json!(size));
    let line = teacher().json(CONFIG, lie).write("texts.txt", "a\n".repeat(100_000)).refused();
    let expected = "its shape is [176, 64], the configuration asks for [268435456, 65536]";
    assert!(line.contains(expected), "{line}");
}

#[test]
fn modules_that_are_not_there_or_unknown() {
    let module =
        |i: usize, field: &'static str, value: &'static str| teacher().json(MODULES, |m| m[i][field] = json!(value));
    let pooling = |field: &'static str| teacher().json("model/1_Pooling/config.json", |m| m[field] = json!(true));
    let none = teacher().json("model/1_Pooling/config.json", |m| m["pooling_mode_mean_tokens"] = json!(false));
    let cases = [
        ("a dense layer", module(1, "type", "sentence_transformers.models.Dense")),
        ("no pooling configuration", module(1, "path", "3_Pooling")),
        ("a pooling configuration elsewhere", module(1, "path", "../1_Pooling")),
        ("a pooling configuration at the root", module(1, "path", "")),
        ("two kinds of pooling", pooling("pooling_mode_cls_token")),
        ("pooling by square root", pooling("pooling_mode_mean_sqrt_len_tokens")),
        ("no kind of pooling", none),
        ("modules are no list", teacher().write(MODULES, "{}")),
    ];
    assert_refused("errors-modules", cases);
}

fn limited(length: Value) -> Test {
    teacher().json(LENGTHS, |lengths| lengths["max_seq_length"] = length)
}

#[test]
fn lengths_that_leave_no_room() {
    let cases = [
        ("max_seq_length 0", limited(json!(0))),
        ("max_seq_length 1", limited(json!(1))),
        ("max_seq_length -5", limited(json!(-5))),
        ("max_seq_length in words", limited(json!("long"))),
    ];
    assert_refused("errors-lengths", cases);
}

/// How many tokens are left of a text of 1,000 words.
fn tokens_left(test: Test) -> usize {
    let out = test.write("texts.txt", "dog ".repeat(1000)).args(["--tokens"]).status(0).read(OUT);
    numbers(&out, "tokens").0[0]
}

#[test]
fn long_texts_are_cut_to_what_the_model_has_positions_for() {
    assert_eq!(tokens_left(limited(json!(1e30))), 64);
    assert_eq!(tokens_left(limited(json!(2))), 2);
    assert_eq!(tokens_left(teacher()), 32);
    assert_eq!(tokens_left(teacher().remove(LENGTHS)), 64);
    assert_eq!(tokens_left(Test::encode("student").remove(LENGTHS)), 64);
}
