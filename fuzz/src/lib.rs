//! What is done with a stranger's bytes: each target hands them to one reader of the library. The targets of `cargo fuzz` and the test that
//! replays their seeds (`tests/corpus.rs`) share this file.
//!
//! A reader may take the bytes or refuse them; it may not panic, hang or use memory without measure. What it refuses it has to name, and what it takes
//! has to survive being written and read again where there is a writer.

use std::path::{Path, PathBuf};
use std::sync::LazyLock;

use snellen::Result;
use snellen::attack::text::Lexicon;
use snellen::claim::{ClaimFile, Outcome};
use snellen::data::catalogue::Catalogue;
use snellen::data::folder::Folder;
use snellen::data::manifest::Manifest;
use snellen::data::shelf::Found;
use snellen::data::store::Store;
use snellen::data::trec::{Qrels, TrecFile};
use snellen::data::{bitext, fuzzing, links, matrix, text};
use snellen::distill::Config;
use snellen::encoder::{Batching, How, Model, Weights};
use snellen::report::bundle::Bundle;
use snellen::task::clir::Topics;
use snellen::task::lareqa::{Join, Language};
use snellen::task::mewsli::Mewsli;
use snellen::task::xtreme;

/// Runs a reader inside `cargo fuzz`, whose hook takes every panic for a finding: those of the tokenizer library are caught and become errors.
pub fn fuzz(reader: fn(&[u8]), bytes: &[u8]) {
    static HOOK: LazyLock<()> = LazyLock::new(|| {
        let abort = std::panic::take_hook();
        std::panic::set_hook(Box::new(move |panic| {
            if !snellen::encoder::in_tokenizer() {
                abort(panic);
            }
        }));
    });
    LazyLock::force(&HOOK);
    reader(bytes);
}

/// A model as small as one can be, for files that stand in a model's folder: config.json and so on, for what is not fuzzed.
const CONFIG: &str = r#"{"model_type": "bert", "hidden_size": 4, "num_hidden_layers": 1, "num_attention_heads": 1, "intermediate_size": 4,
    "hidden_act": "gelu", "layer_norm_eps": 1e-12, "vocab_size": 8, "max_position_embeddings": 8, "type_vocab_size": 1}"#;
const MODULES: &str = r#"[{"path": "", "type": "sentence_transformers.models.Transformer"},
    {"path": "1_Pooling", "type": "sentence_transformers.models.Pooling"}]"#;
const POOLING: &str = r#"{"pooling_mode_mean_tokens": true}"#;
const TOKENIZER: &str = r###"{"version": "1.0", "pre_tokenizer": {"type": "Whitespace"}, "model": {"type": "WordLevel", "unk_token": "u",
    "vocab": {"u": 0, "a": 1, "b": 2, "c": 3, "d": 4, "e": 5, "f": 6, "g": 7}}}"###;

thread_local! {
    /// A folder of this thread, on which one reader runs at a time.
    static FOLDER: tempfile::TempDir = tempfile::tempdir().expect("a temporary folder");
}

fn folder_of_this_thread() -> PathBuf {
    FOLDER.with(|folder| folder.path().to_owned())
}

fn file(name: &str, bytes: &[u8]) -> PathBuf {
    let path = folder_of_this_thread().join(name);
    std::fs::create_dir_all(path.parent().expect("it is in a folder")).expect("a folder can be made");
    std::fs::write(&path, bytes).expect("a file can be written");
    path
}

/// The folder `name` with these files.
fn folder(name: &str, files: &[(&str, &[u8])]) -> Folder {
    for (path, bytes) in files {
        file(&format!("{name}/{path}"), bytes);
    }
    Folder::Disk(folder_of_this_thread().join(name))
}

fn found(folder: Folder) -> Found {
    Found { name: "fuzzed".to_owned(), digest: String::new(), folder }
}

