//! What the rules on security look at: what is read, what it takes, and what is kept of it.

use std::sync::Arc;
use std::time::Duration;

use cc_devops_fake_github::{Access, DependabotRun, Hook, Model, Permission, Plan, Ruleset, TOKEN, Target, Visibility};
use cc_devops_github::GitHub;
use cc_devops_github::client::GithubSettings;
use cc_devops_repos::fix::ChangeKind;
use cc_devops_repos::policy::Policy;
use cc_devops_repos::ports::{ApiUsage, CodeHost, Depth, Found, RepositoryStore};
use cc_devops_repos::snapshot::{
    AllowedActions, Fact, Gap, Observed, Organization, Posture, Repository, TokenPermission,
};
use cc_devops_testkit::ManualClock;
use jiff::Timestamp;
use serde_json::json;

use crate::harness::{Harness, NOW, given, settings};

const STRICT: &str = "defaults.rules = 'strict'\ndefaults.workflows.required = ['.github/workflows/ci.yml']";

pub(crate) struct Read {
    pub(crate) organization: Option<Organization>,
    pub(crate) repositories: Vec<Repository>,
    spent: ApiUsage,
}

impl Read {
    pub(crate) fn posture(&self, name: &str) -> &Posture {
        let found = self.repositories.iter().find(|repository| repository.name == name);
        &found.unwrap_or_else(|| panic!("{name} was not read")).posture
    }
}

/// The adapter held against a policy, with a clock of its own.
pub(crate) fn github(harness: &Harness, policy: &str, credential: &str, clock: &Arc<ManualClock>) -> GitHub {
    github_with(harness, policy, credential, clock, harness.memory.clone())
}

/// The same, with a store of its own.
pub(crate) fn github_with(
    harness: &Harness,
    policy: &str,
    credential: &str,
    clock: &Arc<ManualClock>,
    store: impl RepositoryStore + 'static,
) -> GitHub {
    let store: Arc<dyn RepositoryStore> = Arc::new(store);
    let settings = GithubSettings {
        clock: Arc::<ManualClock>::clone(clock),
        ..settings(harness.fake.url())
    };
    GitHub::new(given(credential), "acme", settings, store).held_against(Policy::from_toml(policy).unwrap())
}

pub(crate) fn clock() -> Arc<ManualClock> {
    Arc::new(ManualClock::at(Timestamp::from_second(NOW).unwrap()))
}

pub(crate) async fn read(github: &GitHub) -> Read {
    let (mut organization, mut repositories) = (None, Vec::new());
    let mut take = |found| match found {
        Found::Organization(found) => organization = Some(*found),
        Found::Repository(repository) => repositories.push(*repository),
        Found::Total(_) => {}
        other => panic!("{other:?}"),
    };
    let spent = github.repositories("acme", Depth::Settings, &mut take).await.unwrap();
    Read {
        organization,
        repositories,
        spent,
    }
}

#[expect(clippy::ref_option, reason = "every fact is such a field")]
pub(crate) fn known<T>(seen: &Option<Observed<T>>) -> &T {
    let seen = seen.as_ref().unwrap();
    seen.fact
        .known()
        .unwrap_or_else(|| panic!("it is not known: {:?}", seen.fact.gap()))
}

pub(crate) fn model() -> Model {
    let mut model = Model::at(NOW);
    model.org("acme");
    model
}

