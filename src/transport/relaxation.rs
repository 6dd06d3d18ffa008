//! Over-relaxation of matrix scaling: every step goes ω times as far as it would (Thibault, Chizat, Dossal & Papadakis, "Overrelaxed Sinkhorn–Knopp
//! algorithm for regularized optimal transport", Algorithms 14, 2021).
//!
//! Plain steps reduce the error by a factor η each; where η is near 1, ω = 2/(1 + √(1 − η)) takes some 1/√(1 − η) iterations for 1/(1 − η). What is seen under any ω tells η: a
//! reduction by λ > ω − 1 means η = (λ + ω − 1)²/(λ ω²) (Young's relation for successive over-relaxation).

use super::Status;
use super::scaling::Scaling;
use crate::kernel::real;

/// Iterations from whose first and last error a reduction is found.
const WINDOW: usize = 16;

/// Up to this η plain steps, which need no logarithms, are as fast.
const FAST: f64 = 0.75;

/// Iterates until a plain step finds the error to be no more than `enough`, over-relaxed where plain steps are slow. Returns how often, and how it ended.
pub(super) fn converge(scaling: &mut Scaling<'_>, enough: f64, limit: usize) -> (usize, Status) {
    let mut relaxation = Relaxation::new();
    scaling.omega = relaxation.omega;
    for done in 1..=limit {
        if done == limit {
            // Whatever comes of it is left by a plain step, which leaves one side exact.
            scaling.omega = 1.0;
        }
        let off = scaling.iterate();
        if off <= enough {
            if scaling.omega == 1.0 {
                return (done, Status::Converged);
            }
            // Over-relaxed steps leave both sides a little off, which plain ones set right.
            relaxation = Relaxation::new();
        } else {
            relaxation.note(off);
        }
        scaling.omega = relaxation.omega;
    }
    (limit, Status::IterationLimit)
}

/// ω, found as the errors come.
struct Relaxation {
    omega: f64,
    /// Iterations of this window, and the error after its first.
    seen: usize,
    first: f64,
}

impl Relaxation {
    fn new() -> Self {
        Self { omega: 1.0, seen: 0, first: 0.0 }
    }

    /// Takes note of the error of an iteration with this ω.
    fn note(&mut self, error: f64) {
        self.seen += 1;
        if self.seen == 1 {
            self.first = error;
        } else if self.seen == WINDOW {
            self.choose(error / self.first);
            self.seen = 0;
        }
    }

    /// The next ω, after a window that has reduced the error to this share.
    fn choose(&mut self, share: f64) {
        // Errors that grow, or are no numbers.
        if share.is_nan() || share >= 1.0 {
            self.omega = 1.0;
            return;
        }
        let reduction = real::exp(real::ln(share) / (WINDOW - 1) as f64);
        let beyond = self.omega - 1.0;
        // Beyond the best ω every error shrinks by ω − 1: it tells no more.
        if reduction > beyond {
            let eta = (reduction + beyond) * (reduction + beyond) / (reduction * self.omega * self.omega);
            self.omega = if eta > FAST && eta < 1.0 { 2.0 / (1.0 + (1.0 - eta).sqrt()) } else { self.omega };
        }
    }
}
