//! The claims that are built into the program.

use super::ClaimFile;
use crate::Result;

/// One built-in claim: its two files as text.
struct Builtin {
    id: &'static str,
    toml: &'static str,
    csv: &'static str,
}

/// Builds in `claims/ID.toml` and `claims/ID.csv` for each id.
macro_rules! builtin {
    ($($id:literal),* $(,)?) => {
        &[$(Builtin {
            id: $id,
            toml: include_str!(concat!("../../claims/", $id, ".toml")),
            csv: include_str!(concat!("../../claims/", $id, ".csv")),
        }),*]
    };
}

const BUILTIN: &[Builtin] = builtin![
    "fixture-student",
    "fixture-teacher",
    "mteb-tatoeba-all-MiniLM-L6-v2",
    "tatoeba-multilingual-e5-small-q4-query",
    "tatoeba-multilingual-e5-small-q4-no-prefix",
];

/// The names of the built-in claims, in the order in which they are checked.
pub fn names() -> impl Iterator<Item = &'static str> {
    BUILTIN.iter().map(|claim| claim.id)
}

/// The built-in claim of that name; none where there is no such claim.
///
/// # Errors
/// As [`ClaimFile::parse`]; the tests hold every built-in claim to be free of them.
pub fn by_name(name: &str) -> Result<Option<ClaimFile>> {
    let Some(Builtin { id, toml, csv }) = BUILTIN.iter().find(|claim| claim.id == name) else {
        return Ok(None);
    };
    ClaimFile::parse(&format!("claims/{id}.toml"), toml, &format!("claims/{id}.csv"), csv).map(Some)
}

#[cfg(test)]
mod tests {
    use crate::claim::{Published, Verdict, judge};

    #[test]
    fn every_builtin_claim_can_be_read_and_bears_its_files_name() {
        for name in super::names() {
            let claim = super::by_name(name).unwrap().unwrap();
            assert_eq!(claim.id, name);
        }
        assert!(super::by_name("no-such-claim").unwrap().is_none());
    }

    /// The last printed digit raised and lowered by one, where that needs no carry.
    fn altered(value: &str) -> impl Iterator<Item = String> {
        let (mantissa, exponent) = value.find('e').map_or((value, ""), |e| value.split_at(e));
        let (front, last) = mantissa.split_at(mantissa.len() - 1);
        let last: i8 = last.parse().unwrap();
        let digits = [last - 1, last + 1].into_iter().filter(|d| (0..10).contains(d));
        digits.map(move |d| format!("{front}{d}{exponent}"))
    }

    #[test]
    fn each_of_the_448_cells_holds_of_itself_and_of_no_neighbour() {
        let claim = super::by_name("mteb-tatoeba-all-MiniLM-L6-v2").unwrap().unwrap();
        let numbers = claim.numbers().unwrap();
        assert_eq!(numbers.cells.len(), 448);
        for cell in &numbers.cells {
            let (ours, digest): (f64, _) = (cell.value.parse().unwrap(), cell.digest.as_deref());
            assert_eq!(judge(cell, ours, digest, None, false), (Verdict::Reproduced, None), "{cell:?}");
            // One hit more or less among at most a thousand queries, with no digest to help.
            let alone = Published { digest: None, ..cell.clone() };
            for other in [ours - 0.001, ours + 0.001] {
                assert!(!judge(&alone, other, None, None, false).0.passes(), "{cell:?} against {other}");
            }
            for value in altered(&cell.value) {
                let altered = Published { value, ..cell.clone() };
                assert!(!judge(&altered, ours, digest, None, false).0.passes(), "{altered:?} against {ours}");
            }
        }
    }
}
