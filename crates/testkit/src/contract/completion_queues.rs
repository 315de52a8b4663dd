//! The contract of the queues from which agents fetch their completions.

use cc_devops_kernel::paging::Cursor;
use cc_devops_outbox::completion_queue::{Hiding, KEPT_FOR, QueueDepth, QueuedCompletion};
use cc_devops_outbox::ports::CompletionQueues;
use cc_devops_requests::ports::Ports;
use jiff::Timestamp;

use crate::outbox::{log_and_queue, publish};
use crate::sample::{self, AGENT, OTHER_AGENT, after, agent_name};

/// Queues keep what they promise: every completion of an agent is in its own, is handed to one at a time, comes again unless
/// it is deleted, and is gone after four days.
pub async fn completion_queues(fresh: impl AsyncFn() -> Ports) {
    a_queue_has_its_agents_completions(&fresh().await).await;
    what_is_not_deleted_comes_again(&fresh().await).await;
    what_is_deleted_is_gone(&fresh().await).await;
    what_is_hidden_can_be_hidden_for_longer_or_given_back(&fresh().await).await;
    nobody_touches_anothers_queue(&fresh().await).await;
    old_completions_are_in_no_queue(&fresh().await).await;
    news_is_no_completion(&fresh().await).await;
    two_receivers_share_a_queue(&fresh().await).await;
    a_queue_knows_its_depth(&fresh().await).await;
}

fn queues(ports: &Ports) -> &dyn CompletionQueues {
    let queues = ports.completion_queues.as_ref();
    &**queues.expect("the backend has queues of completions")
}

/// What is handed out so many seconds after the start, and hidden for 30.
async fn receive(ports: &Ports, agent: &str, seconds: i64, limit: usize) -> Vec<QueuedCompletion> {
    let agent = agent_name(agent);
    let received = queues(ports).receive(&agent, after(seconds), after(seconds + 30), limit);
    received.await.expect("receive")
}

fn ids(received: &[QueuedCompletion]) -> Vec<&str> {
    received.iter().map(|one| one.completed.request_id.as_str()).collect()
}

async fn next(ports: &Ports, seconds: i64) -> Option<Timestamp> {
    let next = queues(ports).next(&agent_name(AGENT), after(seconds)).await;
    next.expect("next")
}

async fn a_queue_has_its_agents_completions(ports: &Ports) {
    assert_eq!(next(ports, 0).await, None, "an empty queue has nothing to come");
    assert_eq!(ids(&receive(ports, AGENT, 0, 10).await), [""; 0]);
    publish(ports, &[(1, AGENT), (2, OTHER_AGENT), (3, AGENT), (4, AGENT)], 1).await;
    assert_eq!(next(ports, 2).await, Some(after(2)), "there is something at once");
    assert_eq!(ids(&receive(ports, AGENT, 2, 0).await), [""; 0], "none are asked for");
    let first = receive(ports, AGENT, 2, 2).await;
    assert_eq!(
        ids(&first),
        ["event-1", "event-3"],
        "its own, oldest first, no more than asked for"
    );
    assert_eq!(first[0].sent_at, after(1));
    assert_eq!((first[0].receives, first[0].first_received_at), (1, after(2)));
    assert_eq!(
        ids(&receive(ports, AGENT, 3, 10).await),
        ["event-4"],
        "and then the rest"
    );
    assert_eq!(ids(&receive(ports, OTHER_AGENT, 3, 10).await), ["event-2"]);
    assert_eq!(
        ids(&receive(ports, "Nobody", 3, 10).await),
        [""; 0],
        "a stranger has none"
    );
}

async fn what_is_not_deleted_comes_again(ports: &Ports) {
    publish(ports, &[(1, AGENT)], 1).await;
    let first = receive(ports, AGENT, 2, 10).await;
    assert_eq!(ids(&receive(ports, AGENT, 31, 10).await), [""; 0], "it is hidden");
    assert_eq!(next(ports, 31).await, Some(after(32)), "and known when it is not");
    publish(ports, &[(2, AGENT)], 31).await;
    let both = receive(ports, AGENT, 32, 10).await;
    assert_eq!(ids(&both), ["event-1", "event-2"], "what comes again comes first");
    assert_eq!(
        (both[0].place, &both[0].completed),
        (first[0].place, &first[0].completed)
    );
    assert_eq!((both[0].receives, both[0].first_received_at), (2, after(2)));
    assert_eq!(both[1].receives, 1);
    let agent = agent_name(AGENT);
    let shown = queues(ports).receive(&agent, after(62), after(62), 10).await.unwrap();
    assert_eq!(shown.len(), 2, "each once, though it is hidden for no time");
    let again = receive(ports, AGENT, 62, 10).await;
    assert_eq!(again.len(), 2, "and whoever asks next gets it");
    assert_eq!(again[0].receives, 4);
}

async fn what_is_deleted_is_gone(ports: &Ports) {
    publish(ports, &[(1, AGENT), (2, AGENT), (3, AGENT)], 1).await;
    let received = receive(ports, AGENT, 2, 10).await;
    let places = [received[2].place, received[0].place];
    let agent = agent_name(AGENT);
    for _ in 0..2 {
        let deleted = queues(ports).delete(&agent, &places).await;
        deleted.expect("a repeat changes nothing");
    }
    assert_eq!(ids(&receive(ports, AGENT, 32, 10).await), ["event-2"], "nothing else");
    queues(ports).delete(&agent, &[received[1].place]).await.unwrap();
    assert_eq!(next(ports, 90).await, None);
    assert_eq!(ids(&receive(ports, AGENT, 90, 10).await), [""; 0]);
    let logged = ports.events.after(Cursor(0), Some(&agent), 10).await.unwrap();
    assert_eq!(logged.len(), 3, "the event log keeps what a queue forgets");
}

