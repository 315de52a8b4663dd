//! The secret store's contract: idempotent writes, two readable versions, lists without values.

use cc_devops_kernel::names::SecretPrefix;
use cc_devops_kernel::outcome::SecretAction;
use cc_devops_kernel::ports::{PortErrorKind, PortResult, SecretVersion, SecretWrite, SecretWritten};
use cc_devops_requests::ports::Ports;

use super::{refused, secret_changes};
use crate::sample::{self, AGENT, OTHER_AGENT, after, agent_name, secret_name};

const NAME: &str = "/contentcraft/orchestrator/api_key";

/// The secret store keeps what it promises: a token is one write for ever, the current and the
/// previous version can be read, lists show no values, and a change is on record with what it changed.
pub async fn secrets(fresh: impl AsyncFn() -> Ports) {
    suite(&fresh, Times::AsGiven).await;
}

/// The same for a store that goes by its own clock, keeps who created a secret and not who changed
/// it.
pub async fn secrets_of_a_provider(fresh: impl AsyncFn() -> Ports) {
    suite(&fresh, Times::OfTheStore).await;
}

/// Whose clock a store goes by.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Times {
    AsGiven,
    OfTheStore,
}

async fn suite(fresh: &impl AsyncFn() -> Ports, times: Times) {
    a_write_can_be_read(&fresh().await, times).await;
    values_come_back_whole(&fresh().await).await;
    the_last_two_versions_can_be_read(&fresh().await).await;
    a_repeated_token_is_the_same_write(&fresh().await).await;
    a_token_with_another_value_is_refused(&fresh().await).await;
    repeats_at_once_are_one_write(&fresh().await).await;
    writers_at_once_lose_no_version(&fresh().await).await;
    lists_go_by_name_and_prefix(&fresh().await, times).await;
    a_secret_is_described_with_its_versions(&fresh().await, times).await;
    secret_changes::suite(fresh, times == Times::AsGiven).await;
}

async fn put(ports: &Ports, name: &str, value: &str, token: u64, at: i64) -> PortResult<SecretWritten> {
    let (put, token) = (sample::put_secret(name, value), token_of(token));
    let write = SecretWrite {
        put: &put,
        token: &token,
        may_be_repeat: true,
        agent: &agent_name(AGENT),
        stage: &sample::stage(),
        at: after(at),
    };
    ports.secrets.put(write).await
}

fn token_of(number: u64) -> String {
    format!("{number:064x}")
}

/// The value and version of a secret, if there is one.
async fn read(ports: &Ports, name: &str, version: SecretVersion) -> Option<(String, String)> {
    let read = ports.secrets.read(&secret_name(name), version).await.expect("read");
    read.map(|read| (read.value.expose().to_owned(), read.version_id))
}

async fn a_write_can_be_read(ports: &Ports, times: Times) {
    assert!(
        read(ports, NAME, SecretVersion::Current).await.is_none(),
        "there is no secret yet"
    );
    let written = put(ports, NAME, "one", 1, 5).await.unwrap();
    assert_eq!(written.action, SecretAction::Created, "the first write creates");
    assert_eq!(written.version_id, token_of(1), "the token becomes the version's id");
    assert!(!written.arn.is_empty(), "the secret has an address");
    assert!(!written.arn.contains("one"), "the address does not tell the value");
    let current = ports
        .secrets
        .read(&secret_name(NAME), SecretVersion::Current)
        .await
        .unwrap()
        .unwrap();
    assert_eq!(current.value.expose(), "one", "the value comes back");
    assert_eq!(current.version_id, token_of(1), "with its version");
    if times == Times::AsGiven {
        assert_eq!(current.created_at, after(5), "and its time");
    }
    assert!(
        read(ports, NAME, SecretVersion::Previous).await.is_none(),
        "there is no version before"
    );
    assert!(
        read(ports, "/contentcraft/orchestrator/api", SecretVersion::Current)
            .await
            .is_none(),
        "a name that only begins alike is another secret"
    );
}

async fn values_come_back_whole(ports: &Ports) {
    let values = [
        "x",
        "line\nline\r\n\0end",
        "é\u{1f511}\u{202e}",
        &"y".repeat(65_536),
        "\"'; DROP TABLE secrets; --",
    ];
    for (number, value) in (1..).zip(values) {
        let name = format!("/contentcraft/whole/v{number}");
        put(ports, &name, value, number, 1).await.unwrap();
        let (read, _) = read(ports, &name, SecretVersion::Current).await.unwrap();
        assert!(read == value, "value number {number} comes back byte for byte");
    }
}

