//! A crash at every port call from the plan to its end, before and after its effect.

use cc_devops_deploys::DeploySettings;
use cc_devops_requests::ports::PortResult;
use cc_devops_requests::receiving::Received;
use cc_devops_requests::settings::RequestSettings;
use cc_devops_testkit::crash::{CrashPoint, CrashPoints, Moment};
use cc_devops_testkit::sample::{self, AGENT, STACK_SUCCEEDS};
use jiff::SignedDuration;
use serde_json::json;

use super::{ANA, Harness, MOST, operator, plan_id, plane};

/// How the life of a plan goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Course {
    Approved,
    Denied,
    Expires,
    Superseded,
    Alone,
    CannotBePlanned,
}

/// What a process does, which may die.
async fn live(harness: &Harness, points: &CrashPoints, course: Course, first: bool) -> PortResult<()> {
    let plane = plane(points.wrap(&harness.memory.ports()), DeploySettings::default());
    let ids: &[&str] = if course == Course::Superseded {
        &["r1", "r2"]
    } else {
        &["r1"]
    };
    if first {
        for id in ids {
            let params = json!({"stackName": STACK_SUCCEEDS, "planOnly": course == Course::Alone});
            let event = sample::event(id, "deployLambda", &params);
            if let Received::Claimed(claimed) = plane.receive(&sample::principal(AGENT), event, true).await? {
                plane.carry_out(claimed).await?;
            }
        }
    }
    settle(&plane).await?;
    if let Some(plan) = plane.plan_of_request(&sample::request_id("r1")).await? {
        let (who, door, id) = (operator(ANA), cc_devops_deploys::Door::Api, plan_id("r1"));
        let decided = match course {
            Course::Approved => plane.approve_plan(&who, door, &id, &plan.digest, None).await.map(drop),
            Course::Denied => plane.deny_plan(&who, door, &id, "no".to_owned()).await.map(drop),
            _ => Ok(()),
        };
        if let Err(cc_devops_requests::deploys::DecideError::Port(error)) = decided {
            return Err(error);
        }
    }
    settle(&plane).await?;
    if matches!(course, Course::Expires | Course::Superseded) {
        harness.later(SignedDuration::from_hours(25));
    }
    settle(&plane).await?;
    harness.later(SignedDuration::from_mins(3));
    settle(&plane).await
}

/// Sweeps some times; what fails is passed on.
async fn settle(plane: &cc_devops_requests::engine::ControlPlane) -> PortResult<()> {
    for _ in 0..3 {
        let swept = plane.sweep(std::future::pending()).await;
        if let Some(error) = swept.failures.into_iter().next() {
            return Err(error);
        }
        plane.look_after_plans(MOST).await;
    }
    Ok(())
}

async fn harness(course: Course) -> Harness {
    let harness = Harness::new().await;
    if course == Course::CannotBePlanned {
        harness
            .memory
            .script_stack(super::stack(), cc_devops_testkit::memory::StackScript::CannotBePlanned);
    }
    harness
}

/// What holds after every life.
async fn check(harness: &Harness, course: Course, point: CrashPoint) {
    let at = format!("{course:?} {point:?}");
    assert!(harness.memory.changes_begun(&sample::request_id("r1")) <= 1, "{at}");
    let (ledger, id) = (harness.memory.ports().ledger, sample::request_id("r1"));
    if let Some(record) = ledger.find(&id).await.unwrap() {
        let outcome = record.completed.unwrap_or_else(|| panic!("{at}: it has no end"));
        let begun = harness.memory.changes_begun(&id);
        let succeeded = outcome.reason.is_none();
        match course {
            Course::Approved => assert_eq!((begun, succeeded), (1, true), "{at}: {outcome:?}"),
            Course::Alone => assert_eq!((begun, succeeded), (0, true), "{at}: {outcome:?}"),
            _ => assert_eq!((begun, succeeded), (0, false), "{at}: {outcome:?}"),
        }
        let own = harness.memory.audit_rows().into_iter();
        let own = own.filter(|row| row.entry.request_id.as_deref() == Some("r1"));
        assert_eq!(own.count(), 1, "{at}: the request has one row");
    }
    assert_eq!(harness.memory.left_behind(), [], "{at}: nothing outlives its plan");
    assert_eq!(harness.asked(), 0, "{at}: nobody is asked any more");
    let held = ledger.holder_of(&super::stack()).await.unwrap();
    assert_eq!(held, None, "{at}: the stack is free");
    for action in [
        "plan.made",
        "plan.approved",
        "plan.denied",
        "plan.expired",
        "plan.superseded",
        "plan.applied",
    ] {
        let most = if course == Course::Superseded { 2 } else { 1 };
        assert!(harness.rows(action).len() <= most, "{at}: {action} is one row");
    }
    let verified = harness.memory.ports().audit.verify().await.unwrap();
    assert!(verified.breaks.is_empty(), "{at}");
}

async fn crash_everywhere(course: Course) {
    let lease = RequestSettings::default().lease + SignedDuration::from_secs(1);
    let mut runs = 0;
    for moment in Moment::ALL {
        for call in 0.. {
            let harness = harness(course).await;
            let point = CrashPoint { call, moment };
            let points = CrashPoints::at(point);
            let broken = live(&harness, &points, course, true).await;
            if !points.crashed() {
                broken.expect("without a crash nothing fails");
                check(&harness, course, point).await;
                break;
            }
            runs += 1;
            // Another process, when the dead one's leases are over.
            harness.later(lease);
            let never = CrashPoints::never();
            live(&harness, &never, course, true)
                .await
                .expect("without a crash nothing fails");
            harness.later(SignedDuration::from_hours(25));
            live(&harness, &never, course, false)
                .await
                .expect("without a crash nothing fails");
            check(&harness, course, point).await;
        }
    }
    assert!(runs > 20, "{course:?}: {runs} crashes");
}

#[tokio::test]
async fn approved() {
    crash_everywhere(Course::Approved).await;
}

#[tokio::test]
async fn denied() {
    crash_everywhere(Course::Denied).await;
}

#[tokio::test]
async fn expires() {
    crash_everywhere(Course::Expires).await;
}

#[tokio::test]
async fn superseded() {
    crash_everywhere(Course::Superseded).await;
}

#[tokio::test]
async fn planned_alone() {
    crash_everywhere(Course::Alone).await;
}

#[tokio::test]
async fn that_cannot_be_planned() {
    crash_everywhere(Course::CannotBePlanned).await;
}
