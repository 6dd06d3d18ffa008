//! What `verify --format json` wrote.

use std::path::Path;

use serde::de::Error as _;
use serde::{Deserialize, Deserializer};
use serde_json::value::RawValue;

use super::cells::by_level;
use super::made::Made;
use super::pictures::draw;
use super::{made_of, number};
use crate::claim::catalogue;
use crate::data::{FileFault, digest};
use crate::report::bars::{Bar, Bars};
use crate::report::page::{self, Narrowed, Picture, Section, Table};

#[derive(Deserialize)]
struct Checked {
    schema: u32,
    claims: Vec<Claim>,
}

#[derive(Deserialize)]
struct Claim {
    id: String,
    title: String,
    source: String,
    cells: Vec<Cell>,
}

#[derive(Deserialize)]
struct Cell {
    key: Key,
    published: String,
    #[serde(deserialize_with = "exact")]
    value: Option<f64>,
    digits: usize,
    #[serde(deserialize_with = "known")]
    verdict: String,
    digest: Option<String>,
    why: Option<String>,
}

#[derive(Deserialize)]
struct Key {
    data: String,
    data_sha256: String,
    language: String,
    measure: String,
    model: String,
    model_sha256: String,
    system: String,
    pooling: String,
    prefix: String,
    arith: u32,
}

/// The number that was written: `serde_json` itself may miss its last bit, which is what claims are about.
fn exact<'de, D: Deserializer<'de>>(reader: D) -> Result<Option<f64>, D::Error> {
    let written = Option::<Box<RawValue>>::deserialize(reader)?;
    written.map(|number| number.get().parse().map_err(D::Error::custom)).transpose()
}

/// A verdict that there is: another one would be counted nowhere.
fn known<'de, D: Deserializer<'de>>(reader: D) -> Result<String, D::Error> {
    let name = String::deserialize(reader)?;
    match page::verdict(&name) {
        Some(_) => Ok(name),
        None => Err(D::Error::custom(format!("no verdict is called {name}"))),
    }
}

impl Cell {
    fn printed(&self) -> Option<f64> {
        self.published.parse().ok()
    }

    /// How far off it is, as a share of what rounding allows.
    fn gap(&self) -> Option<f64> {
        let half: f64 = format!("5e-{}", self.digits + 1).parse().ok()?;
        Some((self.value? - self.printed()?).abs() / half)
    }
}

/// A section a claim.
pub(super) fn sections(path: &Path) -> crate::Result<Vec<Section>> {
    let wrong = |e: serde_json::Error| {
        FileFault::content(path.display(), format!("not what `verify --format json` writes: {e}"))
    };
    let bytes = std::fs::read(path).map_err(FileFault::io("read", path))?;
    let checked: Checked = serde_json::from_slice(&bytes).map_err(wrong)?;
    if checked.schema != 1 {
        return Err(FileFault::content(path.display(), "of a version that this program does not know").into());
    }
    let made = made_of(path);
    let made = made.exists().then(|| Made::read(&made)).transpose()?;
    // That of another report, which lay here before, says nothing of this one.
    let made = made.filter(|made| made.of.as_ref() == Some(&digest::of_bytes(&bytes)));
    Ok(checked.claims.iter().map(|claim| section(path, claim, made.as_ref())).collect())
}

fn section(path: &Path, claim: &Claim, made: Option<&Made>) -> Section {
    let mut facts = vec![("source".to_owned(), claim.source.clone())];
    if let Some(Cell { key, .. }) = claim.cells.first() {
        let system = format!("{}, {}, prefix {:?}", key.system, key.pooling, key.prefix);
        for (name, value) in [
            ("model", &key.model),
            ("model sha256", &key.model_sha256),
            ("data", &key.data),
            ("data sha256", &key.data_sha256),
            ("system", &system),
            ("arith", &key.arith.to_string()),
        ] {
            facts.push((name.to_owned(), value.clone()));
        }
    }
    // A file may have the id of a claim that is built in.
    let files = made.is_some_and(|made| made.command.iter().any(|word| word.ends_with(".toml") || word == "--claims"));
    let built_in = catalogue::by_name(&claim.id).is_ok_and(|found| found.is_some());
    let command = match made {
        _ if built_in && !files => ["snellen", "verify", &claim.id].map(str::to_owned).to_vec(),
        Some(made) => made.command.clone(),
        None => {
            facts.push(("claim".to_owned(), "not built in: `snellen verify FILE.toml`, with its file".to_owned()));
            Vec::new()
        }
    };
    facts.extend(made.iter().flat_map(|made| made.facts.clone()));
    let first = claim.cells.first().map_or("", |cell| cell.key.language.as_str());
    Section {
        title: format!("{}: {}", claim.id, claim.title),
        path: path.display().to_string(),
        narrowed: Narrowed::language(first, &command),
        command,
        facts,
        pictures: pictures(claim),
        verdicts: counts(claim),
        tables: vec![cells(claim), remarks(claim)].into_iter().filter(|table| !table.rows.is_empty()).collect(),
    }
}