#[tokio::test]
async fn everything_is_read_as_it_is() {
    let mut model = model();
    model.edit_security("acme", |security| {
        security.two_factor_required = false;
        security.workflow_token = "write".to_owned();
        security.hooks = vec![Hook {
            secret: false,
            ..Hook::to("https://hooks.example/x?key=hidden")
        }];
    });
    model.repo("acme/web", |of| {
        let security = &mut of.security;
        security.workflow_token = "write".to_owned();
        security.allowed_actions = "local_only".to_owned();
        security.push_protection = false;
        security.languages = vec!["python".to_owned()];
        security.uploaded_by = Some("Semgrep".to_owned());
        security.hooks = vec![Hook::to("http://ci.example:8080/hook?token=hidden")];
        security.deploy_keys = vec![("release".to_owned(), false), ("server".to_owned(), true)];
        security.outside.insert("eve".to_owned(), Permission::Admin);
        security
            .environments
            .insert("production".to_owned(), vec!["branch_policy".to_owned()]);
        security.dependabot_runs = vec![DependabotRun {
            title: "pip in /api for x - Update #7".to_owned(),
            conclusion: "failure".to_owned(),
            created: NOW - 86_400,
        }];
    });
    model.commit("acme/web", "main", "SECURITY.md", "Write to us.\n");
    model.commit("acme/web", "main", ".github/CODEOWNERS", "# all\n* @ops @nobody-here\n");
    let workflow = "jobs:\n  a:\n    steps:\n      - uses: other/thing@v1\n";
    model.commit("acme/web", "main", ".github/workflows/ci.yml", workflow);
    let tags = Ruleset::new("releases").target(Target::Tag).on(&["refs/tags/v*"], &[]);
    model.ruleset("acme/web", tags.rule("deletion", json!(null)));
    let harness = Harness::of(model).await;
    let read = read(&github(&harness, STRICT, TOKEN, &clock())).await;

    let organization = read.organization.as_ref().unwrap();
    assert_eq!(organization.login, "acme");
    assert!(!known(&organization.two_factor_required));
    let hooks = known(&organization.webhooks);
    assert_eq!((hooks[0].host.as_str(), hooks[0].secret), ("hooks.example", false));

    let web = read.posture("web");
    assert_eq!(web.unread(), Vec::<String>::new());
    assert_eq!(known(&web.workflow_permissions).token, TokenPermission::Write);
    assert_eq!(known(&web.actions).allowed, AllowedActions::LocalOnly);
    let files = known(&web.uses);
    assert_eq!(files[0].path, ".github/workflows/ci.yml");
    let used = files[0].uses.known().unwrap();
    assert_eq!((used[0].uses.as_str(), used[0].line), ("other/thing@v1", 4));
    let scanning = known(&web.secret_scanning);
    assert_eq!(scanning.scanning, Fact::Known(true));
    assert_eq!(scanning.push_protection, Fact::Known(false));
    let code = known(&web.code_scanning);
    assert_eq!(code.uploaded_by, Some(Fact::Known(Some("Semgrep".to_owned()))));
    assert!(known(&web.security_policy));
    let mistakes = known(&web.codeowners).as_ref().unwrap();
    assert_eq!((mistakes.len(), mistakes[0].line), (1, 2));
    let hooks = known(&web.webhooks);
    assert_eq!((hooks[0].host.as_str(), hooks[0].https), ("ci.example:8080", false));
    assert!(
        !format!("{:?}", read.repositories).contains("hidden"),
        "an address may hold a secret"
    );
    assert_eq!(known(&web.deploy_keys).iter().filter(|key| !key.read_only).count(), 1);
    assert_eq!(known(&web.outside_collaborators)[0].permission, "admin");
    assert_eq!(known(&web.environments)[0].rules, ["branch_policy"]);
    let tags = known(&web.tag_rulesets);
    assert_eq!(
        (tags.len(), tags[0].rules.as_slice()),
        (1, &["deletion".to_owned()][..])
    );
    assert_eq!(known(&web.required_workflows), &Vec::<String>::new());
    let runs = known(&web.dependabot_runs);
    assert_eq!(
        (runs[0].job.as_str(), runs[0].conclusion.as_deref()),
        ("pip in /api", Some("failure"))
    );
}

#[tokio::test]
async fn what_no_rule_looks_at_is_not_asked() {
    let mut model = model();
    model.repo("acme/web", |_| ());
    let harness = Harness::of(model).await;
    let usual = read(&github(&harness, "", TOKEN, &clock())).await;
    let web = usual.posture("web");
    assert!(web.webhooks.is_none() && web.uses.is_none() && web.code_scanning.is_none());
    assert!(web.secret_scanning.is_some() && web.codeowners.is_some());
    for key in [
        "GET /repos/acme/web/hooks",
        "GET /repos/acme/web/actions/permissions",
        "GET /orgs/acme/hooks",
    ] {
        assert_eq!(harness.fake.count(key), 0, "{key}");
    }
    harness.fake.forget();
    let off = "defaults.rules_off = ['secret_scanning', 'push_protection', 'workflow_permissions', 'codeowners_errors', \
               'outside_admins', 'two_factor_required']";
    let none = read(&github(&harness, off, TOKEN, &clock())).await;
    assert_eq!(none.posture("web"), &Posture::default());
    assert!(none.organization.is_none());
    assert_eq!(harness.fake.count("POST /graphql Posture"), 0);
    assert_eq!(harness.fake.count("GET /orgs/acme/actions"), 0);
}

