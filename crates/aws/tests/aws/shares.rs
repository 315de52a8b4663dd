//! How many writes each partition key gets of a load: none so many that it bounds a stage.

use std::collections::{BTreeMap, HashMap};
use std::time::Instant;

use cc_devops_aws::Backend;
use cc_devops_requests::record::Receipt;
use cc_devops_testkit::peers;
use cc_devops_testkit::sample::{self, after};
use futures::future::join_all;
use serde_json::Value;

use crate::harness;
use crate::line::Line;

/// How many requests a second a stage takes on paper.
const RATE: f64 = 3_000.0;

/// How many write units a second a partition key takes.
const KEY: f64 = 1_000.0;

/// How many requests there are at once: a batch of the queue.
const BATCH: usize = 10;

const BATCHES: usize = 24;

/// A putSecret as the ledger sees it.
async fn put_secret(backend: &Backend, id: &str) {
    let ledger = backend.ledger();
    let request = sample::request(id);
    let received = ledger.receive(&request, Some(after(60))).await.unwrap();
    let Receipt::Claimed(claim) = received else { return };
    let conclusion = sample::success(&request.head, 2);
    ledger.conclude(&claim, &conclusion).await.unwrap();
}

/// Where items stand in the two indexes, and how many units each key was written.
#[derive(Default)]
struct Units {
    keys: BTreeMap<String, f64>,
    indexed: HashMap<(String, &'static str), String>,
}

impl Units {
    fn add(&mut self, key: &str, units: f64) {
        *self.keys.entry(key.to_owned()).or_default() += units;
    }

    /// An item stands at another place of an index from now on, or at none. Out of one and into another are two
    /// writes.
    fn moves(&mut self, (pk, sk): (&str, &str), name: &'static str, place: Option<&str>) {
        let item = (format!("{pk}/{sk}"), name);
        let before = match place {
            Some(place) => self.indexed.insert(item, place.to_owned()),
            None => self.indexed.remove(&item),
        };
        for key in before.as_deref().into_iter().chain(place) {
            self.add(&format!("{name} {key}"), 1.0);
        }
    }

    fn write(&mut self, write: &Value, units: f64) {
        let text = |value: &Value| value["S"].as_str().map(str::to_owned);
        let item = write.get("Item").or(write.get("Key")).unwrap();
        let (pk, sk) = (text(&item["PK"]).unwrap(), text(&item["SK"]).unwrap());
        self.add(&pk, units);
        if write.get("Item").is_some() {
            for name in ["WPK", "TPK"] {
                self.moves((&pk, &sk), name, item[name]["S"].as_str());
            }
        } else {
            let update = write["UpdateExpression"].as_str().unwrap();
            if update
                .split("REMOVE")
                .nth(1)
                .is_some_and(|removes| removes.contains("WPK"))
            {
                self.moves((&pk, &sk), "WPK", None);
            }
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_partition_key_bounds_a_stage_below_three_thousand_requests_a_second() {
    let peer = peers::ministack().await;
    let line = Line::default();
    let backend = line.to(&harness::backend(&peer).await, 1);
    backend.fingerprint_key().await.unwrap();
    line.calls("");
    let (mut units, outbox, began) = (Units::default(), backend.outbox(), Instant::now());
    for batch in 0..BATCHES {
        let ids: Vec<String> = (0..BATCH).map(|number| format!("r{batch}-{number}")).collect();
        join_all(ids.iter().map(|id| put_secret(&backend, id))).await;
        let due = outbox.due(outbox.consumers(), after(3), BATCH).await.unwrap();
        assert_eq!(due.len(), BATCH);
        outbox.settle(after(3), &harness::done(&due)).await.unwrap();
        for (operation, body) in line.all_calls() {
            match operation.as_str() {
                "PutItem" | "UpdateItem" => units.write(&body, 1.0),
                "TransactWriteItems" => {
                    for write in body["TransactItems"].as_array().unwrap() {
                        let write = write.get("Put").or(write.get("Update")).unwrap();
                        units.write(write, 2.0);
                    }
                }
                other => assert!(!other.contains("Write"), "{other} writes too"),
            }
        }
    }
    let spent = began.elapsed();
    // The counter is written once in 10 ms by a process at most, however many requests there are.
    let counted = units.keys.remove("LOG").unwrap();
    let most = spent.as_secs_f64() / 0.010 + 1.0;
    assert!(counted <= most, "the counter was written {counted} times in {spent:?}");
    // A partition of the log has 128 places, each written twice, and never again.
    let (log, others): (Vec<_>, Vec<_>) = units.keys.iter().partition(|(key, _)| key.starts_with("LOG#"));
    assert!(
        !log.is_empty() && log.iter().all(|(_, units)| **units <= KEY),
        "{log:?}"
    );
    let requests = f64::from(u32::try_from(BATCH * BATCHES).unwrap());
    // Rows of the trail are found by the secret they are about: one secret's, which Secrets Manager writes far seldomer.
    let (about, others): (Vec<_>, Vec<_>) = others.into_iter().partition(|(key, _)| key.starts_with("WPK ABOUT#"));
    assert!(about.iter().all(|(_, units)| **units <= requests), "{about:?}");
    let worst = others.iter().max_by(|one, other| one.1.total_cmp(other.1)).unwrap();
    let (key, of_each) = (worst.0, worst.1 / requests);
    assert!(of_each * RATE <= KEY, "{key} takes {of_each} units of each request");
}
