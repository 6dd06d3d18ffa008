//! Attacks on word embeddings: the worst shift within a ball, which no text need have. FGSM (Goodfellow et al., ICLR 2015, arXiv 1412.6572, §4), PGD (Madry et al., ICLR
//! 2018, arXiv 1706.06083, eq. 1; of texts Miyato et al., ICLR 2017, arXiv 1605.07725), FreeLB's inner loop (Zhu et al., ICLR 2020, arXiv 1909.11764, algorithm 1).

use std::fmt;

use ndarray::Array2;

use super::flips::Flips;
use super::search::{Outcome, State};
use super::victim::{self, Query, Standing, Victim};
use crate::Result;
use crate::encoder::{Located, Tokens};
use crate::kernel::random::Stream;
use crate::kernel::rows;

/// Which shifts are as large as can be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Norm {
    /// Every number of every token by itself: L∞.
    Number,
    /// Every token's L2 norm.
    Token,
    /// The L2 norm of all tokens together (Frobenius).
    Text,
}

/// A search for the worst shift of a text's own tokens: those of a prefix and the tokeniser's stay.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Ball {
    /// The ball.
    pub norm: Norm,
    /// How large, as a share of the tokens' root mean square length: of a number that over the root of the width, of a text that times the root of its tokens.
    pub radius: f64,
    /// How many steps.
    pub steps: usize,
    /// How long a step, as a share of the radius.
    pub stride: f64,
    /// Whether it begins somewhere in the ball that is drawn with this seed, rather than in the middle.
    pub start: Option<u64>,
}

impl Ball {
    /// One step to the edge of an L∞ ball.
    #[must_use]
    pub fn fgsm(radius: f64) -> Self {
        Self { norm: Norm::Number, radius, steps: 1, stride: 1.0, start: None }
    }

    /// Steps whose length is such that two and a half radii can be gone, as its authors do.
    #[must_use]
    pub fn pgd(norm: Norm, radius: f64, steps: usize) -> Self {
        Self { norm, radius, steps, stride: 2.5 / steps as f64, start: None }
    }

    /// From a start that is drawn, in a ball of whole texts.
    #[must_use]
    pub fn free_lb(radius: f64, steps: usize, seed: u64) -> Self {
        Self { start: Some(seed), ..Self::pgd(Norm::Text, radius, steps) }
    }

    /// What becomes of each query, before any step and after each: its worst so far. Queries suit the victim. With `real`, points within the ball are judged, and
    /// slopes taken, at the nearest embeddings of real tokens (Wen et al., NeurIPS 2023, arXiv 2302.03668, algorithm 1): the edits of a state are then the tokens
    /// that were exchanged. Texts stay as they are.
    ///
    /// # Errors
    /// As [`Victim::look`] and [`crate::encoder::Model::gradients`].
    pub fn attack(&self, victim: &Victim<'_>, queries: &[Query], real: Option<&Flips>) -> Result<Vec<Outcome>> {
        let texts: Vec<&str> = queries.iter().map(|query| query.text.as_str()).collect();
        let relevant: Vec<&[usize]> = queries.iter().map(|query| query.relevant.as_slice()).collect();
        let located = victim.model().locate(&victim.recipe().prefix, &texts)?;
        let mut tokens = Tokens::from(&located[..]);
        let words = victim.model().word_embeddings(tokens.ids())?;
        let own = |(found, first): (&Located, &usize)| found.own().into_iter().map(|token| first + token).collect();
        let own: Vec<Vec<usize>> = located.iter().zip(tokens.offsets()).map(own).collect();
        let radii: Vec<f64> = own.iter().map(|rows| self.size(rows, &words)).collect();
        let mut shift = self.start(queries, &own, &radii, words.dim());

        let mut standings = victim.look(&texts, &relevant)?;
        let start = |(text, standing): (&&str, &Standing)| Outcome {
            states: vec![State { text: (*text).to_owned(), edits: 0, standing: *standing }],
            tried: 1,
        };
        let mut outcomes: Vec<Outcome> = texts.iter().zip(&standings).map(start).collect();
        for step in 0..=self.steps {
            let mut edits = vec![0; queries.len()];
            if let Some(flips) = real {
                let exchanged = flips.nearest(victim.model(), &located, &(&words + &shift))?;
                let differ = |(a, b): (&Located, &Located)| a.ids.iter().zip(&b.ids).filter(|(a, b)| a != b).count();
                edits = located.iter().zip(&exchanged).map(differ).collect();
                tokens = Tokens::from(&exchanged[..]);
            }
            let shown = real.is_none().then(|| shift.view());
            // Nothing goes on after the last step: no slopes.
            let slopes = (step < self.steps).then(|| victim.slopes(&located, &tokens, &standings, shown));
            let (embeddings, slopes) = match slopes.transpose()? {
                Some(slopes) => (slopes.given, Some(slopes.words)),
                None => (victim.shifted(&tokens, shown)?, None),
            };
            standings = victim.standings(victim::rows(embeddings, words.ncols()).view(), &relevant)?;
            if step > 0 {
                for ((outcome, standing), edits) in outcomes.iter_mut().zip(&standings).zip(edits) {
                    outcome.note(*standing, edits);
                }
            }
            for (rows, radius) in own.iter().zip(&radii) {
                slopes.iter().for_each(|slopes| self.advance(&mut shift, slopes, rows, *radius));
            }
        }
        Ok(outcomes)
    }

