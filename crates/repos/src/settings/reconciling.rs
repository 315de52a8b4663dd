//! Settings as they are wanted: plans, carrying them out, and today's state as a policy.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use serde_json::{Value, json};

use super::saved::SettingsPlan;
use super::{
    Exported, FoundSettings, KnownSecrets, SecretsOfRepository, Section, Sections, SetSecret, SettingChange,
    SettingsAsked, SettingsFacts, drift, export, left_alone,
};
use crate::fix::ChangeKind;
use crate::fixing::Applied;
use crate::keeping;
use crate::policy::Policy;
use crate::ports::{ApiUsage, CodeHost, RepositoryPorts, RepositoryStore};
use crate::rules::Rule;
use crate::snapshot::{Fact, RepositoryFlag};
use cc_devops_kernel::acts::{Author, ExternalAct};
use cc_devops_kernel::audit::actions;
use cc_devops_kernel::names::{SecretName, SecretPrefix};
use cc_devops_kernel::ports::{AuditTrail, Clock, PortError, PortErrorKind, PortResult, SecretStore, SecretVersion};
use cc_devops_kernel::work::WorkHandle;

/// How many secrets are listed at a time.
const PAGE: usize = 500;

/// Brings settings to what a policy wants.
#[derive(Clone)]
pub struct Reconciler {
    host: Arc<dyn CodeHost>,
    owner: String,
    policy: Arc<Policy>,
    /// None where a command keeps nothing.
    secrets: Option<Arc<dyn SecretStore>>,
    store: Arc<dyn RepositoryStore>,
    audit: Arc<dyn AuditTrail>,
    clock: Arc<dyn Clock>,
}

/// Plans for the settings of repositories.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Planned {
    /// Those with something to change, or that could not be compared, by name.
    pub plans: Vec<SettingsPlan>,
    /// Repositories that could not be read, and why; an empty name where the list of them broke off.
    pub missing: Vec<(String, String)>,
    /// Repositories that are left alone, and why.
    pub left_alone: Vec<(String, String)>,
    /// How many were compared.
    pub compared: u64,
    /// What it took of the host's limits.
    pub spent: ApiUsage,
}

/// What a reading of settings came to.
#[derive(Default)]
struct Looked {
    missing: Vec<(String, String)>,
    left_alone: Vec<(String, String)>,
}

/// Told how many of how many repositories are done.
pub type Progress<'p> = dyn FnMut(u64, u64) + Send + 'p;

impl Reconciler {
    /// A reconciler for the repositories of an owner. Secrets of GitHub Actions are taken from `secrets`.
    pub fn new(
        host: Arc<dyn CodeHost>,
        owner: impl Into<String>,
        policy: Arc<Policy>,
        secrets: Option<Arc<dyn SecretStore>>,
        ports: impl Into<RepositoryPorts>,
    ) -> Self {
        let ports = ports.into();
        Self {
            host,
            owner: owner.into(),
            policy,
            secrets,
            store: ports.repositories,
            audit: ports.audit,
            clock: ports.clock,
        }
    }

    /// Whether the policy wants any setting of any repository.
    pub fn wants_settings(&self) -> bool {
        !self.policy.wanted_sections().is_empty()
    }

    /// Plans for these repositories, all of the owner's where none is named. Only what the policy names is read.
    ///
    /// # Errors
    /// What the host says where nothing can be read; the stores.
    pub async fn plan(&self, names: &[String], progress: &mut Progress<'_>) -> PortResult<Planned> {
        let any = self.policy.wanted_sections();
        let versions = self.versions().await?;
        let set = keeping::load_set_secrets(&*self.store, &self.owner).await?;
        let of = |name: &str, traits: &BTreeSet<RepositoryFlag>| needs(&self.policy, &self.owner, name, traits);
        let asked = SettingsAsked {
            owner: &self.owner,
            names,
            any: &any,
            of: &of,
        };
        let mut planned = Planned::default();
        let mut compare = |facts: SettingsFacts| {
            planned.compared += 1;
            let wanted = self.policy.settings(&facts.owner, &facts.name).wanted;
            let known = KnownSecrets::of(facts.id, set.as_ref(), versions.as_ref());
            let drift = drift(&wanted, &facts, known);
            if !drift.is_empty() {
                planned.plans.push(SettingsPlan {
                    id: facts.id,
                    repository: facts.full_name(),
                    drift,
                });
            }
        };
        let (looked, spent) = self.look(&asked, &mut compare, progress).await?;
        planned.plans.sort_by(|a, b| a.repository.cmp(&b.repository));
        Ok(Planned {
            missing: looked.missing,
            left_alone: looked.left_alone,
            spent,
            ..planned
        })
    }

