//! Progress bars: on a terminal only, on standard error, never with `--quiet`.

use std::io::IsTerminal as _;

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

use super::Context;

/// A bar of `total` units called `what`; invisible where nobody would look at it.
pub(crate) fn bar(context: &Context, total: usize, what: &str) -> ProgressBar {
    if context.quiet || !std::io::stderr().is_terminal() {
        return ProgressBar::hidden();
    }
    let style = ProgressStyle::with_template("{msg:18} {bar:32} {pos}/{len}  {per_sec}  {eta} left")
        .unwrap_or_else(|_| ProgressStyle::default_bar());
    let bar =
        ProgressBar::with_draw_target(Some(total as u64), ProgressDrawTarget::stderr_with_hz(8)).with_style(style);
    bar.set_message(what.to_owned());
    bar
}
