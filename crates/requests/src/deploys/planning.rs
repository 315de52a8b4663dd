//! From a request to a plan on record: the change is prepared, judged and kept, and takes the place of an older one.

use std::collections::BTreeMap;

use cc_devops_deploys::{Draft, PlanId, PlanRecord, PlanState, is_secret_parameter, life};
use cc_devops_kernel::agent::Agent;
use cc_devops_kernel::audit::actions;
use cc_devops_kernel::names::FullStackName;
use cc_devops_kernel::outcome::{DeployAction, DeployResult, Failure, Reason};
use cc_devops_kernel::ports::{Content, PortResult, StateChange};
use cc_devops_policy::Access;
use jiff::{SignedDuration, Timestamp};

use super::deciding::busy;
use super::dependencies::{Begins, LOOK_AGAIN};
use super::kept::{
    Found, Kept, OPEN, PlanningRecord, TRIES, entry, facts, found, kept, plan_change, plan_key, planned_stack,
    stack_change, time_change, write, written,
};
use super::parts::{self, Body};
use super::reviewing::{Judged, Standing};
use crate::actions::deploy_lambda::Deploy;
use crate::actions::{EffectContext, EffectEnd, EffectError, EffectProgress};
use crate::engine::{ControlPlane, later};
use crate::ports::{Planning, WantedChange};

/// When somebody looks whether a change that is being planned was given up.
pub(super) const PLANNING_LOOK: SignedDuration = SignedDuration::from_mins(1);

/// The most bytes of parameters that are kept to deploy something again, written as JSON. They stand in one record with
/// what else is on record of a deploy, and a record holds 300,000.
const MOST_PARAMETERS: usize = 200_000;

/// What follows for a draft.
pub(super) enum Drafted {
    /// The request is at its end.
    Ended(Box<EffectEnd>),
    /// A plan is on record, and is to be looked at.
    OnRecord,
}

impl ControlPlane {
    /// Carries a deploy out as far as a plan on record.
    pub(crate) async fn plan_deploy(
        &self,
        asked: &Deploy,
        context: EffectContext<'_>,
    ) -> Result<EffectProgress, EffectError> {
        let deploy = &asked.change;
        let (state, stack) = (&*self.ports.state, deploy.full_name());
        let (id, head, now) = (PlanId::of(&context.head.id), context.head, self.now());
        match kept(state, &id).await? {
            // It was planned before this try, and is to be parked yet.
            Some((_, Kept::Plan(record))) => {
                return Ok(match self.outcome_of(&record).await? {
                    Some(ended) => EffectProgress::Ended(ended),
                    None => EffectProgress::Elsewhere,
                });
            }
            Some((_, Kept::Planning(_))) => {}
            None => {
                if let Some(failure) = self.held(&stack, context).await? {
                    return Ok(EffectProgress::refused(failure));
                }
                if !asked.plan_only {
                    match self.dependencies(head, deploy).await? {
                        Begins::Now => {}
                        Begins::Later => return Ok(EffectProgress::Later(later(now, LOOK_AGAIN))),
                        Begins::Never(failure) => return Ok(EffectProgress::refused(failure)),
                    }
                }
                let begun = self.planning_record(&id, asked, context, now);
                let change = planning_change(&begun, 0, later(now, PLANNING_LOOK))?;
                // Somebody who took this request over may have been faster, and says the same.
                write(state, &[change], None).await?;
            }
        }
        let wanted = WantedChange {
            stack: &stack,
            request: &head.id,
            deploy,
            may_create: self.may_create(deploy, context).await?,
            at: now,
        };
        Ok(match self.ports.stacks.plan(&wanted).await? {
            Planning::GoesOn => EffectProgress::Elsewhere,
            Planning::Ended(end) => EffectProgress::Ended(end.into()),
            Planning::Ready(draft) => match self.take_draft(&id, *draft).await? {
                Drafted::Ended(ended) => EffectProgress::Ended(*ended),
                Drafted::OnRecord => EffectProgress::Elsewhere,
            },
        })
    }

    /// Whether a stack that is not there may be made.
    async fn may_create(&self, deploy: &crate::effects::DeployLambda, context: EffectContext<'_>) -> PortResult<bool> {
        let Some(agent) = self.ports.agents.find(&context.head.principal).await? else {
            return Ok(false);
        };
        let access = Access::CreateStack {
            stack: deploy.stack.clone(),
            stage: deploy.stage.clone(),
        };
        Ok(self.policy.decide(&agent, &access).allowed)
    }

    fn planning_record(
        &self,
        id: &PlanId,
        asked: &Deploy,
        context: EffectContext<'_>,
        now: Timestamp,
    ) -> PlanningRecord {
        let deploy = &asked.change;
        let parameters = self.ports.stacks.parameters_to_keep(deploy);
        let parameters = parameters.map(|parameters| harmless(&parameters)).unwrap_or_default();
        PlanningRecord {
            planning: true,
            id: id.clone(),
            request: context.head.id.clone(),
            stack: deploy.full_name(),
            stack_name: deploy.stack.clone(),
            stage: deploy.stage.clone(),
            requested_by: context.head.principal.clone(),
            plan_only: asked.plan_only,
            begun_at: now,
            parameters,
        }
    }

