//! Secrets in Secrets Manager, beyond the contract of the secret store: on moto, which knows its rules.

use cc_devops_aws::Backend;
use cc_devops_kernel::audit::{AuditEntry, AuditFilter, actions};
use cc_devops_kernel::names::SecretPrefix;
use cc_devops_kernel::outcome::{SecretAction, Status};
use cc_devops_kernel::ports::{
    NewVersion, PortErrorKind, PortResult, SecretChange, SecretChanged, SecretTarget, SecretVersion, SecretWrite,
    SecretWritten,
};
use cc_devops_kernel::secret::SecretValue;
use cc_devops_testkit::{peers, sample};

use crate::harness;

const NAME: &str = "/contentcraft/orchestrator/api_key";

async fn put(backend: &Backend, value: &str, token: u64, kms_key: Option<&str>) -> SecretWritten {
    try_put(backend, value, token, kms_key).await.unwrap()
}

async fn try_put(backend: &Backend, value: &str, token: u64, kms_key: Option<&str>) -> PortResult<SecretWritten> {
    let mut put = sample::put_secret(NAME, value);
    put.kms_key = kms_key.map(str::to_owned);
    let write = SecretWrite {
        put: &put,
        token: &format!("{token:064x}"),
        may_be_repeat: true,
        agent: &sample::agent_name(sample::AGENT),
        stage: &sample::stage(),
        at: sample::START,
    };
    backend.secrets().put(write).await
}

