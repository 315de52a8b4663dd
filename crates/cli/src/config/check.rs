//! What the configuration means: names, addresses and files, checked beyond their shape.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::num::NonZeroU32;
use std::path::{Path, PathBuf};
use std::time::Duration;

use cc_devops_aws::{Account, Resources};
use cc_devops_core::Installation;
use cc_devops_core::fleet::Rhythm;
use cc_devops_core::health::Mode;
use cc_devops_core::installation::Stages;
use cc_devops_core::names::{AgentName, Namespace, SecretName, StackName, Stage};
use cc_devops_core::policy::PolicySet;
use cc_devops_core::requests::engine::Settings;
use cc_devops_embedded::stacks::StackCommand;
use cc_devops_outbound::egress::{Allowed, network};
use cc_devops_outbound::loopback::is_loopback_address;
use cc_devops_server::config::{Limits, RateLimit, ServerConfig, Tls, WebhookDelivery, host_name};
use jiff::SignedDuration;

use super::Problem;
use super::file::{BackendName, ConfigFile, ModeName, PolicySetName, ServerSection};
use super::github::{self, Repositories};
use super::retention::{self, Retention};
use super::revenue::{self, Revenue};
use super::stacks;

/// The configuration, ready to build from.
#[derive(Debug, Clone)]
pub(crate) struct Checked {
    /// What this installation is called.
    pub(crate) installation: Installation,
    /// The HTTP API.
    pub(crate) server: ServerConfig,
    /// When an agent counts as late or down.
    pub(crate) rhythm: Rhythm,
    /// Who decides what is allowed.
    pub(crate) policy: PolicySource,
    /// How requests are carried out.
    pub(crate) requests: Settings,
    /// How each stack is deployed here.
    pub(crate) stacks: BTreeMap<StackName, StackCommand>,
    /// How long what is kept.
    pub(crate) retention: Retention,
    /// How MRR is computed and reported.
    pub(crate) revenue: Box<Revenue>,
    /// Which repositories are looked after, and what is demanded of them.
    pub(crate) repositories: Box<Repositories>,
    /// The account, where the backend is AWS.
    pub(crate) aws: Option<AwsTarget>,
}

/// One stage's control plane in an AWS account.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct AwsTarget {
    /// Which account.
    pub(crate) account: Account,
    /// What everything is called there.
    pub(crate) resources: Resources,
}

/// Where the policies come from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum PolicySource {
    /// One of the sets the program brings.
    Shipped(PolicySet),
    /// The `*.cedar` files of a folder.
    Folder(PathBuf),
}

impl From<PolicySetName> for PolicySet {
    fn from(name: PolicySetName) -> Self {
        match name {
            PolicySetName::OwnPrefixes => Self::OwnPrefixes,
            PolicySetName::WholeNamespace => Self::WholeNamespace,
        }
    }
}

/// Collects problems, so that all are told at once.
pub(super) struct Findings<'a> {
    folder: &'a Path,
    problems: Vec<Problem>,
}

impl Findings<'_> {
    pub(super) fn add(&mut self, path: impl Into<String>, message: impl Into<String>) {
        self.problems.push(Problem::new(path, message));
    }

    /// The value, or a problem at `path`.
    pub(super) fn take<T, E: std::fmt::Display>(&mut self, path: impl Into<String>, value: Result<T, E>) -> Option<T> {
        value.map_err(|error| self.add(path, error.to_string())).ok()
    }

    /// A secret that is named below the namespace.
    pub(super) fn secret(&mut self, path: &str, namespace: &Namespace, name: &str) -> Option<SecretName> {
        let name = format!("/{namespace}/{}", name.trim_start_matches('/'));
        self.take(path, SecretName::new(name))
    }

    /// A path of the file, which counts from the folder the file stands in.
    pub(super) fn resolve(&self, path: &str) -> PathBuf {
        self.folder.join(path)
    }

    pub(super) fn file(&mut self, path: &str, value: &str) -> PathBuf {
        let full = self.resolve(value);
        if !full.is_file() {
            self.add(path, format!("there is no file {}", full.display()));
        }
        full
    }

    pub(super) fn dir(&mut self, path: &str, value: &str) -> PathBuf {
        let full = self.resolve(value);
        if !full.is_dir() {
            self.add(path, format!("there is no folder {}", full.display()));
        }
        full
    }
}

