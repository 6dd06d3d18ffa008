//! From the states of a text's tokens to one embedding.

use std::fmt;
use std::str::FromStr;

use serde::Deserialize;

use crate::kernel::rows;

/// How token states become a text's embedding.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Pooling {
    /// The mean over all tokens, special ones included.
    Mean,
    /// The first token's state.
    Cls,
    /// The largest value of each dimension.
    Max,
    /// None: a text is its tokens' states.
    None,
}

impl Pooling {
    const ALL: [Self; 4] = [Self::Mean, Self::Cls, Self::Max, Self::None];

    /// Pools `states` (tokens × width, row-major, at least one token) into `out` (width). The mean adds tokens in ascending order and
    /// divides once. Without pooling nothing is written.
    pub(super) fn pool(self, states: &[f32], out: &mut [f32]) {
        let width = out.len();
        let (first, rest) = states.split_at(width);
        if self == Self::None {
            return;
        }
        out.copy_from_slice(first);
        match self {
            Self::Mean => {
                rest.chunks_exact(width).for_each(|state| rows::add(out, state));
                let tokens = (states.len() / width) as f32;
                out.iter_mut().for_each(|x| *x /= tokens);
            }
            Self::Max => {
                for state in rest.chunks_exact(width) {
                    out.iter_mut().zip(state).for_each(|(x, y)| *x = if *y > *x { *y } else { *x });
                }
            }
            Self::Cls | Self::None => {}
        }
    }

    /// From the gradient at what was pooled (width) to that at the `states` (`out`, all 0 when it comes). The largest value of a dimension is its first token's
    /// that has it.
    pub(super) fn back(self, states: &[f32], gradient: &[f32], out: &mut [f32]) {
        let width = gradient.len();
        match self {
            Self::Mean => {
                let tokens = (states.len() / width) as f32;
                for row in out.chunks_exact_mut(width) {
                    row.iter_mut().zip(gradient).for_each(|(x, g)| *x = g / tokens);
                }
            }
            Self::Cls => out[..width].copy_from_slice(gradient),
            Self::Max => {
                for (column, g) in gradient.iter().enumerate() {
                    let at = (column..states.len())
                        .step_by(width)
                        .reduce(|best, at| if states[at] > states[best] { at } else { best });
                    out[at.expect("at least one token")] = *g;
                }
            }
            Self::None => {}
        }
    }
}

impl fmt::Display for Pooling {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Mean => "mean",
            Self::Cls => "cls",
            Self::Max => "max",
            Self::None => "none",
        })
    }
}

impl FromStr for Pooling {
    type Err = String;

    fn from_str(name: &str) -> Result<Self, String> {
        Self::ALL
            .into_iter()
            .find(|pooling| pooling.to_string() == name)
            .ok_or_else(|| format!("no pooling {name}: mean, cls, max or none"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_pooling_of_three_tokens() {
        let states = [1.0, -4.0, 2.0, -5.0, 6.0, -6.0];
        let pool = |pooling: Pooling| {
            let mut out = [0.0; 2];
            pooling.pool(&states, &mut out);
            out
        };
        assert_eq!(pool(Pooling::Mean), [3.0, -5.0]);
        assert_eq!(pool(Pooling::Cls), [1.0, -4.0]);
        assert_eq!(pool(Pooling::Max), [6.0, -4.0]);
    }

    #[test]
    fn each_pooling_sends_gradients_where_its_values_came_from() {
        let states = [1.0, -4.0, 2.0, -5.0, 6.0, -4.0];
        let back = |pooling: Pooling| {
            let mut out = [0.0; 6];
            pooling.back(&states, &[3.0, 6.0], &mut out);
            out
        };
        assert_eq!(back(Pooling::Mean), [1.0, 2.0, 1.0, 2.0, 1.0, 2.0]);
        assert_eq!(back(Pooling::Cls), [3.0, 6.0, 0.0, 0.0, 0.0, 0.0]);
        assert_eq!(back(Pooling::Max), [0.0, 6.0, 0.0, 0.0, 3.0, 0.0]);
    }

    #[test]
    fn names_are_read_back() {
        for pooling in Pooling::ALL {
            assert_eq!(pooling.to_string().parse(), Ok(pooling));
        }
    }
}
