//! What `[server]` and `[egress]` mean, and what `[aws_door]` says of metrics: the settings of the HTTP door.

use std::net::SocketAddr;
use std::num::NonZeroU32;
use std::time::Duration;

use cc_devops_fleet::HeartbeatInterval;
use cc_devops_http::config::{Limits, RateLimit, ServerConfig, Tls, WebhookDelivery, host_name};
use cc_devops_kernel::health::Mode;
use cc_devops_outbound::egress::{Allowed, network};
use cc_devops_outbound::loopback::is_loopback_address;
use cc_devops_outbound::{PlainHttp, Url, base_address};
use jiff::SignedDuration;

use super::file::{ConfigFile, ServerSection};
use super::problems::Findings;

/// An address with its port, as `--listen` and `server.listen` take it.
pub fn parse_address(text: &str) -> Result<SocketAddr, String> {
    text.parse()
        .map_err(|_| format!("{text:?} is no address with a port; write for example 127.0.0.1:8787 or [::1]:8787"))
}

/// What ping addresses, badges and links begin with.
fn public_url(file: &ConfigFile, findings: &mut Findings<'_>) -> Option<Url> {
    let text = file.server.public_url.as_deref()?;
    // Whether what stands in front of it speaks TLS is its operator's to know.
    findings.take("server.public_url", base_address(text, PlainHttp::Anywhere))
}

/// Checks the section, and those that the door needs beside it.
pub(crate) fn check(
    file: &ConfigFile,
    (interval, mode): (HeartbeatInterval, Mode),
    egress: &Allowed,
    findings: &mut Findings<'_>,
) -> Option<ServerConfig> {
    let section = &file.server;
    let public = public_url(file, findings);
    let listen = findings.take("server.listen", parse_address(&section.listen));
    let tls = match (&section.tls_cert, &section.tls_key) {
        (Some(certificate), Some(key)) => Some(Tls {
            certificate: findings.file("server.tls_cert", certificate),
            key: findings.file("server.tls_key", key),
        }),
        (None, None) => None,
        (Some(_), None) => {
            findings.add("server.tls_key", "is required where server.tls_cert is given");
            None
        }
        (None, Some(_)) => {
            findings.add("server.tls_cert", "is required where server.tls_key is given");
            None
        }
    };
    let has_tls = section.tls_cert.is_some() || section.tls_key.is_some();
    if let Some(address) = listen
        && !is_loopback_address(address.ip())
        && !has_tls
        && !section.allow_plaintext
    {
        findings.add(
            "server.listen",
            format!(
                "{address} can be reached from other machines: give server.tls_cert and server.tls_key, or set \
                 server.allow_plaintext = true where something in front of it speaks TLS"
            ),
        );
    }
    let rate_limit = NonZeroU32::new(section.rate_limit_per_second)
        .zip(NonZeroU32::new(section.rate_limit_burst))
        .map(|(requests_per_second, burst)| RateLimit {
            requests_per_second,
            burst,
        });
    let mut names = findings.listed("server.names", &section.names, host_name);
    // Whoever follows one of its own links addresses it by that name; a server that answers to all needs none.
    if !names.is_empty() || listen.is_some_and(|address| is_loopback_address(address.ip())) {
        names.extend(public.as_ref().and_then(|url| host_name(url.host_str()?).ok()));
    }
    Some(ServerConfig {
        listen: listen?,
        tls,
        allow_plaintext: section.allow_plaintext,
        names,
        public_url: public.map(|url| url.as_str().trim_end_matches('/').to_owned()),
        proxies: findings.listed("server.proxies", &section.proxies, network),
        limits: limits(section),
        rate_limit,
        in_flight: size(section.in_flight),
        shutdown_grace: Duration::from_secs(section.shutdown_grace_seconds.into()),
        metric_series: size(file.aws_door.metric_series),
        heartbeat_interval: interval,
        mode,
        webhooks: WebhookDelivery {
            concurrency: size(section.webhook_concurrency),
            places_per_endpoint: size(section.webhook_places_per_endpoint),
            disable_after: match section.webhook_disable_after_hours {
                0 => None,
                hours => Some(SignedDuration::from_hours(hours.into())),
            },
            timeout: Duration::from_secs(section.webhook_timeout_seconds.into()),
        },
        egress: egress.clone(),
        ..ServerConfig::default()
    })
}

fn limits(section: &ServerSection) -> Limits {
    Limits {
        body_bytes: size(section.max_body_bytes),
        header_bytes: size(section.max_header_bytes),
        connections: size(section.max_connections),
        connections_per_address: size(section.max_connections_per_address),
        header_timeout: Duration::from_secs(section.header_timeout_seconds.into()),
        request_timeout: Duration::from_secs(section.request_timeout_seconds.into()),
        concurrency: size(section.max_concurrent_requests),
        concurrency_per_agent: size(section.max_requests_per_agent),
        waits: size(section.max_waits),
        waits_per_agent: size(section.max_waits_per_agent),
        streams: size(section.max_event_streams),
        streams_per_agent: size(section.max_event_streams_per_agent),
    }
}

fn size(count: u32) -> usize {
    usize::try_from(count).unwrap_or(usize::MAX)
}
