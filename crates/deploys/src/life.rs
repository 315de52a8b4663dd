//! What follows for a plan: from how it stands, what the policies say, the freezes, and the time. Pure; the only place in
//! which it is decided whether a plan is carried out.

use cc_devops_kernel::names::AgentName;
use jiff::Timestamp;

use crate::ids::PlanDigest;
use crate::record::{Approval, Decided, FreezeOverride, PlanRecord, PlanState};

/// The longest comment and the longest reason, in characters.
pub const MAX_WORDS: usize = 1_000;

/// What the policies say of a plan, with the approvals that count at this moment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Permit {
    /// These let it be carried out.
    Given(Vec<String>),
    /// Somebody has to approve it first.
    NeedsApproval,
    /// Nobody can permit it, as a sentence.
    Never(String),
}

/// That the stack is frozen.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Freeze {
    /// Until when; none where no end is in sight.
    pub until: Option<Timestamp>,
    /// Which freeze holds, as words that a sentence goes on with.
    pub said: String,
}

/// What follows for a plan that waits.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Next {
    /// It is carried out, as these policies let it.
    Apply(Vec<String>),
    /// It waits for somebody to approve it.
    AwaitApproval {
        /// When it is looked at again.
        until: Timestamp,
        /// The freeze that holds meanwhile.
        frozen: Option<String>,
    },
    /// It waits for a freeze to end.
    AwaitThaw {
        /// When.
        until: Timestamp,
        /// The freeze.
        frozen: String,
    },
    /// It comes to its end without being carried out.
    End(PlanState, String),
}

/// What follows for a plan. `is_newest` says whether no newer plan of the stack was made.
pub fn next(
    record: &PlanRecord,
    is_newest: bool,
    permit: impl FnOnce() -> Permit,
    freeze: Option<&Freeze>,
    now: Timestamp,
) -> Next {
    if !is_newest {
        let reason = format!(
            "a newer plan of stack {} took the place of {}; approve that one",
            record.stack, record.id
        );
        return Next::End(PlanState::Superseded, reason);
    }
    if now >= record.expires_at {
        let reason = format!(
            "plan {} was not approved by {}; send the deploy again to have it planned anew",
            record.id, record.expires_at
        );
        return Next::End(PlanState::Expired, reason);
    }
    let freeze = freeze.filter(|_| record.freeze_override.is_none());
    let policies = match permit() {
        Permit::Never(reason) => return Next::End(PlanState::Denied, reason),
        Permit::NeedsApproval => {
            return Next::AwaitApproval {
                until: record.expires_at,
                frozen: freeze.map(|freeze| freeze.said.clone()),
            };
        }
        Permit::Given(policies) => policies,
    };
    let Some(freeze) = freeze else {
        return Next::Apply(policies);
    };
    match freeze.until.filter(|until| *until < record.expires_at) {
        Some(until) => Next::AwaitThaw {
            until,
            frozen: freeze.said.clone(),
        },
        None => Next::End(
            PlanState::Denied,
            format!(
                "{}, which is longer than plan {} can wait ({}); nothing was done: send the deploy again when the freeze \
                 is over",
                freeze.said, record.id, record.expires_at
            ),
        ),
    }
}

/// Why somebody's decision does not count.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Late {
    /// It names another digest than the plan's.
    OtherDigest(PlanDigest),
    /// It was decided before.
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
}

/// What became of a decision.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Taken {
    /// It is new.
    New(Box<PlanRecord>),
    /// The same person had decided so before.
    Before,
}

