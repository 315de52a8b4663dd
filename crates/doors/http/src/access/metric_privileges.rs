//! What may be touched of metrics as CloudWatch has them: namespaces, names, dimensions.

use cc_devops_kernel::access::Access;
use cc_devops_kernel::names::AgentName;
use cc_devops_outbox::ports::{RequestStep, Steps, minute_of};
use jiff::Timestamp;

use super::{Permitted, Privilege, Question};
use crate::problem::Problem;
use crate::reported::{Datum, Metric, NoRoom, Point, Sample};

/// How the namespaces of agents begin; an agent's name follows.
const OF_AGENT: &str = "Agent/";

/// The metric that is a heartbeat: 1 where the agent works, less where it fails.
const HEARTBEAT: &str = "Heartbeat";

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
    /// (`Agent/<Name>`) it is that agent's, and `Heartbeat` is its heartbeat; elsewhere it is the caller's. Heartbeats
    /// are durable when this returns; of everything else there are sums since this process started.
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
        let (mut beats, others): (Vec<_>, Vec<_>) = data
            .into_iter()
            .partition(|(metric, _)| of.is_some() && metric.name == HEARTBEAT);
        let reported = &self.app.reported;
        let now = self.now();
        reported
            .keep(&whose, others, (signed_at.min(now), now))
            .map_err(NotReported::NoRoom)?;
        beats.sort_by_key(|(_, datum)| datum.at);
        for (_, datum) in beats {
            // What it says of the past may be so; of the future nobody knows anything.
            let said = datum.at.map_or(signed_at, |at| at.min(signed_at));
            let is_healthy = datum.sample.minimum >= 1.0;
            let taken = self.app.beat_as_signed(&whose, said, is_healthy).await;
            taken.map_err(Problem::from)?;
        }
        Ok(())
    }
}

/// See what is known of metrics. Whose they are stands in the namespace: the policies are asked for each.
#[derive(Clone)]
pub struct SeeMetrics;

impl Privilege for SeeMetrics {
    fn ask(_question: &Question<'_>) -> Result<Self, Problem> {
        Ok(Self)
    }
}

impl Permitted<SeeMetrics> {
    /// What there is of a metric from a minute on and before another one, both counted from 1970 UTC, oldest first.
    /// Heartbeats are known for their last day, requests for some weeks, what agents report besides since this process
    /// started, for hours. Of a metric that nobody reported there is nothing.
    ///
    /// # Errors
    /// No policy permits it; what the store says.
    pub async fn points(&self, metric: &Metric, from: i64, to: i64) -> Result<Vec<Point>, Problem> {
        let of = agent_of(&metric.namespace)?;
        let mut points = match &of {
            Some(agent) if metric.name == HEARTBEAT => self.beats(agent).await?,
            Some(agent) if *agent == self.installation().agent && RequestMetric::of(&metric.name).is_some() => {
                self.requests(metric, from, to).await?
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

    async fn requests(&self, metric: &Metric, from: i64, to: i64) -> Result<Vec<Point>, Problem> {
        self.app.require(self.caller.agent(), &Access::ReadMetrics)?;
        let Some(of) = RequestMetric::of(&metric.name) else {
            return Ok(Vec::new());
        };
        // Nothing is known of the future.
        let to = to.min(minute_of(self.now()) + 1);
        let Some(steps) = steps(from, to) else {
            return Ok(Vec::new());
        };
        let counted = self.app.ports().metrics.by_step(steps).await?;
        let points = counted.iter().filter(|step| step.ended > 0).map(|step| Point {
            // A step may begin before what is asked for.
            minute: minute_of(step.from).max(from),
            unit: of.unit().to_owned(),
            sample: of.sample(step),
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
    use super::*;

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
