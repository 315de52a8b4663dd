//! The shapes of the API's bodies, as they are sent and as `/openapi.json` describes them. Nothing
//! here holds a request's parameters.

mod alerts;
mod dashboard;
mod deploys;
mod fleet;
mod freezes;
mod keys;
mod revenue;
mod webhooks;

use cc_devops_deploys::PlanRecord;
use cc_devops_kernel::events::EventBody;
use cc_devops_kernel::events::LoggedEvent;
use cc_devops_kernel::outcome::{Completed, Reason};
use cc_devops_kernel::work::Progress;
use cc_devops_requests::record::{RequestRecord, RequestState};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;
use utoipa::openapi::schema::{AnyOfBuilder, ObjectBuilder, Schema};
use utoipa::openapi::{Ref, RefOr};
use utoipa::{PartialSchema, ToSchema};

pub(crate) use alerts::{
    Acknowledging, AlertDetails, AlertPage, AlertView, MaintenanceView, NewMaintenance, NewSilence, SilenceList,
    SilenceView,
};
pub(crate) use dashboard::SessionLinkView;
pub(crate) use deploys::{
    Approving, DeployDetails, DeployPage, DeployView, DeployedList, DeployedView, PlanStateName, Promoting, Reasoned,
    RollingBack,
};
pub(crate) use fleet::{AgentList, AgentView, Heartbeat, HistoryView, SealingKeyView, SecretView};
pub(crate) use freezes::FreezeList;
pub(crate) use keys::{AccessKeyList, AccessKeyView, NewAccessKey, ShortLivedKeyView};
pub(crate) use revenue::{DayPage, DayView, KindName, MovementPage, MovementView};
pub(crate) use webhooks::{
    AddedWebhook, DeadLetterPage, DeadLetterView, NewWebhook, Replayed, WebhookList, WebhookView,
};

/// An accepted request.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Accepted {
    /// The request; its outcome comes as a `devops.completed` event.
    pub(crate) request_id: String,
    /// That the request is durable.
    pub(crate) status: AcceptedStatus,
}

/// That a request is durable.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub(crate) enum AcceptedStatus {
    /// It is.
    Accepted,
}

/// Why one entry of an array was not taken.
#[derive(Debug, Serialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Refused {
    pub(crate) status: RefusedStatus,
    /// The code.
    #[schema(value_type = ReasonCode)]
    pub(crate) reason: Reason,
    /// A sentence a person can act on.
    pub(crate) error: String,
}

/// That an entry was not taken.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub(crate) enum RefusedStatus {
    /// It was not.
    Error,
}

/// What became of one entry.
#[derive(Debug, Serialize, ToSchema)]
#[serde(untagged)]
pub(crate) enum Entry {
    /// It ended, and its outcome was waited for.
    #[schema(value_type = CompletedDetail)]
    Completed(Box<Completed>),
    /// It is durable.
    Accepted(Accepted),
    /// It cannot be read, or could not be stored.
    Refused(Refused),
}

/// What became of an array's entries, in its order.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Entries {
    #[schema(min_items = 1, max_items = 10)]
    pub(crate) entries: Vec<Entry>,
}

/// The `detail` of `devops.completed`.
#[derive(ToSchema)]
#[schema(as = Completed, rename_all = "camelCase")]
#[expect(
    dead_code,
    reason = "describes what the domains serialise; a test holds them together"
)]
pub(crate) struct CompletedDetail {
    /// The request; `unknown` where it could not be read.
    request_id: String,
    /// The action as it was asked for; `unknown` where it could not be read.
    action: String,
    /// Whether it succeeded.
    status: OutcomeStatus,
    /// On success, what the action answers.
    #[schema(nullable = false)]
    result: Option<serde_json::Map<String, serde_json::Value>>,
    /// On error, a sentence a person can act on.
    #[schema(nullable = false)]
    error: Option<String>,
    /// On error, the code.
    #[schema(nullable = false)]
    reason: Option<ReasonCode>,
    /// Milliseconds from the request's arrival to its outcome.
    latency_ms: u64,
    /// The asking agent.
    requested_by: String,
    /// When the outcome was reached.
    #[schema(value_type = String, format = DateTime)]
    timestamp: Timestamp,
    /// Of a deploy that was planned: what was decided of its plan.
    #[schema(nullable = false)]
    approval: Option<ApprovalOutcomeBody>,
}

