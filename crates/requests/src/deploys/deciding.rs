//! People decide: they approve a plan, deny it, or let it run in a freeze. Only records are written; whoever looks after
//! plans does the rest.

use cc_devops_deploys::life::{self, Late, MAX_WORDS, Taken};
use cc_devops_deploys::{Approval, Decided, Door, FreezeOverride, PlanDigest, PlanId, PlanRecord, PlanState};
use cc_devops_kernel::acts::{ActError, Actor};
use cc_devops_kernel::agent::Agent;
use cc_devops_kernel::audit::actions;
use cc_devops_kernel::names::AgentName;
use cc_devops_kernel::text::cleaned;
use cc_devops_policy::Access;
use jiff::Timestamp;
use serde_json::{Value, json};

use super::kept::{Found, Kept, TRIES, detail, found, kept, plan_change, write};
use crate::engine::ControlPlane;
use crate::ports::{PortError, PortErrorKind};

/// Why a decision was not taken.
#[derive(Debug, thiserror::Error)]
pub enum DecideError {
    /// There is no such plan.
    #[error("there is no such plan: see `cc-devops deploys list`")]
    NoSuchPlan,
    /// It is being planned still.
    #[error("it is still being planned, so there is nothing to approve yet; see `cc-devops deploys list`")]
    NoDigestYet,
    /// It names another digest than the plan's.
    #[error("the plan's digest is {is}, and an approval is good for one digest: look at the plan again")]
    OtherDigest {
        /// The plan's.
        is: PlanDigest,
    },
    /// It was decided before.
    #[error("{}", decided_words(*state, by.as_ref(), *at, reason))]
    Decided {
        /// How.
        state: PlanState,
        /// By whom, where it was somebody.
        by: Option<AgentName>,
        /// When.
        at: Timestamp,
        /// Why, as a sentence.
        reason: String,
    },
    /// No policy lets them, or what is asked for cannot be.
    #[error("{0}")]
    NotAllowed(String),
    /// A port failed.
    #[error(transparent)]
    Port(#[from] PortError),
}

fn decided_words(state: PlanState, by: Option<&AgentName>, at: Timestamp, reason: &str) -> String {
    let by = by.map_or(String::new(), |by| format!(" by {by}"));
    format!("the plan was {} already{by} at {at}: {reason}", words(state))
}

/// What became of a plan, as a participle.
fn words(state: PlanState) -> &'static str {
    match state {
        PlanState::Waiting => "made",
        PlanState::Applying => "approved",
        PlanState::Applied => "applied",
        PlanState::Failed => "begun, and failed",
        PlanState::Denied => "denied",
        PlanState::Expired => "expired",
        PlanState::Superseded => "superseded",
        PlanState::Moved => "found changed",
        PlanState::Shown => "shown",
    }
}

impl From<Late> for DecideError {
    fn from(late: Late) -> Self {
        match late {
            Late::OtherDigest(is) => Self::OtherDigest { is },
            Late::Decided { state, by, at, reason } => Self::Decided { state, by, at, reason },
        }
    }
}

/// What somebody wrote, as it is kept.
fn said(text: &str) -> String {
    cleaned(text).trim().chars().take(MAX_WORDS).collect()
}

impl ControlPlane {
    /// Approves a plan: exactly what has this digest. Once per person; said again it is the same approval.
    ///
    /// # Errors
    /// [`DecideError`].
    pub async fn approve_plan(
        &self,
        who: &Agent,
        door: Door,
        id: &PlanId,
        digest: &PlanDigest,
        comment: Option<String>,
    ) -> Result<PlanRecord, DecideError> {
        let now = self.now();
        let approval = Approval {
            by: who.name.clone(),
            at: now,
            door,
            digest: digest.clone(),
            comment: comment.as_deref().map(said).filter(|comment| !comment.is_empty()),
            carried_from: None,
        };
        let more = json!({"door": door, "approvedDigest": digest, "comment": approval.comment});
        self.decide_plan(
            (who, door),
            id,
            (actions::PLAN_APPROVED, more, now),
            approve_access,
            |found| life::approved(&found.record, found.is_newest(), approval.clone()),
        )
        .await
    }

