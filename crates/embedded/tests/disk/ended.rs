//! What lets somebody in or sends something out, and ended after a backup was made: it has ended where that is put in
//! place.

use std::fs;
use std::path::Path;
use std::sync::Arc;

use cc_devops_alerts::Conditions;
use cc_devops_alerts::policy::AlertPolicy;
use cc_devops_embedded::{EndedPart, Store};
use cc_devops_fleet::ports::Agents;
use cc_devops_fleet::sessions::Sessions;
use cc_devops_fleet::watch::WatchSettings;
use cc_devops_fleet::watching::{BySlug, Watching, WatchingPorts};
use cc_devops_kernel::acts::{Actor, Author};
use cc_devops_kernel::ports::{AuditTrail, SystemClock};
use cc_devops_kernel::secret::SecretValue;
use cc_devops_outbox::ports::Webhooks;
use cc_devops_outbox::webhooks::{Subscription, SubscriptionId};
use cc_devops_requests::ports::SealingKeys;
use cc_devops_requests::sealed_values::{Replacing, SealingPair};
use cc_devops_testkit::sample::{self, AGENT, OTHER_AGENT, START, after, agent_name, token};

use crate::access::{
    add_key, add_operator, end_key, is_signed_in, of_sessions, operator, rotate, session, set_slack_user, sign_in,
    sign_out, signs,
};
use crate::folder::{Folder, entry};
use crate::restore::{backed_up, restore, restore_at};

async fn holds(store: &Store) {
    let breaks = store.audit().verify().await.unwrap().breaks;
    assert!(breaks.is_empty(), "{breaks:?}");
}

async fn revoke(store: &Store, name: &str) {
    let (agents, name) = (store.agents(), agent_name(name));
    agents.revoke(&name, after(10), &sample::revoked()).await.unwrap();
}

/// Whether or not the replaced database says who signed out.
#[tokio::test]
async fn everybody_is_signed_out_by_a_restore() {
    for damaged in [false, true] {
        let (folder, _) = backed_up().await;
        let store = folder.open();
        sign_in(&store, 1).await;
        sign_in(&store, 2).await;
        let agent = sample::agent(AGENT).agent;
        of_sessions(&store, async |sessions: Sessions<'_>| {
            let made = sessions.make_link(&agent, &token(1).hash, &session(3), START).await;
            made.unwrap();
        })
        .await;
        let backup = folder.path("signed-in.db");
        store.backup_to(&backup).await.unwrap();
        sign_out(&store, 1).await;
        assert!(!is_signed_in(&store, 1).await && is_signed_in(&store, 2).await);
        store.close();
        if damaged {
            fs::write(folder.database(), "damaged").unwrap();
        }
        assert_eq!(restore(&folder, &backup).await.unwrap().ended.sessions.len(), 2);
        let store = folder.open();
        assert!(!is_signed_in(&store, 1).await && !is_signed_in(&store, 2).await);
        let link = of_sessions(&store, async |sessions: Sessions<'_>| {
            let found = sessions.find_link(&session(3), after(1)).await;
            found.unwrap()
        });
        assert_eq!(link.await, None);
        holds(&store).await;
    }
}

