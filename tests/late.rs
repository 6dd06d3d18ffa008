//! The late-interaction head on a ColBERT that is made of the fixture teacher: its weights, a projection, and settings whose markers are words of
//! its vocabulary, so that a marked text is a text too.

use std::path::{Path, PathBuf};

use ndarray::{Array2, Axis};
use safetensors::SafeTensors;
use safetensors::tensor::{Dtype, TensorView};
use snellen::data::digest::Digest;
use snellen::data::folder::Folder;
use snellen::encoder::{Batching, How, LateHead, Model, Pooling, Recipe, Side, TokenEmbeddings};
use snellen::kernel::random::Stream;

const WIDTH: usize = 24;
const HIDDEN: usize = 64;

fn teacher(file: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures/teacher").join(file)
}

/// Numbers of one decimal, which Python writes alike.
fn projection() -> Vec<f32> {
    let mut stream = Stream::new(4, "projection", []);
    (0..WIDTH * HIDDEN).map(|_| (stream.index(21).unwrap() as f32 - 10.0) / 8.0).collect()
}

fn colbert(folder: &Path, settings: &str) -> Model {
    for file in ["config.json", "tokenizer.json"] {
        std::fs::copy(teacher(file), folder.join(file)).unwrap();
    }
    std::fs::write(folder.join("artifact.metadata"), settings).unwrap();
    let bytes = std::fs::read(teacher("model.safetensors")).unwrap();
    let tensors = SafeTensors::deserialize(&bytes).unwrap();
    let linear: Vec<u8> = projection().iter().flat_map(|x| x.to_le_bytes()).collect();
    let linear = TensorView::new(Dtype::F32, vec![WIDTH, HIDDEN], &linear).unwrap();
    let all = tensors.iter().chain([("linear.weight", linear)]);
    std::fs::write(folder.join("model.safetensors"), safetensors::serialize(all, None).unwrap()).unwrap();
    Model::open("colbert", Folder::Disk(folder.to_owned())).unwrap()
}

const SETTINGS: &str =
    r#"{"query_token_id": "the", "doc_token_id": "is", "query_maxlen": 10, "doc_maxlen": 8, "dim": 24}"#;

fn recipe(model: &Model) -> Recipe {
    Recipe { pooling: Pooling::None, normalize: false, ..model.recipe() }
}

fn embed(model: &Model, side: Side, texts: &[&str]) -> TokenEmbeddings {
    let recipe = recipe(model);
    let how = How { recipe: &recipe, batching: Batching::default(), first: 0, done: &|_| {} };
    LateHead::of(model).unwrap().embed(model, side, texts, &how).unwrap()
}

/// The states of a text that nothing was done to, projected in f64 and divided by their length.
fn projected(model: &Model, text: &str) -> Vec<Vec<f64>> {
    let recipe = recipe(model);
    let how = How { recipe: &recipe, batching: Batching::default(), first: 0, done: &|_| {} };
    let states = model.embed_tokens(&model.tokenize("", &[text]).unwrap(), &how).unwrap();
    let projection = Array2::from_shape_vec((WIDTH, HIDDEN), projection()).unwrap();
    let row = |state: ndarray::ArrayView1<'_, f32>| {
        let dot = |weights: ndarray::ArrayView1<'_, f32>| {
            state.iter().zip(weights).map(|(x, y)| f64::from(*x) * f64::from(*y)).sum::<f64>()
        };
        let values: Vec<f64> = projection.axis_iter(Axis(0)).map(dot).collect();
        let norm = values.iter().map(|x| x * x).sum::<f64>().sqrt();
        values.into_iter().map(|x| x / norm).collect()
    };
    states.axis_iter(Axis(0)).map(row).collect()
}

/// Every number within 2e-6, which is some units in the last place of the largest: one side rounds to 24-bit grids, the other not.
fn assert_close(ours: &Array2<f32>, expected: &[&[f64]]) {
    assert_eq!(ours.nrows(), expected.len());
    for (ours, expected) in ours.axis_iter(Axis(0)).zip(expected) {
        for (x, y) in ours.iter().zip(expected.iter()) {
            assert!((f64::from(*x) - y).abs() < 2e-6, "{x} {y}");
        }
    }
}

fn refs<'a>(rows: &[&'a Vec<f64>]) -> Vec<&'a [f64]> {
    rows.iter().map(|row| row.as_slice()).collect()
}

