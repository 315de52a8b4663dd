//! What no policy can permit: changing the control plane's own stacks. Whoever changes them decides what the
//! control plane does, and so everything else.

use cc_devops_kernel::access::{Access, Resource};
use cc_devops_kernel::installation::Installation;
use cc_devops_kernel::names::StackName;

/// The control plane's own stacks, as far as their names say.
pub(super) struct OwnStacks {
    /// Without a stage, folded.
    base: String,
    /// Full names, folded.
    others: Vec<String>,
}

impl OwnStacks {
    /// The stack that is called after the control plane, on every stage.
    pub(super) fn of(installation: &Installation) -> Self {
        Self {
            base: folded(installation.agent.own_stack().as_str()),
            others: Vec::new(),
        }
    }

    /// And one that has a name of its own.
    pub(super) fn add(&mut self, full_name: &str) {
        self.others.push(folded(full_name));
    }

    /// Whether it would change one of them.
    pub(super) fn holds(&self, access: &Access) -> bool {
        let (Access::Request {
            on: Resource::Stack(stack),
            ..
        }
        | Access::ApplyPlan { stack, .. }
        | Access::ApprovePlan { stack, .. }
        | Access::CarryApproval { stack, .. }
        | Access::OverrideFreeze { stack, .. }
        | Access::CreateStack { stack, .. }) = access
        else {
            return false;
        };
        folded(stack.as_str()) == self.base || self.others.contains(&folded(&access.resource()))
    }
}

/// Whether a stack is called after the control plane, on whichever stage.
pub fn is_own_stack(installation: &Installation, stack: &StackName) -> bool {
    folded(stack.as_str()) == folded(installation.agent.own_stack().as_str())
}

/// A name without case and hyphens: `cc-agent-devops-automation` is `cc-agent-dev-ops-automation`.
fn folded(name: &str) -> String {
    name.chars()
        .filter(|c| *c != '-')
        .map(|c| c.to_ascii_lowercase())
        .collect()
}
