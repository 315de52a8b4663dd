//! The configuration file as it is written: every key with its type, range and default.
//!
//! The schema that a file is checked against is derived from these types, and so is the test that
//! the example file names every key.

mod deploys;
mod retention;
mod server;

use std::collections::BTreeMap;

use cc_devops_outbound::Url;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

pub use super::stacks::StackSection;
pub use deploys::{DeploysSection, FreezeKindName, FreezeSection, TriggersSection};
pub use retention::RetentionSection;
pub use server::ServerSection;

/// `[alerts]`: its own crates define it, and what it means.
pub type AlertsSection = cc_devops_alerts::policy::AlertsFile<cc_devops_notify::ChannelSettings>;

/// The whole file.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct ConfigFile {
    /// Whether the control plane acts on its own initiative.
    pub mode: ModeName,
    /// Where everything is kept and done.
    pub backend: BackendName,
    /// The account, where that is AWS.
    pub aws: AwsSection,
    /// What this installation is called.
    pub installation: InstallationSection,
    /// The HTTP API.
    pub server: ServerSection,
    /// The dashboard.
    pub dashboard: DashboardSection,
    /// The door for AWS SDKs.
    pub aws_door: AwsDoorSection,
    /// Which addresses that others give are reached.
    pub egress: EgressSection,
    /// When an agent counts as late or down.
    pub fleet: FleetSection,
    /// Who is told of what needs a person, and how.
    pub alerts: AlertsSection,
    /// Who may do what.
    pub policy: PolicySection,
    /// How requests are carried out.
    pub requests: RequestsSection,
    /// How long what is kept.
    pub retention: RetentionSection,
    /// How MRR is computed and reported.
    pub revenue: RevenueSection,
    /// How Stripe is reached.
    pub stripe: StripeSection,
    /// Which repositories are looked after, and how GitHub is reached.
    pub github: GithubSection,
    /// What is demanded of them.
    pub repos: ReposSection,
    /// What is logged, and how.
    pub log: LogSection,
    /// What holds for the deploys of all stacks.
    pub deploys: DeploysSection,
    /// The stacks that `deployLambda` changes, by name without the stage.
    pub stacks: BTreeMap<String, StackSection>,
}

impl ConfigFile {
    /// The file as people are shown it: without what an address holds beyond its host, which is often a secret.
    #[must_use]
    pub fn shown(&self) -> Self {
        let mut shown = self.clone();
        for url in shown
            .alerts
            .channels
            .iter_mut()
            .filter_map(|channel| channel.url.as_mut())
        {
            *url = Url::parse(url).map_or_else(|_| "\u{2026}".to_owned(), |url| host_alone(&url));
        }
        shown
    }
}

/// An address without what may be a secret in it.
fn host_alone(url: &Url) -> String {
    let origin = url.origin().ascii_serialization();
    let bare = url.path() == "/" && url.query().is_none() && url.fragment().is_none();
    if bare {
        format!("{origin}/")
    } else {
        format!("{origin}/\u{2026}")
    }
}

/// How the control plane behaves.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum ModeName {
    /// It acts on its own initiative.
    #[default]
    Normal,
    /// It watches, reports and serves requests, and changes nothing unasked.
    Maintenance,
}

/// Whether a stage's function watches the agents of its account.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum FleetWatchName {
    /// It asks for their heartbeats and tells who is silent.
    #[default]
    Enabled,
    /// Another stage does.
    Disabled,
}

/// The backends.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[cfg_attr(feature = "cli", derive(clap::ValueEnum))]
#[serde(rename_all = "lowercase")]
pub enum BackendName {
    /// One process, one folder, one machine.
    #[default]
    Embedded,
    /// The stack of template.yaml in an AWS account.
    Aws,
}

