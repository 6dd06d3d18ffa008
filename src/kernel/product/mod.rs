//! Exact matrix products, fast.
//!
//! Rows and columns are put on their 24-bit grids once, when they are packed, in the form that the machine's fastest unit wants. A product is
//! then sums of integers, which no order can change, and what follows it in a network (bias, activation, residual) is applied while the
//! results are still in registers or in the nearest cache.
//!
//! | form | unit | file |
//! |---|---|---|
//! | integers held in f64, blocks of 128 terms | any: SSE2, AVX2, AVX-512, NEON | `float` |
//! | two digits of 12 bits, three products | AVX-512 VNNI (`vpdpwssd`) | `int16` |
//! | three digits of 8 bits, nine products | AMX (`tdpbssd`) | `int8` |
//!
//! Operands carry their form with them: what was packed for one instruction set stays usable when another is forced.

pub mod epilogue;
mod float;
mod grid;
#[cfg(target_arch = "x86_64")]
mod int16;
#[cfg(target_arch = "x86_64")]
mod int8;
#[cfg(test)]
mod tests;

use ndarray::{ArrayView2, ArrayViewMut2};

use epilogue::Out;
pub use epilogue::{Activation, Epilogue};

use super::NotFinite;
use super::isa::Isa;
use super::team::Team;

/// The longest row whose exact sum fits i64: 2^63/8,355,711².
pub const MAX_TERMS: usize = 132_104;

/// Columns of a panel, the unit in which right operands are packed.
const PANEL: usize = 16;

/// Fewer multiplications than this are not worth another thread: about 7 µs.
const SPLIT: usize = 1 << 18;

/// In which form operands are packed: one that this processor can use. Both operands of a product have the same.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Form(Kind);

/// The forms. Private, so that none is asked for where its instructions are missing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    /// Integers held in f64.
    Float,
    /// Two digits of 12 bits.
    #[cfg(target_arch = "x86_64")]
    Int16,
    /// Three digits of 8 bits.
    #[cfg(target_arch = "x86_64")]
    Int8,
}

impl Form {
    /// The fastest one for the instruction set in use.
    #[must_use]
    pub fn active() -> Self {
        Self(match Isa::active() {
            #[cfg(target_arch = "x86_64")]
            Isa::Avx512 if int16::present() => Kind::Int16,
            #[cfg(target_arch = "x86_64")]
            Isa::Amx => Kind::Int8,
            _ => Kind::Float,
        })
    }
}

/// The left operand of a product: rows on their grids.
pub struct Rows {
    form: Form,
    k: usize,
    /// The e of each row's grid.
    exponents: Vec<i32>,
    float: Vec<f64>,
    #[cfg(target_arch = "x86_64")]
    int16: Vec<int16::Line>,
    #[cfg(target_arch = "x86_64")]
    int8: Vec<int8::Line>,
}

/// The right operand of a product: columns on their grids, in panels of 16.
pub struct Columns {
    form: Form,
    k: usize,
    /// The e of each column's grid.
    exponents: Vec<i32>,
    float: Vec<float::Line>,
    #[cfg(target_arch = "x86_64")]
    int16: Vec<int16::Line>,
    #[cfg(target_arch = "x86_64")]
    int8: Vec<int8::Line>,
}

impl Rows {
    /// No rows yet, in this form.
    #[must_use]
    pub fn new(form: Form) -> Self {
        Self {
            form,
            k: 0,
            exponents: Vec::new(),
            float: Vec::new(),
            #[cfg(target_arch = "x86_64")]
            int16: Vec::new(),
            #[cfg(target_arch = "x86_64")]
            int8: Vec::new(),
        }
    }

    /// Puts every row of `matrix` [m, k] on a grid of its own.
    ///
    /// # Errors
    /// A value that is not finite, with its row.
    ///
    /// # Panics
    /// A row longer than [`MAX_TERMS`].
    pub fn of(matrix: ArrayView2<'_, f32>, form: Form) -> Result<Self, NotFinite> {
        let mut rows = Self::new(form);
        rows.fill(matrix)?;
        Ok(rows)
    }

    /// Holds these rows instead of those it held, in the same memory where that is enough.
    ///
    /// # Errors
    /// As [`Self::of`].
    ///
    /// # Panics
    /// As [`Self::of`].
    pub fn fill(&mut self, matrix: ArrayView2<'_, f32>) -> Result<(), NotFinite> {
        self.fill_with(&Team::alone(), matrix)
    }

    /// As [`Self::fill`], shared among a team.
    ///
    /// # Errors
    /// As [`Self::of`].
    ///
    /// # Panics
    /// As [`Self::of`].
    pub fn fill_with(&mut self, team: &Team<'_>, matrix: ArrayView2<'_, f32>) -> Result<(), NotFinite> {
        self.k = checked(matrix.ncols());
        self.exponents.resize(matrix.nrows(), 0);
        match self.form.0 {
            Kind::Float => float::pack_rows(team, matrix, &mut self.exponents, &mut self.float),
            #[cfg(target_arch = "x86_64")]
            Kind::Int16 => int16::pack_rows(team, matrix, &mut self.exponents, &mut self.int16),
            #[cfg(target_arch = "x86_64")]
            Kind::Int8 => int8::pack_rows(team, matrix, &mut self.exponents, &mut self.int8),
        }
    }

