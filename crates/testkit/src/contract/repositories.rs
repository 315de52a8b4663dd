//! The contract of what is kept of repositories.

use std::collections::BTreeMap;

use cc_devops_kernel::ports::PortErrorKind;
use cc_devops_repos::ports::{DocumentKind, RepositoryStore};
use cc_devops_requests::ports::Ports;
use serde_json::{Value, json};

use super::refused;

/// Documents come back as they were kept, each in its own place.
pub async fn repositories(fresh: impl AsyncFn() -> Ports) {
    documents_come_back(&*fresh().await.repositories).await;
    places_are_apart(&*fresh().await.repositories).await;
    many_documents_are_kept(&*fresh().await.repositories).await;
    a_document_may_be_too_large(&*fresh().await.repositories).await;
}

fn changes(pairs: &[(&str, Option<Value>)]) -> BTreeMap<String, Option<Value>> {
    pairs
        .iter()
        .map(|(key, value)| ((*key).to_owned(), value.clone()))
        .collect()
}

async fn documents_come_back(store: &dyn RepositoryStore) {
    assert!(store.load("acme", DocumentKind::Watches).await.unwrap().is_empty());
    // Numbers beyond what a float holds, and keys that mean something elsewhere.
    let one = json!({"run": 9_007_199_254_740_993_u64, "largest": u64::MAX, "text": "'; -- \u{e9}\u{1f980}"});
    let keys = ["1", "a#b/c", "\u{e9}"];
    let all: Vec<_> = keys.iter().map(|key| (*key, Some(one.clone()))).collect();
    store.save("acme", DocumentKind::Watches, &changes(&all)).await.unwrap();
    let found = store.load("acme", DocumentKind::Watches).await.unwrap();
    assert_eq!(found.len(), keys.len());
    for key in keys {
        assert_eq!(found.get(key), Some(&one), "{key}");
    }
    let next = changes(&[("1", Some(json!([]))), ("a#b/c", None), ("never", None)]);
    store.save("acme", DocumentKind::Watches, &next).await.unwrap();
    let found = store.load("acme", DocumentKind::Watches).await.unwrap();
    assert_eq!(found.get("1"), Some(&json!([])), "the later one counts");
    assert_eq!(found.len(), 2, "what was taken away is gone");
    let document = async |owner: &str, key: &str| store.document(owner, DocumentKind::Watches, key).await.unwrap();
    assert_eq!(document("ACME", "\u{e9}").await, Some(one), "one is read alone");
    assert_eq!(document("acme", "a#b/c").await, None, "it was taken away");
    assert_eq!(document("other", "1").await, None, "it is somebody else's");
    let elsewhere = store.document("acme", DocumentKind::Breaches, "1").await;
    assert_eq!(elsewhere.unwrap(), None, "another kind has none");
}

async fn places_are_apart(store: &dyn RepositoryStore) {
    for (owner, text) in [("acme", "a"), ("Other", "o")] {
        for kind in DocumentKind::ALL {
            let document = json!({"of": text, "shelf": kind.as_str()});
            let one = changes(&[("1", Some(document))]);
            store.save(owner, kind, &one).await.unwrap();
        }
    }
    let found = store.load("ACME", DocumentKind::Breaches).await.unwrap();
    assert_eq!(
        found["1"],
        json!({"of": "a", "shelf": "breaches"}),
        "a login has no case"
    );
    let found = store.load("other", DocumentKind::Workflows).await.unwrap();
    assert_eq!(found["1"], json!({"of": "o", "shelf": "workflows"}));
}

async fn many_documents_are_kept(store: &dyn RepositoryStore) {
    let text = "x".repeat(2_000);
    let all: BTreeMap<String, Option<Value>> = (0..1_500)
        .map(|number: u32| (number.to_string(), Some(json!({"number": number, "text": text}))))
        .collect();
    store.save("acme", DocumentKind::Workflows, &all).await.unwrap();
    let found = store.load("acme", DocumentKind::Workflows).await.unwrap();
    assert_eq!(found.len(), all.len());
    assert!(found.iter().all(|(key, found)| all[key].as_ref() == Some(found)));
}

async fn a_document_may_be_too_large(store: &dyn RepositoryStore) {
    let kept = changes(&[("1", Some(json!("x".repeat(299_990))))]);
    store.save("acme", DocumentKind::Breaches, &kept).await.unwrap();
    let large = changes(&[("1", Some(json!("x".repeat(300_000)))), ("2", Some(json!(2)))]);
    let answer = store.save("acme", DocumentKind::Breaches, &large).await;
    refused(answer, PortErrorKind::TooLarge, "a document above the limit");
    let found = store.load("acme", DocumentKind::Breaches).await.unwrap();
    assert_eq!(found.len(), 1, "what was kept stands");
    assert_eq!(found["1"].as_str().map(str::len), Some(299_990));
}
