//! Checkpoints: rows of one more chain, which hold the ends of all others.
//!
//! Where the checkpoints end is kept apart under a MAC. As each checkpoint's hash covers all before
//! it, that one MAC covers them all.

use aws_smithy_types::error::metadata::ProvideErrorMetadata;
use std::collections::BTreeMap;

use aws_sdk_dynamodb::types::{Put, TransactWriteItem};
use cc_devops_core::audit::{AuditEntry, ChainHash, actions, link};
use cc_devops_core::ports::PortResult;
use cc_devops_core::requests::outcome::Status;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::json;

use super::chains::End;
use super::row::{LIST, StoredRow, partition};
use crate::Shared;
use crate::error::port_error;
use crate::places::sortable;
use crate::table::{key, text, to_item};

/// The checkpoints' own chain.
pub(super) const CHAIN: &str = "checkpoints";

/// How far before the newest row of the last checkpoint to look again, in microseconds: the index
/// may have shown a row late, or its writer's clock may be slow. 15 minutes.
const LOOK_BACK: i64 = 15 * 60 * 1_000_000;

/// How many ends one row holds; at about 130 bytes each they stay well under an item's 400 KB.
const ENDS_IN_ROW: usize = 1_500;

/// How many rows one pass writes; what is more is bound by the next.
const ROWS: usize = 10;

/// Where the checkpoints end.
#[derive(Debug, Default, Serialize, Deserialize)]
pub(super) struct Head {
    #[serde(rename = "PK")]
    pk: String,
    #[serde(rename = "SK")]
    sk: String,
    pub(super) seq: i64,
    pub(super) hash: Option<ChainHash>,
    /// In hex.
    pub(super) mac: String,
    /// The place of the newest row that is bound.
    place: i64,
    /// The chains bound lately, each up to which row: what is not new need not be bound again.
    bound: BTreeMap<String, i64>,
}

/// A chain's end in a checkpoint.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(super) struct Bound {
    pub(super) seq: i64,
    pub(super) hash: ChainHash,
}

/// Reads where the checkpoints end.
pub(super) async fn head(shared: &Shared) -> PortResult<Option<Head>> {
    shared
        .get(key("AUDIT", "CHECKPOINT"), "the record of the checkpoints' end")
        .await
}

/// Binds what is new. Of two at once the second does nothing.
pub(super) async fn write(shared: &Shared, at: Timestamp) -> PortResult<()> {
    let keys = shared.keys().await?;
    let before = head(shared).await?.unwrap_or_default();
    let (seen, place) = ends_since(shared, before.place.saturating_sub(LOOK_BACK)).await?;
    let new: Vec<(&String, i64)> = seen
        .iter()
        .filter(|(chain, seq)| before.bound.get(*chain).is_none_or(|bound| bound < *seq))
        .map(|(chain, seq)| (chain, *seq))
        .take(ROWS * ENDS_IN_ROW)
        .collect();
    if new.is_empty() {
        return Ok(());
    }
    let ends = hashes(shared, &new).await?;
    let mut end = End {
        chain: CHAIN.to_owned(),
        seq: before.seq,
        hash: before.hash.unwrap_or_else(|| ChainHash::start_of(Some(CHAIN))),
    };
    let mut writes = Vec::new();
    for ends in ends.chunks(ENDS_IN_ROW) {
        let entry = entry(at, ends);
        let next = End {
            chain: CHAIN.to_owned(),
            seq: end.seq + 1,
            hash: link(end.hash, end.seq + 1, &entry),
        };
        let row = StoredRow::new(&next, end.hash, shared.places.next(), &entry)?;
        let put = Put::builder().table_name(shared.table()).set_item(Some(to_item(&row)?));
        writes.extend(put.condition_expression("attribute_not_exists(PK)").build().ok());
        end = next;
    }
    let mut bound: BTreeMap<String, i64> = before
        .bound
        .into_iter()
        .filter(|(chain, _)| seen.contains_key(chain))
        .collect();
    bound.extend(new.into_iter().map(|(chain, seq)| (chain.clone(), seq)));
    let head = Head {
        pk: "AUDIT".to_owned(),
        sk: "CHECKPOINT".to_owned(),
        seq: end.seq,
        hash: Some(end.hash),
        mac: hex::encode(keys.checkpoint_mac(&end.hash.0)),
        place: place.max(before.place),
        bound,
    };
    let put = Put::builder()
        .table_name(shared.table())
        .set_item(Some(to_item(&head)?));
    let put = if before.seq == 0 {
        put.condition_expression("attribute_not_exists(PK)")
    } else {
        put.condition_expression("seq = :before")
            .expression_attribute_values(":before", crate::table::number(before.seq))
    };
    writes.extend(put.build().ok());
    let writes = writes
        .into_iter()
        .map(|put| TransactWriteItem::builder().put(put).build())
        .collect();
    let call = shared
        .clients
        .dynamodb()
        .transact_write_items()
        .set_transact_items(Some(writes));
    match call.send().await {
        Ok(_) => Ok(()),
        // Another sweep was first, and bound the same.
        Err(error) if error.code() == Some("TransactionCanceledException") => {
            tracing::debug!("another process wrote the checkpoint");
            Ok(())
        }
        Err(error) => Err(port_error("dynamodb:TransactWriteItems", error)),
    }
}

