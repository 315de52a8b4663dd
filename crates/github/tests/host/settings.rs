//! Settings as code at the wire: how many requests a reading takes, and what it makes of what it cannot see.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use cc_devops_fake_github::{Access, Fault, Model, Plan, TOKEN, Visibility};
use cc_devops_kernel::ports::{PortErrorKind, PortResult, SecretChange, SecretStore, SecretTarget};
use cc_devops_repos::fix::ChangeKind;
use cc_devops_repos::policy::Policy;
use cc_devops_repos::ports::{ApiUsage, CodeHost};
use cc_devops_repos::settings::reconciling::Reconciler;
use cc_devops_repos::settings::{FoundSettings, Section, SettingChange, SettingsAsked, SettingsFacts};
use cc_devops_repos::snapshot::{Fact, Gap};
use cc_devops_testkit::sample;
use serde_json::json;

use crate::harness::{Harness, NOW};

/// Reads these sections of all repositories, or of the named ones.
async fn read(
    github: &impl CodeHost,
    names: &[&str],
    sections: &[Section],
) -> PortResult<(Vec<SettingsFacts>, ApiUsage)> {
    let any: BTreeSet<Section> = sections.iter().copied().collect();
    let names: Vec<String> = names.iter().map(ToString::to_string).collect();
    let of = |_: &str, _: &BTreeSet<_>| {
        sections
            .iter()
            .map(|section| (*section, None))
            .collect::<BTreeMap<_, _>>()
    };
    let asked = SettingsAsked {
        owner: "acme",
        names: &names,
        any: &any,
        of: &of,
    };
    let mut all = Vec::new();
    let mut take = |found| match found {
        FoundSettings::Repository(facts) => all.push(*facts),
        FoundSettings::Total(_) => {}
        other => panic!("{other:?}"),
    };
    let spent = github.settings(&asked, &mut take).await?;
    all.sort_by(|a, b| a.name.cmp(&b.name));
    Ok((all, spent))
}

#[tokio::test]
async fn what_graphql_knows_of_300_repositories_takes_3_requests_and_nothing_else_is_asked() {
    let mut model = Model::at(NOW);
    model.many("acme", 300, &[], |number, of| {
        of.settings.topics = vec![format!("t{number}")];
    });
    let harness = Harness::of(model).await;
    let (all, spent) = read(
        &harness.github,
        &[],
        &[Section::General, Section::Topics, Section::Labels],
    )
    .await
    .unwrap();
    assert_eq!((all.len(), spent.requests), (300, 3));
    let topics = all[7].sections[&Section::Topics].known().unwrap();
    assert_eq!(topics.keys().collect::<Vec<_>>(), ["t7"]);
    assert_eq!(all[7].sections.len(), 3);
    harness.fake.forget();
    let (_, spent) = read(&harness.github, &[], &[Section::Variables]).await.unwrap();
    assert_eq!(spent.requests, 303, "one for each repository, beside the list");
    assert_eq!(harness.fake.count("GET /repos/acme/bulk-00000/actions/variables"), 1);
}

#[tokio::test]
async fn a_page_that_is_too_much_is_asked_for_in_smaller_ones() {
    let mut model = Model::at(NOW);
    model.many("acme", 120, &[], |_, _| ());
    let harness = Harness::of(model).await;
    harness
        .fake
        .fault("POST /graphql WantedSettings", 0, Fault::TooMany(30));
    let (all, _) = read(&harness.github, &[], &[Section::General]).await.unwrap();
    assert_eq!(all.len(), 120);
}

#[tokio::test]
async fn what_the_plan_does_not_have_is_unavailable_and_not_unread() {
    let mut model = Model::at(NOW);
    model.org("acme");
    model.set_plan("acme", Plan::Free);
    model.repo("acme/web", |of| of.visibility = Visibility::Private);
    let harness = Harness::of(model).await;
    let (all, _) = read(&harness.github, &[], &[Section::Rulesets]).await.unwrap();
    let rulesets = &all[0].sections[&Section::Rulesets];
    assert!(
        matches!(rulesets, Fact::Unavailable(why) if why.starts_with("Upgrade to GitHub Pro")),
        "{rulesets:?}"
    );
}