#[tokio::test]
async fn the_default_rules_take_little_and_a_narrow_organisation_saves_a_request_for_each_repository() {
    let mut model = model();
    model.many("acme", 1_000, &[("README.md", "x")], |_, _| ());
    let harness = Harness::of(model).await;
    let bare = {
        let off: Vec<&str> = cc_devops_repos::rules::Rule::ALL
            .into_iter()
            .map(cc_devops_repos::rules::Rule::name)
            .collect();
        let bare = read(&github(
            &harness,
            &format!("defaults.rules_off = {off:?}"),
            TOKEN,
            &clock(),
        ))
        .await;
        bare.spent.requests
    };
    let usual = read(&github(&harness, "", TOKEN, &clock())).await;
    // Ten pages of a hundred, and the organisation's default token.
    assert_eq!(usual.spent.requests, bare + 11);
    let permissions = known(&usual.repositories[0].posture.workflow_permissions);
    assert_eq!(permissions.token, TokenPermission::Read);
}

#[tokio::test]
async fn what_only_rest_has_is_read_once_and_then_in_turn() {
    let mut model = model();
    model.edit_security("acme", |security| "write".clone_into(&mut security.workflow_token));
    model.many("acme", 120, &[("README.md", "x")], |_, of| {
        of.security.hooks = vec![Hook::to("https://hooks.example/x")];
    });
    let harness = Harness::of(model).await;
    let policy = "defaults.rules_on = ['webhooks']";
    let clock = clock();
    let github = github(&harness, policy, TOKEN, &clock);
    let hooks = |harness: &Harness| {
        let requests = harness.fake.requests().into_iter();
        let hooks = requests.filter(|seen| seen.key.ends_with("/hooks") && seen.key.starts_with("GET /repos/"));
        hooks.map(|seen| seen.status).collect::<Vec<_>>()
    };
    read(&github).await;
    assert_eq!(hooks(&harness).len(), 120, "the first time all of them");

    harness.fake.forget();
    let again = read(&github).await;
    assert_eq!(hooks(&harness), Vec::<u16>::new(), "nothing is older than today");
    assert_eq!(again.repositories[0].posture.webhooks.as_ref().unwrap().on, None);

    clock.advance(jiff::SignedDuration::from_hours(24));
    harness.fake.forget();
    let next = read(&github).await;
    let asked = harness.fake.requests().len();
    assert!(asked <= 60, "{asked} requests");
    let statuses = hooks(&harness);
    assert!(
        !statuses.is_empty() && statuses.iter().all(|status| *status == 304),
        "{statuses:?}"
    );
    let kept: Vec<_> = next
        .repositories
        .iter()
        .map(|of| of.posture.webhooks.as_ref().unwrap().on)
        .collect();
    let today = Timestamp::from_second(NOW)
        .unwrap()
        .to_zoned(jiff::tz::TimeZone::UTC)
        .date();
    assert!(
        kept.contains(&None) && kept.contains(&Some(today)),
        "some are of the day before"
    );

    // One that moved is read again whatever its turn is.
    let name = format!("acme/{}", next.repositories[7].name);
    harness.fake.change(|model| {
        model.advance(Duration::from_mins(1));
        model.edit(&name, |of| of.security.hooks.clear());
    });
    harness.fake.forget();
    let moved = read(&github).await;
    let of = moved.repositories.iter().find(|of| name.ends_with(&of.name)).unwrap();
    assert_eq!(known(&of.posture.webhooks), &Vec::new());
    let changed = hooks(&harness).into_iter().filter(|status| *status == 200).count();
    assert_eq!(changed, 1);
}

