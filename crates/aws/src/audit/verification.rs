//! Checks the trail: every chain from its start or its cut to its end, every end that a checkpoint bound,
//! and the checkpoints' own end.
//!
//! Rows are read page by page; what is kept is one line for each chain.

use std::collections::BTreeMap;
use std::ops::ControlFlow;
use std::time::Duration;

use backon::{BackoffBuilder, ExponentialBuilder};
use cc_devops_kernel::audit::{AuditRow, Break, ChainHash, Verification, Verifier};
use cc_devops_kernel::ports::{PortErrorKind, PortResult};
use futures::{StreamExt, stream};

use super::checkpoints::{self, Bound};
use super::cut::{self, Standing};
use super::head::{CHAIN, Head};
use super::row::{StoredRow, partition};
use crate::Shared;
use crate::error::port_error;
use crate::table::{Item, from_item, text};

/// How many chains are read at once.
const AT_ONCE: usize = 8;

/// Checks everything. Chains are found through the index and through the checkpoints, so neither a
/// chain that was deleted nor one that was hidden from the index escapes.
pub(super) async fn verify(shared: &Shared) -> PortResult<Verification> {
    let mut all = Verification {
        rows: 0,
        cut: 0,
        breaks: Vec::new(),
    };
    let mut bound = walk_checkpoints(shared, &mut all).await?;
    checkpoints::for_each_key(shared, 0, |chain, _, _| {
        if chain != CHAIN && !bound.contains_key(chain) {
            bound.insert(chain.to_owned(), None);
        }
        ControlFlow::Continue(())
    })
    .await?;
    let walks = bound.into_iter().map(|(chain, bound)| walk_chain(shared, chain, bound));
    let mut walks = stream::iter(walks).buffered(AT_ONCE);
    while let Some(walk) = walks.next().await {
        walk?.finish(&mut all);
    }
    Ok(all)
}

async fn walk_chain(shared: &Shared, chain: String, bound: Option<Bound>) -> PortResult<Walk> {
    let mut cut = cut_of(shared, &chain).await?;
    loop {
        let mut walk = Walk::of(chain.clone(), bound.clone()).behind(cut.as_ref());
        walk.run(shared, |_| Ok(())).await?;
        walk.check_bound();
        if walk.is_whole() {
            return Ok(walk);
        }
        // Where it was cut meanwhile, rows went from under the walk.
        let now = cut_of(shared, &chain).await?;
        if now == cut {
            return Ok(walk);
        }
        cut = now;
    }
}

/// Where a chain is cut.
async fn cut_of(shared: &Shared, chain: &str) -> PortResult<Option<Standing>> {
    Ok(cut::standing(shared, [chain]).await?.remove(chain))
}

/// The chains that checkpoints bound, each with its newest end.
type Bounds = BTreeMap<String, Option<Bound>>;

/// Checks the checkpoints; the chains they bound.
async fn walk_checkpoints(shared: &Shared, all: &mut Verification) -> PortResult<Bounds> {
    let mut cut = cut_of(shared, CHAIN).await?;
    loop {
        let (walk, bounds) = walk_checkpoints_behind(shared, cut.as_ref()).await?;
        let now = if walk.is_whole() {
            cut.clone()
        } else {
            cut_of(shared, CHAIN).await?
        };
        if now == cut {
            walk.finish(all);
            return Ok(bounds);
        }
        cut = now;
    }
}

async fn walk_checkpoints_behind(shared: &Shared, cut: Option<&Standing>) -> PortResult<(Walk, Bounds)> {
    let mut bound = Bounds::new();
    let keys = shared.keys().await?;
    let mut problem = None;
    // Read before the rows are: to which of them it vouches for.
    let head = match Head::read(shared).await {
        Ok(head) => head.unwrap_or_else(Head::none),
        Err(error) if error.kind == PortErrorKind::Corrupt => {
            problem = Some("the record of the checkpoints' end cannot be read");
            Head::none()
        }
        Err(error) => return Err(error),
    };
    if problem.is_none() && head.seq > 0 && !head.is_ours(keys) {
        problem = Some("the record of the checkpoints' end was not written by this ledger");
    }
    let vouched = if problem.is_some() { i64::MAX } else { head.seq };
    let end = Bound {
        seq: head.seq,
        hash: head.hash,
    };
    let walk = Walk::of(CHAIN.to_owned(), (problem.is_none() && head.seq > 0).then_some(end));
    let mut walk = walk.behind(cut);
    walk.run(shared, |row| {
        let heads = checkpoints::heads_in(&row.entry).ok_or("it is not a checkpoint")?;
        // Anybody who can write the table could put a row behind the end, to bind what they like.
        if row.seq <= vouched {
            for (chain, new) in heads {
                let known = bound.entry(chain).or_default();
                if known.as_ref().is_none_or(|known| known.seq < new.seq) {
                    *known = Some(new);
                }
            }
        }
        Ok(())
    })
    .await?;
    walk.check_bound();
    if let Some(problem) = problem {
        walk.broken(head.seq.max(1), problem.to_owned());
    } else if walk.last_place() > head.seq
        && let Some((end, hash)) = walk.end()
        && let Some(problem) = unvouched(shared, end, hash).await?
    {
        walk.broken(head.seq + 1, problem);
    }
    Ok((walk, bound))
}

