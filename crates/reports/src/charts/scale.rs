//! From amounts and days to places on a picture.

use jiff::civil::Date;

use super::amount::LARGEST;

/// Round amounts between which everything lies, and the step from one to the next.
pub(crate) struct Ticks {
    pub(crate) amounts: Vec<i128>,
    pub(crate) step: i128,
}

impl Ticks {
    /// Some `count` ticks for these amounts. What is beyond [`LARGEST`] is drawn at its edge.
    pub(crate) fn over(amounts: impl IntoIterator<Item = i128>, count: i128) -> Self {
        let amounts: Vec<i128> = amounts
            .into_iter()
            .map(|amount| amount.clamp(-LARGEST, LARGEST))
            .collect();
        let (low, high) = (amounts.iter().min().copied(), amounts.iter().max().copied());
        let (low, high) = (low.unwrap_or(0), high.unwrap_or(0));
        // A flat line lies in the middle of something.
        let (low, high) = if low == high { (low - 1, high + 1) } else { (low, high) };
        let step = round_up((high - low + count - 1) / count);
        let first = low.div_euclid(step) * step;
        let mut amounts = vec![first];
        let mut at = first;
        while at < high {
            at += step;
            amounts.push(at);
        }
        Self { amounts, step }
    }

    pub(crate) fn low(&self) -> i128 {
        self.amounts.first().copied().unwrap_or(0)
    }

    pub(crate) fn high(&self) -> i128 {
        self.amounts.last().copied().unwrap_or(1)
    }

    /// Where an amount lies between the lowest tick (0) and the highest (1).
    pub(crate) fn share(&self, amount: i128) -> f64 {
        let (low, high) = (self.low(), self.high());
        to_float(amount.clamp(low, high) - low) / to_float((high - low).max(1))
    }
}

/// 1, 2 or 5 times a power of ten, at least `step`.
fn round_up(step: i128) -> i128 {
    let mut power = 1;
    loop {
        for factor in [1, 2, 5] {
            if factor * power >= step {
                return factor * power;
            }
        }
        power *= 10;
    }
}

/// Places are fractions; amounts never become one elsewhere.
#[expect(
    clippy::cast_precision_loss,
    reason = "a place on a picture has no more digits than a float"
)]
pub(crate) fn to_float(number: i128) -> f64 {
    number as f64
}

/// So many things, as a part of a place.
pub(crate) fn count(things: usize) -> f64 {
    to_float(i128::try_from(things).unwrap_or_default())
}

/// How many days a day lies after another.
pub(crate) fn days_after(first: Date, date: Date) -> i128 {
    let days = date.since(first).map_or(0, |span| span.get_days());
    i128::from(days)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn ticks_are_round() {
        assert_eq!(Ticks::over([0, 93], 5).amounts, [0, 20, 40, 60, 80, 100]);
        assert_eq!(Ticks::over([-30, 55], 4).amounts, [-50, 0, 50, 100]);
        assert_eq!(Ticks::over([7, 7], 4).amounts, [6, 7, 8]);
        assert_eq!(Ticks::over([], 4).amounts, [-1, 0, 1]);
    }

    proptest! {
        #[test]
        fn everything_lies_inside(amounts in prop::collection::vec(any::<i64>(), 1..40)) {
            let ticks = Ticks::over(amounts.iter().map(|amount| i128::from(*amount)), 5);
            prop_assert!(ticks.amounts.len() <= 8, "{:?}", ticks.amounts);
            for amount in amounts {
                let share = ticks.share(i128::from(amount));
                prop_assert!((0.0..=1.0).contains(&share));
            }
        }
    }
}
