use std::collections::BTreeMap;

use cc_devops_alerts::limits::SecretAge;
use cc_devops_kernel::agent::Role;
use cc_devops_kernel::door::Door;
use cc_devops_kernel::names::{AgentName, RequestId, SecretName};
use cc_devops_kernel::outcome::{Completed, Status};
use cc_devops_outbox::webhooks::{Endpoint, Subscription, SubscriptionId};

use super::*;
use crate::fingerprint::Fingerprint;
use crate::ports::Consumer;
use crate::record::{RequestHead, RequestState};

fn at(seconds: i64) -> Timestamp {
    Timestamp::from_second(seconds).unwrap()
}

fn keeping_up(consumer: Consumer) -> Standing {
    Standing {
        consumer,
        oldest: Some(at(1_000)),
        waiting: 3,
        failing: 1,
        set_aside: 0,
    }
}

fn keys(conditions: &[Condition]) -> Vec<&str> {
    conditions.iter().map(|condition| condition.key.as_str()).collect()
}

/// Whatever it is of, it says what to run and names its section of the runbook.
fn says(condition: &Condition, command: &str) {
    assert!(condition.text.contains(command), "{}", condition.text);
    let section = format!("docs/RUNBOOK-ALERTS.md#{}", condition.kind.as_str());
    assert!(condition.text.ends_with(&section), "{}", condition.text);
    assert_eq!(
        cc_devops_alerts::condition::kind_of(&condition.key),
        Some(condition.kind)
    );
}

#[test]
fn who_was_given_up_on_and_who_is_far_behind_is_a_condition_of_its_own() {
    let standings = [
        keeping_up(Consumer::Bus),
        Standing {
            set_aside: 2,
            oldest: None,
            ..keeping_up(Consumer::People)
        },
    ];
    let given_up = set_aside(&standings, at(1_001));
    assert_eq!(keys(&given_up), ["dead-letters/people"]);
    says(&given_up[0], "cc-devops outbox retry people");
    assert!(
        given_up[0].text.starts_with("2 events were given up for people"),
        "{}",
        given_up[0].text
    );

    let age = SignedDuration::from_mins(15);
    assert_eq!(behind(&standings, age, at(1_900)), [], "exactly as old as may be");
    let late = behind(&standings, age, at(1_901));
    assert_eq!((keys(&late), late[0].since), (vec!["cursor/bus"], at(1_900)));
    says(&late[0], "cc-devops outbox list");
}

#[test]
fn a_webhook_that_is_off_or_has_dead_letters_is_one_and_shows_no_address() {
    let status = |id: &str, dead_letters, disabled_at| SubscriptionStatus {
        subscription: Subscription {
            id: SubscriptionId(id.to_owned()),
            url: "https://example.com/hook/s3cret".to_owned(),
            agent: None,
            created_at: at(1),
        },
        endpoint: Endpoint {
            failing_since: None,
            last_error: Some("it answered 500\nforged".to_owned()),
            disabled_at,
        },
        dead_letters,
    };
    let all = [
        status("fine", 0, None),
        status("dead", 1, None),
        status("off", 0, Some(at(5))),
    ];
    let found = webhooks(&all, at(9));
    assert_eq!(keys(&found), ["dead-letters/webhook/dead", "dead-letters/webhook/off"]);
    assert_eq!((found[0].since, found[1].since), (at(9), at(5)));
    says(&found[0], "cc-devops webhooks replay dead");
    says(&found[1], "cc-devops webhooks enable off");
    assert!(found.iter().all(|one| !one.text.contains("s3cret")), "{found:?}");
    assert!(found[0].text.contains("500\\nforged"), "{}", found[0].text);
}

