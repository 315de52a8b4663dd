//! The secret store's contract for changes that are no request's: what must be new is new, a repeat changes nothing, what is
//! said of a secret is kept beside its versions, and the trail tells of it.

use std::collections::BTreeMap;

use cc_devops_kernel::audit::AuditEntry;
use cc_devops_kernel::outcome::SecretAction;
use cc_devops_kernel::ports::{
    MOST_VALUES, NewVersion, PortResult, SecretChange, SecretChanged, SecretSummary, SecretTarget, SecretVersion,
    SecretWrite, VALUE_KEPT,
};
use cc_devops_kernel::secret::SecretValue;
use cc_devops_requests::ports::Ports;
use serde_json::json;

use crate::memory::Memory;
use crate::sample::{self, AGENT, after, agent_name, secret_name};

const NAME: &str = "/contentcraft/orchestrator/bar";

/// How many sequences are tried, and how many changes each has.
const SEQUENCES: u64 = 12;
const CHANGES: i64 = 25;

/// What `putSecret` is called on record.
const ACTION: &str = "putSecret";

/// Every case. A store that is `one_with_the_trail` writes the row in the change's own transaction.
pub(super) async fn suite(fresh: &impl AsyncFn() -> Ports, one_with_the_trail: bool) {
    what_must_be_new_is_new(&fresh().await).await;
    what_must_be_there_is_there(&fresh().await).await;
    a_repeat_changes_nothing(&fresh().await).await;
    what_is_said_of_a_secret_stays_until_it_is_said_otherwise(&fresh().await).await;
    a_secret_may_be_made_without_a_value(&fresh().await).await;
    a_request_updates_a_secret_without_a_value(&fresh().await).await;
    a_version_is_read_by_its_id(&fresh().await).await;
    changes_at_once_make_a_secret_once(&fresh().await).await;
    if one_with_the_trail {
        an_older_value_is_kept_for_a_day(&fresh().await).await;
        the_newest_values_are_kept_and_no_more(&fresh().await).await;
        the_trail_tells_of_what_was_changed(&fresh().await).await;
        for seed in 1..=SEQUENCES {
            a_sequence_ends_as_in_the_model(&fresh().await, seed).await;
        }
    }
}

/// What a test asks for.
#[derive(Clone, Copy)]
struct Asked<'a> {
    target: SecretTarget,
    /// The value, and the number of its id.
    version: Option<(&'a str, u64)>,
    description: Option<&'a str>,
    tags: &'a [(&'a str, &'a str)],
    at: i64,
}

impl Asked<'_> {
    const NEW: Self = Self {
        target: SecretTarget::New,
        version: None,
        description: None,
        tags: &[],
        at: 5,
    };
    const EXISTING: Self = Self {
        target: SecretTarget::Existing,
        ..Self::NEW
    };
}

fn made(value: &str, number: u64) -> Asked<'_> {
    Asked {
        version: Some((value, number)),
        ..Asked::NEW
    }
}

fn changed(value: &str, number: u64) -> Asked<'_> {
    Asked {
        version: Some((value, number)),
        ..Asked::EXISTING
    }
}

fn id(number: u64) -> String {
    format!("5b1c2d3e-0000-4000-8000-{number:012x}")
}

async fn ask(ports: &Ports, asked: Asked<'_>) -> PortResult<SecretChanged> {
    let (name, agent, stage) = (secret_name(NAME), agent_name(AGENT), sample::stage());
    let version = asked
        .version
        .map(|(value, number)| (SecretValue::new(value.to_owned()), id(number)));
    let tags: BTreeMap<String, String> = asked
        .tags
        .iter()
        .map(|(key, value)| ((*key).to_owned(), (*value).to_owned()))
        .collect();
    let change = SecretChange {
        name: &name,
        target: asked.target,
        version: version.as_ref().map(|(value, id)| NewVersion { value, id }),
        description: asked.description,
        tags: Some(&tags).filter(|tags| !tags.is_empty()),
        kms_key: None,
        agent: &agent,
        stage: &stage,
        at: after(asked.at),
    };
    let entry = AuditEntry {
        resource: Some(NAME.to_owned()),
        detail: json!({"versionId": asked.version.map(|(_, number)| id(number))}),
        ..sample::audit_entry(ACTION, asked.at)
    };
    ports.secrets.change(change, &entry).await
}

async fn done(ports: &Ports, asked: Asked<'_>) -> Option<SecretVersion> {
    match ask(ports, asked).await.expect("the change is answered") {
        SecretChanged::Done(version) => version,
        other => panic!("the change is made, and not {other:?}"),
    }
}

async fn summary(ports: &Ports) -> Option<SecretSummary> {
    let described = ports.secrets.describe(&secret_name(NAME)).await.expect("described");
    described.map(|described| described.summary)
}

