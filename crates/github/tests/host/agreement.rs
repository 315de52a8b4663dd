//! An audit of all repositories and a look at one judge the same facts: whoever asks, and whatever stands.

use std::collections::BTreeMap;

use cc_devops_fake_github::{
    Access, Enforcement, Model, Permission, Plan, Property, Protection, Ruleset, TOKEN, Visibility,
};
use cc_devops_repos::findings::check;
use cc_devops_repos::policy::Policy;
use cc_devops_repos::ports::{CodeHost, Depth};
use cc_devops_repos::report::{Finding, Verdict};
use cc_devops_repos::rules::Rule;
use cc_devops_repos::snapshot::{BypassKind, Fact, Repository};
use jiff::civil::date;
use serde_json::{Value, json};

use crate::harness::{Harness, NOW, settings_of};

/// What every rule came to, with what was seen, but for the number of a request.
fn judged(repository: &Repository) -> BTreeMap<Rule, (Verdict, Value)> {
    let report = check(repository, &Policy::default(), date(2026, 11, 24));
    let seen = |finding: &Finding| {
        let evidence = finding.evidence.split(" (request ").next();
        (finding.verdict, json!([evidence, finding.data]))
    };
    let findings = report.findings.iter();
    findings.map(|finding| (finding.rule, seen(finding))).collect()
}

/// Repositories in as many situations as GitHub has for them.
fn model() -> Model {
    let mut model = Model::at(NOW);
    model.org("acme");
    let dependabot = "version: 2\nupdates:\n  - package-ecosystem: cargo\n    directory: /\n    schedule:\n      \
                      interval: daily\n";
    for name in [
        "bare", "classic", "own", "asleep", "trial", "chosen", "open", "locked", "person", "nobody", "workflow",
        "deep", "quiet", "renovate", "old",
    ] {
        let name = format!("acme/{name}");
        model.repo(&name, |of| {
            of.vulnerability_alerts = true;
            of.security_fixes = true;
        });
        model.commit(&name, "main", ".github/dependabot.yml", dependabot);
        model.commit(&name, "main", "Cargo.toml", "");
        model.workflow(&name, ".github/workflows/ci.yml");
    }
    model.protect("acme/classic", Protection::of("**/**").reviews(1).checks(&["ci"]));
    let rules = |name: &str| Ruleset::new(name).pull_request(1).rule("deletion", Value::Null);
    model.ruleset("acme/own", rules("baseline"));
    model.ruleset("acme/asleep", rules("baseline").enforcement(Enforcement::Disabled));
    model.ruleset("acme/trial", rules("baseline").enforcement(Enforcement::Evaluate));
    let mut by_property = rules("tier one");
    by_property.properties = vec![Property {
        name: "tier".to_owned(),
        values: vec!["one".to_owned()],
    }];
    model.org_ruleset("acme", by_property);
    model.edit("acme/chosen", |of| {
        of.properties.insert("tier".to_owned(), "one".to_owned());
    });
    model.ruleset("acme/open", rules("everywhere").on(&[], &["refs/heads/release/*"]));
    let mut locked = Protection::of("main");
    locked.lock_branch = true;
    model.protect("acme/locked", locked);
    model.account("ada", 4242);
    model.ruleset("acme/person", rules("baseline").bypass("User", Some(4242)));
    let unnamed = rules("baseline").bypass("Team", Some(99)).bypass("User", Some(666));
    model.ruleset("acme/nobody", unnamed);
    let file = json!({"workflows": [{"path": ".github/workflows/policy.yml", "repository_id": 1}]});
    model.ruleset("acme/workflow", Ruleset::new("policy").rule("workflows", file));
    model.commit("acme/deep", "main", "services/billing/worker/src/go.mod", "");
    model.edit("acme/quiet", |of| {
        of.vulnerability_alerts = false;
        of.security_fixes = false;
    });
    model.delete_file("acme/renovate", "main", ".github/dependabot.yml");
    model.commit("acme/renovate", "main", ".github/renovate.json", "{}");
    model.edit("acme/old", |of| of.archived = true);
    model
}

