//! A plan as the control plane tells it, and its words for people.

use cc_devops_deploys::{About, Approval, Decided, FreezeOverride, Row, Summary};
use jiff::Timestamp;
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::Value;

use super::super::times::show;
use crate::error::CliError;

/// A plan.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
#[expect(clippy::struct_field_names, reason = "as it is called on the wire")]
pub(super) struct Plan {
    pub(super) plan: String,
    pub(super) digest: String,
    pub(super) request_id: String,
    pub(super) stack: String,
    pub(super) state: String,
    pub(super) requested_by: String,
    pub(super) made_at: Timestamp,
    pub(super) expires_at: Timestamp,
    pub(super) summary: Summary,
    #[serde(default)]
    pub(super) unplanned: bool,
    #[serde(default)]
    pub(super) first_creation: bool,
    #[serde(default)]
    pub(super) approvals: Vec<Approval>,
    pub(super) freeze_override: Option<FreezeOverride>,
    pub(super) frozen: Option<String>,
    pub(super) decided: Option<Decided>,
    pub(super) begun_at: Option<Timestamp>,
    pub(super) ended_at: Option<Timestamp>,
    /// What it changes; only where one plan is asked for.
    #[serde(default)]
    pub(super) changes: Vec<Row>,
    pub(super) text: Option<String>,
    #[serde(default)]
    pub(super) notes: Vec<String>,
    #[serde(default)]
    pub(super) about: About,
}

/// Reads an answer of the control plane.
pub(super) fn read<T: DeserializeOwned>(answer: &Value) -> Result<T, CliError> {
    T::deserialize(answer).map_err(|error| CliError::Unreachable {
        message: "the control plane answers in a form that this version does not know; use one of the same version"
            .to_owned(),
        source: Some(error.into()),
    })
}

impl Plan {
    /// What it changes, in a few words.
    pub(super) fn in_short(&self) -> String {
        let Summary {
            adds,
            modifies,
            removes,
            replacements,
            ..
        } = self.summary;
        if self.unplanned {
            return "not known".to_owned();
        }
        let mut words = Vec::new();
        for (sign, count) in [("+", adds), ("~", modifies), ("-", removes), ("\u{b1}", replacements)] {
            if count > 0 {
                words.push(format!("{sign}{count}"));
            }
        }
        for (holds, word) in [
            (self.summary.loses_stateful, "loses data"),
            (self.summary.unknown_change, "something unknown"),
            (words.is_empty() && !self.summary.unknown_change, "nothing"),
        ] {
            if holds {
                words.push(word.to_owned());
            }
        }
        words.join(" ")
    }

    /// Who decided what of it, line by line: a name, and what stands for it.
    pub(super) fn course(&self) -> Vec<(&'static str, String)> {
        let mut lines = vec![
            ("plan", self.plan.clone()),
            ("stack", self.stack.clone()),
            ("state", self.state.clone()),
            ("asked by", format!("{}, {}", self.requested_by, show(self.made_at))),
            ("request", self.request_id.clone()),
        ];
        if self.first_creation {
            lines.push(("creates", "the stack, which is not there yet".to_owned()));
        }
        if self.state == "waiting" {
            lines.push(("expires", show(self.expires_at)));
        }
        lines.extend(self.frozen.iter().map(|sentence| ("frozen", sentence.clone())));
        if let Some(lifted) = &self.freeze_override {
            let (by, at) = (&lifted.by, show(lifted.at));
            lines.push(("unfrozen", format!("by {by}, {at}: {}", lifted.reason)));
        }
        for approval in &self.approvals {
            let said = approval
                .comment
                .as_ref()
                .map_or_else(String::new, |said| format!(": {said}"));
            let carried = approval.carried_from.as_ref();
            let carried = carried.map_or_else(String::new, |plan| format!(" (for {plan}, whose digest is the same)"));
            lines.push((
                "approved",
                format!("by {}, {}{carried}{said}", approval.by, show(approval.at)),
            ));
        }
        if let Some(Decided { by, at, reason, .. }) = &self.decided {
            let by = by.as_ref().map_or_else(String::new, |by| format!("by {by}, "));
            lines.push(("decided", format!("{by}{}: {reason}", show(*at))));
        }
        lines.extend(self.begun_at.map(|at| ("begun", show(at))));
        lines.extend(self.ended_at.map(|at| ("ended", show(at))));
        lines
    }
}
