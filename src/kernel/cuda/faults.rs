//! Where values that are not finite turned up, without waiting for the device in between.

use super::{Buffer, Device, Error};

/// For each stage of a computation the first row that had a value which is not finite.
pub struct Faults {
    rows: Buffer<i32>,
}

/// A stage, for what computes it to report to.
#[derive(Clone, Copy)]
pub struct Stage<'a> {
    faults: &'a Faults,
    index: usize,
}

/// Where the first value that is not finite was met.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Fault {
    /// In which stage.
    pub stage: usize,
    /// In which of its rows: what a row is, each operation says.
    pub row: usize,
}

impl Faults {
    /// None yet in this many stages.
    ///
    /// # Errors
    /// As the device says.
    pub fn new(device: &Device, stages: usize) -> Result<Self, Error> {
        Ok(Self { rows: device.upload(&vec![i32::MAX; stages])? })
    }

    /// A stage.
    ///
    /// # Panics
    /// One that there is not.
    #[must_use]
    pub fn stage(&self, index: usize) -> Stage<'_> {
        assert!(index < self.rows.len(), "one of the stages");
        Stage { faults: self, index }
    }

    /// The first row of the first stage that met something, once the device has done all it was asked to.
    ///
    /// # Errors
    /// As the device says.
    pub fn first(&self) -> Result<Option<Fault>, Error> {
        let rows = self.rows.download()?;
        let first = rows.iter().position(|row| *row != i32::MAX);
        Ok(first.map(|stage| Fault { stage, row: rows[stage] as usize }))
    }
}

impl Stage<'_> {
    /// The stages' rows, and which of them is this stage's.
    pub(super) fn place(&self) -> (&Buffer<i32>, usize) {
        (&self.faults.rows, self.index)
    }
}
