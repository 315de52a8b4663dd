//! `[alerts]` as it is written: every key with its default. What a key means is checked by
//! [`AlertPolicy::of`](super::AlertPolicy::of).

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::conditions::ConditionsForm;

/// `[alerts]`; `C` is the form of a channel, which belongs to those who reach it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields, bound(deserialize = "C: serde::de::DeserializeOwned"))]
pub struct AlertsFile<C> {
    /// The labels whose values are told together; `["key"]` tells every condition alone, `[]` all together.
    pub group_by: Vec<String>,
    /// How long a new group waits for more.
    pub group_wait: String,
    /// How long until a group that was told is told of again.
    pub group_interval: String,
    /// How often an open alert is told again until it is acknowledged, or `off`.
    pub remind: String,
    /// How many failures in a row there are before one is told.
    #[schemars(range(min = 1, max = 1_000))]
    pub failures: u32,
    /// When something counts as flapping, or `off`.
    pub flap: FlapForm,
    /// The secret that holds the address of an outside watch, which is asked for each minute.
    pub heartbeat_url_secret: Option<String>,
    /// The environment variable of the server that holds it instead.
    pub heartbeat_url_env: Option<String>,
    /// How people are reached.
    pub channels: Vec<C>,
    /// Who is told of what.
    pub routes: Vec<RouteForm>,
    /// When nobody is to be woken.
    pub quiet_hours: Vec<QuietForm>,
    /// What is not told for a time.
    pub silences: Vec<SilenceForm>,
    /// From where on something is worth telling.
    pub conditions: ConditionsForm,
}

impl<C> Default for AlertsFile<C> {
    fn default() -> Self {
        Self {
            group_by: vec!["kind".to_owned(), "stage".to_owned()],
            group_wait: "10s".to_owned(),
            group_interval: "5m".to_owned(),
            remind: "off".to_owned(),
            failures: 1,
            flap: FlapForm::default(),
            heartbeat_url_secret: None,
            heartbeat_url_env: None,
            channels: Vec::new(),
            routes: Vec::new(),
            quiet_hours: Vec::new(),
            silences: Vec::new(),
            conditions: ConditionsForm::default(),
        }
    }
}

/// One value, or several of which one is enough.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(untagged)]
pub enum OneOrMany {
    /// One.
    One(String),
    /// Several.
    Many(Vec<String>),
}

impl OneOrMany {
    /// All of them.
    pub fn values(&self) -> &[String] {
        match self {
            Self::One(value) => std::slice::from_ref(value),
            Self::Many(values) => values,
        }
    }
}

/// `flap`
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(untagged)]
pub enum FlapForm {
    /// `off`
    Off(String),
    /// From when on something flaps.
    On(FlapTable),
}

impl Default for FlapForm {
    fn default() -> Self {
        Self::On(FlapTable::default())
    }
}

/// From when on something flaps, and when it is calm again.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct FlapTable {
    /// How many flips.
    #[schemars(range(min = 2, max = 60))]
    pub flips: u32,
    /// Within which time.
    pub within: String,
    /// How long nothing may flip before it counts as calm.
    pub calm: String,
}

impl Default for FlapTable {
    fn default() -> Self {
        Self {
            flips: 6,
            within: "30m".to_owned(),
            calm: "30m".to_owned(),
        }
    }
}

/// `[[alerts.routes]]`: the first that matches is taken, and those behind it where it says `continue`.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct RouteForm {
    /// Labels and their values, all of which must hold; none matches everything.
    #[serde(rename = "match")]
    pub matches: BTreeMap<String, OneOrMany>,
    /// The names of the channels that are told.
    pub channels: Vec<String>,
    /// Whether the routes behind it are looked at too.
    #[serde(rename = "continue")]
    pub goes_on: bool,
    /// Instead of `alerts.group_by`.
    pub group_by: Option<Vec<String>>,
    /// Instead of `alerts.group_wait`.
    pub group_wait: Option<String>,
    /// Instead of `alerts.group_interval`.
    pub group_interval: Option<String>,
    /// Instead of `alerts.remind`.
    pub remind: Option<String>,
    /// Instead of `alerts.failures`.
    #[schemars(range(min = 1, max = 1_000))]
    pub failures: Option<u32>,
    /// Instead of `alerts.flap`.
    pub flap: Option<FlapForm>,
    /// Who else is told of what nobody acknowledged.
    pub escalate: Vec<StepForm>,
}

/// A step of escalation.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct StepForm {
    /// How long after it was told nobody acknowledged it.
    pub after: String,
    /// The names of the channels that are told then as well.
    pub channels: Vec<String>,
}

/// `[[alerts.quiet_hours]]`: what is not severe enough waits for their end.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct QuietForm {
    /// When they begin, as `HH:MM`.
    pub from: String,
    /// When they end; on the day after where it is not later than `from`.
    pub to: String,
    /// The zone, from IANA's database.
    pub timezone: String,
    /// The days on which they begin: `mon` to `sun`; every day where it is left out.
    #[serde(default)]
    pub days: Vec<String>,
    /// Severities that are told all the same.
    #[serde(default)]
    pub passes: Vec<String>,
}

/// `[[alerts.silences]]`: once from an instant to another, or by the wall clock of `timezone`.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct SilenceForm {
    /// Labels and their values, all of which must hold; none silences everything.
    #[serde(rename = "match")]
    pub matches: BTreeMap<String, OneOrMany>,
    /// The instant at which it begins, or, with `timezone`, the time of the day as `HH:MM`.
    pub from: Option<String>,
    /// The instant at which it ends, or the time of the day, up to `24:00`.
    pub to: Option<String>,
    /// The zone, from IANA's database.
    pub timezone: Option<String>,
    /// The time of the day at which it begins, as `HH:MM`, with `duration`.
    pub daily: Option<String>,
    /// How long it lasts, instead of `to`.
    pub duration: Option<String>,
    /// The days on which it begins: `mon` to `sun`; every day where it is left out.
    pub days: Vec<String>,
    /// The days of the month on which it begins: from 1, or from the month's end from -1.
    pub days_of_month: Vec<i8>,
    /// Why.
    pub reason: Option<String>,
}
