//! systemd's OnCalendar expressions, as systemd 252 reads them (systemd.time(7)), R14: a time that clocks skip is not due
//! on that day, one that comes twice is due once, at the first. Several lines: whichever comes first. No crate reads them;
//! the tests ask `systemd-analyze` where it is there.

mod parse;
mod words;

use jiff::civil::{Date, DateTime, Time};
use jiff::tz::TimeZone;
use jiff::{SignedDuration, Timestamp};

use super::place::{self, Change};
use super::{ScheduleError, name_of, zone_of};
pub(super) use parse::is_shorthand;

/// The years in which systemd looks for a time.
const YEARS: std::ops::RangeInclusive<i16> = 1970..=2199;

/// OnCalendar expressions, one a line, in a zone for those that name none.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OnCalendar {
    expressions: String,
    zone: TimeZone,
    lines: Vec<Line>,
}

/// One expression.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Line {
    spec: Spec,
    /// The zone that it names itself; it counts more.
    zone: Option<TimeZone>,
}

/// What an expression says of the wall clock: the numbers at which all hold. A set is a bit for each number.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Spec {
    /// Monday is bit 0.
    weekdays: u8,
    /// Ascending; None is every year.
    years: Option<Vec<i16>>,
    /// From bit 1.
    months: u16,
    days: MonthDays,
    hours: u32,
    minutes: u64,
    seconds: u64,
}

/// Days of a month, from bit 1.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum MonthDays {
    FromBeginning(u32),
    /// 1 is the last day.
    FromEnd(u32),
}

impl OnCalendar {
    /// Reads expressions. Whether they have a next time is not asked.
    pub(super) fn new(expressions: &str, zone: &str) -> Result<Self, ScheduleError> {
        let expressions = expressions.trim();
        let zone = zone_of(zone)?;
        let lines = expressions
            .lines()
            .map(str::trim)
            .filter(|line| !line.is_empty())
            .map(parse::line)
            .collect::<Result<Vec<_>, _>>()?;
        if lines.is_empty() {
            return Err(ScheduleError::OnCalendar {
                expression: expressions.to_owned(),
                problem: "it is empty: write a time such as `Mon..Fri 06:00`".to_owned(),
            });
        }
        Ok(Self {
            expressions: expressions.to_owned(),
            zone,
            lines,
        })
    }

    /// The first instant strictly after `after`, of any line.
    pub(super) fn next_after(&self, after: Timestamp) -> Option<Timestamp> {
        self.lines
            .iter()
            .filter_map(|line| {
                let zone = line.zone.as_ref().unwrap_or(&self.zone);
                place::next(zone, after, Change::LeftOut, |from| line.spec.wall_clock_from(from))
            })
            .min()
    }

    pub(super) fn in_words(&self) -> String {
        let lines: Vec<String> = self
            .lines
            .iter()
            .map(|line| {
                let zone = line.zone.as_ref().unwrap_or(&self.zone);
                format!("{}, {}", words::say(&line.spec), name_of(zone))
            })
            .collect();
        lines.join("; and ")
    }

    /// The expressions, as they were written, one a line.
    pub fn expressions(&self) -> &str {
        &self.expressions
    }

    /// The zone of those that name none.
    pub fn zone(&self) -> &TimeZone {
        &self.zone
    }

    /// Its name in the IANA database.
    pub fn zone_name(&self) -> &str {
        name_of(&self.zone)
    }

    pub(super) fn into_expressions(self) -> String {
        self.expressions
    }
}

impl Spec {
    /// The first time of the wall clock at or after `from`.
    fn wall_clock_from(&self, from: DateTime) -> Option<DateTime> {
        let mut second = from.with().subsec_nanosecond(0).build().ok()?;
        if second < from {
            second = second.checked_add(SignedDuration::from_secs(1)).ok()?;
        }
        let today = second.date();
        if let Some(time) = self.time_from(second.time()).filter(|_| self.holds_on(today)) {
            return Some(today.to_datetime(time));
        }
        let day = self.day_from(today.tomorrow().ok()?)?;
        Some(day.to_datetime(self.time_from(Time::midnight())?))
    }

    /// The first day at or after `day`.
    fn day_from(&self, mut day: Date) -> Option<Date> {
        if day.year() < *YEARS.start() {
            day = Date::new(*YEARS.start(), 1, 1).ok()?;
        }
        while YEARS.contains(&day.year()) {
            if !self.holds_in(day.year()) {
                let next = match &self.years {
                    Some(years) => *years.iter().find(|year| **year > day.year())?,
                    None => return None,
                };
                day = Date::new(next, 1, 1).ok()?;
            } else if !has(self.months.into(), day.month()) {
                day = day.last_of_month().tomorrow().ok()?;
            } else if self.holds_on(day) {
                return Some(day);
            } else {
                day = day.tomorrow().ok()?;
            }
        }
        None
    }

    fn holds_in(&self, year: i16) -> bool {
        YEARS.contains(&year)
            && self
                .years
                .as_ref()
                .is_none_or(|years| years.binary_search(&year).is_ok())
    }

    fn holds_on(&self, day: Date) -> bool {
        let of_month = match self.days {
            MonthDays::FromBeginning(days) => has(days.into(), day.day()),
            MonthDays::FromEnd(days) => has(days.into(), day.days_in_month() - day.day() + 1),
        };
        of_month
            && has(self.weekdays.into(), day.weekday().to_monday_zero_offset())
            && has(self.months.into(), day.month())
            && self.holds_in(day.year())
    }

    /// The first time of a day at or after `time`, in whole seconds.
    fn time_from(&self, time: Time) -> Option<Time> {
        let hour = first_from(self.hours.into(), time.hour())?;
        if hour == time.hour() {
            if let Some(minute) = first_from(self.minutes, time.minute()) {
                if minute > time.minute() {
                    return Time::new(hour, minute, first_from(self.seconds, 0)?, 0).ok();
                }
                if let Some(second) = first_from(self.seconds, time.second()) {
                    return Time::new(hour, minute, second, 0).ok();
                }
                if let Some(minute) = first_from(self.minutes, minute + 1) {
                    return Time::new(hour, minute, first_from(self.seconds, 0)?, 0).ok();
                }
            }
            let hour = first_from(self.hours.into(), hour + 1)?;
            return Time::new(hour, first_from(self.minutes, 0)?, first_from(self.seconds, 0)?, 0).ok();
        }
        Time::new(hour, first_from(self.minutes, 0)?, first_from(self.seconds, 0)?, 0).ok()
    }
}

/// Whether a set has a number.
fn has(set: u64, number: i8) -> bool {
    u32::try_from(number).is_ok_and(|number| set.checked_shr(number).unwrap_or(0) & 1 == 1)
}

/// The first number of a set that is at least `from`.
fn first_from(set: u64, from: i8) -> Option<i8> {
    let left = set.checked_shr(u32::try_from(from).ok()?)?;
    let number = u32::try_from(from).ok()? + left.trailing_zeros();
    if left == 0 { None } else { i8::try_from(number).ok() }
}
