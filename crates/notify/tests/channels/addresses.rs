//! Addresses that point inside.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use cc_devops_notify::{Channel, ChannelKind, ChannelSettings, Transport, Value, check};
use cc_devops_outbound::Guard;
use cc_devops_outbound::egress::{Allowed, LookUp, Names, network};

use crate::harness::{Harness, message, secret_name, turn};
use crate::receiver::{Receiver, scripted};

const INSIDE: [&str; 7] = [
    "http://169.254.169.254/latest/meta-data/",
    "http://[::ffff:127.0.0.1]:8787/",
    "http://2130706433/",
    "http://0x7f.1/",
    "http://10.0.0.1/",
    "https://192.168.0.1/",
    "http://hooks.example/",
];

#[test]
fn b14_what_points_inside_is_refused_when_it_is_configured() {
    let guard = Guard::new(Allowed::default());
    let below = |name: &str| Ok(secret_name(name));
    for url in INSIDE {
        let hook = ChannelSettings {
            url: Some(url.into()),
            ..ChannelSettings::new("hook", ChannelKind::Webhook)
        };
        let problems = check(std::slice::from_ref(&hook), &guard, &below).unwrap_err();
        assert_eq!((problems.len(), problems[0].key), (1, "url"), "{url}: {problems:?}");
    }
    let allowed = Guard::new(Allowed::new(vec![network("10.0.0.0/8").unwrap()]));
    let hook = ChannelSettings {
        url: Some("http://10.0.0.1/".into()),
        ..ChannelSettings::new("hook", ChannelKind::Webhook)
    };
    assert!(check(&[hook], &allowed, &below).is_ok());
}

#[tokio::test]
async fn b14_and_refused_when_it_is_delivered() {
    let harness = Harness::new();
    for url in INSIDE {
        let delivering = harness.delivering_of(vec![Channel {
            name: "hook".into(),
            bodies: false,
            transport: Transport::Webhook {
                url: Value::Env("HOOK".into()),
                signing: None,
            },
        }]);
        harness.variable("HOOK", url);
        let error = delivering.test("hook").await.unwrap_err();
        assert!(error.contains("is not called"), "{url}: {error}");
    }
}

/// A name that leads to one address first and to another then.
struct Turning(AtomicUsize, [&'static str; 2]);

impl Names for Turning {
    fn look_up(&self, _name: &str) -> LookUp {
        let at = self.0.fetch_add(1, Ordering::SeqCst).min(1);
        let address = self.1[at].parse().unwrap();
        Box::pin(async move { Ok(vec![address]) })
    }
}

#[tokio::test]
async fn b14_what_counts_is_where_a_name_leads_when_it_is_connected_to() {
    for leads_to in [["10.0.0.1", "10.0.0.1"], ["127.0.0.1", "127.0.0.1"]] {
        let mut harness = Harness::new();
        let names = Arc::new(Turning(AtomicUsize::new(0), leads_to));
        harness.guard = Guard::with_names(Allowed::default(), names.clone());
        let delivering =
            harness.delivering("[[channels]]\nname = \"hook\"\nkind = \"webhook\"\nurl = \"https://hooks.example/\"");
        harness.put("hook", &message(&harness, "m-1", "m-1", "Writer")).await;
        turn(&harness, &delivering).await;
        assert_eq!(names.0.load(Ordering::SeqCst), 1);
        let health = delivering.health().await.unwrap();
        assert!(
            health[0].error.as_deref().unwrap().contains("is not called"),
            "{health:?}"
        );
    }
}

#[tokio::test]
async fn b14_redirects_are_not_followed() {
    let harness = Harness::new();
    let (receiver, inside) = (Receiver::new(&harness.clock).await, Receiver::new(&harness.clock).await);
    receiver.for_ever(scripted(302).header("location", &inside.url("/")));
    let delivering = harness.delivering(&format!(
        "[[channels]]\nname = \"hook\"\nkind = \"webhook\"\nurl = \"{}\"",
        receiver.url("/in")
    ));
    harness.put("hook", &message(&harness, "m-1", "m-1", "Writer")).await;
    turn(&harness, &delivering).await;
    assert_eq!((receiver.got().len(), inside.got().len()), (1, 0));
    let said = harness.noted();
    assert!(said[0].contains("redirects are not followed"), "{said:?}");
}