/// `[aws]`. What is not given has the name that template.yaml gives it.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct AwsSection {
    /// Whose control plane: the installation's first stage where none is named.
    pub stage: Option<String>,
    /// The region, instead of the environment's or the profile's.
    pub region: Option<String>,
    /// The named profile, instead of the environment's.
    pub profile: Option<String>,
    /// The ledger's table.
    pub ledger_table: Option<String>,
    /// The table where MRR is kept.
    pub billing_table: Option<String>,
    /// The secret that the ledger's keys derive from.
    pub ledger_key: Option<String>,
    /// The parameter with the enabled agents' names.
    pub enabled_agents: Option<String>,
    /// The parameter with the public key that values are sealed to.
    pub sealing_key: Option<String>,
    /// The event bus.
    pub event_bus: Option<String>,
    /// The stack that the control plane itself is deployed as.
    pub stack: Option<String>,
    /// The function.
    pub function: Option<String>,
    /// The function that looks after repositories.
    pub repositories_function: Option<String>,
    /// The queue of requests.
    pub request_queue: Option<String>,
    /// The topic for alerts.
    pub alert_topic_arn: Option<String>,
    /// Whether the function watches the agents of the account. All stages have the same agents, so one of them is enough.
    pub watch: FleetWatchName,
    /// The role that CloudFormation takes on for deploys.
    pub deploy_role_arn: Option<String>,
    /// The bucket in the stage's region that templates of more than 51,200 bytes are put into.
    pub template_bucket: Option<String>,
}

/// `[installation]`
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct InstallationSection {
    /// This control plane's own agent name.
    pub agent: String,
    /// The first segment of every secret's name.
    pub namespace: String,
    /// The stages that exist; the first is used where a request names none.
    #[schemars(length(min = 1))]
    pub stages: Vec<String>,
}

impl Default for InstallationSection {
    fn default() -> Self {
        Self {
            agent: "DevOpsAutomation".to_owned(),
            namespace: "contentcraft".to_owned(),
            stages: vec!["dev".to_owned(), "prod".to_owned()],
        }
    }
}

/// `[dashboard]`
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct DashboardSection {
    /// Whether it is served, under `/ui`.
    pub enabled: bool,
}

impl Default for DashboardSection {
    fn default() -> Self {
        Self { enabled: true }
    }
}

/// `[aws_door]`
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct AwsDoorSection {
    /// Whether agents' AWS SDKs are answered, under `/aws` and where their requests are signed. With the embedded backend
    /// alone.
    pub enabled: bool,
    /// How many series of metrics of their own agents may report, all together; an agent a quarter of them. With 0 none
    /// are taken but heartbeats.
    #[schemars(range(min = 0, max = 100_000))]
    pub metric_series: u32,
}

impl Default for AwsDoorSection {
    fn default() -> Self {
        Self {
            enabled: true,
            metric_series: 1_000,
        }
    }
}

/// `[egress]`
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct EgressSection {
    /// Networks that are reached although they are not public.
    pub allow: Vec<String>,
}

/// `[fleet]`
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct FleetSection {
    /// The time between two heartbeats, in seconds.
    #[schemars(range(min = 1, max = 86_400))]
    pub heartbeat_period_seconds: u32,
    /// How much later a heartbeat may come, in seconds.
    #[schemars(range(min = 0, max = 86_400))]
    pub heartbeat_grace_seconds: u32,
}

impl Default for FleetSection {
    fn default() -> Self {
        Self {
            heartbeat_period_seconds: 300,
            heartbeat_grace_seconds: 300,
        }
    }
}

/// `[policy]`
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct PolicySection {
    /// Which shipped policy set decides.
    pub set: PolicySetName,
    /// A folder of Cedar policies that replaces the shipped set.
    pub dir: Option<String>,
}

/// The shipped policy sets.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[cfg_attr(feature = "cli", derive(clap::ValueEnum))]
#[serde(rename_all = "kebab-case")]
pub enum PolicySetName {
    /// An agent has its own prefixes and stacks; an admin has everything.
    #[default]
    OwnPrefixes,
    /// Every agent has the whole namespace.
    WholeNamespace,
}

/// `[requests]`
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct RequestsSection {
    /// How long one attempt may hold a request, in seconds.
    #[schemars(range(min = 5, max = 3_600))]
    pub lease_seconds: u32,
    /// How often a request is begun before it is given up.
    #[schemars(range(min = 1, max = 100))]
    pub max_attempts: u32,
    /// How long a deploy may take, in seconds.
    #[schemars(range(min = 1, max = 86_400))]
    pub deploy_timeout_seconds: u32,
    /// The same for a stage that has its own, by the stage's name.
    #[schemars(inner(range(min = 1, max = 86_400)))]
    pub stage_deploy_timeout_seconds: BTreeMap<String, u32>,
    /// How far behind a consumer of the outbox may be, and how much longer than a deploy may take a request
    /// may stay open, before the health check says so, in seconds.
    #[schemars(range(min = 10, max = 604_800))]
    pub lag_seconds: u32,
}

