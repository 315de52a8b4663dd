//! The outbox as a test looks at it, and the steps of the relay one by one.

use cc_devops_kernel::events::OutgoingEvent;
use cc_devops_outbox::ports::{Consumer, DueEvent, Outcome, Settled};
use cc_devops_requests::ports::Ports;
use cc_devops_requests::record::{Conclusion, RequestState};

use crate::sample::{self, after, agent_name};

/// More than any test has.
const LIMIT: usize = 100;

/// The events that some consumer waits for, so many seconds after the start.
pub async fn waiting(ports: &Ports, seconds: i64) -> Vec<DueEvent> {
    let outbox = &ports.outbox;
    outbox
        .due(outbox.consumers(), after(seconds), LIMIT)
        .await
        .expect("due")
}

/// What they are about.
pub fn keys(due: &[DueEvent]) -> Vec<&str> {
    due.iter().map(|entry| event(entry).body.key()).collect()
}

/// The event, which must be readable.
pub fn event(entry: &DueEvent) -> &OutgoingEvent {
    let event = entry.event.as_ref();
    event.unwrap_or_else(|why| panic!("event {} must be readable: {why}", entry.id))
}

/// Settles an event for one consumer.
pub async fn settle(ports: &Ports, id: i64, consumer: Consumer, outcome: Outcome, seconds: i64) {
    let settled = Settled { id, consumer, outcome };
    ports.outbox.settle(after(seconds), &[settled]).await.expect("settle");
}

/// Settles events as told, for everybody who waits for them.
pub async fn settle_all(ports: &Ports, due: &[DueEvent], seconds: i64) {
    let settled: Vec<Settled> = due
        .iter()
        .flat_map(|entry| {
            entry.wanted_by.iter().map(|(consumer, _)| Settled {
                id: entry.id,
                consumer: *consumer,
                outcome: Outcome::Done,
            })
        })
        .collect();
    ports.outbox.settle(after(seconds), &settled).await.expect("settle");
}

/// How a request stands that has its outcome and whose event nobody was told of.
pub fn state_once_ended(ports: &Ports) -> RequestState {
    if ports.outbox.consumers().contains(&Consumer::Log) {
        RequestState::Completed
    } else {
        // Its event stood in the log with its outcome.
        RequestState::Published
    }
}

/// Takes everything that is due to the log, where it is not there already, and to the webhooks' queue.
pub async fn log_and_queue(ports: &Ports, seconds: i64) {
    for consumer in [Consumer::Log, Consumer::Webhooks] {
        if !ports.outbox.consumers().contains(&consumer) {
            continue;
        }
        let due = ports.outbox.due(&[consumer], after(seconds), LIMIT).await.expect("due");
        let events: Vec<(i64, &OutgoingEvent)> = due.iter().map(|entry| (entry.id, event(entry))).collect();
        match (consumer, &ports.log) {
            (Consumer::Log, Some(log)) => {
                let results = log.write(&events, after(seconds)).await.expect("write");
                assert_eq!(results, vec![Ok(()); events.len()], "every event has its own result");
            }
            _ => ports.webhooks.queue(&events, after(seconds)).await.expect("queue"),
        }
        settle_all(ports, &due, seconds).await;
    }
}

/// The end that the event of a number tells: its request's id is `event-` and the number.
fn conclusion(number: i64, agent: &str, seconds: i64) -> Conclusion {
    let mut head = sample::head(&format!("event-{number}"));
    head.agent = agent_name(agent);
    sample::success(&head, seconds)
}

/// The event of a number, as [`publish`] publishes it.
pub fn published(number: i64, agent: &str, seconds: i64) -> OutgoingEvent {
    OutgoingEvent {
        agent: agent_name(agent),
        body: conclusion(number, agent, seconds).completed.into(),
    }
}

/// Puts the events of these numbers into the outbox, and takes them to readers and the webhooks' queue.
pub async fn publish(ports: &Ports, events: &[(i64, &str)], seconds: i64) {
    for (number, agent) in events {
        let conclusion = conclusion(*number, agent, seconds);
        ports
            .ledger
            .refuse(&agent_name(agent), &conclusion)
            .await
            .expect("refuse");
    }
    log_and_queue(ports, seconds).await;
}
