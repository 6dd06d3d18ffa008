//! Snellen's perturbations as a player: TEXTS.
//!
//! Request: `perturb SPEC PASSES` gives the seconds that all texts take, which lie in memory, as the perturbed ones do: the mean of some passes; one thread.
//! Reading the file is no part of it.

use peers::{Fault, read_texts, seconds, serve};
use snellen::attack::text::{Options, Perturbed, Perturber};

fn main() -> Result<(), Fault> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [texts] = &arguments[..] else { return Err("TEXTS".into()) };
    let texts = read_texts(texts)?;
    serve(|words| {
        let ["perturb", spec, passes] = words else { return Err(format!("no request {}", words.join(" ")).into()) };
        let (spec, passes) = (spec.parse()?, passes.parse::<u32>()?);
        let mut found: Vec<Perturbed> = Vec::new();
        let taken = seconds(|| {
            let perturber = Perturber::new(&spec, 1, &Options::default());
            for _ in 0..passes {
                found = texts.iter().enumerate().map(|(i, text)| perturber.perturb(&i.to_string(), text)).collect();
            }
            Ok(())
        })?;
        if found.len() != texts.len() {
            return Err("texts are missing".into());
        }
        Ok((taken / f64::from(passes)).into())
    })
}
