//! What `[alerts]` means: whom to tell, when, and by which channels.

use std::sync::Arc;

use cc_devops_alerts::limits::ConditionLimits;
use cc_devops_alerts::policy::{AlertPolicy, PolicyProblem};
use cc_devops_kernel::installation::Installation;
use cc_devops_kernel::names::SecretName;
use cc_devops_notify::{Channel, Transport, Value};
use cc_devops_outbound::Guard;

use super::aws::AwsSettings;
use super::file::ConfigFile;
use super::problems::Findings;

/// The channel where none is configured: the log.
pub const LOG_CHANNEL: &str = "log";
/// The channel where none is configured, and the account has a topic for alerts.
pub const TOPIC_CHANNEL: &str = "topic";

/// Whom to tell, when, and by which channels.
#[derive(Debug, Clone)]
pub struct AlertSettings {
    /// Routes, quiet hours and silences.
    pub policy: Arc<AlertPolicy>,
    /// How people are reached; at least one.
    pub channels: Vec<Channel>,
    /// From where on something is a condition.
    pub conditions: ConditionLimits,
    /// The address of an outside watch that is pinged each minute.
    pub heartbeat: Option<Value>,
}

impl AlertSettings {
    /// The secrets that hold a channel's address, password or key, and what clicks are signed with.
    pub(crate) fn secrets(&self) -> impl Iterator<Item = &SecretName> {
        let clicks = self.channels.iter().filter_map(Channel::clicks_signed_with);
        let values = self.channels.iter().flat_map(Channel::values).chain(clicks);
        let values = values.chain(&self.heartbeat);
        values.filter_map(|value| match value {
            Value::Secret(name) => Some(name),
            Value::Plain(_) | Value::Env(_) => None,
        })
    }
}

/// Checks the section. `guard` knows which networks `[egress]` allows.
pub(crate) fn check(
    file: &ConfigFile,
    (installation, aws): (&Installation, Option<&AwsSettings>),
    guard: &Guard,
    findings: &mut Findings<'_>,
) -> Option<AlertSettings> {
    let section = &file.alerts;
    let namespace = &installation.namespace;
    let secret = |name: &str| findings.origin.secret_name(namespace, name);
    let channels = match section.channels.as_slice() {
        [] => Ok(vec![without_any(aws)]),
        channels => cc_devops_notify::check(channels, guard, &secret),
    };
    let names: Vec<String> = match &channels {
        Ok(channels) => channels.iter().map(|channel| channel.name.clone()).collect(),
        Err(_) => section.channels.iter().map(|channel| channel.name.clone()).collect(),
    };
    let policy = AlertPolicy::of(section, &names);
    let channels = channels.map_err(|problems| {
        for problem in problems {
            findings.add(problem.path(), problem.text);
        }
    });
    let conditions = section.conditions.limits(namespace.as_str());
    let mut told = |problems: Vec<PolicyProblem>| {
        for problem in problems {
            findings.add(problem.path, problem.message);
        }
    };
    let (policy, conditions) = (policy.map_err(&mut told), conditions.map_err(&mut told));
    let heartbeat = match (&section.heartbeat_url_secret, &section.heartbeat_url_env) {
        (None, None) => None,
        (Some(name), None) => Some(Value::Secret(findings.secret(
            "alerts.heartbeat_url_secret",
            namespace,
            name,
        )?)),
        (None, Some(variable)) => Some(Value::Env(variable.clone())),
        (Some(_), Some(_)) => {
            findings.add(
                "alerts.heartbeat_url_env",
                "counts only without alerts.heartbeat_url_secret",
            );
            None
        }
    };
    Some(AlertSettings {
        policy: Arc::new(policy.ok()?),
        channels: channels.ok()?,
        conditions: conditions.ok()?,
        heartbeat,
    })
}

/// The channel where the file has none.
fn without_any(aws: Option<&AwsSettings>) -> Channel {
    let topic = aws.and_then(|aws| aws.names.alert_topic_arn.clone());
    let (name, transport) = match topic {
        Some(topic_arn) => (TOPIC_CHANNEL, Transport::Sns { topic_arn }),
        None => (LOG_CHANNEL, Transport::Log),
    };
    Channel {
        name: name.to_owned(),
        bodies: false,
        transport,
    }
}
