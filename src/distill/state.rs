//! What a distillation is at some step: enough to go on from as if nothing had happened.

use std::collections::BTreeMap;
use std::path::Path;

use safetensors::{Dtype as Read, SafeTensors};

use super::fault::DistillFault;
use super::optimizer::Weights;
use crate::Result;
use crate::data::digest::Digest;
use crate::data::tensors::{self, Dtype, Layout};
use crate::data::{FileFault, atomic, folder};
use crate::encoder::Parameters;

/// A distillation at some step.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct State {
    /// Steps that were made.
    pub(super) step: usize,
    pub(super) weights: Weights,
    /// The best validation so far: after which step, and its mean. Its weights are in a file of their own.
    pub(super) best: Option<(usize, f64)>,
    /// Digest of those weights, if they are kept.
    pub(super) best_weights: String,
    /// Validations in a row that were no better.
    pub(super) stale: usize,
    /// Digests of the logs up to this step.
    pub(super) logs: String,
}

/// How the parts of the weights are called in a file.
const PARTS: [&str; 3] = ["values", "first", "second"];

impl State {
    /// Writes it; `key` says what it belongs to, `config` the same in lines that people read.
    ///
    /// # Errors
    /// A file that cannot be written.
    pub(super) fn write(&self, path: &Path, key: &str, config: &str) -> Result<()> {
        let Weights { values, first, second } = &self.weights;
        let mut metadata = vec![
            ("key", key.to_owned()),
            ("config", config.to_owned()),
            ("step", self.step.to_string()),
            ("stale", self.stale.to_string()),
            ("logs", self.logs.clone()),
            ("sha256", sha256(&[values, first, second])),
        ];
        if let Some((step, mean)) = self.best {
            metadata.push(("best_step", step.to_string()));
            metadata.push(("best_bits", mean.to_bits().to_string()));
            metadata.push(("best_weights", self.best_weights.clone()));
        }
        write(path, &[values, first, second], &metadata)
    }

    /// Reads what [`Self::write`] wrote with the same key.
    ///
    /// # Errors
    /// A file that cannot be read, is of another distillation, or is damaged.
    pub(super) fn read(path: &Path, key: &str, config: &str) -> Result<Self> {
        let (mut parts, metadata) = read(path)?;
        let refuse = |what: &str| DistillFault::State { file: path.display().to_string(), what: what.to_owned() };
        if metadata.get("key").is_none_or(|found| found != key) {
            let what = differs(metadata.get("config").map_or("", String::as_str), config);
            return Err(refuse(&format!("it is {what}: take that again, or give a new folder")).into());
        }
        if metadata.get("sha256") != Some(&sha256(&parts.each_ref())) {
            return Err(refuse("it is damaged: remove the folder and begin again").into());
        }
        let number = |name: &str| metadata.get(name).and_then(|text| text.parse::<u64>().ok());
        let (Some(step), Some(stale)) = (number("step"), number("stale")) else {
            return Err(refuse("it does not say at which step it is").into());
        };
        let best = number("best_step").zip(number("best_bits"));
        let [values, first, second] = [0, 1, 2].map(|i| std::mem::take(&mut parts[i]));
        Ok(Self {
            step: step as usize,
            weights: Weights { values, first, second },
            best: best.map(|(step, bits)| (step as usize, f64::from_bits(bits))),
            best_weights: metadata.get("best_weights").cloned().unwrap_or_default(),
            stale: stale as usize,
            logs: metadata.get("logs").cloned().unwrap_or_default(),
        })
    }
}

/// Which lines of a configuration are others now.
fn differs(before: &str, now: &str) -> String {
    let only = |these: &str, others: &str| {
        let line = |line: &str| line.trim().trim_end_matches(',').to_owned();
        let others: Vec<String> = others.lines().map(line).collect();
        let found: Vec<String> = these.lines().map(line).filter(|line| !others.contains(line)).take(3).collect();
        if found.is_empty() { "nothing".to_owned() } else { found.join(", ") }
    };
    match (only(before, now), only(now, before)) {
        (there, here) if there == here => "of other models or data, or of another version".to_owned(),
        (there, here) => format!("of another configuration (there {there}; here {here})"),
    }
}

/// What some weights are.
fn sha256(parts: &[&Parameters]) -> String {
    let mut digest = Digest::new();
    for part in parts {
        for (name, values) in &part.tensors {
            digest.field(name).field(floats(values));
        }
        for (id, row) in &part.words {
            digest.field(id.to_le_bytes()).field(floats(row));
        }
    }
    digest.hex()
}

fn floats(values: &[f32]) -> Vec<u8> {
    values.iter().flat_map(|x| x.to_le_bytes()).collect()
}

