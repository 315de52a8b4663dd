//! A real control plane under load is killed with SIGKILL at random moments, 20 times, and started
//! again. What it acknowledged must have happened, once; the audit chain must hold, and must break
//! visibly when one byte of the database is changed.
//!
//! The moments come from a seed, which is printed; `CC_DEVOPS_KILL_SEED` repeats it.

#![cfg(test)]

#[path = "kill/clients.rs"]
mod clients;
#[path = "kill/control_plane.rs"]
mod control_plane;
#[path = "kill/dice.rs"]
mod dice;

use std::collections::{BTreeMap, HashMap};
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;
use std::{fs, io};

use futures::stream::{self, StreamExt, TryStreamExt};
use serde_json::Value;
use tokio::time::Instant;

use clients::{AGENT, Api, Clients, Sent, Tally};
use control_plane::{ControlPlane, DataFolder};
use dice::Dice;

const KILLS: u32 = 20;
const CLIENTS: usize = 8;
/// A request that a killed process was carrying out is taken up again at once, whatever its lease says.
const ENDED_WITHIN: Duration = Duration::from_secs(10);
/// How many questions are asked at the same time.
const QUESTIONS: usize = 16;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_was_acknowledged_survives_kills_and_a_changed_byte_shows() {
    let seed = Dice::seed();
    println!("CC_DEVOPS_KILL_SEED={seed}");
    let folder = DataFolder::new();

    let (plane, tally, token) = kill_often(&folder, Dice::new(seed)).await;
    println!(
        "{} requests acknowledged, {} without an answer",
        tally.acknowledged.len(),
        tally.unanswered.len()
    );
    assert!(tally.refusals.is_empty(), "{:?}", tally.refusals);
    assert!(
        tally.acknowledged.len() > 20 * CLIENTS,
        "the load was too small to prove anything"
    );

    let api = Arc::new(Api::new(plane.url(), &token));
    let outcomes = every_request_ended_in_success(&api, &tally).await;
    every_secret_was_written_once(&folder, &outcomes);
    every_value_decrypts(&api, &tally, &outcomes).await;
    every_event_tells_the_same(&api, &outcomes).await;
    let row = one_audit_row_each(&folder, &outcomes);
    let verified = folder.cli(&["audit", "verify"]);
    assert!(verified.status.success(), "{verified:?}");

    plane.stop().await;
    a_changed_byte_is_found(&folder, &row);
}

/// Kills the control plane while the clients send, and leaves it running after the last restart.
async fn kill_often(folder: &DataFolder, mut dice: Dice) -> (ControlPlane, Tally, String) {
    let mut plane = folder.serve().ready().await;
    let token = folder.add_agent(AGENT);
    let clients = Clients::start(CLIENTS, &token, &mut dice);
    for kill in 1..=KILLS {
        clients.serve_from(plane.url());
        // What is killed at is the moment itself, so there is nothing else to wait for.
        tokio::time::sleep(dice.between_ms(10, 400)).await;
        plane.kill().await;
        if kill < KILLS && dice.below(4) == 0 {
            // The next one dies while it starts and takes up what was left.
            let starting = folder.serve();
            tokio::time::sleep(dice.between_ms(1, 150)).await;
            starting.kill().await;
        }
        plane = folder.serve().ready().await;
    }
    (plane, clients.stop().await, token)
}

/// The outcome of each request that was acknowledged, and of each other that was recorded.
async fn every_request_ended_in_success(api: &Arc<Api>, tally: &Tally) -> HashMap<String, Value> {
    let deadline = Instant::now() + ENDED_WITHIN;
    let mut open: Vec<(&Sent, bool)> = tally.acknowledged.iter().map(|sent| (sent, true)).collect();
    open.extend(tally.unanswered.iter().map(|sent| (sent, false)));
    let mut outcomes = HashMap::new();
    let mut looks = tokio::time::interval(Duration::from_millis(200));
    while !open.is_empty() {
        looks.tick().await;
        let found: Vec<(&Sent, bool, Option<Value>)> = stream::iter(open)
            .map(|(sent, acknowledged)| async move { (sent, acknowledged, api.request(&sent.id).await) })
            .buffer_unordered(QUESTIONS)
            .collect()
            .await;
        open = Vec::new();
        for (sent, acknowledged, request) in found {
            match request {
                None => assert!(!acknowledged, "{} was acknowledged and is lost", sent.id),
                // Published: its event can be read, too.
                Some(request) if request["state"] == "published" => {
                    let completed = request["completed"].clone();
                    assert_eq!(completed["status"], "success", "{request}");
                    assert_eq!(completed["result"]["secretName"], sent.name, "{request}");
                    assert_eq!(completed["result"]["action"], "created", "{request}");
                    outcomes.insert(sent.id.clone(), completed);
                }
                Some(request) => {
                    assert!(
                        Instant::now() < deadline,
                        "not ended within {ENDED_WITHIN:?}: {request}"
                    );
                    open.push((sent, acknowledged));
                }
            }
        }
    }
    outcomes
}

