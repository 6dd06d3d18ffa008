//! Files of one commit of a git repository.

use std::io::{Read, Write};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use super::{SourceFault, run};
use crate::Result;
use crate::data::place;

/// One commit, fetched into a bare repository of its own.
pub(crate) struct Commit {
    folder: PathBuf,
    commit: String,
}

impl Commit {
    /// Fetches exactly `commit` of `repository` into `folder`, without its history.
    pub(crate) fn fetch(repository: &str, commit: &str, folder: &Path) -> Result<Self> {
        let this = Self { folder: folder.to_owned(), commit: commit.to_owned() };
        run("git", this.git().args(["init", "--quiet", "--bare", "--template="]), "git init")?;
        let doing = format!("git fetch {repository} {commit}");
        run("git", this.git().args(["fetch", "--quiet", "--depth=1", "--no-tags", "--", repository, commit]), &doing)?;
        Ok(this)
    }

    /// Copies the file at `path` of the commit to `out`, as it is stored: no line endings are converted, no filters run.
    pub(crate) fn copy(&self, path: &str, out: &mut dyn Write) -> Result<()> {
        let label = format!("{}:{path}", self.commit);
        let mut command = self.git();
        command.args(["cat-file", "blob", &label]).stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = command.spawn().map_err(SourceFault::start("git"))?;
        let copied = match child.stdout.take() {
            Some(mut stdout) => place::copy(&label, &mut stdout, out),
            None => Ok(()),
        };
        // The pipe is closed by now, so that git ends even where its output was refused half-way.
        let mut why = String::new();
        if let Some(stderr) = child.stderr.as_mut() {
            let _ = stderr.read_to_string(&mut why);
        }
        let status = child.wait().map_err(SourceFault::start("git"))?;
        copied?;
        if status.success() {
            return Ok(());
        }
        let doing = format!("git cat-file {label}");
        Err(SourceFault::Failed { doing, why: why.lines().next_back().unwrap_or("no reason given").to_owned() }.into())
    }

    /// A git that asks nothing, runs no hook, and sees this repository only, also when it is called from a hook of another.
    fn git(&self) -> Command {
        let mut command = Command::new("git");
        for variable in ["GIT_DIR", "GIT_WORK_TREE", "GIT_INDEX_FILE", "GIT_OBJECT_DIRECTORY", "GIT_NAMESPACE"] {
            command.env_remove(variable);
        }
        command.env("GIT_TERMINAL_PROMPT", "0").env("GIT_ASKPASS", "true");
        command.args(["-c", "core.hooksPath=/dev/null", "-c", "protocol.ext.allow=never", "-c", "gc.auto=0"]);
        command.arg("--git-dir").arg(&self.folder);
        command
    }
}