/// The two files of an input, which a NUL separates.
fn two(bytes: &[u8]) -> (&[u8], &[u8]) {
    let at = bytes.iter().position(|b| *b == 0);
    at.map_or((bytes, &[]), |at| (&bytes[..at], &bytes[at + 1..]))
}

/// What was read; nothing if it was refused, which has to name what.
fn read<T>(result: Result<T>, name: &str) -> Option<T> {
    result.map_err(|e| assert!(e.to_string().contains(name), "it does not name {name}: {e}")).ok()
}

fn path_name(path: &Path) -> &str {
    path.file_name().and_then(|name| name.to_str()).expect("a name of ours")
}

pub fn manifest(bytes: &[u8]) {
    let Ok(text) = std::str::from_utf8(bytes) else { return };
    let Some(manifest) = read(Manifest::parse("m.toml", text), "m.toml") else { return };
    for item in &manifest.files {
        let stays = Path::new(&item.path).components().all(|part| matches!(part, std::path::Component::Normal(_)));
        assert!(stays, "{} leaves its folder", item.path);
    }
}

pub fn claim(bytes: &[u8]) {
    let (Ok(head), Ok(cells)) = (std::str::from_utf8(two(bytes).0), std::str::from_utf8(two(bytes).1)) else { return };
    let Some(claim) = read(ClaimFile::parse("c.toml", head, "c.csv", cells), "c.") else { return };
    let _ = claim.cell_count();
    for cell in claim.numbers().iter().flat_map(|numbers| &numbers.cells) {
        assert!(cell.value.parse::<f64>().is_ok_and(f64::is_finite), "{} is a published number", cell.value);
    }
}

pub fn distillation(bytes: &[u8]) {
    let Ok(text) = std::str::from_utf8(bytes) else { return };
    let Some(config) = read(Config::parse(text, "d.toml", &[]), "d.toml") else { return };
    assert!(config.steps > 0 && config.batch > 0 && !config.bitext.is_empty());
}

pub fn pins(bytes: &[u8]) {
    file("cache/pins.toml", bytes);
    read(Store::new(folder_of_this_thread().join("cache"), Catalogue::default()), "pins.toml");
}

pub fn run(bytes: &[u8]) {
    let file = TrecFile::of_bytes("x.run", bytes.to_vec());
    let count = file.each_query(|_, hits| {
        assert!(hits.iter().all(|hit| !hit.score.is_nan()));
        Ok(hits.len())
    });
    let Some(counts) = read(count, "x.run") else { return };
    assert!(counts.values().all(|count| *count > 0));
}

pub fn qrels(bytes: &[u8]) {
    let Some(qrels) = read(Qrels::read(&TrecFile::of_bytes("x.qrels", bytes.to_vec())), "x.qrels") else { return };
    let lines = qrels.queries().flat_map(|(query, judgements)| {
        judgements.iter().map(move |judgement| format!("{query} 0 {} {}\n", judgement.document, judgement.grade))
    });
    // A query that begins with # stands behind a blank in the file that it came from.
    let again = lines.map(|line| format!(" {line}")).collect::<String>();
    if !again.contains(" #") {
        assert_eq!(Qrels::read(&TrecFile::of("again", &again)).expect("it was just written"), qrels);
    }
}

pub fn texts(bytes: &[u8]) {
    for name in ["x.txt", "x.tsv", "x.jsonl", "x.jsonl.gz"] {
        let path = file(name, bytes);
        read(text::read_documents(&path), name);
        let Some(source) = read(text::Source::open(&path), name) else { continue };
        let Some(texts) = read(source.texts(), name) else { continue };
        // Each text written over itself is the file again.
        let mut again = Vec::new();
        for (i, (text, line)) in texts.iter().zip(source.lines()).enumerate() {
            source.rewrite(i, line, &text.text, &mut again).expect("it was read");
        }
        let again = text::read(&file(&name.replace(".gz", ""), &again)).expect("it was just written");
        if name != "x.txt" {
            assert_eq!(again, texts);
        }
    }
}

