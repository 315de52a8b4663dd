//! `smoke-test`: checks a deployed control plane from end to end.

use std::future::Future;
use std::time::{Duration, Instant};

use cc_devops_aws::Backend;
use cc_devops_core::audit::AuditFilter;
use cc_devops_core::health::CAPABILITIES;
use cc_devops_core::ports::{Ports, SystemClock};
use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};

use super::health;
use super::submit::{Submitted, put};
use crate::Context;
use crate::error::CliError;
use crate::output::table;
use crate::store;

const AFTER_HELP: &str = "\
Checks the control plane of --aws-stage on AWS: the function answers, its agent is enabled, its
heartbeat is heard, a request goes the whole way from the bus to the ledger, the audit trail holds,
and no dead letters wait. The request asks for an action that does not exist, so nothing is
changed; --write sends one that writes a secret of the control plane's own.

Exit code 0 when all is well, 1 when a check fails.

Examples:
  cc-devops smoke-test --backend aws --aws-stage dev
  cc-devops smoke-test --backend aws --aws-stage dev --write --json";

/// How long a request may take from the bus to its outcome, in seconds.
const WAIT: u64 = 60;

/// The oldest heartbeat that counts: two of the schedule's.
const HEARD: SignedDuration = SignedDuration::from_mins(10);

/// What to check.
#[derive(Debug, clap::Args)]
#[command(after_help = AFTER_HELP)]
pub(crate) struct Args {
    /// Write a secret as well: /NAMESPACE/<the control plane's name in lower case>/smoke-test
    #[arg(long)]
    write: bool,
}

/// A check and how it went.
struct Checked {
    name: &'static str,
    result: Result<String, String>,
    took: Duration,
}

/// Runs `smoke-test`.
pub(crate) async fn run(context: &Context, args: &Args) -> Result<(), CliError> {
    let config = context.load_config()?.checked;
    let Some(backend) = store::on_aws(&config).await else {
        return Err(CliError::Usage(
            "smoke-test checks a control plane on AWS: give --backend aws; an embedded one answers to `cc-devops health`"
                .to_owned(),
        ));
    };
    let ports = backend.ports(std::sync::Arc::new(SystemClock));
    let agent = config.installation.agent.to_string();
    let tests = Tests {
        backend: &backend,
        ports: &ports,
        agent: &agent,
    };
    let mut all = vec![
        timed(context, "function answers", tests.function()).await,
        timed(context, "heartbeat is heard", tests.heartbeat()).await,
        timed(context, "agent is enabled", tests.enabled()).await,
        timed(context, "a request goes the whole way", tests.request()).await,
    ];
    if args.write {
        let name = format!("/{}/{}/smoke-test", config.installation.namespace, agent.to_lowercase());
        all.push(timed(context, "a secret is written", tests.secret(&name)).await);
    }
    all.push(timed(context, "audit trail holds", tests.audit()).await);
    all.push(timed(context, "no dead letters", tests.dead_letters()).await);
    tell(context, &backend, &all)
}

async fn timed(context: &Context, name: &'static str, check: impl Future<Output = Result<String, String>>) -> Checked {
    if context.output.is_terminal() {
        context.output.note(&format!("{name} …"));
    }
    let begun = Instant::now();
    let result = check.await;
    let took = begun.elapsed();
    Checked { name, result, took }
}

fn tell(context: &Context, backend: &Backend, all: &[Checked]) -> Result<(), CliError> {
    let good = all.iter().all(|checked| checked.result.is_ok());
    let checks: Vec<Value> = all
        .iter()
        .map(|checked| {
            let (Ok(message) | Err(message)) = &checked.result;
            json!({
                "check": checked.name, "ok": checked.result.is_ok(), "message": message,
                "milliseconds": u64::try_from(checked.took.as_millis()).unwrap_or(u64::MAX),
            })
        })
        .collect();
    let stage = backend.resources().stage.to_string();
    let document = json!({"stage": stage, "ok": good, "checks": checks});
    context.output.answer(&document, || {
        let rows = all.iter().map(|checked| {
            let (mark, message) = match &checked.result {
                Ok(message) => ("ok", message),
                Err(message) => ("FAILED", message),
            };
            vec![
                checked.name.to_owned(),
                mark.to_owned(),
                format!("{} ms", checked.took.as_millis()),
                message.clone(),
            ]
        });
        table(&["CHECK", "RESULT", "TIME", "MESSAGE"], rows)
    })?;
    if good { Ok(()) } else { Err(CliError::Answered) }
}

