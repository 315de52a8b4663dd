//! The queues from which agents fetch their completions.

use async_trait::async_trait;
use cc_devops_kernel::names::AgentName;
use cc_devops_kernel::paging::Cursor;
use cc_devops_kernel::ports::PortResult;
use jiff::Timestamp;

use crate::completion_queue::{Hiding, QueueDepth, QueuedCompletion};

/// Every agent's queue of completions: what it was told in the event log within
/// [`KEPT_FOR`](crate::completion_queue::KEPT_FOR), until it deletes it. What is not in the log yet is in no queue yet.
///
/// A completion that was handed out is hidden for a while and, unless it is deleted, handed out again. Nobody gets one that
/// somebody else has. An event that cannot be read is passed over and said.
#[async_trait]
pub trait CompletionQueues: Send + Sync {
    /// Hands out up to `limit` completions of an agent's queue, and hides them until `hidden_until`. Those that were handed out
    /// before come first, then new ones, oldest first.
    async fn receive(
        &self,
        agent: &AgentName,
        now: Timestamp,
        hidden_until: Timestamp,
        limit: usize,
    ) -> PortResult<Vec<QueuedCompletion>>;

    /// When there may be something to hand out: `now` or before where there is, else when the next one stops being hidden; none
    /// where the queue is empty. It is asked often, so it looks at single rows alone; what it finds may turn out to be too old
    /// or no completion.
    async fn next(&self, agent: &AgentName, now: Timestamp) -> PortResult<Option<Timestamp>>;

    /// Deletes completions that were handed out, for good. One that is gone is passed over.
    async fn delete(&self, agent: &AgentName, places: &[Cursor]) -> PortResult<()>;

    /// Hides a completion that is hidden until `until` instead; with `now`, whoever asks next gets it.
    async fn hide(&self, agent: &AgentName, place: Cursor, now: Timestamp, until: Timestamp) -> PortResult<Hiding>;

    /// How many completions the queue has.
    async fn depth(&self, agent: &AgentName, now: Timestamp) -> PortResult<QueueDepth>;
}
