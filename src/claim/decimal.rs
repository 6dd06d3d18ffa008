//! A decimal number as it stands in print, digit for digit.

/// More decimals than any `f64` has; what lies beyond is no measurement.
const MOST_DECIMALS: i64 = 1100;

/// A printed number, normalised: `-1.50e-2`, `-0.0150` and `-00.0150` are the same.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Decimal {
    negative: bool,
    /// All digits without the point and without leading zeros; empty for zero.
    digits: String,
    decimals: usize,
}

impl Decimal {
    /// Reads `-12.50`, `.5`, `1e-05`, `2.4E-5`. None for anything else (infinities, hexadecimals, blanks, digits grouped by
    /// commas) and for numbers beyond the range of `f64`.
    pub(crate) fn parse(printed: &str) -> Option<Self> {
        let (mantissa, exponent) = match printed.split_once(['e', 'E']) {
            Some((mantissa, exponent)) => (mantissa, exponent.parse::<i16>().ok()?),
            None => (printed, 0),
        };
        let unsigned = mantissa.strip_prefix(['-', '+']).unwrap_or(mantissa);
        let (whole, fraction) = unsigned.split_once('.').unwrap_or((unsigned, ""));
        let mut digits = format!("{whole}{fraction}");
        if digits.is_empty() || !digits.bytes().all(|b| b.is_ascii_digit()) {
            return None;
        }
        let decimals = i64::try_from(fraction.len()).ok()? - i64::from(exponent);
        if decimals > MOST_DECIMALS || !printed.parse::<f64>().is_ok_and(f64::is_finite) {
            return None;
        }
        // 1.5e3 is 1500: the exponent reaches beyond the printed digits.
        digits.extend(std::iter::repeat_n('0', usize::try_from(-decimals).unwrap_or(0)));
        let digits = digits.trim_start_matches('0').to_owned();
        let negative = mantissa.starts_with('-') && !digits.is_empty();
        Some(Self { negative, digits, decimals: usize::try_from(decimals).unwrap_or(0) })
    }

    /// How many digits stand behind the point once the exponent is written out.
    pub(crate) fn decimals(&self) -> usize {
        self.decimals
    }

    /// Whether `value`, written with as many decimals (rounded correctly from its exact binary value), shows the same digits.
    pub(crate) fn shows(&self, value: f64) -> bool {
        Self::parse(&format!("{value:.*}", self.decimals)).as_ref() == Some(self)
    }
}

#[cfg(test)]
mod tests {
    use super::Decimal;

    #[test]
    fn decimals_count_the_exponent() {
        let decimals = |s| Decimal::parse(s).map(|d| d.decimals());
        assert_eq!(decimals("0.02748326673326673"), Some(17));
        assert_eq!(decimals("1e-05"), Some(5));
        assert_eq!(decimals("2.4325838992549614e-05"), Some(21));
        assert_eq!(decimals("1.5e3"), Some(0));
        assert_eq!(decimals("1.2345e2"), Some(2));
        assert_eq!(decimals("53.6"), Some(1));
        assert_eq!(decimals("1."), Some(0));
        assert_eq!(decimals(".50"), Some(2));
    }

    #[test]
    fn one_number_has_one_form() {
        assert_eq!(Decimal::parse("1.50e-2"), Decimal::parse("+00.0150"));
        assert_eq!(Decimal::parse("1.5E3"), Decimal::parse("1500"));
        assert_eq!(Decimal::parse("-0.0"), Decimal::parse("0.0"));
        assert_ne!(Decimal::parse("-0.1"), Decimal::parse("0.1"));
        assert_ne!(Decimal::parse("0.10"), Decimal::parse("0.1"), "the number of decimals is part of it");
    }

    #[test]
    fn what_is_no_decimal_number_is_refused() {
        for printed in [
            "",
            ".",
            "-",
            "e5",
            "1e",
            "1e1.5",
            "nan",
            "NaN",
            "inf",
            "-Infinity",
            "0x1p3",
            " 1",
            "1 ",
            "1,5",
            "1_0",
            "+-1",
        ] {
            assert_eq!(Decimal::parse(printed), None, "{printed:?}");
        }
        for printed in ["1e999", "1e-99999", "1e-1200", "1e99999999999"] {
            assert_eq!(Decimal::parse(printed), None, "{printed:?}");
        }
    }
}
