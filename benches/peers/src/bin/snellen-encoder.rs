//! Snellen as a player: MODEL TEXTS THREADS ISA.

use peers::{Fault, encoder_answer, read_texts, serve};
use snellen::data::folder::Folder;
use snellen::encoder::{Batching, How, Model};

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
    serve(|words| encoder_answer(words, &texts, &mut embed))
}
