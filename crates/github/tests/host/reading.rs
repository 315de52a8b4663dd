//! What is read of repositories.

use cc_devops_fake_github::{
    APP_ID, APP_KEY, Access, Actors, Model, Permission, Plan, Protection, Ruleset, TOKEN, Visibility,
};
use cc_devops_repos::ports::{CodeHost, Depth};
use cc_devops_repos::snapshot::{
    BypassKind, Conclusion, Fact, Gap, Repository, RepositoryFlag, RulesetRule, SecurityUpdates, WorkflowState,
};
use serde_json::json;

use crate::harness::{Harness, NOW, runs_of, settings_of};
use crate::posture;

fn model() -> Model {
    let mut model = Model::at(NOW);
    model.org("acme");
    model
}

#[tokio::test]
async fn settings_are_read_as_they_are() {
    let mut model = model();
    model.repo("acme/web", |of| {
        of.vulnerability_alerts = true;
        of.security_fixes = true;
    });
    let mut rule = Protection::of("main").reviews(2).checks(&["ci"]);
    rule.allow_force_pushes = true;
    model.protect("acme/web", rule);
    model.commit(
        "acme/web",
        "main",
        ".github/dependabot.yml",
        "version: 2\nupdates: []\n",
    );
    model.commit("acme/web", "main", "app/package.json", "{}");
    model.empty_repo("acme/void", |_| ());
    model.repo("acme/old", |of| of.archived = true);
    let harness = Harness::of(model).await;
    let (all, spent) = settings_of(&harness.github).await;
    assert_eq!((all.total, all.repositories.len()), (3, 3));
    assert!(all.missing.is_empty() && all.broken.is_empty(), "{all:?}");
    // The page, the organisation's list, its plan.
    assert_eq!((spent.requests, spent.points), (3, 1));

    let web = all.named("web");
    assert_eq!(web.unread(), Vec::<String>::new());
    assert_eq!(web.vulnerability_alerts, Fact::Known(true));
    assert_eq!(web.security_updates, Fact::Known(SecurityUpdates::On));
    let branch = web.default_branch.as_ref().unwrap();
    let classic = branch.classic.known().unwrap().as_ref().unwrap();
    assert_eq!(classic.reviews.unwrap().approvals, 2);
    assert_eq!(classic.status_checks.as_ref().unwrap().checks[0].context, "ci");
    let files = web.files.known().unwrap();
    assert_eq!(
        files.dependabot[0].text,
        Fact::Known("version: 2\nupdates: []\n".to_owned())
    );
    let tree = files.tree.known().unwrap();
    assert!(
        tree.complete && tree.paths.contains(&"app/package.json".to_owned()),
        "{tree:?}"
    );

    assert!(all.named("void").is(RepositoryFlag::Empty) && all.named("void").default_branch.is_none());
    assert!(all.named("old").is(RepositoryFlag::Archived));
}

#[tokio::test]
async fn a_thousand_repositories_take_few_requests() {
    let mut model = model();
    model.many("acme", 1_000, &[(".github/dependabot.yml", "version: 2\n")], |_, _| ());
    let ruleset = Ruleset::new("everywhere")
        .pull_request(1)
        .bypass("OrganizationAdmin", None);
    model.org_ruleset("acme", ruleset);
    let harness = Harness::of(model).await;
    let (all, spent) = settings_of(&harness.github).await;
    assert_eq!(all.repositories.len(), 1_000);
    // Ten pages, ten of the organisation's list, its plan, and the one ruleset.
    assert_eq!(spent.requests, 22);
    let branch = all.repositories[999].default_branch.as_ref().unwrap();
    let rulesets = branch.rulesets.known().unwrap();
    assert!(matches!(rulesets[0].rules[0], RulesetRule::PullRequest(reviews) if reviews.approvals == 1));
    assert_eq!(
        rulesets[0].bypass.known().unwrap()[0].kind,
        BypassKind::OrganizationAdmin
    );
}

