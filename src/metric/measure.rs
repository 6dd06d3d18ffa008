//! Names of measures: those of ir_measures (MacAvaney, Macdonald, Ounis, ECIR 2022), and trec_eval's as other spellings of them.

use std::fmt;
use std::str::FromStr;

/// A measure of one ranking, as it is written: `nDCG@10`, `AP(rel=2)`, `nDCG(dcg='exp-log2')@20`.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Measure {
    /// What is measured.
    pub kind: Kind,
    /// The lowest grade that counts as relevant, where it is said.
    pub rel: Option<i32>,
    /// How many documents are looked at; all if it is not said.
    pub cutoff: Option<usize>,
    /// Documents without a judgement are left out of the ranking first.
    pub judged_only: bool,
}

/// What a measure measures. Formulas stand in [`super::ranked`].
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Kind {
    /// Average precision. XTREME divides by min(relevant, cut-off), all others by the number of relevant documents.
    Ap {
        /// Divides by min(relevant, cut-off): `AP(norm='min')@20`.
        least: bool,
    },
    /// Normalised discounted cumulative gain; gain is the grade, or 2^grade − 1 (`dcg='exp-log2'`).
    Ndcg {
        /// Gain is 2^grade − 1.
        exponential: bool,
    },
    /// Reciprocal rank of the first relevant document.
    Rr,
    /// Precision.
    P,
    /// Recall.
    R,
    /// Whether there is a relevant document.
    Success,
    /// Precision at as many documents as are relevant.
    Rprec,
    /// Binary preference (Buckley & Voorhees, SIGIR 2004).
    Bpref,
    /// Inferred average precision (Yilmaz & Aslam, CIKM 2006).
    InfAp,
    /// Rank-biased precision (Moffat & Zobel, TOIS 2008); graded where `rel` is not said.
    Rbp {
        /// The persistence.
        p: f64,
    },
    /// Interpolated precision at a recall.
    IPrec {
        /// The recall, 0 to 1.
        recall: f64,
    },
    /// Similarity to an ideal ranking by rank-biased overlap (Clarke, Vtyurina, Smucker, TOIS 2021).
    Compat {
        /// The persistence.
        p: f64,
    },
    /// The share of the documents that have a judgement.
    Judged,
    /// Precision of the whole ranking as a set.
    SetP,
    /// Recall of the whole ranking as a set.
    SetR,
    /// Harmonic mean of both.
    SetF,
    /// Product of both.
    SetAp,
    /// How many documents were retrieved.
    NumRet,
    /// How many relevant documents were retrieved: `NumRet(rel=1)`.
    NumRelRet,
    /// How many documents are relevant.
    NumRel,
}

/// Names without parameters, ours first.
const PLAIN: [(&str, &str, Kind); 15] = [
    ("RR", "recip_rank", Kind::Rr),
    ("P", "P", Kind::P),
    ("R", "recall", Kind::R),
    ("Success", "success", Kind::Success),
    ("Rprec", "Rprec", Kind::Rprec),
    ("Bpref", "bpref", Kind::Bpref),
    ("infAP", "infAP", Kind::InfAp),
    ("Judged", "", Kind::Judged),
    ("SetP", "set_P", Kind::SetP),
    ("SetR", "set_recall", Kind::SetR),
    ("SetF", "set_F", Kind::SetF),
    ("SetAP", "set_map", Kind::SetAp),
    ("NumRet", "num_ret", Kind::NumRet),
    ("NumRelRet", "num_rel_ret", Kind::NumRelRet),
    ("NumRel", "num_rel", Kind::NumRel),
];

impl Measure {
    fn of(kind: Kind) -> Self {
        Self { kind, rel: None, cutoff: None, judged_only: false }
    }

