//! Names for the numbers by which GitHub knows teams and people here, and the other way round.

use std::collections::HashMap;

use serde::Deserialize;
use tokio::sync::OnceCell;

use crate::client::{Ask, Client, Error, get};

/// The teams of an owner, asked for once.
pub(super) struct People<'c> {
    pub(super) client: &'c Client,
    owner: &'c str,
    teams: OnceCell<HashMap<u64, String>>,
}

#[derive(Deserialize)]
struct Team {
    id: u64,
    slug: String,
}

#[derive(Deserialize)]
struct Person {
    id: u64,
    login: String,
}

impl<'c> People<'c> {
    pub(super) fn new(client: &'c Client, owner: &'c str) -> Self {
        Self {
            client,
            owner,
            teams: OnceCell::new(),
        }
    }

    /// The slug of a team of the organisation.
    pub(super) async fn team_of(&self, id: u64) -> Result<Option<String>, Error> {
        let read = async || {
            let what = format!("read the teams of {}", self.owner);
            let ask = Ask::new(get(&["orgs", self.owner, "teams"]), what);
            let teams = self.client.pages(&ask, 100, |page: Vec<Team>| page).await?;
            Ok::<_, Error>(teams.into_iter().map(|team| (team.id, team.slug)).collect())
        };
        Ok(self.teams.get_or_try_init(read).await?.get(&id).cloned())
    }

    /// The number of a team.
    pub(super) async fn team(&self, slug: &str) -> Result<u64, Error> {
        let what = format!("find the team {slug} of {}", self.owner);
        let ask = Ask::new(get(&["orgs", self.owner, "teams", slug]), what);
        self.client.json::<Team>(&ask).await.map(|team| team.id)
    }

    /// The login of an account.
    pub(super) async fn login_of(&self, id: u64) -> Result<String, Error> {
        let ask = Ask::new(get(&["user", &id.to_string()]), format!("find the account {id}"));
        self.client.json::<Person>(&ask).await.map(|person| person.login)
    }

    /// The number of an account.
    pub(super) async fn user(&self, login: &str) -> Result<u64, Error> {
        let ask = Ask::new(get(&["users", login]), format!("find the account {login}"));
        self.client.json::<Person>(&ask).await.map(|person| person.id)
    }
}
