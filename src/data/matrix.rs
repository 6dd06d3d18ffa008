//! Matrices of numbers in files: `.csv` (numbers separated by commas, a row a line, no heading; also `.gz`), `.npy` (NumPy's, f32 or f64) and `.safetensors` (f64, f32, f16 or
//! bf16). Values become f64, exactly.

use std::path::Path;

use ndarray::{ArrayD, ArrayViewD, IxDyn};
use ndarray_npy::{ViewNpyError, ViewNpyExt as _, WriteNpyExt as _};
use safetensors::{Dtype, SafeTensors};

use super::tensors::{self, Tensor};
use super::{FileFault, atomic, folder};
use crate::Result;

/// What a file's name says of its format.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Format {
    Csv,
    Npy,
    Safetensors,
}

impl Format {
    fn of(path: &Path) -> Result<Self> {
        let name = path.to_string_lossy();
        match name.strip_suffix(".gz").unwrap_or(&name).rsplit_once('.') {
            Some((_, "csv")) => Ok(Self::Csv),
            Some((_, "npy")) => Ok(Self::Npy),
            Some((_, "safetensors")) => Ok(Self::Safetensors),
            _ => Err(FileFault::content(&name, "matrices are .csv, .npy or .safetensors").into()),
        }
    }
}

/// Reads an array of any shape; a `.csv` has two axes. `tensor` is the name of the tensor of a `.safetensors` that has several.
///
/// # Errors
/// A name that is none of the above; a file that cannot be read; a field that is no number, or a row of another length, named by line; elements of another
/// type; a tensor that is not there.
pub fn read(path: &Path, tensor: Option<&str>) -> Result<ArrayD<f64>> {
    let format = Format::of(path)?;
    let bytes = folder::map_unpacked(path)?;
    let refuse = |what: String| FileFault::content(path.display(), what).into();
    if tensor.is_some() && format != Format::Safetensors {
        return Err(refuse("only a .safetensors has tensors with names".to_owned()));
    }
    match format {
        Format::Csv => csv(path, &bytes),
        Format::Npy => npy(&bytes).map_err(refuse),
        Format::Safetensors => safetensor(&bytes, tensor).map_err(refuse),
    }
}

fn csv(path: &Path, bytes: &[u8]) -> Result<ArrayD<f64>> {
    let mut reader =
        csv::ReaderBuilder::new().has_headers(false).flexible(true).trim(csv::Trim::All).from_reader(bytes);
    let (mut values, mut width, mut rows) = (Vec::new(), None, 0);
    for record in reader.records() {
        let record = record.map_err(|e| FileFault::content(path.display(), e))?;
        let line = record.position().map_or(0, csv::Position::line) as usize;
        let refuse = |what: String| FileFault::line(path.display(), line, what);
        if *width.get_or_insert(record.len()) != record.len() {
            let (first, here) = (width.unwrap_or(0), record.len());
            return Err(refuse(format!("{here} numbers, but {first} in the first row")).into());
        }
        for field in &record {
            values.push(field.parse::<f64>().map_err(|_| refuse(format!("{field:?} is not a number")))?);
        }
        rows += 1;
    }
    let shape = IxDyn(&[rows, width.unwrap_or(0)]);
    Ok(ArrayD::from_shape_vec(shape, values).expect("every row has as many numbers"))
}

fn npy(bytes: &[u8]) -> Result<ArrayD<f64>, String> {
    if deepest(npy_header(bytes)) > 4 {
        return Err("its header has brackets within brackets: it is no array of numbers".to_owned());
    }
    match ArrayViewD::<f64>::view_npy(bytes) {
        Ok(array) => Ok(array.to_owned()),
        Err(ViewNpyError::WrongDescriptor(_)) => match ArrayViewD::<f32>::view_npy(bytes) {
            Ok(array) => Ok(array.mapv(f64::from)),
            Err(ViewNpyError::WrongDescriptor(kind)) => Err(format!("elements are {kind}, not f32 or f64")),
            Err(e) => Err(e.to_string()),
        },
        Err(e) => Err(e.to_string()),
    }
}

