//! What is checked of a deployed control plane, from end to end.

use std::future::Future;
use std::time::{Duration, Instant};

use cc_devops_aws::{Backend, DeployRole};
use cc_devops_kernel::audit::AuditFilter;
use cc_devops_kernel::health::CAPABILITIES;
use cc_devops_kernel::installation::Installation;
use cc_devops_kernel::names::{AgentName, RequestId, SecretName};
use cc_devops_kernel::ports::{PortErrorKind, PortResult};
use cc_devops_kernel::secret::SecretValue;
use cc_devops_requests::ports::Ports;
use cc_devops_requests::record::RequestState;
use jiff::SignedDuration;
use serde_json::{Map, Value, json};

use super::Args;
use crate::commands::bus::{function_health, outcome, put};
use crate::commands::submitted::Submitted;
use crate::context::Context;
use crate::error::CliError;
use crate::output::{Output, table};
use crate::sealing::put_value;

/// How long a request may take from the bus to its outcome, in seconds.
const WAIT: u64 = 60;

/// The oldest heartbeat that counts: two of the schedule's.
const HEARD: SignedDuration = SignedDuration::from_mins(10);

/// How long it may take until CloudWatch tells a heartbeat it was sent, until an event is on the bus,
/// and until an index shows a row.
const SHOWN: Duration = Duration::from_mins(2);

/// How often such a thing is looked for.
const LOOK_EVERY: Duration = Duration::from_secs(1);

/// What the request asks for that is to be refused.
const NO_ACTION: &str = "smokeTest";

/// A check and how it went.
struct Checked {
    name: &'static str,
    result: Result<Found, String>,
    took: Duration,
}

/// What a check found that did not fail.
enum Found {
    /// All is well.
    Well(String),
    /// It works, and somebody should do something about it.
    Warning(String),
}

impl From<String> for Found {
    fn from(message: String) -> Self {
        Self::Well(message)
    }
}

impl Checked {
    /// The word for it, and more.
    fn told(&self) -> (&'static str, &str) {
        match &self.result {
            Ok(Found::Well(message)) => ("ok", message),
            Ok(Found::Warning(message)) => ("WARNING", message),
            Err(message) => ("FAILED", message),
        }
    }

    /// Its row of the table.
    fn cells(&self) -> Vec<String> {
        let (mark, message) = self.told();
        vec![
            self.name.to_owned(),
            mark.to_owned(),
            format!("{} ms", self.took.as_millis()),
            message.to_owned(),
        ]
    }
}

/// Makes all of them and tells how they went.
pub(super) async fn run(
    context: &Context,
    args: &Args,
    installation: &Installation,
    backend: &Backend,
) -> Result<(), CliError> {
    let ports = backend.ports();
    let agent = installation.agent.to_string();
    let request = RequestId::new(format!("smoke-{}", uuid::Uuid::now_v7()));
    let tests = Tests {
        backend,
        ports: &ports,
        agent: &agent,
        request: request.map_err(|error| CliError::internal("the request's id is refused", error))?,
        output: context.output,
    };
    let mut all = vec![
        timed(context, "function answers", tests.function()).await,
        timed(context, "heartbeat is heard", tests.heartbeat()).await,
        timed(context, "agent is enabled", tests.enabled()).await,
        timed(context, "a request goes the whole way", tests.request()).await,
    ];
    if args.write {
        let name = format!("/{}/{}/smoke-test", installation.namespace, agent.to_lowercase());
        all.push(timed(context, "a secret is written", tests.secret(&name)).await);
    }
    all.push(timed(context, "deploys are bounded", tests.deploy_role()).await);
    all.push(timed(context, "audit trail holds", tests.audit()).await);
    all.push(timed(context, "no dead letters", tests.dead_letters()).await);
    write_answer(context, backend, &all)
}

async fn timed<T: Into<Found>>(
    context: &Context,
    name: &'static str,
    check: impl Future<Output = Result<T, String>>,
) -> Checked {
    if context.output.is_terminal() {
        context.output.note(&format!("{name} …"));
    }
    let begun = Instant::now();
    let result = check.await.map(Into::into);
    let took = begun.elapsed();
    Checked { name, result, took }
}

fn write_answer(context: &Context, backend: &Backend, all: &[Checked]) -> Result<(), CliError> {
    let good = all.iter().all(|checked| checked.result.is_ok());
    let checks: Vec<Value> = all
        .iter()
        .map(|checked| {
            let (_, message) = checked.told();
            json!({
                "check": checked.name, "ok": checked.result.is_ok(), "message": message,
                "warning": matches!(checked.result, Ok(Found::Warning(_))),
                "milliseconds": u64::try_from(checked.took.as_millis()).unwrap_or(u64::MAX),
            })
        })
        .collect();
    let stage = backend.resources().stage.to_string();
    let document = json!({"stage": stage, "ok": good, "checks": checks});
    context.output.answer(&document, || {
        let rows = all.iter().map(Checked::cells);
        table(&["CHECK", "RESULT", "TIME", "MESSAGE"], rows)
    })?;
    if good { Ok(()) } else { Err(CliError::Answered) }
}

