//! What is kept and what is not: exports of the audit trail, its cut, and the file that shrinks.

use std::collections::BTreeMap;
use std::fs;
use std::time::{Duration, Instant};

use cc_devops_embedded::{MasterKeySource, Store, StoreOptions};
use cc_devops_kernel::ports::{AuditTrail, Schedule};
use cc_devops_kernel::schedule::Job;
use cc_devops_testkit::sample;
use serde_json::Value;

use crate::process::{Place, Server};

/// Old rows: more than one step removes.
const ROWS: i64 = 1_500;

/// Much longer than anything here takes.
const LONG: Duration = Duration::from_mins(2);

const CUTS: &str = "[retention]\naudit_days = 30\naudit_export_dir = \"exports\"\n";

fn open(place: &Place) -> Store {
    Store::open(StoreOptions {
        data_dir: place.data(),
        master_key: MasterKeySource::File,
        create: true,
    })
    .unwrap()
}

/// Runs something on the store of a place, which no server uses.
fn on_store<T>(place: &Place, work: impl AsyncFnOnce(&Store) -> T) -> T {
    let store = open(place);
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    let done = runtime.block_on(work(&store));
    store.close();
    done
}

/// A trail of old rows.
fn trail(rows: i64) -> Place {
    let place = Place::new();
    on_store(&place, async |store| {
        let audit = store.audit();
        let entries = (1..=rows).map(|number| {
            let (audit, entry) = (audit.clone(), sample::audit_entry("putSecret", number));
            async move { audit.append(&entry).await.unwrap() }
        });
        futures::future::join_all(entries).await;
    });
    place
}

