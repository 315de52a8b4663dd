//! What GitHub itself once said, replayed to the client.

use cc_devops_fake_github::{Replay, recorded};
use cc_devops_kernel::secret::SecretValue;
use cc_devops_repos::fix::ChangeKind;
use cc_devops_repos::snapshot::{Actors, Classic, Fact};
use serde_json::{Value, json};

use crate::client::{Ask, Client, Credential, Error, GithubSettings, get, post, put};
use crate::{changes, issues, scan};

const OWNER: &str = "octokit-fixture-org";

async fn replay(scenario: &str) -> (Replay, Client) {
    drop(rustls::crypto::ring::default_provider().install_default());
    let replay = Replay::start(scenario).await;
    let settings = GithubSettings {
        api_url: replay.url().to_owned(),
        ..GithubSettings::default()
    };
    let token = Credential::Token(SecretValue::new("0000".to_owned()));
    let client = Client::new(token, OWNER, &settings).unwrap();
    (replay, client)
}

fn ask(method: fn(&[&str]) -> (cc_devops_outbound::Method, String), name: &str, rest: &[&str]) -> Ask {
    let path = [&["repos", OWNER, name], rest].concat();
    Ask::new(method(&path), format!("ask {name}"))
}

#[tokio::test]
async fn an_unprotected_branch_and_its_protection() {
    let (_replay, client) = replay("branch-protection").await;
    let protection = ask(get, "branch-protection", &["branches", "main", "protection"]);
    assert_eq!(client.optional::<Value>(&protection).await.unwrap(), None);
    for exchange in &recorded("branch-protection")[1..3] {
        let change = ChangeKind::PutProtection {
            branch: "main".to_owned(),
            after: Box::new(classic()),
            body: exchange["body"].clone(),
        };
        let repository = format!("{OWNER}/branch-protection");
        let done = changes::change(&client, &repository, &change).await.unwrap();
        assert_eq!(done, "The branch main is protected.");
    }
}

fn classic() -> Classic {
    Classic {
        pattern: "main".to_owned(),
        reviews: None,
        status_checks: None,
        switches: std::iter::empty().collect(),
        restrictions: Fact::Known(None),
        dismissals: Fact::Known(None),
        bypass: Fact::Known(Actors::default()),
    }
}

#[test]
fn who_is_named_in_a_protection() {
    let answer = recorded("branch-protection")[2]["answer"].take();
    let mut classic = classic();
    scan::people(&mut classic, serde_json::from_value(answer).unwrap());
    let user = || vec!["octokit-fixture-user-a".to_owned()];
    let may_push = Actors {
        users: user(),
        teams: vec!["a-team".to_owned()],
        apps: Vec::new(),
    };
    let may_dismiss = Actors {
        users: user(),
        ..Actors::default()
    };
    assert_eq!(classic.restrictions, Fact::Known(Some(may_push)));
    assert_eq!(classic.dismissals, Fact::Known(Some(may_dismiss)));
}

#[tokio::test]
async fn an_issue_a_branch_and_a_file_are_written() {
    let (_replay, client) = replay("add-labels-to-issue").await;
    let repository = format!("{OWNER}/add-labels-to-issue");
    let issue = issues::create(&client, &repository, "It fails", "body", &[])
        .await
        .unwrap();
    assert_eq!((issue.repository, issue.number), (repository, 1));

    let (_replay, client) = replay("git-refs").await;
    client
        .done(&ask(post, "git-refs", &["git", "refs"]).body(json!({})))
        .await
        .unwrap();

    let (_replay, client) = replay("create-file").await;
    let file = ask(put, "create-file", &["contents", "test.txt"]);
    client.done(&file.body(json!({}))).await.unwrap();
}

#[tokio::test]
async fn case_30_a_repository_that_was_renamed_has_moved() {
    let (_replay, client) = replay("rename-repository").await;
    let error = client.done(&ask(get, "rename-repository", &[])).await.unwrap_err();
    assert!(matches!(error, Error::Moved { .. }), "{error:?}");
}

#[tokio::test]
async fn a_refusal_says_which_field_is_wrong() {
    let (_replay, client) = replay("errors").await;
    let error = client
        .done(&ask(post, "errors", &["labels"]).body(json!({})))
        .await
        .unwrap_err();
    let words = error.to_string();
    assert!(words.contains("Validation Failed; Label.color is invalid"), "{words}");
}
