//! What moved from one day to the next, and who.

use cc_devops_revenue::currency::Currency;
use cc_devops_revenue::figures::Days;
use cc_devops_revenue::figures::Missing;
use cc_devops_revenue::figures::customer_churn;
use cc_devops_revenue::movements::Kind;
use cc_devops_revenue::report::Usd;
use cc_devops_revenue::transactions::Category;
use jiff::civil::Date;

use crate::reporter::{Harness, moved};

#[tokio::test]
async fn a_second_day_shows_what_moved() {
    let harness = Harness::new();
    harness.first_day();
    harness.billing.charge(Category::Charge, 5_000, Currency::USD);
    harness.billing.charge(Category::Refund, -1_500, Currency::USD);
    let first = harness.report().await.unwrap();
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

    harness.tomorrow();
    harness.second_day();
    let second = harness.report().await.unwrap();
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
    let latest = harness.memory.ports().revenue.latest().await.unwrap();
    assert_eq!(latest, Some(second.clone()));

    let news = harness.news().await;
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
    let harness = Harness::new();
    harness.first_day();
    let first = harness.report().await.unwrap();
    harness.tomorrow();
    harness.second_day();
    harness.report().await.unwrap();
    // Who left comes back, and leaves again.
    for day in 2..=29 {
        harness.tomorrow();
        if day == 10 {
            harness.billing.bill("cus_gone", Currency::USD, "500");
        }
        if day == 20 {
            harness.second_day();
        }
        harness.report().await.unwrap();
    }
    let rate = async || {
        let days = harness.memory.ports().revenue.days(Date::MIN, Date::MAX).await.unwrap();
        customer_churn(&Days::new(&days), days.last().unwrap().date).map(|rate| rate.to_string())
    };
    assert_eq!(
        rate().await,
        Err(Missing::KeptSince(first.date)),
        "29 days after the first"
    );
    harness.tomorrow();
    harness.report().await.unwrap();
    assert_eq!(
        rate().await.as_deref(),
        Ok("2/5"),
        "one who left twice, of four who paid in a currency and one who was new"
    );
    harness.tomorrow();
    harness.report().await.unwrap();
    // The first day's end is more than 30 days ago: one left, of four who paid then, and nobody was new.
    assert_eq!(rate().await.as_deref(), Ok("1/4"));
}

#[tokio::test]
async fn who_moved_is_kept_with_the_subscriptions_that_made_it() {
    let harness = Harness::new();
    harness.first_day();
    let first = harness.report().await.unwrap();
    assert!(
        harness.who_moved(&first).await.is_empty(),
        "by a beginning nobody moved"
    );
    harness.tomorrow();
    harness.second_day();
    harness.billing.bill("cus_more", Currency::USD, "5");
    let expected = [
        "cus_gone usd: churn 500 to 0 by sub_1",
        "cus_more eur: contraction 400 to 300 by sub_3",
        "cus_more usd: expansion 1000 to 1205 by sub_0+sub_4",
        "cus_new usd: new 0 to 700 by sub_2",
    ];
    let second = harness.report().await.unwrap();
    // Of `cus_same`, one subscription took the place of another: that is no movement.
    let moved = harness.who_moved(&second).await;
    assert_eq!(moved, expected);
    let again = harness.report().await.unwrap();
    assert_eq!(
        harness.who_moved(&again).await,
        moved,
        "the same day again says the same"
    );
    // In the afternoon one of them is gone again: the day is as if it had not come.
    harness.billing.clear();
    harness.second_day();
    let later = harness.report().await.unwrap();
    let moved = harness.who_moved(&later).await;
    assert_eq!(moved[2], "cus_more usd: expansion 1000 to 1200 by sub_0");
    harness.tomorrow();
    let third = harness.report().await.unwrap();
    assert!(harness.who_moved(&third).await.is_empty());
}

#[tokio::test]
async fn a_customer_nobody_can_compute_keeps_its_subscriptions() {
    let harness = Harness::new();
    harness.first_day();
    harness.report().await.unwrap();
    harness.tomorrow();
    harness.billing.clear();
    for (customer, amount) in [("cus_more", "1000"), ("cus_gone", "500")] {
        harness.billing.bill(customer, Currency::USD, amount);
    }
    harness.billing.puzzle("cus_same", Currency::USD);
    harness.billing.bill("cus_more", Currency::EUR, "400");
    let second = harness.report().await.unwrap();
    assert!(harness.who_moved(&second).await.is_empty());
    harness.tomorrow();
    harness.billing.clear();
    harness.first_day();
    harness.billing.bill("cus_same", Currency::USD, "1");
    let third = harness.report().await.unwrap();
    assert_eq!(
        harness.who_moved(&third).await,
        ["cus_same usd: expansion 10/3 to 13/3 by sub_4"]
    );
}

#[tokio::test]
async fn who_comes_back_is_not_new() {
    let harness = Harness::new();
    harness.billing.bill("cus_1", Currency::USD, "500");
    harness.report().await.unwrap();
    harness.tomorrow();
    harness.billing.clear();
    assert_eq!(harness.report().await.unwrap().moved(Kind::Churn), 1);
    harness.tomorrow();
    harness.billing.bill("cus_1", Currency::USD, "500");
    let back = harness.report().await.unwrap();
    assert_eq!((back.moved(Kind::Reactivation), back.moved(Kind::New)), (1, 0));
}

#[tokio::test]
async fn the_same_day_again_is_compared_with_the_day_before() {
    let harness = Harness::new();
    harness.first_day();
    harness.report().await.unwrap();
    let again = harness.report().await.unwrap();
    assert_eq!((again.compared_with, again.moved(Kind::New)), (None, 0));
    harness.tomorrow();
    harness.second_day();
    let second = harness.report().await.unwrap();
    // In the afternoon a new customer is gone again, one more has come, one has less than in the morning.
    harness.billing.clear();
    for (customer, amount) in [("cus_more", "900"), ("cus_same", "10/3"), ("cus_late", "100")] {
        harness.billing.bill(customer, Currency::USD, amount);
    }
    let later = harness.report().await.unwrap();
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
    harness.tomorrow();
    let third = harness.report().await.unwrap();
    assert_eq!(
        third.movements.currencies[&Currency::USD].moved.len(),
        0,
        "nothing changed since"
    );
    harness.tomorrow();
    harness.billing.bill("cus_new", Currency::USD, "1");
    let fourth = harness.report().await.unwrap();
    assert_eq!(
        fourth.moved(Kind::New),
        1,
        "who was no customer at the end of a day is new"
    );
}

#[tokio::test]
async fn only_changes_are_written() {
    let harness = Harness::new();
    harness.first_day();
    let first = harness.report().await.unwrap();
    harness.tomorrow();
    harness.billing.clear();
    harness.first_day();
    harness.billing.bill("cus_more", Currency::USD, "1");
    let second = harness.report().await.unwrap();
    let days: Vec<_> = harness.memory.customers_kept().iter().map(|row| row.day).collect();
    assert_eq!(days, [first.date, first.date, second.date, first.date]);
}
