//! Beginning what was permitted, under the stack's lease and only where nothing has moved; and its end.

use std::collections::BTreeMap;

use cc_devops_deploys::life::Next;
use cc_devops_deploys::{PlanRecord, PlanState};
use cc_devops_kernel::audit::actions;
use cc_devops_kernel::outcome::{DeployAction, Failure, Reason};
use cc_devops_kernel::ports::{Content, PortErrorKind, PortResult, RecordKey, RecordKind, StateChange, StateStore};
use jiff::Timestamp;
use serde_json::json;
use sha2::{Digest, Sha256};

use super::kept::{Deployed, Found, KEPT_FOR, entry, newest_first, plan_change, write, written};
use super::looking::Looking;
use super::parts;
use crate::engine::{ControlPlane, later};
use crate::ports::{Planning, StackEnd, StackProgress};
use crate::record::{StackLease, StackLock, WaitingRequest};

/// The most bytes of one part of a template. Written as JSON it is at most twice as long, and six times where it is all
/// control characters.
const PART: usize = 48_000;

/// Whether a plan still is what would run.
enum Standing {
    Holds,
    Moved(String),
}

/// What came of asking everything once more.
enum Asked {
    /// It may be begun, by this lease, as these policies let it.
    May(Box<(Found, StackLease, Vec<String>)>),
    /// It was brought as far as this; none where somebody else was faster.
    Not(Option<Looking>),
}

impl ControlPlane {
    /// Begins a plan that is permitted at this moment; none where somebody else was faster.
    pub(super) async fn begin(&self, found: Found, waiting: WaitingRequest) -> PortResult<Option<Looking>> {
        let (found, lease, policies) = match self.asked_again(found, &waiting).await? {
            Asked::May(asked) => *asked,
            Asked::Not(looking) => return Ok(looking),
        };
        let now = self.now();
        let approvers = self.approvers_who_still_may(&found.record).await?;
        let mut record = PlanRecord {
            state: PlanState::Applying,
            begun_at: Some(now),
            policies,
            frozen: None,
            ..found.record.clone()
        };
        // Those whose approval counted nothing are in the trail, and not among those who let it run.
        record.approvals.retain(|approval| approvers.contains(&approval.by));
        let more = json!({
            "approvers": approvers,
            "policies": record.policies,
            "freezeOverriddenBy": record.freeze_override.as_ref().map(|by| &by.by),
        });
        let entry = entry(&record, actions::PLAN_APPLIED, now, more);
        // Due when whoever permits it now must have begun it.
        let due_at = later(now, self.settings.lease);
        let change = plan_change(&record, found.version, Some(due_at))?;
        if !write(&*self.ports.state, &[change], Some(&entry)).await? {
            return Ok(None);
        }
        self.run(found.written(record, due_at), waiting, &lease).await
    }

    /// Begins a plan that was permitted before and whose change was never begun: everything was asked again.
    pub(super) async fn begin_again(&self, found: Found, waiting: WaitingRequest) -> PortResult<Option<Looking>> {
        let (found, lease, _) = match self.asked_again(found, &waiting).await? {
            Asked::May(asked) => *asked,
            Asked::Not(looking) => return Ok(looking),
        };
        // Its time limit runs from this begin on, and not from the one that came to nothing.
        let now = self.now();
        let record = PlanRecord {
            begun_at: Some(now),
            ..found.record.clone()
        };
        let due_at = later(now, self.settings.lease);
        let change = plan_change(&record, found.version, Some(due_at))?;
        if !write(&*self.ports.state, &[change], None).await? {
            return Ok(None);
        }
        self.waits.forget(&record.request);
        self.run(found.written(record, due_at), waiting, &lease).await
    }

    /// Asks everything once more, under the stack's lease: whether what would run is what was approved, and whether it may.
    async fn asked_again(&self, found: Found, waiting: &WaitingRequest) -> PortResult<Asked> {
        let Some(lease) = self.leased(&found, waiting).await? else {
            return Ok(Asked::Not(None));
        };
        let lease = match lease {
            Ok(lease) => lease,
            Err(reason) => {
                return self
                    .end_unapplied(found, PlanState::Moved, reason)
                    .await
                    .map(Asked::Not);
            }
        };
        if let Standing::Moved(reason) = self.standing_of(&found.record).await? {
            return self
                .end_unapplied(found, PlanState::Moved, reason)
                .await
                .map(Asked::Not);
        }
        // Reading took its time: what the policies and the freezes say counts as it is now.
        match self.next_of(&found).await? {
            Next::Apply(policies) => Ok(Asked::May(Box::new((found, lease, policies)))),
            next => self.end_in_hold(found, next).await.map(Asked::Not),
        }
    }