    /// Judges what was prepared, and puts a plan on record.
    pub(super) async fn take_draft(&self, id: &PlanId, draft: Draft) -> PortResult<Drafted> {
        let state = &*self.ports.state;
        let judged = self.judge(&draft);
        let refused = |reason, message: String| {
            let ended = EffectEnd::with(Err(Failure::new(reason, message)));
            Ok(Drafted::Ended(Box::new(ended)))
        };
        match &judged.standing {
            Standing::Ready => {}
            Standing::NoChanges => return self.nothing_to_change(id, &draft).await,
            Standing::Failed(why) => return refused(Reason::DeployFailed, why.clone()),
            Standing::Gone(why) => return refused(Reason::StackInProgress, why.clone()),
        }
        for _ in 0..TRIES {
            let (version, begun) = match kept(state, id).await? {
                Some((version, Kept::Planning(begun))) => (version, begun),
                Some((_, Kept::Plan(record))) => {
                    return Ok(match self.outcome_of(&record).await? {
                        Some(ended) => Drafted::Ended(Box::new(ended)),
                        None => Drafted::OnRecord,
                    });
                }
                None => {
                    return refused(
                        Reason::InternalError,
                        "what was planned for this request is not on record any more; send the deploy again".to_owned(),
                    );
                }
            };
            if let Some(drafted) = self.put_on_record(*begun, version, &draft, &judged).await? {
                return Ok(drafted);
            }
        }
        Err(busy())
    }

    /// One try of it; none where somebody else was faster.
    async fn put_on_record(
        &self,
        begun: PlanningRecord,
        version: u64,
        draft: &Draft,
        judged: &Judged,
    ) -> PortResult<Option<Drafted>> {
        let (state, now) = (&*self.ports.state, self.now());
        let (planned_version, mut planned) = planned_stack(state, &begun.stack).await?;
        let older = match &planned.plan {
            Some(older) if *older != begun.id => found(state, older).await?,
            _ => None,
        };
        let expires_at = later(now, self.settings.deploys.approval_timeout);
        let parameters = if judged.parameters.is_empty() {
            begun.parameters.clone()
        } else {
            harmless(&judged.parameters)
        };
        let body = Body {
            rows: judged.rows.clone(),
            text: judged.text.clone(),
            about: judged.about.clone(),
            parameters,
        };
        let (parts_under, parts) = parts::keep(state, &begun.id, &body, expires_at).await?;
        let mut record = plan_record(begun, draft, judged, (now, expires_at));
        record.parts = parts;
        record.parts_under = parts_under;
        let mut changes = Vec::new();
        if record.state == PlanState::Waiting {
            if let Some(older) = &older {
                record.approvals = self.carried_over(&older.record, &record).await?;
                if older.record.state == PlanState::Waiting {
                    // Whoever looks at it next finds that it is not the newest any more.
                    changes.push(plan_change(&older.record, older.version, Some(now))?);
                }
            }
            planned.plan = Some(record.id.clone());
            changes.push(stack_change(&record.stack, &planned, planned_version)?);
        }
        changes.push(plan_change(&record, version, Some(now))?);
        changes.push(time_change(&record)?);
        let entry = entry(&record, actions::PLAN_MADE, now, facts(&record));
        if !write(state, &changes, Some(&entry)).await? {
            return Ok(None);
        }
        if record.state == PlanState::Waiting {
            self.end_older(older).await;
            return Ok(Some(Drafted::OnRecord));
        }
        let ended = self.outcome_of(&record).await?;
        Ok(Some(
            ended.map_or(Drafted::OnRecord, |ended| Drafted::Ended(Box::new(ended))),
        ))
    }

    /// Ends the plan whose place was taken at once, so that what was prepared for it goes. Where that fails the next look
    /// does it.
    async fn end_older(&self, older: Option<Found>) {
        let Some(older) = older.filter(|older| older.record.state == PlanState::Waiting) else {
            return;
        };
        if let Err(error) = self.look_at_plan(&older.record.id, false).await {
            tracing::warn!(plan = %older.record.id, %error, "an older plan could not be ended yet; the sweep does it");
        }
    }

    /// The approvals of an older plan that hold for one of the same digest, where the policies let them.
    async fn carried_over(
        &self,
        older: &PlanRecord,
        record: &PlanRecord,
    ) -> PortResult<Vec<cc_devops_deploys::Approval>> {
        let carried = life::carried(older, &record.digest);
        if carried.is_empty() {
            return Ok(carried);
        }
        let access = Access::CarryApproval {
            stack: record.stack_name.clone(),
            stage: record.stage.clone(),
        };
        let requester: Option<Agent> = self.ports.agents.find(&record.requested_by).await?;
        let lets = requester.is_some_and(|agent| self.policy.decide(&agent, &access).allowed);
        Ok(if lets { carried } else { Vec::new() })
    }

