//! How far embeddings under the contract are from those of the same model in f64.
//!
//! `cargo run --release --example accuracy -- FOLDER [TEXTS.json REFERENCE.safetensors]`: FOLDER is a model in the Hugging Face layout. Without
//! further arguments the texts are those of `snellen invariance`. With them, texts ([{"text", "prefix"}, …]) and another engine's results
//! (`pooled` [texts, hidden], `tok_NN` [tokens, hidden], f32), whose distance to f64 is printed beside ours.
//!
//! The f64 model is the formulas as they stand, over ndarray's product; exp, tanh and erf are CORE-MATH's. Its own error is some 1e-15.
#![allow(clippy::print_stdout, clippy::print_stderr)]

#[cfg(unix)]
mod wide {
    use std::error::Error;
    use std::path::Path;

    use ndarray::{Array1, Array2, Axis, s};
    use safetensors::{Dtype, SafeTensors};
    use snellen::claim::invariance::TEXTS;
    use snellen::data::folder::{Bytes, Folder, map};
    use snellen::encoder::{Batching, Config, How, Model, Pooling, Recipe};
    use snellen::kernel::product::Activation;

    type Result<T> = std::result::Result<T, Box<dyn Error>>;

    #[derive(serde::Deserialize)]
    struct Text {
        text: String,
        prefix: String,
    }

