//! How requests stand in the table.

use std::collections::BTreeSet;

use cc_devops_kernel::agent::Role;
use cc_devops_kernel::door::Door;
use cc_devops_kernel::names::{AgentName, RequestId};
use cc_devops_kernel::outcome::Completed;
use cc_devops_kernel::ports::PortResult;
use cc_devops_kernel::stored;
use cc_devops_kernel::work::Claim;
use cc_devops_requests::fingerprint::Fingerprint;
use cc_devops_requests::record::{RequestHead, RequestRecord, RequestState, WaitingRequest};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::error::corrupt;
use crate::places::sharded;
use crate::table::{Item, key};

/// The list of requests in the index `time`.
pub(super) const LIST: &str = "requests";

/// The key of a request.
pub(crate) fn request_key(id: &RequestId) -> Item {
    key(format!("REQ#{id}"), "REQ")
}

/// Where a request in this state stands in the index `work`.
pub(super) fn work_of(state: RequestState, id: &RequestId) -> String {
    sharded(state.as_str(), id.as_str())
}

/// The list in the index `work` of parked requests that rest.
pub(super) const RESTING: &str = "resting";

/// Where a parked request stands in the index `work` that rests: it is open, and no sweep comes by.
pub(super) fn rest_of(id: &RequestId) -> String {
    sharded(RESTING, id.as_str())
}

/// A request.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct RequestRow {
    #[serde(rename = "PK")]
    pub(super) pk: String,
    #[serde(rename = "SK")]
    pub(super) sk: String,
    #[serde(rename = "TPK")]
    pub(super) list: String,
    #[serde(rename = "TSK")]
    pub(super) place: String,
    /// The state's shard, while the request is open; with [`RequestRow::due`] its place in the index `work`.
    #[serde(rename = "WPK", default, skip_serializing_if = "Option::is_none")]
    pub(super) work: Option<String>,
    /// When it is due, its lease ends, or it was parked.
    #[serde(rename = "WSK", default, skip_serializing_if = "Option::is_none")]
    pub(super) due: Option<String>,
    pub(super) id: RequestId,
    pub(super) principal: AgentName,
    pub(super) role: Role,
    pub(super) agent: AgentName,
    pub(super) action: String,
    pub(super) stage: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) resource: Option<String>,
    /// In hex.
    pub(super) fingerprint: String,
    pub(super) received_at: Timestamp,
    /// By which door it came, where that was not the API.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) via: Option<Door>,
    pub(super) state: RequestState,
    /// How often it was claimed: the fence.
    pub(super) attempts: u32,
    /// How often it was tried; none in rows of before, when both were the same.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) tries: Option<u32>,
    /// How far its work is, as JSON text.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) progress: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) parked_at: Option<Timestamp>,
    /// The sealed detail.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) detail: Option<serde_bytes::ByteBuf>,
    /// The outcome as JSON text.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) completed: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) output: Option<String>,
    /// The place of its event in the log.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) event: Option<i64>,
    /// Where its event waits that an older version wrote, until that is taken over.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) outbox: Option<i64>,
    /// When it is forgotten, in Unix seconds.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) expires: Option<i64>,
    /// The stacks it holds.
    #[serde(
        default,
        with = "serde_dynamo::string_set",
        skip_serializing_if = "BTreeSet::is_empty"
    )]
    pub(super) stacks: BTreeSet<String>,
    /// Random: tells a writer's own change from another's, where the first answer was lost.
    pub(super) writer: String,
}

/// What of a request says since when it is open; one that is damaged elsewhere says that too.
#[derive(Deserialize)]
pub(super) struct OpenRow {
    #[serde(rename = "WPK", default)]
    pub(super) work: Option<String>,
    pub(super) received_at: Timestamp,
}

impl RequestRow {
    /// What is known of the request.
    pub(super) fn head(&self) -> PortResult<RequestHead> {
        let mut fingerprint = [0; 32];
        hex::decode_to_slice(&self.fingerprint, &mut fingerprint)
            .map_err(|error| corrupt("a request's fingerprint").because(error))?;
        Ok(RequestHead {
            id: self.id.clone(),
            principal: self.principal.clone(),
            role: self.role,
            agent: self.agent.clone(),
            action: self.action.clone(),
            stage: self.stage.clone(),
            resource: self.resource.clone(),
            fingerprint: Fingerprint(fingerprint),
            received_at: self.received_at,
            via: self.via.unwrap_or_default(),
        })
    }

    /// How often it was tried.
    pub(super) fn tries(&self) -> u32 {
        self.tries.unwrap_or(self.attempts)
    }

    /// Whether it is parked and does not rest.
    pub(super) fn is_due(&self) -> bool {
        self.state == RequestState::Waiting && self.work.as_ref() != Some(&rest_of(&self.id))
    }

    /// The request as it is shown.
    pub(super) fn record(&self) -> PortResult<RequestRecord> {
        Ok(RequestRecord {
            head: self.head()?,
            state: self.state,
            tries: self.tries(),
            // It is for people: what cannot be read is left out.
            progress: self
                .progress
                .as_deref()
                .and_then(|text| serde_json::from_str(text).ok()),
            completed: self.completed.as_deref().map(read_completed).transpose()?,
            output: self.output.clone(),
        })
    }

    /// The request with the right to conclude it.
    pub(super) fn waiting(&self) -> PortResult<WaitingRequest> {
        Ok(WaitingRequest {
            claim: Claim {
                request: self.id.clone(),
                attempt: self.attempts,
            },
            head: self.head()?,
            since: self.parked_at.unwrap_or(self.received_at),
        })
    }
}

fn read_completed(text: &str) -> PortResult<Completed> {
    stored::read_completed(text).map_err(|error| corrupt("a request's outcome").because(error))
}
