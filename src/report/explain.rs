//! From the published cell to the bytes: everything that a decision rests on, cell by cell, for people.

use std::io::{self, Write};

use super::text::{one_line, shell};
use crate::claim::{Cell, ClaimFile, ClaimOutcome, Content, Printed, Recipe, Verdict, catalogue};

/// Writes a block of lines for each cell of a claim and its outcome; of a claim in a bundle, with the bundle's name.
///
/// # Errors
/// What `out` returns.
pub fn write(claim: &ClaimFile, outcome: &ClaimOutcome, bundle: Option<&str>, out: &mut dyn Write) -> io::Result<()> {
    writeln!(out, "{}: {}", one_line(&claim.id), one_line(&claim.title))?;
    line(out, "kind", &claim.kind.to_string())?;
    line(out, "source", &claim.source.to_string())?;
    for cell in &outcome.cells {
        writeln!(out, "\n{}, {}", one_line(&cell.key.language), one_line(&cell.key.measure))?;
        decision(claim, cell, out)?;
        inputs(claim, cell, bundle, out)?;
    }
    writeln!(out)
}

fn line(out: &mut dyn Write, name: &str, text: &str) -> io::Result<()> {
    writeln!(out, "  {name:<11}{}", one_line(text))
}

fn decision(claim: &ClaimFile, cell: &Cell, out: &mut dyn Write) -> io::Result<()> {
    line(out, "published", &cell.published)?;
    let printed = cell.published.parse::<f64>().ok().filter(|_| claim.numbers().is_some());
    // Half a unit of the last printed digit, read as it is written. More digits than f64 has stand for one number.
    let half: f64 = format!("5e-{}", cell.digits + 1).parse().unwrap_or(0.0);
    let rounded = claim.source.printed == Printed::Rounded && printed.is_some_and(|printed| printed + half > printed);
    if let Some(printed) = printed {
        let edge = |x: f64| format!("{x:.*}", cell.digits + 1);
        let what = if rounded {
            format!("every number from {} to {}, as it is printed", edge(printed - half), edge(printed + half))
        } else {
            "that number alone, with all its digits".to_owned()
        };
        line(out, "stands for", &what)?;
    }
    line(out, "ours", &cell.value.map_or("none".to_owned(), |value| value.to_string()))?;
    if let (Some(printed), Some(value), true) = (printed, cell.value, rounded) {
        let off = (value - printed).abs();
        let to_edge = (half - off).abs();
        line(out, "difference", &format!("{off:.3e}; {to_edge:.3e} from where rounding decides otherwise"))?;
    }
    line(out, "verdict", &format!("{}: {}", cell.verdict.name(), rule(claim, cell)))?;
    cell.why.iter().try_for_each(|why| line(out, "", why))?;
    cell.digest.iter().try_for_each(|digest| line(out, "digest", &format!("{digest} of the ranking and its scores")))
}

/// Why the verdict is what it is.
fn rule(claim: &ClaimFile, cell: &Cell) -> String {
    let tolerance = claim.numbers().and_then(|numbers| numbers.tolerance.as_ref());
    match (&claim.content, cell.verdict) {
        (_, Verdict::Blocked) => "nothing could be computed".to_owned(),
        (Content::Comparison { .. }, Verdict::Reproduced) => {
            "the difference is on the claimed side, and chance does not explain it".to_owned()
        }
        (Content::Comparison { .. }, _) => {
            "the difference is not on the claimed side, or chance may explain it".to_owned()
        }
        (Content::Property { .. }, Verdict::Reproduced) => "it is so".to_owned(),
        (Content::Property { .. }, _) => "it is not so".to_owned(),
        (_, Verdict::Identical) => {
            "recorded by ourselves, with the digest of ranking and scores, which is the same".to_owned()
        }
        (_, Verdict::Reproduced) => "ours shows the printed digits".to_owned(),
        (_, Verdict::Within) => {
            tolerance.map_or(String::new(), |t| format!("no further off than {}: {}", t.value, t.reason))
        }
        (_, Verdict::Higher) => "ours is higher than what the printed digits stand for".to_owned(),
        (_, Verdict::Differs) => "ours, or the digest of its ranking, is another".to_owned(),
    }
}

/// What the number is of, and how anybody makes it again.
fn inputs(claim: &ClaimFile, cell: &Cell, bundle: Option<&str>, out: &mut dyn Write) -> io::Result<()> {
    let key = &cell.key;
    line(out, "data", &format!("{}, sha256 {}", key.data, key.data_sha256))?;
    line(out, "model", &format!("{}, sha256 {}", key.model, key.model_sha256))?;
    let perturbation = key.perturbation.as_deref().unwrap_or("none");
    line(
        out,
        "key",
        &format!(
            "task {}, direction {}, aggregation {}, system {}, pooling {}, prefix {:?}, perturbation {perturbation}, ties {}, arith {}",
            key.task, key.direction, key.aggregation, key.system, key.pooling, key.prefix, key.ties, key.arith
        ),
    )?;
    let words = claim.numbers().map_or_else(
        // It is known by its name if it is built in, else by its file.
        || {
            let file = || bundle.map_or_else(|| claim.written[0].path.display().to_string(), str::to_owned);
            let name = catalogue::names().any(|name| name == claim.id).then(|| claim.id.clone());
            vec!["verify".to_owned(), name.unwrap_or_else(file)]
        },
        |numbers| command(&numbers.recipe, &key.language),
    );
    line(out, "command", &format!("snellen {}", shell(&words)))
}

/// The task by itself, of this language.
fn command(recipe: &Recipe, language: &str) -> Vec<String> {
    let mut words = ["task", "tatoeba", "--model", &recipe.model].map(str::to_owned).to_vec();
    let mut option = |name: &str, value: String| words.extend([format!("--{name}"), value]);
    if let Some(model) = &recipe.document_model {
        option("document-model", model.clone());
    }
    option("data", recipe.data.clone());
    option("languages", language.to_owned());
    option("direction", recipe.direction.to_string());
    option("convention", recipe.convention.to_string());
    if !recipe.prefix.is_empty() {
        option("prefix", recipe.prefix.clone());
    }
    if let Some(pooling) = recipe.pooling {
        option("pooling", pooling.to_string());
    }
    if let Some(layer) = recipe.layer {
        option("layer", layer.to_string());
    }
    words
}
