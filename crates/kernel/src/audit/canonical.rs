//! An audit row as canonical JSON (RFC 8785), written directly: the names of its fields stand in their
//! canonical order here, so that nothing is collected and sorted for every row. What callers may nest,
//! the detail, goes through the canonicaliser.

use serde::Serialize;
use serde_json::Value;
use sha2::{Digest, Sha256};

use super::entry::AuditEntry;
use super::hash::ChainHash;
use crate::canonical::canonical;

/// An entry in its canonical form, which lacks only its place in the chain: what can be made of it before
/// the place is known is made once, and not while others wait for the chain's end.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Canonical {
    before_seq: Vec<u8>,
    after_seq: Vec<u8>,
}

impl Canonical {
    /// The canonical form of what is on record.
    pub fn of(entry: &AuditEntry) -> Self {
        let AuditEntry {
            at,
            principal,
            agent,
            action,
            request_id,
            stage,
            resource,
            status,
            reason,
            detail,
        } = entry;
        let mut before_seq = Vec::with_capacity(512);
        field(&mut before_seq, "{\"action\":", action);
        field(&mut before_seq, ",\"agent\":", agent);
        field(&mut before_seq, ",\"at\":", at);
        before_seq.extend_from_slice(b",\"detail\":");
        before_seq.extend_from_slice(&canonical(detail));
        field(&mut before_seq, ",\"principal\":", principal);
        field(&mut before_seq, ",\"reason\":", reason);
        field(&mut before_seq, ",\"requestId\":", request_id);
        field(&mut before_seq, ",\"resource\":", resource);
        before_seq.extend_from_slice(b",\"seq\":");
        let mut after_seq = Vec::with_capacity(64);
        field(&mut after_seq, ",\"stage\":", stage);
        field(&mut after_seq, ",\"status\":", status);
        after_seq.push(b'}');
        Self { before_seq, after_seq }
    }

    /// The row at `seq` as canonical JSON, in UTF-8.
    pub fn at(&self, seq: i64) -> Vec<u8> {
        [&self.before_seq[..], &canonical(&Value::from(seq)), &self.after_seq].concat()
    }

    /// The hash of this row at `seq` after a row with hash `prev`.
    pub fn link(&self, prev: ChainHash, seq: i64) -> ChainHash {
        let hash = Sha256::new()
            .chain_update(hex::encode(prev.0))
            .chain_update(b"\n")
            .chain_update(&self.before_seq)
            .chain_update(canonical(&Value::from(seq)))
            .chain_update(&self.after_seq);
        ChainHash(hash.finalize().into())
    }
}

/// The hash of the row that holds `entry` at `seq` after a row with hash `prev`.
pub fn link(prev: ChainHash, seq: i64, entry: &AuditEntry) -> ChainHash {
    Canonical::of(entry).link(prev, seq)
}

/// JSON's strings and `null` are written by `serde_json` as RFC 8785 wants them, and a field holds nothing else.
#[expect(clippy::expect_used, reason = "a text, or none, can always be written to memory")]
fn field(row: &mut Vec<u8>, name: &str, value: &impl Serialize) {
    row.extend_from_slice(name.as_bytes());
    serde_json::to_writer(row, value).expect("a text can be written");
}

#[cfg(test)]
mod tests {
    use jiff::Timestamp;
    use proptest::prelude::*;
    use serde_json::json;

    use super::*;
    use crate::names::AgentName;
    use crate::outcome::{Reason, Status};

    /// As the documents tell it: the row's fields beside each other, as canonical JSON.
    fn documented(prev: ChainHash, seq: i64, entry: &AuditEntry) -> ChainHash {
        let mut row = serde_json::to_value(entry).unwrap();
        row["seq"] = json!(seq);
        let mut text = hex::encode(prev.0).into_bytes();
        text.push(b'\n');
        text.extend(serde_json_canonicalizer::to_vec(&row).unwrap());
        ChainHash(Sha256::digest(text).into())
    }

    fn text() -> impl Strategy<Value = String> {
        prop_oneof![any::<String>(), r"[\x00-\x7f]{0,12}"]
    }

    prop_compose! {
        fn entry()(
            nanos in -1_000_000_000_000_000_000_i64..4_000_000_000_000_000_000,
            agent in proptest::option::of("[A-Za-z][A-Za-z0-9_-]{0,8}"),
            texts in proptest::array::uniform4(text()),
            given in proptest::array::uniform3(any::<bool>()),
            failed in any::<bool>(),
            key in text(),
            number in any::<f64>(),
        ) -> AuditEntry {
            let [action, request, resource, inner] = texts;
            let agent = agent.map(|name| AgentName::new(name).unwrap());
            AuditEntry {
                at: Timestamp::from_nanosecond(nanos.into()).unwrap(),
                principal: agent.clone(),
                agent,
                action,
                request_id: given[0].then_some(request),
                stage: given[1].then(|| "dev".to_owned()),
                resource: given[2].then_some(resource),
                status: if failed { Status::Error } else { Status::Success },
                reason: failed.then_some(Reason::DeployFailed),
                detail: json!({key: inner, "n": number, "z": [null, {"b": 1, "a": true}]}),
            }
        }
    }

    proptest! {
        #[test]
        fn the_hash_of_any_row_is_the_documented_one(entry in entry(), seq in any::<i64>(), prev in any::<[u8; 32]>()) {
            let prev = ChainHash(prev);
            prop_assert_eq!(Canonical::of(&entry).link(prev, seq), documented(prev, seq, &entry));
        }
    }
}
