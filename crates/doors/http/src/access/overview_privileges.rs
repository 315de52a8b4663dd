//! What the overview touches that no other page does.

use cc_devops_kernel::access::Access;
use cc_devops_kernel::audit::Mark;
use cc_devops_kernel::ports::PortResult;

use super::{Permitted, Privilege, Question};
use crate::problem::Problem;

/// See how the audit trail stands.
#[derive(Clone)]
pub struct ReadTrailState;

impl Privilege for ReadTrailState {
    fn ask(question: &Question<'_>) -> Result<Self, Problem> {
        question.require(&Access::ReadAudit).map(|()| Self)
    }
}

/// How the audit trail stands, as far as is known without walking it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TrailState {
    /// Its last row; none where it is empty or has several chains.
    pub end: Option<Mark>,
    /// What speaks against it; a fragment that says what to do.
    pub doubt: Option<String>,
}

impl Permitted<ReadTrailState> {
    /// How it stands. Two reads, however long the trail is.
    ///
    /// # Errors
    /// What the trail says.
    pub async fn state(&self) -> PortResult<TrailState> {
        let trail = &self.app.ports().audit;
        let (end, doubt) = futures::try_join!(trail.mark(None), trail.doubt())?;
        Ok(TrailState {
            end,
            doubt: doubt.or_else(|| self.app.control.doubted()),
        })
    }
}
