//! The list of plans: the newest first, in pages, and whatever is filtered no more than so many are looked at.

use cc_devops_deploys::PlanState;
use cc_devops_requests::deploys::{PlanFilter, PlanPage, PlanPlace};
use jiff::SignedDuration;

use super::{ANA, Harness, plan_id};

/// Deploys that are asked for one minute after the other, each second of which is denied.
async fn some(harness: &Harness, count: u32) {
    for number in 0..count {
        let id = format!("r{number}");
        harness.deploy(&id).await;
        if number % 2 == 1 {
            harness.deny(ANA, &id).await.unwrap();
        }
        harness.later(SignedDuration::from_mins(1));
        harness.sweep().await;
    }
}

async fn page(harness: &Harness, filter: &PlanFilter, limit: usize) -> PlanPage {
    harness.plane.plans(filter, limit, &|_| true).await.unwrap()
}

#[tokio::test]
async fn all_plans_come_in_pages_the_newest_first() {
    let harness = Harness::new().await;
    some(&harness, 7).await;
    let (mut filter, mut seen) = (PlanFilter::default(), Vec::new());
    loop {
        let page = page(&harness, &filter, 3).await;
        seen.extend(page.plans.into_iter().map(|plan| plan.id));
        let Some(next) = page.next else { break };
        assert_eq!(
            PlanPlace::read(&next.to_string()),
            Some(next.clone()),
            "it is read as it is written"
        );
        filter.before = Some(next);
    }
    let expected: Vec<_> = (0..7).rev().map(|number| plan_id(&format!("r{number}"))).collect();
    assert_eq!(seen, expected);
}

#[tokio::test]
async fn states_and_stacks_narrow_the_list() {
    let harness = Harness::new().await;
    some(&harness, 7).await;
    let of = async |state: Option<PlanState>, stack: Option<&str>| {
        let filter = PlanFilter {
            state,
            stack: stack.map(str::to_owned),
            before: None,
        };
        page(&harness, &filter, 10).await.plans.len()
    };
    let full = super::stack();
    assert_eq!(of(Some(PlanState::Denied), None).await, 3);
    assert_eq!(of(Some(PlanState::Superseded), None).await, 3);
    assert_eq!(of(Some(PlanState::Waiting), None).await, 1, "the last one");
    assert_eq!(of(Some(PlanState::Applied), None).await, 0);
    assert_eq!(of(None, Some(full.as_str())).await, 7);
    let (name, _) = full.as_str().rsplit_once('-').unwrap();
    assert_eq!(of(None, Some(name)).await, 7, "on every stage");
    assert_eq!(of(Some(PlanState::Denied), Some(name)).await, 3);
    assert_eq!(of(None, Some("another-stack")).await, 0);
    let open = harness.plane.open_plans(10).await.unwrap();
    assert_eq!((open.plans.len(), open.planning, open.more), (1, 0, false));
}

#[tokio::test]
async fn where_nothing_of_much_may_be_seen_the_next_page_goes_on_behind_it() {
    let harness = Harness::new().await;
    some(&harness, 3).await;
    let hidden = harness
        .plane
        .plans(&PlanFilter::default(), 1, &|_| false)
        .await
        .unwrap();
    assert_eq!(hidden, PlanPage::default(), "nothing, and nothing that tells of it");
}