struct Tests<'a> {
    backend: &'a Backend,
    ports: &'a Ports,
    agent: &'a str,
}

fn said(error: impl std::fmt::Display) -> String {
    error.to_string()
}

impl Tests<'_> {
    async fn function(&self) -> Result<String, String> {
        let body = health::of_function(self.backend).await.map_err(said)?;
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

    /// Asks for a heartbeat first, because a stack that was just deployed has not sent one.
    async fn heartbeat(&self) -> Result<String, String> {
        let answer = self.backend.invoke(&json!({"tick": "heartbeat"})).await.map_err(said)?;
        if answer.get("statusCode").and_then(Value::as_u64) != Some(200) {
            return Err("the function could not send it; its log says why".to_owned());
        }
        let agents = self.ports.agents.list().await.map_err(said)?;
        let own = agents.iter().find(|status| status.agent.name.as_str() == self.agent);
        let beat = own.and_then(|status| status.last_beat.as_ref());
        match beat {
            Some(beat) if Timestamp::now().duration_since(beat.at) <= HEARD && beat.healthy => Ok("healthy".to_owned()),
            Some(beat) if beat.healthy => Err(format!("the last one is of {}", beat.at)),
            Some(beat) => Err(beat
                .message
                .clone()
                .unwrap_or_else(|| "it says that it fails".to_owned())),
            None => Err("none was heard".to_owned()),
        }
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
    async fn ask(&self, action: &str, params: Value) -> Result<Value, String> {
        let event = json!({
            "source": format!("agent.{}", self.agent),
            "detail-type": cc_devops_core::requests::envelope::REQUEST_DETAIL_TYPE,
            "detail": {
                "requestId": format!("smoke-{}", uuid::Uuid::now_v7()), "action": action,
                "stage": self.backend.resources().stage.as_str(), "requestedBy": self.agent, "params": params,
            },
        });
        match put(self.backend, &event, WAIT).await.map_err(said)? {
            Submitted::Completed(completed) => Ok(completed),
            Submitted::Accepted(_) => Err(format!(
                "it has no outcome after {WAIT} s: look at the rule, the queue and its dead letters, and the function's log"
            )),
        }
    }

    async fn request(&self) -> Result<String, String> {
        let completed = self.ask("smokeTest", json!({})).await?;
        match completed.get("reason").and_then(Value::as_str) {
            Some("unsupported_action") => Ok("refused, as it should be".to_owned()),
            other => Err(format!("it ended as {}", other.unwrap_or("a success, which cannot be"))),
        }
    }

    async fn secret(&self, name: &str) -> Result<String, String> {
        let params = json!({"name": name, "value": Timestamp::now().to_string()});
        let completed = self.ask("putSecret", params).await?;
        if completed.get("status").and_then(Value::as_str) == Some("success") {
            return Ok(format!("{name} has a new version"));
        }
        let error = completed.get("error").and_then(Value::as_str);
        Err(error.unwrap_or("it ended in an error without a sentence").to_owned())
    }

    async fn audit(&self) -> Result<String, String> {
        let verification = self.ports.audit.verify().await.map_err(said)?;
        if let Some(found) = verification.breaks.first() {
            return Err(format!("{}; `cc-devops audit verify` says more", found.problem));
        }
        let newest = self
            .ports
            .audit
            .list(&AuditFilter::default(), None, 1)
            .await
            .map_err(said)?;
        if newest.items.is_empty() {
            return Err("it is empty, though a request was just made".to_owned());
        }
        Ok(format!("{} row(s)", verification.rows))
    }

    async fn dead_letters(&self) -> Result<String, String> {
        let stage = &self.backend.resources().stage;
        for queue in [
            format!("devops-requests-dlq-{stage}"),
            format!("devops-requests-rule-dlq-{stage}"),
        ] {
            let count = self.backend.queue_length(&queue).await.map_err(said)?;
            if count > 0 {
                return Err(format!("{count} wait in {queue}; see docs/RUNBOOK-AWS.md"));
            }
        }
        Ok("none".to_owned())
    }
}
