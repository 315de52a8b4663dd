//! The audit trail against somebody who can write the table, against lost answers, and with several
//! sweeps at once.

use std::collections::HashMap;

use aws_sdk_dynamodb::types::{AttributeValue, PutRequest, WriteRequest};
use cc_devops_aws::Backend;
use cc_devops_kernel::audit::{AuditEntry, AuditFilter, AuditRow, Break, ChainHash, actions, link};
use cc_devops_kernel::ports::{Clock as _, PortErrorKind, SystemClock};
use cc_devops_testkit::{peers, sample};
use serde_json::{Value, json};

use crate::harness;
use crate::line::{Fault, Line};

type Item = HashMap<String, AttributeValue>;

const CHECKPOINTS: &str = "checkpoints";

fn entry(number: i64) -> AuditEntry {
    sample::audit_entry(actions::SECRET_READ, number)
}

fn text(text: impl Into<String>) -> AttributeValue {
    AttributeValue::S(text.into())
}

fn key(chain: &str, seq: i64) -> Item {
    Item::from([
        ("PK".to_owned(), text(format!("AUDIT#{chain}"))),
        ("SK".to_owned(), text(format!("{seq:016}"))),
    ])
}

fn head_key() -> Item {
    Item::from([("PK".to_owned(), text("AUDIT")), ("SK".to_owned(), text("CHECKPOINT"))])
}

/// A row with a hash that is right, and that hash.
fn row(chain: &str, seq: i64, prev: ChainHash, entry: &AuditEntry) -> (Item, ChainHash) {
    let hash = link(prev, seq, entry);
    let mut item = key(chain, seq);
    item.extend([
        ("TPK".to_owned(), text("audit")),
        (
            "TSK".to_owned(),
            text(format!("{:016}", SystemClock.now().as_microsecond())),
        ),
        ("chain".to_owned(), text(chain)),
        ("seq".to_owned(), AttributeValue::N(seq.to_string())),
        ("entry".to_owned(), text(serde_json::to_string(entry).unwrap())),
        ("prev_hash".to_owned(), text(prev.to_string())),
        ("hash".to_owned(), text(hash.to_string())),
    ]);
    (item, hash)
}

/// A trail, seen by somebody who can read and write the table but has none of its keys.
struct Trail(Backend);

impl Trail {
    /// So many rows in one chain, bound by one checkpoint.
    async fn bound(peer: &peers::Peer, rows: i64) -> (Self, String) {
        let trail = Self(harness::backend(peer).await);
        for number in 1..=rows {
            trail.0.audit().append(&entry(number)).await.unwrap();
        }
        trail.checkpoint().await;
        let chain = trail.chains().await.pop().unwrap();
        (trail, chain)
    }

    async fn checkpoint(&self) {
        self.0.audit().checkpoint(SystemClock.now()).await.unwrap();
    }

    async fn rows(&self) -> Vec<AuditRow> {
        let filter = AuditFilter::default();
        self.0.audit().list(&filter, None, 10_000).await.unwrap().items
    }

    /// The chains, without the checkpoints.
    async fn chains(&self) -> Vec<String> {
        let mut chains: Vec<String> = self.rows().await.into_iter().filter_map(|row| row.chain).collect();
        chains.sort_unstable();
        chains.dedup();
        chains.retain(|chain| chain != CHECKPOINTS);
        chains
    }

    /// How many checkpoints there are.
    async fn checkpoints(&self) -> usize {
        let rows = self.rows().await;
        rows.iter()
            .filter(|row| row.chain.as_deref() == Some(CHECKPOINTS))
            .count()
    }

    async fn breaks(&self) -> Vec<Break> {
        self.0.audit().verify().await.unwrap().breaks
    }

    async fn get(&self, key: Item) -> Option<Item> {
        let call = self.0.clients().dynamodb().get_item();
        let call = call.table_name(&self.0.resources().ledger_table).consistent_read(true);
        call.set_key(Some(key)).send().await.unwrap().item
    }

