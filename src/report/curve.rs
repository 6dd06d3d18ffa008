//! A line chart: SVG, one line a series, with the range of each point where there is one.
//!
//! It needs nothing but itself, and the same points give the same bytes.

use std::io::{self, Write};

use super::svg::{COLOURS, Xml, picture, text};
use super::text::width as columns;

/// The plot's own size.
const WIDTH: f64 = 480.0;
const HEIGHT: f64 = 300.0;
/// Around it: title above, numbers on the left, numbers and the axis's name below.
const LEFT: f64 = 64.0;
const TOP: f64 = 40.0;
const BOTTOM: f64 = 48.0;
/// A line of the legend, and where it begins beside the plot.
const LINE: f64 = 20.0;
const LEGEND: f64 = 20.0;
/// About how wide a column of text is.
const COLUMN: f64 = 8.0;
/// About so many numbers stand at an axis.
const TICKS: f64 = 5.0;
/// More dots than these on a line are not drawn.
const CROWD: usize = 60;
/// More series than colours are told apart by their dashes.
const DASHES: [&str; 4] = ["none", "8 4", "2 3", "8 3 2 3"];

/// What is drawn.
pub struct Chart {
    /// Above the picture.
    pub title: String,
    /// What the horizontal axis shows.
    pub x: String,
    /// What the vertical axis shows.
    pub y: String,
    /// The lines, in the legend's order.
    pub series: Vec<Series>,
}

/// A line.
pub struct Series {
    /// Its name in the legend.
    pub name: String,
    /// From left to right.
    pub points: Vec<Point>,
}

/// A point of a line. What is not finite is not drawn.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Point {
    /// Where along the horizontal axis.
    pub x: f64,
    /// Where along the vertical axis.
    pub y: f64,
    /// The lowest and the highest that it may be.
    pub range: Option<[f64; 2]>,
}

/// An axis: from where to where, and the numbers at it.
struct Axis {
    from: f64,
    to: f64,
    step: f64,
    /// How many digits of the numbers stand after the point.
    decimals: usize,
}

impl Axis {
    /// An axis that holds all values, between round numbers.
    fn of(values: impl Iterator<Item = f64>) -> Self {
        let (low, high) = values.fold((f64::INFINITY, f64::NEG_INFINITY), |(low, high), x| (low.min(x), high.max(x)));
        let (low, high) = if low < high {
            (low, high)
        } else if low.is_finite() {
            (low - 0.5, low + 0.5)
        } else {
            (0.0, 1.0)
        };
        let (step, decimals) = round_step((high - low) / TICKS);
        Self { from: (low / step).floor() * step, to: (high / step).ceil() * step, step, decimals }
    }

    /// Where a value is, 0 to 1.
    fn place(&self, value: f64) -> f64 {
        (value - self.from) / (self.to - self.from)
    }

    /// The numbers at it.
    fn ticks(&self) -> impl Iterator<Item = f64> + '_ {
        let count = ((self.to - self.from) / self.step).round() as usize;
        (0..=count).map(|i| self.from + i as f64 * self.step)
    }

    fn label(&self, value: f64) -> String {
        // Half of the last digit, so that a zero that rounding made negative has no sign.
        let value = if value.abs() < self.step / 2.0 { 0.0 } else { value };
        format!("{value:.*}", self.decimals)
    }
}

/// 1, 2 or 5 times a power of ten, at least `least`, and how many digits it has after the point.
fn round_step(least: f64) -> (f64, usize) {
    let (mut power, mut decimals) = (1.0, 0usize);
    while power > least && decimals < 300 {
        power /= 10.0;
        decimals += 1;
    }
    let mut whole = decimals == 0;
    while power * 10.0 <= least && whole {
        power *= 10.0;
        whole = power < 1e300;
    }
    let factor = [1.0, 2.0, 5.0, 10.0].into_iter().find(|factor| factor * power >= least).unwrap_or(10.0);
    // Ten of a power below 1 have one digit less.
    (factor * power, if factor == 10.0 { decimals.saturating_sub(1) } else { decimals })
}

struct Layout {
    x: Axis,
    y: Axis,
    width: f64,
    height: f64,
}

impl Layout {
    fn of(chart: &Chart) -> Self {
        let points = || chart.series.iter().flat_map(|series| &series.points).filter(|point| drawn(point));
        let heights = |point: &Point| [point.y].into_iter().chain(point.range.into_iter().flatten());
        let names = chart.series.iter().map(|series| length(&series.name)).fold(0.0, f64::max);
        let plot = LEFT + WIDTH + LEGEND + 2.0 * LINE + names + LINE;
        let legend = TOP + LINE * chart.series.len() as f64;
        Self {
            x: Axis::of(points().map(|point| point.x)),
            y: Axis::of(points().flat_map(heights)),
            width: plot.max(length(&chart.title) + 2.0 * LINE),
            height: (TOP + HEIGHT + BOTTOM).max(legend + LINE),
        }
    }

