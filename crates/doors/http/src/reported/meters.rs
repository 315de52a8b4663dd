//! What agents reported, as `GET /metrics` shows it.

use std::sync::atomic::AtomicU64;

use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::registry::Registry;

use super::{Series, SeriesName};

#[derive(Clone, Debug, Hash, PartialEq, Eq, EncodeLabelSet)]
struct ReportedLabels {
    agent: String,
    namespace: String,
    metric: String,
    unit: String,
    dimensions: String,
}

impl ReportedLabels {
    fn of(name: &SeriesName) -> Self {
        let dimensions = name.metric.dimensions.iter();
        let dimensions: Vec<String> = dimensions.map(|(name, value)| format!("{name}={value}")).collect();
        Self {
            agent: name.agent.to_string(),
            namespace: name.metric.namespace.clone(),
            metric: name.metric.name.clone(),
            unit: name.unit.clone(),
            dimensions: dimensions.join(","),
        }
    }
}

/// A number that goes up and down.
type Measured = Family<ReportedLabels, Gauge<f64, AtomicU64>>;

/// What a family says of a series.
type Measure = fn(&Series) -> f64;

/// Registers what agents reported; nothing where they reported nothing.
pub(crate) fn of_reported(registry: &mut Registry, all: &[(SeriesName, Series)]) {
    if all.is_empty() {
        return;
    }
    let families: [(&str, &str, Measure); 3] = [
        (
            "reported_last",
            "What an agent reported last of a metric of its own; of several values at once their average",
            |series| series.last,
        ),
        (
            "reported_sum",
            "The sum of what an agent reported of a metric of its own, since this process started",
            |series| series.total.sum,
        ),
        (
            "reported_samples",
            "How many values an agent reported of a metric of its own, since this process started",
            |series| series.total.count,
        ),
    ];
    for (name, help, measure) in families {
        let family = Measured::default();
        for (name, series) in all {
            family.get_or_create(&ReportedLabels::of(name)).set(measure(series));
        }
        registry.register(name, help, family);
    }
}
