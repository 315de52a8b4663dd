//! Who was given a repository: teams, and people themselves.

use cc_devops_repos::settings::Items;
use serde::Deserialize;
use serde_json::{Value, json};

use super::text;
use crate::client::{Ask, Error, delete, get, put};
use crate::place::Place;

#[derive(Deserialize)]
struct Team {
    slug: String,
    permission: String,
    /// Whether it was given the repository itself, or has it by a role in the organisation.
    #[serde(default)]
    access_source: Option<String>,
}

#[derive(Deserialize)]
struct Collaborator {
    login: String,
    role_name: String,
}

#[derive(Deserialize)]
struct Invitation {
    id: u64,
    invitee: Option<Invitee>,
    permissions: String,
    #[serde(default)]
    expired: bool,
}

#[derive(Deserialize)]
struct Invitee {
    login: String,
}

/// GitHub's pages and REST have two words for two roles.
fn role(permission: &str) -> &str {
    match permission {
        "pull" => "read",
        "push" => "write",
        other => other,
    }
}

fn permission(role: &str) -> &str {
    match role {
        "read" => "pull",
        "write" => "push",
        other => other,
    }
}

pub(super) async fn teams(place: &Place<'_>) -> Result<Items, Error> {
    let ask = place.ask(get, &["teams"], "read the teams of");
    let teams = place.client.pages(&ask, 100, |page: Vec<Team>| page).await?;
    let own = teams
        .into_iter()
        .filter(|team| team.access_source.as_deref().is_none_or(|source| source == "direct"));
    Ok(own
        .map(|team| (team.slug, Value::from(role(&team.permission))))
        .collect())
}

/// Gives a team the repository, or takes it away.
pub(super) async fn write_team(place: &Place<'_>, slug: &str, after: &Value) -> Result<(), Error> {
    let path = ["orgs", place.owner, "teams", slug, "repos", place.owner, place.name];
    let what = format!("give the team {slug} {}/{}", place.owner, place.name);
    let ask = if after.is_null() {
        Ask::new(delete(&path), what)
    } else {
        Ask::new(put(&path), what).body(json!({"permission": permission(text(after))}))
    };
    place.client.done(&ask).await
}

/// Those who were given the repository themselves, and those who are invited and have not answered yet.
pub(super) async fn collaborators(place: &Place<'_>) -> Result<Items, Error> {
    let ask = place.ask(get, &["collaborators"], "read the collaborators of");
    let ask = ask.with("affiliation", "direct");
    let people = place.client.pages(&ask, 100, |page: Vec<Collaborator>| page).await?;
    let mut items = Items::new();
    for person in people {
        // A person is always an administrator of what they own.
        if !person.login.eq_ignore_ascii_case(place.owner) {
            items.insert(person.login, Value::from(role(&person.role_name)));
        }
    }
    for invitation in invitations(place).await? {
        if let Some(invitee) = invitation.invitee {
            items.insert(invitee.login, Value::from(role(&invitation.permissions)));
        }
    }
    Ok(items)
}

async fn invitations(place: &Place<'_>) -> Result<Vec<Invitation>, Error> {
    let ask = place.ask(get, &["invitations"], "read who is invited to");
    let mut all = place.client.pages(&ask, 100, |page: Vec<Invitation>| page).await?;
    all.retain(|invitation| !invitation.expired);
    Ok(all)
}

/// Gives somebody the repository, who is invited if they are not of the organisation, or takes it away.
pub(super) async fn write_collaborator(place: &Place<'_>, login: &str, after: &Value) -> Result<(), Error> {
    let pending = invitations(place).await?.into_iter().find(|invitation| {
        let invitee = invitation.invitee.as_ref();
        invitee.is_some_and(|invitee| invitee.login.eq_ignore_ascii_case(login))
    });
    let id = pending.map(|invitation| invitation.id.to_string());
    let ask = match (id, after) {
        (Some(id), Value::Null) => place.ask(delete, &["invitations", &id], "take back an invitation to"),
        (Some(id), role) => place
            .ask(put, &["invitations", &id], "change an invitation to")
            .patch()
            .body(json!({"permissions": role})),
        (None, Value::Null) => place.ask(delete, &["collaborators", login], "remove a collaborator of"),
        (None, role) => place
            .ask(put, &["collaborators", login], "add a collaborator to")
            .body(json!({"permission": permission(text(role))})),
    };
    place.client.done(&ask).await
}
