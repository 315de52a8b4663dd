//! `send`: gives the running control plane an event from a file, as it would come over the wire.

use std::io::Read;
use std::path::{Path, PathBuf};
use std::time::Instant;

use cc_devops_kernel::input;
use cc_devops_kernel::ports::{Clock, SystemClock};
use cc_devops_repos::work::RepositoryWork;
use cc_devops_requests::Action;
use cc_devops_requests::task::Task;
use serde_json::{Value, json};

use super::submit::{Asking, Channel, envelope, follow, is_error, post, submit, word};
use super::submitted::Submitted;
use super::{bus, health};
use crate::client::{Client, Target};
use crate::context::Context;
use crate::error::CliError;
use crate::store::{self, AwsBackend};

const AFTER_HELP: &str = "\
The file holds one of:
  an EventBridge envelope with detail-type devops.request, or an array of up to 10;
  {\"task_type\": \"health_check\" | \"github_repo_check\" | \"workflow_monitor\"}, which answers as the
  function does: {\"statusCode\", \"body\"}. What is about repositories is waited for, 60 seconds without --wait.

Without --wait the answer is the acknowledgement: the request is on record and will be carried
out. With --wait it is the completion, the detail of devops.completed. Exit code 1 when a request
ended in error or did not end in time. On AWS events go over the event bus, and what is for the
function to the function.

Examples:
  cc-devops send event.json --wait 10
  cat event.json | cc-devops send - --wait 10 --json";

/// How long a task on repositories is waited for where nothing is said, in seconds.
const TASK_PATIENCE: u64 = 60;

/// The largest input, in bytes: more than any server takes.
const LARGEST: u64 = 64 * 1024 * 1024;

/// What to send.
#[derive(Debug, clap::Args)]
#[command(after_help = AFTER_HELP)]
pub(crate) struct Args {
    /// File that holds the event; - is standard input
    file: PathBuf,
    /// Wait this long for the completion
    #[arg(long, value_name = "SECONDS", default_value_t = 0, value_parser = clap::value_parser!(u64).range(..=86_400))]
    wait: u64,
    #[command(flatten)]
    target: Target,
}

/// Runs `send`.
pub(crate) async fn run(context: &Context, args: Args) -> Result<(), CliError> {
    let body = read_input(&args.file)?;
    let parsed = input::documents(&body);
    if args.target.url.is_none()
        && let Some(backend) = store::on_aws(&context.load_settings()?.settings).await?
    {
        let parsed =
            parsed.map_err(|error| CliError::Usage(format!("{} cannot be sent: {error}", args.file.display())))?;
        return Box::pin(on_aws(context, &backend, parsed, args.wait)).await;
    }
    if let Some(invocation) = parsed.as_ref().ok().filter(|value| is_direct(value)) {
        return invoke(context, &args, invocation).await;
    }
    // What is no event is sent all the same: the server answers, and puts it on record.
    let client = Client::authenticated(context, &args.target)?;
    let begun = Instant::now();
    let answer = post(&client, body, args.wait, context.output).await?.success()?;
    if answer.get("entries").is_some() {
        return entries(context, &client, answer, begun, args.wait).await;
    }
    match follow(&client, answer, begun, args.wait, context.output).await? {
        Submitted::Completed(completed) => {
            context.output.document(&completed)?;
            if is_error(&completed) {
                Err(CliError::Answered)
            } else {
                Ok(())
            }
        }
        Submitted::Accepted(acknowledgement) => {
            context.output.document(&acknowledgement)?;
            unended(context, args.wait)
        }
    }
}

/// On AWS an event goes over the bus, and what is for the function itself to the function.
async fn on_aws(context: &Context, backend: &AwsBackend, input: Value, wait: u64) -> Result<(), CliError> {
    if is_direct(&input) {
        let answer = bus::invoke(backend, &input).await?;
        context.output.document(&answer)?;
        let succeeded = answer.get("statusCode").and_then(Value::as_u64) == Some(200);
        return if succeeded { Ok(()) } else { Err(CliError::Answered) };
    }
    let (events, many) = match input {
        Value::Array(events) => (events, true),
        event => (vec![event], false),
    };
    let mut sent = Vec::with_capacity(events.len());
    for event in &events {
        sent.push(bus::put(backend, event).await?);
    }
    let mut answers = Vec::with_capacity(sent.len());
    let mut open = false;
    for sent in sent {
        match bus::outcome(backend, sent, wait, context.output).await? {
            Submitted::Completed(completed) => answers.push(completed),
            Submitted::Accepted(acknowledgement) => {
                open = true;
                answers.push(acknowledgement);
            }
        }
    }
    let answer = if many {
        json!({"entries": answers})
    } else {
        answers.pop().unwrap_or_default()
    };
    context.output.document(&answer)?;
    if is_error(&answer) {
        return Err(CliError::Answered);
    }
    if open { unended(context, wait) } else { Ok(()) }
}

/// The answers to an array, each followed until it has ended.
async fn entries(context: &Context, client: &Client, answer: Value, begun: Instant, wait: u64) -> Result<(), CliError> {
    let mut ended = Vec::new();
    let mut open = false;
    for entry in answer.get("entries").and_then(Value::as_array).into_iter().flatten() {
        match follow(client, entry.clone(), begun, wait, context.output).await? {
            Submitted::Completed(completed) => ended.push(completed),
            Submitted::Accepted(acknowledgement) => {
                open = true;
                ended.push(acknowledgement);
            }
        }
    }
    let answer = json!({"entries": ended});
    context.output.document(&answer)?;
    if is_error(&answer) {
        return Err(CliError::Answered);
    }
    if open { unended(context, wait) } else { Ok(()) }
}

fn unended(context: &Context, wait: u64) -> Result<(), CliError> {
    if wait == 0 {
        return Ok(());
    }
    context.output.note(&format!(
        "it has not ended within {wait} s; see `cc-devops requests show ID`"
    ));
    Err(CliError::Answered)
}

/// Whether this is a payload for the function itself rather than an event: section 3 of the wire
/// contract. An absent `task_type` asks for the health, but only where nothing else is said.
fn is_direct(value: &Value) -> bool {
    value
        .as_object()
        .is_some_and(|object| object.is_empty() || object.contains_key("task_type"))
}

async fn invoke(context: &Context, args: &Args, invocation: &Value) -> Result<(), CliError> {
    let task = Task::of(invocation);
    let owner = context.load_settings()?.settings.repositories.owner.clone();
    let (status, body) = match (&task, task.work(invocation, owner.as_deref())) {
        (Task::HealthCheck, _) => {
            let client = Client::anonymous(context, args.target.url.as_ref())?;
            (200, health::body(&client).await?)
        }
        (_, Ok(Some(work))) => looked(context, args, &work).await?,
        (Task::Unknown(_), _) | (_, Ok(None)) => {
            (400, json!({"error": format!("Unknown task type: {}", task.as_str())}))
        }
        (_, Err(error)) => (500, failed(context, &error)?),
    };
    context
        .output
        .document(&json!({"statusCode": status, "body": body.to_string()}))?;
    if status == 200 { Ok(()) } else { Err(CliError::Answered) }
}

/// The body of the answer to a task that failed.
fn failed(context: &Context, error: &str) -> Result<Value, CliError> {
    let agent = context.load_settings()?.settings.installation.agent;
    Ok(json!({"error": error, "agent": agent, "timestamp": SystemClock.now()}))
}

/// A task on repositories is a request here; its outcome is told as the function tells it.
async fn looked(context: &Context, args: &Args, work: &RepositoryWork) -> Result<(u16, Value), CliError> {
    let asking = Asking::as_operator()?;
    let event = envelope(&asking, Action::for_work(work), None, &work.params());
    let channel = Channel::Http(Box::new(Client::authenticated(context, &args.target)?));
    let wait = if args.wait == 0 { TASK_PATIENCE } else { args.wait };
    Ok(match submit(&channel, &event, wait, context.output).await? {
        Submitted::Completed(completed) if !is_error(&completed) => {
            (200, completed.get("result").cloned().unwrap_or_default())
        }
        Submitted::Completed(completed) => (500, failed(context, word(&completed, "error"))?),
        Submitted::Accepted(acknowledgement) => (202, acknowledgement),
    })
}

/// The contents of a file; `-` is standard input.
pub(super) fn read_input(file: &Path) -> Result<Vec<u8>, CliError> {
    let mut body = Vec::new();
    let read = if file.as_os_str() == "-" {
        std::io::stdin().lock().take(LARGEST).read_to_end(&mut body)
    } else {
        std::fs::File::open(file).and_then(|file| file.take(LARGEST).read_to_end(&mut body))
    };
    match read {
        Ok(_) => Ok(body),
        Err(error) => Err(CliError::Usage(format!("cannot read {}: {error}", file.display()))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_payload_without_an_envelope_is_direct() {
        assert!(is_direct(&json!({"task_type": "health_check"})));
        assert!(is_direct(&json!({})));
        assert!(!is_direct(&json!({"requestId": "r", "action": "putSecret"})));
        assert!(!is_direct(&json!([])));
        assert!(!is_direct(&json!({"detail-type": "devops.request"})));
    }
}