#[tokio::test]
async fn a_slack_user_is_who_it_was_before_the_restore_or_nobody() {
    for damaged in [false, true] {
        let folder = Folder::new();
        let store = folder.open();
        for (name, number, user) in [("Ana", 1, "U0ANA1"), ("Bruno", 2, "U0BRUNO"), ("Cleo", 3, "U0CLEO")] {
            add_operator(&store, name, number).await;
            set_slack_user(&store, name, Some(user)).await;
        }
        let backup = folder.path("copy.db");
        store.backup_to(&backup).await.unwrap();
        set_slack_user(&store, "Ana", Some("U0ANA2")).await;
        set_slack_user(&store, "Bruno", None).await;
        add_operator(&store, "Dora", 4).await;
        set_slack_user(&store, "Dora", Some("U0DORA")).await;
        store.close();
        if damaged {
            fs::write(folder.database(), "damaged").unwrap();
        }
        let ended = restore(&folder, &backup).await.unwrap().ended;
        let store = folder.open();
        for nobody in ["U0ANA1", "U0BRUNO", "U0DORA"] {
            assert_eq!(operator(&store, nobody).await, None, "{nobody}");
        }
        let known = (operator(&store, "U0ANA2").await, operator(&store, "U0CLEO").await);
        let others: Vec<String> = ended.slack_users.into_keys().collect();
        if damaged {
            assert_eq!(known, (None, None));
            assert_eq!(others, ["Ana", "Bruno", "Cleo"]);
        } else {
            assert_eq!(known, (Some("Ana".to_owned()), Some("Cleo".to_owned())));
            assert_eq!(others, ["Ana", "Bruno"]);
        }
        holds(&store).await;
    }
}

/// The watch over a store's agents.
fn watching(store: &Store) -> Watching {
    let policy = Arc::new(AlertPolicy::plain(Vec::new()));
    let ports = WatchingPorts {
        state: store.state(),
        agents: store.agents(),
        conditions: Arc::new(Conditions::new(store.state(), policy)),
        audit: store.audit(),
        clock: Arc::new(SystemClock),
    };
    Watching::new(ports, WatchSettings::default(), [7; 32])
}

#[tokio::test]
async fn a_ping_address_or_key_that_was_replaced_since_stays_replaced() {
    let (folder, _) = backed_up().await;
    let (name, other) = (agent_name(AGENT), agent_name(OTHER_AGENT));
    let store = folder.open();
    let watch = watching(&store);
    let first = watch.ping_address(&name, Actor::Operator).await.unwrap();
    let gone = watch.ping_address(&other, Actor::Operator).await.unwrap();
    let backup = folder.path("with-addresses.db");
    store.backup_to(&backup).await.unwrap();
    watch.rotate(&name, Actor::Operator).await.unwrap();
    watch.rotate_key(Actor::Operator).await.unwrap();
    let second = watch.ping_address(&name, Actor::Operator).await.unwrap();
    revoke(&store, OTHER_AGENT).await;
    watch.watch_no_longer(&other, "it was revoked").await.unwrap();
    store.close();
    // The one's address, the other's with its slug, and the key.
    assert_eq!(restore(&folder, &backup).await.unwrap().ended.addresses, 4);

    let store = folder.open();
    let watch = watching(&store);
    for ended in [&first, &gone] {
        assert_eq!(watch.by_ping(&ended.uuid).await.unwrap(), None, "{ended:?}");
        let by_slug = watch.by_slug(&ended.key, &ended.slug, false).await.unwrap();
        assert_eq!(by_slug, BySlug::Unknown, "{ended:?}");
    }
    assert_eq!(watch.by_ping(&second.uuid).await.unwrap(), Some(name.clone()));
    let found = BySlug::Agent {
        name: name.clone(),
        created: false,
    };
    assert_eq!(watch.by_slug(&second.key, &second.slug, false).await.unwrap(), found);
    assert_eq!(watch.ping_address(&name, Actor::Operator).await.unwrap(), second);
    holds(&store).await;
}

#[tokio::test]
async fn a_webhook_that_was_removed_since_gets_nothing() {
    let (folder, _) = backed_up().await;
    let store = folder.open();
    let id = |id: &str| SubscriptionId(id.to_owned());
    for name in ["kept", "removed"] {
        let subscription = Subscription {
            id: id(name),
            url: "https://example.org/hook".to_owned(),
            agent: None,
            created_at: START,
        };
        let secret = SecretValue::new("whsec_AAAA".to_owned());
        let added = store.webhooks().subscribe(&subscription, &secret, &entry(10)).await;
        added.unwrap();
    }
    let backup = folder.path("with-webhooks.db");
    store.backup_to(&backup).await.unwrap();
    store.webhooks().unsubscribe(&id("removed"), &entry(11)).await.unwrap();
    store.close();
    let ended = restore(&folder, &backup).await.unwrap().ended;
    assert_eq!(ended.webhooks_off, ["removed"]);
    let store = folder.open();
    let statuses = store.webhooks().statuses().await.unwrap().into_iter();
    let off: Vec<_> = statuses
        .map(|status| (status.subscription.id.0, status.endpoint.disabled_at.is_some()))
        .collect();
    assert_eq!(off, [("kept".to_owned(), false), ("removed".to_owned(), true)]);
}

