//! What comes of aligned pairs: tables, files, pictures.

use std::collections::BTreeMap;
use std::io::Write as _;
use std::path::Path;

use serde_json::{Map, Value, json};
use snellen::data::atomic;
use snellen::data::digest::Digest;
use snellen::data::links::Links;
use snellen::data::tensors::{self, Tensor};
use snellen::encoder::{Model, Recipe};
use snellen::kernel::ARITH;
use snellen::metric::alignment::Counts;
use snellen::metric::representation::Representation;
use snellen::report::heatmap::{self, HeatMap};
use snellen::task::align::{Aligned, Found, Lexicon};

use super::Args;
use crate::cli::task::csv;
use crate::cli::{Failure, Machine};

/// Collects pairs.
#[derive(Default)]
pub(super) struct Results {
    /// Pairs of which a side has no words.
    pub(super) empty: usize,
    /// Words without tokens.
    pub(super) cut: usize,
    /// Pairs on which the solver did not reach what it was after.
    pub(super) unreached: usize,
    /// How alike both sides' embeddings are, if that was asked for.
    pub(super) representation: Option<Representation>,
    pairs: usize,
    /// Sums, and how many pairs have it.
    sums: BTreeMap<&'static str, (f64, usize)>,
    links: usize,
    counts: Counts,
    digest: Digest,
    rows: Vec<Vec<String>>,
    alignments: String,
    lexicon: Lexicon,
    plans: Vec<Tensor<'static>>,
}

/// What is measured of every pair, in the order of columns.
const MEASURES: [&str; 12] = [
    "loss",
    "entropy",
    "sharpness",
    "monotonicity",
    "coverage_source",
    "coverage_target",
    "null_mass",
    "linked_distance",
    "mean_distance",
    "iterations",
    "marginal_error",
    "duality_gap",
];

fn measures(found: &Found) -> [Option<f64>; MEASURES.len()] {
    let (transport, measures) = (&found.transport, &found.measures);
    let [source, target] = measures.coverage;
    [
        Some(transport.cost),
        Some(measures.entropy),
        Some(measures.sharpness),
        measures.monotonicity,
        Some(source),
        Some(target),
        Some(measures.null_mass),
        measures.linked_distance,
        Some(measures.mean_distance),
        Some(transport.iterations as f64),
        Some(transport.marginal_error),
        transport.duality_gap,
    ]
}

