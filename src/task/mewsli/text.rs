//! Texts of mentions and entities, as the data set's authors prepare them for their baselines (google-research,
//! `dense_representations_for_entity_retrieval/mel/mewsli_x/schema.py`: `preprocess_mention`, `preprocess_entity_description`).

use serde::Deserialize;

use crate::data::allowance::Allowance;

/// From where to where, in characters.
#[derive(Clone, Copy, Debug, Deserialize)]
pub(super) struct Span {
    start: usize,
    end: usize,
}

impl Span {
    fn holds(self, other: Self) -> bool {
        self.start <= other.start && other.start < self.end && self.start < other.end && other.end <= self.end
    }
}

/// A text whose characters can be counted off.
pub(super) struct Characters<'a> {
    text: &'a str,
    /// Where each begins, and the end.
    starts: Vec<usize>,
}

impl<'a> Characters<'a> {
    pub(super) fn of(text: &'a str) -> Self {
        Self { text, starts: text.char_indices().map(|(at, _)| at).chain([text.len()]).collect() }
    }

    /// What of the text is spanned.
    pub(super) fn part(&self, span: Span) -> Result<&'a str, String> {
        match (self.starts.get(span.start), self.starts.get(span.end)) {
            (Some(start), Some(end)) if start < end => Ok(&self.text[*start..*end]),
            _ => Err(format!("span {}–{} of a text of {} characters", span.start, span.end, self.starts.len() - 1)),
        }
    }
}

/// An entity's text: its sentences, blanks between them.
pub(super) fn entity(description: &str, sentences: &[Span], allowance: &mut Allowance) -> Result<String, String> {
    let description = Characters::of(description);
    let part = |span: &Span| {
        let part = description.part(*span)?;
        allowance.take(part.len()).map(|()| part)
    };
    let sentences = sentences.iter().map(part).collect::<Result<Vec<_>, _>>()?;
    Ok(one_line(&sentences.join(" ")))
}

/// A mention's text: the mention, a colon, and its sentence with the mention between braces.
pub(super) fn mention(
    text: &Characters<'_>,
    sentences: &[Span],
    mention: Span,
    stated: &str,
    allowance: &mut Allowance,
) -> Result<String, String> {
    let found = text.part(mention)?;
    if found != stated {
        return Err(format!("the text has {found:?} where it should mention {stated:?}"));
    }
    let sentence = sentences.iter().find(|sentence| sentence.holds(mention));
    let sentence = sentence.ok_or_else(|| format!("{stated:?} stands in no sentence"))?;
    allowance.take(text.part(*sentence)?.len())?;
    let part = |start, end| if start < end { text.part(Span { start, end }) } else { Ok("") };
    let left = escaped(part(sentence.start, mention.start)?);
    let right = escaped(part(mention.end, sentence.end)?);
    Ok(one_line(&format!("{stated}: {left} {{ {stated} }} {right}")))
}

/// Braces that were there become brackets, pair by pair within a line.
fn escaped(text: &str) -> String {
    let mut out = String::new();
    let mut rest = text;
    while let Some(open) = rest.find('{') {
        let (before, after) = (&rest[..open], &rest[open + 1..]);
        let line = &after[..after.find('\n').unwrap_or(after.len())];
        out.push_str(before);
        rest = match line.find('}') {
            Some(close) => {
                out.push('(');
                out.push_str(&after[..close]);
                out.push(')');
                &after[close + 1..]
            }
            None => {
                out.push('{');
                after
            }
        };
    }
    out + rest
}

/// Python's line ends become blanks, two blanks one (once), and outer ones go.
fn one_line(text: &str) -> String {
    let text = text.replace("\r\n", "\n");
    let ends = |c| matches!(c, '\n' | '\r' | '\x0b' | '\x0c' | '\x1c'..='\x1e' | '\u{85}' | '\u{2028}' | '\u{2029}');
    let text = text.strip_suffix(ends).unwrap_or(&text);
    // Python counts the separators U+001C to U+001F as blanks too.
    let blank = |c: char| c.is_whitespace() || matches!(c, '\x1c'..='\x1f');
    text.replace(ends, " ").replace("  ", " ").trim_matches(blank).to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn span(start: usize, end: usize) -> Span {
        Span { start, end }
    }

    fn mention(text: &str, sentences: &[Span], span: Span, stated: &str) -> Result<String, String> {
        super::mention(&Characters::of(text), sentences, span, stated, &mut Allowance::of(0))
    }

    fn entity(description: &str, sentences: &[Span]) -> Result<String, String> {
        super::entity(description, sentences, &mut Allowance::of(0))
    }

    #[test]
    fn a_small_file_does_not_fill_the_memory() {
        let description = "a".repeat(1 << 16);
        let error = entity(&description, &[span(0, 1 << 16); 2000]).unwrap_err();
        assert_eq!(error, "its 0 bytes make more than 67108864 of memory");
    }

    #[test]
    fn a_mention_is_marked_in_its_sentence() {
        let text = "Ö{a}. The verdict\nfor Smith, {who} {left.\nHe";
        let start = text.chars().count() - "Smith, {who} {left.\nHe".chars().count();
        let sentences = [span(0, 5), span(6, text.chars().count() - 3)];
        let found = mention(text, &sentences, span(start, start + 5), "Smith").unwrap();
        assert_eq!(found, "Smith: The verdict for { Smith } , (who) {left.");
        let error = mention(text, &sentences, span(start, start + 4), "Smith").unwrap_err();
        assert_eq!(error, "the text has \"Smit\" where it should mention \"Smith\"");
        assert!(
            mention(text, &sentences[..1], span(start, start + 5), "Smith").unwrap_err().contains("in no sentence")
        );
        assert!(
            mention(text, &sentences, span(start, 99), "Smith").unwrap_err().starts_with("span 22–99 of a text of")
        );
    }

    #[test]
    fn an_entity_is_its_sentences() {
        assert_eq!(entity("Eins.  Zwei.\u{2028}Drei.\n", &[span(0, 5), span(7, 18)]).unwrap(), "Eins. Zwei. Drei.");
        assert!(entity("x", &[span(0, 2)]).is_err());
        assert_eq!(entity("x", &[]).unwrap(), "");
    }
}
