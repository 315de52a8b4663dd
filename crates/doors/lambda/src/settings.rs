//! What the template tells the function, in environment variables.

use std::collections::BTreeMap;

use cc_devops_aws::Resources;
use cc_devops_core::Installation;
use cc_devops_core::health::Mode;
use cc_devops_core::installation::Stages;
use cc_devops_core::names::{AgentName, Namespace, SecretName, Stage};
use cc_devops_core::policy::PolicySet;
use cc_devops_core::requests::engine;
use cc_devops_core::retention::{Rules, Said};
use jiff::SignedDuration;

/// How long a claimed request belongs to an invocation: longer than the function may run.
const LEASE: SignedDuration = SignedDuration::from_secs(120);

/// The settings, checked.
#[derive(Debug, Clone)]
pub struct Settings {
    /// What this installation is called.
    pub installation: Installation,
    /// What everything is called.
    pub resources: Resources,
    /// Whether the control plane acts on its own initiative.
    pub mode: Mode,
    /// Which shipped policies decide.
    pub policy: PolicySet,
    /// How requests are carried out.
    pub requests: engine::Settings,
    /// For how long what is kept.
    pub rules: Rules,
}

/// A variable that cannot be used.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("the environment variable {name}: {problem}")]
pub struct BadVariable {
    name: &'static str,
    problem: String,
}

impl Settings {
    /// Reads the variables; those that are missing have the wire contract's defaults.
    ///
    /// # Errors
    /// A variable that is missing or cannot be used.
    pub fn read(variable: impl Fn(&str) -> Option<String>) -> Result<Self, BadVariable> {
        let get = |name: &str| variable(name).filter(|text| !text.is_empty());
        let (installation, resources) = self::resources(&get)?;
        let policy = match get("POLICY_SET") {
            None => PolicySet::OwnPrefixes,
            Some(name) => PolicySet::find(&name).ok_or_else(|| bad("POLICY_SET", &"is no shipped set"))?,
        };
        let mode = mode(&get)?;
        let mut requests = engine::Settings {
            lease: LEASE,
            stage_deploy_timeouts: BTreeMap::new(),
            serves: Some(resources.stage.clone()),
            ..engine::Settings::default()
        };
        if let Some(text) = get("DEPLOY_TIMEOUT_SECONDS") {
            let seconds = text.parse().ok().filter(|seconds| (1..=86_400).contains(seconds));
            let seconds = seconds.ok_or_else(|| bad("DEPLOY_TIMEOUT_SECONDS", &"must be a number from 1 to 86400"))?;
            requests.deploy_timeout = SignedDuration::from_secs(seconds);
        }
        let rules = rules(&get)?;
        Ok(Self {
            installation,
            resources: resources.keeping(&rules),
            mode,
            policy,
            requests,
            rules,
        })
    }
}

/// For how long what is kept.
///
/// # Errors
/// A variable that is no number of days, or does not go with another.
fn rules(get: &dyn Fn(&str) -> Option<String>) -> Result<Rules, BadVariable> {
    let days = |name: &'static str, least: u32| match get(name) {
        None => Ok(None),
        Some(text) => {
            let days = text.parse().ok().filter(|days| (least..=36_500).contains(days));
            let days = days.ok_or_else(|| bad(name, &format!("must be a number from {least} to 36500")))?;
            Ok(Some(days))
        }
    };
    let rules = Rules::from(Said {
        requests_days: days("REQUESTS_DAYS", 30)?,
        events_days: days("EVENTS_DAYS", 1)?,
        dead_letters_days: days("DEAD_LETTERS_DAYS", 1)?,
        audit_days: days("AUDIT_DAYS", 1)?,
        outputs_days: None,
    });
    match rules.contradictions().into_iter().next() {
        None => Ok(rules),
        Some((name, problem)) => Err(bad("EVENTS_DAYS", &format!("{name} {problem}"))),
    }
}

