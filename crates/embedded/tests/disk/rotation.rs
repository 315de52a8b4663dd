//! Replacing the master key: interrupted at every step, taken up again, with another process at
//! work beside it.

use std::fs;
use std::ops::ControlFlow;

use cc_devops_embedded::{RotationStep, Store};
use cc_devops_kernel::acts::Author;
use cc_devops_kernel::audit::{AuditFilter, actions};
use cc_devops_kernel::ports::{AuditTrail, PortErrorKind, SecretStore};
use cc_devops_kernel::secret::SecretValue;
use cc_devops_outbox::ports::Webhooks;
use cc_devops_outbox::webhooks::{Subscription, SubscriptionId};
use cc_devops_requests::ports::{Ledger, SealingKeys};
use cc_devops_requests::sealed_values::Replacing;
use cc_devops_testkit::sample::{self, after};

use crate::folder::{Folder, check_plan, given, plan, put, value};

/// More than two batches of rows.
const SECRETS: u64 = 450;

/// Steps of a rotation over them: added, in use, one batch of the store's keys, three of secrets,
/// one of requests, one of webhooks, one of sealing keys, one of plans, unused.
const STEPS: usize = 11;

async fn fill(store: &Store) {
    for number in 0..SECRETS {
        put(store, &name(number), &format!("value {number}"), number)
            .await
            .unwrap();
    }
    store.ledger().receive(&sample::request("open"), None).await.unwrap();
    let subscription = Subscription {
        id: SubscriptionId("one".to_owned()),
        url: "https://example.com".to_owned(),
        agent: None,
        created_at: after(0),
    };
    let secret = SecretValue::new("whsec_x".to_owned());
    store
        .webhooks()
        .subscribe(&subscription, &secret, &sample::audit_entry("webhook.added", 1))
        .await
        .unwrap();
    let replacing = Replacing {
        instead_of: None,
        at: after(2),
        author: Author::default(),
    };
    store.sealing_keys().replace(&replacing).await.unwrap();
    plan(store).await;
}

fn name(number: u64) -> String {
    format!("/contentcraft/rotation/s{number}")
}

async fn check(store: &Store) {
    check_plan(store).await;
    for number in 0..SECRETS {
        let expected = format!("value {number}");
        assert_eq!(value(store, &name(number)).await.unwrap().as_deref(), Some(&*expected));
    }
    assert_eq!(store.sealing_keys().pairs().await.unwrap().len(), 1, "it opens");
}

fn keys_in_file(folder: &Folder) -> usize {
    let text = fs::read_to_string(folder.key_file()).unwrap();
    text.lines().filter(|line| line.contains(" = ")).count()
}

async fn rotations_on_record(store: &Store) -> usize {
    let filter = AuditFilter {
        action: Some(actions::KEY_ROTATED.to_owned()),
        ..AuditFilter::default()
    };
    store.audit().list(&filter, None, 10).await.unwrap().items.len()
}