    /// Denies a plan. It comes to its end, and what was prepared is removed.
    ///
    /// # Errors
    /// [`DecideError`].
    pub async fn deny_plan(
        &self,
        who: &Agent,
        door: Door,
        id: &PlanId,
        reason: String,
    ) -> Result<PlanRecord, DecideError> {
        let (now, reason) = (self.now(), said(&reason));
        if reason.is_empty() {
            return Err(DecideError::NotAllowed(
                "say why: whoever asked for the deploy is told".to_owned(),
            ));
        }
        let decided = Decided {
            by: Some(who.name.clone()),
            door: Some(door),
            at: now,
            reason,
        };
        let more = json!({"door": door, "comment": decided.reason});
        self.decide_plan(
            (who, door),
            id,
            (actions::PLAN_DENIED, more, now),
            approve_access,
            |found| life::denied(&found.record, found.is_newest(), decided.clone()),
        )
        .await
    }

    /// Lets a plan run in a freeze.
    ///
    /// # Errors
    /// [`DecideError`].
    pub async fn override_freeze(
        &self,
        who: &Agent,
        door: Door,
        id: &PlanId,
        reason: String,
    ) -> Result<PlanRecord, DecideError> {
        let (now, reason) = (self.now(), said(&reason));
        if reason.is_empty() {
            return Err(DecideError::NotAllowed(
                "say why the freeze is not to hold for this plan".to_owned(),
            ));
        }
        let by = FreezeOverride {
            by: who.name.clone(),
            at: now,
            reason,
        };
        let more = json!({"door": door, "comment": by.reason});
        let access = |record: &PlanRecord| Access::OverrideFreeze {
            stack: record.stack_name.clone(),
            stage: record.stage.clone(),
        };
        self.decide_plan(
            (who, door),
            id,
            (actions::PLAN_FREEZE_OVERRIDDEN, more, now),
            access,
            |found| life::thawed(&found.record, found.is_newest(), by.clone()),
        )
        .await
    }

    /// Takes a decision: one compare-and-set with its audit row. The plan is due at once then.
    async fn decide_plan(
        &self,
        (who, door): (&Agent, Door),
        id: &PlanId,
        (action, more, now): (&'static str, Value, Timestamp),
        access: impl Fn(&PlanRecord) -> Access + Send + Sync,
        decide: impl Fn(&Found) -> Result<Taken, Late> + Send + Sync,
    ) -> Result<PlanRecord, DecideError> {
        let state = &*self.ports.state;
        let Some(found_first) = found(state, id).await? else {
            return Err(match kept(state, id).await? {
                Some((_, Kept::Planning(_))) => DecideError::NoDigestYet,
                _ => DecideError::NoSuchPlan,
            });
        };
        let actor = Actor::Agent(who, self.policy(), door);
        let author = actor
            .author(&access(&found_first.record), action, &*self.ports.audit, now)
            .await
            .map_err(|error| match error {
                ActError::Refused(failure) => DecideError::NotAllowed(failure.message),
                ActError::Port(error) => DecideError::Port(error),
            })?;
        let mut next = Some(found_first);
        for _ in 0..TRIES {
            let found = match next.take() {
                Some(found) => found,
                None => found(state, id).await?.ok_or(DecideError::NoSuchPlan)?,
            };
            let record = match decide(&found)? {
                Taken::Before => return Ok(found.record),
                Taken::New(record) => *record,
            };
            let mut entry = author.entry(now, action, record.stack.to_string(), detail(&record, more.clone()));
            entry.stage = Some(record.stage.to_string());
            let change = plan_change(&record, found.version, Some(now))?;
            if write(state, &[change], Some(&entry)).await? {
                return Ok(record);
            }
        }
        Err(busy().into())
    }
}

/// Who may approve may deny.
pub(super) fn approve_access(record: &PlanRecord) -> Access {
    Access::ApprovePlan {
        stack: record.stack_name.clone(),
        stage: record.stage.clone(),
        requester: record.requested_by.clone(),
    }
}

/// Others were faster, each time.
pub(super) fn busy() -> PortError {
    PortError::new(
        PortErrorKind::Unavailable,
        "others change the plan at the same time; try again",
    )
}
