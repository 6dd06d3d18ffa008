//! Putting a file where it belongs, and only if it is the right one.

use std::io::{Read, Write};
use std::path::Path;

use md5::{Digest as _, Md5};

use super::digest::{self, Digest};
use super::{FileFault, atomic};
use crate::Result;

/// No file of unstated size may be larger than this: a bound against endless answers and bombs, far above any checkpoint here.
pub(crate) const LARGEST: u64 = 32 << 30;

/// What the bytes of a file must be.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Expected<'a> {
    pub(crate) size: Option<u64>,
    pub(crate) sha256: Option<&'a str>,
    /// Asked only where there is no SHA-256.
    pub(crate) md5: Option<&'a str>,
}

/// What the bytes of a file are.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Found {
    pub(crate) size: u64,
    pub(crate) sha256: String,
}

#[derive(Debug, thiserror::Error)]
pub(crate) enum PlaceFault {
    #[error("more than the {limit} bytes that the manifest states")]
    TooLong { limit: u64 },
    #[error("{found} bytes instead of {expected}")]
    Size { expected: u64, found: u64 },
    #[error("SHA-256 {found} instead of {expected}")]
    Digest { expected: String, found: String },
    #[error("MD5 {found} instead of {expected}")]
    Md5 { expected: String, found: String },
    #[error("nobody has stated its digest; found {} bytes with SHA-256 {}; --accept trusts and pins them", found.size, found.sha256)]
    Unpinned { found: Found },
}

impl crate::error::Fault for PlaceFault {}

/// Writes `path` through `fill`, provided that what `fill` writes is what is `expected`; otherwise `path` stays as it was.
/// Without an expected digest of either kind nothing is written unless `accept` says that any bytes will do.
pub(crate) fn place(
    path: &Path,
    expected: Expected<'_>,
    accept: bool,
    fill: impl FnOnce(&mut dyn Write) -> Result<()>,
) -> Result<Found> {
    let mut found = None;
    atomic::write_with(path, |out| {
        let limit = expected.size.unwrap_or(LARGEST);
        let mut checked = Checked { out, digest: Digest::new(), size: 0, limit, too_long: false, md5: None };
        let md5 = expected.md5.filter(|_| expected.sha256.is_none());
        checked.md5 = md5.map(|_| Md5::new());
        let filled = fill(&mut checked);
        if checked.too_long {
            return Err(PlaceFault::TooLong { limit }.into());
        }
        filled?;
        let seen = Found { size: checked.size, sha256: checked.digest.hex() };
        check(expected, &seen)?;
        if let (Some(expected), Some(found)) = (md5, checked.md5) {
            let found = digest::hex(&found.finalize());
            if found != expected {
                return Err(PlaceFault::Md5 { expected: expected.to_owned(), found }.into());
            }
        }
        if expected.sha256.is_none() && md5.is_none() && !accept {
            return Err(PlaceFault::Unpinned { found: seen }.into());
        }
        found = Some(seen);
        Ok(())
    })?;
    found.ok_or_else(|| FileFault::content(path.display(), "nothing was written").into())
}

/// Whether the bytes `found` are those `expected`.
pub(crate) fn check(expected: Expected<'_>, found: &Found) -> Result<(), PlaceFault> {
    match expected {
        Expected { size: Some(size), .. } if size != found.size => {
            Err(PlaceFault::Size { expected: size, found: found.size })
        }
        Expected { sha256: Some(sha256), .. } if sha256 != found.sha256 => {
            Err(PlaceFault::Digest { expected: sha256.to_owned(), found: found.sha256.clone() })
        }
        _ => Ok(()),
    }
}

/// Copies all that `input` holds to `out`; `label` is how errors call the input.
pub(crate) fn copy(label: &str, input: &mut dyn Read, out: &mut dyn Write) -> Result<()> {
    let mut buffer = vec![0u8; 1 << 16];
    loop {
        let n = match input.read(&mut buffer) {
            Ok(0) => return Ok(()),
            Ok(n) => n,
            Err(e) if e.kind() == std::io::ErrorKind::Interrupted => continue,
            Err(e) => return Err(FileFault::content(label, format!("cannot be read: {e}")).into()),
        };
        out.write_all(&buffer[..n]).map_err(|e| FileFault::content(label, format!("cannot be stored: {e}")))?;
    }
}

