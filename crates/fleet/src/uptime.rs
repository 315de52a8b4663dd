//! How much of the time an agent was up, from its flips.

use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};

use crate::watch::{Flip, Status};

/// How many days a bar of daily values has.
pub const BAR_DAYS: i64 = 30;

/// How far back uptime is computed: 90 days.
pub const UPTIME_REACH: SignedDuration = SignedDuration::from_hours(90 * 24);

const HOUR: i64 = 3_600;
const DAY: i64 = 24 * HOUR;

/// The shares of time, 0 to 1, in which an agent was up. Late counts as up. While it was paused or new it was not waited
/// for, and that time counts as neither; where nothing else is left there is no share.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Uptime {
    /// Of the last 24 hours.
    pub day: Option<f64>,
    /// Of the last 7 days.
    pub week: Option<f64>,
    /// Of the last 30 days.
    pub month: Option<f64>,
    /// Of the last 90 days.
    pub quarter: Option<f64>,
    /// Of each of the last [`BAR_DAYS`] times 24 hours, the oldest first.
    pub days: Vec<Option<f64>>,
}

impl Uptime {
    /// From the flips of the last [`UPTIME_REACH`] and the last one before them, in any order, of an agent that is in
    /// `status` now.
    pub fn of(flips: &[Flip], status: Status, now: Timestamp) -> Self {
        let mut flips: Vec<&Flip> = flips.iter().filter(|flip| flip.at <= now).collect();
        // Of several at one instant the order is theirs, which a stable sort keeps: the newest come first here.
        flips.sort_by_key(|flip| std::cmp::Reverse(flip.at));
        let mut spans = Spans::default();
        let mut end = now;
        let mut is = status;
        for flip in flips {
            spans.add(flip.at, end, is);
            (end, is) = (flip.at, flip.from);
        }
        let reach = now.checked_sub(UPTIME_REACH).unwrap_or(Timestamp::MIN);
        spans.add(reach.min(end), end, is);
        let last = |seconds: i64| spans.share(now, seconds, 0);
        Self {
            day: last(DAY),
            week: last(7 * DAY),
            month: last(30 * DAY),
            quarter: last(90 * DAY),
            days: (0..BAR_DAYS)
                .rev()
                .map(|ago| spans.share(now, (ago + 1) * DAY, ago * DAY))
                .collect(),
        }
    }
}

/// The times that count, each with whether it was up then.
#[derive(Default)]
struct Spans(Vec<(Timestamp, Timestamp, bool)>);

impl Spans {
    fn add(&mut self, from: Timestamp, to: Timestamp, status: Status) {
        let up = match status {
            Status::Up | Status::Late => true,
            Status::Down => false,
            Status::New | Status::Paused => return,
        };
        if from < to {
            self.0.push((from, to, up));
        }
    }

    /// The share of what counts from `begin` to `end` seconds before now.
    fn share(&self, now: Timestamp, begin: i64, end: i64) -> Option<f64> {
        let before = |seconds| {
            now.checked_sub(SignedDuration::from_secs(seconds))
                .unwrap_or(Timestamp::MIN)
        };
        let (begin, end) = (before(begin), before(end));
        let (mut up, mut all) = (0.0, 0.0);
        for (from, to, is_up) in &self.0 {
            let time = (*to).min(end).duration_since((*from).max(begin)).as_secs_f64();
            if time > 0.0 {
                all += time;
                up += if *is_up { time } else { 0.0 };
            }
        }
        (all > 0.0).then(|| up / all)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::watch::Reason;

    fn flip(at: &str, from: Status, to: Status) -> Flip {
        Flip {
            at: at.parse().unwrap(),
            from,
            to,
            reason: Reason::Ping,
            by: None,
        }
    }

    #[test]
    fn late_is_up_and_what_was_not_waited_for_does_not_count() {
        let now = "2026-06-11T00:00:00Z".parse().unwrap();
        assert_eq!(Uptime::of(&[], Status::New, now).quarter, None);
        let flips = [
            flip("2026-06-09T00:00:00Z", Status::New, Status::Up),
            flip("2026-06-10T06:00:00Z", Status::Up, Status::Late),
            flip("2026-06-10T12:00:00Z", Status::Late, Status::Down),
            flip("2026-06-10T18:00:00Z", Status::Down, Status::Paused),
        ];
        let uptime = Uptime::of(&flips, Status::Paused, now);
        // 12 hours up and late, 6 down, 6 paused.
        assert_eq!(uptime.day, Some(12.0 / 18.0));
        assert_eq!(uptime.week, Some(36.0 / 42.0));
        assert_eq!(uptime.days.len(), 30);
        assert_eq!(uptime.days[27..], [None, Some(1.0), Some(12.0 / 18.0)]);
    }

    #[test]
    fn an_agent_without_a_flip_was_always_what_it_is() {
        let now = "2026-06-11T00:00:00Z".parse().unwrap();
        let uptime = Uptime::of(&[], Status::Up, now);
        assert_eq!(
            (uptime.day, uptime.quarter, uptime.days[0]),
            (Some(1.0), Some(1.0), Some(1.0))
        );
    }

    #[test]
    fn what_is_ahead_of_the_clock_is_left_out() {
        let now = "2026-06-11T00:00:00Z".parse().unwrap();
        let ahead = flip("2026-06-11T01:00:00Z", Status::Up, Status::Down);
        assert_eq!(Uptime::of(&[ahead], Status::Down, now).day, Some(0.0));
    }
}
