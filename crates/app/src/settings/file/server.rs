//! The section of the HTTP API.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// `[server]`
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct ServerSection {
    /// The address and port to listen on.
    pub listen: String,
    /// What ping addresses, badges and links begin with; the listening address where it is not given.
    pub public_url: Option<String>,
    /// The certificate chain in PEM.
    pub tls_cert: Option<String>,
    /// Its private key in PEM.
    pub tls_key: Option<String>,
    /// Serve beyond loopback without TLS.
    pub allow_plaintext: bool,
    /// The host names by which it is addressed.
    pub names: Vec<String>,
    /// Networks whose addresses many callers share.
    pub proxies: Vec<String>,
    /// How many connections are open at once.
    #[schemars(range(min = 16, max = 1_000_000))]
    pub max_connections: u32,
    /// How many of them are of one address.
    #[schemars(range(min = 1, max = 1_000_000))]
    pub max_connections_per_address: u32,
    /// The largest body, in bytes.
    #[schemars(range(min = 1_024, max = 67_108_864))]
    pub max_body_bytes: u32,
    /// The largest head of an HTTP request, in bytes.
    #[schemars(range(min = 8_192, max = 1_048_576))]
    pub max_header_bytes: u32,
    /// How long a client may take to send its headers, and how long a connection may idle, in
    /// seconds.
    #[schemars(range(min = 1, max = 300))]
    pub header_timeout_seconds: u32,
    /// How long a request may take, beside the time it asks to wait, in seconds.
    #[schemars(range(min = 1, max = 3_600))]
    pub request_timeout_seconds: u32,
    /// How many HTTP requests are served at once.
    #[schemars(range(min = 1, max = 100_000))]
    pub max_concurrent_requests: u32,
    /// How many of them are one agent's.
    #[schemars(range(min = 1, max = 100_000))]
    pub max_requests_per_agent: u32,
    /// How many callers wait for an outcome at once.
    #[schemars(range(min = 1, max = 100_000))]
    pub max_waits: u32,
    /// How many of them are one agent's.
    #[schemars(range(min = 1, max = 100_000))]
    pub max_waits_per_agent: u32,
    /// How many event streams are open at once.
    #[schemars(range(min = 1, max = 100_000))]
    pub max_event_streams: u32,
    /// How many of them are one agent's.
    #[schemars(range(min = 1, max = 100_000))]
    pub max_event_streams_per_agent: u32,
    /// HTTP requests a second for each agent; 0 is no limit.
    #[schemars(range(min = 0, max = 1_000_000))]
    pub rate_limit_per_second: u32,
    /// How many HTTP requests an agent may send at once before that rate holds.
    #[schemars(range(min = 1, max = 1_000_000))]
    pub rate_limit_burst: u32,
    /// How many requests are carried out at once.
    #[schemars(range(min = 1, max = 100_000))]
    pub in_flight: u32,
    /// How many webhooks are delivered at once; a quarter is kept for endpoints that answer.
    #[schemars(range(min = 1, max = 1_000))]
    pub webhook_concurrency: u32,
    /// How many of these go to one endpoint at once; to one that fails or has not answered yet, one does.
    #[schemars(range(min = 1, max = 1_000))]
    pub webhook_places_per_endpoint: u32,
    /// After how long of only failing a webhook's endpoint is switched off, in hours; 0 is never.
    #[schemars(range(min = 0, max = 8_760))]
    pub webhook_disable_after_hours: u32,
    /// How long a webhook's receiver may take to answer, in seconds.
    #[schemars(range(min = 1, max = 30))]
    pub webhook_timeout_seconds: u32,
    /// How long a shutdown waits for what is running, in seconds.
    #[schemars(range(min = 0, max = 3_600))]
    pub shutdown_grace_seconds: u32,
}

impl Default for ServerSection {
    fn default() -> Self {
        Self {
            listen: "127.0.0.1:8787".to_owned(),
            public_url: None,
            tls_cert: None,
            tls_key: None,
            allow_plaintext: false,
            names: Vec::new(),
            proxies: Vec::new(),
            max_connections: 8_192,
            max_connections_per_address: 1_024,
            max_body_bytes: 1_048_576,
            max_header_bytes: 65_536,
            header_timeout_seconds: 30,
            request_timeout_seconds: 30,
            max_concurrent_requests: 1_024,
            max_requests_per_agent: 512,
            max_waits: 4_096,
            max_waits_per_agent: 256,
            max_event_streams: 1_024,
            max_event_streams_per_agent: 32,
            rate_limit_per_second: 0,
            rate_limit_burst: 50,
            in_flight: 512,
            webhook_concurrency: 16,
            webhook_places_per_endpoint: 4,
            webhook_disable_after_hours: 120,
            webhook_timeout_seconds: 15,
            shutdown_grace_seconds: 30,
        }
    }
}