async fn the_last_two_versions_can_be_read(ports: &Ports) {
    for (number, value) in [(1, "one"), (2, "two"), (3, "three")] {
        let written = put(ports, NAME, value, number, 10).await.unwrap();
        let expected = if number == 1 {
            SecretAction::Created
        } else {
            SecretAction::Updated
        };
        assert_eq!(written.action, expected, "write number {number}");
    }
    let current = read(ports, NAME, SecretVersion::Current).await.unwrap();
    assert_eq!(current, ("three".to_owned(), token_of(3)), "the newest is current");
    let previous = read(ports, NAME, SecretVersion::Previous).await.unwrap();
    assert_eq!(previous, ("two".to_owned(), token_of(2)), "the one before is previous");
}

async fn a_repeated_token_is_the_same_write(ports: &Ports) {
    let first = put(ports, NAME, "one", 1, 5).await.unwrap();
    assert_eq!(
        put(ports, NAME, "one", 1, 6).await.unwrap(),
        first,
        "a repeat gives the same answer"
    );
    assert!(
        read(ports, NAME, SecretVersion::Previous).await.is_none(),
        "and writes no version"
    );

    put(ports, NAME, "two", 2, 7).await.unwrap();
    let third = put(ports, NAME, "three", 3, 8).await.unwrap();
    assert_eq!(
        put(ports, NAME, "one", 1, 9).await.unwrap(),
        first,
        "a repeat gives the same answer after two newer versions too"
    );
    assert_eq!(
        put(ports, NAME, "three", 3, 9).await.unwrap(),
        third,
        "and so does one of the newest"
    );
    assert_eq!(
        read(ports, NAME, SecretVersion::Current).await.unwrap().0,
        "three",
        "a late repeat does not bring the old value back"
    );
    assert_eq!(
        read(ports, NAME, SecretVersion::Previous).await.unwrap().0,
        "two",
        "nor move the previous one"
    );
    let summary = ports.secrets.list(None, None, 10).await.unwrap().remove(0);
    assert_eq!(summary.versions, 3, "there were three writes");

    put(ports, NAME, "one", 4, 10).await.unwrap();
    assert_eq!(
        read(ports, NAME, SecretVersion::Current).await.unwrap(),
        ("one".to_owned(), token_of(4)),
        "an old value with a new token is a new version"
    );
}

async fn a_token_with_another_value_is_refused(ports: &Ports) {
    put(ports, NAME, "one", 1, 5).await.unwrap();
    refused(
        put(ports, NAME, "other", 1, 6).await,
        PortErrorKind::Refused,
        "the token with another value",
    );
    assert_eq!(
        read(ports, NAME, SecretVersion::Current).await.unwrap().0,
        "one",
        "the first value stays"
    );
    put(ports, NAME, "two", 2, 7).await.unwrap();
    put(ports, NAME, "three", 3, 8).await.unwrap();
    let error = put(ports, NAME, "other-value", 1, 9)
        .await
        .expect_err("refused after newer versions too");
    assert_eq!(error.kind, PortErrorKind::Refused, "for the same reason");
    assert!(
        !format!("{error} {error:?}").contains("other-value"),
        "the refusal does not tell the value"
    );
    put(ports, "/contentcraft/orchestrator/second", "other", 1, 10)
        .await
        .expect("a token belongs to one secret; another one may have the same");
}

async fn repeats_at_once_are_one_write(ports: &Ports) {
    let calls: Vec<_> = (0..8)
        .map(|_| {
            let ports = ports.clone();
            tokio::spawn(async move { put(&ports, NAME, "one", 1, 5).await })
        })
        .collect();
    for call in calls {
        let written = call.await.unwrap().expect("a repeat at the same time");
        assert_eq!(
            written.action,
            SecretAction::Created,
            "all are told what the one write did"
        );
    }
    let summary = ports.secrets.list(None, None, 10).await.unwrap().remove(0);
    assert_eq!(summary.versions, 1, "there was one write");
}

async fn writers_at_once_lose_no_version(ports: &Ports) {
    let calls: Vec<_> = (1..=8)
        .map(|number| {
            let ports = ports.clone();
            tokio::spawn(async move { put(&ports, NAME, &format!("v{number}"), number, 5).await })
        })
        .collect();
    let mut created = 0;
    for call in calls {
        let written = call.await.unwrap().expect("a write at the same time as others");
        created += usize::from(written.action == SecretAction::Created);
    }
    assert_eq!(created, 1, "one of them created the secret");
    let summary = ports.secrets.list(None, None, 10).await.unwrap().remove(0);
    assert_eq!(summary.versions, 8, "every write is a version");
    let (current, previous) = (
        read(ports, NAME, SecretVersion::Current).await.unwrap(),
        read(ports, NAME, SecretVersion::Previous).await.unwrap(),
    );
    assert_ne!(current, previous, "current and previous are two versions");
    assert_eq!(current.1, summary.version_id, "the list and the reading agree");
}

