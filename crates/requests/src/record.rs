//! What the ledger remembers of a request, and the proofs it hands out.

use cc_devops_kernel::acts::Author;
use cc_devops_kernel::agent::Role;
use cc_devops_kernel::audit::AuditEntry;
use cc_devops_kernel::door::Door;
pub use cc_devops_kernel::events::{LoggedEvent, OutgoingEvent};
use cc_devops_kernel::names::{AgentName, FullStackName, RequestId};
use cc_devops_kernel::outcome::{Completed, Reason, Status};
pub use cc_devops_kernel::paging::{Cursor, Page};
use cc_devops_kernel::secret::SecretValue;
pub use cc_devops_kernel::work::{Claim, Progress};

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::fingerprint::Fingerprint;

/// Where a request stands.
///
/// ```text
/// received ──claim──▶ executing ──conclude──▶ completed ──relay──▶ published
///     ▲                │     │                    ▲
///     └──postpone──────┘     └──park──▶ waiting ──┘
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum RequestState {
    /// Recorded; nobody works on it yet.
    Received,
    /// Somebody works on it until the lease ends.
    Executing,
    /// Its effect is under way elsewhere, or it rests until somebody approves its plan.
    Waiting,
    /// It has its outcome; the event is not in the log yet. A backend that logs the event with the outcome
    /// itself does not know this state.
    Completed,
    /// The event is in the log, and on the bus where there is one.
    Published,
}

impl RequestState {
    /// The state's name.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Received => "received",
            Self::Executing => "executing",
            Self::Waiting => "waiting",
            Self::Completed => "completed",
            Self::Published => "published",
        }
    }

    /// The state of that name.
    pub fn find(name: &str) -> Option<Self> {
        [
            Self::Received,
            Self::Executing,
            Self::Waiting,
            Self::Completed,
            Self::Published,
        ]
        .into_iter()
        .find(|state| state.as_str() == name)
    }
}

/// What is known of a request without looking at its parameters.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RequestHead {
    /// The idempotency key.
    pub id: RequestId,
    /// Who was proven to ask.
    pub principal: AgentName,
    /// What the principal is to the policies.
    pub role: Role,
    /// Whom the request is for: the principal, or the agent an admin asks for.
    pub agent: AgentName,
    /// The action as it was asked for, at most 64 characters.
    pub action: String,
    /// The stage as it was asked for.
    pub stage: String,
    /// The secret or stack, once that is known to be one.
    pub resource: Option<String>,
    /// What the request means, for telling a repeat from a conflict.
    pub fingerprint: Fingerprint,
    /// When it arrived.
    pub received_at: Timestamp,
    /// By which door it came.
    pub via: Door,
}

impl From<&RequestHead> for Author {
    /// Whoever asked for a request, which was authorised when it was begun.
    fn from(request: &RequestHead) -> Self {
        Self::of_request(request.id.clone(), request.principal.clone(), request.agent.clone())
    }
}

/// A request to record.
#[derive(Clone)]
pub struct NewRequest {
    /// What is known of it.
    pub head: RequestHead,
    /// The event's `detail` as JSON text. It may hold a secret: an adapter keeps it encrypted at
    /// rest and forgets it when the request is concluded.
    pub detail: SecretValue,
}

/// A claim whose work goes on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Renewal {
    /// The claim.
    pub claim: Claim,
    /// How far its work is, where it says so.
    pub progress: Option<Progress>,
}

/// A request together with the right to carry it out.
#[derive(Clone)]
pub struct ClaimedRequest {
    /// The right.
    pub claim: Claim,
    /// Which try this is, from 1. Work that was handed back was not tried.
    pub tries: u32,
    /// What is known of it.
    pub head: RequestHead,
    /// The event's `detail` as JSON text.
    pub detail: SecretValue,
}

/// A parked request whose effect is to be looked at.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WaitingRequest {
    /// The right to conclude it.
    pub claim: Claim,
    /// What is known of it.
    pub head: RequestHead,
    /// When it was parked.
    pub since: Timestamp,
}

/// What the ledger answers to a request it is given.
#[derive(Clone)]
pub enum Receipt {
    /// It is new, durable, and the caller holds its claim (only where a lease was asked for).
    Claimed(Claim),
    /// It is new, durable, and left for a sweep.
    Recorded,
    /// It was there already with the same meaning.
    Known(Box<RequestRecord>),
    /// The id was used before with another meaning.
    Conflict,
}

/// Proof that no other request changes the stack.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StackLease {
    /// The stack.
    pub stack: FullStackName,
    /// The request that holds it, until that is concluded and its fate known.
    pub request: RequestId,
}

/// The answer to asking for a stack.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum StackLock {
    /// The stack is the request's, until it is concluded. Asking again gives the same answer.
    Acquired(StackLease),
    /// Another request holds it.
    Held {
        /// That request.
        by: RequestId,
    },
}

/// A request's end, written in one transaction: the outcome, the audit row, the outgoing event.
#[derive(Debug, Clone)]
pub struct Conclusion {
    /// The outcome, which is also the event.
    pub completed: Completed,
    /// The audit row.
    pub audit: AuditEntry,
    /// What the effect printed, bounded and redacted.
    pub output: Option<String>,
    /// Whether the stacks it holds stay its own: the change may have taken place, or still go on,
    /// and somebody has to look (`Ledger::release_stack`).
    pub keeps_stack: bool,
}

/// A request as it is shown.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RequestRecord {
    /// What is known of it.
    pub head: RequestHead,
    /// Where it stands.
    pub state: RequestState,
    /// How often it was tried.
    pub tries: u32,
    /// How far it is, while it is carried out and says so.
    pub progress: Option<Progress>,
    /// Its outcome, once it has one.
    pub completed: Option<Completed>,
    /// What its effect printed, bounded and redacted.
    pub output: Option<String>,
}

/// Which requests to list; every field narrows.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct RequestFilter {
    /// Those for this agent.
    pub agent: Option<AgentName>,
    /// Those with this action.
    pub action: Option<String>,
    /// Those that ended so.
    pub status: Option<Status>,
    /// Those that were refused for this reason.
    pub reason: Option<Reason>,
    /// Those that stand so.
    pub state: Option<RequestState>,
    /// Those received at or after.
    pub since: Option<Timestamp>,
    /// Those received before.
    pub until: Option<Timestamp>,
    /// How many requests are looked at for a page, about, so that it costs no more than that: a page may be short then,
    /// and still go on. Where times are bounded, only requests that stand near them are looked at. Without: until the
    /// page is full.
    pub reach: Option<usize>,
}

impl RequestFilter {
    /// Whether it selects a request.
    pub fn selects(&self, record: &RequestRecord) -> bool {
        let head = &record.head;
        let completed = record.completed.as_ref();
        self.agent.as_ref().is_none_or(|agent| *agent == head.agent)
            && self.action.as_ref().is_none_or(|action| *action == head.action)
            && (self.status.is_none() || self.status == completed.map(|completed| completed.status))
            && (self.reason.is_none() || self.reason == completed.and_then(|completed| completed.reason))
            && self.state.is_none_or(|state| state == record.state)
            && self.since.is_none_or(|since| head.received_at >= since)
            && self.until.is_none_or(|until| head.received_at < until)
    }
}
