//! Where models compute.

use std::fmt;

use super::{EncoderFault, Model};
use crate::Result;
#[cfg(feature = "cuda")]
use crate::kernel::cuda::{Device, keeps_contract};

/// The processors, or cards. Results do not depend on it.
#[derive(Clone, Debug, Default)]
pub struct Devices {
    /// None: the processors.
    #[cfg(feature = "cuda")]
    pub(super) cards: Vec<Device>,
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
    pub fn cards(ordinals: &[usize]) -> Result<Self> {
        let opened: Result<Vec<Device>, _> = ordinals.iter().map(|ordinal| Device::card(*ordinal)).collect();
        Self::of(opened.map_err(EncoderFault::Card)?)
    }

    /// As above, of a program that has no cards.
    ///
    /// # Errors
    /// Always.
    #[cfg(not(feature = "cuda"))]
    pub fn cards(_: &[usize]) -> Result<Self> {
        Err(EncoderFault::NoCards.into())
    }

    /// These devices, whatever they are, once each has passed the contract's self-test.
    ///
    /// # Errors
    /// One does not pass.
    #[cfg(feature = "cuda")]
    pub fn of(cards: Vec<Device>) -> Result<Self> {
        for card in &cards {
            if !keeps_contract(card).map_err(EncoderFault::Card)? {
                return Err(EncoderFault::Untrusted { device: card.name().to_owned() }.into());
            }
        }
        Ok(Self { cards })
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

impl Model {
    /// The same model, whose states and embeddings are computed there: the same bits. Gradients are computed on processors all the same.
    #[must_use]
    pub fn on(mut self, devices: &Devices) -> Self {
        self.cards = super::cards::Cards::on(devices);
        self
    }
}