    /// Describes the settings of these repositories, all of the owner's where none is named, as a policy.
    ///
    /// # Errors
    /// As [`Reconciler::plan`]; what could not be read is said in the policy.
    pub async fn export(&self, names: &[String], progress: &mut Progress<'_>) -> PortResult<(Exported, bool)> {
        let any: BTreeSet<Section> = Section::ALL.into();
        let of = |name: &str, traits: &BTreeSet<RepositoryFlag>| {
            let settings = self.policy.settings(&self.owner, name);
            match left_alone(traits, &settings) {
                Some(_) => Sections::new(),
                None => Section::ALL.map(|section| (section, None)).into(),
            }
        };
        let asked = SettingsAsked {
            owner: &self.owner,
            names,
            any: &any,
            of: &of,
        };
        let mut all = Vec::new();
        let (mut looked, _) = self.look(&asked, &mut |facts| all.push(facts), progress).await?;
        all.sort_by_cached_key(|facts| facts.name.to_lowercase());
        let unread = looked.missing.iter().map(|(name, why)| {
            let name = if name.is_empty() { "the end of the list" } else { name };
            (name.to_owned(), why.clone())
        });
        looked.left_alone.extend(unread);
        let whole = looked.missing.is_empty();
        Ok((export(&all, &looked.left_alone, names.is_empty()), whole))
    }

    /// Reads settings and hands over those of repositories that are not left alone.
    async fn look(
        &self,
        asked: &SettingsAsked<'_>,
        hand_over: &mut (dyn FnMut(SettingsFacts) + Send),
        progress: &mut Progress<'_>,
    ) -> PortResult<(Looked, ApiUsage)> {
        let mut looked = Looked::default();
        let (mut done, mut total) = (0, 0);
        let mut take = |found| {
            match found {
                FoundSettings::Total(count) => total = count,
                FoundSettings::Repository(facts) => {
                    done += 1;
                    let settings = self.policy.settings(&facts.owner, &facts.name);
                    match left_alone(&facts.traits, &settings) {
                        Some(why) => looked.left_alone.push((facts.name, why.to_owned())),
                        None => hand_over(*facts),
                    }
                }
                FoundSettings::Missing { name, why } => {
                    done += 1;
                    looked.missing.push((name, why));
                }
                FoundSettings::BrokeOff { why } => looked.missing.push((String::new(), why)),
            }
            progress(done, total);
        };
        let spent = self.host.settings(asked, &mut take).await?;
        Ok((looked, spent))
    }

    /// The newest version of every secret that the policy names and that is there; `None` where there are no secrets to
    /// look at.
    async fn versions(&self) -> PortResult<Option<BTreeMap<String, String>>> {
        let Some(secrets) = &self.secrets else {
            return Ok(None);
        };
        let mut versions = BTreeMap::new();
        let wanted = self.policy.wanted_secrets();
        let folders: BTreeSet<&str> = wanted
            .iter()
            .filter_map(|name| name.rfind('/').and_then(|end| name.get(..=end)))
            .collect();
        for folder in folders {
            let prefix =
                SecretPrefix::new(folder).map_err(|error| PortError::new(PortErrorKind::Refused, error.to_string()))?;
            let mut after: Option<SecretName> = None;
            loop {
                let page = secrets.list(Some(&prefix), after.as_ref(), PAGE).await?;
                after = page.last().map(|secret| secret.name.clone());
                let ended = page.len() < PAGE;
                // One that was made without a value has no version, and nothing to set.
                let named = page
                    .into_iter()
                    .filter(|secret| wanted.contains(secret.name.as_str()) && !secret.version_id.is_empty());
                versions.extend(named.map(|secret| (secret.name.to_string(), secret.version_id)));
                if ended {
                    break;
                }
            }
        }
        Ok(Some(versions))
    }

