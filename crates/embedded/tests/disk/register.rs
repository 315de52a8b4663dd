//! Agents and tokens against somebody who can write the file.

use std::ops::ControlFlow;

use cc_devops_embedded::Store;
use cc_devops_fleet::NewToken;
use cc_devops_fleet::ports::Agents;
use cc_devops_kernel::agent::Role;
use cc_devops_kernel::audit::{AuditEntry, Verification, actions};
use cc_devops_kernel::ports::{AuditTrail, Checks, PortErrorKind};
use cc_devops_testkit::sample::{self, AGENT, OTHER_AGENT, after, agent_name, token};

use crate::access::{add_key, add_operator, end_key, rotate, set_slack_user, sign_in, sign_out, signs};
use crate::folder::Folder;

/// Token 1 of an agent, and token 2 of another one.
async fn folder() -> Folder {
    let folder = Folder::new();
    let store = folder.open();
    for (name, number) in [(AGENT, 1), (OTHER_AGENT, 2)] {
        let (agent, added) = (sample::agent(name), on_record(actions::AGENT_ADDED, name, 0));
        store.agents().add(&agent, &token(number), &added).await.unwrap();
    }
    store.close();
    folder
}

/// On record as the control plane puts it there.
fn on_record(action: &str, name: &str, seconds: i64) -> AuditEntry {
    let mut entry = sample::audit_entry(action, seconds);
    entry.agent = Some(agent_name(name));
    entry.resource = Some(name.to_owned());
    entry.detail = serde_json::json!({"oldTokensEnd": after(seconds)});
    entry
}

fn token_at(number: u8, seconds: i64) -> NewToken {
    NewToken {
        created_at: after(seconds),
        ..token(number)
    }
}

async fn owner(store: &Store, number: u8) -> Option<Role> {
    let found = store.agents().by_token(&token(number).hash, after(50)).await.unwrap();
    found.map(|agent| agent.role)
}

async fn named(store: &Store, name: &str) -> Option<Role> {
    let found = store.agents().find(&agent_name(name)).await.unwrap();
    found.map(|agent| agent.role)
}

async fn verify(store: &Store) -> Verification {
    store.audit().verify().await.unwrap()
}

fn hash(number: u8) -> String {
    hex::encode(token(number).hash.0)
}

#[tokio::test]
async fn whoever_can_write_the_file_makes_nobody_an_operator() {
    let new_token = format!(
        "INSERT INTO tokens (hash, agent, created_at) VALUES (x'{}', '{AGENT}', 1)",
        hash(9)
    );
    let cases = [
        (
            "another role",
            format!("UPDATE agents SET role = 'admin' WHERE name = '{AGENT}'"),
            1,
        ),
        (
            "more prefixes",
            format!("UPDATE agents SET secret_prefixes = '[\"/contentcraft/\"]' WHERE name = '{AGENT}'"),
            1,
        ),
        (
            "more stacks",
            format!("UPDATE agents SET stacks = '[\"x\"]' WHERE name = '{AGENT}'"),
            1,
        ),
        (
            "a token for another",
            format!("UPDATE tokens SET agent = '{AGENT}' WHERE hash = x'{}'", hash(2)),
            2,
        ),
        (
            "a token that lasts",
            format!(
                "UPDATE tokens SET ends_at = 9000000000000000000 WHERE hash = x'{}'",
                hash(1)
            ),
            1,
        ),
        ("a new token", new_token, 9),
        (
            "a new agent with another's seal",
            format!(
                "INSERT INTO agents (name, role, secret_prefixes, stacks, created_at, mac) \
                 SELECT 'Intruder', 'admin', secret_prefixes, stacks, created_at, mac FROM agents WHERE name = '{AGENT}'; \
                 INSERT INTO tokens (hash, agent, created_at, mac) \
                 SELECT x'{}', 'Intruder', created_at, mac FROM tokens WHERE hash = x'{}'",
                hash(9),
                hash(1)
            ),
            9,
        ),
    ];
    for (what, sql, number) in cases {
        let folder = folder().await;
        let store = folder.open();
        // Whoever was found to be somebody is looked at anew once a row says something else.
        assert_eq!(owner(&store, 1).await, Some(Role::Agent), "{what}");
        assert_eq!(named(&store, AGENT).await, Some(Role::Agent), "{what}");
        folder.intruder().execute_batch(&sql).unwrap();
        assert_eq!(owner(&store, number).await, None, "{what}, while the store is open");
        assert_ne!(
            named(&store, AGENT).await,
            Some(Role::Admin),
            "{what}, while the store is open"
        );
        store.close();
        let store = folder.open();
        assert_eq!(owner(&store, number).await, None, "{what}");
        let told = verify(&store).await.breaks;
        assert!(
            told.iter()
                .any(|found| found.problem.contains("not written by this store")),
            "{what}: {told:?}"
        );
        let checks = store.checks().check().await;
        assert!(
            checks
                .iter()
                .any(|check| check.name == "agents" && check.message.is_some()),
            "{what}"
        );
        let listed = store.agents().list().await.unwrap();
        assert!(listed.iter().all(|status| status.agent.role == Role::Agent), "{what}");
    }
    let untouched = folder().await;
    let store = untouched.open();
    assert_eq!(owner(&store, 1).await, Some(Role::Agent));
    assert!(verify(&store).await.breaks.is_empty());
}