    /// trec_eval's name, where it has the measure.
    #[must_use]
    pub fn trec_eval(&self) -> Option<String> {
        let cut = |name: &str| self.cutoff.map_or(name.to_owned(), |k| format!("{name}_{k}"));
        let cut_or = |whole: &str, cut: &str| self.cutoff.map_or(whole.to_owned(), |k| format!("{cut}_{k}"));
        if self.judged_only {
            return None;
        }
        match self.kind {
            Kind::Ap { least: false } => Some(cut_or("map", "map_cut")),
            Kind::Ndcg { exponential: false } => Some(cut_or("ndcg", "ndcg_cut")),
            Kind::Rbp { .. } if self.cutoff.is_none() => Some("rbp".to_owned()),
            Kind::IPrec { recall } => Some(format!("iprec_at_recall_{recall:.2}")),
            kind => {
                let (_, name, _) = PLAIN.iter().find(|(_, name, known)| *known == kind && !name.is_empty())?;
                Some(cut(name))
            }
        }
    }

    fn from_trec_eval(name: &str) -> Option<Self> {
        let kind = match name {
            "map" => Some(Kind::Ap { least: false }),
            "ndcg" => Some(Kind::Ndcg { exponential: false }),
            "rbp" => Some(Kind::Rbp { p: 0.9 }),
            _ => PLAIN.iter().find(|(_, known, kind)| *known == name && !kind.needs_cutoff()).map(|(.., kind)| *kind),
        };
        if let Some(kind) = kind {
            return Some(Self::of(kind));
        }
        let (name, number) = name.rsplit_once('_')?;
        if name == "iprec_at_recall" {
            let recall = number.parse().ok().filter(|recall| (0.0..=1.0).contains(recall))?;
            return Some(Self::of(Kind::IPrec { recall }));
        }
        let cutoff = number.parse().ok().filter(|k| *k > 0)?;
        let kind = match name {
            "map_cut" => Kind::Ap { least: false },
            "ndcg_cut" => Kind::Ndcg { exponential: false },
            "P" => Kind::P,
            "recall" => Kind::R,
            "success" => Kind::Success,
            _ => return None,
        };
        Some(Self { cutoff: Some(cutoff), ..Self::of(kind) })
    }
}

impl Kind {
    fn needs_cutoff(self) -> bool {
        matches!(self, Self::P | Self::R | Self::Success | Self::Judged)
    }

    fn takes_cutoff(self) -> bool {
        let also = matches!(self, Self::Ap { .. } | Self::Ndcg { .. } | Self::Rr | Self::Rbp { .. });
        also || self.needs_cutoff()
    }

    fn takes_rel(self) -> bool {
        !matches!(self, Self::Ndcg { .. } | Self::Compat { .. } | Self::Judged | Self::NumRet)
    }
}

impl FromStr for Measure {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        if let Some(measure) = Self::from_trec_eval(text) {
            return Ok(measure);
        }
        parse(text).map_err(|what| format!("measure {text}: {what}"))
    }
}

fn parse(text: &str) -> Result<Measure, String> {
    let (head, at) = match text.rsplit_once('@') {
        Some((head, at)) => (head, Some(at)),
        None => (text, None),
    };
    let (name, parameters) = match head.split_once('(') {
        Some((name, rest)) => (name, rest.strip_suffix(')').ok_or("the bracket is not closed")?),
        None => (head, ""),
    };
    let mut measure = Measure::of(match name {
        "AP" | "MAP" => Kind::Ap { least: false },
        "nDCG" | "NDCG" => Kind::Ndcg { exponential: false },
        "RBP" => Kind::Rbp { p: 0.8 },
        "IPrec" => Kind::IPrec { recall: f64::NAN },
        "Compat" => Kind::Compat { p: 0.95 },
        "MRR" => Kind::Rr,
        _ => PLAIN.iter().find(|(known, ..)| *known == name).ok_or_else(unknown)?.2,
    });
    for parameter in parameters.split(',').map(str::trim).filter(|p| !p.is_empty()) {
        let (key, value) = parameter.split_once('=').ok_or_else(|| format!("{parameter} is not NAME=VALUE"))?;
        set(&mut measure, key.trim(), value.trim())?;
    }
    match at {
        Some(at) => set_cutoff(&mut measure, at)?,
        None if matches!(measure.kind, Kind::IPrec { .. }) => return Err("at which recall? IPrec@0.1".to_owned()),
        None if measure.kind.needs_cutoff() => return Err(format!("at how many documents? {name}@10")),
        None if measure.kind == (Kind::Ap { least: true }) => return Err("norm='min' needs a cut-off".to_owned()),
        None => {}
    }
    Ok(measure)
}

