//! Cutting the oldest rows off, chain by chain, behind the ends that checkpoints bound.
//!
//! A checkpoint that is old vouches for rows that are older still. So a section is some of the oldest checkpoints
//! and every row that they bound; the checkpoints themselves are cut off last. Whatever a crash leaves undone is
//! found again from the checkpoints that still stand.

use std::collections::BTreeMap;

use aws_sdk_dynamodb::types::{Delete, TransactWriteItem};
use cc_devops_kernel::audit::{AuditRow, ChainHash, Cut, Section, cut as cutting};
use cc_devops_kernel::ports::{PortError, PortErrorKind, PortResult};
use jiff::Timestamp;

use super::checkpoints::{Bound, heads_in};
use super::cut;
use super::head::{CHAIN, Head};
use super::row::{StoredRow, partition};
use crate::Shared;
use crate::error::port_error;
use crate::ledger::incomplete;
use crate::places::sortable;
use crate::table::{Item, from_item, text};

/// How many rows one transaction removes: its limit.
const TOGETHER: usize = 100;

/// What stood before a row: place and hash.
type Behind = Option<(i64, ChainHash)>;

/// The oldest rows that checkpoints from before that time bound.
pub(super) async fn oldest(shared: &Shared, before: Timestamp, limit: usize) -> PortResult<Option<Section>> {
    let head = Head::to_go_on_from(shared).await?;
    let behind = chain_cut(shared, CHAIN).await?;
    let old = Old::collect(shared, &head, behind, before, limit).await?;
    let (Some(first), Some(last)) = (old.checkpoints.first(), old.checkpoints.last()) else {
        return Ok(None);
    };
    cutting::unbroken(Some(CHAIN), behind, &old.checkpoints)?;
    let (first, last, hash) = (first.seq, last.seq, last.hash);
    let mut rows = Vec::new();
    let mut cuts = Vec::new();
    for (chain, bound) in old.bounds {
        let behind = old.cuts.get(&chain).copied().flatten();
        let (seq, hash) = match behind {
            Some((seq, hash)) if seq >= bound.seq => (seq, hash),
            _ => {
                rows.extend(bound_rows(shared, &chain, behind, &bound).await?);
                (bound.seq, bound.hash)
            }
        };
        let chain = Some(chain);
        cuts.push(Cut { chain, seq, hash });
    }
    rows.extend(old.checkpoints);
    let chain = Some(CHAIN.to_owned());
    cuts.push(Cut { chain, seq: last, hash });
    Ok(Some(Section {
        rows,
        cuts,
        first,
        last,
        hash,
    }))
}

/// Where a chain is cut.
async fn chain_cut(shared: &Shared, chain: &str) -> PortResult<Behind> {
    let standing = cut::standing(shared, [chain]).await?;
    cut::to_go_on_from(standing.get(chain))
}

/// Checkpoints that are old, and what they bound.
#[derive(Default)]
struct Old {
    checkpoints: Vec<AuditRow>,
    bounds: BTreeMap<String, Bound>,
    /// Where the chains they bound are cut.
    cuts: BTreeMap<String, Behind>,
    /// How many rows that is.
    rows: usize,
}

impl Old {
    async fn collect(
        shared: &Shared,
        head: &Head,
        behind: Behind,
        before: Timestamp,
        limit: usize,
    ) -> PortResult<Self> {
        let mut old = Self::default();
        let mut start = None;
        loop {
            let after = behind.map_or(0, |(seq, _)| seq);
            let call = range(shared, CHAIN, after + 1, head.seq);
            let Some(call) = call else { return Ok(old) };
            let answer = call.set_exclusive_start_key(start).send().await;
            let answer = answer.map_err(|error| port_error("dynamodb:Query", error))?;
            for item in answer.items.unwrap_or_default() {
                let row = read(item)?;
                if row.entry.at >= before || (old.rows >= limit && !old.checkpoints.is_empty()) {
                    return Ok(old);
                }
                old.take(shared, row).await?;
            }
            start = answer.last_evaluated_key;
            if start.is_none() {
                return Ok(old);
            }
        }
    }

    async fn take(&mut self, shared: &Shared, row: AuditRow) -> PortResult<()> {
        let heads = heads_in(&row.entry);
        let heads = heads.ok_or_else(|| cutting::refusal(&format!("row {} is not a checkpoint", row.seq)))?;
        let unknown = heads.keys().filter(|chain| !self.cuts.contains_key(*chain));
        let unknown: Vec<&str> = unknown.map(String::as_str).collect();
        let standing = cut::standing(shared, unknown.iter().copied()).await?;
        for chain in unknown {
            let behind = cut::to_go_on_from(standing.get(chain))?;
            self.cuts.insert(chain.to_owned(), behind);
        }
        for (chain, bound) in heads {
            let cut = self.cuts.get(&chain).copied().flatten().map_or(0, |(seq, _)| seq);
            let known = self.bounds.get(&chain).map_or(cut, |known| known.seq.max(cut));
            if bound.seq > known {
                self.rows += usize::try_from(bound.seq - known).unwrap_or(usize::MAX);
            }
            if self.bounds.get(&chain).is_none_or(|known| known.seq < bound.seq) {
                self.bounds.insert(chain, bound);
            }
        }
        self.rows += 1;
        self.checkpoints.push(row);
        Ok(())
    }
}

