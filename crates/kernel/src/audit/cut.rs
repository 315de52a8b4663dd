//! Cutting the oldest rows off the trail, so that every change of what is left still shows.
//!
//! A chain is cut behind a row: the row's place and hash are kept under a MAC of the store's, and the chain is
//! from then on walked from there. The cut is an entry of the trail itself. Only then are the rows removed, the
//! oldest first, so that those that still stand lead to the hash that the cut kept.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::json;

use super::entry::{AuditEntry, AuditRow, actions};
use super::hash::ChainHash;
use super::verifier::Verifier;
use crate::outcome::Status;
use crate::port_error::{PortError, PortErrorKind, PortResult};

/// Where a chain is cut: behind that row.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Cut {
    /// The chain, where there are several.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub chain: Option<String>,
    /// The last row that is cut off.
    pub seq: i64,
    /// Its hash.
    pub hash: ChainHash,
}

/// The oldest rows of the trail, which are cut off together.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Section {
    /// The rows, each chain's in its order. What is checked of them is that each follows from the one before.
    pub rows: Vec<AuditRow>,
    /// Where each chain of them is cut.
    pub cuts: Vec<Cut>,
    /// The place of the first row; where there are several chains, of the first checkpoint.
    pub first: i64,
    /// The place of the last one.
    pub last: i64,
    /// Its hash.
    pub hash: ChainHash,
}

impl Section {
    /// The entry that puts the cut on record. `before` is the time up to which rows are cut; `file` is the name
    /// of the export that holds them, where there is one.
    pub fn entry(&self, at: Timestamp, before: Timestamp, file: Option<&str>) -> AuditEntry {
        AuditEntry {
            at,
            principal: None,
            agent: None,
            action: actions::CUT.to_owned(),
            request_id: None,
            stage: None,
            resource: None,
            status: Status::Success,
            reason: None,
            detail: json!({
                "before": before, "rows": self.rows.len(), "first": self.first, "last": self.last,
                "hash": self.hash, "file": file,
            }),
        }
    }
}

/// The place and hash behind which a cut's entry says that the trail was cut; none where it is no cut's.
pub fn told(entry: &AuditEntry) -> Option<(i64, ChainHash)> {
    if entry.action != actions::CUT {
        return None;
    }
    let hash = serde_json::from_value(entry.detail.get("hash")?.clone()).ok()?;
    Some((entry.detail.get("last")?.as_i64()?, hash))
}

/// Checks that rows of one chain follow from what stands before them: its start, or the cut. Rows that do not
/// are not cut off, because with them would go the proof.
///
/// # Errors
/// `Corrupt` where a row is broken.
pub fn unbroken<'row>(
    chain: Option<&str>,
    behind: Option<(i64, ChainHash)>,
    rows: impl IntoIterator<Item = &'row AuditRow>,
) -> PortResult<()> {
    let mut verifier = Verifier::of_chain(chain.map(str::to_owned));
    if let Some((seq, hash)) = behind {
        verifier.cut_at(seq, hash);
    }
    for row in rows {
        verifier.take(row);
    }
    match verifier.finish().breaks.first() {
        None => Ok(()),
        Some(broken) => Err(refusal(&broken.problem)),
    }
}

/// The refusal to cut a trail that is broken.
pub fn refusal(problem: &str) -> PortError {
    PortError::new(
        PortErrorKind::Corrupt,
        format!("the audit trail is broken and is not cut ({problem}): run `cc-devops audit verify`, see the runbook"),
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cuts_entry_says_where_it_was_cut_and_no_other_entry_does() {
        let section = Section {
            rows: Vec::new(),
            cuts: Vec::new(),
            first: 3,
            last: 12,
            hash: ChainHash([7; 32]),
        };
        let entry = section.entry(Timestamp::UNIX_EPOCH, Timestamp::UNIX_EPOCH, Some("audit.ndjson"));
        assert_eq!(told(&entry), Some((12, ChainHash([7; 32]))));
        assert_eq!(entry.detail["file"], "audit.ndjson");
        let other = AuditEntry {
            action: actions::SECRET_READ.to_owned(),
            ..entry
        };
        assert_eq!(told(&other), None);
    }
}
