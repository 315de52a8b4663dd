//! Audits to show.

use cc_devops_repos::audit::{Audit, Scan, ScanReport, Scope, State};
use cc_devops_repos::policy::Policy;
use cc_devops_repos::snapshot::{
    Classic, DefaultBranch, Fact, Files, Gap, Observed, Posture, Repository, RepositoryFlag, RepositoryId,
    SecretScanning, SecurityUpdates, TokenPermission, Tree, Visibility, WorkflowPermissions,
};
use jiff::Timestamp;

pub(crate) fn repository(id: u64, name: &str, classic: Fact<Option<Classic>>) -> Repository {
    Repository {
        id: RepositoryId(id),
        owner: "acme".to_owned(),
        name: name.to_owned(),
        traits: std::collections::BTreeSet::new(),
        visibility: Visibility::Public,
        issues_enabled: true,
        default_branch: Some(DefaultBranch {
            name: "main".to_owned(),
            read_as: None,
            protected: Fact::Known(false),
            classic,
            rulesets: Fact::Known(Vec::new()),
            checks_seen: Fact::Known(Vec::new()),
        }),
        vulnerability_alerts: Fact::Known(true),
        security_updates: Fact::Known(SecurityUpdates::On),
        files: Fact::Known(Files {
            dependabot: Vec::new(),
            tree: Fact::Known(Tree::of(vec!["Cargo.toml".to_owned()], true)),
        }),
        workflows: Fact::Known(Vec::new()),
        settings: None,
        posture: posture(),
    }
}

/// What meets the rules that every policy has.
fn posture() -> Posture {
    Posture {
        workflow_permissions: Some(Observed::known(WorkflowPermissions {
            token: TokenPermission::Read,
            may_approve: false,
        })),
        secret_scanning: Some(Observed::known(SecretScanning {
            scanning: Fact::Known(true),
            push_protection: Fact::Known(true),
        })),
        codeowners: Some(Observed::known(Some(Vec::new()))),
        outside_collaborators: Some(Observed::known(Vec::new())),
        ..Posture::default()
    }
}

/// An owner of these repositories, audited for the first time.
pub(crate) fn audit(repositories: &[Repository], broken: Option<&str>) -> ScanReport {
    after(&State::default(), repositories, broken).report
}

/// The same, after an audit that left this.
pub(crate) fn after(before: &State, repositories: &[Repository], broken: Option<&str>) -> Audit {
    let policy = Policy::from_toml(
        "[[exemptions]]\nrepositories = [\"let-off\"]\nrule = \"branch_protection\"\nowner = \"ada\"\n\
         reason = \"it is rewritten\"\nuntil = 2999-01-01\n",
    )
    .unwrap();
    let mut scan = Scan::new("acme", Scope::Owner, &policy, Timestamp::UNIX_EPOCH);
    for each in repositories {
        scan.add(each);
    }
    if let Some(why) = broken {
        scan.broke_off(why);
    }
    scan.spent(7, 9);
    scan.finish(before)
}

/// One with every verdict, and names that mean something elsewhere.
pub(crate) fn mixed() -> ScanReport {
    let mut archived = repository(5, "old", Fact::Known(None));
    archived.traits.insert(RepositoryFlag::Archived);
    let mut hidden = repository(4, "hidden", Fact::Unavailable("the plan lacks it".to_owned()));
    hidden.default_branch.as_mut().unwrap().rulesets = Fact::Unavailable("the plan lacks it".to_owned());
    let mut unseen = repository(
        3,
        "unseen",
        Fact::Unknown(Gap::Permission("Administration: read".to_owned())),
    );
    unseen.default_branch.as_mut().unwrap().protected = Fact::Known(true);
    audit(
        &[
            repository(1, "<b>web|@ada</b>", Fact::Known(None)),
            repository(2, "let-off", Fact::Known(None)),
            unseen,
            hidden,
            archived,
        ],
        None,
    )
}
