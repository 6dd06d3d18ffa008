//! XQuAD-R's files: SQuAD's JSON with sentence breaks.

use std::collections::HashSet;
use std::fmt;
use std::str::FromStr;

use serde::Deserialize;

use crate::Result;
use crate::data::FileFault;
use crate::data::allowance::Allowance;
use crate::data::shelf::Found;

/// A language's questions and candidates.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Language {
    /// Its code, as in the file's name.
    pub code: String,
    /// In the order of the file.
    pub questions: Vec<Question>,
    /// In the ascending order of their ids' bytes.
    pub candidates: Vec<Candidate>,
}

/// A question.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Question {
    /// Its id, the same in every language.
    pub id: String,
    /// What it asks.
    pub text: String,
    /// The candidates of its language that answer it.
    pub answers: Vec<usize>,
}

/// A sentence that may be an answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Candidate {
    /// `LANGUAGE_PARAGRAPH_SENTENCE`, paragraphs counted through the file from 1, sentences from 0.
    pub id: String,
    /// The sentence and the paragraph that it stands in.
    pub text: String,
}

/// What stands between a candidate's sentence and its context. Authors differ, and numbers with them.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Join {
    /// A blank.
    #[default]
    Blank,
    /// Nothing, and line feeds are taken out: XTREME's evaluation (third_party/evaluate_retrieval.py).
    None,
}

impl Join {
    fn join(self, sentence: &str, context: &str) -> String {
        match self {
            Self::Blank => format!("{sentence} {context}"),
            Self::None => format!("{sentence}{context}").replace('\n', ""),
        }
    }
}

impl fmt::Display for Join {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Blank => "blank",
            Self::None => "none",
        })
    }
}

impl FromStr for Join {
    type Err = String;

    fn from_str(name: &str) -> Result<Self, String> {
        match name {
            "blank" => Ok(Self::Blank),
            "none" => Ok(Self::None),
            other => Err(format!("{other} joins nothing: blank or none")),
        }
    }
}

#[derive(Deserialize)]
struct Squad {
    data: Vec<Article>,
}

#[derive(Deserialize)]
struct Article {
    paragraphs: Vec<Paragraph>,
}

#[derive(Deserialize)]
struct Paragraph {
    context: String,
    /// Where each sentence begins and ends, in characters.
    sentence_breaks: Vec<[usize; 2]>,
    qas: Vec<Qa>,
}

#[derive(Deserialize)]
struct Qa {
    id: String,
    question: String,
    answers: Vec<Answer>,
}

#[derive(Deserialize)]
struct Answer {
    /// In characters.
    answer_start: usize,
}

/// The languages of a data set, in the order of their candidates' ids.
///
/// # Errors
/// A folder that cannot be read or has no `LANG.json`.
pub fn languages(data: &Found) -> Result<Vec<String>> {
    let names = data.folder.names()?;
    let plain = |code: &&str| !code.contains(|c: char| c == '/' || c.is_whitespace());
    let code = |name: &String| name.strip_suffix(".json").filter(plain).map(str::to_owned);
    let mut languages: Vec<String> = names.iter().filter_map(code).collect();
    languages.sort_by_key(|code| format!("{code}_"));
    if languages.is_empty() {
        return Err(FileFault::content(data.folder.label(""), "no file LANG.json").into());
    }
    Ok(languages)
}

