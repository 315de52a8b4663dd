//! Where the checkpoints end, kept apart under a MAC.
//!
//! As each checkpoint's hash covers all before it, that one MAC covers them all. It covers the place
//! up to which rows were bound as well, because checkpoints go on from there.

use cc_devops_kernel::audit::ChainHash;
use cc_devops_kernel::ports::{PortError, PortErrorKind, PortResult};
use serde::{Deserialize, Serialize};

use crate::Shared;
use crate::keys::Derived;
use crate::table::key;

/// The checkpoints' own chain.
pub(super) const CHAIN: &str = "checkpoints";

const PARTITION: &str = "AUDIT";
const RECORD: &str = "CHECKPOINT";

/// The record of the end.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Head {
    #[serde(rename = "PK")]
    pk: String,
    #[serde(rename = "SK")]
    sk: String,
    /// The last checkpoint's place in its chain; zero before the first.
    pub(super) seq: i64,
    /// Its hash.
    pub(super) hash: ChainHash,
    /// The place up to which rows are bound.
    pub(super) place: i64,
    /// In hex.
    mac: String,
}

impl Head {
    /// Before the first checkpoint.
    pub(super) fn none() -> Self {
        Self {
            pk: PARTITION.to_owned(),
            sk: RECORD.to_owned(),
            seq: 0,
            hash: ChainHash::start_of(Some(CHAIN)),
            place: 0,
            mac: String::new(),
        }
    }

    /// The record of an end, under its MAC.
    pub(super) fn new(keys: &Derived, seq: i64, hash: ChainHash, place: i64) -> Self {
        let head = Self {
            seq,
            hash,
            place,
            ..Self::none()
        };
        let mac = head.expected_mac(keys);
        Self { mac, ..head }
    }

    /// Whether this ledger wrote it.
    pub(super) fn is_ours(&self, keys: &Derived) -> bool {
        self.mac == self.expected_mac(keys)
    }

    fn expected_mac(&self, keys: &Derived) -> String {
        let text = format!("{}\n{}\n{}", self.seq, self.hash, self.place);
        hex::encode(keys.checkpoint_mac(text.as_bytes()))
    }

    /// The record as it is now; none before the first checkpoint.
    pub(super) async fn read(shared: &Shared) -> PortResult<Option<Self>> {
        let what = "the record of the audit checkpoints' end";
        shared.get(key(PARTITION, RECORD), what).await
    }

    /// The record to go on from. Going on from one that somebody forged would put our MAC under the
    /// forgery.
    pub(super) async fn to_go_on_from(shared: &Shared) -> PortResult<Self> {
        match Self::read(shared).await? {
            None => Ok(Self::none()),
            Some(head) if head.is_ours(shared.keys().await?) => Ok(head),
            Some(_) => Err(changed("the record of the audit checkpoints' end")),
        }
    }
}

/// The trail was changed behind our back, and no checkpoint is written on top of that.
pub(super) fn changed(what: &str) -> PortError {
    PortError::new(
        PortErrorKind::Corrupt,
        format!(
            "{what} was changed from outside: run `cc-devops audit verify`, then restore the table, see the runbook"
        ),
    )
}