    fn x(&self, value: f64) -> f64 {
        LEFT + WIDTH * self.x.place(value)
    }

    fn y(&self, value: f64) -> f64 {
        TOP + HEIGHT * (1.0 - self.y.place(value))
    }
}

fn drawn(point: &Point) -> bool {
    point.x.is_finite() && point.y.is_finite() && point.range.is_none_or(|range| range.iter().all(|x| x.is_finite()))
}

fn length(text: &str) -> f64 {
    COLUMN * columns(text) as f64
}

/// A coordinate.
fn at(value: f64) -> String {
    format!("{value:.1}")
}

/// Draws a chart.
///
/// # Errors
/// `out` cannot be written.
pub fn write(chart: &Chart, out: &mut dyn Write) -> io::Result<()> {
    let layout = Layout::of(chart);
    let size = [layout.width, layout.height].map(at);
    picture(out, size, &chart.title, [at(LINE), "22".to_owned()], |xml| {
        axes(xml, chart, &layout)?;
        for (i, series) in chart.series.iter().enumerate() {
            line(xml, series, i, &layout)?;
            legend(xml, series, i)?;
        }
        Ok(())
    })
}

fn stroke(xml: &mut Xml<'_>, from: (f64, f64), to: (f64, f64), style: &[(&str, &str)]) -> io::Result<()> {
    let ends = [("x1", at(from.0)), ("y1", at(from.1)), ("x2", at(to.0)), ("y2", at(to.1))];
    let ends = ends.iter().map(|(name, value)| (*name, value.as_str()));
    xml.create_element("line").with_attributes(ends.chain(style.iter().copied())).write_empty()?;
    Ok(())
}

/// Numbers, lines across the plot, names of the axes.
fn axes(xml: &mut Xml<'_>, chart: &Chart, layout: &Layout) -> io::Result<()> {
    let (right, bottom) = (LEFT + WIDTH, TOP + HEIGHT);
    let faint = [("stroke", "#e4e4e4")];
    for value in layout.y.ticks() {
        let y = layout.y(value);
        stroke(xml, (LEFT, y), (right, y), &faint)?;
        let place = [("x", at(LEFT - 8.0)), ("y", at(y + 4.0))];
        let anchored = [("x", place[0].1.as_str()), ("y", &place[1].1), ("text-anchor", "end")];
        text(xml, "text", &anchored, &layout.y.label(value))?;
    }
    for value in layout.x.ticks() {
        let x = layout.x(value);
        stroke(xml, (x, bottom), (x, bottom + 5.0), &[("stroke", "#444")])?;
        middle(xml, x, bottom + 20.0, &layout.x.label(value))?;
    }
    stroke(xml, (LEFT, bottom), (right, bottom), &[("stroke", "#444")])?;
    stroke(xml, (LEFT, TOP), (LEFT, bottom), &[("stroke", "#444")])?;
    middle(xml, LEFT + WIDTH / 2.0, bottom + 40.0, &chart.x)?;
    let turned = format!("translate(16 {}) rotate(-90)", at(TOP + HEIGHT / 2.0));
    text(xml, "text", &[("transform", &turned), ("text-anchor", "middle")], &chart.y)
}

fn middle(xml: &mut Xml<'_>, x: f64, y: f64, what: &str) -> io::Result<()> {
    text(xml, "text", &[("x", &at(x)), ("y", &at(y)), ("text-anchor", "middle")], what)
}

/// How the i-th line looks.
fn style(i: usize) -> [(&'static str, &'static str); 3] {
    let dashes = DASHES[i / COLOURS.len() % DASHES.len()];
    [("stroke", COLOURS[i % COLOURS.len()]), ("stroke-width", "2"), ("stroke-dasharray", dashes)]
}

fn line(xml: &mut Xml<'_>, series: &Series, i: usize, layout: &Layout) -> io::Result<()> {
    let points: Vec<&Point> = series.points.iter().filter(|point| drawn(point)).collect();
    let places: Vec<String> =
        points.iter().map(|point| format!("{},{}", at(layout.x(point.x)), at(layout.y(point.y)))).collect();
    let colour = COLOURS[i % COLOURS.len()];
    for point in &points {
        if let Some([low, high]) = point.range {
            let x = layout.x(point.x);
            stroke(xml, (x, layout.y(low)), (x, layout.y(high)), &[("stroke", colour), ("stroke-opacity", "0.5")])?;
        }
    }
    let places = places.join(" ");
    let attributes = [("points", places.as_str()), ("fill", "none")].into_iter().chain(style(i));
    xml.create_element("polyline").with_attributes(attributes).write_empty()?;
    // So many dots would hide the line; they are there all the same for whoever stops at one.
    let shade = if points.len() > CROWD { [("fill-opacity", "0")].as_slice() } else { &[] };
    for point in points {
        let (x, y) = (at(layout.x(point.x)), at(layout.y(point.y)));
        xml.create_element("circle")
            .with_attributes([("cx", x.as_str()), ("cy", &y), ("r", "3"), ("fill", colour)])
            .with_attributes(shade.iter().copied())
            .write_inner_content(|xml| text(xml, "title", &[], &said(&series.name, point)))?;
    }
    Ok(())
}

