//! The records of deploys, as they are kept.

use std::collections::BTreeMap;

use cc_devops_deploys::{PlanDigest, PlanId, PlanRecord};
use cc_devops_kernel::audit::AuditEntry;
use cc_devops_kernel::names::{AgentName, FullStackName, RequestId, StackName, Stage};
use cc_devops_kernel::outcome::Status;
use cc_devops_kernel::ports::{
    Content, PortError, PortErrorKind, PortResult, Record, RecordKey, RecordKind, StateChange, StateStore,
};
use jiff::{SignedDuration, Timestamp};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use crate::engine::later;

/// How long plans that have ended, their rows and the history are kept.
pub(super) const KEPT_FOR: SignedDuration = SignedDuration::from_hours(400 * 24);

/// How much longer it is kept when a plan was made: one that was begun may take its time to end.
const AND_LONGER: SignedDuration = SignedDuration::from_hours(30 * 24);

/// How often a write is tried that somebody else was faster with.
pub(super) const TRIES: usize = 16;

/// The list of the plans that have not ended.
pub(super) const OPEN: &str = "open";

/// A change that is being planned.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct PlanningRecord {
    /// Tells it from a plan.
    pub(super) planning: bool,
    pub(super) id: PlanId,
    pub(super) request: RequestId,
    pub(super) stack: FullStackName,
    pub(super) stack_name: StackName,
    pub(super) stage: Stage,
    pub(super) requested_by: AgentName,
    /// Whether it is planned alone.
    pub(super) plan_only: bool,
    /// When it was begun.
    pub(super) begun_at: Timestamp,
    /// The parameters that may be kept, where the draft will not tell them.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub(super) parameters: BTreeMap<String, String>,
}

/// What is kept under a plan's name.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Kept {
    Planning(Box<PlanningRecord>),
    Plan(Box<PlanRecord>),
}

impl Kept {
    pub(super) fn of(record: &Record) -> PortResult<Self> {
        let value: Value = read(record)?;
        let planning = value.get("planning").is_some();
        let broken = |error: serde_json::Error| corrupt(&record.key, error);
        Ok(if planning {
            Self::Planning(Box::new(serde_json::from_value(value).map_err(broken)?))
        } else {
            Self::Plan(Box::new(serde_json::from_value(value).map_err(broken)?))
        })
    }

    pub(super) fn plan(self) -> Option<PlanRecord> {
        match self {
            Self::Plan(record) => Some(*record),
            Self::Planning(_) => None,
        }
    }
}

/// Which plan of a stack counts.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(super) struct PlannedStack {
    /// The newest plan.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) plan: Option<PlanId>,
}

/// What was deployed to a stack.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Deployed {
    /// The plan.
    pub plan: PlanId,
    /// The request.
    pub request: RequestId,
    /// The stack with its stage.
    pub stack: FullStackName,
    /// The stage.
    pub stage: Stage,
    /// Who asked for it.
    pub requested_by: AgentName,
    /// Who approved it.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub approvers: Vec<AgentName>,
    /// What was carried out.
    pub digest: PlanDigest,
    /// SHA-256 of the template, where there was one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub template_digest: Option<String>,
    /// The parameters, without those that are or may be secret.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub parameters: BTreeMap<String, String>,
    /// When it was begun.
    pub begun_at: Timestamp,
    /// When it had ended.
    pub ended_at: Timestamp,
    /// Milliseconds from its begin to its end.
    pub took_ms: u64,
    /// Whether it ended well.
    pub succeeded: bool,
    /// Why it did not, as a sentence.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub error: Option<String>,
}

pub(super) fn plan_key(id: &PlanId) -> RecordKey {
    RecordKey::new(RecordKind::Plan, id.as_str())
}

pub(super) fn stack_key(stack: &FullStackName) -> RecordKey {
    RecordKey::new(RecordKind::PlannedStack, stack.as_str())
}

pub(super) fn read<T: DeserializeOwned>(record: &Record) -> PortResult<T> {
    serde_json::from_str(&record.content.body).map_err(|error| corrupt(&record.key, error))
}

fn corrupt(key: &RecordKey, error: serde_json::Error) -> PortError {
    let message = format!("the {} {:?} cannot be read", key.kind.as_str(), key.name);
    PortError::new(PortErrorKind::Corrupt, message).because(error)
}

pub(super) fn written(value: &impl Serialize) -> PortResult<String> {
    serde_json::to_string(value)
        .map_err(|error| PortError::new(PortErrorKind::Corrupt, "a record cannot be written").because(error))
}

/// A plan as it is kept from now on.
pub(super) fn plan_change(record: &PlanRecord, version: u64, due_at: Option<Timestamp>) -> PortResult<StateChange> {
    let list = if record.state.has_ended() {
        record.stack.to_string()
    } else {
        OPEN.to_owned()
    };
    Ok(StateChange {
        key: plan_key(&record.id),
        version,
        content: Some(Content {
            due_at,
            list: Some(list),
            body: written(record)?,
        }),
    })
}