#[tokio::test]
async fn who_may_not_administer_knows_less_and_says_so() {
    let mut model = model();
    model.repo("acme/web", |of| of.vulnerability_alerts = true);
    model.protect("acme/web", Protection::of("main").reviews(1));
    model.repo("acme/bare", |_| ());
    let harness = Harness::of(model).await;
    harness
        .fake
        .token("reader", Access::classic("reader", Permission::Read));
    let github = harness.as_other("reader");
    let (all, _) = settings_of(&github).await;
    let gap = Gap::Permission("Administration: read".to_owned());
    for name in ["web", "bare"] {
        let repository = all.named(name);
        assert_eq!(repository.unread(), Vec::<String>::new(), "a permission is no failure");
        assert_eq!(
            repository.default_branch.as_ref().unwrap().classic,
            Fact::Unknown(gap.clone())
        );
        assert_eq!(repository.security_updates, Fact::Unknown(gap.clone()));
        assert_eq!(repository.vulnerability_alerts, Fact::Unknown(gap.clone()));
    }
    let protected = |name: &str| all.named(name).default_branch.as_ref().unwrap().protected.clone();
    assert_eq!(protected("web"), Fact::Known(true));
    // That nothing protects a branch everybody may know, among all as alone.
    assert_eq!(protected("bare"), Fact::Known(false));
    let (bare, _) = github.repository("acme/bare", Depth::Settings).await.unwrap();
    assert_eq!(bare.default_branch.unwrap().protected, Fact::Known(false));
}

#[tokio::test]
async fn a_token_without_a_permission_is_told_apart() {
    let mut model = model();
    model.repo("acme/web", |_| ());
    let harness = Harness::of(model).await;
    let access = Access::fine_grained("ops")
        .without("administration")
        .without("contents");
    harness.fake.token("weak", access);
    let (all, _) = settings_of(&harness.as_other("weak")).await;
    let web = all.named("web");
    assert_eq!(web.files, Fact::Unknown(Gap::Permission("Contents: read".to_owned())));
    let classic = &web.default_branch.as_ref().unwrap().classic;
    assert_eq!(
        *classic,
        Fact::Unknown(Gap::Permission("Administration: read".to_owned()))
    );
}

#[tokio::test]
async fn a_plan_without_protection_is_unavailable_and_not_unprotected() {
    let mut model = model();
    model.set_plan("acme", Plan::Free);
    model.repo("acme/hidden", |of| of.visibility = Visibility::Private);
    model.repo("acme/open", |_| ());
    let harness = Harness::of(model).await;
    let (all, _) = settings_of(&harness.github).await;
    let hidden = all.named("hidden").default_branch.as_ref().unwrap();
    assert!(matches!(hidden.classic, Fact::Unavailable(_)), "{hidden:?}");
    assert_eq!(
        all.named("open").default_branch.as_ref().unwrap().classic,
        Fact::Known(None)
    );
}

#[tokio::test]
async fn one_repository_is_read_to_its_leaves() {
    let mut model = model();
    model.repo("acme/web", |of| {
        of.vulnerability_alerts = true;
        of.security_fixes = true;
        of.security_fixes_paused = true;
    });
    let mut rule = Protection::of("main").reviews(1);
    rule.restrictions = Some(cc_devops_fake_github::Actors {
        teams: vec!["platform".to_owned()],
        ..Default::default()
    });
    model.protect("acme/web", rule);
    model.commit("acme/web", "main", "a/b/c/d/Cargo.toml", "");
    let asleep = Ruleset::new("cc-devops baseline").enforcement(cc_devops_fake_github::Enforcement::Disabled);
    model.ruleset("acme/web", asleep.rule("deletion", json!(null)));
    let harness = Harness::of(model).await;
    let (web, _) = harness.github.repository("acme/web", Depth::Settings).await.unwrap();
    assert_eq!(web.security_updates, Fact::Known(SecurityUpdates::Paused));
    let branch = web.default_branch.as_ref().unwrap();
    let classic = branch.classic.known().unwrap().as_ref().unwrap();
    let teams = &classic.restrictions.known().unwrap().as_ref().unwrap().teams;
    assert_eq!(teams, &["platform"]);
    assert_eq!(branch.rulesets.known().unwrap()[0].name, "cc-devops baseline");
    let tree = web.files.known().unwrap().tree.known().unwrap();
    assert!(tree.complete && tree.paths.contains(&"a/b/c/d/Cargo.toml".to_owned()));

    harness.fake.change(|model| model.rename_repo("acme/web", "acme/site"));
    let (renamed, _) = harness.github.repository("acme/web", Depth::Settings).await.unwrap();
    assert_eq!((renamed.name.as_str(), renamed.id), ("site", web.id));
}