/// The header of an `.npy`: a Python dictionary.
fn npy_header(bytes: &[u8]) -> &[u8] {
    let (start, length) = match bytes.get(6..12) {
        Some([1, _, a, b, ..]) => (10, usize::from(u16::from_le_bytes([*a, *b]))),
        Some([_, _, a, b, c, d]) => (12, u32::from_le_bytes([*a, *b, *c, *d]) as usize),
        _ => return &[],
    };
    let header = bytes.get(start..).unwrap_or_default();
    &header[..length.min(header.len())]
}

/// How many brackets are open at once, at most: its reader follows each with a call of its own, and repeats all of them in its message.
fn deepest(header: &[u8]) -> usize {
    let open = header.iter().scan(0usize, |depth, byte| {
        match byte {
            b'(' | b'[' | b'{' => *depth += 1,
            b')' | b']' | b'}' => *depth = depth.saturating_sub(1),
            _ => {}
        }
        Some(*depth)
    });
    open.max().unwrap_or(0)
}

fn safetensor(bytes: &[u8], name: Option<&str>) -> Result<ArrayD<f64>, String> {
    let file = SafeTensors::deserialize(bytes).map_err(|e| format!("not a safetensors file: {e}"))?;
    let mut names = file.names();
    names.sort_unstable();
    let name = match (name, &names[..]) {
        (Some(name), _) => name,
        (None, [only]) => *only,
        (None, _) => return Err(format!("which tensor of {}?", names.join(", "))),
    };
    let tensor = file.tensor(name).map_err(|_| format!("no tensor {name}, but {}", names.join(", ")))?;
    let data = tensor.data();
    let values: Vec<f64> = match tensor.dtype() {
        Dtype::F64 => data.as_chunks::<8>().0.iter().map(|b| f64::from_le_bytes(*b)).collect(),
        Dtype::F32 => data.as_chunks::<4>().0.iter().map(|b| f64::from(f32::from_le_bytes(*b))).collect(),
        Dtype::F16 => data.as_chunks::<2>().0.iter().map(|b| half::f16::from_le_bytes(*b).to_f64()).collect(),
        Dtype::BF16 => data.as_chunks::<2>().0.iter().map(|b| half::bf16::from_le_bytes(*b).to_f64()).collect(),
        other => return Err(format!("tensor {name} has elements {other:?}, not floating-point numbers")),
    };
    ArrayD::from_shape_vec(IxDyn(tensor.shape()), values).map_err(|e| format!("tensor {name}: {e}"))
}

/// Writes an array in the format that the file's name says, whole or not at all; in a `.safetensors` as the tensor `name`, with `metadata`.
///
/// # Errors
/// A name that is none of the above, or is packed; a `.csv` of more than two axes; a file that cannot be written.
pub fn write(path: &Path, array: &ArrayD<f64>, name: &str, metadata: &[(&str, String)]) -> Result<()> {
    match writable(path, array.ndim())? {
        Format::Csv => {
            let width = array.shape().last().copied().unwrap_or(1).max(1);
            let values: Vec<String> = array.iter().map(f64::to_string).collect();
            let lines: Vec<String> = values.chunks(width).map(|row| row.join(",") + "\n").collect();
            atomic::write(path, lines.concat().as_bytes())
        }
        Format::Npy => {
            let mut bytes = Vec::new();
            array.write_npy(&mut bytes).map_err(|e| FileFault::content(path.display(), e))?;
            atomic::write(path, &bytes)
        }
        Format::Safetensors => {
            let tensor = Tensor::f64(name, array.shape(), array.iter().copied());
            tensors::write(path, &[tensor], metadata)
        }
    }
}

