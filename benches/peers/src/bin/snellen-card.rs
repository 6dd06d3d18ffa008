//! Snellen on a card as a player: MODEL TEXTS CARD.
//!
//! `product m k n` and `maxsim queries passages tokens width` say their least seconds within a second, operands on the card; `encode` and `embeddings`
//! as every encoder's.

use std::time::Instant;

use peers::{Fault, encoder_answer, read_texts, serve};
use snellen::data::folder::Folder;
use snellen::encoder::{Batching, How, Model, Order};
use snellen::kernel::cuda::grids::{Grids, Reading};
use snellen::kernel::cuda::product::{Epilogue, product};
use snellen::kernel::cuda::select::max_sim;
use snellen::kernel::cuda::texts::{Length, Texts};
use snellen::kernel::cuda::{Buffer, Device, Faults};
use snellen::kernel::devices::Devices;

/// How long something is done again and again, in seconds, once it was done.
const LONG: f64 = 1.0;

fn main() -> Result<(), Fault> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [folder, texts, card] = &arguments[..] else { return Err("MODEL TEXTS CARD".into()) };
    let device = Device::card(card.parse()?)?;
    let model = Model::open(folder.as_str(), Folder::Disk(folder.into()))?;
    let model = model.on(&Devices::of(vec![device.clone()])?);
    let recipe = model.recipe();
    let batching = Batching { order: Order::Sorted, ..Batching::default() };
    let how = How { recipe: &recipe, batching, first: 0, done: &|_| {} };
    let texts = read_texts(texts)?;
    let mut embed = |_: &str, texts: &[String]| Ok(model.embed_texts(&how, texts)?.into_raw_vec_and_offset().0);
    // What is loaded when it is first needed is loaded now.
    embed("given", &texts[..1])?;
    serve(|words| match words {
        ["product", m, k, n] => Ok(time_product(&device, m.parse()?, k.parse()?, n.parse()?)?.into()),
        ["maxsim", queries, passages, tokens, width] => {
            let shape = [queries, passages, tokens, width].map(|x| x.parse());
            let [queries, passages, tokens, width] = shape;
            Ok(time_max_sim(&device, queries?, passages?, tokens?, width?)?.into())
        }
        _ => encoder_answer(words, &texts, &mut embed),
    })
}

fn numbers(device: &Device, count: usize) -> Result<Buffer<f32>, Fault> {
    let number = |i: usize| ((i * 7919 + 13) % 1009) as f32 / 504.5 - 1.0;
    Ok(device.upload(&(0..count).map(number).collect::<Vec<f32>>())?)
}

/// The least seconds of `work`, which ends when the card has done it.
fn least(mut work: impl FnMut() -> Result<(), Fault>) -> Result<f64, Fault> {
    work()?;
    let (begun, mut least) = (Instant::now(), f64::INFINITY);
    while begun.elapsed().as_secs_f64() < LONG {
        let start = Instant::now();
        work()?;
        least = least.min(start.elapsed().as_secs_f64());
    }
    Ok(least)
}

/// Activations [m, k], put on their grids each time as an encoder does, with a weight [n, k].
fn time_product(device: &Device, m: usize, k: usize, n: usize) -> Result<f64, Fault> {
    let faults = Faults::new(device, 1)?;
    let (activations, weight) = (numbers(device, m * k)?, numbers(device, n * k)?);
    let weight = Grids::of(&weight, n, k, faults.stage(0))?;
    let mut rows = Grids::new(device)?;
    let mut out = device.allocate(m * n)?;
    least(|| {
        rows.fill(&activations, Reading::matrix(m, k), Some(faults.stage(0)))?;
        product(&rows, &weight, &Epilogue::default(), &mut out)?;
        // Waits for the card.
        faults.first()?;
        Ok(())
    })
}

/// Every query with every passage, so many tokens each.
fn time_max_sim(device: &Device, queries: usize, passages: usize, tokens: usize, width: usize) -> Result<f64, Fault> {
    let faults = Faults::new(device, 1)?;
    let side = |texts: usize| -> Result<(Grids, Texts), Fault> {
        let embeddings = numbers(device, texts * tokens * width)?;
        let grids = Grids::of(&embeddings, texts * tokens, width, faults.stage(0))?;
        Ok((grids, Texts::new(device, &vec![Length::from(tokens); texts])?))
    };
    let ((queries, query_texts), (passages, passage_texts)) = (side(queries)?, side(passages)?);
    least(|| {
        max_sim(&queries, &query_texts, &passages, &passage_texts)?;
        faults.first()?;
        Ok(())
    })
}