/// Checks what a file means; relative paths in it count from `folder`.
pub(super) fn check(file: &ConfigFile, folder: &Path) -> Result<Checked, Vec<Problem>> {
    let mut findings = Findings {
        folder,
        problems: Vec::new(),
    };
    let known_stages = stages(file, &mut findings);
    let installation = installation(file, known_stages.clone(), &mut findings);
    let rhythm = Rhythm {
        period: seconds(file.fleet.heartbeat_period_seconds),
        grace: seconds(file.fleet.heartbeat_grace_seconds),
    };
    let server = server(file, rhythm, &mut findings);
    let policy = match &file.policy.dir {
        Some(dir) => PolicySource::Folder(findings.dir("policy.dir", dir)),
        None => PolicySource::Shipped(file.policy.set.into()),
    };
    let retention = retention::check(file, &mut findings);
    let stacks = stacks::check(file, known_stages.as_ref(), installation.as_ref(), &mut findings);
    let aws = aws(file, installation.as_ref(), &retention, &mut findings);
    let revenue = installation
        .as_ref()
        .and_then(|installation| revenue::check(file, installation, &mut findings));
    let requests = Settings {
        lease: seconds(file.requests.lease_seconds),
        max_attempts: file.requests.max_attempts,
        deploy_timeout: seconds(file.requests.deploy_timeout_seconds),
        stage_deploy_timeouts: deploy_timeouts(file, known_stages.as_ref(), &mut findings),
        lag: seconds(file.requests.lag_seconds),
        ..Settings::default()
    };
    let repositories = installation
        .as_ref()
        .and_then(|installation| github::check(file, installation, &mut findings));
    match (installation, server, revenue, repositories) {
        (Some(mut installation), Some(server), Some(revenue), Some(repositories)) if findings.problems.is_empty() => {
            installation.credentials = credentials(&revenue, &repositories, aws.as_ref());
            Ok(Checked {
                installation,
                server,
                rhythm,
                policy,
                requests,
                stacks,
                retention,
                revenue: Box::new(revenue),
                repositories: Box::new(repositories),
                aws,
            })
        }
        _ => Err(findings.problems),
    }
}

fn aws(
    file: &ConfigFile,
    installation: Option<&Installation>,
    retention: &Retention,
    findings: &mut Findings<'_>,
) -> Option<AwsTarget> {
    let (section, installation) = (&file.aws, installation?);
    let stage = match &section.stage {
        None => installation.stages.default_stage().clone(),
        Some(name) => findings.take("aws.stage", installation.stages.find(name))?,
    };
    if file.backend == BackendName::Embedded {
        return None;
    }
    let mut resources = Resources::of(installation, stage).keeping(&retention.rules);
    let fields = [
        (&section.ledger_table, &mut resources.ledger_table),
        (&section.billing_table, &mut resources.billing_table),
        (&section.ledger_key, &mut resources.ledger_key),
        (&section.enabled_agents, &mut resources.enabled_agents),
        (&section.sealing_key, &mut resources.sealing_key),
        (&section.event_bus, &mut resources.event_bus),
        (&section.function, &mut resources.function),
        (&section.request_queue, &mut resources.request_queue),
    ];
    for (given, field) in fields {
        if let Some(given) = given {
            field.clone_from(given);
        }
    }
    resources.alert_topic_arn.clone_from(&section.alert_topic_arn);
    resources.deploy_role_arn.clone_from(&section.deploy_role_arn);
    let account = Account {
        region: section.region.clone(),
        profile: section.profile.clone(),
    };
    Some(AwsTarget { account, resources })
}

/// The stages with a deploy timeout of their own.
fn deploy_timeouts(
    file: &ConfigFile,
    known: Option<&Stages>,
    findings: &mut Findings<'_>,
) -> BTreeMap<Stage, SignedDuration> {
    let Some(known) = known else { return BTreeMap::new() };
    let timeouts = file.requests.stage_deploy_timeout_seconds.iter();
    timeouts
        .filter_map(|(name, count)| {
            let path = format!("requests.stage_deploy_timeout_seconds.{name}");
            Some((findings.take(path, known.find(name))?, seconds(*count)))
        })
        .collect()
}

