//! `--device`: where models compute.

use std::str::FromStr;
use std::sync::OnceLock;

use snellen::kernel::devices::Devices;

use super::{Context, Failure};

/// What may compute.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Choice {
    /// Whether the processors may.
    cpu: bool,
    /// Which cards may.
    cards: Option<Vec<usize>>,
}

impl Choice {
    /// A card if there is one: of several the first.
    pub(super) fn auto() -> Self {
        Self { cpu: true, cards: Some(vec![0]) }
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
        let (mut choice, mut numbered) = (Self::default(), false);
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

/// What was chosen, and what came of it once somebody asked.
pub(super) struct Chosen {
    choice: Choice,
    cards: OnceLock<Result<Devices, String>>,
}

impl Chosen {
    pub(super) fn new(choice: Choice) -> Self {
        Self { choice, cards: OnceLock::new() }
    }
}

impl Context {
    /// Where this command computes.
    pub(super) fn devices(&self) -> Result<Devices, Failure> {
        match (self.device.choice.cpu, self.cards()) {
            (true, Err(_)) => Ok(Devices::processors()),
            (false, Err(why)) => Err(Failure::Usage(format!("--device: {why}"))),
            (_, Ok(cards)) => Ok(cards.clone()),
        }
    }

    /// The cards that were chosen, or why there are none.
    pub(super) fn cards(&self) -> &Result<Devices, String> {
        let open = |ordinals: &Vec<usize>| Devices::cards(ordinals).map_err(|error| error.to_string());
        let none = || Err("it was not asked for".to_owned());
        self.device.cards.get_or_init(|| self.device.choice.cards.as_ref().map_or_else(none, open))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn choices() {
        let choice = |cpu, cards: &[usize]| Choice { cpu, cards: (!cards.is_empty()).then(|| cards.to_vec()) };
        for (text, expected) in [
            ("auto", choice(true, &[0])),
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
