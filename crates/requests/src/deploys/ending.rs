//! A plan's end: its request has its outcome, people are told, and what was prepared goes. Each is done until it is done.

use cc_devops_deploys::{Decided, PlanRecord, PlanState, life};
use cc_devops_kernel::audit::actions;
use cc_devops_kernel::outcome::{
    ApprovalOutcome, ApprovalState, DeployAction, Failure, Reason, StackChangeEntry, to_value,
};
use cc_devops_kernel::ports::{PortResult, StateChange};
use jiff::SignedDuration;
use serde_json::{Value, json};

use super::kept::{Found, KEPT_FOR, entry, plan_change, plan_key, write};
use super::looking::{AGAIN, Looking};
use super::parts;
use super::planning::result_of;
use crate::actions::EffectEnd;
use crate::engine::{ControlPlane, later};
use crate::ports::{StackEnd, StackProgress};
use crate::record::WaitingRequest;

/// How many changes the result of a plan alone names at most; the plan on record has all. An event bus takes 256 KB.
const MOST_SHOWN: usize = 500;

/// The longest time between two tries to remove what was prepared.
const LONGEST: SignedDuration = SignedDuration::from_hours(1);

impl ControlPlane {
    /// Ends a plan that is not carried out; none where somebody else was faster.
    pub(super) async fn end_plan(
        &self,
        found: Found,
        state: PlanState,
        decided: Decided,
    ) -> PortResult<Option<Looking>> {
        let now = decided.at;
        let record = life::ended(&found.record, state, decided);
        let action = match state {
            PlanState::Expired => actions::PLAN_EXPIRED,
            PlanState::Superseded => actions::PLAN_SUPERSEDED,
            PlanState::Moved => actions::PLAN_MOVED,
            _ => actions::PLAN_DENIED,
        };
        let reason = record.decided.as_ref().map(|decided| &decided.reason);
        let entry = entry(&record, action, now, json!({"error": reason}));
        let change = plan_change(&record, found.version, Some(now))?;
        if !write(&*self.ports.state, &[change], Some(&entry)).await? {
            return Ok(None);
        }
        self.look_at_ended(found.written(record, now)).await
    }

    /// A plan that has ended: what is left to be done for it.
    pub(super) async fn look_at_ended(&self, found: Found) -> PortResult<Option<Looking>> {
        let (record, now) = (&found.record, self.now());
        if record.discarded {
            let over = later(record.ended_at.unwrap_or(record.made_at), KEPT_FOR);
            if now >= over {
                let gone = StateChange {
                    key: plan_key(&record.id),
                    version: found.version,
                    content: None,
                };
                write(&*self.ports.state, &[gone], None).await?;
            }
            return Ok(Some(Looking::Waits));
        }
        let waiting = self.ports.ledger.waiting_request(&record.request).await?;
        if waiting.is_none() && self.is_open(&record.request).await? {
            // It is about to be parked, and looks then.
            let again = self.due_again(&found, later(now, AGAIN)).await?;
            return Ok(again.then_some(Looking::Waits));
        }
        self.conclude_and_clean(found, waiting, None).await
    }

    /// Tells the request its outcome, tells people, and removes what was prepared.
    pub(super) async fn conclude_and_clean(
        &self,
        found: Found,
        waiting: Option<WaitingRequest>,
        end: Option<StackEnd>,
    ) -> PortResult<Option<Looking>> {
        let record = &found.record;
        let mut done = Looking::Waits;
        if let Some(waiting) = waiting {
            let ended = match end {
                Some(end) => EffectEnd {
                    approval: approval_of(record),
                    ..end.into()
                },
                None => match self.outcome_of(record).await? {
                    Some(ended) => ended,
                    None => return Ok(Some(Looking::Waits)),
                },
            };
            let detail = json!({"plan": record.id, "policies": record.policies});
            done = Looking::Done(self.conclude(&waiting.claim, &waiting.head, ended, detail).await?);
            self.waits.forget(&record.request);
        }
        let told = self.notify_over(record).await;
        self.clean(&found, told).await?;
        Ok(Some(done))
    }

