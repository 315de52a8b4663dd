//! What may be touched of metrics as CloudWatch has them: namespaces, names, dimensions.

use std::collections::BTreeMap;

use cc_devops_kernel::access::Access;
use cc_devops_kernel::names::AgentName;
use cc_devops_kernel::ports::PortResult;
use cc_devops_outbox::ports::{Metrics, RequestStep, Steps, minute_of};
use jiff::Timestamp;

use super::{Permitted, Privilege, Question};
use crate::problem::Problem;
use crate::reported::{Datum, Metric, NoRoom, Point, Sample};

/// How the namespaces of agents begin; an agent's name follows.
const OF_AGENT: &str = "Agent/";

/// The metric that is a heartbeat: 1 where the agent works, less where it fails.
const HEARTBEAT: &str = "Heartbeat";

/// How many heartbeats of one message are written, the newest.
const MOST_BEATS: usize = 100;

/// How many steps are counted at once.
const MOST_STEPS: u16 = 2_000;

/// In steps of how many minutes requests are counted, the shortest first: of a span the first one that has few enough.
const STEPS: [u16; 3] = [1, 5, 60];

/// The unit of what is counted.
const COUNT: &str = "Count";

/// The unit of latencies.
const MILLISECONDS: &str = "Milliseconds";

/// Whose namespace that is; none where it is none of an agent's.
fn agent_of(namespace: &str) -> Result<Option<AgentName>, Problem> {
    let Some(name) = namespace.strip_prefix(OF_AGENT) else {
        return Ok(None);
    };
    let name = AgentName::new(name);
    name.map(Some).map_err(|error| {
        Problem::invalid(format!(
            "the namespace {OF_AGENT}… must end in an agent's name: {error}"
        ))
    })
}

/// Report metrics, heartbeats among them. Whose they are stands in the namespace: the policies are asked for each.
#[derive(Clone)]
pub struct ReportMetrics;

impl Privilege for ReportMetrics {
    fn ask(_question: &Question<'_>) -> Result<Self, Problem> {
        Ok(Self)
    }
}

/// Why metrics were not taken.
#[derive(Debug)]
pub enum NotReported {
    /// No policy permits it, or what is reported cannot be.
    Problem(Problem),
    /// Nothing was taken, because there is no room for all of it.
    NoRoom(NoRoom),
}

impl From<Problem> for NotReported {
    fn from(problem: Problem) -> Self {
        Self::Problem(problem)
    }
}

impl Permitted<ReportMetrics> {
    /// Takes what is reported in a namespace, by a message that was signed then. In an agent's namespace
    /// (`Agent/<Name>`) it is that agent's, and `Heartbeat` is its heartbeat; elsewhere it is the caller's. Heartbeats,
    /// the last of each second and the newest hundred, are durable when this returns; of everything else there are sums
    /// since this process started.
    ///
    /// # Errors
    /// No policy permits it; there is no such agent; there is no room for so many metrics; what the store says.
    pub async fn report(
        &self,
        namespace: &str,
        data: Vec<(Metric, Datum)>,
        signed_at: Timestamp,
    ) -> Result<(), NotReported> {
        let of = agent_of(namespace)?;
        let whose = of.clone().unwrap_or_else(|| self.caller.agent().name.clone());
        let agent = whose.clone();
        self.app
            .require(self.caller.agent(), &Access::SendHeartbeat { agent })?;
        let (beats, others): (Vec<_>, Vec<_>) = data
            .into_iter()
            .partition(|(metric, _)| of.is_some() && metric.name == HEARTBEAT);
        let reported = &self.app.reported;
        let now = self.now();
        reported.check_room(&whose, &others, now).map_err(NotReported::NoRoom)?;
        for (said, is_healthy) in newest_beats(&beats, signed_at) {
            let taken = self.app.beat_as_signed(&whose, said, is_healthy).await;
            taken.map_err(Problem::from)?;
        }
        // Last: what fails before is sent again, and would be summed twice. A heartbeat is written twice without harm.
        reported
            .keep(&whose, others, (signed_at.min(now), now))
            .map_err(NotReported::NoRoom)
    }
}

