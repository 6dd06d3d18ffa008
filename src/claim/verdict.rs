//! One published number against ours.

use super::decimal::Decimal;
use super::{Printed, Published, Verdict};

/// Judges `value`, with the `digest` of the ranking and scores behind it, against a published number; the second part says why
/// where the verdict alone does not.
///
/// In this order: a value that is no number differs; where the claim holds a digest, any other digest differs, even when the
/// rounded number is the same; equal at the printed precision is reproduced (identical where the claim is `recorded` and holds
/// our digest); no further away than `tolerance` (in `f64`, the bound included) is within; above that is higher, below it differs.
///
/// Where the source prints numbers as short as round-trips, only the number whose shortest form is printed is equal. Elsewhere equal
/// at the printed precision means that `value` shows the printed digits when it is written with as many decimals, or when
/// it is written as short as round-trips. That two numbers parse to the same `f64` is not enough: where all 17 digits are
/// printed, the last of them could then be altered unseen.
#[must_use]
pub fn judge(
    published: &Published,
    value: f64,
    digest: Option<&str>,
    tolerance: Option<f64>,
    recorded: bool,
) -> (Verdict, Option<String>) {
    if !value.is_finite() {
        return (Verdict::Differs, Some("our value is not a finite number".to_owned()));
    }
    let Some((printed, number)) = Decimal::parse(&published.value).zip(published.value.parse::<f64>().ok()) else {
        return (Verdict::Differs, Some("the published value is not a decimal number".to_owned()));
    };
    if let Some(moved) = published.digest.as_deref().and_then(|expected| moved(expected, digest)) {
        return (Verdict::Differs, Some(moved));
    }
    let rounded = published.printed == Printed::Rounded && printed.shows(value);
    let verdict = if rounded || is_shortest_form(&printed, value) {
        if recorded && published.digest.is_some() { Verdict::Identical } else { Verdict::Reproduced }
    } else if tolerance.is_some_and(|tolerance| (value - number).abs() <= tolerance) {
        Verdict::Within
    } else if value > number {
        Verdict::Higher
    } else {
        Verdict::Differs
    };
    (verdict, None)
}

/// What to say where the digest is not the recorded one.
fn moved(recorded: &str, ours: Option<&str>) -> Option<String> {
    match ours {
        Some(ours) if ours == recorded => None,
        Some(ours) => Some(format!("ranking digest {ours}, recorded {recorded}")),
        None => Some(format!("no ranking digest, recorded {recorded}")),
    }
}

/// Whether `printed` is the shortest form of `value` that parses back to it. Just below a power of two it need not be the
/// correctly rounded one.
fn is_shortest_form(printed: &Decimal, value: f64) -> bool {
    Decimal::parse(&format!("{value}")).as_ref() == Some(printed)
}

#[cfg(test)]
mod tests {
    use super::judge;
    use crate::claim::{Printed, Published, Verdict};

    const OURS: &str = "aa";

    fn published(value: &str, digest: Option<&str>) -> Published {
        Published {
            language: "gle-eng".into(),
            measure: "f1".into(),
            value: value.into(),
            digits: 0,
            printed: Printed::Rounded,
            digest: digest.map(Into::into),
        }
    }

    #[test]
    fn a_source_that_prints_the_shortest_form_means_that_number_alone() {
        let judge = |value| {
            let cell = Published { printed: Printed::Shortest, ..published("0.08", None) };
            judge(&cell, value, None, None, false).0
        };
        assert_eq!(judge(0.08), Verdict::Reproduced);
        assert_eq!(judge(0.081), Verdict::Higher);
        assert_eq!(judge(0.079), Verdict::Differs);
    }

    /// The verdict on a plain published number without tolerance.
    fn plain(printed: &str, value: f64) -> Verdict {
        judge(&published(printed, None), value, Some(OURS), None, false).0
    }

    #[test]
    fn equal_at_printed_precision_is_reproduced() {
        assert_eq!(plain("0.042", 0.042), Verdict::Reproduced);
        assert_eq!(plain("0.04", 0.042), Verdict::Reproduced);
        assert_eq!(plain("53.6", 53.611_111_111_111_114), Verdict::Reproduced);
        assert_eq!(plain("1", 0.7), Verdict::Reproduced);
        assert_eq!(plain("0.5000", 0.5), Verdict::Reproduced);
    }

    #[test]
    fn one_unit_in_the_last_digit_is_seen_both_ways() {
        assert_eq!(plain("0.041", 0.042), Verdict::Higher);
        assert_eq!(plain("0.043", 0.042), Verdict::Differs);
        assert_eq!(plain("53.5", 53.611_111_111_111_114), Verdict::Higher);
        assert_eq!(plain("53.7", 53.611_111_111_111_114), Verdict::Differs);
    }

