//! Secrets that agents make, change, read and look at without a request: the policies decide, the trail tells, no value is seen.

use std::collections::BTreeMap;

use cc_devops_kernel::acts::ActError;
use cc_devops_kernel::agent::{Agent, Role};
use cc_devops_kernel::audit::{AuditEntry, actions};
use cc_devops_kernel::door::Door;
use cc_devops_kernel::names::SecretPrefix;
use cc_devops_kernel::outcome::{Reason, Status};
use cc_devops_kernel::ports::{SecretSummary, SecretTarget, SecretVersion};
use cc_devops_kernel::secret::SecretValue;
use cc_devops_requests::engine::ControlPlane;
use cc_devops_requests::secret_edits::{EditSecretError, SecretEdit};
use cc_devops_requests::secret_reads::{ReadSecretError, WantedVersion};
use cc_devops_testkit::Memory;
use cc_devops_testkit::sample::{self, AGENT, OTHER_AGENT, PLANTED_SECRET, agent_name, secret_name};
use serde_json::json;

const NAME: &str = "/contentcraft/contentorchestrator/bar";
const OTHERS: &str = "/contentcraft/costsentinel/bar";

/// A door that is named on record; the API is not.
const DOOR: Door = Door::Dashboard;

struct Harness {
    memory: Memory,
    plane: ControlPlane,
}

impl Harness {
    fn new() -> Self {
        let memory = Memory::new();
        let plane = sample::control_plane(memory.ports());
        Self { memory, plane }
    }

    async fn edit(&self, agent: &Agent, edit: SecretEdit) -> Result<Option<SecretVersion>, EditSecretError> {
        let edited = self.plane.edit_secret((agent, DOOR), &edit).await?;
        Ok(edited.version)
    }

    async fn read(
        &self,
        name: &str,
        wanted: WantedVersion<'_>,
    ) -> Result<(Option<SecretVersion>, String), ReadSecretError> {
        let read = self
            .plane
            .read_secret_by((&agent(AGENT), DOOR), &secret_name(name), wanted)
            .await;
        read.map(|(version, read)| (version, read.value.expose().to_owned()))
    }

    fn rows(&self) -> Vec<AuditEntry> {
        self.memory.audit_rows().into_iter().map(|row| row.entry).collect()
    }
}

fn agent(name: &str) -> Agent {
    sample::agent(name).agent
}

fn operator(role: Role) -> Agent {
    Agent {
        role,
        ..agent("Operator")
    }
}

fn id(number: u64) -> String {
    format!("5b1c2d3e-0000-4000-8000-{number:012x}")
}

fn made(name: &str, value: &str, number: u64) -> SecretEdit {
    SecretEdit {
        name: secret_name(name),
        target: SecretTarget::New,
        value: Some(SecretValue::new(value.to_owned())),
        version_id: id(number),
        description: None,
        tags: None,
        kms_key: None,
    }
}

fn changed(name: &str, value: &str, number: u64) -> SecretEdit {
    SecretEdit {
        target: SecretTarget::Existing,
        ..made(name, value, number)
    }
}

fn wanted(id: Option<&str>, version: Option<SecretVersion>) -> WantedVersion<'_> {
    WantedVersion { id, version }
}

