//! How long all subscriptions of an account take, next to what the API's limit alone would take.
//! Reads a fake that runs elsewhere (`--url`), or one in this process. Prints one line of JSON.

use std::time::{Duration, Instant};

use cc_devops_fake_stripe::{FakeStripe, KEY, Model};
use cc_devops_kernel::secret::SecretValue;
use cc_devops_stripe::client::{Client, Limits, Listed, Statuses, StripeSettings, WithItems};
use clap::Parser;
use serde::Deserialize;
use serde_json::json;

/// The moment the account is read at, in Unix seconds.
const NOW: i64 = 1_795_392_000;

/// Five years, over which a fake of this process spreads its subscriptions.
const AGE: i64 = 5 * 365 * 86_400;

#[derive(Parser)]
struct Arguments {
    /// Where the account is; without it, a fake is started here.
    #[arg(long)]
    url: Option<String>,
    /// The key.
    #[arg(long, default_value = KEY)]
    key: String,
    /// How many subscriptions the fake of this process has.
    #[arg(long, default_value_t = 100_000)]
    subscriptions: u32,
    /// How long every request takes it, in milliseconds.
    #[arg(long, default_value_t = 200)]
    latency_ms: u64,
    /// Requests a second: what the fake lets in, and what is asked for.
    #[arg(long, default_value_t = 25)]
    rate: u32,
}

/// As much of a subscription as the reading itself needs.
#[derive(Deserialize)]
struct Subscription {
    id: String,
    created: i64,
    items: Items,
}

#[derive(Deserialize)]
struct Items {
    data: Vec<Item>,
    has_more: bool,
}

#[derive(Deserialize)]
struct Item {
    id: String,
    created: i64,
}

impl Listed for Subscription {
    fn id(&self) -> &str {
        &self.id
    }

    fn created(&self) -> i64 {
        self.created
    }
}

impl Listed for Item {
    fn id(&self) -> &str {
        &self.id
    }

    fn created(&self) -> i64 {
        self.created
    }
}

impl WithItems for Subscription {
    type Item = Item;

    fn last_item_of_more(&self) -> Option<&Item> {
        self.items.data.last().filter(|_| self.items.has_more)
    }

    fn add_items(&mut self, items: Vec<Item>) {
        self.items.data.extend(items);
    }
}

#[tokio::main]
#[expect(clippy::print_stdout, reason = "what it prints is what it is for")]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    drop(rustls::crypto::ring::default_provider().install_default());
    let arguments = Arguments::parse();
    let fake = match &arguments.url {
        Some(_) => None,
        None => Some(fake(&arguments).await),
    };
    let here = fake.as_ref().map(|fake| fake.url().to_owned());
    let settings = StripeSettings {
        api_url: arguments.url.or(here).unwrap_or_default(),
        limits: Some(Limits {
            in_all: arguments.rate,
            of_an_endpoint: arguments.rate,
        }),
        ..StripeSettings::default()
    };
    let client = Client::new(&SecretValue::new(arguments.key), &settings)?;
    let began = Instant::now();
    let mut subscriptions = client.subscriptions::<Subscription>(Statuses::AllButCanceled, NOW);
    let mut read = 0_usize;
    while let Some(page) = subscriptions.next_page().await? {
        read += page.len();
    }
    let seconds = began.elapsed().as_secs_f64();
    let pages = u32::try_from(read.div_ceil(100))?;
    let limit = f64::from(pages) / f64::from(arguments.rate);
    let progress = *client.progress().borrow();
    let counters = fake.map(|fake| fake.counters());
    println!(
        "{}",
        json!({
            "subscriptions": read, "seconds": seconds, "limit_seconds": limit, "ratio": seconds / limit,
            "requests": progress.requests, "retries": progress.retries,
            "most_in_a_second": counters.map(|counters| counters.most_in_all),
            "rate_limited": counters.map(|counters| counters.rate_limited),
            "peak_memory_kb": peak_memory(),
        })
    );
    Ok(())
}

async fn fake(arguments: &Arguments) -> FakeStripe {
    let mut model = Model::at(NOW);
    let count = arguments.subscriptions;
    model.fill(count, |number| NOW - 1 - AGE * i64::from(number) / i64::from(count));
    let fake = FakeStripe::start(model).await;
    fake.set_latency(Duration::from_millis(arguments.latency_ms));
    let rate = usize::try_from(arguments.rate).unwrap_or(usize::MAX);
    fake.set_rates(rate, rate);
    fake
}

/// The most memory this process has had, in kilobytes, where the system tells.
fn peak_memory() -> Option<u64> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find(|line| line.starts_with("VmHWM:"))?;
    line.split_whitespace().nth(1)?.parse().ok()
}
