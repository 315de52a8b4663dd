//! From where on something is a condition: what `[alerts.conditions]` sets.

use jiff::SignedDuration;

/// The limits, each with its default.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ConditionLimits {
    /// Over which requests of an action are counted; a minute to a day.
    pub requests_window: SignedDuration,
    /// How many of them have run into their time limit or met a fault of ours when people are told; 0: never.
    pub requests_failed: u32,
    /// And which share of all that ended in the window these are at least, in per cent; 0: not asked.
    pub requests_failed_percent: u8,
    /// What more than five of a hundred requests of an action must not take; none: not looked at.
    pub requests_slow: Option<SignedDuration>,
    /// By more than how many per cent of the day before MRR falls when people are told; 0: never.
    pub mrr_fall_percent: u8,
    /// How far behind a consumer of events may be; none: not looked at.
    pub cursor_age: Option<SignedDuration>,
    /// How old the newest version of secrets may be.
    pub secrets: Vec<SecretAge>,
    /// More than how many per cent of MRR are spent when people are told; 0: never.
    pub spend_percent: u32,
}

/// How old the newest version of the secrets below a prefix may be.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SecretAge {
    /// A secret's name, or what names begin with.
    pub prefix: String,
    /// How old; a day at least.
    pub rotate_after: SignedDuration,
}

impl Default for ConditionLimits {
    fn default() -> Self {
        Self {
            requests_window: SignedDuration::from_mins(15),
            requests_failed: 1,
            requests_failed_percent: 0,
            requests_slow: None,
            mrr_fall_percent: 10,
            cursor_age: Some(SignedDuration::from_mins(15)),
            secrets: Vec::new(),
            spend_percent: 100,
        }
    }
}

impl ConditionLimits {
    /// The rotation age of a secret: that of the longest prefix it begins with.
    pub fn rotate_after(&self, name: &str) -> Option<SignedDuration> {
        let of_it = self.secrets.iter().filter(|age| name.starts_with(&age.prefix));
        of_it.max_by_key(|age| age.prefix.len()).map(|age| age.rotate_after)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_longest_prefix_counts() {
        let days = |days: i64| SignedDuration::from_hours(24 * days);
        let age = |prefix: &str, after| SecretAge {
            prefix: prefix.to_owned(),
            rotate_after: days(after),
        };
        let limits = ConditionLimits {
            secrets: vec![age("/cc/", 90), age("/cc/stripe/", 30)],
            ..ConditionLimits::default()
        };
        assert_eq!(limits.rotate_after("/cc/stripe/key"), Some(days(30)));
        assert_eq!(limits.rotate_after("/cc/other"), Some(days(90)));
        assert_eq!(limits.rotate_after("/else/key"), None);
        assert_eq!(ConditionLimits::default().rotate_after("/cc/other"), None);
    }
}
