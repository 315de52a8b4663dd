//! The day's MRR, from one day to the next, over fakes.
#![expect(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test fails by panicking")]

use std::ops::ControlFlow;
use std::sync::Arc;

use cc_devops_kernel::ports::PortErrorKind;
use cc_devops_requests::ports::Ports;
use cc_devops_revenue::currency::Currency;
use cc_devops_revenue::customer_movements::{CustomerMovement, MovementFilter};
use cc_devops_revenue::day::{CustomerKey, Day};
use cc_devops_revenue::figures::{Days, Missing, customer_churn};
use cc_devops_revenue::lines::Explain;
use cc_devops_revenue::movements::Kind;
use cc_devops_revenue::policy::Policy;
use cc_devops_revenue::report::Usd;
use cc_devops_revenue::reporting::{Ask, ReportError, Reporter, ReportingSettings};
use cc_devops_revenue::transactions::Category;
use cc_devops_testkit::crash::{CrashPoint, CrashPoints, Moment};
use cc_devops_testkit::{FakeBilling, Memory, sample, telling};
use jiff::SignedDuration;
use jiff::civil::Date;
use serde_json::Value;

const KEEP: Ask = Ask {
    as_of: None,
    keep: true,
    explain: Explain::No,
};

struct House {
    memory: Memory,
    billing: FakeBilling,
}

impl House {
    fn new() -> Self {
        let house = Self {
            memory: Memory::new(),
            billing: FakeBilling::default(),
        };
        house.billing.euro(Some("1.25"));
        house
    }

    fn reporter(&self) -> Reporter {
        self.over(self.memory.ports(), Policy::default())
    }

    fn over(&self, ports: Ports, policy: Policy) -> Reporter {
        let settings = ReportingSettings {
            installation: sample::installation(),
            policy,
            reader: sample::agent_name(sample::OTHER_AGENT),
        };
        let billing = Arc::new(self.billing.clone());
        Reporter::new(billing.clone(), billing, ports, settings)
    }

    async fn report(&self) -> Result<Day, ReportError> {
        self.reporter().report(KEEP, &mut |_| ControlFlow::Continue(())).await
    }

    fn tomorrow(&self) {
        self.memory.clock().advance(SignedDuration::from_hours(24));
    }

    /// Three customers of the first day.
    fn first_day(&self) {
        for (customer, amount) in [("cus_more", "1000"), ("cus_gone", "500"), ("cus_same", "10/3")] {
            self.billing.bill(customer, Currency::USD, amount);
        }
        self.billing.bill("cus_more", Currency::EUR, "400");
    }

    /// What became of them on the second.
    fn second_day(&self) {
        self.billing.clear();
        for (customer, amount) in [("cus_more", "1200"), ("cus_same", "10/3"), ("cus_new", "700")] {
            self.billing.bill(customer, Currency::USD, amount);
        }
        self.billing.bill("cus_more", Currency::EUR, "300");
    }

    /// Who moved on a day, as (customer and currency, kind, before, after, subscriptions).
    async fn who_moved(&self, day: &Day) -> Vec<String> {
        let wanted = MovementFilter::of(day.date, day.date);
        let store = self.memory.ports().revenue;
        let page = store.movements(&wanted, None, 100).await.unwrap();
        assert_eq!(day.customer_movements, Some(u32::try_from(page.items.len()).unwrap()));
        let line = |moved: &CustomerMovement| {
            let ids = moved.subscriptions.as_ref().map_or("?".to_owned(), |ids| ids.join("+"));
            let CustomerKey { customer, currency } = &moved.key;
            format!(
                "{customer} {currency}: {} {} to {} by {ids}",
                moved.kind, moved.before, moved.after
            )
        };
        page.items.iter().map(line).collect()
    }

    /// No day is kept without its event, and none is told that is not kept.
    async fn every_day_is_told(&self, when: &str) {
        let days = self.memory.ports().revenue.days(Date::MIN, Date::MAX).await.unwrap();
        let kept: Vec<String> = days.iter().map(|day| format!("mrr/{}", day.date)).collect();
        let mut told: Vec<String> = self.news().await.into_iter().map(|(key, _, _)| key).collect();
        told.dedup();
        assert_eq!(told, kept, "{when}");
    }

