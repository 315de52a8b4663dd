//! systemd's OnCalendar expressions, as systemd 252 reads them (systemd.time(7)): a time that clocks skip is not due
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

/// What an expression says of the wall clock: the numbers at which all hold.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Spec {
    /// Monday is 0.
    weekdays: Numbers,
    /// Ascending; None is every year.
    years: Option<Vec<i16>>,
    months: Numbers,
    days: Numbers,
    /// The days are counted from the month's end, of which the last is 1.
    from_end: bool,
    hours: Numbers,
    minutes: Numbers,
    seconds: Numbers,
}

/// A set of numbers from 0 to 63.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
struct Numbers {
    /// A bit for each.
    bits: u64,
    /// The repetitions without an end (`0/7`), each its beginning and its step.
    endless: Vec<(u16, u16)>,
}

impl Numbers {
    fn from_to(first: u16, last: u16) -> Self {
        let mut numbers = Self::default();
        (first..=last).for_each(|number| numbers.insert(number));
        numbers
    }

    fn insert(&mut self, number: u16) {
        self.bits |= 1_u64.checked_shl(number.into()).unwrap_or(0);
    }

    fn has(&self, number: i8) -> bool {
        u32::try_from(number).is_ok_and(|number| self.bits.checked_shr(number).unwrap_or(0) & 1 == 1)
    }

    /// The first that is at least `from`.
    fn first_from(&self, from: i8) -> Option<i8> {
        let from = u32::try_from(from).ok()?;
        let left = self.bits.checked_shr(from).filter(|left| *left != 0)?;
        i8::try_from(from + left.trailing_zeros()).ok()
    }

    /// How far a repetition without an end goes on, at least to `from`, into the next unit, which begins at `unit`.
    fn overshoot(&self, from: i8, unit: i8) -> i8 {
        let (from, unit) = (u16::from(from.unsigned_abs()), u16::from(unit.unsigned_abs()));
        self.endless
            .iter()
            .map(|(first, step)| first + step * from.saturating_sub(*first).div_ceil(*step))
            .filter_map(|next: u16| i8::try_from(next.checked_sub(unit)?).ok())
            .min()
            .unwrap_or(0)
    }

    /// All, ascending.
    fn all(&self) -> Vec<u16> {
        (0..64).filter(|number| self.bits >> number & 1 == 1).collect()
    }
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
    ///
    /// systemd looks for each part's next number in turn. A repetition without an end (`*:0/7`) goes on past its unit
    /// there, to minute 63, and the parts above are then set right; where more than one of them turns, as at midnight, the
    /// part itself is left at minute 3, and 00:00 is passed over. A timer of systemd 252 does not run then, and nothing is
    /// due.
    fn wall_clock_from(&self, from: DateTime) -> Option<DateTime> {
        let mut at = from.with().subsec_nanosecond(0).build().ok()?;
        if at < from {
            at = at.checked_add(SignedDuration::from_secs(1)).ok()?;
        }
        loop {
            let (date, time) = (at.date(), at.time());
            let month = self.month_from(date)?;
            if month > date {
                at = month.to_datetime(Time::midnight());
                continue;
            }
            match self.day_from(date) {
                Some(day) if day == date => {}
                Some(day) => {
                    at = day.to_datetime(Time::midnight());
                    continue;
                }
                None => {
                    at = self.after_month(date)?.to_datetime(Time::midnight());
                    continue;
                }
            }
            if !self.weekdays.has(date.weekday().to_monday_zero_offset()) {
                at = date.tomorrow().ok()?.to_datetime(Time::midnight());
                continue;
            }
            let Some(hour) = self.hours.first_from(time.hour()) else {
                let tomorrow = date.tomorrow().ok()?;
                let hour = if tomorrow.day() == 1 {
                    self.hours.overshoot(time.hour(), 24)
                } else {
                    0
                };
                at = tomorrow.at(hour, 0, 0, 0);
                continue;
            };
            if hour > time.hour() {
                at = date.at(hour, 0, 0, 0);
                continue;
            }
            let Some(minute) = self.minutes.first_from(time.minute()) else {
                at = if hour < 23 {
                    date.at(hour + 1, 0, 0, 0)
                } else {
                    date.tomorrow()
                        .ok()?
                        .at(0, self.minutes.overshoot(time.minute(), 60), 0, 0)
                };
                continue;
            };
            if minute > time.minute() {
                at = date.at(hour, minute, 0, 0);
                continue;
            }
            let Some(second) = self.seconds.first_from(time.second()) else {
                at = match (hour, minute) {
                    (_, 0..59) => date.at(hour, minute + 1, 0, 0),
                    (0..23, _) => date.at(hour + 1, 0, self.seconds.overshoot(time.second(), 60), 0),
                    _ => date
                        .tomorrow()
                        .ok()?
                        .at(0, 0, self.seconds.overshoot(time.second(), 60), 0),
                };
                continue;
            };
            return Some(date.at(hour, minute, second, 0));
        }
    }

    /// `date` where its year and month hold, else the first day of the next month that does.
    fn month_from(&self, date: Date) -> Option<Date> {
        let mut date = date.max(Date::new(*YEARS.start(), 1, 1).ok()?);
        while YEARS.contains(&date.year()) {
            let year = match &self.years {
                Some(years) => *years.iter().find(|year| **year >= date.year())?,
                None => date.year(),
            };
            if year > date.year() {
                date = Date::new(year, 1, 1).ok()?;
            }
            match self.months.first_from(date.month()) {
                Some(month) if month == date.month() => return Some(date),
                Some(month) => date = Date::new(year, month, 1).ok()?,
                None => date = Date::new(year + 1, 1, 1).ok()?,
            }
        }
        None
    }

    /// The first day at or after `date` in its month, whatever day of the week it is.
    fn day_from(&self, date: Date) -> Option<Date> {
        if self.from_end {
            let last = date.days_in_month();
            return (date.day()..=last)
                .find(|day| self.days.has(last - day + 1))
                .and_then(|day| date.with().day(day).build().ok());
        }
        let day = self.days.first_from(date.day())?;
        date.with().day(day).build().ok()
    }

    /// Where the search goes on after the month of `date`, which has no more days.
    fn after_month(&self, date: Date) -> Option<Date> {
        let next = date.last_of_month().tomorrow().ok()?;
        let overshoot = match (next.month(), self.from_end) {
            (1, false) => self.days.overshoot(date.day(), date.days_in_month()),
            _ => 0,
        };
        next.with().day(overshoot.max(1)).build().ok()
    }
}