    /// There is nothing to change: nobody is asked.
    async fn nothing_to_change(&self, id: &PlanId, draft: &Draft) -> PortResult<Drafted> {
        let Some((_, Kept::Planning(begun))) = kept(&*self.ports.state, id).await? else {
            return Ok(Drafted::OnRecord);
        };
        let result = result_of(
            &begun.stack,
            DeployAction::NoChanges,
            &draft.basis,
            &draft.handle,
            Vec::new(),
        );
        let value = cc_devops_kernel::outcome::to_value(&result);
        Ok(Drafted::Ended(Box::new(EffectEnd::with(Ok(value)))))
    }

    /// Who holds the stack, as a failure, where it is another request.
    async fn held(&self, stack: &FullStackName, context: EffectContext<'_>) -> PortResult<Option<Failure>> {
        let holder = self.ports.ledger.holder_of(stack).await?;
        match holder.filter(|by| *by != context.head.id) {
            Some(by) => Ok(Some(self.held_by(stack, &by).await?)),
            None => Ok(None),
        }
    }

    /// That another request holds a stack.
    pub(super) async fn held_by(
        &self,
        stack: &FullStackName,
        by: &cc_devops_kernel::names::RequestId,
    ) -> PortResult<Failure> {
        let message = if self.is_open(by).await? {
            format!("stack {stack} is being changed by request {by}; send the deploy again when that has ended")
        } else {
            format!(
                "nobody knows what became of request {by}, which changed stack {stack}; send the deploy again when an \
                 operator has looked at the stack and freed it with `cc-devops stacks release {stack}`"
            )
        };
        Ok(Failure::new(Reason::StackInProgress, message))
    }
}

/// A change that is being planned, as it is kept.
pub(super) fn planning_change(begun: &PlanningRecord, version: u64, due_at: Timestamp) -> PortResult<StateChange> {
    Ok(StateChange {
        key: plan_key(&begun.id),
        version,
        content: Some(Content {
            due_at: Some(due_at),
            list: Some(OPEN.to_owned()),
            body: written(begun)?,
        }),
    })
}

fn plan_record(
    begun: PlanningRecord,
    draft: &Draft,
    judged: &Judged,
    (now, expires_at): (Timestamp, Timestamp),
) -> PlanRecord {
    let state = if begun.plan_only {
        PlanState::Shown
    } else {
        PlanState::Waiting
    };
    let mut notes = draft.notes.clone();
    notes.extend(judged.notes.iter().filter(|note| !draft.notes.contains(note)).cloned());
    PlanRecord {
        id: begun.id,
        request: begun.request,
        stack: begun.stack,
        stack_name: begun.stack_name,
        stage: begun.stage,
        requested_by: begun.requested_by,
        state,
        digest: judged.digest.clone(),
        handle: draft.handle.clone(),
        basis: draft.basis.clone(),
        summary: judged.summary.clone(),
        unplanned: draft.content == cc_devops_deploys::DraftContent::Unplanned,
        first_creation: draft.first_creation,
        made_at: now,
        expires_at,
        approvals: Vec::new(),
        freeze_override: None,
        frozen: None,
        decided: None,
        policies: Vec::new(),
        begun_at: None,
        ended_at: begun.plan_only.then_some(now),
        parts: 0,
        parts_under: String::new(),
        told: false,
        discarded: false,
        notes,
    }
}

/// A deploy's result.
pub(super) fn result_of(
    stack: &FullStackName,
    action: DeployAction,
    basis: &cc_devops_deploys::Basis,
    handle: &str,
    changes: Vec<cc_devops_kernel::outcome::StackChangeEntry>,
) -> DeployResult {
    DeployResult {
        stack_name: stack.to_string(),
        action,
        current_status: basis.status.clone().unwrap_or_default(),
        stack_id: basis.stack_id.clone().unwrap_or_default(),
        change_set_id: handle.to_owned(),
        changes,
    }
}

/// The parameters whose names speak of no secret; none where they are too many to be kept.
fn harmless(parameters: &BTreeMap<String, String>) -> BTreeMap<String, String> {
    let kept: BTreeMap<String, String> = parameters
        .iter()
        .filter(|(name, _)| !is_secret_parameter(name))
        .map(|(name, value)| (name.clone(), value.clone()))
        .collect();
    // What cannot be written cannot be kept.
    let fits = written(&kept).is_ok_and(|text| text.len() <= MOST_PARAMETERS);
    if fits { kept } else { BTreeMap::new() }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn forty(value: &str) -> BTreeMap<String, String> {
        (0..40).map(|number| (format!("P{number}"), value.to_owned())).collect()
    }

    #[test]
    fn parameters_are_measured_as_they_are_written() {
        let plain = forty(&"a".repeat(3_000));
        assert_eq!(harmless(&plain), plain);
        // Six bytes each, as JSON.
        assert_eq!(harmless(&forty(&"\u{1}".repeat(3_000))), BTreeMap::new());
    }

    #[test]
    fn what_may_be_secret_is_not_kept() {
        let given = ["Size", "SlackToken", "WebhookSecret", "DB_PASSWD", "AccessKey"];
        let given = given.map(|name| (name.to_owned(), "x".to_owned())).into();
        let kept = harmless(&given);
        assert_eq!(kept.keys().collect::<Vec<_>>(), ["Size"]);
    }
}