/// A plan with one more approval.
///
/// # Errors
/// It is for another digest, or comes too late.
pub fn approved(record: &PlanRecord, is_newest: bool, approval: Approval) -> Result<Taken, Late> {
    if approval.digest != record.digest {
        return Err(Late::OtherDigest(record.digest.clone()));
    }
    let same = |one: &Approval| one.by == approval.by && one.digest == approval.digest && one.carried_from.is_none();
    let stopped = matches!(
        record.state,
        PlanState::Denied | PlanState::Expired | PlanState::Superseded | PlanState::Moved
    );
    if !stopped && record.approvals.iter().any(same) {
        return Ok(Taken::Before);
    }
    open(record, is_newest, approval.at)?;
    let mut record = record.clone();
    record.approvals.retain(|one| one.by != approval.by);
    record.approvals.push(approval);
    Ok(Taken::New(Box::new(record)))
}

/// A plan that somebody denied.
///
/// # Errors
/// It comes too late.
pub fn denied(record: &PlanRecord, is_newest: bool, decided: Decided) -> Result<Taken, Late> {
    let before = record.decided.as_ref();
    let same = |before: &Decided| decided.by.is_some() && before.by == decided.by;
    if record.state == PlanState::Denied && before.is_some_and(same) {
        return Ok(Taken::Before);
    }
    open(record, is_newest, decided.at)?;
    Ok(Taken::New(Box::new(ended(record, PlanState::Denied, decided))))
}

/// A plan that may run in a freeze.
///
/// # Errors
/// It comes too late.
pub fn thawed(record: &PlanRecord, is_newest: bool, by: FreezeOverride) -> Result<Taken, Late> {
    if record.freeze_override.as_ref().is_some_and(|before| before.by == by.by) {
        return Ok(Taken::Before);
    }
    open(record, is_newest, by.at)?;
    Ok(Taken::New(Box::new(PlanRecord {
        freeze_override: Some(by),
        ..record.clone()
    })))
}

/// A plan at its end.
pub fn ended(record: &PlanRecord, state: PlanState, decided: Decided) -> PlanRecord {
    PlanRecord {
        state,
        ended_at: Some(decided.at),
        decided: Some(decided),
        frozen: None,
        ..record.clone()
    }
}

/// The approvals of an earlier plan of the same stack that hold for one of the same digest, where the policies let them.
/// What was denied, begun or found changed keeps none: its approvals were used, or are worth nothing.
pub fn carried(earlier: &PlanRecord, digest: &PlanDigest) -> Vec<Approval> {
    let lapsed = matches!(
        earlier.state,
        PlanState::Waiting | PlanState::Expired | PlanState::Superseded
    );
    if !lapsed || earlier.digest != *digest || earlier.unplanned {
        return Vec::new();
    }
    let own = earlier.approvals.iter().filter(|approval| approval.digest == *digest);
    own.map(|approval| Approval {
        carried_from: Some(approval.carried_from.clone().unwrap_or_else(|| earlier.id.clone())),
        ..approval.clone()
    })
    .collect()
}

/// Whether it can still be decided.
fn open(record: &PlanRecord, is_newest: bool, now: Timestamp) -> Result<(), Late> {
    let decided = |state, at, reason: String| {
        Err(Late::Decided {
            state,
            by: None,
            at,
            reason,
        })
    };
    match record.state {
        PlanState::Waiting if !is_newest => decided(
            PlanState::Superseded,
            now,
            format!("a newer plan of stack {} took its place", record.stack),
        ),
        PlanState::Waiting if now >= record.expires_at => decided(
            PlanState::Expired,
            record.expires_at,
            "it was not approved in time".to_owned(),
        ),
        PlanState::Waiting => Ok(()),
        state => Err(match &record.decided {
            Some(how) => Late::Decided {
                state,
                by: how.by.clone(),
                at: how.at,
                reason: how.reason.clone(),
            },
            None => Late::Decided {
                state,
                by: record.approvals.last().map(|approval| approval.by.clone()),
                at: record.ended_at.or(record.begun_at).unwrap_or(record.made_at),
                reason: match state {
                    PlanState::Shown => "it was only to be seen (`planOnly`)".to_owned(),
                    _ => "it was permitted, and begun".to_owned(),
                },
            },
        }),
    }
}

#[cfg(test)]
mod tests;