#[tokio::test]
async fn a_missing_permission_is_unknown_until_it_is_given() {
    let mut model = model();
    model.edit_security("acme", |security| "write".clone_into(&mut security.workflow_token));
    model.repo("acme/web", |_| ());
    model.repo("acme/api", |_| ());
    let harness = Harness::of(model).await;
    let lacking = Access::fine_grained("ops")
        .without("administration")
        .without("repository_hooks")
        .without("organization_hooks")
        .without("organization_administration")
        .without("actions")
        .without("contents")
        .without("security_events");
    harness.fake.token("lacking", lacking);
    let clock = clock();
    let first = read(&github(&harness, STRICT, "lacking", &clock)).await;
    let web = first.posture("web");
    assert_eq!(web.unread(), Vec::<String>::new(), "it is no failure of the scan");
    let lacks = |gap: Option<&Gap>, permission: &str| assert_eq!(gap, Some(&Gap::Permission(permission.to_owned())));
    lacks(web.webhooks.as_ref().unwrap().fact.gap(), "Webhooks: read");
    lacks(
        web.workflow_permissions.as_ref().unwrap().fact.gap(),
        "Administration: read",
    );
    lacks(web.secret_scanning.as_ref().unwrap().fact.gap(), "Administration: read");
    lacks(web.deploy_keys.as_ref().unwrap().fact.gap(), "Administration: read");
    lacks(web.environments.as_ref().unwrap().fact.gap(), "Actions: read");
    lacks(web.uses.as_ref().unwrap().fact.gap(), "Contents: read");
    lacks(web.dependabot_runs.as_ref().unwrap().fact.gap(), "Actions: read");
    let organization = first.organization.as_ref().unwrap();
    let two_factor = organization.two_factor_required.as_ref().unwrap();
    lacks(two_factor.fact.gap(), "Administration: read (organisation)");

    clock.advance(jiff::SignedDuration::from_hours(24));
    let then = read(&github(&harness, STRICT, TOKEN, &clock)).await;
    for name in ["web", "api"] {
        assert_eq!(known(&then.posture(name).webhooks), &Vec::new(), "{name}");
    }
}

#[tokio::test]
async fn what_a_private_repository_does_not_have_is_unavailable() {
    let mut model = model();
    model.set_plan("acme", Plan::Free);
    model.repo("acme/web", |of| {
        of.visibility = Visibility::Private;
        of.security.environments.insert("production".to_owned(), Vec::new());
    });
    let harness = Harness::of(model).await;
    let read = read(&github(&harness, STRICT, TOKEN, &clock())).await;
    let web = read.posture("web");
    let scanning = known(&web.secret_scanning);
    assert!(matches!(scanning.scanning, Fact::Unavailable(_)), "{scanning:?}");
    assert!(matches!(scanning.push_protection, Fact::Unavailable(_)), "{scanning:?}");
    let unavailable = |fact: bool| assert!(fact, "{web:?}");
    unavailable(matches!(web.code_scanning.as_ref().unwrap().fact, Fact::Unavailable(_)));
    unavailable(matches!(web.environments.as_ref().unwrap().fact, Fact::Unavailable(_)));
    unavailable(matches!(web.tag_rulesets.as_ref().unwrap().fact, Fact::Unavailable(_)));
}

#[tokio::test]
async fn changes_are_made_and_seen_at_once() {
    let mut model = model();
    model.edit_security("acme", |security| "write".clone_into(&mut security.workflow_token));
    model.repo("acme/web", |of| {
        of.security.workflow_token = "write".to_owned();
        of.security.secret_scanning = false;
        of.security.push_protection = false;
        of.security.languages = vec!["python".to_owned()];
    });
    let harness = Harness::of(model).await;
    let github = github(&harness, STRICT, TOKEN, &clock());
    let before = read(&github).await;
    assert_eq!(
        known(&before.posture("web").workflow_permissions).token,
        TokenPermission::Write
    );
    for change in [
        ChangeKind::RestrictWorkflowToken,
        ChangeKind::SwitchOnSecretScanning {
            scanning: true,
            push_protection: true,
        },
        ChangeKind::SetUpCodeScanning,
    ] {
        let words = github.change("acme/web", &change).await.unwrap();
        assert!(words.ends_with('.'), "{words}");
    }
    let after = read(&github).await;
    let web = after.posture("web");
    assert_eq!(known(&web.workflow_permissions).token, TokenPermission::Read);
    assert!(known(&web.code_scanning).default_setup);
    let scanning = known(&web.secret_scanning);
    assert_eq!(
        (&scanning.scanning, &scanning.push_protection),
        (&Fact::Known(true), &Fact::Known(true))
    );
}

