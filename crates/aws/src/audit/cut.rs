//! Where chains are cut: a record for each, under a MAC.
//!
//! They stand beside the chains and not in them, and one stays for every chain that was ever cut: without it, a
//! chain that goes on after a long pause would seem to have lost its rows.

use std::collections::BTreeMap;

use cc_devops_kernel::audit::{ChainHash, cut};
use cc_devops_kernel::ports::PortResult;
use serde::{Deserialize, Serialize};

use crate::Shared;
use crate::error::{is_condition, port_error};
use crate::keys::Derived;
use crate::table::{Item, from_item, key, number, to_item};

const RECORD: &str = "CUT";

/// The record of a chain's cut.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(super) struct CutRow {
    #[serde(rename = "PK")]
    pk: String,
    #[serde(rename = "SK")]
    sk: String,
    pub(super) chain: String,
    /// The last row that is cut off.
    pub(super) seq: i64,
    /// Its hash.
    pub(super) hash: ChainHash,
    /// In hex.
    mac: String,
}

fn partition(chain: &str) -> String {
    format!("AUDITCUT#{chain}")
}

fn mac(keys: &Derived, chain: &str, seq: i64, hash: ChainHash) -> String {
    let text = format!("cut\n{chain}\n{seq}\n{hash}");
    hex::encode(keys.checkpoint_mac(text.as_bytes()))
}

impl CutRow {
    fn new(keys: &Derived, chain: &str, seq: i64, hash: ChainHash) -> Self {
        Self {
            pk: partition(chain),
            sk: RECORD.to_owned(),
            chain: chain.to_owned(),
            seq,
            hash,
            mac: mac(keys, chain, seq, hash),
        }
    }

    /// Whether this ledger wrote it, for that chain.
    fn is_ours(&self, keys: &Derived) -> bool {
        self.pk == partition(&self.chain) && self.mac == mac(keys, &self.chain, self.seq, self.hash)
    }
}

/// What is known of a chain's cut.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Standing {
    /// It is cut behind that row.
    Cut(i64, ChainHash),
    /// Somebody else wrote the record, or damaged it.
    Forged,
}

/// The cuts of many chains; nothing for those that were never cut.
pub(super) async fn standing(
    shared: &Shared,
    chains: impl IntoIterator<Item = &str>,
) -> PortResult<BTreeMap<String, Standing>> {
    let keys: Vec<_> = chains.into_iter().map(|chain| key(partition(chain), RECORD)).collect();
    if keys.is_empty() {
        return Ok(BTreeMap::new());
    }
    let derived = shared.keys().await?;
    let read = |item: Item| {
        let pk = item.get("PK").and_then(|pk| pk.as_s().ok()).cloned()?;
        let chain = pk.strip_prefix("AUDITCUT#")?.to_owned();
        let row: Option<CutRow> = from_item(item, "the record of a chain's cut").ok();
        let row = row.filter(|row| row.chain == chain && row.is_ours(derived));
        Some((
            chain,
            row.map_or(Standing::Forged, |row| Standing::Cut(row.seq, row.hash)),
        ))
    };
    Ok(shared.get_many(&keys).await?.into_iter().filter_map(read).collect())
}

/// The cut to go on from; a forged one must not take rows with it.
pub(super) fn to_go_on_from(standing: Option<&Standing>) -> PortResult<Option<(i64, ChainHash)>> {
    match standing {
        None => Ok(None),
        Some(Standing::Cut(seq, hash)) => Ok(Some((*seq, *hash))),
        Some(Standing::Forged) => Err(cut::refusal("the record of a cut was changed from outside")),
    }
}

/// Records that a chain is cut; false where it is cut there or further on already.
pub(super) async fn record(shared: &Shared, chain: &str, seq: i64, hash: ChainHash) -> PortResult<bool> {
    let row = CutRow::new(shared.keys().await?, chain, seq, hash);
    let put = shared.clients.dynamodb().put_item().table_name(shared.table());
    let put = put
        .set_item(Some(to_item(&row)?))
        .condition_expression("attribute_not_exists(PK) OR seq < :seq")
        .expression_attribute_values(":seq", number(seq));
    match put.send().await {
        Ok(_) => Ok(true),
        Err(error) if is_condition(&error) => Ok(false),
        Err(error) => Err(port_error("dynamodb:PutItem", error)),
    }
}