/// What a summary tells beside times, which a provider's store has by its own clock.
fn untimed(summary: SecretSummary) -> SecretSummary {
    SecretSummary {
        created_at: sample::START,
        updated_at: sample::START,
        changed_at: sample::START,
        ..summary
    }
}

async fn value(ports: &Ports, version: SecretVersion) -> Option<String> {
    let read = ports.secrets.read(&secret_name(NAME), version).await.expect("read");
    read.map(|read| read.value.expose().to_owned())
}

async fn what_must_be_new_is_new(ports: &Ports) {
    let asked = Asked {
        description: Some("for the bar"),
        tags: &[("team", "billing"), ("cost", "")],
        ..made("one", 1)
    };
    assert_eq!(done(ports, asked).await, Some(SecretVersion::Current));
    let first = summary(ports).await.expect("it is there");
    assert_eq!((first.version_id.as_str(), first.versions), (id(1).as_str(), 1));
    assert_eq!(first.description.as_deref(), Some("for the bar"));
    let tags: Vec<(&str, &str)> = first
        .tags
        .iter()
        .map(|(key, value)| (key.as_str(), value.as_str()))
        .collect();
    assert_eq!(
        tags,
        [("cost", ""), ("team", "billing")],
        "its owner's tags and no others"
    );
    let again = Asked {
        description: Some("another"),
        ..made("two", 2)
    };
    assert_eq!(ask(ports, again).await.unwrap(), SecretChanged::Exists);
    let after = summary(ports).await.map(untimed);
    assert_eq!(after, Some(untimed(first)), "nothing of it was changed");
    assert_eq!(value(ports, SecretVersion::Current).await.as_deref(), Some("one"));
}

async fn what_must_be_there_is_there(ports: &Ports) {
    assert_eq!(ask(ports, changed("one", 1)).await.unwrap(), SecretChanged::Missing);
    let said = Asked {
        description: Some("of nothing"),
        ..Asked::EXISTING
    };
    assert_eq!(ask(ports, said).await.unwrap(), SecretChanged::Missing);
    assert_eq!(summary(ports).await, None, "and none was made");
    done(ports, made("one", 1)).await;
    assert_eq!(done(ports, changed("two", 2)).await, Some(SecretVersion::Current));
    assert_eq!(value(ports, SecretVersion::Current).await.as_deref(), Some("two"));
    assert_eq!(value(ports, SecretVersion::Previous).await.as_deref(), Some("one"));
    let found = summary(ports).await.expect("it is there");
    assert_eq!((found.version_id, found.previous_id), (id(2), Some(id(1))));
}

async fn a_repeat_changes_nothing(ports: &Ports) {
    done(ports, made("one", 1)).await;
    assert_eq!(done(ports, made("one", 1)).await, Some(SecretVersion::Current));
    assert_eq!(ask(ports, made("other", 1)).await.unwrap(), SecretChanged::IdTaken);
    assert_eq!(ask(ports, changed("other", 1)).await.unwrap(), SecretChanged::IdTaken);
    done(ports, changed("two", 2)).await;
    let before = summary(ports).await;
    assert_eq!(
        done(ports, changed("one", 1)).await,
        Some(SecretVersion::Previous),
        "a late one"
    );
    done(ports, changed("three", 3)).await;
    assert_eq!(
        done(ports, changed("one", 1)).await,
        None,
        "one that newer ones have taken the place of"
    );
    assert_eq!(ask(ports, changed("other", 1)).await.unwrap(), SecretChanged::IdTaken);
    assert_eq!(value(ports, SecretVersion::Current).await.as_deref(), Some("three"));
    assert_eq!(value(ports, SecretVersion::Previous).await.as_deref(), Some("two"));
    assert_eq!(before.map(|before| before.versions), Some(2), "repeats are no versions");
    assert_eq!(summary(ports).await.map(|summary| summary.versions), Some(3));
}