/// What bounds the role for deploys, which carries out whatever template an agent sends.
fn bounds(role: PortResult<DeployRole>) -> Result<Found, String> {
    Ok(match role {
        Ok(DeployRole::None) => Found::Well("each stack's own role".to_owned()),
        Ok(DeployRole::Bounded(role)) => Found::Well(format!("{role} has a permissions boundary")),
        Ok(DeployRole::Unbounded(role)) => Found::Warning(format!(
            "{role} has no permissions boundary, so an agent's template may do all that the role may; see \
             docs/RUNBOOK-AWS.md"
        )),
        Err(error) if error.kind == PortErrorKind::Refused => {
            Found::Warning(format!("it cannot be seen what bounds them: {error}"))
        }
        Err(error) => return Err(said(error)),
    })
}

struct Tests<'a> {
    backend: &'a Backend,
    ports: &'a Ports,
    agent: &'a str,
    /// The request that is to be refused.
    request: RequestId,
    output: Output,
}

fn said(error: impl std::fmt::Display) -> String {
    error.to_string()
}

impl Tests<'_> {
    async fn function(&self) -> Result<String, String> {
        let body = function_health(self.backend).await.map_err(said)?;
        let has = |capability: &str| {
            let all = body.get("capabilities").and_then(Value::as_array);
            all.is_some_and(|all| all.iter().any(|known| known == capability))
        };
        if let Some(missing) = CAPABILITIES.iter().find(|capability| !has(capability)) {
            return Err(format!(
                "it does not have the capability {missing}: an older version is deployed"
            ));
        }
        match body.get("status").and_then(Value::as_str) {
            Some("healthy") => Ok("healthy".to_owned()),
            _ => Err("it is degraded; `cc-devops health` says why".to_owned()),
        }
    }

    /// A stack that was just deployed has not sent one: then it is asked to.
    async fn heartbeat(&self) -> Result<String, String> {
        if let Ok(heard) = self.heard().await? {
            return Ok(heard);
        }
        let answer = self.backend.invoke(&json!({"tick": "heartbeat"})).await.map_err(said)?;
        if answer.get("statusCode").and_then(Value::as_u64) != Some(200) {
            return Err("the function could not send it; its log says why".to_owned());
        }
        eventually(async || self.heard().await).await
    }

    async fn heard(&self) -> Result<Look<String>, String> {
        Ok(match self.backend.own_heartbeat().await.map_err(said)? {
            Some(beat) if self.ports.clock.now().duration_since(beat.at) > HEARD => {
                Err(format!("the last one is of {}", beat.at))
            }
            Some(beat) if beat.healthy => Ok("healthy".to_owned()),
            Some(_) => Err("it says that the control plane fails; `cc-devops health` says why".to_owned()),
            None => Err("CloudWatch has heard none".to_owned()),
        })
    }

    async fn enabled(&self) -> Result<String, String> {
        let agents = self.ports.agents.list().await.map_err(said)?;
        let enabled = agents
            .iter()
            .any(|status| status.agent.name.as_str() == self.agent && status.revoked_at.is_none());
        if enabled {
            Ok(format!("{} agent(s) known", agents.len()))
        } else {
            Err(format!(
                "{} is not in {}",
                self.agent,
                self.backend.resources().enabled_agents
            ))
        }
    }

    /// Sends a request over the bus, in the control plane's own name, and looks for its outcome.
    async fn ask(&self, id: &RequestId, action: &str, params: Value) -> Result<Value, String> {
        let event = json!({
            "source": format!("agent.{}", self.agent),
            "detail-type": cc_devops_requests::envelope::REQUEST_DETAIL_TYPE,
            "detail": {
                "requestId": id, "action": action,
                "stage": self.backend.resources().stage.as_str(), "requestedBy": self.agent, "params": params,
            },
        });
        let sent = put(self.backend, &event).await.map_err(said)?;
        match outcome(self.backend, sent, WAIT, self.output).await.map_err(said)? {
            Submitted::Completed(completed) => Ok(completed),
            Submitted::Accepted(_) => Err(format!(
                "it has no outcome after {WAIT} s: look at the rule, the queue and its dead letters, and the function's log"
            )),
        }
    }

    async fn request(&self) -> Result<String, String> {
        let completed = self.ask(&self.request, NO_ACTION, json!({})).await?;
        match completed.get("reason").and_then(Value::as_str) {
            Some("unsupported_action") => {}
            other => return Err(format!("it ended as {}", other.unwrap_or("a success, which cannot be"))),
        }
        eventually(async || self.told().await).await?;
        Ok("refused, as it should be".to_owned())
    }

    /// Whether the request's outcome was published.
    async fn told(&self) -> Result<Look<()>, String> {
        let record = self.ports.ledger.find(&self.request).await.map_err(said)?;
        Ok(match record.map(|record| record.state) {
            Some(RequestState::Published) => Ok(()),
            _ => Err("its outcome is in the ledger and was not told over the bus".to_owned()),
        })
    }

    async fn secret(&self, name: &str) -> Result<String, String> {
        let mut params = Map::from_iter([("name".to_owned(), json!(name))]);
        let (agent, secret) = (
            AgentName::new(self.agent).map_err(said)?,
            SecretName::new(name).map_err(said)?,
        );
        let key = self.backend.published_sealing_key().await.map_err(said)?;
        let value = SecretValue::new(self.ports.clock.now().to_string());
        put_value(&mut params, key.as_ref(), (&agent, &secret), &value).map_err(said)?;
        let id = RequestId::new(format!("{}-write", self.request)).map_err(said)?;
        let completed = self.ask(&id, "putSecret", Value::Object(params)).await?;
        if completed.get("status").and_then(Value::as_str) == Some("success") {
            return Ok(format!("{name} has a new version"));
        }
        let error = completed.get("error").and_then(Value::as_str);
        Err(error.unwrap_or("it ended in an error without a sentence").to_owned())
    }

    async fn deploy_role(&self) -> Result<Found, String> {
        bounds(self.backend.deploy_role().await)
    }

    async fn audit(&self) -> Result<String, String> {
        let verification = self.ports.audit.verify().await.map_err(said)?;
        if let Some(found) = verification.breaks.first() {
            return Err(format!("{}; `cc-devops audit verify` says more", found.problem));
        }
        // A request that did not get through has its own check.
        if self.ports.ledger.find(&self.request).await.map_err(said)?.is_some() {
            eventually(async || self.on_record().await).await?;
        }
        Ok(format!("{} row(s)", verification.rows))
    }

    /// Whether the audit trail has the refused request.
    async fn on_record(&self) -> Result<Look<()>, String> {
        let filter = AuditFilter {
            action: Some(NO_ACTION.to_owned()),
            ..AuditFilter::default()
        };
        let newest = self.ports.audit.list(&filter, None, 100).await.map_err(said)?;
        let is_there = |id: &str| {
            let mut ids = newest.items.iter().filter_map(|row| row.entry.request_id.as_deref());
            ids.any(|known| known == id)
        };
        Ok(if is_there(self.request.as_str()) {
            Ok(())
        } else {
            Err(format!("the request {} is not in it", self.request))
        })
    }

    async fn dead_letters(&self) -> Result<String, String> {
        let stage = &self.backend.resources().stage;
        for queue in [
            format!("devops-requests-dlq-{stage}"),
            format!("devops-requests-rule-dlq-{stage}"),
        ] {
            let length = async { self.backend.queue(&queue).await?.length().await };
            let count = length.await.map_err(said)?;
            if count > 0 {
                return Err(format!("{count} wait in {queue}; see docs/RUNBOOK-AWS.md"));
            }
        }
        Ok("none".to_owned())
    }
}