    #[test]
    fn seventeen_digits_are_all_looked_at() {
        let ours = 0.027_483_266_733_266_73;
        assert_eq!(plain("0.02748326673326673", ours), Verdict::Reproduced);
        assert_eq!(plain("0.02748326673326672", ours), Verdict::Higher);
        assert_eq!(plain("0.02748326673326674", ours), Verdict::Differs);
        // 17 significant digits: the altered number parses to the same f64 and is still another number in print.
        let ours = 0.024_478_764_150_011_025;
        assert_eq!("0.024478764150011026".parse(), Ok(ours));
        assert_eq!(plain("0.024478764150011025", ours), Verdict::Reproduced);
        assert_eq!(plain("0.024478764150011026", ours), Verdict::Differs);
        assert_eq!(plain("0.024478764150011024", ours), Verdict::Differs);
    }

    #[test]
    fn scientific_notation_is_a_number_like_others() {
        assert_eq!(plain("1e-05", 1e-5), Verdict::Reproduced);
        assert_eq!(plain("1e-05", 1.4e-5), Verdict::Reproduced);
        assert_eq!(plain("1e-05", 1.6e-5), Verdict::Higher);
        assert_eq!(plain("2.4325838992549614e-05", 2.432_583_899_254_961_4e-5), Verdict::Reproduced);
        assert_eq!(plain("2.432583899254961e-05", 2.432_583_899_254_961_4e-5), Verdict::Reproduced);
        assert_eq!(plain("2.4325838992549622e-05", 2.432_583_899_254_961_4e-5), Verdict::Differs);
    }

    #[test]
    fn zeros_have_no_sign() {
        assert_eq!(plain("0.0", -0.0), Verdict::Reproduced);
        assert_eq!(plain("-0.0", 0.0), Verdict::Reproduced);
        assert_eq!(plain("0.00", -0.001), Verdict::Reproduced);
        assert_eq!(plain("0.5", -0.5), Verdict::Differs);
    }

    #[test]
    fn the_shortest_form_below_a_power_of_two_counts() {
        // 2^-44 is 5.684341886080801487e-14, which rounds to …801e-14; that is another f64, so that everybody prints …802e-14.
        assert_eq!(plain("5.684341886080802e-14", 5.684_341_886_080_802e-14), Verdict::Reproduced);
    }

    #[test]
    fn a_tolerance_divides_within_from_higher_and_differs() {
        let judge = |value| judge(&published("0.50", None), value, None, Some(0.125), false).0;
        assert_eq!(judge(0.625), Verdict::Within);
        assert_eq!(judge(0.375), Verdict::Within);
        assert_eq!(judge(0.626), Verdict::Higher);
        assert_eq!(judge(0.374), Verdict::Differs);
        assert_eq!(judge(0.501), Verdict::Reproduced);
    }

    #[test]
    fn identical_needs_a_recorded_claim_its_digest_and_its_number() {
        let cell = published("0.5", Some(OURS));
        assert_eq!(judge(&cell, 0.5, Some(OURS), None, true), (Verdict::Identical, None));
        assert_eq!(judge(&cell, 0.5, Some(OURS), None, false), (Verdict::Reproduced, None));
        assert_eq!(judge(&cell, 0.7, Some(OURS), None, true), (Verdict::Higher, None));
        assert_eq!(judge(&cell, 0.3, Some(OURS), None, true), (Verdict::Differs, None));
        assert_eq!(judge(&published("0.5", None), 0.5, Some(OURS), None, true), (Verdict::Reproduced, None));
    }

    #[test]
    fn a_moved_digest_differs_though_the_number_holds() {
        let cell = published("0.5", Some("bb"));
        let (verdict, why) = judge(&cell, 0.5, Some(OURS), Some(1.0), true);
        assert_eq!((verdict, why.as_deref()), (Verdict::Differs, Some("ranking digest aa, recorded bb")));
        let (verdict, why) = judge(&cell, 0.5, None, None, false);
        assert_eq!((verdict, why.as_deref()), (Verdict::Differs, Some("no ranking digest, recorded bb")));
    }

    #[test]
    fn what_is_no_number_differs() {
        for value in [f64::NAN, f64::INFINITY, f64::NEG_INFINITY] {
            assert_eq!(judge(&published("0.5", None), value, None, Some(f64::INFINITY), false).0, Verdict::Differs);
        }
        let (verdict, why) = judge(&published("n/a", None), 0.5, None, None, false);
        assert_eq!((verdict, why.as_deref()), (Verdict::Differs, Some("the published value is not a decimal number")));
    }
}
