#![doc = include_str!("../README.md")]

mod cron;
mod error;
mod on_calendar;
mod place;
mod read;
mod stored;
#[cfg(test)]
mod tests;
mod words;

use jiff::tz::TimeZone;
use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};

pub use cron::Cron;
pub use error::ScheduleError;
pub use on_calendar::OnCalendar;

/// The longest period: ten years of 365 days.
pub const MAX_PERIOD: SignedDuration = SignedDuration::from_hours(10 * 365 * 24);

/// How far ahead a schedule must have a time when it is set: 50 years of 365.25 days.
const HORIZON: SignedDuration = SignedDuration::from_hours(50 * 8_766);

/// How long before a scheduled instant a heartbeat may come and still count for it, where the gap is long enough.
const EARLY: SignedDuration = SignedDuration::from_secs(60);

/// The early heartbeat's share of the gap before the scheduled instant: a quarter at most.
const EARLY_SHARE: i32 = 4;

/// When an agent's heartbeats are due. As JSON: `{"period_s": 300}`, `{"cron": "0 6 * * *", "tz": "Europe/Berlin"}` or
/// `{"on_calendar": "Mon 09:00", "tz": "UTC"}`. A stored one is read as it was set: whether it has a next time is asked
/// only when it is set.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "stored::Stored", into = "stored::Stored")]
pub enum Schedule {
    /// This long after each heartbeat, in seconds that pass and not in days of the calendar. Made by
    /// [`Schedule::period`], which holds it to whole seconds and its bounds.
    Period(SignedDuration),
    /// At the times of a cron expression.
    Cron(Cron),
    /// At the times of systemd's OnCalendar expressions.
    OnCalendar(OnCalendar),
}

impl Schedule {
    /// This long after each heartbeat.
    ///
    /// # Errors
    /// It is no whole number of seconds, shorter than a second or longer than [`MAX_PERIOD`].
    pub fn period(period: SignedDuration) -> Result<Self, ScheduleError> {
        if period.subsec_nanos() != 0 || period < SignedDuration::from_secs(1) || period > MAX_PERIOD {
            return Err(ScheduleError::Period);
        }
        Ok(Self::Period(period))
    }

    /// At the times of a cron expression of five fields, or of a name such as `@daily`, in an IANA zone.
    ///
    /// # Errors
    /// It cannot be read, there is no such zone, or it has no time within 50 years of `now`.
    pub fn cron(expression: &str, zone: &str, now: Timestamp) -> Result<Self, ScheduleError> {
        Self::Cron(Cron::new(expression, zone)?).with_a_time_after(now, expression)
    }

    /// At the times of OnCalendar expressions, one a line, whichever comes first. `zone` holds for those that name none.
    ///
    /// # Errors
    /// One cannot be read, there is no such zone, or none has a time within 50 years of `now`.
    pub fn on_calendar(expressions: &str, zone: &str, now: Timestamp) -> Result<Self, ScheduleError> {
        Self::OnCalendar(OnCalendar::new(expressions, zone)?).with_a_time_after(now, expressions)
    }

    fn with_a_time_after(self, now: Timestamp, expression: &str) -> Result<Self, ScheduleError> {
        let horizon = now.checked_add(HORIZON).unwrap_or(Timestamp::MAX);
        match self.next_after(now) {
            Some(next) if next <= horizon => Ok(self),
            _ => Err(ScheduleError::Never {
                expression: expression.trim().to_owned(),
                words: self.in_words(),
            }),
        }
    }

    /// The first scheduled instant strictly after `heard`. None where nothing will ever be due: a time that is over.
    /// Times are sought up to the year 2199, as systemd does.
    pub fn next_after(&self, heard: Timestamp) -> Option<Timestamp> {
        match self {
            Self::Period(period) => heard.checked_add(*period).ok(),
            Self::Cron(cron) => cron.next_after(heard),
            Self::OnCalendar(on_calendar) => on_calendar.next_after(heard),
        }
    }

    /// When the next heartbeat is due after one was heard. One that comes at most 60 seconds, and at most a quarter
    /// of the gap before it, ahead of a scheduled instant counts for that instant: a client's clock runs ahead.
    pub fn due_after_heartbeat(&self, heard: Timestamp) -> Option<Timestamp> {
        let next = self.next_after(heard)?;
        if matches!(self, Self::Period(_)) {
            return Some(next);
        }
        let early = next.duration_since(heard);
        // The gap before `next` is long enough where nothing is scheduled within the last four times `early` of it.
        let counts = early <= EARLY
            && next
                .checked_sub(early * EARLY_SHARE)
                .is_ok_and(|begin| self.next_after(begin) == Some(next));
        if counts { self.next_after(next) } else { Some(next) }
    }

    /// How long before its due instant a heartbeat came, where it lies nearer to that instant than to the scheduled one
    /// before: what an alert says of a job that runs in another zone than its schedule, or of a clock that runs ahead by
    /// more than a minute. None for a period, and for a heartbeat that counted for the instant that it came before.
    pub fn came_early(&self, heard: Timestamp) -> Option<SignedDuration> {
        if matches!(self, Self::Period(_)) {
            return None;
        }
        let due = self.due_after_heartbeat(heard)?;
        let early = due.duration_since(heard);
        // Nearer, where nothing is scheduled within as long before the heartbeat.
        let begin = due
            .checked_sub(early * 2)
            .and_then(|begin| begin.checked_sub(SignedDuration::from_nanos(1)))
            .ok()?;
        (self.next_after(begin) == Some(due)).then_some(early)
    }

    /// The schedule in plain English, with its zone: `at 06:00 every day, Europe/Berlin`.
    pub fn in_words(&self) -> String {
        match self {
            Self::Period(period) => format!("every {}", words::duration(*period)),
            Self::Cron(cron) => cron.in_words(),
            Self::OnCalendar(on_calendar) => on_calendar.in_words(),
        }
    }

    /// The next `n` scheduled instants after `from`; fewer where there are no more.
    pub fn next_times(&self, from: Timestamp, n: usize) -> Vec<Timestamp> {
        std::iter::successors(self.next_after(from), |last| self.next_after(*last))
            .take(n)
            .collect()
    }

    /// The zone whose wall clock it follows: UTC for a period. A line of an OnCalendar may name another.
    pub fn zone(&self) -> TimeZone {
        match self {
            Self::Period(_) => TimeZone::UTC,
            Self::Cron(cron) => cron.zone().clone(),
            Self::OnCalendar(on_calendar) => on_calendar.zone().clone(),
        }
    }
}

/// The zone of a name in the IANA database.
fn zone_of(name: &str) -> Result<TimeZone, ScheduleError> {
    TimeZone::get(name)
        .ok()
        .filter(|zone| !zone.is_unknown())
        .ok_or_else(|| ScheduleError::Zone { name: name.to_owned() })
}

/// What a zone is called in words and in the store: the database's own spelling.
fn name_of(zone: &TimeZone) -> &str {
    zone.iana_name().unwrap_or("UTC")
}
