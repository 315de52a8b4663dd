//! The description of the API: what every operation has in common is added here, once.

use cc_devops_requests::actions::Registry;
use cc_devops_requests::cost_reports;
use cc_devops_requests::envelope::REQUEST_DETAIL_TYPE;
use serde_json::{Value, json};
use utoipa::openapi::path::{Operation, PathItem, Paths};
use utoipa::openapi::security::{HttpAuthScheme, HttpBuilder, SecurityRequirement, SecurityScheme};
use utoipa::openapi::{ComponentsBuilder, InfoBuilder, OpenApi, OpenApiBuilder, Ref, RefOr, Response};
use utoipa::{PartialSchema, ToSchema};

use crate::wire::{ProblemBody, ReasonCode};

/// The refusals an operation may answer: status, component, description.
const REFUSALS: [(&str, &str, &str); 14] = [
    ("400", "Malformed", "The request cannot be read"),
    ("401", "Unauthenticated", "The token is missing, wrong or revoked"),
    (
        "403",
        "Denied",
        "No policy permits it, or a page of another origin asks for it",
    ),
    (
        "404",
        "NotFound",
        "There is no such thing, or it is not the caller's to see",
    ),
    ("409", "Conflict", "It exists already, or somebody else was faster"),
    ("413", "TooLarge", "The body is too large"),
    ("415", "NotJson", "The body is declared as something other than JSON"),
    ("421", "Misdirected", "The header `Host` names another server"),
    ("422", "Invalid", "The request can be read, but breaks a rule"),
    (
        "429",
        "TooMany",
        "The caller sends more than it may, or has as much under way as it may",
    ),
    ("500", "Fault", "A fault of the control plane's own"),
    (
        "503",
        "Unavailable",
        "Overloaded, or something the control plane needs is out of reach; try again",
    ),
    ("504", "TimedOut", "The answer did not come in time"),
    ("507", "Full", "The store is full"),
];

/// The document before any route is in it.
pub(crate) fn start() -> OpenApi {
    let bearer = HttpBuilder::new()
        .scheme(HttpAuthScheme::Bearer)
        .description(Some("An agent's token, `ccd_` and 64 hex digits"));
    let mut components = ComponentsBuilder::new().security_scheme("bearer", SecurityScheme::Http(bearer.build()));
    components = components.schema("Problem", ProblemBody::schema());
    components = components.schema("Reason", ReasonCode::schema());
    let info = InfoBuilder::new()
        .title("cc-devops")
        .version(env!("CARGO_PKG_VERSION"))
        .description(Some(
            "The control plane of the agents: requests, their outcomes, secrets and heartbeats. \
             Errors are problem details (RFC 9457).",
        ));
    OpenApiBuilder::new()
        .info(info.build())
        .components(Some(components.build()))
        .build()
}

/// Adds what follows from whether a route needs a token, and from its parameters: security and refusals.
pub(crate) fn complete(paths: &mut Paths, needs_token: bool) {
    for item in paths.paths.values_mut() {
        let several = operations(item).count() > 1;
        for (method, operation) in operations(item) {
            let changes = !matches!(method, "get" | "head");
            // One handler of several methods gives each of them its own name.
            if several && let Some(id) = &mut operation.operation_id {
                *id = format!("{id}_{method}");
            }
            if needs_token {
                operation.security = Some(vec![SecurityRequirement::new("bearer", [""; 0])]);
            }
            for status in refusals(operation, needs_token, changes) {
                let Some((_, name, _)) = REFUSALS.iter().find(|(known, _, _)| *known == status) else {
                    continue;
                };
                let responses = &mut operation.responses.responses;
                let refusal = RefOr::<Response>::Ref(Ref::from_response_name(*name));
                responses.entry(status.to_owned()).or_insert(refusal);
            }
        }
    }
}

fn operations(item: &mut PathItem) -> impl Iterator<Item = (&'static str, &mut Operation)> {
    let methods = [
        ("get", &mut item.get),
        ("head", &mut item.head),
        ("post", &mut item.post),
        ("put", &mut item.put),
        ("delete", &mut item.delete),
    ];
    methods
        .into_iter()
        .filter_map(|(method, operation)| Some((method, operation.as_mut()?)))
}

