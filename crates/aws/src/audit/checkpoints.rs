//! Checkpoints: rows of one more chain, which hold the ends of all others.

use std::collections::BTreeMap;
use std::ops::ControlFlow;

use aws_sdk_dynamodb::types::{Put, TransactWriteItem};
use cc_devops_kernel::audit::{AuditEntry, ChainHash, actions, link};
use cc_devops_kernel::outcome::Status;
use cc_devops_kernel::ports::PortResult;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::json;

use super::head::{CHAIN, Head, changed};
use super::row::{End, LIST, StoredRow, partition};
use crate::Shared;
use crate::error::port_error;
use crate::ledger::incomplete;
use crate::places::sortable;
use crate::table::{Item, from_item, key, number, text, to_item};
use crate::walk::{Index, Part, Walk};

/// How far before the newest row that is bound to look again, in microseconds: the index may have
/// shown a row late, or its writer's clock may be slow. 15 minutes.
const LOOK_BACK: i64 = 15 * 60 * 1_000_000;

/// How many ends one row holds; at about 130 bytes each they stay well under an item's 400 KB.
const ENDS_IN_ROW: usize = 1_500;

/// How many rows of the index are asked for in one go.
const PAGE: usize = 4_000;

/// How many rows one pass writes, which stay well under a transaction's 4 MB. What is more is bound
/// by the next pass.
const ROWS: usize = 10;

/// A chain's end in a checkpoint.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(super) struct Bound {
    pub(super) seq: i64,
    pub(super) hash: ChainHash,
}

/// The ends that a checkpoint's entry binds; none where it is not a checkpoint's.
pub(super) fn heads_in(entry: &AuditEntry) -> Option<BTreeMap<String, Bound>> {
    let heads = entry.detail.get("heads")?;
    serde_json::from_value(heads.clone()).ok()
}

/// Binds what is new. Of two at once the second does nothing.
pub(super) async fn write(shared: &Shared, at: Timestamp) -> PortResult<()> {
    let before = Head::to_go_on_from(shared).await?;
    let (ends, place) = new_ends(shared, &before).await?;
    if ends.is_empty() {
        return Ok(());
    }
    let mut writes = Vec::new();
    let mut end = End {
        chain: CHAIN.to_owned(),
        seq: before.seq,
        hash: before.hash,
    };
    for ends in ends.chunks(ENDS_IN_ROW) {
        let entry = entry(at, ends);
        let next = End {
            chain: CHAIN.to_owned(),
            seq: end.seq + 1,
            hash: link(end.hash, end.seq + 1, &entry),
        };
        let row = StoredRow::new(&next, end.hash, shared.places.next(shared.clock.now()), &entry)?;
        let put = Put::builder().table_name(shared.table()).set_item(Some(to_item(&row)?));
        let put = put.condition_expression("attribute_not_exists(PK)").build();
        writes.push(put.map_err(incomplete)?);
        end = next;
    }
    let rows = writes.len();
    writes.push(moved_head(shared, &before, &end, place).await?);
    let writes = writes
        .into_iter()
        .map(|put| TransactWriteItem::builder().put(put).build());
    let Err(refused) = shared.transact(writes.collect()).await? else {
        return Ok(());
    };
    // Another sweep was first and bound the same, or is at it just now, unless there is a row where
    // the record says that there is none.
    let stands = (0..rows).any(|row| refused.at(row));
    if stands && Head::to_go_on_from(shared).await?.seq <= before.seq {
        return Err(changed("the end of the audit checkpoints"));
    }
    tracing::debug!("another process wrote the checkpoint");
    Ok(())
}

