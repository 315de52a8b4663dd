//! Runs that fail, are incomplete, or keep nothing.

use cc_devops_kernel::ports::PortErrorKind;
use cc_devops_revenue::currency::Currency;
use cc_devops_revenue::movements::Kind;
use cc_devops_revenue::policy::Policy;
use cc_devops_revenue::report::Usd;
use cc_devops_revenue::reporting::Ask;
use cc_devops_revenue::reporting::ReportError;
use cc_devops_revenue::transactions::Category;
use std::ops::ControlFlow;

use crate::reporter::{Harness, KEEP};

#[tokio::test]
async fn a_failed_run_changes_nothing_and_is_told_once_until_a_day_is_complete() {
    let harness = Harness::new();
    harness.first_day();
    let first = harness.report().await.unwrap();
    let kept = harness.memory.customers_kept();
    harness.tomorrow();
    harness.second_day();
    harness.billing.fail_after(Some((2, PortErrorKind::Unavailable)));
    let reporter = harness.reporter();
    for _ in 0..2 {
        let error = reporter.daily().await.unwrap_err();
        assert!(matches!(error, ReportError::Port(error) if error.kind == PortErrorKind::Unavailable));
    }
    assert_eq!(harness.memory.ports().revenue.latest().await.unwrap(), Some(first));
    assert_eq!(harness.memory.customers_kept(), kept);
    assert_eq!(harness.news().await.len(), 1, "only the first day was told");
    let alerts = harness.memory.alerts();
    assert_eq!(alerts.len(), 1, "once is enough");
    assert_eq!(alerts[0].key, "revenue/run");
    assert_eq!(alerts[0].title, "MRR of 2025-06-16 could not be computed");
    assert!(
        alerts[0].text.contains("cc-devops revenue report"),
        "{}",
        alerts[0].text
    );
    harness.tomorrow();
    reporter.daily().await.unwrap_err();
    assert_eq!(harness.memory.alerts().len(), 1, "the next day it is open still");
    let open = harness.memory.open_conditions();
    assert_eq!(
        open[0].title, "MRR of 2025-06-17 could not be computed",
        "and says what is true now"
    );
    harness.billing.fail_after(None);
    assert!(reporter.daily().await.unwrap().is_some(), "and when it can, it goes on");
    assert!(harness.memory.open_conditions().is_empty(), "which is the end of it");
    harness.billing.fail_after(Some((2, PortErrorKind::Unavailable)));
    reporter.daily().await.unwrap_err();
    assert_eq!(harness.memory.alerts().len(), 2, "the next failure is told again");
}

#[tokio::test]
async fn without_a_billing_source_nobody_is_woken() {
    let harness = Harness::new();
    harness.billing.fail_after(Some((0, PortErrorKind::NotFound)));
    assert!(
        harness.reporter().daily().await.unwrap().is_none(),
        "it was never set up"
    );
    assert!(harness.memory.alerts().is_empty());
    harness.billing.fail_after(None);
    harness.report().await.unwrap();
    harness.billing.fail_after(Some((0, PortErrorKind::NotFound)));
    harness.reporter().daily().await.unwrap_err();
    assert_eq!(harness.memory.alerts().len(), 1, "a key that was lost is worth telling");
}

#[tokio::test]
async fn an_incomplete_day_says_so_and_churns_nobody() {
    let harness = Harness::new();
    harness.first_day();
    harness.report().await.unwrap();
    harness.tomorrow();
    harness.billing.clear();
    harness.billing.bill("cus_more", Currency::USD, "1000");
    harness.billing.bill("cus_more", Currency::EUR, "400");
    harness.billing.puzzle("cus_gone", Currency::USD);
    harness.billing.puzzle("cus_same", Currency::USD);
    let day = harness.report().await.unwrap();
    assert!(!day.summary.complete);
    let open = harness.memory.open_conditions();
    assert_eq!(open.len(), 1, "a part is none to compare with: {open:?}");
    assert_eq!(open[0].title, "MRR of 2025-06-16 is incomplete");
    assert_eq!(day.moved(Kind::Churn), 0, "what nobody knows is not a movement");
    let news = harness.news().await;
    assert_eq!(news[1].2["complete"], false);
}

