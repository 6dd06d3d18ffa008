//! Attacks on word embeddings: the worst shift within a ball, which no text need have. FGSM (Goodfellow et al., ICLR 2015, arXiv 1412.6572, §4), PGD (Madry et al., ICLR
//! 2018, arXiv 1706.06083, eq. 1; of texts Miyato et al., ICLR 2017, arXiv 1605.07725), FreeLB's inner loop (Zhu et al., ICLR 2020, arXiv 1909.11764, algorithm 1).

use std::fmt;

use ndarray::Array2;

use super::victim::{Query, Standing, Victim};
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

    /// How each query does before any step and after each: its worst so far. Queries suit the victim.
    ///
    /// # Errors
    /// As [`crate::encoder::Model::gradients`].
    pub fn attack(&self, victim: &Victim<'_>, queries: &[Query]) -> Result<Vec<Vec<Standing>>> {
        let texts: Vec<&str> = queries.iter().map(|query| query.text.as_str()).collect();
        let relevant: Vec<&[usize]> = queries.iter().map(|query| query.relevant.as_slice()).collect();
        let located = victim.model().locate(&victim.recipe().prefix, &texts)?;
        let tokens = Tokens::from(&located[..]);
        let words = victim.model().word_embeddings(tokens.ids())?;
        let mut standings = victim.look(&texts, &relevant)?;
        let mut found: Vec<Vec<Standing>> = standings.iter().map(|standing| vec![*standing]).collect();

        let texts: Vec<Own> =
            located.iter().zip(tokens.offsets()).map(|(found, first)| Own::of(found, *first)).collect();
        let radii: Vec<f64> = texts.iter().map(|text| self.size(text, &words)).collect();
        let mut shift = Array2::zeros(words.dim());
        if let Some(seed) = self.start {
            for ((query, text), radius) in queries.iter().zip(&texts).zip(&radii) {
                self.scatter(&mut shift, text, *radius, &mut Stream::new(seed, "ball", &query.id));
            }
        }
        for step in 0..=self.steps {
            let slopes = victim.slopes(&tokens, &standings, Some(shift.view()))?;
            if step > 0 || self.start.is_some() {
                let embeddings = Array2::from_shape_vec((queries.len(), words.ncols()), slopes.given.concat());
                standings = victim.standings(embeddings.expect("one a query").view(), &relevant)?;
            }
            if step > 0 {
                for (found, standing) in found.iter_mut().zip(&standings) {
                    let worst = found[step - 1];
                    found.push(if standing.margin < worst.margin { *standing } else { worst });
                }
            }
            if step < self.steps {
                for (text, radius) in texts.iter().zip(&radii) {
                    self.advance(&mut shift, &slopes.words, text, *radius);
                }
            }
        }
        Ok(found)
    }

    /// The ball's size for a text.
    fn size(&self, text: &Own, words: &Array2<f32>) -> f64 {
        let squares = |row: &usize| words.row(*row).iter().map(|x| f64::from(*x) * f64::from(*x)).sum::<f64>();
        let mean = text.rows.iter().map(squares).sum::<f64>() / text.rows.len().max(1) as f64;
        self.radius
            * match self.norm {
                Norm::Number => (mean / words.ncols() as f64).sqrt(),
                Norm::Token => mean.sqrt(),
                Norm::Text => (mean * text.rows.len() as f64).sqrt(),
            }
    }

    /// Puts a text's shift somewhere in its ball: numbers even in ±1/√n, times its size (FreeLB's start).
    fn scatter(&self, shift: &mut Array2<f32>, text: &Own, radius: f64, stream: &mut Stream) {
        let count = (text.rows.len() * shift.ncols()).max(1) as f64;
        let scale = radius * if self.norm == Norm::Text { 1.0 / count.sqrt() } else { 1.0 };
        for row in &text.rows {
            shift.row_mut(*row).iter_mut().for_each(|x| *x = ((2.0 * stream.unit() - 1.0) * scale) as f32);
        }
        self.hold(shift, text, radius);
    }

    /// A step up the slope, and back into the ball.
    fn advance(&self, shift: &mut Array2<f32>, slopes: &Array2<f32>, text: &Own, radius: f64) {
        let stride = (self.stride * radius) as f32;
        let whole = self.whole(slopes, text);
        for row in &text.rows {
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
        self.hold(shift, text, radius);
    }

    /// The length of a text's rows together, where that is what counts.
    fn whole(&self, matrix: &Array2<f32>, text: &Own) -> Option<f32> {
        let values = || text.rows.iter().flat_map(|row| matrix.row(*row).to_vec());
        (self.norm == Norm::Text).then(|| length(values()))
    }

    /// Shortens what is beyond the ball.
    fn hold(&self, shift: &mut Array2<f32>, text: &Own, radius: f64) {
        let radius = radius as f32;
        let whole = self.whole(shift, text);
        for row in &text.rows {
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

/// Rows of a text's own tokens, among all.
struct Own {
    rows: Vec<usize>,
}

impl Own {
    fn of(located: &Located, first: usize) -> Self {
        let own = located.places.iter().enumerate().filter(|(_, place)| place.is_some());
        Self { rows: own.map(|(token, _)| first + token).collect() }
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
