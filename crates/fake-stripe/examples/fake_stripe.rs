//! The fake Stripe as a program, for measurements and for clients in other languages. The first line it
//! prints is JSON: `{"url", "key"}`. It ends when its standard input closes, and then prints what it
//! counted as JSON.

use std::time::Duration;

use cc_devops_fake_stripe::{FakeStripe, KEY, Model};
use clap::Parser;
use serde_json::json;

/// The moment the fake account stands at, in Unix seconds.
const NOW: i64 = 1_795_392_000;

/// Five years, over which the subscriptions are spread.
const AGE: i64 = 5 * 365 * 86_400;

#[derive(Parser)]
struct Arguments {
    /// How many subscriptions the account has.
    #[arg(long, default_value_t = 1000)]
    subscriptions: u32,
    /// How long every request takes, in milliseconds.
    #[arg(long, default_value_t = 0)]
    latency_ms: u64,
    /// How many requests are let in within any second, for one endpoint and in all.
    #[arg(long, default_value_t = 25)]
    rate: usize,
}

#[tokio::main]
#[expect(clippy::print_stdout, reason = "what it prints is what it is for")]
async fn main() {
    let arguments = Arguments::parse();
    let mut model = Model::at(NOW);
    let count = arguments.subscriptions;
    model.fill(count, |number| NOW - 1 - AGE * i64::from(number) / i64::from(count));
    let stripe = FakeStripe::start(model).await;
    stripe.set_latency(Duration::from_millis(arguments.latency_ms));
    stripe.set_rates(arguments.rate, arguments.rate);
    println!("{}", json!({ "url": stripe.url(), "key": KEY }));
    let mut input = tokio::io::stdin();
    // A read error ends it as well as the end of the input does.
    drop(tokio::io::copy(&mut input, &mut tokio::io::sink()).await);
    let counters = stripe.counters();
    println!(
        "{}",
        json!({
            "requests": counters.requests, "objects": counters.objects,
            "most_of_an_endpoint": counters.most_of_an_endpoint, "rate_limited": counters.rate_limited,
        })
    );
}