#[tokio::test]
async fn more_labels_than_a_page_has_are_read_all_the_same() {
    let mut model = Model::at(NOW);
    model.repo("acme/web", |_| ());
    let harness = Harness::of(model).await;
    for number in 0..150 {
        let change = ChangeKind::Setting(SettingChange {
            section: Section::Labels,
            item: Some(format!("label {number}")),
            before: json!(null),
            after: json!({"color": "ededed", "description": ""}),
        });
        if number < 2 {
            harness.github.change("acme/web", &change).await.unwrap();
            let again = harness.github.change("acme/web", &change).await.unwrap();
            assert!(again.contains("is so already"), "{again}");
        } else {
            harness
                .fake
                .change(|model| model.label("acme/web", &format!("label {number}"), "ededed"));
        }
    }
    let (all, _) = read(&harness.github, &["web"], &[Section::Labels]).await.unwrap();
    assert_eq!(all[0].sections[&Section::Labels].known().unwrap().len(), 152);
}

#[tokio::test]
async fn what_may_not_be_seen_names_the_permission_and_a_person_has_no_teams() {
    let mut model = Model::at(NOW);
    model.repo("acme/web", |_| ());
    model.user("ada");
    model.repo("ada/dots", |_| ());
    let harness = Harness::of(model).await;
    let access = Access::fine_grained("ops").without("administration").without("secrets");
    harness.fake.token("ghp_blind", access);
    let blind = harness.as_other("ghp_blind");
    let sections = [Section::Teams, Section::Secrets, Section::Variables];
    let (all, _) = read(&blind, &["web"], &sections).await.unwrap();
    let gap = |permission: &str| Fact::Unknown(Gap::Permission(permission.to_owned()));
    assert_eq!(all[0].sections[&Section::Teams], gap("Administration: read"));
    assert_eq!(all[0].sections[&Section::Secrets], gap("Secrets: read"));
    assert!(all[0].sections[&Section::Variables].known().is_some());

    let of = |_: &str, _: &BTreeSet<_>| BTreeMap::from([(Section::Teams, None)]);
    let names = ["dots".to_owned()];
    let asked = SettingsAsked {
        owner: "ada",
        names: &names,
        any: &BTreeSet::new(),
        of: &of,
    };
    let mut seen = Vec::new();
    harness
        .github
        .settings(&asked, &mut |found| seen.push(found))
        .await
        .unwrap();
    let Some(FoundSettings::Repository(facts)) = seen.pop() else {
        panic!("{seen:?}")
    };
    assert!(matches!(facts.sections[&Section::Teams], Fact::Unavailable(_)));

    let missing = read(&harness.github, &["nothing"], &[]).await.unwrap_err();
    assert_eq!(missing.kind, PortErrorKind::NotFound);
}

#[tokio::test]
async fn a_setting_that_moved_is_not_overwritten() {
    let mut model = Model::at(NOW);
    model.repo("acme/web", |of| of.settings.topics = vec!["rust".to_owned()]);
    let harness = Harness::of(model).await;
    let change = ChangeKind::Setting(SettingChange {
        section: Section::Topics,
        item: None,
        before: json!([]),
        after: json!(["payments"]),
    });
    let refused = harness.github.change("acme/web", &change).await.unwrap_err();
    assert_eq!(refused.kind, PortErrorKind::Superseded);
    assert_eq!(harness.fake.count("PUT "), 0);
}

#[tokio::test]
async fn a_secret_that_was_made_without_a_value_is_none_to_set() {
    const NAME: &str = "/contentcraft/github/npm";
    let mut model = Model::at(NOW);
    model.repo("acme/web", |_| ());
    let harness = Harness::of(model).await;
    let change = SecretChange {
        name: &sample::secret_name(NAME),
        target: SecretTarget::New,
        version: None,
        description: Some("to come"),
        tags: None,
        kms_key: None,
        agent: &sample::agent_name(sample::AGENT),
        stage: &sample::stage(),
        at: sample::START,
    };
    let entry = sample::audit_entry("secret.changed", 0);
    SecretStore::change(&harness.memory, change, &entry).await.unwrap();
    let policy = format!("[defaults.settings]\nsecrets = {{ NPM_TOKEN = \"{NAME}\" }}\n");
    let reconciler = Reconciler::new(
        Arc::new(harness.as_other(TOKEN)),
        "acme",
        Arc::new(Policy::from_toml(&policy).unwrap()),
        Some(Arc::new(harness.memory.clone())),
        harness.memory.ports(),
    );
    let plans = reconciler.plan(&[], &mut |_, _| ()).await.unwrap().plans;
    let drift = &plans[0].drift;
    assert_eq!(drift.changes, []);
    let why = &drift.unknown[0].why;
    assert!(why.contains(&format!("has no secret {NAME}")), "{why}");
}
