//! A planted secret is nowhere on the disk in plain text.

use std::fs;

use cc_devops_kernel::names::RequestId;
use cc_devops_kernel::secret::SecretValue;
use cc_devops_outbox::ports::Webhooks;
use cc_devops_outbox::webhooks::{Subscription, SubscriptionId};
use cc_devops_requests::ports::Ledger;
use cc_devops_testkit::sample::{self, PLANTED_SECRET, after};

use crate::folder::{Folder, put};

fn assert_absent(folder: &Folder) {
    let planted = PLANTED_SECRET.as_bytes();
    let hexed = hex::encode(planted);
    let mut looked_at = 0;
    for name in ["control-plane.db", "control-plane.db-wal", "control-plane.db-shm"] {
        let Ok(bytes) = fs::read(folder.path(name)) else {
            continue;
        };
        looked_at += bytes.len();
        for text in [planted, hexed.as_bytes()] {
            assert!(
                !bytes.windows(text.len()).any(|window| window == text),
                "{name} holds the secret"
            );
        }
    }
    assert!(looked_at > 100_000, "there was something to look at");
}

#[tokio::test]
async fn a_planted_secret_is_not_in_the_files() {
    let folder = Folder::new();
    let store = folder.open();
    for token in 0..3 {
        put(&store, "/contentcraft/a/b", &format!("{PLANTED_SECRET}{token}"), token)
            .await
            .unwrap();
    }
    let mut request = sample::request("r1");
    request.detail = SecretValue::new(format!("{{\"params\": {{\"value\": \"{PLANTED_SECRET}\"}}}}"));
    store.ledger().receive(&request, None).await.unwrap();
    assert_absent(&folder);
    let claimed = store.ledger().claim_due(after(1), after(60), 1).await.unwrap();
    assert!(claimed[0].detail.expose().contains(PLANTED_SECRET));
    store
        .ledger()
        .conclude(&claimed[0].claim, &sample::success(&request.head, 2))
        .await
        .unwrap();
    let subscription = Subscription {
        id: SubscriptionId("one".to_owned()),
        url: "https://example.com".to_owned(),
        agent: None,
        created_at: after(0),
    };
    let secret = SecretValue::new(PLANTED_SECRET.to_owned());
    store
        .webhooks()
        .subscribe(&subscription, &secret, &sample::audit_entry("webhook.added", 1))
        .await
        .unwrap();
    assert_absent(&folder);

    let kept: Option<Vec<u8>> = folder
        .intruder()
        .query_row("SELECT detail FROM requests", [], |row| row.get(0))
        .unwrap();
    assert!(kept.is_none(), "the detail of a concluded request is forgotten");
    let values: i64 = folder
        .intruder()
        .query_row("SELECT count(sealed) FROM secret_versions", [], |row| row.get(0))
        .unwrap();
    assert_eq!(values, 3, "the last two values are kept, and the other for a day");
    assert!(
        store
            .ledger()
            .find(&RequestId::new("r1").unwrap())
            .await
            .unwrap()
            .is_some()
    );
    store.close();
    assert_absent(&folder);
}