fn seconds(count: u32) -> SignedDuration {
    SignedDuration::from_secs(i64::from(count))
}

fn installation(file: &ConfigFile, stages: Option<Stages>, findings: &mut Findings<'_>) -> Option<Installation> {
    let section = &file.installation;
    let agent = findings.take("installation.agent", AgentName::new(&section.agent));
    let namespace = findings.take("installation.namespace", Namespace::new(&section.namespace));
    Some(Installation {
        agent: agent?,
        namespace: namespace?,
        stages: stages?,
        // They are known when the sections that name them are read.
        credentials: Vec::new(),
    })
}

/// Every secret that the control plane works with itself.
fn credentials(revenue: &Revenue, repositories: &Repositories, aws: Option<&AwsTarget>) -> Vec<SecretName> {
    let named = [
        Some(&revenue.key),
        revenue.webhook.as_ref(),
        Some(&repositories.token),
        repositories.webhook.as_ref(),
    ];
    let mut all: Vec<SecretName> = named.into_iter().flatten().cloned().collect();
    // The ledger's key is no secret of the namespace unless somebody put it there.
    all.extend(aws.and_then(|target| SecretName::new(target.resources.ledger_key.as_str()).ok()));
    all
}

/// Those of the stages that can be had.
fn stages(file: &ConfigFile, findings: &mut Findings<'_>) -> Option<Stages> {
    let mut stages: Vec<Stage> = Vec::new();
    for (at, name) in file.installation.stages.iter().enumerate() {
        let path = format!("installation.stages[{at}]");
        let Some(stage) = findings.take(path.as_str(), Stage::new(name)) else {
            continue;
        };
        if stages.contains(&stage) {
            findings.add(path, format!("the stage {name} is named twice"));
        } else {
            stages.push(stage);
        }
    }
    let mut stages = stages.into_iter();
    Some(Stages::new(stages.next()?, stages.collect()))
}

fn server(file: &ConfigFile, rhythm: Rhythm, findings: &mut Findings<'_>) -> Option<ServerConfig> {
    let section = &file.server;
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
    Some(ServerConfig {
        listen: listen?,
        tls,
        allow_plaintext: section.allow_plaintext,
        names: listed("server.names", &section.names, host_name, findings),
        proxies: listed("server.proxies", &section.proxies, network, findings),
        limits: limits(section),
        rate_limit,
        in_flight: size(section.in_flight),
        shutdown_grace: Duration::from_secs(section.shutdown_grace_seconds.into()),
        rhythm,
        mode: match file.mode {
            ModeName::Normal => Mode::Normal,
            ModeName::Maintenance => Mode::Maintenance,
        },
        webhooks: WebhookDelivery {
            concurrency: size(section.webhook_concurrency),
            places_per_endpoint: size(section.webhook_places_per_endpoint),
            disable_after: match section.webhook_disable_after_hours {
                0 => None,
                hours => Some(SignedDuration::from_hours(hours.into())),
            },
            timeout: Duration::from_secs(section.webhook_timeout_seconds.into()),
        },
        egress: egress(file, findings),
        ..ServerConfig::default()
    })
}

fn egress(file: &ConfigFile, findings: &mut Findings<'_>) -> Allowed {
    let networks = listed("egress.allow", &file.egress.allow, network, findings);
    Allowed::new(networks)
}

/// The entries of a list, each read on its own.
fn listed<T>(path: &str, list: &[String], read: fn(&str) -> Result<T, String>, findings: &mut Findings<'_>) -> Vec<T> {
    let entries = list.iter().enumerate();
    let entries = entries.filter_map(|(at, text)| findings.take(format!("{path}[{at}]"), read(text)));
    entries.collect()
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

/// An address with its port, as `--listen` and `server.listen` take it.
pub(crate) fn parse_address(text: &str) -> Result<SocketAddr, String> {
    text.parse()
        .map_err(|_| format!("{text:?} is no address with a port; write for example 127.0.0.1:8787 or [::1]:8787"))
}
