//! Parked requests that rest until somebody decides.

use cc_devops_kernel::ports::PortErrorKind;
use cc_devops_kernel::work::Claim;
use cc_devops_requests::ports::Ledger;
use cc_devops_requests::record::{Receipt, StackLock};
use cc_devops_testkit::sample::{self, after};

use crate::folder::Folder;

#[tokio::test]
async fn what_rests_is_found_by_its_id_alone_until_it_is_woken() {
    let folder = Folder::new();
    let store = folder.open();
    let ledger = store.ledger();
    let request = sample::request("r1");
    let Receipt::Claimed(claim) = ledger.receive(&request, Some(after(60))).await.unwrap() else {
        panic!("it is new")
    };
    let early = ledger.rest(&claim).await.unwrap_err();
    assert_eq!(early.kind, PortErrorKind::Superseded, "it is not parked");
    ledger.park(&claim, after(4)).await.unwrap();
    for _ in 0..2 {
        ledger.rest(&claim).await.unwrap();
        assert_eq!(ledger.waiting(None, 10).await.unwrap(), []);
        let found = ledger.waiting_request(&request.head.id).await.unwrap().unwrap();
        assert_eq!((found.since, &found.claim), (after(4), &claim));
    }
    assert_eq!(ledger.backlog().await.unwrap().waiting, 1);
    store.close();

    let store = folder.open();
    let ledger = store.ledger();
    assert_eq!(ledger.take_over(after(5)).await.unwrap(), 0, "nobody was at work on it");
    let lock = ledger.lock_stack(&claim, &sample::stack("shop")).await.unwrap();
    assert!(matches!(lock, StackLock::Acquired(_)), "{lock:?}");
    for at in [9, 10] {
        ledger.wake(&claim, after(at)).await.unwrap();
        let waiting = ledger.waiting(None, 10).await.unwrap();
        let since: Vec<_> = waiting.iter().map(|waiting| waiting.since).collect();
        assert_eq!(since, [after(at)]);
    }
    let other = Claim {
        attempt: claim.attempt + 1,
        ..claim.clone()
    };
    for refused in [ledger.rest(&other).await, ledger.wake(&other, after(11)).await] {
        assert_eq!(refused.unwrap_err().kind, PortErrorKind::Superseded);
    }
    ledger.rest(&claim).await.unwrap();
    ledger
        .conclude(&claim, &sample::success(&request.head, 12))
        .await
        .unwrap();
    for refused in [ledger.rest(&claim).await, ledger.wake(&claim, after(13)).await] {
        assert_eq!(refused.unwrap_err().kind, PortErrorKind::Superseded);
    }
    assert_eq!(ledger.holder_of(&sample::stack("shop")).await.unwrap(), None);
    store.close();
}
