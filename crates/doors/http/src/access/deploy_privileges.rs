//! What routes about plans and deploys may touch.

use cc_devops_deploys::freeze::Freezes;
use cc_devops_deploys::{PlanDigest, PlanId, PlanRecord, PlanState};
use cc_devops_kernel::access::Access;
use cc_devops_kernel::names::{FullStackName, StackName, Stage};
use cc_devops_requests::deploys::{
    DecideError, Deployed, DescribedPage, DescribedStack, OpenPlans, Outlook, Plan, PlanFilter, PlanPage, PlanPlace,
};

use super::{Permitted, Privilege, Question};
use crate::app::Shared;
use crate::problem::Problem;

/// See plans, and what was deployed: of every stack, or of those that the policies name. Which stack a plan is of
/// stands on record, so the policies are asked when it is found.
#[derive(Clone)]
pub struct ReadDeploys {
    everything: bool,
}

impl Privilege for ReadDeploys {
    fn ask(question: &Question<'_>) -> Result<Self, Problem> {
        let every = Access::ReadDeploys { stack: None };
        Ok(Self {
            everything: question.may(&every),
        })
    }
}

/// Which plans a caller asks for.
pub struct PlanQuery {
    /// Those that stand so.
    pub state: Option<PlanState>,
    /// Those of this stack, with or without its stage.
    pub stack: Option<String>,
    /// Those behind this place, a page's `next`, or behind the plan of this name.
    pub before: Option<String>,
    /// How many, at most.
    pub limit: usize,
}

impl Permitted<ReadDeploys> {
    fn may_read(&self, stack: &StackName) -> bool {
        self.privilege.everything || self.may(&of_stack(stack))
    }

    /// The plans that the caller may see, newest first, and where the next page begins.
    pub async fn list(&self, wanted: &PlanQuery) -> Result<PlanPage, Problem> {
        let before = match &wanted.before {
            None => None,
            Some(place) => Some(self.place(place).await?),
        };
        let filter = PlanFilter {
            state: wanted.state,
            stack: wanted.stack.clone(),
            before,
        };
        let may = |stack: &StackName| self.may_read(stack);
        Ok(self.app.control.plans(&filter, wanted.limit, &may).await?)
    }

    /// The place that a caller names: where a page ended, or a plan.
    async fn place(&self, place: &str) -> Result<PlanPlace, Problem> {
        if let Some(place) = PlanPlace::read(place) {
            return Ok(place);
        }
        let plan = PlanId::read(place).ok_or(DecideError::NoSuchPlan)?;
        let known = self.app.control.plan_head(&plan).await?;
        let known = known.filter(|plan| self.may_read(&plan.stack_name));
        Ok(PlanPlace::of(&known.ok_or(DecideError::NoSuchPlan)?))
    }

    /// Plans that have not ended and that the caller may see, of at most `most` that are read: those that wait first, of
    /// them the one that expires first.
    pub async fn open(&self, most: usize) -> Result<OpenPlans, Problem> {
        let mut open = self.app.control.open_plans(most).await?;
        open.plans.retain(|plan| self.may_read(&plan.stack_name));
        open.plans.sort_by(|one, other| {
            let place = |plan: &PlanRecord| (plan.state != PlanState::Waiting, plan.expires_at);
            place(one).cmp(&place(other)).then_with(|| one.id.cmp(&other.id))
        });
        Ok(open)
    }

    /// The last plans that the caller may see, newest first.
    pub async fn latest(&self, limit: usize) -> Result<Vec<PlanRecord>, Problem> {
        let wanted = PlanQuery {
            state: None,
            stack: None,
            before: None,
            limit,
        };
        Ok(self.list(&wanted).await?.plans)
    }

    /// What is to come of a plan that waits; none where it does not.
    pub async fn outlook(&self, plan: &PlanRecord) -> Result<Option<Outlook>, Problem> {
        if plan.state != PlanState::Waiting || !self.may_read(&plan.stack_name) {
            return Ok(None);
        }
        Ok(self.app.control.outlook(&plan.id, &self.caller.0).await?)
    }

    /// The plan, where there is one and the caller may see it.
    pub async fn show(&self, plan: &PlanId) -> Result<Option<Plan>, Problem> {
        let found = self.app.control.plan(plan).await?;
        Ok(found.filter(|plan| self.may_read(&plan.record.stack_name)))
    }

    /// What was deployed to a stack, named with its stage, newest first.
    pub async fn deployed(&self, stack: &str, limit: usize) -> Result<(FullStackName, Vec<Deployed>), Problem> {
        let meant = stacks_meant(&self.app, stack)?;
        let control = &self.app.control;
        for (stack, _) in meant.iter().filter(|_| !self.privilege.everything) {
            self.app.require(&self.caller.0, &of_stack(stack))?;
        }
        let (stack, stage) = meant.first().ok_or_else(no_such_stack)?;
        let full = stack.on(stage);
        let deployed = control.deployed(&full, limit).await?;
        Ok((full, deployed))
    }
}