async fn what_is_hidden_can_be_hidden_for_longer_or_given_back(ports: &Ports) {
    publish(ports, &[(1, AGENT)], 1).await;
    let (queues, agent) = (queues(ports), agent_name(AGENT));
    let place = receive(ports, AGENT, 2, 10).await[0].place;
    let longer = queues.hide(&agent, place, after(10), after(300)).await.unwrap();
    assert_eq!(longer, Hiding::Changed);
    assert_eq!(
        ids(&receive(ports, AGENT, 299, 10).await),
        [""; 0],
        "it is hidden for longer"
    );
    let given_back = queues.hide(&agent, place, after(299), after(299)).await.unwrap();
    assert_eq!(given_back, Hiding::Changed);
    let twice = queues.hide(&agent, place, after(299), after(600)).await.unwrap();
    assert_eq!(twice, Hiding::NotInFlight, "nobody has it");
    let again = receive(ports, AGENT, 299, 10).await;
    assert_eq!((again[0].place, again[0].receives), (place, 2), "it is the same");
    queues.delete(&agent, &[place]).await.unwrap();
    let gone = queues.hide(&agent, place, after(300), after(600)).await.unwrap();
    assert_eq!(gone, Hiding::Gone);
}

async fn nobody_touches_anothers_queue(ports: &Ports) {
    publish(ports, &[(1, AGENT)], 1).await;
    let place = receive(ports, AGENT, 2, 10).await[0].place;
    let (queues, other) = (queues(ports), agent_name(OTHER_AGENT));
    queues.delete(&other, &[place]).await.unwrap();
    let hidden = queues.hide(&other, place, after(3), after(300)).await.unwrap();
    assert_eq!(hidden, Hiding::Gone, "to others there is none");
    assert_eq!(ids(&receive(ports, AGENT, 32, 10).await), ["event-1"], "it is there");
}

async fn old_completions_are_in_no_queue(ports: &Ports) {
    let kept = KEPT_FOR.as_secs();
    for number in 1..=5 {
        publish(ports, &[(number, AGENT), (number + 10, OTHER_AGENT)], number).await;
    }
    publish(ports, &[(6, AGENT)], 100).await;
    // Handed out and given back, too.
    receive(ports, OTHER_AGENT, 10, 2).await;
    let late = receive(ports, AGENT, kept + 4, 2).await;
    assert_eq!(
        ids(&late),
        ["event-5", "event-6"],
        "who asks for the first time gets four days"
    );
    let others = receive(ports, OTHER_AGENT, kept + 5, 10).await;
    assert_eq!(ids(&others), [""; 0], "what was handed out goes as well");
    assert_eq!(ids(&receive(ports, AGENT, kept + 200, 10).await), [""; 0]);
    assert_eq!(next(ports, kept + 300).await, None, "and nothing is left to come");
}

async fn news_is_no_completion(ports: &Ports) {
    let agent = agent_name(AGENT);
    ports
        .ledger
        .announce(&agent, &sample::announcement("mrr/1"))
        .await
        .unwrap();
    log_and_queue(ports, 1).await;
    publish(ports, &[(1, AGENT)], 2).await;
    ports
        .ledger
        .announce(&agent, &sample::announcement("mrr/2"))
        .await
        .unwrap();
    log_and_queue(ports, 3).await;
    let received = receive(ports, AGENT, 4, 1).await;
    assert_eq!(ids(&received), ["event-1"], "it takes nobody's place");
    assert_eq!(ids(&receive(ports, AGENT, 4, 10).await), [""; 0]);
    queues(ports).delete(&agent, &[received[0].place]).await.unwrap();
    assert_eq!(next(ports, 5).await, None, "and is not waited for");
}

async fn two_receivers_share_a_queue(ports: &Ports) {
    let entries: Vec<(i64, &str)> = (1..=20).map(|number| (number, AGENT)).collect();
    publish(ports, &entries, 1).await;
    let one = async { receive(ports, AGENT, 2, 10).await };
    let two = async { receive(ports, AGENT, 2, 10).await };
    let (one, two) = futures::join!(one, two);
    let mut places: Vec<Cursor> = one.iter().chain(&two).map(|received| received.place).collect();
    places.sort();
    places.dedup();
    assert_eq!(places.len(), 20, "each went to one of them");
}

async fn a_queue_knows_its_depth(ports: &Ports) {
    let depth = async |seconds| queues(ports).depth(&agent_name(AGENT), after(seconds)).await.unwrap();
    assert_eq!(depth(0).await, QueueDepth::default());
    publish(ports, &[(1, AGENT), (2, OTHER_AGENT), (3, AGENT), (4, AGENT)], 1).await;
    ports
        .ledger
        .announce(&agent_name(AGENT), &sample::announcement("mrr/1"))
        .await
        .unwrap();
    log_and_queue(ports, 1).await;
    let of = |visible, in_flight| QueueDepth { visible, in_flight };
    assert_eq!(depth(2).await, of(3, 0));
    let received = receive(ports, AGENT, 2, 2).await;
    assert_eq!(depth(3).await, of(1, 2));
    queues(ports)
        .delete(&agent_name(AGENT), &[received[0].place])
        .await
        .unwrap();
    assert_eq!(depth(3).await, of(1, 1));
    assert_eq!(depth(32).await, of(2, 0), "what is not deleted waits again");
    assert_eq!(depth(KEPT_FOR.as_secs() + 2).await, QueueDepth::default());
}