#[tokio::test]
async fn an_agent_edits_its_own_secrets_and_each_edit_is_on_record() {
    let (harness, own) = (Harness::new(), agent(AGENT));
    let first = SecretEdit {
        description: Some("for the bar".to_owned()),
        tags: Some(BTreeMap::from([("team".to_owned(), "billing".to_owned())])),
        ..made(NAME, PLANTED_SECRET, 1)
    };
    assert_eq!(harness.edit(&own, first).await.unwrap(), Some(SecretVersion::Current));
    assert_eq!(
        harness.edit(&own, changed(NAME, "two", 2)).await.unwrap(),
        Some(SecretVersion::Current)
    );
    let said = SecretEdit {
        value: None,
        description: Some("for two bars".to_owned()),
        ..changed(NAME, "", 3)
    };
    assert_eq!(harness.edit(&own, said).await.unwrap(), None);
    let rows = harness.rows();
    let told: Vec<_> = rows
        .iter()
        .map(|row| (row.action.as_str(), row.detail.clone()))
        .collect();
    let policies = json!(["agent-own-secrets"]);
    assert_eq!(
        told,
        [
            (
                "putSecret",
                json!({"versionId": id(1), "changed": ["description", "tags"], "made": true, "by": "agent",
                       "via": "dashboard", "policies": policies})
            ),
            (
                "putSecret",
                json!({"versionId": id(2), "by": "agent", "via": "dashboard", "policies": policies})
            ),
            (
                actions::SECRET_CHANGED,
                json!({"changed": ["description"], "by": "agent", "via": "dashboard", "policies": policies})
            ),
        ]
    );
    for row in &rows {
        assert_eq!(row.principal, Some(agent_name(AGENT)));
        assert_eq!((row.resource.as_deref(), row.status), (Some(NAME), Status::Success));
        assert_eq!(row.stage.as_deref(), Some("dev"));
    }
    assert!(!format!("{rows:?}").contains(PLANTED_SECRET));
}

#[tokio::test]
async fn an_edit_that_no_policy_permits_changes_nothing_and_is_on_record() {
    let harness = Harness::new();
    for (who, name) in [
        (agent(AGENT), OTHERS),
        (operator(Role::Observer), NAME),
        // The control plane's own credentials are no agent's.
        (agent(AGENT), "/contentcraft/github/token"),
    ] {
        let denied = harness.edit(&who, made(name, PLANTED_SECRET, 1)).await.unwrap_err();
        assert!(matches!(denied, EditSecretError::Denied(_)), "{name}: {denied}");
        assert_eq!(harness.memory.secret_writes(&secret_name(name)), 0);
        let row = harness.rows().pop().unwrap();
        assert_eq!(
            (row.action.as_str(), row.resource.as_deref()),
            ("putSecret", Some(name))
        );
        assert_eq!(
            (row.status, row.reason),
            (Status::Error, Some(Reason::SecurityViolation))
        );
    }
    // Whether it exists is not told.
    harness.edit(&agent(OTHER_AGENT), made(OTHERS, "one", 1)).await.unwrap();
    let denied = harness.edit(&agent(AGENT), made(OTHERS, "two", 2)).await.unwrap_err();
    assert!(matches!(denied, EditSecretError::Denied(_)), "{denied}");
    assert!(!format!("{:?}", harness.rows()).contains(PLANTED_SECRET));
}

#[tokio::test]
async fn what_cannot_be_is_said_and_leaves_no_row() {
    let (harness, own) = (Harness::new(), agent(AGENT));
    harness.edit(&own, made(NAME, "one", 1)).await.unwrap();
    let rows = harness.rows().len();
    let cases = [
        (made(NAME, "two", 2), "there is a secret of that name"),
        (made(NAME, "two", 1), "use a new one"),
        (changed(NAME, "two", 1), "use a new one"),
        (
            changed("/contentcraft/contentorchestrator/none", "two", 2),
            "there is no secret",
        ),
        (made("/elsewhere/contentorchestrator/bar", "two", 2), "`/contentcraft/`"),
        (changed(NAME, "", 2), "at least one byte"),
        (changed(NAME, &"x".repeat(65_537), 2), "at most 65536"),
    ];
    for (edit, sentence) in cases {
        let error = harness.edit(&own, edit).await.unwrap_err();
        assert!(error.to_string().contains(sentence), "{error}");
        assert_eq!(harness.rows().len(), rows, "{error}");
    }
    assert_eq!(harness.memory.secret_writes(&secret_name(NAME)), 1);
}