/// The heartbeats of a message that are written, oldest first: of when each says that it is, and whether the agent is
/// well.
fn newest_beats(beats: &[(Metric, Datum)], signed_at: Timestamp) -> Vec<(Timestamp, bool)> {
    let each = beats.iter().map(|(_, datum)| {
        // What it says of the past may be so; of the future nobody knows anything.
        let said = datum.at.unwrap_or(signed_at).min(signed_at);
        (said, datum.sample.minimum >= 1.0)
    });
    let mut each: Vec<(Timestamp, bool)> = each.collect();
    each.sort_by_key(|(said, _)| *said);
    let by_second: BTreeMap<i64, (Timestamp, bool)> = each.into_iter().map(|beat| (beat.0.as_second(), beat)).collect();
    let older = by_second.len().saturating_sub(MOST_BEATS);
    by_second.into_values().skip(older).collect()
}

/// See what is known of metrics. Whose they are stands in the namespace: the policies are asked for each.
#[derive(Clone)]
pub struct SeeMetrics;

impl Privilege for SeeMetrics {
    fn ask(_question: &Question<'_>) -> Result<Self, Problem> {
        Ok(Self)
    }
}

/// The steps that a call counted last: what it asks of the same requests besides is not counted again.
#[derive(Default)]
pub struct CountedSteps(Option<((i64, i64), Vec<RequestStep>)>);

impl CountedSteps {
    /// Those of a span, counted where they are not the last ones.
    async fn of(&mut self, span: (i64, i64), steps: Steps, metrics: &dyn Metrics) -> PortResult<&[RequestStep]> {
        if self.0.as_ref().is_none_or(|(known, _)| *known != span) {
            self.0 = Some((span, metrics.by_step(steps).await?));
        }
        Ok(self.0.as_ref().map(|(_, told)| told.as_slice()).unwrap_or_default())
    }
}

impl Permitted<SeeMetrics> {
    /// What there is of a metric from a minute on and before another one, both counted from 1970 UTC, oldest first.
    /// Heartbeats are known for their last day, requests for some weeks, what agents report besides since this process
    /// started, for hours. Of a metric that nobody reported there is nothing. `counted` is one for all that a call asks.
    ///
    /// # Errors
    /// No policy permits it; what the store says.
    pub async fn points(
        &self,
        metric: &Metric,
        (from, to): (i64, i64),
        counted: &mut CountedSteps,
    ) -> Result<Vec<Point>, Problem> {
        let of = agent_of(&metric.namespace)?;
        let mut points = match (&of, RequestMetric::of(&metric.name)) {
            (Some(agent), _) if metric.name == HEARTBEAT => self.beats(agent).await?,
            (Some(agent), Some(asked)) if *agent == self.installation().agent => {
                self.requests(asked, (from, to), counted).await?
            }
            _ => self.reported(metric, of.as_ref())?,
        };
        points.retain(|point| (from..to).contains(&point.minute));
        Ok(points)
    }

    async fn beats(&self, agent: &AgentName) -> Result<Vec<Point>, Problem> {
        let own = Access::SendHeartbeat { agent: agent.clone() };
        if !self.may(&own) {
            self.app.require(self.caller.agent(), &Access::ListAgents)?;
        }
        let point = |minute, sample| Point {
            minute,
            unit: COUNT.to_owned(),
            sample,
        };
        let Some(watch) = &self.app.watch else {
            let status = self.app.ports().agents.status(agent).await?;
            let last = status.and_then(|status| status.last_beat);
            let points = last.map(|beat| {
                let value = if beat.healthy { 1.0 } else { 0.0 };
                point(minute_of(beat.at), Sample::of(value))
            });
            return Ok(points.into_iter().collect());
        };
        let minutes = watch.watching.minutes(agent).await?;
        let points = minutes.iter().rev().map(|beat| {
            let healthy = Sample::repeated(1.0, f64::from(beat.healthy));
            point(beat.minute, healthy.and(Sample::repeated(0.0, f64::from(beat.failing))))
        });
        Ok(points.collect())
    }

