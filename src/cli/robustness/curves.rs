//! The measure against the amount, where a kind was asked for with several.

use snellen::attack::text::{Amount, Kind, Spec};
use snellen::report::curve::{self, Chart, Point, Series};

use super::Plan;
use super::results::Group;
use super::subjects::Read;
use crate::cli::Failure;
use crate::cli::task::csv;

/// What amounts count.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Unit {
    Share,
    Edits,
}

const UNITS: [Unit; 2] = [Unit::Share, Unit::Edits];

impl Unit {
    fn name(self) -> &'static str {
        match self {
            Self::Share => "share of units edited",
            Self::Edits => "edits",
        }
    }
}

/// A spec of one step: its kind, and how much of it.
fn amount(spec: &Spec) -> Option<(Kind, Unit, f64)> {
    match spec.steps() {
        [step] => match step.amount? {
            Amount::Share(share) => Some((step.kind, Unit::Share, share)),
            Amount::Edits(edits) => Some((step.kind, Unit::Edits, edits as f64)),
        },
        _ => None,
    }
}

/// The kinds that were asked for with several amounts of a unit, in the order of the specs.
fn kinds(specs: &[Spec], unit: Unit) -> Vec<Kind> {
    let all: Vec<Kind> =
        specs.iter().filter_map(amount).filter(|(_, of, _)| *of == unit).map(|(kind, ..)| kind).collect();
    let first = |i: usize| !all[..i].contains(&all[i]) && all[i + 1..].contains(&all[i]);
    (0..all.len()).filter(|i| first(*i)).map(|i| all[i]).collect()
}

/// The units of which there are lines; shares and edits have no axis in common.
fn units(specs: &[Spec]) -> impl Iterator<Item = Unit> + '_ {
    UNITS.into_iter().filter(|unit| !kinds(specs, *unit).is_empty())
}

/// The pictures of the units: the first is `curve.svg`.
const PICTURES: [&str; 2] = ["curve.svg", "curve-edits.svg"];

/// The files that will be written.
pub(super) fn files(specs: &[Spec]) -> Vec<&'static str> {
    let pictures: Vec<&str> = units(specs).zip(PICTURES).map(|(_, picture)| picture).collect();
    let table = (!pictures.is_empty()).then_some("curve.csv");
    pictures.into_iter().chain(table).collect()
}

/// The files with their content, averaged over languages; from the clean value on, with the range of the seeds.
pub(super) fn draw(groups: &[Group], plan: &Plan, read: &Read) -> Result<Vec<(&'static str, Vec<u8>)>, Failure> {
    let (mut files, mut rows) = (Vec::new(), Vec::new());
    for (unit, picture) in units(&plan.specs).zip(PICTURES) {
        let series: Vec<Series> = kinds(&plan.specs, unit).into_iter().map(|kind| line(groups, kind, unit)).collect();
        for series in &series {
            for point in &series.points {
                let [low, high] = point.range.unwrap_or([point.y; 2]);
                let numbers = [point.x, point.y, low, high].map(|x| x.to_string());
                let names = [series.name.clone(), unit.name().to_owned()];
                rows.push(names.into_iter().chain(numbers).collect());
            }
        }
        let languages = groups.first().map_or(0, |group| group.languages);
        let title = format!("{}, {} languages, {} seeds", read.measure, languages, plan.seeds.len());
        let chart = Chart { title, x: unit.name().to_owned(), y: read.measure.clone(), series };
        let mut svg = Vec::new();
        curve::write(&chart, &mut svg)?;
        files.push((picture, svg));
    }
    if !files.is_empty() {
        files.push(("curve.csv", csv(&["kind", "unit", "amount", "mean", "least", "greatest"], &rows)?));
    }
    Ok(files)
}

/// A kind's line, from the clean value on by growing amount.
fn line(groups: &[Group], kind: Kind, unit: Unit) -> Series {
    let all = groups.iter().filter(|group| group.name == "all");
    let of_kind = all.filter_map(|group| match amount(&group.spec) {
        Some((of, counted, amount)) if of == kind && counted == unit => Some((amount, &group.found)),
        _ => None,
    });
    let mut points = Vec::new();
    for (x, found) in of_kind {
        if points.is_empty() {
            points.push(Point { x: 0.0, y: found.clean, range: None });
        }
        let seeds = || found.seeds.iter().map(|seed| seed.value);
        let range = [seeds().fold(f64::INFINITY, f64::min), seeds().fold(f64::NEG_INFINITY, f64::max)];
        points.push(Point { x, y: found.mean, range: Some(range) });
    }
    points.sort_by(|a, b| a.x.total_cmp(&b.x));
    Series { name: kind.to_string(), points }
}
