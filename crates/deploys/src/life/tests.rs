use cc_devops_kernel::door::Door;
use cc_devops_kernel::names::{AgentName, FullStackName, RequestId, StackName, Stage};
use jiff::SignedDuration;

use super::*;
use crate::ids::PlanId;
use crate::rows::Summary;

fn at(hours: i64) -> Timestamp {
    Timestamp::from_second(1_750_000_000).unwrap() + SignedDuration::from_hours(hours)
}

fn name(name: &str) -> AgentName {
    AgentName::new(name).unwrap()
}

fn digest(byte: u8) -> PlanDigest {
    PlanDigest::new([byte; 32])
}

/// A plan that waits, from hour 0 to hour 24.
fn plan() -> PlanRecord {
    let request = RequestId::new("r1").unwrap();
    PlanRecord {
        id: PlanId::of(&request),
        request,
        stack: FullStackName::from_stored("shop-prod".to_owned()),
        stack_name: StackName::new("shop").unwrap(),
        stage: Stage::new("prod").unwrap(),
        requested_by: name("Shop"),
        state: PlanState::Waiting,
        digest: digest(1),
        handle: "set".to_owned(),
        basis: crate::draft::Basis::default(),
        summary: Summary::default(),
        unplanned: false,
        first_creation: false,
        made_at: at(0),
        expires_at: at(24),
        approvals: Vec::new(),
        freeze_override: None,
        frozen: None,
        decided: None,
        policies: Vec::new(),
        begun_at: None,
        ended_at: None,
        parts: 0,
        parts_under: String::new(),
        told: false,
        discarded: false,
        notes: Vec::new(),
    }
}

fn approval(by: &str, byte: u8, hour: i64) -> Approval {
    Approval {
        by: name(by),
        at: at(hour),
        door: Door::Api,
        digest: digest(byte),
        comment: None,
        carried_from: None,
    }
}

fn no(by: &str, hour: i64) -> Decided {
    Decided {
        by: Some(name(by)),
        door: Some(Door::Slack),
        at: at(hour),
        reason: "no".to_owned(),
    }
}

fn given() -> Permit {
    Permit::Given(vec!["plan-approved".to_owned()])
}

fn freeze(until: Option<i64>) -> Freeze {
    Freeze {
        until: until.map(at),
        said: "stack shop-prod is frozen".to_owned(),
    }
}

fn taken(taken: Result<Taken, Late>) -> PlanRecord {
    match taken {
        Ok(Taken::New(record)) => *record,
        other => panic!("it is new: {other:?}"),
    }
}

#[test]
fn what_is_permitted_is_applied_unless_it_is_old_late_or_frozen() {
    let plan = plan();
    let state = |next| match next {
        Next::End(state, _) => Some(state),
        _ => None,
    };
    assert!(matches!(next(&plan, true, given, None, at(1)), Next::Apply(by) if by == ["plan-approved"]));
    assert_eq!(
        state(next(&plan, false, given, None, at(1))),
        Some(PlanState::Superseded)
    );
    assert_eq!(state(next(&plan, true, given, None, at(24))), Some(PlanState::Expired));
    let never = || Permit::Never("no".to_owned());
    assert_eq!(state(next(&plan, true, never, None, at(1))), Some(PlanState::Denied));
    for until in [None, Some(24), Some(25)] {
        let frozen = next(&plan, true, given, Some(&freeze(until)), at(1));
        assert_eq!(
            state(frozen),
            Some(PlanState::Denied),
            "{until:?} is more than it can wait"
        );
    }
    let frozen = next(&plan, true, given, Some(&freeze(Some(5))), at(1));
    assert!(matches!(frozen, Next::AwaitThaw { until, .. } if until == at(5)));
    let by = FreezeOverride {
        by: name("Ana"),
        at: at(1),
        reason: "urgent".to_owned(),
    };
    let lifted = taken(thawed(&plan, true, by));
    assert!(matches!(
        next(&lifted, true, given, Some(&freeze(None)), at(1)),
        Next::Apply(_)
    ));
}

#[test]
fn what_needs_approval_waits_for_it_as_long_as_it_can() {
    let asks = || Permit::NeedsApproval;
    for (freeze, said) in [(None, false), (Some(freeze(None)), true)] {
        let Next::AwaitApproval { until, frozen } = next(&plan(), true, asks, freeze.as_ref(), at(1)) else {
            panic!("it waits");
        };
        assert_eq!((until, frozen.is_some()), (at(24), said));
    }
}

#[test]
fn an_approval_is_for_one_digest_and_counts_once() {
    let plan = plan();
    let other = approved(&plan, true, approval("Ana", 2, 1));
    assert_eq!(other, Err(Late::OtherDigest(digest(1))));
    let once = taken(approved(&plan, true, approval("Ana", 1, 1)));
    assert_eq!(approved(&once, true, approval("Ana", 1, 2)), Ok(Taken::Before));
    let two = taken(approved(&once, true, approval("Bea", 1, 3)));
    assert_eq!(two.approvals.len(), 2);
    // Begun and ended it stays one approval, and nobody adds one.
    for state in [PlanState::Applying, PlanState::Applied, PlanState::Failed] {
        let gone_on = PlanRecord { state, ..once.clone() };
        assert_eq!(approved(&gone_on, true, approval("Ana", 1, 4)), Ok(Taken::Before));
        let late = approved(&gone_on, true, approval("Bea", 1, 4));
        assert!(matches!(late, Err(Late::Decided { by: Some(by), .. }) if by == name("Ana")));
    }
}

#[test]
fn who_is_late_is_told_what_was_decided() {
    let plan = plan();
    let denied_once = taken(denied(&plan, true, no("Ana", 2)));
    assert_eq!(denied(&denied_once, true, no("Ana", 3)), Ok(Taken::Before));
    let late = Late::Decided {
        state: PlanState::Denied,
        by: Some(name("Ana")),
        at: at(2),
        reason: "no".to_owned(),
    };
    assert_eq!(approved(&denied_once, true, approval("Bea", 1, 3)), Err(late.clone()));
    assert_eq!(denied(&denied_once, true, no("Bea", 3)), Err(late));
    for (newest, hour, state) in [(false, 1, PlanState::Superseded), (true, 24, PlanState::Expired)] {
        let late = approved(&plan, newest, approval("Ana", 1, hour));
        assert!(matches!(late, Err(Late::Decided { state: is, by: None, .. }) if is == state));
    }
}

#[test]
fn approvals_are_carried_to_the_same_digest_and_from_what_lapsed_alone() {
    let mut earlier = taken(approved(&plan(), true, approval("Ana", 1, 1)));
    let of = |plan: &PlanRecord, byte| carried(plan, &digest(byte)).len();
    for state in PlanState::ALL {
        earlier.state = state;
        let lapsed = matches!(state, PlanState::Waiting | PlanState::Expired | PlanState::Superseded);
        assert_eq!(of(&earlier, 1), usize::from(lapsed), "{state:?}");
        assert_eq!(of(&earlier, 2), 0);
    }
    earlier.state = PlanState::Expired;
    assert_eq!(carried(&earlier, &digest(1))[0].carried_from, Some(earlier.id.clone()));
    // Of two plans nobody knows that they would do the same.
    earlier.unplanned = true;
    assert_eq!(of(&earlier, 1), 0);
}
