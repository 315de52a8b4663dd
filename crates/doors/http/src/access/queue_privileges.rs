//! What fetches an agent's completions from its queue.

use std::pin::pin;
use std::time::Duration;

use axum::http::StatusCode;
use cc_devops_kernel::access::Access;
use cc_devops_kernel::names::AgentName;
use cc_devops_kernel::paging::Cursor;
use cc_devops_outbox::completion_queue::{Hiding, QueueDepth, QueuedCompletion};
use cc_devops_outbox::ports::CompletionQueues;
use jiff::{SignedDuration, Timestamp};
use tokio::sync::watch;
use tokio::time::{Instant, sleep, sleep_until};

use super::{Permitted, Privilege, Question};
use crate::places::RequestPlace;
use crate::problem::Problem;

/// Fetch one's own completions: whoever may read its own events may.
#[derive(Clone)]
pub struct ReceiveCompletions;

impl Privilege for ReceiveCompletions {
    fn ask(question: &Question<'_>) -> Result<Self, Problem> {
        let agent = Some(question.agent.name.clone());
        question.require(&Access::ReadEvents { agent }).map(|()| Self)
    }
}

/// How completions are fetched.
#[derive(Debug, Clone, Copy)]
pub struct Receiving {
    /// How many, at most.
    pub limit: usize,
    /// For how long nobody else gets them.
    pub hidden_for: SignedDuration,
    /// How long to wait for the first; not at all with zero. A door says in its profile for how long it may be.
    pub wait: Duration,
}

impl Permitted<ReceiveCompletions> {
    /// Whose queue it is.
    pub fn agent(&self) -> &AgentName {
        &self.caller.0.name
    }

    /// Takes completions out of the queue; none where none came in time. Who waits gives back the place that the request was
    /// let in on, and takes one among those who wait.
    ///
    /// # Errors
    /// There is no queue here, or no place to wait in; the caller's credential ended meanwhile; what the store says.
    pub async fn receive(
        &self,
        receiving: Receiving,
        let_in: Option<&RequestPlace>,
    ) -> Result<Vec<QueuedCompletion>, Problem> {
        // From before the queue is looked at, so that nothing falls between.
        let mut news = self.app.newest.subscribe();
        let mut hidings = self.app.hidden_anew.subscribe();
        let received = self.take(receiving).await?;
        if !received.is_empty() || receiving.wait.is_zero() {
            return Ok(received);
        }
        let _place = self.app.places.waits.take(self.agent())?;
        if let Some(let_in) = let_in {
            let_in.leave();
        }
        let until = Instant::now() + receiving.wait;
        let mut ended = pin!(self.credential.ended(&self.app));
        let mut heard = false;
        loop {
            let now = self.now();
            let next = self.queues()?.next(self.agent(), now).await?;
            if next.is_some_and(|at| at <= now) {
                // Nothing that came after a credential's end is handed to its owner.
                if !self.credential.holds(&self.app).await? {
                    return Err(Problem::unauthenticated());
                }
                let received = self.take(receiving).await?;
                if !received.is_empty() {
                    return Ok(received);
                }
                continue;
            }
            let wake = async {
                if heard {
                    // Most news is for others: what comes in a moment is looked at in one go.
                    sleep(self.app.config.pace.gather).await;
                    false
                } else {
                    woken(now, next, &mut news, &mut hidings).await
                }
            };
            // What is taken out is never left halfway for the end of the wait: it would stay hidden.
            tokio::select! {
                by_news = wake => heard = by_news,
                () = sleep_until(until) => return Ok(Vec::new()),
                () = self.app.stopping.cancelled() => return Ok(Vec::new()),
                () = &mut ended => return Err(Problem::unauthenticated()),
            }
        }
    }

    async fn take(&self, receiving: Receiving) -> Result<Vec<QueuedCompletion>, Problem> {
        let now = self.now();
        let hidden_until = now.saturating_add(receiving.hidden_for).unwrap_or(Timestamp::MAX);
        let queues = self.queues()?;
        Ok(queues.receive(self.agent(), now, hidden_until, receiving.limit).await?)
    }

    /// Deletes completions that were received.
    ///
    /// # Errors
    /// There is no queue here; what the store says.
    pub async fn delete(&self, places: &[Cursor]) -> Result<(), Problem> {
        Ok(self.queues()?.delete(self.agent(), places).await?)
    }

    /// Hides a completion that was received for so long from now on. Whoever waits for one looks again.
    ///
    /// # Errors
    /// There is no queue here; what the store says.
    pub async fn hide(&self, place: Cursor, hidden_for: SignedDuration) -> Result<Hiding, Problem> {
        let now = self.now();
        let until = now.saturating_add(hidden_for).unwrap_or(Timestamp::MAX);
        let hiding = self.queues()?.hide(self.agent(), place, now, until).await?;
        if hiding == Hiding::Changed {
            self.app.hidden_anew.send_replace(());
        }
        Ok(hiding)
    }

    /// How many completions wait.
    ///
    /// # Errors
    /// There is no queue here; what the store says.
    pub async fn depth(&self) -> Result<QueueDepth, Problem> {
        Ok(self.queues()?.depth(self.agent(), self.now()).await?)
    }

    fn queues(&self) -> Result<&dyn CompletionQueues, Problem> {
        self.app.ports().completion_queues.as_deref().ok_or_else(|| {
            Problem::new(
                StatusCode::NOT_IMPLEMENTED,
                "this control plane keeps no queues of its own: completions are in the queues of its AWS account",
            )
        })
    }
}

/// Comes when there may be something; whether that is because the log grew or something is hidden until another time, and not
/// because what was hidden is so no longer.
async fn woken(
    now: Timestamp,
    hidden_until: Option<Timestamp>,
    news: &mut watch::Receiver<Cursor>,
    hidings: &mut watch::Receiver<()>,
) -> bool {
    let hidden = hidden_until.and_then(|at| Duration::try_from(at.duration_since(now)).ok());
    let shown = async {
        match hidden {
            Some(hidden) => sleep(hidden).await,
            None => std::future::pending().await,
        }
    };
    let changed = tokio::select! {
        () = shown => return false,
        changed = news.changed() => changed,
        changed = hidings.changed() => changed,
    };
    match changed {
        Ok(()) => true,
        // Their senders live as long as the server.
        Err(_closed) => std::future::pending().await,
    }
}
