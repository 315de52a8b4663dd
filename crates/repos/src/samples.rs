//! What the tests of this module build on: a repository that meets the default policy, to be spoilt.

use super::snapshot::*;

pub(super) const DEPENDABOT: &str =
    "version: 2\nupdates:\n  - package-ecosystem: cargo\n    directory: /\n    schedule:\n      interval: weekly\n";

pub(super) fn required(context: &str, app: Option<u64>) -> RequiredCheck {
    RequiredCheck {
        context: context.to_owned(),
        app,
    }
}

pub(super) fn reviews(approvals: u32) -> Reviews {
    Reviews {
        approvals,
        dismiss_stale: true,
        ..Reviews::default()
    }
}

pub(super) fn classic() -> Classic {
    Classic {
        pattern: "main".to_owned(),
        reviews: Some(reviews(1)),
        status_checks: Some(StatusChecks {
            strict: true,
            checks: vec![required("ci", Some(15368))],
        }),
        switches: [ClassicSwitch::EnforceAdmins].into(),
        restrictions: Fact::Known(None),
        dismissals: Fact::Known(None),
        bypass: Fact::Known(Actors::default()),
    }
}

/// An active ruleset of the repository on the default branch.
pub(super) fn ruleset(name: &str, rules: Vec<RulesetRule>) -> Ruleset {
    Ruleset {
        id: 7,
        name: name.to_owned(),
        source: RulesetSource::Repository("deepfoundai/web".to_owned()),
        enforcement: Enforcement::Active,
        target: Target::Branch,
        applies_to: AppliesTo::DefaultBranch,
        rules,
        bypass: Fact::Known(Vec::new()),
    }
}

pub(super) fn on_refs(include: &[&str], exclude: &[&str]) -> AppliesTo {
    let owned = |patterns: &[&str]| patterns.iter().map(ToString::to_string).collect();
    AppliesTo::Matching {
        refs: RefPatterns {
            include: owned(include),
            exclude: owned(exclude),
        },
        repositories: NamedRepositories::Own,
    }
}

pub(super) fn branch(name: &str) -> DefaultBranch {
    DefaultBranch {
        name: name.to_owned(),
        read_as: None,
        protected: Fact::Known(true),
        classic: Fact::Known(Some(classic())),
        rulesets: Fact::Known(Vec::new()),
        checks_seen: Fact::Known(vec![SeenCheck {
            context: "ci".to_owned(),
            app: Some(15368),
        }]),
    }
}

pub(super) fn files(dependabot: &[(&str, &str)], tree: &[&str]) -> Files {
    Files {
        dependabot: dependabot
            .iter()
            .map(|(path, text)| TextFile {
                path: (*path).to_owned(),
                text: Fact::Known((*text).to_owned()),
            })
            .collect(),
        tree: Fact::Known(Tree::of(tree.iter().map(ToString::to_string).collect(), true)),
    }
}

pub(super) fn repository() -> Repository {
    Repository {
        id: RepositoryId(42),
        owner: "deepfoundai".to_owned(),
        name: "web".to_owned(),
        traits: std::collections::BTreeSet::new(),
        visibility: Visibility::Private,
        issues_enabled: true,
        default_branch: Some(branch("main")),
        vulnerability_alerts: Fact::Known(true),
        security_updates: Fact::Known(SecurityUpdates::On),
        files: Fact::Known(files(&[(".github/dependabot.yml", DEPENDABOT)], &["Cargo.toml"])),
        workflows: Fact::Known(Vec::new()),
        settings: None,
    }
}

/// The sample with another default branch.
pub(super) fn with_branch(spoil: impl FnOnce(&mut DefaultBranch)) -> Repository {
    let mut repository = repository();
    spoil(repository.default_branch.as_mut().unwrap());
    repository
}

/// The sample without any protection of its own.
pub(super) fn unprotected() -> Repository {
    with_branch(|branch| {
        branch.classic = Fact::Known(None);
        branch.protected = Fact::Known(false);
    })
}

/// The sample protected by these rulesets alone.
pub(super) fn with_rulesets(rulesets: Vec<Ruleset>) -> Repository {
    with_branch(|branch| {
        branch.classic = Fact::Known(None);
        branch.protected = Fact::Known(false);
        branch.rulesets = Fact::Known(rulesets);
    })
}

pub(super) fn no_admin() -> Gap {
    Gap::Permission("Administration: read".to_owned())
}