async fn lists_go_by_name_and_prefix(ports: &Ports, times: Times) {
    let names = [
        "/contentcraft/a/x",
        "/contentcraft/a/y",
        "/contentcraft/ab/x",
        "/contentcraft/b/x",
    ];
    for (number, name) in (1..).zip(names.iter().rev()) {
        put(ports, name, "v", number, 5).await.unwrap();
    }
    let listed = async |prefix: Option<&str>, after: Option<&str>, limit| {
        let prefix = prefix.map(|prefix| SecretPrefix::new(prefix).unwrap());
        let after = after.map(secret_name);
        let list = ports
            .secrets
            .list(prefix.as_ref(), after.as_ref(), limit)
            .await
            .unwrap();
        list.into_iter()
            .map(|summary| summary.name.to_string())
            .collect::<Vec<_>>()
    };
    assert_eq!(listed(None, None, 10).await, names, "all secrets, by name");
    assert_eq!(listed(None, None, 2).await, names[..2], "no more than asked for");
    assert_eq!(listed(None, Some(names[1]), 10).await, names[2..], "behind a name");
    assert_eq!(
        listed(Some("/contentcraft/a/"), None, 10).await,
        names[..2],
        "a prefix ends at its slash"
    );
    assert_eq!(
        listed(Some("/contentcraft/a/"), Some(names[0]), 10).await,
        names[1..2],
        "both at once"
    );
    assert!(
        listed(Some("/contentcraft/c/"), None, 10).await.is_empty(),
        "nothing lies there"
    );

    let update = sample::put_secret(names[0], "w");
    let write = SecretWrite {
        put: &update,
        token: &token_of(99),
        may_be_repeat: true,
        agent: &agent_name(OTHER_AGENT),
        stage: &sample::stage(),
        at: after(9),
    };
    ports.secrets.put(write).await.unwrap();
    let summary = ports.secrets.list(None, None, 1).await.unwrap().remove(0);
    assert_eq!(
        (summary.version_id, summary.versions),
        (token_of(99), 2),
        "the newest version and their number"
    );
    if times == Times::OfTheStore {
        assert!(summary.created_at <= summary.updated_at, "first and last write");
        return;
    }
    assert_eq!(
        (summary.created_at, summary.updated_at),
        (after(5), after(9)),
        "first and last write"
    );
    assert_eq!(summary.updated_by, agent_name(OTHER_AGENT), "who wrote last");
}

async fn a_secret_is_described_with_its_versions(ports: &Ports, times: Times) {
    let describe = async |name: &str| ports.secrets.describe(&secret_name(name)).await.unwrap();
    assert_eq!(describe(NAME).await, None, "there is no secret yet");
    put(ports, "/contentcraft/orchestrator/api", "other", 9, 1)
        .await
        .unwrap();
    for number in 1..=4 {
        put(
            ports,
            NAME,
            &format!("value {number}"),
            number,
            10 * i64::try_from(number).unwrap(),
        )
        .await
        .unwrap();
    }
    let described = describe(NAME).await.unwrap();
    let listed = ports.secrets.list(None, None, 9).await.unwrap();
    assert_eq!(
        listed.iter().find(|secret| secret.name == described.summary.name),
        Some(&described.summary)
    );
    let versions = &described.versions;
    let newest: Vec<_> = versions
        .iter()
        .map(|version| (version.version_id.clone(), version.version))
        .take(2)
        .collect();
    assert_eq!(
        newest,
        [
            (token_of(4), Some(SecretVersion::Current)),
            (token_of(3), Some(SecretVersion::Previous)),
        ]
    );
    assert!(
        versions[2..].iter().all(|version| version.version.is_none()),
        "{versions:?}"
    );
    if times == Times::AsGiven {
        let told: Vec<_> = versions
            .iter()
            .map(|version| (version.created_at, version.by.clone()))
            .collect();
        let by = |seconds| (after(seconds), Some(agent_name(AGENT)));
        assert_eq!(told, [by(40), by(30), by(20), by(10)]);
    }
    assert!(!format!("{described:?}").contains("value"), "and no value");
}
