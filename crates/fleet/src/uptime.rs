//! How much of the time an agent was up, from its flips.

use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};

use crate::watch::{Flip, Status};

/// How many days a bar of daily values has.
pub const BAR_DAYS: i64 = 30;

/// How far back uptime is computed: 90 days.
pub const UPTIME_REACH: SignedDuration = SignedDuration::from_hours(90 * 24);

/// Since when uptime is computed.
pub(crate) fn reach(now: Timestamp) -> Timestamp {
    now.checked_sub(UPTIME_REACH).unwrap_or(Timestamp::MIN)
}

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
    /// From the flips of the last [`UPTIME_REACH`] and the last one before them, the newest first, of an agent that is in
    /// `status` now.
    pub fn of<'a>(flips: impl IntoIterator<Item = &'a Flip>, status: Status, now: Timestamp) -> Self {
        let mut spans = Spans::until(now, status);
        for flip in flips {
            spans.add(flip);
        }
        spans.uptime()
    }
}

/// A share in per cent, cut and not rounded, so that 100 is all of it; a dash where there is none.
pub fn percent(share: Option<f64>) -> String {
    match share {
        None => "-".to_owned(),
        Some(share) if share >= 1.0 => "100 %".to_owned(),
        Some(share) => format!("{:.2} %", (share * 10_000.0).floor() / 100.0),
    }
}

/// The times that count, each with whether it was up then, as flips tell them, the newest first.
pub(crate) struct Spans {
    now: Timestamp,
    /// The beginning of what is told yet, and what it was before.
    begin: Timestamp,
    was: Status,
    told: Vec<(Timestamp, Timestamp, bool)>,
}

impl Spans {
    pub(crate) fn until(now: Timestamp, status: Status) -> Self {
        Self {
            now,
            begin: now,
            was: status,
            told: Vec::new(),
        }
    }

    /// Takes the flip before those that it was given. What lies ahead of one that came later is told by a clock that was
    /// set back, and is of no length.
    pub(crate) fn add(&mut self, flip: &Flip) {
        let at = flip.at.min(self.begin);
        self.push(at);
        (self.begin, self.was) = (at, flip.from);
    }

    fn push(&mut self, from: Timestamp) {
        let up = match self.was {
            Status::Up | Status::Late => true,
            Status::Down => false,
            Status::New | Status::Paused => return,
        };
        match self.told.last_mut() {
            // Late and up by turns is one time.
            Some((begin, _, is_up)) if *begin == self.begin && *is_up == up => *begin = from,
            _ if from < self.begin => self.told.push((from, self.begin, up)),
            _ => {}
        }
    }

    pub(crate) fn uptime(mut self) -> Uptime {
        let reach = reach(self.now).min(self.begin);
        self.push(reach);
        self.begin = reach;
        self.uptime_as_known()
    }

    /// The same where nothing is known of the time before the last flip that was taken: a time that begins before it has
    /// no share.
    pub(crate) fn uptime_as_known(&self) -> Uptime {
        let last = |seconds: i64| self.share(seconds, 0);
        Uptime {
            day: last(DAY),
            week: last(7 * DAY),
            month: last(30 * DAY),
            quarter: last(90 * DAY),
            days: (0..BAR_DAYS)
                .rev()
                .map(|ago| self.share((ago + 1) * DAY, ago * DAY))
                .collect(),
        }
    }

    /// The share of what counts from `begin` to `end` seconds before now.
    fn share(&self, begin: i64, end: i64) -> Option<f64> {
        let before = |seconds| {
            let time = SignedDuration::from_secs(seconds);
            self.now.checked_sub(time).unwrap_or(Timestamp::MIN)
        };
        let (begin, end) = (before(begin), before(end));
        if begin < self.begin {
            return None;
        }
        let (mut up, mut all) = (0.0, 0.0);
        for (from, to, is_up) in &self.told {
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
        let uptime = Uptime::of(flips.iter().rev(), Status::Paused, now);
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
    fn a_clock_that_was_set_back_makes_no_time_of_its_own() {
        let now = "2026-06-11T00:00:00Z".parse().unwrap();
        let flips = [
            flip("2026-06-11T01:00:00Z", Status::Up, Status::Down),
            flip("2026-06-10T12:00:00Z", Status::Down, Status::Up),
        ];
        // Down until noon and up since, by a clock that was an hour ahead.
        assert_eq!(Uptime::of(&flips, Status::Down, now).day, Some(0.5));
    }

    #[test]
    fn late_and_up_by_turns_is_one_time() {
        let now: Timestamp = "2026-06-11T00:00:00Z".parse().unwrap();
        let mut spans = Spans::until(now, Status::Up);
        for minute in 0..1_000 {
            let (from, to) = if minute % 2 == 0 {
                (Status::Late, Status::Up)
            } else {
                (Status::Up, Status::Late)
            };
            let mut flip = flip("2026-06-11T00:00:00Z", from, to);
            flip.at = now.checked_sub(SignedDuration::from_mins(minute)).unwrap();
            spans.add(&flip);
        }
        assert!(spans.told.len() <= 2, "{:?}", spans.told);
        assert_eq!(spans.uptime().day, Some(1.0));
    }
}
