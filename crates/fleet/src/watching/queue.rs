//! Messages of one agent that come at once are taken in one write: whoever comes first writes for those who come while it
//! does, and hands on to the next of them. So many clients of one agent are no race that each but one loses.

use std::collections::{HashMap, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use cc_devops_kernel::names::AgentName;
use cc_devops_kernel::ports::PortResult;
use futures::channel::oneshot;
use jiff::Timestamp;

use crate::watch::{Flip, ReceivedSignal, Signal, Status};

/// What became of a message.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Taken {
    /// What it counted as: what it said, or what its body makes of that.
    pub signal: Signal,
    /// That it counts for nothing: because of the agent's settings, and it was kept; or because it may be one that was
    /// heard before, and nothing is kept of it.
    pub ignored: bool,
    /// What the agent was then.
    pub status: Status,
    /// The flips that it made or found.
    pub flips: Vec<Flip>,
    /// When somebody has to look at the agent next.
    pub next_look: Option<Timestamp>,
}

/// Who waits, by agent. An agent that has an entry has somebody who writes for it.
#[derive(Default)]
pub(super) struct Queues(Mutex<HashMap<AgentName, VecDeque<Follower>>>);

/// A message that waits for somebody to write it.
pub(super) struct Follower {
    pub(super) heard: ReceivedSignal,
    pub(super) answer: oneshot::Sender<Answer>,
}

/// What a message that waited comes to.
pub(super) enum Answer {
    /// It was written, or that failed.
    Taken(PortResult<Taken>),
    /// Its sender is to write it, and what waits by then.
    Lead(Lead),
}

/// What a message comes to.
pub(super) enum Joined {
    /// Its sender is to write it, and what waits by then.
    Leads(Lead),
    /// Somebody writes it. Cancelled where that one was broken off: whether it was written is not known then.
    Waits(oneshot::Receiver<Answer>),
}

/// That one writes for an agent. However it ends, the next one who waits goes on.
pub(super) struct Lead {
    queues: Arc<Queues>,
    name: AgentName,
    is_over: bool,
}

impl Queues {
    fn map(&self) -> MutexGuard<'_, HashMap<AgentName, VecDeque<Follower>>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Lets a message in.
    pub(super) fn join(self: &Arc<Self>, name: &AgentName, heard: &ReceivedSignal) -> Joined {
        let mut map = self.map();
        if let Some(queue) = map.get_mut(name) {
            let (answer, receiver) = oneshot::channel();
            let heard = heard.clone();
            queue.push_back(Follower { heard, answer });
            return Joined::Waits(receiver);
        }
        map.insert(name.clone(), VecDeque::new());
        Joined::Leads(Lead::new(self, name))
    }

    /// Makes the next one who waits the one who writes; nobody, where nobody waits.
    fn hand_on(self: &Arc<Self>, name: &AgentName) {
        loop {
            let next = {
                let mut map = self.map();
                let next = map.get_mut(name).and_then(VecDeque::pop_front);
                if next.is_none() {
                    map.remove(name);
                }
                next
            };
            let Some(Follower { answer, .. }) = next else { return };
            let Err(Answer::Lead(mut lead)) = answer.send(Answer::Lead(Lead::new(self, name))) else {
                return;
            };
            // That one has gone meanwhile.
            lead.is_over = true;
        }
    }
}

impl Lead {
    fn new(queues: &Arc<Queues>, name: &AgentName) -> Self {
        Self {
            queues: Arc::clone(queues),
            name: name.clone(),
            is_over: false,
        }
    }

    /// Those who wait by now, `limit` at most.
    pub(super) fn followers(&self, limit: usize) -> Vec<Follower> {
        let mut map = self.queues.map();
        map.get_mut(&self.name)
            .map_or_else(Vec::new, |queue| queue.drain(..queue.len().min(limit)).collect())
    }
}

impl Drop for Lead {
    fn drop(&mut self) {
        if !self.is_over {
            self.queues.hand_on(&self.name);
        }
    }
}

#[cfg(test)]
mod tests {
    use futures::FutureExt;

    use super::*;

    fn join(queues: &Arc<Queues>) -> Joined {
        let name = AgentName::new("Writer").unwrap();
        queues.join(&name, &ReceivedSignal::new(Timestamp::UNIX_EPOCH, Signal::Success))
    }

    fn waits(joined: Joined) -> oneshot::Receiver<Answer> {
        match joined {
            Joined::Waits(receiver) => receiver,
            Joined::Leads(_) => panic!("it leads"),
        }
    }

    #[test]
    fn whoever_goes_hands_on_to_the_next_who_is_still_there() {
        let queues = Arc::new(Queues::default());
        let Joined::Leads(first) = join(&queues) else {
            panic!("it waits")
        };
        let (gone, asked_and_gone, third) = (waits(join(&queues)), waits(join(&queues)), waits(join(&queues)));
        drop(gone);
        drop(first);
        // It was told that it leads, and was gone before it knew.
        drop(asked_and_gone);
        let Some(Ok(Answer::Lead(third))) = third.now_or_never() else {
            panic!("it was not told")
        };
        let fourth = waits(join(&queues));
        assert_eq!(third.followers(10).len(), 1);
        assert!(fourth.now_or_never().unwrap().is_err(), "whom nobody answers knows");
        drop(third);
        assert!(queues.map().is_empty());
        assert!(matches!(join(&queues), Joined::Leads(_)));
    }
}