    /// Announcements in the outbox, as (key, agent, detail).
    async fn news(&self) -> Vec<(String, String, Value)> {
        let waiting = telling::waiting(&self.memory.ports(), 10_000_000).await;
        let told = |entry: &cc_devops_outbox::ports::DueEvent| {
            let event = telling::event(entry);
            let body = &event.body;
            assert_eq!(
                (body.source(), body.detail_type()),
                ("contentcraft.billing", "MRR Calculation Complete")
            );
            let detail = serde_json::from_str(&body.detail().unwrap()).unwrap();
            (body.key().to_owned(), event.agent.to_string(), detail)
        };
        waiting.iter().map(told).collect()
    }
}

fn moved(day: &Day, currency: Currency, kind: Kind) -> String {
    let sheet = &day.movements.currencies[&currency];
    sheet
        .moved
        .get(&kind)
        .map_or("0".to_owned(), |moved| moved.amount.to_string())
}

#[tokio::test]
async fn a_second_day_shows_what_moved() {
    let house = House::new();
    house.first_day();
    house.billing.charge(Category::Charge, 5_000, Currency::USD);
    house.billing.charge(Category::Refund, -1_500, Currency::USD);
    let first = house.report().await.unwrap();
    assert_eq!(first.compared_with, None);
    assert_eq!(first.moved(Kind::New), 0, "by a beginning nobody is new");
    let beginning = &first.movements.currencies[&Currency::USD];
    assert_eq!(
        (beginning.opening.to_string(), beginning.closing.to_string()),
        ("4510/3".to_owned(), "4510/3".to_owned()),
        "it opens with its own figure"
    );
    assert_eq!((beginning.opening_customers, beginning.closing_customers), (3, 3));
    let converted = first.movements_usd.as_ref().unwrap();
    assert_eq!(
        (converted.opening, converted.closing, converted.currency_effects),
        (2003, 2003, 0)
    );
    // 1503.33 cents and 400 euro cents at 1.25.
    assert_eq!((first.mrr_usd(), first.summary.complete), (Some(Usd(1503 + 500)), true));

    house.tomorrow();
    house.second_day();
    let second = house.report().await.unwrap();
    assert_eq!(second.compared_with, Some(first.date));
    assert_eq!(moved(&second, Currency::USD, Kind::Expansion), "200");
    assert_eq!(moved(&second, Currency::USD, Kind::Churn), "-500");
    assert_eq!(moved(&second, Currency::USD, Kind::New), "700");
    assert_eq!(moved(&second, Currency::EUR, Kind::Contraction), "-100");
    let usd = &second.movements.currencies[&Currency::USD];
    assert_eq!(
        (usd.opening.to_string(), usd.closing.to_string()),
        ("4510/3".to_owned(), "5710/3".to_owned())
    );
    let converted = second.movements_usd.as_ref().unwrap();
    assert_eq!(
        converted.opening + converted.moved.values().sum::<i128>() + converted.currency_effects,
        converted.closing
    );
    assert_eq!(
        customer_churn(&Days::new([&first, &second]), second.date),
        Err(Missing::KeptSince(first.date)),
        "two days are no thirty"
    );
    let latest = house.memory.ports().revenue.latest().await.unwrap();
    assert_eq!(latest, Some(second.clone()));

    let news = house.news().await;
    let (key, agent, detail) = &news[1];
    assert_eq!(news.len(), 2);
    assert_eq!((key.as_str(), agent.as_str()), ("mrr/2025-06-16", "CostSentinel"));
    assert_eq!(detail["source"], "stripe-mrr-reporter");
    assert_eq!(detail["action"], "mrr_calculated");
    assert_eq!(detail["mrrUSD"].to_string(), "22.78");
    assert_eq!(
        (&detail["period_days"], &detail["charge_count"]),
        (&30.into(), &1.into())
    );
    assert_eq!(detail["charges_usd"].to_string(), "50.0");
    assert_eq!(detail["timestamp"], second.at.to_string());
}

