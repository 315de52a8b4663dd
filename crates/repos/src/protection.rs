//! What protects a default branch: classic protection and rulesets together, the strictest of each.
//!
//! Source: <https://docs.github.com/en/repositories/configuring-branches-and-merges-in-your-repository/managing-rulesets/about-rulesets#about-rule-layering>.

use std::collections::BTreeSet;

use super::snapshot::{
    Actors, BypassActor, BypassKind, BypassMode, Classic, ClassicSwitch, DefaultBranch, Fact, Gap, RequiredCheck,
    Reviews, Ruleset, RulesetRule, RulesetSource,
};

/// Everything that holds for a branch. A source more can only make it stricter.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct EffectiveProtection {
    /// What protects it, in words.
    pub sources: BTreeSet<String>,
    /// What pull requests must have; `None` if none are required.
    pub reviews: Option<Reviews>,
    /// The checks that must pass.
    pub checks: BTreeSet<RequiredCheck>,
    /// What else must pass before a merge, in words: required workflows, code scanning.
    pub other_checks: BTreeSet<String>,
    /// Sources that require checks and name none.
    pub without_checks: BTreeSet<String>,
    /// Whether force pushes are refused.
    pub refuses_force_push: bool,
    /// Whether deleting is refused.
    pub refuses_deletion: bool,
    /// Whether the branch is read-only, so that it takes no change at all.
    pub locked: bool,
    /// Who is let past which source.
    pub bypass: BTreeSet<(String, BypassActor)>,
    /// Sources whose bypass list could not be read, with why.
    pub bypass_gaps: BTreeSet<(String, Gap)>,
    /// What could not be read: there may be more protection than this.
    pub gaps: BTreeSet<Gap>,
    /// Why there can be no protection.
    pub unavailable: Option<String>,
}

/// Adds up what holds for the default branch of a repository.
pub fn union(branch: &DefaultBranch) -> EffectiveProtection {
    let mut union = EffectiveProtection::default();
    let mut refused = None;
    match &branch.classic {
        Fact::Known(Some(classic)) => union.classic(classic),
        // A branch that is not protected has no classic protection, whoever asks.
        Fact::Known(None) => {}
        Fact::Unknown(_) if branch.protected == Fact::Known(false) => {}
        Fact::Unknown(gap) => {
            union.gaps.insert(gap.clone());
        }
        Fact::Unavailable(why) => refused = Some(why.clone()),
    }
    match &branch.rulesets {
        Fact::Known(rulesets) => {
            for ruleset in rulesets.iter().filter(|ruleset| ruleset.is_in_force()) {
                union.ruleset(ruleset);
            }
        }
        Fact::Unknown(gap) => {
            union.gaps.insert(gap.clone());
        }
        Fact::Unavailable(_) => {}
    }
    let nothing = union.sources.is_empty() && union.gaps.is_empty();
    if nothing && branch.protected == Fact::Known(true) {
        // GraphQL hides classic protection from those who may not administer, without an error.
        union.gaps.insert(Gap::Permission("Administration: read".to_owned()));
    } else if nothing {
        union.unavailable = refused;
    }
    union
}

/// What a rule without details demands before a merge, if that is a check.
fn unnamed_check(rule: &str) -> Option<&'static str> {
    match rule {
        "workflows" => Some("a required workflow"),
        "code_scanning" => Some("code scanning"),
        _ => None,
    }
}

impl EffectiveProtection {
    fn classic(&mut self, classic: &Classic) {
        let source = format!("classic protection `{}`", classic.pattern);
        let on = |switch| classic.switches.contains(&switch);
        if let Some(reviews) = classic.reviews {
            self.reviews(reviews);
        }
        if let Some(status_checks) = &classic.status_checks {
            self.checks(&source, &status_checks.checks);
        }
        self.refuses_force_push |= !on(ClassicSwitch::AllowForcePushes);
        self.refuses_deletion |= !on(ClassicSwitch::AllowDeletions);
        self.locked |= on(ClassicSwitch::LockBranch);
        if !on(ClassicSwitch::EnforceAdmins) {
            self.past(&source, BypassKind::Role, "admin", BypassMode::Always);
        }
        match &classic.bypass {
            Fact::Known(Actors { users, teams, apps }) => {
                for (kind, names) in [
                    (BypassKind::User, users),
                    (BypassKind::Team, teams),
                    (BypassKind::App, apps),
                ] {
                    for name in names {
                        self.past(&source, kind, name, BypassMode::PullRequest);
                    }
                }
            }
            Fact::Unknown(gap) => {
                self.bypass_gaps.insert((source.clone(), gap.clone()));
            }
            Fact::Unavailable(_) => {}
        }
        self.sources.insert(source);
    }

    fn ruleset(&mut self, ruleset: &Ruleset) {
        let origin = match &ruleset.source {
            RulesetSource::Repository(_) => String::new(),
            RulesetSource::Organization(name) => format!(" of the organisation {name}"),
            RulesetSource::Enterprise(name) => format!(" of the enterprise {name}"),
        };
        let source = format!("ruleset `{}`{origin}", ruleset.name);
        for rule in &ruleset.rules {
            match rule {
                RulesetRule::PullRequest(reviews) => self.reviews(*reviews),
                RulesetRule::RequiredStatusChecks(status_checks) => self.checks(&source, &status_checks.checks),
                RulesetRule::NonFastForward => self.refuses_force_push = true,
                RulesetRule::Deletion => self.refuses_deletion = true,
                RulesetRule::Workflows(paths) => {
                    let named = paths.iter().map(|path| format!("the workflow `{path}`"));
                    self.other_checks.extend(named);
                }
                RulesetRule::CodeScanning(tools) => {
                    let named = tools.iter().map(|tool| format!("code scanning by `{tool}`"));
                    self.other_checks.extend(named);
                }
                RulesetRule::Other(name) => {
                    self.locked |= name == "lock_branch";
                    self.other_checks.extend(unnamed_check(name).map(ToOwned::to_owned));
                }
            }
        }
        if !ruleset.rules.iter().any(RulesetRule::protects) {
            return;
        }
        match &ruleset.bypass {
            Fact::Known(actors) => self
                .bypass
                .extend(actors.iter().map(|actor| (source.clone(), actor.clone()))),
            Fact::Unknown(gap) => {
                self.bypass_gaps.insert((source.clone(), gap.clone()));
            }
            Fact::Unavailable(_) => {}
        }
        self.sources.insert(source);
    }

    fn reviews(&mut self, more: Reviews) {
        let all = self.reviews.get_or_insert_default();
        all.approvals = all.approvals.max(more.approvals);
        all.dismiss_stale |= more.dismiss_stale;
        all.code_owners |= more.code_owners;
        all.last_push |= more.last_push;
    }

    fn checks(&mut self, source: &str, checks: &[RequiredCheck]) {
        if checks.is_empty() {
            self.without_checks.insert(source.to_owned());
        }
        self.checks.extend(checks.iter().cloned());
    }

    fn past(&mut self, source: &str, kind: BypassKind, name: &str, mode: BypassMode) {
        let name = name.to_owned();
        self.bypass
            .insert((source.to_owned(), BypassActor { kind, name, mode }));
    }

    /// How many approvals are required, as far as is known.
    pub fn approvals(&self) -> u32 {
        self.reviews.map_or(0, |reviews| reviews.approvals)
    }

    /// What protects it, in words.
    pub fn told(&self) -> String {
        self.sources.iter().cloned().collect::<Vec<_>>().join(", ")
    }
}
