//! The client against the fake Stripe, and a look at another that is older.
#![expect(clippy::expect_used, reason = "tests fail by panicking, with a message")]

mod faults;
mod limits;
mod oldest;
mod reading;
mod sdk;

use std::time::Duration;

use cc_devops_fake_stripe::{FakeStripe, KEY, Model};
use cc_devops_kernel::secret::SecretValue;
use cc_devops_stripe::client::{Client, Limits, Listed, Retries, StripeSettings, WithItems};
use serde::Deserialize;

/// The second at which the fake account stands.
const NOW: i64 = 1_795_392_000;

/// An object as little as it can be known.
#[derive(Debug, Deserialize)]
struct Object {
    id: String,
    created: i64,
    #[serde(flatten)]
    rest: serde_json::Value,
}

impl Listed for Object {
    fn id(&self) -> &str {
        &self.id
    }

    fn created(&self) -> i64 {
        self.created
    }
}

/// A subscription with its items.
#[derive(Debug, Deserialize)]
struct Subscription {
    id: String,
    created: i64,
    items: Items,
    discounts: serde_json::Value,
}

#[derive(Debug, Deserialize)]
struct Items {
    data: Vec<Object>,
    has_more: bool,
}

impl Listed for Subscription {
    fn id(&self) -> &str {
        &self.id
    }

    fn created(&self) -> i64 {
        self.created
    }
}

impl WithItems for Subscription {
    type Item = Object;

    fn last_item_of_more(&self) -> Option<&Object> {
        self.items.data.last().filter(|_| self.items.has_more)
    }

    fn add_items(&mut self, items: Vec<Object>) {
        self.items.data.extend(items);
        self.items.has_more = false;
    }
}

/// No limit that a test would wait for.
const FAST: Limits = Limits {
    in_all: 100_000,
    of_an_endpoint: 100_000,
};

/// Settings that wait for little.
fn settings(stripe: &FakeStripe) -> StripeSettings {
    StripeSettings {
        api_url: stripe.url().to_owned(),
        limits: Some(FAST),
        retries: Retries {
            times: 3,
            shortest: Duration::from_millis(1),
            longest: Duration::from_millis(4),
        },
        ..StripeSettings::default()
    }
}

fn client(key: &str, settings: &StripeSettings) -> Client {
    drop(rustls::crypto::ring::default_provider().install_default());
    Client::new(&SecretValue::new(key.to_owned()), settings).expect("the key and the address are good")
}

/// A fake without limits, and a client of it.
async fn fast(model: Model) -> (FakeStripe, Client) {
    let stripe = FakeStripe::start(model).await;
    stripe.set_rates(usize::MAX, usize::MAX);
    let client = client(KEY, &settings(&stripe));
    (stripe, client)
}

/// An account with `count` subscriptions, one a minute, the newest a minute ago.
fn filled(count: u32) -> Model {
    let mut model = Model::at(NOW);
    model.fill(count, |number| NOW - 60 - 60 * i64::from(number));
    model
}

/// The ids that a filled account has.
fn ids(count: u32) -> Vec<String> {
    (0..count).map(|number| format!("sub_bulk{number:08}")).collect()
}