fn refusals(operation: &Operation, needs_token: bool, changes: bool) -> Vec<&'static str> {
    let mut statuses = vec!["421", "500", "503", "504"];
    let body = operation.request_body.is_some();
    if needs_token {
        statuses.extend(["401", "403", "429", "507"]);
    } else if body {
        statuses.push("429");
    } else if operation.tags.iter().flatten().any(|tag| tag == "pings") {
        // Whatever its method, a ping is written.
        statuses.extend(["429", "507"]);
    }
    let parameters = operation.parameters.as_deref().unwrap_or_default();
    if body || !parameters.is_empty() {
        statuses.extend(["400", "422"]);
    }
    if parameters.iter().any(in_path) {
        statuses.push("404");
    }
    if body {
        statuses.extend(["413", "415"]);
    }
    if changes {
        // A page of another origin.
        statuses.push("403");
        statuses.push("409");
    }
    statuses
}

fn in_path(parameter: &RefOr<utoipa::openapi::path::Parameter>) -> bool {
    match parameter {
        RefOr::T(parameter) => matches!(parameter.parameter_in, utoipa::openapi::path::ParameterIn::Path),
        RefOr::Ref(_) => false,
    }
}

/// The finished document: the common answers, the body that has two forms, and plain parameter
/// names where the router has its own notation. What requests may ask for comes from the registry.
pub(crate) fn finish(document: &OpenApi, registry: &Registry) -> Value {
    let mut document = serde_json::to_value(document).unwrap_or_default();
    if let Some(paths) = document.get_mut("paths").and_then(Value::as_object_mut) {
        let renamed = std::mem::take(paths).into_iter();
        paths.extend(renamed.map(|(path, item)| (path.replace("{*", "{"), item)));
    }
    if let Some(components) = document.get_mut("components").and_then(Value::as_object_mut) {
        let responses: serde_json::Map<String, Value> = REFUSALS
            .iter()
            .map(|(status, name, description)| ((*name).to_owned(), refusal(status, description)))
            .collect();
        components.insert("responses".to_owned(), Value::Object(responses));
        if let Some(schemas) = components.get_mut("schemas").and_then(Value::as_object_mut) {
            schemas.insert("RequestEvent".to_owned(), request_event(registry));
            let of_actions = registry
                .actions()
                .map(|action| (params_name(action.name), action.params_schema()));
            schemas.extend(of_actions);
            schemas.insert("EventsBody".to_owned(), events_body());
        }
    }
    document
}

fn refusal(status: &str, description: &str) -> Value {
    let mut response = json!({
        "description": description,
        "content": {"application/problem+json": {"schema": {"$ref": "#/components/schemas/Problem"}}},
    });
    let header = match status {
        "401" => Some(("WWW-Authenticate", json!({"schema": {"type": "string"}}))),
        "429" => Some((
            "Retry-After",
            json!({"required": true, "description": "Seconds to wait", "schema": {"type": "integer", "minimum": 1}}),
        )),
        "503" => Some((
            "Retry-After",
            json!({"description": "Seconds to wait", "schema": {"type": "integer", "minimum": 1}}),
        )),
        _ => None,
    };
    if let (Some((name, header)), Some(response)) = (header, response.as_object_mut()) {
        response.insert("headers".to_owned(), json!({name: header}));
    }
    response
}

/// The body of `POST /v1/events`; its schema is written by hand in [`finish`].
pub(crate) struct EventsBody;

impl PartialSchema for EventsBody {
    fn schema() -> RefOr<utoipa::openapi::schema::Schema> {
        RefOr::T(utoipa::openapi::schema::Schema::default())
    }
}

impl ToSchema for EventsBody {}

fn events_body() -> Value {
    json!({
        "description": "One event, or an array of 1 to 10. An entry of an array that cannot be read is answered in \
                        its place and does not hold up the others.",
        "anyOf": [
            {"$ref": "#/components/schemas/RequestEvent"},
            {"type": "array", "minItems": 1, "maxItems": 10, "items": {
                "description": "As a single event; what is wrong with it comes in its entry of the answer.",
            }},
        ],
    })
}

/// The component that describes an action's parameters.
fn params_name(action: &str) -> String {
    format!("params.{action}")
}