    /// Where each text's shift begins.
    fn start(
        &self,
        queries: &[Query],
        own: &[Vec<usize>],
        radii: &[f64],
        (tokens, width): (usize, usize),
    ) -> Array2<f32> {
        let mut shift = Array2::zeros((tokens, width));
        if let Some(seed) = self.start {
            for ((query, rows), radius) in queries.iter().zip(own).zip(radii) {
                self.scatter(&mut shift, rows, *radius, &mut Stream::new(seed, "ball", &query.id));
            }
        }
        shift
    }

    /// The ball's size for a text.
    pub(crate) fn size(&self, own: &[usize], words: &Array2<f32>) -> f64 {
        let squares = |row: &usize| words.row(*row).iter().map(|x| f64::from(*x) * f64::from(*x)).sum::<f64>();
        let mean = own.iter().map(squares).sum::<f64>() / own.len().max(1) as f64;
        self.radius
            * match self.norm {
                Norm::Number => (mean / words.ncols() as f64).sqrt(),
                Norm::Token => mean.sqrt(),
                Norm::Text => (mean * own.len() as f64).sqrt(),
            }
    }

    /// Puts a text's shift somewhere in its ball: numbers even in ±1/√n, times its size (FreeLB's start).
    pub(crate) fn scatter(&self, shift: &mut Array2<f32>, own: &[usize], radius: f64, stream: &mut Stream) {
        let count = (own.len() * shift.ncols()).max(1) as f64;
        let scale = radius * if self.norm == Norm::Text { 1.0 / count.sqrt() } else { 1.0 };
        for row in own {
            shift.row_mut(*row).iter_mut().for_each(|x| *x = ((2.0 * stream.unit() - 1.0) * scale) as f32);
        }
        self.hold(shift, own, radius);
    }

    /// A step up the slope, and back into the ball.
    pub(crate) fn advance(&self, shift: &mut Array2<f32>, slopes: &Array2<f32>, own: &[usize], radius: f64) {
        let stride = (self.stride * radius) as f32;
        let whole = self.whole(slopes, own);
        for row in own {
            let slope = slopes.row(*row);
            let long = whole.unwrap_or_else(|| length(slope.iter().copied()));
            for (x, g) in shift.row_mut(*row).iter_mut().zip(slope) {
                *x += match self.norm {
                    Norm::Number if *g == 0.0 => 0.0,
                    Norm::Number => stride * g.signum(),
                    _ if long == 0.0 => 0.0,
                    _ => stride * (g / long),
                };
            }
        }
        self.hold(shift, own, radius);
    }

    /// The length of a text's rows together, where that is what counts.
    fn whole(&self, matrix: &Array2<f32>, own: &[usize]) -> Option<f32> {
        let values = || own.iter().flat_map(|row| matrix.row(*row).to_vec());
        (self.norm == Norm::Text).then(|| length(values()))
    }

    /// Shortens what is beyond the ball.
    fn hold(&self, shift: &mut Array2<f32>, own: &[usize], radius: f64) {
        let radius = radius as f32;
        let whole = self.whole(shift, own);
        for row in own {
            let mut row = shift.row_mut(*row);
            let long = whole.unwrap_or_else(|| length(row.iter().copied()));
            match self.norm {
                Norm::Number => row.iter_mut().for_each(|x| *x = x.clamp(-radius, radius)),
                _ if long > radius => row.iter_mut().for_each(|x| *x *= radius / long),
                _ => {}
            }
        }
    }
}

impl Outcome {
    /// Adds a step: its state, if it is worse for the query than the last.
    fn note(&mut self, standing: Standing, edits: usize) {
        self.tried += 1;
        let last = self.last().clone();
        let worse = standing.margin < last.standing.margin;
        self.states.push(if worse { State { edits, standing, ..last } } else { last });
    }
}

/// The L2 norm, its squares summed in 32 lanes.
fn length(values: impl Iterator<Item = f32>) -> f32 {
    rows::sum(&values.map(|x| x * x).collect::<Vec<f32>>()).sqrt()
}

impl fmt::Display for Norm {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Number => "linf",
            Self::Token => "l2",
            Self::Text => "frobenius",
        })
    }
}

impl fmt::Display for Ball {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { norm, radius, steps, .. } = self;
        match self.start {
            Some(seed) => write!(f, "freelb({norm},radius={radius},steps={steps},seed={seed})"),
            None if *self == Self::fgsm(*radius) => write!(f, "fgsm({norm},radius={radius})"),
            None => write!(f, "pgd({norm},radius={radius},steps={steps})"),
        }
    }
}
