#![doc = include_str!("../README.md")]
#![expect(
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::missing_panics_doc,
    reason = "this crate is test code: it fails by panicking, with a message"
)]

mod answer;
mod billing;
mod bulk;
mod expand;
mod invoice;
mod model;
mod object_list;
mod query;
mod serve;
mod shape;
mod traffic;

use std::collections::{BTreeSet, HashMap, VecDeque};
use std::net::Ipv4Addr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use axum::serve::ListenerExt;
use tokio::net::TcpListener;
use tokio::task::JoinHandle;

pub use self::billing::{Beginning, Proration};
pub use self::model::Model;
pub use self::traffic::{Counters, Seen};
use self::traffic::{Rates, Traffic};

/// The version of the API whose shapes the fake sends.
pub const API_VERSION: &str = "2026-10-28.endive";

/// A key that may read everything, of a sandbox.
pub const KEY: &str = "sk_test_fake_everything";

/// Something that goes wrong with one request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Fault {
    /// 429 with this reason, and with `Retry-After` in seconds.
    TooMany(&'static str, Option<u64>),
    /// This status, and what `Stripe-Should-Retry` says.
    Status(u16, Option<bool>),
    /// The connection breaks in the middle of the body.
    Cut,
    /// The body stops half-way for this long.
    Slow(Duration),
    /// The body is not JSON.
    Garbage,
    /// The page before the one that was asked for, once more. Waits for a request with a cursor.
    Repeat,
    /// The cursor is not known any more. Waits for a request with a cursor.
    CursorGone,
}

/// What the requests share.
#[derive(Debug)]
struct Inner {
    model: Mutex<Model>,
    traffic: Mutex<Traffic>,
    settings: Mutex<FakeOptions>,
}

#[derive(Debug)]
struct FakeOptions {
    latency: Duration,
    rates: Rates,
    /// What each key may do; `None` is everything.
    keys: HashMap<String, Option<BTreeSet<String>>>,
    faults: VecDeque<(String, Fault)>,
    /// How many items a subscription shows.
    items_shown: usize,
}

/// A running fake on a free loopback port; dropping it ends it.
#[derive(Debug)]
pub struct FakeStripe {
    url: String,
    inner: Arc<Inner>,
    server: JoinHandle<()>,
}

impl FakeStripe {
    /// Serves `model`: [`KEY`] may read all of it, 25 requests a second are let in, no latency.
    pub async fn start(model: Model) -> Self {
        let inner = Arc::new(Inner {
            model: Mutex::new(model),
            traffic: Mutex::default(),
            settings: Mutex::new(FakeOptions {
                latency: Duration::ZERO,
                rates: Rates {
                    of_an_endpoint: 25,
                    in_all: 25,
                },
                keys: HashMap::from([(KEY.to_owned(), None)]),
                faults: VecDeque::new(),
                items_shown: 10,
            }),
        });
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))
            .await
            .expect("loopback has a free port");
        let url = format!(
            "http://{}",
            listener.local_addr().expect("a bound socket has an address")
        );
        let router = serve::router(Arc::clone(&inner));
        let listener = listener.tap_io(|stream| {
            // Without it, small answers wait for the client's acknowledgement.
            stream.set_nodelay(true).expect("a fresh socket takes options");
        });
        let server = tokio::spawn(async move {
            axum::serve(listener, router)
                .await
                .expect("the fake serves until it is dropped");
        });
        Self { url, inner, server }
    }

    /// Where it answers, without a slash at the end.
    pub fn url(&self) -> &str {
        &self.url
    }

    /// Reads or changes what the account holds, between two requests.
    pub fn model<R>(&self, change: impl FnOnce(&mut Model) -> R) -> R {
        change(&mut lock(&self.inner.model))
    }

    /// Every request takes at least this long.
    pub fn set_latency(&self, latency: Duration) {
        lock(&self.inner.settings).latency = latency;
    }

    /// Lets in so many requests in any second, for one endpoint and in all.
    pub fn set_rates(&self, of_an_endpoint: usize, in_all: usize) {
        lock(&self.inner.settings).rates = Rates { of_an_endpoint, in_all };
    }

    /// Subscriptions show so many of their items; `/v1/subscription_items` has the rest.
    pub fn set_items_shown(&self, items: usize) {
        lock(&self.inner.settings).items_shown = items;
    }

    /// Makes a restricted key that has these permissions only, such as `rak_subscription_read`.
    pub fn add_key(&self, key: &str, permissions: &[&str]) {
        let permissions = permissions.iter().map(|&permission| permission.to_owned()).collect();
        lock(&self.inner.settings)
            .keys
            .insert(key.to_owned(), Some(permissions));
    }

    /// The next request of `path` for which it makes sense meets this fault; faults queue up.
    pub fn inject(&self, path: &str, fault: Fault) {
        lock(&self.inner.settings).faults.push_back((path.to_owned(), fault));
    }

    /// How many injected faults no request has met yet.
    pub fn faults_left(&self) -> usize {
        lock(&self.inner.settings).faults.len()
    }

    /// What was counted so far.
    pub fn counters(&self) -> Counters {
        lock(&self.inner.traffic).counters
    }

    /// Every request so far, in the order they came.
    pub fn requests(&self) -> Vec<Seen> {
        lock(&self.inner.traffic).log.clone()
    }
}

impl Drop for FakeStripe {
    fn drop(&mut self) {
        self.server.abort();
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