/// Whether the control plane acts on its own initiative.
///
/// # Errors
/// A word that is none of the modes.
pub(crate) fn mode(get: &dyn Fn(&str) -> Option<String>) -> Result<Mode, BadVariable> {
    match get("MODE").as_deref() {
        None | Some("normal") => Ok(Mode::Normal),
        Some("maintenance") => Ok(Mode::Maintenance),
        Some(_) => Err(bad("MODE", &"must be `normal` or `maintenance`")),
    }
}

/// Who this is and what everything is called: what each function is told.
///
/// # Errors
/// A variable that is missing or cannot be used.
pub(crate) fn resources(get: &dyn Fn(&str) -> Option<String>) -> Result<(Installation, Resources), BadVariable> {
    let stage = get("STAGE").ok_or_else(|| bad("STAGE", &"is missing; it says whose resources these are"))?;
    let stage = Stage::new(stage).map_err(|error| bad("STAGE", &error))?;
    let agent = get("AGENT_NAME").unwrap_or_else(|| "DevOpsAutomation".to_owned());
    let namespace = get("NAMESPACE").unwrap_or_else(|| "contentcraft".to_owned());
    let stages = get("STAGES").unwrap_or_else(|| "dev,prod".to_owned());
    let mut stages = stages
        .split(',')
        .map(|name| Stage::new(name.trim()).map_err(|error| bad("STAGES", &error)))
        .collect::<Result<Vec<_>, _>>()?
        .into_iter();
    let first = stages.next().ok_or_else(|| bad("STAGES", &"names no stage"))?;
    let mut installation = Installation {
        agent: AgentName::new(agent).map_err(|error| bad("AGENT_NAME", &error))?,
        namespace: Namespace::new(namespace).map_err(|error| bad("NAMESPACE", &error))?,
        stages: Stages::new(first, stages.collect()),
        credentials: Vec::new(),
    };
    if !installation.stages.iter().any(|known| *known == stage) {
        return Err(bad("STAGE", &"is not one of STAGES"));
    }
    let mut resources = Resources::of(&installation, stage);
    let fields = [
        ("LEDGER_TABLE", &mut resources.ledger_table),
        ("BILLING_TABLE", &mut resources.billing_table),
        ("ENABLED_AGENTS_PARAMETER", &mut resources.enabled_agents),
        ("LEDGER_KEY_SECRET", &mut resources.ledger_key),
        ("SEALING_KEY_PARAMETER", &mut resources.sealing_key),
        ("EVENT_BUS", &mut resources.event_bus),
        ("STACK_NAME", &mut resources.stack),
        ("REPOSITORIES_FUNCTION", &mut resources.repositories_function),
    ];
    for (name, field) in fields {
        if let Some(text) = get(name) {
            *field = text;
        }
    }
    // Where another function asks, it is told which one is the control plane's.
    if let Some(text) = get("CONTROL_PLANE_FUNCTION").or_else(|| get("AWS_LAMBDA_FUNCTION_NAME")) {
        resources.function = text;
    }
    for (name, default) in [STRIPE_KEY, GITHUB_TOKEN] {
        let secret = secret(get, &installation.namespace, (name, default))?;
        installation.credentials.push(secret);
    }
    installation
        .credentials
        .extend(SecretName::new(resources.ledger_key.as_str()));
    resources.alert_topic_arn = get("ALERT_TOPIC_ARN");
    resources.deploy_role_arn = get("DEPLOY_ROLE_ARN");
    Ok((installation, resources))
}

/// Where the name of the secret with Stripe's key stands, and the name where none stands there.
pub(crate) const STRIPE_KEY: (&str, &str) = ("STRIPE_KEY_SECRET", "stripe/reporting_api_key");

/// The same for GitHub's token or App.
pub(crate) const GITHUB_TOKEN: (&str, &str) = ("GITHUB_TOKEN_SECRET", "github/token");

