//! An owner's repositories, page by page.

use serde_json::{Value, json};

use super::wire::{OwnerAnswer, Page, Repository, is_organization};
use crate::client::{Client, Error, GraphError, Query};

/// How many repositories are asked for at first. GitHub's limit is 100; where a page is too much for it, the
/// next ones are half as large.
const PAGE: usize = 100;

/// How often a page of the smallest size is asked for.
const PATIENCE: u32 = 3;

/// A page.
pub(super) struct Listed {
    pub(super) total: u64,
    /// Whether the owner is an organisation.
    pub(super) organization: bool,
    /// The owner's login as GitHub writes it.
    pub(super) login: String,
    pub(super) repositories: Vec<Option<Repository>>,
    pub(super) errors: Vec<GraphError>,
}

/// Reads pages one after the other: where the next begins is in the one before.
pub(super) struct Pages<'c> {
    client: &'c Client,
    query: Query,
    owner: &'c str,
    size: usize,
    patience: u32,
    after: Option<String>,
    ended: bool,
}

impl<'c> Pages<'c> {
    pub(super) fn new(client: &'c Client, query: Query, owner: &'c str) -> Self {
        Self {
            client,
            query,
            owner,
            size: PAGE,
            patience: PATIENCE,
            after: None,
            ended: false,
        }
    }

    /// The next page; `None` after the last. After an error there is none either.
    pub(super) async fn next(&mut self) -> Result<Option<Listed>, Error> {
        while !self.ended {
            let variables = json!({"owner": self.owner, "first": self.size, "after": self.after});
            let what = format!("read the repositories of {}", self.owner);
            match self.page(variables, &what).await {
                Err(Error::TooSlow { .. }) if self.size > 1 || self.patience > 0 => {
                    if self.size == 1 {
                        self.patience -= 1;
                    }
                    self.size = (self.size / 2).max(1);
                    tracing::debug!(size = self.size, "a page was too much for GitHub; the next is smaller");
                }
                Ok((page, listed)) => {
                    self.ended = !page.has_next_page;
                    self.after = page.end_cursor;
                    return Ok(Some(listed));
                }
                Err(error) => {
                    self.ended = true;
                    return Err(error);
                }
            }
        }
        Ok(None)
    }

    async fn page(&self, variables: Value, what: &str) -> Result<(Page, Listed), Error> {
        let answer = self.client.query::<OwnerAnswer>(self.query, variables, what).await?;
        let Some(owner) = answer.data.repository_owner else {
            let refused = answer.errors.iter().find(|error| error.kind == "FORBIDDEN");
            return Err(match refused {
                Some(error) => Error::Forbidden {
                    what: what.to_owned(),
                    permission: Some("Metadata: read".to_owned()),
                    message: error.message.clone(),
                },
                None => Error::NotFound { what: what.to_owned() },
            });
        };
        let listed = Listed {
            total: owner.repositories.total_count,
            organization: is_organization(&owner.kind),
            login: owner.login,
            repositories: owner.repositories.nodes,
            errors: answer.errors,
        };
        Ok((owner.repositories.page_info, listed))
    }
}