/// What is shown of a point when one stops at it.
fn said(name: &str, point: &Point) -> String {
    let range = point.range.map_or_else(String::new, |[low, high]| format!(" ({low:.4} to {high:.4})"));
    format!("{name}, {}: {:.4}{range}", point.x, point.y)
}

fn legend(xml: &mut Xml<'_>, series: &Series, i: usize) -> io::Result<()> {
    let (x, y) = (LEFT + WIDTH + LEGEND, TOP + LINE * (i as f64 + 0.5));
    stroke(xml, (x, y), (x + 1.5 * LINE, y), &style(i))?;
    text(xml, "text", &[("x", &at(x + 2.0 * LINE)), ("y", &at(y + 4.0))], &series.name)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn svg(chart: &Chart) -> String {
        let mut out = Vec::new();
        write(chart, &mut out).unwrap();
        String::from_utf8(out).unwrap()
    }

    fn chart(series: Vec<Series>) -> Chart {
        Chart { title: "A < B".into(), x: "share".into(), y: "accuracy".into(), series }
    }

    fn series(name: &str, points: &[(f64, f64)]) -> Series {
        let points = points.iter().map(|(x, y)| Point { x: *x, y: *y, range: None }).collect();
        Series { name: name.into(), points }
    }

    #[test]
    fn numbers_at_axes_are_round_and_hold_all_values() {
        let ticks = |values: &[f64]| {
            let axis = Axis::of(values.iter().copied());
            axis.ticks().map(|value| axis.label(value)).collect::<Vec<_>>()
        };
        assert_eq!(ticks(&[0.0, 0.3]), ["0.0", "0.1", "0.2", "0.3"]);
        assert_eq!(ticks(&[0.61, 0.78]), ["0.60", "0.65", "0.70", "0.75", "0.80"]);
        assert_eq!(ticks(&[0.0, 40.0]), ["0", "10", "20", "30", "40"]);
        assert_eq!(ticks(&[-1.0, 1.0]), ["-1.0", "-0.5", "0.0", "0.5", "1.0"]);
        assert_eq!(ticks(&[3.0]).len(), 7, "one value has room around it");
        assert_eq!(ticks(&[]).first().map(String::as_str), Some("0.0"));
    }

    #[test]
    fn lines_ranges_and_legend_are_drawn() {
        let mut one = series("swap & more", &[(0.0, 0.9), (0.1, 0.8), (0.2, 0.5)]);
        one.points[1].range = Some([0.75, 0.85]);
        let svg = svg(&chart(vec![one, series("typo", &[(0.0, 0.9), (0.2, f64::NAN)])]));
        assert_eq!(svg.matches("<polyline").count(), 2);
        assert_eq!(svg.matches("<circle").count(), 4, "what is no number is not drawn");
        assert!(svg.contains("A &lt; B") && svg.contains("swap &amp; more, 0.1: 0.8000 (0.7500 to 0.8500)"));
        assert!(!svg.contains("NaN") && !svg.contains("script"));
    }

    #[test]
    fn the_dots_of_a_crowd_are_not_seen() {
        let of = |n: usize| svg(&chart(vec![series("loss", &vec![(0.0, 0.5); n])]));
        assert!(!of(CROWD).contains("fill-opacity"));
        assert_eq!(of(CROWD + 1).matches("fill-opacity=\"0\"").count(), CROWD + 1);
    }

    #[test]
    fn more_lines_than_colours_have_dashes_and_room() {
        let many = chart((0..22).map(|i| series(&format!("kind {i}"), &[(0.0, 1.0), (1.0, i as f64)])).collect());
        let svg = svg(&many);
        let looks: std::collections::BTreeSet<_> = (0..22).map(style).collect();
        assert_eq!(looks.len(), 22);
        let height: f64 = svg.split("height=\"").nth(1).unwrap().split('"').next().unwrap().parse().unwrap();
        assert!(height > TOP + 22.0 * LINE);
        assert!(svg == super::tests::svg(&many));
    }
}
