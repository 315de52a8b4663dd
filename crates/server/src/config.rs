//! What the server is told: plain values with their defaults. Reading them from a file is the
//! command line's business.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::num::NonZeroU32;
use std::path::PathBuf;
use std::time::Duration;

use cc_devops_core::fleet::Rhythm;
use cc_devops_core::health::Mode;
use cc_devops_egress::Allowed;

/// Everything the server is told.
#[derive(Debug, Clone)]
pub struct ServerConfig {
    /// Where to listen; port 0 takes a free port. Default `127.0.0.1:8080`.
    pub listen: SocketAddr,
    /// Certificate and key; without them the server speaks plain HTTP. Default none.
    pub tls: Option<Tls>,
    /// Whether plain HTTP may be spoken on an address that others reach. Default false.
    pub allow_plaintext: bool,
    /// What one caller and all callers together may take.
    pub limits: Limits,
    /// How many requests each agent may send; unlimited without. Default none.
    pub rate_limit: Option<RateLimit>,
    /// How many devops requests are carried out at the same time, at least 1; more are recorded
    /// and taken up in turn. Default 512.
    pub in_flight: usize,
    /// How long a shutdown waits for what is running. Default 30 s.
    pub shutdown_grace: Duration,
    /// Whether stacks are changed by this process, so that a shutdown waits for their end within
    /// its grace. Default true.
    pub deploys_here: bool,
    /// How often heartbeats are expected. Default every 5 minutes with 5 minutes of grace.
    pub rhythm: Rhythm,
    /// Whether the control plane acts on its own initiative. Default normal.
    pub mode: Mode,
    /// How webhooks are delivered.
    pub webhooks: WebhookDelivery,
    /// Which networks are reached that are not public, where an address that somebody gave leads
    /// there. Default none.
    pub egress: Allowed,
    /// How often the workers look for work they were not told of.
    pub pace: Pace,
}

impl Default for ServerConfig {
    fn default() -> Self {
        Self {
            listen: SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), 8080),
            tls: None,
            allow_plaintext: false,
            limits: Limits::default(),
            rate_limit: None,
            in_flight: 512,
            shutdown_grace: Duration::from_secs(30),
            deploys_here: true,
            rhythm: Rhythm::default(),
            mode: Mode::default(),
            webhooks: WebhookDelivery::default(),
            egress: Allowed::default(),
            pace: Pace::default(),
        }
    }
}

/// Where certificate and key are.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Tls {
    /// The certificate chain, PEM, the server's own first.
    pub certificate: PathBuf,
    /// The private key, PEM, not encrypted.
    pub key: PathBuf,
}

/// What callers may take.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Limits {
    /// The largest body of `POST /v1/events`, in bytes. Default 1 MiB: ten requests whose values
    /// have the full 64 KiB. Other bodies may have 16 KiB.
    pub body_bytes: usize,
    /// The largest head of a request, in bytes; at least 8192. Default 64 KiB.
    pub header_bytes: usize,
    /// How long a client may take to send a request's head, and how long a connection may idle.
    /// Default 30 s.
    pub header_timeout: Duration,
    /// How long a request may take, its `wait` not counted. Default 30 s.
    pub request_timeout: Duration,
    /// How many requests are answered at the same time; more are told to come back. Default 1024.
    pub concurrency: usize,
    /// How many event streams are open at the same time. Default 256.
    pub streams: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            body_bytes: 1024 * 1024,
            header_bytes: 64 * 1024,
            header_timeout: Duration::from_secs(30),
            request_timeout: Duration::from_secs(30),
            concurrency: 1024,
            streams: 256,
        }
    }
}

/// How many requests an agent may send.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RateLimit {
    /// Requests per second over time.
    pub requests_per_second: NonZeroU32,
    /// Requests at once after a pause.
    pub burst: NonZeroU32,
}

/// How webhooks are delivered.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WebhookDelivery {
    /// How many deliveries are under way at the same time, at least 1. Default 16.
    pub concurrency: usize,
    /// How long a receiver may take to answer; at most 30 s, so that it ends within the delivery's
    /// lease of 60 s. Default 15 s.
    pub timeout: Duration,
}

impl Default for WebhookDelivery {
    fn default() -> Self {
        Self {
            concurrency: 16,
            timeout: Duration::from_secs(15),
        }
    }
}

/// How often the workers look for work they were not told of: what another process did, what a
/// crash left, what was to be tried again.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Pace {
    /// Requests nobody works on, and requests that wait for a stack. Default 5 s.
    pub sweep: Duration,
    /// Events that somebody is still to be told of. Default 1 s.
    pub relay: Duration,
    /// How long events are gathered that nobody reads at once: for webhooks, metrics, people. Default 25 ms.
    pub gather: Duration,
    /// Deliveries whose time has come. Default 1 s.
    pub deliveries: Duration,
    /// The outcome of a request somebody waits for. Default 1 s.
    pub outcome: Duration,
}

impl Default for Pace {
    fn default() -> Self {
        Self {
            sweep: Duration::from_secs(5),
            relay: Duration::from_secs(1),
            gather: Duration::from_millis(25),
            deliveries: Duration::from_secs(1),
            outcome: Duration::from_secs(1),
        }
    }
}
