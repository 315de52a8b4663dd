//! Runs that end halfway.

use cc_devops_revenue::currency::Currency;
use cc_devops_revenue::movements::Kind;
use cc_devops_revenue::policy::Policy;
use cc_devops_testkit::crash::CrashPoint;
use cc_devops_testkit::crash::CrashPoints;
use cc_devops_testkit::crash::Moment;
use std::ops::ControlFlow;

use crate::{House, KEEP, moved};

#[tokio::test]
async fn a_crash_at_any_call_changes_no_movement() {
    let undisturbed = {
        let house = House::new();
        house.first_day();
        house.report().await.unwrap();
        house.tomorrow();
        house.second_day();
        house.report().await.unwrap()
    };
    for moment in Moment::ALL {
        let mut crashes = 0;
        for call in 0.. {
            let house = House::new();
            house.first_day();
            house.report().await.unwrap();
            house.tomorrow();
            house.second_day();
            let points = CrashPoints::at(CrashPoint { call, moment });
            let mortal = house.over(points.wrap(&house.memory.ports()), Policy::default());
            let broken = mortal.report(KEEP, &mut |_| ControlFlow::Continue(())).await;
            if !points.crashed() {
                break;
            }
            assert!(broken.is_err(), "a crash is no success");
            crashes += 1;
            house.every_day_is_told(&format!("{moment:?} call {call}")).await;
            let again = house.report().await.unwrap();
            assert_eq!(again, undisturbed, "{moment:?} call {call}, made again the same day");
            assert!(
                house
                    .news()
                    .await
                    .iter()
                    .any(|(key, _, _)| *key == format!("mrr/{}", again.date))
            );

            // And made again a day later only, with what the crash left.
            house.tomorrow();
            let later = house.report().await.unwrap();
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
    let house = House::new();
    house.first_day();
    let first = house.report().await.unwrap();
    house.tomorrow();
    house.second_day();
    // After the customers were written, before the day was.
    for call in 0.. {
        let points = CrashPoints::at(CrashPoint {
            call,
            moment: Moment::BeforeEffect,
        });
        let mortal = house.over(points.wrap(&house.memory.ports()), Policy::default());
        let broken = mortal.report(KEEP, &mut |_| ControlFlow::Continue(())).await;
        assert!(broken.is_err());
        let written = house.memory.customers_kept().iter().any(|row| row.day != first.date);
        if written && house.memory.ports().revenue.latest().await.unwrap().as_ref() == Some(&first) {
            break;
        }
    }
    house.tomorrow();
    let third = house.report().await.unwrap();
    assert_eq!(third.compared_with, Some(first.date));
    assert_eq!(moved(&third, Currency::USD, Kind::Churn), "-500");
    assert_eq!(moved(&third, Currency::USD, Kind::New), "700");
}
