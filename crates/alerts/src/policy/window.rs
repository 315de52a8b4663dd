//! Times by the wall clock of a zone: quiet hours and silences.
//!
//! A time is placed on each day anew, so that it holds on days of 23 and 25 hours. A beginning that the clocks skip is
//! at the instant of the change, and so is an end; what they show twice begins at the first and ends at the second.

use std::fmt;

use jiff::civil::{Date, DateTime, Time, Weekday};
use jiff::tz::{AmbiguousOffset, TimeZone};
use jiff::{SignedDuration, Span, Timestamp};

/// A time that comes once or again and again.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Window {
    /// Once.
    Once {
        /// From this instant on.
        from: Timestamp,
        /// Before this one.
        to: Timestamp,
    },
    /// On each day that fits.
    Daily(Daily),
}

/// A time of the day, in a zone.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Daily {
    /// The zone's name in IANA's database, as it was written.
    pub zone_name: String,
    /// The zone.
    pub zone: TimeZone,
    /// Minutes after midnight at which it begins, below 1,440.
    pub from: u16,
    /// How long it lasts by the wall clock, in minutes: above 0, 10,080 at most.
    pub minutes: u16,
    /// The days on which it begins; every day where it is empty.
    pub days: Vec<Weekday>,
    /// The days of the month on which it begins, from 1, or from the month's end from -1; every day where it is empty.
    pub days_of_month: Vec<i8>,
}

impl Window {
    /// When the window ends that `at` lies in, the latest where several do; none where none does.
    pub fn covers(&self, at: Timestamp) -> Option<Timestamp> {
        match self {
            Self::Once { from, to } => (*from <= at && at < *to).then_some(*to),
            Self::Daily(daily) => daily.covers(at),
        }
    }

    /// All that tells two windows apart; what people read leaves the days out.
    pub(super) fn fingerprint(&self) -> String {
        match self {
            Self::Once { .. } => self.to_string(),
            Self::Daily(daily) => format!("{self} {:?} {:?}", daily.days, daily.days_of_month),
        }
    }
}

impl Daily {
    fn covers(&self, at: Timestamp) -> Option<Timestamp> {
        let today = self.zone.to_datetime(at).date();
        let back = i64::from(self.minutes / 1_440) + 1;
        (0..=back)
            .filter_map(|days| today.checked_sub(Span::new().days(days)).ok())
            .filter(|date| self.begins_on(*date))
            .filter_map(|date| self.on(date))
            .filter(|(from, to)| *from <= at && at < *to)
            .map(|(_, to)| to)
            .max()
    }

    fn begins_on(&self, date: Date) -> bool {
        let of_week = self.days.is_empty() || self.days.contains(&date.weekday());
        let from_end = date.day() - date.days_in_month() - 1;
        let of_month = self.days_of_month.is_empty()
            || self
                .days_of_month
                .iter()
                .any(|day| *day == date.day() || *day == from_end);
        of_week && of_month
    }

    /// The window that begins on a date.
    fn on(&self, date: Date) -> Option<(Timestamp, Timestamp)> {
        let begin = date
            .to_datetime(Time::midnight())
            .checked_add(minutes(self.from))
            .ok()?;
        let end = begin.checked_add(minutes(self.minutes)).ok()?;
        Some((placed(&self.zone, begin, true)?, placed(&self.zone, end, false)?))
    }
}

fn minutes(count: u16) -> SignedDuration {
    SignedDuration::from_mins(i64::from(count))
}

/// The instant at which a zone's clocks show a time; of two the first or the second, and the change's where they skip it.
fn placed(zone: &TimeZone, time: DateTime, first: bool) -> Option<Timestamp> {
    let (before, after) = match zone.to_ambiguous_timestamp(time).offset() {
        AmbiguousOffset::Unambiguous { offset } => return offset.to_timestamp(time).ok(),
        AmbiguousOffset::Fold { before, after } => {
            return if first { before } else { after }.to_timestamp(time).ok();
        }
        AmbiguousOffset::Gap { before, after } => (before, after),
    };
    // Read with the offset before the change, the time lies behind it, by what is skipped at most.
    let behind = before.to_timestamp(time).ok()?;
    let change = zone
        .preceding(behind.checked_add(SignedDuration::from_nanos(1)).ok()?)
        .next();
    change.map_or_else(|| after.to_timestamp(time).ok(), |change| Some(change.timestamp()))
}