    async fn put(&self, item: Item) {
        let call = self.0.clients().dynamodb().put_item();
        let call = call.table_name(&self.0.resources().ledger_table);
        call.set_item(Some(item)).send().await.unwrap();
    }

    async fn delete(&self, key: Item) {
        let call = self.0.clients().dynamodb().delete_item();
        let call = call.table_name(&self.0.resources().ledger_table);
        call.set_key(Some(key)).send().await.unwrap();
    }

    async fn change(&self, key: Item, name: &str, value: AttributeValue) {
        let mut item = self.get(key).await.unwrap();
        item.insert(name.to_owned(), value);
        self.put(item).await;
    }

    /// Writes a chain anew from a row on, with hashes that are right; the last hash.
    async fn rewrite(&self, chain: &str, from: i64, entries: &[AuditEntry]) -> ChainHash {
        let mut prev = match self.get(key(chain, from - 1)).await {
            Some(row) => ChainHash::try_from(row["hash"].as_s().unwrap().clone()).unwrap(),
            None => ChainHash::start_of(Some(chain)),
        };
        for (seq, entry) in (from..).zip(entries) {
            let (item, hash) = row(chain, seq, prev, entry);
            self.put(item).await;
            prev = hash;
        }
        prev
    }

    /// Begins so many chains by one row each.
    async fn begin(&self, chains: &[String]) {
        let table = &self.0.resources().ledger_table;
        let of = |chain: &String| {
            let (item, _) = row(chain, 1, ChainHash::start_of(Some(chain)), &entry(1));
            let put = PutRequest::builder().set_item(Some(item)).build().unwrap();
            WriteRequest::builder().put_request(put).build()
        };
        for some in chains.chunks(25) {
            let call = self.0.clients().dynamodb().batch_write_item();
            let call = call.request_items(table, some.iter().map(of).collect());
            let left = call.send().await.unwrap().unprocessed_items;
            assert!(left.is_none_or(|left| left.is_empty()));
        }
    }

    /// Puts a checkpoint behind the last, which binds a chain's end.
    async fn forge_checkpoint(&self, seq: i64, chain: &str, end: (i64, ChainHash)) -> ChainHash {
        let heads: Value = json!({ chain: {"seq": end.0, "hash": end.1} });
        let mut checkpoint = sample::audit_entry(actions::CHECKPOINT, 1);
        checkpoint.agent = None;
        checkpoint.detail = json!({ "heads": heads });
        self.rewrite(CHECKPOINTS, seq, &[checkpoint]).await
    }
}

fn at(breaks: &[Break]) -> Vec<(&str, i64)> {
    breaks
        .iter()
        .map(|found| (found.chain.as_deref().unwrap(), found.seq))
        .collect()
}

#[tokio::test]
async fn a_chain_written_anew_is_found_by_its_checkpoint() {
    let peer = peers::ministack().await;
    let (trail, chain) = Trail::bound(&peer, 4).await;
    trail.rewrite(&chain, 3, &[entry(33), entry(44)]).await;
    assert_eq!(at(&trail.breaks().await), [(chain.as_str(), 4)]);
}

#[tokio::test]
async fn a_forged_checkpoint_does_not_cover_a_chain_written_anew() {
    let peer = peers::ministack().await;
    let (trail, chain) = Trail::bound(&peer, 4).await;
    let end = trail.rewrite(&chain, 3, &[entry(33), entry(44), entry(55)]).await;
    trail.forge_checkpoint(2, &chain, (5, end)).await;
    let breaks = trail.breaks().await;
    assert_eq!(at(&breaks), [(CHECKPOINTS, 2), (chain.as_str(), 4)], "{breaks:?}");
    assert!(breaks[0].problem.contains("this ledger did not write it"), "{breaks:?}");
    let refused = trail.0.audit().checkpoint(SystemClock.now()).await.unwrap_err();
    assert_eq!(
        refused.kind,
        PortErrorKind::Corrupt,
        "and no checkpoint is put on top of it: {refused}"
    );
}

