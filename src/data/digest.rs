//! SHA-256 digests, written as 64 lower-case hexadecimal digits.

use std::fs::File;
use std::io::Read;
use std::path::Path;

use sha2::{Digest as _, Sha256};

use super::FileFault;
use crate::Result;

/// A running SHA-256.
#[derive(Clone, Default)]
pub struct Digest(Sha256);

impl Digest {
    /// An empty digest.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Takes in raw bytes.
    pub fn bytes(&mut self, bytes: &[u8]) -> &mut Self {
        self.0.update(bytes);
        self
    }

    /// Takes in a field: its length first, so that no two sequences of fields look alike.
    pub fn field(&mut self, bytes: impl AsRef<[u8]>) -> &mut Self {
        let bytes = bytes.as_ref();
        self.0.update((bytes.len() as u64).to_le_bytes());
        self.0.update(bytes);
        self
    }

    /// Takes in the bit patterns of `values`, little-endian.
    pub fn f32s(&mut self, values: &[f32]) -> &mut Self {
        for chunk in values.chunks(1024) {
            let mut bytes = [0u8; 4096];
            for (slot, v) in bytes.chunks_exact_mut(4).zip(chunk) {
                slot.copy_from_slice(&v.to_bits().to_le_bytes());
            }
            self.0.update(&bytes[..chunk.len() * 4]);
        }
        self
    }

    /// The digest in hexadecimal.
    #[must_use]
    pub fn hex(&self) -> String {
        hex(&self.0.clone().finalize())
    }
}

/// Bytes in lower-case hexadecimal.
pub(crate) fn hex(bytes: &[u8]) -> String {
    use std::fmt::Write as _;
    bytes.iter().fold(String::with_capacity(2 * bytes.len()), |mut hex, byte| {
        let _ = write!(hex, "{byte:02x}");
        hex
    })
}

/// The SHA-256 of `bytes`.
#[must_use]
pub fn of_bytes(bytes: &[u8]) -> String {
    Digest::new().bytes(bytes).hex()
}

/// The SHA-256 and the size in bytes of the file at `path`, read in pieces.
///
/// # Errors
/// An input/output error naming `path`.
pub fn of_file(path: &Path) -> Result<(String, u64)> {
    let mut file = File::open(path).map_err(FileFault::io("open", path))?;
    let mut digest = Digest::new();
    let mut buffer = vec![0u8; 1 << 20];
    let mut size = 0u64;
    loop {
        let n = file.read(&mut buffer).map_err(FileFault::io("read", path))?;
        if n == 0 {
            return Ok((digest.hex(), size));
        }
        digest.bytes(&buffer[..n]);
        size += n as u64;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_digest_of_abc_is_the_standards() {
        // FIPS 180-4, example B.1.
        assert_eq!(of_bytes(b"abc"), "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
    }

    #[test]
    fn fields_do_not_run_into_each_other() {
        assert_ne!(Digest::new().field("ab").field("c").hex(), Digest::new().field("a").field("bc").hex());
    }
}
