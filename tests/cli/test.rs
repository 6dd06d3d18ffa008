//! A run of the program in a folder of its own, which is its working directory: what it says of files is relative, and the same everywhere.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use safetensors::SafeTensors;
use serde_json::Value;
use snellen::data::tensors::{self, Dtype, Tensor};
use tempfile::TempDir;

pub(crate) const WEIGHTS: &str = "model/model.safetensors";
pub(crate) const OUT: &str = "out.safetensors";

/// What is prepared, asked for and expected.
pub(crate) struct Test {
    folder: TempDir,
    args: Vec<String>,
    stdout: Option<String>,
    stderr: Option<String>,
    script: Option<&'static str>,
}

/// What came of it.
pub(crate) struct Output {
    pub(crate) stdout: String,
    pub(crate) stderr: String,
    folder: TempDir,
}

impl Test {
    /// Nothing but an empty folder.
    pub(crate) fn new() -> Self {
        Self { folder: TempDir::new().unwrap(), args: Vec::new(), stdout: None, stderr: None, script: None }
    }

    /// `snellen encode` of three texts with a copy of one of the fixtures, student or teacher, in `model`.
    pub(crate) fn encode(fixture: &str) -> Self {
        let test = Self::new().write("texts.txt", "Good morning.\nThe dog sleeps.\nMaji ni baridi.\n");
        copy(&fixtures().join(fixture), &test.path("model"));
        test.args(["encode", "--model", "model", "--input", "texts.txt", "--output", OUT])
    }

    /// Gives an option another value, or adds it.
    pub(crate) fn option(mut self, name: &str, value: &str) -> Self {
        match self.args.iter().position(|arg| arg == name) {
            Some(i) => value.clone_into(&mut self.args[i + 1]),
            None => self.args.extend([name.to_owned(), value.to_owned()]),
        }
        self
    }

    /// Runs it from within a shell's script.
    pub(crate) fn within(mut self, script: &'static str) -> Self {
        self.script = Some(script);
        self
    }

    /// Other arguments instead of those it had.
    pub(crate) fn then_args(mut self, args: &[&str]) -> Self {
        self.args = args.iter().map(|arg| (*arg).to_owned()).collect();
        self
    }

    pub(crate) fn args<T: AsRef<str>>(mut self, args: impl IntoIterator<Item = T>) -> Self {
        self.args.extend(args.into_iter().map(|arg| arg.as_ref().to_owned()));
        self
    }

    /// Expects exactly this on standard output.
    pub(crate) fn stdout(mut self, text: &str) -> Self {
        self.stdout = Some(text.to_owned());
        self
    }

    /// Expects exactly this on standard error.
    pub(crate) fn stderr(mut self, text: &str) -> Self {
        self.stderr = Some(text.to_owned());
        self
    }

    pub(crate) fn path(&self, file: &str) -> PathBuf {
        self.folder.path().join(file)
    }

