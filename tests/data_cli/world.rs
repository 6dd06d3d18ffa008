//! A cache, a mirror, a folder of manifests and a folder of programs of their own for each test.

use std::fs;
use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use snellen::data::digest;

pub(crate) struct World {
    root: tempfile::TempDir,
}

/// What a run of the program printed, and its exit status.
pub(crate) struct Run {
    pub(crate) status: i32,
    pub(crate) stdout: String,
    pub(crate) stderr: String,
}

impl World {
    pub(crate) fn new() -> Self {
        let root = tempfile::tempdir().unwrap();
        for folder in ["manifests", "mirror", "bin"] {
            fs::create_dir(root.path().join(folder)).unwrap();
        }
        Self { root }
    }

    pub(crate) fn path(&self, path: &str) -> PathBuf {
        self.root.path().join(path)
    }

    /// Writes a file, with its folders.
    pub(crate) fn write(&self, path: &str, bytes: impl AsRef<[u8]>) -> PathBuf {
        let path = self.path(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(&path, bytes).unwrap();
        path
    }

    pub(crate) fn gzip(&self, path: &str, bytes: &[u8]) {
        let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::default());
        encoder.write_all(bytes).unwrap();
        self.write(path, encoder.finish().unwrap());
    }

    /// A manifest of that name, with whatever follows the facts about it.
    pub(crate) fn manifest(&self, name: &str, files: &str) {
        let head = "version = \"1\"\nkind = \"data\"\ntitle = \"t\"\nlicence = \"CC0\"\ncitation = \"c\"\n";
        self.write(&format!("manifests/{name}.toml"), format!("name = \"{name}\"\n{head}{files}"));
    }

    /// A program placed first on the search path.
    #[cfg(unix)]
    pub(crate) fn program(&self, name: &str, script: &str) {
        use std::os::unix::fs::PermissionsExt as _;
        let path = self.write(&format!("bin/{name}"), script);
        fs::set_permissions(path, fs::Permissions::from_mode(0o755)).unwrap();
    }

    pub(crate) fn data(&self, args: &[&str]) -> Run {
        let mut path = std::ffi::OsString::from(self.path("bin"));
        path.push(if cfg!(windows) { ";" } else { ":" });
        path.push(std::env::var_os("PATH").unwrap_or_default());
        let output = Command::new(env!("CARGO_BIN_EXE_snellen"))
            .arg("data")
            .args(args)
            .env_remove("SNELLEN_MIRROR")
            .env("SNELLEN_CACHE", self.path("cache"))
            .env("SNELLEN_MANIFESTS", self.path("manifests"))
            .env("PATH", path)
            .env("NO_PROXY", "127.0.0.1")
            .env("no_proxy", "127.0.0.1")
            .output()
            .unwrap();
        Run {
            status: output.status.code().unwrap_or(-1),
            stdout: String::from_utf8(output.stdout).unwrap(),
            stderr: String::from_utf8(output.stderr).unwrap(),
        }
    }

    /// The content of a file of a fetched set.
    pub(crate) fn fetched(&self, path: &str) -> Option<Vec<u8>> {
        fs::read(self.path("cache/data").join(path)).ok()
    }

    /// Everything in the cache that is neither a set's file nor one of ours with a purpose.
    pub(crate) fn leftovers(&self) -> Vec<String> {
        let mut found = Vec::new();
        walk(&self.path("cache"), &mut found);
        found.retain(|name| name.starts_with(".snellen-"));
        found
    }
}

fn walk(folder: &Path, names: &mut Vec<String>) {
    for entry in fs::read_dir(folder).into_iter().flatten().flatten() {
        names.push(entry.file_name().into_string().unwrap());
        walk(&entry.path(), names);
    }
}

impl Run {
    /// Checks the exit status, showing what was printed where it is another.
    pub(crate) fn ends(self, status: i32) -> Self {
        assert_eq!(self.status, status, "stdout: {}\nstderr: {}", self.stdout, self.stderr);
        self
    }

    pub(crate) fn complains(self, of: &str) -> Self {
        assert!(self.stderr.contains(of), "{of:?} is not in: {}", self.stderr);
        self
    }

    pub(crate) fn prints(self, what: &str) -> Self {
        assert!(self.stdout.contains(what), "{what:?} is not in: {}", self.stdout);
        self
    }
}

/// A line of a group: path, size, SHA-256.
pub(crate) fn line(path: &str, bytes: &[u8]) -> String {
    format!("{path} {} {}\n", bytes.len(), digest::of_bytes(bytes))
}

/// Whether a program answers; says so where it does not.
pub(crate) fn has(program: &str) -> bool {
    let there = Command::new(program).arg("--version").output().is_ok_and(|o| o.status.success());
    if !there {
        eprintln!("skipped: {program} is not installed");
    }
    there
}

/// How the server answers.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Serving {
    /// Ranges are honoured.
    Ranges,
    /// Ranges are ignored.
    Whole,
    /// The first answer breaks off half-way; ranges are honoured.
    BrokenOnce,
    /// Far more comes than was asked for, without a length.
    Endless,
}

/// A server on the loopback interface that answers every request with `body`. Returns its address and a count of requests.
pub(crate) fn serve(body: &'static [u8], serving: Serving) -> (String, Arc<AtomicUsize>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = format!("http://{}", listener.local_addr().unwrap());
    let count = Arc::new(AtomicUsize::new(0));
    let counter = Arc::clone(&count);
    std::thread::spawn(move || {
        for stream in listener.incoming().flatten() {
            let nth = counter.fetch_add(1, Ordering::SeqCst);
            // A client that hangs up early is no concern of the server's.
            let _ = answer(stream, body, serving, nth);
        }
    });
    (address, count)
}

fn answer(mut stream: TcpStream, body: &[u8], serving: Serving, nth: usize) -> std::io::Result<()> {
    let mut request = Vec::new();
    let mut byte = [0u8];
    while !request.ends_with(b"\r\n\r\n") {
        stream.read_exact(&mut byte)?;
        request.push(byte[0]);
    }
    let request = String::from_utf8_lossy(&request).to_ascii_lowercase();
    let from = request
        .lines()
        .find_map(|l| l.strip_prefix("range: bytes="))
        .and_then(|r| r.split('-').next()?.parse::<usize>().ok())
        .filter(|_| matches!(serving, Serving::Ranges | Serving::BrokenOnce));
    match from {
        Some(from) if from >= body.len() => {
            write!(stream, "HTTP/1.1 416 Range Not Satisfiable\r\nContent-Length: 0\r\nConnection: close\r\n\r\n")
        }
        Some(from) => {
            let (rest, total) = (&body[from..], body.len());
            write!(stream, "HTTP/1.1 206 Partial Content\r\nContent-Range: bytes {from}-{}/{total}\r\n", total - 1)?;
            write!(stream, "Content-Length: {}\r\nConnection: close\r\n\r\n", rest.len())?;
            stream.write_all(rest)
        }
        None if serving == Serving::Endless => {
            write!(stream, "HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n")?;
            for _ in 0..1000 {
                stream.write_all(&[0u8; 4096])?;
            }
            Ok(())
        }
        None => {
            let sent = if serving == Serving::BrokenOnce && nth == 0 { body.len() / 2 } else { body.len() };
            write!(stream, "HTTP/1.1 200 OK\r\nContent-Length: {}\r\nConnection: close\r\n\r\n", body.len())?;
            stream.write_all(&body[..sent])
        }
    }
}
