//! XTREME's files of predictions and labels, and its evaluation of them (google-research/xtreme, evaluate.py and third_party/utils_mewslix.py).
//!
//! Tatoeba: `tatoeba/test-LANG.tsv`, a line for each English sentence in the order of these sentences, the line (from 0) of the foreign one.
//! Mewsli-X: `mewslix/test-LANG.json`, an object from the ids of mentions to lists of entities.

use std::collections::HashMap;

use crate::Result;
use crate::data::FileFault;
use crate::data::folder::Folder;
use crate::metric::mean_reciprocal_rank;

/// XTREME's 36 languages of Tatoeba, in the order in which it adds them up, with LASER's codes.
pub const TATOEBA: [(&str, &str); 36] = [
    ("ar", "ara"),
    ("he", "heb"),
    ("vi", "vie"),
    ("id", "ind"),
    ("jv", "jav"),
    ("tl", "tgl"),
    ("eu", "eus"),
    ("ml", "mal"),
    ("ta", "tam"),
    ("te", "tel"),
    ("af", "afr"),
    ("nl", "nld"),
    ("de", "deu"),
    ("el", "ell"),
    ("bn", "ben"),
    ("hi", "hin"),
    ("mr", "mar"),
    ("ur", "urd"),
    ("fa", "pes"),
    ("fr", "fra"),
    ("it", "ita"),
    ("pt", "por"),
    ("es", "spa"),
    ("bg", "bul"),
    ("ru", "rus"),
    ("ja", "jpn"),
    ("ka", "kat"),
    ("ko", "kor"),
    ("th", "tha"),
    ("sw", "swh"),
    ("zh", "cmn"),
    ("kk", "kaz"),
    ("tr", "tur"),
    ("et", "est"),
    ("fi", "fin"),
    ("hu", "hun"),
];

/// What XTREME-R adds to them.
pub const TATOEBA_R: [(&str, &str); 5] = [("az", "aze"), ("lt", "lit"), ("pl", "pol"), ("ro", "ron"), ("uk", "ukr")];

/// Languages of Mewsli-X's mentions.
pub const MEWSLI_X: [&str; 11] = ["ar", "de", "en", "es", "fa", "ja", "pl", "ro", "ta", "tr", "uk"];

/// A task of XTREME, evaluated.
#[derive(Clone, Debug, PartialEq)]
pub struct Evaluated {
    /// `tatoeba` or `mewslix`.
    pub task: &'static str,
    /// XTREME's name of the measure.
    pub measure: &'static str,
    /// Per cent, by language, in XTREME's order.
    pub languages: Vec<(String, f64)>,
    /// Examples without a prediction, which count 0, and predictions without an example, which do not count.
    pub unmatched: [usize; 2],
}

impl Evaluated {
    /// The mean of the languages, added in their order.
    #[must_use]
    pub fn mean(&self) -> f64 {
        self.languages.iter().fold(0.0, |sum, (_, value)| sum + value) / self.languages.len() as f64
    }
}

/// Evaluates the tasks that both folders have.
///
/// # Errors
/// Neither task; a language's file that is missing or not of its format; Tatoeba files of unequal length.
pub fn evaluate(predictions: &Folder, labels: &Folder) -> Result<Vec<Evaluated>> {
    let (predicted, labelled) = (predictions.names()?, labels.names()?);
    let has = |task: &str| [&predicted, &labelled].iter().all(|names| names.iter().any(|name| name.starts_with(task)));
    let mut evaluated = Vec::new();
    if has("tatoeba/") {
        let languages = TATOEBA.iter().map(|(code, _)| Ok((code.to_string(), accuracy(predictions, labels, code)?)));
        evaluated.push(Evaluated {
            task: "tatoeba",
            measure: "accuracy",
            languages: languages.collect::<Result<_>>()?,
            unmatched: [0; 2],
        });
    }
    if has("mewslix/") {
        let (mut languages, mut unmatched) = (Vec::new(), [0; 2]);
        for code in MEWSLI_X {
            let (value, [missing, extra]) = reciprocal_ranks(predictions, labels, code)?;
            languages.push((code.to_owned(), value));
            unmatched = [unmatched[0] + missing, unmatched[1] + extra];
        }
        evaluated.push(Evaluated { task: "mewslix", measure: "map@20", languages, unmatched });
    }
    if evaluated.is_empty() {
        let what = format!("neither tatoeba nor mewslix stands both here and in {}", labels.label(""));
        return Err(FileFault::content(predictions.label(""), what).into());
    }
    Ok(evaluated)
}

fn accuracy(predictions: &Folder, labels: &Folder, code: &str) -> Result<f64> {
    let name = format!("tatoeba/test-{code}.tsv");
    let lines = |folder: &Folder| -> Result<Vec<String>> {
        let text = folder.text(&name)?;
        Ok(text.lines().map(|line| line.trim().to_owned()).collect())
    };
    let (ours, right) = (lines(predictions)?, lines(labels)?);
    if ours.len() != right.len() || ours.is_empty() {
        let what = format!("{} lines, but there are {} labels", ours.len(), right.len());
        return Err(FileFault::content(predictions.label(&name), what).into());
    }
    let correct = ours.iter().zip(&right).filter(|(a, b)| a == b).count();
    Ok(correct as f64 / ours.len() as f64 * 100.0)
}

/// The mean reciprocal rank, per cent, and how many examples have no prediction and predictions no example.
fn reciprocal_ranks(predictions: &Folder, labels: &Folder, code: &str) -> Result<(f64, [usize; 2])> {
    let name = format!("mewslix/test-{code}.json");
    type Lists = serde_json::Map<String, serde_json::Value>;
    let read = |folder: &Folder| -> Result<Vec<(String, Vec<String>)>> {
        let refuse = |what: String| FileFault::content(folder.label(&name), what);
        let all: Lists = serde_json::from_slice(&folder.read(&name)?).map_err(|e| refuse(e.to_string()))?;
        let list = |(id, list): (String, serde_json::Value)| {
            let list = serde_json::from_value(list).map_err(|e| refuse(format!("{id}: {e}")))?;
            Ok((id, list))
        };
        all.into_iter().map(list).collect()
    };
    // Whoever predicts nothing for a language still has its other languages.
    let ours: HashMap<String, Vec<String>> =
        if predictions.has(&name) { read(predictions)?.into_iter().collect() } else { HashMap::new() };
    let right = read(labels)?;
    if let Some((id, _)) = right.iter().find(|(_, gold)| gold.is_empty()) {
        return Err(FileFault::content(labels.label(&name), format!("{id} has no label")).into());
    }
    let missing = right.iter().filter(|(id, _)| !ours.contains_key(id)).count();
    let extra = ours.len() - (right.len() - missing);
    let ranks = right.iter().map(|(id, gold)| {
        let gold = gold.first().map(|gold| gold.trim());
        ours.get(id)?.iter().take(super::mewsli::DEPTH).position(|entity| Some(entity.as_str()) == gold)
    });
    Ok((mean_reciprocal_rank(ranks) * 100.0, [missing, extra]))
}

/// The order in which XTREME has English sentences, by their text so that labels are hidden: the places of the lines.
#[must_use]
pub fn english_order(sentences: &[String]) -> Vec<usize> {
    let mut order: Vec<usize> = (0..sentences.len()).collect();
    order.sort_by(|a, b| sentences[*a].cmp(&sentences[*b]));
    order
}
