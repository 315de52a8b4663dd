//! The audit trail: who did what to what, in a chain of hashes that shows any change.
//!
//! A row's hash is `SHA-256(previous hash in hex, newline, the row as canonical JSON (RFC 8785))`,
//! so anybody can check an export with a few lines of any language. The newest row's place and
//! hash are kept apart under a keyed MAC (the adapter's), so that cutting off the end shows too.
//!
//! A backend with several writers gives each a chain of its own, so that none waits for another. A
//! named chain starts from [`ChainHash::start_of`] its name, and checkpoints bind the chains' ends.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use sha2::{Digest, Sha256};

use crate::names::AgentName;
use crate::requests::outcome::{Reason, Status};

/// Something to be put on record. Never holds a parameter's value.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct AuditEntry {
    /// When it happened.
    pub at: Timestamp,
    /// Who was proven to ask; none for the control plane's own acts and unproven callers.
    pub principal: Option<AgentName>,
    /// Whom it was for.
    pub agent: Option<AgentName>,
    /// What was asked: a request's action, or one of [`actions`].
    pub action: String,
    /// The request, where there is one.
    pub request_id: Option<String>,
    /// The stage, where there is one.
    pub stage: Option<String>,
    /// The secret, stack or agent it was about.
    pub resource: Option<String>,
    /// Whether it was done.
    pub status: Status,
    /// Why it was not.
    pub reason: Option<Reason>,
    /// More that is safe to keep: the deciding policies, a version id, an error's sentence.
    pub detail: Value,
}

/// Actions on record that are not requests.
pub mod actions {
    /// An agent was added.
    pub const AGENT_ADDED: &str = "agent.added";
    /// An agent's token was replaced.
    pub const TOKEN_ROTATED: &str = "agent.token_rotated";
    /// An agent's tokens were revoked.
    pub const AGENT_REVOKED: &str = "agent.revoked";
    /// A secret's value was handed out.
    pub const SECRET_READ: &str = "secret.read";
    /// The secrets' master key was replaced.
    pub const KEY_ROTATED: &str = "secrets.key_rotated";
    /// A webhook subscription was added.
    pub const WEBHOOK_ADDED: &str = "webhook.added";
    /// A webhook subscription was removed.
    pub const WEBHOOK_REMOVED: &str = "webhook.removed";
    /// A stack whose last change's fate nobody knew was freed, after somebody had looked.
    pub const STACK_RELEASED: &str = "stack.released";
    /// The ends of several chains were bound together.
    pub const CHECKPOINT: &str = "audit.checkpoint";
    /// Dead letters were given back for delivery.
    pub const DEAD_LETTERS_REPLAYED: &str = "webhook.dead_letters_replayed";
}

/// An entry in its place in the chain.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct AuditRow {
    /// The chain it stands in, where there are several.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub chain: Option<String>,
    /// Its place in the chain, from 1, without gaps.
    pub seq: i64,
    /// What is on record.
    #[serde(flatten)]
    pub entry: AuditEntry,
    /// The hash of the row before; for the first, where the chain starts from.
    pub prev_hash: ChainHash,
    /// This row's hash.
    pub hash: ChainHash,
}

/// A SHA-256 in the chain, shown in hex.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct ChainHash(pub [u8; 32]);

impl ChainHash {
    /// What stands before the first row of the only chain.
    pub const GENESIS: Self = Self([0; 32]);

    /// What stands before the first row of a chain: the SHA-256 of `chain`, a newline and its
    /// name, so that no chain can pass for another; [`ChainHash::GENESIS`] where there is only one.
    pub fn start_of(chain: Option<&str>) -> Self {
        match chain {
            None => Self::GENESIS,
            Some(name) => Self(
                Sha256::new()
                    .chain_update(b"chain\n")
                    .chain_update(name)
                    .finalize()
                    .into(),
            ),
        }
    }
}

impl std::fmt::Display for ChainHash {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&hex::encode(self.0))
    }
}

impl std::fmt::Debug for ChainHash {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        std::fmt::Display::fmt(self, f)
    }
}

impl From<ChainHash> for String {
    fn from(hash: ChainHash) -> Self {
        hash.to_string()
    }
}

impl TryFrom<String> for ChainHash {
    type Error = hex::FromHexError;
    fn try_from(text: String) -> Result<Self, Self::Error> {
        let mut bytes = [0; 32];
        hex::decode_to_slice(text, &mut bytes)?;
        Ok(Self(bytes))
    }
}

/// The hash of the row that holds `entry` at `seq` after a row with hash `prev`.
#[expect(
    clippy::expect_used,
    clippy::missing_panics_doc,
    reason = "the row is plain data with string keys, which always has a canonical form"
)]
pub fn link(prev: ChainHash, seq: i64, entry: &AuditEntry) -> ChainHash {
    #[derive(Serialize)]
    struct Linked<'a> {
        seq: i64,
        #[serde(flatten)]
        entry: &'a AuditEntry,
    }
    let row = serde_json_canonicalizer::to_vec(&Linked { seq, entry }).expect("plain data has a canonical form");
    let mut hasher = Sha256::new();
    hasher.update(hex::encode(prev.0));
    hasher.update(b"\n");
    hasher.update(row);
    ChainHash(hasher.finalize().into())
}

