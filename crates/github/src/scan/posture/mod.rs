//! What the rules on security look at beside branches and dependencies. What GraphQL knows is read in every look,
//! a hundred repositories a request. What only REST knows is asked of each repository once, and again where the
//! repository moved, where it is its turn, or where it is the one that somebody looks at.

mod asked;
mod graph;
mod kept;
mod organization;
mod rest;
mod wire;

use std::collections::{BTreeSet, HashMap, HashSet};
use std::sync::{Mutex, PoisonError};

use cc_devops_kernel::ports::PortResult;
use cc_devops_repos::findings;
use cc_devops_repos::policy::{Policy, PolicySettings};
use cc_devops_repos::ports::RepositoryStore;
use cc_devops_repos::snapshot::{
    CodeScanning, DefaultBranch, DependabotRun, Fact, Gap, Observed, Organization, Posture, Repository, RulesetRule,
    SecretScanning, TokenPermission, Visibility, Webhook,
};
use futures::stream::{self, StreamExt};
use jiff::civil::Date;
use serde::Serialize;
use serde::de::DeserializeOwned;

use self::asked::{Asked, Topic};
use self::kept::{KeptFact, KeptFacts};
use self::organization::OfOrganization;
use self::rest::{Place, Revalidated};
use super::settings::{ADMINISTRATION, CONTENTS, Plan};
use crate::client::{Client, Error};

pub(crate) use self::kept::forget;
pub(in crate::scan) use self::rest::SecurityAndAnalysis;
use self::rest::secret_scanning;

/// How many repositories are read at the same time.
const AT_ONCE: usize = 20;

/// How often what is kept is read again.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Freshness {
    /// In turn: there are many repositories.
    InTurn,
    /// Always: somebody looks at this one.
    Always,
}

/// Reads what a policy asks about repositories of an owner.
pub(super) struct Reader<'c> {
    client: &'c Client,
    /// `None` where nothing is asked.
    policy: Option<&'c Policy>,
    asked: Asked,
    /// What holds for all repositories; `None` where a person owns them.
    organization: Option<OfOrganization>,
    kept_facts: KeptFacts,
    news: Mutex<News>,
    freshness: Freshness,
    today: Date,
}

/// A repository whose posture is read.
struct Target<'r> {
    repository: &'r mut Repository,
    settings: PolicySettings,
    asked: Asked,
    /// What moves when the repository does; empty where it was not looked up.
    stamp: String,
}

/// What one turn came to.
struct Taken {
    id: u64,
    /// What was read; `None` where there is no such thing to keep.
    read: Vec<(Topic, Option<KeptFact>)>,
    /// What was asked of the repository itself, whether GitHub was asked or what is kept was taken.
    asked: BTreeSet<Topic>,
}

/// What REST is asked about one repository, and what comes of it.
struct Turn<'t> {
    client: &'t Client,
    kept_facts: &'t KeptFacts,
    news: &'t Mutex<News>,
    freshness: Freshness,
    today: Date,
    /// Whether the repository is another than when it was last read.
    moved: bool,
    taken: Taken,
}

/// What one repository tells about the others.
#[derive(Default)]
struct News {
    /// Why nothing more is asked: a limit that lasts.
    stopped: Option<String>,
    /// What the credential may see by now and could not see before.
    granted: BTreeSet<Topic>,
}

/// What to do about a fact.
enum Step<T> {
    /// It is known well enough.
    Take(Observed<T>),
    /// GitHub is asked, with what it called its last answer.
    Ask(Option<String>),
}

impl<'c> Reader<'c> {
    /// Begins with what is kept, and with what holds for the whole organisation.
    pub(super) async fn begin(
        client: &'c Client,
        store: &dyn RepositoryStore,
        policy: Option<&'c Policy>,
        (owner, organization): (&str, bool),
        freshness: Freshness,
    ) -> PortResult<Self> {
        let asked = policy.map(Asked::at_all).unwrap_or_default();
        let today = client.today();
        let kept_facts = if asked.is_empty() {
            KeptFacts::none()
        } else {
            KeptFacts::load(store, owner, today).await?
        };
        let organization = if organization {
            Some(OfOrganization::read(client, owner, &asked).await)
        } else {
            None
        };
        Ok(Self {
            client,
            policy,
            asked,
            organization,
            kept_facts,
            news: Mutex::default(),
            freshness,
            today,
        })
    }

