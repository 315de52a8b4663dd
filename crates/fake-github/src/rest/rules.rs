//! Rulesets one by one, an organisation's, and what is in force on a branch.

use serde_json::{Value, json};

use super::super::answer::Answer;
use super::super::ids;
use super::super::model::{Bypass, Enforcement, Property, Repository, Rule, Ruleset, written};
use super::super::permission::Permission;
use super::Ask;
use super::protection::UPGRADE;

/// Whether a ruleset is the repository's own, and whose it is.
fn source(of: &Repository, ruleset: &Ruleset) -> (&'static str, String) {
    if of.rulesets().iter().any(|each| each.id == ruleset.id) {
        ("Repository", of.full_name())
    } else {
        ("Organization", of.owner.clone())
    }
}

fn rule(rule: &Rule) -> Value {
    let mut shown = json!({"type": rule.kind});
    if let Some(parameters) = &rule.parameters {
        shown["parameters"] = parameters.clone();
    }
    shown
}

fn actor(bypass: &Bypass) -> Value {
    json!({"actor_id": bypass.id, "actor_type": bypass.kind, "bypass_mode": bypass.mode})
}

fn properties(list: &[Property]) -> Value {
    list.iter()
        .map(|property| json!({"name": property.name, "property_values": property.values, "source": "custom"}))
        .collect()
}

/// Without the rules and those who are let past, which lists leave out.
pub(super) fn listed(kind: &str, source: &str, ruleset: &Ruleset) -> Value {
    json!({
        "id": ruleset.id, "node_id": ids::node("RRS", ruleset.id), "name": ruleset.name,
        "target": ruleset.target.name(), "source_type": kind, "source": source,
        "enforcement": ruleset.enforcement.name(), "created_at": written(ruleset.created),
        "updated_at": written(ruleset.updated),
    })
}

fn whole(kind: &str, source: &str, ruleset: &Ruleset, administers: bool) -> Value {
    let mut shown = listed(kind, source, ruleset);
    let mut conditions = json!({"ref_name": {"include": ruleset.include, "exclude": ruleset.exclude}});
    let chosen = !ruleset.properties.is_empty() || !ruleset.properties_exclude.is_empty();
    if kind == "Organization" && chosen {
        conditions["repository_property"] = json!({
            "include": properties(&ruleset.properties), "exclude": properties(&ruleset.properties_exclude),
        });
    } else if let Some(ids) = ruleset.repository_ids.as_ref().filter(|_| kind == "Organization") {
        conditions["repository_id"] = json!({"repository_ids": ids});
    } else if kind == "Organization" {
        conditions["repository_name"] = json!({
            "include": ruleset.repositories, "exclude": ruleset.repositories_exclude, "protected": false,
        });
    }
    shown["conditions"] = conditions;
    shown["rules"] = ruleset.rules.iter().map(rule).collect();
    if administers {
        shown["bypass_actors"] = ruleset.bypass.iter().map(actor).collect();
    }
    shown
}

/// `GET /repos/{owner}/{repo}/rules/branches/{branch}`: the rules of every level.
pub(super) fn in_force(ask: &Ask<'_>, branch: &str) -> Answer {
    let of = ask.repository();
    if !ask.model.has_rulesets(of) {
        return Answer::refused(403, UPGRADE);
    }
    let all = ask.model.rules_for(of, branch).into_iter().flat_map(|ruleset| {
        let (kind, source) = source(of, ruleset);
        ruleset.rules.iter().map(move |each| {
            let mut shown = rule(each);
            shown["ruleset_source_type"] = json!(kind);
            shown["ruleset_source"] = json!(source);
            shown["ruleset_id"] = json!(ruleset.id);
            shown
        })
    });
    Answer::ok(ask.page(all.collect()).into())
}

