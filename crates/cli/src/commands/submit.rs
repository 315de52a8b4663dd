//! Submits a request to the control plane, over HTTP or the event bus, and waits for its completion. Shared by the
//! commands that do so.

use std::time::{Duration, Instant};

use cc_devops_kernel::names::{AgentName, RequestId};
use cc_devops_kernel::ports::{Clock, SystemClock};
use cc_devops_kernel::work::Progress;
use cc_devops_outbound::Method;
use cc_devops_requests::Action;
use cc_devops_requests::actions::deploy_lambda;
use serde_json::{Map, Value, json};

use super::bus;
use super::submitted::{Submitted, WAITING};
use crate::client::{Answer, Client, Target};
use crate::context::Context;
use crate::error::CliError;
use crate::output::{Output, visible};
use crate::store::{self, AwsBackend};

/// The longest the server is asked to hold an answer back, in seconds.
const LONGEST_HOLD: u64 = 60;
/// The same where progress is shown, or somebody may have to approve it.
const SHORT_HOLD: u64 = 1;
/// How often a request that takes longer is looked at.
const LOOK_EVERY: Duration = Duration::from_millis(500);
/// Who asks, and under which id.
#[derive(Debug, Clone, clap::Args)]
pub(super) struct Asking {
    /// Agent to ask for; the admin may ask for any, every other token only for its own
    #[arg(long, value_name = "NAME", default_value = "admin")]
    pub(super) agent: AgentName,
    /// Id of the request; repeating it repeats nothing but the answer. Without it, a new one
    #[arg(long, value_name = "ID")]
    pub(super) request_id: Option<RequestId>,
}

impl Asking {
    /// The operator, for themselves, under a new id.
    pub(super) fn as_operator() -> Result<Self, CliError> {
        let agent = AgentName::new(store::ADMIN);
        Ok(Self {
            agent: agent.map_err(|error| CliError::internal("the admin's name is refused", error))?,
            request_id: None,
        })
    }
}

/// The envelope of a request.
pub(super) fn envelope(asking: &Asking, action: &Action, stage: Option<&str>, params: &Map<String, Value>) -> Value {
    let id = asking
        .request_id
        .as_ref()
        .map_or_else(|| format!("cli-{}", uuid::Uuid::now_v7()), ToString::to_string);
    let mut detail = json!({
        "requestId": id,
        "action": action.as_str(),
        "requestedBy": asking.agent.as_str(),
        "ts": SystemClock.now().to_string(),
        "params": params,
    });
    if let (Some(stage), Some(detail)) = (stage, detail.as_object_mut()) {
        detail.insert("stage".to_owned(), json!(stage));
    }
    json!({
        "source": format!("agent.{}", asking.agent),
        "detail-type": cc_devops_requests::envelope::REQUEST_DETAIL_TYPE,
        "detail": detail,
    })
}

/// How a request gets to the control plane.
pub(super) enum Channel {
    /// Over HTTP, with a token.
    Http(Box<Client>),
    /// Over the event bus, as an agent of AWS sends it; its outcome is read in the ledger.
    Bus(AwsBackend),
}

impl Channel {
    /// The bus where the backend is AWS and no server is named.
    pub(super) async fn open(context: &Context, target: &Target) -> Result<Self, CliError> {
        match store::on_aws(&context.load_settings()?.settings).await? {
            Some(backend) if target.url.is_none() => Ok(Self::Bus(backend)),
            _ => Ok(Self::Http(Box::new(Client::authenticated(context, target)?))),
        }
    }

    /// The stage of a request that names none: on the bus the control plane's own, because another
    /// stage's would take it otherwise.
    pub(super) fn stage<'s>(&'s self, given: Option<&'s str>) -> Option<&'s str> {
        match self {
            Self::Http(_) => given,
            Self::Bus(backend) => Some(given.unwrap_or(bus::stage(backend))),
        }
    }
}

/// Posts what may be an event or an array of events; the answer as it came. Where somebody sees how
/// far it is, it is asked for instead of waited for.
pub(super) async fn post(client: &Client, body: Vec<u8>, wait: u64, output: Output) -> Result<Answer, CliError> {
    let hold = wait.min(if output.shows_progress() {
        SHORT_HOLD
    } else {
        LONGEST_HOLD
    });
    let query = if hold == 0 {
        Vec::new()
    } else {
        vec![("wait", hold.to_string())]
    };
    client
        .ask(Method::POST, &["v1", "events"], &query, Some(body), hold)
        .await
}

/// Sends one event and waits up to `wait` seconds for its completion.
pub(super) async fn submit(channel: &Channel, event: &Value, wait: u64, output: Output) -> Result<Submitted, CliError> {
    let client = match channel {
        Channel::Http(client) => client,
        Channel::Bus(backend) => {
            let sent = bus::put(backend, event).await?;
            return bus::outcome(backend, sent, wait, output).await;
        }
    };
    let begun = Instant::now();
    // Whoever deploys is to be told soon where that waits for somebody.
    let is_deploy = event.pointer("/detail/action").and_then(Value::as_str) == Some(deploy_lambda::ACTION.as_str());
    let hold = if is_deploy { wait.min(SHORT_HOLD) } else { wait };
    let acknowledgement = post(client, event.to_string().into_bytes(), hold, output)
        .await?
        .success()?;
    follow(client, acknowledgement, begun, wait, output).await
}

