//! An action is added in one place: this file adds one to those that ship, and then it is taken, authorised,
//! described and written down. And the documents say what the registry says.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use cc_devops_kernel::access::Resource;
use cc_devops_kernel::names::RepositoryName;
use cc_devops_kernel::outcome::Failure;
use cc_devops_policy::{On, Policy};
use cc_devops_requests::actions::{
    Action, Asked, Carrying, Effect, EffectContext, EffectError, EffectProgress, Kind, Param, Params, Registry,
    broken_name, vocabulary,
};
use cc_devops_requests::engine::ControlPlane;
use cc_devops_requests::fingerprint::FingerprintKey;
use cc_devops_requests::settings::RequestSettings;
use cc_devops_testkit::{Memory, sample};
use futures::FutureExt;
use futures::future::BoxFuture;
use serde_json::{Value, json};

use crate::harness::{AGENT, As, Harness, control_plane};

/// The action that is added: all there is of it.
static GREET: Action = Action {
    name: "greet",
    summary: "Greets a repository.",
    params: &[Param {
        name: "repository",
        rule: "required: whom",
        kind: Kind::Text,
    }],
    on: On::Repository,
    staged: false,
    carrying: Carrying::UnderClaim,
    read,
};

/// How often parameters of it were read.
static READ: AtomicUsize = AtomicUsize::new(0);

struct Greeting(RepositoryName);

fn read(mut params: Params, _asked: &Asked<'_>) -> Result<Box<dyn Effect>, Failure> {
    READ.fetch_add(1, Ordering::SeqCst);
    let name = RepositoryName::new(params.required("repository")?).map_err(broken_name)?;
    Ok(Box::new(Greeting(name)))
}

impl Effect for Greeting {
    fn resource(&self) -> Resource {
        Resource::Repository(self.0.clone())
    }

    fn carry_out<'a>(&'a self, context: EffectContext<'a>) -> BoxFuture<'a, Result<EffectProgress, EffectError>> {
        let result = json!({"greeted": self.0, "for": context.head.agent});
        async move { Ok(EffectProgress::done(result)) }.boxed()
    }
}

/// A front door that takes it, with a policy that lets one agent do it to one repository.
async fn harness(registry: &Registry) -> Harness {
    let text = format!(
        "permit (principal == Agent::\"{AGENT}\", action == Action::\"greet\", resource == Repository::\"web\");"
    );
    let sources = [("greet.cedar".to_owned(), text)];
    let installation = sample::installation();
    assert!(
        Policy::parse(&sources, &installation, vocabulary()).is_err(),
        "those that ship do not know it"
    );
    let policy = Policy::parse(&sources, &installation, registry.vocabulary()).unwrap();
    let memory = Memory::new();
    let ports = control_plane(&memory, |_| ()).await.ports().clone();
    let key = FingerprintKey::new([7; 32]);
    let control =
        ControlPlane::new(installation, ports, policy, key, RequestSettings::default()).taking(registry.clone());
    Harness::of(memory, Arc::new(control))
}

async fn ask(harness: &Harness, id: &str, params: Value) -> Value {
    let event = sample::event(id, "greet", &params);
    harness.post("/v1/events?wait=5", As::Agent, &event).await.json()
}

#[tokio::test]
async fn an_action_is_added_in_one_place_and_is_known_everywhere() {
    // The one line.
    let registry = Registry::shipped().with(&GREET).unwrap();

    // It is admitted, authorised and carried out, and read once on its way.
    let harness = harness(&registry).await;
    let done = ask(&harness, "r1", json!({"repository": "web"})).await;
    assert_eq!(done["result"], json!({"greeted": "web", "for": AGENT}), "{done}");
    assert_eq!(
        READ.load(Ordering::SeqCst),
        1,
        "what was admitted travels with the claim"
    );
    let denied = ask(&harness, "r2", json!({"repository": "api"})).await;
    assert_eq!(denied["reason"], "security_violation", "{denied}");
    let unknown = ask(&harness, "r3", json!({"repository": "web", "loudly": "yes"})).await;
    assert_eq!(
        unknown["error"],
        "greet has no parameter \"loudly\"; it takes: repository"
    );
    let unsupported = sample::event("r4", "shout", &json!({}));
    let unsupported = harness.post("/v1/events?wait=5", As::Agent, &unsupported).await.json();
    assert!(
        unsupported["error"].as_str().unwrap().ends_with(", greet"),
        "{unsupported}"
    );

    // It is on record under its name.
    let row = &harness.rows()[0].entry;
    assert_eq!((row.action.as_str(), row.resource.as_deref()), ("greet", Some("web")));

    // It is described.
    let description = harness.get("/openapi.json", As::Nobody).await.json();
    let schemas = &description["components"]["schemas"];
    assert_eq!(
        schemas["params.greet"]["properties"]["repository"]["description"],
        "required: whom"
    );
    let detail = &schemas["RequestEvent"]["properties"]["detail"]["properties"];
    assert!(detail["action"]["description"].as_str().unwrap().contains("or `greet`"));
    let one_of = detail["params"]["anyOf"].as_array().unwrap();
    assert!(one_of.contains(&json!({"$ref": "#/components/schemas/params.greet"})));

    // Policies may speak of it, and people ask about it.
    let words = registry.vocabulary();
    assert!(
        words
            .schema_text()
            .contains("protectBranches, bootstrapRepoSecrets, greet appliesTo")
    );
    assert_eq!(
        words.access("greet", "web", &sample::stage()).unwrap().resource(),
        "web"
    );
    assert!(
        words
            .access("greet", "*", &sample::stage())
            .unwrap_err()
            .contains("one repository")
    );

    // It is written down.
    let row = "| `greet` | Greets a repository. | a repository | under its claim |\n";
    assert!(registry.table().ends_with(row), "{}", registry.table());
    assert!(Registry::params_table([&GREET]).ends_with("| `greet` | `repository` | required: whom |\n"));
}

#[test]
fn what_cannot_be_an_action_is_no_part_of_a_registry() {
    assert!(Registry::shipped().with(Action::find("putSecret").unwrap()).is_err());
    let registry = Registry::of(vec![&GREET]).unwrap();
    assert_eq!(registry.find("greet"), Some(&GREET));
    assert_eq!(registry.find("putSecret"), None);
}

/// What stands between two marks of a document.
fn block<'t>(document: &'t str, name: &str) -> Option<&'t str> {
    let (_, rest) = document.split_once(&format!("<!-- begin: {name} -->\n"))?;
    let (block, _) = rest.split_once(&format!("<!-- end: {name} -->"))?;
    Some(block)
}

#[test]
fn the_documents_tables_of_actions_are_those_of_the_registry() {
    let file = concat!(env!("CARGO_MANIFEST_DIR"), "/../../../docs/DEVOPS_INTERFACE.md");
    let document = std::fs::read_to_string(file).unwrap();
    let registry = Registry::shipped();
    assert_eq!(
        block(&document, "actions"),
        Some(registry.table().as_str()),
        "the table of actions"
    );
    let mut others = Vec::new();
    for action in registry.actions() {
        match block(&document, &format!("parameters of {}", action.name)) {
            Some(block) => assert_eq!(block, action.params_table(), "the parameters of {}", action.name),
            None => others.push(action),
        }
    }
    assert_eq!(
        block(&document, "parameters of the other actions"),
        Some(Registry::params_table(others).as_str()),
        "the parameters of the actions without a section of their own"
    );
}
