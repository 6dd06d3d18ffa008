//! The language of a text, as far as it matters here.

use std::str::FromStr;

use crate::Error;
use crate::attack::fault::AttackFault;

/// A language's code: which keyboard is typed on, and how i is written large. The default is none: keyboards go by script.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Language(String);

impl Language {
    /// The code's first part.
    pub(super) fn code(&self) -> &str {
        &self.0
    }

    /// Whether i and ı are two letters.
    pub(super) fn turkic(&self) -> bool {
        matches!(self.code(), "tr" | "tur" | "az" | "aze" | "azj")
    }
}

impl FromStr for Language {
    type Err = Error;

    /// Two letters (ISO 639-1) or three (639-3); what follows a hyphen does not matter.
    fn from_str(text: &str) -> Result<Self, Error> {
        let code = text.split(['-', '_']).next().unwrap_or_default();
        if (2..=3).contains(&code.len()) && code.bytes().all(|b| b.is_ascii_alphabetic()) {
            Ok(Self(code.to_ascii_lowercase()))
        } else {
            Err(AttackFault::Language(text.to_owned()).into())
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codes() {
        for (text, code) in [("de", "de"), ("DEU", "deu"), ("pt-BR", "pt"), ("sr_Cyrl", "sr")] {
            assert_eq!(text.parse::<Language>().unwrap().code(), code);
        }
        assert!(["", "d", "german", "d1", "-de"].iter().all(|text| text.parse::<Language>().is_err()));
    }
}
