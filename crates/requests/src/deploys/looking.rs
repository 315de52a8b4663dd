//! Looking at a plan: what follows for it now, and doing that. It may be done by several at once: each step is a
//! compare-and-set, and who was slower looks again.

use std::collections::HashSet;
use std::future::Future;

use cc_devops_deploys::life::{self, Freeze, Next, Permit};
use cc_devops_deploys::{Decided, PlanId, PlanRecord, PlanState};
use cc_devops_kernel::access::PlanContext;
use cc_devops_kernel::names::{AgentName, FullStackName, RequestId};
use cc_devops_kernel::outcome::{Failure, Reason};
use cc_devops_kernel::ports::{Content, PortResult, RecordKind, StateChange};
use cc_devops_policy::{Access, Resource, Verdict};
use futures::stream::{FuturesUnordered, StreamExt};
use jiff::{SignedDuration, Timestamp};

use super::deciding::{approve_access, busy};
use super::kept::{Found, Kept, PlanningRecord, TRIES, found, kept, plan_change, plan_key, write};
use super::planning::{Drafted, PLANNING_LOOK, planning_change};
use crate::actions::{EffectEnd, deploy_lambda};
use crate::engine::{ControlPlane, later};
use crate::execution::Step;
use crate::ports::{Planning, StackEnd, StackProgress};
use crate::record::WaitingRequest;
use crate::sweep::Deadline;
use crate::waiting::Looked;

/// How many plans are read at a time.
const PAGE: usize = 50;

/// How many are looked at at once.
const AT_ONCE: usize = 10;

/// When a plan is looked at again that could not be looked at.
pub(super) const AGAIN: SignedDuration = SignedDuration::from_secs(30);

/// When one is looked at again whose change is under way, beside the looks at its request.
const WHILE_APPLYING: SignedDuration = SignedDuration::from_mins(10);

/// How a deploy stands after a look.
pub(crate) enum Looking {
    /// It goes on elsewhere.
    GoesOn,
    /// It waits for people or for time: its time limit does not run.
    Waits,
    /// It has ended so, and that is to be told.
    Ended(Box<EffectEnd>),
    /// It was brought as far as this.
    Done(Step),
}

impl ControlPlane {
    /// Looks at plans that are due: decided, expired, superseded, thawed, or not cleaned up after. `limit` at most. One
    /// that cannot be looked at holds up no other.
    pub async fn look_after_plans(&self, limit: usize) -> Looked {
        self.look_after_plans_until(limit, &mut Deadline::never()).await
    }

    /// The same, until a deadline.
    pub(crate) async fn look_after_plans_until<F: Future<Output = ()>>(
        &self,
        limit: usize,
        deadline: &mut Deadline<F>,
    ) -> Looked {
        let (mut looked, mut seen) = (Looked::default(), HashSet::new());
        while seen.len() < limit && !deadline.is_over() {
            let most = PAGE.min(limit - seen.len());
            let due = match self.ports.state.due(RecordKind::Plan, self.now(), most).await {
                Ok(due) => due,
                Err(error) => {
                    looked.failures.push(error);
                    break;
                }
            };
            let (found, before) = (due.len(), seen.len());
            let mut looks = FuturesUnordered::new();
            for record in due {
                if deadline.is_over() || !seen.insert(record.key.name.clone()) {
                    continue;
                }
                if looks.len() >= AT_ONCE
                    && let Some(step) = looks.next().await
                {
                    looked.note(step);
                }
                looks.push(self.look_at_due(record));
            }
            while let Some(step) = looks.next().await {
                looked.note(step);
            }
            if found < most || seen.len() == before {
                break;
            }
        }
        looked
    }

    /// Looks at a plan whose record is due. Where that fails it is due again in a while, behind others.
    async fn look_at_due(&self, record: cc_devops_kernel::ports::Record) -> PortResult<Step> {
        let looking = match Kept::of(&record) {
            Ok(Kept::Plan(plan)) => self.look_at_plan(&plan.id, true).await,
            Ok(Kept::Planning(begun)) => self.look_at_planning(&begun, record.version).await,
            Err(error) => Err(error),
        };
        match looking {
            Ok(Looking::Done(step)) => Ok(step),
            Ok(Looking::GoesOn | Looking::Waits | Looking::Ended(_)) => Ok(Step::Parked),
            Err(error) => {
                tracing::warn!(plan = record.key.name, %error, "a plan could not be looked at; that is done again");
                let content = Content {
                    due_at: Some(later(self.now(), AGAIN)),
                    ..record.content
                };
                let change = StateChange {
                    key: record.key,
                    version: record.version,
                    content: Some(content),
                };
                write(&*self.ports.state, &[change], None).await?;
                Err(error)
            }
        }
    }