/// The write that moves the record from one end to the next.
async fn moved_head(shared: &Shared, before: &Head, end: &End, place: i64) -> PortResult<Put> {
    let head = Head::new(shared.keys().await?, end.seq, end.hash, place);
    let put = Put::builder()
        .table_name(shared.table())
        .set_item(Some(to_item(&head)?));
    let put = if before.seq == 0 {
        put.condition_expression("attribute_not_exists(PK)")
    } else {
        put.condition_expression("seq = :before")
            .expression_attribute_values(":before", number(before.seq))
    };
    put.build().map_err(incomplete)
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

/// The ends of the chains that have rows which are not bound, and the place up to which they were
/// looked for.
async fn new_ends(shared: &Shared, before: &Head) -> PortResult<(Vec<(String, Bound)>, i64)> {
    let bound = bound_lately(shared, before).await?;
    let mut new = BTreeMap::<String, i64>::new();
    let mut reached = before.place;
    for_each_key(shared, before.place.saturating_sub(LOOK_BACK), |chain, seq, place| {
        let is_new = chain != CHAIN && bound.get(chain).is_none_or(|bound| *bound < seq);
        if is_new {
            if new.len() >= ROWS * ENDS_IN_ROW && !new.contains_key(chain) {
                return ControlFlow::Break(());
            }
            let end = new.entry(chain.to_owned()).or_insert(seq);
            *end = seq.max(*end);
        }
        reached = reached.max(place);
        ControlFlow::Continue(())
    })
    .await?;
    Ok((hashes(shared, &new).await?, reached))
}

/// Up to which row each chain was bound by the checkpoints that may have bound what the index shows
/// again.
async fn bound_lately(shared: &Shared, before: &Head) -> PortResult<BTreeMap<String, i64>> {
    // Twice as far back, because a row is bound some time after it was written.
    let since = sortable(before.place.saturating_sub(2 * LOOK_BACK).max(0));
    let mut bound = BTreeMap::new();
    let mut start = None;
    loop {
        let call = shared.clients.dynamodb().query().table_name(shared.table());
        let call = call
            .consistent_read(true)
            .key_condition_expression("PK = :chain AND SK <= :last")
            .expression_attribute_values(":chain", text(partition(CHAIN)))
            .expression_attribute_values(":last", text(sortable(before.seq)))
            .scan_index_forward(false);
        let answer = call.set_exclusive_start_key(start).send().await;
        let answer = answer.map_err(|error| port_error("dynamodb:Query", error))?;
        for item in answer.items.unwrap_or_default() {
            // What cannot be read is bound again; the verification reports it.
            let Ok(row) = from_item::<StoredRow>(item, "a checkpoint") else {
                continue;
            };
            if row.place < since {
                return Ok(bound);
            }
            let heads = row.read().ok().and_then(|row| heads_in(&row.entry));
            for (chain, new) in heads.unwrap_or_default() {
                let known = bound.entry(chain).or_insert(new.seq);
                *known = new.seq.max(*known);
            }
        }
        start = answer.last_evaluated_key;
        if start.is_none() {
            return Ok(bound);
        }
    }
}

/// Walks the index of audit rows from a place on, until it is told to stop: chain, place in the
/// chain, place in the list.
pub(super) async fn for_each_key(
    shared: &Shared,
    from: i64,
    mut take: impl FnMut(&str, i64, i64) -> ControlFlow<()>,
) -> PortResult<()> {
    let mut walk = Walk::new(shared, Index::Time, LIST, Part::From(sortable(from.max(0))), PAGE);
    loop {
        let rows = walk.next(PAGE).await?;
        if rows.is_empty() {
            return Ok(());
        }
        for (place, row) in rows {
            let of = |name: &str| text_in(&row, name);
            let chain = of("PK").and_then(|pk| pk.strip_prefix("AUDIT#"));
            let seq = of("SK").and_then(|sk| sk.parse().ok());
            if let (Some(chain), Some(seq), Ok(place)) = (chain, seq, place.parse())
                && take(chain, seq, place).is_break()
            {
                return Ok(());
            }
        }
    }
}

/// The hashes of rows.
async fn hashes(shared: &Shared, rows: &BTreeMap<String, i64>) -> PortResult<Vec<(String, Bound)>> {
    let keys: Vec<_> = rows
        .iter()
        .map(|(chain, seq)| key(partition(chain), sortable(*seq)))
        .collect();
    let mut found = Vec::with_capacity(rows.len());
    for item in shared.get_many(&keys).await? {
        let chain = text_in(&item, "PK").and_then(|pk| pk.strip_prefix("AUDIT#"));
        let seq = text_in(&item, "SK").and_then(|sk| sk.parse().ok());
        let hash = text_in(&item, "hash").and_then(|hash| ChainHash::try_from(hash.to_owned()).ok());
        if let (Some(chain), Some(seq), Some(hash)) = (chain, seq, hash) {
            found.push((chain.to_owned(), Bound { seq, hash }));
        }
    }
    if found.len() < rows.len() {
        tracing::error!("audit rows were removed or damaged: run `cc-devops audit verify`");
    }
    Ok(found)
}

fn text_in<'item>(item: &'item Item, name: &str) -> Option<&'item str> {
    item.get(name)?.as_s().ok().map(String::as_str)
}