    /// Removes what was prepared. Where that fails, or people could not be told, the plan stays due.
    async fn clean(&self, found: &Found, told: PortResult<()>) -> PortResult<()> {
        let (record, now) = (&found.record, self.now());
        let stacks = &self.ports.stacks;
        let discarded = stacks.discard(&record.stack, &record.request, &record.handle).await;
        let ended_at = record.ended_at.unwrap_or(now);
        let change = match discarded.and(told) {
            Ok(()) => {
                let clean = PlanRecord {
                    discarded: true,
                    ..record.clone()
                };
                plan_change(&clean, found.version, Some(later(ended_at, KEPT_FOR)))?
            }
            Err(error) => {
                tracing::warn!(plan = %record.id, %error, "what was prepared is not removed or not told yet; that is tried again");
                let age = now.duration_since(ended_at);
                let wait = age.max(AGAIN).min(LONGEST);
                plan_change(record, found.version, Some(later(now, wait)))?
            }
        };
        write(&*self.ports.state, &[change], None).await?;
        Ok(())
    }

    /// The outcome of a request whose plan has ended; none while it has not.
    pub(super) async fn outcome_of(&self, record: &PlanRecord) -> PortResult<Option<EffectEnd>> {
        let failed = |reason| {
            let message = match &record.decided {
                Some(decided) => match &decided.by {
                    Some(by) => format!("plan {} was denied by {by}: {}", record.id, decided.reason),
                    None => decided.reason.clone(),
                },
                None => format!("plan {} was not carried out", record.id),
            };
            EffectEnd::with(Err(Failure::new(reason, message)))
        };
        let ended = match record.state {
            PlanState::Waiting | PlanState::Applying => return Ok(None),
            PlanState::Denied => failed(Reason::SecurityViolation),
            PlanState::Expired => failed(Reason::Timeout),
            PlanState::Superseded | PlanState::Moved => failed(Reason::StackInProgress),
            PlanState::Shown => EffectEnd::with(Ok(self.shown(record).await?)),
            PlanState::Applied | PlanState::Failed => {
                match self.ports.stacks.progress(&record.stack, &record.request).await? {
                    StackProgress::Ended(end) => end.into(),
                    StackProgress::Changing | StackProgress::NotBegun => EffectEnd::fate_unknown(Failure::new(
                        Reason::InternalError,
                        format!(
                            "nobody knows what became of plan {}; look at stack {}",
                            record.id, record.stack
                        ),
                    )),
                }
            }
        };
        Ok(Some(EffectEnd {
            approval: approval_of(record),
            ..ended
        }))
    }

    /// The result of a plan that was only to be seen.
    async fn shown(&self, record: &PlanRecord) -> PortResult<Value> {
        let body = parts::body(&*self.ports.state, record).await?;
        let changes = body.rows.iter().take(MOST_SHOWN).map(|row| StackChangeEntry {
            action: row.action.as_str().to_owned(),
            logical_id: row.path.clone(),
            resource_type: row.resource_type.clone(),
            replacement: Some(
                match row.replacement {
                    cc_devops_deploys::Replacement::Yes => "True",
                    cc_devops_deploys::Replacement::Maybe => "Conditional",
                    cc_devops_deploys::Replacement::No => "False",
                }
                .to_owned(),
            ),
        });
        let changes = changes.collect();
        let result = result_of(
            &record.stack,
            DeployAction::Planned,
            &record.basis,
            &record.handle,
            changes,
        );
        let mut value = to_value(&result);
        if let Value::Object(fields) = &mut value {
            fields.insert("plan".to_owned(), json!(record.id));
            fields.insert("digest".to_owned(), json!(record.digest));
        }
        Ok(value)
    }
}

/// What was decided of a plan, as its request tells it.
fn approval_of(record: &PlanRecord) -> Option<ApprovalOutcome> {
    let state = match record.state {
        PlanState::Waiting | PlanState::Applying | PlanState::Shown => return None,
        // Nothing was planned, and nobody was asked.
        PlanState::Applied | PlanState::Failed if record.approvals.is_empty() && record.unplanned => return None,
        PlanState::Applied | PlanState::Failed if record.approvals.is_empty() => ApprovalState::NotNeeded,
        PlanState::Applied | PlanState::Failed => ApprovalState::Approved,
        PlanState::Denied => ApprovalState::Denied,
        PlanState::Expired => ApprovalState::Expired,
        PlanState::Superseded => ApprovalState::Superseded,
        PlanState::Moved => ApprovalState::Moved,
    };
    Some(ApprovalOutcome {
        plan: record.id.to_string(),
        digest: record.digest.to_string(),
        state,
        approvers: record
            .approvals
            .iter()
            .map(|approval| approval.by.to_string())
            .collect(),
    })
}