async fn agree(harness: &Harness, token: &str) {
    let github = harness.as_other(token);
    for round in ["nothing kept", "trees kept"] {
        let (all, _) = settings_of(&github).await;
        assert!(all.missing.is_empty() && all.broken.is_empty(), "{all:?}");
        for among in &all.repositories {
            let (alone, _) = github.repository(&among.full_name(), Depth::Settings).await.unwrap();
            assert_eq!(judged(&alone), judged(among), "{} for {token}, {round}", among.name);
        }
    }
}

#[tokio::test]
async fn all_and_one_are_judged_alike_whoever_asks() {
    let harness = Harness::of(model()).await;
    harness
        .fake
        .token("reader", Access::classic("reader", Permission::Read));
    harness
        .fake
        .token("writer", Access::classic("writer", Permission::Write));
    for lacking in [
        "administration",
        "contents",
        "actions",
        "checks",
        "vulnerability_alerts",
    ] {
        harness
            .fake
            .token(lacking, Access::fine_grained("ops").without(lacking));
    }
    harness.fake.token("app", Access::installation("hygiene"));
    harness
        .fake
        .token("weak-app", Access::installation("hygiene").without("administration"));
    for token in [
        TOKEN,
        "reader",
        "writer",
        "administration",
        "contents",
        "actions",
        "checks",
        "vulnerability_alerts",
        "app",
        "weak-app",
    ] {
        agree(&harness, token).await;
    }
}

#[tokio::test]
async fn they_agree_about_a_person_s_repositories_and_a_plan_that_lacks_protection() {
    let mut model = Model::at(NOW);
    model.user("acme");
    model.repo("acme/web", |of| of.vulnerability_alerts = true);
    model.repo("acme/quiet", |of| of.vulnerability_alerts = false);
    agree(&Harness::of(model).await, TOKEN).await;

    let mut model = Model::at(NOW);
    model.org("acme");
    model.set_plan("acme", Plan::Free);
    model.repo("acme/hidden", |of| of.visibility = Visibility::Private);
    agree(&Harness::of(model).await, TOKEN).await;
}

#[tokio::test]
async fn what_is_in_force_is_what_github_lists() {
    let harness = Harness::of(model()).await;
    let (all, _) = settings_of(&harness.github).await;
    for (name, approvals) in [("own", 1), ("chosen", 1), ("open", 1), ("asleep", 0), ("trial", 0)] {
        let among = all.named(name);
        let branch = among.default_branch.as_ref().unwrap();
        let union = cc_devops_repos::protection::union(branch);
        assert_eq!(union.approvals(), approvals, "{name}: {branch:?}");
        assert_eq!(union.gaps.len(), 0, "{name}: {branch:?}");
    }
    let workflow = judged(all.named("workflow"));
    assert_eq!(workflow[&Rule::RequiredStatusChecks].0, Verdict::Pass, "{workflow:?}");
}

#[tokio::test]
async fn people_who_are_let_past_are_named_and_others_said_to_be_nameless() {
    let harness = Harness::of(model()).await;
    let (all, _) = settings_of(&harness.github).await;
    let past = |name: &str| {
        let branch = all.named(name).default_branch.as_ref().unwrap();
        let rulesets = branch.rulesets.known().unwrap();
        let actors = rulesets[0].bypass.known().unwrap().iter();
        let mut labels: Vec<String> = actors.map(cc_devops_repos::snapshot::BypassActor::label).collect();
        labels.sort();
        labels
    };
    assert_eq!(past("person"), ["user:ada"]);
    assert_eq!(past("nobody"), ["unnamed", "unnamed:account 666"]);
    let Fact::Known(rulesets) = &all.named("nobody").default_branch.as_ref().unwrap().rulesets else {
        panic!("they were read");
    };
    let actors = rulesets[0].bypass.known().unwrap();
    assert!(
        actors.iter().all(|actor| actor.kind == BypassKind::Unnamed),
        "{actors:?}"
    );
    // Each account once, and only rulesets with somebody whom GraphQL does not name.
    assert_eq!(harness.fake.count("GET /user/4242"), 1);
    assert_eq!(harness.fake.count("GET /repos/acme/own/rulesets/"), 0);
    // Who is on a list is kept until the ruleset is changed.
    settings_of(&harness.github).await;
    assert_eq!(harness.fake.count("GET /repos/acme/person/rulesets/"), 1);
}