/// Refuses a file that [`write()`] could not write an array of so many axes to.
///
/// # Errors
/// As [`write()`].
pub fn check(path: &Path, axes: usize) -> Result<()> {
    writable(path, axes)?;
    atomic::check(path)
}

fn writable(path: &Path, axes: usize) -> Result<Format> {
    let format = Format::of(path)?;
    let refuse = |what: &str| Err(FileFault::content(path.display(), what).into());
    if path.extension().is_some_and(|extension| extension == "gz") {
        return refuse("matrices are not written packed");
    }
    if format == Format::Csv && axes > 2 {
        return refuse("several matrices do not go into one .csv: call it .npy or .safetensors");
    }
    Ok(format)
}

#[cfg(test)]
mod tests {
    use super::*;
    use ndarray::array;

    fn read_back(name: &str, content: &[u8], tensor: Option<&str>) -> Result<ArrayD<f64>, String> {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join(name);
        std::fs::write(&path, content).unwrap();
        read(&path, tensor).map_err(|e| e.to_string().replace(&*folder.path().to_string_lossy(), ""))
    }

    #[test]
    fn what_is_written_is_read() {
        let folder = tempfile::tempdir().unwrap();
        let matrix = array![[0.1, 1e-300, 3.0], [f64::MAX, 5.0, 1.0 / 3.0]].into_dyn();
        for name in ["m.csv", "m.npy", "m.safetensors"] {
            let path = folder.path().join(name);
            write(&path, &matrix, "plan", &[]).unwrap();
            assert_eq!(read(&path, None).unwrap(), matrix, "{name}");
        }
        let cube = ArrayD::from_elem(IxDyn(&[2, 3, 4]), 0.5);
        let path = folder.path().join("cube.npy");
        write(&path, &cube, "plan", &[]).unwrap();
        assert_eq!(read(&path, None).unwrap(), cube);
        assert!(write(&folder.path().join("cube.csv"), &cube, "plan", &[]).is_err());
        assert!(check(&folder.path().join("m.csv.gz"), 2).is_err());
    }

    #[test]
    fn narrower_floats_are_widened() {
        let mut npy = Vec::new();
        array![1.5f32, -2.0].write_npy(&mut npy).unwrap();
        assert_eq!(read_back("a.npy", &npy, None).unwrap(), array![1.5, -2.0].into_dyn());
        assert_eq!(read_back("a.csv", b" 1, 2.5e-1\n3,4\n", None).unwrap(), array![[1.0, 0.25], [3.0, 4.0]].into_dyn());
    }

    #[test]
    fn what_is_no_matrix_is_refused() {
        let mut whole = Vec::new();
        array![1i64].write_npy(&mut whole).unwrap();
        let deep = [&b"\x93NUMPY\x02\x00\xff\xff\xff\x00"[..], &[b'('; 1 << 20]].concat();
        for (name, content, what) in [
            ("m.csv", &b"1,2\n3\n"[..], "/m.csv, line 2: 1 numbers, but 2 in the first row"),
            ("m.csv", b"1,2\n3,x\n", "/m.csv, line 2: \"x\" is not a number"),
            ("m.csv", b"1,\xff\n", "/m.csv: CSV parse error: record 0 (line 1, field: 1, byte: 0): invalid utf-8"),
            ("m.txt", b"", "/m.txt: matrices are .csv, .npy or .safetensors"),
            ("m.npy", b"", "/m.npy: "),
            ("m.npy", b"\x93NUMPY\x01\x00\xff\xff", "/m.npy: "),
            ("m.npy", &deep, "/m.npy: its header has brackets within brackets"),
            ("m.npy", &whole, "/m.npy: elements are '<i8', not f32 or f64"),
            ("m.safetensors", b"12345678", "/m.safetensors: not a safetensors file"),
        ] {
            let error = read_back(name, content, None).unwrap_err();
            assert!(error.starts_with(what), "{error}");
        }
        assert!(read_back("m.csv", b"1\n", Some("plan")).is_err());
    }
}
