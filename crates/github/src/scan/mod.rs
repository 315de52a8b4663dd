//! Reading repositories: an owner's, page by page, or one with everything about it.

mod classic;
mod kept_documents;
mod one;
mod pages;
mod people;
mod posture;
mod reader;
mod rulesets;
mod security;
mod settings;
mod trees;
mod unread;
mod wire;
mod workflows;

use std::collections::{HashMap, HashSet};

use cc_devops_kernel::ports::PortResult;
use cc_devops_repos::policy::Policy;
use cc_devops_repos::ports::{Depth, Found, RepositoryStore, TakeFound};
use cc_devops_repos::snapshot::{Fact, Gap, Repository};
use futures::channel::mpsc;
use futures::stream::{self, StreamExt};
use futures::{SinkExt, join};
use std::future::ready;

#[cfg(test)]
pub(crate) use self::classic::people;
pub(crate) use self::one::one;
use self::pages::{LeftOut, Listed, Pages};
use self::posture::Freshness;
pub(crate) use self::posture::forget;
use self::reader::Reader;
use self::security::OfList;
use self::settings::{CONTENTS, Errors};
use crate::batches::MOST_NODES;
use crate::client::{Client, Error};
use crate::queries;

/// How many pages may wait while others are looked at.
const PAGES_AHEAD: usize = 2;

/// How many repositories may wait until it is known who is let past their rulesets.
const HELD: usize = 1_000;

/// Why nothing is known of a repository that the organisation's list left out.
const NOT_LISTED: &str = "GitHub did not list it with the others";

/// How many repositories are asked about security updates at the same time.
const AT_ONCE: usize = 20;

/// Reads every repository of an owner.
pub(crate) async fn owner(
    client: &Client,
    store: &dyn RepositoryStore,
    policy: Option<&Policy>,
    owner: &str,
    depth: Depth<'_>,
    take: &mut TakeFound<'_>,
) -> PortResult<()> {
    let query = match depth {
        Depth::Settings => queries::SETTINGS,
        Depth::Runs { .. } => queries::LISTING,
    };
    let mut pages = Pages::new(client, query, owner);
    let Some(first) = pages.next().await? else {
        return Ok(());
    };
    take(Found::Total(first.total));
    let login = first.login.clone();
    let (total, organization) = (first.total, first.organization);
    let (mut send, mut receive) = mpsc::channel::<Result<Listed, Error>>(PAGES_AHEAD);
    let listing = async move {
        let mut next = Ok(Some(first));
        while let Some(page) = next.transpose() {
            let broken = page.is_err();
            // Nobody listens any more: the looking has failed.
            if send.send(page).await.is_err() || broken {
                return;
            }
            next = pages.next().await;
        }
    };
    let looking = async move {
        let look = Look::begin(client, (store, policy), (&login, organization), total, depth);
        let mut look = Box::pin(look).await?;
        if let Some(organization) = look.posture.organization(&login, look.reader.plan()) {
            take(Found::Organization(Box::new(organization)));
        }
        let mut listed = 0_u64;
        let mut whole = true;
        while let Some(page) = receive.next().await {
            match page {
                Ok(page) => {
                    listed += (page.repositories.len() + page.left_out.len()) as u64;
                    look.page(page, depth, take).await?;
                }
                Err(error) => {
                    whole = false;
                    take(Found::BrokeOff { why: error.to_string() });
                }
            }
        }
        look.release(take).await?;
        // Where one came without its number, nobody knows which of those that are kept it is.
        if whole && listed >= total && look.seen.len() == look.listed {
            look.forget_what_is_gone().await;
        }
        if whole && listed < total {
            let why = format!("GitHub counts {total} repositories and lists {listed}");
            take(Found::BrokeOff { why });
        }
        Ok(())
    };
    join!(listing, looking).1
}

struct Look<'c> {
    client: &'c Client,
    store: &'c dyn RepositoryStore,
    owner: String,
    reader: Reader<'c>,
    posture: posture::Reader<'c>,
    /// By the repository's id; `None` where GitHub tells it only one by one.
    security: Option<HashMap<u64, OfList>>,
    held: Vec<Repository>,
    seen: HashSet<u64>,
    listed: usize,
}