    /// The organisation itself, where a rule is about it.
    pub(super) fn organization(&self, login: &str, plan: &Plan) -> Option<Organization> {
        let of = self.organization.as_ref()?;
        of.told(login, &self.asked, &plan.two_factor_required)
    }

    /// Takes what the organisation says of a repository: its security settings, which are shown to those who
    /// administer it, or why it says nothing.
    pub(super) fn listed(&self, repository: &mut Repository, settings: Result<Option<&SecurityAndAnalysis>, &str>) {
        if self.asked.has(Topic::SecretScanning) {
            let public = repository.visibility == Visibility::Public;
            let fact = match settings {
                Ok(settings) => secret_scanning(settings, public),
                Err(why) => Fact::Unknown(Gap::NotRead(why.to_owned())),
            };
            repository.posture.secret_scanning = Some(Observed::now(fact));
        }
    }

    /// Fills in what is asked of these repositories. Fails only if the credential is refused.
    pub(super) async fn fill(&mut self, repositories: Vec<&mut Repository>, plan: &Plan) -> Result<(), Error> {
        let Some(policy) = self.policy.filter(|_| !self.asked.is_empty()) else {
            return Ok(());
        };
        let mut targets: Vec<Target<'_>> = Vec::with_capacity(repositories.len());
        let mut nodes = Vec::with_capacity(repositories.len());
        for repository in repositories {
            let settings = policy.settings(&repository.owner, &repository.name);
            if findings::skipped(repository, &settings).is_some() {
                self.kept_facts.forget(repository.id.0);
                continue;
            }
            let Some(node) = self.client.known_node(&repository.full_name()) else {
                continue;
            };
            let asked = Asked::of(&settings);
            nodes.push(node);
            targets.push(Target {
                repository,
                settings,
                asked,
                stamp: String::new(),
            });
        }
        let mut looked = graph::look_up(self.client, &self.asked, &nodes).await?;
        for (target, node) in targets.iter_mut().zip(&nodes) {
            let private = target.repository.visibility == Visibility::Private;
            let unprotected = (plan.free && private)
                .then_some("GitHub has it for private repositories from the plans Pro and Team on");
            let organization = self.organization.is_some();
            let posture = &mut target.repository.posture;
            if target.asked.has(Topic::RequiredWorkflows) {
                let required = required_workflows(target.repository.default_branch.as_ref());
                posture.required_workflows = Some(Observed::now(required));
            }
            match looked.remove(node) {
                Some(Ok(seen)) => {
                    target.stamp = seen.stamp();
                    seen.fill(posture, &target.asked, organization, unprotected);
                }
                Some(Err(gap)) => graph::unread(posture, &target.asked, &gap),
                None => {
                    let gap = Gap::NotRead("GitHub did not answer".to_owned());
                    graph::unread(posture, &target.asked, &gap);
                }
            }
        }
        self.rest(targets).await;
        Ok(())
    }

    /// What only REST knows.
    async fn rest(&mut self, mut targets: Vec<Target<'_>>) {
        let organization = self.organization.as_ref();
        let mut turns = Vec::with_capacity(targets.len());
        for target in &mut targets {
            let id = target.repository.id.0;
            let kept = self.kept_facts.of(id);
            let turn = Turn {
                client: self.client,
                kept_facts: &self.kept_facts,
                news: &self.news,
                freshness: self.freshness,
                today: self.today,
                moved: !target.stamp.is_empty() && kept.is_some_and(|kept| kept.stamp != target.stamp),
                taken: Taken {
                    id,
                    read: Vec::new(),
                    asked: BTreeSet::new(),
                },
            };
            turns.push(turn.take(target, organization));
        }
        let turns = stream::iter(turns).buffer_unordered(AT_ONCE);
        let mut taken: HashMap<u64, Taken> = turns.map(|taken| (taken.id, taken)).collect().await;
        for Target { repository, stamp, .. } in &targets {
            if let Some(taken) = taken.remove(&repository.id.0) {
                self.kept_facts.keep(taken, &repository.name, stamp);
            }
        }
    }