/// What a look found, or why it is not so yet.
type Look<T> = Result<T, String>;

/// Looks until it is so, or the time is up. A look that fails ends it.
async fn eventually<T>(look: impl AsyncFn() -> Result<Look<T>, String>) -> Result<T, String> {
    let begun = Instant::now();
    loop {
        match look().await? {
            Err(_) if begun.elapsed() < SHOWN => tokio::time::sleep(LOOK_EVERY).await,
            found => return found,
        }
    }
}

#[cfg(test)]
mod tests {
    use cc_devops_kernel::ports::PortError;

    use super::*;

    #[test]
    fn a_role_for_deploys_that_nothing_bounds_is_a_warning_and_no_failure() {
        let told = |role: PortResult<DeployRole>| {
            let checked = Checked {
                name: "deploys are bounded",
                result: bounds(role),
                took: Duration::ZERO,
            };
            (checked.result.is_ok(), checked.cells().join(" | "))
        };
        let role = || "arn:aws:iam::123456789012:role/deploys".to_owned();
        let (passes, row) = told(Ok(DeployRole::Unbounded(role())));
        assert!(
            passes && row.contains("| WARNING |") && row.contains("role/deploys has no permissions boundary"),
            "{row}"
        );
        let (passes, row) = told(Err(PortError::new(PortErrorKind::Refused, "iam:GetRole: denied")));
        assert!(passes && row.contains("| WARNING |"), "{row}");
        for well in [DeployRole::Bounded(role()), DeployRole::None] {
            let (passes, row) = told(Ok(well));
            assert!(passes && row.contains("| ok |"), "{row}");
        }
        let (passes, row) = told(Err(PortError::new(PortErrorKind::NotFound, "it is gone")));
        assert!(!passes && row.contains("| FAILED |"), "{row}");
    }
}
