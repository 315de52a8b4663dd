//! The shapes of plans, of what was decided of them, and of what was deployed.

use std::collections::{BTreeMap, BTreeSet};

use cc_devops_deploys::{About, Approval, Decided, FreezeOverride, PlanRecord, PlanState, Row, Summary};
use cc_devops_requests::deploys::{Deployed, Plan};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// A page of plans, newest first.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct DeployPage {
    /// The plans that the caller may see.
    pub(crate) deploys: Vec<DeployView>,
    /// What to send as `before` for the next page; null at the end.
    #[schema(required)]
    pub(crate) next: Option<String>,
}

/// A deploy that was planned.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = Deploy)]
pub(crate) struct DeployView {
    /// Its name.
    #[schema(pattern = "^plan-[0-9a-f]{24}$")]
    plan: String,
    /// What stands for all that it changes: an approval is good for this and nothing else.
    #[schema(pattern = "^[0-9a-f]{64}$")]
    digest: String,
    /// The request that it is of.
    request_id: String,
    /// The stack with its stage.
    stack: String,
    /// The stack without its stage.
    stack_name: String,
    /// The stage.
    stage: String,
    /// How it stands.
    #[schema(value_type = PlanStateName)]
    state: PlanState,
    /// Who asked for it.
    requested_by: String,
    /// When it was made.
    #[schema(value_type = String, format = DateTime)]
    made_at: Timestamp,
    /// Until when it can be approved.
    #[schema(value_type = String, format = DateTime)]
    expires_at: Timestamp,
    /// What it changes, summed up.
    #[schema(value_type = SummaryBody)]
    summary: Summary,
    /// Whether nobody knows what it changes.
    unplanned: bool,
    /// Whether it makes the stack.
    first_creation: bool,
    /// Who approved it.
    #[schema(value_type = Vec<ApprovalBody>)]
    approvals: Vec<Approval>,
    /// That it may run in a freeze.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = FreezeOverrideBody, required = false)]
    freeze_override: Option<FreezeOverride>,
    /// The freeze that it waits for, as a sentence.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    frozen: Option<String>,
    /// How it came to its end without being carried out.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = DecidedBody, required = false)]
    decided: Option<Decided>,
    /// The policies that let it be carried out.
    policies: Vec<String>,
    /// When it was begun to be carried out.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = String, format = DateTime, required = false)]
    begun_at: Option<Timestamp>,
    /// When it came to its end.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = String, format = DateTime, required = false)]
    ended_at: Option<Timestamp>,
}

impl From<PlanRecord> for DeployView {
    fn from(record: PlanRecord) -> Self {
        Self {
            plan: record.id.to_string(),
            digest: record.digest.to_string(),
            request_id: record.request.into(),
            stack: record.stack.to_string(),
            stack_name: record.stack_name.into(),
            stage: record.stage.into(),
            state: record.state,
            requested_by: record.requested_by.into(),
            made_at: record.made_at,
            expires_at: record.expires_at,
            summary: record.summary,
            unplanned: record.unplanned,
            first_creation: record.first_creation,
            approvals: record.approvals,
            freeze_override: record.freeze_override,
            frozen: record.frozen,
            decided: record.decided,
            policies: record.policies,
            begun_at: record.begun_at,
            ended_at: record.ended_at,
        }
    }
}

/// A plan with all that its approver is shown.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct DeployDetails {
    #[serde(flatten)]
    deploy: DeployView,
    /// What it changes, in the form of a plan file: a row for each resource.
    #[schema(value_type = Vec<ChangeBody>)]
    changes: Vec<Row>,
    /// What the stack's own command wrote, where that is a text and no plan file.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    text: Option<String>,
    /// What else the approver is to know, as sentences.
    notes: Vec<String>,
    /// What it is carried out with: parameters, tags, what the template may do, the role, what rolls it back. Values that
    /// are or may hold a secret are hidden.
    #[schema(value_type = Object)]
    about: About,
}

impl From<Plan> for DeployDetails {
    fn from(plan: Plan) -> Self {
        let Plan {
            mut record,
            rows,
            text,
            about,
        } = plan;
        let notes = std::mem::take(&mut record.notes);
        Self {
            deploy: record.into(),
            changes: rows,
            text,
            notes,
            about,
        }
    }
}

/// How a plan stands.
#[derive(ToSchema)]
#[schema(as = PlanState, rename_all = "snake_case")]
#[expect(
    dead_code,
    reason = "describes what the domains serialise; a test holds them together"
)]
pub(crate) enum PlanStateName {
    /// It waits for approval, or for a freeze to end.
    Waiting,
    /// It is being carried out.
    Applying,
    /// It was carried out.
    Applied,
    /// It was begun, and failed.
    Failed,
    /// Somebody denied it, or no policy could ever permit it.
    Denied,
    /// It was not approved in time.
    Expired,
    /// A newer plan of the same stack took its place.
    Superseded,
    /// The stack, or what would have run, was changed by somebody else meanwhile.
    Moved,
    /// Nothing was to be carried out.
    Shown,
}

