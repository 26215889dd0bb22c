//! A number from 0 to 1 with its decimal digits, so that the place of a percentile is found without rounding.

use std::fmt;

/// `digits / 10^scale`, at most 1.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Fraction {
    digits: u64,
    scale: u8,
}

/// More digits behind the point than make a difference to any number of rows.
const SCALE_MAX: usize = 18;

impl Fraction {
    pub const HALF: Fraction = Fraction { digits: 5, scale: 1 };

    /// The fraction that a decimal number such as `0.95` is; `None` if it is not one from 0 to 1.
    pub fn parse(text: &str) -> Option<Fraction> {
        let (whole, behind) = text.split_once('.').unwrap_or((text, ""));
        let behind = behind.trim_end_matches('0');
        let behind = behind.get(..SCALE_MAX).unwrap_or(behind);
        let digits: u64 = format!("{whole}{behind}").parse().ok()?;
        let fraction = Fraction { digits, scale: behind.len() as u8 };
        (digits <= fraction.divisor()).then_some(fraction)
    }

    /// 10^scale.
    pub fn divisor(self) -> u64 {
        10u64.pow(self.scale.into())
    }

    /// Where the fraction lies among `count` values in ascending order: index of the value below, and how many parts
    /// of [`Fraction::divisor`] it lies above that.
    pub fn place(self, count: usize) -> (usize, u64) {
        let at = u128::from(self.digits) * count.saturating_sub(1) as u128;
        let divisor = u128::from(self.divisor());
        ((at / divisor) as usize, (at % divisor) as u64)
    }
}

impl fmt::Display for Fraction {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (whole, behind) = (self.digits / self.divisor(), self.digits % self.divisor());
        match self.scale {
            0 => write!(f, "{whole}"),
            scale => write!(f, "{whole}.{behind:0width$}", width = usize::from(scale)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fractions_are_exact() {
        for (text, shown) in [("0.5", "0.5"), ("0.950", "0.95"), ("1", "1"), ("1.0", "1"), ("0", "0"), ("0.07", "0.07")]
        {
            assert_eq!(Fraction::parse(text).unwrap().to_string(), shown);
        }
        for text in ["1.01", "95", "-0.5", "NaN", "inf", "2"] {
            assert_eq!(Fraction::parse(text), None, "{text}");
        }
        assert_eq!(Fraction::parse("0.07").unwrap().place(101), (7, 0));
        assert_eq!(Fraction::HALF.place(4), (1, 5));
        assert_eq!(Fraction::parse("1").unwrap().place(3), (2, 0));
        assert_eq!(Fraction::parse("0.3333333333333333333333").unwrap().place(2), (0, 333_333_333_333_333_333));
    }
}
