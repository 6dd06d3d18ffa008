//! `--device`: where models compute.

use std::str::FromStr;
use std::sync::OnceLock;

#[cfg(feature = "cuda")]
use snellen::kernel::cuda::Error;
use snellen::kernel::devices::{Devices, NoCard};

use super::{Context, Ending, Failure};

/// What may compute.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Choice {
    /// Whether the processors may.
    cpu: bool,
    /// Which cards may.
    cards: Option<Vec<usize>>,
    /// Whether they were named: what is named is to be there.
    named: bool,
}

impl Choice {
    /// A card if there is one: of several the first.
    pub(super) fn auto() -> Self {
        Self { cpu: true, cards: Some(vec![0]), named: false }
    }

    pub(super) fn may_be_cpu(&self) -> bool {
        self.cpu
    }

    pub(super) fn may_be_cards(&self) -> bool {
        self.cards.is_some()
    }
}

impl FromStr for Choice {
    type Err = String;

    /// `auto`, or `cpu` and `cuda` or `cuda:N,N…` with a comma between them.
    fn from_str(text: &str) -> Result<Self, String> {
        if text == "auto" {
            return Ok(Self::auto());
        }
        let wrong = || "auto, cpu, cuda, cuda:N or cuda:N,N".to_owned();
        let (mut choice, mut numbered) = (Self { named: true, ..Self::default() }, false);
        for part in text.split(',') {
            let number = match part {
                "cpu" => {
                    (choice.cpu, numbered) = (true, false);
                    continue;
                }
                "cuda" => "0",
                _ if numbered => part,
                _ => part.strip_prefix("cuda:").ok_or_else(wrong)?,
            };
            numbered = part != "cuda";
            let number = number.parse().map_err(|_| wrong())?;
            let cards = choice.cards.get_or_insert_default();
            if cards.contains(&number) {
                return Err(format!("card {number} twice"));
            }
            cards.push(number);
        }
        Ok(choice)
    }
}

/// Why no card computes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Absence {
    /// For people.
    pub(super) why: String,
    /// There is one, and its results are not those of the contract.
    pub(super) untrusted: bool,
    /// There is none, and nobody named one.
    missing: bool,
}

impl From<NoCard> for Absence {
    fn from(error: NoCard) -> Self {
        #[cfg(feature = "cuda")]
        let missing = matches!(error, NoCard::Failed(Error::Missing(_)));
        #[cfg(not(feature = "cuda"))]
        let missing = true;
        Self { why: error.to_string(), untrusted: matches!(error, NoCard::Untrusted(_)), missing }
    }
}

/// What was chosen, and what came of it once somebody asked.
pub(super) struct Chosen {
    choice: Choice,
    cards: OnceLock<Result<Devices, Absence>>,
    /// Whether it was said that processors compute.
    noted: OnceLock<()>,
}

impl Chosen {
    pub(super) fn new(choice: Choice) -> Self {
        Self { choice, cards: OnceLock::new(), noted: OnceLock::new() }
    }
}

impl Context {
    /// Where this command computes. Where processors do instead of a card that is there, or was named, a note says so.
    pub(super) fn devices(&self) -> Result<Devices, Failure> {
        let choice = &self.device.choice;
        match (choice.cpu, self.cards()) {
            (true, Err(Absence { why, missing, .. })) => {
                if choice.cards.is_some() && (choice.named || !missing) {
                    self.device.noted.get_or_init(|| self.note(&format!("processors compute: {why}")));
                }
                Ok(Devices::processors())
            }
            (false, Err(Absence { why, .. })) => Err(Failure::Usage(format!("--device: {why}"))),
            (_, Ok(cards)) => Ok(cards.clone()),
        }
    }

    /// The cards that were chosen, or why there are none.
    pub(super) fn cards(&self) -> &Result<Devices, Absence> {
        let open = |ordinals: &Vec<usize>| Devices::cards(ordinals).map_err(Absence::from);
        let none = || Err(Absence { why: "not asked for".to_owned(), untrusted: false, missing: true });
        self.device.cards.get_or_init(|| self.device.choice.cards.as_ref().map_or_else(none, open))
    }

    /// How a command ends that looked at cards, for all that they did: whether there is one that is not to be trusted, or none of those that were named.
    pub(super) fn ending_of_cards(&self) -> Ending {
        match self.cards() {
            Err(absence) if absence.untrusted => Ending::Fails,
            Err(_) if self.device.choice.named && self.device.choice.may_be_cards() => Ending::Untold,
            _ => Ending::Holds,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn choices() {
        let choice =
            |cpu, cards: &[usize]| Choice { cpu, cards: (!cards.is_empty()).then(|| cards.to_vec()), named: true };
        for (text, expected) in [
            ("auto", Choice { named: false, ..choice(true, &[0]) }),
            ("cpu", choice(true, &[])),
            ("cuda", choice(false, &[0])),
            ("cuda:2", choice(false, &[2])),
            ("cuda:0,1", choice(false, &[0, 1])),
            ("cpu,cuda", choice(true, &[0])),
            ("cuda:1,3,cpu", choice(true, &[1, 3])),
        ] {
            assert_eq!(text.parse(), Ok(expected), "{text}");
        }
        for text in ["", "gpu", "cuda:", "cuda:x", "cuda,1", "cpu,1", "cuda:1,1", "auto,cpu"] {
            assert!(text.parse::<Choice>().is_err(), "{text}");
        }
    }
}
