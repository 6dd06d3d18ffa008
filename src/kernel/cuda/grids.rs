//! Rows and columns on their grids, on the device.

use super::call::Call;
use super::faults::Stage;
use super::texts::Texts;
use super::{Buffer, Device, Error};
use crate::kernel::product::MAX_TERMS;

/// As many terms the kernels sum in 32 bits that have not been joined (`tile.cuh`); products of longer rows do it in parts, attention and late interaction do not.
pub(super) const BLOCK_TERMS: usize = 32_768;

/// Digits come in steps of so many terms.
const STEP: usize = 32;
/// A column block of `grid_columns`, and its threads.
const COLUMNS: usize = 32;
const THREADS: u32 = 256;

/// Rows on their 24-bit grids, [`crate::kernel::reference::grid`]: an operand of a product, left or right.
pub struct Grids {
    /// [3, rows, stride]: the digits of weight 1, 2^8 and 2^16.
    pub(super) digits: Buffer<i8>,
    pub(super) exponents: Buffer<i32>,
    pub(super) rows: usize,
    pub(super) k: usize,
    pub(super) stride: usize,
}

/// Columns of texts on their grids: for each text those of its attended rows.
pub(super) struct ColumnGrids {
    pub(super) digits: Buffer<i8>,
    /// [texts, columns].
    pub(super) exponents: Buffer<i32>,
    /// Where each text's digits begin in a plane, and how long a plane is.
    pub(super) offsets: Buffer<i64>,
    pub(super) plane: usize,
}

/// Which numbers of a buffer are rows: row r begins at offset + (r / inner)·outer + (r % inner)·between and has k numbers.
#[derive(Clone, Copy, Debug)]
pub struct Reading {
    /// Where the first row begins.
    pub offset: usize,
    /// How many rows there are.
    pub rows: usize,
    /// How many numbers each has.
    pub k: usize,
    /// Rows that follow each other at the distance `between`.
    pub inner: usize,
    /// The distance of groups of `inner` rows.
    pub outer: usize,
    /// The distance of rows in a group.
    pub between: usize,
}

impl Reading {
    /// A matrix [rows, k] as it lies.
    #[must_use]
    pub fn matrix(rows: usize, k: usize) -> Self {
        Self { offset: 0, rows, k, inner: 1, outer: k, between: 0 }
    }

    /// One more than the last place that is read.
    fn end(&self) -> usize {
        if self.rows == 0 || self.k == 0 {
            return self.offset;
        }
        let groups = (self.rows - 1) / self.inner;
        let last = self.inner.min(self.rows) - 1;
        self.offset + groups * self.outer + last * self.between + self.k
    }
}

impl Grids {
    /// No rows yet.
    ///
    /// # Errors
    /// As the device says.
    pub fn new(device: &Device) -> Result<Self, Error> {
        let (digits, exponents) = (device.allocate(0)?, device.allocate(0)?);
        Ok(Self { digits, exponents, rows: 0, k: 0, stride: 0 })
    }

    /// Every row of `matrix` [rows, k] on a grid of its own. The first row that is not finite is reported to the stage.
    ///
    /// # Errors
    /// As the device says.
    ///
    /// # Panics
    /// As [`Self::fill`].
    pub fn of(matrix: &Buffer<f32>, rows: usize, k: usize, stage: Stage<'_>) -> Result<Self, Error> {
        let mut grids = Self::new(matrix.device())?;
        grids.fill(matrix, Reading::matrix(rows, k), Some(stage))?;
        Ok(grids)
    }

    /// Holds these rows instead of those it held, in the same memory where that is enough. The first row that is not finite is reported, divided by
    /// `inner`; without a stage it is not, and the products that it is in are NaN.
    ///
    /// # Errors
    /// As the device says.
    ///
    /// # Panics
    /// Rows that are not all in `x`, or are longer than [`MAX_TERMS`]; no `inner`.
    #[allow(unsafe_code)]
    pub fn fill(&mut self, x: &Buffer<f32>, reading: Reading, stage: Option<Stage<'_>>) -> Result<(), Error> {
        let Reading { offset, rows, k, inner, outer, between } = reading;
        assert!(inner > 0 && reading.end() <= x.len(), "rows within the buffer");
        self.resize(rows, k)?;
        let call = Call::new(x.device(), "grid_rows").buffer_from(x, offset).long(rows).int(k).int(inner);
        let call = call.long(outer).long(between).buffer(&self.digits).int(self.stride).buffer(&self.exponents);
        // SAFETY: rows are within x, and digits and exponents have just got their sizes.
        unsafe { report_to(call, stage).launch_warps(rows) }
    }

