//! What is to come of a plan that waits, for people who look at it before they decide.

use cc_devops_deploys::freeze::Frozen;
use cc_devops_deploys::life::Next;
use cc_devops_deploys::{PlanId, PlanState};
use cc_devops_kernel::agent::Agent;
use cc_devops_kernel::ports::PortResult;

use super::deciding::approve_access;
use super::kept::found;
use crate::engine::ControlPlane;

/// What is to come of a plan that waits.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Outlook {
    /// What follows for it as it stands.
    pub next: Next,
    /// What would follow if the person who looks approved it; none where they did, or may not.
    pub approved: Option<Next>,
    /// The freeze that holds on its stack, whether it holds for this plan or not.
    pub frozen: Option<Frozen>,
}

impl ControlPlane {
    /// What is to come of a plan, for `who` looks at it; none where it does not wait. Nothing is changed.
    ///
    /// # Errors
    /// The store cannot be read.
    pub async fn outlook(&self, id: &PlanId, who: &Agent) -> PortResult<Option<Outlook>> {
        let Some(found) = found(&*self.ports.state, id).await? else {
            return Ok(None);
        };
        let record = &found.record;
        if record.state != PlanState::Waiting {
            return Ok(None);
        }
        let has = record.approvals.iter().any(|approval| approval.by == who.name);
        let may = !has && self.policy.decide(who, &approve_access(record)).allowed;
        let approved = if may {
            Some(self.next_with(&found, Some(&who.name)).await?)
        } else {
            None
        };
        let frozen = self.freezes().frozen(&record.stack_name, &record.stage, self.now());
        Ok(Some(Outlook {
            next: self.next_of(&found).await?,
            approved,
            frozen,
        }))
    }
}
