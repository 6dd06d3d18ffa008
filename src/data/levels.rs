//! How many resources a language has: the classes of Joshi et al. (ACL 2020), 0 to 5.

/// `code, tab, name in the list, tab, class`, sorted by code.
const TABLE: &str = include_str!("levels.tsv");

/// The class of a language, by the code that its data set gives it; what follows a hyphen does not matter. None where the list has it not.
///
/// ```
/// use snellen::data::levels;
///
/// assert_eq!((levels::class("swh"), levels::class("deu-eng"), levels::class("tzl")), (Some(2), Some(5), None));
/// ```
#[must_use]
pub fn class(code: &str) -> Option<u8> {
    let code = code.split('-').next().unwrap_or_default();
    rows().find(|[known, ..]| *known == code).and_then(|[.., class]| class.parse().ok())
}

fn rows() -> impl Iterator<Item = [&'static str; 3]> {
    let row = |line: &'static str| {
        let mut fields = line.split('\t');
        [(); 3].map(|()| fields.next().unwrap_or_default())
    };
    TABLE.lines().filter(|line| !line.starts_with('#')).map(row)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_row_has_a_code_a_name_and_a_class() {
        let mut codes: Vec<&str> = Vec::new();
        for [code, name, class] in rows() {
            assert!((2..=3).contains(&code.len()) && !name.is_empty(), "{code}");
            assert!(class.parse().is_ok_and(|class: u8| class <= 5), "{code}");
            codes.push(code);
        }
        assert!(codes.is_sorted() && codes.len() > 100);
    }

    #[test]
    fn two_codes_of_one_language_have_one_class() {
        for (a, b) in [("de", "deu"), ("swa", "swh"), ("zh", "cmn"), ("tr", "tur"), ("ar", "ara"), ("el", "ell")] {
            assert!(class(a).is_some());
            assert_eq!(class(a), class(b), "{a}");
        }
        assert_eq!((class("x"), class("")), (None, None));
    }
}
