//! Snellen as a player: MODEL TEXTS THREADS ISA.

use peers::{Fault, encoder_answer, read_texts, seconds, serve};
use serde_json::{Value, json};
use snellen::data::folder::Folder;
use snellen::encoder::{Batching, How, Model, Wanted};

/// Texts whose gradients at weights are summed.
const BATCH: usize = 32;

fn main() -> Result<(), Fault> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [folder, texts, threads, isa] = &arguments[..] else { return Err("MODEL TEXTS THREADS ISA".into()) };
    rayon::ThreadPoolBuilder::new().num_threads(threads.parse()?).build_global()?;
    peers::force(isa)?;
    let model = Model::open(folder.as_str(), Folder::Disk(folder.into()))?;
    let recipe = model.recipe();
    // Whatever order is asked for, the texts are taken as they come: that is how the program does it.
    let how = How { recipe: &recipe, batching: Batching::default(), first: 0, done: &|_| {} };
    let texts = read_texts(texts)?;
    let mut embed = |_: &str, texts: &[String]| {
        let tokens = model.tokenize(&recipe.prefix, texts)?;
        Ok(model.embed(&tokens, &how)?.into_raw_vec_and_offset().0)
    };
    // Tokeniser and weights are loaded when they are first needed: that is now.
    embed("given", &texts[..1])?;
    serve(|words| match words {
        ["gradients", at] => gradients(&model, &how, &texts, at),
        _ => encoder_answer(words, &texts, &mut embed),
    })
}

/// Forward and backward of direction · embedding of every text: gradients at the word embeddings of tokens, and, if that is asked for, at the weights for each batch. Says
/// the sum of their magnitudes.
fn gradients(model: &Model, how: &How<'_>, texts: &[String], at: &str) -> Result<Value, Fault> {
    let width = model.config().hidden;
    let direction: Vec<f32> = (0..width).map(|i| (((i * 7919 + 13) % 1009) as f64 / 504.5 - 1.0) as f32).collect();
    let mut total = 0.0f64;
    let mut add = |words: &ndarray::Array2<f32>| total += words.iter().map(|x| f64::from(x.abs())).sum::<f64>();
    let taken = seconds(|| {
        if at == "words" {
            let tokens = model.tokenize(&how.recipe.prefix, texts)?;
            let slope = |_: usize, _: &[f32], out: &mut [f32]| out.copy_from_slice(&direction);
            add(&model.embedding_gradients(&tokens, how, None, slope)?.words);
            return Ok(());
        }
        for batch in texts.chunks(BATCH) {
            let tokens = model.tokenize(&how.recipe.prefix, batch)?;
            let slope = |_: usize, states: &[f32], out: &mut [f32]| how.recipe.back(states, direction.clone(), out);
            add(&model.weight_gradients(&tokens, how, None, Wanted::ALL, slope)?.0.words);
        }
        Ok(())
    })?;
    Ok(json!({"seconds": taken, "magnitude": total}))
}
