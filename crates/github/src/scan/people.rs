//! The people on bypass lists. GraphQL leaves them without a name, REST has the numbers of their accounts; who
//! is on a list is kept as long as the ruleset was not changed.

use std::collections::HashMap;

use cc_devops_kernel::ports::PortResult;
use cc_devops_repos::ports::{DocumentKind, RepositoryStore};
use cc_devops_repos::snapshot::{BypassActor, BypassKind};
use serde::{Deserialize, Serialize};

use super::kept_documents::KeptDocuments;
use super::rulesets::bypass_mode;
use crate::client::{Ask, Client, Error, get};

/// A ruleset whose list names people.
#[derive(Clone, Copy)]
pub(super) struct Listed<'r> {
    pub(super) id: u64,
    /// When it was last changed, as GitHub writes it; `None` is asked for anew each time.
    pub(super) updated: Option<&'r str>,
    /// The owner and the name of a repository in which it holds.
    pub(super) holds_in: (&'r str, &'r str),
}

/// The people on the list of a ruleset: when it was last changed, and their accounts with how they are let past.
#[derive(Debug, Serialize, Deserialize)]
struct Kept(String, Vec<(u64, String)>);

/// What is known of people.
pub(super) struct People {
    documents: KeptDocuments<Kept>,
    /// The logins of accounts, by their numbers; `None` is an account that is gone.
    logins: HashMap<u64, Option<String>>,
}

/// A ruleset as REST has it.
#[derive(Debug, Deserialize)]
struct Ruleset {
    #[serde(default)]
    bypass_actors: Vec<Actor>,
}

#[derive(Debug, Deserialize)]
#[expect(clippy::struct_field_names, reason = "GitHub's names")]
struct Actor {
    actor_id: Option<u64>,
    actor_type: String,
    #[serde(default)]
    bypass_mode: Option<String>,
}

#[derive(Debug, Deserialize)]
struct Account {
    login: String,
}

impl People {
    /// Nothing is known.
    pub(super) fn none() -> Self {
        Self {
            documents: KeptDocuments::empty(DocumentKind::Rulesets),
            logins: HashMap::new(),
        }
    }

    /// What was kept.
    pub(super) async fn load(store: &dyn RepositoryStore, owner: &str) -> PortResult<Self> {
        Ok(Self {
            documents: KeptDocuments::load(store, owner, DocumentKind::Rulesets).await?,
            ..Self::none()
        })
    }

    /// Keeps what is new.
    pub(super) async fn save(&mut self, store: &dyn RepositoryStore, owner: &str) -> PortResult<()> {
        self.documents.save(store, owner).await
    }

    /// Names the people on a bypass list. Who stays without a name stays on the list as such.
    pub(super) async fn name(
        &mut self,
        client: &Client,
        ruleset: Listed<'_>,
        actors: &mut Vec<BypassActor>,
    ) -> Result<(), Error> {
        let unnamed = actors.iter().filter(|actor| actor.kind == BypassKind::Unnamed).count();
        if unnamed == 0 {
            return Ok(());
        }
        let mut named = Vec::new();
        for (account, mode) in self.accounts(client, &ruleset).await? {
            let (kind, name) = match self.login(client, account).await? {
                Some(login) => (BypassKind::User, login),
                None => (BypassKind::Unnamed, format!("account {account}")),
            };
            let mode = bypass_mode(Some(&mode));
            named.push(BypassActor { kind, name, mode });
        }
        // The others without a name are none of these people.
        let mut taken = named.len().min(unnamed);
        actors.retain(|actor| {
            let one_of_them = actor.kind == BypassKind::Unnamed && taken > 0;
            taken -= usize::from(one_of_them);
            !one_of_them
        });
        actors.extend(named);
        Ok(())
    }

    /// The accounts of the people on a ruleset's list, each with how they are let past.
    async fn accounts(&mut self, client: &Client, ruleset: &Listed<'_>) -> Result<Vec<(u64, String)>, Error> {
        if let (Some(Kept(updated, accounts)), Some(now)) = (self.documents.get(ruleset.id), ruleset.updated)
            && updated == now
        {
            return Ok(accounts.clone());
        }
        let (owner, name) = ruleset.holds_in;
        let ask = Ask::new(
            get(&["repos", owner, name, "rulesets", &ruleset.id.to_string()]),
            format!("read a ruleset of {owner}/{name}"),
        );
        let read: Ruleset = client.json(&ask).await?;
        let people = read.bypass_actors.into_iter();
        let people = people.filter(|actor| actor.actor_type == "User");
        let accounts: Vec<(u64, String)> = people
            .filter_map(|actor| Some((actor.actor_id?, actor.bypass_mode.unwrap_or_default())))
            .collect();
        if let Some(updated) = ruleset.updated {
            let kept = Kept(updated.to_owned(), accounts.clone());
            self.documents.put(ruleset.id, Some(kept));
        }
        Ok(accounts)
    }

    async fn login(&mut self, client: &Client, account: u64) -> Result<Option<String>, Error> {
        if let Some(login) = self.logins.get(&account) {
            return Ok(login.clone());
        }
        let what = format!("read whose account {account} is");
        let ask = Ask::new(get(&["user", &account.to_string()]), what);
        let login = client.optional::<Account>(&ask).await?.map(|account| account.login);
        self.logins.insert(account, login.clone());
        Ok(login)
    }
}
