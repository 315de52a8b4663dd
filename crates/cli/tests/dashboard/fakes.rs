//! A Stripe and a GitHub for the control planes to look at.

use cc_devops_fake_github::{FakeGitHub, Model as Repositories, Protection, TOKEN};
use cc_devops_fake_stripe::{FakeStripe, KEY, Model as Account};
use cc_devops_kernel::ports::{Clock, SystemClock};
use serde_json::{Value, json};
use tokio::runtime::{Builder, Runtime};

const DAY: i64 = 86_400;

/// Whose the repositories are.
const OWNER: &str = "acme";

/// Both, for as long as this is kept.
pub(crate) struct Fakes {
    stripe: FakeStripe,
    github: FakeGitHub,
    /// The time that both live in, in Unix seconds.
    now: i64,
    _threads: Runtime,
}

impl Fakes {
    pub(crate) fn start() -> Self {
        let now = SystemClock.now().as_second();
        let threads = Builder::new_multi_thread()
            .worker_threads(1)
            .enable_all()
            .build()
            .unwrap();
        let (stripe, github) = threads.block_on(async {
            let stripe = FakeStripe::start(account(now)).await;
            (stripe, FakeGitHub::start(repositories(now)).await)
        });
        stripe.set_rates(1_000, 1_000);
        Self {
            stripe,
            github,
            now,
            _threads: threads,
        }
    }

    /// Where they are, for what runs beside us.
    pub(crate) fn described(&self) -> Value {
        json!({
            "stripe": {"url": self.stripe.url(), "key": KEY, "now": self.now},
            "github": {"url": self.github.url(), "token": TOKEN, "owner": OWNER},
        })
    }
}

/// Customers that came over a year, the last of them today.
fn account(now: i64) -> Account {
    let mut model = Account::at(now);
    model.fill(60, |number| now - 60 - 6 * DAY * i64::from(number));
    model
}

/// Several repositories, one of them protected, one with a workflow that fails.
fn repositories(now: i64) -> Repositories {
    let mut model = Repositories::at(now);
    model.repo("acme/web", |of| of.vulnerability_alerts = true);
    model.protect("acme/web", Protection::of("main").reviews(1));
    model.repo("acme/api", |_| ());
    model.repo("acme/old", |of| of.archived = true);
    let failing = model.workflow("acme/web", ".github/workflows/ci.yml");
    model.run(failing, "failure", |_| ());
    let good = model.workflow("acme/api", ".github/workflows/lint.yml");
    model.run(good, "success", |_| ());
    model
}