    pub(crate) fn write(self, file: &str, content: impl AsRef<[u8]>) -> Self {
        let path = self.path(file);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, content).unwrap();
        self
    }

    pub(crate) fn remove(self, file: &str) -> Self {
        std::fs::remove_file(self.path(file)).unwrap();
        self
    }

    pub(crate) fn folder(self, name: &str) -> Self {
        std::fs::create_dir(self.path(name)).unwrap();
        self
    }

    pub(crate) fn bytes(self, file: &str, edit: impl FnOnce(&mut Vec<u8>)) -> Self {
        let mut bytes = std::fs::read(self.path(file)).unwrap();
        edit(&mut bytes);
        self.write(file, bytes)
    }

    pub(crate) fn json(self, file: &str, edit: impl FnOnce(&mut Value)) -> Self {
        self.bytes(file, |bytes| {
            let mut json = serde_json::from_slice(bytes).unwrap();
            edit(&mut json);
            *bytes = serde_json::to_vec(&json).unwrap();
        })
    }

    /// Edits the weights' header, which remains a multiple of nothing in particular.
    pub(crate) fn header(self, edit: impl FnOnce(&mut Value)) -> Self {
        self.bytes(WEIGHTS, |bytes| {
            let end = 8 + u64::from_le_bytes(bytes[..8].try_into().unwrap()) as usize;
            let mut header = serde_json::from_slice(&bytes[8..end]).unwrap();
            edit(&mut header);
            let header = serde_json::to_vec(&header).unwrap();
            *bytes = [&(header.len() as u64).to_le_bytes()[..], &header, &bytes[end..]].concat();
        })
    }

    /// Rewrites the weights, tensor by tensor; one that comes back without a name is left out.
    pub(crate) fn tensors(self, edit: impl Fn(&mut Tensor<'_>)) -> Self {
        let bytes = std::fs::read(self.path(WEIGHTS)).unwrap();
        let read = SafeTensors::deserialize(&bytes).unwrap();
        let mut all: Vec<Tensor<'_>> = read
            .iter()
            .map(|(name, view)| Tensor {
                name: name.to_owned(),
                dtype: if view.dtype() == safetensors::Dtype::I64 { Dtype::I64 } else { Dtype::F32 },
                shape: view.shape().to_vec(),
                bytes: view.data().into(),
            })
            .collect();
        all.sort_by(|a, b| a.name.cmp(&b.name));
        all.iter_mut().for_each(edit);
        all.retain(|tensor| !tensor.name.is_empty());
        tensors::write(&self.path(WEIGHTS), &all, &[]).unwrap();
        self
    }

    /// Puts `value` at place `i` of the tensor `name`.
    pub(crate) fn value(self, name: &str, i: usize, value: f32) -> Self {
        self.tensors(|tensor| {
            if tensor.name == name {
                tensor.bytes.to_mut()[4 * i..][..4].copy_from_slice(&value.to_le_bytes());
            }
        })
    }

    pub(crate) fn command(&self) -> Command {
        let program = env!("CARGO_BIN_EXE_snellen");
        let mut command = Command::new(if self.script.is_some() { "sh" } else { program });
        if let Some(script) = self.script {
            command.args(["-c", script, program]);
        }
        command.args(&self.args).current_dir(self.folder.path()).env("SNELLEN_CACHE", "cache").stdin(Stdio::null());
        command.env_remove("SNELLEN_MANIFESTS").env_remove("SNELLEN_MIRROR");
        command
    }

    /// Runs it and holds it to its exit status and to what is expected of its output.
    pub(crate) fn status(self, expected: i32) -> Output {
        let out = self.command().output().unwrap();
        let (stdout, stderr) = (String::from_utf8(out.stdout).unwrap(), String::from_utf8(out.stderr).unwrap());
        assert_eq!(out.status.code(), Some(expected), "{:?}\nstdout: {stdout}\nstderr: {stderr}", self.args);
        if let Some(expected) = self.stdout {
            assert_eq!(stdout, expected, "standard output of {:?}", self.args);
        }
        if let Some(expected) = self.stderr {
            assert_eq!(stderr, expected, "standard error of {:?}", self.args);
        }
        Output { stdout, stderr, folder: self.folder }
    }

    /// Runs it and holds it to be refused in one line with nothing written; returns the line.
    pub(crate) fn refused(self) -> String {
        let before = files(self.folder.path());
        let out = self.stdout("").status(2);
        assert_eq!(out.stderr.lines().count(), 1, "{}", out.stderr);
        assert!(out.stderr.starts_with("snellen: ") && out.stderr.ends_with('\n'), "{}", out.stderr);
        assert_eq!(files(out.folder.path()), before, "{}", out.stderr);
        out.stderr
    }
}

impl Output {
    pub(crate) fn read(&self, file: &str) -> Vec<u8> {
        std::fs::read(self.folder.path().join(file)).unwrap()
    }

    /// Another run in the same folder.
    pub(crate) fn then(self) -> Test {
        Test { folder: self.folder, args: Vec::new(), stdout: None, stderr: None, script: None }
    }
}

pub(crate) fn root() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
}

pub(crate) fn fixtures() -> PathBuf {
    root().join("fixtures")
}

pub(crate) fn copy(from: &Path, to: &Path) {
    std::fs::create_dir_all(to).unwrap();
    for entry in std::fs::read_dir(from).unwrap().map(Result::unwrap) {
        let to = to.join(entry.file_name());
        if entry.path().is_dir() {
            copy(&entry.path(), &to);
        } else {
            std::fs::copy(entry.path(), to).unwrap();
        }
    }
}

/// Everything in a folder, except folders and what is kept in the cache.
fn files(folder: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in std::fs::read_dir(folder).unwrap().map(Result::unwrap) {
        match entry.path() {
            path if path.ends_with("cache") => {}
            path if path.is_dir() => found.extend(files(&path)),
            path => found.push(path),
        }
    }
    found.sort();
    found
}

/// The numbers of the tensor `name` of a file: its shape and its values.
pub(crate) fn numbers(file: &[u8], name: &str) -> (Vec<usize>, Vec<f32>) {
    let read = SafeTensors::deserialize(file).unwrap();
    let tensor = read.tensor(name).unwrap();
    assert_eq!(tensor.dtype(), safetensors::Dtype::F32);
    let (values, _) = tensor.data().as_chunks::<4>();
    (tensor.shape().to_vec(), values.iter().map(|b| f32::from_le_bytes(*b)).collect())
}

/// Holds a text to the snapshot of that name in `snapshots`.
macro_rules! assert_text {
    ($name:expr, $text:expr) => {
        insta::with_settings!({
            snapshot_path => "../../snapshots",
            prepend_module_to_snapshot => false,
            omit_expression => true,
        }, { insta::assert_snapshot!($name, $text) })
    };
}

/// Holds what is said of each damage, run by run, to the snapshot of that name.
pub(crate) fn assert_refused<const N: usize>(name: &str, cases: [(&str, Test); N]) {
    let lines = cases.map(|(what, test)| format!("{what}\n    {}", test.refused()));
    assert_text!(name, lines.concat());
}

pub(crate) use assert_text;