/// Rotates and breaks off after that many steps; the steps there were.
async fn rotate(store: &Store, steps: usize) -> Vec<RotationStep> {
    let mut seen = Vec::new();
    let answer = store
        .rotate_master_key(after(10), &mut |step| {
            seen.push(step);
            if seen.len() >= steps {
                ControlFlow::Break(())
            } else {
                ControlFlow::Continue(())
            }
        })
        .await;
    if seen.len() < steps {
        answer.unwrap();
    } else {
        assert_eq!(answer.unwrap_err().kind, PortErrorKind::Unavailable);
    }
    seen
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_rotation_can_stop_after_every_step() {
    let folder = Folder::new();
    let filled = folder.open();
    fill(&filled).await;
    filled.close();
    let files = [folder.database(), folder.key_file(), folder.record()];
    let kept = files.clone().map(|file| fs::read(file).unwrap());
    for steps in 1..=STEPS {
        for (file, bytes) in files.iter().zip(&kept) {
            fs::write(file, bytes).unwrap();
        }
        let beside = folder.open();
        let interrupted = folder.open();
        assert_eq!(rotate(&interrupted, steps).await.len(), steps);
        interrupted.close();

        // The process beside it learned of nothing, and goes on.
        put(&beside, "/contentcraft/beside/a", "beside", 7_000).await.unwrap();
        assert_eq!(
            value(&beside, "/contentcraft/beside/a").await.unwrap().as_deref(),
            Some("beside")
        );
        assert_eq!(value(&beside, &name(0)).await.unwrap().as_deref(), Some("value 0"));

        let resumed = folder.open();
        check(&resumed).await;
        rotate(&resumed, usize::MAX).await;
        assert_eq!(keys_in_file(&folder), 1, "the old key is gone after step {steps}");
        assert_eq!(
            rotations_on_record(&resumed).await,
            1,
            "one rotation, not two, after step {steps}"
        );
        let old: i64 = folder
            .intruder()
            .query_row(
                "SELECT count(*) FROM (SELECT key_id FROM secret_versions UNION SELECT key_id FROM store_keys \
                 UNION SELECT key_id FROM subscriptions UNION SELECT key_id FROM sealing_keys \
                 UNION SELECT key_id FROM requests)",
                [],
                |row| row.get(0),
            )
            .unwrap();
        assert_eq!(old, 1, "all rows are under one key");
        for store in [&resumed, &beside] {
            check(store).await;
            assert_eq!(
                value(store, "/contentcraft/beside/a").await.unwrap().as_deref(),
                Some("beside")
            );
        }
        put(&beside, "/contentcraft/beside/b", "after", 7_001).await.unwrap();
        let claimed = beside.ledger().claim_due(after(1), after(60), 10).await.unwrap();
        assert_eq!(claimed.len(), 1, "a detail sealed before opens after");
        assert!(beside.audit().verify().await.unwrap().breaks.is_empty());
        resumed.close();
        beside.close();
        let restarted = folder.open();
        assert_eq!(
            value(&restarted, "/contentcraft/beside/b").await.unwrap().as_deref(),
            Some("after")
        );
    }
}

/// The values of older versions, which are kept for a day, are moved to the new key as well.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_value_that_newer_ones_took_the_place_of_opens_after_a_rotation() {
    let folder = Folder::new();
    let store = folder.open();
    for number in 1..=3 {
        put(&store, &name(0), &format!("value {number}"), number).await.unwrap();
    }
    rotate(&store, usize::MAX).await;
    assert_eq!(keys_in_file(&folder), 1);
    store.close();
    let restarted = folder.open();
    let first = format!("{:064x}", 1);
    let found = restarted
        .secrets()
        .read_version(&sample::secret_name(&name(0)), &first)
        .await;
    let (version, read) = found.unwrap().unwrap();
    assert_eq!((version, read.value.expose()), (None, "value 1"));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_rotation_runs_beside_writers() {
    let folder = Folder::new();
    let store = folder.open();
    fill(&store).await;
    let beside = folder.open();
    let writing = async {
        for number in 0..200_u64 {
            put(&beside, &name(number % 50), &format!("new {number}"), 9_000 + number)
                .await
                .unwrap();
        }
    };
    let ((), seen) = tokio::join!(writing, rotate(&store, usize::MAX));
    assert_eq!(seen.last(), Some(&RotationStep::OldKeyUnused));
    for number in 0..SECRETS {
        for store in [&store, &beside] {
            assert!(value(store, &name(number)).await.unwrap().is_some());
        }
    }
    rotate(&beside, usize::MAX).await;
    assert_eq!(
        rotations_on_record(&store).await,
        2,
        "a second rotation is a second one"
    );
    assert_eq!(value(&store, &name(449)).await.unwrap().as_deref(), Some("value 449"));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn given_keys_are_rotated_where_both_are_given() {
    let folder = Folder::new();
    let store = folder.try_open(given(1, None), true).unwrap();
    put(&store, &name(1), "x", 1).await.unwrap();
    let refused = store
        .rotate_master_key(after(1), &mut |_| ControlFlow::Continue(()))
        .await
        .unwrap_err();
    assert_eq!(refused.kind, PortErrorKind::Refused, "{refused}");
    assert!(refused.message.contains("CC_DEVOPS_MASTER_KEY_PREVIOUS"), "{refused}");
    let with_both = folder.try_open(given(2, Some(1)), true).unwrap();
    let rotated = with_both
        .rotate_master_key(after(1), &mut |_| ControlFlow::Continue(()))
        .await
        .unwrap();
    assert!(rotated.remove_previous);
    assert_eq!(rotated.rows, 4, "the store's three keys and the secret");
    let error = put(&store, &name(2), "y", 2).await.unwrap_err();
    assert_eq!(
        error.kind,
        PortErrorKind::Key,
        "a server that was not given the new key: {error}"
    );
    assert_eq!(value(&store, &name(1)).await.unwrap_err().kind, PortErrorKind::Key);
    store.close();
    with_both.close();
    let store = folder.try_open(given(2, None), true).unwrap();
    assert_eq!(value(&store, &name(1)).await.unwrap().as_deref(), Some("x"));
    assert!(!folder.key_file().exists());
}