async fn replace_sealing_key(store: &Store, instead_of: Option<&SealingPair>) -> SealingPair {
    let replacing = Replacing {
        instead_of: instead_of.map(|pair| pair.id().clone()),
        at: after(10),
        author: Author::operator(),
    };
    store.sealing_keys().replace(&replacing).await.unwrap().unwrap()
}

#[tokio::test]
async fn a_sealing_key_that_was_replaced_since_is_not_published_again() {
    let (folder, _) = backed_up().await;
    let store = folder.open();
    let first = replace_sealing_key(&store, None).await;
    let backup = folder.path("with-sealing-key.db");
    store.backup_to(&backup).await.unwrap();
    let second = replace_sealing_key(&store, Some(&first)).await;
    store.close();
    assert!(restore(&folder, &backup).await.unwrap().ended.sealing_key_kept);
    let store = folder.open();
    let pairs = store.sealing_keys().pairs().await.unwrap();
    let ids: Vec<_> = pairs.iter().map(SealingPair::id).collect();
    assert_eq!(ids, [second.id(), first.id()], "what was sealed to the older one opens");
}

/// Puts the records of a backup back into the database.
fn put_back(folder: &Folder, backup: &Path) {
    let put_back = format!(
        "ATTACH '{}' AS backup; INSERT OR REPLACE INTO records SELECT * FROM backup.records",
        backup.display()
    );
    folder.intruder().execute_batch(&put_back).unwrap();
}

/// Whoever has the backup has its rows, and their codes are good.
#[tokio::test]
async fn what_a_restore_ended_shows_where_it_is_put_back() {
    let (folder, _) = backed_up().await;
    let store = folder.open();
    let key = add_key(&store, AGENT, 1).await;
    sign_in(&store, 1).await;
    add_operator(&store, "Ana", 4).await;
    set_slack_user(&store, "Ana", Some("U0ANA1")).await;
    let backup = folder.path("with-records.db");
    store.backup_to(&backup).await.unwrap();
    end_key(&store, &key).await;
    set_slack_user(&store, "Ana", None).await;
    store.close();
    let head = restore(&folder, &backup).await.unwrap().head;

    let store = folder.open();
    holds(&store).await;
    put_back(&folder, &backup);
    assert!(signs(&store, &key).await, "nothing else tells it");
    let told = store.audit().verify().await.unwrap().breaks;
    for what in ["access key", "session", "Slack user U0ANA1"] {
        let is_told = told
            .iter()
            .any(|found| found.seq == head.seq && found.problem.contains(what));
        assert!(is_told, "{what}: {told:?}");
    }
}

/// Everything of it is good as it stands, but for `audit.head` beside it.
#[tokio::test]
async fn a_replaced_database_that_had_gone_back_is_not_taken_at_its_word() {
    let (folder, _) = backed_up().await;
    let store = folder.open();
    add_operator(&store, "Ana", 4).await;
    set_slack_user(&store, "Ana", Some("U0ANA1")).await;
    let backup = folder.path("with-ana.db");
    store.backup_to(&backup).await.unwrap();
    set_slack_user(&store, "Ana", None).await;
    store.close();
    fs::copy(&backup, folder.database()).unwrap();
    let restored = restore(&folder, &backup).await.unwrap();
    assert!(restored.unknown.unwrap().contains("may not be the newest"));
    assert!(restored.ended.unknown.into_iter().eq(EndedPart::ALL));
    let store = folder.open();
    assert_eq!(operator(&store, "U0ANA1").await, None);
    holds(&store).await;
}

