//! How an agent did on each of the last days, from its flips.

use jiff::civil::Date;
use jiff::tz::TimeZone;
use jiff::{SignedDuration, Timestamp};

use crate::uptime::BAR_DAYS;
use crate::watch::{Flip, Status};

/// A day, from midnight to midnight in UTC; the last one until now. What is left of it the agent was not waited for, or
/// nothing is known of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct DayMark {
    /// Which day.
    pub date: Date,
    /// For how long it was up.
    pub up: SignedDuration,
    /// For how long it was late.
    pub late: SignedDuration,
    /// For how long it was down.
    pub down: SignedDuration,
}

impl DayMark {
    /// For how long it was waited for.
    pub fn waited(&self) -> SignedDuration {
        self.up.saturating_add(self.late).saturating_add(self.down)
    }
}

/// The share of the time, 0 to 1, in which it was up or late on these days; none where it was not waited for.
pub fn share_up(days: &[DayMark]) -> Option<f64> {
    let sum = |of: fn(&DayMark) -> SignedDuration| -> f64 { days.iter().map(|day| of(day).as_secs_f64()).sum() };
    let waited = sum(DayMark::waited);
    (waited > 0.0).then(|| (waited - sum(|day| day.down)) / waited)
}

/// The last [`BAR_DAYS`] days, the oldest first, of an agent that is in `status` at `now`. `flips` come newest first.
/// Where they are `all` there are, it was before them what the oldest of them says; else nothing is known of that time.
pub fn last_days<'a>(
    flips: impl IntoIterator<Item = &'a Flip>,
    all: bool,
    status: Status,
    now: Timestamp,
) -> Vec<DayMark> {
    let mut days = empty_days(now);
    let reach = days.first().map_or(now, |(begin, _, _)| *begin);
    let (mut end, mut was) = (now, status);
    for flip in flips {
        // What lies ahead of a flip that came later is told by a clock that was set back, and is of no length.
        let at = flip.at.min(end);
        put(&mut days, at, end, was);
        (end, was) = (at, flip.from);
        if end <= reach {
            break;
        }
    }
    if all {
        put(&mut days, reach, end, was);
    }
    days.into_iter().map(|(_, _, day)| day).collect()
}

/// Each day with its begin and end.
fn empty_days(now: Timestamp) -> Vec<(Timestamp, Timestamp, DayMark)> {
    let today = now.to_zoned(TimeZone::UTC).date();
    let midnight = |date: Date| date.to_zoned(TimeZone::UTC).ok().map(|zoned| zoned.timestamp());
    let days = (0..BAR_DAYS).rev().filter_map(|ago| {
        let date = today.checked_sub(SignedDuration::from_hours(24 * ago)).ok()?;
        let begin = midnight(date)?;
        let end = date.tomorrow().ok().and_then(midnight).unwrap_or(Timestamp::MAX);
        let none = SignedDuration::ZERO;
        let day = DayMark {
            date,
            up: none,
            late: none,
            down: none,
        };
        Some((begin, end, day))
    });
    days.collect()
}

/// Puts a time in a status on the days that it lies on.
fn put(days: &mut [(Timestamp, Timestamp, DayMark)], from: Timestamp, to: Timestamp, status: Status) {
    // Most times lie on the last days.
    for (begin, end, day) in days.iter_mut().rev() {
        if *end <= from {
            return;
        }
        let time = to.min(*end).duration_since(from.max(*begin));
        let of = match status {
            Status::Up => &mut day.up,
            Status::Late => &mut day.late,
            Status::Down => &mut day.down,
            Status::New | Status::Paused => return,
        };
        if time.is_positive() {
            *of = of.saturating_add(time);
        }
    }
}
