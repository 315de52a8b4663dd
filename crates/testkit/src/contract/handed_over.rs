//! The contract of work that is handed over: one run at a time, and one answer.

use cc_devops_kernel::work::Progress;
use cc_devops_repos::ports::{Begun, HandedOver, WorkOutcome};
use serde_json::json;

use crate::sample::{after, request_id};

/// One run has the work, until its lease ends or it leaves an answer.
pub async fn handed_over(fresh: impl AsyncFn() -> std::sync::Arc<dyn HandedOver>) {
    one_run_has_the_work(&*fresh().await).await;
    an_answer_is_final(&*fresh().await).await;
}

fn far(done: u64) -> Progress {
    Progress {
        done,
        of: 7,
        what: "repositories".to_owned(),
    }
}

async fn one_run_has_the_work(work: &dyn HandedOver) {
    let id = request_id("r1");
    assert_eq!(work.standing(&id).await.unwrap(), None, "nobody is at it");
    assert_eq!(
        work.begin(&id, "one", after(0), after(60)).await.unwrap(),
        Begun::Claimed { tries: 1 },
        "the first run has it"
    );
    assert_eq!(
        work.begin(&id, "two", after(30), after(90)).await.unwrap(),
        Begun::Elsewhere,
        "another does not get it while the lease goes on"
    );
    assert!(work.renew(&id, "one", after(100), Some(&far(2))).await.unwrap());
    assert!(work.renew(&id, "one", after(120), None).await.unwrap());
    let standing = work.standing(&id).await.unwrap().expect("it is begun");
    assert_eq!(
        (standing.until, standing.progress, standing.answer),
        (after(120), Some(far(2)), None),
        "how far it is stays where nothing is said"
    );
    assert_eq!(
        work.begin(&id, "one", after(90), after(150)).await.unwrap(),
        Begun::Claimed { tries: 2 },
        "a run that died begins again under its own name"
    );
    assert_eq!(
        work.begin(&id, "two", after(151), after(211)).await.unwrap(),
        Begun::Claimed { tries: 3 },
        "and another once the lease has ended"
    );
    assert!(
        !work.renew(&id, "one", after(300), None).await.unwrap(),
        "which the first is told"
    );
    assert!(
        !work.end(&id, "one", &WorkOutcome::Done(json!({}))).await.unwrap(),
        "and leaves nothing"
    );
    assert_eq!(
        work.standing(&id).await.unwrap().and_then(|standing| standing.answer),
        None
    );
    assert_eq!(
        work.begin(&request_id("r2"), "one", after(0), after(60)).await.unwrap(),
        Begun::Claimed { tries: 1 },
        "another request's work is apart"
    );
}

async fn an_answer_is_final(work: &dyn HandedOver) {
    let id = request_id("r1");
    work.begin(&id, "one", after(0), after(60)).await.unwrap();
    work.renew(&id, "one", after(60), Some(&far(3))).await.unwrap();
    let done = WorkOutcome::Done(json!({"repository": "web", "large": u64::MAX}));
    assert!(work.end(&id, "one", &done).await.unwrap());
    assert!(work.end(&id, "one", &done).await.unwrap(), "said twice it is the same");
    let other = WorkOutcome::Failed {
        error: "too late".to_owned(),
        transient: false,
    };
    assert!(
        !work.end(&id, "one", &other).await.unwrap(),
        "another answer comes too late"
    );
    assert!(
        !work.renew(&id, "one", after(90), None).await.unwrap(),
        "nothing is left to renew"
    );
    let standing = work.standing(&id).await.unwrap().expect("it is kept");
    assert_eq!((standing.progress, standing.answer), (None, Some(done)));
    for run in ["one", "two"] {
        assert_eq!(
            work.begin(&id, run, after(900), after(960)).await.unwrap(),
            Begun::Ended,
            "{run}"
        );
    }
}