/// `/repos/{owner}/{repo}/rulesets`.
pub(super) fn rulesets(ask: &mut Ask<'_>) -> Answer {
    if !ask.model.has_rulesets(ask.repository()) {
        return Answer::refused(403, UPGRADE);
    }
    if ask.method == "GET" {
        return of_repository(ask);
    }
    if let Some(refused) = ask.barred(Permission::Admin, "administration") {
        return refused;
    }
    let Some(name) = ask.text("name") else {
        return Answer::refused(422, "Validation Failed");
    };
    if ask.repository().rulesets().iter().any(|each| each.name == name) {
        return Answer::refused(422, "Name must be unique");
    }
    let ruleset = Ruleset::from_rest(ask.body);
    let full_name = ask.name.clone();
    let id = ask.model.ruleset(&full_name, ruleset);
    let html = format!("https://github.com/{full_name}/rules/{id}");
    Answer::new(201, json!({"id": id, "_links": {"html": {"href": html}}}))
}

/// `/repos/{owner}/{repo}/rulesets/{ruleset_id}`.
pub(super) fn ruleset(ask: &mut Ask<'_>, id: &str) -> Answer {
    let of = ask.repository();
    if !ask.model.has_rulesets(of) {
        return Answer::refused(403, UPGRADE);
    }
    let parents = ask.parameter("includes_parents") != Some("false");
    let above = ask.model.parents(of).filter(|_| parents);
    let mut all = of
        .rulesets()
        .iter()
        .chain(above)
        .cloned()
        .collect::<Vec<_>>()
        .into_iter();
    let Some(found) = all.find(|each| Ok(each.id) == id.parse()) else {
        return Answer::refused(404, "Not Found");
    };
    let (kind, source) = source(of, &found);
    let administers = ask.access.may(of, Permission::Admin, "administration", true);
    if ask.method == "GET" {
        return Answer::ok(whole(kind, &source, &found, administers));
    }
    if let Some(refused) = ask.barred(Permission::Admin, "administration") {
        return refused;
    }
    if kind != "Repository" {
        return Answer::refused(404, "Not Found");
    }
    let (id, name, now) = (found.id, ask.name.clone(), ask.model.seconds());
    if ask.method == "DELETE" {
        ask.model.edit(&name, |of| of.rulesets.retain(|each| each.id != id));
        return Answer::none();
    }
    // What is not sent stays.
    let mut merged = whole(kind, &source, &found, true);
    for (key, value) in ask.body.as_object().into_iter().flatten() {
        merged[key] = value.clone();
    }
    let changed = Ruleset {
        id,
        created: found.created,
        updated: now,
        ..Ruleset::from_rest(&merged)
    };
    ask.model.edit(&name, |of| {
        for each in of.rulesets.iter_mut().filter(|each| each.id == id) {
            each.clone_from(&changed);
        }
    });
    Answer::ok(whole(kind, &source, &changed, true))
}

/// `GET /orgs/{org}/rulesets` and `…/{ruleset_id}`.
pub(super) fn of_organization(ask: &Ask<'_>, login: &str, id: Option<&str>) -> Answer {
    let Some(owner) = ask.model.owner(login).filter(|owner| owner.organization) else {
        return Answer::refused(404, "Not Found");
    };
    if ask.access.everywhere != Permission::Admin || !ask.access.has("organization_administration", false) {
        return match ask.access.inaccessible() {
            "Not Found" => Answer::refused(404, "Not Found"),
            words => Answer::refused(403, words),
        };
    }
    let Some(id) = id else {
        let all = owner
            .rulesets()
            .iter()
            .map(|each| listed("Organization", &owner.login, each));
        return Answer::ok(ask.page(all.collect()).into());
    };
    match owner.rulesets().iter().find(|each| Ok(each.id) == id.parse()) {
        Some(found) => Answer::ok(whole("Organization", &owner.login, found, true)),
        None => Answer::refused(404, "Not Found"),
    }
}

/// What a list of a repository's rulesets shows.
fn of_repository(ask: &Ask<'_>) -> Answer {
    let of = ask.repository();
    let parents = ask.parameter("includes_parents") != Some("false");
    let above = ask.model.parents(of).filter(|_| parents);
    let all = of.rulesets().iter().chain(above).filter(|each| {
        // Those in force are told to everybody, the others to those who may write.
        each.enforcement == Enforcement::Active || ask.access.permission(of) >= Permission::Write
    });
    let shown = all.map(|each| {
        let (kind, source) = source(of, each);
        listed(kind, &source, each)
    });
    Answer::ok(ask.page(shown.collect()).into())
}