impl Default for RequestsSection {
    fn default() -> Self {
        Self {
            lease_seconds: 60,
            max_attempts: 5,
            deploy_timeout_seconds: 3_600,
            stage_deploy_timeout_seconds: BTreeMap::new(),
            lag_seconds: 300,
        }
    }
}

/// `[revenue]`
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct RevenueSection {
    /// Which definition of MRR.
    pub policy: String,
    /// Options of the policy that differ from it.
    pub options: BTreeMap<String, String>,
    /// Where exchange rates are from.
    pub rates: RatesName,
    /// Where the European Central Bank's daily file is.
    pub rates_url: String,
    /// What one unit of a currency is worth in US dollars, where rates are fixed.
    pub fixed_rates: BTreeMap<String, String>,
    /// The currency that figures and texts are in beside US dollars.
    pub currency: String,
    /// The agent that the event of a day's MRR is for.
    pub cost_control: String,
    /// How long after a change at Stripe the report is made anew, in minutes.
    #[schemars(range(min = 1, max = 1_440))]
    pub refresh_minutes: u32,
}

impl Default for RevenueSection {
    fn default() -> Self {
        Self {
            policy: "stripe-default".to_owned(),
            options: BTreeMap::new(),
            rates: RatesName::default(),
            rates_url: cc_devops_rates::ECB_URL.to_owned(),
            fixed_rates: BTreeMap::new(),
            currency: "usd".to_owned(),
            cost_control: "CostSentinel".to_owned(),
            refresh_minutes: 15,
        }
    }
}

/// Where exchange rates are from.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum RatesName {
    /// The European Central Bank's daily reference rates.
    #[default]
    Ecb,
    /// The table in this file.
    Fixed,
}

/// `[github]`
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct GithubSection {
    /// The organisation or person whose repositories are looked after. Without one none are.
    #[schemars(length(min = 1))]
    pub owner: Option<String>,
    /// Where GitHub's REST API answers.
    pub api_url: String,
    /// The secret that holds the token or the App, below the namespace.
    pub token_secret: String,
    /// The secret that GitHub's webhook signs with, below the namespace.
    pub webhook_secret: Option<String>,
}

impl Default for GithubSection {
    fn default() -> Self {
        Self {
            owner: None,
            api_url: cc_devops_github::client::API_URL.to_owned(),
            token_secret: "github/token".to_owned(),
            webhook_secret: None,
        }
    }
}

/// `[repos]`
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct ReposSection {
    /// The file with the repository policy.
    pub policy: Option<String>,
}

/// `[stripe]`
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct StripeSection {
    /// Where Stripe answers.
    pub api_url: String,
    /// The secret that holds the key, below the namespace.
    pub key_secret: String,
    /// The secret that holds the signing secret of Stripe's webhook endpoint, below the namespace.
    pub webhook_secret: Option<String>,
}

impl Default for StripeSection {
    fn default() -> Self {
        Self {
            api_url: cc_devops_stripe::client::API_URL.to_owned(),
            key_secret: "stripe/reporting_api_key".to_owned(),
            webhook_secret: None,
        }
    }
}

/// `[log]`
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct LogSection {
    /// Lines for people or JSON for programs.
    pub format: LogFormat,
    /// The least severe level that is logged.
    pub level: LogLevel,
}

/// How log lines look.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[cfg_attr(feature = "cli", derive(clap::ValueEnum))]
#[serde(rename_all = "lowercase")]
pub enum LogFormat {
    /// Lines for people.
    #[default]
    Human,
    /// One JSON object a line.
    Json,
}

/// The least severe level that is logged.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum LogLevel {
    /// Only what failed.
    Error,
    /// And what may become a failure.
    Warn,
    /// And what was done.
    #[default]
    Info,
    /// And how.
    Debug,
    /// And everything else.
    Trace,
}

impl LogLevel {
    /// The level's name in a tracing filter.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Error => "error",
            Self::Warn => "warn",
            Self::Info => "info",
            Self::Debug => "debug",
            Self::Trace => "trace",
        }
    }
}