#[test]
fn a_query_is_marked_and_filled_up_with_masks_that_its_own_tokens_do_not_see() {
    let folder = tempfile::tempdir().unwrap();
    let model = colbert(folder.path(), SETTINGS);
    let found = embed(&model, Side::Query, &["market milk", ""]);
    assert_eq!(found.offsets, [0, 10, 20]);
    let own = projected(&model, "the market milk");
    assert_eq!(own.len(), 5);
    assert_close(&found.tokens.slice(ndarray::s![..5, ..]).to_owned(), &refs(&own.iter().collect::<Vec<_>>()));
    let empty = projected(&model, "the");
    assert_close(&found.tokens.slice(ndarray::s![10..13, ..]).to_owned(), &refs(&empty.iter().collect::<Vec<_>>()));
    // Masks are tokens too: they differ by their positions.
    assert_ne!(found.tokens.row(5), found.tokens.row(6));

    let attended = SETTINGS.replace("\"dim\"", "\"attend_to_mask_tokens\": true, \"dim\"");
    let other = tempfile::tempdir().unwrap();
    let seen = embed(&colbert(other.path(), &attended), Side::Query, &["market milk"]);
    assert_ne!(seen.tokens.row(1), found.tokens.row(1), "attended masks change the others");
}

#[test]
fn a_query_with_masks_is_what_pytorch_computes() {
    let folder = tempfile::tempdir().unwrap();
    let model = colbert(folder.path(), SETTINGS);
    let found = embed(&model, Side::Query, &["how much milk?", "the teacher"]);
    let values = found.tokens.as_slice().unwrap();
    // The first and the last numbers, and the digest of all. PyTorch in f64 (`transformers`' BertModel, attention mask 0 for the masks, then
    // the projection and `normalize`) gives 0.283295381, -0.016281182, 0.220293590 and 0.413244450, 0.084434939, 0.064183349.
    let [.., x, y, z] = values else { unreachable!() };
    let pytorch = [0.283295381, -0.016281182, 0.220293590, 0.413244450, 0.084434939, 0.064183349];
    for (ours, theirs) in values[..3].iter().chain([x, y, z]).zip(pytorch) {
        // Rounding to 24-bit grids moves single numbers by some units in the last place of the largest.
        assert!((f64::from(*ours) - theirs).abs() < 2e-6, "{ours} {theirs}");
    }
    let shown: Vec<String> = values[..3].iter().chain(&values[values.len() - 3..]).map(f32::to_string).collect();
    insta::with_settings!({ snapshot_path => "../snapshots", prepend_module_to_snapshot => false }, {
        insta::assert_snapshot!("late-query", format!("{}\n{}", shown.join("\n"), Digest::new().f32s(values).hex()));
    });
}

#[test]
fn a_document_is_marked_and_cut_and_loses_its_punctuation() {
    let folder = tempfile::tempdir().unwrap();
    let model = colbert(folder.path(), SETTINGS);
    let found = embed(&model, Side::Document, &["milk. book?", "milk book house city school market teacher"]);
    let own = projected(&model, "is milk. book?");
    // [CLS] is milk . book ? [SEP]
    assert_close(
        &found.tokens.slice(ndarray::s![..found.offsets[1], ..]).to_owned(),
        &refs(&[&own[0], &own[1], &own[2], &own[4], &own[6]]),
    );
    let cut = projected(&model, "is milk book house city school");
    assert_eq!(cut.len(), 8);
    assert_close(
        &found.tokens.slice(ndarray::s![found.offsets[1].., ..]).to_owned(),
        &refs(&cut.iter().collect::<Vec<_>>()),
    );
}

#[test]
fn an_encoder_that_is_no_colbert_serves_with_its_states() {
    let model = Model::open("teacher", Folder::Disk(teacher(""))).unwrap();
    let head = LateHead::of(&model).unwrap();
    assert_eq!((head.name().as_str(), head.width()), ("late", HIDDEN));
    let found = embed(&model, Side::Query, &["market milk.", "the"]);
    assert_eq!(found.offsets, [0, 5, 8]);
    for row in found.tokens.axis_iter(Axis(0)) {
        let square: f64 = row.iter().map(|x| f64::from(*x) * f64::from(*x)).sum();
        assert!((square - 1.0).abs() < 1e-6);
    }
}

#[test]
fn settings_that_cannot_be_used_are_refused() {
    for (settings, what) in [
        (r#"{"query_token_id": "the", "doc_token_id": "is", "similarity": "l2"}"#, "similarity l2 is not supported"),
        (
            r#"{"query_token_id": "the", "doc_token_id": "is", "query_maxlen": 3, "doc_maxlen": 9}"#,
            "query_maxlen is 3, not between 4 and 64",
        ),
        (r#"{"query_token_id": "the", "doc_token_id": "is"}"#, "doc_maxlen is 220, not between 4 and 64"),
        (r#"{"query_maxlen": 9, "doc_maxlen": 9}"#, "the tokeniser has no token [unused0]"),
        ("{", "EOF while parsing"),
    ] {
        let folder = tempfile::tempdir().unwrap();
        let model = colbert(folder.path(), settings);
        let error = LateHead::of(&model).map(|_| ()).unwrap_err().to_string();
        assert!(error.contains("artifact.metadata: ") && error.contains(what), "{error}");
    }
}