impl<'c> Look<'c> {
    async fn begin(
        client: &'c Client,
        (store, policy): (&'c dyn RepositoryStore, Option<&'c Policy>),
        (owner, organization): (&str, bool),
        total: u64,
        depth: Depth<'c>,
    ) -> PortResult<Self> {
        let policy = policy.filter(|_| matches!(depth, Depth::Settings));
        let posture = posture::Reader::begin(client, store, policy, (owner, organization), Freshness::InTurn);
        let reader = Reader::begin(client, store, owner, organization, depth);
        let security = async {
            if matches!(depth, Depth::Runs { .. }) || !organization {
                return Ok(None);
            }
            security::of_organization(client, owner, total).await.map(Some)
        };
        let (reader, posture, security) = join!(reader, posture, security);
        let security = match security {
            Ok(security) => security,
            Err(error) => {
                tracing::warn!(%error, "security updates are not known");
                Some(HashMap::new())
            }
        };
        Ok(Self {
            client,
            store,
            owner: owner.to_owned(),
            reader: reader?,
            posture: posture?,
            security,
            held: Vec::new(),
            seen: HashSet::new(),
            listed: 0,
        })
    }

    /// Looks at a page; hands over what is known by then.
    async fn page(&mut self, page: Listed, depth: Depth<'_>, take: &mut TakeFound<'_>) -> PortResult<()> {
        let mut drafts = Vec::with_capacity(page.repositories.len());
        for LeftOut { id, name, why } in page.left_out {
            self.listed += 1;
            self.seen.extend(id);
            take(Found::Missing { name, why });
        }
        for (place, wire) in page.repositories.into_iter().enumerate() {
            self.listed += 1;
            let about = |error: &&crate::client::GraphError| {
                error.at(1) == Some("repositories") && error.at(2) == Some("nodes") && error.index(3) == Some(place)
            };
            let errors = Errors::new(4, page.errors.iter().filter(about).collect());
            let Some((id, wire)) = wire.and_then(|wire| Some((wire.database_id?, wire))) else {
                take(missing(self.listed, &errors));
                continue;
            };
            // Without its branch it would seem to be empty.
            if wire.default_branch_ref.is_none()
                && let Some(gap) = errors.gap(&["defaultBranchRef"], CONTENTS)
            {
                take(Found::Missing {
                    name: wire.name,
                    why: gap.to_string(),
                });
                continue;
            }
            // One that is renamed meanwhile may be listed twice.
            if self.seen.insert(id) {
                drafts.extend(self.reader.draft(wire, &errors));
            }
        }
        self.reader.complete(&mut drafts).await?;
        let mut repositories: Vec<Repository> = drafts.into_iter().map(|draft| draft.repository).collect();
        if matches!(depth, Depth::Settings) {
            self.security_updates(&mut repositories).await;
            let plan = self.reader.plan();
            self.posture.fill(repositories.iter_mut().collect(), plan).await?;
            self.posture.save(self.store, &self.owner).await;
        }
        self.held.append(&mut repositories);
        let unlooked = self.reader.unlooked();
        if unlooked == 0 || unlooked >= MOST_NODES || self.held.len() >= HELD {
            self.release(take).await
        } else {
            self.reader.save().await;
            Ok(())
        }
    }

    async fn security_updates(&self, repositories: &mut [Repository]) {
        if let Some(known) = &self.security {
            for repository in repositories {
                let listed = known.get(&repository.id.0);
                let settings = listed.map(|listed| listed.settings.as_ref());
                self.posture.listed(repository, settings.ok_or(NOT_LISTED));
                let absent = || Fact::Unknown(Gap::NotRead(NOT_LISTED.to_owned()));
                repository.security_updates = listed.map_or_else(absent, |listed| listed.updates.clone());
            }
            return;
        }
        let mut reads = Vec::with_capacity(repositories.len());
        for repository in repositories {
            reads.push(security::fill(self.client, repository));
        }
        stream::iter(reads)
            .buffer_unordered(AT_ONCE)
            .for_each(|()| ready(()))
            .await;
    }

    /// Forgets what is kept of repositories that the owner has no more: all that there are were seen.
    async fn forget_what_is_gone(&mut self) {
        self.reader.retain(&self.seen);
        self.reader.save().await;
        self.posture.retain(&self.seen);
        self.posture.save(self.store, &self.owner).await;
    }

    /// Looks up who is let past the rulesets seen so far, and hands over what waits for it.
    async fn release(&mut self, take: &mut TakeFound<'_>) -> PortResult<()> {
        self.reader.look_up_bypasses().await?;
        for mut repository in self.held.drain(..) {
            self.reader.let_past(&mut repository);
            take(Found::Repository(Box::new(repository)));
        }
        self.reader.save().await;
        Ok(())
    }
}

fn missing(place: usize, errors: &Errors<'_>) -> Found {
    let why = match errors.gap(&[], "Metadata: read") {
        Some(gap) => gap.to_string(),
        None => "GitHub lists it without anything about it".to_owned(),
    };
    Found::Missing {
        name: format!("number {place} of the list"),
        why,
    }
}
