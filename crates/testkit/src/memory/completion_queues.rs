//! The fake queues of completions, over the fake log.

use std::collections::BTreeMap;

use async_trait::async_trait;
use cc_devops_kernel::names::AgentName;
use cc_devops_kernel::paging::Cursor;
use cc_devops_kernel::ports::PortResult;
use cc_devops_outbox::completion_queue::{Hiding, QueueDepth, QueuedCompletion, kept_since};
use cc_devops_outbox::ports::CompletionQueues;
use jiff::Timestamp;

use super::{Memory, Model};

/// What was handed out of the log, by its place there.
#[derive(Default)]
pub(super) struct QueueModel(BTreeMap<Cursor, Message>);

struct Message {
    agent: AgentName,
    visible_at: Timestamp,
    first_received_at: Timestamp,
    receives: u32,
    is_deleted: bool,
}

impl QueueModel {
    fn of(&mut self, agent: &AgentName, place: Cursor) -> Option<&mut Message> {
        let message = self.0.get_mut(&place);
        message.filter(|message| message.agent == *agent && !message.is_deleted)
    }
}

impl Model {
    /// An agent's completions that are in its queue, oldest first, as they were handed out last; for the first time now
    /// where they were not.
    fn queued(&self, agent: &AgentName, now: Timestamp) -> Vec<(QueuedCompletion, Option<Timestamp>)> {
        let logged = self.log.iter().filter(|logged| {
            logged.event.agent == *agent
                && logged.published_at > kept_since(now)
                && !self.damaged.events.contains(logged.event.body.key())
        });
        let queued = logged.filter_map(|logged| match self.queues.0.get(&logged.cursor) {
            None => Some((QueuedCompletion::of(logged.clone(), now, 0)?, None)),
            Some(message) if message.is_deleted => None,
            Some(message) => {
                let completion = QueuedCompletion::of(logged.clone(), message.first_received_at, message.receives);
                Some((completion?, Some(message.visible_at)))
            }
        });
        queued.collect()
    }
}

#[async_trait]
impl CompletionQueues for Memory {
    async fn receive(
        &self,
        agent: &AgentName,
        now: Timestamp,
        hidden_until: Timestamp,
        limit: usize,
    ) -> PortResult<Vec<QueuedCompletion>> {
        let mut model = self.lock()?;
        let mut queued = model.queued(agent, now);
        queued.retain(|(_, visible_at)| visible_at.is_none_or(|at| at <= now));
        // What was handed out before comes first, then in the log's order.
        queued.sort_by_key(|(completion, visible_at)| (visible_at.is_none(), *visible_at, completion.place));
        let mut handed_out = Vec::new();
        for (completion, _) in queued.into_iter().take(limit) {
            let completion = QueuedCompletion {
                receives: completion.receives + 1,
                ..completion
            };
            let message = Message {
                agent: agent.clone(),
                visible_at: hidden_until,
                first_received_at: completion.first_received_at,
                receives: completion.receives,
                is_deleted: false,
            };
            model.queues.0.insert(completion.place, message);
            handed_out.push(completion);
        }
        Ok(handed_out)
    }

    async fn next(&self, agent: &AgentName, now: Timestamp) -> PortResult<Option<Timestamp>> {
        let model = self.lock()?;
        let queued = model.queued(agent, now);
        Ok(queued
            .into_iter()
            .map(|(_, visible_at)| visible_at.unwrap_or(now))
            .min())
    }

    async fn delete(&self, agent: &AgentName, places: &[Cursor]) -> PortResult<()> {
        let mut model = self.lock()?;
        for place in places {
            if let Some(message) = model.queues.of(agent, *place) {
                message.is_deleted = true;
            }
        }
        Ok(())
    }

    async fn hide(&self, agent: &AgentName, place: Cursor, now: Timestamp, until: Timestamp) -> PortResult<Hiding> {
        let mut model = self.lock()?;
        Ok(match model.queues.of(agent, place) {
            None => Hiding::Gone,
            Some(message) if message.visible_at <= now => Hiding::NotInFlight,
            Some(message) => {
                message.visible_at = until;
                Hiding::Changed
            }
        })
    }

    async fn depth(&self, agent: &AgentName, now: Timestamp) -> PortResult<QueueDepth> {
        let model = self.lock()?;
        let mut depth = QueueDepth::default();
        for (_, visible_at) in model.queued(agent, now) {
            if visible_at.is_none_or(|at| at <= now) {
                depth.visible += 1;
            } else {
                depth.in_flight += 1;
            }
        }
        Ok(depth)
    }
}
