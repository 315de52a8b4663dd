//! The audit trail after somebody has been at the database.

use std::fs;

use serde_json::Value;

use crate::process::Place;

#[test]
fn one_changed_byte_is_found_and_its_row_named() {
    let place = Place::new();
    let server = place.serve();
    for name in ["Alpha", "Beta", "Tampered", "Gamma"] {
        place.add_agent(name);
    }
    assert!(server.stop().success());
    let whole = place.run(&["audit", "verify", "--json"]).exits(0).json();
    assert_eq!(whole["ok"], true);
    assert!(whole["rows"].as_u64().unwrap() >= 5);

    let export = place.run(&["audit", "export"]).exits(0).stdout;
    let rows: Vec<Value> = export.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let seqs: Vec<i64> = rows.iter().map(|row| row["seq"].as_i64().unwrap()).collect();
    assert_eq!(seqs, (1..=i64::try_from(rows.len()).unwrap()).collect::<Vec<_>>());
    let target = rows.iter().find(|row| row["agent"] == "Tampered").unwrap();
    let (seq, hash) = (target["seq"].as_i64().unwrap(), target["hash"].as_str().unwrap());

    let file = place.data().join("control-plane.db");
    let sound = fs::read(&file).unwrap();
    // The row's hash stands once in the database: in hex, or as bytes.
    let raw: Vec<u8> = (0..32)
        .map(|i| u8::from_str_radix(&hash[2 * i..2 * i + 2], 16).unwrap())
        .collect();
    let found = |needle: &[u8]| sound.windows(needle.len()).position(|window| window == needle);
    let place_of_hash = found(hash.as_bytes())
        .or_else(|| found(&raw))
        .expect("the row's hash is in the file");
    let mut changed = sound.clone();
    changed[place_of_hash] ^= 1;
    fs::write(&file, &changed).unwrap();
    let broken = place.run(&["audit", "verify", "--json"]).exits(1).json();
    assert_eq!(broken["ok"], false);
    let named: Vec<_> = broken["breaks"]
        .as_array()
        .unwrap()
        .iter()
        .map(|b| b["seq"].as_i64().unwrap())
        .collect();
    assert!(
        named.contains(&seq) || named.contains(&(seq + 1)),
        "row {seq} is not named: {broken}"
    );
    let told = place.run(&["audit", "verify"]).exits(1);
    assert!(told.stdout.contains("BROKEN"), "{told}");

    fs::write(&file, &sound).unwrap();
    place.run(&["audit", "verify"]).exits(0);
}

#[test]
fn a_database_that_is_none_is_refused_with_what_to_do() {
    let place = Place::new();
    let server = place.serve();
    assert!(server.stop().success());
    fs::write(
        place.data().join("control-plane.db"),
        "this is no database, whatever it is called",
    )
    .unwrap();
    let run = place.run(&["audit", "verify"]).exits(3);
    assert!(run.stderr.contains("restore"), "{run}");
    place.run(&["serve", "--listen", "127.0.0.1:0"]).exits(3);
}

#[test]
fn a_missing_key_file_is_refused_and_not_replaced() {
    let place = Place::new();
    assert!(place.serve().stop().success());
    let key = place.data().join("master.key");
    fs::remove_file(&key).unwrap();
    let run = place.run(&["serve", "--listen", "127.0.0.1:0"]).exits(3);
    assert!(run.stderr.contains("master.key"), "{run}");
    assert!(!key.exists());
}
