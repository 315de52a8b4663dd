//! The request metrics.

use std::collections::BTreeMap;

use async_trait::async_trait;
use jiff::Timestamp;

use cc_devops_kernel::outcome::Status;
use cc_devops_kernel::ports::PortResult;

/// One concluded request, for the metrics.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RequestSample {
    /// The number of the event that told of it, in the outbox.
    pub event: i64,
    /// The action as it was asked for.
    pub action: String,
    /// How it ended.
    pub status: Status,
    /// Milliseconds from arrival to outcome.
    pub latency_ms: u64,
    /// When it ended.
    pub at: Timestamp,
}

/// The sums since the metrics began.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RequestTotals {
    /// The action; `unknown` where it was none of ours.
    pub action: String,
    /// How they ended.
    pub status: Status,
    /// How many.
    pub count: u64,
    /// The sum of their milliseconds.
    pub latency_ms_sum: u64,
}

/// Steps of time, each as long as the others.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Steps {
    /// A time in the last step.
    pub until: Timestamp,
    /// How many minutes a step has, 1 to 1,440; it begins at a multiple of them since 1970 UTC.
    pub minutes: u16,
    /// How many steps, 1 to 2,000.
    pub count: u16,
}

/// What ended in one step.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RequestStep {
    /// When the step begins.
    pub from: Timestamp,
    /// Requests that ended in it.
    pub ended: u64,
    /// Those of them that ended in an error.
    pub failed: u64,
}

impl Steps {
    /// The last 24 hours, in steps of 5 minutes.
    pub fn of_last_day(now: Timestamp) -> Self {
        Self {
            until: now,
            minutes: 5,
            count: 288,
        }
    }

    /// How many minutes a step has.
    pub fn length(self) -> i64 {
        i64::from(self.minutes.max(1))
    }

    /// The minute, counted from 1970 UTC, in which the first step begins.
    pub fn first_minute(self) -> i64 {
        self.end_minute() - i64::from(self.count) * self.length()
    }

    /// The minute behind the last step.
    pub fn end_minute(self) -> i64 {
        (minute_of(self.until).div_euclid(self.length()) + 1) * self.length()
    }

    /// The steps with what ended in them: given a minute, how many ended in it and how many of these failed. What is in
    /// no step is left out.
    pub fn add_up(self, counted: impl IntoIterator<Item = (i64, u64, u64)>) -> Vec<RequestStep> {
        let mut sums: BTreeMap<i64, (u64, u64)> = BTreeMap::new();
        for (minute, ended, failed) in counted {
            let sum = sums.entry(minute.div_euclid(self.length())).or_default();
            *sum = (sum.0.saturating_add(ended), sum.1.saturating_add(failed));
        }
        let first = self.first_minute().div_euclid(self.length());
        (first..first + i64::from(self.count))
            .map(|step| {
                let (ended, failed) = sums.get(&step).copied().unwrap_or_default();
                RequestStep {
                    from: start_of(step * self.length()),
                    ended,
                    failed,
                }
            })
            .collect()
    }
}

/// The minute of a time, counted from 1970 UTC.
pub fn minute_of(at: Timestamp) -> i64 {
    at.as_second().div_euclid(60)
}

/// When a minute begins that is counted from 1970 UTC.
pub fn start_of(minute: i64) -> Timestamp {
    Timestamp::from_second(minute.saturating_mul(60)).unwrap_or(Timestamp::MAX)
}

/// Where request metrics go.
#[async_trait]
pub trait Metrics: Send + Sync {
    /// Counts concluded requests. Where metrics and outbox are one store, an event is counted once, however often it
    /// comes, and is settled with it; elsewhere a crash may count it again.
    async fn record(&self, samples: &[RequestSample]) -> PortResult<()>;

    /// The sums, by action and status.
    async fn totals(&self) -> PortResult<Vec<RequestTotals>>;

    /// How many requests ended in each step and how many of them failed, oldest first; the newest of them may not be
    /// counted yet. Steps of more than a week ago may be forgotten.
    async fn by_step(&self, steps: Steps) -> PortResult<Vec<RequestStep>>;
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn steps_begin_at_multiples_and_end_with_the_one_that_holds_the_time() {
        let at = |second| Timestamp::from_second(second).unwrap();
        let steps = Steps {
            until: at(3_599),
            minutes: 5,
            count: 3,
        };
        assert_eq!((steps.first_minute(), steps.end_minute()), (45, 60));
        let counted = [(44, 9, 9), (45, 2, 1), (49, 1, 0), (59, 4, 4), (60, 9, 9)];
        let sums: Vec<_> = steps
            .add_up(counted)
            .iter()
            .map(|step| (step.from, step.ended, step.failed))
            .collect();
        assert_eq!(sums, [(at(2_700), 3, 1), (at(3_000), 0, 0), (at(3_300), 4, 4)]);
        let day = Steps::of_last_day(at(86_400 * 365)).add_up([]);
        assert_eq!(day.len(), 288);
        assert_eq!(day.last().map(|step| step.from), Some(at(86_400 * 365)));
    }
}
