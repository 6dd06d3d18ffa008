//! Progress bars: on a terminal only, on standard error, never with `--quiet`.

use std::io::IsTerminal as _;
use std::sync::Mutex;

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use snellen::claim::Progress;

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

/// A progress bar for each claim or model, one after the other.
pub(crate) struct Bars<'a> {
    context: &'a Context,
    bar: Mutex<ProgressBar>,
}

impl<'a> Bars<'a> {
    pub(crate) fn new(context: &'a Context) -> Self {
        Self { context, bar: Mutex::new(ProgressBar::hidden()) }
    }

    /// Clears the last one away.
    pub(crate) fn finish(&self) {
        if let Ok(bar) = self.bar.lock() {
            bar.finish_and_clear();
        }
    }
}

impl Progress for Bars<'_> {
    fn begin(&self, claim: &str, sentences: usize) {
        if let Ok(mut bar) = self.bar.lock() {
            bar.finish_and_clear();
            *bar = self::bar(self.context, sentences, claim);
        }
    }

    fn advance(&self, sentences: usize) {
        if let Ok(bar) = self.bar.lock() {
            bar.inc(sentences as u64);
        }
    }
}
