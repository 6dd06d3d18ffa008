//! Bitext: sentences beside their translations. In one file, `source ||| target` (fast_align, awesome-align) or `id⇥source⇥target` (`.tsv`); or in two, a sentence a line, as
//! it stands or as `<s snum=N> … </s>` (NAACL). Each also `.gz`.

use std::collections::BTreeMap;
use std::path::Path;

use super::{FileFault, folder};
use crate::Result;

/// A sentence and its translation.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Pair {
    /// Its id; the line's number from 1 where the file has none.
    pub id: String,
    /// The sentence.
    pub source: String,
    /// Its translation.
    pub target: String,
}

/// Reads pairs from one file, or from one of sentences and one of translations.
///
/// # Errors
/// A file that cannot be read; a line of another form, an id that comes twice, or sentences without translations: named by file and line.
pub fn read(file: &Path, translations: Option<&Path>) -> Result<Vec<Pair>> {
    let pairs = match translations {
        None => one_file(file)?,
        Some(translations) => two_files(file, translations)?,
    };
    let mut seen = BTreeMap::new();
    for (i, pair) in pairs.iter().enumerate() {
        if let Some(before) = seen.insert(&pair.id, i) {
            let what = format!("id {} is that of pairs {} and {} (from 1)", pair.id, before + 1, i + 1);
            return Err(FileFault::content(file.display(), what).into());
        }
    }
    Ok(pairs)
}

fn lines(file: &Path) -> Result<Vec<String>> {
    let bytes = folder::map_unpacked(file)?;
    let refuse =
        |e: std::str::Utf8Error| FileFault::content(file.display(), format!("not UTF-8 at byte {}", e.valid_up_to()));
    let text = std::str::from_utf8(&bytes).map_err(refuse)?;
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    Ok(text.lines().map(str::to_owned).collect())
}

fn one_file(file: &Path) -> Result<Vec<Pair>> {
    let name = file.to_string_lossy();
    let tabs = name.strip_suffix(".gz").unwrap_or(&name).ends_with(".tsv");
    let pair = |(i, line): (usize, &String)| {
        let refuse = |what: &str| FileFault::line(&name, i + 1, what.to_owned()).into();
        if tabs {
            let fields: Vec<&str> = line.split('\t').collect();
            let [id, source, target] = fields[..] else { return Err(refuse("expected id, tab, source, tab, target")) };
            return Ok(Pair { id: id.to_owned(), source: source.to_owned(), target: target.to_owned() });
        }
        let sides: Vec<&str> = line.split("|||").collect();
        let [source, target] = sides[..] else { return Err(refuse("expected source ||| target")) };
        Ok(Pair { id: (i + 1).to_string(), source: source.trim().to_owned(), target: target.trim().to_owned() })
    };
    lines(file)?.iter().enumerate().map(pair).collect()
}

fn two_files(file: &Path, translations: &Path) -> Result<Vec<Pair>> {
    let (sources, targets) = (sentences(file)?, sentences(translations)?);
    if sources.len() != targets.len() {
        let what = format!("{} sentences, but {} in {}", sources.len(), targets.len(), translations.display());
        return Err(FileFault::content(file.display(), what).into());
    }
    let mut pairs = Vec::with_capacity(sources.len());
    for (i, ((id, source), (other, target))) in sources.into_iter().zip(targets).enumerate() {
        if id != other {
            let what = format!("sentence {other}, but {id} in {}", file.display());
            return Err(FileFault::line(translations.display(), i + 1, what).into());
        }
        pairs.push(Pair { id, source, target });
    }
    Ok(pairs)
}

/// The sentences of a file and their ids.
fn sentences(file: &Path) -> Result<Vec<(String, String)>> {
    let sentence = |(i, line): (usize, String)| {
        let Some(tagged) = line.trim().strip_prefix("<s snum=") else {
            return Ok(((i + 1).to_string(), line));
        };
        let parts = tagged.strip_suffix("</s>").and_then(|rest| rest.split_once('>'));
        let (id, text) = parts
            .ok_or_else(|| FileFault::line(file.display(), i + 1, "expected <s snum=N> sentence </s>".to_owned()))?;
        Ok((id.trim_matches('"').to_owned(), text.trim().to_owned()))
    };
    lines(file)?.into_iter().enumerate().map(sentence).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(files: &[(&str, &str)]) -> Result<Vec<Pair>, String> {
        let folder = tempfile::tempdir().unwrap();
        let paths: Vec<_> = files.iter().map(|(name, _)| folder.path().join(name)).collect();
        files.iter().zip(&paths).for_each(|((_, content), path)| std::fs::write(path, content).unwrap());
        read(&paths[0], paths.get(1).map(std::path::PathBuf::as_path))
            .map_err(|e| e.to_string().replace(&*folder.path().to_string_lossy(), ""))
    }

    #[test]
    fn the_forms() {
        let pair = |id: &str| Pair { id: id.into(), source: "a b".into(), target: "c".into() };
        assert_eq!(of(&[("x.src-tgt", "a b  ||| c \n")]).unwrap(), [pair("1")]);
        assert_eq!(of(&[("x.tsv", "k:1\ta b\tc\n")]).unwrap(), [pair("k:1")]);
        assert_eq!(of(&[("x.en", "a b\n"), ("x.de", "c\n")]).unwrap(), [pair("1")]);
        let naacl = [("x.en", "<s snum=26>a b </s>\n"), ("x.hi", "<s snum=26> c   </s>\n")];
        assert_eq!(of(&naacl).unwrap(), [pair("26")]);
    }

    #[test]
    fn what_is_no_bitext_is_named_with_its_line() {
        for (files, what) in [
            (&[("x.tsv", "1\ta\tb\n2\ta\n")][..], "/x.tsv, line 2: expected id, tab, source, tab, target"),
            (&[("x.txt", "a ||| b\na b\n")], "/x.txt, line 2: expected source ||| target"),
            (&[("x.tsv", "1\ta\tb\n1\ta\tc\n")], "/x.tsv: id 1 is that of pairs 1 and 2 (from 1)"),
            (&[("x.en", "a\nb\n"), ("x.de", "a\n")], "/x.en: 2 sentences, but 1 in /x.de"),
            (
                &[("x.en", "<s snum=1>a</s>\n"), ("x.de", "<s snum=2>a</s>\n")],
                "/x.de, line 1: sentence 2, but 1 in /x.en",
            ),
            (&[("x.en", "<s snum=1 a</s>\n"), ("x.de", "a\n")], "/x.en, line 1: expected <s snum=N> sentence </s>"),
        ] {
            assert_eq!(of(files).unwrap_err(), what);
        }
    }
}