pub fn matrix(bytes: &[u8]) {
    for name in ["x.csv", "x.npy", "x.safetensors", "x.csv.gz"] {
        let path = file(name, bytes);
        let Some(array) = read(matrix::read(&path, None), name) else { continue };
        let copy = folder_of_this_thread().join("again.npy");
        matrix::write(&copy, &array, "x", &[]).expect("it can be written");
        let again = matrix::read(&copy, None).expect("it was just written");
        assert_eq!(again.shape(), array.shape());
        assert!(again.iter().zip(&array).all(|(a, b)| a.to_bits() == b.to_bits()));
    }
}

pub fn bitext(bytes: &[u8]) {
    for name in ["x.txt", "x.tsv", "x.txt.gz"] {
        let path = file(name, bytes);
        read(bitext::read(&path, None), name);
    }
    let (one, other) = two(bytes);
    read(bitext::read(&file("x.en", one), Some(&file("x.de", other))), "x.");
}

pub fn links(bytes: &[u8]) {
    let path = file("x.links", bytes);
    for from_one in [false, true] {
        let reading = links::Reading { from_one, reversed: from_one };
        read(links::pharaoh(&path, reading), "x.links");
        read(links::naacl(&path, reading), "x.links");
    }
}

pub fn lexicon(bytes: &[u8]) {
    for name in ["x.tsv", "x.csv", "x.tsv.gz"] {
        let path = file(name, bytes);
        read(Lexicon::read(&path), name);
    }
}

pub fn xquad(bytes: &[u8]) {
    let data = found(folder("xquad", &[("en.json", bytes)]));
    for join in [Join::Blank, Join::None] {
        let Some(language) = read(Language::read(&data, "en", join), "en.json") else { continue };
        let candidates = language.candidates.len();
        assert!(language.questions.iter().flat_map(|question| &question.answers).all(|answer| *answer < candidates));
    }
}

pub fn mewsli(bytes: &[u8]) {
    let (entities, mentions) = two(bytes);
    let files = [("candidate_set_entities.jsonl", entities), ("wikinews_mentions-test.jsonl", mentions)];
    let data = found(folder("mewsli", &files));
    let Some(mewsli) = read(Mewsli::read(&data, "test"), ".jsonl") else { return };
    assert!(mewsli.languages.values().flatten().all(|mention| mention.entity < mewsli.entities.len()));
}

