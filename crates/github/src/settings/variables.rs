//! Variables and secrets of GitHub Actions. Of a secret GitHub tells the name and when it was set.

use cc_devops_repos::settings::Items;
use serde::Deserialize;
use serde_json::{Value, json};

use crate::client::{Error, delete, get, post, put};
use crate::place::Place;

/// GitHub's largest page of variables.
const PAGE: usize = 30;

#[derive(Deserialize)]
struct Variables {
    variables: Vec<Variable>,
}

#[derive(Deserialize)]
struct Variable {
    name: String,
    value: String,
}

#[derive(Deserialize)]
struct Secrets {
    secrets: Vec<Secret>,
}

#[derive(Deserialize)]
struct Secret {
    name: String,
    updated_at: String,
}

pub(super) async fn read(place: &Place<'_>) -> Result<Items, Error> {
    let ask = place.ask(get, &["actions", "variables"], "read the variables of");
    let all = place.client.pages(&ask, PAGE, |page: Variables| page.variables).await?;
    Ok(all
        .into_iter()
        .map(|each| (each.name, Value::from(each.value)))
        .collect())
}

/// Makes, changes or deletes a variable.
pub(super) async fn write(place: &Place<'_>, name: &str, before: &Value, after: &Value) -> Result<(), Error> {
    let own = ["actions", "variables", name];
    let body = json!({"name": name, "value": after});
    let ask = match (before, after) {
        (_, Value::Null) => place.ask(delete, &own, "delete a variable of"),
        (Value::Null, _) => place
            .ask(post, &["actions", "variables"], "make a variable in")
            .body(body),
        _ => place.ask(put, &own, "change a variable of").patch().body(body),
    };
    place.client.done(&ask).await
}

pub(super) async fn secrets(place: &Place<'_>) -> Result<Items, Error> {
    let ask = place.ask(get, &["actions", "secrets"], "read the names of the secrets of");
    let all = place.client.pages(&ask, 100, |page: Secrets| page.secrets).await?;
    let item = |secret: Secret| (secret.name, json!({"updated_at": secret.updated_at}));
    Ok(all.into_iter().map(item).collect())
}

pub(super) async fn remove_secret(place: &Place<'_>, name: &str) -> Result<(), Error> {
    let ask = place.ask(delete, &["actions", "secrets", name], "delete a secret of");
    place.client.done(&ask).await
}