#[tokio::test]
async fn an_agent_whose_row_was_forged_is_added_anew() {
    let folder = folder().await;
    folder
        .intruder()
        .execute_batch(&format!("UPDATE agents SET role = 'admin' WHERE name = '{AGENT}'"))
        .unwrap();
    let store = folder.open();
    let rotated = store
        .agents()
        .rotate(&agent_name(AGENT), &token(3), after(9), &sample::rotated())
        .await;
    assert_eq!(rotated.unwrap_err().kind, PortErrorKind::NotFound, "it is nobody");
    store
        .agents()
        .add(&sample::agent(AGENT), &token(4), &sample::added())
        .await
        .unwrap();
    assert_eq!(owner(&store, 4).await, Some(Role::Agent));
    assert_eq!(owner(&store, 1).await, None, "a token of before the forgery has ended");
    assert!(verify(&store).await.breaks.is_empty());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn agents_stay_who_they_are_when_the_master_key_is_replaced() {
    let folder = folder().await;
    let store = folder.open();
    store
        .rotate_master_key(after(1), &mut |_| ControlFlow::Continue(()))
        .await
        .unwrap();
    assert_eq!(owner(&store, 1).await, Some(Role::Agent));
    store.close();
    let store = folder.open();
    assert_eq!(owner(&store, 1).await, Some(Role::Agent));
    assert!(verify(&store).await.breaks.is_empty());
}

/// A row that this store wrote, put back later, is told by what the trail says of it.
#[tokio::test]
async fn an_agent_or_token_that_is_put_back_as_it_was_shows() {
    let rows = |folder: &Folder| {
        let conn = folder.intruder();
        let sql = format!(
            "CREATE TABLE kept_agents AS SELECT * FROM agents WHERE name = '{AGENT}'; \
             CREATE TABLE kept_tokens AS SELECT * FROM tokens WHERE agent = '{AGENT}'"
        );
        conn.execute_batch(&sql).unwrap();
    };
    let put_back = |folder: &Folder| {
        let conn = folder.intruder();
        conn.execute_batch(
            "INSERT OR REPLACE INTO agents SELECT * FROM kept_agents; \
             INSERT OR REPLACE INTO tokens SELECT * FROM kept_tokens",
        )
        .unwrap();
    };
    let (name, one) = (agent_name(AGENT), folder().await);
    rows(&one);
    let store = one.open();
    store
        .agents()
        .revoke(&name, after(5), &on_record(actions::AGENT_REVOKED, AGENT, 5))
        .await
        .unwrap();
    store.close();
    assert!(verify(&one.open()).await.breaks.is_empty());
    put_back(&one);
    let told = verify(&one.open()).await.breaks;
    assert!(
        told.iter()
            .any(|found| found.seq == 3 && found.problem.contains("was revoked")),
        "{told:?}"
    );

    let two = folder().await;
    rows(&two);
    let store = two.open();
    let (new, rotated) = (token_at(3, 5), on_record(actions::TOKEN_ROTATED, AGENT, 5));
    store.agents().rotate(&name, &new, after(5), &rotated).await.unwrap();
    store.close();
    assert!(verify(&two.open()).await.breaks.is_empty());
    put_back(&two);
    let told = verify(&two.open()).await.breaks;
    assert!(
        told.iter()
            .any(|found| found.seq == 3 && found.problem.contains("was replaced")),
        "{told:?}"
    );
}

/// The same of whom records let in.
#[tokio::test]
async fn an_access_key_session_or_slack_user_that_is_put_back_shows() {
    let folder = folder().await;
    let store = folder.open();
    let replaced = add_key(&store, AGENT, 1).await;
    let ended = add_key(&store, OTHER_AGENT, 2).await;
    let good = add_key(&store, OTHER_AGENT, 3).await;
    sign_in(&store, 1).await;
    sign_in(&store, 2).await;
    for (name, number, user) in [("Ana", 4, "U0ANA1"), ("Bruno", 5, "U0BRUNO"), ("Cleo", 6, "U0CLEO")] {
        add_operator(&store, name, number).await;
        set_slack_user(&store, name, Some(user)).await;
    }
    let conn = folder.intruder();
    conn.execute_batch("CREATE TABLE kept AS SELECT * FROM records")
        .unwrap();

    end_key(&store, &ended).await;
    rotate(&store, AGENT).await;
    sign_out(&store, 1).await;
    set_slack_user(&store, "Ana", None).await;
    set_slack_user(&store, "Bruno", Some("U0BRUNO2")).await;
    let told = verify(&store).await.breaks;
    assert!(told.is_empty(), "all stands as the trail tells it: {told:?}");

    conn.execute_batch("INSERT OR REPLACE INTO records SELECT * FROM kept")
        .unwrap();
    assert!(signs(&store, &ended).await, "nothing else tells it");
    let told = verify(&store).await.breaks;
    let expected = [
        format!("the access key {} of agent {AGENT} was ended", replaced.id),
        format!("the access key {} of agent {OTHER_AGENT} was ended", ended.id),
        "the session ".to_owned(),
        "the Slack user U0ANA1 was taken from Ana".to_owned(),
        "the Slack user U0BRUNO was taken from Bruno".to_owned(),
    ];
    for problem in &expected {
        let is_told = told.iter().any(|found| found.problem.starts_with(problem));
        assert!(is_told, "{problem}: {told:?}");
    }
    assert_eq!(told.len(), expected.len(), "and nothing else: {told:?}");
    assert!(signs(&store, &good).await);
}
