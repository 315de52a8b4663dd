//! The shapes of alerts, silences and maintenance mode.

use std::collections::BTreeMap;

use cc_devops_alerts::policy::Match;
use cc_devops_alerts::{Alert, AlertState, ConditionKind, Maintenance, Seen, Severity, Silence};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use utoipa::openapi::schema::{AnyOfBuilder, ArrayBuilder, Object, ObjectBuilder, Schema, Type};

/// A page of alerts.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct AlertPage {
    /// Those that are open, or of which something is to come, first.
    pub(crate) alerts: Vec<AlertView>,
    /// What to ask for the next page with; none on the last.
    #[schema(required)]
    pub(crate) next: Option<String>,
}

/// Something that needs a person, or needed one.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = Alert)]
pub(crate) struct AlertView {
    /// Its id, from its opening to its end.
    id: String,
    /// The same for the same matter, for ever: `agent/Writer`.
    key: String,
    /// What it is of.
    #[schema(value_type = String, example = "agent")]
    kind: ConditionKind,
    /// How much it matters.
    #[schema(value_type = SeverityName)]
    severity: Severity,
    /// How it stands.
    #[schema(value_type = AlertStateName)]
    state: AlertState,
    /// When the condition began.
    #[schema(value_type = String, format = DateTime)]
    since: Timestamp,
    /// When it ended.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = String, format = DateTime, required = false)]
    ended_at: Option<Timestamp>,
    /// The agent it is of.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    agent: Option<String>,
    /// The stage it is of.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    stage: Option<String>,
    /// One line: what is the matter, or how it ended.
    title: String,
    /// Who takes care of it.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    acknowledged: Option<AcknowledgedView>,
    /// What its next message waits for, in words.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    waits: Option<String>,
    /// When it was first told; none where nobody was.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = String, format = DateTime, required = false)]
    told_at: Option<Timestamp>,
}

/// Who takes care of an alert.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Acknowledged)]
pub(crate) struct AcknowledgedView {
    /// Who.
    by: String,
    /// Since when.
    #[schema(value_type = String, format = DateTime)]
    at: Timestamp,
    /// Why or how.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    reason: Option<String>,
}

/// An alert, and all that is known of it.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct AlertDetails {
    #[serde(flatten)]
    alert: AlertView,
    /// The agent's own tags.
    tags: BTreeMap<String, String>,
    /// What is known of it and what to do.
    text: String,
}

impl From<Seen> for AlertView {
    fn from(seen: Seen) -> Self {
        Self {
            id: seen.id,
            key: seen.key,
            kind: seen.kind,
            severity: seen.severity,
            state: seen.state,
            since: seen.since,
            ended_at: seen.ended,
            agent: seen.agent.map(Into::into),
            stage: seen.stage.map(|stage| stage.to_string()),
            title: seen.title,
            acknowledged: seen.acknowledged.map(|acknowledged| AcknowledgedView {
                by: acknowledged.by,
                at: acknowledged.at,
                reason: acknowledged.reason,
            }),
            waits: seen.waits.map(|waits| waits.words),
            told_at: seen.told,
        }
    }
}

impl From<Alert> for AlertDetails {
    fn from(alert: Alert) -> Self {
        Self {
            alert: Seen::from(&alert).into(),
            tags: alert.condition.tags,
            text: alert.condition.text,
        }
    }
}

/// How much something matters.
#[derive(ToSchema, Serialize)]
#[serde(rename_all = "lowercase")]
#[schema(as = Severity)]
#[expect(dead_code, reason = "describes what the domains serialise")]
pub(crate) enum SeverityName {
    /// Somebody is to be woken.
    Critical,
    /// Somebody is to look at it today.
    Warning,
    /// It is worth knowing.
    Info,
}

/// How an alert stands.
#[derive(ToSchema, Serialize)]
#[serde(rename_all = "lowercase")]
#[schema(as = AlertState)]
#[expect(dead_code, reason = "describes what the domains serialise")]
pub(crate) enum AlertStateName {
    /// Its condition is there.
    Open,
    /// Its condition is there, and somebody takes care of it.
    Acknowledged,
    /// Its condition is over.
    Resolved,
    /// Nobody waits for its end any more.
    Closed,
}

/// What is said with an acknowledgement.
#[derive(Debug, Default, Deserialize, ToSchema)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct Acknowledging {
    /// Why, or what is done. It holds something that can be seen.
    #[schema(
        min_length = 1,
        max_length = 500,
        pattern = r"[^\u0000-\u0020\u007f-\u00a0\u061c\u1680\u2000-\u200a\u200e\u200f\u2028-\u202f\u205f\u2066-\u2069\u3000]"
    )]
    pub(crate) reason: Option<String>,
}