/// What is wrong with a checkpoint behind the record of their end. It may have been written since
/// the record was read; then the record says so by now, or a moment later: a transaction's writes
/// can be seen one by one.
async fn unvouched(shared: &Shared, end: i64, hash: ChainHash) -> PortResult<Option<String>> {
    let keys = shared.keys().await?;
    let looks = ExponentialBuilder::default().with_min_delay(Duration::from_millis(50));
    let mut pauses = looks.with_jitter().build();
    loop {
        let problem = match Head::read(shared).await {
            Ok(Some(head)) if !head.is_ours(keys) => {
                "the record of the checkpoints' end was not written by this ledger".to_owned()
            }
            Ok(Some(head)) if head.seq > end || (head.seq == end && head.hash == hash) => return Ok(None),
            Ok(Some(head)) => format!(
                "row {end} stands behind the checkpoints' end, which is row {}: this ledger did not write it",
                head.seq
            ),
            Ok(None) => "the record of the checkpoints' end is missing".to_owned(),
            Err(error) if error.kind == PortErrorKind::Corrupt => {
                "the record of the checkpoints' end cannot be read".to_owned()
            }
            Err(error) => return Err(error),
        };
        match pauses.next() {
            Some(pause) => tokio::time::sleep(pause).await,
            None => return Ok(Some(problem)),
        }
    }
}

/// A walk along one chain.
struct Walk {
    chain: String,
    verifier: Verifier,
    /// Rows that could not be read.
    unreadable: u64,
    /// The place of the last row, readable or not.
    last: i64,
    breaks: Vec<Break>,
    /// Where it is cut.
    cut: Option<(i64, ChainHash)>,
    /// The end that is vouched for.
    bound: Option<Bound>,
    /// What stands where that end should.
    found: Option<ChainHash>,
}

impl Walk {
    fn of(chain: String, bound: Option<Bound>) -> Self {
        Self {
            verifier: Verifier::of_chain(Some(chain.clone())),
            chain,
            unreadable: 0,
            last: 0,
            breaks: Vec::new(),
            cut: None,
            bound,
            found: None,
        }
    }

    /// The same walk, from where the chain is cut.
    fn behind(mut self, cut: Option<&Standing>) -> Self {
        match cut {
            None => {}
            Some(&Standing::Cut(seq, hash)) => {
                self.cut = Some((seq, hash));
                self.verifier.cut_at(seq, hash);
            }
            Some(Standing::Forged) => {
                self.broken(
                    1,
                    "the record of the chain's cut was not written by this ledger".to_owned(),
                );
            }
        }
        self
    }

    /// Whether nothing is broken so far.
    fn is_whole(&self) -> bool {
        self.breaks.is_empty() && self.verifier.is_whole()
    }

    /// The place of the last row, or of the cut where no row stands behind it.
    fn last_place(&self) -> i64 {
        self.last.max(self.cut.map_or(0, |(seq, _)| seq))
    }

    /// Takes every row; `take` says what else is wrong with it.
    async fn run(
        &mut self,
        shared: &Shared,
        mut take: impl FnMut(&AuditRow) -> Result<(), &'static str>,
    ) -> PortResult<()> {
        let mut start = None;
        loop {
            let call = shared.clients.dynamodb().query().table_name(shared.table());
            let call = call
                .consistent_read(true)
                .key_condition_expression("PK = :chain")
                .expression_attribute_values(":chain", text(partition(&self.chain)));
            let answer = call.set_exclusive_start_key(start).send().await;
            let answer = answer.map_err(|error| port_error("dynamodb:Query", error))?;
            // Rows before the cut may have been removed since the last page.
            if let Some((seq, hash)) = self.cut {
                self.verifier.cut_at(seq, hash);
            }
            for item in answer.items.unwrap_or_default() {
                self.row(item, &mut take);
            }
            start = answer.last_evaluated_key;
            if start.is_none() {
                return Ok(());
            }
        }
    }

    fn row(&mut self, item: Item, take: &mut impl FnMut(&AuditRow) -> Result<(), &'static str>) {
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
                if let Err(problem) = take(&row) {
                    self.broken(row.seq, format!("row {} was changed: {problem}", row.seq));
                }
            }
            Err(problem) => {
                self.unreadable += 1;
                self.broken(self.last, problem);
            }
        }
    }

    /// The place and hash of the last row that could be read.
    fn end(&self) -> Option<(i64, ChainHash)> {
        self.verifier.last()
    }

    fn broken(&mut self, seq: i64, problem: String) {
        let chain = Some(self.chain.clone());
        self.breaks.push(Break { chain, seq, problem });
    }

    /// Holds the chain's end against the one that is vouched for.
    fn check_bound(&mut self) {
        let Some(bound) = self.bound.take() else { return };
        let last = self.last_place();
        if let Some((seq, hash)) = self.cut
            && seq == bound.seq
        {
            self.found.get_or_insert(hash);
        }
        if bound.seq > last {
            let missing = match last + 1 {
                first if first == bound.seq => format!("row {first} is missing at the end"),
                first => format!("rows {first} to {} are missing at the end", bound.seq),
            };
            self.broken(last + 1, missing);
        } else if self.found.is_some_and(|found| found != bound.hash) {
            let problem = format!("row {} is not the one that was bound by its hash", bound.seq);
            self.broken(bound.seq, problem);
        }
    }

    fn finish(self, all: &mut Verification) {
        let walked = self.verifier.finish();
        all.rows += walked.rows + self.unreadable;
        all.cut += walked.cut;
        let mut breaks = walked.breaks;
        breaks.extend(self.breaks);
        breaks.sort_by_key(|found| found.seq);
        all.breaks.extend(breaks);
    }
}