fn read(item: Item) -> PortResult<AuditRow> {
    let row: StoredRow = from_item(item, "an audit row").map_err(|error| cutting::refusal(&error.message))?;
    row.read().map_err(|problem| cutting::refusal(&problem))
}

/// The rows of a chain from one place to another; none where there is nothing between.
fn range(
    shared: &Shared,
    chain: &str,
    first: i64,
    last: i64,
) -> Option<aws_sdk_dynamodb::operation::query::builders::QueryFluentBuilder> {
    let call = shared.clients.dynamodb().query().table_name(shared.table());
    (first <= last).then(|| {
        call.consistent_read(true)
            .key_condition_expression("PK = :chain AND SK BETWEEN :first AND :last")
            .expression_attribute_values(":chain", text(partition(chain)))
            .expression_attribute_values(":first", text(sortable(first)))
            .expression_attribute_values(":last", text(sortable(last)))
    })
}

/// The rows of a chain up to an end that a checkpoint bound. They lead to the hash that it has for them.
async fn bound_rows(shared: &Shared, chain: &str, behind: Behind, bound: &Bound) -> PortResult<Vec<AuditRow>> {
    let mut rows = Vec::new();
    let mut start = None;
    let first = behind.map_or(1, |(seq, _)| seq + 1);
    while let Some(call) = range(shared, chain, first, bound.seq) {
        let answer = call.set_exclusive_start_key(start).send().await;
        let answer = answer.map_err(|error| port_error("dynamodb:Query", error))?;
        for item in answer.items.unwrap_or_default() {
            rows.push(read(item)?);
        }
        start = answer.last_evaluated_key;
        if start.is_none() {
            break;
        }
    }
    cutting::unbroken(Some(chain), behind, &rows)?;
    match rows.last() {
        Some(last) if (last.seq, last.hash) == (bound.seq, bound.hash) => Ok(rows),
        _ => Err(cutting::refusal(&format!(
            "row {} of chain {chain} is not the one that was bound by its hash",
            bound.seq
        ))),
    }
}

/// Whether the checkpoints still begin where the section does.
pub(super) async fn is_next(shared: &Shared, section: &Section) -> PortResult<()> {
    let start = chain_cut(shared, CHAIN).await?.map_or(0, |(seq, _)| seq);
    if section.first == start + 1 {
        Ok(())
    } else {
        Err(superseded())
    }
}

fn superseded() -> PortError {
    PortError::new(PortErrorKind::Superseded, "somebody else cut the audit trail meanwhile")
}

/// Cuts the chains of a section and removes their rows; the checkpoints, by which the rest would be found again
/// after a crash, come last.
pub(super) async fn cut(shared: &Shared, section: &Section) -> PortResult<()> {
    let (checkpoints, chains): (Vec<_>, Vec<_>) = section
        .cuts
        .iter()
        .filter_map(|cut| Some((cut.chain.as_deref()?, cut)))
        .partition(|(chain, _)| *chain == CHAIN);
    for (chain, cut) in chains {
        // Where it is cut further on by now, its rows up to here go as well.
        cut::record(shared, chain, cut.seq, cut.hash).await?;
        remove(shared, chain, cut.seq).await?;
    }
    for (chain, cut) in checkpoints {
        if !cut::record(shared, chain, cut.seq, cut.hash).await? {
            return Err(superseded());
        }
        remove(shared, chain, cut.seq).await?;
    }
    Ok(())
}

/// Removes the rows of a chain up to a place, the oldest first: those that still stand lead to the cut.
async fn remove(shared: &Shared, chain: &str, last: i64) -> PortResult<()> {
    while let Some(call) = range(shared, chain, 1, last) {
        let call = call.projection_expression("PK, SK");
        let limit = i32::try_from(TOGETHER).unwrap_or(i32::MAX);
        let answer = call.limit(limit).send().await;
        let answer = answer.map_err(|error| port_error("dynamodb:Query", error))?;
        let keys = answer.items.unwrap_or_default();
        if keys.is_empty() {
            break;
        }
        let mut writes = Vec::with_capacity(keys.len());
        for key in keys {
            let delete = Delete::builder().table_name(shared.table()).set_key(Some(key));
            let delete = delete.build().map_err(incomplete)?;
            writes.push(TransactWriteItem::builder().delete(delete).build());
        }
        // There is no condition that could refuse it.
        drop(shared.transact(writes).await?);
    }
    Ok(())
}