fn unknown() -> String {
    let plain: Vec<_> = PLAIN.iter().map(|(name, ..)| *name).collect();
    format!("not known; known are AP, nDCG, RBP, IPrec, Compat, {}, and trec_eval's names of these", plain.join(", "))
}

fn set(measure: &mut Measure, key: &str, value: &str) -> Result<(), String> {
    let text = value.trim_matches(['\'', '"']);
    let number = || text.parse::<f64>().ok().filter(|p| (0.0..1.0).contains(p) && *p > 0.0);
    match (key, &mut measure.kind) {
        ("rel", kind) if kind.takes_rel() || *kind == Kind::NumRet => {
            let rel = text.parse().ok().filter(|rel| *rel > 0);
            measure.rel = Some(rel.ok_or_else(|| format!("rel={value}: expected a grade above 0"))?);
            if *kind == Kind::NumRet {
                *kind = Kind::NumRelRet;
            }
        }
        ("judged_only", Kind::NumRel | Kind::Judged | Kind::Compat { .. } | Kind::InfAp | Kind::Bpref) => {
            return Err("judged_only changes nothing here".to_owned());
        }
        ("judged_only", _) => {
            measure.judged_only = match text {
                "True" | "true" => true,
                "False" | "false" => false,
                _ => return Err(format!("judged_only={value}: expected True or False")),
            };
        }
        ("dcg", Kind::Ndcg { exponential }) => {
            *exponential = match text {
                "log2" => false,
                "exp-log2" => true,
                _ => return Err(format!("dcg={value}: expected log2 or exp-log2")),
            };
        }
        ("norm", Kind::Ap { least }) => {
            *least = match text {
                "min" => true,
                "rel" => false,
                _ => return Err(format!("norm={value}: expected min or rel")),
            };
        }
        ("p", Kind::Rbp { p } | Kind::Compat { p }) => {
            *p = number().ok_or_else(|| format!("p={value}: expected a number between 0 and 1"))?;
        }
        _ => return Err(format!("it has no parameter {key}")),
    }
    Ok(())
}

fn set_cutoff(measure: &mut Measure, at: &str) -> Result<(), String> {
    if let Kind::IPrec { recall } = &mut measure.kind {
        let found = at.parse().ok().filter(|recall| (0.0..=1.0).contains(recall));
        *recall = found.ok_or_else(|| format!("@{at}: expected a recall from 0 to 1"))?;
        return Ok(());
    }
    if !measure.kind.takes_cutoff() {
        return Err("it has no cut-off".to_owned());
    }
    let cutoff = at.parse().ok().filter(|k| *k > 0);
    measure.cutoff = Some(cutoff.ok_or_else(|| format!("@{at}: expected a number of documents"))?);
    Ok(())
}

