//! Queries over the model, executed against GitHub's whole public schema.

mod code;
mod object;
mod older;
mod people;
mod protection;
mod refusal;
mod repository;
mod security;
mod settings;
mod work;

use std::cell::Cell;
use std::collections::BTreeSet;
use std::io::Read;
use std::sync::LazyLock;

use apollo_compiler::resolvers::Execution;
use apollo_compiler::validation::Valid;
use apollo_compiler::{ExecutableDocument, Schema};
use flate2::read::GzDecoder;
use serde_json::{Value, json};

use self::object::{Args, Object, Val, connection, leaf};
pub(super) use self::people::association;
use super::access::Access;
use super::ids;
use super::model::{Model, Owner};
use super::permission::Permission;

/// Values that GitHub has and its published schema does not yet: after which line, and which.
const NEWER: [(&str, &str); 2] = [
    ("enum RepositoryRuleType {", "COPILOT_CODE_REVIEW"),
    ("enum RepositoryRulesetBypassActorBypassMode {", "EXEMPT"),
];

/// GitHub's public schema. It is not quite valid itself: a type has two fields of one name.
static SCHEMA: LazyLock<Valid<Schema>> = LazyLock::new(|| {
    let packed = include_bytes!("../../data/schema-public.graphql.gz");
    let mut text = String::new();
    GzDecoder::new(&packed[..])
        .read_to_string(&mut text)
        .expect("the schema is packed");
    for (place, value) in NEWER {
        text = text.replacen(place, &format!("{place}\n  {value}"), 1);
    }
    let schema = match Schema::parse(&text, "github.graphql") {
        Ok(schema) => schema,
        Err(mistakes) => mistakes.partial,
    };
    Valid::assume_valid(schema)
});

/// What every object is made from.
#[derive(Clone, Copy)]
pub(super) struct Context<'m> {
    pub(super) model: &'m Model,
    pub(super) access: &'m Access,
    /// How old an issue must be for a search, in seconds.
    pub(super) lag: i64,
    /// How many lists were opened: what a query costs.
    pub(super) lists: &'m Cell<u64>,
}

/// The answer to a query.
pub(super) fn answer(model: &Model, access: &Access, lag: i64, lacks: &BTreeSet<String>, asked: &Value) -> Value {
    let text = asked["query"].as_str().unwrap_or_default();
    let refused = |message: String| json!({"errors": [{"message": message}]});
    let document = match ExecutableDocument::parse_and_validate(&SCHEMA, text, "query.graphql") {
        Ok(document) => document,
        Err(mistakes) => return refused(mistakes.errors.to_string()),
    };
    if let Some(refusal) = older::refusal(&document, lacks) {
        return refusal;
    }
    let variables = serde_json::from_value(asked["variables"].clone()).unwrap_or_default();
    let lists = Cell::new(0);
    let context = Context {
        model,
        access,
        lag,
        lists: &lists,
    };
    let root = query(context);
    let execution = Execution::new(&SCHEMA, &document).raw_variable_values(&variables);
    let execution = match execution.operation_name(asked["operationName"].as_str()) {
        Ok(execution) => execution,
        Err(error) => return refused(error.message().to_string()),
    };
    let answer = match execution.execute_sync(&root) {
        Ok(answer) => serde_json::to_value(&answer).expect("an answer is JSON"),
        Err(error) => return refused(error.message().to_string()),
    };
    with_kinds(answer, lists.get())
}

/// GitHub's errors say of what kind they are; the cost is known when all is answered.
fn with_kinds(mut answer: Value, lists: u64) -> Value {
    for error in answer["errors"].as_array_mut().into_iter().flatten() {
        let message = error["message"].as_str().unwrap_or_default();
        let message = message.trim_start_matches("resolver error: ").to_owned();
        let kind = if message.starts_with("Could not resolve") {
            "NOT_FOUND"
        } else if message.starts_with("Resource not accessible") || message.starts_with("You do not have permission") {
            "FORBIDDEN"
        } else {
            continue;
        };
        error["message"] = json!(message);
        error["type"] = json!(kind);
    }
    // GitHub leaves the list out where it is empty.
    if let Some(fields) = answer.as_object_mut() {
        fields.retain(|name, value| name != "errors" || value.as_array().is_some_and(|list| !list.is_empty()));
    }
    if let Some(cost) = answer.pointer_mut("/data/rateLimit/cost") {
        *cost = json!(lists.div_ceil(100).max(1));
    }
    answer
}