#[tokio::test]
async fn without_rates_those_of_yesterday_do_and_without_any_the_total_is_unknown() {
    let harness = Harness::new();
    harness.first_day();
    let first = harness.report().await.unwrap();
    harness.billing.euro(None);
    harness.tomorrow();
    let second = harness.report().await.unwrap();
    assert_eq!((&second.rates, second.summary.complete), (&first.rates, true));
    for _ in 0..20 {
        harness.tomorrow();
    }
    let late = harness.report().await.unwrap();
    assert_eq!(
        (late.mrr_usd(), late.summary.complete),
        (None, false),
        "rates that old are none"
    );
    assert_eq!(late.movements_usd, None);
    let news = harness.news().await;
    assert!(news[2].2["mrrUSD"].is_null());
}

#[tokio::test]
async fn a_dry_run_keeps_nothing_and_shows_the_same() {
    let harness = Harness::new();
    harness.first_day();
    let dry = Ask { keep: false, ..KEEP };
    let reporter = harness.reporter();
    let mut seen = 0;
    let shown = reporter
        .report(dry, &mut |_| {
            seen += 1;
            ControlFlow::Continue(())
        })
        .await
        .unwrap();
    assert_eq!(seen, 4, "every figure is handed over");
    assert_eq!(harness.memory.ports().revenue.latest().await.unwrap(), None);
    assert!(harness.memory.customers_kept().is_empty() && harness.news().await.is_empty());
    assert_eq!(harness.report().await.unwrap(), shown);
}

#[tokio::test]
async fn a_day_of_the_past_is_shown_but_not_kept() {
    let harness = Harness::new();
    harness.first_day();
    let first = harness.report().await.unwrap();
    harness.tomorrow();
    let second = harness.report().await.unwrap();
    let past = Ask {
        as_of: Some(first.summary.as_of),
        ..KEEP
    };
    let refused = harness
        .reporter()
        .report(past, &mut |_| ControlFlow::Continue(()))
        .await;
    let error = refused.unwrap_err();
    assert!(error.to_string().contains("--dry-run"), "{error}");
    let shown = harness
        .reporter()
        .report(Ask { keep: false, ..past }, &mut |_| ControlFlow::Continue(()))
        .await;
    assert_eq!(shown.unwrap().date, first.date);
    assert_eq!(harness.memory.ports().revenue.latest().await.unwrap(), Some(second));
    let never = Ask {
        as_of: Some(i64::MAX),
        ..KEEP
    };
    let refused = harness
        .reporter()
        .report(never, &mut |_| ControlFlow::Continue(()))
        .await;
    assert!(matches!(refused, Err(ReportError::NoDate(_))));
}

#[tokio::test]
async fn a_change_of_policy_is_said() {
    let harness = Harness::new();
    harness.first_day();
    harness.billing.charge(Category::Charge, 5_000, Currency::USD);
    assert!(!harness.report().await.unwrap().policy_changed);
    harness.tomorrow();
    let other = harness.over(harness.memory.ports(), Policy::named("transactions").unwrap());
    let day = other.report(KEEP, &mut |_| ControlFlow::Continue(())).await.unwrap();
    assert!(day.policy_changed);
    assert_eq!(day.mrr_usd(), Some(Usd(5_000)), "the figure follows the policy");
}

#[tokio::test]
async fn it_can_be_broken_off() {
    let harness = Harness::new();
    harness.first_day();
    let broken = harness.reporter().report(KEEP, &mut |_| ControlFlow::Break(())).await;
    assert!(matches!(broken, Err(ReportError::BrokenOff)));
    assert_eq!(harness.memory.ports().revenue.latest().await.unwrap(), None);
}