#[test]
fn a_secret_is_one_from_its_rotation_age_on_and_shows_no_value() {
    let secret = |name: &str, updated_at| SecretSummary {
        name: SecretName::new(name).unwrap(),
        version_id: "1".to_owned(),
        previous_id: None,
        versions: 1,
        updated_by: AgentName::new("A").unwrap(),
        created_at: at(0),
        updated_at,
        changed_at: updated_at,
        description: None,
        tags: BTreeMap::new(),
    };
    let day = 86_400;
    let limits = ConditionLimits {
        secrets: vec![SecretAge {
            prefix: "/contentcraft/stripe/".to_owned(),
            rotate_after: SignedDuration::from_hours(24 * 90),
        }],
        ..ConditionLimits::default()
    };
    let all = [
        secret("/contentcraft/stripe/old", at(0)),
        secret("/contentcraft/stripe/new", at(day)),
        secret("/contentcraft/other", at(0)),
    ];
    let without_a_value = SecretSummary {
        version_id: String::new(),
        versions: 0,
        ..secret("/contentcraft/stripe/empty", at(0))
    };
    assert_eq!(aged(&[without_a_value], &limits, at(900 * day)), []);
    assert_eq!(aged(&all, &limits, at(90 * day)), []);
    let found = aged(&all, &limits, at(90 * day + 1));
    assert_eq!(keys(&found), ["secret/contentcraft/stripe/old"]);
    assert_eq!(found[0].since, at(90 * day));
    says(&found[0], "cc-devops put-secret /contentcraft/stripe/old");
    assert_eq!(
        aged(&all, &ConditionLimits::default(), at(i64::from(u32::MAX))),
        [],
        "off where nothing is set"
    );
}

fn ended(action: &str, latency_ms: u64) -> RequestRecord {
    let agent = AgentName::new("A").unwrap();
    RequestRecord {
        head: RequestHead {
            id: RequestId::new("r").unwrap(),
            principal: agent.clone(),
            role: Role::Agent,
            agent,
            action: action.to_owned(),
            stage: "dev".to_owned(),
            resource: None,
            fingerprint: Fingerprint([1; 32]),
            received_at: at(0),
            via: Door::Api,
        },
        state: RequestState::Completed,
        tries: 1,
        progress: None,
        completed: Some(Completed {
            request_id: "r".to_owned(),
            action: action.to_owned(),
            status: Status::Success,
            result: None,
            error: None,
            reason: None,
            latency_ms,
            requested_by: "A".to_owned(),
            timestamp: at(1),
            approval: None,
        }),
        output: None,
    }
}

#[test]
fn requests_are_slow_where_more_than_five_of_a_hundred_are() {
    let limit = SignedDuration::from_secs(1);
    let of = |action: &str, slow: usize, all: usize| -> Vec<RequestRecord> {
        (0..all)
            .map(|n| ended(action, if n < slow { 1_001 } else { 1_000 }))
            .collect()
    };
    let found = |requests: &[RequestRecord]| keys(&slow(requests, limit, at(9))).join(" ");
    assert_eq!(found(&of("putSecret", 5, 100)), "");
    assert_eq!(found(&of("putSecret", 6, 100)), "requests/putSecret/slow");
    assert_eq!(found(&of("putSecret", 4, 4)), "", "too few to say");
    assert_eq!(found(&of("deployLambda", 50, 50)), "", "a deploy takes its time");
    says(
        &slow(&of("putSecret", 6, 100), limit, at(9))[0],
        "cc-devops requests list",
    );
}

#[test]
fn what_is_over_is_said_in_words() {
    let said: BTreeMap<&str, &str> = BTreeMap::from([
        ("dead-letters/bus", "Nothing is set aside for bus any more"),
        (
            "dead-letters/webhook/one",
            "Nothing is set aside for webhook one any more",
        ),
        ("cursor/bus", "bus has caught up with events"),
        ("audit/chain", "The audit trail fits together"),
        (
            "secret/a/b",
            "The secret /a/b was replaced, or has no rotation age any more",
        ),
        ("spend/ratio", "Spend is no longer above its share of MRR"),
        ("requests/putSecret/slow", "Requests of putSecret are fast enough again"),
        ("requests/putSecret", "No request of putSecret has failed lately"),
    ]);
    for (key, words) in said {
        assert_eq!(over(key), words);
    }
    assert_eq!(broken(None, at(1)), []);
    says(&broken(Some("row 7 was changed"), at(1))[0], "cc-devops audit verify");
}
