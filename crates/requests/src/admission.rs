//! From an envelope to a typed command, or the reason why there is none.
//!
//! Pure: the same envelope gives the same answer, so a request that comes back from the ledger
//! after a crash is admitted again. No message shows a parameter's value.

use std::borrow::Cow;

use cc_devops_kernel::agent::{Principal, Role};
use cc_devops_kernel::door::Door;
use cc_devops_kernel::installation::Installation;
use cc_devops_kernel::names::{AgentName, Stage};
use cc_devops_kernel::outcome::{Failure, Reason};
use cc_devops_kernel::text::is_hidden;
use jiff::Timestamp;
use serde_json::{Map, Value};

use crate::actions::{Asked, Command, Registry};
use crate::envelope::{Envelope, UNKNOWN};
use crate::fingerprint::FingerprintKey;
use crate::json_kind::kind;
use crate::record::RequestHead;

/// An envelope, read to the end.
#[derive(Clone)]
pub struct Admission {
    /// What is known of the request in any case.
    pub head: RequestHead,
    /// What it asks for, or why it is refused.
    pub verdict: Result<Command, Failure>,
}

/// Reads what `principal` asks for, of the actions of the registry.
pub fn admit(
    envelope: &Envelope,
    principal: &Principal,
    (installation, registry): (&Installation, &Registry),
    fingerprints: &FingerprintKey,
    received_at: Timestamp,
) -> Admission {
    let detail = &envelope.detail;
    let identity = prove(&envelope.source, detail, principal);
    let agent = if identity.is_ok() {
        &envelope.source
    } else {
        &principal.agent
    };
    let action = shown(detail.get("action"), UNKNOWN);
    let stage = shown(detail.get("stage"), installation.stages.default_stage().as_str());
    let fingerprint = fingerprints.fingerprint(agent, &meaning(detail.get("action")), &stage, &meant_params(detail));
    let verdict = identity.and_then(|()| command(detail, installation, registry));
    let head = RequestHead {
        id: envelope.id.clone(),
        principal: principal.agent.clone(),
        role: principal.role,
        agent: agent.clone(),
        action,
        stage: verdict.as_ref().map_or(stage, |command| command.stage().to_string()),
        resource: verdict.as_ref().ok().map(Command::resource),
        fingerprint,
        received_at,
        via: Door::Api,
    };
    Admission { head, verdict }
}

/// What `principal` asks for, without the rest of an [`Admission`]: for a request that is on record.
pub fn readmit(
    envelope: &Envelope,
    principal: &Principal,
    (installation, registry): (&Installation, &Registry),
) -> Result<Command, Failure> {
    prove(&envelope.source, &envelope.detail, principal)
        .and_then(|()| command(&envelope.detail, installation, registry))
}

/// Holds what an envelope says of its sender, in `source` and in the detail, against what was proven. An admin may ask for
/// any agent; the audit trail keeps both names.
///
/// # Errors
/// Where they disagree: a security violation.
pub fn prove(source: &AgentName, detail: &Map<String, Value>, principal: &Principal) -> Result<(), Failure> {
    let violation = |message: String| Err(Failure::new(Reason::SecurityViolation, message));
    if principal.role != Role::Admin && *source != principal.agent {
        return violation(format!(
            "the token belongs to {}, but `source` says agent.{source}; send requests under your own name",
            principal.agent
        ));
    }
    match detail.get("requestedBy") {
        Some(Value::String(name)) if name != source.as_str() => violation(format!(
            "`requestedBy` does not agree with `source`, which says agent.{source}"
        )),
        _ => Ok(()),
    }
}

/// Text for people from a field that may be anything: at most 64 characters.
fn shown(value: Option<&Value>, default: &str) -> String {
    match value {
        Some(Value::String(text)) => text.chars().filter(|c| !is_hidden(*c)).take(64).collect(),
        Some(_) => UNKNOWN.to_owned(),
        None => default.to_owned(),
    }
}

fn meaning(action: Option<&Value>) -> String {
    match action {
        Some(Value::String(text)) => text.clone(),
        other => other.map(Value::to_string).unwrap_or_default(),
    }
}

/// The parameters as far as they count for the request's meaning, whatever their shape.
fn meant_params(detail: &Map<String, Value>) -> Cow<'_, Map<String, Value>> {
    match detail.get("params").or_else(|| detail.get("payload")) {
        Some(Value::Object(params)) => Cow::Borrowed(params),
        Some(other) => Cow::Owned(Map::from_iter([(String::new(), other.clone())])),
        None => Cow::Owned(Map::new()),
    }
}

fn command(detail: &Map<String, Value>, installation: &Installation, registry: &Registry) -> Result<Command, Failure> {
    check_fields(detail, installation)?;
    let stage = stage(detail, installation)?;
    let action = match detail.get("action") {
        Some(Value::String(name)) => registry.find(name).ok_or_else(|| unsupported(name, registry))?,
        Some(other) => return Err(malformed(format!("`action` must be a string, not {}", kind(other)))),
        None => return Err(malformed("`action` is missing".to_owned())),
    };
    let asked = Asked {
        installation,
        stage: &stage,
    };
    action.command(find_params(detail)?, &asked)
}

fn unsupported(name: &str, registry: &Registry) -> Failure {
    let known: Vec<&str> = registry.actions().map(|action| action.name).collect();
    let name: String = name.chars().take(64).collect();
    Failure::new(
        Reason::UnsupportedAction,
        format!("action {name:?} is not supported; use one of: {}", known.join(", ")),
    )
}

fn malformed(message: String) -> Failure {
    Failure::new(Reason::SchemaValidationFailed, message)
}

/// Fields beside the action and its parameters. Fields that later versions may add are let pass.
fn check_fields(detail: &Map<String, Value>, installation: &Installation) -> Result<(), Failure> {
    for name in ["requestedBy", "ts", "agent", "stage"] {
        match detail.get(name) {
            None | Some(Value::String(_)) => {}
            Some(other) => return Err(malformed(format!("`{name}` must be a string, not {}", kind(other)))),
        }
    }
    if let Some(Value::String(ts)) = detail.get("ts")
        && ts.parse::<Timestamp>().is_err()
    {
        return Err(malformed(
            "`ts` must be an RFC 3339 time such as 2026-01-31T12:00:00Z".to_owned(),
        ));
    }
    match detail.get("agent") {
        Some(Value::String(name)) if name != installation.agent.as_str() => Err(malformed(format!(
            "`agent` names another agent; this control plane is {}",
            installation.agent
        ))),
        _ => Ok(()),
    }
}

fn stage(detail: &Map<String, Value>, installation: &Installation) -> Result<Stage, Failure> {
    match detail.get("stage") {
        Some(Value::String(name)) => installation.stages.find(name).map_err(malformed),
        _ => Ok(installation.stages.default_stage().clone()),
    }
}

/// `params`, or `payload`, its other name.
fn find_params(detail: &Map<String, Value>) -> Result<Map<String, Value>, Failure> {
    let value = match (detail.get("params"), detail.get("payload")) {
        (Some(params), Some(payload)) if params != payload => {
            return Err(malformed(
                "`params` and `payload` are two names for the same thing, but they differ; send one".to_owned(),
            ));
        }
        (Some(params), _) | (None, Some(params)) => params,
        (None, None) => return Ok(Map::new()),
    };
    match value {
        Value::Object(params) => Ok(params.clone()),
        other => Err(malformed(format!("`params` must be an object, not {}", kind(other)))),
    }
}

#[cfg(test)]
mod tests;
