//! How an audit row stands in the table.

use cc_devops_kernel::audit::{AuditEntry, AuditRow, ChainHash};
use cc_devops_kernel::ports::{PortError, PortErrorKind, PortResult};
use serde::{Deserialize, Serialize};

use crate::places::{keys_of, sharded, sortable};

/// The list of all audit rows in the index `time`.
pub(super) const LIST: &str = "audit";

/// The partition of a chain.
pub(super) fn partition(chain: &str) -> String {
    format!("AUDIT#{chain}")
}

/// The longest name of a secret, in bytes; a key has its limit.
const LONGEST: usize = 512;

/// Where the index of work has rows about a secret or an agent.
pub(super) fn partition_about(resource: &str) -> String {
    format!("ABOUT#{resource}")
}

/// The same of what a row is about, where somebody asks for it: each such key is a write more.
fn about(entry: &AuditEntry) -> Option<String> {
    let resource = entry.resource.as_deref()?;
    let is_asked_for = resource.starts_with('/') || entry.action.starts_with("agent.");
    (is_asked_for && resource.len() <= LONGEST).then(|| partition_about(resource))
}

/// Where a chain ends.
#[derive(Debug, Clone)]
pub(super) struct End {
    pub(super) chain: String,
    pub(super) seq: i64,
    pub(super) hash: ChainHash,
}

/// The item.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct StoredRow {
    #[serde(rename = "PK")]
    pk: String,
    #[serde(rename = "SK")]
    sk: String,
    #[serde(rename = "TPK")]
    list: String,
    #[serde(rename = "TSK")]
    pub(super) place: String,
    /// Where rows about the same secret or agent are found; none where it is about none, or an earlier version wrote it.
    #[serde(rename = "WPK", default, skip_serializing_if = "Option::is_none")]
    about: Option<String>,
    #[serde(rename = "WSK", default, skip_serializing_if = "Option::is_none")]
    about_place: Option<String>,
    pub(super) chain: String,
    pub(super) seq: i64,
    /// The entry as JSON text, which is what was hashed.
    entry: String,
    prev_hash: ChainHash,
    hash: ChainHash,
}

impl StoredRow {
    /// The row at `end`, after a row with hash `prev`.
    pub(super) fn new(end: &End, prev: ChainHash, place: i64, entry: &AuditEntry) -> PortResult<Self> {
        let about = about(entry);
        let entry = serde_json::to_string(entry)
            .map_err(|error| PortError::new(PortErrorKind::Refused, "an audit entry is not JSON").because(error))?;
        Ok(Self {
            pk: partition(&end.chain),
            sk: sortable(end.seq),
            list: sharded(LIST, &format!("{}/{}", end.chain, end.seq)),
            place: sortable(place),
            about_place: about.is_some().then(|| sortable(place)),
            about,
            chain: end.chain.clone(),
            seq: end.seq,
            entry,
            prev_hash: prev,
            hash: end.hash,
        })
    }

    /// The row as the domain has it, or what is wrong with it.
    pub(super) fn read(self) -> Result<AuditRow, String> {
        let Self { seq, .. } = self;
        if self.pk != partition(&self.chain) || self.sk != sortable(seq) {
            return Err(format!("row {seq} was changed: it does not stand in its own place"));
        }
        // The list is found through these, so whoever changes them hides the row.
        if !keys_of(LIST).contains(&self.list) || self.place.parse().map(sortable).as_ref() != Ok(&self.place) {
            return Err(format!("row {seq} was changed: it is hidden from the list"));
        }
        let entry: AuditEntry =
            serde_json::from_str(&self.entry).map_err(|_| format!("row {seq} was changed: it cannot be read"))?;
        let is_found = self.about == about(&entry) && self.about_place.as_ref() == Some(&self.place);
        if (self.about.is_some() || self.about_place.is_some()) && !is_found {
            return Err(format!("row {seq} was changed: it is hidden from those about the same"));
        }
        // Unknown fields and white space would escape the hash, which covers what the text means.
        if serde_json::to_string(&entry).ok().as_ref() != Some(&self.entry) {
            return Err(format!("row {seq} was changed: its text is not what was written"));
        }
        Ok(AuditRow {
            chain: Some(self.chain),
            seq,
            entry,
            prev_hash: self.prev_hash,
            hash: self.hash,
        })
    }
}
