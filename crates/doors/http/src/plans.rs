//! Plans as the API shows them, for who has the store and no server to ask: on AWS functions look after plans, and nobody
//! serves the API.

use cc_devops_deploys::PlanRecord;
use cc_devops_deploys::freeze::Freezes;
use cc_devops_kernel::names::FullStackName;
use cc_devops_kernel::outcome::to_value;
use cc_devops_requests::deploys::{Deployed, Plan, PlanPlace};
use jiff::Timestamp;
use serde_json::Value;

use crate::wire::{DeployDetails, DeployPage, DeployView, DeployedList, DeployedView, FreezeList};

/// A page of plans, as `GET /v1/deploys` answers.
pub fn page(plans: Vec<PlanRecord>, next: Option<&PlanPlace>) -> Value {
    to_value(&DeployPage {
        deploys: plans.into_iter().map(DeployView::from).collect(),
        next: next.map(ToString::to_string),
    })
}

/// How a plan stands, as a decision on it answers.
pub fn standing(record: PlanRecord) -> Value {
    to_value(&DeployView::from(record))
}

/// A plan with all that its approver is to see, as `GET /v1/deploys/{plan}` answers.
pub fn details(plan: Plan) -> Value {
    to_value(&DeployDetails::from(plan))
}

/// What was deployed to a stack, as `GET /v1/stacks/{stack}/deploys` answers.
pub fn deployed(stack: &FullStackName, deploys: Vec<Deployed>) -> Value {
    to_value(&DeployedList {
        stack: stack.to_string(),
        deploys: deploys.into_iter().map(DeployedView::from).collect(),
    })
}

/// The freeze windows as they stand at an instant, as `GET /v1/deploys/freezes` answers.
pub fn freezes(freezes: &Freezes, at: Timestamp) -> Value {
    to_value(&FreezeList::new(freezes, at))
}
