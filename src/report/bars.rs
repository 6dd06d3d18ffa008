//! Bars lying under each other: SVG, a bar a language or a bin, coloured by group, with a mark where a published value stands.

use std::io::{self, Write};

use super::svg::{COLOURS, Xml, picture, text};
use super::text::width as columns;

/// How long the longest bar is, how high one is, and about how wide a column of text.
const LENGTH: f64 = 420.0;
const HEIGHT: f64 = 18.0;
const COLUMN: f64 = 8.0;
const TOP: f64 = 40.0;
const GAP: f64 = 8.0;

/// What is drawn.
pub struct Bars {
    /// Above the picture.
    pub title: String,
    /// From above.
    pub bars: Vec<Bar>,
    /// How many digits of the numbers stand after the point.
    pub decimals: usize,
}

/// A bar.
pub struct Bar {
    /// On its left.
    pub label: String,
    /// What its colour stands for; nothing: it has the first colour.
    pub group: String,
    /// How long it is: not below 0.
    pub value: f64,
    /// Where a line crosses it.
    pub mark: Option<f64>,
}

/// Writes a picture.
///
/// # Errors
/// What `out` returns.
pub fn write(chart: &Bars, out: &mut dyn Write) -> io::Result<()> {
    let bars: Vec<&Bar> = chart.bars.iter().filter(|bar| bar.value.is_finite()).collect();
    let mut groups: Vec<&str> = bars.iter().map(|bar| bar.group.as_str()).filter(|group| !group.is_empty()).collect();
    groups.dedup();
    let left = bars.iter().map(|bar| columns(&bar.label)).max().unwrap_or(0) as f64 * COLUMN + 2.0 * GAP;
    let most = bars.iter().flat_map(|bar| [Some(bar.value), bar.mark]).flatten().fold(0.0, f64::max);
    let scale = if most > 0.0 { LENGTH / most } else { 0.0 };
    // What colours mean is said first: there may be a hundred bars.
    let legend = if groups.len() > 1 { HEIGHT * groups.len() as f64 + GAP } else { 0.0 };
    let first = TOP + legend;
    let below = first + HEIGHT * bars.len() as f64 + GAP;
    let size = [left + LENGTH + 10.0 * COLUMN, below].map(|x| format!("{x:.0}"));
    picture(out, size, &chart.title, [GAP, 24.0].map(|x| x.to_string()), |xml| {
        for (i, bar) in bars.iter().enumerate() {
            let at = [left, first + HEIGHT * i as f64];
            let group = groups.iter().position(|group| *group == bar.group).unwrap_or(0);
            one(xml, bar, at, scale, COLOURS[group % COLOURS.len()], chart.decimals)?;
        }
        for (i, group) in groups.iter().enumerate().filter(|_| groups.len() > 1) {
            let y = TOP + HEIGHT * i as f64;
            rectangle(xml, [left, y, HEIGHT - 4.0, HEIGHT - 4.0], COLOURS[i % COLOURS.len()])?;
            words(xml, left + HEIGHT + 4.0, y, "start", group)?;
        }
        Ok(())
    })
}

fn one(xml: &mut Xml<'_>, bar: &Bar, [x, y]: [f64; 2], scale: f64, colour: &str, decimals: usize) -> io::Result<()> {
    words(xml, x - GAP, y, "end", &bar.label)?;
    let length = bar.value.max(0.0) * scale;
    rectangle(xml, [x, y, length, HEIGHT - 4.0], colour)?;
    let mut end = length;
    if let Some(mark) = bar.mark.filter(|mark| mark.is_finite()) {
        rectangle(xml, [x + mark * scale - 1.0, y - 2.0, 2.0, HEIGHT], "#000000")?;
        end = end.max(mark * scale);
    }
    words(xml, x + end + 6.0, y, "start", &format!("{:.*}", decimals, bar.value))
}

fn words(xml: &mut Xml<'_>, x: f64, y: f64, anchor: &str, what: &str) -> io::Result<()> {
    let (x, y) = (format!("{x:.1}"), format!("{:.1}", y + HEIGHT - 6.0));
    text(xml, "text", &[("x", &x), ("y", &y), ("text-anchor", anchor)], what)
}

fn rectangle(xml: &mut Xml<'_>, place: [f64; 4], colour: &str) -> io::Result<()> {
    let [x, y, width, height] = place.map(|x| format!("{x:.1}"));
    let place = [("x", x.as_str()), ("y", &y), ("width", &width), ("height", &height), ("fill", colour)];
    xml.create_element("rect").with_attributes(place).write_empty()?;
    Ok(())
}
