//! The issues about breaches, which the daily audit keeps where the policy wants them.

use std::collections::{BTreeMap, BTreeSet};

use serde::Serialize;

use super::Auditor;
use crate::audit::Audit;
use crate::findings::writable;
use crate::issues::ActionTaken;
use crate::issues::acting::{Acting, Done};
use crate::issues::breaches::{self, Breaches, Broken, MARKS, Place, Situation, Watch};
use crate::issues::by_subject::IssuesBySubject;
use crate::keeping;
use crate::policy::{BreachReport, PolicySettings};
use crate::ports::{ApiUsage, IssueLookup};
use crate::report::{RepositoryReport, Verdict};
use crate::rules::Rule;
use crate::snapshot::{Fact, Repository, RepositoryId, Visibility};
use cc_devops_kernel::acts::Author;
use cc_devops_kernel::health::Mode;
use cc_devops_kernel::ports::PortResult;

/// The most failures that are told one by one.
const FAILED: usize = 20;

/// What was done about the issues.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct IssuesKept {
    /// Written.
    pub created: u64,
    /// Brought up to date.
    pub updated: u64,
    /// Closed.
    pub closed: u64,
    /// Held back, because the control plane is in maintenance.
    pub withheld: u64,
    /// Could not be written.
    pub failed: u64,
    /// Why, of the first of them.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub failures: Vec<String>,
    /// Why none was looked at.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub why: Option<String>,
}

impl IssuesKept {
    pub(super) fn none(why: impl Into<String>) -> Self {
        Self {
            why: Some(why.into()),
            ..Self::default()
        }
    }

    fn fail(&mut self, place: &Place, why: &str) {
        self.failed += 1;
        if self.failures.len() < FAILED {
            self.failures.push(format!("{}: {why}", place.full_name));
        }
    }
}

/// What issues need to know of the repositories that were read.
pub(super) type Places = BTreeMap<RepositoryId, Place>;

pub(super) fn place(repository: &Repository) -> Place {
    Place {
        full_name: repository.full_name(),
        issues_enabled: repository.issues_enabled,
        public: repository.visibility == Visibility::Public,
        writable: writable(repository),
    }
}

/// A repository whose issue is looked at.
struct Looked<'a> {
    place: &'a Place,
    settings: PolicySettings,
    broken: BTreeMap<Rule, Broken<'a>>,
}

impl Auditor {
    /// Keeps one issue for each repository with breaches that the policy wants told so; `None` where it wants none. Of
    /// a scan that is not complete nothing follows. What it takes of the host's limits is added to `spent`.
    pub(super) async fn keep_issues(
        &self,
        audit: &Audit,
        places: &Places,
        spent: &mut ApiUsage,
    ) -> PortResult<Option<IssuesKept>> {
        let owner = &self.settings.owner;
        let mut watches: BTreeMap<RepositoryId, Watch> = keeping::load(&*self.store, owner).await?;
        if !self.settings.policy.wants_issues() && watches.is_empty() {
            return Ok(None);
        }
        if !audit.report.complete {
            return Ok(Some(IssuesKept::none("the scan was not complete")));
        }
        let mut looked: BTreeMap<RepositoryId, Looked<'_>> = BTreeMap::new();
        for report in &audit.report.repositories {
            if let Some(place) = places.get(&report.id) {
                looked.insert(report.id, self.look(audit, report, place));
            }
        }
        let lookup = self.lookup(&looked, &watches);
        let found = match self.host.issues(&lookup).await {
            Ok((found, took)) => {
                *spent = spent.and(took);
                found
            }
            Err(error) => return Ok(Some(IssuesKept::none(format!("the issues could not be read: {error}")))),
        };
        let found = IssuesBySubject::of(&found);
        let mode = self
            .ports
            .maintenance
            .mode(self.settings.mode, self.ports.clock.now())
            .await?;
        let told_of = found.told_of();
        looked
            .retain(|id, each| !each.broken.is_empty() || watches.contains_key(id) || told_of.contains(&Breaches(*id)));
        let mut kept = IssuesKept::default();
        let mut changed: BTreeSet<RepositoryId> = BTreeSet::new();
        for (id, each) in &looked {
            let before = watches.get(id).cloned();
            let acted = self
                .follow(audit, (*id, each), (&found, mode), &mut watches, (&mut kept, spent))
                .await;
            if watches.get(id) != before.as_ref() {
                changed.insert(*id);
            }
            // What was written must not be forgotten if the process ends.
            if acted && changed.remove(id) {
                keeping::save(&*self.store, owner, &watches, [*id]).await?;
            }
        }
        watches.retain(|id, _| {
            let stays = places.contains_key(id);
            if !stays {
                changed.insert(*id);
            }
            stays
        });
        keeping::save(&*self.store, owner, &watches, changed).await?;
        Ok(Some(kept))
    }

