//! What is written on a change set for whoever looks at it later: its request's detail is forgotten by then.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};

/// The most characters of a change set's description.
const LONGEST: usize = 1_024;

/// What the description begins with.
const OURS: &str = "cc-devops ";

/// A drift detection that was asked for.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(super) enum DriftLook {
    /// It was begun, under this id.
    Begun(String),
    /// It could not be, for this reason.
    Refused(String),
}

/// What is written on a change set.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct About {
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) drift: Option<DriftLook>,
    /// The names of the parameters that the request gave.
    pub(super) given: BTreeSet<String>,
}

impl About {
    /// As a description. Where the names are too many, it holds none, and every parameter counts as given.
    pub(super) fn written(&self) -> String {
        let write = |about: &Self| serde_json::to_string(about).map(|text| format!("{OURS}{text}"));
        let fits = |text: &String| text.chars().count() <= LONGEST;
        if let Some(whole) = write(self).ok().filter(fits) {
            return whole;
        }
        let drift = self.drift.clone();
        let all = serde_json::json!({ "drift": drift }).to_string();
        format!("{OURS}{all}").chars().take(LONGEST).collect()
    }

    /// From a description; none where it is not ours, or names no parameters.
    pub(super) fn read(description: Option<&str>) -> Option<Self> {
        serde_json::from_str(description?.strip_prefix(OURS)?).ok()
    }

    /// The drift detection of a change set, where one was asked for.
    pub(super) fn drift(description: Option<&str>) -> Option<DriftLook> {
        #[derive(Deserialize)]
        struct Drift {
            drift: Option<DriftLook>,
        }
        let text = description?.strip_prefix(OURS)?;
        serde_json::from_str::<Drift>(text).ok()?.drift
    }

    /// Whether a description is ours: then it is no part of what the change set says.
    pub(super) fn is_ours(description: &str) -> bool {
        description.starts_with(OURS)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_written_on_a_change_set_is_read_again_and_fits() {
        for names in [0, 3, 200] {
            let about = About {
                drift: Some(DriftLook::Begun("0d6c".to_owned())),
                given: (0..names).map(|number| format!("Parameter{number}")).collect(),
            };
            let text = about.written();
            assert!((1..=LONGEST).contains(&text.chars().count()), "{text}");
            assert_eq!(About::drift(Some(&text)), about.drift);
            assert_eq!(About::read(Some(&text)), (names < 200).then_some(about));
            assert!(About::is_ours(&text));
        }
        assert_eq!(About::read(Some("somebody else's")), None);
        assert_eq!(About::drift(None), None);
    }
}