    async fn requests(
        &self,
        asked: RequestMetric,
        (from, to): (i64, i64),
        counted: &mut CountedSteps,
    ) -> Result<Vec<Point>, Problem> {
        self.app.require(self.caller.agent(), &Access::ReadMetrics)?;
        // Nothing is known of the future.
        let to = to.min(minute_of(self.now()) + 1);
        let Some(steps) = steps(from, to) else {
            return Ok(Vec::new());
        };
        let metrics = &*self.app.ports().metrics;
        let told = counted.of((from, to), steps, metrics).await?;
        let points = told.iter().filter(|step| step.ended > 0).map(|step| Point {
            // A step may begin before what is asked for.
            minute: minute_of(step.from).max(from),
            unit: asked.unit().to_owned(),
            sample: asked.sample(step),
        });
        Ok(points.collect())
    }

    /// What agents reported. In the namespace of one it is that one's; elsewhere everybody's, or the caller's own.
    fn reported(&self, metric: &Metric, of: Option<&AgentName>) -> Result<Vec<Point>, Problem> {
        let caller = self.caller.agent();
        let sees_all = self.may(&Access::ReadMetrics);
        if let Some(agent) = of
            && !sees_all
        {
            self.app
                .require(caller, &Access::SendHeartbeat { agent: agent.clone() })?;
        }
        let whose = of.or_else(|| (!sees_all).then_some(&caller.name));
        Ok(self.app.reported.points(whose, metric))
    }
}

/// What is measured of requests.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum RequestMetric {
    Ended,
    Failed,
    Latency,
}

impl RequestMetric {
    /// By the names that it has in an AWS account.
    fn of(name: &str) -> Option<Self> {
        match name {
            "RequestCount" => Some(Self::Ended),
            "ErrorCount" => Some(Self::Failed),
            "RequestLatency" => Some(Self::Latency),
            _ => None,
        }
    }

    fn unit(self) -> &'static str {
        match self {
            Self::Ended | Self::Failed => COUNT,
            Self::Latency => MILLISECONDS,
        }
    }

    #[expect(
        clippy::cast_precision_loss,
        reason = "a count or a latency that is not exact is no request's"
    )]
    fn sample(self, step: &RequestStep) -> Sample {
        let ended = step.ended as f64;
        match self {
            Self::Ended => Sample::repeated(1.0, ended),
            Self::Failed => {
                let failed = step.failed as f64;
                Sample::repeated(1.0, failed).and(Sample::repeated(0.0, ended - failed))
            }
            Self::Latency => Sample {
                count: ended,
                sum: step.latency_ms_sum as f64,
                // Nobody keeps the fastest.
                minimum: f64::NAN,
                maximum: step.latency_ms_max as f64,
            },
        }
    }
}