/// A silence to make.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct NewSilence {
    /// Labels that must all hold; a list holds where one of its values does. `{}` is everything.
    #[serde(rename = "match")]
    #[schema(schema_with = labels)]
    pub(crate) matches: BTreeMap<String, LabelValues>,
    /// For how long from now on: a whole number with `s`, `m`, `h` or `d`.
    #[serde(rename = "for")]
    // At most ten years, 3660 days.
    #[schema(
        example = "2h",
        pattern = "^(?:[1-9][0-9]{0,4}[sm]|[1-9][0-9]{0,3}h|[1-7][0-9]{4}h|8[0-6][0-9]{3}h|87[0-7][0-9]{2}h|878[0-3][0-9]h|87840h|[1-9][0-9]{0,2}d|[12][0-9]{3}d|3[0-5][0-9]{2}d|36[0-5][0-9]d|3660d)$"
    )]
    pub(crate) lasts: String,
    /// Why. It holds something that can be seen.
    #[schema(
        min_length = 1,
        max_length = 500,
        pattern = r"[^\u0000-\u0020\u007f-\u00a0\u061c\u1680\u2000-\u200a\u200e\u200f\u2028-\u202f\u205f\u2066-\u2069\u3000]"
    )]
    pub(crate) reason: String,
}

/// Labels with the values that conditions can have.
fn labels() -> Object {
    let text = || ObjectBuilder::new().schema_type(Type::String);
    let kinds = text().enum_values(Some(ConditionKind::ALL.map(ConditionKind::as_str)));
    let severities = text().enum_values(Some(Severity::ALL.map(Severity::as_str)));
    let stages = text().pattern(Some("^([a-z][a-z0-9-]{0,31})?$"));
    ObjectBuilder::new()
        .description(Some(
            "Labels that must all hold; a list holds where one of its values does. `{}` is everything.",
        ))
        .property("kind", one_or_several(kinds))
        .property("severity", one_or_several(severities))
        .property("stage", one_or_several(stages))
        .additional_properties(Some(Schema::AnyOf(one_or_several(text()).build())))
        .build()
}

fn one_or_several(value: ObjectBuilder) -> AnyOfBuilder {
    let value = value.build();
    let several = ArrayBuilder::new().items(value.clone());
    AnyOfBuilder::new().item(value).item(several)
}

/// The values that a label may have.
#[derive(Debug, Deserialize)]
#[serde(untagged)]
pub(crate) enum LabelValues {
    /// This one.
    One(String),
    /// One of these.
    Several(Vec<String>),
}

impl NewSilence {
    /// The labels that must hold.
    pub(crate) fn labels(&self) -> Match {
        let labels = self.matches.iter().map(|(label, values)| {
            let values = match values {
                LabelValues::One(value) => vec![value.clone()],
                LabelValues::Several(values) => values.clone(),
            };
            (label.clone(), values)
        });
        Match(labels.collect())
    }
}

/// Silences.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct SilenceList {
    /// Those that are not over.
    pub(crate) silences: Vec<SilenceView>,
}

/// A time in which what matches is not told.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Silence)]
pub(crate) struct SilenceView {
    /// Its id.
    id: String,
    /// The labels that must hold.
    #[serde(rename = "match")]
    matches: BTreeMap<String, Vec<String>>,
    /// From when on.
    #[schema(value_type = String, format = DateTime)]
    from: Timestamp,
    /// Until when.
    #[schema(value_type = String, format = DateTime)]
    to: Timestamp,
    /// Why.
    reason: String,
    /// Who made it.
    by: String,
}

impl From<Silence> for SilenceView {
    fn from(silence: Silence) -> Self {
        Self {
            id: silence.id,
            matches: silence.matches.0,
            from: silence.from,
            to: silence.to,
            reason: silence.reason,
            by: silence.by,
        }
    }
}

/// Maintenance mode to switch on.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct NewMaintenance {
    /// Why. It holds something that can be seen.
    #[schema(
        min_length = 1,
        max_length = 500,
        pattern = r"[^\u0000-\u0020\u007f-\u00a0\u061c\u1680\u2000-\u200a\u200e\u200f\u2028-\u202f\u205f\u2066-\u2069\u3000]"
    )]
    pub(crate) reason: String,
    /// Until when; without, until somebody ends it.
    #[schema(value_type = Option<String>, format = DateTime)]
    pub(crate) until: Option<Timestamp>,
}

/// Whether the control plane does nothing unasked.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = Maintenance)]
pub(crate) struct MaintenanceView {
    /// Whether it does nothing unasked; alerts go on.
    pub(crate) on: bool,
    /// Whether the configuration says so; that is not ended here.
    pub(crate) configured: bool,
    /// Why.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub(crate) reason: Option<String>,
    /// Who switched it on.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub(crate) by: Option<String>,
    /// Since when.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = String, format = DateTime, required = false)]
    pub(crate) since: Option<Timestamp>,
    /// Until when.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = String, format = DateTime, required = false)]
    pub(crate) until: Option<Timestamp>,
}

impl MaintenanceView {
    /// As the store and the configuration have it.
    pub(crate) fn of(kept: Option<Maintenance>, configured: bool) -> Self {
        let on = configured || kept.is_some();
        let kept = kept.map(|kept| (kept.reason, kept.by, kept.since, kept.until));
        let (reason, by, since, until) = kept.map_or((None, None, None, None), |(reason, by, since, until)| {
            (Some(reason), Some(by), Some(since), until)
        });
        Self {
            on,
            configured,
            reason,
            by,
            since,
            until,
        }
    }
}