/// Writing where there are no secrets of this installation is answered as reading there is.
#[tokio::test]
async fn nothing_is_changed_in_another_namespace() {
    let harness = Harness::new();
    let name = "/elsewhere/contentorchestrator/bar";
    let denied = harness.edit(&agent(AGENT), changed(name, "one", 1)).await.unwrap_err();
    assert!(matches!(denied, EditSecretError::Denied(_)), "{denied}");
    let row = harness.rows().pop().unwrap();
    assert_eq!(
        (row.action.as_str(), row.resource.as_deref(), row.reason),
        ("putSecret", Some(name), Some(Reason::SecurityViolation))
    );
    let admin = operator(Role::Admin);
    let missing = harness.edit(&admin, changed(name, "one", 1)).await.unwrap_err();
    assert!(matches!(missing, EditSecretError::Missing), "{missing}");
    assert_eq!(harness.memory.secret_writes(&secret_name(name)), 0);
}

#[tokio::test]
async fn a_late_repeat_tells_of_the_newest_version() {
    let (harness, own) = (Harness::new(), agent(AGENT));
    harness.edit(&own, made(NAME, "one", 1)).await.unwrap();
    for (number, version) in [(2, Some(SecretVersion::Previous)), (3, None)] {
        harness.edit(&own, changed(NAME, "next", number)).await.unwrap();
        let late = harness
            .plane
            .edit_secret((&own, DOOR), &made(NAME, "one", 1))
            .await
            .unwrap();
        assert_eq!((late.version, late.newest), (version, Some(id(number))));
    }
}

#[tokio::test]
async fn a_version_is_read_by_its_id_and_its_place_must_agree() {
    use SecretVersion::{Current, Previous};
    let (harness, own) = (Harness::new(), agent(AGENT));
    harness.edit(&own, made(NAME, "one", 1)).await.unwrap();
    harness.edit(&own, changed(NAME, "two", 2)).await.unwrap();
    let (first, second) = (id(1), id(2));
    let (first, second) = (Some(first.as_str()), Some(second.as_str()));
    for (asked, found) in [
        (wanted(None, None), (Current, "two")),
        (wanted(None, Some(Previous)), (Previous, "one")),
        (wanted(first, None), (Previous, "one")),
        (wanted(second, Some(Current)), (Current, "two")),
    ] {
        let (version, value) = harness.read(NAME, asked).await.unwrap();
        assert_eq!((version, value.as_str()), (Some(found.0), found.1), "{asked:?}");
        let row = harness.rows().pop().unwrap();
        let read = if found.0 == Current { id(2) } else { id(1) };
        assert_eq!(
            (row.action.as_str(), row.status),
            (actions::SECRET_READ, Status::Success)
        );
        assert_eq!(row.detail["versionId"], json!(read));
        assert_eq!(row.detail["via"], json!("dashboard"));
    }
    let apart = harness.read(NAME, wanted(first, Some(Current))).await.unwrap_err();
    assert!(matches!(apart, ReadSecretError::AnotherVersion), "{apart}");
    let row = harness.rows().pop().unwrap();
    assert_eq!(
        (row.status, row.detail.get("versionId")),
        (Status::Error, None),
        "nothing was handed out"
    );
    harness.edit(&own, changed(NAME, "three", 3)).await.unwrap();
    let (version, value) = harness.read(NAME, wanted(first, None)).await.unwrap();
    assert_eq!(
        (version, value.as_str()),
        (None, "one"),
        "newer ones have taken its place"
    );
    assert_eq!(harness.rows().pop().unwrap().detail["versionId"], json!(id(1)));
    for version in [Current, Previous] {
        let apart = harness.read(NAME, wanted(first, Some(version))).await.unwrap_err();
        assert!(matches!(apart, ReadSecretError::AnotherVersion), "{apart}");
    }
    let none = harness.read(NAME, wanted(Some(&id(9)), None)).await.unwrap_err();
    assert!(matches!(none, ReadSecretError::NotFound), "{none}");
    let denied = harness.read(OTHERS, wanted(None, None)).await.unwrap_err();
    assert!(matches!(denied, ReadSecretError::Denied(_)), "{denied}");
}

