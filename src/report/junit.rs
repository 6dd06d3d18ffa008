//! JUnit XML: one test suite a claim, one test case a cell.

use std::io::{self, Write};

use quick_xml::Writer;
use quick_xml::events::{BytesDecl, Event};

use super::text::one_line;
use crate::claim::{Cell, ClaimOutcome, Outcome, Verdict};

type Xml<'a> = Writer<&'a mut dyn Write>;

/// Writes `outcome`, without times and host names, so that the bytes depend on nothing else.
pub(super) fn write(outcome: &Outcome, out: &mut dyn Write) -> io::Result<()> {
    let mut xml: Xml<'_> = Writer::new_with_indent(out, b' ', 2);
    xml.write_event(Event::Decl(BytesDecl::new("1.0", Some("UTF-8"), None)))?;
    let totals = totals(outcome.claims.iter().flat_map(|claim| &claim.cells));
    xml.create_element("testsuites")
        .with_attribute(("name", "snellen"))
        .with_attributes(attributes(&totals))
        .write_inner_content(|xml| outcome.claims.iter().try_for_each(|claim| write_claim(claim, xml)))?;
    xml.into_inner().write_all(b"\n")
}

fn write_claim(claim: &ClaimOutcome, xml: &mut Xml<'_>) -> io::Result<()> {
    let id = one_line(&claim.id);
    let totals = totals(claim.cells.iter());
    xml.create_element("testsuite")
        .with_attribute(("name", id.as_str()))
        .with_attributes(attributes(&totals))
        .write_inner_content(|xml| {
            write_properties(claim, xml)?;
            claim.cells.iter().try_for_each(|cell| write_cell(&id, cell, xml))
        })?;
    Ok(())
}

fn write_properties(claim: &ClaimOutcome, xml: &mut Xml<'_>) -> io::Result<()> {
    xml.create_element("properties").write_inner_content(|xml| {
        for (name, value) in [("title", &claim.title), ("source", &claim.source)] {
            let value = one_line(value);
            xml.create_element("property").with_attributes([("name", name), ("value", &value)]).write_empty()?;
        }
        Ok(())
    })?;
    Ok(())
}

fn write_cell(claim: &str, cell: &Cell, xml: &mut Xml<'_>) -> io::Result<()> {
    let name = one_line(&format!("{} {} {}", cell.key.language, cell.key.direction, cell.key.measure));
    let case = xml.create_element("testcase").with_attributes([("classname", claim), ("name", &name)]);
    let Some((element, message)) = complaint(cell) else {
        case.write_empty()?;
        return Ok(());
    };
    case.write_inner_content(|xml| {
        let element = xml.create_element(element).with_attribute(("message", message.as_str()));
        if cell.verdict == Verdict::Blocked {
            element.write_empty()?;
        } else {
            element.with_attribute(("type", cell.verdict.name())).write_empty()?;
        }
        Ok(())
    })?;
    Ok(())
}

/// The element inside the test case, and what it says; none where the number holds.
fn complaint(cell: &Cell) -> Option<(&'static str, String)> {
    let why = cell.why.as_deref().unwrap_or_default();
    let (element, message) = match cell.verdict {
        Verdict::Identical | Verdict::Reproduced | Verdict::Within => return None,
        Verdict::Blocked => ("skipped", if why.is_empty() { "blocked".to_owned() } else { format!("blocked: {why}") }),
        Verdict::Higher | Verdict::Differs => {
            let ours = cell.value.map_or_else(|| "none".to_owned(), |v| v.to_string());
            let colon = if why.is_empty() { "" } else { ": " };
            ("failure", format!("published {}, ours {ours}{colon}{why}", cell.published))
        }
    };
    Some((element, one_line(&message)))
}

/// The numbers that suites carry, under their attributes' names.
fn totals<'a>(cells: impl Iterator<Item = &'a Cell> + Clone) -> [(&'static str, String); 4] {
    let skipped = cells.clone().filter(|cell| cell.verdict == Verdict::Blocked).count();
    let passed = cells.clone().filter(|cell| cell.verdict.passes()).count();
    let tests = cells.count();
    [("tests", tests), ("failures", tests - passed - skipped), ("errors", 0), ("skipped", skipped)]
        .map(|(name, n)| (name, n.to_string()))
}

fn attributes<'a>(totals: &'a [(&'static str, String)]) -> impl Iterator<Item = (&'a str, &'a str)> {
    totals.iter().map(|(name, n)| (*name, n.as_str()))
}