/// A secret that a variable names, below the namespace where its name does not begin at the root.
///
/// # Errors
/// It can be no secret's name.
pub(crate) fn secret(
    get: &dyn Fn(&str) -> Option<String>,
    namespace: &Namespace,
    (variable, default): (&'static str, &str),
) -> Result<SecretName, BadVariable> {
    let mut name = get(variable).unwrap_or_else(|| default.to_owned());
    if !name.starts_with('/') {
        name = format!("/{namespace}/{name}");
    }
    SecretName::new(name).map_err(|error| bad(variable, &error))
}

/// A variable that cannot be used, and why.
pub(crate) fn bad(name: &'static str, problem: &dyn std::fmt::Display) -> BadVariable {
    BadVariable {
        name,
        problem: problem.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(variables: &[(&str, &str)]) -> Result<Settings, BadVariable> {
        Settings::read(|name| {
            variables
                .iter()
                .find(|(known, _)| *known == name)
                .map(|(_, text)| (*text).to_owned())
        })
    }

    #[test]
    fn the_stage_alone_is_enough() {
        let settings = read(&[("STAGE", "prod")]).unwrap();
        assert_eq!(settings.resources.ledger_table, "DevOpsLedger-prod");
        assert_eq!(settings.resources.enabled_agents, "/contentcraft/agents/enabled");
        assert_eq!(settings.requests.serves.unwrap().as_str(), "prod");
        assert_eq!(settings.installation.stages.default_stage().as_str(), "dev");
    }

    #[test]
    fn the_secrets_that_the_functions_work_with_are_the_control_planes_own() {
        let own = |variables: &[(&str, &str)]| {
            let variables = [&[("STAGE", "dev")], variables].concat();
            let names = read(&variables).unwrap().installation.credentials;
            names.into_iter().map(String::from).collect::<Vec<_>>()
        };
        let defaults = ["/contentcraft/stripe/reporting_api_key", "/contentcraft/github/token"];
        assert_eq!(own(&[]), defaults);
        let said = [
            ("STRIPE_KEY_SECRET", "/contentcraft/billing/key"),
            ("GITHUB_TOKEN_SECRET", "hub/app"),
            ("LEDGER_KEY_SECRET", "/contentcraft/ledger/key"),
        ];
        let expected = [
            "/contentcraft/billing/key",
            "/contentcraft/hub/app",
            "/contentcraft/ledger/key",
        ];
        assert_eq!(own(&said), expected);
    }

    #[test]
    fn a_bad_variable_is_named() {
        let named = |variables: &[(&str, &str)]| read(variables).unwrap_err().name;
        assert_eq!(named(&[]), "STAGE");
        assert_eq!(named(&[("STAGE", "test")]), "STAGE");
        assert_eq!(named(&[("STAGE", "dev"), ("AGENT_NAME", "9lives")]), "AGENT_NAME");
        assert_eq!(
            named(&[("STAGE", "dev"), ("DEPLOY_TIMEOUT_SECONDS", "0")]),
            "DEPLOY_TIMEOUT_SECONDS"
        );
        assert_eq!(named(&[("STAGE", "dev"), ("MODE", "asleep")]), "MODE");
        assert_eq!(named(&[("STAGE", "dev"), ("AUDIT_DAYS", "0")]), "AUDIT_DAYS");
        let days = [("STAGE", "dev"), ("REQUESTS_DAYS", "30"), ("EVENTS_DAYS", "31")];
        assert_eq!(
            named(&days),
            "EVENTS_DAYS",
            "an event is not kept longer than its request"
        );
    }

    #[test]
    fn what_is_kept_has_its_days() {
        let rules = read(&[("STAGE", "dev")]).unwrap().rules;
        assert_eq!(rules, Rules::default());
        let month = read(&[("STAGE", "dev"), ("EVENTS_DAYS", "30")]).unwrap().rules;
        assert_eq!(month.dead_letters_days, 30, "what is not said follows");
        let days = [
            ("STAGE", "dev"),
            ("REQUESTS_DAYS", "500"),
            ("EVENTS_DAYS", "90"),
            ("DEAD_LETTERS_DAYS", "60"),
            ("AUDIT_DAYS", "730"),
        ];
        let rules = read(&days).unwrap().rules;
        assert_eq!((rules.requests_days, rules.events_days), (500, 90));
        assert_eq!((rules.dead_letters_days, rules.audit_days), (60, Some(730)));
    }
}
