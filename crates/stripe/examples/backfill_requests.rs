//! What a backfill of two years takes: requests, the pages that hold what is read, and seconds. The account is a fake in
//! this process: each customer has a subscription of two years and an invoice every thirty days. Prints one line of JSON.

use std::error::Error;
use std::sync::Arc;
use std::time::Instant;

use cc_devops_fake_stripe::{FakeStripe, KEY, Model};
use cc_devops_kernel::secret::SecretValue;
use cc_devops_revenue::policy::Policy;
use cc_devops_revenue::reporting::{Reporter, ReportingSettings};
use cc_devops_stripe::account::{Account, KeySource};
use cc_devops_stripe::client::{Limits, StripeSettings};
use cc_devops_testkit::{FakeBilling, Memory, sample};
use clap::Parser;
use jiff::Timestamp;
use jiff::civil::Date;
use jiff::tz::TimeZone;
use serde_json::json;

/// Six in the morning, UTC, of a day.
const NOW: i64 = 1_795_327_200;
const DAY: i64 = 86_400;
const MONTH: i64 = 30 * DAY;

#[derive(Parser)]
struct Arguments {
    /// How many customers there are.
    #[arg(long, default_value_t = 10_000)]
    customers: u32,
    /// Requests a second: what the fake lets in, and what is asked for.
    #[arg(long, default_value_t = 25)]
    rate: u32,
}

fn date(second: i64) -> Result<Date, Box<dyn Error>> {
    Ok(Timestamp::from_second(second)?.to_zoned(TimeZone::UTC).date())
}

#[tokio::main]
#[expect(clippy::print_stdout, reason = "what it prints is what it is for")]
async fn main() -> Result<(), Box<dyn Error>> {
    let arguments = Arguments::parse();
    drop(rustls::crypto::ring::default_provider().install_default());
    let customers = arguments.customers;
    let start = NOW - 730 * DAY;
    let offset = |number: u32| i64::from(number) * MONTH / i64::from(customers);
    let mut model = Model::at(NOW);
    model.fill(customers, |number| start + offset(number));
    model.fill_two_years_of_invoices(customers, start, offset);
    let stripe = FakeStripe::start(model).await;
    let rate = usize::try_from(arguments.rate)?;
    stripe.set_rates(rate, rate);

    let memory = Memory::new();
    memory.clock().set(Timestamp::from_second(NOW)?);
    let settings = StripeSettings {
        api_url: stripe.url().to_owned(),
        limits: Some(Limits {
            in_all: arguments.rate,
            of_an_endpoint: arguments.rate,
        }),
        ..StripeSettings::default()
    };
    let key = KeySource::Given(SecretValue::new(KEY.to_owned()));
    let account = Arc::new(Account::new(key, settings, memory.ports().clock));
    let how = ReportingSettings {
        installation: sample::installation(),
        policy: Policy::default(),
        reader: sample::agent_name(sample::OTHER_AGENT),
    };
    let rates = Arc::new(FakeBilling::default());
    let reporter = Reporter::new(account.clone(), rates, memory.ports(), how);
    let began = Instant::now();
    let done = reporter
        .backfill(&*account, date(start)?, date(NOW - DAY)?, &mut |_| {})
        .await?;
    let seconds = began.elapsed().as_secs_f64();
    let pages = done.subscriptions.div_ceil(100) + done.invoices.div_ceil(100);
    let answer = json!({
        "customers": customers, "days": done.kept, "invoices": done.invoices, "pages": pages,
        "requests": done.requests, "seconds": seconds, "too_many": stripe.counters().rate_limited,
    });
    println!("{answer}");
    Ok(())
}