    fn look<'a>(&self, audit: &'a Audit, report: &'a RepositoryReport, place: &'a Place) -> Looked<'a> {
        let settings = self.settings.policy.settings(&audit.report.owner, &report.name);
        let kept = audit.state.repositories.get(&report.id);
        let broken = kept
            .into_iter()
            .flat_map(|kept| &kept.breaches)
            .filter(|(rule, _)| settings.tell.rule(**rule) == BreachReport::Issue)
            .map(|(rule, breach)| {
                let finding = report
                    .findings
                    .iter()
                    .find(|finding| finding.rule == *rule && finding.verdict == Verdict::Fail);
                let broken = Broken {
                    severity: breach.severity,
                    since: breach.since,
                    evidence: finding.map_or("", |finding| &finding.evidence),
                    fix: finding.map_or("", |finding| &finding.fix),
                };
                (*rule, broken)
            })
            .collect();
        Looked {
            place,
            settings,
            broken,
        }
    }

    fn lookup(
        &self,
        looked: &BTreeMap<RepositoryId, Looked<'_>>,
        watches: &BTreeMap<RepositoryId, Watch>,
    ) -> IssueLookup {
        let mut lookup = IssueLookup {
            owner: self.settings.owner.clone(),
            searched: true,
            ..IssueLookup::of(MARKS)
        };
        let kept = |id: &RepositoryId| watches.get(id).and_then(|watch| watch.memory.issue.clone());
        for (id, each) in looked {
            // Whose issue is known by its number need not be listed: a new one is only written after another look.
            if !each.broken.is_empty() && each.place.writable && kept(id).is_none() {
                lookup.listed.extend(each.place.target(&each.settings.issues));
            }
            lookup.kept.extend(kept(id));
        }
        lookup
    }

    /// Decides about a repository's issue and does it; whether anything was done.
    async fn follow(
        &self,
        audit: &Audit,
        (id, each): (RepositoryId, &Looked<'_>),
        (found, mode): (&IssuesBySubject<'_, Breaches>, Mode),
        watches: &mut BTreeMap<RepositoryId, Watch>,
        (kept, spent): (&mut IssuesKept, &mut ApiUsage),
    ) -> bool {
        let watch = watches.get(&id);
        let kept_issue = watch.and_then(|watch| watch.memory.issue.as_ref());
        let target = each.place.target(&each.settings.issues);
        let issues = found.about(Breaches(id), target.as_deref(), &each.place.full_name, kept_issue);
        if let (Fact::Unknown(gap), false) = (&issues, each.broken.is_empty()) {
            kept.fail(each.place, &format!("its issues are not known: {gap}"));
        }
        let decision = breaches::decide(&Situation {
            id,
            place: each.place,
            broken: each.broken.clone(),
            wanted: each.settings.tell.wants_issue(),
            issues: &issues,
            watch,
            settings: &each.settings.issues,
            mode,
            now: audit.report.timestamp,
        });
        let acting = Acting {
            host: &*self.host,
            audit: &*self.ports.audit,
            clock: &*self.ports.clock,
            owner: &self.settings.owner,
            author: &Author::default(),
        };
        let mut watch = decision.watch;
        let done = acting
            .carry_out(Breaches(id), &decision.actions, &mut watch.memory, spent)
            .await;
        match done {
            Ok(Done::Taken(taken)) => {
                match taken {
                    Some(ActionTaken::IssueCreated) => kept.created += 1,
                    Some(ActionTaken::IssueUpdated) => kept.updated += 1,
                    Some(ActionTaken::IssueClosed) => kept.closed += 1,
                    None => {}
                }
                if decision.withheld.is_empty() {
                    if watch.is_worth_keeping() {
                        watches.insert(id, watch);
                    } else {
                        watches.remove(&id);
                    }
                } else {
                    kept.withheld += 1;
                }
            }
            // Somebody else looked later than we did.
            Ok(Done::Outdated) => {}
            Err(error) => {
                tracing::warn!(%error, repository = each.place.full_name, "an issue about breaches was not written");
                kept.fail(each.place, &error.message);
            }
        }
        !decision.actions.is_empty()
    }
}
