#![doc = include_str!("../README.md")]
#![expect(
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::missing_panics_doc,
    clippy::panic,
    reason = "this crate is test code: it fails by panicking, with a message"
)]

mod access;
mod answer;
mod canned;
mod description;
mod graphql;
mod ids;
mod model;
mod permission;
mod recorded;
mod rest;
mod serve;
mod traffic;

use std::collections::{BTreeSet, HashMap};
use std::net::Ipv4Addr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use axum::serve::ListenerExt;
use tokio::net::TcpListener;
use tokio::task::JoinHandle;

pub use self::access::Access;
pub use self::canned::Canned;
pub use self::model::{
    Actors, Branches, Bypass, Checks, Comment, DependabotRun, Enforcement, Environment, Hook, Invitation, Issue, Job,
    Label, Model, OrganizationSecurity, Owner, Plan, Property, Protection, Pull, Repository, RepositorySettings,
    Reviews, Rule, Ruleset, Run, Security, SelectedActions, Target, Visibility, Workflow,
};
pub use self::permission::Permission;
pub use self::recorded::{Replay, recorded, webhooks};
use self::traffic::Traffic;
pub use self::traffic::{Fault, Seen};

/// The token of `ops`, who administers everything.
pub const TOKEN: &str = "ghp_fake_everything";

/// The App whose key is [`APP_KEY`].
pub const APP_ID: u64 = 4711;

/// The private key of the App, in PEM. It opens nothing else.
pub const APP_KEY: &str = include_str!("../data/app-key.pem");

/// What the requests share.
#[derive(Debug)]
struct Inner {
    model: Mutex<Model>,
    traffic: Mutex<Traffic>,
    settings: Mutex<FakeOptions>,
    url: Mutex<String>,
}

#[derive(Debug)]
struct FakeOptions {
    latency: Duration,
    tokens: HashMap<String, Access>,
    /// How old an issue must be for a search to find it, in seconds.
    search_lag: i64,
    /// What a test answers in the fake's place.
    canned: Vec<Canned>,
    /// What an older server lacks.
    lacks: BTreeSet<String>,
    /// The version of an Enterprise Server; `None` is github.com.
    version: Option<String>,
}

/// A running fake on a free loopback port; dropping it ends it.
#[derive(Debug)]
pub struct FakeGitHub {
    url: String,
    inner: Arc<Inner>,
    server: JoinHandle<()>,
}

impl FakeGitHub {
    /// Serves `model`; [`TOKEN`] opens all of it. The REST API stands at the root and under `/api/v3`,
    /// GraphQL under `/graphql` and `/api/graphql`.
    pub async fn start(model: Model) -> Self {
        let inner = Arc::new(Inner {
            model: Mutex::new(model),
            traffic: Mutex::default(),
            settings: Mutex::new(FakeOptions {
                latency: Duration::ZERO,
                tokens: HashMap::from([(TOKEN.to_owned(), Access::classic("ops", Permission::Admin))]),
                search_lag: 0,
                canned: Vec::new(),
                lacks: BTreeSet::new(),
                version: None,
            }),
            url: Mutex::default(),
        });
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))
            .await
            .expect("loopback has a free port");
        let address = listener.local_addr().expect("a bound socket has an address");
        let url = format!("http://{address}");
        lock(&inner.url).clone_from(&url);
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

    /// Where it is, without a trailing slash.
    pub fn url(&self) -> &str {
        &self.url
    }

    /// Changes what it holds.
    pub fn change<T>(&self, change: impl FnOnce(&mut Model) -> T) -> T {
        change(&mut lock(&self.inner.model))
    }

    /// Reads what it holds.
    pub fn read<T>(&self, read: impl FnOnce(&Model) -> T) -> T {
        read(&lock(&self.inner.model))
    }

    /// Makes a token known, or changes what it opens.
    pub fn token(&self, token: &str, access: Access) {
        lock(&self.inner.settings).tokens.insert(token.to_owned(), access);
    }

    /// Forgets a token, as if it had been revoked.
    pub fn revoke(&self, token: &str) {
        lock(&self.inner.settings).tokens.remove(token);
    }

    /// Makes every request take so long.
    pub fn latency(&self, latency: Duration) {
        lock(&self.inner.settings).latency = latency;
    }

    /// Makes searches miss issues that are younger.
    pub fn search_lag(&self, seconds: i64) {
        lock(&self.inner.settings).search_lag = seconds;
    }

    /// Lets something go wrong with a request: the one after `skip` others whose key begins so. A key is
    /// `POST /graphql Settings` for a query of that name, else such as `GET /repos/acme/web`.
    pub fn fault(&self, key: &str, skip: usize, fault: Fault) {
        lock(&self.inner.traffic).faults.push((key.to_owned(), skip, fault));
    }

    /// Answers in the fake's place from now on, to every request that the answer is for; the first that fits counts.
    pub fn answer(&self, canned: Canned) {
        lock(&self.inner.settings).canned.push(canned);
    }

    /// Makes it an older server: GraphQL lacks these, each `Type.field` or a type.
    pub fn lacks(&self, fields: &[&str]) {
        lock(&self.inner.settings).lacks = fields.iter().map(|&field| field.to_owned()).collect();
    }

    /// Makes it an Enterprise Server of this version, such as `3.9.2`, which says so.
    pub fn version(&self, version: &str) {
        lock(&self.inner.settings).version = Some(version.to_owned());
    }

    /// From now on nothing goes wrong any more.
    pub fn clear_faults(&self) {
        lock(&self.inner.traffic).faults.clear();
    }

    /// How many requests are let in from now on until the hour is over.
    pub fn remaining(&self, requests: u64) {
        lock(&self.inner.traffic).remaining = requests;
    }

    /// What was asked, oldest first.
    pub fn requests(&self) -> Vec<Seen> {
        lock(&self.inner.traffic).seen.clone()
    }

    /// How many requests there were whose key begins so.
    pub fn count(&self, key: &str) -> usize {
        let traffic = lock(&self.inner.traffic);
        traffic.seen.iter().filter(|seen| seen.key.starts_with(key)).count()
    }

    /// What was asked that writes, oldest first.
    pub fn writes(&self) -> Vec<Seen> {
        let asked = self.requests().into_iter();
        asked
            .filter(|seen| !seen.key.starts_with("GET ") && !seen.key.starts_with("POST /graphql"))
            .filter(|seen| !seen.key.ends_with("/access_tokens"))
            .collect()
    }

    /// Forgets what was asked.
    pub fn forget(&self) {
        lock(&self.inner.traffic).seen.clear();
    }
}

impl Drop for FakeGitHub {
    fn drop(&mut self) {
        self.server.abort();
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
