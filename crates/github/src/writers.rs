//! Who may write to a repository.

use cc_devops_repos::snapshot::{Fact, Gap};
use serde::Deserialize;

use crate::client::{Ask, Client, Error, get};

/// The most people in a page.
const PAGE: usize = 100;

/// How many pages are read until two are found who may write.
const MOST_PAGES: usize = 10;

#[derive(Debug, Deserialize)]
struct Person {
    login: String,
    #[serde(default)]
    permissions: Option<Permissions>,
}

#[derive(Debug, Deserialize)]
struct Permissions {
    push: bool,
}

/// Those who may write, or the first two. Whoever may not write is not told.
/// Source: <https://docs.github.com/en/rest/collaborators/collaborators#list-repository-collaborators>.
pub(crate) async fn of(client: &Client, full_name: &str) -> Result<Fact<Vec<String>>, Error> {
    let what = format!("read who may write to {full_name}");
    let Some((owner, name)) = full_name.split_once('/') else {
        return Err(Error::NotFound { what });
    };
    let ask = Ask::new(get(&["repos", owner, name, "collaborators"]), what).with("per_page", PAGE);
    let mut writers = Vec::new();
    for page in 1..=MOST_PAGES {
        let people: Vec<Person> = match client.json(&ask.clone().with("page", page)).await {
            Ok(people) => people,
            Err(error) if error.refuses_credential() => return Err(error),
            Err(error) => return Ok(error.fact("Metadata: read")),
        };
        let last = people.len() < PAGE;
        let may = people.into_iter();
        let may = may.filter(|person| person.permissions.as_ref().is_some_and(|may| may.push));
        writers.extend(may.map(|person| person.login));
        if writers.len() > 1 {
            writers.truncate(2);
            return Ok(Fact::Known(writers));
        }
        if last {
            return Ok(Fact::Known(writers));
        }
    }
    Ok(Fact::Unknown(Gap::NotRead("too many people may read it".to_owned())))
}
