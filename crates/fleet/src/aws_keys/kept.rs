//! What is kept of a key: whose it is and when it ends, with a code under the store's key, so that who can write the file
//! makes no key another's, and none longer.

use cc_devops_kernel::names::AgentName;
use cc_devops_kernel::ports::{
    Content, PortError, PortErrorKind, PortResult, Record, RecordKind, StateChange, StateStore,
};
use hmac::{Hmac, Mac};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use sha2::Sha256;

use super::form::{AwsKeyId, bits, code};

/// How many records are read at once.
const PAGE: usize = 200;

/// What is kept of a key.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Kept {
    pub(super) agent: AgentName,
    pub(super) created: Timestamp,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) ends: Option<Timestamp>,
}

#[derive(Serialize, Deserialize)]
struct Sealed {
    #[serde(flatten)]
    kept: Kept,
    code: String,
}

impl Kept {
    fn code(&self, id: &AwsKeyId, key: &[u8; 32]) -> Hmac<Sha256> {
        let Self { agent, created, ends } = self;
        let ends = ends.map_or_else(String::new, |ends| ends.to_string());
        // None of them has a line feed in it.
        code(key, "kept", format!("{id}\n{agent}\n{created}\n{ends}").as_bytes())
    }

    /// What a record keeps, and of which key; none where it is not one that was written under this key.
    pub(super) fn open(record: &Record, key: &[u8; 32]) -> PortResult<Option<(AwsKeyId, Self)>> {
        let Ok(id) = record.key.name.parse::<AwsKeyId>() else {
            return Ok(None);
        };
        let Sealed { kept, code } = serde_json::from_str(&record.content.body).map_err(|error| {
            let message = format!("the record of the access key {id} cannot be read");
            PortError::new(PortErrorKind::Corrupt, message).because(error)
        })?;
        let code = hex::decode(code).unwrap_or_default();
        // Its list is how the agent's keys are found when they are to be ended.
        let is_listed = record.content.list.as_deref() == Some(kept.agent.as_str());
        let holds = is_listed && kept.code(&id, key).verify_slice(&code).is_ok();
        Ok(holds.then_some((id, kept)))
    }

    /// Whether the key has not ended.
    pub(super) fn is_good(&self, now: Timestamp) -> bool {
        self.ends.is_none_or(|ends| now < ends)
    }

    /// The change that keeps it.
    pub(super) fn change(self, id: &AwsKeyId, version: u64, key: &[u8; 32]) -> PortResult<StateChange> {
        let code = hex::encode(bits(self.code(id, key)));
        let (ends, list) = (self.ends, self.agent.to_string());
        let body = serde_json::to_string(&Sealed { kept: self, code }).map_err(|error| {
            PortError::new(PortErrorKind::Refused, "an access key's record cannot be written").because(error)
        })?;
        Ok(StateChange {
            key: id.record(),
            version,
            content: Some(Content {
                due_at: ends,
                list: Some(list),
                body,
            }),
        })
    }
}

/// All records of an agent's keys, whoever wrote them.
pub(super) async fn records_of(state: &dyn StateStore, agent: &AgentName) -> PortResult<Vec<Record>> {
    let mut all: Vec<Record> = Vec::new();
    loop {
        let after = all.last().map(|record| record.key.name.clone());
        let page = state
            .list(RecordKind::AwsKey, Some(agent.as_str()), after.as_deref(), PAGE)
            .await?;
        let is_last = page.len() < PAGE;
        all.extend(page);
        if is_last {
            return Ok(all);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const KEY: [u8; 32] = [8; 32];

    fn id() -> AwsKeyId {
        "AKIAIOSFODNN7EXAMPLE".parse().unwrap()
    }

    fn record(kept: Kept) -> Record {
        let change = kept.change(&id(), 0, &KEY).unwrap();
        Record {
            key: change.key,
            version: 1,
            content: change.content.unwrap(),
        }
    }

    fn kept(ends: Option<&str>) -> Kept {
        Kept {
            agent: "Writer".parse().unwrap(),
            created: "2026-03-01T06:00:00Z".parse().unwrap(),
            ends: ends.map(|ends| ends.parse().unwrap()),
        }
    }

    #[test]
    fn what_is_kept_is_read_again_and_what_others_wrote_is_not() {
        for ends in [None, Some("2026-03-02T06:00:00Z")] {
            let whole = record(kept(ends));
            assert_eq!(Kept::open(&whole, &KEY).unwrap(), Some((id(), kept(ends))));
            assert_eq!(
                whole.content.due_at,
                kept(ends).ends,
                "it is forgotten when it has ended"
            );
            assert_eq!(Kept::open(&whole, &[9; 32]).unwrap(), None, "another store's");
            for (before, after) in [
                ("Writer", "Editor"),
                ("2026-03-01", "2026-02-01"),
                ("2026-03-02", "2036-03-02"),
                (",\"ends\":\"2026-03-02T06:00:00Z\"", ""),
                ("\"code\":\"", "\"code\":\"00"),
            ] {
                let mut forged = whole.clone();
                forged.content.body = whole.content.body.replacen(before, after, 1);
                if forged.content.body != whole.content.body {
                    assert_eq!(Kept::open(&forged, &KEY).unwrap(), None, "{after}");
                }
            }
            let mut moved = whole.clone();
            moved.content.list = Some("Editor".to_owned());
            assert_eq!(Kept::open(&moved, &KEY).unwrap(), None, "in another's list");
            let mut renamed = whole.clone();
            renamed.key.name = "AKIAIOSFODNN7EXAMPLF".to_owned();
            assert_eq!(Kept::open(&renamed, &KEY).unwrap(), None, "under another id");
        }
    }

    #[test]
    fn a_key_is_good_until_it_ends() {
        let at = |text: &str| text.parse::<Timestamp>().unwrap();
        assert!(kept(None).is_good(at("2036-03-02T06:00:00Z")));
        let ends = kept(Some("2026-03-02T06:00:00Z"));
        assert!(ends.is_good(at("2026-03-02T05:59:59Z")));
        assert!(!ends.is_good(at("2026-03-02T06:00:00Z")));
    }
}
