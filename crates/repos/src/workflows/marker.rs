//! The hidden marker in an issue's body, by which it is found again.
//!
//! An HTML comment with JSON in it, before our text, and another behind it: what people write around
//! them stays. It holds ids, which survive every renaming:
//!
//! ```text
//! <!-- cc-devops:workflow-failure {"version":1,"repository":42,"workflow":9,"run":123,"attempt":1} -->
//! …
//! <!-- /cc-devops:workflow-failure -->
//! ```

use serde::{Deserialize, Serialize};

use super::RunKey;
use crate::snapshot::{RepositoryId, WorkflowId};

/// How every marker begins. Also what to search for.
pub const BEGIN: &str = "<!-- cc-devops:workflow-failure ";
/// What ends the text that is ours.
pub const END: &str = "<!-- /cc-devops:workflow-failure -->";
/// The version this program writes. It reads later ones too, so that an old process next to a new one
/// still finds the issue.
pub const VERSION: u32 = 1;

/// What a marker says.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Marker {
    /// The version of its form.
    pub version: u32,
    /// The repository the workflow is in.
    pub repository: RepositoryId,
    /// The workflow.
    pub workflow: WorkflowId,
    /// The failure the issue tells of.
    #[serde(flatten)]
    pub told: RunKey,
}

impl Marker {
    /// The comment.
    pub fn render(&self) -> String {
        // Numbers alone, so nothing in it can end the comment.
        let json = serde_json::to_string(self).unwrap_or_default();
        format!("{BEGIN}{json} -->")
    }

    /// The first marker of a body that can be read.
    pub fn find(body: &str) -> Option<Self> {
        body.match_indices(BEGIN).find_map(|(at, _)| {
            let (json, _) = body.get(at + BEGIN.len()..)?.split_once("-->")?;
            serde_json::from_str::<Self>(json.trim())
                .ok()
                .filter(|marker| marker.version >= 1)
        })
    }
}

/// The body with our text replaced; `None` if a person took one of the markers out.
pub fn replace(body: &str, ours: &str) -> Option<String> {
    let begin = body.find(BEGIN)?;
    let end = body.get(begin..)?.find(END)? + begin + END.len();
    let (before, after) = (body.get(..begin)?, body.get(end..)?);
    Some(format!("{before}{ours}{after}"))
}
