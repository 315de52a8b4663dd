//! A crash at every port call of what is done to a webhook's subscription: what was changed is on
//! record, and what is on record was changed.

use cc_devops_kernel::acts::Actor;
use cc_devops_kernel::audit::{AuditFilter, actions};
use cc_devops_kernel::secret::SecretValue;
use cc_devops_outbox::webhooks::{Places, Subscription, SubscriptionId, Subscriptions, switch_off};
use cc_devops_requests::ports::Ports;
use jiff::SignedDuration;

use super::{Backend, CrashPoint, CrashPoints, Moment};
use crate::outbox;
use crate::sample::{self, AGENT, after, agent_name};

#[derive(Debug, Clone, Copy)]
enum Act {
    Add,
    Remove,
    Disable,
    Enable,
    Replay,
}

impl Act {
    const ALL: [Self; 5] = [Self::Add, Self::Remove, Self::Disable, Self::Enable, Self::Replay];

    fn on_record(self) -> &'static str {
        match self {
            Self::Add => actions::WEBHOOK_ADDED,
            Self::Remove => actions::WEBHOOK_REMOVED,
            Self::Disable => actions::WEBHOOK_DISABLED,
            Self::Enable => actions::WEBHOOK_ENABLED,
            Self::Replay => actions::DEAD_LETTERS_REPLAYED,
        }
    }
}

fn subscription() -> Subscription {
    Subscription {
        id: SubscriptionId("crash".to_owned()),
        url: "https://example.com/hook".to_owned(),
        agent: None,
        created_at: after(0),
    }
}

/// Adds, removes, switches off and on, and replays, with a crash before and after each call's effect,
/// and checks after the restart that the act is on record as often as it was done, and that an event
/// says so where one should. How many lives were lived.
pub async fn subscriptions<B: Backend>(fresh: impl AsyncFn() -> B) -> usize {
    let mut runs = 0;
    for act in Act::ALL {
        for moment in Moment::ALL {
            for call in 0.. {
                let point = CrashPoint { call, moment };
                if !live(fresh().await, act, point).await {
                    break;
                }
                runs += 1;
            }
        }
    }
    runs
}

/// One act with a crash in it; whether the crash came.
async fn live<B: Backend>(mut backend: B, act: Act, point: CrashPoint) -> bool {
    let plain = backend.open().await;
    prepare(&plain, act).await;
    // Long enough after the endpoint began to fail.
    backend.advance(SignedDuration::from_mins(1));
    let (rows, waiting) = (
        count(&plain, act).await,
        plain.ledger.backlog().await.unwrap().unpublished,
    );
    let points = CrashPoints::at(point);
    let answered = perform(&points.wrap(&plain), &plain, act).await;
    let plain = backend.open().await;
    let written = count(&plain, act).await - rows;
    let what = format!("{act:?} with {point:?}");
    assert_eq!(
        written,
        usize::from(done(&plain, act).await),
        "{what}: what is done is on record"
    );
    assert!(written == 1 || !answered, "{what}: what was answered is done");
    if matches!(act, Act::Disable) {
        let told = plain.ledger.backlog().await.unwrap().unpublished - waiting;
        assert_eq!(told, written as u64, "{what}: and an event says so");
    }
    points.crashed()
}

/// The rows of the act.
async fn count(ports: &Ports, act: Act) -> usize {
    let filter = AuditFilter {
        action: Some(act.on_record().to_owned()),
        ..AuditFilter::default()
    };
    ports.audit.list(&filter, None, 100).await.unwrap().items.len()
}

/// What has to be there before the act.
async fn prepare(ports: &Ports, act: Act) {
    if matches!(act, Act::Add) {
        return;
    }
    let webhooks = &ports.webhooks;
    let secret = SecretValue::new("whsec_x".to_owned());
    let entry = |action, seconds| sample::audit_entry(action, seconds);
    let added = entry("prepared", 1);
    webhooks.subscribe(&subscription(), &secret, &added).await.unwrap();
    outbox::publish(ports, &[(1, AGENT)], 1).await;
    let delivery = webhooks
        .claim_deliveries(after(2), after(30), 1, &Places::of_each(1))
        .await
        .unwrap()
        .remove(0);
    webhooks.bury(&delivery, after(2), "status 410").await.unwrap();
    if matches!(act, Act::Enable) {
        let (reader, news) = (agent_name(AGENT), sample::announcement("webhook/crash"));
        let prepared = entry("prepared", 3);
        let id = &subscription().id;
        assert!(
            webhooks
                .disable(id, after(2), &prepared, (&reader, &news))
                .await
                .unwrap()
        );
    }
}

/// Does the act; whether it was answered.
async fn perform(ports: &Ports, plain: &Ports, act: Act) -> bool {
    let acts = Subscriptions::new(ports, Actor::Operator);
    let (subscription, secret) = (subscription(), SecretValue::new("whsec_x".to_owned()));
    let id = &subscription.id;
    match act {
        Act::Add => acts.add(&subscription, &secret, "https://example.com").await.is_ok(),
        Act::Remove => acts.remove(id).await.is_ok(),
        Act::Enable => acts.enable(id).await.is_ok(),
        Act::Replay => acts.replay(id).await.is_ok(),
        Act::Disable => {
            let statuses = plain.webhooks.statuses().await.unwrap();
            let since = statuses[0].endpoint.failing_since.expect("it fails");
            let everybody = agent_name(AGENT);
            let failure = (since, "status 410");
            let switched = switch_off(ports, &subscription, failure, SignedDuration::ZERO, &everybody).await;
            switched.is_ok()
        }
    }
}

/// Whether the act shows in the state.
async fn done(ports: &Ports, act: Act) -> bool {
    let statuses = ports.webhooks.statuses().await.unwrap();
    let endpoint = statuses.first().map(|status| &status.endpoint);
    match act {
        Act::Add => !statuses.is_empty(),
        Act::Remove => statuses.is_empty(),
        Act::Disable => endpoint.is_some_and(|endpoint| endpoint.disabled_at.is_some()),
        Act::Enable => endpoint.is_some_and(|endpoint| endpoint.disabled_at.is_none()),
        Act::Replay => statuses.first().is_some_and(|status| status.dead_letters == 0),
    }
}