impl Language {
    /// Reads one language.
    ///
    /// # Errors
    /// A file that is missing or not of this format; sentence breaks outside of their paragraph; a question without exactly one
    /// answer, whose answer begins in no sentence, or whose id another has.
    pub fn read(data: &Found, code: &str, join: Join) -> Result<Self> {
        let name = format!("{code}.json");
        let refuse = |what: String| FileFault::content(data.folder.label(&name), what);
        let bytes = data.folder.read(&name)?;
        let squad: Squad = serde_json::from_slice(&bytes).map_err(|e| refuse(e.to_string()))?;
        // Each candidate repeats its paragraph, and each question may have as many answers as there are candidates.
        let mut allowance = Allowance::of(bytes.len());
        let (mut questions, mut candidates) = (Vec::new(), Vec::new());
        let paragraphs = squad.data.into_iter().flat_map(|article| article.paragraphs);
        for (paragraph, number) in paragraphs.zip(1..) {
            let first = candidates.len();
            let sentences = paragraph.sentences().map_err(|what| refuse(format!("paragraph {number}: {what}")))?;
            allowance.take(sentences.len().saturating_mul(paragraph.context.len())).map_err(refuse)?;
            candidates.extend(sentences.iter().enumerate().map(|(i, sentence)| Candidate {
                id: format!("{code}_{number}_{i}"),
                text: join.join(sentence, &paragraph.context),
            }));
            for qa in &paragraph.qas {
                if qa.id.is_empty() || qa.id.contains(char::is_whitespace) || qa.id.starts_with('#') {
                    return Err(refuse(format!("question id {:?}: a TREC run cannot hold it", qa.id)).into());
                }
                let answer = paragraph.answer(qa).map_err(|what| refuse(format!("question {}: {what}", qa.id)))?;
                let same = sentences.iter().enumerate().filter(|(_, sentence)| **sentence == sentences[answer]);
                let answers: Vec<usize> = same.map(|(i, _)| first + i).collect();
                allowance.take(size_of_val(&answers[..])).map_err(refuse)?;
                questions.push(Question { id: qa.id.clone(), text: qa.question.clone(), answers });
            }
        }
        let mut seen = HashSet::new();
        if let Some(twice) = questions.iter().find(|question| !seen.insert(&question.id)) {
            return Err(refuse(format!("question {} stands twice", twice.id)).into());
        }
        if questions.is_empty() {
            return Err(refuse("no question".to_owned()).into());
        }
        Ok(by_id(code, questions, candidates))
    }
}

/// Candidates in the order of their ids, and answers that follow them there.
fn by_id(code: &str, mut questions: Vec<Question>, candidates: Vec<Candidate>) -> Language {
    let mut order: Vec<usize> = (0..candidates.len()).collect();
    order.sort_by(|a, b| candidates[*a].id.cmp(&candidates[*b].id));
    let mut place = vec![0; order.len()];
    order.iter().enumerate().for_each(|(new, old)| place[*old] = new);
    for question in &mut questions {
        question.answers.iter_mut().for_each(|answer| *answer = place[*answer]);
        question.answers.sort_unstable();
    }
    let mut candidates = candidates;
    candidates.sort_by(|a, b| a.id.cmp(&b.id));
    Language { code: code.to_owned(), questions, candidates }
}

impl Paragraph {
    fn sentences(&self) -> Result<Vec<&str>, String> {
        // Where each character begins, and the end.
        let starts: Vec<usize> = self.context.char_indices().map(|(at, _)| at).chain([self.context.len()]).collect();
        let sentence = |[start, end]: &[usize; 2]| match (starts.get(*start), starts.get(*end)) {
            (Some(from), Some(to)) if from < to => Ok(&self.context[*from..*to]),
            _ => Err(format!("sentence break [{start}, {end}] of a text of {} characters", starts.len() - 1)),
        };
        self.sentence_breaks.iter().map(sentence).collect()
    }

