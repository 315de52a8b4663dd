//! An account at the fake Stripe, and two stores: one for what is reported, one for what is reconstructed.

use std::ops::ControlFlow;
use std::sync::Arc;

use cc_devops_fake_stripe::{FakeStripe, KEY, Model};
use cc_devops_kernel::secret::SecretValue;
use cc_devops_requests::ports::Ports;
use cc_devops_revenue::backfill::{BackfillError, Backfilled};
use cc_devops_revenue::currency::Currency;
use cc_devops_revenue::customer_movements::MovementFilter;
use cc_devops_revenue::day::Day;
use cc_devops_revenue::lines::Explain;
use cc_devops_revenue::policy::Policy;
use cc_devops_revenue::ports::RateSource;
use cc_devops_revenue::reporting::{Ask, Reporter, ReportingSettings};
use cc_devops_stripe::account::{Account, KeySource};
use cc_devops_stripe::client::{Limits, StripeSettings};
use cc_devops_testkit::{FakeBilling, Memory, sample};
use jiff::Timestamp;
use jiff::civil::Date;
use jiff::tz::TimeZone;

/// Six in the morning, UTC, of the first day.
pub(crate) const START: i64 = 1_795_327_200;
pub(crate) const DAY: i64 = 86_400;

pub(crate) struct Harness {
    pub(crate) stripe: FakeStripe,
    pub(crate) reported: Memory,
    pub(crate) reconstructed: Memory,
    rates: FakeBilling,
}

impl Harness {
    pub(crate) async fn new(model: Model) -> Self {
        drop(rustls::crypto::ring::default_provider().install_default());
        let stripe = FakeStripe::start(model).await;
        stripe.set_rates(100_000, 100_000);
        let rates = FakeBilling::default();
        rates.euro(Some("1.25"));
        Self {
            stripe,
            reported: Memory::new(),
            reconstructed: Memory::new(),
            rates,
        }
    }

    /// Sets everybody's time, in Unix seconds.
    pub(crate) fn at(&self, second: i64) {
        let now = Timestamp::from_second(second).unwrap();
        self.reported.clock().set(now);
        self.reconstructed.clock().set(now);
    }

    pub(crate) fn first_day() -> Date {
        Timestamp::from_second(START).unwrap().to_zoned(TimeZone::UTC).date()
    }

    pub(crate) fn account(&self, memory: &Memory) -> Arc<Account> {
        let settings = StripeSettings {
            api_url: self.stripe.url().to_owned(),
            limits: Some(Limits {
                in_all: 100_000,
                of_an_endpoint: 100_000,
            }),
            ..StripeSettings::default()
        };
        let key = KeySource::Given(SecretValue::new(KEY.to_owned()));
        Arc::new(Account::new(key, settings, memory.ports().clock))
    }

    pub(crate) fn reporter(&self, memory: &Memory, ports: Ports) -> Reporter {
        let mut policy = Policy::default();
        policy.assign("subtract_recurring_discounts=true").unwrap();
        let settings = ReportingSettings {
            installation: sample::installation(),
            policy,
            reader: sample::agent_name(sample::OTHER_AGENT),
        };
        let rates: Arc<dyn RateSource> = Arc::new(self.rates.clone());
        Reporter::new(self.account(memory), rates, ports, settings)
    }

    pub(crate) async fn report(&self, memory: &Memory) -> Day {
        let ask = Ask {
            as_of: None,
            keep: true,
            explain: Explain::No,
        };
        let reporter = self.reporter(memory, memory.ports());
        let day = reporter.report(ask, &mut |_| ControlFlow::Continue(())).await;
        day.unwrap()
    }

    /// From the first day until yesterday.
    pub(crate) async fn backfill(&self, memory: &Memory) -> Result<Backfilled, BackfillError> {
        self.backfill_over(memory, memory.ports()).await
    }

    pub(crate) async fn backfill_over(&self, memory: &Memory, ports: Ports) -> Result<Backfilled, BackfillError> {
        let today = memory.ports().clock.now().to_zoned(TimeZone::UTC).date();
        let reporter = self.reporter(memory, ports);
        let to = today.yesterday().unwrap();
        reporter
            .backfill(&*self.account(memory), Self::first_day(), to, &mut |_| {})
            .await
    }

    pub(crate) async fn backfill_of(&self, memory: &Memory, from: Date, to: Date) -> Result<Backfilled, BackfillError> {
        let reporter = self.reporter(memory, memory.ports());
        reporter.backfill(&*self.account(memory), from, to, &mut |_| {}).await
    }

    pub(crate) async fn days(&self, memory: &Memory) -> Vec<Day> {
        memory.ports().revenue.days(Date::MIN, Date::MAX).await.unwrap()
    }

    /// Who moved on a day, a line each.
    pub(crate) async fn who_moved(&self, memory: &Memory, date: Date) -> Vec<String> {
        let store = memory.ports().revenue;
        let page = store.movements(&MovementFilter::of(date, date), None, 1_000).await;
        let page = page.unwrap();
        assert_eq!(page.next, None);
        let line = |moved: &cc_devops_revenue::customer_movements::CustomerMovement| {
            let currency: Currency = moved.key.currency;
            let ids = moved.subscriptions.as_ref().map_or("?".to_owned(), |ids| ids.join("+"));
            format!(
                "{} {currency}: {} {} to {} by {ids}",
                moved.key.customer, moved.kind, moved.before, moved.after
            )
        };
        page.items.iter().map(line).collect()
    }
}