    /// The columns of `matrix` [rows, columns], which has the rows of one text: an operand [columns, rows], the transposed one.
    ///
    /// # Errors
    /// As the device says.
    ///
    /// # Panics
    /// Another shape; columns longer than [`MAX_TERMS`].
    pub fn fill_transposed(
        &mut self,
        matrix: &Buffer<f32>,
        rows: usize,
        columns: usize,
        stage: Stage<'_>,
    ) -> Result<(), Error> {
        assert_eq!(matrix.len(), rows * columns, "shape of a matrix");
        self.resize(columns, rows)?;
        let device = matrix.device();
        let int = |x: usize| i32::try_from(x).expect("fewer than 2^31 rows");
        let (start, length, offset) = (device.upload(&[0])?, device.upload(&[int(rows)])?, device.upload(&[0i64])?);
        let ragged = Ragged { texts: 1, starts: &start, lengths: &length, offsets: &offset, row: columns, columns };
        ragged.launch(matrix, 0, &self.digits, columns * self.stride, &self.exponents, Some(stage))
    }

    /// How many rows there are.
    #[must_use]
    pub fn count(&self) -> usize {
        self.rows
    }

    fn resize(&mut self, rows: usize, k: usize) -> Result<(), Error> {
        assert!(k <= MAX_TERMS, "no longer than {MAX_TERMS}");
        (self.rows, self.k, self.stride) = (rows, k, k.next_multiple_of(STEP));
        self.digits.resize(3 * rows * self.stride)?;
        self.exponents.resize(rows)
    }
}

impl ColumnGrids {
    /// No columns yet.
    pub(super) fn new(device: &Device) -> Result<Self, Error> {
        let (digits, exponents, offsets) = (device.allocate(0)?, device.allocate(0)?, device.allocate(0)?);
        Ok(Self { digits, exponents, offsets, plane: 0 })
    }

    /// Holds `columns` columns of x, whose rows are `row` apart, from `offset` on: for each text those of its attended rows.
    pub(super) fn fill(
        &mut self,
        x: &Buffer<f32>,
        offset: usize,
        row: usize,
        columns: usize,
        texts: &Texts,
        stage: Stage<'_>,
    ) -> Result<(), Error> {
        assert!(offset + columns <= row && texts.tokens * row <= x.len(), "columns within the buffer");
        self.plane = texts.padded * columns;
        self.digits.resize(3 * self.plane)?;
        self.exponents.resize(texts.count * columns)?;
        self.offsets.resize(texts.count)?;
        self.offsets.upload(&texts.before.iter().map(|before| (before * columns) as i64).collect::<Vec<_>>())?;
        let (starts, lengths, offsets) = (&texts.starts, &texts.attended, &self.offsets);
        let ragged = Ragged { texts: texts.count, starts, lengths, offsets, row, columns };
        ragged.launch(x, offset, &self.digits, self.plane, &self.exponents, Some(stage))
    }
}

/// What `grid_columns` reads.
struct Ragged<'a> {
    texts: usize,
    starts: &'a Buffer<i32>,
    lengths: &'a Buffer<i32>,
    offsets: &'a Buffer<i64>,
    row: usize,
    columns: usize,
}

impl Ragged<'_> {
    /// Callers have seen to it that rows are within `x` and digits and exponents have room for them.
    #[allow(unsafe_code)]
    fn launch(
        &self,
        x: &Buffer<f32>,
        offset: usize,
        digits: &Buffer<i8>,
        plane: usize,
        exponents: &Buffer<i32>,
        stage: Option<Stage<'_>>,
    ) -> Result<(), Error> {
        let call = Call::new(x.device(), "grid_columns").buffer_from(x, offset).long(self.row).int(self.columns);
        let call = call.buffer(self.starts).buffer(self.lengths).buffer(self.offsets);
        let call = report_to(call.buffer(digits).long(plane).buffer(exponents), stage);
        // SAFETY: the callers'.
        unsafe { call.launch([self.columns.div_ceil(COLUMNS), self.texts, 1], THREADS, 0) }
    }
}

/// Adds the place of a stage's fault.
pub(super) fn report_to<'a>(call: Call<'a>, stage: Option<Stage<'_>>) -> Call<'a> {
    match stage.as_ref().map(Stage::place) {
        Some((rows, index)) => call.buffer_from(rows, index),
        None => call.optional::<i32>(None),
    }
}
