//! Whose an issue with a marker is: anybody can copy a marker, so it counts only in an issue of the account that asks,
//! of an account that this installation had before, or of somebody who may write to the repository.

use std::collections::{BTreeMap, BTreeSet};

use cc_devops_kernel::ports::PortResult;
use cc_devops_repos::issues::IssueRef;
use cc_devops_repos::ports::{DocumentKind, RepositoryStore};
use cc_devops_repos::snapshot::Gap;
use serde::Deserialize;
use serde_json::json;

use super::Wire;
use crate::client::{Ask, Client, Error, get};

/// The form of what is kept of an account.
const VERSION: u32 = 1;

/// What GitHub calls those who may be able to write. Anybody else is a stranger without being asked about.
/// Source: <https://docs.github.com/en/graphql/reference/enums#commentauthorassociation>.
const INSIDERS: [&str; 3] = ["OWNER", "MEMBER", "COLLABORATOR"];

/// Whose issues are, for one look.
pub(super) struct Authors<'a> {
    client: &'a Client,
    store: &'a dyn RepositoryStore,
    owner: &'a str,
    viewer: &'a str,
    /// The accounts that this installation had, in lower case; read when the first is asked about.
    accounts: Option<BTreeSet<String>>,
    /// Who may write, by repository and login.
    writers: BTreeMap<(String, String), bool>,
}

impl<'a> Authors<'a> {
    pub(super) fn new(client: &'a Client, store: &'a dyn RepositoryStore, owner: &'a str, viewer: &'a str) -> Self {
        Self {
            client,
            store,
            owner,
            viewer,
            accounts: None,
            writers: BTreeMap::new(),
        }
    }

    /// Whether an issue is ours; why nobody can say, if that is so. Of one that was kept it need not be asked.
    pub(super) async fn are_ours(&mut self, wire: &Wire, kept: &BTreeSet<IssueRef>) -> PortResult<Result<bool, Gap>> {
        if wire.viewer_did_author {
            let viewer = self.viewer;
            if !self.accounts().await?.contains(&viewer.to_ascii_lowercase()) {
                remember(self.store, self.owner, viewer).await?;
                self.accounts = None;
            }
            return Ok(Ok(true));
        }
        // Of a deleted account nothing can be said.
        let Some(author) = wire.author.as_ref().map(super::Actor::full_login) else {
            return Ok(Ok(false));
        };
        if self.accounts().await?.contains(&author.to_ascii_lowercase()) {
            return Ok(Ok(true));
        }
        let repository = &wire.repository.name_with_owner;
        let place = IssueRef {
            repository: repository.clone(),
            number: wire.number,
        };
        if kept.iter().any(|kept| kept.same(&place)) || !INSIDERS.contains(&wire.author_association.as_str()) {
            return Ok(Ok(false));
        }
        let key = (repository.clone(), author.clone());
        if let Some(may) = self.writers.get(&key) {
            return Ok(Ok(*may));
        }
        match may_write(self.client, repository, &author).await {
            Ok(may) => {
                self.writers.insert(key, may);
                Ok(Ok(may))
            }
            Err(error) if error.refuses_credential() => Err(error.into()),
            Err(error) => Ok(Err(Gap::NotRead(format!(
                "whether {author}, who wrote the issue {repository}#{}, may write there is not known: {error}",
                wire.number
            )))),
        }
    }

    async fn accounts(&mut self) -> PortResult<&BTreeSet<String>> {
        let accounts = match self.accounts.take() {
            Some(accounts) => accounts,
            None => accounts(self.store, self.owner).await?,
        };
        Ok(self.accounts.insert(accounts))
    }
}

async fn accounts(store: &dyn RepositoryStore, owner: &str) -> PortResult<BTreeSet<String>> {
    let kept = store.load(owner, DocumentKind::Accounts).await?;
    Ok(kept.into_keys().collect())
}

/// Keeps that an account writes issues for this installation.
pub(crate) async fn remember(store: &dyn RepositoryStore, owner: &str, login: &str) -> PortResult<()> {
    let key = login.to_ascii_lowercase();
    if accounts(store, owner).await?.contains(&key) {
        return Ok(());
    }
    let document = json!({"version": VERSION, "login": login});
    let changes = BTreeMap::from([(key, Some(document))]);
    store.save(owner, DocumentKind::Accounts, &changes).await
}

#[derive(Debug, Deserialize)]
struct Permission {
    permission: String,
}

/// Whether somebody may write to a repository. GitHub maps `maintain` to `write` and `triage` to `read`.
/// Source: <https://docs.github.com/en/rest/collaborators/collaborators#get-repository-permissions-for-a-user>.
async fn may_write(client: &Client, repository: &str, login: &str) -> Result<bool, Error> {
    let Some((owner, name)) = repository.split_once('/') else {
        return Ok(false);
    };
    let ask = Ask::new(
        get(&["repos", owner, name, "collaborators", login, "permission"]),
        format!("read what {login} may do in {repository}"),
    );
    let found = client.optional::<Permission>(&ask).await?;
    Ok(found.is_some_and(|found| matches!(found.permission.as_str(), "admin" | "write")))
}
