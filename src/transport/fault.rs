//! What can be wrong with a transport problem.

/// Rows or columns of a problem.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Side {
    Rows,
    Columns,
}

impl std::fmt::Display for Side {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::Rows => "row",
            Self::Columns => "column",
        })
    }
}

#[derive(Debug, thiserror::Error)]
pub(crate) enum TransportFault {
    #[error("a cost matrix of {rows} rows and {columns} columns has nothing to transport")]
    Empty { rows: usize, columns: usize },
    #[error("the cost in row {row}, column {column} (from 0) is {value}; costs are from 0 to 1e300")]
    Cost { row: usize, column: usize, value: f64 },
    #[error("the mass of {side} {index} (from 0) is {value}; masses are finite and not negative")]
    Mass { side: Side, index: usize, value: f64 },
    #[error("there are {masses} {side} masses for {costs} {side}s of costs")]
    Count { side: Side, masses: usize, costs: usize },
    #[error("the {side} masses sum to {total}; a sum is from 1e-100 to 1e100")]
    Total { side: Side, total: f64 },
    #[error(
        "row masses sum to {rows}, column masses to {columns}: only rounding is compensated; scale one side, or let mass be left (unbalanced, partial)"
    )]
    Imbalance { rows: f64, columns: f64 },
    #[error("costs, masses and parameters are so far apart that f64 cannot hold the plan")]
    Range,
    #[error("{name} is {value}; {expected}")]
    Parameter { name: &'static str, value: f64, expected: &'static str },
    #[error(
        "ε = {epsilon:e} is too small: with costs up to {largest}, f64 cannot tell plans apart below ε = {least:e}; the exact solver needs none"
    )]
    Epsilon { epsilon: f64, largest: f64, least: f64 },
    #[error("{what} at row {row} is not finite")]
    NotFinite { what: &'static str, row: usize },
    #[error("row {row} is zero: it has no direction, and no cosine distance")]
    Zero { row: usize },
    #[error("rows are {left} wide on one side and {right} on the other")]
    Width { left: usize, right: usize },
}

impl crate::error::Fault for TransportFault {}