/// Its trail says that they have ended.
#[tokio::test]
async fn what_somebody_put_back_into_the_replaced_database_is_not_taken_over() {
    let (folder, _) = backed_up().await;
    let store = folder.open();
    let (ended, replaced) = (add_key(&store, AGENT, 1).await, add_key(&store, OTHER_AGENT, 2).await);
    add_operator(&store, "Ana", 4).await;
    set_slack_user(&store, "Ana", Some("U0ANA1")).await;
    let early = folder.path("early.db");
    store.backup_to(&early).await.unwrap();
    set_slack_user(&store, "Ana", None).await;
    end_key(&store, &ended).await;
    // The other one ends in an hour.
    rotate(&store, OTHER_AGENT).await;
    let late = folder.path("late.db");
    store.backup_to(&late).await.unwrap();
    store.close();
    put_back(&folder, &early);

    let restored = restore(&folder, &late).await.unwrap();
    assert!(restored.unknown.unwrap().contains("is broken"));
    let store = folder.open();
    assert_eq!(operator(&store, "U0ANA1").await, None);
    assert!(!signs(&store, &ended).await && signs(&store, &replaced).await);
    // The other one still ends.
    holds(&store).await;
}

#[tokio::test]
async fn a_part_of_the_replaced_database_that_cannot_be_read_hides_no_other() {
    let (folder, _) = backed_up().await;
    let store = folder.open();
    let first = replace_sealing_key(&store, None).await;
    let backup = folder.path("with-sealing-key.db");
    store.backup_to(&backup).await.unwrap();
    replace_sealing_key(&store, Some(&first)).await;
    revoke(&store, OTHER_AGENT).await;
    store.close();
    let conn = folder.intruder();
    conn.execute("UPDATE sealing_keys SET sealed = x'00'", []).unwrap();
    conn.close().unwrap();
    let restored = restore(&folder, &backup).await.unwrap();
    assert_eq!(restored.ended.revoked, [OTHER_AGENT]);
    assert!(restored.unknown.unwrap().contains("not all"));
    assert!(restored.ended.unknown.into_iter().eq([EndedPart::SealingKey]));
    let pairs = folder.open().sealing_keys().pairs().await.unwrap();
    let ids: Vec<_> = pairs.iter().map(SealingPair::id).collect();
    assert_eq!(ids, [first.id()], "that of the backup");
}

/// It has as many rows as the backup, and more, and is not what came after it.
#[tokio::test]
async fn a_replaced_database_that_went_on_from_an_older_backup_ends_and_gives_nothing() {
    let (folder, older) = backed_up().await;
    let store = folder.open();
    add_operator(&store, "Ana", 4).await;
    set_slack_user(&store, "Ana", Some("U0ANA1")).await;
    let pair = replace_sealing_key(&store, None).await;
    let backup = folder.path("newer.db");
    store.backup_to(&backup).await.unwrap();
    store.close();
    restore_at(&folder, &older, 100).await.unwrap();
    let store = folder.open();
    add_operator(&store, "Ana", 4).await;
    set_slack_user(&store, "Ana", Some("U0ANA2")).await;
    // It is taken over from the newer database, rightly.
    replace_sealing_key(&store, Some(&pair)).await;
    revoke(&store, OTHER_AGENT).await;
    for number in 20..30 {
        store.audit().append(&entry(number)).await.unwrap();
    }
    store.close();

    let restored = restore_at(&folder, &backup, 200).await.unwrap();
    assert!(restored.unknown.unwrap().contains("did not go on from this backup"));
    assert_eq!(restored.ended.revoked, [OTHER_AGENT]);
    let store = folder.open();
    for nobody in ["U0ANA1", "U0ANA2"] {
        assert_eq!(operator(&store, nobody).await, None, "{nobody}");
    }
    let pairs = store.sealing_keys().pairs().await.unwrap();
    assert!(pairs.iter().map(SealingPair::id).eq([pair.id()]));
    holds(&store).await;
}