impl fmt::Display for Measure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut parameters = Vec::new();
        parameters.extend(self.rel.map(|rel| format!("rel={rel}")));
        if self.judged_only {
            parameters.push("judged_only=True".to_owned());
        }
        let name = match self.kind {
            Kind::Ap { least } => {
                parameters.extend(least.then(|| "norm='min'".to_owned()));
                "AP"
            }
            Kind::Ndcg { exponential } => {
                parameters.extend(exponential.then(|| "dcg='exp-log2'".to_owned()));
                "nDCG"
            }
            Kind::Rbp { p } => {
                parameters.extend((p != 0.8).then(|| format!("p={p}")));
                "RBP"
            }
            Kind::Compat { p } => {
                parameters.extend((p != 0.95).then(|| format!("p={p}")));
                "Compat"
            }
            Kind::IPrec { .. } => "IPrec",
            Kind::NumRelRet if self.rel.is_some() => "NumRet",
            kind => PLAIN.iter().find(|(.., known)| *known == kind).map_or("", |(name, ..)| name),
        };
        f.write_str(name)?;
        if !parameters.is_empty() {
            write!(f, "({})", parameters.join(","))?;
        }
        match (self.kind, self.cutoff) {
            (Kind::IPrec { recall }, _) => write!(f, "@{recall}"),
            (_, Some(cutoff)) => write!(f, "@{cutoff}"),
            (_, None) => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_printed_is_what_was_parsed() {
        for name in [
            "AP",
            "AP(rel=2)",
            "AP(norm='min')@20",
            "nDCG@10",
            "nDCG(dcg='exp-log2')@20",
            "nDCG(judged_only=True)@10",
            "RR",
            "RR@10",
            "P(rel=2)@5",
            "R@1000",
            "Success@1",
            "Rprec",
            "Bpref",
            "infAP",
            "RBP",
            "RBP(rel=1,p=0.95)@10",
            "IPrec@0.1",
            "Compat(p=0.9)",
            "Judged@10",
            "SetP",
            "SetR",
            "SetF",
            "SetAP",
            "NumRet",
            "NumRet(rel=1)",
            "NumRelRet",
            "NumRel",
        ] {
            assert_eq!(name.parse::<Measure>().unwrap().to_string(), name);
        }
    }

    #[test]
    fn trec_evals_names_are_other_spellings() {
        for (theirs, ours) in [
            ("map", "AP"),
            ("map_cut_10", "AP@10"),
            ("ndcg", "nDCG"),
            ("ndcg_cut_10", "nDCG@10"),
            ("recip_rank", "RR"),
            ("P_5", "P@5"),
            ("recall_100", "R@100"),
            ("success_1", "Success@1"),
            ("iprec_at_recall_0.10", "IPrec@0.1"),
            ("bpref", "Bpref"),
            ("infAP", "infAP"),
            ("Rprec", "Rprec"),
            ("set_F", "SetF"),
            ("num_rel_ret", "NumRelRet"),
            ("rbp", "RBP(p=0.9)"),
        ] {
            let measure: Measure = theirs.parse().unwrap();
            assert_eq!(measure.to_string(), ours);
            assert_eq!(measure.trec_eval().as_deref(), Some(theirs));
        }
        assert_eq!("nDCG(dcg='exp-log2')".parse::<Measure>().unwrap().trec_eval(), None);
    }

    #[test]
    fn what_is_no_measure_is_refused_with_the_reason() {
        for (name, reason) in [
            ("nDGC@10", "not known"),
            ("", "not known"),
            ("P", "at how many documents"),
            ("P@0", "expected a number of documents"),
            ("P@ten", "expected a number of documents"),
            ("Rprec@10", "no cut-off"),
            ("AP(rel=0)", "expected a grade above 0"),
            ("AP(rel=1", "not closed"),
            ("AP(p=0.1)", "no parameter p"),
            ("AP(norm='min')", "needs a cut-off"),
            ("RBP(p=1)", "between 0 and 1"),
            ("IPrec@1.5", "a recall from 0 to 1"),
            ("nDCG(dcg=log)", "log2 or exp-log2"),
            ("AP(rel)", "not NAME=VALUE"),
        ] {
            let error = name.parse::<Measure>().unwrap_err();
            assert!(error.starts_with(&format!("measure {name}: ")) && error.contains(reason), "{error}");
        }
    }
}
