//! Checkpoints: what is damaged is refused, by file and place; what is only stored otherwise is read.

use half::{bf16, f16};
use serde_json::json;
use snellen::data::tensors::{Dtype, Tensor};

use crate::test::{OUT, Test, WEIGHTS, assert_refused, numbers};

const WORDS: &str = "embeddings.word_embeddings.weight";
const DENSE: &str = "encoder.layer.1.output.dense.weight";
const NORM: &str = "encoder.layer.0.attention.output.LayerNorm.weight";
const INDEX: &str = "model/model.safetensors.index.json";

fn teacher() -> Test {
    Test::encode("teacher")
}

/// The teacher with another length of the header.
fn length(n: u64) -> Test {
    teacher().bytes(WEIGHTS, |bytes| bytes[..8].copy_from_slice(&n.to_le_bytes()))
}

/// The teacher with another entry of a tensor in the header.
fn entry(name: &'static str, field: &'static str, value: serde_json::Value) -> Test {
    teacher().header(|header| header[name][field] = value)
}

/// The student with another entry in its index.
fn shard(file: &'static str) -> Test {
    Test::encode("student").json(INDEX, |index| index["weight_map"]["roberta.embeddings.LayerNorm.bias"] = file.into())
}

#[test]
fn files_that_are_not_safetensors() {
    let cases = [
        ("empty", teacher().write(WEIGHTS, "")),
        ("seven bytes", teacher().write(WEIGHTS, "1234567")),
        ("the last byte is cut off", teacher().bytes(WEIGHTS, |bytes| _ = bytes.pop())),
        ("a byte too many", teacher().bytes(WEIGHTS, |bytes| bytes.push(0))),
        ("only half the header", teacher().bytes(WEIGHTS, |bytes| bytes.truncate(500))),
        ("header length 2^64 - 1", length(u64::MAX)),
        ("header length 200 MB", length(200_000_000)),
        ("header length beyond the file", length(90_000_000)),
        ("header length 0", length(0)),
        ("header is not JSON", teacher().bytes(WEIGHTS, |bytes| bytes[8] = b'[')),
        ("header is not UTF-8", teacher().bytes(WEIGHTS, |bytes| bytes[12] = 0xff)),
        ("no such file", teacher().remove(WEIGHTS)),
    ];
    assert_refused("errors-safetensors", cases);
}

#[test]
fn headers_that_lie() {
    let cases = [
        ("overlapping offsets", entry(NORM, "data_offsets", json!([0, 256]))),
        ("offsets beyond the file", entry(NORM, "data_offsets", json!([1u64 << 40, (1u64 << 40) + 256]))),
        ("offsets backwards", entry(NORM, "data_offsets", json!([256, 0]))),
        ("negative offsets", entry(NORM, "data_offsets", json!([-256, 0]))),
        ("a shape that is not that of its bytes", entry(NORM, "shape", json!([65]))),
        ("a shape whose product overflows", entry(NORM, "shape", json!([1u64 << 33, 1u64 << 33]))),
        ("a type of another size", entry(NORM, "dtype", json!("F64"))),
        ("an unknown type", entry(NORM, "dtype", json!("F31"))),
        ("another shape of the same size", entry(WORDS, "shape", json!([64, 176]))),
        ("one dimension more", entry(NORM, "shape", json!([1, 64]))),
        ("integers of the same size", entry(DENSE, "dtype", json!("I32"))),
    ];
    assert_refused("errors-headers", cases);
}