/// What a stack's name with its stage can mean.
///
/// # Errors
/// It does not end in a stage.
pub(crate) fn stacks_meant(app: &Shared, full: &str) -> Result<Vec<(StackName, Stage)>, Problem> {
    let meant = app.control.installation().stages.parted(full);
    if meant.is_empty() {
        Err(no_such_stack())
    } else {
        Ok(meant)
    }
}

/// To see the plans of a stack, and what was deployed to it.
fn of_stack(stack: &StackName) -> Access {
    Access::ReadDeploys {
        stack: Some(stack.clone()),
    }
}

fn no_such_stack() -> Problem {
    Problem::not_found("a stack is named here with its stage, as in cc-agent-x-prod, and this name ends in none")
}

/// See which stacks there are, and how they stand: of every stack, or of those that the policies name. Which one is meant
/// stands in what is asked for, so the policies are asked then.
#[derive(Clone)]
pub struct DescribeStacks;

impl Privilege for DescribeStacks {
    fn ask(_question: &Question<'_>) -> Result<Self, Problem> {
        Ok(Self)
    }
}

impl Permitted<DescribeStacks> {
    /// A stack, named with its stage; none where there is no such stack.
    ///
    /// # Errors
    /// What no policy permits; what the store says.
    pub async fn describe(&self, stack: &str) -> Result<Option<DescribedStack>, Problem> {
        let control = &self.app.control;
        let every = Access::DescribeStacks { stack: None };
        let meant = control.installation().stages.parted(stack);
        let Some((first, stage)) = meant.first() else {
            // Whoever may not see every stack is not told which there are not.
            self.app.require(&self.caller.0, &every)?;
            return Ok(None);
        };
        if !self.may(&every) {
            for (one, _) in &meant {
                let stack = Some(one.clone());
                self.app.require(&self.caller.0, &Access::DescribeStacks { stack })?;
            }
        }
        Ok(control.described_stack(&first.on(stage)).await?)
    }

    /// Every stack by name, those behind the name `after`, in pages.
    ///
    /// # Errors
    /// What no policy permits; what the store says.
    pub async fn all(&self, after: Option<&str>) -> Result<DescribedPage, Problem> {
        self.app
            .require(&self.caller.0, &Access::DescribeStacks { stack: None })?;
        Ok(self.app.control.described_stacks(after).await?)
    }
}

/// See when nothing is deployed.
#[derive(Clone)]
pub struct ReadFreezes;

impl Privilege for ReadFreezes {
    fn ask(question: &Question<'_>) -> Result<Self, Problem> {
        question.require(&Access::ReadDeploys { stack: None }).map(|()| Self)
    }
}

impl Permitted<ReadFreezes> {
    /// The windows.
    pub fn freezes(&self) -> &Freezes {
        self.app.control.freezes()
    }
}

/// Approve and deny plans, and let them run in a freeze. The engine decides, and puts each decision on record.
#[derive(Clone)]
pub struct DecidePlans;

impl Privilege for DecidePlans {
    fn ask(_question: &Question<'_>) -> Result<Self, Problem> {
        Ok(Self)
    }
}

impl Permitted<DecidePlans> {
    /// The caller approves what the digest stands for.
    pub async fn approve(
        &self,
        plan: &PlanId,
        digest: &PlanDigest,
        comment: Option<String>,
    ) -> Result<PlanRecord, Problem> {
        let control = &self.app.control;
        let decided = control
            .approve_plan(&self.caller.0, self.credential.door(), plan, digest, comment)
            .await;
        self.decided(decided)
    }

    /// The caller denies it.
    pub async fn deny(&self, plan: &PlanId, reason: String) -> Result<PlanRecord, Problem> {
        let decided = self
            .app
            .control
            .deny_plan(&self.caller.0, self.credential.door(), plan, reason)
            .await;
        self.decided(decided)
    }

    /// The caller lets it be carried out in a freeze.
    pub async fn override_freeze(&self, plan: &PlanId, reason: String) -> Result<PlanRecord, Problem> {
        let control = &self.app.control;
        let decided = control
            .override_freeze(&self.caller.0, self.credential.door(), plan, reason)
            .await;
        self.decided(decided)
    }

    /// Has the plan looked at at once.
    fn decided(&self, decided: Result<PlanRecord, DecideError>) -> Result<PlanRecord, Problem> {
        let record = decided?;
        self.app.sweep.notify_one();
        Ok(record)
    }
}