    /// Keeps nothing of repositories that are not among these, which are all that the owner has.
    pub(super) fn retain(&mut self, repositories: &HashSet<u64>) {
        self.kept_facts.retain(repositories);
    }

    /// Keeps what was read. What is not kept is only read again the next time.
    pub(super) async fn save(&mut self, store: &dyn RepositoryStore, owner: &str) {
        if let Err(error) = self.kept_facts.save(store, owner).await {
            tracing::warn!(%error, "what was read of repositories could not be kept");
        }
    }
}

impl Turn<'_> {
    /// Reads what is asked of the repository, and hands over what is to be kept.
    async fn take(mut self, target: &mut Target<'_>, organization: Option<&OfOrganization>) -> Taken {
        let Target {
            repository,
            settings,
            asked,
            ..
        } = target;
        let mut posture = std::mem::take(&mut repository.posture);
        let place = Place {
            owner: &repository.owner,
            name: &repository.name,
            visibility: repository.visibility,
        };
        let client = self.client;
        if asked.has(Topic::WorkflowPermissions) {
            let of_all = organization.and_then(OfOrganization::workflow_permissions);
            posture.workflow_permissions = Some(if let Some(permissions) = of_all {
                Observed::known(permissions)
            } else {
                let ask = |etag| place.workflow_permissions(client, etag);
                self.read(Topic::WorkflowPermissions, ask, |seen| {
                    seen.token == TokenPermission::Write
                })
                .await
            });
        }
        if asked.has(Topic::Actions) {
            let of_all = organization.and_then(|of| of.actions(settings.actions.allowed));
            posture.actions = Some(if let Some(actions) = of_all {
                Observed::known(actions)
            } else {
                let ask = |etag| place.actions(client, etag);
                self.read(Topic::Actions, ask, |seen| seen.allowed < settings.actions.allowed)
                    .await
            });
        } else if let Some(actions) = organization.and_then(OfOrganization::pinning) {
            posture.actions = Some(Observed::known(actions));
        }
        // Where a list of the organisation's repositories told it, it is there already.
        if asked.has(Topic::SecretScanning) && posture.secret_scanning.is_none() {
            let ask = |etag| place.secret_scanning(client, etag);
            let weak = |seen: &SecretScanning| {
                seen.scanning == Fact::Known(false) || seen.push_protection == Fact::Known(false)
            };
            posture.secret_scanning = Some(self.read(Topic::SecretScanning, ask, weak).await);
        }
        if asked.has(Topic::CodeScanning) && !scans_by_workflow(&posture) {
            let ask = |etag| place.code_scanning(client, etag);
            let weak = |seen: &CodeScanning| !seen.default_setup;
            posture.code_scanning = Some(self.read(Topic::CodeScanning, ask, weak).await);
        }
        if asked.has(Topic::Webhooks) {
            let ask = |etag| place.webhooks(client, etag);
            let weak = |hooks: &Vec<Webhook>| hooks.iter().any(|hook| !(hook.https && hook.verified && hook.secret));
            posture.webhooks = Some(self.read(Topic::Webhooks, ask, weak).await);
        }
        if asked.has(Topic::DependabotRuns) {
            let ask = |etag| place.dependabot_runs(client, etag);
            let failed = |run: &DependabotRun| run.conclusion.as_deref() == Some("failure");
            let weak = |runs: &Vec<DependabotRun>| runs.iter().any(failed);
            posture.dependabot_runs = Some(self.read(Topic::DependabotRuns, ask, weak).await);
        }
        repository.posture = posture;
        self.taken
    }

    /// A fact about the repository: as it is kept, or as GitHub answers when it is asked with what it called its last
    /// answer. `weak` is whether a rule may be broken by it.
    async fn read<T, A>(
        &mut self,
        topic: Topic,
        ask: impl FnOnce(Option<String>) -> A,
        weak: impl Fn(&T) -> bool,
    ) -> Observed<T>
    where
        T: Serialize + DeserializeOwned,
        A: Future<Output = Revalidated<T>>,
    {
        match self.step(topic) {
            Step::Take(seen) => seen,
            Step::Ask(etag) => {
                let came = ask(etag).await;
                self.concluded(topic, came, weak)
            }
        }
    }

    /// Whether GitHub is asked.
    fn step<T: DeserializeOwned>(&mut self, topic: Topic) -> Step<T> {
        self.taken.asked.insert(topic);
        let kept = self
            .kept_facts
            .of(self.taken.id)
            .and_then(|kept| kept.facts.get(&topic));
        let fact = kept.and_then(|kept| Some((kept, kept.fact::<T>()?)));
        let news = self.news.lock().unwrap_or_else(PoisonError::into_inner);
        let Some((kept, fact)) = fact else {
            return match &news.stopped {
                Some(why) => Step::Take(Observed::now(Fact::Unknown(Gap::NotRead(why.clone())))),
                None => Step::Ask(None),
            };
        };
        let hidden = matches!(fact, Fact::Unknown(_));
        let again = self.freshness == Freshness::Always
            || self.moved
            || self.kept_facts.is_due(self.taken.id, topic)
            || (hidden && news.granted.contains(&topic));
        if again && news.stopped.is_none() {
            return Step::Ask(kept.etag.clone());
        }
        Step::Take(Observed {
            fact,
            on: Some(kept.on).filter(|on| *on != self.today),
        })
    }

    /// Takes what came, and keeps it.
    fn concluded<T>(&mut self, topic: Topic, came: Revalidated<T>, weak: impl Fn(&T) -> bool) -> Observed<T>
    where
        T: Serialize + DeserializeOwned,
    {
        let kept = self
            .kept_facts
            .of(self.taken.id)
            .and_then(|kept| kept.facts.get(&topic));
        let before = kept.and_then(|kept| Some((kept, kept.fact::<T>()?)));
        let (fact, etag) = match (came, before) {
            (Revalidated::Unchanged, Some((kept, fact))) => (fact, kept.etag.clone()),
            (Revalidated::Unchanged, None) => (Fact::Unknown(Gap::NotRead("nothing was kept of it".to_owned())), None),
            (Revalidated::Now(fact, etag), before) => {
                let hidden = matches!(before, Some((_, Fact::Unknown(_))));
                if hidden && fact.known().is_some() {
                    let mut news = self.news.lock().unwrap_or_else(PoisonError::into_inner);
                    news.granted.insert(topic);
                }
                (fact, etag)
            }
            (Revalidated::Stopped(why), before) => {
                let mut news = self.news.lock().unwrap_or_else(PoisonError::into_inner);
                news.stopped.get_or_insert_with(|| why.clone());
                // What was read on an earlier day still stands.
                return match before {
                    Some((kept, fact)) => Observed {
                        fact,
                        on: Some(kept.on).filter(|on| *on != self.today),
                    },
                    None => Observed::now(Fact::Unknown(Gap::NotRead(why))),
                };
            }
        };
        let weak = match &fact {
            Fact::Known(value) => weak(value),
            Fact::Unknown(_) => true,
            Fact::Unavailable(_) => false,
        };
        // What could not be read this time leaves no older fact behind: it would look as if it were known.
        self.taken
            .read
            .push((topic, KeptFact::new(&fact, self.today, etag, weak)));
        Observed::now(fact)
    }
}

/// The workflows that rulesets require on the default branch, by their paths.
fn required_workflows(branch: Option<&DefaultBranch>) -> Fact<Vec<String>> {
    let Some(branch) = branch else {
        return Fact::Known(Vec::new());
    };
    branch.rulesets.clone().map(|rulesets| {
        let rules = rulesets.into_iter().flat_map(|ruleset| ruleset.rules);
        let workflows = rules.filter_map(|rule| match rule {
            RulesetRule::Workflows(paths) => Some(paths),
            _ => None,
        });
        workflows.flatten().collect()
    })
}

/// Whether a workflow scans the code, so that nothing more need be asked.
fn scans_by_workflow(posture: &Posture) -> bool {
    let files = posture.uses.as_ref().and_then(|seen| seen.fact.known());
    let mut used = files
        .into_iter()
        .flatten()
        .flat_map(|file| file.uses.known().into_iter().flatten());
    used.any(|used| used.uses.to_ascii_lowercase().starts_with("github/codeql-action/"))
}