    /// The stack, held by this plan's request; or who holds it, as a sentence. None where the request has ended.
    async fn leased(&self, found: &Found, waiting: &WaitingRequest) -> PortResult<Option<Result<StackLease, String>>> {
        let stack = &found.record.stack;
        match self.ports.ledger.lock_stack(&waiting.claim, stack).await {
            Ok(StackLock::Acquired(lease)) => Ok(Some(Ok(lease))),
            Ok(StackLock::Held { by }) => Ok(Some(Err(self.held_by(stack, &by).await?.message))),
            Err(error) if error.kind == PortErrorKind::Superseded => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// Whether what would run is what was approved, on the stack as it was.
    async fn standing_of(&self, record: &PlanRecord) -> PortResult<Standing> {
        let moved = |what: &str| {
            Ok(Standing::Moved(format!(
                "{what}, so plan {} was not carried out; send the deploy again to have it planned anew",
                record.id
            )))
        };
        let planned = match self.ports.stacks.planned(&record.stack, &record.request).await {
            Ok(planned) => planned,
            Err(error) if error.kind.is_transient() => return Err(error),
            Err(error) => {
                tracing::warn!(plan = %record.id, %error, "what was prepared cannot be read any more");
                return moved("what was prepared cannot be read any more (the log says why)");
            }
        };
        let draft = match planned {
            Planning::Ready(draft) => draft,
            Planning::GoesOn => return moved("what was prepared is being prepared anew"),
            Planning::Ended(end) => {
                let why = end
                    .outcome
                    .err()
                    .map_or(String::new(), |failure| format!(" ({})", failure.message));
                return moved(&format!("what was prepared is not there any more{why}"));
            }
        };
        if draft.handle != record.handle {
            return moved("something else has taken the name of what was approved");
        }
        if record.basis != draft.basis {
            return moved(&format!(
                "stack {} was changed by somebody else meanwhile",
                record.stack
            ));
        }
        if self.judge(&draft).digest != record.digest {
            return moved("what would run is not what was approved");
        }
        Ok(Standing::Holds)
    }

    /// Runs it.
    async fn run(&self, found: Found, waiting: WaitingRequest, lease: &StackLease) -> PortResult<Option<Looking>> {
        let (record, now) = (&found.record, self.now());
        let begun_at = record.begun_at.unwrap_or(now);
        self.ports.ledger.wake(&waiting.claim, begun_at).await?;
        // From now on its time limit runs, and who sets the clock has no say in it.
        let woken = WaitingRequest {
            since: begun_at,
            ..waiting.clone()
        };
        self.waits.of(&woken, now);
        let mut applied = self.ports.stacks.apply(lease, &record.handle, now).await;
        if matches!(applied, Ok(StackProgress::Changing)) {
            // Many a change has ended before anybody could tell.
            match self.ports.stacks.progress(&record.stack, &record.request).await {
                Ok(StackProgress::Ended(end)) => applied = Ok(StackProgress::Ended(end)),
                Ok(StackProgress::Changing | StackProgress::NotBegun) => {}
                Err(error) => tracing::warn!(plan = %record.id, %error, "what was begun cannot be looked at yet"),
            }
        }
        let end = match applied {
            Ok(StackProgress::Changing | StackProgress::NotBegun) => {
                if let Err(error) = self.notify_over(record).await {
                    tracing::warn!(plan = %record.id, %error, "people are told when it has ended that nobody waits");
                }
                return Ok(Some(Looking::Waits));
            }
            Ok(StackProgress::Ended(end)) => end,
            Err(error) if error.kind.is_transient() => {
                tracing::warn!(plan = %record.id, %error, "a plan may or may not have been begun; the next look tells");
                return Ok(Some(Looking::Waits));
            }
            Err(error) => {
                tracing::error!(plan = %record.id, %error, source = ?error.source, "a plan could not be begun");
                let message = "the system that carries this out refused; an operator finds its answer in the log";
                StackEnd {
                    outcome: Err(Failure::new(Reason::ApiError, message)),
                    output: None,
                    fate_known: true,
                }
            }
        };
        self.finish(found, Some(waiting), end).await
    }

    /// The change of a plan has ended: it is on record, in the history, and told. None where somebody else was faster.
    pub(super) async fn finish(
        &self,
        found: Found,
        waiting: Option<WaitingRequest>,
        end: StackEnd,
    ) -> PortResult<Option<Looking>> {
        let (state, now) = (&*self.ports.state, self.now());
        let succeeded = end.outcome.is_ok();
        let record = PlanRecord {
            state: if succeeded {
                PlanState::Applied
            } else {
                PlanState::Failed
            },
            ended_at: Some(now),
            ..found.record.clone()
        };
        let mut deployed = self.deployed_of(&record, now).await?;
        deployed.succeeded = succeeded;
        deployed.error = end.outcome.as_ref().err().map(|failure| failure.message.clone());
        let mut changes = vec![plan_change(&record, found.version, Some(now))?];
        let did_nothing = matches!(&end.outcome, Ok(result) if result.action == DeployAction::NoChanges);
        if succeeded
            && !did_nothing
            && let Some(digest) = self.keep_template(&record, now).await
        {
            deployed.template_digest = Some(digest);
        }
        if !did_nothing {
            changes.push(history(&deployed, now)?);
        }
        if !write(state, &changes, None).await? {
            return Ok(None);
        }
        self.conclude_and_clean(found.written(record, now), waiting, Some(end))
            .await
    }

    async fn deployed_of(&self, record: &PlanRecord, now: Timestamp) -> PortResult<Deployed> {
        let begun_at = record.begun_at.unwrap_or(record.made_at);
        let parameters = match parts::body(&*self.ports.state, record).await {
            Ok(body) => body.parameters,
            Err(error) if error.kind.is_transient() => return Err(error),
            Err(error) => {
                tracing::error!(plan = %record.id, %error, "its parameters cannot be read, so nothing rolls back to them");
                BTreeMap::new()
            }
        };
        Ok(Deployed {
            plan: record.id.clone(),
            request: record.request.clone(),
            stack: record.stack.clone(),
            stage: record.stage.clone(),
            requested_by: record.requested_by.clone(),
            approvers: record.approvals.iter().map(|approval| approval.by.clone()).collect(),
            digest: record.digest.clone(),
            template_digest: record.basis.template_digest.clone(),
            parameters,
            begun_at,
            ended_at: now,
            took_ms: u64::try_from(now.duration_since(begun_at).as_millis()).unwrap_or(0),
            succeeded: false,
            error: None,
        })
    }

    /// Keeps the template that is deployed now, so that it can be deployed again; its SHA-256. None where the backend has
    /// none, it cannot be read, or it is not what was planned: the deploy has ended all the same.
    async fn keep_template(&self, record: &PlanRecord, now: Timestamp) -> Option<String> {
        let template = match self.ports.stacks.template(&record.stack).await {
            Ok(template) => template?,
            Err(error) => {
                tracing::warn!(plan = %record.id, %error, "the template cannot be read, so nothing rolls back to it");
                return None;
            }
        };
        let digest = hex::encode(Sha256::digest(&template));
        let planned = record.basis.template_digest.as_ref();
        if planned.is_some_and(|planned| *planned != digest) {
            tracing::warn!(plan = %record.id, "the stack has another template by now, so nothing rolls back to this one");
            return None;
        }
        match keep(&*self.ports.state, (&digest, &template), now).await {
            Ok(()) => Some(digest),
            Err(error) => {
                tracing::warn!(plan = %record.id, %error, "the template cannot be kept, so nothing rolls back to it");
                None
            }
        }
    }
}

fn history(deployed: &Deployed, now: Timestamp) -> PortResult<StateChange> {
    let name = format!("{}/{}", deployed.stack, newest_first(now, &deployed.plan));
    Ok(StateChange {
        key: RecordKey::new(RecordKind::Deployed, name),
        version: 0,
        content: Some(Content {
            due_at: Some(later(now, KEPT_FOR)),
            list: Some(deployed.stack.to_string()),
            body: written(deployed)?,
        }),
    })
}

/// Keeps a template under its digest, or for longer where it is kept already.
async fn keep(state: &dyn StateStore, (digest, template): (&str, &str), now: Timestamp) -> PortResult<()> {
    for (number, piece) in parts::pieces(template, PART).into_iter().enumerate() {
        let key = RecordKey::new(RecordKind::DeployedPart, format!("{digest}/{number:04}"));
        let version = state.read_one(&key).await?.map_or(0, |record| record.version);
        let change = StateChange {
            key,
            version,
            content: Some(Content {
                due_at: Some(later(now, KEPT_FOR)),
                list: Some(digest.to_owned()),
                body: written(&piece)?,
            }),
        };
        // Somebody who keeps the same at the same time is as good.
        write(state, &[change], None).await?;
    }
    Ok(())
}