    /// Carries a plan out, one change after the other, each on record before and after. One that fails does not keep
    /// the next from being tried. Nothing is written where the repository cannot be looked at, where another one has
    /// the name now, where it refuses to be written to, or where a setting is not what it was planned against.
    ///
    /// # Errors
    /// `Stopped`, before the repository is looked at or between two changes; the store.
    pub async fn apply(&self, plan: &SettingsPlan, author: &Author, handle: &WorkHandle) -> PortResult<Vec<Applied>> {
        let changes = &plan.drift.changes;
        let refused = self.moved(plan).await?;
        let mut applied = Vec::with_capacity(changes.len());
        let mut set = self.set_from_here(plan).await?;
        for change in changes {
            handle.is_at(applied.len() as u64, changes.len() as u64, "settings");
            handle.go_on()?;
            let outcome = if let Some(why) = &refused {
                Err(PortError::new(PortErrorKind::Superseded, why.clone()))
            } else {
                let act = ExternalAct {
                    begun: actions::REPOSITORY_CHANGE_BEGUN,
                    done: actions::REPOSITORY_CHANGED,
                    resource: plan.repository.clone(),
                    detail: json!({
                        "change": "setting", "setting": change.place(), "rules": [Rule::SettingsDrift],
                        "removed": change.after.is_null(),
                    }),
                    author,
                };
                let doing = self.carry_out(plan, change, &mut set);
                act.done((&*self.audit, &*self.clock), doing, |_| None).await
            };
            applied.push(Applied {
                repository: plan.repository.clone(),
                rules: vec![Rule::SettingsDrift],
                done: outcome.is_ok(),
                outcome: outcome.unwrap_or_else(|error| error.message),
            });
        }
        Ok(applied)
    }

    /// Why nothing may be written any more, if that is so.
    async fn moved(&self, plan: &SettingsPlan) -> PortResult<Option<String>> {
        let name = short(&plan.repository).to_owned();
        let names = [name];
        let asked = SettingsAsked {
            owner: &self.owner,
            names: &names,
            any: &BTreeSet::new(),
            of: &|_, _| Sections::new(),
        };
        let mut why = Some("GitHub said nothing of it; plan anew".to_owned());
        let mut take = |found| match found {
            FoundSettings::Repository(facts) => {
                let settings = self.policy.settings(&facts.owner, &facts.name);
                why = if facts.id != plan.id {
                    Some("another repository has this name now; plan anew".to_owned())
                } else if facts.full_name().eq_ignore_ascii_case(&plan.repository) {
                    let left_alone = left_alone(&facts.traits, &settings);
                    left_alone.map(|why| format!("nothing is written to it: {why}"))
                } else {
                    Some(format!("it is {} now; plan anew", facts.full_name()))
                };
            }
            FoundSettings::Missing { why: said, .. } | FoundSettings::BrokeOff { why: said } => why = Some(said),
            FoundSettings::Total(_) => {}
        };
        let looked = self.host.settings(&asked, &mut take).await;
        match looked {
            Err(error) if error.kind == PortErrorKind::Stopped => Err(error),
            Err(error) if error.kind == PortErrorKind::NotFound => Ok(Some(format!("{}; plan anew", error.message))),
            // What was written before is still to be told, and other repositories are still to be tried.
            Err(error) => Ok(Some(format!("it could not be looked at: {}", error.message))),
            Ok(_) => Ok(why),
        }
    }

    async fn carry_out(
        &self,
        plan: &SettingsPlan,
        change: &SettingChange,
        set: &mut SecretsOfRepository,
    ) -> PortResult<String> {
        match (change.section, &change.item) {
            (Section::Secrets, Some(name)) if !change.after.is_null() => self.set_secret(plan, name, change, set).await,
            (section, item) => {
                let done = self
                    .host
                    .change(&plan.repository, &ChangeKind::Setting(change.clone()))
                    .await?;
                if let (Section::Secrets, Some(name)) = (section, item) {
                    set.remove(name);
                    keeping::save_set_secrets(&*self.store, &self.owner, plan.id, set).await?;
                }
                Ok(done)
            }
        }
    }

