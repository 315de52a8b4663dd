use proptest::prelude::*;

use super::*;
use crate::workflows::runs::{Health, judge};

fn health(runs: Vec<Run>) -> (HealthName, Option<u64>) {
    let (repository, workflow) = (repository(), workflow(runs));
    let health = judge(&repository, &workflow);
    let run = match &health {
        Health::Failing(streak) => Some(streak.latest.id),
        Health::Passing(run) => Some(run.id),
        _ => None,
    };
    (health.name(), run)
}

#[test]
fn case_22_which_ends_say_anything() {
    for failure in ["failure", "timed_out", "startup_failure"] {
        assert_eq!(
            health(vec![run(1, "success"), run(2, failure)]),
            (HealthName::Failing, Some(2)),
            "{failure}"
        );
    }
    for silent in [
        "cancelled",
        "skipped",
        "neutral",
        "stale",
        "action_required",
        "newer_than_us",
    ] {
        for (before, name) in [("failure", HealthName::Failing), ("success", HealthName::Passing)] {
            assert_eq!(
                health(vec![run(1, before), run(2, silent)]),
                (name, Some(1)),
                "{silent} after {before}"
            );
        }
        assert_eq!(health(vec![run(2, silent)]).0, HealthName::Undecided, "{silent} alone");
    }
    assert_eq!(health(Vec::new()).0, HealthName::Undecided);
}

#[test]
fn case_23_the_highest_attempt_counts_and_the_order_of_creation() {
    let again = Run {
        attempt: 2,
        ..run(5, "success")
    };
    assert_eq!(
        health(vec![again.clone(), run(5, "failure")]),
        (HealthName::Passing, Some(5))
    );
    assert_eq!(health(vec![run(5, "failure"), again]), (HealthName::Passing, Some(5)));
    // The older run ended last.
    let late = Run {
        updated: at(99),
        ..run(5, "failure")
    };
    assert_eq!(health(vec![late, run(6, "success")]), (HealthName::Passing, Some(6)));
    // A newer one that runs for the first time decides nothing yet.
    assert_eq!(
        health(vec![run(5, "failure"), running(6, 1)]),
        (HealthName::Failing, Some(5))
    );
    // One that is tried again ended before, nobody knows how.
    assert_eq!(health(vec![run(5, "success"), running(6, 2)]).0, HealthName::Undecided);
}

#[test]
fn case_24_runs_of_pull_requests_forks_and_other_branches_do_not_count() {
    let good = || run(1, "success");
    let bad = run(2, "failure");
    for stray in [
        Run {
            event: "pull_request".to_owned(),
            ..bad.clone()
        },
        Run {
            event: "pull_request_target".to_owned(),
            ..bad.clone()
        },
        Run {
            head_branch: Some("feature".to_owned()),
            ..bad.clone()
        },
        Run {
            head_branch: None,
            ..bad.clone()
        },
        Run {
            head_repository: Some(RepositoryId(43)),
            ..bad.clone()
        },
        Run {
            head_repository: None,
            ..bad.clone()
        },
    ] {
        assert_eq!(health(vec![good(), stray]), (HealthName::Passing, Some(1)));
    }
    let scheduled = Run {
        event: "schedule".to_owned(),
        ..bad
    };
    assert_eq!(health(vec![good(), scheduled]), (HealthName::Failing, Some(2)));
}

#[test]
fn case_25_a_workflow_that_is_switched_off_is_neither() {
    for state in [
        WorkflowState::DisabledInactivity,
        WorkflowState::DisabledFork,
        WorkflowState::DisabledManually,
    ] {
        for end in ["success", "failure"] {
            let asleep = Workflow {
                state: state.clone(),
                ..workflow(vec![run(2, end)])
            };
            let decision = decided(&asleep, vec![told(1, 1)]);
            assert_eq!(short(&decision), [""; 0], "{state:?} {end}");
            assert_eq!(decision.report.health, HealthName::Disabled);
        }
    }
}

#[test]
fn since_when_it_fails() {
    let runs = workflow(vec![
        run(1, "success"),
        run(2, "failure"),
        run(3, "cancelled"),
        run(4, "failure"),
    ]);
    let decision = decided(&runs, Vec::new());
    assert_eq!(decision.watch.failing_since, Some(at(2)));
    let kept = Watch {
        failing_since: Some(at(2)),
        ..Watch::default()
    };
    let later = workflow(vec![run(4, "failure"), run(5, "failure")]);
    let with = |watch| decided_with(&repository(), &later, Vec::new(), watch, &Workflows::default());
    assert_eq!(
        with(Some(&kept)).watch.failing_since,
        Some(at(2)),
        "the first ones are not listed any more"
    );
    assert_eq!(with(None).watch.failing_since, Some(at(4)));
    let anew = workflow(vec![run(4, "success"), run(5, "failure")]);
    let decision = decided_with(&repository(), &anew, Vec::new(), Some(&kept), &Workflows::default());
    assert_eq!(decision.watch.failing_since, Some(at(5)), "another streak");
}

proptest! {
    #[test]
    fn the_order_of_the_list_changes_nothing(ends in prop::collection::vec(0..4_usize, 0..8), turn in 0..8_usize) {
        let ends: Vec<&str> = ends.iter().map(|&n| ["success", "failure", "cancelled", "timed_out"][n]).collect();
        let runs: Vec<Run> = ends.iter().zip(1..).map(|(end, id)| run(id, end)).collect();
        let mut turned = runs.clone();
        turned.rotate_left(turn % runs.len().max(1));
        prop_assert_eq!(health(runs), health(turned));
    }
}