    /// How many rows there are.
    #[must_use]
    pub fn count(&self) -> usize {
        self.exponents.len()
    }
}

impl Columns {
    /// No columns yet, in this form.
    #[must_use]
    pub fn new(form: Form) -> Self {
        Self {
            form,
            k: 0,
            exponents: Vec::new(),
            float: Vec::new(),
            #[cfg(target_arch = "x86_64")]
            int16: Vec::new(),
            #[cfg(target_arch = "x86_64")]
            int8: Vec::new(),
        }
    }

    /// Puts every row of `transposed` [n, k], a column of the right operand each, on a grid of its own, and packs them.
    ///
    /// # Errors
    /// A value that is not finite, with its row.
    ///
    /// # Panics
    /// A row longer than [`MAX_TERMS`].
    pub fn of(transposed: ArrayView2<'_, f32>, form: Form) -> Result<Self, NotFinite> {
        let mut columns = Self::new(form);
        columns.fill(transposed)?;
        Ok(columns)
    }

    /// Holds these columns instead of those it held, in the same memory where that is enough.
    ///
    /// # Errors
    /// As [`Self::of`].
    ///
    /// # Panics
    /// As [`Self::of`].
    pub fn fill(&mut self, transposed: ArrayView2<'_, f32>) -> Result<(), NotFinite> {
        self.fill_with(&Team::alone(), transposed)
    }

    /// As [`Self::fill`], shared among a team.
    ///
    /// # Errors
    /// As [`Self::of`].
    ///
    /// # Panics
    /// As [`Self::of`].
    pub fn fill_with(&mut self, team: &Team<'_>, transposed: ArrayView2<'_, f32>) -> Result<(), NotFinite> {
        self.k = checked(transposed.ncols());
        self.exponents.resize(transposed.nrows(), 0);
        match self.form.0 {
            Kind::Float => float::pack_columns(team, transposed, &mut self.exponents, &mut self.float),
            #[cfg(target_arch = "x86_64")]
            Kind::Int16 => int16::pack_columns(team, transposed, &mut self.exponents, &mut self.int16),
            #[cfg(target_arch = "x86_64")]
            Kind::Int8 => int8::pack_columns(team, transposed, &mut self.exponents, &mut self.int8),
        }
    }

    /// The form in which they are packed.
    #[must_use]
    pub fn form(&self) -> Form {
        self.form
    }

    /// How many columns there are.
    #[must_use]
    pub fn count(&self) -> usize {
        self.exponents.len()
    }
}

fn checked(k: usize) -> usize {
    assert!(k <= MAX_TERMS, "a row of {k} terms could overflow its sum");
    k
}

/// The exact product of `a` [m, k] and `b` [k, n] into `out` [m, n]: [`super::reference::product`].
///
/// # Panics
/// Shapes that do not fit each other, rows of `out` that do not lie contiguously, operands in different forms.
pub fn product(a: &Rows, b: &Columns, out: ArrayViewMut2<'_, f32>) {
    product_then(&Team::alone(), a, b, &Epilogue::default(), out);
}

/// The exact product, then bias, activation and residual, each rounded separately and in this order; shared among the threads of a team.
///
/// # Panics
/// As [`product`], and shapes of the epilogue's parts.
pub fn product_then(team: &Team<'_>, a: &Rows, b: &Columns, epilogue: &Epilogue<'_>, out: ArrayViewMut2<'_, f32>) {
    let out = checked_out(a, b, epilogue, out);
    let count = b.count().div_ceil(PANEL);
    let parts = team.parts(count, a.count() * a.k * b.count(), SPLIT);
    team.each(parts, |part| panels(a, b, epilogue, &out, count * part / parts..count * (part + 1) / parts));
}

fn checked_out<'a>(a: &Rows, b: &Columns, epilogue: &Epilogue<'_>, out: ArrayViewMut2<'a, f32>) -> Out<'a> {
    assert_eq!((a.k, a.count(), b.count()), (b.k, out.nrows(), out.ncols()), "shapes of a product");
    assert_eq!(a.form, b.form, "both operands of a product have one form");
    epilogue.check(a.count(), b.count());
    Out::new(out)
}

/// The outputs of some panels.
fn panels(a: &Rows, b: &Columns, epilogue: &Epilogue<'_>, out: &Out<'_>, range: std::ops::Range<usize>) {
    match a.form.0 {
        Kind::Float => float::panels(a, b, epilogue, out, range),
        #[cfg(target_arch = "x86_64")]
        Kind::Int16 => int16::panels(a, b, epilogue, out, range),
        #[cfg(target_arch = "x86_64")]
        Kind::Int8 => int8::panels(a, b, epilogue, out, range),
    }
}