/// Puts an error into an answer, and null at its path.
pub(super) fn spoil(answer: &mut Value, message: &str, path: &[Value]) {
    let mut at = &mut answer["data"];
    for step in path {
        at = match step {
            Value::Number(number) => &mut at[usize::try_from(number.as_u64().unwrap_or_default()).unwrap_or_default()],
            step => &mut at[step.as_str().unwrap_or_default()],
        };
    }
    *at = Value::Null;
    let error = json!({"message": message, "path": path, "locations": []});
    match answer["errors"].as_array_mut() {
        Some(errors) => errors.push(error),
        None => answer["errors"] = json!([error]),
    }
}

fn query(context: Context<'_>) -> Object<'_> {
    Object::new("Query", move |field, args| match field {
        "rateLimit" => Val::Object(Object::new("RateLimit", |field, _| match field {
            "cost" => leaf(1),
            "limit" | "remaining" => leaf(5_000),
            "used" | "nodeCount" => leaf(0),
            "resetAt" => leaf("2026-11-24T00:00:00Z"),
            other => Val::unknown("RateLimit", other),
        })),
        "viewer" => Val::Object(people::account(context, &context.access.login)),
        "repositoryOwner" => match context.model.owner(args.text("login")) {
            Some(found) => Val::Object(owner(context, found)),
            None => Val::Null,
        },
        "repository" => {
            let name = format!("{}/{}", args.text("owner"), args.text("name"));
            match context.model.find(&name).filter(|found| context.access.sees(found)) {
                Some(found) => Val::Object(repository::repository(context, found)),
                None => Val::Refused(format!("Could not resolve to a Repository with the name '{name}'.")),
            }
        }
        "node" => node(context, args.text("id")),
        "nodes" => Val::List(args.texts("ids").iter().map(|id| node(context, id)).collect()),
        "search" => work::search(context, args),
        other => Val::unknown("Query", other),
    })
}

fn node<'m>(context: Context<'m>, id: &str) -> Val<'m> {
    let found = ids::read(id).and_then(|(kind, number)| match kind {
        "R" => {
            let found = context.model.by_id(number)?;
            let seen = context.access.sees(found);
            seen.then(|| Val::Object(repository::repository(context, found)))
        }
        "W" => {
            let home = context.model.home(number)?;
            let workflow = home.workflows().iter().find(|workflow| workflow.id == number)?;
            let there = workflow.state != "deleted" && context.access.sees(home);
            if there && !context.access.may(home, Permission::Read, "actions", false) {
                // The node is null, and the error says which.
                let refuse = move |_: &str, _: &Args| Val::Refused(refusal::refusal(context.access));
                return Some(Val::Object(Object::new("Workflow", refuse)));
            }
            there.then(|| Val::Object(work::workflow(context, home, workflow)))
        }
        "WFR" => {
            let home = context.model.home(number)?;
            let run = home.runs.iter().find(|run| run.id == number)?;
            let seen = context.access.may(home, Permission::Read, "actions", false);
            seen.then(|| Val::Object(work::run(home, run)))
        }
        "RRS" => protection::ruleset_by_id(context, number),
        _ => None,
    });
    found.unwrap_or_else(|| Val::Refused(format!("Could not resolve to a node with the global id of '{id}'")))
}

fn owner<'m>(context: Context<'m>, owner: &'m Owner) -> Object<'m> {
    let kind = if owner.organization { "Organization" } else { "User" };
    Object::new(kind, move |field, args| match field {
        "login" => leaf(owner.login.as_str()),
        "repositories" => {
            let mut all: Vec<_> = context
                .model
                .repositories(&owner.login)
                .into_iter()
                .filter(|each| context.access.sees(each))
                .collect();
            all.sort_by_key(|each| each.name.to_lowercase());
            connection(context, "RepositoryConnection", all, args, move |each| {
                Val::Object(repository::repository(context, each))
            })
        }
        other => Val::unknown(kind, other),
    })
}

/// What the arguments of a list say about its order.
fn newest_first(args: &Args) -> bool {
    args.get("orderBy").is_some_and(|order| order["direction"] == "DESC")
}
