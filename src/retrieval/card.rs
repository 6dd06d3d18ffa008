//! Dense retrieval on a card: queries stay there, documents pass through, and of each part only the best come back.

use ndarray::{ArrayView2, Axis};

use super::Hit;
use super::best::Best;
use super::fault::RetrievalFault;
use crate::kernel::cuda::grids::{Grids, Reading};
use crate::kernel::cuda::product::{Epilogue, product};
use crate::kernel::cuda::select::{MAX_BEST, best};
use crate::kernel::cuda::{Buffer, Device, Error, Faults};
use crate::kernel::devices::Devices;

/// Documents at once, if the memory has room for their scores.
const DOCUMENTS: usize = 16_384;

/// What of a card's free memory scores may take.
const SHARE: f64 = 0.25;

/// Opens a search for so many documents of each query on the first card, if there is one that can: it may have no room for the queries, or not keep as many.
pub(super) fn open<T>(
    devices: &Devices,
    k: usize,
    open: impl FnOnce(&Device) -> Result<T, RetrievalFault>,
) -> Result<Option<T>, RetrievalFault> {
    let Some(device) = devices.as_cards().first().filter(|_| (1..=MAX_BEST).contains(&k)) else { return Ok(None) };
    match open(device) {
        Err(RetrievalFault::Card(Error::Memory { .. } | Error::TooLarge(_))) => Ok(None),
        opened => opened.map(Some),
    }
}

/// A search on a card.
pub(super) struct Card {
    queries: Grids,
    count: usize,
    k: usize,
    /// How many documents pass through at once.
    at_once: usize,
    block: Buffer<f32>,
    documents: Grids,
    scores: Buffer<f32>,
    best: Best,
}

impl Card {
    /// As [`super::dense::Search::of`].
    pub(super) fn of(device: &Device, queries: ArrayView2<'_, f32>, k: usize) -> Result<Self, RetrievalFault> {
        let (count, width) = queries.dim();
        let faults = Faults::new(device, 1)?;
        let given = device.upload(&queries.iter().copied().collect::<Vec<f32>>())?;
        let queries = Grids::of(&given, count, width, faults.stage(0))?;
        if let Some(fault) = faults.first()? {
            return Err(RetrievalFault::Row { side: "query", row: fault.row });
        }
        let (free, _) = device.memory()?;
        let room = (free as f64 * SHARE) as usize / (4 * count.max(1));
        let (block, scores, documents) = (device.allocate(0)?, device.allocate(0)?, Grids::new(device)?);
        let at_once = room.clamp(1, DOCUMENTS);
        Ok(Self { queries, count, k, at_once, block, documents, scores, best: Best::new(count, k) })
    }

    /// As [`super::dense::Search::add`]; the first of `block` has row `first` in the corpus.
    pub(super) fn add(&mut self, block: ArrayView2<'_, f32>, first: usize) -> Result<(), RetrievalFault> {
        let mut seen = 0;
        while seen < block.nrows() {
            let end = block.nrows().min(seen + self.at_once);
            let part = block.slice_axis(Axis(0), (seen..end).into());
            match self.search(part, first + seen) {
                Ok(None) => seen = end,
                Ok(Some(row)) => return Err(RetrievalFault::Row { side: "corpus", row: first + seen + row }),
                Err(Error::Memory { .. }) if end - seen > 1 => {
                    self.at_once = (end - seen).div_ceil(2);
                    // What has grown for so many would be missing for fewer.
                    let device = self.block.device().clone();
                    (self.block, self.scores) = (device.allocate(0)?, device.allocate(0)?);
                    self.documents = Grids::new(&device)?;
                }
                Err(error) => return Err(error.into()),
            }
        }
        Ok(())
    }

    /// Searches some documents; says the first that is not finite.
    fn search(&mut self, part: ArrayView2<'_, f32>, first: usize) -> Result<Option<usize>, Error> {
        let (rows, width) = part.dim();
        let faults = Faults::new(self.block.device(), 1)?;
        self.block.resize(rows * width)?;
        match part.as_slice() {
            Some(values) => self.block.upload(values)?,
            None => self.block.upload(&part.iter().copied().collect::<Vec<f32>>())?,
        }
        self.documents.fill(&self.block, Reading::matrix(rows, width), Some(faults.stage(0)))?;
        self.scores.resize(self.count * rows)?;
        product(&self.queries, &self.documents, &Epilogue::default(), &mut self.scores)?;
        if let Some(fault) = faults.first()? {
            return Ok(Some(fault.row));
        }
        let (places, scores) = best(&self.scores, rows, self.k.min(rows))?;
        self.best.offer_some(&places.download()?, &scores.download()?, first);
        Ok(None)
    }

    /// As [`super::dense::Search::finish`].
    pub(super) fn finish(self) -> Vec<Vec<Hit>> {
        self.best.finish().collect()
    }
}