/// The parameters: those of one of the actions. Whatever else comes is taken, and refused in its outcome.
fn params(registry: &Registry) -> Value {
    let of_actions = registry.actions().map(|action| {
        let name = params_name(action.name);
        json!({"$ref": format!("#/components/schemas/{name}")})
    });
    let anything = json!({"description": "Anything else; it is refused in the request's outcome."});
    json!({
        "description": "An object: the action's parameters. A secret's value may come sealed, as `sealedValue` with \
                        `keyId` in `value`'s place; `GET /v1/sealing-key` tells the key.",
        "anyOf": of_actions.chain([anything]).collect::<Vec<_>>(),
    })
}

/// Only what makes an event readable is demanded here: a request that can be read is accepted, and
/// what else is wrong with it comes as its outcome.
fn request_event(registry: &Registry) -> Value {
    let action = format!("A string: {}.", registry.names_in_words());
    json!({
        "description": "An EventBridge envelope. A request that can be read is accepted; what else is wrong with it \
                        comes as its outcome. Fields not named here are let pass.",
        "type": "object",
        "required": ["source", "detail-type", "detail"],
        "properties": {
            "source": {
                "description": "`agent.` and the name of the agent the token belongs to.",
                "type": "string",
                "pattern": r"^agent\.[A-Za-z][A-Za-z0-9_-]{0,63}$",
            },
            "detail-type": {
                "description": "`cost.reported` is read as a request of `reportCost`, whose parameters are its detail's.",
                "type": "string",
                "enum": [REQUEST_DETAIL_TYPE, cost_reports::DETAIL_TYPE],
            },
            "detail": {
                "type": "object",
                "required": ["requestId"],
                "properties": {
                    "requestId": {
                        "description": "The idempotency key; each request its own.",
                        "type": "string",
                        "minLength": 1,
                        "maxLength": 128,
                        "pattern": r"^[^\u0000-\u001f\u007f-\u009f]+$",
                    },
                    "action": {"description": action},
                    "stage": {"description": "A string: where to; the installation's first stage without."},
                    "params": params(registry),
                    "payload": {"description": "Another name for `params`."},
                    "requestedBy": {"description": "A string: the asking agent's name; it must agree with `source`."},
                    "ts": {"description": "A string: an RFC 3339 time."},
                    "agent": {"description": "A string: this control plane's own name."},
                },
            },
        },
        "examples": [{
            "source": "agent.ContentOrchestrator",
            "detail-type": "devops.request",
            "detail": {
                "requestId": "b1946ac9-2f6e-4f4e-9d5c-0c6a1f6f2a11",
                "action": "putSecret",
                "params": {"name": "/contentcraft/contentorchestrator/api-key", "value": "…"},
                "requestedBy": "ContentOrchestrator",
            },
        }],
    })
}

/// The body of `/health`, as the wire contract has it.
#[derive(ToSchema)]
#[schema(as = Health)]
#[expect(
    dead_code,
    reason = "describes what the domains serialise; a test holds them together"
)]
pub(crate) struct HealthBody {
    /// Healthy when every check is.
    status: ConditionName,
    /// This control plane's agent name.
    agent: String,
    /// Its version.
    version: String,
    /// What it can do.
    capabilities: Vec<String>,
    /// How it behaves.
    mode: ModeName,
    /// Each dependency.
    checks: Vec<CheckBody>,
    /// Where the audit trail ends, for those who may know what is wrong; absent where it has several chains.
    #[schema(rename = "auditHead", nullable = false)]
    audit_head: Option<MarkBody>,
    /// When this was found out.
    #[schema(value_type = String, format = DateTime)]
    timestamp: String,
}

#[derive(ToSchema)]
#[schema(as = AuditMark)]
#[expect(dead_code, reason = "describes what the domains serialise")]
pub(crate) struct MarkBody {
    /// The row's place, from 1.
    seq: i64,
    /// The row's hash, in hex.
    hash: String,
}

#[derive(ToSchema)]
#[schema(as = Check)]
#[expect(dead_code, reason = "describes what the domains serialise")]
pub(crate) struct CheckBody {
    /// What was checked.
    name: String,
    /// Whether it works.
    status: ConditionName,
    /// What is wrong and what to do; absent when it works.
    #[schema(nullable = false)]
    message: Option<String>,
}

#[derive(ToSchema)]
#[schema(rename_all = "lowercase")]
#[expect(dead_code, reason = "describes what the domains serialise")]
enum ConditionName {
    Healthy,
    Degraded,
}

#[derive(ToSchema)]
#[schema(rename_all = "lowercase")]
#[expect(dead_code, reason = "describes what the domains serialise")]
enum ModeName {
    Normal,
    Maintenance,
}