#[tokio::test]
async fn churn_is_of_thirty_days_and_who_came_back_is_no_part_of_whom_it_is_of() {
    let house = House::new();
    house.first_day();
    let first = house.report().await.unwrap();
    house.tomorrow();
    house.second_day();
    house.report().await.unwrap();
    // Who left comes back, and leaves again.
    for day in 2..=29 {
        house.tomorrow();
        if day == 10 {
            house.billing.bill("cus_gone", Currency::USD, "500");
        }
        if day == 20 {
            house.second_day();
        }
        house.report().await.unwrap();
    }
    let rate = async || {
        let days = house.memory.ports().revenue.days(Date::MIN, Date::MAX).await.unwrap();
        customer_churn(&Days::new(&days), days.last().unwrap().date).map(|rate| rate.to_string())
    };
    assert_eq!(
        rate().await,
        Err(Missing::KeptSince(first.date)),
        "29 days after the first"
    );
    house.tomorrow();
    house.report().await.unwrap();
    assert_eq!(
        rate().await.as_deref(),
        Ok("2/5"),
        "one who left twice, of four who paid in a currency and one who was new"
    );
    house.tomorrow();
    house.report().await.unwrap();
    // The first day's end is more than 30 days ago: one left, of four who paid then, and nobody was new.
    assert_eq!(rate().await.as_deref(), Ok("1/4"));
}

#[tokio::test]
async fn who_moved_is_kept_with_the_subscriptions_that_made_it() {
    let house = House::new();
    house.first_day();
    let first = house.report().await.unwrap();
    assert!(house.who_moved(&first).await.is_empty(), "by a beginning nobody moved");
    house.tomorrow();
    house.second_day();
    house.billing.bill("cus_more", Currency::USD, "5");
    let expected = [
        "cus_gone usd: churn 500 to 0 by sub_1",
        "cus_more eur: contraction 400 to 300 by sub_3",
        "cus_more usd: expansion 1000 to 1205 by sub_0+sub_4",
        "cus_new usd: new 0 to 700 by sub_2",
    ];
    let second = house.report().await.unwrap();
    // Of `cus_same`, one subscription took the place of another: that is no movement.
    let moved = house.who_moved(&second).await;
    assert_eq!(moved, expected);
    let again = house.report().await.unwrap();
    assert_eq!(house.who_moved(&again).await, moved, "the same day again says the same");
    // In the afternoon one of them is gone again: the day is as if it had not come.
    house.billing.clear();
    house.second_day();
    let later = house.report().await.unwrap();
    let moved = house.who_moved(&later).await;
    assert_eq!(moved[2], "cus_more usd: expansion 1000 to 1200 by sub_0");
    house.tomorrow();
    let third = house.report().await.unwrap();
    assert!(house.who_moved(&third).await.is_empty());
}

#[tokio::test]
async fn a_customer_nobody_can_compute_keeps_its_subscriptions() {
    let house = House::new();
    house.first_day();
    house.report().await.unwrap();
    house.tomorrow();
    house.billing.clear();
    for (customer, amount) in [("cus_more", "1000"), ("cus_gone", "500")] {
        house.billing.bill(customer, Currency::USD, amount);
    }
    house.billing.puzzle("cus_same", Currency::USD);
    house.billing.bill("cus_more", Currency::EUR, "400");
    let second = house.report().await.unwrap();
    assert!(house.who_moved(&second).await.is_empty());
    house.tomorrow();
    house.billing.clear();
    house.first_day();
    house.billing.bill("cus_same", Currency::USD, "1");
    let third = house.report().await.unwrap();
    assert_eq!(
        house.who_moved(&third).await,
        ["cus_same usd: expansion 10/3 to 13/3 by sub_4"]
    );
}

#[tokio::test]
async fn who_comes_back_is_not_new() {
    let house = House::new();
    house.billing.bill("cus_1", Currency::USD, "500");
    house.report().await.unwrap();
    house.tomorrow();
    house.billing.clear();
    assert_eq!(house.report().await.unwrap().moved(Kind::Churn), 1);
    house.tomorrow();
    house.billing.bill("cus_1", Currency::USD, "500");
    let back = house.report().await.unwrap();
    assert_eq!((back.moved(Kind::Reactivation), back.moved(Kind::New)), (1, 0));
}