/// A writer that takes the digest of what passes through, and lets no more pass than `limit`.
struct Checked<'a> {
    out: &'a mut dyn Write,
    digest: Digest,
    size: u64,
    limit: u64,
    too_long: bool,
    md5: Option<Md5>,
}

impl Write for Checked<'_> {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        if self.size + bytes.len() as u64 > self.limit {
            self.too_long = true;
            return Err(std::io::Error::other("longer than stated"));
        }
        let n = self.out.write(bytes)?;
        self.digest.bytes(&bytes[..n]);
        if let Some(md5) = &mut self.md5 {
            md5.update(&bytes[..n]);
        }
        self.size += n as u64;
        Ok(n)
    }

    fn flush(&mut self) -> std::io::Result<()> {
        self.out.flush()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ANY: Expected<'static> = Expected { size: None, sha256: None, md5: None };

    fn names(folder: &Path) -> Vec<String> {
        let mut names = std::fs::read_dir(folder)
            .unwrap()
            .map(|e| e.unwrap().file_name().into_string().unwrap())
            .collect::<Vec<_>>();
        names.sort();
        names
    }

    fn put(path: &Path, expected: Expected<'_>, bytes: &[u8]) -> Result<Found> {
        place(path, expected, false, |out| copy("input", &mut &bytes[..], out))
    }

    #[test]
    fn a_publishers_md5_stands_in_for_a_sha256() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("f");
        // RFC 1321, A.5.
        let expected = Expected { md5: Some("900150983cd24fb0d6963f7d28e17f72"), ..ANY };
        let error = put(&path, expected, b"abd").unwrap_err().to_string();
        assert_eq!(error, "MD5 4911e516e5aa21d327512e0c8b197616 instead of 900150983cd24fb0d6963f7d28e17f72");
        assert!(!path.exists());
        assert_eq!(put(&path, expected, b"abc").unwrap().sha256, digest::of_bytes(b"abc"));
        // Where there is a SHA-256, it decides.
        let sha256 = digest::of_bytes(b"abd");
        put(&path, Expected { sha256: Some(&sha256), ..expected }, b"abd").unwrap();
    }

    #[test]
    fn wrong_bytes_leave_the_good_file_alone() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("f");
        let sha256 = digest::of_bytes(b"good");
        let expected = Expected { size: Some(4), sha256: Some(&sha256), md5: None };
        put(&path, expected, b"good").unwrap();
        for bad in [&b"evil"[..], b"goo", b"goods", b""] {
            put(&path, expected, bad).unwrap_err();
            assert_eq!(std::fs::read(&path).unwrap(), b"good");
        }
        assert_eq!(names(folder.path()), ["f"]);
    }

    #[test]
    fn an_endless_input_is_stopped_at_the_stated_size() {
        let folder = tempfile::tempdir().unwrap();
        let expected = Expected { size: Some(1000), ..ANY };
        let error = place(&folder.path().join("f"), expected, true, |out| copy("input", &mut std::io::repeat(0), out));
        assert_eq!(error.unwrap_err().to_string(), "more than the 1000 bytes that the manifest states");
        assert!(names(folder.path()).is_empty());
    }

    #[test]
    fn a_full_disk_leaves_nothing_behind() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("f");
        let error = place(&path, ANY, true, |out| {
            out.write_all(b"half").map_err(FileFault::io("write", &path))?;
            let full = std::io::Error::from(std::io::ErrorKind::StorageFull);
            Err(FileFault::io("write", &path)(full).into())
        });
        assert!(error.unwrap_err().to_string().contains("cannot write"));
        assert!(names(folder.path()).is_empty());
    }

    #[test]
    fn an_unpinned_file_needs_consent_and_its_digest_is_told() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("f");
        let message = put(&path, ANY, b"abc").unwrap_err().to_string();
        assert!(message.contains("3 bytes with SHA-256 ba7816bf"), "{message}");
        assert!(!path.exists());
        let found = place(&path, ANY, true, |out| copy("input", &mut &b"abc"[..], out)).unwrap();
        assert_eq!(found, Found { size: 3, sha256: digest::of_bytes(b"abc") });
    }
}