fn entry(at: Timestamp, ends: &[(String, Bound)]) -> AuditEntry {
    let heads: BTreeMap<&String, &Bound> = ends.iter().map(|(chain, bound)| (chain, bound)).collect();
    AuditEntry {
        at,
        principal: None,
        agent: None,
        action: actions::CHECKPOINT.to_owned(),
        request_id: None,
        stage: None,
        resource: None,
        status: Status::Success,
        reason: None,
        detail: json!({"heads": heads}),
    }
}

/// The last row seen of each chain since a place, and the newest place.
async fn ends_since(shared: &Shared, place: i64) -> PortResult<(BTreeMap<String, i64>, i64)> {
    let (mut ends, mut newest) = (BTreeMap::new(), 0);
    for_each_key(shared, place, |chain, seq, place| {
        newest = newest.max(place);
        if chain != CHAIN {
            let end = ends.entry(chain.to_owned()).or_insert(seq);
            *end = seq.max(*end);
        }
    })
    .await?;
    Ok((ends, newest))
}

/// Walks the index of audit rows from a place on: chain, place in the chain, place in the list.
pub(super) async fn for_each_key(shared: &Shared, from: i64, mut take: impl FnMut(&str, i64, i64)) -> PortResult<()> {
    let mut start = None;
    loop {
        let call = shared
            .clients
            .dynamodb()
            .query()
            .table_name(shared.table())
            .index_name("time");
        let call = call
            .key_condition_expression("TPK = :list AND TSK >= :place")
            .expression_attribute_values(":list", text(LIST))
            .expression_attribute_values(":place", text(sortable(from.max(0))));
        let answer = call.set_exclusive_start_key(start).send().await;
        let answer = answer.map_err(|error| port_error("dynamodb:Query", error))?;
        for row in answer.items.unwrap_or_default() {
            let of = |name: &str| row.get(name).and_then(|value| value.as_s().ok());
            let chain = of("PK").and_then(|pk| pk.strip_prefix("AUDIT#"));
            let seq = of("SK").and_then(|sk| sk.parse().ok());
            let place = of("TSK").and_then(|place| place.parse().ok());
            if let (Some(chain), Some(seq), Some(place)) = (chain, seq, place) {
                take(chain, seq, place);
            }
        }
        start = answer.last_evaluated_key;
        if start.is_none() {
            return Ok(());
        }
    }
}

/// The hashes of rows.
async fn hashes(shared: &Shared, rows: &[(&String, i64)]) -> PortResult<Vec<(String, Bound)>> {
    let keys: Vec<_> = rows
        .iter()
        .map(|(chain, seq)| key(partition(chain), sortable(*seq)))
        .collect();
    let mut found = Vec::with_capacity(rows.len());
    for item in shared.get_many(&keys).await? {
        let of = |name: &str| item.get(name).and_then(|value| value.as_s().ok()).cloned();
        let chain = of("chain");
        let seq = of("SK").and_then(|sk| sk.parse().ok());
        let hash = of("hash").and_then(|hash| ChainHash::try_from(hash).ok());
        if let (Some(chain), Some(seq), Some(hash)) = (chain, seq, hash) {
            found.push((chain, Bound { seq, hash }));
        }
    }
    Ok(found)
}
