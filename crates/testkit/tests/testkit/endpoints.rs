//! What is done to webhooks' subscriptions: who is switched off when, and who is told of it.

use cc_devops_kernel::acts::Actor;
use cc_devops_kernel::names::AgentName;
use cc_devops_kernel::ports::PortErrorKind;
use cc_devops_kernel::secret::SecretValue;
use cc_devops_outbox::webhooks::{DETAIL_TYPE, Places, Subscription, SubscriptionId, Subscriptions, switch_off};
use cc_devops_requests::ports::Ports;
use cc_devops_testkit::sample::{AGENT, after, agent_name};
use cc_devops_testkit::{Memory, outbox};
use jiff::{SignedDuration, Timestamp};

const EVERYBODY: &str = "DevOpsAutomation";

fn subscription(id: &str, agent: Option<&str>) -> Subscription {
    Subscription {
        id: SubscriptionId(id.to_owned()),
        url: format!("https://example.com/{id}"),
        agent: agent.map(agent_name),
        created_at: after(0),
    }
}

async fn add(ports: &Ports, subscription: &Subscription) {
    let subscriptions = Subscriptions::new(ports, Actor::Operator);
    let secret = SecretValue::new("whsec_of_a_test".to_owned());
    let added = subscriptions.add(subscription, &secret, "https://example.com").await;
    assert_eq!(added.unwrap().subscription, *subscription);
}

/// Fails every delivery of an event, from so many seconds after the start on; since when.
async fn fail(ports: &Ports, seconds: i64) -> Timestamp {
    outbox::publish(ports, &[(seconds, AGENT)], seconds).await;
    let deliveries = ports
        .webhooks
        .claim_deliveries(after(seconds), after(seconds + 30), 100, &Places::of_each(4))
        .await;
    let mut since = None;
    for delivery in deliveries.unwrap() {
        let failed = ports
            .webhooks
            .retry_at(&delivery, after(seconds), after(100_000), "status 500")
            .await;
        since = Some(failed.unwrap());
    }
    since.unwrap()
}

/// Who is to be told that something was switched off.
async fn readers(ports: &Ports) -> Vec<AgentName> {
    let waiting = outbox::waiting(ports, 100_000).await;
    let events = waiting.iter().map(outbox::event);
    let news = events.filter(|event| event.body.detail_type() == DETAIL_TYPE);
    news.map(|event| event.agent.clone()).collect()
}

#[tokio::test]
async fn an_endpoint_is_switched_off_when_it_has_failed_for_that_long() {
    for (agent, reader) in [(Some(AGENT), AGENT), (None, EVERYBODY)] {
        let memory = Memory::new();
        let ports = memory.ports();
        let one = subscription("one", agent);
        add(&ports, &one).await;
        let since = fail(&ports, 10).await;
        let off = async || {
            let failed = (since, "status 500");
            let day = SignedDuration::from_hours(24);
            switch_off(&ports, &one, failed, day, &agent_name(EVERYBODY))
                .await
                .unwrap()
        };
        let disabled_at = async || {
            let found = Subscriptions::new(&ports, Actor::Operator).find(&one.id).await;
            found.unwrap().endpoint.disabled_at
        };
        memory.clock().set(after(10 + 86_399));
        assert!(!off().await, "a second is left");
        assert_eq!((disabled_at().await, readers(&ports).await), (None, Vec::new()));

        let now = after(10 + 86_400);
        memory.clock().set(now);
        assert!(off().await, "now it is that long");
        assert_eq!(disabled_at().await, Some(now));
        assert!(!off().await, "once");
        assert_eq!(readers(&ports).await, [agent_name(reader)]);
    }
}

#[tokio::test]
async fn of_several_subscriptions_the_one_of_that_id_is_found() {
    let ports = Memory::new().ports();
    let all = ["one", "two", "three"].map(|id| subscription(id, None));
    for each in &all {
        add(&ports, each).await;
    }
    let subscriptions = Subscriptions::new(&ports, Actor::Operator);
    for each in &all {
        assert_eq!(subscriptions.find(&each.id).await.unwrap().subscription, *each);
        assert_eq!(subscriptions.enable(&each.id).await.unwrap().subscription, *each);
    }
    subscriptions.remove(&all[1].id).await.unwrap();
    let gone = subscriptions.find(&all[1].id).await.unwrap_err();
    assert_eq!(gone.kind, PortErrorKind::NotFound);
    let left: Vec<_> = ports.webhooks.subscriptions().await.unwrap();
    assert_eq!(left, [all[0].clone(), all[2].clone()]);
}

#[tokio::test]
async fn all_dead_letters_of_one_subscription_are_given_back() {
    let ports = Memory::new().ports();
    let (one, other) = (subscription("one", None), subscription("other", None));
    add(&ports, &one).await;
    add(&ports, &other).await;
    outbox::publish(&ports, &[(1, AGENT), (2, AGENT)], 10).await;
    let places = Places::of_each(4);
    let deliveries = ports
        .webhooks
        .claim_deliveries(after(10), after(40), 100, &places)
        .await;
    for delivery in deliveries.unwrap() {
        ports.webhooks.bury(&delivery, after(11), "status 410").await.unwrap();
    }
    let subscriptions = Subscriptions::new(&ports, Actor::Operator);
    let dead = async |of: &Subscription| subscriptions.find(&of.id).await.unwrap().dead_letters;
    assert_eq!((dead(&one).await, dead(&other).await), (2, 2));
    assert_eq!(subscriptions.replay(&one.id).await.unwrap(), 2);
    assert_eq!((dead(&one).await, dead(&other).await), (0, 2));
    assert_eq!(subscriptions.replay(&one.id).await.unwrap(), 0, "there is none left");
}