fn counts(claim: &Claim) -> Vec<(String, usize)> {
    let mut verdicts: Vec<(String, usize)> = Vec::new();
    for Cell { verdict, .. } in &claim.cells {
        match verdicts.iter_mut().find(|(name, _)| name == verdict) {
            Some((_, count)) => *count += 1,
            None => verdicts.push((verdict.clone(), 1)),
        }
    }
    verdicts
}

fn cells(claim: &Claim) -> Table {
    let head = ["language", "measure", "verdict", "published", "ours", "gap", "digest"].map(str::to_owned).to_vec();
    let row = |cell: &Cell| {
        let Cell { key, published, value, verdict, digest, .. } = cell;
        // Where the two are not the same, the difference may be in the last digit.
        let ours = match value {
            Some(value) if matches!(verdict.as_str(), "differs" | "higher") => value.to_string(),
            _ => number(*value),
        };
        let digest: String = digest.iter().flat_map(|digest| digest.chars().take(16)).collect();
        let gap = cell.gap().map_or(String::new(), |gap| format!("{gap:.3}"));
        vec![key.language.clone(), key.measure.clone(), verdict.clone(), published.clone(), ours, gap, digest]
    };
    let title = "Cells; a gap of 1 is all that rounding allows".to_owned();
    Table { title, head, words: 3, rows: claim.cells.iter().map(row).collect() }
}

/// What there is to say of cells; what is said of several stands once.
fn remarks(claim: &Claim) -> Table {
    let mut said: Vec<(&str, Vec<&Key>)> = Vec::new();
    for cell in &claim.cells {
        let Some(why) = &cell.why else { continue };
        match said.iter_mut().find(|(other, _)| other == why) {
            Some((_, keys)) => keys.push(&cell.key),
            None => said.push((why, vec![&cell.key])),
        }
    }
    let row = |(why, keys): &(&str, Vec<&Key>)| {
        let of = match keys[..] {
            [key] => format!("{}, {}", key.language, key.measure),
            _ => format!("{} cells", keys.len()),
        };
        vec![of, (*why).to_owned()]
    };
    Table {
        title: "Remarks".to_owned(),
        head: ["cells", "remark"].map(str::to_owned).to_vec(),
        words: 2,
        rows: said.iter().map(row).collect(),
    }
}

fn pictures(claim: &Claim) -> Vec<Picture> {
    let Some(measure) = claim.cells.iter().find(|cell| cell.gap().is_some()).map(|cell| &cell.key.measure) else {
        return Vec::new();
    };
    let of = claim.cells.iter().filter(|cell| cell.key.measure == *measure);
    let bars = of.filter_map(|cell| Some((cell.key.language.clone(), cell.value?, cell.printed()))).collect();
    let caption =
        format!("{measure}: a bar a language, those with few resources first; a line where the published value stands");
    let close =
        "How close each decision was: how far ours is from what is published, as a share of what rounding allows";
    vec![draw(&caption, &by_level(measure, bars)), draw(close, &closeness(claim))]
}

/// How many decisions were how close.
fn closeness(claim: &Claim) -> Bars {
    const BINS: [(&str, f64); 8] = [
        ("equal", 0.0),
        ("to a hundredth", 0.01),
        ("to a tenth", 0.1),
        ("to a half", 0.5),
        ("to nine tenths", 0.9),
        ("to the edge", 1.0),
        ("to twice it", 2.0),
        ("further off", f64::INFINITY),
    ];
    let gaps: Vec<f64> = claim.cells.iter().filter_map(Cell::gap).collect();
    let mut least = -1.0;
    let bars = BINS.map(|(label, most)| {
        let within = gaps.iter().filter(|gap| **gap > least && **gap <= most).count();
        least = most;
        let group = if most <= 1.0 { "what rounding allows" } else { "more than that" };
        Bar { label: label.to_owned(), group: group.to_owned(), value: within as f64, mark: None }
    });
    Bars { title: format!("{} cells by gap", gaps.len()), bars: bars.into(), decimals: 0 }
}
