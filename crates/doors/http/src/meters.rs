//! What is counted, as `GET /metrics` shows it. Sums of requests come from the metrics port, so
//! they survive a restart; the rest counts from this process's start.

use std::sync::atomic::AtomicU64;

use cc_devops_kernel::audit::Mark;
use cc_devops_kernel::outcome::Completed;
use cc_devops_outbox::ports::{RequestTotals, Standing};
use cc_devops_requests::Action;
use cc_devops_requests::ports::{Backlog, Weight};
use jiff::Timestamp;
use prometheus_client::encoding::text::{encode_eof, encode_registry};
use prometheus_client::encoding::{EncodeLabelSet, EncodeMetric, MetricEncoder};
use prometheus_client::metrics::MetricType;
use prometheus_client::metrics::TypedMetric;
use prometheus_client::metrics::counter::{ConstCounter, Counter};
use prometheus_client::metrics::family::{Family, MetricConstructor};
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::metrics::histogram::Histogram;
use prometheus_client::metrics::info::Info;
use prometheus_client::registry::Registry;

use crate::gauges::{StateLabel, age, gauge};
use crate::reported::{Series, SeriesName, of_reported};
use crate::watch_meters::{self, AgentMeasure, AlertMeasures};

/// The media type of the answer.
pub(crate) const OPENMETRICS: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8";

/// Seconds from a request's arrival to its outcome: from a millisecond to an hour.
const LATENCY_BUCKETS: [f64; 14] = [
    0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 1.0, 5.0, 30.0, 120.0, 600.0, 3600.0,
];

/// The meters that run with the process.
pub(crate) struct Meters {
    registry: Registry,
    http: Family<HttpLabels, Counter<u64, AtomicU64>>,
    latency: Family<ActionLabel, Histogram, LatencyHistogram>,
    forgotten: Family<KindLabel, Counter<u64, AtomicU64>>,
    flips: Counter<u64, AtomicU64>,
}

#[derive(Clone, Debug, Hash, PartialEq, Eq, EncodeLabelSet)]
struct HttpLabels {
    method: &'static str,
    route: String,
    status: u16,
}

#[derive(Clone, Debug, Hash, PartialEq, Eq, EncodeLabelSet)]
struct ActionLabel {
    action: &'static str,
}

#[derive(Clone, Debug, Hash, PartialEq, Eq, EncodeLabelSet)]
struct OutcomeLabels {
    action: String,
    status: &'static str,
}

#[derive(Clone, Debug, Hash, PartialEq, Eq, EncodeLabelSet)]
struct KindLabel {
    kind: &'static str,
}

#[derive(Clone, Debug, Hash, PartialEq, Eq, EncodeLabelSet)]
struct PartLabel {
    part: &'static str,
}

#[derive(Clone, Debug, Hash, PartialEq, Eq, EncodeLabelSet)]
struct ConsumerLabel {
    consumer: &'static str,
}

#[derive(Clone)]
struct LatencyHistogram;

impl MetricConstructor<Histogram> for LatencyHistogram {
    fn new_metric(&self) -> Histogram {
        Histogram::new(LATENCY_BUCKETS)
    }
}

/// What is found out at each scrape.
pub(crate) struct Snapshot {
    /// Requests by action and status.
    pub(crate) totals: Vec<RequestTotals>,
    /// What is still to be done.
    pub(crate) backlog: Backlog,
    /// How many connections are open.
    pub(crate) connections: usize,
    /// What the store weighs.
    pub(crate) weights: Vec<Weight>,
    /// How each consumer of the outbox stands.
    pub(crate) standings: Vec<Standing>,
    /// Where the audit trail ends, where it has one chain.
    pub(crate) audit: Option<Mark>,
    /// When that was found out.
    pub(crate) now: Timestamp,
    /// Each agent that is not revoked.
    pub(crate) agents: Vec<AgentMeasure>,
    /// Alerts that are open, and how people are told; none where that is not done here.
    pub(crate) alerts: Option<AlertMeasures>,
    /// What agents reported of themselves.
    pub(crate) reported: Vec<(SeriesName, Series)>,
}

impl Meters {
    pub(crate) fn new() -> Self {
        let mut registry = Registry::with_prefix("cc_devops");
        let http = Family::default();
        registry.register("http_requests", "HTTP requests by route and status", http.clone());
        let latency = Family::new_with_constructor(LatencyHistogram);
        registry.register(
            "request_duration_seconds",
            "Seconds from a request's arrival to its outcome, since this process started",
            latency.clone(),
        );
        let forgotten = Family::default();
        registry.register(
            "forgotten",
            "What was kept for long enough and is gone, by kind, since this process started",
            forgotten.clone(),
        );
        let flips = Counter::default();
        registry.register(
            "agent_flips",
            "Changes of agents' states that were found here, since this process started",
            flips.clone(),
        );
        let build = Info::new([("version", env!("CARGO_PKG_VERSION"))]);
        registry.register("build", "What is running", build);
        Self {
            registry,
            http,
            latency,
            forgotten,
            flips,
        }
    }

    /// Counts an answered HTTP request.
    pub(crate) fn answered(&self, method: &'static str, route: &str, status: u16) {
        let labels = HttpLabels {
            method,
            route: route.to_owned(),
            status,
        };
        self.http.get_or_create(&labels).inc();
    }

