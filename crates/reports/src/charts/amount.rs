//! What the numbers count, and how an amount is written.

/// What the numbers of a picture count.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Unit {
    /// US cents, written as dollars.
    UsCents,
    /// Minor units of another currency.
    Minor {
        /// Its three letters.
        code: [u8; 3],
        /// How many digits of an amount come after the point.
        digits: u32,
    },
    /// Things, such as issues.
    Count,
}

/// The most that a picture takes, up or down: 10^18. Everything is computed with whole numbers, and
/// within this no product overflows.
pub(crate) const LARGEST: i128 = 1_000_000_000_000_000_000;

const LETTERS: [(i128, &str); 5] = [
    (1_000_000_000_000, "T"),
    (1_000_000_000, "B"),
    (1_000_000, "M"),
    (1_000, "k"),
    (1, ""),
];

impl Unit {
    /// How many of the smallest are one of what is written: 100 cents are a dollar.
    const fn whole(self) -> i128 {
        10_i128.pow(self.digits())
    }

    /// How many digits come after the point.
    const fn digits(self) -> u32 {
        match self {
            Self::UsCents => 2,
            Self::Minor { digits, .. } => digits,
            Self::Count => 0,
        }
    }

    fn sign(self) -> String {
        match self {
            Self::UsCents => "$".to_owned(),
            Self::Minor { code, .. } => format!("{} ", String::from_utf8_lossy(&code).to_ascii_uppercase()),
            Self::Count => String::new(),
        }
    }

    /// The amount to the last cent: `-$1,234.50`, `1,234`.
    pub fn exact(self, amount: i128) -> String {
        let (whole, rest) = (
            amount.unsigned_abs() / self.whole().unsigned_abs(),
            amount.unsigned_abs() % self.whole().unsigned_abs(),
        );
        let rest = match self.digits() {
            0 => String::new(),
            digits => format!(".{rest:0width$}", width = digits as usize),
        };
        format!("{}{}{}{rest}", minus(amount), self.sign(), grouped(whole))
    }

    /// A change to the last cent, always with its sign: `+$1,234.50`. Zero has none.
    pub fn change(self, amount: i128) -> String {
        let plus = if amount > 0 { "+" } else { "" };
        format!("{plus}{}", self.exact(amount))
    }

    /// The amount in a few letters, rounded to a tenth: `$12.3k`.
    pub fn short(self, amount: i128) -> String {
        let size = amount.abs() / self.whole();
        let (scale, letter) = letter_for(size);
        let unit = scale * self.whole();
        let tenths = (amount.abs() * 10 + unit / 2) / unit;
        if unit == 1 || (letter.is_empty() && amount % self.whole() == 0) {
            return format!("{}{}{size}", minus(amount), self.sign());
        }
        if letter.is_empty() {
            return self.exact(amount);
        }
        format!(
            "{}{}{}.{}{letter}",
            minus(amount),
            self.sign(),
            tenths / 10,
            tenths % 10
        )
    }

    /// The labels of an axis: all with one letter and one number of digits, so that they can be compared,
    /// and no two alike.
    pub(crate) fn labels(self, ticks: &[i128], step: i128) -> Vec<String> {
        let largest = ticks.iter().map(|tick| tick.abs()).max().unwrap_or(0);
        let fitting = LETTERS.iter().find_map(|(scale, letter)| {
            let unit = scale * self.whole();
            let digits = digits_for(step, unit)?;
            (largest >= unit).then_some((unit, *letter, digits))
        });
        let (unit, letter, digits) = fitting.unwrap_or((self.whole(), "", self.whole().ilog10()));
        // Dollars are written with no digits or two, other currencies with theirs.
        let digits = if letter.is_empty() && digits > 0 {
            self.digits()
        } else {
            digits
        };
        let label = |tick: &i128| {
            if *tick == 0 {
                return format!("{}0", self.sign());
            }
            let (whole, rest) = (tick.abs() / unit, tick.abs() % unit);
            let rest = rest * 10_i128.pow(digits) / unit;
            let rest = match digits {
                0 => String::new(),
                _ => format!(".{rest:0width$}", width = digits as usize),
            };
            let whole = grouped(whole.unsigned_abs());
            format!("{}{}{whole}{rest}{letter}", minus(*tick), self.sign())
        };
        ticks.iter().map(label).collect()
    }
}

