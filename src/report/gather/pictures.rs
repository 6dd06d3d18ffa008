//! Pictures, with what they say for those who do not see them.

use std::path::{Path, PathBuf};

use crate::Result;
use crate::data::FileFault;
use crate::report::bars::{self, Bars};
use crate::report::page::Picture;

/// More bars than these nobody wants to hear one by one.
const HEARD: usize = 30;

/// Bars, with a caption.
pub(super) fn draw(caption: &str, chart: &Bars) -> Picture {
    let mut svg = Vec::new();
    bars::write(chart, &mut svg).expect("memory can be written");
    let says = if chart.bars.len() > HEARD {
        format!("Bars: {}; {} bars.", chart.title, chart.bars.len())
    } else {
        let said = chart.bars.iter().map(|bar| format!("{} {:.*}", bar.label, chart.decimals, bar.value));
        format!("Bars: {}; {}.", chart.title, said.collect::<Vec<_>>().join(", "))
    };
    Picture { title: caption.to_owned(), says, svg: String::from_utf8(svg).expect("SVG is text") }
}

/// The pictures that a command drew; `plans`: it aligned pairs, and draws their plans under the pairs' ids.
pub(super) fn drawn(names: &[PathBuf], plans: bool) -> Result<Vec<Picture>> {
    let is_svg = |name: &&PathBuf| name.extension().is_some_and(|extension| extension == "svg");
    names.iter().filter(is_svg).map(|name| one(name, plans)).collect()
}

fn one(path: &Path, plans: bool) -> Result<Picture> {
    let svg = std::fs::read_to_string(path).map_err(FileFault::io("read", path))?;
    if !svg.trim_start().starts_with("<svg") {
        return Err(FileFault::content(path.display(), "expected a picture that begins with <svg").into());
    }
    let stem = path.file_stem().unwrap_or_default().to_string_lossy();
    let inner = title(&svg);
    let (caption, kind) = match stem.as_ref() {
        pair if plans => (
            format!("Transport plan of pair {pair}: the stronger the colour, the more of the mass; frames are links"),
            "Heat map",
        ),
        "curve" => (format!("The more is changed, the less is left: {inner}"), "Line chart"),
        "loss" => ("Training: the loss of each step".to_owned(), "Line chart"),
        "accuracy" => {
            ("Validation: the share of translations that find their sentences, by step".to_owned(), "Line chart")
        }
        other => (format!("{other}: {inner}"), "Picture"),
    };
    let says = format!("{kind}: {inner}. Its numbers are in files of the same folder.");
    Ok(Picture { title: caption, says, svg })
}

/// The title that a picture has within.
fn title(svg: &str) -> String {
    let inner =
        svg.split_once("<title>").and_then(|(_, rest)| rest.split_once("</title>")).map_or("", |(title, _)| title);
    quick_xml::escape::unescape(inner).map_or_else(|_| inner.to_owned(), |title| title.into_owned())
}