    /// Sets a secret from the version of the control plane's that was planned. What is kept of it is no value.
    async fn set_secret(
        &self,
        plan: &SettingsPlan,
        name: &str,
        change: &SettingChange,
        set: &mut SecretsOfRepository,
    ) -> PortResult<String> {
        let said = |key: &str| change.after.get(key).and_then(Value::as_str).unwrap_or_default();
        let (from, version) = (said("from"), said("version"));
        let moved =
            |what: &str| PortError::new(PortErrorKind::Superseded, format!("secrets/{name}: {what}; plan anew"));
        if version.is_empty() {
            return Err(moved("it was planned where nothing is kept"));
        }
        let now = self.updated_at(&plan.repository, name).await?;
        if change.before.get("updated_at").and_then(Value::as_str) != now.as_deref() {
            return Err(moved("it was set or deleted since the plan was made"));
        }
        let kept = SecretName::new(from).map_err(|error| PortError::new(PortErrorKind::Refused, error.to_string()))?;
        let read = match &self.secrets {
            Some(secrets) => secrets.read(&kept, SecretVersion::Current).await?,
            None => None,
        };
        let Some(read) = read else {
            return Err(moved(&format!("the control plane has no secret {from} any more")));
        };
        if read.version_id != version {
            return Err(moved(&format!("the control plane's secret {from} has another version")));
        }
        self.host
            .put_actions_secret(&plan.repository, name, &read.value)
            .await?;
        if let Some(updated_at) = self.updated_at(&plan.repository, name).await? {
            let from_here = SetSecret {
                from: from.to_owned(),
                version: version.to_owned(),
                updated_at,
            };
            set.insert(name.to_owned(), from_here);
            keeping::save_set_secrets(&*self.store, &self.owner, plan.id, set).await?;
        }
        Ok(format!("secrets/{name} is set from {from}."))
    }

    /// When a secret of a repository was set last; `None` where it is not there.
    async fn updated_at(&self, repository: &str, name: &str) -> PortResult<Option<String>> {
        let names = [short(repository).to_owned()];
        let of = |_: &str, _: &BTreeSet<RepositoryFlag>| {
            Sections::from([(Section::Secrets, Some(BTreeSet::from([name.to_owned()])))])
        };
        let asked = SettingsAsked {
            owner: &self.owner,
            names: &names,
            any: &BTreeSet::from([Section::Secrets]),
            of: &of,
        };
        let mut read = Err(PortError::new(
            PortErrorKind::NotFound,
            format!("GitHub has no {repository}"),
        ));
        let mut take = |found| match found {
            FoundSettings::Repository(facts) => {
                read = match facts.sections.get(&Section::Secrets) {
                    Some(Fact::Known(items)) => Ok(Section::Secrets
                        .find(items, name)
                        .and_then(|(_, value)| value.get("updated_at").and_then(Value::as_str))
                        .map(ToOwned::to_owned)),
                    Some(Fact::Unknown(gap)) => Err(PortError::new(PortErrorKind::Refused, gap.to_string())),
                    Some(Fact::Unavailable(why)) => Err(PortError::new(PortErrorKind::Refused, why.clone())),
                    None => Ok(None),
                };
            }
            FoundSettings::Missing { why, .. } | FoundSettings::BrokeOff { why } => {
                read = Err(PortError::new(PortErrorKind::Unavailable, why));
            }
            FoundSettings::Total(_) => {}
        };
        self.host.settings(&asked, &mut take).await?;
        read
    }

    /// The secrets of a plan's repository that were set from here; nothing is read where the plan changes none.
    async fn set_from_here(&self, plan: &SettingsPlan) -> PortResult<SecretsOfRepository> {
        let mut changes = plan.drift.changes.iter();
        if !changes.any(|change| change.section == Section::Secrets) {
            return Ok(SecretsOfRepository::new());
        }
        let all = keeping::load_set_secrets(&*self.store, &self.owner).await?;
        Ok(all.and_then(|mut all| all.remove(&plan.id)).unwrap_or_default())
    }
}

/// What must be read of a repository to compare it with what is wanted.
pub(crate) fn needs(policy: &Policy, owner: &str, name: &str, traits: &BTreeSet<RepositoryFlag>) -> Sections {
    let settings = policy.settings(owner, name);
    match left_alone(traits, &settings) {
        Some(_) => Sections::new(),
        None => settings.wanted.needs(),
    }
}

/// A repository's name without its owner.
fn short(full_name: &str) -> &str {
    full_name.rsplit('/').next().unwrap_or(full_name)
}