#[tokio::test]
async fn the_same_day_again_is_compared_with_the_day_before() {
    let house = House::new();
    house.first_day();
    house.report().await.unwrap();
    let again = house.report().await.unwrap();
    assert_eq!((again.compared_with, again.moved(Kind::New)), (None, 0));
    house.tomorrow();
    house.second_day();
    let second = house.report().await.unwrap();
    // In the afternoon a new customer is gone again, one more has come, one has less than in the morning.
    house.billing.clear();
    for (customer, amount) in [("cus_more", "900"), ("cus_same", "10/3"), ("cus_late", "100")] {
        house.billing.bill(customer, Currency::USD, amount);
    }
    let later = house.report().await.unwrap();
    assert_eq!((later.date, later.compared_with), (second.date, second.compared_with));
    assert_eq!(
        moved(&later, Currency::USD, Kind::New),
        "100",
        "who came and went is none"
    );
    assert_eq!(
        moved(&later, Currency::USD, Kind::Contraction),
        "-100",
        "compared with yesterday"
    );
    house.tomorrow();
    let third = house.report().await.unwrap();
    assert_eq!(
        third.movements.currencies[&Currency::USD].moved.len(),
        0,
        "nothing changed since"
    );
    house.tomorrow();
    house.billing.bill("cus_new", Currency::USD, "1");
    let fourth = house.report().await.unwrap();
    assert_eq!(
        fourth.moved(Kind::New),
        1,
        "who was no customer at the end of a day is new"
    );
}

#[tokio::test]
async fn only_changes_are_written() {
    let house = House::new();
    house.first_day();
    let first = house.report().await.unwrap();
    house.tomorrow();
    house.billing.clear();
    house.first_day();
    house.billing.bill("cus_more", Currency::USD, "1");
    let second = house.report().await.unwrap();
    let days: Vec<_> = house.memory.customers_kept().iter().map(|row| row.day).collect();
    assert_eq!(days, [first.date, first.date, second.date, first.date]);
}

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

#[tokio::test]
async fn a_failed_run_changes_nothing_and_is_told_once_a_day() {
    let house = House::new();
    house.first_day();
    let first = house.report().await.unwrap();
    let kept = house.memory.customers_kept();
    house.tomorrow();
    house.second_day();
    house.billing.fail_after(Some((2, PortErrorKind::Unavailable)));
    let reporter = house.reporter();
    for _ in 0..2 {
        let error = reporter.daily().await.unwrap_err();
        assert!(matches!(error, ReportError::Port(error) if error.kind == PortErrorKind::Unavailable));
    }
    assert_eq!(house.memory.ports().revenue.latest().await.unwrap(), Some(first));
    assert_eq!(house.memory.customers_kept(), kept);
    assert_eq!(house.news().await.len(), 1, "only the first day was told");
    let alerts = house.memory.alerts();
    assert_eq!(alerts.len(), 1, "once a day is enough");
    assert_eq!(alerts[0].title, "MRR of 2025-06-16 could not be computed");
    assert!(
        alerts[0].text.contains("cc-devops revenue report"),
        "{}",
        alerts[0].text
    );
    house.tomorrow();
    reporter.daily().await.unwrap_err();
    assert_eq!(house.memory.alerts().len(), 2, "the next day it is told again");
    house.billing.fail_after(None);
    assert!(reporter.daily().await.unwrap().is_some(), "and when it can, it goes on");
}

#[tokio::test]
async fn without_a_billing_source_nobody_is_woken() {
    let house = House::new();
    house.billing.fail_after(Some((0, PortErrorKind::NotFound)));
    assert!(house.reporter().daily().await.unwrap().is_none(), "it was never set up");
    assert!(house.memory.alerts().is_empty());
    house.billing.fail_after(None);
    house.report().await.unwrap();
    house.billing.fail_after(Some((0, PortErrorKind::NotFound)));
    house.reporter().daily().await.unwrap_err();
    assert_eq!(house.memory.alerts().len(), 1, "a key that was lost is worth telling");
}