    /// Looks whether a change that was being planned was given up, and removes what was prepared then.
    async fn look_at_planning(&self, begun: &PlanningRecord, version: u64) -> PortResult<Looking> {
        if self.is_open(&begun.request).await? {
            let again = planning_change(begun, version, later(self.now(), PLANNING_LOOK))?;
            write(&*self.ports.state, &[again], None).await?;
            return Ok(Looking::GoesOn);
        }
        self.ports.stacks.discard(&begun.stack, &begun.request, "").await?;
        let kept = self.ports.state.read_one(&plan_key(&begun.id)).await?;
        if let Some(record) = kept
            && matches!(Kept::of(&record)?, Kept::Planning(_))
        {
            write(&*self.ports.state, &[record.removal()], None).await?;
        }
        Ok(Looking::GoesOn)
    }

    /// How a parked deploy stands.
    pub(crate) async fn look_at_deploy(&self, waiting: &WaitingRequest, stack: &FullStackName) -> PortResult<Looking> {
        let request = &waiting.head.id;
        let id = PlanId::of(request);
        match kept(&*self.ports.state, &id).await? {
            Some((_, Kept::Plan(_))) => self.look_at_plan(&id, false).await,
            Some((_, Kept::Planning(_))) => match self.ports.stacks.planned(stack, request).await? {
                Planning::GoesOn => Ok(Looking::GoesOn),
                Planning::Ended(end) => Ok(Looking::Ended(Box::new(end.into()))),
                Planning::Ready(draft) => match self.take_draft(&id, *draft).await? {
                    Drafted::Ended(ended) => Ok(Looking::Ended(ended)),
                    Drafted::OnRecord => self.look_at_plan(&id, false).await,
                },
            },
            // It was begun before there were plans.
            None => Ok(match self.ports.stacks.progress(stack, request).await? {
                StackProgress::Changing | StackProgress::NotBegun => Looking::GoesOn,
                StackProgress::Ended(end) => Looking::Ended(Box::new(end.into())),
            }),
        }
    }

    /// Looks at a plan: what follows for it now, and does that. `is_due`: because its record is due.
    pub(crate) async fn look_at_plan(&self, id: &PlanId, is_due: bool) -> PortResult<Looking> {
        for _ in 0..TRIES {
            let Some(found) = found(&*self.ports.state, id).await? else {
                return Ok(Looking::GoesOn);
            };
            let looking = match found.record.state {
                PlanState::Waiting => Box::pin(self.look_at_waiting_plan(found)).await?,
                PlanState::Applying => Box::pin(self.look_at_applying(found, is_due)).await?,
                _ => Box::pin(self.look_at_ended(found)).await?,
            };
            if let Some(looking) = looking {
                return Ok(looking);
            }
        }
        Err(busy())
    }

    /// A plan that waits; none where somebody else was faster.
    async fn look_at_waiting_plan(&self, found: Found) -> PortResult<Option<Looking>> {
        let Some(waiting) = self.ports.ledger.waiting_request(&found.record.request).await? else {
            return self.without_request(found).await;
        };
        match self.next_of(&found).await? {
            Next::Apply(_) => self.begin(found, waiting).await,
            Next::End(state, reason) => self.end_unapplied(found, state, reason).await,
            // It was about to be begun before, and could not be read then.
            next if self.holds(&found.record).await? => self.end_in_hold(found, next).await,
            Next::AwaitApproval { until, frozen } => {
                self.notify_waiting(&found.record).await?;
                self.let_wait(found, waiting, until, (true, frozen)).await
            }
            Next::AwaitThaw { until, frozen } => {
                let told = found.record.told;
                self.let_wait(found, waiting, until, (told, Some(frozen))).await
            }
        }
    }

    /// Whether its request holds the stack.
    async fn holds(&self, record: &PlanRecord) -> PortResult<bool> {
        let holder = self.ports.ledger.holder_of(&record.stack).await?;
        Ok(holder.is_some_and(|holder| holder == record.request))
    }

    /// What follows for a plan at this moment.
    pub(super) async fn next_of(&self, found: &Found) -> PortResult<Next> {
        self.next_with(found, None).await
    }

    /// The same as if one more had approved it.
    pub(super) async fn next_with(&self, found: &Found, also: Option<&AgentName>) -> PortResult<Next> {
        let (record, now) = (&found.record, self.now());
        let freezes = &self.settings.deploys.freezes;
        let freeze = freezes
            .frozen(&record.stack_name, &record.stage, now)
            .map(|frozen| Freeze {
                until: frozen.until,
                said: format!("stack {} is frozen: {frozen}", record.stack),
            });
        let permit = if found.is_newest() && now < record.expires_at {
            self.permit(record, freeze.is_some(), also).await?
        } else {
            Permit::NeedsApproval
        };
        Ok(life::next(record, found.is_newest(), || permit, freeze.as_ref(), now))
    }