#[tokio::test]
async fn one_repository_is_read_as_it_is_now() {
    let mut model = model();
    model.repo("acme/web", |_| ());
    let harness = Harness::of(model).await;
    let clock = clock();
    let github = github(&harness, STRICT, TOKEN, &clock);
    read(&github).await;
    // Nothing about the repository says that this changed.
    harness.fake.change(|model| {
        model.edit("acme/web", |of| {
            of.security.hooks = vec![Hook::to("http://ci.example/")];
        });
    });
    let (web, _) = github.repository("acme/web", Depth::Settings).await.unwrap();
    assert_eq!(known(&web.posture.webhooks).len(), 1);
    assert_eq!(known(&web.posture.secret_scanning).scanning, Fact::Known(true));
    let listed = read(&github).await;
    assert_eq!(
        known(&listed.posture("web").webhooks).len(),
        1,
        "the list has what was read meanwhile"
    );
}

#[tokio::test]
async fn all_and_one_are_told_alike_whoever_asks() {
    for token in [
        "reader",
        "app",
        "administration",
        "contents",
        "actions",
        "repository_hooks",
        "security_events",
        TOKEN,
    ] {
        // What another credential saw is kept; here each sees for itself.
        let harness = Harness::of(of_every_standing()).await;
        match token {
            "reader" => harness.fake.token(token, Access::classic("reader", Permission::Read)),
            "app" => harness.fake.token(token, Access::installation("hygiene")),
            TOKEN => {}
            lacking => harness
                .fake
                .token(lacking, Access::fine_grained("ops").without(lacking)),
        }
        let github = github(&harness, STRICT, token, &clock());
        let all = read(&github).await;
        for among in &all.repositories {
            let (alone, _) = github.repository(&among.full_name(), Depth::Settings).await.unwrap();
            assert_eq!(alone.posture, among.posture, "{} for {token}", among.name);
        }
    }
}

/// One repository where much is wrong, and a private one.
fn of_every_standing() -> Model {
    let mut model = model();
    model.edit_security("acme", |security| "write".clone_into(&mut security.workflow_token));
    model.repo("acme/web", |of| {
        of.security.deploy_keys = vec![("release".to_owned(), false)];
        of.security.hooks = vec![Hook::to("http://ci.example/")];
        of.security.environments.insert("production".to_owned(), Vec::new());
    });
    model.repo("acme/inner", |of| {
        of.visibility = Visibility::Private;
        of.security.secret_scanning = false;
    });
    model
}

#[tokio::test]
async fn a_limit_that_lasts_ends_the_asking_and_leaves_what_was_kept() {
    let mut model = model();
    model.many("acme", 60, &[("README.md", "x")], |_, _| ());
    let harness = Harness::of(model).await;
    let policy = "defaults.rules_on = ['webhooks']";
    let github = github(&harness, policy, TOKEN, &clock());
    harness.fake.fault(
        "GET /repos/acme/bulk-00005/hooks",
        0,
        cc_devops_fake_github::Fault::UsedUp(3_600),
    );
    let first = read(&github).await;
    let unread = first
        .repositories
        .iter()
        .filter(|of| !of.posture.unread().is_empty())
        .count();
    assert!(unread > 0, "the scan is incomplete");
    harness.fake.clear_faults();
    harness.fake.forget();
    let second = read(&github).await;
    assert!(second.repositories.iter().all(|of| of.posture.unread().is_empty()));
    let hooks = harness
        .fake
        .requests()
        .into_iter()
        .filter(|seen| seen.key.starts_with("GET /repos/") && seen.key.ends_with("/hooks"));
    assert_eq!(hooks.count(), unread, "the next one goes on where the first ended");
}
