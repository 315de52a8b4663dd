//! What is known of secrets whose values GitHub does not show.

use std::collections::BTreeMap;

use serde_json::json;

use super::super::{KnownSecrets, SetSecret, SettingsFacts, drift};
use super::facts;

#[test]
fn a_secret_is_known_by_when_it_was_set_and_from_which_version() {
    let wanted = super::wanted(
        "[defaults.settings]\nsecrets = { NPM_TOKEN = \"/contentcraft/github/npm\" }",
        "web",
    );
    let there = facts(json!({"secrets": {"NPM_TOKEN": {"updated_at": "2026-11-24T00:00:00Z"}}}));
    let versions = |version: &str| BTreeMap::from([("/contentcraft/github/npm".to_owned(), version.to_owned())]);
    let (first, second) = (versions("v1"), versions("v2"));
    let set = SetSecret {
        from: "/contentcraft/github/npm".to_owned(),
        version: "v1".to_owned(),
        updated_at: "2026-11-24T00:00:00Z".to_owned(),
    };
    let before = SetSecret {
        updated_at: "2026-01-01T00:00:00Z".to_owned(),
        ..set.clone()
    };
    let [set, before] = [set, before].map(|set| BTreeMap::from([("NPM_TOKEN".to_owned(), set)]));
    let none = BTreeMap::new();
    let drifts = |facts: &SettingsFacts, known: KnownSecrets<'_>| drift(&wanted, facts, known);
    for (known, facts, changes) in [
        (
            KnownSecrets {
                set: Some(&set),
                versions: Some(&first),
            },
            &there,
            0,
        ),
        (
            KnownSecrets {
                set: Some(&set),
                versions: None,
            },
            &there,
            0,
        ),
        // Another value in the control plane, another hand at GitHub, never set from here, not there.
        (
            KnownSecrets {
                set: Some(&set),
                versions: Some(&second),
            },
            &there,
            1,
        ),
        (
            KnownSecrets {
                set: Some(&before),
                versions: Some(&first),
            },
            &there,
            1,
        ),
        (
            KnownSecrets {
                set: Some(&none),
                versions: Some(&first),
            },
            &there,
            1,
        ),
        (
            KnownSecrets {
                set: Some(&set),
                versions: Some(&first),
            },
            &facts(json!({"secrets": {}})),
            1,
        ),
    ] {
        let drift = drifts(facts, known);
        assert_eq!((drift.changes.len(), drift.unknown.len()), (changes, 0), "{known:?}");
    }
    let nothing = drifts(
        &there,
        KnownSecrets {
            set: Some(&none),
            versions: Some(&BTreeMap::new()),
        },
    );
    assert!(
        nothing.changes.is_empty() && nothing.unknown[0].why.contains("put-secret"),
        "{nothing:?}"
    );
    // Where nothing is kept, that it was never set from here is not said, and that it is not there is.
    let unkept = drifts(&there, KnownSecrets::default());
    assert!(
        unkept.changes.is_empty() && unkept.unknown[0].why.contains("nothing is kept here"),
        "{unkept:?}"
    );
    let missing = drifts(&facts(json!({"secrets": {}})), KnownSecrets::default());
    assert_eq!((missing.changes.len(), missing.unknown.len()), (1, 0), "{missing:?}");
}
