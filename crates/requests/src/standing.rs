//! How far behind the control plane is: what its health check says of requests and of the outbox.

use cc_devops_kernel::access::Access;
use cc_devops_kernel::acts::{ActError, Actor};
use cc_devops_kernel::audit::actions;
use cc_devops_kernel::health::Check;
use jiff::{SignedDuration, Timestamp};

use crate::engine::ControlPlane;
use crate::ports::{Consumer, PortError, Ports, Standing};

/// The name of the check of the outbox.
pub const OUTBOX: &str = "outbox";

/// The name of the check of open requests.
pub const REQUESTS: &str = "requests";

impl ControlPlane {
    /// Every check: the systems behind the ports, the outbox, the requests that are open. Nothing is
    /// changed.
    pub async fn checks(&self) -> Vec<Check> {
        self.with_those_of_the_ports(self.ports.checks.check()).await
    }

    /// The same after trying what can be tried.
    pub async fn probed_checks(&self) -> Vec<Check> {
        self.with_those_of_the_ports(self.ports.checks.probe()).await
    }

    async fn with_those_of_the_ports(&self, checks: impl Future<Output = Vec<Check>>) -> Vec<Check> {
        let now = self.now();
        let (mut checks, standings, backlog) =
            futures::join!(checks, self.ports.outbox.standing(now), self.ports.ledger.backlog());
        let cannot = |name: &str, error: PortError| Check::degraded(name, error.message);
        checks.push(match standings {
            Ok(standings) => outbox(&standings, now, self.settings.lag),
            Err(error) => cannot(OUTBOX, error),
        });
        checks.push(match backlog {
            Ok(backlog) => requests(backlog.oldest_open, now, self.longest_open()),
            Err(error) => cannot(REQUESTS, error),
        });
        checks
    }

    /// How long a request may be open: as long as a plan may wait and the longest deploy or other work takes, and some
    /// more.
    pub(crate) fn longest_open(&self) -> SignedDuration {
        let settings = &self.settings;
        let longest = settings.stage_deploy_timeouts.values().max().copied();
        let longest = longest
            .unwrap_or_default()
            .max(settings.deploy_timeout)
            .max(settings.work_timeout);
        longest
            .saturating_add(settings.deploys.approval_timeout)
            .saturating_add(settings.lag)
    }
}

/// Gives everything that was set aside back to a consumer; how much. It is on record first: an audit row
/// without an effect is better than the other way round.
///
/// # Errors
/// What no policy permits; the trail or the outbox cannot be written.
pub async fn give_back(ports: &Ports, consumer: Consumer, actor: Actor<'_>) -> Result<u64, ActError> {
    let (now, action) = (ports.clock.now(), actions::EVENTS_GIVEN_BACK);
    let access = Access::ManageWebhooks;
    let author = actor.author(&access, action, &*ports.audit, now).await?;
    let entry = author.entry(now, action, consumer.to_string(), serde_json::json!({}));
    ports.audit.append(&entry).await?;
    Ok(ports.outbox.give_back(consumer, now).await?)
}

/// Whether every consumer keeps up and was told everything.
fn outbox(standings: &[Standing], now: Timestamp, lag: SignedDuration) -> Check {
    let mut wrong = Vec::new();
    for standing in standings {
        let consumer = standing.consumer;
        let behind = standing.oldest.map(|oldest| now.duration_since(oldest));
        if let Some(behind) = behind.filter(|behind| *behind > lag) {
            wrong.push(format!(
                "{consumer} is {} seconds behind with {} events, {} of which failed: the log says why",
                behind.as_secs(),
                standing.waiting,
                standing.failing
            ));
        }
        if standing.set_aside > 0 {
            wrong.push(format!(
                "{} events were set aside for {consumer}: see them with `cc-devops outbox list`, give them back with \
                 `cc-devops outbox retry {consumer}`",
                standing.set_aside
            ));
        }
    }
    if wrong.is_empty() {
        Check::healthy(OUTBOX)
    } else {
        Check::degraded(OUTBOX, wrong.join("; "))
    }
}

fn requests(oldest: Option<Timestamp>, now: Timestamp, longest: SignedDuration) -> Check {
    match oldest.map(|oldest| now.duration_since(oldest)) {
        Some(age) if age > longest => Check::degraded(
            REQUESTS,
            format!(
                "a request has been open for {} seconds: find it with `cc-devops requests list`, the log says why",
                age.as_secs()
            ),
        ),
        Some(_) | None => Check::healthy(REQUESTS),
    }
}

#[cfg(test)]
mod tests {
    use cc_devops_kernel::health::Condition;

    use super::*;
    use crate::ports::Consumer;

    const LAG: SignedDuration = SignedDuration::from_mins(5);

    fn at(seconds: i64) -> Timestamp {
        Timestamp::from_second(seconds).unwrap()
    }

    fn keeping_up(consumer: Consumer) -> Standing {
        Standing {
            consumer,
            oldest: Some(at(1_000)),
            waiting: 3,
            failing: 1,
            set_aside: 0,
        }
    }

    #[test]
    fn who_lags_and_what_was_set_aside_is_said_with_what_to_do() {
        let fine = keeping_up(Consumer::Metrics);
        assert_eq!(outbox(&[fine], at(1_300), LAG).status, Condition::Healthy);
        let late = outbox(&[fine, keeping_up(Consumer::People)], at(1_301), LAG);
        assert!(
            late.message
                .unwrap()
                .contains("people is 301 seconds behind with 3 events")
        );
        let given_up = Standing {
            set_aside: 2,
            oldest: None,
            ..keeping_up(Consumer::Webhooks)
        };
        let check = outbox(&[fine, given_up], at(1_001), LAG);
        assert_eq!(check.status, Condition::Degraded);
        assert!(check.message.unwrap().contains("`cc-devops outbox retry webhooks`"));
    }

    #[test]
    fn a_request_that_is_open_for_too_long_is_said() {
        assert_eq!(requests(None, at(9), LAG).status, Condition::Healthy);
        assert_eq!(requests(Some(at(0)), at(300), LAG).status, Condition::Healthy);
        assert_eq!(requests(Some(at(0)), at(301), LAG).status, Condition::Degraded);
    }
}
