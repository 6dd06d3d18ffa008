//! Files behind an address, downloaded with the user's own curl.

use std::fs::File;
use std::io::{Read, Write};
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Duration;

use super::SourceFault;
use crate::Result;
use crate::data::FileFault;
use crate::data::place::LARGEST;

/// How often a transfer that broke off is taken up again.
const ATTEMPTS: u32 = 3;
/// curl's exit statuses for what may pass: a connection that broke or stalled.
const PASSING: [i32; 5] = [18, 28, 52, 55, 56];
/// curl's exit status for a server that cannot continue a file.
const NO_RANGES: i32 = 33;

/// How one run of curl ended.
enum End {
    Complete,
    /// The exit status (none: killed) and what curl said.
    Broken(Option<i32>, String),
    TooLong,
}

/// Downloads `url` to `path`, continuing what an earlier attempt left there. `told` is given the number of bytes that came.
pub(crate) fn download(url: &str, path: &Path, size: Option<u64>, told: &mut dyn FnMut(u64)) -> Result<()> {
    let limit = size.unwrap_or(LARGEST);
    for attempt in 1.. {
        let have = std::fs::metadata(path).map_or(0, |m| m.len());
        if Some(have) == size {
            return Ok(());
        }
        match transfer(url, path, have, limit, told)? {
            End::Complete => return Ok(()),
            End::TooLong => {
                remove(path)?;
                let why = format!("more than {limit} bytes came");
                return Err(SourceFault::Failed { doing: format!("curl {url}"), why }.into());
            }
            End::Broken(Some(NO_RANGES), _) if have > 0 => remove(path)?,
            End::Broken(status, why) => {
                let passing = status.is_some_and(|s| PASSING.contains(&s)) || why.contains("error: 5");
                if !passing || attempt >= ATTEMPTS {
                    return Err(SourceFault::Failed { doing: format!("curl {url}"), why }.into());
                }
                std::thread::sleep(Duration::from_secs(u64::from(attempt)));
            }
        }
    }
    Ok(())
}

fn remove(path: &Path) -> Result<()> {
    Ok(std::fs::remove_file(path).map_err(FileFault::io("remove", path))?)
}

/// Appends to the `have` bytes at `path` what curl brings. curl writes to a pipe and not to the file, so that what comes can be
/// bounded whether the server announces a length or not.
fn transfer(url: &str, path: &Path, have: u64, limit: u64, told: &mut dyn FnMut(u64)) -> Result<End> {
    let mut file = File::options().create(true).append(true).open(path).map_err(FileFault::io("write", path))?;
    let mut child = curl(url, have).spawn().map_err(SourceFault::start("curl"))?;
    let mut sum = have;
    let mut copied = Ok(());
    if let Some(mut stdout) = child.stdout.take() {
        let mut buffer = vec![0u8; 1 << 16];
        while let Ok(n) = stdout.read(&mut buffer) {
            sum += n as u64;
            if n == 0 || sum > limit {
                break;
            }
            copied = file.write_all(&buffer[..n]).map_err(FileFault::io("write", path));
            if copied.is_err() {
                break;
            }
            told(n as u64);
        }
    }
    let mut why = String::new();
    if let Some(stderr) = child.stderr.as_mut() {
        let _ = stderr.read_to_string(&mut why);
    }
    let status = child.wait().map_err(SourceFault::start("curl"))?;
    copied?;
    if sum > limit {
        return Ok(End::TooLong);
    }
    if status.success() {
        return Ok(End::Complete);
    }
    if sum == 0 {
        remove(path)?;
    }
    let why = why.lines().rfind(|line| !line.trim().is_empty()).map_or_else(|| status.to_string(), str::to_owned);
    Ok(End::Broken(status.code(), why))
}

fn curl(url: &str, have: u64) -> Command {
    let mut command = Command::new("curl");
    command.args(["--fail", "--location", "--silent", "--show-error", "--globoff"]);
    command.args(["--proto", "=https,http", "--proto-redir", "=https"]);
    command.args(["--connect-timeout", "30", "--speed-limit", "1", "--speed-time", "60"]);
    if have > 0 {
        command.args(["--continue-at", &have.to_string()]);
    }
    command.args(["--", url]).stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
    command
}