/// The steps over a span of minutes; none where it is none. A span that is too long is counted from a later minute on.
fn steps(from: i64, to: i64) -> Option<Steps> {
    if to <= from {
        return None;
    }
    let fitting = STEPS.into_iter().find_map(|minutes| {
        let length = i64::from(minutes);
        let count = (to - 1).div_euclid(length) - from.div_euclid(length) + 1;
        let count = u16::try_from(count).ok().filter(|count| *count <= MOST_STEPS)?;
        Some((minutes, count))
    });
    let (minutes, count) = fitting.unwrap_or((60, MOST_STEPS));
    let last = Timestamp::from_second((to - 1).saturating_mul(60)).ok()?;
    Some(Steps {
        until: last,
        minutes,
        count,
    })
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering};

    use async_trait::async_trait;
    use cc_devops_outbox::ports::{RequestSample, RequestTotals};

    use super::*;

    /// Metrics that count how often they are asked.
    #[derive(Default)]
    struct Asked(AtomicUsize);

    #[async_trait]
    impl Metrics for Asked {
        async fn record(&self, _samples: &[RequestSample]) -> PortResult<()> {
            Ok(())
        }

        async fn totals(&self) -> PortResult<Vec<RequestTotals>> {
            Ok(Vec::new())
        }

        async fn by_step(&self, steps: Steps) -> PortResult<Vec<RequestStep>> {
            self.0.fetch_add(1, Ordering::Relaxed);
            Ok(steps.add_up([]))
        }
    }

    #[tokio::test]
    async fn steps_are_counted_once_for_a_call_that_asks_again() {
        let (metrics, mut counted) = (Asked::default(), CountedSteps::default());
        for (from, to, asked) in [(0, 60, 1), (0, 60, 1), (0, 120, 2)] {
            let of_span = steps(from, to).unwrap();
            let told = counted.of((from, to), of_span, &metrics).await.unwrap();
            assert_eq!(told.len(), usize::from(of_span.count));
            assert_eq!(metrics.0.load(Ordering::Relaxed), asked);
        }
    }

    #[test]
    fn an_agents_namespace_ends_in_its_name() {
        assert_eq!(
            agent_of("Agent/CostSentinel").unwrap().unwrap().as_str(),
            "CostSentinel"
        );
        assert!(agent_of("Billing").unwrap().is_none());
        assert!(agent_of("Agents/CostSentinel").unwrap().is_none());
        for none in ["Agent/", "Agent/a b", "Agent/a/b"] {
            assert_eq!(agent_of(none).unwrap_err().status().as_u16(), 422, "{none}");
        }
    }

    #[test]
    fn of_many_heartbeats_the_last_of_each_second_and_the_newest_are_written() {
        let at = |millis: i64| Timestamp::from_millisecond(millis).unwrap();
        let beat = |millis: Option<i64>, value: f64| {
            let metric = Metric {
                namespace: "Agent/A".to_owned(),
                name: HEARTBEAT.to_owned(),
                dimensions: BTreeMap::new(),
            };
            let datum = Datum {
                at: millis.map(at),
                unit: COUNT.to_owned(),
                sample: Sample::of(value),
            };
            (metric, datum)
        };
        // What says of no time when it was is of when it was signed, and so the newest, wherever it stands.
        let mixed = [beat(None, 1.0), beat(Some(5_000), 0.0), beat(Some(99_000), 0.0)];
        let told = newest_beats(&mixed, at(60_000));
        assert_eq!(
            told,
            [(at(5_000), false), (at(60_000), false)],
            "the future is when it was signed"
        );
        let of_a_second = [beat(Some(7_900), 0.0), beat(Some(7_001), 1.0), beat(Some(7_900), 1.0)];
        assert_eq!(newest_beats(&of_a_second, at(60_000)), [(at(7_900), true)]);
        let many: Vec<_> = (0..1_000).map(|second| beat(Some(second * 1_000), 1.0)).collect();
        let told = newest_beats(&many, at(2_000_000));
        assert_eq!((told.len(), told[0].0), (MOST_BEATS, at(900_000)));
        assert_eq!(told.last().unwrap().0, at(999_000));
    }

    #[test]
    fn steps_cover_the_span_and_are_never_too_many() {
        let told = |from, to| steps(from, to).map(|steps| (steps.minutes, steps.first_minute(), steps.end_minute()));
        assert_eq!(told(1_000, 1_060), Some((1, 1_000, 1_060)));
        assert_eq!(told(1_003, 3_601), Some((5, 1_000, 3_605)));
        assert_eq!(told(10, 10), None);
        let (minutes, first, end) = told(0, 10_000_000).unwrap();
        assert_eq!((minutes, end - first), (60, 60 * 2_000));
        assert!(end >= 10_000_000);
    }

    #[test]
    fn latency_has_a_sum_and_the_slowest() {
        let step = RequestStep {
            ended: 4,
            failed: 1,
            latency_ms_sum: 100,
            latency_ms_max: 40,
            ..RequestStep::of(Timestamp::UNIX_EPOCH)
        };
        let sample = RequestMetric::of("RequestLatency").unwrap().sample(&step);
        assert!((sample.average() - 25.0).abs() < 1e-9 && sample.minimum.is_nan());
        let failed = RequestMetric::of("ErrorCount").unwrap().sample(&step);
        assert_eq!((failed.count, failed.sum, failed.minimum), (4.0, 1.0, 0.0));
        assert!(RequestMetric::of("Heartbeat").is_none());
    }
}
