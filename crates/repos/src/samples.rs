//! What the tests of this module build on: a repository that meets the default policy, to be spoilt.

use super::issues::{Issue, IssueStanding};
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
        posture: posture(),
    }
}

/// What meets every rule, those of the strict preset too.
pub(super) fn posture() -> Posture {
    Posture {
        workflow_permissions: Some(Observed::known(WorkflowPermissions {
            token: TokenPermission::Read,
            may_approve: false,
        })),
        actions: Some(Observed::known(ActionsPermissions {
            enabled: true,
            allowed: AllowedActions::Selected,
            sha_pinning_required: false,
        })),
        uses: Some(Observed::known(vec![uses(&[
            "./.github/actions/build",
            "actions/checkout@v4",
            "other/thing@11bd71901bbe5b1630ceea73d27597364c9af683",
        ])])),
        secret_scanning: Some(Observed::known(SecretScanning {
            scanning: Fact::Known(true),
            push_protection: Fact::Known(true),
        })),
        code_scanning: Some(Observed::known(CodeScanning {
            default_setup: true,
            languages: vec!["python".to_owned()],
            uploaded_by: None,
        })),
        security_policy: Some(Observed::known(true)),
        codeowners: Some(Observed::known(Some(Vec::new()))),
        webhooks: Some(Observed::known(vec![webhook()])),
        deploy_keys: Some(Observed::known(vec![DeployKey {
            title: "server".to_owned(),
            read_only: true,
        }])),
        outside_collaborators: Some(Observed::known(Vec::new())),
        environments: Some(Observed::known(vec![Environment {
            name: "production".to_owned(),
            rules: vec!["required_reviewers".to_owned()],
        }])),
        tag_rulesets: Some(Observed::known(vec![TagRuleset {
            name: "releases".to_owned(),
            include: vec!["refs/tags/v*".to_owned()],
            exclude: Vec::new(),
            rules: vec!["update".to_owned(), "deletion".to_owned()],
        }])),
        required_workflows: Some(Observed::known(Vec::new())),
        dependabot_runs: Some(Observed::known(vec![dependabot_run("cargo in /", "success")])),
    }
}

/// A workflow file that uses this.
pub(super) fn uses(uses: &[&str]) -> WorkflowFile {
    let lines = uses.iter().zip(7..).map(|(name, line)| UsedAction {
        uses: (*name).to_owned(),
        line,
    });
    WorkflowFile {
        path: ".github/workflows/ci.yml".to_owned(),
        uses: Fact::Known(lines.collect()),
    }
}

pub(super) fn webhook() -> Webhook {
    Webhook {
        id: 5,
        active: true,
        host: "hooks.example".to_owned(),
        https: true,
        verified: true,
        secret: true,
    }
}

pub(super) fn dependabot_run(job: &str, conclusion: &str) -> DependabotRun {
    DependabotRun {
        job: job.to_owned(),
        conclusion: Some(conclusion.to_owned()).filter(|text| !text.is_empty()),
        url: format!("https://github.com/deepfoundai/web/actions/runs/{}", job.len()),
        on: jiff::civil::date(2026, 11, 20),
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

/// An open issue of our account's.
pub(super) fn issue(number: u64, body: String) -> Issue {
    Issue {
        repository: "deepfoundai/web".to_owned(),
        number,
        ours: true,
        standing: IssueStanding::Open,
        locked: false,
        body,
    }
}
