//! A plan on record.

use cc_devops_kernel::door::Door;
use cc_devops_kernel::names::{AgentName, FullStackName, RequestId, StackName, Stage};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::draft::Basis;
use crate::ids::{PlanDigest, PlanId};
use crate::rows::Summary;

/// How a plan stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum PlanState {
    /// It waits for approval, or for a freeze to end.
    Waiting,
    /// It is being carried out.
    Applying,
    /// It was carried out.
    Applied,
    /// It was begun, and failed.
    Failed,
    /// Somebody denied it, or no policy could ever permit it.
    Denied,
    /// It was not approved in time.
    Expired,
    /// A newer plan of the same stack took its place.
    Superseded,
    /// The stack, or what would have run, was changed by somebody else meanwhile.
    Moved,
    /// Nothing was to be carried out: `planOnly`.
    Shown,
}

impl PlanState {
    /// Every state.
    pub const ALL: [Self; 9] = [
        Self::Waiting,
        Self::Applying,
        Self::Applied,
        Self::Failed,
        Self::Denied,
        Self::Expired,
        Self::Superseded,
        Self::Moved,
        Self::Shown,
    ];

    /// The state of that name.
    pub fn named(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|state| state.as_str() == name)
    }

    /// Its name on the wire.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Waiting => "waiting",
            Self::Applying => "applying",
            Self::Applied => "applied",
            Self::Failed => "failed",
            Self::Denied => "denied",
            Self::Expired => "expired",
            Self::Superseded => "superseded",
            Self::Moved => "moved",
            Self::Shown => "shown",
        }
    }

    /// Whether it is at its end.
    pub fn has_ended(self) -> bool {
        !matches!(self, Self::Waiting | Self::Applying)
    }
}

/// One person's approval. It is good for the digest that it names and for no other.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Approval {
    /// Who.
    pub by: AgentName,
    /// When.
    pub at: Timestamp,
    /// By which door.
    pub door: Door,
    /// For what.
    pub digest: PlanDigest,
    /// What was said with it, at most 1,000 characters.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub comment: Option<String>,
    /// The plan that it was given for, where it was carried over from another of the same digest.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub carried_from: Option<PlanId>,
}

/// How a plan that was not carried out came to its end.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Decided {
    /// Who decided; none where it was nobody: time, a newer plan, the policies.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub by: Option<AgentName>,
    /// By which door, where it was somebody.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub door: Option<Door>,
    /// When.
    pub at: Timestamp,
    /// Why, as a sentence.
    pub reason: String,
}

/// That a plan may run in a freeze.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct FreezeOverride {
    /// Who said so.
    pub by: AgentName,
    /// When.
    pub at: Timestamp,
    /// Why, at most 1,000 characters.
    pub reason: String,
}

/// A plan on record, without its rows, which are kept beside it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
#[expect(clippy::struct_excessive_bools, reason = "each is a fact of its own")]
pub struct PlanRecord {
    /// Its name.
    pub id: PlanId,
    /// The request that it is of.
    pub request: RequestId,
    /// The stack with its stage.
    pub stack: FullStackName,
    /// The stack without its stage.
    pub stack_name: StackName,
    /// The stage.
    pub stage: Stage,
    /// Who asked for it.
    pub requested_by: AgentName,
    /// How it stands.
    pub state: PlanState,
    /// What an approval is good for.
    pub digest: PlanDigest,
    /// The backend's own address of what would run.
    pub handle: String,
    /// The stack as it stood.
    pub basis: Basis,
    /// What it changes, summed up.
    pub summary: Summary,
    /// Whether nobody knows what it changes.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub unplanned: bool,
    /// Whether it makes the stack.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub first_creation: bool,
    /// When it was made.
    pub made_at: Timestamp,
    /// Until when it can be approved.
    pub expires_at: Timestamp,
    /// Who approved it.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub approvals: Vec<Approval>,
    /// That it may run in a freeze.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub freeze_override: Option<FreezeOverride>,
    /// The freeze that it waits for, as a sentence.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub frozen: Option<String>,
    /// How it came to its end without being carried out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub decided: Option<Decided>,
    /// The policies that let it be carried out.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub policies: Vec<String>,
    /// When it was begun to be carried out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub begun_at: Option<Timestamp>,
    /// When it came to its end.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ended_at: Option<Timestamp>,
    /// How many records its rows take.
    #[serde(default)]
    pub parts: u32,
    /// What the names of those records begin with.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub parts_under: String,
    /// Whether people were told that it waits.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub told: bool,
    /// Whether what was prepared for it is gone, and nothing is left to be done.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub discarded: bool,
    /// What the approver is to know beside the rows, as sentences.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub notes: Vec<String>,
}
