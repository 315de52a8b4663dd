//! What the server is told: plain values with their defaults. Reading them from a file is the
//! command line's business.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::num::NonZeroU32;
use std::path::PathBuf;
use std::time::Duration;

use cc_devops_fleet::HeartbeatInterval;
use cc_devops_kernel::health::Mode;
use cc_devops_outbound::egress::Allowed;
use cc_devops_revenue::currency::Currency;
use ipnet::IpNet;
use jiff::SignedDuration;

/// Everything the server is told.
#[derive(Debug, Clone)]
pub struct ServerConfig {
    /// Where to listen; port 0 takes a free port. Default `127.0.0.1:8080`.
    pub listen: SocketAddr,
    /// Certificate and key; without them the server speaks plain HTTP. Default none.
    pub tls: Option<Tls>,
    /// Whether plain HTTP may be spoken on an address that others reach. Default false.
    pub allow_plaintext: bool,
    /// The host names by which it is addressed, see [`host_name`]. Beside them it answers to localhost
    /// and loopback addresses; a server that others reach and that has no names answers to all.
    /// Default none.
    pub names: Vec<String>,
    /// Where browsers and others reach it: scheme and authority, and a path where a proxy in front has one. Default none:
    /// where it listens.
    pub public_url: Option<String>,
    /// Networks whose addresses many callers share, such as that of a proxy in front. Default none.
    pub proxies: Vec<IpNet>,
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
    /// How many series of metrics of their own agents may report, all together and since this process started; an agent
    /// a quarter of them. With 0 heartbeats alone are taken. Default 1000.
    pub metric_series: usize,
    /// How often heartbeats are expected. Default every 5 minutes with 5 minutes of grace.
    pub heartbeat_interval: HeartbeatInterval,
    /// Whether the control plane acts on its own initiative. Default normal.
    pub mode: Mode,
    /// Whose repositories are looked after. Default nobody's.
    pub code_host: Option<CodeHostPlace>,
    /// The currency that MRR is shown in. Default US dollars.
    pub currency: Currency,
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
            names: Vec::new(),
            public_url: None,
            proxies: Vec::new(),
            limits: Limits::default(),
            rate_limit: None,
            in_flight: 512,
            shutdown_grace: Duration::from_secs(30),
            deploys_here: true,
            metric_series: 1_000,
            heartbeat_interval: HeartbeatInterval::default(),
            mode: Mode::default(),
            code_host: None,
            currency: Currency::USD,
            webhooks: WebhookDelivery::default(),
            egress: Allowed::default(),
            pace: Pace::default(),
        }
    }
}

/// Whose repositories are looked after, and where people see them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CodeHostPlace {
    /// The owner.
    pub owner: String,
    /// Where they are, such as `https://github.com`; without a slash at the end.
    pub web: String,
}

/// A host name as a browser's address bar has it, without a port: `devops.example.org`, `10.0.0.5`.
///
/// # Errors
/// What is wrong with it.
pub fn host_name(text: &str) -> Result<String, String> {
    let is_name = !text.is_empty()
        && text.len() <= 253
        && text
            .chars()
            .all(|c| c.is_ascii_alphanumeric() || matches!(c, '.' | '-' | '_'));
    if is_name || text.parse::<IpAddr>().is_ok() {
        Ok(text.trim_end_matches('.').to_owned())
    } else {
        Err(format!(
            "{text:?} is no host name; write it without scheme, port or path, as in \"devops.example.org\""
        ))
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
    /// How many connections are open at the same time. For one more, one that idles is closed, of those
    /// without a good token first; 64 of them, an eighth at most, are for loopback alone. Default 8192.
    pub connections: usize,
    /// How many of them are of one address, or one IPv6 /64. Default 1024. Of requests that a signature is still to prove,
    /// half as many are taken at once, of one address as in all.
    pub connections_per_address: usize,
    /// How long a client may take to send a request's head, and how long a connection may idle.
    /// Waits and streams do not idle. Default 30 s.
    pub header_timeout: Duration,
    /// How long a request may take, its `wait` not counted. Default 30 s.
    pub request_timeout: Duration,
    /// How many requests are answered at the same time; more are told to come back. Waits, streams,
    /// heartbeats, pings and looks at health and metrics have places of their own. Default 1024.
    pub concurrency: usize,
    /// How many of them are one agent's. Default 512.
    pub concurrency_per_agent: usize,
    /// How many callers wait for an outcome at the same time; for more the answer is that their
    /// request is durable. Default 4096.
    pub waits: usize,
    /// How many of them are one agent's. Default 256.
    pub waits_per_agent: usize,
    /// How many event streams are open at the same time. Default 1024.
    pub streams: usize,
    /// How many of them are one agent's. Default 32.
    pub streams_per_agent: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            body_bytes: 1024 * 1024,
            header_bytes: 64 * 1024,
            connections: 8_192,
            connections_per_address: 1_024,
            header_timeout: Duration::from_secs(30),
            request_timeout: Duration::from_secs(30),
            concurrency: 1024,
            concurrency_per_agent: 512,
            waits: 4096,
            waits_per_agent: 256,
            streams: 1024,
            streams_per_agent: 32,
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
    /// How many deliveries are under way at the same time, at least 1; a quarter is kept for endpoints that answer.
    /// Default 16.
    pub concurrency: usize,
    /// How many of these one endpoint may have, at least 1; one that fails or has not answered yet has one. Default 4.
    pub places_per_endpoint: usize,
    /// After how long of only failing an endpoint is switched off; never without. Default 5 days.
    pub disable_after: Option<SignedDuration>,
    /// How long a receiver may take to answer; at most 30 s, so that it ends within the delivery's
    /// lease of 60 s. Default 15 s.
    pub timeout: Duration,
}

impl Default for WebhookDelivery {
    fn default() -> Self {
        Self {
            concurrency: 16,
            places_per_endpoint: 4,
            disable_after: Some(SignedDuration::from_hours(5 * 24)),
            timeout: Duration::from_secs(15),
        }
    }
}

/// How often is looked at what nobody was told of: what another process did, what a crash left,
/// what was to be tried again.
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
    /// Whether the token of an open stream or a wait is still good. Default 10 s.
    pub tokens: Duration,
    /// Whether the control plane works. Default 30 s.
    pub health: Duration,
}

impl Default for Pace {
    fn default() -> Self {
        Self {
            sweep: Duration::from_secs(5),
            relay: Duration::from_secs(1),
            gather: Duration::from_millis(25),
            deliveries: Duration::from_secs(1),
            outcome: Duration::from_secs(1),
            tokens: Duration::from_secs(10),
            health: Duration::from_secs(30),
        }
    }
}