/// What was decided of a plan.
#[derive(ToSchema)]
#[schema(as = ApprovalOutcome, rename_all = "camelCase")]
#[expect(dead_code, reason = "describes what the domains serialise")]
pub(crate) struct ApprovalOutcomeBody {
    /// The plan.
    plan: String,
    /// Its digest.
    #[schema(pattern = "^[0-9a-f]{64}$")]
    digest: String,
    /// What was decided.
    state: ApprovalStateName,
    /// Who approved it.
    approvers: Vec<String>,
}

/// What can be decided of a plan.
#[derive(ToSchema)]
#[schema(as = ApprovalState, rename_all = "snake_case")]
#[expect(dead_code, reason = "describes what the domains serialise")]
pub(crate) enum ApprovalStateName {
    /// It was approved.
    Approved,
    /// Somebody denied it, or the policies do.
    Denied,
    /// Nobody decided in time.
    Expired,
    /// A newer plan of the stack took its place.
    Superseded,
    /// The stack or what would have run was changed meanwhile.
    Moved,
    /// No approval was asked for.
    NotNeeded,
}

/// Whether a request succeeded.
#[derive(ToSchema, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum OutcomeStatus {
    /// Carried out.
    Success,
    /// Not carried out.
    Error,
}

/// Why a request failed.
#[derive(ToSchema)]
#[schema(as = Reason, rename_all = "snake_case")]
#[expect(
    dead_code,
    reason = "describes the domains' codes, where they are explained; a test holds them together"
)]
pub(crate) enum ReasonCode {
    SchemaValidationFailed,
    UnsupportedAction,
    MissingParameter,
    InvalidParameter,
    SecurityViolation,
    RequestIdConflict,
    MissingDependency,
    StackNotFound,
    StackInProgress,
    DeployFailed,
    ApiError,
    Timeout,
    InternalError,
}

/// Problem details, RFC 9457.
#[derive(ToSchema)]
#[schema(as = Problem, rename_all = "camelCase")]
#[expect(dead_code, reason = "describes what the problem module writes")]
pub(crate) struct ProblemBody {
    /// Always `about:blank`: the title says what the status means.
    r#type: String,
    /// The status in words.
    title: String,
    /// The HTTP status.
    #[schema(minimum = 400, maximum = 599)]
    status: u16,
    /// A sentence a person can act on.
    detail: String,
    /// The code, where one applies.
    #[schema(nullable = false)]
    reason: Option<ReasonCode>,
    /// The request, where there is one.
    #[schema(nullable = false)]
    request_id: Option<String>,
}

/// A request as it stands.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = Request)]
pub(crate) struct RequestView {
    /// The idempotency key.
    request_id: String,
    /// Whom the request is for.
    agent: String,
    /// Who was proven to ask.
    principal: String,
    /// The action as it was asked for.
    action: String,
    /// The stage as it was asked for.
    stage: String,
    /// The secret or stack, once that is known to be one.
    #[schema(required)]
    resource: Option<String>,
    /// Where it stands.
    #[schema(value_type = StateName)]
    state: RequestState,
    /// How often it was tried.
    attempts: u32,
    /// How far it is, while it is carried out and says so.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    progress: Option<ProgressView>,
    /// What it waits for, where that is a person or the end of a freeze.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = WaitingForName, required = false)]
    waiting_for: Option<&'static str>,
    /// The plan that waits.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    plan: Option<String>,
    /// Until when it waits.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = String, format = DateTime, required = false)]
    expires_at: Option<Timestamp>,
    /// When it arrived.
    #[schema(value_type = String, format = DateTime)]
    received_at: Timestamp,
    /// Its outcome, once it has one.
    #[schema(required, value_type = Option<CompletedDetail>)]
    completed: Option<Completed>,
    /// What its effect printed, bounded and redacted.
    #[schema(required)]
    output: Option<String>,
}

/// What a request can wait for.
#[derive(ToSchema)]
#[schema(as = WaitingFor, rename_all = "lowercase")]
#[expect(dead_code, reason = "describes what is written")]
pub(crate) enum WaitingForName {
    /// Somebody's approval of its plan, or the end of a freeze.
    Approval,
}

