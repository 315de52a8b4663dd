//! Records as the engine keeps them, and a store that fails where a test wants it to.

use std::collections::BTreeMap;
use std::sync::Arc;

use async_trait::async_trait;
use cc_devops_deploys::{Basis, PlanDigest, PlanId, PlanRecord, PlanState, Summary};
use cc_devops_kernel::audit::AuditEntry;
use cc_devops_kernel::names::{AgentName, RequestId, StackName, Stage};
use cc_devops_kernel::ports::{
    Content, PortError, PortErrorKind, PortResult, Record, RecordKey, RecordKind, StateChange, StateStore,
};
use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};

use crate::harness::Harness;

/// A plan that waits on the stage `prod`.
pub(crate) fn plan(harness: &Harness, id: &str, stack: &str, requester: &str) -> PlanRecord {
    let now = harness.control.ports().clock.now();
    let (request, stage) = (RequestId::new(id).unwrap(), Stage::new("prod").unwrap());
    let stack_name = StackName::new(stack).unwrap();
    let number = id.bytes().fold(0_u8, u8::wrapping_add);
    PlanRecord {
        id: PlanId::of(&request),
        request,
        stack: stack_name.on(&stage),
        stack_name,
        stage,
        requested_by: AgentName::new(requester).unwrap(),
        state: PlanState::Waiting,
        digest: PlanDigest::new([number; 32]),
        handle: "handle".to_owned(),
        basis: Basis::default(),
        summary: Summary {
            removes: 1,
            ..Summary::default()
        },
        unplanned: false,
        first_creation: false,
        made_at: now,
        expires_at: now + SignedDuration::from_hours(24),
        approvals: Vec::new(),
        freeze_override: None,
        frozen: None,
        decided: None,
        policies: Vec::new(),
        begun_at: None,
        ended_at: None,
        parts: 0,
        parts_under: String::new(),
        told: false,
        discarded: false,
        notes: Vec::new(),
    }
}

/// Keeps a record.
pub(crate) async fn keep(harness: &Harness, kind: RecordKind, name: &str, list: Option<&str>, body: &Value) {
    let state = &harness.control.ports().state;
    let key = RecordKey::new(kind, name);
    let version = state.read_one(&key).await.unwrap().map_or(0, |record| record.version);
    let change = StateChange {
        key,
        version,
        content: Some(Content {
            due_at: None,
            list: list.map(str::to_owned),
            body: body.to_string(),
        }),
    };
    state.write(&[change], None).await.unwrap();
}

/// Keeps a plan as the newest of its stack, with what it changes.
pub(crate) async fn kept(harness: &Harness, mut plan: PlanRecord, rows: &[Value]) -> PlanRecord {
    if !rows.is_empty() {
        plan.parts = 0;
        plan.parts_under = format!("{}/rows/", plan.id);
        let text = json!({"rows": rows}).to_string();
        for piece in text.as_bytes().chunks(100_000) {
            let name = format!("{}{:04}", plan.parts_under, plan.parts);
            let piece = json!(std::str::from_utf8(piece).unwrap());
            keep(harness, RecordKind::PlanPart, &name, Some(plan.id.as_str()), &piece).await;
            plan.parts += 1;
        }
    }
    let list = if plan.state.has_ended() {
        plan.stack.as_str()
    } else {
        "open"
    };
    keep(harness, RecordKind::Plan, plan.id.as_str(), Some(list), &json!(plan)).await;
    let time = format!(
        "{:015}/{}",
        999_999_999_999_999 - plan.made_at.as_millisecond(),
        plan.id
    );
    keep(
        harness,
        RecordKind::PlanTime,
        &time,
        Some(plan.stack.as_str()),
        &json!(plan.id),
    )
    .await;
    let newest = json!({"plan": plan.id});
    keep(harness, RecordKind::PlannedStack, plan.stack.as_str(), None, &newest).await;
    plan
}

/// A row of a plan.
pub(crate) fn row(path: &str, action: &str, lost: bool, properties: &Value) -> Value {
    json!({
        "path": path, "action": action, "logicalId": path, "resourceType": "AWS::DynamoDB::Table",
        "replacement": "no", "stateful": lost, "lost": lost, "iam": false, "drifted": false, "masked": [],
        "properties": properties,
    })
}

/// A store that cannot read records of one kind.
pub(crate) struct Unreadable {
    pub(crate) store: Arc<dyn StateStore>,
    pub(crate) kind: RecordKind,
}

impl Unreadable {
    fn refuse(&self, kind: RecordKind) -> PortResult<()> {
        if kind == self.kind {
            return Err(PortError::new(PortErrorKind::Unavailable, "the disk is gone"));
        }
        Ok(())
    }
}

#[async_trait]
impl StateStore for Unreadable {
    async fn read(&self, keys: &[RecordKey]) -> PortResult<Vec<Option<Record>>> {
        keys.iter().try_for_each(|key| self.refuse(key.kind))?;
        self.store.read(keys).await
    }

    async fn due(&self, kind: RecordKind, until: Timestamp, limit: usize) -> PortResult<Vec<Record>> {
        self.store.due(kind, until, limit).await
    }

    async fn next_due(&self, kind: RecordKind) -> PortResult<Option<Timestamp>> {
        self.store.next_due(kind).await
    }

    async fn list(
        &self,
        kind: RecordKind,
        list: Option<&str>,
        after: Option<&str>,
        limit: usize,
    ) -> PortResult<Vec<Record>> {
        self.refuse(kind)?;
        self.store.list(kind, list, after, limit).await
    }

    async fn counts(&self, kind: RecordKind) -> PortResult<BTreeMap<Option<String>, u64>> {
        self.refuse(kind)?;
        self.store.counts(kind).await
    }

    async fn write(&self, changes: &[StateChange], audit: Option<&AuditEntry>) -> PortResult<()> {
        self.store.write(changes, audit).await
    }

    fn most_changes(&self) -> usize {
        self.store.most_changes()
    }
}

/// What is on record of acts that begin so: the action, the door and whether it was done.
pub(crate) fn acts(harness: &Harness, prefix: &str) -> Vec<(String, String, bool)> {
    let rows = harness.rows().into_iter().map(|row| row.entry);
    let rows = rows.filter(|entry| entry.action.starts_with(prefix));
    rows.map(|entry| {
        let via = entry.detail["via"].as_str().unwrap_or("-").to_owned();
        (entry.action, via, entry.reason.is_none())
    })
    .collect()
}