    /// What the policies say of a plan now, with the approvals of those who may still approve. A freeze is not theirs to
    /// enforce: where it holds they are asked what would be if it did not, and where somebody lifted it for this plan, they
    /// are told that it runs in one.
    async fn permit(&self, record: &PlanRecord, is_frozen: bool, also: Option<&AgentName>) -> PortResult<Permit> {
        let Some(agent) = self.ports.agents.find(&record.requested_by).await? else {
            return Ok(Permit::Never(format!(
                "{} is not an agent of this control plane any more",
                record.requested_by
            )));
        };
        if self.settings.deploys.require_plan && record.unplanned {
            return Ok(Permit::Never(format!(
                "nobody knows what this deploy of stack {} would change, and `[deploys] require_plan` wants that to be \
                 known: give the stack a `plan_command`",
                record.stack
            )));
        }
        let (stack, stage) = (record.stack_name.clone(), record.stage.clone());
        let action = &deploy_lambda::ACTION;
        let mut asked = vec![Access::Request {
            action: action.name,
            on: Resource::Stack(stack.clone()),
            stage: action.staged.then(|| stage.clone()),
        }];
        if record.first_creation {
            asked.push(Access::CreateStack {
                stack: stack.clone(),
                stage: stage.clone(),
            });
        }
        for access in asked {
            let decision = self.policy.decide(&agent, &access);
            if !decision.allowed {
                return Ok(Permit::Never(decision.refusal(&agent.name, &access)));
            }
        }
        let mut approvers = self.approvers_who_still_may(record).await?;
        approvers.extend(also.cloned());
        let context = PlanContext {
            approvals: u32::try_from(approvers.len()).unwrap_or(u32::MAX),
            approvers: approvers.iter().map(ToString::to_string).collect(),
            requester: record.requested_by.to_string(),
            frozen: is_frozen && record.freeze_override.is_some(),
            first_creation: record.first_creation,
            unplanned: record.unplanned,
            ..record.summary.context()
        };
        let verdict = self.policy.plan_verdict(&agent, &stack, &stage, &context);
        Ok(match verdict.kind {
            Verdict::Apply => Permit::Given(verdict.policies),
            Verdict::NeedsApproval => Permit::NeedsApproval,
            Verdict::Denied => {
                let by = match verdict.policies.as_slice() {
                    [] => "no policy permits it".to_owned(),
                    policies => format!("forbidden by {}", policies.join(", ")),
                };
                Permit::Never(format!(
                    "plan {} of stack {} cannot be carried out, whoever approves it: {by}",
                    record.id, record.stack
                ))
            }
        })
    }

    /// Those who approved exactly this plan and may approve it still.
    pub(super) async fn approvers_who_still_may(
        &self,
        record: &PlanRecord,
    ) -> PortResult<std::collections::BTreeSet<AgentName>> {
        let access = approve_access(record);
        let mut may = std::collections::BTreeSet::new();
        for approval in record
            .approvals
            .iter()
            .filter(|approval| approval.digest == record.digest)
        {
            let agent = self.ports.agents.find(&approval.by).await?;
            if agent.is_some_and(|agent| self.policy.decide(&agent, &access).allowed) {
                may.insert(approval.by.clone());
            }
        }
        Ok(may)
    }

    /// Lets a plan wait, and its request rest.
    async fn let_wait(
        &self,
        found: Found,
        waiting: WaitingRequest,
        until: Timestamp,
        (told, frozen): (bool, Option<String>),
    ) -> PortResult<Option<Looking>> {
        let record = PlanRecord {
            told,
            frozen,
            ..found.record.clone()
        };
        if record != found.record || found.due_at != Some(until) {
            let change = plan_change(&record, found.version, Some(until))?;
            if !write(&*self.ports.state, &[change], None).await? {
                return Ok(None);
            }
        }
        // Last: a request that does not rest yet is looked at again, and rests then.
        self.rest(&waiting).await?;
        Ok(Some(Looking::Waits))
    }

    async fn rest(&self, waiting: &WaitingRequest) -> PortResult<()> {
        self.waits.forget(&waiting.head.id);
        self.ports.ledger.rest(&waiting.claim).await
    }

    /// Whether a request is on record and has no outcome yet.
    pub(super) async fn is_open(&self, request: &RequestId) -> PortResult<bool> {
        let known = self.ports.ledger.find(request).await?;
        Ok(known.is_some_and(|known| known.completed.is_none()))
    }

    /// Has a plan looked at then; not where somebody else was faster.
    pub(super) async fn due_again(&self, found: &Found, at: Timestamp) -> PortResult<bool> {
        let change = plan_change(&found.record, found.version, Some(at))?;
        write(&*self.ports.state, &[change], None).await
    }

