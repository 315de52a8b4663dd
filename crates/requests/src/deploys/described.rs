//! The stacks that were deployed here, and how each stands: from the plan that counts and from what was deployed.

use std::collections::BTreeMap;

use cc_devops_deploys::{PlanRecord, PlanState};
use cc_devops_kernel::names::FullStackName;
use cc_devops_kernel::ports::{PortResult, RecordKind};
use jiff::Timestamp;

use super::kept::{Deployed, PlannedStack, planned_stack, read};
use crate::engine::ControlPlane;

/// How far back a stack's history is looked through, in deploys.
const HISTORY: usize = 500;

/// How many stacks are described at once.
pub const MOST_DESCRIBED: usize = 20;

/// How a stack stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum StackStanding {
    /// A deploy of it is being carried out.
    Changing,
    /// Its last deploy ended well.
    Deployed,
    /// Its last deploy failed.
    Failed,
}

/// A stack that was deployed, or is being deployed for the first time.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DescribedStack {
    /// Its name with its stage.
    pub stack: FullStackName,
    /// How it stands.
    pub standing: StackStanding,
    /// Whether that is of the first deploy that is on record.
    pub is_first: bool,
    /// When the first deploy that is on record was begun: of the last 400 days, and of the last 500.
    pub first_at: Timestamp,
    /// When the last one was begun.
    pub last_at: Timestamp,
    /// The parameters it stands with, without those that are or may be secret.
    pub parameters: BTreeMap<String, String>,
    /// Why the last deploy failed, as a sentence.
    pub error: Option<String>,
}

/// Some of the stacks.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct DescribedPage {
    /// Them, by name.
    pub stacks: Vec<DescribedStack>,
    /// Behind which name more may follow; none at the end.
    pub next: Option<String>,
}

impl ControlPlane {
    /// A stack; none where it was never deployed, or not within 400 days.
    ///
    /// # Errors
    /// The store cannot be read.
    pub async fn described_stack(&self, stack: &FullStackName) -> PortResult<Option<DescribedStack>> {
        let (_, planned) = planned_stack(&*self.ports.state, stack).await?;
        self.described(stack, planned).await
    }

    /// Stacks by name, those behind the name `after`: of [`MOST_DESCRIBED`] that were planned, those that were deployed too.
    /// Those of a stage that is no longer configured are left out.
    ///
    /// # Errors
    /// The store cannot be read.
    pub async fn described_stacks(&self, after: Option<&str>) -> PortResult<DescribedPage> {
        let state = &*self.ports.state;
        let found = state
            .list(RecordKind::PlannedStack, None, after, MOST_DESCRIBED)
            .await?;
        let is_full = found.len() >= MOST_DESCRIBED;
        let mut page = DescribedPage::default();
        for record in &found {
            let meant = self.installation.stages.parted(&record.key.name);
            if let Some((stack, stage)) = meant.first() {
                let planned: PlannedStack = read(record)?;
                page.stacks.extend(self.described(&stack.on(stage), planned).await?);
            }
            page.next = is_full.then(|| record.key.name.clone());
        }
        Ok(page)
    }

    async fn described(&self, stack: &FullStackName, planned: PlannedStack) -> PortResult<Option<DescribedStack>> {
        let plan = match &planned.plan {
            Some(plan) => self.plan_head(plan).await?,
            None => None,
        };
        let applying = plan.filter(|plan| plan.state == PlanState::Applying);
        let history = self.deployed(stack, HISTORY).await?;
        Ok(described(stack, applying.as_ref(), &history))
    }
}

/// How a stack stands, by what is being carried out and what was deployed, the newest first.
fn described(stack: &FullStackName, applying: Option<&PlanRecord>, history: &[Deployed]) -> Option<DescribedStack> {
    let begun = applying.map(|plan| plan.begun_at.unwrap_or(plan.made_at));
    let (newest, oldest) = (history.first(), history.last());
    let standing = match (applying, newest) {
        (Some(_), _) => StackStanding::Changing,
        (None, Some(newest)) if newest.succeeded => StackStanding::Deployed,
        (None, Some(_)) => StackStanding::Failed,
        (None, None) => return None,
    };
    let last_at = begun.or_else(|| newest.map(|newest| newest.begun_at))?;
    // What failed left what was before it.
    let good = history.iter().find(|deployed| deployed.succeeded);
    Some(DescribedStack {
        stack: stack.clone(),
        standing,
        is_first: history.len() + usize::from(applying.is_some()) == 1,
        first_at: oldest.map_or(last_at, |oldest| oldest.begun_at),
        last_at,
        parameters: good.map(|deployed| deployed.parameters.clone()).unwrap_or_default(),
        error: newest
            .filter(|_| standing == StackStanding::Failed)
            .and_then(|newest| newest.error.clone()),
    })
}

#[cfg(test)]
mod tests {
    use cc_devops_deploys::{PlanDigest, PlanId};
    use cc_devops_kernel::names::{AgentName, RequestId, StackName, Stage};
    use jiff::SignedDuration;

    use super::*;

    fn stack() -> FullStackName {
        StackName::new("cc-agent-x").unwrap().on(&Stage::new("dev").unwrap())
    }

    fn deployed(hours: i64, succeeded: bool, size: &str) -> Deployed {
        let begun_at = Timestamp::UNIX_EPOCH
            .saturating_add(SignedDuration::from_hours(hours))
            .unwrap();
        let request = RequestId::new(format!("r{hours}")).unwrap();
        Deployed {
            plan: PlanId::of(&request),
            request,
            stack: stack(),
            stage: Stage::new("dev").unwrap(),
            requested_by: AgentName::new("X").unwrap(),
            approvers: Vec::new(),
            digest: PlanDigest::new([7; 32]),
            template_digest: None,
            parameters: BTreeMap::from([("Size".to_owned(), size.to_owned())]),
            begun_at,
            ended_at: begun_at,
            took_ms: 1,
            succeeded,
            error: (!succeeded).then(|| "it was rolled back".to_owned()),
        }
    }

    #[test]
    fn a_stack_stands_as_its_last_deploy_left_it() {
        let stack = stack();
        assert_eq!(described(&stack, None, &[]), None, "it was planned and never deployed");
        let first = described(&stack, None, &[deployed(1, true, "1")]).unwrap();
        assert_eq!((first.standing, first.is_first), (StackStanding::Deployed, true));
        assert_eq!(first.first_at, first.last_at);
        let failed = [deployed(3, false, "3"), deployed(2, true, "2"), deployed(1, true, "1")];
        let failed = described(&stack, None, &failed).unwrap();
        assert_eq!((failed.standing, failed.is_first), (StackStanding::Failed, false));
        assert_eq!(failed.error.as_deref(), Some("it was rolled back"));
        assert_eq!(
            failed.parameters.get("Size").map(String::as_str),
            Some("2"),
            "what stands"
        );
        assert_eq!(
            failed.last_at.duration_since(failed.first_at),
            SignedDuration::from_hours(2)
        );
    }
}