    /// Counts an outcome.
    pub(crate) fn concluded(&self, completed: &Completed) {
        let action = Action::find(&completed.action).map_or("unknown", Action::as_str);
        // Milliseconds are far below 2^52, where an f64 stops counting exactly.
        #[expect(clippy::cast_precision_loss, reason = "a latency of 2^52 ms is 140,000 years")]
        let seconds = completed.latency_ms as f64 / 1000.0;
        self.latency.get_or_create(&ActionLabel { action }).observe(seconds);
    }

    /// Counts what was forgotten.
    pub(crate) fn forgotten(&self, kind: &'static str, count: u64) {
        self.forgotten.get_or_create(&KindLabel { kind }).inc_by(count);
    }

    /// Counts changes of agents' states.
    pub(crate) fn flipped(&self, count: u64) {
        self.flips.inc_by(count);
    }

    /// Everything as text.
    pub(crate) fn encode(&self, snapshot: Snapshot) -> Result<String, std::fmt::Error> {
        let mut text = String::with_capacity(8 * 1024);
        encode_registry(&mut text, &self.registry)?;
        encode_registry(&mut text, &found_out(snapshot))?;
        encode_eof(&mut text)?;
        Ok(text)
    }
}

fn found_out(snapshot: Snapshot) -> Registry {
    let mut registry = Registry::with_prefix("cc_devops");
    registry.register(
        "requests",
        "Requests that ended, by action and status",
        Totals(snapshot.totals),
    );
    let backlog = Family::<StateLabel, Gauge>::default();
    let states = [
        ("received", snapshot.backlog.received),
        ("executing", snapshot.backlog.executing),
        ("waiting", snapshot.backlog.waiting),
    ];
    for (state, count) in states {
        backlog.get_or_create(&StateLabel { state }).set(gauge(count));
    }
    registry.register("requests_open", "Requests without an outcome, by state", backlog);
    let connections = Gauge::<i64>::default();
    connections.set(i64::try_from(snapshot.connections).unwrap_or(i64::MAX));
    registry.register("connections", "Open connections", connections);
    let unpublished = Gauge::<i64>::default();
    unpublished.set(gauge(snapshot.backlog.unpublished));
    registry.register(
        "events_unpublished",
        "Events that some consumer is still to be told of",
        unpublished,
    );
    let oldest = Gauge::<i64>::default();
    oldest.set(age(snapshot.backlog.oldest_open, snapshot.now));
    registry.register(
        "requests_oldest_open_seconds",
        "Age of the oldest request without an outcome",
        oldest,
    );
    of_consumers(&mut registry, &snapshot.standings, snapshot.now);
    if let Some(mark) = snapshot.audit {
        let end = Gauge::<i64>::default();
        end.set(mark.seq);
        registry.register(
            "audit_rows",
            "Place of the audit trail's newest row; it never goes down",
            end,
        );
    }
    let weights = Family::<PartLabel, Gauge>::default();
    for Weight { part, bytes } in snapshot.weights {
        weights.get_or_create(&PartLabel { part }).set(gauge(bytes));
    }
    registry.register(
        "store_bytes",
        "Bytes of the store, by part; `free` lies within the database",
        weights,
    );
    watch_meters::of_agents(&mut registry, &snapshot.agents);
    if let Some(alerts) = &snapshot.alerts {
        watch_meters::of_alerts(&mut registry, alerts, snapshot.now);
    }
    of_reported(&mut registry, &snapshot.reported);
    registry
}

/// What a family says of a consumer.
type Measure = fn(&Standing, Timestamp) -> i64;

fn of_consumers(registry: &mut Registry, standings: &[Standing], now: Timestamp) {
    let families: [(&str, &str, Measure); 4] = [
        (
            "outbox_oldest_seconds",
            "Age of the oldest event a consumer is still to be told of",
            |standing, now| age(standing.oldest, now),
        ),
        (
            "outbox_waiting",
            "Events a consumer is still to be told of",
            |standing, _| gauge(standing.waiting),
        ),
        (
            "outbox_failing",
            "Events that telling a consumer of failed, to be tried again",
            |standing, _| gauge(standing.failing),
        ),
        (
            "outbox_set_aside",
            "Events that were given up for a consumer, until somebody gives them back",
            |standing, _| gauge(standing.set_aside),
        ),
    ];
    for (name, help, measure) in families {
        let family = Family::<ConsumerLabel, Gauge>::default();
        for standing in standings {
            let label = ConsumerLabel {
                consumer: standing.consumer.as_str(),
            };
            family.get_or_create(&label).set(measure(standing, now));
        }
        registry.register(name, help, family);
    }
}

/// Sums that are kept elsewhere.
#[derive(Debug)]
struct Totals(Vec<RequestTotals>);

impl EncodeMetric for Totals {
    fn encode(&self, mut encoder: MetricEncoder<'_>) -> Result<(), std::fmt::Error> {
        for total in &self.0 {
            let labels = OutcomeLabels {
                action: total.action.clone(),
                status: total.status.as_str(),
            };
            ConstCounter::new(total.count).encode(encoder.encode_family(&labels)?)?;
        }
        Ok(())
    }

    fn metric_type(&self) -> MetricType {
        MetricType::Counter
    }
}

impl TypedMetric for Totals {
    const TYPE: MetricType = MetricType::Counter;
}
