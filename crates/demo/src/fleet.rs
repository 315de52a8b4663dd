//! The agents of the demo: how often each beats, and when it fell silent.

use async_trait::async_trait;
use cc_devops_fleet::Beat;
use cc_devops_fleet::ports::HeartbeatSource;
use cc_devops_kernel::names::AgentName;
use cc_devops_kernel::ports::PortResult;
use jiff::{SignedDuration, Timestamp};

/// An agent of the demo.
pub(crate) struct DemoAgent {
    pub(crate) name: &'static str,
    /// Minutes between two heartbeats.
    pub(crate) every: i64,
    /// Minutes that one may come later.
    pub(crate) grace: i64,
    /// When it was silent: hours before the end of the month, from and until.
    silent: &'static [(i64, i64)],
    /// When it said that it fails: hours before the end.
    failing: &'static [(i64, i64)],
}

/// Every agent.
pub(crate) const AGENTS: [DemoAgent; 9] = [
    DemoAgent::new("ContentOrchestrator", 60, 30, &[(410, 405), (62, 60)], &[]),
    DemoAgent::new(
        "MediaTranscoder",
        60,
        30,
        &[(633, 628), (500, 498), (300, 276), (150, 149), (51, 47)],
        &[(120, 117)],
    ),
    DemoAgent::new("SupportBot", 60, 30, &[(222, 219)], &[]),
    DemoAgent::new("BillingReporter", 360, 60, &[(340, 315)], &[]),
    DemoAgent::new("CostSentinel", 360, 60, &[], &[]),
    DemoAgent::new("SearchIndexer", 60, 60, &[(560, 556), (9, 0)], &[]),
    DemoAgent::new("NewsletterSender", 1_440, 120, &[(200, 150)], &[]),
    DemoAgent::new("BackupKeeper", 1_440, 180, &[], &[(30, 24)]),
    DemoAgent::new("ThumbnailMaker", 60, 30, &[(705, 700)], &[]),
];

impl DemoAgent {
    const fn new(
        name: &'static str,
        every: i64,
        grace: i64,
        silent: &'static [(i64, i64)],
        failing: &'static [(i64, i64)],
    ) -> Self {
        Self {
            name,
            every,
            grace,
            silent,
            failing,
        }
    }

    /// The heartbeats after `from` and up to `until`, the oldest first, in a month that ends at `end`.
    fn beats(&self, from: Timestamp, until: Timestamp, end: Timestamp) -> Vec<Beat> {
        let every = self.every * 60;
        let first = from.as_second().div_euclid(every) + 1;
        let last = until.as_second().div_euclid(every);
        let times = (first..=last).filter_map(|number| Timestamp::from_second(number * every).ok());
        times
            .filter(|at| !within(self.silent, *at, end))
            .map(|at| {
                let healthy = !within(self.failing, at, end);
                Beat {
                    at,
                    healthy,
                    message: (!healthy).then(|| "the disk is nearly full".to_owned()),
                }
            })
            .collect()
    }
}

fn within(spans: &[(i64, i64)], at: Timestamp, end: Timestamp) -> bool {
    let hours_before = end.duration_since(at).as_secs() / 3_600;
    spans
        .iter()
        .any(|(from, until)| (*until..*from).contains(&hours_before))
}

/// What was heard of the agents, for who asks.
pub(crate) struct Heartbeats {
    /// When the month ends.
    pub(crate) end: Timestamp,
}

#[async_trait]
impl HeartbeatSource for Heartbeats {
    async fn heard(&self, asked: &[(AgentName, Timestamp)], now: Timestamp) -> PortResult<Vec<(AgentName, Vec<Beat>)>> {
        let of = |(name, from): &(AgentName, Timestamp)| {
            let agent = AGENTS.iter().find(|agent| agent.name == name.as_str());
            let beats = agent.map_or_else(Vec::new, |agent| agent.beats(*from, now, self.end));
            (name.clone(), beats)
        };
        Ok(asked.iter().map(of).collect())
    }
}

/// Minutes as a span.
pub(crate) fn minutes(minutes: i64) -> SignedDuration {
    SignedDuration::from_secs(minutes * 60)
}