/// Writes weights alone; returns their digest.
///
/// # Errors
/// A file that cannot be written.
pub(super) fn write_values(path: &Path, values: &Parameters) -> Result<String> {
    write(path, &[values], &[])?;
    Ok(sha256(&[values]))
}

/// Reads what [`write_values`] wrote, and returned this digest of.
///
/// # Errors
/// A file that cannot be read, or is damaged.
pub(super) fn read_values(path: &Path, digest: &str) -> Result<Parameters> {
    let (mut parts, _) = read(path)?;
    let values = std::mem::take(&mut parts[0]);
    if sha256(&[&values]) != digest {
        let what = "these best weights are damaged: remove the folder and begin again".to_owned();
        return Err(DistillFault::State { file: path.display().to_string(), what }.into());
    }
    Ok(values)
}

fn write(path: &Path, parts: &[&Parameters], metadata: &[(&str, String)]) -> Result<()> {
    let mut names = Vec::new();
    for (part, values) in PARTS.iter().zip(parts) {
        names.extend(values.tensors.iter().map(|(name, values)| (format!("{part} {name}"), vec![values.len()])));
        let width = values.words.values().next().map_or(0, Vec::len);
        names.push((format!("{part} word rows"), vec![values.words.len(), width]));
        names.push((format!("{part} word ids"), vec![values.words.len()]));
    }
    let dtype = |name: &str| if name.ends_with(" word ids") { Dtype::I64 } else { Dtype::F32 };
    let layout: Vec<Layout<'_>> =
        names.iter().map(|(name, shape)| Layout { name, dtype: dtype(name), shape }).collect();
    let bytes = |name: &str| {
        let (part, name) = name.split_once(' ').expect("a part and a name");
        let values = parts[PARTS.iter().position(|other| *other == part).expect("one of the parts")];
        match name {
            "word rows" => values.words.values().flat_map(|row| floats(row)).collect(),
            "word ids" => values.words.keys().flat_map(|id| i64::from(*id).to_le_bytes()).collect(),
            name => floats(&values.tensors[name]),
        }
    };
    atomic::write_with(path, |out| {
        tensors::stream(out, &layout, metadata, |i, out| {
            Ok(out.write_all(&bytes(&names[i].0)).map_err(FileFault::io("write", path))?)
        })
    })
}

type Contents = ([Parameters; 3], BTreeMap<String, String>);

fn read(path: &Path) -> Result<Contents> {
    let bytes = folder::map(path)?;
    let refuse = |what: String| DistillFault::State { file: path.display().to_string(), what };
    let (_, header) = SafeTensors::read_metadata(&bytes).map_err(|e| refuse(e.to_string()))?;
    let metadata = header.metadata().clone().unwrap_or_default().into_iter().collect();
    let file = SafeTensors::deserialize(&bytes).map_err(|e| refuse(e.to_string()))?;
    let mut parts = [Parameters::default(), Parameters::default(), Parameters::default()];
    let floats = |name: &str| -> Result<Vec<f32>> {
        let tensor = file.tensor(name).ok().filter(|tensor| tensor.dtype() == Read::F32);
        let tensor = tensor.ok_or_else(|| refuse(format!("{name} is not there")))?;
        let (chunks, _) = tensor.data().as_chunks::<4>();
        Ok(chunks.iter().map(|bytes| f32::from_le_bytes(*bytes)).collect())
    };
    let mut names: Vec<&str> = file.names().into_iter().collect();
    names.sort_unstable();
    for name in names {
        let part = name.split_once(' ').and_then(|(part, rest)| Some((PARTS.iter().position(|p| *p == part)?, rest)));
        let Some((part, rest)) = part else { return Err(refuse(format!("{name} is of no part")).into()) };
        match rest {
            "word rows" => {}
            "word ids" => {
                let rows = floats(&format!("{} word rows", PARTS[part]))?;
                let ids = file.tensor(name).map_err(|e| refuse(e.to_string()))?;
                let (ids, _) = ids.data().as_chunks::<8>();
                let width = rows.len() / ids.len().max(1);
                let id = |bytes: &[u8; 8]| u32::try_from(i64::from_le_bytes(*bytes)).ok();
                let ids: Option<Vec<u32>> = ids.iter().map(id).collect();
                let ids = ids.ok_or_else(|| refuse(format!("{name}: an id that is none")))?;
                parts[part].words = ids.into_iter().zip(rows.chunks(width.max(1)).map(<[f32]>::to_vec)).collect();
            }
            _ => drop(parts[part].tensors.insert(rest.to_owned(), floats(name)?)),
        }
    }
    Ok((parts, metadata))
}