pub fn xtreme(bytes: &[u8]) {
    let (predictions, labels) = two(bytes);
    for (name, bytes) in [("predictions", predictions), ("labels", labels)] {
        for code in xtreme::MEWSLI_X {
            // The smallest files that hold the place of the other languages.
            let bytes = if code == "ar" { bytes } else { br#"{"m": ["e"]}"# };
            file(&format!("{name}/mewslix/test-{code}.json"), bytes);
        }
    }
    let folder = |name: &str| Folder::Disk(folder_of_this_thread().join(name));
    let Some(tasks) = read(xtreme::evaluate(&folder("predictions"), &folder("labels")), "test-ar.json") else { return };
    let values = tasks.iter().flat_map(|task| &task.languages);
    assert!(values.map(|(_, value)| value).all(|value| value.is_nan() || (0.0..=100.0).contains(value)));
}

pub fn bundle(bytes: &[u8]) {
    let path = file("x.zip", bytes);
    let Some(bundle) = read(Bundle::open(&path), "x.zip") else { return };
    let _ = read(bundle.claims(), "x.zip");
    // What it says was found is compared with nothing.
    let _ = read(bundle.compare(&Outcome { claims: Vec::new() }, true), "x.zip");
}

pub fn wheel(bytes: &[u8]) {
    let path = file("x-1-py3-none-any.whl", bytes);
    for size in [None, Some(3)] {
        let mut out = Limited(1 << 24);
        read(fuzzing::wheel(&path, "a/b", size, &mut out), path_name(&path));
    }
}

/// As `fetch` has it, a writer that takes only so much.
struct Limited(usize);

impl std::io::Write for Limited {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0 = self.0.checked_sub(bytes.len()).ok_or_else(|| std::io::Error::other("too long"))?;
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

pub fn q4(bytes: &[u8]) {
    let mut out = Vec::new();
    if read(fuzzing::q4("x.bin", bytes, &mut out), "x.bin").is_none() {
        return;
    }
    let copy = folder("q4", &[("model.safetensors", &out)]);
    assert!(Weights::open(&copy).expect("it was just written").has("embeddings.word_embeddings.weight"));
}

/// A model's folder with some files of another kind than the usual.
fn model(name: &str, files: &[(&str, &[u8])]) -> Folder {
    let usual: [(&str, &[u8]); 4] = [
        ("config.json", CONFIG.as_bytes()),
        ("modules.json", MODULES.as_bytes()),
        ("1_Pooling/config.json", POOLING.as_bytes()),
        ("tokenizer.json", TOKENIZER.as_bytes()),
    ];
    folder(name, &usual);
    folder(name, files)
}

pub fn config(bytes: &[u8]) {
    for name in
        ["config.json", "modules.json", "1_Pooling/config.json", "sentence_bert_config.json", "tokenizer_config.json"]
    {
        let folder = model("config", &[("sentence_bert_config.json", b"{}"), ("tokenizer_config.json", b"{}")]);
        file(&format!("config/{name}"), bytes);
        let Some(config) = read(snellen::encoder::Config::read(&folder), "config") else { continue };
        assert!(config.max_tokens >= 2 && config.hidden.is_multiple_of(config.heads));
    }
}

/// Whatever a model makes of some texts is finite.
fn embeds(folder: Folder) {
    let Some(model) = read(Model::open("fuzzed", folder), "") else { return };
    let recipe = model.recipe();
    let how = How { recipe: &recipe, batching: Batching::default(), first: 0, done: &|_| {} };
    let Some(embeddings) = read(model.embed_texts(&how, &["a", "b c ü", ""]), "") else { return };
    assert!(embeddings.iter().all(|x| x.is_finite()));
}

pub fn checkpoint(bytes: &[u8]) {
    let folder = model("checkpoint", &[("model.safetensors", bytes)]);
    let Some(weights) = read(Weights::open(&folder), "model.safetensors") else { return };
    let _ = weights.iter().count();
    embeds(folder);
}

pub fn index(bytes: &[u8]) {
    let (index, shard) = two(bytes);
    let folder = model("index", &[("model.safetensors.index.json", index), ("a.safetensors", shard), ("b", shard)]);
    if read(Weights::open(&folder), "").is_some() {
        embeds(folder);
    }
}

pub fn tokenizer(bytes: &[u8]) {
    let Some(model) = read(Model::open("fuzzed", tokenizer_folder(bytes)), "") else { return };
    for text in ["a b", "Ünïcödé 東京 😀", "", " \t\u{200b}\u{feff}"] {
        let Some(tokens) = read(model.tokenize("", &[text]), "tokenizer.json") else { return };
        assert!(tokens.text(0).len() <= model.config().max_tokens);
    }
}

fn tokenizer_folder(bytes: &[u8]) -> Folder {
    // There has to be a checkpoint for a digest; it is not read.
    model("tokenizer", &[("tokenizer.json", bytes), ("model.safetensors", b"none")])
}

/// A TREC-style collection of three files.
pub fn collection(bytes: &[u8]) {
    let (qrels, rest) = two(bytes);
    let (queries, corpus) = two(rest);
    let files = [("qrels.txt", qrels), ("queries.tsv", queries), ("corpus.jsonl", corpus)];
    let data = found(folder("collection", &files));
    for topics in read(Topics::of(&data), "").into_iter().flatten() {
        read(topics.read(&data, ""), ".t");
        read(topics.documents(&data, None), "corpus.jsonl");
    }
}