/// What one customer pays in US dollars, day by day; after each day what people were told and what is open.
async fn falls(percent: u8, days: &[&str]) -> Vec<(usize, Vec<String>)> {
    let harness = Harness::new();
    let reporter = harness.reporter().telling_falls_over(percent);
    let mut seen = Vec::new();
    for amount in days {
        harness.billing.clear();
        if *amount == "?" {
            harness.billing.puzzle("cus_one", Currency::USD);
        } else {
            harness.billing.bill("cus_one", Currency::USD, amount);
        }
        reporter.daily().await.unwrap().unwrap();
        let open = harness.memory.open_conditions();
        seen.push((
            harness.memory.alerts().len(),
            open.into_iter().map(|one| one.title).collect(),
        ));
        harness.tomorrow();
    }
    seen
}

#[tokio::test]
async fn a_fall_of_mrr_is_told_beyond_its_share_and_ends_with_a_day_without_one() {
    let title = |share, from, to| vec![format!("MRR fell by {share} % from 2025-06-{from} to 2025-06-{to}")];
    // Exactly ten per cent is not more than ten.
    let seen = falls(10, &["100000", "90000", "80999", "80999", "60000", "50000"]).await;
    assert_eq!(
        seen,
        [
            (0, vec![]),
            (0, vec![]),
            (1, title(10, 16, 17)),
            (1, vec![]),
            (2, title(25, 18, 19)),
            (2, title(16, 19, 20)),
        ]
    );
    assert_eq!(
        falls(10, &["100000", "?", "50000"]).await,
        [
            (0, vec![]),
            (1, vec!["MRR of 2025-06-16 is incomplete".to_owned()]),
            (2, title(50, 15, 17)),
        ],
        "a part is none to compare with"
    );
    assert_eq!(falls(0, &["100000", "1"]).await, [(0, vec![]), (0, vec![])], "never");
    assert_eq!(falls(10, &["0", "0", "5"]).await[2], (0, vec![]));
}

#[tokio::test]
async fn a_day_says_what_each_product_came_to() {
    let harness = Harness::new();
    harness.billing.sell("cus_1", "prod_small", Currency::USD, "1000");
    harness.billing.sell("cus_2", "prod_small", Currency::EUR, "400");
    harness.billing.sell("cus_3", "prod_large", Currency::USD, "5000");
    harness.billing.puzzle("cus_4", Currency::USD);
    let day = harness.report().await.unwrap();
    let kept = harness.memory.ports().revenue.day(day.date).await.unwrap().unwrap();
    let groups = kept.by_product(Currency::USD).unwrap();
    let worth = |group: &cc_devops_revenue::breakdown::GroupTotal| {
        let mrr = group.mrr.as_ref().map(ToString::to_string);
        (group.group.clone(), mrr.unwrap(), group.subscriptions)
    };
    let found: Vec<_> = groups.groups.iter().map(worth).collect();
    let large = ("prod_large".to_owned(), "5000".to_owned(), 1);
    assert_eq!(found, [large, ("prod_small".to_owned(), "1500".to_owned(), 2)]);
    let mrr = groups.mrr.unwrap().rounded().unwrap();
    assert_eq!(
        (Some(mrr), groups.errors, groups.complete),
        (day.mrr_in(Currency::USD), 1, false)
    );
}

#[tokio::test]
async fn products_that_are_too_many_are_kept_together() {
    let harness = Harness::new();
    for number in 0..60 {
        let amount = (1_000 + number).to_string();
        harness
            .billing
            .sell("cus_1", &format!("prod_{number}"), Currency::USD, &amount);
    }
    let day = harness.report().await.unwrap();
    let groups = day.by_product(Currency::USD).unwrap();
    assert_eq!(groups.groups.len(), 51);
    let others = groups.groups.iter().find(|group| group.group == "all others").unwrap();
    assert_eq!(others.subscriptions, 10);
    assert_eq!(groups.mrr.unwrap().rounded().ok(), day.mrr_in(Currency::USD));
}
