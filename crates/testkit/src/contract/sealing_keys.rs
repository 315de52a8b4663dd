//! The contract of the keys that values are sealed to.

use cc_devops_kernel::acts::Author;
use cc_devops_kernel::audit::AuditFilter;
use cc_devops_kernel::ports::PortResult;
use cc_devops_requests::ports::Ports;
use cc_devops_requests::sealed_values::Replacing;
use cc_devops_requests::sealed_values::{SealingKeyId, SealingPair};

use crate::sample::after;

/// The keys keep what they promise: pairs stand in the order they were made, one replaces another once and on record,
/// and what is forgotten is gone.
pub async fn sealing_keys(fresh: impl AsyncFn() -> Ports) {
    a_pair_comes_back_as_it_was_made(&fresh().await).await;
    who_comes_second_makes_none(&fresh().await).await;
    of_many_at_once_one_makes_the_pair(&fresh().await).await;
    what_is_forgotten_is_gone_and_its_place_is_not_given_again(&fresh().await).await;
    a_key_is_published_again_and_again(&fresh().await).await;
}

async fn replace(ports: &Ports, instead_of: Option<&SealingKeyId>, at: i64) -> PortResult<Option<SealingPair>> {
    let replacing = Replacing {
        instead_of: instead_of.cloned(),
        at: after(at),
        author: Author::default(),
    };
    ports.sealing_keys.replace(&replacing).await
}

async fn made(ports: &Ports, instead_of: Option<&SealingKeyId>, at: i64) -> SealingPair {
    let made = replace(ports, instead_of, at).await.expect("replace");
    made.expect("nobody else was first")
}

async fn ids(ports: &Ports) -> Vec<SealingKeyId> {
    let pairs = ports.sealing_keys.pairs().await.expect("pairs");
    pairs.iter().map(|pair| pair.id().clone()).collect()
}

/// The actions and resources on record, oldest first.
async fn on_record(ports: &Ports) -> Vec<(String, Option<String>)> {
    let page = ports.audit.list(&AuditFilter::default(), None, 100).await.unwrap();
    let rows = page.items.into_iter().rev();
    rows.map(|row| (row.entry.action, row.entry.resource)).collect()
}

async fn a_pair_comes_back_as_it_was_made(ports: &Ports) {
    assert!(ids(ports).await.is_empty(), "there is none at first");
    let one = made(ports, None, 5).await;
    let two = made(ports, Some(one.id()), 3).await;
    assert_ne!(one.secret(), two.secret());
    let kept = ports.sealing_keys.pairs().await.unwrap();
    for (kept, made) in kept.iter().zip([&two, &one]) {
        assert_eq!(
            (kept.id(), kept.secret(), kept.created_at()),
            (made.id(), made.secret(), made.created_at()),
            "the newest first, whatever its clock says"
        );
        assert_eq!(kept.published(), made.published());
    }
    let row = |pair: &SealingPair| ("sealing_key.rotated".to_owned(), Some(pair.id().to_string()));
    assert_eq!(on_record(ports).await, [row(&one), row(&two)]);
}

async fn who_comes_second_makes_none(ports: &Ports) {
    let one = made(ports, None, 1).await;
    assert!(replace(ports, None, 2).await.unwrap().is_none(), "there is one already");
    let two = made(ports, Some(one.id()), 3).await;
    assert!(
        replace(ports, Some(one.id()), 4).await.unwrap().is_none(),
        "it is not the newest any more"
    );
    assert_eq!(ids(ports).await, [two.id().clone(), one.id().clone()]);
    assert_eq!(on_record(ports).await.len(), 2, "what was not done is not on record");
}

async fn of_many_at_once_one_makes_the_pair(ports: &Ports) {
    let at_once = [1, 2, 3, 4].map(|at| replace(ports, None, at));
    let made = futures::future::join_all(at_once).await;
    let made = made.into_iter().filter_map(|made| made.expect("replace")).count();
    assert_eq!((made, ids(ports).await.len(), on_record(ports).await.len()), (1, 1, 1));
}

async fn what_is_forgotten_is_gone_and_its_place_is_not_given_again(ports: &Ports) {
    let one = made(ports, None, 1).await;
    let two = made(ports, Some(one.id()), 2).await;
    let three = made(ports, Some(two.id()), 3).await;
    ports.sealing_keys.forget(&[]).await.unwrap();
    for _ in 0..2 {
        ports.sealing_keys.forget(&[two.id().clone()]).await.unwrap();
        assert_eq!(ids(ports).await, [three.id().clone(), one.id().clone()]);
    }
    let four = made(ports, Some(three.id()), 4).await;
    assert_eq!(
        ids(ports).await,
        [four.id().clone(), three.id().clone(), one.id().clone()]
    );
}

async fn a_key_is_published_again_and_again(ports: &Ports) {
    let one = made(ports, None, 1).await;
    let two = made(ports, Some(one.id()), 2).await;
    for pair in [&one, &one, &two, &two] {
        ports.sealing_keys.publish(&pair.published()).await.unwrap();
    }
}
