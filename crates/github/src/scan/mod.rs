//! Reading repositories: an owner's, page by page, or one with everything about it.

mod one;
mod pages;
mod posture;
mod rulesets;
mod security;
mod settings;
mod unread;
mod wire;
mod workflows;

use std::collections::{BTreeMap, HashMap, HashSet};

use cc_devops_kernel::ports::PortResult;
use cc_devops_repos::policy::Policy;
use cc_devops_repos::ports::{Depth, Found, RepositoryStore, TakeFound};
use cc_devops_repos::snapshot::{BypassActor, Fact, Gap, Repository, SecurityUpdates};
use futures::channel::mpsc;
use futures::stream::{self, StreamExt};
use futures::{SinkExt, join};
use serde_json::json;
use std::future::ready;

pub(crate) use self::one::one;
#[cfg(test)]
pub(crate) use self::one::people;
use self::pages::{Listed, Pages};
use self::posture::Freshness;
pub(crate) use self::posture::forget;
use self::security::OfList;
use self::settings::{CONTENTS, Errors, Plan};
use self::workflows::{Index, Wanted};
use crate::batches::{self, MOST_NODES};
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
        let mut look = Look::begin(client, (store, policy), (&login, organization), total, depth).await?;
        if let Some(organization) = look.posture.organization(&login, look.plan.two_factor_required) {
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
        if whole && listed < total {
            let why = format!("GitHub counts {total} repositories and lists {listed}");
            take(Found::BrokeOff { why });
        }
        // What is not kept is only listed again next time.
        if let Err(error) = look.index.save(store, &login).await {
            tracing::warn!(%error, "which workflows there are could not be kept");
        }
        look.posture.save(store, &login).await;
        Ok(())
    };
    join!(listing, looking).1
}

/// Who is let past a ruleset, by the ruleset's number.
type Bypasses = HashMap<u64, Fact<Vec<BypassActor>>>;

struct Look<'c> {
    client: &'c Client,
    index: Index,
    plan: Plan,
    posture: posture::Reader<'c>,
    /// By the repository's id; `None` where GitHub tells it only one by one.
    security: Option<HashMap<u64, OfList>>,
    bypasses: Bypasses,
    /// Rulesets that nobody looked up yet: their node ids by their numbers.
    unknown: BTreeMap<u64, String>,
    held: Vec<Repository>,
    seen: HashSet<u64>,
    listed: usize,
}