fn minus(amount: i128) -> &'static str {
    if amount < 0 { "-" } else { "" }
}

fn letter_for(size: i128) -> (i128, &'static str) {
    LETTERS.into_iter().find(|(scale, _)| size >= *scale).unwrap_or((1, ""))
}

/// How many digits after the point tell multiples of `step` exactly, if two are enough.
fn digits_for(step: i128, unit: i128) -> Option<u32> {
    (0..=2).find(|digits| (step * 10_i128.pow(*digits)) % unit == 0)
}

/// A comma between thousands.
fn grouped(number: u128) -> String {
    let digits = number.to_string();
    let mut text = String::with_capacity(digits.len() + digits.len() / 3);
    for (at, digit) in digits.chars().enumerate() {
        if at > 0 && (digits.len() - at).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn amounts_are_exact_and_grouped() {
        let of = |amount| Unit::UsCents.exact(amount);
        assert_eq!([of(0), of(5), of(-150)], ["$0.00", "$0.05", "-$1.50"]);
        assert_eq!([of(123_456_789), of(-99_999)], ["$1,234,567.89", "-$999.99"]);
        assert_eq!(Unit::Count.exact(-1_234), "-1,234");
        let (euro, yen) = (
            Unit::Minor {
                code: *b"eur",
                digits: 2,
            },
            Unit::Minor {
                code: *b"jpy",
                digits: 0,
            },
        );
        assert_eq!(
            [euro.exact(-123_456), yen.exact(123_456)],
            ["-EUR 1,234.56", "JPY 123,456"]
        );
        assert_eq!([euro.short(1_234_567), yen.short(12_345)], ["EUR 12.3k", "JPY 12.3k"]);
        let change = |amount| Unit::Count.change(amount);
        assert_eq!([change(5), change(0), change(-5)], ["+5", "0", "-5"]);
    }

    #[test]
    fn a_short_amount_is_rounded_to_a_tenth() {
        let of = |amount| Unit::UsCents.short(amount);
        assert_eq!(
            [of(1_234_567), of(1_000_000), of(-125_000)],
            ["$12.3k", "$10.0k", "-$1.3k"]
        );
        assert_eq!([of(0), of(99_900), of(99_950)], ["$0", "$999", "$999.50"]);
        assert_eq!([of(LARGEST), of(250_000_000)], ["$10000.0T", "$2.5M"]);
        assert_eq!([Unit::Count.short(7), Unit::Count.short(1_500)], ["7", "1.5k"]);
    }

    #[test]
    fn labels_of_an_axis_have_one_form() {
        let of = |ticks: &[i128], step| Unit::UsCents.labels(ticks, step).join(" ");
        assert_eq!(of(&[0, 500_000, 1_000_000, 1_500_000], 500_000), "$0 $5k $10k $15k");
        assert_eq!(of(&[1_200_000, 1_250_000, 1_300_000], 50_000), "$12.0k $12.5k $13.0k");
        assert_eq!(of(&[1_234_000, 1_234_050], 50), "$12,340.00 $12,340.50");
        assert_eq!(of(&[-100, 0, 100], 100), "-$1 $0 $1");
        assert_eq!(of(&[0, 1, 2], 1), "$0 $0.01 $0.02");
        assert_eq!(Unit::Count.labels(&[0, 500, 1_000], 500).join(" "), "0 0.5k 1.0k");
        assert_eq!(Unit::Count.labels(&[0, 2, 4], 2).join(" "), "0 2 4");
    }
}
