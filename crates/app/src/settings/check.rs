//! What the configuration means: names, addresses and files, checked beyond their shape.

use std::collections::BTreeMap;
use std::path::PathBuf;

use cc_devops_fleet::HeartbeatInterval;
use cc_devops_kernel::health::Mode;
use cc_devops_kernel::installation::Installation;
use cc_devops_kernel::installation::Stages;
use cc_devops_kernel::names::{AgentName, Namespace, SecretName, Stage};
use cc_devops_outbound::Guard;
use cc_devops_outbound::egress::{Allowed, network};
use cc_devops_policy::PolicySet;
use cc_devops_requests::settings::RequestSettings;
use jiff::SignedDuration;

use super::alerts::{self, AlertSettings};
use super::aws::{self, AwsSettings};
use super::deploys;
use super::file::{ConfigFile, ModeName, PolicySetName};
use super::problems::{Findings, Origin, Problem};
use super::repositories::{self, RepositoriesSettings};
use super::retention::{self, RetentionSettings};
use super::revenue::{self, RevenueSettings};
#[cfg(feature = "cli")]
use super::server;
#[cfg(feature = "embedded")]
use super::stacks;

/// Every setting, checked and ready to build from.
#[derive(Debug, Clone)]
pub struct Settings {
    /// What this installation is called.
    pub installation: Installation,
    /// Whether the control plane acts on its own initiative.
    pub mode: Mode,
    /// The HTTP API.
    #[cfg(feature = "cli")]
    pub server: cc_devops_http::ServerConfig,
    /// Whether the dashboard is served.
    #[cfg(feature = "cli")]
    pub dashboard: bool,
    /// Whether agents' AWS SDKs are answered.
    #[cfg(feature = "cli")]
    pub aws_door: bool,
    /// Every section with its keys, as people are shown them.
    #[cfg(feature = "cli")]
    pub shown: Vec<super::ShownSection>,
    /// When an agent counts as late or down.
    pub heartbeat_interval: HeartbeatInterval,
    /// Who decides what is allowed.
    pub policy: PolicySource,
    /// How requests are carried out.
    pub requests: RequestSettings,
    /// How each stack is deployed here.
    #[cfg(feature = "embedded")]
    pub stacks: BTreeMap<cc_devops_kernel::names::StackName, cc_devops_embedded::stacks::StackCommand>,
    /// How long what is kept.
    pub retention: RetentionSettings,
    /// Whom to tell of what needs a person.
    pub alerts: Box<AlertSettings>,
    /// Which networks are reached although they are not public.
    pub egress: Allowed,
    /// How MRR is computed and reported.
    pub revenue: Box<RevenueSettings>,
    /// Which repositories are looked after, and what is demanded of them.
    pub repositories: Box<RepositoriesSettings>,
    /// The account, where the backend is AWS.
    pub aws: Option<AwsSettings>,
}

impl Settings {
    /// What is right and cannot be used by this process: stacks' users that it may not become, and a backend that it
    /// was built without.
    pub fn unusable_here(&self) -> Vec<Problem> {
        let mut problems = Vec::new();
        #[cfg(feature = "embedded")]
        problems.extend(stacks::not_permitted(&self.stacks));
        problems.extend(self.not_built_in());
        problems
    }

    /// The backend, where this program was built without it.
    pub fn not_built_in(&self) -> Option<Problem> {
        let without = match self.aws {
            Some(_) if !cfg!(feature = "aws") => {
                "this program was built without AWS: install the complete one, or build it with `make build`, or choose \
                 \"embedded\""
            }
            None if !cfg!(feature = "embedded") => {
                "this program was built for AWS alone: choose \"aws\", or install the complete one"
            }
            _ => return None,
        };
        Some(Problem::new("backend", without))
    }
}

/// Where the policies come from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum PolicySource {
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

