//! A player's side of the conversation: a request a line on standard input, an answer in JSON a line on standard output.

use std::io::{BufRead, Write};
use std::path::Path;
use std::time::Instant;

use serde_json::Value;

/// What a player says when it cannot go on.
pub type Fault = Box<dyn std::error::Error>;

/// Embeddings of texts taken in an order (`given` or `sorted`), row after row in the order given.
pub type Embed<'a> = dyn FnMut(&str, &[String]) -> Result<Vec<f32>, Fault> + 'a;

/// Answers until the input ends. `answer` gets a request's words; `memory` is answered here.
///
/// # Errors
/// What `answer` says, or a broken pipe.
pub fn serve(mut answer: impl FnMut(&[&str]) -> Result<Value, Fault>) -> Result<(), Fault> {
    let mut out = std::io::stdout().lock();
    writeln!(out, "ready")?;
    out.flush()?;
    for line in std::io::stdin().lock().lines() {
        let line = line?;
        let words: Vec<&str> = line.split_whitespace().collect();
        let reply = if words == ["memory"] { peak_memory()?.into() } else { answer(&words)? };
        writeln!(out, "{reply}")?;
        out.flush()?;
    }
    Ok(())
}

/// How long `work` takes, in seconds.
///
/// # Errors
/// What `work` says.
pub fn seconds(work: impl FnOnce() -> Result<(), Fault>) -> Result<f64, Fault> {
    let start = Instant::now();
    work()?;
    Ok(start.elapsed().as_secs_f64())
}

/// The middle of some numbers.
#[must_use]
pub fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    let half = values.len() / 2;
    if values.len() % 2 == 1 { values[half] } else { (values[half - 1] + values[half]) / 2.0 }
}

/// The most memory that the process ever held, in bytes.
fn peak_memory() -> Result<u64, Fault> {
    let status = std::fs::read_to_string("/proc/self/status")?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).ok_or("no VmHWM in /proc/self/status")?;
    Ok(1024 * line.trim().trim_end_matches(" kB").parse::<u64>()?)
}

/// Makes Snellen use an instruction set, `auto` being the best.
///
/// # Errors
/// There is none of that name, or this processor has it not.
pub fn force(isa: &str) -> Result<(), Fault> {
    if isa != "auto" && !isa.parse::<snellen::kernel::isa::Isa>()?.force() {
        return Err(format!("this processor has not {isa}").into());
    }
    Ok(())
}

/// The requests that every encoder answers: `encode ORDER`, `embeddings ORDER FILE`, `latency COUNT`. `embed` gets an order and texts.
///
/// # Errors
/// What `embed` says, or a request that no encoder knows.
pub fn encoder_answer(words: &[&str], texts: &[String], embed: &mut Embed<'_>) -> Result<Value, Fault> {
    match words {
        ["encode", order] => Ok(seconds(|| embed(order, texts).map(drop))?.into()),
        ["embeddings", order, file] => {
            write_f32(Path::new(file), &embed(order, texts)?)?;
            Ok(Value::Null)
        }
        ["latency", count] => {
            let some = texts.iter().take(count.parse()?);
            let each = some.map(|text| seconds(|| embed("given", std::slice::from_ref(text)).map(drop)));
            Ok(median(each.collect::<Result<_, _>>()?).into())
        }
        _ => Err(format!("an encoder does not know {}", words.join(" ")).into()),
    }
}

/// The texts of a file, a line each.
///
/// # Errors
/// It cannot be read.
pub fn read_texts(file: &str) -> Result<Vec<String>, Fault> {
    Ok(std::fs::read_to_string(file)?.lines().map(str::to_owned).collect())
}

/// Numbers as they lie in memory, little-endian.
///
/// # Errors
/// The file cannot be written.
pub fn write_f32(file: &Path, values: &[f32]) -> Result<(), Fault> {
    Ok(std::fs::write(file, values.iter().flat_map(|x| x.to_le_bytes()).collect::<Vec<u8>>())?)
}

/// Reads numbers until `values` is full.
///
/// # Errors
/// There are fewer.
pub fn read_f32(file: &mut impl std::io::Read, values: &mut [f32]) -> Result<(), Fault> {
    let mut bytes = [0; 1 << 16];
    for part in values.chunks_mut(bytes.len() / 4) {
        let bytes = &mut bytes[..4 * part.len()];
        file.read_exact(bytes)?;
        for (value, bytes) in part.iter_mut().zip(bytes.as_chunks().0) {
            *value = f32::from_le_bytes(*bytes);
        }
    }
    Ok(())
}
