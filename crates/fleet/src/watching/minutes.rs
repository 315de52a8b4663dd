//! In which minutes an agent was heard lately: short enough to be kept with its watch, so that counting them costs no
//! write.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

/// How far back minutes are kept, in minutes: a day.
const REACH: i64 = 24 * 60;

/// How many runs are kept of an agent at most. One that beats every five minutes, give or take one, fills a day with
/// less; of one that is heard unevenly the oldest minutes go first.
const MOST_RUNS: usize = 64;

/// How many minutes of one run are looked through: as many as a day has, whatever a record says.
const MOST_TIMES: u32 = 24 * 60 + 1;

/// How often an agent was heard within one minute.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct BeatMinute {
    /// The minute, counted from 1970 UTC.
    pub minute: i64,
    /// How often it said that it works.
    pub healthy: u32,
    /// How often it said that it fails.
    pub failing: u32,
}

/// Minutes alike, each as long after the one before.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
struct Run {
    /// How many minutes after the minute before.
    #[serde(rename = "g")]
    gap: u32,
    #[serde(rename = "h", default, skip_serializing_if = "is_zero")]
    healthy: u32,
    #[serde(rename = "f", default, skip_serializing_if = "is_zero")]
    failing: u32,
    /// How many such minutes.
    #[serde(rename = "n", default = "once", skip_serializing_if = "is_once")]
    times: u32,
}

fn once() -> u32 {
    1
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde calls it so")]
fn is_once(times: &u32) -> bool {
    *times == 1
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde calls it so")]
fn is_zero(count: &u32) -> bool {
    *count == 0
}

/// The minutes in which an agent was heard, over the last day.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Minutes {
    /// The newest one, counted from 1970 UTC.
    #[serde(rename = "t")]
    newest: i64,
    /// The oldest first.
    #[serde(rename = "r")]
    runs: Vec<Run>,
}

impl Minutes {
    pub(super) fn is_empty(&self) -> bool {
        self.runs.is_empty()
    }

    /// Counts a heartbeat. One of an older minute than the newest is not counted.
    pub(super) fn count(&mut self, at: Timestamp, is_healthy: bool) {
        let minute = at.as_second().div_euclid(60);
        if self.runs.is_empty() || minute > self.newest {
            self.begin(minute);
        } else if minute < self.newest {
            return;
        }
        if let Some(newest) = self.runs.last_mut() {
            let counted = if is_healthy {
                &mut newest.healthy
            } else {
                &mut newest.failing
            };
            *counted = counted.saturating_add(1);
        }
    }

    /// Begins a minute, in a run of its own.
    fn begin(&mut self, minute: i64) {
        self.close();
        let gap = u32::try_from(minute.saturating_sub(self.newest)).unwrap_or(u32::MAX);
        let is_far = i64::from(gap) > REACH;
        if is_far {
            self.runs.clear();
        }
        let gap = if self.runs.is_empty() { 0 } else { gap };
        self.runs.push(Run {
            gap,
            healthy: 0,
            failing: 0,
            times: 1,
        });
        self.newest = minute;
        self.forget();
    }

    /// Puts the newest minute, which is over, into the run before it where that is alike.
    fn close(&mut self) {
        let [.., before, newest] = self.runs.as_mut_slice() else {
            return;
        };
        let is_alike = Run { times: 1, ..*before } == *newest;
        if is_alike && before.times < u32::MAX {
            before.times += 1;
            self.runs.pop();
        }
    }

    /// Takes away what is too old, or too much.
    fn forget(&mut self) {
        let reach = |run: &Run| i64::from(run.gap).saturating_mul(i64::from(run.times));
        let mut reaches: i64 = self.runs.iter().skip(1).map(reach).fold(0, i64::saturating_add);
        while self.runs.len() > MOST_RUNS || (reaches > REACH && self.runs.len() > 1) {
            self.runs.remove(0);
            // What the first run is away from is gone.
            reaches = reaches.saturating_sub(self.runs.first().map_or(0, reach));
        }
    }

    /// The minutes, the newest first.
    pub(super) fn newest_first(&self) -> impl Iterator<Item = BeatMinute> + '_ {
        let newest = self.newest;
        let mut minute = newest;
        let each = self
            .runs
            .iter()
            .rev()
            .flat_map(|run| (0..run.times.min(MOST_TIMES)).map(move |_| *run));
        each.map(move |run| {
            let this = minute;
            minute = minute.saturating_sub(i64::from(run.gap));
            BeatMinute {
                minute: this,
                healthy: run.healthy,
                failing: run.failing,
            }
        })
        .take_while(move |beat| newest.saturating_sub(beat.minute) <= REACH)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(minute: i64) -> Timestamp {
        Timestamp::from_second(minute * 60 + 7).unwrap()
    }

    fn told(minutes: &Minutes) -> Vec<(i64, u32, u32)> {
        let each = minutes.newest_first();
        each.map(|beat| (beat.minute, beat.healthy, beat.failing)).collect()
    }

    #[test]
    fn minutes_are_told_as_they_were_counted() {
        let mut minutes = Minutes::default();
        for (minute, is_healthy) in [
            (1_000, true),
            (1_005, true),
            (1_010, true),
            (1_010, false),
            (1_011, true),
        ] {
            minutes.count(at(minute), is_healthy);
        }
        minutes.count(at(1_004), true);
        let expected = [(1_011, 1, 0), (1_010, 1, 1), (1_005, 1, 0), (1_000, 1, 0)];
        assert_eq!(told(&minutes), expected);
        let stored = serde_json::to_string(&minutes).unwrap();
        assert_eq!(serde_json::from_str::<Minutes>(&stored).unwrap(), minutes);
    }

    #[test]
    fn a_steady_day_is_short_and_the_day_before_is_gone() {
        let mut minutes = Minutes::default();
        for beat in 0..1_000 {
            // Every five minutes, now and then one late.
            let late = i64::from(beat % 37 == 0);
            minutes.count(at(20_000_000 + beat * 5 + late), true);
        }
        let stored = serde_json::to_string(&minutes).unwrap();
        assert!(stored.len() < 800, "{} bytes: {stored}", stored.len());
        let told = told(&minutes);
        let (newest, oldest) = (told[0].0, told[told.len() - 1].0);
        assert_eq!(newest, 20_000_000 + 999 * 5 + 1, "999 is a multiple of 37");
        assert!(newest - oldest <= REACH && newest - oldest > REACH - 10, "{oldest}");
        assert!((286..=289).contains(&told.len()), "{}", told.len());
    }

    #[test]
    fn uneven_minutes_are_bounded_and_a_long_silence_ends_them() {
        let mut minutes = Minutes::default();
        for minute in 0..500 {
            for _ in 0..=(minute % 7) {
                minutes.count(at(minute), minute % 3 == 0);
            }
        }
        assert!(minutes.runs.len() <= MOST_RUNS);
        let all = told(&minutes);
        assert_eq!(all[0], (499, 0, 3));
        assert!(all.len() >= MOST_RUNS);
        minutes.count(at(499 + REACH + 1), true);
        assert_eq!(told(&minutes), [(499 + REACH + 1, 1, 0)]);
    }

    #[test]
    fn a_record_that_claims_too_much_is_not_believed() {
        let claimed = r#"{"t": 9, "r": [{"g": 0, "h": 1, "n": 4000000000}, {"g": 4294967295, "f": 1}]}"#;
        let minutes: Minutes = serde_json::from_str(claimed).unwrap();
        assert_eq!(told(&minutes), [(9, 0, 1)]);
    }
}