/// A secret's key and tags, in the tags' order of keys.
async fn described(backend: &Backend) -> (Option<String>, Vec<(String, String)>) {
    let call = backend.clients().secrets().describe_secret().secret_id(NAME);
    let secret = call.send().await.unwrap();
    let tag =
        |tag: &aws_sdk_secretsmanager::types::Tag| (tag.key().unwrap().to_owned(), tag.value().unwrap().to_owned());
    let mut tags: Vec<_> = secret.tags().iter().map(tag).collect();
    tags.sort();
    (secret.kms_key_id, tags)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_secret_says_whose_it_is() {
    let peer = peers::moto().await;
    let backend = harness::bare(&peer);
    put(&backend, "one", 1, None).await;
    let (_, tags) = described(&backend).await;
    let tags: Vec<(&str, &str)> = tags.iter().map(|(key, value)| (key.as_str(), value.as_str())).collect();
    let first = format!("{:064x}", 1);
    assert_eq!(
        tags,
        [
            ("createdBy", sample::AGENT),
            ("firstVersion", first.as_str()),
            ("service", "orchestrator"),
            ("stage", "dev"),
        ]
    );
    let told = backend.secrets().describe(&sample::secret_name(NAME)).await.unwrap();
    assert!(told.unwrap().summary.tags.is_empty(), "none of them is its owner's");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_key_is_taken_at_the_making_and_with_a_new_version() {
    let peer = peers::moto().await;
    let backend = harness::bare(&peer);
    let created = put(&backend, "one", 1, Some("alias/first")).await;
    assert_eq!(put(&backend, "one", 1, Some("alias/first")).await, created, "a repeat");
    assert_eq!(created.action, SecretAction::Created);
    assert_eq!(described(&backend).await.0.as_deref(), Some("alias/first"));
    let updated = put(&backend, "two", 2, Some("alias/second")).await;
    assert_eq!(updated.action, SecretAction::Updated);
    assert_eq!(updated.version_id, format!("{:064x}", 2));
    assert_eq!(described(&backend).await.0.as_deref(), Some("alias/second"));
    assert_eq!(
        put(&backend, "one", 1, Some("alias/first")).await,
        created,
        "a late repeat"
    );
    assert_eq!(
        described(&backend).await.0.as_deref(),
        Some("alias/second"),
        "the key stays"
    );
    let error = try_put(&backend, "other", 2, Some("alias/second")).await.unwrap_err();
    assert_eq!(error.kind, PortErrorKind::Refused, "the token with another value");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_secret_marked_for_deletion_is_not_read_and_says_how_to_restore_it() {
    let peer = peers::moto().await;
    let backend = harness::bare(&peer);
    put(&backend, "one", 1, None).await;
    let delete = backend.clients().secrets().delete_secret().secret_id(NAME);
    delete.recovery_window_in_days(7).send().await.unwrap();
    let name = sample::secret_name(NAME);
    let secrets = backend.secrets();
    let error = secrets.read(&name, SecretVersion::Current).await.err().unwrap();
    assert_eq!(error.kind, PortErrorKind::Refused);
    assert!(
        error
            .message
            .contains(&format!("aws secretsmanager restore-secret --secret-id {NAME}")),
        "{error}"
    );
    let update = try_put(&backend, "two", 2, Some("alias/other")).await.unwrap_err();
    assert!(update.message.contains("restore-secret"), "{update}");
    assert!(
        secrets.list(None, None, 10).await.unwrap().is_empty(),
        "nor is it listed"
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_others_wrote_is_listed_within_the_namespace() {
    let peer = peers::moto().await;
    let backend = harness::bare(&peer);
    for name in [
        "/contentcraft/stripe/reporting_api_key",
        "/elsewhere/stripe/key",
        "plain",
    ] {
        let create = backend.clients().secrets().create_secret().name(name);
        create.secret_string("x").send().await.unwrap();
    }
    let secrets = backend.secrets();
    let list = secrets.list(None, None, 10).await.unwrap();
    let names: Vec<&str> = list.iter().map(|summary| summary.name.as_str()).collect();
    assert_eq!(names, ["/contentcraft/stripe/reporting_api_key"]);
    let elsewhere = SecretPrefix::new("/elsewhere/").unwrap();
    assert!(secrets.list(Some(&elsewhere), None, 10).await.unwrap().is_empty());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn secrets_work_on_ministack() {
    let peer = peers::ministack().await;
    let backend = harness::bare(&peer);
    assert_eq!(put(&backend, "one", 1, None).await.action, SecretAction::Created);
    assert_eq!(put(&backend, "two", 2, None).await.action, SecretAction::Updated);
    let name = sample::secret_name(NAME);
    for (version, value) in [(SecretVersion::Current, "two"), (SecretVersion::Previous, "one")] {
        let read = backend.secrets().read(&name, version).await.unwrap().unwrap();
        assert_eq!(read.value.expose(), value);
    }
    let list = backend.secrets().list(None, None, 10).await.unwrap();
    assert_eq!((list.len(), list[0].versions), (1, 2));
    let delete = backend.clients().secrets().delete_secret().secret_id(NAME);
    delete.recovery_window_in_days(7).send().await.unwrap();
    let error = try_put(&backend, "three", 3, None).await.unwrap_err();
    assert_eq!(error.kind, PortErrorKind::Refused);
    assert!(error.message.contains("restore-secret"), "{error}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_change_is_on_record_before_it_is_begun_and_when_it_has_ended() {
    let peer = peers::moto().await;
    let backend = harness::backend(&peer).await;
    let (name, agent, stage) = (
        sample::secret_name(NAME),
        sample::agent_name(sample::AGENT),
        sample::stage(),
    );
    let value = SecretValue::new("hush".to_owned());
    let change = SecretChange {
        name: &name,
        target: SecretTarget::New,
        version: Some(NewVersion {
            value: &value,
            id: "5b1c2d3e-0000-4000-8000-000000000001",
        }),
        description: Some("for the bar"),
        tags: None,
        kms_key: None,
        agent: &agent,
        stage: &stage,
        at: sample::START,
    };
    let entry = AuditEntry {
        resource: Some(NAME.to_owned()),
        ..sample::audit_entry("putSecret", 0)
    };
    let secrets = backend.secrets();
    let made = secrets.change(change, &entry).await.unwrap();
    assert_eq!(made, SecretChanged::Done(Some(SecretVersion::Current)));
    let other = SecretValue::new("other".to_owned());
    let again = SecretChange {
        version: Some(NewVersion {
            value: &other,
            id: "5b1c2d3e-0000-4000-8000-000000000002",
        }),
        ..change
    };
    assert_eq!(secrets.change(again, &entry).await.unwrap(), SecretChanged::Exists);
    let rows = backend.audit().list(&AuditFilter::default(), None, 10).await.unwrap();
    let told: Vec<_> = rows
        .items
        .iter()
        .map(|row| (row.entry.action.as_str(), row.entry.status))
        .collect();
    assert_eq!(
        told,
        [
            ("putSecret", Status::Error),
            (actions::SECRET_CHANGE_BEGUN, Status::Success),
            ("putSecret", Status::Success),
            (actions::SECRET_CHANGE_BEGUN, Status::Success),
        ],
        "the newest first"
    );
    assert!(!format!("{rows:?}").contains("hush"), "and no value");
    let (_, tags) = described(&backend).await;
    let keys: Vec<&str> = tags.iter().map(|(key, _)| key.as_str()).collect();
    assert_eq!(keys, ["createdBy", "firstVersion"]);
}