#[tokio::test]
async fn a_forged_end_of_the_checkpoints_is_found_and_not_gone_on_from() {
    let peer = peers::ministack().await;
    let (trail, chain) = Trail::bound(&peer, 4).await;
    let end = trail.rewrite(&chain, 3, &[entry(33), entry(44)]).await;
    let hash = trail.forge_checkpoint(1, &chain, (4, end)).await;
    trail.change(head_key(), "hash", text(hash.to_string())).await;
    let breaks = trail.breaks().await;
    assert_eq!(at(&breaks), [(CHECKPOINTS, 1)]);
    assert!(breaks[0].problem.contains("not written by this ledger"), "{breaks:?}");

    trail.0.audit().append(&entry(9)).await.unwrap();
    let refused = trail.0.audit().checkpoint(SystemClock.now()).await.unwrap_err();
    assert_eq!(refused.kind, PortErrorKind::Corrupt);
    assert!(refused.message.contains("audit verify"), "{refused}");
    assert!(
        !trail.breaks().await.is_empty(),
        "a sweep does not put our MAC under the forgery"
    );
}

#[tokio::test]
async fn checkpoints_cannot_be_told_that_everything_is_bound() {
    let peer = peers::ministack().await;
    let (trail, _) = Trail::bound(&peer, 2).await;
    let far = AttributeValue::N("9000000000000000".to_owned());
    trail.change(head_key(), "place", far).await;
    trail.0.audit().append(&entry(3)).await.unwrap();
    let refused = trail.0.audit().checkpoint(SystemClock.now()).await.unwrap_err();
    assert_eq!(refused.kind, PortErrorKind::Corrupt, "{refused}");
    assert_eq!(at(&trail.breaks().await), [(CHECKPOINTS, 1)]);
}

#[tokio::test]
async fn without_the_record_of_their_end_no_checkpoint_is_written_and_it_is_found() {
    let peer = peers::ministack().await;
    let (trail, _) = Trail::bound(&peer, 2).await;
    trail.delete(head_key()).await;
    trail.0.audit().append(&entry(3)).await.unwrap();
    let refused = trail.0.audit().checkpoint(SystemClock.now()).await.unwrap_err();
    assert_eq!(refused.kind, PortErrorKind::Corrupt, "{refused}");
    let breaks = trail.breaks().await;
    assert_eq!(at(&breaks), [(CHECKPOINTS, 1)]);
    assert!(breaks[0].problem.contains("is missing"), "{breaks:?}");
}

