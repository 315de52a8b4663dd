//! An owner's repositories, page by page.

use serde_json::json;

use super::wire::{OwnerAnswer, Page, Repository, is_organization};
use crate::client::{Client, Error, GraphError, Query};
use crate::queries;

/// How many repositories are asked for at first. GitHub's limit is 100; where a page is too much for it, the
/// next ones are half as large.
const PAGE: usize = 100;

/// After so many smaller pages the next is twice as large again.
const TO_GROW: u32 = 4;

/// A page.
pub(super) struct Listed {
    pub(super) total: u64,
    /// Whether the owner is an organisation.
    pub(super) organization: bool,
    /// The owner's login as GitHub writes it.
    pub(super) login: String,
    pub(super) repositories: Vec<Option<Repository>>,
    pub(super) errors: Vec<GraphError>,
    /// Those that could not be read at all.
    pub(super) left_out: Vec<LeftOut>,
}

/// A repository of which no more could be read than that it is there.
pub(super) struct LeftOut {
    pub(super) id: Option<u64>,
    pub(super) name: String,
    pub(super) why: String,
}

impl Listed {
    /// The same repositories, none of which was read.
    fn without(mut self, error: &Error) -> Self {
        let repositories = std::mem::take(&mut self.repositories).into_iter().flatten();
        self.left_out.extend(repositories.map(|repository| LeftOut {
            id: repository.database_id,
            name: repository.name,
            why: error.to_string(),
        }));
        self
    }
}

/// Reads pages one after the other: where the next begins is in the one before.
pub(super) struct Pages<'c> {
    client: &'c Client,
    query: Query,
    owner: &'c str,
    size: usize,
    /// Pages of this size so far.
    read: u32,
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
            read: 0,
            after: None,
            ended: false,
        }
    }

    /// The next page; `None` after the last. After an error there is none either.
    pub(super) async fn next(&mut self) -> Result<Option<Listed>, Error> {
        while !self.ended {
            let page = match self.page(self.query).await {
                Err(Error::TooSlow { .. }) if self.size > 1 => {
                    self.size /= 2;
                    self.read = 0;
                    tracing::debug!(size = self.size, "a page was too much for GitHub; the next is smaller");
                    continue;
                }
                // This one repository is too much. Those behind it are not.
                Err(error @ Error::TooSlow { .. }) if self.query.name != queries::LISTING.name => {
                    let passed = self.page(queries::LISTING).await;
                    passed.map(|(page, listed)| (page, listed.without(&error)))
                }
                page => page,
            };
            match page {
                Ok((page, listed)) => {
                    self.ended = !page.has_next_page;
                    self.after = page.end_cursor;
                    self.grow();
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

    fn grow(&mut self) {
        self.read += 1;
        if self.read >= TO_GROW {
            self.size = (self.size * 2).min(PAGE);
            self.read = 0;
        }
    }

    async fn page(&self, query: Query) -> Result<(Page, Listed), Error> {
        let variables = json!({"owner": self.owner, "first": self.size, "after": self.after});
        let what = format!("read the repositories of {}", self.owner);
        let answer = if self.size > 1 {
            self.client
                .query_or_shrink::<OwnerAnswer>(query, variables, &what)
                .await?
        } else {
            self.client.query(query, variables, &what).await?
        };
        let Some(owner) = answer.data.repository_owner else {
            let refused = answer.errors.iter().find(|error| error.kind == "FORBIDDEN");
            return Err(match refused {
                Some(error) => Error::Forbidden {
                    what,
                    permission: Some("Metadata: read".to_owned()),
                    message: error.message.clone(),
                },
                None => Error::NotFound { what },
            });
        };
        let listed = Listed {
            total: owner.repositories.total_count,
            organization: is_organization(&owner.kind),
            login: owner.login,
            repositories: owner.repositories.nodes,
            errors: answer.errors,
            left_out: Vec::new(),
        };
        Ok((owner.repositories.page_info, listed))
    }
}