#[tokio::test]
async fn who_is_named_in_classic_protection_is_asked_once_and_only_where_it_is_not_known() {
    let mut model = model();
    for (name, people) in [("acme/few", 1), ("acme/many", 101)] {
        model.repo(name, |_| ());
        let mut rule = Protection::of("main").reviews(1);
        let users = (0..people).map(|number| format!("user-{number}")).collect();
        rule.reviews.as_mut().unwrap().bypass = Some(Actors {
            users,
            ..Actors::default()
        });
        model.protect(name, rule);
    }
    model.repo("acme/pushers", |_| ());
    let mut rule = Protection::of("main");
    rule.restrictions = Some(Actors::default());
    model.protect("acme/pushers", rule);
    let harness = Harness::of(model).await;
    for (name, asked) in [("few", 0), ("many", 1), ("pushers", 1)] {
        let full_name = format!("acme/{name}");
        let (read, _) = harness.github.repository(&full_name, Depth::Settings).await.unwrap();
        let classic = read.default_branch.as_ref().unwrap().classic.known().unwrap();
        let classic = classic.as_ref().unwrap();
        let key = format!("GET /repos/{full_name}/branches/main/protection");
        assert_eq!(harness.fake.count(&key), asked, "{name}");
        assert!(classic.bypass.known().is_some() && classic.restrictions.known().is_some());
    }
}

#[tokio::test]
async fn workflows_that_rulesets_require_are_read_with_the_rulesets() {
    let mut model = model();
    model.repo("acme/web", |_| ());
    let file = json!({"path": ".github/workflows/ci.yml", "repository_id": 1});
    let required = Ruleset::new("ci").on(&["~DEFAULT_BRANCH"], &[]);
    let required = required.rule(
        "workflows",
        json!({"do_not_enforce_on_create": false, "workflows": [file]}),
    );
    model.ruleset("acme/web", required);
    let harness = Harness::of(model).await;
    let policy = "defaults.rules_on = ['required_workflows']\n\
                  defaults.workflows.required = ['.github/workflows/ci.yml']";
    let github = posture::github(&harness, policy, TOKEN, &posture::clock());
    let read = settings_of(&github).await.0;
    let of = |web: &Repository| web.posture.required_workflows.as_ref().unwrap().fact.clone();
    let paths = Fact::Known(vec![".github/workflows/ci.yml".to_owned()]);
    assert_eq!(of(read.named("web")), paths);
    harness.first_lacks(&["defaultBranchRef", "rules"], "Something broke");
    let read = settings_of(&github).await.0;
    assert_eq!(
        of(read.named("web")),
        Fact::Unknown(Gap::NotRead("Something broke".to_owned()))
    );
}