impl fmt::Display for Window {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let daily = match self {
            Self::Once { from, to } => return write!(f, "{from} to {to}"),
            Self::Daily(daily) => daily,
        };
        let clock = |minutes: u16| format!("{:02}:{:02}", minutes / 60, minutes % 60);
        let end = u32::from(daily.from) + u32::from(daily.minutes);
        if end <= 1_440 {
            write!(
                f,
                "{} to {}",
                clock(daily.from),
                clock(u16::try_from(end).unwrap_or(1_440))
            )?;
        } else if daily.minutes <= 1_440 {
            write!(
                f,
                "{} to {}",
                clock(daily.from),
                clock(u16::try_from(end - 1_440).unwrap_or(0))
            )?;
        } else {
            write!(
                f,
                "{} for {} h {} min",
                clock(daily.from),
                daily.minutes / 60,
                daily.minutes % 60
            )?;
        }
        write!(f, " {}", daily.zone_name)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(text: &str) -> Timestamp {
        text.parse().unwrap()
    }

    fn daily(zone: &str, from: u16, minutes: u16) -> Daily {
        Daily {
            zone_name: zone.to_owned(),
            zone: TimeZone::get(zone).unwrap(),
            from,
            minutes,
            days: Vec::new(),
            days_of_month: Vec::new(),
        }
    }

    #[test]
    fn a_night_ends_by_the_wall_clock_whatever_happens_to_the_clocks_in_it() {
        let night = daily("Europe/Berlin", 22 * 60, 9 * 60);
        let end = |text: &str| night.covers(at(text)).map(|end| end.to_string());
        // Summer time begins in it, and ends in it.
        assert_eq!(end("2026-03-29T00:30:00Z").as_deref(), Some("2026-03-29T05:00:00Z"));
        assert_eq!(end("2026-10-25T00:30:00Z").as_deref(), Some("2026-10-25T06:00:00Z"));
        assert_eq!(end("2026-07-01T21:30:00Z").as_deref(), Some("2026-07-02T05:00:00Z"));
        assert_eq!(end("2026-07-02T05:00:00Z"), None);
        assert_eq!(end("2026-07-01T19:59:59Z"), None);
        assert_eq!(end("2026-07-01T20:00:00Z").as_deref(), Some("2026-07-02T05:00:00Z"));
    }

    #[test]
    fn what_the_clocks_skip_is_at_the_change_and_what_they_show_twice_is_wholly_within() {
        let skipped = daily("Europe/Berlin", 2 * 60 + 15, 30);
        assert_eq!(skipped.covers(at("2026-03-29T01:00:00Z")), None);
        assert_eq!(skipped.covers(at("2026-03-29T00:59:59Z")), None);
        let into = daily("Europe/Berlin", 2 * 60 + 30, 150);
        assert_eq!(
            into.covers(at("2026-03-29T01:00:00Z")),
            Some(at("2026-03-29T03:00:00Z"))
        );
        assert_eq!(into.covers(at("2026-03-29T00:59:59Z")), None);
        let twice = daily("Europe/Berlin", 2 * 60, 30);
        for within in ["2026-10-25T00:00:00Z", "2026-10-25T00:45:00Z", "2026-10-25T01:29:59Z"] {
            assert_eq!(twice.covers(at(within)), Some(at("2026-10-25T01:30:00Z")), "{within}");
        }
        assert_eq!(twice.covers(at("2026-10-25T01:30:00Z")), None);
    }

    #[test]
    fn the_last_day_of_a_month_is_that_of_the_zone() {
        let mut last = daily("America/New_York", 0, 1_440);
        last.days_of_month = vec![-1];
        assert_eq!(
            last.covers(at("2026-03-31T16:00:00Z")),
            Some(at("2026-04-01T04:00:00Z"))
        );
        assert_eq!(last.covers(at("2026-03-31T03:59:59Z")), None);
        assert_eq!(last.covers(at("2026-03-30T16:00:00Z")), None);
        assert_eq!(
            last.covers(at("2026-02-28T16:00:00Z")),
            Some(at("2026-03-01T05:00:00Z"))
        );
    }

    #[test]
    fn days_are_those_on_which_it_begins() {
        let mut weekend = daily("UTC", 23 * 60, 120);
        weekend.days = vec![Weekday::Saturday];
        // 2026-06-06 is a Saturday.
        assert_eq!(
            weekend.covers(at("2026-06-07T00:30:00Z")),
            Some(at("2026-06-07T01:00:00Z"))
        );
        assert_eq!(weekend.covers(at("2026-06-06T00:30:00Z")), None);
        weekend.minutes = 3 * 1_440;
        assert_eq!(
            weekend.covers(at("2026-06-09T22:00:00Z")),
            Some(at("2026-06-09T23:00:00Z"))
        );
        assert_eq!(weekend.covers(at("2026-06-09T23:00:00Z")), None);
    }
}