/// Looks at an acknowledged request until it has ended or the time is up.
pub(super) async fn follow(
    client: &Client,
    acknowledgement: Value,
    begun: Instant,
    wait: u64,
    output: Output,
) -> Result<Submitted, CliError> {
    if !is_accepted(&acknowledgement) {
        return Ok(Submitted::Completed(acknowledgement));
    }
    let id = acknowledgement
        .get("requestId")
        .and_then(Value::as_str)
        .unwrap_or_default()
        .to_owned();
    let deadline = Duration::from_secs(wait);
    let mut progress = output.progress(WAITING);
    let mut approval = None;
    if wait == 0 {
        return Ok(Submitted::Accepted(acknowledgement));
    }
    loop {
        let record = client
            .ask(Method::GET, &["v1", "requests", &id], &[], None, 0)
            .await?
            .success()?;
        if let Some(completed) = record.get("completed").filter(|completed| !completed.is_null()) {
            return Ok(Submitted::Completed(completed.clone()));
        }
        if approval.is_none() && word(&record, "waitingFor") == "approval" {
            // The line of the progress is not to be in the way.
            progress = output.progress(WAITING);
            approval = Some(waits(client, &record, output).await);
        }
        let far = record.get("progress").cloned().map(serde_json::from_value::<Progress>);
        match far {
            Some(Ok(far)) => progress.of_request(&far),
            Some(Err(_)) | None => progress.start(),
        }
        let left = deadline.saturating_sub(begun.elapsed());
        if left.is_zero() {
            break;
        }
        tokio::time::sleep(LOOK_EVERY.min(left)).await;
    }
    Ok(Submitted::Accepted(with(acknowledgement, approval.unwrap_or_default())))
}

/// Says that a request waits for approval, of what, and what to type; what is known of it.
async fn waits(client: &Client, record: &Value, output: Output) -> Map<String, Value> {
    let named = ["waitingFor", "plan", "expiresAt"].into_iter();
    let mut known: Map<String, Value> = named
        .filter_map(|name| Some((name.to_owned(), record.get(name)?.clone())))
        .collect();
    let plan = visible(word(record, "plan")).into_owned();
    // Who may deploy need not be let see what is planned.
    let planned = client.ask(Method::GET, &["v1", "deploys", &plan], &[], None, 0).await;
    let planned = planned.and_then(Answer::success).ok();
    let mut lines = vec![
        format!(
            "it waits for approval as {plan}, until {}",
            visible(word(record, "expiresAt"))
        ),
        format!("see what it changes with: cc-devops deploys show {plan}"),
    ];
    let text = |name: &str| planned.as_ref()?.get(name)?.as_str();
    if let Some(digest) = text("digest") {
        known.insert("digest".to_owned(), json!(digest));
        let digest = visible(digest);
        lines.push(format!(
            "approve it with: cc-devops deploys approve {plan} --digest {digest}"
        ));
    }
    lines.extend(text("frozen").map(|frozen| visible(frozen).into_owned()));
    output.note(&lines.join("\n"));
    known
}

/// An answer with more fields.
fn with(mut answer: Value, more: Map<String, Value>) -> Value {
    if let Some(fields) = answer.as_object_mut() {
        fields.extend(more);
    }
    answer
}

fn is_accepted(answer: &Value) -> bool {
    answer.get("status").and_then(Value::as_str) == Some("accepted")
}

/// Whether an answer, or any entry of it, ended in error.
pub(super) fn is_error(answer: &Value) -> bool {
    match answer.get("entries").and_then(Value::as_array) {
        Some(entries) => entries.iter().any(is_error),
        None => answer.get("status").and_then(Value::as_str) == Some("error"),
    }
}

/// Tells how a request stands; `success` puts a result into words. A request that ended in error
/// fails the command, and so does one that did not end in a time that was asked for.
pub(super) fn write_answer(
    output: Output,
    submitted: &Submitted,
    wait: u64,
    success: impl FnOnce(&Value) -> String,
) -> Result<(), CliError> {
    match submitted {
        Submitted::Completed(completed) => {
            output.answer(completed, || {
                if is_error(completed) {
                    failure(completed)
                } else {
                    success(completed.get("result").unwrap_or(&Value::Null))
                }
            })?;
            if is_error(completed) {
                Err(CliError::Answered)
            } else {
                Ok(())
            }
        }
        Submitted::Accepted(acknowledgement) => {
            let id = visible(word(acknowledgement, "requestId"));
            output.answer(acknowledgement, || format!("accepted as request {id}"))?;
            output.note(&format!("see what becomes of it with: cc-devops requests show {id}"));
            if wait == 0 {
                Ok(())
            } else {
                output.note(&format!("it has not ended within {wait} s"));
                Err(CliError::Answered)
            }
        }
    }
}

fn failure(completed: &Value) -> String {
    let word = |name| visible(word(completed, name));
    format!(
        "{} failed: {} ({})\nrequest {}",
        word("action"),
        word("error"),
        word("reason"),
        word("requestId")
    )
}

/// A text of an answer, for people.
pub(super) fn word<'v>(value: &'v Value, name: &str) -> &'v str {
    value.get(name).and_then(Value::as_str).unwrap_or("-")
}