    /// The sentence in which the answer begins.
    fn answer(&self, qa: &Qa) -> Result<usize, String> {
        let [Answer { answer_start: at }] = &qa.answers[..] else {
            return Err(format!("{} answers: expected one", qa.answers.len()));
        };
        let holds = |[start, end]: &[usize; 2]| start <= at && at < end;
        self.sentence_breaks
            .iter()
            .position(holds)
            .ok_or_else(|| format!("its answer begins at character {at}, which is in no sentence"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::data::folder::Folder;

    fn data(files: &'static [(&'static str, &'static [u8])]) -> Found {
        Found { name: "t".into(), digest: "0".into(), folder: Folder::Builtin { name: "t", files } }
    }

    #[test]
    fn sentences_are_counted_in_characters_and_answered_by_their_text() {
        const FILE: &str = r#"{"data": [{"paragraphs": [{"context": "x", "sentence_breaks": [[0, 1]], "qas": []},
            {"context": "Äh. So. Äh.", "sentence_breaks": [[0, 3], [4, 7], [8, 11]], "sentences": [], "qas": [
            {"id": "q", "question": "Was?", "answers": [{"answer_start": 8, "text": "Äh"}]}]}]}], "version": "1"}"#;
        const FILES: &[(&str, &[u8])] = &[("de.json", FILE.as_bytes())];
        let data = data(FILES);
        assert_eq!(languages(&data).unwrap(), ["de"]);
        let language = Language::read(&data, "de", Join::Blank).unwrap();
        let candidates: Vec<(&str, &str)> =
            language.candidates.iter().map(|c| (c.id.as_str(), c.text.as_str())).collect();
        assert_eq!(candidates[0], ("de_1_0", "x x"));
        assert_eq!(candidates[2], ("de_2_1", "So. Äh. So. Äh."));
        assert_eq!(language.questions[0].answers, [1, 3], "the same sentence twice");
        assert_eq!(Join::None.join("a\n", "b\nc"), "abc");
    }

    #[test]
    fn answers_follow_their_candidates_into_the_order_of_ids() {
        let candidate = |id: &str| Candidate { id: id.into(), text: id.into() };
        let question = |answers: &[usize]| Question { id: "q".into(), text: "?".into(), answers: answers.to_vec() };
        let found = by_id("x", vec![question(&[1, 2])], ["x_2_0", "x_10_0", "x_1_0"].map(candidate).to_vec());
        assert_eq!(found.candidates.iter().map(|c| c.id.as_str()).collect::<Vec<_>>(), ["x_10_0", "x_1_0", "x_2_0"]);
        assert_eq!(found.questions[0].answers, [0, 1]);
    }

    #[test]
    fn a_small_file_does_not_fill_the_memory() {
        let breaks = (0..20_000).map(|i| format!("[{i},{}]", i + 1)).collect::<Vec<_>>().join(",");
        let context = "a".repeat(20_000);
        let content = format!(
            r#"{{"data":[{{"paragraphs":[{{"context":"{context}","sentence_breaks":[{breaks}],"qas":[]}}]}}]}}"#
        );
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("en.json"), content).unwrap();
        let data = Found { name: "t".into(), digest: "0".into(), folder: Folder::Disk(folder.path().to_owned()) };
        let error = Language::read(&data, "en", Join::Blank).unwrap_err().to_string();
        assert!(error.ends_with("make more than 67108864 of memory"), "{error}");
    }

    #[test]
    fn what_cannot_be_used_is_refused() {
        for (content, what) in [
            ("{", "EOF while parsing"),
            (r#"{"data": []}"#, "no question"),
            (
                r#"{"data": [{"paragraphs": [{"context": "ab", "sentence_breaks": [[0, 3]], "qas": []}]}]}"#,
                "paragraph 1: sentence break [0, 3] of a text of 2 characters",
            ),
            (
                r#"{"data": [{"paragraphs": [{"context": "ab", "sentence_breaks": [[0, 1]], "qas": [{"id": "q", "question": "?", "answers": [{"answer_start": 1}]}]}]}]}"#,
                "question q: its answer begins at character 1, which is in no sentence",
            ),
            (
                r#"{"data": [{"paragraphs": [{"context": "ab", "sentence_breaks": [[0, 1]], "qas": [{"id": "q", "question": "?", "answers": []}]}]}]}"#,
                "question q: 0 answers: expected one",
            ),
        ] {
            let folder = tempfile::tempdir().unwrap();
            std::fs::write(folder.path().join("en.json"), content).unwrap();
            let data = Found { name: "t".into(), digest: "0".into(), folder: Folder::Disk(folder.path().to_owned()) };
            let error = Language::read(&data, "en", Join::Blank).unwrap_err().to_string();
            assert!(error.contains("en.json: ") && error.contains(what), "{error}");
        }
    }
}
