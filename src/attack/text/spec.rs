//! What is asked for: `KIND[@SHARE|=EDITS]`, joined by `+`, applied from left to right.

use std::fmt;
use std::str::FromStr;

use super::Kind;
use crate::Error;
use crate::attack::fault::AttackFault;

/// Edits at most: beyond any text, and few enough for those of many texts to be counted.
const MOST: usize = 1_000_000;

/// How many edits.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Amount {
    /// A share of the units that could be edited, above 0 and up to 1.
    Share(f64),
    /// So many.
    Edits(usize),
}

/// A kind and how often.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Step {
    /// What is done.
    pub kind: Kind,
    /// How often; where it does not say, the options do, or the table.
    pub amount: Option<Amount>,
}

/// Steps, from first to last; there is at least one.
#[derive(Clone, Debug, PartialEq)]
pub struct Spec {
    steps: Vec<Step>,
}

impl Amount {
    /// A share.
    ///
    /// # Errors
    /// What is no number above 0 and up to 1.
    pub fn share(text: &str) -> Result<Self, Error> {
        match text.parse().ok().filter(|share| *share > 0.0 && *share <= 1.0) {
            Some(share) => Ok(Self::Share(share)),
            None => Err(AttackFault::Share(text.to_owned()).into()),
        }
    }

    /// A number of edits.
    ///
    /// # Errors
    /// What is no whole number from 1 to 1,000,000.
    pub fn edits(text: &str) -> Result<Self, Error> {
        match text.parse().ok().filter(|edits| (1..=MOST).contains(edits)) {
            Some(edits) => Ok(Self::Edits(edits)),
            None => Err(AttackFault::Edits(text.to_owned()).into()),
        }
    }

    /// How many edits of a text with so many units. A share is rounded, half up, and at least one edit: else short texts, as queries are, would mostly stay as they are.
    #[must_use]
    pub fn of(self, units: usize) -> usize {
        match self {
            Self::Share(share) => ((share * units as f64 + 0.5).floor() as usize).max(1),
            Self::Edits(edits) => edits,
        }
    }
}

impl Spec {
    /// One step.
    #[must_use]
    pub fn of(kind: Kind, amount: Amount) -> Self {
        Self { steps: vec![Step { kind, amount: Some(amount) }] }
    }

    /// The same with every amount said: the table's rate where none was.
    #[must_use]
    pub fn resolved(&self) -> Self {
        let amount = |step: &Step| step.amount.unwrap_or(Amount::Share(step.kind.facts().rate));
        Self { steps: self.steps.iter().map(|step| Step { amount: Some(amount(step)), ..*step }).collect() }
    }

    /// The steps.
    #[must_use]
    pub fn steps(&self) -> &[Step] {
        &self.steps
    }
}

impl From<Kind> for Spec {
    fn from(kind: Kind) -> Self {
        Self { steps: vec![Step { kind, amount: None }] }
    }
}

impl FromStr for Step {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self, Error> {
        let (kind, amount) = if let Some((kind, share)) = text.split_once('@') {
            (kind, Some(Amount::share(share)?))
        } else if let Some((kind, edits)) = text.split_once('=') {
            (kind, Some(Amount::edits(edits)?))
        } else {
            (text, None)
        };
        if kind.is_empty() {
            return Err(AttackFault::Step(text.to_owned()).into());
        }
        Ok(Self { kind: kind.parse()?, amount })
    }
}

impl FromStr for Spec {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self, Error> {
        Ok(Self { steps: text.split('+').map(str::parse).collect::<Result<_, _>>()? })
    }
}

impl fmt::Display for Step {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.amount {
            None => write!(f, "{}", self.kind),
            Some(Amount::Share(share)) => write!(f, "{}@{share}", self.kind),
            Some(Amount::Edits(edits)) => write!(f, "{}={edits}", self.kind),
        }
    }
}

impl fmt::Display for Spec {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (i, step) in self.steps.iter().enumerate() {
            write!(f, "{}{step}", if i > 0 { "+" } else { "" })?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn specs_are_printed_as_they_are_read() {
        for text in ["swap", "swap@0.1", "delete=2", "typo@0.2+unspace=1", "nfd+nfd@1"] {
            assert_eq!(text.parse::<Spec>().unwrap().to_string(), text);
        }
        assert_eq!("swap@.10".parse::<Spec>().unwrap().to_string(), "swap@0.1");
        assert_eq!("upper+swap=2".parse::<Spec>().unwrap().resolved().to_string(), "upper@1+swap=2");
    }

    #[test]
    fn what_is_no_spec() {
        let refused = |text: &str| text.parse::<Spec>().unwrap_err().to_string();
        assert!(refused("swop").starts_with("no perturbation \"swop\""));
        for text in ["", "+", "swap+", "@0.1", "=1"] {
            assert!(refused(text).contains("is no perturbation"), "{text}");
        }
        for text in ["swap@0", "swap@1.1", "swap@nan", "swap@-1", "swap@inf", "swap@", "swap@1=1"] {
            assert!(refused(text).contains("is no share"), "{text}");
        }
        for text in ["swap=0", "swap=-1", "swap=1.5", "swap="] {
            assert!(refused(text).contains("is no number of edits"), "{text}");
        }
    }

    #[test]
    fn shares_are_rounded_half_up_and_at_least_one() {
        let edits = |share, units| Amount::Share(share).of(units);
        assert_eq!([edits(0.1, 14), edits(0.1, 15), edits(0.1, 3), edits(1.0, 7)], [1, 2, 1, 7]);
        assert_eq!(Amount::Edits(3).of(1), 3);
    }
}