async fn what_is_said_of_a_secret_stays_until_it_is_said_otherwise(ports: &Ports) {
    let asked = Asked {
        description: Some("for the bar"),
        tags: &[("team", "billing")],
        ..made("one", 1)
    };
    done(ports, asked).await;
    done(ports, changed("two", 2)).await;
    let (put, token) = (sample::put_secret(NAME, "three"), format!("{:064x}", 3));
    let by_request = SecretWrite {
        put: &put,
        token: &token,
        may_be_repeat: false,
        agent: &agent_name(AGENT),
        stage: &sample::stage(),
        at: after(7),
    };
    ports.secrets.put(by_request).await.unwrap();
    let kept = summary(ports).await.expect("it is there");
    assert_eq!(
        kept.description.as_deref(),
        Some("for the bar"),
        "new versions do not touch it"
    );
    assert_eq!(kept.tags.get("team").map(String::as_str), Some("billing"));
    assert_eq!(kept.versions, 3);
    let said = Asked {
        description: Some("for two bars"),
        at: 9,
        ..Asked::EXISTING
    };
    assert_eq!(done(ports, said).await, None, "no version was given");
    let renamed = summary(ports).await.expect("it is there");
    assert_eq!(renamed.description.as_deref(), Some("for two bars"));
    assert_eq!(
        (&renamed.version_id, renamed.versions),
        (&kept.version_id, 3),
        "and no version was written"
    );
    let list = ports.secrets.list(None, None, 9).await.unwrap();
    let list: Vec<SecretSummary> = list.into_iter().map(untimed).collect();
    assert_eq!(list, [untimed(renamed)], "lists tell the same");
}

async fn a_secret_may_be_made_without_a_value(ports: &Ports) {
    let asked = Asked {
        description: Some("to come"),
        ..Asked::NEW
    };
    assert_eq!(done(ports, asked).await, None);
    let empty = summary(ports).await.expect("it is there");
    assert_eq!(
        (empty.version_id.as_str(), empty.previous_id.as_deref(), empty.versions),
        ("", None, 0)
    );
    assert_eq!(empty.updated_by, agent_name(AGENT), "who made it");
    let list = ports.secrets.list(None, None, 9).await.unwrap();
    let list: Vec<SecretSummary> = list.into_iter().map(untimed).collect();
    assert_eq!(list, [untimed(empty)], "and it is listed");
    assert_eq!(value(ports, SecretVersion::Current).await, None);
    assert_eq!(ask(ports, Asked::NEW).await.unwrap(), SecretChanged::Exists);
    assert_eq!(done(ports, changed("one", 1)).await, Some(SecretVersion::Current));
    assert_eq!(value(ports, SecretVersion::Current).await.as_deref(), Some("one"));
    assert_eq!(value(ports, SecretVersion::Previous).await, None);
    let first = summary(ports).await.expect("it is there");
    assert_eq!((first.versions, first.description.as_deref()), (1, Some("to come")));
}

async fn a_request_updates_a_secret_without_a_value(ports: &Ports) {
    done(ports, Asked::NEW).await;
    let (put, token) = (sample::put_secret(NAME, "one"), format!("{:064x}", 1));
    for may_be_repeat in [false, true] {
        let write = SecretWrite {
            put: &put,
            token: &token,
            may_be_repeat,
            agent: &agent_name(AGENT),
            stage: &sample::stage(),
            at: after(7),
        };
        let written = ports.secrets.put(write).await.expect("it is written");
        assert_eq!(
            written.action,
            SecretAction::Updated,
            "it was there before: {may_be_repeat}"
        );
    }
    assert_eq!(value(ports, SecretVersion::Current).await.as_deref(), Some("one"));
    assert_eq!(summary(ports).await.map(|summary| summary.versions), Some(1));
}

/// Which version has that number, and its value.
async fn by_id(ports: &Ports, number: u64) -> Option<(Option<SecretVersion>, String)> {
    let name = secret_name(NAME);
    let found = ports.secrets.read_version(&name, &id(number)).await.expect("read");
    found.map(|(version, read)| {
        assert_eq!(read.version_id, id(number));
        (version, read.value.expose().to_owned())
    })
}

async fn a_version_is_read_by_its_id(ports: &Ports) {
    use SecretVersion::{Current, Previous};
    let is = |version, value: &str| Some((version, value.to_owned()));
    assert_eq!(by_id(ports, 1).await, None, "there is no secret yet");
    done(ports, made("one", 1)).await;
    assert_eq!(by_id(ports, 1).await, is(Some(Current), "one"));
    done(ports, changed("two", 2)).await;
    assert_eq!(by_id(ports, 1).await, is(Some(Previous), "one"));
    assert_eq!(by_id(ports, 2).await, is(Some(Current), "two"));
    done(ports, changed("three", 3)).await;
    assert_eq!(
        by_id(ports, 1).await,
        is(None, "one"),
        "newer ones have taken its place"
    );
    assert_eq!(by_id(ports, 2).await, is(Some(Previous), "two"));
    assert_eq!(by_id(ports, 9).await, None, "there never was such a version");
}

