//! What a plan says beside its head, in as many records as it takes: its rows, a text, the parameters to deploy it again.

use std::collections::BTreeMap;

use cc_devops_deploys::{About, PlanId, PlanRecord, Row};
use cc_devops_kernel::ports::{
    Content, PortError, PortErrorKind, PortResult, RecordKey, RecordKind, StateChange, StateStore,
};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use super::kept::{KEPT_FOR, read, write, written};
use crate::engine::later;

/// The most bytes of one part's text. Written as JSON it is at most twice as long.
const PART: usize = 120_000;

/// The most parts: 48 MB of rows, which no change set and no plan file comes near.
const MOST_PARTS: usize = 400;

/// How many parts are read at a time.
const PAGE: usize = 20;

/// All of it.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(super) struct Body {
    /// What it changes.
    pub(super) rows: Vec<Row>,
    /// What the stack's own command wrote, where that has no rows.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) text: Option<String>,
    /// What else its approver is to see.
    pub(super) about: About,
    /// The parameters, without those that are or may be secret.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub(super) parameters: BTreeMap<String, String>,
}

/// Keeps a plan's parts, and answers what their names begin with and how many they are. They are written before the head,
/// under a name made from what they say: written again they are the same.
pub(super) async fn keep(
    state: &dyn StateStore,
    id: &PlanId,
    body: &Body,
    expires_at: Timestamp,
) -> PortResult<(String, u32)> {
    let text = written(body)?;
    let mut hash = hex::encode(Sha256::digest(&text));
    hash.truncate(16);
    let under = format!("{id}/{hash}/");
    let pieces = pieces(&text, PART);
    if pieces.len() > MOST_PARTS {
        let message = format!("what plan {id} changes is too much to be kept: {} bytes", text.len());
        return Err(PortError::new(PortErrorKind::TooLarge, message));
    }
    for (number, piece) in pieces.iter().enumerate() {
        let change = StateChange {
            key: RecordKey::new(RecordKind::PlanPart, format!("{under}{number:04}")),
            version: 0,
            content: Some(Content {
                due_at: Some(later(expires_at, KEPT_FOR)),
                list: Some(id.to_string()),
                body: written(piece)?,
            }),
        };
        // Not written where it is there, which is as good.
        write(state, &[change], None).await?;
    }
    Ok((under, u32::try_from(pieces.len()).unwrap_or(u32::MAX)))
}

/// A plan's parts.
pub(super) async fn body(state: &dyn StateStore, record: &PlanRecord) -> PortResult<Body> {
    let mut text = String::new();
    let numbers: Vec<u32> = (0..record.parts).collect();
    for numbers in numbers.chunks(PAGE) {
        let key = |number: &u32| RecordKey::new(RecordKind::PlanPart, format!("{}{number:04}", record.parts_under));
        let keys: Vec<RecordKey> = numbers.iter().map(key).collect();
        for part in state.read(&keys).await? {
            let part = part.ok_or_else(|| {
                PortError::new(
                    PortErrorKind::Corrupt,
                    format!("a part of plan {} is not there", record.id),
                )
            })?;
            text.push_str(&read::<String>(&part)?);
        }
    }
    if text.is_empty() {
        return Ok(Body::default());
    }
    serde_json::from_str(&text).map_err(|error| {
        PortError::new(
            PortErrorKind::Corrupt,
            format!("the rows of plan {} cannot be read", record.id),
        )
        .because(error)
    })
}

/// A text in pieces of at most so many bytes.
pub(super) fn pieces(text: &str, most: usize) -> Vec<&str> {
    let mut pieces = Vec::new();
    let mut rest = text;
    while !rest.is_empty() {
        let (piece, behind) = rest.split_at(rest.floor_char_boundary(most));
        pieces.push(piece);
        rest = behind;
    }
    pieces
}