/// Each request writes a secret of its own, so a second effect would be a second version.
fn every_secret_was_written_once(folder: &DataFolder, outcomes: &HashMap<String, Value>) {
    let listed = folder.cli_json(&["secrets", "list"]);
    let versions: BTreeMap<&str, &Value> = listed["secrets"]
        .as_array()
        .unwrap()
        .iter()
        .map(|secret| (secret["name"].as_str().unwrap(), &secret["versions"]))
        .collect();
    for (name, count) in &versions {
        assert_eq!(**count, 1, "{name} was written more than once");
    }
    assert_eq!(
        versions.len(),
        outcomes.len(),
        "a secret was written without an outcome"
    );
}

async fn every_value_decrypts(api: &Arc<Api>, tally: &Tally, outcomes: &HashMap<String, Value>) {
    stream::iter(tally.acknowledged.iter().chain(&tally.unanswered))
        .filter(|sent| std::future::ready(outcomes.contains_key(&sent.id)))
        .for_each_concurrent(QUESTIONS, |sent| async move {
            let secret = api.secret(&sent.name).await;
            assert_eq!(secret["value"], sent.value, "{}", sent.name);
            assert_eq!(
                secret["versionId"], outcomes[&sent.id]["result"]["versionId"],
                "{}",
                sent.name
            );
        })
        .await;
}

/// An event may come more than once, but never with another outcome.
async fn every_event_tells_the_same(api: &Arc<Api>, outcomes: &HashMap<String, Value>) {
    let mut told: HashMap<String, u32> = HashMap::new();
    let events: Vec<Value> = api.events().try_collect().await.unwrap();
    for event in &events {
        let id = event["detail"]["requestId"].as_str().unwrap();
        assert_eq!(&event["detail"], &outcomes[id], "two outcomes of {id}");
        *told.entry(id.to_owned()).or_default() += 1;
    }
    for id in outcomes.keys() {
        assert!(told.contains_key(id), "the outcome of {id} was never told");
    }
}

/// Checks that each request is on record once; gives one of the rows.
fn one_audit_row_each(folder: &DataFolder, outcomes: &HashMap<String, Value>) -> Value {
    let exported = folder.cli(&["audit", "export", "--action", "putSecret"]);
    assert!(exported.status.success(), "{exported:?}");
    let rows: Vec<Value> = String::from_utf8(exported.stdout)
        .unwrap()
        .lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect();
    let mut by_request: HashMap<&str, &Value> = HashMap::new();
    for row in &rows {
        assert_eq!(row["status"], "success", "{row}");
        let id = row["requestId"].as_str().unwrap();
        assert!(by_request.insert(id, row).is_none(), "{id} is on record twice");
        assert!(outcomes.contains_key(id), "{id} is on record without an outcome");
    }
    assert_eq!(by_request.len(), outcomes.len(), "an outcome is not on record");
    rows[rows.len() / 2].clone()
}

/// Changes one byte of the row's text in the file; the check must fail and name the row.
fn a_changed_byte_is_found(folder: &DataFolder, row: &Value) {
    let database = folder.data().join("control-plane.db");
    let id = row["requestId"].as_str().unwrap();
    // So it stands in an audit row and nowhere else.
    let text = format!(r#""action":"putSecret","requestId":"{id}","stage""#);
    let seq = row["seq"].as_i64().unwrap();
    let whole = fs::read(&database).unwrap();
    let places: Vec<usize> = whole
        .windows(text.len())
        .enumerate()
        .filter(|(_, window)| *window == text.as_bytes())
        .map(|(place, _)| place)
        .collect();
    assert!(!places.is_empty(), "the row's text is not in the file");
    // Where SQLite moved a row, a copy may be left in space that nothing points to.
    let found = places.into_iter().any(|place| {
        change_byte(&database, &whole, place + text.len() - r#"","stage""#.len() - 1).unwrap();
        let verified = folder.cli(&["audit", "verify", "--json"]);
        fs::write(&database, &whole).unwrap();
        if verified.status.success() {
            return false;
        }
        assert_eq!(verified.status.code(), Some(1), "{verified:?}");
        let report: Value = serde_json::from_slice(&verified.stdout).unwrap();
        let named: Vec<i64> = report["breaks"]
            .as_array()
            .unwrap()
            .iter()
            .map(|found| found["seq"].as_i64().unwrap())
            .collect();
        assert!(
            !named.is_empty() && named.iter().all(|named| *named == seq),
            "row {seq} was changed: {report}"
        );
        true
    });
    assert!(found, "the changed byte was not found");
    let verified = folder.cli(&["audit", "verify"]);
    assert!(verified.status.success(), "{verified:?}");
}

fn change_byte(file: &Path, whole: &[u8], place: usize) -> io::Result<()> {
    let mut changed = whole.to_vec();
    changed[place] ^= 1;
    fs::write(file, changed)
}