/// Checks what settings mean.
pub(crate) fn check(file: &ConfigFile, origin: &Origin<'_>) -> Result<Settings, Vec<Problem>> {
    let mut findings = Findings::of(origin);
    let known_stages = stages(file, &mut findings);
    let installation = installation(file, known_stages.clone(), &mut findings);
    let interval = HeartbeatInterval {
        period: seconds(file.fleet.heartbeat_period_seconds),
        grace: seconds(file.fleet.heartbeat_grace_seconds),
    };
    let mode = match file.mode {
        ModeName::Normal => Mode::Normal,
        ModeName::Maintenance => Mode::Maintenance,
    };
    let egress = egress(file, &mut findings);
    #[cfg(feature = "cli")]
    let server = server::check(file, (interval, mode), &egress, &mut findings);
    let policy = match &file.policy.dir {
        Some(dir) => PolicySource::Folder(findings.dir("policy.dir", dir)),
        None => PolicySource::Shipped(file.policy.set.into()),
    };
    let retention = retention::check(file, &mut findings);
    #[cfg(feature = "embedded")]
    let stacks = stacks::check(file, known_stages.as_ref(), installation.as_ref(), &mut findings);
    let aws = aws::check(file, installation.as_ref(), &mut findings);
    let revenue = installation
        .as_ref()
        .and_then(|installation| revenue::check(file, installation, &mut findings));
    let mut requests = RequestSettings {
        lease: seconds(file.requests.lease_seconds),
        max_attempts: file.requests.max_attempts,
        deploy_timeout: seconds(file.requests.deploy_timeout_seconds),
        stage_deploy_timeouts: deploy_timeouts(file, known_stages.as_ref(), &mut findings),
        lag: seconds(file.requests.lag_seconds),
        // In an account each stage has a control plane of its own.
        serves: aws.as_ref().map(|aws| aws.stage.clone()),
        deploys: deploys::check(file, known_stages.as_ref(), &mut findings),
        ..RequestSettings::default()
    };
    let repositories = installation
        .as_ref()
        .and_then(|installation| repositories::check(file, installation, &mut findings));
    let guard = Guard::new(egress.clone());
    let alerts = installation
        .as_ref()
        .and_then(|installation| alerts::check(file, (installation, aws.as_ref()), &guard, &mut findings));
    if !findings.problems.is_empty() {
        return Err(findings.problems);
    }
    let (Some(mut installation), Some(mut revenue), Some(repositories), Some(alerts)) =
        (installation, revenue, repositories, alerts)
    else {
        return Err(findings.problems);
    };
    #[cfg(feature = "cli")]
    let Some(mut server) = server else {
        return Err(findings.problems);
    };
    #[cfg(feature = "cli")]
    {
        server.currency = revenue.currency;
        server.code_host = repositories
            .owner
            .clone()
            .map(|owner| cc_devops_http::config::CodeHostPlace {
                owner,
                web: cc_devops_github::client::web_address(&repositories.api_url),
            });
    }
    requests.conditions.clone_from(&alerts.conditions);
    revenue.told_falls_over = alerts.conditions.mrr_fall_percent;
    installation.credentials = credentials(&revenue, &repositories, &alerts, aws.as_ref());
    installation.cost_control.clone_from(&revenue.cost_control);
    Ok(Settings {
        installation,
        mode,
        #[cfg(feature = "cli")]
        server,
        #[cfg(feature = "cli")]
        dashboard: file.dashboard.enabled,
        #[cfg(feature = "cli")]
        aws_door: file.aws_door.enabled,
        #[cfg(feature = "cli")]
        shown: super::shown::sections(file),
        heartbeat_interval: interval,
        policy,
        requests,
        #[cfg(feature = "embedded")]
        stacks,
        retention,
        alerts: Box::new(alerts),
        egress,
        revenue: Box::new(revenue),
        repositories: Box::new(repositories),
        aws,
    })
}

/// The networks that are reached although they are not public.
fn egress(file: &ConfigFile, findings: &mut Findings<'_>) -> Allowed {
    Allowed::new(findings.listed("egress.allow", &file.egress.allow, network))
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
    let agent = agent?;
    Some(Installation {
        // Who this is and which these are is known when the sections that name them are read.
        cost_control: agent.clone(),
        credentials: Vec::new(),
        agent,
        namespace: namespace?,
        stages: stages?,
    })
}

/// Every secret that the control plane works with itself.
fn credentials(
    revenue: &RevenueSettings,
    repositories: &RepositoriesSettings,
    alerts: &AlertSettings,
    aws: Option<&AwsSettings>,
) -> Vec<SecretName> {
    let named = [
        Some(&revenue.key),
        revenue.webhook.as_ref(),
        Some(&repositories.token),
        repositories.webhook.as_ref(),
    ];
    let mut all: Vec<SecretName> = named.into_iter().flatten().chain(alerts.secrets()).cloned().collect();
    // The ledger's key is no secret of the namespace unless somebody put it there.
    let ledger_key = aws.and_then(|aws| aws.names.ledger_key.as_deref());
    all.extend(ledger_key.and_then(|name| SecretName::new(name).ok()));
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