/// Where the chain is broken.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Break {
    /// The chain, where there are several.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub chain: Option<String>,
    /// The row at which it shows.
    pub seq: i64,
    /// What is wrong, in words.
    pub problem: String,
}

/// Walks a chain row by row in its order and collects the breaks.
#[derive(Debug)]
pub struct Verifier {
    chain: Option<String>,
    last: Option<(i64, ChainHash)>,
    breaks: Vec<Break>,
    rows: u64,
}

impl Default for Verifier {
    fn default() -> Self {
        Self::new()
    }
}

impl Verifier {
    /// Starts before the first row of the only chain.
    pub fn new() -> Self {
        Self::of_chain(None)
    }

    /// Starts before the first row of a chain.
    pub fn of_chain(chain: Option<String>) -> Self {
        Self {
            chain,
            last: None,
            breaks: Vec::new(),
            rows: 0,
        }
    }

    /// Takes the next row. A broken row is reported once: the walk goes on from what the row says
    /// of itself, so that one change does not condemn every row after it.
    pub fn take(&mut self, row: &AuditRow) {
        self.rows += 1;
        let (expected_seq, expected_prev) = match self.last {
            None => (1, ChainHash::start_of(self.chain.as_deref())),
            Some((seq, hash)) => (seq + 1, hash),
        };
        if row.seq != expected_seq {
            let problem = if row.seq > expected_seq {
                format!(
                    "rows {expected_seq} to {} are missing before row {}",
                    row.seq - 1,
                    row.seq
                )
            } else {
                format!(
                    "row {} stands out of order, where row {expected_seq} was expected",
                    row.seq
                )
            };
            self.fail(row.seq, problem);
        } else if row.prev_hash != expected_prev {
            self.fail(
                row.seq,
                format!("row {} does not follow from the row before it", row.seq),
            );
        }
        if link(row.prev_hash, row.seq, &row.entry) != row.hash {
            self.fail(
                row.seq,
                format!("row {} was changed: its contents do not match its hash", row.seq),
            );
        }
        self.last = Some((row.seq, row.hash));
    }

    /// Reports a row that could not be read at all.
    pub fn fail(&mut self, seq: i64, problem: String) {
        let chain = self.chain.clone();
        self.breaks.push(Break { chain, seq, problem });
    }

    /// The place and hash of the last row taken.
    pub fn last(&self) -> Option<(i64, ChainHash)> {
        self.last
    }

    /// What was found.
    pub fn finish(self) -> Verification {
        Verification {
            rows: self.rows,
            breaks: self.breaks,
        }
    }
}

/// The result of checking a chain.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Verification {
    /// How many rows were read.
    pub rows: u64,
    /// What is broken; empty when the chain holds.
    pub breaks: Vec<Break>,
}

/// Which rows to list; every field narrows.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct AuditFilter {
    /// Those for or by this agent.
    pub agent: Option<AgentName>,
    /// Those with this action.
    pub action: Option<String>,
    /// Those that ended so.
    pub status: Option<Status>,
    /// Those at or after.
    pub since: Option<Timestamp>,
    /// Those before.
    pub until: Option<Timestamp>,
}

#[cfg(test)]
mod tests {
    use super::*;

    fn chain(length: i64) -> Vec<AuditRow> {
        let mut prev_hash = ChainHash::GENESIS;
        (1..=length)
            .map(|seq| {
                let entry = AuditEntry {
                    at: Timestamp::from_second(1_000 + seq).unwrap(),
                    principal: None,
                    agent: None,
                    action: "putSecret".into(),
                    request_id: Some(format!("r{seq}")),
                    stage: None,
                    resource: None,
                    status: Status::Success,
                    reason: None,
                    detail: Value::Null,
                };
                let hash = link(prev_hash, seq, &entry);
                let row = AuditRow {
                    chain: None,
                    seq,
                    entry,
                    prev_hash,
                    hash,
                };
                prev_hash = hash;
                row
            })
            .collect()
    }

    fn breaks(rows: &[AuditRow]) -> Vec<i64> {
        let mut verifier = Verifier::new();
        for row in rows {
            verifier.take(row);
        }
        verifier.finish().breaks.iter().map(|b| b.seq).collect()
    }

    #[test]
    fn a_whole_chain_holds() {
        assert!(breaks(&chain(5)).is_empty());
    }

    #[test]
    fn a_changed_row_is_named_alone() {
        let mut rows = chain(5);
        rows[2].entry.action = "deployLambda".into();
        assert_eq!(breaks(&rows), [3]);
    }

    #[test]
    fn a_rewritten_row_breaks_the_next() {
        let mut rows = chain(5);
        rows[2].entry.action = "deployLambda".into();
        rows[2].hash = link(rows[2].prev_hash, 3, &rows[2].entry);
        assert_eq!(breaks(&rows), [4]);
    }

    #[test]
    fn a_removed_row_and_a_swap_are_found() {
        let mut rows = chain(5);
        rows.remove(1);
        assert_eq!(breaks(&rows), [3]);
        let mut rows = chain(5);
        rows.swap(1, 2);
        assert!(!breaks(&rows).is_empty());
    }
}