/// By which door somebody decided.
#[derive(ToSchema)]
#[schema(as = Door, rename_all = "lowercase")]
#[expect(dead_code, reason = "describes what the domains serialise")]
pub(crate) enum DoorName {
    /// The HTTP API, which the command line uses too.
    Api,
    /// A button in Slack.
    Slack,
    /// The dashboard.
    Dashboard,
}

/// One person's approval.
#[derive(ToSchema)]
#[schema(as = Approval, rename_all = "camelCase")]
#[expect(dead_code, reason = "describes what the domains serialise")]
pub(crate) struct ApprovalBody {
    /// Who.
    by: String,
    /// When.
    #[schema(value_type = String, format = DateTime)]
    at: Timestamp,
    /// By which door.
    door: DoorName,
    /// For what.
    #[schema(pattern = "^[0-9a-f]{64}$")]
    digest: String,
    /// What was said with it.
    #[schema(nullable = false)]
    comment: Option<String>,
    /// The plan that it was given for, where it was carried over from another of the same digest.
    #[schema(nullable = false)]
    carried_from: Option<String>,
}

/// How a plan that was not carried out came to its end.
#[derive(ToSchema)]
#[schema(as = Decided, rename_all = "camelCase")]
#[expect(dead_code, reason = "describes what the domains serialise")]
pub(crate) struct DecidedBody {
    /// Who decided; absent where it was nobody: time, a newer plan, the policies.
    #[schema(nullable = false)]
    by: Option<String>,
    /// By which door, where it was somebody.
    #[schema(value_type = DoorName, required = false)]
    door: Option<DoorName>,
    /// When.
    #[schema(value_type = String, format = DateTime)]
    at: Timestamp,
    /// Why, as a sentence.
    reason: String,
}

/// That a plan may run in a freeze.
#[derive(ToSchema)]
#[schema(as = FreezeOverride, rename_all = "camelCase")]
#[expect(dead_code, reason = "describes what the domains serialise")]
pub(crate) struct FreezeOverrideBody {
    /// Who said so.
    by: String,
    /// When.
    #[schema(value_type = String, format = DateTime)]
    at: Timestamp,
    /// Why.
    reason: String,
}

/// What a plan changes, summed up, as policies are told it.
#[derive(ToSchema)]
#[schema(as = PlanSummary, rename_all = "camelCase")]
#[expect(dead_code, reason = "describes what the domains serialise")]
#[expect(
    clippy::struct_excessive_bools,
    reason = "each is a fact of its own that policies speak of"
)]
pub(crate) struct SummaryBody {
    /// Resources that are made.
    adds: u32,
    /// Resources that are changed.
    modifies: u32,
    /// Resources that leave the stack.
    removes: u32,
    /// Resources that are or may be replaced.
    replacements: u32,
    /// Whether one that holds data is replaced, whatever is kept of it.
    replaces_stateful: bool,
    /// Whether one that holds data leaves the stack and is not retained.
    deletes_stateful: bool,
    /// Whether one that holds data may be replaced.
    maybe_replaces_stateful: bool,
    /// Whether data goes, or may go.
    loses_stateful: bool,
    /// Whether somebody's rights change.
    changes_iam: bool,
    /// Whether something was changed past its template.
    drifted: bool,
    /// Whether a failure would not be rolled back.
    express: bool,
    /// Whether something could not be read or classified.
    unknown_change: bool,
    /// The types of what is changed.
    resource_types: BTreeSet<String>,
}

/// A resource that a plan changes.
#[derive(ToSchema)]
#[schema(as = Change, rename_all = "camelCase")]
#[expect(dead_code, reason = "describes what the domains serialise")]
#[expect(clippy::struct_excessive_bools, reason = "each is a fact of its own")]
pub(crate) struct ChangeBody {
    /// Logical ids from the root, joined by `/`: the only one of its plan.
    path: String,
    /// What is done: `Add`, `Modify`, `Remove`, or another word of CloudFormation's, which nobody has classified.
    action: String,
    /// The resource's name in its template.
    logical_id: String,
    /// The provider's own name of it.
    #[schema(nullable = false)]
    physical_id: Option<String>,
    /// Its type.
    resource_type: String,
    /// Whether another takes its place: the worst of all signals.
    replacement: ReplacementName,
    /// Why it is or may be replaced, as properties' names.
    #[schema(required = false)]
    why: Vec<String>,
    /// What becomes of the one that goes, in CloudFormation's word.
    #[schema(nullable = false)]
    policy_action: Option<String>,
    /// Whether it holds data.
    stateful: bool,
    /// Whether its data goes, or may go.
    lost: bool,
    /// Whether it changes whose rights something runs with.
    iam: bool,
    /// Whether somebody changed it past its template.
    drifted: bool,
    /// The paths of properties whose values are hidden.
    masked: Vec<String>,
    /// What changes in it.
    properties: Vec<PropertyBody>,
}

