//! The cases in `data/cases`: what each document comes to.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use cc_devops_deploys::{ChangeSetDocuments, Reviewed, Standing, StatefulTypes, nested_ids, review_documents};
use serde_json::{Value, json};

use crate::sets::{digest_of, shown};

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data/cases")
}

fn json_of(path: &Path) -> Value {
    serde_json::from_slice(&fs::read(path).unwrap()).unwrap()
}

fn reviewed(case: &Value) -> Reviewed {
    let root = json_of(&folder().join(case["document"].as_str().unwrap()));
    let mut nested = BTreeMap::new();
    let mut wanted = nested_ids(&root);
    while let (Some(id), Some(dir)) = (wanted.pop(), case["nested"].as_str()) {
        let file = folder().join(dir).join(format!("{id}.json"));
        if file.exists() {
            let document = json_of(&file);
            wanted.extend(nested_ids(&document));
            nested.insert(id, document);
        }
    }
    review_documents(&ChangeSetDocuments { root, nested }, &StatefulTypes::default())
}

#[test]
fn every_case_comes_to_what_is_known_of_it() {
    let all = json_of(&folder().join("cases.json"));
    let cases = all["cases"].as_array().unwrap();
    assert_eq!(cases.len(), 26);
    for case in cases {
        let id = case["id"].as_str().unwrap();
        let reviewed = reviewed(case);
        let expect = &case["expect"];
        if expect["verdict"] == "never apply" {
            assert!(
                !matches!(reviewed.standing, Standing::Ready | Standing::NoChanges),
                "{id}"
            );
            continue;
        }
        let summary = json!(reviewed.summary);
        for (name, value) in expect["summary"].as_object().unwrap() {
            assert_eq!(&summary[name], value, "{id}: {name}");
        }
        let rows = json!(reviewed.rows);
        let rows = rows.as_array().unwrap();
        let named = expect["changes"].as_array().unwrap();
        let in_all = expect["changesInAll"]
            .as_u64()
            .map_or(named.len(), |all| usize::try_from(all).unwrap());
        assert_eq!(rows.len(), in_all, "{id}");
        for wanted in named {
            let row = rows
                .iter()
                .find(|row| row["path"] == wanted["path"])
                .unwrap_or_else(|| panic!("{id}"));
            for (name, value) in wanted.as_object().unwrap() {
                assert_eq!(&row[name], value, "{id}: {name} of {}", wanted["path"]);
            }
        }
        let told = shown(&reviewed);
        for canary in case["mustNotShow"].as_array().into_iter().flatten() {
            assert!(!told.contains(canary.as_str().unwrap()), "{id}: {canary}");
        }
        let written = json!(reviewed.rows).to_string();
        for text in case["mustShow"].as_array().into_iter().flatten() {
            assert!(written.contains(text.as_str().unwrap()), "{id}: {text}");
        }
    }
}

#[test]
fn digests_tell_apart_what_is_not_the_same() {
    let all = json_of(&folder().join("cases.json"));
    for pair in all["digests"].as_array().unwrap() {
        let of: Vec<_> = pair["of"]
            .as_array()
            .unwrap()
            .iter()
            .map(|case| digest_of(&reviewed(case)))
            .collect();
        assert_eq!(of[0] == of[1], pair["digest"] == "same", "{}", pair["id"]);
    }
}
