//! The repository's own rulesets, in the form that a policy has them in.

use cc_devops_repos::settings::Items;
use serde::Deserialize;
use serde_json::{Map, Value, json};

use super::people::People;
use super::{Names, text};
use crate::client::{Error, delete, get, post, put};
use crate::place::Place;

#[derive(Deserialize)]
struct Listed {
    id: u64,
    name: String,
}

#[derive(Deserialize)]
struct Ruleset {
    #[serde(default)]
    target: Option<String>,
    enforcement: String,
    /// Not there for those who may not write it.
    #[serde(default)]
    bypass_actors: Option<Vec<BypassActor>>,
    #[serde(default)]
    conditions: Option<Conditions>,
    #[serde(default)]
    rules: Vec<Rule>,
}

#[derive(Deserialize)]
struct BypassActor {
    #[serde(default)]
    actor_id: Option<u64>,
    actor_type: String,
    #[serde(default)]
    bypass_mode: Option<String>,
}

#[derive(Deserialize)]
struct Conditions {
    #[serde(default)]
    ref_name: Option<RefName>,
}

#[derive(Deserialize)]
struct RefName {
    #[serde(default)]
    include: Vec<String>,
    #[serde(default)]
    exclude: Vec<String>,
}

#[derive(Deserialize)]
struct Rule {
    #[serde(rename = "type")]
    kind: String,
    #[serde(default)]
    parameters: Option<Map<String, Value>>,
}

/// The numbers of GitHub's own roles.
const ROLES: [(u64, &str); 3] = [(2, "maintain"), (4, "write"), (5, "admin")];

async fn list(place: &Place<'_>) -> Result<Vec<Listed>, Error> {
    let ask = place.ask(get, &["rulesets"], "read the rulesets of");
    let ask = ask.with("includes_parents", "false");
    place.client.pages(&ask, 100, |page: Vec<Listed>| page).await
}

pub(super) async fn read(place: &Place<'_>, people: &People<'_>, names: Names<'_>) -> Result<Items, Error> {
    let mut items = Items::new();
    for listed in list(place).await? {
        if names.is_none_or(|names| names.contains(&listed.name)) {
            let ask = place.ask(get, &["rulesets", &listed.id.to_string()], "read a ruleset of");
            let ruleset: Ruleset = place.client.json(&ask).await?;
            items.insert(listed.name, value(people, ruleset).await?);
        }
    }
    Ok(items)
}

async fn value(people: &People<'_>, ruleset: Ruleset) -> Result<Value, Error> {
    let bypass = match ruleset.bypass_actors {
        None => Value::Null,
        Some(actors) => {
            let mut bypass = Map::new();
            for actor in actors {
                let mode = actor.bypass_mode.clone().unwrap_or_else(|| "always".to_owned());
                bypass.insert(name(people, &actor).await?, Value::from(mode));
            }
            Value::Object(bypass)
        }
    };
    let refs = ruleset.conditions.and_then(|conditions| conditions.ref_name);
    let (include, exclude) = refs.map(|refs| (refs.include, refs.exclude)).unwrap_or_default();
    let rules = ruleset.rules.into_iter().map(|rule| {
        let parameters = rule.parameters.filter(|parameters| !parameters.is_empty());
        (rule.kind, parameters.map_or(Value::Bool(true), Value::Object))
    });
    Ok(json!({
        "target": ruleset.target.unwrap_or_else(|| "branch".to_owned()), "enforcement": ruleset.enforcement,
        "include": include, "exclude": exclude, "bypass": bypass, "rules": rules.collect::<Map<_, _>>(),
    }))
}

async fn name(people: &People<'_>, actor: &BypassActor) -> Result<String, Error> {
    let id = actor.actor_id.unwrap_or_default();
    Ok(match actor.actor_type.as_str() {
        "OrganizationAdmin" => "organization-admin".to_owned(),
        "DeployKey" => "deploy-key".to_owned(),
        "RepositoryRole" => match ROLES.iter().find(|(number, _)| *number == id) {
            Some((_, role)) => format!("role:{role}"),
            None => format!("role:{id}"),
        },
        "Integration" => format!("app:{id}"),
        "Team" => match people.team_of(id).await? {
            Some(slug) => format!("team:{slug}"),
            // A secret team that the credential may not see.
            None => format!("team:{id}"),
        },
        _ => format!("user:{}", people.login_of(id).await?),
    })
}

async fn actor(people: &People<'_>, name: &str, mode: &Value) -> Result<Value, Error> {
    let (kind, id) = match name.split_once(':') {
        Some(("team", slug)) => match slug.parse::<u64>() {
            Ok(id) => ("Team", Some(id)),
            Err(_) => ("Team", Some(people.team(slug).await?)),
        },
        Some(("app", id)) => ("Integration", id.parse().ok()),
        Some(("role", role)) => {
            let own = ROLES.iter().find(|(_, name)| *name == role).map(|(number, _)| *number);
            ("RepositoryRole", own.or_else(|| role.parse().ok()))
        }
        Some((_, login)) => ("User", Some(people.user(login).await?)),
        None if name == "deploy-key" => ("DeployKey", None),
        None => ("OrganizationAdmin", Some(1)),
    };
    Ok(json!({"actor_type": kind, "actor_id": id, "bypass_mode": mode}))
}

/// Makes, replaces or deletes a ruleset.
pub(super) async fn write(place: &Place<'_>, people: &People<'_>, name: &str, after: &Value) -> Result<(), Error> {
    let standing = list(place).await?.into_iter().find(|listed| listed.name == name);
    let id = standing.map(|listed| listed.id.to_string());
    if after.is_null() {
        let Some(id) = id else { return Ok(()) };
        return place
            .client
            .done(&place.ask(delete, &["rulesets", &id], "delete a ruleset of"))
            .await;
    }
    let rules: Vec<Value> = after
        .get("rules")
        .and_then(Value::as_object)
        .into_iter()
        .flatten()
        .map(|(kind, parameters)| match parameters {
            Value::Object(parameters) => json!({"type": kind, "parameters": parameters}),
            _ => json!({"type": kind}),
        })
        .collect();
    let mut body = json!({
        "name": name, "target": after.get("target"), "enforcement": after.get("enforcement"), "rules": rules,
    });
    let Some(fields) = body.as_object_mut() else {
        return Ok(());
    };
    if after.get("target").is_none_or(|target| text(target) != "push") {
        let refs = json!({"include": after.get("include"), "exclude": after.get("exclude")});
        fields.insert("conditions".to_owned(), json!({"ref_name": refs}));
    }
    // A list that is hidden is not sent, so that GitHub keeps it.
    if let Some(bypass) = after.get("bypass").and_then(Value::as_object) {
        let mut actors = Vec::with_capacity(bypass.len());
        for (name, mode) in bypass {
            actors.push(actor(people, name, mode).await?);
        }
        fields.insert("bypass_actors".to_owned(), Value::from(actors));
    }
    let ask = match id {
        Some(id) => place.ask(put, &["rulesets", &id], "change a ruleset of"),
        None => place.ask(post, &["rulesets"], "write a ruleset into"),
    };
    place.client.done(&ask.body(body)).await
}