    /// A checkpoint's files.
    struct Weights<'a> {
        files: Vec<SafeTensors<'a>>,
        prefix: String,
    }

    fn widened(dtype: Dtype, bytes: &[u8]) -> Vec<f64> {
        let f16 = |b: &[u8; 2]| half::f16::from_le_bytes(*b).to_f64();
        let bf16 = |b: &[u8; 2]| half::bf16::from_le_bytes(*b).to_f64();
        match dtype {
            Dtype::F16 => bytes.as_chunks().0.iter().map(f16).collect(),
            Dtype::BF16 => bytes.as_chunks().0.iter().map(bf16).collect(),
            _ => bytes.as_chunks().0.iter().map(|b| f64::from(f32::from_le_bytes(*b))).collect(),
        }
    }

    impl<'a> Weights<'a> {
        const WORDS: &'static str = "embeddings.word_embeddings.weight";

        fn new(files: &'a [Bytes]) -> Result<Self> {
            let files = files
                .iter()
                .map(|bytes| SafeTensors::deserialize(bytes))
                .collect::<std::result::Result<Vec<_>, _>>()?;
            let words = files.iter().flat_map(|file| file.names()).find(|name| name.ends_with(Self::WORDS));
            let words = words.ok_or("no word embeddings")?;
            let prefix = words.trim_end_matches(Self::WORDS).to_owned();
            Ok(Self { files, prefix })
        }

        /// Rows of a tensor; a vector is one row.
        fn rows(&self, name: &str, rows: Option<&[u32]>) -> Result<Array2<f64>> {
            let name = format!("{}{name}", self.prefix);
            let tensor = self.files.iter().find_map(|file| file.tensor(&name).ok()).ok_or(name)?;
            let width = *tensor.shape().last().ok_or("a scalar")?;
            let size = tensor.data().len() / tensor.shape().iter().product::<usize>() * width;
            let values = match rows {
                None => widened(tensor.dtype(), tensor.data()),
                Some(rows) => rows
                    .iter()
                    .flat_map(|row| widened(tensor.dtype(), &tensor.data()[*row as usize * size..][..size]))
                    .collect(),
            };
            Ok(Array2::from_shape_vec((values.len() / width, width), values)?)
        }

        fn all(&self, name: &str) -> Result<Array2<f64>> {
            self.rows(name, None)
        }

        fn vector(&self, name: &str) -> Result<Array1<f64>> {
            Ok(self.all(name)?.remove_axis(Axis(0)))
        }

        fn linear(&self, x: &Array2<f64>, name: &str) -> Result<Array2<f64>> {
            Ok(x.dot(&self.all(&format!("{name}.weight"))?.t()) + self.vector(&format!("{name}.bias"))?)
        }

        fn norm(&self, mut x: Array2<f64>, name: &str, epsilon: f64) -> Result<Array2<f64>> {
            let (weight, bias) = (self.vector(&format!("{name}.weight"))?, self.vector(&format!("{name}.bias"))?);
            for mut row in x.rows_mut() {
                let n = row.len() as f64;
                let mean = row.sum() / n;
                row.mapv_inplace(|x| x - mean);
                let deviation = (row.dot(&row) / n + epsilon).sqrt();
                row.mapv_inplace(|x| x / deviation);
                row *= &weight;
                row += &bias;
            }
            Ok(x)
        }
    }

    fn activate(kind: Activation, x: f64) -> f64 {
        match kind {
            Activation::Gelu => 0.5 * x * (1.0 + core_math::erf(x * std::f64::consts::FRAC_1_SQRT_2)),
            Activation::GeluNew => {
                let root = (2.0 / std::f64::consts::PI).sqrt();
                0.5 * x * (1.0 + core_math::tanh(root * (x + 0.044_715 * x * x * x)))
            }
            Activation::Relu => x.max(0.0),
        }
    }

    fn attend(query: &Array2<f64>, key: &Array2<f64>, value: &Array2<f64>, heads: usize) -> Array2<f64> {
        let width = query.ncols() / heads;
        let mut out = Array2::zeros(query.dim());
        for head in 0..heads {
            let part = s![.., head * width..(head + 1) * width];
            let mut scores = query.slice(part).dot(&key.slice(part).t()) / (width as f64).sqrt();
            for mut row in scores.rows_mut() {
                let largest = row.fold(f64::NEG_INFINITY, |m, x| m.max(*x));
                row.mapv_inplace(|x| core_math::exp(x - largest));
                let total = row.sum();
                row.mapv_inplace(|x| x / total);
            }
            out.slice_mut(part).assign(&scores.dot(&value.slice(part)));
        }
        out
    }

    /// The last hidden states of one text's tokens.
    fn states(weights: &Weights<'_>, config: &Config, ids: &[u32]) -> Result<Array2<f64>> {
        let epsilon = f64::from(config.epsilon);
        let first = config.first_position as u32;
        let positions: Vec<u32> = (first..first + ids.len() as u32).collect();
        let mut x = weights.rows(Weights::WORDS, Some(ids))?
            + weights.rows("embeddings.token_type_embeddings.weight", Some(&[0]))?
            + weights.rows("embeddings.position_embeddings.weight", Some(&positions))?;
        x = weights.norm(x, "embeddings.LayerNorm", epsilon)?;
        for layer in 0..config.layers {
            let name = |part: &str| format!("encoder.layer.{layer}.{part}");
            let [query, key, value] =
                ["query", "key", "value"].map(|part| weights.linear(&x, &name(&format!("attention.self.{part}"))));
            let context = attend(&query?, &key?, &value?, config.heads);
            let attended = weights.linear(&context, &name("attention.output.dense"))? + &x;
            let attended = weights.norm(attended, &name("attention.output.LayerNorm"), epsilon)?;
            let wide = weights.linear(&attended, &name("intermediate.dense"))?;
            let wide = wide.mapv_into(|x| activate(config.activation, x));
            let out = weights.linear(&wide, &name("output.dense"))? + &attended;
            x = weights.norm(out, &name("output.LayerNorm"), epsilon)?;
        }
        Ok(x)
    }

    /// The mean, divided by its norm where the model does that.
    fn pooled(states: &Array2<f64>, recipe: &Recipe) -> Result<Array1<f64>> {
        if recipe.pooling != Pooling::Mean {
            return Err("only mean pooling is done here".into());
        }
        let mean = states.mean_axis(Axis(0)).ok_or("no token")?;
        let norm = if recipe.normalize { mean.dot(&mean).sqrt() } else { 1.0 };
        Ok(mean / norm)
    }

    /// The largest difference of a value, and the largest distance of a row.
    #[derive(Default)]
    struct Worst {
        value: f64,
        row: f64,
    }

    impl Worst {
        fn see(&mut self, row: impl IntoIterator<Item = f32>, exact: &[f64]) {
            let differences: Vec<f64> = row.into_iter().zip(exact).map(|(x, y)| f64::from(x) - y).collect();
            self.value = differences.iter().fold(self.value, |m, d| m.max(d.abs()));
            self.row = self.row.max(differences.iter().map(|d| d * d).sum::<f64>().sqrt());
        }

        fn print(&self, who: &str, what: &str) {
            println!("{who:8} {what:8} largest difference of a value {:.2e}, of a vector {:.2e}", self.value, self.row);
        }
    }

    pub(super) fn run() -> Result<()> {
        let args: Vec<String> = std::env::args().skip(1).collect();
        let (folder, files) = match &args[..] {
            [folder] => (folder, None),
            [folder, texts, reference] => (folder, Some((texts, reference))),
            _ => return Err("usage: accuracy FOLDER [TEXTS.json REFERENCE.safetensors]".into()),
        };
        let plain = |text: &str| Text { text: text.to_owned(), prefix: String::new() };
        let texts: Vec<Text> = match files {
            None => TEXTS.lines().map(plain).collect(),
            Some((texts, _)) => serde_json::from_str(&std::fs::read_to_string(texts)?)?,
        };
        let reference = files.map(|(_, reference)| map(Path::new(reference))).transpose()?;
        let reference = reference.as_ref().map(|bytes| SafeTensors::deserialize(bytes)).transpose()?;
        let theirs = |name: &str| -> Result<Option<Vec<f32>>> {
            let Some(reference) = &reference else { return Ok(None) };
            let bytes = reference.tensor(name)?.data().to_vec();
            Ok(Some(bytes.as_chunks().0.iter().map(|b| f32::from_le_bytes(*b)).collect()))
        };

        let disk = Folder::Disk(folder.into());
        let mut names: Vec<String> = disk.names()?.into_iter().filter(|name| name.ends_with(".safetensors")).collect();
        names.sort();
        let bytes = names.iter().map(|name| disk.read(name)).collect::<std::result::Result<Vec<_>, _>>()?;
        let weights = Weights::new(&bytes)?;
        let model = Model::open(folder.clone(), disk)?;
        let recipe = Recipe { prefix: texts[0].prefix.clone(), ..model.recipe() };
        let how = How { recipe: &recipe, batching: Batching::default(), first: 0, done: &|_| () };
        let tokens = model.tokenize(&recipe.prefix, &texts.iter().map(|text| &text.text).collect::<Vec<_>>())?;
        let our_states = model.embed_tokens(&tokens, &how)?;
        let our_pooled = model.embed(&tokens, &how)?;
        let their_pooled = theirs("pooled")?;

        let mut worst: [Worst; 4] = Default::default();
        for i in 0..texts.len() {
            let exact = states(&weights, model.config(), tokens.text(i))?;
            let exact_pooled = pooled(&exact, &recipe)?;
            let (exact_pooled, width) = (exact_pooled.as_slice().ok_or("not contiguous")?, exact.ncols());
            worst[0].see(our_pooled.row(i).iter().copied(), exact_pooled);
            if let Some(theirs) = &their_pooled {
                worst[2].see(theirs[i * width..][..width].iter().copied(), exact_pooled);
            }
            let their_states = theirs(&format!("tok_{i:02}"))?;
            for (t, exact) in exact.rows().into_iter().enumerate() {
                let exact = exact.as_slice().ok_or("not contiguous")?;
                worst[1].see(our_states.row(tokens.offsets()[i] + t).iter().copied(), exact);
                if let Some(theirs) = &their_states {
                    worst[3].see(theirs[t * width..][..width].iter().copied(), exact);
                }
            }
        }
        println!("{folder}: {} texts, {} tokens, against f64", texts.len(), tokens.ids().len());
        worst[0].print("ours", "pooled");
        worst[1].print("ours", "tokens");
        if reference.is_some() {
            worst[2].print("theirs", "pooled");
            worst[3].print("theirs", "tokens");
        }
        Ok(())
    }
}

#[cfg(unix)]
fn main() -> std::process::ExitCode {
    match wide::run() {
        Ok(()) => std::process::ExitCode::SUCCESS,
        Err(e) => {
            eprintln!("accuracy: {e}");
            std::process::ExitCode::from(2)
        }
    }
}

#[cfg(not(unix))]
fn main() {
    eprintln!("the functions in f64, CORE-MATH's, are built on Unix only");
}
