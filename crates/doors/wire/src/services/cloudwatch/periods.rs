//! A span of time in periods.

use std::collections::BTreeMap;

use cc_devops_http::reported::{Point, Sample};
use jiff::Timestamp;

use super::invalid;
use crate::fault::Fault;

/// The periods under a minute that there are, in seconds.
const SHORT: [i64; 5] = [1, 5, 10, 20, 30];

/// A span of time in periods, each as long as the others.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Span {
    /// The second in which the first period begins.
    first: i64,
    /// The second behind the last one that counts.
    end: i64,
    /// How many seconds a period has.
    period: i64,
}

/// Checks a period; `parameter` is how it is called.
pub(super) fn checked_period(period: i64, parameter: &str) -> Result<i64, Fault> {
    if SHORT.contains(&period) || (period > 0 && period % 60 == 0) {
        return Ok(period);
    }
    Err(invalid(format!(
        "The parameter {parameter} must be 1, 5, 10, 20, 30 or a multiple of 60."
    )))
}

impl Span {
    /// From the minute of `start` on.
    pub(super) fn from_the_minute(start: Timestamp, end: Timestamp, period: i64) -> Self {
        Self::new(start.as_second().div_euclid(60) * 60, end, period)
    }

    /// From the multiple of the period on that is not after `start`.
    pub(super) fn from_the_period(start: Timestamp, end: Timestamp, period: i64) -> Self {
        Self::new(start.as_second().div_euclid(period) * period, end, period)
    }

    fn new(first: i64, end: Timestamp, period: i64) -> Self {
        let end = end.as_second() + i64::from(end.subsec_nanosecond() > 0);
        Self { first, end, period }
    }

    /// How many periods there are.
    pub(super) fn count(self) -> i64 {
        let seconds = self.end.saturating_sub(self.first).max(0);
        seconds.div_euclid(self.period) + i64::from(seconds.rem_euclid(self.period) > 0)
    }

    /// The minutes that it reaches over, counted from 1970 UTC: the first, and the one behind the last.
    pub(super) fn minutes(self) -> (i64, i64) {
        let end = self.end.div_euclid(60) + i64::from(self.end.rem_euclid(60) > 0);
        (self.first.div_euclid(60), end)
    }

    /// What there is in each period, by its beginning and by unit, oldest first. Periods without anything are left out.
    pub(super) fn gathered(self, points: &[Point], unit: Option<&str>) -> BTreeMap<(i64, String), Sample> {
        let mut periods: BTreeMap<(i64, String), Sample> = BTreeMap::new();
        for point in points {
            let second = point.minute.saturating_mul(60);
            let is_within = (self.first..self.end).contains(&second);
            if !is_within || unit.is_some_and(|unit| unit != point.unit) || point.sample.is_empty() {
                continue;
            }
            let begin = second - (second - self.first).rem_euclid(self.period);
            let sum = periods.entry((begin, point.unit.clone())).or_default();
            *sum = sum.and(point.sample);
        }
        periods
    }
}

/// A moment from its second.
pub(super) fn moment(second: i64) -> Timestamp {
    Timestamp::from_second(second).unwrap_or(Timestamp::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(second: i64) -> Timestamp {
        Timestamp::from_second(second).unwrap()
    }

    fn point(minute: i64, unit: &str, value: f64) -> Point {
        Point {
            minute,
            unit: unit.to_owned(),
            sample: Sample::of(value),
        }
    }

    #[test]
    fn a_period_is_a_multiple_of_a_minute_or_one_of_the_short_ones() {
        for period in [1, 5, 10, 20, 30, 60, 300, 86_400] {
            assert_eq!(checked_period(period, "Period").unwrap(), period);
        }
        for period in [2, 45, 61, 90, 0, -60] {
            let fault = checked_period(period, "Period").unwrap_err();
            assert_eq!(fault.code, "InvalidParameterValue", "{period}");
        }
    }

    #[test]
    fn what_lies_in_a_period_is_taken_together() {
        // 00:02:10 to 00:13:00.5, by five minutes from 00:02 on.
        let end = Timestamp::new(780, 500_000_000).unwrap();
        let span = Span::from_the_minute(at(130), end, 300);
        assert_eq!((span.count(), span.minutes()), (3, (2, 14)));
        let points = [
            point(1, "Count", 9.0),
            point(2, "Count", 1.0),
            point(6, "Count", 3.0),
            point(7, "Count", 5.0),
            point(7, "Percent", 7.0),
            point(13, "Count", 2.0),
            point(14, "Count", 9.0),
        ];
        let sums = |unit| {
            let gathered = span.gathered(&points, unit).into_iter();
            let sums = gathered.map(|((begin, unit), sample)| (begin, unit, sample.sum));
            sums.collect::<Vec<_>>()
        };
        let count = |begin, sum| (begin, "Count".to_owned(), sum);
        assert_eq!(sums(Some("Count")), [count(120, 4.0), count(420, 5.0), count(720, 2.0)]);
        assert_eq!(sums(None).len(), 4);
        assert!(sums(Some("Bytes")).is_empty());
    }

    #[test]
    fn a_span_may_begin_at_a_multiple_of_its_period() {
        let span = Span::from_the_period(at(130), at(700), 300);
        assert_eq!((span.count(), span.minutes()), (3, (0, 12)));
        let gathered = span.gathered(&[point(4, "Count", 1.0)], None);
        assert_eq!(gathered.keys().next().map(|(begin, _)| *begin), Some(0));
    }
}