/// Whether another resource takes the place of one.
#[derive(ToSchema)]
#[schema(as = Replacement, rename_all = "lowercase")]
#[expect(dead_code, reason = "describes what the domains serialise")]
pub(crate) enum ReplacementName {
    /// It stays.
    No,
    /// That is known only when it is done.
    Maybe,
    /// It is replaced.
    Yes,
}

/// A property before and after.
#[derive(ToSchema)]
#[schema(as = PropertyChange, rename_all = "camelCase")]
#[expect(dead_code, reason = "describes what the domains serialise")]
pub(crate) struct PropertyBody {
    /// Where it is.
    path: String,
    /// What it was; absent where it was not there, is not known, or is hidden.
    #[schema(nullable = false)]
    before: Option<String>,
    /// What it will be, likewise.
    #[schema(nullable = false)]
    after: Option<String>,
    /// Whether its values are hidden, because they are or may hold a secret.
    #[schema(required = false)]
    masked: bool,
}

/// An approval of exactly what a digest stands for.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Approving {
    /// The digest of the plan as it was looked at, all 64 digits of it.
    #[schema(pattern = "^[0-9a-f]{64}$")]
    pub(crate) digest: String,
    /// What to say with it.
    #[schema(min_length = 1, max_length = 1000)]
    pub(crate) comment: Option<String>,
}

/// Why something is done.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Reasoned {
    /// Why. It holds something that can be seen.
    #[schema(
        min_length = 1,
        max_length = 1000,
        pattern = r"[^\u0000-\u0020\u007f-\u00a0\u061c\u1680\u2000-\u200a\u200e\u200f\u2028-\u202f\u205f\u2066-\u2069\u3000]"
    )]
    pub(crate) reason: String,
}

/// A stack is to be as its last good deploy before this one left it.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct RollingBack {
    /// Parameters that are to have other values than at that deploy.
    #[serde(default)]
    #[schema(required = false)]
    pub(crate) parameters: BTreeMap<String, String>,
}

/// What was deployed to one stage is to be deployed to another.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Promoting {
    /// The stage whose template is taken.
    #[schema(pattern = "^[a-z][a-z0-9-]{0,31}$")]
    pub(crate) from: String,
    /// The stage it is deployed to.
    #[schema(pattern = "^[a-z][a-z0-9-]{0,31}$")]
    pub(crate) to: String,
}

/// What was deployed to a stack.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct DeployedList {
    /// The stack with its stage.
    pub(crate) stack: String,
    /// Its deploys, newest first.
    pub(crate) deploys: Vec<DeployedView>,
}

/// A deploy that was carried out.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = Deployed)]
pub(crate) struct DeployedView {
    /// The plan.
    plan: String,
    /// What was carried out.
    #[schema(pattern = "^[0-9a-f]{64}$")]
    digest: String,
    /// The request.
    request_id: String,
    /// The stack with its stage.
    stack: String,
    /// The stage.
    stage: String,
    /// Who asked for it.
    requested_by: String,
    /// Who approved it.
    approvers: Vec<String>,
    /// SHA-256 of the template, where there was one.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    template_digest: Option<String>,
    /// When it was begun.
    #[schema(value_type = String, format = DateTime)]
    begun_at: Timestamp,
    /// When it had ended.
    #[schema(value_type = String, format = DateTime)]
    ended_at: Timestamp,
    /// Milliseconds from its begin to its end.
    took_ms: u64,
    /// Whether it ended well.
    succeeded: bool,
    /// Why it did not, as a sentence.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    error: Option<String>,
}

impl From<Deployed> for DeployedView {
    fn from(deployed: Deployed) -> Self {
        Self {
            plan: deployed.plan.to_string(),
            digest: deployed.digest.to_string(),
            request_id: deployed.request.into(),
            stack: deployed.stack.to_string(),
            stage: deployed.stage.into(),
            requested_by: deployed.requested_by.into(),
            approvers: deployed.approvers.into_iter().map(String::from).collect(),
            template_digest: deployed.template_digest,
            begun_at: deployed.begun_at,
            ended_at: deployed.ended_at,
            took_ms: deployed.took_ms,
            succeeded: deployed.succeeded,
            error: deployed.error,
        }
    }
}
