//! Where models compute and documents are searched.

use std::fmt;

#[cfg(feature = "cuda")]
use super::cuda::{Device, Error, keeps_contract};

/// The processors, or cards. Results do not depend on it.
#[derive(Clone, Debug, Default)]
pub struct Devices {
    /// None: the processors.
    #[cfg(feature = "cuda")]
    cards: Vec<Device>,
}

/// Why there is no card, or none that is used.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NoCard {
    /// What is missing, or what the card says.
    #[cfg(feature = "cuda")]
    #[error(transparent)]
    Failed(#[from] Error),
    /// It does not keep the contract.
    #[error("{0} FAILS THE CONTRACT'S SELF-TEST: do not trust its results, use --device cpu, and please report it")]
    Untrusted(String),
    /// The program knows of none.
    #[error("this program was built without the feature cuda: it computes on processors only")]
    NotBuilt,
}

impl Devices {
    /// The processors.
    #[must_use]
    pub fn processors() -> Self {
        Self::default()
    }

    /// NVIDIA cards with these numbers, each of which has just passed the contract's self-test.
    ///
    /// # Errors
    /// What is missing: the feature `cuda`, the driver, a card; a card that does not keep the contract.
    #[cfg(feature = "cuda")]
    pub fn cards(ordinals: &[usize]) -> Result<Self, NoCard> {
        let opened: Result<Vec<Device>, _> = ordinals.iter().map(|ordinal| Device::card(*ordinal)).collect();
        Self::of(opened?)
    }

    /// As above, of a program that has no cards.
    ///
    /// # Errors
    /// Always.
    #[cfg(not(feature = "cuda"))]
    pub fn cards(_: &[usize]) -> Result<Self, NoCard> {
        Err(NoCard::NotBuilt)
    }

    /// These devices, whatever they are, once each has passed the contract's self-test.
    ///
    /// # Errors
    /// One does not pass.
    #[cfg(feature = "cuda")]
    pub fn of(cards: Vec<Device>) -> Result<Self, NoCard> {
        for card in &cards {
            if !keeps_contract(card)? {
                return Err(NoCard::Untrusted(card.name().to_owned()));
            }
        }
        Ok(Self { cards })
    }

    /// The cards; none where the processors compute.
    #[cfg(feature = "cuda")]
    #[must_use]
    pub fn as_cards(&self) -> &[Device] {
        &self.cards
    }
}

impl fmt::Display for Devices {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        #[cfg(feature = "cuda")]
        if !self.cards.is_empty() {
            let names: Vec<&str> = self.cards.iter().map(Device::name).collect();
            return f.write_str(&names.join(", "));
        }
        f.write_str("processors")
    }
}
