//! `[alerts.conditions]` as it is written, and what it means: from where on something is a condition.

use std::ops::RangeInclusive;

use cc_devops_kernel::duration::WrittenDuration;
use jiff::SignedDuration;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::PolicyProblem;
use crate::limits::{ConditionLimits, SecretAge};

/// `[alerts.conditions]`
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct ConditionsForm {
    /// Over which time requests of an action are counted, 1m to 24h.
    pub requests_window: String,
    /// How many of them must have timed out or met a fault of the control plane for people to be told; 0 is never.
    #[schemars(range(min = 0, max = 1_000))]
    pub requests_failed: u32,
    /// And what share of all that ended these must be, in per cent; 0 is not asked.
    #[schemars(range(min = 0, max = 100))]
    pub requests_failed_percent: u8,
    /// What more than 5 of 100 requests of an action must not take, 1s to 24h; `off` is not looked at.
    pub requests_slow: String,
    /// By more than how many per cent of the day before MRR falls when people are told; 0 is never.
    #[schemars(range(min = 0, max = 100))]
    pub mrr_fall_percent: u8,
    /// How far behind a consumer of events may be, 1m to 7d; `off` is not looked at.
    pub cursor_age: String,
    /// More than how many per cent of MRR are spent when people are told; 0 is never.
    #[schemars(range(min = 0, max = 10_000))]
    pub spend_percent: u32,
    /// How old the newest version of secrets may be.
    pub secrets: Vec<SecretAgeForm>,
}

/// `[[alerts.conditions.secrets]]`: of two that fit, the longer prefix counts.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct SecretAgeForm {
    /// A secret's name, or what names begin with, below the namespace.
    pub prefix: String,
    /// How old the newest version may be, 1d to 3650d.
    pub rotate_after: String,
}

impl Default for ConditionsForm {
    fn default() -> Self {
        let limits = ConditionLimits::default();
        let or_off = |limit: Option<SignedDuration>| limit.map_or_else(|| OFF.to_owned(), written);
        Self {
            requests_window: written(limits.requests_window),
            requests_failed: limits.requests_failed,
            requests_failed_percent: limits.requests_failed_percent,
            requests_slow: or_off(limits.requests_slow),
            mrr_fall_percent: limits.mrr_fall_percent,
            cursor_age: or_off(limits.cursor_age),
            spend_percent: limits.spend_percent,
            secrets: Vec::new(),
        }
    }
}

/// What is written where something is not looked at.
const OFF: &str = "off";

fn written(time: SignedDuration) -> String {
    WrittenDuration::from_secs(time.as_secs()).to_string()
}

impl ConditionsForm {
    /// What the section means; secrets are named below the namespace.
    ///
    /// # Errors
    /// Everything that is wrong, each with its key.
    pub fn limits(&self, namespace: &str) -> Result<ConditionLimits, Vec<PolicyProblem>> {
        let mut problems = Vec::new();
        let minutes = SignedDuration::from_mins;
        let hours = SignedDuration::from_hours;
        let mut read = |key: &str, text: &str, bounds: RangeInclusive<SignedDuration>| {
            let message = match text.parse::<WrittenDuration>().map(WrittenDuration::get) {
                Ok(time) if bounds.contains(&time) => return Some(time),
                Ok(_) => format!("must be {} to {}", written(*bounds.start()), written(*bounds.end())),
                Err(error) => error.to_string(),
            };
            let path = format!("alerts.conditions.{key}");
            problems.push(PolicyProblem { path, message });
            None
        };
        let window = read("requests_window", &self.requests_window, minutes(1)..=hours(24));
        let slow = Some(self.requests_slow.as_str()).filter(|text| *text != OFF);
        let slow = slow.and_then(|text| read("requests_slow", text, SignedDuration::from_secs(1)..=hours(24)));
        let cursor = Some(self.cursor_age.as_str()).filter(|text| *text != OFF);
        let cursor = cursor.and_then(|text| read("cursor_age", text, minutes(1)..=hours(7 * 24)));
        let secrets = self.secrets.iter().enumerate().filter_map(|(at, form)| {
            let rotate_after = read(
                &format!("secrets[{at}].rotate_after"),
                &form.rotate_after,
                hours(24)..=hours(3_650 * 24),
            )?;
            let root = format!("/{namespace}/");
            // A whole name is taken as well.
            let below = form.prefix.strip_prefix(&root).unwrap_or(&form.prefix);
            Some(SecretAge {
                prefix: format!("{root}{}", below.trim_start_matches('/')),
                rotate_after,
            })
        });
        let secrets: Vec<SecretAge> = secrets.collect();
        match window {
            Some(requests_window) if problems.is_empty() => Ok(ConditionLimits {
                requests_window,
                requests_failed: self.requests_failed,
                requests_failed_percent: self.requests_failed_percent,
                requests_slow: slow,
                mrr_fall_percent: self.mrr_fall_percent,
                cursor_age: cursor,
                secrets,
                spend_percent: self.spend_percent,
            }),
            _ => Err(problems),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_written_by_default_means_the_default() {
        assert_eq!(ConditionsForm::default().limits("acme"), Ok(ConditionLimits::default()));
    }

    #[test]
    fn all_that_is_wrong_is_said_at_once_with_its_key() {
        let form = ConditionsForm {
            requests_window: "2d".to_owned(),
            requests_slow: "fast".to_owned(),
            cursor_age: "off".to_owned(),
            secrets: vec![SecretAgeForm {
                prefix: "stripe/".to_owned(),
                rotate_after: "1h".to_owned(),
            }],
            ..ConditionsForm::default()
        };
        let problems = form.limits("acme").unwrap_err();
        let said: Vec<String> = problems.iter().map(ToString::to_string).collect();
        assert_eq!(said.len(), 3, "{said:?}");
        assert_eq!(said[0], "alerts.conditions.requests_window: must be 1m to 1d");
        assert!(said[1].starts_with("alerts.conditions.requests_slow: \"fast\" is no duration"));
        assert_eq!(
            said[2],
            "alerts.conditions.secrets[0].rotate_after: must be 1d to 3650d"
        );
        for prefix in ["stripe/", "/stripe/", "/acme/stripe/"] {
            let good = ConditionsForm {
                secrets: vec![SecretAgeForm {
                    prefix: prefix.to_owned(),
                    rotate_after: "30d".to_owned(),
                }],
                ..ConditionsForm::default()
            };
            assert_eq!(good.limits("acme").unwrap().secrets[0].prefix, "/acme/stripe/");
        }
    }
}
