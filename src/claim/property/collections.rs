//! What manifests, judgements and configurations say.

use std::collections::BTreeMap;
use std::path::Path;

use super::Finding;
use crate::Result;
use crate::data::levels;
use crate::data::shelf::{Lookup, Shelf};
use crate::distill::{Config, Data};
use crate::task::clir::Topics;

/// Languages of the classes up to this one of Joshi et al. have few resources.
const LOW: u8 = 2;

/// Whether each manifest has its phrase.
pub(super) fn manifests(shelf: &Shelf, say: &[String]) -> Vec<Finding> {
    let find = |phrase: &String| {
        let (data, phrase) = phrase.split_once(": ").expect("checked when the claim was read");
        let said = shelf.manifest(data).map(|manifest| {
            [&manifest.title, &manifest.licence, &manifest.citation].iter().any(|text| text.contains(phrase))
        });
        Finding {
            subject: data.to_owned(),
            measure: "said",
            wanted: "= 1".to_owned(),
            holds: said == Some(true),
            value: said.map(|said| if said { 1.0 } else { 0.0 }).ok_or_else(|| format!("no manifest of {data}")),
            why: Some(phrase.to_owned()),
        }
    };
    say.iter().map(find).collect()
}

/// The most judged queries that a low-resource language has in each collection.
pub(super) fn judged_queries(shelf: &Shelf, data: &[String], below: usize) -> Result<Vec<Finding>> {
    let find = |name: &String| -> Result<Finding> {
        let finding = |value, holds, why| Finding {
            subject: name.clone(),
            measure: "judged-queries",
            wanted: format!("< {below}"),
            value,
            holds,
            why,
        };
        let found = match shelf.look_up(name)? {
            Lookup::Found(found) => found,
            Lookup::Absent(why) => return Ok(finding(Err(why), false, None)),
        };
        let mut counts = Vec::new();
        for topics in Topics::of(&found)? {
            if levels::class(&topics.name).is_some_and(|class| class <= LOW) {
                counts.push((topics.read(&found, "")?.queries.len(), topics.name));
            }
        }
        let each: Vec<String> = counts.iter().map(|(count, language)| format!("{language} {count}")).collect();
        Ok(match counts.iter().map(|(count, _)| *count).max() {
            Some(most) => finding(Ok(most as f64), most < below, Some(each.join(", "))),
            None => finding(Err("no low-resource language in it".to_owned()), false, None),
        })
    };
    data.iter().map(find).collect()
}

/// How many languages a distillation has, and how many of them have few resources.
pub(super) fn languages(folder: &Path, config: &Path, at_least: usize, low_resource: usize) -> Result<Vec<Finding>> {
    let read = Config::read(&folder.join(config), &[])?;
    let mut names: Vec<&str> = read.bitext.iter().map(|source| source.language.as_str()).collect();
    names.sort_unstable();
    names.dedup();
    let low: Vec<&str> =
        names.iter().copied().filter(|name| levels::class(name).is_some_and(|class| class <= LOW)).collect();
    let of = |measure, names: &[&str], least: usize| Finding {
        subject: config.display().to_string(),
        measure,
        wanted: format!(">= {least}"),
        value: Ok(names.len() as f64),
        holds: names.len() >= least,
        why: Some(names.join(", ")),
    };
    Ok(vec![of("languages", &names, at_least), of("low-resource-languages", &low, low_resource)])
}

/// The data sets of a distillation; none where its configuration cannot be read, which whoever checks it is told.
pub(super) fn needs(config: &Path) -> Vec<String> {
    let Ok(read) = Config::read(config, &[]) else { return Vec::new() };
    let held_out = read.held_out.iter().filter_map(|part| part.data.clone());
    read.bitext.iter().filter_map(|source| source.data.clone()).chain(held_out).collect()
}

/// The most pairs that a language of a distillation has.
pub(super) fn bitext(shelf: &Shelf, folder: &Path, config: &Path, at_most: usize) -> Result<Finding> {
    let finding = |value, holds, why| Finding {
        subject: config.display().to_string(),
        measure: "pairs",
        wanted: format!("<= {at_most}"),
        value,
        holds,
        why,
    };
    let path = folder.join(config);
    let read = Config::read(&path, &[])?;
    let held_out = read.held_out.iter().filter_map(|part| part.data.as_ref());
    let needed = read.bitext.iter().filter_map(|source| source.data.as_ref()).chain(held_out);
    for name in needed {
        if let Lookup::Absent(why) = shelf.look_up(name)? {
            return Ok(finding(Err(why), false, None));
        }
    }
    let data = Data::read(&read, shelf, path.parent().unwrap_or(Path::new(".")))?;
    let mut counts: BTreeMap<&str, usize> = BTreeMap::new();
    for part in &data.bitext {
        *counts.entry(&part.language).or_default() += part.pairs.len();
    }
    let most = counts.values().copied().max().unwrap_or_default();
    let each: Vec<String> = counts.iter().map(|(language, count)| format!("{language} {count}")).collect();
    Ok(finding(Ok(most as f64), most <= at_most, Some(each.join(", "))))
}
