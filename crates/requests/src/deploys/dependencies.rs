//! A stack waits for those that it depends on: it is begun when their open deploys have ended well, and only then.

use std::collections::BTreeMap;

use cc_devops_deploys::order::{Readiness, Standing};
use cc_devops_kernel::names::{FullStackName, StackName};
use cc_devops_kernel::outcome::{Failure, Reason, Status};
use cc_devops_kernel::ports::PortResult;
use jiff::SignedDuration;

use super::kept::{Kept, kept, planned_stack};
use crate::actions::deploy_lambda;
use crate::effects::DeployLambda;
use crate::engine::ControlPlane;
use crate::record::{RequestFilter, RequestHead, RequestRecord};

/// How many requests are asked for at a time.
const PAGE: usize = 100;

/// How many deploys are looked through at most, the newest first.
const MOST_DEPLOYS: usize = 1_000;

/// How long a deploy is left that waits for others.
pub(super) const LOOK_AGAIN: SignedDuration = SignedDuration::from_secs(5);

/// Whether a deploy can be begun.
pub(super) enum Begins {
    Now,
    Later,
    Never(Failure),
}

impl ControlPlane {
    /// Whether the stacks that a deploy's stack depends on let it begin.
    pub(super) async fn dependencies(&self, head: &RequestHead, deploy: &DeployLambda) -> PortResult<Begins> {
        let order = &self.settings.deploys.order;
        let needed: Vec<&StackName> = order.dependencies(&deploy.stack).collect();
        if needed.is_empty() {
            return Ok(Begins::Now);
        }
        let (mut standings, mut others) = (BTreeMap::new(), Vec::new());
        for stack in needed {
            let full = stack.on(&deploy.stage);
            if self.has_open_plan(&full).await? {
                standings.insert(stack.clone(), Standing::GoesOn);
            } else {
                others.push((stack.clone(), full));
            }
        }
        if !others.is_empty() {
            let deploys = self.newest_deploys(head).await?;
            let others = others.into_iter();
            standings.extend(others.map(|(stack, full)| (stack, standing(&deploys, &full, head))));
        }
        Ok(match order.ready(&deploy.stack, &standings) {
            Readiness::Ready => Begins::Now,
            Readiness::Waits(_) => Begins::Later,
            Readiness::Blocked(stacks) => {
                let names: Vec<String> = stacks.iter().map(|stack| stack.on(&deploy.stage).to_string()).collect();
                Begins::Never(Failure::new(
                    Reason::MissingDependency,
                    format!(
                        "stack {} depends on {}, whose deploy it waited for and which did not end well; nothing was done: \
                         send the deploy again when that is mended",
                        deploy.full_name(),
                        names.join(", ")
                    ),
                ))
            }
        })
    }

    async fn has_open_plan(&self, stack: &FullStackName) -> PortResult<bool> {
        let state = &*self.ports.state;
        let (_, planned) = planned_stack(state, stack).await?;
        let Some(id) = planned.plan else { return Ok(false) };
        let found = kept(state, &id).await?;
        Ok(found.is_some_and(|(_, kept)| matches!(kept, Kept::Plan(record) if !record.state.has_ended())))
    }

    /// The newest deploys that may have been open when this one arrived, but for itself.
    async fn newest_deploys(&self, head: &RequestHead) -> PortResult<Vec<RequestRecord>> {
        let longest = self.longest_open();
        let filter = RequestFilter {
            action: Some(deploy_lambda::ACTION.name.to_owned()),
            since: head.received_at.saturating_sub(longest).ok(),
            ..RequestFilter::default()
        };
        let mut deploys = Vec::new();
        let mut before = None;
        while deploys.len() < MOST_DEPLOYS {
            let page = self.ports.ledger.list(&filter, before, PAGE).await?;
            deploys.extend(page.items.into_iter().filter(|record| record.head.id != head.id));
            before = page.next;
            if before.is_none() {
                break;
            }
        }
        Ok(deploys)
    }
}

/// How the deploys of a stack stand for one that arrived after some and before others: those that had ended before it
/// arrived are none that it waited for.
fn standing(deploys: &[RequestRecord], stack: &FullStackName, head: &RequestHead) -> Standing {
    let own = || {
        deploys
            .iter()
            .filter(|record| record.head.resource.as_deref() == Some(stack.as_str()))
    };
    if own().any(|record| record.completed.is_none()) {
        return Standing::GoesOn;
    }
    let last = own()
        .filter_map(|record| record.completed.as_ref())
        .filter(|completed| !is_plan_alone(completed.result.as_ref()))
        .max_by_key(|completed| completed.timestamp);
    match last {
        Some(completed) if completed.status == Status::Success => Standing::EndedWell,
        Some(completed) if completed.timestamp >= head.received_at => Standing::EndedBadly,
        Some(_) | None => Standing::Unknown,
    }
}

/// Whether nothing was to be carried out.
pub(crate) fn is_plan_alone(result: Option<&serde_json::Value>) -> bool {
    result
        .and_then(|result| result.get("action"))
        .and_then(serde_json::Value::as_str)
        == Some("planned")
}