#[tokio::test]
async fn workflows_are_listed_once_and_looked_at_closely_when_they_fail() {
    let mut model = model();
    model.repo("acme/web", |_| ());
    let ci = model.workflow("acme/web", ".github/workflows/ci.yml");
    let nightly = model.workflow("acme/web", ".github/workflows/nightly.yml");
    model.run(ci, "success", |_| ());
    let failed = model.run(nightly, "failure", |_| ());
    model.rerun(failed, "timed_out");
    model.edit_workflow(ci, |workflow| "disabled_inactivity".clone_into(&mut workflow.state));
    let harness = Harness::of(model).await;
    let (all, _) = runs_of(&harness.github, &[]).await;
    let workflows = all.named("web").workflows.known().unwrap();
    assert_eq!(workflows[0].state, WorkflowState::DisabledInactivity);
    let run = &workflows[1].runs.known().unwrap()[0];
    assert_eq!((run.attempt, &run.conclusion), (2, &Some(Conclusion::TimedOut)));
    assert_eq!(run.failed_jobs[0].name, "build");
    let lists = || harness.fake.count("GET /repos/acme/web/actions/workflows");
    let listed = lists();
    runs_of(&harness.github, &[]).await;
    let (audited, _) = settings_of(&harness.github).await;
    assert_eq!(audited.named("web").workflows.known().unwrap().len(), 2);
    let closely = harness
        .fake
        .count(&format!("GET /repos/acme/web/actions/workflows/{nightly}/runs"));
    assert_eq!(
        lists() - closely,
        listed - 1,
        "the folder is the same, so it is not listed again"
    );

    harness.fake.change(|model| model.delete_workflow(nightly));
    let (all, _) = runs_of(&harness.github, &[]).await;
    assert_eq!(all.named("web").workflows.known().unwrap().len(), 1);
}

#[tokio::test]
async fn runs_of_forks_and_pull_requests_do_not_hide_those_of_the_branch() {
    let mut model = model();
    model.repo("acme/web", |_| ());
    let ci = model.workflow("acme/web", ".github/workflows/ci.yml");
    model.run(ci, "failure", |_| ());
    for _ in 0..12 {
        model.run(ci, "success", |run| {
            "pull_request".clone_into(&mut run.event);
            run.head_repository = Some("somebody/web".to_owned());
        });
    }
    let harness = Harness::of(model).await;
    let (all, _) = runs_of(&harness.github, &[]).await;
    let workflow = &all.named("web").workflows.known().unwrap()[0];
    let health = cc_devops_repos::workflows::runs::judge(all.named("web"), workflow);
    assert!(
        matches!(health, cc_devops_repos::workflows::runs::Health::Failing(_)),
        "{health:?}"
    );
}

#[tokio::test]
async fn an_app_asks_for_its_own_token_and_keeps_it() {
    let mut model = model();
    model.repo("acme/web", |_| ());
    let credential = json!({"app_id": APP_ID, "private_key": APP_KEY}).to_string();
    let harness = Harness::with(model, &credential).await;
    settings_of(&harness.github).await;
    let (all, _) = settings_of(&harness.github).await;
    assert_eq!(
        all.named("web").default_branch.as_ref().unwrap().classic,
        Fact::Known(None)
    );
    let asked = harness.fake.count("POST /app/installations");
    assert_eq!(asked, 1, "the token is kept");
}

#[tokio::test]
async fn an_organisations_ruleset_counts_alone_as_among_all() {
    let mut model = model();
    model.repo("acme/web-1", |_| ());
    model.repo("acme/web-2", |_| ());
    model.org_ruleset("acme", Ruleset::new("ones").repositories(&["*1"], &[]).pull_request(1));
    let harness = Harness::of(model).await;
    for (name, protected) in [("web-1", true), ("web-2", false)] {
        let (one, _) = harness
            .github
            .repository(&format!("acme/{name}"), Depth::Settings)
            .await
            .unwrap();
        let branch = one.default_branch.clone().unwrap();
        let union = cc_devops_repos::protection::union(&branch);
        assert_eq!(union.reviews.is_some(), protected, "{name}: {:?}", branch.rulesets);
        let (all, _) = settings_of(&harness.github).await;
        let branch = all.named(name).default_branch.clone().unwrap();
        let union = cc_devops_repos::protection::union(&branch);
        assert_eq!(union.reviews.is_some(), protected, "{name} among all");
    }
}