#[test]
fn tensors_that_cannot_be_used() {
    let cut = |tensor: &mut Tensor<'_>| {
        if tensor.name == DENSE {
            (tensor.shape, tensor.bytes) = (vec![64, 127], tensor.bytes[4 * 64..].to_vec().into());
        }
    };
    let longs = |tensor: &mut Tensor<'_>| {
        if tensor.name == NORM {
            *tensor = Tensor::i64(NORM, &[64], 0..64);
        }
    };
    let lost = |name: &'static str| {
        move |tensor: &mut Tensor<'_>| {
            if tensor.name == name {
                tensor.name.clear();
            }
        }
    };
    let cases = [
        ("a column short", teacher().tensors(cut)),
        ("I64", teacher().tensors(longs)),
        ("no word embeddings", teacher().tensors(lost(WORDS))),
        ("no LayerNorm", teacher().tensors(lost(NORM))),
        ("NaN for the token [CLS]", teacher().value(WORDS, 2 * 64 + 5, f32::NAN)),
        ("infinity for the token [SEP]", teacher().value(WORDS, 3 * 64, f32::INFINITY)),
        ("NaN in a dense weight", teacher().value(DENSE, 1000, f32::NAN)),
        ("minus infinity in a LayerNorm", teacher().value(NORM, 63, f32::NEG_INFINITY)),
        ("NaN in a position", teacher().value("embeddings.position_embeddings.weight", 4095, f32::NAN)),
        ("a LayerNorm that overflows", teacher().value(NORM, 0, f32::MAX)),
        ("a line end in a tensor's name", teacher().header(|header| header["a\nb"] = json!(1))),
    ];
    assert_refused("errors-tensors", cases);
}

#[test]
fn states_whose_mean_overflows() {
    let huge = Test::encode("teacher").value("encoder.layer.1.output.LayerNorm.bias", 0, 3e38);
    let line = huge.remove("model/modules.json").refused();
    assert_eq!(line, "snellen: model: pooling: text 0 gave a value that is not finite\n");
}

#[test]
fn an_index_that_leads_nowhere() {
    let student = || Test::encode("student");
    let cases = [
        ("a missing shard", shard("model-00003-of-00002.safetensors")),
        ("a shard elsewhere", shard("../model-00001-of-00002.safetensors")),
        ("a shard in a folder", shard("1_Pooling/config.json")),
        ("a shard of an absolute path", shard("/absolute.safetensors")),
        ("a shard that is no checkpoint", shard("config.json")),
        ("no shard at all", student().json(INDEX, |index| index["weight_map"] = json!({}))),
        ("no map", student().write(INDEX, "{}")),
        ("broken JSON", student().write(INDEX, "{\"weight_map\": {\n\"a\": 1}}")),
        ("a tensor in two shards", {
            let twin = std::fs::read(student().path("model/model-00001-of-00002.safetensors")).unwrap();
            shard("twin.safetensors").write("model/twin.safetensors", twin)
        }),
    ];
    assert_refused("errors-index", cases);
}

/// A NaN in a row that no text uses is nobody's.
#[test]
fn rows_that_are_not_used_may_hold_anything() {
    let plain = teacher().status(0).read(OUT);
    let odd = teacher().value(WORDS, 4 * 64, f32::NAN).status(0).read(OUT);
    assert_eq!(numbers(&odd, "embeddings"), numbers(&plain, "embeddings"));
}

/// The teacher with every weight rounded to 16 bits by `to`, and stored as 16 bits or as 32.
fn rounded(to: impl Fn(f32) -> (u16, f32), dtype: Dtype) -> (Vec<usize>, Vec<f32>) {
    let test = teacher().tensors(|tensor| {
        if tensor.dtype == Dtype::I64 {
            return;
        }
        let (values, _) = tensor.bytes.as_chunks::<4>();
        let values = values.iter().map(|b| to(f32::from_le_bytes(*b)));
        tensor.bytes = match dtype {
            Dtype::F32 => values.flat_map(|(_, wide)| wide.to_le_bytes()).collect(),
            _ => values.flat_map(|(bits, _)| bits.to_le_bytes()).collect(),
        };
        tensor.dtype = dtype;
    });
    numbers(&test.status(0).read(OUT), "embeddings")
}

#[test]
fn half_precision_is_widened_exactly() {
    let to_bf16 = |x| (bf16::from_f32(x).to_bits(), bf16::from_f32(x).to_f32());
    let to_f16 = |x| (f16::from_f32(x).to_bits(), f16::from_f32(x).to_f32());
    let (narrow, half) = (rounded(to_bf16, Dtype::BF16), rounded(to_f16, Dtype::F16));
    assert_eq!(narrow, rounded(to_bf16, Dtype::F32));
    assert_eq!(half, rounded(to_f16, Dtype::F32));
    assert_ne!(narrow, half);
    assert_eq!(rounded(|x| (0, x), Dtype::F32), numbers(&teacher().status(0).read(OUT), "embeddings"));
}