fn exported(place: &Place, arguments: &[&str]) -> Vec<Value> {
    let text = place.run(&[&["audit", "export"], arguments].concat()).exits(0).stdout;
    text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

#[test]
fn an_export_before_a_day_holds_on_its_own_and_replaces_no_file() {
    let place = trail(20);
    let day = "2025-06-15";
    let early = exported(&place, &["--before", "2025-06-15T15:06:51Z"]);
    assert_eq!(early.len(), 10, "the first ten seconds of them");
    assert!(exported(&place, &["--before", day]).is_empty());

    let out = ["audit", "export", "--before", "1d", "--out", "rows.ndjson", "--json"];
    let told = place.run(&out).exits(0).json();
    assert_eq!((&told["rows"], &told["file"]), (&20.into(), &"rows.ndjson".into()));
    place.run(&out).exits(2);
    let file = place.path().join("rows.ndjson");
    let text = fs::read_to_string(&file).unwrap();
    let whole = place
        .run(&["audit", "verify", "--file", "rows.ndjson", "--json"])
        .exits(0)
        .json();
    assert_eq!((&whole["ok"], &whole["rows"]), (&true.into(), &20.into()));
    assert_eq!(whole["chains"][0]["last"], 20);

    fs::write(&file, text.replace("\"n\":7}", "\"n\":8}")).unwrap();
    let broken = place
        .run(&["audit", "verify", "--file", "rows.ndjson", "--json"])
        .exits(1)
        .json();
    assert_eq!(broken["breaks"][0]["seq"], 7, "{broken}");
    let told = place.run(&["audit", "verify", "--file", "rows.ndjson"]).exits(1);
    assert!(told.stdout.contains("BROKEN"), "{told}");
    let lines: Vec<&str> = text.lines().filter(|line| !line.contains("\"n\":7}")).collect();
    fs::write(&file, lines.join("\n")).unwrap();
    let missing = place
        .run(&["audit", "verify", "--file", "rows.ndjson", "--json"])
        .exits(1)
        .json();
    assert_eq!(missing["breaks"][0]["seq"], 8, "{missing}");
    place.run(&["audit", "verify", "--file", "nothing.ndjson"]).exits(3);
}

/// The rows of every export in the folder, by their places.
fn archived(place: &Place) -> BTreeMap<i64, Value> {
    let mut rows = BTreeMap::new();
    let files = fs::read_dir(place.path().join("exports")).unwrap();
    for file in files.map(|file| file.unwrap().path()) {
        if file.extension().is_some_and(|extension| extension == "ndjson") {
            let name = file.display().to_string();
            place.run(&["audit", "verify", "--file", &name]).exits(0);
            for line in fs::read_to_string(&file).unwrap().lines() {
                let row: Value = serde_json::from_str(line).unwrap();
                rows.insert(row["seq"].as_i64().unwrap(), row);
            }
        }
    }
    rows
}

/// Waits until something holds of a running server's place.
fn wait_until(_server: &Server, what: &str, holds: impl Fn() -> bool) {
    let begun = Instant::now();
    while !holds() {
        assert!(begun.elapsed() < LONG, "{what} did not happen");
        std::thread::yield_now();
    }
}

/// Every row that was ever written is in the trail or in an export, and the trail holds.
fn nothing_is_lost(place: &Place, when: &str) -> i64 {
    let verified = place.run(&["audit", "verify", "--json"]);
    let verified = verified.exits(0).json();
    let mut rows = archived(place);
    let left = exported(place, &[]);
    let first = left.first().unwrap()["seq"].as_i64().unwrap();
    for row in left {
        let seq = row["seq"].as_i64().unwrap();
        if let Some(archived) = rows.insert(seq, row.clone()) {
            assert_eq!(archived, row, "{when}: row {seq} was exported as it stands");
        }
    }
    let newest = *rows.last_key_value().unwrap().0;
    let all: Vec<i64> = rows.into_keys().collect();
    assert_eq!(all, (1..=newest).collect::<Vec<_>>(), "{when}: {verified}");
    first
}

#[test]
fn a_kill_in_the_middle_of_a_cut_loses_no_row() {
    let place = trail(ROWS);
    place.configure(CUTS);
    fs::create_dir(place.path().join("exports")).unwrap();
    let exports = || fs::read_dir(place.path().join("exports")).unwrap().count();
    let again = |place: &Place| {
        on_store(place, async |store| {
            let due = store.schedule().due(Job::Retention, sample::START).await.unwrap();
            store
                .schedule()
                .advance(Job::Retention, due, sample::START)
                .await
                .unwrap();
        });
    };

    let server = place.serve();
    wait_until(&server, "an export", || exports() > 0);
    // SIGKILL, between the export, the cut and the removal of rows, wherever it is.
    drop(server);
    nothing_is_lost(&place, "after the first kill");

    again(&place);
    let server = place.serve();
    let cut = || {
        place.run(&["audit", "verify", "--json"]).json()["cut"]
            .as_i64()
            .unwrap()
    };
    wait_until(&server, "a cut", || cut() > 0);
    drop(server);
    nothing_is_lost(&place, "after the second kill");

    again(&place);
    let server = place.serve();
    let first = || exported(&place, &[])[0]["seq"].as_i64().unwrap();
    wait_until(&server, "the end of it", || first() > ROWS);
    assert!(server.stop().success());
    assert!(nothing_is_lost(&place, "in the end") > ROWS);
    let told = place.run(&["audit", "verify"]).exits(0).stdout;
    assert!(told.contains(&format!("{ROWS} older row(s) were cut off")), "{told}");
    let cuts = place
        .run(&["audit", "list", "--action", "audit.cut", "--json"])
        .exits(0)
        .json();
    let file = cuts["rows"][0]["detail"]["file"].as_str().unwrap().to_owned();
    assert!(
        place.path().join("exports").join(file).exists(),
        "the entry names the export"
    );
}

#[test]
fn nothing_is_forgotten_in_maintenance_mode() {
    let place = trail(10);
    place.configure(&format!("mode = \"maintenance\"\n{CUTS}"));
    fs::create_dir(place.path().join("exports")).unwrap();
    let server = place.serve();
    wait_until(&server, "a look at the clock", || {
        let log = fs::read_to_string(place.log()).unwrap();
        log.contains("nothing is forgotten in maintenance mode")
    });
    assert!(server.stop().success());
    assert_eq!(fs::read_dir(place.path().join("exports")).unwrap().count(), 0);
    assert!(exported(&place, &[]).len() > 10);
}

#[test]
fn the_file_is_compacted_while_no_server_runs() {
    let place = Place::new();
    let none = place.run(&["compact"]).exits(6);
    assert!(none.stderr.contains("no control plane"), "{none}");
    let server = place.serve();
    let refused = place.run(&["compact"]).exits(3);
    assert!(refused.stderr.contains("already runs"), "{refused}");
    let (_, token) = place.add_agent("Scraper");
    let (status, metrics) = server.get("/metrics", Some(&token));
    assert_eq!(status, 200);
    for part in ["database", "write_ahead_log", "free"] {
        assert!(
            metrics.contains(&format!("cc_devops_store_bytes{{part=\"{part}\"}}")),
            "{metrics}"
        );
    }
    assert!(server.stop().success());
    let told = place.run(&["compact", "--json"]).exits(0).json();
    let length = fs::metadata(place.data().join("control-plane.db")).unwrap().len();
    assert_eq!(told["after"].as_u64(), Some(length), "{told}");
    place.run(&["audit", "verify"]).exits(0);
}