impl RequestView {
    /// The request, while this plan of it waits.
    pub(crate) fn waiting(self, plan: &PlanRecord) -> Self {
        Self {
            waiting_for: Some("approval"),
            plan: Some(plan.id.to_string()),
            expires_at: Some(plan.expires_at),
            ..self
        }
    }
}

/// How far a request is.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Progress)]
pub(crate) struct ProgressView {
    /// How much is done.
    done: u64,
    /// Of how much, as far as it is known.
    of: u64,
    /// What is counted: a plural, as in `repositories`.
    what: String,
}

impl From<Progress> for ProgressView {
    fn from(Progress { done, of, what }: Progress) -> Self {
        Self { done, of, what }
    }
}

/// Where a request stands.
#[derive(Clone, Copy, ToSchema, Deserialize)]
#[serde(rename_all = "lowercase")]
#[schema(as = RequestState)]
pub(crate) enum StateName {
    /// Recorded; nobody works on it yet.
    Received,
    /// Somebody works on it.
    Executing,
    /// Its effect is under way elsewhere.
    Waiting,
    /// It has its outcome; the event is not published yet.
    Completed,
    /// The event is published.
    Published,
}

impl From<RequestRecord> for RequestView {
    fn from(record: RequestRecord) -> Self {
        let head = record.head;
        Self {
            request_id: head.id.into(),
            agent: head.agent.into(),
            principal: head.principal.into(),
            action: head.action,
            stage: head.stage,
            resource: head.resource,
            state: record.state,
            attempts: record.tries,
            progress: record.progress.map(ProgressView::from),
            waiting_for: None,
            plan: None,
            expires_at: None,
            received_at: head.received_at,
            completed: record.completed,
            output: record.output,
        }
    }
}

/// One page of requests, newest first.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct RequestPage {
    pub(crate) requests: Vec<RequestView>,
    /// What to send as `cursor` for the next page; null at the end.
    #[schema(required)]
    pub(crate) next: Option<i64>,
}

/// A published event.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Event)]
pub(crate) struct EventView {
    /// Its place in the log.
    pub(crate) cursor: i64,
    /// Who says it: `devops.automation` for an outcome, `contentcraft.billing` for a day's MRR.
    source: String,
    /// What it is: `devops.completed` for an outcome.
    #[serde(rename = "detail-type")]
    detail_type: String,
    /// When it was published.
    #[schema(value_type = String, format = DateTime)]
    time: Timestamp,
    /// The outcome, or the news.
    #[schema(value_type = EventDetail)]
    detail: Box<RawValue>,
}

/// What an event says: the outcome of a request, or the news of another `detail-type`.
pub(crate) struct EventDetail;

impl PartialSchema for EventDetail {
    fn schema() -> RefOr<Schema> {
        let news = ObjectBuilder::new().description(Some("News of another `detail-type`"));
        let outcome = Ref::from_schema_name(CompletedDetail::name());
        RefOr::T(Schema::AnyOf(AnyOfBuilder::new().item(outcome).item(news).build()))
    }
}

impl ToSchema for EventDetail {
    fn schemas(schemas: &mut Vec<(String, RefOr<Schema>)>) {
        schemas.push((CompletedDetail::name().into_owned(), CompletedDetail::schema()));
        CompletedDetail::schemas(schemas);
    }
}

/// What an event says, as JSON.
pub(crate) fn detail(body: &EventBody) -> Box<RawValue> {
    let text = body.detail().ok();
    text.and_then(|text| RawValue::from_string(text).ok())
        .unwrap_or_else(|| {
            tracing::error!(event = body.key(), "an event's detail is no JSON; null is sent");
            RawValue::NULL.to_owned()
        })
}

impl From<LoggedEvent> for EventView {
    fn from(logged: LoggedEvent) -> Self {
        Self {
            cursor: logged.cursor.0,
            source: logged.event.body.source().to_owned(),
            detail_type: logged.event.body.detail_type().to_owned(),
            time: logged.published_at,
            detail: detail(&logged.event.body),
        }
    }
}

/// One page of events, oldest first.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct EventPage {
    pub(crate) events: Vec<EventView>,
    /// What to send as `after` for what comes next.
    pub(crate) next: i64,
}