#[tokio::test]
async fn whoever_may_read_a_secret_or_list_all_may_look_at_it() {
    let harness = Harness::new();
    harness.edit(&agent(AGENT), made(NAME, "one", 1)).await.unwrap();
    harness.edit(&agent(OTHER_AGENT), made(OTHERS, "one", 1)).await.unwrap();
    let rows = harness.rows().len();
    for who in [agent(AGENT), operator(Role::Admin), operator(Role::Observer)] {
        let looked = harness
            .plane
            .look_at_secret((&who, DOOR), &secret_name(NAME))
            .await
            .unwrap();
        assert_eq!(looked.unwrap().listed.summary.version_id, id(1), "{}", who.name);
    }
    assert_eq!(harness.rows().len(), rows, "looking is not on record");
    let denied = harness
        .plane
        .look_at_secret((&agent(AGENT), DOOR), &secret_name(OTHERS))
        .await;
    assert!(
        matches!(&denied, Err(ActError::Refused(failure)) if failure.reason == Reason::SecurityViolation),
        "{denied:?}"
    );
    let row = harness.rows().pop().unwrap();
    assert_eq!(
        (row.action.as_str(), row.status),
        (actions::SECRET_DESCRIBED, Status::Error)
    );
}

#[tokio::test]
async fn an_agent_knows_of_its_own_secrets_and_an_operator_of_all() {
    let harness = Harness::new();
    for number in 0..250_u64 {
        let (who, name) = if number % 2 == 0 {
            (AGENT, format!("/contentcraft/contentorchestrator/k{number:03}"))
        } else {
            (OTHER_AGENT, format!("/contentcraft/costsentinel/k{number:03}"))
        };
        harness.edit(&agent(who), made(&name, "one", number)).await.unwrap();
    }
    let known = async |who: Agent, prefix: Option<&str>, reach| {
        let prefix = prefix.map(|prefix| SecretPrefix::new(prefix).unwrap());
        let even = |summary: &SecretSummary| !summary.name.as_str().ends_with('9');
        let mut secrets = Vec::new();
        let mut take = |summary: SecretSummary| secrets.push(summary);
        let known = harness
            .plane
            .known_secrets(&who, prefix.as_ref(), &even, &mut take, reach);
        let is_cut = known.await.unwrap();
        (secrets, is_cut)
    };
    let (own, is_cut) = known(agent(AGENT), None, 10_000).await;
    assert_eq!((own.len(), is_cut), (125, false));
    assert!(own.iter().all(|secret| secret.updated_by == agent_name(AGENT)));
    let (all, is_cut) = known(operator(Role::Observer), None, 10_000).await;
    assert_eq!((all.len(), is_cut), (225, false), "but those that were not wanted");
    let (below, is_cut) = known(operator(Role::Admin), Some("/contentcraft/costsentinel/"), 10_000).await;
    assert_eq!((below.len(), is_cut), (100, false));
    let (some, is_cut) = known(operator(Role::Admin), None, 200).await;
    assert!(is_cut && some.len() <= 200);
}

/// What is made and read without a request leaves no value anywhere but in the store.
#[tokio::test]
async fn no_value_is_told() {
    let harness = Harness::new();
    harness
        .edit(&agent(AGENT), made(NAME, PLANTED_SECRET, 1))
        .await
        .unwrap();
    harness.read(NAME, wanted(None, None)).await.unwrap();
    let taken = harness
        .edit(&agent(AGENT), changed(NAME, "planted-as-well", 1))
        .await
        .unwrap_err();
    let seen = format!("{taken:?} {taken} {:?}", harness.rows());
    assert!(
        !seen.contains(PLANTED_SECRET) && !seen.contains("planted-as-well"),
        "{seen}"
    );
    assert!(harness.memory.bus_events().is_empty(), "no event tells of it");
}
