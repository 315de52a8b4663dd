//! Deployment environments: who must approve, how long to wait, and what may be deployed from.

use cc_devops_repos::settings::{Items, Section};
use serde::Deserialize;
use serde_json::{Value, json};

use super::people::People;
use super::{Names, text};
use crate::client::{Error, delete, get, post, put};
use crate::place::Place;

#[derive(Deserialize)]
struct Environments {
    #[serde(default)]
    environments: Vec<Environment>,
}

#[derive(Deserialize)]
struct Environment {
    name: String,
    #[serde(default)]
    protection_rules: Vec<Rule>,
    #[serde(default)]
    deployment_branch_policy: Option<BranchPolicy>,
}

/// One of several kinds; a kind has the fields of its own.
#[derive(Deserialize)]
struct Rule {
    #[serde(default)]
    wait_timer: Option<u64>,
    #[serde(default)]
    prevent_self_review: Option<bool>,
    #[serde(default)]
    reviewers: Vec<Reviewer>,
}

#[derive(Deserialize)]
struct Reviewer {
    reviewer: Option<Person>,
}

#[derive(Deserialize)]
struct Person {
    #[serde(default)]
    login: Option<String>,
    #[serde(default)]
    slug: Option<String>,
}

#[derive(Deserialize)]
struct BranchPolicy {
    custom_branch_policies: bool,
}

#[derive(Deserialize)]
struct Policies {
    branch_policies: Vec<Pattern>,
}

#[derive(Deserialize)]
struct Pattern {
    id: u64,
    name: String,
    #[serde(default, rename = "type")]
    kind: Option<String>,
}

impl Pattern {
    fn is_tag(&self) -> bool {
        self.kind.as_deref() == Some("tag")
    }
}

pub(super) async fn read(place: &Place<'_>, names: Names<'_>) -> Result<Items, Error> {
    let ask = place.ask(get, &["environments"], "read the environments of");
    let all = place
        .client
        .pages(&ask, 100, |page: Environments| page.environments)
        .await?;
    let mut items = Items::new();
    for environment in all {
        let wanted = |names: &std::collections::BTreeSet<String>| {
            names
                .iter()
                .any(|name| Section::Environments.same(name, &environment.name))
        };
        if names.is_none_or(wanted) {
            let value = value(place, &environment).await?;
            items.insert(environment.name, value);
        }
    }
    Ok(items)
}

async fn value(place: &Place<'_>, environment: &Environment) -> Result<Value, Error> {
    let rules = &environment.protection_rules;
    let reviewers: Vec<String> = rules
        .iter()
        .flat_map(|rule| &rule.reviewers)
        .filter_map(|reviewer| {
            let person = reviewer.reviewer.as_ref()?;
            let team = person.slug.as_ref().map(|slug| format!("team:{slug}"));
            team.or_else(|| person.login.as_ref().map(|login| format!("user:{login}")))
        })
        .collect();
    let (branches, tags) = match &environment.deployment_branch_policy {
        None => (json!("any"), Vec::new()),
        Some(policy) if !policy.custom_branch_policies => (json!("protected"), Vec::new()),
        Some(_) => {
            let (tags, branches): (Vec<Pattern>, Vec<Pattern>) = patterns(place, &environment.name)
                .await?
                .into_iter()
                .partition(Pattern::is_tag);
            let names = |patterns: Vec<Pattern>| patterns.into_iter().map(|pattern| pattern.name);
            (names(branches).collect(), names(tags).collect())
        }
    };
    Ok(json!({
        "wait_timer": rules.iter().find_map(|rule| rule.wait_timer).unwrap_or_default(),
        "prevent_self_review": rules.iter().find_map(|rule| rule.prevent_self_review).unwrap_or_default(),
        "reviewers": reviewers, "branches": branches, "tags": tags,
    }))
}

async fn patterns(place: &Place<'_>, environment: &str) -> Result<Vec<Pattern>, Error> {
    let path = ["environments", environment, "deployment-branch-policies"];
    let ask = place.ask(get, &path, "read what may be deployed from in");
    let pick = |page: Policies| page.branch_policies;
    place.client.pages(&ask, 100, pick).await
}

/// Makes, changes or deletes an environment. GitHub replaces what it is sent, so all of it is.
pub(super) async fn write(place: &Place<'_>, people: &People<'_>, name: &str, after: &Value) -> Result<(), Error> {
    let own = ["environments", name];
    if after.is_null() {
        return place
            .client
            .done(&place.ask(delete, &own, "delete an environment of"))
            .await;
    }
    let mut reviewers = Vec::new();
    for reviewer in after.get("reviewers").and_then(Value::as_array).into_iter().flatten() {
        reviewers.push(match text(reviewer).split_once(':') {
            Some(("team", slug)) => json!({"type": "Team", "id": people.team(slug).await?}),
            Some((_, login)) => json!({"type": "User", "id": people.user(login).await?}),
            None => continue,
        });
    }
    let list = |key: &str| {
        after
            .get(key)
            .and_then(Value::as_array)
            .map(Vec::as_slice)
            .unwrap_or_default()
    };
    let custom = after.get("branches").is_some_and(Value::is_array) || !list("tags").is_empty();
    let protected = after.get("branches").is_some_and(|branches| branches == "protected");
    let policy = if custom || protected {
        json!({"protected_branches": !custom, "custom_branch_policies": custom})
    } else {
        Value::Null
    };
    let body = json!({
        "wait_timer": after.get("wait_timer"), "prevent_self_review": after.get("prevent_self_review"),
        "reviewers": reviewers, "deployment_branch_policy": policy,
    });
    let ask = place.ask(put, &own, "set an environment of");
    place.client.done(&ask.body(body)).await?;
    if custom {
        let wanted: Vec<(&str, &str)> = [("branch", list("branches")), ("tag", list("tags"))]
            .into_iter()
            .flat_map(|(kind, names)| names.iter().map(move |name| (kind, text(name))))
            .collect();
        deploy_from(place, name, &wanted).await?;
    }
    Ok(())
}

/// Makes these patterns the ones that may be deployed from.
async fn deploy_from(place: &Place<'_>, environment: &str, wanted: &[(&str, &str)]) -> Result<(), Error> {
    let standing = patterns(place, environment).await?;
    let is =
        |pattern: &Pattern, (kind, name): (&str, &str)| pattern.name == name && pattern.is_tag() == (kind == "tag");
    let path = ["environments", environment, "deployment-branch-policies"];
    for (kind, name) in wanted.iter().copied() {
        if !standing.iter().any(|pattern| is(pattern, (kind, name))) {
            let ask = place.ask(post, &path, "say what may be deployed from in");
            place
                .client
                .done(&ask.body(json!({"name": name, "type": kind})))
                .await?;
        }
    }
    for pattern in standing {
        if !wanted.iter().any(|wanted| is(&pattern, *wanted)) {
            let id = pattern.id.to_string();
            let [first, second, third] = path;
            let ask = place.ask(delete, &[first, second, third, &id], "say what may be deployed from in");
            place.client.done(&ask).await?;
        }
    }
    Ok(())
}