    /// A plan whose request is not parked: it is about to be, or has ended without it.
    async fn without_request(&self, found: Found) -> PortResult<Option<Looking>> {
        if self.is_open(&found.record.request).await? {
            let again = self.due_again(&found, later(self.now(), AGAIN)).await?;
            return Ok(again.then_some(Looking::Waits));
        }
        let reason = "its request had ended before it was carried out".to_owned();
        self.end_unapplied(found, PlanState::Expired, reason).await
    }

    /// A plan whose change was begun, or is about to be.
    async fn look_at_applying(&self, found: Found, is_due: bool) -> PortResult<Option<Looking>> {
        let (record, now) = (&found.record, self.now());
        let Some(waiting) = self.ports.ledger.waiting_request(&record.request).await? else {
            let message = "its request had ended before the change did; look at the stack".to_owned();
            let end = StackEnd {
                outcome: Err(Failure::new(Reason::InternalError, message)),
                output: None,
                fate_known: false,
            };
            return self.finish(found, None, end).await;
        };
        let begun_at = record.begun_at.unwrap_or(record.made_at);
        match self.ports.stacks.progress(&record.stack, &record.request).await? {
            StackProgress::Ended(end) => self.finish(found, Some(waiting), end).await,
            StackProgress::Changing => {
                if is_due {
                    // Whoever began it may not have come to that.
                    self.ports.ledger.wake(&waiting.claim, begun_at).await?;
                    if !self.due_again(&found, later(now, WHILE_APPLYING)).await? {
                        return Ok(None);
                    }
                }
                Ok(Some(Looking::GoesOn))
            }
            // Whoever permitted it may be about to begin it.
            StackProgress::NotBegun if now < later(begun_at, self.settings.lease) => {
                if is_due && !self.due_again(&found, later(begun_at, self.settings.lease)).await? {
                    return Ok(None);
                }
                Ok(Some(Looking::GoesOn))
            }
            StackProgress::NotBegun => match self.next_of(&found).await? {
                Next::Apply(_) => self.begin_again(found, waiting).await,
                next => self.end_in_hold(found, next).await,
            },
        }
    }

    /// Ends a plan that holds the stack and may not be begun now: nobody else could change the stack while it waited.
    pub(super) async fn end_in_hold(&self, found: Found, next: Next) -> PortResult<Option<Looking>> {
        let id = &found.record.id;
        let (state, reason) = match next {
            Next::End(state, reason) => (state, reason),
            Next::Apply(_) | Next::AwaitApproval { .. } => {
                let reason = format!(
                    "plan {id} was permitted and not begun, and its approvals do not count any more; nothing was done: send \
                     the deploy again"
                );
                (PlanState::Denied, reason)
            }
            Next::AwaitThaw { frozen, .. } => {
                let reason = format!(
                    "plan {id} was permitted and not begun before a freeze came, and nothing was done: {frozen}; send the \
                     deploy again"
                );
                (PlanState::Denied, reason)
            }
        };
        self.end_unapplied(found, state, reason).await
    }

    /// Ends a plan that is not carried out; nobody decided that.
    pub(super) async fn end_unapplied(
        &self,
        found: Found,
        state: PlanState,
        reason: String,
    ) -> PortResult<Option<Looking>> {
        let decided = Decided {
            by: None,
            door: None,
            at: self.now(),
            reason,
        };
        self.end_plan(found, state, decided).await
    }

    /// A deploy that did not end within its time limit.
    pub(crate) async fn deploy_overdue(&self, waiting: &WaitingRequest, failure: Failure) -> PortResult<Option<Step>> {
        let id = PlanId::of(&waiting.head.id);
        for _ in 0..TRIES {
            match kept(&*self.ports.state, &id).await? {
                None => return Ok(None),
                Some((_, Kept::Planning(_))) => {
                    let message =
                        "the change was not planned in time; nothing was done: send the deploy again".to_owned();
                    let ended = EffectEnd::with(Err(Failure::new(Reason::Timeout, message)));
                    let detail = serde_json::Value::Null;
                    let step = self.conclude(&waiting.claim, &waiting.head, ended, detail).await?;
                    self.waits.forget(&waiting.head.id);
                    return Ok(Some(step));
                }
                Some((_, Kept::Plan(record))) if record.state != PlanState::Applying => return Ok(Some(Step::Parked)),
                Some((_, Kept::Plan(_))) => {}
            }
            let Some(found) = found(&*self.ports.state, &id).await? else {
                return Ok(None);
            };
            let end = StackEnd {
                outcome: Err(failure.clone()),
                output: None,
                fate_known: false,
            };
            if let Some(Looking::Done(step)) = Box::pin(self.finish(found, Some(waiting.clone()), end)).await? {
                return Ok(Some(step));
            }
        }
        Err(busy())
    }
}
