//! The marker of an issue about a failing workflow.

use serde::{Deserialize, Serialize};

use super::RunKey;
use crate::issues::marks::Marks;
use crate::snapshot::{RepositoryId, WorkflowId};

/// How every marker begins, and what ends the text that is ours.
pub const MARKS: Marks = Marks {
    begin: "<!-- cc-devops:workflow-failure ",
    end: "<!-- /cc-devops:workflow-failure -->",
};
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
        MARKS.render(self)
    }

    /// The first marker of a body that can be read.
    pub fn find(body: &str) -> Option<Self> {
        MARKS.find(body, |marker: &Self| marker.version >= 1)
    }
}
