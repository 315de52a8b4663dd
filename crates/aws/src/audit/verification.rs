//! Checks the trail: every chain from its start to its end, and every end that a checkpoint bound.

use std::collections::BTreeMap;

use cc_devops_core::audit::{AuditRow, Break, ChainHash, Verification, Verifier};
use cc_devops_core::ports::PortResult;

use super::checkpoints::{self, Bound, CHAIN, Head};
use super::row::{StoredRow, partition};
use crate::Shared;
use crate::error::port_error;
use crate::table::{Item, from_item, text};

/// Checks everything. Chains are found through the index and through the checkpoints, so neither a
/// chain that was deleted nor one that was hidden from the index escapes.
pub(super) async fn verify(shared: &Shared) -> PortResult<Verification> {
    let mut bound = BTreeMap::<String, Option<Bound>>::new();
    let mut all = Verification {
        rows: 0,
        breaks: Vec::new(),
    };

    // Read before the rows are, so that a checkpoint written meanwhile is no surprise.
    let head = checkpoints::head(shared).await;
    let mut checkpoints = Walk::of(CHAIN);
    checkpoints
        .run(shared, |row| {
            let heads = row.entry.detail.get("heads").cloned().unwrap_or_default();
            let heads: BTreeMap<String, Bound> = serde_json::from_value(heads).unwrap_or_default();
            for (chain, new) in heads {
                let known = bound.entry(chain).or_default();
                if known.as_ref().is_none_or(|known| known.seq < new.seq) {
                    *known = Some(new);
                }
            }
        })
        .await?;
    match head {
        Ok(head) => checkpoints.check_end(head, shared.keys().await?),
        Err(_) => checkpoints.broken(1, "the record of the checkpoints' end cannot be read".to_owned()),
    }
    checkpoints.finish(&mut all);

    checkpoints::for_each_key(shared, 0, |chain, _, _| {
        if chain != CHAIN && !bound.contains_key(chain) {
            bound.insert(chain.to_owned(), None);
        }
    })
    .await?;
    for (chain, bound) in bound {
        let mut walk = Walk::of(&chain);
        walk.bound = bound;
        walk.run(shared, |_| {}).await?;
        walk.check_bound();
        walk.finish(&mut all);
    }
    Ok(all)
}

/// A walk along one chain.
struct Walk {
    chain: String,
    verifier: Verifier,
    rows: u64,
    /// The place of the last row, readable or not.
    last: i64,
    breaks: Vec<Break>,
    bound: Option<Bound>,
    /// What stands where the bound row should.
    found: Option<ChainHash>,
    /// The hashes of the last rows, for the checkpoints' end: newer ones may have been written since.
    hashes: Vec<(i64, ChainHash)>,
}

impl Walk {
    fn of(chain: &str) -> Self {
        Self {
            chain: chain.to_owned(),
            verifier: Verifier::of_chain(Some(chain.to_owned())),
            rows: 0,
            last: 0,
            breaks: Vec::new(),
            bound: None,
            found: None,
            hashes: Vec::new(),
        }
    }

    async fn run(&mut self, shared: &Shared, mut take: impl FnMut(&AuditRow)) -> PortResult<()> {
        let mut start = None;
        loop {
            let call = shared
                .clients
                .dynamodb()
                .query()
                .table_name(shared.table())
                .consistent_read(true);
            let call = call
                .key_condition_expression("PK = :chain")
                .expression_attribute_values(":chain", text(partition(&self.chain)));
            let answer = call.set_exclusive_start_key(start).send().await;
            let answer = answer.map_err(|error| port_error("dynamodb:Query", error))?;
            for item in answer.items.unwrap_or_default() {
                self.row(item, &mut take);
            }
            start = answer.last_evaluated_key;
            if start.is_none() {
                return Ok(());
            }
        }
    }

    fn row(&mut self, item: Item, take: &mut impl FnMut(&AuditRow)) {
        let place = item
            .get("SK")
            .and_then(|sk| sk.as_s().ok())
            .and_then(|sk| sk.parse().ok());
        self.last = place.unwrap_or(self.last + 1);
        let row = from_item::<StoredRow>(item, "an audit row");
        let row = row.map_err(|_| format!("row {} was changed: it cannot be read", self.last));
        match row.and_then(StoredRow::read) {
            Ok(row) => {
                self.verifier.take(&row);
                if self.bound.as_ref().is_some_and(|bound| bound.seq == row.seq) {
                    self.found = Some(row.hash);
                }
                if self.chain == CHAIN {
                    self.hashes.push((row.seq, row.hash));
                }
                take(&row);
            }
            Err(problem) => {
                self.rows += 1;
                self.broken(self.last, problem);
            }
        }
    }

    fn broken(&mut self, seq: i64, problem: String) {
        let chain = Some(self.chain.clone());
        self.breaks.push(Break { chain, seq, problem });
    }

    /// Holds the chain's end against what a checkpoint bound.
    fn check_bound(&mut self) {
        let Some(bound) = self.bound.take() else { return };
        if bound.seq > self.last {
            let missing = match self.last + 1 {
                first if first == bound.seq => format!("row {first} is missing at the end"),
                first => format!("rows {first} to {} are missing at the end", bound.seq),
            };
            self.broken(self.last + 1, missing);
        } else if self.found.is_some_and(|found| found != bound.hash) {
            self.broken(
                bound.seq,
                format!("row {} is not the one that a checkpoint bound", bound.seq),
            );
        }
    }

    /// Holds the checkpoints' end against its record.
    fn check_end(&mut self, head: Option<Head>, keys: &crate::keys::Derived) {
        let Some(head) = head else {
            // Before the first checkpoint there is neither.
            if self.last > 0 {
                self.broken(self.last, "the record of the checkpoints' end is missing".to_owned());
            }
            return;
        };
        let Some(hash) = head
            .hash
            .filter(|hash| hex::encode(keys.checkpoint_mac(&hash.0)) == head.mac)
        else {
            let problem = "the record of the checkpoints' end was not written by this ledger".to_owned();
            return self.broken(head.seq, problem);
        };
        if head.seq > self.last {
            let problem = format!("checkpoints {} to {} are missing at the end", self.last + 1, head.seq);
            self.broken(self.last + 1, problem);
        } else if self
            .hashes
            .iter()
            .any(|(seq, found)| *seq == head.seq && *found != hash)
        {
            self.broken(
                head.seq,
                format!("checkpoint {} is not the one that was written", head.seq),
            );
        }
    }

    fn finish(self, all: &mut Verification) {
        let walked = self.verifier.finish();
        all.rows += walked.rows + self.rows;
        let mut breaks = walked.breaks;
        breaks.extend(self.breaks);
        breaks.sort_by_key(|found| found.seq);
        all.breaks.extend(breaks);
    }
}