/// A name by which what is newer comes first; `at` counts in milliseconds.
pub(super) fn newest_first(at: Timestamp, plan: &PlanId) -> String {
    /// More milliseconds than any time has.
    const END: i64 = 999_999_999_999_999;
    format!("{:015}/{plan}", END.saturating_sub(at.as_millisecond()).max(0))
}

/// That a plan is listed by when it was made.
pub(super) fn time_change(record: &PlanRecord) -> PortResult<StateChange> {
    let kept_for = KEPT_FOR.saturating_add(AND_LONGER);
    Ok(StateChange {
        key: RecordKey::new(RecordKind::PlanTime, newest_first(record.made_at, &record.id)),
        version: 0,
        content: Some(Content {
            due_at: Some(later(record.expires_at, kept_for)),
            list: Some(record.stack.to_string()),
            body: written(&record.id)?,
        }),
    })
}

pub(super) fn stack_change(stack: &FullStackName, planned: &PlannedStack, version: u64) -> PortResult<StateChange> {
    Ok(StateChange {
        key: stack_key(stack),
        version,
        content: Some(Content {
            due_at: None,
            list: None,
            body: written(planned)?,
        }),
    })
}

/// A plan with what counts on its stack.
pub(super) struct Found {
    pub(super) version: u64,
    /// When the record is due.
    pub(super) due_at: Option<Timestamp>,
    pub(super) record: PlanRecord,
    pub(super) planned: PlannedStack,
}

impl Found {
    /// Whether no newer plan of the stack was made.
    pub(super) fn is_newest(&self) -> bool {
        self.planned.plan.as_ref() == Some(&self.record.id)
    }

    /// The plan as it stands after one more write.
    pub(super) fn written(self, record: PlanRecord, due_at: Timestamp) -> Self {
        Self {
            version: self.version + 1,
            due_at: Some(due_at),
            record,
            ..self
        }
    }
}

/// What is kept under a plan's name, with its version.
pub(super) async fn kept(state: &dyn StateStore, id: &PlanId) -> PortResult<Option<(u64, Kept)>> {
    let record = state.read_one(&plan_key(id)).await?;
    record
        .map(|record| Ok((record.version, Kept::of(&record)?)))
        .transpose()
}

/// Which plan of a stack counts, with the record's version; 0 where there is none.
pub(super) async fn planned_stack(state: &dyn StateStore, stack: &FullStackName) -> PortResult<(u64, PlannedStack)> {
    Ok(match state.read_one(&stack_key(stack)).await? {
        Some(record) => (record.version, read(&record)?),
        None => (0, PlannedStack::default()),
    })
}

/// A plan, with what counts on its stack.
pub(super) async fn found(state: &dyn StateStore, id: &PlanId) -> PortResult<Option<Found>> {
    let Some(kept) = state.read_one(&plan_key(id)).await? else {
        return Ok(None);
    };
    let Kept::Plan(record) = Kept::of(&kept)? else {
        return Ok(None);
    };
    let (_, planned) = planned_stack(state, &record.stack).await?;
    Ok(Some(Found {
        version: kept.version,
        due_at: kept.content.due_at,
        record: *record,
        planned,
    }))
}

/// Whether it was written: not where somebody else was faster.
pub(super) async fn write(
    state: &dyn StateStore,
    changes: &[StateChange],
    audit: Option<&AuditEntry>,
) -> PortResult<bool> {
    match state.write(changes, audit).await {
        Err(error) if error.kind == PortErrorKind::Superseded => Ok(false),
        done => done.map(|()| true),
    }
}

/// What is on record of every step of a plan. The request's own row, which tells its outcome, has its id in its place.
pub(super) fn detail(record: &PlanRecord, more: Value) -> Value {
    let mut detail = json!({
        "plan": record.id,
        "digest": record.digest,
        "request": record.request,
        "requestedBy": record.requested_by,
    });
    if let (Value::Object(detail), Value::Object(more)) = (&mut detail, more) {
        detail.extend(more);
    }
    detail
}

/// A step of a plan that nobody took: time, a newer plan, the policies.
pub(super) fn entry(record: &PlanRecord, action: &str, at: Timestamp, more: Value) -> AuditEntry {
    AuditEntry {
        at,
        principal: None,
        agent: None,
        action: action.to_owned(),
        request_id: None,
        stage: Some(record.stage.to_string()),
        resource: Some(record.stack.to_string()),
        status: Status::Success,
        reason: None,
        detail: detail(record, more),
    }
}

/// What a plan that was made is on record with.
pub(super) fn facts(record: &PlanRecord) -> Value {
    json!({
        "state": record.state,
        "adds": record.summary.adds,
        "modifies": record.summary.modifies,
        "removes": record.summary.removes,
        "replacements": record.summary.replacements,
        "losesStateful": record.summary.loses_stateful,
        "unplanned": record.unplanned,
        "carriedApprovals": record.approvals.iter().map(|approval| &approval.by).collect::<Vec<_>>(),
    })
}