#[tokio::test]
async fn a_row_hidden_from_the_list_and_a_deleted_checkpoint_are_found() {
    let peer = peers::ministack().await;
    let (trail, chain) = Trail::bound(&peer, 4).await;
    trail.change(key(&chain, 2), "TPK", text("elsewhere")).await;
    let breaks = trail.breaks().await;
    assert!(breaks[0].problem.contains("hidden"), "{breaks:?}");
    assert!(at(&breaks).contains(&(chain.as_str(), 2)));

    let (trail, _) = Trail::bound(&peer, 2).await;
    trail.0.audit().append(&entry(3)).await.unwrap();
    trail.checkpoint().await;
    trail.delete(key(CHECKPOINTS, 1)).await;
    assert_eq!(at(&trail.breaks().await), [(CHECKPOINTS, 2)], "a gap shows behind it");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn of_many_sweeps_at_once_one_writes_the_checkpoint() {
    let peer = peers::ministack().await;
    let (trail, _) = Trail::bound(&peer, 2).await;
    let others: Vec<Backend> = (0..4).map(|_| harness::on(peer.url(), trail.0.resources())).collect();
    for round in 0..5 {
        let before = trail.checkpoints().await;
        trail.0.audit().append(&entry(round)).await.unwrap();
        let sweeps = others.iter().map(|other| {
            let audit = other.audit();
            tokio::spawn(async move { audit.checkpoint(SystemClock.now()).await })
        });
        for sweep in sweeps.collect::<Vec<_>>() {
            sweep.await.unwrap().unwrap();
        }
        assert_eq!(trail.checkpoints().await, before + 1, "round {round}");
    }
    trail.checkpoint().await;
    assert_eq!(trail.checkpoints().await, 6, "nothing new makes no checkpoint");
    assert_eq!(trail.breaks().await, []);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_ends_of_many_chains_take_several_rows_and_are_bound_once() {
    const CHAINS: usize = 1_600;
    let peer = peers::ministack().await;
    let trail = Trail(harness::backend(&peer).await);
    let chains: Vec<String> = (0..CHAINS).map(|number| format!("writer-{number}")).collect();
    trail.begin(&chains).await;
    trail.checkpoint().await;
    assert_eq!(trail.checkpoints().await, 2);
    trail.checkpoint().await;
    assert_eq!(trail.checkpoints().await, 2, "all are known to be bound");
    let found = trail.0.audit().verify().await.unwrap();
    assert_eq!((found.rows, found.breaks), (1_602, vec![]));
    for number in [3, 1_599] {
        trail.delete(key(&format!("writer-{number}"), 1)).await;
    }
    assert_eq!(
        at(&trail.breaks().await),
        [("writer-1599", 1), ("writer-3", 1)],
        "a chain that is gone is found by either row"
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_trail_is_verified_while_it_grows_and_nothing_is_found() {
    let peer = peers::ministack().await;
    let (trail, _) = Trail::bound(&peer, 2).await;
    let other = harness::on(peer.url(), trail.0.resources());
    let writing = tokio::spawn(async move {
        for number in 0..40 {
            other.audit().append(&entry(number)).await.unwrap();
            other.audit().checkpoint(SystemClock.now()).await.unwrap();
        }
    });
    while !writing.is_finished() {
        assert_eq!(trail.breaks().await, []);
    }
    writing.await.unwrap();
    assert_eq!(trail.0.audit().verify().await.unwrap().rows, 2 + 1 + 40 + 40);
}

#[tokio::test]
async fn a_row_whose_answer_was_lost_stands_once() {
    let peer = peers::ministack().await;
    let trail = Trail(harness::backend(&peer).await);
    let line = Line::default();
    let process = line.to(&trail.0, 3);
    line.fails(1, "PutItem", &Fault::LostAnswer);
    process.audit().append(&entry(1)).await.unwrap();
    process.audit().append(&entry(2)).await.unwrap();
    assert_eq!(trail.rows().await.len(), 2, "the same row was recognised");
    assert_eq!(trail.chains().await.len(), 1, "and its chain goes on");
    assert_eq!(trail.breaks().await, []);
}

#[tokio::test]
async fn after_a_write_that_nobody_knows_of_the_chain_is_left() {
    let peer = peers::ministack().await;
    let trail = Trail(harness::backend(&peer).await);
    let line = Line::default();
    let process = line.to(&trail.0, 1);
    line.fails(1, "PutItem", &Fault::LostAnswer);
    let lost = process.audit().append(&entry(1)).await.unwrap_err();
    assert_eq!(lost.kind, PortErrorKind::Timeout);
    process.audit().append(&entry(2)).await.unwrap();
    assert_eq!(trail.chains().await.len(), 2, "the next entry stands in another chain");
    assert_eq!(trail.breaks().await, []);
}

#[tokio::test]
async fn an_entry_whose_place_is_taken_goes_to_another_chain() {
    let peer = peers::ministack().await;
    let (trail, chain) = Trail::bound(&peer, 2).await;
    // Somebody writes into our chain behind our back.
    trail.rewrite(&chain, 3, &[entry(66)]).await;
    trail.0.audit().append(&entry(3)).await.unwrap();
    assert_eq!(trail.chains().await.len(), 2);
    let ours = trail.rows().await.into_iter().filter(|row| row.entry == entry(3));
    assert_eq!(ours.count(), 1);
}
