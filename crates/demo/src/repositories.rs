//! What the repositories of the demo look like on a day of its month.

use std::collections::BTreeSet;
use std::sync::{Mutex, PoisonError};

use async_trait::async_trait;
use cc_devops_kernel::ports::{PortError, PortErrorKind, PortResult};
use cc_devops_kernel::secret::SecretValue;
use cc_devops_repos::fix::ChangeKind;
use cc_devops_repos::issues::{CloseReason, IssueRef};
use cc_devops_repos::ports::{ApiUsage, CodeHost, Depth, Found, FoundIssues, IssueLookup, TakeFound};
use cc_devops_repos::settings::{SettingsAsked, TakeSettings};
use cc_devops_repos::snapshot::{
    Actors, Classic, ClassicSwitch, DefaultBranch, Fact, Files, Posture, Repository, RepositoryId, RequiredCheck,
    Reviews, SecurityUpdates, SeenCheck, StatusChecks, TextFile, Tree, Visibility,
};

/// The owner.
pub(crate) const OWNER: &str = "contentcraft";

/// What is wrong with a repository until a day of the month.
struct Kept {
    name: &'static str,
    /// Until which day its branch is not protected.
    unprotected_until: i64,
    /// Until which day nobody keeps its dependencies fresh.
    stale_until: i64,
    /// Until which day nobody is told of vulnerable dependencies.
    unwarned_until: i64,
}

const fn kept(name: &'static str, unprotected_until: i64, stale_until: i64, unwarned_until: i64) -> Kept {
    Kept {
        name,
        unprotected_until,
        stale_until,
        unwarned_until,
    }
}

const REPOSITORIES: [Kept; 12] = [
    kept("orchestrator", 0, 0, 0),
    kept("transcoder", 6, 12, 6),
    kept("support-bot", 0, 9, 0),
    kept("billing", 0, 0, 0),
    kept("cost-sentinel", 14, 14, 14),
    kept("search", 31, 20, 0),
    kept("newsletter", 0, 31, 31),
    kept("backup", 18, 0, 0),
    kept("thumbnails", 0, 4, 4),
    kept("website", 0, 0, 11),
    kept("design-tokens", 31, 31, 0),
    kept("infrastructure", 0, 0, 0),
];

/// The code host.
#[derive(Default)]
pub(crate) struct Repositories {
    /// The day of the month.
    day: Mutex<i64>,
}

impl Repositories {
    pub(crate) fn on_day(&self, day: i64) {
        *self.day.lock().unwrap_or_else(PoisonError::into_inner) = day;
    }

    fn now(&self) -> Vec<Repository> {
        let day = *self.day.lock().unwrap_or_else(PoisonError::into_inner);
        (1..)
            .zip(REPOSITORIES.iter())
            .map(|(id, kept)| kept.on(day, id))
            .collect()
    }
}

impl Kept {
    fn on(&self, day: i64, id: u64) -> Repository {
        let is_protected = day >= self.unprotected_until;
        let dependabot = "version: 2\nupdates:\n  - package-ecosystem: cargo\n    directory: /\n    schedule:\n      interval: weekly\n";
        let files = Files {
            dependabot: (day >= self.stale_until)
                .then(|| TextFile {
                    path: ".github/dependabot.yml".to_owned(),
                    text: Fact::Known(dependabot.to_owned()),
                })
                .into_iter()
                .collect(),
            tree: Fact::Known(Tree::of(vec!["Cargo.toml".to_owned()], true)),
        };
        Repository {
            id: RepositoryId(id),
            owner: OWNER.to_owned(),
            name: self.name.to_owned(),
            traits: BTreeSet::new(),
            visibility: Visibility::Private,
            issues_enabled: true,
            default_branch: Some(DefaultBranch {
                name: "main".to_owned(),
                read_as: None,
                protected: Fact::Known(is_protected),
                classic: Fact::Known(is_protected.then(protection)),
                rulesets: Fact::Known(Vec::new()),
                checks_seen: Fact::Known(vec![SeenCheck {
                    context: "ci".to_owned(),
                    app: Some(15_368),
                }]),
            }),
            vulnerability_alerts: Fact::Known(day >= self.unwarned_until),
            security_updates: Fact::Known(if day >= self.unwarned_until {
                SecurityUpdates::On
            } else {
                SecurityUpdates::Off
            }),
            files: Fact::Known(files),
            workflows: Fact::Known(Vec::new()),
            posture: Posture::default(),
            settings: None,
        }
    }
}

fn protection() -> Classic {
    Classic {
        pattern: "main".to_owned(),
        reviews: Some(Reviews {
            approvals: 1,
            dismiss_stale: true,
            ..Reviews::default()
        }),
        status_checks: Some(StatusChecks {
            strict: true,
            checks: vec![RequiredCheck {
                context: "ci".to_owned(),
                app: Some(15_368),
            }],
        }),
        switches: [ClassicSwitch::EnforceAdmins].into(),
        restrictions: Fact::Known(None),
        dismissals: Fact::Known(None),
        bypass: Fact::Known(Actors::default()),
    }
}

fn no<T>() -> PortResult<T> {
    Err(PortError::new(
        PortErrorKind::Refused,
        "the demo's code host is only read",
    ))
}

#[async_trait]
impl CodeHost for Repositories {
    async fn repositories(&self, _owner: &str, _depth: Depth<'_>, take: &mut TakeFound<'_>) -> PortResult<ApiUsage> {
        let repositories = self.now();
        take(Found::Total(REPOSITORIES.len() as u64));
        for repository in repositories {
            take(Found::Repository(Box::new(repository)));
        }
        Ok(ApiUsage::default())
    }
    async fn repository(&self, full_name: &str, _depth: Depth<'_>) -> PortResult<(Box<Repository>, ApiUsage)> {
        let found = self
            .now()
            .into_iter()
            .find(|repository| repository.full_name() == full_name);
        let missing = || PortError::new(PortErrorKind::NotFound, format!("there is no {full_name}"));
        Ok((Box::new(found.ok_or_else(missing)?), ApiUsage::default()))
    }
    async fn issues(&self, _lookup: &IssueLookup) -> PortResult<(FoundIssues, ApiUsage)> {
        Ok((FoundIssues::default(), ApiUsage::default()))
    }
    async fn create_issue(&self, _: &str, _: &str, _: &str, _: &[String]) -> PortResult<IssueRef> {
        no()
    }
    async fn update_issue(&self, _: &IssueRef, _: &str) -> PortResult<()> {
        no()
    }
    async fn close_issue(&self, _: &IssueRef, _: CloseReason, _: Option<&str>) -> PortResult<()> {
        no()
    }
    async fn settings(&self, _: &SettingsAsked<'_>, _: &mut TakeSettings<'_>) -> PortResult<ApiUsage> {
        no()
    }
    async fn change(&self, _: &str, _: &ChangeKind) -> PortResult<String> {
        no()
    }
    async fn writers(&self, _: &str) -> PortResult<Fact<Vec<String>>> {
        no()
    }
    async fn put_actions_secret(&self, _: &str, _: &str, _: &SecretValue) -> PortResult<()> {
        no()
    }
}