async fn an_older_value_is_kept_for_a_day(ports: &Ports) {
    let day = VALUE_KEPT.as_secs();
    let at = |at, asked| Asked { at, ..asked };
    done(ports, at(0, made("one", 1))).await;
    done(ports, at(1, changed("two", 2))).await;
    done(ports, at(day, changed("three", 3))).await;
    assert!(by_id(ports, 1).await.is_some(), "a day has not passed yet");
    done(ports, at(day + 1, changed("four", 4))).await;
    assert_eq!(by_id(ports, 1).await, None, "the next write behind it forgets it");
    assert!(by_id(ports, 2).await.is_some());
    done(ports, at(3 * day, changed("five", 5))).await;
    assert_eq!(by_id(ports, 2).await, None);
    assert_eq!(
        by_id(ports, 3).await,
        None,
        "one that was the one before until now as well"
    );
    assert_eq!(
        value(ports, SecretVersion::Previous).await.as_deref(),
        Some("four"),
        "which stays"
    );
    assert_eq!(
        done(ports, at(3 * day, changed("one", 1))).await,
        None,
        "a repeat is known"
    );
    assert_eq!(
        ask(ports, at(3 * day, changed("other", 1))).await.unwrap(),
        SecretChanged::IdTaken
    );
}

async fn the_newest_values_are_kept_and_no_more(ports: &Ports) {
    let most = MOST_VALUES as u64;
    done(ports, made("v", 0)).await;
    for number in 1..most {
        done(ports, changed("v", number)).await;
    }
    assert!(by_id(ports, 0).await.is_some());
    for number in [most, most + 1] {
        done(ports, changed("v", number)).await;
        assert_eq!(by_id(ports, number - most).await, None);
        assert!(by_id(ports, number - most + 1).await.is_some());
    }
}

async fn changes_at_once_make_a_secret_once(ports: &Ports) {
    let calls: Vec<_> = (1..=6)
        .map(|number| {
            let ports = ports.clone();
            tokio::spawn(async move { ask(&ports, made(&format!("v{number}"), number)).await })
        })
        .collect();
    let mut made = 0;
    for call in calls {
        match call.await.unwrap().expect("an answer") {
            SecretChanged::Done(_) => made += 1,
            other => assert_eq!(other, SecretChanged::Exists),
        }
    }
    assert_eq!(made, 1, "one of them made it");
    assert_eq!(summary(ports).await.map(|summary| summary.versions), Some(1));
}

/// A change and its row are one: no row without it, and one row however often it is repeated.
async fn the_trail_tells_of_what_was_changed(ports: &Ports) {
    ask(ports, changed("hush-1", 1)).await.unwrap();
    done(ports, made("hush-1", 1)).await;
    done(ports, made("hush-1", 1)).await;
    ask(ports, made("hush-3", 1)).await.unwrap();
    ask(ports, made("hush-2", 2)).await.unwrap();
    done(ports, changed("hush-2", 2)).await;
    let told = ports.audit.about(NAME, None, None, 10).await.unwrap().items;
    let versions: Vec<_> = told.iter().map(|row| row.entry.detail.clone()).collect();
    assert_eq!(
        versions,
        [json!({"versionId": id(2)}), json!({"versionId": id(1)})],
        "the newest first"
    );
    assert!(ports.audit.verify().await.unwrap().breaks.is_empty());
    assert!(!format!("{told:?}").contains("hush"), "and no value");
}

/// Any changes in any order are answered and end as in the model in memory.
async fn a_sequence_ends_as_in_the_model(ports: &Ports, seed: u64) {
    let model = Memory::new().ports();
    let mut state = seed.wrapping_mul(0x9e37_79b9_7f4a_7c15);
    let mut any = |of: u64| {
        // The generator that Marsaglia calls xorshift: the same numbers for a seed at all times.
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        state % of
    };
    for at in 0..CHANGES {
        let value = if any(2) == 0 { "a" } else { "b" };
        let asked = Asked {
            target: if any(4) == 0 {
                SecretTarget::New
            } else {
                SecretTarget::Existing
            },
            version: (any(5) > 0).then_some((value, any(9))),
            description: match any(4) {
                0 => Some(""),
                1 => Some("for the bar"),
                _ => None,
            },
            tags: if any(4) == 0 { &[("team", "billing")] } else { &[] },
            at,
        };
        let (answer, wanted) = (ask(ports, asked).await.unwrap(), ask(&model, asked).await.unwrap());
        assert_eq!(answer, wanted, "change {at} of sequence {seed}");
        assert_eq!(
            summary(ports).await,
            summary(&model).await,
            "change {at} of sequence {seed}"
        );
    }
    for version in [SecretVersion::Current, SecretVersion::Previous] {
        assert_eq!(
            value(ports, version).await,
            value(&model, version).await,
            "sequence {seed}"
        );
    }
    for number in 0..9 {
        let (found, known) = (by_id(ports, number).await, by_id(&model, number).await);
        assert_eq!(found, known, "version {number} of sequence {seed}");
    }
    assert!(ports.audit.verify().await.unwrap().breaks.is_empty(), "sequence {seed}");
}
