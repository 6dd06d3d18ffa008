//! What pictures share: SVG on white that needs nothing but itself, its title in bold above.

use std::io::{self, Write};

use quick_xml::Writer;
use quick_xml::events::BytesText;

use super::text::one_line;

/// Okabe and Ito's colours, which colour-blind people tell apart; yellow is left out, for it is faint on white.
pub(super) const COLOURS: [&str; 7] = ["#0072b2", "#d55e00", "#009e73", "#cc79a7", "#56b4e9", "#e69f00", "#000000"];

pub(super) type Xml<'a> = Writer<&'a mut dyn Write>;

/// A picture of this width and height with its title at `at`; `draw` draws the rest.
pub(super) fn picture(
    out: &mut dyn Write,
    size: [String; 2],
    title: &str,
    at: [String; 2],
    draw: impl FnOnce(&mut Xml<'_>) -> io::Result<()>,
) -> io::Result<()> {
    let mut xml: Xml<'_> = Writer::new_with_indent(out, b' ', 1);
    let view = format!("0 0 {} {}", size[0], size[1]);
    xml.create_element("svg")
        .with_attributes([
            ("xmlns", "http://www.w3.org/2000/svg"),
            ("width", &size[0]),
            ("height", &size[1]),
            ("viewBox", &view),
            ("font-family", "Noto Sans, DejaVu Sans, sans-serif"),
            ("font-size", "13"),
            ("role", "img"),
        ])
        .write_inner_content(|xml| {
            text(xml, "title", &[], title)?;
            xml.create_element("rect")
                .with_attributes([("width", "100%"), ("height", "100%"), ("fill", "#fff")])
                .write_empty()?;
            text(xml, "text", &[("x", &at[0]), ("y", &at[1]), ("font-weight", "bold")], title)?;
            draw(xml)
        })?;
    xml.into_inner().write_all(b"\n")
}

/// An element that holds a text.
pub(super) fn text(xml: &mut Xml<'_>, name: &str, attributes: &[(&str, &str)], text: &str) -> io::Result<()> {
    let text = one_line(text);
    xml.create_element(name).with_attributes(attributes.iter().copied()).write_text_content(BytesText::new(&text))?;
    Ok(())
}
