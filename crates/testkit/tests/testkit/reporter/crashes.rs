//! Runs that end halfway.

use cc_devops_revenue::currency::Currency;
use cc_devops_revenue::movements::Kind;
use cc_devops_revenue::policy::Policy;
use cc_devops_testkit::crash::CrashPoint;
use cc_devops_testkit::crash::CrashPoints;
use cc_devops_testkit::crash::Moment;
use std::ops::ControlFlow;

use crate::reporter::{Harness, KEEP, moved};

#[tokio::test]
async fn a_crash_at_any_call_changes_no_movement() {
    let undisturbed = {
        let harness = Harness::new();
        harness.first_day();
        harness.report().await.unwrap();
        harness.tomorrow();
        harness.second_day();
        harness.report().await.unwrap()
    };
    for moment in Moment::ALL {
        let mut crashes = 0;
        for call in 0.. {
            let harness = Harness::new();
            harness.first_day();
            harness.report().await.unwrap();
            harness.tomorrow();
            harness.second_day();
            let points = CrashPoints::at(CrashPoint { call, moment });
            let mortal = harness.over(points.wrap(&harness.memory.ports()), Policy::default());
            let broken = mortal.report(KEEP, &mut |_| ControlFlow::Continue(())).await;
            if !points.crashed() {
                break;
            }
            assert!(broken.is_err(), "a crash is no success");
            crashes += 1;
            harness.every_day_is_told(&format!("{moment:?} call {call}")).await;
            let again = harness.report().await.unwrap();
            assert_eq!(again, undisturbed, "{moment:?} call {call}, made again the same day");
            assert!(
                harness
                    .news()
                    .await
                    .iter()
                    .any(|(key, _, _)| *key == format!("mrr/{}", again.date))
            );

            // And made again a day later only, with what the crash left.
            harness.tomorrow();
            let later = harness.report().await.unwrap();
            assert!(
                later.movements.currencies[&Currency::USD].moved.is_empty(),
                "{moment:?} call {call}"
            );
        }
        assert!(crashes >= 5, "a run makes several calls: {crashes}");
    }
}

#[tokio::test]
async fn a_crash_of_which_nobody_makes_up_that_day_moves_a_day_later() {
    let harness = Harness::new();
    harness.first_day();
    let first = harness.report().await.unwrap();
    harness.tomorrow();
    harness.second_day();
    // After the customers were written, before the day was.
    for call in 0.. {
        let points = CrashPoints::at(CrashPoint {
            call,
            moment: Moment::BeforeEffect,
        });
        let mortal = harness.over(points.wrap(&harness.memory.ports()), Policy::default());
        let broken = mortal.report(KEEP, &mut |_| ControlFlow::Continue(())).await;
        assert!(broken.is_err());
        let written = harness.memory.customers_kept().iter().any(|row| row.day != first.date);
        if written && harness.memory.ports().revenue.latest().await.unwrap().as_ref() == Some(&first) {
            break;
        }
    }
    harness.tomorrow();
    let third = harness.report().await.unwrap();
    assert_eq!(third.compared_with, Some(first.date));
    assert_eq!(moved(&third, Currency::USD, Kind::Churn), "-500");
    assert_eq!(moved(&third, Currency::USD, Kind::New), "700");
}