fn rates(counts: &Counts) -> [(&'static str, f64); 3] {
    [("precision", counts.precision()), ("recall", counts.recall()), ("aer", counts.error_rate())]
}

impl Results {
    /// Takes note of a pair; its picture is written at once.
    pub(super) fn take(
        &mut self,
        args: &Args,
        aligned: &Aligned,
        gold: Option<&BTreeMap<String, Links>>,
    ) -> Result<(), Failure> {
        self.pairs += 1;
        let links = aligned.links();
        let gold = gold.and_then(|gold| gold.get(&aligned.id));
        let mut row = vec![aligned.id.clone()];
        row.extend(aligned.words.iter().map(|words| words.len().to_string()));
        match &aligned.found {
            Some(found) => {
                for (name, value) in MEASURES.into_iter().zip(measures(found)) {
                    row.push(value.map_or_else(String::new, number));
                    if let Some(value) = value {
                        let (sum, count) = self.sums.entry(name).or_default();
                        (*sum, *count) = (*sum + value, *count + 1);
                    }
                }
                row.push(found.cut.to_string());
                self.cut += found.cut;
                row.push(found.transport.status.to_string());
                self.unreached += usize::from(!found.transport.status.reached());
                self.digest.field(found.transport.digest());
                if args.plans {
                    self.keep_plan(&aligned.id, found);
                }
            }
            None => {
                row.extend(MEASURES.map(|_| String::new()));
                row.extend(["", "empty"].map(str::to_owned));
                self.empty += 1;
            }
        }
        match gold {
            Some(gold) => {
                let mut counts = Counts::default();
                counts.add(&links, gold);
                self.counts.add(&links, gold);
                row.extend(rates(&counts).map(|(_, rate)| number(rate)));
            }
            None => row.extend(["", "", ""].map(str::to_owned)),
        }
        self.rows.push(row);
        self.links += links.sure.len();
        let written: Vec<String> = links.sure.iter().map(|(i, j)| format!("{i}-{j}")).collect();
        self.digest.field(written.join(" "));
        self.alignments += &(written.join(" ") + "\n");
        self.lexicon.add(aligned);
        if args.draws(&aligned.id) {
            draw(args, aligned, gold)?;
        }
        Ok(())
    }

    fn keep_plan(&mut self, id: &str, found: &Found) {
        let plan = &found.transport.plan;
        self.plans.push(Tensor::f64(format!("{id}.plan"), plan.shape(), plan.iter().copied()));
        for (side, words) in ["source_words", "target_words"].iter().zip(&found.word_of) {
            let words = words.iter().map(|word| *word as i64);
            self.plans.push(Tensor::i64(format!("{id}.{side}"), &[words.len()], words));
        }
    }

    /// Writes the files and prints the summary.
    pub(super) fn finish(&self, args: &Args, models: [&Model; 2], recipes: &[Recipe; 2]) -> Result<(), Failure> {
        let summary = self.summary(args, models, recipes);
        if let Some(folder) = &args.output {
            self.write(args, folder, &summary)?;
        }
        let mut out = std::io::stdout().lock();
        match args.format {
            Machine::Json => writeln!(out, "{summary:#}")?,
            Machine::Table => {
                for (name, value) in summary.as_object().into_iter().flatten().filter(|(name, _)| *name != "schema") {
                    table(&mut out, name, value)?;
                }
            }
        }
        Ok(())
    }

    fn summary(&self, args: &Args, models: [&Model; 2], recipes: &[Recipe; 2]) -> Value {
        let side = |side: usize| {
            let (model, recipe) = (models[side], &recipes[side]);
            json!({"name": model.name(), "sha256": model.digest(), "layer": recipe.layer, "prefix": recipe.prefix})
        };
        let means: Map<String, Value> = MEASURES
            .iter()
            .filter_map(|name| self.sums.get(name).map(|(sum, count)| ((*name).to_owned(), json!(sum / *count as f64))))
            .collect();
        let mut summary = json!({
            "schema": 1,
            "teacher": side(0),
            "student": side(1),
            "solver": args.solving.described(),
            "distance": args.distance.to_string(),
            "masses": args.masses.to_string(),
            "arith": ARITH,
            "pairs": self.pairs,
            "empty": self.empty,
            "words_without_tokens": self.cut,
            "unreached": self.unreached,
            "links": self.links,
            "means": means,
        });
        if args.gold.is_some() {
            let rates: Map<String, Value> =
                rates(&self.counts).into_iter().map(|(name, rate)| (name.to_owned(), json!(rate))).collect();
            summary["gold"] = rates.into();
        }
        if let Some(representation) = &self.representation {
            summary["representation"] = json!(representation);
        }
        summary["digest"] = self.digest.hex().into();
        summary
    }

    fn write(&self, args: &Args, folder: &Path, summary: &Value) -> Result<(), Failure> {
        let header: Vec<&str> = ["id", "source_words", "target_words"]
            .into_iter()
            .chain(MEASURES)
            .chain(["words_without_tokens", "status", "precision", "recall", "aer"])
            .collect();
        atomic::write(&folder.join("pairs.csv"), &csv(&header, &self.rows)?)?;
        atomic::write(&folder.join("alignments.txt"), self.alignments.as_bytes())?;
        atomic::write(&folder.join("summary.json"), format!("{summary:#}\n").as_bytes())?;
        let mut lexicon = String::from("source\ttarget\tcount\tscore\n");
        for entry in self.lexicon.entries() {
            lexicon += &format!("{}\t{}\t{}\t{}\n", entry.source, entry.target, entry.count, entry.score);
        }
        atomic::write(&folder.join("lexicon.tsv"), lexicon.as_bytes())?;
        if args.plans {
            let metadata = [("arith", ARITH.to_string()), ("sha256", self.digest.hex())];
            tensors::write(&folder.join("plans.safetensors"), &self.plans, &metadata)?;
        }
        Ok(())
    }
}

/// A number with all its digits, and with an exponent where that is shorter.
fn number(value: f64) -> String {
    let (plain, short) = (format!("{value}"), format!("{value:e}"));
    if plain.len() <= short.len() + 2 { plain } else { short }
}

/// A line a value, those of an object under its name.
fn table(out: &mut dyn std::io::Write, name: &str, value: &Value) -> Result<(), Failure> {
    match value {
        Value::Object(values) => {
            values.iter().try_for_each(|(inner, value)| table(out, &format!("{name}.{inner}"), value))
        }
        Value::String(text) => Ok(writeln!(out, "{name:<40}{text}")?),
        _ => Ok(writeln!(out, "{name:<40}{value}")?),
    }
}

/// A file's name for a pair's picture.
pub(super) fn picture(id: &str) -> String {
    let safe = |c: char| if c.is_alphanumeric() || matches!(c, '.' | '-' | '_') { c } else { '_' };
    let name: String = id.chars().map(safe).collect();
    // No hidden files.
    let shown = name.strip_prefix('.').map_or_else(|| name.clone(), |rest| format!("_{rest}"));
    shown + ".svg"
}

fn draw(args: &Args, aligned: &Aligned, gold: Option<&Links>) -> Result<(), Failure> {
    let (Some(folder), Some(found)) = (&args.output, &aligned.found) else { return Ok(()) };
    let plan = found.word_plan(aligned.words.each_ref().map(Vec::len));
    let title = format!("{}: {}, cost {:.4}", aligned.id, args.solving.described(), found.transport.cost);
    let map = HeatMap { title: &title, words: &aligned.words, plan: plan.view(), links: &found.links, gold };
    let mut svg = Vec::new();
    heatmap::write(&map, &mut svg)?;
    Ok(atomic::write(&folder.join(picture(&aligned.id)), &svg)?)
}