impl<'c> Look<'c> {
    async fn begin(
        client: &'c Client,
        (store, policy): (&dyn RepositoryStore, Option<&'c Policy>),
        (owner, organization): (&str, bool),
        total: u64,
        depth: Depth<'_>,
    ) -> PortResult<Self> {
        let policy = policy.filter(|_| matches!(depth, Depth::Settings));
        let posture = posture::Reader::begin(client, store, policy, (owner, organization), Freshness::InTurn).await?;
        let index = Index::load(store, owner);
        let (index, plan, security) = match depth {
            Depth::Runs { .. } => (index.await?, Plan::default(), None),
            Depth::Settings => {
                let security = async {
                    if !organization {
                        return Ok(None);
                    }
                    security::of_organization(client, owner, total).await.map(Some)
                };
                let (index, plan, security) = join!(index, security::plan(client, owner, organization), security);
                let security = match security {
                    Ok(security) => security,
                    Err(error) => {
                        tracing::warn!(%error, "security updates are not known");
                        Some(HashMap::new())
                    }
                };
                (index?, plan?, security)
            }
        };
        Ok(Self {
            client,
            index,
            plan,
            posture,
            security,
            bypasses: HashMap::new(),
            unknown: BTreeMap::new(),
            held: Vec::new(),
            seen: HashSet::new(),
            listed: 0,
        })
    }

    /// Looks at a page; hands over what is known by then.
    async fn page(&mut self, page: Listed, depth: Depth<'_>, take: &mut TakeFound<'_>) -> PortResult<()> {
        let mut repositories = Vec::with_capacity(page.repositories.len());
        let mut folders = Vec::with_capacity(page.repositories.len());
        for (name, why) in page.left_out {
            self.listed += 1;
            take(Found::Missing { name, why });
        }
        for (place, wire) in page.repositories.into_iter().enumerate() {
            self.listed += 1;
            let about = |error: &&crate::client::GraphError| {
                error.at(1) == Some("repositories") && error.at(2) == Some("nodes") && error.index(3) == Some(place)
            };
            let errors = Errors::new(4, page.errors.iter().filter(about).collect());
            let read = wire.and_then(|wire| Some((settings::basics(&wire)?, wire)));
            let Some((mut repository, wire)) = read else {
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
            if !self.seen.insert(repository.id.0) {
                continue;
            }
            self.client.learn_node(&repository.full_name(), &wire.id);
            let folder = workflows::Folder::of(wire.workflows.as_ref());
            folders.push((folder, errors.gap(&["workflows"], CONTENTS)));
            if matches!(depth, Depth::Settings) {
                let nodes = settings::fill(&mut repository, wire, &errors, self.plan);
                let new = nodes.into_iter().filter(|(id, _)| !self.bypasses.contains_key(id));
                self.unknown.extend(new);
            }
            repositories.push(repository);
        }
        let wanted = repositories
            .iter_mut()
            .zip(folders)
            .map(|(repository, (folder, gap))| Wanted {
                repository,
                folder,
                gap,
            });
        let closely = match depth {
            Depth::Settings => None,
            Depth::Runs { closely } => Some(closely),
        };
        workflows::fill(self.client, &mut self.index, wanted.collect(), closely).await?;
        if matches!(depth, Depth::Settings) {
            self.security_updates(&mut repositories).await;
            self.posture.fill(repositories.iter_mut().collect(), self.plan).await?;
        }
        self.held.append(&mut repositories);
        if self.unknown.is_empty() || self.unknown.len() >= MOST_NODES || self.held.len() >= HELD {
            self.release(take).await?;
        }
        Ok(())
    }

    async fn security_updates(&self, repositories: &mut [Repository]) {
        if let Some(known) = &self.security {
            for repository in repositories {
                let listed = known.get(&repository.id.0);
                self.posture
                    .listed(repository, listed.map(|listed| listed.settings.as_ref()));
                let absent = || Fact::Unknown(Gap::NotRead(NOT_LISTED.to_owned()));
                repository.security_updates = listed.map_or_else(absent, |listed| listed.updates.clone());
            }
            return;
        }
        let mut reads = Vec::with_capacity(repositories.len());
        for repository in repositories {
            reads.push(security_updates_of(self.client, repository));
        }
        stream::iter(reads)
            .buffer_unordered(AT_ONCE)
            .for_each(|()| ready(()))
            .await;
    }

    /// Looks up who is let past the rulesets seen so far, and hands over what waits for it.
    async fn release(&mut self, take: &mut TakeFound<'_>) -> PortResult<()> {
        let unknown = std::mem::take(&mut self.unknown);
        if !unknown.is_empty() {
            let ids: Vec<String> = unknown.values().cloned().collect();
            let lookup = batches::Lookup {
                query: queries::BYPASS_ACTORS,
                size: MOST_NODES,
                permission: settings::ADMINISTRATION,
                what: "read who may bypass rulesets",
            };
            let mut looked = batches::look_up::<wire::BypassAnswer>(self.client, lookup, &ids, &json!({})).await?;
            for (id, node) in unknown {
                let fact = match looked.remove(&node) {
                    Some(Ok(Some(answer))) => rulesets::bypass(answer.bypass_actors),
                    Some(Ok(None)) => rulesets::bypass(None),
                    Some(Err(gap)) => Fact::Unknown(gap),
                    None => Fact::Unknown(Gap::NotRead("GitHub did not answer".to_owned())),
                };
                self.bypasses.insert(id, fact);
            }
        }
        for mut repository in self.held.drain(..) {
            let rulesets = repository.default_branch.as_mut().map(|branch| &mut branch.rulesets);
            if let Some(Fact::Known(rulesets)) = rulesets {
                for ruleset in rulesets {
                    if let Some(bypass) = self.bypasses.get(&ruleset.id) {
                        ruleset.bypass = bypass.clone();
                    }
                }
            }
            take(Found::Repository(Box::new(repository)));
        }
        Ok(())
    }
}

async fn security_updates_of(client: &Client, repository: &mut Repository) {
    // Without alerts there is nothing to update.
    repository.security_updates = if repository.vulnerability_alerts == Fact::Known(false) {
        Fact::Known(SecurityUpdates::Off)
    } else {
        security::of_repository(client, &repository.owner, &repository.name).await
    };
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
