//! The forms of what describes agents and an alert policy in a case.

use std::collections::BTreeMap;

use cc_devops_alerts::Severity;
use cc_devops_alerts::policy::file::{FlapForm, QuietForm, RouteForm, SilenceForm};
use cc_devops_kernel::duration::WrittenDuration;
use cc_devops_kernel::names::{AgentName, Stage};
use serde::Deserialize;
use serde_json::{Map, Value};

/// What describes the agents and the policy: of a timing case beside its events, of an alerting case in `config`.
#[derive(Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(super) struct Config {
    pub(super) kind: Option<String>,
    pub(super) schedule: Option<String>,
    pub(super) period: Option<WrittenDuration>,
    pub(super) grace: Option<WrittenDuration>,
    pub(super) max_runtime: Option<WrittenDuration>,
    pub(super) timezone: Option<String>,
    pub(super) sticky_pause: Option<bool>,
    pub(super) agents: Vec<String>,
    pub(super) severity: OneForAll<Severity>,
    pub(super) stage: OneForAll<Stage>,
    pub(super) tags: Option<Map<String, Value>>,
    pub(super) quiet: OneOrList<QuietForm>,
    pub(super) quiet_hours: OneOrList<QuietForm>,
    pub(super) silences: Vec<SilenceForm>,
    pub(super) remind: Option<String>,
    pub(super) failures: Option<u32>,
    pub(super) flap: Option<FlapForm>,
    pub(super) group: Option<GroupForm>,
    pub(super) group_by: Option<Vec<String>>,
    pub(super) group_wait: Option<String>,
    pub(super) group_interval: Option<String>,
    pub(super) escalate: Vec<EscalateForm>,
    pub(super) channels: Vec<String>,
    pub(super) routes: Vec<RouteForm>,
}

impl Config {
    /// Reads what describes a case.
    ///
    /// # Errors
    /// Everything that is wrong, each with its key.
    pub(super) fn of(described: Map<String, Value>) -> Result<Self, Vec<String>> {
        let Value::Object(mut fields) = in_words(Value::Object(described)) else {
            return Ok(Self::default());
        };
        fields.retain(|_, given| !given.is_null());
        let one = |(key, value): (&String, &Value)| {
            let alone = Value::Object(Map::from_iter([(key.clone(), value.clone())]));
            serde_json::from_value::<Self>(alone)
                .err()
                .map(|error| format!("config.{key}: {error}"))
        };
        let wrong: Vec<String> = fields.iter().filter_map(one).collect();
        if !wrong.is_empty() {
            return Err(wrong);
        }
        serde_json::from_value(Value::Object(fields)).map_err(|error| vec![format!("config: {error}")])
    }
}

#[derive(Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(super) struct GroupForm {
    pub(super) by: Vec<String>,
    pub(super) wait: Option<String>,
    pub(super) interval: Option<String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct EscalateForm {
    pub(super) after: String,
    pub(super) channel: Option<String>,
    #[serde(default)]
    pub(super) channels: Vec<String>,
}

#[derive(Deserialize)]
#[serde(
    untagged,
    expecting = "quiet hours as { from, to, timezone, days, passes }, or a list of them"
)]
pub(super) enum OneOrList<T> {
    One(T),
    List(Vec<T>),
}

impl<T> Default for OneOrList<T> {
    fn default() -> Self {
        Self::List(Vec::new())
    }
}

impl<T> OneOrList<T> {
    pub(super) fn into_list(self) -> Vec<T> {
        match self {
            Self::One(one) => vec![one],
            Self::List(list) => list,
        }
    }
}

/// The same for every agent, or by agent.
#[derive(Deserialize)]
#[serde(untagged, expecting = "one value for all agents, or an object with one for each")]
pub(super) enum OneForAll<T> {
    All(T),
    Each(BTreeMap<String, T>),
}

impl<T> Default for OneForAll<T> {
    fn default() -> Self {
        Self::Each(BTreeMap::new())
    }
}

impl<T: Clone> OneForAll<T> {
    pub(super) fn of(&self, agent: &AgentName) -> Option<T> {
        match self {
            Self::All(value) => Some(value.clone()),
            Self::Each(values) => values.get(agent.as_str()).cloned(),
        }
    }
}

/// The same with `"remind_s": 21600` as `"remind": "21600s"`, as the configuration file has it.
fn in_words(value: Value) -> Value {
    match value {
        Value::Object(fields) => Value::Object(
            fields
                .into_iter()
                .map(|(key, value)| match (key.strip_suffix("_s"), value.as_u64()) {
                    (Some(name), Some(seconds)) => (name.to_owned(), Value::String(format!("{seconds}s"))),
                    _ => (key, in_words(value)),
                })
                .collect(),
        ),
        Value::Array(values) => Value::Array(values.into_iter().map(in_words).collect()),
        other => other,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use cc_devops_alerts::policy::file::FlapTable;

    #[test]
    fn flap_tables_are_read_in_both_forms() {
        let table = |text: &str| {
            let value = in_words(serde_json::from_str(text).unwrap());
            serde_json::from_value::<FlapForm>(value).unwrap()
        };
        let on = FlapForm::On(FlapTable {
            flips: 6,
            within: "1800s".to_owned(),
            calm: "1800s".to_owned(),
        });
        assert_eq!(table(r#"{"flips": 6, "within_s": 1800, "calm_s": 1800}"#), on);
        assert_eq!(table(r#"{"flips": 6, "within": "1800s", "calm": "1800s"}"#), on);
        assert_eq!(table(r#""off""#), FlapForm::Off("off".to_owned()));
    }
}
