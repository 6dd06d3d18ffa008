//! Weights as numbers that change, and how an encoder takes them over.

use std::collections::BTreeMap;

use ndarray::ArrayView2;
use rayon::prelude::*;

use super::{Bert, LayerNorm, Linear, Wanted};
use crate::Result;
use crate::kernel::product::Columns;

/// Some of an encoder's weights, by the names that their tensors have in the checkpoint.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Parameters {
    /// All but the word embeddings.
    pub tensors: BTreeMap<String, Vec<f32>>,
    /// Rows of the word embeddings, by token id.
    pub words: BTreeMap<u32, Vec<f32>>,
}

impl Bert {
    /// The tensors whose gradients are wanted, as the checkpoint has them; of the word embeddings none.
    pub(in crate::encoder) fn parameters(&self, wanted: Wanted) -> Result<Parameters> {
        let mut tensors = BTreeMap::new();
        for (name, shape) in self.shapes(wanted) {
            tensors.insert(name.clone(), self.weights.read(&name, &shape)?);
        }
        Ok(Parameters { tensors, words: BTreeMap::new() })
    }

    /// Names and shapes of tensors whose gradients are wanted.
    fn shapes(&self, wanted: Wanted) -> Vec<(String, Vec<usize>)> {
        let h = self.config.hidden;
        let mut shapes = Vec::new();
        if wanted.embeddings {
            shapes.push((self.beside_words("position_embeddings"), vec![self.config.positions, h]));
            shapes.push((self.beside_words("token_type_embeddings"), vec![self.config.types, h]));
            shapes.extend(self.norm.names.iter().map(|name| (name.clone(), vec![h])));
        }
        for layer in self.layers.iter().skip(wanted.from) {
            for linear in [&layer.attention, &layer.attention_output, &layer.intermediate, &layer.output] {
                let (rows, columns) = linear.shape;
                for name in &linear.names {
                    shapes.push((format!("{name}.weight"), vec![rows, columns]));
                    shapes.push((format!("{name}.bias"), vec![rows]));
                }
            }
            let norms = [&layer.attention_norm, &layer.output_norm];
            shapes.extend(norms.iter().flat_map(|norm| &norm.names).map(|name| (name.clone(), vec![h])));
        }
        shapes
    }

    /// Takes over other values of tensors and of words, on top of those that were taken over before. Says which tensor has one that is not finite, if one has.
    ///
    /// # Panics
    /// Values of another number than the tensor has, or of one of the layers side by side without the others'.
    pub(in crate::encoder) fn assign(&mut self, values: &Parameters) -> Result<(), String> {
        let tensors = &values.tensors;
        let finite = |name: &str, values: &[f32]| {
            if values.iter().all(|x| x.is_finite()) { Ok(()) } else { Err(name.to_owned()) }
        };
        for (name, values) in tensors {
            finite(name, values)?;
        }
        for row in values.words.values() {
            finite(&self.word, row)?;
        }
        let [positions, types] = ["position_embeddings", "token_type_embeddings"].map(|part| self.beside_words(part));
        take(tensors, &positions, &mut self.positions);
        let h = self.config.hidden;
        tensors.get(&types).iter().for_each(|values| self.token_type.copy_from_slice(&values[..h]));
        self.norm.assign(tensors);
        self.changed.extend(values.words.iter().map(|(id, row)| (*id, row.clone())));
        self.layers.par_iter_mut().for_each(|layer| {
            for linear in
                [&mut layer.attention, &mut layer.attention_output, &mut layer.intermediate, &mut layer.output]
            {
                linear.assign(tensors);
            }
            layer.attention_norm.assign(tensors);
            layer.output_norm.assign(tensors);
        });
        Ok(())
    }

    /// The name of the word embeddings.
    pub(in crate::encoder) fn word_tensor(&self) -> &str {
        &self.word
    }

    /// The name of another of the three embeddings.
    pub(super) fn beside_words(&self, part: &str) -> String {
        self.word.replace("word_embeddings", part)
    }
}

impl Linear {
    fn assign(&mut self, tensors: &BTreeMap<String, Vec<f32>>) {
        if !tensors.contains_key(&format!("{}.weight", self.names[0])) {
            return;
        }
        let (rows, columns) = self.shape;
        let of = |part: &str| {
            let parts: Vec<&[f32]> = self.names.iter().map(|name| &tensors[&format!("{name}.{part}")][..]).collect();
            parts.concat()
        };
        let weight = of("weight");
        self.bias = of("bias");
        let weight = ArrayView2::from_shape((self.names.len() * rows, columns), &weight).expect("of the tensor's size");
        self.weight.fill(weight).expect("every value is finite");
        // Always, as what is packed when it is asked for is the checkpoint's.
        let mut transposed = self.transposed.take().unwrap_or_else(|| Columns::new(self.weight.form()));
        transposed.fill(weight.t()).expect("every value is finite");
        self.transposed = transposed.into();
    }
}

impl LayerNorm {
    fn assign(&mut self, tensors: &BTreeMap<String, Vec<f32>>) {
        let [weight, bias] = &self.names;
        take(tensors, weight, &mut self.weight);
        take(tensors, bias, &mut self.bias);
    }
}

/// Takes over a tensor's values, if there are any.
fn take(tensors: &BTreeMap<String, Vec<f32>>, name: &str, into: &mut [f32]) {
    tensors.get(name).iter().for_each(|values| into.copy_from_slice(values));
}
