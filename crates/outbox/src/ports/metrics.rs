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
    /// The sum of their milliseconds from arrival to outcome; 0 where the store does not tell it by step.
    pub latency_ms_sum: u64,
    /// The milliseconds of the slowest of them; 0 where the store does not tell it by step.
    pub latency_ms_max: u64,
}

impl RequestStep {
    /// A step in which nothing ended.
    pub fn of(from: Timestamp) -> Self {
        Self {
            from,
            ended: 0,
            failed: 0,
            latency_ms_sum: 0,
            latency_ms_max: 0,
        }
    }
}

/// What ended in one minute, or some of it.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Counted {
    /// The minute, counted from 1970 UTC.
    pub minute: i64,
    /// How many requests.
    pub ended: u64,
    /// How many of them failed.
    pub failed: u64,
    /// The sum of their milliseconds.
    pub latency_ms_sum: u64,
    /// The milliseconds of the slowest.
    pub latency_ms_max: u64,
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

    /// The steps with what ended in them. What is in no step is left out.
    pub fn add_up(self, counted: impl IntoIterator<Item = Counted>) -> Vec<RequestStep> {
        let mut sums: BTreeMap<i64, Counted> = BTreeMap::new();
        for part in counted {
            let sum = sums.entry(part.minute.div_euclid(self.length())).or_default();
            sum.ended = sum.ended.saturating_add(part.ended);
            sum.failed = sum.failed.saturating_add(part.failed);
            sum.latency_ms_sum = sum.latency_ms_sum.saturating_add(part.latency_ms_sum);
            sum.latency_ms_max = sum.latency_ms_max.max(part.latency_ms_max);
        }
        let first = self.first_minute().div_euclid(self.length());
        (first..first + i64::from(self.count))
            .map(|step| {
                let sum = sums.get(&step).copied().unwrap_or_default();
                RequestStep {
                    from: start_of(step * self.length()),
                    ended: sum.ended,
                    failed: sum.failed,
                    latency_ms_sum: sum.latency_ms_sum,
                    latency_ms_max: sum.latency_ms_max,
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
        let counted = [
            (44, 9, 9, 99),
            (45, 2, 1, 70),
            (49, 1, 0, 30),
            (59, 4, 4, 8),
            (60, 9, 9, 99),
        ];
        let counted = counted.map(|(minute, ended, failed, latency_ms_max)| Counted {
            minute,
            ended,
            failed,
            latency_ms_sum: latency_ms_max + 1,
            latency_ms_max,
        });
        let sums: Vec<_> = steps
            .add_up(counted)
            .iter()
            .map(|step| {
                (
                    step.from,
                    step.ended,
                    step.failed,
                    step.latency_ms_sum,
                    step.latency_ms_max,
                )
            })
            .collect();
        assert_eq!(
            sums,
            [
                (at(2_700), 3, 1, 102, 70),
                (at(3_000), 0, 0, 0, 0),
                (at(3_300), 4, 4, 9, 8)
            ]
        );
        let day = Steps::of_last_day(at(86_400 * 365)).add_up([]);
        assert_eq!(day.len(), 288);
        assert_eq!(day.last().map(|step| step.from), Some(at(86_400 * 365)));
    }
}