#[tokio::test]
async fn an_incomplete_day_says_so_and_churns_nobody() {
    let house = House::new();
    house.first_day();
    house.report().await.unwrap();
    house.tomorrow();
    house.billing.clear();
    house.billing.bill("cus_more", Currency::USD, "1000");
    house.billing.bill("cus_more", Currency::EUR, "400");
    house.billing.puzzle("cus_gone", Currency::USD);
    house.billing.puzzle("cus_same", Currency::USD);
    let day = house.report().await.unwrap();
    assert!(!day.summary.complete);
    assert_eq!(day.moved(Kind::Churn), 0, "what nobody knows is not a movement");
    let news = house.news().await;
    assert_eq!(news[1].2["complete"], false);
}

#[tokio::test]
async fn without_rates_those_of_yesterday_do_and_without_any_the_total_is_unknown() {
    let house = House::new();
    house.first_day();
    let first = house.report().await.unwrap();
    house.billing.euro(None);
    house.tomorrow();
    let second = house.report().await.unwrap();
    assert_eq!((&second.rates, second.summary.complete), (&first.rates, true));
    for _ in 0..20 {
        house.tomorrow();
    }
    let late = house.report().await.unwrap();
    assert_eq!(
        (late.mrr_usd(), late.summary.complete),
        (None, false),
        "rates that old are none"
    );
    assert_eq!(late.movements_usd, None);
    let news = house.news().await;
    assert!(news[2].2["mrrUSD"].is_null());
}

#[tokio::test]
async fn a_dry_run_keeps_nothing_and_shows_the_same() {
    let house = House::new();
    house.first_day();
    let dry = Ask { keep: false, ..KEEP };
    let reporter = house.reporter();
    let mut seen = 0;
    let shown = reporter
        .report(dry, &mut |_| {
            seen += 1;
            ControlFlow::Continue(())
        })
        .await
        .unwrap();
    assert_eq!(seen, 4, "every figure is handed over");
    assert_eq!(house.memory.ports().revenue.latest().await.unwrap(), None);
    assert!(house.memory.customers_kept().is_empty() && house.news().await.is_empty());
    assert_eq!(house.report().await.unwrap(), shown);
}

#[tokio::test]
async fn a_day_of_the_past_is_shown_but_not_kept() {
    let house = House::new();
    house.first_day();
    let first = house.report().await.unwrap();
    house.tomorrow();
    let second = house.report().await.unwrap();
    let past = Ask {
        as_of: Some(first.summary.as_of),
        ..KEEP
    };
    let refused = house.reporter().report(past, &mut |_| ControlFlow::Continue(())).await;
    let error = refused.unwrap_err();
    assert!(error.to_string().contains("--dry-run"), "{error}");
    let shown = house
        .reporter()
        .report(Ask { keep: false, ..past }, &mut |_| ControlFlow::Continue(()))
        .await;
    assert_eq!(shown.unwrap().date, first.date);
    assert_eq!(house.memory.ports().revenue.latest().await.unwrap(), Some(second));
    let never = Ask {
        as_of: Some(i64::MAX),
        ..KEEP
    };
    let refused = house.reporter().report(never, &mut |_| ControlFlow::Continue(())).await;
    assert!(matches!(refused, Err(ReportError::NoDate(_))));
}

#[tokio::test]
async fn a_change_of_policy_is_said() {
    let house = House::new();
    house.first_day();
    house.billing.charge(Category::Charge, 5_000, Currency::USD);
    assert!(!house.report().await.unwrap().policy_changed);
    house.tomorrow();
    let other = house.over(house.memory.ports(), Policy::named("transactions").unwrap());
    let day = other.report(KEEP, &mut |_| ControlFlow::Continue(())).await.unwrap();
    assert!(day.policy_changed);
    assert_eq!(day.mrr_usd(), Some(Usd(5_000)), "the figure follows the policy");
}

#[tokio::test]
async fn it_can_be_broken_off() {
    let house = House::new();
    house.first_day();
    let broken = house.reporter().report(KEEP, &mut |_| ControlFlow::Break(())).await;
    assert!(matches!(broken, Err(ReportError::BrokenOff)));
    assert_eq!(house.memory.ports().revenue.latest().await.unwrap(), None);
}
