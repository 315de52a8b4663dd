//! The day's MRR, from one day to the next, over fakes.

mod crashes;
mod moving;
mod runs;

use cc_devops_requests::ports::Ports;
use cc_devops_revenue::currency::Currency;
use cc_devops_revenue::customer_movements::CustomerMovement;
use cc_devops_revenue::customer_movements::MovementFilter;
use cc_devops_revenue::day::CustomerKey;
use cc_devops_revenue::day::Day;
use cc_devops_revenue::lines::Explain;
use cc_devops_revenue::movements::Kind;
use cc_devops_revenue::policy::Policy;
use cc_devops_revenue::reporting::Ask;
use cc_devops_revenue::reporting::ReportError;
use cc_devops_revenue::reporting::Reporter;
use cc_devops_revenue::reporting::ReportingSettings;
use cc_devops_testkit::FakeBilling;
use cc_devops_testkit::Memory;
use cc_devops_testkit::outbox;
use cc_devops_testkit::sample;
use jiff::SignedDuration;
use jiff::civil::Date;
use serde_json::Value;
use std::ops::ControlFlow;
use std::sync::Arc;

const KEEP: Ask = Ask {
    as_of: None,
    keep: true,
    explain: Explain::No,
};

struct Harness {
    memory: Memory,
    billing: FakeBilling,
}

impl Harness {
    fn new() -> Self {
        let harness = Self {
            memory: Memory::new(),
            billing: FakeBilling::default(),
        };
        harness.billing.euro(Some("1.25"));
        harness
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
        let waiting = outbox::waiting(&self.memory.ports(), 10_000_000).await;
        let told = |entry: &cc_devops_outbox::ports::DueEvent| {
            let event = outbox::event(entry);
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
