//! A transport plan as a picture: SVG, sentence down the side, translation along the top, the darker a cell the more of the mass.
//!
//! It needs nothing but itself, and the same plan gives the same bytes.

use std::io::{self, Write};

use ndarray::ArrayView2;
use quick_xml::ElementWriter;

use super::svg::{self, Xml};
use crate::data::links::{Link, Links};

/// A cell's side.
const CELL: usize = 24;
/// Between labels and cells, and around all.
const GAP: usize = 6;
/// About how wide a letter is, of scripts with narrow and with wide ones.
const NARROW: usize = 8;
const WIDE: usize = 14;
/// Longest label that is given all the room that it needs.
const LONGEST: usize = 260;

/// What is drawn.
pub struct HeatMap<'a> {
    /// Above the picture.
    pub title: &'a str,
    /// Labels of rows and of columns.
    pub words: &'a [Vec<String>; 2],
    /// How much of the mass is in each cell.
    pub plan: ArrayView2<'a, f64>,
    /// Cells with a frame.
    pub links: &'a std::collections::BTreeSet<Link>,
    /// Cells with a dot (sure) or a ring (possible).
    pub gold: Option<&'a Links>,
}

/// Where things are.
struct Layout {
    left: usize,
    top: usize,
    width: usize,
    height: usize,
}

impl Layout {
    fn of(map: &HeatMap<'_>) -> Self {
        let longest = |labels: &[String]| labels.iter().map(|label| length(label)).max().unwrap_or(0).min(LONGEST);
        let (rows, columns) = (longest(&map.words[0]), longest(&map.words[1]));
        let (left, top) = (rows + 2 * GAP, 3 * GAP + CELL + columns);
        // Labels of columns lean to the right.
        let right = GAP.max(columns / 2);
        let width = (left + CELL * map.words[1].len() + right).max(length(map.title) + 2 * GAP);
        let legend = 2 * CELL;
        Self { left, top, width, height: top + CELL * map.words[0].len() + legend }
    }

    /// The left upper corner of a cell.
    fn corner(&self, (row, column): Link) -> (usize, usize) {
        (self.left + CELL * column, self.top + CELL * row)
    }
}

/// About how long a text is.
fn length(text: &str) -> usize {
    text.chars().map(|c| if c.is_ascii() { NARROW } else { WIDE }).sum()
}

/// Draws a plan.
///
/// # Errors
/// `out` cannot be written.
pub fn write(map: &HeatMap<'_>, out: &mut dyn Write) -> io::Result<()> {
    let layout = Layout::of(map);
    let size = [layout.width, layout.height].map(|x| x.to_string());
    let place = [GAP, GAP + 13].map(|x| x.to_string());
    svg::picture(out, size, map.title, place, |xml| {
        labels(xml, map, &layout)?;
        cells(xml, map, &layout)?;
        marks(xml, map, &layout)?;
        legend(xml, map, &layout)
    })
}

fn labels(xml: &mut Xml<'_>, map: &HeatMap<'_>, layout: &Layout) -> io::Result<()> {
    for (i, word) in map.words[0].iter().enumerate() {
        let (x, y) = (layout.left - GAP, layout.top + CELL * i + CELL * 2 / 3);
        let (x, y) = (x.to_string(), y.to_string());
        svg::text(xml, "text", &[("x", &x), ("y", &y), ("text-anchor", "end")], word)?;
    }
    for (j, word) in map.words[1].iter().enumerate() {
        let (x, y) = (layout.left + CELL * j + CELL * 2 / 3, layout.top - GAP);
        let turned = format!("translate({x} {y}) rotate(-60)");
        svg::text(xml, "text", &[("transform", &turned)], word)?;
    }
    Ok(())
}

/// The largest entry is as dark as can be.
fn cells(xml: &mut Xml<'_>, map: &HeatMap<'_>, layout: &Layout) -> io::Result<()> {
    let largest = map.plan.iter().fold(0.0, |most, x| if *x > most { *x } else { most });
    for (place, mass) in map.plan.indexed_iter() {
        let share = if largest > 0.0 { mass / largest } else { 0.0 };
        square(xml, layout.corner(place), CELL)
            .with_attributes([("fill", colour(share).as_str()), ("stroke", "#e4e4e4")])
            .write_inner_content(|xml| {
                let [source, target] = [&map.words[0][place.0], &map.words[1][place.1]];
                svg::text(xml, "title", &[], &format!("{source} – {target}: {mass:.4}"))
            })?;
    }
    Ok(())
}

/// From white to dark blue.
fn colour(share: f64) -> String {
    let between = |from: f64, to: f64| (from + (to - from) * share).round() as u8;
    format!("#{:02x}{:02x}{:02x}", between(255.0, 8.0), between(255.0, 64.0), between(255.0, 129.0))
}

/// A square, to be coloured.
fn square<'x, 'out>(
    xml: &'x mut Xml<'out>,
    (x, y): (usize, usize),
    side: usize,
) -> ElementWriter<'x, &'out mut dyn Write> {
    let (x, y, side) = (x.to_string(), y.to_string(), side.to_string());
    let place = [("x", x.as_str()), ("y", &y), ("width", &side), ("height", &side)];
    xml.create_element("rect").with_attributes(place)
}

fn frame(xml: &mut Xml<'_>, (x, y): (usize, usize)) -> io::Result<()> {
    square(xml, (x + 1, y + 1), CELL - 2)
        .with_attributes([("fill", "none"), ("stroke", "#d94801"), ("stroke-width", "2")])
        .write_empty()?;
    Ok(())
}

/// A dot of a sure link, a ring of a possible one.
fn dot(xml: &mut Xml<'_>, (x, y): (usize, usize), sure: bool) -> io::Result<()> {
    let (x, y) = ((x + CELL / 2).to_string(), (y + CELL / 2).to_string());
    let fill = if sure { "#238b45" } else { "none" };
    xml.create_element("circle")
        .with_attributes([
            ("cx", x.as_str()),
            ("cy", &y),
            ("r", "5"),
            ("fill", fill),
            ("stroke", "#238b45"),
            ("stroke-width", "2"),
        ])
        .write_empty()?;
    Ok(())
}

fn marks(xml: &mut Xml<'_>, map: &HeatMap<'_>, layout: &Layout) -> io::Result<()> {
    map.links.iter().try_for_each(|link| frame(xml, layout.corner(*link)))?;
    let Some(gold) = map.gold else { return Ok(()) };
    gold.possible.iter().try_for_each(|link| dot(xml, layout.corner(*link), gold.sure.contains(link)))
}

/// What the marks mean.
fn legend(xml: &mut Xml<'_>, map: &HeatMap<'_>, layout: &Layout) -> io::Result<()> {
    let y = layout.height - CELL - GAP;
    let mut x = GAP;
    let mut say = |xml: &mut Xml<'_>, text: &str| {
        let (at, baseline) = ((x + CELL + GAP).to_string(), (y + CELL * 2 / 3).to_string());
        let here = (x, y);
        x += CELL + 3 * GAP + length(text);
        svg::text(xml, "text", &[("x", &at), ("y", &baseline)], text).map(|()| here)
    };
    let here = say(xml, "link")?;
    frame(xml, here)?;
    if map.gold.is_some() {
        for (sure, text) in [(true, "sure"), (false, "possible")] {
            let here = say(xml, text)?;
            dot(xml, here, sure)?;
        }
    }
    Ok(())
}
